"""Layers: one table laid over another: an overlay over its base, a symbol over its template over the defaults.

Responsible for: what wins, and that a value which is replaced loses the source of the one it replaces.
Must not: know a type, a range or a venue.
"""

from __future__ import annotations

from typing import Any

from .columns import DERIVED, SYMBOL_COLUMNS, VENUE_COLUMNS

Raw = dict[str, Any]


def lay(lower: Raw, upper: Raw) -> Raw:
    """A symbol's tables: keys of `upper` win; its form of a column (number or rule) ousts the other one."""
    result = dict(lower)
    for rule, number in DERIVED.items():
        if rule in upper or number in upper:
            result.pop(rule, None)
            result.pop(number, None)
    if "funding_cap_rate" in upper or "funding_cap_of_maintenance" in upper:
        result.pop("funding_floor_rate", None)
    if "brackets" in upper:
        result.pop("notional_max", None)
    result.update(upper)
    return result


def columns_set(table: Raw) -> set[str]:
    """The columns that a symbol's table sets, under their own names."""
    names = {DERIVED.get(key, key) for key in table}
    if "notional_max" in names:
        names.add("brackets")
    if "funding_cap_rate" in names:
        names.add("funding_floor_rate")
    return names & set(SYMBOL_COLUMNS)


def lay_document(base: Raw, over: Raw, over_name: str) -> Raw:
    """A whole overlay file over its base. A column that it sets without naming a source becomes its decision."""
    result = {**base, **{key: value for key, value in over.items() if not isinstance(value, dict)}}
    for key in ("sources", "columns"):
        result[key] = {**base.get(key, {}), **_table(over, key)}
    result["symbol_defaults"] = lay(base.get("symbol_defaults", {}), _table(over, "symbol_defaults"))
    mine = (set(_table(over, "columns")) & set(VENUE_COLUMNS)) | columns_set(_table(over, "symbol_defaults"))
    result["facts"], result["decisions"] = lay_claims(base, over, mine, over_name)
    for key in ("symbol", "template"):
        tables = dict(base.get(key, {}))
        for name, upper in _table(over, key).items():
            lower = {} if "template" in upper else tables.get(name, {})
            facts, decisions = lay_claims(lower, upper, columns_set(upper), over_name)
            tables[name] = {**lay(lower, upper), "facts": facts, "decisions": decisions}
        result[key] = tables
    return result


def lay_claims(lower: Raw, upper: Raw, mine: set[str], upper_name: str) -> tuple[Raw, Raw]:
    """Facts and decisions of two layers: a column is in one of the two, as the upper layer says."""
    said_facts, said_decisions = _table(upper, "facts"), _table(upper, "decisions")
    silent = mine - set(said_facts) - set(said_decisions)
    changed = mine | set(said_facts) | set(said_decisions)
    facts = {key: value for key, value in lower.get("facts", {}).items() if key not in changed}
    decisions = {key: value for key, value in lower.get("decisions", {}).items() if key not in changed}
    return {**facts, **said_facts}, {**decisions, **said_decisions, **{key: f"set by {upper_name}" for key in silent}}


def _table(document: Raw, key: str) -> Raw:
    value = document.get(key, {})
    return value if isinstance(value, dict) else {}
