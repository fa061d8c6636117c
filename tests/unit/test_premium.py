"""Premium, funding rate and computed mark: worked out by hand from docs/reference/formulas.md, F29 to F32."""

from __future__ import annotations

from typing import Any

import pytest

from isocross.codes import CommandKind, EventKind, MarkPrice, Refusal, Side, ValueSource
from isocross.exchange import Exchange, Result
from isocross.limits import RATE_COMPUTED
from isocross.units import to_e8
from tests import invariants, world

ALICE, BOB, HOUSE = 2, 3, 1
HOUR = 3_600_000
T = 8 * HOUR * 59_000  # a settlement's instant


def market(mark_price: MarkPrice = MarkPrice.MEDIAN, **columns: Any) -> Exchange:
    """One contract, BTCUSDT: tick 0.1, step 0.001, impact notional 1,000."""
    exchange = Exchange(world.rulebook(world.btc(**columns), mark_price=mark_price))
    for command in (prices("40000", T), world.account(ALICE), world.deposit(ALICE, "100000"), world.account(BOB), world.deposit(BOB, "100000")):
        world.submit(exchange, command).raise_if_refused()
    return exchange


def prices(index: str, time_ms: int, mark: str = "0") -> world.Command:
    record = {"symbol": 0, "index_e8": to_e8(index), "mark_e8": to_e8(mark)}
    return {"kind": CommandKind.PRICES, "records": [record], "time_ms": time_ms}


def book(exchange: Exchange, *orders: tuple[int, int, int]) -> None:
    for side, ticks, lots in orders:
        world.submit(exchange, world.limit(HOUSE, 0, side, ticks, lots)).raise_if_refused()


def clock(exchange: Exchange, time_ms: int) -> Result:
    done = exchange.submit(CommandKind.ADVANCE_CLOCK, time_ms=time_ms).raise_if_refused()
    invariants.check(exchange)
    return done


def sample(exchange: Exchange) -> int:
    """The premium of the book as it stands: one sample."""
    exchange.submit(CommandKind.SETTLE_FUNDING, records=[{"symbol": 0, "rate_e8": 0}]).raise_if_refused()
    clock(exchange, exchange.time_ms // 5_000 * 5_000 + 5_000)
    row = exchange.table("pricing")[0]
    assert row["premium_count"] == 1
    return int(row["premium_sum_e8"])


BID, ASK = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    ("orders", "premium"),
    [
        ([], 0),
        ([(BID, 401_000, 24)], 0),  # 962.40: less than 1,000 is no impact price
        ([(BID, 401_000, 25)], 250_000),  # 1,002.50: at 40,100, 100 over 40,000
        ([(BID, 401_000, 10), (BID, 400_500, 100)], 175_087),  # 599 left for 40,050: 1,000 · 40,050 ÷ (400.5 + 599) = 40,070.035017…
        ([(BID, 399_000, 100)], 0),  # below the index
        ([(ASK, 399_000, 26)], -250_000),
        ([(ASK, 401_000, 100)], 0),
        ([(BID, 398_000, 100), (ASK, 399_000, 100)], -250_000),
        ([(BID, 4_000_000, 1_000)], 100_000_000),  # within ± 100 %
    ],
)
def test_a_sample_of_the_book(orders, premium):
    exchange = market()
    book(exchange, *orders)
    assert sample(exchange) == premium


def test_later_samples_weigh_more_and_a_gap_is_all_of_its_samples():
    exchange = market()
    book(exchange, (BID, 401_000, 100))
    clock(exchange, T + 4_999)
    assert exchange.table("pricing")["premium_count"][0] == 0
    clock(exchange, T + 10_000)  # 5 s and 10 s: 0.25 % each
    world.submit(exchange, {"kind": CommandKind.CANCEL_ALL, "account": HOUSE, "symbol": 0}).raise_if_refused()
    clock(exchange, T + 15_000)  # 0
    row = exchange.table("pricing")[0]
    assert (row["premium_sum_e8"], row["premium_count"]) == (250_000 * (1 + 2), 3)
    # P̄ = 750,000 ÷ 6 = 0.125 %; 0.01 % − P̄ is below −0.05 %: 0.075 %
    assert exchange.funding_rate_e8(0) == 75_000


