"""Maker: the default ladder is as deep as promised, altcoins less, and depth leaves when prices move."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross.limits import PRICE_MAX_E8
from isocross.market.maker import (
    BTC_PROFILE,
    ETH_PROFILE,
    LARGE_PROFILE,
    SMALL_PROFILE,
    DepthProfile,
    depth_scales_e8,
    impact,
    profile_for,
    scale_for_range_e8,
)
from isocross.units import ONE_E8

PROFILES = [BTC_PROFILE, ETH_PROFILE, LARGE_PROFILE, SMALL_PROFILE]


def test_a_hundred_thousand_moves_bitcoin_by_a_tenth_of_a_percent_at_most():
    met = impact(profile_for("BTCUSDT"), 100_000 * ONE_E8)
    assert met.filled_e8 == 100_000 * ONE_E8
    assert met.worst_rate_e8 == 25_000  # 0.025 %
    assert met.worst_rate_e8 <= 100_000
    assert met.average_rate_e8 == 15_000


def test_impact_level_by_level():
    profile = DepthProfile(levels=3, half_spread_rate_e8=100, spacing_rate_e8=50, level_notional_e8=10)
    assert [profile.offset_rate_e8(level) for level in range(3)] == [100, 150, 250]
    assert [profile.notional_e8(level) for level in range(3)] == [10, 20, 30]
    assert impact(profile, 10) == (100, 100, 10)
    assert impact(profile, 11) == (150, 105, 11)  # (10·100 + 1·150) ÷ 11 = 104.5…, up
    assert impact(profile, 30) == (150, 134, 30)
    assert impact(profile, 1_000) == (250, 192, 60)
    assert impact(profile, 1_000, scale_e8=ONE_E8 // 2) == (250, 192, 30)
    assert impact(profile, 1_000, scale_e8=0) == (0, 0, 0)


@pytest.mark.parametrize(
    ("symbol", "profile"),
    [
        ("BTCUSDT", BTC_PROFILE),
        ("BTC-PERP", BTC_PROFILE),
        ("XBTUSD", BTC_PROFILE),
        ("BTCUSD_PERP", BTC_PROFILE),
        ("BTC/USDT:USDT", BTC_PROFILE),
        ("ETHUSDC", ETH_PROFILE),
        ("SOLUSDT", LARGE_PROFILE),
        ("1000PEPEUSDT", SMALL_PROFILE),
        ("USDT", SMALL_PROFILE),
    ],
)
def test_profiles_by_symbol(symbol, profile):
    assert profile_for(symbol) is profile


def test_smaller_names_are_thinner_and_wider():
    for larger, smaller in pairwise(PROFILES):
        assert impact(smaller, 20_000 * ONE_E8).worst_rate_e8 > impact(larger, 20_000 * ONE_E8).worst_rate_e8
        assert smaller.half_spread_rate_e8 > larger.half_spread_rate_e8


@pytest.mark.parametrize(
    ("range_rate_e8", "scale_e8"),
    [
        (0, ONE_E8),
        (1_000_000, ONE_E8),
        (1_000_001, 99_999_900),
        (2_000_000, ONE_E8 // 2),
        (50_000_000, 2_000_000),
        (90_000_000, 2_000_000),
    ],
)
def test_depth_by_range(range_rate_e8, scale_e8):
    assert scale_for_range_e8(BTC_PROFILE, range_rate_e8) == scale_e8


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.integers(1, PRICE_MAX_E8), min_size=1, max_size=40),
    window=st.integers(1, 50),
    profile=st.sampled_from(PROFILES),
)
def test_scales_along_a_path_equal_the_rule_row_by_row(values, window, profile):
    scales = depth_scales_e8(profile, np.array(values, dtype=np.int64), window)
    for place, scale in enumerate(scales.tolist()):
        seen = values[max(0, place - window + 1) : place + 1]
        low, high = min(seen), max(seen)
        assert scale == scale_for_range_e8(profile, (high - low) * ONE_E8 // low)


def test_a_profile_that_cannot_be_quoted_is_a_bug():
    with pytest.raises(AssertionError):
        DepthProfile(levels=201)
    with pytest.raises(AssertionError):
        DepthProfile(levels=200, spacing_rate_e8=10_000)
