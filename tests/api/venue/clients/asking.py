"""What a session may ask of the test that runs it: one line out, one line back. Standard library alone."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

URL, KEY, SECRET = sys.argv[1:4]
WS = "ws" + URL.removeprefix("http")


def price(symbol: str, value: float) -> None:
    """The market moves there, with its ladder."""
    print(f"@price {symbol} {value}", flush=True)
    assert sys.stdin.readline().strip() == "done"


def adds_up(income: list[dict[str, Any]], trades: list[dict[str, Any]], wallet: str, deposit: int = 10_000) -> None:
    """Income, trades and wallet agree to the last digit."""
    entries = sum(Decimal(entry["income"]) for entry in income)
    paid = sum(Decimal(trade["commission"]) for trade in trades)
    won = sum(Decimal(trade["realizedPnl"]) for trade in trades)
    assert entries == Decimal(wallet) == deposit + won - paid, (entries, wallet, won, paid)
