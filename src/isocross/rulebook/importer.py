"""Importer: leverage brackets as bots and venues hand them out, into a rulebook of the user's own.

Responsible for: reading Binance's leverageBracket answer, ccxt's and freqtrade's tiers and a Parquet table of them; a
report of what was read, clamped and refused. Must not: fetch anything, change a shipped rulebook, guess a price grid.

A file that cannot be understood at all is an error. A contract that cannot be represented is refused in the report
and the others are taken.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import AmountError, RulebookError
from ..limits import LEVERAGE_MAX
from ..units import to_decimal, to_e8
from .brackets import BracketFaultError, BracketRow, build_brackets
from .loader import DEFAULT_RULEBOOK, is_name, is_symbol, load, load_text, shipped_names, user_folder
from .model import Rulebook
from .overlay import HEADER, overlay_text, write_file

FILE_BYTES_MAX = 64 * 2**20
QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "BTC", "ETH", "USD")  # what a venue's bare symbol may end in

_DATE = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")


@dataclass(frozen=True, slots=True)
class BracketTable:
    """The checked rows of one contract, as the file states them."""

    market: str  # as the file names it: BTC/USDT:USDT or BTCUSDT
    symbol: str
    base_asset: str
    margin_asset: str
    rows: tuple[BracketRow, ...]
    notional_max_e8: int
    notes: tuple[str, ...]  # what looks odd, or was clamped


@dataclass(frozen=True, slots=True)
class BracketFile:
    """What a file of brackets holds."""

    path: Path
    kind: str
    as_of: str  # ISO date: in the file's name, else when it was last changed
    sha256: str
    tables: tuple[BracketTable, ...]
    refused: tuple[tuple[str, str], ...]  # market, why


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What import_file() did."""

    name: str  # load() takes it
    path: Path  # the rulebook written
    source: Path
    kind: str
    as_of: str
    symbols: tuple[str, ...]
    bracket_count: int
    own_grid: tuple[str, ...]  # symbols whose tick and step are the venue's
    template_grid: tuple[str, ...]  # symbols whose grid is a template's, until a reference price chooses one
    clamped: tuple[str, ...]
    notes: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """The report for people, a fact a line."""
        result = [
            f"read      {self.source} ({self.kind}, {self.as_of})",
            f"wrote     {self.path}: rulebook {self.name}",
            f"symbols   {len(self.symbols)} with {self.bracket_count} brackets",
            f"grids     {len(self.own_grid)} the venue's own, {len(self.template_grid)} of a template",
        ]
        result += [f"clamped   {text}" for text in self.clamped]
        result += [f"note      {text}" for text in self.notes]
        result += [f"refused   {market}: {reason}" for market, reason in self.refused]
        return result


class _Refused(Exception):
    """A contract that cannot be represented; the text says why."""


def import_file(
    path: str | Path, name: str | None = None, home: str | Path | None = None, as_of: str | None = None
) -> ImportReport:
    """Reads a file of brackets and writes them as a rulebook over binance-usdm into the user's folder.

    Takes    name: of the new rulebook, the file's own name by default. home: see loader.user_folder().
             as_of: ISO date of the brackets; by default the date in the file's name, else that of its last change.
    Errors   RulebookError when the file cannot be understood, holds nothing usable, or the name is taken.
    """
    file = import_brackets(path, as_of)
    wanted = _slug(file.path.stem) if name is None else name
    if not is_name(wanted) or wanted in shipped_names():
        taken = "the name of a shipped rulebook" if wanted in shipped_names() else "not a name"
        raise RulebookError(
            f"name {wanted!r}: {taken}: expected small letters, digits, dots and dashes, like my-brackets"
        )
    target = user_folder(home) / f"{wanted}.toml"
    if target.exists() and not target.read_text(encoding="utf-8", errors="replace").startswith(HEADER):
        raise RulebookError(f"{target}: not written by an import and not overwritten: expected another name")

    base = load(DEFAULT_RULEBOOK)
    tables, refused = _representable(file, base)
    text = overlay_text(wanted, base, file.as_of, _describe(file), tables)
    rulebook = load_text(text, str(target), home)
    write_file(target, text)

    symbols = tuple(table.symbol for table in tables)
    remarks = [f"{key}: {note}" for key in symbols for note in rulebook.symbols[key].notes if "grid" not in note]
    remarks += [f"{table.symbol}: {note}" for table in tables for note in table.notes]
    remarks = list(dict.fromkeys(remarks))
    return ImportReport(
        name=wanted,
        path=target,
        source=file.path,
        kind=file.kind,
        as_of=file.as_of,
        symbols=symbols,
        bracket_count=sum(len(table.rows) for table in tables),
        own_grid=tuple(symbol for symbol in symbols if not rulebook.symbols[symbol].is_template),
        template_grid=tuple(symbol for symbol in symbols if rulebook.symbols[symbol].is_template),
        clamped=tuple(text for text in remarks if "clamped" in text or "left out" in text),
        notes=tuple(text for text in remarks if "clamped" not in text and "left out" not in text),
        refused=refused,
    )


