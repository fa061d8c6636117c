"""Client: the control plane of a running venue as methods.

Responsible for: one method per endpoint, over HTTP, errors as this package's own. Must not: open a venue; import anything heavy: it is
what a script and a test hold.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from ...errors import ExchangeError, InputError, RefusedError
from ...units import Amount

TIMEOUT_SECONDS = 600  # a jump of a month takes a while
KEY_HEADER = "x-isocross-key"


class ControlError(ExchangeError):
    """The control plane did not carry out a request."""

    code = "control.failed"


class ControlClient:
    """What can be done to a venue. `url`: where it answers; `control_key`: its own key; `fork`: a world beside it."""

    def __init__(self, url: str, control_key: str, fork: str | None = None) -> None:
        self.url = url if fork is None else f"{url}/fork/{fork}"
        self._root = url
        self._key = control_key
        self._fork = fork

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.url}"

    # ---- clock

    def clock(self) -> dict[str, Any]:
        """What time it is there, and how fast time goes."""
        return self._one("GET", "/clock")

    def pause(self) -> dict[str, Any]:
        """Stand still."""
        return self._one("POST", "/clock/pause")

    def resume(self) -> dict[str, Any]:
        """Run at the wall's pace."""
        return self._one("POST", "/clock/resume")

    def speed(self, speed: float) -> dict[str, Any]:
        """Run at a speed; 0 pauses."""
        return self._one("POST", "/clock/speed", {"speed": speed})

    def step(self, seconds: float = 0, *, until: str | None = None) -> dict[str, Any]:
        """Live on at once, by so many seconds or up to a time."""
        body = {"ms": round(seconds * 1_000)} if until is None else {"until": until}
        return self._one("POST", "/clock/step", body)

    def jump(self, to: str, *, account: str | None = None, days_max: int = 30) -> dict[str, Any]:
        """Live on until the next 'funding' or 'liquidation'."""
        return self._one("POST", "/clock/jump", {"to": to, "account": account, "days_max": days_max})

    # ---- market

    def prices(self) -> dict[str, dict[str, Any]]:
        """Mark, index, last price and funding ahead, by contract."""
        return {one["symbol"]: one for one in self.call("GET", "/prices")}

    def set_prices(self, depth: Amount | None = 1, /, **prices: Amount) -> dict[str, dict[str, Any]]:
        """Set prices by hand: the book moves, then all marks at once. `depth`: 1 is all of it; None: the book stays put."""
        body = {"prices": _texts(prices), "depth": None if depth is None else str(depth)}
        return {one["symbol"]: one for one in self.call("POST", "/prices", body)}

    def trade(self, *symbols: str) -> dict[str, dict[str, Any]]:
        """Have somebody trade the least order in each contract (in all, where none is named): the last price is then the book's.

        Manual markets: `set_prices` moves marks and book; a stop by the last price waits for a trade.
        """
        found = self.call("POST", "/trades", {"symbols": list(symbols) or None})
        return {one["symbol"]: one for one in found}

    def funding(self, *, settles_now: bool = False, **rates: Amount) -> dict[str, dict[str, Any]]:
        """Set funding rates by hand (0.0001 is 0.01 %), or settle at them now."""
        found = self.call("POST", "/funding", {"rates": _texts(rates), "settles_now": settles_now})
        return {one["symbol"]: one for one in found}

    def symbols(self) -> dict[str, dict[str, Any]]:
        """The contracts."""
        return {one["symbol"]: one for one in self.call("GET", "/symbols")}

    def symbol(self, symbol: str) -> dict[str, Any]:
        """One contract, with its fees and brackets as they hold."""
        return self._one("GET", f"/symbols/{quote(symbol)}")

    def set_symbol_status(self, symbol: str, status: str) -> dict[str, Any]:
        """Let a contract be 'trading', 'reduce-only' or 'paused'; or 'delisted', for good: positions are settled at the mark."""
        return self._one("POST", f"/symbols/{quote(symbol)}/status", {"status": status})

    def set_fees(self, symbol: str, maker: Amount, taker: Amount, liquidation: Amount | None = None) -> dict[str, Any]:
        """Other fees of a contract, as fractions (0.0004 is 0.04 %), for all who have none of their own."""
        given = {"maker": maker, "taker": taker} | ({} if liquidation is None else {"liquidation": liquidation})
        return self._one("POST", f"/symbols/{quote(symbol)}/fees", _texts(given))

    def set_brackets(
        self, symbol: str, brackets: Sequence[tuple[Amount, Amount, int]], cap: Amount
    ) -> dict[str, Any]:
        """Another bracket table: (floor, rate, highest leverage) of each range, and where the last one ends."""
        rows = [{"floor": str(floor), "rate": str(rate), "leverage": most} for floor, rate, most in brackets]
        return self._one("POST", f"/symbols/{quote(symbol)}/brackets", {"brackets": rows, "cap": str(cap)})

    # ---- accounts

    def accounts(self) -> dict[str, dict[str, Any]]:
        """Accounts and balances, by name."""
        return {one["name"]: one for one in self.call("GET", "/accounts")}

    def account(self, name: str) -> dict[str, Any]:
        """One account and its balances."""
        return self._one("GET", f"/accounts/{quote(name)}")

    def new_account(self, name: str, **balances: Amount) -> dict[str, str]:
        """Open an account with balances by asset; its keys."""
        return self._one("POST", "/accounts", {"name": name, "balances": _texts(balances)})

    def deposit(self, name: str, amount: Amount, asset: str = "USDT") -> dict[str, Any]:
        """Money into an account's cross wallet."""
        return self._one("POST", f"/accounts/{quote(name)}/deposit", {"asset": asset, "amount": str(amount)})

    def withdraw(self, name: str, amount: Amount, asset: str = "USDT") -> dict[str, Any]:
        """Money out of it, as far as margin allows. Errors  RefusedError."""
        return self._one("POST", f"/accounts/{quote(name)}/withdraw", {"asset": asset, "amount": str(amount)})

    def set_account_fees(self, name: str, maker: Amount, taker: Amount) -> dict[str, Any]:
        """Fees of an account's own, as fractions, in every contract."""
        return self._one("POST", f"/accounts/{quote(name)}/fees", {"maker": str(maker), "taker": str(taker)})

    def renew_keys(self, name: str) -> dict[str, str]:
        """Other keys for an account."""
        return self._one("POST", f"/accounts/{quote(name)}/keys")

    # ---- worlds

    def venue(self) -> dict[str, Any]:
        """What it is, and how far it has come."""
        return self._one("GET", "/venue")

    def snapshot(self) -> list[dict[str, Any]]:
        """Write a snapshot: the next start begins there."""
        return self._list("POST", "/snapshots")

    def fork(self, name: str) -> ControlClient:
        """The venue as it is now, as a world of its own that stands still; its `url` is where the dialect answers for it."""
        self.call("POST", "/forks", {"name": name})
        return ControlClient(self._root, self._key, name)

    def forks(self) -> list[str]:
        """Names of the forks."""
        return [one["name"] for one in self.call("GET", "/forks")]

    def remove_fork(self, name: str) -> None:
        """Let a fork go."""
        self.call("DELETE", f"/forks/{quote(name)}")

    def add_twin(
        self,
        name: str,
        account: str,
        symbol: str,
        *,
        mode: str | None = None,
        leverage: int | None = None,
        stop: Amount | None = None,
    ) -> list[str]:
        """A twin that lives along, otherwise in one thing: mode 'other', 'isolated' or 'cross', leverage, a stop."""
        body = {"name": name, "account": account, "symbol": symbol, "mode": mode, "leverage": leverage}
        return self._list("POST", "/twins", body | {"stop": None if stop is None else str(stop)})

    def twins(self) -> list[str]:
        """Names of the twins."""
        return self._list("GET", "/twins")

    def twin(self, name: str) -> dict[str, Any]:
        """What differs between the venue and a twin."""
        return self._one("GET", f"/twins/{quote(name)}")

    def remove_twin(self, name: str) -> None:
        """Let a twin go."""
        self.call("DELETE", f"/twins/{quote(name)}")

    def receipts(self) -> list[dict[str, Any]]:
        """Every liquidation and auto-deleveraging, in one line each."""
        return self._list("GET", "/receipts")

    def receipt(self, number: int) -> dict[str, Any]:
        """One receipt, whole."""
        return self._one("GET", f"/receipts/{number}")

    # ---- faults and alarms

    def add_fault(
        self,
        kind: str,
        *,
        path: str = "/",
        method: str | None = None,
        account: str | None = None,
        count: int | None = 1,
        latency_ms: int = 1_000,
    ) -> dict[str, Any]:
        """Make something go wrong: latency, reject, disconnect, too_many_requests, unavailable, answer_lost, wrong_code_unchanged."""
        body = {"kind": kind, "path": path, "method": method, "account": account, "count": count}
        return self._one("POST", "/faults", body | {"latency_ms": latency_ms})

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are set."""
        return self._list("GET", "/faults")

    def remove_faults(self) -> None:
        """Take all faults away."""
        self.call("DELETE", "/faults")

    def add_alarm(
        self, account: str, on: str, threshold: Amount, *, symbol: str | None = None, webhook: str | None = None
    ) -> dict[str, Any]:
        """Be told when 'margin_ratio' rises to a line, or 'distance' to liquidation falls to it."""
        body = {"account": account, "on": on, "threshold": str(threshold), "symbol": symbol, "webhook": webhook}
        return self._one("POST", "/alarms", body)

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms that are set."""
        return self._list("GET", "/alarms")

    def remove_alarm(self, alarm_id: int) -> None:
        """Take an alarm away."""
        self.call("DELETE", f"/alarms/{alarm_id}")

    # ---- any of them

    def _one(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = self.call(method, path, body)
        return found

    def _list(self, method: str, path: str, body: Any = None) -> list[Any]:
        found: list[Any] = self.call(method, path, body)
        return found

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request below /control. Errors  RefusedError; InputError; ControlError."""
        if not path.isascii() or any(character <= " " for character in path):
            raise InputError(f"path: {path!r}: expected one without blanks")
        prefix = "/control" if self._fork is None else f"/control/forks/{quote(self._fork)}"
        connection = http.client.HTTPConnection(urlsplit(self._root).netloc, timeout=TIMEOUT_SECONDS)
        try:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, prefix + path, sent, {KEY_HEADER: self._key})
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ControlError(f"{self._root}: the venue does not answer: {error}") from None
        finally:
            connection.close()
        if answer.status == 200:
            return told
        message = str(told.get("message", answer.reason))
        if answer.status == 409:
            raise RefusedError(message, 0)
        if answer.status in (400, 404):
            raise InputError(message)
        raise ControlError(message)


def _texts(amounts: Mapping[str, Amount]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}
