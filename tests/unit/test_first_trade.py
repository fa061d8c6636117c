"""The first trade: what watches the last price is judged by the mark until there is one, and waits for it."""

from __future__ import annotations

from isocross.codes import CommandKind, EventKind, OrderType, Refusal, Side, WorkingType
from isocross.exchange import Exchange, Result
from isocross.units import to_e8
from tests import invariants, world

ALICE, BOB, CAROL = 2, 3, 4


def untraded() -> Exchange:
    """Mark at 40,000 and no trade yet."""
    commands = [world.prices((0, to_e8("40000")))]
    for account in (ALICE, BOB, CAROL):
        commands += [world.account(account), world.deposit(account, "100000")]
    return world.opened(world.usual(), commands)


def asked(exchange: Exchange, side: Side, trigger: int, **more: int) -> Result:
    command = {
        "kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP_MARKET, "trigger_ticks": trigger,
        "working_type": WorkingType.LAST_PRICE,
    }  # fmt: skip
    return world.submit(exchange, world.limit(ALICE, 0, side, 0, 10) | command | more)


def trade(exchange: Exchange, ticks: int) -> list[EventKind]:
    """Bob sells to Carol at a price; what it triggers."""
    world.submit(exchange, world.limit(BOB, 0, Side.SELL, ticks, 1)).raise_if_refused()
    done = world.submit(exchange, world.limit(CAROL, 0, Side.BUY, ticks, 1)).raise_if_refused()
    invariants.check(exchange)
    return [EventKind(int(kind)) for kind in done.events["kind"] if kind == EventKind.TRIGGERED]


def test_it_is_refused_where_the_mark_is_past_it_already():
    exchange = untraded()
    assert asked(exchange, Side.SELL, 400_000).refusal == Refusal.WOULD_TRIGGER_IMMEDIATELY
    assert asked(exchange, Side.BUY, 400_000).refusal == Refusal.WOULD_TRIGGER_IMMEDIATELY
    assert asked(exchange, Side.SELL, 399_999).refusal == Refusal.NONE


def test_the_mark_alone_does_not_reach_it_and_the_first_trade_does():
    exchange = untraded()
    asked(exchange, Side.SELL, 390_000).raise_if_refused()
    events = world.submit(exchange, world.prices((0, to_e8("38000")))).raise_if_refused().events
    assert EventKind.TRIGGERED not in events["kind"], "it watches last"
    assert trade(exchange, 391_000) == []
    assert trade(exchange, 389_000) == [EventKind.TRIGGERED]


def test_a_trailing_stop_begins_at_the_mark():
    exchange = untraded()
    trailing = {"order_type": OrderType.TRAILING_STOP_MARKET, "callback_rate_e8": 10**6}
    asked(exchange, Side.SELL, 0, **trailing).raise_if_refused()  # best 40,000: reached at 39,600
    assert trade(exchange, 396_001) == []
    assert trade(exchange, 396_000) == [EventKind.TRIGGERED]


def test_with_a_mark_below_one_tick_there_is_nothing_to_judge_by():
    exchange = world.opened(world.usual(), [world.account(ALICE), world.deposit(ALICE, "1000"), world.prices((0, 1))])
    assert asked(exchange, Side.SELL, 1).refusal == Refusal.NO_MARK_PRICE