def import_brackets(path: str | Path, as_of: str | None = None) -> BracketFile:
    """Reads a file of brackets without writing anything: JSON of Binance, ccxt or freqtrade, or Parquet.

    Errors   RulebookError naming the file and what was expected.
    """
    where = Path(path)
    if as_of is not None and _date_in(as_of) != as_of:
        raise RulebookError(f"as_of {as_of!r}: expected a date like 2024-10-24")
    try:
        if where.stat().st_size > FILE_BYTES_MAX:
            raise RulebookError(f"{where}: expected a file of at most {FILE_BYTES_MAX // 2**20} MiB")
        content = where.read_bytes()
        changed = datetime.fromtimestamp(where.stat().st_mtime, tz=UTC).date().isoformat()
    except OSError as error:
        raise RulebookError(f"{where}: cannot be read: {error.strerror}") from None
    kind, markets = _parquet(where) if content[:4] == b"PAR1" else _json(where, content)
    tables: list[BracketTable] = []
    refused: list[tuple[str, str]] = []
    taken: dict[str, str] = {}
    for market, rows in markets:
        try:
            table = _table(market, rows)
            if table.symbol in taken:
                raise _Refused(f"the file has {taken[table.symbol]} already, which has the same name here")
        except _Refused as reason:
            refused.append((market, str(reason)))
            continue
        taken[table.symbol] = market
        tables.append(table)
    if not tables:
        why = f": {refused[0][0]}: {refused[0][1]}" if refused else ""
        raise RulebookError(f"{where}: expected at least one usable bracket table{why}")
    return BracketFile(
        path=where,
        kind=kind,
        as_of=as_of or _date_in(where.stem) or changed,
        sha256=hashlib.sha256(content).hexdigest(),
        tables=tuple(tables),
        refused=tuple(refused),
    )


# ── formats: each yields (market, rows); a row is a mapping ────────────────────────────────────────────────────────

Markets = Iterator[tuple[str, list[Any]]]


def _json(where: Path, content: bytes) -> tuple[str, Markets]:
    try:
        data = json.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise RulebookError(f"{where}: expected JSON or Parquet: {error}") from None
    if isinstance(data, dict) and isinstance(data.get("data"), dict) and "updated" in data:
        data = data["data"]  # freqtrade's cache
    if isinstance(data, dict) and "brackets" in data:
        data = [data]
    if isinstance(data, list) and data and all(isinstance(item, dict) and "brackets" in item for item in data):
        return "Binance leverageBracket", _entries([(item.get("symbol"), item["brackets"]) for item in data], where)
    if isinstance(data, dict) and data and all(isinstance(rows, list) for rows in data.values()):
        return "ccxt or freqtrade leverage tiers", _entries(list(data.items()), where)
    if isinstance(data, list) and data and all(isinstance(item, dict) and "minNotional" in item for item in data):
        if not all(isinstance(item.get("symbol"), str) for item in data):
            raise RulebookError(f"{where}: tiers of one market: expected each to name its market under 'symbol'")
        grouped: dict[str, list[Any]] = {}
        for item in data:
            grouped.setdefault(item["symbol"], []).append(item)
        return "ccxt market leverage tiers", _entries(list(grouped.items()), where)
    raise RulebookError(
        f"{where}: expected Binance's leverageBracket answer, ccxt's leverage tiers, or freqtrade's tiers file"
    )


def _entries(items: list[tuple[Any, Any]], where: Path) -> Markets:
    for market, rows in items:
        if not isinstance(market, str) or not market or not isinstance(rows, list):
            raise RulebookError(f"{where}: {str(market)[:40]!r}: expected the name of a market with a list of brackets")
        yield market, rows


def _parquet(where: Path) -> tuple[str, Markets]:
    import polars

    names = {
        "symbol": "symbol",
        "min_notional": "minNotional",
        "max_notional": "maxNotional",
        "maint_margin_rate": "maintenanceMarginRate",
        "max_leverage": "maxLeverage",
        "maint_amount": "cum",
    }
    try:
        frame = polars.read_parquet(where)
    except Exception as error:  # polars raises many kinds
        raise RulebookError(f"{where}: expected a readable Parquet file: {str(error)[:200]}") from None
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise RulebookError(f"{where}: expected the columns {', '.join(names)}; missing: {', '.join(missing)}")
    grouped: dict[Any, list[Any]] = {}
    for row in frame.select(list(names)).rename(names).iter_rows(named=True):
        grouped.setdefault(row["symbol"], []).append(row)
    return "Parquet table of tiers", _entries(list(grouped.items()), where)


# ── one contract ───────────────────────────────────────────────────────────────────────────────────────────────────


