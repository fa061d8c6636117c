"""`isocross keys`: the keys of a venue's accounts.

Responsible for: the command, printing. Must not: make a key.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..errors import JournalError
from .app import THE_VENUE
from .output import emit_json


def register(app: typer.Typer) -> None:
    """Add `keys` to the app."""
    app.command("keys", rich_help_panel=THE_VENUE)(keys)


def keys(
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="ISOCROSS_DATA", help="The venue's data folder.", metavar="DIR"),
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="One account. Default: all; with --shell the first.", metavar="NAME")
    ] = None,
    shell: Annotated[bool, typer.Option("--shell", help='As export lines: eval "$(isocross keys --shell)".')] = False,
    as_json: Annotated[bool, typer.Option("--json", envvar="ISOCROSS_JSON", help="Print one JSON object.")] = False,
) -> None:
    """API keys and secrets of a venue's accounts."""
    from ..venue.accounts import KEYS_FILE, Accounts
    from ..venue.settings import default_folder, read_address

    folder = data or default_folder()
    if not (folder / KEYS_FILE).exists():
        raise JournalError(f"{folder}: has no {KEYS_FILE}: no venue was started there; name its folder with --data")
    accounts = Accounts(folder / KEYS_FILE)
    url = read_address(folder)
    chosen = [accounts.by_name(account)] if account is not None else list(accounts)
    if as_json:
        listed = [{"name": one.name, "api_key": one.api_key, "secret": one.secret} for one in chosen]
        emit_json({"schema": "isocross.keys", "url": url, "control_key": accounts.control_key, "accounts": listed})
    elif shell:
        values = {"ISOCROSS_URL": url or "", "ISOCROSS_CONTROL_KEY": accounts.control_key}
        if chosen:
            values |= {"ISOCROSS_API_KEY": chosen[0].api_key, "ISOCROSS_API_SECRET": chosen[0].secret}
        typer.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items()))
    else:
        typer.echo(f"address  {url or 'it does not answer now'}")
        for one in chosen:
            typer.echo(f"{one.name}\n  key     {one.api_key}\n  secret  {one.secret}")
        typer.echo(f"control plane\n  key     {accounts.control_key}")
