"""Vector: one statement of someone else's numbers, read from JSON, and what became of comparing it.

Responsible for: reading every file of a folder, exact numbers, the registry of handlers, the comparison within a
vector's own tolerance. Must not: know a formula, build an exchange, adjust a vector or a tolerance.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

from isocross.errors import ExchangeError

FAMILIES = ("prices", "requirements", "accounts", "matching", "funding", "profit", "sequences", "liquidations", "grids")
GRID = Fraction(1, 10**8)  # money, prices and quantities of the engine are whole multiples of it
NOT_REPRODUCED = "the data does not follow from its own definition"


class NotApplicable(Exception):
    """Why a vector cannot be asserted here: the missing column, the later feature, the engine's scale."""


@dataclass(frozen=True)
class Missing:
    """In place of one number that isocross does not state, with the reason; the others of the vector still count."""

    reason: str


class Fields(dict[str, Any]):
    """A JSON object; a key that is not there makes its vector not applicable instead of breaking the run."""

    def __missing__(self, key: str) -> Any:
        raise NotApplicable(f"input {key} is missing")

    def only(self, *keys: str) -> None:
        """NotApplicable when there is an input that the handler does not know: it could change the meaning."""
        unknown = sorted(key for key in self if key not in keys and self[key] is not None)
        if unknown:
            raise NotApplicable(f"unknown input {unknown[0]}")


@dataclass(frozen=True)
class Vector:
    """One vector. `inputs` and `expected` are Fields throughout."""

    id: str
    kind: str
    formula_id: str
    semantics: Fields
    inputs: Fields
    expected: Fields
    tolerance_abs: Fraction
    tolerance_rel: Fraction
    is_reproduced: bool

    def says(self, key: str) -> str:
        """A rule of the venue in lower case, '' when nothing is said."""
        return str(self.semantics.get(key, "")).lower()


@dataclass
class Outcome:
    """What became of one vector. `status`: asserted, in part, not applicable, not reproduced, failed."""

    status: str
    reason: str = ""
    compared: int = 0
    problems: list[str] = field(default_factory=list)


Handler = Callable[[Vector], dict[str, Any]]
_HANDLERS: dict[str, Handler] = {}


def handles(*formula_ids: str) -> Callable[[Handler], Handler]:
    """Register the handler of formulas: a function from a vector to isocross' own numbers, named as in `expected`."""

    def register(handler: Handler) -> Handler:
        for formula_id in formula_ids:
            assert formula_id not in _HANDLERS, f"two handlers of {formula_id}"
            _HANDLERS[formula_id] = handler
        return handler

    return register


def cannot(reason: str, *formula_ids: str) -> None:
    """Register formulas that no vector of can be asserted, with the missing column or later feature."""

    def refuse(_: Vector) -> dict[str, Any]:
        raise NotApplicable(reason)

    handles(*formula_ids)(refuse)


def number(value: Any, name: str = "value") -> Fraction:
    """A decimal string or a JSON number, exactly."""
    if isinstance(value, bool) or value is None:
        raise NotApplicable(f"{name}: {value!r} is not a number")
    try:
        return value if isinstance(value, Fraction) else Fraction(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        raise NotApplicable(f"{name}: {value!r} is not a number") from None


@functools.lru_cache(maxsize=4)
def read_folder(folder: Path) -> tuple[Vector, ...]:
    """Every vector of every *.json file of a folder, in order of file and place."""
    return tuple(vector for path in sorted(folder.glob("*.json")) for vector in _read_file(path))


def _read_file(path: Path) -> Iterator[Vector]:
    document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=Fields, parse_float=Decimal)
    rows = document.get("vectors", []) if isinstance(document, dict) else document
    kind = document.get("kind", path.stem) if isinstance(document, dict) else path.stem
    for place, row in enumerate(rows):
        tolerance = row.get("tolerance") or Fields()
        yield Vector(
            id=str(row.get("id", f"{path.stem}-{place}")),
            kind=str(row.get("kind", kind)),
            formula_id=str(row.get("formula_id", "none")),
            semantics=row.get("semantics") or Fields(),
            inputs=row.get("inputs") or Fields(),
            expected=row.get("expected") or Fields(),
            tolerance_abs=number(tolerance.get("abs", 0)),
            tolerance_rel=number(tolerance.get("rel", 0)),
            is_reproduced=row.get("reproduced", True) is not False,
        )


