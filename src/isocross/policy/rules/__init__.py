"""Rules: what venues do, what a rulebook holds, whether a file of one's own is right, and one trade under two of them.

    list                     every rulebook, and every venue of which facts are known
    show("okx")              all that is known of a venue, fact by fact with its source; what its rulebook holds
    check("mine.toml")       every fault of a file, with its line, its value and what was expected
    diff("binance", "hyperliquid")   what differs, and one trade with one crash lived by the engine under both
    names, import_file       the names that a `rulebook=` takes; a venue's own brackets as a rulebook

Must not: hold a fact or a rule of its own: rulebook/ does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...rulebook import names
from .checking import check
from .listing import list
from .showing import show

if TYPE_CHECKING:
    from ...rulebook.importer import import_file
    from .comparing import diff

__all__ = ["check", "diff", "import_file", "list", "names", "show"]


def __getattr__(name: str) -> Any:
    """The engine and the importer are loaded by their first use."""
    if name == "diff":
        from .comparing import diff

        return diff
    if name == "import_file":
        from ...rulebook.importer import import_file

        return import_file
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
