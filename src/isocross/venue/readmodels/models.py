"""Models: all read models of a venue, fed together, behind the journal.

Responsible for: making them, feeding each commit once, catching up at the start with what the journal has and they have not,
writing after a while. Must not: know what any of them keeps.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ...journal.folder import DataFolder
from ...journal.reliving import Progress, Reliving
from ...market.past import Past
from ..engine import Engine
from ..order_life import OrderLives
from ..sequencer import VenueCore
from ..told import Told, told_of
from . import amendments, candles, funding, income, margin_changes, orders, trades
from .amendments import Amendments
from .candles import Candles
from .funding import Funding, FundingRate
from .income import IncomeLedger
from .margin_changes import MarginChanges
from .orders import Orders
from .store import ReadStore, remove_store
from .tickers import Tickers
from .trades import Trades

FILE = "readmodels.sqlite3"
FLUSH_SECONDS = 0.5
FLUSH_COMMANDS = 2_000
_TABLES = [one.TABLE for one in (orders, trades, income, candles, funding, margin_changes, amendments)]


class ReadModels:
    """What one venue remembers. It belongs to the thread of the event loop."""

    def __init__(self, core: VenueCore, path: Path | None = None, copied: ReadModels | None = None) -> None:
        """Takes    path: the data folder; None: in memory. copied: what a world beside this one remembers up to here."""
        exchange = core.exchange
        rules = [exchange.rules(row) for row in range(len(exchange.symbols))]
        self._lives: OrderLives = core.lives
        self._store = ReadStore(None if path is None else path / FILE, _TABLES)
        if copied is not None:
            self._store.load(copied._store)
        self._rules = rules
        self.orders = Orders(self._store, core.lives)
        self.amendments = Amendments(self._store, core.lives.unfinished)
        self.trades = Trades(self._store)
        assets = [exchange.asset_row(one.margin_asset) for one in rules]
        self.income = IncomeLedger(self._store, assets)
        self.income.begin(exchange)
        self.candles = Candles(self._store, rules, core.now_ms)
        self.funding = Funding(self._store, lambda row: self.candles.last_told_e8(row, "mark") or exchange.mark_e8(row))
        self.margin_changes = MarginChanges(self._store, assets)
        self.tickers = Tickers(self.candles, self.trades, core.now_ms, exchange.mark_e8)
        self._fed = (
            self.orders,
            self.amendments,
            self.trades,
            self.income,
            self.funding,
            self.candles,
            self.margin_changes,
        )
        self._commands_since_flush = 0
        self._timer: asyncio.TimerHandle | None = None
        core.models = self
        core.feed(self.hear)

    @property
    def position(self) -> int:
        """Commands that they were fed."""
        return self._store.position

    @property
    def past_end_ms(self) -> int:
        """Where the past before the venue ends; 0: none was put yet."""
        return self._store.past_end_ms

    def hear(self, told: Told) -> None:
        """Take up what was committed, and write it soon."""
        self.take(told)
        self._commands_since_flush += len(told.commands)
        if self._commands_since_flush >= FLUSH_COMMANDS:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def take(self, told: Told) -> None:
        """Feed all of them."""
        with self._store.feeding():
            for model in self._fed:
                model.feed(told)
        self._store.position = told.position

    def flush(self) -> None:
        """Write what was fed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._commands_since_flush = 0
        self._store.flush()

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """The answer to a question in SQL, of all that was fed."""
        return self._store.rows(question)

    def put(self, past: Past) -> None:
        """What was before the venue: once, before anybody asks."""
        rows = {one.symbol: row for row, one in enumerate(self._rules)}
        self.candles.put(past)
        for one in past.symbols:
            marks = one.funding_mark_e8.tolist()
            self.funding.put(
                [
                    FundingRate(rows[one.symbol], time_ms, rate_e8, mark_e8)
                    for time_ms, rate_e8, mark_e8 in zip(
                        one.funding.time_ms.tolist(), one.funding.rate_e8.tolist(), marks, strict=True
                    )
                ]
            )
        self._store.past_end_ms = past.end_ms
        self._store.flush()

    def catch_up(self, folder: DataFolder, engine: Engine, progress: Progress | None = None) -> int:
        """Feed what the journal has and they have not; how many commands that was."""
        start, end = self._store.position, engine.position
        if start == end:
            return 0
        reliving = Reliving(folder, before=start)
        reliving.advance(start)
        self.income.begin(reliving.exchange)
        for relived in reliving.steps(progress=progress):
            self.take(told_of(self._lives, relived.commands, relived.results, relived.events, reliving.position))
            self._store.flush()
        return end - start

    def close(self) -> None:
        """Write what is left and let go."""
        self.flush()
        self._store.close()


def is_ahead(path: Path, position: int) -> bool:
    """Whether read models were fed more than the journal beside them holds: they are of another one."""
    store = ReadStore(path / FILE, _TABLES)
    ahead = store.position > position
    store.close()
    return ahead


def forget(path: Path) -> None:
    """Remove the read models of a data folder; they are made again from its journal."""
    remove_store(path / FILE)
