"""Table: cells for people, as aligned text and as HTML.

Responsible for: Table and Shown, their text and their HTML, escaping. Must not: make a cell, know what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from textwrap import fill, wrap
from typing import NamedTuple

_TEXT_WIDTH = 100
_CAPTION_WIDTH = 80
_LABEL = "style='text-align:left;padding:2px 8px'"
_CELL = "style='text-align:right;padding:2px 8px'"
_TALL = "style='text-align:left;vertical-align:top;padding:2px 8px'"


class Table(NamedTuple):
    """Cells in rows; the first column holds labels, to the left, the others are set to the right.

    widths   of a table of sentences: every column is set to the left, and in text wrapped to so many characters.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    widths: Sequence[int] = ()

    def text(self) -> str:
        """Aligned, two spaces between columns."""
        if self.widths:
            return self._wrapped()
        lines = [tuple(self.head), *map(tuple, self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        told = [fill(self.caption, _CAPTION_WIDTH)] if self.caption else []
        for label, *cells in lines:
            right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            told.append("  ".join([label.ljust(widths[0]), *right]).rstrip())
        return "\n".join(told)

    def _wrapped(self) -> str:
        told = [fill(self.caption, _CAPTION_WIDTH)] if self.caption else []
        for row in (self.head, *self.rows) if any(self.head) else self.rows:
            cells = [wrap(cell, width) for cell, width in zip(row, self.widths, strict=True)]
            for line in range(max(map(len, cells))):
                parts = [cell[line] if line < len(cell) else "" for cell in cells]
                padded = [part.ljust(width) for part, width in zip(parts, self.widths, strict=True)]
                told.append("  ".join(padded).rstrip())
        return "\n".join(told)

    def html(self) -> str:
        """Every cell is escaped."""
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        styles = (_TALL, _TALL) if self.widths else (_LABEL, _CELL)
        body = "".join(_html_row(row, "th", "td", *styles) for row in self.rows)
        head = _html_row(self.head, "th", "th", *styles)
        return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"


class Shown(NamedTuple):
    """What people see of a result, top down."""

    title: str
    tables: Sequence[Table] = ()
    sentence: str = ""  # the answer with its deciding numbers
    notes: Sequence[str] = ()  # what a reader must know beside the numbers, one sentence each

    def text(self) -> str:
        """For a terminal that may not know color."""
        parts = [self.title, *(table.text() for table in self.tables)]
        if self.sentence:
            parts.append(fill(self.sentence, _TEXT_WIDTH))
        if self.notes:
            parts.append("\n".join(_bullet(note) for note in self.notes))
        return "\n\n".join(part for part in parts if part)

    def html(self) -> str:
        """For a notebook."""
        told = f"<p>{escape(self.sentence)}</p>" if self.sentence else ""
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p><b>{escape(self.title)}</b></p>{''.join(table.html() for table in self.tables)}{told}" + (
            f"<ul>{notes}</ul>" if notes else ""
        )


def _bullet(note: str) -> str:
    return fill(note, _TEXT_WIDTH, initial_indent="- ", subsequent_indent="  ")


def _html_row(cells: Iterable[str], label_tag: str, tag: str, label_style: str, style: str) -> str:
    label, *others = cells
    rest = "".join(f"<{tag} {style}>{escape(cell)}</{tag}>" for cell in others)
    return f"<tr><{label_tag} {label_style}>{escape(label)}</{label_tag}>{rest}</tr>"
