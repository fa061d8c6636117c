"""Listing: `rules list`: every rulebook and every venue of which facts are known, a line each.

Responsible for: the list and its result. Must not: stop at a rulebook of the user's that cannot be read: its line says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import rulebook as rulebooks
from ...answer import Answer, Columns, Shown, Table
from ...errors import RulebookError
from ...rulebook import venues
from .choice import FACTS, OWN, Choice, choose

SCHEMA = "isocross.rules.list/1"
_WIDTHS = (16, 22, 10, 8, 16)


@dataclass(frozen=True, slots=True)
class RulesEntry:
    """One rulebook, or a venue without one."""

    name: str
    venue: str
    origin: str  # shipped, yours, facts
    as_of: str | None
    is_runnable: bool
    reasons: tuple[str, ...]  # why it does not run
    contract_count: int
    default_margin_mode: str | None  # None: unknown
    default_leverage: str | None


@dataclass(frozen=True, slots=True, repr=False)
class RulesList(Answer):
    """What `list` answers: the rulebooks first, then the venues of which only facts are known."""

    entries: tuple[RulesEntry, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; null for what is unknown."""
        return {
            "schema": SCHEMA,
            "rulebooks": [
                {
                    "name": one.name,
                    "venue": one.venue,
                    "origin": one.origin,
                    "as_of": one.as_of,
                    "is_runnable": one.is_runnable,
                    "why_not_runnable": [*one.reasons],
                    "contracts": one.contract_count,
                    "default_margin_mode": one.default_margin_mode,
                    "default_leverage": one.default_leverage,
                }
                for one in self.entries
            ],
        }

    def columns(self) -> Columns:
        """One row per entry."""
        names = ("name", "venue", "origin", "as_of", "is_runnable", "contract_count", "default_margin_mode",
                 "default_leverage")  # fmt: skip
        return {name: [getattr(one, name) for one in self.entries] for name in names}

    def shown(self) -> Shown:
        """One line each, and why something does not run."""
        rows = [
            (
                one.name,
                one.venue,
                one.as_of or "",
                "yes" if one.is_runnable else "no",
                f"{one.default_margin_mode or 'unknown'}, {one.default_leverage or 'unknown'}",
            )
            for one in self.entries
        ]
        head = ("name", "venue", "as of", "runnable", "mode, leverage")
        notes = [f"{one.name}: {'; '.join(one.reasons)}" for one in self.entries if one.reasons and one.origin != FACTS]
        only_facts = [one.name for one in self.entries if one.origin == FACTS]
        if only_facts:
            notes.append(f"{', '.join(only_facts)}: facts are known, and no rulebook runs them yet")
        own = [one.name for one in self.entries if one.origin == OWN]
        if own:
            notes.append(f"yours, in {rulebooks.user_folder()}: {', '.join(own)}")
        return Shown("Rulebooks and venues", (Table(head, rows, widths=_WIDTHS),), notes=notes)


def list() -> RulesList:
    """Every rulebook (the shipped ones and those in the user's folder) and every other venue of which facts are known."""
    entries = tuple(_entry_of_name(name) for name in rulebooks.names())
    runs = {venues.venue(name).rulebook for name in venues.venue_names()}
    assert runs - {None} <= set(rulebooks.names())
    without = (name for name in venues.venue_names() if venues.venue(name).rulebook is None)
    return RulesList((*entries, *(_entry(choose(name)) for name in without if name not in rulebooks.names())))


def _entry_of_name(name: str) -> RulesEntry:
    try:
        return _entry(choose(name))
    except RulebookError as error:
        return RulesEntry(name, "cannot be read", OWN, None, False, (str(error),), 0, None, None)


def _entry(choice: Choice) -> RulesEntry:
    book, venue = choice.rulebook, choice.venue
    if book is None:
        assert venue is not None
        mode, leverage = venue.facts["default_margin_mode"].says, venue.facts["default_leverage"].says
        return RulesEntry(choice.name, venue.title, FACTS, venue.as_of, False, choice.reasons, 0, mode, leverage)
    return RulesEntry(
        choice.name,
        book.venue,
        choice.origin,
        book.as_of,
        not choice.reasons,
        choice.reasons,
        len(book.symbols),
        book.default_margin_mode.name.lower(),
        f"{book.default_leverage}x",
    )
