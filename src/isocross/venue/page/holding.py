"""Holding: what the page does with what is open: closing a position, its exits, another price for an order.

Responsible for: the commands, what they would do before they are sent. Must not: compute a margin or a profit (the engine carries it out
and is rolled back), open anything new but as much the other way.
"""

from __future__ import annotations

from typing import Any

from ...codes import CommandKind, OrderType, PositionSide, Refusal, Side, WorkingType
from ...errors import InputError, RefusedError
from ...sandbox.ordering import Wish, side_of
from ...sandbox.records import rounded_price
from ...sandbox.refusing import Command, refused
from ...units import format_e8, to_grid
from ...views import PositionView
from ...worlds.outcome import outcome_of
from ..accounts import Account
from ..order_life import OrderRecord
from ..sequencer import VenueCore
from .asking import distance_text
from .forms import Amend, Close, Exits, Form, Leg, decimal
from .hall import Hall
from .sending import cancelling, carry_out, own_order

_ALL = 100
_LEGS: dict[PositionSide, Leg] = {PositionSide.LONG: "long", PositionSide.SHORT: "short"}
_EXITS = {"stop": OrderType.STOP_MARKET, "take_profit": OrderType.TAKE_PROFIT_MARKET}


# ---- closing


async def close(hall: Hall, account: Account, form: Close) -> dict[str, Any]:
    """Close a position or a share of it, or turn it round."""
    done = carry_out(hall.core, [_closing(hall.core, account, form)])
    return {"order_id": str(done[0].order_id), "sequence": done[0].sequence}


async def close_all(hall: Hall, account: Account, form: Form) -> dict[str, Any]:
    """Close every position at market, all of them or none. Errors   InputError where none is open."""
    legs = hall.core.exchange.open_legs(account.row)
    if not legs:
        raise InputError("close all: no position is open")
    closes = [Close(symbol=symbol, leg=_LEGS.get(side)) for symbol, side in legs]
    carry_out(hall.core, [_closing(hall.core, account, one) for one in closes])
    return {"count": len(closes)}


async def cancel_all(hall: Hall, account: Account, form: Form) -> dict[str, Any]:
    """Cancel every open order, those that wait for a trigger too. Errors   InputError where none is open."""
    orders = [
        one for one in hall.core.orders.open(account.row, None) if hall.core.exchange.order(one.order_id) is not None
    ]
    if not orders:
        raise InputError("cancel all: no order is open")
    carry_out(hall.core, [cancelling(one) for one in orders])
    return {"count": len(orders)}


async def preview_close(hall: Hall, account: Account, form: Close) -> dict[str, Any]:
    """What closing it does: what is realized, what comes back, what is left."""
    core = hall.core
    core.time_ms()
    exchange = core.exchange
    command = _closing(core, account, form)
    rules = exchange.rules(form.symbol)
    told = outcome_of(exchange, account.row, rules.symbol, [(command.kind, command.fields)])
    is_accepted = told.refusal == Refusal.NONE
    after = told.position.after
    average = rounded_price(rules, told.value_e8, told.filled_lots)
    return {
        "is_accepted": is_accepted,
        "reason": "" if is_accepted else str(refused(exchange, [command], 0, told.refusal)),
        "quantity": format_e8(command.fields["lots"] * rules.step_e8),
        "filled": format_e8(told.filled_lots * rules.step_e8),
        "resting": format_e8(told.resting_lots * rules.step_e8),
        "average_price": None if average is None else f"{average:f}",
        "realized_pnl": format_e8(told.realized_pnl_e8),
        "fee": format_e8(told.fee_e8),
        "margin_back": format_e8(told.moved_back_e8),
        "available_before": format_e8(told.before.available_e8),
        "available_after": format_e8(told.after.available_e8),
        "position_after": format_e8(after.lots * rules.step_e8),
        "liquidation_after": None if after.liquidation_mark_e8 is None else format_e8(after.liquidation_mark_e8),
        "distance_after": distance_text(after.liquidation_mark_e8, after.mark_e8),
    }


def _closing(core: VenueCore, account: Account, form: Close) -> Command:
    """The order that closes. Errors   InputError, RefusedError."""
    exchange = core.exchange
    rules = exchange.rules(form.symbol)
    position = _open_position(core, account, form.symbol, form.leg)
    lots = abs(position.lots) * form.share // _ALL
    if lots < 1:
        text = f"{form.share} % of {format_e8(abs(position.lots) * rules.step_e8)} {rules.base_asset} is less than one step"
        raise RefusedError(f"close {rules.symbol}: {text}", Refusal.QUANTITY_NOT_POSITIVE)
    price = decimal(form.price)
    if form.is_reversed:
        if position.position_side != PositionSide.BOTH:
            raise InputError(
                f"{rules.symbol}: in hedge mode a position is closed, and the other side opened by an order"
            )
        if price is not None or form.share != _ALL:
            raise InputError(f"{rules.symbol}: a position is turned round whole and at market")
        lots *= 2
    wish = Wish.of(
        exchange,
        account.row,
        account.name,
        rules.symbol,
        Side.SELL if position.lots > 0 else Side.BUY,
        qty=format_e8(lots * rules.step_e8),
        price=price,
        reduce_only=not form.is_reversed,
        position_side=position.position_side or None,
    )
    return wish.commands[0]


def _open_position(core: VenueCore, account: Account, symbol: str, leg: str | None) -> PositionView:
    """Errors   RefusedError where none is open."""
    position = core.exchange.position(account.row, symbol, side_of(leg))
    if position.lots == 0:
        raise RefusedError(f"{position.symbol}: no position is open", Refusal.REDUCE_ONLY_REJECTED)
    return position


