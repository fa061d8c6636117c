"""Accounts: what a whole account is worth, must hold and may still do, read from a real exchange.

Responsible for: account reports, acceptance of orders, moves into isolated wallets, due or not due.
Must not: compare a balance with a requirement itself: that is the engine's answer.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from isocross.codes import CommandKind, EventKind, IsolatedFillBasis, MarginMode, Side
from isocross.exchange import Exchange
from tests.vectors.requirements import _whole_leverage
from tests.vectors.vector import Fields, Missing, NotApplicable, Vector, cannot, handles, number
from tests.vectors.world import LEAST_RATE, RICH, Market, Refused, World, e8, grid_e8, money, side_of, sign_of

EQUALITY = "at the requirement exactly: safe there, due here (balance ≤ maintenance)"
BY_VALUE = "closing orders worth more than the position at entry: netted by value there, by lots here"
NEGATIVE = "an account without position is never below zero here"

cannot("spot borrowing and collateral weights: no such accounts", "segment_requirements")
cannot("several collateral assets in one pool (portfolio margin): later feature", "buying_power_shared")
cannot("no column for reserving initial plus maintenance", "locked_and_free")


# ---- reports ----


@handles("position_report_linear")
def _report(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("side", "qty", "entry_price", "mark_price", "leverage", "mmr", "collateral")
    quantity = sign_of(inputs["side"]) * number(inputs["qty"])
    entry, mark = number(inputs["entry_price"]), number(inputs["mark_price"])
    world = World([Market("X", (entry,), (quantity,), number(inputs["mmr"]), price_max=20 * max(entry, mark))])
    world.marks({"X": entry})
    account = world.account(RICH)
    world.set_leverage(account, "X", number(inputs["leverage"]))
    world.open(account, "X", quantity, entry)
    world.marks({"X": mark})
    view = world.position(account, "X")
    got: dict[str, Any] = {
        "upnl": money(view.unrealized_pnl_e8),
        "notional": abs(money(view.entry_cost_e8 + view.unrealized_pnl_e8)),
        "initial_margin": money(view.margin_held_e8),
        "maintenance_margin": money(view.maintenance_margin_e8),
        "roe_percent": Missing("isocross states the return on the initial margin at entry, not at the mark"),
    }
    if "collateral" in inputs:
        got["ratio"] = _ratio(world, account, number(inputs["collateral"]), vector)
    return got


def _ratio(world: World, account: int, collateral: Fraction, vector: Vector) -> Any:
    """The view's margin ratio once the balance is the vector's collateral."""
    if "includes unrealised" not in vector.says("collateral"):
        return Missing("whether the collateral includes open profit is not said")
    too_much_e8 = world.position(account, "X").margin_balance_e8 - e8(collateral, "a balance")
    try:
        world.submit(CommandKind.WITHDRAW, account=account, asset=0, amount_e8=too_much_e8)
    except Refused:
        return Missing("this balance cannot be left by a withdrawal")
    return Fraction(repr(world.position(account, "X").margin_ratio))


# ---- accounts of a signed balance and positions, valued at one price ----


class Holding:
    """Contracts of a vector, and opening prices at which its accounts are not due before the final marks come."""

    def __init__(
        self, markets: list[Fields], quantities: list[Fraction], prices: tuple[Fraction, ...] = (), **columns: Any
    ) -> None:
        self.final = {str(market["symbol"]): number(market["oracle_price"]) for market in markets}
        self.fractions = {str(market["symbol"]): number(market["imf"]) for market in markets}
        self.rows = []
        for market in markets:
            market.only("symbol", "oracle_price", "imf", "maintenance_fraction")
            name = str(market["symbol"])
            rate = self.fractions[name] * number(market["maintenance_fraction"]) or LEAST_RATE
            grid = tuple(quantities) or (Fraction(1),)
            highest = 20 * max([self.final[name], *prices])
            self.rows.append(Market(name, (self.final[name], *prices), grid, rate, price_max=highest, **columns))
        self.rates = {row.name: row.maintenance_rate for row in self.rows}

    def opening_prices(self, quantities: dict[str, Fraction], cash: Fraction) -> dict[str, Fraction]:
        """Above the final price for a long, below it for a short: far enough that the account is not due there."""
        for factor in (1, 2, 4, 8, 16):
            opening = {}
            for name, quantity in quantities.items():
                tick = money(grid_e8([self.final[name]], "a price"))
                price = self.final[name] * factor if quantity > 0 else self.final[name] / factor
                opening[name] = price // tick * tick
            value = cash + sum(quantity * opening[name] for name, quantity in quantities.items())
            held = sum(self.rates[name] * abs(quantity) * opening[name] for name, quantity in quantities.items())
            if value > 2 * held and min(opening.values()) > 0:
                return opening
        raise NotApplicable("this balance is due at every price it could be opened at")

    def open(self, world: World, positions: list[Fields], cash: Fraction) -> int:
        """A cross account with this signed quote balance and these positions; the marks are not the final ones yet."""
        quantities = quantities_of(positions)
        unknown = [name for name in quantities if name not in self.final]
        if unknown:
            raise NotApplicable(f"input market {unknown[0]} is missing")
        opening, first = self.opening_prices(quantities, cash), len(world.events)
        world.marks({**self.final, **opening})
        account = world.account(cash + sum(quantity * opening[name] for name, quantity in quantities.items()))
        for name, quantity in quantities.items():
            world.open(account, name, quantity, opening[name])
        if world.of_kind(world.events[first:], EventKind.LIQUIDATION_STARTED):
            raise NotApplicable("an account is due on the way to its state")
        return account

    def open_at_the_end(self, world: World, positions: list[Fields], cash: Fraction) -> int:
        """The same while the marks are the final ones: what it was lent to open is withdrawn, as far as that is allowed."""
        quantities = quantities_of(positions)
        account = world.account(RICH)
        for name, quantity in quantities.items():
            world.open(account, name, quantity, self.final[name])
        left = cash + sum(quantity * self.final[name] for name, quantity in quantities.items())
        world.withdraw(account, RICH - left)
        return account


def quantities_of(positions: list[Fields]) -> dict[str, Fraction]:
    """Symbol → signed quantity."""
    found: dict[str, Fraction] = {}
    for position in positions:
        if str(position["symbol"]) in found:
            raise NotApplicable("two positions of one symbol on one side")
        found[str(position["symbol"])] = number(position["qty"])
    return found


@handles("account_net_collateral")
def _net_collateral(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("quote_balance", "positions", "markets", "quote_step")
    cash, positions = number(inputs["quote_balance"]), list(inputs["positions"])
    if not positions:
        return _flat_account(cash)
    quantities = quantities_of(positions)
    holding = Holding(list(inputs["markets"]), list(quantities.values()))
    world = World(holding.rows)
    account = holding.open(world, positions, cash)
    started = world.of_kind(world.marks(holding.final), EventKind.LIQUIDATION_STARTED, account)
    if started:
        balance, maintenance = money(started[0]["balance_e8"]), money(started[0]["maintenance_e8"])
    else:
        wallet = world.wallet(account)
        balance, maintenance = money(wallet.margin_balance_e8), money(wallet.maintenance_margin_e8)
    got: dict[str, Any] = {
        "net_collateral": balance,
        "maintenance_margin": maintenance,
        "liquidatable": Missing(EQUALITY) if balance == maintenance else bool(started),
    }
    if LEAST_RATE in holding.rates.values():
        reason = "no column for a maintenance rate of 0"
        got |= {"maintenance_margin": Missing(reason), "initial_margin": Missing(reason)}
    if "initial_margin" in vector.expected and "initial_margin" not in got:
        twin = world.account(RICH)  # the same positions with a full wallet, as the account itself may be gone
        for name, quantity in quantities.items():
            world.open(twin, name, quantity, holding.final[name])
            world.set_leverage(twin, name, _whole_leverage(holding.fractions[name]))
        got["initial_margin"] = money(sum(world.position(twin, name).margin_held_e8 for name in quantities))
    step = number(inputs.get("quote_step", 0))
    for key in ("initial_margin", "maintenance_margin"):
        if step and isinstance(got.get(key), Fraction) and got[key] % step:
            got[key] = Missing(f"rounds up to quote_step {float(step):g}; money is rounded at 0.00000001 here")
    return got


def _flat_account(cash: Fraction) -> dict[str, Any]:
    if cash < 0:
        raise NotApplicable(NEGATIVE)
    world = World([Market("X", (Fraction(1),), (Fraction(1),))])
    account = world.account(cash)
    events = world.marks({"X": Fraction(1)})
    wallet = world.wallet(account)
    return {
        "net_collateral": money(wallet.margin_balance_e8),
        "initial_margin": money(wallet.margin_balance_e8 - wallet.available_e8),
        "maintenance_margin": money(wallet.maintenance_margin_e8),
        "liquidatable": bool(world.of_kind(events, EventKind.LIQUIDATION_STARTED, account)),
        "maintenance_collateralized": not world.of_kind(events, EventKind.LIQUIDATION_STARTED, account),
    }


def due_at(world: World, accounts: list[tuple[Fraction, Fraction]]) -> list[int]:
    """Accounts of (balance, maintenance) in world "X" with rate 10 %; the order in which they are liquidated."""
    numbers = []
    world.marks({"X": Fraction(10)})
    for balance, maintenance in accounts:
        # a short of maintenance ÷ 10 % of notional at the final mark of 100, opened at 10
        quantity = maintenance / 10
        account = world.account(balance + quantity * 90)
        world.open(account, "X", -quantity, Fraction(10))
        numbers.append(account)
    events = world.marks({"X": Fraction(100)})
    for account, (balance, maintenance) in zip(numbers, accounts, strict=True):
        for started in world.of_kind(events, EventKind.LIQUIDATION_STARTED, account):
            assert (money(started["balance_e8"]), money(started["maintenance_e8"])) == (balance, maintenance)
    return [numbers.index(int(one["account"])) for one in world.of_kind(events, EventKind.LIQUIDATION_STARTED)]


def short_market(maintenances: list[Fraction]) -> Market:
    """The contract that `due_at` speaks about."""
    quantities = tuple(maintenance / 10 for maintenance in maintenances)
    return Market("X", (Fraction(10),), quantities, Fraction(1, 10), price_max=Fraction(200))


@handles("risk_flags")
def _risk_flags(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("net_collateral", "initial_margin", "maintenance_margin")
    balance = number(inputs["net_collateral"])
    got: dict[str, Any] = {}
    if "initial_margin" in inputs:
        got["initial_collateralized"] = _initial_flag(balance, number(inputs["initial_margin"]))
    if "maintenance_margin" in inputs:
        maintenance = number(inputs["maintenance_margin"])
        if maintenance == 0:
            got |= _flat_account(balance)
        elif balance == maintenance:
            got |= {"liquidatable": Missing(EQUALITY), "maintenance_collateralized": Missing(EQUALITY)}
        else:
            world = World([short_market([maintenance])])
            is_due = bool(due_at(world, [(balance, maintenance)]))
            got |= {"liquidatable": is_due, "maintenance_collateralized": not is_due}
    return got


def _initial_flag(balance: Fraction, initial: Fraction) -> Any:
    """Whether an order that asks for exactly this initial margin is accepted."""
    if balance < 0:
        return Missing(NEGATIVE)
    if initial == 0:
        return Missing("a requirement of 0 asks nothing of an order")
    return _accepts(balance, initial, Fraction(1), Fraction(0))


def _accepts(wallet: Fraction, notional: Fraction, leverage: Fraction, fee_rate: Fraction) -> bool:
    """Whether an account may place an opening order of this notional at mark."""
    world = World([Market("X", (Fraction(1),), (notional,), taker_fee_rate=fee_rate)])
    world.marks({"X": Fraction(1)})
    account = world.account(wallet)
    world.set_leverage(account, "X", leverage)
    return _is_accepted(world, account, Side.BUY, notional, Fraction(1))


def _is_accepted(world: World, account: int, side: Side, quantity: Fraction, price: Fraction, name: str = "X") -> bool:
    try:
        world.place(account, name, side, quantity, price)
    except Refused as refused:
        if refused.refusal.name != "MARGIN_INSUFFICIENT":
            raise NotApplicable(f"this order is {refused.refusal.name} here") from None
        return False
    return True


# ---- acceptance ----


@handles("admission_by_leverage")
def _admission(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("notional", "leverage", "available")
    return {
        "accepted": _accepts(
            number(inputs["available"]), number(inputs["notional"]), number(inputs["leverage"]), Fraction(0)
        )
    }


@handles("margin_admission")
def _margin_admission(vector: Vector) -> dict[str, Any]:
    """Released margin is a position at 1x that the order closes before it opens the other way."""
    inputs = vector.inputs
    inputs.only("new_margin", "fee", "available", "released")
    new, fee = number(inputs["new_margin"]), number(inputs["fee"])
    available, released = number(inputs["available"]), number(inputs.get("released", 0))
    if new <= 0 or new < released:
        raise NotApplicable("an order that opens less than it closes is not asked for margin here")
    fee_rate = fee / new
    world = World([Market("X", (Fraction(1),), (new, released or new), taker_fee_rate=Fraction(fee_rate))])
    world.marks({"X": Fraction(1)})
    account = world.account(available + released + 1 + released * fee_rate)
    world.set_leverage(account, "X", Fraction(1))
    world.open(account, "X", released, Fraction(1))
    world.need(CommandKind.WITHDRAW, account=account, asset=0, amount_e8=10**8)
    if money(world.wallet(account).available_e8) != available:
        raise NotApplicable("this balance cannot be reached here")
    return {"accepted": _is_accepted(world, account, Side.SELL, released + new, Fraction(1))}


@handles("segment_acceptance")
def _segments(vector: Vector) -> dict[str, Any]:
    """The cross account's own order at placement, the one stage and segment whose test is the same here."""
    inputs = vector.inputs
    inputs.only("markets", "cross", "isolated", "order")
    order = inputs["order"]
    if order["stage"] != "place":
        raise NotApplicable(
            "no column for a test at the fill (mean of initial and maintenance): orders are judged at placement"
        )
    if order["segment"] != "cross":
        raise NotApplicable("an isolated wallet is filled from the cross wallet at the fill, not before the order")
    if not order["risk_increasing"]:
        raise NotApplicable("an order that only reduces is never asked for margin here")
    if inputs.get("isolated"):
        raise NotApplicable("an unhealthy isolated position is liquidated here, so it blocks no order")
    positions = list(inputs["cross"]["positions"])
    if len(positions) != 1:
        raise NotApplicable("which of the cross positions the order belongs to is not said")
    position = positions[0]
    position.only("symbol", "qty", "cash", "open_bids", "open_asks")
    bids, asks = number(position.get("open_bids", 0)), number(position.get("open_asks", 0))
    market = inputs["markets"][str(position["symbol"])]
    price, quantity = number(market["price"]), number(position.get("qty", 0))
    if bids and asks:
        raise NotApplicable("which of the resting orders is the last is not said")
    if quantity and (bids or asks or number(position.get("cash", 0)) != -quantity * price):
        raise NotApplicable("a position beside its own orders: which part the order adds is not said")
    ordered = quantity or bids - asks
    world = World([Market("X", (price,), (ordered,), number(market["maintenance_ratio"]))])
    world.marks({"X": price})
    account = world.account(number(inputs["cross"]["collateral"]))
    world.set_leverage(account, "X", _whole_leverage(number(market["initial_ratio"])))
    return {"accepted": _is_accepted(world, account, side_of(ordered), abs(ordered), price)}


