"""hftbacktest beside us: its compiled loop places and cancels, and waits for the answer of each. No margin; own orders never meet."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from hftbacktest import BUY_EVENT, DEPTH_EVENT, EXCH_EVENT, GTC, LIMIT, LOCAL_EVENT, NEW, SELL_EVENT, BacktestAsset
from hftbacktest import HashMapMarketDepthBacktest as Backtest
from hftbacktest.types import event_dtype
from numba import njit

REPEATS = 5
TICK, LOT = 0.1, 0.001
END_NS = 10**17


def new_backtest(middle_ticks: int) -> Backtest:
    """One symbol whose market stands still, one tick on either side of the middle, and time enough for every answer."""
    market = np.zeros(4, event_dtype)
    for row, (side, time_ns) in enumerate([(BUY_EVENT, 1), (SELL_EVENT, 1), (BUY_EVENT, END_NS), (SELL_EVENT, END_NS)]):
        market[row]["ev"] = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | side
        market[row]["exch_ts"] = market[row]["local_ts"] = time_ns
        market[row]["px"] = (middle_ticks + (-1 if side == BUY_EVENT else 1)) * TICK
        market[row]["qty"] = 1_000.0
    asset = BacktestAsset().data(market).linear_asset(1.0).constant_order_latency(1_000, 1_000)
    asset = asset.risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0.0002, 0.0005)
    return Backtest([asset.tick_size(TICK).lot_size(LOT)])


@njit
def play(backtest, steps):
    """Every step, each answered before the next. Returns how many orders are open, and the quantity traded."""
    backtest.elapse(1_000)
    for row in range(len(steps)):
        number, side, price_ticks, lots = steps[row]
        if number < 0:
            failed = backtest.cancel(0, -number, True)
        elif side == 0:
            failed = backtest.submit_buy_order(0, number, price_ticks * TICK, lots * LOT, GTC, LIMIT, True)
        else:
            failed = backtest.submit_sell_order(0, number, price_ticks * TICK, lots * LOT, GTC, LIMIT, True)
        if failed != 0:
            return -1, float(row)
    open_count = 0
    orders = backtest.orders(0).values()
    while orders.has_next():
        if orders.get().status == NEW:
            open_count += 1
    return open_count, backtest.state_values(0).trading_volume


def main() -> None:
    """Play the flow of the file named, and print the answer and the seconds."""
    steps = np.array(json.loads(Path(sys.argv[1]).read_text()), dtype=np.int64)
    middle_ticks = int(sys.argv[2])
    seconds = []
    for _ in range(REPEATS + 1):
        backtest = new_backtest(middle_ticks)
        started = time.process_time()
        open_count, traded = play(backtest, steps)
        seconds.append(time.process_time() - started)
        backtest.close()
    answer = {"open orders": open_count, "filled lots": round(traded / LOT)}
    print(json.dumps({"version": version("hftbacktest"), "answer": answer, "seconds": seconds[1:]}))  # the first compiles


main()
