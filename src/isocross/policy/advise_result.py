"""Advise result: what `advise` answers, as typed records of integers × 10^8 and as plain data with exact decimal text.

Responsible for: the records, their JSON form and its schema, the frame. Must not: choose, compute a margin, word a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..answer import Answer, Columns, Shown, exact
from ..codes import MarginMode, Refusal
from .advise_facts import Facts
from .advise_fit import HeldBy
from .advise_rules import Rule, Step
from .liq_result import LiqColumn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "isocross.advise/1"


@dataclass(frozen=True, slots=True)
class ModeCase:
    """The advised quantity and leverage in one margin mode. Money × 10^8."""

    column: LiqColumn  # liq's own answer
    after_funding_e8: int | None  # the liquidation price once the funding of the holding time is paid; None: none
    beyond_stop_e8: int | None  # how far that lies beyond the stop ÷ the stop's price; below 0: before it; None: none
    could_cost_e8: int  # the most that this trade can take, closing by hand apart

    @property
    def mode(self) -> MarginMode:
        """Its margin mode."""
        return self.column.mode

    @property
    def margin_e8(self) -> int:
        """What is set aside for it: moved into the isolated wallet, or the initial margin asked of the pool."""
        return self.column.transfer_e8 if self.mode is MarginMode.ISOLATED else self.column.initial_margin_e8

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "mode": self.mode.name.lower(),
            "margin": exact(self.margin_e8),
            "liquidation_price": exact(self.column.liquidation.price_e8),
            "liquidation_price_after_funding": exact(self.after_funding_e8),
            "beyond_stop": exact(self.beyond_stop_e8),
            "could_cost": exact(self.could_cost_e8),
            "can_open": self.column.refusal is Refusal.NONE,
        }


@dataclass(frozen=True, slots=True)
class Loss:
    """What the advised quantity loses at its stop. Money × 10^8."""

    price_e8: int
    fees_e8: int  # entry and exit
    funding_e8: int  # of the holding time

    @property
    def total_e8(self) -> int:
        """All of it."""
        return self.price_e8 + self.fees_e8 + self.funding_e8

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text."""
        return {
            "total": exact(self.total_e8),
            "price": exact(self.price_e8),
            "fees": exact(self.fees_e8),
            "funding": exact(self.funding_e8),
        }


@dataclass(frozen=True, slots=True)
class Constraint:
    """One promise that the advice keeps, with its numbers."""

    name: str
    sentence: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One thing of the account and where it goes."""

    what: str
    where: MarginMode
    sentence: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A trade that keeps every limit of its rule."""

    mode: MarginMode
    leverage: int
    lots: int
    held_by: HeldBy  # what keeps the quantity from being larger
    isolated: ModeCase
    cross: ModeCase
    loss: Loss
    pool_leverage_e8: int | None  # all that the pool holds ÷ its balance, with this trade in it if it is cross
    legs_gain_e8: int | None  # what the other side earns by the isolated liquidation price, moving alike
    constraints: tuple[Constraint, ...]

    @property
    def advised(self) -> ModeCase:
        """The advised mode."""
        return self.isolated if self.mode is MarginMode.ISOLATED else self.cross

    @property
    def other(self) -> ModeCase:
        """The mode that is not advised."""
        return self.cross if self.mode is MarginMode.ISOLATED else self.isolated

    @property
    def other_costs_more_e8(self) -> int:
        """How much more the other mode could cost; below 0: less."""
        return self.other.could_cost_e8 - self.advised.could_cost_e8


