"""`isocross case`: a world in one file: save it, run it, set two side by side.

Responsible for: the group, its options, printing. Must not: read a case or replay it: worlds/case.py does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import THE_ENGINE, help_when_alone
from .output import tell

_JSON = typer.Option("--json", envvar="ISOCROSS_JSON", help="Print one JSON object.")


def register(app: typer.Typer) -> None:
    """Add `case` and its commands to the app."""
    group = typer.Typer(rich_markup_mode="rich")

    @group.callback(invoke_without_command=True)
    def case(context: typer.Context) -> None:
        """A world in one file, replayed to the same state anywhere."""
        help_when_alone(context)

    group.command("save")(save)
    group.command("run")(run)
    group.command("diff")(diff)
    app.add_typer(group, name="case", rich_help_panel=THE_ENGINE)


def save(
    what: Annotated[
        Path, typer.Argument(envvar="ISOCROSS_DATA", help="A data folder; it may be in use.", metavar="DATA")
    ],
    file: Annotated[Path, typer.Argument(envvar="ISOCROSS_FILE", help="The case file to write.", metavar="FILE")],
    at: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_AT", help="Up to this time (2025-10-10T21:00, UTC). Default: all.", metavar="TIME"
        ),
    ] = None,
    notes: Annotated[
        str, typer.Option(envvar="ISOCROSS_NOTES", help="What a reader has to know.", metavar="TEXT")
    ] = "",
    force: Annotated[bool, typer.Option("--force", envvar="ISOCROSS_FORCE", help="Write over FILE.")] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Save the commands of a data folder as one file, and replay it from there."""
    from ..worlds import case

    tell(case.save(what, file, at=at, notes=notes, force=force), as_json)


def run(
    file: Annotated[Path, typer.Argument(envvar="ISOCROSS_FILE", help="A case file.", metavar="FILE")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Replay a case file: the same state as it was saved with, or an error."""
    from ..worlds import case

    tell(case.run(file), as_json)


def diff(
    base: Annotated[Path, typer.Argument(envvar="ISOCROSS_BASE", help="A case file.", metavar="BASE")],
    other: Annotated[Path, typer.Argument(envvar="ISOCROSS_OTHER", help="Another one.", metavar="OTHER")],
    account: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ISOCROSS_ACCOUNT",
            help="Only this account, by name or number; may be given again. Default: all that differ.",
            metavar="ACCOUNT",
        ),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Replay two case files and say what differs, account by account, and why."""
    from ..worlds import case

    chosen = [int(one) if one.isdecimal() else one for one in account] if account else None
    tell(case.diff(base, other, accounts=chosen), as_json)
