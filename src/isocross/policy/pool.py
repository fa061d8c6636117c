"""Pool: the cross positions that share one wallet, and what that wallet has left for a new trade.

Responsible for: profit, maintenance and initial margin of the positions of a pool, what is available for an order
and for an isolated wallet (formulas.md F14). Every number is a sum of kernel/margin.py's answers.
Must not: know the trade that is asked about, parse text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..answer import exact
from ..kernel import margin
from ..rulebook.model import SymbolRules


@dataclass(frozen=True, slots=True)
class PoolPosition:
    """One cross position of the pool, valued at its own mark."""

    rules: SymbolRules
    lots: int  # signed: long > 0
    entry_e8: int  # as it was said: the average entry, finer than a tick allowed
    entry_cost_e8: int  # signed like lots
    mark_e8: int
    leverage: int

    @property
    def quantity_e8(self) -> int:
        """Base units × 10^8, ≥ 0."""
        return abs(self.lots) * self.rules.step_e8

    @property
    def side(self) -> str:
        """'long' or 'short'."""
        return "long" if self.lots > 0 else "short"

    @property
    def unrealized_pnl_e8(self) -> int:
        """At its mark."""
        rules = self.rules
        return int(
            margin.unrealized_pnl_e8(rules.contract_kind, self.lots, rules.step_e8, self.entry_cost_e8, self.mark_e8)
        )

    @property
    def notional_e8(self) -> int:
        """At its mark, rounded up."""
        return int(margin.notional_e8(self.rules.contract_kind, self.lots, self.rules.step_e8, self.mark_e8))

    @property
    def maintenance_margin_e8(self) -> int:
        """At its mark."""
        brackets = self.rules.brackets
        return int(margin.maintenance_margin_e8(self.notional_e8, brackets, 0, len(brackets)))

    @property
    def initial_margin_e8(self) -> int:
        """At its mark and leverage."""
        return int(margin.initial_margin_e8(self.notional_e8, self.leverage))

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text."""
        return {
            "symbol": self.rules.symbol,
            "side": self.side,
            "quantity": exact(self.quantity_e8),
            "entry_price": exact(self.entry_e8),
            "mark_price": exact(self.mark_e8),
            "leverage": self.leverage,
            "unrealized_pnl": exact(self.unrealized_pnl_e8),
            "maintenance_margin": exact(self.maintenance_margin_e8),
        }


def unrealized_pnl_e8(positions: Sequence[PoolPosition]) -> int:
    """Σ of the pool's unrealized PnL."""
    return sum(position.unrealized_pnl_e8 for position in positions)


def maintenance_margin_e8(positions: Sequence[PoolPosition]) -> int:
    """Σ of the pool's maintenance margins."""
    return sum(position.maintenance_margin_e8 for position in positions)


def initial_margin_e8(positions: Sequence[PoolPosition]) -> int:
    """Σ of the pool's initial margins."""
    return sum(position.initial_margin_e8 for position in positions)


def available_e8(wallet_e8: int, positions: Sequence[PoolPosition]) -> int:
    """What a new order may ask for: max(0, cross wallet + Σ uPnL − Σ initial margin), without open orders."""
    return max(0, wallet_e8 + unrealized_pnl_e8(positions) - initial_margin_e8(positions))


def isolated_limit_e8(wallet_e8: int, positions: Sequence[PoolPosition]) -> int:
    """What may go into an isolated wallet, its fee included: min(available, cross wallet − Σ maintenance)."""
    return min(available_e8(wallet_e8, positions), wallet_e8 - maintenance_margin_e8(positions))
