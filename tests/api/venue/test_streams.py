"""Market streams: every form of address, control messages, payloads, local books, quiet markets."""

from __future__ import annotations

import httpx
import pytest

from .sockets import Heard


def event(name: str):
    return lambda said: isinstance(said, dict) and said.get("e") == name


@pytest.mark.parametrize(
    "address",
    [
        "/ws/btcusdt@bookTicker", "/public/ws/btcusdt@bookTicker", "/market/ws/ethusdt@trade/btcusdt@bookTicker",
        "/private/ws/BTCUSDT@bookTicker",
    ],
)  # fmt: skip
def test_raw_addresses(venue, address):
    with Heard(venue.ws + address) as socket:
        said = socket.until(event("bookTicker"))
    assert (said["s"], len(said["b"].split(".")[1]), len(said["B"].split(".")[1])) == ("BTCUSDT", 1, 3)


@pytest.mark.parametrize(
    "address", ["/stream?streams=ethusdt@trade/btcusdt@bookTicker", "/market/stream?streams=btcusdt@bookTicker"]
)
def test_combined_addresses(venue, address):
    with Heard(venue.ws + address) as socket:
        said = socket.until(lambda one: "stream" in one)
    assert said["stream"] == "btcusdt@bookTicker"
    assert said["data"]["e"] == "bookTicker"


@pytest.mark.parametrize("address", ["/ws", "/ws/", "/public/ws/1", "/market/ws/17", "/stream", "/private/stream"])
@pytest.mark.parametrize("number", [0, 5, "f2a7d0c8-uuid"])
def test_subscribing_on_an_open_socket(venue, address, number):
    with Heard(venue.ws + address) as socket:
        subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": number}
        assert socket.ask(subscribe) == {"result": None, "id": number}
        said = socket.until(lambda one: one.get("e") == "bookTicker" or "data" in one)
        assert ("data" in said) == ("stream" in address)
        assert socket.ask({"method": "LIST_SUBSCRIPTIONS", "id": number}) == {
            "result": ["btcusdt@bookTicker"],
            "id": number,
        }
        assert socket.ask({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": number})["result"] is None
        assert socket.ask({"method": "LIST_SUBSCRIPTIONS", "id": number})["result"] == []


def test_control_messages(venue):
    with Heard(venue.ws + "/ws") as socket:
        assert socket.ask({"method": "SUBSCRIBE", "params": ["nonsense", "btcusdt@nothing"], "id": 1})["result"] is None
        assert socket.ask({"method": "SUBSCRIBE", "params": ["nonsense"], "id": 2})["result"] is None
        assert socket.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 3})["result"] is False
        assert socket.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 4})["result"] is None
        assert socket.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 5})["result"] is True
        for wrong in (
            {"method": "SHOUT", "id": 6}, {"method": "SUBSCRIBE", "params": "x", "id": 6}, {"method": "SUBSCRIBE", "params": [1], "id": 6},
            {"method": "SET_PROPERTY", "params": [], "id": 6}, {"id": 6},
        ):  # fmt: skip
            assert socket.ask(wrong)["error"]["code"] == 2
        for text in ("{", "[1,2]", "7", "null", '{"id":1.5}', "[" * 2000):
            socket.send(text)
            assert socket.until(lambda one: "error" in one)["error"]["code"] in (2, 3)
        assert socket.ask({"method": "LIST_SUBSCRIPTIONS", "id": 7})["result"] == ["nonsense", "btcusdt@nothing"]


def test_an_unknown_address_is_refused(venue):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus), Heard(venue.ws + "/wsx"):
        pass


FIRST = {
    "btcusdt@bookTicker": "bookTicker",
    "btcusdt@ticker": "24hrTicker",
    "btcusdt@miniTicker": "24hrMiniTicker",
    "btcusdt@markPrice": "markPriceUpdate",
    "btcusdt@markPrice@1s": "markPriceUpdate",
    "btcusdt@kline_1m": "kline",
    "btcusdt@kline_1M": "kline",
    "btcusdt_perpetual@continuousKline_1h": "continuous_kline",
    "btcusdt@depth5": "depthUpdate",
    "btcusdt@depth20@100ms": "depthUpdate",
    "btcusdt@depth": "depthUpdate",
    "btcusdt@depth@0ms": "depthUpdate",
    "!ticker@arr": "24hrTicker",
    "!miniTicker@arr": "24hrMiniTicker",
    "!markPrice@arr": "markPriceUpdate",
    "!markPrice@arr@1s": "markPriceUpdate",
}


def test_a_quiet_market_says_something_soon_on_every_stream(venue):
    with Heard(f"{venue.ws}/stream?streams={'/'.join(FIRST)}") as socket:
        waiting = dict(FIRST)
        while waiting:
            said = socket.until(lambda one: one["stream"] in waiting)
            data = said["data"]
            assert (data[0] if isinstance(data, list) else data)["e"] == waiting.pop(said["stream"])
            if isinstance(data, list):
                assert [one["s"] for one in data] == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]