@handles("collateral_transfer")
def _transfer(vector: Vector) -> dict[str, Any]:
    """ADD_MARGIN from the cross wallet into an isolated position of next to nothing, whose own margin is taken off again."""
    inputs = vector.inputs
    inputs.only("from", "to", "amount", "initial_ratio")
    source, target = inputs["from"], inputs["to"]
    source.only("collateral", "positions")
    target.only("collateral")
    amount = number(inputs["amount"])
    if amount <= 0:
        raise NotApplicable("an amount of 0 is refused here")
    if number(target["collateral"]):
        raise NotApplicable("an isolated wallet without position holds nothing here")
    positions = list(source.get("positions") or [])
    if len(positions) > 1:
        raise NotApplicable("the markets of the positions are not said")
    leverage = _whole_leverage(number(inputs["initial_ratio"]))
    markets = [Market("SMALL", (Fraction(1),), (Fraction(1, 10**6),))]
    for position in positions:
        position.only("qty", "cash", "price")
        if number(position["cash"]) != -number(position["qty"]) * number(position["price"]):
            raise NotApplicable("open profit backs no transfer here, and a loss is not said to be at the mark")
        markets.append(Market("X", (number(position["price"]),), (number(position["qty"]),)))
    world = World(markets)
    world.marks({market.name: market.prices[0] for market in markets})
    unit = Fraction(1, 10**6)
    account = world.account(number(source["collateral"]) + unit)
    world.set_isolated(account, "SMALL")
    world.set_leverage(account, "SMALL", Fraction(1))
    world.open(account, "SMALL", unit, Fraction(1))
    for position in positions:
        world.set_leverage(account, "X", leverage)
        world.open(account, "X", number(position["qty"]), number(position["price"]))
    small = world.row("SMALL")
    try:
        world.submit(CommandKind.ADD_MARGIN, account=account, symbol=small, amount_e8=e8(amount, "an amount"))
    except Refused as refused:
        if refused.refusal.name != "MARGIN_ADD_TOO_LARGE":
            raise NotApplicable(f"this transfer is {refused.refusal.name} here") from None
        return {"accepted": False}
    wallet = world.wallet(account)
    return {
        "accepted": True,
        "from_collateral_after": money(wallet.cross_wallet_e8),
        "to_collateral_after": money(wallet.isolated_wallets_e8) - unit,
    }


