"""The checklist's numbers before an order are those after it: the account, and what its stop really loses."""

from __future__ import annotations

import random

import pytest

import isocross as ix
from isocross.codes import CommandKind, EventKind, OrderType, Side
from isocross.policy.checklist import Checklist
from isocross.policy.planned import PlannedOrder
from tests import invariants

HOUSE = 1
PRICES = {"BTCUSDT": 60_000, "ETHUSDT": 3_000, "SOLUSDT": 150}


def account_of(rng: random.Random) -> ix.Sandbox:
    """A sandbox with one account that has some positions, and some luck behind it."""
    box = ix.Sandbox("binance-usdm", **PRICES)
    me = box.account("me", USDT=rng.choice([2_000, 20_000]))
    for symbol in PRICES:
        if rng.random() < 0.6:
            me.configure(symbol, mode=rng.choice(["cross", "isolated"]), leverage=rng.choice([3, 10, 50]))
        if rng.random() < 0.5:
            try:
                me.order(symbol, rng.choice(["buy", "sell"]), margin=rng.choice([50, 400]))
            except ix.RefusedError:
                continue
    box.mark(**{symbol: round(price * rng.uniform(0.985, 1.015), 1) for symbol, price in PRICES.items()})
    return box


def order_of(rng: random.Random, box: ix.Sandbox) -> PlannedOrder:
    """A market order, its stop on the losing side of a fresh position."""
    symbol = rng.choice(list(PRICES))
    rules = box.exchange.rules(symbol)
    mark_ticks = box.exchange.mark_e8(symbol) // rules.tick_e8
    side = rng.choice(list(Side))
    away = int(mark_ticks * rng.choice([0.01, 0.03, 0.1]))
    lots = rng.randint(1, max(2, 8_000 * 10**16 // (rules.step_e8 * box.exchange.mark_e8(symbol))))
    stop = mark_ticks - away if side == Side.BUY else mark_ticks + away
    return PlannedOrder(symbol, side, lots, stop_ticks=stop)


def check(seed: int) -> None:
    rng = random.Random(f"check {seed}")
    box = account_of(rng)
    exchange, me = box.exchange, box.accounts["me"].number
    order, row = None, 0
    before = exchange.used_bytes()
    for _ in range(3):
        order = order_of(rng, box)
        row = exchange.symbol_row(order.symbol)
        bare = PlannedOrder(order.symbol, order.side, order.lots)
        if Checklist(box).check(bare).aftermath.is_opening:
            break
    assert order is not None
    if not Checklist(box).check(PlannedOrder(order.symbol, order.side, order.lots)).aftermath.is_opening:
        order = PlannedOrder(order.symbol, order.side, order.lots)
    found = Checklist(box).check(order).aftermath
    invariants.assert_same_rows(before, exchange.used_bytes())
    equity_e8 = exchange.wallet(me).equity_e8
    done = exchange.submit(CommandKind.PLACE_ORDER, account=me, symbol=row, **order.fields)
    assert done.refusal == found.refusal
    assert exchange.position(me, row) == found.after
    assert exchange.wallet(me) == found.wallet_after
    if found.is_opening and order.stop_ticks is not None:
        check_stop(box, order, row, equity_e8, found)


def check_stop(box: ix.Sandbox, order: PlannedOrder, row: int, equity_e8: int, found) -> None:
    """Place the stop, leave nothing but its counterparty in the book, and go there."""
    exchange, me = box.exchange, box.accounts["me"].number
    closing = Side.SELL if order.side == Side.BUY else Side.BUY
    lots, ticks = abs(found.after.lots), order.stop_ticks
    assert ticks is not None
    exchange.submit(CommandKind.QUOTE, symbol=row, mid_e8=exchange.mark_e8(row), level_count=0)
    exchange.submit(
        CommandKind.PLACE_CONDITIONAL, account=me, symbol=row, side=closing, order_type=OrderType.STOP_MARKET,
        trigger_ticks=ticks, is_close_position=1,
    ).raise_if_refused()  # fmt: skip
    exchange.submit(
        CommandKind.PLACE_ORDER, account=HOUSE, symbol=row, side=order.side, order_type=OrderType.LIMIT, price_ticks=ticks, lots=lots
    ).raise_if_refused()  # fmt: skip
    due_e8 = found.after.liquidation_mark_e8
    to_e8 = ticks * found.rules.tick_e8
    if due_e8 is not None and not found.is_stop_first:
        to_e8 = due_e8
    events = exchange.submit(CommandKind.PRICES, records=[{"symbol": row, "index_e8": to_e8}]).events
    begun = (events["kind"] == EventKind.LIQUIDATION_STARTED) & (events["account"] == me)
    assert bool(begun.any()) != found.is_stop_first
    if found.is_stop_first:
        assert exchange.position(me, row).lots == 0
        assert equity_e8 - exchange.wallet(me).equity_e8 == found.loss_e8
    invariants.check(exchange)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_checked_is_what_happens(seed):
    check(seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1_000, 1_400))
def test_what_is_checked_very_often_is_what_happens(seed):
    check(seed)
