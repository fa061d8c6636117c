"""App: the page as an application of its own: its files, its routes, its stream.

Responsible for: which handler answers which path, the session of a request, the form in its body, answers after commit, errors as JSON.
Must not: do what a handler does.

Whatever changes something is a POST with a JSON body: no page of another site can send one with the cookie (SameSite=Strict), and the
guard in front of all has looked at Host and Origin before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...errors import ExchangeError, JournalError, PoisonedError, RefusedError, StatusUnknownError
from ..accounts import Account
from ..control.twins import TwinRoom
from ..guard import Receive, Scope, Send
from ..opening import OpenVenue
from . import asking, built, checking, clock, holding, receipts, sending, state
from .forms import (
    Again,
    AlarmOn,
    Amend,
    Clock,
    Close,
    Exits,
    Fork,
    Form,
    LeverageOf,
    Margin,
    ModeOf,
    OfAlarm,
    OfOrder,
    OfSymbol,
    Order,
    Token,
)
from .hall import Hall, Halls
from .history import FILE_ROWS_MAX, csv_of, history_of
from .signing_in import COOKIE_SECONDS, SignIn, cookie_name
from .stream import Stream

PREFIX = "/page"
CLOSE_SECONDS = 0.5
Handler = Callable[[Hall, Account, Any], Awaitable[dict[str, Any]]]
_encode = msgspec.json.Encoder().encode


async def _make_twin(hall: Hall, account: Account, form: OfSymbol) -> dict[str, Any]:
    """A twin of the trade that is open, in the other mode."""
    await hall.twins.make(account, hall.core.symbols[hall.core.exchange.symbol_row(form.symbol)])
    hall.wake()
    return {}


async def _remove_twin(hall: Hall, account: Account, form: OfSymbol) -> dict[str, Any]:
    """Let it go."""
    await hall.twins.remove(account, hall.core.symbols[hall.core.exchange.symbol_row(form.symbol)])
    return {}


async def _why(hall: Hall, account: Account, form: OfSymbol) -> dict[str, Any]:
    """Why world and twin differ."""
    return {"difference": await hall.twins.why(account, form.symbol)}


async def _add_alarm(hall: Hall, account: Account, form: AlarmOn) -> dict[str, Any]:
    """A line that is told of when it is crossed."""
    hall.alarms.add(account, form)
    hall.wake()
    return {}


async def _remove_alarm(hall: Hall, account: Account, form: OfAlarm) -> dict[str, Any]:
    """Take it away."""
    hall.alarms.remove(account, form.alarm_id)
    hall.wake()
    return {}


POSTS: dict[str, tuple[type[Form], Handler]] = {
    "/preview": (Order, asking.preview),
    "/check": (Order, checking.check),
    "/order": (Order, sending.place),
    "/close": (Close, holding.close),
    "/close/all": (Form, holding.close_all),
    "/close/preview": (Close, holding.preview_close),
    "/exits": (Exits, holding.set_exits),
    "/exits/preview": (Exits, holding.preview_exits),
    "/amend": (Amend, holding.amend),
    "/cancel": (OfOrder, sending.cancel),
    "/cancel/all": (Form, holding.cancel_all),
    "/mode": (ModeOf, sending.set_mode),
    "/leverage": (LeverageOf, sending.set_leverage),
    "/margin": (Margin, sending.move_margin),
    "/margin/preview": (Margin, sending.preview_margin),
    "/clock": (Clock, clock.set_clock),
    "/twin": (OfSymbol, _make_twin),
    "/twin/remove": (OfSymbol, _remove_twin),
    "/twin/why": (OfSymbol, _why),
    "/alarm": (AlarmOn, _add_alarm),
    "/alarm/remove": (OfAlarm, _remove_alarm),
}


class PageApp:
    """The page of one venue. `room`: keeps the twins of the venue itself. `folder`: where the built files are."""

    def __init__(self, venue: OpenVenue, room: TwinRoom | None = None, folder: Path = built.FOLDER) -> None:
        self.sign_in = SignIn(venue.core.accounts)
        self.halls = Halls(venue, room or TwinRoom(venue.core))
        self._folder = folder
        self._streams: set[asyncio.Task[Any]] = set()
        self._acting: set[asyncio.Task[Any]] = set()  # a jump of the clock may take a while
        self._is_closing = False

    @staticmethod
    def handles(path: str) -> bool:
        """Whether a path is the page's."""
        return path == "/" or path.startswith((f"{PREFIX}/", "/assets/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._stream(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        try:
            response = await self._answered(request)
        except asyncio.CancelledError:
            if not self._is_closing:
                raise
            response = _json({"error": "page.ending", "message": "the venue ends"}, 503)
        except RefusedError as refusal:
            response = _json({"error": "refused", "message": str(refusal)}, 409)
        except (PoisonedError, StatusUnknownError, JournalError) as error:
            response = _json({"error": error.code, "message": str(error)}, 503)
        except KeyError as missing:
            response = _json({"error": "page.missing", "message": str(missing.args[0])}, 404)
        except (ExchangeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            response = _json({"error": getattr(error, "code", "page.form"), "message": str(error)}, 400)
        await response(scope, receive, send)

    async def close(self) -> None:
        """End the streams and what is under way, let the worlds beside the venue go."""
        self._is_closing = True
        under_way = [*self._streams, *self._acting]
        for task in under_way:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*under_way, return_exceptions=True)
        await self.halls.close()

    # ---- answers

    async def _answered(self, request: Request) -> Response:
        path, method = request.url.path, request.method
        if not path.startswith(f"{PREFIX}/"):
            if method not in ("GET", "HEAD"):
                return PlainTextResponse("this takes GET\n", 405, {"allow": "GET, HEAD"})
            return built.answer_to(path, self._folder)
        name = path.removeprefix(PREFIX)
        if method == "POST" and request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _json({"error": "page.form", "message": "expected a body of content-type application/json"}, 415)
        if name == "/sign-in":
            return await self._signed_in(request) if method == "POST" else _no_method("POST")
        account = self._account_of(request)
        if account is None:
            return _json({"error": "page.session", "message": "sign in by the link that the venue printed"}, 401)
        if name == "/sign-out":
            return self._signed_out(request) if method == "POST" else _no_method("POST")
        if method == "POST":
            body = await request.body()
            task = asyncio.current_task()
            assert task is not None
            self._acting.add(task)
            try:
                return await self._posted(name, account, body)
            finally:
                self._acting.discard(task)
        if method != "GET":
            return _no_method("GET, POST")
        return await self._read(name, account, request)

    async def _posted(self, name: str, account: Account, body: bytes) -> Response:
        if name == "/again":
            form = msgspec.json.decode(body, type=Again)
            return _json(await receipts.again(self.halls, self.halls.named(form.world), account, form))
        if name == "/fork":
            fork = msgspec.json.decode(body, type=Fork)
            hall = await self.halls.fork(self.halls.named(fork.world), account.row, fork.back_ms)
            return _json({"world": hall.name})
        if name not in POSTS:
            return _json({"error": "page.path", "message": f"{name[:100]}: nothing is here"}, 404)
        kind, handler = POSTS[name]
        asked = msgspec.json.decode(body, type=kind)
        hall = self.halls.named(asked.world)
        answer = await handler(hall, account, asked)
        await hall.core.gate.passed(hall.core.position)
        return _json(answer)

    async def _read(self, name: str, account: Account, request: Request) -> Response:
        query = request.query_params
        hall = self.halls.named(query.get("world", ""))
        core = hall.core
        symbol = query.get("symbol", core.symbols[0])
        if name == "/venue":
            answer = state.venue_of(hall, account)
        elif name == "/state":
            answer = state.state_of(hall, account, symbol, _interval(query.get("interval", "1m")))
        elif name == "/candles":
            limit = query.get("limit", "500")
            row = core.exchange.symbol_row(symbol)
            count = int(limit) if limit.isdecimal() and len(limit) < 6 else 500
            answer = {"bars": state.bars_of(core, row, _interval(query.get("interval", "1m")), max(count, 1))}
        elif name in ("/history", "/history.csv"):
            table = query.get("table", "orders")
            await core.gate.passed(core.position)
            if name == "/history.csv":
                return _file(csv_of(history_of(core, account, table, FILE_ROWS_MAX)), f"{account.name}-{table}.csv")
            answer = {"rows": history_of(core, account, table)}
        elif name == "/receipts":
            answer = await receipts.list_receipts(hall, account)
        elif name.startswith("/receipts/"):
            number, _, more = name.removeprefix("/receipts/").partition("/")
            if not number.isdecimal() or len(number) > 9 or more not in ("", "rescues"):
                raise KeyError(f"{name[:100]}: nothing is here")
            read = receipts.what_would_have_saved if more else receipts.read_receipt
            answer = await read(hall, account, int(number))
        else:
            raise KeyError(f"{name[:100]}: nothing is here")
        await core.gate.passed(core.position)
        return _json(answer)

    # ---- sessions

    async def _signed_in(self, request: Request) -> Response:
        token = msgspec.json.decode(await request.body(), type=Token).token
        cookie = self.sign_in.cookie_for(token)
        if cookie is None:
            text = "this link has been used, or is too old: take a new one from where the venue runs"
            return _json({"error": "page.token", "message": text}, 401)
        response = _json({})
        response.set_cookie(
            cookie_name(request.url.port), cookie, max_age=COOKIE_SECONDS, httponly=True, samesite="strict", path="/"
        )
        return response

    @staticmethod
    def _signed_out(request: Request) -> Response:
        response = _json({})
        response.delete_cookie(cookie_name(request.url.port), path="/", httponly=True, samesite="strict")
        return response

    def _account_of(self, connection: HTTPConnection) -> Account | None:
        try:
            cookies = SimpleCookie(connection.headers.get("cookie", ""))
        except CookieError:
            return None
        found = cookies.get(cookie_name(connection.url.port))
        return None if found is None else self.sign_in.account_of(found.value)

    async def _stream(self, socket: WebSocket) -> None:
        account = self._account_of(socket)
        if socket.url.path != f"{PREFIX}/stream" or account is None:
            await socket.receive()
            await socket.close(1008)
            return
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            await Stream(socket, self.halls, account).run()
        except asyncio.CancelledError:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(1001)
        finally:
            self._streams.discard(task)


def _interval(text: str) -> str:
    from ...market.intervals import INTERVALS

    if text not in INTERVALS:
        raise KeyError(f"interval {text[:20]!r}: expected one of {', '.join(INTERVALS)}")
    return text


def _no_method(allowed: str) -> Response:
    response = _json({"error": "page.method", "message": f"this takes {allowed}"}, 405)
    response.headers["allow"] = allowed
    return response


def _file(text: str, name: str) -> Response:
    headers = {"cache-control": "no-store", "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(text, headers=headers, media_type="text/csv")


def _json(answer: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(_encode(answer), status, headers, media_type="application/json")
