"""Advice: every rule decides and does not decide, what holds the quantity, what goes where, what the other mode could cost.

The rulebook is the one that tests reckon by hand (liq_book.py): 0.4 % maintenance below 50,000, taker 0.05 %, maker 0.02 %.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from isocross.answer import Answer
from isocross.codes import MarginMode
from isocross.errors import AmountError, InputError
from isocross.policy.advise import advise
from isocross.policy.advise_fit import HeldBy
from isocross.policy.advise_result import AdviseResult
from isocross.policy.advise_rules import RULES
from isocross.policy.advise_text import explain, sentences
from isocross.units import ONE_E8, format_e8
from tests.unit.liq_book import BOOK

TRADE: dict[str, Any] = {
    "symbol": "BTCUSDT", "side": "long", "entry": 60_000, "stop": 58_000, "risk": 100, "wallet": 10_000,
    "hold": "8h", "funding_rate": 0, "rulebook": BOOK,
}  # fmt: skip
CORE = {"purpose": "core", "watching": True}
SHORT_ETH = "ETHUSDT short 2 @ 3000"  # worth 6,000
LONG_ETH = "ETHUSDT long 2 @ 3000"


def ask(**said: Any) -> AdviseResult:
    return advise(**(TRADE | said))


# ── The rules: a case in which each decides, and a case like it in which it does not ─────────────────────────────────

DECIDES: dict[str, dict[str, Any]] = {
    "new-to-perps": CORE | {"new": True},
    "hedge-kept-apart": CORE | {"legs": "apart", "position": [SHORT_ETH]},
    "offsetting-legs": {"legs": "together", "position": [SHORT_ETH]},
    "several-strategies": CORE | {"several": True},
    "speculation": {"purpose": "speculation", "watching": True},
    "not-watched": {"purpose": "core", "watching": False},
    "low-conviction": CORE | {"conviction": "low"},
    "same-side-in-the-pool": CORE | {"position": [LONG_ETH]},
    "watched-core": CORE,
    "no-reason-for-cross": {"watching": True},
}
PASSES: dict[str, list[tuple[dict[str, Any], str]]] = {
    "new-to-perps": [(CORE | {"new": False}, "watched-core"), (CORE, "watched-core")],
    "hedge-kept-apart": [(CORE | {"legs": "none", "position": [SHORT_ETH]}, "watched-core")],
    "offsetting-legs": [
        ({"legs": "none", "position": [SHORT_ETH]}, "no-reason-for-cross"),
        ({"legs": "together"}, "no-reason-for-cross"),  # nothing to offset
        ({"legs": "together", "position": [LONG_ETH]}, "same-side-in-the-pool"),  # both on one side
        ({"legs": "together", "position": [SHORT_ETH], "new": True}, "new-to-perps"),
        ({"legs": "together", "position": [SHORT_ETH], "wallet": 1_500}, "no-reason-for-cross"),  # 5.9 times the pool
        (
            {"legs": "together", "position": ["ETHUSDT short 0.01 @ 3000"]},
            "no-reason-for-cross",
        ),  # below the least order
    ],
    "several-strategies": [(CORE | {"several": False}, "watched-core")],
    "speculation": [(CORE, "watched-core"), ({"watching": True}, "no-reason-for-cross")],
    "not-watched": [(CORE, "watched-core"), ({"purpose": "core"}, "no-reason-for-cross")],
    "low-conviction": [
        (CORE | {"conviction": "medium"}, "watched-core"),
        ({"conviction": "high", "watching": True}, "no-reason-for-cross"),
    ],
    "same-side-in-the-pool": [(CORE | {"position": [SHORT_ETH]}, "watched-core"), (CORE, "watched-core")],
    "watched-core": [
        ({"purpose": "core"}, "no-reason-for-cross"),
        ({"watching": True}, "no-reason-for-cross"),
        (CORE | {"wallet": 900, "risk": 100}, "no-reason-for-cross"),  # 3.2 times the pool
        (CORE | {"risk": 9_000}, "no-reason-for-cross"),  # 26 times the pool
    ],
    "no-reason-for-cross": [(CORE, "watched-core")],
}


def test_every_rule_has_both_cases() -> None:
    names = [rule.name for rule in RULES]
    assert list(DECIDES) == names == list(PASSES)


@pytest.mark.parametrize("name", list(DECIDES))
def test_a_rule_decides(name: str) -> None:
    result = ask(**DECIDES[name])
    assert result.rule.name == name
    assert result.mode is result.rule.mode
    assert [step.verdict.is_deciding for step in result.steps].count(True) == 1
    assert f"{name}: {result.steps[-1].verdict.sentence}." in sentences(result)[0]
    assert result.rule.why in sentences(result)[0]


@pytest.mark.parametrize(("name", "said", "other"), [(name, *case) for name, cases in PASSES.items() for case in cases])
def test_a_rule_does_not_decide(name: str, said: dict[str, Any], other: str) -> None:
    result = ask(**said)
    assert result.rule.name == other != name
    asked = {step.rule.name: step.verdict for step in result.steps}
    assert name not in asked or (not asked[name].is_deciding and asked[name].sentence)


def test_only_two_rules_stand_for_cross_and_neither_because_it_lives_longer() -> None:
    assert [rule.name for rule in RULES if rule.mode is MarginMode.CROSS] == ["offsetting-legs", "watched-core"]
    for rule in RULES:
        told = f"{rule.why} {rule.decides_when}".lower()
        assert not [word for word in ("longer", "surviv", "wider", "rides out", "room to breathe") if word in told]


@pytest.mark.parametrize("wallet", [3_000, 30_000, 3_000_000])
def test_a_larger_wallet_alone_is_no_reason_for_cross(wallet: int) -> None:
    assert ask(wallet=wallet, watching=True, conviction="high").mode is MarginMode.ISOLATED


def test_why_a_reason_for_cross_that_was_named_does_not_hold_is_told() -> None:
    alone = ask(legs="together")
    assert "not offsetting-legs: legs that back each other need a short in the pool, and there is none" in alone.notes
    large = ask(**CORE, wallet=900)
    assert [note for note in large.notes if note.startswith("not watched-core: a watched core position, but the pool")]
    assert not [note for note in ask(watching=True).notes if note.startswith("not ")]


# ── The numbers, by hand ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_speculation_by_hand() -> None:
    result = ask(purpose="speculation")
    # a lot of 0.001 loses 2 + 0.03 + 0.029 = 2.059 at the stop; 100 ÷ 2.059 = 48.57
    assert (result.leverage, format_e8(result.quantity_e8 or 0)) == (10, "0.048")
    assert result.advice is not None
    assert format_e8(result.advice.loss.total_e8) == "98.832"
    assert [format_e8(part) for part in (result.advice.loss.price_e8, result.advice.loss.fees_e8)] == ["96", "2.832"]
    assert format_e8(result.margin_e8 or 0) == "288"
    # 288 + 0.048 × (P − 60,000) = 0.004 × 0.048 × P: P = 54,216.867…
    isolated = result.advice.isolated
    assert (isolated.column.liquidation.price_e8 or 0) // ONE_E8 == 54_216
    assert format_e8(isolated.could_cost_e8) == "289.44"  # the margin and the entry fee
    assert (isolated.beyond_stop_e8 or 0) // 10**6 == 6  # (58,000 − 54,216.87) ÷ 58,000 = 6.52 %
    # cross has no liquidation price, so the whole value can go: 2,880 + 1.44
    assert result.advice.cross.column.liquidation.price_e8 is None
    assert result.advice.cross.could_cost_e8 - 288_144_000_000 in (0, -1)
    assert result.advice.other_costs_more_e8 - 259_200_000_000 in (0, -1)


def test_cross_could_cost_the_whole_pool() -> None:
    result = ask(wallet=1_000, watching=True)
    assert result.advice is not None
    assert format_e8(result.advice.cross.could_cost_e8) == "1000"
    assert "Cross could cost 1,000.00 USDT, where isolated costs at most 289.44: 710.56 more" in sentences(result)[1]


def test_a_short_by_hand() -> None:
    result = ask(side="short", stop=62_000, purpose="speculation", taker=False)
    # a lot: 2 + 60 × 0.0002 + 62 × 0.0005 = 2.043; 48 of them lose 98.064
    assert result.advice is not None
    assert (result.advice.lots, format_e8(result.advice.loss.total_e8)) == (48, "98.064")
    assert result.advice.isolated.beyond_stop_e8 is not None
    assert result.advice.isolated.beyond_stop_e8 > 0


def test_funding_of_the_holding_time_is_in_the_loss_and_out_of_the_margin() -> None:
    without, paid = ask(watching=True), ask(watching=True, hold="3d", funding_rate="0.1%")
    assert without.advice is not None
    assert paid.advice is not None
    # 9 settlements × 0.06 a lot more: 100 ÷ 2.599 = 38 lots
    assert (without.advice.lots, paid.advice.lots) == (48, 38)
    assert format_e8(paid.advice.loss.funding_e8) == "20.52"
    due = paid.advice.isolated
    assert due.after_funding_e8 is not None
    assert due.column.liquidation.price_e8 is not None
    assert due.after_funding_e8 > due.column.liquidation.price_e8
    received = ask(watching=True, hold="3d", funding_rate="-0.1%")
    assert received.advice is not None
    assert (received.advice.lots, received.advice.loss.funding_e8) == (48, 0)
    assert "funding is received on this side at this rate, and not counted on" in received.notes


def test_the_leverage_is_the_highest_that_keeps_liquidation_behind_the_cushion() -> None:
    # a stop 10 % away and a cushion of half as much: outlives −15 %, so 1/L ≥ 15 % + 0.4 % of 85 %: 6x
    assert ask(stop=54_000, watching=True).leverage == 6
    # watched or not decides the cushion: twice the way, −20 %: 4x
    assert ask(stop=54_000, watching=False).leverage == 4
    assert ask(stop=54_000, new=True).leverage == 3


# ── What holds the quantity ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "held_by", "lots", "sentence"),
    [
        ({}, HeldBy.RISK, 48, "The risk budget of 100 USDT holds the quantity: one lot more would lose 100.89"),
        (
            {"risk": 200, "wallet": 300},
            HeldBy.WALLET,
            49,
            "one lot more asks for 301.50 at 10x, and 300.00 is available",
        ),
        (
            {"legs": "together", "position": ["ETHUSDT short 0.5 @ 3000"]},
            HeldBy.OFFSET,
            25,
            "it is worth 1,500.00 USDT, and a larger leg would be a bet of its own",
        ),
        ({"risk": 3_000_000, "wallet": 3_000_000}, HeldBy.BRACKET, 200_000, "it allows 10x up to this notional"),
    ],
)
def test_what_holds_the_quantity_is_said(said: dict[str, Any], held_by: HeldBy, lots: int, sentence: str) -> None:
    result = ask(**said)
    assert result.advice is not None
    assert (result.advice.held_by, result.advice.lots) == (held_by, lots)
    assert sentence in sentences(result)[2]


def test_a_wallet_that_is_too_small_gets_less_than_its_risk_budget() -> None:
    result = ask(risk=200, wallet=300)
    assert result.advice is not None
    assert result.advice.loss.total_e8 < 200 * ONE_E8
    assert all(one.is_met for one in result.advice.constraints)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"risk": 1}, "the least order, 0.002 BTC worth 120, loses 4.118 at the stop, more than the budget of 1"),
        (
            {"wallet": 12, "risk": 12},
            "12 is available in the wallet, too little for the least order, 0.002 BTC worth 120",
        ),
        (
            {"side": "short", "stop": 118_000, "new": True, "risk": 1_000},
            "even at 1x liquidation comes before 176000, too near to a stop at 118000; bring the stop nearer",
        ),
    ],
)
def test_where_nothing_fits_the_reason_is_said(said: dict[str, Any], reason: str) -> None:
    result = ask(**said)
    assert result.is_negative
    assert result.advice is None
    assert result.reason.startswith(reason)
    assert (result.leverage, result.quantity_e8, result.margin_e8) == (None, None, None)
    assert result.reason in " ".join(repr(result).split())
    assert reason in " ".join(result.explain().split())
    assert result.to_dict()["reason"] == result.reason
    assert result.frame.height == 0
    assert result.plot().get_suptitle() == "BTCUSDT long: isolated, and no quantity fits".replace("long", result.side)


# ── What goes where ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_isolated_beside_a_pool_is_hybrid_and_each_thing_has_its_place() -> None:
    result = ask(purpose="speculation", position=[SHORT_ETH])
    assert result.layout == "hybrid"
    assert [(place.what, place.where.name, place.sentence) for place in result.places] == [
        ("BTCUSDT long", "ISOLATED", "isolated, with 288.00 USDT of its own"),
        ("ETHUSDT short 2", "CROSS", "stays in the cross pool"),
        ("the rest of the wallet", "CROSS", "9,710.56 USDT, out of this trade's reach; it backs the pool"),
    ]


def test_a_hedge_kept_apart_and_legs_that_back_each_other_are_told_apart() -> None:
    apart = ask(legs="apart", position=[SHORT_ETH])
    together = ask(legs="together", position=[SHORT_ETH])
    assert (apart.mode, apart.layout) == (MarginMode.ISOLATED, "hybrid")
    assert (together.mode, together.layout) == (MarginMode.CROSS, "cross")
    assert apart.places[1].sentence == "stays in the cross pool with the book that this trade hedges"
    assert together.places[1].sentence == "the other leg, in the same pool"
    assert together.advice is not None
    # liquidated isolated at 5x at −19.68 %: moving alike, the short ETH then has earned 0.1968 × 6,000
    assert (together.advice.legs_gain_e8 or 0) // ONE_E8 == 1_204 - 24
    assert "moving alike, would by then have earned" in sentences(together)[1]
    assert "The price of cross: up to" in sentences(together)[1]


def test_what_is_no_part_of_the_legs_is_named() -> None:
    result = ask(legs="together", position=[SHORT_ETH], symbol="BTCUSDT")
    assert "belongs isolated" not in repr(result)
    crowded = ask(
        symbol="ETHUSDT", side="short", entry=3_000, stop=3_100, legs="together", position=["BTCUSDT long 0.2 @ 60000"]
    )
    assert crowded.rule.name == "offsetting-legs"
    core = ask(**CORE, position=[SHORT_ETH])
    assert "if it is not a part of this, it belongs isolated" in core.places[1].sentence


def test_several_strategies_are_each_isolated() -> None:
    assert [note for note in ask(several=True).notes if note.startswith("several strategies: each of them isolated")]


def test_cross_names_its_price_and_what_isolated_would_have_done() -> None:
    result = ask(**CORE)
    assert result.advice is not None
    assert (result.mode, result.leverage) == (MarginMode.CROSS, 3)
    assert result.advice.pool_leverage_e8 is not None
    assert result.advice.pool_leverage_e8 <= 3 * ONE_E8
    told = sentences(result)[1]
    assert told.startswith("Isolated at 3x would be liquidated at 40,160.64 and cost 961.44 USDT there.")
    assert told.endswith("The price of cross: up to 2,881.44 is at stake.")


def test_a_budget_that_is_large_for_the_wallet_is_told() -> None:
    assert not [note for note in ask(risk="4.9%").notes if "of the wallet" in note]
    # 10,000 × 0.6 five times
    told = "the risk budget is 40 % of the wallet: five such losses in a row leave 777.60 of 10,000.00"
    assert told in ask(risk="40%").notes


# ── What is said and what is not ─────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_said_is_a_reason_for_nothing_and_told() -> None:
    result = advise("BTCUSDT", "long", entry=60_000, stop=58_000, risk="1%", wallet=10_000, rulebook=BOOK)
    assert result.rule.name == "no-reason-for-cross"
    assert result.facts.budget_e8 == 100 * ONE_E8
    assert result.assumed == ("held for 1d", "funding at rest, 0.01 % a settlement")
    assert result.facts.answers.unsaid == ("new", "watching", "conviction", "several", "legs", "purpose")
    assert "not said, and so a reason for nothing: new, watching" in repr(result)


@pytest.mark.parametrize(
    ("said", "error", "text"),
    [
        ({"side": "up"}, InputError, "side: 'up' is neither long nor short"),
        ({"stop": 60_000}, InputError, "stop: 60000 is on the wrong side"),
        ({"stop": 58_000, "mark": 57_999}, InputError, "below the mark, 57999"),
        ({"stop": 58_000, "mark": "58000.05"}, InputError, "below the mark, 58000, the mark cut to whole ticks"),
        ({"side": "short", "stop": 60_100, "mark": 60_100}, InputError, "above the mark, 60100"),
        ({"stop": "58000.05"}, AmountError, "stop: 58000.05 is not a multiple of 0.1"),
        ({"risk": 10_001}, InputError, "risk: 10001 is more than the wallet, 10000"),
        ({"risk": "101%"}, InputError, "risk: 101% is not above 0 and at most 100 %"),
        ({"risk": 0}, AmountError, "risk: 0 is not above 0"),
        ({"wallet": "much"}, AmountError, "wallet: 'much' is not a number"),
        ({"hold": "soon"}, InputError, "hold: 'soon' does not read as a time"),
        ({"conviction": "total"}, InputError, "conviction: 'total' is none of low, medium, high"),
        ({"legs": "apart-ish"}, InputError, "legs: 'apart-ish' is none of none, together, apart"),
        ({"purpose": "fun"}, InputError, "purpose: 'fun' is none of core, speculation"),
        ({"funding_rate": "1%"}, InputError, "funding-rate: 1% is outside -0.3 % … 0.3 %"),
        ({"funding_rate": "x"}, AmountError, "funding-rate: 'x' is not a number"),
        ({"fee": 0.05}, AmountError, "fee: 0.05 is 5 %"),
        ({"position": ["BTCUSDT long 1 @ 60000"]}, InputError, "position: BTCUSDT is there already"),
        ({"position": ["ETHUSDT long 90 @ 3000 mark 2800"]}, InputError, "is due for liquidation already"),
    ],
)
def test_bad_input_is_one_line(said: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        ask(**said)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


# ── The typed result ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [CORE, {"purpose": "speculation", "position": [SHORT_ETH]}, {"risk": 1}])
def test_it_is_an_answer_in_every_form(said: dict[str, Any]) -> None:
    result = ask(**said)
    assert isinstance(result, Answer)
    data = result.to_dict()
    assert data["schema"] == "isocross.advise/1"
    assert json.loads(json.dumps(data)) == data
    assert data["rules_asked"][-1]["decides"] is True
    assert data["rule"] == result.rule.name
    assert result.shown().title in repr(result)
    assert "<table>" in result._repr_html_() or result.is_negative
    assert result.frame.columns[:3] == ["mode", "is_advised", "quantity"]
    assert list(result.to_pandas()["mode"]) == list(result.frame["mode"])
    assert result.explain() == explain(result)
    assert max(map(len, result.explain().splitlines())) <= 80
    if not result.is_negative:
        assert list(result.frame["is_advised"]).count(True) == 1
        assert result.frame.filter(result.frame["is_advised"])["margin"][0] == (result.margin_e8 or 0) / ONE_E8
        assert result.plot().axes


def test_a_stop_one_tick_from_the_mark_waits() -> None:
    """A trigger watches the mark cut to whole ticks: the engine takes the nearest stop that is let through."""
    assert ask(stop=58_000, mark="58000.15").advice is not None
    assert ask(side="short", stop="60100.1", mark="60100.05", wallet=20_000).advice is not None


def test_decided_columns_and_templates_are_named() -> None:
    book = replace(BOOK, symbols={**BOOK.symbols, "BTCUSDT": replace(BOOK.symbols["BTCUSDT"], is_template=True)})
    result = ask(rulebook=book)
    assert result.decisions == ("isolated_fill_basis",)
    assert "rules made from a template" in repr(result)
    assert "decided, not sourced, in this rulebook: isolated_fill_basis" in repr(result)
