"""Settings: what a venue in a data folder is, beside its journal: which market, from when, at what speed.

Responsible for: DIR/venue.json and DIR/address.json. Must not: open a market, know a secret.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from ..errors import InputError, JournalError
from ..journal.durable import write_whole
from .clock import SPEED_ONE, ClockSetting

SETTINGS_FILE = "venue.json"
ADDRESS_FILE = "address.json"
_SCHEMA = "isocross.venue"


class VenueSettings(msgspec.Struct, kw_only=True):
    """One venue. What its market is cannot change: the past it made is in the journal."""

    schema: str = _SCHEMA
    market: str
    seed: int | None = None
    start_ms: int
    begin: str | None = None  # of a replay
    as_recorded: bool = False
    prices: dict[str, str] = {}  # the first ones, where they were given
    flow_account: int | None = None
    speed_thousandths: int = SPEED_ONE
    lag_ms: int = 0
    funding_rates_e8: dict[str, int] = {}  # set by hand

    @property
    def clock(self) -> ClockSetting:
        """How its clock ran last."""
        return ClockSetting(self.speed_thousandths, self.lag_ms)

    def write(self, folder: Path) -> None:
        """Put it beside the journal, on disk."""
        write_whole(folder / SETTINGS_FILE, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def read_settings(folder: Path) -> VenueSettings | None:
    """The settings of a data folder; None: it has none. Errors  JournalError: they are none of ours."""
    path = folder / SETTINGS_FILE
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=VenueSettings)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise JournalError(f"{path}: is damaged ({error}); take it out of a backup, or name another folder") from None
    if settings.schema != _SCHEMA:
        raise JournalError(f"{path}: schema {settings.schema!r}; expected {_SCHEMA!r}")
    return settings


def checked_same(folder: Path, name: str, there: Any, wanted: Any) -> None:
    """A folder's venue is what it was made as. Errors  InputError names both."""
    if wanted is not None and wanted != there:
        raise InputError(
            f"--{name}: {wanted}: the venue in {folder} was made with {there}; leave it out, or name another folder with --data"
        )


def default_folder() -> Path:
    """Where a venue lives that nobody gave a folder."""
    from platformdirs import user_data_path

    return user_data_path("isocross", appauthor=False) / "venue"


def write_address(folder: Path, url: str) -> None:
    """Tell other programs on this machine where the venue of a folder answers."""
    write_whole(folder / ADDRESS_FILE, msgspec.json.encode({"url": url, "process": os.getpid()}))


def remove_address(folder: Path) -> None:
    """It answers nowhere any more."""
    (folder / ADDRESS_FILE).unlink(missing_ok=True)


def read_address(folder: Path) -> str | None:
    """Where the venue of a folder answered last; None: nowhere."""
    try:
        return str(msgspec.json.decode((folder / ADDRESS_FILE).read_bytes())["url"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return None
