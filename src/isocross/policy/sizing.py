"""Sizing: how many lots a margin buys, and how many a wallet may open.

Responsible for: what one opening order costs in either margin mode, and the most lots for which that is affordable.
Must not: contain a formula: it adds up kernel/margin.py's answers and searches among whole lots.
Every cost here grows (never falls) with the lots, so a bisection over whole lots is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..codes import FeeBasis, IsolatedFillBasis, MarginMode
from ..kernel import margin
from ..limits import MUL_DIV_DIVISOR_MAX
from ..rulebook.model import SymbolRules


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """An opening order without its size: contract, direction, expected fill, mark, leverage, and the venue's bases."""

    rules: SymbolRules
    is_buy: bool
    price_ticks: int  # the expected fill
    mark_e8: int
    leverage: int
    isolated_fill_basis: IsolatedFillBasis = IsolatedFillBasis.MARK
    fee_basis: FeeBasis = FeeBasis.FILL_VALUE
    is_taker: bool = True  # of an inverse contract the fraction of a unit is the taker's


@dataclass(frozen=True, slots=True)
class OrderCost:
    """What an opening order of some lots asks for, × 10^8 of the margin asset."""

    lots: int
    fill_value_e8: int  # what the match is worth
    accepted_value_e8: int  # what acceptance takes that for: of an inverse contract rounded up
    notional_e8: int  # at mark, rounded up
    initial_margin_e8: int
    open_loss_e8: int
    accepted_fee_e8: int  # what acceptance asks for
    fee_e8: int  # what the fill is charged; of a linear contract at the same rate the same
    transfer_e8: int  # what goes into an isolated wallet at the fill

    @property
    def required_e8(self) -> int:
        """Initial margin + open loss + taker fee: what acceptance compares with what is available."""
        return self.initial_margin_e8 + self.open_loss_e8 + self.accepted_fee_e8


def order_cost(
    terms: OrderTerms, lots: int, fee_rate_e8: int | None = None, accepted_rate_e8: int | None = None
) -> OrderCost:
    """What `lots` ≥ 0 cost to open under `terms` (design §5.4, §5.5).

    Takes    fee_rate_e8: of the fill; accepted_rate_e8: what acceptance reckons with. Each the taker's unless given.
    """
    rules = terms.rules
    kind = rules.contract_kind
    accepted_value = int(margin.fill_value_up_e8(kind, lots, terms.price_ticks, rules.tick_value_e8))
    is_taker_buy = terms.is_buy == terms.is_taker
    fill_value = int(margin.match_value_e8(kind, is_taker_buy, lots, terms.price_ticks, rules.tick_value_e8))
    notional = int(margin.notional_e8(kind, lots, rules.step_e8, terms.mark_e8))
    initial = int(margin.initial_margin_e8(notional, terms.leverage))
    open_loss = int(
        margin.open_loss_e8(
            kind, terms.is_buy, lots, rules.step_e8, terms.price_ticks, rules.tick_value_e8, terms.mark_e8
        )
    )
    if terms.isolated_fill_basis is IsolatedFillBasis.MARK:
        transfer = initial + open_loss
    else:
        transfer = int(margin.initial_margin_e8(accepted_value, terms.leverage))
    is_of_fill = terms.fee_basis is FeeBasis.FILL_VALUE
    rate_e8 = rules.taker_fee_rate_e8 if fee_rate_e8 is None else fee_rate_e8
    accepted_e8 = rules.taker_fee_rate_e8 if accepted_rate_e8 is None else accepted_rate_e8
    accepted_fee = int(margin.rate_up_e8(accepted_value if is_of_fill else notional, accepted_e8))
    fee = int(margin.rate_up_e8(fill_value if is_of_fill else notional, rate_e8))
    return OrderCost(lots, fill_value, accepted_value, notional, initial, open_loss, accepted_fee, fee, transfer)


def signed_cost_e8(rules: SymbolRules, is_long: bool, value_e8: int) -> int:
    """The signed entry cost of lots that a match was worth `value_e8` ≥ 0: below 0 is what came in (formulas.md F2)."""
    bought_e8 = int(margin.bought_for_e8(rules.contract_kind, value_e8))
    return bought_e8 if is_long else -bought_e8


def closing_value_e8(rules: SymbolRules, is_long: bool, lots: int, price_ticks: int) -> int:
    """What the match is worth, × 10^8 of the margin asset, that closes `lots` > 0 of a position at an order price as taker."""
    return int(margin.match_value_e8(rules.contract_kind, not is_long, lots, price_ticks, rules.tick_value_e8))


def lots_for_margin(terms: OrderTerms, margin_e8: int) -> int:
    """The most lots whose transfer into an isolated wallet is ≤ `margin_e8`; 0 when one lot is too much."""
    return most_lots(lambda lots: order_cost(terms, lots).transfer_e8 <= margin_e8, lots_max(terms.rules))


def max_open_lots(
    terms: OrderTerms,
    mode: MarginMode,
    available_e8: int,
    isolated_limit_e8: int | None = None,
    fee_rate_e8: int | None = None,
    accepted_rate_e8: int | None = None,
) -> int:
    """The most lots that a wallet without open orders, flat in this symbol, may open under `terms`.

    Takes    available_e8: what pool.available_e8 says. isolated_limit_e8: what may go into an isolated wallet;
             `available_e8` where nothing else is in the pool. Fee rates as order_cost.
    Returns  lots ≥ 0: initial margin + open loss + fee ≤ available; isolated: that and transfer + fee ≤ the limit as
             well; and the notional in a bracket that allows the leverage.
    """
    limit_e8 = available_e8
    if mode is MarginMode.ISOLATED and isolated_limit_e8 is not None:
        limit_e8 = min(available_e8, isolated_limit_e8)

    def fits(lots: int) -> bool:
        cost = order_cost(terms, lots, fee_rate_e8, accepted_rate_e8)
        if cost.required_e8 > limit_e8 or not is_within_brackets(terms.rules, cost.notional_e8, terms.leverage):
            return False
        return mode is MarginMode.CROSS or cost.transfer_e8 + cost.fee_e8 <= limit_e8

    return most_lots(fits, lots_max(terms.rules))


def is_within_brackets(rules: SymbolRules, notional_e8: int, leverage: int) -> bool:
    """Whether the leverage allows the notional, as the engine asks (BRACKET_EXCEEDED): the cap itself is allowed."""
    return notional_e8 <= notional_cap_e8(rules, leverage)


def notional_cap_e8(rules: SymbolRules, leverage: int) -> int:
    """The largest notional a leverage allows: the cap of the last bracket whose top leverage is not below it; 0: none."""
    return max((bracket.cap_e8 for bracket in rules.brackets if bracket.leverage_max >= leverage), default=0)


def lots_max(rules: SymbolRules) -> int:
    """The largest position within the engine's bounds whose prices mul-div can still divide by the quantity."""
    return min(rules.lots_max, MUL_DIV_DIVISOR_MAX // rules.step_e8)


def most_lots(fits: Callable[[int], bool], most: int) -> int:
    """The largest count in 0 … most that fits; `fits` holds at 0 and never holds again once it fails."""
    if not fits(0):
        return 0
    good, bad = 0, most + 1
    while bad - good > 1:
        middle = good + (bad - good) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good
