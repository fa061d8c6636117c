"""Accounts: who trades here: names, API keys and secrets, and the key of the control plane.

Responsible for: making keys, finding an account by key or name, DIR/keys.json (readable by its owner alone), one step before the
account exists, so that no account is ever without its keys. Must not: apply a command, check a signature, print a secret.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, JournalError
from ..journal.durable import TEMPORARY, sync_folder

KEY_PREFIX = "isocross-"  # of every key: nobody mistakes one for a real venue's
KEYS_FILE = "keys.json"
FIRST_ACCOUNT = 2  # 0 is the insurance fund, 1 the house
NAME_MAX = 32
_SCHEMA = "isocross.keys"
_KEY_BYTES = 24


@dataclass(frozen=True, slots=True)
class Account:
    """One account: its row in the exchange, its name, and what opens it."""

    row: int
    name: str
    api_key: str
    secret: str = field(repr=False)


class Accounts:
    """All accounts of one venue. `path`: the file they are kept in; None: nowhere."""

    def __init__(self, path: Path | None = None) -> None:
        """Errors  JournalError when the file cannot be read, or is none of ours."""
        self._path = path
        self._by_key: dict[str, Account] = {}
        self._by_name: dict[str, Account] = {}
        self._by_row: dict[int, Account] = {}
        self._reserved = FIRST_ACCOUNT - 1  # rows up to here are nobody's to have
        self.control_key = _new_key("control-")
        if path is not None and path.exists():
            self._read(path)
        elif path is not None:
            self._write()

    def __iter__(self) -> Iterator[Account]:
        """In the order of their rows."""
        return iter([self._by_row[row] for row in sorted(self._by_row)])

    def __len__(self) -> int:
        return len(self._by_row)

    def by_key(self, api_key: str) -> Account | None:
        """The account that an API key opens."""
        return self._by_key.get(api_key)

    def by_row(self, row: int) -> Account | None:
        """The account of a row of the exchange."""
        return self._by_row.get(row)

    def by_name(self, name: str) -> Account:
        """An account by its name. Errors  InputError names those that are there."""
        account = self._by_name.get(name)
        if account is None:
            raise InputError(f"account {name!r}: is not there; expected one of {', '.join(self._by_name) or 'none'}")
        return account

    def new(self, name: str) -> Account:
        """Keys for an account that is to be created, written down before it is. Errors  InputError; OSError."""
        checked_name(name)
        if name in self._by_name:
            raise InputError(f"account {name!r}: is there already")
        return self._keep(Account(self._next_row(), name, _new_key(), secrets.token_hex(_KEY_BYTES)))

    def reserve_next(self) -> int:
        """A row for an account of the market's own, which nobody has keys for."""
        row = self._next_row()
        self.reserve(row)
        return row

    def _next_row(self) -> int:
        return max(self._reserved, *self._by_row, FIRST_ACCOUNT - 1) + 1

    def reserve(self, row: int) -> None:
        """Accounts to come have rows behind this one: it is the market's own."""
        self._reserved = max(self._reserved, row)

    def copy(self, path: Path | None = None) -> Accounts:
        """The same accounts and keys, for a world beside this one. `path`: the file they are kept in; None: nowhere."""
        other = Accounts()
        other.control_key, other._reserved = self.control_key, self._reserved
        for account in self:
            other._index(account)
        other._path = path
        if path is not None:
            other._write()
        return other

    def renew(self, name: str) -> Account:
        """Other keys for an account; the old ones open nothing any more. Errors  InputError; OSError."""
        old = self.by_name(name)
        del self._by_key[old.api_key]
        return self._keep(Account(old.row, name, _new_key(), secrets.token_hex(_KEY_BYTES)))

    def _keep(self, account: Account) -> Account:
        self._index(account)
        if self._path is not None:
            self._write()
        return account

    def _index(self, account: Account) -> None:
        self._by_key[account.api_key] = self._by_name[account.name] = self._by_row[account.row] = account

    def _read(self, path: Path) -> None:
        try:
            told: dict[str, Any] = json.loads(path.read_bytes())
            assert told["schema"] == _SCHEMA
            self.control_key = str(told["control_key"])
            for one in told["accounts"]:
                self._index(Account(int(one["row"]), str(one["name"]), str(one["api_key"]), str(one["secret"])))
        except OSError as error:
            raise JournalError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AssertionError):
            raise JournalError(
                f"{path}: is no list of keys of this program; move it away and keys are made anew"
            ) from None

    def _write(self) -> None:
        assert self._path is not None
        accounts = [{"name": one.name, "row": one.row, "api_key": one.api_key, "secret": one.secret} for one in self]
        text = json.dumps({"schema": _SCHEMA, "control_key": self.control_key, "accounts": accounts}, indent=1) + "\n"
        write_private(self._path, text.encode())


def checked_name(name: str) -> str:
    """A name that an account can have. Errors  InputError."""
    if not (0 < len(name) <= NAME_MAX and name.isascii() and all(c.isalnum() or c in "-_." for c in name)):
        raise InputError(f"account {name!r}: expected 1 … {NAME_MAX} letters, digits, '-', '_' or '.'")
    return name


def write_private(path: Path, data: bytes) -> None:
    """Put a file in its place, whole, on disk, and readable by its owner alone from its first moment."""
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def _new_key(what: str = "") -> str:
    return KEY_PREFIX + what + secrets.token_hex(_KEY_BYTES)
