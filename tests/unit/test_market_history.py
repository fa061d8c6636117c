"""History: the walk inside a bar, the mark beside it, funding at its time, one order over all symbols, file choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross.errors import AmountError, MarketDataError
from isocross.market.candles import Bars
from isocross.market.funding import funding_rows
from isocross.market.history import MARK_DERIVED, MARK_LAST, MARK_RECORDED, History, Series

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_704_067_200_000  # 2024-01-01 00:00 UTC
ONE = 10**8


def bars_of(prices, kind="last", interval_ms=MINUTE, start_ms=START, skip=()):
    """Bars from (open, high, low, close) in whole units; places in `skip` are holes."""
    kept = [place for place in range(len(prices)) if place not in skip]
    columns = np.array([prices[place] for place in kept], dtype=np.int64).T * ONE
    times = start_ms + np.array(kept, dtype=np.int64) * interval_ms
    return Bars(kind, interval_ms, times, *(column.copy() for column in columns), source=f"{kind} file")


def one(last, mark=None, funding=None, symbol="BTCUSDT", depth=None):
    return History((Series(symbol, last, mark, funding, depth),))


def whole(array_e8):
    return [value // ONE for value in array_e8.tolist()]


UP, DOWN, FLAT = (100, 110, 95, 105), (105, 108, 90, 91), (100, 101, 99, 100)


@pytest.mark.parametrize(
    ("bar", "order", "walk"),
    [
        (UP, "pessimistic", [100, 95, 110, 105]),
        (UP, "other", [100, 110, 95, 105]),
        (DOWN, "pessimistic", [105, 108, 90, 91]),
        (DOWN, "other", [105, 90, 108, 91]),
        (FLAT, "pessimistic", [100, 99, 101, 100]),  # close = open counts as up
        (FLAT, "other", [100, 101, 99, 100]),
    ],
)
def test_a_bar_is_walked_in_four_moments(bar, order, walk):
    steps = one(bars_of([bar])).steps(order)
    assert whole(steps.last_e8) == walk
    assert steps.time_ms.tolist() == [START, START + 20_000, START + 40_000, START + 59_999]
    assert steps.is_bar_end.tolist() == [False, False, False, True]
    assert steps.bar_index.tolist() == [0, 0, 0, 0]


def test_without_a_mark_file_mark_is_last():
    history = one(bars_of([UP, DOWN]))
    steps = history.steps()
    assert steps.mark_e8.tolist() == steps.last_e8.tolist()
    assert set(steps.mark_source.tolist()) == {MARK_LAST}
    assert history.mark_source == "last"
    assert history.mark_bars("BTCUSDT") == {"last": 2, "derived": 0, "recorded": 0}


def test_a_mark_of_the_same_interval_walks_its_own_prices_in_the_last_bars_order():
    mark = bars_of([(101, 109, 96, 100), (104, 107, 92, 106)], "mark")  # it closes the other way round
    history = one(bars_of([UP, DOWN]), mark)
    steps = history.steps()
    assert whole(steps.mark_e8) == [101, 96, 109, 100, 104, 107, 92, 106]
    assert whole(history.steps("other").mark_e8) == [101, 109, 96, 100, 104, 92, 107, 106]
    assert history.mark_source == "recorded"


def test_a_coarser_mark_holds_last_within_its_range():
    last = bars_of([UP, DOWN, FLAT, UP])
    mark = bars_of([(100, 104, 97, 100), (100, 120, 80, 100)], "mark", interval_ms=2 * MINUTE)
    history = one(last, mark)
    steps = history.steps()
    assert whole(steps.mark_e8) == [100, 97, 104, 104, 104, 104, 97, 97, 100, 99, 101, 100, 100, 95, 110, 105]
    assert history.mark_source == "derived"
    assert set(steps.mark_source.tolist()) == {MARK_DERIVED}


def test_a_hole_in_the_mark_is_last_and_is_counted():
    history = one(bars_of([UP, DOWN, UP]), bars_of([FLAT, FLAT, FLAT], "mark", skip=[1]))
    steps = history.steps()
    assert whole(steps.mark_e8)[4:8] == [105, 108, 90, 91]
    assert history.mark_bars("BTCUSDT") == {"last": 1, "derived": 0, "recorded": 2}
    assert history.mark_source == "last"
    assert steps.mark_source.tolist() == [MARK_RECORDED] * 4 + [MARK_LAST] * 4 + [MARK_RECORDED] * 4


def test_a_mark_bar_that_covers_only_a_part_is_not_used():
    history = one(bars_of([UP]), bars_of([FLAT], "mark", start_ms=START + 1))
    assert history.mark_source == "last"


def test_a_finer_mark_is_joined_first():
    last = bars_of([UP], interval_ms=2 * MINUTE)
    mark = bars_of([(100, 104, 97, 101), (101, 103, 99, 102)], "mark")
    history = one(last, mark)
    assert whole(history.steps().mark_e8) == [100, 97, 104, 102]
    assert history.mark_source == "recorded"


def test_a_finer_mark_that_does_not_divide_is_refused():
    history = one(bars_of([UP], interval_ms=3 * MINUTE), bars_of([UP, UP], "mark", interval_ms=2 * MINUTE))
    with pytest.raises(MarketDataError, match="2m do not divide last bars of 3m"):
        history.steps()


def test_symbols_of_one_instant_are_one_group():
    fine = one(bars_of([UP, DOWN, FLAT]))
    coarse = one(bars_of([UP], interval_ms=3 * MINUTE), symbol="ETHUSDT")
    steps = History.join([fine, coarse]).steps()
    assert steps.symbols == ("BTCUSDT", "ETHUSDT")
    assert steps.group_time_ms.tolist() == [
        START + at
        for at in (0, 20_000, 40_000, 59_999, 60_000, 80_000, 100_000, 119_999, 120_000, 140_000, 160_000, 179_999)
    ]
    groups = [steps.symbol_index[a:b].tolist() for a, b in zip(steps.group_first, steps.group_first[1:], strict=False)]
    assert groups == [[0, 1], [0], [0], [0], [0, 1], [0], [0], [0], [0, 1], [0], [0], [0, 1]]
    assert steps.is_bar_end[-2:].tolist() == [True, True]


def test_funding_comes_after_the_prices_of_its_own_instant():
    times = np.array([START, START + 30_000, START + MINUTE, START + MINUTE + 3], dtype=np.int64)
    rows = funding_rows(times, np.array([1, 2, -3, 4], dtype=np.int64))
    steps = one(bars_of([UP, DOWN]), funding=rows).steps()
    assert steps.funding_group.tolist() == [1, 2, 5, 5]
    assert steps.funding_rate_e8.tolist() == [1, 2, -3, 4]
    assert steps.funding_symbol_index.tolist() == [0, 0, 0, 0]


def test_funding_of_several_symbols_is_in_order_of_time_then_symbol():
    def rows(*minutes):
        return funding_rows(START + np.array(minutes, dtype=np.int64) * MINUTE, np.array(minutes, dtype=np.int64) + 1)

    steps = History.join(
        [one(bars_of([UP] * 4), funding=rows(0, 2)), one(bars_of([UP] * 4), funding=rows(0, 1), symbol="ETHUSDT")]
    ).steps()
    assert steps.funding_symbol_index.tolist() == [0, 1, 1, 0]
    assert steps.funding_rate_e8.tolist() == [1, 1, 2, 3]


def test_depth_of_a_series_is_per_bar_and_otherwise_follows_the_range():
    depth = np.array([ONE, 0], dtype=np.int64)
    assert one(bars_of([UP, DOWN]), depth=depth).steps().depth_scale_e8.tolist() == [ONE] * 4 + [0] * 4
    calm = one(bars_of([(1000, 1001, 1000, 1000)] * 3)).steps().depth_scale_e8
    assert calm.tolist() == [ONE] * 12
    wild = one(bars_of([UP, DOWN])).steps().depth_scale_e8
    assert wild[0] == ONE
    assert (np.diff(wild) <= 0).all()
    assert wild[-1] < ONE // 10


prices = st.tuples(*[st.integers(50, 150)] * 4).map(lambda p: (p[0], max(p), min(p), p[3]))


@settings(max_examples=100, deadline=None)
@given(
    symbols=st.lists(
        st.tuples(
            st.sampled_from([MINUTE, 3 * MINUTE, 5 * MINUTE]),
            st.integers(0, 7),
            st.lists(prices, min_size=1, max_size=12),
        ),
        min_size=1,
        max_size=3,
    ),
    order=st.sampled_from(["pessimistic", "other"]),
)
def test_laws_of_every_replay(symbols, order):
    """Time never goes back, a symbol is once in a group, every bar's four prices and times are its own."""
    history = History(
        tuple(
            Series(f"S{n}", bars_of(bars, interval_ms=interval_ms, start_ms=START + shift * MINUTE))
            for n, (interval_ms, shift, bars) in enumerate(symbols)
        )
    )
    steps = history.steps(order)
    assert len(steps) == sum(4 * len(bars) for _, _, bars in symbols)
    assert (np.diff(steps.time_ms) >= 0).all()
    assert (np.diff(steps.group_time_ms) > 0).all()
    assert steps.group_first[0] == 0
    assert steps.group_first[-1] == len(steps)
    assert (steps.group_time_ms[steps.group_index] == steps.time_ms).all()
    pairs = set(zip(steps.group_index.tolist(), steps.symbol_index.tolist(), strict=True))
    assert len(pairs) == len(steps)
    for number, series in enumerate(history.series):
        mine = steps.symbol_index == number
        walked = steps.last_e8[mine].reshape(-1, 4)
        times = steps.time_ms[mine].reshape(-1, 4)
        assert (walked[:, 0] == series.last.open_e8).all()
        assert (walked[:, 3] == series.last.close_e8).all()
        assert (walked.max(axis=1) == series.last.high_e8).all()
        assert (walked.min(axis=1) == series.last.low_e8).all()
        assert (times[:, 0] == series.last.time_ms).all()
        assert (times[:, 3] == series.last.time_ms + series.last.interval_ms - 1).all()
        assert (np.diff(steps.bar_index[mine]) >= 0).all()


