"""Long and short of one symbol in one pool: their liquidation prices are the first due marks of a walk to either side."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from isocross.codes import CommandKind, EventKind, PositionMode, PositionSide, Side
from isocross.exchange import Exchange
from isocross.kernel.margin import hedged_liquidation_mark_e8, maintenance_margin_e8, notional_e8, unrealized_pnl_e8
from isocross.rulebook.model import Rulebook
from tests import world
from tests.property.test_liquidation_price import coarse

TRADER, SYMBOL = 2, 0


def surplus_of(exchange: Exchange) -> Callable[[int], int]:
    """Mark → balance − maintenance of the trader's pool with every position of the symbol there, position by position."""
    rules, table = exchange.rules(SYMBOL), exchange.table("positions")
    wallet = exchange.wallet(TRADER, rules.margin_asset).cross_wallet_e8
    rows = table[(table["account"] == TRADER) & (table["lots"] != 0)]
    held = [(int(row["lots"]), int(row["entry_cost_e8"])) for row in rows]
    kind, step, brackets = rules.contract_kind, rules.step_e8, rules.brackets

    def surplus(mark_e8: int) -> int:
        found = wallet
        for lots, cost in held:
            found += unrealized_pnl_e8(kind, lots, step, cost, mark_e8)
            found -= maintenance_margin_e8(notional_e8(kind, lots, step, mark_e8), brackets, 0, len(brackets))
        return found

    return surplus


def walked(exchange: Exchange) -> tuple[int | None, int | None]:
    """(below, above) by looking at every mark."""
    mark, top, surplus = exchange.mark_e8(SYMBOL), exchange.rules(SYMBOL).price_max_e8, surplus_of(exchange)
    table = exchange.table("positions")
    if not table["lots"][table["account"] == TRADER].any():
        return None, None  # an account that could open nothing is never due
    below = next((at for at in range(mark, 0, -1) if surplus(at) <= 0), None)
    above = next((at for at in range(mark, top + 1) if surplus(at) <= 0), None)
    return below, above


def hedged(rng: random.Random, book: Rulebook, price_e8: int) -> Exchange:
    """A trader with a long and a short of similar size, opened at different marks, and little money left for them."""
    exchange = Exchange(book)
    for command in (
        world.prices((SYMBOL, price_e8)),
        world.account(TRADER),
        world.position_mode(TRADER, PositionMode.HEDGE),
        world.leverage(TRADER, SYMBOL, rng.choice([3, 25, 75])),
        world.deposit(TRADER, 10**14),
    ):
        world.submit(exchange, command).raise_if_refused()
    rules = exchange.rules(SYMBOL)
    worth = max(1, rules.step_e8 * price_e8 // 10**8)
    lots = rng.randrange(1, max(2, 4_000 * 10**8 // worth))
    other = max(1, lots + rng.choice([0, 0, 1, -1, lots // 60, -lots // 60, -lots // 40, lots // 3]))
    for side, position_side, size in ((Side.BUY, PositionSide.LONG, lots), (Side.SELL, PositionSide.SHORT, other)):
        world.submit(exchange, world.ladder(SYMBOL, exchange.mark_e8(SYMBOL), notional="10000000")).raise_if_refused()
        world.submit(exchange, world.market(TRADER, SYMBOL, side, size, position_side=int(position_side)))
        moved = price_e8 * rng.randrange(90, 111) // 100
        world.submit(exchange, world.prices((SYMBOL, moved))).raise_if_refused()
    view = exchange.wallet(TRADER, rules.margin_asset)
    most = view.max_withdraw_e8
    world.submit(exchange, world.deposit(TRADER, rng.choice([most, most, most * 9 // 10]) or 1) | {"kind": CommandKind.WITHDRAW})
    return exchange


def judge(exchange: Exchange) -> int:
    """The shown prices are the walk's, and the engine liquidates at them and not one unit nearer. Returns how many there are."""
    found = exchange.liquidation_prices(TRADER, SYMBOL)
    assert found == walked(exchange)
    assert found == exchange.liquidation_prices(TRADER, SYMBOL, PositionSide.LONG) or not exchange.position(
        TRADER, SYMBOL, PositionSide.LONG
    ).lots
    for price, nearer in zip(found, (1, -1), strict=True):
        for at, dies in ((price, True), (None if price is None else price + nearer, False)):
            if at is not None and at != exchange.mark_e8(SYMBOL):
                done = exchange.preview(CommandKind.PRICES, records=[{"symbol": SYMBOL, "index_e8": at}])
                started = done.events[done.events["kind"] == EventKind.LIQUIDATION_STARTED]
                assert (started["account"] == TRADER).any() == dies, f"at {at}"
    return sum(price is not None for price in found)


@pytest.mark.parametrize("part", range(2))
def test_both_prices_are_the_first_ones_of_a_full_walk(part: int) -> None:
    counts = [0, 0, 0]
    for seed in range(6):
        rng = random.Random(f"hedged {part} {seed}")
        counts[judge(hedged(rng, coarse(), rng.choice([4_007, 9_013])))] += 1
    assert counts[1] > 0


@pytest.mark.full
@pytest.mark.parametrize("part", range(30))
def test_many_full_walks_to_both_sides(part: int) -> None:
    for seed in range(40):
        rng = random.Random(f"many hedged {part} {seed}")
        judge(hedged(rng, coarse(), rng.choice([2_003, 4_007, 9_013, 15_013])))


def test_a_pair_may_die_on_either_side() -> None:
    """The worked example of formulas.md F12."""
    table = world.brackets([(0, 1_000_000, 50), (10_000, 5_000_000, 20)], 10**6)
    one = 10**8

    def price(last_e8: int) -> int:
        return int(
            hedged_liquidation_mark_e8(
                0, 100, 5_000 * one, -97, -4_850 * one, one, 140 * one, 50 * one, last_e8, table, 0, len(table)
            )
        )

    assert price(1) == 970_873_787  # 10 ÷ 1.03 = 9.708737864…: the requirements round up, so it is due a unit before
    assert price(10**14) == 11_532_846_716  # 790 ÷ 6.85 = 115.328467153…


def test_a_full_hedge_answers_soon() -> None:
    """Long and short of one size: the sum hardly moves with the mark, and the search still looks at few of them."""
    table = world.brackets(world.STEEP, 80_000_000)
    one = 10**8
    looks = 0

    class Counted:
        def __getitem__(self, row: int) -> object:
            nonlocal looks
            looks += 1
            return table[row]

    cost = 40_000 * one * 37
    found = hedged_liquidation_mark_e8(
        0, 37_000, cost, -37_000, -cost, 100_000, 50_000 * one, 40_000 * one, 400_000 * one, Counted(), 0, len(table)
    )
    assert found and looks < 60_000
