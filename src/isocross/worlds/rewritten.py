"""Rewritten: the history of a branch: what it took from its base, what it left out, what it put in.

Responsible for: RewrittenHistory. Must not: apply a command, copy what the base has already, change the base.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..command import COMMAND, canonical, joined
from ..journal.history import Genesis, History
from .outline import Stretch, stretch_of


class RewrittenHistory:
    """A History that points into another one. It grows: `take`, `skip` and `put` say what comes next."""

    def __init__(self, base: History) -> None:
        self._base = base
        self._steps: list[tuple[bool, int] | list[np.ndarray]] = []  # (is taken, how many) or what was put in

    @property
    def genesis(self) -> Genesis:
        """The world before the first command: the base's."""
        return self._base.genesis

    def take(self, count: int) -> None:
        """The next `count` commands of the base, as they are."""
        self._go_on(True, count)

    def skip(self, count: int) -> None:
        """Leave out the next `count` commands of the base."""
        self._go_on(False, count)

    def put(self, commands: np.ndarray) -> None:
        """Commands that the base does not have here. They are copied."""
        if self._steps and isinstance(self._steps[-1], list):
            self._steps[-1].append(canonical(commands))
        else:
            self._steps.append([canonical(commands)])

    append = put  # what the world does after its past

    def blocks(self) -> Iterator[np.ndarray]:
        """COMMAND arrays of whole commands, in the order of application."""
        base = _Walker(self._base)
        for step in tuple(self._steps):
            if isinstance(step, list):
                yield joined(step)
            elif step[0]:
                yield from (part.records for part in base.next(step[1]))
            else:
                for _ in base.next(step[1]):
                    pass

    def _go_on(self, is_taken: bool, count: int) -> None:
        if count == 0:
            return
        last = self._steps[-1] if self._steps else None
        if isinstance(last, tuple) and last[0] == is_taken:
            self._steps[-1] = (is_taken, last[1] + count)
        else:
            self._steps.append((is_taken, count))


class _Walker:
    """Goes through a history once, so many commands at a time."""

    def __init__(self, history: History) -> None:
        self._blocks = history.blocks()
        self._rest = Stretch(0, np.zeros(0, dtype=COMMAND), np.zeros(0, dtype=np.int64))

    def next(self, count: int) -> Iterator[Stretch]:
        """The next `count` commands."""
        while count:
            if not len(self._rest):
                self._rest = stretch_of(0, next(self._blocks))
                continue
            part = self._rest.part(0, min(count, len(self._rest)))
            self._rest = self._rest.part(len(part), len(self._rest))
            count -= len(part)
            yield part
