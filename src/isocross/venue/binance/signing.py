"""Signing: is a request what the owner of a key sent, and did it come in time.

Responsible for: the signature over the bytes as received, or over their percent-decoded text; the time window; the
WebSocket API's form. Must not: know an account beyond its secret, read a clock.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from .refusals import EARLY, WireRefusalError, refuse

RECEIVE_WINDOW_MS = 5_000
RECEIVE_WINDOW_MAX_MS = 60_000
EARLY_MS = 1_000

_SIGNATURE = re.compile(rb"(?:^|&)signature=[^&]*")


def check_signature(secret: bytes, query: bytes, body: bytes, signature: str) -> None:
    """Errors  -1022 unless `signature` is that of query and body, as they came or percent-decoded."""
    payload = _unsigned(query) + _unsigned(body)
    given = signature.lower().encode("utf-8", "replace")
    is_good = hmac.compare_digest(_signature(secret, payload), given)
    if not is_good and (b"%" in payload or b"+" in payload):
        decoded = unquote_to_bytes(payload)
        spaced = unquote_to_bytes(payload.replace(b"+", b" "))
        is_good = hmac.compare_digest(_signature(secret, decoded), given)
        is_good |= hmac.compare_digest(_signature(secret, spaced), given)
    if not is_good:
        raise refuse(-1022)


def check_signed_parameters(secret: bytes, parameters: Mapping[str, Any]) -> None:
    """The WebSocket API's form: all parameters but the signature, sorted by name, values as JSON writes them."""
    payload = "&".join(f"{key}={_as_json(value)}" for key, value in sorted(parameters.items()) if key != "signature")
    given = str(parameters.get("signature", "")).lower().encode("utf-8", "replace")
    if not hmac.compare_digest(_signature(secret, payload.encode()), given):
        raise refuse(-1022)


def check_time(timestamp_ms: int, window_ms: int | None, clocks_ms: tuple[int, ...]) -> None:
    """Errors  -1021 unless the timestamp lies in the window of one of the clocks."""
    window = RECEIVE_WINDOW_MS if window_ms is None else window_ms
    if not 0 < window <= RECEIVE_WINDOW_MAX_MS:
        raise refuse(-1130, "recvWindow")
    if any(timestamp_ms < now + EARLY_MS and now - timestamp_ms <= window for now in clocks_ms):
        return
    raise WireRefusalError(-1021, EARLY) if all(timestamp_ms >= now + EARLY_MS for now in clocks_ms) else refuse(-1021)


def _unsigned(part: bytes) -> bytes:
    before, mark, signature = part.rpartition(b"&signature=")
    if mark and b"&" not in signature and b"signature=" not in before:
        return before
    if b"signature=" not in part:
        return part
    return _SIGNATURE.sub(b"", part).removeprefix(b"&")


def _signature(secret: bytes, payload: bytes) -> bytes:
    keyed = _keyed(secret).copy()
    keyed.update(payload)
    return keyed.hexdigest().encode()


@lru_cache(1_024)
def _keyed(secret: bytes) -> hmac.HMAC:
    """What is the same for all that a secret signs. (hmac.digest lets go of the interpreter, and waits for it behind the journal.)"""
    return hmac.new(secret, digestmod="sha256")


def _as_json(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
