"""Limits: how much a client asks, as the headers tell it, and what happens beyond.

Responsible for: counting weights per address and orders per account in fixed windows; refusing only where that is switched on.
Must not: read a clock, know an endpoint's weight.
"""

from __future__ import annotations

from collections import Counter

from .refusals import WireRefusalError, refuse

WEIGHT_1M_MAX = 2_400
ORDERS_10S_MAX = 300
ORDERS_1M_MAX = 1_200
_SHORT_MS, _LONG_MS = 10_000, 60_000


class LimitReachedError(WireRefusalError):
    """Too much was asked; `retry_after_s` says when to come back."""

    def __init__(self, refusal: WireRefusalError, retry_after_s: int) -> None:
        super().__init__(refusal.code, refusal.text, refusal.status)
        self.retry_after_s = retry_after_s


class Usage:
    """What was asked for in the minute and the ten seconds that run. Times are the wall clock's."""

    def __init__(self, *, is_enforced: bool = False) -> None:
        self.is_enforced = is_enforced
        self._weight: Counter[str] = Counter()
        self._orders_short: Counter[int] = Counter()
        self._orders_long: Counter[int] = Counter()
        self._short = self._long = 0

    def ask(self, address: str, weight: int, now_ms: int) -> int:
        """Count a request of an address; returns its weight of this minute. Errors  -1003 where limits are enforced."""
        self._turn(now_ms)
        self._weight[address] += weight
        used = self._weight[address]
        if self.is_enforced and used > WEIGHT_1M_MAX:
            raise LimitReachedError(refuse(-1003, WEIGHT_1M_MAX), _rest_s(now_ms, _LONG_MS))
        return used

    def order(self, account: int, count: int, now_ms: int) -> tuple[int, int]:
        """Count orders of an account; returns those of the ten seconds and of the minute. Errors  -1015 likewise."""
        self._turn(now_ms)
        self._orders_short[account] += count
        self._orders_long[account] += count
        short, long = self._orders_short[account], self._orders_long[account]
        if self.is_enforced and short > ORDERS_10S_MAX:
            raise LimitReachedError(refuse(-1015, ORDERS_10S_MAX, "10 SECOND"), _rest_s(now_ms, _SHORT_MS))
        if self.is_enforced and long > ORDERS_1M_MAX:
            raise LimitReachedError(refuse(-1015, ORDERS_1M_MAX, "1 MINUTE"), _rest_s(now_ms, _LONG_MS))
        return short, long

    def _turn(self, now_ms: int) -> None:
        short, long = now_ms // _SHORT_MS, now_ms // _LONG_MS
        if short != self._short:
            self._short = short
            self._orders_short.clear()
        if long != self._long:
            self._long = long
            self._orders_long.clear()
            self._weight.clear()


def _rest_s(now_ms: int, span_ms: int) -> int:
    return (span_ms - now_ms % span_ms + 999) // 1000
