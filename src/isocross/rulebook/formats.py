"""Formats: what a file of brackets holds, market by market, with the line of each of its rows.

Responsible for: telling Binance's leverageBracket answer, ccxt's and freqtrade's tiers and a Parquet table of them apart.
Must not: judge a bracket, know a contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import RulebookError
from .lines import Path as Place
from .lines import json_lines


@dataclass(frozen=True, slots=True)
class Market:
    """One market as the file has it."""

    name: str
    rows: list[Any]
    text: str = field(default="", repr=False)  # of the file; empty where it has no lines
    place: Place = ()  # of the market in it
    row_places: Sequence[Place] = ()

    def line_of(self, row: int | None = None) -> int | None:
        """The line of a row, or of the market."""
        place = self.place if row is None or row >= len(self.row_places) else self.row_places[row]
        return lines_of(self.text).get(place) if self.text else None


Markets = Iterator[Market]


def read_json(where: Path, content: bytes) -> tuple[str, Markets]:
    """What kind of file it is, and its markets.

    Errors   RulebookError naming file and line where it is none that is known.
    """
    try:
        text = content.decode("utf-8-sig")
        data = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise wrong(where, error.lineno, f"{error.msg} (column {error.colno})", "JSON or Parquet") from None
    except (ValueError, RecursionError) as error:
        raise wrong(where, None, str(error), "JSON or Parquet") from None
    root: Place = ()
    if isinstance(data, dict) and isinstance(data.get("data"), dict) and "updated" in data:
        data, root = data["data"], ("data",)  # freqtrade's cache
    if isinstance(data, dict) and "brackets" in data:
        return "Binance leverageBracket", _entries([_answer(data, root)], where, text)
    if isinstance(data, dict) and data and all(isinstance(rows, list) for rows in data.values()):
        tiers = [_Entry(name, rows, (*root, name), _places((*root, name), rows)) for name, rows in data.items()]
        return "ccxt or freqtrade leverage tiers", _entries(tiers, where, text)
    if isinstance(data, list) and data and all(isinstance(item, dict) and "brackets" in item for item in data):
        answers = [_answer(item, (place,)) for place, item in enumerate(data)]
        return "Binance leverageBracket", _entries(answers, where, text)
    if isinstance(data, list) and data and all(isinstance(item, dict) and "minNotional" in item for item in data):
        return "ccxt market leverage tiers", _entries(_by_market(data, where, text), where, text)
    raise wrong(where, 1, "JSON", "Binance's leverageBracket answer, ccxt's leverage tiers, or freqtrade's tiers file")


def read_parquet(where: Path) -> tuple[str, Markets]:
    """What kind of file it is, and its markets.

    Errors   RulebookError naming the file and what was expected.
    """
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
        raise wrong(where, None, str(error)[:200], "a readable Parquet file") from None
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise wrong(where, None, f"missing: {', '.join(missing)}", f"the columns {', '.join(names)}")
    grouped: dict[Any, list[Any]] = {}
    for row in frame.select(list(names)).rename(names).iter_rows(named=True):
        grouped.setdefault(row["symbol"], []).append(row)
    return "Parquet table of tiers", _entries([_Entry(name, rows, (), ()) for name, rows in grouped.items()], where, "")


@lru_cache(maxsize=2)
def lines_of(text: str) -> dict[Place, int]:
    """Place → line of a JSON file."""
    try:
        return json_lines(text)
    except RecursionError:
        return {}


def wrong(where: Path, line: int | None, value: str, expected: str) -> RulebookError:
    """The error to raise: where, what it says, what was expected."""
    place = f"{where}" if line is None else f"{where}:{line}"
    return RulebookError(
        f"{place}: {value}: expected {expected}", file=str(where), line=line, value=value, expected=expected
    )


class _Entry(NamedTuple):
    """A market before anything of it is known to be right."""

    name: Any
    rows: Any
    place: Place
    row_places: Sequence[Place]


def _answer(item: dict[str, Any], place: Place) -> _Entry:
    """One market of Binance's answer."""
    return _Entry(item.get("symbol"), item["brackets"], place, _places((*place, "brackets"), item["brackets"]))


def _by_market(data: list[dict[str, Any]], where: Path, text: str) -> list[_Entry]:
    """Tiers in one list, each naming its market."""
    grouped: dict[str, list[int]] = {}
    for row, item in enumerate(data):
        if not isinstance(item.get("symbol"), str):
            line = lines_of(text).get((row,))
            raise wrong(where, line, "tiers of one market", "each to name its market under 'symbol'")
        grouped.setdefault(item["symbol"], []).append(row)
    return [
        _Entry(name, [data[row] for row in rows], (rows[0],), [(row,) for row in rows])
        for name, rows in grouped.items()
    ]


def _places(place: Place, rows: Any) -> list[Place]:
    return [(*place, row) for row in range(len(rows))] if isinstance(rows, list) else []


def _entries(items: Sequence[_Entry], where: Path, text: str) -> Markets:
    for name, rows, place, row_places in items:
        if not isinstance(name, str) or not name or not isinstance(rows, list):
            line = lines_of(text).get(place) if text else None
            raise wrong(where, line, repr(str(name)[:40]), "the name of a market with a list of brackets")
        yield Market(name, rows, text, place, row_places)
