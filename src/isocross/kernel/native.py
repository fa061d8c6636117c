"""Native: the few words that mean memory when compiled, and objects when plain.

Responsible for: the plain twins of `state_at`, `load_word` and `copy_words`; load.py puts the compiled ones of
pointer.py in their place. Must not: be called from plain Python for `load_word` and `copy_words`, which have no meaning there.
"""

from __future__ import annotations

from typing import Any


def state_at(state: Any) -> Any:
    """The State itself: plain entries take it where compiled ones take its header's address."""
    return state


def load_word(address: int) -> int:
    """Compiled only."""
    raise AssertionError("memory words exist in compiled code only")


def copy_words(to: int, source: int, count: int) -> None:
    """Compiled only."""
    raise AssertionError("memory words exist in compiled code only")
