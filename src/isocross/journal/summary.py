"""Summary: what a data folder holds, and its commands as lines to read.

Responsible for: `summarize`, `commands_of`, and their results. Must not: replay, check a hash beyond what is read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

from ..answer import Answer, Columns, Shown, Table
from ..codes import CommandKind
from ..command import NO_ROW, client_id_of
from ..errors import InputError
from .folder import DataFolder
from .group import row_after
from .journal import Journal
from .lock import holder_of
from .store import SnapshotRow, StoreDamage
from .words import command_words, name_of, time_words

SUMMARY_SCHEMA = "isocross.journal.show/1"
COMMANDS_SCHEMA = "isocross.journal.commands/1"
_COMMAND_WIDTHS = (10, 10, 23, 31)  # 80 columns with the spaces between them
COMMANDS_MAX = 10_000  # of one answer: more belong into an export


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Answer):
    """What a data folder holds."""

    path: Path
    written_by: str
    writer: str | None  # who writes it now
    rulebook: str
    rulebook_hash: str
    symbols: tuple[str, ...]
    seed: int | None
    start_position: int  # commands before its genesis
    position: int  # commands up to its end
    group_count: int
    event_count: int
    first_sequence: int | None
    last_sequence: int | None
    start_ms: int | None  # of the first command
    end_ms: int | None  # the clock at the end
    file_bytes: int
    snapshots: tuple[SnapshotRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `schema` first."""
        return {
            "schema": SUMMARY_SCHEMA,
            "data": str(self.path),
            "written_by": self.written_by,
            "writer": self.writer,
            "rulebook": self.rulebook,
            "rulebook_hash": self.rulebook_hash,
            "symbols": list(self.symbols),
            "seed": self.seed,
            "start_position": self.start_position,
            "position": self.position,
            "groups": self.group_count,
            "events": self.event_count,
            "first_sequence": self.first_sequence,
            "last_sequence": self.last_sequence,
            "start": None if self.start_ms is None else time_words(self.start_ms),
            "end": None if self.end_ms is None else time_words(self.end_ms),
            "bytes": self.file_bytes,
            "snapshots": [
                {
                    "position": row.point.position,
                    "state_hash": row.state_hash,
                    "file": row.file_hash,
                    "bytes": row.file_bytes,
                }
                for row in self.snapshots
            ],
        }

    def columns(self) -> Columns:
        """A row per snapshot."""
        return {
            "position": [row.point.position for row in self.snapshots],
            "state_hash": [row.state_hash for row in self.snapshots],
            "file_hash": [row.file_hash for row in self.snapshots],
            "file_bytes": [row.file_bytes for row in self.snapshots],
        }

    def shown(self) -> Shown:
        """How much there is, from when to when, where it can begin."""
        count = self.position - self.start_position
        rows = [
            ("commands", f"{count:,}"),
            ("events", f"{self.event_count:,}"),
            ("groups", f"{self.group_count:,}"),
            ("sequences", f"{self.first_sequence:,} … {self.last_sequence:,}" if count else "none"),
            ("from", "" if self.start_ms is None else time_words(self.start_ms)),
            ("to", "" if self.end_ms is None else time_words(self.end_ms)),
            ("size", f"{self.file_bytes:,} bytes"),
        ]
        tables = [Table(("", ""), rows)]
        if self.snapshots:
            told = [(f"{row.point.position:,}", f"{row.file_bytes:,}", row.state_hash[:16]) for row in self.snapshots]
            tables.append(Table(("snapshot after command", "bytes", "state hash"), told))
        seed = "" if self.seed is None else f", seed {self.seed}"
        notes = [f"rulebook {self.rulebook} ({self.rulebook_hash[:12]}); {_symbols_text(self.symbols)}{seed}"]
        notes.append(f"made by {self.written_by}")
        if self.start_position:
            notes.append(f"it begins with an exchange that had lived {self.start_position:,} commands")
        if self.writer is not None:
            notes.append(f"in use by {self.writer}")
        return Shown(str(self.path), tables, notes=notes)


def _symbols_text(symbols: tuple[str, ...]) -> str:
    shown = ", ".join(symbols[:5])
    return shown if len(symbols) <= 5 else f"{shown} and {len(symbols) - 5} more"


