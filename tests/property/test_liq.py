"""Liq: every number of an answer is what the engine makes of the same trade, linear or inverse.

Must not: ask `liq`'s own parts: the exchange here is driven by commands alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest

from isocross import rulebook as rulebooks
from isocross.codes import CommandKind, FeeBasis, IsolatedFillBasis, MarginMode, OrderType, Refusal, Side
from isocross.exchange import Exchange
from isocross.policy.liq import liq
from isocross.policy.liq_result import LiqColumn, LiqResult
from isocross.rulebook.model import Rulebook, SymbolRules
from isocross.units import ONE_E8, format_e8
from tests.unit.liq_book import BOOK, BTC, ETH

HOUSE, ME = 1, 2
COIN_BOOKS = [rulebooks.load(name) for name in ("binance-coinm", "bitmex")]


@dataclass
class Trade:
    """One trade that is asked about, as its commands."""

    book: Rulebook
    rules: SymbolRules
    is_long: bool
    lots: int
    ticks: int
    mark_e8: int
    leverage: int
    wallet_e8: int
    is_maker: bool

    def ask(self, **more: object) -> LiqResult:
        """What `liq` says of it."""
        return liq(
            self.rules.symbol,
            "long" if self.is_long else "short",
            qty=format_e8(self.lots * self.rules.step_e8),
            entry=format_e8(self.ticks * self.rules.tick_e8),
            mark=format_e8(self.mark_e8),
            leverage=self.leverage,
            wallet=format_e8(self.wallet_e8),
            taker=not self.is_maker,
            rulebook=self.book,
            **more,
        )

    @property
    def side(self) -> Side:
        return Side.BUY if self.is_long else Side.SELL

    @property
    def other_side(self) -> Side:
        return Side.SELL if self.is_long else Side.BUY

    def opened(self, mode: MarginMode, lots: int) -> tuple[Refusal, Exchange]:
        """The trade, lived; the last refusal."""
        exchange = Exchange(self.book, [self.rules.symbol])
        exchange.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": self.mark_e8, "mark_e8": self.mark_e8}])
        exchange.submit(CommandKind.CREATE_ACCOUNT, account=ME).raise_if_refused()
        if self.wallet_e8:
            asset = exchange.asset_row(self.rules.margin_asset)
            exchange.submit(CommandKind.DEPOSIT, account=ME, asset=asset, amount_e8=self.wallet_e8).raise_if_refused()
        exchange.submit(CommandKind.SET_LEVERAGE, account=ME, symbol=0, leverage=self.leverage).raise_if_refused()
        if exchange.margin_mode(ME, 0) != mode:
            exchange.submit(CommandKind.SET_MARGIN_MODE, account=ME, symbol=0, margin_mode=mode).raise_if_refused()
        first, second = (ME, HOUSE) if self.is_maker else (HOUSE, ME)
        for account in (first, second):
            side = self.side if account == ME else self.other_side
            refusal = limit(exchange, account, side, self.ticks, lots)
            if refusal != Refusal.NONE:
                return refusal, exchange
        if exchange.last_price_ticks(0) == 0:
            return Refusal.MARGIN_INSUFFICIENT, exchange
        return Refusal.NONE, exchange


def limit(exchange: Exchange, account: int, side: Side, ticks: int, lots: int, *, reduces: bool = False) -> Refusal:
    return exchange.submit(
        CommandKind.PLACE_ORDER,
        account=account,
        symbol=0,
        side=side,
        order_type=OrderType.LIMIT,
        price_ticks=ticks,
        lots=lots,
        is_reduce_only=int(reduces),
    ).refusal


def drawn(rng: random.Random, is_inverse: bool) -> Trade:
    if is_inverse:
        book = rng.choice(COIN_BOOKS)
        rules = rng.choice([one for one in book.symbols.values() if one.is_inverse]).unfiltered()
        rules = replace(rules, min_notional_e8=rng.choice([0, rng.randint(1, 10**6)]))
        price = int((1_500 if rules.symbol.startswith("ETH") else 60_000) * rng.uniform(0.3, 3))
        lots, wallet_e8 = rng.randint(1, rng.choice([20, 2_000])), rng.randint(0, rng.choice([10**7, 10**9]))
    else:
        book, rules, price = BOOK, rng.choice((BTC, ETH)), rng.randint(1_000, 200_000)
        lots, wallet_e8 = rng.randint(1, 3_000), rng.randint(0, 10 ** rng.randint(10, 13))
    book = replace(
        book,
        symbols={**book.symbols, rules.symbol: rules},
        isolated_fill_basis=rng.choice(list(IsolatedFillBasis)),
        fee_basis=rng.choice(list(FeeBasis)),
    )
    price_e8 = price * ONE_E8
    mark_e8 = price_e8 if rng.random() < 0.3 else int(price_e8 * rng.uniform(0.97, 1.03))
    return Trade(
        book, rules, rng.random() < 0.5, lots, price_e8 // rules.tick_e8, mark_e8, rng.choice([1, 2, 5, 10, 25, 50]),
        wallet_e8, rng.random() < 0.3,
    )  # fmt: skip


def check_column(trade: Trade, result: LiqResult, column: LiqColumn) -> bool:
    """Refusal, wallets and prices of one mode; whether it lives."""
    refusal, exchange = trade.opened(column.mode, trade.lots)
    assert (column.refusal == Refusal.NONE) == (refusal == Refusal.NONE), (column.refusal_reason, refusal)
    if refusal != Refusal.NONE:
        return False
    position = exchange.position(ME, 0)
    if column.is_due:
        assert position.lots == 0
        return False
    assert position.lots == result.lots
    assert position.entry_cost_e8 == result.entry_cost_e8
    assert position.isolated_wallet_e8 == column.transfer_e8
    cross_e8 = exchange.wallet(ME, trade.rules.margin_asset).cross_wallet_e8
    assert cross_e8 == trade.wallet_e8 - result.entry_fee_e8 - column.transfer_e8
    assert exchange.liquidation_price(ME, 0) == column.liquidation.price_e8
    assert exchange.bankruptcy_price(ME, 0) == column.bankruptcy.price_e8
    target = result.target
    if target is not None and target.price_e8 is not None and column.mode not in target.liquidated_before:
        check_exit(trade, exchange, result)
    return True


def check_exit(trade: Trade, exchange: Exchange, result: LiqResult) -> None:
    """Closing at the target's tick pays what it says, and a tick worse does not pay what was wanted."""
    target, rules = result.target, trade.rules
    assert target is not None and target.price_e8 is not None and target.pnl_e8 is not None
    ticks = target.price_e8 // rules.tick_e8
    if target.asked == "pnl":
        assert target.pnl_e8 >= target.wanted_e8
        worse = trade.ask(target=format_e8((ticks + (-1 if trade.is_long else 1)) * rules.tick_e8)).target
        assert worse is not None and worse.pnl_e8 is not None
        assert worse.pnl_e8 < target.wanted_e8
    if trade.book.fee_basis is FeeBasis.MARK_VALUE:
        return  # the mark stands still here, and a target's fee is of its own value
    asset = rules.margin_asset
    position = exchange.position(ME, 0)
    before_e8 = exchange.wallet(ME, asset).cross_wallet_e8 + position.isolated_wallet_e8
    assert limit(exchange, HOUSE, trade.side, ticks, trade.lots) == Refusal.NONE
    assert limit(exchange, ME, trade.other_side, ticks, trade.lots, reduces=True) == Refusal.NONE, "however little it is worth"
    if exchange.position(ME, 0).lots == 0:  # a loss that another margin than the mark's would not bear stays open
        paid_e8 = exchange.wallet(ME, asset).cross_wallet_e8 - before_e8
        assert paid_e8 - result.entry_fee_e8 == target.pnl_after_fees_e8


