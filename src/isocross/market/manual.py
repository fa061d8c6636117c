"""Manual: prices that somebody sets, and the maker that follows them.

Responsible for: the commands that a set price becomes, in their order; the depth profile of each symbol.
Must not: submit a command, know an account.

A price moves in two steps. First a QUOTE for every symbol that is named: the maker stands around the new prices, and
takes what it meets on the way. Then one PRICES for all of them: marks are judged while the book is where it will be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InputError
from ..rulebook.model import SymbolRules
from ..units import ONE_E8, format_e8
from .commands import MarketCommand, prices, quote
from .maker import SCALE_MAX_E8, DepthProfile, profile_for


class ManualPrices:
    """The prices of the symbols of one exchange, set by hand. `rules`: its symbols in the order of their numbers.

    `profiles`: the maker's ladder per symbol; maker.profile_for where none is given.
    """

    def __init__(self, rules: Sequence[SymbolRules], profiles: Mapping[str, DepthProfile] | None = None) -> None:
        self._rules = {one.symbol: one for one in rules}
        self._rows = {one.symbol: row for row, one in enumerate(rules)}
        given = dict(profiles or {})
        unknown = sorted(set(given) - set(self._rules))
        if unknown:
            raise InputError(f"profiles: {', '.join(unknown)}: expected of {', '.join(self._rules)}")
        self.profiles = {symbol: given.get(symbol) or profile_for(symbol) for symbol in self._rules}

    def opening(self, prices_e8: Mapping[str, int]) -> list[MarketCommand]:
        """The first prices of symbols that have none yet: marks first, since the maker quotes only beside a mark."""
        self._check(prices_e8)
        return [self._marks(prices_e8), *self._quotes(prices_e8, ONE_E8)]

    def move(self, prices_e8: Mapping[str, int], scale_e8: int | None = ONE_E8) -> list[MarketCommand]:
        """New prices × 10^8: the book first, then all marks at once.

        Takes    scale_e8: how much of its depth the maker shows, 0 (it leaves) … 100 × 10^8; None: the book stays put.
        Errors   InputError for a price outside (0, price_max] or a scale out of range; nothing is made then.
        """
        self._check(prices_e8)
        if scale_e8 is None:
            return [self._marks(prices_e8)]
        if not 0 <= scale_e8 <= SCALE_MAX_E8:
            raise InputError(f"depth: {format_e8(scale_e8)}: expected 0 … {format_e8(SCALE_MAX_E8)} of the full depth")
        return [*self._quotes(prices_e8, scale_e8), self._marks(prices_e8)]

    def _check(self, prices_e8: Mapping[str, int]) -> None:
        if not prices_e8:
            raise InputError(f"price: none is given: expected one of {', '.join(self._rules)}")
        for symbol, price_e8 in prices_e8.items():
            rules = self._rules[symbol]
            if not rules.price_min_e8 <= price_e8 <= rules.price_max_e8:
                least = f"at least {format_e8(rules.price_min_e8)}" if rules.is_inverse else "above 0"
                raise InputError(
                    f"price of {symbol}: {format_e8(price_e8)}: expected {least} and at most {format_e8(rules.price_max_e8)}"
                )

    def _quotes(self, prices_e8: Mapping[str, int], scale_e8: int) -> list[MarketCommand]:
        return [
            quote(self._rows[symbol], self._rules[symbol], self.profiles[symbol], mid_e8, scale_e8) for symbol, mid_e8 in prices_e8.items()
        ]

    def _marks(self, prices_e8: Mapping[str, int]) -> MarketCommand:
        return prices((self._rows[symbol], index_e8, 0) for symbol, index_e8 in prices_e8.items())
