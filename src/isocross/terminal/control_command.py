"""`isocross control`: a running venue's clock, prices, accounts and worlds from the command line.

Responsible for: the group, its options, printing. Must not: do any of it: the venue does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, JournalError
from ..units import format_time
from .app import THE_VENUE, help_when_alone

if TYPE_CHECKING:
    from ..venue.control.client import ControlClient

STATUSES = ("trading", "reduce-only", "paused", "delisted")
_DATA = typer.Option("--data", envvar="ISOCROSS_DATA", help="The venue's data folder.", metavar="DIR")
_FORK = typer.Option("--fork", help="Of a fork, not of the venue itself.", metavar="NAME")


def register(app: typer.Typer) -> None:
    """Add `control` and its commands to the app."""
    group = typer.Typer(rich_markup_mode="rich")

    @group.callback(invoke_without_command=True)
    def control(context: typer.Context) -> None:
        """A running venue: its clock, prices, accounts, forks, or any of its control plane."""
        help_when_alone(context)

    for command in (clock, prices, symbols, accounts, fork, call):
        group.command(command.__name__)(command)
    app.add_typer(group, name="control", rich_help_panel=THE_VENUE)


def clock(
    speed: Annotated[float | None, typer.Option("--speed", help="0 stands still, 1 is the wall's pace.")] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="Live on at once: 90s, 15m, 8h, 2d.", metavar="SPAN")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Live on until the next funding or liquidation.", metavar="EVENT")
    ] = None,
    data: Annotated[Path | None, _DATA] = None,
    fork: Annotated[str | None, _FORK] = None,
) -> None:
    """What time it is there; with an option, make time go otherwise."""
    client = _client(data, fork)
    if sum(one is not None for one in (speed, step, to)) > 1:
        raise InputError("clock: one of --speed, --step and --to")
    if speed is not None:
        client.speed(speed)
    elif step is not None:
        client.step(_seconds(step))
    elif to is not None:
        if to not in ("funding", "liquidation"):
            raise InputError(f"--to: {to!r}: expected funding or liquidation")
        if not client.jump(to)["has_come"]:
            typer.echo(f"no {to} came")
    told = client.clock()
    runs = "stands still" if told["is_paused"] else f"runs at ×{told['speed']:g}"
    typer.echo(f"{format_time(told['time_ms'])}, {runs}")


def prices(
    new: Annotated[
        list[str] | None, typer.Argument(help="New prices in a manual market: BTCUSDT=55000.", metavar="SYMBOL=PRICE")
    ] = None,
    trade: Annotated[
        bool, typer.Option("--trade", help="And have somebody trade there: the last price follows, stops by it trigger.")
    ] = False,
    data: Annotated[Path | None, _DATA] = None,
    fork: Annotated[str | None, _FORK] = None,
) -> None:
    """Mark, index and last price of every contract; with arguments, set by hand first."""
    client = _client(data, fork)
    given = {}
    for text in new or []:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise InputError(f"price: {text!r}: expected SYMBOL=PRICE, as BTCUSDT=55000")
        given[name] = value
    found = client.set_prices(**given) if given else client.prices()
    if trade:
        found = client.trade(*given)
    for one in found.values():
        typer.echo(f"{one['symbol']:<12} mark {one['mark']:<14} index {one['index']:<14} last {one['last'] or 'none'}")


def symbols(
    symbol: Annotated[str | None, typer.Argument(help="One contract, with its brackets.", metavar="SYMBOL")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="trading, reduce-only, paused; delisted is for good.")
    ] = None,
    fees: Annotated[
        str | None, typer.Option("--fees", help="Fractions: 0.0002,0.0005", metavar="MAKER,TAKER[,LIQUIDATION]")
    ] = None,
    brackets: Annotated[
        str | None,
        typer.Option(
            "--brackets", help="Another table: 0:0.004:125,50000:0.005:100", metavar="FLOOR:RATE:LEVERAGE,…"
        ),
    ] = None,
    cap: Annotated[str | None, typer.Option("--cap", help="Where the last bracket ends.", metavar="NOTIONAL")] = None,
    data: Annotated[Path | None, _DATA] = None,
    fork: Annotated[str | None, _FORK] = None,
) -> None:
    """The contracts, what may be done in them and what they cost; with options, change one first."""
    client = _client(data, fork)
    if symbol is None:
        if any(one is not None for one in (status, fees, brackets, cap)):
            raise InputError("symbols: expected the contract that is to change")
        for one in client.symbols().values():
            typer.echo(
                f"{one['symbol']:<12} {one['status']:<12} maker {one['maker_fee']:<9} taker {one['taker_fee']:<9} "
                f"open {one['open_interest']}"
            )
        return
    if status not in (None, *STATUSES):
        raise InputError(f"--status: {status!r}: expected {', '.join(STATUSES)}")
    if status is not None:
        client.set_symbol_status(symbol, status)
    if fees is not None:
        rates = fees.split(",")
        if len(rates) not in (2, 3):
            raise InputError(f"--fees: {fees!r}: expected MAKER,TAKER or MAKER,TAKER,LIQUIDATION")
        client.set_fees(symbol, *rates)
    if brackets is not None:
        client.set_brackets(symbol, _brackets(brackets), cap or client.symbol(symbol)["brackets"][-1]["cap"])
    elif cap is not None:
        raise InputError("--cap: goes with --brackets")
    one = client.symbol(symbol)
    typer.echo(f"{one['symbol']}  {one['status']}  open interest {one['open_interest']}")
    typer.echo(f"fees: maker {one['maker_fee']}, taker {one['taker_fee']}, liquidation {one['liquidation_fee']}")
    for row in one["brackets"]:
        typer.echo(f"  {row['floor']:>14} to {row['cap']:<16} maintenance {row['rate']:<8} up to {row['leverage']}x")


def _brackets(text: str) -> list[tuple[str, str, int]]:
    found = []
    for part in text.split(","):
        floor, _, rest = part.partition(":")
        rate, _, leverage = rest.partition(":")
        if not (floor and rate and leverage.isdecimal()):
            raise InputError(f"--brackets: {part!r}: expected FLOOR:RATE:LEVERAGE, as 50000:0.005:100")
        found.append((floor, rate, int(leverage)))
    return found


def accounts(
    name: Annotated[str | None, typer.Argument(help="A new account.", metavar="NAME")] = None,
    balance: Annotated[str, typer.Option("--balance", help="What it begins with.", metavar="AMOUNT")] = "10000USDT",
    data: Annotated[Path | None, _DATA] = None,
    fork: Annotated[str | None, _FORK] = None,
) -> None:
    """Accounts and their balances; with a name, a new one first."""
    client = _client(data, fork)
    if name is not None:
        amount = balance.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        client.new_account(name, **{balance[len(amount) :] or "USDT": amount})
    for one in client.accounts().values():
        for held in one["balances"]:
            if held["wallet"] != "0":
                typer.echo(
                    f"{one['name']:<16} {held['wallet']:>18} {held['asset']}  unrealized {held['unrealized_pnl']}  "
                    f"available {held['available']}"
                )


def fork(
    name: Annotated[str | None, typer.Argument(help="A new fork.", metavar="NAME")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Let it go.")] = False,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Worlds beside the venue; with a name, the venue as it is now becomes one."""
    client = _client(data, None)
    if remove and name is None:
        raise InputError("--remove: expected the name of a fork")
    if remove and name is not None:
        client.remove_fork(name)
    elif name is not None:
        client.fork(name)
    for one in client.forks():
        typer.echo(f"{one:<16} {client.url}/fork/{one}/fapi/v1")


