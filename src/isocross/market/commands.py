"""Commands: what a market says, as the engine takes it.

Responsible for: the four commands of a market and their fields: a ladder, prices, settlements, a small market order.
Must not: choose a number, submit a command.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..codes import CommandKind, OrderType, Side
from ..rulebook.model import SymbolRules
from .maker import DepthProfile


class MarketCommand(NamedTuple):
    """A command's kind and its fields, as Exchange.submit takes them."""

    kind: CommandKind
    fields: dict[str, Any]


def quote(row: int, rules: SymbolRules, profile: DepthProfile, mid_e8: int, scale_e8: int) -> MarketCommand:
    """The maker stands around `mid_e8` with this share of its depth, × 10^8."""
    return MarketCommand(
        CommandKind.QUOTE,
        {
            "symbol": row,
            "mid_e8": mid_e8,
            "half_spread_rate_e8": profile.half_spread_rate_e8,
            "spacing_rate_e8": profile.spacing_rate_e8,
            "level_notional_e8": profile.level_value_e8(rules, mid_e8),
            "level_count": profile.levels,
            "scale_e8": scale_e8,
        },
    )


def prices(index_and_mark_e8: Iterable[tuple[int, int, int]]) -> MarketCommand:
    """(row, index, mark) of symbols, all at once."""
    records = [{"symbol": row, "index_e8": index, "mark_e8": mark} for row, index, mark in index_and_mark_e8]
    return MarketCommand(CommandKind.PRICES, {"records": records})


def settlement(rates_e8: Iterable[tuple[int, int]]) -> MarketCommand:
    """(row, funding rate) of symbols, all at once."""
    records = [{"symbol": row, "rate_e8": rate} for row, rate in rates_e8]
    return MarketCommand(CommandKind.SETTLE_FUNDING, {"records": records})


def market_order(account: int, row: int, lots: int) -> MarketCommand:
    """An order at market: lots > 0 buys, lots < 0 sells."""
    assert lots
    return MarketCommand(
        CommandKind.PLACE_ORDER,
        {
            "account": account,
            "symbol": row,
            "side": Side.BUY if lots > 0 else Side.SELL,
            "order_type": OrderType.MARKET,
            "lots": abs(lots),
        },
    )
