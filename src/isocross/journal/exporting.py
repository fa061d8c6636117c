"""Exporting: a journal's commands and events as Parquet files.

Responsible for: the columns, the files, bounded memory. Must not: change the folder; keep more than one file's rows.

    OUT/commands/00000.parquet …    one row per COMMAND record: number, record (0 is the header), every field, names of enums,
                                    what became of it (refusal, order id)
    OUT/events/00000.parquet …      one row per event: number, every field, names of enums
    OUT/export.json                 what was exported; it is written last: without it the export was cut short

Integers are the engine's own (ticks, lots, × 10^8); a name stands beside a number only where the field means something.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answer import Answer, Columns, Shown, Table
from ..codes import CommandKind, Refusal
from ..errors import InputError
from .durable import write_whole
from .folder import DataFolder
from .reliving import Progress, Relived, Reliving
from .words import COMMAND_NAMES, EVENT_CODES, EVENT_NAMES

if TYPE_CHECKING:
    import polars

SCHEMA = "isocross.journal.export/1"
ROWS_MAX = 500_000  # of one file


@dataclass(frozen=True, slots=True, repr=False)
class Exported(Answer):
    """What was written where."""

    path: Path
    out: Path
    first: int  # number of the first command
    last: int
    command_rows: int
    event_rows: int
    file_count: int
    state_hash: str  # behind the last command

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `schema` first."""
        return {
            "schema": SCHEMA,
            "data": str(self.path),
            "out": str(self.out),
            "first": self.first,
            "last": self.last,
            "command_rows": self.command_rows,
            "event_rows": self.event_rows,
            "files": self.file_count,
            "state_hash": self.state_hash,
        }

    def columns(self) -> Columns:
        """A row per table."""
        return {"table": ["commands", "events"], "rows": [self.command_rows, self.event_rows]}

    def shown(self) -> Shown:
        """How many rows of what."""
        rows = [("commands", f"{self.command_rows:,}"), ("events", f"{self.event_rows:,}")]
        sentence = (
            f"Commands {self.first:,} to {self.last:,} in {self.file_count} files, to be read with "
            f"polars.read_parquet('{self.out}/events/*.parquet')."
        )
        return Shown(str(self.out), [Table(("", "rows"), rows)], sentence)


def export(
    data: DataFolder | str | Path,
    out: str | Path,
    *,
    start: int = 0,
    until: int | None = None,
    progress: Progress | None = None,
    compiled: bool = True,
) -> Exported:
    """Write the commands after number `start` up to `until` (all), and their events, as Parquet files under `out`.

    Errors   InputError when `out` holds something already, or there are no such commands; JournalCorruptError, when
             everything before the damage has been written; JournalDivergedError.
    """
    folder = data if isinstance(data, DataFolder) else DataFolder.open(data)
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"out: {target} is there already; name a folder that is not there, or an empty one")
    reliving = Reliving(folder, before=start, uses_snapshots=start > 0, compiled=compiled)
    first = max(start, reliving.position)
    reliving.advance(first)
    symbols, assets = reliving.exchange.symbols, reliving.exchange.assets
    with (
        _Files(target / "commands", lambda part, number: _command_frame(part, number, symbols)) as commands,
        _Files(target / "events", lambda part, number: _event_frame(part, number, symbols, assets)) as events,
    ):
        event_number = reliving.outcome.event_count
        for part in reliving.steps(until, progress):
            commands.add(part, part.position, len(part.commands))
            events.add(part, event_number, len(part.events))
            event_number += len(part.events)
    exported = Exported(
        path=folder.path,
        out=target,
        first=first + 1,
        last=reliving.position,
        command_rows=commands.rows,
        event_rows=events.rows,
        file_count=commands.files + events.files,
        state_hash=reliving.exchange.state_hash(),
    )
    told = {
        **exported.to_dict(),
        "rulebook_hash": folder.rulebook_hash,
        "symbols": list(symbols),
        "assets": list(assets),
    }
    write_whole(target / "export.json", (json.dumps(told, indent=1) + "\n").encode())
    return exported


