"""Funding: one file of settlements → times and rates.

Responsible for: which column is the rate, sorting, exact and conflicting duplicates. Must not: round a time to the
hour, assume an interval (it changes within files), fill a missing settlement.

A positive rate means that longs pay shorts; it is a fraction of the notional at one settlement.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ..errors import MarketDataError
from ..units import ONE_E8, format_e8
from .candles import kind_of_path
from .columns import Int64Array, read_e8, read_time_ms, where
from .files import Table, read_table
from .frames import Frame, frame_table, is_frame
from .settlements import FundingRows as FundingRows
from .settlements import funding_rows as funding_rows

_TIME_NAMES = (
    "calctime",
    "fundingtime",
    "fundingratetimestamp",
    "timestamp",
    "time",
    "timems",
    "date",
    "datetime",
    "ts",
)
_RATE_NAMES = ("realizedrate", "realfundingrate", "lastfundingrate", "fundingrate", "rate")
_RATE_EXPECTED = "a rate in -1 … 1"


def read_funding(source: str | Path | Frame) -> FundingRows:
    """Read one file of funding settlements: by column name, freqtrade's candle form (rate in `open`), or by place. Or a frame.

    Returns  FundingRows at the file's own times.
    Errors   MarketDataError, naming file, row, time, column, value and what was expected.
    """
    if is_frame(source):
        table = frame_table(source, single=("rate",))
    else:
        path = Path(source)
        said = kind_of_path(path)
        if said not in (None, "funding"):
            raise MarketDataError(
                f"{path}: its name says {said}; expected funding settlements (rename it if it is that)"
            )
        table = read_table(path)
    try:
        time_name, rate_name = _column_names(table)
        time_ms = read_time_ms(table, time_name)
        rate_e8 = read_e8(table, rate_name, time_ms, _RATE_EXPECTED, ONE_E8)
        _check_candle_form(table, rate_name, time_ms)
    except pl.exceptions.PolarsError as error:
        table.fail(f"cannot be read as funding: {str(error).splitlines()[0][:200]}")
    order = np.argsort(time_ms, kind="stable")
    times, rates = time_ms[order], rate_e8[order]
    repeated = np.diff(times, prepend=times[0] - 1) == 0
    conflict = np.flatnonzero(repeated & (np.diff(rates, prepend=rates[0]) != 0))
    if conflict.size:
        place = int(conflict[0])
        row, before = int(order[place]), int(order[place - 1])
        table.fail(
            f"{where(row, time_ms)}: column {rate_name}: {format_e8(int(rates[place]))}, but row {before + 1} of the same "
            f"time has {format_e8(int(rates[place - 1]))}; expected one row a time, or equal ones"
        )
    return funding_rows(times[~repeated], rates[~repeated])


def _column_names(table: Table) -> tuple[str, str]:
    """Where time and rate are."""
    if not table.is_named:
        places = {2: "1", 3: "2", 6: "1"}  # (time, rate), (time, hours, rate), (time, rate, 0, 0, 0, 0)
        if len(table.columns) not in places:
            table.fail(f"{len(table.columns)} columns and no header; expected time, rate or time, hours, rate")
        return "0", places[len(table.columns)]
    time_name, rate_name = table.first(*_TIME_NAMES), table.first(*_RATE_NAMES)
    if rate_name is None and {"open", "high", "low", "close"} <= set(table.columns):
        rate_name = "open"
    missing = [name for name, column in (("time", time_name), ("rate", rate_name)) if column is None]
    if time_name is None or rate_name is None:
        table.fail(f"no column for {', '.join(missing)}; it has {', '.join(table.columns)[:300] or 'none'}")
    return time_name, rate_name


def _check_candle_form(table: Table, rate_name: str, time_ms: Int64Array) -> None:
    """Where the rate stands in `open`, high, low and close are 0 or missing: otherwise these are prices."""
    if rate_name == "open":
        others: tuple[str, ...] = ("high", "low", "close")
    elif not table.is_named and len(table.columns) == 6:
        others = ("2", "3", "4")
    else:
        return
    for name in others:
        values = table.columns[name].cast(pl.Float64, strict=False).fill_null(0.0).fill_nan(0.0).to_numpy()
        bad = np.flatnonzero(values != 0)
        if bad.size:
            row = int(bad[0])
            table.fail(f"{where(row, time_ms)}: column {name}: {values[row]}; expected 0, with the rate in open")
