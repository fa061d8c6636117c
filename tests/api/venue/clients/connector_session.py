"""binance-futures-connector: a session over REST, conditionals the old way, and its sockets."""

from __future__ import annotations

import json
import time
from typing import Any

from asking import KEY, SECRET, URL, WS, adds_up, price
from binance.error import ClientError
from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient


def code_of(function: Any, **arguments: Any) -> int:
    try:
        function(**arguments)
    except ClientError as refused:
        return int(refused.error_code)
    raise AssertionError("was not refused")


def session(client: UMFutures) -> None:
    assert client.ping() == {}
    assert client.exchange_info()["symbols"]
    assert client.klines("BTCUSDT", "1m", limit=3)
    assert client.ticker_price("BTCUSDT")["symbol"] == "BTCUSDT"
    assert client.depth("BTCUSDT", limit=5)["bids"]
    assert client.mark_price("BTCUSDT")["markPrice"]
    assert client.account()["totalWalletBalance"] == "10000.00000000"
    assert client.balance()[0]["asset"] == "USDT"
    client.change_margin_type(symbol="BTCUSDT", marginType="ISOLATED")
    assert code_of(client.change_margin_type, symbol="BTCUSDT", marginType="ISOLATED") == -4046
    client.change_leverage(symbol="BTCUSDT", leverage=10)
    limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": 49000}
    assert code_of(client.new_order, **limit, quantity=50) == -2019
    client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.1)
    assert float(client.get_position_risk(symbol="BTCUSDT")[0]["liquidationPrice"]) > 45_000
    client.modify_isolated_position_margin(symbol="BTCUSDT", amount=20, type=1)
    stop = client.new_order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_MARKET",
        stopPrice=49500,
        closePosition="true",
        workingType="MARK_PRICE",
    )
    order = client.new_order(**limit, quantity=0.01)
    assert {one["orderId"] for one in client.get_orders()} == {stop["orderId"], order["orderId"]}
    assert client.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])["status"] == "CANCELED"
    price("BTCUSDT", 49_400)
    assert client.query_order(symbol="BTCUSDT", orderId=stop["orderId"])["status"] == "FILLED"
    assert client.get_position_risk(symbol="BTCUSDT") == []
    price("BTCUSDT", 50_000)
    batch = client.new_batch_order(
        [{**limit, "quantity": "0.01", "price": "48000"}, {**limit, "quantity": "0.01", "price": "90000"}]
    )
    assert [one.get("status", one.get("code")) for one in batch] == ["NEW", -4016]
    client.cancel_open_orders(symbol="BTCUSDT")
    assert client.get_leverages() if hasattr(client, "get_leverages") else client.leverage_brackets()
    adds_up(
        client.get_income_history(limit=1000),
        client.get_account_trades(symbol="BTCUSDT"),
        client.account()["totalWalletBalance"],
    )


def listening(client: UMFutures) -> None:
    heard: list[dict[str, Any]] = []
    socket = UMFuturesWebsocketClient(stream_url=WS, on_message=lambda _, text: heard.append(json.loads(text)))
    key = client.new_listen_key()["listenKey"]
    socket.book_ticker("btcusdt")
    socket.agg_trade("btcusdt")
    socket.user_data(key)
    time.sleep(1)
    client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
    time.sleep(1)
    socket.stop()
    names = {one.get("e") for one in heard}
    assert {"bookTicker", "aggTrade", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"} <= names, names
    assert sum("result" in one for one in heard) == 3, heard
    client.renew_listen_key(key)
    client.close_listen_key(key)


if __name__ == "__main__":
    one = UMFutures(key=KEY, secret=SECRET, base_url=URL)
    session(one)
    listening(one)
