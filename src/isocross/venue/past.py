"""Past: what a venue shows of the time before its first instant.

Responsible for: the past of a market whose prices are set by hand: its first prices, unchanged for a month. Must not: make up a price.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..market.past import PAST_DAYS, Past, PastOfSymbol, priced
from ..market.settlements import funding_rows

_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


def still_past(prices_e8: Mapping[str, int], end_ms: int, days: int = PAST_DAYS) -> Past:
    """A month in which nothing happened: one candle at its beginning, and flat ones behind it."""
    start_ms = (end_ms - days * _DAY_MS) // _MINUTE_MS * _MINUTE_MS
    none = np.empty(0, dtype=np.int64)
    symbols = []
    for symbol, price_e8 in prices_e8.items():
        time_ms, price = np.array([start_ms], dtype=np.int64), np.array([price_e8], dtype=np.int64)
        candle = priced(time_ms, price, price, price, price)
        funding = funding_rows(none.copy(), none.copy())
        symbols.append(PastOfSymbol(symbol, _MINUTE_MS, candle, candle, candle, funding, none))
    return Past(start_ms, end_ms, tuple(symbols))
