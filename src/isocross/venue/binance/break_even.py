"""Break-even: the price at which closing a position now would give back what opening it cost, fees included.

Responsible for: the fees that lie on what is open, followed from fill to fill, and found again from an account's own trades after a
start. Must not: foresee the fee of the close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ...codes import Side
from ...units import ONE_E8

TRADES_MAX = 1_000  # that are looked back over
Key = tuple[int, int, int]  # account, symbol, position side


class OneFill(Protocol):
    """What is needed of a fill."""

    @property
    def side(self) -> int: ...
    @property
    def lots(self) -> int: ...
    @property
    def fee_e8(self) -> int: ...
    @property
    def position_side(self) -> int: ...


class OpenFees:
    """Fees on what is open. `trades_of(account, symbol)`: the latest own trades, oldest first."""

    def __init__(self, trades_of: Callable[[int, int], Sequence[OneFill]]) -> None:
        self._trades_of = trades_of
        self._known: dict[Key, tuple[int, int]] = {}  # lots, fees

    def follow(self, account: int, symbol: int, fill: OneFill) -> None:
        """A position had a fill; one that nobody has asked for is found when somebody does."""
        key = (account, symbol, int(fill.position_side))
        known = self._known.get(key)
        if known is not None:
            lots = known[0] + _signed(fill)
            self._known[key] = (lots, fees_after(known[0], _signed(fill), known[1], fill.fee_e8))

    def of(self, account: int, symbol: int, side: int, lots: int) -> int:
        """Fees on a position of `lots`, × 10^8."""
        key = (account, symbol, side)
        known = self._known.get(key)
        if known is None or known[0] != lots:
            own = [trade for trade in self._trades_of(account, symbol) if trade.position_side == side]
            known = self._known[key] = (lots, open_fees_e8(own, lots))
        return known[1]


def fees_after(before: int, signed: int, fees: int, fee: int) -> int:
    """Fees on what is open after a fill of `signed` lots for `fee`, when `before` lots bore `fees`."""
    after = before + signed
    if before == 0 or (before > 0) == (signed > 0):
        return fees + fee
    if after == 0 or (after > 0) == (before > 0):
        return fees * abs(after) // abs(before)
    return fee * abs(after) // abs(signed)  # through zero: what opened the other side bears its part of the fee


def open_fees_e8(trades: Iterable[OneFill], lots_now: int) -> int:
    """Fees of the fills that opened what is open now. `trades` oldest first."""
    steps, lots = [], lots_now
    for trade in reversed(list(trades)):
        if not lots:
            break
        signed = _signed(trade)
        lots -= signed
        steps.append((lots, signed, trade.fee_e8))
        if (lots > 0) != (lots_now > 0):
            break
    fees = 0
    for before, signed, fee in reversed(steps):
        fees = fees_after(before, signed, fees, fee)
    return fees


def break_even_e8(entry_cost_e8: int, fees_e8: int, lots: int, step_e8: int) -> int:
    """Entry with its fees, × 10^8, rounded against the position. A long's lies above its entry, a short's below."""
    cost, quantity = abs(entry_cost_e8 + fees_e8), abs(lots) * step_e8
    return -(-cost * ONE_E8 // quantity) if lots > 0 else cost * ONE_E8 // quantity


def _signed(fill: OneFill) -> int:
    return fill.lots if fill.side == Side.BUY else -fill.lots
