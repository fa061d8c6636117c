"""Size result: what `size` answers, as typed records of integers × 10^8 and as plain data with exact decimal text.

Responsible for: the records, their JSON form and its schema. Must not: compute, print.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..answer import Answer, Columns, Shown, exact
from ..codes import MarginMode, Refusal
from ..rulebook.model import Rulebook, SymbolRules
from .pool import PoolPosition
from .trial import Fate, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "isocross.size/1"


class Limit(Enum):
    """What stops a size from being one lot larger."""

    ASKED = "asked"  # the size was given
    RISK = "risk"  # the loss at the stop would be over the budget
    WALLET = "wallet"  # the wallet could not open it
    BRACKET = "bracket"  # the leverage does not allow it
    LARGEST = "largest"  # no position may be larger


class Bound(Enum):
    """What stops a margin or a wallet from being one unit smaller."""

    SURVIVAL = "survival"  # the position would not outlive the move
    OPENING = "opening"  # it could not be opened, or what was put in could not be taken out
    NOTHING = "nothing"  # it is 0: the open profit of the pool is enough


class What(Enum):
    """What was tried one step further."""

    LOTS = "quantity"
    MARGIN = "margin"
    LEVERAGE = "leverage"
    WALLET = "wallet"


class StopOrder(Enum):
    """What a fall (or rise) meets first."""

    FIRST = "before liquidation"
    BEYOND_LIQUIDATION = "beyond liquidation"
    NOT_FILLED = "not filled"  # reached first, and what is left does not bear the exit
    UNKNOWN = "needs the wallet"  # cross, and nobody said what backs it


@dataclass(frozen=True, slots=True)
class Tried:
    """An answer and the step after it, both lived by the engine."""

    mode: MarginMode
    what: What
    value: int  # lots, money × 10^8, or a leverage
    at: Trial | None  # None: no such answer exists
    next_value: int
    further: Trial | None  # None: there is no step further

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        is_money = self.what in (What.MARGIN, What.WALLET)
        return {
            "mode": self.mode.name.lower(),
            "what": self.what.value,
            "value": exact(self.value) if is_money else self.value,
            "at": _trial(self.at),
            "next_value": exact(self.next_value) if is_money else self.next_value,
            "further": _trial(self.further),
        }


@dataclass(frozen=True, slots=True)
class Outlive:
    """What a position needs so that no mark up to `until_e8` liquidates it. Money × 10^8."""

    mode: MarginMode
    until_e8: int
    least_e8: int  # isolated: in its wallet after the entry; cross: the wallet before the trade
    bound: Bound
    transfer_e8: int | None  # isolated: what the entry at the asked leverage puts in by itself
    to_add_e8: int | None  # isolated: what is left to add by hand then; None: it is due as it is entered, too late to add
    leverage_max: int | None  # isolated: the highest leverage whose own margin is enough; None: not even 1x
    least_free_e8: int | None  # cross: what the venue shows as available then, before the trade
    tried: tuple[Tried, ...]

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        is_isolated = self.mode is MarginMode.ISOLATED
        return {
            "until": exact(self.until_e8),
            "least_margin": exact(self.least_e8) if is_isolated else None,
            "to_add": exact(self.to_add_e8),
            "leverage_max": self.leverage_max,
            "least_wallet": None if is_isolated else exact(self.least_e8),
            "least_free": exact(self.least_free_e8),
            "bound": self.bound.value,
            "tried": [one.to_dict() for one in self.tried],
        }


@dataclass(frozen=True, slots=True)
class SizeColumn:
    """The size in one margin mode. Money × 10^8 of the margin asset; None where there is no such number."""

    mode: MarginMode
    lots: int  # 0: not even the least order fits
    limit: Limit
    reason: str  # what one lot more, or the least order, would do
    notional_e8: int
    initial_margin_e8: int
    isolated_margin_e8: int | None  # what the entry puts into the isolated wallet
    entry_fee_e8: int
    exit_fee_e8: int | None  # at the stop
    loss_e8: int | None  # at the stop, both fees included
    liquidation_e8: int | None
    liquidation_reason: str  # why there is none
    stop: StopOrder | None
    refusal: Refusal  # of an asked size; NONE when it can be opened or was not asked
    stop_outlive: Outlive | None  # what it takes for the stop to come first, where it does not
    survive: Outlive | None
    is_surviving: bool | None  # as asked: at this leverage, from this wallet; None: not asked, or no wallet
    tried: tuple[Tried, ...]

    @property
    def is_negative(self) -> bool:
        """Whether this mode cannot do what was asked."""
        return (
            self.lots == 0
            or self.refusal is not Refusal.NONE
            or self.stop in (StopOrder.BEYOND_LIQUIDATION, StopOrder.NOT_FILLED)
        )

    def to_dict(self, step_e8: int) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "mode": self.mode.name.lower(),
            "quantity": exact(self.lots * step_e8),
            "lots": self.lots,
            "limited_by": self.limit.value,
            "reason": self.reason or None,
            "notional": exact(self.notional_e8),
            "initial_margin": exact(self.initial_margin_e8),
            "isolated_margin": exact(self.isolated_margin_e8),
            "entry_fee": exact(self.entry_fee_e8),
            "exit_fee": exact(self.exit_fee_e8),
            "loss": exact(self.loss_e8),
            "liquidation": exact(self.liquidation_e8),
            "liquidation_reason": self.liquidation_reason or None,
            "stop": None if self.stop is None else self.stop.value,
            "refusal": None if self.refusal is Refusal.NONE else self.refusal.name.lower(),
            "stop_outlive": self.stop_outlive.to_dict() if self.stop_outlive else None,
            "survive": self.survive.to_dict() if self.survive else None,
            "is_surviving": self.is_surviving,
            "tried": [one.to_dict() for one in self.tried],
        }


@dataclass(frozen=True, slots=True, repr=False)
class SizeResult(Answer):
    """What `size` answers: the trade as understood, and one column per margin mode."""

    rulebook: Rulebook
    rules: SymbolRules
    is_long: bool
    entry_e8: int
    mark_e8: int
    stop_e8: int | None
    leverage: int
    budget_e8: int | None
    wallet_e8: int | None
    entry_fee_rate_e8: int
    exit_fee_rate_e8: int
    others: tuple[PoolPosition, ...]
    survive_rate_e8: int | None
    isolated: SizeColumn | None
    cross: SizeColumn | None
    notes: tuple[str, ...]
    decisions: tuple[str, ...]  # columns the answer rests on that the rulebook holds by decision

    @property
    def side(self) -> str:
        """'long' or 'short'."""
        return "long" if self.is_long else "short"

    @property
    def modes(self) -> tuple[SizeColumn, ...]:
        """The margin modes there are, isolated first."""
        return tuple(column for column in (self.isolated, self.cross) if column is not None)

    @property
    def is_negative(self) -> bool:
        """Whether no mode shown can do what was asked."""
        return all(column.is_negative for column in self.modes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text, for JSON; `schema` names its version."""
        step_e8 = self.rules.step_e8
        return {
            "schema": SCHEMA,
            "rulebook": self.rulebook.name,
            "as_of": self.rulebook.as_of,
            "symbol": self.rules.symbol,
            "unified_symbol": self.rules.unified,
            "margin_asset": self.rules.margin_asset,
            "side": self.side,
            "entry_price": exact(self.entry_e8),
            "mark_price": exact(self.mark_e8),
            "stop_price": exact(self.stop_e8),
            "leverage": self.leverage,
            "budget": exact(self.budget_e8),
            "wallet": exact(self.wallet_e8),
            "entry_fee_rate": exact(self.entry_fee_rate_e8),
            "exit_fee_rate": exact(self.exit_fee_rate_e8),
            "others": [other.to_dict() for other in self.others],
            "survive": exact(self.survive_rate_e8),
            "isolated": self.isolated.to_dict(step_e8) if self.isolated else None,
            "cross": self.cross.to_dict(step_e8) if self.cross else None,
            "notes": list(self.notes),
            "decisions": list(self.decisions),
        }

    def columns(self) -> Columns:
        """One row per margin mode."""
        there = self.modes
        outlive = [one.survive for one in there]
        return {
            "mode": [one.mode.name.lower() for one in there],
            "quantity_e8": [one.lots * self.rules.step_e8 for one in there],
            "limited_by": [one.limit.value for one in there],
            "notional_e8": [one.notional_e8 for one in there],
            "initial_margin_e8": [one.initial_margin_e8 for one in there],
            "isolated_margin_e8": [one.isolated_margin_e8 for one in there],
            "entry_fee_e8": [one.entry_fee_e8 for one in there],
            "exit_fee_e8": [one.exit_fee_e8 for one in there],
            "loss_e8": [one.loss_e8 for one in there],
            "liquidation_price_e8": [one.liquidation_e8 for one in there],
            "stop": [None if one.stop is None else one.stop.value for one in there],
            "survive_least_margin_e8": [
                one.least_e8 if one is not None and one.mode is MarginMode.ISOLATED else None for one in outlive
            ],
            "survive_leverage_max": [None if one is None else one.leverage_max for one in outlive],
            "survive_least_wallet_e8": [
                one.least_e8 if one is not None and one.mode is MarginMode.CROSS else None for one in outlive
            ],
            "is_surviving": [one.is_surviving for one in there],
        }

    def shown(self) -> Shown:
        """The table of modes, what was tried, the notes."""
        from .size_text import shown

        return shown(self)

    def plot(self) -> Figure:
        """Entry, stop, the move and the liquidation price on one axis, a lane per mode."""
        from ..answer.figure import lanes

        prices: dict[str, dict[str, int | None]] = {
            one.mode.name.lower(): {
                "entry": self.entry_e8,
                "stop": self.stop_e8,
                "survive": None if one.survive is None else one.survive.until_e8,
                "liquidation": one.liquidation_e8,
            }
            for one in self.modes
        }
        return lanes(self.shown().title, prices)


def _trial(trial: Trial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {
        "fate": trial.fate.value,
        "refusal": trial.refusal.name.lower() if trial.fate is Fate.REFUSED else None,
        "loss": exact(trial.loss_e8),
        "liquidation": exact(trial.liquidation_e8),
        "mark": exact(trial.end_mark_e8),
    }
