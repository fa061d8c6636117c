"""Reports: what people ask of a data folder, by the names and parameters of the command line.

Responsible for: show, verify, replay, export, salvage: the data folder by its path, a place by a number of commands or a time.
Must not: read a journal itself: summary, verifying, again, exporting and salvaging do.

A data folder may be in use while it is asked. `progress` is told (done, total), in commands.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ..errors import InputError
from ..units import to_time_ms
from .again import LivedAgain, live_again
from .exporting import Exported
from .exporting import export as exported
from .folder import DataFolder
from .journal import Journal
from .reliving import Progress
from .salvaging import Salvaged
from .salvaging import salvage as salvaged
from .summary import CommandList, Summary, commands_of, summarize
from .verifying import Verification
from .verifying import verify as verified

COUNT = 20  # of commands that are shown where nothing else is said

Data = DataFolder | str | Path
Until = int | str | datetime


def show(data: Data, first: int | None = None, count: int | None = None) -> Summary | CommandList:
    """What a data folder holds; with `first` or `count`, its commands.

    Takes    first: commands from this number on (1 is the first); −5: the last five. count: how many, 20 unless said.
    Errors   InputError when there is no such command; JournalError.
    """
    if first is None and count is None:
        return summarize(data)
    number = 1 if first is None else first
    if number == 0:
        raise InputError("from: commands are numbered from 1; −1 is the last")
    return commands_of(data, number, COUNT if count is None else count)


def verify(data: Data, *, replay: bool = False, progress: Progress | None = None) -> Verification:
    """Whether everything is there as it was written; `replay` also lives it again and compares the state with every snapshot's.

    Errors   JournalCorruptError where genesis.json itself is damaged; JournalError. All other damage is in the result.
    """
    return verified(data, replays=replay, progress=progress)


def replay(
    data: Data, *, first: int | None = None, until: Until | None = None, progress: Progress | None = None
) -> LivedAgain:
    """Live it again, and say what it comes to: the state hash, what is open, that money is conserved.

    Takes    first: begin with the newest good snapshot at or before this command; 0: with the genesis; the newest unless said.
             until: up to this command, or this time; all unless said.
    Errors   InputError; JournalCorruptError; JournalDivergedError.
    """
    folder = _opened(data)
    return live_again(folder, start=first, until=_place(folder, until), progress=progress)


def export(
    data: Data, out: str | Path, *, first: int = 1, until: Until | None = None, progress: Progress | None = None
) -> Exported:
    """Commands and events as Parquet files under `out`, a new or empty folder.

    Takes    first: commands from this number on. until: up to this command, or this time; all unless said.
    Errors   InputError; JournalCorruptError, when everything before the damage has been written; JournalDivergedError.
    """
    if first < 1:
        raise InputError(f"from: {first}: commands are numbered from 1")
    folder = _opened(data)
    return exported(folder, out, start=first - 1, until=_place(folder, until), progress=progress)


def salvage(data: Data, out: str | Path, *, progress: Progress | None = None) -> Salvaged:
    """Everything up to the first damage, in a new data folder; the damaged one stays as it is.

    Errors   InputError; JournalError.
    """
    return salvaged(data, out, progress=progress)


def _opened(data: Data) -> DataFolder:
    return data if isinstance(data, DataFolder) else DataFolder.open(data)


def _place(folder: DataFolder, until: Until | None) -> int | None:
    """A number of commands, from one or from a time."""
    if until is None:
        return None
    if isinstance(until, int) and until < 10**9:  # larger ones are epoch milliseconds
        return until
    if isinstance(until, str) and until.isdecimal() and len(until) < 10:
        return int(until)
    return Journal(folder).position_at(to_time_ms(until, "until"))
