"""Trades: the public tape, and what each account had of it.

Responsible for: trades and fills, pages of them. Must not: pair the fills of a match (fills.py does).
"""

from __future__ import annotations

import sqlite3

from ...codes import Side
from ..fills import Fill, Trade, trades_of
from ..order_life import HOUSE_ACCOUNTS
from ..told import Told
from .store import ReadStore

TABLE = """
CREATE TABLE trades (trade_id INTEGER NOT NULL, symbol INTEGER NOT NULL, time_ms INTEGER NOT NULL, price_ticks INTEGER NOT NULL,
    lots INTEGER NOT NULL, value_e8 INTEGER NOT NULL, is_buyer_maker INTEGER NOT NULL);
CREATE INDEX trades_of_symbol ON trades (symbol, trade_id);
CREATE TABLE fills (trade_id INTEGER NOT NULL, account INTEGER NOT NULL, symbol INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    order_id INTEGER NOT NULL, side INTEGER NOT NULL, position_side INTEGER NOT NULL, price_ticks INTEGER NOT NULL,
    lots INTEGER NOT NULL, value_e8 INTEGER NOT NULL, realized_e8 INTEGER NOT NULL, fee_e8 INTEGER NOT NULL, is_maker INTEGER NOT NULL);
CREATE INDEX fills_of_account ON fills (account, symbol, trade_id);
CREATE INDEX fills_of_order ON fills (order_id);
"""
_TRADE = ", ".join(Trade._fields)
_FILL = ", ".join(Fill._fields)


class Trades:
    """All trades of a venue."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._trades: list[Trade] = []
        self._fills: list[Fill] = []
        store.on_flush(self._flush)

    def feed(self, told: Told) -> None:
        """Keep what was traded."""
        if told.fills:
            self._trades += trades_of(told.fills)
            self._fills += [fill for fill in told.fills if fill.account not in HOUSE_ACCOUNTS]

    def public(
        self,
        symbol: int,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Trade]:
        """Trades of a symbol, in the order of their ids: the last ones, or from an id or a time on."""
        rows = self._store.page(
            "trades",
            _TRADE,
            {"symbol": symbol},
            key="trade_id",
            limit=limit,
            from_key=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        return [Trade._make(row)._replace(is_buyer_maker=bool(row[-1])) for row in rows]

    def own(
        self,
        account: int,
        symbol: int | None = None,
        order_id: int | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Fill]:
        """Fills of an account, likewise."""
        rows = self._store.page(
            "fills",
            _FILL,
            {"account": account, "symbol": symbol, "order_id": order_id},
            key="trade_id",
            limit=limit,
            from_key=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        return [Fill._make(row)._replace(side=Side(row[5]), is_maker=bool(row[-1])) for row in rows]

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany(f"INSERT INTO trades VALUES ({', '.join('?' * len(Trade._fields))})", self._trades)
        connection.executemany(f"INSERT INTO fills VALUES ({', '.join('?' * len(Fill._fields))})", self._fills)
        self._trades.clear()
        self._fills.clear()
