"""Words: the closed enumerations of this wire, both ways.

Responsible for: the word of every code of the engine and the code of every word. Must not: invent a word: strict clients
fail on one they do not know.
"""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum
from typing import Any, TypeVar

from ...codes import (
    MarginMode,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
    WorkingType,
)
from ..order_life import OrderStatus


class ResponseType(StrEnum):
    """What an order's answer shows: the state at acceptance, or what became of it."""

    ACK = "ACK"
    RESULT = "RESULT"


class Interval(StrEnum):
    """Spans of candles."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    D3 = "3d"
    W1 = "1w"
    MO1 = "1M"


class IncomeType(StrEnum):
    """What moved money."""

    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    FUNDING_FEE = "FUNDING_FEE"
    COMMISSION = "COMMISSION"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    # Known words that nothing here ever is; a client may ask for them.
    WELCOME_BONUS = "WELCOME_BONUS"
    REFERRAL_KICKBACK = "REFERRAL_KICKBACK"
    COMMISSION_REBATE = "COMMISSION_REBATE"
    API_REBATE = "API_REBATE"
    INTERNAL_TRANSFER = "INTERNAL_TRANSFER"
    AUTO_EXCHANGE = "AUTO_EXCHANGE"
    COIN_SWAP_DEPOSIT = "COIN_SWAP_DEPOSIT"
    COIN_SWAP_WITHDRAW = "COIN_SWAP_WITHDRAW"


class AutoClose(StrEnum):
    """Which of the engine's own orders are asked for."""

    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"


class AlgoType(StrEnum):
    """The one kind of order at the algo endpoints."""

    CONDITIONAL = "CONDITIONAL"


CODE_OF_MALFORMED: dict[type[Enum], int] = {
    Side: -1117,
    OrderType: -1116,
    TimeInForce: -1115,
    Interval: -1120,
}

WORKING_TYPE = {WorkingType.LAST_PRICE: "CONTRACT_PRICE", WorkingType.MARK_PRICE: "MARK_PRICE"}
MARGIN_TYPE = {MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"}
MARGIN_TYPE_LOW = {MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"}
ORDER_STATUS = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.EXPIRED_IN_MATCH: "EXPIRED_IN_MATCH",
    OrderStatus.REJECTED: "REJECTED",
    # A conditional in its plain form, in the moment between its trigger and what its order became.
    OrderStatus.TRIGGERED: "NEW",
    OrderStatus.FINISHED: "FILLED",
}
ALGO_STATUS = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.TRIGGERED: "TRIGGERED",
    OrderStatus.FINISHED: "FINISHED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.EXPIRED_IN_MATCH: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
}
SYMBOL_STATUS = {
    SymbolStatus.TRADING: "TRADING",
    SymbolStatus.REDUCE_ONLY: "PRE_SETTLE",
    SymbolStatus.PAUSED: "TRADING_HALT",
    SymbolStatus.DELISTED: "CLOSE",
}
CONDITIONAL_TYPES = frozenset(OrderType) - {OrderType.LIMIT, OrderType.MARKET}
LIMIT_CONDITIONAL_TYPES = frozenset({OrderType.STOP, OrderType.TAKE_PROFIT})
assert set(WORKING_TYPE) == set(WorkingType)
assert set(MARGIN_TYPE) == set(MARGIN_TYPE_LOW) == set(MarginMode)
assert set(ORDER_STATUS) == set(OrderStatus)
assert set(SYMBOL_STATUS) == set(SymbolStatus)

_OWN_WORDS: dict[type[Enum], dict[Any, str]] = {WorkingType: WORKING_TYPE, MarginMode: MARGIN_TYPE}
Word = TypeVar("Word", bound=Enum)


def _words(kind: type[Word]) -> dict[str, Word]:
    own = _OWN_WORDS.get(kind)
    if own is not None:
        return {word: member for member, word in own.items()}
    if issubclass(kind, IntEnum):
        return {member.name: member for member in kind}
    return {str(member.value): member for member in kind}


_READ: dict[type[Enum], dict[str, Any]] = {
    kind: _words(kind)
    for kind in (
        Side, OrderType, TimeInForce, PositionSide, WorkingType, MarginMode, SelfTradePrevention, ResponseType, Interval,
        IncomeType, AutoClose, AlgoType,
    )
}  # fmt: skip


def read_word(kind: type[Word], text: str) -> Word:
    """The member that a word names. Errors  ValueError."""
    member: Word | None = _READ[kind].get(text)
    if member is None:
        raise ValueError(text)
    return member


def words_of(kind: type[Enum]) -> list[str]:
    """All words of an enumeration."""
    return list(_READ[kind])
