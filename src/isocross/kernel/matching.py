"""Matching: an arriving order against the book, match by match.

Responsible for: who trades with whom, at what price, how much; self-trade prevention; reduce-only at the moment of
a match; removing orders and releasing what they held. Must not: accept or refuse an order, hold a margin formula.
Order of checks and events of one match: docs/reference/commands.md, "Matching".
"""

from __future__ import annotations

from ..codes import EventKind, Reason, SelfTradePrevention, Side
from .bands import renew_band, renew_held
from .book import (
    best_level,
    enter_queue,
    free_order_row,
    leave_queue,
    level_of,
    link_order,
    new_order_row,
    unlink_order,
    unlink_trailing,
)
from .events import (
    emit_book_level,
    emit_moved,
    emit_order,
    emit_standing,
    emit_wallet,
    new_event,
    touch_backing,
    wallet_row,
)
from .fills import (
    apply_fill,
    fee_rate_of,
    is_closing,
    may_house_trade,
    room_after_close_e8,
    trading_fee_e8,
    why_not_fill,
    why_not_pay,
)
from .jit import kernel, small
from .margin import bought_for_e8, match_value_e8, released_open_loss_e8
from .schema import FUND_ACCOUNT, NO_ROW
from .triggers import note_trade


@small
def opposite(side):
    """The other side."""
    return 1 - side


@small
def min_of(a, b):
    """The smaller of two integers."""
    if a < b:
        return a
    return b


@small
def max_of(a, b):
    """The larger of two integers."""
    if a > b:
        return a
    return b


@kernel
def reserve(s, o):
    """Count an accepted order into its position's open lots and open loss; reduce-only orders hold nothing."""
    order = s.orders[o]
    if order.is_reduce_only != 0:
        return
    position_edit = s.positions.edit(order.position)
    if order.side == Side.BUY:
        position_edit.bid_lots += order.lots
    else:
        position_edit.ask_lots += order.lots
    position_edit.open_loss_e8 += order.open_loss_e8
    renew_held(s, order.position)


@kernel
def release(s, o, lots):
    """Take `lots` off an order, filled or cancelled, with what they held. Neither the queue nor the band follows."""
    order_edit = s.orders.edit(o)
    if order_edit.is_reduce_only == 0 and order_edit.position != NO_ROW and order_edit.order_id != 0:
        position_edit = s.positions.edit(order_edit.position)
        loss = released_open_loss_e8(order_edit.open_loss_e8, lots, order_edit.lots)
        if order_edit.side == Side.BUY:
            position_edit.bid_lots -= lots
        else:
            position_edit.ask_lots -= lots
        position_edit.open_loss_e8 -= loss
        order_edit.open_loss_e8 -= loss
    order_edit.lots -= lots


@kernel
def cancel_resting(s, o, reason):
    """Cancel an open order."""
    end_order(s, o, EventKind.CANCELLED, reason)


@kernel
def end_order(s, o, kind, reason):
    """Take an order out of the book: CANCELLED or EXPIRED, BOOK_LEVEL. A conditional leaves its list and has no level."""
    order = s.orders[o]
    lots = order.lots
    symbol = order.symbol
    side = order.side
    price_ticks = order.price_ticks
    position = order.position
    if order.is_conditional != 0:
        emit_order(s, kind, o, order.trigger_ticks, lots, reason)
        unlink_order(s, o)
        unlink_trailing(s, o)
        free_order_row(s, o)
        return
    emit_order(s, kind, o, price_ticks, lots, reason)
    unlink_order(s, o)
    left = leave_queue(s, o)
    release(s, o, lots)
    renew_held(s, position)
    free_order_row(s, o)
    emit_book_level(s, symbol, side, price_ticks, left)


@kernel
def cancel_orders_of(s, p, reason):
    """Cancel the resting orders of a position, oldest first; conditionals stay."""
    o = s.positions[p].first_order
    while o != NO_ROW:
        following = s.orders[o].next_in_position
        if s.orders[o].is_conditional == 0:
            cancel_resting(s, o, reason)
        o = following


@kernel
def _cancel_spent_reduce_only(s, p):
    """A position is flat: none of its resting reduce-only orders reduces any more. Oldest first."""
    if s.positions[p].reduce_only_count == 0 or s.positions[p].lots != 0:
        return
    o = s.positions[p].first_order
    while o != NO_ROW:
        following = s.orders[o].next_in_position
        if s.orders[o].is_conditional == 0 and s.orders[o].is_reduce_only != 0:
            cancel_resting(s, o, Reason.REDUCE_ONLY_NOTHING_LEFT)
        o = following


