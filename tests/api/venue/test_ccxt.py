"""ccxt, as it comes from the package index, runs a whole session: synchronous, and over WebSockets.

Nothing of it is changed but what `isocross.connect` changes: addresses, keys, and the table of errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest

from isocross.venue.connect import connect_at

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
def exchange(venue, trader) -> Iterator[Any]:
    account = trader().account
    yield connect_at(ccxt.binanceusdm(), venue.url, account.api_key, account.secret)


def wallet(exchange: Any) -> Decimal:
    return Decimal(exchange.fapiPrivateV3GetAccount()["totalWalletBalance"])


def income(exchange: Any) -> Decimal:
    return sum((Decimal(entry["income"]) for entry in exchange.fapiPrivateGetIncome({"limit": 1000})), Decimal(0))


def test_a_whole_session(venue, exchange):
    markets = exchange.load_markets()
    assert set(markets) == {BTC, ETH, "BTC/USDC:USDC"}
    assert markets[BTC]["precision"] == {"amount": 0.001, "price": 0.1, "base": 1e-08, "quote": 1e-08}
    assert exchange.fetch_ticker(BTC)["last"]
    assert len(exchange.fetch_ohlcv(BTC, "15m", limit=20)) == 20
    assert exchange.fetch_balance()["USDT"] == {"free": 10_000.0, "used": 0.0, "total": 10_000.0}
    assert exchange.fetch_positions() == []

    exchange.set_margin_mode("isolated", BTC)
    with pytest.raises(ccxt.MarginModeAlreadySet):
        exchange.set_margin_mode("isolated", BTC)
    exchange.set_leverage(10, BTC)
    leverage = exchange.fetch_leverages()[BTC]
    assert (leverage["marginMode"], leverage["longLeverage"]) == ("isolated", 10)

    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(BTC, "limit", "buy", 50, 49_000)
    with pytest.raises(ccxt.OrderNotFillable):
        exchange.create_order(BTC, "limit", "buy", 0.01, 50_200, {"postOnly": True})
    with pytest.raises(ccxt.InvalidOrder):
        exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("1", BTC)

    opened = exchange.create_order(BTC, "market", "buy", 0.1)
    assert (opened["status"], opened["filled"], opened["average"]) == ("closed", 0.1, 50_001.0)
    (position,) = exchange.fetch_positions([BTC])
    assert (position["marginMode"], position["side"], position["contracts"]) == ("isolated", "long", 0.1)
    assert 45_000 < position["liquidationPrice"] < 45_500

    exchange.add_margin(BTC, 50)
    assert exchange.fetch_positions([BTC])[0]["liquidationPrice"] < position["liquidationPrice"] - 400
    exchange.reduce_margin(BTC, 50)
    assert exchange.fetch_positions([BTC])[0]["liquidationPrice"] == position["liquidationPrice"]

    stop = exchange.create_order(
        BTC, "market", "sell", 0.1, None, {"stopLossPrice": 49_500, "reduceOnly": True, "workingType": "MARK_PRICE"}
    )
    target = exchange.create_order(BTC, "market", "sell", 0.1, None, {"takeProfitPrice": 52_000, "reduceOnly": True})
    trailing = exchange.create_order(BTC, "market", "sell", 0.1, None, {"trailingPercent": 5, "reduceOnly": True})
    waiting = exchange.fetch_open_orders(BTC, params={"trigger": True})
    assert {order["id"] for order in waiting} == {stop["id"], target["id"], trailing["id"]}
    assert exchange.fetch_open_orders(BTC) == []
    exchange.cancel_order(trailing["id"], BTC, {"trigger": True})

    venue.price("BTCUSDT", 49_400)
    assert exchange.fetch_positions([BTC]) == []
    fired = exchange.fetch_order(stop["id"], BTC, {"trigger": True})
    assert fired["status"] == "closed"
    exchange.cancel_all_orders(BTC, {"trigger": True})
    venue.price("BTCUSDT", 50_000)

    # two cross positions share their collateral: what one loses the other can use no longer
    exchange.set_margin_mode("cross", BTC)
    exchange.create_order(BTC, "market", "buy", 0.5)
    alone = exchange.fetch_positions([BTC])[0]["liquidationPrice"]
    exchange.create_order(ETH, "market", "buy", 5)
    together = {position["symbol"]: position for position in exchange.fetch_positions()}
    assert set(together) == {BTC, ETH}
    assert together[BTC]["marginMode"] == "cross"
    venue.price("ETHUSDT", 2_400)
    worse = {position["symbol"]: position["liquidationPrice"] for position in exchange.fetch_positions()}
    assert worse[BTC] > together[BTC]["liquidationPrice"] > alone
    venue.price("ETHUSDT", 2_500)

    both = exchange.create_orders(
        [
            {"symbol": BTC, "type": "limit", "side": "sell", "amount": 0.1, "price": 51_000},
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.1, "price": 80_000},
        ]
    )
    (first,) = (order for order in both if order["id"])
    (second,) = (order for order in both if not order["id"])
    assert (first["status"], second["info"]["code"]) == ("open", -4016)
    assert exchange.cancel_order(first["id"], BTC)["status"] == "canceled"

    for symbol, amount in ((BTC, 0.5), (ETH, 5)):
        closed = exchange.create_order(symbol, "market", "sell", amount, None, {"reduceOnly": True})
        assert closed["status"] == "closed"
    assert exchange.fetch_positions() == []

    trades = exchange.fetch_my_trades(BTC) + exchange.fetch_my_trades(ETH)
    assert len({trade["id"] for trade in trades}) == len(trades)
    paid = sum(Decimal(trade["info"]["commission"]) for trade in trades)
    won = sum(Decimal(trade["info"]["realizedPnl"]) for trade in trades)
    assert income(exchange) == wallet(exchange) == 10_000 + won - paid


QUESTIONS = [
    ("fetch_order_book", (BTC, 5)), ("fetch_trades", (BTC,)), ("fetch_funding_rate", (BTC,)), ("fetch_funding_rates", ()),
    ("fetch_funding_rate_history", (BTC,)), ("fetch_mark_ohlcv", (BTC, "1h")), ("fetch_index_ohlcv", (BTC, "1h")),
    ("fetch_open_interest", (BTC,)), ("fetch_tickers", ()), ("fetch_bids_asks", ()), ("fetch_last_prices", ()), ("fetch_time", ()),
    ("fetch_status", ()), ("fetch_leverage_tiers", ()), ("fetch_trading_fee", (BTC,)), ("fetch_trading_fees", ()),
    ("fetch_position_mode", ()), ("fetch_margin_modes", ()), ("fetch_ledger", ()), ("fetch_funding_history", (BTC,)),
    ("fetch_margin_adjustment_history", (BTC,)), ("fetch_my_liquidations", (BTC,)), ("fetch_positions_risk", ()),
    ("fetch_orders", (BTC,)), ("fetch_closed_orders", (BTC,)), ("fetch_canceled_orders", (BTC,)), ("fetch_currencies", ()),
]  # fmt: skip


@pytest.mark.full
def test_every_question_is_understood(exchange):
    exchange.load_markets()
    for method, arguments in QUESTIONS:
        getattr(exchange, method)(*arguments)


def test_streams_and_user_events_over_websockets(venue, trader):
    account = trader().account

    async def session() -> None:
        exchange = connect_at(ccxt.pro.binanceusdm(), venue.url, account.api_key, account.secret)
        try:
            await exchange.load_markets()
            book = await asyncio.wait_for(exchange.watch_order_book(BTC), 10)
            assert book["bids"][0][0] == 49_999.0
            assert (await asyncio.wait_for(exchange.watch_ticker(BTC), 10))["symbol"] == BTC
            assert BTC in await asyncio.wait_for(exchange.watch_bids_asks([BTC]), 10)
            assert await asyncio.wait_for(exchange.watch_ohlcv(BTC, "1m"), 10)
            assert (await asyncio.wait_for(exchange.watch_mark_price(BTC), 10))["markPrice"] == 50_000
            assert await asyncio.wait_for(exchange.watch_positions([BTC]), 10) == []
            balances = asyncio.ensure_future(exchange.watch_balance())
            orders = asyncio.ensure_future(exchange.watch_orders(BTC))
            positions = asyncio.ensure_future(exchange.watch_positions([BTC]))
            mine = asyncio.ensure_future(exchange.watch_my_trades(BTC))
            trades = asyncio.ensure_future(exchange.watch_trades(BTC))
            await asyncio.sleep(1.5)
            order = await exchange.create_order(BTC, "market", "buy", 0.01)
            told = await asyncio.wait_for(orders, 10)
            assert {one["id"] for one in told} == {order["id"]}
            trade = (await asyncio.wait_for(mine, 10))[-1]
            assert (trade["order"], trade["amount"], trade["price"]) == (order["id"], 0.01, 50_001.0)
            assert (await asyncio.wait_for(trades, 10))[-1]["price"] == 50_001.0
            assert (await asyncio.wait_for(positions, 10))[-1]["contracts"] == 0.01
            assert (await asyncio.wait_for(balances, 10))["USDT"]["total"] < 10_000
            placed = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, 49_000)
            assert (await exchange.fetch_order_ws(placed["id"], BTC))["status"] == "open"
            assert (await exchange.cancel_order_ws(placed["id"], BTC))["status"] == "canceled"
            assert (await exchange.fetch_positions_ws([BTC]))[0]["contracts"] == 0.01
            assert (await exchange.fetch_balance_ws({"type": "future"}))["USDT"]["total"] < 10_000
        finally:
            await exchange.close()

    asyncio.run(session())
