"""Draws: chance that anybody can draw again at any place of it, and arithmetic that gives the same bits on every machine.

Responsible for: streams of raw numbers by seed and name, read from any place; bell-shaped numbers, noise between nodes, the
exponential. Must not: know what a number is for.

A stream is the raw output of PCG64, which is specified to the bit; its generator can be advanced, so draw 10⁹ is as near as
draw 0. What is made of it uses +, −, ×, ÷ and rounding to a whole number only, one element at a time: IEEE 754 fixes these.
Library functions (exp, log, sin, a sum of floats) differ between machines in their last bit, so they do not appear.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]

LANE = 0x10000  # a raw number is four of these
_LANES_OF_TWO = np.uint64(0x0000FFFF0000FFFF)
_HALF = np.uint64(0xFFFFFFFF)
_PLACE_ZERO = 1 << 40  # draws before 0 exist as well
_BELL_UNIT = 37_837.0  # standard deviation of a sum of four lanes: 2^16 · √(4/12)
_LOG2_E, _LN_2 = 1.4426950408889634, 0.6931471805599453
_EXP_TERMS = (
    2.08767569878681e-09, 2.505210838544172e-08, 2.755731922398589e-07, 2.7557319223985893e-06, 2.48015873015873e-05,
    1.984126984126984e-04, 1.388888888888889e-03, 8.333333333333333e-03, 4.1666666666666664e-02, 0.16666666666666666,
    0.5, 1.0, 1.0,
)  # 1/12! … 1/0!  # fmt: skip


class Stream:
    """Raw draws of one seed and one name. Other names are other chance, whatever else is drawn."""

    def __init__(self, seed: int, name: str) -> None:
        assert seed >= 0
        digest = hashlib.sha256(name.encode()).digest()
        self._entropy = [seed, int.from_bytes(digest[:8], "little")]

    def raw(self, first: int, count: int) -> NDArray[np.uint64]:
        """Draws first … first + count − 1; places below 0 are there too."""
        assert first >= -_PLACE_ZERO
        generator = np.random.PCG64(np.random.SeedSequence(self._entropy))
        generator.advance(first + _PLACE_ZERO)
        drawn: NDArray[np.uint64] = generator.random_raw(count)
        return drawn

    def bells(self, first: int, count: int) -> Float64Array:
        """Bell-shaped numbers of mean 0 and deviation 1, within ±3.47: sums of four even ones."""
        return bells_of(self.raw(first, count))


def bells_of(raw: NDArray[np.uint64]) -> Float64Array:
    """Raw draws → bell-shaped numbers."""
    pairs = (raw & _LANES_OF_TWO) + ((raw >> np.uint64(16)) & _LANES_OF_TWO)
    sums = ((pairs & _HALF) + (pairs >> np.uint64(32))).astype(np.int64)
    return (sums - 2 * (LANE - 1)) / _BELL_UNIT


def lane(raw: NDArray[np.uint64], number: int) -> Int64Array:
    """One of the four even numbers 0 … 65,535 in each raw draw."""
    return (raw >> np.uint64(16 * number) & np.uint64(0xFFFF)).astype(np.int64)


def noise(stream: Stream, first: int, count: int, period: int) -> Float64Array:
    """At places first … first + count − 1: straight lines between a bell-shaped number every `period` places."""
    node = first // period
    nodes = stream.bells(node, (first + count - 1) // period - node + 2)
    share = np.arange(period) / float(period)
    lines = nodes[:-1, None] + (nodes[1:] - nodes[:-1])[:, None] * share
    return lines.ravel()[first - node * period :][:count]


def exp(values: Float64Array) -> Float64Array:
    """e to the power of `values`, |value| < 700, to 14 digits: the same bits on every machine."""
    powers = np.rint(values * _LOG2_E)
    rest = values - powers * _LN_2
    result = np.full_like(rest, _EXP_TERMS[0])
    for term in _EXP_TERMS[1:]:
        result *= rest
        result += term
    return np.ldexp(result, powers.astype(np.int32))


def ln(value: float) -> float:
    """ln(value) for 0.1 … 10, to 14 digits, by the series of the inverse hyperbolic tangent: the same bits everywhere."""
    assert 0.1 <= value <= 10.0
    ratio = (value - 1.0) / (value + 1.0)
    power, total = ratio, 0.0
    for number in range(1, 200, 2):
        total += power / number
        power *= ratio * ratio
    return 2.0 * total
