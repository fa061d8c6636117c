"""Requests: every set of parameters that a client may send, written once.

Responsible for: names, types and defaults; the names on the wire are the camel case of these. Must not: judge a value.
A parameter that is sent and not listed is ignored: clients send `recvWindow` and others everywhere.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ...codes import MarginMode, OrderType, PositionSide, SelfTradePrevention, Side, TimeInForce, WorkingType
from .words import AlgoType, AutoClose, IncomeType, Interval, ResponseType


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Parameters of an endpoint; none of its own."""


class Signed(Request, frozen=True, kw_only=True):
    """What every signed request carries besides."""

    timestamp: int
    recv_window: int | None = None


class OfSymbol(Request, frozen=True, kw_only=True):
    """One symbol, which must be there."""

    symbol: str


class OfSymbolOrAll(Request, frozen=True, kw_only=True):
    """One symbol, or all of them."""

    symbol: str | None = None


# ---- market data


class DepthOf(OfSymbol, frozen=True, kw_only=True):
    """GET depth."""

    limit: int = 500


class TradesOf(OfSymbol, frozen=True, kw_only=True):
    """GET trades, historicalTrades."""

    from_id: int | None = None
    limit: int = 500


class AggregateTradesOf(OfSymbol, frozen=True, kw_only=True):
    """GET aggTrades."""

    from_id: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 500


class CandlesOf(Request, frozen=True, kw_only=True):
    """GET klines and its relatives; some of them say `pair`."""

    symbol: str | None = None
    pair: str | None = None
    contract_type: str = "PERPETUAL"
    interval: Interval
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 500


class FundingRatesOf(Request, frozen=True, kw_only=True):
    """GET fundingRate."""

    symbol: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 100


# ---- account configuration


class SetMarginType(OfSymbol, frozen=True, kw_only=True):
    """POST marginType."""

    margin_type: MarginMode


class SetLeverage(OfSymbol, frozen=True, kw_only=True):
    """POST leverage."""

    leverage: int


class SetPositionMode(Request, frozen=True, kw_only=True):
    """POST positionSide/dual."""

    dual_side_position: bool


class SetMultiAssets(Request, frozen=True, kw_only=True):
    """POST multiAssetsMargin."""

    multi_assets_margin: bool


class ChangeMargin(OfSymbol, frozen=True, kw_only=True):
    """POST positionMargin."""

    amount: Decimal
    type: int
    position_side: PositionSide = PositionSide.BOTH


class MarginChangesOf(OfSymbol, frozen=True, kw_only=True):
    """GET positionMargin/history."""

    type: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 500


# ---- orders


class NewOrder(OfSymbol, frozen=True, kw_only=True):
    """POST order; also the elements of batchOrders."""

    side: Side
    type: OrderType
    position_side: PositionSide | None = None
    time_in_force: TimeInForce | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    new_client_order_id: str | None = None
    new_order_resp_type: ResponseType = ResponseType.ACK
    self_trade_prevention_mode: SelfTradePrevention | None = None
    price_match: str | None = None
    good_till_date: int | None = None
    stop_price: Decimal | None = None
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    working_type: WorkingType | None = None
    price_protect: bool | None = None


class OneOrder(OfSymbol, frozen=True, kw_only=True):
    """GET and DELETE order, GET openOrder."""

    order_id: int | None = None
    orig_client_order_id: str | None = None


class ChangeOrder(OfSymbol, frozen=True, kw_only=True):
    """PUT order; also the elements of a changed batch."""

    side: Side
    quantity: Decimal
    price: Decimal | None = None
    order_id: int | None = None
    orig_client_order_id: str | None = None
    price_match: str | None = None


class AmendmentsOf(OneOrder, frozen=True, kw_only=True):
    """GET orderAmendment."""

    start_time: int | None = None
    end_time: int | None = None
    limit: int = 50


class Batch(Request, frozen=True, kw_only=True):
    """POST and PUT batchOrders."""

    batch_orders: list[dict]  # type: ignore[type-arg]


class ManyOrders(OfSymbol, frozen=True, kw_only=True):
    """DELETE batchOrders."""

    order_id_list: list[int] | None = None
    orig_client_order_id_list: list[str] | None = None


class OrdersOf(Request, frozen=True, kw_only=True):
    """GET allOrders."""

    symbol: str | None = None
    order_id: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 500


class Countdown(OfSymbol, frozen=True, kw_only=True):
    """POST countdownCancelAll."""

    countdown_time: int


# ---- conditional orders


class NewAlgoOrder(OfSymbol, frozen=True, kw_only=True):
    """POST algoOrder."""

    algo_type: AlgoType = AlgoType.CONDITIONAL
    side: Side
    type: OrderType
    position_side: PositionSide | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    working_type: WorkingType | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    price_protect: bool | None = None
    activate_price: Decimal | None = None
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    client_algo_id: str | None = None
    self_trade_prevention_mode: SelfTradePrevention | None = None
    price_match: str | None = None
    good_till_date: int | None = None


class OneAlgoOrder(Request, frozen=True, kw_only=True):
    """GET and DELETE algoOrder; no symbol is needed."""

    symbol: str | None = None
    algo_id: int | None = None
    client_algo_id: str | None = None


class OpenAlgoOrdersOf(Request, frozen=True, kw_only=True):
    """GET openAlgoOrders."""

    symbol: str | None = None
    algo_type: AlgoType | None = None
    algo_id: int | None = None


class AlgoOrdersOf(Request, frozen=True, kw_only=True):
    """GET allAlgoOrders."""

    symbol: str | None = None
    algo_id: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 500


# ---- history


class UserTradesOf(Request, frozen=True, kw_only=True):
    """GET userTrades."""

    symbol: str | None = None
    order_id: int | None = None
    from_id: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 500


class IncomeOf(Request, frozen=True, kw_only=True):
    """GET income."""

    symbol: str | None = None
    income_type: IncomeType | None = None
    start_time: int | None = None
    end_time: int | None = None
    page: int | None = None
    limit: int = 100


class ForceOrdersOf(Request, frozen=True, kw_only=True):
    """GET forceOrders."""

    symbol: str | None = None
    auto_close_type: AutoClose | None = None
    start_time: int | None = None
    end_time: int | None = None
    limit: int = 50


# ---- streams


class OfListenKey(Request, frozen=True, kw_only=True):
    """PUT and DELETE listenKey: there is one key per account, so it need not be named."""

    listen_key: str | None = None