def outcome_of(vector: Vector) -> Outcome:
    """Ask the handler and compare. A bug of the engine or of a handler is not caught: it fails the test."""
    if not _HANDLERS:
        for family in FAMILIES:
            importlib.import_module(f"tests.vectors.{family}")
    if not vector.is_reproduced:
        return Outcome("not reproduced", NOT_REPRODUCED)
    handler = _HANDLERS.get(vector.formula_id)
    if handler is None:
        return Outcome("not applicable", f"unknown formula {vector.formula_id}")
    try:
        got = handler(vector)
    except NotApplicable as why:
        return Outcome("not applicable", str(why))
    except ExchangeError as why:  # isocross itself says why an input is none
        return Outcome("not applicable", f"refused here: {why}")
    except ZeroDivisionError:
        return Outcome("not applicable", "an input is 0 where it divides")
    comparison = _Comparison(vector)
    comparison.walk("", vector.expected, got)
    reasons = "; ".join(dict.fromkeys(comparison.missing))
    if comparison.problems:
        return Outcome("failed", reasons, comparison.compared, comparison.problems)
    if comparison.compared == 0:
        return Outcome("not applicable", reasons or "nothing is expected")
    return Outcome("in part" if reasons else "asserted", reasons, comparison.compared)


class _Comparison:
    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        self.compared = 0
        self.missing: list[str] = []
        self.problems: list[str] = []

    def walk(self, place: str, expected: Any, got: Any) -> None:
        if isinstance(got, Missing):
            if not (isinstance(expected, dict) and not expected):
                self.missing.append(got.reason)
        elif isinstance(expected, dict):
            if not isinstance(got, dict):
                self.problems.append(f"{place}: {_show(got)}, expected an object")
                return
            for key, value in expected.items():
                self.walk(f"{place}.{key}" if place else key, value, got.get(key, Missing(f"isocross states no {key}")))
        elif isinstance(expected, list):
            if not isinstance(got, list) or len(got) != len(expected):
                self.problems.append(f"{place}: {_show(got)}, expected {_show(expected)}")
                self.compared += 1
                return
            self.compared += not expected
            for index, (value, mine) in enumerate(zip(expected, got, strict=True)):
                self.walk(f"{place}[{index}]", value, mine)
        else:
            self._leaf(place, expected, got)

    def _leaf(self, place: str, expected: Any, got: Any) -> None:
        is_number = isinstance(got, (int, Fraction)) and not isinstance(got, bool)
        if not is_number or expected is None or isinstance(expected, bool):
            self.compared += 1
            if type(got) is not type(expected) or got != expected:
                self.problems.append(f"{place}: {_show(got)}, expected {_show(expected)}")
            return
        wanted = number(expected, place)
        allowed = max(self.vector.tolerance_abs, self.vector.tolerance_rel * abs(wanted))
        apart = abs(Fraction(got) - wanted)
        if apart > allowed and apart < GRID and (wanted % GRID or allowed):
            self.missing.append(f"{place} is asked finer than 0.00000001, the engine's unit")
            return
        self.compared += 1
        if apart > allowed:
            self.problems.append(f"{place}: {_show(got)}, expected {_show(expected)}, allowed {_show(allowed)} apart")


def _show(value: Any) -> str:
    if isinstance(value, Fraction):
        return str(value.numerator) if value.denominator == 1 else f"{float(value):.17g}"
    return json.dumps(value, default=_show) if isinstance(value, (list, dict)) else str(value)
