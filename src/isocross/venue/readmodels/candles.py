"""Candles: of last, mark and index, in every interval from a minute on, the running one included.

Responsible for: minutes, hours and days as they come, the minutes of the past before the venue, longer candles from those, gaps
filled with flat ones. Must not: make a price.

Kept are minutes, hours and days; every other interval is joined from the longest of these that divides it. Nobody has to have
traded: where nothing was, a candle stands at the close before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...codes import EventKind
from ...market.intervals import after_ms, joined, open_ms
from ...market.past import CandleColumns, Past
from ...rulebook import SymbolRules
from ..fills import Trade, trades_of
from ..told import Told
from .store import ReadStore

Rows = NDArray[np.int64]  # shape (n, 12): the columns of Candle
Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

TABLE = """
CREATE TABLE candles (series INTEGER NOT NULL, span INTEGER NOT NULL, open_ms INTEGER NOT NULL, open_e8 INTEGER NOT NULL,
    high_e8 INTEGER NOT NULL, low_e8 INTEGER NOT NULL, close_e8 INTEGER NOT NULL, volume_e8 INTEGER NOT NULL, quote_e8 INTEGER NOT NULL,
    trades INTEGER NOT NULL, taker_buy_e8 INTEGER NOT NULL, taker_buy_quote_e8 INTEGER NOT NULL, first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL, PRIMARY KEY (series, span, open_ms)) WITHOUT ROWID;
CREATE TABLE past_candles (series INTEGER NOT NULL, day_ms INTEGER NOT NULL, minutes BLOB NOT NULL, PRIMARY KEY (series, day_ms))
    WITHOUT ROWID;
