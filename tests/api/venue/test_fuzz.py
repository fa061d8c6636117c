"""The dialect under input drawn from its own request types: never a 500, never harm to another connection.

Parameters are good, nearly good or nonsense; so are WebSocket frames. After each file of them the venue answers as before.
"""

from __future__ import annotations

import json
import time
import types
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from isocross.venue.binance import app
from isocross.venue.binance.routes import ENDPOINTS, Security
from isocross.venue.binance.websocket_api import METHODS
from isocross.venue.binance.words import words_of

from .sockets import Heard

assert app.MODULES  # they enter the endpoints

SYMBOL_TEXT = st.sampled_from(["BTCUSDT", "ETHUSDT", "BTCUSDC", "NOPE", "btcusdt", ""])
NUMBERS = st.one_of(
    st.integers(-10, 10**6), st.integers(-(2**70), 2**70), st.decimals(-1000, 10**6, places=3),
    st.sampled_from(["0", "0.010", "1e3", "1e99", "-0", "NaN", "00000.10", "50000", "49000.1", "9" * 30]),
).map(str)  # fmt: skip
INTEGERS = st.one_of(st.integers(-1, 2000), st.integers(-(2**70), 2**70), st.just(int(time.time() * 1000))).map(str)
NONSENSE = st.text(max_size=40)


def values(hint: Any, name: str) -> st.SearchStrategy[str]:
    """Texts for a field of this type."""
    kind = hint
    if get_origin(hint) in (Union, types.UnionType):
        kind = next(part for part in get_args(hint) if part is not type(None))
    if get_origin(kind) is list:
        element = get_args(kind)[0]
        if element is dict or get_origin(element) is dict:
            return st.lists(orders_as_json, max_size=6).map(json.dumps)
        return st.lists(st.one_of(st.integers(0, 10**6), st.text(max_size=5)), max_size=11).map(json.dumps)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(words_of(kind))
    if name in ("symbol", "pair"):
        return SYMBOL_TEXT
    return {int: INTEGERS, Decimal: NUMBERS, bool: st.sampled_from(["true", "False", "1", ""])}.get(kind, NONSENSE)


def parameters(request: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, str]]:
    """Parameters of a request: most of them of their type, some missing, some nonsense."""
    hints = get_type_hints(request)
    fields = {
        field.encode_name: st.one_of(
            values(hints[field.name], field.name), values(hints[field.name], field.name), NONSENSE
        )
        for field in msgspec.structs.fields(request)
    }
    required = {name: fields[name] for name in list(fields)[:4]}
    return st.fixed_dictionaries(required, optional={name: one for name, one in fields.items() if name not in required})


orders_as_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["symbol", "side", "type", "quantity", "price"]), inner, max_size=5),
    max_leaves=5,
)
PLACES = sorted(ENDPOINTS)
FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def is_well(venue: Any) -> None:
    """The venue answers as before, and its money adds up."""
    assert httpx.get(f"{venue.url}/fapi/v1/ping").json() == {}
    assert not venue.core.exchange.is_poisoned
    assert set(venue.core.exchange.conservation_gap_e8().values()) == {0}


def ask(venue: Any, place: tuple[str, str], asked: dict[str, str]) -> None:
    method, path = place
    client = venue.client("alice") if not venue._clients else venue._clients[0]
    asked = {name: value for name, value in asked.items() if name not in ("timestamp", "recvWindow")}
    asked["timestamp"] = str(int(time.time() * 1000))
    query = urlencode(asked)
    answer = client.http.request(method, f"{path}?{query}&signature={client.signature(query)}")
    body = answer.json()
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.status_code < 500, (place, asked, answer.text)
    if answer.status_code != 200:
        assert set(body) == {"code", "msg"}
        assert isinstance(body["code"], int)
        assert body["code"] < 0
        assert body["msg"]
    elif isinstance(body, dict):
        assert body.get("code", 200) in (200, "200")


