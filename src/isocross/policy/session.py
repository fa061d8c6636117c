"""Session: one sitting of a trader, in which the margin mode of a contract is set or acknowledged, or asked for anew.

Responsible for: when a session began, what was acknowledged in it, the file that keeps both. Must not: decide what an
unconfirmed mode is worth, read a clock: a session begins at a command of the exchange, not at a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..codes import MarginMode
from ..errors import ChecklistError, InputError
from ..journal.durable import write_whole
from ..views import SettingsView

SCHEMA = "isocross.acknowledgements/1"


@dataclass(slots=True)
class Session:
    """What is confirmed since it began. Contracts are told apart by account and symbol."""

    name: str
    first_sequence: int  # of the first command that belongs to it
    acknowledged: dict[tuple[int, str], MarginMode] = field(default_factory=dict)

    def acknowledge(self, account: int, symbol: str, mode: MarginMode) -> None:
        """The trader has seen that this contract is in this mode."""
        self.acknowledged[account, symbol] = mode

    def confirmed_by(self, settings: SettingsView) -> str | None:
        """How a contract's mode was confirmed in this session; None when it was not. An acknowledgement of another mode
        than the one that holds counts for nothing."""
        if settings.margin_mode_sequence is not None and settings.margin_mode_sequence >= self.first_sequence:
            return "set in this session"
        if self.acknowledged.get((settings.account, settings.symbol)) == settings.margin_mode:
            return "acknowledged in this session"
        return None


class SessionFile:
    """Sessions by name, in a JSON file that may not exist yet."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._sessions: dict[str, Session] = {}
        if self.path.exists():
            self._read()

    def session(self, name: str, next_sequence: int) -> Session:
        """The session of that name; a new one begins with the exchange's next command."""
        if not name.strip() or len(name) > 64:
            raise InputError(f"session: {name!r} is not a name of 1 to 64 characters")
        return self._sessions.setdefault(name, Session(name, next_sequence))

    def write(self) -> None:
        """Replace the file, whole or not at all."""
        document = {"schema": SCHEMA, "sessions": [_to_plain(one) for one in self._sessions.values()]}
        write_whole(self.path, f"{json.dumps(document, indent=2)}\n".encode())

    def _read(self) -> None:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                raise ChecklistError(f"{self.path}: schema {document['schema']!r}: expected {SCHEMA!r}")
            sessions = [_from_plain(one) for one in document["sessions"]]
        except ChecklistError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ChecklistError(f"{self.path}: expected a file of acknowledgements ({SCHEMA})") from None
        self._sessions = {one.name: one for one in sessions}


def _to_plain(session: Session) -> dict[str, Any]:
    return {
        "name": session.name,
        "first_sequence": session.first_sequence,
        "acknowledged": [
            {"account": account, "symbol": symbol, "mode": mode.name.lower()}
            for (account, symbol), mode in session.acknowledged.items()
        ],
    }


def _from_plain(plain: dict[str, Any]) -> Session:
    acknowledged = {
        (int(one["account"]), str(one["symbol"])): MarginMode[str(one["mode"]).upper()] for one in plain["acknowledged"]
    }
    return Session(str(plain["name"]), int(plain["first_sequence"]), acknowledged)
