"""Verifying: whether a data folder holds what was written, all of it, and whether this engine lives it the same way.

Responsible for: looking at every byte that matters, naming all that is wrong and the last good command. Must not: change a
file, repair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..answer import Answer, Columns, Shown
from ..errors import JournalCorruptError, JournalDivergedError, SnapshotError
from .folder import DataFolder
from .group import NOTHING, Outcome, Point
from .head import read_head
from .journal import Journal
from .reliving import Progress, Reliving
from .snapshots import fault_of, is_listed, restored, snapshot_path
from .store import FORMAT, SnapshotRow, SqliteStore, StoreDamage
from .words import counted

SCHEMA = "isocross.journal.verify/1"


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Answer):
    """What a data folder holds, up to its last good command, and what is wrong with it."""

    path: Path
    end: Point  # the place behind the last good group
    outcome: Outcome
    snapshot_count: int  # good ones
    state_hash: str | None  # at the end; None unless it was replayed
    faults: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def is_negative(self) -> bool:
        """Whether anything is wrong."""
        return not self.is_whole

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `schema` first."""
        return {
            "schema": SCHEMA,
            "data": str(self.path),
            "is_whole": self.is_whole,
            "position": self.end.position,
            "sequence": self.end.sequence,
            "groups": self.group_count,
            "events": self.outcome.event_count,
            "snapshots": self.snapshot_count,
            "state_hash": self.state_hash,
            "faults": list(self.faults),
        }

    def columns(self) -> Columns:
        """A row per fault."""
        return {"fault": list(self.faults)}

    def shown(self) -> Shown:
        """Whether it is whole; what is good; every fault."""
        good = (
            f"{counted(self.command_count, 'command')} in {counted(self.group_count, 'group')}, the last of sequence "
            f"{self.end.sequence:,}, and {counted(self.snapshot_count, 'snapshot')}"
        )
        if self.is_whole:
            again = f", replayed to state hash {self.state_hash}" if self.state_hash else ""
            return Shown(str(self.path), sentence=f"Whole: {good}{again}.")
        return Shown(str(self.path), sentence=f"DAMAGED. Good: {good}.", notes=self.faults)

    @property
    def group_count(self) -> int:
        """Good groups."""
        return self.end.number

    @property
    def command_count(self) -> int:
        """Commands up to the last good one, those before the genesis included."""
        return self.end.position


def verify(data: DataFolder | str | Path, *, replays: bool = False, progress: Progress | None = None) -> Verification:
    """Check every group, snapshot and note of a folder; `replays` also lives it all again from the genesis.

    Takes    progress: told of commands whose group was checked, or which were replayed.
    Errors   as DataFolder.open: JournalCorruptError where genesis.json itself is damaged; JournalError.
    """
    folder = data if isinstance(data, DataFolder) else DataFolder.open(data)
    journal = Journal(folder)
    faults: list[str] = []
    end, outcome = folder.start, NOTHING
    rows: list[SnapshotRow] = []
    _, is_head_whole = read_head(folder.head_path)
    if not is_head_whole:
        faults.append(f"{folder.head_path.name} is missing or damaged: whether the journal lost its end cannot be told")
    last = 0
    try:
        with journal.reading() as store:
            faults += _store_faults(store)
            last_group = store.group(store.last_number())
            last = 0 if last_group is None else last_group.end.position
            rows = store.snapshots()
    except StoreDamage as damage:
        faults.append(f"{folder.path}: {damage}")
    try:
        for group in journal.groups():
            end, outcome = group.end, group.outcome
            if progress is not None and not replays:
                progress(end.position, last)
    except JournalCorruptError as error:
        faults.append(str(error))
    faulty = {row.point.position: fault for row in rows if (fault := _snapshot_fault(folder, journal, row)) is not None}
    faults += faulty.values()
    state_hash = None
    if replays:
        try:
            state_hash = _lived_again(
                folder, end, [row for row in rows if row.point.position <= end.position], progress
            )
        except (JournalDivergedError, JournalCorruptError) as error:
            faults.append(str(error))
    return Verification(folder.path, end, outcome, len(rows) - len(faulty), state_hash, tuple(dict.fromkeys(faults)))


def _store_faults(store: SqliteStore) -> list[str]:
    faults = [f"{store.path.name}: {line}" for line in store.damage()]
    if store.file_format() != FORMAT:
        faults.append(f"{store.path.name}: says it has format {store.file_format()}, not {FORMAT}")
    return faults


def _snapshot_fault(folder: DataFolder, journal: Journal, row: SnapshotRow) -> str | None:
    """One line when a snapshot is not what was written: its row, its file, the state in it."""
    try:
        with journal.reading() as store:
            fault = fault_of(folder, store, row)
        if fault is None and restored(folder, row).state_hash() != row.state_hash:
            fault = "its state has another hash than when it was written"
    except (StoreDamage, SnapshotError, OSError) as error:
        fault = str(error)
    if fault is not None and _has_gone(journal, row):
        return None
    return fault and f"snapshot at command {row.point.position:,} ({snapshot_path(folder, row).name}): {fault}"


def _has_gone(journal: Journal, row: SnapshotRow) -> bool:
    """Whether a writer has dropped a snapshot since its row was read: then its file may be gone too."""
    try:
        with journal.reading() as store:
            return not is_listed(store, row)
    except StoreDamage:
        return False


def _lived_again(folder: DataFolder, end: Point, rows: list[SnapshotRow], progress: Progress | None) -> str:
    """The state hash at the end of a replay from the genesis. Errors  JournalDivergedError also at a snapshot."""
    reliving = Reliving(folder, uses_snapshots=False)
    first = reliving.position

    def report(_done: int, _total: int) -> None:
        if progress is not None:
            progress(reliving.position - first, end.position - first)

    for place in [*(row.point.position for row in rows), end.position]:
        reliving.advance(place, report)
        for row in rows:
            if row.point.position == place and row.state_hash != reliving.exchange.state_hash():
                raise JournalDivergedError(
                    f"journal of {folder.path}: the state after command {place:,} is another than its snapshot's: this "
                    f"engine is not the one that wrote it ({folder.written_by})"
                )
    return reliving.exchange.state_hash()
