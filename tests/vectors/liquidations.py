"""Liquidations: who is liquidated, who goes first, what is handed over, what the fund gets, who is deleveraged.

Responsible for: vectors that a prices command of a real exchange answers. Must not: decide any of it itself.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from isocross.codes import CommandKind, EventKind, LiquidationLadder, MarginMode
from isocross.kernel import margin
from isocross.kernel.schema import FUND_ACCOUNT
from tests.vectors.accounts import EQUALITY, Holding, due_at, quantities_of, short_market
from tests.vectors.prices import ENTRY_BASIS
from tests.vectors.vector import Fields, Missing, NotApplicable, Vector, cannot, handles, number
from tests.vectors.world import HOUSE, LEAST_RATE, RICH, Market, World, money, side_of, sign_of

BELOW_ZERO = Fraction(0)  # takeover ratio: what the book leaves is handed over only below a balance of zero
TAKER_BESIDE = "a liquidator that takes a position over beside the book: no such role"
COMMAND = "no command closes a liquidated position by hand, so none is refused for its size"

cannot(ENTRY_BASIS, "inverse_cross_liquidation")
cannot(
    "closes until the target margin is restored, at the oracle price less a fee: " + TAKER_BESIDE,
    "liquidate_to_target",
    "base_to_cover_margin_shortage",
    "liquidate_until_healthy",
)
cannot("no column for a liquidation limit between oracle price and a spread (fillable price)", "dydx_fillable_price")
cannot("a fund fee derived from the shortage: the liquidation fee is one rate here", "fund_fee_rate")
cannot(
    "socialised loss: here the fund, then deleveraging, then the house", "socialised_loss", "insurance_then_socialise"
)


# ---- who is liquidated ----


@handles("margin_ratio_isolated", "margin_ratio_cross")
def _ratio(vector: Vector) -> dict[str, Any]:
    """Margins at opening, profit at the mark; what rests on the entry basis is named."""
    inputs = vector.inputs
    inputs.only("side", "qty", "entry_price", "leverage", "mmr", "mark_price", "wallet")
    quantity = sign_of(inputs["side"]) * number(inputs["qty"])
    entry, mark, leverage = number(inputs["entry_price"]), number(inputs["mark_price"]), number(inputs["leverage"])
    market = Market("X", (entry, mark), (quantity,), number(inputs["mmr"]))
    world = World([market], mode=MarginMode.ISOLATED)
    world.marks({"X": entry})
    account = world.account(RICH)
    world.set_leverage(account, "X", leverage)
    world.open(account, "X", quantity, entry)
    opened = world.position(account, "X")
    started = world.of_kind(world.marks({"X": mark}), EventKind.LIQUIDATION_STARTED, account)
    initial = money(opened.isolated_wallet_e8)
    if started:
        remaining = money(started[0]["balance_e8"])
    else:
        remaining = money(world.position(account, "X").margin_balance_e8)
    return {
        "initial_margin": initial,
        "maintenance_margin": money(opened.maintenance_margin_e8),
        "upnl": remaining - initial,
        "remaining": remaining,
        "ratio": Missing(ENTRY_BASIS),
        "liquidated": Missing(ENTRY_BASIS),
    }


@handles("isolated_liquidation_is_separate")
def _separate(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("mark_price", "mmr", "cross", "isolated")
    mark, rate = number(inputs["mark_price"]), number(inputs["mmr"])
    cross, isolated = inputs["cross"], inputs["isolated"]
    positions = list(cross["positions"])
    if len(positions) != 1:
        raise NotApplicable("one cross position is expected")
    held, beside = number(positions[0]["qty"]), number(isolated["qty"])
    if held <= 0 or beside <= 0:
        raise NotApplicable("two longs are expected")
    # an isolated wallet is a share of the entry: at 2x cost and wallet are told apart, their sum is the vector's
    entry = -2 * (number(isolated["cash"]) + number(isolated["collateral"])) / beside
    entry_cross = -number(positions[0]["cash"]) / held
    if entry <= 0 or entry_cross <= 0:
        raise NotApplicable("a price of 0 or below is no price here")
    markets = [Market("CROSS", (mark, entry_cross), (held,), rate), Market("ISOLATED", (mark, entry), (beside,), rate)]
    world = World(markets)
    world.marks({"CROSS": entry_cross, "ISOLATED": entry})
    account = world.account(number(cross["collateral"]) + beside * entry / 2)
    world.set_isolated(account, "ISOLATED")
    world.set_leverage(account, "ISOLATED", Fraction(2))
    world.open(account, "ISOLATED", beside, entry)
    world.open(account, "CROSS", held, entry_cross)
    events = world.marks({"CROSS": mark, "ISOLATED": mark})
    started = world.of_kind(events, EventKind.LIQUIDATION_STARTED, account)
    for one in started:
        if one["balance_e8"] == one["maintenance_e8"]:
            raise NotApplicable(EQUALITY)
    view = world.position(account, "CROSS")
    wallet = world.wallet(account)
    modes = {MarginMode(int(one["margin_mode"])) for one in started}
    if MarginMode.CROSS not in modes:
        assert world.quantity("CROSS", view.lots) == held, "the cross position is left alone"
        assert money(wallet.cross_wallet_e8) == number(cross["collateral"]), "the cross wallet is left alone"
    return {"cross_liquidatable": MarginMode.CROSS in modes, "isolated_liquidatable": MarginMode.ISOLATED in modes}


@handles("isolated_all_in_liquidation")
def _all_in(vector: Vector) -> dict[str, Any]:
    """An empty book: what is due is handed over whole, and the whole isolated margin goes with it."""
    inputs = vector.inputs
    inputs.only("side", "wallet", "qty", "entry_price", "leverage", "price", "mmr")
    quantity = sign_of(inputs["side"]) * number(inputs["qty"])
    entry, price = number(inputs["entry_price"]), number(inputs["price"])
    rate = number(inputs["mmr"]) if "mmr" in inputs else Fraction(1, 10**8)
    world = World([Market("X", (entry,), (quantity,), rate)], mode=MarginMode.ISOLATED)
    world.marks({"X": entry})
    account = world.account(number(inputs["wallet"]))
    world.set_leverage(account, "X", number(inputs["leverage"]))
    world.open(account, "X", quantity, entry)
    started = world.of_kind(world.marks({"X": price}), EventKind.LIQUIDATION_STARTED, account)
    if not started:
        raise NotApplicable("the maintenance rate that fires here is not said" if "mmr" not in inputs else ENTRY_BASIS)
    wallet = world.wallet(account)
    return {"liquidated": True, "wallet_after": money(wallet.cross_wallet_e8 + wallet.isolated_wallets_e8)}


@handles("risk_order")
def _risk_order(vector: Vector) -> dict[str, Any]:
    """Who is liquidated first, or at all; asked twice with the accounts' numbers swapped, which decide among equals."""
    inputs = vector.inputs
    inputs.only("first", "second")
    pair = [
        (number(inputs[key]["net_collateral"]), number(inputs[key]["maintenance_margin"]))
        for key in ("first", "second")
    ]
    if any(maintenance == 0 for _, maintenance in pair):
        raise NotApplicable("an account without requirement has no position, so it is never in the order")
    market = short_market([maintenance for _, maintenance in pair])
    order = due_at(World([market]), pair)
    if not order:
        raise NotApplicable("neither is due, so there is no order between them")
    swapped = [1 - place for place in due_at(World([market]), pair[::-1])]
    if swapped != order:
        raise NotApplicable("equal ratios: the account number decides here, the larger requirement there")
    return {"order": Fraction(1 if order[0] == 0 else -1)}