class _Files:
    """Frames in numbered files of at most about ROWS_MAX rows. What was gathered is written on every way out."""

    def __init__(self, folder: Path, frame_of: Callable[[Relived, int], polars.DataFrame]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.rows = self.files = 0
        self._folder, self._frame_of = folder, frame_of
        self._gathered: list[polars.DataFrame] = []
        self._gathered_rows = 0

    def add(self, part: Relived, number: int, rows: int) -> None:
        """The rows of a part; `number` is how many there were before it."""
        if self._gathered_rows and self._gathered_rows + rows > ROWS_MAX:
            self._write()
        self._gathered.append(self._frame_of(part, number))
        self._gathered_rows += rows

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        if self._gathered_rows or not self.files:
            self._write()

    def _write(self) -> None:
        import polars

        frame = polars.concat(self._gathered) if self._gathered else polars.DataFrame()
        frame.write_parquet(self._folder / f"{self.files:05d}.parquet")
        self.files += 1
        self.rows += len(frame)
        self._gathered, self._gathered_rows = [], 0


def _command_frame(part: Relived, position: int, symbols: tuple[str, ...]) -> polars.DataFrame:
    import polars

    commands, results = part.commands, part.results
    kinds = commands["kind"]
    starts = _command_starts(part)
    numbers = np.cumsum(starts) + position
    rows = np.arange(len(commands))
    columns: dict[str, Any] = {"number": numbers, "record": rows - np.maximum.accumulate(np.where(starts, rows, 0))}
    for name in commands.dtype.names or ():
        columns[name] = np.ascontiguousarray(commands[name])
        if name in COMMAND_NAMES:
            enum, having = COMMAND_NAMES[name]
            columns[f"{name}_name"] = _names(commands[name], enum, np.isin(kinds, having))
    columns["symbol_name"] = _texts(commands["symbol"], symbols)
    columns["refusal"] = np.where(starts, results["refusal"], 0)
    columns["refusal_name"] = _names(results["refusal"], Refusal, starts)
    columns["result_order_id"] = np.ascontiguousarray(results["order_id"])
    return polars.DataFrame(columns)


def _command_starts(part: Relived) -> np.ndarray:
    """Which records are commands of their own: headers, and records that no header asked for (those were refused)."""
    is_header = part.commands["kind"] != CommandKind.CONTINUATION
    starts: np.ndarray = is_header | (part.results["refusal"] != 0)
    return starts


def _event_frame(part: Relived, number: int, symbols: tuple[str, ...], assets: tuple[str, ...]) -> polars.DataFrame:
    import polars

    events = part.events
    kinds = events["kind"]
    columns: dict[str, Any] = {"number": np.arange(number + 1, number + 1 + len(events))}
    for name in events.dtype.names or ():
        columns[name] = np.ascontiguousarray(events[name])
        if name in EVENT_NAMES:
            enum, having = EVENT_NAMES[name]
            columns[f"{name}_name"] = _names(events[name], enum, np.isin(kinds, having))
        if name == "code":
            columns["code_name"] = _code_names(kinds, events["code"])
    columns["symbol_name"] = _texts(events["symbol"], symbols)
    columns["asset_name"] = _texts(events["asset"], assets)
    return polars.DataFrame(columns)


def _names(values: np.ndarray, enum: type[IntEnum], means: np.ndarray) -> polars.Series:
    """The names of some numbers where they mean something and have one, else null."""
    members = {int(member): member.name for member in enum}
    texts = tuple(members.get(value, "") for value in range(max(members) + 1))
    return _texts(np.where(means, values, -1), texts)


def _code_names(kinds: np.ndarray, codes: np.ndarray) -> polars.Series:
    """The name of an event's code, by the kind of the event."""
    texts: list[str] = []
    places = np.full(len(codes), -1)
    for kind, enum in EVENT_CODES.items():
        mine = kinds == kind
        places[mine] = codes[mine].astype(np.int64) + len(texts)
        members = {int(member): member.name for member in enum}
        texts += [members.get(value, "") for value in range(max(members) + 1)]
    return _texts(places, tuple(texts))


def _texts(places: np.ndarray, texts: tuple[str, ...]) -> polars.Series:
    """texts[place], null where there is none."""
    import polars

    kinds = polars.Enum(list(dict.fromkeys(text for text in texts if text)))
    known = polars.Series([text or None for text in texts] + [None], dtype=kinds)
    inside = (places >= 0) & (places < len(texts))
    return known.gather(np.where(inside, places, len(texts)).astype(np.uint32))
