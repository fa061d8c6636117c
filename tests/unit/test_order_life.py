"""Order life: what a client is shown of an order, followed through events alone."""

from __future__ import annotations

import pytest

from isocross import rulebook
from isocross.codes import CommandKind, OrderType, Side, TimeInForce, WorkingType
from isocross.event import rows_of
from isocross.exchange import Exchange
from isocross.units import ONE_E8
from isocross.venue.order_life import OrderLives, OrderRecord, OrderStatus, Origin, trade_id

ALICE, BOB = 2, 3
MARK = 50_000


class World:
    """An exchange whose commands and events are walked as they come."""

    def __init__(self) -> None:
        self.exchange = Exchange(rulebook.load("binance-usdm"), ["BTCUSDT"])
        self.lives = OrderLives()
        self.told: list[OrderRecord] = []
        for account in (ALICE, BOB):
            self.do(CommandKind.CREATE_ACCOUNT, account=account)
            self.do(CommandKind.DEPOSIT, account=account, amount_e8=100_000 * ONE_E8)
        self.mark(MARK)

    def mark(self, mark: float) -> None:
        e8 = round(mark * ONE_E8)
        self.do(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": e8, "mark_e8": e8}])

    def do(self, kind: CommandKind, **fields: object) -> int:
        packed = self.exchange.pack([(kind, {"symbol": 0, **fields})])
        done = self.exchange.submit_batch(packed)
        found = [record for _, record in self.lives.walk(packed, rows_of(done.events), {int(packed["sequence"][0]): "mine"})]
        self.told += found
        self.last = found
        return int(done.results[0]["order_id"])

    def order(self, account: int, side: Side, lots: int, price: float = 0, **fields: object) -> int:
        kind = OrderType.LIMIT if price else OrderType.MARKET
        return self.do(
            CommandKind.PLACE_ORDER,
            account=account, side=side, lots=lots, order_type=kind, price_ticks=round(price * 10), **fields,
        )  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


def test_an_order_is_new_then_filled_in_parts_then_done(world: World) -> None:
    resting = world.order(BOB, Side.SELL, 10, MARK)
    assert [(r.order_id, r.status, r.client_id) for r in world.last] == [(resting, OrderStatus.OPEN, "mine")]
    taker = world.order(ALICE, Side.BUY, 4)
    assert [(r.order_id, r.status, r.filled_lots) for r in world.last] == [
        (taker, OrderStatus.OPEN, 0),
        (taker, OrderStatus.FILLED, 4),
        (resting, OrderStatus.PARTIALLY_FILLED, 4),
    ]
    assert world.last[1].filled_value_e8 == 4 * MARK * ONE_E8 // 1000
    world.do(CommandKind.CANCEL_ORDER, account=BOB, order_id=resting)
    assert (world.last[0].status, world.last[0].filled_lots, world.last[0].lots) == (OrderStatus.CANCELLED, 4, 10)
    assert not world.lives.unfinished


def test_what_a_market_order_could_not_fill_expires(world: World) -> None:
    world.order(BOB, Side.SELL, 3, MARK)
    world.order(ALICE, Side.BUY, 10, MARK, time_in_force=TimeInForce.IOC)
    assert [r.status for r in world.last if r.account == ALICE] == [
        OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.EXPIRED,
    ]  # fmt: skip


def test_an_order_that_meets_its_own_account_expires_in_the_match(world: World) -> None:
    resting = world.order(ALICE, Side.SELL, 3, MARK)
    world.order(BOB, Side.SELL, 3, MARK)
    world.order(ALICE, Side.BUY, 3)
    assert (resting, OrderStatus.EXPIRED_IN_MATCH) in [(r.order_id, r.status) for r in world.last]


def _long(world: World) -> None:
    world.order(BOB, Side.SELL, 10, MARK)
    world.order(ALICE, Side.BUY, 10)


def _stop(world: World, **fields: object) -> int:
    stop = {"order_type": OrderType.STOP_MARKET, "trigger_ticks": (MARK - 1000) * 10, "working_type": WorkingType.MARK_PRICE}
    return world.do(CommandKind.PLACE_CONDITIONAL, account=ALICE, side=Side.SELL, **stop | fields)


def test_a_stop_is_triggered_its_order_bears_its_client_id_and_its_end_is_the_stops_end(world: World) -> None:
    _long(world)
    stop = _stop(world, lots=10, is_reduce_only=1)
    assert world.last[0].is_conditional
    world.order(BOB, Side.BUY, 20, MARK - 1500)
    world.mark(MARK - 1000)
    assert [(r.order_id, r.status) for r in world.last if r.account == ALICE] == [
        (stop, OrderStatus.TRIGGERED),
        (stop + 1, OrderStatus.OPEN),
        (stop + 1, OrderStatus.FILLED),
        (stop, OrderStatus.FINISHED),
    ]
    released = world.last[1]
    assert (released.client_id, released.order_type, released.original_type, released.parent_id) == (
        "mine", OrderType.MARKET, OrderType.STOP_MARKET, stop,
    )  # fmt: skip
    assert stop not in world.lives.unfinished
    assert stop + 1 not in world.lives.unfinished


def test_a_stop_with_nothing_to_close_expires(world: World) -> None:
    stop = _stop(world, is_close_position=1)
    world.mark(MARK - 1000)
    assert [(r.order_id, r.status) for r in world.last] == [
        (stop, OrderStatus.TRIGGERED), (stop + 1, OrderStatus.REJECTED), (stop, OrderStatus.EXPIRED),
    ]  # fmt: skip


def test_an_amendment_that_is_refused_ends_neither_a_released_order_nor_one_that_sleeps(world: World) -> None:
    stop = _stop(world, order_type=OrderType.STOP, price_ticks=(MARK - 1000) * 10, lots=10)
    world.do(CommandKind.AMEND_ORDER, account=ALICE, order_id=stop + 1, lots=5)
    assert (world.last, list(world.lives.unfinished)) == ([], [stop]), "the order it would release does not live yet"
    world.mark(MARK - 1000)
    same = {"account": ALICE, "order_id": stop + 1, "price_ticks": (MARK - 1000) * 10, "lots": 10}
    world.do(CommandKind.AMEND_ORDER, **same)
    assert (world.last, set(world.lives.unfinished)) == ([], {stop, stop + 1}), "it has that price and quantity already"
    world.do(CommandKind.AMEND_ORDER, **same | {"lots": 6})
    assert [(r.order_id, r.status, r.lots) for r in world.last] == [(stop + 1, OrderStatus.OPEN, 6)]


def test_a_liquidation_is_an_order_of_its_own_and_a_takeover_another(world: World) -> None:
    world.do(CommandKind.SET_MARGIN_MODE, account=ALICE, margin_mode=1)
    _long(world)
    world.order(BOB, Side.BUY, 4, MARK * 0.952)
    world.mark(MARK * 0.95)
    own = [r for r in world.last if r.account == ALICE]
    assert own[0].origin == Origin.LIQUIDATION
    assert own[0].client_id == f"autoclose-{own[0].order_id}"
    assert own[-1].status in (OrderStatus.FILLED, OrderStatus.EXPIRED)
    assert len({r.order_id for r in own}) == len({(r.origin, r.lots) for r in own})
    assert not [r for r in world.lives.unfinished.values() if r.account == ALICE]


def test_what_was_told_may_be_taken_up_again(world: World) -> None:
    stop = _stop(world, is_close_position=1)
    other = OrderLives()
    other.restore(world.lives.unfinished.values())
    world.lives = other
    world.do(CommandKind.CANCEL_CONDITIONAL, account=ALICE, order_id=stop)
    assert world.last[0].status == OrderStatus.CANCELLED
    assert world.last[0].client_id == "mine"


def test_trade_ids_grow_with_the_command_and_the_match() -> None:
    ids = [trade_id(sequence, match) for sequence in (1, 2) for match in (0, 1, 2_047)]
    assert ids == sorted(set(ids))
    assert trade_id(2**42 - 1, 5_000) < 2**53
