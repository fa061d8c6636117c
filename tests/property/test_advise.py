"""Advice keeps its own limits on random trades: checked in fractions of its own, and lived by the engine."""

from __future__ import annotations

import random
from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from isocross import rulebook
from isocross.codes import IsolatedFillBasis, MarginMode
from isocross.errors import InputError
from isocross.policy import advise as policy
from isocross.policy.advise_result import AdviseResult
from isocross.policy.advise_rules import RULES
from isocross.policy.trial import Fate
from isocross.rulebook.model import Rulebook
from isocross.units import ONE_E8, format_e8

BOOKS = {name: rulebook.load(name) for name in ("binance-usdm", "bybit-linear", "hyperliquid")}
BINANCE = BOOKS["binance-usdm"]
PRICES = {"BTC": 60_000, "ETH": 3_000, "SOL": 160}
REASONS_FOR_CROSS = {"offsetting-legs", "watched-core"}
DAILY, FULL, PER_SEED = 300, 100_000, 5_000
UNIT = Fraction(1, ONE_E8)


def on(grid_e8: int, value: float) -> str:
    """A value on a grid, at least one step of it."""
    return format_e8(max(1, round(value * ONE_E8 / grid_e8)) * grid_e8)


def spread(draw: random.Random, low: float, high: float) -> float:
    """Every order of magnitude between two values is as likely."""
    return low * (high / low) ** draw.random()


def trade(draw: random.Random, book: Rulebook) -> dict[str, Any]:
    """What somebody might say: sensible, tiny, absurd."""
    asset = book.margin_assets[0]
    prices = {f"{base}{asset}": price for base, price in PRICES.items()}
    symbol = draw.choice(list(prices))
    rules = book.symbols[symbol]
    is_long = draw.random() < 0.5
    entry = prices[symbol] * draw.uniform(0.7, 1.4)
    way = spread(draw, 0.0002, 0.95 if is_long else 3.0)
    stop = entry * (1 - way if is_long else 1 + way)
    wallet = spread(draw, 60, 3_000_000)
    said: dict[str, Any] = {
        "symbol": symbol,
        "side": "long" if is_long else "short",
        "entry": on(rules.tick_e8, entry),
        "stop": on(rules.tick_e8, stop),
        "wallet": on(1, wallet),
        "risk": on(1, wallet * spread(draw, 0.0005, 1.0)),
        "hold": draw.choice(["5m", "8h", "1d", "9d", "30d", "52w", None]),
        "taker": draw.random() < 0.7,
        "fee": draw.choice([None, None, None, "0", "0.01%", "1%"]),
        "funding_rate": draw.choice([None, None, "0.05%", "-0.1%", "0"]),
        "new": draw.choice([None, True, False, False]),
        "watching": draw.choice([None, True, True, False]),
        "conviction": draw.choice([None, "low", "medium", "high"]),
        "several": draw.choice([None, True, False, False]),
        "legs": draw.choice([None, "none", "together", "apart"]),
        "purpose": draw.choice([None, "core", "core", "speculation"]),
        "position": [],
    }
    if draw.random() < 0.2:
        toward = min(abs(way), 0.02) * draw.random() * (-1 if is_long else 1)
        said["mark"] = on(1, entry * (1 + toward))
    for other in draw.sample([name for name in prices if name != symbol], draw.choice([0, 0, 1, 1, 2])):
        price, grid = prices[other], book.symbols[other]
        size = spread(draw, 0.01, 6) * wallet / price
        marked = price * draw.uniform(0.8, 1.25)
        said["position"].append(
            f"{other} {draw.choice(['long', 'short'])} {on(grid.step_e8, size)} @ {on(grid.tick_e8, price)} "
            f"mark {on(1, marked)} {draw.choice([1, 3, 5])}x"
        )
    return said


# ---- the same promises, in fractions


def number(value_e8: int) -> Fraction:
    return Fraction(value_e8, ONE_E8)


def up(value: Fraction) -> Fraction:
    return Fraction(ceil(value / UNIT)) * UNIT


def maintenance(rules: Any, notional: Fraction) -> Fraction:
    row = [one for one in rules.brackets if number(one.floor_e8) <= notional][-1]
    return up(notional * number(row.rate_e8)) - number(row.deduction_e8)


def profit(lots: int, rules: Any, entry: Fraction, mark: Fraction) -> Fraction:
    """In whole units, against the account."""
    quantity = number(lots * rules.step_e8)
    return Fraction(((mark - entry) * quantity / UNIT).__floor__()) * UNIT


