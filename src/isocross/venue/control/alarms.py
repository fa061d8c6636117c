"""Alarms: told once when a margin ratio or the distance to liquidation crosses a line.

Responsible for: watching, and telling once per crossing: a webhook, the account's user stream, the log; keeping alarms in a file beside the
journal. Must not: compute a margin (the engine measures it), tell of what is not committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from ...codes import EventKind
from ...errors import ExchangeError, InputError, JournalError, StatusUnknownError
from ...units import ONE_E8
from ..accounts import write_private
from ..sequencer import VenueCore
from ..told import Told
from .forms import Given, Money, e8, text
from .place import Place
from .routes import endpoint

ALARMS_FILE, PAGE_ALARMS_FILE = "alarms.json", "page-alarms.json"
ALARMS_MAX = 256
_SCHEMA = "isocross.alarms"
WEBHOOK_SECONDS = 5.0
Tell = Callable[[int, dict[str, Any]], None]
_LOG = logging.getLogger("isocross.alarms")
_WATCHED = frozenset(
    int(kind)
    for kind in (EventKind.PRICES, EventKind.POSITION, EventKind.WALLET, EventKind.FUNDING, EventKind.MARGIN_MOVED)
)


class NewAlarm(msgspec.Struct, forbid_unknown_fields=True):
    """A line that a position may cross.

    margin_ratio: maintenance ÷ margin balance rises to it (1 is liquidation). distance: (mark − liquidation) ÷ mark falls to it.
    """

    account: str
    on: Literal["margin_ratio", "distance"]
    threshold: Given
    symbol: str | None = None  # null: any position of the account
    webhook: Annotated[str, msgspec.Meta(max_length=2_048)] | None = None


class _Kept(msgspec.Struct, kw_only=True):
    """One alarm in its file."""

    alarm_id: int
    account: str
    on: Literal["margin_ratio", "distance"]
    threshold: str
    symbol: str | None
    webhook: str | None


class _File(msgspec.Struct, kw_only=True):
    """The alarms that a data folder keeps."""

    schema: str = _SCHEMA
    next_id: int
    alarms: list[_Kept]


class Alarm(msgspec.Struct):
    """An alarm that is set."""

    alarm_id: int
    account: str
    on: str
    threshold: Money
    symbol: str | None
    webhook: str | None
    is_crossed: bool
    told: int  # how often since the venue has been running


class _Watched:
    """An alarm, and the side of its line on which each position was seen last."""

    def __init__(self, alarm_id: int, new: NewAlarm, account: int, symbol: int | None, threshold_e8: int) -> None:
        self.alarm_id, self.new, self.account, self.symbol, self.threshold_e8 = (
            alarm_id, new, account, symbol, threshold_e8,
        )  # fmt: skip
        self.crossed: set[int] = set()
        self.told = 0

    def shown(self) -> Alarm:
        return Alarm(
            self.alarm_id,
            self.new.account,
            self.new.on,
            text(self.threshold_e8),
            self.new.symbol,
            self.new.webhook,
            bool(self.crossed),
            self.told,
        )


class Alarms:
    """The alarms of one world. `file`: where they are kept; None: they end with the process.

    Errors   JournalError names a file that is damaged.
    """

    def __init__(self, core: VenueCore, tell: Tell, file: Path | None = None) -> None:
        self._core = core
        self._tell = tell
        self._file = file
        self._alarms: dict[int, _Watched] = {}
        self._next_id = 1
        self._sending: set[asyncio.Task[None]] = set()
        self._read()
        core.listen(self._hear)

    def add(self, new: NewAlarm) -> Alarm:
        """Set one. What is beyond its line already is no crossing. Errors  InputError; JournalError: it cannot be kept."""
        if len(self._alarms) >= ALARMS_MAX:
            raise InputError(f"alarms: {ALARMS_MAX} are set already; remove some")
        if new.webhook is not None and (
            urlsplit(new.webhook).scheme not in ("http", "https") or not urlsplit(new.webhook).hostname
        ):
            raise InputError(f"webhook: {new.webhook[:80]!r}: expected an http address")
        watched = self._watch(self._next_id, new)
        self._next_id += 1
        try:
            self._write()
        except JournalError:
            del self._alarms[watched.alarm_id]
            raise
        return watched.shown()

    def _watch(self, alarm_id: int, new: NewAlarm) -> _Watched:
        threshold = e8(new.threshold, "threshold")
        if not 0 < threshold <= 1_000 * ONE_E8:
            raise InputError(f"threshold: {new.threshold}: expected above 0, as a fraction")
        account = self._core.accounts.by_name(new.account).row
        symbol = None if new.symbol is None else self._core.exchange.symbol_row(new.symbol)
        watched = _Watched(alarm_id, new, account, symbol, threshold)
        watched.crossed = set(self._beyond(watched))
        self._alarms[alarm_id] = watched
        return watched

    def all(self) -> list[Alarm]:
        """Oldest first."""
        return [one.shown() for one in self._alarms.values()]

    def remove(self, alarm_id: int) -> None:
        """Take one away. Errors  KeyError; JournalError."""
        if alarm_id not in self._alarms:
            raise KeyError(f"alarm {alarm_id}: is not there")
        before = self._alarms
        self._alarms = {number: one for number, one in before.items() if number != alarm_id}
        try:
            self._write()
        except JournalError:
            self._alarms = before
            raise

    def _read(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_File)
            if kept.schema != _SCHEMA:
                raise msgspec.ValidationError(f"schema {kept.schema!r}; expected {_SCHEMA!r}")
            for one in kept.alarms:
                self._watch(one.alarm_id, NewAlarm(one.account, one.on, Decimal(one.threshold), one.symbol, one.webhook))
        except (OSError, msgspec.DecodeError, ArithmeticError, ExchangeError) as error:
            raise JournalError(f"{self._file}: cannot be read ({error}); remove it to go on without its alarms") from None
        self._next_id = kept.next_id

    def _write(self) -> None:
        if self._file is None:
            return
        alarms = [
            _Kept(
                alarm_id=one.alarm_id,
                account=one.new.account,
                on=one.new.on,
                threshold=str(text(one.threshold_e8)),
                symbol=one.new.symbol,
                webhook=one.new.webhook,
            )
            for one in self._alarms.values()
        ]
        try:  # for its owner's eyes: a webhook may be a secret
            write_private(self._file, msgspec.json.encode(_File(next_id=self._next_id, alarms=alarms)))
        except OSError as error:
            raise JournalError(f"{self._file}: cannot be written: {error.strerror}") from None

    async def close(self) -> None:
        """Wait for no webhook any more."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _hear(self, told: Told) -> None:
        if not self._alarms or _WATCHED.isdisjoint(told.event_kinds):
            return
        for watched in self._alarms.values():
            beyond = self._beyond(watched)
            new = beyond.keys() - watched.crossed
            watched.crossed = set(beyond)
            for symbol in sorted(new):
                self._raise(watched, symbol, beyond[symbol])

    def _beyond(self, watched: _Watched) -> dict[int, int]:
        """Positions that are beyond the line, by symbol, with what was measured × 10^8."""
        found = {}
        for position in self._core.exchange.positions(watched.account):
            symbol = self._core.exchange.symbol_row(position.symbol)
            if not position.lots or watched.symbol not in (None, symbol):
                continue
            if watched.new.on == "margin_ratio":
                balance = position.margin_balance_e8
                measured = position.pool_maintenance_e8 * ONE_E8 // balance if balance > 0 else 1_000 * ONE_E8
                is_beyond = measured >= watched.threshold_e8
            elif position.liquidation_mark_e8 is None:
                continue
            else:
                measured = abs(position.mark_e8 - position.liquidation_mark_e8) * ONE_E8 // position.mark_e8
                is_beyond = measured <= watched.threshold_e8
            if is_beyond:
                found[symbol] = measured
        return found

    def _raise(self, watched: _Watched, symbol: int, measured_e8: int) -> None:
        core = self._core
        watched.told += 1
        message = {
            "alarm_id": watched.alarm_id,
            "account": watched.new.account,
            "symbol": core.symbols[symbol],
            "on": watched.new.on,
            "threshold": text(watched.threshold_e8),
            "measured": text(measured_e8),
            "mark": text(core.exchange.mark_e8(symbol)),
            "time_ms": core.exchange.time_ms,
        }

        def release(failure: StatusUnknownError | None) -> None:
            if failure is not None:
                return
            _LOG.warning(
                "alarm %s: %s %s: %s is %s, the line is %s",
                watched.alarm_id, watched.new.account, message["symbol"], watched.new.on, message["measured"], message["threshold"],
            )  # fmt: skip
            self._tell(watched.account, message)
            if watched.new.webhook is not None:
                task = asyncio.get_running_loop().create_task(_post(watched.new.webhook, msgspec.json.encode(message)))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

        core.gate.call(core.position, release)