# --- files ----------------------------------------------------------------------------------------------------------


def write_bars(path: Path, count, interval_ms, start_ms=START, spread=0, skip=()):
    lines = ["timestamp,open,high,low,close"]
    for place in range(count):
        if place not in skip:
            price = 100 + place % 7
            row = (price, price + 2 - spread, price - 2 + spread, price + 1)
            lines.append(",".join(map(str, (start_ms + place * interval_ms, *row))))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def folder(tmp_path):
    write_bars(tmp_path / "binance-BTCUSDT-1m-last.csv", 120, MINUTE, skip=range(60, 70))
    write_bars(tmp_path / "binance-BTCUSDT-5m-last.csv", 24, 5 * MINUTE)
    write_bars(tmp_path / "binance-BTCUSDT-1h-last.csv", 48, HOUR)
    write_bars(tmp_path / "binance-BTCUSDT-1h-mark.csv", 48, HOUR, spread=1)
    write_bars(tmp_path / "bybit-BTCUSDT-1m-last.csv", 10, MINUTE)
    write_bars(tmp_path / "bybit-ETHUSDT-1m-last.csv", 10, MINUTE)
    write_bars(tmp_path / "okx-ETHUSDT-1m-last.csv", 10, MINUTE)
    write_bars(tmp_path / "ftx-BTC-PERP-1m-last-2022-12-13.csv", 10, MINUTE)
    (tmp_path / "binance-BTCUSDT-funding.csv").write_text(
        f"timestamp,rate\n{START - HOUR},0.1\n{START},0.0001\n{START + 8 * HOUR},0.0002\n"
    )
    (tmp_path / "README.md").write_text("not a market file")
    return tmp_path


