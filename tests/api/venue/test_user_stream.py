"""The user data stream: its addresses, the order of its events, what they say, and that REST shows the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .sockets import Heard


def words(text: str) -> set[str]:
    return set(text.split())


def opened(venue, client, address="/private/ws?listenKey={}"):
    key = client.post("/fapi/v1/listenKey")["listenKey"]
    return Heard(venue.ws + address.format(key))


@pytest.mark.parametrize(
    "address",
    ["/private/ws?listenKey={}", "/ws?listenKey={}", "/ws/{}", "/stream?streams={}", "/private/stream?listenKey={}"],
)
def test_addresses(venue, trader, address):
    client = trader()
    with opened(venue, client, address) as socket:
        client.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=5)
        said = socket.until(lambda one: True)
    data = said["data"] if "stream" in address else said
    assert (data["e"], data["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": "BTCUSDT", "l": 5})


def test_only_the_events_that_were_asked_for(venue, trader):
    client = trader()
    with opened(venue, client, "/private/ws?listenKey={}&events=ALGO_ORDER_UPDATE/NOTHING") as socket:
        client.order("BTCUSDT", "BUY", "0.010")
        client.post(
            "/fapi/v1/algoOrder",
            symbol="BTCUSDT",
            side="SELL",
            type="STOP_MARKET",
            triggerPrice="45000",
            quantity="0.010",
        )
        assert {said["e"] for said in socket.quiet()} == {"ALGO_UPDATE"}


def test_a_market_order_in_order(venue, trader):
    client = trader()
    venue.quote("BTCUSDT", 50_000)
    with opened(venue, client) as socket:
        order = client.order("BTCUSDT", "BUY", "2.500", newClientOrderId="market-1")
        said = socket.quiet()
        names = [one["e"] for one in said]
        assert names == ["ORDER_TRADE_UPDATE", *["TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"] * 2]
        assert [one["E"] for one in said] == sorted(one["E"] for one in said)
        new, first, last = (one["o"] for one in said if one["e"] == "ORDER_TRADE_UPDATE")
        assert [(o["x"], o["X"], o["l"], o["z"]) for o in (new, first, last)] == [
            ("NEW", "NEW", "0.000", "0.000"), ("TRADE", "PARTIALLY_FILLED", "2.000", "2.000"), ("TRADE", "FILLED", "0.500", "2.500"),
        ]  # fmt: skip
        assert {o["c"] for o in (new, first, last)} == {"market-1"}
        assert {o["i"] for o in (new, first, last)} == {order["orderId"]}
        trades = client.get("/fapi/v1/userTrades", symbol="BTCUSDT")
        assert [(o["t"], o["L"], o["n"], o["rp"], o["m"]) for o in (first, last)] == [
            (t["id"], t["price"], t["commission"], t["realizedPnl"], t["maker"]) for t in trades
        ]
        balance = said[-1]["a"]["B"][0]
        account = client.get("/fapi/v3/account")
        assert (balance["wb"], balance["cw"]) == (account["totalWalletBalance"], account["totalCrossWalletBalance"])
        position, shown = said[-1]["a"]["P"][0], client.get("/fapi/v3/positionRisk")[0]
        assert (position["pa"], position["ep"], position["bep"], position["up"]) == (
            shown["positionAmt"], shown["entryPrice"], shown["breakEvenPrice"], shown["unRealizedProfit"],
        )  # fmt: skip
    venue.quote("BTCUSDT", 50_000)


def test_fields_that_strict_clients_ask_for(venue, trader):
    client = trader()
    with opened(venue, client) as socket:
        client.order("BTCUSDT", "BUY", "0.010")
        order = socket.until(lambda one: one["e"] == "ORDER_TRADE_UPDATE" and one["o"]["x"] == "TRADE")["o"]
        assert set(order) >= words("s c S o f q p ap x X i l z L T t b a m R wt ot ps pP si ss rp gtd N n sp cp V pm")
        update = socket.until(lambda one: one["e"] == "ACCOUNT_UPDATE")["a"]
        assert set(update["B"][0]) >= {"a", "wb", "cw", "bc"}
        assert set(update["P"][0]) >= {"s", "pa", "ep", "cr", "up", "mt", "iw", "ps"}


def test_a_resting_order_and_its_end(venue, trader):
    client = trader()
    with opened(venue, client) as socket:
        order = client.order("BTCUSDT", "BUY", "0.010", "49000")
        client.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])
        said = socket.quiet()
        assert [(one["e"], one["o"]["x"], one["o"]["X"]) for one in said] == [
            ("ORDER_TRADE_UPDATE", "NEW", "NEW"), ("ORDER_TRADE_UPDATE", "CANCELED", "CANCELED"),
        ]  # fmt: skip


def test_an_event_comes_before_the_answer(venue, trader):
    client = trader()
    with opened(venue, client) as socket:
        for number in range(20):
            order = client.order("BTCUSDT", "BUY", "0.010", "49000", newClientOrderId=f"n{number}")
            said = socket.until(lambda one: True, seconds=0.2)
            assert said["o"]["i"] == order["orderId"]
            assert client.get("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId=said["o"]["c"])["status"] == "NEW"
        client.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT")


def test_margin_funding_transfer_and_mode(venue, trader):
    client = trader()
    with opened(venue, client) as socket:
        client.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
        client.order("BTCUSDT", "BUY", "0.010")
        client.order("ETHUSDT", "SELL", "0.100")
        socket.quiet()
        client.post("/fapi/v1/positionMargin", symbol="BTCUSDT", amount="10", type=1)
        venue.do_deposit(client.account, amount=5)
        venue.fund("BTCUSDT", 0.0001)
        venue.fund("ETHUSDT", 0.0001)
        said = socket.quiet()
        assert [(one["e"], one["a"]["m"]) for one in said] == [
            ("ACCOUNT_UPDATE", "MARGIN_TRANSFER"), ("ACCOUNT_UPDATE", "DEPOSIT"), ("ACCOUNT_UPDATE", "FUNDING_FEE"),
            ("ACCOUNT_UPDATE", "FUNDING_FEE"),
        ]  # fmt: skip
        moved, deposit, isolated, cross = (one["a"] for one in said)
        assert moved["P"][0]["mt"] == "isolated"
        assert Decimal(moved["B"][0]["bc"]) == 0
        assert Decimal(deposit["B"][0]["bc"]) == 5
        assert deposit["P"] == []
        assert Decimal(isolated["B"][0]["bc"]) == Decimal("-0.05")
        assert [p["s"] for p in isolated["P"]] == ["BTCUSDT"]
        assert cross["P"] == []
        assert Decimal(cross["B"][0]["bc"]) == Decimal("0.025")
        assert Decimal(cross["B"][0]["wb"]) == Decimal(client.get("/fapi/v3/account")["totalWalletBalance"])


def test_a_stop_at_its_own_endpoint(venue, trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    with opened(venue, client) as socket:
        stop = client.post(
            "/fapi/v1/algoOrder", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", triggerPrice="49000", quantity="0.010",
            reduceOnly="true", workingType="MARK_PRICE", clientAlgoId="s-1",
        )  # fmt: skip
        venue.price("BTCUSDT", 48_900)
        said = socket.quiet()
        assert [(one["e"], one["o"]["X"]) for one in said if "o" in one] == [
            ("ALGO_UPDATE", "NEW"), ("ALGO_UPDATE", "TRIGGERING"), ("ALGO_UPDATE", "TRIGGERED"), ("ORDER_TRADE_UPDATE", "NEW"),
            ("ORDER_TRADE_UPDATE", "FILLED"), ("ALGO_UPDATE", "FINISHED"),
        ]  # fmt: skip
        triggered = said[2]["o"]
        assert (triggered["aid"], triggered["ai"], triggered["caid"]) == (
            stop["algoId"],
            str(stop["algoId"] + 1),
            "s-1",
        )
        orders = [one["o"] for one in said if one["e"] == "ORDER_TRADE_UPDATE"]
        assert {(o["c"], o["i"], o["o"], o["ot"]) for o in orders} == {
            ("s-1", stop["algoId"] + 1, "MARKET", "STOP_MARKET")
        }
        assert set(said[0]["o"]) >= words("caid aid at o s S ps f q X tp p wt pm cp pP R tt gtd rm")
    venue.price("BTCUSDT", 50_000)


def test_a_plain_stop_is_one_order(venue, trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    with opened(venue, client) as socket:
        stop = client.post(
            "/fapi/v1/order", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", stopPrice="49000", quantity="0.010",
            workingType="MARK_PRICE",
        )  # fmt: skip
        venue.price("BTCUSDT", 48_900)
        said = [one["o"] for one in socket.quiet() if one["e"] in ("ORDER_TRADE_UPDATE", "ALGO_UPDATE")]
        assert [(o["i"], o["x"], o["X"], o["o"], o["ot"]) for o in said] == [
            (stop["orderId"], "NEW", "NEW", "STOP_MARKET", "STOP_MARKET"),
            (stop["orderId"], "NEW", "NEW", "MARKET", "STOP_MARKET"),
            (stop["orderId"], "TRADE", "FILLED", "MARKET", "STOP_MARKET"),
        ]
    venue.price("BTCUSDT", 50_000)


def test_a_liquidation(venue, trader):
    client = trader()
    client.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    client.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    client.order("BTCUSDT", "BUY", "0.010")
    with opened(venue, client) as socket:
        venue.price("BTCUSDT", 49_550)
        said = socket.quiet()
        names = [one["e"] for one in said]
        assert names[0] == "MARGIN_CALL"
        call = said[0]["p"][0]
        assert (call["s"], call["mt"], call["pa"], call["mp"]) == ("BTCUSDT", "ISOLATED", "0.010", "49550.00000000")
        orders = [one["o"] for one in said if one["e"] == "ORDER_TRADE_UPDATE"]
        assert all(order["c"].startswith("autoclose-") for order in orders)
        assert orders[-1]["X"] == "FILLED"
        assert Decimal(said[-1]["a"]["B"][0]["wb"]) == Decimal(client.get("/fapi/v3/account")["totalWalletBalance"])
        assert [p["pa"] for one in said if one["e"] == "ACCOUNT_UPDATE" for p in one["a"]["P"]][-1] == "0"
    venue.price("BTCUSDT", 50_000)


def test_listen_keys(venue, trader):
    client = trader()
    assert client.refused("PUT", "/fapi/v1/listenKey") == (-1125, "This listenKey does not exist.")
    key = client.post("/fapi/v1/listenKey")["listenKey"]
    assert client.post("/fapi/v1/listenKey") == {"listenKey": key}
    assert client.put("/fapi/v1/listenKey", listenKey=key) == {"listenKey": key}
    with Heard(f"{venue.ws}/private/ws?listenKey={key}") as first, Heard(f"{venue.ws}/ws/{key}") as second:
        assert client.delete("/fapi/v1/listenKey") == {}
        for socket in (first, second):
            said = socket.until(lambda one: one["e"] == "listenKeyExpired")
            assert said["listenKey"] == key
        client.order("BTCUSDT", "BUY", "0.010")
        assert first.quiet() == []
    assert client.post("/fapi/v1/listenKey")["listenKey"] != key


def test_a_key_that_is_none_hears_nothing(venue, trader):
    client = trader()
    with Heard(f"{venue.ws}/private/ws?listenKey={'0' * 64}") as socket:
        client.order("BTCUSDT", "BUY", "0.010")
        assert socket.quiet() == []


def test_an_amendment(venue, trader):
    client = trader()
    with opened(venue, client) as socket:
        order = client.order("BTCUSDT", "BUY", "0.010", "49000")
        client.put(
            "/fapi/v1/order", symbol="BTCUSDT", side="BUY", quantity="0.020", price="48900", orderId=order["orderId"]
        )
        said = [one["o"] for one in socket.quiet()]
        assert [(o["i"], o["x"], o["X"], o["p"], o["q"]) for o in said] == [
            (order["orderId"], "NEW", "NEW", "49000.0", "0.010"), (order["orderId"], "AMENDMENT", "NEW", "48900.0", "0.020"),
        ]  # fmt: skip
