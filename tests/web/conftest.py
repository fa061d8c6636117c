"""A browser in front of a really served venue: the system's Chromium, driven by Playwright.

Where there is no Chromium, or the page is not built, the tests of the browser are skipped, and say which command mends it.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from isocross.venue.page.built import is_built

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
READY_MS = 30_000


class Venue:
    """One run of `isocross serve`, and the link that it printed."""

    def __init__(self, *options: str, data: Path | None = None, port: int = 0) -> None:
        where = ["--ephemeral"] if data is None else ["--data", str(data)]
        command = [sys.executable, "-m", "isocross", "serve", *where, "--port", str(port), "--no-open", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        told = ""
        for line in self._process.stdout:
            told += line
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"(http\S+)/#sign-in=\S+", told)
        assert found is not None, told
        self.link, self.url = found.group(0), found.group(1)
        self.port = int(self.url.rpartition(":")[2])

    def end(self) -> str:
        """End it as Ctrl-C does; what it printed since it was ready."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        printed, _ = self._process.communicate(timeout=30)
        return printed


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file, and no longer: while Playwright runs no other event loop can be started here."""
    path = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine; Debian, Ubuntu: apt-get install chromium")
    if not is_built():
        pytest.skip(
            "the page is not built; make setup builds it where there is Node, or the package index to take one from"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def faults() -> list[str]:
    """Errors on the pages of a test, in their order."""
    return []


@pytest.fixture
def context(browser: Browser, serve: Any, faults: list[str]) -> Iterator[BrowserContext]:
    """A browser that knows nothing yet, closed before the venues end. Errors on its pages fail the test."""
    made = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)

    made.on("page", watch)
    yield made
    made.close()
    expected = ("status of 409", "status of 400", "WebSocket", "ERR_CONNECTION")
    assert [one for one in faults if not any(words in one for words in expected)] == []


@pytest.fixture
def serve() -> Iterator[Any]:
    """Starts venues, and ends them."""
    started: list[Venue] = []

    def start(*options: str, **more: Any) -> Venue:
        started.append(Venue(*options, **more))
        return started[-1]

    yield start
    for one in started:
        if one._process.poll() is None:
            one.end()


@pytest.fixture
def crash(serve: Any) -> Any:
    """A venue minutes before its crash, in memory, its time standing still."""
    return serve("--market", "crash", "--speed", "0", "--symbols", "BTCUSDT,ETHUSDT")


@pytest.fixture
def page(context: BrowserContext, crash: Venue) -> Page:
    """The first screen."""
    made = context.new_page()
    made.goto(crash.link)
    made.get_by_test_id("lose-cross").wait_for(timeout=READY_MS)
    return made
