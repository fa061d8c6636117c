"""Model: what a rulebook is once it is loaded: typed columns in the kernel's integers.

Responsible for: the record types and their consistency checks. Must not: read a file, compute a margin, know a venue.
A column whose value the venue does not document is listed in `decisions` by its name: results that rest on it say so.
A column's name is that of the field here without `_e8`; it is also the key in a rulebook file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from ..codes import (
    AdlRanking,
    ContractKind,
    CrossLiquidationOrder,
    FeeBasis,
    FundingPrice,
    IsolatedFillBasis,
    IsolatedFundingSource,
    LiquidationLadder,
    MarginMode,
    MarkPrice,
    RemainderTo,
    TimeInForce,
)
from ..limits import NOTIONAL_MAX_E8, ORDERS_PER_SYMBOL_MAX, QUANTITY_MAX_E8
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
    step_e8: int  # quantity grid × 10^8, in base units; of an inverse contract in quote units: the face value of a contract
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
    price_min_e8: int = 1  # lowest order price and mark; of an inverse contract, which is worth most there
    trigger_protect_rate_e8: int = ONE_E8  # how far last may be from mark for a price-protected trigger to fire
    band_up_rate_e8: int = 0  # how far above the mark a buy's limit price may lie; 0: no such filter
    band_down_rate_e8: int = 0  # how far below the mark a sale's
    order_quantity_max_e8: int = 0  # of one limit order; 0: as much as a position may be
    market_quantity_max_e8: int = 0  # of one market order that is not reduce-only
    orders_max: int = ORDERS_PER_SYMBOL_MAX  # resting orders of one account
    conditional_orders_max: int = ORDERS_PER_SYMBOL_MAX  # sleeping ones
    is_template: bool = False  # made from a named template, not from the venue's own row
    decisions: frozenset[str] = frozenset()  # columns held by decision, not by a source
    notes: tuple[str, ...] = ()  # what the loader changed, e.g. a clamped cap

    @property
    def tick_value_e8(self) -> int:
        """What one lot is worth × 10^8 at a price of one tick: exact, checked at load."""
        if self.is_inverse:
            return self.step_e8 * ONE_E8 // self.tick_e8
        return self.tick_e8 * self.step_e8 // ONE_E8

    @property
    def is_inverse(self) -> bool:
        """Whether a lot is a sum of quote money, and worth so much of the coin that it is margined in."""
        return self.contract_kind == ContractKind.INVERSE

    @property
    def price_min_ticks(self) -> int:
        """Lowest order price in ticks."""
        return max(1, self.price_min_e8 // self.tick_e8)

    @property
    def price_max_ticks(self) -> int:
        """Highest order price in ticks."""
        return self.price_max_e8 // self.tick_e8

    @property
    def lot_value_max_e8(self) -> int:
        """What one lot is worth × 10^8 at the price where it is worth most: exact, checked at load."""
        if self.is_inverse:
            return self.tick_value_e8 // self.price_min_ticks
        return self.price_max_ticks * self.tick_value_e8

    @property
    def lots_max(self) -> int:
        """Most lots of one position or order: its notional stays within limits.py at every price that there may be."""
        return min(NOTIONAL_MAX_E8 // self.lot_value_max_e8, QUANTITY_MAX_E8 // self.step_e8)

    @property
    def order_lots_max(self) -> int:
        """Most lots of one limit order."""
        return min(self.lots_max, self.order_quantity_max_e8 // self.step_e8) if self.order_quantity_max_e8 else self.lots_max

    @property
    def market_lots_max(self) -> int:
        """Most lots of one market order that is not reduce-only."""
        return min(self.lots_max, self.market_quantity_max_e8 // self.step_e8) if self.market_quantity_max_e8 else self.lots_max

    @property
    def quote_asset(self) -> str:
        """What the price is in: 'USDT', and of BTCUSD_PERP 'USD'."""
        return self.symbol.removeprefix(self.base_asset).partition("_")[0]

    @property
    def quantity_asset(self) -> str:
        """What a quantity counts: the base asset, or of an inverse contract the quote money of its face value."""
        return self.quote_asset if self.is_inverse else self.base_asset

    def unfiltered(self) -> SymbolRules:
        """The same contract without the filters of an order (formulas.md, F33): where it is asked what a position is, however many orders make it."""
        return replace(
            self,
            band_up_rate_e8=0,
            band_down_rate_e8=0,
            order_quantity_max_e8=0,
            market_quantity_max_e8=0,
            orders_max=ORDERS_PER_SYMBOL_MAX,
            conditional_orders_max=ORDERS_PER_SYMBOL_MAX,
        )

    @property
    def unified(self) -> str:
        """The name bots use: 'BTC/USDT:USDT'."""
        return f"{self.base_asset}/{self.quote_asset}:{self.margin_asset}"

    def value_e8(self, lots: int, price_e8: int) -> Fraction:
        """What |lots| are worth × 10^8 at a price × 10^8, unrounded; what a margin or a fee rests on is kernel/margin.py's."""
        quantity_e8 = abs(lots) * self.step_e8
        if self.is_inverse:
            return Fraction(quantity_e8 * ONE_E8, price_e8)
        return Fraction(quantity_e8 * price_e8, ONE_E8)

    def average_price_e8(self, value_e8: int, lots: int) -> Fraction:
        """The price × 10^8 at which so many lots (≠ 0) are worth |value| (≠ 0 of an inverse contract), unrounded."""
        quantity_e8 = abs(lots) * self.step_e8
        if self.is_inverse:
            return Fraction(quantity_e8 * ONE_E8, abs(value_e8))
        return Fraction(abs(value_e8) * ONE_E8, quantity_e8)


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
    # The defaults of these change nothing; a rulebook file says them all the same.
    funding_price: FundingPrice = FundingPrice.MARK
    mark_price: MarkPrice = MarkPrice.INDEX  # where no recorded mark is given
    ladder_tiers: int = 1  # TIERS: how many brackets one step goes down
    liquidation_time_in_force: TimeInForce = TimeInForce.IOC  # or FOK: of an order for a part of a position
    partial_threshold_e8: int = 0  # TWENTY_PERCENT_AND_WAIT: the largest notional that is closed whole,
    partial_share_e8: int = ONE_E8  # the share of a larger one that its order is for,
    partial_cooldown_seconds: int = 0  # and how long after that the account's orders are for all
    takeover_ratio_e8: int = ONE_E8  # of maintenance: below it a due pocket is taken over, else it waits for the book; 100 %: always taken over
    fund_unwind_share_e8: int = 0  # of the depth within the band, that one order of the insurance fund is for; 0: it keeps what it has
    fund_unwind_band_e8: int = 0  # how far from the mark
    templates: dict[str, SymbolRules] = field(default_factory=dict)
    decisions: frozenset[str] = frozenset()
    facts: dict[str, str] = field(default_factory=dict)  # column, or SYMBOL.column → id of its source
    decision_reasons: dict[str, str] = field(default_factory=dict)  # the same → why it was decided so
    notes: tuple[str, ...] = ()  # what the loader changed
    content_hash: str = ""  # sha256 of what was loaded; journals and snapshots carry it
