"""Marks: at which mark a position is liquidated, and at which what backs it is gone, as it stands.

Responsible for: what stands behind a position and its pair (F10, F12), the nearer of two marks. Must not: hold a formula
(margin.py does), change anything.
"""

from __future__ import annotations

from ..codes import MarginMode, PositionSide
from .jit import kernel, small
from .margin import NO_PRICE, bankruptcy_mark_e8, hedged_liquidation_mark_e8, liquidation_mark_e8
from .pockets import maintenance_of_lots_e8, pool_balance, position_row, position_upnl_e8
from .schema import NO_ROW


@kernel
def other_leg(s, p):
    """The row of the same account, symbol and margin mode on the other side of a hedge; NO_ROW where there is none."""
    position = s.positions[p]
    if position.position_side == PositionSide.BOTH:
        return NO_ROW
    side = PositionSide.LONG
    if position.position_side == PositionSide.LONG:
        side = PositionSide.SHORT
    return position_row(s, position.settings, side, position.margin_mode)


@kernel
def liquidation_marks_of(s, p):
    """(below, above): the first marks on either side at which a position is due, the rest of its pool at mark; 0 = none.

    Long and short of one symbol in one pool share them. Both are the mark where it is due already (F12).
    """
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    if position.margin_mode == MarginMode.ISOLATED:
        backing = position.isolated_wallet_e8
    else:
        balance, maintenance = pool_balance(s, position.account, symbol.asset)
        backing = balance - position_upnl_e8(s, p)
        backing -= maintenance - maintenance_of_lots_e8(s, position.symbol, position.lots)
        q = other_leg(s, p)
        if q != NO_ROW and s.positions[q].lots != 0:
            backing -= position_upnl_e8(s, q) - maintenance_of_lots_e8(s, position.symbol, s.positions[q].lots)
            return _shared_marks(s, p, q, backing)
    found = liquidation_mark_e8(
        symbol.contract_kind,
        position.lots,
        symbol.step_e8,
        position.entry_cost_e8,
        backing,
        symbol.mark_e8,
        symbol.price_min_e8,
        symbol.price_max_e8,
        s.brackets,
        symbol.first_bracket,
        symbol.bracket_count,
    )
    if position.lots > 0:
        return found, NO_PRICE
    return NO_PRICE, found


@kernel
def _shared_marks(s, p, q, backing):
    """`liquidation_marks_of` where a long and a short of one symbol stand in one pool."""
    if s.positions[p].lots < 0:
        p, q = q, p
    long = s.positions[p]
    short = s.positions[q]
    symbol = s.symbols[long.symbol]
    below = hedged_liquidation_mark_e8(
        symbol.contract_kind,
        long.lots,
        long.entry_cost_e8,
        short.lots,
        short.entry_cost_e8,
        symbol.step_e8,
        backing,
        symbol.mark_e8,
        symbol.price_min_e8,
        s.brackets,
        symbol.first_bracket,
        symbol.bracket_count,
    )
    above = hedged_liquidation_mark_e8(
        symbol.contract_kind,
        long.lots,
        long.entry_cost_e8,
        short.lots,
        short.entry_cost_e8,
        symbol.step_e8,
        backing,
        symbol.mark_e8,
        symbol.price_max_e8,
        s.brackets,
        symbol.first_bracket,
        symbol.bracket_count,
    )
    return below, above


@small
def nearer_mark_e8(mark_e8, below_e8, above_e8):
    """Of two liquidation marks the one that is nearer, the lower one at the same distance; 0 where there is neither."""
    if below_e8 == NO_PRICE:
        return above_e8
    if above_e8 == NO_PRICE or mark_e8 - below_e8 <= above_e8 - mark_e8:
        return below_e8
    return above_e8


@kernel
def bankruptcy_mark_of(s, p):
    """The mark at which what backs a position is gone, everything else of its pool at mark; 0 = none (F10)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    if position.margin_mode == MarginMode.ISOLATED:
        backing = position.isolated_wallet_e8
    else:
        balance, _ = pool_balance(s, position.account, symbol.asset)
        backing = balance - position_upnl_e8(s, p)
    return bankruptcy_mark_e8(
        symbol.contract_kind,
        position.lots,
        symbol.step_e8,
        position.entry_cost_e8,
        backing,
        symbol.price_min_e8,
        symbol.price_max_e8,
    )
