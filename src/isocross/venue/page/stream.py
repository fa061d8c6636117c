"""Stream: the page's WebSocket: how the world is, again and again, while it changes.

Responsible for: one page's connection: the state at most ten times a second, the twin half as often, each whole, so that a message that is
missed is made good by the next. Must not: take an order.

The page says which world, contract, candle length and book it looks at, at any time:  {"world": "", "symbol": "BTCUSDT", "interval": "1m", "width": 10}
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...errors import ExchangeError, InputError
from ...market.intervals import INTERVALS
from ..accounts import Account
from .forms import Symbol, World
from .hall import Hall, Halls
from .ladder import checked_width
from .state import state_of, twin_of

STATE_SECONDS = 0.1
TWIN_SECONDS = 0.25
IDLE_SECONDS = 1.0  # how often it is told when nothing was committed: the clock goes on
_encode = msgspec.json.Encoder().encode


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page looks at."""

    world: World = ""
    symbol: Symbol = ""
    interval: str = "1m"
    width: int = 1  # of a row of the book, in ticks


class Stream:
    """One page's connection."""

    def __init__(self, socket: WebSocket, halls: Halls, account: Account) -> None:
        self._socket = socket
        self._halls = halls
        self._account = account
        self._view = View(symbol=halls.venue.core.symbols[0])
        self._changed = asyncio.Event()
        self._has_twin_told = False

    async def run(self) -> None:
        """Until the page goes or the venue ends."""
        await self._socket.accept()
        tasks = [asyncio.create_task(one) for one in (self._hear(), self._tell_state(), self._tell_twin())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                failure = one.exception()
                if failure is not None and not isinstance(failure, WebSocketDisconnect | RuntimeError):
                    raise failure
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for hall in self._halls.all:
                hall.changed.discard(self._changed)
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(1001)

    async def _hear(self) -> None:
        while True:
            text = await self._socket.receive_text()
            try:
                self._look_at(msgspec.json.decode(text, type=View))
            except (msgspec.DecodeError, ExchangeError, KeyError) as error:
                await self._send({"kind": "fault", "message": str(error.args[0])})

    def _look_at(self, view: View) -> None:
        hall = self._halls.named(view.world)
        hall.core.exchange.symbol_row(view.symbol)
        if view.interval not in INTERVALS:
            raise InputError(f"interval: {view.interval[:20]!r}: expected one of {', '.join(INTERVALS)}")
        checked_width(view.width)
        self._view = view
        self._has_twin_told = False
        self._changed.set()

    async def _tell_state(self) -> None:
        while True:
            hall = self._hall()
            hall.changed.add(self._changed)
            self._changed.clear()
            state = state_of(hall, self._account, self._view.symbol, self._view.interval, self._view.width)
            await hall.core.gate.passed(hall.core.position)
            await self._send(state)
            await asyncio.sleep(STATE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._changed.wait()

    async def _tell_twin(self) -> None:
        told_at = (-1, -1)
        while True:
            hall, view = self._hall(), self._view
            now = (hall.core.position, hall.twins.change_count)
            if now != told_at or not self._has_twin_told:
                told_at = now
                ask = partial(twin_of, account=self._account, symbol=view.symbol)
                told = await hall.twins.ask(self._account, view.symbol, ask)
                self._has_twin_told = True
                await self._send({"kind": "twin", "world": hall.name, "symbol": view.symbol, "twin": told})
            await asyncio.sleep(TWIN_SECONDS)

    def _hall(self) -> Hall:
        try:
            return self._halls.named(self._view.world)
        except KeyError:  # let go of meanwhile
            self._view = msgspec.structs.replace(self._view, world="")
            return self._halls.venue

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_bytes(_encode(message))
