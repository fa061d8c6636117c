"""Prices: liquidation and bankruptcy price, read from positions of a real exchange.

Responsible for: vectors that ask at which price a position dies. Must not: solve for a price itself.
A vector that takes maintenance on the notional at the price, less an amount, plus a closing fee, is a bracket table;
one that fixes maintenance at the entry is not: the column for its basis is not there.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from isocross.codes import MarginMode
from isocross.kernel import margin
from isocross.rulebook.brackets import BracketRow
from isocross.rulebook.model import Bracket
from tests.vectors.vector import Missing, NotApplicable, Vector, cannot, handles, number
from tests.vectors.world import RICH, Market, World, bracket_table, e8, money, near, sign_of

ENTRY_BASIS = "no column for maintenance on the entry value (maintenance_basis): here it follows the mark"
INVERSE = "an inverse contract: this formula is of linear ones"
SYMBOL = "X"

cannot("no column for a buffer between liquidation price and trigger (liquidation_buffer)", "liq_buffer")
cannot(ENTRY_BASIS, "liq_inverse_isolated_leverage", "liq_linear_mmr_on_entry_notional", "liq_linear_mm_fraction_of_im")


def _check_linear(vector: Vector) -> None:
    if vector.says("contract") not in ("", "linear") or vector.inputs.get("contract", "linear") != "linear":
        raise NotApplicable(INVERSE)
    if number(vector.inputs.get("liquidation_buffer", 0)):
        raise NotApplicable("no column for a buffer between liquidation price and trigger (liquidation_buffer)")


def _brackets(rate: Fraction, amount: Fraction, notional: Fraction) -> tuple[Bracket, ...]:
    """Brackets whose one at `notional` has this rate and this deduction."""
    if amount < 0:
        raise NotApplicable("a maintenance amount is never below zero here")
    rate_e8 = e8(rate, "a maintenance rate")
    if not amount:
        return bracket_table([BracketRow(0, rate_e8, 1000)])
    for below_e8 in (1, *(rate_e8 * part // 10 for part in range(1, 10))):  # a lower first rate, its floor on the grid
        floor, rest = divmod(e8(amount, "a maintenance amount") * 10**8, rate_e8 - below_e8)
        if rest == 0 and below_e8 > 0 and floor <= e8(near(notional), "a notional"):
            return bracket_table(
                [BracketRow(0, below_e8, 1000), BracketRow(floor, rate_e8, 1000, e8(amount, "a maintenance amount"))]
            )
    raise NotApplicable("no bracket table has this amount below this notional")


class _Holder:
    """One account with one position in a world of its own."""

    def __init__(
        self, quantity: Fraction, entry: Fraction, brackets: tuple[Bracket, ...], mode: MarginMode, *, is_inverse: bool = False
    ) -> None:
        market = Market(SYMBOL, (entry,), (quantity,), brackets=brackets, price_max=40 * entry, is_inverse=is_inverse)
        self.world = World([market], mode=mode)
        self.world.marks({SYMBOL: entry})

    def open(self, wallet: Fraction, quantity: Fraction, entry: Fraction, leverage: Fraction | None) -> None:
        self.account = self.world.account(near(wallet))
        if leverage is not None:
            self.world.set_leverage(self.account, SYMBOL, leverage)
        self.world.open(self.account, SYMBOL, quantity, entry)
        if self.world.position(self.account, SYMBOL).lots == 0:
            raise NotApplicable("the position is due the moment it is opened: at or below maintenance is due here")

    def liquidation_price(self, vector: Vector) -> Any:
        return _price(vector, "liquidation_price", self.world.exchange.liquidation_price(self.account, SYMBOL))

    def bankruptcy_price(self, vector: Vector) -> Any:
        return _price(vector, "bankruptcy_price", self.world.exchange.bankruptcy_price(self.account, SYMBOL))


def _price(vector: Vector, key: str, price_e8: int | None) -> Any:
    """A price, or none; a vector that goes on to 0 and below for "none" is not answered."""
    if price_e8 is None and vector.expected.get(key) is not None:
        return Missing("the margin outlasts every price above 0: none is the answer here")
    return None if price_e8 is None else money(price_e8)


@handles("liq_linear_mmr_on_liq_notional", "liq_linear_mmr_plus_taker_fee")
def _liquidation_price(vector: Vector) -> dict[str, Any]:
    _check_linear(vector)
    inputs = vector.inputs
    inputs.only(
        "side", "entry_price", "qty", "leverage", "mmr", "maint_amount", "collateral", "taker_fee", "liquidation_buffer",
        "other_upnl", "other_mm", "wallet_balance", "mark_price",
    )  # fmt: skip
    sign, entry = sign_of(inputs["side"]), number(inputs["entry_price"])
    quantity, collateral = number(inputs["qty"]), number(inputs["collateral"])
    amount = number(inputs.get("maint_amount", 0))
    rate = number(inputs["mmr"])
    if vector.formula_id == "liq_linear_mmr_plus_taker_fee":  # the closing fee is part of the rate
        rate += number(inputs["taker_fee"])
    others = number(inputs.get("other_upnl", 0)) - number(inputs.get("other_mm", 0))
    if others:
        price_e8 = _with_others(sign * quantity, entry, collateral + others, rate, amount)
        return {"liquidation_price": _price(vector, "liquidation_price", price_e8)}
    # the bracket must hold at the answer, which lies between bankruptcy and entry
    least = quantity * entry if sign < 0 else quantity * entry - collateral
    holder = _Holder(quantity, entry, _brackets(rate, amount, least), MarginMode.CROSS)
    holder.open(collateral, sign * quantity, entry, None)
    return {"liquidation_price": holder.liquidation_price(vector)}


def _with_others(
    quantity: Fraction, entry: Fraction, backing: Fraction, rate: Fraction, amount: Fraction
) -> int | None:
    """The kernel's formula: the rest of the pool is part of what backs the position."""
    brackets = _brackets(rate, amount, abs(quantity) * entry / 2)
    rules = Market(SYMBOL, (entry,), (quantity,), brackets=brackets).rules()
    lots = e8(quantity, "a quantity") // rules.step_e8
    cost_e8 = lots * (e8(entry, "a price") // rules.tick_e8) * rules.tick_value_e8
    mark_e8 = e8(entry, "a price")
    price = margin.liquidation_mark_e8(
        rules.contract_kind, lots, rules.step_e8, cost_e8, e8(near(backing), "a balance"), mark_e8, 1, rules.price_max_e8,
        brackets, 0, len(brackets),
    )  # fmt: skip
    if price == mark_e8:
        raise NotApplicable("already due at the entry: the answer there is beyond it")
    if price != margin.NO_PRICE and abs(lots) * rules.step_e8 * price < brackets[-1].floor_e8 * 10**8:
        raise NotApplicable("the answer falls below the bracket of this maintenance amount")
    return None if price == margin.NO_PRICE else int(price)


@handles("liq_linear_im_mm_amounts")
def _amounts(vector: Vector) -> dict[str, Any]:
    """Requirements at the moment of opening, where entry and mark basis agree; the price rests on the entry basis."""
    _check_linear(vector)
    inputs = vector.inputs
    sign, entry, quantity = sign_of(inputs["side"]), number(inputs["entry_price"]), number(inputs["qty"])
    brackets = _brackets(number(inputs["mmr"]), number(inputs.get("deduction", 0)), quantity * entry)
    holder = _Holder(quantity, entry, brackets, MarginMode.CROSS)
    holder.open(Fraction(10**9), sign * quantity, entry, number(inputs["leverage"]))
    view = holder.world.position(holder.account, SYMBOL)
    return {
        "initial_margin": money(view.margin_held_e8),
        "maintenance_margin": money(view.maintenance_margin_e8),
        "liquidation_price": Missing(ENTRY_BASIS),
    }


@handles("ratio_liquidation")
def _ratio(vector: Vector) -> dict[str, Any]:
    """A short that must be covered 110 % must hold 10 % of its notional; a long's debt is no notional."""
    inputs = vector.inputs
    inputs.only("margin", "qty", "min_ratio")
    cash, quantity, ratio = number(inputs["margin"]), number(inputs["qty"]), number(inputs["min_ratio"])
    if quantity > 0:
        raise NotApplicable("no column for maintenance relative to the debt of a long")
    entry = Fraction(int(cash / -quantity / 2)) or Fraction(1)  # well below bankruptcy
    holder = _Holder(-quantity, entry, _brackets(ratio - 1, Fraction(0), Fraction(0)), MarginMode.CROSS)
    holder.open(cash + quantity * entry, quantity, entry, None)
    return {
        "liquidation_price": holder.liquidation_price(vector),
        "bankruptcy_price": holder.bankruptcy_price(vector),
    }


@handles("liq_inverse_cross", "liq_inverse_isolated", "bankruptcy_inverse")
def _inverse(vector: Vector) -> dict[str, Any]:
    """A sum of quote money, margined in coin."""
    inputs = vector.inputs
    inputs.only("side", "entry_price", "contracts_value", "leverage", "mmr", "collateral", "taker_fee")
    sign, entry = sign_of(inputs["side"]), number(inputs["entry_price"])
    quantity = number(inputs["contracts_value"])
    rate = number(inputs.get("mmr", 0))
    if number(inputs.get("taker_fee", 0)):
        raise NotApplicable("no column for a closing fee, taken at the bankruptcy price, in the trigger")
    mode = MarginMode.ISOLATED if inputs.get("collateral") is None else MarginMode.CROSS
    table = bracket_table([BracketRow(0, e8(rate, "a maintenance rate") or 1, 1000)])
    holder = _Holder(quantity, entry, table, mode, is_inverse=True)
    if mode is MarginMode.CROSS:
        holder.open(number(inputs["collateral"]), sign * quantity, entry, None)
    else:
        holder.open(RICH, sign * quantity, entry, number(inputs["leverage"]))
    return {
        "liquidation_price": holder.liquidation_price(vector),
        "bankruptcy_price": holder.bankruptcy_price(vector),
    }


@handles("bankruptcy_linear")
def _bankruptcy(vector: Vector) -> dict[str, Any]:
    _check_linear(vector)
    inputs = vector.inputs
    inputs.only("side", "entry_price", "leverage", "qty")
    sign, entry = sign_of(inputs["side"]), number(inputs["entry_price"])
    quantity = number(inputs.get("qty", 1))
    holder = _Holder(quantity, entry, bracket_table([BracketRow(0, 1, 1000)]), MarginMode.ISOLATED)
    holder.open(2 * quantity * entry, sign * quantity, entry, number(inputs["leverage"]))
    return {"bankruptcy_price": holder.bankruptcy_price(vector)}
