"""App: the control plane as an ASGI application.

Responsible for: its key, the body of a request as its type, the world that a path names, answers after commit, errors as JSON.
Must not: do what an endpoint does.
"""

from __future__ import annotations

import hmac
import inspect
from http import HTTPStatus
from typing import Any

import msgspec

from ...errors import ExchangeError, InputError, JournalError, PoisonedError, RefusedError, StatusUnknownError
from ..guard import Receive, Scope, Send
from ..opening import OpenVenue
from . import accounts, alarms, clock, faults, prices, symbols, worlds
from .faults import Faults
from .openapi import KEY_HEADER, document
from .place import Place, Places
from .routes import PREFIX, Endpoint, find

MODULES = (clock, prices, accounts, symbols, worlds, faults, alarms)
_encode = msgspec.json.Encoder().encode
_KEY = KEY_HEADER.encode()


class _Fault(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: str, message: str) -> None:
        self.status, self.error, self.message = status, error, message


class ControlApp:
    """The control plane of one venue and of the worlds beside it."""

    def __init__(self, venue: OpenVenue) -> None:
        self.faults = Faults(venue.core.accounts)
        self.places = Places(venue, self.faults)
        self._venue = venue

    @staticmethod
    def handles(path: str) -> bool:
        """Whether a path is the control plane's."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "the control plane has no sockets"})
            return
        status, headers = 200, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        try:
            body = await _body(receive)
            data = await self._answered(scope, body)
        except _Fault as fault:
            status, data = fault.status, _encode({"error": fault.error, "message": fault.message})
        headers.append((b"content-length", str(len(data)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data if scope["method"] != "HEAD" else b""})

    async def close(self) -> None:
        """Let the worlds beside the venue go."""
        await self.places.close()

    async def _answered(self, scope: Scope, body: bytes) -> bytes:
        path = scope["path"]
        if path == f"{PREFIX}/openapi.json" and scope["method"] == "GET":
            return document()
        key = next((value for name, value in scope["headers"] if name == _KEY), b"")
        if not hmac.compare_digest(key, self._venue.core.accounts.control_key.encode()):
            raise _Fault(401, "control.key", f"the control plane wants its key in the header {KEY_HEADER}")
        endpoint, parts, methods = find(scope["method"], path)
        if endpoint is None:
            if methods:
                raise _Fault(405, "control.method", f"{path} takes {', '.join(methods)}")
            raise _Fault(
                404, "control.path", f"{path[:200]}: nothing is here; GET {PREFIX}/openapi.json says what there is"
            )
        try:
            place = self.places.named(parts.pop("fork", None)) if endpoint.of_world else self.places.venue
            answer = await self._run(endpoint, place, body, parts)
            await place.world.core.gate.passed(place.world.core.position)
            return _encode(answer)
        except RefusedError as refusal:
            raise _Fault(409, "refused", str(refusal)) from None
        except (PoisonedError, StatusUnknownError, JournalError) as error:
            raise _Fault(503, error.code, str(error)) from None
        except KeyError as missing:
            raise _Fault(404, "control.missing", str(missing.args[0])) from None
        except (InputError, ExchangeError) as error:
            raise _Fault(400, error.code, str(error)) from None

    async def _run(self, endpoint: Endpoint, place: Place, body: bytes, parts: dict[str, str]) -> Any:
        taken: list[Any] = []
        if endpoint.request is not None:
            try:
                taken = [msgspec.json.decode(body or b"{}", type=endpoint.request)]
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InputError(f"body: {error}") from None
        answer = endpoint.handler(place, *taken, **parts)
        return await answer if inspect.isawaitable(answer) else answer


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "control.body", "the body is too large, or did not come")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
