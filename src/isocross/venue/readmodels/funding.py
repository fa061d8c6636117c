"""Funding: the settlements of every symbol, and the one ahead.

Responsible for: keeping the rates that were settled, pages of them. Must not: make a rate.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...codes import CommandKind, EventKind
from ...limits import RATE_COMPUTED
from ..told import Told
from .store import ReadStore

TABLE = """
CREATE TABLE funding (symbol INTEGER NOT NULL, time_ms INTEGER NOT NULL, rate_e8 INTEGER NOT NULL, mark_e8 INTEGER NOT NULL);
CREATE INDEX funding_of_symbol ON funding (symbol, time_ms);
"""


class FundingRate(NamedTuple):
    """One settlement."""

    symbol: int
    time_ms: int
    rate_e8: int
    mark_e8: int  # 0: not known


class Funding:
    """The settlements of all symbols. `mark_e8`: of a symbol, before what is being told."""

    def __init__(self, store: ReadStore, mark_e8: Callable[[int], int]) -> None:
        self._store = store
        self._mark_e8 = mark_e8
        self._new: list[FundingRate] = []
        self.ahead: Callable[[int], tuple[int, int]] = lambda symbol: (
            0,
            0,
        )  # (rate, time) of the next; 0: none is known
        store.on_flush(self._flush)

    def feed(self, told: Told) -> None:
        """Keep what was settled."""
        if CommandKind.SETTLE_FUNDING not in told.command_kinds:
            return
        heads = np.flatnonzero((told.commands["kind"] == CommandKind.SETTLE_FUNDING) & (told.results["refusal"] == 0))
        for head in heads.tolist():
            time_ms = int(told.commands["time_ms"][head])
            for record in told.commands[head + 1 : head + 1 + int(told.commands["continuation_count"][head])]:
                symbol = int(record["symbol"])
                sequence = int(told.commands["sequence"][head])
                mark_e8 = _mark_at(told, symbol, sequence) or self._mark_e8(symbol)
                rate_e8 = int(record["rate_e8"])
                if rate_e8 == RATE_COMPUTED:
                    rate_e8 = _computed_rate_e8(told, symbol, sequence)
                self._new.append(FundingRate(symbol, time_ms, rate_e8, mark_e8))

    def put(self, rates: list[FundingRate]) -> None:
        """Settlements of the time before the venue."""
        self._new += rates

    def rows(
        self, symbol: int | None, start_ms: int | None = None, end_ms: int | None = None, limit: int = 100
    ) -> list[FundingRate]:
        """Settlements, oldest first: the last ones, or from a time on."""
        rows = self._store.page(
            "funding",
            ", ".join(FundingRate._fields),
            {"symbol": symbol},
            key="time_ms",
            limit=limit,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        return [FundingRate._make(row) for row in rows]

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO funding VALUES (?, ?, ?, ?)", self._new)
        self._new.clear()


def _computed_rate_e8(told: Told, symbol: int, sequence: int) -> int:
    """The rate of a settlement that the engine computed."""
    events = told.events
    is_it = (events["kind"] == EventKind.FUNDING_RATE) & (events["symbol"] == symbol) & (events["sequence"] == sequence)
    return int(events["rate_e8"][is_it][0])


def _mark_at(told: Told, symbol: int, sequence: int) -> int:
    """The price that a settlement was counted at, or the last mark that was told at once with it; 0 where none was."""
    events = told.events
    of_symbol = events[(events["symbol"] == symbol) & (events["sequence"] <= sequence)]
    paid = of_symbol["mark_e8"][(of_symbol["kind"] == EventKind.FUNDING) & (of_symbol["sequence"] == sequence)]
    told_before = of_symbol["mark_e8"][of_symbol["kind"] == EventKind.PRICES]
    return int(paid[0]) if len(paid) else int(told_before[-1]) if len(told_before) else 0
