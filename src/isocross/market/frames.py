"""Frames: prices or rates that a program holds already, Polars or pandas, → named columns, as if read from a file.

Responsible for: recognizing a frame without importing pandas; its time index; a series of single prices as bars.
Must not: know what a column means beyond that, sort, drop or repair a row.

A pandas index of dates is the column `time`; dates without a zone are UTC, as everywhere. A pandas Series, or a frame with one
column beside the time, holds one price (or one rate) per time: bars whose open, high, low and close are that price.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from ..errors import MarketDataError
from .files import Table, normalize

Frame = Any  # polars DataFrame or LazyFrame, pandas DataFrame or Series
_TIME_INDEX_NAMES = ("time", "timestamp", "date", "datetime", "opentime", "timems", "ts", "unix", "t")
_BAR_COLUMNS = ("open", "high", "low", "close")


def is_frame(value: object) -> bool:
    """Whether this is a frame or series of Polars or pandas."""
    return isinstance(value, pl.DataFrame | pl.LazyFrame) or _is_pandas(value)


def frame_table(frame: Frame, single: tuple[str, ...] = _BAR_COLUMNS) -> Table:
    """A frame's columns.

    Takes    single: what a lone column stands for: the four prices of a bar, or a rate.
    Errors   MarketDataError: no row, no column, no time.
    """
    name = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        columns = {column: frame[column] for column in frame.columns}
    else:
        columns = _columns_of_pandas(frame)
    named: dict[str, pl.Series] = {}
    for column, values in columns.items():
        named.setdefault(normalize(column), values)
    beside_time = [column for column in named if column != "time"]
    if "time" in named and len(beside_time) == 1:
        named = {"time": named["time"]} | dict.fromkeys(single, named[beside_time[0]])
    count = len(next(iter(named.values()))) if named else 0
    if count == 0:
        raise MarketDataError(f"{name}: holds no rows; expected at least one")
    return Table(Path(name), named, is_named=True, row_count=count)


def _is_pandas(value: object) -> bool:
    is_of_pandas = any(kind.__module__.partition(".")[0] == "pandas" for kind in type(value).__mro__)
    return is_of_pandas and hasattr(value, "index") and hasattr(value, "to_numpy")


def _columns_of_pandas(frame: Any) -> dict[str, pl.Series]:
    """Its columns, and its index as `time` where that is dates or is named like a time."""
    if not hasattr(frame, "columns"):  # a Series
        frame = frame.to_frame("price" if frame.name is None else str(frame.name))
    columns: dict[str, pl.Series] = {}
    index = frame.index
    if hasattr(index, "to_timestamp"):  # periods
        index = index.to_timestamp()
    if hasattr(index, "tz") or normalize(str(index.name)) in _TIME_INDEX_NAMES:
        columns["time"] = _series(index.to_series())
    return columns | {str(name): _series(frame[name]) for name in frame.columns}


def _series(values: Any) -> pl.Series:
    """A pandas column. Numbers and dates keep their type; what is neither becomes text, missing what is missing."""
    kind = str(values.dtype)
    if kind.startswith("datetime64"):
        zoned = values.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(values.dtype, "tz", None) else values
        return pl.Series(zoned.to_numpy())
    if kind.startswith(("int", "uint", "float")):
        return pl.Series(values.to_numpy())
    told = [None if value is None or value != value else value for value in values.tolist()]
    if all(value is None or type(value) in (int, float) for value in told):
        return pl.Series(told)
    return pl.Series([None if value is None else str(value) for value in told], dtype=pl.String)
