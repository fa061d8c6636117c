"""Planned: an order that somebody is about to send, from words or from a command's fields.

Responsible for: the small language of orders, the fields that the exchange takes. Must not: judge or send it.

    order   SYMBOL long|short|buy|sell QTY [@ PRICE] [stop PRICE] [reduce-only]      BTCUSDT long 0.083 @ 60000 stop 57500
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..codes import OrderType, PositionSide, Side, TimeInForce
from ..errors import InputError
from ..exchange import Exchange
from ..rulebook.model import SymbolRules
from ..units import Amount
from . import inputs

_ORDER = re.compile(
    r"^\s*(?P<symbol>[^\s@]+)\s+(?P<side>long|short|buy|sell)\s+(?P<qty>[^@\s]+)(?:\s*@\s*(?P<price>\S+))?"
    r"(?:\s+stop\s+(?P<stop>\S+))?(?P<reduce_only>\s+reduce-only)?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """An order in the exchange's integers. A stop closes the whole position at market when mark reaches it."""

    symbol: str
    side: Side
    lots: int
    price_ticks: int = 0  # 0: at market
    time_in_force: TimeInForce = TimeInForce.GTC
    is_reduce_only: bool = False
    stop_ticks: int | None = None
    position_side: PositionSide | None = None  # in hedge mode; None: a buy is of the long, a sell of the short

    @property
    def sign(self) -> int:
        """+1 of a buy, −1 of a sell."""
        return 1 if self.side == Side.BUY else -1

    @property
    def fields(self) -> dict[str, Any]:
        """Of PLACE_ORDER, without account and symbol."""
        return {
            "side": self.side,
            "order_type": OrderType.LIMIT if self.price_ticks else OrderType.MARKET,
            "price_ticks": self.price_ticks,
            "time_in_force": self.time_in_force,
            "lots": self.lots,
            "is_reduce_only": int(self.is_reduce_only),
            "position_side": self.position_side or PositionSide.BOTH,
        }

    def in_hedge_mode(self) -> PlannedOrder:
        """The same with a position side: its own, or that of what a buy or a sell is for."""
        of_long = (self.side == Side.BUY) != self.is_reduce_only
        return replace(self, position_side=self.position_side or (PositionSide.LONG if of_long else PositionSide.SHORT))


def to_order(
    order: str | PlannedOrder | Mapping[str, Any], exchange: Exchange, stop: Amount | None = None
) -> PlannedOrder:
    """An order as said in words, as a PlannedOrder, or as the fields of a PLACE_ORDER command; with its stop.

    Errors   InputError and its subclasses.
    """
    if isinstance(order, PlannedOrder):
        planned = order
    elif isinstance(order, str):
        planned = _read(order, exchange)
    else:
        planned = _of_fields(order, exchange)
    if stop is not None:
        if planned.stop_ticks is not None:
            raise InputError("stop: the order says one itself; say it once")
        planned = replace(planned, stop_ticks=inputs.to_price_ticks(stop, exchange.rules(planned.symbol), "stop"))
    return planned


def _read(text: str, exchange: Exchange) -> PlannedOrder:
    match = _ORDER.match(text)
    if match is None:
        raise InputError(
            f"order: {text!r} does not read as SYMBOL long|short QTY [@ PRICE] [stop PRICE] [reduce-only], "
            "for example BTCUSDT long 0.083 stop 57500"
        )
    rules: SymbolRules = exchange.rules(match["symbol"])
    stop = match["stop"]
    return PlannedOrder(
        symbol=rules.symbol,
        side=Side.BUY if match["side"].lower() in ("long", "buy") else Side.SELL,
        lots=inputs.to_lots(match["qty"], rules, "order qty"),
        price_ticks=inputs.to_price_ticks(match["price"], rules, "order price") if match["price"] else 0,
        is_reduce_only=match["reduce_only"] is not None,
        stop_ticks=None if stop is None else inputs.to_price_ticks(stop, rules, "stop"),
    )


def _of_fields(fields: Mapping[str, Any], exchange: Exchange) -> PlannedOrder:
    known = {"account", "symbol", "side", "order_type", "price_ticks", "time_in_force", "lots", "is_reduce_only"}
    known |= {"position_side"}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise InputError(f"order: {', '.join(unknown)} is no field of an order that can be checked: {sorted(known)}")
    missing = sorted({"symbol", "side", "lots"} - set(fields))
    if missing:
        raise InputError(f"order: {', '.join(missing)} is missing: expected the fields of PLACE_ORDER")
    is_market = fields.get("order_type", OrderType.LIMIT) == OrderType.MARKET
    price_ticks = 0 if is_market else int(fields.get("price_ticks", 0))
    if not is_market and price_ticks < 1:
        raise InputError(f"order: price_ticks = {price_ticks}: expected at least 1 for a limit order")
    try:
        side, time_in_force = Side(fields["side"]), TimeInForce(fields.get("time_in_force", TimeInForce.GTC))
    except ValueError as error:
        raise InputError(f"order: {error}") from None
    return PlannedOrder(
        symbol=exchange.rules(fields["symbol"]).symbol,
        side=side,
        lots=int(fields["lots"]),
        price_ticks=price_ticks,
        time_in_force=time_in_force,
        is_reduce_only=bool(fields.get("is_reduce_only", 0)),
        position_side=PositionSide(fields["position_side"]) if fields.get("position_side") in (1, 2) else None,
    )
