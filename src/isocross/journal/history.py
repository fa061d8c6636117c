"""History: a genesis and the commands that followed, in the order in which they were applied.

Responsible for: what a journal, a sandbox and a branch have in common: the world they start from and the COMMAND blocks
that make it; keeping such blocks in memory. Must not: touch a file, know what a command means.

A block holds whole commands: a header is followed by all of its continuation records. Refused commands are in it too.
The order is that of application, not of sequence numbers: a branch inserts commands of a reserved high range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..command import canonical, joined
from ..exchange import Exchange
from ..rulebook import Rulebook

BLOCK_ROWS = 4096  # of a block that a history in memory hands out, at least


@dataclass(frozen=True, slots=True)
class Genesis:
    """What an exchange is before its first command."""

    rulebook: Rulebook
    symbols: tuple[str, ...]
    seed: int | None = None  # of the market that wrote the commands, for the record
    snapshot: bytes | None = None  # of an exchange that had lived before; None: nothing has happened yet

    def exchange(self, *, compiled: bool = True) -> Exchange:
        """A new exchange at its genesis."""
        if self.snapshot is not None:
            return Exchange.restore(self.snapshot, self.rulebook, self.symbols, compiled=compiled)
        return Exchange(self.rulebook, self.symbols, compiled=compiled)


class History(Protocol):
    """A world's past: enough to live it again."""

    @property
    def genesis(self) -> Genesis:
        """The world before the first command."""
        ...

    def blocks(self) -> Iterator[np.ndarray]:
        """COMMAND arrays of whole commands, in the order of application."""
        ...


class MemoryHistory:
    """A History that is kept in memory, and grows."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self._blocks: list[np.ndarray] = []

    def append(self, commands: np.ndarray) -> None:
        """Add a block of whole commands. It is copied."""
        self._blocks.append(canonical(commands))

    def blocks(self) -> Iterator[np.ndarray]:
        """What there is so far; small blocks are joined."""
        run, rows = [], 0
        for block in tuple(self._blocks):
            run.append(block)
            rows += len(block)
            if rows >= BLOCK_ROWS:
                yield joined(run)
                run, rows = [], 0
        if run:
            yield joined(run)


def replay(history: History, *, compiled: bool = True) -> Exchange:
    """An exchange that has lived a whole history."""
    exchange = history.genesis.exchange(compiled=compiled)
    for block in history.blocks():
        exchange.submit_batch(block, _forget)
    return exchange


def _forget(events: np.ndarray) -> None:
    """Events of a replay that nobody asked for."""
