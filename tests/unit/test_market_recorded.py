"""Recorded: several symbols replayed at once, shifted to the present, resumable; its past is what the file has before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isocross.codes import CommandKind
from isocross.errors import MarketDataError
from isocross.market.candles import Bars
from isocross.market.choose import open_source, read_history, symbols_of
from isocross.market.demo import demo_history
from isocross.market.funding import funding_rows
from isocross.market.history import History, Series
from isocross.market.intervals import joined
from isocross.market.recorded import Recorded
from isocross.rulebook import load
from tests.recorded import MARKET, needs_market

RULEBOOK = load("binance-usdm")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW_MS = 1_800_000_012_345


def demos() -> History:
    return History.join((demo_history("A"), demo_history("B")))


def rules_of(*names: str):
    return [RULEBOOK.symbols[name] for name in names]


BOTH = rules_of("SOLUSDT", "BTCUSDT")  # in another order than the history's


def prices_of(one) -> list[dict[str, int]]:
    (found,) = [c.fields["records"] for c in one.commands if c.kind == CommandKind.PRICES]
    return found


def replay(**more) -> Recorded:
    return Recorded(demos(), BOTH, **{"start_ms": NOW_MS, "flow_account": 2, **more})


def test_it_runs_at_the_present_by_whole_minutes() -> None:
    source = replay()
    recorded = replay(start_ms=None)
    assert NOW_MS - MINUTE < source.start_ms <= NOW_MS
    assert (source.start_ms - recorded.start_ms) % MINUTE == 0
    assert recorded.start_ms == demos().start_ms + 6 * HOUR  # a quarter of the day is the past
    assert recorded.end_ms == demos().end_ms
    assert "shifted to begin 2027-01-15 08:00 UTC" in source.notes[0]


def test_the_walk_is_that_of_the_history_for_all_symbols_at_once() -> None:
    source = replay(start_ms=None, flow_account=None)
    steps = demos().steps()
    told = source.between(0, 10**14, instants_max=10**6)
    groups = np.flatnonzero(steps.group_time_ms > source.start_ms)
    prices = {one.time_ms: one for one in told}
    assert [one.time_ms for one in told] == sorted({*steps.group_time_ms[groups].tolist(), *source._settled.tolist()})
    for group in groups[:: len(groups) // 50].tolist():
        one = prices[int(steps.group_time_ms[group])]
        rows = slice(*steps.group_first[group : group + 2])
        expected = {
            source.symbols.index(steps.symbols[number]): (last, mark, scale)
            for number, last, mark, scale in zip(
                steps.symbol_index[rows].tolist(), steps.last_e8[rows].tolist(), steps.mark_e8[rows].tolist(),
                steps.depth_scale_e8[rows].tolist(), strict=True,
            )
        }  # fmt: skip
        quotes = {c.fields["symbol"]: c.fields for c in one.commands if c.kind == CommandKind.QUOTE}
        marks = {record["symbol"]: record["mark_e8"] for record in prices_of(one)}
        assert {row: (quotes[row]["mid_e8"], marks[row], quotes[row]["scale_e8"]) for row in marks} == expected


def test_settlements_come_after_the_prices_of_their_moment() -> None:
    source = replay(flow_account=None)
    due_ms = source.next_funding_ms(source.start_ms)
    assert due_ms == source.start_ms + 2 * HOUR  # 08:00 of the record
    (one,) = source.between(due_ms - 1, due_ms)
    assert [c.kind for c in one.commands][-2:] == [CommandKind.PRICES, CommandKind.SETTLE_FUNDING]
    rates = {record["symbol"]: record["rate_e8"] for record in one.commands[-1].fields["records"]}
    assert rates == {0: 25_000, 1: 12_500}
    assert source.funding_ahead(1, due_ms - 1) == (12_500, due_ms)
    assert source.funding_ahead(1, due_ms) == (-30_000, due_ms + 8 * HOUR)
    assert source.funding_ahead(1, due_ms + 8 * HOUR) == (0, 0)
    assert source.next_funding_ms(due_ms + 8 * HOUR) is None


@pytest.mark.parametrize("cuts", [[1], [59_999, 60_000], [2 * HOUR - 1, 2 * HOUR], [HOUR, HOUR + 20_001, 3 * HOUR]])
def test_resumption_equals_the_undisturbed_run(cuts: list[int]) -> None:
    until_ms = NOW_MS + max(cuts) + HOUR
    whole = replay().between(0, until_ms, instants_max=10**6)
    parts, after_ms = [], NOW_MS - DAY
    for end_ms in [NOW_MS + cut for cut in cuts] + [until_ms]:
        restarted = replay()
        while found := restarted.between(after_ms, end_ms, instants_max=101, coarse_ms=60_000):
            parts += found
            after_ms = found[-1].time_ms
        after_ms = max(after_ms, end_ms)
    assert parts == whole


def test_it_ends_with_the_record() -> None:
    source = replay()
    last_ms = source.between(0, 10**14, instants_max=10**6)[-1].time_ms
    assert source.end_ms == last_ms + 1
    assert source.next_ms(last_ms) is None
    assert source.next_ms(source.start_ms) > source.start_ms
    assert source.between(last_ms, last_ms + DAY) == []


def test_the_flow_trades_at_every_step() -> None:
    one = replay().between(0, NOW_MS + 5 * MINUTE)
    orders = [c.fields for instant in one for c in instant.commands if c.kind == CommandKind.PLACE_ORDER]
    assert len(orders) == sum(c.kind == CommandKind.QUOTE for instant in one for c in instant.commands)
    assert {order["account"] for order in orders} == {2}
    assert min(order["lots"] for order in orders) > 0


def test_the_past_is_what_the_record_has_before() -> None:
    source = replay()
    past = source.past(30)
    recorded = {one.symbol: one.last for one in demos().series}
    assert past.end_ms == source.start_ms
    for one in past.symbols:
        bars = recorded[one.symbol]
        assert one.last.time_ms.size == 6 * 60
        assert (one.last.time_ms - source.start_ms + 6 * HOUR == bars.time_ms[:360] - bars.start_ms).all()
        for ours, theirs in zip(one.last[1:5], (bars.open_e8, bars.high_e8, bars.low_e8, bars.close_e8), strict=True):
            assert (ours == theirs[:360]).all()
        assert (one.mark.high_e8 == one.last.high_e8).all()  # no mark was recorded: it follows last
        assert one.funding.time_ms.tolist() == [source.start_ms - 6 * HOUR]
        assert one.funding_mark_e8.tolist() == [bars.open_e8[0]]
    assert source.past(0).symbols[0].last.time_ms.size == 0


def test_a_beginning_of_ones_own_and_faults() -> None:
    source = Recorded(demos(), BOTH, begin="2026-01-05T13:00:30")
    assert source.start_ms == demos().start_ms + 13 * HOUR + 40_000  # the next step
    assert source.past(1).symbols[0].last.time_ms.size == 13 * 60  # the bar it begins in is not over
    with pytest.raises(MarketDataError, match="begin: 2026-01-06 00:00 UTC: every symbol has prices from"):
        Recorded(demos(), BOTH, begin="2026-01-06")
    with pytest.raises(MarketDataError, match="ETHUSDT: no prices in the history; it has BTCUSDT, SOLUSDT"):
        Recorded(demos(), rules_of("ETHUSDT", "BTCUSDT"))


def test_a_coarse_recorded_mark_and_bars_of_different_lengths() -> None:
    count = 8 * 60
    walk = 60_000 + np.arange(count, dtype=np.int64) % 7
    minute = Bars("last", MINUTE, np.arange(count) * MINUTE, *((walk * 10**8).copy() for _ in range(4)), source="a")
    hours = np.full(8, 3_000 * 10**8, dtype=np.int64)
    hourly = Bars("last", HOUR, np.arange(8) * HOUR, *(hours.copy() for _ in range(4)), source="b")
    marks = Bars("mark", HOUR, np.arange(8) * HOUR, *(np.full(8, 60_002 * 10**8) for _ in range(4)), source="c")
    rows = funding_rows(np.array([4 * HOUR]), np.array([7_000]))
    both = History((Series("BTCUSDT", minute, marks, rows), Series("ETHUSDT", hourly)))
    source = Recorded(both, rules_of("BTCUSDT", "ETHUSDT"), start_ms=NOW_MS, begin=2 * HOUR)
    assert (source.start_ms - 2 * HOUR) % HOUR == 0  # whole bars of the longest
    past = source.past(1)
    assert [one.interval_ms for one in past.symbols] == [MINUTE, HOUR]
    assert set(past.symbols[0].mark.close_e8.tolist()) == {60_002 * 10**8}
    assert source.funding_ahead(1, source.start_ms) == (0, 0)
    assert source.next_funding_ms(source.start_ms) == source.start_ms + 2 * HOUR


# ---- real files


@needs_market
def test_a_folder_of_several_symbols_and_a_single_file() -> None:
    wanted = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    market = f"replay:{MARKET}"
    there = symbols_of(market, tuple(RULEBOOK.symbols))
    assert set(wanted) <= set(there)
    assert "LINKUSDT" not in there
    source = open_source(market, rules_of(*wanted), start_ms=NOW_MS, begin="2025-10-10T20:00", flow_account=2)
    assert source is not None
    assert source.symbols == wanted
    told = source.between(source.start_ms, source.start_ms + 6 * HOUR)
    assert {record["symbol"] for one in told[:100] for record in prices_of(one)} == {0, 1, 2}
    past = source.past(30)
    assert all(one.last.time_ms.size for one in past.symbols)
    assert all(one.funding.time_ms.size == 90 for one in past.symbols)
    day = joined(past.symbols[0].last, "1d")
    assert (day.volume_e8[1:-1] > 10_000 * 10**8).all()  # bitcoins, as the file says
    price = day.quote_e8[1:-1] / day.volume_e8[1:-1]
    assert (price * 1e8 > day.low_e8[1:-1]).all()
    assert (price * 1e8 < day.high_e8[1:-1]).all()

    path = MARKET / "binance-BTCUSDT-1m-last.parquet"
    assert symbols_of(f"replay:{path}", tuple(RULEBOOK.symbols)) == ("BTCUSDT",)
    assert read_history(path, ["BTCUSDT"]).symbols == ("BTCUSDT",)


def test_paths_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match="expected a folder of market files"):
        symbols_of(f"replay:{tmp_path / 'none'}", ("BTCUSDT",))
    with pytest.raises(MarketDataError, match="it has no market file; expected one of BTCUSDT"):
        symbols_of(f"replay:{tmp_path}", ("BTCUSDT",))
    other = tmp_path / "prices.csv"
    other.write_text("time,open,high,low,close\n")
    with pytest.raises(MarketDataError, match="does not say which contract"):
        symbols_of(f"replay:{other}", ("BTCUSDT",))
