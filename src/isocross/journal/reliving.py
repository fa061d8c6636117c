"""Reliving: an exchange that lives a journal again, from its newest good snapshot or from the genesis.

Responsible for: recovery; replay up to a command; giving out events again; noticing that a command now has another outcome.
Must not: write; know what a command means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..command import joined
from ..errors import InputError, JournalDivergedError
from .folder import DataFolder
from .group import NOTHING, Group, Outcome, Point, event_sum, row_after
from .journal import Journal, in_blocks
from .snapshots import newest_good
from .store import StoreDamage

Progress = Callable[[int, int], None]  # commands done, commands to do


@dataclass(frozen=True, slots=True)
class Relived:
    """Some commands that were lived again, and what became of them."""

    position: int  # commands before them
    commands: np.ndarray
    results: np.ndarray
    events: np.ndarray


class Reliving:
    """An exchange at some place of a journal, which can go on along it.

    `exchange`: as it is there. `place`: behind the last group that was lived whole. `outcome`: of all commands lived.
    `started_at`: the position of the snapshot it began with, or of the genesis. `warnings`: snapshots that were not good.
    """

    def __init__(
        self, folder: DataFolder, *, before: int | None = None, uses_snapshots: bool = True, compiled: bool = True
    ) -> None:
        """At the newest good snapshot at or before command `before`, else at the genesis. Errors  JournalCorruptError."""
        self.journal = Journal(folder)
        self.warnings: list[str] = []
        self.place: Point = folder.start
        self.outcome: Outcome = NOTHING
        loaded = None
        if uses_snapshots:
            try:
                with self.journal.reading() as store:
                    loaded = newest_good(folder, store, before, self.warnings.append, compiled=compiled)
            except StoreDamage as damage:
                raise self.journal.corrupt(folder.start, damage) from None
        if loaded is None:
            self.exchange = folder.genesis.exchange(compiled=compiled)
        else:
            self.exchange, self.place, self.outcome = loaded.exchange, loaded.row.point, loaded.row.outcome
        self.started_at, self.started_at_group = self.position, self.place.number

    @property
    def position(self) -> int:
        """Commands lived, those before the snapshot included."""
        return self.exchange.command_count

    def advance(self, until: int | None = None, progress: Progress | None = None) -> None:
        """Live on to command `until`, or to the end. Errors as `steps`."""
        for _ in self._lived(until, progress, wants_events=False):
            pass

    def steps(self, until: int | None = None, progress: Progress | None = None) -> Iterator[Relived]:
        """Live on to command `until`, or to the end, and tell, some commands at a time, what became of them.

        Errors   InputError when there is no such command, or it is lived already; JournalCorruptError, after everything
                 before it was told; JournalDivergedError.
        """
        return self._lived(until, progress, wants_events=True)

    def _lived(self, until: int | None, progress: Progress | None, wants_events: bool) -> Iterator[Relived]:
        first, last = self.position, self.journal.end().position
        if until is not None and until > last:
            raise InputError(f"command {until:,}: this journal holds {last:,}")
        if until is not None and until < first:
            raise InputError(f"command {until:,}: {first:,} are lived already")
        last = last if until is None else until
        for groups in in_blocks(self.journal.groups(self.place, until)):
            commands = joined([group.commands() for group in groups])
            start = row_after(commands, self.position - groups[0].position)
            is_cut = until is not None and until < groups[-1].end.position
            stop = start + row_after(commands[start:], last - self.position) if is_cut else len(commands)
            yield self._live(commands[start:stop], wants_events)
            if is_cut:
                return
            self._check(groups)
            if progress is not None:
                progress(self.position - first, last - first)

    def _live(self, commands: np.ndarray, wants_events: bool) -> Relived:
        position, seen = self.position, [0, 0]

        def count(events: np.ndarray) -> None:
            seen[0] += len(events)
            seen[1] += event_sum(events)

        results, events = self.exchange.submit_batch(commands, None if wants_events else count)
        if wants_events:
            count(events)
        self.outcome = self.outcome.after(results, *seen)
        return Relived(position, commands, results, events)

    def _check(self, groups: Sequence[Group]) -> None:
        """These groups were lived whole: did the same become of them?"""
        last = groups[-1]
        if (self.position, self.outcome) != (last.end.position, last.outcome):
            raise JournalDivergedError(
                f"journal of {self.journal.folder.path}: commands {groups[0].position + 1:,} to {last.end.position:,} have "
                f"another outcome in this engine than when they were written by {self.journal.folder.written_by}: replay it "
                "with that version"
            )
        self.place = last.end
