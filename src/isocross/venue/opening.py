"""Opening: a venue from its options: made in a new data folder or in memory, or recovered, and brought up to its time.

Responsible for: the one batch of commands that a new venue begins with, recovery, the read models caught up, the market and its past.
Must not: listen on a network, know a wire name.

A new venue's accounts, balances and first prices are one batch, so one commit: a crash leaves all of it or an empty folder, which is
then made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codes import CommandKind
from ..errors import InputError
from ..exchange import Exchange
from ..journal.folder import DataFolder
from ..journal.history import Genesis
from ..journal.journaled import JournaledExchange
from ..market.manual import ManualPrices
from ..market.parameters import first_price_e8
from ..market.source import FLOW_DEPOSIT_E8, Source
from ..rulebook import DEFAULT_RULEBOOK, Rulebook, SymbolRules, load, symbol_rules
from ..units import ONE_E8, to_e8
from .accounts import FIRST_ACCOUNT, KEYS_FILE, Accounts, checked_name
from .clock import SPEED_ONE, ClockSetting, VenueClock
from .engine import EphemeralExchange
from .market import MarketDriver
from .past import still_past
from .readmodels.models import ReadModels, forget, is_ahead
from .sequencer import VenueCore
from .settings import VenueSettings, checked_same, read_settings

if TYPE_CHECKING:
    from ..market.history import History

MANUAL, REPLAY = "manual", "replay:"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")
BALANCE = "10000USDT"
FUND_DEPOSIT_E8 = 1_000_000 * ONE_E8
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """What somebody asked for; None: what the folder says, or the default of a new one."""

    data: Path | None = None  # None: in memory
    market: str | None = None
    speed: float | None = None
    seed: int | None = None
    rulebook: str | Path | None = None
    symbols: tuple[str, ...] | None = None
    balances: dict[str, str] = field(default_factory=dict)  # by account, as in "10000USDT"
    prices: dict[str, str] = field(default_factory=dict)
    begin: str | None = None
    as_recorded: bool = False
    with_flow: bool = True


@dataclass(slots=True)
class OpenVenue:
    """A venue that is there, and not yet listening."""

    core: VenueCore
    models: ReadModels
    driver: MarketDriver
    settings: VenueSettings
    prices: ManualPrices
    path: Path | None
    notes: list[str]
    is_new: bool

    def keep_settings(self) -> None:
        """Write down how the clock runs and what was set by hand."""
        setting = self.core.clock.setting
        self.settings.speed_thousandths, self.settings.lag_ms = setting
        if self.path is not None:
            self.settings.write(self.path)

    def close(self) -> None:
        """Commit, write, let go."""
        self.keep_settings()
        self.core.close()
        self.models.close()


async def open_venue(options: VenueOptions, say: Say = lambda text: None) -> OpenVenue:
    """A venue, ready to be asked, in the running loop.

    Errors   InputError; MarketDataError; RulebookError; JournalError and its kinds.
    """
    _check(options)
    path = options.data
    if path is not None and DataFolder.exists(path):
        engine = JournaledExchange.open(path)
        try:
            settings = read_settings(path)
            if settings is not None and engine.exchange.command_count:
                return await _recovered(engine, settings, options, path, say)
            if engine.exchange.command_count:
                raise InputError(f"{path}: holds a journal and no venue; name another folder with --data")
            return await _begun(engine, options, path, history_of(options, engine.exchange.symbols), say)
        except BaseException:
            engine.close()
            raise
    genesis, history = _genesis(options)
    if path is None:
        return await _begun(EphemeralExchange(genesis), options, None, history, say)
    engine = JournaledExchange.create(path, genesis)
    try:
        return await _begun(engine, options, path, history, say)
    except BaseException:
        engine.close()
        raise


def _check(options: VenueOptions) -> None:
    """What can be seen to be wrong before anything is loaded."""
    for name in options.balances:
        checked_name(name)
    if options.speed is not None:
        speed_thousandths(options.speed)
    if options.market is not None and options.market != MANUAL:
        from ..market.choose import check_word

        check_word(options.market)


# ---- a new one


def _genesis(options: VenueOptions) -> tuple[Genesis, History | None]:
    rulebook = load(options.rulebook or DEFAULT_RULEBOOK)
    inverse = [rules.symbol for rules in rulebook.symbols.values() if rules.is_inverse]
    if inverse:
        raise InputError(
            f"rulebook: {rulebook.name} has inverse contracts ({', '.join(inverse[:3])}): a served venue speaks the API of linear ones; "
            "a Sandbox runs it"
        )
    market = options.market or "synthetic"
    history = None
    if market.startswith(REPLAY):
        from ..market.choose import read_history, symbols_of
        from ..policy.history_choice import with_rules_for

        path = _replayed(market)
        known = options.symbols or symbols_of(market, [*rulebook.symbols])
        history = read_history(path, list(known), options.begin)
        rulebook, _ = with_rules_for(rulebook, history)
        symbols = tuple(history.symbols)
    else:
        symbols = (
            options.symbols or tuple(one for one in SYMBOLS if one in rulebook.symbols) or tuple(rulebook.symbols)[:5]
        )
    named = tuple(symbol_rules(rulebook, symbol).symbol for symbol in symbols)
    return Genesis(rulebook, named, options.seed), history


def history_of(options: VenueOptions, symbols: tuple[str, ...]) -> History | None:
    """The recording that a replay needs; None for another market."""
    if options.market is None or not options.market.startswith(REPLAY):
        return None
    from ..market.choose import read_history

    return read_history(_replayed(options.market), list(symbols), options.begin)


async def _begun(
    engine: JournaledExchange | EphemeralExchange,
    options: VenueOptions,
    path: Path | None,
    history: History | None,
    say: Say,
) -> OpenVenue:
    exchange = engine.exchange
    rules = [exchange.rules(row) for row in range(len(exchange.symbols))]
    accounts = Accounts(None if path is None else path / KEYS_FILE)
    balances = {checked_name(name): parsed_balance(text, exchange.rulebook) for name, text in options.balances.items()}
    for name in balances:
        if all(one.name != name for one in accounts):
            accounts.new(name)
    market = options.market or "synthetic"
    has_flow = market != MANUAL and options.with_flow
    flow = FIRST_ACCOUNT + len(accounts) if has_flow else None
    wall_ms = VenueClock(0).now_ms() // 1_000 * 1_000
    source = _source(
        market,
        rules,
        seed=options.seed,
        start_ms=wall_ms,
        prices_e8=_prices_e8(exchange, options.prices),
        history=history,
        begin=options.begin,
        as_recorded=options.as_recorded,
        flow_account=flow,
    )
    start_ms = wall_ms if source is None else source.start_ms
    lag_ms = wall_ms - start_ms if options.as_recorded else 0
    speed = SPEED_ONE if options.speed is None else speed_thousandths(options.speed)
    settings = VenueSettings(
        market=_lasting(market),
        seed=options.seed,
        start_ms=wall_ms,
        begin=options.begin,
        as_recorded=options.as_recorded,
        prices=dict(options.prices),
        flow_account=flow,
        speed_thousandths=speed,
        lag_ms=lag_ms,
    )
    if path is not None:
        settings.write(path)
    if flow is not None:
        accounts.reserve(flow)
    core = _core_of(engine, VenueClock(start_ms, ClockSetting(speed, lag_ms)), accounts)
    models = ReadModels(core, path)
    prices = ManualPrices(rules)
    first_prices = {
        one.symbol: _prices_e8(exchange, options.prices).get(one.symbol) or first_price_e8(one, None) for one in rules
    }
    opening: list[tuple[CommandKind, dict[str, Any]]] = [
        (CommandKind.FUND_DEPOSIT, {"asset": exchange.asset_row(asset), "amount_e8": FUND_DEPOSIT_E8})
        for asset in dict.fromkeys(one.margin_asset for one in rules)
    ]
    for account in accounts:
        opening.append((CommandKind.CREATE_ACCOUNT, {"account": account.row}))
        opening += _deposits(account.row, balances.get(account.name, {}), exchange)
    if flow is not None:
        opening.append((CommandKind.CREATE_ACCOUNT, {"account": flow}))
        for asset in dict.fromkeys(one.margin_asset for one in rules):
            opening += _deposits(flow, {asset: FLOW_DEPOSIT_E8}, exchange)
    opening += prices.opening(first_prices) if source is None else source.opening().commands
    done = core.apply_at(start_ms, opening)
    refused = [one for one in done[: len(opening)] if not one.is_accepted]
    if refused:
        raise InputError(f"the venue cannot begin like that: {refused[0].refusal.name}")
    await core.gate.passed(core.position)
    return await _ready(core, models, source, settings, prices, path, first_prices, is_new=True, say=say)


# ---- one that was there


async def _recovered(
    engine: JournaledExchange, settings: VenueSettings, options: VenueOptions, path: Path, say: Say
) -> OpenVenue:
    checked_same(path, "market", settings.market, None if options.market is None else _lasting(options.market))
    checked_same(path, "seed", settings.seed, options.seed)
    checked_same(
        path, "symbols", ",".join(engine.exchange.symbols), ",".join(options.symbols) if options.symbols else None
    )
    if options.rulebook is not None:
        checked_same(path, "rulebook", engine.exchange.rulebook.name, load(options.rulebook).name)
    exchange = engine.exchange
    rules = [exchange.rules(row) for row in range(len(exchange.symbols))]
    clock = settings.clock
    if options.speed is not None:
        clock = clock._replace(speed_thousandths=speed_thousandths(options.speed))
    accounts = Accounts(path / KEYS_FILE)
    if settings.flow_account is not None:
        accounts.reserve(settings.flow_account)
    core = _core_of(engine, VenueClock(exchange.time_ms, clock), accounts)
    if is_ahead(path, engine.position):
        forget(path)
    models = ReadModels(core, path)
    models.catch_up(engine.folder, engine)
    recorded = replace(options, market=settings.market, begin=settings.begin)
    source = _source(
        settings.market,
        rules,
        seed=settings.seed,
        start_ms=settings.start_ms,
        prices_e8=_prices_e8(exchange, settings.prices),
        history=history_of(recorded, exchange.symbols),
        begin=settings.begin,
        as_recorded=settings.as_recorded,
        flow_account=settings.flow_account,
    )
    _mend_accounts(core)
    first_prices = {
        one.symbol: _prices_e8(exchange, settings.prices).get(one.symbol) or first_price_e8(one, None) for one in rules
    }
    notes = [*engine.warnings]
    opened = await _ready(
        core, models, source, settings, ManualPrices(rules), path, first_prices, is_new=False, say=say
    )
    opened.notes[:0] = notes
    return opened


def _mend_accounts(core: VenueCore) -> None:
    """Accounts whose keys were written down, and which a crash kept from being created."""
    there = len(core.exchange.table("accounts"))
    for account in core.accounts:
        if account.row >= there or not core.exchange.table("accounts")["is_open"][account.row]:
            core.apply_at(core.exchange.time_ms, [(CommandKind.CREATE_ACCOUNT, {"account": account.row})])


# ---- both


async def _ready(
    core: VenueCore,
    models: ReadModels,
    source: Source | None,
    settings: VenueSettings,
    prices: ManualPrices,
    path: Path | None,
    first_prices: dict[str, int],
    *,
    is_new: bool,
    say: Say,
) -> OpenVenue:
    if not models.past_end_ms:
        start_ms = settings.start_ms if source is None else source.start_ms
        models.put(still_past(first_prices, start_ms) if source is None else source.past())
    driver = MarketDriver(core, source)
    driver.set_funding({core.exchange.symbol_row(name): rate for name, rate in settings.funding_rates_e8.items()})
    gap = core.clock.now_ms() - core.exchange.time_ms
    if source is not None and gap > 60_000 and core.clock.speed_thousandths == SPEED_ONE:
        say(f"the market goes on from {gap // 60_000:,} minutes ago")
    await driver.live_through_gap()
    opened = OpenVenue(core, models, driver, settings, prices, path, list(source.notes) if source else [], is_new)
    opened.keep_settings()
    return opened


def _core_of(engine: JournaledExchange | EphemeralExchange, clock: VenueClock, accounts: Accounts) -> VenueCore:
    asyncio.get_running_loop()
    if isinstance(engine, EphemeralExchange):
        return VenueCore.ephemeral(engine, clock, accounts)
    return VenueCore.journaled(engine, clock, accounts)


def _deposits(row: int, amounts_e8: dict[str, int], exchange: Exchange) -> list[tuple[CommandKind, dict[str, Any]]]:
    return [
        (CommandKind.DEPOSIT, {"account": row, "asset": exchange.asset_row(asset), "amount_e8": amount_e8})
        for asset, amount_e8 in amounts_e8.items()
        if amount_e8
    ]


def _prices_e8(exchange: Exchange, prices: dict[str, str]) -> dict[str, int]:
    return {
        exchange.symbols[exchange.symbol_row(name)]: to_e8(text, f"price of {name}") for name, text in prices.items()
    }


def _replayed(market: str) -> Path:
    return Path(market.removeprefix(REPLAY))


def _lasting(market: str) -> str:
    """The word for a market that means the same from every folder."""
    return f"{REPLAY}{_replayed(market).resolve()}" if market.startswith(REPLAY) else market


def _source(market: str, rules: list[SymbolRules], **more: Any) -> Source | None:
    """The source that a word names; None: prices are set by hand. What reads recordings is loaded for those alone."""
    if market == MANUAL:
        return None
    from ..market.choose import open_source

    return open_source(market, rules, **more)


def parsed_balance(text: str, rulebook: Rulebook) -> dict[str, int]:
    """'10000USDT' or '10000USDT,5000USDC' as money × 10^8 by asset; a bare number is of the first asset. Errors  InputError."""
    found: dict[str, int] = {}
    for part in text.replace(" ", "").split(","):
        asset = next((one for one in rulebook.margin_assets if part.upper().endswith(one)), None)
        number = part[: -len(asset)] if asset else part
        if not number or number[-1].isalpha():
            raise InputError(
                f"balance: {text!r}: expected an amount of {', '.join(rulebook.margin_assets)}, as 10000USDT"
            )
        amount_e8 = to_e8(number, "balance")
        if amount_e8 < 0:
            raise InputError(f"balance: {text!r}: expected 0 or more")
        found[asset or rulebook.margin_assets[0]] = amount_e8
    return found


def speed_thousandths(speed: float) -> int:
    """A speed as the clock counts it. Errors  InputError."""
    from .clock import checked_speed

    if speed != speed or abs(speed) > 10**9:
        raise InputError(f"speed: {speed}: expected a number")
    return checked_speed(round(speed * SPEED_ONE))
