"""Orders: accepting, refusing and cancelling them.

Responsible for: every check between a command and an accepted order (F7, F14, F15, F33), market limits. Must not: match (matching.py), let
orders sleep (conditionals.py), move money.
A function that validates ends its checks at the line marked "nothing refuses below".
"""

from __future__ import annotations

from ..codes import (
    EventKind,
    FeeBasis,
    MarginMode,
    OrderType,
    PositionMode,
    Refusal,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
)
from ..limits import ACCOUNT_NOTIONAL_MAX_E8
from .bands import promised_available_e8
from .book import (
    best_level,
    find_client_order,
    find_order,
    lots_within,
    new_order_row,
)
from .events import emit_order, wallet_row
from .fills import is_closing, taker_fee_rate_e8
from .fixed import mul_e8_down, mul_e8_up
from .jit import kernel, small
from .margin import (
    fill_value_down_e8,
    fill_value_up_e8,
    initial_margin_e8,
    notional_e8,
    open_loss_e8,
    opening_lots,
    rate_up_e8,
    requirement_lots,
    value_down_e8,
)
from .matching import cancel_resting, opposite, trade_and_rest
from .pockets import (
    default_leverage,
    default_margin_mode,
    find_settings,
    first_side,
    is_closing_side,
    last_side,
    pool_standing,
    position_of,
    position_row,
    settings_of,
)
from .schema import NO_ROW
from .timers import set_timer


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


@small
def bound_ticks(s, symbol_row, side, rate_e8):
    """The worst price of a side within a rate of the mark, rounded toward it, on the grid of the lowest … the highest price."""
    symbol = s.symbols[symbol_row]
    if side == Side.BUY:
        bound = (symbol.mark_e8 + mul_e8_down(symbol.mark_e8, rate_e8)) // symbol.tick_e8
        if bound > symbol.price_max_ticks:
            bound = symbol.price_max_ticks
        return bound
    lowest = symbol.mark_e8 - mul_e8_down(symbol.mark_e8, rate_e8)
    bound = (lowest + symbol.tick_e8 - 1) // symbol.tick_e8
    if bound < symbol.price_min_ticks:
        bound = symbol.price_min_ticks
    return bound


@kernel
def market_limit_ticks(s, symbol_row, side, lots, own_account):
    """The limit a market order gets: the deepest level its lots need, within the symbol's bound of mark. 0: no level."""
    bound = bound_ticks(s, symbol_row, side, s.symbols[symbol_row].market_bound_rate_e8)
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
def why_unmargined(
    s, account, symbol_row, mode, leverage, lots, bids, asks, side, new_lots, opening, price_ticks, loss, old_lots, freed
):
    """BRACKET_EXCEEDED, ACCOUNT_TOO_LARGE, MARGIN_INSUFFICIENT or NONE for an opening order (F15).

    bids, asks: without the order. Where it takes the place of one that is still counted everywhere else (an amendment):
    old_lots, the lots of that one, and freed, the margin that it holds.
    """
    symbol = s.symbols[symbol_row]
    new_bids = bids
    new_asks = asks
    counted = requirement_lots(lots, bids, asks)
    if side == Side.BUY:
        new_bids += new_lots
        if old_lots != 0:
            counted = requirement_lots(lots, bids + old_lots, asks)
    else:
        new_asks += new_lots
        if old_lots != 0:
            counted = requirement_lots(lots, bids, asks + old_lots)
    needed_before = requirement_lots(lots, bids, asks)
    needed = requirement_lots(lots, new_bids, new_asks)
    if needed > symbol.lots_max:
        return Refusal.BRACKET_EXCEEDED
    required = notional_e8(symbol.contract_kind, needed, symbol.step_e8, symbol.mark_e8)
    if required > notional_cap_e8(s, symbol_row, leverage):
        return Refusal.BRACKET_EXCEEDED
    row = wallet_row(s, account, symbol.asset)
    gross = s.pools[row].gross_e8 + (needed - counted) * symbol.lot_value_max_e8
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
        fee_value = fill_value_up_e8(symbol.contract_kind, opening, price_ticks, symbol.tick_value_e8)
    need = rise + rate_up_e8(fee_value, taker_fee_rate_e8(s, account, symbol_row))
    is_isolated = mode == MarginMode.ISOLATED
    need -= freed
    if need <= promised_available_e8(s, row, is_isolated):
        return Refusal.NONE
    upnl, initial, open_order, maintenance = pool_standing(s, account, symbol.asset, is_isolated)
    wallet = s.wallets[row].cross_wallet_e8
    available = wallet + upnl - initial - open_order
    if available < -freed:
        available = -freed  # with the old order's margin freed: 0
    if is_isolated and wallet - open_order - maintenance < available:
        available = wallet - open_order - maintenance
    if need > available:
        return Refusal.MARGIN_INSUFFICIENT
    return Refusal.NONE


@small
def largest_order_lots(s, symbol_row, has_limit, is_reduce_only, is_house):
    """Most lots that one order may have. Whoever reduces is not held up by the largest market order, nor the house by either."""
    symbol = s.symbols[symbol_row]
    if is_house:
        return symbol.lots_max
    if has_limit:
        return symbol.order_lots_max
    if is_reduce_only != 0:
        return symbol.lots_max
    return symbol.market_lots_max


