"""Gate: coroutines that wait for the disk.

Responsible for: waking what waits in an event loop, in order, with one wake-up of the loop per commit. Must not: apply a
command, start a thread.

    gate = DurableGate(journaled)                        # in the loop's thread
    applied = journaled.apply(packed)                    # now, by whoever owns the exchange
    await gate.passed(applied.position)                  # after the commit; other coroutines run meanwhile
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..errors import StatusUnknownError
from .journaled import JournaledExchange
from .writer import Committed

Release = Callable[[StatusUnknownError | None], None]


class DurableGate:
    """Lets answers pass once what they saw is on disk. It belongs to the thread of one event loop."""

    def __init__(
        self,
        journaled: JournaledExchange,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        before: Callable[[int, StatusUnknownError | None], None] = lambda position, failure: None,
    ) -> None:
        """Takes  before: called with what is on disk, or with the failure, in the loop's thread, before anybody passes."""
        self._before = before
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self._waiting: deque[tuple[int, Release]] = deque()  # in order of position
        self._journaled = journaled
        self._position = journaled.durable_position
        self._failure: StatusUnknownError | None = None
        journaled.listen(self._hear)

    def call(self, position: int, release: Release) -> None:
        """Call back in the loop's thread once `position` commands are on disk, with None, or with the failure.

        Calls come in the order in which they were asked for, as long as positions do not fall. What may pass at once does.
        """
        if position <= self._position:
            release(None)
        elif self._failure is not None:
            release(self._failure)
        else:
            self._waiting.append((position, release))

    async def passed(self, position: int | None = None) -> None:
        """Return once `position` commands (all that are applied now) are on disk. Errors  StatusUnknownError."""
        done: asyncio.Future[None] = self._loop.create_future()

        def release(failure: StatusUnknownError | None) -> None:
            if done.cancelled():
                return
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(StatusUnknownError(str(failure)))

        self.call(self._journaled.position if position is None else position, release)
        await done

    def _hear(self, committed: Committed) -> None:
        """In the writer's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._open_to, committed.position, committed.failure)

    def _open_to(self, position: int, failure: StatusUnknownError | None) -> None:
        try:
            self._before(position, failure)
        finally:
            self._position = position
            self._failure = failure
            while self._waiting and (self._waiting[0][0] <= position or failure is not None):
                wanted, release = self._waiting.popleft()
                release(None if wanted <= position else failure)
