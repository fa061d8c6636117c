"""REST, as a plain client sees it: market data, configuration, account, history, refusals, headers."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise
from urllib.parse import urlencode

import httpx
import pytest

from isocross.codes import OrderType
from isocross.venue.binance.words import Interval, words_of

from .served import Client, Served


def public(venue: Served, path: str, **parameters: object) -> object:
    answer = httpx.get(f"{venue.url}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert "x-mbx-used-weight-1m" in answer.headers
    return answer.json()


def refused(venue: Served, path: str, **parameters: object) -> tuple[int, int]:
    answer = httpx.get(f"{venue.url}{path}", params=parameters)
    body = answer.json()
    assert set(body) == {"code", "msg"}
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, body["code"]


# ---- market data


def test_the_listing_has_what_strict_clients_ask_for(venue):
    info = public(venue, "/fapi/v1/exchangeInfo")
    symbol = info["symbols"][0]
    assert [one["symbol"] for one in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]
    assert set(symbol["orderTypes"]) == {kind.name for kind in OrderType}
    for name in ("maintMarginPercent", "requiredMarginPercent", "triggerProtect", "liquidationFee", "marketTakeBound"):
        assert isinstance(symbol[name], str)
    for name in (
        "pricePrecision",
        "quantityPrecision",
        "baseAssetPrecision",
        "quotePrecision",
        "deliveryDate",
        "onboardDate",
    ):
        assert isinstance(symbol[name], int)
    filters = {one["filterType"]: one for one in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.1"
    assert filters["LOT_SIZE"]["stepSize"] == "0.001"
    assert filters["MIN_NOTIONAL"]["notional"] == "100"
    assert filters["PERCENT_PRICE"]["multiplierUp"] == "1.0500"
    assert isinstance(filters["MAX_NUM_ORDERS"]["limit"], int)


@pytest.mark.parametrize("path", ["ticker/24hr", "ticker/bookTicker", "ticker/price", "premiumIndex"])
def test_an_object_for_one_symbol_and_a_list_for_all(venue, path):
    one = public(venue, f"/fapi/v1/{path}", symbol="ETHUSDT")
    every = public(venue, f"/fapi/v1/{path}")
    assert one["symbol"] == "ETHUSDT"
    assert [row["symbol"] for row in every] == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]
    assert set(one) == set(every[0])


@pytest.mark.parametrize("limit", [5, 10, 20, 50, 100, 500, 1000])
def test_depth_is_best_first_with_fixed_decimals(venue, limit):
    depth = public(venue, "/fapi/v1/depth", symbol="BTCUSDT", limit=limit)
    assert len(depth["bids"]) == min(limit, 20)
    assert depth["bids"] == sorted(depth["bids"], key=lambda level: -float(level[0]))
    assert depth["asks"] == sorted(depth["asks"], key=lambda level: float(level[0]))
    for price, quantity in depth["bids"] + depth["asks"]:
        assert (len(price.split(".")[1]), len(quantity.split(".")[1])) == (1, 3)
    assert refused(venue, "/fapi/v1/depth", symbol="BTCUSDT", limit=7) == (400, -4021)


@pytest.mark.parametrize("interval", words_of(Interval))
def test_candles_of_every_interval_are_there_at_the_first_request(venue, interval):
    candles = public(venue, "/fapi/v1/klines", symbol="BTCUSDT", interval=interval, limit=3)
    assert candles
    for candle in candles:
        assert len(candle) == 12
        assert [type(value) for value in candle] == [int, *[str] * 5, int, str, int, str, str, str]
        assert Decimal(candle[3]) <= min(Decimal(candle[1]), Decimal(candle[4]))
    for one, following in pairwise(candles):
        assert following[0] == one[6] + 1
    assert candles[-1][0] <= venue.core.clock.now_ms() <= candles[-1][6]


def test_the_first_candle_is_found_from_zero(venue):
    first = public(venue, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=0, limit=1)
    then = public(venue, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=0, limit=3)
    assert first == then[:1]
    assert first[0][0] < venue.core.clock.now_ms() - 86_400_000


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("markPriceKlines", {"symbol": "BTCUSDT"}),
        ("indexPriceKlines", {"pair": "BTCUSDT"}),
        ("continuousKlines", {"pair": "BTCUSDT", "contractType": "PERPETUAL"}),
        ("premiumIndexKlines", {"symbol": "BTCUSDT"}),
    ],
)
def test_the_other_candles(venue, path, parameters):
    candles = public(venue, f"/fapi/v1/{path}", interval="1h", limit=5, **parameters)
    assert len(candles) == 5
    assert all(len(candle) == 12 for candle in candles)


def test_funding_of_the_past_ascends(venue):
    rates = public(venue, "/fapi/v1/fundingRate", symbol="BTCUSDT")
    times = [rate["fundingTime"] for rate in rates]
    assert times == sorted(times)
    assert len(times) >= 5
    assert public(venue, "/fapi/v1/fundingInfo")[0]["fundingIntervalHours"] == 8


@pytest.mark.parametrize(
    ("path", "parameters", "status", "code"),
    [
        ("/fapi/v1/depth", {"symbol": "NOPEUSDT"}, 400, -1121),
        ("/fapi/v1/depth", {"symbol": "btcusdt"}, 400, -1121),
        ("/fapi/v1/depth", {}, 400, -1102),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, 400, -1120),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT"}, 400, -1102),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "0"}, 400, -1130),
        ("/fapi/v1/continuousKlines", {"pair": "BTCUSDT", "contractType": "X", "interval": "1m"}, 400, -1130),
        ("/fapi/v1/nothing", {}, 404, -5000),
        ("/fapi/v2/balance", {}, 401, -2014),
    ],
)
def test_public_refusals(venue, path, parameters, status, code):
    assert refused(venue, path, **parameters) == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v3/ping", "/api/v3/time", "/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo", "/eapi/v1/exchangeInfo",
        "/sapi/v1/capital/config/getall", "/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs", "/fapi/v1/ping",
    ],
)  # fmt: skip
def test_neighbors_answer(venue, path):
    assert public(venue, path) in ({}, []) or public(venue, path)


# ---- keys and signatures


def test_a_request_is_signed_by_its_account(venue, trader):
    client = trader()
    now = int(time.time() * 1000)
    assert client.refused("GET", "/fapi/v2/balance", timestamp=now - 10_000)[0] == -1021
    assert client.refused("GET", "/fapi/v2/balance", timestamp=now + 5_000)[0] == -1021
    assert client.get("/fapi/v2/balance", timestamp=now - 10_000, recvWindow=20_000)
    query = urlencode({"timestamp": now})
    good = client.signature(query)
    for headers, asked, status, code in [
        ({}, f"{query}&signature={good}", 401, -2014),
        ({"X-MBX-APIKEY": "isocross-nobody"}, f"{query}&signature={good}", 401, -2015),
        ({"X-MBX-APIKEY": client.account.api_key}, query, 400, -1102),
        ({"X-MBX-APIKEY": client.account.api_key}, f"signature={good}", 400, -1102),
        ({"X-MBX-APIKEY": client.account.api_key}, f"{query}&recvWindow=6000&signature={good}", 400, -1022),
        ({"X-MBX-APIKEY": client.account.api_key}, f"{query}&signature={'0' * 64}", 400, -1022),
    ]:
        answer = httpx.get(f"{venue.url}/fapi/v2/balance?{asked}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), asked


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_body_is_read_as_a_form_whatever_it_is_called(venue, trader, method, content_type):
    client = trader()
    order_id = client.order("BTCUSDT", "BUY", "0.010", "49000")["orderId"]
    now = int(time.time() * 1000)
    path, body = {
        "POST": ("/fapi/v1/leverage", f"symbol=BTCUSDT&leverage=10&timestamp={now}"),
        "PUT": ("/fapi/v1/listenKey", ""),
        "DELETE": ("/fapi/v1/order", f"symbol=BTCUSDT&orderId={order_id}&timestamp={now}"),
    }[method]
    if method == "PUT":
        client.post("/fapi/v1/listenKey")
    else:
        body += f"&signature={client.signature(body)}"
    answer = client.http.request(method, path, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text


def test_the_same_signed_request_may_come_again(venue, trader):
    client = trader()
    query = urlencode({"timestamp": int(time.time() * 1000)})
    url = f"/fapi/v2/balance?{query}&signature={client.signature(query)}"
    assert [client.http.get(url).status_code for _ in range(3)] == [200] * 3


def test_a_body_that_is_too_large_is_refused(venue):
    answer = httpx.post(f"{venue.url}/fapi/v1/order", content=b"a" * 2_000_000)
    assert answer.status_code == 413
    assert set(answer.json()) == {"code", "msg"}


# ---- configuration


def test_margin_mode_leverage_and_their_refusals(trader):
    client = trader()
    mode = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    assert client.refused("POST", "/fapi/v1/marginType", **mode | {"marginType": "CROSSED"}) == (
        -4046, "No need to change margin type.",
    )  # fmt: skip
    assert client.post("/fapi/v1/marginType", **mode) == {"code": 200, "msg": "success"}
    order = client.order("BTCUSDT", "BUY", "0.010", "49000")
    assert client.refused("POST", "/fapi/v1/marginType", **mode | {"marginType": "CROSSED"})[0] == -4047
    client.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert client.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=10) == {
        "symbol": "BTCUSDT", "leverage": 10, "maxNotionalValue": "230000000",
    }  # fmt: skip
    assert client.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=10)["leverage"] == 10
    for leverage in (0, 126, -1, 10**12):
        assert client.refused("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=leverage) == (
            -4028, f"Leverage {leverage} is not valid",
        )  # fmt: skip
    client.order("BTCUSDT", "BUY", "0.010")
    assert client.refused("POST", "/fapi/v1/marginType", **mode | {"marginType": "CROSSED"})[0] == -4048
    assert client.refused("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=5)[0] == -4161
    config = {row["symbol"]: row for row in client.get("/fapi/v1/symbolConfig")}
    assert (config["BTCUSDT"]["marginType"], config["BTCUSDT"]["leverage"]) == ("ISOLATED", 10)
    assert (config["ETHUSDT"]["marginType"], config["ETHUSDT"]["leverage"]) == ("CROSSED", 20)


def test_isolated_margin_is_added_and_taken(trader):
    client = trader()
    change = {"symbol": "BTCUSDT", "amount": "10", "type": 1}
    assert client.refused("POST", "/fapi/v1/positionMargin", **change)[0] == -4049
    client.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    assert client.refused("POST", "/fapi/v1/positionMargin", **change)[0] == -4054
    client.order("BTCUSDT", "BUY", "0.010")
    before = client.get("/fapi/v3/positionRisk")[0]
    assert client.post("/fapi/v1/positionMargin", **change) == {
        "amount": 10.0, "code": 200, "msg": "Successfully modify position margin.", "type": 1,
    }  # fmt: skip
    after = client.get("/fapi/v3/positionRisk")[0]
    assert Decimal(after["isolatedWallet"]) - Decimal(before["isolatedWallet"]) == 10
    assert Decimal(after["liquidationPrice"]) < Decimal(before["liquidationPrice"])
    assert client.refused("POST", "/fapi/v1/positionMargin", **change | {"amount": "0"})[0] == -4055
    assert client.refused("POST", "/fapi/v1/positionMargin", **change | {"amount": "1e9"})[0] == -4050
    assert client.refused("POST", "/fapi/v1/positionMargin", **change | {"amount": "1e9", "type": 2})[0] == -4051
    assert client.refused("POST", "/fapi/v1/positionMargin", **change | {"type": 3})[0] == -1130
    assert client.post("/fapi/v1/positionMargin", **change | {"amount": "4.00000001", "type": 2})["type"] == 2
    history = client.get("/fapi/v1/positionMargin/history", symbol="BTCUSDT")
    assert [(row["type"], row["deltaType"]) for row in history] == [
        (1, "TRADE"),
        (1, "USER_ADJUST"),
        (2, "USER_ADJUST"),
    ]
    assert Decimal(history[-1]["amount"]) == Decimal("4.00000001")
    assert [row["type"] for row in client.get("/fapi/v1/positionMargin/history", symbol="BTCUSDT", type=2)] == [2]


def test_one_asset_at_a_time(trader):
    client = trader()
    assert client.get("/fapi/v1/multiAssetsMargin") == {"multiAssetsMargin": False}
    assert client.refused("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="false")[0] == -4171
    assert client.refused("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")[0] == -1020
    assert client.get("/fapi/v1/feeBurn") == {"feeBurn": False}
    assert client.get("/fapi/v1/positionSide/dual") == {"dualSidePosition": False}
    assert {limit["rateLimitType"] for limit in client.get("/fapi/v1/rateLimit/order")} == {"ORDERS"}
    assert client.get("/fapi/v1/apiTradingStatus")["indicators"] == {}


def test_brackets_ascend_and_are_numbers(trader):
    brackets = trader().get("/fapi/v1/leverageBracket", symbol="BTCUSDT")[0]["brackets"]
    assert brackets[0]["notionalFloor"] == 0
    assert [one["notionalFloor"] for one in brackets[1:]] == [one["notionalCap"] for one in brackets[:-1]]
    assert all(isinstance(one["maintMarginRatio"], float) for one in brackets)


# ---- account


def test_a_cross_position_in_both_versions(trader):
    client = trader()
    client.order("BTCUSDT", "SELL", "0.020")
    client.order("BTCUSDT", "SELL", "0.010", "51000")
    v2 = {row["symbol"]: row for row in client.get("/fapi/v2/positionRisk")}
    assert len(v2) == 3
    assert (v2["BTCUSDT"]["positionAmt"], v2["BTCUSDT"]["marginType"], v2["BTCUSDT"]["leverage"]) == (
        "-0.020",
        "cross",
        "20",
    )
    assert v2["ETHUSDT"]["positionAmt"] == "0.000"
    (v3,) = client.get("/fapi/v3/positionRisk")
    assert "leverage" not in v3
    assert Decimal(v3["isolatedMargin"]) == 0
    assert Decimal(v3["notional"]) == -1000
    assert Decimal(v3["entryPrice"]) == Decimal("49999")
    assert Decimal(v3["breakEvenPrice"]) < Decimal("49999")
    assert Decimal(v3["askNotional"]) == 510
    account = client.get("/fapi/v3/account")
    (position,) = account["positions"]
    assert Decimal(position["initialMargin"]) == Decimal(v3["initialMargin"]) == Decimal(account["totalInitialMargin"])
    assert Decimal(account["totalMarginBalance"]) == Decimal(account["totalWalletBalance"]) + Decimal(
        account["totalUnrealizedProfit"]
    )
    assert Decimal(account["availableBalance"]) == Decimal(account["totalCrossWalletBalance"]) + Decimal(
        account["totalCrossUnPnl"]
    ) - Decimal(account["totalInitialMargin"])
    assert all(asset["updateTime"] > 0 for asset in account["assets"])
    old = client.get("/fapi/v2/account")
    assert len(old["positions"]) == 3
    flat = next(row for row in old["positions"] if row["symbol"] == "ETHUSDT")
    assert flat["maintMargin"] == "0"
    assert client.get("/fapi/v2/balance") == client.get("/fapi/v3/balance")


def test_an_isolated_open_position_is_never_shown_as_zero_margin(trader, venue):
    client = trader()
    client.post("/fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")
    client.order("ETHUSDT", "BUY", "1")
    (row,) = client.get("/fapi/v3/positionRisk", symbol="ETHUSDT")
    assert Decimal(row["isolatedMargin"]) == Decimal(row["isolatedWallet"]) + Decimal(row["unRealizedProfit"])
    assert Decimal(row["isolatedMargin"]) > 0
    assert Decimal(row["liquidationPrice"]) > 0
    assert client.get("/fapi/v3/positionRisk", symbol="BTCUSDT") == []


def _is_sound(client: Client) -> None:
    wallet = Decimal(client.get("/fapi/v3/account")["totalWalletBalance"])
    income = client.get("/fapi/v1/income", limit=1000)
    assert sum(Decimal(entry["income"]) for entry in income if entry["asset"] == "USDT") == wallet
    ids = [(entry["incomeType"], entry["tranId"]) for entry in income]
    assert len(ids) == len(set(ids))


def test_income_adds_up_to_the_wallet_to_the_last_digit(trader, venue):
    client = trader()
    client.post("/fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")
    for side, quantity in (("BUY", "0.013"), ("BUY", "0.007"), ("SELL", "0.031")):
        client.order("BTCUSDT", side, quantity)
    client.order("ETHUSDT", "SELL", "0.333")
    venue.fund("BTCUSDT", 0.00012345)
    venue.fund("ETHUSDT", -0.00012345)
    client.order("ETHUSDT", "BUY", "0.100", reduceOnly="true")
    client.order("BTCUSDT", "BUY", "0.011", reduceOnly="True")
    _is_sound(client)
    kinds = {entry["incomeType"] for entry in client.get("/fapi/v1/income")}
    assert kinds == {"TRANSFER", "REALIZED_PNL", "FUNDING_FEE", "COMMISSION"}
    assert len(client.get("/fapi/v1/income", incomeType="FUNDING_FEE")) == 2
    trades = client.get("/fapi/v1/userTrades", symbol="BTCUSDT")
    assert [trade["id"] for trade in trades] == sorted(trade["id"] for trade in trades)
    commissions = client.get("/fapi/v1/income", incomeType="COMMISSION", symbol="BTCUSDT")
    assert sum(Decimal(entry["income"]) for entry in commissions) == -sum(Decimal(t["commission"]) for t in trades)
    assert {entry["tradeId"] for entry in commissions} == {str(trade["id"]) for trade in trades}


def test_a_liquidation_is_a_forced_order_and_income_still_adds_up(trader, venue):
    client = trader()
    client.post("/fapi/v1/marginType", symbol="BTCUSDC", marginType="ISOLATED")
    client.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    client.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    client.order("BTCUSDT", "BUY", "0.100")
    venue.quote("BTCUSDT", 49_400)
    venue.price("BTCUSDT", 49_400)
    try:
        assert client.get("/fapi/v3/positionRisk") == []
        forced = client.get("/fapi/v1/forceOrders", autoCloseType="LIQUIDATION")
        assert forced
        assert all(order["clientOrderId"].startswith("autoclose-") for order in forced)
        assert client.get("/fapi/v1/forceOrders", autoCloseType="ADL") == []
        assert client.get("/fapi/v1/income", incomeType="REALIZED_PNL")
        _is_sound(client)
    finally:
        venue.price("BTCUSDT", 50_000)
