"""Wakes: which positions a price has to wake: those whose mark has left their band.

Responsible for: per symbol and direction a heap of band edges, nearest first; popping what a mark has passed.
Must not: choose an edge (bands.py), judge who is woken (judge.py).

Every position row that is no house's is in both heaps of its symbol from its creation on. A key is the edge, negated for
the lower ones, so both heaps have their least key on top and a mark wakes keys ≤ mark or ≤ −mark. Keys are lazy: an edge
that moves nearer is sifted up at once, one that moves away is found out when its old key is popped. Heaps have four
children a node, lie in one table, and move to its end when they are full: whoever is woken is judged in an order of its
own, so nothing that happens depends on their shape.
"""

from __future__ import annotations

from .jit import RoomNeeded, kernel, small
from .schema import MARK_NEVER, NO_ROW, TABLE_INDEX

BELOW = 0
ABOVE = 1
FIRST_CAPACITY = 16
WAKES_TABLE = TABLE_INDEX["wakes"]


@kernel
def join_wakes(s, p, symbol):
    """Put a new position row into both heaps of its symbol, never to be woken yet."""
    for direction in range(BELOW, ABOVE + 1):
        heap = 2 * symbol + direction
        if s.wake_heaps[heap].row_count == s.wake_heaps[heap].capacity:
            _move_to_end(s, heap)
        heap_edit = s.wake_heaps.edit(heap)
        slot = heap_edit.row_count
        heap_edit.row_count = slot + 1
        _write(s, heap_edit.first, slot, direction, MARK_NEVER, p)


@kernel
def _move_to_end(s, heap):
    """Give a full heap twice the room, at the end of the table."""
    ends_edit = s.wake_heaps.edit(2 * s.engine[0].symbol_count)
    heap_edit = s.wake_heaps.edit(heap)
    capacity = 2 * heap_edit.capacity
    if capacity < FIRST_CAPACITY:
        capacity = FIRST_CAPACITY
    first = ends_edit.first
    if first + capacity > len(s.wakes):
        control = s.control.raw(0)
        control.room_table = WAKES_TABLE
        raise RoomNeeded("the table of wakes is full")
    for slot in range(heap_edit.row_count):
        old = s.wakes[heap_edit.first + slot]
        new_edit = s.wakes.edit(first + slot)
        new_edit.key_e8 = old.key_e8
        new_edit.position = old.position
    ends_edit.first = first + capacity
    heap_edit.first = first
    heap_edit.capacity = capacity


@kernel
def wake_at_edges(s, p, symbol):
    """The band of a position has new edges: whichever is nearer than its key moves up."""
    _wake_earlier(s, 2 * symbol + BELOW, BELOW, s.wake_slots[p].below, -s.bands[p].low_e8, p)
    _wake_earlier(s, 2 * symbol + ABOVE, ABOVE, s.wake_slots[p].above, s.bands[p].high_e8, p)


@kernel
def _wake_earlier(s, heap, direction, slot, key, p):
    first = s.wake_heaps[heap].first
    if key >= s.wakes[first + slot].key_e8:
        return
    while slot > 0:
        parent = (slot - 1) // 4
        above = s.wakes[first + parent]
        if above.key_e8 <= key:
            break
        _write(s, first, slot, direction, above.key_e8, above.position)
        slot = parent
    _write(s, first, slot, direction, key, p)


@kernel
def next_woken(s, symbol, direction):
    """A position whose mark has left its band on this side, NO_ROW when there is none left.

    It is not woken again before its band is opened anew, which judging it does.
    """
    heap = s.wake_heaps[2 * symbol + direction]
    if heap.row_count == 0:
        return NO_ROW
    reached = s.symbols[symbol].mark_e8
    if direction == BELOW:
        reached = -reached
    while True:
        top = s.wakes[heap.first]
        if top.key_e8 > reached:
            return NO_ROW
        p = top.position
        key = s.bands[p].high_e8
        if direction == BELOW:
            key = -s.bands[p].low_e8
        if key > reached:
            _sink_top(s, heap.first, heap.row_count, direction, key, p)
        else:
            _sink_top(s, heap.first, heap.row_count, direction, MARK_NEVER, p)
            return p


@kernel
def _sink_top(s, first, count, direction, key, p):
    """Give the top a later key."""
    slot = 0
    while 4 * slot + 1 < count:
        least = 4 * slot + 1
        least_key = s.wakes[first + least].key_e8
        for child in range(least + 1, least + 4):
            if child < count and s.wakes[first + child].key_e8 < least_key:
                least = child
                least_key = s.wakes[first + child].key_e8
        if key <= least_key:
            break
        _write(s, first, slot, direction, least_key, s.wakes[first + least].position)
        slot = least
    _write(s, first, slot, direction, key, p)


@small
def _write(s, first, slot, direction, key, p):
    wake_edit = s.wakes.edit(first + slot)
    wake_edit.key_e8 = key
    wake_edit.position = p
    slots_edit = s.wake_slots.edit(p)
    if direction == BELOW:
        slots_edit.below = slot
    else:
        slots_edit.above = slot
