"""Command: from named integers to the records the kernel reads.

Responsible for: packing one command fast and a batch conveniently; a clear error for a field that does not exist or does
not fit; client ids as a hash and as text; the record types COMMAND and EVENT for those who may not know the kernel. Must not: judge a command (the kernel refuses), know a symbol or an account.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from .codes import CommandKind
from .errors import InputError
from .kernel.schema import COMMAND as COMMAND
from .kernel.schema import EVENT as EVENT
from .kernel.schema import FORMAT_VERSION as FORMAT_VERSION
from .kernel.schema import NO_ROW as NO_ROW
from .limits import CLIENT_ID_BYTES_MAX

_CODES = {"i1": "b", "i2": "h", "i4": "i", "i8": "q"}
COMMAND_FIELDS = COMMAND.names or ()
_FIELD_INDEX = {name: index for index, name in enumerate(COMMAND_FIELDS)}
_PACK = struct.Struct("<" + "".join(_CODES[COMMAND[name].str[1:]] for name in COMMAND_FIELDS))
assert _PACK.size <= COMMAND.itemsize
assert [COMMAND.fields[n][1] for n in COMMAND_FIELDS] == [  # type: ignore[index]
    struct.calcsize("<" + "".join(_CODES[COMMAND[m].str[1:]] for m in COMMAND_FIELDS[:i])) for i in range(len(COMMAND_FIELDS))
], "the record has no padding between fields"
CommandRow = namedtuple("CommandRow", COMMAND_FIELDS)  # type: ignore[misc]  # a COMMAND row as plain integers
_DEFAULTS = [0] * len(COMMAND_FIELDS)
_DEFAULTS[_FIELD_INDEX["symbol"]] = NO_ROW
_KIND = _FIELD_INDEX["kind"]


def pack_one(buffer: memoryview, kind: CommandKind, sequence: int, time_ms: int, fields: dict[str, int]) -> None:
    """Write one COMMAND record into a buffer. Errors  InputError names the field or the kind."""
    values = _DEFAULTS.copy()
    values[0] = sequence
    values[1] = time_ms
    try:
        for name, value in fields.items():
            values[_FIELD_INDEX[name]] = value
        values[_KIND] = kind
        _PACK.pack_into(buffer, 0, *values)
    except KeyError as unknown:
        raise InputError(f"{unknown.args[0]!r} is not a field of a command") from None
    except (struct.error, TypeError):
        raise InputError(f"{getattr(kind, 'name', repr(kind))}: {_what_does_not_fit(kind, fields)}") from None


def pack_unstamped(kind: CommandKind, fields: dict[str, int], client_id: str = "") -> bytes:
    """The records of one command that has neither sequence nor time yet; `stamped` gives it both. Errors  as `pack_one`."""
    if not client_id:
        packed = bytearray(COMMAND.itemsize)
        pack_one(memoryview(packed), kind, 0, 0, fields)
        return bytes(packed)
    identified = client_id_fields(client_id)
    packed = bytearray(2 * COMMAND.itemsize)
    whole = memoryview(packed)
    header = {**fields, "client_id_hash": identified["client_id_hash"], "continuation_count": 1}
    pack_one(whole, kind, 0, 0, header)
    pack_one(whole[COMMAND.itemsize :], CommandKind.CONTINUATION, 0, 0, identified["records"][0])
    return bytes(packed)


def stamped(commands: Sequence[bytes], time_ms: int, sequence: int) -> np.ndarray:
    """Commands of `pack_unstamped` as one array of records, all at one time, their sequences counting up."""
    records = np.frombuffer(bytearray().join(commands), dtype=COMMAND)
    if len(records) == len(commands):
        records["sequence"] = range(sequence, sequence + len(commands))
        records["time_ms"] = time_ms
        return records
    heads = np.flatnonzero(records["kind"] != CommandKind.CONTINUATION)
    records["sequence"][heads] = range(sequence, sequence + len(commands))
    records["time_ms"][heads] = time_ms
    return records


def pack_batch(commands: Sequence[tuple[CommandKind, dict[str, Any]]], time_ms: int, sequence: int) -> np.ndarray:
    """COMMAND records of (kind, fields); a field `records` holds a list of continuations. Sequences count up."""
    size = sum(1 + len(fields.get("records", ())) for _, fields in commands)
    packed = np.zeros(size, dtype=COMMAND)
    bytes_of = packed.view(np.uint8).reshape(size, COMMAND.itemsize)
    row = 0
    for kind, fields in commands:
        records = fields.get("records", ())
        header = {name: value for name, value in fields.items() if name != "records"}
        number = header.setdefault("sequence", sequence)
        header.setdefault("time_ms", time_ms)
        header["continuation_count"] = header.get("continuation_count", len(records))
        pack_one(bytes_of[row].data, kind, number, time_ms, header)
        sequence = number + 1
        for record in records:
            row += 1
            pack_one(bytes_of[row].data, CommandKind.CONTINUATION, 0, 0, record)
        row += 1
    return packed


_TEXT_FIELDS = ("amount_e8", "index_e8", "mark_e8", "mid_e8", "rate_e8")  # 40 bytes in a row, of a record behind an order
_CLIENT_ID = re.compile(f"[ -~]{{1,{CLIENT_ID_BYTES_MAX}}}")
assert 8 * len(_TEXT_FIELDS) >= CLIENT_ID_BYTES_MAX


def client_id_hash(client_id: str) -> int:
    """The number that stands for a client id in commands and in the order row: 64 bits of its BLAKE2b, never 0."""
    digest = hashlib.blake2b(client_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


def client_id_fields(client_id: str) -> dict[str, Any]:
    """The fields by which an order carries a client id: the hash for the kernel, the text in a record for the journal.

    Errors   InputError for anything but 1 … 36 printable ASCII characters.
    """
    if not _CLIENT_ID.fullmatch(client_id):
        raise InputError(f"client_id: {client_id!r} is not 1 … {CLIENT_ID_BYTES_MAX} printable ASCII characters")
    words = struct.unpack(f"<{len(_TEXT_FIELDS)}q", client_id.encode().ljust(8 * len(_TEXT_FIELDS), b"\0"))
    return {"client_id_hash": client_id_hash(client_id), "records": [dict(zip(_TEXT_FIELDS, words, strict=True))]}


def client_id_of(command: np.ndarray) -> str | None:
    """The client id of an order's records (header first); None where it has none, or none that is spelled out."""
    kinds = (CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL)
    if len(command) < 2 or command["kind"][0] not in kinds or command["kind"][1] != CommandKind.CONTINUATION:
        return None
    words = (int(command[name][1]) for name in _TEXT_FIELDS)
    text = struct.pack(f"<{len(_TEXT_FIELDS)}q", *words).rstrip(b"\0").decode("ascii", "replace")
    return text if _CLIENT_ID.fullmatch(text) else None


