"""Plan: a trade to come, as understood: contract, direction, entry, fees, what else is in the pool; its size is open.

Responsible for: what one size of it costs to enter and loses at its stop, what its margin must be to outlive a mark.
Must not: contain a formula, search for an answer that people see, print.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ..codes import FeeBasis, MarginMode
from ..kernel import margin
from ..limits import ACCOUNT_NOTIONAL_MAX_E8
from ..rulebook.model import Rulebook, SymbolRules
from . import pool
from .pool import PoolPosition
from .sizing import (
    OrderCost,
    OrderTerms,
    closing_value_e8,
    lots_max,
    most_lots,
    notional_cap_e8,
    order_cost,
    signed_cost_e8,
)
from .trial import Stage

_WOBBLE_UNITS_MAX = 8  # the surplus of what owns its value may wobble by a unit where that is whole (kernel/margin.py)


@dataclass(frozen=True)
class Plan:
    """A trade without its size. A fee rate of the caller's own stands in `rules` already."""

    book: Rulebook
    rules: SymbolRules
    is_long: bool
    price_ticks: int
    mark_e8: int  # when the entry fills
    leverage: int
    is_maker: bool  # at the entry
    stop_ticks: int | None
    wallet_e8: int | None  # cross wallet before the trade
    others: tuple[PoolPosition, ...]  # the pool's other cross positions

    @cached_property
    def stage(self) -> Stage:
        """Where this plan is tried."""
        return Stage(self.book, self.terms(), self.is_maker, self.others)

    def terms(self, leverage: int | None = None) -> OrderTerms:
        """The entry order at a leverage, the plan's own unless given."""
        return OrderTerms(
            self.rules,
            self.is_long,
            self.price_ticks,
            self.mark_e8,
            self.leverage if leverage is None else leverage,
            self.book.isolated_fill_basis,
            self.book.fee_basis,
            not self.is_maker,
        )

    # ---- what a size costs

    @property
    def entry_fee_rate_e8(self) -> int:
        """The maker's or the taker's."""
        return self.rules.maker_fee_rate_e8 if self.is_maker else self.rules.taker_fee_rate_e8

    def cost(self, lots: int, leverage: int | None = None) -> OrderCost:
        """The entry, its fee as it is charged at the fill."""
        return order_cost(self.terms(leverage), lots, self.entry_fee_rate_e8)

    def required_e8(self, lots: int) -> int:
        """What acceptance asks of the available balance: it counts the taker's fee, whoever is to pay which."""
        return order_cost(self.terms(), lots).required_e8

    def exit_fee_e8(self, lots: int, ticks: int) -> int:
        """The taker's fee of closing everything at an order price, the mark being there."""
        rules = self.rules
        value_e8 = closing_value_e8(rules, self.is_long, lots, ticks)
        if self.book.fee_basis is FeeBasis.MARK_VALUE:
            value_e8 = self.notional_e8(lots, ticks * rules.tick_e8)
        return int(margin.rate_up_e8(value_e8, rules.taker_fee_rate_e8))

    def loss_e8(self, lots: int) -> int:
        """What is lost when everything is closed at the stop's price, both fees included."""
        assert self.stop_ticks is not None
        _, entry_cost_e8 = self._signed(lots)
        value_e8 = closing_value_e8(self.rules, self.is_long, lots, self.stop_ticks)
        closing_e8 = signed_cost_e8(self.rules, self.is_long, value_e8)
        return entry_cost_e8 - closing_e8 + self.cost(lots).fee_e8 + self.exit_fee_e8(lots, self.stop_ticks)

    # ---- what a size may be

    @property
    def lots_max(self) -> int:
        """The most lots that a position may ever have beside the others, whatever backs it."""
        bound_e8 = sum(
            abs(other.lots) * other.rules.lot_value_max_e8 for other in self.others
        )
        one_e8 = self.rules.lot_value_max_e8
        return min(lots_max(self.rules), (ACCOUNT_NOTIONAL_MAX_E8 - bound_e8) // one_e8)

    @property
    def lots_min(self) -> int:
        """The fewest lots of an order: the least notional at the entry price."""
        rules = self.rules
        if rules.is_inverse:
            return max(1, -(-rules.min_notional_e8 * self.price_ticks // rules.tick_value_e8))
        return max(1, -(-rules.min_notional_e8 // (self.price_ticks * rules.tick_value_e8)))

    def available_e8(self, mode: MarginMode) -> int | None:
        """What the wallet may put up in a mode; None when it was not said."""
        if self.wallet_e8 is None:
            return None
        available_e8 = pool.available_e8(self.wallet_e8, self.others)
        if mode is MarginMode.CROSS:
            return available_e8
        return min(available_e8, pool.isolated_limit_e8(self.wallet_e8, self.others))

    def asked_e8(self, lots: int, mode: MarginMode) -> int:
        """What opening so many lots asks of `available_e8`."""
        if mode is MarginMode.CROSS:
            return self.required_e8(lots)
        cost = self.cost(lots)
        return max(self.required_e8(lots), cost.transfer_e8 + cost.fee_e8)

    def leverage_max(self, lots: int) -> int:
        """The highest leverage whose bracket allows so many lots; 0 when none does."""
        top = min(self.book.leverage_max, self.rules.brackets[0].leverage_max)
        notional_e8 = self.notional_e8(lots, self.mark_e8)
        return most_lots(lambda leverage: notional_e8 <= notional_cap_e8(self.rules, max(leverage, 1)), top)

    # ---- what a size must hold

    def notional_e8(self, lots: int, mark_e8: int) -> int:
        """At a mark, rounded up."""
        return int(margin.notional_e8(self.rules.contract_kind, lots, self.rules.step_e8, mark_e8))

    def maintenance_margin_e8(self, lots: int, mark_e8: int) -> int:
        """At a mark."""
        brackets = self.rules.brackets
        return int(margin.maintenance_margin_e8(self.notional_e8(lots, mark_e8), brackets, 0, len(brackets)))

    def unrealized_pnl_e8(self, lots: int, mark_e8: int) -> int:
        """At a mark, after the entry."""
        rules, signed, cost_e8 = self.rules, *self._signed(lots)
        return int(margin.unrealized_pnl_e8(rules.contract_kind, signed, rules.step_e8, cost_e8, mark_e8))

    def liquidation_e8(self, lots: int, backing_e8: int) -> int | None:
        """The liquidation price with so much behind it that does not move with its mark; None when there is none."""
        rules, signed, cost_e8 = self.rules, *self._signed(lots)
        price_e8 = margin.liquidation_mark_e8(
            rules.contract_kind,
            signed,
            rules.step_e8,
            cost_e8,
            backing_e8,
            self.mark_e8,
            rules.price_min_e8,
            rules.price_max_e8,
            rules.brackets,
            0,
            len(rules.brackets),
        )
        return None if price_e8 == margin.NO_PRICE else int(price_e8)

    def cross_backing_e8(self, lots: int, wallet_e8: int) -> int:
        """What stands behind it in the pool once it is entered from a wallet."""
        return wallet_e8 - self.cost(lots).fee_e8 + self.others_backing_e8

    @property
    def others_backing_e8(self) -> int:
        """What the pool's other positions add at their marks: profit less maintenance."""
        return pool.unrealized_pnl_e8(self.others) - pool.maintenance_margin_e8(self.others)

    def is_reached(self, liquidation_e8: int | None, until_e8: int) -> bool:
        """Whether a liquidation price lies between the mark and `until_e8`, that included."""
        if liquidation_e8 is None:
            return False
        return liquidation_e8 >= until_e8 if self.is_long else liquidation_e8 <= until_e8

    def backing_to_outlive_e8(self, lots: int, until_e8: int) -> int:
        """The least backing with which it is not due at any mark from the entry's to `until_e8`."""
        backing_e8 = self.maintenance_margin_e8(lots, until_e8) - self.unrealized_pnl_e8(lots, until_e8) + 1
        least_e8 = backing_e8
        while self.is_reached(self.liquidation_e8(lots, backing_e8), until_e8):
            backing_e8 += 1
            assert backing_e8 - least_e8 <= _WOBBLE_UNITS_MAX
        return backing_e8

    def _signed(self, lots: int) -> tuple[int, int]:
        """Signed lots and signed entry cost."""
        return lots if self.is_long else -lots, signed_cost_e8(self.rules, self.is_long, self.cost(lots).fill_value_e8)


def with_own_fee(rules: SymbolRules, fee_rate_e8: int) -> SymbolRules:
    """The contract under a fee rate of the caller's own, for both sides of a trade."""
    return replace(rules, maker_fee_rate_e8=fee_rate_e8, taker_fee_rate_e8=fee_rate_e8)
