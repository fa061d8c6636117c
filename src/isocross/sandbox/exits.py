"""Exits: stops and take-profits that close a whole position, and end with it.

Responsible for: which of them are needed no longer. Must not: cancel one itself.

At a venue's kernel a conditional outlives its position, and would close the next one. Here it is cancelled as soon as there
is no position of its direction and the order that was to open one is not open any more.
"""

from __future__ import annotations

from typing import NamedTuple

from ..exchange import Exchange


class Exit(NamedTuple):
    """What an exit protects."""

    account: int
    symbol: str
    is_of_long: bool
    parent_order_id: int  # of the order that opens the position; 0: it was open before


class Exits:
    """The exits of an exchange, by order id."""

    def __init__(self) -> None:
        self._exits: dict[int, Exit] = {}

    def add(self, order_id: int, one: Exit) -> None:
        """Watch an exit that was placed."""
        self._exits[order_id] = one

    def ended(self, exchange: Exchange) -> tuple[int, Exit] | None:
        """The oldest exit that is open and needed no longer; those that are not open any more are forgotten."""
        if not self._exits:
            return None
        accounts = {one.account for one in self._exits.values()}
        open_ids = {order.order_id for account in accounts for order in exchange.orders(account)}
        self._exits = {order_id: one for order_id, one in self._exits.items() if order_id in open_ids}
        for order_id, one in self._exits.items():
            lots = exchange.position(one.account, one.symbol).lots
            is_held = lots > 0 if one.is_of_long else lots < 0
            if not is_held and one.parent_order_id not in open_ids:
                return order_id, one
        return None
