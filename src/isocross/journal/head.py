"""Head: a note beside the store of how far it was committed, so that a store that lost its end is found out.

Responsible for: that one small file. Must not: be needed for a recovery: the store alone decides what there is.

A store whose last commits are cut off looks like an older store, and is whole. So after every commit its place is noted here,
in two slots in turn, each with a checksum. It is written and not synced: a process that dies leaves it in the system's
hands, and after a power cut it may be behind the store, never before it.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

from .durable import write_whole
from .group import HASH_BYTES, Point

_SLOT = struct.Struct(f"<8sqqq{HASH_BYTES}s")
_MAGIC = b"ixhead\0\1"
_CHECK_BYTES = 32
_TRIES = 3  # a reader may meet the writer in the middle of a slot
SLOT_BYTES = 128
assert _SLOT.size + _CHECK_BYTES <= SLOT_BYTES


class HeadWriter:
    """Notes places in a head file."""

    def __init__(self, path: Path) -> None:
        first, second = _points_in(path.read_bytes() if path.exists() else b"")
        self._slot = 0 if first is None or (second is not None and first < second) else 1  # over the older one
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)

    def note(self, point: Point) -> None:
        """Everything up to here is committed."""
        os.lseek(self._file, self._slot * SLOT_BYTES, os.SEEK_SET)
        os.write(self._file, _slot_of(point))
        self._slot = 1 - self._slot

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def read_head(path: Path) -> tuple[Point | None, bool]:
    """The last place that was noted, None when none can be read; and whether the file is as it was written."""
    for _ in range(_TRIES):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None, False
        points = [point for point in _points_in(data) if point is not None]
        if len(data) == 2 * SLOT_BYTES and len(points) == 2:
            return max(points), True
    return max(points, default=None), False


def write_head(path: Path, point: Point) -> None:
    """A new head file, with one place in both slots."""
    write_whole(path, _slot_of(point) * 2)


def _points_in(data: bytes) -> list[Point | None]:
    return [_point_of(data[start : start + SLOT_BYTES]) for start in (0, SLOT_BYTES)]


def _slot_of(point: Point) -> bytes:
    body = _SLOT.pack(_MAGIC, *point)
    return (body + hashlib.sha256(body).digest()[:_CHECK_BYTES]).ljust(SLOT_BYTES, b"\0")


def _point_of(slot: bytes) -> Point | None:
    body, check = slot[: _SLOT.size], slot[_SLOT.size : _SLOT.size + _CHECK_BYTES]
    rest = slot[_SLOT.size + _CHECK_BYTES :]
    if len(slot) != SLOT_BYTES or any(rest) or hashlib.sha256(body).digest()[:_CHECK_BYTES] != check:
        return None
    magic, number, position, sequence, chain = _SLOT.unpack(body)
    return Point(number, position, sequence, chain) if magic == _MAGIC else None
