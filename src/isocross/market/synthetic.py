"""Synthetic: a made-up market, by a seed: paths as a Source.

Responsible for: chunks of an hour and finding the level they begin at, instants, funding by the basis, the past.
Must not: draw a number (paths.py), submit a command.

Funding: F = P̄ + clamp(I − P̄, ±0.05 %), within the symbol's cap and floor, P̄ the mean of the basis over the interval once
every ten minutes. Source: the formula in docs/reference/rulebooks.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..rulebook.model import SymbolRules
from ..units import ONE_E8
from .commands import MarketCommand, market_order, prices, quote, settlement
from .draws import Float64Array, Int64Array
from .parameters import STEP_MS, STEPS_PER_DAY, STEPS_PER_HOUR
from .past import PAST_DAYS, CandleColumns, Past, PastOfSymbol, priced
from .paths import SECONDS_PER_STEP, WINDOW, Market, SymbolPath
from .scene import Scene
from .settlements import funding_rows
from .source import COARSE_MS, INSTANTS_MAX, FundingAhead, Instant

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_MINUTE_STEPS = _MINUTE_MS // STEP_MS
_SAMPLE_STEPS = 60  # of the basis, for funding: one in ten minutes
_CLAMP = 0.0005
_LANE = 65_536.0
Price = TypeVar("Price", np.int64, np.float64)
_LEVELS_AT_ONCE = 168  # hours that are added up at a time
_CHUNKS_KEPT = 4


class _Seconds(NamedTuple):
    """An hour of one symbol: lists of one element a second."""

    index_e8: list[int]
    mark_e8: list[int]
    scale_e8: list[int]
    flow_lots: list[int]


class Synthetic:
    """A market that nobody recorded. `rules`: the contracts in the order of their rows.

    Takes    seed: ≥ 0. start_ms: its first instant, on which nothing but the hours of funding depends. prices_e8: the first prices
             by symbol, instead of parameters.py's. scene: a script laid over it. flow_account: the account of the flow; without
             one nobody trades.
    Errors   InputError: a negative seed, a first price out of range.
    """

    end_ms: int | None = None

    def __init__(
        self,
        rules: Sequence[SymbolRules],
        *,
        seed: int = 1,
        start_ms: int,
        prices_e8: dict[str, int] | None = None,
        scene: Scene | None = None,
        flow_account: int | None = None,
    ) -> None:
        if seed < 0:
            raise InputError(f"seed: {seed}: expected 0 or more")
        given = dict(prices_e8 or {})
        unknown = sorted(set(given) - {one.symbol for one in rules})
        if unknown:
            raise InputError(f"prices: {', '.join(unknown)}: expected of {', '.join(one.symbol for one in rules)}")
        self.name = scene.name if scene else "synthetic"
        self.symbols = tuple(one.symbol for one in rules)
        self.start_ms = start_ms
        self.notes = (
            f"made up, not recorded: {scene.title if scene else 'correlated prices with jumps'} (seed {seed})",
        )
        self._origin_ms = start_ms // STEP_MS * STEP_MS
        self._flow_account = flow_account
        self._market = Market(seed, scene)
        self._paths = tuple(SymbolPath(one, seed, given.get(one.symbol), scene) for one in rules)
        self._levels: list[list[int]] = [[0] * len(rules)]  # at the beginning of every hour since the first instant
        self._chunks: dict[int, list[_Seconds]] = {}

    # ---- what it says

    def opening(self) -> Instant:
        """The first marks, then the ladders."""
        chunk, second = self._at(self.start_ms)
        return Instant(self.start_ms, (self._marks(chunk, second), *self._ladders(chunk, second)))

    def between(
        self, after_ms: int, until_ms: int, *, instants_max: int = INSTANTS_MAX, coarse_ms: int = COARSE_MS
    ) -> list[Instant]:
        """See Source. Nothing is said before the first instant."""
        found: list[Instant] = []
        _check_coarse(coarse_ms)
        before_ms = self._last_instant_ms(after_ms, coarse_ms)
        while len(found) < instants_max:
            time_ms = self.next_ms(max(after_ms, before_ms), coarse_ms=coarse_ms)
            if time_ms > until_ms:
                break
            found.append(self._instant(before_ms, time_ms))
            before_ms = time_ms
        return found

    def next_ms(self, after_ms: int, *, coarse_ms: int = COARSE_MS) -> int:
        """The next whole second, or multiple of `coarse_ms`, or settlement."""
        _check_coarse(coarse_ms)
        after = max(after_ms, self.start_ms)
        return min(after // coarse_ms * coarse_ms + coarse_ms, self.next_funding_ms(after))

    def next_funding_ms(self, after_ms: int) -> int:
        """The next settlement of any symbol."""
        return min(_next_settlement_ms(path, after_ms) for path in self._paths)

    def funding_ahead(self, row: int, now_ms: int) -> FundingAhead:
        """By the mean of the basis since the last settlement."""
        path = self._paths[row]
        time_ms = _next_settlement_ms(path, now_ms)
        return FundingAhead(self._funding_rate_e8(path, time_ms, now_ms), time_ms)

    def _last_instant_ms(self, time_ms: int, coarse_ms: int) -> int:
        """The instant at or before a moment: what the flow holds by then."""
        settled = max(time_ms // _interval_ms(path) * _interval_ms(path) for path in self._paths)
        return max(self.start_ms, time_ms // coarse_ms * coarse_ms, settled)

    def _instant(self, before_ms: int, time_ms: int) -> Instant:
        chunk, second = self._at(time_ms)
        commands = [*self._ladders(chunk, second), self._marks(chunk, second)]
        if self._flow_account is not None:
            chunk_before, second_before = self._at(before_ms)
            for row, (one, earlier) in enumerate(zip(chunk, chunk_before, strict=True)):
                lots = one.flow_lots[second] - earlier.flow_lots[second_before]
                rules = self._paths[row].rules
                if lots and rules.value_e8(int(lots), int(one.mark_e8[second])) >= rules.min_notional_e8:
                    commands.append(market_order(self._flow_account, row, lots))
        due = [row for row, path in enumerate(self._paths) if time_ms % _interval_ms(path) == 0]
        if due:
            commands.append(settlement((row, self._funding_rate_e8(self._paths[row], time_ms, time_ms)) for row in due))
        return Instant(time_ms, tuple(commands))

    def _ladders(self, chunk: list[_Seconds], second: int) -> list[MarketCommand]:
        return [
            quote(row, path.rules, path.profile, int(one.mark_e8[second]), one.scale_e8[second])
            for row, (path, one) in enumerate(zip(self._paths, chunk, strict=True))
        ]

    def _marks(self, chunk: list[_Seconds], second: int) -> MarketCommand:
        return prices((row, one.index_e8[second], one.mark_e8[second]) for row, one in enumerate(chunk))

    def _funding_rate_e8(self, path: SymbolPath, settled_ms: int, now_ms: int) -> int:
        """The rate of the settlement at `settled_ms`, by what the basis has been up to now."""
        first = -((self._origin_ms - settled_ms + _interval_ms(path)) // STEP_MS)
        count = max(1, (now_ms - settled_ms + _interval_ms(path)) // STEP_MS)
        premiums = path.basis(first, count)[::_SAMPLE_STEPS]
        mean = int(np.rint(premiums * 1e12).astype(np.int64).sum()) / premiums.size / 1e12
        hours = path.rules.funding_interval_hours
        interest = path.rules.interest_rate_e8 / 1e8
        rate = (mean + min(max(interest - mean, -_CLAMP), _CLAMP)) * hours / 8.0
        return min(max(round(rate * ONE_E8), path.rules.funding_floor_rate_e8), path.rules.funding_cap_rate_e8)

    # ---- chunks

    def _at(self, time_ms: int) -> tuple[list[_Seconds], int]:
        """The hour of all symbols that a moment ≥ the first lies in, and the second of it."""
        hour, rest = divmod(time_ms - self._origin_ms, _HOUR_MS)
        chunk = self._chunks.get(hour)
        if chunk is None:
            chunk = self._made(hour)
            while len(self._chunks) >= _CHUNKS_KEPT:
                del self._chunks[next(iter(self._chunks))]
            self._chunks[hour] = chunk
        return chunk, rest // 1_000

    def _made(self, hour: int) -> list[_Seconds]:
        """An hour, with the hour before it for the depth."""
        while len(self._levels) <= hour:
            self._add_levels(min(hour + 1 - len(self._levels), _LEVELS_AT_ONCE))
        first = hour * STEPS_PER_HOUR
        shared = self._market.shared(first - WINDOW, WINDOW + STEPS_PER_HOUR)
        now = shared.after(WINDOW)
        made = []
        for path, level in zip(self._paths, self._levels[hour], strict=True):
            returns = path.returns(shared)
            levels = returns.levels(0)
            levels += level - int(levels[WINDOW])
            places = np.arange(first - WINDOW, first + STEPS_PER_HOUR, dtype=np.float64)
            by_step = path.on_tick(path.index(levels[:-1], places))
            scale_e8 = path.scales_e8(by_step, first - WINDOW)[WINDOW:]
            logs = path.seconds(levels[WINDOW:-1], type(returns)(*(column[WINDOW:] for column in returns)), now)
            seconds = np.arange(logs.size)
            index = path.index(logs, first + seconds / float(SECONDS_PER_STEP))
            basis = np.repeat(path.basis(first, STEPS_PER_HOUR), SECONDS_PER_STEP)
            regime = np.repeat(now.regime, SECONDS_PER_STEP)
            made.append(
                _Seconds(
                    path.on_tick(index).tolist(),
                    path.on_tick(index * (1.0 + basis)).tolist(),
                    np.repeat(scale_e8, SECONDS_PER_STEP).tolist(),
                    path.flow_lots(first * SECONDS_PER_STEP, regime, index).tolist(),
                )
            )
        return made

    def _add_levels(self, hours: int) -> None:
        """The levels at the beginnings of the next hours."""
        first = (len(self._levels) - 1) * STEPS_PER_HOUR
        shared = self._market.shared(first, hours * STEPS_PER_HOUR)
        columns = [
            path.returns(shared).levels(level)[STEPS_PER_HOUR::STEPS_PER_HOUR].tolist()
            for path, level in zip(self._paths, self._levels[-1], strict=True)
        ]
        self._levels.extend(map(list, zip(*columns, strict=True)))

    # ---- the past

    def past(self, days: int = PAST_DAYS) -> Past:
        """Candles of a minute up to the minute of the first instant, and the settlements among them.

        They are made of one price in ten seconds. The last close is the price at the end of the last whole minute.
        """
        end_ms = self.start_ms // _MINUTE_MS * _MINUTE_MS
        start_ms = end_ms - days * STEPS_PER_DAY * STEP_MS
        first, count = (start_ms - self._origin_ms) // STEP_MS, days * STEPS_PER_DAY
        shared = self._market.shared(first, -first)
        return Past(
            start_ms,
            end_ms,
            tuple(
                self._past_of(path, first, count, path.returns(shared).levels(0), shared.regime) for path in self._paths
            ),
        )

    def _past_of(
        self, path: SymbolPath, first: int, count: int, levels: Int64Array, regime: Float64Array
    ) -> PastOfSymbol:
        """`levels` of steps `first` … 0; the past is the first `count` of them."""
        logs = (levels - levels[-1])[: count + 1]
        index = path.index(logs, np.arange(first, first + count + 1, dtype=np.float64))
        mark = index * (1.0 + path.basis(first, count + 1))
        sides, sizes, shares = path.past_draws(first, count + 1)
        side = 1 - 2 * (sides % 2)
        last = path.on_tick(mark * (1.0 + side * (path.profile.half_spread_rate_e8 / 1e8)), side)
        minute = np.arange(first, first + count, _MINUTE_STEPS) * STEP_MS + self._origin_ms
        quote_e8 = path.traded_e8(regime[:count:_MINUTE_STEPS]) * (0.4 + 1.2 * sizes[:-1:_MINUTE_STEPS] / _LANE)
        traded = priced(minute, *_candles(last))
        price = (traded.open_e8 + traded.close_e8) / 2.0
        bought = 0.3 + 0.4 * shares[:-1:_MINUTE_STEPS] / _LANE
        step = float(path.rules.step_e8)
        volume_e8, bought_e8 = (
            (np.rint(quote_e8 * part / price * 1e8 / step) * step).astype(np.int64) for part in (1.0, bought)
        )
        traded = traded._replace(
            volume_e8=volume_e8,
            quote_e8=np.rint(volume_e8 * (price / 1e8)).astype(np.int64),
            trades=np.full(minute.size, 60 // path.parameters.trade_gap_seconds),
            taker_buy_e8=bought_e8,
            taker_buy_quote_e8=np.rint(bought_e8 * (price / 1e8)).astype(np.int64),
        )
        return self._with_funding(path, traded, mark, index)

    def _with_funding(
        self, path: SymbolPath, traded: CandleColumns, mark: Float64Array, index: Float64Array
    ) -> PastOfSymbol:
        minute = traded.time_ms
        interval_ms = _interval_ms(path)
        end_ms = int(minute[-1]) + _MINUTE_MS
        settled = np.arange(-(-int(minute[0]) // interval_ms) * interval_ms, end_ms, interval_ms)
        rates = [self._funding_rate_e8(path, time_ms, time_ms) for time_ms in settled.tolist()]
        return PastOfSymbol(
            path.rules.symbol,
            _MINUTE_MS,
            traded,
            priced(minute, *map(path.on_tick, _candles(mark))),
            priced(minute, *map(path.on_tick, _candles(index))),
            funding_rows(settled, np.array(rates, dtype=np.int64)),
            path.on_tick(mark[(settled - int(minute[0])) // STEP_MS]),
        )


def _candles(prices_e8: NDArray[Price]) -> tuple[NDArray[Price], NDArray[Price], NDArray[Price], NDArray[Price]]:
    """Open, high, low, close of minutes, from a price every step and the one behind the last; a minute closes where the next opens."""
    inside = prices_e8[:-1].reshape(-1, _MINUTE_STEPS)
    opens, closes = inside[:, 0], prices_e8[_MINUTE_STEPS::_MINUTE_STEPS]
    high, low = opens, opens
    for step in range(1, _MINUTE_STEPS):
        high, low = np.maximum(high, inside[:, step]), np.minimum(low, inside[:, step])
    return opens, np.maximum(high, closes), np.minimum(low, closes), closes


def _interval_ms(path: SymbolPath) -> int:
    return path.rules.funding_interval_hours * _HOUR_MS


def _next_settlement_ms(path: SymbolPath, after_ms: int) -> int:
    interval_ms = _interval_ms(path)
    return after_ms // interval_ms * interval_ms + interval_ms


def _check_coarse(coarse_ms: int) -> None:
    if coarse_ms < 1_000 or (60_000 % coarse_ms if coarse_ms < 60_000 else coarse_ms % 60_000) or coarse_ms % 1_000:
        raise InputError(
            f"coarse_ms: {coarse_ms}: expected whole seconds that divide a minute (1000, 5000 …), or whole minutes"
        )
