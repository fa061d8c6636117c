"""`isocross rules`: which rulebooks there are, and bringing in a venue's own figures.

Responsible for: the group and its commands. Must not: read or judge a rulebook: rulebook/ does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import EXIT_NEGATIVE, THE_ENGINE, help_when_alone
from .output import emit_json

if TYPE_CHECKING:
    from ..rulebook.importer import ImportReport

NAMES_SCHEMA = "isocross.rules.names/1"
IMPORT_SCHEMA = "isocross.rules.import/1"

_JSON = typer.Option("--json", envvar="ISOCROSS_JSON", help="Print one JSON object.")


def register(app: typer.Typer) -> None:
    """Add `rules` and its commands to the app."""
    group = typer.Typer(rich_markup_mode="rich")

    @group.callback(invoke_without_command=True)
    def rules(context: typer.Context) -> None:
        """Rulebooks: list them, import a venue's own."""
        help_when_alone(context)

    group.command("names")(names)
    group.command("import")(import_file)
    app.add_typer(group, name="rules", rich_help_panel=THE_ENGINE)


def names(as_json: Annotated[bool, _JSON] = False) -> None:
    """The rulebooks that --rulebook takes, one a line."""
    from .. import rulebook as rulebooks

    found = list(rulebooks.names())
    if as_json:
        emit_json({"schema": NAMES_SCHEMA, "names": found})
        return
    for name in found:
        print(name)


def import_file(
    file: Annotated[
        Path, typer.Argument(envvar="ISOCROSS_FILE", help="The venue's file, as its API returns it.", metavar="FILE")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_NAME", help="What to call the rulebook. Default: made from FILE.", metavar="NAME"
        ),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Make a rulebook from a venue's own bracket or exchange-information file."""
    from .. import rulebook as rulebooks

    report = rulebooks.import_file(file, name=name)
    if as_json:
        emit_json({"schema": IMPORT_SCHEMA, **_plain(report)})
    else:
        print("\n".join(report.lines()))
    if not report.symbols:
        raise typer.Exit(EXIT_NEGATIVE)


def _plain(report: ImportReport) -> dict[str, Any]:
    """The report as JSON can hold it: paths as text, refusals by market."""
    from dataclasses import asdict

    data = asdict(report)
    data.update(path=str(report.path), source=str(report.source), refused=dict(report.refused))
    return data