@dataclass(frozen=True, slots=True, repr=False)
class AdviseResult(Answer):
    """What `advise` answers: the rule that decided, and a trade that keeps its limits, or why there is none."""

    facts: Facts
    steps: tuple[Step, ...]  # every rule that was asked; the last one decided
    advice: Advice | None
    reason: str  # why there is no advice
    places: tuple[Place, ...]
    assumed: tuple[str, ...]  # what was not said, and what it was taken as
    notes: tuple[str, ...]
    decisions: tuple[str, ...]  # columns the answer rests on that the rulebook holds by decision

    @property
    def rule(self) -> Rule:
        """The rule that decided."""
        return self.steps[-1].rule

    @property
    def mode(self) -> MarginMode:
        """The advised margin mode, also where no quantity fits."""
        return self.rule.mode

    @property
    def layout(self) -> str:
        """'isolated', 'cross', or 'hybrid': this trade isolated beside a cross pool."""
        if self.mode is MarginMode.CROSS:
            return "cross"
        return "hybrid" if self.facts.plan.others else "isolated"

    @property
    def side(self) -> str:
        """'long' or 'short'."""
        return "long" if self.facts.plan.is_long else "short"

    @property
    def leverage(self) -> int | None:
        """The leverage to set."""
        return None if self.advice is None else self.advice.leverage

    @property
    def quantity_e8(self) -> int | None:
        """Base units × 10^8."""
        return None if self.advice is None else self.advice.lots * self.facts.plan.rules.step_e8

    @property
    def margin_e8(self) -> int | None:
        """What is set aside for it."""
        return None if self.advice is None else self.advice.advised.margin_e8

    @property
    def is_negative(self) -> bool:
        """Whether no quantity keeps the limits."""
        return self.advice is None

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text, for JSON; `schema` names its version."""
        from .advise_text import sentences

        facts, plan, advice = self.facts, self.facts.plan, self.advice
        said = facts.answers
        return {
            "schema": SCHEMA,
            "rulebook": plan.book.name,
            "as_of": plan.book.as_of,
            "symbol": plan.rules.symbol,
            "unified_symbol": plan.rules.unified,
            "margin_asset": plan.rules.margin_asset,
            "side": self.side,
            "entry_price": exact(facts.entry_e8),
            "mark_price": exact(plan.mark_e8),
            "stop_price": exact(facts.stop_e8),
            "risk": exact(facts.budget_e8),
            "wallet": exact(facts.wallet_e8),
            "hold_ms": facts.hold_ms,
            "funding_rate": exact(facts.funding_rate_e8),
            "settlements": facts.settlement_count,
            "others": [other.to_dict() for other in plan.others],
            "answers": {
                "new": said.is_new,
                "watching": said.is_watched,
                "conviction": said.conviction,
                "several": said.has_several_strategies,
                "legs": said.legs,
                "purpose": said.purpose,
            },
            "assumed": list(self.assumed),
            "rule": self.rule.name,
            "rules_asked": [
                {"rule": step.rule.name, "decides": step.verdict.is_deciding, "saw": step.verdict.sentence}
                for step in self.steps
            ],
            "mode": self.mode.name.lower(),
            "layout": self.layout,
            "reason": self.reason or None,
            "leverage": self.leverage,
            "quantity": exact(self.quantity_e8),
            "margin": exact(self.margin_e8),
            "held_by": None if advice is None else advice.held_by,
            "loss_at_stop": None if advice is None else advice.loss.to_dict(),
            "pool_leverage": None if advice is None else exact(advice.pool_leverage_e8),
            "isolated": None if advice is None else advice.isolated.to_dict(),
            "cross": None if advice is None else advice.cross.to_dict(),
            "other_costs_more": None if advice is None else exact(advice.other_costs_more_e8),
            "constraints": [
                {"name": one.name, "is_met": one.is_met, "sentence": one.sentence}
                for one in (() if advice is None else advice.constraints)
            ],
            "places": [
                {"what": place.what, "where": place.where.name.lower(), "sentence": place.sentence}
                for place in self.places
            ],
            "sentences": sentences(self),
            "notes": list(self.notes),
            "decisions": list(self.decisions),
        }

    def columns(self) -> Columns:
        """One row per margin mode; none where no quantity fits."""
        advice = self.advice
        there = () if advice is None else (advice.isolated, advice.cross)
        return {
            "mode": [one.mode.name.lower() for one in there],
            "is_advised": [one.mode is self.mode for one in there],
            "quantity_e8": [self.quantity_e8 for _ in there],
            "leverage": [self.leverage for _ in there],
            "margin_e8": [one.margin_e8 for one in there],
            "liquidation_price_e8": [one.column.liquidation.price_e8 for one in there],
            "liquidation_price_after_funding_e8": [one.after_funding_e8 for one in there],
            "beyond_stop_e8": [one.beyond_stop_e8 for one in there],
            "loss_at_stop_e8": [None if advice is None else advice.loss.total_e8 for _ in there],
            "could_cost_e8": [one.could_cost_e8 for one in there],
        }

    def shown(self) -> Shown:
        """The table of modes, why, what the other mode could cost, what goes where."""
        from .advise_text import shown

        return shown(self)

    def plot(self) -> Figure:
        """Entry, stop, liquidation and bankruptcy price on one axis, a lane per mode."""
        from ..answer.figure import lanes, table_figure

        if self.advice is None:
            return table_figure(self.shown())
        prices: dict[str, dict[str, int | None]] = {
            one.mode.name.lower(): {
                "entry": self.facts.entry_e8,
                "stop": self.facts.stop_e8,
                "liquidation": one.after_funding_e8,
                "bankruptcy": one.column.bankruptcy.price_e8,
            }
            for one in (self.advice.isolated, self.advice.cross)
        }
        return lanes(self.shown().title, prices)

    def explain(self) -> str:
        """The rules that were asked, the arithmetic of the loss, and every limit with its numbers."""
        from .advise_text import explain

        return explain(self)
