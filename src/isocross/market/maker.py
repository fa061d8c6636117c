"""Maker: the numbers of the house ladder of a symbol: how wide, how deep, and how it thins when prices move.

Responsible for: depth profiles, what an order of a given size costs on them, the depth scale from realized range.
Must not: place an order: a QUOTE command carries these numbers and the kernel builds the ladder.

The ladder (docs/reference/commands.md, QUOTE): level k = 0 … n−1 of each side stands half_spread + spacing·k(k+1)/2
from mid and holds level_notional·(k+1)·scale. Cumulative depth and cumulative distance both grow with the square of
k, so the price moves about in proportion to the size that is traded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..limits import LADDER_LEVELS_MAX
from ..rulebook.model import SymbolRules
from ..units import ONE_E8

SCALE_MAX_E8 = 100 * ONE_E8  # the largest scale that a QUOTE command accepts
RANGE_WINDOW_MS = 3_600_000  # the realized range is taken over the last hour


@dataclass(frozen=True, slots=True)
class DepthProfile:
    """The house ladder of one symbol at full depth, and what it takes for calm."""

    levels: int = 30
    half_spread_rate_e8: int = 1_000  # 0.001 % of mid
    spacing_rate_e8: int = 4_000  # 0.004 %: the last of 30 levels stands 1.741 % away
    level_notional_e8: int = 10_000 * ONE_E8  # 4.65 million a side over 30 levels
    calm_range_rate_e8: int = 1_000_000  # an hour's high − low up to 1 % leaves the depth whole
    scale_min_e8: int = 2_000_000  # what volatility alone never takes away: 2 %

    def __post_init__(self) -> None:
        assert 1 <= self.levels <= LADDER_LEVELS_MAX
        assert self.half_spread_rate_e8 >= 0
        assert self.spacing_rate_e8 >= 0
        assert 0 < self.level_notional_e8 < 2**50
        assert 0 < self.calm_range_rate_e8 <= ONE_E8
        assert 0 <= self.scale_min_e8 <= ONE_E8
        assert self.offset_rate_e8(self.levels - 1) < ONE_E8

    def level_value_e8(self, rules: SymbolRules, mid_e8: int) -> int:
        """What level 0 holds in the margin asset of a symbol; its own number is quote money, an inverse contract's asset coin."""
        if not rules.is_inverse:
            return self.level_notional_e8
        return max(1, self.level_notional_e8 * ONE_E8 // mid_e8)

    def offset_rate_e8(self, level: int) -> int:
        """Distance of a level from mid."""
        return self.half_spread_rate_e8 + self.spacing_rate_e8 * level * (level + 1) // 2

    def notional_e8(self, level: int, scale_e8: int = ONE_E8) -> int:
        """What a level holds."""
        return self.level_notional_e8 * (level + 1) * scale_e8 // ONE_E8


class Impact(NamedTuple):
    """What a market order met: its worst and average distance from mid, and how much of it was filled."""

    worst_rate_e8: int
    average_rate_e8: int  # weighted by notional, rounded up
    filled_e8: int


def impact(profile: DepthProfile, notional_e8: int, scale_e8: int = ONE_E8) -> Impact:
    """Walk a full ladder with an order of `notional_e8` (at mid), grids aside."""
    assert notional_e8 > 0
    left, worst, weighted = notional_e8, 0, 0
    for level in range(profile.levels):
        taken = min(left, profile.notional_e8(level, scale_e8))
        if taken:
            worst = profile.offset_rate_e8(level)
            weighted += taken * worst
            left -= taken
        if not left:
            break
    filled = notional_e8 - left
    return Impact(worst, -(-weighted // filled) if filled else 0, filled)


BTC_PROFILE = DepthProfile()
ETH_PROFILE = DepthProfile(
    half_spread_rate_e8=1_500, spacing_rate_e8=5_000, level_notional_e8=6_000 * ONE_E8, calm_range_rate_e8=1_400_000
)
LARGE_PROFILE = DepthProfile(
    half_spread_rate_e8=5_000, spacing_rate_e8=10_000, level_notional_e8=2_000 * ONE_E8, calm_range_rate_e8=2_000_000
)
SMALL_PROFILE = DepthProfile(
    half_spread_rate_e8=15_000, spacing_rate_e8=20_000, level_notional_e8=500 * ONE_E8, calm_range_rate_e8=3_000_000
)
_LARGE_ASSETS = frozenset({"SOL", "XRP", "BNB", "DOGE", "ADA", "LTC"})
_QUOTES = ("USDT", "USDC", "BUSD", "USD")


def profile_for(symbol: str) -> DepthProfile:
    """The default ladder of a symbol ('BTCUSDT', 'BTC-PERP'): Bitcoin's, Ether's, a large or a small altcoin's."""
    base = symbol.upper().split("-")[0].split("_")[0].split("/")[0]
    quote = next((name for name in _QUOTES if base.endswith(name) and base != name), "")
    base = base.removesuffix(quote)
    if base in ("BTC", "XBT"):
        return BTC_PROFILE
    if base == "ETH":
        return ETH_PROFILE
    return LARGE_PROFILE if base in _LARGE_ASSETS else SMALL_PROFILE


def scale_for_range_e8(profile: DepthProfile, range_rate_e8: int) -> int:
    """Depth left when the last hour's range was `range_rate_e8`: whole up to the calm range, then calm ÷ range.

    Returns  scale × 10^8 in profile.scale_min_e8 … ONE_E8, rounded down.
    """
    assert range_rate_e8 >= 0
    if range_rate_e8 <= profile.calm_range_rate_e8:
        return ONE_E8
    return max(profile.scale_min_e8, profile.calm_range_rate_e8 * ONE_E8 // range_rate_e8)


def depth_scales_e8(profile: DepthProfile, prices_e8: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """The scale at every price of a path, from the range of the last `window` prices, this one included.

    Nothing later than the price itself is looked at. Equals `scale_for_range_e8` of (high − low) × 10^8 ÷ low, floored,
    row by row.
    """
    assert window >= 1
    high = _rolling_max(prices_e8, window)
    low = -_rolling_max(-prices_e8, window)
    span = high - low
    whole, rest = span // low, span % low
    range_rate = np.minimum(whole, 10**9) * ONE_E8 + _mul_e8_div(rest, low)  # beyond a billionfold all is one
    thinned = profile.calm_range_rate_e8 * ONE_E8 // np.maximum(range_rate, 1)
    scales = np.where(range_rate <= profile.calm_range_rate_e8, ONE_E8, np.maximum(profile.scale_min_e8, thinned))
    return scales.astype(np.int64)


def _mul_e8_div(value: NDArray[np.int64], divisor: NDArray[np.int64]) -> NDArray[np.int64]:
    """⌊value × 10^8 ÷ divisor⌋ for 0 ≤ value < divisor ≤ 10^16: two digits at a time, so that nothing leaves int64."""
    result = np.zeros_like(value)
    rest = value
    for _ in range(4):
        rest = rest * 100
        result = result * 100 + rest // divisor
        rest = rest % divisor
    return result


def _rolling_max(values: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Largest of the last `window` values at each place, in linear time (blocks scanned from both ends)."""
    count = values.size
    if window == 1 or count == 0:
        return values
    least = np.iinfo(np.int64).min
    blocks = -(-(count + window - 1) // window)
    padded = np.full(blocks * window, least, dtype=np.int64)
    padded[window - 1 : window - 1 + count] = values
    shaped = padded.reshape(blocks, window)
    from_left = np.maximum.accumulate(shaped, axis=1).ravel()
    from_right = np.maximum.accumulate(shaped[:, ::-1], axis=1)[:, ::-1].ravel()
    result: NDArray[np.int64] = np.maximum(from_right[:count], from_left[window - 1 : window - 1 + count])
    return result
