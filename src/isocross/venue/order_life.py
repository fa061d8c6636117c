"""Order life: what every order went through, told event by event.

Responsible for: the record of an order that a client is shown; following it from its command and its events; the ids of
trades and of the engine's own orders. Must not: keep what is finished, know a wire name, read the exchange's state.

    lives = OrderLives()
    for event, record in lives.walk(commands, results, events):   # committed ones, in order
        ...                                                       # the order as this event left it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum

import msgspec
import numpy as np

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
from ..command import COMMAND
from ..event import Event, rows_of
from ..limits import ORDER_IDS_PER_COMMAND
from .kinds import is_of

HOUSE_ACCOUNTS = (0, 1)  # the insurance fund and the market maker: nobody is shown their orders
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


_ORDER_KINDS = tuple(
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
_PLACES = (int(CommandKind.PLACE_ORDER), int(CommandKind.PLACE_CONDITIONAL))
_COMMAND_FIELDS = COMMAND.names or ()


def trade_id(sequence: int, match: int) -> int:
    """Id of a trade: the `match`-th pair of fills, from 0, of the command with this sequence."""
    return sequence * TRADES_PER_COMMAND + min(match, TRADES_PER_COMMAND - 1)


def events_of(events: np.ndarray, kinds: tuple[int, ...]) -> list[Event]:
    """EVENT rows of some kinds as plain integers."""
    return rows_of(events[is_of(events, kinds)])


class OrderLives:
    """The unfinished orders of all accounts but fund and house, followed through committed commands and their events."""

    def __init__(self) -> None:
        self._records: dict[int, OrderRecord] = {}
        self._engine_orders: dict[int, int] = {}  # account → id of its liquidation order that is in the book right now
        self._engine_count = 0
        self._sequence = 0

    def restore(self, records: Iterable[OrderRecord]) -> None:
        """Take up unfinished orders that were told before."""
        self._records = {record.order_id: record for record in records}

    @property
    def unfinished(self) -> dict[int, OrderRecord]:
        """By order id. It is live: do not change it."""
        return self._records

    def walk(
        self, commands: np.ndarray, events: np.ndarray, texts: dict[int, str] | None = None
    ) -> Iterator[tuple[Event, OrderRecord]]:
        """Every change of an order, in order: the event, and the order as it left it.

        Takes    commands: COMMAND records, whole commands. events: of these commands. texts: client ids by sequence.
        One event may tell of two orders: the end of a released order is the end of its conditional too.
        """
        placing: dict[int, dict[str, int]] = {}
        rows = np.flatnonzero(is_of(commands, _PLACES))
        for row in commands[rows].tolist():
            placing[row[0]] = dict(zip(_COMMAND_FIELDS, row, strict=True))
        for event in events_of(events, _ORDER_KINDS):
            if event.sequence != self._sequence:
                self._sequence, self._engine_count = event.sequence, 0
                self._engine_orders.clear()
            yield from self._follow(event, placing, texts or {})

    # ---- one event

    def _follow(
        self, event: Event, placing: dict[int, dict[str, int]], texts: dict[int, str]
    ) -> Iterator[tuple[Event, OrderRecord]]:
        kind = event.kind
        if kind == EventKind.ACCEPTED:
            if event.order_id % ORDER_IDS_PER_COMMAND == 0 and event.sequence in placing:
                yield from self._keep(event, accepted(event, placing[event.sequence], texts.get(event.sequence, "")))
            elif event.order_id - 1 in self._records:
                yield from self._keep(event, _released(event, self._records[event.order_id - 1]))
        elif kind == EventKind.FILLED:
            yield from self._filled(event)
        elif kind in (EventKind.CANCELLED, EventKind.EXPIRED, EventKind.AMENDED, EventKind.TRIGGERED):
            record = self._records.get(event.order_id)
            if record is not None:
                yield from self._keep(event, _CHANGES[kind](event, record))
        elif kind == EventKind.REFUSED:
            conditional = self._records.get(event.order_id - 1)
            if conditional is not None and self._is_being_released(conditional):
                refused = _released(event, conditional)
                yield (
                    event,
                    msgspec.structs.replace(
                        refused, status=OrderStatus.REJECTED, refusal=Refusal(event.code), lots=conditional.lots
                    ),
                )
                ended = msgspec.structs.replace(
                    conditional, status=_end_of_refused(event), updated_ms=event.time_ms, refusal=Refusal(event.code)
                )
                yield from self._keep(event, ended)
        elif kind == EventKind.LIQUIDATION_ORDER:
            yield from self._end_engine_order(event)
            record = self._engine_record(event, event.account, Origin.LIQUIDATION, Side(event.side), event.lots)
            self._engine_orders[event.account] = record.order_id
            yield from self._keep(event, record)
        elif kind == EventKind.LIQUIDATION_ENDED:
            yield from self._end_engine_order(event)
        elif kind == EventKind.TAKEOVER:
            yield from self._end_engine_order(event)
            yield event, self._handed_over(event, event.account, Origin.TAKEOVER, event.lots)
        else:
            yield from self._end_engine_order(event)
            yield event, self._handed_over(event, event.account, Origin.ADL, event.lots)
            if event.counterparty not in HOUSE_ACCOUNTS:
                yield event, self._handed_over(event, event.counterparty, Origin.ADL, -event.lots)

    def _is_being_released(self, conditional: OrderRecord) -> bool:
        """Whether it has triggered and its order does not live yet: only then does a refusal of that id speak of the release.

        A refused amendment or cancellation names an order too, one that lives or one that never did.
        """
        return conditional.status == OrderStatus.TRIGGERED and conditional.released_id not in self._records

    def _filled(self, event: Event) -> Iterator[tuple[Event, OrderRecord]]:
        order_id = event.order_id or self._engine_orders.get(event.account, 0)
        record = self._records.get(order_id)
        if record is not None:
            yield from self._keep(event, _filled(event, record))

    def _keep(self, event: Event, record: OrderRecord) -> Iterator[tuple[Event, OrderRecord]]:
        """Remember an unfinished order, forget a finished one; with a released order ends its conditional."""
        if record.is_unfinished:
            self._records[record.order_id] = record
        else:
            self._records.pop(record.order_id, None)
        yield event, record
        if record.parent_id and not record.is_unfinished:
            conditional = self._records.pop(record.parent_id, None)
            if conditional is not None:
                yield (
                    event,
                    msgspec.structs.replace(
                        conditional,
                        status=OrderStatus.FINISHED,
                        updated_ms=event.time_ms,
                        filled_lots=record.filled_lots,
                        filled_value_e8=record.filled_value_e8,
                    ),
                )

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
        return msgspec.structs.replace(
            record, status=OrderStatus.FILLED, filled_lots=abs(lots), filled_value_e8=abs(event.value_e8)
        )

    def _end_engine_order(self, event: Event) -> Iterator[tuple[Event, OrderRecord]]:
        record = self._records.get(self._engine_orders.pop(event.account, 0))
        if record is not None:
            yield from self._keep(
                event, msgspec.structs.replace(record, status=OrderStatus.EXPIRED, updated_ms=event.time_ms)
            )


# ---- records from events


def accepted(event: Event, fields: Mapping[str, int], client_id: str) -> OrderRecord:
    """A new order, from its ACCEPTED event and the fields of the command that sent it."""

    def field(name: str) -> int:
        return fields.get(name, 0)

    order_type = OrderType(field("order_type"))
    is_conditional = fields["kind"] == CommandKind.PLACE_CONDITIONAL
    return OrderRecord(
        order_id=event.order_id,
        account=event.account,
        symbol=event.symbol,
        client_id=client_id,
        side=Side(event.side),
        order_type=order_type,
        original_type=order_type,
        time_in_force=TimeInForce(field("time_in_force")),
        price_ticks=0 if order_type == OrderType.MARKET else field("price_ticks"),
        lots=0 if field("is_close_position") else field("lots"),
        created_ms=event.time_ms,
        updated_ms=event.time_ms,
        trigger_ticks=field("trigger_ticks") if is_conditional else 0,
        callback_rate_e8=field("callback_rate_e8") if is_conditional else 0,
        working_type=WorkingType(field("working_type")) if is_conditional else WorkingType.LAST_PRICE,
        position_side=PositionSide(field("position_side")),
        self_trade_prevention=SelfTradePrevention(field("self_trade_prevention")),
        expire_ms=field("expire_ms"),
        is_reduce_only=bool(field("is_reduce_only")),
        is_close_position=bool(field("is_close_position")),
        is_conditional=is_conditional,
        is_plain_form=field("sender_note") == PLAIN_FORM,
        is_price_protected=bool(field("is_price_protected")),
    )


def lived(
    order_id: int, fields: Mapping[str, int], client_id: str, events: np.ndarray
) -> tuple[OrderRecord, OrderRecord]:
    """An order as it was accepted, and as its own command left it. `events` are those of that command."""
    own = rows_of(events[events["order_id"] == order_id])
    first = last = accepted(own[0], fields, client_id)
    for event in own[1:]:
        if event.kind in _CHANGES:
            last = _CHANGES[event.kind](event, last)
    return first, last


def _filled(event: Event, record: OrderRecord) -> OrderRecord:
    filled = record.filled_lots + event.lots
    return msgspec.structs.replace(
        record,
        filled_lots=filled,
        filled_value_e8=record.filled_value_e8 + event.value_e8,
        status=OrderStatus.FILLED if filled == record.lots else OrderStatus.PARTIALLY_FILLED,
        updated_ms=event.time_ms,
    )


def _released(event: Event, conditional: OrderRecord) -> OrderRecord:
    """The order that a conditional released; its owner knows it by the conditional's client id."""
    is_limit = conditional.order_type in (OrderType.STOP, OrderType.TAKE_PROFIT)
    return msgspec.structs.replace(
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
    return msgspec.structs.replace(record, status=status, updated_ms=event.time_ms)


def _expired(event: Event, record: OrderRecord) -> OrderRecord:
    by_match = event.code == Reason.SELF_TRADE
    return msgspec.structs.replace(
        record,
        status=OrderStatus.EXPIRED_IN_MATCH if by_match else OrderStatus.EXPIRED,
        updated_ms=event.time_ms,
    )


def _amended(event: Event, record: OrderRecord) -> OrderRecord:
    return msgspec.structs.replace(
        record, price_ticks=event.price_ticks, lots=record.filled_lots + event.lots, updated_ms=event.time_ms
    )


def _triggered(event: Event, record: OrderRecord) -> OrderRecord:
    return msgspec.structs.replace(
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
