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
HEDGE_ROUNDING_E8 = 6  # two values below one unit, two maintenance margins below two
HEDGE_LOOKS_MAX = 20_000


@small
def value_down_e8(contract_kind, quantity_e8, price_e8):
    """Value of a quantity ≥ 0 at a price × 10^8, rounded down. The only home of "value" (formulas.md F1)."""
    if contract_kind == ContractKind.LINEAR:
        return mul_e8_down(quantity_e8, price_e8)
    return mul_div_down(quantity_e8, ONE_E8, price_e8)


@small
def value_up_e8(contract_kind, quantity_e8, price_e8):
    """As value_down_e8, rounded up: notional for requirements, and what is owed."""
    if contract_kind == ContractKind.LINEAR:
        return mul_e8_up(quantity_e8, price_e8)
    return mul_div_up(quantity_e8, ONE_E8, price_e8)


@small
def fill_value_down_e8(contract_kind, lots, price_ticks, tick_value_e8):
    """Value of lots ≥ 0 at an order price: an exact product, or rounded down where the contract is inverse (formulas.md F2)."""
    if contract_kind == ContractKind.LINEAR:
        return lots * price_ticks * tick_value_e8
    return mul_div_down(lots, tick_value_e8, price_ticks)


@small
def fill_value_up_e8(contract_kind, lots, price_ticks, tick_value_e8):
    """As fill_value_down_e8, an inverse one rounded up."""
    if contract_kind == ContractKind.LINEAR:
        return lots * price_ticks * tick_value_e8
    return mul_div_up(lots, tick_value_e8, price_ticks)


@small
def match_value_e8(contract_kind, is_taker_buy, lots, price_ticks, tick_value_e8):
    """Value of a match, for both of its sides: of an inverse contract the fraction of a unit is the taker's (F2)."""
    if contract_kind == ContractKind.LINEAR:
        return lots * price_ticks * tick_value_e8
    if is_taker_buy:
        return mul_div_up(lots, tick_value_e8, price_ticks)
    return mul_div_down(lots, tick_value_e8, price_ticks)


@small
def bought_for_e8(contract_kind, value_e8):
    """Signed cost of lots bought for a value ≥ 0: the value, or of an inverse contract minus the value (F2)."""
    if contract_kind == ContractKind.LINEAR:
        return value_e8
    return -value_e8


@small
def signed_value_e8(contract_kind, lots, step_e8, price_e8):
    """Signed value of signed lots at a price: what is owned rounded down, what is owed rounded up (formulas.md F3)."""
    if contract_kind == ContractKind.LINEAR:
        if lots >= 0:
            return mul_e8_down(lots * step_e8, price_e8)
        return -mul_e8_up(-lots * step_e8, price_e8)
    if lots >= 0:
        return -mul_div_up(lots * step_e8, ONE_E8, price_e8)
    return mul_div_down(-lots * step_e8, ONE_E8, price_e8)


@small
def signed_fill_value_e8(contract_kind, lots, price_ticks, tick_value_e8):
    """signed_value_e8 at an order price."""
    if contract_kind == ContractKind.LINEAR:
        return lots * price_ticks * tick_value_e8
    if lots >= 0:
        return -mul_div_up(lots, tick_value_e8, price_ticks)
    return mul_div_down(-lots, tick_value_e8, price_ticks)


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
    """What an order loses against mark the moment it fills, rounded up, at least 0 (F7)."""
    signed = lots
    if not is_buy:
        signed = -lots
    cost = -signed_fill_value_e8(contract_kind, -signed, price_ticks, tick_value_e8)
    loss = cost - signed_value_e8(contract_kind, signed, step_e8, mark_e8)
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
def closing_fee_most_e8(contract_kind, lots, entry_cost_e8, isolated_wallet_e8, fee_rate_e8):
    """The most that closing an isolated position by hand takes from the cross wallet: fees less what moves back (F27).

    Takes    lots: signed, ≠ 0. fee_rate_e8: the larger of the maker and the taker rate, on the value of the fill.
    """
    owed = entry_cost_e8 - isolated_wallet_e8
    roundings = 2
    if contract_kind == ContractKind.INVERSE:
        owed = -owed
        roundings = 3
    if lots < 0:
        owed = -owed
    if owed < 0:
        owed = 0
    return rate_up_e8(owed, fee_rate_e8) + roundings * abs(lots)


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
    contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, mark_min_e8, mark_max_e8, brackets, first, count
):
    """The first mark, going from `mark_e8` against the position, at which it is due (formulas.md F12).

    Takes    lots: signed, ≠ 0. backing_e8: see surplus_e8. Marks are × 10^8; the search stays in mark_min_e8 … mark_max_e8.
    Returns  the mark × 10^8; `mark_e8` itself when already due; NO_PRICE when there is none.

    What owes its value (a linear short, an inverse long) has a surplus that moves one way with every mark unit, so a
    bisection is exact. The surplus of what owns it may wobble by one unit where the value is whole (floor and ceiling
    meet there), so the bisection runs on a surplus that is never above it and moves one way, and the true first mark is
    that one or one of the next behind it.
    """
    assert lots != 0
    if surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, brackets, first, count) <= 0:
        return mark_e8
    last = mark_min_e8
    toward = -1
    if lots < 0:
        last = mark_max_e8
        toward = 1
    if _least_surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, last, brackets, first, count) > 0:
        return NO_PRICE
    alive = mark_e8
    due = last
    while abs(due - alive) > 1:
        middle = (alive + due) // 2
        if _least_surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, middle, brackets, first, count) <= 0:
            due = middle
        else:
            alive = middle
    while due != last + toward:
        if surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, due, brackets, first, count) <= 0:
            return due
        due += toward
    return NO_PRICE


