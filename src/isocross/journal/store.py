"""Store: groups and the list of snapshots in one SQLite file.

Responsible for: the interface that the rest of the journal knows, and its SQL: one transaction per append, on disk when it
returns; reading in short transactions, so that a long read holds up no writer. Must not: judge what it reads, beyond its shape.

A reader changes no file and may run beside the writer. One connection belongs to the thread that opened it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..errors import JournalError
from .group import Group, Outcome, Point

Cell = TypeVar("Cell", int, str, bytes)

FORMAT = 1
READ_BYTES = 8 * 2**20  # of blobs, about, that one read fetches
READ_GROUPS = 512
_NO_DAMAGE = ("SQLITE_IOERR", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_NOMEM", "SQLITE_CANTOPEN")
BUSY_SECONDS = 10
_WRITER = ("synchronous=FULL", "fullfsync=1", "checkpoint_fullfsync=1", "wal_autocheckpoint=4096")  # pages: 16 MiB

_GROUP_NUMBERS = ("number", "position", "command_count", "first_sequence", "last_sequence", "time_ms")
_OUTCOME = Outcome._fields
_GROUP_COLUMNS = ", ".join((*_GROUP_NUMBERS, *_OUTCOME, "chain", "blob"))
_SNAPSHOT_COLUMNS = ", ".join(
    ("position", "number", "sequence", "chain", *_OUTCOME, "state_hash", "file_hash", "file_bytes")
)


def _marks(columns: str) -> str:
    return ", ".join("?" * len(columns.split(", ")))


_INSERT_GROUP = f"INSERT INTO groups ({_GROUP_COLUMNS}) VALUES ({_marks(_GROUP_COLUMNS)})"
_INSERT_SNAPSHOT = f"INSERT OR REPLACE INTO snapshots ({_SNAPSHOT_COLUMNS}) VALUES ({_marks(_SNAPSHOT_COLUMNS)})"
_CREATE = """
CREATE TABLE groups (number INTEGER PRIMARY KEY, position INTEGER NOT NULL, command_count INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL, time_ms INTEGER NOT NULL, event_count INTEGER NOT NULL,
    event_sum INTEGER NOT NULL, result_crc INTEGER NOT NULL, chain BLOB NOT NULL, blob BLOB NOT NULL);
