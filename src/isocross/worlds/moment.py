"""Moment: a place in a history, named by what a person can name: a command, or a time.

Responsible for: Moment, `after`, `before`, and reading a time as one. Must not: know a history (outline.py finds the place).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import InputError
from ..limits import ORDER_IDS_PER_COMMAND
from ..units import format_time, to_time_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """Between two commands: beside the one of this sequence number, or after all that came up to this time."""

    sequence: int | None = None
    time_ms: int | None = None
    is_before: bool = False  # in front of the command; a time has only what came up to it

    def __post_init__(self) -> None:
        if (self.sequence is None) == (self.time_ms is None) or (self.is_before and self.sequence is None):
            raise InputError("moment: expected the sequence number of a command, or a time")

    def __str__(self) -> str:
        if self.time_ms is not None:
            return format_time(self.time_ms)
        return f"{'before' if self.is_before else 'after'} command {self.sequence}"


MomentLike = Moment | int | str | datetime  # a time is epoch milliseconds, ISO 8601 text or a datetime


def after(command: Any) -> Moment:
    """Right after a command.

    Takes    command: its sequence number; or what it handed back (a result, an order, a step of the market): of several
             commands the last.
    """
    return Moment(sequence=_sequences(command, "after")[1])


def before(command: Any) -> Moment:
    """Right before a command, named as in `after`; of several commands the first."""
    return Moment(sequence=_sequences(command, "before")[0], is_before=True)


def moment_of(value: MomentLike, name: str = "at") -> Moment:
    """A moment, from itself or from a time."""
    return value if isinstance(value, Moment) else Moment(time_ms=to_time_ms(value, name))


def _sequences(command: Any, name: str) -> tuple[int, int]:
    """First and last sequence number of what a command handed back."""
    if isinstance(command, int) and not isinstance(command, bool):
        return command, command
    events = getattr(command, "events", None)
    if events is not None and len(events):
        return int(events["sequence"][0]), int(events["sequence"][-1])
    order_id = getattr(command, "order_id", None)
    if isinstance(order_id, int) and order_id >= ORDER_IDS_PER_COMMAND:
        return order_id // ORDER_IDS_PER_COMMAND, order_id // ORDER_IDS_PER_COMMAND
    raise InputError(f"{name}: {command!r}: expected the sequence number of a command, or what a command handed back")
