"""units.py: text to integers and back, exactly or with an error that names the thing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isocross.errors import AmountError
from isocross.units import (
    format_e8,
    format_money,
    format_rate,
    format_time,
    to_decimal,
    to_e8,
    to_grid,
    to_rate_e8,
    to_time_ms,
)
from tests.strategies import steady

WIDE = st.one_of(st.integers(-(10**12), 10**12), st.integers(-(2**63), 2**63 - 1))


@steady(400)
@given(value=WIDE, decimals=st.integers(0, 8))
def test_text_and_back(value, decimals):
    text = format_e8(value, decimals)
    assert to_e8(text) == value
    assert len(text.partition(".")[2]) >= decimals
    assert to_e8(Decimal(text)) == value


@steady(300)
@given(value=st.integers(-(10**30), 10**30), exponent=st.integers(-20, 20))
def test_any_decimal_is_taken_exactly_or_refused(value, exponent):
    exact = Fraction(value) * Fraction(10) ** exponent * 10**8
    number = Decimal((int(value < 0), tuple(map(int, str(abs(value)))), exponent))  # made by parts: no context rounds it
    if exact.denominator == 1:
        assert to_e8(number) == exact
    else:
        with pytest.raises(AmountError):
            to_e8(number)


@steady(300)
@given(steps=st.integers(-(10**9), 10**9), grid=st.integers(1, 10**12), off=st.integers(0, 10**12))
def test_the_grid(steps, grid, off):
    assert to_grid(format_e8(steps * grid), grid, "price") == steps
    if off % grid:
        with pytest.raises(AmountError, match="price"):
            to_grid(format_e8(steps * grid + off), grid, "price")


@steady(200)
@given(rate=st.integers(-(10**12), 10**12))
def test_a_rate_in_percent(rate):
    sign = "-" if rate < 0 else ""
    whole, part = divmod(abs(rate), 10**6)
    assert to_rate_e8(f"{sign}{whole}.{part:06d}%") == rate
    assert to_rate_e8(f" {sign}{whole}.{part:06d} %") == rate
    assert to_rate_e8(format_e8(rate)) == rate


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10_000", 10**12), ("10,000", 10**12), ("1,234,567.5", 123456750000000), ("1e3", 10**11), ("2.5E-7", 25),
        (" 0.1 ", 10**7), ("+3", 3 * 10**8), ("-0.00000001", -1), (".5", 5 * 10**7), ("5.", 5 * 10**8), (0.1, 10**7),
        (1e-8, 1), (Decimal("1E+2"), 10**10), (7, 7 * 10**8), (np.int64(7), 7 * 10**8), (np.float64(0.25), 25 * 10**6), ("0", 0),
        ("-0", 0),
    ],
)  # fmt: skip
def test_what_is_an_amount(value, expected):
    assert to_e8(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "abc", "1,00", "1,0000", "--1", "1.2.3", "nan", "NaN", "inf", "-Infinity", float("nan"), float("inf"), True,
        False, None, "1e400", "1e-400", "9" * 61, "0x10", "١٢a", 10**60, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        0.1 + 0.2, "0.000000001", 1e-9, ".", "+", "e5", "1e", [], {}, b"1", "1 000", "5%",
    ],
)  # fmt: skip
def test_what_is_no_amount(value):
    with pytest.raises(AmountError, match="margin"):
        to_e8(value, "margin")


@pytest.mark.parametrize("value", ["%", "abc%", "1%%", "0.0000001%", "nan%"])
def test_what_is_no_rate(value):
    with pytest.raises(AmountError, match="rate"):
        to_rate_e8(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (1, "0.00"), (-1, "0.00"), (500_000, "0.01"), (-500_000, "-0.01"), (123_456_789_012_345_678, "1,234,567,890.12")],
)
def test_money_for_people(value, text):
    assert format_money(value) == text


def test_rates_and_whole_money_for_people():
    assert format_rate(400_000) == "0.40 %"
    assert format_money(150_000_000, 0) == "2"
    assert format_money(-149_999_999, 0) == "-1"


@steady(200)
@given(moment=st.integers(0, 10**14 - 1))
def test_times(moment):
    assert to_time_ms(moment) == moment
    if moment >= 10**9:
        assert to_time_ms(str(moment)) == moment
    if moment < 4 * 10**12:
        whole = moment - moment % 1_000
        assert to_time_ms(datetime.fromtimestamp(whole / 1_000, tz=UTC)) == whole
        shown = format_time(whole).removesuffix(" UTC")
        assert to_time_ms(shown) == whole
        assert to_time_ms(shown.replace(" ", "T") + "Z") == whole


@pytest.mark.parametrize("value", [True, -1, 10**14, "yesterday", "2025-13-01", "", "99999", "1e12"])
def test_what_is_no_time(value):
    with pytest.raises(AmountError, match="start"):
        to_time_ms(value, "start")


def test_a_time_without_an_offset_is_utc():
    assert to_time_ms("2025-10-10T21:20") == to_time_ms("2025-10-10T23:20+02:00") == 1_760_131_200_000


@steady(200)
@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_float_is_its_shortest_text(value):
    try:
        found = to_decimal(value, "x")
    except AmountError:
        return
    assert found == Decimal(repr(value))


@steady(300)
@given(st.text(max_size=30))
def test_no_text_does_more_than_an_error(text):
    for parse in (to_e8, to_rate_e8, to_time_ms):
        try:
            assert isinstance(parse(text), int)
        except AmountError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01 00:00 UTC"),
        (-1, "-1 ms since 1970"),
        (253_402_300_799_000, "9999-12-31 23:59:59 UTC"),
        (253_402_300_800_000, "253402300800000 ms since 1970"),
        (2**63 - 1, "9223372036854775807 ms since 1970"),
    ],
)
def test_a_time_beyond_the_calendar_is_told_in_milliseconds(time_ms: int, text: str) -> None:
    assert format_time(time_ms) == text