def assert_keeps_its_limits(result: AdviseResult) -> None:
    """Loss, stop before liquidation, margin, leverage, pool, least order: nothing here comes from policy's arithmetic."""
    facts, plan, advice, limits = result.facts, result.facts.plan, result.advice, result.rule.limits
    assert advice is not None
    rules, sign = plan.rules, 1 if plan.is_long else -1
    lots = sign * advice.lots
    quantity = number(advice.lots * rules.step_e8)
    entry, stop, mark = number(facts.entry_e8), number(facts.stop_e8), number(plan.mark_e8)
    wallet, is_cross = number(facts.wallet_e8), advice.mode is MarginMode.CROSS
    taker, maker = number(rules.taker_fee_rate_e8), number(rules.maker_fee_rate_e8)

    fee = up(quantity * entry * (maker if plan.is_maker else taker))
    pays = max(Fraction(0), sign * number(facts.funding_rate_e8))
    funding = facts.settlement_count * up(up(quantity * max(entry, stop, mark)) * pays)
    loss = sign * quantity * (entry - stop) + fee + up(quantity * stop * taker) + funding
    assert loss == number(advice.loss.total_e8)
    assert loss <= number(facts.budget_e8)

    notional = up(quantity * mark)
    open_loss = up(max(Fraction(0), sign * quantity * (entry - mark)))
    margin = up(notional / advice.leverage) + open_loss
    acceptance = margin + up(quantity * entry * taker)
    others_profit = sum((number(other.unrealized_pnl_e8) for other in plan.others), Fraction(0))
    others_notional = sum((number(other.notional_e8) for other in plan.others), Fraction(0))
    others_maintenance = sum((maintenance(one.rules, number(one.notional_e8)) for one in plan.others), Fraction(0))
    others_initial = sum((up(number(one.notional_e8) / one.leverage) for one in plan.others), Fraction(0))
    available = wallet + others_profit - others_initial
    assert acceptance <= available
    moved = (
        margin if plan.book.isolated_fill_basis is IsolatedFillBasis.MARK else up(quantity * entry / advice.leverage)
    )
    if not is_cross:
        assert moved == number(advice.isolated.margin_e8)
        assert moved + fee <= min(available, wallet - others_maintenance)

    assert 1 <= advice.leverage <= limits.leverage_max
    bracket = next(one for one in rules.brackets if notional <= number(one.cap_e8))
    assert advice.leverage <= bracket.leverage_max
    assert quantity * entry >= number(rules.min_notional_e8)
    backing = moved - funding
    if is_cross:
        backing = wallet - fee - funding + others_profit - others_maintenance
        balance = wallet - fee + others_profit + profit(lots, rules, entry, mark)
        assert others_notional + notional <= limits.leverage_max * balance

    cushion = min(abs(entry - stop) * number(limits.cushion_e8), stop / 2)
    guard = max(UNIT, min(stop - sign * cushion, number(rules.price_max_e8)))
    for part in range(6):
        passed = mark + (guard - mark) * part / 5
        if part == 5:  # cut toward the stop, as the guard is
            passed = Fraction((guard / UNIT).__ceil__() if plan.is_long else (guard / UNIT).__floor__()) * UNIT
        surplus = backing + profit(lots, rules, entry, passed) - maintenance(rules, up(quantity * passed))
        assert surplus > -3 * UNIT, (part, surplus)  # roundings of this check; exact at the guard in liq's own numbers
    due = advice.advised.after_funding_e8
    if due is not None:
        assert (stop - number(due)) * sign > 0


def assert_nothing_fits(result: AdviseResult) -> None:
    """The reason that is given is so: one lot loses more than the budget, or the wallet or the stop forbids the least order."""
    facts, plan = result.facts, result.facts.plan
    assert result.is_negative
    assert result.reason
    limits = result.rule.limits
    sign = 1 if plan.is_long else -1
    quantity = number(plan.lots_min * plan.rules.step_e8)
    entry, stop, mark = number(facts.entry_e8), number(facts.stop_e8), number(plan.mark_e8)
    is_over_budget = number(facts.loss_e8(plan.lots_min)) > number(facts.budget_e8)
    available = number(plan.available_e8(result.mode) or 0)
    fails = []
    for leverage in range(1, limits.leverage_max + 1):
        margin = up(quantity * mark / leverage) + up(max(Fraction(0), sign * quantity * (entry - mark)))
        is_too_dear = margin + up(quantity * entry * number(plan.rules.taker_fee_rate_e8)) > available
        cushion = min(abs(entry - stop) * number(limits.cushion_e8), stop / 2)
        guard = min(stop - sign * cushion, number(plan.rules.price_max_e8))
        if plan.book.isolated_fill_basis is not IsolatedFillBasis.MARK:
            margin = up(quantity * entry / leverage)
        at_guard = margin + sign * quantity * (guard - entry) - maintenance(plan.rules, up(quantity * guard))
        is_too_near = at_guard - number(facts.funding_e8(plan.lots_min)) <= 3 * UNIT
        fails.append(is_too_dear or is_too_near)
    assert is_over_budget or all(fails), result.reason


