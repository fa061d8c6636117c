"""Orders: accepting, refusing, cancelling and releasing them.

Responsible for: every check between a command and an accepted order (F7, F14, F15), market limits, conditionals and their
triggers. Must not: match (matching.py), move money.
A function that validates ends its checks at the line marked "nothing refuses below".
"""

from __future__ import annotations

from ..codes import (
    EventKind,
    FeeBasis,
    MarginMode,
    OrderType,
    PositionSide,
    Reason,
    Refusal,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
    WorkingType,
)
from ..limits import ACCOUNT_NOTIONAL_MAX_E8, ORDERS_PER_SYMBOL_MAX
from .book import (
    best_level,
    find_order,
    free_order_row,
    link_conditional,
    link_order,
    lots_within,
    new_order_row,
    unlink_conditional,
    unlink_order,
)
from .events import emit_order, emit_refused, new_event, wallet_row
from .fills import is_closing
from .fixed import mul_e8_down, mul_e8_up
from .jit import kernel, small
from .margin import (
    fill_value_e8,
    initial_margin_e8,
    notional_e8,
    open_loss_e8,
    opening_lots,
    rate_up_e8,
    requirement_lots,
    value_down_e8,
)
from .matching import cancel_resting, expire_rest, match, opposite, reserve, rest_in_book
from .pockets import (
    default_leverage,
    default_margin_mode,
    find_settings,
    pool_standing,
    position_of,
    position_row,
    settings_of,
)
from .schema import NO_ROW


@small
def is_user_account(s, account):
    """Whether an account exists and may be commanded: the fund may not."""
    if account < 1 or account >= s.counters[0].account_count:
        return False
    return s.accounts[account].is_open != 0


@small
def is_symbol(s, symbol):
    """Whether a symbol row exists."""
    return 0 <= symbol < s.engine[0].symbol_count


@kernel
def market_limit_ticks(s, symbol_row, side, lots, own_account):
    """The limit a market order gets: the deepest level its lots need, within the symbol's bound of mark. 0: no level."""
    symbol = s.symbols[symbol_row]
    if side == Side.BUY:
        bound = (symbol.mark_e8 + mul_e8_down(symbol.mark_e8, symbol.market_bound_rate_e8)) // symbol.tick_e8
        if bound > symbol.price_max_ticks:
            bound = symbol.price_max_ticks
    else:
        lowest = symbol.mark_e8 - mul_e8_down(symbol.mark_e8, symbol.market_bound_rate_e8)
        bound = (lowest + symbol.tick_e8 - 1) // symbol.tick_e8
        if bound < 1:
            bound = 1
    _, deepest = lots_within(s, symbol_row, opposite(side), bound, lots, own_account)
    return deepest


@kernel
def notional_cap_e8(s, symbol_row, leverage):
    """The largest notional a leverage allows: the cap of the last bracket whose top leverage is not below it."""
    symbol = s.symbols[symbol_row]
    cap = 0
    for b in range(symbol.first_bracket, symbol.first_bracket + symbol.bracket_count):
        if s.brackets[b].leverage_max >= leverage:
            cap = s.brackets[b].cap_e8
    return cap


@kernel
def _why_unmargined(s, account, symbol_row, mode, leverage, lots, bids, asks, open_loss, side, new_lots, opening, price_ticks, loss):
    """BRACKET_EXCEEDED, ACCOUNT_TOO_LARGE, MARGIN_INSUFFICIENT or NONE for an opening order (F15)."""
    symbol = s.symbols[symbol_row]
    new_bids = bids
    new_asks = asks
    if side == Side.BUY:
        new_bids += new_lots
    else:
        new_asks += new_lots
    needed_before = requirement_lots(lots, bids, asks)
    needed = requirement_lots(lots, new_bids, new_asks)
    if needed > symbol.lots_max:
        return Refusal.BRACKET_EXCEEDED
    required = notional_e8(symbol.contract_kind, needed, symbol.step_e8, symbol.mark_e8)
    if required > notional_cap_e8(s, symbol_row, leverage):
        return Refusal.BRACKET_EXCEEDED
    upnl, initial, open_order, maintenance, gross = pool_standing(
        s, account, symbol.asset, mode == MarginMode.ISOLATED
    )
    gross += fill_value_e8(
        symbol.contract_kind, needed - needed_before, symbol.price_max_ticks, symbol.tick_value_e8
    )
    if gross > ACCOUNT_NOTIONAL_MAX_E8:
        return Refusal.ACCOUNT_TOO_LARGE
    required_before = notional_e8(symbol.contract_kind, needed_before, symbol.step_e8, symbol.mark_e8)
    own = 0
    if mode == MarginMode.ISOLATED:
        own = notional_e8(symbol.contract_kind, lots, symbol.step_e8, symbol.mark_e8)
    rise = initial_margin_e8(required - own, leverage) + loss - initial_margin_e8(required_before - own, leverage)
    if s.engine[0].fee_basis == FeeBasis.MARK_VALUE:
        fee_value = notional_e8(symbol.contract_kind, opening, symbol.step_e8, symbol.mark_e8)
    else:
        fee_value = fill_value_e8(symbol.contract_kind, opening, price_ticks, symbol.tick_value_e8)
    need = rise + rate_up_e8(fee_value, symbol.taker_fee_rate_e8)
    wallet = s.wallets[wallet_row(s, account, symbol.asset)].cross_wallet_e8
    available = wallet + upnl - initial - open_order
    if available < 0:
        available = 0
    if mode == MarginMode.ISOLATED and wallet - open_order - maintenance < available:
        available = wallet - open_order - maintenance
    if need > available:
        return Refusal.MARGIN_INSUFFICIENT
    return Refusal.NONE


