"""Listen keys: the names by which user data streams are opened.

Responsible for: one key per account, for an hour and longer with every renewal; its endpoints. Must not: send an event, know a
socket.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .refusals import refuse
from .requests import OfListenKey, Request
from .routes import Security, endpoint

if TYPE_CHECKING:
    from .desk import Desk

VALID_MS = 3_600_000
_KEY_BYTES = 32


class ListenKeys:
    """The keys that are valid. Times are the wall clock's: they are about connections, not about the market."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._of_account: dict[int, tuple[str, int]] = {}
        self._accounts: dict[str, int] = {}
        self.on_end: list[
            Callable[[int, str], None]
        ] = []  # told of an account and its key that no longer opens anything

    def start(self, account: int) -> str:
        """The key of an account, made or extended."""
        self.expire()
        key, _ = self._of_account.get(account, ("", 0))
        if not key:
            key = secrets.token_hex(_KEY_BYTES)
        self._of_account[account] = (key, self._now_ms() + VALID_MS)
        self._accounts[key] = account
        return key

    def extend(self, account: int) -> str:
        """Its key for another hour. Errors  -1125 when there is none."""
        self.expire()
        if account not in self._of_account:
            raise refuse(-1125)
        return self.start(account)

    def end(self, account: int) -> None:
        """Its key opens nothing any more."""
        key, _ = self._of_account.pop(account, ("", 0))
        if key:
            del self._accounts[key]
            for listener in self.on_end:
                listener(account, key)

    def account(self, key: str) -> int | None:
        """Whose key it is; None when it opens nothing."""
        self.expire()
        return self._accounts.get(key)

    def expire(self) -> None:
        """End the keys whose hour is over."""
        now = self._now_ms()
        for account in [one for one, (_, until) in self._of_account.items() if until <= now]:
            self.end(account)


@endpoint("POST", "/fapi/v1/listenKey", security=Security.KEY)
def start(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """The account's key."""
    return {"listenKey": desk.listen_keys.start(account)}


@endpoint("PUT", "/fapi/v1/listenKey", request=OfListenKey, security=Security.KEY)
def extend(desk: Desk, account: int, request: OfListenKey) -> dict[str, Any]:
    """Another hour."""
    return {"listenKey": desk.listen_keys.extend(account)}


@endpoint("DELETE", "/fapi/v1/listenKey", request=OfListenKey, security=Security.KEY)
def end(desk: Desk, account: int, request: OfListenKey) -> dict[str, Any]:
    """The stream closes."""
    desk.listen_keys.end(account)
    return {}
