"""Ordering: from an order's parameters to the fields of its command, with the checks of this wire in their order.

Responsible for: which parameters a type needs; decimals that do not fit a symbol; price filters around the mark; the form of a client
id. Must not: judge margin, positions or the book: the exchange does, after these.

Order of precedence: parameters, symbol, precision, filters, client id; then the exchange's own.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ...codes import CommandKind, OrderType, PositionSide, SelfTradePrevention, Side, TimeInForce, WorkingType
from ...units import ONE_E8, format_e8
from .numbers import on_grid
from .refusals import WireRefusalError, refuse
from .requests import NewAlgoOrder, NewOrder
from .words import CONDITIONAL_TYPES, LIMIT_CONDITIONAL_TYPES

if TYPE_CHECKING:
    from .desk import Desk

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_INTEGER_MAX = 2**62
_CALLBACK_LEAST, _CALLBACK_MOST = Decimal("0.1"), Decimal(20)  # percent
_PERCENT_E8 = ONE_E8 // 100
GOOD_TILL_LEAST_MS, _GOOD_TILL_END_MS = 600_000, 253_402_300_799_000
CLOSING_TYPES = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)


class Placing(NamedTuple):
    """A command that places an order, and what the answer needs to know of it."""

    kind: CommandKind
    fields: dict[str, int]
    client_id: str

    @property
    def symbol(self) -> int:
        """Row of its symbol."""
        return self.fields["symbol"]


def plain_order(desk: Desk, account: int, request: NewOrder) -> Placing:
    """The command of a LIMIT or MARKET order. Errors  WireRefusalError."""
    is_limit = request.type == OrderType.LIMIT
    if request.close_position:
        raise refuse(-4136, request.type.name)
    if is_limit and request.time_in_force is None:
        raise refuse(-1102, "timeInForce")
    if not is_limit and request.time_in_force is not None:
        raise refuse(-1106, "timeinforce")
    if request.quantity is None:
        raise refuse(-1102, "quantity")
    if is_limit and request.price is None:
        raise refuse(-1102, "price")
    _check_price_match(request.price_match)
    expire_ms = _good_till(desk, request.time_in_force if is_limit else None, request.good_till_date)
    row = desk.row(request.symbol)
    price_ticks = price_on_grid(desk, row, request.price) if is_limit and request.price is not None else 0
    lots = quantity_on_grid(desk, row, request.quantity)
    _check_reduce_only(desk, account, request.reduce_only)
    fields = {
        "account": account,
        "symbol": row,
        "side": request.side,
        "order_type": request.type,
        "time_in_force": request.time_in_force if is_limit and request.time_in_force is not None else TimeInForce.GTC,
        "price_ticks": price_ticks,
        "lots": lots,
        "is_reduce_only": int(bool(request.reduce_only)),
        **_common(request, expire_ms),
    }
    return Placing(CommandKind.PLACE_ORDER, fields, checked_client_id(request.new_client_order_id))


def conditional_order(desk: Desk, account: int, request: NewAlgoOrder) -> Placing:
    """The command of a conditional order. Errors  WireRefusalError."""
    kind = request.type
    if kind not in CONDITIONAL_TYPES:
        raise refuse(-1116)
    is_trailing = kind == OrderType.TRAILING_STOP_MARKET
    is_limit = kind in LIMIT_CONDITIONAL_TYPES
    if request.close_position:
        if kind not in CLOSING_TYPES:
            raise refuse(-4136, kind.name)
        if request.quantity:
            raise refuse(-4137)
    elif request.quantity is None:
        raise refuse(-1102, "quantity")
    if is_limit and request.price is None:
        raise refuse(-1102, "price")
    if is_trailing and request.callback_rate is None:
        raise refuse(-1102, "callbackRate")
    if not is_trailing and request.trigger_price is None:
        raise refuse(-1102, "triggerPrice")
    _check_price_match(request.price_match)
    time_in_force = request.time_in_force if is_limit and request.time_in_force is not None else TimeInForce.GTC
    expire_ms = _good_till(desk, time_in_force, request.good_till_date)
    row = desk.row(request.symbol)
    trigger = request.activate_price or request.activation_price if is_trailing else request.trigger_price
    trigger_ticks = 0 if trigger is None else price_on_grid(desk, row, trigger)
    fields = {
        "account": account,
        "symbol": row,
        "side": request.side,
        "order_type": kind,
        "time_in_force": time_in_force,
        "trigger_ticks": trigger_ticks,
        "price_ticks": price_on_grid(desk, row, request.price) if is_limit and request.price is not None else 0,
        "lots": 0
        if request.quantity is None or request.close_position
        else quantity_on_grid(desk, row, request.quantity),
        "working_type": WorkingType.LAST_PRICE if request.working_type is None else request.working_type,
        "callback_rate_e8": _callback_e8(request.callback_rate) if is_trailing else 0,
        "is_close_position": int(bool(request.close_position)),
        "is_reduce_only": int(bool(request.reduce_only) and not request.close_position),
        "is_price_protected": int(bool(request.price_protect)),
        **_common(request, expire_ms),
    }
    _check_reduce_only(desk, account, request.reduce_only)
    if request.close_position:
        _check_closes_once(desk, account, fields)
    return Placing(CommandKind.PLACE_CONDITIONAL, fields, checked_client_id(request.client_algo_id))


def as_conditional(request: NewOrder) -> NewAlgoOrder:
    """A conditional that came to the endpoint of ordinary orders, in the words of the other."""
    if request.type != OrderType.TRAILING_STOP_MARKET and request.stop_price is None:
        raise refuse(-1102, "stopPrice")
    return NewAlgoOrder(
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        position_side=request.position_side,
        quantity=request.quantity,
        price=request.price,
        trigger_price=request.stop_price,
        working_type=request.working_type,
        time_in_force=request.time_in_force,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        activate_price=request.activation_price,
        callback_rate=request.callback_rate,
        client_algo_id=request.new_client_order_id,
        self_trade_prevention_mode=request.self_trade_prevention_mode,
        price_match=request.price_match,
        price_protect=request.price_protect,
        good_till_date=request.good_till_date,
    )


def _common(request: NewOrder | NewAlgoOrder, expire_ms: int) -> dict[str, int]:
    mode = request.self_trade_prevention_mode
    return {
        "position_side": PositionSide.BOTH if request.position_side is None else request.position_side,
        "self_trade_prevention": SelfTradePrevention.EXPIRE_MAKER if mode is None else mode,
        "expire_ms": expire_ms,
    }


def _good_till(desk: Desk, time_in_force: TimeInForce | None, good_till_ms: int | None) -> int:
    if time_in_force != TimeInForce.GTD:
        return 0
    if good_till_ms is None:
        raise refuse(-1102, "goodTillDate")
    if not desk.now_ms() + GOOD_TILL_LEAST_MS < good_till_ms < _GOOD_TILL_END_MS:
        raise refuse(-5040)
    return good_till_ms


def _check_price_match(price_match: str | None) -> None:
    if price_match not in (None, "NONE"):
        raise refuse(-1130, "priceMatch")


def _check_reduce_only(desk: Desk, account: int, reduce_only: bool | None) -> None:
    if reduce_only and desk.is_hedged(account):
        raise refuse(-4062)


def _check_closes_once(desk: Desk, account: int, fields: dict[str, int]) -> None:
    """A position is closed whole by one stop and one take-profit in a direction. Errors  -4130."""
    for one in desk.core.orders.open(account, fields["symbol"]):
        if (
            one.is_close_position
            and not one.triggered_ms
            and (one.order_type, one.side, one.position_side)
            == (fields["order_type"], fields["side"], fields["position_side"])
        ):
            raise refuse(-4130)


def checked_client_id(text: str | None) -> str:
    """A client id that may be given. Errors  -4015."""
    if text is None:
        return ""
    if not _CLIENT_ID.fullmatch(text):
        raise refuse(-4015)
    return text


def _callback_e8(percent: Decimal | None) -> int:
    if percent is None or not _CALLBACK_LEAST <= percent <= _CALLBACK_MOST:
        raise refuse(-1130, "callbackRate")
    rate = on_grid(percent * _PERCENT_E8 / ONE_E8, 1)
    if rate is None:
        raise refuse(-1130, "callbackRate")
    return rate


def price_on_grid(desk: Desk, row: int, price: Decimal) -> int:
    """A price in ticks. Errors  -1111 for more decimals than the symbol has, -4014 off the tick, -4001 not above zero."""
    numbers = desk.numbers[row]
    ticks = _on_grid(price, numbers.tick_e8, numbers.price_decimals, -4014)
    if ticks <= 0:
        raise refuse(-4001)
    if ticks >= _INTEGER_MAX:
        raise refuse(-4002)
    return ticks


def quantity_on_grid(desk: Desk, row: int, quantity: Decimal) -> int:
    """A quantity in lots. Errors  -1111, -4023 off the step, -4003 not above zero, -4005."""
    numbers = desk.numbers[row]
    lots = _on_grid(quantity, numbers.step_e8, numbers.quantity_decimals, -4023)
    if lots <= 0:
        raise refuse(-4003)
    if lots > numbers.lots_max:
        raise refuse(-4005)
    return lots


def _on_grid(number: Decimal, grid_e8: int, decimals: int, off_the_grid: int) -> int:
    steps = on_grid(number, grid_e8)
    if steps is not None:
        return steps
    raise refuse(-1111 if on_grid(number, 10 ** (8 - decimals)) is None else off_the_grid)


def refused_order(desk: Desk, placing: Placing, refusal: WireRefusalError) -> WireRefusalError:
    """A refusal of the engine in the words that fit this order."""
    fitting = refusal
    if refusal.code == -4164:
        fitting = refuse(-4164, format_e8(desk.rules[placing.symbol].min_notional_e8))
    elif refusal.code == -2025 and placing.kind == CommandKind.PLACE_CONDITIONAL:
        fitting = refuse(-4045)
    elif refusal.code == -1112:
        refusal.is_committed = False  # what decides is the book as it is now
        side = "asks" if placing.fields["side"] == Side.BUY else "bids"
        if desk.exchange.book(placing.symbol, 1)[side]:  # there is one, and all of it lies too far from the mark
            fitting = refuse(-4131)
    fitting.is_committed = refusal.is_committed
    return fitting
