"""Rulebook option: tells a mistyped rulebook name (bad input) from a rulebook file that is missing or broken.

Responsible for: that one check. Must not: load or judge a rulebook.
"""

from __future__ import annotations

from .. import rulebook as rulebooks
from ..errors import InputError


def check_rulebook_name(text: str) -> None:
    """InputError when `text` reads as a name and no rulebook has it; paths pass, the loader judges them."""
    is_path = "/" in text or "\\" in text or text.endswith(".toml")
    if is_path or text in rulebooks.names():
        return
    raise InputError(f"rulebook: {text!r} is none of {', '.join(rulebooks.names())}, nor a path to a TOML file")
