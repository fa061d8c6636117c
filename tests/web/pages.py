"""A venue in this process whose page is asked through its own application, without a network.

Responsible for: opening it in a running loop, signing in, JSON in and out. Must not: check.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from isocross.venue.guard import Guard
from isocross.venue.opening import OpenVenue, VenueOptions, open_venue
from isocross.venue.server import VenueApp

WAIT_SECONDS = 30
URL = "http://127.0.0.1:8787"
DEMO = {"symbol": "BTCUSDT", "side": "buy", "margin": "500", "leverage": 10, "mode": "isolated"}


class Page:
    """One browser."""

    def __init__(self, venue: OpenVenue, app: VenueApp) -> None:
        self.venue = venue
        self.app = app
        self.core = venue.core
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(Guard(app)), base_url=URL)

    async def sign_in(self, name: str = "trader") -> httpx.Response:
        """Take a new link and use it."""
        token = self.app.page.sign_in.new_token(self.core.accounts.by_name(name))
        return await self.http.post("/page/sign-in", json={"token": token})

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """What a GET answers; it has to go well."""
        answer = await self.http.get(f"/page{path}", params=query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def post(self, path: str, form: dict[str, Any]) -> dict[str, Any]:
        """What a POST answers; it has to go well."""
        answer = await self.http.post(f"/page{path}", json=form)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def refused(self, path: str, form: dict[str, Any], status: int = 409) -> str:
        """The message of a POST that does not go well."""
        answer = await self.http.post(f"/page{path}", json=form)
        assert answer.status_code == status, answer.text
        message: str = answer.json()["message"]
        return message

    async def state(self, **query: Any) -> dict[str, Any]:
        """How the world is."""
        return await self.get("/state", **query)


class Socket:
    """A WebSocket of the page's, spoken to as a server speaks to an application."""

    def __init__(self, app: VenueApp, cookie: str) -> None:
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": "/page/stream",
            "raw_path": b"/page/stream",
            "query_string": b"",
            "scheme": "ws",
            "server": ("127.0.0.1", 8787),
            "headers": [(b"host", b"127.0.0.1:8787"), (b"cookie", cookie.encode())],
        }

        async def send(message: Any) -> None:
            self._told.put_nowait(dict(message))

        self._task = asyncio.create_task(Guard(app)(scope, self._said.get, send))

    async def next(self) -> dict[str, Any]:
        """The next message of the protocol."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._told.get()

    async def told(self, kind: str) -> dict[str, Any]:
        """The next message of a kind."""
        while True:
            message = await self.next()
            told: dict[str, Any] = json.loads(message["bytes"])
            if told["kind"] == kind:
                return told

    def say(self, view: dict[str, Any]) -> None:
        """Look at something else."""
        self._said.put_nowait({"type": "websocket.receive", "text": json.dumps(view)})

    def leave(self) -> None:
        """Close it from the browser's side."""
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def over(self) -> None:
        """Wait until the application is done with it."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self._task


@asynccontextmanager
async def opened(data: Path | None = None, market: str = "crash", accounts: int = 1) -> AsyncIterator[Page]:
    """A venue that stands still, with a signed-in page; in memory, or in a folder."""
    names = ["trader", *(f"trader-{number}" for number in range(2, accounts + 1))]
    prices = {"BTCUSDT": "60000", "ETHUSDT": "3000"} if market == "manual" else {}
    options = VenueOptions(
        data=data,
        market=market,
        speed=0,
        symbols=("BTCUSDT", "ETHUSDT"),
        balances=dict.fromkeys(names, "10000USDT"),
        prices=prices,
    )
    venue = await open_venue(options)
    app = VenueApp(venue)
    page = Page(venue, app)
    driving = asyncio.create_task(venue.driver.run())
    try:
        assert (await page.sign_in()).status_code == 200
        yield page
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        await page.http.aclose()
        await app.close()
        venue.close()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """A test's own loop."""
    asyncio.run(coroutine)
