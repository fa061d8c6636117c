"""Filters of an order: price band, largest orders, how many of them (docs/reference/formulas.md, F33)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from isocross.codes import CommandKind, EventKind, OrderType, Reason, Refusal, Side, TimeInForce
from isocross.exchange import Exchange, Result
from isocross.kernel.schema import HOUSE_ACCOUNT
from isocross.units import to_e8
from tests import invariants, world

ALICE, BOB = 2, 3
BAND = {"band_up_rate_e8": to_e8("0.05"), "band_down_rate_e8": to_e8("0.05")}
ABOVE, BELOW, TOO_LARGE = Refusal.PRICE_ABOVE_BAND, Refusal.PRICE_BELOW_BAND, Refusal.QUANTITY_TOO_LARGE


def market(**columns: Any) -> Exchange:
    """BTCUSDT at 40,000, tick 0.1, lot 0.001, with these filters."""
    exchange = Exchange(world.rulebook(replace(world.btc(), **columns)))
    commands = [world.prices((0, to_e8("40000")))]
    for account in (ALICE, BOB):
        commands += [world.account(account), world.deposit(account, "1000000")]
    for command in commands:
        world.submit(exchange, command).raise_if_refused()
    return exchange


def say(exchange: Exchange, command: world.Command) -> Result:
    done = world.submit(exchange, command)
    invariants.check(exchange)
    return done


@pytest.mark.parametrize(
    ("side", "ticks", "refusal"),
    [
        (Side.BUY, 420_000, Refusal.NONE),  # 40,000 × 1.05
        (Side.BUY, 420_001, ABOVE),
        (Side.BUY, 1, Refusal.NONE),  # no bound on the other side: it only rests
        (Side.SELL, 380_000, Refusal.NONE),
        (Side.SELL, 379_999, BELOW),
        (Side.SELL, 800_000, Refusal.NONE),
    ],
)
def test_the_price_band_is_where_the_formula_says(side: Side, ticks: int, refusal: Refusal) -> None:
    order = world.limit(ALICE, 0, side, ticks, 100_000 if ticks == 1 else 10)
    assert say(market(**BAND), order).refusal == refusal


def test_a_band_between_two_units_is_compared_exactly() -> None:
    exchange = market(band_up_rate_e8=1)  # mark × 0.00000001 = 0.0004: no tick of 0.1 fits between
    assert say(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 10)).refusal == Refusal.NONE
    assert say(exchange, world.limit(ALICE, 0, Side.BUY, 400_001, 10)).refusal == ABOVE


def test_the_house_has_no_filters() -> None:
    exchange = market(**BAND, order_quantity_max_e8=to_e8("0.01"), market_quantity_max_e8=to_e8("0.01"), orders_max=1)
    for _ in range(2):
        assert say(exchange, world.limit(HOUSE_ACCOUNT, 0, Side.SELL, 100_000, 500)).refusal == Refusal.NONE


def test_an_amendment_stays_within_the_band_and_a_moved_mark_holds_nobody_up() -> None:
    exchange = market(**BAND)
    order = say(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 10)).raise_if_refused().order_id

    def amend(**more: int) -> Refusal:
        return say(exchange, {"kind": CommandKind.AMEND_ORDER, "account": ALICE, "order_id": order, **more}).refusal

    assert amend(price_ticks=420_001) == ABOVE
    say(exchange, world.prices((0, to_e8("30000")))).raise_if_refused()
    assert amend(lots=5) == Refusal.NONE, "the price stays, so nobody asks where it lies"
    assert amend(price_ticks=315_001) == ABOVE
    assert amend(price_ticks=315_000) == Refusal.NONE


def test_a_stop_that_wakes_outside_the_band_expires() -> None:
    exchange = market(**BAND)
    stop = world.limit(ALICE, 0, Side.SELL, 300_000, 10) | {
        "kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP, "trigger_ticks": 390_000,
    }  # fmt: skip
    say(exchange, stop).raise_if_refused()
    events = say(exchange, world.prices((0, to_e8("39000")))).events
    assert events[events["kind"] == EventKind.REFUSED]["code"].tolist() == [BELOW]
    assert events[events["kind"] == EventKind.EXPIRED]["code"].tolist() == [Reason.TRIGGER_REFUSED]


def test_limit_and_market_orders_have_a_largest_quantity_each() -> None:
    exchange = market(order_quantity_max_e8=to_e8("0.05"), market_quantity_max_e8=to_e8("0.0209"))
    say(exchange, world.limit(HOUSE_ACCOUNT, 0, Side.SELL, 400_000, 1_000)).raise_if_refused()
    assert say(exchange, world.limit(ALICE, 0, Side.BUY, 400_000, 51)).refusal == TOO_LARGE
    order = say(exchange, world.limit(ALICE, 0, Side.BUY, 390_000, 50)).raise_if_refused().order_id
    grown = {"kind": CommandKind.AMEND_ORDER, "account": ALICE, "order_id": order, "lots": 51}
    assert say(exchange, grown).refusal == TOO_LARGE
    assert say(exchange, world.market(BOB, 0, Side.BUY, 21)).refusal == TOO_LARGE, "whole lots: 0.0209 holds 20"
    assert say(exchange, world.market(BOB, 0, Side.BUY, 20)).refusal == Refusal.NONE


def test_the_largest_market_order_holds_nobody_up_who_closes() -> None:
    exchange = market(market_quantity_max_e8=to_e8("0.02"))
    say(exchange, world.limit(HOUSE_ACCOUNT, 0, Side.SELL, 400_000, 1_000)).raise_if_refused()
    say(exchange, world.limit(HOUSE_ACCOUNT, 0, Side.BUY, 390_000, 1_000)).raise_if_refused()
    for _ in range(3):
        say(exchange, world.market(ALICE, 0, Side.BUY, 20)).raise_if_refused()
    stop = world.market(ALICE, 0, Side.SELL, 0) | {
        "kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP_MARKET, "trigger_ticks": 395_000,
        "is_close_position": 1,
    }  # fmt: skip
    say(exchange, stop).raise_if_refused()
    say(exchange, world.prices((0, to_e8("39500")))).raise_if_refused()
    assert exchange.position(ALICE, "BTCUSDT").lots == 0


def test_open_and_sleeping_orders_are_counted_apart() -> None:
    exchange = market(orders_max=2, conditional_orders_max=1)
    stop = world.market(ALICE, 0, Side.SELL, 10) | {
        "kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP_MARKET, "trigger_ticks": 300_000,
    }  # fmt: skip
    assert say(exchange, stop).refusal == Refusal.NONE
    assert say(exchange, stop).refusal == Refusal.TOO_MANY_ORDERS
    bid = world.limit(ALICE, 0, Side.BUY, 390_000, 10)
    assert [say(exchange, bid).refusal for _ in range(3)] == [Refusal.NONE, Refusal.NONE, Refusal.TOO_MANY_ORDERS]
    immediate = world.limit(BOB, 0, Side.SELL, 390_000, 10, time_in_force=TimeInForce.IOC)
    assert say(exchange, immediate).refusal == Refusal.NONE
    assert say(exchange, bid).refusal == Refusal.NONE, "one was filled"
