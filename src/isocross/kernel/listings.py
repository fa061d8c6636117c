"""Listings: what becomes of a symbol: its status, a delisting with settlement, its brackets, fees.

Responsible for: the checks of these commands, in the order of codes.Refusal, what they change, and whom they touch. Must not:
judge anybody (engine.py runs the tail), hold a formula.
A handler returns a Refusal; past the line marked "nothing refuses below" it returns NONE.
"""

from __future__ import annotations

from ..codes import EventKind, MarginMode, Reason, Refusal, SymbolStatus
from ..limits import BRACKETS_MAX, LEVERAGE_MAX, NOTIONAL_MAX_E8
from ..units import ONE_E8
from .bands import renew_band
from .events import emit_margin_moved, emit_position, emit_wallet, new_event, touch_backing, wallet_row
from .jit import kernel
from .judge import leave_band
from .margin import signed_value_e8
from .matching import cancel_resting
from .orders import is_symbol, is_user_account
from .schema import FUND_ACCOUNT, NO_ROW


@kernel
def set_symbol_status(s, symbol, status):
    """Trading, reduce-only, paused, delisted; the last is for good. The settlement of a delisting is a unit of its own."""
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    if status < SymbolStatus.TRADING or status > SymbolStatus.DELISTED:
        return Refusal.SYMBOL_STATUS_UNKNOWN
    if s.symbols[symbol].status == SymbolStatus.DELISTED and status != SymbolStatus.DELISTED:
        return Refusal.SYMBOL_DELISTED
    # ---- nothing refuses below ----
    symbol_edit = s.symbols.edit(symbol)
    symbol_edit.status = status
    event_edit = new_event(s, EventKind.SYMBOL_STATUS_SET, NO_ROW, symbol)
    event_edit.code = status
    p = s.symbols[symbol].first_position
    while p != NO_ROW:
        if status == SymbolStatus.DELISTED:
            _cancel_orders(s, p, True, Reason.DELISTED)
        elif status == SymbolStatus.REDUCE_ONLY and s.positions[p].is_house == 0:
            _cancel_orders(s, p, False, Reason.SYMBOL_CLOSED)
        p = s.positions[p].next_in_symbol
    return Refusal.NONE


@kernel
def _cancel_orders(s, p, is_all, reason):
    """Cancel every open order of a position, conditionals too; or those that rest and may open something. Oldest first."""
    o = s.positions[p].first_order
    while o != NO_ROW:
        following = s.orders[o].next_in_position
        if is_all or (s.orders[o].is_conditional == 0 and s.orders[o].is_reduce_only == 0):
            cancel_resting(s, o, reason)
        o = following


@kernel
def settle_delisted(s, symbol):
    """Close every position of a symbol at its mark, each for its own unrealized PnL; the fund takes what rounding left."""
    symbol_row = s.symbols[symbol]
    residue = 0
    p = symbol_row.first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots != 0:
            value = signed_value_e8(symbol_row.contract_kind, position.lots, symbol_row.step_e8, symbol_row.mark_e8)
            residue -= value
            _settle_position(s, p, value)
        p = position.next_in_symbol
    assert residue >= 0
    symbol_edit = s.symbols.edit(symbol)
    symbol_edit.open_interest_lots = 0
    if residue > 0:
        wallet_edit = s.wallets.edit(wallet_row(s, FUND_ACCOUNT, symbol_edit.asset))
        wallet_edit.cross_wallet_e8 += residue
        emit_wallet(s, FUND_ACCOUNT, symbol_edit.asset, Reason.DELISTED, residue, wallet_edit.cross_wallet_e8)


@kernel
def _settle_position(s, p, value_e8):
    """One position at its value: what it realized goes to the cross wallet, with all of an isolated wallet."""
    position_edit = s.positions.edit(p)
    asset = s.symbols[position_edit.symbol].asset
    back = value_e8 - position_edit.entry_cost_e8
    wallet_edit = s.wallets.edit(wallet_row(s, position_edit.account, asset))
    if position_edit.margin_mode == MarginMode.ISOLATED:
        back += position_edit.isolated_wallet_e8
        assert back >= 0, "who cannot bear it was liquidated before"
        position_edit.isolated_wallet_e8 = 0
    else:
        wallet_edit.cross_position_count -= 1
    position_edit.lots = 0
    position_edit.entry_cost_e8 = 0
    position_edit.is_margin_called = 0
    wallet_edit.cross_wallet_e8 += back
    renew_band(s, p)
    if position_edit.margin_mode == MarginMode.ISOLATED:
        emit_margin_moved(s, p, Reason.DELISTED, -back)
    emit_position(s, p)
    emit_wallet(s, position_edit.account, asset, Reason.DELISTED, back, wallet_edit.cross_wallet_e8)
    touch_backing(s, p)


