"""Judge: which pockets are due, and which of them comes first.

Responsible for: judging the touched pockets, margin calls, the heap of due pockets and its worst entry, how wide the bands
of a judged pocket may be. Must not: liquidate, keep a promise up to date (bands.py), find who has left a band (wakes.py).

A price wakes a position only when its mark leaves its band: a range in which the pocket can neither become due
nor cross the margin call. For a relative move of at most ρ in every mark, a long's part of (ratio × balance − maintenance)
falls by at most ρ × notional, a short's by at most ρ × notional × (1 + its symbol's top maintenance rate), because
maintenance is convex with a slope ≤ 1; so ρ = cushion ÷ Σ of those is safe. An inverse contract is worth lots ÷ mark, which moves
by at most ρ ÷ (1 − ρ) of itself, and its long is short of that; where there is one, ρ = cushion ÷ (cushion + Σ) is safe. A pool hands out half of its cushion: the rest
pays for fills, fees and funding until its promise (bands.py) no longer shows that it is safe, and it is walked again.
"""

from __future__ import annotations

from ..codes import ContractKind, EventKind, MarginMode, PositionSide
from ..limits import MUL_DIV_DIVISOR_MAX
from ..units import ONE_E8
from .bands import FIRST_MOVE_E8, MOVE_MAX_E8, close_band, open_band, promised_balance_e8
from .events import new_event, touch_pools, touch_position, wallet_row
from .fixed import mul_div_down, mul_e8_down, product_is_less
from .jit import RoomNeeded, kernel, small
from .margin import is_due, maintenance_margin_e8, notional_e8, rate_up_e8, unrealized_pnl_e8
from .pockets import isolated_balance
from .schema import NO_ROW, POOL_KEY, TABLE_INDEX
from .sorting import sort_by_key
from .wakes import ABOVE, BELOW, next_woken

DUE_TABLE = TABLE_INDEX["due"]


@kernel
def touch_holders(s, symbol):
    """Touch every pocket with a position in this symbol whose band the mark has left."""
    for direction in range(BELOW, ABOVE + 1):
        p = next_woken(s, symbol, direction)
        while p != NO_ROW:
            leave_band(s, p)
            p = next_woken(s, symbol, direction)


@kernel
def suspend_promises(s, symbol):
    """A mark has moved and something trades before anybody is judged: where it has left a band, the pool promises nothing till then."""
    for direction in range(BELOW, ABOVE + 1):
        p = next_woken(s, symbol, direction)
        while p != NO_ROW:
            pool_edit = s.pools.edit(wallet_row(s, s.positions[p].account, s.symbols[symbol].asset))
            pool_edit.is_stale = 1
            leave_band(s, p)
            touch_pools(s, s.positions[p].account)
            p = next_woken(s, symbol, direction)


@kernel
def leave_band(s, p):
    """The mark of a position has left its band, or what it must hold is another: it is judged anew."""
    position = s.positions[p]
    if position.margin_mode == MarginMode.ISOLATED:
        touch_position(s, p)
        return
    pool_edit = s.pools.edit(wallet_row(s, position.account, s.symbols[position.symbol].asset))
    pool_edit.is_stale = 1
    touch_pools(s, position.account)


@kernel
def judge_touched(s):
    """Judge the touched pockets, whatever touched them first, and forget them.

    Accounts in ascending order; of one account its positions in order of creation, then its pools in order of asset.
    """
    control = s.control.raw(0)
    sort_by_key(s.touched, control.touched_count)
    i = 0
    while i < control.touched_count:
        key = s.touched[i].key
        account = key >> 32
        if s.accounts[account].is_house == 0:
            if key & POOL_KEY == POOL_KEY:
                _judge_pools(s, account)
            else:
                _judge_isolated(s, key & POOL_KEY)
        i += 1
    control.touched_count = 0
    control.touched_epoch += 1


