"""Formulas of the reference model: docs/reference/formulas.md once more, in plain Python integers.

Responsible for: F1–F10, F13 and F21 as pure functions. Must not: hold state, import the kernel.
Python's integers do not overflow and `//` rounds down for either sign, so each line is the formula itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isocross.codes import FeeBasis, IsolatedFillBasis, Side
from isocross.rulebook.model import Bracket, SymbolRules

ONE = 10**8


def floor_div(numerator: int, denominator: int) -> int:
    assert denominator > 0
    return numerator // denominator


def ceil_div(numerator: int, denominator: int) -> int:
    assert denominator > 0
    return -(-numerator // denominator)


def sign_of(side: int) -> int:
    return 1 if side == Side.BUY else -1


# F1, F3, F4


def value_down(quantity: int, price: int) -> int:
    return floor_div(quantity * price, ONE)


def value_up(quantity: int, price: int) -> int:
    return ceil_div(quantity * price, ONE)


def signed_value(rules: SymbolRules, lots: int, mark: int) -> int:
    """What a position is worth at mark: a long rounded down, a short's debt rounded up."""
    quantity = abs(lots) * rules.step_e8
    return value_down(quantity, mark) if lots >= 0 else -value_up(quantity, mark)


def notional(rules: SymbolRules, lots: int, mark: int) -> int:
    return value_up(abs(lots) * rules.step_e8, mark)


# F5


def bracket_at(brackets: tuple[Bracket, ...], size: int) -> Bracket:
    return [bracket for bracket in brackets if bracket.floor_e8 <= size][-1]


def maintenance_of(rules: SymbolRules, lots: int, mark: int) -> int:
    if lots == 0:
        return 0
    size = notional(rules, lots, mark)
    bracket = bracket_at(rules.brackets, size)
    return ceil_div(size * bracket.rate_e8, ONE) - bracket.deduction_e8


def cap_at_leverage(rules: SymbolRules, leverage: int) -> int:
    """Largest notional that may be opened at this leverage."""
    return [bracket for bracket in rules.brackets if bracket.leverage_max >= leverage][-1].cap_e8


# F7


def open_loss_of(rules: SymbolRules, side: int, lots: int, price: int, mark: int) -> int:
    """What `lots` opened at `price` ticks lose against mark, never below zero."""
    order_value = lots * price * rules.tick_value_e8
    quantity = lots * rules.step_e8
    if side == Side.BUY:
        return max(0, order_value - value_down(quantity, mark))
    return max(0, value_up(quantity, mark) - order_value)


def released_loss(open_loss: int, lots: int, rest: int) -> int:
    """The part of an order's open loss that `lots` of its `rest` let go."""
    return open_loss if lots == rest else floor_div(open_loss * lots, rest)


# F8, F9


@dataclass(frozen=True)
class Fill:
    """What one side of a trade becomes. `cross` is what moves in the cross wallet, the fee included."""

    lots: int
    cost: int
    wallet: int  # the isolated wallet
    cross: int
    realized: int
    moved: int  # into the isolated wallet > 0, out of it < 0
    is_opening: bool


def released_cost(cost: int, lots: int, held: int) -> int:
    return cost if lots == held else ceil_div(cost * lots, held)


def open_fill(lots: int, cost: int, wallet: int, signed_lots: int, signed_trade: int, transfer: int, fee: int) -> Fill:
    return Fill(lots + signed_lots, cost + signed_trade, wallet + transfer, -transfer - fee, 0, transfer, True)


def close_fill(lots: int, cost: int, wallet: int, closed: int, signed_trade: int, fee: int, isolated: bool, stays: bool) -> Fill:
    """Close `closed` of |lots| for `signed_trade` (what a buy pays > 0, what a sell gets < 0).

    `stays`: a liquidation, in which realized PnL and fee touch the judged wallet only and nothing moves back.
    """
    held = abs(lots)
    assert 0 < closed <= held
    released = released_cost(cost, closed, held)
    realized = -signed_trade - released
    rest = lots - closed if lots > 0 else lots + closed
    if not isolated:
        return Fill(rest, cost - released, 0, realized - fee, realized, 0, False)
    if stays:
        return Fill(rest, cost - released, wallet + realized - fee, 0, realized, 0, False)
    share = wallet if closed == held else floor_div(wallet * closed, held)
    back = share + realized
    if back >= 0:
        return Fill(rest, cost - released, wallet - share, back - fee, realized, -back, False)
    return Fill(rest, cost - released, wallet + realized, -fee, realized, 0, False)


# F10


def liquidation_limit(rules: SymbolRules, lots: int, cost: int, backing: int) -> int:
    """Worst tick at which closing everything leaves the balance ≥ 0; beyond the grid where no tick on it does."""
    per_tick = abs(lots) * rules.tick_value_e8
    if lots > 0:
        return min(max(1, ceil_div(cost - backing, per_tick)), rules.price_max_ticks + 1)
    return min(max(0, floor_div(backing - cost, per_tick)), rules.price_max_ticks)


# F11


def funding_payment(rules: SymbolRules, lots: int, mark: int, rate: int) -> int:
    """Signed, what the position receives."""
    quantity = abs(lots) * rules.step_e8
    pays = (rate > 0) == (lots > 0)
    if rate == 0:
        return 0
    if pays:
        return -ceil_div(value_up(quantity, mark) * abs(rate), ONE)
    return floor_div(value_down(quantity, mark) * abs(rate), ONE)


# F13


def part_of(total: int, start: int, end: int, whole: int) -> int:
    """The share of a signed total that falls on the parts from `start` to `end` of `whole`."""
    return floor_div(total * end, whole) - floor_div(total * start, whole)


# F15–F17


def fee_of(rules: SymbolRules, basis: int, lots: int, price: int, mark: int, rate: int) -> int:
    if basis == FeeBasis.MARK_VALUE:
        return ceil_div(notional(rules, lots, mark) * rate, ONE)
    return ceil_div(lots * price * rules.tick_value_e8 * rate, ONE)


def transfer_of(rules: SymbolRules, basis: int, side: int, lots: int, price: int, mark: int, leverage: int) -> int:
    if basis == IsolatedFillBasis.FILL:
        return ceil_div(lots * price * rules.tick_value_e8, leverage)
    return ceil_div(notional(rules, lots, mark), leverage) + open_loss_of(rules, side, lots, price, mark)


# F21


def adl_score(profit: int, wallet: int, maintenance: int, balance: int) -> int:
    if profit <= 0:
        return -1
    percentage = floor_div(profit * ONE, max(ONE, wallet))
    ratio = 0 if balance <= 0 else min(10**9, floor_div(maintenance * ONE, min(balance, 2**60)))
    return floor_div(percentage * ratio, ONE)


def most_lots(available: int, fits: Callable[[int], bool]) -> int:
    """The most lots for which `fits` holds: all of them, else by bisection between none and all (commands.md)."""
    if available <= 0 or fits(available):
        return max(0, available)
    low, high = 0, available  # fits at low (or low is 0), not at high
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