@kernel
def _emit_filled(s, o, counterparty, price_ticks, lots, value_e8, realized, fee_e8, is_maker):
    order = s.orders[o]
    event_edit = new_event(s, EventKind.FILLED, order.account, order.symbol)
    event_edit.counterparty = counterparty
    event_edit.order_id = order.order_id
    event_edit.side = order.side
    event_edit.position_side = s.positions[order.position].position_side
    event_edit.price_ticks = price_ticks
    event_edit.lots = lots
    event_edit.value_e8 = value_e8
    event_edit.amount_e8 = realized
    event_edit.fee_e8 = fee_e8
    event_edit.is_maker = is_maker


@kernel
def _standing(s, p):
    """(lots, entry cost, isolated wallet, cross wallet) of a side as it now is."""
    position = s.positions[p]
    row = wallet_row(s, position.account, s.symbols[position.symbol].asset)
    return position.lots, position.entry_cost_e8, position.isolated_wallet_e8, s.wallets[row].cross_wallet_e8


@kernel
def _emit_side(s, p, moved, to_cross, lots, cost_e8, isolated_e8, balance):
    """What one fill changed on one side, and how it stood behind it: MARGIN_MOVED, POSITION, WALLET."""
    position = s.positions[p]
    reason = Reason.ISOLATED_FILL
    if moved < 0:
        reason = Reason.ISOLATED_CLOSE
    emit_moved(s, p, reason, moved, isolated_e8)
    emit_standing(s, p, lots, cost_e8, isolated_e8)
    if to_cross != 0:
        asset = s.symbols[position.symbol].asset
        reason = Reason.TRADE
        if position.account == FUND_ACCOUNT:
            reason = Reason.FUND_UNWIND
        emit_wallet(s, position.account, asset, reason, to_cross, balance)


