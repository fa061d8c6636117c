"""Danger: how near a position is to its end: where the margin call comes.

Responsible for: the mark of the margin call. Must not: hold a formula: profit, maintenance and balance at a mark are the engine's.
"""

from __future__ import annotations

from ...codes import MarginMode
from ...exchange import Exchange
from ...units import ONE_E8
from ...views import PositionView


def margin_call_mark_e8(exchange: Exchange, view: PositionView, guess_e8: int = 0) -> int | None:
    """First mark on the way to liquidation at which the margin call comes, if only this market moves.

    None where the position has no liquidation price, or where the call has come already. guess_e8: the last answer, which holds as long as
    only the mark moves: then two questions are enough.
    """
    goal_e8 = view.liquidation_mark_e8
    if goal_e8 is None or _is_called(exchange, [view], view, view.mark_e8):
        return None
    legs = [view]
    if view.margin_mode == MarginMode.CROSS:  # both sides of a contract in one pool move with its mark
        legs = [one for one in exchange.positions(view.account) if one.symbol == view.symbol]
    calm_e8, called_e8 = view.mark_e8, goal_e8
    before_e8 = guess_e8 + (1 if goal_e8 < view.mark_e8 else -1)
    if min(calm_e8, called_e8) < guess_e8 < max(calm_e8, called_e8) and _is_called(exchange, legs, view, guess_e8):
        called_e8 = guess_e8
        calm_e8 = calm_e8 if _is_called(exchange, legs, view, before_e8) else before_e8
    while abs(called_e8 - calm_e8) > 1:
        middle_e8 = (calm_e8 + called_e8) // 2
        if _is_called(exchange, legs, view, middle_e8):
            called_e8 = middle_e8
        else:
            calm_e8 = middle_e8
    return called_e8


def _is_called(exchange: Exchange, legs: list[PositionView], view: PositionView, mark_e8: int) -> bool:
    """Whether maintenance has reached the call's share of the margin balance, with this contract at another mark."""
    balance_e8, maintenance_e8 = view.margin_balance_e8, view.pool_maintenance_e8
    for one in legs if mark_e8 != view.mark_e8 else ():
        pnl_e8 = exchange.unrealized_pnl_e8(one.symbol, one.lots, one.entry_cost_e8, mark_e8)
        balance_e8 += pnl_e8 - one.unrealized_pnl_e8
        maintenance_e8 += exchange.maintenance_of_e8(one.symbol, one.lots, mark_e8) - one.maintenance_margin_e8
    return maintenance_e8 * ONE_E8 >= exchange.rulebook.margin_call_ratio_e8 * balance_e8
