"""Check result: what the checklist answers, as typed records and as plain data with exact decimal text.

Responsible for: the records of a checked order and of an account's contracts, their JSON forms. Must not: compute, print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..answer import Answer, Columns, Shown, exact
from ..rulebook.model import SymbolRules
from ..views import SettingsView
from .aftermath import Aftermath
from .checklist_file import Verdict
from .planned import PlannedOrder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "isocross.check/1"
CONTRACTS_SCHEMA = "isocross.contracts/1"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule says of an order, and why."""

    rule: str  # order, mode, size, stop, funding, exposure, leverage
    verdict: Verdict
    reason: str
    value_e8: int | None = None  # the number that was judged, a share or a multiple × 10^8

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "rule": self.rule,
            "verdict": self.verdict.name.lower(),
            "reason": self.reason,
            "value": exact(self.value_e8),
        }


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult(Answer):
    """A checked order: one result per rule, and the account as it would stand once the order is filled."""

    policy: str
    session: str
    account: int
    aftermath: Aftermath
    settings: SettingsView
    confirmed_by: str | None  # how the margin mode was confirmed in this session
    rules: tuple[RuleResult, ...]

    @property
    def order(self) -> PlannedOrder:
        """As it was understood."""
        return self.aftermath.order

    @property
    def verdict(self) -> Verdict:
        """The hardest of all rules."""
        return max(rule.verdict for rule in self.rules)

    @property
    def is_negative(self) -> bool:
        """Whether the order should not be sent."""
        return self.verdict is Verdict.BLOCK

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not a pass, blocks first."""
        told = sorted((rule for rule in self.rules if rule.verdict is not Verdict.PASS), key=lambda rule: -rule.verdict)
        return tuple(f"{rule.rule}: {rule.reason}" for rule in told)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text, for JSON; `schema` names its version."""
        after, symbol = self.aftermath, self.aftermath.rules
        is_open = after.after.lots != 0
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.name.lower(),
            "policy": self.policy,
            "session": self.session,
            "account": self.account,
            "symbol": symbol.symbol,
            "side": self.order.side.name.lower(),
            "quantity": exact(self.order.lots * symbol.step_e8),
            "price": exact(self.order.price_ticks * symbol.tick_e8) if self.order.price_ticks else None,
            "stop": exact(after.stop_ticks * symbol.tick_e8) if after.stop_ticks is not None else None,
            "is_reduce_only": self.order.is_reduce_only,
            "mode": self.settings.margin_mode.name.lower(),
            "mode_confirmed_by": self.confirmed_by,
            "rules": [rule.to_dict() for rule in self.rules],
            "after": {
                "position": exact(after.after.lots * symbol.step_e8),
                "notional": exact(after.notional_e8),
                "margin_balance": exact(after.after.margin_balance_e8),
                "liquidation_price": exact(after.after.liquidation_mark_e8),
                "loss_at_stop": exact(after.loss_e8) if is_open and after.is_stop_first else None,
                "most_lost": exact(after.stake_e8) if is_open else None,
                "equity": exact(after.wallet_after.equity_e8),
                "available": exact(after.wallet_after.available_e8),
            },
        }

    def columns(self) -> Columns:
        """One row per rule."""
        return {
            "rule": [rule.rule for rule in self.rules],
            "verdict": [rule.verdict.name.lower() for rule in self.rules],
            "reason": [rule.reason for rule in self.rules],
            "value_e8": [rule.value_e8 for rule in self.rules],
        }

    def shown(self) -> Shown:
        """The verdict, a row per rule."""
        from .check_text import shown

        return shown(self)


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract of an account, as it stands. Money and prices × 10^8; None where there is no such number."""

    rules: SymbolRules
    settings: SettingsView
    confirmed_by: str | None
    lots: int  # signed
    notional_e8: int
    effective_leverage_e8: int | None
    liquidation_e8: int | None
    stop_ticks: int | None
    worst_loss_e8: int | None  # of an open position: what backs it; cross: the whole pool
    order_count: int

    @property
    def mode_is(self) -> str:
        """Whose choice the margin mode is."""
        return "venue default" if self.settings.margin_mode_sequence is None else "set by you"

    @property
    def leverage_is(self) -> str:
        """Whose choice the leverage is."""
        return "venue default" if self.settings.leverage_sequence is None else "set by you"

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text, null for none."""
        return {
            "symbol": self.rules.symbol,
            "mode": self.settings.margin_mode.name.lower(),
            "mode_is": self.mode_is,
            "mode_confirmed_by": self.confirmed_by,
            "leverage": self.settings.leverage,
            "leverage_is": self.leverage_is,
            "position": exact(self.lots * self.rules.step_e8),
            "notional": exact(self.notional_e8),
            "effective_leverage": exact(self.effective_leverage_e8),
            "liquidation_price": exact(self.liquidation_e8),
            "stop": exact(self.stop_ticks * self.rules.tick_e8) if self.stop_ticks is not None else None,
            "worst_loss": exact(self.worst_loss_e8),
            "open_orders": self.order_count,
        }


@dataclass(frozen=True, slots=True)
class Pool:
    """The cross pool of one margin asset."""

    asset: str
    equity_e8: int  # with the isolated positions
    balance_e8: int  # of the pool
    notional_e8: int  # of its positions
    position_count: int

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text."""
        return {
            "asset": self.asset,
            "equity": exact(self.equity_e8),
            "balance": exact(self.balance_e8),
            "notional": exact(self.notional_e8),
            "positions": self.position_count,
        }


@dataclass(frozen=True, slots=True, repr=False)
class ContractsResult(Answer):
    """Every contract of an account on one screen."""

    rulebook: str
    session: str
    account: int
    time_ms: int
    contracts: tuple[Contract, ...]
    pools: tuple[Pool, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text, for JSON; `schema` names its version."""
        return {
            "schema": CONTRACTS_SCHEMA,
            "rulebook": self.rulebook,
            "session": self.session,
            "account": self.account,
            "time_ms": self.time_ms,
            "contracts": [contract.to_dict() for contract in self.contracts],
            "pools": [pool.to_dict() for pool in self.pools],
        }

    def columns(self) -> Columns:
        """One row per contract."""
        there = self.contracts
        return {
            "symbol": [one.rules.symbol for one in there],
            "mode": [one.settings.margin_mode.name.lower() for one in there],
            "mode_is": [one.mode_is for one in there],
            "leverage": [one.settings.leverage for one in there],
            "leverage_is": [one.leverage_is for one in there],
            "position_e8": [one.lots * one.rules.step_e8 for one in there],
            "notional_e8": [one.notional_e8 for one in there],
            "effective_leverage_e8": [one.effective_leverage_e8 for one in there],
            "liquidation_price_e8": [one.liquidation_e8 for one in there],
            "worst_loss_e8": [one.worst_loss_e8 for one in there],
            "open_orders": [one.order_count for one in there],
        }

    def shown(self) -> Shown:
        """A row per contract, a sentence per pool."""
        from .check_text import contracts_shown

        return contracts_shown(self)

    def plot(self) -> Figure:
        """The table as a picture."""
        from ..answer.figure import table_figure

        return table_figure(self.shown())
