"""Timers: orders that are good till a time, countdowns, what comes first, and that a refused command's clock runs them too."""

from __future__ import annotations

import pytest

from isocross.codes import CommandKind, EventKind, OrderType, Reason, Refusal, Side, TimeInForce
from isocross.exchange import Exchange, Result
from tests import invariants, world

ALICE, BOB = 2, 3
BTC = world.PRICES["BTCUSDT"]
T = world.START_MS


def market() -> Exchange:
    commands = [world.prices((0, BTC), (1, world.PRICES["DOGEUSDT"])) | {"time_ms": T}]
    for account in (ALICE, BOB):
        commands += [world.account(account), world.deposit(account, "100000")]
    return world.opened(world.usual(), commands)


def good_till(exchange: Exchange, expire_ms: int, account: int = ALICE, ticks: int = 390_000, **more: int) -> Result:
    more |= {"time_in_force": TimeInForce.GTD, "expire_ms": expire_ms}
    return world.submit(exchange, world.limit(account, 0, Side.BUY, ticks, 10, **more))


def clock(exchange: Exchange, time_ms: int) -> Result:
    done = exchange.submit(CommandKind.ADVANCE_CLOCK, time_ms=time_ms).raise_if_refused()
    invariants.check(exchange)
    return done


def ended(done: Result) -> list[tuple[str, int, str]]:
    kinds = {int(EventKind.EXPIRED), int(EventKind.CANCELLED)}
    return [
        (EventKind(int(e["kind"])).name, int(e["order_id"]), Reason(int(e["code"])).name)
        for e in done.events if int(e["kind"]) in kinds
    ]  # fmt: skip


@pytest.mark.parametrize(("after_ms", "is_gone"), [(999, False), (1_000, True), (1_001, True)])
def test_an_order_is_good_till_its_time(after_ms, is_gone):
    exchange = market()
    placed = good_till(exchange, T + 1_000).raise_if_refused()
    done = clock(exchange, T + after_ms)
    assert ended(done) == ([("EXPIRED", placed.order_id, "TIME")] if is_gone else [])
    assert (exchange.order(placed.order_id) is None) == is_gone


@pytest.mark.parametrize(("expire_ms", "refusal"), [(T + 1, Refusal.NONE), (T, Refusal.EXPIRY_NOT_AHEAD), (0, Refusal.EXPIRY_NOT_AHEAD)])
def test_an_expiry_lies_ahead(expire_ms, refusal):
    exchange = market()
    assert good_till(exchange, expire_ms).refusal == refusal
    stop = {"kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP, "trigger_ticks": 410_000}
    assert good_till(exchange, expire_ms, **stop).refusal == refusal
    countdown = exchange.submit(CommandKind.COUNTDOWN_CANCEL, account=ALICE, symbol=0, expire_ms=expire_ms)
    assert countdown.refusal == (Refusal.NONE if expire_ms == 0 else refusal)  # 0 switches off


def test_a_seller_whose_command_comes_at_that_time_does_not_meet_the_order():
    exchange = market()
    placed = good_till(exchange, T + 1_000).raise_if_refused()
    sold = world.submit(exchange, world.limit(BOB, 0, Side.SELL, 390_000, 10) | {"time_ms": T + 1_000}).raise_if_refused()
    assert sold.events["kind"][0] == EventKind.EXPIRED
    assert int(sold.events["order_id"][0]) == placed.order_id
    assert set(sold.events["sequence"].tolist()) == {sold.sequence}
    assert EventKind.FILLED not in sold.events["kind"]
    invariants.check(exchange)


def test_a_refused_command_moves_the_clock_and_with_it_the_timers():
    exchange = market()
    placed = good_till(exchange, T + 1_000).raise_if_refused()
    late = exchange.submit(CommandKind.CANCEL_ORDER, account=ALICE, order_id=placed.order_id, time_ms=T + 1_000)
    assert late.refusal == Refusal.UNKNOWN_ORDER
    assert [EventKind(int(kind)) for kind in late.events["kind"]] == [EventKind.EXPIRED, EventKind.BOOK_LEVEL, EventKind.REFUSED]
    invariants.check(exchange)


def test_what_is_due_happens_in_order_of_time_countdowns_first_then_ids():
    exchange = market()
    ids = [good_till(exchange, T + due, ticks=390_000 - k).raise_if_refused().order_id for k, due in enumerate((30, 20, 20, 10))]
    other = world.submit(exchange, world.limit(BOB, 0, Side.BUY, 380_000, 10)).raise_if_refused().order_id
    exchange.submit(CommandKind.COUNTDOWN_CANCEL, account=BOB, symbol=0, expire_ms=T + 20).raise_if_refused()
    assert [(name, reason) for _, name, reason in ended(clock(exchange, T + 1_000))] == [
        (order_id, "TIME") for order_id in (ids[3], other, ids[1], ids[2], ids[0])
    ]


def test_a_countdown_is_of_one_account_and_symbol_and_leaves_stops():
    exchange = market()
    mine = [world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 390_000 - k, 10)).order_id for k in range(3)]
    stop = {"kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP_MARKET, "trigger_ticks": 410_000}
    kept = [
        world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 0, 10) | stop).raise_if_refused().order_id,
        world.submit(exchange, world.limit(ALICE, 1, Side.BUY, 11_000, 1_000)).raise_if_refused().order_id,
        world.submit(exchange, world.limit(BOB, 0, Side.BUY, 390_000, 10)).raise_if_refused().order_id,
    ]
    done = exchange.submit(CommandKind.COUNTDOWN_CANCEL, account=ALICE, symbol=0, expire_ms=T + 500).raise_if_refused()
    assert (int(done.events["kind"][0]), int(done.events["value_e8"][0])) == (EventKind.COUNTDOWN_SET, T + 500)
    assert exchange.countdown_ms(ALICE, 0) == T + 500
    assert ended(clock(exchange, T + 500)) == [("CANCELLED", order_id, "TIME") for order_id in mine]
    assert [order.order_id for order in exchange.orders()] == kept
    assert exchange.countdown_ms(ALICE, 0) == 0
    again = world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 390_000, 10)).raise_if_refused()
    assert ended(clock(exchange, T + 10_000)) == []  # it counts once
    assert exchange.order(again.order_id) is not None


