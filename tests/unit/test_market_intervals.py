"""Intervals: which moment begins a candle, and long candles that equal their parts."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross.errors import InputError
from isocross.market.intervals import INTERVALS, after_ms, joined, open_ms, open_times
from isocross.market.past import CandleColumns

MINUTE = 60_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("interval", "moment", "opens", "next_opens"),
    [
        ("1m", "2026-01-05T10:17:59", "2026-01-05T10:17", "2026-01-05T10:18"),
        ("3m", "2026-01-05T10:17:59", "2026-01-05T10:15", "2026-01-05T10:18"),
        ("15m", "2026-01-05T10:14:59", "2026-01-05T10:00", "2026-01-05T10:15"),
        ("4h", "2026-01-05T11:59:59", "2026-01-05T08:00", "2026-01-05T12:00"),
        ("12h", "2026-01-05T12:00:00", "2026-01-05T12:00", "2026-01-06T00:00"),
        ("1d", "2026-01-05T23:59:59", "2026-01-05T00:00", "2026-01-06T00:00"),
        ("3d", "1970-01-03T23:59:59", "1970-01-01T00:00", "1970-01-04T00:00"),
        ("1w", "2026-01-05T00:00:00", "2026-01-05T00:00", "2026-01-12T00:00"),  # a Monday
        ("1w", "2026-01-04T23:59:59", "2025-12-29T00:00", "2026-01-05T00:00"),  # the Sunday before
        ("1M", "2026-01-31T23:59:59", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("1M", "2025-12-31T23:59:59", "2025-12-01T00:00", "2026-01-01T00:00"),
        ("1M", "2028-02-29T12:00:00", "2028-02-01T00:00", "2028-03-01T00:00"),
    ],
)
def test_boundaries(interval: str, moment: str, opens: str, next_opens: str) -> None:
    assert open_ms(interval, at(moment)) == at(opens)
    assert after_ms(interval, at(opens)) == at(next_opens)


@given(st.lists(st.integers(10**12, 4 * 10**12), min_size=1, max_size=50), st.sampled_from(INTERVALS))
def test_every_moment_lies_in_one_candle(times: list[int], interval: str) -> None:
    opens = open_times(interval, np.array(times)).tolist()
    for moment, start in zip(times, opens, strict=True):
        assert start == open_ms(interval, moment)
        assert start <= moment < after_ms(interval, start)
        assert open_ms(interval, after_ms(interval, start)) == after_ms(interval, start)


def minutes(count: int, first_ms: int, seed: int) -> CandleColumns:
    chance = np.random.default_rng(seed)
    opens, closes = chance.integers(900, 1100, count), chance.integers(900, 1100, count)
    high, low = np.maximum(opens, closes) + chance.integers(0, 9, count), np.minimum(opens, closes) - 5
    time_ms = first_ms + np.flatnonzero(chance.random(2 * count) < 0.8)[:count] * MINUTE  # some are missing
    volumes = [chance.integers(0, 100, time_ms.size) for _ in range(5)]
    return CandleColumns(time_ms, *(column[: time_ms.size] for column in (opens, high, low, closes)), *volumes)


@settings(max_examples=60)
@given(
    st.integers(1, 3000),
    st.integers(10**12 // MINUTE, 2 * 10**12 // MINUTE),
    st.integers(0, 99),
    st.sampled_from(INTERVALS),
)
def test_long_candles_equal_their_parts(count: int, first_minute: int, seed: int, interval: str) -> None:
    rows = minutes(count, first_minute * MINUTE, seed)
    long = joined(rows, interval)
    assert (np.diff(long.time_ms) > 0).all()
    assert long.volume_e8.sum() == rows.volume_e8.sum()
    for place in range(0, long.time_ms.size, max(1, long.time_ms.size // 20)):
        start = int(long.time_ms[place])
        inside = (rows.time_ms >= start) & (rows.time_ms < after_ms(interval, start))
        part = rows.rows(np.flatnonzero(inside))
        assert part.time_ms.size
        expected = (part.open_e8[0], part.high_e8.max(), part.low_e8.min(), part.close_e8[-1])
        assert tuple(column[place] for column in long[1:5]) == expected
        assert tuple(column[place] for column in long[5:]) == tuple(column.sum() for column in part[5:])
    again = joined(joined(rows, "1h"), interval)
    if interval in ("4h", "1d", "1w", "1M"):  # in two steps as in one
        assert all((a == b).all() for a, b in zip(long, again, strict=True))


def test_no_row_is_no_candle_and_a_wrong_name_is_told() -> None:
    none = joined(minutes(1, 10**12, 0).rows(slice(0, 0)), "1h")
    assert none.time_ms.size == 0
    with pytest.raises(InputError, match="'7m': expected one of 1m, 3m"):
        open_ms("7m", 10**12)


def test_a_sum_beyond_int64_is_told_as_its_last() -> None:
    rows = minutes(3, 60 * MINUTE, 0)
    large = np.full(rows.time_ms.size, 2**62)
    day = joined(rows._replace(volume_e8=large, quote_e8=large // 8), "1d")
    assert day.volume_e8.tolist() == [2**63 - 1]
    assert day.quote_e8.tolist() == [rows.time_ms.size * 2**59]
