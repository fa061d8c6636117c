"""History: recorded (or made) prices of one or several symbols, laid out as the steps of a replay.

Responsible for: which files belong together, the window, the walk inside a bar, the mark beside the last price, funding
at its own times, one order of time over all symbols. Must not: fill a gap, place a quote, know the engine.

The walk. A bar becomes open, low, high, close when close ≥ open, else open, high, low, close ("pessimistic": against
the bar's own direction first); "other" turns low and high round. The four moments are the bar's first, one third, two
thirds, and its last millisecond.

The mark, step by step (`Steps.mark_source`):
  RECORDED  a mark bar of the same interval at the same time: it walks its own prices, in the order of the last bar
  DERIVED   a coarser mark bar over this bar: the last price, held within that mark bar's low … high
  LAST      no mark bar over this bar: the last price itself
Finer mark bars are joined to the interval of the last bars first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MarketDataError
from ..units import format_time, to_time_ms
from .candles import Bars, Gap, format_interval, parse_interval_ms, read_bars, refuse_copied_mark
from .columns import Int64Array
from .folder import find_files
from .frames import Frame
from .funding import FundingRows, read_funding
from .maker import RANGE_WINDOW_MS, depth_scales_e8, profile_for

BarOrder = Literal["pessimistic", "other"]
Moment = int | str | datetime

MARK_LAST, MARK_DERIVED, MARK_RECORDED = 0, 1, 2
MARK_SOURCE_NAMES = ("last", "derived", "recorded")  # by those numbers: the most faithful comes last
POINTS_PER_BAR = 4


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One symbol: its last bars, and what else is known about the same time."""

    symbol: str
    last: Bars
    mark: Bars | None = None
    funding: FundingRows | None = None
    depth_scale_e8: Int64Array | None = None  # per last bar; without it the depth follows the realized range

    def __post_init__(self) -> None:
        assert self.last.kind == "last"
        assert self.mark is None or self.mark.kind == "mark"
        assert self.depth_scale_e8 is None or self.depth_scale_e8.shape == (len(self.last),)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What a replay feeds to the engine, in order. Arrays of one step each, then of one group, then of one funding row.

    A group is all steps of one instant: one prices command. Groups' times ascend strictly; a symbol is in a group at
    most once. Funding row f is settled after `funding_group[f]` groups were applied, its own instant's included.
    """

    symbols: tuple[str, ...]
    time_ms: Int64Array
    symbol_index: NDArray[np.int32]
    last_e8: Int64Array
    mark_e8: Int64Array
    mark_source: NDArray[np.int8]  # MARK_LAST, MARK_DERIVED, MARK_RECORDED
    is_bar_end: NDArray[np.bool_]
    bar_index: Int64Array  # which bar of its symbol
    depth_scale_e8: Int64Array
    group_index: Int64Array
    group_first: Int64Array  # group g is the steps group_first[g] … group_first[g + 1] − 1; one entry more than groups
    group_time_ms: Int64Array
    funding_time_ms: Int64Array
    funding_symbol_index: NDArray[np.int32]
    funding_rate_e8: Int64Array
    funding_group: Int64Array

    def __len__(self) -> int:
        return int(self.time_ms.size)

    @property
    def group_count(self) -> int:
        """How many prices commands these steps are."""
        return int(self.group_time_ms.size)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One or several symbols, ready for replay. Made by `load`, `from_folder`, `join`, or from Series."""

    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()  # what a report should say about the data

    def __post_init__(self) -> None:
        if not self.series:
            raise MarketDataError("history: no symbol; expected at least one")
        if len(set(self.symbols)) < len(self.series):
            raise MarketDataError(f"history: {', '.join(self.symbols)}; expected each symbol once")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names in the order of `Steps.symbol_index`."""
        return tuple(one.symbol for one in self.series)

    @property
    def start_ms(self) -> int:
        """First moment of the first bar of any symbol."""
        return min(one.last.start_ms for one in self.series)

    @property
    def end_ms(self) -> int:
        """First moment after the last bar of any symbol."""
        return max(one.last.end_ms for one in self.series)

    @property
    def gaps(self) -> dict[str, list[Gap]]:
        """Where last bars are missing, by symbol."""
        return {one.symbol: one.last.gaps for one in self.series}

    @property
    def mark_source(self) -> str:
        """'recorded', 'derived' or 'last': the least faithful mark that any bar uses."""
        return MARK_SOURCE_NAMES[min(int(_mark_rows(one)[1].min()) for one in self.series)]

    def mark_bars(self, symbol: str) -> dict[str, int]:
        """How many bars of a symbol have a recorded, a derived and no mark."""
        (one,) = (one for one in self.series if one.symbol == symbol)
        counts = np.bincount(_mark_rows(one)[1], minlength=3)
        return {name: int(counts[number]) for number, name in enumerate(MARK_SOURCE_NAMES)}

    @classmethod
    def load(
        cls,
        *,
        symbol: str,
        last: str | Path | Frame,
        mark: str | Path | Frame | None = None,
        funding: str | Path | Frame | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> History:
        """One symbol from its files or frames, cut to the bars that begin in start … end (exclusive).

        Errors  MarketDataError: what the importers refuse, a mark file that is a copy of last prices, no bar in the
                window. AmountError: start or end is no time.
        """
        last_bars = read_bars(last, "last")
        mark_bars = None if mark is None else read_bars(mark, "mark")
        rows = None if funding is None else read_funding(funding)
        if mark_bars is not None:
            refuse_copied_mark(mark_bars, last_bars)
        return cls._assembled(symbol, last_bars, mark_bars, rows, _window(start, end))

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        symbol: str | Sequence[str],
        start: Moment | None = None,
        end: Moment | None = None,
        interval: str | None = None,
        venue: str | None = None,
    ) -> History:
        """One or several symbols from a folder of `venue-SYMBOL-interval-kind` or freqtrade files.

        Takes    interval: '5m', of the last bars; without it, the finest that covers the window without a gap, else the
                 one that covers most of it (a note says so). venue: needed where several venues have the symbol;
                 binance is preferred. Mark and funding are taken when there are any in the window.
        Errors   as `load`; also a symbol or interval that the folder does not have, naming what it has.
        """
        if not isinstance(symbol, str):
            return cls.join(cls.from_folder(folder, name, start, end, interval, venue) for name in symbol)
        window = _window(start, end)
        interval_ms = None if interval is None else parse_interval_ms(interval)
        if interval is not None and interval_ms is None:
            raise MarketDataError(f"interval: {interval!r}; expected a number and s, m, h, d or w, such as 5m")
        files = find_files(folder, symbol, venue)
        lasts = [path for path, found_ms in files.last if interval_ms in (None, found_ms)]
        if not lasts:
            has = ", ".join(format_interval(found_ms) for _, found_ms in files.last) or "none"
            raise MarketDataError(
                f"{folder}: {symbol} has no last-price file of {interval or 'any interval'}; it has {has}"
            )
        last_bars, note = _best_covering(lasts, "last", window)
        if last_bars is None:
            raise MarketDataError(f"{folder}: {symbol} has no last-price bar in the window; {note}")
        notes = [note] if note else []
        span = (max(window[0], last_bars.start_ms), min(window[1], last_bars.end_ms))
        mark_bars = _best_covering([path for path, _ in files.mark], "mark", span)[0] if files.mark else None
        if mark_bars is not None:
            refuse_copied_mark(mark_bars, last_bars)
        rows = None if files.funding is None else read_funding(files.funding)
        made = cls._assembled(symbol, last_bars, mark_bars, rows, window)
        return replace(made, notes=(*notes, *made.notes))

    @classmethod
    def join(cls, histories: Iterable[History]) -> History:
        """Several histories as one; each symbol may be in one of them only."""
        parts = tuple(histories)
        return cls(
            series=tuple(one for part in parts for one in part.series),
            notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        )

    @classmethod
    def _assembled(
        cls, symbol: str, last: Bars, mark: Bars | None, funding: FundingRows | None, window: tuple[int, int]
    ) -> History:
        """Cut everything to the window and note what a report should say."""
        notes = [
            f"{symbol}: {note} ({bars.source})" for bars in (last, mark) if bars is not None for note in bars.notes
        ]
        cut = last.within(*window)
        if cut is None:
            raise MarketDataError(
                f"{last.source}: no bar in {_span(window)}; it covers {_span((last.start_ms, last.end_ms))}"
            )
        if mark is not None:
            mark = mark.touching(cut.start_ms, cut.end_ms)
            if mark is None:
                notes.append(f"{symbol}: no mark price in the window: mark follows last")
        if funding is not None:
            inside = funding.within(*window)
            early = int(np.searchsorted(inside.time_ms, cut.start_ms))
            late = int(np.searchsorted(inside.time_ms, cut.end_ms))
            funding = FundingRows(inside.time_ms[early:late], inside.rate_e8[early:late])
        notes.extend(f"{symbol}: no bars {gap}" for gap in cut.gaps[:10])
        if len(cut.gaps) > 10:
            notes.append(f"{symbol}: {len(cut.gaps) - 10} more gaps")
        series = Series(symbol, cut, mark, funding)
        sources = _mark_rows(series)[1]
        if mark is not None and (sources == MARK_DERIVED).any():
            notes.append(
                f"{symbol}: derived mark in {int((sources == MARK_DERIVED).sum())} of {len(cut)} bars: last price held "
                f"within recorded {format_interval(mark.interval_ms)} mark bars"
            )
        if mark is not None and (sources == MARK_LAST).any():
            notes.append(
                f"{symbol}: no mark price in {int((sources == MARK_LAST).sum())} of {len(cut)} bars: mark is last"
            )
        return cls((series,), tuple(notes))

    def steps(self, order: BarOrder = "pessimistic") -> Steps:
        """All symbols' bars as steps in order of time, with funding beside them. `order`: see the head of the file."""
        if order not in ("pessimistic", "other"):
            raise MarketDataError(f"order: {order!r}; expected 'pessimistic' or 'other'")
        walks = [_walk(one, order) for one in self.series]
        counts = [POINTS_PER_BAR * len(one.last) for one in self.series]
        symbol_index = np.repeat(np.arange(len(walks), dtype=np.int32), counts)
        time_ms, last_e8, mark_e8, mark_source, scale_e8 = (
            np.concatenate([walk[column] for walk in walks]) for column in range(5)
        )
        point = np.concatenate([np.arange(count) for count in counts])
        if len(walks) > 1:
            rank = np.lexsort((symbol_index, time_ms))
            time_ms, last_e8, mark_e8, mark_source = time_ms[rank], last_e8[rank], mark_e8[rank], mark_source[rank]
            scale_e8, symbol_index, point = scale_e8[rank], symbol_index[rank], point[rank]
        group_first = np.flatnonzero(np.diff(time_ms, prepend=time_ms[0] - 1))
        group_time_ms = time_ms[group_first]
        funding = [(number, one.funding) for number, one in enumerate(self.series) if one.funding is not None]
        funding_time = np.concatenate([_EMPTY, *(rows.time_ms for _, rows in funding)])
        funding_rate = np.concatenate([_EMPTY, *(rows.rate_e8 for _, rows in funding)])
        funding_symbol = np.repeat(
            np.array([number for number, _ in funding], dtype=np.int32), [rows.time_ms.size for _, rows in funding]
        )
        rank = np.lexsort((funding_symbol, funding_time))
        return Steps(
            symbols=self.symbols,
            time_ms=time_ms,
            symbol_index=symbol_index,
            last_e8=last_e8,
            mark_e8=mark_e8,
            mark_source=mark_source.astype(np.int8),
            is_bar_end=point % POINTS_PER_BAR == POINTS_PER_BAR - 1,
            bar_index=point // POINTS_PER_BAR,
            depth_scale_e8=scale_e8,
            group_index=np.repeat(np.arange(group_first.size), np.diff(group_first, append=time_ms.size)),
            group_first=np.append(group_first, time_ms.size),
            group_time_ms=group_time_ms,
            funding_time_ms=funding_time[rank],
            funding_symbol_index=funding_symbol[rank],
            funding_rate_e8=funding_rate[rank],
            funding_group=np.searchsorted(group_time_ms, funding_time[rank], side="right"),
        )


