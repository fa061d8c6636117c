"""Columns: one column of a file → int64, exactly or with an error that names file, row, column and value.

Responsible for: the time unit (by size), decimal text or float → × 10^8. Must not: know candles or funding.
Rounding: a number that lies on 10^-8 is taken exactly; a finer one is rounded half to even. A float64 stands for
its shortest decimal text, so 0.1 is 10_000_000 and nothing else.

Fast path: for |x × 10^8| < 2^51 the two roundings of `x * 1e8` (of the text into float64, and of the product) add up to
less than half a unit, so `rint` gives the right integer unless the exact value lies beside a half. Those rows and
larger values go through Decimal, from the file's own text where it has one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..units import format_time
from .files import Table

Int64Array = NDArray[np.int64]

_FAST_MAX = float(2**51)
_E8_MAX = 2**62
_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNIT_FLOORS = (10**9, 10**12, 10**15, 10**18)  # the least number of 10, 13, 16 and 19 digits: s, ms, µs, ns
_TIME_EXPECTED = "expected 10 digits (seconds, a fraction allowed), 13 (ms), 16 (µs) or 19 (ns)"


def where(row: int, time_ms: Int64Array | None = None) -> str:
    """'row 17 (2025-01-01 00:00 UTC)': rows are counted from 1, in file order, without the header."""
    return f"row {row + 1}" + ("" if time_ms is None else f" ({format_time(int(time_ms[row]))})")


def read_time_ms(table: Table, name: str) -> Int64Array:
    """Times of column `name` as epoch ms: numbers by their size, dates as UTC. Finer than a ms is cut off.

    Errors  MarketDataError: a missing value, text that is no time, a number of another size.
    """
    series = table.columns[name]
    kind = series.dtype
    if series.null_count():
        row = int(series.is_null().arg_true()[0])
        table.fail(f"{where(row)}: column {name}: missing; expected a time")
    if isinstance(kind, pl.Datetime):
        return _bounded(table, name, series.dt.epoch("ms").to_numpy().astype(np.int64))
    if kind == pl.Date:
        return _bounded(table, name, series.cast(pl.Int64).to_numpy() * 86_400_000)
    if kind.is_integer():
        return _by_size(table, name, series.cast(pl.Int64, strict=False).fill_null(-1).to_numpy())
    if kind.is_float():
        return _seconds_or_whole(table, name, series.cast(pl.Float64).to_numpy())
    text = series.cast(pl.String).str.strip_chars()
    whole = text.cast(pl.Int64, strict=False)
    if not whole.null_count():
        return _by_size(table, name, whole.to_numpy())
    numbers = text.cast(pl.Float64, strict=False)
    if not numbers.null_count():
        return _seconds_or_whole(table, name, numbers.to_numpy())
    if numbers.null_count() < len(text):  # some are numbers: the rest are no dates but faults
        row = int(numbers.is_null().arg_true()[0])
        table.fail(f"{where(row)}: column {name}: {text[row][:40]!r} is no time; {_TIME_EXPECTED}")
    return _bounded(table, name, _dates(table, name, text))


def _bounded(table: Table, name: str, time_ms: Int64Array) -> Int64Array:
    """Dates must lie in 2001…2286, as numbers do by their digits."""
    bad = np.flatnonzero((time_ms < 10**12) | (time_ms >= 10**13))
    if bad.size:
        row = int(bad[0])
        table.fail(f"{where(row)}: column {name}: {table.columns[name][row]}; expected a time in 2001…2286")
    return time_ms


def _by_size(table: Table, name: str, values: Int64Array) -> Int64Array:
    """Whole numbers → ms, the unit taken from each number's digits (archives have changed theirs)."""
    time_ms = np.full(values.shape, -1, dtype=np.int64)
    for floor in _UNIT_FLOORS:
        inside = (values >= floor) & (values // 10 < floor)
        if floor == 10**9:
            time_ms[inside] = values[inside] * 1_000
        else:
            time_ms[inside] = values[inside] // (floor // 10**12)
    bad = np.flatnonzero(time_ms < 0)
    if bad.size:
        row = int(bad[0])
        table.fail(f"{where(row)}: column {name}: {values[row]} is no time; {_TIME_EXPECTED}")
    return time_ms


def _seconds_or_whole(table: Table, name: str, values: NDArray[np.float64]) -> Int64Array:
    """Floats: seconds may have a fraction; larger units are whole."""
    bad = np.flatnonzero(~(np.isfinite(values) & (np.abs(values) < 2.0**63)))
    if bad.size:
        row = int(bad[0])
        table.fail(f"{where(row)}: column {name}: {values[row]} is no time; {_TIME_EXPECTED}")
    is_seconds = (values >= 1e9) & (values < 1e10)
    milliseconds = np.where(is_seconds, np.rint(values * 1e3), np.floor(values))
    return _by_size(table, name, milliseconds.astype(np.int64))


def _dates(table: Table, name: str, text: pl.Series) -> Int64Array:
    """ISO dates (2025-01-31 08:00, 20250131 08:00, …Z, …+00:00) → ms; UTC where no offset is given."""
    times = np.empty(len(text), dtype=np.int64)
    for row, value in enumerate(text.to_list()):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            table.fail(f"{where(row)}: column {name}: {value[:40]!r} is no time; expected digits or an ISO date")
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        times[row] = (zoned - _EPOCH) // _MILLISECOND
    return times


def read_e8(table: Table, name: str, time_ms: Int64Array, expected: str, limit_e8: int) -> Int64Array:
    """Numbers of column `name` × 10^8.

    Takes    expected: what the column holds, for the error text. limit_e8: largest |value| accepted, ≤ 2^62.
    Errors   MarketDataError: a missing value, NaN or infinity, text that is no number, beyond the limit.
    """
    assert 0 < limit_e8 <= _E8_MAX
    series = table.columns[name]
    text: pl.Series | None = None
    if series.dtype == pl.Float64:
        values = series.to_numpy().astype(np.float64)
    elif series.dtype.is_integer():
        values = series.cast(pl.Float64).to_numpy()
    else:
        text = series.cast(pl.String).str.strip_chars()
        values = text.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values) | (np.abs(values) > (limit_e8 + 0.5) / 1e8))
    if bad.size:
        row = int(bad[0])
        found = series[row]
        shown = "missing" if found is None or str(found).strip() == "" else str(found)[:40]
        table.fail(f"{where(row, time_ms)}: column {name}: {shown}; expected {expected}")
    scaled = values * 1e8
    result = np.rint(scaled)
    magnitude = np.abs(scaled)
    fraction = np.abs(scaled - result)
    slow = (np.abs(fraction - 0.5) <= magnitude * 2.0**-50 + 2.0**-50) | (magnitude >= _FAST_MAX)
    result_e8 = result.astype(np.int64)
    for row in np.flatnonzero(slow).tolist():
        shown = text[row] if text is not None else str(series[row])
        exact = _exact_e8(shown)
        if exact is None or abs(exact) > limit_e8:
            table.fail(f"{where(row, time_ms)}: column {name}: {shown[:40]}; expected {expected}")
        result_e8[row] = exact
    return result_e8


def _exact_e8(text: str) -> int | None:
    """Decimal text × 10^8, half to even; None when it is no number."""
    try:
        return int(Decimal(text).scaleb(8, _EXACT).quantize(Decimal(1), context=_EXACT))
    except (InvalidOperation, ValueError):
        return None
