"""Sizing: how large an order may be for a margin: the most lots whose previews hold no more.

Responsible for: lots_for_margin. Must not: compute a margin: it is read off the account after a preview of the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..codes import CommandKind, EventKind, Refusal, Side, TimeInForce
from ..errors import InputError, RefusedError
from ..exchange import Exchange
from ..units import format_e8
from .refusing import LEND_E8, Command


class _Cost(NamedTuple):
    """What an order of so many lots holds, and why it cannot be had."""

    held_e8: int
    refusal: Refusal


def lots_for_margin(
    exchange: Exchange, order: Mapping[str, Any], margin_e8: int, what: str, before: Sequence[Command] = ()
) -> int:
    """The most lots of an order that hold at most this margin, its fee apart.

    Takes    order: the fields of PLACE_ORDER without its lots. what: how the order is called in a text. before: commands that
             come before it.
    Returns  lots ≥ 1. Held is what moves into an isolated position and stays reserved for it, or initial margin in cross.
             Money is lent for the question: who cannot pay is told so when the order is placed.
    Errors   InputError when the order would close something; RefusedError when the margin is less than one step holds, or
             more than can be had.
    """
    account, rules = order["account"], exchange.rules(order["symbol"])
    what = f"{what} for margin {format_e8(margin_e8)}"
    held = exchange.position(account, rules.symbol, order.get("position_side")).lots
    if held and (held > 0) != (order["side"] == Side.BUY):
        is_open = f"{format_e8(held * rules.step_e8)} {rules.quantity_asset} is open the other way"
        raise InputError(f"{what}: {is_open}, and margin sizes what is opened: expected qty")
    enough, too_many = 0, rules.lots_max + 1
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        cost = _cost(exchange, order, middle, before)
        is_possible = cost.refusal in (Refusal.NONE, Refusal.NOTIONAL_TOO_SMALL)
        if is_possible and cost.held_e8 <= margin_e8:
            enough = middle
        else:
            too_many = middle
    _, refusal = _cost(exchange, order, too_many, before)
    if refusal not in (Refusal.NONE, Refusal.NOTIONAL_TOO_SMALL):
        why = "the book holds no more" if refusal == Refusal.NO_LIQUIDITY else "one step more is refused"
        most = f"{format_e8(enough * rules.step_e8)} {rules.quantity_asset} is the most that can be had"
        raise RefusedError(f"{what}: {most}, {why} ({refusal.name})", refusal)
    if enough == 0:
        one, refusal = f"{format_e8(rules.step_e8)} {rules.quantity_asset}", Refusal.QUANTITY_NOT_POSITIVE
        needed = format_e8(_cost(exchange, order, 1, before).held_e8)
        raise RefusedError(
            f"{what}: less than one step of {one} holds: {needed} {rules.margin_asset} needed ({refusal.name})", refusal
        )
    return enough


def _cost(exchange: Exchange, order: Mapping[str, Any], lots: int, earlier: Sequence[Command]) -> _Cost:
    """What so many lots hold, by a preview with lent money."""
    account, symbol = order["account"], order["symbol"]
    asset = exchange.asset_row(exchange.rules(symbol).margin_asset)
    with exchange.previewing():
        for command in earlier:
            exchange.submit(command.kind, **command.fields)
        exchange.submit(CommandKind.DEPOSIT, account=account, asset=asset, amount_e8=LEND_E8)
        before = exchange.position(account, symbol, order.get("position_side"))
        fields = {**order, "lots": lots, "time_in_force": TimeInForce.GTC}
        done = exchange.submit(CommandKind.PLACE_ORDER, **fields)
        after = exchange.position(account, symbol, order.get("position_side"))
    held_e8 = after.isolated_wallet_e8 + after.margin_held_e8 - before.isolated_wallet_e8 - before.margin_held_e8
    expired = (done.events["kind"] == EventKind.EXPIRED) & (done.events["order_id"] == done.order_id)
    return _Cost(held_e8, Refusal.NO_LIQUIDITY if done.is_accepted and expired.any() else done.refusal)
