"""Following: a Sandbox whose prices a market source says instead of its user.

Responsible for: the flow's account, from a stretch of time to the source's instants and into the exchange, how closely it is told.
Must not: make a price, know an account of the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ..codes import CommandKind
from ..errors import InputError
from ..market.source import FLOW_DEPOSIT_E8, Instant, Source
from .refusing import Command
from .sending import Sender

FLOW = 2  # the flow's account: the first of the ordinary ones
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_AT_ONCE = 50  # instants in one batch, where nothing has to be looked at in between


def span_ms(text: str, name: str) -> int:
    """'1h', '90m', '1d 12h' → ms. Errors   InputError: it is no stretch of time above 0."""
    parts = _SPAN.findall(text)
    total = sum(round(float(number) * _UNIT_MS[unit]) for number, unit in parts)
    if not total or _SPAN.sub("", text).strip():
        raise InputError(f"{name}: {text!r}: expected a stretch of time like 30s, 15m, 1h, 2d or 1d 12h")
    return total


def open_flow(sender: Sender) -> None:
    """The account of the flow, with what it trades with."""
    exchange = sender.exchange
    assert len(exchange.table("accounts")) == FLOW
    deposits = [
        Command(CommandKind.DEPOSIT, {"account": FLOW, "asset": row, "amount_e8": FLOW_DEPOSIT_E8}, "deposit")
        for row in range(len(exchange.assets))
    ]
    sender.carry_out([Command(CommandKind.CREATE_ACCOUNT, {"account": FLOW}, "open account"), *deposits])


def follow(sender: Sender, source: Source, until_ms: int, every: str | None) -> None:
    """Everything that the source says up to a moment, and the clock there.

    Takes    every: how far apart its instants are told; without it a second for an hour, ten for a day, else a minute.
    """
    exchange = sender.exchange
    length_ms = until_ms - exchange.time_ms
    if every is not None:
        coarse_ms = span_ms(every, "every")
    else:
        coarse_ms = 1_000 if length_ms <= _HOUR_MS else 10_000 if length_ms <= _DAY_MS else 60_000
    for instants in _told(source, exchange.time_ms, until_ms, coarse_ms):
        size = 1 if sender.exits else _AT_ONCE
        for first in range(0, len(instants), size):
            tell(sender, instants[first : first + size])
    if exchange.time_ms < until_ms:
        sender.send([Command(CommandKind.ADVANCE_CLOCK, {"time_ms": until_ms}, "advance clock")])


def tell(sender: Sender, instants: list[Instant]) -> None:
    """Some instants as one batch. Orders of the flow may be refused; what a market says otherwise is not."""
    commands = [
        (kind, {**fields, "time_ms": instant.time_ms}) for instant in instants for kind, fields in instant.commands
    ]
    batch = sender.exchange.pack(commands)
    results = sender.tell(batch)
    refused = batch["kind"][np.flatnonzero(results["refusal"])]
    assert (refused == CommandKind.PLACE_ORDER).all()


def _told(source: Source, after_ms: int, until_ms: int, coarse_ms: int) -> Iterator[list[Instant]]:
    while told := source.between(after_ms, until_ms, coarse_ms=coarse_ms):
        yield told
        after_ms = told[-1].time_ms
