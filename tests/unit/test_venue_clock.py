"""The venue's clock: it follows the wall, stands still, runs at another speed, is stepped, and never goes back."""

from __future__ import annotations

import pytest

from isocross.errors import InputError
from isocross.venue.clock import SPEED_MAX, ClockSetting, VenueClock

START_MS = 1_800_000_000_000


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms * 1_000_000


def test_it_follows_the_wall() -> None:
    wall = Wall()
    clock = VenueClock(0, wall_ns=wall)
    assert clock.now_ms() == START_MS
    wall.ms += 1_234
    assert clock.now_ms() == START_MS + 1_234
    assert clock.setting == ClockSetting(1_000, 0)


def test_it_does_not_begin_before_what_has_happened() -> None:
    clock = VenueClock(START_MS + 5_000, wall_ns=Wall())
    assert clock.now_ms() == START_MS + 5_000
    assert clock.setting.lag_ms == -5_000


@pytest.mark.parametrize(("speed", "after_ms"), [(0, 0), (1, 2), (500, 1_000), (1_000, 2_000), (10_000, 20_000)])
def test_it_runs_at_a_speed(speed: int, after_ms: int) -> None:
    wall = Wall()
    clock = VenueClock(START_MS, ClockSetting(speed, 0), wall)
    wall.ms += 2_000
    assert clock.now_ms() == START_MS + after_ms
    assert clock.is_paused == (speed == 0)


def test_a_changed_speed_changes_nothing_that_has_passed() -> None:
    wall = Wall()
    clock = VenueClock(START_MS, wall_ns=wall)
    wall.ms += 1_000
    clock.run_at(0)
    wall.ms += 60_000
    assert clock.now_ms() == START_MS + 1_000
    clock.run_at(1_000)
    wall.ms += 500
    assert clock.now_ms() == START_MS + 1_500
    assert clock.setting == ClockSetting(1_000, 60_000)


def test_a_restart_keeps_the_lag_of_a_running_clock_and_the_place_of_one_that_stands() -> None:
    wall = Wall()
    assert VenueClock(START_MS - 99_000, ClockSetting(1_000, 60_000), wall).now_ms() == START_MS - 60_000
    assert VenueClock(START_MS - 99_000, ClockSetting(0, 0), wall).now_ms() == START_MS - 99_000
    assert VenueClock(START_MS - 99_000, ClockSetting(5_000, 0), wall).now_ms() == START_MS - 99_000


def test_it_never_goes_back_when_the_wall_does() -> None:
    wall = Wall()
    clock = VenueClock(START_MS, wall_ns=wall)
    wall.ms += 1_000
    assert clock.now_ms() == START_MS + 1_000
    wall.ms -= 3_600_000
    assert clock.now_ms() == START_MS + 1_000
    wall.ms += 10
    assert clock.now_ms() == START_MS + 1_010


def test_it_is_stepped_forward_alone() -> None:
    clock = VenueClock(START_MS, ClockSetting(0, 0), Wall())
    clock.advance_to(START_MS + 60_000)
    clock.advance_to(START_MS + 30_000)
    assert clock.now_ms() == START_MS + 60_000


def test_how_long_until() -> None:
    clock = VenueClock(START_MS, ClockSetting(4_000, 0), Wall())
    assert clock.wall_seconds_until(START_MS + 8_000) == 2
    assert clock.wall_seconds_until(START_MS) == 0
    clock.run_at(0)
    assert clock.wall_seconds_until(START_MS + 8_000) is None


@pytest.mark.parametrize("speed", [-1, SPEED_MAX + 1])
def test_a_speed_out_of_range_is_named(speed: int) -> None:
    with pytest.raises(InputError, match="speed"):
        VenueClock(START_MS, wall_ns=Wall()).run_at(speed)
