"""Formulas of the reference model: docs/reference/formulas.md once more, in plain Python integers.

Responsible for: F1–F10, F13, F21 and F24 as pure functions. Must not: hold state, import the kernel.
Python's integers do not overflow and `//` rounds down for either sign, so each line is the formula itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from isocross.codes import ContractKind, FeeBasis, IsolatedFillBasis, Side
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


# F1 to F4, exact where nothing is rounded


def is_inverse(rules: SymbolRules) -> bool:
    return rules.contract_kind == ContractKind.INVERSE


def worth(rules: SymbolRules, lots: int, price: int) -> Fraction:
    """What |lots| are worth at a price × 10^8, in units, unrounded."""
    quantity = abs(lots) * rules.step_e8
    if quantity == 0:
        return Fraction(0)
    return Fraction(quantity * ONE, price) if is_inverse(rules) else Fraction(quantity * price, ONE)


def signed_worth(rules: SymbolRules, lots: int, price: int) -> Fraction:
    """Of signed lots: a linear long and an inverse short own their value, the two others owe it."""
    size = worth(rules, lots, price)
    return size if (lots > 0) != is_inverse(rules) else -size


def value_down(rules: SymbolRules, lots: int, price: int) -> int:
    return floor(worth(rules, lots, price))


def signed_value(rules: SymbolRules, lots: int, mark: int) -> int:
    """What a position is worth at mark: what it owns rounded down, what it owes rounded up."""
    return floor(signed_worth(rules, lots, mark))


def notional(rules: SymbolRules, lots: int, mark: int) -> int:
    return ceil(worth(rules, lots, mark))


def at_ticks(rules: SymbolRules, lots: int, ticks: int) -> Fraction:
    return worth(rules, lots, ticks * rules.tick_e8)


def match_value(rules: SymbolRules, lots: int, ticks: int, taker_side: int) -> int:
    """F2: of an inverse contract, what is not whole is the taker's."""
    value = at_ticks(rules, lots, ticks)
    return ceil(value) if taker_side == Side.BUY else floor(value)


def most_worth(rules: SymbolRules, lots: int) -> int:
    """At the price where lots are worth most."""
    return ceil(worth(rules, lots, rules.price_min_e8 if is_inverse(rules) else rules.price_max_e8))


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
    return ([0] + [bracket.cap_e8 for bracket in rules.brackets if bracket.leverage_max >= leverage])[-1]


# F7


def open_loss_of(rules: SymbolRules, side: int, lots: int, price: int, mark: int) -> int:
    """What `lots` opened at `price` ticks lose against mark, never below zero."""
    signed = sign_of(side) * lots
    return max(0, ceil(signed_worth(rules, signed, price * rules.tick_e8)) - signed_value(rules, signed, mark))


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
    lowest, highest = rules.price_min_ticks, rules.price_max_ticks
    needed = cost - backing  # at least so much must the signed value be
    if signed_worth(rules, lots, (highest if lots > 0 else lowest) * rules.tick_e8) < needed:
        return highest + 1 if lots > 0 else 0
    if signed_worth(rules, lots, (lowest if lots > 0 else highest) * rules.tick_e8) >= needed:
        return lowest if lots > 0 else highest
    lots_at_one_tick = at_ticks(rules, lots, 1)
    exact = lots_at_one_tick / abs(needed) if is_inverse(rules) else abs(needed) / lots_at_one_tick
    return ceil(exact) if lots > 0 else floor(exact)


# F11


def funding_payment(rules: SymbolRules, lots: int, mark: int, rate: int) -> int:
    """Signed, what the position receives."""
    pays = (rate > 0) == (lots > 0)
    if rate == 0:
        return 0
    if pays:
        return -ceil_div(notional(rules, lots, mark) * abs(rate), ONE)
    return floor_div(value_down(rules, lots, mark) * abs(rate), ONE)


# F13


def part_of(total: int, start: int, end: int, whole: int) -> int:
    """The share of a signed total that falls on the parts from `start` to `end` of `whole`."""
    return floor_div(total * end, whole) - floor_div(total * start, whole)


# F15–F17


def fee_of(rules: SymbolRules, basis: int, lots: int, value: int, mark: int, rate: int) -> int:
    return ceil_div((notional(rules, lots, mark) if basis == FeeBasis.MARK_VALUE else value) * rate, ONE)


def transfer_of(rules: SymbolRules, basis: int, side: int, lots: int, price: int, mark: int, leverage: int) -> int:
    if basis == IsolatedFillBasis.FILL:
        return ceil_div(ceil(at_ticks(rules, lots, price)), leverage)
    return ceil_div(notional(rules, lots, mark), leverage) + open_loss_of(rules, side, lots, price, mark)


# F21


def adl_score(profit: int, wallet: int, maintenance: int, balance: int, inverse: bool) -> int:
    if profit <= 0:
        return -1
    if inverse:
        profit = min(profit, 2**49)
    percentage = floor_div(profit * ONE, min(max(ONE // 1000 if inverse else ONE, wallet), 2**60))
    ratio = 0 if balance <= 0 else min(10**9, floor_div(maintenance * ONE, min(balance, 2**60)))
    return floor_div(percentage * ratio, ONE)


# F24


def leverage_score(profit: int, cost: int, size: int, balance: int) -> int:
    if profit <= 0:
        return -1
    if balance <= 0:
        return 0
    profit_rate = min(10**12, floor_div(profit * ONE, max(1, abs(cost))))
    leverage = min(10**11, floor_div(size * ONE, min(balance, 2**60)))
    return floor_div(profit_rate * leverage, ONE)


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
