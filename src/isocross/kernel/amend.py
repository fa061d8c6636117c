"""Amend: a resting limit order gets another price or quantity.

Responsible for: the checks of an amendment, whether it keeps its place, taking the old order out and letting the new one trade.
Must not: match (matching.py), hold a formula.
"""

from __future__ import annotations

from ..codes import EventKind, Reason, Refusal, Side, SymbolStatus, TimeInForce
from .bands import renew_held
from .book import best_level, leave_queue, unlink_order
from .events import emit_book_level, emit_order
from .jit import kernel
from .margin import fill_value_down_e8, open_loss_e8, opening_lots
from .matching import cancel_resting, opposite, release, trade_and_rest
from .orders import is_user_account, largest_order_lots, named_order, outside_band, why_unmargined
from .pockets import margin_held_e8, own_margin_e8
from .schema import NO_ROW

KEPT_ITS_PLACE = 0  # code of AMENDED
LOST_ITS_PLACE = 1


@kernel
def amend(s, account, order_id, client_id_hash, price_ticks, lots):
    """Change the price, the quantity or both (0: as it is) of a resting limit order. Returns a Refusal.

    lots: of the whole order, what has filled included. What is refused leaves the order as it was.
    """
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    o = named_order(s, account, order_id, client_id_hash)
    if o == NO_ROW or s.orders[o].account != account:
        return Refusal.UNKNOWN_ORDER
    order = s.orders[o]
    if order.is_conditional != 0 or order.is_ladder != 0:
        return Refusal.NOT_AMENDABLE
    symbol = s.symbols[order.symbol]
    if symbol.status != SymbolStatus.TRADING:
        if symbol.status != SymbolStatus.REDUCE_ONLY or order.is_reduce_only == 0:
            return Refusal.SYMBOL_NOT_TRADING
    if price_ticks == 0:
        price_ticks = order.price_ticks
    if lots == 0:
        lots = order.original_lots
    if price_ticks < 1:
        return Refusal.PRICE_NOT_POSITIVE
    if price_ticks > symbol.price_max_ticks:
        return Refusal.PRICE_TOO_LARGE
    if price_ticks < symbol.price_min_ticks:
        return Refusal.PRICE_TOO_SMALL
    if lots < 1:
        return Refusal.QUANTITY_NOT_POSITIVE
    is_house = s.accounts[account].is_house != 0
    if lots > largest_order_lots(s, order.symbol, True, order.is_reduce_only, is_house):
        return Refusal.QUANTITY_TOO_LARGE
    rest = lots - (order.original_lots - order.lots)
    if rest > 0 and price_ticks != order.price_ticks and not is_house:
        refusal = outside_band(s, order.symbol, order.side, price_ticks)
        if refusal != Refusal.NONE:
            return refusal
    if rest > 0 and order.is_reduce_only == 0 and not is_house:
        if fill_value_down_e8(symbol.contract_kind, lots, price_ticks, symbol.tick_value_e8) < symbol.min_notional_e8:
            return Refusal.NOTIONAL_TOO_SMALL
    is_same_price = price_ticks == order.price_ticks
    if rest > 0 and order.time_in_force == TimeInForce.GTX and not is_same_price:
        level = best_level(s, order.symbol, opposite(order.side))
        if level != NO_ROW:
            best = s.levels[level].price_ticks
            if (order.side == Side.BUY and best <= price_ticks) or (order.side == Side.SELL and best >= price_ticks):
                return Refusal.POST_ONLY_TAKES
    keeps_place = is_same_price and lots <= order.original_lots
    loss = 0
    if order.is_reduce_only == 0 and not is_house and rest > 0:
        refusal, loss = _why_unmargined(s, o, price_ticks, rest, keeps_place)
        if refusal != Refusal.NONE:
            return refusal
    if is_same_price and lots == order.original_lots:
        return Refusal.NOTHING_TO_AMEND
    # ---- nothing refuses below ----
    if rest < 1:
        cancel_resting(s, o, Reason.BY_OWNER)
    elif keeps_place:
        _shrink(s, o, lots, rest, loss)
    else:
        _requeue(s, o, price_ticks, lots, rest, loss)
    return Refusal.NONE


@kernel
def _why_unmargined(s, o, price_ticks, rest, keeps_place):
    """(refusal, open loss) of what an order would become, as of a new one with the old one gone; a smaller one is never refused."""
    order = s.orders[o]
    position = s.positions[order.position]
    symbol = s.symbols[order.symbol]
    is_buy = order.side == Side.BUY
    bids = position.bid_lots
    asks = position.ask_lots
    if is_buy:
        bids -= order.lots
        same_side = bids
    else:
        asks -= order.lots
        same_side = asks
    opening = opening_lots(position.lots, same_side, is_buy, rest)
    if opening == 0:
        return Refusal.NONE, 0
    loss = open_loss_e8(
        symbol.contract_kind, is_buy, opening, symbol.step_e8, price_ticks, symbol.tick_value_e8, symbol.mark_e8
    )
    if keeps_place:
        return Refusal.NONE, loss
    freed = own_margin_e8(s, order.position) - margin_held_e8(
        s, position, position.leverage, position.lots, bids, asks, position.open_loss_e8 - order.open_loss_e8
    )
    refusal = why_unmargined(
        s,
        order.account,
        order.symbol,
        position.margin_mode,
        position.leverage,
        position.lots,
        bids,
        asks,
        order.side,
        rest,
        opening,
        price_ticks,
        loss,
        order.lots,
        freed,
    )
    return refusal, loss


@kernel
def _shrink(s, o, lots, rest, loss):
    """Fewer lots at the same price: the order keeps its place."""
    order_edit = s.orders.edit(o)
    gone = order_edit.lots - rest
    if order_edit.is_reduce_only == 0:
        position_edit = s.positions.edit(order_edit.position)
        if order_edit.side == Side.BUY:
            position_edit.bid_lots -= gone
        else:
            position_edit.ask_lots -= gone
        position_edit.open_loss_e8 += loss - order_edit.open_loss_e8
    order_edit.open_loss_e8 = loss
    order_edit.lots = rest
    order_edit.original_lots = lots
    renew_held(s, order_edit.position)
    level_edit = s.levels.edit(order_edit.level)
    level_edit.lots -= gone
    emit_order(s, EventKind.AMENDED, o, order_edit.price_ticks, rest, KEPT_ITS_PLACE)
    emit_book_level(s, order_edit.symbol, order_edit.side, order_edit.price_ticks, level_edit.lots)


@kernel
def _requeue(s, o, price_ticks, lots, rest, loss):
    """Another price or more lots: out of the book, and in again as a new order would come, at the end of every list."""
    old_price = s.orders[o].price_ticks
    unlink_order(s, o)
    left = leave_queue(s, o)
    release(s, o, s.orders[o].lots)
    order_edit = s.orders.edit(o)
    order_edit.price_ticks = price_ticks
    order_edit.lots = rest
    order_edit.original_lots = lots
    order_edit.open_loss_e8 = loss
    emit_order(s, EventKind.AMENDED, o, price_ticks, rest, LOST_ITS_PLACE)
    emit_book_level(s, order_edit.symbol, order_edit.side, old_price, left)
    trade_and_rest(s, o, False)