# ---- handovers ----


def _exhaust_fund(world: World) -> None:
    """Leave the fund with a loss so large that it can take nothing: it holds longs of SINK that fell."""
    world.need(CommandKind.FUND_DEPOSIT, asset=0, amount_e8=10**8)
    world.marks({"SINK": Fraction(1000)})
    victim = world.account(Fraction(2 * 10**6))
    world.open(victim, "SINK", Fraction(10**6), Fraction(1000))
    world.marks({"SINK": Fraction(998) - Fraction(1, 2 * 10**6)})  # half a unit short: no more than the fund can bear
    world.marks({"SINK": Fraction(1)})
    held = [one for one in world.exchange.positions(FUND_ACCOUNT) if one.symbol == "SINK"]
    assert held and held[0].margin_balance_e8 < -900 * 10**6 * 10**8


def _sink() -> Market:
    return Market("SINK", (Fraction(1),), (Fraction(1),), price_max=Fraction(2000))


def _close_of(vector: Vector, position: list[Fields]) -> tuple[str, Fraction]:
    """(symbol, signed quantity to close), where it is the whole position."""
    close = vector.inputs["close"]
    name, change = str(close["symbol"]), number(close["qty_delta"])
    held = quantities_of(position).get(name, Fraction(0))
    if change == 0 or held == 0 or held * change > 0 or abs(change) > abs(held):
        raise NotApplicable(COMMAND)
    if change != -held:
        raise NotApplicable("part of a position: a handover is of all its lots")
    return name, change