def test_a_countdown_that_is_renewed_or_switched_off_does_not_fire():
    exchange = market()
    order_id = world.submit(exchange, world.limit(ALICE, 0, Side.BUY, 390_000, 10)).raise_if_refused().order_id
    for beat in range(400):
        at = {"time_ms": T + 100 * beat, "expire_ms": T + 100 * beat + 300}
        exchange.submit(CommandKind.COUNTDOWN_CANCEL, account=ALICE, symbol=0, **at).raise_if_refused()
    assert len(exchange._state.arrays["timers"]) == 64  # what was renewed is swept
    assert exchange.order(order_id) is not None
    exchange.submit(CommandKind.COUNTDOWN_CANCEL, account=ALICE, symbol=0, expire_ms=0).raise_if_refused()
    clock(exchange, T + 10**6)
    assert exchange.order(order_id) is not None


def test_a_conditional_expires_asleep_and_what_it_released_expires_at_the_same_time():
    exchange = market()
    stop = {"kind": CommandKind.PLACE_CONDITIONAL, "order_type": OrderType.STOP}
    asleep = good_till(exchange, T + 1_000, ticks=420_000, trigger_ticks=440_000, **stop).raise_if_refused()
    fired = good_till(exchange, T + 1_000, ticks=395_000, trigger_ticks=410_000, **stop).raise_if_refused()
    world.submit(exchange, world.prices((0, BTC * 103 // 100)) | {"time_ms": T + 500}).raise_if_refused()
    assert exchange.order(fired.order_id + 1).expire_ms == T + 1_000
    assert ended(clock(exchange, T + 1_000)) == [
        ("EXPIRED", asleep.order_id, "TIME"), ("EXPIRED", fired.order_id + 1, "TIME")
    ]  # fmt: skip
    assert not exchange.orders()


def test_many_timers_park_and_are_the_same_after_restore_preview_and_in_one_batch():
    exchange = market()
    for k in range(300):
        good_till(exchange, T + 1_000 + k % 7, account=(ALICE, BOB)[k % 2], ticks=390_000 - k // 2).raise_if_refused()
    cramped = Exchange.restore(exchange.snapshot(), exchange.rulebook)
    cramped._state._allocate("events", 8)
    cramped._state.control["event_threshold"] = 6
    assert cramped.state_hash() == exchange.state_hash()
    before = exchange.used_bytes()
    with exchange.previewing():
        shown = exchange.submit(CommandKind.ADVANCE_CLOCK, time_ms=T + 1_003)
    invariants.assert_same_rows(before, exchange.used_bytes())
    parked, done = (clock(one, T + 1_003) for one in (cramped, exchange))
    assert shown.events.tobytes() == done.events.tobytes() == parked.events.tobytes()
    assert cramped.state_hash() == exchange.state_hash()
    assert len(ended(done)) == sum(k % 7 <= 3 for k in range(300))
