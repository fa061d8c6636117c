"""Shelf: named worlds that are kept beside a running one: forks that stand still, branches.

Responsible for: Shelf: their names and how many there may be. Must not: feed them: what happens in the running world is
nothing that happens in them (twins.py has those that live along).
"""

from __future__ import annotations

from ..errors import InputError
from ..exchange import Exchange
from ..journal.history import History
from ..limits import WORLDS_MAX
from .branching import branch, fork
from .moment import MomentLike
from .rewrite import Rewrite
from .world import World


class Shelf:
    """Worlds by their names.

    Takes    running: the World that they are beside; or its Exchange and, so that they can be branched from its beginning,
             the history that made it.
    """

    def __init__(self, running: World | Exchange, history: History | None = None) -> None:
        self._running = running
        self._history = running.history if isinstance(running, World) else history
        self._worlds: dict[str, World] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the worlds, oldest first."""
        return tuple(self._worlds)

    def __getitem__(self, name: str) -> World:
        """A world. Errors   InputError for a name that none has."""
        if name not in self._worlds:
            raise InputError(f"world {name!r} is not there: expected one of {', '.join(self._worlds) or 'none'}")
        return self._worlds[name]

    def fork(self, name: str) -> World:
        """The running world as it is now, beside it. It stands still until it gets commands of its own."""
        self._check(name)
        history = None if isinstance(self._running, World) else self._history
        self._worlds[name] = fork(self._running, name, history)
        return self._worlds[name]

    def branch(self, name: str, *rewrites: Rewrite, at: MomentLike | None = None, of: str | None = None) -> World:
        """A branch of the running world, or of one on the shelf. Errors   RewriteError; InputError without a history."""
        self._check(name)
        base = self._running if of is None else self[of]
        if isinstance(base, Exchange):
            if self._history is None:
                raise InputError(f"world {name!r}: the running exchange came without its history: fork it first")
            self._worlds[name] = branch(self._history, *rewrites, at=at, name=name)
        else:
            self._worlds[name] = branch(base, *rewrites, at=at, name=name)
        return self._worlds[name]

    def remove(self, name: str) -> None:
        """Let a world go."""
        del self._worlds[self[name].name]

    def _check(self, name: str) -> None:
        if not name:
            raise InputError("world: expected a name")
        if name in self._worlds:
            raise InputError(f"world {name!r} is there already: remove it first")
        if len(self._worlds) >= WORLDS_MAX:
            raise InputError(f"world {name!r}: {WORLDS_MAX} are kept already, which is the most: remove one first")
