"""Wishes: what the order form says, as the commands that carry it out.

Responsible for: orders at once and orders that wait for a trigger, their size as quantity, margin or share. Must not: send a command,
hold a margin formula: what can be had is asked of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...codes import CommandKind, EventKind, OrderType, Refusal, Side, TimeInForce, WorkingType
from ...errors import InputError, RefusedError
from ...exchange import Exchange
from ...policy.sizing import most_lots
from ...sandbox.ordering import Wish
from ...sandbox.refusing import Command
from ...units import format_e8, to_e8, to_grid, to_rate_e8
from ..accounts import Account
from .forms import Order, decimal
from .risking import lots_for_risk

_TYPES = {  # at market, at a limit
    "stop": (OrderType.STOP_MARKET, OrderType.STOP),
    "take_profit": (OrderType.TAKE_PROFIT_MARKET, OrderType.TAKE_PROFIT),
    "trailing": (OrderType.TRAILING_STOP_MARKET, OrderType.TRAILING_STOP_MARKET),
}
_WATCHES = {"mark": WorkingType.MARK_PRICE, "last": WorkingType.LAST_PRICE}
_ALL = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order of the form. share: percent of the most that can be had, which is known when it is sized."""

    wish: Wish  # of a conditional: the order that it releases
    share: int | None
    waiting: dict[str, Any] | None  # of a conditional: the fields that it has beside its order's
    risk_e8: int | None = None  # what may be lost at the stop, likewise
    is_whole: bool = False  # a conditional that closes all of the position

    def sized(self, exchange: Exchange, before: Sequence[Command]) -> Wanted:
        """With its lots. before: commands whose effect it meets. Errors   InputError, RefusedError."""
        if self.is_whole:
            return self
        if self.risk_e8 is not None:
            lots = lots_for_risk(exchange, self.wish, self.risk_e8, before)
            return replace(self, wish=replace(self.wish, lots=lots))
        if self.share is None:
            return replace(self, wish=self.wish.sized(exchange, before))
        most = _most(exchange, self.wish, before)
        lots = most * self.share // _ALL
        if lots < 1:
            rules = self.wish.rules
            text = f"{self.share} % of {format_e8(most * rules.step_e8)} {rules.base_asset} is less than one step"
            raise RefusedError(f"{self.wish.who}: {text}", Refusal.QUANTITY_NOT_POSITIVE)
        return replace(self, wish=replace(self.wish, lots=lots))

    @property
    def lots(self) -> int | None:
        """Of the order; None: all of the position."""
        return None if self.is_whole else self.wish.lots

    @property
    def commands(self) -> list[Command]:
        """What is sent, the order first. It is sized."""
        if self.waiting is None:
            return self.wish.commands
        lots = 0 if self.is_whole else self.wish.lots
        fields = {**self.wish.fields, **self.waiting, "lots": lots}
        name = f"{self.waiting['order_type'].name.lower().replace('_', ' ')} {self.wish.rules.symbol}"
        return [Command(CommandKind.PLACE_CONDITIONAL, fields, name)]


def wanted(exchange: Exchange, account: Account, order: Order) -> Wanted:
    """What the form says, on the grids of its contract. Errors   InputError, AmountError."""
    quantity, margin, risk = decimal(order.quantity), decimal(order.margin), decimal(order.risk)
    if sum(one is not None for one in (quantity, margin, risk, order.share)) != 1:
        raise InputError("order: expected one of a margin, a quantity, a risk and a share")
    rules = exchange.rules(order.symbol)
    wish = Wish.of(
        exchange,
        account.row,
        account.name,
        order.symbol,
        order.side,
        qty=quantity if order.share is None and risk is None else format_e8(rules.step_e8),
        margin=margin,
        price=decimal(order.price),
        stop=decimal(order.stop),
        take_profit=decimal(order.take_profit),
        reduce_only=order.is_reduce_only,
        tif=order.time_in_force,
    )
    if order.kind == "order":
        if order.price is None and order.time_in_force != "GTC":
            raise InputError(f"time in force: {order.time_in_force} is for an order with a limit price")
        return Wanted(wish, order.share, None, None if risk is None else to_e8(risk, "risk"))
    if risk is not None:
        raise InputError("risk: it sizes an order that is placed at once, with its stop")
    return Wanted(wish, order.share, _waiting(order, wish), is_whole=_is_whole(order))


def _waiting(order: Order, wish: Wish) -> dict[str, Any]:
    """The fields of a conditional beside its order's. Errors   InputError, AmountError."""
    if wish.exits:
        raise InputError("order: a stop and a take-profit go with an order that is placed at once")
    rules, trigger = wish.rules, decimal(order.trigger)
    is_trailing = order.kind == "trailing"
    if trigger is None and not is_trailing:
        raise InputError("trigger: expected the price that it waits for")
    if is_trailing and order.price is not None:
        raise InputError("order: a trailing stop releases an order at market")
    at_market, at_limit = _TYPES[order.kind]
    callback = decimal(order.callback)
    if is_trailing and callback is None:
        raise InputError("callback: expected the percent that it stays behind")
    return {
        "order_type": at_market if order.price is None else at_limit,
        "trigger_ticks": 0 if trigger is None else to_grid(trigger, rules.tick_e8, f"trigger ({rules.symbol}, tick)"),
        "callback_rate_e8": to_rate_e8(f"{callback}%", "callback") if is_trailing else 0,
        "working_type": _WATCHES[order.watches],
        "is_close_position": int(_is_whole(order)),
        "is_reduce_only": int(order.is_reduce_only and not _is_whole(order)),
    }


def _is_whole(order: Order) -> bool:
    """Whether a conditional closes all of the position there is when it triggers, whatever its size is then."""
    is_at_market = order.price is None and order.kind in ("stop", "take_profit")
    return is_at_market and order.is_reduce_only and order.share == _ALL


def _most(exchange: Exchange, wish: Wish, before: Sequence[Command]) -> int:
    """The most lots that can be had: opened, after the commands before; or reduced."""
    fields = wish.fields
    account, symbol, side = fields["account"], wish.rules.symbol, fields.get("position_side")
    if fields["is_reduce_only"]:
        lots = exchange.position(account, symbol, side).lots
        return abs(lots) if (lots > 0) == (wish.side == Side.SELL) else 0
    return most_lots(
        lambda lots: lots == 0 or _can_be_had(exchange, fields | {"lots": lots}, before), wish.rules.lots_max
    )


def _can_be_had(exchange: Exchange, fields: dict[str, Any], before: Sequence[Command]) -> bool:
    """Whether an order of this size is accepted and keeps what it asks for; the least order is no matter of money."""
    with exchange.previewing():
        for one in before:
            exchange.submit(one.kind, **one.fields)
        done = exchange.submit(CommandKind.PLACE_ORDER, **{**fields, "time_in_force": TimeInForce.GTC})
    if not done.is_accepted:
        return done.refusal == Refusal.NOTIONAL_TOO_SMALL
    return not ((done.events["kind"] == EventKind.EXPIRED) & (done.events["order_id"] == done.order_id)).any()
