"""The shown liquidation price is where the engine liquidates: at it, and not one unit nearer, nor anywhere before it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from isocross.codes import EventKind, MarginMode, Reason
from isocross.exchange import Exchange
from isocross.kernel.margin import bankruptcy_mark_e8, surplus_e8, unrealized_pnl_e8
from isocross.kernel.schema import NO_ROW
from isocross.rulebook.model import Rulebook
from isocross.units import ONE_E8, to_e8
from tests import invariants, world
from tests.reference.rulebooks import TYPICAL_PRICES, coins
from tests.strategies import portfolio


@dataclass
class Pocket:
    """A position with all that stands behind it while only its own mark moves."""

    exchange: Exchange
    row: int
    account: int
    symbol: int
    lots: int
    entry_cost_e8: int
    backing_e8: int  # after the maintenance of the pool's other positions
    other_maintenance_e8: int
    mark_e8: int
    is_isolated: bool

    def surplus(self, mark_e8: int) -> int:
        """Margin balance − maintenance, with this symbol's mark at `mark_e8`."""
        rules = self.exchange.rules(self.symbol)
        return int(
            surplus_e8(
                rules.contract_kind, self.lots, rules.step_e8, self.entry_cost_e8, self.backing_e8, mark_e8,
                rules.brackets, 0, len(rules.brackets),
            )
        )  # fmt: skip

    def edges(self, far_e8: int) -> list[int]:
        """Marks around every bracket edge strictly between the current mark and a far one, and a few others."""
        rules = self.exchange.rules(self.symbol)
        quantity = abs(self.lots) * rules.step_e8
        low, high = sorted((self.mark_e8, far_e8))
        found = {low + (high - low) * part // 7 for part in range(8)}
        for bracket in rules.brackets:
            edge = bracket.floor_e8 * ONE_E8 // quantity
            if rules.is_inverse:
                edge = quantity * ONE_E8 // max(1, bracket.floor_e8)
            found |= {edge + shift for shift in range(-2, 3)}
        return [mark for mark in sorted(found) if low < mark < high]


def pockets(exchange: Exchange, account: int) -> list[Pocket]:
    """Every open position of an account."""
    table = exchange.table("positions")
    own = [row for row in range(len(table)) if table["account"][row] == account and table["lots"][row] != 0]
    made = []
    for row in own:
        symbol = int(table["symbol"][row])
        asset = exchange.rules(symbol).margin_asset
        is_isolated = int(table["margin_mode"][row]) == MarginMode.ISOLATED
        others = 0
        if is_isolated:
            backing = int(table["isolated_wallet_e8"][row])
        else:
            backing = exchange.wallet(account, asset).cross_wallet_e8
            for other in own:
                same = exchange.rules(int(table["symbol"][other])).margin_asset == asset
                if other != row and same and int(table["margin_mode"][other]) == MarginMode.CROSS:
                    upnl, maintenance = invariants.position_numbers(exchange, other)
                    backing += upnl - maintenance
                    others += maintenance
        lots, cost = int(table["lots"][row]), int(table["entry_cost_e8"][row])
        made.append(Pocket(exchange, row, account, symbol, lots, cost, backing, others, exchange.mark_e8(symbol), is_isolated))
    return made


def is_liquidated_at(pocket: Pocket, price_e8: int) -> bool | None:
    """The engine's own answer: is this pocket liquidated by a PRICES command?

    None when it was no longer the same pocket when it was judged: another's fall took from it, or what an isolated position
    of the same account left came to its pool.
    """
    with pocket.exchange.previewing():
        result = world.submit(pocket.exchange, world.prices((pocket.symbol, price_e8)))
    assert result.is_accepted
    deleveraged = result.events[result.events["kind"] == EventKind.ADL]
    if (deleveraged["counterparty"] == pocket.account).any():
        return None
    came = (result.events["kind"] == EventKind.WALLET) & (result.events["code"] == Reason.REST_AFTER_LIQUIDATION)
    if not pocket.is_isolated and (result.events["account"][came] == pocket.account).any():
        return None
    started = result.events[result.events["kind"] == EventKind.LIQUIDATION_STARTED]
    own = started["account"] == pocket.account
    if pocket.is_isolated:
        own &= started["symbol"] == pocket.symbol
    else:  # the account's other pools may fall with the same prices, the ones that waited for a clock above all
        asset = pocket.exchange.asset_row(pocket.exchange.rules(pocket.symbol).margin_asset)
        own &= (started["symbol"] == NO_ROW) & (started["asset"] == asset)
    return bool(own.any())


def waits(pocket: Pocket) -> bool:
    """Whether the rulebook leaves it due until the next prices or clock command."""
    exchange = pocket.exchange
    if pocket.is_isolated:
        return bool(exchange.table("positions")["is_waiting"][pocket.row])
    asset = exchange.asset_row(exchange.rules(pocket.symbol).margin_asset)
    return bool(exchange.table("wallets")["is_waiting"][pocket.account * len(exchange.assets) + asset])


def judge(pocket: Pocket, *, by_engine: bool) -> int | None:
    """All claims about one pocket's prices."""
    exchange, rules = pocket.exchange, pocket.exchange.rules(pocket.symbol)
    price = exchange.liquidation_price(pocket.account, pocket.symbol)
    nearer = 1 if pocket.lots > 0 else -1
    if waits(pocket):
        assert price == pocket.mark_e8 or pocket.surplus(pocket.mark_e8) > 0, "what is due dies here"
        return price
    assert pocket.surplus(pocket.mark_e8) > 0, "an open position is not due"
    far = price if price is not None else (rules.price_min_e8 if pocket.lots > 0 else rules.price_max_e8)
    for mark in pocket.edges(far):
        assert pocket.surplus(mark) > 0, f"{pocket}: due at {mark}, before its liquidation price {price}"
    if price is None:
        assert pocket.surplus(far) > 0, f"{pocket}: due at {far} and no liquidation price"
    else:
        assert rules.price_min_e8 <= price <= rules.price_max_e8
        assert pocket.surplus(price) <= 0, f"{pocket}: not due at its liquidation price {price}"
        assert pocket.surplus(price + nearer) > 0, f"{pocket}: due one unit before its liquidation price {price}"
    if by_engine:
        assert is_liquidated_at(pocket, far) in (price is not None, None), f"{pocket}: engine at {far}"
        if price is not None:
            assert not is_liquidated_at(pocket, price + nearer), f"{pocket}: engine at {price + nearer}"
    bankrupt = exchange.bankruptcy_price(pocket.account, pocket.symbol)
    backing = pocket.backing_e8 + pocket.other_maintenance_e8

    def worth(mark: int) -> int:
        return backing + unrealized_pnl_e8(rules.contract_kind, pocket.lots, rules.step_e8, pocket.entry_cost_e8, mark)

    if bankrupt is not None:
        assert worth(bankrupt) <= 0 < worth(bankrupt + nearer), f"{pocket}: bankrupt at {bankrupt}"
        if price is not None:
            assert (price - bankrupt) * nearer >= 0, f"{pocket}: bankrupt before it is liquidated"
    shown = bankruptcy_mark_e8(
        rules.contract_kind, pocket.lots, rules.step_e8, pocket.entry_cost_e8, backing, rules.price_min_e8, rules.price_max_e8
    )
    assert shown == (bankrupt or 0)
    return price


def crowds(seed: str, count: int, book: Rulebook | None = None) -> list[Pocket]:
    """Pockets of `count` random accounts, some of them after a price move."""
    rng = random.Random(seed)
    exchange = Exchange(book or world.rulebook_of(rng.randrange(10**6)))
    marks = [world.PRICES[name] * rng.randrange(50, 200) // 100 for name in exchange.symbols]
    world.submit(exchange, world.prices(*enumerate(marks))).raise_if_refused()
    for symbol, mark in enumerate(marks):
        world.submit(exchange, world.ladder(symbol, mark, notional="50000000")).raise_if_refused()
    for account in range(2, 2 + count):
        for command in portfolio(rng, exchange, account):
            world.submit(exchange, command)
    if rng.random() < 0.7:
        moved = [(n, mark * rng.randrange(9_000, 11_000) // 10_000) for n, mark in enumerate(marks)]
        world.submit(exchange, world.prices(*moved)).raise_if_refused()
    return [pocket for account in range(2, 2 + count) for pocket in pockets(exchange, account)]


def test_the_liquidation_price_is_exact_for_random_accounts():
    found = 0
    for block in range(100):
        for pocket in crowds(f"price {block}", 20):
            found += judge(pocket, by_engine=block % 4 == 0) is not None
    assert found > 1_500


def test_the_liquidation_price_of_inverse_contracts_is_exact_for_random_accounts(monkeypatch):
    for name, price in TYPICAL_PRICES.items():
        monkeypatch.setitem(world.PRICES, name, to_e8(price))
    found = 0
    for block in range(30):
        for pocket in crowds(f"coin price {block}", 20, coins()):
            found += judge(pocket, by_engine=block % 4 == 0) is not None and pocket.exchange.rules(pocket.symbol).is_inverse
    assert found > 80


@pytest.mark.full
@pytest.mark.parametrize("part", range(20))
def test_the_liquidation_price_is_exact_for_very_many_accounts(part):
    for block in range(200):
        for pocket in crowds(f"many prices {part} {block}", 25):
            judge(pocket, by_engine=block % 5 == 0)


def walk(pocket: Pocket) -> int | None:
    """The liquidation price by walking every mark unit from here against the position."""
    rules = pocket.exchange.rules(pocket.symbol)
    against = -1 if pocket.lots > 0 else 1
    mark = pocket.mark_e8
    while 1 <= mark <= rules.price_max_e8:
        if pocket.surplus(mark) <= 0:
            return mark
        mark += against
    return None


def coarse() -> Rulebook:
    """Prices of a few thousand units, in three sizes of lots, so that a walk is short and rounding matters."""
    return world.rulebook(
        world.tiny(price_max="0.0002"),
        world.contract(
            "FINEUSDT", world.brackets(world.SHALLOW, 2_000_000), tick="0.000001", step="100", price_max="0.0001",
            min_notional="0.001",
        ),
        world.contract(
            "RAWUSDT", world.brackets(world.COARSE, 300_000), tick="0.00001", step="2000.03", price_max="0.0002",
            min_notional="0.001",
        ),
    )  # fmt: skip


@pytest.fixture
def coarse_prices(monkeypatch):
    for name, price in (("FINEUSDT", 4_007), ("RAWUSDT", 7_013)):
        monkeypatch.setitem(world.PRICES, name, price)


def test_the_liquidation_price_is_the_first_one_of_a_full_walk(coarse_prices):
    for block in range(2):
        for pocket in crowds(f"walk {block}", 15, coarse()):
            assert judge(pocket, by_engine=True) == walk(pocket), pocket


@pytest.mark.full
@pytest.mark.parametrize("part", range(10))
def test_many_full_walks(part, coarse_prices):
    for block in range(5):
        for pocket in crowds(f"walks {part} {block}", 25, coarse()):
            assert judge(pocket, by_engine=False) == walk(pocket), pocket
