"""Text: a receipt within 80 columns, and what a notebook shows of it.

Responsible for: laying out sections for a terminal. Must not: make a word or a cell (sections.py does).
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from ...answer import Columns, Shown, Table
from . import sections as words
from .record import AdlReceipt, Receipt
from .sections import Section

WIDTH = 80
_INDENT = "  "


def text_of(receipt: Receipt | AdlReceipt) -> str:
    """All of it."""
    title, sentence, sections = told(receipt)
    parts = [f"{fill(title, WIDTH)}\n{fill(words.when(receipt), WIDTH)}", fill(sentence, WIDTH)]
    parts += [_section_text(section) for section in sections if section.lines or section.tables]
    return "\n\n".join(parts)


def told(receipt: Receipt | AdlReceipt) -> tuple[str, str, list[Section]]:
    """(title, sentence, sections) of either kind of receipt."""
    if isinstance(receipt, AdlReceipt):
        return words.adl_title(receipt), words.adl_sentence(receipt), words.adl_sections(receipt)
    return words.title(receipt), words.sentence(receipt), words.sections(receipt)


def shown(receipt: Receipt | AdlReceipt) -> Shown:
    """For a notebook: the tables under their headings, the sentences as notes."""
    title, sentence, sections = told(receipt)
    tables, notes = list[Table](), list[str]()
    for section in sections:
        tables += [table._replace(caption=section.heading) for table in section.tables]
        notes += section.lines
    return Shown(f"{title}; {words.when(receipt)}", tables, sentence, notes)


def list_shown(found: Sequence[Receipt | AdlReceipt]) -> Shown:
    """One line each."""
    if not found:
        return Shown("No receipts: nobody was liquidated or deleveraged")
    head = ("#", "Time", "Account", "What", "Ended", "Won or lost")
    return Shown("", (Table(head, words.list_rows(found)),))


def list_text(found: Sequence[Receipt | AdlReceipt]) -> str:
    """The list within 80 columns."""
    told = list_shown(found)
    return "\n".join(text for table in told.tables for text in _table_text(table, "")) or told.title


def list_columns(found: Sequence[Receipt | AdlReceipt]) -> Columns:
    """The list as columns."""
    rows = words.list_rows(found)
    names = ("number", "account", "what", "ended")
    columns = {name: [row[at] for row in rows] for name, at in zip(names, (0, 2, 3, 4), strict=True)}
    return {
        **columns,
        "number": [one.number for one in found],
        "time_ms": [one.place.time_ms for one in found],
        "sequence": [one.place.sequence for one in found],
        "lost_e8": [one.lost_e8 if isinstance(one, Receipt) else -one.realized_e8 for one in found],
    }


def _section_text(section: Section) -> str:
    parts = [section.heading, "-" * len(section.heading)]
    for line in section.lines:
        parts.append(fill(line, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT * 2))
    for table in section.tables:
        parts += ["", *_table_text(table)] if section.lines else _table_text(table)
    return "\n".join(parts)


def _table_text(table: Table, indent: str = _INDENT) -> list[str]:
    """A table; what is wider than the page goes on below, under the same labels."""
    first, text = 1, list[str]()
    while first < len(table.head):
        last = len(table.head)
        while last > first + 1 and _width(_columns(table, first, last)) + len(indent) > WIDTH:
            last -= 1
        if text:
            text.append("")
        text += [indent + line if line else line for line in _columns(table, first, last).text().split("\n")]
        first = last
    return text


def _columns(table: Table, first: int, last: int) -> Table:
    return Table(
        (table.head[0], *table.head[first:last]), [(row[0], *row[first:last]) for row in table.rows], table.caption
    )


def _width(table: Table) -> int:
    return max(map(len, table.text().split("\n")))
