"""Journaled exchange: an Exchange whose answers wait for the disk.

Responsible for: opening a data folder (lock, recovery), applying commands and handing them to the writer, waiting, snapshots
when due, refusing everything once something failed. Must not: commit, know what a command means.

`apply` applies now and returns at once; nobody may hear of it, nor of anything read since, before `wait(position)` returns or
a listener says so. `submit` and `submit_batch` are both in one, for one caller. One thread applies; any may wait.

    with JournaledExchange.open("data") as journaled:
        applied = journaled.apply(commands)              # commands k + 1 while the writer commits k
        journaled.wait(applied.position)                 # now the answers may go out
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..codes import CommandKind
from ..command import COMMAND, joined
from ..errors import InputError, JournalError, StatusUnknownError
from ..exchange import BatchResult, Exchange, Result
from .folder import DataFolder
from .group import Lived, parts_of
from .head import read_head, write_head
from .history import Genesis
from .journal import Journal
from .reliving import Progress, Reliving
from .snapshots import clear_leftovers
from .store import StoreDamage
from .writer import CallSoon, Committed, GroupWriter, Listener

SNAPSHOT_COMMANDS = 500_000  # a snapshot is due after so many commands
SNAPSHOT_GROUPS = 50_000  # or so many groups: many small ones are slower to replay than few large ones
SNAPSHOT_AT_CLOSE_COMMANDS = 10_000  # fewer are replayed sooner than a snapshot is written
SNAPSHOTS_KEPT = 3

Answer = TypeVar("Answer")


class Applied(NamedTuple):
    """What became of some commands; not to be told before `position` commands are on disk."""

    position: int
    results: np.ndarray  # one RESULT row per record
    events: np.ndarray


class JournaledExchange:
    """An exchange that lives in a data folder.

    `exchange` may be read and previewed, but commands go through here. `folder`: where it lives. `warnings`: what recovery found
    damaged and could do without. `recovered_position`: commands that were there; `replayed_count`: how many of them were replayed.
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        snapshot_commands: int = SNAPSHOT_COMMANDS,
        snapshot_groups: int = SNAPSHOT_GROUPS,
        snapshots_kept: int = SNAPSHOTS_KEPT,
        compiled: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """Lock the folder and recover: the newest good snapshot and all groups behind it.

        Errors   JournalLockedError names who has it; JournalCorruptError names the last good command, and no file was
                 changed; JournalDivergedError; JournalError.
        """
        if min(snapshot_commands, snapshot_groups, snapshots_kept) < 1:
            raise InputError("journal: snapshot_commands, snapshot_groups and snapshots_kept are at least 1")
        self.folder = folder
        self._lock = folder.lock()
        try:
            reliving = Reliving(folder, compiled=compiled)
            reliving.advance(progress=progress)
            self.exchange: Exchange = reliving.exchange
            self.warnings = [*reliving.warnings, *_head_warnings(folder, reliving)]
            self._writer = GroupWriter(folder, reliving.place, reliving.outcome, snapshots_kept)
        except (StoreDamage, OSError) as error:
            self._lock.release()
            raise JournalError(f"data folder {folder.path}: cannot be written: {error}") from None
        except BaseException:
            self._lock.release()
            raise
        self._writer.listeners.append(self._hear)
        self._snapshot_commands, self._snapshot_groups = snapshot_commands, snapshot_groups
        self._snapshot_position, self._snapshot_number = reliving.started_at, reliving.started_at_group
        self._position = self.recovered_position = self.exchange.command_count
        self.replayed_count = self._position - reliving.started_at
        self._is_closed = False

    @classmethod
    def create(cls, path: str | Path, genesis: Genesis, **options: Any) -> JournaledExchange:
        """In a new data folder. Errors  as DataFolder.create."""
        return cls(DataFolder.create(path, genesis), **options)

    @classmethod
    def open(cls, path: str | Path, **options: Any) -> JournaledExchange:
        """In a data folder that is there. Errors  as DataFolder.open and the class itself."""
        return cls(DataFolder.open(path), **options)

    # ---- commands ----

    @property
    def position(self) -> int:
        """Commands applied: what was read now may be told once so many are on disk."""
        return self._position

    @property
    def durable_position(self) -> int:
        """Commands that are on disk."""
        return self._writer.position

    @property
    def journal(self) -> Journal:
        """Its past as a History: what is on disk."""
        return Journal(self.folder)

    def apply(self, commands: np.ndarray) -> Applied:
        """Apply COMMAND records now and have them committed soon. Refused ones too.

        Takes    whole commands: the first record is no continuation.
        Errors   InputError; PoisonedError after a failure; Bug: none of these commands is in the journal then.
        """
        self._check_open()
        if commands.dtype != COMMAND:
            raise InputError(f"commands: dtype {commands.dtype} is not COMMAND")
        if not len(commands):
            return Applied(self._position, *self.exchange.submit_batch(commands))
        if commands["kind"][0] == CommandKind.CONTINUATION:
            raise InputError("commands: the first record is a continuation; a batch holds whole commands")
        self._check_untouched()
        done = [self._apply_part(part) for part in parts_of(commands)]
        self._snapshot_when_due()
        if len(done) == 1:
            return Applied(self._position, *done[0])
        results, events = map(joined, zip(*done, strict=True))
        return Applied(self._position, results, events)

    def submit(
        self,
        kind: CommandKind,
        *,
        time_ms: int | None = None,
        sequence: int | None = None,
        records: Sequence[dict[str, int]] = (),
        **fields: int,
    ) -> Result:
        """Apply one command and wait until it is on disk. As Exchange.submit. Errors  StatusUnknownError, and as `apply`."""
        packed = self.exchange.pack([(kind, {**fields, "records": records})], time_ms=time_ms, sequence=sequence)
        applied = self.apply(packed)
        self.wait(applied.position)
        return BatchResult(applied.results, applied.events).of_one(packed)

    def submit_batch(self, commands: np.ndarray) -> BatchResult:
        """Apply COMMAND records and wait until they are on disk. Errors  StatusUnknownError, and as `apply`."""
        applied = self.apply(commands)
        self.wait(applied.position)
        return BatchResult(applied.results, applied.events)

    def read(self, question: Callable[[Exchange], Answer]) -> Answer:
        """The answer to a question (it must not submit), once all that it saw is on disk. Errors  StatusUnknownError."""
        self._check_open()
        self._check_untouched()
        answer = question(self.exchange)
        self.wait()
        return answer

    def wait(self, position: int | None = None, timeout: float | None = None) -> bool:
        """Until the first `position` commands (all that are applied) are on disk; False after `timeout` seconds. Any thread may.

        Errors   StatusUnknownError: the disk failed, and only a restart tells whether they are.
        """
        wanted = self._position if position is None else position
        if wanted > self._position:
            raise InputError(f"command {wanted:,}: only {self._position:,} are applied")
        return self._writer.wait(wanted, timeout)

    def wake_by(self, call_soon: CallSoon) -> None:
        """Where the thread that applies runs a loop: commit what one turn of it applied at once. `call_soon`: the loop's."""
        self._writer.wake_by(call_soon)

    def settle(self) -> None:
        """Return once all that is applied is on disk. Errors  StatusUnknownError."""
        self.wait()

    def listen(self, listener: Listener) -> None:
        """Have every commit told from now on, in order, in the writer's thread: be quick there, and never raise."""
        self._writer.listeners.append(listener)

    # ---- snapshots and the end ----

    def snapshot(self) -> bool:
        """Write a snapshot of the state as it is, and wait; a later opening begins there. False: it could not be written."""
        self.begin_snapshot().wait()
        return self._writer.failure is None and self._writer.snapshot_fault is None

    def begin_snapshot(self) -> Event:
        """Have a snapshot of the state as it is written; the event is set when it is there or could not be (`snapshot_fault`)."""
        self._check_open()
        self._check_untouched()
        return self._start_snapshot()

    @property
    def snapshot_fault(self) -> str | None:
        """Why the last snapshot could not be written. The journal is whole without it: only the next opening takes longer."""
        return self._writer.snapshot_fault

    def close(self) -> None:
        """Commit what is left and let go of the folder. A failure was told to those who waited."""
        if self._is_closed:
            return
        if self._position - self._snapshot_position >= SNAPSHOT_AT_CLOSE_COMMANDS and self._is_sound:
            self._start_snapshot()
        self._is_closed = True
        self._writer.close()
        self._lock.release()

    def __enter__(self) -> JournaledExchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _apply_part(self, commands: np.ndarray) -> BatchResult:
        done = self.exchange.submit_batch(commands)
        count = self.exchange.command_count - self._position
        self._position += count
        self._writer.hand_over(Lived(commands.tobytes(), count, done.results, done.events, self.exchange.time_ms))
        return done

    def _snapshot_when_due(self) -> None:
        is_due = (
            self._position - self._snapshot_position >= self._snapshot_commands
            or self._writer.group_number - self._snapshot_number >= self._snapshot_groups
        )
        if is_due and not self._writer.is_snapshot_pending:
            self._start_snapshot()

    def _start_snapshot(self) -> Event:
        self._snapshot_position, self._snapshot_number = self._position, self._writer.group_number
        return self._writer.snapshot(self.exchange.freeze())

    def _hear(self, committed: Committed) -> None:
        if committed.failure is not None:
            self.exchange.poison(str(committed.failure))

    @property
    def _is_sound(self) -> bool:
        return not self.exchange.is_poisoned and self.exchange.command_count == self._position

    def _check_open(self) -> None:
        if self._is_closed:
            raise InputError(f"data folder {self.folder.path}: is closed")

    def _check_untouched(self) -> None:
        """The state is that of the journal: nothing went past it, and no bug stopped in the middle of a batch."""
        if self.exchange.is_previewing:
            raise InputError("journal: a preview is open; close it before commands are applied")
        if self.exchange.command_count != self._position:
            reason = f"the state is {self.exchange.command_count - self._position:,} commands past its journal"
            self.exchange.poison(reason)
            raise StatusUnknownError(f"data folder {self.folder.path}: {reason}; open it again")


def _head_warnings(folder: DataFolder, reliving: Reliving) -> list[str]:
    """The writer begins with the folder as it should be."""
    with reliving.journal.reading() as store:
        clear_leftovers(folder, store.snapshots())
    _, is_whole = read_head(folder.head_path)
    if is_whole:
        return []
    write_head(folder.head_path, reliving.place)
    return [f"{folder.head_path.name} was missing or damaged: whether the journal lost its end cannot be told"]
