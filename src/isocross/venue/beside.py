"""Beside: worlds beside a running venue: made of it as it stands, kept in its data folder, found again after a restart.

Responsible for: a fork's exchange, read models, keys and clock; its folder below DIR/forks. Must not: serve one, find one by its name.

A fork of a venue in a data folder is a venue in a data folder of its own, whose history begins with the state it was forked at. Its
settings are written last and removed first: a folder without them was never whole, and is taken away at the next start.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from ..errors import JournalError
from ..journal.history import Genesis
from ..journal.journaled import JournaledExchange
from .accounts import KEYS_FILE, Accounts
from .clock import ClockSetting, VenueClock
from .engine import EphemeralExchange
from .market import MarketDriver
from .opening import OpenVenue
from .readmodels.models import ReadModels
from .sequencer import VenueCore
from .settings import SETTINGS_FILE, VenueSettings, read_settings

FORKS = "forks"


def forked(running: OpenVenue, name: str) -> OpenVenue:
    """The running venue as it is now, as a world of its own that stands still. It is on disk when this returns, where the venue is.

    Errors   StatusUnknownError; JournalError.
    """
    core = running.core
    core.settle()
    exchange = core.exchange
    genesis = Genesis(exchange.rulebook, exchange.symbols, running.settings.seed, exchange.snapshot())
    settings = msgspec.structs.replace(
        running.settings, speed_thousandths=0, lag_ms=0, funding_rates_e8=dict(running.settings.funding_rates_e8)
    )
    clock = VenueClock(core.now_ms(), ClockSetting(0, 0))
    if running.path is None:
        engine = EphemeralExchange(genesis, compiled=exchange.is_compiled)
        beside = VenueCore.ephemeral(engine, clock, core.accounts.copy())
        return _opened(running, beside, ReadModels(beside, copied=running.models), settings, None, name)
    path = folder_of(running.path, name)
    remove(path)  # what a crash may have left of one that was never whole
    journaled = JournaledExchange.create(path, genesis, compiled=exchange.is_compiled)
    try:
        beside = VenueCore.journaled(journaled, clock, core.accounts.copy(path / KEYS_FILE))
        models = ReadModels(beside, path, copied=running.models)
        models.flush()
        settings.write(path)
    except BaseException:
        journaled.close()
        raise
    return _opened(running, beside, models, settings, path, name)


def reopened(running: OpenVenue, path: Path) -> OpenVenue:
    """A fork in its folder, as it was left. Errors  JournalError and its kinds."""
    settings = read_settings(path)
    if settings is None:
        raise JournalError(f"{path}: {SETTINGS_FILE} is missing")
    engine = JournaledExchange.open(path, compiled=running.core.exchange.is_compiled)
    try:
        accounts = Accounts(path / KEYS_FILE)
        if settings.flow_account is not None:
            accounts.reserve(settings.flow_account)
        core = VenueCore.journaled(engine, VenueClock(engine.exchange.time_ms, settings.clock), accounts)
        models = ReadModels(core, path)
        models.catch_up(engine.folder, engine)
    except BaseException:
        engine.close()
        raise
    return _opened(running, core, models, settings, path, path.name)


def kept_folders(path: Path | None) -> list[Path]:
    """Folders of the forks of a venue, oldest first; what was never whole, or was being removed, is taken away."""
    if path is None or not (path / FORKS).is_dir():
        return []
    found = [one for one in (path / FORKS).iterdir() if one.is_dir()]
    for one in found:
        if not (one / SETTINGS_FILE).exists():
            remove(one)
    whole = [one for one in found if one.exists()]
    return sorted(whole, key=lambda one: ((one / "genesis.json").stat().st_mtime_ns if (one / "genesis.json").exists() else 0))


def folder_of(path: Path, name: str) -> Path:
    """Where a fork of a venue is kept."""
    return path / FORKS / name


def remove(path: Path) -> None:
    """Take a fork's folder away; a crash on the way leaves one that is not whole."""
    (path / SETTINGS_FILE).unlink(missing_ok=True)
    if path.exists():
        shutil.rmtree(path, ignore_errors=True)


def _opened(
    running: OpenVenue,
    core: VenueCore,
    models: ReadModels,
    settings: VenueSettings,
    path: Path | None,
    name: str,
) -> OpenVenue:
    driver = MarketDriver(core, running.driver.source)
    driver.set_funding({core.exchange.symbol_row(symbol): rate for symbol, rate in settings.funding_rates_e8.items()})
    notes = [f"fork {name} of the running venue"]
    return OpenVenue(core, models, driver, settings, running.prices, path, notes, is_new=False)
