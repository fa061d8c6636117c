"""Margin: what a position is worth, what it must hold, and where it dies. Pure integer arithmetic.

Responsible for: value, unrealized PnL, initial and maintenance margin, open loss, isolated transfer and share,
funding amounts, liquidation and bankruptcy price. Every formula of docs/reference/formulas.md has its one home here.
Must not: touch a table of the State, know the time or an account, refuse a user.
Rounding: a requirement and a payment round up, a credit rounds down; no rounding ever favors an account.

Bracket tables are handed in as anything that indexes to rows with `floor_e8`, `rate_e8`, `deduction_e8`,
`leverage_max`: the kernel's table, or a list of `rulebook.Bracket`. Imports neither numpy nor numba.
"""

from __future__ import annotations

from ..codes import ContractKind
from ..units import ONE_E8
from .fixed import div_up, mul_div_down, mul_div_up, mul_e8_down, mul_e8_up
from .jit import kernel, small

NO_PRICE = 0  # "none" where a price is asked for: no mark price is 0


@small
def value_down_e8(contract_kind, quantity_e8, price_e8):
    """Value of a quantity ≥ 0 at a price × 10^8, rounded down. The only home of "value" (formulas.md F1)."""
    assert contract_kind == ContractKind.LINEAR, "inverse value is not defined yet"
    return mul_e8_down(quantity_e8, price_e8)


@small
def value_up_e8(contract_kind, quantity_e8, price_e8):
    """As value_down_e8, rounded up: notional for requirements, and what a short owes."""
    assert contract_kind == ContractKind.LINEAR, "inverse value is not defined yet"
    return mul_e8_up(quantity_e8, price_e8)


@small
def fill_value_e8(contract_kind, lots, price_ticks, tick_value_e8):
    """Value of lots ≥ 0 at an order price: an exact product (formulas.md F2)."""
    assert contract_kind == ContractKind.LINEAR, "inverse value is not defined yet"
    return lots * price_ticks * tick_value_e8


@small
def signed_value_e8(contract_kind, lots, step_e8, price_e8):
    """Signed value of signed lots at a price: long value floors, short value rounds up (formulas.md F3)."""
    if lots >= 0:
        return value_down_e8(contract_kind, lots * step_e8, price_e8)
    return -value_up_e8(contract_kind, -lots * step_e8, price_e8)


@small
def unrealized_pnl_e8(contract_kind, lots, step_e8, entry_cost_e8, mark_e8):
    """Signed value at mark − signed entry cost (formulas.md F3)."""
    return signed_value_e8(contract_kind, lots, step_e8, mark_e8) - entry_cost_e8


@small
def notional_e8(contract_kind, lots, step_e8, mark_e8):
    """|lots| at mark, rounded up once; every rate and the bracket apply to this integer (formulas.md F4)."""
    if lots >= 0:
        return value_up_e8(contract_kind, lots * step_e8, mark_e8)
    return value_up_e8(contract_kind, -lots * step_e8, mark_e8)


@small
def rate_up_e8(amount_e8, rate_e8):
    """amount × rate, rounded up; both ≥ 0."""
    return mul_e8_up(amount_e8, rate_e8)


@small
def bracket_of(notional, brackets, first, count):
    """Index of the bracket that a notional ≥ 0 falls in; a notional equal to a floor belongs to the upper one."""
    index = first
    while index + 1 < first + count and brackets[index + 1].floor_e8 <= notional:
        index += 1
    return index


@small
def maintenance_margin_e8(notional, brackets, first, count):
    """Maintenance margin of one position: ⌈notional × rate⌉ − deduction of its bracket, ≥ 0 (formulas.md F5).

    Takes    notional: × 10^8, ≥ 0, at mark. brackets: rows; the symbol's are first … first + count − 1.
    Returns  × 10^8, in 0 … notional.
    """
    row = brackets[bracket_of(notional, brackets, first, count)]
    return rate_up_e8(notional, row.rate_e8) - row.deduction_e8


@small
def initial_margin_e8(notional, leverage):
    """⌈notional ÷ leverage⌉ (formulas.md F6)."""
    return div_up(notional, leverage)


@small
def requirement_lots(position_lots, bid_lots, ask_lots):
    """Lots that the initial margin of one symbol is asked for, one-way: max(|position + bids|, |position − asks|)."""
    with_bids = abs(position_lots + bid_lots)
    with_asks = abs(position_lots - ask_lots)
    if with_bids > with_asks:
        return with_bids
    return with_asks


