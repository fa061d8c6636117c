"""Folder: what a data folder is, where its files lie, and whose it is: format, rulebook, symbols, seed.

Responsible for: making one, opening one, refusing one of another version. Must not: read or write a command.

    genesis.json      what the exchange was before its first command; its checksum begins the chain of groups
    genesis.state     only where it had lived before: the snapshot it began with
    journal.sqlite3   the groups, with journal.sqlite3-wal and -shm while it is written
    head              how far it was committed
    snapshots/        HASH.state
    lock              who writes

genesis.json comes last when a folder is made: a folder without it holds nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import rulebook as rulebooks
from ..command import FORMAT_VERSION as ENGINE_FORMAT
from ..errors import InputError, JournalCorruptError, JournalError, JournalVersionError
from ..rulebook.document import with_content_hash
from .durable import TEMPORARY, sync_folder, write_whole
from .group import Point
from .head import read_head, write_head
from .history import Genesis
from .lock import FolderLock
from .store import FORMAT as JOURNAL_FORMAT
from .store import SqliteStore, StoreDamage

MANIFEST = "genesis.json"
_SCHEMA = "isocross.data-folder"
_STORE = "journal.sqlite3"
_GENESIS_STATE = "genesis.state"
_OURS = {
    _GENESIS_STATE,
    _GENESIS_STATE + TEMPORARY,
    _STORE,
    f"{_STORE}-wal",
    f"{_STORE}-shm",
    "head",
    "snapshots",
    "lock",
    MANIFEST + TEMPORARY,
}


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder of this version."""

    path: Path
    genesis: Genesis
    rulebook_hash: str
    written_by: str  # the package version that made it
    start: Point  # the place before the first group

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Whether there is a data folder, of whatever version."""
        return (Path(path) / MANIFEST).exists()

    @classmethod
    def create(cls, path: str | Path, genesis: Genesis) -> DataFolder:
        """A new data folder; missing parents are made.

        Errors   InputError when something else is there; JournalLockedError; JournalError.
        """
        path = Path(path)
        if cls.exists(path):
            raise InputError(f"data folder {path}: is there already; open it, or name a folder that is not there")
        if path.exists() and not path.is_dir():
            raise InputError(f"data folder {path}: is a file; name a folder that is not there")
        if _holds_commands(path):
            raise InputError(
                f"data folder {path}: holds commands and no {MANIFEST}; put that file back, or name another folder"
            )
        strangers = sorted(entry.name for entry in path.iterdir() if entry.name not in _OURS) if path.is_dir() else []
        if strangers:
            raise InputError(f"data folder {path}: holds other things ({strangers[0]}, …); name an empty folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "snapshots").mkdir(exist_ok=True)
        except OSError as error:
            raise JournalError(f"data folder {path}: cannot be made: {error.strerror}") from None
        lock = FolderLock(path / "lock", path)
        try:
            if cls.exists(path):
                raise InputError(f"data folder {path}: another process has just made it")
            text = _manifest_text(genesis)
            if genesis.snapshot is not None:
                write_whole(path / _GENESIS_STATE, genesis.snapshot)
            SqliteStore.create(path / _STORE)
            write_head(path / "head", _start_of(text))
            write_whole(path / MANIFEST, text.encode())
            sync_folder(path.parent)
        except OSError as error:
            raise JournalError(f"data folder {path}: cannot be made: {error.strerror}") from None
        finally:
            lock.release()
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> DataFolder:
        """The data folder at a path, read but not locked.

        Errors   JournalError when there is none; JournalVersionError; JournalCorruptError when genesis.json is damaged.
        """
        path = Path(path)
        try:
            text = (path / MANIFEST).read_bytes().decode()
        except (FileNotFoundError, NotADirectoryError):
            if _holds_commands(path):
                raise JournalCorruptError(
                    f"data folder {path}: {MANIFEST} is missing; no command can be read without it", 0, 0
                ) from None
            raise JournalError(f"data folder {path}: there is none ({MANIFEST} is missing)") from None
        except OSError as error:
            raise JournalError(f"data folder {path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise _damaged(path) from None
        manifest = _manifest_of(text, path)
        found = (manifest["journal_format"], manifest["engine_format"])
        if found != (JOURNAL_FORMAT, ENGINE_FORMAT):
            raise JournalVersionError(
                f"data folder {path}: holds journal format {found[0]} and engine format {found[1]} (written by "
                f"{manifest['written_by']}); this program ({_program()}) reads {JOURNAL_FORMAT} and {ENGINE_FORMAT} alone. Nothing "
                f"was changed: {_way_out(manifest['written_by'])}, or start with an empty folder"
            )
        rulebook = rulebooks.from_document(manifest["rulebook"])
        snapshot = _genesis_state(path, manifest["state_hash"])
        genesis = Genesis(rulebook, tuple(manifest["symbols"]), manifest["seed"], snapshot)
        return cls(path, genesis, manifest["rulebook_hash"], manifest["written_by"], _start_of(text))

    def lock(self) -> FolderLock:
        """The right to write it. Errors  JournalLockedError."""
        return FolderLock(self.lock_path, self.path)

    def store(self, *, writes: bool = False) -> SqliteStore:
        """Its groups. Errors  StoreDamage when the file cannot be opened."""
        return SqliteStore(self.path / _STORE, writes=writes)

    @property
    def lock_path(self) -> Path:
        """Held by who writes it."""
        return self.path / "lock"

    @property
    def head_path(self) -> Path:
        """Where it is noted how far it was committed."""
        return self.path / "head"

    @property
    def snapshots_path(self) -> Path:
        """Where its snapshots lie."""
        return self.path / "snapshots"


def _holds_commands(path: Path) -> bool:
    """Whether anything was committed here: a folder whose making was cut short holds nothing."""
    head, _ = read_head(path / "head")
    if head is not None and head.number > 0:
        return True
    try:
        store = SqliteStore(path / _STORE)
    except StoreDamage:
        return False
    try:
        return store.last_number() > 0
    except StoreDamage:
        return False
    finally:
        store.close()


def _manifest_text(genesis: Genesis) -> str:
    manifest: dict[str, Any] = {
        "schema": _SCHEMA,
        "journal_format": JOURNAL_FORMAT,
        "engine_format": ENGINE_FORMAT,
        "written_by": _program(),
        "seed": genesis.seed,
        "start_position": 0 if genesis.snapshot is None else genesis.exchange().command_count,
        "state_hash": None if genesis.snapshot is None else hashlib.sha256(genesis.snapshot).hexdigest(),
        "symbols": list(genesis.symbols),
        "rulebook_hash": with_content_hash(genesis.rulebook).content_hash,
        "rulebook": rulebooks.to_document(genesis.rulebook),
    }
    return json.dumps({"sha256": _checksum(manifest), **manifest}, indent=1, ensure_ascii=False) + "\n"


def _manifest_of(text: str, path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(text)
        is_whole = manifest.pop("sha256") == _checksum(manifest) and manifest["schema"] == _SCHEMA
    except (ValueError, KeyError, TypeError, AttributeError):
        is_whole = False
    if not is_whole:
        raise _damaged(path)
    return manifest


def _checksum(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _start_of(text: str) -> Point:
    """The chain begins with the genesis: groups cannot be put behind another one."""
    manifest = json.loads(text)
    return Point(0, manifest["start_position"], 0, hashlib.sha256(manifest["sha256"].encode()).digest())


def _genesis_state(path: Path, state_hash: str | None) -> bytes | None:
    if state_hash is None:
        return None
    try:
        data = (path / _GENESIS_STATE).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != state_hash:
        raise _damaged(path, _GENESIS_STATE)
    return data


def _damaged(path: Path, name: str = MANIFEST) -> JournalCorruptError:
    return JournalCorruptError(
        f"data folder {path}: {name} does not match its checksum; no command can be read without it", 0, 0
    )


def _program() -> str:
    """What is running, as a folder notes it."""
    from importlib.metadata import version

    return f"isocross {version('isocross')}"


def _way_out(written_by: str) -> str:
    """What opens a folder of another format: the formats may differ between two builds of one version."""
    if written_by == _program():
        return "open it with the build that wrote it (they may change between two builds of one version)"
    return f"open it with {written_by}"
