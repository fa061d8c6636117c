"""Demo: two small crashes made from a recipe and a seed, for first runs, tests and examples. No recorded data in them.

Responsible for: the recipes and the bars made from them. Must not: read a file or claim to be a real market.

A recipe is a list of waypoints: at this minute the price is exactly this, it jitters this much, and the book is this
deep. Between waypoints everything is a straight line; noise is a walk tied to 0 at both ends. All arithmetic is in
integers on the raw output of PCG64, so a seed gives the same bars on every machine and with every numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import MarketDataError
from ..units import ONE_E8
from .candles import Bars
from .columns import Int64Array
from .funding import funding_rows
from .history import History, Series

MINUTE_MS = 60_000
TICKS_PER_MINUTE = 6  # moves inside a bar, from which its high and low come
_UNIT_NOISE = 92_682  # standard deviation of one raw draw, 2^16·√(4/12), times √TICKS_PER_MINUTE


class Waypoint(NamedTuple):
    """At this minute: the price, the jitter (standard deviation of a minute) and the depth scale."""

    minute: int
    price_e8: int
    jitter_rate_e8: int
    depth_scale_e8: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """A day of one symbol."""

    name: str
    title: str
    symbol: str
    tick_e8: int
    start_ms: int
    seed: int
    waypoints: tuple[Waypoint, ...]
    funding_rates_e8: tuple[int, ...]  # every eight hours from the start


def _at(minute: int, price: float, jitter_percent: float, depth_percent: float) -> Waypoint:
    """A waypoint from the numbers people read."""
    return Waypoint(minute, round(price * 1e8), round(jitter_percent * 1e6), round(depth_percent * 1e6))


RECIPES = {
    "A": Recipe(
        name="A",
        title="Bitcoin falls 16 % in two hours and takes back half",
        symbol="BTCUSDT",
        tick_e8=10_000_000,
        start_ms=1_767_571_200_000,  # 2026-01-05 00:00 UTC
        seed=11,
        waypoints=(
            _at(0, 60_000, 0.03, 100),
            _at(360, 60_250, 0.03, 100),
            _at(780, 60_000, 0.04, 100),  # 13:00: calm until here
            _at(810, 58_900, 0.08, 60),
            _at(830, 56_900, 0.15, 30),
            _at(845, 57_700, 0.12, 35),  # a pause that looks like a floor
            _at(870, 54_000, 0.20, 20),
            _at(895, 50_400, 0.25, 10),  # 14:55: −16 %
            _at(905, 52_300, 0.20, 15),
            _at(960, 53_300, 0.12, 40),
            _at(1_140, 55_200, 0.06, 80),  # half of the fall
            _at(1_440, 55_250, 0.04, 100),
        ),
        funding_rates_e8=(10_000, 12_500, -30_000),
    ),
    "B": Recipe(
        name="B",
        title="An altcoin loses 66 % in half an hour while its book leaves",
        symbol="SOLUSDT",
        tick_e8=1_000_000,
        start_ms=1_767_571_200_000,
        seed=23,
        waypoints=(
            _at(0, 180, 0.06, 100),
            _at(600, 182, 0.06, 100),
            _at(780, 180, 0.08, 100),  # 13:00
            _at(790, 171, 0.20, 40),
            _at(796, 158, 0.40, 10),
            _at(801, 120, 0.60, 0.5),
            _at(803, 118, 0.60, 0.2),
            _at(807, 61.2, 0.80, 0),  # 13:27: −66 %, nobody bids
            _at(810, 70, 0.80, 0.05),
            _at(816, 112, 0.60, 3),
            _at(850, 131, 0.30, 20),
            _at(1_000, 138, 0.15, 60),
            _at(1_440, 136, 0.08, 100),
        ),
        funding_rates_e8=(10_000, 25_000, -200_000),
    ),
}


def demo_history(name: str = "A", seed: int | None = None) -> History:
    """The recipe's day as a History with one-minute bars, funding every eight hours and a depth scale per bar.

    Takes    name: 'A' or 'B'. seed: instead of the recipe's own; the notes of the History print it.
    Errors   MarketDataError: no such recipe, a negative seed.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise MarketDataError(f"demo {name!r}: expected one of {', '.join(RECIPES)}")
    seed = recipe.seed if seed is None else seed
    if seed < 0:
        raise MarketDataError(f"demo seed {seed}: expected 0 or more")
    prices_e8 = _path_e8(recipe, seed)
    inside = np.lib.stride_tricks.sliding_window_view(prices_e8, TICKS_PER_MINUTE + 1)[::TICKS_PER_MINUTE]
    minutes = np.arange(len(inside), dtype=np.int64)
    last = Bars(
        kind="last",
        interval_ms=MINUTE_MS,
        time_ms=recipe.start_ms + minutes * MINUTE_MS,
        open_e8=inside[:, 0].copy(),
        high_e8=inside.max(axis=1),
        low_e8=inside.min(axis=1),
        close_e8=inside[:, -1].copy(),
        source=f"demo {name}",
    )
    scale_e8 = _line(recipe, 3, 1)[:-1]
    scale_e8.setflags(write=False)
    rates_e8 = np.array(recipe.funding_rates_e8, dtype=np.int64)
    funding = funding_rows(recipe.start_ms + np.arange(rates_e8.size, dtype=np.int64) * 480 * MINUTE_MS, rates_e8)
    note = f"{recipe.symbol}: made up, not recorded: {recipe.title} (demo {name}, seed {seed})"
    return History((Series(recipe.symbol, last, funding=funding, depth_scale_e8=scale_e8),), (note,))


