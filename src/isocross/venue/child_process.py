"""Child process: what the process of a `Venue` runs: options in on a line, its address out on one, and the end when its parent ends.

Responsible for: these two lines, ending when the pipe to the parent closes. Must not: print anything else on stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ExchangeError

if TYPE_CHECKING:
    from .opening import OpenVenue


def main() -> None:
    """Serve as the parent asks, until it closes its end."""
    wanted: dict[str, Any] = json.loads(sys.stdin.readline())
    port = wanted.pop("port")
    try:
        from .opening import VenueOptions
        from .serve import serve

        options = VenueOptions(
            **{
                **wanted,
                "data": Path(wanted["data"]),
                "symbols": None if wanted["symbols"] is None else tuple(wanted["symbols"]),
            }
        )
        serve(options, port=port, ready=_say_ready, wait_for_end=_end_with_parent)
    except (ExchangeError, OSError) as error:
        _say({"error": getattr(error, "code", "os"), "message": str(error)})
        sys.exit(1)
    os._exit(0)  # everything is on disk; taking the interpreter apart would only take time


def _say_ready(venue: OpenVenue, url: str, link: str) -> None:
    accounts = venue.core.accounts
    _say(
        {
            "url": url,
            "page": link,
            "control_key": accounts.control_key,
            "accounts": [{"name": one.name, "api_key": one.api_key, "secret": one.secret} for one in accounts],
        }
    )


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


def _end_with_parent(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def wait() -> None:
        sys.stdin.read()
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()
