"""Durable: files that are there after a power cut, or not there at all.

Responsible for: writing a file whole (temporary, fsync, rename, fsync of the folder), syncing a folder.
Must not: know what a file holds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

TEMPORARY = ".tmp"  # the ending of a file that is not whole yet: whoever finds one may delete it


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in its place, whole and on disk. A crash leaves the old file or none, and perhaps a temporary one."""
    temporary = path.with_name(path.name + TEMPORARY)
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Put the names in a folder on disk. Windows has no such call, and needs none for a rename."""
    if sys.platform == "win32":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sync(descriptor: int) -> None:
    """fsync; on macOS the call that also empties the drive's own cache."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