@kernel
def match(s, o, is_forced):
    """Fill an order against the book until it is done or nothing more may trade.

    Takes    o: an order row that is not in the book; is_forced: a liquidation order (id 0, no check of its own side).
    Returns  Reason.NONE when it stopped for want of a crossing level or of lots; else why its rest must expire.
    """
    symbol_row = s.orders[o].symbol
    symbol = s.symbols[symbol_row]
    side = s.orders[o].side
    taker_position = s.orders[o].position
    taker_is_house = s.positions[taker_position].is_house != 0
    while s.orders[o].lots > 0:
        level = best_level(s, symbol_row, opposite(side))
        if level == NO_ROW:
            return Reason.NONE
        price_ticks = s.levels[level].price_ticks
        limit_ticks = s.orders[o].price_ticks
        if (side == Side.BUY and price_ticks > limit_ticks) or (side == Side.SELL and price_ticks < limit_ticks):
            return Reason.NONE
        m = s.levels[level].first_order
        maker_position = s.orders[m].position
        is_self_trade = s.orders[m].account == s.orders[o].account
        prevention = s.orders[o].self_trade_prevention
        if is_self_trade and prevention != SelfTradePrevention.NONE:
            if prevention == SelfTradePrevention.EXPIRE_MAKER or prevention == SelfTradePrevention.EXPIRE_BOTH:
                cancel_resting(s, m, Reason.SELF_TRADE)
            if prevention == SelfTradePrevention.EXPIRE_TAKER or prevention == SelfTradePrevention.EXPIRE_BOTH:
                return Reason.SELF_TRADE
            continue
        lots = s.orders[o].lots
        is_one_row = taker_position == maker_position  # an account that trades with itself
        taker_lots = s.positions[taker_position].lots
        taker_closes = is_closing(taker_lots, side)
        if taker_closes:
            if abs(taker_lots) < lots and not is_one_row:
                lots = abs(taker_lots)
        elif s.orders[o].is_reduce_only != 0:
            return Reason.REDUCE_ONLY_NOTHING_LEFT
        if s.orders[m].lots < lots:
            lots = s.orders[m].lots
        maker_lots = s.positions[maker_position].lots
        if is_closing(maker_lots, opposite(side)):
            if abs(maker_lots) < lots and not is_one_row:
                lots = abs(maker_lots)
        elif s.orders[m].is_reduce_only != 0:
            cancel_resting(s, m, Reason.REDUCE_ONLY_NOTHING_LEFT)
            continue
        value_e8 = match_value_e8(symbol.contract_kind, side == Side.BUY, lots, price_ticks, symbol.tick_value_e8)
        cost_e8 = bought_for_e8(symbol.contract_kind, value_e8)
        taker_fee = 0
        if not taker_is_house and (not is_forced or s.engine[0].liquidation_pays_trading_fee != 0):
            taker_fee = trading_fee_e8(s, symbol_row, lots, value_e8, fee_rate_of(s, taker_position, False))
        maker_fee = 0
        maker_is_house = s.positions[maker_position].is_house != 0
        if not maker_is_house:
            maker_fee = trading_fee_e8(s, symbol_row, lots, value_e8, fee_rate_of(s, maker_position, True))
        both_fees = 0  # of a trade of an account with itself: either side is checked with both
        if is_self_trade:
            both_fees = taker_fee + maker_fee
        if is_one_row:
            opener = o
            if taker_closes:
                opener = m
            reason = _why_not_with_itself(s, opener, lots, price_ticks, cost_e8, both_fees)
            if reason != Reason.NONE:
                if opener == o:
                    return reason
                cancel_resting(s, m, reason)
                continue
            _execute(s, o, m, level, lots, price_ticks, value_e8, taker_fee, maker_fee, False, taker_closes)
            _cancel_spent_reduce_only(s, taker_position)
            continue
        if is_forced:
            if taker_fee > 0:
                taker_fee = min_of(taker_fee, room_after_close_e8(s, taker_position, lots, cost_e8, limit_ticks))
        elif taker_is_house:
            if not may_house_trade(s, taker_position, side, lots):
                return Reason.CANNOT_BE_MARGINED
        else:
            reason = why_not_fill(s, o, lots, price_ticks, cost_e8, max_of(taker_fee, both_fees))
            if reason != Reason.NONE:
                return reason
        if maker_is_house:
            if not may_house_trade(s, maker_position, opposite(side), lots):
                cancel_resting(s, m, Reason.CANNOT_BE_MARGINED)
                continue
        else:
            reason = why_not_fill(s, m, lots, price_ticks, cost_e8, max_of(maker_fee, both_fees))
            if reason != Reason.NONE:
                cancel_resting(s, m, reason)
                continue
        _execute(s, o, m, level, lots, price_ticks, value_e8, taker_fee, maker_fee, is_forced, False)
        _cancel_spent_reduce_only(s, taker_position)
        _cancel_spent_reduce_only(s, maker_position)
    return Reason.NONE


@kernel
def _why_not_with_itself(s, opener, lots, price_ticks, cost_e8, both_fees):
    """F18 of an account that trades with itself: of the side that opens, which is first, with both fees."""
    position = s.orders[opener].position
    if s.positions[position].is_house != 0:
        if may_house_trade(s, position, s.orders[opener].side, lots):
            return Reason.NONE
        return Reason.CANNOT_BE_MARGINED
    reason = why_not_pay(s, position, both_fees)
    if reason != Reason.NONE:
        return reason
    return why_not_fill(s, opener, lots, price_ticks, cost_e8, both_fees)


