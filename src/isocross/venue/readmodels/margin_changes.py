"""Margin changes: money that moved into isolated wallets and out of them.

Responsible for: keeping the moves, pages of them. Must not: know how a wire calls a reason.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ...codes import EventKind, Reason
from ..order_life import HOUSE_ACCOUNTS
from ..told import Told
from .store import ReadStore

TABLE = """
CREATE TABLE margin_changes (account INTEGER NOT NULL, symbol INTEGER NOT NULL, time_ms INTEGER NOT NULL, amount_e8 INTEGER NOT NULL,
    reason INTEGER NOT NULL, position_side INTEGER NOT NULL, asset INTEGER NOT NULL);
CREATE INDEX margin_changes_of_account ON margin_changes (account, symbol);
"""
_KINDS = frozenset((int(EventKind.MARGIN_MOVED),))


class MarginChange(NamedTuple):
    """One move."""

    account: int
    symbol: int
    time_ms: int
    amount_e8: int  # into (> 0) or out of (< 0) the isolated wallet
    reason: Reason
    position_side: int
    asset: int

    @property
    def is_by_hand(self) -> bool:
        """Whether its owner asked for it: no fill did it."""
        return self.reason in (Reason.ADD_MARGIN, Reason.REMOVE_MARGIN)


class MarginChanges:
    """The moves of all accounts but fund and house. `symbol_assets`: the margin asset of each symbol."""

    def __init__(self, store: ReadStore, symbol_assets: list[int]) -> None:
        self._store = store
        self._symbol_assets = symbol_assets
        self._new: list[tuple[int, ...]] = []
        store.on_flush(self._flush)

    def feed(self, told: Told) -> None:
        """Keep what moved."""
        self._new += [
            (
                event.account,
                event.symbol,
                event.time_ms,
                event.amount_e8,
                event.code,
                event.position_side,
                self._symbol_assets[event.symbol],
            )
            for event in told.rows_of(_KINDS)
            if event.account not in HOUSE_ACCOUNTS
        ]

    def rows(
        self,
        account: int,
        symbol: int | None = None,
        is_added: bool | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[MarginChange]:
        """Moves of an account, oldest first: the last ones, or from a time on."""
        found = self._store.page(
            "margin_changes",
            ", ".join(MarginChange._fields),
            {"account": account, "symbol": symbol, "amount_e8 > 0": None if is_added is None else int(is_added)},
            key="rowid",
            limit=limit,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        return [MarginChange._make(row)._replace(reason=Reason(row[4])) for row in found]

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO margin_changes VALUES (?, ?, ?, ?, ?, ?, ?)", self._new)
        self._new.clear()