@pytest.mark.parametrize(
    ("start", "end", "interval", "chosen", "count"),
    [
        ("2024-01-01T00:00", "2024-01-01T01:00", None, "1m", 60),  # up to the hole in the 1m file
        ("2024-01-01T00:30", "2024-01-01T01:30", None, "5m", 12),  # over it
        ("2024-01-01T00:00", "2024-01-01T12:00", None, "1h", 12),
        ("2024-01-01T00:30", "2024-01-01T01:30", "1m", "1m", 50),
        ("2024-01-01T00:00", "2024-01-01T01:00", "1h", "1h", 1),
        (None, None, None, "1m", 110),
        ("2024-01-01T01:20", None, None, "1m", 40),
        (None, "2024-01-01T01:00", None, "1m", 60),
        (START, START + 6 * HOUR, None, "1h", 6),
    ],
)
def test_the_finest_file_that_covers_the_window(folder, start, end, interval, chosen, count):
    history = History.from_folder(folder, "BTCUSDT", start, end, interval)
    (series,) = history.series
    assert Path(series.last.source).name == f"binance-BTCUSDT-{chosen}-last.csv"
    assert len(series.last) == count
    assert series.mark is not None


def test_no_file_covers_everything_so_the_fullest_is_taken_and_told(folder):
    history = History.from_folder(folder, "BTCUSDT", "2023-12-31", "2024-01-02")
    assert len(history.series[0].last) == 24
    assert "binance-BTCUSDT-1h-last.csv covers most of it" in history.notes[0]


def test_gaps_and_derived_marks_are_noted(folder):
    history = History.from_folder(folder, "BTCUSDT", interval="1m")
    text = "\n".join(history.notes)
    assert "no bars 2024-01-01 01:00 UTC to 2024-01-01 01:10 UTC" in text
    assert "derived mark in 110 of 110 bars" in text
    assert history.mark_source == "derived"
    assert [tuple(gap) for gap in history.gaps["BTCUSDT"]] == [(START + HOUR, START + HOUR + 10 * MINUTE)]


