"""Worlds: the venue itself, snapshots, forks beside it, twins along with it, receipts of what was liquidated.

Responsible for: these endpoints. Must not: live a world (isocross.worlds and place.py do).
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec

from ...errors import InputError
from ...journal.journaled import JournaledExchange
from .forms import Given
from .place import Place
from .routes import endpoint


class Venue(msgspec.Struct):
    """A world."""

    name: str  # '': the venue itself
    market: str
    notes: list[str]
    rulebook: str
    symbols: list[str]
    seed: int | None
    time_ms: int
    commands: int
    state_hash: str
    is_in_memory: bool


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """A name."""

    name: str


class Snapshot(msgspec.Struct):
    """A snapshot of the state in the data folder."""

    commands: int
    state_hash: str
    file_hash: str
    file_bytes: int


class NewTwin(msgspec.Struct, forbid_unknown_fields=True):
    """A twin of an account in a contract: one thing that is otherwise."""

    name: str
    account: str
    symbol: str
    mode: Literal["other", "isolated", "cross"] | None = None
    leverage: int | None = None
    stop: Given | None = None  # on the losing side of the position that is open now


class ReceiptHead(msgspec.Struct):
    """A receipt in one line."""

    number: int
    kind: str  # liquidation, or auto-deleveraging
    account: str
    time_ms: int
    sentence: str


@endpoint("GET", "/venue", answer=Venue, of_world=True)
def read_venue(place: Place) -> Venue:
    """What this world is, and how far it has come."""
    core, settings = place.world.core, place.world.settings
    return Venue(
        place.name,
        settings.market,
        place.world.notes,
        core.exchange.rulebook.name,
        list(core.symbols),
        settings.seed,
        core.now_ms(),
        core.exchange.command_count,
        core.exchange.state_hash(),
        place.world.path is None,
    )


# ---- snapshots


@endpoint("GET", "/snapshots", answer=list[Snapshot])
def list_snapshots(place: Place) -> list[Snapshot]:
    """The snapshots in the data folder, oldest first."""
    with _journaled(place).journal.reading() as store:
        return [
            Snapshot(row.point.position, row.state_hash, row.file_hash, row.file_bytes) for row in store.snapshots()
        ]


@endpoint("POST", "/snapshots", answer=list[Snapshot])
async def make_snapshot(place: Place) -> list[Snapshot]:
    """Write a snapshot: the next start begins there."""
    engine = _journaled(place)
    done = engine.begin_snapshot()
    await asyncio.to_thread(done.wait)
    if engine.snapshot_fault is not None:
        raise InputError(engine.snapshot_fault)
    return list_snapshots(place)


def _journaled(place: Place) -> JournaledExchange:
    engine = place.world.core.engine
    if not isinstance(engine, JournaledExchange):
        raise InputError("snapshots: this venue is in memory alone; start one with --data")
    return engine


# ---- forks


@endpoint("GET", "/forks", answer=list[Venue])
def list_forks(place: Place) -> list[Venue]:
    """The worlds beside the venue."""
    return [read_venue(fork) for fork in place.places.forks]


@endpoint("POST", "/forks", request=Named, answer=Venue)
def make_fork(place: Place, request: Named) -> Venue:
    """The venue as it is now, as a world of its own that stands still; the dialect answers for it under /fork/NAME."""
    return read_venue(place.places.fork(request.name))


@endpoint("DELETE", "/forks/{name}", answer=list[Venue])
async def remove_fork(place: Place, name: str) -> list[Venue]:
    """Let a fork go."""
    await place.places.remove(name)
    return list_forks(place)


# ---- twins


@endpoint("GET", "/twins", answer=list[str])
async def list_twins(place: Place) -> list[str]:
    """Names of the twins."""
    return await place.places.twins.names()


@endpoint("POST", "/twins", request=NewTwin, answer=list[str])
async def add_twin(place: Place, request: NewTwin) -> list[str]:
    """A twin that has lived what the venue has, otherwise in one thing, and lives along from now on."""
    from ...worlds.rewrite import Rewrite, flip_mode, place_stop, set_leverage

    account = place.world.core.accounts.by_name(request.account).row
    symbol = place.world.core.symbols[place.world.core.exchange.symbol_row(request.symbol)]
    rewrites: list[Rewrite] = []
    if request.mode is not None:
        rewrites.append(flip_mode(account, symbol, to=None if request.mode == "other" else request.mode))
    if request.leverage is not None:
        rewrites.append(set_leverage(account, symbol, request.leverage))
    if request.stop is not None:
        rewrites.append(place_stop(account, symbol, request.stop, at=place.world.core.exchange.time_ms))
    if not rewrites:
        raise InputError("twin: expected mode, leverage or stop")
    await place.places.twins.add(request.name, *rewrites)
    return await place.places.twins.names()


@endpoint("GET", "/twins/{name}", answer=dict[str, Any])
async def read_twin(place: Place, name: str) -> dict[str, Any]:
    """What differs between the venue and a twin."""
    return (await place.places.twins.report(name)).to_dict()


@endpoint("DELETE", "/twins/{name}", answer=list[str])
async def remove_twin(place: Place, name: str) -> list[str]:
    """Let a twin go."""
    await place.places.twins.remove(name)
    return await place.places.twins.names()


# ---- receipts


@endpoint("GET", "/receipts", answer=list[ReceiptHead], of_world=True)
async def list_receipts(place: Place) -> list[ReceiptHead]:
    """Every liquidation and auto-deleveraging, in one line each."""
    from ...worlds.receipt import Receipt, receipts

    await place.world.core.gate.passed(place.world.core.position)
    found = await asyncio.to_thread(lambda: list(receipts(place.world.core.history, names=_names(place))))
    return [
        ReceiptHead(
            one.number,
            "liquidation" if isinstance(one, Receipt) else "auto-deleveraging",
            one.name(one.account),
            one.place.time_ms,
            one.sentence if isinstance(one, Receipt) else one.text().splitlines()[0],
        )
        for one in found
    ]


@endpoint("GET", "/receipts/{number}", answer=dict[str, Any], of_world=True)
async def read_receipt(place: Place, number: str) -> dict[str, Any]:
    """One receipt, whole."""
    from ...worlds.receipt import receipt

    if not number.isdecimal():
        raise InputError(f"receipt {number[:40]!r}: expected its number")
    await place.world.core.gate.passed(place.world.core.position)
    found = await asyncio.to_thread(lambda: receipt(place.world.core.history, int(number), names=_names(place)))
    return found.to_dict()


def _names(place: Place) -> dict[str, int]:
    return {account.name: account.row for account in place.world.core.accounts}