def _path_e8(recipe: Recipe, seed: int) -> Int64Array:
    """Prices on the tick, TICKS_PER_MINUTE a minute and the end: the line through the waypoints plus tied noise."""
    line_e8, jitter_e8 = _line(recipe, 1, TICKS_PER_MINUTE), _line(recipe, 2, TICKS_PER_MINUTE)
    raw = np.random.PCG64(seed).random_raw(line_e8.size - 1)
    lanes = [(raw >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16, 32, 48)]
    noise = np.concatenate([[0], (sum(lanes) - 2 * 0xFFFF) * jitter_e8[1:] // _UNIT_NOISE])
    walk = np.cumsum(noise)
    places = np.array([point.minute * TICKS_PER_MINUTE for point in recipe.waypoints])
    tied = walk - _between(places, walk[places])
    prices = line_e8 + line_e8 // 10_000 * tied // 10_000
    on_tick: Int64Array = np.maximum(1, (prices + recipe.tick_e8 // 2) // recipe.tick_e8) * recipe.tick_e8
    return on_tick


def _line(recipe: Recipe, column: int, per_minute: int) -> Int64Array:
    """One column of the waypoints at every step of 1 / per_minute, ends included."""
    values = np.array([point[column] for point in recipe.waypoints], dtype=np.int64)
    return _between(np.array([point.minute * per_minute for point in recipe.waypoints]), values)


def _between(places: Int64Array, values: Int64Array) -> Int64Array:
    """Straight lines through (places, values) at every whole place, in integers, floored."""
    at = np.arange(places[-1] + 1, dtype=np.int64)
    segment = np.minimum(np.searchsorted(places, at, side="right") - 1, places.size - 2)
    first, after = places[segment], places[segment + 1]
    line: Int64Array = values[segment] + (values[segment + 1] - values[segment]) * (at - first) // (after - first)
    return line


for _recipe in RECIPES.values():
    assert _recipe.waypoints[0].minute == 0
    assert all(a.minute < b.minute for a, b in zip(_recipe.waypoints, _recipe.waypoints[1:], strict=False))
    assert all(0 <= point.depth_scale_e8 <= ONE_E8 for point in _recipe.waypoints)
    assert all(point.price_e8 % _recipe.tick_e8 == 0 for point in _recipe.waypoints)