@kernel
def _execute(s, o, m, level, lots, price_ticks, value_e8, taker_fee, maker_fee, is_forced, is_maker_first):
    """One match: both orders, both positions, the level, the events. Nothing in here can fail.

    is_maker_first: of an account that trades with itself, when it is the maker's side that opens.
    """
    order = s.orders[o]
    maker = s.orders[m]
    symbol_row = order.symbol
    side = order.side
    taker_position = order.position
    maker_position = maker.position
    taker_account = order.account
    maker_account = maker.account
    bought_e8 = bought_for_e8(s.symbols[symbol_row].contract_kind, value_e8)
    interest_before = _long_lots(s, taker_position) + _long_lots(s, maker_position)
    release(s, o, lots)
    taker_edit = s.orders.edit(o)
    taker_edit.filled_value_e8 += value_e8
    maker_edit = s.orders.edit(m)
    maker_edit.filled_value_e8 += value_e8
    release(s, m, lots)
    first = taker_position
    second = maker_position
    first_side = side
    first_fee = taker_fee
    second_fee = maker_fee
    if is_maker_first:
        first_side = opposite(side)
        first_fee = maker_fee
        second_fee = taker_fee
    realized, moved, to_cross = apply_fill(s, first, first_side, lots, price_ticks, bought_e8, first_fee, is_forced)
    held, cost_e8, isolated_e8, cross_e8 = _standing(s, first)  # the second fill may change the same row
    second_realized, second_moved, second_to_cross = apply_fill(
        s, second, opposite(first_side), lots, price_ticks, bought_e8, second_fee, False
    )
    renew_band(s, taker_position)
    renew_band(s, maker_position)
    level_edit = s.levels.edit(level)
    level_edit.lots -= lots
    left = level_edit.lots
    symbol_edit = s.symbols.edit(symbol_row)
    symbol_edit.last_price_ticks = price_ticks
    note_trade(s, symbol_row, price_ticks)
    symbol_edit.open_interest_lots += (
        _long_lots(s, taker_position) + _long_lots(s, maker_position) - interest_before
    )
    if is_maker_first:
        _emit_filled(s, o, maker_account, price_ticks, lots, value_e8, second_realized, taker_fee, 0)
        _emit_filled(s, m, taker_account, price_ticks, lots, value_e8, realized, maker_fee, 1)
    else:
        _emit_filled(s, o, maker_account, price_ticks, lots, value_e8, realized, taker_fee, 0)
        _emit_filled(s, m, taker_account, price_ticks, lots, value_e8, second_realized, maker_fee, 1)
    _emit_side(s, first, moved, to_cross, held, cost_e8, isolated_e8, cross_e8)
    held, cost_e8, isolated_e8, cross_e8 = _standing(s, second)
    _emit_side(s, second, second_moved, second_to_cross, held, cost_e8, isolated_e8, cross_e8)
    emit_book_level(s, symbol_row, opposite(side), price_ticks, left)
    if maker.lots == 0:
        unlink_order(s, m)
        leave_queue(s, m)
        free_order_row(s, m)
    touch_backing(s, taker_position)
    touch_backing(s, maker_position)


@small
def _long_lots(s, p):
    """Lots of a position that count into open interest."""
    lots = s.positions[p].lots
    if lots > 0:
        return lots
    return 0


@kernel
def reduce_at_once(s, p, side, limit_ticks, lots, is_forced):
    """The engine's own order, of id 0: immediate-or-cancel, reduce-only, silent. Returns (filled lots, filled value)."""
    position = s.positions[p]
    o = new_order_row(s)
    order_edit = s.orders.edit(o)
    order_edit.account = position.account
    order_edit.symbol = position.symbol
    order_edit.position = p
    order_edit.side = side
    order_edit.price_ticks = limit_ticks
    order_edit.lots = lots
    order_edit.original_lots = lots
    order_edit.is_reduce_only = 1
    match(s, o, is_forced)
    filled = lots - s.orders[o].lots
    value = s.orders[o].filled_value_e8
    free_order_row(s, o)
    return filled, value


@kernel
def trade_and_rest(s, o, is_immediate):
    """An accepted order is counted in and meets the book; what is left of it rests or expires. Returns whether it rests."""
    reserve(s, o)
    reason = match(s, o, False)
    order = s.orders[o]
    if reason == Reason.NONE and order.is_reduce_only != 0 and not is_closing(s.positions[order.position].lots, order.side):
        reason = Reason.REDUCE_ONLY_NOTHING_LEFT
    if order.lots == 0:
        free_order_row(s, o)
    elif reason != Reason.NONE:
        expire_rest(s, o, reason)
    elif is_immediate:
        expire_rest(s, o, Reason.IMMEDIATE_REST)
    else:
        rest_in_book(s, o)
        return True
    return False


@kernel
def rest_in_book(s, o):
    """An accepted limit order whose rest stays: into the book, the lists and the map."""
    level = level_of(s, o)
    link_order(s, o)
    enter_queue(s, o, level)


@kernel
def expire_rest(s, o, reason):
    """What is left of an order that is not in the book goes: EXPIRED, its margin released, its row freed."""
    order = s.orders[o]
    if order.lots > 0:
        emit_order(s, EventKind.EXPIRED, o, order.price_ticks, order.lots, reason)
        release(s, o, order.lots)
        renew_held(s, order.position)
    free_order_row(s, o)
