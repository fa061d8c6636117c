"""Words: the names of the numbers in commands and events, for people and for exported files.

Responsible for: which field of which kind holds which enum. Must not: read a journal, know what a command does.

A field that a kind does not use holds 0, which may also be a name (BUY): it has a name only where it means something.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np

from ..codes import (
    CommandKind,
    EventKind,
    LiquidationStep,
    MarginMode,
    OrderType,
    PositionMode,
    PositionSide,
    Reason,
    Refusal,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
    ValueSource,
    WorkingType,
)
from ..command import NO_ROW
from ..units import format_time

_ORDERS = (CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL)

# column of a command → its enum, and the kinds in which it means something
COMMAND_NAMES: dict[str, tuple[type[IntEnum], tuple[CommandKind, ...]]] = {
    "kind": (CommandKind, tuple(CommandKind)),
    "side": (Side, _ORDERS),
    "order_type": (OrderType, _ORDERS),
    "time_in_force": (TimeInForce, (CommandKind.PLACE_ORDER,)),
    "position_side": (PositionSide, (*_ORDERS, CommandKind.ADD_MARGIN, CommandKind.REMOVE_MARGIN)),
    "working_type": (WorkingType, (CommandKind.PLACE_CONDITIONAL,)),
    "self_trade_prevention": (SelfTradePrevention, _ORDERS),
    "margin_mode": (MarginMode, (CommandKind.SET_MARGIN_MODE,)),
    "position_mode": (PositionMode, (CommandKind.SET_POSITION_MODE,)),
    "symbol_status": (SymbolStatus, (CommandKind.SET_SYMBOL_STATUS,)),
}

_SIDED = (
    EventKind.ACCEPTED,
    EventKind.FILLED,
    EventKind.CANCELLED,
    EventKind.EXPIRED,
    EventKind.BOOK_LEVEL,
    EventKind.LIQUIDATION_ORDER,
    EventKind.AMENDED,
    EventKind.TRIGGER_HELD,
)
_OF_POSITIONS = (
    EventKind.POSITION,
    EventKind.FUNDING,
    EventKind.MARGIN_CALL,
    EventKind.LIQUIDATION_STARTED,
    EventKind.LIQUIDATION_FEE,
    EventKind.LIQUIDATION_ENDED,
    EventKind.MARGIN_MODE_SET,
)

_OF_SIDES = (
    EventKind.POSITION,
    EventKind.AMENDED,
    EventKind.ACCEPTED,
    EventKind.FILLED,
    EventKind.CANCELLED,
    EventKind.EXPIRED,
    EventKind.TRIGGERED,
    EventKind.MARGIN_MOVED,
    EventKind.FUNDING,
    EventKind.MARGIN_CALL,
    EventKind.LIQUIDATION_STARTED,
    EventKind.LIQUIDATION_POSITION,
    EventKind.LIQUIDATION_ORDER,
    EventKind.LIQUIDATION_FEE,
    EventKind.LIQUIDATION_ENDED,
    EventKind.TAKEOVER,
    EventKind.ADL,
    EventKind.ADL_SKIPPED,
)

EVENT_NAMES: dict[str, tuple[type[IntEnum], tuple[EventKind, ...]]] = {
    "kind": (EventKind, tuple(EventKind)),
    "side": (Side, _SIDED),
    "margin_mode": (MarginMode, _OF_POSITIONS),
    "position_side": (PositionSide, _OF_SIDES),
}

# what `code` is, by the kind of the event
EVENT_CODES: dict[EventKind, type[IntEnum]] = {
    EventKind.REFUSED: Refusal,
    EventKind.ACCEPTED: OrderType,
    EventKind.CANCELLED: Reason,
    EventKind.EXPIRED: Reason,
    EventKind.WALLET: Reason,
    EventKind.MARGIN_MOVED: Reason,
    EventKind.LIQUIDATION_ENDED: LiquidationStep,
    EventKind.POSITION_MODE_SET: PositionMode,
    EventKind.SYMBOL_STATUS_SET: SymbolStatus,
    EventKind.PRICES: ValueSource,
    EventKind.FUNDING: ValueSource,
}


def command_words(record: np.void, symbols: tuple[str, ...]) -> str:
    """A command's fields, those that are 0 left out: 'account=2 symbol=BTCUSDT side=SELL lots=3'."""
    return " ".join(f"{name}={value}" for name, value in _told(record, symbols))


def _told(record: np.void, symbols: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    kind = int(record["kind"])
    for name in record.dtype.names or ():
        value = int(record[name])
        enum, kinds = COMMAND_NAMES.get(name, (None, ()))
        if name in ("sequence", "time_ms", "kind") or (name == "symbol" and value == NO_ROW):
            continue
        if name == "symbol" and 0 <= value < len(symbols) and (value or kind in _WITH_SYMBOL):
            yield name, symbols[value]
        elif enum is not None and kind in kinds:
            yield name, name_of(enum, value)
        elif value:
            yield name, str(value)


_WITH_SYMBOL = (
    CommandKind.CONTINUATION,
    *_ORDERS,
    CommandKind.SET_LEVERAGE,
    CommandKind.SET_MARGIN_MODE,
    CommandKind.ADD_MARGIN,
    CommandKind.REMOVE_MARGIN,
    CommandKind.QUOTE,
    CommandKind.CANCEL_ALL,
    CommandKind.COUNTDOWN_CANCEL,
    CommandKind.SET_SYMBOL_STATUS,
    CommandKind.SET_BRACKETS,
    CommandKind.SET_FEES,
)


def name_of(enum: type[IntEnum], value: int) -> str:
    """The name of a number, or the number where it has none: a command may hold any."""
    return enum(value).name if value in enum._value2member_map_ else str(value)


def counted(count: int, thing: str) -> str:
    """'1 snapshot', '2 snapshots'."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def time_words(time_ms: int) -> str:
    """A time as UTC text, or the number where it is none that a calendar has."""
    return format_time(time_ms) if 0 <= time_ms < 10**14 else f"{time_ms} ms"
