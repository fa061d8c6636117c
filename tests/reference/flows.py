"""Flows: random commands, from a seed alone, that make the rare branches happen.

Responsible for: sequences of every command kind, good and bad, aimed by the state of a Reference. Must not: look at the
exchange under test. A flow is set-up, then phases: each phase draws how the market behaves (deep, thin or no ladder, calm or
gapping prices), how the traders behave (mode, leverage, size) and how rich the fund is, and stays so for some commands.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from isocross.codes import CommandKind, MarginMode, OrderType, PositionMode, PositionSide, Side, TimeInForce
from isocross.kernel.schema import HOUSE_ACCOUNT, NO_ROW
from isocross.limits import ACCOUNTS_MAX, ORDERS_PER_SYMBOL_MAX, RATE_COMPUTED, SEQUENCE_MAX
from isocross.rulebook.model import Rulebook

from .formulas import value_down
from .model import Reference
from .rulebooks import TYPICAL_PRICES, e8
from .state import Order, Position

Command = dict[str, Any]
ONE = 10**8
START_MS = 1_700_000_000_000


@dataclass
class Phase:
    ladder: str  # "none", "thin", "deep"
    swing: int  # largest usual price move, × 10^8
    gap_chance: float  # of a price aimed at somebody
    gap_depth: str  # "touch", "through", "far"
    isolated_chance: float
    greed: float  # of the room an account has, how much one order takes
    leverages: tuple[int, ...]


def random_phase(rng: random.Random) -> Phase:
    return Phase(
        ladder=rng.choice(["none", "none", "thin", "thin", "deep"]),
        swing=rng.choice([0, ONE // 5000, ONE // 1000, ONE // 200, ONE // 40]),
        gap_chance=rng.choice([0.0, 0.3, 0.6, 0.9]),
        gap_depth=rng.choice(["touch", "touch", "through", "far"]),
        isolated_chance=rng.choice([0.0, 0.5, 0.5, 1.0]),
        greed=rng.choice([0.05, 0.3, 0.7, 1.0]),
        leverages=rng.choice([(1, 2, 3), (5, 10, 20), (20, 40, 75, 125), (1, 3, 8, 20, 40, 50, 125)]),
    )


def random_flow(
    seed: int, length: int, rulebook: Rulebook, accounts: int = 6, symbols: int = 3, reference: Reference | None = None,
) -> Iterator[Command]:
    """`length` commands. With a `reference` the caller applies each command to it before asking for the next."""
    flow = Flow(seed, rulebook, accounts, symbols, reference)
    for command in flow.commands(length):
        yield command
        if reference is None:
            flow.reference.apply(command)


class Flow:
    def __init__(
        self, seed: int, rulebook: Rulebook, accounts: int, symbols: int, reference: Reference | None
    ) -> None:
        names = list(rulebook.symbols)[:symbols]
        self.rng = random.Random(f"flow {seed}")
        self.rulebook = rulebook
        self.reference = reference or Reference(rulebook, names)
        self.rules = [rulebook.symbols[name] for name in names]
        self.typical = [e8(TYPICAL_PRICES[name]) for name in names]
        self.unit = ONE // 2_000 if "BTC" in rulebook.margin_assets else ONE  # of money: coins are dear
        self.users = list(range(2, 2 + accounts))
        self.sequence, self.branch_sequence, self.time_ms = 0, 2**41, START_MS
        self.phase = random_phase(self.rng)
        # A house among the users only where the default mode is cross: an isolated house is nobody's idea.
        self.has_side_house = self.rng.random() < 0.4 and rulebook.default_margin_mode == MarginMode.CROSS
        self.queue: list[Command] = []  # what a scenario still wants to say

    # Frame

    def commands(self, length: int) -> Iterator[Command]:
        self.queue = self.set_up()
        for _ in range(length):
            if self.rng.random() < 0.03:
                self.phase = random_phase(self.rng)
            while not self.queue:
                self.queue = self.next_commands()
            yield self.stamped(self.sided(self.queue.pop(0)))

    def sided(self, command: Command) -> Command:
        """An order of an account in hedge mode that says no position side gets one; it closes a leg where that is meant."""
        if "side" not in command or "position_side" in command or not self.reference.is_hedged(command["account"]):
            return command
        side = self.rng.choices([PositionSide.LONG, PositionSide.SHORT, PositionSide.BOTH], [20, 20, 1])[0]
        if command.get("is_reduce_only") and self.rng.random() < 0.7:
            side = PositionSide.LONG if command["side"] == Side.SELL else PositionSide.SHORT
        return command | {"position_side": int(side)}

    def stamped(self, command: Command) -> Command:
        """Sequence and time; now and then holes, the reserved high range, and stamps that are refused."""
        rng = self.rng
        self.sequence += 1 if rng.random() < 0.95 else rng.randrange(1, 50)
        self.time_ms += rng.choice([0, 0, 1, 5, 1000]) if rng.random() < 0.97 else rng.choice([5_000, 40_000, 3_600_000])
        sequence, time_ms = self.sequence, self.time_ms
        if rng.random() < 0.03:
            self.branch_sequence += 1
            sequence = self.branch_sequence
        if rng.random() < 0.003:
            sequence = rng.choice([0, -1, SEQUENCE_MAX, SEQUENCE_MAX + 7])
        if rng.random() < 0.003:
            time_ms -= rng.choice([1, 10, 10**6]) + 6000
        return {"sequence": sequence, "time_ms": time_ms} | command

    def set_up(self) -> list[Command]:
        rng = self.rng
        commands: list[Command] = []
        for user in self.users:
            is_house = int(self.has_side_house and user == self.users[-1])
            commands.append({"kind": CommandKind.CREATE_ACCOUNT, "account": user, "is_house": is_house})
            if rng.random() < 0.4:
                commands.append(self.position_mode_of(user, PositionMode.HEDGE))
            for asset in range(len(self.reference.assets)):
                if rng.random() < 0.9:
                    commands.append(self.deposit(user, asset))
        for asset in range(len(self.reference.assets)):
            if rng.random() < 0.5:
                commands.append(self.fund_deposit(asset))
        if rng.random() < 0.3:  # before there is a price
            commands += [self.quote(0, "deep"), self.user_order(), self.conditional(), self.funding(), self.set_leverage()]
        commands.append(self.prices(range(len(self.rules)), at_typical=True))
        return commands

    def next_commands(self) -> list[Command]:
        """One or a few commands of a drawn kind."""
        choices: list[tuple[float, Callable[[], Command | list[Command] | None]]] = [
            (30, self.user_order),
            (9, self.crossing_pair),
            (14, self.price_move),
            (5 if self.phase.ladder != "none" else 0.7, self.ladder_move),
            (3, self.funding),
            (4, self.close_order),
            (3, self.reduce_only_rest),
            (2, self.cancel),
            (6, self.amend),
            (1, self.countdown),
            (0.7, self.cancel_all),
            (4, self.conditional),
            (3, self.set_leverage),
            (3, self.set_mode),
            (4, self.isolated_margin),
            (1.5, self.money),
            (0.5, self.fund_deposit),
            (1.2, self.house_order),
            (2, lambda: {"kind": CommandKind.ADVANCE_CLOCK}),
            (3, self.bad_command),
            (1.0, self.self_trade),
            (2.5, self.thin_book_fall),
            (2.5, self.bankrupt_pool),
            (0.6, self.flatten_and_switch),
            (1.0, self.set_position_mode),
            (0.8, self.set_status),
            (0.8, self.set_brackets),
            (0.8, self.set_fees),
            (2.0, self.hedge),
            (0.02, self.many_orders),
        ]
        action = self.rng.choices([act for _, act in choices], [weight for weight, _ in choices])[0]
        made = action()
        if made is None:
            return []
        return made if isinstance(made, list) else [made]

    # Draws

    def symbol(self) -> int:
        return self.rng.randrange(len(self.rules))

    def user(self) -> int:
        return self.rng.choice(self.users)

    def held(self) -> Position | None:
        """A user's position with lots."""
        rows = [row for row in self.reference.positions.values() if row.lots and not self.reference.is_free(row.account)]
        return self.rng.choice(rows) if rows else None

    def amount(self, whole: int) -> int:
        """A part of `whole`, often all of it or one unit beyond."""
        whole = max(1, whole)
        return max(1, self.rng.choice([whole, whole + 1, whole // 2, whole // 10, self.rng.randrange(whole) + 1, 1]))

    def mark(self, symbol: int) -> int:
        return self.reference.mark[symbol] or self.typical[symbol]

    def ticks(self, symbol: int, price_e8: int) -> int:
        rules = self.rules[symbol]
        return min(rules.price_max_ticks, max(rules.price_min_ticks, price_e8 // rules.tick_e8))

    def near(self, symbol: int, spread: int) -> int:
        """A price in ticks within ± spread (× 10^8) of mark."""
        mark = self.mark(symbol)
        return self.ticks(symbol, mark + mark * self.rng.randint(-spread, spread) // ONE)

    def lots(self, account: int, symbol: int) -> int:
        """A size between the smallest order and what the account can carry; sometimes the position, or one lot beyond it."""
        rng, ref, rules = self.rng, self.reference, self.rules[symbol]
        mark = self.mark(symbol)
        lot_value = max(1, value_down(rules, 1, mark))
        row = rng.choice(ref.legs(account, symbol))
        if row.lots and rng.random() < 0.3:
            return max(1, abs(row.lots) + rng.choice([0, 0, 1, -1, abs(row.lots), -abs(row.lots) // 2]))
        smallest = rules.min_notional_e8 // lot_value + 1
        if ref.is_free(account) or rng.random() < 0.2:
            return smallest + rng.randrange(4)
        room = ref.available(account, ref.asset_of[symbol]) * ref.leverage(account, symbol)
        most = int(room * self.phase.greed * rng.choice([0.1, 0.5, 0.9, 0.97, 1.0])) // lot_value
        return max(smallest, most)

    # Orders

    def order(self, account: int, symbol: int, side: int, price: int, lots: int, **more: int) -> Command:
        command = {
            "kind": CommandKind.PLACE_ORDER, "account": account, "symbol": symbol, "side": side, "price_ticks": price, "lots": lots,
            "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
        }
        return command | more

    def user_order(self) -> Command:
        rng = self.rng
        account, symbol, side = self.user(), self.symbol(), rng.choice([Side.BUY, Side.SELL])
        lots = self.lots(account, symbol)
        more = {"self_trade_prevention": rng.choice([0, 0, 1, 2, 3]), "is_reduce_only": int(rng.random() < 0.08)}
        more |= self.client_id()
        if rng.random() < 0.3:
            more |= {"order_type": OrderType.MARKET, "time_in_force": rng.randrange(4)}
            price = 0 if rng.random() < 0.7 else self.near(symbol, ONE // 100)
            return self.order(account, symbol, side, price, lots) | more
        more["time_in_force"] = rng.choices(list(TimeInForce), [8, 1, 1, 1, 1.5])[0]
        if more["time_in_force"] == TimeInForce.GTD:
            more["expire_ms"] = self.soon()
        price = self.near(symbol, rng.choice([0, ONE // 2000, ONE // 200, ONE // 50, ONE // 10]))
        best = self.reference.levels(symbol, 1 - side)
        if best and rng.random() < 0.3:
            price = min(best) if side == Side.BUY else max(best)
        return self.order(account, symbol, side, price, lots) | more

    def crossing_pair(self) -> list[Command]:
        """Two users trade with each other at a price near mark, whatever the house does."""
        rng = self.rng
        symbol, side = self.symbol(), rng.choice([Side.BUY, Side.SELL])
        maker, taker = rng.sample(self.users, 2)
        price = self.near(symbol, rng.choice([0, ONE // 1000, ONE // 300, ONE // 60]))
        lots = self.lots(maker, symbol)
        more = {"order_type": OrderType.MARKET} if rng.random() < 0.2 else {}
        return [self.order(maker, symbol, side, price, lots), self.order(taker, symbol, 1 - side, price, rng.choice([lots, lots, lots // 2 + 1])) | more]

    def house_order(self) -> Command:
        """A resting order of a house that is not of the ladder."""
        symbol = self.symbol()
        house = self.users[-1] if self.has_side_house and self.rng.random() < 0.5 else HOUSE_ACCOUNT
        lots = self.lots(self.users[0], symbol)
        more = {"order_type": self.rng.choice([OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET])}
        return self.order(house, symbol, self.rng.choice([0, 1]), self.near(symbol, ONE // 100), lots) | more

    def close_order(self) -> Command | None:
        """Close, part close or flip a position, at market or at any limit."""
        row = self.held()
        if row is None:
            return None
        side = Side.SELL if row.lots > 0 else Side.BUY
        size = abs(row.lots)
        lots = self.rng.choice([size, size, max(1, size // 3), 1, size + 1, 2 * size, size + self.lots(row.account, row.symbol)])
        more = {"is_reduce_only": self.rng.choice([0, 1])} | self.leg(row)
        if self.rng.random() < 0.6:
            return self.order(row.account, row.symbol, side, 0, lots) | more | {"order_type": OrderType.MARKET}
        tif = self.rng.choice([TimeInForce.GTC, TimeInForce.IOC])
        return self.order(row.account, row.symbol, side, self.near(row.symbol, ONE // 20), lots) | more | {"time_in_force": tif}

    def reduce_only_rest(self) -> list[Command] | None:
        """Reduce-only orders that rest, together often larger than the position, and somebody who takes them."""
        row = self.held()
        if row is None:
            return None
        side = Side.SELL if row.lots > 0 else Side.BUY
        commands = []
        for _ in range(self.rng.randrange(1, 4)):
            lots = self.rng.choice([abs(row.lots), abs(row.lots) // 2 + 1, 1, 2 * abs(row.lots)])
            more = {"is_reduce_only": 1} | self.leg(row)
            commands.append(self.order(row.account, row.symbol, side, self.near(row.symbol, ONE // 100), lots) | more)
        if self.rng.random() < 0.6:
            other = self.rng.choice([user for user in self.users if user != row.account])
            more = {"is_reduce_only": int(self.rng.random() < 0.3)}
            commands.append(self.order(other, row.symbol, 1 - side, self.near(row.symbol, ONE // 30), abs(row.lots)) | more)
        return commands

    def self_trade(self) -> list[Command]:
        account, symbol, side = self.user(), self.symbol(), self.rng.choice([0, 1])
        price, lots = self.near(symbol, ONE // 500), self.lots(account, symbol)
        prevention = self.rng.choice([0, 1, 2, 3, 3, 3])
        return [
            self.order(account, symbol, side, price, lots),
            self.order(account, symbol, 1 - side, price, self.rng.choice([lots, 2 * lots])) | {"self_trade_prevention": prevention},
        ]

    def many_orders(self) -> list[Command]:
        """One more order than an account may have in a symbol, conditionals not among them."""
        account, symbol = self.users[0], 0
        low = max(1, self.mark(symbol) * 97 // 100)
        lots = self.rules[symbol].min_notional_e8 // max(1, value_down(self.rules[symbol], 1, low)) + 1
        first = {"kind": CommandKind.DEPOSIT, "account": account, "asset": self.reference.asset_of[symbol], "amount_e8": 10**6 * ONE}
        price = self.ticks(symbol, low)
        orders = [self.order(account, symbol, Side.BUY, price - k % 7, lots) for k in range(ORDERS_PER_SYMBOL_MAX + 2)]
        return [first, *orders, {"kind": CommandKind.CANCEL_ALL, "account": account, "symbol": symbol}]

    def cancel(self) -> Command | None:
        orders = [order for order in self.reference.orders.values() if order.account != HOUSE_ACCOUNT]
        if not orders:
            return None
        order: Order = self.rng.choice(orders)
        kind = CommandKind.CANCEL_CONDITIONAL if order.trigger else CommandKind.CANCEL_ORDER
        account = order.account if self.rng.random() < 0.9 else self.user()
        if order.client_id and self.rng.random() < 0.5:
            return {"kind": kind, "account": account, "client_id_hash": order.client_id}
        return {"kind": kind, "account": account, "order_id": order.order_id, "symbol": order.symbol}

    def client_id(self) -> Command:
        """Now and then one of a few client ids, so that they meet; now and then with a record for its text."""
        if self.rng.random() < 0.8:
            return {}
        client_id = self.rng.choice([1, 2, 3, -(2**63), 2**63 - 1, 2**30, 2**60])
        return {"client_id_hash": client_id} | ({"records": [{"amount_e8": client_id}]} if self.rng.random() < 0.3 else {})

    def soon(self) -> int:
        """A time that the next commands reach, seldom one that is past."""
        return self.time_ms + self.rng.choice([1, 2, 10, 1000, 1000, 3000, 20_000, 0, -5])

    def countdown(self) -> Command:
        expire = self.soon() if self.rng.random() < 0.8 else 0
        return {"kind": CommandKind.COUNTDOWN_CANCEL, "account": self.user(), "symbol": self.symbol(), "expire_ms": expire}

    def amend(self) -> Command | None:
        """Of any order: its price, its size or both, often only a little, sometimes across the book."""
        rng = self.rng
        orders = [order for order in self.reference.orders.values() if not order.is_ladder and (not order.trigger or rng.random() < 0.1)]
        if not orders:
            return None
        order = rng.choice(orders)
        filled = order.original - order.lots
        lots = rng.choice([0, 0, order.original, order.original + 1, 2 * order.original, order.original - 1, filled, filled + 1,
                           filled + order.lots // 2, filled + self.lots(order.account, order.symbol)])
        price = rng.choice([0, 0, order.price, self.near(order.symbol, ONE // 200), self.near(order.symbol, ONE // 30)])
        best = self.reference.levels(order.symbol, 1 - order.side)
        if best and rng.random() < 0.3:
            price = min(best) if order.side == Side.BUY else max(best)
        account = order.account if rng.random() < 0.97 else self.user()
        name = {"client_id_hash": order.client_id} if order.client_id and rng.random() < 0.5 else {"order_id": order.order_id}
        return {"kind": CommandKind.AMEND_ORDER, "account": account, "price_ticks": price, "lots": lots} | name

    def cancel_all(self) -> Command:
        return {"kind": CommandKind.CANCEL_ALL, "account": self.user(), "symbol": self.rng.choice([NO_ROW, self.symbol()])}

    def conditional(self) -> Command:
        rng = self.rng
        row = self.held()
        account, symbol = (row.account, row.symbol) if row and rng.random() < 0.7 else (self.user(), self.symbol())
        kind = rng.choice(list(OrderType)[2:])
        trigger = self.near(symbol, rng.choice([ONE // 1000, ONE // 100, ONE // 20]))
        closes = rng.random() < (0.6 if kind in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET) else 0.02)
        leg = self.leg(row) if row and (row.account, row.symbol) == (account, symbol) and rng.random() < 0.8 else {}
        side = int(row.lots > 0) if row and leg and rng.random() < 0.7 else rng.choice([0, 1])
        return leg | {
            "kind": CommandKind.PLACE_CONDITIONAL, "account": account, "symbol": symbol, "side": side,
            "order_type": kind, "working_type": rng.choice([0, 1]) if rng.random() < 0.97 else 2, "time_in_force": rng.choice([0, 0, 1, 2, 3, 4]),
            "price_ticks": self.near(symbol, rng.choice([ONE // 1000, ONE // 100])),
            "trigger_ticks": 0 if kind == OrderType.TRAILING_STOP_MARKET and rng.random() < 0.5 else trigger,
            "callback_rate_e8": rng.choice([1, 100_000, 300_000, 1_000_000, 5_000_000]),
            "is_close_position": int(closes), "lots": 0 if closes and rng.random() < 0.95 else self.lots(account, symbol),
            "is_reduce_only": int(rng.random() < 0.4), "self_trade_prevention": rng.choice([0, 1, 2, 3]),
            "expire_ms": self.soon(), "is_price_protected": int(rng.random() < 0.5),
        } | self.client_id()

    # Settings and money

    def set_leverage(self) -> Command:
        row = self.held()
        account, symbol = (row.account, row.symbol) if row and self.rng.random() < 0.5 else (self.user(), self.symbol())
        if self.reference.is_free(account):
            account = self.users[0]
        top = min(self.rulebook.leverage_max, self.rules[symbol].brackets[0].leverage_max)
        leverage = min(top, self.rng.choice(self.phase.leverages)) if self.rng.random() < 0.9 else self.rng.randrange(1, top + 1)
        return {"kind": CommandKind.SET_LEVERAGE, "account": account, "symbol": symbol, "leverage": leverage}

    def set_mode(self) -> Command:
        """Aimed at accounts that are flat and orderless in the symbol, if there are any."""
        ref = self.reference
        users = [user for user in self.users if user in ref.accounts and not ref.is_free(user)] or [self.users[0]]
        pairs = [(user, symbol) for user in users for symbol in range(len(self.rules))]
        free = [pair for pair in pairs if not any(row.lots for row in ref.legs(*pair)) and not ref.order_count(*pair)]
        account, symbol = self.rng.choice(free if free and self.rng.random() < 0.8 else pairs)
        mode = MarginMode.ISOLATED if self.rng.random() < self.phase.isolated_chance else MarginMode.CROSS
        return {"kind": CommandKind.SET_MARGIN_MODE, "account": account, "symbol": symbol, "margin_mode": mode}

    def flatten_and_switch(self) -> list[Command] | None:
        row = self.held()
        if row is None:
            return None
        side = Side.SELL if row.lots > 0 else Side.BUY
        mode = {"kind": CommandKind.SET_MARGIN_MODE, "account": row.account, "symbol": row.symbol, "margin_mode": 1 - row.mode}
        return [
            mode,
            {"kind": CommandKind.CANCEL_ALL, "account": row.account, "symbol": row.symbol},
            self.quote(row.symbol, "deep"),
            self.order(row.account, row.symbol, side, 0, abs(row.lots)) | {"order_type": OrderType.MARKET, "is_reduce_only": 1} | self.leg(row),
            mode,
            self.order(row.account, row.symbol, side, 0, abs(row.lots)) | {"order_type": OrderType.MARKET},
        ]

    @staticmethod
    def leg(row: Position) -> dict[str, int]:
        """The position side of a row, for an order of it; nothing in one-way mode."""
        return {"position_side": int(row.side)} if row.side != PositionSide.BOTH else {}

    def position_mode_of(self, account: int, wanted: int) -> Command:
        return {"kind": CommandKind.SET_POSITION_MODE, "account": account, "position_mode": int(wanted)}

    def set_position_mode(self) -> Command | list[Command]:
        """The other position mode, mostly in vain; else after everything of the account is cancelled and closed."""
        ref, account = self.reference, self.user()
        other = PositionMode.ONE_WAY if ref.is_hedged(account) else PositionMode.HEDGE
        if self.rng.random() < 0.5:
            return self.position_mode_of(account, self.rng.choice([other, other, 1 - other, 2]))
        commands: list[Command] = [
            {"kind": CommandKind.CANCEL_ORDER, "account": account, "order_id": order.order_id}
            for order in ref.orders.values() if order.account == account
        ]
        for row in ref.rows(account):
            if row.lots:
                side = Side.SELL if row.lots > 0 else Side.BUY
                more = {"order_type": OrderType.MARKET} | self.leg(row)
                commands += [self.quote(row.symbol, "deep"), self.order(account, row.symbol, side, 0, abs(row.lots)) | more]
        return [*commands, self.position_mode_of(account, other)]

    def set_status(self) -> Command:
        """Seldom the last one, which is for good."""
        status = self.rng.choices([0, 1, 2, 3, 4], [6, 3, 3, 0.25, 0.2])[0]
        return {"kind": CommandKind.SET_SYMBOL_STATUS, "symbol": self.symbol(), "symbol_status": status}

    def set_brackets(self) -> Command:
        """A table like the rulebook's, with other rates and floors, more or fewer rows; now and then a bad one."""
        rng, symbol = self.rng, self.symbol()
        old = self.rules[symbol].brackets
        factor = rng.choice([1, 1, 2, 3])
        records = [
            {"amount_e8": row.floor_e8 * rng.choice([1, 1, 2]), "rate_e8": min(ONE, row.rate_e8 * factor), "leverage": row.leverage_max}
            for row in old[: rng.randrange(1, len(old) + 1)]
        ]
        if rng.random() < 0.3:
            last = records[-1]
            records.append({"amount_e8": last["amount_e8"] + 10**13, "rate_e8": min(ONE, last["rate_e8"] * 2), "leverage": last["leverage"]})
        if rng.random() < 0.15:
            rng.choice(records)[rng.choice(["amount_e8", "rate_e8", "leverage"])] = rng.choice([0, -1, 7, 2**60])
        top = rng.choice([old[-1].cap_e8, old[-1].cap_e8, records[-1]["amount_e8"] + 1, records[-1]["amount_e8"]])
        return {"kind": CommandKind.SET_BRACKETS, "symbol": symbol, "amount_e8": top, "records": [r | {"leverage": min(r["leverage"], 2**30), "amount_e8": r["amount_e8"]} for r in records]}

    def set_fees(self) -> Command:
        rng = self.rng
        rates = [{"rate_e8": rng.choice([0, 1, 20_000, 50_000, 100_000, 33_333, -1, ONE + 1] if rng.random() < 0.1 else [0, 20_000, 50_000, 33_333])} for _ in range(rng.choice([2, 2, 3]))]
        if len(rates) == 3 and 0 <= rates[2]["rate_e8"] <= ONE:
            rates[2] = {"rate_e8": rng.choice([500_000, 1_250_000, 0])}
        if rng.random() < 0.5:
            return {"kind": CommandKind.SET_FEES, "account": self.user(), "symbol": NO_ROW if rng.random() < 0.9 else 0, "records": rates}
        return {"kind": CommandKind.SET_FEES, "symbol": self.symbol(), "records": rates}

    def set_position_mode_once(self) -> Command:
        return self.position_mode_of(self.user(), self.rng.choice([0, 1, 2, -1]))

    def hedge(self) -> list[Command] | None:
        """The other leg of a hedge, as large or a little smaller or larger, from another user or the house."""
        row = self.held()
        if row is None or row.side == PositionSide.BOTH:
            return None
        other, side = (PositionSide.SHORT, Side.SELL) if row.side == PositionSide.LONG else (PositionSide.LONG, Side.BUY)
        size = max(1, abs(row.lots) + self.rng.choice([0, 0, 1, -1, abs(row.lots) // 100, -abs(row.lots) // 50, -abs(row.lots) // 2]))
        price = self.near(row.symbol, 0)
        maker = self.rng.choice([*self.users, HOUSE_ACCOUNT])
        return [
            self.order(maker, row.symbol, 1 - side, price, size),
            self.order(row.account, row.symbol, side, price, size) | {"position_side": int(other)},
        ]

    def isolated_margin(self) -> Command | None:
        ref = self.reference
        rows = [row for row in ref.positions.values() if row.lots and row.is_isolated]
        if not rows:
            return None
        row = self.rng.choice(rows)
        add = self.rng.random() < 0.5
        most = ref.max_add_margin(row.account, ref.asset_of[row.symbol]) if add else ref.max_remove_margin(row)
        kind = CommandKind.ADD_MARGIN if add else CommandKind.REMOVE_MARGIN
        part = most if self.rng.random() < 0.3 else most // 4
        return {"kind": kind, "account": row.account, "symbol": row.symbol, "amount_e8": self.amount(part)} | self.leg(row)

    def deposit(self, account: int, asset: int) -> Command:
        whole = self.rng.choice([20, 500, 10_000, 10_000, 300_000]) * self.unit
        amount = whole + self.rng.randrange(whole)
        return {"kind": CommandKind.DEPOSIT, "account": account, "asset": asset, "amount_e8": amount}

    def fund_deposit(self, asset: int | None = None) -> Command:
        asset = self.rng.randrange(len(self.reference.assets)) if asset is None else asset
        whole = self.rng.choice([1, 5, 50, 50, 1_000, 1_000_000]) * self.unit
        return {"kind": CommandKind.FUND_DEPOSIT, "asset": asset, "amount_e8": self.rng.randrange(whole) + 1}

    def money(self) -> Command:
        account = self.user() if self.rng.random() < 0.9 else HOUSE_ACCOUNT
        asset = self.rng.randrange(len(self.reference.assets))
        if self.rng.random() < 0.5 or account not in self.reference.accounts:
            return self.deposit(account, asset)
        most = self.reference.max_withdraw(account, asset)
        return {"kind": CommandKind.WITHDRAW, "account": account, "asset": asset, "amount_e8": self.amount(most)}

    # Market

    def prices(self, symbols: range | list[int], at_typical: bool = False) -> Command:
        records = []
        for symbol in symbols:
            index = self.typical[symbol] if at_typical else self.moved(symbol)
            mark = 0 if self.rng.random() < 0.5 else max(1, index + index * self.rng.randint(-ONE, ONE) // (ONE * 1000))
            records.append(self.price(symbol, index, mark))
        return {"kind": CommandKind.PRICES, "records": records}

    def price(self, symbol: int, index: int, mark: int = 0) -> Command:
        low, top = self.rules[symbol].price_min_e8, self.rules[symbol].price_max_e8
        return {"symbol": symbol, "index_e8": min(top, max(low, index)), "mark_e8": min(top, max(low, mark)) if mark else 0}

    def moved(self, symbol: int) -> int:
        """A usual move; far from the typical price it leans back."""
        mark, swing = self.mark(symbol), self.phase.swing
        if not self.typical[symbol] // 8 < mark < self.typical[symbol] * 6:
            return self.typical[symbol]
        return mark + mark * self.rng.randint(-swing, swing) // ONE

    def price_move(self) -> Command:
        row = self.held()
        if row is None or self.rng.random() >= self.phase.gap_chance:
            symbols = [symbol for symbol in range(len(self.rules)) if self.rng.random() < 0.5] or [self.symbol()]
            if self.rng.random() < 0.005:
                symbols = []
            return self.prices(symbols)
        return {"kind": CommandKind.PRICES, "records": [self.aimed(row, self.phase.gap_depth)]}

    def aimed(self, row: Position, depth: str) -> Command:
        """A price at a position's liquidation price, between it and bankruptcy, or beyond."""
        ref, rng, symbol = self.reference, self.rng, row.symbol
        against = -1 if row.lots > 0 else 1
        liquidation = ref.liquidation_price(row.account, symbol, row.side)
        bankruptcy = ref.bankruptcy_price(row.account, symbol, row.side)
        if liquidation is None or bankruptcy is None or bankruptcy <= 0:
            return self.price(symbol, self.moved(symbol))
        distance = abs(bankruptcy - liquidation)
        if depth == "touch":
            target = liquidation + against * rng.choice([0, 0, -1, 1, -distance // 8])
        elif depth == "through":
            target = liquidation + against * (distance * rng.randrange(100) // 100)
        else:
            target = bankruptcy + against * rng.choice([-1, 0, 1, distance, bankruptcy // 50, bankruptcy // 8])
        if not self.typical[symbol] // 20 < target < self.typical[symbol] * 15:
            return self.price(symbol, self.moved(symbol))
        return self.price(symbol, target, 0 if rng.random() < 0.7 else target + rng.choice([0, 1, -1]))

    def quote(self, symbol: int, depth: str) -> Command:
        rng, rules = self.rng, self.rules[symbol]
        mid = self.mark(symbol)
        mid = min(rules.price_max_e8, max(rules.price_min_e8, mid + mid * rng.randint(-ONE, ONE) // (ONE * 500)))
        notional = {"thin": rng.choice([20, 100, 400]), "deep": rng.choice([3_000, 50_000, 10**7]), "none": 0}[depth] * self.unit
        return {
            "kind": CommandKind.QUOTE, "symbol": symbol, "mid_e8": mid,
            "half_spread_rate_e8": rng.choice([0, 10, 5_000, 20_000, ONE // 500]),
            "spacing_rate_e8": rng.choice([0, 100, 20_000, 300_000, ONE // 50, ONE // 5]),
            "level_notional_e8": notional, "level_count": rng.choice([0, 1, 3, 3, 8, 8, 20, 200]),
            "scale_e8": rng.choice([ONE, ONE, ONE // 3, 10**10, rng.randrange(ONE), 0]) if depth == "deep" else ONE,
        }

    def ladder_move(self) -> Command:
        symbol = self.symbol()
        if self.phase.ladder == "none":
            return self.quote(symbol, "none")
        return self.quote(symbol, self.phase.ladder)

    def funding(self) -> Command:
        rng = self.rng
        symbols = [symbol for symbol in range(len(self.rules)) if rng.random() < 0.7] or [0]
        rates = [0, 1, -1, 10_000, -10_000, 2_000_000, -2_000_000, 7_654_321, ONE // 2, -ONE, ONE]
        weights = [1, 2, 2, 6, 6, 4, 4, 1, 0.3, 0.3, 0.3]
        records = [
            {"symbol": symbol, "rate_e8": RATE_COMPUTED if rng.random() < 0.4 else rng.choices(rates, weights)[0]} for symbol in symbols
        ]
        return {"kind": CommandKind.SETTLE_FUNDING, "records": records}

    # Scenarios

    def thin_book_fall(self) -> list[Command] | None:
        """A position, a few resting orders near its bankruptcy, and a price that makes it due: the book holds a part of it."""
        row = self.held()
        if row is None:
            return None
        ref, symbol = self.reference, row.symbol
        bankruptcy = ref.bankruptcy_price(row.account, symbol, row.side)
        liquidation = ref.liquidation_price(row.account, symbol, row.side)
        if bankruptcy is None or liquidation is None or bankruptcy <= 0:
            return None
        side = Side.BUY if row.lots > 0 else Side.SELL
        commands = [self.quote(symbol, "none")] if self.rng.random() < 0.6 else []
        for _ in range(self.rng.randrange(0, 4)):
            between = bankruptcy + (liquidation - bankruptcy) * self.rng.randrange(-50, 150) // 100
            lots = max(1, abs(row.lots) * self.rng.choice([5, 30, 60, 100]) // 100)
            maker = self.rng.choice([*self.users, HOUSE_ACCOUNT])
            more = {"time_in_force": TimeInForce.GTX} if self.rng.random() < 0.7 else {}
            commands.append(self.order(maker, symbol, side, self.ticks(symbol, between), lots) | more)
        depth = self.rng.choice(["touch", "through", "far"])
        commands.append({"kind": CommandKind.PRICES, "records": [self.aimed(row, depth)]})
        return commands

    def bankrupt_pool(self) -> list[Command] | None:
        """An account with cross positions in two symbols of one asset; one of them falls far, so the pool is bankrupt."""
        ref = self.reference
        pools = [
            rows
            for user in self.users
            for asset in range(len(ref.assets))
            if user in ref.accounts and not ref.is_free(user)
            and len(rows := [row for row in ref.cross_rows(user, asset) if row.lots]) > 1
        ]
        if not pools:
            users = [user for user in self.users if user in ref.accounts and not ref.is_free(user)]
            symbols = [symbol for symbol in range(len(self.rules)) if ref.asset_of[symbol] == ref.asset_of[0]]
            if len(users) < 3 or len(symbols) < 2:
                return None
            first, *others = self.rng.sample(users, 3)
            commands: list[Command] = []
            for symbol, other in zip(symbols, others, strict=False):
                price, lots, side = self.near(symbol, 0), self.lots(first, symbol), self.rng.choice([0, 1])
                commands += [self.order(first, symbol, side, price, max(1, lots // 2)), self.order(other, symbol, 1 - side, price, max(1, lots // 2))]
            return commands
        row = self.rng.choice(self.rng.choice(pools))
        return [self.quote(row.symbol, "none"), {"kind": CommandKind.PRICES, "records": [self.aimed(row, "far")]}]

    def bad_command(self) -> Command:
        """A command with something wrong in it; sometimes two things."""
        rng, ref = self.rng, self.reference
        rules = self.rules[0]
        good: list[Callable[[], Command | None]] = [
            self.user_order, self.conditional, self.amend, self.countdown, self.set_leverage, self.set_mode, self.isolated_margin, self.money, self.cancel,
            self.cancel_all, self.funding, self.ladder_move, self.fund_deposit, lambda: self.prices([0]),
            lambda: {"kind": CommandKind.CREATE_ACCOUNT, "account": rng.choice([0, 1, 2, 2, 3, 3, 4, -1, ACCOUNTS_MAX + 1])},
            lambda: {"kind": rng.choice([0, -3, 24, 99, *range(5, 14), *range(15, 21)]), "account": self.user()},
            self.set_position_mode_once, self.set_status, self.set_brackets, self.set_fees,
            lambda: self.order(self.user(), 0, 0, self.near(0, 0), 10 ** rng.randrange(6, 10)),
            lambda: {"kind": CommandKind.ADD_MARGIN, "account": self.user(), "symbol": self.symbol(), "amount_e8": ONE},
        ]
        command = rng.choice(good)() or {"kind": CommandKind.ADVANCE_CLOCK}
        faults: dict[str, list[int]] = {
            "account": [0, -1, 2, 77, 5_000_000], "symbol": [-1, len(self.rules), 9_000], "side": [2, -1], "order_type": [2, 6, 7, -1],
            "time_in_force": [5, 9, -1], "position_side": [1, 2, 3], "price_ticks": [0, -5, rules.price_min_ticks - 1, rules.price_max_ticks * 1000],
            "trigger_ticks": [0, -5, rules.price_max_ticks * 1000, 1], "lots": [0, -3, 1, rules.lots_max + 1, 2**61],
            "amount_e8": [0, -1, 2**60, 2**61], "asset": [-1, len(ref.assets), 300], "leverage": [0, -1, 126, 1000, 1],
            "margin_mode": [2, -1, 0, 1], "mid_e8": [0, -1, 2**60], "half_spread_rate_e8": [-1, ONE // 2 + 1, ONE // 2],
            "spacing_rate_e8": [-1, ONE // 2 + 1], "level_notional_e8": [-1], "scale_e8": [-1, 10**10 + 1],
            "level_count": [-1, 201], "working_type": [2, -1], "callback_rate_e8": [0, -1, ONE // 2, ONE // 2 + 1], "is_reduce_only": [1], "expire_ms": [0, -1], "order_id": [0, 5, 2**52], "is_close_position": [1],
            "continuation_count": [len(command.get("records", [])) + more for more in (1, 3, 20_000)],
        }
        for _ in range(rng.choice([1, 1, 2])):
            names = [name for name in command if name in faults] + (["position_side"] if "side" in command else [])
            if rng.random() < 0.05:
                names = ["continuation_count"]
            if command.get("records") and rng.random() < 0.8:
                record = rng.choice(command["records"])
                fault = rng.choice([{"symbol": -1}, {"symbol": 50}, {"index_e8": 0}, {"index_e8": 9}, {"index_e8": -4}, {"mark_e8": -1},
                                    {"mark_e8": 2**55}, {"index_e8": 2**55}, {"rate_e8": ONE + 1}, {"rate_e8": -ONE - 1}])
                record.update(fault)
            elif names:
                name = rng.choice(names)
                command[name] = rng.choice(faults[name])
        if command["kind"] == CommandKind.WITHDRAW and command["amount_e8"] >= 2**60:
            command["amount_e8"] = 2**59
        return command
