"""Venues: what is known of a venue's rules, fact by fact, each with its source and date; what is not known says so.

Responsible for: the list of facts, the files in data/venues and their loader. Must not: guess what a file leaves unknown;
say what the engine does (a rulebook's columns do).

A fact has a few words that can be compared with another venue's, and what else there is to say. A venue is here whether or
not a rulebook of it runs; the rulebooks whose `venue` is its title are its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import InputError
from .loader import parse_toml, read_text
from .reader import SourceText, Table

FORMAT = 1
# Every fact, in the order of showing: its heading, then name → label. Each venue says all of them, or that it is unknown.
FACTS: dict[str, dict[str, str]] = {
    "Margin mode": {
        "margin_modes": "Margin modes",
        "default_margin_mode": "Default margin mode",
        "margin_mode_scope": "One mode for each",
        "margin_mode_with_position": "Change with a position",
        "margin_mode_with_orders": "Change with open orders",
        "margin_mode_refusals": "Refusal codes",
        "default_leverage": "Default leverage",
        "leverage_with_position": "Leverage with a position",
    },
    "Margin": {
        "initial_margin_price": "Initial margin at",
        "maintenance_basis": "Maintenance margin",
        "isolated_margin_by_hand": "Isolated margin by hand",
        "mark_price": "Mark price",
        "stop_trigger_price": "Price of stops",
    },
    "Funding": {
        "isolated_funding_payer": "Isolated: paid by",
        "funding_interval": "Interval",
        "funding_price": "Counted at",
        "funding_cap": "Cap",
    },
    "Liquidation": {
        "liquidation_trigger": "Begins when",
        "fee_in_liquidation_price": "Fee in its price",
        "orders_cancelled": "Orders cancelled first",
        "liquidation_ladder": "Ladder",
        "takeover": "Taken over by",
        "liquidation_fee": "Liquidation fee",
        "remainder": "What is left goes to",
        "insurance_fund": "Insurance fund",
        "adl_ranking": "ADL ranking",
        "adl_price": "ADL price",
    },
}
LABELS = {name: label for group in FACTS.values() for name, label in group.items()}
PUBLISHERS = ("venue", "copy", "third party")

_FOLDER = Path(__file__).parent / "data" / "venues"
_DATE = re.compile(r"^20\d\d-[01]\d(-[0-3]\d)?$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read."""

    name: str  # within its venue
    text: str  # title, address
    publisher: str  # venue: its own words; copy: of them, elsewhere; third party: somebody else's
    date: str  # of the text, 2026-07 or 2026-07-22; where the text is undated, of the day it was noted
    is_noted: bool  # the date is that of noting

    @property
    def dated(self) -> str:
        """'2026-07', or 'noted 2026-11-22'."""
        return f"noted {self.date}" if self.is_noted else self.date


@dataclass(frozen=True, slots=True)
class Fact:
    """One rule of a venue, as far as it is known."""

    name: str
    says: str | None  # None: unknown
    more: str
    unknown: str  # what of it is not known
    sources: tuple[Source, ...]
    is_derived: bool = False  # follows from its sources, and stands in none in these words
    is_disputed: bool = False  # the sources differ

    @property
    def label(self) -> str:
        """What people call it."""
        return LABELS[self.name]

    @property
    def is_known(self) -> bool:
        """Whether anything is known of it."""
        return self.says is not None

    @property
    def standing(self) -> str:
        """How it is known: derived, disputed, not at all, or by whom: the weakest of its sources."""
        if not self.is_known:
            return "unknown"
        if self.is_disputed:
            return "disputed"
        if self.is_derived:
            return "derived"
        return max((source.publisher for source in self.sources), key=PUBLISHERS.index)


@dataclass(frozen=True, slots=True)
class Venue:
    """All facts of one venue."""

    name: str  # "binance"
    title: str  # "Binance USDⓈ-M Futures": the `venue` of its rulebooks
    rulebook: str | None  # the shipped one that runs it
    facts: dict[str, Fact]
    sources: dict[str, Source]

    @property
    def as_of(self) -> str:
        """The date of its latest source."""
        return max(source.date for source in self.sources.values())

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of the facts of which nothing is known."""
        return tuple(name for name, fact in self.facts.items() if not fact.is_known)


def venue_names() -> list[str]:
    """Names of the venues of which facts are known."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@cache
def venue(name: str) -> Venue:
    """The facts of a venue.

    Errors   InputError for a venue that is not there.
    """
    if name not in venue_names():
        raise InputError(f"venue {name!r}: expected one of {', '.join(venue_names())}")
    path = _FOLDER / f"{name}.toml"
    return venue_of_text(read_text(path), str(path))


def venue_of_title(title: str) -> Venue | None:
    """The venue that a rulebook's `venue` names; None when no facts of it are here."""
    return next((one for one in map(venue, venue_names()) if one.title == title), None)


def venue_of_text(text: str, label: str) -> Venue:
    """A venue from TOML text; `label` names it in errors.

    Errors   RulebookError naming file, line, key, value and what was expected.
    """
    file = SourceText(label, text)
    top = Table(parse_toml(file), (), (file,))
    top.only(("format", "name", "title", "rulebook", "fact", "sources"))
    top.integer("format", FORMAT, FORMAT)
    table = top.table("sources")
    sources = {name: _source(name, table.table(name)) for name in table.data}
    rows = top.table("fact")
    rows.only(LABELS)
    facts = {name: _fact(name, rows.table(name), sources) for name in LABELS}
    used = {source.name for fact in facts.values() for source in fact.sources}
    for name in sources:
        if name not in used:
            raise table.table(name).error(None, None, "a source that some fact names")
    rulebook = top.text("rulebook") if "rulebook" in top.data else None
    return Venue(top.text("name"), top.text("title"), rulebook, facts, sources)


def _source(name: str, row: Table) -> Source:
    row.only(("text", "by", "date", "noted"))
    publisher = row.text("by")
    if publisher not in PUBLISHERS:
        raise row.wrong("by", f"one of {', '.join(PUBLISHERS)}")
    key = "noted" if "noted" in row.data else "date"
    if {"date", "noted"} <= set(row.data):
        raise row.wrong("noted", "either date or noted")
    date = str(row.data.get(key, ""))
    if not _DATE.match(date):
        raise row.wrong(key, "a date like 2026-11-22 or 2026-11")
    return Source(name, row.text("text"), publisher, date, key == "noted")


def _fact(name: str, row: Table, sources: dict[str, Source]) -> Fact:
    row.only(("says", "more", "unknown", "source", "derived", "disputed"))
    for key in ("derived", "disputed"):
        if key in row.data:
            row.boolean(key)
    texts = {key: row.text(key) for key in ("says", "more", "unknown") if key in row.data}
    if "says" not in texts:
        if "unknown" not in texts or len(row.data) > 1:
            raise row.error("says", None, "what is known, or unknown alone")
        return Fact(name, None, "", texts["unknown"], ())
    named = (row.text("source"),) if isinstance(row.data.get("source"), str) else row.texts("source")
    for one in named:
        if one not in sources:
            raise row.wrong("source", f"of {', '.join(sources)}")
    return Fact(
        name,
        texts["says"],
        texts.get("more", ""),
        texts.get("unknown", ""),
        tuple(sources[one] for one in named),
        bool(row.data.get("derived", False)),
        bool(row.data.get("disputed", False)),
    )
