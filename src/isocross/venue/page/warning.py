"""Warning: the lines that an account has drawn on the page, and who is told when one is crossed.

Responsible for: an account's own alarms of a world, in percent. Must not: watch (control/alarms.py does), show another account's.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...answer.words import percent_text
from ...errors import InputError
from ...units import format_e8, to_e8, to_rate_e8
from ..accounts import Account
from ..control.alarms import PAGE_ALARMS_FILE, Alarms, NewAlarm
from ..sequencer import VenueCore
from .forms import AlarmOn, decimal

TOLD_MAX = 50  # crossings that are kept for who looks next


class PageAlarms:
    """The alarms of the page in one world. `folder`: that keeps them."""

    def __init__(self, core: VenueCore, folder: Path | None = None) -> None:
        self._core = core
        self._alarms = Alarms(core, self._hear, None if folder is None else folder / PAGE_ALARMS_FILE)
        self._told: dict[int, deque[dict[str, Any]]] = {}
        self._count = 0

    def add(self, account: Account, form: AlarmOn) -> dict[str, Any]:
        """Draw a line. Errors   InputError."""
        percent = decimal(form.percent)
        if percent is None:
            raise InputError("alarm: expected at how many percent")
        threshold = Decimal(format_e8(to_rate_e8(f"{percent}%", "alarm")))
        symbol = None if form.symbol is None else self._core.symbols[self._core.exchange.symbol_row(form.symbol)]
        self._alarms.add(NewAlarm(account.name, form.on, threshold, symbol))
        return {}

    def remove(self, account: Account, alarm_id: int) -> dict[str, Any]:
        """Take one away. Errors   KeyError where the account has none of that number."""
        if all(one["alarm_id"] != alarm_id for one in self.of(account)):
            raise KeyError(f"alarm {alarm_id}: is not there")
        self._alarms.remove(alarm_id)
        return {}

    def of(self, account: Account) -> list[dict[str, Any]]:
        """Those of an account, oldest first."""
        return [
            {
                "alarm_id": one.alarm_id,
                "on": one.on,
                "percent": format_e8(to_e8(one.threshold) * 100),
                "symbol": one.symbol,
                "is_crossed": one.is_crossed,
                "told": one.told,
            }
            for one in self._alarms.all()
            if one.account == account.name
        ]

    def told(self, account: Account) -> list[dict[str, Any]]:
        """The last crossings, oldest first, each with a number that only grows."""
        return list(self._told.get(account.row, ()))

    async def close(self) -> None:
        """Watch no more."""
        await self._alarms.close()

    def _hear(self, account: int, message: dict[str, Any]) -> None:
        self._count += 1
        measured = percent_text(to_e8(message["measured"]), is_signed=False)
        told = {"number": self._count, "on": message["on"], "symbol": message["symbol"], "time_ms": message["time_ms"]}
        line = format_e8(to_e8(message["threshold"]) * 100)
        self._told.setdefault(account, deque(maxlen=TOLD_MAX)).append({**told, "measured": measured, "percent": line})
