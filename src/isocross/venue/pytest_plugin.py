"""Pytest plugin: the fixture `isocross_venue`, registered with the package.

Responsible for: a venue of its own for each test that asks. Must not: import anything of the venue before a test asks.

    def test_my_bot(isocross_venue):
        exchange = isocross_venue.ccxt()          # trader, 10,000 USDT, prices set by hand
        isocross_venue.set_prices(BTCUSDT=55_000)

A test that wants another market writes `@pytest.mark.isocross_venue(market="synthetic", accounts={"alice": 5_000})`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .child import Venue


def pytest_configure(config: pytest.Config) -> None:
    """The mark that a test may carry."""
    config.addinivalue_line("markers", "isocross_venue(**options): what `isocross.Venue` is to be started with")


@pytest.fixture
def isocross_venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    """A venue of the test's own: a child process on a free port, in a temporary folder."""
    from .child import Venue

    mark = request.node.get_closest_marker("isocross_venue")
    options: dict[str, Any] = dict(mark.kwargs) if mark is not None else {}
    with Venue(**options) as venue:
        yield venue


def _keep_the_package_as_it_is() -> None:
    """Pytest rewrites the assertions of every package that brings a plugin; the engine's would not compile any more."""
    for finder in sys.meta_path:
        marked = getattr(finder, "_must_rewrite", None)
        if isinstance(marked, set):
            marked.discard("isocross")


_keep_the_package_as_it_is()
