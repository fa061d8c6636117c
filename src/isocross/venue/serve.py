"""Serve: the function behind `isocross serve`: open a venue, listen, say where, end cleanly.

Responsible for: the loop, signals, what is printed. Must not: decide what a venue is (opening.py), answer a request.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

from .opening import OpenVenue, Say, VenueOptions, open_venue
from .server import VenueApp, listening_socket, run_server, url_of
from .settings import remove_address, write_address

PORT, HOST = 8787, "127.0.0.1"
Ready = Callable[[OpenVenue, str, str], None]  # the venue, its address, a link that signs in to its page once


def serve(
    options: VenueOptions,
    *,
    host: str = HOST,
    port: int = PORT,
    ready: Ready | None = None,
    say: Say = lambda text: None,
    wait_for_end: Callable[[asyncio.Event], None] | None = None,
) -> None:
    """Serve a venue until the process is told to end.

    Takes    ready: called once, with the open venue, its address and a sign-in link. wait_for_end: has the event to set where another thing than a
             signal may end it.
    Errors   InputError and the kinds of open_venue, in one line each, before anything listens.
    """
    bound = listening_socket(host, port)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(options, bound, host, ready, say, wait_for_end))
    finally:
        bound.close()


async def _serve(
    options: VenueOptions,
    bound: socket.socket,
    host: str,
    ready: Ready | None,
    say: Say,
    wait_for_end: Callable[[asyncio.Event], None] | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        _on_signal(loop, number, stop)
    if wait_for_end is not None:
        wait_for_end(stop)
    venue = await open_venue(options, say)
    url = url_of(bound)
    try:
        if venue.path is not None:
            write_address(venue.path, url)

        def tell(app: VenueApp) -> None:
            if ready is not None:
                first = next(iter(venue.core.accounts), None)
                ready(venue, url, "" if first is None else app.page.sign_in.link(url, first))

        await run_server(venue, bound, stop, tell, (host, socket.gethostname()))
    finally:
        if venue.path is not None:
            remove_address(venue.path)
        venue.close()


def _on_signal(loop: asyncio.AbstractEventLoop, number: int, stop: asyncio.Event) -> None:
    """End at the first; at the second, at once."""

    def end() -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    try:
        loop.add_signal_handler(number, end)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is there."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
