"""WebSocket API: requests and answers over one connection, the same endpoints as over HTTP.

Responsible for: methods by name, their signature, the envelope of an answer. Must not: answer anything itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from .asgi import Receive, Scope, Send
from .callers import Counted, caller, count
from .listing import RATE_LIMITS
from .parameters import parameters_of_json, read
from .refusals import WireRefusalError
from .routes import ENDPOINTS, Endpoint
from .signing import check_signed_parameters

if TYPE_CHECKING:
    from .desk import Desk

Answer = Callable[[Endpoint, int, Any], Awaitable[Any]]

MESSAGE_MAX = 262_144
GOING_AWAY, TOO_BIG = 1001, 1009
METHODS = {
    "ping": ("GET", "/fapi/v1/ping"),
    "time": ("GET", "/fapi/v1/time"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "ticker.price": ("GET", "/fapi/v2/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "depth": ("GET", "/fapi/v1/depth"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
_encode = msgspec.json.Encoder().encode


class WebSocketApi:
    """All its connections."""

    def __init__(self, desk: Desk, answer: Answer) -> None:
        self._desk, self._answer = desk, answer
        self._closing: set[asyncio.Event] = set()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection: each request is answered before the next is read, so answers keep their order."""
        if (await receive())["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept"})
        ended = asyncio.Event()
        self._closing.add(ended)
        try:
            while True:
                reading = asyncio.ensure_future(receive())
                ending = asyncio.ensure_future(ended.wait())
                await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                if not reading.done():
                    reading.cancel()
                    await send({"type": "websocket.close", "code": GOING_AWAY})
                    return
                message = reading.result()
                if message["type"] != "websocket.receive":
                    return
                text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
                if len(text) > MESSAGE_MAX:
                    await send({"type": "websocket.close", "code": TOO_BIG})
                    return
                answer = await self._answered(text, scope)
                await send({"type": "websocket.send", "text": _encode(answer).decode()})
        finally:
            self._closing.discard(ended)

    async def close(self) -> None:
        """End every connection with a close frame."""
        for ended in list(self._closing):
            ended.set()
        for _ in range(100):
            if not self._closing:
                return
            await asyncio.sleep(0.01)

    async def _answered(self, text: str, scope: Scope) -> dict[str, Any]:
        number: Any = None
        shows_limits, counted = True, Counted(0, None, None)
        try:
            try:
                request = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                raise WireRefusalError(-1102, "Request is not JSON.") from None
            if not isinstance(request, dict):
                raise WireRefusalError(-1102, "Request is not an object.")
            number = request.get("id")
            params = request.get("params") or {}
            if isinstance(number, bool | float | list | dict) or not isinstance(params, dict):
                number = None if isinstance(number, bool | float | list | dict) else number
                raise WireRefusalError(-1102, "id is a number or a text, params is an object.")
            shows_limits = params.get("returnRateLimits") not in (False, "false")
            place = METHODS.get(str(request.get("method")))
            if place is None:
                raise WireRefusalError(-1102, "Unknown method.")
            endpoint = ENDPOINTS[place]
            parameters = parameters_of_json(params)
            key = parameters.get("apiKey", "")
            account = caller(
                self._desk, endpoint, key, parameters, lambda secret: check_signed_parameters(secret, params)
            )
            asked = read(endpoint.request, parameters)
            client = scope.get("client")
            counted = count(self._desk, endpoint, account, asked, client[0] if client else "")
            answer = {"id": number, "status": 200, "result": await self._answer(endpoint, account, asked)}
        except WireRefusalError as refusal:
            error = {"code": refusal.code, "msg": refusal.text}
            answer = {"id": number, "status": refusal.status, "error": error}
        if shows_limits:
            counts = (counted.weight, counted.orders_1m or 0, counted.orders_10s or 0)
            answer["rateLimits"] = [
                {**limit, "count": number_of} for limit, number_of in zip(RATE_LIMITS, counts, strict=True)
            ]
        return answer
