"""Amendments: what price and quantity orders had before and after each change.

Responsible for: keeping the changes, those of one order. Must not: follow an order's life (order_life.py does).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from ...codes import EventKind
from ..order_life import OrderRecord
from ..told import Told
from .store import ReadStore

TABLE = """
CREATE TABLE amendments (amendment_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    ticks_before INTEGER NOT NULL, ticks_after INTEGER NOT NULL, lots_before INTEGER NOT NULL, lots_after INTEGER NOT NULL);
CREATE INDEX amendments_of_order ON amendments (order_id, amendment_id);
"""


class Amendment(NamedTuple):
    """One change of an order."""

    amendment_id: int  # in order, never used twice
    order_id: int
    time_ms: int
    ticks_before: int
    ticks_after: int
    lots_before: int
    lots_after: int


class Amendments:
    """The changes of all accounts' orders. `unfinished`: the open orders where the store stands."""

    def __init__(self, store: ReadStore, unfinished: Mapping[int, OrderRecord]) -> None:
        self._store = store
        self._shapes = {number: _shape(one) for number, one in unfinished.items() if not one.is_conditional}
        self._new: list[tuple[int, ...]] = []
        store.on_flush(self._flush)

    def feed(self, told: Told) -> None:
        """Keep what changed."""
        for event, record in told.orders:
            if record.is_conditional:
                continue
            if event.kind == EventKind.AMENDED:
                before, after = self._shapes[record.order_id], _shape(record)
                self._new.append((record.order_id, event.time_ms, before[0], after[0], before[1], after[1]))
            if record.is_unfinished:
                self._shapes[record.order_id] = _shape(record)
            else:
                self._shapes.pop(record.order_id, None)

    def of(self, order_id: int) -> list[Amendment]:
        """The changes of one order, oldest first."""
        question = f"SELECT {', '.join(Amendment._fields)} FROM amendments WHERE order_id = ? ORDER BY amendment_id"
        return [Amendment._make(row) for row in self._store.rows(question, (order_id,))]

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO amendments (order_id, time_ms, ticks_before, ticks_after, lots_before, lots_after) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            self._new,
        )
        self._new.clear()


def _shape(record: OrderRecord) -> tuple[int, int]:
    return record.price_ticks, record.lots
