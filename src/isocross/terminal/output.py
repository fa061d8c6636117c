"""Output: results on stdout, as JSON or as text that stays within 80 columns where nobody looks at a screen.

Responsible for: the JSON form, tables, words for numbers that are not there. Must not: compute, know a command.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..units import format_money

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 80


def emit_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout; it names its schema and version."""
    assert "schema" in data, "every --json answer says which schema it follows"
    print(json.dumps(data, indent=2, ensure_ascii=False))


def console() -> Console:
    """Where tables go: stdout, with color only on a terminal that wants it, at most 80 columns wide elsewhere."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False)
    return Console(highlight=False, emoji=False, width=PLAIN_WIDTH, force_terminal=False, no_color=True)


def columns_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """A table without frames: labels left, one column per heading, right-aligned."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("")
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


def price_text(price_e8: int | None, tick_e8: int) -> str:
    """A price for people, rounded to the tick's decimals, two at least; 'none' when there is none."""
    if price_e8 is None:
        return "none"
    decimals = 8
    while decimals > 2 and tick_e8 % 10 ** (9 - decimals) == 0:
        decimals -= 1
    return format_money(price_e8, decimals)


def percent_text(fraction_e8: int | None) -> str:
    """A signed fraction in percent, two decimals; empty when there is none."""
    if fraction_e8 is None:
        return ""
    sign = "+" if fraction_e8 > 0 else ""
    return f"{sign}{format_money(fraction_e8 * 100)} %"


def money_text(money_e8: int | None) -> str:
    """Money for people, two decimals; 'none' when there is none."""
    return "none" if money_e8 is None else format_money(money_e8)
