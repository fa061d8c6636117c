"""Twins: worlds that live along with a running one: the same intents under rewrites, told of every command after it happened.

Responsible for: Twins: adding, feeding, removing and reporting on them; how many there may be. Must not: touch the running
exchange: it keeps a replica, so that nobody who waits for an acknowledgement waits for a twin.

    twins = Twins(journal)                                the history of a running exchange, as far as it is committed
    twins.add("me in cross", flip_mode(2, "BTCUSDT"))     lives the history first, from then on it lives along
    twins.feed(block)                                     every block that the journal has committed since
    twins.report("me in cross")                           a Difference

What it answers is what a branch of the same history answers (docs/decisions/0027). One thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError, PoisonedError
from ..exchange import Bug
from ..journal.history import History
from ..limits import TWINS_MAX
from .branching import STRETCH_MAX, ascending, live_beside
from .difference import Difference, diff
from .outline import PLACE_MAX, stretch_of, walk
from .rewrite import Rewrite
from .rewritten import RewrittenHistory
from .shadow import Shadow
from .told import Lots, live, lots_of
from .world import World


class Twins:
    """Twins of the accounts of one running exchange.

    Takes    history: of the exchange. What is in it now is lived at once; what comes later is fed. names: of accounts.
    """

    def __init__(self, history: History, *, names: Mapping[str, int] | None = None, compiled: bool = True) -> None:
        self._history = history
        self._compiled = compiled
        self._lived = RewrittenHistory(history)
        self.trunk = World(history.genesis.exchange(compiled=compiled), self._lived, "trunk")
        self.trunk.names = dict(names or {})
        self._twins: dict[str, Shadow] = {}
        self._failed: dict[str, str] = {}
        self._accounts: frozenset[int] = frozenset()
        self._lots: Lots = {}
        for stretch in walk(history, 0, PLACE_MAX):
            self.feed(stretch.records)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the twins, oldest first."""
        return tuple(self._twins)

    def __getitem__(self, name: str) -> World:
        """The world of a twin. Errors   InputError for a name that no twin has."""
        return self._twin(name).world

    def add(self, name: str, *rewrites: Rewrite) -> World:
        """A twin that has lived what the trunk has, under rewrites, and lives along from now on.

        Errors   RewriteError where a rewrite does not apply; InputError for a name that is taken, or one twin too many.
        """
        if name in self._twins:
            raise InputError(f"twin {name!r} is there already: remove it first")
        if len(self._twins) >= TWINS_MAX:
            raise InputError(f"twin {name!r}: {TWINS_MAX} live along already, which is the most: remove one first")
        pair = live_beside(self._lived, rewrites, None, name, self.trunk.names, self._compiled, None, None)
        pair.shadow.world.names = self.trunk.names
        self._twins[name] = pair.shadow
        self._watch()
        return pair.shadow.world

    def remove(self, name: str) -> None:
        """Let a twin go. Errors   InputError for a name that no twin has."""
        self._twin(name)
        del self._twins[name]
        self._failed.pop(name, None)
        self._watch()

    def feed(self, block: np.ndarray) -> None:
        """Live whole commands that the running exchange has lived and its history has.

        A twin in which they meet a bug stands still from there on, and `report` says so; the others go on.
        """
        for stretch in ascending([stretch_of(self.trunk.length, block)], STRETCH_MAX):
            told = live(self.trunk.exchange, stretch, self._accounts, self._lots)
            for moves in told.moves.values():
                self._lots.update(moves)
            self.trunk.liquidations += told.liquidations
            self.trunk.lived(len(stretch), int(stretch.column("sequence")[-1]))
            self._lived.take(len(stretch))
            for name, shadow in self._twins.items():
                if name in self._failed:
                    continue
                try:
                    shadow.follow(stretch, told)
                except (Bug, PoisonedError) as bug:
                    self._failed[name] = str(bug)

    def report(self, name: str, *, accounts: Sequence[int | str] | None = None) -> Difference:
        """What differs between the running world and a twin: by default for the accounts that its rewrites name.

        Errors   InputError for a name that no twin has, or a twin that stands still.
        """
        self.living(name)
        shadow = self._twin(name)
        return diff(self.trunk, shadow.world, accounts=sorted(shadow.accounts) if accounts is None else accounts)

    def living(self, name: str) -> World:
        """The world of a twin that lives along. Errors   InputError for a name that no twin has, or a twin that stands still."""
        shadow = self._twin(name)
        if name in self._failed:
            raise InputError(f"twin {name!r} met a bug and stands still: {self._failed[name]}")
        return shadow.world

    def _twin(self, name: str) -> Shadow:
        if name not in self._twins:
            raise InputError(f"twin {name!r} does not live along: expected one of {', '.join(self._twins) or 'none'}")
        return self._twins[name]

    def _watch(self) -> None:
        self._accounts = frozenset().union(*(shadow.accounts for shadow in self._twins.values()))
        self._lots = lots_of(self.trunk.exchange, self._accounts)
