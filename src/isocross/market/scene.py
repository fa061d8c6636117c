"""Scene: a script laid over the made-up world: at this minute the market has fallen so far, and the book is this deep.

Responsible for: what a scene adds to the paths, minute by minute after the world's first instant. Must not: draw a number.

A scene moves the common factor: Bitcoin as the script says, every other asset by its weight in it against Bitcoin's. Its waypoints are those of a recipe
(demo.py), told as falls from the recipe's price where the scene begins; their jitter becomes a multiple of volatility.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..units import ONE_E8
from .demo import RECIPES, Recipe
from .draws import Float64Array, Int64Array, ln

MINUTE_STEPS = 6


@dataclass(frozen=True, slots=True)
class Scene:
    """A script in the world's steps after its first instant. Before the first and after the last place its ends hold."""

    name: str
    title: str
    seed: int  # one with which it goes as the title says
    places: tuple[int, ...]
    logarithms: tuple[float, ...]  # of the price against its first
    volatilities: tuple[float, ...]  # multiples
    depth_scales_e8: tuple[int, ...]

    def logarithm(self, place: Float64Array) -> Float64Array:
        """How far the script has moved the price by these steps, parts of a step counted."""
        return self._line(self.logarithms, place)

    def volatility(self, place: Float64Array) -> Float64Array:
        """What volatility is multiplied by."""
        return self._line(self.volatilities, place)

    def depth_scale_e8(self, place: Float64Array) -> Int64Array:
        """The most that is left of the depth."""
        return self._line(tuple(map(float, self.depth_scales_e8)), place).astype(np.int64)

    def _line(self, values: tuple[float, ...], place: Float64Array) -> Float64Array:
        """Straight lines through (places, values), level outside."""
        places, ends = np.array(self.places), np.array(values)
        at = np.clip(place, places[0], places[-1])
        segment = np.minimum(np.searchsorted(places, at, side="right") - 1, places.size - 2)
        share = (at - places[segment]) / (places[segment + 1] - places[segment]).astype(np.float64)
        line: Float64Array = ends[segment] + (ends[segment + 1] - ends[segment]) * share
        return line


def _scene(name: str, recipe: Recipe, seed: int, first_minute: int, calm_minutes: int, haste: int) -> Scene:
    """A recipe from `first_minute` on, `haste` times as fast, after `calm_minutes`."""
    points = [point for point in recipe.waypoints if point.minute >= first_minute]
    first = points[0]
    falls = np.array([point.price_e8 / first.price_e8 for point in points])
    return Scene(
        name=name,
        title=recipe.title,
        seed=seed,
        places=tuple((calm_minutes * haste + point.minute - first_minute) * MINUTE_STEPS // haste for point in points),
        logarithms=tuple(ln(fall) for fall in falls.tolist()),
        volatilities=tuple(point.jitter_rate_e8 / first.jitter_rate_e8 for point in points),
        depth_scales_e8=tuple(min(point.depth_scale_e8, ONE_E8) for point in points),
    )


CRASH = _scene("crash", RECIPES["A"], seed=2, first_minute=780, calm_minutes=4, haste=4)
SCENES = {CRASH.name: CRASH}
