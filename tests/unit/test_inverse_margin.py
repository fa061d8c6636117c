"""margin.py of inverse contracts against fractions and walks, and the examples of those who trade them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from isocross.codes import ContractKind
from isocross.kernel.margin import (
    bankruptcy_limit_ticks,
    bankruptcy_mark_e8,
    bought_for_e8,
    fill_value_down_e8,
    fill_value_up_e8,
    hedged_liquidation_mark_e8,
    hedged_surplus_e8,
    initial_margin_e8,
    liquidation_mark_e8,
    match_value_e8,
    notional_e8,
    open_loss_e8,
    signed_fill_value_e8,
    signed_value_e8,
    surplus_e8,
    unrealized_pnl_e8,
    value_down_e8,
    value_up_e8,
)
from isocross.rulebook.model import Bracket
from isocross.units import ONE_E8, to_e8
from tests.strategies import steady

INVERSE = ContractKind.INVERSE
TOP = 6_000
SMALL = {  # numbers so small that every mark can be looked at: a lot is worth 0.01 … 0.1 coin at the marks of the walk
    "lots": st.integers(-400, 400).filter(bool),
    "step": st.sampled_from([1, 3, 7]),
    "entry": st.integers(60, 4_000),
    "backing_per_mille": st.integers(1, 1_200),
    "mark": st.integers(60, 4_000),
    "table": st.sampled_from([
        (Bracket(0, 400_000, 0, 1, 10**18),),
        (Bracket(0, 4_000_000, 0, 1, 10**7), Bracket(10**7, 50_000_000, 46 * 10**5, 1, 10**18)),
    ]),
}  # fmt: skip
LEAST = 50


@steady(300)
@given(quantity=st.integers(1, 10**17), price=st.integers(1, 10**16))
def test_a_value_is_the_quantity_divided_by_the_price(quantity, price):
    exact = Fraction(quantity * ONE_E8, price)
    assume(exact < 2**61)
    assert value_down_e8(INVERSE, quantity, price) == math.floor(exact)
    assert value_up_e8(INVERSE, quantity, price) == math.ceil(exact)
    assert signed_value_e8(INVERSE, 1, quantity, price) == -math.ceil(exact)  # a long owes it
    assert signed_value_e8(INVERSE, -1, quantity, price) == math.floor(exact)


@steady(300)
@given(lots=st.integers(1, 10**9), ticks=st.integers(1, 10**7), tick_value=st.integers(1, 10**12), is_buy=st.booleans())
def test_a_match_is_rounded_once_for_both_sides_and_the_fraction_is_the_takers(lots, ticks, tick_value, is_buy):
    exact = Fraction(lots * tick_value, ticks)
    assume(exact < 2**61)
    value = match_value_e8(INVERSE, is_buy, lots, ticks, tick_value)
    assert value == (math.ceil(exact) if is_buy else math.floor(exact))
    bought = bought_for_e8(INVERSE, value)
    assert (bought if is_buy else -bought) <= (-exact if is_buy else exact)  # the taker's cost is never above the exact one
    assert fill_value_down_e8(INVERSE, lots, ticks, tick_value) == math.floor(exact)
    assert fill_value_up_e8(INVERSE, lots, ticks, tick_value) == math.ceil(exact)
    assert signed_fill_value_e8(INVERSE, lots, ticks, tick_value) == -math.ceil(exact)
    assert signed_fill_value_e8(INVERSE, -lots, ticks, tick_value) == math.floor(exact)


@steady(300)
@given(is_buy=st.booleans(), lots=st.integers(1, 10**6), ticks=st.integers(1, 10**6), mark=st.integers(1, 10**12))
def test_open_loss_is_what_the_fill_loses_against_mark(is_buy, lots, ticks, mark):
    step_e8, tick_e8 = 100 * ONE_E8, 10**7
    at_price, at_mark = Fraction(lots * step_e8 * ONE_E8, ticks * tick_e8), Fraction(lots * step_e8 * ONE_E8, mark)
    assume(max(at_price, at_mark) < 2**60)
    loss = open_loss_e8(INVERSE, is_buy, lots, step_e8, ticks, step_e8 * ONE_E8 // tick_e8, mark)
    owed = math.ceil(at_mark) - math.floor(at_price) if is_buy else math.ceil(at_price) - math.floor(at_mark)
    assert loss == max(0, owed)


def cost_of(lots: int, step: int, entry: int) -> int:
    """Signed entry cost against the account."""
    value = Fraction(abs(lots) * step * ONE_E8, entry)
    return -math.floor(value) if lots > 0 else math.ceil(value)


@steady(300)
@given(**SMALL)
def test_the_liquidation_mark_is_the_first_of_a_walk(lots, step, entry, backing_per_mille, mark, table):
    cost = cost_of(lots, step, entry)
    backing = abs(cost) * backing_per_mille // 1_000

    def due(at: int) -> bool:
        return surplus_e8(INVERSE, lots, step, cost, backing, at, table, 0, len(table)) <= 0

    walk = range(mark, LEAST - 1, -1) if lots > 0 else range(mark, TOP + 1)
    expected = next((at for at in walk if due(at)), 0)
    assert liquidation_mark_e8(INVERSE, lots, step, cost, backing, mark, LEAST, TOP, table, 0, len(table)) == expected


@steady(300)
@given(**SMALL)
def test_the_bankruptcy_mark_is_the_first_where_nothing_is_left(lots, step, entry, backing_per_mille, mark, table):
    cost = cost_of(lots, step, entry)
    backing = abs(cost) * backing_per_mille // 1_000
    walk = range(TOP, LEAST - 1, -1) if lots > 0 else range(LEAST, TOP + 1)
    expected = next((at for at in walk if backing + unrealized_pnl_e8(INVERSE, lots, step, cost, at) <= 0), 0)
    assert bankruptcy_mark_e8(INVERSE, lots, step, cost, backing, LEAST, TOP) == expected


@steady(400)
@given(
    lots=st.integers(-500, 500).filter(bool), cost=st.integers(0, 10**6), backing=st.integers(-(10**5), 10**6),
    tick_value=st.integers(1, 99_999),
)  # fmt: skip
def test_the_bankruptcy_limit_is_the_worst_tick_that_leaves_nothing_owed(lots, cost, backing, tick_value):
    signed_cost, low, top = -cost if lots > 0 else cost, 7, 400

    def balance(ticks: int) -> int:
        return backing + signed_fill_value_e8(INVERSE, lots, ticks, tick_value) - signed_cost

    found = bankruptcy_limit_ticks(INVERSE, lots, signed_cost, backing, tick_value, low, top)
    good = [ticks for ticks in range(low, top + 1) if balance(ticks) >= 0]
    if lots > 0:
        assert found == (good[0] if good else top + 1)
    else:
        assert found == (good[-1] if good else 0)


@steady(150)
@given(
    long=st.integers(1, 300), short=st.integers(-300, -1), entry=st.integers(200, 2_000), other=st.integers(200, 2_000),
    share=st.integers(5, 900), mark=st.integers(300, 1_500), table=SMALL["table"],
)  # fmt: skip
def test_a_hedge_is_due_at_the_first_mark_of_a_walk_on_either_side(long, short, entry, other, share, mark, table):
    long_cost, short_cost = cost_of(long, 3, entry), cost_of(short, 3, other)
    backing = (abs(long_cost) + abs(short_cost)) * share // 1_000

    def due(at: int) -> bool:
        return hedged_surplus_e8(INVERSE, long, long_cost, short, short_cost, 3, backing, at, table, 0, len(table)) <= 0

    for last in (LEAST, 3_000):
        walk = range(mark, last - 1, -1) if last < mark else range(mark, last + 1)
        expected = next((at for at in walk if due(at)), 0)
        found = hedged_liquidation_mark_e8(
            INVERSE, long, long_cost, short, short_cost, 3, backing, mark, last, table, 0, len(table)
        )
        assert found == expected


# ---- other people's numbers


def coin(text: str) -> int:
    return to_e8(text, "coin")


def price(text: str) -> int:
    return to_e8(text, "price")


def pnl(contracts: int, entry: str, exit_: str) -> int:
    """PnL of |contracts| of 1 USD, a short's negative, from one exact value to another."""
    one = ONE_E8
    cost = -signed_value_e8(INVERSE, -contracts, one, price(entry))
    return int(signed_value_e8(INVERSE, contracts, one, price(exit_)) - cost)


