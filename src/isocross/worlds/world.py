"""World: an exchange with a past of its own.

Responsible for: World: commands that are applied and recorded, what a branch remembers of how it came to be.
Must not: branch (branching.py), read another world.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..codes import CommandKind
from ..errors import InputError
from ..exchange import BatchResult, Exchange, Result
from ..journal.history import Genesis, History, MemoryHistory
from ..limits import DIVERGENCES_MAX
from .divergence import Divergence
from .moment import Moment
from .outline import stretch_of
from .told import Liquidation, liquidations_in


class GrowingHistory(History, Protocol):
    """A History to which commands can be added."""

    def append(self, commands: np.ndarray) -> None:
        """Add whole commands."""
        ...


class World:
    """An exchange, the history that made it, and what happened in it.

    Commands enter through `submit` and `submit_batch`, so that they are recorded; views, previews and all other questions
    go to `exchange`.
    """

    def __init__(self, exchange: Exchange, history: GrowingHistory, name: str = "world") -> None:
        self.exchange = exchange
        self.history = history
        self.name = name
        self.names: dict[str, int] = {}  # of accounts, for people
        self.rewrites: tuple[str, ...] = ()  # in words
        self.divergences: list[Divergence] = []  # from its base, the first DIVERGENCES_MAX
        self.divergence_count = 0
        self.liquidations: list[Liquidation] = []  # of everybody
        self.last_sequence = 0  # of the last command, an inserted one too
        self.length = 0  # commands in its history
        self.stopped_at: Moment | None = None  # the event that a rewrite stopped it at

    @classmethod
    def new(cls, genesis: Genesis, name: str = "world", *, compiled: bool = True) -> World:
        """A world before its first command."""
        return cls(genesis.exchange(compiled=compiled), MemoryHistory(genesis), name)

    @property
    def moment(self) -> Moment:
        """Now: right after its last command."""
        return Moment(sequence=self.last_sequence)

    def submit(
        self,
        kind: CommandKind,
        *,
        time_ms: int | None = None,
        sequence: int | None = None,
        records: Sequence[dict[str, int]] = (),
        **fields: Any,
    ) -> Result:
        """Apply and record one command, as Exchange.submit takes it."""
        batch = self.exchange.pack([(kind, {**fields, "records": records})], time_ms=time_ms, sequence=sequence)
        return self.submit_batch(batch).of_one(batch)

    def submit_batch(self, commands: np.ndarray, on_events: Callable[[np.ndarray], None] | None = None) -> BatchResult:
        """Apply and record whole commands, as Exchange.submit_batch takes them. They are recorded first: what meets a bug too."""
        if self.exchange.is_previewing:
            raise InputError(f"{self.name}: a preview is open, and what is previewed is not recorded: ask its exchange")
        self.history.append(commands)
        self._count(commands)

        def watch(events: np.ndarray) -> None:
            self.liquidations += liquidations_in(events)
            if on_events is not None:
                on_events(events)

        done = self.exchange.submit_batch(commands, None if on_events is None else watch)
        if on_events is None:
            self.liquidations += liquidations_in(done.events)
        return done

    def remember(self, divergence: Divergence) -> None:
        """Keep a divergence, or count it when there are too many."""
        self.divergence_count += 1
        if len(self.divergences) < DIVERGENCES_MAX:
            self.divergences.append(divergence)

    def lived(self, stretch_length: int, last_sequence: int) -> None:
        """Commands were applied that the history has already."""
        self.length += stretch_length
        self.last_sequence = last_sequence

    def __repr__(self) -> str:
        words = f", {'; '.join(self.rewrites)}" if self.rewrites else ""
        return f"World {self.name}: {self.length} commands, {self.divergence_count} divergences{words}"

    def _count(self, commands: np.ndarray) -> None:
        stretch = stretch_of(0, commands)
        if len(stretch):
            self.lived(len(stretch), int(stretch.column("sequence")[-1]))
