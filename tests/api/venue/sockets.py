"""A WebSocket as a test uses it: what comes is kept, and waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect


class Heard:
    """One connection and all it has said, decoded."""

    def __init__(self, url: str) -> None:
        self.said: list[Any] = []
        self._context = connect(url, close_timeout=1, max_size=None)

    def __enter__(self) -> Heard:
        self.connection: ClientConnection = self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def send(self, message: Any) -> None:
        self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def ask(self, message: Any) -> Any:
        """Send a control message with an id and return its answer."""
        self.send(message)
        number = message["id"]
        return self.until(lambda said: isinstance(said, dict) and "id" in said and said["id"] == number)

    def until(self, is_wanted: Callable[[Any], bool], seconds: float = 5) -> Any:
        """The first message that is wanted, from now on."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                said = json.loads(self.connection.recv(timeout=max(0.01, end - time.monotonic())))
            except TimeoutError:
                break
            self.said.append(said)
            if is_wanted(said):
                return said
        raise AssertionError(f"nothing of that kind came; heard {self.said[-5:]}")

    def quiet(self, seconds: float = 0.3) -> list[Any]:
        """All that comes until nothing does for a while."""
        found = []
        while True:
            try:
                found.append(json.loads(self.connection.recv(timeout=seconds)))
            except TimeoutError:
                self.said += found
                return found
