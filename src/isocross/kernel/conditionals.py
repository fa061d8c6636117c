"""Conditionals: stops, take-profits and trailing stops from acceptance to release.

Responsible for: every check of a sleeping order, waking it as a market or limit order that passes every check anew, price protection (F28).
Must not: find out which are reached (triggers.py), match (matching.py).
A function that validates ends its checks at the line marked "nothing refuses below".
"""

from __future__ import annotations

from ..codes import EventKind, OrderType, PositionMode, Reason, Refusal, Side, SymbolStatus, TimeInForce, WorkingType
from ..limits import CALLBACK_MAX_E8
from ..units import ONE_E8
from .book import (
    find_client_order,
    free_order_row,
    link_order,
    link_trailing,
    new_order_row,
    unlink_order,
    unlink_trailing,
)
from .events import emit_order, emit_refused, new_event
from .fills import is_closing
from .fixed import product_is_less
from .jit import kernel, small
from .orders import is_symbol, is_user_account, largest_order_lots, place
from .pockets import find_settings, first_side, is_closing_side, last_side, position_of, settings_of
from .schema import NO_ROW
from .timers import set_timer
from .triggers import is_reached, watch, watched_price_ticks


@kernel
def place_conditional(
    s,
    order_id,
    client_id_hash,
    account,
    symbol_row,
    side,
    order_type,
    time_in_force,
    price_ticks,
    trigger_ticks,
    callback_rate_e8,
    lots,
    is_reduce_only,
    is_close_position,
    working_type,
    position_side,
    self_trade_prevention,
    expire_ms,
    is_price_protected,
):
    """A stop, take-profit or trailing stop that sleeps until mark or last reaches it. Returns a Refusal."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol_row):
        return Refusal.UNKNOWN_SYMBOL
    symbol = s.symbols[symbol_row]
    if symbol.status != SymbolStatus.TRADING and symbol.status != SymbolStatus.REDUCE_ONLY:
        return Refusal.SYMBOL_NOT_TRADING
    is_trailing = order_type == OrderType.TRAILING_STOP_MARKET
    has_limit = order_type == OrderType.STOP or order_type == OrderType.TAKE_PROFIT
    if is_trailing and (callback_rate_e8 < 1 or callback_rate_e8 > CALLBACK_MAX_E8):
        return Refusal.RATE_OUT_OF_RANGE
    if side != Side.BUY and side != Side.SELL:
        return Refusal.UNKNOWN_SIDE
    if order_type < OrderType.STOP_MARKET or order_type > OrderType.TRAILING_STOP_MARKET:
        return Refusal.UNKNOWN_ORDER_TYPE
    if has_limit and (time_in_force < TimeInForce.GTC or time_in_force > TimeInForce.GTD):
        return Refusal.UNKNOWN_TIME_IN_FORCE
    position_mode = s.accounts[account].position_mode
    if position_side < first_side(position_mode) or position_side > last_side(position_mode):
        return Refusal.POSITION_SIDE_MISMATCH
    if symbol.mark_e8 == 0:
        return Refusal.NO_MARK_PRICE
    if (trigger_ticks < 1 and not (is_trailing and trigger_ticks == 0)) or (has_limit and price_ticks < 1):
        return Refusal.PRICE_NOT_POSITIVE
    if trigger_ticks > symbol.price_max_ticks or (has_limit and price_ticks > symbol.price_max_ticks):
        return Refusal.PRICE_TOO_LARGE
    if has_limit and price_ticks < symbol.price_min_ticks:
        return Refusal.PRICE_TOO_SMALL
    if is_close_position != 0:
        if lots != 0:
            return Refusal.CLOSE_POSITION_WITH_QUANTITY
    elif lots < 1:
        return Refusal.QUANTITY_NOT_POSITIVE
    is_house = s.accounts[account].is_house != 0
    if lots > largest_order_lots(s, symbol_row, has_limit, is_reduce_only, is_house):
        return Refusal.QUANTITY_TOO_LARGE
    if position_mode == PositionMode.HEDGE and (is_reduce_only != 0 or is_close_position != 0):
        if not is_closing_side(position_side, side):
            return Refusal.REDUCE_ONLY_REJECTED
    watched = watched_price_ticks(s, symbol_row, working_type)
    if watched != 0 and _would_trigger(side, order_type, watched, trigger_ticks):
        return Refusal.WOULD_TRIGGER_IMMEDIATELY
    settings = find_settings(s, account, symbol_row)
    if not is_house and settings != NO_ROW and s.settings[settings].conditional_count >= symbol.conditional_orders_max:
        return Refusal.TOO_MANY_ORDERS
    if client_id_hash != 0 and find_client_order(s, account, client_id_hash) != NO_ROW:
        return Refusal.DUPLICATE_CLIENT_ID
    if working_type != WorkingType.MARK_PRICE and working_type != WorkingType.LAST_PRICE:
        return Refusal.UNKNOWN_WORKING_TYPE
    if watched == 0:
        return Refusal.NO_MARK_PRICE  # it is below one tick
    if is_close_position != 0 and order_type != OrderType.STOP_MARKET and order_type != OrderType.TAKE_PROFIT_MARKET:
        return Refusal.CLOSE_POSITION_ORDER_TYPE
    is_dated = has_limit and time_in_force == TimeInForce.GTD
    if is_dated and expire_ms <= s.counters[0].time_ms:
        return Refusal.EXPIRY_NOT_AHEAD
    # ---- nothing refuses below ----
    settings = settings_of(s, account, symbol_row)
    p = position_of(s, settings, position_side, s.settings[settings].margin_mode)
    o = new_order_row(s)
    order_edit = s.orders.edit(o)
    order_edit.order_id = order_id
    order_edit.client_id_hash = client_id_hash
    order_edit.trigger_ticks = trigger_ticks
    order_edit.lots = lots
    order_edit.original_lots = lots
    order_edit.account = account
    order_edit.symbol = symbol_row
    order_edit.position = p
    order_edit.side = side
    order_edit.order_type = order_type
    order_edit.is_reduce_only = is_reduce_only
    order_edit.is_close_position = is_close_position
    order_edit.working_type = working_type
    order_edit.self_trade_prevention = self_trade_prevention
    order_edit.is_conditional = 1
    if is_price_protected != 0:
        order_edit.is_price_protected = 1
    if is_dated:
        order_edit.expire_ms = expire_ms
    if has_limit:
        order_edit.price_ticks = price_ticks
        order_edit.time_in_force = time_in_force
    if is_trailing:
        order_edit.callback_rate_e8 = callback_rate_e8
        if trigger_ticks == 0:
            order_edit.trigger_ticks = watched
            order_edit.extreme_ticks = watched
    link_order(s, o)
    if is_trailing:
        link_trailing(s, o)
    else:
        watch(s, o)
    if is_dated:
        set_timer(s, expire_ms, order_id)
    emit_order(s, EventKind.ACCEPTED, o, order_edit.trigger_ticks, lots, order_type)
    return Refusal.NONE


@small
def _would_trigger(side, order_type, watched_ticks, trigger_ticks):
    """Whether the price is past the trigger already; of a trailing stop: past the price that activates it."""
    if order_type == OrderType.TRAILING_STOP_MARKET:
        if trigger_ticks == 0:
            return False
        if side == Side.SELL:
            return watched_ticks >= trigger_ticks
        return watched_ticks <= trigger_ticks
    return is_reached(side, order_type, watched_ticks, trigger_ticks)


@kernel
def release_conditional(s, o):
    """A conditional has triggered: a market or limit order with the next id takes its place and passes every check anew."""
    order = s.orders[o]
    if order.is_price_protected != 0 and _is_apart(s, order.symbol):
        _hold(s, o)
        return
    order_id = order.order_id
    client_id_hash = order.client_id_hash
    expire_ms = order.expire_ms
    account = order.account
    symbol = order.symbol
    side = order.side
    lots = order.lots
    is_reduce_only = order.is_reduce_only
    prevention = order.self_trade_prevention
    held = s.positions[order.position].lots
    position_side = s.positions[order.position].position_side
    order_type = OrderType.MARKET
    time_in_force = TimeInForce.IOC
    price_ticks = 0
    if order.order_type == OrderType.STOP or order.order_type == OrderType.TAKE_PROFIT:
        order_type = OrderType.LIMIT
        time_in_force = order.time_in_force
        price_ticks = order.price_ticks
    event_edit = new_event(s, EventKind.TRIGGERED, account, symbol)
    event_edit.order_id = order_id
    event_edit.side = side
    event_edit.position_side = position_side
    event_edit.price_ticks = order.trigger_ticks
    event_edit.mark_e8 = s.symbols[symbol].mark_e8
    if order.is_close_position != 0:
        is_reduce_only = 1
        lots = 0
        if is_closing(held, side):
            lots = abs(held)
    unlink_order(s, o)
    unlink_trailing(s, o)
    free_order_row(s, o)
    refusal = place(
        s,
        order_id + 1,
        client_id_hash,
        account,
        symbol,
        side,
        order_type,
        time_in_force,
        price_ticks,
        lots,
        is_reduce_only,
        prevention,
        position_side,
        0,
        expire_ms,
    )
    if refusal == Refusal.QUANTITY_NOT_POSITIVE:  # of a close-position order: there is nothing to close
        refusal = Refusal.REDUCE_ONLY_REJECTED
    if refusal != Refusal.NONE:
        emit_refused(s, account, symbol, order_id + 1, refusal)
        event_edit = new_event(s, EventKind.EXPIRED, account, symbol)
        event_edit.order_id = order_id + 1
        event_edit.side = side
        event_edit.position_side = position_side
        event_edit.lots = lots
        event_edit.code = Reason.TRIGGER_REFUSED


@kernel
def _is_apart(s, symbol_row):
    """Whether the last price is further from the mark than the symbol's bound for protected triggers (F28)."""
    symbol = s.symbols[symbol_row]
    if symbol.last_price_ticks == 0:
        return False
    gap = abs(symbol.last_price_ticks * symbol.tick_e8 - symbol.mark_e8)
    return product_is_less(symbol.mark_e8, symbol.trigger_protect_rate_e8, gap, ONE_E8)


@kernel
def _hold(s, o):
    """A protected conditional was reached while mark and last are apart: it sleeps on, as if it had not been."""
    order = s.orders[o]
    if order.order_type != OrderType.TRAILING_STOP_MARKET:
        watch(s, o)
    if order.is_held != 0:
        return
    order_edit = s.orders.edit(o)
    order_edit.is_held = 1
    event_edit = new_event(s, EventKind.TRIGGER_HELD, order.account, order.symbol)
    event_edit.order_id = order.order_id
    event_edit.side = order.side
    event_edit.price_ticks = s.symbols[order.symbol].last_price_ticks
    event_edit.mark_e8 = s.symbols[order.symbol].mark_e8
