"""Snapshots: the state at some places of a journal, each in a file named by the hash of its bytes.

Responsible for: writing a file whole, finding the newest good one, saying why another is not. Must not: decide when one is due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SnapshotError
from ..exchange import Exchange
from .durable import TEMPORARY, write_whole
from .folder import DataFolder
from .group import Outcome, Point
from .store import SnapshotRow, Store, StoreDamage

if TYPE_CHECKING:
    from ..exchange import FrozenState

_ENDING = ".state"


class Loaded(NamedTuple):
    """An exchange as a snapshot says it was."""

    exchange: Exchange
    row: SnapshotRow


def snapshot_path(folder: DataFolder, row: SnapshotRow) -> Path:
    """Where a snapshot's file lies."""
    return folder.snapshots_path / f"{row.file_hash}{_ENDING}"


def write_snapshot(folder: DataFolder, frozen: FrozenState, point: Point, outcome: Outcome) -> SnapshotRow:
    """Put a state on disk. It counts once its row is in the store."""
    data = frozen.to_bytes()
    row = SnapshotRow(point, outcome, frozen.digest(), hashlib.sha256(data).hexdigest(), len(data))
    write_whole(snapshot_path(folder, row), data)
    return row


def newest_good(
    folder: DataFolder,
    store: Store,
    until: int | None,
    warn: Callable[[str], None],
    *,
    compiled: bool = True,
) -> Loaded | None:
    """The exchange of the newest snapshot at or before a position that is what it was when written; None: start at the genesis.

    Every newer one that is not gets a warning with its name and what is wrong.
    """
    try:
        rows = store.snapshots()
    except StoreDamage as damage:
        warn(f"the list of snapshots cannot be read ({damage}); replaying from the start")
        return None
    for row in reversed(rows):
        if until is not None and row.point.position > until:
            continue
        fault = fault_of(folder, store, row)
        if fault is None:
            try:
                return Loaded(restored(folder, row, compiled=compiled), row)
            except (SnapshotError, OSError) as error:
                fault = str(error)
        if not is_listed(store, row):
            continue
        warn(f"snapshot at command {row.point.position:,} ({snapshot_path(folder, row).name}) is skipped: {fault}")
    return None


def fault_of(folder: DataFolder, store: Store, row: SnapshotRow) -> str | None:
    """What is wrong with a snapshot's row or file, its content apart; None when nothing."""
    try:
        group = store.group(row.point.number)
    except StoreDamage as damage:
        return f"its place in the journal cannot be read ({damage})"
    if group is None or (group.end, group.outcome) != (row.point, row.outcome):
        return "its place in the journal is not there"
    try:
        data = snapshot_path(folder, row).read_bytes()
    except OSError as error:
        return f"its file cannot be read ({error.strerror})"
    if len(data) != row.file_bytes or hashlib.sha256(data).hexdigest() != row.file_hash:
        return "its file does not match its checksum"
    return None


def is_listed(store: Store, row: SnapshotRow) -> bool:
    """Whether a snapshot is still on the list: beside a running writer the oldest ones go. Errors  StoreDamage."""
    return row in store.snapshots()


def restored(folder: DataFolder, row: SnapshotRow, *, compiled: bool = True) -> Exchange:
    """The exchange of a snapshot whose file is good. Errors  SnapshotError."""
    genesis = folder.genesis
    data = snapshot_path(folder, row).read_bytes()
    exchange = Exchange.restore(data, genesis.rulebook, genesis.symbols, compiled=compiled)
    if exchange.command_count != row.point.position:
        raise SnapshotError(f"it holds the state after {exchange.command_count:,} commands")
    return exchange


def clear_leftovers(folder: DataFolder, rows: list[SnapshotRow]) -> None:
    """Delete what a crash left: temporary files, and files that no row lists. Only the writer may."""
    listed = {snapshot_path(folder, row).name for row in rows}
    for path in folder.snapshots_path.iterdir():
        if path.name.endswith(TEMPORARY) or (path.suffix == _ENDING and path.name not in listed):
            path.unlink(missing_ok=True)
