"""Conditionals: conditional orders at their own endpoints.

Responsible for: the algo endpoints. Must not: judge a trigger: the exchange does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..order_life import OrderRecord
from .market_data import bounded
from .order_forms import NAMELESS, algo_form, client_id_of
from .ordering import conditional_order
from .orders import ALL_CANCELLED, ORDERS_MAX, cancel, cancel_conditionals, place
from .refusals import BOTH_EMPTY, WireRefusalError, refuse
from .requests import AlgoOrdersOf, NewAlgoOrder, OfSymbol, OneAlgoOrder, OpenAlgoOrdersOf
from .routes import Security, endpoint

if TYPE_CHECKING:
    from .desk import Desk


def form_of(desk: Desk, record: OrderRecord) -> dict[str, Any]:
    """A conditional as this wire shows it."""
    return algo_form(record, desk.symbols[record.symbol], desk.numbers[record.symbol])


@endpoint("POST", "/fapi/v1/algoOrder", request=NewAlgoOrder, security=Security.SIGNED, weight=0, orders=1)
async def new_algo_order(desk: Desk, account: int, request: NewAlgoOrder) -> dict[str, Any]:
    """Place a conditional order."""
    accepted, _ = await place(desk, conditional_order(desk, account, request))
    return form_of(desk, accepted)


def _wanted(desk: Desk, account: int, request: OneAlgoOrder, missing: int) -> OrderRecord:
    algo_id, client_id = request.algo_id, request.client_algo_id
    if algo_id is None and client_id is None:
        raise WireRefusalError(-1102, BOTH_EMPTY % ("algoId", "clientAlgoId"))
    if algo_id is None and client_id is not None and client_id.startswith(NAMELESS):
        number = client_id.removeprefix(NAMELESS)
        algo_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
    record = desk.order(account, algo_id, client_id, desk.row_or_none(request.symbol), are_conditional=True)
    if record is None or not record.is_conditional or record.is_plain_form:
        raise refuse(missing)
    return record


@endpoint("GET", "/fapi/v1/algoOrder", request=OneAlgoOrder, security=Security.SIGNED)
def one_algo_order(desk: Desk, account: int, request: OneAlgoOrder) -> dict[str, Any]:
    """A conditional order, finished or not."""
    return form_of(desk, _wanted(desk, account, request, -2013))


@endpoint("DELETE", "/fapi/v1/algoOrder", request=OneAlgoOrder, security=Security.SIGNED)
async def cancel_algo_order(desk: Desk, account: int, request: OneAlgoOrder) -> dict[str, Any]:
    """Cancel a conditional order that waits."""
    record = _wanted(desk, account, request, -2011)
    if record.triggered_ms:
        raise refuse(-2011)
    await cancel(desk, account, record)
    return {"algoId": record.order_id, "clientAlgoId": client_id_of(record), "code": "200", "msg": "success"}


@endpoint(
    "GET",
    "/fapi/v1/openAlgoOrders",
    request=OpenAlgoOrdersOf,
    security=Security.SIGNED,
    weight=lambda r: 1 if r.symbol else 40,
)
def open_algo_orders(desk: Desk, account: int, request: OpenAlgoOrdersOf) -> list[dict[str, Any]]:
    """All conditional orders that wait."""
    found = desk.core.orders.open(account, desk.row_or_none(request.symbol))
    return [
        form_of(desk, one)
        for one in found
        if is_shown_as_algo(one) and not one.triggered_ms and request.algo_id in (None, one.order_id)
    ]


def is_shown_as_algo(record: OrderRecord) -> bool:
    """Whether the algo endpoints show a record."""
    return record.is_conditional and not record.is_plain_form


@endpoint("GET", "/fapi/v1/allAlgoOrders", request=AlgoOrdersOf, security=Security.SIGNED, weight=5)
def all_algo_orders(desk: Desk, account: int, request: AlgoOrdersOf) -> list[dict[str, Any]]:
    """Conditional orders of the past too, by id."""
    found = desk.conditionals(
        account,
        desk.row_or_none(request.symbol),
        request.algo_id,
        request.start_time,
        request.end_time,
        bounded(request.limit, ORDERS_MAX),
    )
    return [form_of(desk, one) for one in found if is_shown_as_algo(one)]


@endpoint("DELETE", "/fapi/v1/algoOpenOrders", request=OfSymbol, security=Security.SIGNED)
def cancel_all_algo(desk: Desk, account: int, request: OfSymbol) -> dict[str, Any]:
    """Cancel all conditional orders of a symbol."""
    cancel_conditionals(desk, account, desk.row(request.symbol), are_plain=False)
    return ALL_CANCELLED