@kernel
def _judge_isolated(s, p):
    """Put an isolated position among the due, or take it off; call its margin; renew its band."""
    position = s.positions[p]
    account = position.account
    asset = s.symbols[position.symbol].asset
    _forget_due(s, account, asset, p)
    if position.lots == 0:
        _band_of_flat(s, p)
        return
    balance, maintenance = isolated_balance(s, p)
    called = is_margin_called(s, balance, maintenance)
    if called != (position.is_margin_called != 0):
        position_edit = s.positions.edit(p)
        position_edit.is_margin_called = 1 if called else 0
        if called:
            _emit_margin_call(s, p, account, asset, balance, maintenance)
    if is_due(balance, maintenance):
        _add_due(s, account, asset, p, balance, maintenance)
    symbol = s.symbols[position.symbol]
    notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
    is_inverse = symbol.contract_kind == ContractKind.INVERSE
    open_band(s, p, _safe_move_e8(s, balance, maintenance, 1, _exposure_e8(s, p, notional), is_inverse))


@kernel
def _judge_pools(s, account):
    """The same for every cross pool of an account."""
    for asset in range(s.engine[0].asset_count):
        row = wallet_row(s, account, asset)
        wallet = s.wallets[row]
        if s.pools[row].is_stale != 0 or (wallet.cross_position_count > 0 and not _is_promised_safe(s, row)):
            _judge_pool(s, account, asset)
        else:
            _forget_due(s, account, asset, NO_ROW)
            if wallet.cross_position_count == 0 and wallet.is_margin_called != 0:
                wallet_edit = s.wallets.edit(row)
                wallet_edit.is_margin_called = 0


@kernel
def _is_promised_safe(s, row):
    """Whether a pool that is not stale is shown, without a walk, to be neither due nor in margin call, as it was."""
    balance = promised_balance_e8(s, row)
    if balance <= 0 or s.wallets[row].is_margin_called != 0:
        return False
    rounding = 4 * s.wallets[row].cross_position_count
    called_at = mul_e8_down(balance, s.engine[0].margin_call_ratio_e8)
    return called_at - s.pools[row].maintenance_ceiling_e8 - rounding > 0


@kernel
def _judge_pool(s, account, asset):
    """One cross pool, by a walk over its positions."""
    row = wallet_row(s, account, asset)
    wallet = s.wallets[row]
    _forget_due(s, account, asset, NO_ROW)
    move = FIRST_MOVE_E8
    called = False
    if wallet.cross_position_count > 0:
        balance, maintenance, exposure, count, has_inverse = _pool_standing(s, account, asset)
        called = is_margin_called(s, balance, maintenance)
        if called and wallet.is_margin_called == 0:
            _emit_margin_call(s, NO_ROW, account, asset, balance, maintenance)
        if is_due(balance, maintenance):
            _add_due(s, account, asset, NO_ROW, balance, maintenance)
        move = _safe_move_e8(s, balance, maintenance, count, exposure, has_inverse) // 2
        if move > MOVE_MAX_E8:
            move = MOVE_MAX_E8
    if called != (wallet.is_margin_called != 0):
        wallet_edit = s.wallets.edit(row)
        wallet_edit.is_margin_called = 1 if called else 0
    pool_edit = s.pools.edit(row)
    pool_edit.is_stale = 0
    pool_edit.move_e8 = move
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.margin_mode == MarginMode.CROSS and s.symbols[position.symbol].asset == asset:
            if position.lots != 0:
                open_band(s, p, move)
            else:
                _band_of_flat(s, p)
        p = position.next_in_account


@kernel
def _band_of_flat(s, p):
    """A flat row needs a band only for what its orders hold."""
    position = s.positions[p]
    if position.bid_lots == 0 and position.ask_lots == 0:
        close_band(s, p)
    else:
        open_band(s, p, FIRST_MOVE_E8)


@small
def _exposure_e8(s, p, notional):
    """How much of the cushion a relative move of 1 in the value of a position's lots can use at most."""
    symbol = s.symbols[s.positions[p].symbol]
    if (s.positions[p].lots > 0) == (symbol.contract_kind == ContractKind.LINEAR):
        return notional
    top = s.brackets[symbol.first_bracket + symbol.bracket_count - 1].rate_e8
    return notional + rate_up_e8(notional, top)


