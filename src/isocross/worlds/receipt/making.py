"""Making: the receipts of a history: found in one replay, made in a second one.

Responsible for: `receipts`, `receipt`, their numbers, which accounts and symbols the second replay has to watch.
Must not: read a liquidation (reading.py) or what came before it (story.py).

Nothing is kept of a history but what a receipt needs: the first replay finds who was liquidated and in which symbols, the
second one adds up the money of these accounts and keeps the marks of these symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from ...answer import Answer, Columns, Shown
from ...codes import EventKind, MarginMode
from ...errors import InputError
from ...event import rows_of
from ...exchange import Exchange
from ...journal import DataFolder, Journal
from ...journal.history import History
from ..case_file import CaseHistory
from ..case_file import read as read_case
from ..shadow import Upkeep
from ..world import World
from .reading import Window
from .record import AdlReceipt, Receipt
from .story import Past

if TYPE_CHECKING:
    from .rescue import Rescues

Consumer = Callable[[np.ndarray], bool]  # gets events in order, an array that is its own; False: it has seen enough
Feed = Callable[[Consumer], None]
AnyReceipt = Receipt | AdlReceipt


class Keeper(Protocol):
    """Something that runs a World and gives commands of its own in it, like a Sandbox."""

    @property
    def world(self) -> World:
        """It."""
        ...

    def upkeep(self) -> Upkeep:
        """What it would do in a branch of that world; a new one at each call."""
        ...


Source = History | World | Keeper | str | Path

_MARKS_OF = (
    EventKind.LIQUIDATION_STARTED,
    EventKind.LIQUIDATION_POSITION,
    EventKind.ADL,
    EventKind.LIQUIDATION_ENDED,
)
_STARTED, _ENDED = int(EventKind.LIQUIDATION_STARTED), int(EventKind.LIQUIDATION_ENDED)


class Receipts(Answer, Sequence[AnyReceipt]):
    """Receipts in the order of events. Their numbers begin at 1 and stay what they are when some are left out."""

    def __init__(self, found: Sequence[AnyReceipt]) -> None:
        self._found = tuple(found)

    @overload
    def __getitem__(self, place: int) -> AnyReceipt: ...
    @overload
    def __getitem__(self, place: slice) -> Receipts: ...
    def __getitem__(self, place: int | slice) -> AnyReceipt | Receipts:
        """By place from 0, like a list; `numbered` takes a receipt's number."""
        return Receipts(self._found[place]) if isinstance(place, slice) else self._found[place]

    def __len__(self) -> int:
        return len(self._found)

    def numbered(self, number: int) -> AnyReceipt:
        """The receipt of that number.

        Errors   InputError when it is not here.
        """
        for one in self._found:
            if one.number == number:
                return one
        raise InputError(_not_there(number, [one.number for one in self._found]))

    def of(self, account: int | str) -> Receipts:
        """Those of one account, by its name or number."""
        return Receipts([one for one in self._found if account in (one.account, one.name(one.account))])

    @property
    def is_negative(self) -> bool:
        """Whether there is none."""
        return not self._found

    def to_dict(self) -> dict[str, Any]:
        """All of them in full."""
        return {"schema": "isocross.receipts/1", "receipts": [one.to_dict() for one in self._found]}

    def columns(self) -> Columns:
        """A row per receipt."""
        from .text import list_columns

        return list_columns(self._found)

    def shown(self) -> Shown:
        """One line each."""
        from .text import list_shown

        return list_shown(self._found)

    def __repr__(self) -> str:
        from .text import list_text

        return list_text(self._found)


def receipts(
    source: Source,
    *,
    events: np.ndarray | None = None,
    names: Mapping[str, int] | None = None,
    compiled: bool = True,
) -> Receipts:
    """A receipt for every liquidation and auto-deleveraging in a history.

    Takes    source: a history, a World, a Sandbox; or the path of a data folder or of a case file. events: all of its events,
             where they are at hand; else it is lived again. names: account numbers by name; a World and a case file have their own.
    Errors   what reading and replaying the history raises.
    """
    origin = _Origin(source, names, compiled)
    feed = origin.replay if events is None else _whole(events)
    return Receipts(_make(feed, _found(feed), origin))


def receipt(
    source: Source, number: int | None = None, *, names: Mapping[str, int] | None = None, compiled: bool = True
) -> AnyReceipt:
    """One receipt by its number, as `receipts` counts them; the last one without a number.

    Errors   InputError when there is no such receipt.
    """
    origin = _Origin(source, names, compiled)
    found = _found(origin.replay)
    count = sum(one.count for one in found)
    wanted = count if number is None else number
    chosen = [one for one in found if one.number <= wanted < one.number + one.count]
    if not chosen:
        raise InputError(_not_there(wanted, range(1, count + 1)))
    return next(one for one in _make(origin.replay, chosen, origin) if one.number == wanted)


