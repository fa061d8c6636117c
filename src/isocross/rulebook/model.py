"""Model: what a rulebook is once it is loaded: typed columns in the kernel's integers.

Responsible for: the record types and their consistency checks. Must not: read a file, compute a margin, know a venue.
A column whose value the venue does not document is listed in `decisions` by its name: results that rest on it say so.
A column's name is that of the field here without `_e8`; it is also the key in a rulebook file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..codes import (
    AdlRanking,
    ContractKind,
    CrossLiquidationOrder,
    FeeBasis,
    IsolatedFillBasis,
    IsolatedFundingSource,
    LiquidationLadder,
    MarginMode,
    RemainderTo,
)
from ..limits import NOTIONAL_MAX_E8, QUANTITY_MAX_E8
from ..units import ONE_E8


@dataclass(frozen=True, slots=True)
class Bracket:
    """One notional range of a symbol: floor inclusive; maintenance = notional × rate − deduction (× 10^8)."""

    floor_e8: int
    rate_e8: int
    deduction_e8: int
    leverage_max: int
    cap_e8: int  # upper end, exclusive; the last bracket's cap is the largest notional of the symbol


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """Everything the exchange knows about one contract. Prices, money and rates × 10^8."""

    symbol: str  # "BTCUSDT"
    base_asset: str
    margin_asset: str
    contract_kind: ContractKind
    tick_e8: int  # order price grid
    step_e8: int  # quantity grid, in base units × 10^8
    price_max_e8: int  # highest order price and mark
    min_notional_e8: int
    maker_fee_rate_e8: int
    taker_fee_rate_e8: int
    liquidation_fee_rate_e8: int
    market_bound_rate_e8: int  # how far from mark a market order may trade
    funding_interval_hours: int
    funding_cap_rate_e8: int  # per settlement
    funding_floor_rate_e8: int  # per settlement, ≤ 0
    interest_rate_e8: int  # per 8 hours
    impact_notional_e8: int  # margin notional of the premium index' impact prices
    brackets: tuple[Bracket, ...]
    is_template: bool = False  # made from a named template, not from the venue's own row
    decisions: frozenset[str] = frozenset()  # columns held by decision, not by a source
    notes: tuple[str, ...] = ()  # what the loader changed, e.g. a clamped cap

    @property
    def tick_value_e8(self) -> int:
        """Money × 10^8 that one tick × one lot is worth: exact, checked at load."""
        return self.tick_e8 * self.step_e8 // ONE_E8

    @property
    def price_max_ticks(self) -> int:
        """Highest order price in ticks."""
        return self.price_max_e8 // self.tick_e8

    @property
    def lots_max(self) -> int:
        """Most lots of one position or order: its notional stays within limits.py at every price up to `price_max`."""
        by_notional = NOTIONAL_MAX_E8 * ONE_E8 // (self.price_max_e8 * self.step_e8)
        return min(by_notional, QUANTITY_MAX_E8 // self.step_e8)

    @property
    def unified(self) -> str:
        """The name bots use: 'BTC/USDT:USDT'."""
        quote = self.symbol.removeprefix(self.base_asset)
        return f"{self.base_asset}/{quote}:{self.margin_asset}"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A venue's rules: account-wide columns and one SymbolRules per contract."""

    name: str
    venue: str
    as_of: str  # ISO date of the facts
    sources: tuple[str, ...]
    margin_assets: tuple[str, ...]
    default_margin_mode: MarginMode
    default_leverage: int
    leverage_max: int
    margin_call_ratio_e8: int
    isolated_fill_basis: IsolatedFillBasis
    isolated_funding_source: IsolatedFundingSource
    fee_basis: FeeBasis
    liquidation_ladder: LiquidationLadder
    cross_liquidation_order: CrossLiquidationOrder
    liquidation_pays_trading_fee: bool
    remainder_to: RemainderTo
    adl_ranking: AdlRanking
    symbols: dict[str, SymbolRules]
    templates: dict[str, SymbolRules] = field(default_factory=dict)
    decisions: frozenset[str] = frozenset()
    facts: dict[str, str] = field(default_factory=dict)  # column, or SYMBOL.column → id of its source
    decision_reasons: dict[str, str] = field(default_factory=dict)  # the same → why it was decided so
    notes: tuple[str, ...] = ()  # what the loader changed
    content_hash: str = ""  # sha256 of what was loaded; journals and snapshots carry it
