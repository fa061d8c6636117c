"""Turns: what became of the commands that clients sent in one turn of the loop, told to each of them.

Responsible for: Outcome, of one command; finding it among all that was committed; telling who waits, in every case. Must not: apply anything,
know a wire name.

A busy venue has dozens of requests in a turn. Applied, journaled and told at once they cost a fraction of what they cost one by one; the
exchange takes them one behind the other all the same, so the world is the same to the byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ..codes import CommandKind, Refusal
from ..limits import ORDER_IDS_PER_COMMAND
from .order_life import Change, OrderRecord

_REFUSALS = {int(refusal): refusal for refusal in Refusal}


class Outcome(NamedTuple):
    """What became of a command that was sent. It is committed, and everybody has been told."""

    refusal: Refusal
    order_id: int
    accepted: OrderRecord | None  # the order that it placed, as it was accepted
    final: OrderRecord | None  # and as this command left it

    @property
    def is_accepted(self) -> bool:
        """Whether the command was carried out."""
        return self.refusal == Refusal.NONE


Sender = asyncio.Future[Outcome]
Placed = tuple[OrderRecord | None, OrderRecord | None]
_NO_ORDER: Placed = (None, None)


def placed_in(orders: Iterable[Change]) -> dict[int, Placed]:
    """Of every order that some commands placed: as it was accepted, and as its own command left it. By order id."""
    found: dict[int, Placed] = {}
    for event, record in orders:
        order_id = record.order_id
        if order_id == event.sequence * ORDER_IDS_PER_COMMAND:
            before = found.get(order_id)
            found[order_id] = (record if before is None else before[0], record)
    return found


def answer(senders: Sequence[Sender], commands: np.ndarray, results: np.ndarray, placed: dict[int, Placed]) -> None:
    """Tell the sender of each command what became of it. Takes  commands, results: one row per record."""
    if len(results) > len(senders):
        results = results[commands["kind"] != CommandKind.CONTINUATION]
    for sender, (refusal, order_id) in zip(senders, results.tolist(), strict=True):
        if not sender.done():
            sender.set_result(Outcome(_REFUSALS[refusal], order_id, *placed.get(order_id, _NO_ORDER)))


def fail(senders: Iterable[Sender], failure: BaseException) -> None:
    """Tell senders that nobody knows what became of their commands, or that they met a bug."""
    for sender in senders:
        if not sender.done():
            sender.set_exception(failure)
