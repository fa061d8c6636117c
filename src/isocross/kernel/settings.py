"""Settings: what an account has chosen: leverage and margin mode of a symbol, its position mode, margin moved by hand.

Responsible for: the checks of these commands, in the order of codes.Refusal, and what they change. Must not: judge an
account (engine.py runs the tail), hold a formula.
A handler returns a Refusal; past the line marked "nothing refuses below" it returns NONE.
"""

from __future__ import annotations

from ..codes import EventKind, MarginMode, PositionMode, Reason, Refusal
from .bands import renew_held
from .events import emit_margin_moved, emit_position, emit_wallet, new_event, touch_backing, wallet_row
from .jit import kernel
from .margin import notional_e8, requirement_lots
from .orders import is_symbol, is_user_account, notional_cap_e8
from .pockets import (
    available_e8,
    default_margin_mode,
    find_settings,
    first_side,
    last_side,
    margin_held_e8,
    max_add_margin_e8,
    max_remove_margin_e8,
    own_margin_e8,
    position_row,
    settings_of,
)
from .schema import NO_ROW


@kernel
def set_leverage(s, account, symbol, leverage):
    """Leverage of an account in a symbol, of both sides of a hedge alike. Moves no money."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    row = s.symbols[symbol]
    top = s.brackets[row.first_bracket].leverage_max
    if leverage < 1 or leverage > top or leverage > s.engine[0].leverage_max:
        return Refusal.LEVERAGE_OUT_OF_RANGE
    refusal = _why_not_leverage(s, account, symbol, leverage)
    if refusal != Refusal.NONE:
        return refusal
    # ---- nothing refuses below ----
    settings = settings_of(s, account, symbol)
    settings_edit = s.settings.edit(settings)
    settings_edit.leverage = leverage
    settings_edit.leverage_sequence = s.control[0].sequence
    _set_position_leverage(s, settings_edit.both_cross, leverage)
    _set_position_leverage(s, settings_edit.both_isolated, leverage)
    _set_position_leverage(s, settings_edit.long_cross, leverage)
    _set_position_leverage(s, settings_edit.long_isolated, leverage)
    _set_position_leverage(s, settings_edit.short_cross, leverage)
    _set_position_leverage(s, settings_edit.short_isolated, leverage)
    event_edit = new_event(s, EventKind.LEVERAGE_SET, account, symbol)
    event_edit.leverage = leverage
    return Refusal.NONE


@kernel
def _why_not_leverage(s, account, symbol, leverage):
    """What of the positions and orders of an account in a symbol forbids a leverage; a hedge holds for both its sides."""
    if s.accounts[account].is_house != 0:
        return Refusal.NONE
    row = s.symbols[symbol]
    settings = find_settings(s, account, symbol)
    mode = default_margin_mode(s, settings)
    position_mode = s.accounts[account].position_mode
    has_isolated = False
    is_lowered = False
    rise = 0
    for side in range(first_side(position_mode), last_side(position_mode) + 1):
        p = position_row(s, settings, side, mode)
        if p != NO_ROW:
            position = s.positions[p]
            needed = requirement_lots(position.lots, position.bid_lots, position.ask_lots)
            required = notional_e8(row.contract_kind, needed, row.step_e8, row.mark_e8)
            if required > notional_cap_e8(s, symbol, leverage):
                return Refusal.LEVERAGE_ABOVE_BRACKET
            if leverage < position.leverage:
                is_lowered = True
            if mode == MarginMode.ISOLATED and position.lots != 0:
                has_isolated = True
            rise += margin_held_e8(
                s, position, leverage, position.lots, position.bid_lots, position.ask_lots, position.open_loss_e8
            ) - own_margin_e8(s, p)
    if is_lowered:
        if has_isolated:
            return Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION
        available, _ = available_e8(s, account, row.asset)
        if rise > available:
            return Refusal.LEVERAGE_MARGIN_INSUFFICIENT
    return Refusal.NONE


@kernel
def _set_position_leverage(s, p, leverage):
    if p != NO_ROW:
        position_edit = s.positions.edit(p)
        position_edit.leverage = leverage
        if position_edit.bid_lots != 0 or position_edit.ask_lots != 0 or position_edit.lots != 0:
            renew_held(s, p)


@kernel
def set_margin_mode(s, account, symbol, mode):
    """The mode of the next position in a symbol: only while it is flat and orderless there."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    if mode != MarginMode.CROSS and mode != MarginMode.ISOLATED:
        return Refusal.MARGIN_MODE_UNKNOWN
    settings = find_settings(s, account, symbol)
    current = default_margin_mode(s, settings)
    if s.accounts[account].is_house != 0:
        current = MarginMode.CROSS
        if mode != current:
            return Refusal.NOT_SUPPORTED
    if current == mode:
        return Refusal.MARGIN_MODE_UNCHANGED
    if settings != NO_ROW:
        if s.settings[settings].order_count != 0 or s.settings[settings].conditional_count != 0:
            return Refusal.MARGIN_MODE_HAS_ORDERS
        position_mode = s.accounts[account].position_mode
        for side in range(first_side(position_mode), last_side(position_mode) + 1):
            p = position_row(s, settings, side, current)
            if p != NO_ROW and s.positions[p].lots != 0:
                return Refusal.MARGIN_MODE_HAS_POSITION
    # ---- nothing refuses below ----
    settings_edit = s.settings.edit(settings_of(s, account, symbol))
    settings_edit.margin_mode = mode
    settings_edit.margin_mode_sequence = s.control[0].sequence
    event_edit = new_event(s, EventKind.MARGIN_MODE_SET, account, symbol)
    event_edit.margin_mode = mode
    return Refusal.NONE


