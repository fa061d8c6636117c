"""Sending: what the page does to its account: orders, margin, mode, leverage. All commands of one click, or none.

Responsible for: the commands of a click, the refusal in a trader's words. Must not: preview in the other mode (asking.py), close or
change what is open (holding.py), know a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...codes import CommandKind, MarginMode, PositionSide, Refusal
from ...errors import InputError
from ...sandbox.ordering import side_of
from ...sandbox.refusing import Command, refused
from ...units import format_e8, to_e8
from ..accounts import Account
from ..order_life import OrderRecord
from ..sequencer import Done, VenueCore
from .asking import distance_text, settling
from .forms import LeverageOf, Margin, ModeOf, OfOrder, Order, decimal
from .hall import Hall
from .wishes import wanted


def carry_out(core: VenueCore, commands: Sequence[Command]) -> list[Done]:
    """All of the commands at one instant, or none. Errors   RefusedError for the first that is refused.

    One that is refused first goes into the journal all the same, like a venue's; it changes nothing.
    """
    now_ms = core.time_ms()
    exchange = core.exchange
    refusal = Refusal.NONE
    place = 0
    with exchange.previewing():
        for place, one in enumerate(commands):  # noqa: B007
            bare = {name: value for name, value in one.fields.items() if name != "client_id"}  # is of the journal
            refusal = exchange.submit(one.kind, time_ms=now_ms, **bare).refusal
            if refusal != Refusal.NONE:
                break
    if refusal != Refusal.NONE:
        if place == 0:
            core.apply_at(now_ms, [(commands[0].kind, commands[0].fields)])
        raise refused(exchange, commands, place, refusal)
    return core.apply_at(now_ms, [(one.kind, one.fields) for one in commands])


async def place(hall: Hall, account: Account, order: Order) -> dict[str, Any]:
    """Place an order with its exits, in the mode and at the leverage of the form."""
    core = hall.core
    core.time_ms()
    exchange = core.exchange
    asked = wanted(exchange, account, order)
    symbol = asked.wish.rules.symbol
    mode = None if order.mode is None else MarginMode[order.mode.upper()]
    before = settling(exchange, account.row, symbol, mode, order.leverage)
    sized = asked.sized(exchange, before)
    done = carry_out(core, [*before, *sized.commands])
    hall.confirm(account.row, exchange.symbol_row(order.symbol))
    sent = done[len(before)]
    return {"order_id": str(sent.order_id), "sequence": sent.sequence}


async def cancel(hall: Hall, account: Account, form: OfOrder) -> dict[str, Any]:
    """Cancel an open order or exit of the account's own."""
    carry_out(hall.core, [cancelling(own_order(hall.core, account, form.order_id))])
    return {}


def cancelling(record: OrderRecord) -> Command:
    """The cancel of an open order."""
    kind = CommandKind.CANCEL_CONDITIONAL if record.is_conditional else CommandKind.CANCEL_ORDER
    fields = {"account": record.account, "order_id": record.order_id}
    return Command(kind, fields, f"cancel order {record.order_id}")


def own_order(core: VenueCore, account: Account, order_id: str) -> OrderRecord:
    """An open order of the account, conditionals included. Errors   InputError."""
    there = next((one for one in core.orders.open(account.row, None) if one.order_id == int(order_id)), None)
    if there is None:
        raise InputError(f"order {order_id}: no such order of this account is open")
    return there


async def set_mode(hall: Hall, account: Account, form: ModeOf) -> dict[str, Any]:
    """Set a contract's margin mode; the mode that it has is confirmed, which sends nothing."""
    exchange = hall.core.exchange
    row = exchange.symbol_row(form.symbol)
    commands = settling(exchange, account.row, exchange.symbols[row], MarginMode[form.mode.upper()], None)
    if commands:
        carry_out(hall.core, commands)
    hall.confirm(account.row, row)
    return {}


async def set_leverage(hall: Hall, account: Account, form: LeverageOf) -> dict[str, Any]:
    """Set a contract's leverage."""
    commands = settling(hall.core.exchange, account.row, form.symbol, None, form.leverage)
    if commands:
        carry_out(hall.core, commands)
    return {}


async def move_margin(hall: Hall, account: Account, form: Margin) -> dict[str, Any]:
    """Add isolated margin to a position, or remove it."""
    carry_out(hall.core, [_margin_command(hall.core, account, form)])
    return {}


async def preview_margin(hall: Hall, account: Account, form: Margin) -> dict[str, Any]:
    """What adding or removing isolated margin does to the liquidation price."""
    core = hall.core
    core.time_ms()
    command = _margin_command(core, account, form)
    exchange = core.exchange
    side = side_of(form.leg)
    before = exchange.position(account.row, form.symbol, side)
    with exchange.previewing():
        result = exchange.submit(command.kind, **command.fields)
        after = exchange.position(account.row, form.symbol, side)
    reason = "" if result.is_accepted else str(refused(exchange, [command], 0, result.refusal))

    def price(value_e8: int | None) -> str | None:
        return None if value_e8 is None else format_e8(value_e8)

    return {
        "is_accepted": result.is_accepted,
        "reason": reason,
        "margin_before": format_e8(before.isolated_wallet_e8),
        "margin_after": format_e8(after.isolated_wallet_e8),
        "liquidation_before": price(before.liquidation_mark_e8),
        "liquidation_after": price(after.liquidation_mark_e8),
        "distance_after": distance_text(after.liquidation_mark_e8, after.mark_e8),
        "max_add": format_e8(exchange.max_add_margin(account.row, form.symbol, side)),
        "max_remove": format_e8(exchange.max_remove_margin(account.row, form.symbol, side)),
    }


def _margin_command(core: VenueCore, account: Account, form: Margin) -> Command:
    kind = CommandKind.ADD_MARGIN if form.direction == "add" else CommandKind.REMOVE_MARGIN
    amount = decimal(form.amount)
    if amount is None:
        raise InputError("amount: expected how much")
    fields = {"account": account.row, "symbol": core.exchange.symbol_row(form.symbol), "amount_e8": to_e8(amount)}
    if form.leg is not None:
        fields["position_side"] = PositionSide[form.leg.upper()]
    return Command(kind, fields, f"{form.direction} margin, {form.symbol}")
