"""Loss caps: the worst case of a position in one line, and how near a close by hand comes to it.

That no card is ever exceeded, whatever the market does, is shown over random lives in tests/property/test_margin_rules.py.
"""

from __future__ import annotations

import random
from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import isocross as ix
from isocross.codes import ContractKind, EventKind, IsolatedFundingSource, MarginMode, Side
from isocross.errors import InputError
from isocross.exchange import Exchange
from isocross.kernel.margin import closing_fee_most_e8
from isocross.sandbox import Sandbox
from isocross.units import ONE_E8
from isocross.worlds.loss_cap import loss_cap
from tests import world
from tests.strategies import steady

ME, OTHER, BTC = 2, 3, 0


@pytest.fixture
def box() -> Sandbox:
    """Bitcoin isolated, ether and dogecoin cross, an order beside them."""
    made = Sandbox(BTCUSDT=60_000, ETHUSDT=3_000, DOGEUSDT="0.2")
    me = made.account("me", USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", qty="0.083")
    me.buy("ETHUSDT", qty=1)
    me.sell("DOGEUSDT", qty=5_000)
    me.sell("ETHUSDT", qty="0.1", price=3_300)
    return made


# ---- what it says


def test_an_isolated_position_costs_its_margin_and_its_fees(box: Sandbox) -> None:
    card = box.accounts["me"].loss_cap("BTCUSDT")
    assert card.line == (
        "BTCUSDT isolated long 0.083 BTC: at most 502.78 USDT can be lost: 498.05 moved in, 2.49 fees paid, "
        "2.24 fee of closing at worst."
    )
    assert (card.moved_in_e8, card.moved_back_e8, card.fees_paid_e8) == (498_04980000, 0, 2_49002490)
    assert card.closing_fee_most_e8 == 2_24100166  # the example of formulas.md F27
    assert card.most_e8 == 498_04980000 + 2_49002490 + 2_24100166
    assert card.takes_along == ()
    assert "raise the fee of closing by 0.05 %" in card.notes[0]


def test_a_cross_position_costs_the_pool_and_takes_the_others_along(box: Sandbox) -> None:
    card = box.accounts["me"].loss_cap("ETHUSDT")
    balance = box.exchange.wallet(ME, "USDT").margin_balance_e8
    assert (card.most_e8, card.pool_balance_e8) == (balance, balance)
    assert [one.symbol for one in card.takes_along] == ["DOGEUSDT"]
    assert card.orders_along == 1
    assert card.line.endswith("its liquidation takes DOGEUSDT along.")
    assert card.closing_fee_most_e8 == 0


def test_what_came_back_counts(box: Sandbox) -> None:
    me = box.accounts["me"]
    me.close("BTCUSDT", "0.04")
    me.add_margin("BTCUSDT", 50)
    card = me.loss_cap("BTCUSDT")
    assert card.moved_in_e8 == 548_04980000
    assert card.moved_back_e8 == 239_97600000
    told = [
        event
        for event in box.events
        if event["kind"] == EventKind.FILLED and event["account"] == ME and event["symbol"] == 0
    ]
    assert card.fees_paid_e8 == sum(int(event["fee_e8"]) for event in told)
    assert "239.98 came back" in card.line


def test_a_new_trade_begins_at_nothing(box: Sandbox) -> None:
    me = box.accounts["me"]
    me.close("BTCUSDT")
    me.sell("BTCUSDT", qty="0.02")
    card = me.loss_cap("BTCUSDT")
    assert card.moved_in_e8 == card.position.isolated_wallet_e8
    assert card.line.startswith("BTCUSDT isolated short 0.02 BTC: at most ")


def test_without_events_it_counts_from_now_on(box: Sandbox) -> None:
    card = ix.loss_cap(box.exchange, ME, "BTCUSDT")
    assert (card.moved_in_e8, card.taken_e8) == (None, None)
    assert card.closing_fee_most_e8 is not None
    assert card.most_e8 == card.position.isolated_wallet_e8 + card.closing_fee_most_e8
    assert "498.05 margin, 2.24 fee of closing at worst" in card.line
    assert ix.loss_cap(box, ME, "BTCUSDT").to_dict() == box.accounts["me"].loss_cap("BTCUSDT").to_dict()


def test_without_a_position_there_is_no_card(box: Sandbox) -> None:
    with pytest.raises(InputError, match=r"loss cap: account 2 has no position in BTCUSDT"):
        box.accounts["me"].close("BTCUSDT")
        box.accounts["me"].loss_cap("BTCUSDT")


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_it_shows_itself_like_every_result(box: Sandbox, symbol: str) -> None:
    card = box.accounts["me"].loss_cap(symbol)
    data = card.to_dict()
    assert data["schema"] == "isocross.loss_cap/1"
    assert data["line"] == card.line
    assert repr(card).startswith(card.line)
    assert card.frame.height == 1
    assert "<table>" in card._repr_html_()
    assert card.plot() is not None


def test_where_a_rulebook_sets_no_bound_the_card_says_so() -> None:
    exchange = isolated(world.contrary(), Side.BUY, 10, 500)
    card = loss_cap(exchange, ME, BTC)
    assert exchange.rulebook.isolated_funding_source == IsolatedFundingSource.CROSS_WALLET_FIRST
    assert card.most_e8 is None
    assert card.to_dict()["most"] is None
    assert "no bound in this rulebook" in card.line
    assert "the mark of that time" in card.notes[0]
    outside = isolated(
        world.rulebook(world.btc(), isolated_funding_source=IsolatedFundingSource.CROSS_WALLET_FIRST), Side.BUY, 10, 500
    )
    card = loss_cap(outside, ME, BTC)
    assert (card.most_e8, card.closing_fee_most_e8 is None) == (None, False)
    assert "cross wallet first" in card.notes[0]
    assert "no bound" in repr(card)


# ---- how near it is


def isolated(book: ix.Rulebook, side: Side, times: int, lots: int) -> Exchange:
    """An isolated position of ME at 40,000, and a deep house."""
    commands = [world.account(ME), world.deposit(ME, "1000000"), world.prices((BTC, 40_000 * ONE_E8))]
    if book.default_margin_mode == MarginMode.CROSS:
        commands.append(world.mode(ME, BTC, MarginMode.ISOLATED))
    commands += [world.leverage(ME, BTC, times), world.ladder(BTC, 40_000 * ONE_E8, notional="10000000")]
    return world.opened(book, [*commands, world.market(ME, BTC, side, lots)])


@pytest.mark.parametrize("seed", range(40))
def test_a_close_at_the_bankruptcy_price_costs_nearly_the_whole_card(seed: int) -> None:
    rng = random.Random(f"card {seed}")
    side, times, lots = rng.choice([Side.BUY, Side.SELL]), rng.choice([15, 20, 40]), rng.randrange(1, 3_000)
    exchange = isolated(world.usual(), side, times, lots)
    card = loss_cap(exchange, ME, BTC)
    position = card.position
    had = exchange.wallet(ME).cross_wallet_e8 + position.isolated_wallet_e8
    rules = exchange.rules(BTC)
    owed = position.entry_cost_e8 - position.isolated_wallet_e8
    worst = Fraction(abs(owed), lots * rules.tick_value_e8)
    ticks = ceil(worst) if side == Side.BUY else int(worst)
    world.submit(exchange, world.ladder(BTC, 40_000 * ONE_E8, notional="0")).raise_if_refused()
    closing = Side.SELL if side == Side.BUY else Side.BUY
    world.submit(exchange, world.limit(1, BTC, side, ticks, lots)).raise_if_refused()
    left = lots
    while left:
        part = min(left, rng.choice([1, lots // 7 + 1, lots]))
        done = world.submit(exchange, world.limit(ME, BTC, closing, ticks, part, is_reduce_only=1)).raise_if_refused()
        assert (done.events["kind"] == EventKind.FILLED).any()
        left -= part
    lost = had - exchange.wallet(ME).cross_wallet_e8
    assert card.most_e8 is not None
    assert lost <= card.most_e8
    assert card.most_e8 - lost <= 3 * lots + lots * rules.tick_value_e8  # rounding, and the tick above bankruptcy


@given(
    lots=st.integers(1, 10**9).flatmap(lambda lots: st.sampled_from([lots, -lots])),
    cost=st.integers(0, 2**59),
    wallet=st.integers(-(2**58), 2**58),
    rate=st.integers(0, ONE_E8),
)
@steady(300)
def test_the_fee_bound_is_the_value_at_bankruptcy_times_the_rate(lots: int, cost: int, wallet: int, rate: int) -> None:
    signed = cost if lots > 0 else -cost
    owed = signed - wallet if lots > 0 else wallet - signed
    fee = ceil(Fraction(max(0, owed) * rate, ONE_E8))
    assert closing_fee_most_e8(ContractKind.LINEAR, lots, signed, wallet, rate) == fee + 2 * abs(lots)
    # an inverse long is as a linear short, and what its fills are worth is rounded too
    assert closing_fee_most_e8(ContractKind.INVERSE, -lots, signed, wallet, rate) == fee + 3 * abs(lots)


def test_events_of_others_do_not_count(box: Sandbox) -> None:
    you = box.account("you", USDT=5_000)
    you.configure("BTCUSDT", mode="isolated", leverage=5)
    you.buy("BTCUSDT", qty="0.01")
    before = box.accounts["me"].loss_cap("BTCUSDT").to_dict()
    you.close("BTCUSDT")
    assert box.accounts["me"].loss_cap("BTCUSDT").to_dict() == before
    assert loss_cap(box.exchange, ME, "BTCUSDT", events=np.zeros(0, dtype=box.events.dtype)).moved_in_e8 == 0