"""
SOURCES = ("last", "mark", "index")
SPANS = ("1m", "1h", "1d")
_SPAN_MS = (60_000, 3_600_000, 86_400_000)
_DAY_MS = _SPAN_MS[-1]
_OF_SPAN = {
    **dict.fromkeys(("1m", "3m", "5m", "15m", "30m"), 0),
    **dict.fromkeys(("1h", "2h", "4h", "6h", "8h", "12h"), 1),
    **dict.fromkeys(("1d", "3d", "1w", "1M"), 2),
}
_PRICES = frozenset((int(EventKind.PRICES),))
LIMIT_MAX = 1_500


class Candle(NamedTuple):
    """One candle, named by its first moment."""

    open_ms: int
    open_e8: int
    high_e8: int
    low_e8: int
    close_e8: int
    volume_e8: int = 0  # in the base asset × 10^8
    quote_e8: int = 0
    trades: int = 0
    taker_buy_e8: int = 0
    taker_buy_quote_e8: int = 0
    first_id: int = 0  # of its trades; 0: none
    last_id: int = 0


_COLUMNS = ", ".join(Candle._fields)
_WIDTH = len(Candle._fields)
_OPEN, _HIGH, _LOW, _CLOSE = 1, 2, 3, 4


class Candles:
    """The candles of all symbols. `now_ms`: the venue's time."""

    def __init__(self, store: ReadStore, rules: list[SymbolRules], now_ms: Callable[[], int]) -> None:
        self._store = store
        self._rules = rules
        self._now_ms = now_ms
        self._running: dict[tuple[int, int], list[int]] = {}  # by series and span
        self._changed: dict[tuple[int, int, int], list[int]] = {}
        self._past: list[tuple[int, int, bytes]] = []
        self._first_ms: dict[int, int] = {}
        self.last_trades: dict[int, Trade] = {}
        store.on_flush(self._flush)

    # ---- in

    def feed(self, told: Told) -> None:
        """Take up trades and prices."""
        for trade in trades_of(told.fills):
            self._traded(trade)
        for event in told.rows_of(_PRICES):
            for source, price_e8 in ((1, event.mark_e8), (2, event.index_e8)):
                for candle in self._at(event.symbol * len(SOURCES) + source, event.time_ms, price_e8):
                    _reach(candle, price_e8)

    def put(self, past: Past) -> None:
        """What was before the venue."""
        rows = {rules.symbol: row for row, rules in enumerate(self._rules)}
        for one in past.symbols:
            for source, columns in enumerate((one.last, one.mark, one.index)):
                self._put(rows[one.symbol] * len(SOURCES) + source, columns)

    def _put(self, series: int, columns: CandleColumns) -> None:
        minutes = _wide(columns)
        days = minutes[:, 0] // _DAY_MS * _DAY_MS
        starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist()] if len(days) else []
        for first, last in zip(starts, [*starts[1:], len(days)], strict=True):
            self._past.append((series, int(days[first]), minutes[first:last].tobytes()))
        for span in (1, 2):
            for row in _wide(joined(columns, SPANS[span])).tolist():
                self._changed[series, span, row[0]] = row
                self._running[series, span] = row  # the last of them goes on when the venue begins

    def _traded(self, trade: Trade) -> None:
        rules = self._rules[trade.symbol]
        price_e8, volume_e8 = trade.price_ticks * rules.tick_e8, trade.lots * rules.step_e8
        self.last_trades[trade.symbol] = trade
        for candle in self._at(trade.symbol * len(SOURCES), trade.time_ms, price_e8):
            _reach(candle, price_e8)
            candle[5] += volume_e8
            candle[6] += trade.value_e8
            candle[7] += 1
            if not trade.is_buyer_maker:
                candle[8] += volume_e8
                candle[9] += trade.value_e8
            candle[10] = candle[10] or trade.trade_id
            candle[11] = trade.trade_id

    def _at(self, series: int, time_ms: int, price_e8: int) -> list[list[int]]:
        """The running candles of a series, of every span, begun where a new one is due."""
        found = []
        for span, length in enumerate(_SPAN_MS):
            first_ms = time_ms - time_ms % length
            candle = self._running.get((series, span))
            if candle is None or candle[0] != first_ms:
                candle = self._restored(series, span, first_ms) or [first_ms, *[price_e8] * 4, *[0] * (_WIDTH - 5)]
                self._running[series, span] = candle
            self._changed[series, span, first_ms] = candle
            found.append(candle)
        return found

    def _restored(self, series: int, span: int, first_ms: int) -> list[int] | None:
        """The candle that a restart, or the end of the past, cut in two. Nothing of the series is held back then."""
        if (series, span) in self._running:
            return None
        rows = self._stored(series, span, first_ms, first_ms + 1, self._store.peek)
        found: list[int] = rows[0].tolist() if len(rows) else []
        return found or None

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT OR REPLACE INTO past_candles VALUES (?, ?, ?)", self._past)
        connection.executemany(
            f"INSERT OR REPLACE INTO candles VALUES ({', '.join('?' * (_WIDTH + 2))})",
            [(series, span, *candle) for (series, span, _), candle in self._changed.items()],
        )
        self._past.clear()
        self._changed.clear()

    def last_told_e8(self, symbol: int, source: str) -> int:
        """The last price of a source that was told; 0: none ever."""
        series = symbol * len(SOURCES) + SOURCES.index(source)
        candle = self._running.get((series, 0))
        if candle is not None:
            return candle[_CLOSE]
        rows = self._store.peek(
            "SELECT close_e8 FROM candles WHERE series = ? AND span = 0 ORDER BY open_ms DESC LIMIT 1", (series,)
        )
        return int(rows[0][0]) if rows else 0

    # ---- out

    def first_ms(self, symbol: int, source: str = "last") -> int | None:
        """The first moment of the first candle; None when nothing was ever told."""
        series = symbol * len(SOURCES) + SOURCES.index(source)
        if series not in self._first_ms:
            (past,), (own,) = (
                self._store.rows(f"SELECT min({name}) FROM {table} WHERE series = ?", (series,))[0]
                for name, table in (("day_ms", "past_candles"), ("open_ms", "candles"))
            )
            if past is not None:
                past = int(self._past_minutes(series, past, past + _DAY_MS)[0, 0])
            found = [one for one in (past, own) if one is not None]
            if not found:
                return None
            self._first_ms[series] = past if past is not None else self._first_minute(series)
        return self._first_ms[series]

    def rows(
        self, symbol: int, source: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]:
        """Candles in order: the last ones, or from `start_ms` on; the running one included. Errors  InputError."""
        series = symbol * len(SOURCES) + SOURCES.index(source)
        first, now = self.first_ms(symbol, source), self._now_ms()
        last = open_ms(interval, now if end_ms is None else min(end_ms, now))
        if first is None:
            return []
        opens = _opens(interval, open_ms(interval, first), start_ms, last, min(limit, LIMIT_MAX))
        if not opens:
            return []
        span = _OF_SPAN[interval]
        base = self._stored(series, span, opens[0], after_ms(interval, opens[-1]))
        long = _wide(joined(CandleColumns(*base.T[:10]), interval), base, interval) if len(base) else base
        return _filled(opens, long, self._close_before(series, span, opens[0]))

    def minutes(self, symbol: int, start_ms: int, end_ms: int) -> Rows:
        """Minutes of trades within start_ms … end_ms (exclusive), those alone in which something was."""
        return self._stored(symbol * len(SOURCES), 0, start_ms, end_ms)

    def close_before(self, symbol: int, time_ms: int) -> int | None:
        """The last price before a time."""
        return self._close_before(symbol * len(SOURCES), 0, time_ms)

    def _first_minute(self, series: int) -> int:
        question = "SELECT min(open_ms) FROM candles WHERE series = ? AND span = 0"
        return int(self._store.rows(question, (series,))[0][0])

    def _stored(self, series: int, span: int, start_ms: int, end_ms: int, ask: Ask | None = None) -> Rows:
        ask = ask or self._store.rows
        rows = ask(
            f"SELECT {_COLUMNS} FROM candles WHERE series = ? AND span = ? AND open_ms >= ? AND open_ms < ? ORDER BY open_ms",
            (series, span, start_ms, end_ms),
        )
        own = np.array(rows, dtype=np.int64).reshape(-1, _WIDTH)
        if span or start_ms >= self._store.past_end_ms:
            return own
        past = self._past_minutes(series, start_ms, end_ms, ask)
        if len(own) and len(past) and own[0, 0] == past[-1, 0]:  # the minute in which the venue began
            past = past[:-1]
        return np.concatenate([past, own]) if len(past) else own

    def _past_minutes(self, series: int, start_ms: int, end_ms: int, ask: Ask | None = None) -> Rows:
        days = (ask or self._store.rows)(
            "SELECT minutes FROM past_candles WHERE series = ? AND day_ms > ? AND day_ms < ? ORDER BY day_ms",
            (series, start_ms - _DAY_MS, end_ms),
        )
        found = np.frombuffer(b"".join(day[0] for day in days), dtype=np.int64).reshape(-1, _WIDTH)
        first, last = np.searchsorted(found[:, 0], [start_ms, end_ms]).tolist()
        return found[first:last]

    def _close_before(self, series: int, span: int, time_ms: int) -> int | None:
        rows = self._store.rows(
            "SELECT close_e8 FROM candles WHERE series = ? AND span = ? AND open_ms < ? ORDER BY open_ms DESC LIMIT 1",
            (series, span, time_ms),
        )
        if rows:
            return int(rows[0][0])
        days = self._store.rows(
            "SELECT minutes FROM past_candles WHERE series = ? AND day_ms < ? ORDER BY day_ms DESC LIMIT 2",
            (series, time_ms),
        )
        past = np.frombuffer(b"".join(day[0] for day in days[::-1]), dtype=np.int64).reshape(-1, _WIDTH)
        past = past[past[:, 0] < time_ms]
        return int(past[-1, _CLOSE]) if len(past) else None


