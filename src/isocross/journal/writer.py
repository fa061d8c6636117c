"""Writer: the thread that commits, one transaction after the other, all that has gathered meanwhile.

Responsible for: making groups, committing them, noting the head, telling who listens; snapshots, written beside it.
Must not: apply a command, try anything again after a failure: what a failed disk holds is known only after a restart.

There is no timer: a commit takes what there is. The busier the exchange, the larger the groups. Where a loop applies commands, the writer is
woken once a turn, so that what came together is committed together.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import StatusUnknownError
from .folder import DataFolder
from .group import RECORDS_MAX, Group, Lived, Outcome, Point, group_of
from .head import HeadWriter
from .snapshots import snapshot_path, write_snapshot
from .store import SnapshotRow, Store

if TYPE_CHECKING:
    from ..exchange import FrozenState

TRANSACTION_RECORDS_MAX = 8 * RECORDS_MAX
BACKLOG_RECORDS_MAX = 16 * RECORDS_MAX  # who applies faster than the disk commits is held here


@dataclass(frozen=True, slots=True)
class Committed:
    """What a listener is told after a commit, in the writer's thread; `failure` is set once, and then nothing follows."""

    position: int  # commands that are on disk
    groups: tuple[Group, ...]  # what this commit added
    failure: StatusUnknownError | None = None


