"""Journals: what the tests of the journal share: a genesis, commands with liquidations in them, an undisturbed run.

Responsible for: commands of a random life as whole COMMAND blocks, and the state hash after each. Must not: touch a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from isocross.exchange import Exchange
from isocross.journal.history import Genesis
from tests import world
from tests.strategies import Life


@dataclass(frozen=True)
class Told:
    """A life: its commands one by one, and the state after each of them."""

    genesis: Genesis
    commands: list[np.ndarray]  # COMMAND records, one command each
    hashes: list[str]  # of the state after 0, 1, 2 … commands
    events: list[np.ndarray]

    def batch(self, start: int, stop: int) -> np.ndarray:
        """The commands start … stop − 1."""
        return np.concatenate(self.commands[start:stop])


@cache
def told(seed: int, length: int) -> Told:
    """The life of a seed."""
    book = world.rulebook_of(seed)
    exchange = Exchange(book)
    life = Life(f"journal {seed}", exchange)
    commands, hashes, events = [], [exchange.state_hash()], []
    while len(commands) < length:
        packed = world.packed(exchange, [life.next()])
        if packed["kind"][0] == 0:
            continue
        before = exchange.command_count
        events.append(exchange.submit_batch(packed).events)
        assert exchange.command_count == before + 1
        commands.append(packed)
        hashes.append(exchange.state_hash())
    return Told(Genesis(book, exchange.symbols, seed), commands, hashes, events)
