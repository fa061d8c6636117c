"""After every command, whatever the mix: money and contracts are conserved, and every table agrees with the others.

The conditions are in invariants.check; what the events must tell in invariants.check_events.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from isocross.codes import CommandKind, MarginMode, OrderType
from isocross.exchange import Exchange
from isocross.units import ONE_E8
from tests import invariants, world
from tests.strategies import Life, steady


def live(seed: int, length: int, *, compiled: bool = True) -> Exchange:
    """A life of `length` commands, everything checked after each."""
    exchange = Exchange(world.rulebook_of(seed), compiled=compiled)
    life = Life(seed, exchange)
    for _ in range(length):
        command = life.next()
        before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
        result = world.submit(exchange, command)
        invariants.check(exchange)
        invariants.check_events(exchange, before, result.events)
    return exchange


@pytest.mark.parametrize("seed", range(6))
def test_a_random_life_keeps_every_invariant(seed):
    live(seed, 350)


@pytest.mark.parametrize("seed", range(100, 103))
def test_a_random_life_in_plain_python_overflows_nowhere(seed):
    live(seed, 120, compiled=False)


@pytest.mark.full
@pytest.mark.parametrize("seed", [*range(1_000, 1_030), 1_059])
def test_a_long_random_life_keeps_every_invariant(seed):
    live(seed, 1_500)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10_000, 10_200))
def test_a_million_random_commands_keep_the_money_and_tell_all(seed):
    """Money and events after every command, every table against the others after each 100th: 200 lives of 5,000 commands."""
    exchange = Exchange(world.rulebook_of(seed))
    life = Life(seed, exchange)
    for number in range(5_000):
        command = life.next()
        before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
        result = world.submit(exchange, command)
        gaps = exchange.conservation_gap_e8()
        assert not any(gaps.values()), f"money: {gaps}"
        invariants.check_events(exchange, before, result.events)
        if number % 100 == 99:
            invariants.check(exchange)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2_000, 2_012))
def test_a_long_random_life_in_plain_python_overflows_nowhere(seed):
    live(seed, 600, compiled=False)


USERS = st.integers(2, 5)
SYMBOLS = st.integers(0, 2)
SIDES = st.integers(0, 1)
FLAG = st.booleans().map(int)


class ExchangeMachine(RuleBasedStateMachine):
    """Four users, three contracts, a house; every rule is one command, refused or not."""

    @initialize(number=st.integers(0, 5))
    def begin(self, number: int) -> None:
        self.exchange = Exchange(world.rulebook_of(number))
        self.typical = [world.PRICES[name] for name in self.exchange.symbols]
        for user in range(2, 6):
            self.submit(world.account(user))
            for asset in range(len(self.exchange.assets)):
                self.submit(world.deposit(user, "1000", asset))
        self.submit(world.fund("100"))
        self.submit(world.prices(*enumerate(self.typical)))

    def submit(self, command: world.Command) -> None:
        before = {name: self.exchange.table(name).copy() for name in ("wallets", "positions")}
        result = world.submit(self.exchange, command)
        invariants.check_events(self.exchange, before, result.events)

    def lots(self, symbol: int, money: int) -> int:
        rules = self.exchange.rules(symbol)
        return max(1, money * ONE_E8 * ONE_E8 // (rules.step_e8 * self.exchange.mark_e8(symbol)))

    def ticks(self, symbol: int, per_mille: int) -> int:
        return max(1, self.exchange.mark_e8(symbol) * (1_000 + per_mille) // (1_000 * self.exchange.rules(symbol).tick_e8))

    @rule(user=USERS, symbol=SYMBOLS, side=SIDES, near=st.integers(-60, 60), money=st.integers(5, 30_000), reduce=FLAG,
          force=st.integers(0, 3), prevention=st.integers(0, 3))
    def limit(self, user, symbol, side, near, money, reduce, force, prevention):
        self.submit(
            world.limit(user, symbol, side, self.ticks(symbol, near), self.lots(symbol, money),
                        is_reduce_only=reduce, time_in_force=force, self_trade_prevention=prevention)
        )

    @rule(user=USERS, symbol=SYMBOLS, side=SIDES, money=st.integers(5, 30_000), reduce=FLAG)
    def market(self, user, symbol, side, money, reduce):
        self.submit(world.market(user, symbol, side, self.lots(symbol, money), is_reduce_only=reduce))

    @rule(symbol=SYMBOLS, per_mille=st.integers(-300, 300))
    def move(self, symbol, per_mille):
        price = self.exchange.mark_e8(symbol) * (1_000 + per_mille) // 1_000
        low, high = self.typical[symbol] // 30, self.typical[symbol] * 8
        self.submit(world.prices((symbol, min(high, max(low, price)))))

    @rule(user=USERS, symbol=SYMBOLS, beyond=st.integers(-2, 3))
    def move_to_liquidation(self, user, symbol, beyond):
        price = self.exchange.liquidation_price(user, symbol)
        if price is not None and price > 10:
            against = -1 if self.exchange.position(user, symbol).lots > 0 else 1
            self.submit(world.prices((symbol, price + against * beyond)))

    @rule(symbol=SYMBOLS, levels=st.integers(0, 12), notional=st.integers(10, 50_000), spread=st.integers(0, 200_000))
    def quote(self, symbol, levels, notional, spread):
        mid = self.exchange.mark_e8(symbol)
        self.submit(world.ladder(symbol, mid, notional=str(notional), levels=levels, half_spread=spread))

    @rule(symbol=SYMBOLS, rate=st.integers(-5_000_000, 5_000_000))
    def fund(self, symbol, rate):
        self.submit(world.funding((symbol, rate)))

    @rule(user=USERS, symbol=SYMBOLS, wanted=st.sampled_from(MarginMode))
    def mode(self, user, symbol, wanted):
        self.submit(world.mode(user, symbol, wanted))

    @rule(user=USERS, symbol=SYMBOLS, times=st.integers(1, 75))
    def leverage(self, user, symbol, times):
        self.submit(world.leverage(user, symbol, times))

    @rule(user=USERS, symbol=SYMBOLS, is_add=st.booleans(), part=st.integers(0, 4))
    def move_margin(self, user, symbol, is_add, part):
        most = (self.exchange.max_add_margin if is_add else self.exchange.max_remove_margin)(user, symbol)
        kind = CommandKind.ADD_MARGIN if is_add else CommandKind.REMOVE_MARGIN
        self.submit({"kind": kind, "account": user, "symbol": symbol, "amount_e8": most * part // 4})

    @rule(user=USERS, symbol=SYMBOLS, side=SIDES, near=st.integers(-40, 40), kind=st.sampled_from([2, 3]), money=st.integers(0, 9_000),
          reduce=FLAG)
    def conditional(self, user, symbol, side, near, kind, money, reduce):
        self.submit(
            {"kind": CommandKind.PLACE_CONDITIONAL, "account": user, "symbol": symbol, "side": side,
             "order_type": OrderType(kind), "trigger_ticks": self.ticks(symbol, near), "is_reduce_only": reduce,
             "is_close_position": int(money == 0), "lots": self.lots(symbol, money) if money else 0}
        )

    @rule(user=USERS, symbol=SYMBOLS)
    def cancel_all(self, user, symbol):
        self.submit({"kind": CommandKind.CANCEL_ALL, "account": user, "symbol": symbol})

    @rule(user=USERS, asset=st.integers(0, 1), part=st.integers(1, 4))
    def withdraw(self, user, asset, part):
        asset = min(asset, len(self.exchange.assets) - 1)
        most = self.exchange.wallet(user, self.exchange.assets[asset]).max_withdraw_e8
        self.submit(world.deposit(user, most * part // 4, asset) | {"kind": CommandKind.WITHDRAW})

    @invariant()
    def everything_agrees(self):
        if hasattr(self, "exchange"):
            invariants.check(self.exchange)


def test_any_mix_of_commands_keeps_every_invariant():
    run_state_machine_as_test(ExchangeMachine, settings=steady(25, stateful_step_count=30))


@pytest.mark.full
def test_many_mixes_of_commands_keep_every_invariant():
    run_state_machine_as_test(ExchangeMachine, settings=steady(600, stateful_step_count=50))
