"""Told: what the events of some commands say about the accounts that are watched.

Responsible for: picking positions, fills and liquidations out of events, command by command. Must not: read a state where
an event says it, judge what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..codes import EventKind, LiquidationStep, MarginMode, PositionSide, Refusal, Side
from ..exchange import Exchange
from ..limits import ORDER_IDS_PER_COMMAND
from .outline import Stretch

OnEvents = Callable[[np.ndarray], None]


class Key(NamedTuple):
    """What a position belongs to. One margin mode at a time has lots."""

    account: int
    symbol: int
    side: PositionSide


Lots = dict[Key, int]  # flat positions may be left out


class Fill(NamedTuple):
    """One side of a match."""

    key: Key
    order_id: int  # 0: a liquidation's own
    side: Side
    lots: int
    reduced: int  # lots that closed something; a match never both closes and opens


class Liquidation(NamedTuple):
    """One liquidation, from the event that started it and the one that ended it."""

    sequence: int
    time_ms: int
    account: int
    symbol: int  # −1: a cross pool
    position_side: PositionSide  # BOTH for a cross pool
    symbols: tuple[int, ...]  # of the positions that were judged
    sides: tuple[PositionSide, ...]  # of the same
    asset: int
    margin_mode: MarginMode
    mark_e8: int  # 0 for a cross pool
    balance_e8: int  # of what was judged
    maintenance_e8: int
    step: LiquidationStep

    @property
    def legs(self) -> tuple[tuple[int, PositionSide], ...]:
        """Symbol and side of the positions that were judged."""
        return tuple(zip(self.symbols, self.sides, strict=True))

    @property
    def is_end(self) -> bool:
        """Whether nothing was left of what was judged."""
        return self.step in (LiquidationStep.CLOSED_IN_BOOK, LiquidationStep.TAKEN_OVER)


@dataclass(slots=True)
class Told:
    """What a stretch of commands did, by the number of the command in the stretch."""

    refusals: np.ndarray  # of every command
    moves: dict[int, list[tuple[Key, int]]] = field(default_factory=dict)  # positions whose lots changed: lots after
    fills: dict[int, list[Fill]] = field(default_factory=dict)
    expired: dict[int, int] = field(default_factory=dict)  # lots of its own order that a command let go at once
    liquidations: list[Liquidation] = field(default_factory=list)  # of everybody

    def refusal(self, number: int) -> Refusal:
        """Why a command was refused."""
        return Refusal(int(self.refusals[number]))


def lots_of(exchange: Exchange, accounts: Iterable[int]) -> Lots:
    """The open positions of some accounts."""
    table = exchange.table("positions")
    rows = np.flatnonzero(np.isin(table["account"], list(accounts)) & (table["lots"] != 0))
    return {
        Key(int(row["account"]), int(row["symbol"]), PositionSide(int(row["position_side"]))): int(row["lots"])
        for row in table[rows]
    }


def live(
    exchange: Exchange, stretch: Stretch, accounts: frozenset[int], before: Lots, on_events: OnEvents | None = None
) -> Told:
    """Apply a stretch and say what it did to the accounts, whose positions were `before`.

    The sequence numbers of the stretch ascend: they say which command an event is of. on_events: also gets all events.
    """
    picked: list[np.ndarray] = []
    watched = np.array(sorted(accounts), dtype=np.int64)

    def pick(events: np.ndarray) -> None:
        kind = events["kind"]
        is_ours = (kind == _POSITION) | (kind == _FILLED) | (kind == _EXPIRED)
        is_ours &= (events["account"] == watched[0]) if len(watched) == 1 else np.isin(events["account"], watched)
        is_ours |= (kind == _STARTED) | (kind == _JUDGED) | (kind == _ENDED)
        if is_ours.any():
            picked.append(events[is_ours])
        if on_events is not None:
            on_events(events)

    results = exchange.submit_batch(stretch.records, pick).results
    told = Told(results["refusal"][stretch.heads])
    if picked:
        _read(told, np.concatenate(picked), stretch, dict(before))
    return told


_POSITION, _FILLED, _EXPIRED = int(EventKind.POSITION), int(EventKind.FILLED), int(EventKind.EXPIRED)
_STARTED, _JUDGED = int(EventKind.LIQUIDATION_STARTED), int(EventKind.LIQUIDATION_POSITION)
_ENDED = int(EventKind.LIQUIDATION_ENDED)


def _read(told: Told, events: np.ndarray, stretch: Stretch, lots: Lots) -> None:
    """Sort events by their commands. `lots`: the positions before them; it is used up."""
    numbers = np.searchsorted(stretch.column("sequence"), events["sequence"]).tolist()
    told.liquidations = liquidations_in(events)
    for number, event in zip(numbers, events, strict=True):
        kind = int(event["kind"])
        if kind in (_STARTED, _JUDGED, _ENDED):
            continue
        if kind == _EXPIRED:
            if int(event["order_id"]) == int(event["sequence"]) * ORDER_IDS_PER_COMMAND:
                told.expired[number] = int(event["lots"])
            continue
        key = Key(int(event["account"]), int(event["symbol"]), PositionSide(int(event["position_side"])))
        held = lots.get(key, 0)
        if kind == _POSITION:
            after = int(event["lots"])
            if after != held:
                lots[key] = after
                told.moves.setdefault(number, []).append((key, after))
            continue
        side, size = Side(int(event["side"])), int(event["lots"])
        closes = held < 0 if side == Side.BUY else held > 0
        fill = Fill(key, int(event["order_id"]), side, size, min(size, abs(held)) if closes else 0)
        told.fills.setdefault(number, []).append(fill)


def liquidations_in(events: np.ndarray) -> list[Liquidation]:
    """All liquidations that some events tell of."""
    found: list[Liquidation] = []
    started: np.void | None = None
    judged: list[tuple[int, PositionSide]] = []
    for event in events[np.isin(events["kind"], (_STARTED, _JUDGED, _ENDED))]:
        kind = int(event["kind"])
        if kind == _STARTED:
            started, judged = event, []
        elif kind == _JUDGED:
            judged.append((int(event["symbol"]), PositionSide(int(event["position_side"]))))
        else:
            assert started is not None, "a liquidation is told from its start to its end at once"
            found.append(_liquidation(started, tuple(judged), int(event["code"])))
    return found


def _liquidation(started: np.void, judged: tuple[tuple[int, PositionSide], ...], step: int) -> Liquidation:
    return Liquidation(
        sequence=int(started["sequence"]),
        time_ms=int(started["time_ms"]),
        account=int(started["account"]),
        symbol=int(started["symbol"]),
        position_side=PositionSide(int(started["position_side"])),
        symbols=tuple(symbol for symbol, _ in judged),
        sides=tuple(side for _, side in judged),
        asset=int(started["asset"]),
        margin_mode=MarginMode(int(started["margin_mode"])),
        mark_e8=int(started["mark_e8"]),
        balance_e8=int(started["balance_e8"]),
        maintenance_e8=int(started["maintenance_e8"]),
        step=LiquidationStep(step),
    )
