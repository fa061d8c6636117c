"""Legs: what a position is called: by its contract, and in hedge mode by its side too.

Responsible for: "BTCUSDT", "BTCUSDT long", "BTCUSDT short", there and back. Must not: know an exchange.
"""

from __future__ import annotations

from ..codes import PositionSide


def leg_name(symbol: str, side: int) -> str:
    """The name of a position; in one-way mode its contract's."""
    return symbol if side == PositionSide.BOTH else f"{symbol} {PositionSide(side).name.lower()}"


def leg_of(name: str) -> tuple[str, PositionSide]:
    """The contract and the side that a name says."""
    symbol, _, side = name.partition(" ")
    return symbol, PositionSide[side.upper()] if side else PositionSide.BOTH
