"""Document: a whole rulebook as plain data, and back; and the hash of what the kernel can read of it.

Responsible for: the canonical form. A journal may carry it, so that a rulebook outlives the file it came from.
Must not: read or write a file, check a rule (a document is what was once loaded).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from typing import Any

from .. import codes
from .model import Bracket, Rulebook, SymbolRules

_ENUMS: dict[str, Any] = {
    "contract_kind": codes.ContractKind,
    "default_margin_mode": codes.MarginMode,
    "isolated_fill_basis": codes.IsolatedFillBasis,
    "isolated_funding_source": codes.IsolatedFundingSource,
    "funding_price": codes.FundingPrice,
    "fee_basis": codes.FeeBasis,
    "liquidation_ladder": codes.LiquidationLadder,
    "liquidation_time_in_force": codes.TimeInForce,
    "cross_liquidation_order": codes.CrossLiquidationOrder,
    "remainder_to": codes.RemainderTo,
    "adl_ranking": codes.AdlRanking,
}
# What people read and the kernel does not: another name, comment or source makes no other rules.
_UNHASHED = frozenset(
    ("name", "venue", "as_of", "sources", "templates", "decisions", "facts", "decision_reasons", "notes", "is_template")
) | {"content_hash"}


def to_document(rulebook: Rulebook) -> dict[str, Any]:
    """Plain dicts, lists, texts and integers; enums by name; symbols in their order."""
    return _plain(rulebook, skip=frozenset())


def from_document(document: dict[str, Any]) -> Rulebook:
    """The rulebook that to_document() was given."""
    data = {key: _ENUMS[key][value] if key in _ENUMS else value for key, value in document.items()}
    for key in ("symbols", "templates"):
        data[key] = {rules["symbol"]: _symbol(rules) for rules in document[key]}
    for key in ("sources", "margin_assets", "notes"):
        data[key] = tuple(document[key])
    data["decisions"] = frozenset(document["decisions"])
    return Rulebook(**data)


def with_content_hash(rulebook: Rulebook) -> Rulebook:
    """The same rulebook with `content_hash` of its columns and symbols, in order."""
    text = json.dumps(_plain(rulebook, skip=_UNHASHED), separators=(",", ":"), sort_keys=True)
    return replace(rulebook, content_hash=hashlib.sha256(text.encode()).hexdigest())


def _symbol(document: dict[str, Any]) -> SymbolRules:
    data = {key: _ENUMS[key][value] if key in _ENUMS else value for key, value in document.items()}
    data["brackets"] = tuple(Bracket(*row) for row in document["brackets"])
    data["decisions"] = frozenset(document["decisions"])
    data["notes"] = tuple(document["notes"])
    return SymbolRules(**data)


def _plain(record: Rulebook | SymbolRules, skip: frozenset[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for item in fields(record):
        if item.name in skip:
            continue
        value = getattr(record, item.name)
        if item.name in _ENUMS:
            value = value.name
        elif item.name in ("symbols", "templates"):
            value = [_plain(rules, skip) for rules in value.values()]
        elif item.name == "brackets":
            value = [[b.floor_e8, b.rate_e8, b.deduction_e8, b.leverage_max, b.cap_e8] for b in value]
        elif isinstance(value, frozenset):
            value = sorted(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, dict):
            value = dict(value)
        result[item.name] = value
    return result
