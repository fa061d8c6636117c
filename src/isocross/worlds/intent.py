"""Intent: what an account's command of the base means in a branch where its positions are not the same.

Responsible for: orders that may only reduce here, orders that are split, cancels of what is not there, orders taken back
before they open what they closed in the base; telling of each. Must not: walk through a history, know why worlds differ.

An order against the position reduces it up to the position's size, and opens with the rest; of an order that was let go
in the base only what traded counts. That is read off the base, whatever the position here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..codes import CommandKind, OrderType, PositionSide, Refusal, Side
from ..limits import ORDER_IDS_PER_COMMAND
from ..units import format_e8
from ..views import OrderView
from .divergence import DivergenceKind
from .outline import Stretch
from .told import Fill, Key, Told

if TYPE_CHECKING:
    from .shadow import Shadow

_ORDERS = (CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL)
_OF_ORDERS = (CommandKind.CANCEL_ORDER, CommandKind.CANCEL_CONDITIONAL, CommandKind.AMEND_ORDER)


class _Parts(NamedTuple):
    """What an order does to a position."""

    reduces: int  # lots
    opens: int


class Intents:
    """The intents of the accounts of one shadow."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow
        self._orders_of: dict[int, list[int]] = {}  # order of the base → what stands for it here, if not itself
        self._named: dict[tuple[int, int], int] = {}  # account and client id hash → order of the base that had it last

    def carry_out(self, unit: Stretch, base: Told, number: int, fills: list[Fill]) -> Told | None:
        """Live one command of one of the accounts. Returns what it did here; None when it was left out."""
        kind = int(unit.records["kind"][0])
        if kind in _ORDERS:
            return self._order(unit, base, number, fills)
        if kind in _OF_ORDERS:
            return self._of_an_order(unit, base.refusal(number))
        return self._as_it_was(unit, base.refusal(number))

    def withdraw(self, fills: list[Fill]) -> None:
        """Before the command in which resting orders or conditionals closed something in the base: where they would open
        something here they are taken back, and what may still close is placed anew as reduce-only. In hedge mode an order
        says itself whether it opens or closes."""
        for fill in fills:
            if fill.key.side != PositionSide.BOTH:
                continue
            order_id = fill.order_id - fill.order_id % ORDER_IDS_PER_COMMAND  # what a conditional released → itself
            if fill.reduced and order_id and self._held(fill.key) != self._shadow.base_lots.get(fill.key, 0):
                for one in self._open_orders(order_id):
                    self._withdraw(fill, order_id, one)

    def tell_position(self, key: Key, sequence: int, here: int, there: int, liquidated: str) -> None:
        """A position begins to differ. `liquidated`: in which world a liquidation made it so."""
        symbol = self._shadow.own.symbols[key.symbol]
        kind, text = DivergenceKind.POSITION, f"{symbol}: "
        if liquidated:
            kind, text = DivergenceKind.LIQUIDATED, f"{symbol} liquidated {liquidated}: "
        text += f"{self._quantity(key.symbol, here)} open here, {self._quantity(key.symbol, there)} in the base"
        self._shadow.remember(kind, sequence, key.account, key.symbol, text)

    # ---- orders

    def _order(self, unit: Stretch, base: Told, number: int, fills: list[Fill]) -> Told:
        """An order or conditional: as it was where that does the same as in the base; else what it meant there."""
        shadow, record = self._shadow, unit.records[0]
        if base.refusal(number) != Refusal.NONE:  # whatever it says: its fields may be no order's at all
            return self._as_it_was(unit, base.refusal(number))
        key = Key(int(record["account"]), int(record["symbol"]), PositionSide(int(record["position_side"])))
        held = shadow.base_lots.get(key, 0)
        order_id = int(record["sequence"]) * ORDER_IDS_PER_COMMAND
        if record["client_id_hash"]:
            self._named[int(record["account"]), int(record["client_id_hash"])] = order_id
        parts = self._parts(record, held, base, number, [fill for fill in fills if fill.order_id == order_id])
        if parts.reduces == 0 or self._does_the_same(unit, key, base, number):
            return self._as_it_was(unit, base.refusal(number))
        changed = unit.records.copy()
        changed["is_reduce_only"][0] = 1
        changed["lots"][0] = parts.reduces if parts.opens else record["lots"]
        told = shadow.live(Stretch(unit.first, changed, unit.heads), is_changed=True)
        kind = DivergenceKind.SPLIT if parts.opens else DivergenceKind.REDUCE_ONLY
        what = self._order_text(record)
        text = f"{what} may only reduce here{_refused(told)}"
        if parts.opens:
            fields = {name: int(record[name]) for name in record.dtype.names or () if name not in _ITS_OWN}
            opening = shadow.insert(CommandKind(int(record["kind"])), fields | {"lots": parts.opens})
            self._orders_of[order_id] = [order_id, shadow.world.last_sequence * ORDER_IDS_PER_COMMAND]
            reduces, opens = (self._quantity(key.symbol, lots) for lots in parts)
            text = f"{what} is split: {reduces} may only reduce here{_refused(told)}, {opens} opens{_refused(opening)}"
        shadow.remember(kind, int(record["sequence"]), key.account, key.symbol, text)
        return told

    def _parts(self, record: np.void, held: int, base: Told, number: int, fills: list[Fill]) -> _Parts:
        """What an order did, or rests to do, to the position `held` of the base."""
        lots, side = int(record["lots"]), Side(int(record["side"]))
        is_against = held > 0 if side == Side.SELL else held < 0
        is_plain = not (record["is_reduce_only"] or record["is_close_position"])
        if not (is_against and is_plain and record["position_side"] == PositionSide.BOTH):
            return _Parts(0, lots)
        filled = sum(fill.lots for fill in fills)
        rests = lots - filled - base.expired.get(number, 0)
        opens = max(0, filled + rests - abs(held))
        return _Parts(min(lots - opens, abs(held)), opens)

    def _does_the_same(self, unit: Stretch, key: Key, base: Told, number: int) -> bool:
        """Whether the order, as it was, changes the position as in the base."""
        shadow = self._shadow
        held = shadow.base_lots.get(key, 0)
        if self._held(key) != held:
            return False
        trial = shadow.preview(unit)
        here = [lots for moved, lots in trial.moves.get(0, ()) if moved == key] or [held]
        there = [lots for moved, lots in base.moves.get(number, ()) if moved == key] or [held]
        return trial.refusal(0) == Refusal.NONE and here[-1] == there[-1]

    def _withdraw(self, fill: Fill, order_id: int, order: OrderView) -> None:
        """One open order that the base is about to fill, where it closes something."""
        shadow, held = self._shadow, self._held(fill.key)
        is_against = held > 0 if order.side == Side.SELL else held < 0
        closes = abs(held) if is_against else 0
        if order.is_reduce_only or order.is_close_position or closes >= order.lots:
            return
        opens = max(0, order.lots - abs(shadow.base_lots.get(fill.key, 0)))
        is_conditional = order.trigger_ticks != 0
        cancel = CommandKind.CANCEL_CONDITIONAL if is_conditional else CommandKind.CANCEL_ORDER
        shadow.insert(cancel, {"account": order.account, "order_id": order.order_id})
        sequence = shadow.world.last_sequence
        fields = {
            "account": order.account,
            "symbol": fill.key.symbol,
            "side": order.side,
            "order_type": order.order_type if is_conditional else OrderType.LIMIT,
            "price_ticks": order.price_ticks,
            "trigger_ticks": order.trigger_ticks,
        }
        kind = CommandKind.PLACE_CONDITIONAL if is_conditional else CommandKind.PLACE_ORDER
        stand_ins = []
        for lots, reduces in ((order.lots - opens if closes else 0, 1), (opens, 0)):
            if lots:
                told = shadow.insert(kind, fields | {"lots": lots, "is_reduce_only": reduces})
                if told.refusal(0) == Refusal.NONE:
                    stand_ins.append(shadow.world.last_sequence * ORDER_IDS_PER_COMMAND)
        others = [one for one in self._orders_of.get(order_id, [order_id]) if one != order.order_id]
        self._orders_of[order_id] = others + stand_ins
        text = f"order #{order.order_id} is withdrawn: it closes in the base, and would open here"
        shadow.remember(DivergenceKind.WITHDRAWN, sequence, order.account, fill.key.symbol, text)

    # ---- cancels and the rest

    def _of_an_order(self, unit: Stretch, refusal: Refusal) -> Told | None:
        """A cancel or an amendment: of what stands for the order here; left out when nothing does."""
        shadow, record = self._shadow, unit.records[0]
        name = (int(record["account"]), int(record["client_id_hash"]))
        order_id = int(record["order_id"]) or self._named.get(name, 0)
        found = self._open_orders(order_id)
        if not found and not record["order_id"] and shadow.own.order_of_client(*name) is not None:
            return self._as_it_was(unit, refusal)  # what a conditional released has its client id
        if refusal != Refusal.NONE or [order.order_id for order in found] == [order_id]:
            return self._as_it_was(unit, refusal)
        if not found:
            shadow.skip(unit)
            what = CommandKind(int(record["kind"])).name.lower().replace("_", " ")
            text = f"{what} #{order_id} is left out: it is not open here"
            shadow.remember(DivergenceKind.DROPPED, int(record["sequence"]), int(record["account"]), -1, text)
            return None
        changed = unit.records.copy()
        changed["order_id"][0] = found[0].order_id
        changed["lots"][0] = 0  # of an amendment: what stands for the order has a size of its own
        told = shadow.live(Stretch(unit.first, changed, unit.heads), is_changed=True)
        for order in found[1:]:
            fields = {name: int(record[name]) for name in record.dtype.names or () if name not in _ITS_OWN}
            shadow.insert(CommandKind(int(record["kind"])), fields | {"order_id": order.order_id, "lots": 0})
        return told

    def _as_it_was(self, unit: Stretch, refusal: Refusal) -> Told:
        """Live a command unchanged; told of when only one of the worlds refuses it."""
        shadow, record = self._shadow, unit.records[0]
        told = shadow.live(unit)
        here = told.refusal(0)
        if (here == Refusal.NONE) == (refusal == Refusal.NONE):
            return told
        is_order = int(record["kind"]) in _ORDERS
        what = self._order_text(record) if is_order else CommandKind(int(record["kind"])).name.lower().replace("_", " ")
        if here != Refusal.NONE:
            kind, text = DivergenceKind.REFUSED, f"{what} is refused here ({here.name})"
        else:
            kind, text = DivergenceKind.ACCEPTED, f"{what} is accepted here, refused in the base ({refusal.name})"
        shadow.remember(kind, int(record["sequence"]), int(record["account"]), int(record["symbol"]), text)
        return told

    # ---- private

    def _held(self, key: Key) -> int:
        return self._shadow.own_lots.get(key, 0)

    def _open_orders(self, order_id: int) -> list[OrderView]:
        """What is open here for an order of the base."""
        found = [self._shadow.own.order(one) for one in self._orders_of.get(order_id, [order_id])]
        return [order for order in found if order is not None]

    def _quantity(self, symbol: int, lots: int) -> str:
        return format_e8(lots * self._shadow.own.rules(symbol).step_e8)

    def _order_text(self, record: Any) -> str:
        symbol = int(record["symbol"])
        if not 0 <= symbol < len(self._shadow.own.symbols):
            return "order"
        side = "buy" if record["side"] == Side.BUY else "sell"
        what = "all" if record["is_close_position"] else self._quantity(symbol, int(record["lots"]))
        return f"{side} {what} {self._shadow.own.symbols[symbol]}"


_ITS_OWN = frozenset(("sequence", "time_ms", "kind", "client_id_hash", "continuation_count"))  # of one command alone


def _refused(told: Told) -> str:
    refusal = told.refusal(0)
    return "" if refusal == Refusal.NONE else f" and is refused ({refusal.name})"
