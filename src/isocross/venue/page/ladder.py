"""Ladder: the book as the page shows it: the best rows of both sides, as wide as somebody wants them, his own orders marked.

Responsible for: gathering levels into rows. Must not: round a row towards the other side: a bid's row is never above its orders.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...codes import Side
from ...errors import InputError
from ...exchange import Exchange
from ...rulebook import SymbolRules
from ...units import format_e8
from ...views import OrderView

ROWS = 9
WIDTHS = (1, 10, 100, 1_000)  # of a row, in ticks
LEVELS_MAX = 2_000  # of a side that are gathered


def checked_width(width: int) -> int:
    """A width of rows that there is. Errors  InputError."""
    if width not in WIDTHS:
        raise InputError(f"width: {width} ticks; expected one of {', '.join(map(str, WIDTHS))}")
    return width


def widths_of(rules: SymbolRules) -> list[dict[str, Any]]:
    """What a row may be wide, in ticks and as a price."""
    return [{"ticks": width, "price": format_e8(width * rules.tick_e8)} for width in WIDTHS]


def ladder_of(
    exchange: Exchange, orders: Iterable[OrderView], row: int, rules: SymbolRules, width: int
) -> dict[str, Any]:
    """Rows of both sides, best first: price, quantity, whether one of the orders is in it."""
    own = {
        (view.side, view.price_ticks)
        for view in orders
        if view.symbol == rules.symbol and view.price_ticks and not view.trigger_ticks
    }
    book = exchange.book(row, ROWS if width == 1 else LEVELS_MAX)
    return {
        name: [
            [format_e8(ticks * rules.tick_e8), format_e8(lots * rules.step_e8), is_own]
            for ticks, lots, is_own in _rows(book[name], side, width, {ticks for mine, ticks in own if mine == side})
        ]
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }


def _rows(levels: Iterable[tuple[int, int]], side: Side, width: int, own: set[int]) -> list[tuple[int, int, bool]]:
    found: list[tuple[int, int, bool]] = []
    for ticks, lots in levels:
        edge = ticks // width * width if side == Side.BUY else -(-ticks // width) * width
        if found and found[-1][0] == edge:
            _, before, was_own = found[-1]
            found[-1] = (edge, before + lots, was_own or ticks in own)
        elif len(found) == ROWS:
            break
        else:
            found.append((edge, lots, ticks in own))
    return found
