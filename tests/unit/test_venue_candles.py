"""Candles and tickers of a venue: every interval, flat where nothing was, the past before the venue, the running one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isocross.codes import CommandKind, OrderType, Side
from isocross.journal.history import Genesis
from isocross.market.funding import funding_rows
from isocross.market.intervals import INTERVALS, after_ms, open_ms
from isocross.market.past import CandleColumns, Past, PastOfSymbol, priced
from isocross.units import ONE_E8
from isocross.venue.clock import ClockSetting, VenueClock
from isocross.venue.engine import EphemeralExchange
from isocross.venue.readmodels.candles import Candle
from isocross.venue.readmodels.models import ReadModels
from isocross.venue.sequencer import VenueCore
from isocross.venue.told import told_of
from tests import world

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START_MS = 1_767_571_200_000 + 90_000  # a minute and a half past midnight
BUYER, SELLER = 2, 3


class Market:
    """A core whose trades a test makes one by one."""

    def __init__(self, past: Past | None = None) -> None:
        book = world.rulebook(world.btc())
        self.core = VenueCore.ephemeral(
            EphemeralExchange(Genesis(book, ("BTCUSDT",))), VenueClock(START_MS, ClockSetting(0, 0))
        )
        self.models = ReadModels(self.core)
        if past is not None:
            self.models.put(past)
        self.time_ms = START_MS
        for account in (BUYER, SELLER):
            self.do(CommandKind.CREATE_ACCOUNT, account=account)
            self.do(CommandKind.DEPOSIT, account=account, asset=0, amount_e8=10**6 * ONE_E8)
        self.mark(60_000)

    def do(self, kind: CommandKind, **fields: Any) -> None:
        packed = self.core.exchange.pack([(kind, fields)], time_ms=self.time_ms)
        done = self.core.exchange.submit_batch(packed)
        assert done.results["refusal"][0] == 0
        told = told_of(self.core.lives, packed, done.results, done.events, self.core.exchange.command_count)
        self.models.take(told)

    def mark(self, price: int) -> None:
        self.do(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": price * ONE_E8}])

    def trade(self, price: int, lots: int, *, is_bought: bool = True, at: int | None = None) -> None:
        self.time_ms = START_MS + at if at is not None else self.time_ms
        maker, taker = (SELLER, BUYER) if is_bought else (BUYER, SELLER)
        sides = (Side.SELL, Side.BUY) if is_bought else (Side.BUY, Side.SELL)
        for account, side, order_type in ((maker, sides[0], OrderType.LIMIT), (taker, sides[1], OrderType.MARKET)):
            self.do(
                CommandKind.PLACE_ORDER,
                account=account,
                symbol=0,
                side=side,
                order_type=order_type,
                price_ticks=price * 10 if order_type == OrderType.LIMIT else 0,
                lots=lots,
            )

    def rows(
        self, interval: str, start: int | None = None, end: int | None = None, limit: int = 500, source: str = "last"
    ) -> list[Candle]:
        return self.models.candles.rows(0, source, interval, start, end, limit)


def test_a_minute_is_its_trades() -> None:
    market = Market()
    market.trade(60_000, 2)
    market.trade(60_010, 1, is_bought=False)
    market.trade(59_990, 4)
    (candle,) = market.rows("1m")
    assert candle[:5] == (START_MS - 30_000, *(price * ONE_E8 for price in (60_000, 60_010, 59_990, 59_990)))
    step = market.core.exchange.rules(0).step_e8
    assert (candle.volume_e8, candle.trades, candle.taker_buy_e8) == (7 * step, 3, 6 * step)
    value = (2 * 60_000 + 60_010 + 4 * 59_990) * step
    assert (candle.quote_e8, candle.taker_buy_quote_e8) == (value, value - 60_010 * step)
    trades = market.models.trades.public(0)
    assert (candle.first_id, candle.last_id) == (trades[0].trade_id, trades[-1].trade_id)


def test_where_nothing_was_a_candle_stands_at_the_close_before() -> None:
    market = Market()
    market.trade(60_000, 1)
    market.trade(60_050, 1, at=3 * MINUTE)
    opens = [START_MS - 30_000 + k * MINUTE for k in range(4)]
    rows = market.rows("1m")
    assert [row.open_ms for row in rows] == opens
    assert [row.close_e8 // ONE_E8 for row in rows] == [60_000, 60_000, 60_000, 60_050]
    assert [row.trades for row in rows] == [1, 0, 0, 1]
    assert rows[1] == Candle(opens[1], *[60_000 * ONE_E8] * 4)


def test_the_venues_time_goes_on_where_nobody_trades() -> None:
    market = Market()
    market.trade(60_000, 1)
    market.core.clock.advance_to(START_MS + 5 * MINUTE)
    assert len(market.rows("1m")) == 6
    assert len(market.rows("5m")) == 2


@pytest.mark.parametrize("interval", INTERVALS)
def test_every_interval_is_joined_from_the_same_trades(interval: str) -> None:
    market = Market()
    rng = np.random.default_rng(5)
    for at in np.cumsum(rng.integers(0, 11 * HOUR, 60)).tolist():
        market.trade(int(rng.integers(59_900, 60_100)), int(rng.integers(1, 5)), at=at)
    trades = market.models.trades.public(0, limit=1_000)
    rows = market.rows(interval, START_MS - 40 * DAY, limit=1_500)
    assert len(rows) == min(1_500, len(rows))
    assert [after_ms(interval, row.open_ms) for row in rows[:-1]] == [row.open_ms for row in rows[1:]]
    for row in rows:
        inside = [trade for trade in trades if open_ms(interval, trade.time_ms) == row.open_ms]
        prices = [trade.price_ticks * 10**7 for trade in inside]
        assert row.trades == len(inside)
        if inside:
            assert row[1:5] == (prices[0], max(prices), min(prices), prices[-1])
            assert (row.first_id, row.last_id) == (inside[0].trade_id, inside[-1].trade_id)
            assert row.quote_e8 == sum(trade.value_e8 for trade in inside)


def test_pages_are_the_last_ones_or_go_on_from_a_time() -> None:
    market = Market()
    for k in range(10):
        market.trade(60_000 + k, 1, at=k * MINUTE)
    rows = market.rows("1m")
    assert len(rows) == 10
    assert market.rows("1m", limit=3) == rows[-3:]
    assert market.rows("1m", start=0, limit=1) == rows[:1]
    assert market.rows("1m", start=rows[4].open_ms + 1, limit=2) == rows[5:7]
    assert market.rows("1m", end=rows[4].open_ms, limit=2) == rows[3:5]
    assert market.rows("1m", start=rows[2].open_ms, end=rows[4].open_ms) == rows[2:5]
    assert market.rows("1m", start=rows[-1].open_ms + DAY) == []
    assert market.rows("1m", limit=0) == []


def test_mark_and_index_have_candles_of_their_own() -> None:
    market = Market()
    market.mark(60_100)
    market.mark(59_900)
    for source in ("mark", "index"):
        (row,) = market.rows("1m", source=source)
        assert row[1:5] == tuple(price * ONE_E8 for price in (60_000, 60_100, 59_900, 59_900))
        assert row.trades == row.volume_e8 == 0
    assert market.rows("1m") == []


def past_of(days: int) -> Past:
    """A past of minutes whose prices say which minute they are."""
    count = days * 24 * 60
    end = START_MS - START_MS % MINUTE
    times = end - MINUTE * np.arange(count, 0, -1)
    prices = (50_000 + np.arange(count, dtype=np.int64)) * ONE_E8
    ones = np.ones(count, dtype=np.int64)
    last = CandleColumns(times, prices, prices + ONE_E8, prices - ONE_E8, prices, 3 * ones, 5 * ones, ones, ones, ones)
    mark = priced(times, prices, prices, prices, prices)
    funding = funding_rows(times[::480].copy(), np.full(len(times[::480]), 10_000, dtype=np.int64))
    one = PastOfSymbol("BTCUSDT", MINUTE, last, mark, mark, funding, prices[::480])
    return Past(int(times[0]), START_MS, (one,))


def test_the_past_is_there_at_the_first_request() -> None:
    market = Market(past_of(30))
    count = 30 * 24 * 60
    rows = market.rows("1m", start=0, limit=1)
    assert rows == market.rows("1m", start=market.models.candles.first_ms(0), limit=1)
    assert rows[0].close_e8 == 50_000 * ONE_E8
    assert [row.close_e8 // ONE_E8 for row in market.rows("1m", limit=3)] == [50_000 + count - k for k in (2, 1, 1)]
    assert sum(row.volume_e8 for row in market.rows("1d", start=0)) == 3 * count
    assert sum(row.trades for row in market.rows("1h", start=0, limit=1_000)) == count
    assert len(market.rows("1M", start=0)) == 2
    assert len(market.models.funding.rows(0, limit=1_000)) == 90
    assert len(market.rows("1m", limit=1_500)) == 1_500


def test_the_candle_that_the_beginning_cuts_is_one() -> None:
    market = Market(past_of(2))
    before = market.rows("1h")[-1]
    assert (before.open_ms, before.trades) == (open_ms("1h", START_MS), 1)
    market.trade(60_000, 2)
    hour = market.rows("1h")[-1]
    assert (hour.open_ms, hour.trades, hour.open_e8) == (before.open_ms, 2, before.open_e8)
    assert hour.close_e8 == 60_000 * ONE_E8


def test_a_ticker_is_the_last_day() -> None:
    market = Market()
    empty = market.models.tickers.day(0)
    assert (empty.last_e8, empty.trades, empty.last_lots) == (60_000 * ONE_E8, 0, 0)
    market.trade(60_000, 1)
    market.trade(60_500, 2, at=10 * HOUR)
    market.trade(59_000, 3, at=20 * HOUR)
    day = market.models.tickers.day(0)
    assert (day.open_e8, day.high_e8, day.low_e8, day.last_e8) == tuple(
        p * ONE_E8 for p in (60_000, 60_500, 59_000, 59_000)
    )
    assert (day.trades, day.last_lots, day.close_ms - day.open_ms) == (3, 3, DAY - 30_000)
    market.trade(60_100, 1, at=30 * HOUR)
    day = market.models.tickers.day(0)
    assert (day.trades, day.open_e8, day.high_e8) == (3, 60_000 * ONE_E8, 60_500 * ONE_E8)
    trades = market.models.trades.public(0)
    assert (day.first_id, day.last_id) == (trades[1].trade_id, trades[-1].trade_id)
    market.time_ms += 40 * HOUR
    market.mark(60_000)
    day = market.models.tickers.day(0)
    assert (day.trades, day.open_e8, day.last_e8) == (0, 60_100 * ONE_E8, 60_100 * ONE_E8)
