"""Overlay: imported brackets as the text of a rulebook over another one.

Responsible for: that text, and a file that is written in whole or not at all. Must not: read, check or fetch brackets.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RulebookError
from ..units import format_e8
from .model import Rulebook

if TYPE_CHECKING:
    from .importer import BracketTable

HEADER = "# Written by an import of leverage brackets; the next import of the same name overwrites it."
SOURCE_ID = "import"

_BARE = re.compile(r"^[A-Za-z0-9_-]+$")


def overlay_text(name: str, base: Rulebook, as_of: str, source: str, tables: Sequence[BracketTable]) -> str:
    """TOML: the base's contracts with the imported brackets, others with the template of their margin asset."""
    assets = list(base.margin_assets)
    assets += sorted({table.margin_asset for table in tables} - set(assets))
    leverage_max = max(base.leverage_max, *(row.leverage_max for table in tables for row in table.rows))
    lines = [
        HEADER,
        "format = 1",
        f"name = {_text(name)}",
        f"base = {_text(base.name)}",
        f"as_of = {as_of}",
        "",
        "[columns]",
        f"margin_assets = [{', '.join(_text(asset) for asset in assets)}]",
        f"leverage_max = {leverage_max}",
        "",
        "[facts]",
        f"margin_assets = {_text(SOURCE_ID)}",
        f"leverage_max = {_text(SOURCE_ID)}",
        "",
        f"[sources.{SOURCE_ID}]",
        f"date = {as_of}",
        f"text = {_text(source)}",
    ]
    for table in tables:
        lines += _symbol_lines(table, base)
    return "\n".join(lines) + "\n"


def _symbol_lines(table: BracketTable, base: Rulebook) -> list[str]:
    key = table.symbol if _BARE.match(table.symbol) else _text(table.symbol)
    lines = ["", f"[symbol.{key}]"]
    if table.symbol not in base.symbols:
        template = next(name for name, rules in base.templates.items() if rules.margin_asset == table.margin_asset)
        lines += [f"template = {_text(template)}", f"base_asset = {_text(table.base_asset)}"]
    rows = ", ".join(
        f"[{format_e8(row.floor_e8)}, {format_e8(row.rate_e8)}, {row.leverage_max}"
        + (f", {format_e8(row.cum_e8)}]" if row.cum_e8 is not None else "]")
        for row in table.rows
    )
    return [
        *lines,
        f"facts = {{ brackets = {_text(SOURCE_ID)} }}",
        f"notional_max = {format_e8(table.notional_max_e8)}",
        f"brackets = [{rows}]",
    ]


def write_file(path: Path, text: str) -> None:
    """Writes the file in whole or not at all: beside it first, then into its place."""
    beside = path.with_suffix(f".tmp{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise RulebookError(f"{path}: cannot be written: {error.strerror}") from None


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON text is a TOML text
