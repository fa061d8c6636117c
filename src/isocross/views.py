"""Views: what an exchange looks like at one instant, as typed records in the kernel's integers.

Responsible for: the record types of positions, wallets and open orders, and what follows from one record alone. Must not:
read a table, call the kernel, format for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from .codes import MarginMode, OrderType, PositionSide, Side


@dataclass(frozen=True, slots=True)
class PositionView:
    """One position as it stands. Money × 10^8, prices × 10^8; None where there is no such price."""

    account: int
    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: int
    lots: int
    entry_cost_e8: int
    isolated_wallet_e8: int
    mark_e8: int
    unrealized_pnl_e8: int
    margin_balance_e8: int  # isolated: its own; cross: of the pool
    maintenance_margin_e8: int  # of this position
    pool_maintenance_e8: int  # isolated: its own; cross: of the pool
    margin_held_e8: int  # initial margin (cross), open-order margin (isolated)
    liquidation_mark_e8: int | None
    bankruptcy_mark_e8: int | None

    @property
    def margin_ratio(self) -> float:
        """Maintenance ÷ margin balance of what backs it; ≥ 1 is due."""
        if self.margin_balance_e8 <= 0:
            return float("inf") if self.lots else 0.0
        return self.pool_maintenance_e8 / self.margin_balance_e8


@dataclass(frozen=True, slots=True)
class WalletView:
    """One account in one margin asset, × 10^8."""

    account: int
    asset: str
    cross_wallet_e8: int
    isolated_wallets_e8: int
    unrealized_pnl_e8: int  # cross and isolated
    margin_balance_e8: int  # of the cross pool
    maintenance_margin_e8: int  # of the cross pool
    available_e8: int
    max_withdraw_e8: int

    @property
    def equity_e8(self) -> int:
        """All pockets and all unrealized PnL."""
        return self.cross_wallet_e8 + self.isolated_wallets_e8 + self.unrealized_pnl_e8


@dataclass(frozen=True, slots=True)
class OrderView:
    """One open order."""

    order_id: int
    account: int
    symbol: str
    side: Side
    order_type: OrderType
    price_ticks: int
    trigger_ticks: int
    lots: int
    original_lots: int
    filled_value_e8: int
    is_reduce_only: bool
    is_close_position: bool
