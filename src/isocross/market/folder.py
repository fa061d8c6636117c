"""Folder: which files of a folder belong to a symbol. Names only; no file is opened.

Responsible for: the name forms `venue-SYMBOL-interval-kind[-date].ext` and freqtrade's
`BASE_QUOTE[_SETTLE]-interval-kind.ext`. Must not: judge a content, choose an interval.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ..errors import MarketDataError
from .candles import parse_interval_ms
from .files import suffix_of

_OWN = re.compile(
    r"(?P<venue>[a-z0-9]+)-(?P<symbol>.+?)(-(?P<interval>\d+(s|m|h|d|w)))?-(?P<kind>last|mark|funding)(-\d{4}-\d{2}-\d{2})?"
)
_FREQTRADE = re.compile(
    r"(?P<base>[^-_]+)_(?P<quote>[^-_]+)(_[^-_]+)?-(?P<interval>\d+(m|h|d|w))-(?P<kind>futures|mark|funding_rate)"
)
_PREFERRED_VENUE = "binance"
_FREQTRADE_VENUE = "freqtrade"  # its file names do not say whose prices they are: the folder above does


class SymbolFiles(NamedTuple):
    """A symbol's files: candles with their interval in ms, finest first."""

    last: list[tuple[Path, int]]
    mark: list[tuple[Path, int]]
    funding: Path | None


class _Name(NamedTuple):
    """What a file's name says."""

    venue: str
    symbol: str
    kind: str
    interval_ms: int | None


def symbols_in(folder: str | Path) -> tuple[str, ...]:
    """The contracts of which a folder has last prices, by name. Errors   MarketDataError: no such folder."""
    names = [_name_of(path) for path in _files(folder)]
    return tuple(sorted({one.symbol for one in names if one is not None and one.kind == "last" and one.interval_ms}))


def symbol_of_file(path: str | Path) -> str:
    """The contract that a file's name says. Errors   MarketDataError: it says none."""
    name = _name_of(Path(path))
    if name is None:
        raise MarketDataError(
            f"{path}: its name does not say which contract it is; expected venue-SYMBOL-interval-last, like "
            "binance-BTCUSDT-1m-last.parquet"
        )
    return name.symbol


def _files(folder: str | Path) -> list[Path]:
    """The files of a folder, by name."""
    try:
        return sorted(path for path in Path(folder).iterdir() if path.is_file())
    except OSError as error:
        raise MarketDataError(f"{folder}: {error.strerror or error}; expected a folder of market files") from error


def _name_of(path: Path) -> _Name | None:
    """A file's name taken apart; None when it has another form."""
    suffix = suffix_of(path)
    stem = path.name[: -len(suffix)] if suffix else ""
    if match := _FREQTRADE.fullmatch(stem):
        kind = {"futures": "last", "funding_rate": "funding"}.get(match["kind"], match["kind"])
        return _Name(_FREQTRADE_VENUE, match["base"] + match["quote"], kind, parse_interval_ms(match["interval"]))
    if match := _OWN.fullmatch(stem):
        return _Name(match["venue"], match["symbol"], match["kind"], parse_interval_ms(match["interval"] or ""))
    return None


def find_files(folder: str | Path, symbol: str, venue: str | None = None) -> SymbolFiles:
    """The files of `symbol` in `folder`, of one venue.

    Errors  MarketDataError: no such folder, no file of the symbol, several venues and none of them told.
    """
    by_venue: dict[str, list[tuple[Path, str, int]]] = {}
    symbols: set[str] = set()
    for path in _files(folder):
        name = _name_of(path)
        if name is None:
            continue
        symbols.add(name.symbol)
        if name.symbol == symbol and (name.kind == "funding" or name.interval_ms is not None):
            by_venue.setdefault(name.venue, []).append((path, name.kind, name.interval_ms or 0))
    if not by_venue:
        raise MarketDataError(
            f"{folder}: no file of {symbol}; it has {', '.join(sorted(symbols))[:500] or 'no market file'}"
        )
    chosen = venue if venue is not None else _PREFERRED_VENUE if _PREFERRED_VENUE in by_venue else None
    if len(by_venue) == 1 and (chosen is None or _FREQTRADE_VENUE in by_venue):
        (chosen,) = by_venue
    if chosen not in by_venue:
        told = "none was named" if venue is None else f"{venue} has none"
        raise MarketDataError(f"{folder}: {symbol} is there of {', '.join(sorted(by_venue))}; {told}: name one of them")
    files = sorted(by_venue[chosen], key=lambda entry: (entry[2], entry[0].name))
    funding = [path for path, kind, _ in files if kind == "funding"]
    return SymbolFiles(
        last=[(path, interval_ms) for path, kind, interval_ms in files if kind == "last"],
        mark=[(path, interval_ms) for path, kind, interval_ms in files if kind == "mark"],
        funding=funding[0] if funding else None,
    )
