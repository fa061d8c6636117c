"""Exchange: the only door to the kernel: commands in, events out, views, preview, snapshot, copy.

Responsible for: packing commands, growing the State when the kernel asks, collecting events, rolling back, typed views of
accounts and positions. Must not: hold a rule or a formula, read a clock, invent an amount.

Everything here is in the kernel's integers (units.py): ticks, lots, money × 10^8. `Sandbox` speaks decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .codes import CommandKind, EventKind, OrderType, PositionMode, PositionSide, Reason, Refusal, Side
from .command import COMMAND_FIELDS, pack_batch, pack_one
from .errors import InputError, PoisonedError, RefusedError
from .kernel.engine import DONE, IDLE, NEED_ROOM
from .kernel.jit import RoomNeeded
from .kernel.load import Entries, compiled_entries, plain_entries
from .kernel.schema import COMMAND, CONTROL, EVENT, RESULT, TABLES
from .kernel.state import FrozenState as FrozenState
from .kernel.state import State, symbols_of
from .rulebook import Rulebook, symbol_rules
from .units import format_time
from .views import LAST_SEQUENCE, TIME_MS, ExchangeViews

if TYPE_CHECKING:
    import polars

_TABLE_NAMES = list(TABLES)
_REFUSALS = {int(refusal): refusal for refusal in Refusal}
_BUGS = (AssertionError, ArithmeticError, IndexError)
_KEPT_WHEN_PARKED = ("control", "touched", "stamps", "position_stamps", "pool_stamps", "due", "triggers", "traded", "moved")
EVENTS_KEPT_MAX = 1 << 18  # rows up to which the event buffer grows because commands park, 32 MB
_REGISTER = {name: index for index, name in enumerate(CONTROL.names or ())}
_COMMANDS_DONE, _PHASE, _EVENT_COUNT = (_REGISTER[n] for n in ("commands_done", "phase", "event_count"))
_ROOM_TABLE, _ROOM_ROWS = _REGISTER["room_table"], _REGISTER["room_rows"]
_UNDO_USED, _UNDO_AT_SAVEPOINT = _REGISTER["undo_used"], _REGISTER["undo_at_savepoint"]
_EVENTS_AT_SAVEPOINT = _REGISTER["events_at_savepoint"]


def _copied(table: np.ndarray) -> np.ndarray:
    """A copy made as bytes: numpy copies records field by field."""
    return table.view(np.uint8).copy().view(table.dtype)


class Bug(AssertionError):
    """The kernel broke one of its own assertions: the command was rolled back and the exchange is poisoned."""


class Result(NamedTuple):
    """What became of one command."""

    refusal: Refusal
    order_id: int
    sequence: int
    events: np.ndarray  # EVENT rows, in order

    @property
    def is_accepted(self) -> bool:
        """Whether the command was carried out."""
        return self.refusal == Refusal.NONE

    def raise_if_refused(self) -> Result:
        """Itself, or RefusedError with the refusal's name."""
        if self.refusal != Refusal.NONE:
            raise RefusedError(f"refused: {self.refusal.name}", int(self.refusal))
        return self


class BatchResult(NamedTuple):
    """What became of a batch: one RESULT row per record, all events in order."""

    results: np.ndarray
    events: np.ndarray

    def of_one(self, batch: np.ndarray) -> Result:
        """The result of a batch that is one command. Its order id is 0 where a command with records places no order."""
        refusal, order_id = self.results[0]
        if len(batch) > 1 and batch["kind"][0] not in (CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL):
            order_id = 0
        return Result(Refusal(int(refusal)), int(order_id), int(batch["sequence"][0]), self.events)


