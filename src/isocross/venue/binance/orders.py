"""Orders: placing, amending, cancelling and looking them up, one by one and in batches.

Responsible for: the order endpoints; which orders they show. Must not: judge an order: the exchange does.
Conditionals that were sent here are shown here, under one id for life; those of the algo endpoints are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from ...codes import CommandKind, OrderType, TimeInForce
from ...errors import InputError
from ..order_life import OrderRecord
from .market_data import bounded
from .order_forms import NAMELESS, client_id_of, order_form, shown_id
from .ordering import (
    Placing,
    as_conditional,
    conditional_order,
    plain_order,
    price_on_grid,
    quantity_on_grid,
    refused_order,
)
from .parameters import read
from .refusals import BOTH_EMPTY, WireRefusalError, refuse
from .requests import (
    AmendmentsOf,
    Batch,
    ChangeOrder,
    Countdown,
    ManyOrders,
    NewOrder,
    OfSymbol,
    OfSymbolOrAll,
    OneOrder,
    OrdersOf,
)
from .routes import Security, endpoint
from .words import CONDITIONAL_TYPES, ResponseType

if TYPE_CHECKING:
    from .desk import Desk

BATCH_MAX = 5
CANCEL_BATCH_MAX = 10
ORDERS_MAX = 1_000
AMENDMENTS_MAX = 100
COUNTDOWN_MAX_MS = 2**40
ALL_CANCELLED = {"code": 200, "msg": "The operation of cancel all open order is done."}
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


# ---- placing


def placing_of(desk: Desk, account: int, request: NewOrder) -> Placing:
    """The command of an order, of a conditional in its plain form too where that is switched on."""
    if request.type not in CONDITIONAL_TYPES:
        return plain_order(desk, account, request)
    if not desk.settings.are_conditionals_plain:
        raise refuse(-4120)
    placing = conditional_order(desk, account, as_conditional(request))
    return placing._replace(fields={**placing.fields, **desk.plain_form})


async def place(desk: Desk, placing: Placing) -> tuple[OrderRecord, OrderRecord]:
    """Send it; the order as it was accepted, and as its own command left it. Errors  WireRefusalError."""
    try:
        outcome = await desk.send(*placing)
    except WireRefusalError as refusal:
        raise refused_order(desk, placing, refusal) from None
    assert outcome.accepted is not None and outcome.final is not None, "an accepted order is told of"
    return outcome.accepted, outcome.final


def form_of(desk: Desk, record: OrderRecord, *, with_time: bool = False) -> dict[str, Any]:
    """An order as this wire shows it."""
    return order_form(record, desk.symbols[record.symbol], desk.numbers[record.symbol], with_time=with_time)


@endpoint("POST", "/fapi/v1/order", request=NewOrder, security=Security.SIGNED, weight=0, orders=1)
async def new_order(desk: Desk, account: int, request: NewOrder) -> dict[str, Any]:
    """Place an order. ACK shows the moment it was accepted, RESULT what became of it."""
    accepted, final = await place(desk, placing_of(desk, account, request))
    return form_of(desk, final if request.new_order_resp_type == ResponseType.RESULT else accepted)


@endpoint("POST", "/fapi/v1/order/test", request=NewOrder, security=Security.SIGNED, weight=0)
def test_order(desk: Desk, account: int, request: NewOrder) -> dict[str, Any]:
    """All checks, and nothing placed."""
    placing = placing_of(desk, account, request)
    done = desk.exchange.preview(placing.kind, **placing.fields)
    if not done.is_accepted:
        raise refused_order(desk, placing, desk.refusal_of(done.refusal))
    return {}


async def in_batch(
    desk: Desk, elements: Sequence[Any], most: int, one: Callable[[Any], Coroutine[Any, Any, dict[str, Any]]]
) -> list[Any]:
    """Each element's answer in its place, an error where it was refused. All of them are sent in one turn, in order."""
    if not 0 < len(elements) <= most:
        raise refuse(-4082)
    found = await asyncio.gather(*(_or_error(desk, one(element)) for element in elements))
    return list(found)


