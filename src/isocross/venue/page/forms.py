"""Forms: what the page sends, as types.

Responsible for: the fields of its requests, their bounds. Must not: do what is asked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

Symbol = Annotated[str, msgspec.Meta(max_length=32)]
Number = Annotated[str, msgspec.Meta(max_length=40)]  # decimal text
Mode = Literal["isolated", "cross"]
World = Annotated[str, msgspec.Meta(max_length=64)]
Share = Annotated[int, msgspec.Meta(ge=1, le=100)]  # percent
OrderId = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$")]  # text: more digits than a browser's numbers hold
Leg = Literal["long", "short"]  # of a contract, in hedge mode


class Form(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Any of them. world: '' is the venue itself."""

    world: World = ""


class Token(Form):
    """What a sign-in link carries."""

    token: Annotated[str, msgspec.Meta(max_length=128)]


class Order(Form):
    """An order with its exits, as a trader words it: to be asked, or to be placed."""

    symbol: Symbol
    side: Literal["buy", "sell"]
    mode: Mode | None = None  # in which it is to be placed; None: as the contract is set
    leverage: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    kind: Literal["order", "stop", "take_profit", "trailing"] = "order"  # all but the first wait for their trigger
    margin: Number | None = None
    quantity: Number | None = None
    risk: Number | None = None  # what may be lost at the stop, fees included
    share: Share | None = None  # of the most that can be opened; of the position, where it is reduced
    price: Number | None = None  # None: at market
    trigger: Number | None = None  # of a trailing stop: from where it follows; None: from the start
    callback: Number | None = None  # percent that a trailing stop stays behind
    watches: Literal["mark", "last"] = "mark"  # the price that a trigger waits for
    time_in_force: Literal["GTC", "IOC", "FOK", "GTX"] = "GTC"
    stop: Number | None = None
    take_profit: Number | None = None
    is_reduce_only: bool = False


class Fork(Form):
    """A world beside this one, as this one was so long ago."""

    back_ms: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0


class OfSymbol(Form):
    """A contract."""

    symbol: Symbol


class OfOrder(Form):
    """An open order."""

    order_id: OrderId


class Amend(OfOrder):
    """Another price for an open order: its limit, or its trigger where it waits for one."""

    price: Number


class Close(Form):
    """A position, to be closed: all of it or a share, at market or at a limit; asked only, or done."""

    symbol: Symbol
    leg: Leg | None = None
    share: Share = 100
    price: Number | None = None
    is_reversed: bool = False  # as much the other way at once, at market


class Exits(Form):
    """A stop and a take-profit for all of a position that is open; asked only, or done."""

    symbol: Symbol
    leg: Leg | None = None
    stop: Number | None = None
    take_profit: Number | None = None
    watches: Literal["mark", "last"] = "mark"


class AlarmOn(Form):
    """A line that a position of the account may cross."""

    on: Literal["margin_ratio", "distance"]
    percent: Number
    symbol: Symbol | None = None  # None: any position


class OfAlarm(Form):
    """An alarm that is set."""

    alarm_id: Annotated[int, msgspec.Meta(ge=1)]


class Margin(Form):
    """Isolated margin of a position, to be added or removed; asked only, or done."""

    symbol: Symbol
    direction: Literal["add", "remove"]
    amount: Number
    leg: Leg | None = None


class ModeOf(Form):
    """A contract's margin mode, set or confirmed."""

    symbol: Symbol
    mode: Mode


class LeverageOf(Form):
    """A contract's leverage."""

    symbol: Symbol
    leverage: Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class Clock(Form):
    """How time goes on: at a speed, or by a step, or to the next settlement or liquidation of this account."""

    speed: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    step_ms: Annotated[int, msgspec.Meta(ge=1, le=86_400_000)] | None = None
    jump: Literal["funding", "liquidation"] | None = None


class Again(Form):
    """A liquidated trade, to be lived again from before its order: as it was, or in the other mode."""

    receipt: Annotated[int, msgspec.Meta(ge=1)]
    mode: Literal["same", "other"] = "same"


def decimal(text: str | None) -> Decimal | str | None:
    """What was typed: commas and spaces left out; nothing is None."""
    bare = (text or "").replace(",", "").replace(" ", "").replace("\u2009", "")
    return bare or None