def canonical(commands: np.ndarray) -> np.ndarray:
    """A copy of COMMAND records in which the bytes behind the fields are zero: equal commands, equal bytes."""
    if commands.dtype != COMMAND:
        raise InputError(f"commands: dtype {commands.dtype} is not COMMAND")
    copied = np.frombuffer(bytearray(commands.tobytes()), dtype=np.uint8).reshape(len(commands), COMMAND.itemsize)
    copied[:, _PACK.size :] = 0
    return copied.reshape(-1).view(COMMAND)


def last_head(commands: np.ndarray) -> int:
    """The row of the last command's header among COMMAND records of whole commands."""
    row = len(commands) - 1
    while commands["kind"].item(row) == CommandKind.CONTINUATION:
        row -= 1
    return row


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Some arrays of records as one, which cannot be written. Joined as bytes: numpy joins records field by field."""
    return np.frombuffer(b"".join(np.ascontiguousarray(part).data for part in parts), dtype=parts[0].dtype)


def _what_does_not_fit(kind: Any, fields: dict[str, Any]) -> str:
    if not isinstance(kind, int) or not 0 <= kind < 2**15:
        return "the kind of a command is a CommandKind"
    for name, value in fields.items():
        if isinstance(value, bool | int) or hasattr(value, "__index__"):
            bits = 8 * COMMAND[name].itemsize - 1
            if not -(2**bits) <= int(value) < 2**bits:
                return f"{name}: {value} does not fit {COMMAND[name]}"
        else:
            return f"{name}: {value!r} is not an integer (the exchange counts in ticks, lots and money × 10^8)"
    return "sequence or time_ms does not fit int64"
