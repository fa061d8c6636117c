"""Event: what the engine says that happened, a row as plain integers, for those who read events one by one.

Responsible for: the field names of a row, rows from the engine's array. Must not: interpret one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .command import EVENT


class Event(NamedTuple):
    """One EVENT row. Money, marks and rates × 10^8, prices in ticks, quantities in lots, time in ms; docs/reference/commands.md says which are set."""

    sequence: int
    time_ms: int
    order_id: int
    price_ticks: int
    lots: int
    value_e8: int
    amount_e8: int
    fee_e8: int
    balance_e8: int
    maintenance_e8: int
    mark_e8: int
    index_e8: int
    rate_e8: int
    account: int
    counterparty: int
    symbol: int
    kind: int
    code: int
    asset: int
    leverage: int
    side: int
    margin_mode: int
    position_side: int
    is_maker: int


assert Event._fields == EVENT.names, "an event is read by the order of its fields"


def rows_of(events: np.ndarray) -> list[Event]:
    """EVENT rows as plain integers, in order."""
    return [Event._make(row) for row in events.tolist()]
