"""Requirements: initial and maintenance margin of a position, what an order asks for.

Responsible for: vectors about one position or one order at one price. Must not: multiply a rate itself.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from isocross.codes import ContractKind, IsolatedFillBasis, MarginMode
from isocross.kernel import margin
from isocross.policy.sizing import OrderCost, OrderTerms, max_open_lots, order_cost
from isocross.rulebook.brackets import BracketRow
from tests.vectors.prices import INVERSE
from tests.vectors.vector import Missing, NotApplicable, Vector, cannot, handles, number
from tests.vectors.world import RICH, Market, Refused, World, bracket_table, e8, money, sign_of

SYMBOL = "X"
OPEN_INTEREST = "no column for margin that grows with open interest"

cannot("no column for the newer assuming price of short orders (order_price_basis)", "order_assuming_price")
cannot("no column for margin that grows with the square root of the size", "size_scaled_margin")
cannot(
    "no function: a maintenance fraction of the initial rate is a rate in the brackets here; a funding clamp by "
    "clamp_factor × (initial − maintenance) is a later feature",
    "mmf_and_funding_clamp",
)


@handles("inverse_initial_margin")
def _inverse_initial_margin(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("contracts", "multiplier", "price", "leverage")
    notional_e8 = _inverse_notional_e8(vector)
    return {"initial_margin": money(margin.initial_margin_e8(notional_e8, int(number(inputs["leverage"]))))}


@handles("inverse_position_value")
def _inverse_position_value(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("contracts", "multiplier", "price", "mmr")
    notional_e8 = _inverse_notional_e8(vector)
    brackets = bracket_table([BracketRow(0, e8(number(inputs["mmr"]), "a rate"), 1000)])
    return {"value": money(notional_e8), "maintenance_margin": money(margin.maintenance_margin_e8(notional_e8, brackets, 0, 1))}


def _inverse_notional_e8(vector: Vector) -> int:
    """The kernel's: contracts at the price, in coin."""
    step_e8, price_e8 = e8(number(vector.inputs["multiplier"]), "a face value"), e8(number(vector.inputs["price"]), "a price")
    return int(margin.notional_e8(ContractKind.INVERSE, int(number(vector.inputs["contracts"])), step_e8, price_e8))


def _whole_leverage(fraction: Fraction) -> Fraction:
    """1 ÷ initial fraction, where that is a leverage."""
    if not 0 < fraction <= 1 or (1 / fraction).denominator != 1:
        raise NotApplicable("an initial fraction that is not 1 ÷ a whole leverage has no column")
    return 1 / fraction


def position_at(
    price: Fraction, quantity: Fraction, leverage: Fraction, rate: Fraction, *, is_inverse: bool = False
) -> tuple[Fraction, Fraction]:
    """(initial margin, maintenance margin) of a cross position opened at its mark."""
    if price <= 0:
        raise NotApplicable("a price of 0 is no price here")
    if not quantity:
        raise NotApplicable("a flat position has no requirement to read")
    world = World([Market(SYMBOL, (price,), (quantity,), rate, is_inverse=is_inverse)])
    world.marks({SYMBOL: price})
    account = world.account(RICH)
    world.set_leverage(account, SYMBOL, leverage)
    world.open(account, SYMBOL, quantity, price)
    view = world.position(account, SYMBOL)
    return money(view.margin_held_e8), money(view.maintenance_margin_e8)


