"""Order life: what every order went through, told event by event.

Responsible for: the record of an order that a client is shown; following it from its command and its events; the ids of
trades and of the engine's own orders. Must not: keep what is finished, know a wire name, read the exchange's state.

    lives = OrderLives()
    for event, record in lives.walk(commands, events):   # committed ones, in order
        ...                                              # the order as this event left it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from ..codes import (
    CommandKind,
    EventKind,
    OrderType,
    PositionSide,
    Reason,
    Refusal,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)
from ..command import CommandRow
from ..event import Event
from ..limits import ORDER_IDS_PER_COMMAND
from .kinds import is_of

HOUSE_ACCOUNTS = (0, 1)  # the insurance fund and the market maker: nobody is shown their orders
_HOUSE_LAST = max(HOUSE_ACCOUNTS)
TRADES_PER_COMMAND = 2_048
PLAIN_FORM = 1  # the note in the command of a conditional that was sent as an ordinary order
ENGINE_ORDERS_FIRST = 512  # order ids sequence × 1024 + 512 … are those of liquidations, takeovers and deleveraging


class OrderStatus(IntEnum):
    """Where an order stands. The numbers are in read models: append, never renumber."""

    OPEN = 0
    PARTIALLY_FILLED = 1
    FILLED = 2
    CANCELLED = 3
    EXPIRED = 4
    EXPIRED_IN_MATCH = 5  # by self-trade prevention
    REJECTED = 6  # a released order that was refused
    TRIGGERED = 7  # a conditional whose order lives
    FINISHED = 8  # a conditional whose order has ended


UNFINISHED = frozenset((OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGERED))


class Origin(IntEnum):
    """Who sent an order."""

    OWNER = 0
    LIQUIDATION = 1
    TAKEOVER = 2
    ADL = 3


class OrderRecord(msgspec.Struct, frozen=True, array_like=True):
    """An order, resting, conditional or finished, as one event left it. Ticks, lots, money × 10^8."""

    order_id: int
    account: int
    symbol: int
    client_id: str  # "": the owner gave none
    side: Side
    order_type: OrderType
    original_type: OrderType  # of the conditional that released it; else as order_type
    time_in_force: TimeInForce
    price_ticks: int  # limit; 0 at market
    lots: int
    created_ms: int
    updated_ms: int
    status: OrderStatus = OrderStatus.OPEN
    filled_lots: int = 0
    filled_value_e8: int = 0
    trigger_ticks: int = 0
    callback_rate_e8: int = 0
    working_type: WorkingType = WorkingType.LAST_PRICE
    position_side: PositionSide = PositionSide.BOTH
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER
    expire_ms: int = 0
    is_reduce_only: bool = False
    is_close_position: bool = False
    is_conditional: bool = False
    is_plain_form: bool = False  # a conditional that was sent as an ordinary order
    parent_id: int = 0  # the conditional that released it
    triggered_ms: int = 0
    refusal: Refusal = Refusal.NONE
    origin: Origin = Origin.OWNER
    is_price_protected: bool = False  # a trigger that sleeps on while last and mark are far apart

    @property
    def is_unfinished(self) -> bool:
        """Whether anything can still happen to it."""
        return self.status in UNFINISHED

    @property
    def released_id(self) -> int:
        """Of a conditional: the id of the order that it releases."""
        return self.order_id + 1


_ORDER_KINDS = frozenset(
    int(kind)
    for kind in (
        EventKind.REFUSED,
        EventKind.ACCEPTED,
        EventKind.FILLED,
        EventKind.CANCELLED,
        EventKind.EXPIRED,
        EventKind.TRIGGERED,
        EventKind.AMENDED,
        EventKind.LIQUIDATION_ORDER,
        EventKind.LIQUIDATION_ENDED,
        EventKind.TAKEOVER,
        EventKind.ADL,
    )
)
_ACCEPTED, _FILLED = int(EventKind.ACCEPTED), int(EventKind.FILLED)
_PLACES = frozenset((int(CommandKind.PLACE_ORDER), int(CommandKind.PLACE_CONDITIONAL)))
_SIDES = {int(one): one for one in Side}
_ORDER_TYPES = {int(one): one for one in OrderType}
_TIMES_IN_FORCE = {int(one): one for one in TimeInForce}
_POSITION_SIDES = {int(one): one for one in PositionSide}
_PREVENTIONS = {int(one): one for one in SelfTradePrevention}


def trade_id(sequence: int, match: int) -> int:
    """Id of a trade: the `match`-th pair of fills, from 0, of the command with this sequence."""
    return sequence * TRADES_PER_COMMAND + min(match, TRADES_PER_COMMAND - 1)


Change = tuple[Event, OrderRecord]  # the event, and the order as it left it


class OrderLives:
    """The unfinished orders of all accounts but fund and house, followed through committed commands and their events."""

    def __init__(self) -> None:
        self._records: dict[int, OrderRecord] = {}
        self._engine_orders: dict[int, int] = {}  # account → id of its liquidation order that is in the book right now
        self._engine_count = 0
        self._sequence = 0
        self._changes: list[Change] = []  # of the walk that is under way

    def restore(self, records: Iterable[OrderRecord]) -> None:
        """Take up unfinished orders that were told before."""
        self._records = {record.order_id: record for record in records}

    @property
    def unfinished(self) -> dict[int, OrderRecord]:
        """By order id. It is live: do not change it."""
        return self._records

    def walk(self, commands: np.ndarray, events: Iterable[Event], texts: dict[int, str] | None = None) -> list[Change]:
        """Every change of an order, in order.

        Takes    commands: COMMAND records, whole commands. events: of these commands. texts: client ids by sequence.
        One event may tell of two orders: the end of a released order is the end of its conditional too.
        """
        placing = {row[0]: CommandRow._make(row) for row in commands[is_of(commands, _PLACES)].tolist()}
        changes = self._changes = []
        for event in events:
            if event.kind not in _ORDER_KINDS or event.account <= _HOUSE_LAST:
                continue
            if event.sequence != self._sequence:
                self._sequence, self._engine_count = event.sequence, 0
                self._engine_orders.clear()
            self._follow(event, placing, texts or {})
        return changes

    # ---- one event

    def _follow(self, event: Event, placing: dict[int, Any], texts: dict[int, str]) -> None:
        kind = event.kind
        if kind == _ACCEPTED:
            if event.order_id % ORDER_IDS_PER_COMMAND == 0 and event.sequence in placing:
                self._keep(event, accepted(event, placing[event.sequence], texts.get(event.sequence, "")))
            elif event.order_id - 1 in self._records:
                self._keep(event, _released(event, self._records[event.order_id - 1]))
        elif kind in _CHANGES:
            order_id = event.order_id
            if kind == _FILLED and not order_id:
                order_id = self._engine_orders.get(event.account, 0)
            record = self._records.get(order_id)
            if record is not None:
                self._keep(event, _CHANGES[kind](event, record))
        elif kind == EventKind.REFUSED:
            conditional = self._records.get(event.order_id - 1)
            if conditional is not None and self._is_being_released(conditional):
                refusal = Refusal(event.code)
                refused = _released(event, conditional)
                refused = replace(refused, status=OrderStatus.REJECTED, refusal=refusal, lots=conditional.lots)
                self._changes.append((event, refused))
                status = _end_of_refused(event)
                self._keep(event, replace(conditional, status=status, updated_ms=event.time_ms, refusal=refusal))
        elif kind == EventKind.LIQUIDATION_ORDER:
            self._end_engine_order(event)
            record = self._engine_record(event, event.account, Origin.LIQUIDATION, Side(event.side), event.lots)
            self._engine_orders[event.account] = record.order_id
            self._keep(event, record)
        elif kind == EventKind.LIQUIDATION_ENDED:
            self._end_engine_order(event)
        elif kind == EventKind.TAKEOVER:
            self._end_engine_order(event)
            self._changes.append((event, self._handed_over(event, event.account, Origin.TAKEOVER, event.lots)))
        else:
            self._end_engine_order(event)
            self._changes.append((event, self._handed_over(event, event.account, Origin.ADL, event.lots)))
            if event.counterparty not in HOUSE_ACCOUNTS:
                other = self._handed_over(event, event.counterparty, Origin.ADL, -event.lots)
                self._changes.append((event, other))

    def _is_being_released(self, conditional: OrderRecord) -> bool:
        """Whether it has triggered and its order does not live yet: only then does a refusal of that id speak of the release.

        A refused amendment or cancellation names an order too, one that lives or one that never did.
        """
        return conditional.status == OrderStatus.TRIGGERED and conditional.released_id not in self._records

    def _keep(self, event: Event, record: OrderRecord) -> None:
        """Tell of it; remember an unfinished order, forget a finished one; with a released order ends its conditional."""
        self._changes.append((event, record))
        if record.status in UNFINISHED:
            self._records[record.order_id] = record
            return
        self._records.pop(record.order_id, None)
        conditional = self._records.pop(record.parent_id, None) if record.parent_id else None
        if conditional is not None:
            ended = replace(
                conditional,
                status=OrderStatus.FINISHED,
                updated_ms=event.time_ms,
                filled_lots=record.filled_lots,
                filled_value_e8=record.filled_value_e8,
            )
            self._changes.append((event, ended))

    # ---- the engine's own orders: they have no id in an event

    def _engine_record(self, event: Event, account: int, origin: Origin, side: Side, lots: int) -> OrderRecord:
        number = min(self._engine_count, ORDER_IDS_PER_COMMAND - ENGINE_ORDERS_FIRST - 1)
        self._engine_count += 1
        order_id = event.sequence * ORDER_IDS_PER_COMMAND + ENGINE_ORDERS_FIRST + number
        return OrderRecord(
            order_id=order_id,
            account=account,
            symbol=event.symbol,
            client_id="adl_autoclose" if origin == Origin.ADL else f"autoclose-{order_id}",
            side=side,
            order_type=OrderType.LIMIT,
            original_type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC,
            price_ticks=event.price_ticks,
            lots=lots,
            created_ms=event.time_ms,
            updated_ms=event.time_ms,
            position_side=PositionSide(event.position_side),
            is_reduce_only=True,
            origin=origin,
        )

    def _handed_over(self, event: Event, account: int, origin: Origin, lots: int) -> OrderRecord:
        """Lots that change hands outside the book, as an order that was filled at once. `lots` signed as the position."""
        record = self._engine_record(event, account, origin, Side.SELL if lots > 0 else Side.BUY, abs(lots))
        return replace(
            record, status=OrderStatus.FILLED, filled_lots=abs(lots), filled_value_e8=abs(event.value_e8)
        )

    def _end_engine_order(self, event: Event) -> None:
        record = self._records.get(self._engine_orders.pop(event.account, 0))
        if record is not None:
            self._keep(event, replace(record, status=OrderStatus.EXPIRED, updated_ms=event.time_ms))


# ---- records from events


def accepted(event: Event, command: Any, client_id: str) -> OrderRecord:
    """A new order, from its ACCEPTED event and the CommandRow that sent it."""
    order_type = _ORDER_TYPES[command.order_type]
    is_close_position = bool(command.is_close_position)
    record = OrderRecord(
        order_id=event.order_id,
        account=event.account,
        symbol=event.symbol,
        client_id=client_id,
        side=_SIDES[event.side],
        order_type=order_type,
        original_type=order_type,
        time_in_force=_TIMES_IN_FORCE[command.time_in_force],
        price_ticks=0 if order_type is OrderType.MARKET else command.price_ticks,
        lots=0 if is_close_position else command.lots,
        created_ms=event.time_ms,
        updated_ms=event.time_ms,
        position_side=_POSITION_SIDES[command.position_side],
        self_trade_prevention=_PREVENTIONS[command.self_trade_prevention],
        expire_ms=command.expire_ms,
        is_reduce_only=bool(command.is_reduce_only),
        is_close_position=is_close_position,
        is_plain_form=command.sender_note == PLAIN_FORM,
        is_price_protected=bool(command.is_price_protected),
    )
    if command.kind != CommandKind.PLACE_CONDITIONAL:
        return record
    return replace(
        record,
        is_conditional=True,
        trigger_ticks=command.trigger_ticks,
        callback_rate_e8=command.callback_rate_e8,
        working_type=WorkingType(command.working_type),
    )


def _filled(event: Event, record: OrderRecord) -> OrderRecord:
    filled = record.filled_lots + event.lots
    return replace(
        record,
        filled_lots=filled,
        filled_value_e8=record.filled_value_e8 + event.value_e8,
        status=OrderStatus.FILLED if filled == record.lots else OrderStatus.PARTIALLY_FILLED,
        updated_ms=event.time_ms,
    )


def _released(event: Event, conditional: OrderRecord) -> OrderRecord:
    """The order that a conditional released; its owner knows it by the conditional's client id."""
    is_limit = conditional.order_type in (OrderType.STOP, OrderType.TAKE_PROFIT)
    return replace(
        conditional,
        order_id=event.order_id,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        original_type=conditional.order_type,
        price_ticks=conditional.price_ticks if is_limit else 0,
        lots=event.lots or conditional.lots,
        created_ms=event.time_ms,
        updated_ms=event.time_ms,
        status=OrderStatus.OPEN,
        is_conditional=False,
        parent_id=conditional.order_id,
    )


