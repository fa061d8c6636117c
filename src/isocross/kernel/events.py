"""Events: the one way a fact leaves the kernel.

Responsible for: appending EVENT rows, one function per kind, and the list of touched pockets.
Must not: decide anything, or read a position to compute a number. Field meanings: docs/reference/commands.md.
"""

from __future__ import annotations

from ..codes import EventKind, MarginMode
from .jit import RoomNeeded, kernel, small
from .schema import FUND_ACCOUNT, NO_ROW, POOL_KEY, TABLE_INDEX

EVENTS_TABLE = TABLE_INDEX["events"]


@kernel
def new_event(s, kind, account, symbol):
    """A cleared EVENT row for a fact about an account and a symbol (NO_ROW where there is none)."""
    control = s.control.raw(0)
    row = control.event_count
    if row >= len(s.events):
        control.room_table = EVENTS_TABLE
        raise RoomNeeded("the event buffer is full")
    control.event_count = row + 1
    event = s.events.raw(row)
    event.sequence = control.sequence
    event.time_ms = s.counters[0].time_ms
    event.order_id = 0
    event.price_ticks = 0
    event.lots = 0
    event.value_e8 = 0
    event.amount_e8 = 0
    event.fee_e8 = 0
    event.balance_e8 = 0
    event.maintenance_e8 = 0
    event.mark_e8 = 0
    event.index_e8 = 0
    event.rate_e8 = 0
    event.account = account
    event.counterparty = NO_ROW
    event.symbol = symbol
    event.kind = kind
    event.code = 0
    event.asset = NO_ROW
    event.leverage = 0
    event.side = 0
    event.margin_mode = 0
    event.position_side = 0
    event.is_maker = 0
    return event


@kernel
def emit_wallet(s, account, asset, reason, amount_e8, balance_e8):
    """The cross wallet changed by `amount_e8` and is now `balance_e8`; nothing when it did not change."""
    if amount_e8 == 0:
        return
    event_edit = new_event(s, EventKind.WALLET, account, NO_ROW)
    event_edit.asset = asset
    event_edit.code = reason
    event_edit.amount_e8 = amount_e8
    event_edit.balance_e8 = balance_e8


@kernel
def emit_position(s, p):
    """The position as it now is."""
    position = s.positions[p]
    emit_standing(s, p, position.lots, position.entry_cost_e8, position.isolated_wallet_e8)


@kernel
def emit_standing(s, p, lots, entry_cost_e8, isolated_wallet_e8):
    """POSITION with numbers of a moment that may be past already."""
    position = s.positions[p]
    event_edit = new_event(s, EventKind.POSITION, position.account, position.symbol)
    event_edit.position_side = position.position_side
    event_edit.margin_mode = position.margin_mode
    event_edit.lots = lots
    event_edit.value_e8 = entry_cost_e8
    event_edit.balance_e8 = isolated_wallet_e8


@kernel
def emit_margin_moved(s, p, reason, amount_e8):
    """`amount_e8` moved into (> 0) or out of (< 0) the isolated wallet of a position; nothing when 0."""
    emit_moved(s, p, reason, amount_e8, s.positions[p].isolated_wallet_e8)


@kernel
def emit_moved(s, p, reason, amount_e8, isolated_wallet_e8):
    """MARGIN_MOVED with the isolated wallet of a moment that may be past already; nothing when 0."""
    if amount_e8 == 0:
        return
    position = s.positions[p]
    event_edit = new_event(s, EventKind.MARGIN_MOVED, position.account, position.symbol)
    event_edit.position_side = position.position_side
    event_edit.code = reason
    event_edit.amount_e8 = amount_e8
    event_edit.balance_e8 = isolated_wallet_e8


@kernel
def emit_order(s, kind, o, price_ticks, lots, code):
    """ACCEPTED, CANCELLED, EXPIRED: what became of `lots` of an order."""
    order = s.orders[o]
    event_edit = new_event(s, kind, order.account, order.symbol)
    event_edit.order_id = order.order_id
    event_edit.side = order.side
    event_edit.position_side = s.positions[order.position].position_side
    event_edit.price_ticks = price_ticks
    event_edit.lots = lots
    event_edit.code = code


@kernel
def emit_book_level(s, symbol, side, price_ticks, lots):
    """A price level of the book now holds `lots`."""
    event_edit = new_event(s, EventKind.BOOK_LEVEL, NO_ROW, symbol)
    event_edit.side = side
    event_edit.price_ticks = price_ticks
    event_edit.lots = lots


@kernel
def emit_refused(s, account, symbol, order_id, refusal):
    """A command, or an order that a conditional released, was refused."""
    event_edit = new_event(s, EventKind.REFUSED, account, symbol)
    event_edit.order_id = order_id
    event_edit.code = refusal


@small
def wallet_row(s, account, asset):
    """Row of the wallet of an account in a margin asset."""
    return account * s.engine[0].asset_count + asset


@kernel
def touch_pools(s, account):
    """Remember that the command changed a cross pool of this account, so that the tail judges it; the fund never is."""
    if account == FUND_ACCOUNT:
        return
    control = s.control.raw(0)
    stamp = s.stamps.raw(account)
    if stamp.epoch == control.touched_epoch:
        return
    stamp.epoch = control.touched_epoch
    _list_touched(s, account, POOL_KEY)


@kernel
def touch_position(s, p):
    """The same for an isolated position."""
    stamp = s.position_stamps.raw(p)
    if stamp.epoch == s.control[0].touched_epoch:
        return
    stamp.epoch = s.control[0].touched_epoch
    _list_touched(s, s.positions[p].account, p)


@kernel
def touch_backing(s, p):
    """A position has changed: what backs it, and the pool that its fees and moved margin concern, are judged."""
    if s.positions[p].is_house != 0:
        return
    if s.positions[p].margin_mode == MarginMode.ISOLATED:
        touch_position(s, p)
    touch_pools(s, s.positions[p].account)


@small
def _list_touched(s, account, key):
    control = s.control.raw(0)
    entry = s.touched.raw(control.touched_count)
    entry.key = (account << 32) + key
    control.touched_count += 1
