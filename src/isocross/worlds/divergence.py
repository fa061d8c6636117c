"""Divergence: where a branch could not do, or did not have to do, what its base did.

Responsible for: the record and its text. Must not: find one (shadow.py does).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..units import format_time


class DivergenceKind(Enum):
    """What is different."""

    REFUSED = "refused"  # accepted in the base, refused here
    ACCEPTED = "accepted"  # refused in the base, accepted here
    REDUCE_ONLY = "reduce only"  # it reduced the position in the base: here it can do no more than that
    SPLIT = "split"  # it turned the position in the base: here it closes, and opens on its own
    DROPPED = "dropped"  # a cancel of what is not there
    WITHDRAWN = "withdrawn"  # an order taken back before it would open what it closed in the base
    LIQUIDATED = "liquidated"  # in one of the two worlds
    POSITION = "position"  # other lots than in the base


@dataclass(frozen=True, slots=True)
class Divergence:
    """One difference between a branch and its base, when it began."""

    kind: DivergenceKind
    sequence: int  # of the base's command, or of the one put in
    time_ms: int
    account: int
    symbol: str  # empty: none
    text: str

    def __str__(self) -> str:
        return f"{format_time(self.time_ms)}, command {self.sequence}: {self.text}"