def fuzz(venue: Any, place: tuple[str, str], how: settings) -> None:
    @how
    @given(parameters(ENDPOINTS[place].request))
    def once(asked: dict[str, str]) -> None:
        ask(venue, place, asked)

    once()
    is_well(venue)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0]} {place[1]}")
def test_any_parameters_are_answered_or_refused(venue, place):
    fuzz(venue, place, FEW)


@pytest.mark.full
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0]} {place[1]}")
def test_many_parameters_are_answered_or_refused(venue, place):
    fuzz(venue, place, MANY)


def frames(names: list[str]) -> st.SearchStrategy[str | bytes]:
    """Messages of a socket: of the right shape, of nearly that, of none."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
    shaped = st.fixed_dictionaries(
        {"method": st.sampled_from(names) | anything, "params": st.lists(st.text(max_size=20), max_size=4) | anything},
        optional={"id": st.integers() | st.text(max_size=5) | anything},
    )
    return st.one_of(shaped.map(json.dumps), anything.map(json.dumps), st.text(max_size=50), st.binary(max_size=50))


STREAM_WORDS = ["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "PING"]


def fuzz_socket(venue: Any, path: str, names: list[str], how: settings) -> None:
    with Heard(f"{venue.ws}/ws/btcusdt@bookTicker") as witness:
        witness.until(lambda said: said["e"] == "bookTicker")

        @how
        @given(st.lists(frames(names), min_size=1, max_size=10))
        def once(messages: list[str | bytes]) -> None:
            with Heard(venue.ws + path) as socket:
                try:
                    for message in messages:
                        socket.send(message)
                    if path.startswith("/ws-fapi"):
                        socket.send({"id": "the-end", "method": "time"})
                    else:
                        socket.send({"id": "the-end", "method": "LIST_SUBSCRIPTIONS"})
                    socket.until(lambda said: isinstance(said, dict) and said.get("id") == "the-end")
                except ConnectionClosed as closed:
                    assert closed.rcvd is not None
                    assert closed.rcvd.code != 1011, "a bug"

        once()
        venue.quote("BTCUSDT", 50_001)
        venue.quote("BTCUSDT", 50_000)
        assert [said for said in witness.quiet() if said["e"] == "bookTicker"], "another connection goes on"
    is_well(venue)


@pytest.mark.parametrize("path", ["/ws", "/stream", "/private/ws/1"])
def test_any_frame_on_a_stream_is_answered(venue, path):
    fuzz_socket(venue, path, STREAM_WORDS, settings(FEW, max_examples=10))


def test_any_frame_on_the_websocket_api_is_answered(venue):
    fuzz_socket(venue, "/ws-fapi/v1", list(METHODS), settings(FEW, max_examples=10))


@pytest.mark.full
@pytest.mark.parametrize(
    ("path", "names"), [("/ws", STREAM_WORDS), ("/stream", STREAM_WORDS), ("/ws-fapi/v1", list(METHODS))]
)
def test_many_frames_are_answered(venue, path, names):
    fuzz_socket(venue, path, names, MANY)


@pytest.mark.parametrize(
    "path", ["/ws/{}", "/stream?streams={}", "/private/ws?listenKey={}&events={}", "/public/ws/{}/{}"]
)
def test_any_address_opens_or_is_refused(venue, path):
    for text in (
        "%00",
        "%ff%fe",
        "a" * 2000,
        "btcusdt@kline_",
        "@@@",
        "!",
        "%7B%7D",
        "btcusdt@depth5@",
        "//",
        "..%2f..",
    ):
        try:
            with Heard(venue.ws + path.replace("{}", text)) as socket:
                assert socket.ask({"id": 1, "method": "LIST_SUBSCRIPTIONS"})["id"] == 1
        except ConnectionClosed as closed:
            assert closed.rcvd is None or closed.rcvd.code != 1011
    is_well(venue)


def test_signed_endpoints_refuse_who_does_not_sign(venue):
    for method, path in PLACES:
        if ENDPOINTS[method, path].security != Security.NONE:
            answer = httpx.request(method, f"{venue.url}{path}")
            assert (answer.status_code, answer.json()["code"]) == (401, -2014)
