"""Routes: which endpoints the control plane has, with the types of what they take and give.

Responsible for: the table; finding the endpoint of a method and path. Must not: read a request.

An endpoint of a world is there twice: for the venue itself, and under /control/forks/NAME for a world beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

PREFIX = "/control"
FORK_PREFIX = "/control/forks/{fork}"
Function = TypeVar("Function", bound=Callable[..., Any])
_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `handler(place, request, **path)`, or without `request` where nothing is taken."""

    method: str
    path: str
    pattern: re.Pattern[str]
    request: type | None
    answer: Any
    handler: Callable[..., Any]
    of_world: bool

    @property
    def summary(self) -> str:
        """Its first line in the document."""
        return (self.handler.__doc__ or "").strip().splitlines()[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names in its path."""
        return tuple(_PART.findall(self.path))


ENDPOINTS: list[Endpoint] = []


def endpoint(
    method: str, path: str, *, request: type | None = None, answer: Any, of_world: bool = False
) -> Callable[[Function], Function]:
    """Enter a function as what answers a method at a path below /control."""

    def enter(function: Function) -> Function:
        for prefix in (PREFIX, FORK_PREFIX) if of_world else (PREFIX,):
            whole = prefix + path
            assert not any((one.method, one.path) == (method, whole) for one in ENDPOINTS), whole
            pattern = re.compile(_PART.sub(r"(?P<\1>[^/]+)", whole))
            ENDPOINTS.append(Endpoint(method, whole, pattern, request, answer, function, of_world))
        return function

    return enter


def find(method: str, path: str) -> tuple[Endpoint | None, dict[str, str], list[str]]:
    """The endpoint, the names in its path, and the methods that the path has."""
    methods = []
    for one in ENDPOINTS:
        match = one.pattern.fullmatch(path)
        if match is None:
            continue
        if one.method == method:
            return one, match.groupdict(), [one.method]
        methods.append(one.method)
    return None, {}, sorted(methods)