def test_funding_of_the_window_only(folder):
    assert History.from_folder(folder, "BTCUSDT", interval="1m").steps().funding_rate_e8.tolist() == [10_000]
    assert History.from_folder(folder, "BTCUSDT", interval="1h").steps().funding_rate_e8.tolist() == [10_000, 20_000]


def test_several_symbols_and_venues(folder):
    both = History.from_folder(folder, ["BTCUSDT", "ETHUSDT"], venue="bybit")
    assert both.symbols == ("BTCUSDT", "ETHUSDT")
    assert both.steps().group_count == 40
    assert History.from_folder(folder, "BTC-PERP").symbols == ("BTC-PERP",)
    with pytest.raises(MarketDataError, match="bybit, okx; none was named"):
        History.from_folder(folder, "ETHUSDT")
    with pytest.raises(MarketDataError, match="each symbol once"):
        History.from_folder(folder, ["BTCUSDT", "BTCUSDT"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"symbol": "XYZUSDT"}, "no file of XYZUSDT; it has BTC-PERP, BTCUSDT, ETHUSDT"),
        ({"symbol": "BTCUSDT", "interval": "3m"}, "no last-price file of 3m; it has 1m, 5m, 1h"),
        ({"symbol": "BTCUSDT", "interval": "soon"}, "'soon'; expected a number and"),
        ({"symbol": "BTCUSDT", "start": "2025-01-01", "end": "2025-02-01"}, "no last-price bar in the window"),
        ({"symbol": "BTCUSDT", "start": "2025-01-01", "end": "2024-01-01"}, "is not before"),
    ],
)
def test_folder_faults(folder, call, words):
    with pytest.raises(MarketDataError, match=words):
        History.from_folder(folder, **call)


def test_a_missing_folder_and_a_bad_time(folder):
    with pytest.raises(MarketDataError, match="expected a folder"):
        History.from_folder(folder / "nowhere", "BTCUSDT")
    with pytest.raises(AmountError, match="start"):
        History.from_folder(folder, "BTCUSDT", start="yesterday")


def test_freqtrade_folder(tmp_path):
    write_bars(tmp_path / "BTC_USDT_USDT-5m-futures.csv", 24, 5 * MINUTE)
    write_bars(tmp_path / "BTC_USDT_USDT-1h-mark.csv", 2, HOUR, spread=1)
    (tmp_path / "BTC_USDT_USDT-8h-funding_rate.csv").write_text(f"date,open,high,low,close\n{START},0.0001,0,0,0\n")
    history = History.from_folder(tmp_path, "BTCUSDT", venue="binance")
    assert len(history.series[0].last) == 24
    assert history.mark_source == "derived"
    assert history.steps().funding_rate_e8.tolist() == [10_000]


def test_load_takes_files_and_refuses_a_copied_mark(tmp_path):
    last = write_bars(tmp_path / "prices.csv", 48, HOUR)
    mark = write_bars(tmp_path / "fair.csv", 48, HOUR, spread=1)
    copy = write_bars(tmp_path / "copy.csv", 48, HOUR)
    history = History.load(symbol="BTCUSDT", last=last, mark=mark, start="2024-01-01T06:00", end="2024-01-01T18:00")
    assert (history.start_ms, history.end_ms) == (START + 6 * HOUR, START + 18 * HOUR)
    assert history.mark_source == "recorded"
    with pytest.raises(MarketDataError, match="copy of last prices"):
        History.load(symbol="BTCUSDT", last=last, mark=copy)
    with pytest.raises(MarketDataError, match="no bar in 2025-01-01 00:00 UTC to the end; it covers 2024-01-01"):
        History.load(symbol="BTCUSDT", last=last, start="2025-01-01")


def test_a_mark_outside_the_window_is_noted(tmp_path):
    last = write_bars(tmp_path / "prices.csv", 48, HOUR)
    mark = write_bars(tmp_path / "fair.csv", 4, HOUR, spread=1)
    history = History.load(symbol="BTCUSDT", last=last, mark=mark, start="2024-01-02")
    assert history.mark_source == "last"
    assert history.notes == ("BTCUSDT: no mark price in the window: mark follows last",)


def test_unknown_order_and_no_symbol():
    with pytest.raises(MarketDataError, match="'best'"):
        one(bars_of([UP])).steps("best")
    with pytest.raises(MarketDataError, match="no symbol"):
        History.join([])
