"""Hedge mode: a long and a short of one symbol: switching, orders, margin, wallets, who dies, what is shown."""

from __future__ import annotations

import pytest

from isocross.codes import CommandKind, EventKind, MarginMode, OrderType, PositionMode, PositionSide, Refusal, Side
from isocross.errors import InputError
from isocross.exchange import Exchange, Result
from isocross.units import ONE_E8, to_e8
from tests import invariants, world
from tests.world import Command

ALICE, BOB, HOUSE = 2, 3, 1
BTC, DOGE = 0, 1
BOTH, LONG, SHORT = (int(side) for side in PositionSide)
BUY, SELL = Side.BUY, Side.SELL
MARK = 40_000 * ONE_E8


def hedged(*more: Command, fund: str = "1000000", money: str = "100000", **columns: object) -> Exchange:
    """Alice in hedge mode at 10x, a deep ladder around 40,000, and some commands that are all accepted."""
    commands = [
        world.prices((BTC, MARK), (DOGE, 12_000_000)),
        world.ladder(BTC, MARK, notional="10000000", half_spread=0),
        world.account(ALICE),
        world.account(BOB),
        world.deposit(ALICE, money),
        world.deposit(BOB, "100000"),
        world.position_mode(ALICE, PositionMode.HEDGE),
        world.leverage(ALICE, BTC, 10),
    ]
    if fund != "0":
        commands.append(world.fund(fund))
    return world.opened(world.rulebook(world.btc(), world.doge(), **columns), [*commands, *more])


def order(side: int, position_side: int, lots: int, price_ticks: int = 0, **fields: int) -> Command:
    """Alice's, at market without a price."""
    made = world.limit(ALICE, BTC, side, price_ticks, lots) if price_ticks else world.market(ALICE, BTC, side, lots)
    return made | {"position_side": position_side} | fields


def stop(side: int, position_side: int, trigger_ticks: int, **fields: int) -> Command:
    """Alice's stop on mark."""
    made = {"kind": CommandKind.PLACE_CONDITIONAL, "account": ALICE, "symbol": BTC, "side": int(side), "lots": 1}
    made |= {"order_type": OrderType.STOP_MARKET, "trigger_ticks": trigger_ticks, "position_side": position_side}
    return made | fields


def margin(kind: CommandKind, position_side: int, amount: str = "1") -> Command:
    """Alice's, added or removed."""
    return {"kind": kind, "account": ALICE, "symbol": BTC, "position_side": position_side, "amount_e8": to_e8(amount)}


def send(exchange: Exchange, command: Command) -> Result:
    done = world.submit(exchange, command)
    invariants.check(exchange)
    return done


def kinds(done: Result) -> list[EventKind]:
    return [EventKind(int(kind)) for kind in done.events["kind"]]


# ---- switching

ISOLATED = world.mode(ALICE, BTC, MarginMode.ISOLATED)
PAIR = [order(BUY, LONG, 100), order(SELL, SHORT, 80)]


@pytest.mark.parametrize(
    ("before", "wanted", "refusal"),
    [
        ([], PositionMode.HEDGE, Refusal.POSITION_MODE_UNCHANGED),
        ([], PositionMode.ONE_WAY, Refusal.NONE),
        ([], 2, Refusal.POSITION_MODE_UNKNOWN),
        ([order(BUY, LONG, 1, 390_000)], PositionMode.ONE_WAY, Refusal.POSITION_MODE_HAS_ORDERS),
        ([stop(BUY, LONG, 410_000)], PositionMode.ONE_WAY, Refusal.POSITION_MODE_HAS_ORDERS),
        ([stop(BUY, LONG, 410_000)], PositionMode.HEDGE, Refusal.POSITION_MODE_UNCHANGED),
        ([order(SELL, SHORT, 1)], PositionMode.ONE_WAY, Refusal.POSITION_MODE_HAS_POSITION),
        ([order(SELL, SHORT, 1)], 2, Refusal.POSITION_MODE_HAS_POSITION),
        ([order(SELL, SHORT, 1), order(BUY, LONG, 1, 390_000)], PositionMode.ONE_WAY, Refusal.POSITION_MODE_HAS_ORDERS),
        ([order(SELL, SHORT, 1), order(BUY, SHORT, 1)], PositionMode.ONE_WAY, Refusal.NONE),
    ],
)
def test_the_position_mode_is_switched_only_flat_and_orderless(before: list, wanted: int, refusal: Refusal) -> None:
    exchange = hedged(*before)
    done = send(exchange, world.position_mode(ALICE, wanted))
    assert done.refusal == refusal
    assert exchange.position_mode(ALICE) == (wanted if refusal == Refusal.NONE else PositionMode.HEDGE)
    if refusal == Refusal.NONE:
        assert (int(done.events["kind"][0]), int(done.events["code"][0])) == (EventKind.POSITION_MODE_SET, wanted)


