"""Amendments: who keeps his place, what is refused, what trades at once, and that money and margin are those of a new order."""

from __future__ import annotations

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, MarginMode, OrderType, Reason, Refusal, Side, TimeInForce
from isocross.command import client_id_hash
from isocross.exchange import Exchange, Result
from isocross.units import to_e8
from tests import invariants, world

ALICE, BOB, CARL = 2, 3, 4
BTC = world.PRICES["BTCUSDT"]


def market(money: str = "100000", margin_mode: MarginMode = MarginMode.CROSS) -> Exchange:
    commands = [world.prices((0, BTC))]
    for account in (ALICE, BOB, CARL):
        commands += [world.account(account), world.deposit(account, money)]
    if margin_mode == MarginMode.ISOLATED:
        commands.append(world.mode(ALICE, 0, margin_mode))
    return world.opened(world.usual(), commands)


def say(exchange: Exchange, command: world.Command) -> Result:
    before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
    done = world.submit(exchange, command)
    invariants.check(exchange)
    invariants.check_events(exchange, before, done.events)
    return done


def bid(exchange: Exchange, account: int, ticks: int, lots: int, **more: int) -> int:
    return say(exchange, world.limit(account, 0, Side.BUY, ticks, lots, **more)).raise_if_refused().order_id


def amend(exchange: Exchange, order_id: int, *, account: int = ALICE, price: int = 0, lots: int = 0) -> Result:
    command = {"kind": CommandKind.AMEND_ORDER, "account": account, "order_id": order_id, "price_ticks": price, "lots": lots}
    return say(exchange, command)


def queue(exchange: Exchange, lots: int) -> list[int]:
    """Whose bids at one price a seller of `lots` meets, in order."""
    sold = exchange.preview(
        CommandKind.PLACE_ORDER, account=CARL, symbol=0, side=Side.SELL, price_ticks=390_000, lots=lots,
        time_in_force=TimeInForce.IOC,
    )  # fmt: skip
    return sold.events["account"][(sold.events["kind"] == EventKind.FILLED) & (sold.events["is_maker"] == 1)].tolist()


@pytest.mark.parametrize(
    ("change", "order"),
    [
        ({"lots": 9}, [ALICE, BOB]),  # fewer: in place
        ({"lots": 1}, [ALICE, BOB]),
        ({"lots": 11}, [BOB, ALICE]),
        ({"price": 390_000, "lots": 9}, [ALICE, BOB]),  # the price it has
        ({"price": 390_001}, [ALICE, BOB]),  # better than before
    ],
)
def test_fewer_lots_at_the_same_price_keep_their_place(change, order):
    exchange = market()
    mine = bid(exchange, ALICE, 390_000, 10)
    bid(exchange, BOB, 390_000, 10)
    done = amend(exchange, mine, **change).raise_if_refused()
    amended = done.events[done.events["kind"] == EventKind.AMENDED][0]
    assert (int(amended["code"]) == 0) == (change.get("lots", 99) < 10)
    assert queue(exchange, 100) == order


def test_there_and_back_loses_the_place():
    exchange = market()
    mine = bid(exchange, ALICE, 390_000, 10)
    bid(exchange, BOB, 390_000, 10)
    amend(exchange, mine, price=389_000).raise_if_refused()
    amend(exchange, mine, price=390_000).raise_if_refused()
    assert queue(exchange, 100) == [BOB, ALICE]


def test_what_crosses_trades_at_once_and_the_rest_rests():
    exchange = market()
    say(exchange, world.limit(BOB, 0, Side.SELL, 399_000, 4)).raise_if_refused()
    mine = bid(exchange, ALICE, 390_000, 10)
    done = amend(exchange, mine, price=399_000, lots=12).raise_if_refused()
    assert [EventKind(int(kind)) for kind in done.events["kind"]][:4] == [
        EventKind.AMENDED, EventKind.BOOK_LEVEL, EventKind.FILLED, EventKind.FILLED
    ]  # fmt: skip
    order = exchange.order(mine)
    assert order is not None
    assert (order.lots, order.original_lots, order.price_ticks, order.filled_value_e8) == (8, 12, 399_000, to_e8("159.6"))
    assert exchange.position(ALICE, 0).lots == 4


@pytest.mark.parametrize(("lots", "open_lots"), [(5, 1), (4, None), (3, None), (1, None), (10, 6)])
def test_the_quantity_is_the_whole_orders(lots, open_lots):
    exchange = market()
    mine = bid(exchange, ALICE, 390_000, 8)
    say(exchange, world.limit(BOB, 0, Side.SELL, 390_000, 4)).raise_if_refused()
    done = amend(exchange, mine, lots=lots).raise_if_refused()
    order = exchange.order(mine)
    assert (None if order is None else order.lots) == open_lots
    if open_lots is None:
        cancelled = done.events[done.events["kind"] == EventKind.CANCELLED][0]
        assert (int(cancelled["lots"]), int(cancelled["code"])) == (4, Reason.BY_OWNER)
        assert EventKind.AMENDED not in done.events["kind"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"price": -1}, Refusal.PRICE_NOT_POSITIVE),
        ({"price": 4_000_001}, Refusal.PRICE_TOO_LARGE),
        ({"lots": -1}, Refusal.QUANTITY_NOT_POSITIVE),
        ({"lots": 2**60}, Refusal.QUANTITY_TOO_LARGE),
        ({"price": 1}, Refusal.NOTIONAL_TOO_SMALL),
        ({}, Refusal.NOTHING_TO_AMEND),
        ({"price": 390_000, "lots": 10}, Refusal.NOTHING_TO_AMEND),
        ({"price": 390_000, "lots": 9}, Refusal.NONE),
        ({"account": BOB, "lots": 9}, Refusal.UNKNOWN_ORDER),
        ({"account": 99, "lots": 9}, Refusal.UNKNOWN_ACCOUNT),
    ],
)
def test_what_is_refused_leaves_the_order_as_it_was(change, refusal):
    exchange = market()
    mine = bid(exchange, ALICE, 390_000, 10)
    bid(exchange, BOB, 390_000, 10)
    before = exchange.table("orders").tobytes()
    assert amend(exchange, mine, **change).refusal == refusal
    assert (exchange.table("orders").tobytes() == before) == (refusal != Refusal.NONE)
    assert queue(exchange, 100) == [ALICE, BOB]


