"""Exits: stops and take-profits that close a whole position, and end with it.

Responsible for: which of them are needed no longer. Must not: cancel one itself.

At a venue's kernel a conditional outlives its position, and would close the next one. Here it is cancelled as soon as there
is no position of its direction and the order that was to open one is not open any more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..codes import CommandKind, PositionSide
from ..exchange import Exchange

_LEGS = PositionSide.SHORT, PositionSide.LONG


class Exit(NamedTuple):
    """What an exit protects."""

    account: int
    symbol: str
    is_of_long: bool
    parent_order_id: int  # of the order that opens the position; 0: it was open before


class Exits:
    """The exits of an exchange, by order id, and which commands cancelled one: effects of an end, nobody's intent."""

    def __init__(self) -> None:
        self._exits: dict[int, Exit] = {}
        self._cancels: set[int] = set()  # sequence numbers

    def __bool__(self) -> bool:
        """Whether there is one to watch."""
        return bool(self._exits)

    def copy(self) -> Exits:
        """The same exits, for another world with the same past."""
        other = Exits()
        other._exits, other._cancels = dict(self._exits), set(self._cancels)
        return other

    def add(self, order_id: int, one: Exit) -> None:
        """Watch an exit that was placed."""
        self._exits[order_id] = one

    def ended(self, exchange: Exchange) -> tuple[int, Exit] | None:
        """The oldest exit that is open and needed no longer."""
        if not self._exits:
            return None
        accounts = {one.account for one in self._exits.values()}
        open_ids = {order.order_id for account in accounts for order in exchange.orders(account)}
        for order_id in sorted(open_ids & self._exits.keys()):
            one = self._exits[order_id]
            held = [exchange.position(one.account, one.symbol, side).lots for side in (PositionSide.BOTH, _LEGS[one.is_of_long])]
            is_held = any(lots > 0 if one.is_of_long else lots < 0 for lots in held)
            if not is_held and one.parent_order_id not in open_ids:
                return order_id, one
        return None

    # ---- a branch keeps up by itself: worlds.shadow.Upkeep

    def is_upkeep(self, sequence: int) -> bool:
        """Whether this command cancelled an exit that had ended."""
        return sequence in self._cancels

    def due(self, exchange: Exchange) -> tuple[CommandKind, dict[str, Any]] | None:
        """The cancel of an exit that has ended."""
        found = self.ended(exchange)
        if found is None:
            return None
        order_id, one = found
        return CommandKind.CANCEL_CONDITIONAL, {"account": one.account, "order_id": order_id}

    def done(self, sequence: int) -> None:
        """A command cancelled an exit that had ended."""
        self._cancels.add(sequence)

    def placed(self, order_id: int, account: int, symbol: str, is_of_long: bool) -> None:
        """A rewrite placed an exit of an open position."""
        self.add(order_id, Exit(account, symbol, is_of_long, 0))
