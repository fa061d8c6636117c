"""Branches: the base stays as it is, a branch is its own history, and a twin is the run that had the other mode all along."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from isocross.codes import CommandKind, MarginMode, OrderType, Side
from isocross.command import canonical
from isocross.errors import RewriteError
from isocross.journal.history import Genesis, MemoryHistory, replay
from isocross.limits import BRANCH_SEQUENCE_FIRST
from isocross.units import ONE_E8, format_e8
from isocross.worlds import Twins, World, add_margin, after, branch, drop, flip_mode, place_stop, set_leverage, shadow
from isocross.worlds.rewrite import FlipMode, Rewrite, SetLeverage
from tests import invariants
from tests import world as made
from tests.strategies import Life


def lived(seed: int, length: int, users: int = 4) -> World:
    """A world with the random life of a seed."""
    rulebook = made.rulebook_of(seed)
    world = World.new(Genesis(rulebook, tuple(rulebook.symbols)))
    life = Life(seed, world.exchange, users)
    for _ in range(length):
        submit(world, life.next())
    return world


def submit(world: World, command: made.Command) -> Any:
    """Apply and record a command written as a dict."""
    fields = dict(command)
    return world.submit(fields.pop("kind"), records=fields.pop("records", ()), **fields)


def bytes_of(world: World) -> tuple[bytes, dict[str, bytes]]:
    """A world, byte for byte: its history and its state."""
    return canonical(np.concatenate(list(world.history.blocks()))).tobytes(), world.exchange.used_bytes()


def drawn_rewrites(rng: random.Random, world: World) -> list[Rewrite]:
    """Some rewrites of things that are in the world's history."""
    commands = np.concatenate(list(world.history.blocks()))
    orders = commands[(commands["kind"] == CommandKind.PLACE_ORDER) & (commands["account"] >= 2)]
    orders = orders[(orders["symbol"] >= 0) & (orders["symbol"] < len(world.exchange.symbols))]
    orders = orders[(orders["account"] < 6) & (orders["sequence"] > 0)]
    rewrites: list[Rewrite] = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        order = orders[rng.randrange(len(orders))]
        account, symbol = int(order["account"]), world.exchange.symbols[int(order["symbol"])]
        place = after(int(order["sequence"]))
        rewrites.append(
            rng.choice(
                [
                    flip_mode(account, symbol),
                    flip_mode(account, symbol),
                    flip_mode(account, symbol, since=place),
                    set_leverage(account, symbol, rng.choice([1, 2, 5])),
                    set_leverage(account, symbol, rng.choice([1, 2, 5]), since=place),
                    add_margin(account, symbol, rng.choice(["0.5", 20, 400]), at=place),
                    drop(int(order["sequence"])),
                    place_stop(account, symbol, stop_price(world, symbol, rng), at=place),
                ]
            )
        )
    return rewrites


def stop_price(world: World, symbol: str, rng: random.Random) -> str:
    """A price on the grid, somewhere about the mark."""
    rules = world.exchange.rules(symbol)
    ticks = max(1, world.exchange.mark_e8(symbol) * rng.randrange(80, 120) // 100 // rules.tick_e8)
    return format_e8(ticks * rules.tick_e8)


SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(700, 760))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_branch_leaves_its_base_alone_and_is_its_own_history(seed: int) -> None:
    world = lived(seed, 300)
    before, state_hash = bytes_of(world), world.exchange.state_hash()
    rng = random.Random(f"rewrites {seed}")
    made_count = 0
    for _ in range(30):
        if made_count == 3:
            break
        rewrites = drawn_rewrites(rng, world)
        try:
            one = branch(world, *rewrites)
        except RewriteError:
            continue  # refused there, or never flat: tests/unit/test_branch.py says when
        finally:
            assert bytes_of(world) == before
            assert world.exchange.state_hash() == state_hash
        made_count += 1
        again = replay(one.history)
        assert again.used_bytes() == one.exchange.used_bytes()
        assert again.state_hash() == one.exchange.state_hash()
        assert not any(one.exchange.conservation_gap_e8().values())
        invariants.check(one.exchange)
        heads = [command for block in one.history.blocks() for command in block if command["kind"] != 0]
        other = branch(one, drop(int(heads[rng.randrange(20, 200)]["sequence"])))
        assert replay(other.history).state_hash() == other.exchange.state_hash()
    assert made_count == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_how_many_commands_are_previewed_at_once_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived(seed, 250)
    rng = random.Random(f"chunks {seed}")
    rewrites = drawn_rewrites(rng, world)
    answers = []
    for chunk in (1, 7, 256):
        monkeypatch.setattr(shadow, "CHUNK", chunk)
        try:
            one = branch(world, *rewrites)
        except RewriteError as error:
            answers.append(str(error))
            continue
        answers.append((bytes_of(one), one.divergences, one.liquidations))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_rewrite_a_branch_is_its_base(seed: int) -> None:
    world = lived(seed, 200)
    one = branch(world)
    assert bytes_of(one) == bytes_of(world)
    assert one.liquidations == world.liquidations
    assert not one.divergences


# ---- the twin is the run that had the other mode all along