async def _or_error(desk: Desk, answering: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    try:
        return await answering
    except WireRefusalError as refusal:
        if not refusal.is_committed:
            await desk.core.gate.passed(desk.core.position)
        return {"code": refusal.code, "msg": refusal.text}
    except InputError:  # a number that fits no command
        unfit = refuse(-1130, "parameters")
        return {"code": unfit.code, "msg": unfit.text}


@endpoint(
    "POST",
    "/fapi/v1/batchOrders",
    request=Batch,
    security=Security.SIGNED,
    weight=5,
    orders=lambda r: len(r.batch_orders),
)
async def new_orders(desk: Desk, account: int, request: Batch) -> list[Any]:
    """Up to five orders, each for itself."""

    async def one(element: dict[str, str]) -> dict[str, Any]:
        return await new_order(desk, account, read(NewOrder, element))

    return await in_batch(desk, request.batch_orders, BATCH_MAX, one)


# ---- finding


def wanted_order(desk: Desk, account: int, request: OneOrder | ChangeOrder, missing: int) -> OrderRecord:
    """The order that a request names, as these endpoints show it. Errors  `missing` where there is none."""
    order_id, client_id = request.order_id, request.orig_client_order_id
    if order_id is None and client_id is None:
        raise WireRefusalError(-1102, BOTH_EMPTY % ("origClientOrderId", "orderId"))
    row = desk.row(request.symbol)
    if order_id is None and client_id is not None and client_id.startswith(NAMELESS):
        number = client_id.removeprefix(NAMELESS)
        order_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
    record = desk.order(account, order_id, client_id, row)
    record = None if record is None else latest_form(desk, record)
    if record is None:
        raise refuse(missing)
    return record


def latest_form(desk: Desk, record: OrderRecord) -> OrderRecord | None:
    """Of a plain conditional that was triggered: its order, which goes on under the same id. None: shown elsewhere."""
    if not record.is_conditional:
        return record
    if not record.is_plain_form:
        return None
    released = desk.core.orders.get(record.released_id) if record.triggered_ms else None
    return released or record


@endpoint("GET", "/fapi/v1/order", request=OneOrder, security=Security.SIGNED)
def one_order(desk: Desk, account: int, request: OneOrder) -> dict[str, Any]:
    """An order, finished or not."""
    return form_of(desk, wanted_order(desk, account, request, -2013), with_time=True)


@endpoint("GET", "/fapi/v1/openOrder", request=OneOrder, security=Security.SIGNED)
def one_open_order(desk: Desk, account: int, request: OneOrder) -> dict[str, Any]:
    """An open order."""
    record = wanted_order(desk, account, request, -2013)
    if not record.is_unfinished:
        raise refuse(-2013)
    return form_of(desk, record, with_time=True)


@endpoint(
    "GET",
    "/fapi/v1/openOrders",
    request=OfSymbolOrAll,
    security=Security.SIGNED,
    weight=lambda r: 1 if r.symbol else 40,
)
def open_orders(desk: Desk, account: int, request: OfSymbolOrAll) -> list[dict[str, Any]]:
    """All open orders."""
    found = desk.core.orders.open(account, desk.row_or_none(request.symbol))
    return [form_of(desk, one, with_time=True) for one in found if is_shown_as_order(one)]


def is_shown_as_order(record: OrderRecord) -> bool:
    """Whether the order endpoints show a record: a conditional in plain form only until its order is there."""
    return not record.is_conditional or (record.is_plain_form and not record.triggered_ms)


@endpoint("GET", "/fapi/v1/allOrders", request=OrdersOf, security=Security.SIGNED, weight=5)
def all_orders(desk: Desk, account: int, request: OrdersOf) -> list[dict[str, Any]]:
    """Orders of the past too, by id."""
    found = desk.core.orders.page(
        account,
        desk.row_or_none(request.symbol),
        request.order_id,
        request.start_time,
        request.end_time,
        bounded(request.limit, ORDERS_MAX),
    )
    return [form_of(desk, one, with_time=True) for one in found if is_shown_as_order(one)]


# ---- cancelling


async def cancel(desk: Desk, account: int, record: OrderRecord) -> None:
    """Cancel an order. Errors  -2011 when it is done."""
    if not record.is_unfinished:
        raise refuse(-2011)
    kind = CommandKind.CANCEL_CONDITIONAL if record.is_conditional else CommandKind.CANCEL_ORDER
    await desk.send(kind, {"account": account, "order_id": record.order_id})


@endpoint("DELETE", "/fapi/v1/order", request=OneOrder, security=Security.SIGNED)
async def cancel_order(desk: Desk, account: int, request: OneOrder) -> dict[str, Any]:
    """Cancel an order; the answer is what it was when it ended."""
    record = wanted_order(desk, account, request, -2011)
    await cancel(desk, account, record)
    return form_of(desk, desk.core.orders.get(record.order_id) or record)


@endpoint("DELETE", "/fapi/v1/allOpenOrders", request=OfSymbol, security=Security.SIGNED)
def cancel_all(desk: Desk, account: int, request: OfSymbol) -> dict[str, Any]:
    """Cancel all orders of a symbol, conditionals in plain form too."""
    row = desk.row(request.symbol)
    desk.apply(CommandKind.CANCEL_ALL, account=account, symbol=row)
    cancel_conditionals(desk, account, row, are_plain=True)
    return ALL_CANCELLED


def cancel_conditionals(desk: Desk, account: int, row: int, *, are_plain: bool) -> None:
    """Cancel all conditionals of a symbol that were sent in one of the forms."""
    for record in desk.core.orders.open(account, row):
        if record.is_conditional and record.is_plain_form == are_plain and not record.triggered_ms:
            desk.core.apply(CommandKind.CANCEL_CONDITIONAL, account=account, order_id=record.order_id)


@endpoint("DELETE", "/fapi/v1/batchOrders", request=ManyOrders, security=Security.SIGNED)
async def cancel_orders(desk: Desk, account: int, request: ManyOrders) -> list[Any]:
    """Cancel up to ten orders, each for itself."""
    wanted: list[dict[str, Any]] = [{"order_id": one} for one in request.order_id_list or ()]
    wanted = wanted or [{"orig_client_order_id": one} for one in request.orig_client_order_id_list or ()]
    if not wanted:
        raise WireRefusalError(-1102, BOTH_EMPTY % ("orderIdList", "origClientOrderIdList"))
    return await in_batch(
        desk, wanted, CANCEL_BATCH_MAX, lambda one: cancel_order(desk, account, OneOrder(symbol=request.symbol, **one))
    )


@endpoint("POST", "/fapi/v1/countdownCancelAll", request=Countdown, security=Security.SIGNED, weight=10)
def countdown_cancel(desk: Desk, account: int, request: Countdown) -> dict[str, str]:
    """Cancel all orders of a symbol unless told again in time; 0 stops the countdown."""
    row = desk.row(request.symbol)
    if not 0 <= request.countdown_time <= COUNTDOWN_MAX_MS:
        raise refuse(-1130, "countdownTime")
    until_ms = desk.core.time_ms() + request.countdown_time if request.countdown_time else 0
    desk.apply(CommandKind.COUNTDOWN_CANCEL, account=account, symbol=row, expire_ms=until_ms)
    return {"symbol": request.symbol, "countdownTime": str(request.countdown_time)}


# ---- amending


@endpoint("PUT", "/fapi/v1/order", request=ChangeOrder, security=Security.SIGNED, orders=1)
async def change_order(desk: Desk, account: int, request: ChangeOrder) -> dict[str, Any]:
    """Change price and quantity of a limit order; it keeps its id and goes to the end of its queue."""
    if request.price is None:
        raise refuse(-1102, "price")
    if request.price_match not in (None, "NONE"):
        raise refuse(-1130, "priceMatch")
    record = wanted_order(desk, account, request, -2013)
    if not record.is_unfinished:
        raise refuse(-2013)
    if record.order_type != OrderType.LIMIT or record.side != request.side:
        raise refuse(-1128)
    price_ticks = price_on_grid(desk, record.symbol, request.price)
    lots = quantity_on_grid(desk, record.symbol, request.quantity)
    if (price_ticks, lots) == (record.price_ticks, record.lots):
        raise refuse(-5027)
    fields = {"account": account, "order_id": record.order_id, "price_ticks": price_ticks, "lots": lots}
    await desk.send(CommandKind.AMEND_ORDER, fields)
    return form_of(desk, desk.core.orders.get(record.order_id) or record)


@endpoint("GET", "/fapi/v1/orderAmendment", request=AmendmentsOf, security=Security.SIGNED)
def amendments(desk: Desk, account: int, request: AmendmentsOf) -> list[dict[str, Any]]:
    """What an order was changed from and to, the latest first."""
    record = wanted_order(desk, account, request, -2013)
    numbers, symbol = desk.numbers[record.symbol], desk.symbols[record.symbol]
    limit = bounded(request.limit, AMENDMENTS_MAX)
    found = [
        {
            "amendmentId": one.amendment_id,
            "symbol": symbol,
            "pair": symbol,
            "orderId": shown_id(record),
            "clientOrderId": client_id_of(record),
            "time": one.time_ms,
            "amendment": {
                "price": {"before": numbers.price(one.ticks_before), "after": numbers.price(one.ticks_after)},
                "origQty": {"before": numbers.quantity(one.lots_before), "after": numbers.quantity(one.lots_after)},
                "count": number,
            },
            "priceMatch": "NONE",
        }
        for number, one in enumerate(desk.core.amendments.of(record.order_id), start=1)
        if (request.start_time or 0) <= one.time_ms and (request.end_time is None or one.time_ms <= request.end_time)
    ]
    return found[::-1][:limit]


@endpoint(
    "PUT",
    "/fapi/v1/batchOrders",
    request=Batch,
    security=Security.SIGNED,
    weight=5,
    orders=lambda r: len(r.batch_orders),
)
async def change_orders(desk: Desk, account: int, request: Batch) -> list[Any]:
    """Change up to five orders, each for itself."""

    async def one(element: dict[str, str]) -> dict[str, Any]:
        return await change_order(desk, account, read(ChangeOrder, element))

    return await in_batch(desk, request.batch_orders, BATCH_MAX, one)
