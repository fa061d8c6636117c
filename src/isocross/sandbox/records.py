"""Records: what a Sandbox hands back: exact decimals, one line as text, a table in a notebook.

Responsible for: the records, their text, integers to decimals. Must not: ask the exchange anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

import numpy as np

from ..answer.rows import Row, Rows
from ..answer.words import money_decimals
from ..codes import WorkingType
from ..rulebook import SymbolRules
from ..units import format_e8, format_money, to_e8
from ..views import OrderView, PositionView, WalletView
from ..worlds.outcome import Traded

__all__ = ["Balance", "Fill", "Order", "OrderResult", "Position", "Rows", "Step", "Wallet", "decimal", "rounded_price"]


def decimal(value_e8: int) -> Decimal:
    return Decimal(format_e8(value_e8))


def _optional(value_e8: int | None) -> Decimal | None:
    return None if value_e8 is None else decimal(value_e8)


def rounded_price(rules: SymbolRules, value_e8: int, lots: int) -> Decimal | None:
    """cost ÷ quantity, to the nearest 10^-8; None for no quantity."""
    return decimal(round(rules.average_price_e8(value_e8, lots))) if lots else None


def _text(value: object) -> str:
    """A cell for people: decimals plain, nothing as a dash."""
    if value is None:
        return "–"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _money(value: Decimal, asset: str = "USD") -> str:
    return format_money(to_e8(value), money_decimals(asset))


@dataclass(frozen=True, slots=True, repr=False)
class Position(Row):
    """One position. Money in the margin asset; prices are marks, None where there is none."""

    symbol: str
    side: str  # long, short, flat
    quantity: Decimal  # signed
    mode: str  # isolated, cross
    leverage: int
    entry_price: Decimal | None  # to the nearest 10^-8; `entry_cost` is exact
    entry_cost: Decimal  # signed like the quantity
    mark: Decimal
    unrealized_pnl: Decimal
    isolated_wallet: Decimal
    margin_balance: Decimal  # isolated: its own; cross: of the pool
    maintenance_margin: Decimal  # of what the margin balance backs
    margin_held: Decimal  # initial margin (cross), open-order margin (isolated)
    liquidation_price: Decimal | None  # the nearer one where there are two
    bankruptcy_price: Decimal | None
    other_liquidation_price: Decimal | None = None  # long and short of a symbol in one pool may have one on either side

    @classmethod
    def of(cls, view: PositionView, rules: SymbolRules) -> Position:
        """From the exchange's view."""
        quantity_e8 = view.lots * rules.step_e8
        return cls(
            symbol=view.symbol,
            side="long" if view.lots > 0 else "short" if view.lots < 0 else "flat",
            quantity=decimal(quantity_e8),
            mode=view.margin_mode.name.lower(),
            leverage=view.leverage,
            entry_price=rounded_price(rules, view.entry_cost_e8, view.lots),
            entry_cost=decimal(view.entry_cost_e8),
            mark=decimal(view.mark_e8),
            unrealized_pnl=decimal(view.unrealized_pnl_e8),
            isolated_wallet=decimal(view.isolated_wallet_e8),
            margin_balance=decimal(view.margin_balance_e8),
            maintenance_margin=decimal(view.pool_maintenance_e8),
            margin_held=decimal(view.margin_held_e8),
            liquidation_price=_optional(view.liquidation_mark_e8),
            bankruptcy_price=_optional(view.bankruptcy_mark_e8),
            other_liquidation_price=_optional(_other_mark_e8(view)),
        )

    def __repr__(self) -> str:
        if not self.quantity:
            return f"{self.symbol} flat, {self.mode} {self.leverage}x"
        return (
            f"{self.symbol} {self.side} {abs(self.quantity):f} @ {_text(self.entry_price)} "
            f"{self.mode} {self.leverage}x, mark {self.mark:f}, unrealized {_money(self.unrealized_pnl, self._asset)}, "
            f"liquidation at {_text(self.liquidation_price)}{self._other()}, bankruptcy at {_text(self.bankruptcy_price)}"
        )


    @property
    def _asset(self) -> str:
        """What its money is shown as: an inverse position's entry cost stands against its quantity, and is coin."""
        return "coin" if self.quantity * self.entry_cost < 0 else "USD"

    def _other(self) -> str:
        return "" if self.other_liquidation_price is None else f" and {self.other_liquidation_price:f}"


def _other_mark_e8(view: PositionView) -> int | None:
    """Of two liquidation marks the farther one; None where there are not two."""
    below, above = view.liquidation_below_e8, view.liquidation_above_e8
    if below is None or above is None or below == above:
        return None
    return above if view.liquidation_mark_e8 == below else below