CREATE TABLE snapshots (position INTEGER PRIMARY KEY, number INTEGER NOT NULL, sequence INTEGER NOT NULL, chain BLOB NOT NULL,
    event_count INTEGER NOT NULL, event_sum INTEGER NOT NULL, result_crc INTEGER NOT NULL, state_hash TEXT NOT NULL,
    file_hash TEXT NOT NULL, file_bytes INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One snapshot file, and the place in the journal where it was taken."""

    point: Point
    outcome: Outcome
    state_hash: str
    file_hash: str  # names the file
    file_bytes: int


class StoreDamage(Exception):
    """The file cannot be read, or not further."""


class Store(Protocol):
    """What a journal needs of the place where it is kept."""

    def append(self, groups: Sequence[Group]) -> None:
        """Commit groups at once; they are on disk when this returns."""
        ...

    def groups(self, after: int = 0, until: int | None = None) -> Iterator[Group]:
        """The groups after number `after`, up to `until` or the end as it is now. Errors  StoreDamage."""
        ...

    def group(self, number: int) -> Group | None:
        """One group. Errors  StoreDamage."""
        ...

    def last_number(self) -> int:
        """Number of the last group; 0 when there is none. Errors  StoreDamage."""
        ...

    def snapshots(self) -> list[SnapshotRow]:
        """All that are listed, oldest first. Errors  StoreDamage."""
        ...

    def add_snapshot(self, row: SnapshotRow) -> None:
        """List a snapshot file that is on disk."""
        ...

    def drop_snapshot(self, position: int) -> None:
        """Take a snapshot off the list."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class SqliteStore:
    """A Store in an SQLite file: write-ahead log, every commit synced. Reading raises JournalError where the disk refuses."""

    def __init__(self, path: Path, *, writes: bool = False) -> None:
        """Open what `create` made. Errors  StoreDamage when it is not there; JournalError when the disk refuses."""
        self.path = path
        uri = f"{path.resolve().as_uri()}?mode={'rw' if writes else 'ro'}{'' if writes else _if_unchangeable(path)}"
        try:
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
            )
            for pragma in _WRITER if writes else ():
                self._connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            if not path.exists():
                raise StoreDamage(f"{path.name} is missing") from None
            raise _trouble(path, error) from None

    @staticmethod
    def create(path: Path) -> None:
        """A new, empty file; one that was there is replaced."""
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                for pragma in _WRITER:
                    connection.execute(f"PRAGMA {pragma}")
                mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
                if mode != "wal":
                    raise JournalError(
                        f"{path}: this file system cannot hold a write-ahead log (SQLite offers {mode!r})"
                    )
                connection.executescript(f"BEGIN; {_CREATE} PRAGMA user_version={FORMAT}; COMMIT;")
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot be made: {error}") from None

    def append(self, groups: Sequence[Group]) -> None:
        """Commit groups at once; they are on disk when this returns."""
        if len(groups) == 1:  # a statement is a transaction of its own
            self._connection.execute(_INSERT_GROUP, _values_of(groups[0]))
            return
        with self._transaction():
            self._connection.executemany(_INSERT_GROUP, map(_values_of, groups))

    def groups(self, after: int = 0, until: int | None = None) -> Iterator[Group]:
        """The groups after number `after`, up to `until` or the end as it is now. Errors  StoreDamage."""
        last = self.last_number() if until is None else until
        at_once = 8
        while after < last:
            rows = self._rows(
                f"SELECT {_GROUP_COLUMNS} FROM groups WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
                (after, last, at_once),
            )
            for row in rows:
                yield _group_of(row)
            if not rows:
                raise StoreDamage(f"group {after + 1} is missing")
            after = rows[-1][0]
            size = sum(len(row[-1]) for row in rows) // len(rows) + 1
            at_once = max(1, min(READ_GROUPS, READ_BYTES // size))

    def group(self, number: int) -> Group | None:
        """One group. Errors  StoreDamage."""
        rows = self._rows(f"SELECT {_GROUP_COLUMNS} FROM groups WHERE number = ?", (number,))
        return _group_of(rows[0]) if rows else None

    def last_number(self) -> int:
        """Number of the last group; 0 when there is none. Errors  StoreDamage."""
        return _checked(self._rows("SELECT max(number) FROM groups")[0][0] or 0, int)

    def snapshots(self) -> list[SnapshotRow]:
        """All that are listed, oldest first. Errors  StoreDamage."""
        rows = self._rows(f"SELECT {_SNAPSHOT_COLUMNS} FROM snapshots ORDER BY position")
        return [_snapshot_of(row) for row in rows]

    def add_snapshot(self, row: SnapshotRow) -> None:
        """List a snapshot file that is on disk."""
        number, position, sequence, chain = row.point
        values = (position, number, sequence, chain, *row.outcome, row.state_hash, row.file_hash, row.file_bytes)
        with self._transaction():
            self._connection.execute(_INSERT_SNAPSHOT, values)

    def drop_snapshot(self, position: int) -> None:
        """Take a snapshot off the list."""
        with self._transaction():
            self._connection.execute("DELETE FROM snapshots WHERE position = ?", (position,))

    def file_format(self) -> int:
        """The format that the file says it has. Errors  StoreDamage."""
        return _checked(self._rows("PRAGMA user_version")[0][0], int)

    def damage(self) -> list[str]:
        """What SQLite itself finds wrong with the file; empty when nothing."""
        try:
            found = [str(row[0]) for row in self._rows("PRAGMA integrity_check(8)")]
        except StoreDamage as damage:
            return [str(damage)]
        return [line.replace("\n", " ") for line in found if line != "ok"]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _rows(self, question: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(question, values).fetchall()
        except UnicodeDecodeError:
            raise StoreDamage("a row holds text that is none") from None
        except sqlite3.Error as error:
            raise _trouble(self.path, error) from None


def _trouble(path: Path, error: sqlite3.Error) -> Exception:
    """A file that is not what was written, or a disk that does not let it be read."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith(_NO_DAMAGE):
        return JournalError(f"{path}: cannot be read ({error}): is its disk full, or out of order?")
    return StoreDamage(f"SQLite says: {error}")


def _if_unchangeable(path: Path) -> str:
    """SQLite shares its log through a file beside it; where none can be made, a file without a log is read as it stands."""
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return "" if has_log or os.access(path.parent, os.W_OK) else "&immutable=1"


def _values_of(group: Group) -> tuple[Any, ...]:
    return (*(getattr(group, column) for column in _GROUP_NUMBERS), *group.outcome, group.chain, group.blob)


def _group_of(row: tuple[Any, ...]) -> Group:
    number, position, command_count, first_sequence, last_sequence, time_ms, *outcome, chain, blob = row
    for value in row[:-2]:
        _checked(value, int)
    _checked(chain, bytes)
    _checked(blob, bytes)
    return Group(
        number, position, command_count, first_sequence, last_sequence, time_ms, Outcome(*outcome), chain, blob
    )


def _snapshot_of(row: tuple[Any, ...]) -> SnapshotRow:
    position, number, sequence, chain, *outcome, state_hash, file_hash, file_bytes = row
    for value in (position, number, sequence, *outcome, file_bytes):
        _checked(value, int)
    for value in (state_hash, file_hash):
        _checked(value, str)
    return SnapshotRow(
        Point(number, position, sequence, _checked(chain, bytes)), Outcome(*outcome), state_hash, file_hash, file_bytes
    )


def _checked(value: Any, kind: type[Cell]) -> Cell:
    if not isinstance(value, kind):
        raise StoreDamage("a row has another shape than it was given")
    return value
