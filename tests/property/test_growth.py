"""Tables that start small: growing, draining and parking change nothing, and a bug inside leaves every byte as it was."""

from __future__ import annotations

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, MarginMode, Side
from isocross.errors import PoisonedError
from isocross.exchange import Bug, Exchange
from isocross.kernel import liquidation, matching
from tests import invariants, world
from tests.strategies import Life

BTC = world.PRICES["BTCUSDT"]


def crowd_commands(accounts: int, orders_each: int) -> list[world.Command]:
    """Many accounts with a long each, cross or isolated, and resting orders below; prices to be hit by a crash."""
    commands = [world.prices((0, BTC), (1, world.PRICES["DOGEUSDT"])), world.ladder(0, BTC, notional="50000000")]
    for account in range(2, 2 + accounts):
        commands += [world.account(account), world.deposit(account, "1000")]
        if account % 2:
            commands.append(world.mode(account, 0, MarginMode.ISOLATED))
        commands.append(world.leverage(account, 0, 50))
        commands.append(world.market(account, 0, Side.BUY, 300 + account % 7))
        commands += [world.limit(account, 0, Side.BUY, 300_000 + account % 400 + k, 1) for k in range(orders_each)]
    commands.append(world.ladder(0, BTC, levels=0))
    return commands


def crash() -> world.Command:
    """Everybody long is due, and nobody bids."""
    return world.prices((0, BTC * 9 // 10))


def applied(exchange: Exchange, commands: list[world.Command]) -> list[np.ndarray]:
    """Apply commands that must be accepted; their events."""
    return [world.submit(exchange, command).raise_if_refused().events for command in commands]


def cramp(exchange: Exchange) -> None:
    """As little scratch as there can be, so that everything has to grow or to park."""
    state = exchange._state
    for name, rows in (("events", 8), ("undo", 64), ("due", 1), ("triggers", 1), ("ranked", 2)):
        state._allocate(name, rows)
    state.control["event_threshold"] = 6


@pytest.mark.parametrize("accounts", [400, pytest.param(2_000, marks=pytest.mark.full)])
def test_growing_is_invisible(accounts):
    commands = crowd_commands(accounts, 4)
    small, large, cramped = (Exchange(world.usual()) for _ in range(3))
    world.grow_all(large)
    cramp(cramped)
    told = [applied(exchange, commands) for exchange in (small, large, cramped)]
    assert len(small.orders()) > 1_000
    assert len(small.positions()) > 256
    invariants.check(small)
    cramp(cramped)
    bursts = [world.submit(exchange, crash()).raise_if_refused().events for exchange in (small, large, cramped)]
    assert len(bursts[0]) > 4_096
    assert (bursts[0]["kind"] == EventKind.LIQUIDATION_STARTED).sum() == accounts
    for other in (1, 2):
        assert bursts[other].tobytes() == bursts[0].tobytes()
        for a, b in zip(told[0], told[other], strict=True):
            assert a.tobytes() == b.tobytes()
    assert small.state_hash() == large.state_hash() == cramped.state_hash()
    invariants.check(small)
    invariants.check(cramped)
    batched = Exchange(world.usual())
    records = world.packed(batched, [*commands, crash()])
    answer = batched.submit_batch(records)
    assert answer.events.tobytes() == np.concatenate([*told[0], bursts[0]]).tobytes()
    assert batched.state_hash() == small.state_hash()


def test_a_preview_of_a_crash_is_the_crash():
    exchange = Exchange(world.usual())
    applied(exchange, crowd_commands(300, 2))
    before = exchange.used_bytes()
    with exchange.previewing():
        shown = world.submit(exchange, crash())
    invariants.assert_same_rows(before, exchange.used_bytes())
    assert world.submit(exchange, crash()).events.tobytes() == shown.events.tobytes()


def test_growing_is_invisible_in_plain_python():
    commands = crowd_commands(70, 1)
    plain, cramped, compiled = Exchange(world.usual(), compiled=False), Exchange(world.usual(), compiled=False), Exchange(world.usual())
    cramp(cramped)
    told = [applied(exchange, [*commands, crash()]) for exchange in (plain, cramped, compiled)]
    for other in (1, 2):
        for a, b in zip(told[0], told[other], strict=True):
            assert a.tobytes() == b.tobytes()
    assert plain.state_hash() == cramped.state_hash() == compiled.state_hash()


@pytest.mark.parametrize(
    ("seed", "length", "compiled"),
    [(0, 300, True), (1, 300, True), (2, 80, False),
     *(pytest.param(s, 1_000, True, marks=pytest.mark.full) for s in range(20, 50))],
)  # fmt: skip
def test_a_life_with_hardly_any_room_is_the_same_life(seed, length, compiled):
    exchange, cramped = Exchange(world.rulebook_of(seed)), Exchange(world.rulebook_of(seed), compiled=compiled)
    life = Life(f"cramped {seed}", exchange)
    for number in range(length):
        if number % 7 == 0:
            cramp(cramped)
        command = life.next()
        one, other = world.submit(exchange, command), world.submit(cramped, command)
        assert one.refusal == other.refusal
        assert one.events.tobytes() == other.events.tobytes(), command
    assert cramped.state_hash() == exchange.state_hash()
    assert cramped.used_bytes() == exchange.used_bytes()


# ---- planted bugs ----


def planted(function, when: int):
    """The function, raising at its call number `when`."""
    calls = 0

    def broken(*arguments):
        nonlocal calls
        calls += 1
        if calls == when:
            raise AssertionError("planted")
        return function(*arguments)

    return broken


def assert_poisoned(exchange: Exchange, before: dict[str, bytes], sequence: int, views: object) -> None:
    """Rolled back, readable, and accepting nothing."""
    invariants.assert_same_rows(before, exchange.used_bytes())
    exchange._state.control["event_count"] = 0  # of the commands before it in a batch: nobody takes them any more
    invariants.check(exchange)
    assert (exchange.positions(), exchange.orders(), exchange.book(0)) == views
    for attempt in (world.account(999), {"kind": CommandKind.ADVANCE_CLOCK}):
        with pytest.raises(PoisonedError, match=str(sequence)):
            world.submit(exchange, attempt)
    with pytest.raises(PoisonedError):
        exchange.preview(CommandKind.ADVANCE_CLOCK)
    with pytest.raises(PoisonedError):
        exchange.submit_batch(world.record_array())
    invariants.assert_same_rows(before, exchange.used_bytes())


@pytest.mark.parametrize(
    ("module", "name", "when"),
    [(matching, "apply_fill", 1), (matching, "apply_fill", 2), (matching, "apply_fill", 7), (matching, "leave_queue", 1),
     (matching, "emit_book_level", 2), (matching, "_emit_side", 3)],
)  # fmt: skip
def test_a_bug_in_a_fill_rolls_the_command_back_and_poisons(monkeypatch, module, name, when):
    exchange = Exchange(world.usual(), compiled=False)
    applied(exchange, [*crowd_commands(4, 2), world.ladder(0, BTC, levels=5, notional="200")])
    before, views = exchange.used_bytes(), (exchange.positions(), exchange.orders(), exchange.book(0))
    monkeypatch.setattr(module, name, planted(getattr(module, name), when))
    sequence = exchange.next_sequence
    with pytest.raises(Bug, match=f"'sequence': {sequence}.*planted"):
        world.submit(exchange, world.limit(1, 0, Side.SELL, 300_000, 2_000))
    assert_poisoned(exchange, before, sequence, views)


@pytest.mark.parametrize("when", [1, 2, 3])
@pytest.mark.parametrize("has_room", [True, False])
def test_a_bug_in_a_crash_rolls_the_command_back_and_poisons(monkeypatch, when, has_room):
    exchange = Exchange(world.usual(), compiled=False)
    applied(exchange, crowd_commands(4, 2))
    if not has_room:
        exchange._state._allocate("undo", 8)
        exchange._state._allocate("due", 1)
    before, views = exchange.used_bytes(), (exchange.positions(), exchange.orders(), exchange.book(0))
    monkeypatch.setattr(liquidation, "hand_over", planted(liquidation.hand_over, when))
    sequence = exchange.next_sequence
    with pytest.raises(Bug, match="planted"):
        world.submit(exchange, crash())
    assert_poisoned(exchange, before, sequence, views)


def test_a_bug_after_parking_leaves_a_state_that_is_whole(monkeypatch):
    """What was drained before cannot be taken back: the exchange stands between two units, conserved and readable."""
    exchange = Exchange(world.usual(), compiled=False)
    applied(exchange, crowd_commands(6, 2))
    cramp(exchange)
    monkeypatch.setattr(liquidation, "hand_over", planted(liquidation.hand_over, 4))
    with pytest.raises(Bug, match="planted"):
        world.submit(exchange, crash())
    assert set(exchange.conservation_gap_e8().values()) == {0}
    assert 0 < len(exchange.positions()) < 6
    with pytest.raises(PoisonedError):
        world.submit(exchange, world.account(99))


def test_a_bug_in_a_batch_keeps_the_commands_before_it(monkeypatch):
    exchange, other = (Exchange(world.usual(), compiled=False) for _ in range(2))
    start = [*crowd_commands(3, 1), world.ladder(0, BTC, levels=5, notional="200")]
    for each in (exchange, other):
        applied(each, start)
    commands = [world.deposit(2, "5"), world.deposit(3, "5"), world.limit(1, 0, Side.SELL, 300_000, 900), world.deposit(4, "5")]
    records = world.packed(exchange, commands)
    applied(other, commands[:2])
    before, views = other.used_bytes(), (other.positions(), other.orders(), other.book(0))
    monkeypatch.setattr(matching, "apply_fill", planted(matching.apply_fill, 3))
    with pytest.raises(Bug, match="planted"):
        exchange.submit_batch(records)
    assert_poisoned(exchange, before, int(records["sequence"][2]), views)


def test_a_bug_in_a_preview_leaves_every_byte(monkeypatch):
    exchange = Exchange(world.usual(), compiled=False)
    applied(exchange, crowd_commands(4, 2))
    before = exchange.used_bytes()
    monkeypatch.setattr(liquidation, "hand_over", planted(liquidation.hand_over, 2))
    with pytest.raises(Bug, match="planted"), exchange.previewing():
        world.submit(exchange, world.deposit(2, "5"))
        world.submit(exchange, crash())
    invariants.assert_same_rows(before, exchange.used_bytes())
    invariants.check(exchange)
