"""Sending: commands into the exchange, in groups of which all are carried out or none.

Responsible for: previewing a group, keeping all events, turning a refusal into RefusedError with words, cancelling exits
that are needed no longer. Must not: know decimals that come in, or what an account's owner meant.

A refused command changes no balance, order or position. When it is the first of its group it is submitted all the same:
like at a venue it is on the record, so that a replay in the other margin mode may find it accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..codes import EventKind, Refusal
from ..command import EVENT, joined
from ..exchange import Result
from ..worlds import World
from .exits import Exits
from .refusing import Command, refused

HOUSE = 1  # the maker's account
_OF_ORDERS = (EventKind.ACCEPTED, EventKind.CANCELLED)


def without_ladders(events: np.ndarray) -> np.ndarray:
    """Events without those of the maker's ladder coming and going: some hundred with every second of a market."""
    kind = events["kind"]
    is_ladder = (kind == EventKind.BOOK_LEVEL) | (events["account"] == HOUSE) & np.isin(kind, _OF_ORDERS)
    kept: np.ndarray = events[~is_ladder]
    return kept


class Sender:
    """The way of a Sandbox's commands into its exchange."""

    def __init__(self, world: World, exits: Exits | None = None, events: Sequence[np.ndarray] = ()) -> None:
        self.world = world
        self.exchange = world.exchange
        self.exits = Exits() if exits is None else exits
        self._events = [np.zeros(0, dtype=EVENT), *events]
        self._event_count = sum(map(len, self._events))

    @property
    def events(self) -> np.ndarray:
        """All events so far."""
        if len(self._events) > 1:
            self._events = [joined(self._events)]
        return self._events[0]

    @property
    def event_count(self) -> int:
        """How many there are so far."""
        return self._event_count

    def events_since(self, count: int) -> np.ndarray:
        """The events after the first `count`, which was the count between two commands."""
        place, wanted = len(self._events), self._event_count - count
        while wanted > 0:
            place -= 1
            wanted -= len(self._events[place])
        return joined([self._events[0][:0], *self._events[place:]])[-wanted:]

    def carry_out(self, commands: Sequence[Command]) -> list[Result]:
        """All of the commands or none.

        Errors   RefusedError for the first that is refused.
        """
        if len(commands) > 1:
            place, refusal = self._first_refusal(commands)
            if place > 0:
                raise refused(self.exchange, commands, place, refusal)
        return self.send(commands)

    def send(self, commands: Sequence[Command]) -> list[Result]:
        """The commands one after the other, up to the first that is refused.

        Errors   RefusedError for that one; those before it are carried out.
        """
        results = []
        for place, command in enumerate(commands):
            done = self.world.submit(command.kind, **command.fields)
            self._keep(done.events)
            if not done.is_accepted:
                raise refused(self.exchange, commands, place, done.refusal)
            results.append(done)
        self.end_exits()
        return results

    def tell(self, batch: np.ndarray) -> np.ndarray:
        """Whole commands of a market, refused ones among them. Returns their RESULT rows."""
        done = self.world.submit_batch(batch)
        self._keep(without_ladders(done.events))
        self.end_exits()
        return done.results

    def end_exits(self) -> None:
        """Cancel the exits that are needed no longer."""
        while (due := self.exits.due(self.exchange)) is not None:
            done = self.world.submit(due[0], **due[1])
            assert done.is_accepted
            self.exits.done(done.sequence)
            self._keep(done.events)

    def _keep(self, events: np.ndarray) -> None:
        self._events.append(events)
        self._event_count += len(events)

    def _first_refusal(self, commands: Sequence[Command]) -> tuple[int, Refusal]:
        """Which command of a group would be refused, and why; (0, NONE) when none would."""
        with self.exchange.previewing():
            for place, command in enumerate(commands):
                refusal = self.exchange.submit(command.kind, **command.fields).refusal
                if refusal != Refusal.NONE:
                    return place, refusal
        return 0, Refusal.NONE