@kernel
def set_position_mode(s, account, position_mode):
    """One signed position per symbol, or a long and a short: of a whole account, only while it is flat and orderless."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if s.accounts[account].is_house != 0 and position_mode == PositionMode.HEDGE:
        return Refusal.NOT_SUPPORTED
    if s.accounts[account].position_mode == position_mode:
        return Refusal.POSITION_MODE_UNCHANGED
    has_position = False
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.first_order != NO_ROW:
            return Refusal.POSITION_MODE_HAS_ORDERS
        if position.lots != 0:
            has_position = True
        p = position.next_in_account
    if has_position:
        return Refusal.POSITION_MODE_HAS_POSITION
    if position_mode != PositionMode.ONE_WAY and position_mode != PositionMode.HEDGE:
        return Refusal.POSITION_MODE_UNKNOWN
    # ---- nothing refuses below ----
    account_edit = s.accounts.edit(account)
    account_edit.position_mode = position_mode
    event_edit = new_event(s, EventKind.POSITION_MODE_SET, account, NO_ROW)
    event_edit.code = position_mode
    return Refusal.NONE


@kernel
def move_margin(s, account, symbol, position_side, amount, is_add):
    """Add to or remove from the isolated wallet of an open position (F14)."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    if amount < 1:
        return Refusal.AMOUNT_NOT_POSITIVE
    position_mode = s.accounts[account].position_mode
    if position_side < first_side(position_mode) or position_side > last_side(position_mode):
        return Refusal.POSITION_SIDE_MISMATCH
    settings = find_settings(s, account, symbol)
    if default_margin_mode(s, settings) != MarginMode.ISOLATED:
        return Refusal.MARGIN_NOT_ISOLATED
    p = position_row(s, settings, position_side, MarginMode.ISOLATED)
    if p == NO_ROW or s.positions[p].lots == 0:
        return Refusal.MARGIN_NO_POSITION
    asset = s.symbols[symbol].asset
    if is_add:
        if amount > max_add_margin_e8(s, account, asset):
            return Refusal.MARGIN_ADD_TOO_LARGE
    elif amount > max_remove_margin_e8(s, p):
        return Refusal.MARGIN_REMOVE_TOO_LARGE
    # ---- nothing refuses below ----
    reason = Reason.ADD_MARGIN
    if not is_add:
        amount = -amount
        reason = Reason.REMOVE_MARGIN
    position_edit = s.positions.edit(p)
    position_edit.isolated_wallet_e8 += amount
    wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
    wallet_edit.cross_wallet_e8 -= amount
    emit_margin_moved(s, p, reason, amount)
    emit_position(s, p)
    emit_wallet(s, account, asset, reason, -amount, wallet_edit.cross_wallet_e8)
    touch_backing(s, p)
    return Refusal.NONE