def test_post_only_stays_post_only():
    exchange = market()
    say(exchange, world.limit(BOB, 0, Side.SELL, 399_000, 4)).raise_if_refused()
    mine = bid(exchange, ALICE, 390_000, 10, time_in_force=TimeInForce.GTX)
    assert amend(exchange, mine, price=399_000).refusal == Refusal.POST_ONLY_TAKES
    assert amend(exchange, mine, price=398_999).refusal == Refusal.NONE
    assert amend(exchange, mine, lots=20).refusal == Refusal.NONE


@pytest.mark.parametrize("margin_mode", MarginMode)
def test_the_old_orders_margin_is_free_for_the_new_one(margin_mode):
    """An order of all that 1,000 can margin may become any other that fits alone, and no larger one."""
    exchange = market("1000", margin_mode)
    most = exchange.max_open(ALICE, 0, Side.BUY, 399_000)
    mine = bid(exchange, ALICE, 399_000, most)
    for price in (398_000, 401_000, 380_000):
        cancelled = exchange.copy()
        cancelled.submit(CommandKind.CANCEL_ORDER, account=ALICE, order_id=mine).raise_if_refused()
        alone = cancelled.max_open(ALICE, 0, Side.BUY, price)
        assert amend(exchange, mine, price=price, lots=alone + 1).refusal == Refusal.MARGIN_INSUFFICIENT
        amend(exchange, mine, price=price, lots=alone).raise_if_refused()
        assert exchange.order(mine).lots == alone


def test_an_order_may_always_shrink_and_its_open_loss_is_fixed_anew():
    exchange = market("1000")
    mine = bid(exchange, ALICE, 399_000, exchange.max_open(ALICE, 0, Side.BUY, 399_000))
    say(exchange, world.prices((0, BTC * 97 // 100))).raise_if_refused()  # 38,800: the bid is now above the mark
    order = exchange.order(mine)
    assert amend(exchange, mine, lots=order.lots + 1).refusal == Refusal.MARGIN_INSUFFICIENT
    amend(exchange, mine, lots=order.lots - 1).raise_if_refused()
    row = exchange.table("orders")
    loss = int(row["open_loss_e8"][row["order_id"] == mine][0])
    assert loss == to_e8("1.1") * (order.lots - 1)  # 39,900 − 38,800, of 0.001 BTC


def test_conditionals_and_the_ladder_are_not_amendable():
    exchange = market()
    stop = {"kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP_MARKET, "trigger_ticks": 380_000}
    sleeping = say(exchange, world.limit(ALICE, 0, Side.SELL, 0, 10) | stop).raise_if_refused()
    assert amend(exchange, sleeping.order_id, lots=5).refusal == Refusal.NOT_AMENDABLE
    say(exchange, world.ladder(0, BTC, levels=1)).raise_if_refused()
    rung = exchange.orders(1)[0]
    assert amend(exchange, rung.order_id, account=1, lots=5).refusal == Refusal.NOT_AMENDABLE


def test_an_order_may_be_named_by_its_client_id_and_keeps_it():
    exchange = market()
    mine = bid(exchange, ALICE, 390_000, 10, client_id_hash=client_id_hash("mine"))
    done = exchange.submit(CommandKind.AMEND_ORDER, account=ALICE, client_id_hash=client_id_hash("mine"), price_ticks=391_000)
    assert done.refusal == Refusal.NONE
    order = exchange.order_of_client(ALICE, client_id_hash("mine"))
    assert order is not None
    assert (order.order_id, order.price_ticks) == (mine, 391_000)


def test_a_reduce_only_order_that_is_amended_across_the_book_closes_and_is_gone():
    exchange = market()
    say(exchange, world.limit(BOB, 0, Side.SELL, 400_000, 10)).raise_if_refused()
    bid(exchange, ALICE, 400_000, 10)
    exit_order = say(exchange, world.limit(ALICE, 0, Side.SELL, 410_000, 10, is_reduce_only=1)).raise_if_refused().order_id
    other = say(exchange, world.limit(ALICE, 0, Side.SELL, 420_000, 10, is_reduce_only=1)).raise_if_refused().order_id
    bid(exchange, BOB, 399_000, 30)
    done = amend(exchange, exit_order, price=399_000, lots=15).raise_if_refused()
    gone = done.events[np.isin(done.events["kind"], (EventKind.EXPIRED, EventKind.CANCELLED))]
    assert {int(e["order_id"]): Reason(int(e["code"])) for e in gone} == {
        exit_order: Reason.REDUCE_ONLY_NOTHING_LEFT, other: Reason.REDUCE_ONLY_NOTHING_LEFT
    }  # fmt: skip
    assert exchange.position(ALICE, 0).lots == 0
    assert not exchange.orders(ALICE)
