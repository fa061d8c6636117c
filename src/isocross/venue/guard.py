"""Guard: what is turned away at the door, before anybody reads it.

Responsible for: the Host and Origin of a request, its size. Must not: know an endpoint or a key.

A page in a browser can send requests to this machine. It cannot choose the Host header, and its Origin says where it came from: so
a name that is not this machine's, and an origin that is not this venue's own page, are turned away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES_MAX = 2**20
TARGET_BYTES_MAX = 2**16  # of path and query
WEBSOCKET_BYTES_MAX = 2**20  # of one message
_HOSTS_KNOWN = 256  # whose names are not read again
_LOCAL = "localhost"


class Guard:
    """An ASGI application that lets through to another what may come in. `names`: of hosts, besides this machine's own."""

    def __init__(self, app: App, names: tuple[str, ...] = ()) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._is_ours = lru_cache(_HOSTS_KNOWN)(self._names_this_machine)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turn a request away, or pass it on with its body counted."""
        if scope["type"] not in ("http", "websocket"):
            return
        headers = dict(scope["headers"])
        fault = self._fault(scope, headers)
        if fault is not None:
            await _turn_away(scope, receive, send, *fault)
            return
        if scope["type"] == "http" and b"transfer-encoding" in headers:  # what comes in chunks may be of any size
            receive = _counted(receive)
        await self._app(scope, receive, send)

    def _fault(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = origin = None
        if b"host" in headers:
            host = headers[b"host"].decode("latin-1").lower()
        if b"origin" in headers:
            origin = headers[b"origin"].decode("latin-1").lower()
        length = headers.get(b"content-length", b"0")
        if host is None or not self._is_ours(host):
            return 403, "Host: this venue answers under this machine's own names alone"
        if origin is not None and origin != f"http://{host}":
            return 403, "Origin: a page of another site may not talk to this venue"
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return 413, f"body: at most {BODY_BYTES_MAX:,} bytes"
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > TARGET_BYTES_MAX:
            return 414, f"path and query: at most {TARGET_BYTES_MAX:,} bytes"
        return None

    def _names_this_machine(self, host: str) -> bool:
        """Whether a Host header names this machine: by an address, which no name server can turn, or by a name of its own."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
        if name == _LOCAL or name.endswith(f".{_LOCAL}") or name in self._names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _counted(receive: Receive) -> Receive:
    """The same messages, as long as the body stays small."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES_MAX:
            return {"type": "http.disconnect"}
        return message

    return counting


async def _turn_away(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": text[:120]})
        return
    await send_text(send, status, text)


async def send_text(send: Send, status: int, text: str, kind: bytes = b"text/plain; charset=utf-8") -> None:
    """A whole answer of one text."""
    data = text.encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(data)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
