"""Self-trade prevention NONE: an account trades with itself, pays both fees, and every event adds up."""

from __future__ import annotations

import pytest

from isocross.codes import EventKind, MarginMode, OrderType, Reason, Refusal, SelfTradePrevention, Side, TimeInForce
from isocross.exchange import Exchange
from isocross.units import to_e8
from tests import invariants, world

ALICE, BOB = 2, 3
BTC = world.PRICES["BTCUSDT"]
NONE = {"self_trade_prevention": int(SelfTradePrevention.NONE)}


def market(margin_mode: MarginMode, money: str = "10000") -> Exchange:
    commands = [world.prices((0, BTC))]
    for account in (ALICE, BOB):
        commands += [world.account(account), world.deposit(account, money)]
    if margin_mode == MarginMode.ISOLATED:
        commands.append(world.mode(ALICE, 0, margin_mode))
    return world.opened(world.usual(), commands)


@pytest.mark.parametrize("margin_mode", MarginMode)
def test_from_flat_to_flat_it_costs_both_fees(margin_mode):
    exchange = market(margin_mode)
    world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 400_000, 100)).raise_if_refused()
    before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
    done = world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 100, **NONE)).raise_if_refused()
    filled = done.events[done.events["kind"] == EventKind.FILLED]
    assert [(int(f["account"]), int(f["counterparty"]), int(f["fee_e8"])) for f in filled] == [
        (ALICE, ALICE, to_e8("2")), (ALICE, ALICE, to_e8("0.8"))  # 4,000 at 0.05 % and at 0.02 %
    ]  # fmt: skip
    wallet = exchange.wallet(ALICE, "USDT")
    assert wallet.cross_wallet_e8 == to_e8("9997.2")
    positions = done.events[done.events["kind"] == EventKind.POSITION]
    assert positions["lots"].tolist() == [100, 0]  # between the two sides, and behind both
    wallets = done.events[done.events["kind"] == EventKind.WALLET]
    balance = to_e8("10000")
    for event in wallets:
        balance += int(event["amount_e8"])
        assert int(event["balance_e8"]) == balance
    if margin_mode == MarginMode.ISOLATED:
        moved = done.events[done.events["kind"] == EventKind.MARGIN_MOVED]
        assert moved["amount_e8"].tolist() == [to_e8("200"), -to_e8("200")]
        assert moved["balance_e8"].tolist() == [to_e8("200"), 0]
    invariants.check(exchange)
    invariants.check_events(exchange, before, done.events)


@pytest.mark.parametrize("margin_mode", MarginMode)
def test_an_open_position_is_the_same_afterwards_at_a_new_entry(margin_mode):
    exchange = market(margin_mode)
    world.submit(exchange, world.limit(BOB, 0, Side.SELL, 400_000, 100)).raise_if_refused()
    world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 100)).raise_if_refused()
    world.submit(exchange, world.prices((0, BTC * 101 // 100))).raise_if_refused()
    equity = exchange.wallet(ALICE, "USDT").equity_e8
    world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 404_000, 250)).raise_if_refused()
    done = world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 404_000, 250, **NONE)).raise_if_refused()
    position = exchange.position(ALICE, 0)
    assert position.lots == 100
    assert exchange.wallet(ALICE, "USDT").equity_e8 == equity - to_e8("5.05") - to_e8("2.02")  # 10,100 at both rates
    assert sum(done.events["amount_e8"][done.events["kind"] == EventKind.FILLED].tolist()) == 2_857_142_857
    # 250 of 350 lots close for 10,100 against ⌈14,100 · 250 ÷ 350⌉ = 10,071.42857143
    invariants.check(exchange)


def test_the_last_price_and_open_interest_are_those_of_any_trade():
    exchange = market(MarginMode.CROSS)
    world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 401_000, 10)).raise_if_refused()
    world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 401_000, 10, **NONE)).raise_if_refused()
    row = exchange.table("symbols")[0]
    assert (row["last_price_ticks"], row["open_interest_lots"]) == (401_000, 0)


@pytest.mark.parametrize(("money", "fills"), [("201.4", True), ("201.39999999", False)])
def test_margin_and_both_fees_must_be_there_for_the_taker(money, fills):
    """100 are held by the ask, 100 move in with the bid, and 1 and 0.4 are both fees."""
    exchange = market(MarginMode.ISOLATED, money)
    world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 400_000, 50)).raise_if_refused()
    done = world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 50, **NONE)).raise_if_refused()
    assert (EventKind.FILLED in done.events["kind"]) == fills
    if not fills:
        assert done.events["code"][done.events["kind"] == EventKind.EXPIRED].tolist() == [Reason.CANNOT_BE_MARGINED]
    invariants.check(exchange)


@pytest.mark.parametrize(
    ("prevention", "filled"), [(SelfTradePrevention.EXPIRE_MAKER, False), (SelfTradePrevention.NONE, True)]
)
def test_own_orders_are_depth_only_where_they_may_be_traded_with(prevention, filled):
    exchange = market(MarginMode.CROSS)
    world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 400_000, 10)).raise_if_refused()
    more = {"self_trade_prevention": int(prevention)}
    kill = world.limit(ALICE, 0, Side.BUY, 400_000, 10, time_in_force=TimeInForce.FOK, **more)
    at_market = world.market(ALICE, 0, Side.BUY, 10, **more)
    assert (exchange.preview(kill.pop("kind"), **kill).refusal == Refusal.NONE) == filled
    assert (exchange.preview(at_market.pop("kind"), **at_market).refusal == Refusal.NONE) == filled
    assert at_market["order_type"] == OrderType.MARKET


@pytest.mark.parametrize("margin_mode", MarginMode)
def test_a_position_of_one_lot_does_not_cut_a_large_trade_into_matches_of_one(margin_mode):
    exchange = market(margin_mode, "100000")
    world.submit(exchange, world.limit(BOB, 0, Side.SELL, 400_000, 1)).raise_if_refused()
    world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 1)).raise_if_refused()
    world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 3_000)).raise_if_refused()
    before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
    done = world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 400_000, 3_000, **NONE)).raise_if_refused()
    filled = done.events[done.events["kind"] == EventKind.FILLED]
    assert filled["lots"].tolist() == [3_000, 3_000]
    assert done.events["lots"][done.events["kind"] == EventKind.POSITION].tolist() == [3_001, 1]  # the maker's side opens, so it is first
    assert exchange.position(ALICE, 0).lots == 1
    invariants.check(exchange)
    invariants.check_events(exchange, before, done.events)
