"""Words: a rulebook's columns and a venue's facts as people read them.

Responsible for: a column's value as text, what it rests on, a fact in a cell. Must not: judge, compare, print.
"""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import Any, NamedTuple

from ...rulebook.columns import SCALED, SYMBOL_COLUMNS, VENUE_COLUMNS
from ...rulebook.model import Rulebook, SymbolRules
from ...rulebook.venues import Fact, Source
from ...units import format_e8

UNKNOWN = "unknown"
_E8 = {item.name for record in (Rulebook, SymbolRules) for item in fields(record) if item.name.endswith("_e8")}
_RATES = ("_rate", "_ratio", "_share")
_FILTERS = ("band_up_rate", "band_down_rate", "order_quantity_max", "market_quantity_max")  # 0: there is none


class Column(NamedTuple):
    """One column of a rulebook, or of one of its contracts."""

    name: str
    value: str
    source: str | None  # 'tiers (2024-10-24): …'; None where it is a decision
    reason: str | None  # of a decision

    @property
    def is_decided(self) -> bool:
        """Whether no source says so."""
        return self.source is None

    @property
    def rests_on(self) -> str:
        """The id and date of its source, or 'decided: why'."""
        if self.source is not None:
            return self.source.split(":", 1)[0]
        return f"decided: {self.reason}" if self.reason else "decided"

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the value, and what it rests on."""
        return {"value": self.value, "is_decided": self.is_decided, "source": self.source, "reason": self.reason}


def rulebook_columns(book: Rulebook) -> tuple[Column, ...]:
    """The account-wide columns."""
    return tuple(_column(book, name, value_text(book, name), name, book.decisions) for name in VENUE_COLUMNS)


def contract_columns(book: Rulebook, rules: SymbolRules) -> tuple[Column, ...]:
    """The columns of one contract."""
    return tuple(
        _column(book, name, value_text(rules, name), f"{rules.symbol}.{name}", rules.decisions)
        for name in SYMBOL_COLUMNS
    )


def value_text(record: Rulebook | SymbolRules, name: str) -> str:
    """A column's value: enums by their names, rates in percent, brackets by their number."""
    if name == "brackets":
        assert isinstance(record, SymbolRules)
        first, last = record.brackets[0], record.brackets[-1]
        return (
            f"{len(record.brackets)}: {percent(first.rate_e8)} at {first.leverage_max}x to "
            f"{percent(last.rate_e8)} at {last.leverage_max}x"
        )
    is_e8 = f"{name}_e8" in _E8
    value = getattr(record, f"{name}_e8" if is_e8 else name)
    if name in _FILTERS and not value:
        return "no bound"
    if is_e8:
        return percent(value) if name.endswith(_RATES) else format_e8(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def percent(rate_e8: int) -> str:
    """400_000 → '0.4 %', exact."""
    return f"{format_e8(rate_e8 * 100)} %"


def fact_text(fact: Fact) -> str:
    """All that is known of a fact, and what is not."""
    parts = [fact.says or UNKNOWN, fact.more, f"unknown: {fact.unknown}" if fact.unknown and fact.is_known else ""]
    if not fact.is_known:
        parts[1] = f"({fact.unknown})"
        return " ".join(part for part in parts if part)
    return "; ".join(part for part in parts if part)


def source_dict(source: Source) -> dict[str, Any]:
    """A source as plain data."""
    return {
        "name": source.name,
        "text": source.text,
        "publisher": source.publisher,
        "date": source.date,
        "is_noted": source.is_noted,
    }


def _column(book: Rulebook, name: str, value: str, key: str, decisions: frozenset[str]) -> Column:
    if name in decisions:
        return Column(name, value, None, book.decision_reasons.get(key) or book.decision_reasons.get(name))
    source = book.facts.get(key) or book.facts[name]
    told = next(text for text in book.sources if text.startswith(f"{source} ("))
    return Column(name, value, told, None)


assert {name for name in SCALED} <= {name.removesuffix("_e8") for name in _E8}
