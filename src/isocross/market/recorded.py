"""Recorded: a History of one or several symbols as a Source, at any speed, shifted so that it runs at the present.

Responsible for: the shift, instants from the steps of bars, recorded settlements, the past before the beginning.
Must not: fill a gap, invent a price, submit a command.

The maker stands around the recorded last price, and the flow trades into it at every step, so candles of the venue are those of
the file to within its spread. Marks are the file's where it has them (history.py says how); the index is the mark: nobody recorded one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import MarketDataError
from ..rulebook.model import SymbolRules
from ..units import ONE_E8, format_time, to_time_ms
from .commands import MarketCommand, market_order, prices, quote, settlement
from .draws import Float64Array, Int64Array, Stream
from .history import POINTS_PER_BAR, BarOrder, History, Moment
from .maker import profile_for
from .past import PAST_DAYS, CandleColumns, Past, PastOfSymbol, priced
from .settlements import FundingRows, funding_rows
from .source import COARSE_MS, INSTANTS_MAX, FundingAhead, Instant

_DAY_MS = 86_400_000
_PAST_SHARE = 4  # without a beginning a file's first quarter is the past, at most 30 days
_FLOW_SEED = 1
_AMOUNT_MAX = 2.0**62  # × 10^8, of one bar
_FLOW_SHARE = 5  # the flow usually holds a fifth of the maker's first level


class Recorded:
    """A market that somebody recorded. `rules`: the contracts in the order of their rows; the history has every one of them.

    Takes    start_ms: when it is to run; None: as recorded. It is shifted by whole bars, so it begins up to one bar before `start_ms`.
             begin: the moment of the record at which it begins; without one, behind the first quarter, at most 30 days in.
             order: of a bar's low and high. flow_account: the account of the flow; without one nobody trades.
    Errors   MarketDataError: a symbol without bars, a beginning outside the record. AmountError: it is no time.
    """

    name = "replay"

    def __init__(
        self,
        history: History,
        rules: Sequence[SymbolRules],
        *,
        start_ms: int | None = None,
        begin: Moment | None = None,
        order: BarOrder = "pessimistic",
        flow_account: int | None = None,
    ) -> None:
        self.symbols = tuple(one.symbol for one in rules)
        missing = [name for name in self.symbols if name not in history.symbols]
        if missing:
            raise MarketDataError(
                f"{', '.join(missing)}: no prices in the history; it has {', '.join(history.symbols)}"
            )
        by_name = {one.symbol: one for one in history.series}
        self._rules = tuple(rules)
        self._profiles = tuple(profile_for(name) for name in self.symbols)
        history = replace(history, series=tuple(by_name[name] for name in self.symbols))
        self._lay_out(history, begin, order)
        grain_ms = max(60_000, *(one.last.interval_ms for one in history.series))
        self._shift_ms = 0 if start_ms is None else (start_ms - self._begin_ms) // grain_ms * grain_ms
        self.start_ms = self._begin_ms + self._shift_ms
        self.end_ms: int | None = history.end_ms + self._shift_ms
        self._flow_account = flow_account
        self._flow_e8 = self._turnover() if flow_account is not None else np.empty(0, dtype=np.int64)
        shifted = "" if start_ms is None else f", shifted to begin {format_time(self.start_ms)}"
        self.notes = (
            f"recorded: {format_time(self._begin_ms)} to {format_time(history.end_ms)}{shifted}",
            *history.notes,
        )

    def _lay_out(self, history: History, begin: Moment | None, order: BarOrder) -> None:
        """Where it begins, the steps from there on, and each symbol's price by then."""
        self._history = history
        common_ms = max(one.last.start_ms for one in history.series)
        if common_ms >= min(one.last.end_ms for one in history.series):
            spans = ", ".join(
                f"{one.symbol} {format_time(one.last.start_ms)} to {format_time(one.last.end_ms)}"
                for one in history.series
            )
            raise MarketDataError(f"replay: no moment at which every symbol has prices: {spans}; say when to begin")
        if begin is None:
            past_ms = min(PAST_DAYS * _DAY_MS, (history.end_ms - common_ms) // _PAST_SHARE)
            wanted_ms = common_ms + past_ms
        else:
            wanted_ms = to_time_ms(begin, "begin")
        if not common_ms <= wanted_ms < history.end_ms:
            raise MarketDataError(
                f"begin: {format_time(wanted_ms)}: every symbol has prices from {format_time(common_ms)} to "
                f"{format_time(history.end_ms)}; expected a moment among these"
            )
        steps = history.steps(order)
        group = int(np.searchsorted(steps.group_time_ms, wanted_ms))
        if group == steps.group_count:
            raise MarketDataError(f"begin: {format_time(wanted_ms)}: no price comes after it")
        self._steps = steps
        self._times = steps.group_time_ms
        self._first_group = group
        self._begin_ms = int(steps.group_time_ms[group])
        settled = np.unique(steps.funding_time_ms[steps.funding_time_ms > self._begin_ms])
        self._settled = settled
        self._moments = np.union1d(steps.group_time_ms[group:], settled)

    # ---- what it says

    def opening(self) -> Instant:
        """The marks and ladders of the moment at which it begins."""
        rows = [self._row_at(row, self._begin_ms) for row in range(len(self.symbols))]
        marks = prices((row, self._mark(row, step), self._mark(row, step)) for row, step in enumerate(rows))
        return Instant(self.start_ms, (marks, *(self._ladder(row, step) for row, step in enumerate(rows))))

    def between(
        self, after_ms: int, until_ms: int, *, instants_max: int = INSTANTS_MAX, coarse_ms: int = COARSE_MS
    ) -> list[Instant]:
        """See Source. Every step is told, however fast."""
        recorded = [max(time_ms, self.start_ms) - self._shift_ms for time_ms in (after_ms, until_ms)]
        first, after = np.searchsorted(self._moments, recorded, side="right").tolist()
        return [self._instant(int(time_ms)) for time_ms in self._moments[first : min(after, first + instants_max)]]

    def next_ms(self, after_ms: int, *, coarse_ms: int = COARSE_MS) -> int | None:
        """The next step of any symbol, or settlement."""
        return self._next(self._moments, after_ms)

    def next_funding_ms(self, after_ms: int) -> int | None:
        """The next recorded settlement."""
        return self._next(self._settled, after_ms)

    def funding_ahead(self, row: int, now_ms: int) -> FundingAhead:
        """The next recorded settlement, and its rate."""
        rows = self._history.series[row].funding
        if rows is None:
            return FundingAhead(0, 0)
        place = int(np.searchsorted(rows.time_ms, now_ms - self._shift_ms, side="right"))
        if place == rows.time_ms.size:
            return FundingAhead(0, 0)
        return FundingAhead(int(rows.rate_e8[place]), int(rows.time_ms[place]) + self._shift_ms)

    def _next(self, times: Int64Array, after_ms: int) -> int | None:
        place = int(np.searchsorted(times, max(after_ms, self.start_ms) - self._shift_ms, side="right"))
        return None if place == times.size else int(times[place]) + self._shift_ms

    def _instant(self, time_ms: int) -> Instant:
        """Of one recorded moment."""
        steps, commands = self._steps, list[MarketCommand]()
        group = int(np.searchsorted(self._times, time_ms))
        if group < self._times.size and self._times[group] == time_ms:
            rows = range(int(steps.group_first[group]), int(steps.group_first[group + 1]))
            told = [(int(steps.symbol_index[step]), step) for step in rows]
            commands += [self._ladder(row, step) for row, step in told]
            commands.append(prices((row, self._mark(row, step), self._mark(row, step)) for row, step in told))
            if self._flow_account is not None:
                commands += [self._order(row, step) for row, step in told]
        first, after = np.searchsorted(steps.funding_time_ms, [time_ms, time_ms + 1]).tolist()
        if first < after:
            settled = range(first, after)
            commands.append(
                settlement((int(steps.funding_symbol_index[n]), int(steps.funding_rate_e8[n])) for n in settled)
            )
        return Instant(time_ms + self._shift_ms, tuple(commands))

    def _ladder(self, row: int, step: int) -> MarketCommand:
        last_e8 = self._bounded(row, int(self._steps.last_e8[step]))
        return quote(row, self._rules[row], self._profiles[row], last_e8, int(self._steps.depth_scale_e8[step]))

    def _mark(self, row: int, step: int) -> int:
        return self._bounded(row, int(self._steps.mark_e8[step]))

    def _bounded(self, row: int, price_e8: int) -> int:
        return max(self._rules[row].price_min_e8, min(price_e8, self._rules[row].price_max_e8))

    def _order(self, row: int, step: int) -> MarketCommand:
        """The flow goes from what it held at the symbol's step before to what it holds at this one; the least order where that is less."""
        assert self._flow_account is not None
        rules = self._rules[row]
        last_e8 = int(self._steps.last_e8[step])
        lot_money_e8 = rules.step_e8 if rules.is_inverse else max(1, last_e8 * rules.step_e8 // ONE_E8)
        lots = int(self._flow_e8[step]) // lot_money_e8
        lot_value_e8 = max(1, int(rules.value_e8(1, last_e8)))
        least = -(-rules.min_notional_e8 * 11 // 10 // lot_value_e8) + 1
        return market_order(self._flow_account, row, lots if abs(lots) >= least else least if lots > 0 else -least)

    def _turnover(self) -> Int64Array:
        """By how much the flow's holding changes at every step, in money × 10^8."""
        turnover = np.zeros(len(self._steps), dtype=np.int64)
        for row, (name, profile) in enumerate(zip(self.symbols, self._profiles, strict=True)):
            own = np.flatnonzero(self._steps.symbol_index == row)
            held = Stream(_FLOW_SEED, f"replay flow {name}").bells(-1, own.size + 1)
            usual_e8 = profile.level_notional_e8 // _FLOW_SHARE
            turnover[own] = np.diff(np.rint(held * usual_e8).astype(np.int64))
        return turnover

    def _row_at(self, row: int, time_ms: int) -> int:
        """The last step of a symbol at or before a recorded moment."""
        own = np.flatnonzero(self._steps.symbol_index == row)
        place = int(np.searchsorted(self._steps.time_ms[own], time_ms, side="right")) - 1
        assert place >= 0
        return int(own[place])

    # ---- the past

    def past(self, days: int = PAST_DAYS) -> Past:
        """The record before the beginning, at most this long: candles of the file's own interval, the bar it begins in left out."""
        start_ms = self._begin_ms - days * _DAY_MS
        found = tuple(self._past_of(row, start_ms) for row in range(len(self.symbols)))
        starts = [int(one.last.time_ms[0]) for one in found if one.last.time_ms.size]
        return Past(min(starts, default=self.start_ms), self.start_ms, found)

    def _past_of(self, row: int, start_ms: int) -> PastOfSymbol:
        """Bars that began at or after `start_ms` and ended before the beginning. A mark's candle is what its bar's steps say."""
        one, steps = self._history.series[row], self._steps
        bars = one.last
        first, after = np.searchsorted(bars.time_ms, [start_ms, self._begin_ms - bars.interval_ms + 1]).tolist()
        whole = slice(first, max(first, after))
        time_ms = bars.time_ms[whole] + self._shift_ms
        last = priced(time_ms, *(column[whole] for column in (bars.open_e8, bars.high_e8, bars.low_e8, bars.close_e8)))
        if bars.volume is not None:
            last = _traded(last, bars.volume[whole])
        points = steps.mark_e8[steps.symbol_index == row].reshape(-1, POINTS_PER_BAR)[whole]
        mark = priced(time_ms, points[:, 0], points.max(axis=1), points.min(axis=1), points[:, -1])
        none = np.empty(0, dtype=np.int64)
        rows = FundingRows(none, none) if one.funding is None else one.funding.within(start_ms, self._begin_ms + 1)
        settled = rows.time_ms + self._shift_ms
        place = np.searchsorted(time_ms, settled, side="right") - 1
        known = place >= 0
        funding = funding_rows(settled[known], rows.rate_e8[known])
        return PastOfSymbol(one.symbol, bars.interval_ms, last, mark, mark, funding, mark.open_e8[place[known]])


def _traded(candles: CandleColumns, volume: Float64Array) -> CandleColumns:
    """Candles with the record's volume. Its value is that at the middle of high and low; how many trades, and who bought, is not known."""
    middle = (candles.high_e8 + candles.low_e8) / 2.0 / 1e8
    volume_e8 = np.minimum(np.rint(volume * 1e8), _AMOUNT_MAX)
    quote_e8 = np.minimum(np.rint(volume_e8 * middle), _AMOUNT_MAX)
    return candles._replace(volume_e8=volume_e8.astype(np.int64), quote_e8=quote_e8.astype(np.int64))
