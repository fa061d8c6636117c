"""Names: what a stream's name says.

Responsible for: reading a name in any form that clients use, and its canonical form. Must not: know a subscriber.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..words import Interval, words_of

DEPTH_SPEEDS_MS = {"": 250, "@0ms": 0, "@100ms": 100, "@250ms": 250, "@500ms": 500}
PARTIAL_LEVELS = (5, 10, 20)
ALL = -1  # the row of a stream of all symbols
_INTERVALS = frozenset(words_of(Interval))
_PLAIN = {
    "aggTrade": "aggTrade",
    "trade": "trade",
    "bookTicker": "bookTicker",
    "ticker": "ticker",
    "miniTicker": "miniTicker",
    "forceOrder": "forceOrder",
    "markPrice": "markPrice",
    "markPrice@3s": "markPrice",
    "markPrice@1s": "markPrice@1s",
}
_OF_ALL = {
    "!bookTicker": "bookTicker",
    "!ticker@arr": "ticker",
    "!miniTicker@arr": "miniTicker",
    "!forceOrder@arr": "forceOrder",
    "!contractInfo": "contractInfo",
    "!markPrice@arr": "markPrice",
    "!markPrice@arr@3s": "markPrice",
    "!markPrice@arr@1s": "markPrice@1s",
}


class Topic(NamedTuple):
    """One stream: what it is about, of which symbol; streams that say the same are one topic."""

    kind: str  # aggTrade, trade, bookTicker, ticker, miniTicker, forceOrder, markPrice, markPrice@1s, contractInfo, kline, continuousKline, depth, partial
    row: int  # of the symbol; ALL
    interval: str = ""  # of candles
    levels: int = 0  # of a partial depth
    speed_ms: int = 0  # of a depth


def topic_of(name: str, row_of: Callable[[str], int | None]) -> Topic | None:
    """The topic of a stream's name; None for one that does not exist. The symbol may be in any case."""
    if name in _OF_ALL:
        return Topic(_OF_ALL[name], ALL)
    symbol, _, what = name.partition("@")
    if what.startswith("continuousKline_"):
        pair, _, kind = symbol.lower().rpartition("_")
        row = row_of(pair) if kind == "perpetual" else None
        interval = what.removeprefix("continuousKline_")
        return None if row is None or interval not in _INTERVALS else Topic("continuousKline", row, interval)
    row = row_of(symbol)
    if row is None:
        return None
    if what in _PLAIN:
        return Topic(_PLAIN[what], row)
    if what.startswith("kline_"):
        interval = what.removeprefix("kline_")
        return Topic("kline", row, interval) if interval in _INTERVALS else None
    if what.startswith("depth"):
        return _depth_topic(what.removeprefix("depth"), row)
    return None


def _depth_topic(rest: str, row: int) -> Topic | None:
    levels, at, speed = rest.partition("@")
    speed_ms = DEPTH_SPEEDS_MS.get(at + speed)
    if speed_ms is None:
        return None
    if not levels:
        return Topic("depth", row, speed_ms=speed_ms)
    if levels in ("5", "10", "20"):
        return Topic("partial", row, levels=int(levels), speed_ms=speed_ms)
    return None
