"""Loader: from a name or a TOML file to a Rulebook, checked in full.

Responsible for: finding the file (shipped, or in the user's folder), bases of overlays, which column rests on what.
Must not: import numpy, numba or polars: a question on the command line is answered sooner than those load.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import RulebookError
from ..limits import SYMBOLS_MAX
from .columns import SYMBOL_COLUMNS, SYMBOL_KEYS, VENUE_COLUMNS, symbol_rules_of, venue_columns
from .document import with_content_hash
from .layers import columns_set, lay, lay_document
from .model import Rulebook, SymbolRules
from .reader import SourceText, Table

DEFAULT_RULEBOOK = "binance-usdm"
FORMAT = 1
FILE_BYTES_MAX = 16 * 2**20
BASES_MAX = 4  # an overlay of an overlay of … stops here

_SHIPPED = Path(__file__).parent / "data"
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
_SYMBOL = re.compile(r"^[^\W_a-z][^\Wa-z]{0,31}$")  # capitals, digits and letters without case; _ inside
_TOP = {"format", "name", "venue", "as_of", "base", "sources", "columns", "symbol_defaults", "facts", "decisions",
        "symbol", "template"}  # fmt: skip


def load(name_or_path: str | Path = DEFAULT_RULEBOOK, home: str | Path | None = None) -> Rulebook:
    """The rulebook of that name (shipped, or in the user's folder), or of that TOML file.

    Errors   RulebookError naming file, line, key, value and what was expected.
    """
    path = _find(name_or_path, home)
    return load_text(_read(path), str(path), home)


def load_text(text: str, label: str, home: str | Path | None = None) -> Rulebook:
    """A rulebook from TOML text; `label` names it in errors."""
    document, files = _with_bases(text, label, home)
    return _build(document, files)


def names(home: str | Path | None = None) -> list[str]:
    """Names that load() knows: the shipped ones, then those of the user's folder."""
    own = sorted(path.stem for path in user_folder(home).glob("*.toml") if is_name(path.stem))
    shipped = shipped_names()
    return shipped + [name for name in own if name not in shipped]


def shipped_names() -> list[str]:
    """Names of the rulebooks in the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def user_folder(home: str | Path | None = None) -> Path:
    """Where the user's rulebooks lie: `home`, else ISOCROSS_HOME, else the platform's data folder; + rulebooks."""
    if home is None:
        home = os.environ.get("ISOCROSS_HOME") or None
    if home is None:
        from platformdirs import user_data_dir

        home = user_data_dir("isocross", appauthor=False)
    return Path(home).expanduser() / "rulebooks"


def is_name(text: str) -> bool:
    """Whether a text may name a rulebook: small letters, digits, dots and dashes."""
    return bool(_NAME.match(text)) and not text.endswith(".toml")


def is_symbol(text: str) -> bool:
    """Whether a text may name a contract in a rulebook: capitals and digits, like BTCUSDT."""
    return bool(_SYMBOL.match(text)) and text == text.upper()


def _find(name_or_path: str | Path, home: str | Path | None) -> Path:
    if isinstance(name_or_path, Path) or not is_name(name_or_path):
        path = Path(name_or_path)
        if path.suffix != ".toml" and not path.exists():
            raise RulebookError(
                f"rulebook {str(name_or_path)!r}: expected one of {', '.join(names(home))}, or a path to a TOML file"
            )
        return path
    shipped = _SHIPPED / f"{name_or_path}.toml"
    if shipped.is_file():
        return shipped
    own = user_folder(home) / f"{name_or_path}.toml"
    if own.is_file():
        return own
    raise RulebookError(
        f"rulebook {name_or_path!r}: no such name; expected one of {', '.join(names(home))}, or a path to a TOML file"
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise RulebookError(f"{path}: expected a rulebook of at most {FILE_BYTES_MAX // 2**20} MiB")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RulebookError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RulebookError(f"{path}: expected UTF-8 text") from None


def _with_bases(text: str, label: str, home: str | Path | None) -> tuple[dict[str, Any], tuple[SourceText, ...]]:
    """The file laid over its bases, and the texts of all, the file itself first."""
    layers: list[dict[str, Any]] = []
    files: list[SourceText] = []
    while True:
        files.append(SourceText(label, text))
        layers.append(_parse(files[-1]))
        if "base" not in layers[-1]:
            break
        table = Table(layers[-1], (), (files[-1],))
        if len(layers) > BASES_MAX:
            raise table.wrong("base", f"a rulebook that itself has at most {BASES_MAX - 1} bases")
        base = table.text("base")
        if not is_name(base):
            raise table.wrong("base", f"the name of a rulebook: one of {', '.join(names(home))}")
        path = _find(base, home)
        text, label = _read(path), str(path)
    document = layers.pop()
    for over in reversed(layers):
        document = lay_document(document, over, str(over["name"]))
    return document, tuple(files)


def _parse(file: SourceText) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise RulebookError(f"{file.label}: expected TOML: {error}") from None
    except (ValueError, RecursionError) as error:  # integers of thousands of digits, arrays nested without end
        raise RulebookError(f"{file.label}: expected TOML: {error}") from None
    top = Table(document, (), (file,))
    top.only(_TOP)
    top.integer("format", FORMAT, FORMAT)
    top.text("name")
    for key in _TOP - {"format", "name", "venue", "as_of", "base"}:
        top.table(key)
    for key in ("symbol", "template"):
        for name in document.get(key, {}):
            row = top.table(key).table(name)
            row.only(SYMBOL_KEYS | {"template"} if key == "symbol" else SYMBOL_KEYS)
            row.mapping("facts")
            row.mapping("decisions")
    top.table("symbol_defaults").only(SYMBOL_KEYS - {"base_asset", "facts", "decisions"})
    return document


def _build(document: dict[str, Any], files: tuple[SourceText, ...]) -> Rulebook:
    top = Table(document, (), files)
    name = top.text("name")
    if not is_name(name):
        raise top.wrong("name", "small letters, digits, dots and dashes, like my-venue")
    values = venue_columns(top.table("columns"))
    sources = _sources(top)
    facts, reasons = _claims(top, sources)
    columns = (*VENUE_COLUMNS, *SYMBOL_COLUMNS)
    rulebook = Rulebook(
        name=name,
        venue=top.text("venue"),
        as_of=top.day("as_of"),
        sources=tuple(sources.values()),
        symbols={},
        templates={key: _template(key, top, values["leverage_max"], sources) for key in document.get("template", {})},
        decisions=frozenset(column for column in columns if column not in facts),
        facts=facts,
        decision_reasons=reasons,
        **values,
    )
    if len(document.get("symbol", {})) > SYMBOLS_MAX:
        raise top.error("symbol", None, f"at most {SYMBOLS_MAX} symbols")
    for symbol in document.get("symbol", {}):
        rulebook.symbols[symbol] = _symbol(symbol, top, rulebook, sources)
        row = top.table("symbol").table(symbol)
        facts.update({f"{symbol}.{column}": source for column, source in row.mapping("facts").items()})
        reasons.update({f"{symbol}.{column}": reason for column, reason in row.mapping("decisions").items()})
    return finished(rulebook)


def finished(rulebook: Rulebook) -> Rulebook:
    """The rulebook with what follows from its symbols: their notes, gathered, and the content hash."""
    notes = tuple(f"{rules.symbol}: {note}" for rules in rulebook.symbols.values() for note in rules.notes)
    return with_content_hash(replace(rulebook, notes=notes))


def _sources(top: Table) -> dict[str, str]:
    """Source id → 'id (date): text'."""
    result: dict[str, str] = {}
    table = top.table("sources")
    for key in table.data:
        source = table.table(key)
        source.only({"date", "text"})
        result[key] = f"{key} ({source.day('date')}): {source.text('text')}"
    return result


def _claims(table: Table, sources: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Facts (column → source id) and decisions (column → reason) of a table; each column in one of them at most."""
    facts, reasons = table.mapping("facts"), table.mapping("decisions")
    for key, claims in (("facts", facts), ("decisions", reasons)):
        table.table(key).only((*VENUE_COLUMNS, *SYMBOL_COLUMNS))
        for column, value in claims.items():
            if key == "facts" and value not in sources:
                raise table.table(key).wrong(column, f"the id of a source: one of {', '.join(sources) or 'none given'}")
            if key == "decisions" and column in facts:
                raise table.table(key).wrong(column, "a column in facts or in decisions, not in both")
    return facts, reasons


def _template(name: str, top: Table, leverage_max: int, sources: dict[str, str]) -> SymbolRules:
    if not is_name(name):
        raise (
            top.table("template")
            .table(name)
            .error(None, None, "small letters, digits, dots and dashes, like usdt-altcoin")
        )
    row = top.table("template").table(name)
    _claims(row, sources)
    data = lay(top.data.get("symbol_defaults", {}), row.data)  # type: ignore[arg-type]
    merged = Table(data, row.path, top.files, under=(("symbol_defaults",),))
    return symbol_rules_of(name, merged, leverage_max, frozenset(SYMBOL_COLUMNS), True, ())


def _symbol(name: str, top: Table, rulebook: Rulebook, sources: dict[str, str]) -> SymbolRules:
    """One symbol: its row over its template over the defaults; what the row does not source is as they say."""
    row = top.table("symbol").table(name)
    if not is_symbol(name):
        raise row.error(None, None, "capitals and digits, like BTCUSDT")
    facts, reasons = _claims(row, sources)
    lower: dict[str, Any] = top.data.get("symbol_defaults", {})  # type: ignore[assignment]
    notes: tuple[str, ...] = ()
    under: tuple[tuple[str, ...], ...] = (("symbol_defaults",),)
    is_template = "template" in row.data
    if is_template:
        template = row.text("template")
        if template not in rulebook.templates:
            raise row.wrong("template", f"one of {', '.join(rulebook.templates) or 'none in this rulebook'}")
        lower = lay(lower, top.table("template").table(template).data)
        under = (("template", template), *under)
        decided = set(SYMBOL_COLUMNS) - set(facts)
        if not {"tick", "step"} <= columns_set(row.data):
            notes = (f"price and quantity grid of template {template}, not the venue's",)
    else:
        decided = (set(rulebook.decisions) & set(SYMBOL_COLUMNS) | set(reasons)) - set(facts)
    merged = {key: value for key, value in lay(lower, row.data).items() if key != "template"}
    table = Table(merged, row.path, top.files, under)
    rules = symbol_rules_of(name, table, rulebook.leverage_max, frozenset(decided), is_template, notes)
    quote = name.removeprefix(rules.base_asset)
    if not rules.base_asset or quote == name or not quote:
        raise table.wrong("base_asset", f"the beginning of {name}")
    if rules.margin_asset not in rulebook.margin_assets:
        raise table.wrong("margin_asset", f"one of {', '.join(rulebook.margin_assets)}")
    return rules
