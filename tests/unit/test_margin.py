"""margin.py against fractions: roundings, brackets, shares, splits, prices."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from isocross.codes import ContractKind
from isocross.kernel import margin
from isocross.kernel.margin import (
    bankruptcy_limit_ticks,
    bankruptcy_mark_e8,
    bracket_of,
    cumulative_split,
    fill_value_down_e8,
    fill_value_up_e8,
    funding_payment_e8,
    funding_receipt_e8,
    initial_margin_e8,
    isolated_share_e8,
    liquidation_mark_e8,
    maintenance_margin_e8,
    notional_e8,
    open_loss_e8,
    opening_lots,
    rate_up_e8,
    released_cost_e8,
    released_open_loss_e8,
    requirement_lots,
    surplus_e8,
    unrealized_pnl_e8,
    value_down_e8,
    value_up_e8,
)
from isocross.rulebook.model import Bracket
from isocross.units import ONE_E8, to_e8
from tests import world
from tests.strategies import steady

LINEAR = ContractKind.LINEAR
MONEY = st.one_of(st.integers(0, 10**6), st.integers(0, 2**59))
SIGNED = st.one_of(st.integers(-1_000, 1_000), st.integers(-(2**59), 2**59))
QUANTITY = st.one_of(st.integers(1, 10**9), st.integers(1, 10**14))
PRICE = st.one_of(st.integers(1, 10**9), st.integers(1, 10**13))
TABLES = [world.brackets(rows, top) for rows, top in ((world.STEEP, 80_000_000), (world.SHALLOW, 2_000_000), (world.COARSE, 300_000))]


@st.composite
def bracket_tables(draw):
    """Any table with ascending floors and rates whose deductions follow F5."""
    rows, floor, rate = [], 0, draw(st.integers(1, 2_000_000))
    for _ in range(draw(st.integers(1, 8))):
        rows.append((floor, rate, 1))
        floor += draw(st.integers(1, 500_000))
        rate = min(ONE_E8, rate + draw(st.integers(0, 20_000_000)))
    return world.brackets(rows, floor + 10**6)


@steady(400)
@given(quantity=QUANTITY, price=PRICE)
def test_value_rounds_down_and_up(quantity, price):
    exact = Fraction(quantity * price, ONE_E8)
    assume(exact < 2**61)
    assert value_down_e8(LINEAR, quantity, price) == math.floor(exact)
    assert value_up_e8(LINEAR, quantity, price) == math.ceil(exact)


@steady(400)
@given(lots=st.integers(-(10**6), 10**6), step=st.integers(1, 10**8), price=st.integers(1, 10**12), cost=SIGNED)
def test_unrealized_pnl_never_favors_the_account(lots, step, price, cost):
    exact = Fraction(lots * step * price, ONE_E8)
    assume(abs(exact) < 2**60)
    assert unrealized_pnl_e8(LINEAR, lots, step, cost, price) == math.floor(exact) - cost
    assert notional_e8(LINEAR, lots, step, price) == math.ceil(abs(exact))


def test_the_worked_example_of_unrealized_pnl():
    assert unrealized_pnl_e8(LINEAR, 1_000, 100_000, to_e8("100"), to_e8("95")) == to_e8("-5")
    assert unrealized_pnl_e8(LINEAR, -1_000, 100_000, to_e8("-100"), to_e8("95")) == to_e8("5")


@pytest.mark.parametrize(
    ("notional", "expected"),
    [("0", "0"), ("49999.99", "199.99996"), ("50000", "200"), ("50000.01", "200.00005"), ("0.00000001", "0.00000001")],
)
def test_maintenance_margin_by_bracket(notional, expected):
    assert maintenance_margin_e8(to_e8(notional), TABLES[0], 0, len(TABLES[0])) == to_e8(expected)


@steady(300)
@given(table=bracket_tables(), data=st.data())
def test_maintenance_is_continuous_monotone_and_at_most_the_notional(table, data):
    last = data.draw(st.integers(0, 2 * table[-1].floor_e8 + 10))
    edges = [bracket.floor_e8 + shift for bracket in table for shift in (-1, 0, 1) if bracket.floor_e8 + shift >= 0]
    before = None
    for notional in sorted([*edges, last, 0]):
        found = maintenance_margin_e8(notional, table, 0, len(table))
        row = table[bracket_of(notional, table, 0, len(table))]
        assert row.floor_e8 <= notional
        assert found == math.ceil(Fraction(notional * row.rate_e8, ONE_E8)) - row.deduction_e8
        assert 0 <= found <= notional
        assert before is None or found >= before[1]
        assert before is None or found - before[1] <= notional - before[0] + 1
        before = (notional, found)
    for lower, upper in itertools.pairwise(table):
        at = upper.floor_e8
        by_lower = math.ceil(Fraction(at * lower.rate_e8, ONE_E8)) - lower.deduction_e8
        assert by_lower == maintenance_margin_e8(at, table, 0, len(table)), "both brackets agree where they meet"


@steady(200)
@given(table=bracket_tables(), notional=MONEY, padding=st.integers(0, 3))
def test_a_table_may_lie_among_others(table, notional, padding):
    other = Bracket(0, 12_345_678, 0, 1, 1)
    embedded = [other] * padding + list(table) + [other] * 2
    alone = maintenance_margin_e8(notional, table, 0, len(table))
    assert maintenance_margin_e8(notional, embedded, padding, len(table)) == alone


@steady(300)
@given(notional=MONEY, leverage=st.integers(1, 1_000), rate=st.integers(0, ONE_E8))
def test_requirements_round_up(notional, leverage, rate):
    assert initial_margin_e8(notional, leverage) == math.ceil(Fraction(notional, leverage))
    assert rate_up_e8(notional, rate) == math.ceil(Fraction(notional * rate, ONE_E8))
    assert funding_payment_e8(notional, rate) == math.ceil(Fraction(notional * rate, ONE_E8))
    assert funding_receipt_e8(notional, rate) == math.floor(Fraction(notional * rate, ONE_E8))


@steady(300)
@given(st.integers(-1_000, 1_000), st.integers(0, 1_000), st.integers(0, 1_000))
def test_requirement_lots(position, bids, asks):
    assert requirement_lots(position, bids, asks) == max(abs(position + bids), abs(position - asks))


@steady(400)
@given(position=st.integers(-60, 60), queue=st.lists(st.integers(1, 40), max_size=5), is_buy=st.booleans())
def test_opening_lots_of_a_queue_sum_to_what_goes_beyond_closing(position, queue, is_buy):
    same_side, opening = 0, 0
    for lots in queue:
        part = opening_lots(position, same_side, is_buy, lots)
        assert 0 <= part <= lots
        opening, same_side = opening + part, same_side + lots
    closable = abs(position) if (position < 0) == is_buy and position else 0
    assert opening == max(0, sum(queue) - closable)


@steady(400)
@given(st.booleans(), st.integers(1, 10**5), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**4))
def test_open_loss_is_what_the_fill_loses_against_mark(is_buy, lots, step, price_ticks, off):
    tick_e8, step_e8 = 10**4, step * 10**4
    tick_value = tick_e8 * step_e8 // ONE_E8
    mark = max(1, price_ticks * tick_e8 + off - 5_000)
    exact = Fraction(lots * step_e8 * mark, ONE_E8)
    paid = fill_value_down_e8(LINEAR, lots, price_ticks, tick_value)
    assert paid == fill_value_up_e8(LINEAR, lots, price_ticks, tick_value)
    assert paid == Fraction(lots * step_e8 * price_ticks * tick_e8, ONE_E8)
    loss = open_loss_e8(LINEAR, is_buy, lots, step_e8, price_ticks, tick_value, mark)
    assert loss == max(0, math.ceil(paid - exact if is_buy else exact - paid))


def parts(data, whole: int) -> list[int]:
    """A composition of a whole."""
    cut, left = [], whole
    while left > 0:
        cut.append(data.draw(st.integers(1, left)))
        left -= cut[-1]
    return cut


@steady(300)
@given(cost=SIGNED, wallet=SIGNED, loss=MONEY, lots=st.integers(1, 10**6), data=st.data())
def test_released_parts_telescope_to_the_whole_and_never_favor_the_account(cost, wallet, loss, lots, data):
    cost_left, wallet_left, loss_left, left = cost, wallet, loss, lots
    for k in parts(data, lots)[:40]:
        released = released_cost_e8(cost_left, k, left)
        share = isolated_share_e8(wallet_left, k, left)
        freed = released_open_loss_e8(loss_left, k, left)
        if k < left:
            assert released == math.ceil(Fraction(cost_left * k, left))
            assert share == math.floor(Fraction(wallet_left * k, left))
            assert freed == math.floor(Fraction(loss_left * k, left))
        else:
            assert (released, share, freed) == (cost_left, wallet_left, loss_left)
        cost_left, wallet_left, loss_left, left = cost_left - released, wallet_left - share, loss_left - freed, left - k
    if left == 0:
        assert (cost_left, wallet_left, loss_left) == (0, 0, 0)


@steady(300)
@given(total=SIGNED, weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_a_cumulative_split_loses_no_unit(total, weights):
    whole = sum(weights)
    assume(whole > 0)
    cumulative, given_out, shares = 0, 0, []
    for weight in weights:
        cumulative += weight
        at = cumulative_split(total, cumulative, whole)
        assert at == math.floor(Fraction(total * cumulative, whole))
        shares.append(at - given_out)
        given_out = at
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, whole)) <= 1


POSITION = {
    "lots": st.integers(-400, 400).filter(bool),
    "step": st.sampled_from([100_000_000, 50_000_000, 12_345_678, 1_000_000, 300_000_000]),
    "entry": st.integers(1, 4_000),
    "backing_per_mille": st.integers(1, 1_200),
    "mark": st.integers(1, 4_000),
    "table": st.sampled_from([[(0, 400_000, 1)], [(0, 1, 1), (1, 90_000_000, 1)], [(0, 4_000_000, 1), (2, 50_000_000, 1)]]),
}


@steady(400)
@given(**POSITION)
def test_the_liquidation_mark_is_the_first_of_a_walk(lots, step, entry, backing_per_mille, mark, table):
    brackets = tuple(Bracket(b.floor_e8 // 10**7, b.rate_e8, b.deduction_e8 // 10**7, 1, b.cap_e8) for b in world.brackets(table, 10**6))
    cost = (1 if lots > 0 else -1) * math.ceil(abs(lots) * step * entry / ONE_E8)
    backing = abs(cost) * backing_per_mille // 1_000
    highest = 6_000

    def due(at: int) -> bool:
        return surplus_e8(LINEAR, lots, step, cost, backing, at, brackets, 0, len(brackets)) <= 0

    walk = range(mark, 0, -1) if lots > 0 else range(mark, highest + 1)
    expected = next((at for at in walk if due(at)), 0)
    found = liquidation_mark_e8(LINEAR, lots, step, cost, backing, mark, 1, highest, brackets, 0, len(brackets))
    assert found == expected


@steady(400)
@given(**POSITION)
def test_the_bankruptcy_mark_is_the_first_where_nothing_is_left(lots, step, entry, backing_per_mille, mark, table):
    cost = (1 if lots > 0 else -1) * math.ceil(abs(lots) * step * entry / ONE_E8)
    backing = abs(cost) * backing_per_mille // 1_000
    highest = 6_000
    walk = range(highest, 0, -1) if lots > 0 else range(1, highest + 1)
    expected = next((at for at in walk if backing + unrealized_pnl_e8(LINEAR, lots, step, cost, at) <= 0), 0)
    assert bankruptcy_mark_e8(LINEAR, lots, step, cost, backing, 1, highest) == expected


@steady(500)
@given(lots=st.integers(-500, 500).filter(bool), cost=st.integers(0, 10**7), backing=st.integers(-(10**6), 10**7), tick_value=st.integers(1, 999))
def test_the_bankruptcy_limit_is_the_worst_tick_that_leaves_nothing_owed(lots, cost, backing, tick_value):
    signed_cost = cost if lots > 0 else -cost
    top = 400

    def balance(ticks: int) -> int:
        return backing + lots * ticks * tick_value - signed_cost

    found = bankruptcy_limit_ticks(LINEAR, lots, signed_cost, backing, tick_value, 1, top)
    good = [ticks for ticks in range(1, top + 1) if balance(ticks) >= 0]
    if lots > 0:
        assert found == (good[0] if good else top + 1)
    else:
        assert found == (good[-1] if good else 0)


def test_margin_imports_without_numpy_or_numba():
    import subprocess
    import sys

    script = "import sys, isocross.kernel.margin; assert not {'numpy', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert margin.NO_PRICE == 0
