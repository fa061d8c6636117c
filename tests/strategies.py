"""Strategies: random exchange life, from a seed alone, and Hypothesis settings that are the same on every machine.

Responsible for: drawing the next command from what the exchange shows; random traders; fuzzed records. Must not: check.
A life has phases. A phase draws how the market behaves (no ladder, thin, deep; calm or gapping), how bold the traders are
and which mode and leverage they like, and stays so for a while: that is what makes rare branches happen together.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings

from isocross.codes import CommandKind, MarginMode, OrderType, PositionMode, PositionSide, Side, TimeInForce
from isocross.exchange import Exchange
from isocross.kernel.schema import COMMAND, HOUSE_ACCOUNT, NO_ROW
from isocross.limits import RATE_COMPUTED, SEQUENCE_MAX
from isocross.units import ONE_E8
from tests import world
from tests.world import PRICES, START_MS, Command

INT64 = (-(2**63), 2**63 - 1)


def steady(examples: int, **more: Any) -> settings:
    """Hypothesis settings without a database, a clock or chance."""
    given: dict[str, Any] = {"max_examples": examples, "derandomize": True, "deadline": None, "database": None}
    given["suppress_health_check"] = list(HealthCheck)
    return settings(**(given | more))


@dataclass
class Phase:
    """How the market and the traders behave for a while."""

    ladder: str  # "none", "thin", "deep"
    swing_e8: int
    gap_chance: float
    gap_depth: str  # "touch", "through", "far"
    isolated_chance: float
    greed: float
    leverages: tuple[int, ...]


def drawn_phase(rng: random.Random) -> Phase:
    """A phase."""
    return Phase(
        ladder=rng.choice(["none", "thin", "thin", "deep", "deep"]),
        swing_e8=rng.choice([0, 20_000, 100_000, 500_000, 2_500_000]),
        gap_chance=rng.choice([0.0, 0.2, 0.5, 0.9]),
        gap_depth=rng.choice(["touch", "touch", "through", "far"]),
        isolated_chance=rng.choice([0.0, 0.5, 0.5, 1.0]),
        greed=rng.choice([0.05, 0.3, 0.7, 1.0]),
        leverages=rng.choice([(1, 2, 3), (5, 10, 20), (20, 40, 75, 125), (1, 3, 8, 20, 40, 125)]),
    )


class Life:
    """An endless source of commands for one exchange. Ask with `next`, apply, ask again."""

    def __init__(self, seed: int | str, exchange: Exchange, users: int = 6) -> None:
        self.rng = random.Random(f"life {seed}")
        self.exchange = exchange
        self.users = list(range(2, 2 + users))
        self.time_ms = START_MS
        self.phase = drawn_phase(self.rng)
        self.typical = [PRICES[name] for name in exchange.symbols]
        self.has_second_house = self.rng.random() < 0.3
        self.queue: list[Command] = self._set_up()

    def next(self) -> Command:
        """The next command, with its sequence and time."""
        if self.rng.random() < 0.03:
            self.phase = drawn_phase(self.rng)
        while not self.queue:
            self.queue = self._actions()
        command = self._sided(self.queue.pop(0))
        self.time_ms = max(self.time_ms, self.exchange.time_ms) + self.rng.choice([0, 0, 1, 50, 1_000])
        if self.rng.random() < 0.03:
            self.time_ms += self.rng.choice([5_000, 40_000, 3_600_000])
        stamp = {"sequence": self.exchange.next_sequence, "time_ms": self.time_ms}
        if self.rng.random() < 0.02:
            stamp["sequence"] += self.rng.randrange(1, 40)
        if self.rng.random() < 0.003:
            stamp["sequence"] = self.rng.choice([0, -1, SEQUENCE_MAX, SEQUENCE_MAX + 9])
        if self.rng.random() < 0.003:
            stamp["time_ms"] -= self.rng.choice([1, 100_000])
        return stamp | command

    def _sided(self, command: Command) -> Command:
        """An order of an account in hedge mode that says no position side gets one."""
        if "side" not in command or "position_side" in command or not self._is_hedged(command["account"]):
            return command
        side = self.rng.choices([PositionSide.LONG, PositionSide.SHORT, PositionSide.BOTH], [20, 20, 1])[0]
        return command | {"position_side": int(side)}

    # ---- what the exchange shows ----

    def _symbol(self) -> int:
        return self.rng.randrange(len(self.exchange.symbols))

    def _user(self) -> int:
        return self.rng.choice(self.users)

    def _is_hedged(self, account: int) -> bool:
        is_there = 0 <= account < self.exchange._state.used_rows("accounts")
        return is_there and self.exchange.position_mode(account) == PositionMode.HEDGE

    def _leg(self, row: int) -> dict[str, int]:
        """The position side of a row, for an order of it; nothing in one-way mode."""
        side = int(self.exchange.table("positions")["position_side"][row])
        return {"position_side": side} if side else {}

    def _mark(self, symbol: int) -> int:
        return self.exchange.mark_e8(symbol) or self.typical[symbol]

    def _held(self, isolated: bool = False) -> tuple[int, int, int, int] | None:
        """(row, account, symbol, lots) of a user's open position."""
        table = self.exchange.table("positions")
        mask = (table["lots"] != 0) & (table["is_house"] == 0)
        if isolated:
            mask &= table["margin_mode"] == MarginMode.ISOLATED
        rows = np.flatnonzero(mask)
        if not len(rows):
            return None
        row = int(self.rng.choice(rows.tolist()))
        found = table[row]
        return row, int(found["account"]), int(found["symbol"]), int(found["lots"])

    def _ticks(self, symbol: int, price_e8: int) -> int:
        rules = self.exchange.rules(symbol)
        return min(rules.price_max_ticks, max(1, price_e8 // rules.tick_e8))

    def _near(self, symbol: int, spread_e8: int) -> int:
        mark = self._mark(symbol)
        return self._ticks(symbol, mark + mark * self.rng.randint(-spread_e8, spread_e8) // ONE_E8)

    def _lots(self, account: int, symbol: int) -> int:
        """Between the smallest order and a little more than the account can carry."""
        rng, exchange, rules = self.rng, self.exchange, self.exchange.rules(symbol)
        worth = max(1, rules.step_e8 * self._mark(symbol) // ONE_E8)
        smallest = rules.min_notional_e8 // worth + 1
        if rng.random() < 0.15 or account >= exchange._state.used_rows("accounts"):
            return smallest + rng.randrange(5)
        wallet = exchange.wallet(account, rules.margin_asset)
        room = wallet.available_e8 * exchange.leverage(account, symbol)
        wanted = int(room * self.phase.greed * rng.choice([0.1, 0.5, 0.9, 0.97, 1.0])) // worth
        return min(rules.lots_max, max(smallest, wanted))

    # ---- actions ----

    def _set_up(self) -> list[Command]:
        rng = self.rng
        commands: list[Command] = []
        if rng.random() < 0.2:
            commands.append(self._order())
        for user in self.users:
            is_house = int(self.has_second_house and user == self.users[-1])
            commands.append(world.account(user, is_house=is_house))
            if rng.random() < 0.4:
                commands.append(world.position_mode(user, PositionMode.HEDGE))
            for asset in range(len(self.exchange.assets)):
                if rng.random() < 0.9:
                    commands.append(self._deposit(user, asset))
        for asset in range(len(self.exchange.assets)):
            if rng.random() < 0.6:
                commands.append(world.fund(rng.randrange(1, 10 ** rng.randrange(9, 14)), asset))
        commands.append(world.prices(*enumerate(self.typical)))
        return commands

    def _actions(self) -> list[Command]:
        choices: list[tuple[float, Callable[[], Command | list[Command] | None]]] = [
            (26, self._order),
            (10, self._pair),
            (14, self._price_move),
            (6, self._quote),
            (4, self._funding),
            (6, self._close),
            (3, self._reduce_only),
            (4, self._conditional),
            (3, self._cancel),
            (5, self._amend),
            (1, self._countdown),
            (1, self._cancel_all),
            (3, self._set_leverage),
            (4, self._set_mode),
            (5, self._move_margin),
            (2, self._money),
            (1, self._house_order),
            (1, self._self_trade),
            (2, self._thin_fall),
            (2, self._flatten_and_switch),
            (1, self._position_mode),
            (2, self._hedge),
            (2, self._wrong),
            (2, lambda: {"kind": CommandKind.ADVANCE_CLOCK}),
        ]
        made = self.rng.choices([act for _, act in choices], [weight for weight, _ in choices])[0]()
        if made is None:
            return []
        return made if isinstance(made, list) else [made]

    def _order(self) -> Command:
        rng = self.rng
        account, symbol, side = self._user(), self._symbol(), rng.choice([Side.BUY, Side.SELL])
        lots = self._lots(account, symbol)
        more = {"self_trade_prevention": rng.choice([0, 0, 1, 2, 3]), "is_reduce_only": int(rng.random() < 0.07)}
        more |= self._client_id()
        if rng.random() < 0.35:
            return world.market(account, symbol, side, lots, **more)
        more["time_in_force"] = rng.choices(list(TimeInForce), [8, 1, 1, 1, 1.5])[0]
        more["expire_ms"] = self._soon()
        price = self._near(symbol, rng.choice([0, 50_000, 500_000, 2_000_000, 10_000_000]))
        return world.limit(account, symbol, side, price, lots, **more)

    def _pair(self) -> list[Command]:
        """Two users trade with each other near mark."""
        rng, symbol, side = self.rng, self._symbol(), self.rng.choice([0, 1])
        maker, taker = rng.sample(self.users, 2)
        price, lots = self._near(symbol, rng.choice([0, 100_000, 1_500_000])), self._lots(maker, symbol)
        return [
            world.limit(maker, symbol, side, price, lots),
            world.limit(taker, symbol, 1 - side, price, rng.choice([lots, lots // 2 + 1, 2 * lots])),
        ]

    def _house_order(self) -> Command:
        house = self.users[-1] if self.has_second_house and self.rng.random() < 0.5 else HOUSE_ACCOUNT
        symbol = self._symbol()
        return world.limit(
            house, symbol, self.rng.choice([0, 1]), self._near(symbol, 1_000_000), self._lots(self.users[0], symbol)
        )

    def _close(self) -> Command | None:
        """Close, part close or flip a position."""
        held = self._held()
        if held is None:
            return None
        row, account, symbol, lots = held
        side, size = (Side.SELL if lots > 0 else Side.BUY), abs(lots)
        wanted = self.rng.choice([size, size, max(1, size // 3), 1, size + 1, 2 * size])
        more = {"is_reduce_only": self.rng.choice([0, 1])} | self._leg(row)
        if self.rng.random() < 0.6:
            return world.market(account, symbol, side, wanted, **more)
        return world.limit(account, symbol, side, self._near(symbol, 5_000_000), wanted, **more)

    def _reduce_only(self) -> list[Command] | None:
        """Reduce-only orders that rest, often larger than the position."""
        held = self._held()
        if held is None:
            return None
        row, account, symbol, lots = held
        side = Side.SELL if lots > 0 else Side.BUY
        sizes = [abs(lots), abs(lots) // 2 + 1, 1, 2 * abs(lots)]
        count = self.rng.randrange(1, 4)
        more = {"is_reduce_only": 1} | self._leg(row)
        return [
            world.limit(account, symbol, side, self._near(symbol, 1_000_000), self.rng.choice(sizes), **more)
            for _ in range(count)
        ]

    def _self_trade(self) -> list[Command]:
        account, symbol, side = self._user(), self._symbol(), self.rng.choice([0, 1])
        price, lots = self._near(symbol, 200_000), self._lots(account, symbol)
        return [
            world.limit(account, symbol, side, price, lots),
            world.limit(account, symbol, 1 - side, price, 2 * lots, self_trade_prevention=self.rng.choice([0, 1, 2, 3])),
        ]

    def _conditional(self) -> Command:
        rng, held = self.rng, self._held()
        account, symbol = (held[1], held[2]) if held and rng.random() < 0.7 else (self._user(), self._symbol())
        kind = rng.choice(list(OrderType)[2:])
        trigger = self._near(symbol, rng.choice([100_000, 1_000_000, 5_000_000]))
        closes = rng.random() < (0.6 if kind in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET) else 0.02)
        leg = self._leg(held[0]) if held and held[1] == account and held[2] == symbol and rng.random() < 0.8 else {}
        return leg | {
            "kind": CommandKind.PLACE_CONDITIONAL,
            "account": account,
            "symbol": symbol,
            "side": int(held[3] > 0) if leg and rng.random() < 0.7 else rng.choice([0, 1]),
            "order_type": kind,
            "working_type": rng.choice([0, 1]),
            "time_in_force": rng.choice([0, 0, 1, 2, 3, 4]),
            "expire_ms": self._soon(),
            "is_price_protected": int(rng.random() < 0.4),
            "price_ticks": self._near(symbol, rng.choice([100_000, 1_000_000])),
            "trigger_ticks": 0 if kind == OrderType.TRAILING_STOP_MARKET and rng.random() < 0.5 else trigger,
            "callback_rate_e8": rng.choice([1, 100_000, 1_000_000, 5_000_000]),
            "is_close_position": int(closes),
            "lots": 0 if closes else self._lots(account, symbol),
            "is_reduce_only": int(rng.random() < 0.4),
            "self_trade_prevention": rng.choice([0, 1, 2, 3]),
            **self._client_id(),
        }

    def _client_id(self) -> dict[str, int]:
        """Now and then one of a few client ids."""
        return {"client_id_hash": self.rng.choice([1, 2, 3, 4, -(2**63), 2**62])} if self.rng.random() < 0.3 else {}

    def _cancel(self) -> Command | None:
        table = self.exchange.table("orders")
        rows = np.flatnonzero(table["order_id"] != 0)
        if not len(rows):
            return None
        order = table[int(self.rng.choice(rows.tolist()))]
        kind = CommandKind.CANCEL_CONDITIONAL if order["is_conditional"] else CommandKind.CANCEL_ORDER
        owner = int(order["account"]) if self.rng.random() < 0.9 else self._user()
        if order["client_id_hash"] and self.rng.random() < 0.5:
            return {"kind": kind, "account": owner, "client_id_hash": int(order["client_id_hash"])}
        return {"kind": kind, "account": owner, "order_id": int(order["order_id"])}

    def _soon(self) -> int:
        """A time that the next commands reach; seldom one that is past."""
        return self.exchange.time_ms + self.rng.choice([1, 50, 1_000, 1_000, 5_000, 60_000, 0])

    def _countdown(self) -> Command:
        expire = self._soon() if self.rng.random() < 0.8 else 0
        return {"kind": CommandKind.COUNTDOWN_CANCEL, "account": self._user(), "symbol": self._symbol(), "expire_ms": expire}

    def _amend(self) -> Command | None:
        """Of a resting order: price, size or both."""
        rng, table = self.rng, self.exchange.table("orders")
        rows = np.flatnonzero((table["order_id"] != 0) & (table["is_ladder"] == 0))
        if not len(rows):
            return None
        order = table[int(rng.choice(rows.tolist()))]
        total, rest, symbol = int(order["original_lots"]), int(order["lots"]), int(order["symbol"])
        lots = rng.choice([0, 0, total + 1, 2 * total, max(0, total - 1), total - rest, total - rest + max(1, rest // 2)])
        price = rng.choice([0, 0, self._near(symbol, 300_000), self._near(symbol, 3_000_000)])
        made = {"kind": CommandKind.AMEND_ORDER, "account": int(order["account"]), "order_id": int(order["order_id"])}
        return made | {"lots": lots, "price_ticks": price}

    def _cancel_all(self) -> Command:
        return {"kind": CommandKind.CANCEL_ALL, "account": self._user(), "symbol": self.rng.choice([NO_ROW, self._symbol()])}

    def _set_leverage(self) -> Command:
        held = self._held()
        account, symbol = (held[1], held[2]) if held and self.rng.random() < 0.5 else (self._user(), self._symbol())
        top = min(self.exchange.rulebook.leverage_max, self.exchange.rules(symbol).brackets[0].leverage_max)
        return world.leverage(account, symbol, min(top, self.rng.choice(self.phase.leverages)))

    def _set_mode(self) -> Command:
        wanted = MarginMode.ISOLATED if self.rng.random() < self.phase.isolated_chance else MarginMode.CROSS
        return world.mode(self._user(), self._symbol(), wanted)

    def _flatten_and_switch(self) -> list[Command] | None:
        held = self._held()
        if held is None:
            return None
        row, account, symbol, lots = held
        side = Side.SELL if lots > 0 else Side.BUY
        other = MarginMode(1 - int(self.exchange.margin_mode(account, symbol)))
        return [
            {"kind": CommandKind.CANCEL_ALL, "account": account, "symbol": symbol},
            world.ladder(symbol, self._mark(symbol), notional="10000000"),
            world.market(account, symbol, side, abs(lots), is_reduce_only=1, **self._leg(row)),
            world.mode(account, symbol, other),
            world.market(account, symbol, side, abs(lots)),
        ]

    def _position_mode(self) -> Command | list[Command]:
        """Ask for the other position mode, mostly in vain; now and then after everything of the account is closed."""
        account = self._user()
        other = PositionMode.ONE_WAY if self._is_hedged(account) else PositionMode.HEDGE
        ask = world.position_mode(account, self.rng.choice([other, other, 1 - other, 2]))
        if self.rng.random() < 0.5:
            return ask
        table = self.exchange.table("positions")
        rows = np.flatnonzero((table["account"] == account) & (table["lots"] != 0)).tolist()
        commands: list[Command] = [{"kind": CommandKind.CANCEL_ALL, "account": account, "symbol": NO_ROW}]
        orders = self.exchange.orders(account) if account < self.exchange._state.used_rows("accounts") else ()
        for order in orders:
            commands.append({"kind": CommandKind.CANCEL_ORDER, "account": account, "order_id": order.order_id})
        for row in rows:
            symbol, lots = int(table["symbol"][row]), int(table["lots"][row])
            side = Side.SELL if lots > 0 else Side.BUY
            commands.append(world.ladder(symbol, self._mark(symbol), notional="10000000"))
            commands.append(world.market(account, symbol, side, abs(lots), **self._leg(row)))
        return [*commands, world.position_mode(account, other)]

    def _hedge(self) -> list[Command] | None:
        """The other leg of a hedge, as large or a little smaller or larger, from the house."""
        held = self._held()
        if held is None or not self._is_hedged(held[1]):
            return None
        row, account, symbol, lots = held
        other = PositionSide.SHORT if self.exchange.table("positions")["position_side"][row] == PositionSide.LONG else PositionSide.LONG
        side = Side.SELL if other == PositionSide.SHORT else Side.BUY
        size = max(1, abs(lots) + self.rng.choice([0, 0, 1, -1, abs(lots) // 100, -abs(lots) // 50, -abs(lots) // 2]))
        more = {"position_side": int(other)}
        return [world.ladder(symbol, self._mark(symbol), notional="10000000"), world.market(account, symbol, side, size, **more)]

    def _move_margin(self) -> Command | None:
        held = self._held(isolated=True)
        if held is None:
            return None
        row, account, symbol, _ = held
        is_add = self.rng.random() < 0.5
        leg = self._leg(row)
        side = PositionSide(leg.get("position_side", PositionSide.BOTH))
        most = (self.exchange.max_add_margin if is_add else self.exchange.max_remove_margin)(account, symbol, side)
        amount = self.rng.choice([most, most + 1, most // 2, most // 10, 1])
        kind = CommandKind.ADD_MARGIN if is_add else CommandKind.REMOVE_MARGIN
        return {"kind": kind, "account": account, "symbol": symbol, "amount_e8": amount} | leg

    def _deposit(self, account: int, asset: int) -> Command:
        whole = self.rng.choice([20, 500, 10_000, 10_000, 300_000]) * ONE_E8
        return world.deposit(account, whole + self.rng.randrange(whole), asset)

    def _money(self) -> Command:
        account = self._user() if self.rng.random() < 0.9 else HOUSE_ACCOUNT
        asset = self.rng.randrange(len(self.exchange.assets))
        if self.rng.random() < 0.4 or account >= self.exchange._state.used_rows("accounts"):
            return self._deposit(account, asset)
        most = self.exchange.wallet(account, self.exchange.assets[asset]).max_withdraw_e8
        amount = self.rng.choice([most, most + 1, most // 2, 1])
        return world.deposit(account, amount, asset) | {"kind": CommandKind.WITHDRAW}

    # ---- the market ----

    def _record(self, symbol: int, price_e8: int) -> tuple[int, int]:
        return symbol, min(self.exchange.rules(symbol).price_max_e8, max(1, price_e8))

    def _moved(self, symbol: int) -> tuple[int, int]:
        mark = self._mark(symbol)
        if not self.typical[symbol] // 8 < mark < self.typical[symbol] * 6:
            return symbol, self.typical[symbol]
        return self._record(symbol, mark + mark * self.rng.randint(-self.phase.swing_e8, self.phase.swing_e8) // ONE_E8)

    def _price_move(self) -> Command:
        held = self._held()
        if held is None or self.rng.random() >= self.phase.gap_chance:
            symbols = [n for n in range(len(self.typical)) if self.rng.random() < 0.5] or [self._symbol()]
            made = world.prices(*(self._moved(symbol) for symbol in symbols))
            if self.rng.random() < 0.5:
                for record in made["records"]:
                    record["mark_e8"] = max(1, record["index_e8"] - record["index_e8"] * self.rng.randrange(100_000) // ONE_E8)
            return made
        return world.prices(self._aimed(held, self.phase.gap_depth))

    def _aimed(self, held: tuple[int, int, int, int], depth: str) -> tuple[int, int]:
        """A price at a liquidation price, between it and bankruptcy, or beyond."""
        row, _, symbol, lots = held
        rng, against = self.rng, (-1 if lots > 0 else 1)
        liquidation, bankruptcy = self._prices_of(row)
        if liquidation is not None and bankruptcy is not None and (liquidation > self._mark(symbol)) != (against > 0):
            against = -against  # a hedge dies on the other side
            bankruptcy = liquidation + liquidation // 50 * against
        if liquidation is None or bankruptcy is None:
            return self._moved(symbol)
        distance = abs(bankruptcy - liquidation)
        if depth == "touch":
            target = liquidation + against * rng.choice([0, 0, -1, 1, -distance // 8])
        elif depth == "through":
            target = liquidation + against * (distance * rng.randrange(100) // 100)
        else:
            target = bankruptcy + against * rng.choice([-1, 0, 1, distance, bankruptcy // 50, bankruptcy // 8])
        if not self.typical[symbol] // 20 < target < self.typical[symbol] * 15:
            return self._moved(symbol)
        return self._record(symbol, target)

    def _prices_of(self, row: int) -> tuple[int | None, int | None]:
        """A liquidation price, one of two where there are two, and the bankruptcy price of a position row."""
        found = self.exchange.table("positions")[row]
        at = int(found["account"]), int(found["symbol"]), PositionSide(int(found["position_side"]))
        prices = [price for price in self.exchange.liquidation_prices(*at) if price is not None]
        return (self.rng.choice(prices) if len(prices) > 1 else prices[0] if prices else None), self.exchange.bankruptcy_price(*at)

    def _quote(self, symbol: int | None = None, depth: str | None = None) -> Command:
        rng = self.rng
        symbol = self._symbol() if symbol is None else symbol
        depth = depth or self.phase.ladder
        mid = self._record(symbol, self._mark(symbol) * (ONE_E8 + rng.randint(-200_000, 200_000)) // ONE_E8)[1]
        notional = {"none": 0, "thin": rng.choice([20, 100, 400]), "deep": rng.choice([3_000, 50_000, 10**7])}[depth]
        return world.ladder(symbol, mid, notional=str(notional), levels=rng.choice([0, 1, 3, 8, 20, 60])) | {
            "half_spread_rate_e8": rng.choice([0, 10, 5_000, 20_000, 200_000]),
            "spacing_rate_e8": rng.choice([0, 100, 20_000, 300_000, 2_000_000]),
            "scale_e8": rng.choice([ONE_E8, ONE_E8, ONE_E8 // 3, rng.randrange(ONE_E8), 0]),
        }

    def _funding(self) -> Command:
        rng = self.rng
        symbols = [n for n in range(len(self.typical)) if rng.random() < 0.7] or [0]
        rates = [0, 1, -1, 10_000, -10_000, 2_000_000, -2_000_000, 7_654_321, ONE_E8 // 3, -ONE_E8]
        weights = [1, 2, 2, 6, 6, 3, 3, 1, 0.2, 0.2]
        drawn = (RATE_COMPUTED if rng.random() < 0.4 else rng.choices(rates, weights)[0] for _ in symbols)
        return world.funding(*zip(symbols, drawn, strict=True))

    def _thin_fall(self) -> list[Command] | None:
        """An empty book, a few orders between liquidation and bankruptcy, and a price that makes the position due."""
        held = self._held()
        if held is None:
            return None
        row, _, symbol, lots = held
        liquidation, bankruptcy = self._prices_of(row)
        if liquidation is None or bankruptcy is None:
            return None
        commands = [self._quote(symbol, "none")]
        for _ in range(self.rng.randrange(4)):
            between = bankruptcy + (liquidation - bankruptcy) * self.rng.randrange(-50, 150) // 100
            size = max(1, abs(lots) * self.rng.choice([5, 30, 60, 100]) // 100)
            maker = self.rng.choice([*self.users, HOUSE_ACCOUNT])
            commands.append(world.limit(maker, symbol, Side.BUY if lots > 0 else Side.SELL, self._ticks(symbol, between), size))
        commands.append(world.prices(self._aimed(held, self.rng.choice(["touch", "through", "far"]))))
        return commands

    def _wrong(self) -> Command:
        """A command with one field out of range."""
        rng = self.rng
        made = rng.choice([self._order, self._set_leverage, self._money, self._quote, self._conditional, self._set_mode])()
        wrong = {
            "account": [0, 1, -1, 77, 5_000],
            "symbol": [-1, 50],
            "side": [2, -1],
            "lots": [0, -3, 2**40],
            "price_ticks": [0, -5, 2**40],
            "amount_e8": [0, -1, 2**60],
            "leverage": [0, -1, 126],
            "margin_mode": [2, -1],
            "mid_e8": [0, -1],
            "level_count": [-1, 201],
            "kind": [6, 9, 21, 22, 23, 24, 0, -1],
            "position_side": [0, 1, 2, 3, -1],
        }
        name = rng.choice([field for field in made if field in wrong])
        return made | {name: rng.choice(wrong[name])}


# ---- portfolios ----


def portfolio(rng: random.Random, exchange: Exchange, number: int, *, isolated_chance: float = 0.5) -> list[Command]:
    """Commands that give a new account positions in some symbols, at prices set before; the house is the counterparty."""
    commands = [world.account(number)]
    for asset in range(len(exchange.assets)):
        commands.append(world.deposit(number, rng.randrange(10**9, 10 ** rng.randrange(10, 14)), asset))
    for symbol in rng.sample(range(len(exchange.symbols)), rng.randrange(1, len(exchange.symbols) + 1)):
        rules, mark = exchange.rules(symbol), exchange.mark_e8(symbol)
        wanted = MarginMode.ISOLATED if rng.random() < isolated_chance else MarginMode.CROSS
        if wanted != exchange.rulebook.default_margin_mode:
            commands.append(world.mode(number, symbol, wanted))
        top = min(exchange.rulebook.leverage_max, rules.brackets[0].leverage_max)
        times = rng.choice([1, rng.randrange(1, top + 1), top])
        commands.append(world.leverage(number, symbol, times))
        deposited = next(c["amount_e8"] for c in commands if c.get("asset") == exchange.assets.index(rules.margin_asset))
        worth = max(1, rules.step_e8 * mark // ONE_E8)
        lots = max(rules.min_notional_e8 // worth + 1, deposited * times * rng.randrange(1, 95) // (100 * 3 * worth))
        side = rng.choice([0, 1])
        commands.append(world.market(number, symbol, side, min(lots, rules.lots_max)))
        if rng.random() < 0.3:
            commands.append(world.market(number, symbol, rng.choice([0, 1]), max(1, lots // rng.randrange(2, 9))))
    return commands


# ---- fuzz ----


def odd_number(rng: random.Random) -> int:
    """A number near something that matters, or anywhere in int64."""
    base = rng.choice([0, 1, -1, 2, 200, 1024, 16_384, 10**8, 2**31, 2**41, 2**42, 2**59, 2**60, 2**61, 2**62, *INT64])
    if rng.random() < 0.3:
        base = rng.randint(*INT64) >> rng.randrange(63)
    return min(INT64[1], max(INT64[0], base + rng.choice([0, 0, -1, 1])))


def fit(value: int, field: str) -> int:
    """A number cut down to the width of a field of COMMAND."""
    bits = 8 * COMMAND[field].itemsize
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
