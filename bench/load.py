"""Load: signed requests over kept connections, as many on their way as there are connections.

Responsible for: connections that cost little beside the server they measure, signing, the time that each answer took. Must not: know a
venue; judge an answer.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

Script = Iterator["Request"]  # asked for the next request when the last one is answered
_HEADERS_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_WINDOW_MS = 60_000


@dataclass(slots=True)
class Request:
    """One request, and what came of it."""

    method: str
    path: str
    parameters: dict[str, Any]
    status: int = 0
    body: bytes = b""

    @property
    def answer(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a connection signs with."""

    api_key: str
    secret: str


@dataclass(slots=True)
class Ran:
    """What a run took."""

    seconds: float
    waits: list[float] = field(repr=False)  # of each answer, sorted

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds

    def ms(self, share: float) -> float:
        """How long that share of the answers took at most."""
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))] * 1_000


class _Connection(asyncio.Protocol):
    """Sends a request when the one before is answered."""

    def __init__(self, host: str, keys: Keys, script: Script) -> None:
        self._head = f" HTTP/1.1\r\nhost: {host}\r\nx-mbx-apikey: {keys.api_key}\r\n".encode()
        self._secret = keys.secret.encode()
        self._script = script
        self._request: Request | None = None
        self._buffer = b""
        self._sent = 0.0
        self._transport: Any = None
        self.waits: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def begin(self) -> None:
        """Send the first one."""
        self._request = next(self._script, None)
        if self._request is None:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._transport.write(self._written(self._request))
        self._sent = time.perf_counter()

    def _written(self, request: Request) -> bytes:
        told = {**request.parameters, "recvWindow": _WINDOW_MS, "timestamp": time.time_ns() // 1_000_000}
        query = urlencode(told).encode()
        signature = hmac.digest(self._secret, query, "sha256").hex().encode()
        return b"%s %s?%s&signature=%s%s\r\n" % (
            request.method.encode(),
            request.path.encode(),
            query,
            signature,
            self._head,
        )

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data
        end = buffer.find(_HEADERS_END)
        if end < 0:
            return
        head = buffer[:end].lower()
        at = head.find(_LENGTH)
        size = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        if len(buffer) < end + 4 + size:
            return
        self.waits.append(time.perf_counter() - self._sent)
        assert self._request is not None
        self._request.status = int(buffer[9:12])
        self._request.body = buffer[end + 4 : end + 4 + size]
        self._buffer = b""
        self.begin()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed a connection"))


async def run_scripts(url: str, scripts: list[tuple[Keys, Script]]) -> Ran:
    """Run every script over a connection of its own, all at once, until all have ended."""
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    made = []
    for keys, script in scripts:
        _, connection = await loop.create_connection(
            lambda keys=keys, script=script: _Connection(address.netloc, keys, script),  # type: ignore[misc]
            address.hostname,
            address.port,
        )
        made.append(connection)
    started = time.perf_counter()
    for connection in made:
        connection.begin()
    await asyncio.gather(*(connection.done for connection in made))
    seconds = time.perf_counter() - started
    return Ran(seconds, sorted(wait for connection in made for wait in connection.waits))


def run_in_loop(make: Callable[[], Any]) -> Any:
    """Run a coroutine in a quick loop, where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(make())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(make())