def test_the_mode_is_of_the_whole_account_and_of_no_house() -> None:
    exchange = hedged(world.limit(BOB, DOGE, BUY, 11_000, 1_000))
    assert send(exchange, world.position_mode(BOB, PositionMode.HEDGE)).refusal == Refusal.POSITION_MODE_HAS_ORDERS
    assert send(exchange, world.position_mode(HOUSE, PositionMode.HEDGE)).refusal == Refusal.NOT_SUPPORTED
    assert send(exchange, world.position_mode(77, PositionMode.HEDGE)).refusal == Refusal.UNKNOWN_ACCOUNT


# ---- orders


@pytest.mark.parametrize("command", [order(BUY, BOTH, 1), order(BUY, 3, 1), stop(BUY, BOTH, 410_000), margin(CommandKind.ADD_MARGIN, BOTH)])
def test_hedge_mode_asks_for_a_side(command: Command) -> None:
    assert send(hedged(), command).refusal == Refusal.POSITION_SIDE_MISMATCH


@pytest.mark.parametrize("command", [order(BUY, LONG, 1), order(SELL, SHORT, 1), stop(BUY, LONG, 410_000), margin(CommandKind.ADD_MARGIN, LONG)])
def test_one_way_mode_has_no_sides(command: Command) -> None:
    exchange = hedged(world.position_mode(ALICE, PositionMode.ONE_WAY))
    assert send(exchange, command).refusal == Refusal.POSITION_SIDE_MISMATCH


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (order(SELL, LONG, 1), Refusal.REDUCE_ONLY_REJECTED),  # no long to close
        (order(BUY, SHORT, 1), Refusal.REDUCE_ONLY_REJECTED),
        (order(BUY, LONG, 1, is_reduce_only=1), Refusal.REDUCE_ONLY_REJECTED),  # it opens
        (stop(BUY, LONG, 410_000, is_reduce_only=1), Refusal.REDUCE_ONLY_REJECTED),
        (stop(BUY, LONG, 410_000, is_close_position=1, lots=0), Refusal.REDUCE_ONLY_REJECTED),
        (stop(SELL, LONG, 390_000, is_reduce_only=1), Refusal.NONE),
        (stop(BUY, SHORT, 410_000, is_close_position=1, lots=0), Refusal.NONE),
    ],
)
def test_the_two_sides_of_an_order_say_what_it_is_for(command: Command, refusal: Refusal) -> None:
    assert send(hedged(), command).refusal == refusal


@pytest.mark.parametrize("is_reduce_only", [0, 1])
def test_a_closing_order_closes_its_leg_and_no_more(is_reduce_only: int) -> None:
    exchange = hedged(*PAIR)
    done = send(exchange, order(SELL, LONG, 250, is_reduce_only=is_reduce_only))
    assert done.is_accepted
    assert [exchange.position(ALICE, BTC, PositionSide(side)).lots for side in (LONG, SHORT)] == [0, -80]
    assert EventKind.EXPIRED in kinds(done)


def test_a_resting_close_goes_with_its_leg() -> None:
    exchange = hedged(*PAIR, order(SELL, LONG, 60, 450_000), order(BUY, SHORT, 60, 350_000))
    assert exchange.wallet(ALICE).available_e8 == hedged(*PAIR).wallet(ALICE).available_e8  # they hold nothing
    done = send(exchange, order(SELL, LONG, 100))
    cancelled = done.events[done.events["kind"] == EventKind.CANCELLED]
    assert cancelled["position_side"].tolist() == [LONG]
    assert [one.position_side for one in exchange.orders(ALICE)] == [PositionSide.SHORT]


def test_a_stop_closes_its_own_side() -> None:
    exchange = hedged(*PAIR, stop(SELL, LONG, 399_000, is_close_position=1, lots=0))
    done = send(exchange, world.prices((BTC, 39_900 * ONE_E8)))
    assert done.events["position_side"][done.events["kind"] == EventKind.TRIGGERED].tolist() == [LONG]
    assert [exchange.position(ALICE, BTC, PositionSide(side)).lots for side in (LONG, SHORT)] == [0, -80]


# ---- margin and settings


