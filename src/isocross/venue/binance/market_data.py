"""Market data: what anybody may ask about the market.

Responsible for: depth, trades, candles, mark and funding, tickers as this wire writes them. Must not: know an account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...units import ONE_E8
from .listing import exchange_info, funding_info
from .numbers import fixed, money
from .refusals import refuse
from .requests import (
    AggregateTradesOf,
    CandlesOf,
    DepthOf,
    FundingRatesOf,
    OfSymbol,
    OfSymbolOrAll,
    Request,
    TradesOf,
)
from .routes import endpoint

if TYPE_CHECKING:
    from .desk import Desk

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_DEPTH_WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
CANDLES_MAX = 1_500
TRADES_MAX = 1_000
FUNDING_MAX = 1_000
BASIS_INTEREST_HOURS = 8


def one_or_all(desk: Desk, symbol: str | None, make: Callable[[int], Any]) -> Any:
    """An object when a symbol was named, a list of all when none was."""
    if symbol is None:
        return [make(row) for row in range(len(desk.rules))]
    return make(desk.row(symbol))


def bounded(limit: int, most: int) -> int:
    """A limit that was asked for, at most what there is. Errors  -1130 below 1."""
    if limit < 1:
        raise refuse(-1130, "limit")
    return min(limit, most)


@endpoint("GET", "/fapi/v1/exchangeInfo", "/fapi/v2/exchangeInfo")
def listing(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """All contracts with their filters."""
    return exchange_info(desk.rules, desk.statuses(), desk.exchange.assets, desk.now_ms(), desk.first_ms)


def _depth_weight(request: DepthOf) -> int:
    return _DEPTH_WEIGHTS.get(request.limit, 20)


@endpoint("GET", "/fapi/v1/depth", request=DepthOf, weight=_depth_weight)
def depth(desk: Desk, account: int, request: DepthOf) -> dict[str, Any]:
    """The book, best first, with the id that depth events count on from."""
    row = desk.row(request.symbol)
    if request.limit not in DEPTH_LIMITS:
        raise refuse(-4021, request.limit)
    return {
        "lastUpdateId": desk.update_id(),
        "E": desk.now_ms(),
        "T": desk.exchange.time_ms,
        **levels(desk, row, request.limit),
    }


def levels(desk: Desk, row: int, limit: int) -> dict[str, list[tuple[str, str]]]:
    """The best levels of both sides."""
    numbers = desk.numbers[row]
    return {
        side: [(numbers.price(ticks), numbers.quantity(lots)) for ticks, lots in found]
        for side, found in desk.exchange.book(row, limit).items()
    }


def _trades(desk: Desk, request: TradesOf) -> list[dict[str, Any]]:
    row = desk.row(request.symbol)
    numbers = desk.numbers[row]
    found = desk.public_trades(row, request.from_id, None, None, bounded(request.limit, TRADES_MAX))
    return [
        {
            "id": trade.trade_id,
            "price": numbers.price(trade.price_ticks),
            "qty": numbers.quantity(trade.lots),
            "quoteQty": money(trade.value_e8),
            "time": trade.time_ms,
            "isBuyerMaker": trade.is_buyer_maker,
            "isRPITrade": False,
        }
        for trade in found
    ]


@endpoint("GET", "/fapi/v1/trades", request=TradesOf, weight=5)
def recent_trades(desk: Desk, account: int, request: TradesOf) -> list[dict[str, Any]]:
    """The latest trades."""
    return _trades(desk, TradesOf(symbol=request.symbol, limit=request.limit))


@endpoint("GET", "/fapi/v1/historicalTrades", request=TradesOf, weight=20)
def old_trades(desk: Desk, account: int, request: TradesOf) -> list[dict[str, Any]]:
    """Trades from an id on."""
    return _trades(desk, request)


@endpoint("GET", "/fapi/v1/aggTrades", request=AggregateTradesOf, weight=20)
def aggregate_trades(desk: Desk, account: int, request: AggregateTradesOf) -> list[dict[str, Any]]:
    """Trades; each is an aggregate of its own here, under the trade's id."""
    row = desk.row(request.symbol)
    limit = bounded(request.limit, TRADES_MAX)
    found = desk.public_trades(row, request.from_id, request.start_time, request.end_time, limit)
    return [aggregate_trade(desk, row, trade) for trade in found]


def aggregate_trade(desk: Desk, row: int, trade: Any) -> dict[str, Any]:
    """One trade in the form of an aggregate."""
    numbers = desk.numbers[row]
    quantity = numbers.quantity(trade.lots)
    return {
        "a": trade.trade_id,
        "p": numbers.price(trade.price_ticks),
        "q": quantity,
        "nq": quantity,
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ms,
        "m": trade.is_buyer_maker,
    }


# ---- candles


def _candle_weight(request: CandlesOf) -> int:
    return next((w for most, w in ((99, 1), (499, 2), (1000, 5)) if request.limit <= most), 10)


