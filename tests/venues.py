"""Venues: `isocross serve` as a process of its own, for the tests: started, asked, ended, killed.

Responsible for: the process, its address, signed requests. Must not: check.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

READY_SECONDS = 60
KEY, CONTROL = "x-mbx-apikey", "x-isocross-key"


class Process:
    """One run of `isocross serve`; `url` once it answers."""

    def __init__(self, *options: str, data: Path | None = None) -> None:
        where = ["--ephemeral"] if data is None else ["--data", str(data)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ISOCROSS_")} | {
            name: os.environ[name] for name in ("ISOCROSS_CACHE", "ISOCROSS_CHECKED") if name in os.environ
        }
        self.data = data
        self._process = subprocess.Popen(
            [sys.executable, "-m", "isocross", "serve", *where, "--port", "0", "--no-open", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if "answers at" not in first:
            rest, errors = self._process.communicate(timeout=30)
            raise AssertionError(f"no venue: {first}{rest}{errors}")
        self.url = first.split()[-1]

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill()

    def end(self, number: int = signal.SIGINT) -> tuple[int, float, str, str]:
        """End it as Ctrl-C does: exit status, seconds, what it printed, its errors."""
        started = time.monotonic()
        self._process.send_signal(number)
        printed, errors = self._process.communicate(timeout=30)
        return self._process.returncode, time.monotonic() - started, printed, errors

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.communicate(timeout=30)

    @property
    def keys(self) -> dict[str, Any]:
        """What keys.json holds."""
        assert self.data is not None
        told: dict[str, Any] = json.loads((self.data / "keys.json").read_text())
        return told

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        account: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """One request over a connection of its own: status, and the answer as JSON or text. `account`: signed with its keys."""
        with Connection(self.url, account) as connection:
            return connection.ask(method, path, body, headers)

    def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request to the control plane."""
        return self.ask(method, f"/control{path}", body, {CONTROL: self.keys["control_key"]})


class Connection:
    """A connection that is kept, with the keys of one account."""

    def __init__(self, url: str, account: dict[str, str] | None = None) -> None:
        self._host = urlsplit(url).netloc
        self._http = http.client.HTTPConnection(self._host, timeout=30)
        self._account = account

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """One request. With keys, `body` is a dict of parameters, signed and sent in the query."""
        sent: bytes | None = None
        told = dict(headers or {})
        if self._account is not None:
            query = urlencode({**(body or {}), "timestamp": int(time.time() * 1_000), "recvWindow": 60_000})
            signature = hmac.new(self._account["secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
            path = f"{path}?{query}&signature={signature}"
            told[KEY] = self._account["api_key"]
        elif body is not None:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._http.request(method, path, sent, told)
        answer = self._http.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text[:1] in ("{", "[") else text


def refused_start(*options: str) -> tuple[int, str]:
    """A start that does not come about: exit status and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "isocross", "serve", "--port", "0", "--no-open", *options],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr
