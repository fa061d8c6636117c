"""Outline: where in a history what is: its commands numbered 0 … n − 1 in the order of application.

Responsible for: the columns that name commands, the place of a Moment, walking through a part of a history.
Must not: apply a command, keep a command.

A command here is a header with all records up to the next header, so that what is cut between two commands is lived by
the kernel exactly as in one piece. A place is a number of commands: place n has the first n of them before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..codes import CommandKind
from ..errors import RewriteError
from ..journal.history import History
from ..limits import BRANCH_SEQUENCE_FIRST, SEQUENCE_MAX
from ..units import format_time
from .moment import Moment

PLACE_MAX = 2**62  # beyond every history
_COLUMNS = ("sequence", "time_ms", "kind", "account", "symbol")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some commands that follow each other."""

    first: int  # number of the first in its history
    records: np.ndarray  # COMMAND rows
    heads: np.ndarray  # row of each command's header

    def __len__(self) -> int:
        return len(self.heads)

    def part(self, start: int, stop: int) -> Stretch:
        """The commands start … stop − 1 of it."""
        row = int(self.heads[start]) if start < len(self.heads) else len(self.records)
        end = int(self.heads[stop]) if stop < len(self.heads) else len(self.records)
        return Stretch(self.first + start, self.records[row:end], self.heads[start:stop] - row)

    @property
    def applied_count(self) -> int:
        """How many commands the exchange counts in it: a record that no header asks for is one of its own."""
        asked = np.minimum(self.column("continuation_count"), self._following())
        return len(self.records) - int(np.maximum(asked, 0).sum())

    def _following(self) -> np.ndarray:
        """How many records follow each header."""
        return np.diff(np.append(self.heads, len(self.records))) - 1

    def clock_ms(self) -> np.ndarray:
        """What each command says of the clock; 0 where it has too few records, which leaves the clock alone."""
        is_whole = self.column("continuation_count") <= self._following()
        return np.where(is_whole, self.column("time_ms"), 0)

    def column(self, name: str) -> np.ndarray:
        """A field of every header."""
        found: np.ndarray = self.records[name][self.heads]
        return found


def stretch_of(first: int, records: np.ndarray) -> Stretch:
    """A block of whole commands as a stretch."""
    is_head = records["kind"] != CommandKind.CONTINUATION
    if len(is_head):
        is_head[0] = True
    return Stretch(first, records, np.flatnonzero(is_head))


def walk(history: History, start: int, stop: int) -> Iterator[Stretch]:
    """The commands start … stop − 1 of a history, block by block."""
    place = 0
    for block in history.blocks():
        stretch = stretch_of(place, block)
        place += len(stretch)
        if place > start:
            part = stretch.part(max(0, start - stretch.first), min(len(stretch), stop - stretch.first))
            if len(part):
                yield part
        if place >= stop:
            return


class Outline:
    """The commands of a history, by number: sequence, clock, kind, account, symbol."""

    def __init__(self, history: History) -> None:
        columns: dict[str, list[np.ndarray]] = {name: [] for name in _COLUMNS}
        clocks = []
        for stretch in (stretch_of(0, block) for block in history.blocks()):
            for name in _COLUMNS:
                columns[name].append(stretch.column(name))
            clocks.append(stretch.clock_ms())
        self.sequence, self.time_ms, self.kind, self.account, self.symbol = (
            np.concatenate(columns[name]) if columns[name] else np.zeros(0, dtype=np.int64) for name in _COLUMNS
        )
        clock = np.concatenate(clocks) if clocks else self.time_ms
        self.clock_ms = np.maximum.accumulate(clock) if len(clock) else clock

    def __len__(self) -> int:
        return len(self.sequence)

    def next_branch_sequence(self) -> int:
        """The first number of the branches' range that no command of this history has."""
        mine = self.sequence[(self.sequence >= BRANCH_SEQUENCE_FIRST) & (self.sequence < SEQUENCE_MAX)]
        return int(mine.max()) + 1 if len(mine) else BRANCH_SEQUENCE_FIRST

    def command(self, sequence: int) -> int:
        """Number of the command with this sequence number; the last, where it was used twice.

        Errors   RewriteError when there is none.
        """
        found = np.flatnonzero(self.sequence == sequence)
        if not len(found):
            raise RewriteError(f"command {sequence} is not in this history, which has {self._span()}")
        return int(found[-1])

    def place(self, moment: Moment) -> int:
        """The place of a moment.

        Errors   RewriteError for a command that is not there, a time before the start or after the end.
        """
        if moment.sequence is not None:
            if moment.sequence == 0 and not (self.sequence == 0).any():
                return 0  # before all commands
            return self.command(moment.sequence) + (not moment.is_before)
        assert moment.time_ms is not None
        if not len(self) or not self.clock_ms[0] <= moment.time_ms <= self.clock_ms[-1]:
            raise RewriteError(f"{moment} lies outside this history, which has {self._span()}")
        return int(np.searchsorted(self.clock_ms, moment.time_ms, side="right"))

    def _span(self) -> str:
        if not len(self):
            return "no command"
        times = f"{format_time(int(self.clock_ms[0]))} … {format_time(int(self.clock_ms[-1]))}"
        return f"{len(self)} commands, {int(self.sequence[0])} … {int(self.sequence[-1])}, {times}"
