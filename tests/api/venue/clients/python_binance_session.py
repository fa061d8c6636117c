"""python-binance: a whole session, everything else it asks, and its sockets."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from asking import KEY, SECRET, URL, WS, adds_up, price
from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException

for kind in (Client, AsyncClient):
    kind.API_URL = f"{URL}/api"
    kind.FUTURES_URL = f"{URL}/fapi"
    kind.FUTURES_DATA_URL = f"{URL}/futures/data"
    kind.WS_FUTURES_URL = f"{WS}/ws-fapi/v1"
BinanceSocketManager.FSTREAM_URL = f"{WS}/"


def code_of(function: Any, **arguments: Any) -> int:
    try:
        function(**arguments)
    except BinanceAPIException as refused:
        return int(refused.code)
    raise AssertionError("was not refused")


def session(client: Client) -> None:
    assert client.futures_ping() == {}
    assert client.futures_exchange_info()["symbols"]
    assert len(client.futures_klines(symbol="BTCUSDT", interval="5m", limit=10)) == 10
    assert client.futures_historical_klines("BTCUSDT", "1h", "1 day ago UTC")
    assert client.futures_symbol_ticker(symbol="BTCUSDT")["symbol"] == "BTCUSDT"
    assert client.futures_account()["totalWalletBalance"] == "10000.00000000"
    assert client.futures_account_balance()[0]["asset"] == "USDT"

    client.futures_change_margin_type(symbol="BTCUSDT", marginType="ISOLATED")
    assert code_of(client.futures_change_margin_type, symbol="BTCUSDT", marginType="ISOLATED") == -4046
    assert client.futures_change_leverage(symbol="BTCUSDT", leverage=10)["leverage"] == 10
    limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": 49_000.0}
    assert code_of(client.futures_create_order, **limit, quantity=50.0) == -2019
    assert code_of(client.futures_get_order, symbol="BTCUSDT", orderId=1) == -2013

    client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.1)
    (position,) = client.futures_position_information(symbol="BTCUSDT")
    assert Decimal(position["isolatedMargin"]) > 0
    assert 45_000 < float(position["liquidationPrice"]) < 45_500
    client.futures_change_position_margin(symbol="BTCUSDT", amount=50, type=1)
    (better,) = client.futures_position_information(symbol="BTCUSDT")
    assert float(better["liquidationPrice"]) < float(position["liquidationPrice"])
    client.futures_change_position_margin(symbol="BTCUSDT", amount=20, type=2)
    old = {row["symbol"]: row for row in client.futures_position_information(version=2)}
    assert (old["BTCUSDT"]["marginType"], old["BTCUSDT"]["leverage"]) == ("isolated", "10")

    exits = {"symbol": "BTCUSDT", "side": "SELL", "closePosition": True}
    stop = client.futures_create_order(**exits, type="STOP_MARKET", stopPrice=49_500.0, workingType="MARK_PRICE")
    target = client.futures_create_order(**exits, type="TAKE_PROFIT_MARKET", stopPrice=52_000.0)
    assert stop["algoId"] < target["algoId"]
    named = client.futures_create_order(**limit, quantity=0.1, newClientOrderId="a:b/c")
    assert client.futures_get_order(symbol="BTCUSDT", origClientOrderId="a:b/c")["orderId"] == named["orderId"]
    assert len(client.futures_get_open_orders(symbol="BTCUSDT")) == 1
    assert client.futures_cancel_order(symbol="BTCUSDT", origClientOrderId="a:b/c")["status"] == "CANCELED"
    price("BTCUSDT", 49_400)
    assert client.futures_position_information(symbol="BTCUSDT") == []
    price("BTCUSDT", 50_000)

    batch = client.futures_place_batch_order(
        batchOrders=[limit | {"price": "48000", "quantity": "0.010"}, limit | {"price": "80000", "quantity": "0.010"}]
    )
    assert [answer.get("status", answer.get("code")) for answer in batch] == ["NEW", -4016]
    client.futures_cancel_all_open_orders(symbol="BTCUSDT")

    client.futures_create_order(symbol="ETHUSDT", side="SELL", type="MARKET", quantity=3)
    (cross,) = client.futures_position_information(symbol="ETHUSDT")
    assert Decimal(cross["isolatedMargin"]) == 0
    client.futures_create_order(symbol="ETHUSDT", side="BUY", type="MARKET", quantity=3, reduceOnly=True)
    trades = [trade for symbol in ("BTCUSDT", "ETHUSDT") for trade in client.futures_account_trades(symbol=symbol)]
    adds_up(client.futures_income_history(limit=1000), trades, client.futures_account()["totalWalletBalance"])


def everything_else(client: Client) -> None:
    for method in (
        client.futures_time, client.futures_mark_price, client.futures_funding_rate, client.futures_ticker,
        client.futures_orderbook_ticker, client.futures_leverage_bracket, client.futures_get_position_mode,
        client.futures_get_multi_assets_mode, client.futures_account_config, client.futures_symbol_config,
        client.futures_adl_quantile_estimate, client.futures_liquidation_orders,
    ):  # fmt: skip
        method()
    for method in (
        client.futures_order_book, client.futures_recent_trades, client.futures_aggregate_trades, client.futures_open_interest,
        client.futures_commission_rate, client.futures_position_margin_history, client.futures_get_all_orders,
    ):  # fmt: skip
        method(symbol="BTCUSDT")


async def listening() -> None:
    client = await AsyncClient.create(KEY, SECRET)
    try:
        sockets = BinanceSocketManager(client)
        async with sockets.futures_user_socket() as user, sockets.kline_futures_socket("BTCUSDT") as candles:
            await asyncio.sleep(0.3)
            await client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
            names = [(await asyncio.wait_for(user.recv(), 5))["e"] for _ in range(4)]
            assert names == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"], names
            assert (await asyncio.wait_for(candles.recv(), 5))["e"] == "continuous_kline"
        async with sockets.futures_multiplex_socket(["btcusdt@bookTicker", "btcusdt@markPrice@1s"]) as many:
            streams = {(await asyncio.wait_for(many.recv(), 5))["stream"] for _ in range(3)}
            assert "btcusdt@markPrice@1s" in streams, streams
        limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": 49_000}
        order = await client.ws_futures_create_order(**limit, quantity=0.01)
        gone = await client.ws_futures_cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
        assert gone["status"] == "CANCELED"
    finally:
        await client.close_connection()


if __name__ == "__main__":
    one = Client(KEY, SECRET)
    session(one)
    everything_else(one)
    asyncio.run(listening())