def test_trades_are_told_as_they_happen_and_candles_follow(venue, trader):
    client = trader()
    with Heard(f"{venue.ws}/ws/btcusdt@aggTrade/btcusdt@trade/btcusdt@kline_1m/btcusdt@bookTicker") as socket:
        socket.until(event("kline"))
        order = client.order("BTCUSDT", "SELL", "0.017")
        trade, aggregate = (socket.until(event(name)) for name in ("aggTrade", "trade"))
        assert (
            (trade["p"], trade["q"], trade["m"])
            == (aggregate["p"], aggregate["q"], aggregate["m"])
            == ("49999.0", "0.017", True)
        )
        own = client.get("/fapi/v1/userTrades", symbol="BTCUSDT", orderId=order["orderId"])
        assert own[0]["id"] == trade["a"] == aggregate["t"]
        assert socket.until(event("bookTicker"))["B"] == "1.983"
        candle = socket.until(lambda one: one.get("e") == "kline" and one["k"]["n"] > 0)["k"]
        assert (candle["c"], candle["L"], candle["x"]) == ("49999.0", trade["a"], False)
    public = httpx.get(f"{venue.url}/fapi/v1/aggTrades", params={"symbol": "BTCUSDT", "fromId": trade["a"]}).json()
    assert public[0]["a"] == trade["a"]
    recent = httpx.get(f"{venue.url}/fapi/v1/trades", params={"symbol": "BTCUSDT", "limit": 1}).json()
    assert recent[-1]["id"] == trade["a"]
    venue.quote("BTCUSDT", 50_000)


@pytest.mark.parametrize("speed", ["", "@100ms", "@0ms"])
def test_a_local_book_follows_rest_depth(venue, trader, speed):
    """The procedure that clients use: subscribe, fetch, drop what is old, apply the rest along the chain."""
    client = trader()
    with Heard(f"{venue.ws}/ws/ethusdt@depth{speed}") as socket:
        socket.until(event("depthUpdate"))
        book = httpx.get(f"{venue.url}/fapi/v1/depth", params={"symbol": "ETHUSDT", "limit": 1000}).json()
        sides = {"b": dict(book["bids"]), "a": dict(book["asks"])}
        for number in range(4):
            client.order("ETHUSDT", "BUY", "1.000", str(2490 + number))
            client.order("ETHUSDT", "SELL", "0.500")
        client.delete("/fapi/v1/allOpenOrders", symbol="ETHUSDT")
        venue.quote("ETHUSDT", 2_501)
        before = None
        last_id = httpx.get(f"{venue.url}/fapi/v1/depth", params={"symbol": "ETHUSDT"}).json()["lastUpdateId"]
        while before is None or before < last_id:
            said = socket.until(event("depthUpdate"))
            if said["u"] < book["lastUpdateId"]:
                continue
            if before is None:
                assert said["U"] <= book["lastUpdateId"] + 1
                assert said["pu"] <= book["lastUpdateId"]
            else:
                assert said["pu"] == before
            before = said["u"]
            for side in ("b", "a"):
                for price, quantity in said[side]:
                    if float(quantity) == 0:
                        sides[side].pop(price, None)
                    else:
                        sides[side][price] = quantity
    now = httpx.get(f"{venue.url}/fapi/v1/depth", params={"symbol": "ETHUSDT", "limit": 1000}).json()
    assert sides == {"b": dict(now["bids"]), "a": dict(now["asks"])}


def test_forced_orders_are_told_to_everybody(venue, trader):
    client = trader()
    client.post("/fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")
    client.post("/fapi/v1/leverage", symbol="ETHUSDT", leverage=100)
    client.order("ETHUSDT", "BUY", "2.000")
    with Heard(f"{venue.ws}/stream?streams=!forceOrder@arr/ethusdt@forceOrder") as socket:
        venue.price("ETHUSDT", 2_460)
        said = socket.until(lambda one: one["stream"] == "!forceOrder@arr")["data"]
    assert (said["e"], said["o"]["s"], said["o"]["S"], said["o"]["X"], said["o"]["q"]) == (
        "forceOrder", "ETHUSDT", "SELL", "FILLED", "2.000",
    )  # fmt: skip
    venue.price("ETHUSDT", 2_500)


def test_one_socket_carries_market_and_user_streams(venue, trader):
    client = trader()
    key = client.post("/fapi/v1/listenKey")["listenKey"]
    with Heard(f"{venue.ws}/stream") as socket:
        socket.ask({"method": "SUBSCRIBE", "params": [key, "btcusdt@bookTicker"], "id": 1})
        client.order("BTCUSDT", "BUY", "0.010", "49000")
        assert socket.until(lambda one: one.get("stream") == key)["data"]["e"] == "ORDER_TRADE_UPDATE"
        client.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT")


def test_the_venue_ends_its_sockets_with_a_close_frame():
    from websockets.exceptions import ConnectionClosed

    from .served import Served

    with (
        Served(past_days=0) as venue,
        Heard(f"{venue.ws}/ws/btcusdt@bookTicker") as stream,
        Heard(f"{venue.ws}/ws-fapi/v1") as api,
    ):
        stream.until(event("bookTicker"))
        venue.wait(venue.app.close())
        for socket in (stream, api):
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    socket.connection.recv(timeout=5)
            assert closed.value.rcvd.code == 1001