def _reach(candle: list[int], price_e8: int) -> None:
    candle[_HIGH] = max(candle[_HIGH], price_e8)
    candle[_LOW] = min(candle[_LOW], price_e8)
    candle[_CLOSE] = price_e8


def _wide(columns: CandleColumns, base: Rows | None = None, interval: str = "") -> Rows:
    """Candles as rows, with the ids of the first and last trade where short candles know them."""
    wide = np.zeros((len(columns.time_ms), _WIDTH), dtype=np.int64)
    for number, column in enumerate(columns):
        wide[:, number] = column
    if base is not None and len(base):
        ends = np.searchsorted(base[:, 0], [after_ms(interval, one) for one in columns.time_ms.tolist()])
        starts = np.concatenate([[0], ends[:-1]])
        firsts = np.where(base[:, 10] > 0, base[:, 10], np.iinfo(np.int64).max)
        lowest = np.minimum.reduceat(firsts, starts)
        wide[:, 10] = np.where(lowest == np.iinfo(np.int64).max, 0, lowest)
        wide[:, 11] = np.maximum.reduceat(base[:, 11], starts)
    return wide


def _opens(interval: str, first: int, start_ms: int | None, last: int, limit: int) -> list[int]:
    """First moments of the candles that were asked for."""
    if limit < 1 or last < first:
        return []
    opens: list[int] = []
    if start_ms is None:
        one = last
        while one >= first and len(opens) < limit:
            opens.append(one)
            one = open_ms(interval, one - 1)
        return opens[::-1]
    one = open_ms(interval, max(start_ms, first))
    if one < start_ms:
        one = after_ms(interval, one)
    while one <= last and len(opens) < limit:
        opens.append(one)
        one = after_ms(interval, one)
    return opens


def _filled(opens: list[int], long: Rows, close_e8: int | None) -> list[Candle]:
    """One candle for each moment; flat ones where nothing was, none before the first price."""
    there = {row[0]: row for row in long.tolist()}
    found = []
    for one in opens:
        row = there.get(one)
        if row is not None:
            found.append(Candle(*row))
            close_e8 = row[_CLOSE]
        elif close_e8 is not None:
            found.append(Candle(one, close_e8, close_e8, close_e8, close_e8))
    return found
