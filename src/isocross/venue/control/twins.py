"""Twins: worlds that live along with the venue under another margin mode, leverage, or with a stop.

Responsible for: the feed of twins, begun with the first of them; commits of a venue in memory told as a journal tells them.
Must not: live a command (isocross.worlds does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...journal.group import NOTHING, Lived, Point, group_of
from ...journal.journaled import JournaledExchange
from ...journal.writer import Committed, Listener
from ..sequencer import VenueCore
from ..told import Told

if TYPE_CHECKING:
    from ...worlds.difference import Difference
    from ...worlds.rewrite import Rewrite
    from ...worlds.twin_feed import TwinFeed
    from ...worlds.world import World

Answer = TypeVar("Answer")


class TwinRoom:
    """The twins of one venue. What takes long is done in a thread."""

    def __init__(self, core: VenueCore) -> None:
        self._core = core
        self._feed: TwinFeed | None = None
        self._names: dict[str, int] = {}
        self._lock = asyncio.Lock()

    async def add(self, name: str, *rewrites: Rewrite) -> None:
        """A twin of all that has happened, and of what comes. Errors   as TwinFeed.add."""
        from ...worlds.twin_feed import TwinFeed

        async with self._lock:
            if self._feed is None:
                names = {account.name: account.row for account in self._core.accounts}
                await self._core.gate.passed(self._core.position)
                if isinstance(self._core.engine, JournaledExchange):
                    engine = self._core.engine
                    self._feed = await asyncio.to_thread(lambda: TwinFeed(engine, names=names))
                else:
                    self._feed = TwinFeed(_CommitsInMemory(self._core), names=names)
            await asyncio.to_thread(self._feed.add, name, *rewrites)

    async def names(self) -> list[str]:
        """Of the twins, oldest first."""
        return [] if self._feed is None else list(await asyncio.to_thread(lambda: self._there.names))

    async def remove(self, name: str) -> None:
        """Let a twin go."""
        await asyncio.to_thread(self._there.remove, name)

    async def report(self, name: str) -> Difference:
        """What differs between the venue and a twin."""
        await self._core.gate.passed(self._core.position)
        return await asyncio.to_thread(self._there.report, name)

    async def ask(self, name: str, question: Callable[[World], Answer]) -> Answer:
        """Have something read off the world of a twin; it must not change it."""
        return await asyncio.to_thread(lambda: self._there.ask(name, question))

    def close(self) -> None:
        """Let all of them go."""
        if self._feed is not None:
            self._feed.close()

    @property
    def _there(self) -> TwinFeed:
        if self._feed is None:
            raise KeyError("twin: there is none")
        return self._feed


class _CommitsInMemory:
    """What a venue in memory tells of its commits, in the form of a journal."""

    def __init__(self, core: VenueCore) -> None:
        self.journal: Any = core.history
        self._point = Point(0, core.position, 0, b"")
        self._listeners: list[Listener] = []
        core.listen(self._hear)

    def listen(self, listener: Listener) -> None:
        """Have every commit told from now on."""
        self._listeners.append(listener)

    def _hear(self, told: Told) -> None:
        count = told.position - self._point.position
        lived = Lived(told.commands.tobytes(), count, told.results, told.events, int(told.commands["time_ms"][-1]))
        group = group_of(self._point, NOTHING, [lived])
        self._point = group.end
        for listener in self._listeners:
            listener(Committed(told.position, (group,)))
