"""NautilusTrader beside us: a strategy in its default BacktestEngine places or cancels one limit order at each quote, margin account."""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

REPEATS = 3
TICK, LOT = Decimal("0.1"), Decimal("0.001")
INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()


class OneStepPerQuote(Strategy):
    """Plays the flow. Prices and quantities are made before the clock runs."""

    def __init__(self, steps: list[list[int]]) -> None:
        super().__init__()
        self.steps = iter([(number, side, price(ticks), Quantity(lots * LOT, 3)) for number, side, ticks, lots in steps])
        self.placed: dict = {}
        self.accepted = self.cancelled = 0
        self.filled = Decimal(0)

    def on_start(self) -> None:
        """Ask for the quotes that carry the time."""
        self.subscribe_quote_ticks(INSTRUMENT.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """The next step."""
        number, side, limit, quantity = next(self.steps)
        if number < 0:
            self.cancel_order(self.placed.pop(-number))
            return
        order = self.order_factory.limit(INSTRUMENT.id, OrderSide.SELL if side else OrderSide.BUY, quantity, limit)
        self.placed[number] = order
        self.submit_order(order)

    def on_order_accepted(self, event) -> None:
        """The answer to an order."""
        self.accepted += 1

    def on_order_canceled(self, event) -> None:
        """The answer to a cancel."""
        self.cancelled += 1

    def on_order_filled(self, event) -> None:
        """No order of this flow may be filled: the answer says so."""
        self.filled += event.last_qty.as_decimal()


def price(ticks: int) -> Price:
    """A price of the engine's own type."""
    return Price(ticks * TICK, 1)


def play(steps: list[list[int]], middle_ticks: int) -> tuple[dict[str, int], float]:
    """The answer of a new engine, and the seconds of its run."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(10_000_000, USDT)],
        base_currency=USDT,
        default_leverage=Decimal(10),
    )
    engine.add_instrument(INSTRUMENT)
    bid, ask, size = price(middle_ticks - 1), price(middle_ticks + 1), Quantity(1_000, 3)
    times_ns = [second * 10**9 for second in range(1, len(steps) + 1)]  # its risk engine denies more than 100 orders a second
    engine.add_data([QuoteTick(INSTRUMENT.id, bid, ask, size, size, time_ns, time_ns) for time_ns in times_ns])
    strategy = OneStepPerQuote(steps)
    engine.add_strategy(strategy)
    started = time.process_time()
    engine.run()
    seconds = time.process_time() - started
    answer = {
        "accepted": strategy.accepted,
        "cancelled": strategy.cancelled,
        "open orders": engine.cache.orders_open_count(),
        "filled lots": int(strategy.filled / LOT),
    }
    engine.dispose()
    return answer, seconds


def main() -> None:
    """Play the flow of the file named, and print the answer and the seconds."""
    steps = json.loads(Path(sys.argv[1]).read_text())
    middle_ticks = int(sys.argv[2])
    runs = [play(steps, middle_ticks) for _ in range(REPEATS)]
    answer = runs[0][0]
    print(json.dumps({"version": version("nautilus_trader"), "answer": answer, "seconds": [one[1] for one in runs]}))


main()