@kernel
def place(
    s,
    order_id,
    client_id_hash,
    account,
    symbol_row,
    side,
    order_type,
    time_in_force,
    price_ticks,
    lots,
    is_reduce_only,
    self_trade_prevention,
    position_side,
    ladder_stamp,
):
    """A limit or market order: all checks, then acceptance, matching, and what becomes of the rest. Returns a Refusal."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol_row):
        return Refusal.UNKNOWN_SYMBOL
    symbol = s.symbols[symbol_row]
    if symbol.status != SymbolStatus.TRADING:
        if symbol.status != SymbolStatus.REDUCE_ONLY or is_reduce_only == 0:
            return Refusal.SYMBOL_NOT_TRADING
    if side != Side.BUY and side != Side.SELL:
        return Refusal.UNKNOWN_SIDE
    if order_type != OrderType.LIMIT and order_type != OrderType.MARKET:
        return Refusal.UNKNOWN_ORDER_TYPE
    is_market = order_type == OrderType.MARKET
    if not is_market and (time_in_force < TimeInForce.GTC or time_in_force > TimeInForce.GTX):
        return Refusal.UNKNOWN_TIME_IN_FORCE
    if position_side != PositionSide.BOTH:
        return Refusal.POSITION_SIDE_MISMATCH
    if symbol.mark_e8 == 0:
        return Refusal.NO_MARK_PRICE
    if not is_market:
        if price_ticks < 1:
            return Refusal.PRICE_NOT_POSITIVE
        if price_ticks > symbol.price_max_ticks:
            return Refusal.PRICE_TOO_LARGE
    if lots < 1:
        return Refusal.QUANTITY_NOT_POSITIVE
    if lots > symbol.lots_max:
        return Refusal.QUANTITY_TOO_LARGE
    is_house = s.accounts[account].is_house != 0
    if is_reduce_only == 0 and not is_house:
        if is_market:
            worth = value_down_e8(symbol.contract_kind, lots * symbol.step_e8, symbol.mark_e8)
        else:
            worth = fill_value_e8(symbol.contract_kind, lots, price_ticks, symbol.tick_value_e8)
        if worth < symbol.min_notional_e8:
            return Refusal.NOTIONAL_TOO_SMALL
    settings = find_settings(s, account, symbol_row)
    mode = default_margin_mode(s, settings)
    leverage = default_leverage(s, symbol_row, settings)
    if is_house:
        mode = MarginMode.CROSS
    p = position_row(s, settings, position_side, mode)
    held = 0
    bids = 0
    asks = 0
    open_loss = 0
    if p != NO_ROW:
        held = s.positions[p].lots
        bids = s.positions[p].bid_lots
        asks = s.positions[p].ask_lots
        open_loss = s.positions[p].open_loss_e8
    if is_reduce_only != 0 and not is_closing(held, side):
        return Refusal.REDUCE_ONLY_REJECTED
    if not is_market and time_in_force == TimeInForce.GTX:
        level = best_level(s, symbol_row, opposite(side))
        if level != NO_ROW:
            best = s.levels[level].price_ticks
            if (side == Side.BUY and best <= price_ticks) or (side == Side.SELL and best >= price_ticks):
                return Refusal.POST_ONLY_TAKES
    own_account = NO_ROW
    if settings != NO_ROW and s.settings[settings].order_count > 0:
        own_account = account
    limit_ticks = price_ticks
    if is_market:
        limit_ticks = market_limit_ticks(s, symbol_row, side, lots, own_account)
        if limit_ticks == 0:
            return Refusal.NO_LIQUIDITY
    elif time_in_force == TimeInForce.FOK:
        found, _ = lots_within(s, symbol_row, opposite(side), price_ticks, lots, own_account)
        if found < lots:
            return Refusal.FILL_OR_KILL_UNFILLED
    if not is_house and settings != NO_ROW and s.settings[settings].order_count >= ORDERS_PER_SYMBOL_MAX:
        return Refusal.TOO_MANY_ORDERS
    loss = 0
    if is_reduce_only == 0 and not is_house:
        same_side = asks
        if side == Side.BUY:
            same_side = bids
        opening = opening_lots(held, same_side, side == Side.BUY, lots)
        if opening > 0:
            loss = open_loss_e8(
                symbol.contract_kind,
                side == Side.BUY,
                opening,
                symbol.step_e8,
                limit_ticks,
                symbol.tick_value_e8,
                symbol.mark_e8,
            )
            refusal = _why_unmargined(
                s, account, symbol_row, mode, leverage, held, bids, asks, open_loss, side, lots, opening, limit_ticks, loss
            )
            if refusal != Refusal.NONE:
                return refusal
    # ---- nothing refuses below ----
    p = position_of(s, settings_of(s, account, symbol_row), position_side, mode)
    o = new_order_row(s)
    order_edit = s.orders.edit(o)
    order_edit.order_id = order_id
    order_edit.client_id_hash = client_id_hash
    order_edit.price_ticks = limit_ticks
    order_edit.lots = lots
    order_edit.original_lots = lots
    order_edit.open_loss_e8 = loss
    order_edit.account = account
    order_edit.symbol = symbol_row
    order_edit.position = p
    order_edit.side = side
    order_edit.order_type = order_type
    order_edit.time_in_force = time_in_force
    order_edit.is_reduce_only = is_reduce_only
    order_edit.self_trade_prevention = self_trade_prevention
    order_edit.ladder_stamp = ladder_stamp
    emit_order(s, EventKind.ACCEPTED, o, limit_ticks, lots, order_type)
    reserve(s, o)
    reason = match(s, o, False)
    if reason == Reason.NONE and is_reduce_only != 0 and not is_closing(s.positions[p].lots, side):
        reason = Reason.REDUCE_ONLY_NOTHING_LEFT
    if s.orders[o].lots == 0:
        free_order_row(s, o)
    elif reason != Reason.NONE:
        expire_rest(s, o, reason)
    elif is_market or time_in_force == TimeInForce.IOC or time_in_force == TimeInForce.FOK:
        expire_rest(s, o, Reason.IMMEDIATE_REST)
    else:
        rest_in_book(s, o)
    return Refusal.NONE


@kernel
def cancel(s, account, order_id, reason):
    """Cancel one resting or conditional order of an account. Returns a Refusal."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    o = find_order(s, order_id)
    if o == NO_ROW or s.orders[o].account != account:
        return Refusal.UNKNOWN_ORDER
    # ---- nothing refuses below ----
    cancel_resting(s, o, reason)
    return Refusal.NONE