def call(
    method: Annotated[str, typer.Argument(help="GET, POST or DELETE.")],
    path: Annotated[str, typer.Argument(help="Below /control: /receipts, /faults, /alarms.")],
    body: Annotated[str | None, typer.Argument(help="A JSON object.")] = None,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Any endpoint of the control plane; /openapi.json lists them."""
    try:
        sent: Any = None if body is None else json.loads(body)
    except ValueError as error:
        raise InputError(f"body: {body!r}: is no JSON ({error})") from None
    if not path.startswith("/"):
        raise InputError(f"path: {path!r}: expected one that begins with /")
    told = _client(data, None).call(method.upper(), path, sent)
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False))


def _client(data: Path | None, fork: str | None) -> ControlClient:
    from ..venue.accounts import KEYS_FILE, Accounts
    from ..venue.control.client import ControlClient
    from ..venue.settings import default_folder, read_address

    folder = data or default_folder()
    url = read_address(folder)
    if url is None or not (folder / KEYS_FILE).exists():
        raise JournalError(
            f"{folder}: no venue answers there; start one with isocross serve, or name its folder with --data"
        )
    return ControlClient(url, Accounts(folder / KEYS_FILE).control_key, fork)


def _seconds(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    try:
        return float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        raise InputError(f"--step: {text!r}: expected a number and s, m, h or d, as 15m") from None
