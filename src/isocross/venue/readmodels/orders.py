"""Orders: every order a venue has known, finished or not, conditionals included.

Responsible for: keeping the last state of each, finding one, pages of them. Must not: follow an order's life (order_life.py does).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from ..order_life import OrderLives, OrderRecord, Origin
from ..told import Told
from .store import ReadStore

TABLE = """
CREATE TABLE orders (order_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, symbol INTEGER NOT NULL, client_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL, is_unfinished INTEGER NOT NULL, origin INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX orders_of_account ON orders (account, symbol, order_id);
CREATE INDEX orders_by_client_id ON orders (account, client_id) WHERE client_id != '';
CREATE INDEX unfinished_orders ON orders (order_id) WHERE is_unfinished;
CREATE INDEX forced_orders ON orders (account, order_id) WHERE origin;
"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OrderRecord).decode


class Orders:
    """The orders of all accounts but fund and house."""

    def __init__(self, store: ReadStore, lives: OrderLives) -> None:
        self._store = store
        self._lives = lives
        self._changed: dict[int, OrderRecord] = {}
        store.on_flush(self._flush)
        lives.restore(self._records("SELECT record FROM orders WHERE is_unfinished ORDER BY order_id"))

    def feed(self, told: Told) -> None:
        """Keep what became of orders."""
        for _, record in told.orders:
            self._changed[record.order_id] = record

    def get(self, order_id: int) -> OrderRecord | None:
        """One order."""
        record = self._changed.get(order_id) or self._lives.unfinished.get(order_id)
        if record is None:
            found = self._records("SELECT record FROM orders WHERE order_id = ?", order_id)
            record = found[0] if found else None
        return record

    def by_client_id(self, account: int, symbol: int | None, client_id: str) -> OrderRecord | None:
        """The latest order of that client id, an order before the conditional that released it."""
        found = self._records(
            "SELECT record FROM orders WHERE account = ? AND client_id = ? AND (? IS NULL OR symbol = ?) "
            "AND client_id != '' ORDER BY order_id DESC LIMIT 1",
            account,
            client_id,
            symbol,
            symbol,
        )
        return found[0] if found else None

    def page(
        self,
        account: int,
        symbol: int | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[OrderRecord]:
        """Orders of an account, conditionals included, in the order of their ids."""
        rows = self._store.page(
            "orders",
            "record",
            {"account": account, "symbol": symbol},
            key="order_id",
            limit=limit,
            from_key=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
            time="created_ms",
        )
        return [_decode(row[0]) for row in rows]

    def open(self, account: int, symbol: int | None = None) -> list[OrderRecord]:
        """What can still change, conditionals included, in the order of ids."""
        mine = [
            record
            for record in self._lives.unfinished.values()
            if record.account == account and symbol in (None, record.symbol)
        ]
        return sorted(mine, key=lambda record: record.order_id)

    def forced(
        self,
        account: int,
        symbol: int | None = None,
        origin: Origin | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 50,
    ) -> list[OrderRecord]:
        """The engine's own orders of an account: liquidations, takeovers, deleveraging; oldest first."""
        origins = [one for one in Origin if one != Origin.OWNER and origin in (None, one)]
        rows = self._store.rows(
            f"SELECT record FROM orders WHERE account = ? AND origin AND origin IN ({', '.join('?' * len(origins))}) "
            "AND (? IS NULL OR symbol = ?) AND created_ms >= ? AND created_ms <= ? ORDER BY order_id DESC LIMIT ?",
            [account, *origins, symbol, symbol, start_ms or 0, 2**62 if end_ms is None else end_ms, limit],
        )
        return [_decode(row[0]) for row in reversed(rows)]

    def _records(self, question: str, *values: int | str | None) -> list[OrderRecord]:
        return [_decode(row[0]) for row in self._store.rows(question, values)]

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(self._changed.values())
        )
        self._changed.clear()


def _rows(records: Iterable[OrderRecord]) -> Iterable[tuple[object, ...]]:
    for one in records:
        yield (
            one.order_id,
            one.account,
            one.symbol,
            one.client_id,
            one.created_ms,
            int(one.is_unfinished),
            int(one.origin),
            _encode(one),
        )
