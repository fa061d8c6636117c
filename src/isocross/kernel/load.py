"""Load: the kernel's entries, compiled or plain, once per process.

Responsible for: the list of kernel modules, replacing native.py's words by compiled ones, compiling at first use and
saying so. Must not: hold a State.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import (
    adl,
    ahead,
    amend,
    bands,
    book,
    commands,
    conditionals,
    engine,
    events,
    fills,
    fixed,
    fund,
    judge,
    liquidation,
    listings,
    margin,
    marks,
    matching,
    orders,
    pockets,
    premium,
    settings,
    sorting,
    timers,
    triggers,
    wakes,
)
from .jit import compiled_namespaces

MODULES = (
    fixed, sorting, margin, events, wakes, bands, book, triggers, pockets, premium, timers, ahead, marks, fills, matching, adl, judge, liquidation,
    orders, conditionals, amend, fund, settings, listings, commands, engine,
)  # fmt: skip
_lock = threading.Lock()
_compiled: Entries | None = None


@dataclass(frozen=True)
class Entries:
    """What Python may call. Compiled entries take the address of a State's header, plain ones a PureState."""

    submit: Any
    roll_back: Any
    measure: Any
    is_compiled: bool


def plain_entries() -> Entries:
    """The kernel as plain Python: overflow oracle, debugger, coverage."""
    return Entries(engine.submit, None, engine.measure_of, False)


def compiled_entries(announce: bool = True) -> Entries:
    """The kernel as machine code, from the cache or compiled now (about a minute), saying so on stderr."""
    global _compiled
    with _lock:
        if _compiled is None:
            from numba import types

            from . import linking, pointer

            words = {"state_at": pointer.state_at, "load_word": pointer.load_word, "copy_words": pointer.copy_words}
            space = compiled_namespaces(MODULES, words)[engine.__name__]
            if announce and not any(Path(space["submit"]._cache.cache_path).glob("*.nbi")):
                print("isocross: compiling the kernel once for this machine (about a minute) …", file=sys.stderr)
            word = types.int64
            with linking.optimised_where_entered(("submit", "roll_back", "measure_of")):
                space["submit"].compile((word, word))
                space["roll_back"].compile((word, word))
                space["measure_of"].compile((word, word, word, word))
            _compiled = Entries(space["submit"], space["roll_back"], space["measure_of"], True)
        return _compiled


def warm_up() -> None:
    """Compile the kernel now, or find it in the cache."""
    compiled_entries()
