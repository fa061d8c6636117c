"""Importer: leverage brackets as bots and venues hand them out, into a rulebook of the user's own.

Responsible for: reading Binance's leverageBracket answer, ccxt's and freqtrade's tiers and a Parquet table of them; a
report of what was read, clamped and refused. Must not: fetch anything, change a shipped rulebook, guess a price grid.

A file that cannot be understood at all is an error. A contract that cannot be represented is refused in the report
and the others are taken.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..answer import Answer, Columns, Shown
from ..errors import AmountError, RulebookError
from ..limits import LEVERAGE_MAX
from ..units import to_decimal, to_e8
from .brackets import BracketFaultError, BracketRow, build_brackets
from .formats import Market, lines_of, read_json, read_parquet, wrong
from .lines import Path as Place
from .loader import DEFAULT_RULEBOOK, is_name, is_symbol, load, load_text, shipped_names, user_folder
from .model import Rulebook
from .overlay import HEADER, overlay_text, write_file

SCHEMA = "isocross.rules.import/1"
FILE_BYTES_MAX = 64 * 2**20
QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "BTC", "ETH", "USD")  # what a venue's bare symbol may end in

_DATE = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")


class RefusedMarket(NamedTuple):
    """A contract of a file that was not taken."""

    market: str
    reason: str
    line: int | None  # of the file; None where it has no lines
    is_fault: bool = True  # False: right as it is, and no contract that runs here

    @property
    def text(self) -> str:
        """'line 12: BTCUSDT: bracket 3 …'."""
        return f"{'' if self.line is None else f'line {self.line}: '}{self.market}: {self.reason}"


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
    place: Place = ()  # in the file


@dataclass(frozen=True, slots=True)
class BracketFile:
    """What a file of brackets holds."""

    path: Path
    kind: str
    as_of: str  # ISO date: in the file's name, else when it was last changed
    sha256: str
    tables: tuple[BracketTable, ...]
    refused: tuple[RefusedMarket, ...]
    text: str = field(default="", repr=False)  # empty where the file has no lines


@dataclass(frozen=True, slots=True, repr=False)
class ImportReport(Answer):
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
    refused: tuple[RefusedMarket, ...]

    @property
    def is_negative(self) -> bool:
        """Whether no contract was taken."""
        return not self.symbols

    def to_dict(self) -> dict[str, Any]:
        """Plain data; refusals and their lines by the name that the file gives the contract."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "path": str(self.path),
            "source": str(self.source),
            "kind": self.kind,
            "as_of": self.as_of,
            "symbols": self.symbols,
            "bracket_count": self.bracket_count,
            "own_grid": self.own_grid,
            "template_grid": self.template_grid,
            "clamped": self.clamped,
            "notes": self.notes,
            "refused": {one.market: one.reason for one in self.refused},
            "refused_lines": {one.market: one.line for one in self.refused},
        }

    def columns(self) -> Columns:
        """One row per contract of the file, those that were taken first."""
        grids = ["the venue's" if symbol in self.own_grid else "a template's" for symbol in self.symbols]
        nothing: list[Any] = [None] * len(self.refused)
        return {
            "contract": [*self.symbols, *(one.market for one in self.refused)],
            "is_taken": [*(True for _ in self.symbols), *(False for _ in self.refused)],
            "grid": [*grids, *nothing],
            "reason": [*(None for _ in self.symbols), *(one.reason for one in self.refused)],
        }

    def shown(self) -> Shown:
        """A fact a line."""
        return Shown("\n".join(self.lines()))

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
        result += [f"refused   {one.text}" for one in self.refused]
        return result


class _Refused(Exception):
    """A contract that cannot be represented; the text says why. `row`: the bracket it is about, from 0."""

    def __init__(self, reason: str, row: int | None = None) -> None:
        super().__init__(reason)
        self.row = row


class _NotRunHere(_Refused):
    """A contract that is none of those which run here, however right its rows are."""


