"""Signing in: a link that works once becomes a cookie that lasts.

Responsible for: the tokens of links, the cookie and what it proves. Must not: read a request.

A token stands behind the `#` of its link: browsers send it to nobody, so it is in no log and no Referer, and a GET changes nothing; the
page hands it in by POST. The cookie is the account's name with a code under a key made from the account's secret: it is good after a restart
of the venue, and ends when the account's keys are renewed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote, unquote

from ..accounts import Account, Accounts

TOKEN_SECONDS = 3_600
TOKENS_MAX = 64
COOKIE_SECONDS = 30 * 86_400
_TOKEN_BYTES = 24
_PURPOSE = b"isocross page session"


class SignIn:
    """Who may see the page of one venue. `now`: seconds since 1970."""

    def __init__(self, accounts: Accounts, now: Callable[[], float] = time.time) -> None:
        self._accounts = accounts
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}  # token → account, until when

    def new_token(self, account: Account) -> str:
        """A token that opens an account's page, once."""
        while len(self._tokens) >= TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._tokens[token] = (account.name, self._now() + TOKEN_SECONDS)
        return token

    def link(self, url: str, account: Account) -> str:
        """The link that opens an account's page, once."""
        return f"{url}/#sign-in={self.new_token(account)}"

    def cookie_for(self, token: str) -> str | None:
        """The cookie that a token buys; None: it is spent, too old, or was none."""
        name, until = self._tokens.pop(token, ("", 0.0))
        if not name or self._now() > until:
            return None
        return self._cookie(self._accounts.by_name(name), int(self._now()) + COOKIE_SECONDS)

    def account_of(self, cookie: str) -> Account | None:
        """Whose page a cookie opens; None: nobody's."""
        parts = cookie.split(".")
        if len(parts) != 3 or not parts[1].isdecimal() or len(parts[1]) > 12:
            return None
        account = next(
            (one for one in self._accounts if quote(one.name, safe="").replace(".", "%2E") == parts[0]), None
        )
        if account is None or unquote(parts[0]) != account.name or int(parts[1]) < self._now():
            return None
        is_good = hmac.compare_digest(self._cookie(account, int(parts[1])).encode(), cookie.encode())
        return account if is_good else None

    @staticmethod
    def _cookie(account: Account, until: int) -> str:
        name = quote(account.name, safe="").replace(".", "%2E")
        key = hmac.digest(account.secret.encode(), _PURPOSE, hashlib.sha256)
        return f"{name}.{until}.{hmac.new(key, f'{name}.{until}'.encode(), hashlib.sha256).hexdigest()}"


def cookie_name(port: int | None) -> str:
    """Cookies are shared by all ports of a host: each venue has a name of its own."""
    return f"isocross-{port or 80}"
