"""Triggers: which sleeping conditionals a price reaches.

Responsible for: per symbol four heaps of trigger prices (mark and last, reached from below and from above), the list of
trailing stops and their extremes, the prices that a command's fills have touched, the list of what is to be released, in
order of order id. Must not: release anything (conditionals.py), judge (judge.py).

A heap holds order ids, and keys that are least where a price reaches them first. A conditional that was cancelled leaves
its node behind: it is dropped when it is popped, or when a full heap is swept. A trailing stop is in the symbol's list
instead, and every new price of its kind walks that list.
"""

from __future__ import annotations

from ..codes import OrderType, Side, WorkingType
from ..units import ONE_E8
from .book import find_order
from .fixed import product_is_less
from .jit import RoomNeeded, kernel, small
from .schema import NO_ROW, TABLE_INDEX
from .sorting import sort_by_key

UPWARD = 0  # reached by a price at or above the trigger
DOWNWARD = 1
FIRST_CAPACITY = 16
REACHED = -1  # in `extreme_ticks`: a trailing stop whose price has turned, and that waits for its release
NODES_TABLE = TABLE_INDEX["trigger_nodes"]
TRIGGERS_TABLE = TABLE_INDEX["triggers"]


@small
def is_upward(side, order_type):
    """Whether a trigger waits for the price to rise: a buy stop and a sell take-profit do."""
    is_stop = order_type == OrderType.STOP_MARKET or order_type == OrderType.STOP
    return (side == Side.BUY) == is_stop


@small
def is_reached(side, order_type, price_ticks, trigger_ticks):
    """Whether a price is at or past a trigger."""
    if is_upward(side, order_type):
        return price_ticks >= trigger_ticks
    return price_ticks <= trigger_ticks


@kernel
def watched_price_ticks(s, symbol_row, working_type):
    """The price a trigger watches, as it stands: mark truncated to ticks, or last; before the first trade mark in its place."""
    symbol = s.symbols[symbol_row]
    if working_type == WorkingType.LAST_PRICE and symbol.last_price_ticks != 0:
        return symbol.last_price_ticks
    return symbol.mark_e8 // symbol.tick_e8


@small
def _heap_of(symbol, working_type, direction):
    return 4 * symbol + 2 * working_type + direction


@kernel
def watch(s, o):
    """A conditional that is not a trailing stop waits in the heap of its price."""
    order = s.orders[o]
    direction = DOWNWARD
    key = -order.trigger_ticks
    if is_upward(order.side, order.order_type):
        direction = UPWARD
        key = order.trigger_ticks
    heap = _heap_of(order.symbol, order.working_type, direction)
    if s.trigger_heaps[heap].row_count == s.trigger_heaps[heap].capacity:
        _sweep(s, heap)
    heap_edit = s.trigger_heaps.edit(heap)
    slot = heap_edit.row_count
    heap_edit.row_count = slot + 1
    _rise(s, heap_edit.first, slot, key, order.order_id)


