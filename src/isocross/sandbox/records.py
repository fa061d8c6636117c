"""Records: what a Sandbox hands back: exact decimals, one line as text, a table in a notebook.

Responsible for: the records, their text and HTML, integers to decimals. Must not: ask the exchange anything.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

import numpy as np

from ..rulebook import SymbolRules
from ..units import ONE_E8, format_e8, format_money, to_e8
from ..views import OrderView, PositionView, WalletView

_CELL_STYLE = "style='text-align:right;padding:2px 8px'"


def decimal(value_e8: int) -> Decimal:
    return Decimal(format_e8(value_e8))


def _optional(value_e8: int | None) -> Decimal | None:
    return None if value_e8 is None else decimal(value_e8)


def rounded_price(cost_e8: int, quantity_e8: int) -> Decimal | None:
    """cost ÷ quantity, to the nearest 10^-8; None for no quantity."""
    return decimal(round(Fraction(abs(cost_e8) * ONE_E8, abs(quantity_e8)))) if quantity_e8 else None


def _text(value: object) -> str:
    """A cell for people: decimals plain, nothing as a dash."""
    if value is None:
        return "–"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _money(value: Decimal) -> str:
    return format_money(to_e8(value))


def _html(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """An HTML table; every cell is escaped."""

    def cells(tag: str, texts: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag} {_CELL_STYLE}>{html.escape(text)}</{tag}>" for text in texts) + "</tr>"

    return "<table>" + cells("th", head) + "".join(cells("td", row) for row in rows) + "</table>"


class _Row:
    """A record that shows itself."""

    def _cells(self) -> dict[str, str]:
        shown = [one.name for one in fields(self) if one.name != "events"]  # type: ignore[arg-type]
        return {name: _text(getattr(self, name)) for name in shown}

    def _repr_html_(self) -> str:
        cells = self._cells()
        return _html(cells, [cells.values()])


_R = TypeVar("_R", bound=_Row)


class Rows(tuple[_R, ...]):
    """Records one below the other."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "none"

    def _repr_html_(self) -> str:
        return _html(self[0]._cells(), [row._cells().values() for row in self]) if self else "none"


@dataclass(frozen=True, slots=True, repr=False)
class Position(_Row):
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
    liquidation_price: Decimal | None
    bankruptcy_price: Decimal | None

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
            entry_price=rounded_price(view.entry_cost_e8, quantity_e8),
            entry_cost=decimal(view.entry_cost_e8),
            mark=decimal(view.mark_e8),
            unrealized_pnl=decimal(view.unrealized_pnl_e8),
            isolated_wallet=decimal(view.isolated_wallet_e8),
            margin_balance=decimal(view.margin_balance_e8),
            maintenance_margin=decimal(view.pool_maintenance_e8),
            margin_held=decimal(view.margin_held_e8),
            liquidation_price=_optional(view.liquidation_mark_e8),
            bankruptcy_price=_optional(view.bankruptcy_mark_e8),
        )

    def __repr__(self) -> str:
        if not self.quantity:
            return f"{self.symbol} flat, {self.mode} {self.leverage}x"
        return (
            f"{self.symbol} {self.side} {abs(self.quantity):f} @ {_text(self.entry_price)} "
            f"{self.mode} {self.leverage}x, mark {self.mark:f}, unrealized {_money(self.unrealized_pnl)}, "
            f"liquidation at {_text(self.liquidation_price)}, bankruptcy at {_text(self.bankruptcy_price)}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Order(_Row):
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
        )

    def __repr__(self) -> str:
        what = f"{self.quantity:f}" if self.quantity is not None else "all of the position in"
        at = f"at {_text(self.price)}"
        if self.trigger_price is not None:
            at = f"at market when mark reaches {self.trigger_price:f}"
        return f"#{self.order_id} {self.order_type}: {self.side} {what} {self.symbol} {at}"


@dataclass(frozen=True, slots=True, repr=False)
class Wallet(_Row):
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
            f"{self.asset}: equity {_money(self.equity)}, cross wallet {_money(self.cross_wallet)}, "
            f"isolated {_money(self.isolated_wallets)}, available {_money(self.available)}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class OrderResult(_Row):
    """What became of one order at once."""

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
class Balance(_Row):
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
            f"{self.party}: {self.asset} deposited {_money(self.deposited)}, cross wallet {_money(self.cross_wallet)}, "
            f"isolated {_money(self.isolated_wallets)}, cash {_money(self.cash)}"
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What a move of the market set off: its events, and a line that names the liquidations and triggers."""

    events: np.ndarray
    text: str

    def __repr__(self) -> str:
        return self.text
