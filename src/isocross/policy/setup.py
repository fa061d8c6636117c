"""Setup: the position that is asked about, as understood, before a margin mode is chosen.

Responsible for: fills from a planned trade or from what happened, their costs and sum, the bracket check.
Must not: know what a margin mode backs a position with; contain a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..kernel import margin as formulas
from ..rulebook.model import Rulebook, SymbolRules
from ..units import ONE_E8, Amount, format_e8
from . import inputs
from .inputs import Fill
from .pool import PoolPosition
from .sizing import OrderCost, OrderTerms, lots_for_margin, order_cost, signed_cost_e8


@dataclass(frozen=True, slots=True)
class Setup:
    """The position as understood, before a margin mode is chosen."""

    book: Rulebook
    rules: SymbolRules
    fills: tuple[Fill, ...]
    is_planned: bool
    is_long: bool
    lots: int  # signed
    entry_cost_e8: int
    entry_e8: int
    mark_e8: int
    leverage: int
    is_taker: bool  # at the entry
    fee_rate_e8: int  # of the entry
    entry_fee_e8: int
    acceptance_fee_rate_e8: int
    wallet_e8: int | None
    others: tuple[PoolPosition, ...]
    costs: tuple[OrderCost, ...]  # of each fill

    @property
    def notional_e8(self) -> int:
        return int(formulas.notional_e8(self.rules.contract_kind, self.lots, self.rules.step_e8, self.mark_e8))

    @property
    def maintenance_margin_e8(self) -> int:
        brackets = self.rules.brackets
        return int(formulas.maintenance_margin_e8(self.notional_e8, brackets, 0, len(brackets)))

    def unrealized_pnl_e8(self, mark_e8: int) -> int:
        rules = self.rules
        return int(
            formulas.unrealized_pnl_e8(rules.contract_kind, self.lots, rules.step_e8, self.entry_cost_e8, mark_e8)
        )

    @property
    def max_open_terms(self) -> OrderTerms:
        return terms_of_max_open(
            self.book, self.rules, self.is_long, self.fills, self.is_planned, self.mark_e8, self.leverage, self.is_taker
        )


def setup_of(
    *,
    book: Rulebook,
    rules: SymbolRules,
    fills: tuple[Fill, ...],
    is_planned: bool,
    is_long: bool,
    mark_e8: int | None,
    leverage: int,
    leverage_said: str,
    is_taker: bool,
    fee_rate_e8: int,
    is_fee_own: bool,
    wallet_e8: int | None,
    positions: Sequence[str],
) -> Setup:
    """Add up the fills, and refuse what no bracket allows."""
    lots = sum(fill.lots for fill in fills)
    if len(fills) > 1:
        inputs.to_lots(format_e8(lots * rules.step_e8), rules, "fill qty, all together")
    costs = tuple(
        order_cost(terms_of_fill(book, rules, is_long, fill, leverage, is_taker), fill.lots, fee_rate_e8) for fill in fills
    )
    value_e8 = sum(cost.fill_value_e8 for cost in costs)
    entry_e8 = fills[0].price_ticks * rules.tick_e8 if len(fills) == 1 else _average_e8(rules, is_long, lots, value_e8)
    at_mark_e8 = entry_e8 if mark_e8 is None else mark_e8
    inputs.check_bracket(
        rules, int(formulas.notional_e8(rules.contract_kind, lots, rules.step_e8, at_mark_e8)), leverage, leverage_said
    )
    return Setup(
        book=book,
        rules=rules,
        fills=fills,
        is_planned=is_planned,
        is_long=is_long,
        lots=lots if is_long else -lots,
        entry_cost_e8=signed_cost_e8(rules, is_long, value_e8),
        entry_e8=entry_e8,
        mark_e8=at_mark_e8,
        leverage=leverage,
        is_taker=is_taker,
        fee_rate_e8=fee_rate_e8,
        entry_fee_e8=sum(cost.fee_e8 for cost in costs),
        acceptance_fee_rate_e8=fee_rate_e8 if is_fee_own else rules.taker_fee_rate_e8,
        wallet_e8=wallet_e8,
        others=inputs.to_pool(positions, book, rules, lots),
        costs=costs,
    )


def _average_e8(rules: SymbolRules, is_long: bool, lots: int, value_e8: int) -> int:
    """The price at which so many lots are worth so much, rounded against the position."""
    quantity_e8 = lots * rules.step_e8
    above, below = (quantity_e8, value_e8) if rules.is_inverse else (value_e8, quantity_e8)
    whole, rest = divmod(above * ONE_E8, below)
    return whole + 1 if is_long and rest else whole


def planned_fill(
    book: Rulebook,
    rules: SymbolRules,
    is_long: bool,
    qty: Amount | None,
    margin_amount: Amount | None,
    entry: Amount | None,
    mark_e8: int | None,
    leverage: int,
    is_taker: bool,
) -> Fill:
    if entry is None:
        raise InputError("entry: missing; say --entry PRICE, or what happened with --fill QTY@PRICE")
    if (qty is None) == (margin_amount is None):
        raise InputError(f"qty: say exactly one of --qty ({rules.quantity_asset}) and --margin (money to put up)")
    ticks = inputs.to_price_ticks(entry, rules, "entry")
    fill_mark_e8 = ticks * rules.tick_e8 if mark_e8 is None else mark_e8
    if qty is not None:
        return Fill(inputs.to_lots(qty, rules), ticks, fill_mark_e8)
    assert margin_amount is not None
    terms = terms_of_fill(book, rules, is_long, Fill(1, ticks, fill_mark_e8), leverage, is_taker)
    lots = lots_for_margin(terms, inputs.to_money_e8(margin_amount, "margin"))
    if lots == 0:
        one = order_cost(terms, 1)
        raise InputError(
            f"margin: {margin_amount} is too little, one lot ({format_e8(rules.step_e8)} {rules.quantity_asset}) "
            f"at {leverage}x needs {format_e8(one.transfer_e8)}"
        )
    return Fill(lots, ticks, fill_mark_e8)


def terms_of_fill(
    book: Rulebook, rules: SymbolRules, is_long: bool, fill: Fill, leverage: int, is_taker: bool
) -> OrderTerms:
    """The order that made this fill, as sizing.py asks for it."""
    return OrderTerms(
        rules,
        is_long,
        fill.price_ticks,
        fill.mark_e8,
        leverage,
        book.isolated_fill_basis,
        book.fee_basis,
        is_taker,
    )


def terms_of_max_open(
    book: Rulebook,
    rules: SymbolRules,
    is_long: bool,
    fills: Sequence[Fill],
    is_planned: bool,
    mark_e8: int,
    leverage: int,
    is_taker: bool,
) -> OrderTerms:
    """What "the largest that could be opened" is priced at: the planned fill, or today's mark on the tick grid."""
    if is_planned:
        return terms_of_fill(book, rules, is_long, fills[0], leverage, is_taker)
    ticks = max(1, -(-mark_e8 // rules.tick_e8) if is_long else mark_e8 // rules.tick_e8)
    return terms_of_fill(book, rules, is_long, Fill(1, ticks, mark_e8), leverage, is_taker)
