"""Rulebooks: a venue's rules as dated, sourced data, and the only way to load, look up and import them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .document import from_document, to_document
from .loader import DEFAULT_RULEBOOK, examine, load, load_text, names, user_folder
from .lookup import from_template, regrid, symbol_rules, why_not_runnable, with_symbols
from .model import Bracket, Rulebook, SymbolRules

if TYPE_CHECKING:
    from .importer import (
        BracketFile,
        BracketTable,
        ImportReport,
        RefusedMarket,
        import_brackets,
        import_file,
        representable,
    )

__all__ = [
    "DEFAULT_RULEBOOK",
    "Bracket",
    "BracketFile",
    "BracketTable",
    "ImportReport",
    "RefusedMarket",
    "Rulebook",
    "SymbolRules",
    "examine",
    "from_document",
    "from_template",
    "import_brackets",
    "import_file",
    "load",
    "load_text",
    "names",
    "regrid",
    "representable",
    "symbol_rules",
    "to_document",
    "user_folder",
    "why_not_runnable",
    "with_symbols",
]

_IMPORTER = {"BracketFile", "BracketTable", "ImportReport", "RefusedMarket", "import_brackets", "import_file",
             "representable"}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The importer is loaded by its first use: who only asks for a rule does not wait for it."""
    if name not in _IMPORTER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import importer

    return getattr(importer, name)
