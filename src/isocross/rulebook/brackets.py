"""Brackets: from a venue's rows to the kernel's table, or a reason why not.

Responsible for: the deductions, by the recurrence that makes maintenance continuous; every check of one bracket table;
the clamp of an absurd top cap. Must not: read a file, know a symbol, compute a margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..limits import BRACKETS_MAX, NOTIONAL_MAX_E8
from ..units import ONE_E8, format_e8
from .model import Bracket


class BracketRow(NamedTuple):
    """One row as a venue states it; `cum_e8` is the venue's own deduction where it says one."""

    floor_e8: int
    rate_e8: int
    leverage_max: int
    cum_e8: int | None = None


class BracketFaultError(ValueError):
    """A bracket table contradicts itself; the text says where. Callers add the file and the symbol.

    row   the bracket it is about, from 0; None when it is about all of them.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def build_brackets(
    rows: Sequence[BracketRow], notional_max_e8: int, leverage_max: int
) -> tuple[tuple[Bracket, ...], tuple[str, ...]]:
    """The checked table with its deductions, and notes on what was changed or looks odd.

    Takes    rows ascending from floor 0; the largest notional of the symbol; the venue's highest leverage.
    Errors   BracketFaultError naming the row, its value and what was expected.
    Source   docs/reference/formulas.md, "maintenance margin": cₙ = cₙ₋₁ + floorₙ·(rateₙ − rateₙ₋₁), c₁ = 0.
    """
    if not rows:
        raise BracketFaultError("no bracket: expected at least one, with floor 0")
    notes: list[str] = []
    kept = [row for row in rows if row.floor_e8 < NOTIONAL_MAX_E8]
    if len(kept) < len(rows) and kept:
        notes.append(f"{len(rows) - len(kept)} bracket(s) above {_bound()} were left out")
    if len(kept) > BRACKETS_MAX:
        raise BracketFaultError(f"{len(kept)} brackets: expected at most {BRACKETS_MAX}")
    if not kept or kept[0].floor_e8 != 0:
        raise BracketFaultError(f"bracket 1 begins at {format_e8(rows[0].floor_e8)}: expected 0", 0)
    if notional_max_e8 <= rows[-1].floor_e8:
        raise BracketFaultError(
            f"the last bracket begins at {format_e8(rows[-1].floor_e8)} and ends at {format_e8(notional_max_e8)}: "
            "expected an end above its beginning"
        )
    cap_e8 = notional_max_e8
    if cap_e8 > NOTIONAL_MAX_E8:
        notes.append(f"top cap {format_e8(cap_e8)} was clamped to {_bound()}")
        cap_e8 = NOTIONAL_MAX_E8

    deductions = _deductions_e8(kept)
    notes += _check_leverages(kept, leverage_max)
    ends = [row.floor_e8 for row in kept[1:]] + [cap_e8]
    brackets = tuple(
        Bracket(row.floor_e8, row.rate_e8, deduction, row.leverage_max, end)
        for row, deduction, end in zip(kept, deductions, ends, strict=True)
    )
    return brackets, tuple(notes)


def _deductions_e8(rows: Sequence[BracketRow]) -> list[int]:
    """Deductions by the recurrence, checked against the venue's own; floors and rates are checked on the way."""
    deductions: list[int] = []
    deduction, floor_before, rate_before = 0, -1, 0
    for number, (floor_e8, rate_e8, _, cum_e8) in enumerate(rows, start=1):
        if floor_e8 <= floor_before:
            raise BracketFaultError(
                f"bracket {number} begins at {format_e8(floor_e8)}: expected more than {format_e8(floor_before)}",
                number - 1,
            )
        if not 0 < rate_e8 <= ONE_E8:
            raise BracketFaultError(
                f"bracket {number} has rate {format_e8(rate_e8)}: expected above 0 and at most 1", number - 1
            )
        if rate_e8 < rate_before:
            raise BracketFaultError(
                f"bracket {number} has rate {format_e8(rate_e8)}: expected at least {format_e8(rate_before)}, "
                "the rate of the bracket before it",
                number - 1,
            )
        step, rest = divmod(floor_e8 * (rate_e8 - rate_before), ONE_E8)
        if rest:
            raise BracketFaultError(
                f"bracket {number}: floor {format_e8(floor_e8)} × rate step {format_e8(rate_e8 - rate_before)} "
                "is finer than 0.00000001: maintenance cannot be continuous there",
                number - 1,
            )
        deduction += step
        if cum_e8 is not None and cum_e8 != deduction:
            raise BracketFaultError(
                f"bracket {number} states the deduction {format_e8(cum_e8)}: expected {format_e8(deduction)}, "
                "which makes maintenance continuous",
                number - 1,
            )
        deductions.append(deduction)
        floor_before, rate_before = floor_e8, rate_e8
    return deductions


def _check_leverages(rows: Sequence[BracketRow], leverage_max: int) -> list[str]:
    """Leverages lie in 1 … max and do not rise; a rate above 1 ÷ leverage is the venue's own oddity: a note."""
    notes: list[str] = []
    above = leverage_max
    for number, row in enumerate(rows, start=1):
        if not 1 <= row.leverage_max <= leverage_max:
            raise BracketFaultError(
                f"bracket {number} has leverage {row.leverage_max}: expected 1 … {leverage_max}", number - 1
            )
        if row.leverage_max > above:
            raise BracketFaultError(
                f"bracket {number} has leverage {row.leverage_max}: expected at most {above}, that of the one before it",
                number - 1,
            )
        if row.rate_e8 * row.leverage_max > ONE_E8:
            notes.append(
                f"bracket {number}: rate {format_e8(row.rate_e8)} is more than 1 ÷ {row.leverage_max}: "
                "a position opened at full leverage is due at once"
            )
        above = row.leverage_max
    return notes


def _bound() -> str:
    return f"{format_e8(NOTIONAL_MAX_E8)}, the engine's bound"
