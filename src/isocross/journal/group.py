"""Group: what is committed at once: some commands, what became of them, and the hash that chains it to the group before.

Responsible for: the record of a group, its chain, packing COMMAND records small and back. Must not: touch a file, apply a command.

A journal is a chain of groups 1, 2, 3 …. Each hash covers the one before and everything in the group, so a group cannot
be changed, dropped, doubled or moved unnoticed. Its outcome lets a replay notice that it lives another life.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..codes import CommandKind
from ..command import COMMAND, last_head

RECORDS_MAX = 16_384  # of one group, but for a single command that is longer
HASH_BYTES = 32

_WORDS = COMMAND.itemsize // 8
_BLOB_HEAD = struct.Struct("<II")  # records, which 64-bit words of a record are stored
_FACTS = struct.Struct("<qqqqqqqqq")
assert _WORDS <= 32, "one bit per word of a record"


def _bits_of_fields() -> np.ndarray:
    """A record's words with every bit set that belongs to a field: what lies between fields is whatever was in memory."""
    row = np.zeros(COMMAND.itemsize, dtype=np.uint8)
    for dtype, offset, *_ in (COMMAND.fields or {}).values():
        row[offset : offset + dtype.itemsize] = 255
    return row.view(np.int64)


_FIELD_BITS = _bits_of_fields()


class Point(NamedTuple):
    """A place between two groups."""

    number: int  # of the group before it; 0 at the genesis
    position: int  # commands before it, refused ones included: Exchange.command_count
    sequence: int  # of the command before it; 0 when there is none
    chain: bytes  # hash of all before it


class Outcome(NamedTuple):
    """What became of all commands so far, in three numbers that do not depend on how the commands were cut."""

    event_count: int
    event_sum: int  # of the events' 64-bit words, wrapped to int64
    result_crc: int  # CRC-32 of every command's refusal and order id

    def after(self, results: np.ndarray, event_count: int, event_sum: int) -> Outcome:
        """With the next commands' results and events."""
        wrapped = (self.event_sum + event_sum + 2**63) % 2**64 - 2**63
        return Outcome(self.event_count + event_count, wrapped, zlib.crc32(results.tobytes(), self.result_crc))


NOTHING = Outcome(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that were committed at once."""

    number: int
    position: int  # commands before it
    command_count: int
    first_sequence: int
    last_sequence: int
    time_ms: int  # the clock after it
    outcome: Outcome  # of all commands up to its end
    chain: bytes
    blob: bytes

    def commands(self) -> np.ndarray:
        """Its COMMAND records."""
        return unpacked(self.blob)

    @property
    def record_count(self) -> int:
        """How many COMMAND records it has, continuations included."""
        return int(_BLOB_HEAD.unpack_from(self.blob)[0])

    @property
    def end(self) -> Point:
        """The place behind it."""
        return Point(self.number, self.position + self.command_count, self.last_sequence, self.chain)

    def chained(self, before: bytes) -> bytes:
        """The hash that it has behind a chain."""
        facts = (self.number, self.position, self.command_count, self.first_sequence, self.last_sequence, self.time_ms)
        return _chained(before, (*facts, *self.outcome), self.blob)

    def follows(self, before: Point) -> bool:
        """Whether it is, unchanged, the group behind a place."""
        return (
            (self.number, self.position) == (before.number + 1, before.position)
            and self.command_count > 0
            and self.chained(before.chain) == self.chain
        )


@dataclass(frozen=True, slots=True)
class Lived:
    """Some whole commands and what became of them, not yet in a group."""

    commands: bytes  # COMMAND records
    command_count: int
    results: np.ndarray
    events: np.ndarray
    time_ms: int  # the clock after them


def group_of(before: Point, outcome: Outcome, lived: Sequence[Lived]) -> Group:
    """The next group behind a place, of everything that was lived there, in order."""
    commands = np.frombuffer(b"".join(part.commands for part in lived), dtype=COMMAND)
    last = last_head(commands)
    for part in lived:
        outcome = outcome.after(part.results, len(part.events), event_sum(part.events))
    facts = (
        before.number + 1,
        before.position,
        sum(part.command_count for part in lived),
        commands["sequence"].item(0),
        commands["sequence"].item(last),
        lived[-1].time_ms,
    )
    blob = packed(commands)
    return Group(*facts, outcome=outcome, chain=_chained(before.chain, (*facts, *outcome), blob), blob=blob)


def _chained(before: bytes, facts: tuple[int, ...], blob: bytes) -> bytes:
    """The hash of a group: of the chain before it, its facts as Group has them in order, its blob."""
    return hashlib.sha256(b"".join((before, _FACTS.pack(*facts), blob))).digest()


def event_sum(events: np.ndarray) -> int:
    """Sum of the 64-bit words of some events, wrapped to int64: the same however a run of events was cut."""
    return int(events.view(np.int64).sum(dtype=np.int64)) if len(events) else 0


def packed(commands: np.ndarray) -> bytes:
    """COMMAND records, about a fifteenth of their size: words that are 0 in all records left out, the rest by byte planes."""
    words = (np.ascontiguousarray(commands).view(np.int64).reshape(len(commands), _WORDS) & _FIELD_BITS).T
    used = words.any(axis=1)
    kept = np.ascontiguousarray(words[used])
    planes = np.ascontiguousarray(kept.view(np.uint8).reshape(len(kept), len(commands), 8).transpose(0, 2, 1))
    mask = sum(1 << word for word in np.flatnonzero(used).tolist())
    return _BLOB_HEAD.pack(len(commands), mask) + zlib.compress(planes.tobytes(), 1)


def unpacked(blob: bytes) -> np.ndarray:
    """The COMMAND records that `packed` was given. The blob's hash has been checked before."""
    records, mask = _BLOB_HEAD.unpack_from(blob)
    used = [word for word in range(_WORDS) if mask >> word & 1]
    planes = np.frombuffer(zlib.decompress(memoryview(blob)[_BLOB_HEAD.size :]), dtype=np.uint8)
    kept = np.ascontiguousarray(planes.reshape(len(used), 8, records).transpose(0, 2, 1)).view(np.int64)
    words = np.zeros((records, _WORDS), dtype=np.int64)
    words[:, used] = kept.reshape(len(used), records).T
    return words.reshape(-1).view(COMMAND)


def parts_of(commands: np.ndarray, records_max: int = RECORDS_MAX) -> list[np.ndarray]:
    """Cut COMMAND records between commands into parts of at most `records_max`; a single longer command stays whole."""
    if len(commands) <= records_max:
        return [commands]
    heads = [*np.flatnonzero(commands["kind"] != CommandKind.CONTINUATION).tolist(), len(commands)]
    parts, start, last = [], 0, heads[0]
    for head in heads[1:]:
        if head - start > records_max and last > start:
            parts.append(commands[start:last])
            start = last
        last = head
    return [*parts, commands[start:]]


def row_after(commands: np.ndarray, count: int) -> int:
    """The row behind the first `count` commands, counted as the exchange counts them: what no header asks for is one by itself."""
    if count == 0:
        return 0
    kinds, asked = commands["kind"].tolist(), commands["continuation_count"].tolist()
    row = 0
    for _ in range(count):
        last = row + max(0, asked[row])
        row += 1
        while row <= last and row < len(kinds) and kinds[row] == CommandKind.CONTINUATION:
            row += 1
    return row