@kernel
def _least_surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, brackets, first, count):
    """Surplus of a position, where it owns its value with a notional one unit above the floor of it: never above the true one.

    Where quantity × mark of a linear one is whole at every mark (whole units), floor and ceiling agree: the exact surplus.
    """
    is_linear = contract_kind == ContractKind.LINEAR
    if (lots > 0) != is_linear:
        return surplus_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_e8, brackets, first, count)
    value = value_down_e8(contract_kind, abs(lots) * step_e8, mark_e8)
    notional = value + 1
    if is_linear and lots * step_e8 % ONE_E8 == 0:
        notional = value
    maintenance = maintenance_margin_e8(notional, brackets, first, count)
    return backing_e8 + value - entry_cost_e8 - maintenance


@kernel
def hedged_surplus_e8(
    contract_kind, long_lots, long_cost_e8, short_lots, short_cost_e8, step_e8, backing_e8, mark_e8, brackets, first, count
):
    """surplus_e8 of a long and a short of one symbol in one pool: backing + both uPnL − both maintenance. Due when ≤ 0."""
    return surplus_e8(
        contract_kind, long_lots, step_e8, long_cost_e8, backing_e8, mark_e8, brackets, first, count
    ) + surplus_e8(contract_kind, short_lots, step_e8, short_cost_e8, 0, mark_e8, brackets, first, count)


@kernel
def hedged_liquidation_mark_e8(
    contract_kind, long_lots, long_cost_e8, short_lots, short_cost_e8, step_e8, backing_e8, mark_e8, last_e8, brackets, first, count
):
    """The first mark from `mark_e8` toward `last_e8` at which a long and a short in one pool are due together (F12).

    Takes    long_lots > 0 > short_lots. backing_e8: see surplus_e8, of everything but these two.
    Returns  the mark × 10^8; `mark_e8` itself when already due; NO_PRICE when there is none up to `last_e8`.

    The exact sum is concave in the mark (of an inverse contract: in 1 ÷ mark), and rounding takes less than HEDGE_ROUNDING_E8 off it: on a stretch whose two ends
    have that much, nothing is due. So the search leaps over such stretches, each half as long when it fails and twice when
    it holds, and looks at single marks only where the surplus is that thin. Where it is that thin for HEDGE_LOOKS_MAX
    looks on end, the answer is a mark at which it is due and was not one before, and nearer ones due to rounding alone are not sought.
    """
    direction = 1
    if last_e8 < mark_e8:
        direction = -1
    at = mark_e8
    surplus = hedged_surplus_e8(
        contract_kind, long_lots, long_cost_e8, short_lots, short_cost_e8, step_e8, backing_e8, at, brackets, first, count
    )
    if surplus <= 0:
        return mark_e8
    leap = abs(last_e8 - mark_e8)
    looks = 0
    while at != last_e8:
        if leap > abs(last_e8 - at):
            leap = abs(last_e8 - at)
        there = at + direction * leap
        after = hedged_surplus_e8(
            contract_kind, long_lots, long_cost_e8, short_lots, short_cost_e8, step_e8, backing_e8, there, brackets, first, count
        )
        if leap == 1 and after <= 0:
            return there
        looks += 1
        is_clear = after >= HEDGE_ROUNDING_E8 and surplus >= HEDGE_ROUNDING_E8
        if not is_clear and after > 0:
            is_clear = leap == 1 or looks > HEDGE_LOOKS_MAX or _least_between_e8(
                contract_kind, long_lots, long_cost_e8, short_lots, short_cost_e8, step_e8, backing_e8, at, there, brackets, first, count
            ) > 0
        if is_clear:
            at = there
            surplus = after
            leap *= 2
        else:
            leap //= 2
    return NO_PRICE


