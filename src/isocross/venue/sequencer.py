"""Sequencer: the one place where commands of a venue enter its exchange, and where what came of them leaves it.

Responsible for: VenueCore: stamping commands with the venue's time, applying them, telling listeners what is committed, in
order, before any answer of the same commit passes. Must not: know a wire name, decide what a client may do.

    core = VenueCore.ephemeral(genesis)                    # in the thread of a running loop
    outcome = await core.send(CommandKind.PLACE_ORDER, {"account": 2, …})      # with all that this turn of the loop sends
    done = core.apply(CommandKind.SET_LEVERAGE, account=2, …)                  # now, alone
    await core.gate.passed(done.position)                  # only now may anybody hear of it, or of what was read since
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..codes import CommandKind, Refusal
from ..command import client_id_fields, joined, pack_unstamped, stamped
from ..errors import StatusUnknownError
from ..exchange import Exchange
from ..journal.gate import DurableGate
from ..journal.history import History
from ..journal.journaled import Applied, JournaledExchange
from .accounts import Accounts
from .clock import VenueClock
from .engine import Engine, EphemeralExchange, EphemeralGate, Gate
from .order_life import OrderLives
from .told import Listener, told_of
from .turns import Placed, Sender, answer, fail, placed_in

if TYPE_CHECKING:
    from .readmodels.amendments import Amendments
    from .readmodels.candles import Candles
    from .readmodels.funding import Funding
    from .readmodels.income import IncomeLedger
    from .readmodels.margin_changes import MarginChanges
    from .readmodels.models import ReadModels
    from .readmodels.orders import Orders
    from .readmodels.tickers import Tickers
    from .readmodels.trades import Trades

_REFUSALS = {int(refusal): refusal for refusal in Refusal}


class Done(NamedTuple):
    """What became of one command; not to be told before `position` commands are committed."""

    refusal: Refusal
    order_id: int
    sequence: int
    events: np.ndarray  # EVENT rows, in order
    position: int
    time_ms: int

    @property
    def is_accepted(self) -> bool:
        """Whether the command was carried out."""
        return self.refusal == Refusal.NONE


class _Untold(NamedTuple):
    """Commands that are applied and not told of yet."""

    position: int
    commands: np.ndarray
    applied: Applied
    senders: list[Sender]  # who waits for each of them; none where they were not sent


class Timekeeper(Protocol):
    """Who makes sure that what is due by the venue's clock has happened before a command is applied."""

    def catch_up(self, until_ms: int) -> int:
        """Apply what is due until then; the time that a command may carry now, which is `until_ms` unless much is due."""
        ...


