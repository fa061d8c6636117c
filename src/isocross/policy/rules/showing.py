"""Showing: `rules show`: all that is known of a venue, and what its rulebook holds.

Responsible for: the result and its tables. Must not: find the venue (choice.py), word a value (words.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...answer import Answer, Columns, Shown, Table, exact
from ...errors import InputError
from ...rulebook import symbol_rules
from ...rulebook.model import Rulebook, SymbolRules
from ...rulebook.venues import FACTS, Source
from ...units import format_e8
from .choice import Choice, choose
from .words import Column, contract_columns, fact_text, percent, rulebook_columns, source_dict

SCHEMA = "isocross.rules.show/1"
CONTRACTS_SHOWN_MAX = 40
_FACT_WIDTHS = (25, 39, 12)
_COLUMN_WIDTHS = (28, 23, 25)


@dataclass(frozen=True, slots=True, repr=False)
class RulesShow(Answer):
    """What `show` answers."""

    choice: Choice
    contract: SymbolRules | None  # the one asked for

    @property
    def rulebook_columns(self) -> tuple[Column, ...]:
        """The account-wide columns; none without a rulebook."""
        return rulebook_columns(self.choice.rulebook) if self.choice.rulebook is not None else ()

    @property
    def contract_columns(self) -> tuple[Column, ...]:
        """The columns of the contract asked for."""
        if self.choice.rulebook is None or self.contract is None:
            return ()
        return contract_columns(self.choice.rulebook, self.contract)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text; null for what is unknown or was not asked."""
        venue, book = self.choice.venue, self.choice.rulebook
        return {
            "schema": SCHEMA,
            "name": self.choice.name,
            "origin": self.choice.origin,
            "venue": self.choice.title,
            "path": None if self.choice.path is None else str(self.choice.path),
            "is_runnable": not self.choice.reasons,
            "why_not_runnable": [*self.choice.reasons],
            "facts": None if venue is None else [
                {
                    "name": fact.name,
                    "label": fact.label,
                    "value": fact.says,
                    "more": fact.more or None,
                    "unknown": fact.unknown or None,
                    "standing": fact.standing,
                    "sources": [source.name for source in fact.sources],
                }
                for fact in venue.facts.values()
            ],
            "sources": None if venue is None else [source_dict(source) for source in venue.sources.values()],
            "rulebook": None if book is None else _rulebook_dict(book),
            "contract": None if self.contract is None else {
                "symbol": self.contract.symbol,
                "columns": [{"name": column.name, **column.to_dict()} for column in self.contract_columns],
                "brackets": _bracket_dicts(self.contract),
                "notes": [*self.contract.notes],
            },
        }  # fmt: skip

    def columns(self) -> Columns:
        """One row per fact, column of the rulebook and column of the contract asked for."""
        facts = self.choice.venue.facts.values() if self.choice.venue is not None else ()
        rows = [("fact", fact.name, fact.says, fact.standing, fact.more, fact.unknown) for fact in facts]
        for kind, columns in (("rulebook", self.rulebook_columns), ("contract", self.contract_columns)):
            for one in columns:
                rows.append((kind, one.name, one.value, "decided" if one.is_decided else "sourced", one.rests_on, ""))
        names = ("kind", "name", "value", "standing", "more", "unknown")
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    def shown(self) -> Shown:
        """The facts in groups, the rulebook's columns, its contracts, the sources; or the contract asked for alone."""
        choice = self.choice
        runs = "runnable: yes" if not choice.reasons else f"runnable: no ({'; '.join(choice.reasons)})"
        of = f"{choice.name}, " if choice.name != choice.title else ""
        return Shown(f"{of}{choice.title}; {runs}", [*self._tables()], notes=[*self._notes()])

    def _tables(self) -> Iterator[Table]:
        venue, book = self.choice.venue, self.choice.rulebook
        if self.contract is not None:
            yield _columns_table(f"CONTRACT {self.contract.symbol}", self.contract_columns)
            yield _brackets_table(self.contract)
            return
        if venue is not None:
            numbers = {name: number for number, name in enumerate(venue.sources, start=1)}
            for heading, labels in FACTS.items():
                rows = [(fact.label, fact_text(fact), _known_from(fact.standing, fact.sources, numbers))
                        for fact in map(venue.facts.__getitem__, labels)]  # fmt: skip
                yield Table((heading.upper(), "", ""), rows, widths=_FACT_WIDTHS)
        if book is not None:
            yield _columns_table(f"RULEBOOK {book.name}, {book.as_of}", self.rulebook_columns)
            yield _contracts_table(book)

    def _notes(self) -> Iterator[str]:
        venue, book = self.choice.venue, self.choice.rulebook
        if self.contract is not None:
            yield from dict.fromkeys(column.source for column in self.contract_columns if column.source is not None)
            yield from self.contract.notes
            return
        if venue is None:
            yield f"no facts of {self.choice.title} are known beside the rulebook's own columns"
        else:
            for number, source in enumerate(venue.sources.values(), start=1):
                yield f"[{number}] {source.dated}, {source.publisher}: {source.text}"
        if book is None:
            return
        yield from book.sources
        left = len(book.symbols) - CONTRACTS_SHOWN_MAX
        more = f"{left} more contracts; " if left > 0 else ""
        yield f"{more}--contract SYMBOL shows one with its brackets"
        if book.templates:
            yield f"templates for further contracts: {', '.join(book.templates)}"
        yield from book.notes[:CONTRACTS_SHOWN_MAX]
        if self.choice.path is not None:
            yield f"read from {self.choice.path}"


