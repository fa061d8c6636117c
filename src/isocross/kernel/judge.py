"""Judge: which pockets are due, and which of them comes first.

Responsible for: judging the touched accounts, margin calls, the list of due pockets and its worst entry.
Must not: liquidate. Here that is a scan of the holders of what moved; a faster way to find the same pockets may
stand behind the same functions.

The scan passes over a position while its mark stays inside its band: the range, written when its pocket was last judged,
in which the pocket can neither become due nor cross the margin call. For a relative move of at most ρ in every mark, a
long's part of (ratio × balance − maintenance) falls by at most ρ × notional, a short's by at most ρ × notional × (1 + its
symbol's top maintenance rate), because maintenance is convex with a slope ≤ 1; so ρ = cushion ÷ Σ of those is safe.
Whatever else changes a pocket touches its account, which judges it and writes the bands anew.
"""

from __future__ import annotations

from ..codes import EventKind, MarginMode
from ..limits import MUL_DIV_DIVISOR_MAX
from ..units import ONE_E8
from .events import new_event, touch, wallet_row
from .fixed import mul_div_down, mul_e8_down, product_is_less
from .jit import RoomNeeded, kernel, small
from .margin import is_due, maintenance_margin_e8, notional_e8, rate_up_e8, unrealized_pnl_e8
from .pockets import isolated_balance
from .schema import MARK_NEVER, NO_ROW, TABLE_INDEX

DUE_TABLE = TABLE_INDEX["due"]


@kernel
def touch_holders(s, symbol):
    """Touch every account with a position in this symbol whose band the mark has left."""
    mark = s.symbols[symbol].mark_e8
    p = s.symbols[symbol].first_position
    while p != NO_ROW:
        band = s.bands[p]
        if mark <= band.low_e8 or mark >= band.high_e8:
            touch(s, band.account)
        p = band.next_in_symbol


@kernel
def touch_all_holders(s):
    """`touch_holders` for every symbol, row after row instead of along the lists: one sweep through memory.

    A symbol whose mark did not move costs at most judgements that change nothing.
    """
    for p in range(s.counters[0].position_count):
        band = s.bands[p]
        mark = s.symbols[band.symbol].mark_e8
        if mark <= band.low_e8 or mark >= band.high_e8:
            touch(s, band.account)


@kernel
def judge_touched(s):
    """Judge the touched accounts in ascending order, whatever touched them first, and forget them."""
    control = s.control.raw(0)
    _sort_touched(s, control.touched_count)
    i = 0
    while i < control.touched_count:
        _judge_account(s, s.touched[i].account)
        i += 1
    control.touched_count = 0
    control.touched_epoch += 1


