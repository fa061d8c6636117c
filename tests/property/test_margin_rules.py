"""The rules of the two margin modes as laws: loss cap, mode neutrality, independence, signed wallets (design §5.6, §5.7)."""

from __future__ import annotations

import random

import numpy as np
import pytest

from isocross.codes import (
    CommandKind,
    EventKind,
    FeeBasis,
    IsolatedFundingSource,
    MarginMode,
    PositionSide,
    Reason,
    RemainderTo,
    Side,
)
from isocross.exchange import Exchange
from isocross.kernel.schema import FIRST_USER_ACCOUNT, NO_ROW
from isocross.units import ONE_E8
from isocross.worlds.loss_cap import loss_cap
from tests import invariants, world
from tests.strategies import Life, Phase, portfolio

INTO = {Reason.ISOLATED_FILL, Reason.ADD_MARGIN}
OUT_OF = {Reason.ISOLATED_CLOSE, Reason.REMOVE_MARGIN, Reason.REST_AFTER_LIQUIDATION}


class LossCap:
    """What each isolated position took from its cross wallet, told by events alone, and what the theorem says it may."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.rest_to_fund = exchange.rulebook.remainder_to == RemainderTo.INSURANCE_FUND
        self.funding_from_cross = exchange.rulebook.isolated_funding_source == IsolatedFundingSource.CROSS_WALLET_FIRST
        self.took: dict[tuple[int, ...], int] = {}
        self.moved_in: dict[tuple[int, ...], int] = {}
        self.moved_back: dict[tuple[int, ...], int] = {}
        self.fees: dict[tuple[int, ...], int] = {}
        self.wallet: dict[tuple[int, ...], int] = {}
        self.stories = 0
        self.seizures = 0

    def read(self, events: np.ndarray) -> None:
        """The events of one command."""
        at: dict[int, tuple[int, ...] | None] = {}  # account → the isolated position that its next WALLET belongs to
        pending: dict[tuple[int, ...], int] = {}
        is_liquidating: tuple[int, ...] | None = None
        for event in events:
            kind, account, symbol = EventKind(event["kind"]), int(event["account"]), int(event["symbol"])
            key, amount = (account, symbol, int(event["position_side"])), int(event["amount_e8"])
            if kind == EventKind.LIQUIDATION_STARTED:
                is_liquidating = key if event["margin_mode"] == MarginMode.ISOLATED else None
            elif kind == EventKind.LIQUIDATION_ENDED:
                if is_liquidating is not None:
                    self.seizures += 1
                is_liquidating = None
            elif kind == EventKind.FILLED:
                if event["order_id"] != 0:  # a liquidation pays its fees out of the isolated wallet
                    pending[key] = pending.get(key, 0) + int(event["fee_e8"])
            elif kind == EventKind.MARGIN_MOVED:
                self.move(key, Reason(event["code"]), amount, is_liquidating)
                at[account] = key
            elif kind == EventKind.POSITION:
                is_isolated = event["margin_mode"] == MarginMode.ISOLATED
                at[account] = key if is_isolated else None
                fee = pending.pop(key, 0)
                if is_isolated and account >= FIRST_USER_ACCOUNT:
                    self.add(self.fees, key, fee)
                    self.wallet[key] = int(event["balance_e8"])
            elif kind == EventKind.WALLET:
                code = Reason(event["code"])
                if code in (
                    Reason.TRADE,
                    Reason.ADD_MARGIN,
                    Reason.REMOVE_MARGIN,
                    Reason.REST_AFTER_LIQUIDATION,
                    Reason.ADL,
                ):
                    owner = at.get(account)
                    if owner is not None:
                        self.add(self.took, owner, -amount)

    def move(self, key: tuple[int, ...], code: Reason, amount: int, is_liquidating: tuple[int, ...] | None) -> None:
        if code in INTO:
            assert amount > 0, f"{key}: {code.name} of {amount}"
            self.add(self.moved_in, key, amount)
            return
        assert code in OUT_OF, code
        assert amount < 0, f"{key}: moved back {-amount}, which must not be below zero"
        if is_liquidating == key:
            assert code == Reason.REST_AFTER_LIQUIDATION, f"{key}: {code.name} while it is being liquidated"
        if code != Reason.REST_AFTER_LIQUIDATION or not self.rest_to_fund:
            self.add(self.moved_back, key, -amount)

    @staticmethod
    def add(sums: dict[tuple[int, ...], int], key: tuple[int, ...], amount: int) -> None:
        sums[key] = sums.get(key, 0) + amount

    def judge(self) -> None:
        """The theorem, for every isolated position so far; those that are flat begin a new story."""
        for key in set(self.took) | set(self.moved_in) | set(self.fees):
            took, fees = self.took.get(key, 0), self.fees.get(key, 0)
            moved_in, back = self.moved_in.get(key, 0), self.moved_back.get(key, 0)
            assert took == moved_in - back + fees, f"{key}: took {took}, in {moved_in}, back {back}, fees {fees}"
            assert took <= moved_in + fees, f"{key}: lost more than was set aside"
            row = self.exchange.position_row(key[0], key[1], PositionSide(key[2]))
            if row == NO_ROW or self.exchange.table("positions")["lots"][row] == 0:
                for sums in (self.took, self.moved_in, self.moved_back, self.fees):
                    sums.pop(key, None)
                self.stories += 1


CARD_KINDS = (EventKind.FILLED, EventKind.MARGIN_MOVED, EventKind.FUNDING, EventKind.POSITION)


class Cards:
    """The loss-cap cards of every isolated position as promises: none is ever exceeded, unless its owner adds to the position.

    A card promises what the position has taken from the cross wallet so far, and the fee of closing. What it took is told here by
    events, independently: moved in − moved back + trading fees. Adding margin or size ends a promise; the next card is a new one.
    Funding that the margin pays may raise the closing fee by the fee rate of it, as the card says.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.rest_to_fund = exchange.rulebook.remainder_to == RemainderTo.INSURANCE_FUND
        self.events: list[np.ndarray] = []
        self.lots: dict[tuple[int, ...], int] = {}
        self.taken: dict[tuple[int, ...], int] = {}
        self.promised: dict[tuple[int, ...], int] = {}
        self.kept = 0  # promises of positions that came to their end
        self.nearest_e8 = 2**60  # how near an end came to its promise

    def read(self, events: np.ndarray) -> None:
        """The events of one command, and the cards after it."""
        events = events[np.isin(events["kind"], CARD_KINDS) & (events["account"] >= FIRST_USER_ACCOUNT)]
        self.events.append(events.copy())
        for event in events:
            key = int(event["account"]), int(event["symbol"]), int(event["position_side"])
            self.event(EventKind(event["kind"]), key, event)
        self.events = [np.concatenate(self.events)]
        for view in self.exchange.positions():
            if view.margin_mode == MarginMode.ISOLATED:
                key = (view.account, self.exchange.symbol_row(view.symbol), int(view.position_side))
                side = view.position_side
                card = loss_cap(self.exchange, view.account, view.symbol, position_side=side, events=self.events[0])
                assert card.taken_e8 == self.taken.get(key, 0), key
                if card.closing_fee_most_e8 is not None:
                    most = card.taken_e8 + card.closing_fee_most_e8
                    assert card.is_funding_outside or card.most_e8 == most
                    self.promised[key] = min(most, self.promised.get(key, most))

    def event(self, kind: EventKind, key: tuple[int, ...], event: np.void) -> None:
        if kind == EventKind.FILLED and event["order_id"] != 0:
            self.taken[key] = self.taken.get(key, 0) + int(event["fee_e8"])
            held = self.lots.get(key, 0)
            if held == 0 or (held > 0) == (event["side"] == Side.BUY):
                self.promised.pop(key, None)
        elif kind == EventKind.MARGIN_MOVED:
            if event["code"] != Reason.REST_AFTER_LIQUIDATION or not self.rest_to_fund:
                self.taken[key] = self.taken.get(key, 0) + int(event["amount_e8"])
            if event["amount_e8"] > 0:
                self.promised.pop(key, None)
        elif kind == EventKind.FUNDING and event["amount_e8"] < 0 and key in self.promised:
            rules = self.exchange.rules(key[1])
            rate = max(rules.maker_fee_rate_e8, rules.taker_fee_rate_e8)
            self.promised[key] += -int(event["amount_e8"]) * rate // ONE_E8 + 1
        elif kind == EventKind.POSITION:
            self.lots[key] = int(event["lots"])
            if event["margin_mode"] != MarginMode.ISOLATED or key[0] < FIRST_USER_ACCOUNT:
                self.taken.pop(key, None)
                return
            if key in self.promised:
                left = self.promised[key] - self.taken.get(key, 0)
                assert left >= 0, f"{key}: took {self.taken[key]}, {self.promised[key]} was the card's number"
            if event["lots"] == 0:
                if self.promised.pop(key, None) is not None:
                    self.kept += 1
                    self.nearest_e8 = min(self.nearest_e8, left)
                self.taken.pop(key, None)


