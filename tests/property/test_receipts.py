"""Receipts over random lives: every liquidation has one, it sums to zero, and its lines are what really changed.

What changed is read off POSITION and WALLET events alone, kept for everybody from the first event on; that this book is right
is shown by the tables of the exchange at the end. A receipt makes its lines from the values that were exchanged instead.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, MarginMode
from isocross.journal.history import Genesis
from isocross.units import format_e8
from isocross.worlds import World, add_margin, after, before, branch, fork, insert, place_stop, set_leverage
from isocross.worlds.legs import leg_name, leg_of
from isocross.worlds.outline import Outline
from isocross.worlds.receipt import AdlReceipt, Receipt, receipts
from isocross.worlds.receipt.record import FEES
from isocross.worlds.receipt.rescue import Rescue, RescueKind
from isocross.worlds.receipt.text import WIDTH
from isocross.worlds.rewrite import Rewrite
from isocross.worlds.told import Liquidation
from tests import world as made
from tests.property.test_worlds import submit
from tests.strategies import Life, Phase

GAPS = Phase("thin", 2_500_000, 0.9, "far", 0.5, 1.0, (20, 40, 125))
Key = tuple[str, int, int, int, int]  # what, account, asset or symbol, margin mode, position side
Lines = dict[tuple[int, str], int]  # (account, column) → change


class Book:
    """What everybody has, as WALLET and POSITION events say it."""

    def __init__(self, world: World) -> None:
        self.assets = [
            world.exchange.asset_row(world.exchange.rules(name).margin_asset) for name in world.exchange.symbols
        ]
        self.has: defaultdict[Key, int] = defaultdict(int)

    def read(self, event: np.void) -> None:
        account, kind = int(event["account"]), event["kind"]
        if kind == EventKind.WALLET:
            self.has["cross", account, int(event["asset"]), 0, 0] = int(event["balance_e8"])
        elif kind == EventKind.POSITION:
            place = (account, int(event["symbol"]), int(event["margin_mode"]), int(event["position_side"]))
            self.has["lots", *place] = int(event["lots"])
            self.has["cost", *place] = int(event["value_e8"])
            self.has["isolated", *place] = int(event["balance_e8"])
        elif kind == EventKind.FILLED:
            self.has["cross", FEES, self.assets[int(event["symbol"])], 0, 0] += int(event["fee_e8"])

    def differences(self, before: dict[Key, int], asset: int, symbols: tuple[str, ...]) -> Lines:
        """Per account what changed since, in one margin asset."""
        found: defaultdict[tuple[int, str], int] = defaultdict(int)
        for key, now in self.has.items():
            what, account, place, _, _ = key
            if (place if what == "cross" else self.assets[place]) == asset and now != before.get(key, 0):
                found[account, symbols[place] if what == "lots" else what] += now - before.get(key, 0)
        return {key: change for key, change in found.items() if change}

    def is_what_the_exchange_has(self, world: World) -> bool:
        """Whether wallets, positions and fees are those of the tables."""
        exchange = world.exchange
        wallets = exchange.table("wallets")["cross_wallet_e8"].reshape(-1, len(exchange.assets))
        held: dict[Key, int] = {}
        for account in range(len(wallets)):
            held |= {
                ("cross", account, asset, 0, 0): int(wallets[account, asset]) for asset in range(len(exchange.assets))
            }
        for asset, fees in enumerate(exchange.table("assets")["fees_collected_e8"].tolist()):
            held["cross", FEES, asset, 0, 0] = fees
        for row in exchange.table("positions"):
            place = (int(row["account"]), int(row["symbol"]), int(row["margin_mode"]), int(row["position_side"]))
            names = {"lots": "lots", "cost": "entry_cost_e8", "isolated": "isolated_wallet_e8"}
            held |= {(what, *place): int(row[name]) for what, name in names.items()}
        keys = held.keys() | self.has.keys()
        return all(held.get(key, 0) == self.has.get(key, 0) for key in keys)


def lines_of(receipt: Receipt | AdlReceipt) -> Lines:
    """A receipt's table in the form of the book's."""
    found: Lines = {}
    for line in receipt.parties:
        columns = {"cross": line.cross_e8, "isolated": line.isolated_e8, "cost": line.entry_cost_e8, **line.lots}
        found |= {(line.account, name): change for name, change in columns.items() if change}
    return found


def gapping_world(seed: int, length: int) -> World:
    """A life of bold traders, thin books and gaps, recorded."""
    rulebook = made.rulebook_of(seed)
    gaps = replace(GAPS, isolated_chance=(0.1, 0.6)[seed % 2])
    world = World.new(Genesis(rulebook, tuple(rulebook.symbols)))
    life = Life(f"receipts {seed}", world.exchange, users=6)
    for number in range(length):
        if number % 3 == 0:
            life.phase = gaps
        submit(world, life.next())
    return world


def checked(world: World) -> Iterator[Receipt | AdlReceipt]:
    """All receipts of a world, each held against the book."""
    parts: list[np.ndarray] = []
    exchange = world.history.genesis.exchange()
    for block in world.history.blocks():
        parts.append(exchange.submit_batch(block).events)
    events, book = np.concatenate(parts), Book(world)
    told = iter(receipts(world))
    before: dict[Key, int] = {}
    adl: list[Any] = []
    for event in events:
        if event["kind"] == EventKind.LIQUIDATION_STARTED:
            before = dict(book.has)
        book.read(event)
        if event["kind"] == EventKind.ADL and event["counterparty"] != event["account"]:
            adl.append((int(event["counterparty"]), int(event["symbol"]), event["lots"] > 0))
        if event["kind"] == EventKind.LIQUIDATION_ENDED:
            one = next(told)
            assert isinstance(one, Receipt)
            assert (one.account, one.place.sequence) == (int(event["account"]), int(event["sequence"]))
            assert lines_of(one) == book.differences(before, int(event["asset"]), exchange.symbols)
            assert one.gap_e8 == 0
            assert not any(sum(line.lots.get(name, 0) for line in one.parties) for name in exchange.symbols)
            assert sum(use.sum_e8 for use in one.story.uses) == one.balance_e8 <= one.maintenance_e8
            assert sum(position.maintenance_e8 for position in one.positions) == one.maintenance_e8
            yield one
            for counterparty, symbol, _ in dict.fromkeys(adl):
                gave = next(told)
                assert isinstance(gave, AdlReceipt)
                assert (gave.account, gave.symbol, gave.gap_e8) == (counterparty, exchange.symbols[symbol], 0)
                mine = book.differences(before, int(event["asset"]), exchange.symbols)
                if sum(counterparty == account for account, _, _ in dict.fromkeys(adl)) == 1 and not any(
                    fill.maker == counterparty for order in one.orders for fill in order.fills
                ):
                    columns = {key: change for key, change in lines_of(gave).items() if key[0] == counterparty}
                    assert columns == {key: change for key, change in mine.items() if key[0] == counterparty}
                yield gave
            adl = []
    assert next(told, None) is None
    assert book.is_what_the_exchange_has(world)


def counted(seed: int, length: int, is_told: bool) -> tuple[int, dict[str, int]]:
    """Receipts checked, and how often each rare thing was among them."""
    seen: defaultdict[str, int] = defaultdict(int)
    count = 0
    for one in checked(gapping_world(seed, length)):
        count += isinstance(one, Receipt)
        if isinstance(one, AdlReceipt):
            seen["adl"] += 1
        else:
            seen[one.step.name] += 1
            seen[one.margin_mode.name] += 1
            seen["passed over"] += bool(one.passed_over)
            seen["fund"] += any(part.taker == 0 for part in one.handed_over)
            seen["house"] += any(part.taker == 1 for part in one.handed_over)
            seen["several"] += len(one.positions) > 1
            seen["fills"] += any(order.fills for order in one.orders)
            seen["fee"] += one.fee_e8 > 0
        if is_told:
            assert max(map(len, one.text().split("\n"))) <= WIDTH
            assert one.html().endswith("</html>\n")
            assert one.to_dict()["sum"] == "0"
            assert one.frame.height == len(one.parties)
    return count, seen


def test_every_liquidation_has_a_receipt_that_sums_to_zero() -> None:
    total, seen = 0, defaultdict[str, int](int)
    for seed in range(13):
        count, told = counted(seed, 500, is_told=seed < 2)
        total += count
        for name, times in told.items():
            seen[name] += times
    assert total > 200
    rare = (
        "adl",
        "CURED",
        "CLOSED_IN_BOOK",
        "TAKEN_OVER",
        "CROSS",
        "ISOLATED",
        "fund",
        "house",
        "several",
        "fills",
        "fee",
    )
    assert {name for name in rare if not seen[name]} == set()


@pytest.mark.full
@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_receipts_sum_to_zero(block: int) -> None:
    total = sum(counted(1_000 + 100 * block + seed, 1_000, is_told=False)[0] for seed in range(22))
    assert total >= 500


def test_a_history_that_begins_with_a_snapshot_has_receipts_too() -> None:
    told = []
    for seed in range(3, 6):
        late = fork(gapping_world(seed, 300).exchange, "late")
        life = Life(f"after the fork {seed}", late.exchange, users=6)
        life.queue = []
        for number in range(300):
            if number % 3 == 0:
                life.phase = GAPS
            submit(late, life.next())
        told += receipts(late)
    assert len(told) > 5
    assert any(one.story.since is None for one in told if isinstance(one, Receipt))


def test_the_margin_mode_of_a_receipt_is_that_of_its_positions() -> None:
    for one in receipts(gapping_world(5, 300)):
        if isinstance(one, Receipt):
            assert {position.margin_mode for position in one.positions} == {one.margin_mode}
            assert (one.margin_mode == MarginMode.ISOLATED) <= (len(one.positions) == 1)


# ---- what would have saved the account


def lives(world: World, one: Receipt, *changes: Rewrite) -> bool:
    """Whether what was judged is not liquidated from its opening on, in a branch of the whole history up to there."""
    other = branch(world, *changes, at=after(one.place.sequence))
    first = Outline(world.history).command(one.story.since.sequence) if one.story.since else 0
    numbers = {int(sequence): number for number, sequence in enumerate(Outline(world.history).sequence)}
    return not [
        each
        for each in other.liquidations
        if is_of(world, one, each)
        and world.exchange.assets[each.asset] == one.asset
        and numbers.get(each.sequence, first) >= first
    ]


def is_of(world: World, one: Receipt, each: Liquidation) -> bool:
    """Whether a liquidation is of what a receipt judged: the pool, or the isolated position, of a hedge the same side."""
    if each.account != one.account or (each.symbol < 0) == one.is_isolated:
        return False
    return each.symbol < 0 or leg_name(world.exchange.symbols[each.symbol], each.position_side) == one.positions[0].symbol


def shown_by_replay(world: World, one: Receipt, found: Rescue) -> bool:
    """A rescue, lived in the whole history: it saves, and one step less does not. False where it claims nothing."""
    if not found.saves or found.kind == RescueKind.MODE:
        return False
    if found.kind == RescueKind.MARGIN:
        at, asset = before(one.place.sequence), world.exchange.asset_row(one.asset)
        for amount, is_enough in ((found.amount_e8, True), (found.amount_e8 - 1, False)):
            changes: list[Rewrite] = []
            paid = found.deposit_e8 if one.is_isolated else amount
            if paid:
                changes.append(insert(CommandKind.DEPOSIT, at=at, account=one.account, asset=asset, amount_e8=paid))
            if one.is_isolated and amount:
                symbol, side = leg_of(one.positions[0].symbol)
                changes.append(add_margin(one.account, symbol, format_e8(amount), at=at, position_side=side))
            other = branch(world, *changes, at=after(one.place.sequence))
            mine = [each for each in other.liquidations if each.sequence == one.place.sequence]
            is_dead = any(is_of(world, one, each) for each in mine)
            assert is_dead != is_enough, found
        return True
    opened = one.story.opened.get(found.symbol)
    since = None if opened is None else after(opened.sequence)
    symbol, side = leg_of(found.symbol)
    if found.kind == RescueKind.LEVERAGE:
        assert lives(world, one, set_leverage(one.account, symbol, found.leverage, since=since)), found
        assert not lives(world, one, set_leverage(one.account, symbol, found.leverage + 1, since=since)), found
        return True
    tick_e8 = one.rules(found.symbol).tick_e8
    is_long = next(each.lots for each in one.positions if each.symbol == found.symbol) > 0
    further = found.amount_e8 + (-tick_e8 if is_long else tick_e8)
    assert lives(world, one, place_stop(one.account, symbol, format_e8(found.amount_e8), at=since, position_side=side)), found
    if 0 < further <= one.rules(found.symbol).price_max_e8:
        assert not lives(world, one, place_stop(one.account, symbol, format_e8(further), at=since, position_side=side)), found
    return True


def rescued(seed: int) -> Counter[str]:
    """How many claims of each kind were replayed in the life of a seed."""
    world, seen = gapping_world(seed, 350), Counter[str]()
    told = [one for one in receipts(world) if isinstance(one, Receipt)]
    for one in told[:: max(1, len(told) // 3)]:
        for found in one.what_would_have_saved_you().found:
            seen[found.kind.value] += shown_by_replay(world, one, found)
    return seen


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(s, marks=pytest.mark.full) for s in range(40, 90))])
def test_what_would_have_saved_an_account_is_shown_by_replay(seed: int) -> None:
    assert rescued(seed)["margin"]
