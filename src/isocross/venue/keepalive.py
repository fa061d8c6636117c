"""Keepalive: pings on WebSockets as Binance sends them, and letting go of who is not there any more.

Responsible for: a ping every three minutes whose payload is the time in milliseconds, as text; the end of a peer of whom nothing was heard
for ten. Must not: know a stream.

The server's own pings carry four random bytes. A client that reads a payload as text before it sends it back fails on most of those, and is
cut off (NautilusTrader up to 1.221).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

PING_SECONDS, SILENT_SECONDS = 180.0, 600.0
_NO_ANSWER = 1011


class KeepaliveProtocol(WebSocketsSansIOProtocol):
    """A WebSocket connection of uvicorn (whose own pings are off) with pings that read as text."""

    ping_seconds, silent_seconds = PING_SECONDS, SILENT_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _heard_at = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begin to ping."""
        super().connection_made(transport)
        self._heard_at = self.loop.time()
        self._timer = self.loop.call_later(self.ping_seconds, self._ping)

    def data_received(self, data: bytes) -> None:
        """Whatever comes, a pong too, says that the peer is there."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """No more pings."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _ping(self) -> None:
        if self.transport.is_closing():
            return
        is_gone = self.loop.time() - self._heard_at > self.silent_seconds
        if self.conn.state is State.OPEN:
            if is_gone:
                self.conn.fail(_NO_ANSWER, "no answer to pings")
            else:
                self.conn.send_ping(str(time.time_ns() // 1_000_000).encode())
            self.transport.write(b"".join(self.conn.data_to_send()))
        if is_gone:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(self.ping_seconds, self._ping)
