"""Words: numbers as people read them: rounded, with thousands commas, 'none' where there is none.

Responsible for: prices, money, percent, leverage, moments and durations as text. Must not: be used in arithmetic; exact
text is units.format_e8.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..units import ONE_E8, format_money, format_time

NONE = "none"
_MINUTE_MS = 60_000
_COIN_DECIMALS = 6
_decimals: ContextVar[int] = ContextVar("decimals of money", default=2)


def money_decimals(asset: str) -> int:
    """How many decimals an amount of an asset is read with: cents of a dollar or a euro, millionths of a coin."""
    return 2 if "USD" in asset or asset in ("EUR", "DAI") else _COIN_DECIMALS


@contextmanager
def money_in(asset: str) -> Iterator[None]:
    """Inside, money_text and signed_text have the decimals that an amount of this asset is read with."""
    token = _decimals.set(money_decimals(asset))
    try:
        yield
    finally:
        _decimals.reset(token)


def price_text(price_e8: int | None, tick_e8: int) -> str:
    """A price rounded to the tick's decimals, two at least; 'none' when there is none."""
    if price_e8 is None:
        return NONE
    decimals = 8
    while decimals > 2 and tick_e8 % 10 ** (9 - decimals) == 0:
        decimals -= 1
    return format_money(price_e8, decimals)


def percent_text(fraction_e8: int | None, is_signed: bool = True, none: str = NONE) -> str:
    """A fraction in percent; `none` when there is none."""
    if fraction_e8 is None:
        return none
    return f"{'+' if is_signed and fraction_e8 > 0 else ''}{format_money(fraction_e8 * 100)} %"


def money_text(money_e8: int | None) -> str:
    """Money with two decimals, or those of money_in; 'none' when there is none."""
    return NONE if money_e8 is None else format_money(money_e8, _decimals.get())


def least_text(money_e8: int) -> str:
    """A least amount with two decimals, or those of money_in, rounded up: what is shown is enough."""
    decimals = _decimals.get()
    unit_e8 = 10 ** (8 - decimals)
    return format_money(-(-money_e8 // unit_e8) * unit_e8, decimals)


def signed_text(money_e8: int) -> str:
    """Money with its sign."""
    return f"{'+' if money_e8 > 0 else ''}{format_money(money_e8, _decimals.get())}"


def leverage_text(leverage_e8: int | None) -> str:
    """'10.00x', four decimals where two would hide it; 'none' when there is none."""
    if leverage_e8 is None:
        return NONE
    return f"{format_money(leverage_e8, 2 if leverage_e8 >= ONE_E8 // 10 else 4)}x"


def duration_text(duration_ms: int) -> str:
    """'3 d 4 h', '9 h 57 min', '12 min'."""
    minutes = abs(duration_ms) // _MINUTE_MS
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{rest} min"


def moment_text(time_ms: int) -> str:
    """'2026-01-05 13:47', to the minute."""
    return format_time(time_ms // _MINUTE_MS * _MINUTE_MS).removesuffix(" UTC")
