"""Candles: one file of bars, checked and converted; what every other file of this folder counts in.

Responsible for: which column is what, sorting, exact and conflicting duplicates, the laws of a bar, the interval,
gaps, and telling a real mark file from a copy of last prices. Must not: fill a gap, change a price beyond rounding to
10^-8 (one publisher's range is widened to its open, and a note says so), decide which file to use.

A bar is named by its first moment. `kind` is what the prices are: 'last' (trades) or 'mark'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import MarketDataError
from ..limits import PRICE_MAX_E8
from ..units import format_e8, format_time
from .columns import Int64Array, read_e8, read_time_ms, where
from .files import Table, normalize, read_table
from .frames import Frame, frame_table, is_frame

BarKind = Literal["last", "mark"]

INTERVAL_MIN_MS = 4  # a bar is walked in four moments
INTERVAL_MAX_MS = 31 * 86_400_000
COPY_SHARE_MIN = 0.9  # of the bars that can be compared: from here a mark file is a copy of last prices

_TIME_NAMES = ("opentime", "timestamp", "time", "timems", "unix", "ts", "starttime", "start", "date", "datetime", "t")
_PRICE_NAMES = {"open": ("open", "o"), "high": ("high", "h"), "low": ("low", "l"), "close": ("close", "c")}
_VOLUME_NAMES = ("volume", "vol", "v")
_BITMEX_NAMES = {"turnover", "vwap", "homenotional"}  # together no other publisher's
_PRICE_EXPECTED = f"a price above 0, at most {format_e8(PRICE_MAX_E8)}"
_INTERVAL = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_KIND_WORDS = {
    "last": "last", "futures": "last", "klines": "last", "mark": "mark", "markpriceklines": "mark",
    "index": "index", "indexpriceklines": "index", "premiumindex": "premium index",
    "premiumindexklines": "premium index", "funding": "funding", "fundingrate": "funding", "quote": "quote",
    "trades": "trades", "aggtrades": "trades", "bookticker": "quote", "depth": "depth",
}  # fmt: skip


class Gap(NamedTuple):
    """Bars that are not there: from the first missing moment to the next bar, exclusive."""

    start_ms: int
    end_ms: int

    def __str__(self) -> str:
        return f"{format_time(self.start_ms)} to {format_time(self.end_ms)}"


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars in time order, no two at one time. Arrays are int64, of one length ≥ 1, and read-only."""

    kind: BarKind
    interval_ms: int
    time_ms: Int64Array  # first moment of each bar
    open_e8: Int64Array
    high_e8: Int64Array
    low_e8: Int64Array
    close_e8: Int64Array
    source: str  # the file, for messages and reports
    notes: tuple[str, ...] = ()  # what the importer dropped or moved
    volume: NDArray[np.float64] | None = (
        None  # what the file says was traded, ≥ 0, in its own unit; None: it does not say
    )

    def __post_init__(self) -> None:
        assert self.volume is None or self.volume.shape == self.time_ms.shape
        for array in (self.time_ms, self.open_e8, self.high_e8, self.low_e8, self.close_e8):
            assert array.dtype == np.int64
            assert array.shape == (self.time_ms.size,)
            array.setflags(write=False)
        assert self.time_ms.size > 0
        assert INTERVAL_MIN_MS <= self.interval_ms <= INTERVAL_MAX_MS

    def __len__(self) -> int:
        return int(self.time_ms.size)

    @property
    def start_ms(self) -> int:
        """First moment of the first bar."""
        return int(self.time_ms[0])

    @property
    def end_ms(self) -> int:
        """First moment after the last bar."""
        return int(self.time_ms[-1]) + self.interval_ms

    @property
    def gaps(self) -> list[Gap]:
        """Where bars are missing between the first and the last one."""
        before = np.flatnonzero(np.diff(self.time_ms) > self.interval_ms)
        return [Gap(int(self.time_ms[i]) + self.interval_ms, int(self.time_ms[i + 1])) for i in before]

    def within(self, start_ms: int, end_ms: int) -> Bars | None:
        """The bars that begin in start_ms … end_ms (exclusive); None when there are none."""
        return self._cut(*np.searchsorted(self.time_ms, [start_ms, end_ms]).tolist())

    def touching(self, start_ms: int, end_ms: int) -> Bars | None:
        """The bars of which some part lies in start_ms … end_ms (exclusive); None when there are none."""
        first = int(np.searchsorted(self.time_ms, start_ms - self.interval_ms, side="right"))
        return self._cut(first, int(np.searchsorted(self.time_ms, end_ms)))

    def covered_ms(self, start_ms: int, end_ms: int) -> int:
        """How much of start_ms … end_ms these bars cover."""
        inside = np.minimum(self.time_ms + self.interval_ms, end_ms) - np.maximum(self.time_ms, start_ms)
        return int(np.maximum(inside, 0).sum())

    def aggregated(self, interval_ms: int, anchor_ms: int) -> Bars | None:
        """These bars joined into complete bars of `interval_ms`, counted from `anchor_ms`; None when none is complete.

        A bar of which a part is missing is left out. `interval_ms` is a multiple of the bars' own interval.
        """
        assert interval_ms % self.interval_ms == 0
        bucket = (self.time_ms - anchor_ms) // interval_ms
        first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
        counts = np.diff(first, append=bucket.size)
        offset = (self.time_ms[first] - anchor_ms) % interval_ms
        complete = (counts == interval_ms // self.interval_ms) & (offset == 0)
        if not complete.any():
            return None
        final = first + counts - 1
        return replace(
            self,
            interval_ms=interval_ms,
            time_ms=self.time_ms[first][complete],
            open_e8=self.open_e8[first][complete],
            high_e8=np.maximum.reduceat(self.high_e8, first)[complete],
            low_e8=np.minimum.reduceat(self.low_e8, first)[complete],
            close_e8=self.close_e8[final][complete],
            volume=None if self.volume is None else np.add.reduceat(self.volume, first)[complete],
        )

    def _cut(self, first: int, after: int) -> Bars | None:
        """Rows first … after − 1."""
        if first >= after:
            return None
        rows = slice(first, after)
        return replace(
            self,
            time_ms=self.time_ms[rows],
            open_e8=self.open_e8[rows],
            high_e8=self.high_e8[rows],
            low_e8=self.low_e8[rows],
            close_e8=self.close_e8[rows],
            volume=None if self.volume is None else self.volume[rows],
        )


def read_bars(
    source: str | Path | Frame,
    kind: BarKind | None = None,
    *,
    interval_ms: int | None = None,
    stamped: Literal["start", "end"] | None = None,
) -> Bars:
    """Read one file of candles: Parquet, Feather, CSV, JSON, zip; with or without header; in any order. Or a frame of them.

    Takes    source: a path, or a Polars or pandas frame (frames.py). kind: what the prices are; a file whose name or folder says otherwise is refused; without it, what the name
             says, else 'last'. interval_ms: of a file of a single bar without an interval in its name. stamped: which
             moment of a bar the file writes; without it, the start, and for BitMEX's columns the end.
    Returns  Bars, sorted, with what was dropped or moved in `notes`.
    Errors   MarketDataError, naming file, row, time, column, value and what was expected.
    """
    if is_frame(source):
        table = frame_table(source)
    else:
        path = Path(source)
        said = kind_of_path(path)
        if kind is None and said == "mark":
            kind = "mark"
        if said not in (None, kind or "last"):
            raise MarketDataError(
                f"{path}: its name says {said}; expected {kind or 'last'}-price candles (rename it if it is one)"
            )
        table = read_table(path)
    try:
        return _bars(table, kind or "last", interval_ms, stamped)
    except pl.exceptions.PolarsError as error:
        table.fail(f"cannot be read as candles: {str(error).splitlines()[0][:200]}")


def _bars(table: Table, kind: BarKind, interval_ms: int | None, stamped: Literal["start", "end"] | None) -> Bars:
    """The checks of `read_bars`, in the order in which they are reported."""
    table = _placed(table)
    time_name, price_names, volume_name = _column_names(table)
    time_ms = read_time_ms(table, time_name)
    prices = {
        name: read_e8(table, column, time_ms, _PRICE_EXPECTED, PRICE_MAX_E8) for name, column in price_names.items()
    }
    for name, values in prices.items():
        _refuse(table, values <= 0, time_ms, price_names[name], values, _PRICE_EXPECTED)
    notes: list[str] = []
    is_bitmex = set(table.columns) >= _BITMEX_NAMES
    if is_bitmex:
        _reach_the_open(prices, notes)
    _check_bar_laws(table, time_ms, prices)
    volume = None if volume_name is None else _comparable(table.columns[volume_name])
    rows = _sorted_rows(table, time_ms, prices, volume)
    if rows.size < time_ms.size:
        notes.append(f"{time_ms.size - rows.size} exact duplicate rows dropped")
    times = time_ms[rows]
    interval = _interval_ms(table, times, rows, interval_ms)
    if stamped is None:
        stamped = "end" if is_bitmex else "start"
    if stamped == "end":
        times = times - interval
        notes.append("the file writes the end of each bar: times moved to its start")
    return Bars(
        kind, interval, times, prices["open"][rows], prices["high"][rows], prices["low"][rows], prices["close"][rows],
        source=str(table.path), notes=tuple(notes), volume=None if volume is None else np.maximum(volume[rows], 0.0),
    )  # fmt: skip


def _placed(table: Table) -> Table:
    """A file without names gets those of its places: time, open, high, low, close, volume, then whatever."""
    if table.is_named:
        return table
    if len(table.columns) < 5:
        table.fail(f"{len(table.columns)} columns and no header; expected time, open, high, low, close first")
    names = ("time", "open", "high", "low", "close", "volume")
    return replace(table, columns=dict(zip(names, table.columns.values(), strict=False)))


def _comparable(volume: pl.Series) -> NDArray[np.float64]:
    """Volumes for telling duplicates from conflicts: what is missing or no number equals itself."""
    return volume.cast(pl.Float64, strict=False).fill_null(-1.0).fill_nan(-1.0).to_numpy()


def _column_names(table: Table) -> tuple[str, dict[str, str], str | None]:
    """Where time, the four prices and (if any) the volume are."""
    time_name = table.first(*_TIME_NAMES)
    found = {name: table.first(*names) for name, names in _PRICE_NAMES.items()}
    missing = (["time"] if time_name is None else []) + [name for name, column in found.items() if column is None]
    if missing or time_name is None:
        table.fail(f"no column for {', '.join(missing)}; it has {', '.join(table.columns)[:300] or 'none'}")
    return (
        time_name,
        {name: column for name, column in found.items() if column is not None},
        table.first(*_VOLUME_NAMES),
    )


def _refuse(
    table: Table, bad: NDArray[np.bool_], time_ms: Int64Array, column: str, values: Int64Array, expected: str
) -> None:
    """Refuse the first bad row, if there is one."""
    rows = np.flatnonzero(bad)
    if rows.size:
        row = int(rows[0])
        table.fail(f"{where(row, time_ms)}: column {column}: {format_e8(int(values[row]))}; expected {expected}")


def _reach_the_open(prices: dict[str, Int64Array], notes: list[str]) -> None:
    """BitMEX opens a bar at the close before it: where that lies outside, the bar's range is widened to it, and told."""
    opens, high, low = prices["open"], prices["high"], prices["low"]
    outside = ((opens > high) | (opens < low)) & (high >= low)
    if outside.any():
        prices["high"] = np.where(outside, np.maximum(high, opens), high)
        prices["low"] = np.where(outside, np.minimum(low, opens), low)
        notes.append(f"the file opens each bar at the close before: range widened to it in {int(outside.sum())} bars")


def _check_bar_laws(table: Table, time_ms: Int64Array, prices: dict[str, Int64Array]) -> None:
    """low ≤ open, close ≤ high."""
    low, high = prices["low"], prices["high"]
    for name in ("high", "open", "close"):
        values = prices[name]
        bad = np.flatnonzero((values < low) | (values > high))
        if bad.size:
            row = int(bad[0])
            span = f"low {format_e8(int(low[row]))}" + (
                "" if name == "high" else f" … high {format_e8(int(high[row]))}"
            )
            expected = f"at least {span}" if name == "high" else f"within {span}"
            _refuse(table, (values < low) | (values > high), time_ms, name, values, expected)


def _sorted_rows(
    table: Table, time_ms: Int64Array, prices: dict[str, Int64Array], volume: NDArray[np.float64] | None
) -> Int64Array:
    """Row numbers in time order without exact duplicates; two different rows at one time are refused."""
    order = np.argsort(time_ms, kind="stable")
    same_time = np.flatnonzero(np.diff(time_ms[order]) == 0)
    if not same_time.size:
        return order
    earlier, later = order[same_time], order[same_time + 1]
    for name, values in prices.items():
        differing = np.flatnonzero(values[earlier] != values[later])
        if differing.size:
            first, second = int(earlier[differing[0]]), int(later[differing[0]])
            table.fail(
                f"{where(second, time_ms)}: column {name}: {format_e8(int(values[second]))}, but row {first + 1} of the "
                f"same time has {format_e8(int(values[first]))}; expected one row a time, or equal ones"
            )
    if volume is not None:
        differing = np.flatnonzero(volume[earlier] != volume[later])
        if differing.size:
            first, second = int(earlier[differing[0]]), int(later[differing[0]])
            table.fail(
                f"{where(second, time_ms)}: column volume: {volume[second]}, but row {first + 1} of the same time has "
                f"{volume[first]}; expected one row a time, or equal ones"
            )
    return np.delete(order, same_time + 1)


def _interval_ms(table: Table, times: Int64Array, rows: Int64Array, told_ms: int | None) -> int:
    """The commonest distance of two bars; bars that overlap are refused, larger distances are gaps."""
    if told_ms is not None and not INTERVAL_MIN_MS <= told_ms <= INTERVAL_MAX_MS:
        table.fail(f"interval_ms: {told_ms}; expected {INTERVAL_MIN_MS} … {INTERVAL_MAX_MS}")
    named_ms = interval_of_path(table.path)
    if times.size == 1:
        interval = told_ms or named_ms
        if interval is None:
            table.fail("holds a single bar and no interval in its name; expected two bars, or interval_ms")
        return interval
    distances, counts = np.unique(np.diff(times), return_counts=True)
    interval = told_ms or int(distances[np.argmax(counts)])
    if told_ms is None and times.size < 10 and named_ms is not None and (np.diff(times) % named_ms == 0).all():
        interval = named_ms  # with a few bars and a gap the commonest distance is a guess, the name is not
    if not INTERVAL_MIN_MS <= interval <= INTERVAL_MAX_MS:
        table.fail(f"bars are {interval} ms apart; expected {INTERVAL_MIN_MS} … {INTERVAL_MAX_MS}")
    if distances[0] < interval:
        place = int(np.flatnonzero(np.diff(times) < interval)[0]) + 1
        distance = int(times[place] - times[place - 1])
        table.fail(
            f"row {int(rows[place]) + 1} ({format_time(int(times[place]))}): column time: {distance} ms after the bar "
            f"before; expected at least {interval}, the interval of the file's other bars"
        )
    return interval


def refuse_copied_mark(mark: Bars, last: Bars) -> None:
    """Refuse a mark file that is last prices under another name.

    Where both cover the same time, highs and lows are compared at the coarser of the two intervals; bars that do not
    move prove nothing. Two bars or more that agree, and at least 90 % of them, are no accident.
    Errors  MarketDataError naming both files.
    """
    interval_ms = max(mark.interval_ms, last.interval_ms)
    if interval_ms % mark.interval_ms or interval_ms % last.interval_ms:
        return
    anchor_ms = mark.start_ms if mark.interval_ms == interval_ms else last.start_ms
    marks, lasts = mark.aggregated(interval_ms, anchor_ms), last.aggregated(interval_ms, anchor_ms)
    if marks is None or lasts is None:
        return
    _, at_mark, at_last = np.intersect1d(marks.time_ms, lasts.time_ms, assume_unique=True, return_indices=True)
    moving = lasts.high_e8[at_last] > lasts.low_e8[at_last]
    same = (marks.high_e8[at_mark] == lasts.high_e8[at_last]) & (marks.low_e8[at_mark] == lasts.low_e8[at_last])
    compared, equal = int(moving.sum()), int((same & moving).sum())
    if compared >= 2 and equal >= COPY_SHARE_MIN * compared:
        raise MarketDataError(
            f"{mark.source}: high and low equal those of {last.source} in {equal} of {compared} bars; expected mark "
            "prices, and this is a copy of last prices: leave the mark file out"
        )


def kind_of_path(path: Path) -> str | None:
    """What the name or the folder of a file says it holds: 'last', 'mark', 'funding', …; None when it says nothing."""
    words = [normalize(word) for word in path.name.split(".")[0].split("-")]
    folders = [normalize(part.name) for part in path.absolute().parents if part.name.endswith("Klines")]
    for word in (*reversed(words), *folders):
        if word in _KIND_WORDS:
            return _KIND_WORDS[word]
    return None


def interval_of_path(path: Path) -> int | None:
    """The interval in a file's name ('-1h-'), in ms; None when there is none."""
    for word in path.name.split(".")[0].split("-"):
        interval_ms = parse_interval_ms(word)
        if interval_ms is not None:
            return interval_ms
    return None


def parse_interval_ms(text: str) -> int | None:
    """'1m', '8h', '1d' → ms; None when the text is no interval."""
    match = _INTERVAL.fullmatch(text)
    return None if match is None else int(match[1]) * _UNIT_MS[match[2]]


def format_interval(interval_ms: int) -> str:
    """300_000 → '5m'."""
    for unit in ("w", "d", "h", "m", "s"):
        if interval_ms % _UNIT_MS[unit] == 0:
            return f"{interval_ms // _UNIT_MS[unit]}{unit}"
    return f"{interval_ms}ms"