class VenueCore:
    """A venue's exchange, its clock and its accounts. It belongs to the thread of one event loop."""

    def __init__(self, engine: Engine, gate: Gate, history: History, clock: VenueClock, accounts: Accounts) -> None:
        self._engine = engine
        self.gate = gate
        self.history = history  # as far as it is committed
        self.clock = clock
        self.accounts = accounts
        self.lives = OrderLives()
        self.timekeeper: Timekeeper | None = None
        self.models: ReadModels  # set by themselves
        self._unsent: list[tuple[bytes, Sender]] = []  # of this turn of the loop
        self._is_held = False  # nothing that was sent is applied just now
        self._untold: deque[_Untold] = deque()
        self._models: list[Listener] = []
        self._listeners: list[Listener] = []

    # ---- making one

    @classmethod
    def ephemeral(cls, engine: EphemeralExchange, clock: VenueClock, accounts: Accounts | None = None) -> VenueCore:
        """In memory alone, in the thread of the running loop."""
        told: list[VenueCore] = []
        engine.committed.append(lambda position: told[0]._reached(position))  # before the gate hears of it
        core = cls(engine, EphemeralGate(engine), engine.history, clock, accounts or Accounts())
        told.append(core)
        return core

    @classmethod
    def journaled(cls, engine: JournaledExchange, clock: VenueClock, accounts: Accounts) -> VenueCore:
        """In a data folder, in the thread of the running loop."""
        told: list[VenueCore] = []

        def tell(position: int, failure: StatusUnknownError | None) -> None:
            """Before the gate lets anybody pass."""
            if failure is None:
                told[0]._reached(position)
            else:
                told[0]._fail(failure)

        loop = asyncio.get_running_loop()
        engine.wake_by(loop.call_soon)
        core = cls(engine, DurableGate(engine, loop, before=tell), engine.journal, clock, accounts)
        told.append(core)
        return core

    # ---- reading

    @property
    def exchange(self) -> Exchange:
        """To read and to preview; commands go through `apply`."""
        return self._engine.exchange

    @property
    def engine(self) -> Engine:
        """What applies the commands: for who has to know whether there is a disk."""
        return self._engine

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the contracts, in the order of their rows."""
        return self._engine.exchange.symbols

    @property
    def position(self) -> int:
        """Commands applied: what was read now may be told once so many are committed."""
        return self._engine.position

    def now_ms(self) -> int:
        """The venue's time, whatever is due."""
        return max(self.clock.now_ms(), self._engine.exchange.time_ms)

    def time_ms(self) -> int:
        """The venue's time; everything that is due by then has happened, unless much is due."""
        now = max(self.clock.now_ms(), self._engine.exchange.time_ms)
        if self.timekeeper is not None:
            now = self.timekeeper.catch_up(now)
        return max(now, self._engine.exchange.time_ms)

    # ---- what is remembered (readmodels/)

    @property
    def orders(self) -> Orders:
        """Every order, finished or not."""
        return self.models.orders

    @property
    def amendments(self) -> Amendments:
        """What orders were changed from and to."""
        return self.models.amendments

    @property
    def trades(self) -> Trades:
        """The public tape and everybody's own fills."""
        return self.models.trades

    @property
    def income(self) -> IncomeLedger:
        """What changed wallets."""
        return self.models.income

    @property
    def candles(self) -> Candles:
        """Candles of last, mark and index."""
        return self.models.candles

    @property
    def funding(self) -> Funding:
        """Settlements, and the one ahead."""
        return self.models.funding

    @property
    def margin_changes(self) -> MarginChanges:
        """What moved into isolated wallets and out."""
        return self.models.margin_changes

    @property
    def tickers(self) -> Tickers:
        """The last 24 hours."""
        return self.models.tickers

    @property
    def first_ms(self) -> int:
        """The first moment that anything is known of."""
        firsts = [self.candles.first_ms(row, "mark") for row in range(len(self.symbols))]
        return min((first for first in firsts if first is not None), default=self.exchange.time_ms)

    # ---- commands

    def send(self, kind: CommandKind, fields: dict[str, int], client_id: str = "") -> Sender:
        """Apply a command together with all that this turn of the loop sends, at the venue's time, in the order of the calls.

        Returns  a future of its Outcome: done when it is committed and told. It fails with StatusUnknownError, PoisonedError or Bug.
        Takes    fields: COMMAND's. client_id: its text travels with the command.
        Errors   InputError for a field that does not exist or does not fit: at once, and nothing is sent.
        """
        loop = asyncio.get_running_loop()
        records = pack_unstamped(kind, fields, client_id)
        sender: Sender = loop.create_future()
        if not self._unsent:
            loop.call_soon(self._apply_sent)
        self._unsent.append((records, sender))
        return sender

    def _apply_sent(self) -> None:
        """At the end of a turn of the loop, or when what was applied before is told."""
        if self._is_held or self._untold or not self._unsent:
            return
        records, senders = map(list, zip(*self._unsent, strict=True))
        self._unsent.clear()
        try:
            commands = stamped(records, self.time_ms(), self._engine.exchange.next_sequence)
            applied = self._engine.apply(commands)
        except Exception as failure:
            fail(senders, failure)
        else:
            self._untold.append(_Untold(applied.position, commands, applied, senders))

    def apply(
        self, kind: CommandKind, *, records: Sequence[dict[str, int]] = (), client_id: str = "", **fields: int
    ) -> Done:
        """Apply one command at the venue's time.

        Takes    client_id: its text travels with the command. The rest as Exchange.submit.
        Errors   InputError; PoisonedError after a failure; Bug.
        """
        return self.apply_many([(kind, {**fields, "records": records, "client_id": client_id})])[0]

    def apply_many(self, commands: Sequence[tuple[CommandKind, dict[str, Any]]]) -> list[Done]:
        """Apply some commands at the venue's time, one behind the other. Fields as of `apply`."""
        return self.apply_at(self.time_ms(), commands)

    def apply_at(self, time_ms: int, commands: Sequence[tuple[CommandKind, dict[str, Any]]]) -> list[Done]:
        """Apply some commands at a time: for those who drive the market, up to the venue's time."""
        exchange = self._engine.exchange
        packed = exchange.pack([(kind, _with_client_id(fields)) for kind, fields in commands], time_ms=time_ms)
        applied = self.relive(packed)
        if len(packed) == len(commands) == 1:
            refusal, order_id = applied.results[0].item()
            sequence = int(packed["sequence"][0])
            return [Done(_REFUSALS[refusal], order_id, sequence, applied.events, applied.position, time_ms)]
        heads = np.flatnonzero(packed["kind"] != CommandKind.CONTINUATION)
        sequences = packed["sequence"][heads].tolist()
        starts = np.searchsorted(applied.events["sequence"], [*sequences, sequences[-1] + 1]).tolist()
        return [
            Done(_REFUSALS[result[0]], result[1], sequence, applied.events[first:last], applied.position, time_ms)
            for result, sequence, first, last in zip(
                applied.results[heads].tolist(), sequences, starts, starts[1:], strict=False
            )
        ]

    def relive(self, commands: np.ndarray) -> Applied:
        """Apply whole commands that carry sequences and times already: for a world that is made out of a history."""
        applied = self._engine.apply(commands)
        self._untold.append(_Untold(applied.position, commands, applied, []))
        return applied

    # ---- what is committed

    def listen(self, listener: Listener) -> None:
        """Have every commit told from now on: in the loop's thread, in order, before any answer of the same commit passes.

        Read models have been fed by then. A listener may apply commands: they are told of later.
        """
        self._listeners.append(listener)

    def feed(self, model: Listener) -> None:
        """Have a read model fed with every commit, before listeners hear of it."""
        self._models.append(model)

    def settle(self) -> None:
        """Hold everything up until all that is applied is committed, and told. Errors  StatusUnknownError.

        What was sent and is not applied yet stays so until the caller is done: a world that is copied here is whole.
        """
        self._is_held = True
        try:
            self._engine.settle()
            self._reached(self._engine.position)
            while self._untold:  # a listener applied something
                self._engine.settle()
                self._reached(self._engine.position)
        finally:
            self._is_held = False
            if self._unsent:
                asyncio.get_running_loop().call_soon(self._apply_sent)

    def close(self) -> None:
        """Commit what is left and let go of the data folder."""
        ended = StatusUnknownError("the venue has ended")
        self._fail_unsent(ended)
        self._engine.close()
        self._reached(self._engine.durable_position)
        self._fail(ended)

    def _reached(self, position: int) -> None:
        """So many commands are committed: tell of them, send what has gathered meanwhile on its way, answer."""
        parts = []
        while self._untold and self._untold[0].position <= position:
            parts.append(self._untold.popleft())
        try:
            placed = self._tell(parts) if parts else {}
        except BaseException as bug:
            for part in parts:
                fail(part.senders, bug)
            raise
        finally:
            self._apply_sent()
        for part in parts:
            if part.senders:
                answer(part.senders, part.commands, part.applied.results, placed)

    def _tell(self, parts: list[_Untold]) -> dict[int, Placed]:
        """Tell everybody; the orders that senders placed."""
        if len(parts) == 1:
            _, commands, (_, results, events), _ = parts[0]
        else:
            commands = joined([part.commands for part in parts])
            results = joined([part.applied.results for part in parts])
            events = joined([part.applied.events for part in parts])
        told = told_of(self.lives, commands, results, events, parts[-1].position)
        for listener in (*self._models, *self._listeners):
            listener(told)
        return placed_in(told.orders) if any(part.senders for part in parts) else {}

    def _fail(self, failure: StatusUnknownError) -> None:
        """No other commit will be made."""
        self._fail_unsent(failure)
        for part in self._untold:
            fail(part.senders, failure)
        self._untold.clear()

    def _fail_unsent(self, failure: StatusUnknownError) -> None:
        fail([sender for _, sender in self._unsent], failure)
        self._unsent.clear()


def _with_client_id(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as a command carries them: hash and text of its client id, where it has one."""
    if "client_id" not in fields:
        return fields
    bare = {name: value for name, value in fields.items() if name != "client_id"}
    return {**bare, **client_id_fields(fields["client_id"])} if fields["client_id"] else bare
