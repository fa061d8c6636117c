"""Premium of the reference model: samples, funding rate, computed mark. docs/reference/formulas.md, F29 to F32.

Responsible for: every sample as a number of its own, exact averages. Must not: settle, judge.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from isocross.codes import EventKind, Side
from isocross.limits import BASIS_SAMPLE_MS, BASIS_SAMPLES, FUNDING_CLAMP_E8, PREMIUM_SAMPLE_MS

from .formulas import ONE, at_ticks, floor_div, is_inverse
from .liquidation import Liquidation


class Premium(Liquidation):
    def emit_prices(self, symbol: int) -> None:
        self.emit(
            EventKind.PRICES, symbol=symbol, index_e8=self.index[symbol], mark_e8=self.mark[symbol],
            code=int(self.is_mark_computed[symbol]),
        )

    def impact_price(self, symbol: int, side: int) -> int | None:
        rules, quantity = self.symbols[symbol], Fraction(0)  # in base units
        if is_inverse(rules):
            return self.inverse_impact_price(symbol, side)
        left = rules.impact_notional_e8
        for price in sorted(self.levels(symbol, side), reverse=side == Side.BUY):
            lots = self.level_lots(symbol, side, price)
            if lots * price * rules.tick_value_e8 >= left:
                average = rules.impact_notional_e8 / (quantity + Fraction(left, price * rules.tick_e8))
                return floor(average) if side == Side.BUY else ceil(average)
            left -= lots * price * rules.tick_value_e8
            quantity += Fraction(lots * rules.step_e8, ONE)
        return None

    def inverse_impact_price(self, symbol: int, side: int) -> int | None:
        rules, quote = self.symbols[symbol], Fraction(0)  # in quote units × 10^8
        left = rules.impact_notional_e8
        for price in sorted(self.levels(symbol, side), reverse=side == Side.BUY):
            value = at_ticks(rules, self.level_lots(symbol, side, price), price)
            if value >= left:
                average = (quote * ONE + left * price * rules.tick_e8) / rules.impact_notional_e8
                return floor(average) if side == Side.BUY else ceil(average)
            left -= floor(value)
            quote += self.level_lots(symbol, side, price) * rules.step_e8
        return None

    def premium(self, symbol: int) -> int:
        index, bid, ask = self.index[symbol], self.impact_price(symbol, Side.BUY), self.impact_price(symbol, Side.SELL)
        over = max(0, bid - index) if bid is not None else 0
        under = max(0, index - ask) if ask is not None else 0
        return max(-ONE, min(ONE, int(Fraction((over - under) * ONE, index))))

    def basis(self, symbol: int) -> int:
        bids, asks = self.books[symbol]
        if not bids or not asks:
            return 0
        return floor_div((max(bids) + min(asks)) * self.symbols[symbol].tick_e8, 2) - self.index[symbol]

    def take_samples(self, symbol: int) -> None:
        since, self.sampled[symbol] = self.sampled[symbol], self.time_ms
        if since == 0 or self.index[symbol] == 0:
            return
        most = self.symbols[symbol].funding_interval_hours * 3_600_000 // PREMIUM_SAMPLE_MS
        points = self.time_ms // PREMIUM_SAMPLE_MS - since // PREMIUM_SAMPLE_MS
        self.premiums[symbol] = (self.premiums[symbol] + [self.premium(symbol)] * min(points, most))[:most]
        if self.premiums[symbol] and self.premiums[symbol][-1]:
            self.branch("premium is not zero")
        seconds = min(self.time_ms // BASIS_SAMPLE_MS - since // BASIS_SAMPLE_MS, BASIS_SAMPLES)
        self.bases[symbol] = (self.bases[symbol] + [self.basis(symbol)] * seconds)[-BASIS_SAMPLES:]

    def computed_rate(self, symbol: int) -> int:
        rules, samples = self.symbols[symbol], self.premiums[symbol]
        weights = sum(range(1, len(samples) + 1))
        average = int(Fraction(sum(k * one for k, one in enumerate(samples, 1)), weights)) if samples else 0
        pull = max(-FUNDING_CLAMP_E8, min(FUNDING_CLAMP_E8, rules.interest_rate_e8 - average))
        rate = int(Fraction((average + pull) * rules.funding_interval_hours, 8))
        return max(rules.funding_floor_rate_e8, min(rules.funding_cap_rate_e8, rate))

    def computed_mark(self, symbol: int) -> int:
        rules, index = self.symbols[symbol], self.index[symbol]
        interval = rules.funding_interval_hours * 3_600_000
        share = int(Fraction(self.settled_rate[symbol] * (interval - self.time_ms % interval), interval))
        with_funding = index + int(Fraction(index * share, ONE))
        bases = self.bases[symbol]
        with_basis = index + (int(Fraction(sum(bases), len(bases))) if bases else 0)
        last = self.last[symbol] * rules.tick_e8 or with_basis
        self.branch("computed mark")
        return max(rules.price_min_e8, min(rules.price_max_e8, sorted([with_funding, with_basis, last])[1]))

    def renew_mark(self, symbol: int) -> bool:
        """At the start of a quote or clock command. Whether the mark moved."""
        self.take_samples(symbol)
        if not self.is_mark_computed[symbol]:
            return False
        mark = self.computed_mark(symbol)
        if mark == self.mark[symbol]:
            return False
        self.branch("mark moved without a price")
        self.mark[symbol] = mark
        self.emit_prices(symbol)
        return True