async def _post(url: str, body: bytes) -> None:
    try:
        await asyncio.to_thread(_post_now, url, body)
    except (OSError, ValueError) as error:
        _LOG.warning("alarm: %s was not told: %s", urlsplit(url).netloc, error)


def _post_now(url: str, body: bytes) -> None:
    from urllib.request import Request, urlopen

    request = Request(url, data=body, headers={"content-type": "application/json"}, method="POST")
    with urlopen(request, timeout=WEBHOOK_SECONDS) as answer:
        answer.read(1)


# ---- endpoints


@endpoint("GET", "/alarms", answer=list[Alarm], of_world=True)
def list_alarms(place: Place) -> list[Alarm]:
    """The alarms that are set."""
    return place.alarms.all()


@endpoint("POST", "/alarms", request=NewAlarm, answer=Alarm, of_world=True)
def add_alarm(place: Place, request: NewAlarm) -> Alarm:
    """Set an alarm."""
    return place.alarms.add(request)


@endpoint("DELETE", "/alarms/{number}", answer=list[Alarm], of_world=True)
def remove_alarm(place: Place, number: str) -> list[Alarm]:
    """Take an alarm away."""
    if not number.isdecimal():
        raise InputError(f"alarm {number[:40]!r}: expected its number")
    place.alarms.remove(int(number))
    return place.alarms.all()