@small
def opening_lots(position_lots, same_side_lots, is_buy, lots):
    """How many of an order's lots go beyond closing the position, counting the orders already on its side (F7)."""
    closable = 0
    if is_buy and position_lots < 0:
        closable = -position_lots
    elif (not is_buy) and position_lots > 0:
        closable = position_lots
    free = closable - same_side_lots
    if free <= 0:
        return lots
    if free >= lots:
        return 0
    return lots - free


@small
def open_loss_e8(contract_kind, is_buy, lots, step_e8, price_ticks, tick_value_e8, mark_e8):
    """max(0, s·(price − mark))·lots, rounded up: what an order loses against mark the moment it fills (F7)."""
    at_price = fill_value_e8(contract_kind, lots, price_ticks, tick_value_e8)
    if is_buy:
        loss = at_price - value_down_e8(contract_kind, lots * step_e8, mark_e8)
    else:
        loss = value_up_e8(contract_kind, lots * step_e8, mark_e8) - at_price
    if loss < 0:
        return 0
    return loss


@small
def released_open_loss_e8(open_loss, lots, rest_lots):
    """Open loss released with `lots` of an order that still has `rest_lots`: floor, the last takes the rest."""
    if lots >= rest_lots or open_loss == 0:
        return open_loss
    return mul_div_down(open_loss, lots, rest_lots)


@small
def isolated_share_e8(isolated_wallet_e8, lots, position_lots):
    """⌊wallet·k ÷ Q⌋ for k of |Q| lots, the wallet signed; the last lot takes the rest (F9)."""
    if lots >= position_lots:
        return isolated_wallet_e8
    if isolated_wallet_e8 >= 0:
        return mul_div_down(isolated_wallet_e8, lots, position_lots)
    return -mul_div_up(-isolated_wallet_e8, lots, position_lots)


@small
def released_cost_e8(entry_cost_e8, lots, position_lots):
    """Signed entry cost released by closing k of |Q| lots, rounded against the account: ⌈cost·k ÷ Q⌉ (F8)."""
    if lots >= position_lots:
        return entry_cost_e8
    if entry_cost_e8 >= 0:
        return mul_div_up(entry_cost_e8, lots, position_lots)
    return -mul_div_down(-entry_cost_e8, lots, position_lots)


@small
def cumulative_split(total, part, whole):
    """⌊total·part ÷ whole⌋ with a signed total: differences of it split a total without losing a unit (F13)."""
    if total >= 0:
        return mul_div_down(total, part, whole)
    return -mul_div_up(-total, part, whole)


@small
def funding_payment_e8(notional_up_e8, rate_e8):
    """What the payer of funding pays, ≥ 0: rounded up (F11)."""
    return mul_e8_up(notional_up_e8, rate_e8)


@small
def funding_receipt_e8(notional_down_e8, rate_e8):
    """What the receiver of funding gets, ≥ 0: rounded down (F11)."""
    return mul_e8_down(notional_down_e8, rate_e8)


@small
def is_due(balance_e8, maintenance_e8):
    """Whether a pocket with an open position must be liquidated: margin balance ≤ maintenance margin."""
    return balance_e8 <= maintenance_e8


@kernel
def surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, brackets, first, count):
    """Margin balance − maintenance of one position at a mark: backing + uPnL − maintenance. Due when ≤ 0.

    `backing_e8` is what stands behind the position and does not move with this mark: the isolated wallet, or the
    cross wallet + uPnL − maintenance of the pool's other positions.
    """
    notional = notional_e8(contract_kind, lots, step_e8, mark_e8)
    maintenance = maintenance_margin_e8(notional, brackets, first, count)
    return backing_e8 + unrealized_pnl_e8(contract_kind, lots, step_e8, entry_cost_e8, mark_e8) - maintenance


