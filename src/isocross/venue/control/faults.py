"""Faults: what can be made to go wrong between a client and the venue, on purpose.

Responsible for: which fault meets which request, how often, and doing it around the dialect. Must not: know how the dialect writes an
error (the dialect says that), touch the exchange: what a fault hides has happened or has not, and the exchange knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from ...errors import InputError
from ..accounts import Accounts
from ..guard import App, Message, Receive, Scope, Send
from .place import Place
from .routes import endpoint

Kind = Literal[
    "latency", "reject", "disconnect", "too_many_requests", "unavailable", "answer_lost", "wrong_code_unchanged"
]
FAULTS_MAX = 64
LATENCY_MS_MAX = 600_000


class NewFault(msgspec.Struct, forbid_unknown_fields=True):
    """A fault, and whom it meets. `count`: how often, then it is gone; null: until it is removed."""

    kind: Kind
    path: str = "/"  # requests whose path begins like this
    method: str | None = None
    account: str | None = None  # requests with this account's key
    count: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    latency_ms: Annotated[int, msgspec.Meta(ge=0, le=LATENCY_MS_MAX)] = 1_000


class Fault(msgspec.Struct):
    """A fault that is set."""

    fault_id: int
    kind: Kind
    path: str
    method: str | None
    account: str | None
    left: int | None  # how often it will still happen
    happened: int
    latency_ms: int


Wire = Callable[[str], tuple[int, list[tuple[bytes, bytes]], bytes]]  # a kind: status, headers, body


@dataclass(slots=True)
class _Answer:
    """An answer that is held back."""

    messages: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.messages)


class Faults:
    """The faults of one venue."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._faults: dict[int, Fault] = {}
        self._next_id = 1
        self._sockets: dict[asyncio.Event, Scope] = {}
        self.wire: Wire = lambda kind: (503, [(b"content-type", b"text/plain")], kind.encode())
        self.is_unchanged: Callable[[bytes], bool] = lambda body: False  # whether an answer says that nothing changed

    # ---- set, listed, removed

    def add(self, new: NewFault) -> Fault:
        """Set one. Errors  InputError."""
        if new.account is not None:
            self._accounts.by_name(new.account)
        if len(self._faults) >= FAULTS_MAX:
            raise InputError(f"faults: {FAULTS_MAX} are set already; remove some")
        if not new.path.startswith("/"):
            raise InputError(f"path: {new.path[:80]!r}: expected one that begins with /")
        method = None if new.method is None else new.method.upper()
        fault = Fault(self._next_id, new.kind, new.path, method, new.account, new.count, 0, new.latency_ms)
        self._faults[fault.fault_id] = fault
        self._next_id += 1
        if new.kind == "disconnect":
            self._end_sockets(fault)
        return fault

    def all(self) -> list[Fault]:
        """Oldest first."""
        return list(self._faults.values())

    def remove(self, fault_id: int | None = None) -> None:
        """Take one away, or all. Errors  KeyError."""
        if fault_id is None:
            self._faults.clear()
        elif self._faults.pop(fault_id, None) is None:
            raise KeyError(f"fault {fault_id}: is not there")

    # ---- around the dialect

    def around(self, app: App) -> App:
        """The same application, with faults."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                await self._socket(app, scope, receive, send)
                return
            fault = self._met(scope) if self._faults else None
            if fault is None:
                await app(scope, receive, send)
            else:
                await self._do(fault, app, scope, receive, send)

        return faulty

    def _met(self, scope: Scope) -> Fault | None:
        key = next((value for name, value in scope["headers"] if name == b"x-mbx-apikey"), b"").decode("latin-1")
        account = self._accounts.by_key(key)
        for fault in self._faults.values():
            if (
                scope["path"].startswith(fault.path)
                and fault.method in (None, scope.get("method"))
                and (fault.account is None or (account is not None and account.name == fault.account))
            ):
                return fault
        return None

    def _count(self, fault: Fault) -> None:
        fault.happened += 1
        if fault.left is not None:
            fault.left -= 1
            if fault.left == 0:
                self._faults.pop(fault.fault_id, None)

    async def _do(self, fault: Fault, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        kind = fault.kind
        if kind == "wrong_code_unchanged":
            await self._wrong_code(fault, app, scope, receive, send)
            return
        self._count(fault)
        if kind == "latency":
            await asyncio.sleep(fault.latency_ms / 1_000)
            await app(scope, receive, send)
        elif kind == "disconnect":
            await _hang_up(send)
        elif kind == "answer_lost":
            await app(scope, receive, _Answer().send)
            await _hang_up(send)
        else:
            await self._write(kind, send)

    async def _wrong_code(self, fault: Fault, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Only an answer that says that nothing changed is replaced, and only then the fault has happened."""
        answer = _Answer()
        await app(scope, receive, answer.send)
        if self.is_unchanged(answer.body):
            self._count(fault)
            await self._write(fault.kind, send)
            return
        for message in answer.messages:
            await send(message)

    async def _write(self, kind: str, send: Send) -> None:
        status, headers, body = self.wire(kind)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, (b"content-length", str(len(body)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": body})

    # ---- sockets: a disconnect ends those that are there, and refuses what comes while it lasts

    async def _socket(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._met(scope) if self._faults else None
        if fault is not None and fault.kind == "disconnect":
            self._count(fault)
            await receive()
            await send({"type": "websocket.close", "code": 1001})
            return
        if fault is not None and fault.kind == "latency":
            self._count(fault)
            await asyncio.sleep(fault.latency_ms / 1_000)
        ended = asyncio.Event()
        self._sockets[ended] = scope
        try:
            await app(scope, _until(ended, receive, send), send)
        finally:
            del self._sockets[ended]

    def _end_sockets(self, fault: Fault) -> None:
        for ended, scope in self._sockets.items():
            if scope["path"].startswith(fault.path) and fault.account is None and not ended.is_set():
                ended.set()
                fault.happened += 1


def _until(ended: asyncio.Event, receive: Receive, send: Send) -> Receive:
    """Messages, until the connection is made to end."""

    async def receiving() -> Message:
        message = asyncio.ensure_future(receive())
        over = asyncio.ensure_future(ended.wait())
        await asyncio.wait({message, over}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.is_set():
            over.cancel()
            return message.result()
        message.cancel()
        over.cancel()
        await send({"type": "websocket.close", "code": 1001})
        return {"type": "websocket.disconnect", "code": 1001}

    return receiving


async def _hang_up(send: Send) -> None:
    """Close the connection without an answer; where the server shows no connection, break off in the middle of one."""
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


# ---- endpoints


@endpoint("GET", "/faults", answer=list[Fault])
def list_faults(place: Place) -> list[Fault]:
    """The faults that are set."""
    return place.places.faults.all()


@endpoint("POST", "/faults", request=NewFault, answer=Fault)
def add_fault(place: Place, request: NewFault) -> Fault:
    """Set a fault."""
    return place.places.faults.add(request)


@endpoint("DELETE", "/faults", answer=list[Fault])
def remove_faults(place: Place) -> list[Fault]:
    """Take all faults away."""
    place.places.faults.remove()
    return []


@endpoint("DELETE", "/faults/{number}", answer=list[Fault])
def remove_fault(place: Place, number: str) -> list[Fault]:
    """Take one fault away."""
    if not number.isdecimal():
        raise InputError(f"fault {number[:40]!r}: expected its number")
    place.places.faults.remove(int(number))
    return place.places.faults.all()