@dataclass(frozen=True, slots=True, repr=False)
class Order(Row):
    """One open order, or a stop or take-profit that waits for its trigger."""

    order_id: int
    symbol: str
    side: str  # buy, sell
    order_type: str
    price: Decimal | None
    trigger_price: Decimal | None
    quantity: Decimal | None  # still open; None: all of the position
    filled: Decimal
    is_reduce_only: bool
    triggered_by: str | None  # mark, last

    @classmethod
    def of(cls, view: OrderView, rules: SymbolRules) -> Order:
        """From the exchange's view."""
        return cls(
            order_id=view.order_id,
            symbol=view.symbol,
            side=view.side.name.lower(),
            order_type=view.order_type.name.lower().replace("_", " "),
            price=decimal(view.price_ticks * rules.tick_e8) if view.price_ticks else None,
            trigger_price=decimal(view.trigger_ticks * rules.tick_e8) if view.trigger_ticks else None,
            quantity=None if view.is_close_position else decimal(view.lots * rules.step_e8),
            filled=decimal((view.original_lots - view.lots) * rules.step_e8),
            is_reduce_only=view.is_reduce_only or view.is_close_position,
            triggered_by=None
            if not view.trigger_ticks
            else "mark"
            if view.working_type == WorkingType.MARK_PRICE
            else "last",
        )

    def __repr__(self) -> str:
        what = f"{self.quantity:f}" if self.quantity is not None else "all of the position in"
        at = "at market" if self.price is None else f"at {self.price:f}"
        if self.trigger_price is not None:
            at += f" when {self.triggered_by} reaches {self.trigger_price:f}"
        return f"#{self.order_id} {self.order_type}: {self.side} {what} {self.symbol} {at}"


@dataclass(frozen=True, slots=True, repr=False)
class Wallet(Row):
    """One account in one margin asset."""

    asset: str
    cross_wallet: Decimal
    isolated_wallets: Decimal
    unrealized_pnl: Decimal  # cross and isolated
    equity: Decimal  # all of the above
    margin_balance: Decimal  # of the cross pool
    maintenance_margin: Decimal  # of the cross pool
    available: Decimal
    max_withdraw: Decimal

    @classmethod
    def of(cls, view: WalletView) -> Wallet:
        """From the exchange's view."""
        return cls(
            asset=view.asset,
            cross_wallet=decimal(view.cross_wallet_e8),
            isolated_wallets=decimal(view.isolated_wallets_e8),
            unrealized_pnl=decimal(view.unrealized_pnl_e8),
            equity=decimal(view.equity_e8),
            margin_balance=decimal(view.margin_balance_e8),
            maintenance_margin=decimal(view.maintenance_margin_e8),
            available=decimal(view.available_e8),
            max_withdraw=decimal(view.max_withdraw_e8),
        )

    def __repr__(self) -> str:
        return (
            f"{self.asset}: equity {_money(self.equity, self.asset)}, cross wallet {_money(self.cross_wallet, self.asset)}, "
            f"isolated {_money(self.isolated_wallets, self.asset)}, available {_money(self.available, self.asset)}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Fill(Row):
    """What an order trades at one price."""

    price: Decimal
    quantity: Decimal
    value: Decimal
    fee: Decimal
    realized_pnl: Decimal

    @classmethod
    def of(cls, traded: Traded, rules: SymbolRules) -> Fill:
        """From a preview's fills."""
        return cls(
            price=decimal(traded.price_ticks * rules.tick_e8),
            quantity=decimal(traded.lots * rules.step_e8),
            value=decimal(traded.value_e8),
            fee=decimal(traded.fee_e8),
            realized_pnl=decimal(traded.realized_pnl_e8),
        )

    def __repr__(self) -> str:
        return f"{self.quantity:f} @ {self.price:f}, fee {self.fee:f}"


@dataclass(frozen=True, slots=True, repr=False)
class OrderResult(Row):
    """What became of one order at once."""

    hidden: ClassVar[tuple[str, ...]] = ("events",)

    order_id: int
    symbol: str
    side: str
    quantity: Decimal  # asked for
    filled: Decimal
    average_price: Decimal | None  # to the nearest 10^-8
    fee: Decimal
    realized_pnl: Decimal
    resting: Decimal
    expired: Decimal
    expired_reason: str | None
    stop_order_id: int | None
    take_profit_order_id: int | None
    events: np.ndarray = field(compare=False)

    def __repr__(self) -> str:
        parts = [f"{self.side} {self.quantity:f} {self.symbol}:"]
        if self.filled:
            parts.append(f"filled {self.filled:f} @ {_text(self.average_price)}, fee {self.fee:f}")
        if self.realized_pnl:
            parts.append(f"realized {self.realized_pnl:f}")
        if self.resting:
            parts.append(f"resting {self.resting:f} as #{self.order_id}")
        if self.expired:
            parts.append(f"expired {self.expired:f} ({self.expired_reason})")
        return " ".join(parts)


@dataclass(frozen=True, slots=True, repr=False)
class Balance(Row):
    """What a party put in and what it has. The lots of all parties sum to zero, and so does their `cash`, exactly."""

    party: str
    asset: str
    deposited: Decimal  # less what was withdrawn
    cross_wallet: Decimal
    isolated_wallets: Decimal
    entry_cost: Decimal  # of open positions, signed: what they were bought for
    cash: Decimal  # won in money, open lots not valued: wallets − entry cost − deposited

    def __repr__(self) -> str:
        return (
            f"{self.party}: {self.asset} deposited {_money(self.deposited, self.asset)}, cross wallet {_money(self.cross_wallet, self.asset)}, "
            f"isolated {_money(self.isolated_wallets, self.asset)}, cash {_money(self.cash, self.asset)}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Step(Row):
    """What a move of the market set off: its events, and a line that names the liquidations and triggers."""

    hidden: ClassVar[tuple[str, ...]] = ("events",)
    events: np.ndarray
    text: str

    def __repr__(self) -> str:
        return self.text