def test_how_often_the_clock_speaks_changes_nothing_while_the_book_stands():
    coarse, fine = market(), market()
    for exchange in (coarse, fine):
        book(exchange, (BID, 401_000, 100), (ASK, 402_000, 100))
    clock(coarse, T + 2 * HOUR)
    for second in range(0, 2 * 3_600 + 1, 7):
        clock(fine, T + 1_000 * second)
    clock(fine, T + 2 * HOUR)
    assert coarse.table("pricing").tobytes() == fine.table("pricing").tobytes()
    assert coarse.mark_e8(0) == fine.mark_e8(0)


@pytest.mark.parametrize(
    ("over", "rate"),
    [
        (0, 10_000),  # the interest rate alone
        (30_000, 10_000),  # 0.03 % and a pull of −0.02 %
        (60_000, 10_000),
        (60_250, 10_250),  # beyond the clamp
        (250_000, 200_000),
        (-40_000, 10_000),
        (-40_250, 9_750),
        (-250_000, -200_000),
        (5_000_000, 2_000_000),  # the cap of the contract
        (-5_000_000, -2_000_000),
    ],
)
def test_the_rate_is_the_premium_pulled_toward_the_interest_and_capped(over, rate):
    exchange = market()
    side = BID if over > 0 else ASK
    book(exchange, (side, 400_000 + 4 * over // 1_000, 2_000))
    clock(exchange, T + 5_000)
    assert exchange.table("pricing")["premium_sum_e8"][0] == over
    assert exchange.funding_rate_e8(0) == rate


def test_a_settlement_takes_the_computed_rate_or_the_given_one_and_says_which():
    exchange = market()
    book(exchange, (BID, 401_000, 100))
    world.submit(exchange, world.limit(ALICE, 0, ASK, 405_000, 10)).raise_if_refused()
    world.submit(exchange, world.limit(BOB, 0, BID, 405_000, 10)).raise_if_refused()
    for asked, rate, source in ((RATE_COMPUTED, 200_000, ValueSource.COMPUTED), (12_345, 12_345, ValueSource.GIVEN)):
        clock(exchange, exchange.time_ms + 4 * HOUR)
        done = exchange.submit(CommandKind.SETTLE_FUNDING, records=[{"symbol": 0, "rate_e8": asked}]).raise_if_refused()
        funded = done.events[done.events["kind"] == EventKind.FUNDING]
        assert set(funded["rate_e8"].tolist()) == {rate}
        assert set(funded["code"].tolist()) == {int(source)}
        assert exchange.table("pricing")["premium_count"][0] == 0
        assert exchange.table("pricing")["funding_rate_e8"][0] == rate
    wrong = exchange.submit(CommandKind.SETTLE_FUNDING, records=[{"symbol": 0, "rate_e8": RATE_COMPUTED - 1}])
    assert wrong.refusal == Refusal.RATE_OUT_OF_RANGE


def test_a_late_settlement_has_the_first_intervals_samples():
    exchange = market()
    book(exchange, (BID, 401_000, 100))
    clock(exchange, T + 8 * HOUR)
    world.submit(exchange, {"kind": CommandKind.CANCEL_ALL, "account": HOUSE, "symbol": 0}).raise_if_refused()
    clock(exchange, T + 24 * HOUR)
    assert exchange.table("pricing")["premium_count"][0] == 5_760
    assert exchange.funding_rate_e8(0) == 200_000


def test_the_mark_is_the_median_of_funding_basis_and_last():
    exchange = market()
    exchange.submit(CommandKind.SETTLE_FUNDING, records=[{"symbol": 0, "rate_e8": 10_000}]).raise_if_refused()
    book(exchange, (BID, 400_100, 100), (ASK, 400_140, 100))  # middle 40,012
    clock(exchange, T + 4 * HOUR)  # 40,000 · (1 + 0.01 % ÷ 2) = 40,002, 40,012; nothing has traded
    assert exchange.mark_e8(0) == to_e8("40012")
    world.submit(exchange, world.limit(ALICE, 0, BID, 400_140, 100)).raise_if_refused()
    book(exchange, (ASK, 400_140, 100))
    assert exchange.mark_e8(0) == to_e8("40012")  # a fill alone moves no mark
    assert clock(exchange, T + 4 * HOUR).events["kind"].tolist() == [EventKind.CLOCK]  # last 40,014: 40,012 is the middle
    world.submit(exchange, world.limit(BOB, 0, ASK, 400_100, 50)).raise_if_refused()  # last 40,010
    done = clock(exchange, T + 4 * HOUR)
    told = done.events[done.events["kind"] == EventKind.PRICES][0]
    assert (int(told["mark_e8"]), int(told["code"])) == (to_e8("40010"), ValueSource.COMPUTED)


def test_the_basis_is_the_mean_of_thirty_seconds():
    exchange = market()
    book(exchange, (BID, 400_100, 100), (ASK, 400_140, 100))
    clock(exchange, T + 10_000)
    assert exchange.mark_e8(0) == to_e8("40012")  # ten samples of 12
    world.submit(exchange, {"kind": CommandKind.CANCEL_ALL, "account": HOUSE, "symbol": 0}).raise_if_refused()
    clock(exchange, T + 20_000)  # ten more of 0
    assert exchange.mark_e8(0) == to_e8("40006")
    clock(exchange, T + 30_000)
    assert exchange.mark_e8(0) == to_e8("40004")
    clock(exchange, T + 31_000)  # the first of 12 has left the ring: 9 · 12 ÷ 30
    assert exchange.mark_e8(0) == to_e8("40003.6")


def test_a_given_mark_overrides_until_none_is_given():
    exchange = market()
    book(exchange, (BID, 400_100, 100), (ASK, 400_140, 100))
    world.submit(exchange, prices("40000", T + 10_000, "39000")).raise_if_refused()
    assert exchange.mark_e8(0) == to_e8("39000")
    assert clock(exchange, T + 20_000).events["kind"].tolist() == [EventKind.CLOCK]
    done = world.submit(exchange, prices("40000", T + 30_000)).raise_if_refused()
    assert (exchange.mark_e8(0), int(done.events["code"][0])) == (to_e8("40012"), ValueSource.COMPUTED)


def test_with_the_column_index_the_book_says_nothing():
    exchange = market(MarkPrice.INDEX)
    book(exchange, (BID, 401_000, 100), (ASK, 402_000, 100))
    assert clock(exchange, T + 60_000).events["kind"].tolist() == [EventKind.CLOCK]
    assert exchange.mark_e8(0) == to_e8("40000")
    assert exchange.table("pricing")["premium_count"][0] == 12


def test_a_quote_that_moves_the_mark_liquidates_into_its_own_ladder():
    exchange = market()
    world.submit(exchange, world.leverage(ALICE, 0, 50)).raise_if_refused()
    world.submit(exchange, world.mode(ALICE, 0, 1)).raise_if_refused()  # type: ignore[arg-type]
    book(exchange, (ASK, 400_000, 1_000))
    world.submit(exchange, world.limit(ALICE, 0, BID, 400_000, 1_000)).raise_if_refused()
    book(exchange, (BID, 393_000, 10), (ASK, 393_040, 10))  # middle 39,302, 698 below the index
    world.submit(exchange, world.limit(BOB, 0, ASK, 393_000, 1)).raise_if_refused()
    quoted = world.ladder(0, to_e8("39302"), notional="1000000") | {"time_ms": T + 30_000}
    before = exchange.used_bytes()
    with exchange.previewing():
        shown = world.submit(exchange, quoted)
    invariants.assert_same_rows(before, exchange.used_bytes())
    done = world.submit(exchange, quoted).raise_if_refused()
    kinds = done.events["kind"].tolist()
    assert done.events.tobytes() == shown.events.tobytes()
    assert kinds[0] == EventKind.PRICES
    assert int(done.events["mark_e8"][0]) == to_e8("39302")
    assert kinds.index(EventKind.ACCEPTED) < kinds.index(EventKind.LIQUIDATION_STARTED) < kinds.index(EventKind.FILLED)
    invariants.check(exchange)
