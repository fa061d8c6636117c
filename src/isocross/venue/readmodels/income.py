"""Income: every change of a wallet, isolated ones included, with what it was for.

Responsible for: entries whose sum over any span is the change of the wallet, to the last unit; pages of them. Must not: know how
a wire calls a kind.

Money that moves between an account's cross wallet and an isolated one is no income: it stays in its wallet.
"""

from __future__ import annotations

import sqlite3
from enum import IntEnum
from typing import NamedTuple

from ...codes import EventKind, MarginMode, Reason
from ...event import Event
from ...exchange import Exchange
from ..fills import Fill
from ..order_life import HOUSE_ACCOUNTS, TRADES_PER_COMMAND
from ..told import Told
from .store import ReadStore

TABLE = """
CREATE TABLE income (income_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, kind INTEGER NOT NULL, asset INTEGER NOT NULL,
    symbol INTEGER NOT NULL, amount_e8 INTEGER NOT NULL, time_ms INTEGER NOT NULL, trade_id INTEGER NOT NULL);
CREATE INDEX income_of_account ON income (account, income_id);
"""


class IncomeKind(IntEnum):
    """What a change of a wallet was for. The numbers are in read models: append, never renumber."""

    TRANSFER = 0
    REALIZED_PNL = 1
    COMMISSION = 2
    FUNDING_FEE = 3
    LIQUIDATION_FEE = 4
    REMAINDER = 5  # what a liquidation left, where the venue keeps it


class Income(NamedTuple):
    """One entry."""

    income_id: int  # in order, never used twice
    account: int
    kind: IncomeKind
    asset: int
    symbol: int  # −1: none
    amount_e8: int  # signed
    time_ms: int
    trade_id: int  # 0: none


_WALLET, _MOVED, _FUNDING, _FEE, _POSITION = (
    int(kind)
    for kind in (
        EventKind.WALLET,
        EventKind.MARGIN_MOVED,
        EventKind.FUNDING,
        EventKind.LIQUIDATION_FEE,
        EventKind.POSITION,
    )
)
_KINDS = frozenset((_WALLET, _MOVED, _FUNDING, _FEE, _POSITION))
_TRANSFERS = (int(Reason.DEPOSIT), int(Reason.WITHDRAWAL))
_REST, _DELISTED = int(Reason.REST_AFTER_LIQUIDATION), int(Reason.DELISTED)
_ISOLATED = int(MarginMode.ISOLATED)


class _Settlement:
    """What a delisting pays: per position its isolated wallet moves (where it has one), the position is gone, the cross wallet changes."""

    def __init__(self, isolated_e8: dict[tuple[int, int, int], int]) -> None:
        self._isolated_e8 = isolated_e8
        self._is_moved = False  # the change of the wallet that follows is what was moved
        self.symbol = 0

    def follow(self, event: Event) -> None:
        """A position as it is now."""
        self.symbol = event.symbol
        if event.margin_mode == _ISOLATED:
            place = (event.account, event.symbol, event.position_side)
            if event.balance_e8:
                self._isolated_e8[place] = event.balance_e8
            else:
                self._isolated_e8.pop(place, None)

    def realized_e8(self, event: Event) -> int:
        """What one event of a settlement adds to the account's wallets, cross and isolated."""
        if event.kind == _MOVED:
            self.symbol, self._is_moved = event.symbol, True
            return -event.amount_e8 - self._isolated_e8.get((event.account, event.symbol, event.position_side), 0)
        if self._is_moved:
            self._is_moved = False
            return 0
        return event.amount_e8


