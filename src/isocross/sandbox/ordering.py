"""Ordering: an order in a trader's words, as the commands that place it: the order, then its exits.

Responsible for: Wish, what it asks of an exchange. Must not: send a command, know what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ..codes import CommandKind, OrderType, PositionMode, PositionSide, Refusal, Side, SymbolStatus, TimeInForce
from ..errors import InputError, RefusedError
from ..exchange import Exchange
from ..rulebook import SymbolRules
from ..units import Amount, format_e8, to_e8, to_grid, to_time_ms
from .refusing import Command
from .sizing import lots_for_margin


@dataclass(frozen=True, slots=True)
class Wish:
    """One order and its exits, on the grids of its contract."""

    rules: SymbolRules
    side: Side
    fields: dict[str, Any]  # of PLACE_ORDER, without lots
    lots: int | None  # None: as many as `margin_e8` holds
    margin_e8: int | None
    exits: tuple[tuple[OrderType, int], ...]  # trigger in ticks
    who: str  # the account's name

    @classmethod
    def of(
        cls,
        exchange: Exchange,
        account: int,
        who: str,
        symbol: str,
        side: Side | str,
        *,
        qty: Amount | None = None,
        margin: Amount | None = None,
        price: Amount | None = None,
        stop: Amount | None = None,
        take_profit: Amount | None = None,
        reduce_only: bool = False,
        tif: str = "GTC",
        until: int | str | None = None,
        position_side: PositionSide | str | None = None,
    ) -> Wish:
        """From the arguments of Account.order. Errors   InputError, AmountError."""
        rules = exchange.rules(symbol)
        chosen = side if isinstance(side, Side) else member(Side, side, "side", ("BUY", "SELL"))
        what = f"{chosen.name.lower()} {rules.symbol}"
        if (qty is None) == (margin is None):
            raise InputError(f"{what}: expected either qty or margin")
        if reduce_only and not (margin is None and stop is None and take_profit is None):
            raise InputError(f"{what}: reduce_only opens nothing: leave out margin, stop and take_profit")
        if until is not None and (price is None or tif != "GTC"):
            raise InputError(f"{what}: until is of a limit order that rests: expected a price, and no tif")
        fields = {
            "account": account,
            "symbol": exchange.symbol_row(symbol),
            "side": chosen,
            "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "price_ticks": 0 if price is None else to_grid(price, rules.tick_e8, f"price ({rules.symbol}, tick)"),
            "time_in_force": member(TimeInForce, tif, "tif", ("GTC", "IOC", "FOK", "GTX")),
            "is_reduce_only": int(reduce_only),
        }
        if until is not None:
            fields |= {"time_in_force": TimeInForce.GTD, "expire_ms": to_time_ms(until, "until")}
        fields |= side_fields(exchange, account, chosen, reduce_only, position_side)
        exits = tuple(
            (kind, to_grid(trigger, rules.tick_e8, f"{name} ({rules.symbol}, tick)"))
            for name, kind, trigger in (
                ("stop", OrderType.STOP_MARKET, stop),
                ("take_profit", OrderType.TAKE_PROFIT_MARKET, take_profit),
            )
            if trigger is not None
        )
        return cls(
            rules=rules,
            side=chosen,
            fields=fields,
            lots=None if qty is None else to_grid(qty, rules.step_e8, f"qty ({rules.symbol}, step)"),
            margin_e8=None if margin is None else to_e8(margin, "margin"),
            exits=exits,
            who=who,
        )

    @classmethod
    def to_close(
        cls,
        exchange: Exchange,
        account: int,
        who: str,
        symbol: str,
        qty: Amount | None,
        position_side: PositionSide | str | None = None,
    ) -> Wish:
        """A market order that closes the position, or `qty` of it. Errors   RefusedError when there is none."""
        rules, position = exchange.rules(symbol), exchange.position(account, symbol, side_of(position_side))
        lots = position.lots
        if lots == 0:
            text = f"close {rules.symbol}: {who} has no position there"
            raise RefusedError(f"{text} ({Refusal.REDUCE_ONLY_REJECTED.name})", Refusal.REDUCE_ONLY_REJECTED)
        side = Side.SELL if lots > 0 else Side.BUY
        whole = format_e8(abs(lots) * rules.step_e8)
        size = whole if qty is None else qty
        named = position.position_side or None
        return cls.of(exchange, account, who, symbol, side, qty=size, reduce_only=True, position_side=named)

    def sized(self, exchange: Exchange, before: Sequence[Command] = ()) -> Wish:
        """With its lots. before: commands whose effect an order for a margin meets.

        Errors   InputError, RefusedError: see lots_for_margin.
        """
        if self.margin_e8 is None:
            return self
        what = f"{self.who}: {self.side.name.lower()} {self.rules.symbol}"
        return replace(self, lots=lots_for_margin(exchange, self.fields, self.margin_e8, what, before))

    @property
    def commands(self) -> list[Command]:
        """The order, then its exits. Its lots are known."""
        assert self.lots is not None
        size = format_e8(self.lots * self.rules.step_e8)
        name = f"{self.side.name.lower()} {size} {self.rules.symbol}"
        order = Command(CommandKind.PLACE_ORDER, self.fields | {"lots": self.lots}, name)
        is_long = self.side == Side.BUY
        account, symbol = self.fields["account"], self.fields["symbol"]
        side = self.fields.get("position_side", PositionSide.BOTH)
        return [order, *(exit_command(self.rules, account, symbol, side, is_long, *one) for one in self.exits)]


def side_of(name: PositionSide | str | None) -> PositionSide | None:
    """A position side by its name. Errors   InputError."""
    if name is None or isinstance(name, PositionSide):
        return name
    if str(name).upper() not in ("LONG", "SHORT"):
        raise InputError(f"position_side: {name!r}: expected long or short")
    return PositionSide[str(name).upper()]


def side_fields(
    exchange: Exchange, account: int, side: Side, is_reduce_only: bool, name: PositionSide | str | None
) -> dict[str, Any]:
    """The position side of an order, in hedge mode: the one named; else a buy is of the long, a sell of the short."""
    if exchange.position_mode(account) == PositionMode.ONE_WAY and name is None:
        return {}
    own = PositionSide.LONG if (side == Side.BUY) != is_reduce_only else PositionSide.SHORT
    return {"position_side": side_of(name) or own}


def exit_command(
    rules: SymbolRules,
    account: int,
    symbol: int,
    position_side: PositionSide,
    is_of_long: bool,
    kind: OrderType,
    trigger_ticks: int,
) -> Command:
    """A stop or take-profit that closes all of a position."""
    fields = {
        "account": account,
        "symbol": symbol,
        "side": Side.SELL if is_of_long else Side.BUY,
        "order_type": kind,
        "trigger_ticks": trigger_ticks,
        "is_close_position": 1,
        "position_side": position_side,
    }
    name = "stop" if kind == OrderType.STOP_MARKET else "take-profit"
    return Command(CommandKind.PLACE_CONDITIONAL, fields, f"{name} {rules.symbol}")


_E = TypeVar("_E", TimeInForce, Side, SymbolStatus)


def member(enum: type[_E], text: str, name: str, allowed: Sequence[str]) -> _E:
    """An enum's member by its name in any case."""
    if str(text).upper() not in allowed:
        raise InputError(f"{name}: {text!r}: expected one of {', '.join(allowed)}")
    return enum[str(text).upper()]
