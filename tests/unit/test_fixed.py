"""fixed.py against unbounded integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from isocross.kernel.fixed import (
    div_up,
    mul_div_down,
    mul_div_rest,
    mul_div_up,
    mul_e8_down,
    mul_e8_up,
    product_is_less,
    wide_product,
)
from isocross.limits import INT64_MAX, MUL_DIV_DIVISOR_MAX
from isocross.units import ONE_E8
from tests.strategies import steady

TOP = 2**62


def spread(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers of every magnitude in low … high, the ends and powers of two among them."""
    powers = [n for k in range(64) for n in (2**k - 1, 2**k, 2**k + 1) if low <= n <= high]
    by_bits = st.integers(0, 62).flatmap(lambda bits: st.integers(low, max(low, min(high, 2**bits))))
    return st.one_of(st.sampled_from([low, high, *powers]), by_bits, st.integers(low, high))


@steady(800)
@given(a=spread(0, TOP), b=spread(0, TOP), c=spread(1, MUL_DIV_DIVISOR_MAX))
@example(a=TOP, b=1, c=1)
@example(a=TOP, b=MUL_DIV_DIVISOR_MAX, c=MUL_DIV_DIVISOR_MAX)
@example(a=0, b=TOP, c=MUL_DIV_DIVISOR_MAX)
@example(a=MUL_DIV_DIVISOR_MAX - 1, b=TOP, c=MUL_DIV_DIVISOR_MAX)
def test_mul_div_is_the_exact_quotient(a, b, c):
    quotient, rest = divmod(a * b, c)
    assume(quotient < 8.9e18)
    assert mul_div_rest(a, b, c) == (quotient, rest)
    assert mul_div_down(a, b, c) == math.floor(Fraction(a * b, c))
    assert mul_div_up(a, b, c) == math.ceil(Fraction(a * b, c))


@steady(300)
@given(c=st.integers(1, 2**59), a=st.integers(2**61, TOP), b=st.integers(0, TOP))
def test_mul_div_says_so_when_the_quotient_does_not_fit(a, b, c):
    b = max(b, (INT64_MAX + 1) * c // a + 1)
    assume(b <= TOP)
    with pytest.raises(OverflowError):
        mul_div_down(a, b, c)


@pytest.mark.parametrize(("a", "b", "c"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1), (1, 1, MUL_DIV_DIVISOR_MAX + 1)])
def test_mul_div_refuses_what_is_out_of_its_bounds(a, b, c):
    with pytest.raises(AssertionError):
        mul_div_down(a, b, c)


@steady(600)
@given(rest=st.integers(1, 2**40), b=spread(1, TOP), c=spread(1, MUL_DIV_DIVISOR_MAX))
def test_no_step_of_mul_div_leaves_int64(rest, b, c):
    """The digits that mul_div_rest chooses: carry and digit × rest stay below 2^63."""
    room = INT64_MAX // (2 * c)
    bits = 1
    while bits < 31 and (1 << (bits + 1)) <= room:
        bits += 1
    worst = ((c - 1) << bits) + (c - 1) * ((1 << bits) - 1)
    assert worst <= INT64_MAX


@steady(500)
@given(a=spread(0, TOP), b=spread(0, TOP))
def test_mul_e8_is_the_exact_product_by_ten_to_the_eighth(a, b):
    assume(a * b // ONE_E8 < TOP)
    assert mul_e8_down(a, b) == math.floor(Fraction(a * b, ONE_E8))
    assert mul_e8_up(a, b) == math.ceil(Fraction(a * b, ONE_E8))
    for term in (a // ONE_E8 * (b // ONE_E8) * ONE_E8, a // ONE_E8 * (b % ONE_E8), a % ONE_E8 * (b // ONE_E8)):
        assert term <= INT64_MAX, "every partial product is plain"


@steady(300)
@given(a=spread(0, TOP), b=spread(1, TOP))
def test_div_up(a, b):
    assert div_up(a, b) == -(-a // b)
    assert a + (b - 1) <= INT64_MAX


@steady(1_000)
@given(a=spread(0, TOP - 1), b=spread(0, TOP - 1), c=spread(0, TOP - 1), d=spread(0, TOP - 1))
@example(a=TOP - 1, b=TOP - 1, c=TOP - 1, d=TOP - 1)
@example(a=TOP - 1, b=TOP - 2, c=TOP - 1, d=TOP - 1)
def test_product_is_less(a, b, c, d):
    assert product_is_less(a, b, c, d) == (a * b < c * d)
    assert product_is_less(c, d, a, b) == (c * d < a * b)
    assert not product_is_less(a, b, b, a)


@steady(500)
@given(a=spread(0, TOP - 1), b=spread(0, TOP - 1))
@example(a=TOP - 1, b=TOP - 1)
def test_wide_product(a, b):
    high, low = wide_product(a, b)
    assert high * 2**62 + low == a * b
    assert 0 <= low < 2**62
    assert 0 <= high < 2**62
