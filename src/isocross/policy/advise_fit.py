"""Advise fit: the leverage and the quantity that a margin mode allows within given limits.

Responsible for: where liquidation must not be, the highest leverage that keeps it from there, the most lots within the
risk budget that can be opened so; what held the quantity, or why there is none.
Must not: choose the mode or the limits, contain a formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from ..codes import MarginMode
from ..units import ONE_E8, format_e8
from .advise_facts import Facts
from .inputs import symbol_leverage_max
from .plan import Plan
from .sizing import is_within_brackets, most_lots


class HeldBy(StrEnum):
    """What keeps the quantity from being larger."""

    RISK = "risk budget"
    OFFSET = "other side"  # the trade may be no larger than what it offsets
    WALLET = "wallet"
    BRACKET = "bracket"
    LIQUIDATION = "liquidation"  # it would come too near to the stop
    LARGEST = "largest position"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule allows."""

    leverage_max: int  # isolated: of the setting; cross: of all that the pool holds, and of the setting
    cushion_e8: int  # the way from stop to liquidation, as a part of the way from entry to stop
    is_within_other_side: bool = False  # worth no more than the pool's positions on the other side


@dataclass(frozen=True, slots=True)
class Fit:
    """A quantity and a leverage that keep the limits."""

    mode: MarginMode
    leverage: int
    lots: int
    held_by: HeldBy


@dataclass(frozen=True, slots=True)
class NoFit:
    """No quantity keeps the limits."""

    mode: MarginMode
    reason: str


