"""Matching: order book sequences sent to a real exchange, order by order.

Responsible for: price-time priority, IOC, FOK, post-only, reduce-only, self-trade prevention, cancel, amend.
Must not: match anything itself. Accounts are rich, so that margin never decides.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from isocross.codes import CommandKind, EventKind, Reason, Refusal, SelfTradePrevention, Side, TimeInForce
from tests.vectors.vector import Fields, NotApplicable, Vector, handles, number
from tests.vectors.world import HOUSE, Market, Refused, World, side_of, sign_of

_PREVENTIONS = {
    "expire_maker": SelfTradePrevention.EXPIRE_MAKER,
    "expire_taker": SelfTradePrevention.EXPIRE_TAKER,
    "expire_both": SelfTradePrevention.EXPIRE_BOTH,
    "none": SelfTradePrevention.NONE,
}
_UNSUPPORTED = {
    "decrement_and_cancel": "no self-trade rule that takes the common quantity off both (decrement and cancel)",
}
_TIFS = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_REFUSALS = {
    Refusal.FILL_OR_KILL_UNFILLED: "cancelled_fok",
    Refusal.POST_ONLY_TAKES: "rejected_post_only",
    Refusal.REDUCE_ONLY_REJECTED: "rejected_reduce_only",
}
_EXPIRIES = {
    Reason.IMMEDIATE_REST: "expired_remainder",
    Reason.SELF_TRADE: "cancelled_stp",
    Reason.REDUCE_ONLY_NOTHING_LEFT: "cancelled_reduce_only_remainder",
}


class _Book:
    """The exchange of one sequence, and which of its orders is which of the vector's."""

    def __init__(self, vector: Vector) -> None:
        inputs = vector.inputs
        inputs.only("ops", "stp", "initial_positions")
        self.ops = [Fields(op) for op in inputs["ops"]]
        self.positions = inputs.get("initial_positions")
        self.rule = str(inputs.get("stp", "none"))
        if self.rule not in _PREVENTIONS and self.rule not in _UNSUPPORTED:
            raise NotApplicable(f"self-trade rule {self.rule!r} is unknown")
        self._check_ops()
        placed = [op for op in self.ops if op["op"] == "place"]
        held = [number(q) for by_symbol in (self.positions or {}).values() for q in by_symbol.values()]
        self.prices = [number(op["price"]) for op in placed if op.get("price") is not None] or [Fraction(1)]
        # quantities are numbers of the smallest lots: sizes in base units would only move the decimal point
        self.lot = min(_power_of_ten(number(op["qty"])) for op in placed) if placed else Fraction(1)
        self.lot = min([self.lot, *(_power_of_ten(quantity) for quantity in held if quantity)])
        self.tick = min(_power_of_ten(price) for price in self.prices)
        if max(self.prices) / self.tick > 10**7:
            raise NotApplicable("a price is above what the engine's bounds hold")
        names = list(dict.fromkeys([str(op["symbol"]) for op in placed])) or ["S"]
        for by_symbol in (self.positions or {}).values():
            names += [str(name) for name in by_symbol if str(name) not in names]
        unit, least = (Fraction(1),), (Fraction(1, 10**8),)
        highest = Fraction(10 * int(max(self.prices) / self.tick))
        self.highest = highest
        self.world = World([Market(name, unit, least, price_max=highest) for name in names])
        self.world.marks({name: highest / 2 for name in names})
        self.accounts: dict[str, int] = {}
        self.orders: dict[str, tuple[int, str, str]] = {}  # id → (order id, account, symbol)
        self.ids: dict[int, str] = {}
        for account, by_symbol in (self.positions or {}).items():
            for name, quantity in by_symbol.items():
                self.world.open(self._account(account), str(name), number(quantity) / self.lot / 10**8, highest / 2)

    def _check_ops(self) -> None:
        """Every reason not to begin."""
        seen = set()
        for op in self.ops:
            if op["op"] not in ("place", "cancel", "reduce", "move"):
                raise NotApplicable(f"operation {op['op']!r} is unknown")
            op.only(
                "op",
                "id",
                "account",
                "symbol",
                "side",
                "qty",
                "price",
                "tif",
                "post_only",
                "reduce_only",
                "type",
                "budget",
            )
            if op["op"] != "place":
                continue
            if op.get("tif", "GTC") == "FOK_BUDGET":
                raise NotApplicable("no fill-or-kill with a limit on the total cost (FOK_BUDGET)")
            if op.get("tif", "GTC") not in _TIFS:
                raise NotApplicable(f"time in force {op['tif']!r} is unknown")
            if op.get("type", "limit") not in ("limit", "market"):
                raise NotApplicable(f"order type {op['type']!r} is unknown")
            if op["id"] in seen:
                raise NotApplicable("an order id is used twice (client order ids): later feature")
            if op.get("reduce_only") and self.positions is None:
                raise NotApplicable("a reduce-only order without initial positions is not said to be one")
            if op.get("post_only") and op.get("tif", "GTC") != "GTC":
                raise NotApplicable("post-only that does not rest")
            seen.add(op["id"])

    def _account(self, name: Any) -> int:
        key = str(name)
        if key not in self.accounts:
            self.accounts[key] = self.world.account()
        return self.accounts[key]

    def price_of(self, ticks: int) -> Fraction:
        """A price of the engine as the vector writes it."""
        return int(ticks) * self.tick

    def size_of(self, lots: int) -> Fraction:
        return int(lots) * self.lot

    def place(self, op: Fields) -> tuple[str, list[np.void]]:
        """(status, events) of one order."""
        account, name = self._account(op["account"]), str(op["symbol"])
        side = Side.BUY if sign_of(op["side"]) > 0 else Side.SELL
        tif, price = _TIFS[str(op.get("tif", "GTC"))], op.get("price")
        is_market = op.get("type") == "market" or price is None
        if op.get("post_only"):
            tif = TimeInForce.GTX
            self._check_own(op, account, name, side)
        ticks = None if price is None else number(price) / self.tick
        if is_market:
            # a market order is one for any price; fill-or-kill is asked of limit orders
            ticks = (self.highest if side == Side.BUY else Fraction(1)) if tif == TimeInForce.FOK else None
        prevention = _PREVENTIONS.get(self.rule, SelfTradePrevention.EXPIRE_MAKER)
        try:
            result, events = self.world.place(
                account,
                name,
                side,
                number(op["qty"]) / self.lot / 10**8,
                ticks,
                tif,
                reduce_only=bool(op.get("reduce_only")),
                prevention=prevention,
            )
        except Refused as refused:
            if refused.refusal == Refusal.NO_LIQUIDITY:
                return "expired_remainder", []
            if refused.refusal not in _REFUSALS:
                raise NotApplicable(f"this order is {refused.refusal.name} here") from None
            return _REFUSALS[refused.refusal], []
        self.orders[str(op["id"])] = (result.order_id, str(op["account"]), name)
        self.ids[result.order_id] = str(op["id"])
        if self.rule in _UNSUPPORTED and any(one["code"] == Reason.SELF_TRADE for one in _removed(events)):
            raise NotApplicable(_UNSUPPORTED[self.rule])
        own = [one for one in events if one["kind"] == EventKind.CANCELLED and one["code"] == Reason.SELF_TRADE]
        if is_market and ticks is None and own:
            raise NotApplicable("a market order's limit counts own resting orders, which are then cancelled")
        expired = [one for one in events if one["kind"] == EventKind.EXPIRED and one["order_id"] == result.order_id]
        if expired:
            return _EXPIRIES[Reason(int(expired[0]["code"]))], events
        is_resting = any(one.order_id == result.order_id for one in self.world.exchange.orders(account))
        return "resting" if is_resting else "filled", events

    def _check_own(self, op: Fields, account: int, name: str, side: Side) -> None:
        """A post-only order before an own order: whether the own one goes first is not said."""
        for order in self.world.exchange.orders(account):
            better = order.price_ticks - number(op["price"]) / self.tick
            if order.symbol == name and order.side != side and (better <= 0 if side == Side.BUY else better >= 0):
                raise NotApplicable("a post-only order that meets an own order: the rule is not said")

    def cancel(self, op: Fields) -> tuple[str, list[np.void]]:
        order_id, owner, _ = self.orders.get(str(op["id"]), (1, None, ""))
        account = self._account(op["account"] if op.get("account") is not None else owner or "nobody")
        first = len(self.world.events)
        try:
            self.world.cancel(account, order_id)
        except Refused as refused:
            if refused.refusal != Refusal.UNKNOWN_ORDER:
                raise NotApplicable(f"this cancel is {refused.refusal.name} here") from None
            return "unknown_order", []
        return "ok", self.world.events[first:]

    def amend(self, op: Fields) -> tuple[str, list[np.void]]:
        """A `reduce` by so much, or a `move` to a price."""
        order_id, owner, _ = self.orders.get(str(op["id"]), (1, None, ""))
        account = self._account(op["account"] if op.get("account") is not None else owner or "nobody")
        order = self.world.exchange.order(order_id)
        fields = {"price_ticks": 0, "lots": 0}
        if op["op"] == "move":
            fields["price_ticks"] = int(number(op["price"]) / self.tick)
        else:
            gone = number(op["qty"]) / self.lot
            if gone <= 0:
                return "bad_qty", []
            fields["lots"] = max(1, order.original_lots - int(gone)) if order is not None else 1
            if order is not None and gone >= order.lots:
                raise NotApplicable("a reduction of all of the rest or more: an amendment to what has filled, which may be nothing")
        try:
            result = self.world.submit(CommandKind.AMEND_ORDER, account=account, order_id=order_id, **fields)
        except Refused as refused:
            if refused.refusal != Refusal.UNKNOWN_ORDER:
                raise NotApplicable(f"this amendment is {refused.refusal.name} here") from None
            return "unknown_order", []
        return "ok", list(result.events)

    def trades(self, events: list[np.void]) -> list[dict[str, Any]]:
        fills = [one for one in events if one["kind"] == EventKind.FILLED]
        takers = [one for one in fills if not one["is_maker"]]
        makers = [one for one in fills if one["is_maker"]]
        found: list[dict[str, Any]] = []
        for taker, maker in zip(takers, makers, strict=True):
            trade = {
                "taker": self.ids[int(taker["order_id"])],
                "maker": self.ids[int(maker["order_id"])],
                "price": self.price_of(maker["price_ticks"]),
                "qty": self.size_of(taker["lots"]),
            }
            last = found[-1] if found else None
            if last and (last["taker"], last["maker"]) == (trade["taker"], trade["maker"]):
                last["qty"] += trade["qty"]  # a flip through zero is two fills at one price
            else:
                found.append(trade)
        return found

    def resting(self) -> list[list[Any]]:
        return sorted([self.ids[one.order_id], self.size_of(one.lots)] for one in self.world.exchange.orders())

    def levels(self) -> dict[str, list[list[Any]]]:
        name = self.world.exchange.symbols[0]
        counts = Counter((one.side, one.price_ticks) for one in self.world.exchange.orders() if one.symbol == name)
        book = self.world.exchange.book(name, 1000)
        return {
            key: [[self.price_of(ticks), self.size_of(lots), counts[side, ticks]] for ticks, lots in book[key]]
            for key, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }


