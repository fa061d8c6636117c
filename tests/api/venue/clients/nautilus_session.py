"""NautilusTrader: a live node whose strategy buys, protects the position, closes it, and ends."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

from asking import KEY, SECRET, URL, WS
from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import InstrumentProviderConfig, LiveExecEngineConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.enums import OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
account = {
    "api_key": KEY, "api_secret": SECRET, "account_type": BinanceAccountType.USDT_FUTURES, "base_url_http": URL,
    "instrument_provider": InstrumentProviderConfig(load_all=True),
}  # fmt: skip
if "base_url_ws_stream" in BinanceExecClientConfig.__struct_fields__:
    execution = BinanceExecClientConfig(**account, base_url_ws=f"{WS}/ws-fapi/v1", base_url_ws_stream=WS)
else:
    execution = BinanceExecClientConfig(**account, base_url_ws=WS)


class Session(Strategy):
    """Buys at the first quote; when the position is open it places a stop and a limit, cancels both and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.done = threading.Event()

    def on_start(self) -> None:
        self.instrument = self.cache.instrument(INSTRUMENT)
        assert self.instrument is not None
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)
        self.subscribe_order_book_deltas(INSTRUMENT)
        self.is_sent = False

    def on_quote_tick(self, tick: Any) -> None:
        self.seen.append("quote")
        if not self.is_sent:
            self.is_sent = True
            self.submit_order(self.order_factory.market(INSTRUMENT, OrderSide.BUY, self.instrument.make_qty(0.02)))

    def on_trade_tick(self, tick: Any) -> None:
        self.seen.append("trade")
        self._end_if_all_is_told()

    def on_order_book_deltas(self, deltas: Any) -> None:
        self.seen.append("book")

    def on_position_opened(self, event: Any) -> None:
        self.seen.append("opened")
        assert event.avg_px_open == 50_001.0
        quantity = self.instrument.make_qty(0.02)
        self.protection = self.order_factory.stop_market(
            INSTRUMENT, OrderSide.SELL, quantity, self.instrument.make_price(45_000), trigger_type=TriggerType.MARK_PRICE,
            reduce_only=True,
        )  # fmt: skip
        self.limit = self.order_factory.limit(
            INSTRUMENT,
            OrderSide.SELL,
            quantity,
            self.instrument.make_price(51_000),
            time_in_force=TimeInForce.GTC,
            post_only=True,
        )
        self.submit_order(self.protection)
        self.submit_order(self.limit)

    def on_order_accepted(self, event: Any) -> None:
        self.seen.append("accepted")
        if event.client_order_id == self.limit.client_order_id if hasattr(self, "limit") else False:
            self.modify_order(self.limit, price=self.instrument.make_price(51_500))

    def on_order_updated(self, event: Any) -> None:
        self.seen.append("updated")
        self.cancel_order(self.limit)

    def on_order_canceled(self, event: Any) -> None:
        self.seen.append("canceled")
        if event.client_order_id == self.limit.client_order_id:
            self.cancel_order(self.protection)
        else:
            self.close_all_positions(INSTRUMENT)

    def on_order_rejected(self, event: Any) -> None:
        self.seen.append(f"rejected {event.reason}")
        self.done.set()

    def on_position_closed(self, event: Any) -> None:
        self.seen.append("closed")
        self._end_if_all_is_told()

    def _end_if_all_is_told(self) -> None:
        """The market's stream and the user's are two: the last trade may come before the position's end, or after it."""
        if {"trade", "closed"} <= set(self.seen):
            self.done.set()


def main() -> None:
    node = TradingNode(
        TradingNodeConfig(
            trader_id=TraderId("TESTER-001"),
            logging=LoggingConfig(log_level="WARNING", use_pyo3=False),
            exec_engine=LiveExecEngineConfig(reconciliation=True),
            data_clients={BINANCE: BinanceDataClientConfig(**account, base_url_ws=WS)},
            exec_clients={BINANCE: execution},
            timeout_connection=20.0,
            timeout_reconciliation=10.0,
            timeout_portfolio=10.0,
            timeout_disconnection=5.0,
            timeout_post_stop=1.0,
        )
    )
    strategy = Session()
    node.trader.add_strategy(strategy)
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    node.build()

    def end() -> None:
        strategy.done.wait(60)
        node.kernel.loop.call_soon_threadsafe(node.stop)

    threading.Thread(target=end, daemon=True).start()
    try:
        node.run()
        total = node.portfolio.account(INSTRUMENT.venue).balance_total(USDT)
    finally:
        node.dispose()
    print(strategy.seen[:5], strategy.seen[-5:], total)
    assert {"quote", "trade", "book", "opened", "accepted", "updated", "canceled", "closed"} <= set(strategy.seen), (
        strategy.seen
    )
    assert Decimal(9_990) < total.as_decimal() < Decimal(10_000)


if __name__ == "__main__":
    main()