@small
def _is_reached(is_buy, order_type, mark_ticks, trigger_ticks):
    """Whether a trigger is reached: a stop buys high and sells low, a take-profit the reverse."""
    if is_buy == (order_type == OrderType.STOP_MARKET):
        return mark_ticks >= trigger_ticks
    return mark_ticks <= trigger_ticks


@kernel
def place_conditional(
    s,
    order_id,
    client_id_hash,
    account,
    symbol_row,
    side,
    order_type,
    trigger_ticks,
    lots,
    is_reduce_only,
    is_close_position,
    working_type,
    position_side,
    self_trade_prevention,
):
    """A stop or take-profit that sleeps until mark reaches it. Returns a Refusal."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol_row):
        return Refusal.UNKNOWN_SYMBOL
    symbol = s.symbols[symbol_row]
    if symbol.status != SymbolStatus.TRADING and symbol.status != SymbolStatus.REDUCE_ONLY:
        return Refusal.SYMBOL_NOT_TRADING
    if side != Side.BUY and side != Side.SELL:
        return Refusal.UNKNOWN_SIDE
    if order_type != OrderType.STOP_MARKET and order_type != OrderType.TAKE_PROFIT_MARKET:
        return Refusal.UNKNOWN_ORDER_TYPE
    if position_side != PositionSide.BOTH:
        return Refusal.POSITION_SIDE_MISMATCH
    if symbol.mark_e8 == 0:
        return Refusal.NO_MARK_PRICE
    if trigger_ticks < 1:
        return Refusal.PRICE_NOT_POSITIVE
    if trigger_ticks > symbol.price_max_ticks:
        return Refusal.PRICE_TOO_LARGE
    if is_close_position != 0:
        if lots != 0:
            return Refusal.CLOSE_POSITION_WITH_QUANTITY
    elif lots < 1:
        return Refusal.QUANTITY_NOT_POSITIVE
    if lots > symbol.lots_max:
        return Refusal.QUANTITY_TOO_LARGE
    if _is_reached(side == Side.BUY, order_type, symbol.mark_e8 // symbol.tick_e8, trigger_ticks):
        return Refusal.WOULD_TRIGGER_IMMEDIATELY
    settings = find_settings(s, account, symbol_row)
    is_house = s.accounts[account].is_house != 0
    if not is_house and settings != NO_ROW and s.settings[settings].conditional_count >= ORDERS_PER_SYMBOL_MAX:
        return Refusal.TOO_MANY_ORDERS
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
    link_order(s, o)
    link_conditional(s, o)
    emit_order(s, EventKind.ACCEPTED, o, trigger_ticks, lots, order_type)
    return Refusal.NONE


@kernel
def is_triggered(s, o):
    """Whether the mark, truncated to ticks, has reached a conditional."""
    order = s.orders[o]
    symbol = s.symbols[order.symbol]
    return _is_reached(
        order.side == Side.BUY, order.order_type, symbol.mark_e8 // symbol.tick_e8, order.trigger_ticks
    )


@kernel
def release_conditional(s, o):
    """A conditional has triggered: it becomes a market order with the next id, and passes every check anew."""
    order = s.orders[o]
    order_id = order.order_id
    client_id_hash = order.client_id_hash
    account = order.account
    symbol = order.symbol
    side = order.side
    lots = order.lots
    is_reduce_only = order.is_reduce_only
    prevention = order.self_trade_prevention
    held = s.positions[order.position].lots
    position_side = s.positions[order.position].position_side
    event_edit = new_event(s, EventKind.TRIGGERED, account, symbol)
    event_edit.order_id = order_id
    event_edit.side = side
    event_edit.price_ticks = order.trigger_ticks
    event_edit.mark_e8 = s.symbols[symbol].mark_e8
    if order.is_close_position != 0:
        is_reduce_only = 1
        lots = 0
        if is_closing(held, side):
            lots = abs(held)
    unlink_order(s, o)
    unlink_conditional(s, o)
    free_order_row(s, o)
    refusal = Refusal.REDUCE_ONLY_REJECTED
    if lots > 0:
        refusal = place(
            s,
            order_id + 1,
            client_id_hash,
            account,
            symbol,
            side,
            OrderType.MARKET,
            TimeInForce.IOC,
            0,
            lots,
            is_reduce_only,
            prevention,
            position_side,
            0,
        )
    if refusal != Refusal.NONE:
        emit_refused(s, account, symbol, order_id + 1, refusal)
        event_edit = new_event(s, EventKind.EXPIRED, account, symbol)
        event_edit.order_id = order_id + 1
        event_edit.side = side
        event_edit.lots = lots
        event_edit.code = Reason.TRIGGER_REFUSED


@small
def is_supported_prevention(prevention):
    """Self-trade prevention rules that matching carries out."""
    return SelfTradePrevention.EXPIRE_MAKER <= prevention <= SelfTradePrevention.EXPIRE_BOTH


@small
def is_supported_working_type(working_type):
    """Prices a trigger may watch here."""
    return working_type == WorkingType.MARK_PRICE


@kernel
def ladder_price_ticks(s, symbol_row, side, mid_e8, offset_rate_e8):
    """Price of a house level at an offset from mid, rounded to the tick away from mid; 0 when there is none."""
    symbol = s.symbols[symbol_row]
    away = mul_e8_up(mid_e8, offset_rate_e8)
    if side == Side.BUY:
        return (mid_e8 - away) // symbol.tick_e8
    ticks = (mid_e8 + away + symbol.tick_e8 - 1) // symbol.tick_e8
    if ticks > symbol.price_max_ticks:
        return 0
    return ticks
