"""Listings: a symbol's status, a delisting with settlement, other brackets and fees while positions are open."""

from __future__ import annotations

import pytest

from isocross.codes import (
    CommandKind,
    EventKind,
    MarginMode,
    OrderType,
    PositionMode,
    Reason,
    Refusal,
    Side,
    SymbolStatus,
)
from isocross.exchange import Exchange, Result
from isocross.kernel.schema import NO_ROW
from isocross.units import ONE_E8, to_e8
from tests import invariants, world
from tests.world import Command

ALICE, BOB, HOUSE = 2, 3, 1
BTC, DOGE = 0, 1
MARK = 40_000 * ONE_E8
TRADING, REDUCE_ONLY, PAUSED, DELISTED = SymbolStatus


def listed(*more: Command) -> Exchange:
    """Alice long 1 BTC at 10x, isolated; Bob short 0.4 in cross; a deep ladder, a rich fund."""
    commands = [
        world.prices((BTC, MARK), (DOGE, 12_000_000)),
        world.ladder(BTC, MARK, notional="10000000", half_spread=0),
        world.fund("1000000"),
        world.account(ALICE),
        world.account(BOB),
        world.deposit(ALICE, "10000"),
        world.deposit(BOB, "10000"),
        world.mode(ALICE, BTC, MarginMode.ISOLATED),
        world.leverage(ALICE, BTC, 10),
        world.market(ALICE, BTC, Side.BUY, 1_000),
        world.market(BOB, BTC, Side.SELL, 400),
    ]
    return world.opened(world.rulebook(world.btc(), world.doge()), [*commands, *more])


def status(wanted: int, symbol: int = BTC) -> Command:
    return {"kind": CommandKind.SET_SYMBOL_STATUS, "symbol": symbol, "symbol_status": int(wanted)}


def table(*rows: tuple[str, int, int], cap: str = "80000000", symbol: int = BTC) -> Command:
    """SET_BRACKETS of (floor, rate × 10^8, leverage)."""
    records = [{"amount_e8": to_e8(floor), "rate_e8": rate, "leverage": leverage} for floor, rate, leverage in rows]
    return {"kind": CommandKind.SET_BRACKETS, "symbol": symbol, "amount_e8": to_e8(cap), "records": records}


def fees(*rates: int, symbol: int = BTC, account: int = 0) -> Command:
    """SET_FEES: maker, taker, of a liquidation."""
    return {"kind": CommandKind.SET_FEES, "symbol": symbol, "account": account, "records": [{"rate_e8": rate} for rate in rates]}


def stop(account: int, side: int, trigger_ticks: int) -> Command:
    made = {"kind": CommandKind.PLACE_CONDITIONAL, "account": account, "symbol": BTC, "side": int(side), "lots": 1}
    return made | {"order_type": OrderType.STOP_MARKET, "trigger_ticks": trigger_ticks}


def send(exchange: Exchange, command: Command) -> Result:
    done = world.submit(exchange, command)
    invariants.check(exchange)
    return done


def reasons(done: Result) -> list[Reason]:
    return [Reason(int(one["code"])) for one in done.events[done.events["kind"] == EventKind.CANCELLED]]


# ---- status


@pytest.mark.parametrize(
    ("before", "command", "refusal"),
    [
        ([], status(TRADING), Refusal.NONE),
        ([], status(4), Refusal.SYMBOL_STATUS_UNKNOWN),
        ([], status(-1), Refusal.SYMBOL_STATUS_UNKNOWN),
        ([], status(PAUSED, symbol=9), Refusal.UNKNOWN_SYMBOL),
        ([status(PAUSED)], status(TRADING), Refusal.NONE),
        ([status(DELISTED)], status(TRADING), Refusal.SYMBOL_DELISTED),
        ([status(DELISTED)], status(4), Refusal.SYMBOL_STATUS_UNKNOWN),
        ([status(DELISTED)], status(DELISTED), Refusal.NONE),
    ],
)
def test_a_status_is_set(before: list, command: Command, refusal: Refusal) -> None:
    exchange = listed(*before)
    done = send(exchange, command)
    assert done.refusal == refusal
    if refusal == Refusal.NONE:
        assert exchange.symbol_status(BTC) == command["symbol_status"]
        assert (done.events["kind"][0], done.events["code"][0]) == (EventKind.SYMBOL_STATUS_SET, command["symbol_status"])


