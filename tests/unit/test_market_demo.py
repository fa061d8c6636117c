"""Demo: the made-up crashes are what their titles say, the same bars for a seed everywhere, and quick to make."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from isocross.errors import MarketDataError
from isocross.market.demo import RECIPES, demo_history
from isocross.units import ONE_E8

HOUR = 3_600_000


def fingerprint(history):
    steps = history.steps()
    columns = (steps.time_ms, steps.last_e8, steps.mark_e8, steps.depth_scale_e8, steps.funding_rate_e8)
    return hashlib.sha256(b"".join(column.astype("<i8").tobytes() for column in columns)).hexdigest()[:16]


@pytest.mark.parametrize(("name", "expected"), [("A", "f1fb4613b0edc275"), ("B", "768a00ea5a627f32")])
def test_a_seed_gives_the_same_bars_everywhere(name, expected):
    assert fingerprint(demo_history(name)) == expected
    assert fingerprint(demo_history(name, seed=7)) != expected


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", [None, 0, 1, 2**63])
def test_every_seed_passes_through_the_waypoints_on_the_tick(name, seed):
    recipe = RECIPES[name]
    (series,) = demo_history(name, seed).series
    bars = series.last
    assert len(bars) == 1440
    assert bars.gaps == []
    assert (bars.open_e8[1:] == bars.close_e8[:-1]).all()
    for array in (bars.open_e8, bars.high_e8, bars.low_e8, bars.close_e8):
        assert (array % recipe.tick_e8 == 0).all()
        assert (array > 0).all()
    assert (bars.low_e8 <= np.minimum(bars.open_e8, bars.close_e8)).all()
    assert (bars.high_e8 >= np.maximum(bars.open_e8, bars.close_e8)).all()
    for point in recipe.waypoints[:-1]:
        assert bars.open_e8[point.minute] == point.price_e8
        assert series.depth_scale_e8[point.minute] == point.depth_scale_e8


def test_demo_a_falls_a_sixth_and_takes_back_half():
    history = demo_history("A")
    bars = history.series[0].last
    assert history.symbols == ("BTCUSDT",)
    calm = bars.within(bars.start_ms, bars.start_ms + 13 * HOUR)
    assert calm.low_e8.min() > 59_000 * ONE_E8
    assert calm.high_e8.max() < 61_000 * ONE_E8
    assert 50_000 * ONE_E8 < bars.low_e8.min() <= 50_400 * ONE_E8
    assert 54_500 * ONE_E8 < bars.close_e8[-1] < 56_000 * ONE_E8


def test_demo_b_falls_two_thirds_while_the_book_leaves():
    history = demo_history("B")
    bars, scale = history.series[0].last, history.series[0].depth_scale_e8
    assert history.symbols == ("SOLUSDT",)
    assert 55 * ONE_E8 < bars.low_e8.min() <= 61.2 * ONE_E8
    bottom = int(bars.low_e8.argmin())
    assert scale[bottom - 4 : bottom + 2].max() <= ONE_E8 // 200
    assert scale[0] == ONE_E8
    steps = history.steps()
    assert steps.depth_scale_e8.tolist() == np.repeat(scale, 4).tolist()


def test_funding_every_eight_hours_and_the_seed_in_the_notes():
    history = demo_history("A", seed=5)
    assert np.diff(history.series[0].funding.time_ms).tolist() == [8 * HOUR, 8 * HOUR]
    assert "seed 5" in history.notes[0]
    assert "not recorded" in history.notes[0]


def test_faults():
    with pytest.raises(MarketDataError, match="expected one of A, B"):
        demo_history("C")
    with pytest.raises(MarketDataError, match="seed -1"):
        demo_history("A", seed=-1)
