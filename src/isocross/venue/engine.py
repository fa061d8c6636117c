"""Engine: the exchange behind the venue: in a data folder, or in memory alone, with one face.

Responsible for: EphemeralExchange, what a JournaledExchange is without a disk: positions, a history, commits that are told of
a moment later; its gate. Must not: know a client, a clock or a read model.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from ..command import joined
from ..errors import StatusUnknownError
from ..exchange import Exchange
from ..journal.gate import Release
from ..journal.group import packed, unpacked
from ..journal.history import Genesis, History
from ..journal.journaled import Applied

_PACK_RECORDS = 2_048


class Gate(Protocol):
    """Lets answers pass once what they saw is committed."""

    def call(self, position: int, release: Release) -> None:
        """Call back in the loop's thread once `position` commands are committed, in the order in which it was asked."""
        ...

    async def passed(self, position: int | None = None) -> None:
        """Return once `position` commands (all that are applied) are committed. Errors  StatusUnknownError."""
        ...


class Engine(Protocol):
    """What applies commands."""

    exchange: Exchange

    @property
    def position(self) -> int:
        """Commands applied."""
        ...

    @property
    def durable_position(self) -> int:
        """Commands committed, or never to be lost while the process lives."""
        ...

    def apply(self, commands: np.ndarray) -> Applied:
        """Apply whole commands now."""
        ...

    def settle(self) -> None:
        """Return once all that is applied is committed. Errors  StatusUnknownError."""
        ...

    def close(self) -> None:
        """Commit what is left and let go."""
        ...


class EphemeralExchange:
    """An exchange in memory, which forgets everything when its process ends."""

    def __init__(self, genesis: Genesis, *, compiled: bool = True) -> None:
        self.exchange = genesis.exchange(compiled=compiled)
        self.history = PackedHistory(genesis)
        self.position = self.exchange.command_count
        self.committed: list[Callable[[int], None]] = []  # told of a commit in the loop's thread, in this order
        self._is_due = False

    def apply(self, commands: np.ndarray) -> Applied:
        """Apply whole commands now; they count as committed in the next turn of the loop, with all that came meanwhile."""
        done = self.exchange.submit_batch(commands)
        self.position = self.exchange.command_count
        self.history.append(commands)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._commit)
        return Applied(self.position, done.results, done.events)

    @property
    def durable_position(self) -> int:
        """All that is applied."""
        return self.position

    def settle(self) -> None:
        """Commit what has gathered in this turn of the loop."""
        self._commit()

    def close(self) -> None:
        """Nothing is left to do."""

    def _commit(self) -> None:
        self._is_due = False
        position = self.position  # a listener may apply more: that is committed later
        for listener in self.committed:
            listener(position)


class EphemeralGate:
    """A DurableGate without a disk: what is committed passes in the turn of the loop after it was applied."""

    def __init__(self, engine: EphemeralExchange) -> None:
        self._engine = engine
        self._position = engine.position
        self._waiting: deque[tuple[int, Release]] = deque()
        engine.committed.append(self._open_to)

    def call(self, position: int, release: Release) -> None:
        """As Gate.call."""
        if position <= self._position:
            release(None)
        else:
            self._waiting.append((position, release))

    async def passed(self, position: int | None = None) -> None:
        """As Gate.passed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def release(failure: StatusUnknownError | None) -> None:
            if not done.cancelled():
                done.set_result(None)

        self.call(self._engine.position if position is None else position, release)
        await done

    def _open_to(self, position: int) -> None:
        self._position = position
        while self._waiting and self._waiting[0][0] <= position:
            self._waiting.popleft()[1](None)


class PackedHistory(History):
    """A History in memory, kept as small as a journal keeps it on disk."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._packed: list[bytes] = []
        self._loose: list[np.ndarray] = []
        self._loose_records = 0

    @property
    def genesis(self) -> Genesis:
        """The world before the first command."""
        return self._genesis

    def append(self, commands: np.ndarray) -> None:
        """Add whole commands; nobody changes them afterwards."""
        self._loose.append(commands)
        self._loose_records += len(commands)
        if self._loose_records >= _PACK_RECORDS:
            self._packed.append(packed(joined(self._loose)))
            self._loose, self._loose_records = [], 0

    def blocks(self) -> Iterator[np.ndarray]:
        """What there is so far."""
        loose = tuple(self._loose)
        for blob in tuple(self._packed):
            yield unpacked(blob)
        if loose:
            yield joined(loose)
