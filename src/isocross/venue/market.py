"""Market: makes the market of a venue happen when the venue's clock says so.

Responsible for: applying what a source says up to a time, and the clock commands of orders that end at one; the task that sleeps
until the next of these; stepping and jumping. Must not: make a price, read a clock but the venue's.

Whatever is due by a time is applied before any command of that time: `catch_up` is asked before each. How much it does at once is
bounded; while more is due, commands carry the time up to which the market has come.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..codes import CommandKind, EventKind
from ..market.commands import settlement
from ..market.source import FundingAhead, Source
from ..rulebook import SymbolRules
from .clock import SPEED_ONE
from .sequencer import Done, VenueCore
from .told import Told

NEVER_MS = 2**62
_INSTANTS_AT_ONCE = 16
_COARSE_MS = (
    (10 * SPEED_ONE, 1_000),
    (100 * SPEED_ONE, 10_000),
    (10**12, 60_000),
)  # up to a speed: how often a made-up market is told
_GAP_INSTANTS = 500  # what a venue that slept is told about the time that passed
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
JUMP_COARSE_MS = 60_000
Watch = Callable[[np.ndarray], bool]  # whether these events are what was waited for


class MarketDriver:
    """The market of one venue. `source`: None where prices are set by hand."""

    def __init__(self, core: VenueCore, source: Source | None) -> None:
        self._core = core
        self.source = source
        self._rules: list[SymbolRules] = [core.exchange.rules(row) for row in range(len(core.symbols))]
        self._spoken_ms = core.exchange.time_ms  # the source has been heard up to here
        self._deadlines: list[int] = []  # a heap: times at which orders end by the clock
        self._rates: dict[int, int] = {}  # funding rates that were set by hand, by symbol
        self._coarse_ms: int | None = None  # while a jump or a long gap is lived
        self._due_ms = 0
        self._changed = asyncio.Event()
        self._is_over = False
        for record in core.lives.unfinished.values():
            self._expect(record.expire_ms)
        for due_ms in core.exchange.table("countdowns")["due_ms"].tolist():
            self._expect(due_ms)
        core.timekeeper = self
        core.listen(self._hear)
        core.funding.ahead = self.funding_ahead

    # ---- up to a time

    def catch_up(self, until_ms: int, instants_max: int = _INSTANTS_AT_ONCE) -> int:
        """Apply what is due until then; the time that a command may carry now: `until_ms`, unless more is due than was done."""
        if until_ms < self._due_ms:
            return until_ms
        for _ in range(instants_max):
            due = self._due_ms = self._next_due_ms()
            if due > until_ms:
                return until_ms
            self._do(due)
        due = self._due_ms = self._next_due_ms()
        return until_ms if due > until_ms else max(due - 1, self._core.exchange.time_ms)

    def next_funding_ms(self) -> int | None:
        """The next settlement of any symbol; None: none is known."""
        now = self._core.now_ms()
        if self.source is not None:
            return self.source.next_funding_ms(now)
        return min((_next_settlement_ms(self._rules[row], now) for row in self._rates), default=None)

    def funding_ahead(self, symbol: int) -> tuple[int, int]:
        """Rate and time of the next settlement of a symbol; time 0: none is known."""
        now = self._core.now_ms()
        if self.source is not None:
            ahead: FundingAhead = self.source.funding_ahead(symbol, now)
            return ahead.rate_e8, ahead.time_ms
        return self._rates.get(symbol, 0), _next_settlement_ms(self._rules[symbol], now)

    def set_funding(self, rates_e8: dict[int, int]) -> None:
        """Rates at which these symbols settle from now on, where prices are set by hand; 0: they settle nothing."""
        self._rates = {row: rate for row, rate in (self._rates | rates_e8).items() if rate}
        self.wake()

    # ---- time goes on

    async def run(self) -> None:
        """Make happen what is due, for ever."""
        clock = self._core.clock
        while True:
            self._changed.clear()
            now = clock.now_ms()
            if self.catch_up(now) < now:
                await asyncio.sleep(0)
                continue
            self._end_of_market(now)
            wait = clock.wall_seconds_until(self._due_ms) if self._due_ms < NEVER_MS else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):  # wait_for would swallow a cancellation that comes with the change
                    await self._changed.wait()

    def wake(self) -> None:
        """The clock runs otherwise than it did, or something is due that was not."""
        self._due_ms = 0
        self._changed.set()

    async def live_through_gap(self) -> None:
        """Catch up with a clock that went on while the venue was not there; a made-up market is told of it in long strides."""
        gap_ms = self._core.clock.now_ms() - self._spoken_ms
        stride = -(-gap_ms // (_GAP_INSTANTS * _MINUTE_MS)) * _MINUTE_MS
        if gap_ms > _GAP_INSTANTS * 1_000:
            await self._live(self._core.clock.now_ms(), coarse_ms=stride)
        await self._live(self._core.clock.now_ms())

    async def step_to(self, time_ms: int, watch: Watch | None = None, coarse_ms: int | None = None) -> bool:
        """Live up to a time, clock and market together, and stop early behind the instant whose events are what `watch` waits for.

        Returns  whether they came.
        """
        return await self._live(time_ms, watch, coarse_ms)

    async def _live(self, until_ms: int, watch: Watch | None = None, coarse_ms: int | None = None) -> bool:
        clock = self._core.clock
        self._coarse_ms = coarse_ms
        self._due_ms = 0
        try:
            while True:
                due = self._due_ms = self._next_due_ms()
                if due > until_ms:
                    clock.advance_to(until_ms)
                    return False
                clock.advance_to(due)
                if any(watch(done.events) for done in self._do(due) if watch is not None):
                    return True
                await asyncio.sleep(0)
        finally:
            self._coarse_ms = None
            self.wake()

    # ---- one moment

    def _do(self, due_ms: int) -> Sequence[Done]:
        """Apply what is due at one moment."""
        done: list[Done] = []
        time_ms = max(due_ms, self._core.exchange.time_ms)
        if self._deadlines and self._deadlines[0] <= due_ms:
            while self._deadlines and self._deadlines[0] <= due_ms:
                heapq.heappop(self._deadlines)
            done += self._core.apply_at(time_ms, [(CommandKind.ADVANCE_CLOCK, {})])
        if self.source is not None:
            for instant in self.source.between(self._spoken_ms, due_ms, instants_max=1, coarse_ms=self._stride_ms()):
                self._spoken_ms = instant.time_ms
                done += self._core.apply_at(max(instant.time_ms, self._core.exchange.time_ms), instant.commands)
        else:
            rates = [
                (row, rate)
                for row, rate in self._rates.items()
                if _next_settlement_ms(self._rules[row], self._spoken_ms) <= due_ms
            ]
            if rates:
                done += self._core.apply_at(time_ms, [settlement(rates)])
            self._spoken_ms = max(self._spoken_ms, due_ms)
        return done

    def _next_due_ms(self) -> int:
        due = self._deadlines[0] if self._deadlines else NEVER_MS
        if self.source is not None:
            spoken = self.source.next_ms(self._spoken_ms, coarse_ms=self._stride_ms())
            return due if spoken is None else min(due, spoken)
        return min((_next_settlement_ms(self._rules[row], self._spoken_ms) for row in self._rates), default=due)

    def _stride_ms(self) -> int:
        if self._coarse_ms is not None:
            return self._coarse_ms
        speed = self._core.clock.speed_thousandths
        return next(coarse for most, coarse in _COARSE_MS if speed <= most)

    def _end_of_market(self, now_ms: int) -> None:
        """Where a recording ends the clock stops: nothing that came after it is known."""
        end = None if self.source is None else self.source.end_ms
        if end is not None and now_ms >= end and not self._is_over:
            self._is_over = True
            self._core.clock.run_at(0)

    # ---- what orders ask of the clock

    def _hear(self, told: Told) -> None:
        for _, record in told.orders:
            if record.is_unfinished:
                self._expect(record.expire_ms)
        if CommandKind.COUNTDOWN_CANCEL in told.command_kinds:
            countdowns = told.commands["kind"] == CommandKind.COUNTDOWN_CANCEL
            for time_ms in told.commands["expire_ms"][countdowns & (told.results["refusal"] == 0)].tolist():
                self._expect(time_ms)

    def _expect(self, time_ms: int) -> None:
        if time_ms > 0:
            heapq.heappush(self._deadlines, time_ms)
            if time_ms < self._due_ms:
                self.wake()


def has_liquidation(account: int | None = None) -> Watch:
    """Waits for a liquidation, of one account or of any."""

    def is_there(events: np.ndarray) -> bool:
        started: Any = events["kind"] == EventKind.LIQUIDATION_STARTED
        return bool((started if account is None else started & (events["account"] == account)).any())

    return is_there


def _next_settlement_ms(rules: SymbolRules, after_ms: int) -> int:
    interval = rules.funding_interval_hours * _HOUR_MS
    return (after_ms // interval + 1) * interval
