"""Checking: `rules check`: every fault of a rulebook or a bracket file, each with its line, value and what was expected.

Responsible for: telling the two kinds of file apart, the result. Must not: judge a line (the loader and the importer do).

A file that cannot be read at all is an error. One that can, and is wrong, is an answer: no.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import rulebook as rulebooks
from ...answer import Answer, Columns, Shown, Table
from ...errors import InputError, RulebookError
from ...rulebook import loader, venues
from ...rulebook.model import Rulebook
from .choice import is_path
from .words import contract_columns, rulebook_columns

SCHEMA = "isocross.rules.check/1"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    text: str  # the whole line
    file: str
    line: int | None  # None: the file has no lines, or none of it is meant
    thing: str | None
    value: str | None
    expected: str | None

    @classmethod
    def of(cls, error: RulebookError, file: str) -> Fault:
        """From the error that a reader raises."""
        return cls(str(error), error.file or file, error.line, error.thing, error.value, error.expected)


@dataclass(frozen=True, slots=True, repr=False)
class RulesCheck(Answer):
    """What `check` answers."""

    file: Path
    kind: str  # rulebook, or what kind of bracket file it is
    faults: tuple[Fault, ...]
    reasons: tuple[str, ...]  # why what is right does not run
    rulebook: Rulebook | None  # None with faults, and for a bracket file
    facts: tuple[tuple[str, str], ...]  # what it holds, label and value
    notes: tuple[str, ...]  # what was changed, left out or looks odd

    @property
    def is_negative(self) -> bool:
        """Whether it has a fault, or does not run."""
        return bool(self.faults or self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; null for what is not known of a fault."""
        return {
            "schema": SCHEMA,
            "file": str(self.file),
            "kind": self.kind,
            "is_good": not self.faults,
            "is_runnable": not self.is_negative,
            "why_not_runnable": [*self.reasons],
            "faults": [
                {
                    "text": fault.text,
                    "file": fault.file,
                    "line": fault.line,
                    "thing": fault.thing,
                    "value": fault.value,
                    "expected": fault.expected,
                }
                for fault in self.faults
            ],
            "holds": dict(self.facts),
            "notes": [*self.notes],
        }

    def columns(self) -> Columns:
        """One row per fault."""
        names = ("file", "line", "thing", "value", "expected", "text")
        return {name: [getattr(fault, name) for fault in self.faults] for name in names}

    def shown(self) -> Shown:
        """The faults, or what a good file holds."""
        count = len(self.faults)
        told = f"{count} fault{'s' if count > 1 else ''}" if count else "good" if not self.reasons else "does not run"
        tables = (Table(("", ""), self.facts, widths=(22, 56)),) if self.facts else ()
        why = [f"does not run here: {reason}" for reason in self.reasons]
        return Shown(
            f"{self.file}: {self.kind}, {told}", tables, "", [*(f.text for f in self.faults), *why, *self.notes]
        )


def check(file: str | Path) -> RulesCheck:
    """Every fault of a rulebook file or a file of brackets: where, the value it has, what was expected.

    Takes    file: the path of a rulebook (TOML) or of brackets (JSON of Binance, ccxt or freqtrade, Parquet), or the name of
             a rulebook in the user's folder.
    Returns  RulesCheck; `is_negative` with a fault, or when what is right does not run here.
    Errors   InputError for a name that nothing has; RulebookError for a file that cannot be read at all.
    """
    if isinstance(file, str) and not is_path(file):
        if file not in rulebooks.names():
            raise InputError(f"file: {file!r} is neither a path nor one of {', '.join(rulebooks.names())}")
        file = loader.find(file)
    path = Path(file)
    return _brackets(path) if _holds_brackets(path) else _rulebook(path)


def _holds_brackets(path: Path) -> bool:
    """Whether a file is one of brackets rather than a rulebook: by its ending, else by how it begins."""
    if path.suffix.lower() in (".json", ".parquet", ".toml"):
        return path.suffix.lower() != ".toml"
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return True
        text = loader.read_text(path)
    except OSError as error:
        raise RulebookError(f"{path}: cannot be read: {error.strerror}", file=str(path)) from None
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return text.lstrip().startswith("{")


def _rulebook(path: Path) -> RulesCheck:
    try:
        text = loader.read_text(path)
    except RulebookError as error:
        if error.line is None:
            raise
        return RulesCheck(path, "rulebook", (Fault.of(error, str(path)),), (), None, (), ())
    book, errors = loader.examine(text, str(path))
    faults = tuple(Fault.of(error, str(path)) for error in errors)
    if book is None:
        return RulesCheck(path, "rulebook", faults, (), None, (), ())
    reasons = tuple(rulebooks.why_not_runnable(book))
    return RulesCheck(path, "rulebook", faults, reasons, book, (*_what_it_holds(book),), book.notes)


def _what_it_holds(book: Rulebook) -> Iterator[tuple[str, str]]:
    columns = rulebook_columns(book)
    decided = [column.name for column in columns if column.is_decided]
    venue = venues.venue_of_title(book.venue)
    yield "name", book.name
    yield "venue", f"{book.venue} ({'its facts are known' if venue else 'no facts of it are known'})"
    yield "as of", book.as_of
    yield "contracts", ", ".join(book.symbols) if len(book.symbols) <= 12 else f"{len(book.symbols)}"
    templates = [rules.symbol for rules in book.symbols.values() if rules.is_template]
    if templates:
        yield "made from a template", ", ".join(templates) if len(templates) <= 12 else f"{len(templates)}"
    yield "sourced columns", f"{len(columns) - len(decided)} of {len(columns)}"
    if decided:
        yield "decided columns", ", ".join(decided)
    used = {
        column.name for rules in book.symbols.values() for column in contract_columns(book, rules) if column.is_decided
    }
    if used:
        yield "decided of contracts", ", ".join(sorted(used))
    yield "content hash", book.content_hash


def _brackets(path: Path) -> RulesCheck:
    try:
        file = rulebooks.import_brackets(path)
    except RulebookError as error:
        if error.line is None:
            raise
        return RulesCheck(path, "brackets", (Fault.of(error, str(path)),), (), None, (), ())
    try:
        tables, refused = rulebooks.representable(file, rulebooks.load())
    except RulebookError as error:
        return RulesCheck(path, file.kind, (Fault.of(error, str(path)),), (), None, (), ())
    faults = tuple(
        Fault(
            f"{path}{'' if one.line is None else f':{one.line}'}: {one.market}: {one.reason}",
            str(path), one.line, one.market, None, one.reason,
        )
        for one in refused
        if one.is_fault
    )  # fmt: skip
    left_out = [f"left out: {one.text}" for one in refused if not one.is_fault]
    odd = [f"{table.symbol}: {note}" for table in tables for note in table.notes]
    facts = (
        ("contracts", str(len(tables))),
        ("brackets", str(sum(len(table.rows) for table in tables))),
        ("as of", file.as_of),
        ("make a rulebook of it", f"isocross rules import {path}"),
    )
    return RulesCheck(path, file.kind, faults, (), None, facts, (*left_out, *odd))
