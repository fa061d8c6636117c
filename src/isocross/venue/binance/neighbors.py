"""Neighbors: endpoints outside futures that clients touch when they start, answered emptily.

Responsible for: spot's ping and time, and lists with nothing in them. Must not: pretend that there is a spot market.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .requests import Request
from .routes import endpoint

if TYPE_CHECKING:
    from .desk import Desk


@endpoint("GET", "/api/v3/ping", "/api/v1/ping", "/fapi/v1/ping", "/dapi/v1/ping")
def ping(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """Here."""
    return {}


@endpoint("GET", "/api/v3/time", "/api/v1/time", "/fapi/v1/time", "/dapi/v1/time")
def server_time(desk: Desk, account: int, request: Request) -> dict[str, int]:
    """The venue's time, which clients add their offset from."""
    return {"serverTime": desk.now_ms()}


@endpoint("GET", "/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo", "/eapi/v1/exchangeInfo")
def no_symbols(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """A market without symbols."""
    return {
        "timezone": "UTC",
        "serverTime": desk.now_ms(),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


@endpoint(
    "GET",
    "/sapi/v1/capital/config/getall",
    "/sapi/v1/margin/allPairs",
    "/sapi/v1/margin/isolated/allPairs",
    "/sapi/v1/margin/allAssets",
)
def nothing(desk: Desk, account: int, request: Request) -> list[Any]:
    """No coin, no pair."""
    return []


@endpoint("GET", "/sapi/v1/system/status")
def system_status(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """All is well."""
    return {"status": 0, "msg": "normal"}
