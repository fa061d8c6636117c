"""Feed: a history as the engine's commands, and after which of them an account is worth looking at.

Responsible for: prices and settlements as COMMAND records, in order; the prices a symbol has at a moment; where marks
stand worst for some positions. Must not: know an exchange, send a ladder, decide a trade.

Where one looks (`Watch`): at the ends of equal stretches and where the mark stands worst in each, for the line; at every
settlement; and between one trade or settlement and the next where the mark stands worst. There nothing but marks moves
the account, so with one position the nearest approach to liquidation and the lowest equity are exact; with two, they are
the worst of the places where either mark, or the sum of both positions, stands worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..codes import CommandKind, Side
from ..errors import InputError
from ..market.history import BarOrder, History, Steps
from ..market.maker import profile_for
from ..rulebook.model import Rulebook
from ..units import ONE_E8, format_time

Int64Array = NDArray[np.int64]

_NO_SYMBOL = -1


@dataclass(frozen=True, slots=True)
class Leg:
    """One position to be opened, in the kernel's integers."""

    symbol: str
    is_long: bool
    leverage: int
    margin_e8: int  # what was put up: the lots follow from it
    lots: int = 0  # > 0 once sized
    stop_ticks: int | None = None
    take_profit_ticks: int | None = None

    @property
    def side(self) -> Side:
        """Of the order that opens it."""
        return Side.BUY if self.is_long else Side.SELL

    @property
    def closing_side(self) -> Side:
        """Of the order that closes it."""
        return Side.SELL if self.is_long else Side.BUY


class Price(NamedTuple):
    """What one symbol is told at one moment."""

    last_e8: int
    mark_e8: int
    scale_e8: int


class Feed:
    """A history as COMMAND records from the entry on: an item is one prices command or one funding settlement."""

    def __init__(
        self,
        history: History,
        order: BarOrder,
        enter_ms: int | None,
        symbols: Sequence[str],
        dtype: np.dtype,
        stretches: int,
    ) -> None:
        """`symbols`: of the exchange, in the order of their rows; all of the history's."""
        assert set(symbols) == set(history.symbols)
        steps = history.steps(order)
        self.symbols = steps.symbols
        self.profiles = tuple(profile_for(symbol) for symbol in self.symbols)
        self._rows = np.array([list(symbols).index(symbol) for symbol in steps.symbols], dtype=np.int32)
        self._steps = steps
        self.entry_group = _entry_group(steps, history, enter_ms)
        self.time_ms = int(steps.group_time_ms[self.entry_group])
        self.end_ms = int(steps.group_time_ms[-1])
        self._lay_out(steps, dtype)
        self.stretches = stretches

    def _lay_out(self, steps: Steps, dtype: np.dtype) -> None:
        """Records of all items after the entry, headers followed by their continuations."""
        groups = np.arange(self.entry_group + 1, steps.group_count)
        group_sizes = np.diff(steps.group_first)[groups]
        wanted = steps.funding_time_ms > self.time_ms  # at the entry's own instant the settlement comes first
        funding = np.flatnonzero(wanted)
        batch = np.stack([steps.funding_group[funding], steps.funding_time_ms[funding]])
        is_new = np.ones(funding.size, dtype=bool)
        is_new[1:] = (batch[:, 1:] != batch[:, :-1]).any(axis=0)
        batch_first = np.flatnonzero(is_new)
        batch_sizes = np.diff(np.append(batch_first, funding.size))
        key = np.concatenate([2 * groups + 1, 2 * batch[0, batch_first]])  # a settlement comes before its group
        moment = np.concatenate([steps.group_time_ms[groups], batch[1, batch_first]])
        rank = np.lexsort((moment, key))
        sizes = np.concatenate([group_sizes, batch_sizes])[rank] + 1
        self.first = np.concatenate([[0], np.cumsum(sizes)])
        self.item_time_ms = moment[rank]
        self.is_funding = (rank >= groups.size).astype(bool)
        place = np.empty(rank.size, dtype=np.int64)
        place[rank] = np.arange(rank.size)
        self.item_group = np.where(
            self.is_funding, key[rank] // 2 - 1, key[rank] // 2
        )  # the last group applied by then
        records = np.zeros(int(self.first[-1]), dtype=dtype)
        headers = self.first[:-1]
        records["time_ms"][headers] = self.item_time_ms
        records["kind"][headers] = np.where(self.is_funding, CommandKind.SETTLE_FUNDING, CommandKind.PRICES)
        records["continuation_count"][headers] = sizes - 1
        records["symbol"][headers] = _NO_SYMBOL
        if groups.size:
            rows = np.arange(steps.group_first[groups[0]], len(steps))
            group_of = steps.group_index[rows]
            at = headers[place[group_of - groups[0]]] + 1 + rows - steps.group_first[group_of]
            records["symbol"][at] = self._rows[steps.symbol_index[rows]]
            records["index_e8"][at] = steps.mark_e8[rows]
            records["mark_e8"][at] = steps.mark_e8[rows]
        if funding.size:
            batch_of = np.cumsum(is_new) - 1
            at = headers[place[groups.size + batch_of]] + 1 + np.arange(funding.size) - batch_first[batch_of]
            records["symbol"][at] = self._rows[steps.funding_symbol_index[funding]]
            records["rate_e8"][at] = steps.funding_rate_e8[funding]
        self._records = records
        self._is_header = np.zeros(len(records), dtype=bool)
        self._is_header[headers] = True

    @property
    def item_count(self) -> int:
        """Prices and funding commands after the entry."""
        return int(self.item_time_ms.size)

    def records(self, first: int, after: int, sequence: int) -> np.ndarray:
        """The records of items first … after − 1, numbered from `sequence`."""
        rows = slice(int(self.first[first]), int(self.first[after]))
        taken = self._records[rows].copy()
        taken["sequence"][self._is_header[rows]] = sequence + np.arange(after - first)
        return taken

    def price_at(self, group: int, symbol: str) -> Price:
        """The latest step of a symbol at or before a group."""
        steps, number = self._steps, self.symbols.index(symbol)
        row = int(steps.group_first[group + 1]) - 1
        while int(steps.symbol_index[row]) != number:
            row -= 1
        return Price(int(steps.last_e8[row]), int(steps.mark_e8[row]), int(steps.depth_scale_e8[row]))

    def mark_of(self, item: int, symbol: str) -> int:
        """Mark of a symbol after an item."""
        return self.price_at(int(self.item_group[item]), symbol).mark_e8

    def marks(self, symbol: str) -> Int64Array:
        """Mark of a symbol after every item."""
        steps, number = self._steps, self.symbols.index(symbol)
        own = np.flatnonzero(steps.symbol_index == number)
        row = np.searchsorted(own, steps.group_first[self.item_group + 1] - 1, side="right") - 1
        marks: Int64Array = steps.mark_e8[own[np.maximum(row, 0)]]
        return marks


