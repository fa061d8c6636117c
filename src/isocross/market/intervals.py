"""Intervals: the candles of a venue: 1m … 1M, which moment begins one, and long ones from short ones.

Responsible for: names, boundaries in UTC, joining. Must not: know where a candle comes from.

Minutes to twelve hours count from midnight, days from midnight, three days from 1970-01-01, weeks from Monday, months from the first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NoReturn

import numpy as np

from ..errors import InputError
from ..limits import INT64_MAX
from .draws import Int64Array
from .past import CandleColumns

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_MONDAY_MS = 4 * _DAY_MS  # 1970-01-05
_FIXED_MS = {
    "1m": _MINUTE_MS, "3m": 3 * _MINUTE_MS, "5m": 5 * _MINUTE_MS, "15m": 15 * _MINUTE_MS, "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS, "2h": 120 * _MINUTE_MS, "4h": 240 * _MINUTE_MS, "6h": 360 * _MINUTE_MS,
    "8h": 480 * _MINUTE_MS, "12h": 720 * _MINUTE_MS, "1d": _DAY_MS, "3d": 3 * _DAY_MS, "1w": 7 * _DAY_MS,
}  # fmt: skip
MONTH = "1M"
_SUM_MAX = 2.0**63 - 2.0**40  # of a sum of floats, whose last digits are not exact
INTERVALS = (*_FIXED_MS, MONTH)


def open_ms(interval: str, time_ms: int) -> int:
    """The first moment of the candle that `time_ms` lies in.

    Errors   InputError: no such interval; the same of the other functions here.
    """
    if interval == MONTH:
        day = datetime.fromtimestamp(time_ms // 1_000, tz=UTC)
        return _month_ms(day.year, day.month)
    length = _length_ms(interval)
    anchor = _MONDAY_MS if interval == "1w" else 0
    return (time_ms - anchor) // length * length + anchor


def after_ms(interval: str, open_time_ms: int) -> int:
    """The first moment after the candle that begins at `open_time_ms`."""
    if interval == MONTH:
        day = datetime.fromtimestamp(open_time_ms // 1_000, tz=UTC)
        return _month_ms(day.year + day.month // 12, day.month % 12 + 1)
    return open_time_ms + _length_ms(interval)


def open_times(interval: str, time_ms: Int64Array) -> Int64Array:
    """`open_ms` of many times."""
    if interval == MONTH:
        months: Int64Array = (
            time_ms.astype("datetime64[ms]").astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
        )
        return months
    length = _length_ms(interval)
    anchor = _MONDAY_MS if interval == "1w" else 0
    return (time_ms - anchor) // length * length + anchor


def joined(candles: CandleColumns, interval: str) -> CandleColumns:
    """Short candles as long ones, named by the boundaries of `interval`.

    Volumes are added; one of which parts are missing is made of those that are there: the running one is the last, and the first may begin late.
    """
    opens = open_times(interval, candles.time_ms)
    if not opens.size:
        return candles
    first = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    final = np.append(first[1:], opens.size) - 1
    return CandleColumns(
        opens[first],
        candles.open_e8[first],
        np.maximum.reduceat(candles.high_e8, first),
        np.minimum.reduceat(candles.low_e8, first),
        candles.close_e8[final],
        *(_sums(column, first) for column in candles[5:]),
    )


def _sums(column: Int64Array, first: Int64Array) -> Int64Array:
    """Sums of what begins at `first`; one beyond int64 is told as int64's last: a month of a large recorded market has more."""
    sums: Int64Array = np.add.reduceat(column, first)
    beyond = np.add.reduceat(column.astype(np.float64), first) > _SUM_MAX
    return np.where(beyond, INT64_MAX, sums) if beyond.any() else sums


def _length_ms(interval: str) -> int:
    length = _FIXED_MS.get(interval)
    return _refuse(interval) if length is None else length


def _refuse(interval: str) -> NoReturn:
    raise InputError(f"interval: {interval!r}: expected one of {', '.join(INTERVALS)}")


def _month_ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000
