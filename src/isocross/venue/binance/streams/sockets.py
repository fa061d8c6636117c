"""Sockets: the connections of streams, what each is subscribed to, and how it is told.

Responsible for: every form of address, control messages, subscriptions, a bounded queue per connection, an orderly end. Must not:
know what a stream tells.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from ..asgi import Receive, Scope, Send
from .names import Topic, topic_of

if TYPE_CHECKING:
    from ..desk import Desk

QUEUE_MAX = 20_000  # messages that a peer may be behind
SUBSCRIPTIONS_MAX = 1_024  # of one connection
MESSAGE_MAX = 65_536  # bytes of a control message
GOING_AWAY, TOO_SLOW, TOO_BIG = 1001, 1008, 1009
_BAD_JSON, _BAD_REQUEST = 3, 2
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_EVENT_NAMES = {"ALGO_ORDER_UPDATE": "ALGO_UPDATE"}
_encode = msgspec.json.Encoder().encode


class Message:
    """One payload, written once however many sockets it goes to."""

    __slots__ = ("_wrapped", "raw")

    def __init__(self, payload: Any) -> None:
        self.raw: str = _encode(payload).decode()
        self._wrapped: dict[str, str] = {}

    def wrapped(self, name: str) -> str:
        """As a combined stream says it."""
        text = self._wrapped.get(name)
        if text is None:
            text = self._wrapped[name] = f'{{"stream":{_encode(name).decode()},"data":{self.raw}}}'
        return text


class Socket:
    """One connection."""

    def __init__(self, send: Send, *, is_combined: bool) -> None:
        self.is_combined = is_combined
        self.names: dict[str, Topic | None] = {}  # as the client wrote them; None: a name that says nothing here
        self.listen_keys: dict[str, frozenset[str] | None] = {}  # and which events of it; None: all
        self._send = send
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self.close_code: int | None = None

    def tell(self, message: Message, name: str) -> None:
        """Send a message of a stream, soon; a peer that is too far behind is let go."""
        self.push(message.wrapped(name) if self.is_combined else message.raw)

    def push(self, text: str) -> None:
        """Send a text, soon."""
        if len(self._queue) >= QUEUE_MAX:
            self.end(TOO_SLOW)
            return
        self._queue.append(text)
        self._wake.set()

    def end(self, code: int) -> None:
        """Close it, once what is queued is sent."""
        if self.close_code is None:
            self.close_code = code
            self._wake.set()

    async def write(self) -> None:
        """Send what is queued until it ends."""
        while True:
            while self._queue:
                await self._send({"type": "websocket.send", "text": self._queue.popleft()})
            if self.close_code is not None:
                await self._send({"type": "websocket.close", "code": self.close_code})
                return
            self._wake.clear()
            await self._wake.wait()


class Hub:
    """Who listens to what."""

    def __init__(self) -> None:
        self.topics: dict[Topic, dict[Socket, list[str]]] = {}  # sockets, with the names they used
        self.accounts: dict[
            int, dict[Socket, dict[str, frozenset[str] | None]]
        ] = {}  # sockets, with keys and their events
        self.on_subscribe: list[Callable[[Topic, Socket, str], None]] = []

    def add(self, socket: Socket, name: str, topic: Topic) -> None:
        """Subscribe a socket to a stream."""
        names = self.topics.setdefault(topic, {}).setdefault(socket, [])
        if name not in names:
            names.append(name)
        for listener in self.on_subscribe:
            listener(topic, socket, name)

    def remove(self, socket: Socket, name: str, topic: Topic) -> None:
        """Undo it."""
        sockets = self.topics.get(topic, {})
        names = sockets.get(socket, [])
        if name in names:
            names.remove(name)
        if not names:
            sockets.pop(socket, None)
        if not sockets:
            self.topics.pop(topic, None)

    def add_user(self, socket: Socket, key: str, account: int, events: frozenset[str] | None) -> None:
        """Subscribe a socket to an account's events."""
        self.accounts.setdefault(account, {}).setdefault(socket, {})[key] = events

    def remove_user(self, socket: Socket, key: str) -> None:
        """Undo it."""
        for account in list(self.accounts):
            keys = self.accounts[account].get(socket, {})
            keys.pop(key, None)
            if not keys:
                self.accounts[account].pop(socket, None)
            if not self.accounts[account]:
                del self.accounts[account]

    def publish(self, topic: Topic, payload: Any) -> None:
        """Tell all who listen to a topic."""
        sockets = self.topics.get(topic)
        if not sockets:
            return
        message = Message(payload)
        for socket, names in list(sockets.items()):
            for name in names:
                socket.tell(message, name)

    def publish_user(self, account: int, payload: dict[str, Any]) -> None:
        """Tell all who listen to an account."""
        sockets = self.accounts.get(account)
        if not sockets:
            return
        message = Message(payload)
        for socket, keys in list(sockets.items()):
            for key, events in keys.items():
                if events is None or payload["e"] in events:
                    socket.tell(message, key)