_EMPTY = np.empty(0, dtype=np.int64)


def _walk(one: Series, order: BarOrder) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array, Int64Array]:
    """The four points of every bar of one symbol: time, last, mark, mark source, depth scale."""
    last = one.last
    offsets = np.array([0, last.interval_ms // 3, 2 * last.interval_ms // 3, last.interval_ms - 1], dtype=np.int64)
    time_ms = (last.time_ms[:, None] + offsets).ravel()
    is_low_first = (last.close_e8 >= last.open_e8) == (order == "pessimistic")
    last_e8 = _points(last.open_e8, last.high_e8, last.low_e8, last.close_e8, is_low_first)
    mark_row, source = _mark_rows(one)
    mark_e8 = last_e8
    mark = _comparable_mark(one)
    if mark is not None:
        row = np.maximum(mark_row, 0)
        own = _points(mark.open_e8[row], mark.high_e8[row], mark.low_e8[row], mark.close_e8[row], is_low_first)
        low, high = np.repeat(mark.low_e8[row], POINTS_PER_BAR), np.repeat(mark.high_e8[row], POINTS_PER_BAR)
        by_point = np.repeat(source, POINTS_PER_BAR)
        derived = np.clip(last_e8, low, high)
        mark_e8 = np.where(by_point == MARK_RECORDED, own, np.where(by_point == MARK_DERIVED, derived, last_e8))
    if one.depth_scale_e8 is not None:
        scale_e8 = np.repeat(one.depth_scale_e8, POINTS_PER_BAR)
    else:
        window = max(POINTS_PER_BAR, POINTS_PER_BAR * RANGE_WINDOW_MS // last.interval_ms)
        scale_e8 = depth_scales_e8(profile_for(one.symbol), last_e8, window)
    return time_ms, last_e8, mark_e8, np.repeat(source, POINTS_PER_BAR), scale_e8


def _points(
    open_e8: Int64Array, high_e8: Int64Array, low_e8: Int64Array, close_e8: Int64Array, is_low_first: NDArray[np.bool_]
) -> Int64Array:
    """Bars → their four prices one after the other."""
    points = np.empty((open_e8.size, POINTS_PER_BAR), dtype=np.int64)
    points[:, 0] = open_e8
    points[:, 1] = np.where(is_low_first, low_e8, high_e8)
    points[:, 2] = np.where(is_low_first, high_e8, low_e8)
    points[:, 3] = close_e8
    return points.ravel()


def _comparable_mark(one: Series) -> Bars | None:
    """The mark bars, joined to the last bars' interval where they are finer."""
    mark, last = one.mark, one.last
    if mark is None or mark.interval_ms >= last.interval_ms:
        return mark
    if last.interval_ms % mark.interval_ms:
        raise MarketDataError(
            f"{mark.source}: mark bars of {format_interval(mark.interval_ms)} do not divide last bars of "
            f"{format_interval(last.interval_ms)} ({last.source}); expected a divisor or a coarser interval"
        )
    return mark.aggregated(last.interval_ms, last.start_ms)


def _mark_rows(one: Series) -> tuple[Int64Array, Int64Array]:
    """For every last bar the mark bar over it (−1: none) and MARK_LAST, MARK_DERIVED or MARK_RECORDED."""
    last, mark = one.last, _comparable_mark(one)
    if mark is None:
        return np.full(len(last), -1, dtype=np.int64), np.full(len(last), MARK_LAST, dtype=np.int64)
    row = np.searchsorted(mark.time_ms, last.time_ms, side="right") - 1
    at = mark.time_ms[np.maximum(row, 0)]
    is_over = (row >= 0) & (last.time_ms + last.interval_ms <= at + mark.interval_ms)
    is_same = is_over & (mark.interval_ms == last.interval_ms) & (at == last.time_ms)
    source = np.where(is_same, MARK_RECORDED, np.where(is_over, MARK_DERIVED, MARK_LAST))
    return np.where(is_over, row, -1), source.astype(np.int64)


_ALWAYS = (0, 10**14)


def _window(start: Moment | None, end: Moment | None) -> tuple[int, int]:
    """start and end in ms; open ends reach over all times."""
    first = _ALWAYS[0] if start is None else to_time_ms(start, "start")
    after = _ALWAYS[1] if end is None else to_time_ms(end, "end")
    if first >= after:
        raise MarketDataError(f"start {format_time(first)} is not before end {format_time(after)}")
    return first, after


def _span(window: tuple[int, int]) -> str:
    """A window for people."""
    first = "the beginning" if window[0] == _ALWAYS[0] else format_time(window[0])
    after = "the end" if window[1] == _ALWAYS[1] else format_time(window[1])
    return f"{first} to {after}"


def _best_covering(
    paths: Sequence[Path], kind: Literal["last", "mark"], window: tuple[int, int]
) -> tuple[Bars | None, str]:
    """Of files from fine to coarse the first that covers the window without a gap, else the one that covers most.

    An open end of the window is the file's own. Returns the bars and what to note; None when none has a bar in it.
    """
    best: Bars | None = None
    best_ms = 0
    seen: list[str] = []
    for path in paths:
        bars = read_bars(path, kind)
        seen.append(f"{path.name} covers {_span((bars.start_ms, bars.end_ms))}")
        first = bars.start_ms if window[0] == _ALWAYS[0] else window[0]
        after = bars.end_ms if window[1] == _ALWAYS[1] else window[1]
        covered_ms = bars.covered_ms(first, after)
        if 0 < after - first == covered_ms or (window == _ALWAYS and best is None):
            return bars, ""
        if bars.within(*window) is not None and covered_ms > best_ms:
            best, best_ms = bars, covered_ms
    if best is None:
        return None, "; ".join(seen)
    return best, f"no file covers {_span(window)} without a gap: {Path(best.source).name} covers most of it"