def _power_of_ten(value: Fraction) -> Fraction:
    """The coarsest power of ten, at most 1, that a value is a multiple of."""
    grid = Fraction(1)
    for _ in range(16):
        if value % grid == 0:
            return grid
        grid /= 10
    raise NotApplicable("a price or quantity is finer than 16 decimals")


def _removed(events: list[np.void]) -> list[np.void]:
    return [one for one in events if one["kind"] in (EventKind.CANCELLED, EventKind.EXPIRED)]


@handles("price_time_matching")
def _sequence(vector: Vector) -> dict[str, Any]:
    book = _Book(vector)
    trades: list[dict[str, Any]] = []
    cancelled: list[str] = []
    got: dict[str, Any] = {}
    for op in book.ops:
        act = {"place": book.place, "cancel": book.cancel}.get(str(op["op"]), book.amend)
        status, events = act(op)
        last = book.trades(events)
        trades += last
        for one in _removed(events):
            if one["code"] != Reason.IMMEDIATE_REST:
                cancelled.append(book.ids[int(one["order_id"])])
        filled = sum((trade["qty"] for trade in last), Fraction(0))
        got = {"status_last": status, "trades_last": last, "filled_last": filled}
    return got | {
        "trades_all": trades,
        "resting": book.resting(),
        "cancelled": sorted(cancelled),
        "levels": book.levels(),
    }