@handles("dydx_bankruptcy_value")
def _bankruptcy_value(vector: Vector) -> dict[str, Any]:
    """A due pool is handed over at its bankruptcy value; a healthy single position shows it as its bankruptcy price."""
    inputs = vector.inputs
    inputs.only("quote_balance", "positions", "markets", "quote_step", "close")
    positions = list(inputs["positions"])
    name, _ = _close_of(vector, positions)
    holding = Holding(list(inputs["markets"]), list(quantities_of(positions).values()))
    world = World([*holding.rows, _sink()])
    _exhaust_fund(world)
    account = holding.open(world, positions, number(inputs["quote_balance"]))
    events = world.marks(holding.final)
    taken = [
        one
        for one in events
        if one["kind"] in (EventKind.TAKEOVER, EventKind.ADL)
        and one["account"] == account
        and one["symbol"] == world.row(name)
    ]
    if taken:
        value = money(sum(int(one["value_e8"]) for one in taken))
    elif len(positions) > 1:
        raise NotApplicable("a healthy pool: its balance is split over positions only when it is handed over")
    else:
        price_e8 = world.exchange.bankruptcy_price(account, name)
        if price_e8 is None:
            raise NotApplicable("the margin outlasts every price above 0, so there is no bankruptcy price")
        view, rules = world.position(account, name), world.exchange.rules(name)
        value = money(margin.signed_value_e8(rules.contract_kind, view.lots, rules.step_e8, price_e8))
    step = number(inputs.get("quote_step", 0))
    if step and value % step:
        raise NotApplicable(f"rounds to quote_step {float(step):g}; money is rounded at 0.00000001 here")
    quantity = abs(quantities_of(positions)[name])
    return {"bankruptcy_value": value, "bankruptcy_price": abs(value) / quantity, "error": None}


@handles("dydx_insurance_delta")
def _insurance(vector: Vector) -> dict[str, Any]:
    """The book holds one order at the fill price; the fund's wallet before and after."""
    inputs = vector.inputs
    inputs.only("quote_balance", "positions", "markets", "quote_step", "close", "config")
    positions = list(inputs["positions"])
    name, change = _close_of(vector, positions)
    if len(positions) > 1:
        raise NotApplicable("a pool of several positions: the limit leaves the others at their marks")
    price = number(inputs["close"]["fill_price"])
    rate = number(inputs["config"]["max_liquidation_fee_rate"])
    holding = Holding(
        list(inputs["markets"]), list(quantities_of(positions).values()), (price,), liquidation_fee_rate=rate
    )
    world = World(holding.rows, ladder=LiquidationLadder.ALL)
    account = holding.open(world, positions, number(inputs["quote_balance"]))
    world.place(HOUSE, name, side_of(-change), abs(change), price)
    before = world.wallet(FUND_ACCOUNT).cross_wallet_e8
    events = world.marks(holding.final)
    if not world.of_kind(events, EventKind.LIQUIDATION_STARTED, account):
        raise NotApplicable("the account is not due, so nothing is closed")
    if not world.fills(events, account):
        raise NotApplicable(
            "a fill beyond the bankruptcy price: here the order stops there and the rest is handed over"
        )
    change_of_fund = money(world.wallet(FUND_ACCOUNT).cross_wallet_e8 - before)
    step = number(inputs.get("quote_step", 0))
    if step and change_of_fund % step:
        raise NotApplicable(f"rounds to quote_step {float(step):g}; money is rounded at 0.00000001 here")
    return {"insurance_fund_delta": change_of_fund, "error": None}