@kernel
def set_brackets(s, symbol, top_cap_e8, first, count):
    """Another bracket table of a symbol: continuation records first … first + count − 1. Every holder is judged by it."""
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    if not _is_bracket_table(s, top_cap_e8, first, count):
        return Refusal.BRACKETS_MALFORMED
    # ---- nothing refuses below ----
    symbol_edit = s.symbols.edit(symbol)
    if count > symbol_edit.bracket_count:
        counters_edit = s.counters.edit(0)
        symbol_edit.first_bracket = counters_edit.bracket_high
        counters_edit.bracket_high += count
    symbol_edit.bracket_count = count
    symbol_edit.rules_sequence = s.control[0].sequence
    deduction = 0
    rate_before = 0
    for k in range(count):
        record = s.commands[first + k]
        deduction += _deduction_step(record.amount_e8, record.rate_e8 - rate_before)
        rate_before = record.rate_e8
        cap = top_cap_e8
        if k + 1 < count:
            cap = s.commands[first + k + 1].amount_e8
        bracket_edit = s.brackets.edit(symbol_edit.first_bracket + k)
        bracket_edit.floor_e8 = record.amount_e8
        bracket_edit.rate_e8 = record.rate_e8
        bracket_edit.deduction_e8 = deduction
        bracket_edit.cap_e8 = cap
        bracket_edit.leverage_max = record.leverage
        event_edit = new_event(s, EventKind.BRACKETS_SET, NO_ROW, symbol)
        event_edit.code = k + 1
        event_edit.value_e8 = record.amount_e8
        event_edit.rate_e8 = record.rate_e8
        event_edit.amount_e8 = deduction
        event_edit.balance_e8 = cap
        event_edit.leverage = record.leverage
    p = symbol_edit.first_position
    while p != NO_ROW:
        if s.positions[p].lots != 0 and s.positions[p].is_house == 0:
            leave_band(s, p)
        p = s.positions[p].next_in_symbol
    return Refusal.NONE


@kernel
def _deduction_step(floor_e8, rate_step_e8):
    """floor × rate step ÷ 10^8, floored: what continuity adds to the deduction (F5)."""
    return floor_e8 // ONE_E8 * rate_step_e8 + floor_e8 % ONE_E8 * rate_step_e8 // ONE_E8


@kernel
def _is_bracket_table(s, top_cap_e8, first, count):
    """Floors ascend from 0 to below the cap; rates in 0 … 1 do not fall; leverages do not rise; maintenance is continuous."""
    if count > BRACKETS_MAX or top_cap_e8 > NOTIONAL_MAX_E8:
        return False
    floor_before = -1
    rate_before = 0
    leverage_before = LEVERAGE_MAX
    for k in range(count):
        record = s.commands[first + k]
        if record.amount_e8 <= floor_before or (k == 0 and record.amount_e8 != 0) or record.amount_e8 >= top_cap_e8:
            return False
        if record.rate_e8 < 1 or record.rate_e8 > ONE_E8 or record.rate_e8 < rate_before:
            return False
        if record.leverage < 1 or record.leverage > leverage_before:
            return False
        if record.amount_e8 % ONE_E8 * (record.rate_e8 - rate_before) % ONE_E8 != 0:
            return False
        floor_before = record.amount_e8
        rate_before = record.rate_e8
        leverage_before = record.leverage
    return True


@kernel
def set_fees(s, account, symbol, first, count):
    """Fee rates of a symbol (maker, taker, and of a liquidation), or of an account (maker, taker) wherever it trades."""
    if count != 2 and (count != 3 or account != 0):
        return Refusal.MALFORMED_CONTINUATION
    if account != 0 and symbol != NO_ROW:
        return Refusal.NOT_SUPPORTED
    if account != 0 and (not is_user_account(s, account) or s.accounts[account].is_house != 0):
        return Refusal.UNKNOWN_ACCOUNT
    if account == 0 and not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    for k in range(first, first + count):
        if s.commands[k].rate_e8 < 0 or s.commands[k].rate_e8 > ONE_E8:
            return Refusal.RATE_OUT_OF_RANGE
    # ---- nothing refuses below ----
    maker = s.commands[first].rate_e8
    taker = s.commands[first + 1].rate_e8
    if account == 0:
        symbol_edit = s.symbols.edit(symbol)
        symbol_edit.maker_fee_rate_e8 = maker
        symbol_edit.taker_fee_rate_e8 = taker
        if count == 3:
            symbol_edit.liquidation_fee_rate_e8 = s.commands[first + 2].rate_e8
        symbol_edit.rules_sequence = s.control[0].sequence
        event_edit = new_event(s, EventKind.FEES_SET, NO_ROW, symbol)
        event_edit.fee_e8 = symbol_edit.liquidation_fee_rate_e8
    else:
        account_edit = s.accounts.edit(account)
        account_edit.has_own_fees = 1
        account_edit.maker_fee_rate_e8 = maker
        account_edit.taker_fee_rate_e8 = taker
        event_edit = new_event(s, EventKind.FEES_SET, account, NO_ROW)
        p = account_edit.first_position
        while p != NO_ROW:
            position_edit = s.positions.edit(p)
            position_edit.has_own_fees = 1
            p = position_edit.next_in_account
    event_edit.amount_e8 = maker
    event_edit.rate_e8 = taker
    return Refusal.NONE