def trade(seed: int, is_rich: bool, mode: MarginMode, mode_sequence: int | None = None) -> World:
    """One account against a deep house: what it does depends on the seed alone, the margin mode on `mode` alone.

    mode_sequence: the number that a branch gives to the mode command; cross is the default of the rulebook and then not set.
    """
    rng = random.Random(f"alone {seed}")
    rulebook = made.usual()
    world = World.new(Genesis(rulebook, ("BTCUSDT", "DOGEUSDT")))
    account, marks, step = 2, [40_000 * ONE_E8, 12_000_000], [0.02, 0.002][is_rich]

    def move() -> None:
        for symbol in (0, 1):
            marks[symbol] = int(marks[symbol] * (1 + rng.uniform(-step, step)))
            submit(world, made.ladder(symbol, marks[symbol], notional="10000000"))
        submit(world, made.prices(*enumerate(marks)))

    submit(world, made.account(account))
    submit(world, made.deposit(account, (10**8 if is_rich else 2_000) * ONE_E8))
    submit(world, made.fund(10**15))
    submit(world, made.prices(*enumerate(marks)))
    move()
    submit(world, made.leverage(account, 0, rng.choice([3, 10, 20])))
    number = world.exchange.next_sequence
    if mode_sequence is None or mode == MarginMode.ISOLATED:
        setting = {"account": account, "symbol": 0, "margin_mode": mode}
        world.submit(CommandKind.SET_MARGIN_MODE, sequence=mode_sequence or number, **setting)
    world.submit(CommandKind.ADVANCE_CLOCK, sequence=number + 1)
    placed: list[int] = []
    for _ in range(60):
        symbol, side = rng.choice([0, 0, 0, 1]), rng.choice([Side.BUY, Side.SELL])
        lots = rng.randrange(1, 60) * (1 if symbol == 0 else 1_000)
        price = marks[symbol] * (1_000 + rng.randrange(-8, 8)) // 1_000 // world.exchange.rules(symbol).tick_e8
        draw = rng.random()
        if draw < 0.3:
            done = submit(world, made.market(account, symbol, side, lots))
        elif draw < 0.55:
            done = submit(world, made.limit(account, symbol, side, price, lots, is_reduce_only=int(rng.random() < 0.2)))
        elif draw < 0.6:
            stop = {
                "order_type": OrderType.STOP_MARKET,
                "trigger_ticks": price,
                "is_close_position": int(rng.random() < 0.5),
            }
            stop["lots"] = 0 if stop["is_close_position"] else lots
            done = world.submit(CommandKind.PLACE_CONDITIONAL, account=account, symbol=symbol, side=side, **stop)
        elif draw < 0.7 and placed:
            done = world.submit(CommandKind.CANCEL_ORDER, account=account, order_id=rng.choice(placed))
        elif draw < 0.75:
            done = submit(world, made.funding((0, rng.randrange(-10_000, 10_000))))
        else:
            move()
            continue
        placed.append(done.order_id)
    return world


def assert_twins(seed: int, is_rich: bool) -> bool:
    """Whether base and twin never parted; then the twin is the run in the other mode, byte for byte, both ways."""
    bases = [trade(seed, is_rich, mode) for mode in MarginMode]
    twins = [branch(base, flip_mode(2, "BTCUSDT")) for base in bases]
    for mode, base, twin in zip(MarginMode, bases, twins, strict=True):
        other = trade(seed, is_rich, MarginMode(1 - mode), BRANCH_SEQUENCE_FIRST)
        assert base.exchange.margin_mode(2, "BTCUSDT") != twin.exchange.margin_mode(2, "BTCUSDT")
        if not twin.divergences:
            assert twin.exchange.used_bytes() == other.exchange.used_bytes()
            assert twin.liquidations == other.liquidations
    return not any(twin.divergences for twin in twins)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_twin_without_interaction_is_the_run_that_had_the_other_mode_from_the_beginning(seed: int) -> None:
    assert assert_twins(seed, True), "with money enough nothing is refused and nobody is liquidated"


def test_a_twin_that_is_poor_parts_only_where_a_mode_does() -> None:
    same = [assert_twins(seed, False) for seed in range(40)]
    assert 0 < sum(same) < len(same)


def is_settled(rewrite: Rewrite, world: World, known: np.ndarray) -> bool:
    """Whether more history puts a rewrite nowhere else: one for a whole life waits for the account's first order."""
    if not isinstance(rewrite, FlipMode | SetLeverage) or rewrite.since is not None:
        return True
    row = world.exchange.symbol_row(rewrite.symbol)
    mine = known[(known["account"] == rewrite.account) & (known["symbol"] == row)]
    return bool(np.isin(mine["kind"], (CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL)).any())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_twin_that_lives_along_is_the_branch_that_is_made_afterwards(seed: int) -> None:
    world, rng = lived(seed, 300), random.Random(f"along {seed}")
    commands = np.concatenate(list(world.history.blocks()))
    heads = np.flatnonzero(commands["kind"] != 0)
    cut = int(heads[rng.randrange(150, 200)])
    history = MemoryHistory(world.history.genesis)
    history.append(commands[:cut])
    twins, known = Twins(history), commands[:cut]
    wanted: dict[str, list[Rewrite]] = {}
    for number in range(60):
        rewrites = drawn_rewrites(rng, world)
        if len(wanted) == 5 or not all(is_settled(one, world, known) for one in rewrites):
            continue
        try:
            twins.add(f"twin {number}", *rewrites)
            wanted[f"twin {number}"] = rewrites
        except RewriteError:
            continue
    while cut < len(commands):
        upto = int(rng.choice([*heads[heads > cut][:40], len(commands)]))
        history.append(commands[cut:upto])
        twins.feed(commands[cut:upto])
        cut = upto
    assert twins.trunk.exchange.used_bytes() == world.exchange.used_bytes()
    assert twins.trunk.liquidations == world.liquidations
    for name, rewrites in wanted.items():
        other, twin = branch(world, *rewrites), twins[name]
        assert replay(twin.history).used_bytes() == twin.exchange.used_bytes()
        assert bytes_of(other) == bytes_of(twin)
        assert (other.divergences, other.liquidations) == (twin.divergences, twin.liquidations)
    assert wanted
