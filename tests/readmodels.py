"""Read models: a random life told to the read models of a venue in memory, for the tests.

Responsible for: commands of a life, told in groups of a given size; wallets as the exchange has them. Must not: check.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from isocross.codes import CommandKind
from isocross.command import joined
from isocross.exchange import Exchange
from isocross.journal.history import Genesis
from isocross.venue.clock import ClockSetting, VenueClock
from isocross.venue.engine import EphemeralExchange
from isocross.venue.order_life import OrderLives
from isocross.venue.readmodels.models import ReadModels
from isocross.venue.sequencer import VenueCore
from isocross.venue.told import Told, told_of
from tests import world
from tests.strategies import Life


@cache
def life_of(seed: int, length: int) -> tuple[Genesis, list[np.ndarray]]:
    """The commands of a random life, one by one."""
    book = world.rulebook_of(seed)
    exchange = Exchange(book)
    life = Life(f"read models {seed}", exchange)
    commands: list[np.ndarray] = []
    while len(commands) < length:
        packed = world.packed(exchange, [life.next()])
        if packed["kind"][0] != CommandKind.CONTINUATION:
            exchange.submit_batch(packed)
            commands.append(packed)
    return Genesis(book, exchange.symbols, seed), commands


def tellings(exchange: Exchange, lives: OrderLives, commands: list[np.ndarray], size: int) -> Iterator[Told]:
    """What listeners are told of a life when `size` commands are committed at once."""
    for first in range(0, len(commands), size):
        batch = joined(commands[first : first + size])
        done = exchange.submit_batch(batch)
        yield told_of(lives, batch, done.results, done.events, exchange.command_count)


def quiet_core(genesis: Genesis) -> VenueCore:
    """A core in memory whose clock stands still."""
    return VenueCore.ephemeral(EphemeralExchange(genesis), VenueClock(world.START_MS, ClockSetting(0, 0)))


def lived(seed: int, length: int, size: int = 7) -> tuple[VenueCore, ReadModels]:
    """The read models of a life that was lived."""
    genesis, commands = life_of(seed, length)
    core = quiet_core(genesis)
    models = ReadModels(core)
    for told in tellings(core.exchange, core.lives, commands, size):
        models.take(told)
    return core, models


def wallet_e8(exchange: Exchange, account: int, asset: int) -> int:
    """What an account has in an asset: its cross wallet and all isolated ones."""
    wallet = exchange.table("wallets")["cross_wallet_e8"][account * len(exchange.assets) + asset]
    positions = exchange.table("positions")
    mine = positions["account"] == account
    assets = exchange.table("symbols")["asset"][positions["symbol"]]
    return int(wallet) + int(positions["isolated_wallet_e8"][mine & (assets == asset)].sum())
