"""Adapter: the one place that knows how the exchange under test is called.

Responsible for: command dict → COMMAND records, EVENT records → dicts without default fields. Must not: know a rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isocross.kernel.schema import COMMAND, EVENT, NO_ROW
from isocross.rulebook.model import Rulebook

NO_ROW_FIELDS = ("account", "counterparty", "symbol", "asset")
LEFT_OUT = ("sequence", "time_ms")


def pack(command: dict[str, Any]) -> np.ndarray:
    """The header and its continuation records. Missing fields are 0; continuation_count is counted unless given."""
    records = command.get("records", [])
    packed = np.zeros(1 + len(records), COMMAND)
    for row, fields in zip(packed, [command, *records], strict=True):
        for name, value in fields.items():
            if name != "records":
                row[name] = value
    if "continuation_count" not in command:
        packed[0]["continuation_count"] = len(records)
    return packed


def unpack(events: np.ndarray) -> list[dict[str, int]]:
    """Events as the reference says them: fields at their default are left out."""
    names = [name for name in EVENT.names or () if name not in LEFT_OUT]
    unpacked = []
    for event in events:
        fields = {name: int(event[name]) for name in names}
        unpacked.append({name: value for name, value in fields.items() if value != (NO_ROW if name in NO_ROW_FIELDS else 0)})
    return unpacked


def make_exchange(rulebook: Rulebook, symbols: list[str], compiled: bool) -> Any:
    from isocross.exchange import Exchange

    return Exchange(rulebook, symbols=symbols, compiled=compiled)


def submit(exchange: Any, command: dict[str, Any]) -> tuple[int, list[dict[str, int]]]:
    """(refusal, events) of one command."""
    done = exchange.submit_batch(pack(command))
    return int(done.results["refusal"][0]), unpack(done.events)