# ---- exits


async def set_exits(hall: Hall, account: Account, form: Exits) -> dict[str, Any]:
    """Place a stop, a take-profit or both for all of a position; what it had of them is replaced."""
    carry_out(hall.core, _exiting(hall.core, account, form))
    return {}


async def preview_exits(hall: Hall, account: Account, form: Exits) -> dict[str, Any]:
    """What each exit realizes if it closes at its trigger, and whether the position lives to see it."""
    core = hall.core
    core.time_ms()
    exchange = core.exchange
    position = _open_position(core, account, form.symbol, form.leg)
    rules = exchange.rules(form.symbol)
    commands = _exiting(core, account, form)
    refusal, place = Refusal.NONE, 0
    with exchange.previewing():
        for place, one in enumerate(commands):  # noqa: B007
            refusal = exchange.submit(one.kind, **one.fields).refusal
            if refusal != Refusal.NONE:
                break
    told = []
    for name in _EXITS:
        trigger = decimal(getattr(form, name))
        if trigger is None:
            continue
        price_e8 = to_grid(trigger, rules.tick_e8, name) * rules.tick_e8
        pnl_e8 = exchange.unrealized_pnl_e8(rules.symbol, position.lots, position.entry_cost_e8, price_e8)
        told.append(
            {
                "name": name,
                "trigger": format_e8(price_e8),
                "distance": distance_text(price_e8, position.mark_e8),
                "pnl": format_e8(pnl_e8),
                "is_beyond_liquidation": _is_beyond(position, price_e8),
            }
        )
    reason = "" if refusal == Refusal.NONE else str(refused(exchange, commands, place, refusal))
    return {"is_accepted": refusal == Refusal.NONE, "reason": reason, "exits": told}


def _is_beyond(position: PositionView, price_e8: int) -> bool:
    """Whether the position is liquidated before the mark reaches this price."""
    liquidation_e8 = position.liquidation_mark_e8
    if liquidation_e8 is None:
        return False
    is_below = liquidation_e8 < position.mark_e8
    return price_e8 <= liquidation_e8 if is_below else price_e8 >= liquidation_e8


def _exiting(core: VenueCore, account: Account, form: Exits) -> list[Command]:
    """The exits that are there, cancelled; those that are asked for. Errors   InputError, RefusedError."""
    exchange = core.exchange
    position = _open_position(core, account, form.symbol, form.leg)
    rules, row = exchange.rules(form.symbol), exchange.symbol_row(form.symbol)
    side = Side.SELL if position.lots > 0 else Side.BUY
    asked = {name: decimal(getattr(form, name)) for name in _EXITS}
    if all(one is None for one in asked.values()):
        raise InputError(f"{rules.symbol}: expected a stop, a take-profit or both")
    cancels, places = [], []
    for name, trigger in asked.items():
        if trigger is None:
            continue
        words = f"{name.replace('_', '-')} {rules.symbol}"
        for one in core.orders.open(account.row, row):
            is_same = one.is_close_position and one.position_side == position.position_side and one.side == side
            if is_same and one.order_type == _EXITS[name]:
                cancels.append(cancelling(one))
        fields = {
            "account": account.row,
            "symbol": row,
            "side": side,
            "order_type": _EXITS[name],
            "trigger_ticks": to_grid(trigger, rules.tick_e8, f"{words}, tick"),
            "working_type": WorkingType.MARK_PRICE if form.watches == "mark" else WorkingType.LAST_PRICE,
            "is_close_position": 1,
            "position_side": position.position_side,
        }
        places.append(Command(CommandKind.PLACE_CONDITIONAL, fields, words))
    return [*cancels, *places]


# ---- another price


async def amend(hall: Hall, account: Account, form: Amend) -> dict[str, Any]:
    """Move an open order: its limit price, or its trigger. A conditional is cancelled and placed anew, at once or not at all."""
    core = hall.core
    record = own_order(core, account, form.order_id)
    rules = core.exchange.rules(record.symbol)
    ticks = to_grid(decimal(form.price) or "", rules.tick_e8, f"price ({rules.symbol}, tick)")
    name = f"{record.order_type.name.lower().replace('_', ' ')} {rules.symbol}"
    if not record.is_conditional:
        fields = {"account": account.row, "order_id": record.order_id, "price_ticks": ticks}
        done = carry_out(core, [Command(CommandKind.AMEND_ORDER, fields, name)])
        return {"order_id": form.order_id, "sequence": done[0].sequence}
    done = carry_out(core, [cancelling(record), Command(CommandKind.PLACE_CONDITIONAL, _anew(record, ticks), name)])
    return {"order_id": str(done[1].order_id), "sequence": done[1].sequence}


def _anew(record: OrderRecord, trigger_ticks: int) -> dict[str, Any]:
    """A conditional as it was placed, with another trigger."""
    fields: dict[str, Any] = {
        "account": record.account,
        "symbol": record.symbol,
        "side": record.side,
        "order_type": record.order_type,
        "time_in_force": record.time_in_force,
        "price_ticks": record.price_ticks,
        "trigger_ticks": trigger_ticks,
        "lots": record.lots,
        "callback_rate_e8": record.callback_rate_e8,
        "working_type": record.working_type,
        "position_side": record.position_side,
        "self_trade_prevention": record.self_trade_prevention,
        "expire_ms": record.expire_ms,
        "is_reduce_only": int(record.is_reduce_only and not record.is_close_position),
        "is_close_position": int(record.is_close_position),
        "is_price_protected": int(record.is_price_protected),
        "sender_note": int(record.is_plain_form),
    }
    return fields | ({"client_id": record.client_id} if record.client_id else {})
