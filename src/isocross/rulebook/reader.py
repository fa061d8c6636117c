"""Reader: typed values out of a TOML table, or an error that names file, line, key, value and what was expected.

Responsible for: the wording of such errors, unknown keys, wrong types, ranges, stopping at the first fault or going on.
Must not: know what a column means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from typing import ClassVar, Self, TypeVar

from ..errors import AmountError, FileFaultError, RulebookError
from ..units import to_e8, to_rate_e8
from .lines import Path, toml_lines

EnumT = TypeVar("EnumT", bound=IntEnum)


class Faults:
    """What is wrong with a file. By default the first fault ends the reading; `goes_on`: all are found, one per part."""

    def __init__(self, goes_on: bool = False) -> None:
        self.goes_on = goes_on
        self.found: list[RulebookError] = []

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of a file that is read by itself: a fault in it leaves the other parts readable."""
        try:
            yield
        except RulebookError as error:
            if not self.goes_on:
                raise
            self.found.append(error)


@dataclass(frozen=True, slots=True)
class SourceText:
    """One file as it was read; used to find the line of what is wrong."""

    label: str
    text: str

    def line_of(self, path: Path) -> int | None:
        """The line of a table, key or element; None where the file does not have it."""
        return _lines(self.text).get(path)


@lru_cache(maxsize=8)
def _lines(text: str) -> dict[Path, int]:
    try:
        return toml_lines(text)
    except RecursionError:
        return {}


def show(value: object) -> str:
    """A value as the file wrote it, shortened."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        text = "[" + ", ".join(show(item) for item in value) + "]"
    else:
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


class Table:
    """One table while it is read.

    files   the overlay first, its bases after it: an error looks for the line in that order.
    under   other tables that the values may come from: a template, the defaults.
    """

    error_type: ClassVar[type[FileFaultError]] = RulebookError  # of another kind of file: its own

    def __init__(
        self,
        data: object,
        path: tuple[str, ...],
        files: tuple[SourceText, ...],
        under: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        self.path = path
        self.files = files
        self.under = under
        if not isinstance(data, dict):
            raise type(self)({}, path[:-1], files).error(path[-1], f"{show(data)}", "a table")
        self.data: dict[str, object] = data

    def error(self, key: str | None, value: str | None, expected: str, inside: Path = ()) -> FileFaultError:
        """The error to raise: where, what it says, what was expected. `inside`: where in the key's value."""
        place = () if key is None or value is None else (key, *inside)
        file, line = self._where(place)
        table = f"[{'.'.join(self.path)}] " if self.path else ""
        said = "" if key is None else f"{key} is missing: " if value is None else f"{key} = {value}: "
        return self.error_type(
            f"{file}:{line}: {table}{said}expected {expected}",
            file=file,
            line=line,
            thing=f"{table}{key or ''}".strip(),
            value=value,
            expected=expected,
        )

    def _where(self, place: Path) -> tuple[str, int]:
        """File and line of a place in this table or one under it, else of what holds it, else the file's first line."""
        for length in range(len(place), -1, -1):
            for path in (self.path, *self.under):
                for file in self.files:
                    line = file.line_of((*path, *place[:length]))
                    if line is not None:
                        return file.label, line
        return self.files[0].label, 1

    def wrong(self, key: str, expected: str) -> FileFaultError:
        """As error(), for a key of this table: shows its value, or that it is missing."""
        return self.error(key, show(self.data[key]) if key in self.data else None, expected)

    def only(self, known: Iterable[str], faults: Faults | None = None) -> None:
        """Refuses a key that is not in `known`, naming the closest one."""
        allowed = sorted(known)
        for key in self.data:
            if key not in allowed:
                from difflib import get_close_matches

                close = get_close_matches(key, allowed, n=1)
                hint = f"{close[0]!r}?" if close else f"one of {', '.join(allowed)}"
                with (faults or Faults()).part():
                    raise self.error(key, show(self.data[key]), f"a known key ({hint})")

    def table(self, key: str) -> Self:
        """The sub-table `key`, empty when it is not there."""
        return type(self)(self.data.get(key, {}), (*self.path, key), self.files)

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.data.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text")
        return value.strip()

    def day(self, key: str) -> str:
        """An ISO date, as TOML date or text."""
        value = self.data.get(key)
        if type(value) is date:
            return value.isoformat()
        if isinstance(value, str):
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        raise self.wrong(key, "a date like 2024-10-24")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of different texts, at least one."""
        value = self.data.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(key, "a list of texts")
        if len(set(value)) != len(value):
            raise self.wrong(key, "no text twice")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        """A table of texts, empty when it is not there."""
        table = self.table(key)
        return {name: table.text(name) for name in table.data}

    def boolean(self, key: str) -> bool:
        """true or false."""
        value = self.data.get(key)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def integer(self, key: str, least: int, most: int) -> int:
        """A whole number in least … most."""
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(key, f"a whole number in {least} … {most}")
        return value

    def choice(self, key: str, options: type[EnumT]) -> EnumT:
        """A member of `options`, by its name."""
        value = self.data.get(key)
        if not isinstance(value, str) or value not in options.__members__:
            raise self.wrong(key, f"one of {', '.join(options.__members__)}")
        return options[value]

    def amount_e8(self, key: str, least_e8: int, most_e8: int, expected: str) -> int:
        """Money, price or quantity × 10^8 in least … most."""
        return self._number(key, least_e8, most_e8, expected, is_rate=False)

    def rate_e8(self, key: str, least_e8: int, most_e8: int, expected: str) -> int:
        """A rate × 10^8, written 0.0005 or "0.05%"."""
        return self._number(key, least_e8, most_e8, expected, is_rate=True)

    def _number(self, key: str, least_e8: int, most_e8: int, expected: str, is_rate: bool) -> int:
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
            raise self.wrong(key, expected)
        try:
            number = to_rate_e8(value, key) if is_rate else to_e8(value, key)
        except AmountError:
            raise self.wrong(key, f"{expected}, of at most eight decimals") from None
        if not least_e8 <= number <= most_e8:
            raise self.wrong(key, expected)
        return number
