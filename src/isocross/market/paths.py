"""Paths: the made-up world itself: prices of every symbol at every second, before and after its first instant.

Responsible for: returns by factor, own noise, regimes and jumps; the path in steps of ten seconds and in seconds; the basis; the
depth; what the flow holds. Must not: make a command, know an account or the time of the machine.

Everything is a function of (seed, asset, time since the first instant): a restart has nothing to lose, the same seed lives the same
world at another date, and another symbol beside changes none. Steps are counted from the first instant; the past's are negative.

    return of a step = regime · volatility · (√share · factor + √(1 − share) · own) + jump of the market + own jump
    price            = first price · exp(Σ returns since the first instant [+ the scene]), held between a tenth and tenfold

Logarithms are added as integers × 10^12, so that a sum does not depend on where it began.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from ..rulebook.model import SymbolRules
from .draws import LANE, Float64Array, Int64Array, Stream, exp, lane, ln, noise
from .maker import RANGE_WINDOW_MS, depth_scales_e8, profile_for
from .parameters import (
    CLIMATE,
    REFERENCE,
    STEP_MS,
    STEPS_PER_DAY,
    STEPS_PER_HOUR,
    STEPS_PER_YEAR,
    first_price_e8,
    parameters_for,
)
from .scene import Scene

LOG_ONE = 10**12
SECONDS_PER_STEP = STEP_MS // 1_000
WINDOW = RANGE_WINDOW_MS // STEP_MS  # steps whose range decides on the depth
_SLOT = 60  # steps: at most one jump of a kind in ten minutes
_EVEN_DEVIATION = 18_918.6  # of one lane: 2^16 ÷ √12
_JUMP_LEAST = 0.1  # size = least + (1 − least) · u⁴
_JUMP_SQUARE = 0.01 + 2 * 0.1 * 0.9 / 5 + 0.81 / 9  # the mean of its square
_FLOW_LEVELS = 0.2  # what the flow usually holds, in first levels of the maker


class Shared(NamedTuple):
    """Of some steps, what all symbols have in common. Arrays of one element a step."""

    first: int
    regime: Float64Array  # volatility against its own mean
    factor: Float64Array
    jump: Float64Array  # of the market, against the largest; most are 0
    jump_second: Int64Array

    def __len__(self) -> int:
        return self.regime.size

    def after(self, steps: int) -> Shared:
        """Without the first `steps`."""
        return Shared(
            self.first + steps, self.regime[steps:], self.factor[steps:], self.jump[steps:], self.jump_second[steps:]
        )


class Market:
    """What all symbols share."""

    def __init__(self, seed: int, scene: Scene | None = None) -> None:
        self.scene = scene
        self._factor = Stream(seed, "factor")
        self._jumps = Stream(seed, "jumps")
        self._regimes = [Stream(seed, f"regime {hours}h") for hours in CLIMATE.regime_hours]
        # on lines between nodes the variance is on average two thirds of a node's
        self._regime_mean = sum(deviation * deviation for deviation in CLIMATE.regime_deviations) * 2.0 / 3.0

    def shared(self, first: int, count: int) -> Shared:
        """Of steps first … first + count − 1."""
        logarithm = np.full(count, -self._regime_mean)
        for stream, hours, deviation in zip(
            self._regimes, CLIMATE.regime_hours, CLIMATE.regime_deviations, strict=True
        ):
            logarithm = logarithm + noise(stream, first, count, hours * STEPS_PER_HOUR) * deviation
        regime = exp(logarithm)
        if self.scene is not None:
            regime = regime * self.scene.volatility(np.arange(first, first + count, dtype=np.float64))
        jump, second = _jumps(self._jumps, first, count, CLIMATE.market_jumps_per_day, CLIMATE.falling_share)
        return Shared(first, regime, self._factor.bells(first, count), jump, second)


class Returns(NamedTuple):
    """Of some steps: what diffuses over each and what jumps within, as logarithms × 10^12; the second at which it jumps."""

    diffusion: Int64Array
    jump: Int64Array
    jump_second: Int64Array

    def levels(self, level: int) -> Int64Array:
        """Logarithms at the beginning of every step and behind the last; the first is `level`."""
        return level + np.concatenate([[0], np.cumsum(self.diffusion + self.jump)])


class SymbolPath:
    """One symbol's world."""

    def __init__(self, rules: SymbolRules, seed: int, price_e8: int | None = None, scene: Scene | None = None) -> None:
        self.rules = rules
        self.parameters = parameters_for(rules)
        self.profile = profile_for(rules.symbol)
        self.first_price_e8 = first_price_e8(rules, price_e8)
        self._scene = scene
        asset, name = rules.base_asset, rules.symbol
        self._own, self._own_jumps = Stream(seed, f"own {asset}"), Stream(seed, f"own jumps {asset}")
        self._fine = Stream(seed, f"seconds {asset}")
        self._basis = (Stream(seed, f"basis 1h {name}"), Stream(seed, f"basis 8h {name}"))
        self._flow, self._past = Stream(seed, f"flow {name}"), Stream(seed, f"past {name}")
        self._weigh()
        self._set_bounds()

    def _weigh(self) -> None:
        """Variance of a step, divided among the factor, the asset's own noise, and the jumps of both."""
        variance = self.parameters.volatility * self.parameters.volatility / STEPS_PER_YEAR
        factor = variance * self.parameters.factor_share
        own = variance - factor
        self._factor_weight = sqrt(factor * (1 - CLIMATE.market_jump_share))
        self._own_weight = sqrt(own * (1 - CLIMATE.own_jump_share))
        self._diffusion = sqrt(self._factor_weight * self._factor_weight + self._own_weight * self._own_weight)
        market_jumps = CLIMATE.market_jumps_per_day / STEPS_PER_DAY * _JUMP_SQUARE
        own_jumps = CLIMATE.own_jumps_per_day / STEPS_PER_DAY * _JUMP_SQUARE
        self._market_jump = sqrt(factor * CLIMATE.market_jump_share / market_jumps)
        self._own_jump = sqrt(own * CLIMATE.own_jump_share / own_jumps)
        reference = REFERENCE.volatility * sqrt(REFERENCE.factor_share)
        self._scene_weight = self.parameters.volatility * sqrt(self.parameters.factor_share) / reference

    def _set_bounds(self) -> None:
        """How far the logarithm goes: tenfold, less where the symbol's grid or highest price ends before."""
        up = min(CLIMATE.swing_max, 0.9 * self.rules.price_max_e8 / self.first_price_e8)
        down = min(CLIMATE.swing_max, self.first_price_e8 / (100.0 * self.rules.tick_e8))
        self._highest, self._lowest = ln(up), -ln(down)

    # ---- in steps

    def returns(self, shared: Shared) -> Returns:
        """Of the steps of `shared`."""
        first, count = shared.first, len(shared)
        own_jump, own_second = _jumps(self._own_jumps, first, count, CLIMATE.own_jumps_per_day, 0.5)
        own = self._own.bells(first, count)
        diffusion = shared.regime * (self._factor_weight * shared.factor + self._own_weight * own)
        jump = self._market_jump * shared.jump + self._own_jump * own_jump
        return Returns(_logs(diffusion), _logs(jump), np.where(shared.jump != 0.0, shared.jump_second, own_second))

    def index(self, logs: Int64Array, places: Float64Array) -> Float64Array:
        """Index × 10^8, on no grid yet, of logarithms × 10^12 at `places`, in steps."""
        logarithm = logs / float(LOG_ONE)
        if self._scene is not None:
            logarithm = logarithm + self._scene.logarithm(places) * self._scene_weight
        return float(self.first_price_e8) * exp(_held(logarithm, self._lowest, self._highest))

    def basis(self, first: int, count: int) -> Float64Array:
        """Mark above index as a fraction, of steps first … first + count − 1."""
        hour, eight_hours = self._basis
        value = (
            CLIMATE.basis_mean
            + noise(hour, first, count, STEPS_PER_HOUR) * CLIMATE.basis_deviation_1h
            + noise(eight_hours, first, count, 8 * STEPS_PER_HOUR) * CLIMATE.basis_deviation_8h
        )
        return np.clip(value, -CLIMATE.basis_max, CLIMATE.basis_max)

    def on_tick(self, values_e8: Float64Array, side: Int64Array | None = None) -> Int64Array:
        """Prices on the tick, at least one, at most the symbol's highest; up where side is +1, down where it is −1."""
        ticks = values_e8 / float(self.rules.tick_e8)
        rounded = np.rint(ticks) if side is None else np.where(side > 0, np.ceil(ticks), np.floor(ticks))
        return np.clip(rounded.astype(np.int64), self.rules.price_min_ticks, self.rules.price_max_ticks) * self.rules.tick_e8

    def scales_e8(self, index_e8: Int64Array, first: int) -> Int64Array:
        """The share of the maker's depth × 10^8, one a step from `first` on, from the range of the last hour in `index_e8`."""
        scales = depth_scales_e8(self.profile, index_e8, WINDOW)
        if self._scene is None:
            return scales
        most = self._scene.depth_scale_e8(np.arange(first, first + scales.size, dtype=np.float64))
        return np.minimum(scales, most)

    # ---- in seconds

    def seconds(self, levels: Int64Array, returns: Returns, shared: Shared) -> Int64Array:
        """Logarithms at every second of the steps of `shared`, which begin at `levels`.

        A walk tied to 0 at both ends of its step lies over the straight line of what diffuses; a jump comes at its second.
        """
        count = len(shared)
        raw = self._fine.raw(3 * shared.first, 3 * count).reshape(count, 3)
        walk = np.zeros((count, SECONDS_PER_STEP + 1), dtype=np.int64)
        for number in range(SECONDS_PER_STEP):
            walk[:, number + 1] = walk[:, number] + lane(raw[:, number // 4], number % 4) - LANE // 2
        second = np.arange(SECONDS_PER_STEP)
        tied = walk[:, :-1] - walk[:, -1:] * second / float(SECONDS_PER_STEP)
        weight = shared.regime * (self._diffusion / (sqrt(float(SECONDS_PER_STEP)) * _EVEN_DEVIATION))
        line = levels[:, None] + returns.diffusion[:, None] * second // SECONDS_PER_STEP
        jumped = np.where(second >= returns.jump_second[:, None], returns.jump[:, None], 0)
        logs: Int64Array = (line + jumped + _logs(tied * weight[:, None])).ravel()
        return logs

    # ---- the flow

    def flow_lots(self, first: int, regime: Float64Array, price_e8: Float64Array) -> Int64Array:
        """What the flow holds, signed, at every second from `first` on. It changes every `trade_gap_seconds`."""
        gap = self.parameters.trade_gap_seconds
        block = first // gap
        drawn = self._flow.bells(block, (first + regime.size - 1) // gap - block + 1)
        heavy = drawn * (0.3 + drawn * drawn) * (_FLOW_LEVELS * self.profile.level_notional_e8)
        held = heavy[np.arange(first, first + regime.size) // gap - block]
        lot_money_e8 = price_e8 * (self.rules.step_e8 / 1e8)
        if self.rules.is_inverse:
            lot_money_e8 = np.full_like(price_e8, float(self.rules.step_e8))
        lots = np.rint(held * regime / lot_money_e8)
        return lots.astype(np.int64)

    def traded_e8(self, regime: Float64Array) -> Float64Array:
        """What the flow trades in a minute on average, money × 10^8, in a past that the engine has not lived."""
        usual = FLOW_TURNOVER * _FLOW_LEVELS * self.profile.level_notional_e8
        return regime * (usual * 60.0 / self.parameters.trade_gap_seconds)

    def past_draws(self, first: int, count: int) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Three even numbers 0 … 65,535 for every place: side, size, share of buyers."""
        raw = self._past.raw(first, count)
        return lane(raw, 0), lane(raw, 1), lane(raw, 2)


FLOW_TURNOVER = 3.02  # mean |change| of what the flow holds, against what it usually holds: tests measure it


def _jumps(
    stream: Stream, first: int, count: int, per_day: float, falling_share: float
) -> tuple[Float64Array, Int64Array]:
    """Of steps first … first + count − 1: the jump, −1 … 1, 0 where there is none, and the second of the step it comes at."""
    slot = first // _SLOT
    slots = (first + count - 1) // _SLOT - slot + 1
    raw = stream.raw(slot, slots)
    hit = np.flatnonzero(lane(raw, 0) < round(per_day * LANE * _SLOT / STEPS_PER_DAY))
    place = (slot + hit) * _SLOT + lane(raw[hit], 1) * _SLOT // LANE - first
    inside = (place >= 0) & (place < count)
    hit, place = hit[inside], place[inside]
    even = lane(raw[hit], 2) / float(LANE)
    size = _JUMP_LEAST + (1 - _JUMP_LEAST) * (even * even * even * even)
    last = lane(raw[hit], 3)
    jump, second = np.zeros(count), np.zeros(count, dtype=np.int64)
    jump[place] = np.where(last // 10 % 100 < round(100 * falling_share), -size, size)
    second[place] = last % SECONDS_PER_STEP
    return jump, second


def _held(logarithm: Float64Array, lowest: float, highest: float) -> Float64Array:
    """Values beyond the bounds turned back at them, as often as needed."""
    width = highest - lowest
    over = (logarithm - lowest) / (2.0 * width)
    folded = (over - np.floor(over)) * 2.0
    return lowest + width * np.where(folded > 1.0, 2.0 - folded, folded)


def _logs(values: Float64Array) -> Int64Array:
    """Logarithms as integers × 10^12."""
    return np.rint(values * float(LOG_ONE)).astype(np.int64)
