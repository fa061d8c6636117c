"""Mishaps: what this wire says when something goes wrong on purpose, and when an alarm is raised.

Responsible for: the answer of each fault of the control plane, the message of an alarm. Must not: decide that something goes wrong.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .refusals import TEXTS

_JSON = (b"content-type", b"application/json;charset=UTF-8")
_UNKNOWN = "Unknown error, please check your request or try again later."
_ANSWERS: dict[str, tuple[int, int, str, tuple[tuple[bytes, bytes], ...]]] = {
    "reject": (400, -1001, "Internal error; unable to process your request. Please try again.", ()),
    "too_many_requests": (429, -1003, TEXTS[-1003] % 2400, ((b"retry-after", b"1"),)),
    "unavailable": (503, -1000, _UNKNOWN, ()),
    "wrong_code_unchanged": (400, -4067, "Position side cannot be changed if there exists open orders.", ()),
}
_UNCHANGED = (-4046, -4059, -4171)


def fault_answer(kind: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of a fault."""
    status, code, text, headers = _ANSWERS[kind]
    return status, [_JSON, *headers], msgspec.json.encode({"code": code, "msg": text})


def is_unchanged(body: bytes) -> bool:
    """Whether an answer says that a mode is what it was already."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(told, dict) and told.get("code") in _UNCHANGED


def alarm_message(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm as an event of the user stream; clients that do not know it leave it out."""
    return {"e": "ISOCROSS_ALARM", "E": alarm["time_ms"], "s": alarm["symbol"], "a": alarm}
