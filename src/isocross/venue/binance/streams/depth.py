"""Depth: the book as committed events left it, and how each depth stream tells its changes.

Responsible for: an image of each symbol's book; the chain of update ids of each stream. Must not: read the exchange's book after
its start: that may be ahead of what is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ....codes import Side

Level = tuple[int, int]  # price in ticks, lots


@dataclass(slots=True)
class BookImage:
    """One symbol's book."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    time_ms: int = 0
    _bid: int | None = None  # the best; None: has to be looked for
    _ask: int | None = None

    def put(self, side: int, price_ticks: int, lots: int) -> None:
        """A level now holds so much."""
        if side == Side.BUY:
            _put(self.bids, price_ticks, lots)
            if self._bid is not None and (price_ticks > self._bid or not lots):
                self._bid = price_ticks if lots else None if price_ticks == self._bid else self._bid
        else:
            _put(self.asks, price_ticks, lots)
            if self._ask is not None and (price_ticks < self._ask or not lots):
                self._ask = price_ticks if lots else None if price_ticks == self._ask else self._ask

    def best(self) -> tuple[Level, Level]:
        """Best bid and best ask; (0, 0) where a side is empty."""
        bid, ask = self._bid, self._ask
        if bid is None and self.bids:
            bid = self._bid = max(self.bids)
        if ask is None and self.asks:
            ask = self._ask = min(self.asks)
        return (bid or 0, self.bids.get(bid or 0, 0)), (ask or 0, self.asks.get(ask or 0, 0))

    def top(self, levels: int) -> tuple[list[Level], list[Level]]:
        """The best levels of both sides."""
        bids = sorted(self.bids, reverse=True)[:levels]
        asks = sorted(self.asks)[:levels]
        return [(price, self.bids[price]) for price in bids], [(price, self.asks[price]) for price in asks]


def _put(levels: dict[int, int], price_ticks: int, lots: int) -> None:
    if lots:
        levels[price_ticks] = lots
    else:
        levels.pop(price_ticks, None)


@dataclass(slots=True)
class DepthChain:
    """What one depth stream has told, and what it has to tell next."""

    last_id: int  # of its last event
    told_at: float  # on the loop's clock
    bids: set[int] = field(default_factory=set)  # prices that changed since
    asks: set[int] = field(default_factory=set)

    def note(self, changes: Iterable[tuple[int, int]]) -> None:
        """Levels, as (side, price), that changed."""
        for side, price in changes:
            (self.bids if side == Side.BUY else self.asks).add(price)

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.bids or self.asks)

    def take(self, image: BookImage, last_id: int, now: float) -> tuple[int, int, list[Level], list[Level]]:
        """First id of the event, id of the one before, and the changed levels as they are; lots 0: gone."""
        before = self.last_id
        first = min(before + 1, last_id)
        bids = [(price, image.bids.get(price, 0)) for price in sorted(self.bids, reverse=True)]
        asks = [(price, image.asks.get(price, 0)) for price in sorted(self.asks)]
        self.bids.clear()
        self.asks.clear()
        self.last_id, self.told_at = last_id, now
        return first, before, bids, asks