@pytest.mark.parametrize(
    ("contracts", "entry", "exit_", "expected"),
    [
        (1_000, "1000", "1250", "0.2"),  # 1000·(1 ÷ 1000 − 1 ÷ 1250)
        (-1_000, "1250", "1000", "0.2"),
        (10_000, "10000", "12500", "0.2"),
    ],
)
def test_profit_is_in_coin_and_bends_with_the_price(contracts, entry, exit_, expected):
    """Bybit and OKX: contracts × (1 ÷ entry − 1 ÷ exit), a short's the other way round."""
    assert abs(pnl(contracts, entry, exit_) - coin(expected)) <= 1


def test_margins_of_coin_margined_contracts_are_those_of_their_help_page():
    """Binance: ten contracts of 100 USD at 9,800 and 20x: 0.0051 BTC; a hundred at 25,000: worth 0.4, at 0.4 % 0.0016."""
    value = notional_e8(INVERSE, 10, 100 * ONE_E8, price("9800"))
    assert abs(initial_margin_e8(value, 20) - coin("0.0051")) < coin("0.00005")
    assert notional_e8(INVERSE, 100, 100 * ONE_E8, price("25000")) == coin("0.4")


@pytest.mark.parametrize(("is_long", "leverage"), [(True, 10), (True, 50), (False, 10), (False, 50)])
def test_an_isolated_position_is_bankrupt_where_the_textbook_says(is_long, leverage):
    """Entry·L ÷ (L + 1) of a long, entry·L ÷ (L − 1) of a short, with the initial margin as all there is."""
    lots, entry = (10**6, 1) if is_long else (-(10**6), 1)
    entry_e8 = 10_000 * ONE_E8 * entry
    cost = -signed_value_e8(INVERSE, -lots, ONE_E8, entry_e8)
    margin = initial_margin_e8(notional_e8(INVERSE, lots, ONE_E8, entry_e8), leverage)
    found = bankruptcy_mark_e8(INVERSE, lots, ONE_E8, cost, margin, ONE_E8, 10**14)
    exact = Fraction(entry_e8 * leverage, leverage + 1 if is_long else leverage - 1)
    assert abs(Fraction(found) / exact - 1) < Fraction(1, 10**9)


@pytest.mark.parametrize(("is_long", "rate"), [(True, 500_000), (False, 500_000), (True, 1_000_000)])
def test_an_isolated_liquidation_price_is_that_of_bybit_and_okx(is_long, rate):
    """N·(1 + r) ÷ (N/E + margin) of a long, N·(1 − r) ÷ (N/E − margin) of a short: maintenance at the liquidation price."""
    lots, entry_e8 = (250_000 if is_long else -250_000), 40_000 * ONE_E8
    cost = -signed_value_e8(INVERSE, -lots, ONE_E8, entry_e8)
    margin = initial_margin_e8(notional_e8(INVERSE, lots, ONE_E8, entry_e8), 10)
    table = (Bracket(0, rate, 0, 100, 10**18),)
    found = liquidation_mark_e8(INVERSE, lots, ONE_E8, cost, margin, entry_e8, ONE_E8, 10**14, table, 0, 1)
    sign, r, size = (1 if is_long else -1), Fraction(rate, ONE_E8), Fraction(abs(lots))
    exact = size * (1 + sign * r) / (size / 40_000 + sign * Fraction(margin, ONE_E8)) * ONE_E8
    assert abs(Fraction(found) / exact - 1) < Fraction(1, 10**8)