Listener = Callable[[Committed], None]
CallSoon = Callable[[Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A state to be written to disk, once everything before it is committed."""

    frozen: FrozenState
    is_done: threading.Event


class GroupWriter:
    """Commits what is handed to it, in order."""

    def __init__(self, folder: DataFolder, place: Point, outcome: Outcome, snapshots_kept: int) -> None:
        """Errors  StoreDamage, OSError: the folder cannot be written."""
        self._folder = folder
        self._place, self._outcome = place, outcome
        self._snapshots_kept = snapshots_kept
        self._changed = threading.Condition()
        self._queue: deque[Lived | _Snapshot] = deque()
        self._backlog_records = 0
        self._rows: deque[tuple[SnapshotRow, _Snapshot]] = deque()  # files that are on disk and not listed yet
        self._snapshots_pending = 0
        self._is_closing = False
        self._call_soon: CallSoon | None = None
        self._is_wake_due = False
        self.position = place.position  # commands that are on disk
        self.failure: StatusUnknownError | None = None
        self.snapshot_fault: str | None = None
        self.listeners: list[Listener] = []
        self._store: Store = folder.store(writes=True)
        self._head = HeadWriter(folder.head_path)
        self._thread = threading.Thread(target=self._run, name="isocross journal", daemon=True)
        self._thread.start()

    # ---- for the thread that applies ----

    def hand_over(self, lived: Lived) -> None:
        """Commit this, soon. Waits while too much is waiting."""
        with self._changed:
            while self._backlog_records >= BACKLOG_RECORDS_MAX and self.failure is None:
                self._changed.notify_all()
                self._changed.wait()
            self._queue.append(lived)
            self._backlog_records += len(lived.results)
            if self._call_soon is None:
                self._changed.notify_all()
            elif not self._is_wake_due:
                self._is_wake_due = True
                self._call_soon(self._wake)

    def wake_by(self, call_soon: CallSoon) -> None:
        """Begin a commit when a loop calls back, not with the first command: what a turn of the loop applies is one commit."""
        self._call_soon = call_soon

    def _wake(self) -> None:
        with self._changed:
            self._is_wake_due = False
            self._changed.notify_all()

    def snapshot(self, frozen: FrozenState) -> threading.Event:
        """Write a state that follows all that was handed over; the event is set when it is done or has failed."""
        request = _Snapshot(frozen, threading.Event())
        with self._changed:
            if self.failure is not None:
                request.is_done.set()
                return request.is_done
            self._snapshots_pending += 1
            self._queue.append(request)
            self._changed.notify_all()
        return request.is_done

    @property
    def is_snapshot_pending(self) -> bool:
        """Whether a snapshot is being written."""
        return self._snapshots_pending > 0

    @property
    def group_number(self) -> int:
        """Of the last group on disk."""
        return self._place.number

    def wait(self, position: int, timeout: float | None = None) -> bool:
        """Until the first `position` commands are on disk; False after `timeout` seconds. Errors  StatusUnknownError."""
        with self._changed:
            self._changed.notify_all()  # who waits does not wait for a turn of a loop
            self._changed.wait_for(lambda: self.position >= position or self.failure is not None, timeout)
            if self.position >= position:
                return True
            if self.failure is not None:
                raise StatusUnknownError(str(self.failure))
            return False

    def close(self) -> None:
        """Commit what is left, and stop."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        self._store.close()
        self._head.close()

    # ---- the writer's own thread ----

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:  # nobody may wait for a thread that is gone
            self._fail(error)

    def _turn(self) -> bool:
        """Wait for work and do it; False when there will be none."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._queue or self._rows or (self._is_closing and not self._snapshots_pending)
            )
            rows, lived, snapshot = list(self._rows), *self._taken()
            self._rows.clear()
        for row, request in rows:
            self._list(row)
            self._finish(request)
        if lived:
            self._commit(lived)
        if snapshot is not None:
            place = (snapshot, self._place, self._outcome)
            threading.Thread(target=self._write_snapshot, args=place, name="isocross snapshot", daemon=True).start()
        return bool(rows or lived or snapshot)

    def _taken(self) -> tuple[list[Lived], _Snapshot | None]:
        lived: list[Lived] = []
        records = 0
        while self._queue and records < TRANSACTION_RECORDS_MAX:
            first = self._queue.popleft()
            if isinstance(first, _Snapshot):
                return lived, first
            lived.append(first)
            records += len(first.results)
        return lived, None

    def _commit(self, lived: list[Lived]) -> None:
        groups: list[Group] = []
        for part in _in_groups(lived):
            groups.append(group_of(self._place, self._outcome, part))
            self._place, self._outcome = groups[-1].end, groups[-1].outcome
        self._store.append(groups)
        self._head.note(self._place)
        with self._changed:
            self.position = self._place.position
            self._backlog_records -= sum(len(part.results) for part in lived)
            self._changed.notify_all()
        self._tell(Committed(self.position, tuple(groups)))

    def _fail(self, error: BaseException) -> None:
        failure = StatusUnknownError(
            f"journal of {self._folder.path}: a commit failed ({error}): whether the commands after number {self.position:,} "
            "are in it is not known until a restart has read it again"
        )
        with self._changed:
            self.failure = failure
            for request in [*self._queue, *(request for _, request in self._rows)]:
                if isinstance(request, _Snapshot):
                    request.is_done.set()
            self._changed.notify_all()
        self._tell(Committed(self.position, (), failure))

    def _tell(self, committed: Committed) -> None:
        for listener in self.listeners:
            listener(committed)

    # ---- snapshots ----

    def _write_snapshot(self, request: _Snapshot, place: Point, outcome: Outcome) -> None:
        """In a thread of its own: compressing a large state must not hold up commits."""
        try:
            row = write_snapshot(self._folder, request.frozen, place, outcome)
            self.snapshot_fault = None
        except Exception as error:  # the journal is whole without it
            self.snapshot_fault = f"the snapshot at command {place.position:,} could not be written: {error}"
            self._finish(request)
            return
        with self._changed:
            self._rows.append((row, request))
            if self.failure is not None:
                request.is_done.set()
            self._changed.notify_all()

    def _finish(self, request: _Snapshot) -> None:
        request.is_done.set()
        with self._changed:
            self._snapshots_pending -= 1
            self._changed.notify_all()

    def _list(self, row: SnapshotRow) -> None:
        """The file counts from now on; those beyond the number to keep go, the row before the file."""
        self._store.add_snapshot(row)
        listed = self._store.snapshots()
        kept = {old.file_hash for old in listed[-self._snapshots_kept :]}
        for old in listed[: -self._snapshots_kept]:
            self._store.drop_snapshot(old.point.position)
            if old.file_hash not in kept:
                snapshot_path(self._folder, old).unlink(missing_ok=True)


def _in_groups(lived: list[Lived]) -> list[list[Lived]]:
    parts: list[list[Lived]] = [[]]
    records = 0
    for one in lived:
        if parts[-1] and records + len(one.results) > RECORDS_MAX:
            parts.append([])
            records = 0
        parts[-1].append(one)
        records += len(one.results)
    return parts