def _cancelled(event: Event, record: OrderRecord) -> OrderRecord:
    by_match = event.code == Reason.SELF_TRADE
    status = OrderStatus.EXPIRED_IN_MATCH if by_match else OrderStatus.CANCELLED
    if event.code in (Reason.CANNOT_BE_MARGINED, Reason.WOULD_BANKRUPT, Reason.REDUCE_ONLY_NOTHING_LEFT, Reason.TIME):
        status = OrderStatus.EXPIRED
    return replace(record, status=status, updated_ms=event.time_ms)


def _expired(event: Event, record: OrderRecord) -> OrderRecord:
    by_match = event.code == Reason.SELF_TRADE
    return replace(
        record,
        status=OrderStatus.EXPIRED_IN_MATCH if by_match else OrderStatus.EXPIRED,
        updated_ms=event.time_ms,
    )


def _amended(event: Event, record: OrderRecord) -> OrderRecord:
    return replace(
        record, price_ticks=event.price_ticks, lots=record.filled_lots + event.lots, updated_ms=event.time_ms
    )


def _triggered(event: Event, record: OrderRecord) -> OrderRecord:
    return replace(
        record, status=OrderStatus.TRIGGERED, updated_ms=event.time_ms, triggered_ms=event.time_ms
    )


def _end_of_refused(event: Event) -> OrderStatus:
    """A trigger with nothing to close has expired; one whose order was refused for another reason is rejected."""
    return OrderStatus.EXPIRED if event.code == Refusal.REDUCE_ONLY_REJECTED else OrderStatus.REJECTED


_CHANGES: dict[int, Callable[[Event, OrderRecord], OrderRecord]] = {
    EventKind.FILLED: _filled,
    EventKind.CANCELLED: _cancelled,
    EventKind.EXPIRED: _expired,
    EventKind.AMENDED: _amended,
    EventKind.TRIGGERED: _triggered,
}
