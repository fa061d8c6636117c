"""A small rulebook for the tests of `liq`: two contracts with brackets that are easy to reckon with.

Must not: follow the shipped rulebook: numbers in these tests are worked out by hand against the brackets below.
"""

from dataclasses import replace

from isocross.codes import (
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
from isocross.rulebook.model import Bracket, Rulebook, SymbolRules
from isocross.units import to_e8, to_rate_e8


def bracket(floor: str, cap: str, rate: str, deduction: str, leverage_max: int) -> Bracket:
    return Bracket(to_e8(floor), to_rate_e8(rate), to_e8(deduction), leverage_max, to_e8(cap))


BRACKETS = (
    bracket("0", "50_000", "0.4%", "0", 125),
    bracket("50_000", "600_000", "0.5%", "50", 100),
    bracket("600_000", "3_000_000", "1%", "3_050", 75),
    bracket("3_000_000", "12_000_000", "2.5%", "48_050", 50),
)

BTC = SymbolRules(
    symbol="BTCUSDT",
    base_asset="BTC",
    margin_asset="USDT",
    contract_kind=ContractKind.LINEAR,
    tick_e8=to_e8("0.1"),
    step_e8=to_e8("0.001"),
    price_max_e8=to_e8("1_000_000"),
    min_notional_e8=to_e8("100"),
    maker_fee_rate_e8=to_rate_e8("0.02%"),
    taker_fee_rate_e8=to_rate_e8("0.05%"),
    liquidation_fee_rate_e8=to_rate_e8("1.25%"),
    market_bound_rate_e8=to_rate_e8("5%"),
    funding_interval_hours=8,
    funding_cap_rate_e8=to_rate_e8("0.3%"),
    funding_floor_rate_e8=-to_rate_e8("0.3%"),
    interest_rate_e8=to_rate_e8("0.01%"),
    impact_notional_e8=to_e8("25_000"),
    brackets=BRACKETS,
)
ETH = replace(BTC, symbol="ETHUSDT", base_asset="ETH", tick_e8=to_e8("0.01"), min_notional_e8=to_e8("20"))
SOL_USDC = replace(BTC, symbol="SOLUSDC", base_asset="SOL", margin_asset="USDC")

BOOK = Rulebook(
    name="by-hand",
    venue="a venue",
    as_of="2025-01-01",
    sources=(),
    margin_assets=("USDT", "USDC"),
    default_margin_mode=MarginMode.CROSS,
    default_leverage=20,
    leverage_max=125,
    margin_call_ratio_e8=to_rate_e8("80%"),
    isolated_fill_basis=IsolatedFillBasis.MARK,
    isolated_funding_source=IsolatedFundingSource.ISOLATED_WALLET,
    fee_basis=FeeBasis.FILL_VALUE,
    liquidation_ladder=LiquidationLadder.ONE_ORDER,
    cross_liquidation_order=CrossLiquidationOrder.LARGEST_MAINTENANCE,
    liquidation_pays_trading_fee=False,
    remainder_to=RemainderTo.ACCOUNT,
    adl_ranking=AdlRanking.PNL_TIMES_MARGIN_RATIO,
    symbols={rules.symbol: rules for rules in (BTC, ETH, SOL_USDC)},
    decisions=frozenset({"isolated_fill_basis", "adl_ranking"}),
)