BUY_MORE = world.limit(BOB, BTC, Side.SELL, 401_000, 5)
CLOSE = world.market(BOB, BTC, Side.BUY, 5, is_reduce_only=1)


@pytest.mark.parametrize(
    ("wanted", "command", "refusal"),
    [
        (REDUCE_ONLY, BUY_MORE, Refusal.SYMBOL_NOT_TRADING),
        (REDUCE_ONLY, CLOSE, Refusal.NONE),
        (REDUCE_ONLY, world.limit(HOUSE, BTC, Side.SELL, 401_000, 5), Refusal.NONE),
        (REDUCE_ONLY, stop(BOB, Side.BUY, 410_000), Refusal.NONE),
        (PAUSED, CLOSE, Refusal.SYMBOL_NOT_TRADING),
        (PAUSED, world.limit(HOUSE, BTC, Side.SELL, 401_000, 5), Refusal.SYMBOL_NOT_TRADING),
        (PAUSED, stop(BOB, Side.BUY, 410_000), Refusal.SYMBOL_NOT_TRADING),
        (DELISTED, CLOSE, Refusal.SYMBOL_NOT_TRADING),
    ],
)
def test_what_a_status_lets_in(wanted: int, command: Command, refusal: Refusal) -> None:
    assert send(listed(status(wanted)), command).refusal == refusal


def test_reduce_only_cancels_what_may_open() -> None:
    exchange = listed(
        world.limit(ALICE, BTC, Side.SELL, 450_000, 10, is_reduce_only=1),
        world.limit(BOB, BTC, Side.SELL, 450_000, 10),
        stop(BOB, Side.BUY, 410_000),
    )
    done = send(exchange, status(REDUCE_ONLY))
    assert reasons(done) == [Reason.SYMBOL_CLOSED]
    assert [(one.account, one.is_reduce_only) for one in exchange.orders() if one.account != HOUSE] == [(ALICE, True), (BOB, False)]
    assert exchange.book(BTC)["bids"]  # the maker stays, or nobody could reduce


def test_paused_lets_cancel_and_liquidate() -> None:
    exchange = listed(world.limit(BOB, BTC, Side.SELL, 450_000, 10), world.ladder(BTC, MARK, notional="0"), status(PAUSED))
    order = next(one for one in exchange.orders() if one.account == BOB)
    assert send(exchange, {"kind": CommandKind.CANCEL_ORDER, "account": BOB, "order_id": order.order_id}).is_accepted
    assert send(exchange, world.ladder(BTC, MARK)).is_accepted
    assert not exchange.book(BTC)["bids"]
    done = send(exchange, world.prices((BTC, 36_000 * ONE_E8)))
    assert EventKind.LIQUIDATION_ENDED in done.events["kind"]
    assert exchange.position(ALICE, BTC).lots == 0


# ---- delisting


@pytest.mark.parametrize("mark", [40_000 * ONE_E8, 41_234 * ONE_E8 + 12_345_677, 37_777 * ONE_E8 + 7])
def test_a_delisting_settles_everybody_at_the_mark(mark: int) -> None:
    exchange = listed(
        world.limit(BOB, BTC, Side.SELL, 450_000, 10),
        stop(ALICE, Side.SELL, 350_000),
        world.prices((BTC, mark)),
    )
    before = {account: (exchange.wallet(account).equity_e8, exchange.wallet(account).unrealized_pnl_e8) for account in (0, 1, ALICE, BOB)}
    done = send(exchange, status(DELISTED))
    assert set(reasons(done)) == {Reason.DELISTED}
    assert not exchange.orders() and not (exchange.table("positions")["lots"] != 0).any()
    after = {account: exchange.wallet(account).equity_e8 for account in before}
    for account in (1, ALICE, BOB):
        assert after[account] == before[account][0], "settled at what it was worth, to the unit"
    assert 0 <= after[0] - before[0][0] <= 3  # what rounding left
    moved = done.events[done.events["kind"] == EventKind.MARGIN_MOVED]
    assert (moved["account"].tolist(), moved["code"].tolist(), moved["balance_e8"].tolist()) == ([ALICE], [Reason.DELISTED], [0])
    assert exchange.wallet(BOB).available_e8 == after[BOB]