GAPS = Phase("thin", 2_500_000, 0.8, "far", 0.9, 1.0, (5, 20, 40, 125))


def gapping_life(seed: int, length: int) -> tuple[LossCap, Cards]:
    """A life of isolated positions, adds, removals, partial closes, flips, funding and gaps through bankruptcy."""
    exchange = Exchange(world.rulebook_of(seed))
    life, cap, cards = Life(f"gaps {seed}", exchange), LossCap(exchange), Cards(exchange)
    for number in range(length):
        if number % 3 == 0:
            life.phase = GAPS
        events = world.submit(exchange, life.next()).events
        cap.read(events)
        cap.judge()
        cards.read(events)
        if number % 10 == 0:
            check_pools(exchange)
        invariants.check(exchange)
    return cap, cards


def check_pools(exchange: Exchange) -> None:
    """A cross card promises that no more than the pool's balance can go: it never stands below zero."""
    for view in exchange.positions():
        if view.margin_mode == MarginMode.CROSS:
            card = loss_cap(exchange, view.account, view.symbol, position_side=view.position_side)
            assert card.most_e8 == card.pool_balance_e8 >= 0


@pytest.mark.parametrize("seed", [1])
def test_an_isolated_position_never_takes_more_than_was_set_aside_and_its_fees(seed):
    cap, cards = gapping_life(seed, 900)
    assert cap.stories > 15
    assert cap.seizures > 5
    if cards.exchange.rulebook.fee_basis == FeeBasis.FILL_VALUE:
        assert cards.kept > 15


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3, 33))
def test_the_loss_cap_over_many_lives(seed):
    gapping_life(seed, 1_500)


