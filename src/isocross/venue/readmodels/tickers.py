"""Tickers: the last 24 hours of a symbol.

Responsible for: first, last, highest and lowest price, what was traded; minute by minute. Must not: keep anything of its own on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .candles import Candles, Rows
from .trades import Trades

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000


class Day(NamedTuple):
    """The last 24 hours. Ids are 0 where nothing was traded."""

    open_ms: int
    close_ms: int
    open_e8: int
    high_e8: int
    low_e8: int
    last_e8: int
    last_lots: int
    volume_e8: int
    quote_e8: int
    trades: int
    first_id: int
    last_id: int


class Tickers:
    """The tickers of all symbols. Whole minutes of the last day are added up once a minute."""

    def __init__(
        self, candles: Candles, trades: Trades, now_ms: Callable[[], int], price_e8: Callable[[int], int]
    ) -> None:
        """Takes    price_e8: of a symbol in which nothing was traded yet."""
        self._candles = candles
        self._trades = trades
        self._now_ms = now_ms
        self._price_e8 = price_e8
        self._whole: dict[int, tuple[int, int | None, list[int]]] = {}  # symbol → minute, open, sums

    def day(self, symbol: int) -> Day:
        """The last 24 hours of a symbol."""
        now = self._now_ms()
        minute = now - now % _MINUTE_MS
        start = minute - _DAY_MS + _MINUTE_MS
        if self._whole.get(symbol, (0,))[0] != minute:
            self._whole[symbol] = (
                minute,
                self._candles.close_before(symbol, start),
                _sums(self._candles.minutes(symbol, start, minute)),
            )
        _, opened, whole = self._whole[symbol]
        parts = [part for part in (whole, _sums(self._candles.minutes(symbol, minute, now + 1))) if part]
        last_lots = self._last_lots(symbol)
        if not parts:
            price = opened or self._price_e8(symbol)
            return Day(start, now, price, price, price, price, last_lots, 0, 0, 0, 0, 0)
        first_open, last_close = parts[0][1], parts[-1][4]
        ids = [part[10] for part in parts if part[10]]
        return Day(
            start,
            now,
            first_open if opened is None else opened,
            max(part[2] for part in parts),
            min(part[3] for part in parts),
            last_close,
            last_lots,
            sum(part[5] for part in parts),
            sum(part[6] for part in parts),
            sum(part[7] for part in parts),
            min(ids, default=0),
            max(part[11] for part in parts),
        )

    def _last_lots(self, symbol: int) -> int:
        trade = self._candles.last_trades.get(symbol)
        if trade is None:
            found = self._trades.public(symbol, limit=1)
            if not found:
                return 0
            trade = self._candles.last_trades[symbol] = found[0]
        return trade.lots


def _sums(minutes: Rows) -> list[int]:
    """Minutes as one candle; empty when there is none."""
    if not len(minutes):
        return []
    ids = minutes[:, 10][minutes[:, 10] > 0]
    return [
        int(minutes[0, 0]),
        int(minutes[0, 1]),
        int(minutes[:, 2].max()),
        int(minutes[:, 3].min()),
        int(minutes[-1, 4]),
        *np.sum(minutes[:, 5:10], axis=0).tolist(),
        int(ids.min()) if len(ids) else 0,
        int(minutes[:, 11].max()),
    ]
