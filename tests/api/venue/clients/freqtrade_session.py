"""freqtrade, live: its bot enters with a stop on the exchange, and leaves, by the configuration that `isocross connect` prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIGURATION = json.loads(sys.argv[4])
STRATEGY = '''
from datetime import datetime, timezone

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy


class EnterAndLeave(IStrategy):
    """Enters at the first candle, once, leaves by a custom exit some seconds later."""

    timeframe = "1m"
    can_short = False
    stoploss = -0.10
    minimal_roi = {"0": 10}
    startup_candle_count = 5
    process_only_new_candles = False
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": True}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def confirm_trade_entry(self, pair, *values, **named):
        return not Trade.get_trades_proxy(is_open=False)

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, entry_tag, side, **kwargs):
        return 5.0

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        open_for = (datetime.now(timezone.utc) - trade.open_date_utc).total_seconds()
        return "long enough" if open_for > 8 else None
'''
SECONDS = 170


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "strategies").mkdir()
        (folder / "strategies" / "enter_and_leave.py").write_text(STRATEGY)
        CONFIGURATION["exchange"]["pair_whitelist"] = ["BTC/USDT:USDT"]
        bot = {
            "max_open_trades": 1, "stake_amount": 500, "tradable_balance_ratio": 0.99, "cancel_open_orders_on_exit": True,
            "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes"},
            "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
            "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
            "pairlists": [{"method": "StaticPairList"}], "internals": {"process_throttle_secs": 2}, "initial_state": "running",
            "liquidation_buffer": 0.05, "db_url": f"sqlite:///{folder}/trades.sqlite",
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(bot | CONFIGURATION))
        command = [
            str(Path(sys.executable).with_name("freqtrade")), "trade", "--userdir", name, "--config", f"{name}/config.json",
            "--strategy", "EnterAndLeave",
        ]  # fmt: skip
        printed = folder / "printed.txt"
        with printed.open("w") as output:
            wide = os.environ | {"COLUMNS": "1000"}  # it folds its lines to a terminal's width
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=wide)
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end and process.poll() is None:
                time.sleep(1)
                if "exit_fill" in printed.read_text():
                    break
        finally:
            process.terminate()
            process.wait(30)
        text = printed.read_text()
        for said in ("Long signal found", "entry_fill", "exit_fill"):
            assert said in text, text[-6000:]
        for said in ("Traceback", "Unable to create", "could not cancel"):
            assert said not in text, text[-6000:]
        print(text[-1500:])


if __name__ == "__main__":
    main()
