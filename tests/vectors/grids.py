"""Grids: bracket tables, bracket look-up, the largest leverage, whole numbers of contracts.

Responsible for: vectors that rulebook and sizing answer without an exchange. Must not: build an exchange.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from isocross.kernel import margin
from isocross.limits import LEVERAGE_MAX, NOTIONAL_MAX_E8
from isocross.policy.sizing import OrderTerms, is_within_brackets, lots_for_margin, order_cost
from isocross.rulebook.brackets import BracketRow
from isocross.rulebook.model import Bracket
from tests.vectors.vector import Fields, NotApplicable, Vector, handles, number
from tests.vectors.world import Market, bracket_table, e8, money


@handles("max_margin_for_symbol")
def _max_margin(vector: Vector) -> dict[str, Any]:
    """What the largest order asks for at its price."""
    inputs = vector.inputs
    inputs.only("price", "leverage", "max_qty", "max_cost")
    if inputs.get("max_cost") is not None:
        raise NotApplicable("no column for the largest cost of an order")
    price, most, leverage = number(inputs["price"]), number(inputs["max_qty"]), number(inputs["leverage"])
    if leverage.denominator != 1:
        raise NotApplicable("leverage is a whole number here")
    rules = replace(Market("X", (price,), (most,)).rules(), order_quantity_max_e8=e8(most, "a quantity"))
    price_e8 = e8(price, "a price")
    terms = OrderTerms(rules, True, price_e8 // rules.tick_e8, price_e8, int(leverage))
    return {"max_margin": money(order_cost(terms, rules.order_lots_max).transfer_e8)}



def _table(tiers: list[Fields]) -> tuple[Bracket, ...]:
    """The rulebook's table; a tier's leverage is asked for only where one is stated."""
    rows, top_e8, above = [], NOTIONAL_MAX_E8, LEVERAGE_MAX
    for tier in tiers:
        floor = number(tier["floor"] if "floor" in tier else tier["min_notional"], "floor")
        leverage = number(tier.get("max_leverage", above), "max_leverage")
        if leverage.denominator != 1:
            raise NotApplicable("leverage is a whole number here")
        above = min(above, int(leverage))
        stated = tier.get("maint_amount")
        rows.append(
            BracketRow(
                e8(floor, "a floor"),
                e8(number(tier["mmr"]), "a maintenance rate"),
                above,
                None if stated is None else e8(number(stated), "a maintenance amount"),
            )
        )
    last = tiers[-1].get("max_notional")
    if last is not None:
        top_e8 = e8(number(last), "a top")
    if rows[-1].floor_e8 >= NOTIONAL_MAX_E8:
        raise NotApplicable("a floor is above 5.7 billion, the engine's bound")
    return bracket_table(rows, top_e8)


@handles("cumulative_maintenance_amounts", "tier_maint_amount")
def _amounts(vector: Vector) -> dict[str, Any]:
    tiers = [
        Fields({key: value for key, value in tier.items() if key != "maint_amount"}) for tier in vector.inputs["tiers"]
    ]
    amounts = [money(bracket.deduction_e8) for bracket in _table(tiers)]
    return {"amounts": amounts, "maint_amounts": amounts}


@handles("tier_lookup")
def _lookup(vector: Vector) -> dict[str, Any]:
    tiers, notional = vector.inputs["tiers"], number(vector.inputs["notional"])
    if notional < 0:
        raise NotApplicable("a notional is never below zero, so there is no answer for one")
    if "lower" in vector.says("boundary") or "inclusive upper" in vector.says("boundary"):
        raise NotApplicable("a notional equal to a floor belongs to the upper bracket here")
    brackets = _table(tiers)
    row = brackets[margin.bracket_of(e8(notional, "a notional"), brackets, 0, len(brackets))]
    got: dict[str, Any] = {"error": None, "mmr": money(row.rate_e8), "max_leverage": row.leverage_max}
    if "none" not in vector.says("maint_amount"):
        got["maint_amount"] = money(row.deduction_e8)
    return got


@handles("max_leverage_for_margin")
def _max_leverage(vector: Vector) -> dict[str, Any]:
    """The largest whole leverage at which a position on this margin is within its bracket."""
    brackets = _table(vector.inputs["tiers"])
    stake = number(vector.inputs["margin"])
    market = Market("X", (Fraction(1),), (Fraction(1),), brackets=brackets)
    rules, stake_e8 = market.rules(), e8(stake, "a margin")
    fits = [
        leverage
        for leverage in range(1, brackets[0].leverage_max + 1)
        if is_within_brackets(rules, stake_e8 * leverage, leverage)
    ]
    if not fits:
        raise NotApplicable("no whole leverage is within a bracket: the order is refused here")
    most = max(fits)
    wanted = vector.expected.get("max_leverage")
    if wanted is not None and number(wanted).denominator != 1:
        raise NotApplicable("leverage is a whole number here")
    if most < brackets[-1].leverage_max:
        raise NotApplicable("the last tier gives its leverage whatever the notional: here the notional is capped")
    return {"error": None, "max_leverage": most}


@handles("contract_precision")
def _contracts(vector: Vector) -> dict[str, Any]:
    """At a price of 1 without leverage a margin buys as many whole lots as fit into the amount."""
    size, step = number(vector.inputs["contract_size"]), number(vector.inputs["contract_step"])
    amount = number(vector.inputs["amount"])
    if "down" not in vector.says("rounding") and vector.semantics:
        raise NotApplicable("lots are rounded down here")
    lot = size * step
    market = Market("X", (Fraction(1),), (Fraction(1),), price_max=Fraction(1))
    rules = replace(market.rules(), step_e8=e8(lot, "a lot"))
    lots = lots_for_margin(OrderTerms(rules, True, 1, rules.tick_e8, 1), e8(amount, "an amount"))
    got = lots * lot
    return {"amount": got, "contracts": got / size}