def _candles(desk: Desk, name: str | None, wanted: str, source: str, request: CandlesOf) -> list[list[Any]]:
    if name is None:
        raise refuse(-1102, wanted)
    row = desk.row(name)
    found = desk.candles(
        row, source, request.interval.value, request.start_time, request.end_time, bounded(request.limit, CANDLES_MAX)
    )
    return [candle_row(desk, row, source, request.interval.value, candle) for candle in found]


def candle_row(desk: Desk, row: int, source: str, interval: str, candle: Any) -> list[Any]:
    """The twelve columns of a candle."""
    numbers = desk.numbers[row]
    decimals = numbers.price_decimals if source == "last" else 8
    is_traded = source == "last"
    return [
        candle.open_ms,
        fixed(candle.open_e8, decimals),
        fixed(candle.high_e8, decimals),
        fixed(candle.low_e8, decimals),
        fixed(candle.close_e8, decimals),
        fixed(candle.volume_e8, numbers.quantity_decimals) if is_traded else "0",
        desk.candle_end_ms(interval, candle.open_ms),
        money(candle.quote_e8) if is_traded else "0",
        candle.trades,
        fixed(candle.taker_buy_e8, numbers.quantity_decimals) if is_traded else "0",
        money(candle.taker_buy_quote_e8) if is_traded else "0",
        "0",
    ]


@endpoint("GET", "/fapi/v1/klines", request=CandlesOf, weight=_candle_weight)
def candles(desk: Desk, account: int, request: CandlesOf) -> list[list[Any]]:
    """Candles of trades, the running one included."""
    return _candles(desk, request.symbol, "symbol", "last", request)


@endpoint("GET", "/fapi/v1/continuousKlines", request=CandlesOf, weight=_candle_weight)
def continuous_candles(desk: Desk, account: int, request: CandlesOf) -> list[list[Any]]:
    """The same by pair."""
    if request.contract_type != "PERPETUAL":
        raise refuse(-1130, "contractType")
    return _candles(desk, request.pair, "pair", "last", request)


@endpoint("GET", "/fapi/v1/markPriceKlines", request=CandlesOf, weight=_candle_weight)
def mark_candles(desk: Desk, account: int, request: CandlesOf) -> list[list[Any]]:
    """Candles of the mark."""
    return _candles(desk, request.symbol, "symbol", "mark", request)


@endpoint("GET", "/fapi/v1/indexPriceKlines", request=CandlesOf, weight=_candle_weight)
def index_candles(desk: Desk, account: int, request: CandlesOf) -> list[list[Any]]:
    """Candles of the index."""
    return _candles(desk, request.pair or request.symbol, "pair", "index", request)


@endpoint("GET", "/fapi/v1/premiumIndexKlines", request=CandlesOf, weight=_candle_weight)
def premium_candles(desk: Desk, account: int, request: CandlesOf) -> list[list[Any]]:
    """Mark over index, from the open and close of their candles; no path within."""
    if request.symbol is None:
        raise refuse(-1102, "symbol")
    marks = _candles(desk, request.symbol, "symbol", "mark", request)
    row = desk.row(request.symbol)
    limit = bounded(request.limit, CANDLES_MAX)
    both = zip(
        desk.candles(row, "mark", request.interval.value, request.start_time, request.end_time, limit),
        desk.candles(row, "index", request.interval.value, request.start_time, request.end_time, limit),
        strict=True,
    )
    found = []
    for shown, (mark, index) in zip(marks, both, strict=True):
        opened, closed = (
            _premium_e8(m, i) for m, i in ((mark.open_e8, index.open_e8), (mark.close_e8, index.close_e8))
        )
        texts = [money(value) for value in (opened, max(opened, closed), min(opened, closed), closed)]
        found.append([shown[0], *texts, *shown[5:]])
    return found


def _premium_e8(mark_e8: int, index_e8: int) -> int:
    return (mark_e8 - index_e8) * ONE_E8 // index_e8 if index_e8 else 0


# ---- mark and funding


@endpoint("GET", "/fapi/v1/premiumIndex", request=OfSymbolOrAll, weight=lambda r: 1 if r.symbol else 10)
def premium_index(desk: Desk, account: int, request: OfSymbolOrAll) -> Any:
    """Mark, index and the funding ahead."""

    def make(row: int) -> dict[str, Any]:
        rate_e8, time_ms = desk.funding_ahead(row)
        return {
            "symbol": desk.symbols[row],
            "markPrice": money(desk.exchange.mark_e8(row)),
            "indexPrice": money(desk.exchange.index_e8(row)),
            "estimatedSettlePrice": money(desk.exchange.index_e8(row)),
            "lastFundingRate": money(rate_e8),
            "interestRate": money(desk.rules[row].interest_rate_e8),
            "nextFundingTime": time_ms,
            "time": desk.now_ms(),
        }

    return one_or_all(desk, request.symbol, make)


