"""Listing: what a client is told of the contracts before it trades, from the rulebook.

Responsible for: exchangeInfo, leverage brackets, commission and funding terms of each symbol. Must not: compute a margin, hold
a number of its own beyond what the wire asks for and no rulebook has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...codes import OrderType, SymbolStatus, TimeInForce
from ...rulebook import SymbolRules
from ...units import ONE_E8, format_e8
from .limits import ORDERS_1M_MAX, ORDERS_10S_MAX, WEIGHT_1M_MAX
from .numbers import SymbolNumbers, fixed, money, numbers_of
from .words import SYMBOL_STATUS

DELIVERY_NEVER_MS = 4_133_404_800_000
ASSET_DECIMALS = 8
NO_BAND_UP_E8 = 1_000 * ONE_E8  # how a contract without a price band is told: clients expect the filter
RATE_LIMITS: list[dict[str, Any]] = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_1M_MAX},
    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": ORDERS_1M_MAX},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_10S_MAX},
]
TIMES_IN_FORCE = [
    kind.name for kind in (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX, TimeInForce.GTD)
]


def exchange_info(
    rules: Sequence[SymbolRules], statuses: list[SymbolStatus], assets: tuple[str, ...], time_ms: int, onboard_ms: int
) -> dict[str, Any]:
    """GET exchangeInfo. `onboard_ms`: since when there are candles."""
    return {
        "timezone": "UTC",
        "serverTime": time_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": RATE_LIMITS,
        "exchangeFilters": [],
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"} for asset in assets],
        "symbols": [_symbol(one, status, onboard_ms) for one, status in zip(rules, statuses, strict=True)],
    }


def _symbol(rules: SymbolRules, status: SymbolStatus, onboard_ms: int) -> dict[str, Any]:
    numbers = numbers_of(rules)
    first = rules.brackets[0]
    return {
        "symbol": rules.symbol,
        "pair": rules.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": DELIVERY_NEVER_MS,
        "onboardDate": onboard_ms,
        "status": SYMBOL_STATUS[status],
        "maintMarginPercent": fixed(first.rate_e8 * 100, 4),
        "requiredMarginPercent": fixed(100 * ONE_E8 // first.leverage_max, 4),
        "baseAsset": rules.base_asset,
        "quoteAsset": rules.margin_asset,
        "marginAsset": rules.margin_asset,
        "pricePrecision": numbers.price_decimals,
        "quantityPrecision": numbers.quantity_decimals,
        "baseAssetPrecision": ASSET_DECIMALS,
        "quotePrecision": ASSET_DECIMALS,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": format_e8(rules.trigger_protect_rate_e8, 4),
        "liquidationFee": format_e8(rules.liquidation_fee_rate_e8, 6),
        "marketTakeBound": format_e8(rules.market_bound_rate_e8, 2),
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(rules, numbers),
        "orderTypes": [kind.name for kind in OrderType],
        "timeInForce": TIMES_IN_FORCE,
    }


def _filters(rules: SymbolRules, numbers: SymbolNumbers) -> list[dict[str, Any]]:
    up_e8, down_e8 = rules.band_up_rate_e8 or NO_BAND_UP_E8, rules.band_down_rate_e8 or ONE_E8
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": numbers.price(1),
            "maxPrice": numbers.price(rules.price_max_ticks),
            "tickSize": numbers.price(1),
        },
        {"filterType": "LOT_SIZE", **_sizes(numbers, rules.order_lots_max)},
        {"filterType": "MARKET_LOT_SIZE", **_sizes(numbers, rules.market_lots_max)},
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.orders_max},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": rules.conditional_orders_max},
        {"filterType": "MIN_NOTIONAL", "notional": format_e8(rules.min_notional_e8)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": format_e8(ONE_E8 + up_e8, 4),
            "multiplierDown": format_e8(ONE_E8 - down_e8, 4),
            "multiplierDecimal": "4",
        },
    ]


def _sizes(numbers: SymbolNumbers, lots_max: int) -> dict[str, str]:
    return {"minQty": numbers.quantity(1), "maxQty": numbers.quantity(lots_max), "stepSize": numbers.quantity(1)}


def leverage_brackets(rules: SymbolRules) -> dict[str, Any]:
    """GET leverageBracket, one symbol. Numbers here, not strings."""
    return {
        "symbol": rules.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": number,
                "initialLeverage": bracket.leverage_max,
                "notionalCap": _number(bracket.cap_e8),
                "notionalFloor": _number(bracket.floor_e8),
                "maintMarginRatio": bracket.rate_e8 / ONE_E8,
                "cum": _number(bracket.deduction_e8),
            }
            for number, bracket in enumerate(rules.brackets, start=1)
        ],
    }


def contract_event(
    rules: SymbolRules, status: SymbolStatus, onboard_ms: int, time_ms: int, *, has_brackets: bool
) -> dict[str, Any]:
    """What the stream of contracts tells when a status or a bracket table has changed."""
    event: dict[str, Any] = {
        "e": "contractInfo",
        "E": time_ms,
        "s": rules.symbol,
        "ps": rules.symbol,
        "ct": "PERPETUAL",
        "dt": DELIVERY_NEVER_MS,
        "ot": onboard_ms,
        "cs": SYMBOL_STATUS[status],
    }
    if has_brackets:
        least = [one.leverage_max + 1 for one in rules.brackets[1:]] + [1]
        event["bks"] = [
            {
                "bs": number,
                "bnf": _number(one.floor_e8),
                "bnc": _number(one.cap_e8),
                "mmr": one.rate_e8 / ONE_E8,
                "cf": _number(one.deduction_e8),
                "mi": min(least_leverage, one.leverage_max),
                "ma": one.leverage_max,
            }
            for number, (one, least_leverage) in enumerate(zip(rules.brackets, least, strict=True), start=1)
        ]
    return event


def commission_rate(symbol: str, maker_e8: int, taker_e8: int) -> dict[str, Any]:
    """GET commissionRate."""
    return {
        "symbol": symbol,
        "makerCommissionRate": format_e8(maker_e8, 6),
        "takerCommissionRate": format_e8(taker_e8, 6),
        "rpiCommissionRate": format_e8(maker_e8, 6),
    }


def funding_info(rules: SymbolRules) -> dict[str, Any]:
    """GET fundingInfo, one symbol."""
    return {
        "symbol": rules.symbol,
        "adjustedFundingRateCap": money(rules.funding_cap_rate_e8),
        "adjustedFundingRateFloor": money(rules.funding_floor_rate_e8),
        "fundingIntervalHours": rules.funding_interval_hours,
        "disclaimer": False,
    }


def max_notional(rules: SymbolRules, leverage: int) -> str:
    """The largest notional that a leverage allows; 0 for one that was set before the brackets were lowered below it."""
    return format_e8(max((b.cap_e8 for b in rules.brackets if b.leverage_max >= leverage), default=0))


def _number(value_e8: int) -> int | float:
    whole, rest = divmod(value_e8, ONE_E8)
    return whole if not rest else value_e8 / ONE_E8