class Watch:
    """After which items the account is looked at: see the head of the file."""

    def __init__(self, feed: Feed, legs: Sequence[Leg], rulebook: Rulebook) -> None:
        count = feed.item_count
        marks = [feed.marks(leg.symbol) if leg.is_long else -feed.marks(leg.symbol) for leg in legs]
        self._paths: list[NDArray[Any]] = list(marks)
        if len(legs) > 1:  # where the two together are worth least: only a guide to where to look
            shares = [leg.lots * rulebook.symbols[leg.symbol].step_e8 / ONE_E8 for leg in legs]
            self._paths.append(np.sum([path * share for path, share in zip(marks, shares, strict=True)], axis=0))
        self._funding = np.flatnonzero(feed.is_funding)
        ends = np.linspace(0, count, min(feed.stretches, count) + 1).astype(np.int64)[1:] if count else self._funding
        starts = np.concatenate([[0], ends[:-1]]) if count else ends
        worst = [
            start + int(np.argmin(path[start:end]))
            for path in self._paths
            for start, end in zip(starts, ends, strict=True)
        ]
        self.planned = np.unique(np.concatenate([ends - 1, self._funding, np.array(worst, dtype=np.int64)]))

    def within(self, first: int, after: int) -> list[int]:
        """Looks among items first … after − 1, at none of which anybody trades."""
        low, high = np.searchsorted(self.planned, [first, after])
        inner = self._funding[slice(*np.searchsorted(self._funding, [first + 1, after]))]
        bounds = [first, *inner.tolist(), after]
        worst = [
            start + int(np.argmin(path[start:end]))
            for path in self._paths
            for start, end in pairwise(bounds)
            if start < end
        ]
        return sorted({*self.planned[low:high].tolist(), *worst})


def _entry_group(steps: Steps, history: History, enter_ms: int | None) -> int:
    """The first group at or after `enter_ms` by which every symbol has a price."""
    first_ms = int(steps.group_time_ms[0])
    wanted_ms = first_ms if enter_ms is None else enter_ms
    if not first_ms <= wanted_ms < history.end_ms:
        raise InputError(
            f"enter: {format_time(wanted_ms)} is outside the history, {format_time(first_ms)} to "
            f"{format_time(history.end_ms)}"
        )
    group = int(np.searchsorted(steps.group_time_ms, wanted_ms))
    for number in range(len(steps.symbols)):
        group = max(group, int(steps.group_index[np.flatnonzero(steps.symbol_index == number)[0]]))
    return min(group, steps.group_count - 1)
