"""Checking: the pre-trade checklist of the order in the form.

Responsible for: the state that the order would be placed in, the rules' answers as plain data. Must not: judge (policy.checklist does),
change anything: a mode and a leverage that are not set yet are set on a copy.
"""

from __future__ import annotations

from typing import Any

from ...codes import MarginMode, OrderType, TimeInForce
from ...exchange import Exchange
from ...policy.checklist import Checklist
from ...policy.planned import PlannedOrder
from ..accounts import Account
from .asking import settling
from .forms import Order
from .hall import Hall
from .wishes import wanted


async def check(hall: Hall, account: Account, order: Order) -> dict[str, Any]:
    """What each rule says of the order: pass, warn or block, and why. Errors   InputError, RefusedError."""
    core = hall.core
    core.time_ms()
    exchange = core.exchange
    asked = wanted(exchange, account, order)
    if asked.waiting is not None:
        return {"verdict": None, "policy": "", "rules": []}  # nothing is placed before it triggers
    symbol = asked.wish.rules.symbol
    mode = None if order.mode is None else MarginMode[order.mode.upper()]
    world = _settled(exchange, account, symbol, mode, order.leverage)
    wish = asked.sized(world, []).wish
    fields, stops = wish.fields, [ticks for kind, ticks in wish.exits if kind == OrderType.STOP_MARKET]
    planned = PlannedOrder(
        symbol=symbol,
        side=wish.side,
        lots=wish.lots or 0,
        price_ticks=fields["price_ticks"],
        time_in_force=TimeInForce(fields["time_in_force"]),
        is_reduce_only=bool(fields["is_reduce_only"]),
        stop_ticks=stops[0] if stops else None,
        position_side=fields.get("position_side"),
    )
    checklist = Checklist(world)
    if mode is not None and (world is not exchange or hall.is_confirmed(account.row, exchange.symbol_row(symbol))):
        checklist.acknowledge(symbol, account.row)
    told = checklist.check(planned, account.row)
    return {
        "verdict": told.verdict.name.lower(),
        "policy": told.policy,
        "rules": [one.to_dict() for one in told.rules],
    }


def _settled(
    exchange: Exchange, account: Account, symbol: str, mode: MarginMode | None, leverage: int | None
) -> Exchange:
    """The exchange, or a copy that has the mode and the leverage of the form. Errors   RefusedError."""
    commands = settling(exchange, account.row, symbol, mode, leverage)
    if not commands:
        return exchange
    copy = exchange.copy()
    for one in commands:
        copy.submit(one.kind, **one.fields).raise_if_refused()
    return copy