class Exchange(ExchangeViews):
    """A perpetual-futures exchange: a deterministic function over tables.

    `symbols`: names from the rulebook, in the order of their numbers; all of them by default. `compiled=False` runs
    the same kernel source as plain Python, about a thousand times slower: for debugging and as overflow oracle.
    """

    def __init__(self, rulebook: Rulebook, symbols: Sequence[str] | None = None, *, compiled: bool = True) -> None:
        names = list(rulebook.symbols) if symbols is None else [symbol_rules(rulebook, s).symbol for s in symbols]
        if not names or len(set(names)) != len(names):
            raise InputError(f"symbols: {names} must name at least one contract, each once")
        self.rulebook = rulebook
        self.symbols: tuple[str, ...] = tuple(names)
        self.assets: tuple[str, ...] = rulebook.margin_assets
        self._symbol_rows = {name: row for row, name in enumerate(names)}
        self._rules = [rulebook.symbols[name] for name in names]
        self._state = State(rulebook, self._rules)
        self._start(compiled)

    def __repr__(self) -> str:
        names = self.symbols if len(self.symbols) < 5 else (*self.symbols[:3], f"{len(self.symbols) - 3} more")
        return (
            f"Exchange {self.rulebook.name}, {format_time(self.time_ms)}: {', '.join(names)}; "
            f"{len(self.table('accounts'))} accounts, {self.command_count} commands"
        )

    def _start(self, compiled: bool) -> None:
        self._entries: Entries = compiled_entries() if compiled else plain_entries()
        self._buffer = np.zeros(1, dtype=COMMAND)
        self._buffer_bytes = self._buffer.view(np.uint8).data
        self._result = np.zeros(1, dtype=RESULT)
        self._result_words = memoryview(self._result.data).cast("B").cast("q")
        self._address = self._state.address
        self._is_plain_speed = not compiled
        self._view_registers()
        self._poison: str | None = None
        self._has_grown_maps = False
        self._is_previewing = False

    def _view_registers(self) -> None:
        """Word views of the control and counters rows, which never move: plain integers without numpy's cost."""
        self._registers = memoryview(self._state.arrays["control"].data).cast("B").cast("q")
        self._counters = memoryview(self._state.arrays["counters"].data).cast("B")[:24].cast("q")
        self._lent: np.ndarray | None = None
        self._events_viewed: np.ndarray | None = None

    # ---- commands in ----

    def submit(
        self,
        kind: CommandKind,
        *,
        time_ms: int | None = None,
        sequence: int | None = None,
        records: Sequence[dict[str, int]] = (),
        **fields: int,
    ) -> Result:
        """Apply one command. `fields` are COMMAND's (kernel/schema.py); `records` its continuation records.

        time_ms defaults to the time of the last command, sequence to the next free one.
        Errors  InputError for a field that does not exist or does not fit; PoisonedError; Bug.
        """
        if records:
            batch = self.pack([(kind, {**fields, "records": records})], time_ms=time_ms, sequence=sequence)
            return self.submit_batch(batch).of_one(batch)
        registers = self._registers
        counters = self._counters
        number = counters[LAST_SEQUENCE] + 1 if sequence is None else sequence
        pack_one(self._buffer_bytes, kind, number, counters[TIME_MS] if time_ms is None else time_ms, fields)
        if self._is_plain_speed or self._poison is not None:
            events = self._apply(self._buffer, self._result)
        else:
            events = self._apply_one(registers)
        refusal, order_id = self._result_words
        return Result(_REFUSALS[refusal], order_id, number, events)

    def _apply_one(self, registers: memoryview) -> np.ndarray:
        """`_apply` of the one command in the buffer, without its loop while nothing needs room."""
        if self._lent is not self._buffer:
            self._lend(self._buffer, self._result)
        registers[_COMMANDS_DONE] = 0
        registers[_PHASE] = IDLE
        try:
            outcome = self._entries.submit(self._address, 1)
        except RoomNeeded:
            self._make_room(None)
            return self._apply(self._buffer, self._result)
        except _BUGS as bug:
            raise self._poisoned(bug, self._buffer, None) from bug
        if outcome != DONE:
            return self._apply(self._buffer, self._result, outcome=outcome)
        events = self._copy_events(registers[_EVENT_COUNT])
        registers[_EVENT_COUNT] = registers[_EVENTS_AT_SAVEPOINT] = 0
        return events

    def submit_batch(self, commands: np.ndarray, on_events: Callable[[np.ndarray], None] | None = None) -> BatchResult:
        """Apply COMMAND records in order, headers followed by their continuations.

        on_events, when given, is called with each run of events as it leaves the kernel, a view that is only good
        during the call; the result's own events are then empty. It must not submit.
        """
        if commands.dtype != COMMAND:
            raise InputError(f"commands: dtype {commands.dtype} is not COMMAND")
        commands = np.ascontiguousarray(commands)
        results = np.zeros(len(commands), dtype=RESULT)
        if len(commands) == 0:
            return BatchResult(results, np.zeros(0, dtype=EVENT))
        return BatchResult(results, self._apply(commands, results, on_events))

    def pack(
        self,
        commands: Sequence[tuple[CommandKind, dict[str, Any]]],
        *,
        time_ms: int | None = None,
        sequence: int | None = None,
    ) -> np.ndarray:
        """COMMAND records of (kind, fields) for submit_batch; defaults as in `submit`, sequences count up."""
        return pack_batch(
            commands,
            self.time_ms if time_ms is None else time_ms,
            self.next_sequence if sequence is None else sequence,
        )

    def _apply(
        self,
        commands: np.ndarray,
        results: np.ndarray,
        on_events: Callable[[np.ndarray], None] | None = None,
        outcome: int | None = None,
    ) -> np.ndarray:
        """Run the kernel until every command is done, growing and draining as it asks. Returns the events.

        `outcome` is the answer of a run that has begun on these commands; None begins with the first.
        """
        if self._poison is not None:
            raise PoisonedError(f"this exchange accepts nothing more: {self._poison}")
        state = self._state
        self._lend(commands, results)
        registers = self._registers
        drained: list[np.ndarray] = []
        parked: dict[str, np.ndarray] | None = None
        if outcome is None:
            registers[_COMMANDS_DONE] = 0
            registers[_PHASE] = IDLE
        while True:
            if outcome is None:
                try:
                    outcome = self._run(len(commands), parked)
                except RoomNeeded:
                    self._make_room(parked)
                    continue
                except _BUGS as bug:
                    raise self._poisoned(bug, commands, parked) from bug
            if outcome == DONE:
                break
            if outcome == NEED_ROOM:
                self._grow(_TABLE_NAMES[registers[_ROOM_TABLE]], registers[_ROOM_ROWS])
            else:
                drained.append(self._take_events(on_events))
                registers[_UNDO_USED] = registers[_UNDO_AT_SAVEPOINT] = 0
                parked = None
                if registers[_PHASE] != IDLE:
                    if len(state.arrays["events"]) < EVENTS_KEPT_MAX:  # what follows is long: park seldom
                        self._grow("events", 1)
                    parked = {name: _copied(state.arrays[name]) for name in _KEPT_WHEN_PARKED}
            outcome = None
        drained.append(self._take_events(on_events))
        if not self._is_previewing:
            state.pure.undo_log.clear()
        return drained[0] if len(drained) == 1 else np.frombuffer(b"".join(part.data for part in drained), dtype=EVENT)

    def _make_room(self, parked: dict[str, np.ndarray] | None) -> None:
        """The kernel stopped inside a unit of work: back to the savepoint, and double what was full."""
        table = _TABLE_NAMES[self._registers[_ROOM_TABLE]]
        self._roll_back(parked)
        self._grow(table, 1)

    def _poisoned(self, bug: Exception, commands: np.ndarray, parked: dict[str, np.ndarray] | None) -> Bug:
        """Roll the command back, refuse everything from now on, and name the command."""
        at = self._registers[_COMMANDS_DONE]
        self._roll_back(parked)
        command = {name: int(commands[name][at]) for name in COMMAND_FIELDS if commands[name][at]}
        self._poison = f"it met a bug in command {command}: {bug!r}"
        return Bug(self._poison)

    def poison(self, reason: str) -> None:
        """Accept nothing more, for a reason that every later command is told. A first reason stands. Any thread may."""
        if self._poison is None:
            self._poison = reason

    @property
    def is_poisoned(self) -> bool:
        """Whether it accepts nothing more."""
        return self._poison is not None

    def _lend(self, commands: np.ndarray, results: np.ndarray) -> None:
        self._state.lend(commands, results)
        self._lent = commands

    def _run(self, count: int, parked: dict[str, np.ndarray] | None) -> int:
        state = self._state
        if self._entries.is_compiled:
            return int(self._entries.submit(state.address, count))
        state.refresh_pure()
        outcome = DONE
        while int(state.control["commands_done"][0]) < count:
            if not self._is_previewing and parked is None and int(state.control["phase"][0]) == IDLE:
                state.pure.undo_log.clear()
            state.control["undo_at_savepoint"] = len(state.pure.undo_log)
            done = int(state.control["commands_done"][0])
            upto = done + 1
            asked = min(count, upto + int(state.arrays["commands"]["continuation_count"][done]))
            while upto < asked and state.arrays["commands"]["kind"][upto] == CommandKind.CONTINUATION:
                upto += 1
            outcome = int(self._entries.submit(state.pure, upto))
            if outcome != DONE:
                break
        return outcome

    def _take_events(self, on_events: Callable[[np.ndarray], None] | None) -> np.ndarray:
        count = self._registers[_EVENT_COUNT]
        if on_events is None:
            taken = self._copy_events(count)
        else:
            on_events(self._state.arrays["events"][:count])
            taken = self._copy_events(0)
        self._registers[_EVENT_COUNT] = self._registers[_EVENTS_AT_SAVEPOINT] = 0
        return taken

    def _copy_events(self, count: int) -> np.ndarray:
        """The first `count` events as an array of its own, copied as bytes: numpy copies records field by field."""
        if self._events_viewed is not self._state.arrays["events"]:
            self._events_viewed = self._state.arrays["events"]
            self._event_bytes = memoryview(self._events_viewed.data).cast("B")
        return np.frombuffer(bytes(self._event_bytes[: count * EVENT.itemsize]), dtype=EVENT)

    def _grow(self, table: str, rows: int) -> None:
        self._state.grow(table, rows)
        self._has_grown_maps |= table in ("orders", "settings")  # logged map cells no longer mean what they did

    def _roll_back(self, parked: dict[str, np.ndarray] | None) -> None:
        """Put the State back to the last savepoint: rows, events, and the lists of the command at hand."""
        state = self._state
        control = state.control
        done = int(control["commands_done"][0])
        until = int(control["undo_at_savepoint"][0])
        if self._entries.is_compiled:
            self._entries.roll_back(state.address, until)
        else:
            state.pure.roll_back(until)
        events = int(control["events_at_savepoint"][0])
        savepoint = int(control["savepoint"][0])  # it never goes back, or a row logged before would not be logged again
        if parked is not None and done == int(parked["control"]["commands_done"][0]):
            for name, old in parked.items():
                state.arrays[name][: len(old)] = old
        else:
            for column in ("phase", "due_count", "touched_count", "trigger_count", "trigger_done", "traded_count"):
                control[column] = 0
            state.arrays["stamps"]["due_count"] = 0
        control["savepoint"] = savepoint
        control["event_count"] = events

    # ---- preview, copy, snapshot ----

    @contextmanager
    def previewing(self) -> Iterator[Exchange]:
        """Inside the block commands apply and views see them; at its end every byte is as it was before."""
        if self._is_previewing:
            raise InputError("preview: a preview is already open")
        control = self._state.control
        self._is_previewing = True
        self._has_grown_maps = False
        control["is_preview"] = 1
        control["undo_used"] = control["undo_at_savepoint"] = 0
        try:
            yield self
        finally:
            if self._entries.is_compiled:
                self._entries.roll_back(self._state.address, 0)
            else:
                self._state.refresh_pure()
                self._state.pure.roll_back(0)
            if self._has_grown_maps:
                self._state.rebuild_maps()
            control["is_preview"] = 0
            control["undo_used"] = control["undo_at_savepoint"] = 0
            self._is_previewing = False

    @property
    def is_compiled(self) -> bool:
        """Whether the kernel runs as machine code."""
        return self._entries.is_compiled

    @property
    def is_previewing(self) -> bool:
        """Whether a preview is open: what is submitted now will be taken back."""
        return self._is_previewing

    def preview(self, kind: CommandKind, **fields: Any) -> Result:
        """What a command would do: its result and events, exactly as they would be; nothing changes."""
        with self.previewing():
            return self.submit(kind, **fields)

    def copy(self) -> Exchange:
        """An exchange of its own with the same state."""
        if self._is_previewing:
            raise InputError("copy: a preview is open")
        other = Exchange(self.rulebook, self.symbols, compiled=self._entries.is_compiled)
        other._state.load_copy(self._state)
        other._view_registers()
        return other

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        return self.freeze().to_bytes()

    def freeze(self) -> FrozenState:
        """The state as it is now, copied as memory: its `to_bytes` and `digest` may run in any thread, later."""
        if self._is_previewing:
            raise InputError("snapshot: a preview is open")
        return self._state.freeze(self._identity, self.symbols)

    @classmethod
    def restore(
        cls, data: bytes, rulebook: Rulebook, symbols: Sequence[str] | None = None, *, compiled: bool = True
    ) -> Exchange:
        """An exchange from a snapshot: under the rulebook it was made with, with the symbols that it names itself."""
        exchange = cls(rulebook, symbols_of(data) if symbols is None else symbols, compiled=compiled)
        exchange._state.load_bytes(data, exchange._identity)
        exchange._view_registers()
        return exchange

    @property
    def _identity(self) -> str:
        import hashlib

        return hashlib.sha256("\n".join((self.rulebook.content_hash, *self.symbols)).encode()).hexdigest()

    def state_hash(self) -> str:
        """SHA-256 over the used authoritative rows: equal states, equal hash."""
        return self._state.digest()

    def max_open(
        self,
        account: int,
        symbol: str | int,
        side: Side,
        price_ticks: int = 0,
        position_side: PositionSide | None = None,
    ) -> int:
        """Most lots of one order that is accepted now and, if at market (price_ticks 0), fills without lack of margin.

        Found by previews of the order itself, so it is the engine's own answer. position_side: in hedge mode; without it a
        buy is of the long, a sell of the short.
        """
        row = self.symbol_row(symbol)
        if position_side is None:
            position_side = PositionSide.BOTH
            if self.position_mode(account) == PositionMode.HEDGE:
                position_side = PositionSide.LONG if side == Side.BUY else PositionSide.SHORT
        order_type = OrderType.LIMIT if price_ticks else OrderType.MARKET

        def fits(lots: int) -> bool:
            done = self.preview(
                CommandKind.PLACE_ORDER,
                account=account,
                symbol=row,
                side=side,
                order_type=order_type,
                price_ticks=price_ticks,
                lots=lots,
                position_side=position_side,
            )
            if not done.is_accepted:
                return done.refusal == Refusal.NOTIONAL_TOO_SMALL
            expired = done.events[done.events["kind"] == EventKind.EXPIRED]
            return not np.isin(expired["code"], (Reason.CANNOT_BE_MARGINED, Reason.WOULD_BANKRUPT)).any()

        enough, too_many = 0, self._rules[row].lots_max + 1
        while too_many - enough > 1:
            middle = (enough + too_many) // 2
            if fits(middle):
                enough = middle
            else:
                too_many = middle
        smallest = self.preview(
            CommandKind.PLACE_ORDER,
            account=account,
            symbol=row,
            side=side,
            order_type=order_type,
            price_ticks=price_ticks,
            lots=max(enough, 1),
            position_side=position_side,
        )
        return enough if smallest.is_accepted else 0


def events_frame(events: np.ndarray) -> polars.DataFrame:
    """Events as a Polars frame, with the kind's name in `event`."""
    import polars

    names = {int(kind): kind.name.lower() for kind in EventKind}
    columns: dict[str, Any] = {"event": [names[int(kind)] for kind in events["kind"]]}
    return polars.DataFrame(columns | {column: events[column].copy() for column in events.dtype.names or ()})
