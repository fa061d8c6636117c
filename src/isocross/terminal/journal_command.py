"""`isocross journal`: what a data folder holds, whether it is whole, replayed, as Parquet, saved from damage.

Responsible for: the group, its options, printing. Must not: read a journal: journal/ does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .app import THE_ENGINE, help_when_alone
from .output import tell
from .progress import tenths

_COUNT = 20


def _option(name: str, text: str, metavar: str, *flags: str) -> Any:
    return typer.Option(*flags, envvar=f"ISOCROSS_{name}", help=text, metavar=metavar)


_DATA = _option("DATA", "The data folder. It may be in use.", "DIR", "--data")
_JSON = typer.Option("--json", envvar="ISOCROSS_JSON", help="Print one JSON object.")
_UNTIL = _option(
    "UNTIL", "Up to this command, or this time (2025-10-10T21:00, UTC). Default: all.", "N|TIME", "--until"
)


def register(app: typer.Typer) -> None:
    """Add `journal` and its commands to the app."""
    group = typer.Typer(rich_markup_mode="rich")

    @group.callback(invoke_without_command=True)
    def journal(context: typer.Context) -> None:
        """The commands of an exchange on disk: show, verify, replay, export."""
        help_when_alone(context)

    for command in (show_, verify, replay, export, salvage):
        group.command(command.__name__.rstrip("_"))(command)
    app.add_typer(group, name="journal", rich_help_panel=THE_ENGINE)


def show_(
    data: Annotated[Path, _DATA],
    first: Annotated[
        int | None,
        _option("FROM", "Print commands from this number on (1 is the first); −5: the last five.", "N", "--from"),
    ] = None,
    count: Annotated[
        int | None, _option("COUNT", f"How many commands to print. Default: {_COUNT} with --from.", "N", "--count")
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """What a data folder holds; with --from or --count, its commands."""
    from ..journal import reports

    tell(reports.show(data, first, count), as_json)


def verify(
    data: Annotated[Path, _DATA],
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            envvar="ISOCROSS_REPLAY",
            help="Also replay all of it, and compare the state with every snapshot's.",
        ),
    ] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Whether everything is there as it was written. Exit status 1 when not."""
    from ..journal import reports

    tell(reports.verify(data, replay=replay, progress=tenths("verifying")), as_json)


def replay(
    data: Annotated[Path, _DATA],
    first: Annotated[
        int | None,
        _option(
            "FROM",
            "Begin with the newest good snapshot at or before this command; 0: with the genesis. Default: the newest.",
            "N",
            "--from",
        ),
    ] = None,
    until: Annotated[str | None, _UNTIL] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Live it again, and say what it comes to: the state hash, what is open, that money is conserved."""
    from ..journal import reports

    tell(reports.replay(data, first=first, until=until, progress=tenths("replaying")), as_json)


def export(
    data: Annotated[Path, _DATA],
    out: Annotated[Path, _option("OUT", "A new or empty folder for the Parquet files.", "DIR", "--out")],
    first: Annotated[int, _option("FROM", "Commands from this number on.", "N", "--from")] = 1,
    until: Annotated[str | None, _UNTIL] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Commands and events as Parquet files."""
    from ..journal import reports

    tell(reports.export(data, out, first=first, until=until, progress=tenths("exporting")), as_json)


def salvage(
    data: Annotated[Path, _DATA],
    out: Annotated[Path, _option("OUT", "A new data folder.", "DIR", "--out")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Everything up to the first damage, in a new data folder; the damaged one stays as it is."""
    from ..journal import reports

    tell(reports.salvage(data, out, progress=tenths("copying")), as_json)