class IncomeLedger:
    """The income of all accounts but fund and house. `symbol_assets`: the margin asset of each symbol."""

    def __init__(self, store: ReadStore, symbol_assets: list[int]) -> None:
        self._store = store
        self._symbol_assets = symbol_assets
        self._new: list[tuple[int, ...]] = []
        self._isolated_e8: dict[tuple[int, int, int], int] = {}  # wallets by account, symbol, side: what a settlement began with
        store.on_flush(self._flush)

    def begin(self, exchange: Exchange) -> None:
        """The exchange as it is where the ledger stands: what is fed from now on came after."""
        columns = ["account", "symbol", "position_side", "isolated_wallet_e8"]
        rows = exchange.table("positions")[columns].tolist()
        self._isolated_e8 = {tuple(place): wallet_e8 for *place, wallet_e8 in rows if wallet_e8}

    def feed(self, told: Told) -> None:
        """Keep what changed wallets."""
        entries: list[tuple[int, tuple[int, ...]]] = []  # with the sequence of their command, to be put in order
        for fill in told.fills:
            if fill.account not in HOUSE_ACCOUNTS:
                entries += [(fill.trade_id // TRADES_PER_COMMAND, entry) for entry in self._of_fill(fill)]
        rest: Event | None = None
        settlement = _Settlement(self._isolated_e8)
        for event in told.rows_of(_KINDS):
            if event.kind == _POSITION:
                settlement.follow(event)
            elif event.kind in (_MOVED, _WALLET) and event.code == _DELISTED:
                realized_e8 = settlement.realized_e8(event)
                if realized_e8 and event.account not in HOUSE_ACCOUNTS:
                    asset = self._symbol_assets[settlement.symbol]
                    settled = (event.account, IncomeKind.REALIZED_PNL, asset, settlement.symbol, realized_e8, event.time_ms, 0)
                    entries.append((event.sequence, settled))
            elif event.kind == _MOVED:
                rest = event if event.code == _REST else rest
            elif event.kind == _WALLET and event.code == _REST and event.account in HOUSE_ACCOUNTS:
                assert rest is not None
                entry = (rest.account, IncomeKind.REMAINDER, event.asset, rest.symbol, rest.amount_e8, rest.time_ms, 0)
                entries.append((event.sequence, entry))
            elif event.account not in HOUSE_ACCOUNTS:
                found = self._of_event(event)
                if found is not None:
                    entries.append((event.sequence, found))
        entries.sort(key=lambda entry: entry[0])
        self._new += [entry for _, entry in entries]

    def rows(
        self,
        account: int,
        symbol: int | None = None,
        kind: IncomeKind | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 100,
    ) -> list[Income]:
        """Entries of an account, oldest first: the last ones, or from a time on."""
        rows = self._store.page(
            "income",
            ", ".join(Income._fields),
            {"account": account, "kind": kind, "symbol": symbol},
            key="income_id",
            limit=limit,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        return [Income._make(row)._replace(kind=IncomeKind(row[2])) for row in rows]

    def sum_e8(self, account: int, asset: int) -> int:
        """All income of an account in an asset: its wallet."""
        question = "SELECT amount_e8 FROM income WHERE account = ? AND asset = ?"
        return sum(row[0] for row in self._store.rows(question, (account, asset)))

    def _of_fill(self, fill: Fill) -> list[tuple[int, ...]]:
        asset = self._symbol_assets[fill.symbol]
        amounts = ((IncomeKind.REALIZED_PNL, fill.realized_e8), (IncomeKind.COMMISSION, -fill.fee_e8))
        return [
            (fill.account, kind, asset, fill.symbol, amount, fill.time_ms, fill.trade_id)
            for kind, amount in amounts
            if amount
        ]

    def _of_event(self, event: Event) -> tuple[int, ...] | None:
        if event.kind == _WALLET:
            if event.code not in _TRANSFERS:
                return None
            return event.account, IncomeKind.TRANSFER, event.asset, -1, event.amount_e8, event.time_ms, 0
        if event.kind == _FUNDING:
            kind, amount, asset = IncomeKind.FUNDING_FEE, event.amount_e8, self._symbol_assets[event.symbol]
        else:
            kind, amount, asset = IncomeKind.LIQUIDATION_FEE, -event.fee_e8, event.asset
        return (event.account, kind, asset, event.symbol, amount, event.time_ms, 0) if amount else None

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO income (account, kind, asset, symbol, amount_e8, time_ms, trade_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            self._new,
        )
        self._new.clear()