@handles("amend_remaining")
def _amended(vector: Vector) -> dict[str, Any]:
    """An order of `size`, of which `filled` is gone, gets another size."""
    inputs = vector.inputs
    inputs.only("size", "filled", "new_size")
    size, filled, new_size = (number(inputs[name]) for name in ("size", "filled", "new_size"))
    world = World([Market("X", (Fraction(10),), (size, filled, new_size))])
    world.marks({"X": Fraction(10)})
    account = world.account()
    order, _ = world.place(account, "X", Side.BUY, size, Fraction(10))
    if filled:
        world.place(HOUSE, "X", Side.SELL, filled, Fraction(10), TimeInForce.IOC)
    lots = world.lots("X", new_size)
    if lots < 1 or new_size <= filled:
        raise NotApplicable("no more than has filled: the order is cancelled here, not refused")
    world.submit(CommandKind.AMEND_ORDER, account=account, order_id=order.order_id, lots=lots)
    rest = world.exchange.order(order.order_id)
    assert rest is not None
    return {"accepted": True, "remaining": world.quantity("X", rest.lots)}


# ---- one reduce-only order ----


def _tradable(held: Fraction, sign: int, size: Fraction, filled: Fraction, *, reduce_only: bool) -> Fraction:
    """What an order of `size`, of which `filled` is gone, still trades while the position is `held`."""
    world = World([Market("X", (Fraction(10),), (held, size, filled))])
    world.marks({"X": Fraction(10)})
    account, price = world.account(), Fraction(10)
    world.open(account, "X", held - sign * filled, price)
    try:
        order, _ = world.place(account, "X", side_of(Fraction(sign)), size, price, reduce_only=reduce_only)
        if filled:
            world.place(HOUSE, "X", side_of(Fraction(-sign)), filled, price, TimeInForce.IOC)
        if world.quantity("X", world.position(account, "X").lots) != held:
            raise NotApplicable("this state cannot be reached here")
        if not any(one.order_id == order.order_id for one in world.exchange.orders(account)):
            return Fraction(0)
        _, events = world.place(HOUSE, "X", side_of(Fraction(-sign)), size, price, TimeInForce.IOC)
    except Refused as refused:
        if refused.refusal not in (Refusal.REDUCE_ONLY_REJECTED, Refusal.QUANTITY_NOT_POSITIVE):
            raise NotApplicable(f"this order is {refused.refusal.name} here") from None
        return Fraction(0)
    return world.quantity("X", sum(int(fill["lots"]) for fill in world.fills(events, account)))


@handles("reduce_only_remaining")
def _remaining(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("size", "filled", "reduce_only", "side", "position_qty")
    sign, filled = sign_of(inputs["side"]), number(inputs["filled"])
    held, size = number(inputs["position_qty"]), number(inputs["size"])
    return {"remaining": _tradable(held, sign, size, filled, reduce_only=bool(inputs["reduce_only"]))}


@handles("reduce_only_lots")
def _lots(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("market_reduce_only", "position_qty", "open_bids", "open_asks", "side", "size")
    sign = sign_of(inputs["side"])
    own_side = number(inputs.get("open_bids" if sign > 0 else "open_asks", 0))
    if inputs.get("market_reduce_only") and own_side:
        raise NotApplicable("a reduce-only order that counts resting orders of its side: no such column")
    held, size = number(inputs["position_qty"]), number(inputs["size"])
    return {"allowed": _tradable(held, sign, size, Fraction(0), reduce_only=True)}
