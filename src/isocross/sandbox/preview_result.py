"""Preview result: an order before it is sent, in both margin modes, in decimals.

Responsible for: ModePreview and PreviewResult, their decimals, plain data, frame and picture. Must not: ask an exchange
anything; word a sentence (preview_text.py does).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..answer import Answer, Columns, Shown, exact
from ..codes import OrderType, Reason, Refusal
from ..rulebook import Rulebook, SymbolRules
from ..units import format_e8, to_e8
from ..worlds.outcome import Change, Outcome
from ..worlds.preview import Setting
from .records import Fill, Position, Rows, Wallet, decimal, rounded_price

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "isocross.preview/1"
EXIT_NAMES = {OrderType.STOP_MARKET: "stop", OrderType.TAKE_PROFIT_MARKET: "take_profit"}


@dataclass(frozen=True, slots=True, repr=False)
class ModePreview:
    """The order in one margin mode. Where there is no number (`refusal`, or no world to ask in) it is None or empty."""

    name: str  # isolated, cross, hybrid
    mode: str  # of the contract
    basis: str  # "as it is", "switched", "branch", "none"; see worlds/preview.py
    blocked: dict[str, str]  # contract → the refusal because of which its mode cannot be set now
    refusal: str | None  # of the order, or of an exit: then nothing is placed
    reason: str  # of the refusal, or why there is no number
    quantity: Decimal | None
    fills: Rows[Fill]
    filled: Decimal | None
    average_price: Decimal | None  # to the nearest 10^-8
    fee: Decimal | None
    realized_pnl: Decimal | None
    resting: Decimal | None
    expired: Decimal | None
    expired_reason: str | None
    margin: Decimal | None  # what the contract holds more: isolated wallet and margin held
    cost: Decimal | None  # what is less available, fee included
    wallet_before: Wallet | None
    wallet_after: Wallet | None
    position_before: Position | None
    position_after: Position | None
    others_before: Rows[Position]  # other positions that it changes
    others_after: Rows[Position]
    most_lost: Decimal | None  # by what is open after it, orders apart; None where nothing is
    takes_along: Rows[Position]  # what its liquidation would take with it
    orders_along: int  # resting orders that its liquidation would cancel
    liquidated: tuple[str, ...]  # pockets of the account that the order itself has liquidated
    position_filled: Position | None  # of an order that rests: once it is filled at its limit, marks as now
    wallet_filled: Wallet | None
    setting: Setting
    outcome: Outcome | None  # in the engine's integers

    @classmethod
    def of(
        cls,
        setting: Setting,
        rules: SymbolRules,
        lots: int | None,
        outcome: Outcome | None,
        refusal: Refusal | None,
        reason: str,
    ) -> ModePreview:
        """From a column of worlds.preview. refusal: None where nothing was asked."""
        exchange, step_e8 = setting.exchange, rules.step_e8

        def position(view: Any) -> Position:
            return Position.of(view, exchange.rules(view.symbol))

        done = outcome is not None and outcome.refusal == Refusal.NONE
        told = outcome if done else None
        others: Iterable[Change] = told.positions[1:] if told is not None else ()
        own = None if outcome is None else outcome.position
        filled = None if told is None else told.when_filled
        return cls(
            name=setting.name,
            mode=setting.mode.name.lower(),
            basis=setting.basis.value,
            blocked={symbol: one.name for symbol, one in setting.refusals.items()},
            refusal=None if refusal is None or refusal == Refusal.NONE else refusal.name,
            reason=reason or setting.why_none,
            quantity=None if lots is None else decimal(lots * step_e8),
            fills=Rows([Fill.of(one, rules) for one in told.fills]) if told is not None else Rows(),
            filled=None if told is None else decimal(told.filled_lots * step_e8),
            average_price=None if told is None else rounded_price(rules, told.value_e8, told.filled_lots),
            fee=None if told is None else decimal(told.fee_e8),
            realized_pnl=None if told is None else decimal(told.realized_pnl_e8),
            resting=None if told is None else decimal(told.resting_lots * step_e8),
            expired=None if told is None else decimal(told.expired_lots * step_e8),
            expired_reason=None if told is None or told.expired_reason is Reason.NONE else told.expired_reason.name,
            margin=None if told is None else decimal(told.margin_e8),
            cost=None if told is None else decimal(told.cost_e8),
            wallet_before=None if outcome is None else Wallet.of(outcome.before),
            wallet_after=None if told is None else Wallet.of(told.after),
            position_before=None if own is None else position(own.before),
            position_after=position(told.position.after) if told is not None else None,
            others_before=Rows([position(one.before) for one in others]),
            others_after=Rows([position(one.after) for one in others]),
            most_lost=None if told is None or told.most_lost_e8 is None else decimal(told.most_lost_e8),
            takes_along=Rows([position(one) for one in told.takes_along]) if told is not None else Rows(),
            orders_along=0 if told is None else told.orders_along,
            liquidated=()
            if told is None
            else tuple("cross pool" if one.symbol < 0 else exchange.symbols[one.symbol] for one in told.liquidations),
            position_filled=None if filled is None else position(filled.positions[0].after),
            wallet_filled=None if filled is None else Wallet.of(filled.wallet),
            setting=setting,
            outcome=outcome,
        )

    @property
    def is_accepted(self) -> bool:
        """Whether the order would be placed, in this world."""
        return self.position_after is not None

    @property
    def liquidation_price(self) -> Decimal | None:
        """Of the position after the order; of one that rests, once it is filled. None where there is no such price."""
        told = self.position_after
        if self.position_filled is not None and (told is None or not told.quantity):
            told = self.position_filled
        return None if told is None else told.liquidation_price

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "mode": self.mode,
            "basis": self.basis,
            "blocked": dict(self.blocked),
            "refusal": None if self.refusal is None else self.refusal.lower(),
            "reason": self.reason or None,
            "quantity": _text(self.quantity),
            "fills": [one.to_dict() for one in self.fills],
            "filled": _text(self.filled),
            "average_price": _text(self.average_price),
            "fee": _text(self.fee),
            "realized_pnl": _text(self.realized_pnl),
            "resting": _text(self.resting),
            "expired": _text(self.expired),
            "expired_reason": None if self.expired_reason is None else self.expired_reason.lower(),
            "margin": _text(self.margin),
            "cost": _text(self.cost),
            "wallet_before": None if self.wallet_before is None else self.wallet_before.to_dict(),
            "wallet_after": None if self.wallet_after is None else self.wallet_after.to_dict(),
            "position_before": None if self.position_before is None else self.position_before.to_dict(),
            "position_after": None if self.position_after is None else self.position_after.to_dict(),
            "others_before": [one.to_dict() for one in self.others_before],
            "others_after": [one.to_dict() for one in self.others_after],
            "most_lost": _text(self.most_lost),
            "takes_along": [one.to_dict() for one in self.takes_along],
            "orders_along": self.orders_along,
            "liquidated": list(self.liquidated),
            "position_filled": None if self.position_filled is None else self.position_filled.to_dict(),
            "wallet_filled": None if self.wallet_filled is None else self.wallet_filled.to_dict(),
        }

    def __repr__(self) -> str:
        from .preview_text import line

        return line(self)


@dataclass(frozen=True, slots=True, repr=False)
class PreviewResult(Answer):
    """One order, in each margin mode."""

    rulebook: Rulebook
    rules: SymbolRules
    side: str  # buy, sell
    margin_e8: int | None  # asked for; each mode has as many lots as it holds
    price_ticks: int | None
    exits: tuple[tuple[OrderType, int], ...]
    time_ms: int
    mark_e8: int
    has_others: bool  # other positions that share its margin asset
    modes: tuple[ModePreview, ...]

    def __getitem__(self, name: str) -> ModePreview:
        """A mode by its name. Hybrid is the isolated one where all other positions are cross already."""
        for one in self.modes:
            if one.name == name:
                return one
        if name == "hybrid" and self.has_others:
            return self["isolated"]
        raise KeyError(name)

    @property
    def symbol(self) -> str:
        """The contract."""
        return self.rules.symbol

    @property
    def sentence(self) -> str:
        """What each mode puts at stake."""
        return self.shown().sentence

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of each mode beside its numbers."""
        return tuple(self.shown().notes)

    @property
    def is_negative(self) -> bool:
        """Whether no mode would take the order."""
        return not any(one.is_accepted for one in self.modes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        tick_e8 = self.rules.tick_e8
        return {
            "schema": SCHEMA,
            "rulebook": self.rulebook.name,
            "symbol": self.symbol,
            "side": self.side,
            "margin": exact(self.margin_e8),
            "price": None if self.price_ticks is None else format_e8(self.price_ticks * tick_e8),
            **{name: None for name in EXIT_NAMES.values()},
            **{EXIT_NAMES[kind]: format_e8(ticks * tick_e8) for kind, ticks in self.exits},
            "time_ms": self.time_ms,
            "mark": format_e8(self.mark_e8),
            "modes": {one.name: one.to_dict() for one in self.modes},
        }

    def columns(self) -> Columns:
        """One row per mode, of the contract's own position."""
        told = [one.outcome if one.is_accepted else None for one in self.modes]
        after = [None if one is None else one.position.after for one in told]
        return {
            "mode": [one.name for one in self.modes],
            "basis": [one.basis for one in self.modes],
            "refusal": [None if one.refusal is None else one.refusal.lower() for one in self.modes],
            "quantity_e8": _e8(one.quantity for one in self.modes),
            "filled_e8": _e8(one.filled for one in self.modes),
            "average_price_e8": _e8(one.average_price for one in self.modes),
            "fee_e8": _e8(one.fee for one in self.modes),
            "margin_e8": _e8(one.margin for one in self.modes),
            "cost_e8": _e8(one.cost for one in self.modes),
            "position_e8": [None if one is None else one.lots * self.rules.step_e8 for one in after],
            "isolated_wallet_e8": [None if one is None else one.isolated_wallet_e8 for one in after],
            "margin_balance_e8": [None if one is None else one.margin_balance_e8 for one in after],
            "maintenance_margin_e8": [None if one is None else one.pool_maintenance_e8 for one in after],
            "liquidation_price_e8": _e8(one.liquidation_price for one in self.modes),
            "bankruptcy_price_e8": [None if one is None else one.bankruptcy_mark_e8 for one in after],
            "available_before_e8": [None if one is None else one.before.available_e8 for one in told],
            "available_after_e8": [None if one is None else one.after.available_e8 for one in told],
            "most_lost_e8": _e8(one.most_lost for one in self.modes),
        }

    def shown(self) -> Shown:
        """The modes side by side, and what must be said of each."""
        from .preview_text import shown

        return shown(self)

    def plot(self) -> Figure:
        """Mark, entry, exits, liquidation and bankruptcy price on one axis, a lane per mode."""
        from ..answer.figure import lanes

        exits: dict[str, int | None] = {
            EXIT_NAMES[kind].replace("_", "-"): ticks * self.rules.tick_e8 for kind, ticks in self.exits
        }
        prices: dict[str, dict[str, int | None]] = {}
        for one in self.modes:
            told = one.position_filled if one.position_filled is not None else one.position_after
            prices[one.name] = {"mark": self.mark_e8}
            if told is not None:
                named = {
                    "entry": told.entry_price,
                    "liquidation": told.liquidation_price,
                    "bankruptcy": told.bankruptcy_price,
                }
                prices[one.name] |= exits | dict(zip(named, _e8(named.values()), strict=True))
        return lanes(self.shown().title, prices)


def _e8(values: Iterable[Decimal | None]) -> list[int | None]:
    """Decimals of at most eight places, × 10^8."""
    return [None if value is None else to_e8(value) for value in values]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
