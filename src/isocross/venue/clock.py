"""Clock: the venue's time: it follows the wall, stands still, runs at another speed, is stepped; it never goes back.

Responsible for: what time it is here, and by how much a changed speed or a step changes that. Must not: apply a command, know
a market.

Time is counted in integers: a speed is in thousandths, so that ×1 lags the wall by a constant number of milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from ..errors import InputError

SPEED_ONE = 1_000  # thousandths
SPEED_MAX = 100_000 * SPEED_ONE
_NS_PER_MS = 1_000_000


class ClockSetting(NamedTuple):
    """How a clock runs: enough to go on with it after a restart."""

    speed_thousandths: int  # 0: it stands still
    lag_ms: int  # behind the wall, where it runs at ×1; below zero: ahead of it


class VenueClock:
    """The time of one venue, in milliseconds since 1970.

    `now_ms()` never falls, whatever the wall clock does: set back, it is followed from where it stands.
    """

    def __init__(
        self,
        start_ms: int,
        setting: ClockSetting = ClockSetting(SPEED_ONE, 0),
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Takes    start_ms: the time it begins with, at least; at ×1 that is the wall's less the lag, where this is later."""
        self._wall_ns = wall_ns
        self._speed = checked_speed(setting.speed_thousandths)
        self._seen_ns = wall_ns()
        if self._speed == SPEED_ONE:
            start_ms = max(start_ms, self._seen_ns // _NS_PER_MS - setting.lag_ms)
        self._anchor_ms = start_ms
        self._anchor_ns = self._seen_ns // _NS_PER_MS * _NS_PER_MS  # so that ×1 changes its millisecond with the wall

    def now_ms(self) -> int:
        """The venue's time."""
        wall = self._wall_ns()
        if wall < self._seen_ns:  # the wall was set back
            self._anchor_ms = self._at(self._seen_ns)
            self._anchor_ns = wall
        self._seen_ns = wall
        return self._at(wall)

    def wall_ms(self) -> int:
        """The wall's time."""
        return self._wall_ns() // _NS_PER_MS

    @property
    def speed_thousandths(self) -> int:
        """How fast it runs: 1,000 is ×1, 0 stands still."""
        return self._speed

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return self._speed == 0

    @property
    def setting(self) -> ClockSetting:
        """How it runs now."""
        return ClockSetting(self._speed, self.wall_ms() - self.now_ms() if self._speed == SPEED_ONE else 0)

    def run_at(self, speed_thousandths: int) -> None:
        """Run at another speed from now on; 0 pauses. Errors  InputError."""
        checked = checked_speed(speed_thousandths)
        self._anchor_ms, self._anchor_ns = self.now_ms(), self._seen_ns
        self._speed = checked

    def advance_to(self, time_ms: int) -> None:
        """Be at least as late as this from now on, at the same speed."""
        if time_ms > self.now_ms():
            self._anchor_ms, self._anchor_ns = time_ms, self._seen_ns

    def wall_seconds_until(self, time_ms: int) -> float | None:
        """How long until it is that late here, on the wall; None: it stands still."""
        left_ms = time_ms - self.now_ms()
        if left_ms <= 0:
            return 0.0
        return None if self._speed == 0 else left_ms / self._speed

    def _at(self, wall_ns: int) -> int:
        return self._anchor_ms + (wall_ns - self._anchor_ns) * self._speed // (SPEED_ONE * _NS_PER_MS)


def checked_speed(speed_thousandths: int) -> int:
    """A speed that a clock can run at. Errors  InputError."""
    if not 0 <= speed_thousandths <= SPEED_MAX:
        raise InputError(
            f"speed: {speed_thousandths / SPEED_ONE:g}: expected 0 (it stands still) … {SPEED_MAX // SPEED_ONE:,}"
        )
    return speed_thousandths
