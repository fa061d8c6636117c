"""Numbers: decimals as this wire writes and reads them.

Responsible for: fixed decimals per symbol, money with eight, averages with as many as they need; reading a decimal by its
value. Must not: round what an engine counts in; use a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from ...rulebook import SymbolRules
from ...units import ONE_E8, format_e8

_WRITTEN_KNOWN = 4_096  # numbers whose text is not made again: prices and quantities come back all the time
_TEXT = re.compile(r"[+-]?(\d{1,20}(\.\d{0,24})?|\.\d{1,24})([eE][+-]?\d{1,2})?", re.ASCII)


def decimals_of(grid_e8: int) -> int:
    """Decimals that the multiples of a grid need."""
    return max(0, 8 - (len(str(grid_e8)) - len(str(grid_e8).rstrip("0"))))


@dataclass(frozen=True, slots=True)
class SymbolNumbers:
    """How prices and quantities of one symbol are written and read: always with the same decimals."""

    tick_e8: int
    step_e8: int
    price_decimals: int
    quantity_decimals: int
    lots_max: int  # that the engine counts with

    def price(self, ticks: int) -> str:
        """An order's or a trade's price."""
        return fixed(ticks * self.tick_e8, self.price_decimals)

    def quantity(self, lots: int) -> str:
        """A quantity, signed where it is a position."""
        return fixed(lots * self.step_e8, self.quantity_decimals)

    def average(self, value_e8: int, lots: int) -> str:
        """Price of `lots` that were worth `value_e8`: as many decimals as it needs, at least the symbol's."""
        return format_e8(self.average_e8(value_e8, lots), self.price_decimals)

    def average_e8(self, value_e8: int, lots: int) -> int:
        """The same × 10^8, rounded half up; 0 for no lots."""
        if not lots:
            return 0
        quantity = abs(lots) * self.step_e8
        return (2 * abs(value_e8) * ONE_E8 + quantity) // (2 * quantity)

    def value(self, ticks: int, lots: int) -> str:
        """What `lots` are worth at a price."""
        return money(ticks * lots * (self.tick_e8 * self.step_e8 // ONE_E8))


@lru_cache
def numbers_of(rules: SymbolRules) -> SymbolNumbers:
    """The decimals that a symbol's tick and step need."""
    decimals = decimals_of(rules.tick_e8), decimals_of(rules.step_e8)
    return SymbolNumbers(rules.tick_e8, rules.step_e8, *decimals, rules.lots_max)


@lru_cache(_WRITTEN_KNOWN)
def fixed(value_e8: int, decimals: int) -> str:
    """A × 10^8 integer that lies on a grid of `decimals`, with exactly these."""
    sign = "-" if value_e8 < 0 else ""
    scaled = abs(value_e8) // 10 ** (8 - decimals)
    if not decimals:
        return f"{sign}{scaled}"
    whole, rest = divmod(scaled, 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}d}"


@lru_cache(_WRITTEN_KNOWN)
def money(value_e8: int) -> str:
    """Wallet, margin, PnL, fee, mark or rate: eight decimals."""
    if value_e8 < 0:
        whole, rest = divmod(-value_e8, ONE_E8)
        return f"-{whole}.{rest:08d}"
    whole, rest = divmod(value_e8, ONE_E8)
    return f"{whole}.{rest:08d}"


def plain(value_e8: int) -> str:
    """As few decimals as it needs."""
    return format_e8(value_e8)


def read_decimal(text: str) -> Decimal | None:
    """A decimal by its value; None when it is none."""
    return Decimal(text) if _TEXT.fullmatch(text) else None


def on_grid(number: Decimal, grid_e8: int) -> int | None:
    """`number` in steps of a grid; None when it lies between two of them."""
    numerator, denominator = number.as_integer_ratio()
    steps, rest = divmod(numerator * ONE_E8, denominator * grid_e8)
    return None if rest else steps
