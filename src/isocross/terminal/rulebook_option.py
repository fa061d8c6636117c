"""Rulebook option: tells a mistyped rulebook name (bad input) from a rulebook file that is missing or broken.

Responsible for: that one check. Must not: load or judge a rulebook.
"""

from __future__ import annotations

from .. import rulebook as rulebooks
from ..errors import InputError


def check_rulebook_name(text: str) -> None:
    """InputError when `text` reads as a name and no rulebook has it; paths pass, the loader judges them."""
    from pathlib import Path

    if "/" in text or "\\" in text or text.endswith(".toml") or text in rulebooks.names() or Path(text).is_file():
        return
    from ..rulebook.venues import venue, venue_names

    more = f"; a path to a TOML file is taken too, and {text!r} is not a file"
    if text in venue_names():
        runs = venue(text).rulebook
        more = f"; {text} is a venue: " + (
            f"its rulebook is {runs}" if runs else f"its facts are shown by `isocross rules show {text}`, nothing runs it"
        )
    raise InputError(f"rulebook: {text!r} is none of {', '.join(rulebooks.names())}{more}")