def test_both_legs_of_a_hedge_are_settled() -> None:
    exchange = listed(
        world.account(4),
        world.deposit(4, "5000"),
        world.position_mode(4, PositionMode.HEDGE),
        world.market(4, BTC, Side.BUY, 30, position_side=1),
        world.market(4, BTC, Side.SELL, 20, position_side=2),
    )
    equity = exchange.wallet(4).equity_e8
    assert send(exchange, status(DELISTED)).is_accepted
    assert not exchange.positions(4)
    assert exchange.wallet(4).cross_wallet_e8 == equity


def test_a_preview_of_a_delisting_leaves_every_row() -> None:
    exchange = listed(world.limit(BOB, BTC, Side.SELL, 450_000, 10))
    before = exchange.used_bytes()
    for command in (status(DELISTED), table(("0", 20_000_000, 5)), table(("0", 400_000, 50), ("10000", 500_000, 40)), fees(1, 2)):
        fields = dict(command)
        exchange.preview(fields.pop("kind"), **fields)
        invariants.assert_same_rows(before, exchange.used_bytes())


# ---- brackets

GOOD = [("0", 400_000, 50), ("50000", 1_000_000, 20)]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (table(*GOOD), Refusal.NONE),
        (table(("0", ONE_E8, 1)), Refusal.NONE),
        (table(*GOOD, symbol=7), Refusal.UNKNOWN_SYMBOL),
        (table(("1", 400_000, 50)), Refusal.BRACKETS_MALFORMED),  # begins above 0
        (table(*GOOD, ("50000", 1_000_000, 20)), Refusal.BRACKETS_MALFORMED),  # does not ascend
        (table(("0", 0, 50)), Refusal.BRACKETS_MALFORMED),
        (table(("0", ONE_E8 + 1, 50)), Refusal.BRACKETS_MALFORMED),
        (table(("0", 500_000, 50), ("50000", 400_000, 20)), Refusal.BRACKETS_MALFORMED),  # the rate falls
        (table(("0", 400_000, 20), ("50000", 500_000, 21)), Refusal.BRACKETS_MALFORMED),  # the leverage rises
        (table(("0", 400_000, 0)), Refusal.BRACKETS_MALFORMED),
        (table(("0", 400_000, 50), ("0.00000001", 500_000, 20)), Refusal.BRACKETS_MALFORMED),  # not continuous
        (table(*GOOD, cap="50000"), Refusal.BRACKETS_MALFORMED),
        (table(*GOOD) | {"amount_e8": 2**60}, Refusal.BRACKETS_MALFORMED),
        (table(*[(str(n), n + 1, 50) for n in range(65)]), Refusal.BRACKETS_MALFORMED),
        (table(), Refusal.MALFORMED_CONTINUATION),
    ],
)
def test_a_bracket_table_is_checked(command: Command, refusal: Refusal) -> None:
    assert send(listed(), command).refusal == refusal


def test_more_and_fewer_brackets_hold_at_once() -> None:
    exchange = listed()
    assert send(exchange, table(*[(str(10_000 * n), 400_000 + 100_000 * n, 50) for n in range(9)])).is_accepted
    assert len(exchange.rules(BTC).brackets) == 9
    # 40,000: the fifth, 0.8 %, deduction Σ 10,000·n × 0.1 % = 10 + 20 + 30 + 40
    assert exchange.position(ALICE, BTC).maintenance_margin_e8 == to_e8("220")
    assert send(exchange, table(*GOOD)).is_accepted
    assert [one.deduction_e8 for one in exchange.rules(BTC).brackets] == [0, to_e8("300")]
    assert exchange.position(ALICE, BTC).maintenance_margin_e8 == to_e8("160")
    assert exchange.rules(DOGE).brackets == exchange.rulebook.symbols["DOGEUSDT"].brackets
    restored = Exchange.restore(exchange.snapshot(), exchange.rulebook)
    assert restored.rules(BTC) == exchange.rules(BTC) and restored.state_hash() == exchange.state_hash()