def _bytes_below(folder: Path) -> int:
    """Of all files; one that a writer deletes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            total += status.st_size if S_ISREG(status.st_mode) else 0
    return total


def summarize(data: DataFolder | str | Path) -> Summary:
    """What a data folder holds. It may be in use.

    Errors   as DataFolder.open; JournalCorruptError where its first or last group cannot be read.
    """
    folder = data if isinstance(data, DataFolder) else DataFolder.open(data)
    journal = Journal(folder)
    end = journal.end()
    try:
        with journal.reading() as store:
            first, last = store.group(1), store.group(end.number)
            snapshots = tuple(store.snapshots())
    except StoreDamage as damage:
        raise journal.first_damage(damage) from None
    rules = folder.genesis.rulebook
    return Summary(
        path=folder.path,
        written_by=folder.written_by,
        writer=holder_of(folder.lock_path),
        rulebook=f"{rules.name} of {rules.as_of}",
        rulebook_hash=folder.rulebook_hash,
        symbols=folder.genesis.symbols,
        seed=folder.genesis.seed,
        start_position=folder.start.position,
        position=end.position,
        group_count=end.number,
        event_count=0 if last is None else last.outcome.event_count,
        first_sequence=None if first is None else first.first_sequence,
        last_sequence=None if last is None else last.last_sequence,
        start_ms=None if first is None else int(first.commands()["time_ms"][0]),
        end_ms=None if last is None else last.time_ms,
        file_bytes=_bytes_below(folder.path),
        snapshots=snapshots,
    )


@dataclass(frozen=True, slots=True, repr=False)
class CommandList(Answer):
    """Some commands of a journal, one after the other."""

    path: Path
    position: int  # commands before the first one here
    total: int  # commands of the journal
    commands: tuple[np.ndarray, ...]  # a header with its records
    symbols: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `schema` first. A field that is 0 is left out."""
        return {
            "schema": COMMANDS_SCHEMA,
            "data": str(self.path),
            "total": self.total,
            "commands": [
                {
                    "number": self.position + number,
                    **_fields(command[0]),
                    **_client_id(command),
                    "records": [_fields(row) for row in command[1:]],
                }
                for number, command in enumerate(self.commands, 1)
            ],
        }

    def columns(self) -> Columns:
        """A row per command."""
        return {
            "number": [self.position + number for number in range(1, len(self.commands) + 1)],
            "sequence": [int(command["sequence"][0]) for command in self.commands],
            "time_ms": [int(command["time_ms"][0]) for command in self.commands],
            "kind": [name_of(CommandKind, int(command["kind"][0])) for command in self.commands],
            "account": [int(command["account"][0]) for command in self.commands],
            "fields": [self._words(command) for command in self.commands],
        }

    def shown(self) -> Shown:
        """A row per command."""
        rows = []
        for number, command in enumerate(self.commands, self.position + 1):
            head = command[0]
            kind = name_of(CommandKind, int(head["kind"])).lower()
            when = time_words(int(head["time_ms"]))
            rows.append((f"{number:,}", str(int(head["sequence"])), when, f"{kind} {self._words(command)}"))
        last = self.position + len(self.commands)
        title = f"{self.path}: commands {self.position + 1:,} to {last:,} of {self.total:,}"
        table = Table(("number", "sequence", "time", "command"), rows, widths=_COMMAND_WIDTHS)
        return Shown(title, [table] if rows else [])

    def _words(self, command: np.ndarray) -> str:
        client_id = client_id_of(command)
        if client_id is not None:
            return f"{command_words(command[0], self.symbols)} [client_id={client_id}]"
        head, *records = (command_words(row, self.symbols) for row in command)
        return head + "".join(f" [{record}]" for record in records)


def _client_id(command: np.ndarray) -> dict[str, Any]:
    client_id = client_id_of(command)
    return {} if client_id is None else {"client_id": client_id}


def _fields(record: np.void) -> dict[str, Any]:
    fields: dict[str, Any] = {name: int(record[name]) for name in record.dtype.names or () if record[name]}
    if fields.get("symbol") == NO_ROW:
        del fields["symbol"]
    kind = int(record["kind"])
    if kind != CommandKind.CONTINUATION:
        fields["kind"] = name_of(CommandKind, kind)
    return fields


def commands_of(data: DataFolder | str | Path, first: int, count: int) -> CommandList:
    """The commands number `first` (the first is 1; counted from the end below 0) and so many after it, as far as there are.

    Errors   InputError when there is no such command; as `summarize`.
    """
    folder = data if isinstance(data, DataFolder) else DataFolder.open(data)
    journal = Journal(folder)
    if not 1 <= count <= COMMANDS_MAX:
        raise InputError(f"count: {count} is not in 1 … {COMMANDS_MAX:,}")
    total = journal.end().position
    place = max(folder.start.position + 1, total + 1 + first) if first < 0 else first
    found: list[np.ndarray] = []
    if total > folder.start.position:
        before = journal.place_before(place)
        skipped = place - 1 - before.position
        for group in journal.groups(before, place - 1 + count):
            commands = group.commands()
            row = row_after(commands, skipped)
            skipped = 0
            while row < len(commands) and len(found) < count:
                stop = row + row_after(commands[row:], 1)
                found.append(commands[row:stop])
                row = stop
    return CommandList(folder.path, place - 1, total, tuple(found), folder.genesis.symbols)