def show(name: str | Path | Rulebook, contract: str | None = None) -> RulesShow:
    """All that is known of a venue, fact by fact with its source, and what its rulebook holds, decisions marked.

    Takes    name: a rulebook's or a venue's name, the path of a rulebook file, or a loaded rulebook. contract: BTCUSDT or
             BTC/USDT:USDT, to see its columns and brackets.
    Errors   InputError for a name that nothing has, or a contract without a rulebook; RulebookError for a broken file.
    """
    choice = choose(name)
    if contract is None:
        return RulesShow(choice, None)
    if choice.rulebook is None:
        raise InputError(f"contract: {contract!r}: {choice.name} has none, {choice.reasons[0]}")
    return RulesShow(choice, symbol_rules(choice.rulebook, contract))


def _known_from(standing: str, sources: tuple[Source, ...], numbers: dict[str, int]) -> str:
    cited = sorted(numbers[source.name] for source in sources)
    return f"{standing} {''.join(f'[{number}]' for number in cited)}".strip()


def _columns_table(title: str, columns: tuple[Column, ...]) -> Table:
    rows = [(column.name, column.value, column.rests_on) for column in columns]
    return Table((title, "", "rests on"), rows, widths=_COLUMN_WIDTHS)


def _contracts_table(book: Rulebook) -> Table:
    head = ("CONTRACTS", "asset", "tick", "step", "most", "rate", "brackets", "taker", "made from")
    rows = [
        (
            rules.symbol,
            rules.margin_asset,
            format_e8(rules.tick_e8),
            format_e8(rules.step_e8),
            f"{rules.brackets[0].leverage_max}x",
            percent(rules.brackets[0].rate_e8),
            str(len(rules.brackets)),
            percent(rules.taker_fee_rate_e8),
            "template" if rules.is_template else "venue",
        )
        for rules in [*book.symbols.values()][:CONTRACTS_SHOWN_MAX]
    ]
    return Table(head, rows)


def _brackets_table(rules: SymbolRules) -> Table:
    rows = [
        (
            str(number),
            format_e8(bracket.floor_e8),
            format_e8(bracket.cap_e8),
            percent(bracket.rate_e8),
            format_e8(bracket.deduction_e8),
            f"{bracket.leverage_max}x",
        )
        for number, bracket in enumerate(rules.brackets, start=1)
    ]
    return Table(("BRACKET", "from", "below", "rate", "deduction", "most"), rows)


def _rulebook_dict(book: Rulebook) -> dict[str, Any]:
    return {
        "name": book.name,
        "as_of": book.as_of,
        "content_hash": book.content_hash,
        "columns": [{"name": column.name, **column.to_dict()} for column in rulebook_columns(book)],
        "contracts": [
            {
                "symbol": rules.symbol,
                "unified_symbol": rules.unified,
                "base_asset": rules.base_asset,
                "margin_asset": rules.margin_asset,
                "tick": exact(rules.tick_e8),
                "step": exact(rules.step_e8),
                "leverage_max": rules.brackets[0].leverage_max,
                "is_template": rules.is_template,
                "brackets": _bracket_dicts(rules),
            }
            for rules in book.symbols.values()
        ],
        "templates": [*book.templates],
        "notes": [*book.notes],
    }


def _bracket_dicts(rules: SymbolRules) -> list[dict[str, Any]]:
    return [
        {
            "floor": exact(bracket.floor_e8),
            "cap": exact(bracket.cap_e8),
            "rate": exact(bracket.rate_e8),
            "deduction": exact(bracket.deduction_e8),
            "leverage_max": bracket.leverage_max,
        }
        for bracket in rules.brackets
    ]
