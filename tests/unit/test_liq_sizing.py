"""Sizing: the lots that a margin buys and a wallet may open, each checked on the lot and one lot beyond."""

import random
from dataclasses import replace

import pytest

from isocross.codes import CommandKind, IsolatedFillBasis, MarginMode, Refusal
from isocross.errors import InputError
from isocross.exchange import Exchange
from isocross.policy.liq import liq
from isocross.policy.sizing import OrderTerms, lots_for_margin, max_open_lots, order_cost
from isocross.units import to_e8
from tests.unit.liq_book import BOOK, BTC, ETH


def terms(price="60000", mark=None, leverage=10, is_buy=True, rules=BTC, **more):
    price_e8 = to_e8(price)
    mark_e8 = price_e8 if mark is None else to_e8(mark)
    return OrderTerms(rules, is_buy, price_e8 // rules.tick_e8, mark_e8, leverage, **more)


@pytest.mark.parametrize(
    ("margin", "lots"),
    [
        ("498", 83),  # 4,980 ÷ 10, to the unit
        ("497.99999999", 82),
        ("500", 83),
        ("504", 84),
        ("5.99999999", 0),  # one lot needs 6
        ("6", 1),
    ],
)
def test_lots_for_margin_at_the_mark(margin, lots):
    assert lots_for_margin(terms(), to_e8(margin)) == lots


def test_open_loss_counts_against_the_side_that_has_one():
    # Mark 59,000: a lot moves 5.9 + 1.0 for a buyer at 60,000 and 5.9 for a seller.
    assert lots_for_margin(terms(mark="59000"), to_e8("690")) == 100
    assert lots_for_margin(terms(mark="59000", is_buy=False), to_e8("690")) == 116
    assert lots_for_margin(terms(mark="61000", is_buy=False), to_e8("710")) == 100
    fill = IsolatedFillBasis.FILL
    assert lots_for_margin(terms(mark="59000", isolated_fill_basis=fill), to_e8("690")) == 115


def test_margin_sizing_is_what_liq_uses():
    result = liq("BTCUSDT", "long", margin=500, entry=60_000, leverage=10, rulebook=BOOK)
    assert result.lots == 83
    assert result.isolated.transfer_e8 == to_e8("498")
    with pytest.raises(InputError, match=r"margin: 5 is too little, one lot \(0.001 BTC\) at 10x needs 6"):
        liq("BTCUSDT", "long", margin=5, entry=60_000, leverage=10, rulebook=BOOK)


@pytest.mark.parametrize(
    ("available", "lots"),
    [
        ("500.49", 83),  # 498 + 2.49
        ("500.48999999", 82),
        ("0", 0),
        ("6.02999999", 0),
        ("6.03", 1),
    ],
)
def test_max_open_at_the_mark_is_the_same_in_both_modes(available, lots):
    for mode in MarginMode:
        assert max_open_lots(terms(), mode, to_e8(available)) == lots


def test_max_open_isolated_is_held_by_its_own_limit():
    assert max_open_lots(terms(), MarginMode.ISOLATED, to_e8("10000"), to_e8("500.49")) == 83
    assert max_open_lots(terms(), MarginMode.CROSS, to_e8("10000"), to_e8("500.49")) == 1658


@pytest.mark.parametrize(
    ("leverage", "lots"),
    [
        (125, 833),  # 49,980; 50,040 lies in the bracket of 100x
        (100, 10_000),  # 600,000, the cap itself, as in the engine
        (75, 50_000),
        (50, 95_923),  # no bracket but the wallet: 12,000,000 would be the cap, 120,000 of margin is there
    ],
)
def test_max_open_stops_at_the_bracket_that_allows_the_leverage(leverage, lots):
    for mode in MarginMode:
        assert max_open_lots(terms(leverage=leverage), mode, to_e8("117985.29")) == lots


def test_max_open_reaches_the_symbols_largest_notional():
    assert max_open_lots(terms(leverage=1), MarginMode.CROSS, to_e8("1_000_000_000")) == 200_000


@pytest.mark.parametrize("leverage", [125, 100, 75, 50, 1])
def test_the_largest_notional_of_a_leverage_is_the_engines(leverage):
    asked = terms(price="60000" if leverage < 125 else "50000", leverage=leverage)
    most = max_open_lots(asked, MarginMode.CROSS, 10**16)
    exchange = Exchange(BOOK, ["BTCUSDT"], compiled=False)
    exchange.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": asked.mark_e8}])
    exchange.submit(CommandKind.CREATE_ACCOUNT, account=2)
    exchange.submit(CommandKind.DEPOSIT, account=2, asset=0, amount_e8=10**16)
    exchange.submit(CommandKind.SET_LEVERAGE, account=2, symbol=0, leverage=leverage)
    answers = [
        exchange.preview(
            CommandKind.PLACE_ORDER, account=2, symbol=0, side=0, order_type=0, price_ticks=asked.price_ticks, lots=lots
        ).refusal
        for lots in (most, most + 1)
    ]
    assert answers == [Refusal.NONE, Refusal.BRACKET_EXCEEDED]


def test_max_open_stays_within_the_engines_bounds():
    endless = replace(BTC, brackets=(replace(BTC.brackets[0], cap_e8=2**62),))
    lots = max_open_lots(terms(leverage=1, rules=endless, price="0.1"), MarginMode.CROSS, to_e8("1_000_000_000"))
    assert lots == endless.lots_max


def test_any_size_fits_and_one_lot_more_does_not():
    random_source = random.Random(7)
    for _ in range(500):
        rules = random_source.choice((BTC, ETH))
        price_ticks = random_source.randint(1_000, 900_000)
        case = OrderTerms(
            rules,
            random_source.random() < 0.5,
            price_ticks,
            int(price_ticks * rules.tick_e8 * random_source.uniform(0.8, 1.2)),
            random_source.randint(1, 125),
            random_source.choice(list(IsolatedFillBasis)),
        )
        money_e8 = random_source.randint(0, 10**13)
        lots = lots_for_margin(case, money_e8)
        assert order_cost(case, lots).transfer_e8 <= money_e8
        assert lots == rules.lots_max or order_cost(case, lots + 1).transfer_e8 > money_e8
        for mode in MarginMode:
            most = max_open_lots(case, mode, money_e8)
            assert _is_accepted(case, mode, money_e8, most)
            assert most == rules.lots_max or not _is_accepted(case, mode, money_e8, most + 1)


def _is_accepted(case, mode, available_e8, lots):
    """Design §5.4 and §5.5 read aloud, for a wallet with nothing else in it."""
    cost = order_cost(case, lots)
    allowing = [one for one in case.rules.brackets if one.leverage_max >= case.leverage]
    accepted = bool(allowing) and cost.notional_e8 <= allowing[-1].cap_e8
    accepted = accepted and cost.initial_margin_e8 + cost.open_loss_e8 + cost.fee_e8 <= available_e8
    if mode is MarginMode.ISOLATED:
        accepted = accepted and cost.transfer_e8 + cost.fee_e8 <= available_e8
    return accepted or lots == 0
