"""Journal: the commands of a data folder as a History, every group checked as it is read.

Responsible for: reading groups in order, naming the last good command where they end too soon, finding places.
Must not: write. It may read while another process writes the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..command import joined
from ..errors import InputError, JournalCorruptError
from .folder import DataFolder
from .group import Group, Point, row_after
from .head import read_head
from .history import Genesis
from .store import SqliteStore, Store, StoreDamage

BLOCK_RECORDS = 8_192  # blocks are made of whole groups until they hold this many


class Journal:
    """The past that a data folder holds."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder

    @property
    def genesis(self) -> Genesis:
        """The world before the first command."""
        return self.folder.genesis

    def blocks(self) -> Iterator[np.ndarray]:
        """COMMAND arrays of whole commands, in the order of application. Errors  JournalCorruptError."""
        for groups in in_blocks(self.groups()):
            yield joined([group.commands() for group in groups])

    def groups(self, after: Point | None = None, until: int | None = None) -> Iterator[Group]:
        """The groups behind a place, up to the one that holds command `until`, or all that are committed now.

        Errors   JournalCorruptError where one is missing or not what was written; it names the last good command.
        """
        place = self.folder.start if after is None else after
        head, _ = read_head(self.folder.head_path)
        try:
            with self.reading() as store:
                noted = [head or place, *_snapshot_places(store)]
                last = store.last_number()  # after what was noted: a writer may be adding to both
                for group in store.groups(place.number, last):
                    if not group.follows(place):
                        raise StoreDamage(f"group {place.number + 1} does not match its checksum")
                    if head is not None and head.number == group.number and head != group.end:
                        raise StoreDamage(
                            f"group {group.number} is not the one that {self.folder.head_path.name} notes"
                        )
                    place = group.end
                    yield group
                    if until is not None and until <= place.position:
                        return
            known = max(noted)
            if known.number > place.number:
                raise StoreDamage(
                    f"it ends there, {known.position - place.position:,} commands before the last that were committed"
                )
        except StoreDamage as damage:
            raise self.corrupt(place, damage) from None

    def end(self) -> Point:
        """The place behind the last group, its hash not checked. Errors  JournalCorruptError."""
        try:
            with self.reading() as store:
                number = store.last_number()
                if number == 0:
                    return self.folder.start
                group = store.group(number)
                if group is None:
                    raise StoreDamage(f"group {number} is missing")
                return group.end
        except StoreDamage as damage:
            raise self.first_damage(damage) from None

    def group_at(self, position: int) -> Group:
        """The group that holds command number `position` (the first is 1), its hash not checked.

        Errors   InputError when there is no such command; JournalCorruptError.
        """
        end = self.end()
        if not 1 <= position <= end.position:
            raise InputError(f"command {position:,}: this journal holds {end.position:,}, numbered from 1")
        low, high = 1, end.number
        try:
            with self.reading() as store:
                while True:
                    middle = (low + high) // 2
                    group = store.group(middle) if low <= high else None
                    if group is None:
                        raise StoreDamage(f"group {middle} is missing")
                    if group.position >= position:
                        high = middle - 1
                    elif group.end.position < position:
                        low = middle + 1
                    else:
                        return group
        except StoreDamage as damage:
            raise self.first_damage(damage) from None

    def place_before(self, position: int) -> Point:
        """The place before the group that holds command number `position`. Errors as `group_at`."""
        group = self.group_at(position)
        if group.number == 1:
            return self.folder.start
        try:
            with self.reading() as store:
                before = store.group(group.number - 1)
            if before is None:
                raise StoreDamage(f"group {group.number - 1} is missing")
        except StoreDamage as damage:
            raise self.first_damage(damage) from None
        return before.end

    def position_at(self, time_ms: int) -> int:
        """How many commands there are up to a time, those before the genesis included. Errors  JournalCorruptError."""
        low, high = 0, self.end().number  # the first `low` groups end at or before the time
        try:
            with self.reading() as store:
                while low < high:
                    middle = (low + high + 1) // 2
                    group = store.group(middle)
                    if group is None:
                        raise StoreDamage(f"group {middle} is missing")
                    low, high = (middle, high) if group.time_ms <= time_ms else (low, middle - 1)
                last, following = store.group(low) if low else None, store.group(low + 1)
        except StoreDamage as damage:
            raise self.first_damage(damage) from None
        position = self.folder.start.position if last is None else last.end.position
        return position if following is None else position + _commands_up_to(following, time_ms)

    @contextmanager
    def reading(self) -> Iterator[SqliteStore]:
        """The store, for a while. Errors  StoreDamage."""
        store = self.folder.store()
        try:
            yield store
        finally:
            store.close()

    def first_damage(self, damage: StoreDamage) -> JournalCorruptError:
        """The error that names the last good command, found from the start; `damage` itself if nothing is wrong there."""
        try:
            for _ in self.groups():
                pass
        except JournalCorruptError as error:
            return error
        return self.corrupt(self.folder.start, damage)

    def corrupt(self, last_good: Point, damage: object) -> JournalCorruptError:
        """The error that names what is wrong and the last good command."""
        if last_good.position:
            good = f"the last good command is number {last_good.position:,} (sequence {last_good.sequence:,})"
        else:
            good = "no command before it is known to be good"
        return JournalCorruptError(
            f"journal of {self.folder.path}: {damage}; {good}", last_good.position, last_good.sequence
        )


def _commands_up_to(group: Group, time_ms: int) -> int:
    """How many of a group's commands come before its first one after a time."""
    commands = group.commands()
    count = row = 0
    while row < len(commands) and commands["time_ms"][row] <= time_ms:
        row += row_after(commands[row:], 1)
        count += 1
    return count


def _snapshot_places(store: Store) -> list[Point]:
    """Where snapshots were taken: so far the journal went, too. A list that cannot be read is told by who needs it."""
    try:
        return [row.point for row in store.snapshots()]
    except StoreDamage:
        return []


def in_blocks(groups: Iterator[Group]) -> Iterator[list[Group]]:
    """Groups put together until they hold BLOCK_RECORDS records: many small ones are lived as fast as few large ones.

    Where `groups` ends with JournalCorruptError, so does this, after the last good group.
    """
    gathered: list[Group] = []
    records = 0
    damage = None
    while True:
        try:
            group = next(groups)
        except StopIteration:
            break
        except JournalCorruptError as error:
            damage = error
            break
        gathered.append(group)
        records += group.record_count
        if records >= BLOCK_RECORDS:
            yield gathered
            gathered, records = [], 0
    if gathered:
        yield gathered
    if damage is not None:
        raise damage