@endpoint("GET", "/fapi/v1/fundingRate", request=FundingRatesOf)
def funding_rates(desk: Desk, account: int, request: FundingRatesOf) -> list[dict[str, Any]]:
    """Settlements, oldest first."""
    row = None if request.symbol is None else desk.row(request.symbol)
    limit = bounded(request.limit, FUNDING_MAX)
    return [
        {
            "symbol": desk.symbols[rate.symbol],
            "fundingTime": rate.time_ms,
            "fundingRate": money(rate.rate_e8),
            "markPrice": money(rate.mark_e8),
        }
        for rate in desk.funding_rates(row, request.start_time, request.end_time, limit)
    ]


@endpoint("GET", "/fapi/v1/fundingInfo", weight=0)
def funding_terms(desk: Desk, account: int, request: Request) -> list[dict[str, Any]]:
    """Cap, floor and interval of each symbol."""
    return [funding_info(rules) for rules in desk.rules]


# ---- tickers


def day_ticker(desk: Desk, row: int) -> dict[str, Any]:
    """The last 24 hours of a symbol."""
    day, numbers = desk.day(row), desk.numbers[row]
    change = day.last_e8 - day.open_e8
    average_e8 = day.quote_e8 * ONE_E8 // day.volume_e8 if day.volume_e8 else day.last_e8
    return {
        "symbol": desk.symbols[row],
        "priceChange": fixed(change, numbers.price_decimals),
        "priceChangePercent": fixed(change * 100 * ONE_E8 // day.open_e8 if day.open_e8 else 0, 3),
        "weightedAvgPrice": fixed(
            average_e8 // desk.rules[row].tick_e8 * desk.rules[row].tick_e8, numbers.price_decimals
        ),
        "lastPrice": fixed(day.last_e8, numbers.price_decimals),
        "lastQty": numbers.quantity(day.last_lots),
        "openPrice": fixed(day.open_e8, numbers.price_decimals),
        "highPrice": fixed(day.high_e8, numbers.price_decimals),
        "lowPrice": fixed(day.low_e8, numbers.price_decimals),
        "volume": fixed(day.volume_e8, numbers.quantity_decimals),
        "quoteVolume": money(day.quote_e8),
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.trades,
    }


@endpoint("GET", "/fapi/v1/ticker/24hr", request=OfSymbolOrAll, weight=lambda r: 1 if r.symbol else 40)
def day_tickers(desk: Desk, account: int, request: OfSymbolOrAll) -> Any:
    """The last 24 hours."""
    return one_or_all(desk, request.symbol, lambda row: day_ticker(desk, row))


@endpoint(
    "GET",
    "/fapi/v1/ticker/price",
    "/fapi/v2/ticker/price",
    request=OfSymbolOrAll,
    weight=lambda r: 1 if r.symbol else 2,
)
def prices(desk: Desk, account: int, request: OfSymbolOrAll) -> Any:
    """The price of the latest trade."""

    def make(row: int) -> dict[str, Any]:
        return {
            "symbol": desk.symbols[row],
            "price": desk.numbers[row].price(desk.last_ticks(row)),
            "time": desk.exchange.time_ms,
        }

    return one_or_all(desk, request.symbol, make)


def best_quote(desk: Desk, row: int) -> tuple[str, str, str, str]:
    """Best bid, its quantity, best ask, its quantity; zeros where a side is empty."""
    numbers, book = desk.numbers[row], desk.exchange.book(row, 1)
    (bid, bid_lots), (ask, ask_lots) = (side[0] if side else (0, 0) for side in (book["bids"], book["asks"]))
    return numbers.price(bid), numbers.quantity(bid_lots), numbers.price(ask), numbers.quantity(ask_lots)


@endpoint("GET", "/fapi/v1/ticker/bookTicker", request=OfSymbolOrAll, weight=lambda r: 2 if r.symbol else 5)
def book_tickers(desk: Desk, account: int, request: OfSymbolOrAll) -> Any:
    """The best of both sides."""

    def make(row: int) -> dict[str, Any]:
        bid, bid_quantity, ask, ask_quantity = best_quote(desk, row)
        return {
            "symbol": desk.symbols[row],
            "bidPrice": bid,
            "bidQty": bid_quantity,
            "askPrice": ask,
            "askQty": ask_quantity,
            "time": desk.exchange.time_ms,
            "lastUpdateId": desk.update_id(),
        }

    return one_or_all(desk, request.symbol, make)


@endpoint("GET", "/fapi/v1/openInterest", request=OfSymbol)
def open_interest(desk: Desk, account: int, request: OfSymbol) -> dict[str, Any]:
    """Open contracts, counted once."""
    row = desk.row(request.symbol)
    lots = int(desk.exchange.table("symbols")["open_interest_lots"][row])
    return {
        "symbol": request.symbol,
        "openInterest": desk.numbers[row].quantity(lots),
        "time": desk.exchange.time_ms,
    }
