"""Callers: whose request it is.

Responsible for: the account that a key opens, signature and time window checked where the endpoint asks for them; what the
request counts for. Must not: tell anybody which of key and secret was wrong beyond what the wire says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .desk import Desk
from .parameters import read
from .refusals import refuse
from .requests import Signed
from .routes import NOBODY, Endpoint, Security, Weight
from .signing import check_time


class Counted(NamedTuple):
    """What was asked for in the running minute and ten seconds."""

    weight: int
    orders_10s: int | None
    orders_1m: int | None


def caller(
    desk: Desk, endpoint: Endpoint, key: str, parameters: Mapping[str, str], check_signature: Callable[[bytes], None]
) -> int:
    """The account of a request. `check_signature` is given the secret. Errors  WireRefusalError."""
    if endpoint.security == Security.NONE:
        return NOBODY
    if not key:
        raise refuse(-2014)
    found = desk.core.accounts.by_key(key)
    if found is None:
        raise refuse(-2015)
    if endpoint.security == Security.SIGNED:
        if not parameters.get("signature"):
            raise refuse(-1102, "signature")
        signed = read(Signed, parameters)
        check_time(signed.timestamp, signed.recv_window, (desk.now_ms(), _wall_ms()))
        check_signature(found.secret.encode())
    return found.row


def count(desk: Desk, endpoint: Endpoint, account: int, request: Any, address: str) -> Counted:
    """Count a request of an address. Errors  LimitReachedError where limits are enforced."""
    now_ms = _wall_ms()
    used = desk.usage.ask(address, _weight_of(endpoint.weight, request), now_ms)
    orders = _weight_of(endpoint.orders, request)
    return Counted(used, *(desk.usage.order(account, orders, now_ms) if orders else (None, None)))


def _weight_of(weight: Weight, request: Any) -> int:
    return weight(request) if callable(weight) else weight


def _wall_ms() -> int:
    return int(time.time() * 1000)