@kernel
def _safe_move_e8(s, balance, maintenance, position_count, exposure, has_inverse):
    """The relative move × 10^8 of all marks up to which the pocket's standing stays as it is; 0 when it may not."""
    if balance <= 0:
        return 0
    rounding = 4 * position_count  # each value, notional and maintenance is off by less than one unit
    cushion = mul_e8_down(balance, s.engine[0].margin_call_ratio_e8) - maintenance - rounding
    if cushion <= 0:
        return 0
    if has_inverse:
        exposure += cushion
    if exposure > MUL_DIV_DIVISOR_MAX:
        return 0
    if cushion >= exposure:
        return ONE_E8
    return mul_div_down(cushion, ONE_E8, exposure)


@kernel
def _pool_standing(s, account, asset):
    """(margin balance, maintenance margin, exposure, positions, whether one is inverse) of a cross pool, in one pass over them."""
    balance = s.wallets[wallet_row(s, account, asset)].cross_wallet_e8
    maintenance = 0
    exposure = 0
    count = 0
    has_inverse = False
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots != 0 and position.margin_mode == MarginMode.CROSS:
            symbol = s.symbols[position.symbol]
            if symbol.asset == asset:
                notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
                balance += unrealized_pnl_e8(
                    symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
                )
                maintenance += maintenance_margin_e8(notional, s.brackets, symbol.first_bracket, symbol.bracket_count)
                exposure += _exposure_e8(s, p, notional)
                count += 1
                if symbol.contract_kind == ContractKind.INVERSE:
                    has_inverse = True
        p = position.next_in_account
    return balance, maintenance, exposure, count, has_inverse


@kernel
def is_margin_called(s, balance, maintenance):
    """Whether maintenance ÷ balance is at or above the rulebook's margin call ratio (F12)."""
    if balance <= 0:
        return True
    return not product_is_less(maintenance, ONE_E8, s.engine[0].margin_call_ratio_e8, balance)


@kernel
def _emit_margin_call(s, p, account, asset, balance, maintenance):
    symbol = NO_ROW
    mode = MarginMode.CROSS
    position_side = PositionSide.BOTH
    if p != NO_ROW:
        symbol = s.positions[p].symbol
        mode = MarginMode.ISOLATED
        position_side = s.positions[p].position_side
    event_edit = new_event(s, EventKind.MARGIN_CALL, account, symbol)
    event_edit.position_side = position_side
    event_edit.asset = asset
    event_edit.margin_mode = mode
    event_edit.balance_e8 = balance
    event_edit.maintenance_e8 = maintenance


