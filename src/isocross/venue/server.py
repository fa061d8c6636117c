"""Server: the venue on the network: the dialect before any router, the control plane and the rest behind it.

Responsible for: which application answers which path, the listening socket, running uvicorn in the loop of the core, ending within two
seconds. Must not: know an endpoint, open a venue.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import socket
from collections.abc import Callable
from contextlib import nullcontext, suppress

import uvicorn

from ..errors import InputError
from .binance.app import BinanceApp
from .binance.mishaps import alarm_message, fault_answer, is_unchanged
from .control.app import ControlApp
from .guard import WEBSOCKET_BYTES_MAX, App, Guard, Receive, Scope, Send, send_text
from .keepalive import KeepaliveProtocol
from .opening import OpenVenue
from .page.app import PageApp

SOCKETS_SECONDS, ANSWERS_SECONDS = 0.4, 0.5  # what close frames, and answers on their way, get at the end
_BACKLOG = 2_048
PORT_MAX = 65_535
FORKS = "/fork/"


class VenueApp:
    """All that a venue answers."""

    def __init__(self, venue: OpenVenue) -> None:
        self.venue = venue
        self.binance = BinanceApp(venue.core)
        self.control = ControlApp(venue)
        faults, places = self.control.faults, self.control.places
        self.page = PageApp(venue, places.twins)
        faults.wire, faults.is_unchanged = fault_answer, is_unchanged
        places.make_dialect = BinanceApp
        places.tell = lambda account, message: self.binance.streams.hub.publish_user(account, alarm_message(message))
        self._dialect: App = faults.around(self.binance)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to who answers it."""
        path = scope["path"]
        if self.binance.handles(path):
            await self._dialect(scope, receive, send)
        elif path.startswith(FORKS):
            await self._fork(scope, receive, send)
        elif self.control.handles(path):
            await self.control(scope, receive, send)
        elif self.page.handles(path):
            await self.page(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "nothing is here"})
        else:
            await send_text(send, 404, f"{path[:200]}: nothing is here\n")

    async def _fork(self, scope: Scope, receive: Receive, send: Send) -> None:
        """/fork/NAME/…: the dialect, for a world beside the venue."""
        name, _, rest = scope["path"].removeprefix(FORKS).partition("/")
        try:
            dialect = self.control.places.named(name).dialect
        except KeyError as missing:
            dialect, text = None, str(missing.args[0])
        else:
            text = "nothing is here"
        if dialect is None or not dialect.handles(f"/{rest}"):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": text[:120]})
            else:
                await send_text(send, 404, f"{text}\n")
            return
        raw = (scope.get("raw_path") or b"").removeprefix(f"{FORKS}{name}".encode())
        await dialect({**scope, "path": f"/{rest}", "raw_path": raw}, receive, send)

    def begin(self) -> None:
        """Open what is kept beside the venue; what cannot be opened is noted."""
        self.venue.notes += self.control.places.find_forks()

    async def close(self) -> None:
        """End every socket."""
        await self.page.close()
        await self.control.close()
        await self.binance.close()


class _Server(uvicorn.Server):
    """Uvicorn, which leaves the signals to whoever runs it."""

    def install_signal_handlers(self) -> None:
        """None."""

    def capture_signals(self):  # type: ignore[no-untyped-def]
        """None."""
        return nullcontext()


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that is bound and will listen. Errors  InputError in one line."""
    if not 0 <= port <= PORT_MAX:
        raise InputError(f"--port: {port}: expected 0 (any that is free) … {PORT_MAX}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InputError(f"--host: {host!r}: is no address of this machine ({error})") from None
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"--port: {port}: another program listens there; take another one, or 0 for any that is free"
            ) from None
        raise InputError(f"--host {host} --port {port}: {error.strerror}") from None
    bound.setblocking(False)
    return bound


def url_of(bound: socket.socket) -> str:
    """Where a socket is reached from this machine."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def run_server(
    venue: OpenVenue,
    bound: socket.socket,
    stop: asyncio.Event,
    ready: Callable[[VenueApp], None],
    names: tuple[str, ...] = (),
) -> None:
    """Answer on a socket until `stop` is set. The venue is open before and after."""
    app = VenueApp(venue)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # who sends what is no HTTP is told so, not we
    config = uvicorn.Config(
        Guard(app, names),
        loop="none",
        http="httptools",
        ws=KeepaliveProtocol,
        ws_max_size=WEBSOCKET_BYTES_MAX,
        ws_ping_interval=None,  # ours read as text
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    app.begin()
    market = asyncio.create_task(venue.driver.run(), name="market")
    serving = asyncio.create_task(server.serve([bound]), name="server")
    ready(app)
    gc.collect()
    gc.freeze()  # what is there now stays: to go through all of it again and again costs each order a tenth
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait((waiting, market, serving), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    market.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(SOCKETS_SECONDS):
            await app.close()
    server.should_exit = True
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWERS_SECONDS):
            await asyncio.shield(serving)
    server.force_exit = True
    serving.cancel()
    await asyncio.gather(market, serving, return_exceptions=True)
    for ended in (market, serving):
        failure = None if ended.cancelled() or ended not in done else ended.exception()
        if failure is not None:
            raise failure
