"""Order forms: how this wire shows an order: as an ordinary one, and as a conditional one.

Responsible for: the two forms, and the names that orders without a client id go by. Must not: decide which orders are shown.
"""

from __future__ import annotations

from typing import Any

from ...codes import OrderType
from ...units import format_e8
from ..fills import Fill
from ..order_life import OrderRecord, OrderStatus
from .numbers import SymbolNumbers, money
from .words import ALGO_STATUS, LIMIT_CONDITIONAL_TYPES, ORDER_STATUS, WORKING_TYPE

NAMELESS = "isocross-"  # and the order's id: the client id of an order that was given none
_RATE_DECIMALS = 6  # a callback rate × 10^8 as a percentage


def client_id_of(record: OrderRecord) -> str:
    """The client id that the wire shows."""
    return record.client_id or f"{NAMELESS}{record.parent_id or record.order_id}"


def shown_id(record: OrderRecord) -> int:
    """The id that the wire shows: a plain conditional keeps its own when its order is released."""
    return record.parent_id if record.is_plain_form and record.parent_id else record.order_id


def quantity_of(record: OrderRecord, numbers: SymbolNumbers) -> str:
    """What the order was for."""
    return numbers.quantity(record.lots)


def average_price(record: OrderRecord, numbers: SymbolNumbers) -> str:
    """Average price of its fills."""
    return numbers.average(record.filled_value_e8, record.filled_lots) if record.filled_lots else "0.00000"


def fill_price(fill: Fill, numbers: SymbolNumbers) -> str:
    """Price of a fill; what was handed over outside the book has an average."""
    return numbers.price(fill.price_ticks) if fill.price_ticks else numbers.average(fill.value_e8, fill.lots)


def price_of(record: OrderRecord, numbers: SymbolNumbers) -> str:
    """Its limit; 0 at market."""
    return numbers.price(record.price_ticks) if record.price_ticks else "0"


def trigger_of(record: OrderRecord, numbers: SymbolNumbers) -> str:
    """Its trigger; 0 where there is none, or where it is the activation of a trailing stop."""
    is_trailing = record.original_type == OrderType.TRAILING_STOP_MARKET
    return numbers.price(record.trigger_ticks) if record.trigger_ticks and not is_trailing else "0"


def activation_of(record: OrderRecord, numbers: SymbolNumbers) -> str:
    """Where a trailing stop becomes active."""
    return numbers.price(record.trigger_ticks) if record.trigger_ticks else "0"


def callback_of(record: OrderRecord) -> str:
    """Callback of a trailing stop, in percent."""
    return format_e8(record.callback_rate_e8 * 100, 1)


def status_of(record: OrderRecord) -> str:
    """Its status as an ordinary order."""
    if record.status == OrderStatus.FINISHED and record.filled_lots < record.lots:
        return "EXPIRED"
    return ORDER_STATUS[record.status]


def order_form(record: OrderRecord, symbol: str, numbers: SymbolNumbers, *, with_time: bool = False) -> dict[str, Any]:
    """An order."""
    quantity = numbers.quantity(record.filled_lots)
    form = {
        "orderId": shown_id(record),
        "symbol": symbol,
        "status": status_of(record),
        "clientOrderId": client_id_of(record),
        "price": price_of(record, numbers),
        "avgPrice": average_price(record, numbers),
        "origQty": quantity_of(record, numbers),
        "executedQty": quantity,
        "cumQty": quantity,
        "cumQuote": money(record.filled_value_e8),
        "timeInForce": time_in_force_of(record),
        "type": record.order_type._name_,
        "reduceOnly": record.is_reduce_only,
        "closePosition": record.is_close_position,
        "side": record.side._name_,
        "positionSide": record.position_side._name_,
        "stopPrice": trigger_of(record, numbers),
        "workingType": WORKING_TYPE[record.working_type],
        "priceProtect": record.is_price_protected,
        "origType": record.original_type._name_,
        "priceMatch": "NONE",
        "selfTradePreventionMode": record.self_trade_prevention._name_,
        "goodTillDate": record.expire_ms,
        "updateTime": record.updated_ms,
    }
    if record.original_type == OrderType.TRAILING_STOP_MARKET:
        form["activatePrice"] = activation_of(record, numbers)
        form["priceRate"] = callback_of(record)
    if with_time:
        form["time"] = record.created_ms
    return form


def time_in_force_of(record: OrderRecord) -> str:
    """Its time in force; a market order's says nothing, and reads GTC."""
    is_limit = record.order_type == OrderType.LIMIT or record.order_type in LIMIT_CONDITIONAL_TYPES
    return record.time_in_force._name_ if is_limit else "GTC"


def algo_form(record: OrderRecord, symbol: str, numbers: SymbolNumbers) -> dict[str, Any]:
    """A conditional order."""
    is_released = record.triggered_ms > 0 and record.status in (OrderStatus.TRIGGERED, OrderStatus.FINISHED)
    is_limit = record.order_type in LIMIT_CONDITIONAL_TYPES
    is_trailing = record.order_type == OrderType.TRAILING_STOP_MARKET
    form = {
        "algoId": record.order_id,
        "clientAlgoId": client_id_of(record),
        "algoType": "CONDITIONAL",
        "orderType": record.order_type._name_,
        "symbol": symbol,
        "side": record.side._name_,
        "positionSide": record.position_side._name_,
        "timeInForce": time_in_force_of(record),
        "quantity": quantity_of(record, numbers),
        "algoStatus": ALGO_STATUS[record.status],
        "actualOrderId": str(record.released_id) if is_released else "",
        "actualPrice": average_price(record, numbers) if is_released else "0",
        "triggerPrice": trigger_of(record, numbers),
        "price": numbers.price(record.price_ticks) if is_limit else "0",
        "icebergQuantity": None,
        "tpTriggerPrice": "0",
        "tpPrice": "0",
        "slTriggerPrice": "0",
        "slPrice": "0",
        "tpOrderType": "",
        "selfTradePreventionMode": record.self_trade_prevention._name_,
        "workingType": WORKING_TYPE[record.working_type],
        "priceMatch": "NONE",
        "closePosition": record.is_close_position,
        "priceProtect": record.is_price_protected,
        "reduceOnly": record.is_reduce_only,
        "createTime": record.created_ms,
        "updateTime": record.updated_ms,
        "triggerTime": record.triggered_ms,
        "goodTillDate": record.expire_ms,
    }
    if is_trailing:
        form["activatePrice"] = activation_of(record, numbers)
        form["callbackRate"] = callback_of(record)
    return form
