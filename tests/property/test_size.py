"""Sizing: whatever is asked, the answer holds in an exchange of its own, and one step further it does not.

Must not: use policy/trial.py: the exchange here is driven by the test's own commands, so that a mistake in the trials
that `size` makes cannot hide itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from isocross import rulebook as rulebooks
from isocross.codes import (
    CommandKind,
    EventKind,
    FeeBasis,
    IsolatedFillBasis,
    LiquidationLadder,
    MarginMode,
    OrderType,
    Refusal,
    Side,
)
from isocross.exchange import Exchange
from isocross.policy.liq import liq
from isocross.policy.size import size
from isocross.policy.size_result import Limit, SizeColumn, SizeResult, StopOrder
from isocross.rulebook.model import Rulebook
from isocross.units import ONE_E8, format_e8
from tests.unit.liq_book import BOOK, BTC, ETH

LENT_E8 = 10**17
HOUSE, ME = 1, 2


@dataclass
class Life:
    """What became of a position that was opened and moved against."""

    refusal: Refusal
    is_open: bool = False
    was_liquidated: bool = False
    loss_e8: int = 0


def lived(
    book: Rulebook, result: SizeResult, mode: MarginMode, lots: int, leverage: int, wallet_e8: int, *,
    to_e8: int, with_stop: bool = False, added_e8: int = 0, is_maker: bool = False, path: int = 40,
) -> Life:  # fmt: skip
    """Open at the entry, walk the mark to a price in steps, look."""
    rules = book.symbols[result.rules.symbol]
    exchange = Exchange(book, [rules.symbol], compiled=False)
    side, closing = (Side.BUY, Side.SELL) if result.is_long else (Side.SELL, Side.BUY)

    def tell(kind, **fields):
        return exchange.submit(kind, **fields)

    def limit(account, way, price_e8):
        return tell(
            CommandKind.PLACE_ORDER, account=account, symbol=0, side=way, order_type=OrderType.LIMIT,
            price_ticks=price_e8 // rules.tick_e8, lots=lots,
        )  # fmt: skip

    def move(mark_e8):
        return tell(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": mark_e8}])

    move(result.mark_e8)
    tell(CommandKind.CREATE_ACCOUNT, account=ME)
    if wallet_e8:
        asset = exchange.asset_row(rules.margin_asset)
        tell(CommandKind.DEPOSIT, account=ME, asset=asset, amount_e8=wallet_e8)
    refused = tell(CommandKind.SET_LEVERAGE, account=ME, symbol=0, leverage=leverage).refusal
    if refused != Refusal.NONE:
        return Life(refused)
    if exchange.margin_mode(ME, 0) != mode:
        tell(CommandKind.SET_MARGIN_MODE, account=ME, symbol=0, margin_mode=mode)
    first, second = (ME, HOUSE) if is_maker else (HOUSE, ME)
    started = False
    for account in (first, second):
        done = limit(account, side if account == ME else closing, result.entry_e8)
        if not done.is_accepted:
            return Life(done.refusal)
        started |= is_begun(done.events)  # due where it was entered
    if exchange.last_price_ticks(0) == 0:
        return Life(Refusal.MARGIN_INSUFFICIENT)
    if added_e8:
        kind = CommandKind.ADD_MARGIN if added_e8 > 0 else CommandKind.REMOVE_MARGIN
        done = tell(kind, account=ME, symbol=0, amount_e8=abs(added_e8))
        if not done.is_accepted:
            return Life(done.refusal)
    if with_stop:
        limit(HOUSE, side, to_e8)
        tell(
            CommandKind.PLACE_CONDITIONAL, account=ME, symbol=0, side=closing, order_type=OrderType.STOP_MARKET,
            trigger_ticks=to_e8 // rules.tick_e8, is_close_position=1,
        )  # fmt: skip
    way = [result.mark_e8 + (to_e8 - result.mark_e8) * step // path for step in range(1, path + 1)]
    way = [mark_e8 for mark_e8 in way if mark_e8 == to_e8 or abs(mark_e8 - to_e8) >= rules.tick_e8]  # a stop's tick
    due_e8 = exchange.liquidation_price(ME, 0)
    if due_e8 is not None and min(result.mark_e8, to_e8) <= due_e8 <= max(result.mark_e8, to_e8):
        way = sorted([*way, due_e8], reverse=result.is_long)  # a single mark on the way may be the only deadly one
    for mark_e8 in way:
        events = move(mark_e8).events
        started |= is_begun(events)
    assert not any(exchange.conservation_gap_e8().values())
    left_e8 = exchange.wallet(ME, rules.margin_asset).cross_wallet_e8
    return Life(Refusal.NONE, exchange.position(ME, 0).lots != 0, started, wallet_e8 - left_e8)


def is_begun(events) -> bool:
    return bool((events["kind"] == EventKind.LIQUIDATION_STARTED).any())


def drawn(rng: random.Random) -> tuple[dict[str, object], Rulebook]:
    """A question, and the rulebook it is asked under."""
    rules = rng.choice((BTC, ETH))
    book = replace(
        BOOK,
        isolated_fill_basis=rng.choice(list(IsolatedFillBasis)),
        fee_basis=rng.choice(list(FeeBasis)),
        default_margin_mode=rng.choice(list(MarginMode)),
        liquidation_ladder=rng.choice(list(LiquidationLadder)),
    )
    is_long = rng.random() < 0.5
    entry_ticks = rng.randint(5_000, 900_000)
    entry_e8 = entry_ticks * rules.tick_e8
    sign = -1 if is_long else 1
    away = rng.choice([0.0005, 0.01, 0.03, 0.1, 0.3, rng.uniform(0.001, 0.6)])
    stop_e8 = max(rules.tick_e8, int(entry_e8 * (1 + sign * away)) // rules.tick_e8 * rules.tick_e8)
    if stop_e8 == entry_e8:
        stop_e8 += sign * rules.tick_e8
    asked: dict[str, object] = {
        "symbol": rules.symbol,
        "side": "long" if is_long else "short",
        "entry": format_e8(entry_e8),
        "stop": format_e8(stop_e8),
        "risk": format_e8(rng.choice([rng.randint(10**8, 10**10), rng.randint(10**10, 10**13)])),
        "leverage": rng.choice([1, 2, 5, 10, 20, 50, 75, 100, 125]),
        "survive": f"{rng.choice([1, 5, 15, 40, rng.randint(1, 90)])}%",
        "taker": rng.random() < 0.7,
        "rulebook": book,
    }
    if rng.random() < 0.7:
        asked["wallet"] = format_e8(rng.choice([rng.randint(10**9, 10**11), rng.randint(10**11, 10**14)]))
    if rng.random() < 0.3:
        mark_e8 = int(entry_e8 * rng.uniform(0.98, 1.02))
        is_beyond = stop_e8 < mark_e8 if is_long else stop_e8 > mark_e8
        if is_beyond:
            asked["mark"] = format_e8(mark_e8)
    return asked, book


def check_size(book: Rulebook, result: SizeResult, column: SizeColumn, is_maker: bool) -> None:
    """The lots hold, one lot more does not; the stop is where it is said to be."""
    budget_e8, stop_e8 = result.budget_e8, result.stop_e8
    assert budget_e8 is not None and stop_e8 is not None
    rules = result.rules
    ticks, unit_e8 = result.entry_e8 // rules.tick_e8, rules.tick_value_e8
    least = -(-rules.min_notional_e8 * ticks // unit_e8) if rules.is_inverse else -(-rules.min_notional_e8 // (ticks * unit_e8))
    least = max(1, least)
    more = column.lots + 1 if column.lots else least
    wallet_e8 = LENT_E8 if result.wallet_e8 is None else result.wallet_e8

    def stopped(lots: int) -> Life:
        return lived(book, result, MarginMode.CROSS, lots, 1, LENT_E8, to_e8=stop_e8, with_stop=True, is_maker=is_maker)

    if column.lots:
        at = stopped(column.lots)
        assert not at.is_open and at.loss_e8 == column.loss_e8 <= budget_e8
    if column.limit is Limit.RISK:
        further = stopped(more)
        assert further.refusal != Refusal.NONE or further.loss_e8 > budget_e8
    else:
        further = lived(
            book, result, column.mode, more, result.leverage, wallet_e8, to_e8=result.mark_e8, is_maker=is_maker
        )
        assert further.refusal in (Refusal.MARGIN_INSUFFICIENT, Refusal.BRACKET_EXCEEDED, Refusal.QUANTITY_TOO_LARGE)
    is_backed = column.mode is MarginMode.ISOLATED or result.wallet_e8 is not None
    if column.lots and is_backed:
        own = lived(
            book, result, column.mode, column.lots, result.leverage, wallet_e8,
            to_e8=stop_e8, with_stop=True, is_maker=is_maker, path=97,
        )  # fmt: skip
        assert own.refusal == Refusal.NONE
        expected = {StopOrder.FIRST: (False, False), StopOrder.BEYOND_LIQUIDATION: (True, False), StopOrder.NOT_FILLED: (False, True)}  # fmt: skip
        assert column.stop is not None
        assert (own.was_liquidated, own.is_open and not own.was_liquidated) == expected[column.stop]


def check_outlive(book: Rulebook, result: SizeResult, column: SizeColumn, is_maker: bool) -> None:
    """What is enough lives all the way, and one step less or more does not."""
    for found in (column.stop_outlive, column.survive):
        if found is None:
            continue
        lots, until_e8 = column.lots, found.until_e8

        def lives(leverage: int, wallet_e8: int, added_e8: int = 0, lots=lots, until_e8=until_e8) -> bool:
            one = lived(
                book, result, column.mode, lots, leverage, wallet_e8,
                to_e8=until_e8, added_e8=added_e8, is_maker=is_maker, path=60,
            )  # fmt: skip
            return one.refusal == Refusal.NONE and one.is_open and not one.was_liquidated

        if column.mode is MarginMode.CROSS:
            assert lives(result.leverage, found.least_e8)
            assert not lives(result.leverage, found.least_e8 - 1)
            assert found.least_free_e8 == found.least_e8
            continue
        highest = found.leverage_max or 0
        assert highest == 0 or lives(highest, LENT_E8)
        assert not lives(highest + 1, LENT_E8)
        if found.to_add_e8 is None:
            assert not lives(result.leverage, LENT_E8, found.least_e8), "it is due as it is entered"
        elif found.to_add_e8:
            assert lives(result.leverage, LENT_E8, found.to_add_e8)
            assert not lives(result.leverage, LENT_E8, found.to_add_e8 - 1)
        else:
            assert lives(result.leverage, LENT_E8)


COIN_BOOKS = {name: rulebooks.load(name) for name in ("binance-coinm", "bitmex")}


def drawn_in_coin(rng: random.Random) -> tuple[dict[str, object], Rulebook]:
    """A question about an inverse contract: its money is coin, its quantity dollars."""
    book = COIN_BOOKS[rng.choice(list(COIN_BOOKS))]
    rules = rng.choice([one for one in book.symbols.values() if one.is_inverse])
    rules = replace(rules.unfiltered(), min_notional_e8=rng.choice([0, rng.randint(1, 10**6)]))
    book = replace(
        book,
        symbols={**book.symbols, rules.symbol: rules},
        isolated_fill_basis=rng.choice(list(IsolatedFillBasis)),
        fee_basis=rng.choice(list(FeeBasis)),
        liquidation_ladder=rng.choice(list(LiquidationLadder)),
    )
    is_long = rng.random() < 0.5
    sign = -1 if is_long else 1
    entry_e8 = int((1_500 if rules.symbol.startswith("ETH") else 60_000) * rng.uniform(0.5, 2)) * ONE_E8 // rules.tick_e8 * rules.tick_e8
    away = rng.choice([0.001, 0.01, 0.03, 0.1, rng.uniform(0.001, 0.5)])
    stop_e8 = int(entry_e8 * (1 + sign * away)) // rules.tick_e8 * rules.tick_e8
    asked: dict[str, object] = {
        "symbol": rules.symbol,
        "side": "long" if is_long else "short",
        "entry": format_e8(entry_e8),
        "stop": format_e8(stop_e8),
        "risk": format_e8(rng.choice([rng.randint(10**5, 10**7), rng.randint(10**7, 10**9)])),
        "leverage": rng.choice([1, 2, 5, 10, 20, 50, 75, 100]),
        "survive": f"{rng.choice([1, 5, 15, 40, rng.randint(1, 60)])}%",
        "taker": rng.random() < 0.7,
        "rulebook": book,
    }
    most = min(max(bracket.leverage_max for bracket in rules.brackets), book.leverage_max)
    asked["leverage"] = min(int(str(asked["leverage"])), most)
    if rng.random() < 0.7:
        asked["wallet"] = format_e8(rng.choice([rng.randint(10**6, 10**8), rng.randint(10**8, 10**10)]))
    return asked, book


def ask(seed: int, draw: Callable[[random.Random], tuple[dict[str, object], Rulebook]] = drawn) -> None:
    rng = random.Random(f"size {seed}")
    asked, book = draw(rng)
    symbol, side = asked.pop("symbol"), asked.pop("side")
    survive = float(str(asked["survive"])[:-1]) / 100
    if float(str(asked.get("mark", asked["entry"]))) * (1 + survive) > 1_000_000:
        asked["survive"] = "1%"
    result = size(symbol, side, **asked)
    for column in result.modes:
        check_size(book, result, column, is_maker=not asked["taker"])
        check_outlive(book, result, column, is_maker=not asked["taker"])


@pytest.mark.parametrize("seed", range(25))
def test_the_answer_holds_and_one_step_further_does_not(seed):
    ask(seed)


@pytest.mark.parametrize("seed", range(25))
def test_the_answer_holds_in_coin_too(seed):
    ask(seed, drawn_in_coin)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1_000, 1_150))
def test_very_many_answers_hold_in_coin_too(seed):
    ask(seed, drawn_in_coin)


@pytest.mark.parametrize("name", ["binance-usdm", "bybit-linear", "hyperliquid"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_it_is_tried_under_every_rulebook_that_is_shipped(name, side):
    book = rulebooks.load(name)
    symbol = next(iter(book.symbols))
    stop = 58_000 if side == "long" else 62_000
    result = size(
        symbol, side, entry=60_000, stop=stop, risk=100, wallet=1_000, survive="15%", leverage=20, rulebook=book
    )
    assert [column.stop for column in result.modes] == [StopOrder.FIRST, StopOrder.FIRST]
    for column in result.modes:
        check_size(book, result, column, is_maker=False)
        check_outlive(book, result, column, is_maker=False)


# ---- with other positions in the pool, against `liq`, which knows no trial


def pooled(seed: int) -> None:
    rng = random.Random(f"pooled {seed}")
    book = replace(BOOK, isolated_fill_basis=rng.choice(list(IsolatedFillBasis)))
    entry, is_long = rng.randint(30_000, 90_000), rng.random() < 0.5
    side = "long" if is_long else "short"
    other_entry = format_e8(rng.randint(2_000 * 10**8, 4_000 * 10**8))
    other_mark = rng.randint(2_000, 4_000)
    other = f"ETHUSDT {rng.choice(['long', 'short'])} {rng.choice([0.005, 1, 20])} @ {other_entry} mark {other_mark} {rng.choice([5, 50])}x"
    asked = {
        "entry": entry,
        "qty": format_e8(rng.randint(2, 900) * 10**5),
        "leverage": rng.choice([1, 10, 50]),
        "rulebook": book,
        "position": [other],
    }
    rate = rng.choice(["1%", "10%", "40%"])
    result = size("BTCUSDT", side, survive=rate, mode="cross", **asked)
    assert result.cross is not None
    if result.cross.survive is None:
        assert result.cross.refusal == Refusal.NOTIONAL_TOO_SMALL
        return
    found = result.cross.survive
    at = liq("BTCUSDT", side, wallet=format_e8(found.least_e8), mode="cross", **asked).cross
    assert at is not None and at.refusal == Refusal.NONE
    assert not is_reached(at.liquidation.price_e8, found.until_e8, is_long)
    if found.least_e8 == 0:
        return
    less_e8 = max(0, found.least_e8 - 10_000 - 1)  # `liq` does not round the other's entry value to tick × step
    less = liq("BTCUSDT", side, wallet=format_e8(less_e8), mode="cross", **asked).cross
    assert less is not None
    assert less.refusal != Refusal.NONE or is_reached(less.liquidation.price_e8, found.until_e8, is_long)
    wallet = format_e8(found.least_e8 * rng.choice([2, 5]))
    held = size("BTCUSDT", side, survive=rate, wallet=wallet, **asked)
    for column in held.modes:
        if column.refusal != Refusal.NOTIONAL_TOO_SMALL:
            own = getattr(liq("BTCUSDT", side, wallet=wallet, mode=column.mode, **asked), column.mode.name.lower())
            assert (own.refusal, own.transfer_e8) == (column.refusal, column.isolated_margin_e8 or 0)
            if column.mode is MarginMode.ISOLATED and own.refusal == Refusal.NONE:
                assert own.liquidation.price_e8 == column.liquidation_e8


def is_reached(price_e8: int | None, until_e8: int, is_long: bool) -> bool:
    return price_e8 is not None and (price_e8 >= until_e8 if is_long else price_e8 <= until_e8)


@pytest.mark.parametrize("seed", range(15))
def test_the_rest_of_the_pool_counts(seed):
    pooled(seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2_000, 2_150))
def test_the_rest_of_very_many_pools_counts(seed):
    pooled(seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1_000, 1_300))
def test_very_many_answers_hold_and_one_step_further_does_not(seed):
    ask(seed)
