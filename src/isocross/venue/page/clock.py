"""Clock: what the page's clock bar does.

Responsible for: speed, steps, jumps of the world that is looked at. Must not: make anything happen (market.py does).
"""

from __future__ import annotations

from typing import Any

from ...errors import InputError
from ..accounts import Account
from ..market import JUMP_COARSE_MS, has_liquidation
from ..opening import speed_thousandths
from .forms import Clock
from .hall import Hall

STEP_FINE_MS = 300_000  # a longer step is told of a made-up market every ten seconds of it
STEP_COARSE_MS = 10_000
AHEAD_MS = 86_400_000  # how far a jump looks for a liquidation: somebody waits for it


async def set_clock(hall: Hall, account: Account, form: Clock) -> dict[str, Any]:
    """Let time go on otherwise than it does. Errors   InputError."""
    core, driver = hall.core, hall.world.driver
    if sum(one is not None for one in (form.speed, form.step_ms, form.jump)) != 1:
        raise InputError("clock: expected one of speed, step_ms and jump")
    now_ms = core.time_ms()
    has_come = True
    if form.speed is not None:
        core.clock.run_at(speed_thousandths(form.speed))
        driver.wake()
    elif form.step_ms is not None:
        coarse_ms = STEP_COARSE_MS if form.step_ms > STEP_FINE_MS else None
        await driver.step_to(now_ms + form.step_ms, coarse_ms=coarse_ms)
    elif form.jump == "funding":
        time_ms = driver.next_funding_ms()
        if time_ms is None:
            raise InputError("clock: no settlement is known to come")
        await driver.step_to(time_ms, coarse_ms=JUMP_COARSE_MS)
    else:
        if driver.source is None:
            raise InputError("clock: prices are set by hand here, so no liquidation comes by itself")
        if not core.exchange.open_modes(account.row):
            raise InputError("clock: no position is open, so none can be liquidated")
        until_ms = now_ms + AHEAD_MS
        end_ms = driver.source.end_ms
        until_ms = until_ms if end_ms is None else min(until_ms, end_ms)
        has_come = await driver.step_to(until_ms, has_liquidation(account.row), JUMP_COARSE_MS)
        if has_come:
            core.clock.run_at(0)
            driver.wake()
    hall.world.keep_settings()
    hall.wake()
    return {"time_ms": core.now_ms(), "has_come": has_come}
