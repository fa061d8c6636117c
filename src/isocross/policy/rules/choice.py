"""Choice: what a name, a path or a loaded rulebook stands for: the facts of a venue, a rulebook that runs, or both.

Responsible for: finding both, and the line that says why there is neither. Must not: judge a rulebook.

A rulebook's name comes before a venue's: `hyperliquid` is both, and means the same. A venue's name (`binance`) brings the
rulebook that runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ... import rulebook as rulebooks
from ...errors import InputError
from ...rulebook import loader, venues
from ...rulebook.model import Rulebook
from ...rulebook.venues import Venue

SHIPPED, OWN, FILE, FACTS = "shipped", "yours", "file", "facts"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was meant."""

    name: str
    origin: str  # of the rulebook: shipped, yours (the user's folder), file; facts where there is none
    venue: Venue | None  # None: no facts of its venue are known
    rulebook: Rulebook | None  # None: no rulebook of the venue is there
    path: Path | None  # of a rulebook that is not shipped

    @property
    def title(self) -> str:
        """The venue, as people call it."""
        if self.rulebook is not None:
            return self.rulebook.venue
        assert self.venue is not None
        return self.venue.title

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not run; empty when it does."""
        if self.rulebook is None:
            return ("no rulebook of this venue is there yet",)
        return tuple(rulebooks.why_not_runnable(self.rulebook))


def choose(wanted: str | Path | Rulebook) -> Choice:
    """What `wanted` stands for.

    Errors   InputError for a name that nothing has; RulebookError for a file that cannot be used.
    """
    if isinstance(wanted, Rulebook):
        return Choice(wanted.name, FILE, venues.venue_of_title(wanted.venue), wanted, None)
    if isinstance(wanted, str):
        if wanted in rulebooks.names():
            return _of_rulebook(wanted)
        if wanted in venues.venue_names():
            venue = venues.venue(wanted)
            if venue.rulebook is not None:
                return _of_rulebook(venue.rulebook)
            return Choice(wanted, FACTS, venue, None, None)
        if not is_path(wanted):
            raise InputError(no_such_name(wanted))
    path = Path(wanted)
    book = rulebooks.load(path)
    return Choice(book.name, FILE, venues.venue_of_title(book.venue), book, path)


def is_path(text: str) -> bool:
    """Whether a text reads as a path, or is that of a file that is there."""
    return "/" in text or "\\" in text or text.endswith(".toml") or Path(text).is_file()


def no_such_name(text: str) -> str:
    """The line for a name that neither a rulebook nor a venue has."""
    return (
        f"name: {text!r} is none of {', '.join(rulebooks.names())}, nor a venue of which facts are known "
        f"({', '.join(venues.venue_names())}), nor a path to a TOML file"
    )


def _of_rulebook(name: str) -> Choice:
    is_shipped = name in loader.shipped_names()
    path = None if is_shipped else loader.user_folder() / f"{name}.toml"
    book = rulebooks.load(name)
    return Choice(name, SHIPPED if is_shipped else OWN, venues.venue_of_title(book.venue), book, path)