def import_file(
    file: str | Path, name: str | None = None, home: str | Path | None = None, as_of: str | None = None
) -> ImportReport:
    """Reads a file of brackets and writes them as a rulebook over binance-usdm into the user's folder.

    Takes    name: of the new rulebook, the file's own name by default. home: see loader.user_folder().
             as_of: ISO date of the brackets; by default the date in the file's name, else that of its last change.
    Errors   RulebookError when the file cannot be understood, holds nothing usable, or the name is taken.
    """
    read = import_brackets(file, as_of)
    wanted = _slug(read.path.stem) if name is None else name
    if not is_name(wanted) or wanted in shipped_names():
        taken = "the name of a shipped rulebook" if wanted in shipped_names() else "not a name"
        raise RulebookError(
            f"name {wanted!r}: {taken}: expected small letters, digits, dots and dashes, like my-brackets"
        )
    target = user_folder(home) / f"{wanted}.toml"
    if target.exists() and not target.read_text(encoding="utf-8", errors="replace").startswith(HEADER):
        raise RulebookError(f"{target}: not written by an import and not overwritten: expected another name")

    base = load(DEFAULT_RULEBOOK)
    tables, refused = representable(read, base)
    text = overlay_text(wanted, base, read.as_of, _describe(read), tables)
    rulebook = load_text(text, str(target), home)
    write_file(target, text)

    symbols = tuple(table.symbol for table in tables)
    remarks = [f"{key}: {note}" for key in symbols for note in rulebook.symbols[key].notes if "grid" not in note]
    remarks += [f"{table.symbol}: {note}" for table in tables for note in table.notes]
    remarks = list(dict.fromkeys(remarks))
    return ImportReport(
        name=wanted,
        path=target,
        source=read.path,
        kind=read.kind,
        as_of=read.as_of,
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
    kind, markets = read_parquet(where) if content[:4] == b"PAR1" else read_json(where, content)
    tables: list[BracketTable] = []
    refused: list[RefusedMarket] = []
    taken: dict[str, str] = {}
    for market in markets:
        try:
            table = _table(market)
            if table.symbol in taken:
                raise _Refused(f"the file has {taken[table.symbol]} already, which has the same name here")
        except _Refused as reason:
            is_fault = not isinstance(reason, _NotRunHere)
            refused.append(RefusedMarket(market.name, str(reason), market.line_of(reason.row), is_fault))
            continue
        taken[table.symbol] = market.name
        tables.append(table)
    if not tables:
        raise _nothing_usable(where, refused)
    return BracketFile(
        path=where,
        kind=kind,
        as_of=as_of or _date_in(where.stem) or changed,
        sha256=hashlib.sha256(content).hexdigest(),
        tables=tuple(tables),
        refused=tuple(refused),
        text="" if content[:4] == b"PAR1" else content.decode("utf-8-sig"),
    )


# ── one contract ───────────────────────────────────────────────────────────────────────────────────────────────────


def _table(market: Market) -> BracketTable:
    """The checked table of one market, or _Refused."""
    symbol, base_asset, margin_asset = _parts(market.name)
    rows = market.rows
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise _Refused("it has no list of brackets")
    bracket_rows: list[BracketRow] = []
    end_e8: int | None = 0
    for number, row in enumerate(rows, start=1):
        info = row.get("info")
        raw: dict[str, Any] = {**row, **info} if isinstance(info, dict) else row
        if "qtyFloor" in raw or "qtyCap" in raw:
            raise _NotRunHere("its brackets are in contracts: coin-margined contracts are not run here", number - 1)
        floor_e8 = _value(raw, ("notionalFloor", "minNotional"), number, to_e8)
        if number > 1 and end_e8 != floor_e8:
            raise _Refused(f"bracket {number} does not begin where bracket {number - 1} ends", number - 1)
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
        raise _Refused(str(fault), fault.row) from None
    return BracketTable(
        market.name, symbol, base_asset, margin_asset, tuple(bracket_rows), notional_max_e8, notes, market.place
    )


def _value(raw: dict[str, Any], keys: tuple[str, ...], number: int, convert: Callable[[Any, str], Any]) -> Any:
    for key in keys:
        if raw.get(key) is not None:
            try:
                return convert(raw[key], key)
            except (AmountError, TypeError, ArithmeticError) as error:
                raise _Refused(f"bracket {number}: {error}", number - 1) from None
    raise _Refused(f"bracket {number} has no {keys[0]} or {keys[1]}", number - 1)


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
            raise _NotRunHere("it delivers on a date: only perpetual contracts are run here")
        if not settle:
            raise _Refused("it names no margin asset: expected BASE/QUOTE:ASSET")
        if settle == base:
            raise _NotRunHere("it is an inverse contract, whose face value and lowest price such a file does not tell: write it into a rulebook of your own")
        if settle != quote:
            raise _NotRunHere(f"it is quoted in {quote} and margined in {settle}: not run here")
    else:
        if "_" in market:
            raise _NotRunHere("it delivers on a date or is coin-margined: only linear perpetual contracts are run here")
        settle = next((asset for asset in QUOTES if market.endswith(asset) and market != asset), "")
        if not settle:
            raise _Refused(f"its margin asset is not one of {', '.join(QUOTES)}")
        base = market.removesuffix(settle)
    if not is_symbol(base + settle):
        raise _Refused("its name is not made of capitals and digits, at most 32")
    return base + settle, base, settle


# ── the rulebook ───────────────────────────────────────────────────────────────────────────────────────────────────


def representable(file: BracketFile, base: Rulebook) -> tuple[list[BracketTable], tuple[RefusedMarket, ...]]:
    """The tables that the rulebook has a contract or a template for, and the file's refusals with the others."""
    with_template = {template.margin_asset for template in base.templates.values()}
    tables: list[BracketTable] = []
    refused = list(file.refused)
    for table in file.tables:
        if table.symbol in base.symbols or table.margin_asset in with_template:
            tables.append(table)
        else:
            reason = f"rulebook {base.name} has no template for the asset {table.margin_asset}"
            line = lines_of(file.text).get(table.place) if file.text else None
            refused.append(RefusedMarket(table.market, reason, line, is_fault=False))
    if not tables:
        raise _nothing_usable(file.path, refused)
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


def _nothing_usable(where: Path, refused: Sequence[RefusedMarket]) -> RulebookError:
    if not refused:
        return wrong(where, 1, "no market", "at least one usable bracket table")
    first = refused[0]
    return wrong(where, first.line, f"{first.market}: {first.reason}", "at least one usable bracket table")
