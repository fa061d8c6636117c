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


def find_files(folder: str | Path, symbol: str, venue: str | None = None) -> SymbolFiles:
    """The files of `symbol` in `folder`, of one venue.

    Errors  MarketDataError: no such folder, no file of the symbol, several venues and none of them told.
    """
    folder = Path(folder)
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise MarketDataError(f"{folder}: {error.strerror or error}; expected a folder of market files") from error
    by_venue: dict[str, list[tuple[Path, str, int]]] = {}
    symbols: set[str] = set()
    for path in paths:
        suffix = suffix_of(path)
        stem = path.name[: -len(suffix)] if suffix else ""
        if match := _FREQTRADE.fullmatch(stem):
            found, at = match["base"] + match["quote"], _FREQTRADE_VENUE
            kind = {"futures": "last", "funding_rate": "funding"}.get(match["kind"], match["kind"])
        elif match := _OWN.fullmatch(stem):
            found, at, kind = match["symbol"], match["venue"], match["kind"]
        else:
            continue
        symbols.add(found)
        interval_ms = parse_interval_ms(match["interval"] or "")
        if found == symbol and (kind == "funding" or interval_ms is not None):
            by_venue.setdefault(at, []).append((path, kind, interval_ms or 0))
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