@kernel
def liquidation_mark_e8(
    contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, mark_max_e8, brackets, first, count
):
    """The first mark, going from `mark_e8` against the position, at which it is due (formulas.md F12).

    Takes    lots: signed, ≠ 0. backing_e8: see surplus_e8. Marks are × 10^8; the search stays in 1 … mark_max_e8.
    Returns  the mark × 10^8; `mark_e8` itself when already due; NO_PRICE when there is none.

    A short's surplus falls with every mark unit, so a bisection is exact. A long's surplus may wobble by one unit
    where quantity × mark is whole (floor and ceiling meet there), so the bisection runs on the surplus of the open
    interval below each whole value, which is monotone, and the true first mark is that one or its lower neighbor.
    """
    assert lots != 0
    if surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, brackets, first, count) <= 0:
        return mark_e8
    if lots < 0:
        if surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_max_e8, brackets, first, count) > 0:
            return NO_PRICE
        alive = mark_e8
        due = mark_max_e8
        while due - alive > 1:
            middle = alive + (due - alive) // 2
            if surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, middle, brackets, first, count) <= 0:
                due = middle
            else:
                alive = middle
        return due
    quantity_e8 = lots * step_e8
    if _interval_surplus_e8(contract_kind, quantity_e8, entry_cost_e8, backing_e8, 1, brackets, first, count) > 0:
        return NO_PRICE
    due = 1
    alive = mark_e8
    while alive - due > 1:
        middle = due + (alive - due) // 2
        if _interval_surplus_e8(
            contract_kind, quantity_e8, entry_cost_e8, backing_e8, middle, brackets, first, count
        ) <= 0:
            due = middle
        else:
            alive = middle
    while due > 0:
        if surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, due, brackets, first, count) <= 0:
            return due
        due -= 1
    return NO_PRICE


@kernel
def _interval_surplus_e8(contract_kind, quantity_e8, entry_cost_e8, backing_e8, mark_e8, brackets, first, count):
    """Surplus of a long just above ⌊quantity × mark⌋: value floored, notional one unit higher. Never above the true one.

    Where quantity × mark is whole at every mark (whole units), floor and ceiling agree and the exact surplus is used.
    """
    value = value_down_e8(contract_kind, quantity_e8, mark_e8)
    notional = value + 1
    if quantity_e8 % ONE_E8 == 0:
        notional = value
    maintenance = maintenance_margin_e8(notional, brackets, first, count)
    return backing_e8 + value - entry_cost_e8 - maintenance


@kernel
def bankruptcy_mark_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_max_e8):
    """The mark, nearest to the position's good side, at which backing + uPnL is ≤ 0 (formulas.md F10).

    Returns  the mark × 10^8, or NO_PRICE when the backing outlives every mark in 1 … mark_max_e8.
    """
    assert lots != 0
    if lots > 0:
        owed = entry_cost_e8 - backing_e8  # value at which the balance is exactly 0
        if owed < 0:
            return NO_PRICE
        if owed >= value_down_e8(contract_kind, lots * step_e8, mark_max_e8):
            return mark_max_e8
        # ⌊q·m⌋ ≤ owed  ⇔  q·m < owed + 1
        mark = mul_div_up(owed + 1, ONE_E8, lots * step_e8) - 1
        if mark < 1:
            return NO_PRICE
        return mark
    covered = backing_e8 - entry_cost_e8  # what the short can pay to buy back
    if covered <= 0:
        return 1
    if value_up_e8(contract_kind, -lots * step_e8, mark_max_e8) < covered:
        return NO_PRICE
    # ⌈q·m⌉ ≥ covered  ⇔  q·m > covered − 1
    return mul_div_down(covered - 1, ONE_E8, -lots * step_e8) + 1


@kernel
def bankruptcy_limit_ticks(contract_kind, lots, entry_cost_e8, backing_e8, tick_value_e8, price_max_ticks):
    """The worst order price at which the whole position can be closed with balance ≥ 0, as a limit in ticks (F10).

    Long: the lowest tick p ≥ 1 with backing + p·Q − cost ≥ 0. Short: the highest tick with backing − p·|Q| − cost ≥ 0,
    0 when even the lowest tick is too much.
    """
    assert contract_kind == ContractKind.LINEAR, "inverse value is not defined yet"
    if lots > 0:
        owed = entry_cost_e8 - backing_e8
        if owed <= 0:
            return 1
        ticks = div_up(owed, lots * tick_value_e8)
        if ticks < 1:
            return 1
        if ticks > price_max_ticks + 1:
            return price_max_ticks + 1
        return ticks
    covered = backing_e8 - entry_cost_e8
    if covered <= 0:
        return 0
    ticks = covered // (-lots * tick_value_e8)
    if ticks > price_max_ticks:
        return price_max_ticks
    return ticks
