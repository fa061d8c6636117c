"""Output: results on stdout, as JSON or as text that stays within 80 columns where nobody looks at a screen.

Responsible for: the JSON form, tables, words for numbers that are not there. Must not: compute, know a command.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..answer import words
from ..answer.words import money_text as money_text
from ..answer.words import price_text as price_text
from .app import EXIT_NEGATIVE

if TYPE_CHECKING:
    from rich.console import Console

    from ..answer import Answer, Shown

PLAIN_WIDTH = 80


class Explained(Protocol):
    """A result that can show its arithmetic."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        ...

    def explain(self) -> str:
        """The arithmetic, line by line."""
        ...


_E = TypeVar("_E", bound=Explained)


def emit_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout; it names its schema and version."""
    assert "schema" in data, "every --json answer says which schema it follows"
    print(json.dumps(data, indent=2, ensure_ascii=False))


def emit_explained(result: _E, as_json: bool, explain: bool, show: Callable[[_E], None]) -> None:
    """A result as one JSON object or as `show` prints it; with its arithmetic where that was asked for."""
    if as_json:
        data = result.to_dict()
        if explain:
            data["explain"] = result.explain().splitlines()
        emit_json(data)
        return
    show(result)
    if explain:
        print(f"\n{result.explain()}")


def console() -> Console:
    """Where tables go: stdout, with color only on a terminal that wants it, at most 80 columns wide elsewhere."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False)
    return Console(highlight=False, emoji=False, width=PLAIN_WIDTH, force_terminal=False, no_color=True)


def columns_table(headings: Sequence[str], rows: Sequence[Sequence[str]], label: str = "") -> Any:
    """A table without frames: labels left, one column per heading, right-aligned."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(label)
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def say(target: Console, text: str, style: str | None = None) -> None:
    """A paragraph, wrapped to the width; square brackets are text."""
    target.print(text, style=style, markup=False)


def bullet(target: Console, text: str, style: str | None = None) -> None:
    """A sentence of a list, its further lines indented."""
    from textwrap import fill

    say(target, fill(text, target.width, initial_indent="- ", subsequent_indent="  "), style)


def print_shown(shown: Shown) -> None:
    """A whole result: title, tables, sentence, notes. Addresses are never broken."""
    from textwrap import fill

    out = console()
    say(out, shown.title, "bold")
    for table in shown.tables:
        print(f"\n{table.text()}")
    if shown.sentence:
        print()
        say(out, shown.sentence)
    if shown.notes:
        print()
    for note in shown.notes:
        print(
            fill(
                note, out.width, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
            )
        )


def percent_text(fraction_e8: int | None) -> str:
    """A signed fraction in percent, two decimals; empty when there is none."""
    return words.percent_text(fraction_e8, none="")


def tell(result: Answer, as_json: bool) -> None:
    """A typed result as it is asked for; where it says no, the exit status does too."""
    import typer

    if as_json:
        emit_json(result.to_dict())
    else:
        print_shown(result.shown())
    if result.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)
