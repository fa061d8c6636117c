"""Told: what was committed at once, as everybody who listens is told of it.

Responsible for: Told, made once for all listeners: plain rows, the changes of orders, fills, which kinds are among them. Must not: keep anything
but the orders that live (order_life.py), know who listens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..codes import EventKind
from ..command import last_head
from ..event import Event, rows_of
from .client_ids import client_ids_in
from .fills import Fill, fills_in
from .kinds import is_of, kinds_in
from .order_life import HOUSE_ACCOUNTS, Change, OrderLives

_OF_AN_ORDER = frozenset(
    int(kind)
    for kind in (
        EventKind.REFUSED,
        EventKind.ACCEPTED,
        EventKind.CANCELLED,
        EventKind.EXPIRED,
        EventKind.TRIGGERED,
        EventKind.AMENDED,
    )
)
_BOOK_LEVEL = int(EventKind.BOOK_LEVEL)
_OF_A_LEVEL = frozenset((_BOOK_LEVEL,))
_OF_ANYTHING = frozenset(map(int, EventKind)) - _OF_AN_ORDER - _OF_A_LEVEL
_HOUSE_LAST = max(HOUSE_ACCOUNTS)
_FEW = 128  # events up to which numpy's calls would cost more than they save


class BookLevel(NamedTuple):
    """A level of a book now holds so much."""

    symbol: int
    side: int
    price_ticks: int
    lots: int
    time_ms: int


class Told(NamedTuple):
    """What was committed at once: whole commands, and all that came of them."""

    commands: np.ndarray  # COMMAND records
    results: np.ndarray  # one RESULT row per record
    events: np.ndarray
    position: int  # commands up to and with these
    orders: list[Change]  # every change of an order, in order (order_life.py)
    fills: list[Fill]  # every fill of either side, in order (fills.py)
    sequence: int  # of the last command
    time_ms: int  # and its time
    rows: list[Event]  # the events as plain integers, but for the book's and for the orders of fund and house
    levels: list[BookLevel]  # the book's
    command_kinds: frozenset[int]  # which kinds are among the commands
    event_kinds: frozenset[int]  # and among the events

    def rows_of(self, kinds: frozenset[int]) -> list[Event]:
        """Those of `rows` that are of some kinds, in order."""
        return [] if kinds.isdisjoint(self.event_kinds) else [event for event in self.rows if event.kind in kinds]


Listener = Callable[[Told], None]


def told_of(lives: OrderLives, commands: np.ndarray, results: np.ndarray, events: np.ndarray, position: int) -> Told:
    """What was committed, with what it says of orders and fills."""
    last = last_head(commands)
    rows, levels, event_kinds = _rows_in(events)
    changes = lives.walk(commands, rows, client_ids_in(commands))
    return Told(
        commands=commands,
        results=results,
        events=events,
        position=position,
        orders=changes,
        fills=fills_in(rows),
        sequence=commands["sequence"].item(last),
        time_ms=commands["time_ms"].item(last),
        rows=rows,
        levels=levels,
        command_kinds=kinds_in(commands),
        event_kinds=event_kinds,
    )


def _rows_in(events: np.ndarray) -> tuple[list[Event], list[BookLevel], frozenset[int]]:
    """`rows`, `levels` and `event_kinds` of a Told. A ladder is hundreds of orders that nobody is told of; few events are looked at one by one."""
    if len(events) > _FEW:
        is_told = is_of(events, _OF_AN_ORDER) & (events["account"] > _HOUSE_LAST) | is_of(events, _OF_ANYTHING)
        of_levels = events[is_of(events, _OF_A_LEVEL)][list(BookLevel._fields)].tolist()
        return rows_of(events[is_told]), list(map(BookLevel._make, of_levels)), kinds_in(events)
    found = rows_of(events)
    kinds = frozenset([event.kind for event in found])
    rows = [one for one in found if one.kind in _OF_ANYTHING or (one.account > _HOUSE_LAST and one.kind in _OF_AN_ORDER)]
    levels = [
        BookLevel(one.symbol, one.side, one.price_ticks, one.lots, one.time_ms)
        for one in found
        if one.kind == _BOOK_LEVEL
    ]
    return rows, levels, kinds
