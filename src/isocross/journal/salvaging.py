"""Salvaging: what is good of a damaged data folder, in a new one.

Responsible for: copying the groups up to the first damage, and saying what is left behind. Must not: change the damaged folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..answer import Answer, Columns, Shown
from ..errors import JournalCorruptError
from .folder import DataFolder
from .group import Group, Point
from .head import write_head
from .journal import Journal, in_blocks
from .reliving import Progress

SCHEMA = "isocross.journal.salvage/1"


@dataclass(frozen=True, slots=True, repr=False)
class Salvaged(Answer):
    """What a new folder holds of a damaged one."""

    path: Path
    out: Path
    position: int  # commands that are in the new folder, those before its genesis included
    sequence: int  # of the last
    damage: str | None  # what ends it; None: nothing was wrong with any group

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `schema` first."""
        return {
            "schema": SCHEMA,
            "data": str(self.path),
            "out": str(self.out),
            "position": self.position,
            "sequence": self.sequence,
            "damage": self.damage,
        }

    def columns(self) -> Columns:
        """One row."""
        return {"position": [self.position], "sequence": [self.sequence], "damage": [self.damage]}

    def shown(self) -> Shown:
        """How far it goes, and what ended it."""
        sentence = f"{self.position:,} commands are in the new folder, the last of sequence {self.sequence:,}."
        return Shown(f"{self.path} → {self.out}", sentence=sentence, notes=[self.damage] if self.damage else [])


def salvage(data: DataFolder | str | Path, out: str | Path, *, progress: Progress | None = None) -> Salvaged:
    """Copy every group up to the first damage into a new data folder; its snapshots are made anew, when due.

    Errors   as DataFolder.open and DataFolder.create: without its genesis nothing can be saved.
    """
    folder = data if isinstance(data, DataFolder) else DataFolder.open(data)
    new = DataFolder.create(out, folder.genesis)
    place: Point = new.start
    damage = None
    lock, store = new.lock(), new.store(writes=True)
    try:
        total = Journal(folder).end().position
        for groups in in_blocks(Journal(folder).groups()):
            chained: list[Group] = []
            for group in groups:
                chained.append(replace(group, chain=group.chained(place.chain)))
                place = chained[-1].end
            store.append(chained)
            if progress is not None:
                progress(place.position, total)
    except JournalCorruptError as error:
        damage = str(error)
    finally:
        store.close()
        write_head(new.head_path, place)
        lock.release()
    return Salvaged(folder.path, new.path, place.position, place.sequence, damage)
