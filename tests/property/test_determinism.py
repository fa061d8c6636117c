"""Same commands, same state: in one batch or one by one, compiled or plain, restored, copied; and a preview leaves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from isocross.codes import MarginMode, PositionSide
from isocross.errors import SnapshotError
from isocross.exchange import Exchange, Result
from tests import invariants, world
from tests.strategies import Life


def lived(seed: int, length: int) -> tuple[Exchange, list[world.Command], list[Result]]:
    """An exchange, the commands of its life and their results."""
    exchange = Exchange(world.rulebook_of(seed))
    life = Life(seed, exchange)
    commands, results = [], []
    for _ in range(length):
        commands.append(life.next())
        results.append(world.submit(exchange, commands[-1]))
    return exchange, commands, results


def replay(exchange: Exchange, commands: list[world.Command]) -> list[Result]:
    """Apply recorded commands."""
    return [world.submit(exchange, command) for command in commands]


def assert_same(one: list[Result], other: list[Result]) -> None:
    """Equal refusals and equal events, command by command."""
    for a, b in zip(one, other, strict=True):
        assert a.refusal == b.refusal
        assert a.events.tobytes() == b.events.tobytes()


SEEDS = [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(300, 340))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_equals_one_by_one(seed):
    exchange, commands, results = lived(seed, 400)
    rng = np.random.default_rng(seed)
    batched = Exchange(exchange.rulebook)
    done, events, first = [], [], 0
    while first < len(commands):
        last = first + int(rng.choice([1, 2, 7, 60, 400]))
        records = world.packed(batched, commands[first:last])
        answer = batched.submit_batch(records)
        done.extend(answer.results["refusal"][records["kind"] != 0].tolist())
        events.append(answer.events)
        first = last
    one_by_one = [int(result.refusal) for result, c in zip(results, commands, strict=True) if c["kind"] != 0]
    assert done == one_by_one
    assert np.concatenate(events).tobytes() == np.concatenate([result.events for result in results]).tobytes()
    assert batched.state_hash() == exchange.state_hash()
    assert batched.used_bytes() == exchange.used_bytes()


@pytest.mark.parametrize(
    ("seed", "length"),
    [(3, 150), (4, 150), (5, 150), *(pytest.param(s, 800, marks=pytest.mark.full) for s in range(400, 412))],
)
def test_compiled_equals_plain(seed, length):
    exchange, commands, results = lived(seed, length)
    plain = Exchange(exchange.rulebook, compiled=False)
    assert_same(results, replay(plain, commands))
    assert plain.state_hash() == exchange.state_hash()
    assert plain.used_bytes() == exchange.used_bytes()


@pytest.mark.parametrize("seed", [6, 7, 8, *(pytest.param(s, marks=pytest.mark.full) for s in range(500, 530))])
def test_a_restored_exchange_and_a_copy_go_on_as_the_original(seed):
    exchange, commands, results = lived(seed, 350)
    original = Exchange(exchange.rulebook)
    replay(original, commands[:150])
    data, at_copy = original.snapshot(), original.state_hash()
    restored, copy = Exchange.restore(data, exchange.rulebook), original.copy()
    for other in (restored, copy):
        assert other.state_hash() == at_copy
        assert other.used_bytes() == original.used_bytes()
        invariants.check(other)
    assert_same(results[150:], replay(restored, commands[150:]))
    assert restored.state_hash() == exchange.state_hash()
    invariants.check(restored)
    assert original.state_hash() == copy.state_hash() == at_copy, "the copy and the original are independent"
    assert_same(results[150:], replay(copy, commands[150:]))
    assert original.state_hash() == at_copy
    assert original.snapshot() == data


def test_a_snapshot_is_refused_when_damaged_or_of_another_rulebook():
    exchange, _, _ = lived(0, 60)
    data = exchange.snapshot()
    for wrong in (b"", data[:50], data[:-1], data[:-1] + bytes([data[-1] ^ 1]), b"x" + data):
        with pytest.raises(SnapshotError):
            Exchange.restore(wrong, exchange.rulebook)
    with pytest.raises(SnapshotError):
        Exchange.restore(data, exchange.rulebook, exchange.symbols[:2])


def views(exchange: Exchange) -> tuple[object, ...]:
    """Everything that the views show."""
    accounts = exchange._state.used_rows("accounts")
    return (
        [
            exchange.position(account, symbol, side)
            for account in range(accounts)
            for symbol in exchange.symbols
            for side in PositionSide
        ],
        [exchange.wallet(account, asset) for account in range(accounts) for asset in exchange.assets],
        exchange.orders(),
        [exchange.book(symbol) for symbol in exchange.symbols],
        exchange.time_ms,
        exchange.command_count,
        exchange.state_hash(),
    )


@pytest.mark.parametrize(
    ("seed", "length", "compiled"),
    [(9, 300, True), (10, 300, True), (11, 100, False),
     *(pytest.param(s, 500, True, marks=pytest.mark.full) for s in range(600, 640))],
)  # fmt: skip
def test_a_preview_leaves_every_byte_and_says_what_happens(seed, length, compiled):
    exchange = Exchange(world.rulebook_of(seed), compiled=compiled)
    life = Life(seed, exchange)
    for number in range(length):
        command = life.next()
        before = exchange.used_bytes()
        with exchange.previewing():
            shown = world.submit(exchange, command)
            inside = views(exchange) if number % 10 == 0 else None
        invariants.assert_same_rows(before, exchange.used_bytes())
        result = world.submit(exchange, command)
        assert_same([shown], [result])
        if inside is not None:
            assert inside == views(exchange)


def test_a_preview_of_several_commands_sees_each_of_them_and_leaves_every_byte():
    exchange, commands, results = lived(12, 120)
    other = Exchange(exchange.rulebook)
    replay(other, commands[:60])
    before = other.used_bytes()
    with other.previewing():
        assert_same(results[60:], replay(other, commands[60:]))
        assert other.state_hash() == exchange.state_hash()
    invariants.assert_same_rows(before, other.used_bytes())
    invariants.check(other)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_preview_that_makes_tables_grow_leaves_the_maps_as_they_were(compiled):
    """Settings, positions, orders and accounts beyond the first tables, all inside one preview."""
    start = [world.account(2), world.prices((0, world.PRICES["BTCUSDT"])), world.leverage(2, 0, 5)]
    exchange = world.opened(world.usual(), start, compiled=compiled)
    before, hashed = exchange.used_bytes(), exchange.state_hash()
    with exchange.previewing():
        for number in range(3, 330):
            world.submit(exchange, world.account(number))
            world.submit(exchange, world.mode(number, 0, MarginMode.ISOLATED)).raise_if_refused()
        for number in range(1_100):
            world.submit(exchange, world.limit(1, 0, 0, 1_000 + number, 1)).raise_if_refused()
        invariants.check(exchange)
    assert exchange.state_hash() == hashed
    invariants.check(exchange)
    invariants.assert_same_rows(before, exchange.used_bytes())
