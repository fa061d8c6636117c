"""`isocross serve`: options in, a venue that answers until it is ended.

Responsible for: the command's options, their environment names, what is printed when it is ready. Must not: open a venue, listen.
"""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..units import format_e8
from .app import THE_VENUE

if TYPE_CHECKING:
    from ..venue.opening import OpenVenue

_WHERE = "Where"
_MARKET = "The market"
_ACCOUNTS = "The accounts"
ACCOUNT_NAME = "trader"
ACCOUNTS_MAX = 1_000


def _option(name: str, text: str, metavar: str, panel: str, *flags: str) -> Any:
    return typer.Option(*flags, envvar=f"ISOCROSS_{name}", help=text, metavar=metavar, rich_help_panel=panel)


def register(app: typer.Typer) -> None:
    """Add `serve` to the app."""
    app.command("serve", rich_help_panel=THE_VENUE)(serve)


def serve(
    data: Annotated[
        Path | None,
        _option("DATA", "The data folder, made where there is none. Default: one of your own.", "DIR", _WHERE),
    ] = None,
    ephemeral: Annotated[
        bool,
        typer.Option(
            "--ephemeral",
            envvar="ISOCROSS_EPHEMERAL",
            help="Keep it in memory alone: it is gone when it ends.",
            rich_help_panel=_WHERE,
        ),
    ] = False,
    port: Annotated[int, _option("PORT", "0 takes any that is free.", "N", _WHERE)] = 8787,
    host: Annotated[
        str,
        _option("HOST", "The address to listen on. Anything but loopback lets other machines in.", "ADDRESS", _WHERE),
    ] = "127.0.0.1",
    market: Annotated[
        str | None,
        _option(
            "MARKET",
            "synthetic (made up from a seed), crash (minutes before one), manual (you set prices) or replay:PATH. "
            "Default: synthetic.",
            "NAME",
            _MARKET,
        ),
    ] = None,
    speed: Annotated[
        float | None, _option("SPEED", "How fast its time goes; 0 stands still. Default: 1.", "N", _MARKET)
    ] = None,
    seed: Annotated[int | None, _option("SEED", "Of a made-up market.", "N", _MARKET)] = None,
    begin: Annotated[
        str | None, _option("BEGIN", "Where a replay begins (2025-10-10T20:00, UTC).", "TIME", _MARKET)
    ] = None,
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded",
            envvar="ISOCROSS_AS_RECORDED",
            help="Let a replay run at its own dates, not at the present.",
            rich_help_panel=_MARKET,
        ),
    ] = False,
    rulebook: Annotated[
        str | None, _option("RULEBOOK", "A rulebook's name or file. Default: binance-usdm.", "NAME", _MARKET)
    ] = None,
    symbols: Annotated[
        str | None, _option("SYMBOLS", "Contracts: BTCUSDT,ETHUSDT. Default: five, or the replay's.", "LIST", _MARKET)
    ] = None,
    price: Annotated[
        list[str] | None, _option("PRICE", "A first price: BTCUSDT=60000. As often as needed.", "SYMBOL=PRICE", _MARKET)
    ] = None,
    balance: Annotated[
        str | None,
        _option("BALANCE", "What each account of a new venue begins with. Default: 10000USDT.", "AMOUNT", _ACCOUNTS),
    ] = None,
    accounts: Annotated[int, _option("ACCOUNTS", "How many a new venue begins with.", "N", _ACCOUNTS)] = 1,
    open_: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            envvar="ISOCROSS_OPEN",
            help="Open its page in a browser. Default: when you look at it from a terminal.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
) -> None:
    """An exchange on this machine that existing bots talk to as they are."""
    from ..venue.opening import BALANCE, VenueOptions
    from ..venue.serve import serve as run
    from ..venue.settings import default_folder

    if ephemeral and data is not None:
        raise InputError("--ephemeral and --data: one of them")
    if not 1 <= accounts <= ACCOUNTS_MAX:
        raise InputError(f"--accounts: {accounts}: expected 1 … {ACCOUNTS_MAX:,}")
    names = [ACCOUNT_NAME, *(f"{ACCOUNT_NAME}-{number}" for number in range(2, accounts + 1))]
    options = VenueOptions(
        data=None if ephemeral else data or default_folder(),
        market=market,
        speed=speed,
        seed=seed,
        rulebook=rulebook,
        symbols=tuple(part.strip() for part in symbols.split(",") if part.strip()) if symbols else None,
        balances=dict.fromkeys(names, balance or BALANCE),
        prices=_prices(price or []),
        begin=begin,
        as_recorded=as_recorded,
    )
    run(
        options,
        host=host,
        port=port,
        ready=lambda venue, url, link: _say_ready(venue, url, link, host, open_),
        say=lambda text: typer.echo(text, err=True),
    )
    typer.echo("ended; everything is on disk" if not ephemeral else "ended")


def _prices(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise InputError(f"--price: {text!r}: expected SYMBOL=PRICE, as BTCUSDT=60000")
        found[name.strip()] = value.strip()
    return found


def _say_ready(venue: OpenVenue, url: str, link: str, host: str, is_to_open: bool | None) -> None:
    from ..venue.page.built import is_built
    from ..venue.settings import default_folder

    core, settings = venue.core, venue.settings
    speed = (
        "its time stands still"
        if core.clock.is_paused
        else f"its time runs at ×{core.clock.speed_thousandths / 1_000:g}"
    )
    lines = [f"isocross answers at {url}"]
    if venue.path is None:
        lines.append("  data      in memory alone")
    else:
        count = core.exchange.command_count
        lines.append(f"  data      {venue.path} ({'new' if venue.is_new else f'{count:,} commands recovered'})")
    lines.append(f"  market    {settings.market}, {', '.join(core.symbols)}; {speed}")
    lines += [f"            {note}" for note in venue.notes]
    for account in list(core.accounts)[:4]:
        lines.append(f"  account   {account.name}: key {account.api_key}")
        if venue.path is None:
            lines.append(f"            secret {account.secret}")
    if link and is_built():
        lines.append(f"  page      {link} (signs in once)")
    elif link:
        lines.append(
            "  page      not built: make setup builds it where there is Node, or the package index to take one from"
        )
    if len(core.accounts) > 4:
        lines.append(f"            and {len(core.accounts) - 4} more")
    if venue.path is None:
        commands = [
            f"curl -s {url}/control/openapi.json",
            f"curl -s '{url}/fapi/v1/ticker/24hr?symbol={core.symbols[0]}'",
        ]
    else:
        where = "" if venue.path == default_folder() else f" --data {venue.path}"
        commands = [
            f"isocross keys{where}",
            f"isocross connect ccxt{where}",
            f"isocross control clock{where} --to liquidation"
            if venue.driver.source is not None
            else f"isocross control prices{where} {core.symbols[0]}={_lower_price(venue)}",
        ]
    lines += ["try next", *(f"  {command}" for command in commands)]
    if host not in ("127.0.0.1", "localhost", "::1"):
        lines.append(f"other machines reach it: it listens on {host}")
    lines.append("Ctrl-C ends it")
    typer.echo("\n".join(lines))
    if link and is_built() and (sys.stdout.isatty() if is_to_open is None else is_to_open):
        webbrowser.open(link)


def _lower_price(venue: OpenVenue) -> str:
    """A price for the first contract, a tenth below the one it has."""
    exchange = venue.core.exchange
    tick_e8 = exchange.rules(0).tick_e8
    return format_e8(exchange.mark_e8(0) * 9 // 10 // tick_e8 * tick_e8)