@kernel
def _add_due(s, account, asset, p, balance, maintenance):
    """List a due pocket, unless it waits for the next prices or clock command."""
    if p != NO_ROW:
        if s.positions[p].is_waiting != 0:
            return
    elif s.wallets[wallet_row(s, account, asset)].is_waiting != 0:
        return
    control = s.control.raw(0)
    row = control.due_count
    if row >= len(s.due):
        control.room_table = DUE_TABLE
        raise RoomNeeded("the heap of due pockets is full")
    control.due_count = row + 1
    control.due_serial += 1
    entry = s.due.raw(row)
    entry.account = account
    entry.asset = asset
    entry.position = p
    entry.balance_e8 = balance
    entry.maintenance_e8 = maintenance
    entry.serial = control.due_serial
    _set_due_serial(s, account, asset, p, control.due_serial)
    stamp = s.stamps.raw(account)
    stamp.due_count += 1
    while row > 0 and _is_worse(s, row, (row - 1) // 2):
        _swap_due(s, row, (row - 1) // 2)
        row = (row - 1) // 2


@kernel
def _forget_due(s, account, asset, p):
    """Take a pocket's entry back: it stays in the heap until it comes up, and counts no more."""
    if s.stamps[account].due_count == 0:
        return
    if _due_serial(s, account, asset, p) > s.control[0].due_serial_before:
        _set_due_serial(s, account, asset, p, 0)
        stamp = s.stamps.raw(account)
        stamp.due_count -= 1


@small
def _due_serial(s, account, asset, p):
    """Serial of the entry of a pocket; one of an earlier command or 0: it has none."""
    if p != NO_ROW:
        return s.position_stamps[p].due_serial
    return s.pool_stamps[wallet_row(s, account, asset)].due_serial


@small
def _set_due_serial(s, account, asset, p, serial):
    if p != NO_ROW:
        position_stamp = s.position_stamps.raw(p)
        position_stamp.due_serial = serial
    else:
        pool_stamp = s.pool_stamps.raw(wallet_row(s, account, asset))
        pool_stamp.due_serial = serial


@kernel
def _swap_due(s, i, j):
    first = s.due.raw(i)
    second = s.due.raw(j)
    account = first.account
    asset = first.asset
    position = first.position
    balance = first.balance_e8
    maintenance = first.maintenance_e8
    serial = first.serial
    first.account = second.account
    first.asset = second.asset
    first.position = second.position
    first.balance_e8 = second.balance_e8
    first.maintenance_e8 = second.maintenance_e8
    first.serial = second.serial
    second.account = account
    second.asset = asset
    second.position = position
    second.balance_e8 = balance
    second.maintenance_e8 = maintenance
    second.serial = serial


@kernel
def _is_worse(s, i, j):
    """Whether due entry i comes before entry j: least balance ÷ maintenance, then account, isolated first, symbol, side."""
    a = s.due[i]
    b = s.due[j]
    if a.balance_e8 < 0 and b.balance_e8 < 0:
        if product_is_less(-b.balance_e8, a.maintenance_e8, -a.balance_e8, b.maintenance_e8):
            return True
        if product_is_less(-a.balance_e8, b.maintenance_e8, -b.balance_e8, a.maintenance_e8):
            return False
    elif a.balance_e8 < 0:
        return True
    elif b.balance_e8 < 0:
        return False
    else:
        if product_is_less(a.balance_e8, b.maintenance_e8, b.balance_e8, a.maintenance_e8):
            return True
        if product_is_less(b.balance_e8, a.maintenance_e8, a.balance_e8, b.maintenance_e8):
            return False
    if a.account != b.account:
        return a.account < b.account
    if (a.position == NO_ROW) != (b.position == NO_ROW):
        return a.position != NO_ROW
    if a.position == NO_ROW:
        return a.asset < b.asset
    if s.positions[a.position].symbol != s.positions[b.position].symbol:
        return s.positions[a.position].symbol < s.positions[b.position].symbol
    return s.positions[a.position].position_side < s.positions[b.position].position_side


@kernel
def take_worst_due(s):
    """(account, asset, position) of the worst due pocket, off the heap; account NO_ROW when none is due.

    position is NO_ROW for a cross pool.
    """
    control = s.control.raw(0)
    while control.due_count > 0:
        account = s.due[0].account
        asset = s.due[0].asset
        position = s.due[0].position
        serial = s.due[0].serial
        _drop_first_due(s)
        if serial == _due_serial(s, account, asset, position):
            _set_due_serial(s, account, asset, position, 0)
            stamp = s.stamps.raw(account)
            stamp.due_count -= 1
            return account, asset, position
    return NO_ROW, NO_ROW, NO_ROW


@kernel
def _drop_first_due(s):
    """Take the first entry off the heap."""
    control = s.control.raw(0)
    count = control.due_count - 1
    _swap_due(s, 0, count)
    control.due_count = count
    row = 0
    while 2 * row + 1 < count:
        child = 2 * row + 1
        if child + 1 < count and _is_worse(s, child + 1, child):
            child += 1
        if not _is_worse(s, child, row):
            return
        _swap_due(s, row, child)
        row = child
