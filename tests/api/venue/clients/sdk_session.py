"""The modular SDK: typed answers; it warns when one does not fit its models, and here it must not warn."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from asking import KEY, SECRET, URL, WS, adds_up, price
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_common.errors import ClientError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

client = DerivativesTradingUsdsFutures(
    config_rest_api=ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=URL, retries=0),
    config_ws_api=ConfigurationWebSocketAPI(api_key=KEY, api_secret=SECRET, stream_url=f"{WS}/ws-fapi/v1"),
    config_ws_streams=ConfigurationWebSocketStreams(stream_url=WS),
)
rest = client.rest_api
warnings: list[str] = []


class Listening(logging.Handler):
    """Keeps what is warned of."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            warnings.append(record.getMessage())


def said(function: Any, **arguments: Any) -> Any:
    """A typed answer."""
    return function(**arguments).data()


def plain(rows: Any) -> list[dict[str, Any]]:
    """Models as dicts under their wire names."""
    return [row.to_dict() if hasattr(row, "to_dict") else row for row in rows]


def refused(function: Any, **arguments: Any) -> str:
    try:
        function(**arguments)
    except ClientError as error:
        return str(error)
    except Exception as error:
        return repr(error)
    raise AssertionError("was not refused")


def session() -> None:
    for name in (
        "test_connectivity", "check_server_time", "exchange_information", "mark_price", "symbol_price_ticker", "symbol_price_ticker_v2",
        "ticker24hr_price_change_statistics", "symbol_order_book_ticker", "get_funding_rate_history", "get_funding_rate_info",
        "account_information_v2", "account_information_v3", "futures_account_balance_v2", "futures_account_balance_v3",
        "futures_account_configuration", "get_bnb_burn_status", "get_current_multi_assets_mode", "get_current_position_mode",
        "notional_and_leverage_brackets", "query_user_rate_limit", "symbol_configuration", "position_adl_quantile_estimation",
        "position_information_v2", "position_information_v3", "users_force_orders", "current_all_open_orders", "current_all_algo_open_orders",
    ):  # fmt: skip
        said(getattr(rest, name))
    for name in (
        "order_book", "compressed_aggregate_trades_list", "recent_trades_list", "open_interest", "user_commission_rate", "all_orders",
        "get_position_margin_change_history", "query_all_algo_orders",
    ):  # fmt: skip
        said(getattr(rest, name), symbol="BTCUSDT")
    assert said(rest.kline_candlestick_data, symbol="BTCUSDT", interval="1m", limit=3)
    said(rest.mark_price_kline_candlestick_data, symbol="BTCUSDT", interval="1h", limit=3)
    said(
        rest.continuous_contract_kline_candlestick_data,
        pair="BTCUSDT",
        contract_type="PERPETUAL",
        interval="1h",
        limit=3,
    )

    said(rest.change_margin_type, symbol="BTCUSDT", margin_type="ISOLATED")
    assert "No need to change margin type." in refused(
        rest.change_margin_type, symbol="BTCUSDT", margin_type="ISOLATED"
    )
    assert said(rest.change_initial_leverage, symbol="BTCUSDT", leverage=10).leverage == 10
    limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01}
    assert "Margin is insufficient" in refused(rest.new_order, **limit | {"quantity": 50.0, "price": 49_000.0})
    opened = said(
        rest.new_order, symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.1, new_order_resp_type="RESULT"
    )
    assert (opened.status, opened.orig_qty) == ("FILLED", "0.100")
    (position,) = said(rest.position_information_v3, symbol="BTCUSDT")
    assert 45_000 < float(position.liquidation_price) < 45_500
    said(rest.modify_isolated_position_margin, symbol="BTCUSDT", amount=20.0, type=1)
    resting = said(rest.new_order, **limit, price=49_000.0)
    said(rest.modify_order, symbol="BTCUSDT", side="BUY", quantity=0.02, price=48_900.0, order_id=resting.order_id)
    said(rest.query_order, symbol="BTCUSDT", order_id=resting.order_id)
    said(rest.query_current_open_order, symbol="BTCUSDT", order_id=resting.order_id)
    assert said(rest.cancel_order, symbol="BTCUSDT", order_id=resting.order_id).status == "CANCELED"
    stop = said(
        rest.new_algo_order, algo_type="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", trigger_price=49_500.0,
        close_position="true", working_type="MARK_PRICE",
    )  # fmt: skip
    said(rest.query_algo_order, algo_id=stop.algo_id)
    other = said(
        rest.new_algo_order, algo_type="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="TAKE_PROFIT_MARKET", trigger_price=52_000.0,
        quantity=0.1,
    )  # fmt: skip
    said(rest.cancel_algo_order, algo_id=other.algo_id)
    price("BTCUSDT", 49_400)
    assert said(rest.query_algo_order, algo_id=stop.algo_id).algo_status == "FINISHED"
    price("BTCUSDT", 50_000)
    said(rest.cancel_all_open_orders, symbol="BTCUSDT")
    said(rest.cancel_all_algo_open_orders, symbol="BTCUSDT")
    said(rest.auto_cancel_all_open_orders, symbol="BTCUSDT", countdown_time=0)
    income, trades = (
        plain(said(rest.get_income_history, limit=1000)),
        plain(said(rest.account_trade_list, symbol="BTCUSDT")),
    )
    adds_up(income, trades, said(rest.account_information_v3).total_wallet_balance)


async def listening() -> None:
    streams = await client.websocket_streams.create_connection()
    heard: list[Any] = []
    key = said(rest.start_user_data_stream).listen_key
    for handle in (
        await streams.user_data(key),
        await streams.aggregate_trade_streams(symbol="btcusdt"),
        await streams.individual_symbol_book_ticker_streams(symbol="btcusdt"),
        await streams.diff_book_depth_streams(symbol="btcusdt", update_speed="100ms"),
        await streams.kline_candlestick_streams(symbol="btcusdt", interval="1m"),
        await streams.mark_price_stream(symbol="btcusdt"),
    ):
        handle.on("message", heard.append)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(said, rest.new_order, symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
    await asyncio.sleep(1.5)
    await streams.close_connection(close_session=True)
    text = repr(heard)
    for name in (
        "OrderTradeUpdate(",
        "AccountUpdate(",
        "TradeLite(",
        "aggTrade",
        "bookTicker",
        "depthUpdate",
        "kline",
        "markPriceUpdate",
    ):
        assert name in text, (name, text[:3000])

    api = await client.websocket_api.create_connection()
    placed = (
        await api.new_order(
            symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=49_000.0
        )
    ).data()
    order_id = placed.result.order_id
    assert (await api.query_order(symbol="BTCUSDT", order_id=order_id)).data().result.status == "NEW"
    assert (await api.cancel_order(symbol="BTCUSDT", order_id=order_id)).data().result.status == "CANCELED"
    for method in (api.account_information_v2, api.futures_account_balance_v2, api.position_information_v2):
        (await method()).data()
    await api.close_connection(close_session=True)


if __name__ == "__main__":
    logging.getLogger().addHandler(Listening())
    session()
    asyncio.run(listening())
    assert not warnings, warnings