@kernel
def _sort_touched(s, count):
    """Heapsort by account number, in place: a price may touch very many."""
    for start in range(count // 2 - 1, -1, -1):
        _sift_down(s, start, count)
    for end in range(count - 1, 0, -1):
        _swap_touched(s, 0, end)
        _sift_down(s, 0, end)


@kernel
def _sift_down(s, root, end):
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and s.touched[child].account < s.touched[child + 1].account:
            child += 1
        if s.touched[root].account >= s.touched[child].account:
            return
        _swap_touched(s, root, child)
        root = child


@small
def _swap_touched(s, i, j):
    first = s.touched.raw(i)
    second = s.touched.raw(j)
    account = first.account
    first.account = second.account
    second.account = account


@kernel
def _judge_account(s, account):
    """Put the due pockets of an account on the list, in place of what was there, and call margins."""
    if s.accounts[account].is_house != 0:
        return
    _forget_due(s, account)
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots == 0:
            if s.bands[p].high_e8 != MARK_NEVER:
                band_edit = s.bands.edit(p)
                band_edit.low_e8 = -1
                band_edit.high_e8 = MARK_NEVER
        elif position.margin_mode == MarginMode.ISOLATED:
            balance, maintenance = isolated_balance(s, p)
            called = is_margin_called(s, balance, maintenance)
            if called != (position.is_margin_called != 0):
                position_edit = s.positions.edit(p)
                position_edit.is_margin_called = 1 if called else 0
                if called:
                    _emit_margin_call(s, p, account, s.symbols[position.symbol].asset, balance, maintenance)
            if is_due(balance, maintenance):
                _add_due(s, account, s.symbols[position.symbol].asset, p, balance, maintenance)
            symbol = s.symbols[position.symbol]
            notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
            _write_band(s, p, _safe_move_e8(s, balance, maintenance, 1, _exposure_e8(s, p, notional)))
        p = position.next_in_account
    for asset in range(s.engine[0].asset_count):
        wallet = s.wallets[wallet_row(s, account, asset)]
        if wallet.cross_position_count > 0:
            balance, maintenance, exposure, count = _pool_standing(s, account, asset)
            called = is_margin_called(s, balance, maintenance)
            if called != (wallet.is_margin_called != 0):
                wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
                wallet_edit.is_margin_called = 1 if called else 0
                if called:
                    _emit_margin_call(s, NO_ROW, account, asset, balance, maintenance)
            if is_due(balance, maintenance):
                _add_due(s, account, asset, NO_ROW, balance, maintenance)
            _write_pool_bands(s, account, asset, _safe_move_e8(s, balance, maintenance, count, exposure))
        elif wallet.is_margin_called != 0:
            wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
            wallet_edit.is_margin_called = 0


@small
def _exposure_e8(s, p, notional):
    """How much of the cushion a relative move of 1 in the mark of a position can use at most."""
    if s.positions[p].lots > 0:
        return notional
    symbol = s.symbols[s.positions[p].symbol]
    top = s.brackets[symbol.first_bracket + symbol.bracket_count - 1].rate_e8
    return notional + rate_up_e8(notional, top)


@kernel
def _safe_move_e8(s, balance, maintenance, position_count, exposure):
    """The relative move × 10^8 of all marks up to which the pocket's standing stays as it is; 0 when it may not."""
    if balance <= 0:
        return 0
    rounding = 4 * position_count  # each value, notional and maintenance is off by less than one unit
    cushion = mul_e8_down(balance, s.engine[0].margin_call_ratio_e8) - maintenance - rounding
    if cushion <= 0:
        return 0
    if exposure > MUL_DIV_DIVISOR_MAX:
        return 0
    if cushion >= exposure:
        return ONE_E8
    return mul_div_down(cushion, ONE_E8, exposure)


@small
def _write_band(s, p, move_e8):
    """Store the range of the mark that a relative move allows."""
    mark = s.symbols[s.positions[p].symbol].mark_e8
    width = mul_e8_down(mark, move_e8)
    band_edit = s.bands.edit(p)
    band_edit.low_e8 = mark - width
    band_edit.high_e8 = mark + width


@kernel
def _pool_standing(s, account, asset):
    """(margin balance, maintenance margin, exposure, positions) of a cross pool, in one pass over its positions."""
    balance = s.wallets[wallet_row(s, account, asset)].cross_wallet_e8
    maintenance = 0
    exposure = 0
    count = 0
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
        p = position.next_in_account
    return balance, maintenance, exposure, count


@kernel
def _write_pool_bands(s, account, asset, move):
    """Bands of every position of a cross pool: all of them share the pool's safe move."""
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots != 0 and position.margin_mode == MarginMode.CROSS:
            if s.symbols[position.symbol].asset == asset:
                _write_band(s, p, move)
        p = position.next_in_account


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
    if p != NO_ROW:
        symbol = s.positions[p].symbol
        mode = MarginMode.ISOLATED
    event_edit = new_event(s, EventKind.MARGIN_CALL, account, symbol)
    event_edit.asset = asset
    event_edit.margin_mode = mode
    event_edit.balance_e8 = balance
    event_edit.maintenance_e8 = maintenance


@kernel
def _add_due(s, account, asset, p, balance, maintenance):
    control = s.control.raw(0)
    row = control.due_count
    if row >= len(s.due):
        control.room_table = DUE_TABLE
        raise RoomNeeded("the list of due pockets is full")
    control.due_count = row + 1
    entry = s.due.raw(row)
    entry.account = account
    entry.asset = asset
    entry.position = p
    entry.balance_e8 = balance
    entry.maintenance_e8 = maintenance
    stamp = s.stamps.raw(account)
    stamp.due_count += 1


@kernel
def _forget_due(s, account):
    """Take the entries of an account off the list; its order does not matter, `worst_due` has a total one."""
    stamp = s.stamps.raw(account)
    if stamp.due_count == 0:
        return
    control = s.control.raw(0)
    i = 0
    while i < control.due_count:
        if s.due[i].account == account:
            _drop_due(s, i)
        else:
            i += 1
    stamp.due_count = 0


@kernel
def _drop_due(s, i):
    control = s.control.raw(0)
    last = s.due[control.due_count - 1]
    entry = s.due.raw(i)
    entry.account = last.account
    entry.asset = last.asset
    entry.position = last.position
    entry.balance_e8 = last.balance_e8
    entry.maintenance_e8 = last.maintenance_e8
    control.due_count -= 1


@kernel
def _is_worse(s, i, j):
    """Whether due entry i comes before entry j: least balance ÷ maintenance, then account, isolated first, symbol."""
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
    return s.positions[a.position].symbol < s.positions[b.position].symbol


@kernel
def take_worst_due(s):
    """(account, asset, position) of the worst due pocket, off the list; account NO_ROW when none is due.

    position is NO_ROW for a cross pool.
    """
    control = s.control.raw(0)
    if control.due_count == 0:
        return NO_ROW, NO_ROW, NO_ROW
    worst = 0
    for i in range(1, control.due_count):
        if _is_worse(s, i, worst):
            worst = i
    entry = s.due[worst]
    account = entry.account
    asset = entry.asset
    position = entry.position
    stamp = s.stamps.raw(account)
    stamp.due_count -= 1
    _drop_due(s, worst)
    return account, asset, position
