"""Reading requests of the Binance dialect: parameters, decimals, words, signatures, the window of time."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isocross import rulebook
from isocross.codes import OrderType, PositionSide, Refusal, Side, TimeInForce, WorkingType
from isocross.venue.binance import requests
from isocross.venue.binance.limits import LimitReachedError, Usage
from isocross.venue.binance.listen_keys import VALID_MS, ListenKeys
from isocross.venue.binance.numbers import SymbolNumbers, decimals_of, fixed, money, numbers_of, on_grid, read_decimal
from isocross.venue.binance.parameters import parameters_of, parameters_of_json, read
from isocross.venue.binance.refusals import TEXTS, WIRE_CODE, WireRefusalError, refuse, wire_refusal
from isocross.venue.binance.requests import Batch, ManyOrders, NewOrder, OneOrder, SetLeverage
from isocross.venue.binance.signing import check_signature, check_signed_parameters, check_time
from isocross.venue.binance.streams.names import ALL, Topic, topic_of
from isocross.venue.binance.words import Interval, words_of

SECRET = b"secret"
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "59000.0",
}


def code_of(function, *arguments) -> tuple[int, str]:
    with pytest.raises(WireRefusalError) as refused:
        function(*arguments)
    return refused.value.code, refused.value.text


# ---- parameters


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"symbol=BTCUSDT&leverage=10", b""),
        (b"", b"symbol=BTCUSDT&leverage=10"),
        (b"symbol=BTCUSDT", b"leverage=10"),
        (b"leverage=10", b"symbol=ETHUSDT&leverage=20&symbol=BTCUSDT"),
        (b"symbol=BTC%55SDT&leverage=%310", b"recvWindow=5000&positionSide="),
    ],
)
def test_parameters_are_found_in_query_and_body_and_the_query_wins(query, body):
    assert read(SetLeverage, parameters_of(query, body)) == SetLeverage(symbol="BTCUSDT", leverage=10)


def test_an_order_is_read_by_its_types():
    order = read(NewOrder, {**ORDER, "reduceOnly": "False", "positionSide": "BOTH", "workingType": "CONTRACT_PRICE"})
    assert order == NewOrder(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=Decimal("0.01"),
        price=Decimal(59000), reduce_only=False, position_side=PositionSide.BOTH, working_type=WorkingType.LAST_PRICE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False)]
)
def test_booleans_come_in_any_case(text, value):
    assert read(NewOrder, {**ORDER, "reduceOnly": text}).reduce_only is value


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        ("symbol", "", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ("side", "LONG", -1117, "Invalid side."),
        ("side", "buy", -1117, "Invalid side."),
        ("side", "", -1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed."),
        ("type", "LIMIT_MAKER", -1116, "Invalid orderType."),
        ("timeInForce", "GTE", -1115, "Invalid timeInForce."),
        ("quantity", "1e999999", -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
        ("quantity", "NaN", -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
        ("price", "0x10", -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        ("reduceOnly", "1", -1102, "Mandatory parameter 'reduceOnly' was not sent, was empty/null, or malformed."),
        ("positionSide", "UP", -1130, "Data sent for parameter 'positionSide' is not valid."),
        ("workingType", "INDEX", -1130, "Data sent for parameter 'workingType' is not valid."),
        (
            "goodTillDate",
            "9" * 25,
            -1102,
            "Mandatory parameter 'goodTillDate' was not sent, was empty/null, or malformed.",
        ),
        ("goodTillDate", "१२", -1102, "Mandatory parameter 'goodTillDate' was not sent, was empty/null, or malformed."),
    ],
)
def test_a_parameter_that_is_missing_or_malformed_has_its_code(name, value, code, text):
    assert code_of(read, NewOrder, {**ORDER, name: value}) == (code, text)


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        (b"orderIdList=[1,2]", [1, 2]),
        (b"orderIdList=%5B1%2C%202%5D", [1, 2]),
        (b'orderidlist=["1", "2"]', [1, 2]),
    ],
)
def test_lists_are_json_under_either_name(raw, ids):
    assert read(ManyOrders, parameters_of(b"symbol=BTCUSDT", raw)).order_id_list == ids


@pytest.mark.parametrize("raw", ["[1.5]", "[true]", "[[1]]", "{}", "[1", "1", "[" * 5000])
def test_a_list_of_something_else_is_malformed(raw):
    code, _ = code_of(read, ManyOrders, {"symbol": "BTCUSDT", "orderIdList": raw})
    assert code == -1102


def test_a_batch_says_each_order_as_text():
    batch = read(Batch, {"batchOrders": '[{"symbol":"BTCUSDT","quantity":0.01,"reduceOnly":true,"price":null}]'})
    assert batch.batch_orders == [{"symbol": "BTCUSDT", "quantity": "0.01", "reduceOnly": "true"}]


def test_json_values_read_as_their_text():
    parameters = parameters_of_json({"symbol": "BTCUSDT", "orderId": 5, "returnRateLimits": False, "price": None})
    assert read(OneOrder, parameters).order_id == 5
    assert parameters["returnRateLimits"] == "false"


def test_bytes_that_are_no_text_are_refused():
    assert code_of(parameters_of, b"a=\xff", b"")[0] == -1102


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(query, body):
    try:
        read(NewOrder, parameters_of(query, body))
    except WireRefusalError as refused:
        assert refused.text


def test_every_request_has_a_reader_for_every_field():
    kinds = [kind for kind in vars(requests).values() if isinstance(kind, type) and issubclass(kind, requests.Request)]
    assert len(kinds) > 25
    for kind in kinds:
        names = {field.encode_name for field in msgspec.structs.fields(kind)}
        assert len(names) == len(get_type_hints(kind)) - len([n for n in get_type_hints(kind) if n.startswith("__")])
        try:
            read(kind, {})
        except WireRefusalError as refused:
            assert refused.code == -1102


# ---- numbers


@pytest.mark.parametrize(
    ("text", "grid_e8", "steps"),
    [
        ("59000.0", 10_000_000, 590_000),
        ("59000.10000000000", 10_000_000, 590_001),
        ("59000.05", 10_000_000, None),
        ("0.010", 100_000, 10),
        ("1e-3", 100_000, 1),
        ("0.0005", 100_000, None),
        ("1E+2", 100_000, 100_000),
        (".5", 50_000_000, 1),
        ("0.000000001", 1, None),
        ("-1", 100_000_000, -1),
    ],
)
def test_precision_is_judged_by_value(text, grid_e8, steps):
    number = read_decimal(text)
    assert number is not None
    assert on_grid(number, grid_e8) == steps


@pytest.mark.parametrize(
    "text", ["", ".", "1.2.3", "NaN", "Infinity", "1e1000", "1_000", "1,000", " 1", "0x1", "9" * 21, "१"]
)
def test_what_is_no_decimal(text):
    assert read_decimal(text) is None


@given(st.decimals(-(10**12), 10**12, places=8))
def test_money_has_eight_decimals_and_loses_nothing(value):
    e8 = int(value.scaleb(8))
    text = money(e8)
    assert Decimal(text) == value
    assert len(text.split(".")[1]) == 8


@pytest.mark.parametrize(
    ("grid_e8", "decimals"), [(10_000_000, 1), (1, 8), (100_000_000, 0), (5_000_000, 2), (1_000_000_000, 0)]
)
def test_a_grid_has_the_decimals_that_it_needs(grid_e8, decimals):
    assert decimals_of(grid_e8) == decimals


def test_prices_and_quantities_have_fixed_decimals_in_every_symbol():
    for rules in rulebook.load("binance-usdm").symbols.values():
        numbers = numbers_of(rules)
        for count in (1, 7, 10, 100, 123_456):
            for text, grid in ((numbers.price(count), rules.tick_e8), (numbers.quantity(-count), -rules.step_e8)):
                assert Decimal(text).scaleb(8) == count * grid
        assert len({len(numbers.price(count).partition(".")[2]) for count in range(1, 200)}) == 1
        assert len({len(numbers.quantity(count).partition(".")[2]) for count in range(1, 200)}) == 1


@pytest.mark.parametrize(
    ("value_e8", "lots", "text"),
    [(50_001 * 10**8 // 100, 10, "50001.0"), (0, 0, "0.0"), (100_000_000_01, 3, "33333.33333667")],
)
def test_an_average_has_as_many_decimals_as_it_needs(value_e8, lots, text):
    assert SymbolNumbers(10_000_000, 100_000, 1, 3, 10**9).average(value_e8, lots) == text


def test_fixed_cuts_nothing_on_its_grid():
    assert [fixed(-150_000_000, 1), fixed(0, 0), fixed(100_000_000, 0)] == ["-1.5", "0", "1"]


# ---- refusals


def test_every_refusal_of_the_engine_has_a_code_and_a_text():
    for refusal in Refusal:
        if refusal != Refusal.NONE:
            said = wire_refusal(refusal)
            assert said.code == WIRE_CODE[refusal]
            assert said.text
            assert "%" not in said.text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-4046, "No need to change margin type."),
        (-2013, "Order does not exist."),
        (-2011, "Unknown order sent."),
        (-2019, "Margin is insufficient."),
        (-1121, "Invalid symbol."),
    ],
)
def test_texts_that_clients_compare(code, text):
    assert TEXTS[code] == text


def test_statuses():
    assert [refuse(code).status for code in (-2014, -2015, -1007, -2019)] == [401, 401, 503, 400]
    assert refuse(-1003, 2400).status == 429


# ---- signatures


def sign(payload: bytes) -> str:
    return hmac.new(SECRET, payload, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("query", "body", "signed"),
    [
        (b"a=1&b=2", b"", b"a=1&b=2"),
        (b"", b"a=1&b=2", b"a=1&b=2"),
        (b"a=1", b"b=2", b"a=1b=2"),
        (b"b=2&a=1", b"", b"b=2&a=1"),
        (b"id=a%3Ab%2Fc", b"", b"id=a%3Ab%2Fc"),
        (b"id=a%3Ab%2Fc", b"", b"id=a:b/c"),
        (b"", b"id=a%3Ab&x=%5B1%2C2%5D", b"id=a:b&x=[1,2]"),
        (b"", b"id=a+b", b"id=a b"),
    ],
)
@pytest.mark.parametrize("place", ["end of query", "end of body", "start of query"])
def test_a_signature_is_good_over_what_came_or_what_it_says(query, body, signed, place):
    signature = sign(signed)
    mark = b"signature=" + signature.encode()
    if place == "end of query":
        query = query + b"&" + mark if query else mark
    elif place == "end of body":
        body = body + b"&" + mark if body else mark
    else:
        query = mark + b"&" + query if query else mark
    check_signature(SECRET, query, body, signature)
    check_signature(SECRET, query, body, signature.upper())


@pytest.mark.parametrize("signature", ["", "0" * 64, sign(b"a=2"), "é" * 64])
def test_another_signature_is_not(signature):
    assert code_of(check_signature, SECRET, b"a=1&signature=x", b"", signature)[0] == -1022


def test_the_websocket_api_signs_its_parameters_sorted_and_as_json():
    params = {"symbol": "BTCUSDT", "orderId": 5, "returnRateLimits": False, "apiKey": "k", "timestamp": 1}
    payload = b"apiKey=k&orderId=5&returnRateLimits=false&symbol=BTCUSDT&timestamp=1"
    check_signed_parameters(SECRET, {**params, "signature": sign(payload)})
    assert code_of(check_signed_parameters, SECRET, {**params, "signature": sign(payload), "orderId": 6})[0] == -1022


@pytest.mark.parametrize(
    ("timestamp", "window", "is_good"),
    [
        (10_000, None, True), (10_999, None, True), (11_000, None, False), (5_000, None, True), (4_999, None, False),
        (4_999, 5_001, True), (0, 60_000, True),
    ],
)  # fmt: skip
def test_a_timestamp_lies_in_its_window(timestamp, window, is_good):
    if is_good:
        check_time(timestamp, window, (10_000,))
    else:
        assert code_of(check_time, timestamp, window, (10_000,))[0] == -1021


def test_either_clock_will_do_and_an_early_one_is_told_so():
    check_time(10_000, None, (10_000_000, 10_000))
    assert code_of(check_time, 20_000, None, (10_000, 5_000))[1].endswith("1000ms ahead of the server's time.")
    assert code_of(check_time, 1, 60_001, (1,))[0] == -1130


# ---- limits


def test_usage_is_counted_and_refused_only_where_it_is_enforced():
    free = Usage()
    assert [free.ask("a", 2_000, 0), free.ask("a", 2_000, 1), free.ask("b", 1, 2), free.ask("a", 1, 60_000)] == [
        2000,
        4000,
        1,
        1,
    ]
    strict = Usage(is_enforced=True)
    assert strict.order(1, 300, 5_000) == (300, 300)
    with pytest.raises(LimitReachedError) as reached:
        strict.order(1, 1, 5_001)
    assert (reached.value.code, reached.value.status, reached.value.retry_after_s) == (-1015, 429, 5)
    assert strict.order(1, 1, 10_000) == (1, 302)


# ---- listen keys


def test_a_listen_key_lives_an_hour_and_an_hour_more_with_every_renewal():
    now = [0]
    keys = ListenKeys(lambda: now[0])
    ended: list[tuple[int, str]] = []
    keys.on_end.append(lambda account, key: ended.append((account, key)))
    first, other = keys.start(2), keys.start(3)
    assert first != other
    assert keys.start(2) == first
    now[0] = VALID_MS - 1
    assert keys.extend(2) == first
    now[0] = VALID_MS
    assert (keys.account(first), keys.account(other)) == (2, None)
    assert ended == [(3, other)]
    assert code_of(keys.extend, 3) == (-1125, "This listenKey does not exist.")
    now[0] = 2 * VALID_MS
    keys.expire()
    assert ended == [(3, other), (2, first)]
    assert keys.start(2) != first


# ---- names of streams

ROWS = {"BTCUSDT": 0, "ETHUSDT": 1}


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("btcusdt@aggTrade", Topic("aggTrade", 0)),
        ("BTCUSDT@aggTrade", Topic("aggTrade", 0)),
        ("ethusdt@trade", Topic("trade", 1)),
        ("btcusdt@kline_1M", Topic("kline", 0, "1M")),
        ("btcusdt@kline_1m", Topic("kline", 0, "1m")),
        ("btcusdt@kline_7m", None),
        ("btcusdt_perpetual@continuousKline_1h", Topic("continuousKline", 0, "1h")),
        ("btcusdt_current@continuousKline_1h", None),
        ("btcusdt@depth", Topic("depth", 0, speed_ms=250)),
        ("btcusdt@depth@0ms", Topic("depth", 0, speed_ms=0)),
        ("btcusdt@depth@50ms", None),
        ("btcusdt@depth5@100ms", Topic("partial", 0, levels=5, speed_ms=100)),
        ("btcusdt@depth7", None),
        ("!markPrice@arr@1s", Topic("markPrice@1s", ALL)),
        ("!bookTicker", Topic("bookTicker", ALL)),
        ("xyzusdt@trade", None),
        ("", None),
        ("@", None),
        ("1", None),
    ],
)
def test_a_streams_name_says_its_topic(name, topic):
    assert topic_of(name, lambda symbol: ROWS.get(symbol.upper())) == topic


def test_intervals_are_those_of_the_market():
    from isocross.market.intervals import INTERVALS

    assert words_of(Interval) == list(INTERVALS)
