"""Lock: one writer of a data folder at a time.

Responsible for: taking the lock, naming who holds it. Must not: wait, break a lock: the system frees it when its process ends.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..errors import JournalError, JournalLockedError

_LOCKED_BYTE = 2**20  # Windows locks bytes, and a locked one cannot be read: far behind the holder's name


class FolderLock:
    """Held from its making until `release` or the end of the process."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Errors  JournalLockedError names the process that holds it."""
        try:
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(f"data folder {folder}: cannot be written: {error.strerror}") from None
        if not _is_taken(self._file):
            holder = _holder(os.read(self._file, 4_096))
            os.close(self._file)
            raise JournalLockedError(
                f"data folder {folder} is in use by {holder}: end that process, or take another folder with --data"
            )
        program = " ".join([os.path.basename(sys.argv[0]) or "python", *sys.argv[1:]])[:200]
        try:
            os.truncate(self._file, 0)
            os.write(self._file, json.dumps({"process": os.getpid(), "program": program}).encode())
        except OSError as error:
            os.close(self._file)
            raise JournalError(f"data folder {folder}: cannot be written: {error.strerror}") from None

    def release(self) -> None:
        """Let others write."""
        if self._file is not None:
            os.truncate(self._file, 0)
            os.close(self._file)
            self._file = None


def holder_of(path: Path) -> str | None:
    """Who holds a lock, in words; None when nobody does. Nothing is taken or written."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _is_free(file) else _holder(os.read(file, 4_096))
    finally:
        os.close(file)


def _is_free(file: int) -> bool:
    if sys.platform == "win32":
        return _is_taken(file)
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_taken(file: int) -> bool:
    """Whether the lock is ours now."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(text: bytes) -> str:
    try:
        told = json.loads(text)
        process, program = int(told["process"]), str(told["program"])
    except (ValueError, KeyError, TypeError):
        return "another process"
    whose = "this process" if process == os.getpid() else f"process {process}"
    return f"{whose} ({program})"