@kernel
def _least_between_e8(
    contract_kind, long_lots, long_cost_e8, short_lots, short_cost_e8, step_e8, backing_e8, one_e8, other_e8, brackets, first, count
):
    """What the surplus of a hedge is at least between two marks.

    Each value and maintenance is monotone; and both values together are at least the value of the net lots, rounded, − 1.
    """
    low = one_e8
    high = other_e8
    if other_e8 < one_e8:
        low = other_e8
        high = one_e8
    values = signed_value_e8(contract_kind, long_lots, step_e8, low) + signed_value_e8(
        contract_kind, short_lots, step_e8, high
    )
    net = long_lots + short_lots
    net_value = signed_value_e8(contract_kind, net, step_e8, low if net >= 0 else high) - 1
    if net_value > values:
        values = net_value
    dear = high
    if contract_kind == ContractKind.INVERSE:
        dear = low
    least = backing_e8 + values - long_cost_e8 - short_cost_e8
    least -= maintenance_margin_e8(notional_e8(contract_kind, long_lots, step_e8, dear), brackets, first, count)
    return least - maintenance_margin_e8(notional_e8(contract_kind, short_lots, step_e8, dear), brackets, first, count)


@kernel
def bankruptcy_mark_e8(contract_kind, lots, step_e8, entry_cost_e8, backing_e8, mark_min_e8, mark_max_e8):
    """The mark, nearest to the position's good side, at which backing + uPnL is ≤ 0 (formulas.md F10).

    Returns  the mark × 10^8, or NO_PRICE when the backing outlives every mark in mark_min_e8 … mark_max_e8.
    """
    assert lots != 0
    if contract_kind == ContractKind.INVERSE:
        return _inverse_bankruptcy_mark_e8(lots * step_e8, backing_e8 - entry_cost_e8, mark_min_e8, mark_max_e8)
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
def _inverse_bankruptcy_mark_e8(quantity_e8, left_e8, mark_min_e8, mark_max_e8):
    """`bankruptcy_mark_e8` of a signed quantity of an inverse contract that has `left_e8` beside its value.

    The value lies between those at the two ends where a quotient is taken, so it fits.
    """
    if quantity_e8 > 0:
        if mul_div_up(quantity_e8, ONE_E8, mark_max_e8) >= left_e8:
            return mark_max_e8
        if mul_div_up(quantity_e8, ONE_E8, mark_min_e8) < left_e8:
            return NO_PRICE
        # ⌈q ÷ m⌉ ≥ left  ⇔  m < q ÷ (left − 1)
        return mul_div_up(quantity_e8, ONE_E8, left_e8 - 1) - 1
    owed = -left_e8
    if mul_div_down(-quantity_e8, ONE_E8, mark_min_e8) <= owed:
        return mark_min_e8
    if mul_div_down(-quantity_e8, ONE_E8, mark_max_e8) > owed:
        return NO_PRICE
    # ⌊q ÷ m⌋ ≤ owed  ⇔  m > q ÷ (owed + 1)
    return mul_div_down(-quantity_e8, ONE_E8, owed + 1) + 1


@kernel
def bankruptcy_limit_ticks(contract_kind, lots, entry_cost_e8, backing_e8, tick_value_e8, price_min_ticks, price_max_ticks):
    """The worst order price at which the whole position can be closed with balance ≥ 0, as a limit in ticks (F10).

    Long: the lowest tick from price_min_ticks on with balance ≥ 0, price_max_ticks + 1 when even the highest brings too little.
    Short: the highest tick with balance ≥ 0, 0 when even the lowest is too much.
    """
    if contract_kind == ContractKind.INVERSE:
        return _inverse_limit_ticks(lots, backing_e8 - entry_cost_e8, tick_value_e8, price_min_ticks, price_max_ticks)
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


@kernel
def _inverse_limit_ticks(lots, left_e8, tick_value_e8, price_min_ticks, price_max_ticks):
    """`bankruptcy_limit_ticks` of an inverse position that has `left_e8` beside its value."""
    if lots > 0:
        if mul_div_up(lots, tick_value_e8, price_max_ticks) > left_e8:
            return price_max_ticks + 1
        if mul_div_up(lots, tick_value_e8, price_min_ticks) <= left_e8:
            return price_min_ticks
        # ⌈Q·v ÷ p⌉ ≤ left  ⇔  p ≥ Q·v ÷ left
        return mul_div_up(lots, tick_value_e8, left_e8)
    owed = -left_e8
    if mul_div_down(-lots, tick_value_e8, price_max_ticks) >= owed:
        return price_max_ticks
    if mul_div_down(-lots, tick_value_e8, price_min_ticks) < owed:
        return 0
    # ⌊Q·v ÷ p⌋ ≥ owed  ⇔  p ≤ Q·v ÷ owed
    return mul_div_down(-lots, tick_value_e8, owed)
