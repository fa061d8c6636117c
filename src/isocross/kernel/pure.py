"""Pure: the State as plain Python sees it, so that kernel code runs uncompiled: overflow oracle, debugger, coverage.

Responsible for: `s.table[row]` (read only), `s.table.edit(row)` (logged), `s.table.raw(row)` (scratch),
`s.table.fetch(row)` (nothing), `len(s.table)`.
Must not: own memory or know what a field means. Fields are read as unbounded Python ints; a store that does not
fit its field raises OverflowError, which is how the silent wrap of compiled int64 is found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_BOUNDS = {np.dtype(f"i{size}"): (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) for size in (1, 2, 4, 8)}


class PureRow:
    """One row: attributes are its fields. Refuses a store unless it came from `edit` or `raw`."""

    __slots__ = ("_columns", "_row", "_writable")
    _columns: dict[str, Any]
    _row: int
    _writable: bool

    def __init__(self, columns: dict[str, Any], row: int, writable: bool) -> None:
        object.__setattr__(self, "_columns", columns)
        object.__setattr__(self, "_row", row)
        object.__setattr__(self, "_writable", writable)

    def __getattr__(self, name: str) -> int:
        return int(self._columns[name].item(self._row))

    def __setattr__(self, name: str, value: int) -> None:
        assert self._writable, f"{name}: a row read as table[row] is written through table.edit(row)"
        assert isinstance(value, int), f"{name}: {value!r} is not an integer"
        column = self._columns[name]
        low, high = _BOUNDS[column.dtype]
        if not low <= value <= high:
            raise OverflowError(f"{name}: {value} does not fit {column.dtype}")
        column[self._row] = value


class PureTable:
    """One table of the State over the numpy array that the State owns."""

    __slots__ = ("_array", "_columns", "_log", "_name")

    def __init__(self, name: str, array: np.ndarray, log: list[tuple[str, int, bytes]]) -> None:
        self._name = name
        self._array = array
        self._columns = {field: array[field] for field in (array.dtype.names or ())}
        self._log = log

    def _check(self, row: int) -> None:
        if not 0 <= row < len(self._array):
            raise IndexError(f"{self._name}: row {row} of {len(self._array)}")

    def __getitem__(self, row: int) -> PureRow:
        self._check(row)
        return PureRow(self._columns, row, False)

    def raw(self, row: int) -> PureRow:
        """A writable row of a scratch table: not logged."""
        self._check(row)
        return PureRow(self._columns, row, True)

    def edit(self, row: int) -> PureRow:
        """A writable row whose old bytes are in the undo log."""
        self._check(row)
        self._log.append((self._name, row, self._array[row].tobytes()))
        return PureRow(self._columns, row, True)

    def fetch(self, row: int) -> None:
        """Nothing: compiled code asks the processor here to bring a row near."""

    def __len__(self) -> int:
        return len(self._array)


class PureState:
    """Attribute access to every table, and the undo log as a Python list."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = arrays
        self.undo_log: list[tuple[str, int, bytes]] = []
        for name, array in arrays.items():
            setattr(self, name, PureTable(name, array, self.undo_log))

    def roll_back(self, until: int) -> None:
        """Put the logged rows back, newest first, until the log has `until` entries."""
        while len(self.undo_log) > until:
            name, row, old = self.undo_log.pop()
            array = self._arrays[name]
            array[row] = np.frombuffer(old, dtype=array.dtype)[0]

    def __getattr__(self, name: str) -> Any:  # for type checkers: tables are set in __init__
        raise AttributeError(name)