FOR_CROSS = {"new": False, "watching": True, "conviction": "high", "several": False, "purpose": "core", "risk": "1%"}


def judge(draw: random.Random, book: Rulebook, answers: dict[str, Any]) -> str:
    """One random trade, all claims about its advice. Returns how it ended."""
    said = trade(draw, book) | answers
    symbol, side = said.pop("symbol"), said.pop("side")
    try:
        result = policy.advise(symbol, side, **said, rulebook=book)
    except InputError as error:
        assert str(error).startswith(("stop: ", "position", "wallet: ")), error
        return "input"
    assert result.mode is result.rule.mode
    assert (result.mode is MarginMode.CROSS) == (result.rule.name in REASONS_FOR_CROSS)
    assert [step.rule for step in result.steps] == list(RULES[: len(result.steps)])
    assert [step.verdict.is_deciding for step in result.steps] == [False] * (len(result.steps) - 1) + [True]
    if result.advice is None:
        assert_nothing_fits(result)
        return "nothing fits"
    assert all(one.is_met for one in result.advice.constraints)
    assert_keeps_its_limits(result)
    return result.rule.name


def judge_many(
    seed: int, count: int, book: Rulebook = BINANCE, answers: dict[str, Any] | None = None
) -> dict[str, int]:
    draw = random.Random(seed)
    ends: dict[str, int] = {}
    for _ in range(count):
        end = judge(draw, book, answers or {})
        ends[end] = ends.get(end, 0) + 1
    return ends


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "try_in_the_engine", lambda facts, advice: None)


@pytest.mark.usefixtures("without_engine")
def test_advice_keeps_its_own_limits() -> None:
    ends = judge_many(20, DAILY)
    assert set(ends) >= {rule.name for rule in RULES}
    assert ends["nothing fits"] < DAILY // 2
    assert ends.get("input", 0) < DAILY // 5


@pytest.mark.full
@pytest.mark.usefixtures("without_engine")
@pytest.mark.parametrize("seed", range(100, 100 + FULL // PER_SEED))
def test_advice_keeps_its_own_limits_on_a_hundred_thousand(seed: int) -> None:
    assert set(judge_many(seed, PER_SEED)) >= {rule.name for rule in RULES}


@pytest.mark.parametrize("name", list(BOOKS))
@pytest.mark.parametrize(
    ("seed", "count"), [(1, 40), *(pytest.param(seed, 500, marks=pytest.mark.full) for seed in (2, 3))]
)
def test_the_engine_opens_it_and_its_stop_loses_what_was_said(name: str, seed: int, count: int) -> None:
    judge_many(seed, count // 2, BOOKS[name])
    assert set(judge_many(seed, count // 2, BOOKS[name], FOR_CROSS)) & REASONS_FOR_CROSS


@pytest.mark.parametrize("name", list(BOOKS))
@pytest.mark.parametrize(
    ("seed", "count"), [(4, 15), *(pytest.param(seed, 150, marks=pytest.mark.full) for seed in (5, 6))]
)
def test_the_engine_liquidates_it_where_liq_says_and_never_before_the_stop(name: str, seed: int, count: int) -> None:
    draw, seen = random.Random(seed), 0
    while seen < count:
        said = trade(draw, BOOKS[name]) | {"position": [], "funding_rate": "0"}
        try:
            result = policy.advise(said.pop("symbol"), said.pop("side"), **said, rulebook=BOOKS[name])
        except InputError:
            continue
        if result.advice is None or result.advice.advised.column.liquidation.price_e8 is None:
            continue
        facts, plan, advice = result.facts, result.facts.plan, result.advice
        due_e8 = advice.advised.column.liquidation.price_e8
        lived = plan.stage.trial(advice.lots, advice.leverage, advice.mode, facts.wallet_e8, until_e8=due_e8)
        assert (lived.fate, lived.liquidation_e8) == (Fate.LIQUIDATED, due_e8)
        before = plan.stage.trial(advice.lots, advice.leverage, advice.mode, facts.wallet_e8, until_e8=facts.stop_e8)
        assert before.fate is Fate.LIVES
        seen += 1