def _table(market: str, rows: list[Any]) -> BracketTable:
    """The checked table of one market, or _Refused."""
    symbol, base_asset, margin_asset = _parts(market)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise _Refused("it has no list of brackets")
    bracket_rows: list[BracketRow] = []
    end_e8: int | None = 0
    for number, row in enumerate(rows, start=1):
        info = row.get("info")
        raw: dict[str, Any] = {**row, **info} if isinstance(info, dict) else row
        if "qtyFloor" in raw or "qtyCap" in raw:
            raise _Refused("its brackets are in contracts: coin-margined contracts are not run here")
        floor_e8 = _value(raw, ("notionalFloor", "minNotional"), number, to_e8)
        if number > 1 and end_e8 != floor_e8:
            raise _Refused(f"bracket {number} does not begin where bracket {number - 1} ends")
        end_e8 = _end_e8(raw, number)
        leverage = _value(raw, ("initialLeverage", "maxLeverage"), number, to_decimal)
        bracket_rows.append(
            BracketRow(
                floor_e8=floor_e8,
                rate_e8=_value(raw, ("maintMarginRatio", "maintenanceMarginRate"), number, to_e8),
                leverage_max=int(leverage),
                cum_e8=_value(raw, ("cum", "maintAmt"), number, _to_e8_rounded) if _has_cum(raw) else None,
            )
        )
    notional_max_e8 = 10**36 if end_e8 is None else end_e8
    try:
        _, notes = build_brackets(bracket_rows, notional_max_e8, LEVERAGE_MAX)
    except BracketFaultError as fault:
        raise _Refused(str(fault)) from None
    return BracketTable(market, symbol, base_asset, margin_asset, tuple(bracket_rows), notional_max_e8, notes)


def _value(raw: dict[str, Any], keys: tuple[str, ...], number: int, convert: Callable[[Any, str], Any]) -> Any:
    for key in keys:
        if raw.get(key) is not None:
            try:
                return convert(raw[key], key)
            except (AmountError, TypeError, ArithmeticError) as error:
                raise _Refused(f"bracket {number}: {error}") from None
    raise _Refused(f"bracket {number} has no {keys[0]} or {keys[1]}")


def _end_e8(raw: dict[str, Any], number: int) -> int | None:
    """Upper end of a row; None where ccxt says that there is none."""
    if raw.get("notionalCap") is None and "maxNotional" in raw and raw["maxNotional"] is None:
        return None
    result: int = _value(raw, ("notionalCap", "maxNotional"), number, to_e8)
    return result


def _has_cum(raw: dict[str, Any]) -> bool:
    return raw.get("cum") is not None or raw.get("maintAmt") is not None


def _to_e8_rounded(value: Any, name: str) -> int:
    """A venue's deduction: a float of it may be wrong beyond the eighth decimal."""
    return to_e8(round(to_decimal(value, name), 8), name)


def _parts(market: str) -> tuple[str, str, str]:
    """(symbol, base, margin asset) of BTC/USDT:USDT or BTCUSDT, or _Refused for what is no linear perpetual."""
    base, slash, rest = market.partition("/")
    if slash:
        quote, _, settle = rest.partition(":")
        if "-" in settle:
            raise _Refused("it delivers on a date: only perpetual contracts are run here")
        if not settle:
            raise _Refused("it names no margin asset: expected BASE/QUOTE:ASSET")
        if settle == base:
            raise _Refused("it is an inverse contract, margined in its base asset: not run here")
        if settle != quote:
            raise _Refused(f"it is quoted in {quote} and margined in {settle}: not run here")
    else:
        if "_" in market:
            raise _Refused("it delivers on a date or is coin-margined: only linear perpetual contracts are run here")
        settle = next((asset for asset in QUOTES if market.endswith(asset) and market != asset), "")
        if not settle:
            raise _Refused(f"its margin asset is not one of {', '.join(QUOTES)}")
        base = market.removesuffix(settle)
    if not is_symbol(base + settle):
        raise _Refused("its name is not made of capitals and digits, at most 32")
    return base + settle, base, settle


# ── the rulebook ───────────────────────────────────────────────────────────────────────────────────────────────────


def _representable(file: BracketFile, base: Rulebook) -> tuple[list[BracketTable], tuple[tuple[str, str], ...]]:
    """The tables that the rulebook has a contract or a template for, and the file's refusals with the others."""
    with_template = {template.margin_asset for template in base.templates.values()}
    tables: list[BracketTable] = []
    refused = list(file.refused)
    for table in file.tables:
        if table.symbol in base.symbols or table.margin_asset in with_template:
            tables.append(table)
        else:
            refused.append((table.market, f"rulebook {base.name} has no template for the asset {table.margin_asset}"))
    if not tables:
        raise RulebookError(f"{file.path}: expected a usable bracket table: {refused[0][0]}: {refused[0][1]}")
    return tables, tuple(refused)


def _describe(file: BracketFile) -> str:
    return f"{file.kind}, {file.path.name}, sha256 {file.sha256}"


def _date_in(text: str) -> str | None:
    found = _DATE.search(text)
    if not found:
        return None
    try:
        return datetime.strptime("".join(found.groups()), "%Y%m%d").date().isoformat()
    except ValueError:
        return None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:64] or "imported"
