"""Clock: the venue's time: read, paused, at another speed, stepped, taken to the next settlement or liquidation.

Responsible for: these endpoints. Must not: make anything happen (market.py does).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ...errors import InputError
from ...units import to_time_ms
from ..clock import SPEED_ONE
from ..market import JUMP_COARSE_MS, has_liquidation
from ..opening import speed_thousandths
from .place import Place
from .routes import endpoint

STEP_MS_MAX = 366 * 86_400_000
JUMP_DAYS = 30


class Clock(msgspec.Struct):
    """The clock of a world."""

    time_ms: int
    speed: float  # 0: it stands still
    is_paused: bool
    next_funding_ms: int | None


class Speed(msgspec.Struct, forbid_unknown_fields=True):
    """How fast it is to run; 1 is the wall's pace, 0 stands still."""

    speed: Annotated[float, msgspec.Meta(ge=0, le=100_000)]


class Step(msgspec.Struct, forbid_unknown_fields=True):
    """How far it is to go at once: so many milliseconds, or up to a time."""

    ms: Annotated[int, msgspec.Meta(ge=0, le=STEP_MS_MAX)] = 0
    until: str | None = None


class Jump(msgspec.Struct, forbid_unknown_fields=True):
    """Where it is to go: behind the next settlement, or the next liquidation of an account or of anybody."""

    to: Literal["funding", "liquidation"]
    account: str | None = None
    days_max: Annotated[int, msgspec.Meta(ge=1, le=366)] = JUMP_DAYS


class Jumped(msgspec.Struct):
    """Where it is now, and whether what was waited for has come."""

    time_ms: int
    has_come: bool


@endpoint("GET", "/clock", answer=Clock, of_world=True)
def read_clock(place: Place) -> Clock:
    """What time it is here, and how fast time goes."""
    clock, driver = place.world.core.clock, place.world.driver
    return Clock(
        place.world.core.now_ms(), clock.speed_thousandths / SPEED_ONE, clock.is_paused, driver.next_funding_ms()
    )


@endpoint("POST", "/clock/speed", request=Speed, answer=Clock, of_world=True)
def set_speed(place: Place, request: Speed) -> Clock:
    """Run at a speed; 0 pauses."""
    place.world.core.time_ms()
    place.world.core.clock.run_at(speed_thousandths(request.speed))
    place.world.driver.wake()
    place.world.keep_settings()
    return read_clock(place)


@endpoint("POST", "/clock/pause", answer=Clock, of_world=True)
def pause(place: Place) -> Clock:
    """Stand still."""
    return set_speed(place, Speed(0))


@endpoint("POST", "/clock/resume", answer=Clock, of_world=True)
def resume(place: Place) -> Clock:
    """Run at the wall's pace."""
    return set_speed(place, Speed(1))


@endpoint("POST", "/clock/step", request=Step, answer=Jumped, of_world=True)
async def step(place: Place, request: Step) -> Jumped:
    """Live on at once, everything that is due on the way included."""
    core = place.world.core
    now = core.time_ms()
    until = now + request.ms
    if request.until is not None:
        until = to_time_ms(request.until, "until")
        if not now <= until <= now + STEP_MS_MAX:
            raise InputError(f"until: {request.until}: expected a time from now on, within a year")
    await place.world.driver.step_to(until)
    place.world.keep_settings()
    return Jumped(core.now_ms(), True)


@endpoint("POST", "/clock/jump", request=Jump, answer=Jumped, of_world=True)
async def jump(place: Place, request: Jump) -> Jumped:
    """Live on until the next settlement or liquidation."""
    core, driver = place.world.core, place.world.driver
    now = core.time_ms()
    if request.to == "funding":
        time_ms = driver.next_funding_ms()
        if time_ms is None:
            raise InputError("to: funding: no settlement is known to come")
        await driver.step_to(time_ms)
        has_come = True
    else:
        account = None if request.account is None else core.accounts.by_name(request.account).row
        until = now + request.days_max * 86_400_000
        end = None if driver.source is None else driver.source.end_ms
        if driver.source is None:
            raise InputError("to: liquidation: prices are set by hand here, so none comes by itself")
        has_come = await driver.step_to(
            until if end is None else min(until, end), has_liquidation(account), JUMP_COARSE_MS
        )
    place.world.keep_settings()
    return Jumped(core.now_ms(), has_come)
