"""Progress: how far a long run is, a line on stderr at every tenth.

Responsible for: what is long, and the line. Must not: read a clock, write to stdout.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

LONG_RUN = 1_000_000  # commands from which a run says how far it is


def tenths(doing: str) -> Callable[[int, int], None]:
    """A callback of (done, total): 'isocross: replaying … 30 %', each tenth once, and only of a long run."""
    shown = 0

    def report(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if total >= LONG_RUN and tenth > shown:
            shown = tenth
            print(f"isocross: {doing} … {10 * tenth} %", file=sys.stderr, flush=True)

    return report