@kernel
def outside_band(s, symbol_row, side, price_ticks):
    """PRICE_ABOVE_BAND of a buy too far above the mark, PRICE_BELOW_BAND of a sale too far below it, else NONE (F33)."""
    symbol = s.symbols[symbol_row]
    price_e8 = price_ticks * symbol.tick_e8
    if side == Side.BUY:
        if symbol.band_up_rate_e8 != 0 and price_e8 > symbol.mark_e8 + mul_e8_down(symbol.mark_e8, symbol.band_up_rate_e8):
            return Refusal.PRICE_ABOVE_BAND
    elif symbol.band_down_rate_e8 != 0 and price_e8 < symbol.mark_e8 - mul_e8_down(symbol.mark_e8, symbol.band_down_rate_e8):
        return Refusal.PRICE_BELOW_BAND
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
    is_ladder,
    expire_ms,
):
    """A limit or market order: all checks, then acceptance, matching, and what becomes of the rest. Returns a Refusal."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol_row):
        return Refusal.UNKNOWN_SYMBOL
    position_mode = s.accounts[account].position_mode
    if position_mode == PositionMode.HEDGE and is_closing_side(position_side, side):
        is_reduce_only = 1
    symbol = s.symbols[symbol_row]
    if symbol.status != SymbolStatus.TRADING:
        is_open_to = is_reduce_only != 0 or s.accounts[account].is_house != 0
        if symbol.status != SymbolStatus.REDUCE_ONLY or not is_open_to:
            return Refusal.SYMBOL_NOT_TRADING
    if side != Side.BUY and side != Side.SELL:
        return Refusal.UNKNOWN_SIDE
    if order_type != OrderType.LIMIT and order_type != OrderType.MARKET:
        return Refusal.UNKNOWN_ORDER_TYPE
    is_market = order_type == OrderType.MARKET
    if not is_market and (time_in_force < TimeInForce.GTC or time_in_force > TimeInForce.GTD):
        return Refusal.UNKNOWN_TIME_IN_FORCE
    if position_side < first_side(position_mode) or position_side > last_side(position_mode):
        return Refusal.POSITION_SIDE_MISMATCH
    if symbol.mark_e8 == 0:
        return Refusal.NO_MARK_PRICE
    if not is_market:
        if price_ticks < 1:
            return Refusal.PRICE_NOT_POSITIVE
        if price_ticks > symbol.price_max_ticks:
            return Refusal.PRICE_TOO_LARGE
        if price_ticks < symbol.price_min_ticks:
            return Refusal.PRICE_TOO_SMALL
    if lots < 1:
        return Refusal.QUANTITY_NOT_POSITIVE
    is_house = s.accounts[account].is_house != 0
    if lots > largest_order_lots(s, symbol_row, not is_market, is_reduce_only, is_house):
        return Refusal.QUANTITY_TOO_LARGE
    if not is_market and not is_house:
        refusal = outside_band(s, symbol_row, side, price_ticks)
        if refusal != Refusal.NONE:
            return refusal
    if is_reduce_only == 0 and not is_house:
        if is_market:
            worth = value_down_e8(symbol.contract_kind, lots * symbol.step_e8, symbol.mark_e8)
        else:
            worth = fill_value_down_e8(symbol.contract_kind, lots, price_ticks, symbol.tick_value_e8)
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
    if p != NO_ROW:
        held = s.positions[p].lots
        bids = s.positions[p].bid_lots
        asks = s.positions[p].ask_lots
    if is_reduce_only != 0 and not is_closing(held, side):
        return Refusal.REDUCE_ONLY_REJECTED
    if not is_market and time_in_force == TimeInForce.GTX:
        level = best_level(s, symbol_row, opposite(side))
        if level != NO_ROW:
            best = s.levels[level].price_ticks
            if (side == Side.BUY and best <= price_ticks) or (side == Side.SELL and best >= price_ticks):
                return Refusal.POST_ONLY_TAKES
    own_account = NO_ROW
    if self_trade_prevention != SelfTradePrevention.NONE and settings != NO_ROW and s.settings[settings].order_count > 0:
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
    if not is_house and settings != NO_ROW and s.settings[settings].order_count >= symbol.orders_max:
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
            refusal = why_unmargined(
                s, account, symbol_row, mode, leverage, held, bids, asks, side, lots, opening, limit_ticks, loss, 0, 0
            )
            if refusal != Refusal.NONE:
                return refusal
    if client_id_hash != 0 and find_client_order(s, account, client_id_hash) != NO_ROW:
        return Refusal.DUPLICATE_CLIENT_ID
    is_dated = time_in_force == TimeInForce.GTD and not is_market
    if is_dated and expire_ms <= s.counters[0].time_ms:
        return Refusal.EXPIRY_NOT_AHEAD
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
    order_edit.is_ladder = is_ladder
    if is_dated:
        order_edit.expire_ms = expire_ms
    emit_order(s, EventKind.ACCEPTED, o, limit_ticks, lots, order_type)
    is_immediate = is_market or time_in_force == TimeInForce.IOC or time_in_force == TimeInForce.FOK
    if trade_and_rest(s, o, is_immediate) and is_dated:
        set_timer(s, expire_ms, order_id)
    return Refusal.NONE


@kernel
def named_order(s, account, order_id, client_id_hash):
    """Row of the order that a command names: by its id, or where that is 0 by its client id; NO_ROW: none."""
    if order_id == 0:
        return find_client_order(s, account, client_id_hash)
    return find_order(s, order_id)


@kernel
def cancel(s, account, order_id, client_id_hash, reason):
    """Cancel one resting or conditional order of an account. Returns a Refusal."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    o = named_order(s, account, order_id, client_id_hash)
    if o == NO_ROW or s.orders[o].account != account:
        return Refusal.UNKNOWN_ORDER
    # ---- nothing refuses below ----
    cancel_resting(s, o, reason)
    return Refusal.NONE


@small
def is_supported_prevention(prevention):
    """Whether a number is a rule of self-trade prevention."""
    return SelfTradePrevention.EXPIRE_MAKER <= prevention <= SelfTradePrevention.NONE


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