@handles("wallet_and_available")
def _wallet_and_available(vector: Vector) -> dict[str, Any]:
    """Read with the mark at the average entry, where margin on the entry and on the mark agree."""
    inputs = vector.inputs
    inputs.only("wallet", "leverage", "ops")
    ops = list(inputs["ops"])
    for op in ops:
        op.only("op", "side", "qty", "price", "reduce_only")
        if op["op"] != "fill":
            raise NotApplicable(f"operation {op['op']!r} is unknown")
    prices = tuple(number(op["price"]) for op in ops)
    world = World([Market("X", prices, tuple(number(op["qty"]) for op in ops))])
    world.marks({"X": prices[0]})
    account = world.account(number(inputs["wallet"]))
    world.set_leverage(account, "X", number(inputs["leverage"]))
    steps = []
    for op in ops:
        price = number(op["price"])
        world.marks({"X": price})
        try:
            side = side_of(Fraction(sign_of(op["side"])))
            world.fill(account, "X", side, number(op["qty"]), price, reduce_only=bool(op.get("reduce_only")))
        except Refused as refused:
            raise NotApplicable(f"this fill is {refused.refusal.name} here") from None
        world.marks({"X": world.entry_price(account, "X") or price})
        wallet = world.wallet(account)
        steps.append(
            {
                "wallet": money(wallet.cross_wallet_e8),
                "available": money(wallet.available_e8),
                "qty": world.quantity("X", world.position(account, "X").lots),
            }
        )
    return {"steps": steps}


