"""Fills: what every match, takeover and deleveraging was for each side, with the id of its trade.

Responsible for: pairing fills, numbering trades, what a handover realized for who was liquidated. Must not: keep anything.

A trade is one match in the book. What is handed over outside it (to the fund, to the house, by deleveraging) is on no public
tape, but the accounts on both sides have a fill of it, so that fills, income and wallets agree to the last unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..codes import EventKind, Side
from ..event import Event
from ..limits import ORDER_IDS_PER_COMMAND
from .order_life import ENGINE_ORDERS_FIRST, trade_id


class Fill(NamedTuple):
    """What one match was for one side."""

    trade_id: int
    account: int
    symbol: int
    time_ms: int
    order_id: int  # 0: an order of the fund
    side: Side
    position_side: int
    price_ticks: int
    lots: int
    value_e8: int
    realized_e8: int  # gross of the fee
    fee_e8: int
    is_maker: bool


class Trade(NamedTuple):
    """One match, as everybody may see it."""

    trade_id: int
    symbol: int
    time_ms: int
    price_ticks: int
    lots: int
    value_e8: int
    is_buyer_maker: bool


HANDOVERS_FIRST = 1_024  # trade ids of handovers begin here, among those of their command
_KINDS = frozenset(
    int(kind)
    for kind in (
        EventKind.FILLED,
        EventKind.POSITION,
        EventKind.LIQUIDATION_POSITION,
        EventKind.LIQUIDATION_ORDER,
        EventKind.TAKEOVER,
        EventKind.ADL,
    )
)
_FILLED, _POSITION, _AT_START = (
    int(kind) for kind in (EventKind.FILLED, EventKind.POSITION, EventKind.LIQUIDATION_POSITION)
)
_ORDER, _TAKEOVER, _ADL = (int(kind) for kind in (EventKind.LIQUIDATION_ORDER, EventKind.TAKEOVER, EventKind.ADL))


def fills_in(events: Iterable[Event]) -> list[Fill]:
    """Fills of some commands' events, in order: of a match first the taker's, then the maker's; of a handover who lost the lots."""
    return list(_Reading().fills(events))


def trades_of(fills: Iterable[Fill]) -> list[Trade]:
    """The public tape: one trade per match in the book."""
    return [
        Trade(
            fill.trade_id, fill.symbol, fill.time_ms, fill.price_ticks, fill.lots, fill.value_e8, fill.side == Side.SELL
        )
        for fill in fills
        if not fill.is_maker and not is_handover(fill)
    ]


def is_handover(fill: Fill) -> bool:
    """Whether lots changed hands outside the book."""
    return fill.price_ticks == 0


class _Reading:
    """What has to be remembered within a command."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, sequence: int) -> None:
        self.sequence = sequence
        self.matches = self.handovers = self.engine_orders = 0
        self.engine_order: dict[int, int] = {}  # account → id of its liquidation order in the book
        self.costs: dict[tuple[int, int, int, int], int] = {}  # entry costs of positions under liquidation

    def fills(self, events: Iterable[Event]) -> Iterable[Fill]:
        handover: Event | None = None  # its liquidated side says what is left right behind it
        for event in events:
            kind = event.kind
            if kind not in _KINDS:
                continue
            if event.sequence != self.sequence:
                self._begin(event.sequence)
            if kind == _FILLED:
                number = self.matches
                self.matches += event.is_maker
                order_id = event.order_id or self.engine_order.get(event.account, 0)
                yield _fill(event, trade_id(event.sequence, number), order_id)
            elif kind == _AT_START:
                self.costs[_place(event)] = event.value_e8
            elif kind == _POSITION:
                place = _place(event)
                if handover is not None:
                    number = trade_id(event.sequence, HANDOVERS_FIRST + self.handovers)
                    self.handovers += 1
                    yield self._lost(handover, number, self.costs[place] - event.value_e8, event)
                    if handover.kind == _ADL:
                        yield self._taken(handover, number)
                    handover = None
                if place in self.costs:
                    self.costs[place] = event.value_e8
            elif kind == _ORDER:
                self.engine_order[event.account] = self._engine_order_id()
            else:
                handover = event

    def _engine_order_id(self) -> int:
        number = min(self.engine_orders, ORDER_IDS_PER_COMMAND - ENGINE_ORDERS_FIRST - 1)
        self.engine_orders += 1
        return self.sequence * ORDER_IDS_PER_COMMAND + ENGINE_ORDERS_FIRST + number

    def _lost(self, event: Event, number: int, released_e8: int, after: Event) -> Fill:
        """The liquidated side. `released_e8`: the entry cost of what it handed over, signed as the position."""
        side = Side.SELL if event.lots > 0 else Side.BUY
        return Fill(
            number,
            event.account,
            event.symbol,
            event.time_ms,
            self._engine_order_id(),
            side,
            after.position_side,
            0,
            abs(event.lots),
            abs(event.value_e8),
            event.value_e8 - released_e8,
            0,
            False,
        )

    def _taken(self, event: Event, number: int) -> Fill:
        """The other side of a deleveraging: it closes."""
        return Fill(
            number,
            event.counterparty,
            event.symbol,
            event.time_ms,
            self._engine_order_id(),
            Side.BUY if event.lots > 0 else Side.SELL,
            event.position_side,  # of the counterparty
            0,
            abs(event.lots),
            abs(event.value_e8),
            event.amount_e8,
            0,
            True,
        )


def _place(event: Event) -> tuple[int, int, int, int]:
    return event.account, event.symbol, event.position_side, event.margin_mode


def _fill(event: Event, number: int, order_id: int) -> Fill:
    return Fill(
        number,
        event.account,
        event.symbol,
        event.time_ms,
        order_id,
        Side(event.side),
        event.position_side,
        event.price_ticks,
        event.lots,
        event.value_e8,
        event.amount_e8,
        event.fee_e8,
        bool(event.is_maker),
    )