def test_a_harder_table_liquidates_in_its_tail() -> None:
    exchange = listed(world.ladder(BTC, MARK, notional="0"))
    assert send(exchange, table(("0", 9_000_000, 10))).is_accepted  # 3,600 of 4,000
    assert exchange.position(ALICE, BTC).lots == 1_000
    done = send(exchange, table(("0", 10_000_001, 9)))
    started = done.events[done.events["kind"] == EventKind.LIQUIDATION_STARTED]
    assert started["account"].tolist() == [ALICE]
    assert exchange.position(BOB, BTC).lots == -400  # 10,000 stand behind 16,000


def test_a_leverage_that_no_bracket_allows_any_more_opens_nothing() -> None:
    exchange = listed(table(("0", 400_000, 9)))
    assert exchange.leverage(ALICE, BTC) == 10
    assert send(exchange, world.market(ALICE, BTC, Side.BUY, 1)).refusal == Refusal.BRACKET_EXCEEDED
    assert send(exchange, world.market(ALICE, BTC, Side.SELL, 1)).is_accepted


# ---- fees


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (fees(10_000, 30_000), Refusal.NONE),
        (fees(10_000, 30_000, 500_000), Refusal.NONE),
        (fees(10_000), Refusal.MALFORMED_CONTINUATION),
        (fees(1, 2, 3, 4), Refusal.MALFORMED_CONTINUATION),
        (fees(1, 2, symbol=9), Refusal.UNKNOWN_SYMBOL),
        (fees(-1, 2), Refusal.RATE_OUT_OF_RANGE),
        (fees(1, ONE_E8 + 1), Refusal.RATE_OUT_OF_RANGE),
        (fees(1, 2, account=ALICE, symbol=NO_ROW), Refusal.NONE),
        (fees(1, 2, account=ALICE), Refusal.NOT_SUPPORTED),
        (fees(1, 2, 3, account=ALICE, symbol=NO_ROW), Refusal.MALFORMED_CONTINUATION),
        (fees(1, 2, account=77, symbol=NO_ROW), Refusal.UNKNOWN_ACCOUNT),
        (fees(1, 2, account=HOUSE, symbol=NO_ROW), Refusal.UNKNOWN_ACCOUNT),
    ],
)
def test_fees_are_checked(command: Command, refusal: Refusal) -> None:
    assert send(listed(), command).refusal == refusal


def test_a_symbols_fees_and_an_accounts_own() -> None:
    exchange = listed(world.limit(BOB, DOGE, Side.BUY, 11_000, 1_000), fees(10_000, 30_000))

    def paid(account: int) -> int:
        done = send(exchange, world.market(account, BTC, Side.BUY, 100, is_reduce_only=int(account == BOB)))
        own = done.events[(done.events["kind"] == EventKind.FILLED) & (done.events["account"] == account)]
        return int(own["fee_e8"].sum()) * ONE_E8 // int(own["value_e8"].sum())

    assert paid(BOB) == 30_000
    assert send(exchange, fees(5_000, 7_000, account=BOB, symbol=NO_ROW)).is_accepted
    assert paid(BOB) == 7_000
    assert paid(ALICE) == 30_000
    assert exchange.fee_rates_e8(BOB, DOGE) == (5_000, 7_000)
    done = send(exchange, world.market(ALICE, DOGE, Side.SELL, 1_000))
    maker = done.events[(done.events["kind"] == EventKind.FILLED) & (done.events["account"] == BOB)][0]
    assert int(maker["fee_e8"]) == int(maker["value_e8"]) * 5_000 // ONE_E8