# ---- mode neutrality ----


def equity_e8(exchange: Exchange, account: int, asset: str) -> int:
    return exchange.wallet(account, asset).equity_e8


def neutral_command(rng: random.Random, exchange: Exchange) -> world.Command:
    """A command that no margin refuses: small orders of rich accounts, prices that stay near."""
    symbol, account, side = rng.randrange(3), rng.randrange(2, 6), rng.choice([0, 1])
    rules, mark = exchange.rules(symbol), exchange.mark_e8(symbol)
    typical = world.PRICES[exchange.symbols[symbol]]
    lots = max(1, rng.randrange(20, 4_000) * ONE_E8 * ONE_E8 // (rules.step_e8 * mark))
    ticks = max(1, mark * rng.randrange(9_700, 10_300) // (10_000 * rules.tick_e8))
    more = {"is_reduce_only": int(rng.random() < 0.2), "time_in_force": rng.choice([0, 0, 0, 1, 2, 3])}
    conditional = {
        "kind": CommandKind.PLACE_CONDITIONAL,
        "account": account,
        "symbol": symbol,
        "side": side,
        "lots": lots,
    }
    return rng.choices(
        [
            world.limit(account, symbol, side, ticks, lots, **more),
            world.market(account, symbol, side, lots, is_reduce_only=more["is_reduce_only"]),
            world.prices((symbol, typical * rng.randrange(9_000, 11_000) // 10_000)),
            world.ladder(symbol, mark, notional=str(rng.choice([100, 3_000, 50_000]))),
            world.funding((symbol, rng.randrange(-300_000, 300_000))),
            conditional | {"order_type": rng.choice([2, 3]), "trigger_ticks": ticks},
            {"kind": CommandKind.CANCEL_ALL, "account": account, "symbol": symbol},
        ],
        [6, 4, 3, 2, 2, 1, 1],
    )[0]


def neutral_worlds(seed: int) -> list[Exchange]:
    """Three exchanges that differ in margin modes only: all cross, all isolated, mixed."""
    rng = random.Random(f"neutral {seed}")
    book = world.usual()
    modes = [{(a, s): rng.choice(list(MarginMode)) for a in range(2, 6) for s in range(3)}]
    modes += [dict.fromkeys(modes[0], MarginMode.CROSS), dict.fromkeys(modes[0], MarginMode.ISOLATED)]
    times = {pair: rng.choice([1, 2]) for pair in modes[0]}
    worlds = []
    for chosen in modes:
        commands = [world.account(a) for a in range(2, 6)]
        commands += [world.deposit(a, "50000000", asset) for a in range(2, 6) for asset in range(2)]
        commands += [world.mode(a, s, m) for (a, s), m in chosen.items() if m == MarginMode.ISOLATED]
        commands += [world.leverage(a, s, times[a, s]) for a, s in chosen]
        commands.append(world.prices(*((n, world.PRICES[name]) for n, name in enumerate(book.symbols))))
        worlds.append(world.opened(book, commands))
    return worlds


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(s, marks=pytest.mark.full) for s in range(3, 60))])
def test_the_margin_mode_changes_no_equity(seed):
    worlds = neutral_worlds(seed)
    rng = random.Random(seed)
    fills = 0
    for _ in range(200):
        command = neutral_command(rng, worlds[0])
        results = [world.submit(exchange, command) for exchange in worlds]
        assert len({result.refusal for result in results}) == 1, command
        for result in results:
            assert not (result.events["kind"] == EventKind.LIQUIDATION_STARTED).any()
            expired = result.events[np.isin(result.events["kind"], (EventKind.EXPIRED, EventKind.CANCELLED))]
            assert not np.isin(expired["code"], (Reason.CANNOT_BE_MARGINED, Reason.WOULD_BANKRUPT)).any()
        fills += int((results[0].events["kind"] == EventKind.FILLED).sum())
        for account in range(2, 6):
            for asset in worlds[0].assets:
                told = {equity_e8(exchange, account, asset) for exchange in worlds}
                assert len(told) == 1, f"account {account}, {asset}: equities {told} after {command}"
    assert fills > 30


# ---- independence ----


def own_rows(exchange: Exchange, account: int, but_position: int) -> dict[str, bytes]:
    """The bytes of an account's rows that an isolated liquidation of one position must leave as they are."""
    table = {name: exchange.table(name) for name in ("accounts", "wallets", "settings", "positions", "orders")}
    symbol = int(table["positions"]["symbol"][but_position])
    settings, positions, orders = table["settings"], table["positions"], table["orders"]
    wallets = table["wallets"][account * len(exchange.assets) : (account + 1) * len(exchange.assets)].copy()
    wallets["is_margin_called"] = 0  # money that comes back may end a margin call of the pool
    wallets["cross_wallet_e8"][exchange.asset_row(exchange.rules(symbol).margin_asset)] = 0
    own = table["accounts"][account : account + 1].copy()
    for column in ("whole_orders_until_ms", "is_waiting", "next_waiting"):  # its place in the ladder, and no money
        own[column] = 0
    positions = positions.copy()
    positions["is_waiting"] = 0  # likewise: a prices command ends every wait
    keep = (positions["account"] == account) & (np.arange(len(positions)) != but_position)
    live = (orders["order_id"] != 0) & (orders["account"] == account) & (orders["symbol"] != symbol)
    return {
        "account": own.tobytes(),
        "wallets": wallets.tobytes(),
        "settings": settings[(settings["account"] == account) & (settings["symbol"] != symbol)].tobytes(),
        "positions": positions[keep].tobytes(),
        "orders": orders[live].tobytes(),
    }


def crowd(rng: random.Random, seed: int) -> Exchange:
    """Portfolios of random leverage and mode against a deep house, with resting orders away from the market."""
    book = world.rulebook_of(seed)
    exchange = Exchange(book)
    exchange_prices = [(n, world.PRICES[name]) for n, name in enumerate(book.symbols)]
    world.submit(exchange, world.prices(*exchange_prices)).raise_if_refused()
    for symbol, price in exchange_prices:
        world.submit(exchange, world.ladder(symbol, price, notional="10000000")).raise_if_refused()
    for number in range(2, 6):
        for command in portfolio(rng, exchange, number, isolated_chance=0.7):
            world.submit(exchange, command)
        for symbol, price in exchange_prices:
            rules = exchange.rules(symbol)
            lots = 2 * rules.min_notional_e8 * ONE_E8 // (rules.step_e8 * price) + 1
            side, away = rng.choice([(Side.BUY, 90), (Side.SELL, 110)])
            world.submit(exchange, world.limit(number, symbol, side, price * away // (100 * rules.tick_e8), lots))
    if rng.random() < 0.5:
        for symbol, price in exchange_prices:
            thin = world.ladder(symbol, price, notional=rng.choice(["0", "50", "2000"]), levels=rng.randrange(8))
            world.submit(exchange, thin).raise_if_refused()
    if rng.random() < 0.5:
        world.submit(exchange, world.fund(rng.randrange(1, 10**13))).raise_if_refused()
    return exchange


def liquidate_one(seed: int) -> int:
    """One isolated position is made due; returns how many lonely isolated liquidations were compared."""
    rng = random.Random(f"independence {seed}")
    exchange = crowd(rng, seed)
    table = exchange.table("positions")
    mask = (table["lots"] != 0) & (table["margin_mode"] == MarginMode.ISOLATED) & (table["is_house"] == 0)
    compared = 0
    for row in rng.sample(np.flatnonzero(mask).tolist(), int(mask.sum())):
        account, symbol = int(table["account"][row]), int(table["symbol"][row])
        side = PositionSide(int(table["position_side"][row]))
        price = exchange.liquidation_price(account, symbol, side)
        if price is None or table["lots"][row] == 0:
            continue
        gap = rng.choice([0, 0, price // 1_000, price // 30, price // 6])
        price = max(1, price + (-gap if table["lots"][row] > 0 else gap))
        command = world.prices((symbol, min(price, exchange.rules(symbol).price_max_e8)))
        with exchange.previewing():
            events = world.submit(exchange, command).events
        started = events[events["kind"] == EventKind.LIQUIDATION_STARTED]
        is_lonely = len(started) == 1 and started["margin_mode"][0] == MarginMode.ISOLATED
        asset = exchange.asset_row(exchange.rules(symbol).margin_asset)
        is_its_own = (int(started["account"][0]), int(started["position_side"][0])) == (account, side) if is_lonely else False
        took_other_leg = (events["kind"] == EventKind.ADL) & (events["counterparty"] == account)
        if is_its_own and not took_other_leg.any() and not (events["kind"] == EventKind.TRIGGERED).any():
            before = own_rows(exchange, account, row)
            had = int(exchange.table("wallets")["cross_wallet_e8"][account * len(exchange.assets) + asset])
            world.submit(exchange, command)
            assert own_rows(exchange, account, row) == before, command
            now = int(exchange.table("wallets")["cross_wallet_e8"][account * len(exchange.assets) + asset])
            moved = events[(events["kind"] == EventKind.MARGIN_MOVED) & (events["account"] == account)]
            back = -sum(moved["amount_e8"].tolist())
            if exchange.rulebook.remainder_to == RemainderTo.INSURANCE_FUND:
                back = 0
            assert now - had == back >= 0
            compared += 1
        else:
            world.submit(exchange, command)
        invariants.check(exchange)
    return compared


def test_an_isolated_liquidation_changes_nothing_else_of_its_account():
    assert sum(liquidate_one(seed) for seed in range(60)) > 60


@pytest.mark.full
@pytest.mark.parametrize("block", range(8))
def test_independence_over_many_accounts(block):
    assert sum(liquidate_one(seed) for seed in range(1_000 + 300 * block, 1_300 + 300 * block)) > 200
