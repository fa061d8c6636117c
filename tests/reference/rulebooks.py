"""Rulebooks of the reference tests, in code, so that they depend on no loader.

Responsible for: one like the default rulebook with low bracket floors, one whose every column differs. Must not: be sourced.
"""

from __future__ import annotations

from dataclasses import replace

from isocross.codes import (
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
from isocross.rulebook.model import Bracket, Rulebook, SymbolRules

ONE = 10**8


def e8(text: str) -> int:
    """'0.001' → 100_000."""
    whole, _, part = text.partition(".")
    assert len(part) <= 8
    return int(whole + part.ljust(8, "0"))


def brackets(rows: list[tuple[str, str, int]], top: str) -> tuple[Bracket, ...]:
    """(floor, rate, leverage) per bracket; the deductions follow by the recurrence of F5."""
    table, deduction, last_rate = [], 0, e8(rows[0][1])
    for number, (floor, rate, leverage) in enumerate(rows):
        step = e8(floor) * (e8(rate) - last_rate)
        assert step % ONE == 0
        deduction, last_rate = deduction + step // ONE, e8(rate)
        cap = e8(rows[number + 1][0] if number + 1 < len(rows) else top)
        table.append(Bracket(e8(floor), e8(rate), deduction, leverage, cap))
    return tuple(table)


def symbol(
    name: str, base: str, asset: str, tick: str, step: str, price_max: str, min_notional: str, fees: tuple[str, str, str],
    bound: str, rows: list[tuple[str, str, int]], top: str, price_min: str = "",
) -> SymbolRules:
    return SymbolRules(
        symbol=name, base_asset=base, margin_asset=asset, contract_kind=ContractKind.INVERSE if price_min else ContractKind.LINEAR, tick_e8=e8(tick),
        step_e8=e8(step), price_max_e8=e8(price_max), min_notional_e8=e8(min_notional), maker_fee_rate_e8=e8(fees[0]),
        taker_fee_rate_e8=e8(fees[1]), liquidation_fee_rate_e8=e8(fees[2]), market_bound_rate_e8=e8(bound), trigger_protect_rate_e8=e8("0.004"),
        funding_interval_hours=8, funding_cap_rate_e8=e8("0.02"), funding_floor_rate_e8=-e8("0.02"),
        interest_rate_e8=e8("0.0001"), impact_notional_e8=e8("0.3" if asset == "BTC" else "300"), brackets=brackets(rows, top),
        price_min_e8=e8(price_min) if price_min else 1,
    )


def like_binance() -> Rulebook:
    """Cross by default; a fee rate below, between and above the bracket rates; a coarse and a very fine lot."""
    symbols = [
        symbol(
            "BTCUSDT", "BTC", "USDT", "0.1", "0.001", "400000", "5", ("0.0002", "0.0005", "0.0125"), "0.05",
            [("0", "0.004", 125), ("50000", "0.005", 100), ("250000", "0.01", 50), ("1000000", "0.025", 20),
             ("4000000", "0.05", 10), ("10000000", "0.125", 4)], "80000000",
        ),
        symbol(
            "DOGEUSDT", "DOGE", "USDT", "0.00001", "1", "100", "5", ("0.0002", "0.0005", "0.003"), "0.1",
            [("0", "0.01", 75), ("5000", "0.02", 25), ("60000", "0.05", 10), ("400000", "0.15", 3)], "2000000",
        ),
        symbol(
            "DUSTUSDC", "DUST", "USDC", "0.0001", "0.0001", "50", "1", ("0", "0.00033333", "0.005"), "0.15",
            [("0", "0.0125", 40), ("1000", "0.03", 15), ("20000", "0.1", 5)], "300000",
        ),
    ]
    return Rulebook(
        name="like-binance", venue="made up", as_of="2020-01-01", sources=(), margin_assets=("USDT", "USDC"),
        default_margin_mode=MarginMode.CROSS, default_leverage=20, leverage_max=125, margin_call_ratio_e8=e8("0.8"),
        isolated_fill_basis=IsolatedFillBasis.MARK, isolated_funding_source=IsolatedFundingSource.ISOLATED_WALLET,
        fee_basis=FeeBasis.FILL_VALUE, liquidation_ladder=LiquidationLadder.ONE_ORDER,
        cross_liquidation_order=CrossLiquidationOrder.LARGEST_MAINTENANCE, liquidation_pays_trading_fee=False,
        remainder_to=RemainderTo.ACCOUNT, adl_ranking=AdlRanking.PNL_TIMES_MARGIN_RATIO,
        symbols={rules.symbol: rules for rules in symbols},
    )


def opposite() -> Rulebook:
    """Every column the other way; two symbols of one asset, with different fees."""
    symbols = [
        symbol(
            "AAAUSD", "AAA", "USD", "0.5", "0.02", "200000", "7", ("0.0007", "0.0011", "0.009"), "0.08",
            [("0", "0.011", 40), ("30000", "0.017", 22), ("450000", "0.04", 9), ("2000000", "0.11", 4)], "9000000",
        ),
        symbol(
            "BBBEUR", "BBB", "EUR", "0.025", "0.5", "30000", "11", ("0.0007", "0.0011", "0.021"), "0.12",
            [("0", "0.023", 20), ("10000", "0.031", 15), ("200000", "0.07", 6)], "1500000",
        ),
        symbol(
            "CCCUSD", "CCC", "USD", "0.0002", "50", "40", "3", ("0.0003", "0.0009", "0.03"), "0.25",
            [("0", "0.05", 8)], "250000",
        ),
    ]
    symbols[0] = replace(
        symbols[0], band_up_rate_e8=e8("0.05"), band_down_rate_e8=e8("0.033"), order_quantity_max_e8=e8("25"),
        market_quantity_max_e8=e8("9.99"), orders_max=40, conditional_orders_max=30,
    )
    return Rulebook(
        name="opposite", venue="made up", as_of="2020-01-01", sources=(), margin_assets=("USD", "EUR"),
        default_margin_mode=MarginMode.ISOLATED, default_leverage=3, leverage_max=40, margin_call_ratio_e8=e8("0.65"),
        isolated_fill_basis=IsolatedFillBasis.FILL, isolated_funding_source=IsolatedFundingSource.CROSS_WALLET_FIRST,
        fee_basis=FeeBasis.MARK_VALUE, liquidation_ladder=LiquidationLadder.ALL,
        cross_liquidation_order=CrossLiquidationOrder.LARGEST_LOSS, liquidation_pays_trading_fee=True,
        remainder_to=RemainderTo.INSURANCE_FUND, adl_ranking=AdlRanking.PNL_TIMES_LEVERAGE,
        symbols={rules.symbol: rules for rules in symbols}, funding_price=FundingPrice.INDEX, mark_price=MarkPrice.MEDIAN,
        takeover_ratio_e8=e8("0.4"), fund_unwind_share_e8=e8("0.12"), fund_unwind_band_e8=e8("0.03"),
    )


def like_bybit() -> Rulebook:
    """Tier by tier, each step filled at once or not at all; the fund keeps what is left of an isolated margin."""
    return replace(
        like_binance(), name="like-bybit", isolated_funding_source=IsolatedFundingSource.CROSS_WALLET_FIRST,
        liquidation_ladder=LiquidationLadder.TIERS, liquidation_time_in_force=TimeInForce.FOK,
        remainder_to=RemainderTo.INSURANCE_FUND, adl_ranking=AdlRanking.PNL_TIMES_LEVERAGE,
    )


def two_tiers() -> Rulebook:
    """Two tiers at a time, with what there is; everyone gives by the size of his position."""
    return replace(
        like_binance(), name="two-tiers", liquidation_ladder=LiquidationLadder.TIERS, ladder_tiers=2,
        cross_liquidation_order=CrossLiquidationOrder.LARGEST_NOTIONAL, adl_ranking=AdlRanking.PRO_RATA,
        fund_unwind_share_e8=ONE, fund_unwind_band_e8=e8("0.1"), mark_price=MarkPrice.MEDIAN,
    )


def like_hyperliquid() -> Rulebook:
    """A share of what is large, then a while for all; a backstop below two thirds of maintenance."""
    return replace(
        like_binance(), name="like-hyperliquid", liquidation_ladder=LiquidationLadder.TWENTY_PERCENT_AND_WAIT,
        partial_threshold_e8=e8("2000"), partial_share_e8=e8("0.2"), partial_cooldown_seconds=3,
        takeover_ratio_e8=e8("0.66666667"), funding_price=FundingPrice.INDEX, adl_ranking=AdlRanking.NONE,
    )


def coins() -> Rulebook:
    """Two inverse contracts, of 100 and of 1, and a linear one, all margined in one coin."""
    symbols = [
        symbol(
            "BTCUSD", "BTC", "BTC", "0.1", "100", "400000", "0", ("0.0001", "0.0005", "0.015"), "0.05",
            [("0", "0.004", 125), ("5", "0.005", 100), ("10", "0.01", 50), ("20", "0.025", 20), ("50", "0.05", 10), ("100", "0.1", 5)],
            "2000", "100",
        ),
        symbol(
            "BTCEUR", "BTC", "BTC", "0.5", "1", "300000", "0.0001", ("0", "0.00033333", "0.003"), "0.1",
            [("0", "0.01", 75), ("0.2", "0.02", 25), ("2.5", "0.05", 10), ("15", "0.15", 3)], "100", "50",
        ),
        symbol(
            "ETHBTC", "ETH", "BTC", "0.00001", "0.01", "10", "0.0001", ("0.0002", "0.0005", "0.005"), "0.1",
            [("0", "0.01", 50), ("1", "0.02", 25), ("20", "0.05", 10), ("100", "0.15", 3)], "1000",
        ),
    ]
    return replace(
        like_binance(), name="coins", margin_assets=("BTC",), default_leverage=5, symbols={rules.symbol: rules for rules in symbols}
    )


def opposite_coins() -> Rulebook:
    """The same with every column the other way."""
    return replace(
        opposite(), name="opposite-coins", margin_assets=("BTC",), default_leverage=5, leverage_max=125, symbols=coins().symbols,
        adl_ranking=AdlRanking.PNL_TIMES_MARGIN_RATIO, liquidation_ladder=LiquidationLadder.TIERS,
    )


RULEBOOKS = {
    "like-binance": like_binance, "opposite": opposite, "like-bybit": like_bybit, "two-tiers": two_tiers,
    "like-hyperliquid": like_hyperliquid, "coins": coins, "opposite-coins": opposite_coins,
}
TYPICAL_PRICES = {"BTCUSDT": "40000", "DOGEUSDT": "0.12", "DUSTUSDC": "1.7", "AAAUSD": "9000", "BBBEUR": "250", "CCCUSD": "1.5",
                  "BTCEUR": "36000", "BTCUSD": "40000", "ETHBTC": "0.05"}
