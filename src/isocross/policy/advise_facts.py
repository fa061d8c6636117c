"""Advise facts: what is known of a trade before a margin mode is chosen for it.

Responsible for: what was answered, the trade at its risk budget, what it loses at its stop with the funding of its
holding time, what else the pool holds and on which side. Every amount is a sum of plan.py's.
Must not: choose a mode, a leverage or a quantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from ..kernel import margin
from ..units import ONE_E8
from . import pool
from .plan import Plan
from .pool import PoolPosition
from .sizing import most_lots


class Conviction(StrEnum):
    """How sure the trader is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Legs(StrEnum):
    """What the trade is to the positions on the other side."""

    NONE = "none"  # nothing: it stands alone
    TOGETHER = "together"  # one profit is to pay for the other loss
    APART = "apart"  # a hedge that has to outlive what it hedges


class Purpose(StrEnum):
    """What the trade is for."""

    CORE = "core"
    SPECULATION = "speculation"


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said of the trader and of the trade's place; None: not said."""

    is_new: bool | None = None
    is_watched: bool | None = None  # somebody is there to cut it, add margin or move the stop
    conviction: Conviction | None = None
    has_several_strategies: bool | None = None
    legs: Legs | None = None
    purpose: Purpose | None = None

    @property
    def unsaid(self) -> tuple[str, ...]:
        """What was not said. It decides nothing."""
        said = {
            "new": self.is_new,
            "watching": self.is_watched,
            "conviction": self.conviction,
            "several": self.has_several_strategies,
            "legs": self.legs,
            "purpose": self.purpose,
        }
        return tuple(name for name, value in said.items() if value is None)


@dataclass(frozen=True)
class Facts:
    """The trade, the answers, and what follows from both."""

    plan: Plan  # its stop and its wallet are said; its leverage does not count here
    answers: Answers
    budget_e8: int  # what may be lost at the stop, fees and funding included
    hold_ms: int
    settlement_count: int  # of funding, at most, while it is held
    funding_rate_e8: int  # per settlement; longs pay when it is positive

    @property
    def stop_ticks(self) -> int:
        """The stop's price."""
        assert self.plan.stop_ticks is not None
        return self.plan.stop_ticks

    @property
    def stop_e8(self) -> int:
        """The stop's price × 10^8."""
        return self.stop_ticks * self.plan.rules.tick_e8

    @property
    def entry_e8(self) -> int:
        """The expected fill's price × 10^8."""
        return self.plan.price_ticks * self.plan.rules.tick_e8

    @property
    def wallet_e8(self) -> int:
        """The cross wallet before the trade."""
        assert self.plan.wallet_e8 is not None
        return self.plan.wallet_e8

    # ---- what a size loses

    def funding_e8(self, lots: int) -> int:
        """The most funding it pays while it is held and lies between entry and stop; what it would receive is not counted."""
        pays_rate_e8 = self.funding_rate_e8 if self.plan.is_long else -self.funding_rate_e8
        if pays_rate_e8 <= 0:
            return 0
        highest_e8 = max(self.entry_e8, self.stop_e8, self.plan.mark_e8)
        once_e8 = int(margin.funding_payment_e8(self.plan.notional_e8(lots, highest_e8), pays_rate_e8))
        return self.settlement_count * once_e8

    def loss_e8(self, lots: int) -> int:
        """What is lost when the stop closes it at the end of the holding time: price, both fees, funding."""
        return self.plan.loss_e8(lots) + self.funding_e8(lots)

    @cached_property
    def risk_lots(self) -> int:
        """The most lots that lose no more than the budget."""
        return most_lots(lambda lots: self.loss_e8(lots) <= self.budget_e8, max(0, self.plan.lots_max))

    # ---- the pool

    @cached_property
    def opposite(self) -> tuple[PoolPosition, ...]:
        """The pool's positions on the other side."""
        return tuple(other for other in self.plan.others if (other.lots > 0) is not self.plan.is_long)

    @cached_property
    def same_side(self) -> tuple[PoolPosition, ...]:
        """The pool's positions on this side."""
        return tuple(other for other in self.plan.others if (other.lots > 0) is self.plan.is_long)

    @cached_property
    def opposite_notional_e8(self) -> int:
        """What the other side is worth at its marks."""
        return sum(other.notional_e8 for other in self.opposite)

    @cached_property
    def offset_lots(self) -> int:
        """The most lots within the budget that are worth no more than the other side."""
        return most_lots(
            lambda lots: self.plan.notional_e8(lots, self.plan.mark_e8) <= self.opposite_notional_e8, self.risk_lots
        )

    def pool_balance_e8(self, lots: int) -> int:
        """Margin balance of the pool with this trade in it, its entry fee paid."""
        others_e8 = pool.unrealized_pnl_e8(self.plan.others)
        own_e8 = self.plan.unrealized_pnl_e8(lots, self.plan.mark_e8) if lots else 0
        return self.wallet_e8 - self.plan.cost(lots).fee_e8 + others_e8 + own_e8

    def pool_leverage_e8(self, lots: int) -> int | None:
        """All that the pool would hold, at mark, ÷ its margin balance, rounded up; None when nothing is left of it."""
        held_e8 = self.plan.notional_e8(lots, self.plan.mark_e8) + sum(one.notional_e8 for one in self.plan.others)
        balance_e8 = self.pool_balance_e8(lots)
        return -(-held_e8 * ONE_E8 // balance_e8) if balance_e8 > 0 else None
