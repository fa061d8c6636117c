"""Units: the scales every other file counts in, and the only way in and out of them.

Responsible for: the integer types of price, quantity, money, rate and time; decimal text to integer and
back, exactly or with an error. Must not: know a symbol's rules, an account or a formula.

Amounts come in as int, str, Decimal, or a float whose shortest text lies on the grid; anything else is an
`AmountError` that names the thing, the value and the grid. Underscores and thousands commas in text are
accepted (`10_000`, `10,000`); a trailing `%` is accepted where a rate is asked for.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import NewType

from .errors import AmountError

Ticks = NewType("Ticks", int)  # order price ÷ the symbol's tick size
PriceE8 = NewType("PriceE8", int)  # mark or index price × 10^8: finer than a tick
Lots = NewType("Lots", int)  # quantity ÷ the symbol's step size; signed where it is a position
QuoteE8 = NewType("QuoteE8", int)  # money of the margin asset × 10^8
RateE8 = NewType("RateE8", int)  # a fraction × 10^8: 0.4 % is 400_000
TimeMs = NewType("TimeMs", int)  # milliseconds since 1970, always read from the command

ONE_E8 = 100_000_000

Amount = int | str | Decimal | float

_NUMBER = re.compile(r"^[+-]?(?=\.?\d)(\d[\d_]*|\d{1,3}(,\d{3})+)?(\.\d*)?([eE][+-]?\d{1,2})?$")
_CALENDAR_END_MS = 253_402_300_800_000  # the year 10000
_DIGITS_MAX = 60  # longer text is no amount: it is refused before it is parsed


def to_decimal(value: Amount, name: str) -> Decimal:
    """The exact decimal that `value` says, or AmountError naming `name`. Bools, NaN and infinities are refused."""
    if isinstance(value, bool) or value is None:
        raise AmountError(f"{name}: {value!r} is not a number")
    if isinstance(value, int):
        if abs(value) >= 10**_DIGITS_MAX:
            raise AmountError(f"{name}: a number of more than {_DIGITS_MAX} digits is out of range")
        return Decimal(value)
    if isinstance(value, Decimal):
        number = value
    else:
        if hasattr(value, "item") and not isinstance(value, (str, float)):  # a numpy scalar
            if getattr(value, "ndim", 0):
                raise AmountError(f"{name}: {type(value).__name__} of several numbers: expected one")
            return to_decimal(value.item(), name)
        text = repr(float(value)) if isinstance(value, float) else str(value).strip()
        plain = text.lstrip("+-").lower()
        if plain in ("nan", "inf", "infinity"):
            raise AmountError(f"{name}: {text} is not a finite number")
        if len(text) > _DIGITS_MAX or not _NUMBER.match(text) or not any(c.isdigit() for c in text):
            raise AmountError(f"{name}: {text[:_DIGITS_MAX]!r} is not a number (write it like 10_000 or 0.25)")
        number = Decimal(text.replace("_", "").replace(",", ""))
    if not number.is_finite():
        raise AmountError(f"{name}: {value!r} is not a finite number")
    if number.adjusted() > _DIGITS_MAX or number.adjusted() < -_DIGITS_MAX:
        raise AmountError(f"{name}: {value!r} is out of range")
    return number


def to_grid(value: Amount, grid_e8: int, name: str) -> int:
    """`value` ÷ grid as an integer, exact. `grid_e8` is the grid step × 10^8, > 0.

    Errors  AmountError when the value does not lie on the grid: it names the value and the grid.
    """
    return _on_grid(to_decimal(value, name), 0, grid_e8, value, name)


def _on_grid(number: Decimal, shift: int, grid_e8: int, value: Amount, name: str) -> int:
    """number × 10^shift ÷ grid, in integers throughout: Decimal arithmetic would round to its context."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    exponent += shift + 8
    scaled = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    step = grid_e8
    if exponent >= 0:
        scaled *= 10**exponent
    else:
        step *= 10**-exponent
    if scaled % step:
        raise AmountError(f"{name}: {value} is not a multiple of {format_e8(grid_e8)}")
    return scaled // step


def to_e8(value: Amount, name: str = "amount") -> int:
    """Money or price text to × 10^8, exactly: at most eight decimals."""
    return to_grid(value, 1, name)


def to_rate_e8(value: Amount, name: str = "rate") -> int:
    """A rate: `0.004`, or text with a percent sign: `0.4%`."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return _on_grid(to_decimal(value.strip()[:-1], name), -2, 1, value, name)
    return to_grid(value, 1, name)


def format_e8(value_e8: int, decimals_min: int = 0) -> str:
    """Plain decimal text of a × 10^8 integer, exact, trailing zeros cut down to `decimals_min`."""
    sign = "-" if value_e8 < 0 else ""
    whole, rest = divmod(abs(value_e8), ONE_E8)
    digits = f"{rest:08d}".rstrip("0").ljust(decimals_min, "0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def format_money(value_e8: int, decimals: int = 2) -> str:
    """Money for people: thousands commas, rounded half away from zero to `decimals`. Never used in arithmetic."""
    unit = 10 ** (8 - decimals)
    sign = "-" if value_e8 < 0 else ""
    rounded = (abs(value_e8) + unit // 2) // unit
    if rounded == 0:
        sign = ""
    whole, rest = divmod(rounded, 10**decimals)
    return f"{sign}{whole:,}.{rest:0{decimals}d}" if decimals else f"{sign}{whole:,}"


def format_rate(rate_e8: int, decimals: int = 2) -> str:
    """A rate for people, in percent: 400_000 → '0.40 %'."""
    return f"{format_money(rate_e8 * 100, decimals)} %"


def to_time_ms(value: int | str | datetime, name: str = "time") -> int:
    """ISO 8601 text (UTC when no offset is given), a datetime, or epoch milliseconds → epoch milliseconds."""
    if isinstance(value, bool):
        raise AmountError(f"{name}: {value!r} is not a time")
    if isinstance(value, int):
        moment = value
    elif isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        moment = round(zoned.timestamp() * 1000)
    else:
        text = str(value).strip()
        if re.fullmatch(r"\d{10,14}", text):
            moment = int(text)
        else:
            try:
                parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
            except ValueError:
                raise AmountError(
                    f"{name}: {text!r} is neither ISO 8601 (2025-10-10T21:00) nor epoch milliseconds"
                ) from None
            return to_time_ms(parsed, name)
    if not 0 <= moment < 10**14:
        raise AmountError(f"{name}: {value!r} is outside 1970…5138")
    return moment


def format_time(time_ms: int) -> str:
    """Epoch milliseconds as UTC text: '2025-10-10 21:20 UTC'; seconds only when they are not zero.

    A number that is no date of a calendar, which an exchange takes as its clock all the same, is told as milliseconds.
    """
    if not 0 <= time_ms < _CALENDAR_END_MS:
        return f"{time_ms} ms since 1970"
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC" if moment.second else "%Y-%m-%d %H:%M UTC")
