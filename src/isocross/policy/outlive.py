"""Outlive: what a position needs to live through a move against it, in either margin mode.

Responsible for: the least isolated margin, the highest leverage, the least wallet of a cross position; each is tried in
the engine, where it lives and one step further does not. Must not: contain a formula, word a result.
"""

from __future__ import annotations

from ..codes import MarginMode
from . import pool
from .plan import Plan
from .size_result import Bound, Outlive, Tried, What
from .sizing import most_lots
from .trial import Fate, Trial


def isolated(plan: Plan, lots: int, until_e8: int) -> Outlive:
    """The least margin, by hand or by the entry, and the highest leverage whose own margin is enough."""
    needed_e8 = plan.backing_to_outlive_e8(lots, until_e8)
    top = plan.leverage_max(lots)
    least_e8, bound, margin_tried = _least_margin(plan, lots, until_e8, needed_e8, top)
    transfer_e8 = _transfer_e8(plan, lots, plan.leverage)
    is_entered = transfer_e8 >= plan.backing_to_outlive_e8(lots, plan.mark_e8)
    highest = most_lots(lambda leverage: leverage == 0 or _transfer_e8(plan, lots, leverage) >= needed_e8, top)
    return Outlive(
        mode=MarginMode.ISOLATED,
        until_e8=until_e8,
        least_e8=least_e8,
        bound=bound,
        transfer_e8=transfer_e8,
        to_add_e8=max(0, least_e8 - transfer_e8) if is_entered else None,
        leverage_max=highest or None,
        least_free_e8=None,
        tried=(margin_tried, _leverage_tried(plan, lots, until_e8, highest, top)),
    )


def cross(plan: Plan, lots: int, until_e8: int) -> Outlive:
    """The least cross wallet before the trade: to live, or to be allowed to open at the plan's leverage."""
    live_e8 = plan.backing_to_outlive_e8(lots, until_e8) + plan.cost(lots).fee_e8 - plan.others_backing_e8
    held_e8 = pool.initial_margin_e8(plan.others) - pool.unrealized_pnl_e8(plan.others)
    open_e8 = plan.required_e8(lots) + held_e8
    least_e8, bound = max((live_e8, Bound.SURVIVAL), (open_e8, Bound.OPENING), (0, Bound.NOTHING), key=lambda x: x[0])
    at = plan.stage.trial(lots, plan.leverage, MarginMode.CROSS, least_e8, until_e8=until_e8)
    assert at.fate is Fate.LIVES
    further = None
    if least_e8 > 0:
        further = plan.stage.trial(lots, plan.leverage, MarginMode.CROSS, least_e8 - 1, until_e8=until_e8)
        may_open = bound is Bound.SURVIVAL and least_e8 > open_e8
        assert further.fate is (Fate.LIQUIDATED if may_open else Fate.REFUSED)
    return Outlive(
        mode=MarginMode.CROSS,
        until_e8=until_e8,
        least_e8=least_e8,
        bound=bound,
        transfer_e8=None,
        to_add_e8=None,
        leverage_max=None,
        least_free_e8=pool.available_e8(least_e8, plan.others),
        tried=(_tried(MarginMode.CROSS, What.WALLET, least_e8, at, least_e8 - 1, further),),
    )


def _transfer_e8(plan: Plan, lots: int, leverage: int) -> int:
    """What the entry puts into the isolated wallet."""
    return plan.cost(lots, leverage).transfer_e8


def _least_margin(plan: Plan, lots: int, until_e8: int, needed_e8: int, top: int) -> tuple[int, Bound, Tried]:
    """The least isolated wallet that outlives; no less than what the venue takes at any leverage.

    It is made by entering at the highest leverage that lives at the entry's own mark, and adding or removing the rest.
    """
    enough_e8 = plan.backing_to_outlive_e8(lots, plan.mark_e8)
    entered = most_lots(lambda leverage: leverage == 0 or _transfer_e8(plan, lots, leverage) >= enough_e8, top)
    assert entered > 0, "a position paid in full lives where it is entered"
    transfer_e8 = _transfer_e8(plan, lots, entered)
    initial_e8 = -(-plan.notional_e8(lots, plan.mark_e8) // entered)
    kept_e8 = max(  # what may not be taken out again (formulas.md F14)
        plan.maintenance_margin_e8(lots, plan.mark_e8), initial_e8 - plan.unrealized_pnl_e8(lots, plan.mark_e8)
    )
    floor_e8 = min(transfer_e8, kept_e8)
    least_e8, bound = (needed_e8, Bound.SURVIVAL) if needed_e8 > floor_e8 else (floor_e8, Bound.OPENING)

    def trial(margin_e8: int) -> Trial:
        added_e8 = margin_e8 - transfer_e8
        return plan.stage.trial(lots, entered, MarginMode.ISOLATED, added_margin_e8=added_e8, until_e8=until_e8)

    at, further = trial(least_e8), trial(least_e8 - 1)
    assert (at.fate, at.isolated_wallet_e8) == (Fate.LIVES, least_e8)
    assert further.fate is (Fate.LIQUIDATED if bound is Bound.SURVIVAL else Fate.REFUSED)
    return least_e8, bound, _tried(MarginMode.ISOLATED, What.MARGIN, least_e8, at, least_e8 - 1, further)


def _leverage_tried(plan: Plan, lots: int, until_e8: int, highest: int, top: int) -> Tried:
    """The highest leverage lives, the next one dies or is refused; with none, the lowest dies."""

    def trial(leverage: int) -> Trial:
        return plan.stage.trial(lots, leverage, MarginMode.ISOLATED, until_e8=until_e8)

    at = trial(highest) if highest else None
    assert at is None or at.fate is Fate.LIVES
    further = trial(highest + 1)
    assert further.fate is (Fate.LIQUIDATED if highest < top else Fate.REFUSED)
    return _tried(MarginMode.ISOLATED, What.LEVERAGE, highest, at, highest + 1, further)


def _tried(mode: MarginMode, what: What, value: int, at: Trial | None, next_value: int, further: Trial | None) -> Tried:
    return Tried(mode, what, value, at, next_value, further)
