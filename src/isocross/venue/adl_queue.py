"""ADL queue: where a position stands among those that auto-deleveraging would take from.

Responsible for: the fifth of its side in which a position stands, as the page's lights and the dialect's quantile show it. Must not: rank for
a handover (the engine does, by the rulebook's column): this is the one order that venues show.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..exchange import Exchange
from ..views import PositionView

FIFTHS = 5


def side_of_queue(exchange: Exchange, view: PositionView) -> list[int]:
    """Rows of the positions on the same side of the contract; houses stand in no queue."""
    table = exchange.table("positions")
    is_same_side = (table["lots"] > 0) if view.lots > 0 else (table["lots"] < 0)
    rows: list[int] = np.flatnonzero(
        is_same_side & (table["symbol"] == exchange.symbol_row(view.symbol)) & (table["is_house"] == 0)
    ).tolist()
    return rows


def adl_fifth(exchange: Exchange, view: PositionView) -> int:
    """5 in the first fifth of its side's queue, 1 in the last; 0 without a position or without profit.

    The queue is ordered as venues word it: profit on what backs the position, times how near that is to its end.
    """
    own = _place(view) if view.lots else Fraction(0)
    if own <= 0:
        return 0
    accounts = dict.fromkeys(exchange.table("positions")["account"][side_of_queue(exchange, view)].tolist())
    queue = [
        one
        for account in accounts
        for one in exchange.positions(account)
        if one.symbol == view.symbol and (one.lots > 0) == (view.lots > 0)
    ]
    ahead = sum(_place(one) > own for one in queue)
    return FIFTHS - ahead * FIFTHS // max(1, len(queue))


def _place(view: PositionView) -> Fraction:
    if view.unrealized_pnl_e8 <= 0 or view.margin_balance_e8 <= 0:
        return Fraction(0)
    return Fraction(view.unrealized_pnl_e8 * view.pool_maintenance_e8, view.margin_balance_e8**2)