@pytest.mark.parametrize(
    ("more", "required_lots"),
    [
        ([], 180),  # 100 long + 80 short
        ([order(BUY, LONG, 10, 399_000)], 190),
        ([order(SELL, SHORT, 10, 401_000)], 190),
        ([order(BUY, LONG, 10, 399_000), order(SELL, SHORT, 7, 401_000)], 197),
        ([order(SELL, LONG, 10, 401_000), order(BUY, SHORT, 7, 399_000)], 180),
    ],
)
def test_both_sides_ask_for_margin(more: list, required_lots: int) -> None:
    exchange = hedged(*PAIR, *more)
    held = sum(view.margin_held_e8 for view in exchange.positions(ALICE))
    assert held == required_lots * 40_000 * ONE_E8 // 1_000 // 10  # lots × 0.001 BTC × 40,000 ÷ 10
    view = exchange.wallet(ALICE)
    assert view.available_e8 == view.cross_wallet_e8 + view.unrealized_pnl_e8 - held


def test_leverage_is_shared_and_asked_of_both_sides() -> None:
    exchange = hedged(*PAIR, money="1000")  # 720 of initial margin, fees of 3.6
    assert send(exchange, world.leverage(ALICE, BTC, 7)).refusal == Refusal.LEVERAGE_MARGIN_INSUFFICIENT  # 1,028.6
    assert send(exchange, world.leverage(ALICE, BTC, 8)).refusal == Refusal.NONE  # 900
    assert {view.leverage for view in exchange.positions(ALICE)} == {8}
    assert send(hedged(*PAIR, order(SELL, SHORT, 1_300)), world.leverage(ALICE, BTC, 125)).refusal == Refusal.LEVERAGE_ABOVE_BRACKET
    assert send(hedged(order(SELL, SHORT, 1), order(BUY, LONG, 1_300)), world.leverage(ALICE, BTC, 125)).refusal == Refusal.LEVERAGE_ABOVE_BRACKET
    isolated = hedged(ISOLATED, order(SELL, SHORT, 10))
    assert send(isolated, world.leverage(ALICE, BTC, 9)).refusal == Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION


@pytest.mark.parametrize("leg", [order(BUY, LONG, 1), order(SELL, SHORT, 1)])
def test_either_side_holds_the_margin_mode(leg: Command) -> None:
    assert send(hedged(leg), ISOLATED).refusal == Refusal.MARGIN_MODE_HAS_POSITION


def test_each_isolated_leg_has_its_own_wallet() -> None:
    exchange = hedged(ISOLATED, *PAIR)
    before = exchange.position(ALICE, BTC, PositionSide.SHORT)
    long_wallet_e8 = exchange.position(ALICE, BTC, PositionSide.LONG).isolated_wallet_e8
    assert before.isolated_wallet_e8 >= to_e8("320")  # 80 lots of 40, ÷ 10, and what it sold below the mark
    assert long_wallet_e8 >= to_e8("400")
    assert send(exchange, margin(CommandKind.ADD_MARGIN, LONG, "50")).is_accepted
    assert exchange.position(ALICE, BTC, PositionSide.LONG).isolated_wallet_e8 == long_wallet_e8 + to_e8("50")
    assert exchange.position(ALICE, BTC, PositionSide.SHORT) == before
    assert send(exchange, margin(CommandKind.REMOVE_MARGIN, SHORT, "1")).refusal == Refusal.MARGIN_REMOVE_TOO_LARGE
    assert send(exchange, margin(CommandKind.REMOVE_MARGIN, LONG, "50")).is_accepted
    assert exchange.max_remove_margin(ALICE, BTC, PositionSide.LONG) == 0


# ---- who dies


def test_an_isolated_leg_dies_and_the_other_is_untouched() -> None:
    exchange = hedged(ISOLATED, *PAIR, world.ladder(BTC, MARK, notional="0"))
    price = exchange.liquidation_price(ALICE, BTC, PositionSide.LONG)
    assert price is not None
    before = exchange.table("positions")[exchange.position_row(ALICE, BTC, PositionSide.SHORT)].copy()
    cross = exchange.wallet(ALICE).cross_wallet_e8
    done = send(exchange, world.prices((BTC, price)))
    started = done.events[done.events["kind"] == EventKind.LIQUIDATION_STARTED]
    assert (started["position_side"].tolist(), started["lots"].tolist()) == ([LONG], [100])
    assert exchange.position(ALICE, BTC, PositionSide.LONG).lots == 0
    assert exchange.table("positions")[exchange.position_row(ALICE, BTC, PositionSide.SHORT)] == before
    assert exchange.wallet(ALICE).cross_wallet_e8 == cross


