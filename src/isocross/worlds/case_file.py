"""Case file: one file that holds a world: rulebook, seed, commands, notes, and the hash that they replay to.

Responsible for: the format, its versions, checking all of it before it is believed. Must not: replay.

A ZIP archive, so that any tool opens it, with these members, the same bytes for the same case:
    case.json        the manifest: format, versions, symbols, seed, account names, notes, count and state hash, and the
                     SHA-256 of every other member
    rulebook.json    the whole rulebook as plain data (rulebook/document.py)
    commands.bin     COMMAND records, as they were applied
    genesis.bin      only where the world began with a snapshot of an exchange that had lived before
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from ..codes import CommandKind
from ..command import COMMAND, FORMAT_VERSION, canonical, joined
from ..errors import CaseFileError
from ..journal.history import Genesis
from ..rulebook import from_document, to_document

FORMAT = "isocross.case"
VERSION = 1
_MANIFEST, _RULEBOOK, _COMMANDS, _GENESIS = "case.json", "rulebook.json", "commands.bin", "genesis.bin"
_MANIFEST_BYTES_MAX = 2**24
_READ_RECORDS = 8_192
_MADE_AT = (1980, 1, 1, 0, 0, 0)  # of every member: a case does not depend on when it was saved
_DAMAGE = (  # what reading an archive whose bytes are not its own can raise
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, KeyError,
)  # fmt: skip


class Manifest(msgspec.Struct, kw_only=True):
    """What a case file says of itself."""

    format: str
    version: int
    engine_format: int  # of the command records and of the state that is hashed
    record: list[list[str]]  # name and type of every field of a command record
    symbols: list[str]
    seed: int | None
    names: dict[str, int]  # of accounts
    notes: str
    records: int  # commands and their continuations
    state_hash: str
    bug: str = ""  # what the last command met, where the world was saved to report it
    sha256: dict[str, str]  # of the other members


@dataclass(frozen=True)
class CaseHistory:
    """A History that reads its commands from a case file, each time anew."""

    path: Path
    genesis: Genesis
    manifest: Manifest

    def blocks(self) -> Iterator[np.ndarray]:
        """COMMAND arrays. Errors   CaseFileError when the file is no longer what it was."""
        rest = np.zeros(0, dtype=COMMAND)
        for raw in _read(self.path, _COMMANDS, self.manifest.sha256[_COMMANDS], _READ_RECORDS * COMMAND.itemsize):
            records = joined([rest, np.frombuffer(raw, dtype=COMMAND)])
            heads = np.flatnonzero(records["kind"] != CommandKind.CONTINUATION)
            last = int(heads[-1]) if len(heads) else 0  # its continuations may lie in what comes next
            if last:
                yield records[:last]
            rest = records[last:]
        if len(rest):
            yield rest


def write(
    path: Path,
    genesis: Genesis,
    blocks: Iterable[np.ndarray],
    *,
    names: dict[str, int],
    notes: str,
    state_hash: str,
    bug: str,
) -> None:
    """Write a case file whole, or not at all."""
    sums: dict[str, str] = {}
    records = 0
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            document = json.dumps(to_document(genesis.rulebook), ensure_ascii=False, indent=1, sort_keys=True)
            sums[_RULEBOOK] = _add(archive, _RULEBOOK, [document.encode()])
            if genesis.snapshot is not None:
                sums[_GENESIS] = _add(archive, _GENESIS, [genesis.snapshot])

            def counted() -> Iterator[bytes]:
                nonlocal records
                for block in blocks:
                    records += len(block)
                    yield canonical(block).tobytes()

            sums[_COMMANDS] = _add(archive, _COMMANDS, counted())
            manifest = Manifest(
                format=FORMAT,
                version=VERSION,
                engine_format=FORMAT_VERSION,
                record=_record_fields(),
                symbols=list(genesis.symbols),
                seed=genesis.seed,
                names=names,
                notes=notes,
                records=records,
                state_hash=state_hash,
                bug=bug,
                sha256=sums,
            )
            _add(archive, _MANIFEST, [msgspec.json.format(msgspec.json.encode(manifest), indent=1)])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path: Path) -> CaseHistory:
    """A case file, every member of it checked but not yet replayed.

    Errors   CaseFileError: not a case file, of another version, damaged; the text says which and what was expected.
    """
    manifest = _manifest(path)
    whole = {name: b"".join(_read(path, name, manifest.sha256[name])) for name in _members(manifest)}
    for _ in _read(path, _COMMANDS, manifest.sha256[_COMMANDS], _READ_RECORDS * COMMAND.itemsize):
        pass
    try:
        rulebook = from_document(json.loads(whole[_RULEBOOK]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaseFileError(f"{path}: its rulebook cannot be read: {error!r}") from None
    unknown = sorted(set(manifest.symbols) - set(rulebook.symbols))
    if unknown or not manifest.symbols or len(set(manifest.symbols)) != len(manifest.symbols):
        raise CaseFileError(f"{path}: its symbols {manifest.symbols} are not contracts of its rulebook, each once")
    genesis = Genesis(rulebook, tuple(manifest.symbols), manifest.seed, whole.get(_GENESIS))
    return CaseHistory(path, genesis, manifest)


# ---- private


def _manifest(path: Path) -> Manifest:
    """The manifest, of a version that this program reads."""
    with _opened(path) as archive:
        if _MANIFEST not in archive.namelist():
            raise CaseFileError(f"{path}: not a case file: it is a ZIP archive without {_MANIFEST}")
        if archive.getinfo(_MANIFEST).file_size > _MANIFEST_BYTES_MAX:
            raise CaseFileError(f"{path}: not a case file: its {_MANIFEST} is larger than {_MANIFEST_BYTES_MAX} bytes")
    raw = b"".join(_read(path, _MANIFEST, None))
    try:
        head: Any = json.loads(raw)
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise CaseFileError(f"{path}: not a case file: its {_MANIFEST} does not say format {FORMAT!r}")
        if head.get("version") != VERSION:
            raise CaseFileError(
                f"{path}: a case file of version {head.get('version')!r}; this isocross reads {VERSION}"
            )
        manifest = msgspec.convert(head, Manifest)
    except (ValueError, msgspec.ValidationError) as error:
        raise CaseFileError(f"{path}: its {_MANIFEST} is not what version {VERSION} holds: {error}") from None
    if manifest.engine_format != FORMAT_VERSION or manifest.record != _record_fields():
        raise CaseFileError(
            f"{path}: made by an engine of format {manifest.engine_format}, this one has {FORMAT_VERSION}: "
            "its commands may mean something else here; replay it with the isocross that saved it"
        )
    with _opened(path) as archive:
        for name in (*_members(manifest), _COMMANDS):
            if name not in archive.namelist():
                raise CaseFileError(f"{path}: damaged: {name} is missing")
            if name not in manifest.sha256:
                raise CaseFileError(f"{path}: damaged: {name} is not listed in {_MANIFEST}")
        size, expected = archive.getinfo(_COMMANDS).file_size, manifest.records * COMMAND.itemsize
        if size != expected:
            raise CaseFileError(
                f"{path}: damaged: {_COMMANDS} has {size} bytes, {manifest.records} records are {expected}"
            )
    return manifest


def _members(manifest: Manifest) -> tuple[str, ...]:
    """Those that are read whole."""
    return (_RULEBOOK, _GENESIS) if _GENESIS in manifest.sha256 else (_RULEBOOK,)


def _record_fields() -> list[list[str]]:
    return [[name, COMMAND[name].str] for name in COMMAND.names or ()]


def _add(archive: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> str:
    """Add a member. Returns its SHA-256."""
    digest = hashlib.sha256()
    info = zipfile.ZipInfo(name, _MADE_AT)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    with archive.open(info, "w", force_zip64=True) as member:
        for part in parts:
            digest.update(part)
            member.write(part)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive. Errors   CaseFileError; OSError when there is no such file."""
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGE:
            raise CaseFileError(f"{path}: not a case file: expected a ZIP archive with {_MANIFEST} in it") from None
        with archive:
            yield archive


def _read(path: Path, name: str, sha256: str | None, piece: int = -1) -> Iterator[bytes]:
    """A member, piece by piece; at its end its checksum has been found right. Errors   CaseFileError."""
    digest = hashlib.sha256()
    with _opened(path) as archive:
        try:
            with archive.open(name) as member:
                for part in _pieces(member, piece):
                    digest.update(part)
                    yield part
        except _DAMAGE as error:
            raise CaseFileError(f"{path}: damaged: {name} cannot be read ({error})") from None
    if sha256 is not None and digest.hexdigest() != sha256:
        raise CaseFileError(
            f"{path}: damaged: {name} is not what was saved (its SHA-256 is {digest.hexdigest()[:12]}…)"
        )


def _pieces(member: IO[bytes], piece: int) -> Iterator[bytes]:
    while part := member.read(piece):
        yield part
