"""Fixed: exact products and quotients of int64 numbers, and nothing about money.

Responsible for: multiply-by-a-10^8-scale, multiply-then-divide with a 128-bit product, comparing two products.
Must not: know what the numbers mean; use more than int64 (the one float is a guard that only picks a faster
exact path). Every function runs compiled and as plain Python with the same result.
"""

from __future__ import annotations

from ..limits import INT64_MAX, MUL_DIV_DIVISOR_MAX
from ..units import ONE_E8
from .jit import kernel, small

_FITS = 9.0e18  # float products below this are below 2^63 whatever the rounding of the float
_LOW_31 = 2**31 - 1


@small
def mul_e8_down(a, b):
    """⌊a·b ÷ 10^8⌋ for a, b ≥ 0 and a result below 2^62. Exact.

    With a = a1·10^8 + a0 and b = b1·10^8 + b0: a·b/10^8 = a1·b1·10^8 + a1·b0 + a0·b1 + a0·b0/10^8, each term plain.
    """
    a1 = a // ONE_E8
    a0 = a - a1 * ONE_E8
    b1 = b // ONE_E8
    b0 = b - b1 * ONE_E8
    return a1 * b1 * ONE_E8 + a1 * b0 + a0 * b1 + a0 * b0 // ONE_E8


@small
def mul_e8_up(a, b):
    """⌈a·b ÷ 10^8⌉ for a, b ≥ 0 and a result below 2^62. Exact."""
    a1 = a // ONE_E8
    a0 = a - a1 * ONE_E8
    b1 = b // ONE_E8
    b0 = b - b1 * ONE_E8
    return a1 * b1 * ONE_E8 + a1 * b0 + a0 * b1 + (a0 * b0 + (ONE_E8 - 1)) // ONE_E8


@small
def div_up(a, b):
    """⌈a ÷ b⌉ for a ≥ 0, b > 0."""
    return (a + (b - 1)) // b


@kernel
def mul_div_down(a, b, c):
    """⌊a·b ÷ c⌋ for a, b in 0 … 2^62 and c in 1 … 2^60, the product in full. Raises OverflowError past int64."""
    quotient, _ = mul_div_rest(a, b, c)
    return quotient


@kernel
def mul_div_up(a, b, c):
    """⌈a·b ÷ c⌉, bounds as mul_div_down."""
    quotient, rest = mul_div_rest(a, b, c)
    if rest > 0:
        return quotient + 1
    return quotient


@kernel
def mul_div_rest(a, b, c):
    """(⌊a·b ÷ c⌋, a·b mod c), bounds as mul_div_down.

    When the product does not fit int64, a is split as (a // c)·c + rest, and rest·b is divided digit by digit in the
    largest power-of-two radix that keeps every step below 2^63: long division with a wide digit.
    """
    assert a >= 0
    assert b >= 0
    assert 0 < c <= MUL_DIV_DIVISOR_MAX
    if float(a) * float(b) < _FITS:
        product = a * b
        return product // c, product % c
    whole = a // c
    rest = a % c
    if float(whole) * float(b) + float(rest) / float(c) * float(b) >= _FITS:
        raise OverflowError("mul_div: the quotient does not fit int64")
    room = INT64_MAX // (2 * c)
    bits = 1
    while bits < 31 and (1 << (bits + 1)) <= room:
        bits += 1
    shift = ((62 + bits) // bits) * bits
    quotient = 0
    carry = 0
    while shift > 0:
        shift -= bits
        digit = 0
        if shift < 63:
            digit = (b >> shift) & ((1 << bits) - 1)
        step = (carry << bits) + rest * digit
        quotient = (quotient << bits) + step // c
        carry = step % c
    return whole * b + quotient, carry


@kernel
def product_is_less(a, b, c, d):
    """Whether a·b < c·d, compared in 124 bits, for factors in 0 … 2^62."""
    high_1, low_1 = wide_product(a, b)
    high_2, low_2 = wide_product(c, d)
    if high_1 != high_2:
        return high_1 < high_2
    return low_1 < low_2


@kernel
def wide_product(a, b):
    """(high, low) with a·b = high·2^62 + low and 0 ≤ low < 2^62, for a, b in 0 … 2^62 − 1."""
    a1 = a >> 31
    a0 = a & _LOW_31
    b1 = b >> 31
    b0 = b & _LOW_31
    low = a0 * b0
    middle_1 = a1 * b0
    middle_2 = a0 * b1
    carried = (low >> 31) + (middle_1 & _LOW_31) + (middle_2 & _LOW_31)
    high = a1 * b1 + (middle_1 >> 31) + (middle_2 >> 31) + (carried >> 31)
    return high, ((carried & _LOW_31) << 31) | (low & _LOW_31)
