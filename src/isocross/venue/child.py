"""Child: a venue as a process of its own, for scripts, tests and notebooks: there while a `with` block runs.

    with isocross.Venue(market="manual", accounts={"alice": 10_000}) as venue:
        exchange = venue.ccxt("alice")            # or anything that speaks to Binance USD-M Futures: venue.url, venue.keys
        venue.set_prices(BTCUSDT=55_000)          # the control plane as methods

Responsible for: starting the process on a free port in a temporary folder, its address and keys, ending it, also when the script ends
otherwise. Must not: import the engine or a server; touch a running event loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import ExchangeError, InputError, JournalError
from ..units import Amount
from .control.client import ControlClient

READY_SECONDS, END_SECONDS = 120, 10
DEFAULT_ACCOUNTS = {"trader": 10_000}


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """What opens an account."""

    name: str
    api_key: str
    secret: str

    def __repr__(self) -> str:
        return f"AccountKeys {self.name}: {self.api_key}"


class Venue(ControlClient):
    """A venue that runs beside this program, and ends with the `with` block.

    Takes    market: 'manual' (you set prices, time stands still unless told), 'synthetic', 'crash' or 'replay:PATH'. accounts: what each begins with,
             10_000 (of the first margin asset) or "10000USDT". prices: the first ones, by contract. data: a folder that stays; without one
             it is temporary. speed: 0 stands still; by default 0 in a manual market, 1 in any other.
    Errors   InputError and the like, as `isocross serve` says them.
    """

    def __init__(
        self,
        market: str = "manual",
        *,
        accounts: Mapping[str, Amount] | None = None,
        symbols: tuple[str, ...] | list[str] | None = None,
        prices: Mapping[str, Amount] | None = None,
        seed: int | None = None,
        speed: float | None = None,
        rulebook: str | Path | None = None,
        begin: str | None = None,
        as_recorded: bool = False,
        data: str | Path | None = None,
        port: int = 0,
    ) -> None:
        given = DEFAULT_ACCOUNTS if accounts is None else accounts
        self._wanted: dict[str, Any] = {
            "market": market,
            "balances": {name: str(amount) for name, amount in given.items()},
            "symbols": None if symbols is None else list(symbols),
            "prices": {name: str(price) for name, price in (prices or {}).items()},
            "seed": seed,
            "speed": (0 if market == "manual" else 1) if speed is None else speed,
            "rulebook": None if rulebook is None else str(rulebook),
            "begin": begin,
            "as_recorded": as_recorded,
            "port": port,
        }
        self._data = None if data is None else Path(data)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._keys: dict[str, AccountKeys] = {}
        self.page = ""  # a link that signs in to its page, once

    # ---- its life

    def start(self) -> Venue:
        """Start it, and wait until it answers."""
        if self._process is not None:
            raise InputError("venue: it runs already")
        if self._data is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="isocross-", ignore_cleanup_errors=True)
        folder = self._data or Path(self._temporary.name) / "venue"  # type: ignore[union-attr]
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from isocross.venue.child_process import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            self._tell(json.dumps(self._wanted | {"data": str(folder)}))
            self._take(self._first_line())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it, cleanly; what it remembered is gone unless it was given a folder."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()  # type: ignore[union-attr]
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def kill(self) -> None:
        """End it as a crash does: for tests of what survives. Its folder stays until `stop`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Venue:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- what a client needs

    @property
    def keys(self) -> dict[str, AccountKeys]:
        """Keys of the accounts, by name."""
        return dict(self._keys)

    @property
    def ws_url(self) -> str:
        """Where its WebSockets are."""
        return self.url.replace("http", "ws", 1)

    def ccxt(self, account: str | None = None, **options: Any) -> Any:
        """A ccxt exchange with an account's keys (the first one's). Errors  InputError: ccxt is not installed."""
        try:
            import ccxt
        except ImportError:
            raise InputError("ccxt: is not installed; pip install ccxt") from None
        from .connect import connect_at

        keys = self._keys_of(account)
        return connect_at(ccxt.binanceusdm(options), self.url, keys.api_key, keys.secret)

    def new_account(self, name: str, **balances: Amount) -> dict[str, str]:
        """Open an account with balances by asset; its keys."""
        keys = super().new_account(name, **balances)
        self._keys[name] = AccountKeys(name, keys["api_key"], keys["secret"])
        return keys

    def renew_keys(self, name: str) -> dict[str, str]:
        """Other keys for an account."""
        keys = super().renew_keys(name)
        self._keys[name] = AccountKeys(name, keys["api_key"], keys["secret"])
        return keys

    def _keys_of(self, account: str | None) -> AccountKeys:
        if account is None:
            return next(iter(self._keys.values()))
        if account not in self._keys:
            raise InputError(f"account {account!r}: is not there; expected one of {', '.join(self._keys)}")
        return self._keys[account]

    # ---- the process

    def _tell(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _first_line(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            raise JournalError(f"venue: its process ended before it answered ({self._process.poll()})") from None
        if "error" in told:
            raise _ERRORS.get(told["error"], InputError)(told["message"])
        return told

    def _take(self, told: dict[str, Any]) -> None:
        super().__init__(told["url"], told["control_key"])
        self.page = told["page"]
        self._keys = {one["name"]: AccountKeys(one["name"], one["api_key"], one["secret"]) for one in told["accounts"]}


def _kinds(base: type[ExchangeError]) -> dict[str, type[ExchangeError]]:
    found = {}
    for kind in base.__subclasses__():
        if "code" in vars(kind) and kind.__init__ is Exception.__init__:
            found[kind.code] = kind
        found |= _kinds(kind)
    return found


_ERRORS = _kinds(ExchangeError)