def guard_e8(facts: Facts, limits: Limits) -> int:
    """The mark that has to be outlived: beyond the stop by the cushion, by half of the stop's price at most."""
    way_e8 = abs(facts.entry_e8 - facts.stop_e8) * limits.cushion_e8 // ONE_E8
    beyond_e8 = max(1, min(way_e8, facts.stop_e8 // 2))
    if facts.plan.is_long:
        return facts.stop_e8 - beyond_e8
    return min(facts.stop_e8 + beyond_e8, facts.plan.rules.price_max_e8)


def least_backing_e8(facts: Facts, lots: int, limits: Limits) -> int:
    """What has to stand behind so many lots at the entry: enough for the funding to come and for the guard."""
    return facts.plan.backing_to_outlive_e8(lots, guard_e8(facts, limits)) + facts.funding_e8(lots)


def fit_isolated(facts: Facts, limits: Limits) -> Fit | NoFit:
    """The most lots within the budget, at the highest leverage that keeps liquidation beyond the guard.

    The highest, because an isolated margin is what a gap can take: no more is set aside than the stop and its cushion need.
    """
    mode, wanted, least = MarginMode.ISOLATED, facts.risk_lots, facts.plan.lots_min
    if wanted < least:
        return NoFit(mode, _budget_too_small(facts))
    plans = [replace(facts.plan, leverage=leverage) for leverage in range(leverage_top(facts, limits), 0, -1)]
    for plan in plans:
        if _fits(facts, limits, plan, wanted):
            return Fit(mode, plan.leverage, wanted, _held_by_budget(facts))
    possible = [plan for plan in plans if _fits(facts, limits, plan, least)]
    openable = [(_openable_lots(facts, plan), plan) for plan in possible]
    for lots, plan in sorted(openable, key=lambda one: (one[0], one[1].leverage), reverse=True):
        if _fits(facts, limits, plan, lots):
            return Fit(mode, plan.leverage, lots, _why_not_more(plan, lots, mode))
    if possible:  # maintenance grows faster than the lots: fewer than can be opened stay away from the guard
        plan = possible[-1]
        return Fit(mode, plan.leverage, _most(lambda lots: _fits(facts, limits, plan, lots), facts), HeldBy.LIQUIDATION)
    return NoFit(mode, _nothing_opens(facts, limits, plans[-1]))


def fit_cross(facts: Facts, limits: Limits, wanted: int, held_by: HeldBy) -> Fit | NoFit:
    """`wanted` lots in the pool, all of them or none: a cross rule holds for the trade as it is meant, or not at all."""
    mode = MarginMode.CROSS
    if facts.risk_lots < facts.plan.lots_min:
        return NoFit(mode, _budget_too_small(facts))
    if wanted < facts.plan.lots_min:
        return NoFit(mode, "the other side is worth less than the least order")
    leverage_e8 = facts.pool_leverage_e8(wanted)
    if leverage_e8 is None:
        return NoFit(mode, "nothing would be left of the pool's margin balance")
    if leverage_e8 > limits.leverage_max * ONE_E8:
        return NoFit(
            mode,
            f"the pool would hold {format_e8(-(-leverage_e8 // 10**6) * 10**6)} times its margin balance, "
            f"at most {limits.leverage_max} times is low",
        )
    backing_e8 = facts.plan.cross_backing_e8(wanted, facts.wallet_e8)
    if backing_e8 < least_backing_e8(facts, wanted, limits):
        return NoFit(mode, "the pool would be liquidated too near to the stop, its other positions standing still")
    for leverage in range(leverage_top(facts, limits), 0, -1):
        plan = replace(facts.plan, leverage=leverage)
        if _opens(plan, wanted, mode):
            return Fit(mode, leverage, wanted, held_by)
    return NoFit(mode, "the wallet could not open it")


def leverage_top(facts: Facts, limits: Limits) -> int:
    """The highest leverage setting that the rule and the contract allow."""
    return min(limits.leverage_max, symbol_leverage_max(facts.plan.book, facts.plan.rules))


def _openable_lots(facts: Facts, plan: Plan) -> int:
    """The most lots that the wallet can open isolated."""
    return _most(lambda lots: _opens(plan, lots, MarginMode.ISOLATED), facts)


def _most(fits: Callable[[int], bool], facts: Facts) -> int:
    """The most lots between the least order, which fits, and the budget's."""
    least = facts.plan.lots_min
    return least + most_lots(lambda more: fits(least + more), facts.risk_lots - least)


def _fits(facts: Facts, limits: Limits, plan: Plan, lots: int) -> bool:
    """Whether so many lots can be opened isolated and are liquidated beyond the guard only."""
    is_open = _opens(plan, lots, MarginMode.ISOLATED)
    return is_open and plan.cost(lots).transfer_e8 >= least_backing_e8(facts, lots, limits)


def _opens(plan: Plan, lots: int, mode: MarginMode) -> bool:
    """Whether the wallet can open it at the plan's leverage."""
    available_e8 = plan.available_e8(mode)
    assert available_e8 is not None
    notional_e8 = plan.notional_e8(lots, plan.mark_e8)
    return plan.asked_e8(lots, mode) <= available_e8 and is_within_brackets(plan.rules, notional_e8, plan.leverage)


def _why_not_more(plan: Plan, lots: int, mode: MarginMode) -> HeldBy:
    """What forbids one lot more."""
    more = lots + 1
    if not is_within_brackets(plan.rules, plan.notional_e8(more, plan.mark_e8), plan.leverage):
        return HeldBy.BRACKET
    return HeldBy.LIQUIDATION if _opens(plan, more, mode) else HeldBy.WALLET


def _held_by_budget(facts: Facts) -> HeldBy:
    return HeldBy.LARGEST if facts.risk_lots == facts.plan.lots_max else HeldBy.RISK


def _budget_too_small(facts: Facts) -> str:
    """Why the budget does not pay for the least order at its stop."""
    least = facts.plan.lots_min
    if facts.plan.lots_max < least:
        return "the pool's other positions leave no room for another"
    return (
        f"the least order, {_order(facts, least)}, loses {format_e8(facts.loss_e8(least))} at the stop, "
        f"more than the budget of {format_e8(facts.budget_e8)}"
    )


def _nothing_opens(facts: Facts, limits: Limits, at_1x: Plan) -> str:
    """Why not even the least order keeps the limits."""
    least = facts.plan.lots_min
    if at_1x.cost(least).transfer_e8 < least_backing_e8(facts, least, limits):
        return (
            f"even at 1x liquidation comes before {format_e8(guard_e8(facts, limits))}, "
            f"too near to a stop at {format_e8(facts.stop_e8)}; bring the stop nearer to the entry"
        )
    available_e8 = at_1x.available_e8(MarginMode.ISOLATED)
    assert available_e8 is not None
    return (
        f"{format_e8(max(0, available_e8))} is available in the wallet, too little for the least order, "
        f"{_order(facts, least)}, behind this stop"
    )


def _order(facts: Facts, lots: int) -> str:
    """'0.002 BTC worth 120'."""
    rules = facts.plan.rules
    return (
        f"{format_e8(lots * rules.step_e8)} {rules.quantity_asset} worth {format_e8(facts.plan.cost(lots).fill_value_e8)}"
    )
