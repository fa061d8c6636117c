"""Listening: many WebSocket subscribers in one process, who note every message and when it came.

Responsible for: the handshake, frames, pongs, at little cost beside the server they measure. Must not: judge a message.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Subscriber(asyncio.Protocol):
    """One connection. `messages`: time of receipt and payload, in order."""

    def __init__(self, host: str, path: str) -> None:
        self._asked = (
            f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        self._buffer = bytearray()
        self._transport: Any = None
        self.messages: list[tuple[float, bytes]] = []
        self.is_lost = self._is_leaving = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._buffer += data
        if not self.opened.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._buffer.startswith(b"HTTP/1.1 101"), bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self.opened.set_result(None)
        while (found := self._frame()) is not None:
            kind, payload = found
            if kind == _TEXT:
                self.messages.append((now, payload))
            elif kind == _PING:
                mask = os.urandom(4)
                answer = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
                self._transport.write(bytes((0x80 | _PONG, 0x80 | len(payload))) + mask + answer)

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 127, 2
        if size > 125:
            width = 2 if size == 126 else 8
            start = 2 + width
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + size:
            return None
        kind, payload = buffer[0] & 15, bytes(buffer[start : start + size])
        del buffer[: start + size]
        return kind, payload

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = not self._is_leaving

    def close(self) -> None:
        """Leave."""
        self._is_leaving = True
        self._transport.close()

    def of(self, kind: str) -> list[tuple[float, Any]]:
        """The messages of one kind of event, as JSON, with their times."""
        mark = f'"e":"{kind}"'.encode()
        return [(at, msgspec.json.decode(payload)["data"]) for at, payload in self.messages if mark in payload]


async def subscribed(url: str, path: str, count: int) -> list[Subscriber]:
    """So many subscribers of the same streams, all of them open."""
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    made = []
    for _ in range(count):
        _, one = await loop.create_connection(lambda: Subscriber(address.netloc, path), address.hostname, address.port)
        made.append(one)
    await asyncio.gather(*(one.opened for one in made))
    return made
