"""Sequences: several fills in a row, and one isolated account step by step, on a real exchange.

Responsible for: average entry, realized PnL, cash and margins after every step. Must not: average anything itself.
Entry price is entry cost ÷ quantity; cash is wallets less entry cost, as other venues keep it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from isocross.codes import EventKind, IsolatedFillBasis, MarginMode, TimeInForce
from tests.vectors.prices import ENTRY_BASIS, INVERSE
from tests.vectors.vector import Fields, Missing, NotApplicable, Vector, handles, number
from tests.vectors.world import HOUSE, RICH, Market, Refused, World, money, side_of, sign_of

BREAK_EVEN = "isocross states no break-even price: fees and what is realized stay out of the entry cost"


class _Path:
    """One rich cross account, fill after fill at its own mark."""

    def __init__(self, steps: list[tuple[Fraction, Fraction]], taker: Fraction = Fraction(0)) -> None:
        traded = [(quantity, price) for quantity, price in steps if quantity]
        prices = tuple(price for _, price in traded) or (Fraction(1),)
        self.world = World([Market("X", prices, tuple(quantity for quantity, _ in traded), taker_fee_rate=taker)])
        self.world.marks({"X": prices[0]})
        self.account = self.world.account(RICH)
        self.realized = Fraction(0)  # of the last fill, before fees
        self.fee = Fraction(0)  # of the last fill

    def fill(self, quantity: Fraction, price: Fraction) -> None:
        fills = self.world.open(self.account, "X", quantity, price)
        self.realized = money(sum(int(fill["amount_e8"]) for fill in fills))
        self.fee = money(sum(int(fill["fee_e8"]) for fill in fills))

    @property
    def quantity(self) -> Fraction:
        return self.world.quantity("X", self.world.position(self.account, "X").lots)

    @property
    def entry_price(self) -> Fraction:
        return self.world.entry_price(self.account, "X")

    @property
    def entry_cash(self) -> Fraction:
        return -money(self.world.position(self.account, "X").entry_cost_e8)

    @property
    def cash(self) -> Fraction:
        return self.world.cash(self.account) - RICH


@handles("average_entry")
def _average(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("qty", "avg_entry", "add_qty", "add_price")
    steps = [
        (number(inputs["qty"]), number(inputs["avg_entry"])),
        (number(inputs["add_qty"]), number(inputs["add_price"])),
    ]
    path = _Path(steps)
    for step in steps:
        path.fill(*step)
    return {"qty": path.quantity, "avg_entry": path.entry_price}


@handles("net_position_fold")
def _fold(vector: Vector) -> dict[str, Any]:
    legs = sorted(vector.inputs["legs"], key=lambda leg: number(leg.get("ts_order", 0)))
    steps = [(number(leg["qty"]), number(leg["price"])) for leg in legs]
    path = _Path(steps)
    for step in steps:
        path.fill(*step)
    return {"net_qty": path.quantity, "avg_price": path.entry_price}


@handles("position_update_cash", "position_update_entry_price")
def _update(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("position", "delta")
    before, delta = inputs["position"], inputs["delta"]
    held, entry_cash = number(before["qty"]), number(before["entry_cash"])
    steps = [(held, -entry_cash / held)] if held else []
    steps.append((number(delta["qty"]), -number(delta["cash"]) / number(delta["qty"])))
    if any(price <= 0 for _, price in steps):
        raise NotApplicable("a price of 0 or below is no price here")
    path = _Path(steps)
    for step in steps:
        path.fill(*step)
    return {
        "qty": path.quantity,
        "cash": path.cash - entry_cash + number(before["cash"]),
        "entry_cash": path.entry_cash,
        "pnl": path.realized,
        "entry_price": path.entry_price,
        "break_even_cash": Missing(BREAK_EVEN),
    }


@handles("trade_break_even")
def _break_even(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("position", "trades")
    before = inputs["position"]
    before.only("qty", "avg_entry")
    trades = [(number(one["qty"]), number(one["price"])) for one in inputs["trades"]]
    first = [(number(before["qty"]), number(before["avg_entry"]))] if number(before["qty"]) else []
    path = _Path([*first, *trades])
    for step in first:
        path.fill(*step)
    steps, started = [], Fraction(0)
    for quantity, price in trades:
        held = path.quantity
        path.fill(quantity, price)
        is_flip = held * path.quantity < 0
        if path.quantity == 0:
            started = path.cash
        steps.append(
            {
                "qty": path.quantity,
                "avg_entry": path.entry_price,
                "realised": path.realized,
                "running": Missing(BREAK_EVEN) if is_flip else path.cash - started,
                "break_even": Missing(BREAK_EVEN),
            }
        )
    return {"steps": steps}


@handles("position_sequence_average")
def _sequence(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("fee", "orders")
    fee_rate = number(inputs.get("fee", 0))
    orders = [(sign_of(one["side"]) * number(one["qty"]), number(one["price"])) for one in inputs["orders"]]
    path = _Path(orders, fee_rate)
    steps, total, is_known = [], Fraction(0), fee_rate == 0
    reason = "realizes the entry fee pro rata at the exit: here a fee is paid at its fill"
    for quantity, price in orders:
        held = path.quantity
        path.fill(quantity, price)
        total += path.realized
        steps.append(
            {
                "qty": path.quantity,
                "avg_entry": path.entry_price,
                "cumulative_realised": total if is_known else Missing(reason),
                "realised": (path.realized if held * quantity < 0 else None) if is_known else Missing(reason),
                "cumulative_ratio": Missing("isocross states no return on the value of everything bought"),
                "realised_ratio": Missing("isocross states no return on the value of everything bought"),
            }
        )
    return {"steps": steps, "final_realised": path.cash if path.quantity == 0 else Missing(reason)}


@handles("position_sequence_fees")
def _sequence_fees(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("fee_rate", "settle_step", "fills", "contract")
    if inputs.get("contract", "linear") != "linear" or vector.says("contract") not in ("", "linear"):
        raise NotApplicable(INVERSE)
    fills = [(sign_of(one["side"]) * number(one["qty"]), number(one["price"])) for one in inputs["fills"]]
    given = [one.get("commission") for one in inputs["fills"]]
    step = number(inputs.get("settle_step", 0))
    path = _Path(fills, number(inputs["fee_rate"]))
    steps: list[dict[str, Any]] = []
    started, inexact = path.cash, ""
    for (quantity, price), commission in zip(fills, given, strict=True):
        held = path.quantity
        if held == 0:
            started, inexact = path.cash, ""
        path.fill(quantity, price)
        if held * path.quantity < 0:
            inexact = "how a commission is split by a flip is not said"
        elif commission is not None and number(commission) != path.fee:
            inexact = "a commission given as an amount: fees are rates here"
        elif step and path.fee % step:
            inexact = f"rounds every commission to {float(step):g}: money is rounded at 0.00000001 here"
        realized = path.cash - path.entry_cash - started
        steps.append(
            {
                "qty": path.quantity,
                "avg_entry": path.entry_price if path.quantity else Missing("the average of a flat position"),
                "realised": Missing(inexact) if inexact else realized,
            }
        )
    return {"steps": steps}


@handles("fills_with_fees_cash")
def _fees_cash(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("taker_side", "fills", "taker_rate", "maker_rebate_rate")
    sign = sign_of(inputs["taker_side"])
    fills = [(sign * number(one["qty"]), number(one["price"])) for one in inputs["fills"]]
    path = _Path(fills, number(inputs["taker_rate"]))
    maker = path.world.account(RICH)
    for quantity, price in fills:
        path.world.place(maker, "X", side_of(-quantity), abs(quantity), price)
        path.world.place(path.account, "X", side_of(quantity), abs(quantity), price, TimeInForce.IOC)
    world = path.world
    rebate = number(inputs.get("maker_rebate_rate", 0))
    reason = "no column for a maker rebate: a maker fee rate is 0 … 1"
    return {
        "taker_qty": path.quantity,
        "taker_cash": path.cash,
        "taker_entry_cash": path.entry_cash,
        "maker_qty": world.quantity("X", world.position(maker, "X").lots),
        "maker_cash": Missing(reason) if rebate else world.cash(maker) - RICH,
        "maker_entry_cash": -money(world.position(maker, "X").entry_cost_e8),
    }


# ---- one isolated account, step by step ----

_OP_KEYS = ("op", "order_id", "side", "price", "qty", "bid", "ask", "reduce_only")
RESERVE = "no column for reserving the maker fee of a resting order"


class _Account:
    """An isolated account whose wallet gets fill price ÷ leverage; the house trades what a step says, when it says it."""

    def __init__(self, vector: Vector) -> None:
        inputs = vector.inputs
        inputs.only("contract", "leverage", "balance", "maker_fee", "taker_fee", "maintenance_fraction", "ops")
        self.ops = list(inputs["ops"])
        prices, sizes = [], []
        for op in self.ops:
            op.only(*_OP_KEYS)
            prices += [number(op[key]) for key in ("price", "bid", "ask") if op.get(key) is not None]
            sizes += [number(op["qty"])] if op.get("qty") is not None else []
        if not prices:
            raise NotApplicable("input bid is missing")
        self.maker_fee, self.taker_fee = number(inputs["maker_fee"]), number(inputs["taker_fee"])
        market = Market(
            "X", tuple(prices), tuple(sizes), maker_fee_rate=self.maker_fee, taker_fee_rate=self.taker_fee,
            is_inverse=inputs.get("contract", "linear") == "inverse",
        )  # fmt: skip
        self.world = World([market], fill_basis=IsolatedFillBasis.FILL, mode=MarginMode.ISOLATED)
        self.world.marks({"X": prices[0]})
        self.balance = number(inputs["balance"])
        self.account = self.world.account(self.balance)
        self.leverage = number(inputs["leverage"])
        self.world.set_leverage(self.account, "X", self.leverage)
        self.bid = self.ask = prices[0]
        self.orders: dict[str, tuple[int, Fraction, int]] = {}  # id → (order id, price, sign)
        self.paid = Fraction(0)
        self.highest = max(prices)

    def step(self, op: Fields) -> dict[str, Any]:
        """One operation, and everything that can be read after it."""
        first = len(self.world.events)
        accepted: Any = True
        if op["op"] == "quote":
            self.bid, self.ask = number(op["bid"]), number(op["ask"])
        elif op["op"] == "market":
            accepted = self._market(sign_of(op["side"]), number(op["qty"]))
        elif op["op"] == "limit":
            accepted = self._limit(op)
        elif op["op"] == "fill":
            self._fill(op)
        elif op["op"] == "cancel":
            accepted = self._cancel(op)
        else:
            raise NotApplicable(f"operation {op['op']!r} is unknown")
        self._mark(self._own_mark())
        events = self.world.events[first:]
        if self.world.of_kind(events, EventKind.LIQUIDATION_STARTED):
            raise NotApplicable(
                "a loss beyond the isolated margin takes the rest of the account there; here it ends at the margin"
            )
        fee = money(sum(int(one["fee_e8"]) for one in self.world.fills(events, self.account)))
        self.paid += fee
        return {"accepted": accepted, "fee": fee} | self._read()

    def _mark(self, price: Fraction) -> None:
        self.world.marks({"X": price})

    def _own_mark(self) -> Fraction:
        """What its profit is measured at: the bid for a long, the ask for a short."""
        return self.ask if self.world.position(self.account, "X").lots < 0 else self.bid

    def _market(self, sign: int, quantity: Fraction) -> bool:
        """Against the quote, with the mark there: margin is taken at the fill price."""
        price = self.ask if sign > 0 else self.bid
        own = [one for one in self.orders.values() if one[2] == sign]
        if any((one[1] - price) * sign >= 0 for one in own):
            raise NotApplicable("a quote beyond a resting order, which does not fill there")
        if any((one[1] - price) * sign <= 0 for one in self.orders.values() if one[2] == -sign):
            raise NotApplicable("a market order that meets an own resting one")
        self._check_beside(quantity)
        self._mark(price)
        try:
            fills = self.world.fill(self.account, "X", side_of(Fraction(sign)), quantity, price)
        except Refused as refused:
            if refused.refusal.name != "MARGIN_INSUFFICIENT":
                raise NotApplicable(f"this order is {refused.refusal.name} here") from None
            return False
        done = sum(int(fill["lots"]) for fill in fills)
        if 0 < done < self.world.lots("X", quantity):
            raise NotApplicable("an order is filled in part here and refused whole there")
        return done > 0

    def _check_beside(self, quantity: Fraction) -> None:
        """Resting orders are charged at their limits there and at the mark here: only ample balances are compared."""
        held = self.world.quantity("X", self.world.position(self.account, "X").lots)
        if not self.orders:
            return
        resting = sum(self.world.quantity("X", one.lots) for one in self.world.exchange.orders(self.account))
        most = (abs(held) + resting + quantity) * self.highest * (1 / self.leverage + self.taker_fee + self.maker_fee)
        wallet = self.world.wallet(self.account)
        if most > money(wallet.cross_wallet_e8 + wallet.isolated_wallets_e8):
            raise NotApplicable("acceptance beside resting orders: charged at their limits there, at the mark here")

    def _limit(self, op: Fields) -> bool:
        """Post-only against the quote, which is there while the order is judged."""
        sign, price, quantity = sign_of(op["side"]), number(op["price"]), number(op["qty"])
        against = self.ask if sign > 0 else self.bid
        if any((one[1] - against) * sign >= 0 for one in self.orders.values() if one[2] == sign):
            raise NotApplicable("a quote beyond a resting order, which does not fill there")
        if any((one[1] - price) * sign <= 0 for one in self.orders.values() if one[2] == -sign):
            raise NotApplicable("a resting order that meets an own one")
        self._check_beside(quantity)
        house, _ = self.world.place(HOUSE, "X", side_of(Fraction(-sign)), quantity, against)
        self._mark(price)
        available = money(self.world.wallet(self.account).available_e8)
        try:
            order, _ = self.world.place(self.account, "X", side_of(Fraction(sign)), quantity, price, TimeInForce.GTX)
        except Refused as refused:
            if refused.refusal.name == "MARGIN_INSUFFICIENT":
                if quantity * price * (1 / self.leverage + self.maker_fee) <= available:
                    raise NotApplicable("acceptance of a resting order asks for the taker fee here") from None
            elif refused.refusal.name != "POST_ONLY_TAKES":
                raise NotApplicable(f"this order is {refused.refusal.name} here") from None
            return False
        finally:
            self.world.cancel(HOUSE, house.order_id)
        self.orders[str(op["order_id"])] = (order.order_id, price, sign)
        return True

    def _fill(self, op: Fields) -> None:
        order_id, price, sign = self._order(op)
        others = [one for one in self.orders.values() if one[2] == sign and one[0] != order_id]
        if any((one[1] - price) * sign >= 0 for one in others):
            raise NotApplicable("a resting order trades before a better or older one")
        resting = [one for one in self.world.exchange.orders(self.account) if one.order_id == order_id]
        quantity = number(op["qty"]) if op.get("qty") is not None else self.world.quantity("X", resting[0].lots)
        self._mark(price)
        self.world.place(HOUSE, "X", side_of(Fraction(-sign)), quantity, price, TimeInForce.IOC)
        self._forget()

    def _order(self, op: Fields) -> tuple[int, Fraction, int]:
        found = self.orders.get(str(op["order_id"]))
        if found is None:
            raise NotApplicable("an order that is not there")
        return found

    def _cancel(self, op: Fields) -> bool:
        if str(op["order_id"]) not in self.orders:
            return False
        self.world.cancel(self.account, self._order(op)[0])
        self._forget()
        return True

    def _forget(self) -> None:
        there = {one.order_id for one in self.world.exchange.orders(self.account)}
        self.orders = {key: one for key, one in self.orders.items() if one[0] in there}

    def _read(self) -> dict[str, Any]:
        world, account = self.world, self.account
        view = world.position(account, "X")
        wallet = world.wallet(account)
        got: dict[str, Any] = {
            "qty": world.quantity("X", view.lots),
            "entry": world.entry_price(account, "X") if view.lots else None,
            "equity": money(wallet.cross_wallet_e8 + wallet.isolated_wallets_e8),
            "position_margin": money(view.isolated_wallet_e8),
            "upnl": money(view.unrealized_pnl_e8),
            "fees": self.paid,
            "open_orders": Fraction(len(self.orders)),
            "order_margin": money(view.margin_held_e8),
            "available": money(wallet.available_e8),
            "liquidated": Missing(ENTRY_BASIS),
            "forced_cancels": Missing("no rule that cancels resting orders when a reduction leaves too little margin"),
            "bad_debt": Missing("no bad debt: a loss beyond the margin is taken over"),
        }
        if self.orders:
            got |= self._read_orders()
        return got

    def _read_orders(self) -> dict[str, Any]:
        """Order margin is at the limit price there and at the mark here: read with the mark at the orders' price."""
        prices = {one[1] for one in self.orders.values()}
        reserve = Missing(RESERVE)
        if len(prices) > 1 or self.world.position(self.account, "X").lots:
            apart = Missing("orders at several prices, or beside a position: here their lots are charged at the mark")
            return {"order_margin": apart, "available": reserve if self.maker_fee else apart}
        own = self._own_mark()
        self._mark(prices.pop())
        held = money(self.world.position(self.account, "X").margin_held_e8)
        available = money(self.world.wallet(self.account).available_e8)
        self._mark(own)
        return {"order_margin": held, "available": reserve if self.maker_fee else available}


@handles("one_market_account")
def _one_market(vector: Vector) -> dict[str, Any]:
    account = _Account(vector)
    return {"steps": [account.step(op) for op in account.ops]}