class _Origin:
    """Where receipts come from: a history, what its accounts are called, and how it is asked again."""

    def __init__(self, source: Source, names: Mapping[str, int] | None, compiled: bool) -> None:
        world = source if isinstance(source, World) else getattr(source, "world", None)
        if isinstance(source, str | Path):
            path = Path(source)
            self.history: History = read_case(path) if path.is_file() else Journal(DataFolder.open(path))
        else:
            self.history = source if world is None else world.history  # type: ignore[assignment]
        self.genesis = self.history.genesis
        own = self.history.manifest.names if isinstance(self.history, CaseHistory) else {}
        named = names if names is not None else (world.names if world is not None else own)
        self.names = {number: name for name, number in named.items()}
        self.upkeep: Callable[[], Upkeep] | None = getattr(source, "upkeep", None)
        self.compiled = compiled

    def replay(self, consumer: Consumer) -> None:
        """All events, by living the history again."""
        exchange = self.beginning()
        for block in self.history.blocks():
            seen: list[np.ndarray] = []
            exchange.submit_batch(block, lambda events, kept=seen: kept.append(events.copy()))  # type: ignore[misc]
            if not all(consumer(events) for events in seen):
                return

    def beginning(self) -> Exchange:
        """The exchange before the first command."""
        return self.genesis.exchange(compiled=self.compiled)

    def find_rescues(self, receipt: Receipt) -> Rescues:
        """What would have saved the account of a receipt."""
        from .rescue import rescues

        return rescues(self.history, receipt, upkeep=self.upkeep, compiled=self.compiled)


def _not_there(number: int, there: Sequence[int]) -> str:
    told = f"{there[0]} … {there[-1]}" if there else "none: nobody was liquidated or deleveraged"
    return f"receipt {number}: expected one of {told}" if there else f"receipt {number}: there is {told}"


def _whole(events: np.ndarray) -> Feed:
    def feed(consumer: Consumer) -> None:
        consumer(events)

    return feed


# ---- first: what there is


@dataclass(slots=True)
class _Found:
    """A liquidation: the number of its receipt, and how many receipts come of it."""

    number: int
    account: int
    asset: int
    sequence: int
    ordinal: int  # among all liquidations, from 0
    symbols: set[int] = field(default_factory=set)
    gave: set[tuple[int, int, bool]] = field(default_factory=set)  # who was deleveraged, in which symbol, against a long

    @property
    def count(self) -> int:
        return 1 + len(self.gave)


def _found(feed: Feed) -> list[_Found]:
    found: list[_Found] = []

    def look(events: np.ndarray) -> bool:
        for event in rows_of(events[np.isin(events["kind"], _MARKS_OF)]):
            if event.kind == _STARTED:
                number = found[-1].number + found[-1].count if found else 1
                found.append(_Found(number, event.account, event.asset, event.sequence, len(found)))
            elif event.kind == EventKind.LIQUIDATION_POSITION:
                found[-1].symbols.add(event.symbol)
            elif event.kind == EventKind.ADL and event.counterparty != event.account:
                found[-1].gave.add((event.counterparty, event.symbol, event.lots > 0))
        return True

    feed(look)
    return found


# ---- then: the receipts


def _make(feed: Feed, found: Sequence[_Found], origin: _Origin) -> list[AnyReceipt]:
    """Receipts of the liquidations in `found`."""
    if not found:
        return []
    genesis = origin.genesis
    assets = tuple(
        genesis.rulebook.margin_assets.index(genesis.rulebook.symbols[symbol].margin_asset)
        for symbol in genesis.symbols
    )
    past = Past(genesis.symbols, assets, {one.account for one in found}, set().union(*(one.symbols for one in found)))
    if genesis.snapshot is not None:
        past.begin_with(origin.beginning())
    maker = _Maker(past, {one.ordinal: one for one in found}, origin)
    feed(maker.read)
    return maker.made


class _Maker:
    """Reads all events once, and makes a receipt where one is wanted."""

    def __init__(self, past: Past, wanted: Mapping[int, _Found], origin: _Origin) -> None:
        self.made: list[AnyReceipt] = []
        self._past, self._wanted, self._origin = past, wanted, origin
        self._ordinal = 0
        self._open: list[np.ndarray] = []  # a liquidation whose end is still to come
        self._last = max(wanted)

    def read(self, events: np.ndarray) -> bool:
        """Some events. Whether more are needed."""
        for part, is_liquidation in _parts(events, bool(self._open)):
            if not is_liquidation:
                self._past.read_marks(part)
                for event in rows_of(part[self._past.is_told(part)]):
                    self._past.read(event)
                continue
            self._open.append(part)
            if part["kind"][-1] == _ENDED:
                self._liquidation(np.concatenate(self._open))
                self._open = []
        return self._ordinal <= self._last

    def _liquidation(self, events: np.ndarray) -> None:
        found = self._wanted.get(self._ordinal)
        self._ordinal += 1
        if found is not None:
            window = Window(rows_of(events), self._origin.genesis)
            started = window.started
            is_isolated = started.margin_mode == MarginMode.ISOLATED
            story = self._past.story(
                started.account, started.asset, started.symbol if is_isolated else -1, window.judged
            )
            told = sum(use.sum_e8 for use in story.uses)
            assert told == started.balance_e8, (
                f"the uses of receipt {found.number} make {told}, not {started.balance_e8}"
            )
            self.made += window.receipts(found.number, story, self._origin.names, self._origin.find_rescues)
        for event in rows_of(events[self._past.is_told(events)]):
            self._past.read(event)


def _parts(events: np.ndarray, is_open: bool) -> Iterator[tuple[np.ndarray, bool]]:
    """Events cut before every LIQUIDATION_STARTED and behind every LIQUIDATION_ENDED: (part, whether it is of a liquidation)."""
    start = 0
    for place in np.flatnonzero(np.isin(events["kind"], (_STARTED, _ENDED))).tolist():
        end = place + 1 if is_open else place
        if end > start:
            yield events[start:end], is_open
        start, is_open = end, not is_open
    if start < len(events):
        yield events[start:], is_open