def ask(seed: int, is_inverse: bool) -> int:
    """Whether each mode of a trade lived, counted."""
    rng = random.Random(f"liq {is_inverse} {seed}")
    trade = drawn(rng, is_inverse)
    notional_e8 = trade.lots * trade.rules.lot_value_max_e8 if is_inverse else trade.lots * trade.ticks * trade.rules.tick_value_e8
    wanted = format_e8(int(min(notional_e8, max(trade.wallet_e8, 1)) * rng.uniform(-0.5, 0.8)))
    result = trade.ask(pnl=wanted)
    result.explain()
    repr(result)
    lived = 0
    for column in result.modes:
        lived += check_column(trade, result, column)
        most = column.max_open_lots
        assert most is not None
        least_e8 = trade.rules.min_notional_e8
        if most:
            refusal, _ = trade.opened(column.mode, most)
            assert refusal in (Refusal.NONE, Refusal.NOTIONAL_TOO_SMALL if least_e8 else Refusal.NONE)
        refusal, _ = trade.opened(column.mode, most + 1)
        assert refusal != Refusal.NONE
    return lived


@pytest.mark.parametrize("is_inverse", [False, True], ids=["linear", "inverse"])
def test_every_number_is_the_engines(is_inverse):
    assert sum(ask(seed, is_inverse) for seed in range(150)) > 45


@pytest.mark.full
@pytest.mark.parametrize("is_inverse", [False, True], ids=["linear", "inverse"])
@pytest.mark.parametrize("part", range(1, 11))
def test_every_number_of_very_many_is_the_engines(is_inverse, part):
    assert sum(ask(part * 1_000 + seed, is_inverse) for seed in range(300)) > 90
