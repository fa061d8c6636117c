"""`isocross receipt`: the liquidations of a data folder or a case file, and what one of them did.

Responsible for: its options, printing, writing a file. Must not: read a history or an event: worlds/receipt/ does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .app import EXIT_NEGATIVE, THE_ENGINE
from .output import emit_json

if TYPE_CHECKING:
    from ..worlds.receipt import AdlReceipt, Receipt


def register(app: typer.Typer) -> None:
    """Add `receipt` to the app."""
    app.command("receipt", rich_help_panel=THE_ENGINE)(receipt)


def receipt(
    number: Annotated[
        str | None,
        typer.Argument(
            envvar="ISOCROSS_RECEIPT",
            help="Which one: its number in the list, or last. Default: the list.",
            metavar="N|last",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", envvar="ISOCROSS_DATA", help="A data folder, which may be in use, or a case file.", metavar="PATH"
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_ACCOUNT", help="List only those of this account, by name or number.", metavar="ACCOUNT"
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            envvar="ISOCROSS_SAVE",
            help="Write it to a file: .html with its picture, .json, .svg the picture, .txt.",
            metavar="FILE",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", envvar="ISOCROSS_QUICK", help="Leave out what would have saved the account, which is replayed."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", envvar="ISOCROSS_JSON", help="Print one JSON object.")] = False,
) -> None:
    """What a liquidation did, to the unit, and what would have saved the account."""
    if data is None:
        raise InputError("--data: no path is given: expected a data folder or a case file")
    if number is None:
        if save is not None:
            raise InputError(f"--save {save}: it writes one receipt: give its number, or last")
        _list(data, account, as_json)
        return
    if account is not None:
        raise InputError(f"--account {account}: it belongs to the list: leave out the number")
    one = _one(data, _number(number), quick)
    if save is not None:
        one.save(save)
    if as_json:
        emit_json(one.to_dict())
    else:
        print(one.text())
    if save is not None:
        print(f"isocross: written to {save}", file=sys.stderr)


def _list(data: Path, account: str | None, as_json: bool) -> None:
    from ..worlds.receipt import receipts

    found = receipts(data)
    if account is not None:
        found = found.of(int(account) if account.isdecimal() else account)
    if as_json:
        emit_json(found.to_dict())
    else:
        print(found)
    if found.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)


def _one(data: Path, number: int | None, quick: bool) -> Receipt | AdlReceipt:
    from ..worlds.receipt import Receipt, receipt

    found = receipt(data, number)
    return found.with_rescues() if isinstance(found, Receipt) and not quick else found


def _number(text: str) -> int | None:
    if text == "last":
        return None
    if not text.isdecimal():
        raise InputError(f"receipt {text!r}: expected a number from the list, or last")
    return int(text)
