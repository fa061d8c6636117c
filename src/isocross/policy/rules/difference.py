"""Difference: what `rules diff` answers, as typed records and as plain data with exact decimal text.

Responsible for: the records, their JSON form and its schema. Must not: compute, word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...answer import Answer, Columns, Shown, exact
from ...rulebook.model import SymbolRules
from ...rulebook.venues import Fact
from .choice import Choice
from .trade import LadderStep, Life, Terms
from .words import Column, source_dict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "isocross.rules.diff/1"


@dataclass(frozen=True, slots=True)
class FactDifference:
    """A fact of which two venues say different things, or one says nothing."""

    name: str
    a: Fact
    b: Fact

    @property
    def is_known(self) -> bool:
        """Whether both sides are known: otherwise they may agree after all."""
        return self.a.is_known and self.b.is_known


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column in which two rulebooks, or the contracts of the trade, differ."""

    of: str  # "" the rulebook, "contract" the contract
    a: Column
    b: Column

    @property
    def name(self) -> str:
        """The column."""
        return self.a.name


@dataclass(frozen=True, slots=True, repr=False)
class RulesDiff(Answer):
    """What `diff` answers."""

    a: Choice
    b: Choice
    facts: tuple[FactDifference, ...]
    columns_differing: tuple[ColumnDifference, ...]
    terms: Terms | None  # None: no trade was run
    margin_e8: int
    contracts: tuple[SymbolRules, ...]  # of a and of b; none without a trade
    lives: tuple[Life, ...]  # mode by mode, a before b
    notes: tuple[str, ...]

    @property
    def is_negative(self) -> bool:
        """Whether one of the rulebooks does not open the trade."""
        return any(not life.is_opened for life in self.lives)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text; null for what is unknown or was not run."""
        return {
            "schema": SCHEMA,
            "a": _side_dict(self.a),
            "b": _side_dict(self.b),
            "facts": [
                {
                    "name": one.name,
                    "label": one.a.label,
                    "is_known": one.is_known,
                    "a": _fact_dict(one.a),
                    "b": _fact_dict(one.b),
                }
                for one in self.facts
            ],
            "columns": [
                {"of": one.of or "rulebook", "name": one.name, "a": one.a.to_dict(), "b": one.b.to_dict()}
                for one in self.columns_differing
            ],
            "trade": None if self.terms is None else {
                "side": "long" if self.terms.is_long else "short",
                "margin": exact(self.margin_e8),
                "quantity": exact(self.terms.quantity_e8) if self.terms.quantity_e8 else None,
                "leverage": self.terms.leverage,
                "wallet": exact(self.terms.wallet_e8),
                "price": exact(self.terms.price_e8),
                "crash": exact(self.terms.crash_e8),
                "price_after": exact(self.terms.end_e8),
                "depth": exact(self.terms.depth_e8),
                "lives": [_life_dict(life) for life in self.lives],
            },
            "notes": [*self.notes],
        }  # fmt: skip

    def columns(self) -> Columns:
        """One row per life of the trade; none without a trade."""
        names = ("entry_e8", "initial_margin_e8", "maintenance_e8", "liquidation_e8", "bankruptcy_e8", "entry_fee_e8",
                 "trading_fees_e8", "liquidation_fees_e8", "rest_to_fund_e8", "open_after_e8", "equity_after_e8",
                 "lost_e8")  # fmt: skip
        return {
            "rulebook": [life.rulebook for life in self.lives],
            "symbol": [life.rules.symbol for life in self.lives],
            "mode": [life.mode.name.lower() for life in self.lives],
            "is_opened": [life.is_opened for life in self.lives],
            "ending": [life.ending if life.is_opened else None for life in self.lives],
            "orders": [life.orders for life in self.lives],
            **{name: [getattr(life, name) for life in self.lives] for name in names},
        }

    def shown(self) -> Shown:
        """The facts, the columns, the trade."""
        from .difference_text import shown

        return shown(self)

    def plot(self) -> Figure:
        """Where entry, liquidation and bankruptcy lie, a lane per rulebook and mode."""
        from ...answer.figure import lanes
        from .difference_text import trade_title

        return lanes(
            trade_title(self),
            {
                f"{life.rulebook} {life.mode.name.lower()}": {
                    "entry": life.entry_e8,
                    "liquidation": life.liquidation_e8,
                    "bankruptcy": life.bankruptcy_e8,
                }
                for life in self.lives
            },
        )


def _side_dict(choice: Choice) -> dict[str, Any]:
    return {
        "name": choice.name,
        "venue": choice.title,
        "is_runnable": not choice.reasons,
        "why_not_runnable": [*choice.reasons],
    }


def _fact_dict(fact: Fact) -> dict[str, Any]:
    return {
        "value": fact.says,
        "more": fact.more or None,
        "unknown": fact.unknown or None,
        "standing": fact.standing,
        "sources": [source_dict(source) for source in fact.sources],
    }


def _life_dict(life: Life) -> dict[str, Any]:
    return {
        "rulebook": life.rulebook,
        "symbol": life.rules.symbol,
        "unified_symbol": life.rules.unified,
        "margin_asset": life.rules.margin_asset,
        "mode": life.mode.name.lower(),
        "refusal": life.refusal or None,
        "entry_price": exact(life.entry_e8),
        "entry_fee": exact(life.entry_fee_e8),
        "initial_margin": exact(life.initial_margin_e8),
        "maintenance_margin": exact(life.maintenance_e8),
        "liquidation_price": exact(life.liquidation_e8),
        "bankruptcy_price": exact(life.bankruptcy_e8),
        "is_liquidated": life.is_liquidated,
        "ending": life.ending if life.is_opened else None,
        "orders": life.orders,
        "steps": [_step_dict(step) for step in life.steps],
        "trading_fees": exact(life.trading_fees_e8),
        "liquidation_fees": exact(life.liquidation_fees_e8),
        "rest_to_fund": exact(life.rest_to_fund_e8),
        "open_after": exact(life.open_after_e8),
        "equity_after": exact(life.equity_after_e8),
        "lost": exact(life.lost_e8),
    }


def _step_dict(step: LadderStep) -> dict[str, Any]:
    return {
        "kind": step.kind.name.lower(),
        "time_ms": step.time_ms,
        "mark_price": exact(step.mark_e8),
        "quantity": exact(step.quantity_e8),
        "filled": exact(step.filled_e8),
        "limit_price": exact(step.limit_e8),
        "fee": exact(step.fee_e8),
        "counterparty": step.counterparty or None,
        "ending": None if step.ending is None else step.ending.name.lower(),
    }
