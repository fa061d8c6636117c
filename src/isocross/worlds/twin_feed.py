"""Twin feed: twins that live along with a journaled exchange, in a thread of their own.

Responsible for: hearing of commits without holding up the thread that commits, feeding each group once and in order, reports
that do not read a twin while it is fed. Must not: live a command (twins.py does).

    with JournaledExchange.open("data") as journaled, TwinFeed(journaled) as feed:
        feed.add("me in cross", flip_mode(2, "BTCUSDT"))
        journaled.submit(…)                        # acknowledged when it is on disk; the twin hears of it after that
        feed.report("me in cross")                 # as of all that was on disk when it was asked
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, TypeVar

from ..errors import InputError
from ..journal.group import Group
from ..journal.journal import Journal
from ..journal.writer import Committed, Listener
from .difference import Difference
from .rewrite import Rewrite
from .twins import Twins
from .world import World

Answer = TypeVar("Answer")


class Committing(Protocol):
    """What a JournaledExchange shows of itself here."""

    @property
    def journal(self) -> Journal:
        """Its past, as far as it is on disk."""
        ...

    def listen(self, listener: Listener) -> None:
        """Have every commit told from now on."""
        ...


class TwinFeed:
    """The twins of one journaled exchange. Any thread may ask."""

    def __init__(self, journaled: Committing, *, names: Mapping[str, int] | None = None, compiled: bool = True) -> None:
        self._heard: SimpleQueue[Group | Callable[[], None]] = SimpleQueue()
        self._is_closed = False
        self._failure: Exception | None = None
        journaled.listen(self._hear)  # before the past is read: what is in both is fed once
        self._twins = Twins(journaled.journal, names=names, compiled=compiled)
        self._thread = threading.Thread(target=self._run, name="isocross twins", daemon=True)
        self._thread.start()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the twins, oldest first."""
        return self._ask(lambda: self._twins.names)

    def add(self, name: str, *rewrites: Rewrite) -> None:
        """A twin of all that is on disk, and of what comes. Errors   as Twins.add."""
        self._ask(lambda: self._twins.add(name, *rewrites))

    def remove(self, name: str) -> None:
        """Let a twin go. Errors   as Twins.remove."""
        self._ask(lambda: self._twins.remove(name))

    def report(self, name: str, *, accounts: Sequence[int | str] | None = None) -> Difference:
        """What differs between the running world and a twin, as of what had been heard when it was asked. Errors   as Twins.report."""
        return self._ask(lambda: self._twins.report(name, accounts=accounts))

    def ask(self, name: str, question: Callable[[World], Answer]) -> Answer:
        """Have something read off the world of a twin, as of what had been heard when it was asked; it must not change it.

        Errors   as Twins.report, and those of the question.
        """
        return self._ask(lambda: question(self._twins.living(name)))

    def close(self) -> None:
        """End the thread; what was heard is lived first."""
        if not self._is_closed:
            self._is_closed = True
            self._heard.put(_end)
            self._thread.join()

    def __enter__(self) -> TwinFeed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- threads

    def _hear(self, committed: Committed) -> None:
        """In the writer's thread: only note what was committed."""
        if not self._is_closed:
            for group in committed.groups:
                self._heard.put(group)

    def _run(self) -> None:
        while (heard := self._heard.get()) is not _end:
            if not isinstance(heard, Group):
                heard()
            elif self._failure is None:
                try:
                    self._feed(heard)
                except Exception as error:  # told to whoever asks: nobody waits for this thread otherwise
                    self._failure = error

    def _feed(self, group: Group) -> None:
        lived = self._twins.trunk.exchange.command_count
        if group.end.position > lived:
            assert group.position == lived, f"a group begins at {group.position}, the twins are at {lived}"
            self._twins.feed(group.commands())

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Have the thread of the twins answer, behind all that it has heard."""
        if self._is_closed:
            raise InputError("twins: their feed is closed")
        answers: SimpleQueue[tuple[Answer | None, Exception | None]] = SimpleQueue()

        def answer() -> None:
            try:
                if self._failure is not None:
                    raise InputError(f"twins: they stand still: {self._failure!r}") from self._failure
                answers.put((question(), None))
            except Exception as error:
                answers.put((None, error))

        self._heard.put(answer)
        found, error = answers.get()
        if error is not None:
            raise error
        return found  # type: ignore[return-value]


def _end() -> None:
    """What ends the thread."""
