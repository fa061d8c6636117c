"""Price protection: a trigger that is reached while mark and last are apart sleeps on, and fires when they are not."""

from __future__ import annotations

import pytest

from isocross.codes import CommandKind, EventKind, OrderType, Side, WorkingType
from isocross.exchange import Exchange, Result
from isocross.units import to_e8
from tests import invariants, world

ALICE, BOB = 2, 3


def market() -> Exchange:
    """Mark and last at 40,000; the bound of the rules is 0.5 %, 200 at this mark."""
    commands = [world.prices((0, to_e8("40000")))]
    for account in (ALICE, BOB):
        commands += [world.account(account), world.deposit(account, "100000")]
    commands += [world.limit(BOB, 0, Side.SELL, 400_000, 10), world.limit(ALICE, 0, Side.BUY, 400_000, 10)]
    return world.opened(world.usual(), commands)


def stop(exchange: Exchange, trigger: int, working_type: WorkingType, protected: int = 1, **more: int) -> int:
    command = {
        "kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP_MARKET, "trigger_ticks": trigger,
        "working_type": working_type, "is_price_protected": protected, "is_reduce_only": 1,
    }  # fmt: skip
    return world.submit(exchange, world.limit(ALICE, 0, Side.SELL, 0, 10) | command | more).raise_if_refused().order_id


def mark(exchange: Exchange, price: str) -> Result:
    done = world.submit(exchange, world.prices((0, to_e8(price)))).raise_if_refused()
    invariants.check(exchange)
    return done


def kinds(done: Result) -> list[EventKind]:
    wanted = (EventKind.TRIGGERED, EventKind.TRIGGER_HELD)
    return [EventKind(int(kind)) for kind in done.events["kind"] if kind in wanted]


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ("39801", []),  # not reached
        ("39801.0", []),
        ("39800.99502489", [EventKind.TRIGGERED]),  # 40,000 − p ≤ 0.5 % of p down to 39,800.9950248756…
        ("39800.99502487", [EventKind.TRIGGER_HELD]),
        ("39000", [EventKind.TRIGGER_HELD]),
    ],
)
def test_it_is_held_beyond_the_bound_and_not_on_it(price, told):
    exchange = market()
    stop(exchange, 398_009, WorkingType.MARK_PRICE)
    assert kinds(mark(exchange, price)) == told


def test_an_unprotected_one_fires():
    exchange = market()
    stop(exchange, 395_000, WorkingType.MARK_PRICE, protected=0)
    assert kinds(mark(exchange, "39000")) == [EventKind.TRIGGERED]


def test_it_is_said_once_and_fires_at_the_next_price_that_reaches_it_with_last_near():
    exchange = market()
    order_id = stop(exchange, 395_000, WorkingType.MARK_PRICE)
    held = mark(exchange, "39000")
    event = held.events[held.events["kind"] == EventKind.TRIGGER_HELD][0]
    assert (int(event["order_id"]), int(event["price_ticks"]), int(event["mark_e8"])) == (order_id, 400_000, to_e8("39000"))
    assert kinds(mark(exchange, "38900")) == []
    assert kinds(mark(exchange, "39800")) == []  # not reached: it sleeps as it did
    world.submit(exchange, world.limit(BOB, 0, Side.SELL, 389_500, 5)).raise_if_refused()
    world.submit(exchange, world.limit(BOB, 0, Side.BUY, 389_500, 5, self_trade_prevention=3)).raise_if_refused()  # last 38,950
    assert kinds(mark(exchange, "38900")) == [EventKind.TRIGGERED]


def test_on_last_every_fill_that_reaches_it_asks_again():
    exchange = market()
    stop(exchange, 395_000, WorkingType.LAST_PRICE)

    def trade(ticks: int) -> Result:
        world.submit(exchange, world.limit(BOB, 0, Side.BUY, ticks, 1)).raise_if_refused()
        done = world.submit(exchange, world.limit(BOB, 0, Side.SELL, ticks, 1, self_trade_prevention=3)).raise_if_refused()
        invariants.check(exchange)
        return done

    assert kinds(trade(394_000)) == [EventKind.TRIGGER_HELD]
    assert kinds(trade(393_000)) == []
    assert kinds(mark(exchange, "39350")) == []  # mark has come near; nothing trades
    assert kinds(trade(393_500)) == [EventKind.TRIGGERED]


def test_a_trailing_stop_that_has_turned_waits_for_the_next_price():
    exchange = market()
    trailing = {"order_type": OrderType.TRAILING_STOP_MARKET, "callback_rate_e8": to_e8("0.01")}
    stop(exchange, 0, WorkingType.MARK_PRICE, **trailing)
    assert kinds(mark(exchange, "39500")) == [EventKind.TRIGGER_HELD]
    assert kinds(mark(exchange, "39900")) == [EventKind.TRIGGERED]
