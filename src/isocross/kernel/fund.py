"""Fund: what the insurance fund does with the lots that it took over.

Responsible for: its order against its own position (F26). Must not: take a position over (adl.py), choose the moment (engine.py).
"""

from __future__ import annotations

from ..codes import EventKind, Side
from .adl import system_position
from .book import lots_within
from .events import new_event
from .fixed import mul_e8_down
from .jit import kernel
from .matching import opposite, reduce_at_once
from .orders import bound_ticks
from .schema import FUND_ACCOUNT

DEPTH_MAX_LOTS = 2**60  # more than any book holds: the whole depth within the band is asked for


@kernel
def unwind(s, symbol_row):
    """One order of the fund in a symbol: a share of what rests within the band, at most what it holds (F26)."""
    p = system_position(s, symbol_row, FUND_ACCOUNT)
    held = s.positions[p].lots
    side = Side.SELL
    if held < 0:
        side = Side.BUY
    limit_ticks = bound_ticks(s, symbol_row, side, s.engine[0].fund_unwind_band_e8)
    depth, _ = lots_within(s, symbol_row, opposite(side), limit_ticks, DEPTH_MAX_LOTS, FUND_ACCOUNT)
    lots = mul_e8_down(depth, s.engine[0].fund_unwind_share_e8)
    if lots > abs(held):
        lots = abs(held)
    if lots < 1:
        return
    event_edit = new_event(s, EventKind.FUND_ORDER, FUND_ACCOUNT, symbol_row)
    event_edit.side = side
    event_edit.price_ticks = limit_ticks
    event_edit.lots = lots
    reduce_at_once(s, p, side, limit_ticks, lots, False)
