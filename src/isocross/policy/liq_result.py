"""Liq result: what `liq` answers, as typed records of integers × 10^8 and as plain data with exact decimal text.

Responsible for: the records, their JSON form and its schema. Must not: compute, print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..answer import Answer, Columns, Shown, exact
from ..codes import MarginMode, Refusal
from ..rulebook.model import Rulebook, SymbolRules
from .inputs import Fill
from .pool import PoolPosition

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "isocross.liq/1"


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """A mark × 10^8, or None with the reason why there is none."""

    price_e8: int | None
    distance_e8: int | None  # (price − mark) ÷ mark × 10^8, cut towards zero
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "price": exact(self.price_e8),
            "distance": exact(self.distance_e8),
            "reason": self.reason or None,
        }


@dataclass(frozen=True, slots=True)
class LiqColumn:
    """The position in one margin mode. Money × 10^8 of the margin asset."""

    mode: MarginMode
    liquidation: PriceAnswer
    bankruptcy: PriceAnswer
    is_due: bool  # already to be liquidated at the mark
    wallet_e8: int  # what stands behind it: the isolated wallet, or the cross wallet after the entry fee
    transfer_e8: int  # moved into the isolated wallet by the fills; 0 in cross
    added_margin_e8: int  # moved in by hand; 0 in cross
    unrealized_pnl_e8: int
    margin_balance_e8: int  # wallet + uPnL, in cross with the uPnL of the whole pool
    initial_margin_e8: int
    maintenance_margin_e8: int  # of this position
    pool_maintenance_margin_e8: int  # of all that the margin balance must hold
    effective_leverage_e8: int | None  # notional ÷ margin balance, rounded down; None when the balance is ≤ 0
    most_lost_e8: int  # isolated: moved in + entry fee; cross: the pool's balance before the trade
    exit_fee_e8: int  # the taker fee of closing by hand at the bankruptcy price, on top of an isolated most_lost_e8
    max_open_lots: int | None  # None without a wallet
    max_open_quantity_e8: int | None
    refusal: Refusal  # why the wallet could not open it; NONE when it could, or was not asked
    refusal_reason: str = ""

    @property
    def is_negative(self) -> bool:
        """Whether the answer is no: already due, or the wallet could not open it."""
        return self.is_due or self.refusal is not Refusal.NONE

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text throughout; null where there is no number."""
        return {
            "mode": self.mode.name.lower(),
            "liquidation": self.liquidation.to_dict(),
            "bankruptcy": self.bankruptcy.to_dict(),
            "is_due": self.is_due,
            "depends_on_pool": self.mode is MarginMode.CROSS,
            "wallet": exact(self.wallet_e8),
            "transfer": exact(self.transfer_e8),
            "added_margin": exact(self.added_margin_e8),
            "unrealized_pnl": exact(self.unrealized_pnl_e8),
            "margin_balance": exact(self.margin_balance_e8),
            "initial_margin": exact(self.initial_margin_e8),
            "maintenance_margin": exact(self.maintenance_margin_e8),
            "pool_maintenance_margin": exact(self.pool_maintenance_margin_e8),
            "effective_leverage": exact(self.effective_leverage_e8),
            "most_lost": exact(self.most_lost_e8),
            "exit_fee": exact(self.exit_fee_e8),
            "max_open": exact(self.max_open_quantity_e8),
            "refusal": None if self.refusal is Refusal.NONE else self.refusal.name.lower(),
            "refusal_reason": self.refusal_reason or None,
        }


@dataclass(frozen=True, slots=True)
class Target:
    """An exit and what it pays, or the exit that pays what was asked: the nearest tick that does not pay less."""

    asked: str  # "target", "roe" or "pnl"
    wanted_e8: int  # the price, the rate or the money that was asked for
    price_e8: int | None
    pnl_e8: int | None  # before fees
    pnl_after_fees_e8: int | None  # less the entry fee and a taker's exit fee
    roe_e8: int | None  # PnL ÷ initial margin at entry, rounded down
    roe_basis_e8: int  # that initial margin: ⌈entry value ÷ leverage⌉
    reason: str = ""
    liquidated_before: tuple[MarginMode, ...] = ()  # modes whose liquidation price comes before this one

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "asked": self.asked,
            "wanted": exact(self.wanted_e8),
            "price": exact(self.price_e8),
            "pnl": exact(self.pnl_e8),
            "pnl_after_fees": exact(self.pnl_after_fees_e8),
            "roe": exact(self.roe_e8),
            "roe_basis": exact(self.roe_basis_e8),
            "reason": self.reason or None,
            "liquidated_before": [mode.name.lower() for mode in self.liquidated_before],
        }