@handles("order_margin_offset")
def _order_margin(vector: Vector) -> dict[str, Any]:
    """Open-order margin of an isolated position, read with the mark at the price of the side that is charged."""
    inputs = vector.inputs
    inputs.only("position_qty", "entry_price", "initial_ratio", "orders")
    quantity, entry = number(inputs["position_qty"]), number(inputs["entry_price"])
    orders = [(sign_of(one["side"]), number(one["price"]), number(one["qty"])) for one in inputs["orders"]]
    mark = _charged_price(quantity, entry, orders)
    prices = (entry, *(price for _, price, _ in orders))
    sizes = tuple(size for _, _, size in orders)
    world = World([Market("X", prices, (quantity, *sizes))], fill_basis=IsolatedFillBasis.FILL)
    world.marks({"X": entry})
    account = world.account(RICH)
    world.set_isolated(account, "X")
    world.set_leverage(account, "X", _whole_leverage(number(inputs["initial_ratio"])))
    world.open(account, "X", quantity, entry)
    for sign, price, size in orders:
        try:
            world.place(account, "X", side_of(Fraction(sign)), size, price)
        except Refused as refused:
            raise NotApplicable(f"this order is {refused.refusal.name} here") from None
    world.marks({"X": mark})
    if world.of_kind(world.events, EventKind.LIQUIDATION_STARTED):
        raise NotApplicable("the position is due with the mark at the order's price")
    return {"order_margin": money(_held(world.exchange, account))}


