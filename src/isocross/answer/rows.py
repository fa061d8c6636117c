"""Rows: records that show themselves: one line as text, a table in a notebook, plain data.

Responsible for: Row, the parent of small records (a position, an order, a wallet), and Rows, several of them. Must not: know
a record's fields, compute.

A record is a dataclass with repr=False that writes its own `__repr__`, one line. `hidden` names the fields that no table shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, TypeVar

from .table import Table


class Row:
    """A record that shows itself."""

    __slots__ = ()
    hidden: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data: decimals as exact text, enums by their names, None for nothing."""
        return {name: _plain(getattr(self, name)) for name in self._shown()}

    def cells(self) -> dict[str, str]:
        """The cells of its table, by column."""
        return {name: _cell(getattr(self, name)) for name in self._shown()}

    def _shown(self) -> list[str]:
        return [one.name for one in fields(self) if one.name not in self.hidden]  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        cells = self.cells()
        return Table(tuple(cells), (tuple(cells.values()),)).html()


R = TypeVar("R", bound=Row)


class Rows(tuple[R, ...]):
    """Records one below the other."""

    def __new__(cls, rows: Iterable[R] = ()) -> Rows[R]:
        return super().__new__(cls, rows)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "none"

    def _repr_html_(self) -> str:
        if not self:
            return "none"
        return Table(tuple(self[0].cells()), [tuple(row.cells().values()) for row in self]).html()


def _cell(value: object) -> str:
    """For people: decimals plain, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.name.lower() if isinstance(value, Enum) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.name.lower() if isinstance(value, Enum) else value
