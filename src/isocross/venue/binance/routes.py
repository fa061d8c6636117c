"""Routes: which endpoint answers which method and path, with its security and weight.

Responsible for: the table of endpoints; the functions that answer enter themselves here. Must not: read a request, know what
an endpoint does.

A function that answers at once tells of the state as it is, and its answer waits until that is committed. One that sends commands is a
coroutine: it goes on when they are committed, and answers of what is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from .requests import Request

if TYPE_CHECKING:
    from .desk import Desk

Weight = int | Callable[[Any], int]
Answer = Any  # what msgspec writes as JSON, or a coroutine that returns it
Handler = Callable[["Desk", int, Any], Answer]
Function = TypeVar("Function", bound=Callable[..., Any])
NOBODY = -1  # the account of a request without a key


class Security(Enum):
    """What a request must carry."""

    NONE = 0
    KEY = 1  # the header with the key
    SIGNED = 2  # key and signature


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `orders`: how many orders a request of it counts for. `sends`: its handler is a coroutine."""

    request: type[Request]
    security: Security
    weight: Weight
    handler: Handler
    orders: Weight = 0
    sends: bool = False


ENDPOINTS: dict[tuple[str, str], Endpoint] = {}


def endpoint(
    method: str,
    *paths: str,
    request: type[Request] = Request,
    security: Security = Security.NONE,
    weight: Weight = 1,
    orders: Weight = 0,
) -> Callable[[Function], Function]:
    """Enter a function as what answers a method at some paths."""

    def enter(function: Function) -> Function:
        for path in paths:
            assert (method, path) not in ENDPOINTS, path
            ENDPOINTS[method, path] = Endpoint(
                request, security, weight, function, orders, iscoroutinefunction(function)
            )
        return function

    return enter
