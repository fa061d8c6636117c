"""`isocross connect`: the configuration by which a client finds the running venue.

Responsible for: the command, printing. Must not: know what a client has to be told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .app import THE_VENUE
from .output import emit_json


def register(app: typer.Typer) -> None:
    """Add `connect` to the app."""
    app.command("connect", rich_help_panel=THE_VENUE)(connect)


def connect(
    client: Annotated[
        str, typer.Argument(help="ccxt, freqtrade, nautilus, python-binance, connector or sdk.", metavar="CLIENT")
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="ISOCROSS_DATA", help="The venue's data folder.", metavar="DIR"),
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Which account. Default: the first.", metavar="NAME")
    ] = None,
    fork: Annotated[
        str | None, typer.Option("--fork", help="A fork of the venue instead of the venue.", metavar="NAME")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", envvar="ISOCROSS_URL", help="Where a venue without a folder answers.", metavar="URL"),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option("--api-key", envvar="ISOCROSS_API_KEY", help="With --url.", metavar="KEY")
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", envvar="ISOCROSS_API_SECRET", help="With --url.", metavar="SECRET")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", envvar="ISOCROSS_JSON", help="Print one JSON object.")] = False,
) -> None:
    """The complete configuration of a bot or library for the running venue, keys included."""
    from ..venue.connect import Place, configuration, configuration_text, running

    if url is not None and data is None:
        if not api_key or not secret:
            raise InputError("--url: needs --api-key and --secret too; `isocross keys` prints those of a data folder")
        place = Place(url.rstrip("/"), api_key, secret)
    else:
        place = running(data, account)
    if fork is not None:
        place = Place(f"{place.url}/fork/{fork}", place.api_key, place.secret)
    if as_json:
        emit_json({"schema": "isocross.connect", "client": client, "configuration": configuration(client, place)})
    else:
        typer.echo(configuration_text(client, place), nl=False)
