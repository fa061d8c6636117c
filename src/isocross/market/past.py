"""Past: what was before a venue's first instant, as columns: candles of last, mark and index, and funding.

Responsible for: the record types. Must not: make a price (paths.py, recorded.py do), know a table of the venue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .draws import Int64Array
from .settlements import FundingRows

PAST_DAYS = 30


class CandleColumns(NamedTuple):
    """Candles in time order: int64 arrays of one length ≥ 0, a row named by its first moment.

    Of mark and index the last five are 0: nobody trades them.
    """

    time_ms: Int64Array
    open_e8: Int64Array
    high_e8: Int64Array
    low_e8: Int64Array
    close_e8: Int64Array
    volume_e8: Int64Array  # in the base asset × 10^8
    quote_e8: Int64Array  # in the quote asset × 10^8
    trades: Int64Array
    taker_buy_e8: Int64Array  # the part of the volume that was bought at market
    taker_buy_quote_e8: Int64Array

    def rows(self, rows: slice | Int64Array) -> CandleColumns:
        """Some of them."""
        return CandleColumns(*(column[rows] for column in self))


def priced(
    time_ms: Int64Array, open_e8: Int64Array, high_e8: Int64Array, low_e8: Int64Array, close_e8: Int64Array
) -> CandleColumns:
    """Candles that nobody traded."""
    none = np.zeros(time_ms.size, dtype=np.int64)
    return CandleColumns(time_ms, open_e8, high_e8, low_e8, close_e8, none, none, none, none, none)


@dataclass(frozen=True, slots=True, eq=False)
class PastOfSymbol:
    """One symbol's past."""

    symbol: str
    interval_ms: int  # of its candles
    last: CandleColumns
    mark: CandleColumns
    index: CandleColumns
    funding: FundingRows
    funding_mark_e8: Int64Array  # the mark at each settlement


class Past(NamedTuple):
    """All symbols' past, in the order of the exchange's rows."""

    start_ms: int
    end_ms: int
    symbols: tuple[PastOfSymbol, ...]