class StreamSockets:
    """All stream connections of the venue."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.hub = Hub()
        self._sockets: set[Socket] = set()
        desk.listen_keys.on_end.append(self._end_key)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its handshake to its end."""
        if (await receive())["type"] != "websocket.connect":
            return
        path: str = scope["path"]
        parts = [part for part in path.split("/") if part and part not in ("public", "market", "private")]
        if not parts or parts[0] not in ("ws", "stream"):
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})
        socket = Socket(send, is_combined=parts[0] == "stream")
        self._sockets.add(socket)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        self._open(socket, parts[1:], query)
        await self._run(socket, receive)

    async def close(self) -> None:
        """End every connection with a close frame."""
        for socket in list(self._sockets):
            socket.end(GOING_AWAY)
        for _ in range(100):
            if not self._sockets:
                return
            await asyncio.sleep(0.01)

    async def _run(self, socket: Socket, receive: Receive) -> None:
        writer = asyncio.ensure_future(socket.write())
        reader = asyncio.ensure_future(self._read(socket, receive))
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._forget(socket)
            for task in (writer, reader):
                task.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _read(self, socket: Socket, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            if text is None:
                text = (message.get("bytes") or b"").decode("utf-8", "replace")
            if len(text) > MESSAGE_MAX:
                socket.end(TOO_BIG)
                return
            socket.push(_encode(self._answer(socket, text)).decode())

    def _forget(self, socket: Socket) -> None:
        self._sockets.discard(socket)
        self._unsubscribe(socket, [*socket.names, *socket.listen_keys])

    # ---- addresses

    def _open(self, socket: Socket, rest: list[str], query: dict[str, list[str]]) -> None:
        """Subscribe to what the address names: streams, a listen key, a bare number that says nothing."""
        names = [name for part in rest for name in part.split("/")]
        names += [name for text in query.get("streams", ()) for name in text.split("/")]
        self._subscribe(socket, [name for name in names if not name.isdigit()])
        events = frozenset(
            _EVENT_NAMES.get(name, name) for text in query.get("events", ()) for name in text.split("/") if name
        )
        for key in query.get("listenKey", ()):
            self._subscribe_user(socket, key, events or None)

    # ---- control messages

    def _answer(self, socket: Socket, text: str) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return _error(None, _BAD_JSON, "JSON that can not be read")
        if not isinstance(request, dict):
            return _error(None, _BAD_REQUEST, "expected an object")
        number = request.get("id")
        if isinstance(number, bool | float | list | dict):
            return _error(None, _BAD_REQUEST, "request ID must be an unsigned integer or a string")
        method = request.get("method")
        params = request.get("params", [])
        if method not in _METHODS:
            return _error(
                number, _BAD_REQUEST, f"unknown variant {str(method)[:40]!r}, expected one of {', '.join(_METHODS)}"
            )
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": [*socket.names, *socket.listen_keys], "id": number}
        if not isinstance(params, list):
            return _error(number, _BAD_REQUEST, "params must be a list")
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return self._property(socket, method, params, number)
        if not all(isinstance(name, str) for name in params):
            return _error(number, _BAD_REQUEST, "params must be texts")
        if method == "UNSUBSCRIBE":
            self._unsubscribe(socket, params)
        elif len(socket.names) + len(params) > SUBSCRIPTIONS_MAX:
            return _error(number, _BAD_REQUEST, f"at most {SUBSCRIPTIONS_MAX} streams on one connection")
        else:
            self._subscribe(socket, params)
        return {"result": None, "id": number}

    def _property(self, socket: Socket, method: str, params: list[Any], number: Any) -> dict[str, Any]:
        if not params or params[0] != "combined":
            return _error(number, _BAD_REQUEST, "the one property is 'combined'")
        if method == "GET_PROPERTY":
            return {"result": socket.is_combined, "id": number}
        if len(params) != 2 or not isinstance(params[1], bool):
            return _error(number, _BAD_REQUEST, "'combined' is true or false")
        socket.is_combined = params[1]
        return {"result": None, "id": number}

    # ---- subscriptions

    def _subscribe(self, socket: Socket, names: Iterable[str]) -> None:
        for name in names:
            if not name or len(name) > 128 or len(socket.names) >= SUBSCRIPTIONS_MAX:
                continue
            if self.desk.listen_keys.account(name) is not None:
                self._subscribe_user(socket, name, None)
                continue
            topic = topic_of(name, self.desk.row_in_any_case)
            socket.names[name] = topic
            if topic is not None:
                self.hub.add(socket, name, topic)

    def _unsubscribe(self, socket: Socket, names: Iterable[str]) -> None:
        for name in list(names):
            if name in socket.names:
                topic = socket.names.pop(name)
                if topic is not None:
                    self.hub.remove(socket, name, topic)
            elif name in socket.listen_keys:
                del socket.listen_keys[name]
                self.hub.remove_user(socket, name)

    def _subscribe_user(self, socket: Socket, key: str, events: frozenset[str] | None) -> None:
        account = self.desk.listen_keys.account(key)
        if account is not None:
            socket.listen_keys[key] = events
            self.hub.add_user(socket, key, account, events)

    def _end_key(self, account: int, key: str) -> None:
        """A listen key opens nothing any more: its sockets are told, and hear nothing further of that account."""
        now = self.desk.now_ms()
        self.hub.publish_user(account, {"e": "listenKeyExpired", "E": now, "listenKey": key})
        for socket in list(self._sockets):
            if key in socket.listen_keys:
                self._unsubscribe(socket, [key])


def _error(number: Any, code: int, text: str) -> dict[str, Any]:
    return {"error": {"code": code, "msg": f"Invalid request: {text}"}, "id": number}
