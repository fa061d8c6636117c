"""App: this dialect as an ASGI application: REST, streams and the WebSocket API.

Responsible for: from a request to its endpoint and back: parameters, key, signature, time window, limits, answers after commit,
errors as JSON. Must not: know an endpoint. It is raw ASGI: an order passes no router and no middleware.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ...errors import InputError, PoisonedError, StatusUnknownError
from ..sequencer import VenueCore
from . import account, conditionals, configuration, history, listen_keys, market_data, neighbors, orders
from .asgi import Receive, Scope, Send
from .callers import caller, count
from .desk import Desk, Settings
from .limits import LimitReachedError
from .parameters import parameters_of, read
from .refusals import WireRefusalError, refuse
from .routes import ENDPOINTS, Endpoint
from .signing import check_signature
from .streams.market import MarketStreams
from .streams.sockets import StreamSockets
from .streams.user import UserStreams
from .websocket_api import WebSocketApi

BODY_MAX = 1_048_576
EXPIRY_SECONDS = 1.0
PREFIXES = (
    "/fapi/",
    "/api/",
    "/sapi/",
    "/dapi/",
    "/eapi/",
    "/futures/",
    "/ws",
    "/stream",
    "/public",
    "/market",
    "/private",
)
MODULES = (account, conditionals, configuration, history, listen_keys, market_data, neighbors, orders)
_encode = msgspec.json.Encoder().encode
_COUNT_HEADERS = (b"x-mbx-used-weight-1m", b"x-mbx-order-count-10s", b"x-mbx-order-count-1m")
_JSON = (b"content-type", b"application/json;charset=UTF-8")


class BinanceApp:
    """The dialect over one core, whose commands are all committed when it begins. It belongs to the thread of a running loop."""

    def __init__(self, core: VenueCore, settings: Settings | None = None) -> None:
        self.desk = Desk(core, settings)
        self.streams = StreamSockets(self.desk)
        self._user_streams = UserStreams(self.desk, self.streams.hub)
        self._market_streams = MarketStreams(self.desk, self.streams.hub)
        loop = asyncio.get_running_loop()
        self._clockwork = [loop.create_task(self._market_streams.run()), loop.create_task(self._expire_keys())]
        self.websocket_api = WebSocketApi(self.desk, self.answer)

    @staticmethod
    def handles(path: str) -> bool:
        """Whether a path is this dialect's."""
        return path.startswith(PREFIXES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one socket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            if scope["path"].startswith("/ws-fapi"):
                await self.websocket_api.serve(scope, receive, send)
            else:
                await self.streams.serve(scope, receive, send)

    async def close(self) -> None:
        """End every socket with a close frame."""
        for task in self._clockwork:
            task.cancel()
        await self.streams.close()
        await self.websocket_api.close()

    async def _expire_keys(self) -> None:
        """Tell the streams of a listen key when its hour is over."""
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            self.desk.listen_keys.expire()

    # ---- one request

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = [_JSON]
        status = 200
        try:
            body = await _body(receive)
            endpoint = ENDPOINTS.get((scope["method"], scope["path"]))
            if endpoint is None:
                raise WireRefusalError(-5000, f"Path {scope['path'][:100]}, Method {scope['method']} is invalid", 404)
            answer = await self._answered(endpoint, scope, body, headers)
        except LimitReachedError as reached:
            status, answer = reached.status, {"code": reached.code, "msg": reached.text}
            headers.append((b"retry-after", str(reached.retry_after_s).encode()))
        except WireRefusalError as refusal:
            status, answer = refusal.status, {"code": refusal.code, "msg": refusal.text}
        data = _encode(answer)
        headers.append((b"content-length", str(len(data)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _answered(self, endpoint: Endpoint, scope: Scope, body: bytes, headers: list[tuple[bytes, bytes]]) -> Any:
        query: bytes = scope["query_string"]
        parameters = parameters_of(query, body)
        key = b""
        for name, value in scope["headers"]:
            if name == b"x-mbx-apikey":
                key = value
                break
        signature = parameters.get("signature", "")
        account = caller(
            self.desk, endpoint, key.decode("latin-1"), parameters, lambda secret: check_signature(secret, query, body, signature)
        )
        request = read(endpoint.request, parameters)
        client = scope.get("client")
        counted = count(self.desk, endpoint, account, request, client[0] if client else "")
        for name, value in zip(_COUNT_HEADERS, counted, strict=True):
            if value is not None:
                headers.append((name, str(value).encode()))
        return await self.answer(endpoint, account, request)

    async def answer(self, endpoint: Endpoint, account: int, request: Any) -> Any:
        """What an endpoint answers, once all that it saw is on disk. Errors  WireRefusalError."""
        core = self.desk.core
        try:
            try:
                answer = endpoint.handler(self.desk, account, request)
                if endpoint.sends:
                    return await answer
            except WireRefusalError as refusal:
                if not refusal.is_committed:
                    await core.gate.passed(core.position)  # a refusal is told after what it saw is on disk, too
                raise
            await core.gate.passed(core.position)
            return answer
        except (StatusUnknownError, PoisonedError):
            raise refuse(-1007) from None
        except InputError:  # a number that fits no command
            raise refuse(-1130, "parameters") from None


async def _body(receive: Receive) -> bytes:
    """The body of a request. Errors  413 beyond the limit."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > BODY_MAX:
            raise WireRefusalError(-1130, "The request is too large.", 413)
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > BODY_MAX:
            raise WireRefusalError(-1130, "The request is too large.", 413)
        parts.append(part)
    return b"".join(parts)
