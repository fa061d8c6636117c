"""limit-order-book beside us: one call an order from Python, as the package is used. No accounts, no margin, no events."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

from limit_order_book import LimitOrderBook

REPEATS = 5


def play(steps: list[list[int]]) -> tuple[LimitOrderBook, float]:
    """A new book, and the seconds that the steps took on it."""
    book = LimitOrderBook()
    buy, sell, cancel = book.limit_buy, book.limit_sell, book.cancel
    started = time.process_time()
    for number, side, price_ticks, lots in steps:
        if number < 0:
            cancel(-number)
        elif side == 0:
            buy(number, lots, price_ticks)
        else:
            sell(number, lots, price_ticks)
    return book, time.process_time() - started


def main() -> None:
    """Play the flow of the file named, and print the answer and the seconds."""
    steps = json.loads(Path(sys.argv[1]).read_text())
    book, _ = play(steps)
    answer = {
        "open orders": book.count(),
        "best bid": book.best_buy(),
        "best ask": book.best_sell(),
        "lots bid": book.volume_buy(),
        "lots asked": book.volume_sell(),
    }
    seconds = [play(steps)[1] for _ in range(REPEATS)]
    print(json.dumps({"version": version("limit-order-book"), "answer": answer, "seconds": seconds}))


main()
