"""Timers: what is to happen when the clock reaches a time: orders that expire, countdowns that cancel.

Responsible for: one heap of (time, name), least first; which of its nodes still stand. Must not: expire or cancel anything
(commands.py), read a clock: time is in the commands.

A name above 0 is an order's id, one below 0 an account in a symbol with a countdown; of one instant the countdowns come first, by account
and symbol, then the orders by id. A node whose order is closed, or whose countdown was set anew, stays behind: it is dropped
when it is popped, or when the full heap is swept.
"""

from __future__ import annotations

from ..limits import SYMBOLS_MAX
from .book import find_order
from .jit import RoomNeeded, kernel, small
from .pockets import find_settings
from .schema import NO_ROW, TABLE_INDEX

COUNTDOWNS_FROM = -(2**40)  # + account × SYMBOLS_MAX + symbol
TIMERS_TABLE = TABLE_INDEX["timers"]


@small
def countdown_name(account, symbol):
    """The name of the countdown of an account in a symbol."""
    return COUNTDOWNS_FROM + account * SYMBOLS_MAX + symbol


@small
def account_of_countdown(name):
    """The account whose countdown has this name."""
    return (name - COUNTDOWNS_FROM) // SYMBOLS_MAX


@small
def symbol_of_countdown(name):
    """The symbol whose countdown has this name."""
    return (name - COUNTDOWNS_FROM) % SYMBOLS_MAX


@small
def _comes_before(due_a, name_a, due_b, name_b):
    return due_a < due_b or (due_a == due_b and name_a < name_b)


@kernel
def _stands(s, due_ms, name):
    """Whether a node still means something."""
    if name > 0:
        o = find_order(s, name)
        return o != NO_ROW and s.orders[o].expire_ms == due_ms
    settings = find_settings(s, account_of_countdown(name), symbol_of_countdown(name))
    return settings != NO_ROW and s.countdowns[settings].due_ms == due_ms


@kernel
def set_timer(s, due_ms, name):
    """Remember that a name is due at a time."""
    if s.timer_heap[0].row_count == len(s.timers):
        _sweep(s)
    heap_edit = s.timer_heap.edit(0)
    slot = heap_edit.row_count
    heap_edit.row_count = slot + 1
    _rise(s, slot, due_ms, name)


@kernel
def _rise(s, slot, due_ms, name):
    while slot > 0:
        parent = s.timers[(slot - 1) // 4]
        if _comes_before(parent.due_ms, parent.name, due_ms, name):
            break
        _put(s, slot, parent.due_ms, parent.name)
        slot = (slot - 1) // 4
    _put(s, slot, due_ms, name)


@small
def _put(s, slot, due_ms, name):
    node_edit = s.timers.edit(slot)
    node_edit.due_ms = due_ms
    node_edit.name = name


@kernel
def _drop_top(s):
    heap_edit = s.timer_heap.edit(0)
    heap_edit.row_count -= 1
    count = heap_edit.row_count
    if count == 0:
        return
    due_ms = s.timers[count].due_ms
    name = s.timers[count].name
    slot = 0
    while 4 * slot + 1 < count:
        least = 4 * slot + 1
        for child in range(least + 1, least + 4):
            if child < count and _comes_before(
                s.timers[child].due_ms, s.timers[child].name, s.timers[least].due_ms, s.timers[least].name
            ):
                least = child
        if _comes_before(due_ms, name, s.timers[least].due_ms, s.timers[least].name):
            break
        _put(s, slot, s.timers[least].due_ms, s.timers[least].name)
        slot = least
    _put(s, slot, due_ms, name)


@kernel
def _sweep(s):
    """Make room in the full heap: drop what no longer stands; if that is less than half of it, ask for a larger table."""
    count = s.timer_heap[0].row_count
    kept = 0
    for slot in range(count):
        due_ms = s.timers[slot].due_ms
        name = s.timers[slot].name
        if _stands(s, due_ms, name):
            _rise(s, kept, due_ms, name)
            kept += 1
    if 2 * kept > count:
        control = s.control.raw(0)
        control.room_table = TIMERS_TABLE
        raise RoomNeeded("the table of timers is full")
    heap_edit = s.timer_heap.edit(0)
    heap_edit.row_count = kept


@small
def is_timer_due(s):
    """Whether the clock has reached the first node."""
    return s.timer_heap[0].row_count != 0 and s.timers[0].due_ms <= s.counters[0].time_ms


@kernel
def next_due(s):
    """Take the first name off that the clock has reached and that still stands; 0 when there is none."""
    while is_timer_due(s):
        due_ms = s.timers[0].due_ms
        name = s.timers[0].name
        _drop_top(s)
        if _stands(s, due_ms, name):
            return name
    return 0