def test_a_pool_goes_over_its_legs_in_order_of_symbol_and_side() -> None:
    columns = {"fees": ("0", "0", "0.0125")}
    book = world.rulebook(world.btc(**columns))
    exchange = world.opened(
        book,
        [
            world.prices((BTC, MARK)),
            world.ladder(BTC, MARK, notional="10000000", half_spread=0),
            world.account(ALICE),
            world.deposit(ALICE, "1000"),
            world.position_mode(ALICE, PositionMode.HEDGE),
            world.leverage(ALICE, BTC, 100),
            order(SELL, SHORT, 500),
            order(BUY, LONG, 500),
            world.ladder(BTC, MARK, notional="0"),
            world.fund("1000000"),
        ],
    )
    below, above = exchange.liquidation_prices(ALICE, BTC)
    assert below is None and above is not None and above > MARK  # both requirements grow as the mark rises
    done = send(exchange, world.prices((BTC, above)))
    orders = done.events[done.events["kind"] == EventKind.LIQUIDATION_ORDER]
    assert orders["position_side"].tolist() == [LONG, SHORT]
    taken = done.events[done.events["kind"] == EventKind.TAKEOVER]
    assert taken["position_side"].tolist() == [LONG, SHORT]
    assert exchange.wallet(ALICE).cross_wallet_e8 == 0


def test_the_own_other_leg_comes_before_the_house() -> None:
    """Nobody but the house holds the other side, and the fund is empty and under water: the two legs close each other."""
    exchange = world.opened(
        world.rulebook(world.btc(fees=("0", "0", "0.0125"))),
        [
            world.prices((BTC, MARK)),
            world.ladder(BTC, MARK, notional="10000000", half_spread=0),
            world.account(BOB),  # whose losing short the fund takes over, and then lies under water
            world.deposit(BOB, "1010"),
            world.leverage(BOB, BTC, 40),
            world.market(BOB, BTC, SELL, 1_000),
            world.account(ALICE),
            world.deposit(ALICE, "1000"),
            world.position_mode(ALICE, PositionMode.HEDGE),
            world.leverage(ALICE, BTC, 100),
            order(SELL, SHORT, 510),
            order(BUY, LONG, 500),
            world.ladder(BTC, MARK, notional="0"),
            world.prices((BTC, 40_900 * ONE_E8)),
        ],
    )
    assert exchange.position(0, BTC).lots == -1_000  # Bob's
    _, above = exchange.liquidation_prices(ALICE, BTC)
    assert above is not None
    done = send(exchange, world.prices((BTC, above)))
    adl = done.events[(done.events["kind"] == EventKind.ADL) & (done.events["account"] == ALICE)]
    assert (adl["counterparty"].tolist(), adl["position_side"].tolist(), adl["lots"].tolist()) == ([ALICE], [SHORT], [500])
    taken = done.events[(done.events["kind"] == EventKind.TAKEOVER) & (done.events["account"] == ALICE)]
    assert (taken["counterparty"].tolist(), taken["lots"].tolist()) == ([HOUSE], [-10])
    assert not exchange.positions(ALICE)
    assert exchange.wallet(ALICE).cross_wallet_e8 >= 0


# ---- what is shown


def test_a_question_about_two_legs_names_one() -> None:
    exchange = hedged(*PAIR)
    with pytest.raises(InputError, match="account 2 holds LONG and SHORT of BTCUSDT: name the position side"):
        exchange.position(ALICE, BTC)
    assert exchange.position(ALICE, BTC, PositionSide.SHORT).lots == -80
    assert "BTCUSDT long cross 10x" in repr(exchange.position(ALICE, BTC, PositionSide.LONG))
    assert exchange.position(ALICE, DOGE).position_side == PositionSide.LONG  # flat: the first there would be
    one = hedged(order(SELL, SHORT, 3))
    assert one.position(ALICE, BTC).lots == -3


def test_a_preview_of_a_hedge_leaves_every_row_as_it_was() -> None:
    exchange = hedged(*PAIR)
    before = exchange.used_bytes()
    for command in (order(SELL, LONG, 30), order(BUY, LONG, 5, 390_000), world.position_mode(ALICE, 0), world.prices((BTC, 10**12))):
        fields = dict(command)
        exchange.preview(fields.pop("kind"), **fields)
        invariants.assert_same_rows(before, exchange.used_bytes())


def test_a_snapshot_keeps_the_mode_and_the_legs() -> None:
    exchange = hedged(*PAIR, order(BUY, LONG, 5, 390_000))
    other = Exchange.restore(exchange.snapshot(), exchange.rulebook)
    assert other.state_hash() == exchange.state_hash()
    assert other.position_mode(ALICE) == PositionMode.HEDGE
    assert other.positions(ALICE) == exchange.positions(ALICE)
