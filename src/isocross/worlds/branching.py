"""Branch: another world from a history: up to a moment, under rewrites. Fork: a copy of a running one.

Responsible for: `branch`, `fork`, walking base and branch side by side. Must not: know a rewrite, shape a command.
The base is read and never written: a branch of a branch is a branch like any other.

    world = branch(history, flip_mode(2, "BTCUSDT"))         the whole history in the other mode
    world = branch(history, at="2026-01-01T08:00")           rewind
    world.submit(CommandKind.DEPOSIT, account=2, …)          from there on it is a world of its own
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..exchange import Exchange
from ..journal.history import Genesis, History, MemoryHistory
from .moment import MomentLike
from .outline import PLACE_MAX, Outline, Stretch, walk
from .plan import Draft, Plan
from .rewrite import Rewrite
from .rewritten import RewrittenHistory
from .shadow import CHUNK, Shadow, Upkeep
from .told import Lots, live, lots_of
from .world import World

OnEvents = Callable[[np.ndarray], None]
STRETCH_MAX = 16 * CHUNK  # commands that the base lives before the branch follows


@dataclass
class Pair:
    """A base and the branch that follows it, both at the same place."""

    base: Exchange
    shadow: Shadow
    place: int
    lots: Lots  # of the branch's accounts in the base


def branch(
    base: History | World,
    *rewrites: Rewrite,
    at: MomentLike | None = None,
    name: str = "branch",
    names: Mapping[str, int] | None = None,
    compiled: bool = True,
    upkeep: Upkeep | None = None,
    on_events: OnEvents | None = None,
) -> World:
    """A world that has lived a history up to a moment, under rewrites; it goes on from there on its own.

    Takes    base: a History, or a World for its history. at: a time, or a place beside a command (`after`, `before`); the end
             by default. names: account numbers by the names that rewrites may use (a World has its own). upkeep: what runs such worlds beside the
             accounts' own commands. on_events: gets all events of the new world.
    Errors   RewriteError where a rewrite does not apply: it names the thing. UnknownSymbolError.
    """
    history = base.history if isinstance(base, World) else base
    known = dict(names or (base.names if isinstance(base, World) else {}))
    world = live_beside(history, rewrites, at, name, known, compiled, upkeep, on_events).shadow.world
    world.names = known
    return world


def fork(running: World | Exchange, name: str, history: History | None = None) -> World:
    """A named world beside a running one, as it is now. It stands still until it gets commands; the other goes on.

    Takes    history: of a bare Exchange, what made it, like its journal; without one the fork's history begins with a snapshot.
    Errors   InputError when the history is not the one that made it, by the count of its commands.
    """
    if isinstance(running, World):
        world = _beside(running.history, running.exchange, name, running.length, running.last_sequence)
        world.names, world.liquidations = dict(running.names), list(running.liquidations)
        return world
    if history is None:
        genesis = Genesis(running.rulebook, running.symbols, snapshot=running.snapshot())
        return World(running.copy(), MemoryHistory(genesis), name)
    length = last_sequence = applied = 0
    for stretch in walk(history, 0, PLACE_MAX):
        length += len(stretch)
        applied += stretch.applied_count
        last_sequence = int(stretch.column("sequence")[-1])
    if history.genesis.snapshot is None and applied != running.command_count:
        raise InputError(f"fork: the history has {applied} commands, the exchange has lived {running.command_count}")
    return _beside(history, running, name, length, last_sequence)


def _beside(history: History, running: Exchange, name: str, length: int, last_sequence: int) -> World:
    rewritten = RewrittenHistory(history)
    rewritten.take(length)
    world = World(running.copy(), rewritten, name)
    world.lived(length, last_sequence)
    return world


def live_beside(
    history: History,
    rewrites: tuple[Rewrite, ...],
    at: MomentLike | None,
    name: str,
    names: Mapping[str, int],
    compiled: bool,
    upkeep: Upkeep | None,
    on_events: OnEvents | None,
) -> Pair:
    """A branch and its base, both after the branch's last command of the base."""
    for one in rewrites:
        if not hasattr(one, "plan"):
            raise InputError(f"branch: {one!r}: expected a rewrite, like flip_mode(account, symbol)")
    outline = Outline(history)
    draft = Draft(history, outline, at, names, compiled)
    for one in rewrites:
        one.plan(draft)
    plan = draft.plan
    rewritten = RewrittenHistory(history)
    world = World(history.genesis.exchange(compiled=compiled), rewritten, name)
    world.rewrites = tuple(map(str, rewrites))
    shadow = Shadow(world, rewritten, plan, outline.next_branch_sequence(), upkeep, on_events)
    first = _first_edit(plan, outline)
    for stretch in ascending(walk(history, 0, first), 1 if plan.stops else STRETCH_MAX):
        if not shadow.is_stopped:
            shadow.live(stretch)
    pair = Pair(world.exchange.copy(), shadow, first, {})
    shadow.begin()
    pair.lots = lots_of(pair.base, shadow.accounts)
    for stretch in ascending(walk(history, first, plan.length), STRETCH_MAX, sorted(plan.inserted)):
        _put_in(pair, stretch.first)
        if shadow.is_stopped:
            break
        told = live(pair.base, stretch, shadow.accounts, pair.lots)
        for moves in told.moves.values():
            pair.lots.update(moves)
        shadow.follow(stretch, told)
        pair.place = stretch.first + len(stretch)
    _put_in(pair, plan.length)
    shadow.keep_up()
    return pair


def _put_in(pair: Pair, place: int) -> None:
    if not pair.shadow.is_stopped:
        pair.shadow.put_in(place, pair.base)


def _first_edit(plan: Plan, outline: Outline) -> int:
    """The first place at which the branch may be another world than its base."""
    places = [plan.length, *plan.inserted, *plan.dropped]
    for one in plan.droppings:
        is_it = (outline.kind == one.kind) & (outline.account == one.account) & (outline.symbol == one.symbol)
        places += [number for number in np.flatnonzero(is_it).tolist() if number >= one.since]
    return min(places)


def ascending(stretches: Iterable[Stretch], length_max: int, cuts: Sequence[int] = ()) -> Iterator[Stretch]:
    """The same commands in stretches whose sequence numbers ascend, with an end at every place of `cuts`."""
    for stretch in stretches:
        falls = np.flatnonzero(np.diff(stretch.column("sequence")) <= 0) + 1
        ends = {*falls.tolist(), *range(length_max, len(stretch), length_max), len(stretch)}
        ends |= {place - stretch.first for place in cuts if 0 < place - stretch.first < len(stretch)}
        start = 0
        for end in sorted(ends):
            if end > start:
                yield stretch.part(start, end)
                start = end
