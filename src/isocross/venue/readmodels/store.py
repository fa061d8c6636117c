"""Store: the SQLite file that all read models share, written some hundred rows at a time.

Responsible for: one transaction for the rows of all models and the position up to which they were fed, so that neither is ever
without the other; pages of rows, oldest first. Must not: know what a row means.

What was fed is in memory until `flush`, and every question flushes first, so that an answer never lacks what was told.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMAT = 2  # another one is made anew from the journal
MEMORY = ":memory:"
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "wal_autocheckpoint=4096",
    "cache_size=-16384",
    "temp_store=MEMORY",
)
_CREATE = "CREATE TABLE fed (position INTEGER NOT NULL, past_end_ms INTEGER NOT NULL); INSERT INTO fed VALUES (0, 0);"


class ReadStore:
    """The file of one venue. It belongs to the thread of the event loop."""

    def __init__(self, path: Path | None, tables: Sequence[str]) -> None:
        """Takes    path: the file; None: in memory. tables: what creates the tables of the models."""
        self._connection = _opened(path, tables)
        weakref.finalize(self, self._connection.close)  # nobody closes a store in memory
        position, past_end_ms = self._connection.execute("SELECT position, past_end_ms FROM fed").fetchone()
        self.position, self.past_end_ms = int(position), int(past_end_ms)
        self._kept: tuple[int, int] = (self.position, self.past_end_ms)
        self._is_feeding = False
        self._writers: list[Callable[[sqlite3.Connection], None]] = []

    def load(self, other: ReadStore) -> None:
        """Hold what another one holds, instead of what is here."""
        other.flush()
        other._connection.backup(self._connection)
        self.position, self.past_end_ms = self._kept = (other.position, other.past_end_ms)

    def on_flush(self, writer: Callable[[sqlite3.Connection], None]) -> None:
        """Have a model write what it holds back, inside the transaction of every flush."""
        self._writers.append(writer)

    def flush(self) -> None:
        """Write everything that was fed."""
        if (self.position, self.past_end_ms) == self._kept:
            return
        assert not self._is_feeding
        connection = self._connection
        connection.execute("BEGIN")
        try:
            for writer in self._writers:
                writer(connection)
            connection.execute("UPDATE fed SET position = ?, past_end_ms = ?", (self.position, self.past_end_ms))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self._kept = (self.position, self.past_end_ms)

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """While models take up a commit, nothing is written: a part of it would be on disk under the old position."""
        self._is_feeding = True
        yield
        self._is_feeding = False

    def peek(self, question: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The answer to a question, of what is in the file."""
        return self._connection.execute(question, values).fetchall()

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The answer to a question, of all that was fed."""
        self.flush()
        return self.peek(question, values)

    def page(
        self,
        table: str,
        columns: str,
        conditions: dict[str, Any],
        *,
        key: str,
        limit: int,
        from_key: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        time: str = "time_ms",
    ) -> list[tuple[Any, ...]]:
        """Rows in the order of `key`: from `from_key` or `start_ms` on where one is given, else the last ones.

        Takes    conditions: column = value, a None left out.
        """
        asked: list[tuple[str, Any]] = [
            (f"{name} = ?", value) for name, value in conditions.items() if value is not None
        ]
        asked += [(f"{key} >= ?", from_key)] if from_key is not None else []
        asked += [(f"{time} >= ?", start_ms)] if start_ms is not None else []
        asked += [(f"{time} <= ?", end_ms)] if end_ms is not None else []
        where = " AND ".join(text for text, _ in asked) or "1"
        is_forward = from_key is not None or start_ms is not None
        order = "ASC" if is_forward else "DESC"
        question = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {key} {order} LIMIT ?"
        found = self.rows(question, [*(value for _, value in asked), limit])
        return found if is_forward else found[::-1]

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self.flush()
        self._connection.close()


def _opened(path: Path | None, tables: Sequence[str]) -> sqlite3.Connection:
    """A file of this format, whole as far as SQLite can tell; any other is made anew."""
    if path is not None and path.exists():
        connection = None
        try:
            connection = _connected(str(path))
            if connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT and connection.execute(
                "PRAGMA quick_check(1)"
            ).fetchone() == ("ok",):
                return connection
        except sqlite3.DatabaseError:
            pass
        if connection is not None:
            connection.close()
        remove_store(path)
    connection = _connected(MEMORY if path is None else str(path))
    connection.executescript(f"BEGIN; {_CREATE} {' '.join(tables)} PRAGMA user_version={FORMAT}; COMMIT;")
    return connection


def remove_store(path: Path) -> None:
    """Forget everything: it is made again from the journal."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _connected(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
