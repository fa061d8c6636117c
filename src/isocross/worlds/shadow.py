"""Shadow: a world that lives the commands of another one under a plan: the same intents, its own effects.

Responsible for: walking beside the base, telling where the two part, leaving out and putting in. Must not: shape an order
(intent.py does), read a base's future: it knows what the base did up to the command at hand, so that a twin that lives
along and one that is made afterwards are the same.

While every position of the accounts in question is the same in both worlds, commands are lived as they were, many at a time:
the next ones are previewed, and up to the first that does something else than in the base they are applied. From there, while
positions differ, every order of these accounts is an intent: what it closed in the base may not open anything here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..codes import CommandKind, Refusal, Side
from ..command import pack_batch
from ..errors import RewriteError
from ..exchange import Exchange
from ..limits import ORDER_IDS_PER_COMMAND, SEQUENCE_MAX
from .divergence import Divergence, DivergenceKind
from .intent import Intents
from .outline import Stretch, stretch_of
from .plan import OF_AN_ACCOUNT, Plan
from .rewritten import RewrittenHistory
from .told import Key, Lots, Told, live, lots_of
from .world import World

CHUNK = 256  # commands previewed at once


class Upkeep(Protocol):
    """Commands that whoever runs a world gives on its own, after what happened: effects, not intents."""

    def is_upkeep(self, sequence: int) -> bool:
        """Whether a command of the base was one."""
        ...

    def due(self, exchange: Exchange) -> tuple[CommandKind, dict[str, Any]] | None:
        """The next one that this world needs now."""
        ...

    def done(self, sequence: int) -> None:
        """It was given under this number."""
        ...

    def placed(self, order_id: int, account: int, symbol: str, is_of_long: bool) -> None:
        """A rewrite placed a conditional that closes the whole position."""
        ...


class Shadow:
    """The branch side of a pair of worlds. `history` is what `world` has lived so far, its base's commands."""

    def __init__(
        self,
        world: World,
        history: RewrittenHistory,
        plan: Plan,
        next_sequence: int,
        upkeep: Upkeep | None = None,
        on_events: Callable[[np.ndarray], None] | None = None,
    ) -> None:
        self.world = world
        self.own = world.exchange
        self.plan = plan
        self.accounts = frozenset(plan.accounts)
        self.is_stopped = False
        self.own_lots: Lots = {}
        self.base_lots: Lots = {}
        self._history = history
        self._next_sequence = next_sequence
        self._upkeep = upkeep
        self._on_events = on_events
        self._apart: set[Key] = set()  # positions with other lots than in the base
        self._intents = Intents(self)

    def begin(self) -> None:
        """From here on base and branch may part: both are as this world is now."""
        self.own_lots = lots_of(self.own, self.accounts)
        self.base_lots = dict(self.own_lots)

    # ---- the commands of the base

    def follow(self, stretch: Stretch, base: Told) -> None:
        """Live a stretch that the base has lived. `base`: what it did there to this shadow's accounts, at least."""
        out = self.plan.leaves_out(stretch)
        start = 0
        while start < len(stretch) and not self.is_stopped:
            start = self._go_on(stretch, base, start, out)

    def put_in(self, place: int, base: Exchange) -> None:
        """Put in what the plan has for a place. `base`: the base's exchange at this place.

        Errors   RewriteError for what does not apply or is refused.
        """
        for words, insertion in self.plan.inserted.get(place, ()):
            try:
                made = insertion.command(base, self.own)
            except RewriteError as error:
                raise RewriteError(f"{words}: {error}") from None
            if made is None:
                continue
            told = self.insert(*made, time_ms=insertion.time_ms)
            if told.refusal(0) != Refusal.NONE:
                raise RewriteError(f"{words}: the exchange refuses it there ({told.refusal(0).name})")
            self._note_positions(self.world.last_sequence, told)
            kind, fields = made
            if self._upkeep is not None and kind == CommandKind.PLACE_CONDITIONAL and fields.get("is_close_position"):
                name, order_id = self.own.symbols[fields["symbol"]], self.world.last_sequence * ORDER_IDS_PER_COMMAND
                self._upkeep.placed(order_id, fields["account"], name, fields["side"] == Side.SELL)

    def keep_up(self, following: int | None = None) -> None:
        """Give the commands of the upkeep that are due here, but for one that the base's next command gives anyway."""
        if self._upkeep is None:
            return
        while (due := self._upkeep.due(self.own)) is not None and due[1].get("order_id") != following:
            self.insert(*due)
            self._upkeep.done(self.world.last_sequence)

    def _go_on(self, stretch: Stretch, base: Told, start: int, out: np.ndarray) -> int:
        """Live some commands from `start`. Returns the first that is not lived yet."""
        if self._upkeep is not None and self._keeps_up(stretch.part(start, start + 1)):
            self._move_base(base, start, start + 1)
            return start + 1
        if out[start]:
            self._history.skip(1)
            self._move_base(base, start, start + 1)
            self._note_positions(int(stretch.column("sequence")[start]), None, base, start)
            return start + 1
        chunk = 1 if self.plan.stops or self._upkeep is not None else CHUNK
        stop = self._next(out, start, min(len(stretch), start + chunk))
        if self._apart:
            stop = self._next(self._concerns(stretch, base), start, stop)
            if stop == start:
                self._carefully(stretch, base, start)
                return start + 1
        same = self._same(stretch, base, start, stop)
        if same:
            self.live(stretch.part(start, start + same))
            self._move_base(base, start, start + same)
        if start + same < stop and not self.is_stopped:
            self._carefully(stretch, base, start + same)
            same += 1
        return start + same

    def _keeps_up(self, unit: Stretch) -> bool:
        """Give what is due before a command of the base. Whether that command was upkeep itself: lived if needed here too."""
        assert self._upkeep is not None
        is_upkeep, order_id = self._upkeep.is_upkeep(int(unit.records["sequence"][0])), int(unit.records["order_id"][0])
        self.keep_up(order_id if is_upkeep else None)
        if is_upkeep and self._upkeep.due(self.own) is not None:
            self.live(unit)
        elif is_upkeep:
            self.skip(unit)
        return is_upkeep

    @staticmethod
    def _next(is_it: np.ndarray, start: int, stop: int) -> int:
        found = np.flatnonzero(is_it[start:stop])
        return start + int(found[0]) if len(found) else stop

    def _own_commands(self, stretch: Stretch) -> np.ndarray:
        """Which commands are of these accounts."""
        accounts = stretch.column("account")
        own: np.ndarray = np.zeros(len(accounts), dtype=bool)
        for account in self.accounts:
            own |= accounts == account
        return own & ~np.isin(stretch.column("kind"), _OF_NOBODY) if own.any() else own

    def _concerns(self, stretch: Stretch, base: Told) -> np.ndarray:
        """Which commands are of these accounts, or did something to them in the base."""
        concerns = self._own_commands(stretch)
        for number in (*base.moves, *base.fills):
            concerns[number] = True
        return concerns

    def _same(self, stretch: Stretch, base: Told, start: int, stop: int) -> int:
        """How many of the commands start … stop − 1 do the same here as in the base, or nothing while positions differ."""
        part = stretch.part(start, stop)
        with self.own.previewing():
            trial = live(self.own, part, self.accounts, self.own_lots)
        if self._apart:
            return min(trial.moves, default=len(part))
        moved = {*trial.moves, *(number - start for number in base.moves if start <= number < stop)}
        other = [number for number in moved if trial.moves.get(number) != self._moves(base, start + number)]
        is_refused_otherwise = (trial.refusals != base.refusals[start:stop]) & self._own_commands(part)
        other += np.flatnonzero(is_refused_otherwise).tolist()
        return min(other, default=len(part))

    def _moves(self, base: Told, number: int) -> list[tuple[Key, int]] | None:
        """What a command of the base did to the positions of these accounts; None for nothing."""
        moves = [move for move in base.moves.get(number, ()) if move[0].account in self.accounts]
        return moves or None

    def _carefully(self, stretch: Stretch, base: Told, number: int) -> None:
        """Live one command with an eye on what it meant in the base."""
        unit = stretch.part(number, number + 1)
        sequence = int(unit.records["sequence"][0])
        fills = [fill for fill in base.fills.get(number, ()) if fill.key.account in self.accounts]
        self._intents.withdraw([fill for fill in fills if fill.order_id != sequence * ORDER_IDS_PER_COMMAND])
        if self._own_commands(unit)[0]:
            told = self._intents.carry_out(unit, base, number, fills)
        else:
            told = self.live(unit)
        self._move_base(base, number, number + 1)
        self._note_positions(sequence, told, base, number)

    # ---- what this world does

    def live(self, unit: Stretch, *, is_changed: bool = False) -> Told:
        """Apply commands of the base; `is_changed` when they are not as they were."""
        if is_changed:
            self._history.skip(len(unit))
            self._history.put(unit.records)
        else:
            self._history.take(len(unit))
        return self._apply(unit)

    def skip(self, unit: Stretch) -> None:
        """Leave out commands of the base."""
        self._history.skip(len(unit))

    def insert(self, kind: CommandKind, fields: dict[str, Any], *, time_ms: int | None = None) -> Told:
        """Apply a command that the base does not have, with a number of the branches' range."""
        if self._next_sequence >= SEQUENCE_MAX:
            raise RewriteError(f"no sequence number is left for a command put in: {SEQUENCE_MAX - 1} is the last")
        moment = self.own.time_ms if time_ms is None else max(time_ms, self.own.time_ms)
        records = pack_batch([(kind, fields)], moment, self._next_sequence)
        self._next_sequence += 1
        self._history.put(records)
        return self._apply(stretch_of(0, records))

    def preview(self, unit: Stretch) -> Told:
        """What commands would do here."""
        with self.own.previewing():
            return live(self.own, unit, self.accounts, self.own_lots)

    def remember(self, kind: DivergenceKind, sequence: int, account: int, symbol: int, text: str) -> None:
        """Note a divergence."""
        name = self.own.symbols[symbol] if symbol >= 0 else ""
        self.world.remember(Divergence(kind, sequence, self.own.time_ms, account, name, text))

    def _apply(self, stretch: Stretch) -> Told:
        told = live(self.own, stretch, self.accounts, self.own_lots, self._watch)
        for moves in told.moves.values():
            self.own_lots.update(moves)
        self.world.liquidations += told.liquidations
        self.world.lived(len(stretch), int(stretch.column("sequence")[-1]))
        if self.is_stopped and self.world.stopped_at is None:
            self.world.stopped_at = self.world.moment
        return told

    def _watch(self, events: np.ndarray) -> None:
        for stop in self.plan.stops:
            is_it = events["kind"] == stop.event
            if stop.account is not None:
                is_it &= events["account"] == stop.account
            if stop.symbol is not None:
                is_it &= events["symbol"] == stop.symbol
            self.is_stopped |= bool(is_it.any())
        if self._on_events is not None:
            self._on_events(events)

    # ---- where the worlds part

    def _move_base(self, base: Told, start: int, stop: int) -> None:
        for number in sorted(base.moves):
            if start <= number < stop:
                self.base_lots.update(self._moves(base, number) or ())

    def _note_positions(self, sequence: int, told: Told | None, base: Told | None = None, number: int = 0) -> None:
        """Which positions have other lots than in the base after a command, which did `told` here and `base` there."""
        liquidated = _liquidated(sequence, told, 0), _liquidated(sequence, base, number)
        for key in {**self.own_lots, **self.base_lots}:
            here, there = self.own_lots.get(key, 0), self.base_lots.get(key, 0)
            if here == there:
                self._apart.discard(key)
            elif key not in self._apart:
                self._apart.add(key)
                where = "here" if key in liquidated[0] else "in the base" if key in liquidated[1] else ""
                self._intents.tell_position(key, sequence, here, there, where)


def _liquidated(sequence: int, told: Told | None, number: int) -> set[Key]:
    """The positions that a command changed while it liquidated their account there."""
    if told is None:
        return set()
    keys = {key for key, _ in told.moves.get(number, ())}
    mine = [one for one in told.liquidations if one.sequence == sequence]
    return {key for key in keys if any(one.account == key.account and key[1:] in one.legs for one in mine)}


_OF_NOBODY = tuple(int(kind) for kind in CommandKind if kind not in OF_AN_ACCOUNT)