# ---- deleveraging ----


SHIFT_FROM, SHIFT_TO = Fraction(1000), Fraction(1, 10**8)
SPARE = Fraction(2, 10**8)  # twice what the fallen SHIFT must hold; taken off again when a balance is read


class _Pair:
    """A liquidated account and at most one counterparty, with the fund exhausted and the book empty.

    Both may be due at the final marks, so the counterparty also holds SHIFT, whose fall in the same prices command
    brings it down to its balance; it is sold afterwards at what is left of it.
    """

    def __init__(
        self, liquidated: Fields, counterparty: Fields | None, markets: list[Fields], name: str, **columns: Any
    ) -> None:
        held = quantities_of(list(liquidated["positions"]))
        if list(held) != [name]:
            raise NotApplicable("a pool of several positions is handed over whole, in shares of its maintenance")
        opposite = quantities_of(list(counterparty["positions"])) if counterparty is not None else {}
        self.holding = Holding(markets, [*held.values(), *opposite.values()])
        shift = Market("SHIFT", (SHIFT_FROM, SHIFT_TO), (Fraction(1),), price_max=2 * SHIFT_FROM)
        self.world = world = World([*self.holding.rows, _sink(), shift], **columns)
        self.name = name
        _exhaust_fund(world)
        first = len(world.events)
        self.liquidated = self.holding.open(world, list(liquidated["positions"]), number(liquidated["quote_balance"]))
        self.counterparty = (
            self._open(opposite, number(counterparty["quote_balance"])) if counterparty is not None else 0
        )
        if world.of_kind(world.events[first:], EventKind.LIQUIDATION_STARTED):
            raise NotApplicable("an account is due on the way to its state")
        self.events = world.marks({**self.holding.final, "SHIFT": SHIFT_TO})
        self.started = [int(one["account"]) for one in world.of_kind(self.events, EventKind.LIQUIDATION_STARTED)]
        if self.started and self.started[0] != self.liquidated:
            raise NotApplicable("the counterparty is the worse account, and the worse one is liquidated first here")
        self.taken = [
            one
            for one in world.of_kind(self.events, EventKind.ADL, self.liquidated)
            if one["symbol"] == world.row(name)
        ]
        if self.counterparty and self.counterparty not in self.started:
            world.open(self.counterparty, "SHIFT", -self.shifts, SHIFT_TO)

    def _open(self, quantities: dict[str, Fraction], cash: Fraction) -> int:
        world = self.world
        now = {name: money(world.exchange.mark_e8(name)) for name in quantities}
        worth = sum(abs(quantity) * max(now[name], self.holding.final[name]) for name, quantity in quantities.items())
        self.shifts = Fraction(-(-(4 * worth + 2 * abs(cash)) // SHIFT_FROM) + 1)
        world.marks({"SHIFT": SHIFT_FROM})
        spent = sum(quantity * now[name] for name, quantity in quantities.items())
        account = world.account(cash + spent + self.shifts * (SHIFT_FROM - SHIFT_TO) + SPARE)
        world.open(account, "SHIFT", self.shifts, SHIFT_FROM)
        for name, quantity in quantities.items():
            world.open(account, name, quantity, now[name])
        return account

    def report(self, account: int, said: Fields) -> dict[str, Any]:
        """Balance and positions as the vector lists them."""
        if account in self.started[1:]:
            return {key: Missing("the counterparty is due too, and is liquidated afterwards") for key in said}
        spare = SPARE if account == self.counterparty else 0
        rows = [
            {"symbol": one.symbol, "qty": self.world.quantity(one.symbol, one.lots)}
            for one in self.world.exchange.positions(account)
            if one.symbol != "SHIFT"
        ]
        return {
            "account": said.get("account"),
            "quote_balance": self.world.cash(account) - spare,
            "positions": sorted(rows, key=lambda row: row["symbol"]),
        }

    def lots_taken(self) -> Fraction:
        return self.world.quantity(self.name, sum(abs(int(one["lots"])) for one in self.taken))

    def check_due(self) -> None:
        if self.liquidated not in self.started:
            raise NotApplicable("the account is not due, so nothing of it is deleveraged here")


def _whole(liquidated: Fields, counterparty: Fields | None, name: str, change: Fraction) -> None:
    """NotApplicable unless the close is of the whole position, against one that is large enough."""
    held = quantities_of(list(liquidated["positions"])).get(name, Fraction(0))
    if change == 0 or held == 0 or held * change > 0 or abs(change) > abs(held):
        raise NotApplicable(COMMAND)
    if change != -held:
        raise NotApplicable("part of a position: a handover is of all its lots")
    if counterparty is not None:
        other = quantities_of(list(counterparty["positions"])).get(name, Fraction(0))
        if other * held >= 0 or abs(other) < abs(held):
            raise NotApplicable(COMMAND)


class _Settled:
    """Accounts whose contract is settled for good at the oracle price; who is below zero there is handed over before."""

    def __init__(self, accounts: list[Fields], markets: list[Fields], name: str) -> None:
        held = [quantity for one in accounts for quantity in quantities_of(list(one["positions"])).values()]
        holding = Holding(markets, held)
        is_pair = len(accounts) > 1
        # what must be held is not asked at a settlement, and where one account has not died yet another may have
        rows = [replace(row, maintenance_rate=LEAST_RATE) for row in holding.rows] if is_pair else holding.rows
        self.world = World([*rows, _sink()], takeover_ratio=BELOW_ZERO)
        _exhaust_fund(self.world)
        self._said = accounts
        if is_pair:
            self.world.marks(holding.final)
        open_one = holding.open_at_the_end if is_pair else holding.open
        self._accounts = [
            open_one(self.world, list(one["positions"]), number(one["quote_balance"])) for one in accounts
        ]
        events = self.world.marks(holding.final)
        handed = (EventKind.TAKEOVER, EventKind.ADL)
        self.is_handed_over = any(self.world.of_kind(events, kind, one) for kind in handed for one in self._accounts)
        self.was_settled = bool(self.world.position(self._accounts[0], name).lots)
        self.world.delist(name)
        assert not self.world.position(self._accounts[0], name).lots

    def report(self, said: Fields) -> dict[str, Any]:
        """Balance and positions as the vector lists them."""
        account = self._accounts[next(place for place, one in enumerate(self._said) if one is said)]
        rows = [
            {"symbol": one.symbol, "qty": self.world.quantity(one.symbol, one.lots)}
            for one in self.world.exchange.positions(account)
        ]
        return {
            "account": said.get("account"),
            "quote_balance": self.world.cash(account),
            "positions": sorted(rows, key=lambda row: row["symbol"]),
        }


@handles("deleverage_pair")
def _deleverage_pair(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("liquidated", "offsetting", "symbol", "qty_delta", "price_rule", "markets", "quote_step")
    liquidated, offsetting, name = inputs["liquidated"], inputs["offsetting"], str(inputs["symbol"])
    _whole(liquidated, offsetting, name, number(inputs["qty_delta"]))
    if inputs["price_rule"] == "oracle":
        settled = _Settled([liquidated, offsetting], list(inputs["markets"]), name)
        if settled.is_handed_over:
            raise NotApplicable("an account below zero is handed over before its contract is settled")
        return {"error": None, "liquidated": settled.report(liquidated), "offsetting": settled.report(offsetting)}
    if inputs["price_rule"] != "bankruptcy":
        raise NotApplicable(f"price rule {inputs['price_rule']!r} is unknown")
    pair = _Pair(liquidated, offsetting, list(inputs["markets"]), name)
    pair.check_due()
    if pair.lots_taken() != abs(number(inputs["qty_delta"])):
        raise NotApplicable("the counterparty cannot bear it: it is passed over here, and the house takes the rest")
    return {
        "error": None,
        "liquidated": pair.report(pair.liquidated, liquidated),
        "offsetting": pair.report(pair.counterparty, offsetting),
    }


@handles("deleverage_queue")
def _deleverage_queue(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("liquidated", "candidates", "symbol", "qty_delta", "markets", "quote_step")
    candidates = list(inputs["candidates"])
    if len(candidates) > 1:
        raise NotApplicable("candidates in the order listed: counterparties are ranked by profit × margin ratio here")
    liquidated, name = inputs["liquidated"], str(inputs["symbol"])
    _whole(liquidated, None, name, number(inputs["qty_delta"]))
    pair = _Pair(liquidated, candidates[0] if candidates else None, list(inputs["markets"]), name)
    pair.check_due()
    taken = pair.lots_taken()
    left = abs(number(inputs["qty_delta"])) - taken
    got: dict[str, Any] = {
        "fills": [{"account": candidates[0].get("account"), "qty": taken}] if taken else [],
        "remaining": left,
    }
    if left:
        got["accounts"] = Missing("what no candidate can bear goes to the house here and stays open there")
    elif candidates:
        got["accounts"] = [pair.report(pair.liquidated, liquidated), pair.report(pair.counterparty, candidates[0])]
    return got


@handles("deleverage_trigger")
def _trigger(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("quote_balance", "positions", "markets", "market_status", "quote_step")
    names = list(quantities_of(list(inputs["positions"])))
    if len(names) != 1:
        raise NotApplicable("a pool of several positions is handed over whole, in shares of its maintenance")
    if inputs.get("market_status", "active") == "final_settlement":
        settled = _Settled([inputs], list(inputs["markets"]), names[0])
        return {"at_bankruptcy_price": settled.is_handed_over, "at_oracle_price": settled.was_settled}
    if inputs.get("market_status", "active") != "active":
        raise NotApplicable(f"market status {inputs['market_status']!r} is unknown")
    pair = _Pair(inputs, None, list(inputs["markets"]), names[0], takeover_ratio=BELOW_ZERO)
    handed = pair.world.of_kind(pair.events, EventKind.TAKEOVER, pair.liquidated)
    return {"at_bankruptcy_price": bool(handed), "at_oracle_price": False}


@handles("takeover_pro_rata")
def _takeover(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("mode", "liquidated", "counterparty", "oracle_price", "amount", "min_ratio")
    if inputs["mode"] != "deleveraging":
        raise NotApplicable("liquidated at a value ratio: " + TAKER_BESIDE)
    sides = [inputs["liquidated"], inputs["counterparty"]]
    held, other = (number(side["qty"]) for side in sides)
    if number(inputs["amount"]) < abs(held) or not held:
        raise NotApplicable("part of a position: a handover is of all its lots")
    if held * other < 0 and abs(other) < abs(held):
        raise NotApplicable("a counterparty smaller than the position: the rest goes on to others and the house")
    liquidated, counterparty = (
        Fields(quote_balance=side["margin"], positions=[Fields(symbol="X", qty=side["qty"])]) for side in sides
    )
    market = Fields(
        symbol="X", oracle_price=inputs["oracle_price"], imf=number(inputs["min_ratio"]) - 1, maintenance_fraction=1
    )
    pair = _Pair(liquidated, counterparty, [market], "X", takeover_ratio=BELOW_ZERO)
    pair.check_due()
    got: dict[str, Any] = {"allowed": bool(pair.taken)}
    if pair.taken:
        for key, account in (("liquidated", pair.liquidated), ("counterparty", pair.counterparty)):
            report = pair.report(account, Fields(quote_balance=0, positions=0))
            left = report["positions"]
            is_known = isinstance(left, list)
            got[key] = {
                "margin": report["quote_balance"],
                "qty": sum((row["qty"] for row in left), Fraction(0)) if is_known else left,
            }
    return got
