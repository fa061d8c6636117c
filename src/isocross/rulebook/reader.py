"""Reader: typed values out of a TOML table, or an error that names file, line, key, value and what was expected.

Responsible for: the wording of such errors, unknown keys, wrong types, ranges. Must not: know what a column means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import TypeVar

from ..errors import AmountError, RulebookError
from ..units import to_e8, to_rate_e8

EnumT = TypeVar("EnumT", bound=IntEnum)

_HEADER = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+")
_KEY = re.compile(r"^\s*(\"[^\"]*\"|'[^']*'|[\w-]+)\s*[=.]")
_PART = re.compile(r"\"[^\"]*\"|'[^']*'|[^.\s]+")


@dataclass(frozen=True, slots=True)
class SourceText:
    """One file as it was read; used to find the line of what is wrong."""

    label: str
    text: str

    def lines_of(self, path: tuple[str, ...], key: str | None) -> tuple[int | None, int | None]:
        """Line numbers of `key` in table `path` (or of the table that it names), and of that table's own header."""
        header: tuple[str, ...] = ()
        header_line: int | None = None
        for number, line in enumerate(self.text.splitlines(), start=1):
            found = _HEADER.match(line)
            if found and "=" not in line.split("]")[0]:
                header = tuple(part.strip("\"'") for part in _PART.findall(found.group(1)))
                if key is not None and header == (*path, key):
                    return number, header_line
                if header == path:
                    header_line = number
                continue
            key_found = _KEY.match(line)
            if not key_found:
                continue
            name = key_found.group(1).strip("\"'")
            if header == path and name == key:
                return number, header_line
            if path and header == path[:-1] and name == path[-1]:
                header_line = number
        return None, header_line


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
            raise Table({}, path[:-1], files).error(path[-1], f"{show(data)}", "a table")
        self.data: dict[str, object] = data

    def error(self, key: str | None, value: str | None, expected: str) -> RulebookError:
        """The error to raise: where, what it says, what was expected."""
        where = self._where(key if value is not None else None)
        table = f"[{'.'.join(self.path)}] " if self.path else ""
        said = "" if key is None else f"{key} is missing: " if value is None else f"{key} = {value}: "
        return RulebookError(f"{where}: {table}{said}expected {expected}")

    def _where(self, key: str | None) -> str:
        """FILE:LINE of the key in this table or one under it, else of the table's header, else FILE."""
        tables = (self.path, *self.under)
        found = [(file.label, *file.lines_of(path, key)) for path in tables for file in self.files]
        lines = [(label, line) for label, line, _ in found] + [(label, line) for label, _, line in found]
        return next((f"{label}:{line}" for label, line in lines if line), self.files[0].label)

    def wrong(self, key: str, expected: str) -> RulebookError:
        """As error(), for a key of this table: shows its value, or that it is missing."""
        return self.error(key, show(self.data[key]) if key in self.data else None, expected)

    def only(self, known: Iterable[str]) -> None:
        """Refuses a key that is not in `known`, naming the closest one."""
        allowed = sorted(known)
        for key in self.data:
            if key not in allowed:
                from difflib import get_close_matches

                close = get_close_matches(key, allowed, n=1)
                hint = f"{close[0]!r}?" if close else f"one of {', '.join(allowed)}"
                raise self.error(key, show(self.data[key]), f"a known key ({hint})")

    def table(self, key: str) -> Table:
        """The sub-table `key`, empty when it is not there."""
        return Table(self.data.get(key, {}), (*self.path, key), self.files)

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
