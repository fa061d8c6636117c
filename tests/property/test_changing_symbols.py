"""Contracts whose status, brackets and fees change in the middle of a random life: everything that must hold still does.

The lives of tests/strategies.py leave the contracts as they are; here one in twelve commands changes one. A delisted contract never comes back,
so a life ends with fewer of them than it began with.
"""

from __future__ import annotations

import pytest

from isocross.codes import CommandKind, EventKind, SymbolStatus
from isocross.exchange import Exchange
from isocross.kernel.schema import NO_ROW
from isocross.units import ONE_E8
from tests import invariants, world
from tests.strategies import Life

CHANGES = ("status", "brackets", "fees")


class ChangingLife(Life):
    """A life in which contracts change."""

    def _actions(self) -> list[world.Command]:
        if self.rng.random() >= 1 / 12:
            return super()._actions()
        change = self.rng.choice(CHANGES)
        return self._statuses() if change == "status" else [self._brackets() if change == "brackets" else self._fees()]

    def _statuses(self) -> list[world.Command]:
        """A contract is held up for a few commands; now and then it ends."""
        symbol = self._symbol()
        status = self.rng.choices(list(SymbolStatus), [4, 6, 6, 1])[0]
        held_up = {"kind": CommandKind.SET_SYMBOL_STATUS, "symbol": symbol, "symbol_status": int(status)}
        between = [command for _ in range(self.rng.randrange(8)) for command in super(ChangingLife, self)._actions()]
        return [held_up, *between, held_up | {"symbol_status": int(SymbolStatus.TRADING)}]

    def _brackets(self) -> world.Command:
        """The same floors and caps with other rates, fewer rows or less leverage."""
        symbol = self._symbol()
        old = self.exchange.rules(symbol).brackets
        factor = self.rng.choice([1, 1, 2, 3])
        rows = [
            {"amount_e8": row.floor_e8, "rate_e8": min(ONE_E8, row.rate_e8 * factor), "leverage": max(1, row.leverage_max // factor)}
            for row in old[: self.rng.randrange(1, len(old) + 1)]
        ]
        return {"kind": CommandKind.SET_BRACKETS, "symbol": symbol, "amount_e8": old[-1].cap_e8, "records": rows}

    def _fees(self) -> world.Command:
        """Fees of a contract, or of an account wherever it trades."""
        records = [{"rate_e8": self.rng.choice([0, 20_000, 50_000, 33_333])} for _ in range(2)]
        if self.rng.random() < 0.5:
            return {"kind": CommandKind.SET_FEES, "account": self._user(), "symbol": NO_ROW, "records": records}
        return {"kind": CommandKind.SET_FEES, "symbol": self._symbol(), "records": records}


def live(seed: int, length: int, *, compiled: bool = True) -> set[int]:
    """A life with everything checked after each command, and the same from a snapshot at its middle. The kinds of its events."""
    exchange = Exchange(world.rulebook_of(seed), compiled=compiled)
    life = ChangingLife(seed, exchange)
    kinds: set[int] = set()
    later, restored = [], b""
    for number in range(length):
        if number == length // 2:
            restored = exchange.snapshot()
        command = life.next()
        before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
        events = world.submit(exchange, command).events
        invariants.check(exchange)
        invariants.check_events(exchange, before, events)
        kinds |= set(events["kind"].tolist())
        if restored:
            later.append(command)
    again = Exchange.restore(restored, exchange.rulebook, compiled=compiled)
    for command in later:
        world.submit(again, command)
    assert again.state_hash() == exchange.state_hash()
    return kinds


@pytest.mark.parametrize("seed", range(2))
def test_contracts_change_under_open_positions(seed: int) -> None:
    assert live(seed, 300) >= {EventKind.SYMBOL_STATUS_SET, EventKind.BRACKETS_SET, EventKind.FEES_SET}


@pytest.mark.full
@pytest.mark.parametrize("seed", range(500, 512))
def test_contracts_change_in_long_lives(seed: int) -> None:
    live(seed, 1_200)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(600, 604))
def test_contracts_change_in_plain_python(seed: int) -> None:
    live(seed, 400, compiled=False)
