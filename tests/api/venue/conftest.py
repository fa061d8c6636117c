"""One served venue for all tests of a file: each takes accounts of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from .served import Client, Served

_numbers = count(1)


@pytest.fixture(scope="module")
def venue() -> Iterator[Served]:
    """BTCUSDT at 50,000, ETHUSDT at 2,500, BTCUSDC at 50,000, each with a ladder."""
    with Served() as served:
        yield served


@pytest.fixture
def trader(venue: Served) -> Callable[..., Client]:
    """A client of a new account with 10,000 USDT."""

    def make(deposit: int = 10_000) -> Client:
        account = venue.new_account(f"trader-{next(_numbers)}", deposit)
        return venue.client(account.name)

    return make