@dataclass(frozen=True, slots=True, repr=False)
class LiqResult(Answer):
    """What `liq` answers: the position as it was understood, and one column per margin mode asked for."""

    rulebook: Rulebook
    rules: SymbolRules
    fills: tuple[Fill, ...]
    is_planned: bool  # a trade to come; otherwise its fills happened already
    lots: int  # signed
    entry_e8: int  # average, rounded against the position; exact with one fill
    entry_cost_e8: int  # signed like lots, exact
    mark_e8: int
    leverage: int
    is_taker: bool  # at the entry
    fee_rate_e8: int
    entry_fee_e8: int
    acceptance_fee_rate_e8: int  # the taker's, or the caller's own: what acceptance and an exit are charged at
    wallet_e8: int | None
    others: tuple[PoolPosition, ...]
    notional_e8: int  # at mark, rounded up
    isolated: LiqColumn | None
    cross: LiqColumn | None
    target: Target | None
    notes: tuple[str, ...]
    decisions: tuple[str, ...]  # columns the answer rests on that the rulebook holds by decision

    @property
    def side(self) -> str:
        """'long' or 'short'."""
        return "long" if self.lots > 0 else "short"

    @property
    def quantity_e8(self) -> int:
        """Base units × 10^8, ≥ 0."""
        return abs(self.lots) * self.rules.step_e8

    @property
    def modes(self) -> tuple[LiqColumn, ...]:
        """The margin modes there are, isolated first."""
        return tuple(column for column in (self.isolated, self.cross) if column is not None)

    @property
    def is_negative(self) -> bool:
        """Whether no mode shown can carry the position."""
        return all(column.is_negative for column in self.modes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text, for JSON; `schema` names its version."""
        return {
            "schema": SCHEMA,
            "rulebook": self.rulebook.name,
            "as_of": self.rulebook.as_of,
            "symbol": self.rules.symbol,
            "unified_symbol": self.rules.unified,
            "margin_asset": self.rules.margin_asset,
            "side": self.side,
            "quantity": exact(self.quantity_e8),
            "entry_price": exact(self.entry_e8),
            "entry_value": exact(abs(self.entry_cost_e8)),
            "fills": [
                {
                    "quantity": exact(fill.lots * self.rules.step_e8),
                    "price": exact(fill.price_ticks * self.rules.tick_e8),
                    "mark_price": exact(fill.mark_e8),
                }
                for fill in self.fills
            ],
            "mark_price": exact(self.mark_e8),
            "notional": exact(self.notional_e8),
            "leverage": self.leverage,
            "fee_rate": exact(self.fee_rate_e8),
            "entry_fee": exact(self.entry_fee_e8),
            "acceptance_fee_rate": exact(self.acceptance_fee_rate_e8),
            "wallet": exact(self.wallet_e8),
            "others": [other.to_dict() for other in self.others],
            "isolated": self.isolated.to_dict() if self.isolated else None,
            "cross": self.cross.to_dict() if self.cross else None,
            "target": self.target.to_dict() if self.target else None,
            "notes": list(self.notes),
            "decisions": list(self.decisions),
        }

    def columns(self) -> Columns:
        """One row per margin mode."""
        there = self.modes
        return {
            "mode": [one.mode.name.lower() for one in there],
            "liquidation_price_e8": [one.liquidation.price_e8 for one in there],
            "liquidation_distance_e8": [one.liquidation.distance_e8 for one in there],
            "bankruptcy_price_e8": [one.bankruptcy.price_e8 for one in there],
            "wallet_e8": [one.wallet_e8 for one in there],
            "unrealized_pnl_e8": [one.unrealized_pnl_e8 for one in there],
            "margin_balance_e8": [one.margin_balance_e8 for one in there],
            "initial_margin_e8": [one.initial_margin_e8 for one in there],
            "maintenance_margin_e8": [one.maintenance_margin_e8 for one in there],
            "effective_leverage_e8": [one.effective_leverage_e8 for one in there],
            "most_lost_e8": [one.most_lost_e8 for one in there],
            "max_open_e8": [one.max_open_quantity_e8 for one in there],
            "is_due": [one.is_due for one in there],
            "refusal": [None if one.refusal is Refusal.NONE else one.refusal.name.lower() for one in there],
        }

    def shown(self) -> Shown:
        """The table of modes, the target, the notes."""
        from .liq_text import shown

        return shown(self)

    def plot(self) -> Figure:
        """Entry, mark, liquidation and bankruptcy price on one axis, a lane per mode."""
        from ..answer.figure import lanes

        prices: dict[str, dict[str, int | None]] = {
            one.mode.name.lower(): {
                "entry": self.entry_e8,
                "mark": self.mark_e8,
                "target": None if self.target is None else self.target.price_e8,
                "liquidation": one.liquidation.price_e8,
                "bankruptcy": one.bankruptcy.price_e8,
            }
            for one in self.modes
        }
        return lanes(self.shown().title, prices)

    def explain(self) -> str:
        """The arithmetic line by line, every number exact, so that it can be redone on paper."""
        from .explain import explain

        return explain(self)
