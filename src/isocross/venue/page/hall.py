"""Hall: a world that the page shows: the venue itself, or one that begins again before a trade.

Responsible for: what the page keeps beside a world: confirmed modes, the twins of trades, who is to be told of changes; making a world
that begins again. Must not: show anything.

A world that begins again is made from the history of the one it comes from, up to the command before the trade, in memory. What was before
the venue and its market, functions of a seed or of a recording, are the same again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np

from ...codes import EventKind, MarginMode
from ...errors import InputError
from ...limits import WORLDS_MAX
from ...worlds.rewrite import flip_mode
from ...worlds.world import World
from ..accounts import Account
from ..clock import ClockSetting, VenueClock
from ..control.twins import TwinRoom
from ..engine import EphemeralExchange
from ..market import MarketDriver
from ..opening import OpenVenue
from ..readmodels.models import ReadModels
from ..sequencer import VenueCore
from ..told import Told
from .warning import PageAlarms

Answer = TypeVar("Answer")
_LIQUIDATION_STARTED = frozenset((int(EventKind.LIQUIDATION_STARTED),))
COMMANDS_MAX = 500_000  # of a history that is lived again for one page


@dataclass(frozen=True, slots=True)
class Trade:
    """What the form is filled with at first."""

    title: str
    form: dict[str, Any]
    speed: int = 60  # at which Play lets time go


class PageTwins:
    """One twin for each contract that an account trades on the page: the same in the other mode."""

    def __init__(self, core: VenueCore, room: TwinRoom) -> None:
        self._core = core
        self._room = room
        self._modes: dict[str, MarginMode] = {}  # of the twins that there are
        self.change_count = 0  # how often a twin was made or let go
        self._making = asyncio.Lock()  # two pages of an account may ask for the same one at once

    def mode(self, account: Account, symbol: str) -> MarginMode | None:
        """The mode of the twin; None: there is none."""
        return self._modes.get(_name(account, symbol))

    async def make(self, account: Account, symbol: str) -> None:
        """A twin in the other mode than the account has there now, from before its present trade on. Errors   RewriteError."""
        name = _name(account, symbol)
        there = self._core.exchange.margin_mode(account.row, symbol)
        other = MarginMode.ISOLATED if there == MarginMode.CROSS else MarginMode.CROSS
        async with self._making:
            await self.remove(account, symbol)
            since = self._core.exchange.time_ms
            await self._room.add(name, flip_mode(account.row, symbol, since=since, to=other))
            self._modes[name] = other
            self.change_count += 1

    async def remove(self, account: Account, symbol: str) -> None:
        """Let the twin go, if there is one."""
        name = _name(account, symbol)
        if self._modes.pop(name, None) is not None:
            self.change_count += 1
            await self._room.remove(name)

    async def ask(self, account: Account, symbol: str, question: Callable[[World], Answer]) -> Answer | None:
        """Have something read off the world of the twin; None: there is none."""
        name = _name(account, symbol)
        if name not in self._modes:
            return None
        await self._core.gate.passed(self._core.position)
        return await self._room.ask(name, question)

    async def why(self, account: Account, symbol: str) -> dict[str, Any] | None:
        """What differs between the world and the twin; its sentence calls them so. None: there is none."""
        name = _name(account, symbol)
        if name not in self._modes:
            return None
        told = (await self._room.report(name)).to_dict()
        told["sentence"] = told["sentence"].replace(name, "the twin").replace("trunk", "this world")
        return told


@dataclass(slots=True)
class Hall:
    """A world, and what the page keeps beside it. name: '' of the venue itself."""

    name: str
    world: OpenVenue
    room: TwinRoom
    trade: Trade | None = None  # the first screen's, while nobody has traded
    twins: PageTwins = field(init=False)
    alarms: PageAlarms = field(init=False)
    liquidated: dict[int, int] = field(default_factory=dict)  # liquidations since the page is there, by account
    margin_calls: dict[tuple[int, str, int], int] = field(
        default_factory=dict
    )  # last answers, by account, contract and side
    changed: set[asyncio.Event] = field(default_factory=set)  # set whenever something was committed
    market_task: asyncio.Task[None] | None = None
    _confirmed: dict[tuple[int, int], MarginMode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.twins = PageTwins(self.core, self.room)
        self.alarms = PageAlarms(self.core, None if self.name else self.world.path)
        self.core.listen(self._hear)

    @property
    def core(self) -> VenueCore:
        """Its sequencer."""
        return self.world.core

    def confirm(self, account: int, symbol: int) -> None:
        """Somebody has looked at the mode that a contract has."""
        self._confirmed[account, symbol] = self.core.exchange.margin_mode(account, symbol)

    def is_confirmed(self, account: int, symbol: int) -> bool:
        """Whether the mode that holds is a choice: set by a command, or looked at since the venue runs."""
        if self._confirmed.get((account, symbol)) == self.core.exchange.margin_mode(account, symbol):
            return True
        return self.core.exchange.settings(account)[symbol].margin_mode_sequence is not None

    def wake(self) -> None:
        """Have everybody who looks at it told how it is now."""
        for event in self.changed:
            event.set()

    def _hear(self, told: Told) -> None:
        for event in told.rows_of(_LIQUIDATION_STARTED):
            self.liquidated[event.account] = self.liquidated.get(event.account, 0) + 1
        self.wake()


class Halls:
    """The venue as the page shows it, and the worlds that begin again beside it."""

    def __init__(self, venue: OpenVenue, room: TwinRoom) -> None:
        self.venue = Hall("", venue, room, first_trade(venue))
        self._again: dict[str, Hall] = {}
        self._count = 0

    def named(self, name: str) -> Hall:
        """A world by its name. Errors   KeyError."""
        if not name:
            return self.venue
        if name not in self._again:
            raise KeyError(f"world {name[:40]!r}: is not there any more")
        return self._again[name]

    @property
    def all(self) -> list[Hall]:
        """The venue first."""
        return [self.venue, *self._again.values()]

    async def again(self, base: Hall, sequence: int, trade: Trade | None) -> Hall:
        """The world of `base` as it was before a command, standing still. Errors   InputError."""
        if base.core.position > COMMANDS_MAX:
            raise InputError(
                f"live it again: the history has {base.core.position:,} commands; at most {COMMANDS_MAX:,}"
            )
        while len(self._again) >= WORLDS_MAX:
            await self._remove(next(iter(self._again)))
        await base.core.gate.passed(base.core.position)
        self._count += 1
        name = f"again-{self._count}"
        self._again[name] = await _beginning_again(name, base, sequence, trade)
        return self._again[name]

    async def fork(self, base: Hall, account: int, back_ms: int) -> Hall:
        """The world of `base` as it was so long ago, standing still. Errors   InputError."""
        exchange = base.core.exchange
        sequence = exchange.next_sequence
        if back_ms:
            await base.core.gate.passed(base.core.position)
            until_ms, history = base.core.now_ms() - back_ms, base.core.history
            sequence = await asyncio.to_thread(lambda: _first_after(history.blocks(), until_ms)) or sequence
        hall = await self.again(base, sequence, None)
        if account >= len(hall.core.exchange.table("accounts")):
            await self._remove(hall.name)
            raise InputError("rewind: the account was not there yet")
        return hall

    async def close(self) -> None:
        """Let the worlds beside the venue go."""
        for name in list(self._again):
            await self._remove(name)
        await self.venue.alarms.close()

    async def _remove(self, name: str) -> None:
        hall = self._again.pop(name)
        if hall.market_task is not None:
            hall.market_task.cancel()
            with suppress(asyncio.CancelledError):
                await hall.market_task
        await hall.alarms.close()
        await asyncio.to_thread(hall.room.close)
        hall.world.core.close()
        hall.world.models.close()
        hall.wake()


def first_trade(venue: OpenVenue) -> Trade | None:
    """The demo trade, where the market is a crash that has not begun."""
    if venue.settings.market != "crash" or not venue.core.clock.is_paused:
        return None
    form = {"symbol": venue.core.symbols[0], "side": "buy", "margin": "5000", "leverage": 10, "mode": "isolated"}
    title = next((note.partition(": ")[2].partition(" (")[0] for note in venue.notes if ": " in note), "")
    return Trade(title, form)


async def _beginning_again(name: str, base: Hall, sequence: int, trade: Trade | None) -> Hall:
    running, source = base.world, base.world.driver.source
    if source is None:
        raise InputError("live it again: prices are set by hand here, so they do not come by themselves again")
    history = base.core.history
    blocks = await asyncio.to_thread(lambda: _before(history.blocks(), sequence))
    engine = EphemeralExchange(history.genesis, compiled=base.core.exchange.is_compiled)
    start_ms = int(blocks[0]["time_ms"][0]) if blocks else base.core.exchange.time_ms
    core = VenueCore.ephemeral(engine, VenueClock(start_ms, ClockSetting(0, 0)), running.core.accounts)
    models = ReadModels(core)
    models.put(source.past())
    for block in blocks:
        core.relive(block)
        await asyncio.sleep(0)
    await core.gate.passed(core.position)
    core.clock.advance_to(core.exchange.time_ms)
    driver = MarketDriver(core, source)
    settings = msgspec.structs.replace(running.settings)
    world = OpenVenue(core, models, driver, settings, running.prices, None, list(running.notes), False)
    hall = Hall(name, world, TwinRoom(core), trade)
    hall.market_task = asyncio.create_task(driver.run(), name=f"market of {name}")
    return hall


def _first_after(blocks: Iterable[np.ndarray], time_ms: int) -> int:
    """Sequence of the first command after a time, those at the very beginning left out; 0: there is none."""
    begin_ms: int | None = None
    for block in blocks:
        begin_ms = int(block["time_ms"][0]) if begin_ms is None and len(block) else begin_ms
        late = block["sequence"][block["time_ms"] > max(time_ms, begin_ms or 0)]
        if len(late):
            return int(late[0])
    return 0


def _before(blocks: Iterable[np.ndarray], sequence: int) -> list[np.ndarray]:
    """The commands in front of one."""
    found = []
    for block in blocks:
        ahead = block[block["sequence"] < sequence]
        if len(ahead):
            found.append(ahead)
        if len(ahead) < len(block):
            break
    return found


def _name(account: Account, symbol: str) -> str:
    return f"page {account.name} {symbol}"