@handles("im_mm_with_oi_scaling")
def _fractions(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    if vector.semantics.get("open_interest_scaling") or number(inputs.get("oi_upper_cap", 0)):
        raise NotApplicable(OPEN_INTEREST)
    fraction, share = number(inputs["imf"]), number(inputs["maintenance_fraction"])
    step = number(inputs.get("quote_step", 0))
    initial, maintenance = position_at(
        number(inputs["price"]), number(inputs["qty"]), _whole_leverage(fraction), fraction * share
    )
    got: dict[str, Any] = {"initial_margin": initial, "maintenance_margin": maintenance}
    if step and (initial % step or maintenance % step):
        reason = f"rounds up to quote_step {float(step):g}; money is rounded at 0.00000001 here"
        got = {key: value if value % step == 0 else Missing(reason) for key, value in got.items()}
    return got


@handles("margin_equals_notional_over_leverage")
def _over_leverage(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("contract", "contracts", "multiplier", "price", "leverage")
    quantity = number(inputs["contracts"]) * number(inputs.get("multiplier", 1))
    is_inverse = inputs.get("contract", "linear") == "inverse"
    initial, _ = position_at(
        number(inputs["price"]), quantity, number(inputs["leverage"]), Fraction(1, 1000), is_inverse=is_inverse
    )
    return {"margin": initial}


@handles("margin_ratio_model")
def _ratio_model(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    if inputs.get("contract", "linear") != "linear":
        raise NotApplicable(INVERSE)
    leverage = number(inputs.get("leverage", 1))
    price, quantity = number(inputs["price"]), number(inputs["qty"])
    if leverage < 1:
        world = World([Market(SYMBOL, (price,), (quantity,))])
        account = world.account()
        try:
            world.submit_leverage(account, SYMBOL, int(leverage))
        except Refused:
            return {"error": "bad_leverage", "margin": None}
        raise NotApplicable("the error is not one of isocross")
    if inputs.get("model", "standard") != "standard":
        raise NotApplicable("no column for maintenance divided by the leverage (maintenance_basis)")
    _, maintenance = position_at(price, quantity, Fraction(1), number(inputs["ratio"]))
    step = number(inputs.get("step", 0))
    if step and maintenance % step:
        raise NotApplicable(f"rounds to {float(step):g}; money is rounded at 0.00000001 here")
    return {"margin": maintenance, "error": None}


def _order(
    vector: Vector, sign: int, price: Fraction, mark: Fraction, fee_rate: Fraction, basis: IsolatedFillBasis
) -> tuple[OrderTerms, OrderCost]:
    inputs = vector.inputs
    quantity, leverage = number(inputs["qty"]), number(inputs["leverage"])
    if leverage.denominator != 1 or leverage < 1:
        raise NotApplicable("leverage is a whole number here")
    rules = Market(SYMBOL, (price,), (quantity, number(inputs.get("step", 1))), taker_fee_rate=fee_rate).rules()
    terms = OrderTerms(
        rules, sign > 0, e8(price, "a price") // rules.tick_e8, e8(mark, "a mark price"), int(leverage), basis
    )
    return terms, order_cost(terms, e8(quantity, "a quantity") // rules.step_e8)


@handles("order_cost_open_loss")
def _cost(vector: Vector) -> dict[str, Any]:
    sign, price = sign_of(vector.inputs["side"]), number(vector.inputs["price"])
    _, cost = _order(vector, sign, price, number(vector.inputs["mark_price"]), Fraction(0), IsolatedFillBasis.FILL)
    reason = "no column for initial margin at the order price (order_price_basis): acceptance takes it at the mark"
    return {"open_loss": money(cost.open_loss_e8), "initial_margin": Missing(reason), "cost": Missing(reason)}


@handles("order_collateral")
def _collateral(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("side", "qty", "price", "leverage", "fee_rate")
    price = number(inputs["price"])
    _, cost = _order(
        vector, sign_of(inputs.get("side", "buy")), price, price, number(inputs["fee_rate"]), IsolatedFillBasis.MARK
    )
    return {"collateral": money(cost.initial_margin_e8), "fee": money(cost.fee_e8)}


@handles("scale_order_to_balance")
def _scaled(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("qty", "price", "leverage", "fee_rate", "balance", "step", "side")
    price = number(inputs["price"])
    terms, cost = _order(
        vector, sign_of(inputs.get("side", "buy")), price, price, number(inputs["fee_rate"]), IsolatedFillBasis.MARK
    )
    if max_open_lots(terms, MarginMode.CROSS, e8(number(inputs["balance"]), "a balance")) < cost.lots:
        raise NotApplicable("scales by (1 − fee rate): an order that does not fit is refused here, or sized exactly")
    return {
        "qty": money(cost.lots * terms.rules.step_e8),
        "collateral": money(cost.initial_margin_e8),
        "fee": money(cost.fee_e8),
    }
