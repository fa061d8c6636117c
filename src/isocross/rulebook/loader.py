"""Loader: from a name or a TOML file to a Rulebook, checked in full.

Responsible for: finding the file (shipped, or in the user's folder), bases of overlays, which column rests on what.
Must not: import numpy, numba or polars: a question on the command line is answered sooner than those load.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Set
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import RulebookError
from ..limits import LEVERAGE_MAX, SYMBOLS_MAX
from .columns import SYMBOL_COLUMNS, SYMBOL_KEYS, VENUE_COLUMNS, symbol_rules_of, venue_columns
from .document import with_content_hash
from .layers import columns_set, lay, lay_document
from .model import Rulebook, SymbolRules
from .reader import Faults, SourceText, Table

DEFAULT_RULEBOOK = "binance-usdm"
FORMAT = 1
FILE_BYTES_MAX = 16 * 2**20
BASES_MAX = 4  # an overlay of an overlay of … stops here

_SHIPPED = Path(__file__).parent / "data"
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
_SYMBOL = re.compile(r"^[^\W_a-z][^\Wa-z]{0,31}$")  # capitals, digits and letters without case; _ inside
_AT = re.compile(r" \(at line (\d+), column (\d+)\)$")
_DIGITS = re.compile(r"\d{4301}")  # more than Python reads as one number
TOP_KEYS = {"format", "name", "venue", "as_of", "base", "sources", "columns", "symbol_defaults", "facts", "decisions",
        "symbol", "template"}  # fmt: skip


def load(name_or_path: str | Path = DEFAULT_RULEBOOK, home: str | Path | None = None) -> Rulebook:
    """The rulebook of that name (shipped, or in the user's folder), or of that TOML file.

    Errors   RulebookError naming file, line, key, value and what was expected.
    """
    path = find(name_or_path, home)
    return load_text(read_text(path), str(path), home)


def load_text(text: str, label: str, home: str | Path | None = None) -> Rulebook:
    """A rulebook from TOML text; `label` names it in errors."""
    faults = Faults()
    document, files = _with_bases(text, label, home, faults)
    rulebook = _build(document, files, faults)
    assert rulebook is not None, "the first fault ends the reading"
    return rulebook


def examine(text: str, label: str, home: str | Path | None = None) -> tuple[Rulebook | None, tuple[RulebookError, ...]]:
    """A rulebook from TOML text, or every fault that keeps it from being one."""
    faults = Faults(goes_on=True)
    rulebook = None
    with faults.part():
        document, files = _with_bases(text, label, home, faults)
        rulebook = _build(document, files, faults)
    once = {(fault.file, fault.line, fault.value, fault.expected): fault for fault in reversed(faults.found)}
    return rulebook, tuple(sorted(once.values(), key=lambda fault: (fault.file != label, fault.file, fault.line or 0)))


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


def find(name_or_path: str | Path, home: str | Path | None = None) -> Path:
    """The file of a rulebook.

    Errors   RulebookError for a name that no rulebook has.
    """
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
    if Path(name_or_path).is_file():  # a file without an ending
        return Path(name_or_path)
    raise RulebookError(
        f"rulebook {name_or_path!r}: no such name; expected one of {', '.join(names(home))}, or a path to a TOML file"
    )


def read_text(path: Path) -> str:
    """The text of a file.

    Errors   RulebookError where it cannot be read, is too large or is no text.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise RulebookError(f"{path}: expected a rulebook of at most {FILE_BYTES_MAX // 2**20} MiB", file=str(path))
        content = path.read_bytes()
    except OSError as error:
        raise RulebookError(f"{path}: cannot be read: {error.strerror}", file=str(path)) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        value, line = f"byte 0x{content[error.start]:02x}", content.count(b"\n", 0, error.start) + 1
        raise RulebookError(
            f"{path}:{line}: {value}: expected UTF-8 text",
            file=str(path), line=line, value=value, expected="UTF-8 text",
        ) from None  # fmt: skip


def _with_bases(
    text: str, label: str, home: str | Path | None, faults: Faults
) -> tuple[dict[str, Any], tuple[SourceText, ...]]:
    """The file laid over its bases, and the texts of all, the file itself first."""
    layers: list[dict[str, Any]] = []
    files: list[SourceText] = []
    while True:
        files.append(SourceText(label, text))
        layers.append(_parse(files[-1], faults))
        if "base" not in layers[-1]:
            break
        table = Table(layers[-1], (), (files[-1],))
        if len(layers) > BASES_MAX:
            raise table.wrong("base", f"a rulebook that itself has at most {BASES_MAX - 1} bases")
        base = table.text("base")
        if not is_name(base):
            raise table.wrong("base", f"the name of a rulebook: one of {', '.join(names(home))}")
        path = find(base, home)
        text, label = read_text(path), str(path)
    document = layers.pop()
    for over in reversed(layers):
        document = lay_document(document, over, str(over["name"]))
    return document, tuple(files)


def parse_toml(file: SourceText) -> dict[str, Any]:
    """TOML text as plain data, its decimals exact.

    Errors   RulebookError with the line of what is no TOML.
    """
    try:
        return tomllib.loads(file.text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        line = int(found[1]) if found else file.text.rstrip().count("\n") + 1
        said = f"{str(error)[: found.start()]} (column {found[2]})" if found else str(error)
    except ValueError:
        at = _DIGITS.search(file.text)
        line, said = file.text.count("\n", 0, at.start() if at else 0) + 1, "a number has thousands of digits"
    except RecursionError:
        line, said = file.text.count("\n", 0, _deepest(file.text)) + 1, "too many arrays or tables inside one another"
    raise RulebookError(
        f"{file.label}:{line}: expected TOML: {said}", file=file.label, line=line, value=said, expected="TOML"
    )


def _deepest(text: str) -> int:
    """Where most brackets are open."""
    depth = deepest = at = 0
    for place, sign in enumerate(text):
        depth += (sign in "[{") - (sign in "]}")
        if depth > deepest:
            deepest, at = depth, place
    return at


def _parse(file: SourceText, faults: Faults) -> dict[str, Any]:
    """A file whose tables are tables, and which has a format and a name."""
    document = parse_toml(file)
    top = Table(document, (), (file,))
    top.only(TOP_KEYS, faults)
    top.integer("format", FORMAT, FORMAT)
    top.text("name")
    for key in TOP_KEYS - {"format", "name", "venue", "as_of", "base"}:
        top.table(key)
    for key in ("symbol", "template"):
        for name in document.get(key, {}):
            row = top.table(key).table(name)
            row.only(SYMBOL_KEYS | {"template"} if key == "symbol" else SYMBOL_KEYS, faults)
            row.mapping("facts")
            row.mapping("decisions")
    top.table("symbol_defaults").only(SYMBOL_KEYS - {"base_asset", "facts", "decisions"}, faults)
    return document


class _Ground(NamedTuple):
    """What every contract of a file stands on."""

    top: Table
    sources: dict[str, str]
    leverage_max: int
    margin_assets: tuple[str, ...]  # none where the file's own cannot be read
    templates: dict[str, SymbolRules]  # those that can be read
    decisions: frozenset[str]


def _build(document: dict[str, Any], files: tuple[SourceText, ...], faults: Faults) -> Rulebook | None:
    """The rulebook; None when there are faults."""
    top = Table(document, (), files)
    name = venue = as_of = ""
    with faults.part():
        name = top.text("name")
        if not is_name(name):
            raise top.wrong("name", "small letters, digits, dots and dashes, like my-venue")
    with faults.part():
        venue = top.text("venue")
    with faults.part():
        as_of = top.day("as_of")
    values = venue_columns(top.table("columns"), faults)
    sources = _sources(top, faults)
    facts: dict[str, str] = {}
    reasons: dict[str, str] = {}
    with faults.part():
        facts, reasons = _claims(top, sources)
    leverage_max = values.get("leverage_max", LEVERAGE_MAX)
    templates: dict[str, SymbolRules] = {}
    for key in document.get("template", {}):
        with faults.part():
            template = _template(key, top, leverage_max, sources, faults)
            if template is not None:
                templates[key] = template
    decisions = frozenset(column for column in (*VENUE_COLUMNS, *SYMBOL_COLUMNS) if column not in facts)
    ground = _Ground(top, sources, leverage_max, values.get("margin_assets", ()), templates, decisions)
    wanted = document.get("symbol", {})
    with faults.part():
        if len(wanted) > SYMBOLS_MAX:
            raise top.error("symbol", f"{len(wanted)} contracts", f"at most {SYMBOLS_MAX}")
    symbols: dict[str, SymbolRules] = {}
    for symbol in wanted:
        with faults.part():
            rules = _symbol(symbol, ground, faults)
            if rules is not None:
                symbols[symbol] = rules
        row = top.table("symbol").table(symbol)
        facts.update({f"{symbol}.{column}": source for column, source in row.mapping("facts").items()})
        reasons.update({f"{symbol}.{column}": reason for column, reason in row.mapping("decisions").items()})
    if faults.found:
        return None
    return finished(
        Rulebook(
            name=name,
            venue=venue,
            as_of=as_of,
            sources=tuple(sources.values()),
            symbols=symbols,
            templates=templates,
            decisions=decisions,
            facts=facts,
            decision_reasons=reasons,
            **values,
        )
    )


def finished(rulebook: Rulebook) -> Rulebook:
    """The rulebook with what follows from its symbols: their notes, gathered, and the content hash."""
    notes = tuple(f"{rules.symbol}: {note}" for rules in rulebook.symbols.values() for note in rules.notes)
    return with_content_hash(replace(rulebook, notes=notes))


def _sources(top: Table, faults: Faults) -> dict[str, str]:
    """Source id → 'id (date): text'; one with a fault is there by its id."""
    table = top.table("sources")
    result = {key: key for key in table.data}
    for key in table.data:
        with faults.part():
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


def _template(name: str, top: Table, leverage_max: int, sources: dict[str, str], faults: Faults) -> SymbolRules | None:
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
    return symbol_rules_of(name, merged, leverage_max, frozenset(SYMBOL_COLUMNS), True, (), faults)


def _symbol(name: str, ground: _Ground, faults: Faults) -> SymbolRules | None:
    """One symbol: its row over its template over the defaults; what the row does not source is as they say."""
    top = ground.top
    row = top.table("symbol").table(name)
    if not is_symbol(name):
        raise row.error(None, None, "capitals and digits, like BTCUSDT")
    facts, reasons = _claims(row, ground.sources)
    lower: dict[str, Any] = top.data.get("symbol_defaults", {})  # type: ignore[assignment]
    notes: tuple[str, ...] = ()
    under: tuple[tuple[str, ...], ...] = (("symbol_defaults",),)
    is_template = "template" in row.data
    decided: Set[str]
    if is_template:
        template = row.text("template")
        known = top.table("template").data
        if template not in known:
            raise row.wrong("template", f"one of {', '.join(known) or 'none in this rulebook'}")
        lower = lay(lower, top.table("template").table(template).data)
        under = (("template", template), *under)
        decided = set(SYMBOL_COLUMNS) - set(facts)
        if not {"tick", "step"} <= columns_set(row.data):
            notes = (f"price and quantity grid of template {template}, not the venue's",)
    else:
        decided = (ground.decisions & set(SYMBOL_COLUMNS) | set(reasons)) - set(facts)
    merged = {key: value for key, value in lay(lower, row.data).items() if key != "template"}
    table = Table(merged, row.path, top.files, under)
    rules = symbol_rules_of(name, table, ground.leverage_max, frozenset(decided), is_template, notes, faults)
    if rules is None:
        return None
    quote = name.removeprefix(rules.base_asset)
    if not rules.base_asset or quote == name or not quote:
        raise table.wrong("base_asset", f"the beginning of {name}")
    if ground.margin_assets and rules.margin_asset not in ground.margin_assets:
        raise table.wrong("margin_asset", f"one of {', '.join(ground.margin_assets)}")
    return rules