@kernel
def _rise(s, first, slot, key, order_id):
    while slot > 0:
        parent = s.trigger_nodes[first + (slot - 1) // 4]
        if parent.key <= key:
            break
        _put(s, first + slot, parent.key, parent.order_id)
        slot = (slot - 1) // 4
    _put(s, first + slot, key, order_id)


@small
def _put(s, row, key, order_id):
    node_edit = s.trigger_nodes.edit(row)
    node_edit.key = key
    node_edit.order_id = order_id


@kernel
def _drop_top(s, heap):
    """Take the least node off a heap: its last one sinks from the top."""
    heap_edit = s.trigger_heaps.edit(heap)
    heap_edit.row_count -= 1
    count = heap_edit.row_count
    first = heap_edit.first
    if count == 0:
        return
    key = s.trigger_nodes[first + count].key
    order_id = s.trigger_nodes[first + count].order_id
    slot = 0
    while 4 * slot + 1 < count:
        least = 4 * slot + 1
        for child in range(least + 1, least + 4):
            if child < count and s.trigger_nodes[first + child].key < s.trigger_nodes[first + least].key:
                least = child
        if key <= s.trigger_nodes[first + least].key:
            break
        _put(s, first + slot, s.trigger_nodes[first + least].key, s.trigger_nodes[first + least].order_id)
        slot = least
    _put(s, first + slot, key, order_id)


@small
def _is_sleeping(s, order_id, trigger_ticks):
    """Whether a node still stands for a conditional."""
    o = find_order(s, order_id)
    return o != NO_ROW and s.orders[o].is_conditional != 0 and s.orders[o].trigger_ticks == trigger_ticks


@kernel
def _sweep(s, heap):
    """Make room in a full heap: drop the nodes of cancelled orders; more than half full still, it moves to the end."""
    heap_edit = s.trigger_heaps.edit(heap)
    first = heap_edit.first
    count = heap_edit.row_count
    kept = 0
    for slot in range(count):
        key = s.trigger_nodes[first + slot].key
        order_id = s.trigger_nodes[first + slot].order_id
        if _is_sleeping(s, order_id, abs(key)):
            _rise(s, first, kept, key, order_id)
            kept += 1
    heap_edit.row_count = kept
    if 2 * kept <= heap_edit.capacity and heap_edit.capacity > 0:
        return
    ends_edit = s.trigger_heaps.edit(4 * s.engine[0].symbol_count)
    capacity = 2 * heap_edit.capacity
    if capacity < FIRST_CAPACITY:
        capacity = FIRST_CAPACITY
    start = ends_edit.first
    if start + capacity > len(s.trigger_nodes):
        control = s.control.raw(0)
        control.room_table = NODES_TABLE
        raise RoomNeeded("the table of triggers is full")
    for slot in range(kept):
        _put(s, start + slot, s.trigger_nodes[first + slot].key, s.trigger_nodes[first + slot].order_id)
    ends_edit.first = start + capacity
    heap_edit.first = start
    heap_edit.capacity = capacity


@kernel
def collect_reached(s, symbol, working_type, low_ticks, high_ticks):
    """List the conditionals of a symbol that a price reached which went from low to high."""
    _collect(s, _heap_of(symbol, working_type, UPWARD), high_ticks)
    _collect(s, _heap_of(symbol, working_type, DOWNWARD), -low_ticks)
    o = s.symbols[symbol].first_conditional
    while o != NO_ROW:
        order = s.orders[o]
        if order.extreme_ticks == REACHED and order.working_type == working_type:
            list_trigger(s, order.order_id)
        o = order.next_in_queue


@kernel
def _collect(s, heap, reached):
    while s.trigger_heaps[heap].row_count > 0:
        top = s.trigger_nodes[s.trigger_heaps[heap].first]
        key = top.key
        order_id = top.order_id
        if key > reached:
            return
        _drop_top(s, heap)
        if _is_sleeping(s, order_id, abs(key)):
            list_trigger(s, order_id)


@kernel
def trail(s, symbol, working_type, price_ticks):
    """A new price of a symbol: trailing stops that watch it are activated, follow it, or are reached."""
    o = s.symbols[symbol].first_conditional
    while o != NO_ROW:
        order = s.orders[o]
        if order.working_type == working_type and order.extreme_ticks != REACHED:
            _follow(s, o, price_ticks)
        o = order.next_in_queue


@kernel
def _follow(s, o, price_ticks):
    """One trailing stop and one price: inactive until its activation, then the extreme moves, or the price has turned."""
    order = s.orders[o]
    extreme = order.extreme_ticks
    if order.side == Side.SELL:
        if extreme == 0 and price_ticks < order.trigger_ticks:
            return
        if price_ticks > extreme:
            extreme = price_ticks
        elif not product_is_less(extreme, ONE_E8 - order.callback_rate_e8, price_ticks, ONE_E8):
            extreme = REACHED
    else:
        if extreme == 0 and price_ticks > order.trigger_ticks:
            return
        if extreme == 0 or price_ticks < extreme:
            extreme = price_ticks
        elif not product_is_less(price_ticks, ONE_E8, extreme, ONE_E8 + order.callback_rate_e8):
            extreme = REACHED
    if extreme != order.extreme_ticks:
        order_edit = s.orders.edit(o)
        order_edit.extreme_ticks = extreme


@kernel
def note_trade(s, symbol, price_ticks):
    """A fill moved the last price: trailing stops follow it, and the range that the command's fills went through grows."""
    if s.symbols[symbol].first_conditional != NO_ROW:
        trail(s, symbol, WorkingType.LAST_PRICE, price_ticks)
    elif (
        s.trigger_heaps[_heap_of(symbol, WorkingType.LAST_PRICE, UPWARD)].row_count == 0
        and s.trigger_heaps[_heap_of(symbol, WorkingType.LAST_PRICE, DOWNWARD)].row_count == 0
    ):
        return
    control = s.control.raw(0)
    for i in range(control.traded_count - 1, -1, -1):
        row = s.traded.raw(i)
        if row.symbol == symbol:
            if price_ticks < row.low_ticks:
                row.low_ticks = price_ticks
            if price_ticks > row.high_ticks:
                row.high_ticks = price_ticks
            return
    row = s.traded.raw(control.traded_count)
    row.symbol = symbol
    row.low_ticks = price_ticks
    row.high_ticks = price_ticks
    control.traded_count += 1


@kernel
def collect_traded(s):
    """List the conditionals on last that fills have reached since this was asked last; returns whether there are any."""
    control = s.control.raw(0)
    forget_triggers(s)
    for i in range(control.traded_count):
        row = s.traded[i]
        collect_reached(s, row.symbol, WorkingType.LAST_PRICE, row.low_ticks, row.high_ticks)
    control.traded_count = 0
    sort_by_key(s.triggers, control.trigger_count)
    return control.trigger_count > 0


@kernel
def forget_triggers(s):
    """Begin a new list of what is to be released."""
    control = s.control.raw(0)
    control.trigger_count = 0
    control.trigger_done = 0


@kernel
def list_trigger(s, order_id):
    """Put an id at the end of the list. One that is listed twice is gone when its second turn comes."""
    control = s.control.raw(0)
    if control.trigger_count >= len(s.triggers):
        control.room_table = TRIGGERS_TABLE
        raise RoomNeeded("the list of triggers is full")
    entry = s.triggers.raw(control.trigger_count)
    entry.key = order_id
    control.trigger_count += 1