def _held(exchange: Exchange, account: int) -> int:
    if exchange.margin_mode(account, "X") is not MarginMode.ISOLATED:
        raise NotApplicable("the account is not isolated")
    return exchange.position(account, "X").margin_held_e8


def _charged_price(quantity: Fraction, entry: Fraction, orders: list[tuple[int, Fraction, Fraction]]) -> Fraction:
    """The mark at which lots at mark are the orders at their own prices, where there is one."""
    sides = {sign: [(price, size) for side, price, size in orders if side == sign] for sign in (1, -1)}
    away = 1 if quantity >= 0 else -1  # orders on this side only open
    if not orders or (quantity and not sides[away]):
        closing = sides[-away]
        if sum(size for _, size in closing) > abs(quantity):
            raise NotApplicable(
                "an order that closes and opens: here max(|position + bids|, |position − asks|) is charged"
            )
        if sum(price * size for price, size in closing) > abs(quantity) * entry:
            raise NotApplicable(BY_VALUE)
        return entry if not closing else closing[0][0]
    charged = away
    if not quantity and sum(p * s for p, s in sides[-1]) > sum(p * s for p, s in sides[1]):
        charged = -1
    worth = {sign: sum(price * size for price, size in sides[sign]) for sign in sides}
    if worth[-charged] - abs(quantity) * entry > worth[charged]:
        raise NotApplicable(BY_VALUE)
    lots = {sign: sum(size for _, size in sides[sign]) for sign in sides}
    if len({price for price, _ in sides[charged]}) > 1:
        raise NotApplicable("orders at several prices: here their lots are charged at the mark")
    if lots[-charged] - abs(quantity) > lots[charged] + abs(quantity):
        raise NotApplicable("the larger side in lots is not the larger in value: here lots at the mark are compared")
    return sides[charged][0][0]
