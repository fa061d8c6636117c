"""Checklist file: the rules of a pre-trade checklist, from a TOML file.

Responsible for: reading one, naming what is wrong with it by line, value and expectation. Must not: judge an order.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from pathlib import Path

from ..errors import ChecklistError, InputError
from ..rulebook.reader import SourceText, Table
from ..units import ONE_E8
from . import inputs

FORMAT = 1
DEFAULT = "default"
_SHIPPED = Path(__file__).parent / "data" / "checklist.toml"
_FILE_BYTES_MAX = 2**20
_TOP = ("format", "name", "mode", "size", "stop", "funding", "exposure", "leverage")
_BOUNDS = ("warn_above", "block_above")
_SHARE_MAX_E8 = 1_000_000 * ONE_E8


class Verdict(IntEnum):
    """What a rule, or the whole list, says of an order."""

    PASS = 0
    WARN = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where on a number warns and from where on it blocks, × 10^8; None: it never does."""

    warn_above_e8: int | None
    block_above_e8: int | None

    def judge(self, value_e8: int) -> Verdict:
        """What the number is worth: the bounds themselves pass."""
        if self.block_above_e8 is not None and value_e8 > self.block_above_e8:
            return Verdict.BLOCK
        if self.warn_above_e8 is not None and value_e8 > self.warn_above_e8:
            return Verdict.WARN
        return Verdict.PASS


@dataclass(frozen=True, slots=True)
class StopRule:
    """What a missing stop, and one that the liquidation comes before, are worth."""

    missing: Verdict
    beyond_liquidation: Verdict
    warn_closer_e8: int | None  # (stop − liquidation price) ÷ mark


@dataclass(frozen=True, slots=True)
class FundingRule:
    """What the holding time may cost, of the margin balance."""

    bounds: Bounds
    holding_ms: int
    rate: str  # "interest" or "cap": of the contract; "" where rate_e8 says it
    rate_e8: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A checklist. A rule that is None is not asked."""

    name: str
    text: str  # the file as it was read
    unconfirmed: Verdict | None
    size: Bounds | None
    stop: StopRule | None
    funding: FundingRule | None
    exposure: Bounds | None
    leverage: Bounds | None


class _Table(Table):
    error_type = ChecklistError

    def verdict(self, key: str) -> Verdict:
        """'pass', 'warn' or 'block'; PASS when it is not there."""
        words = {verdict.name.lower(): verdict for verdict in Verdict}
        value = self.data.get(key, "pass")
        if not isinstance(value, str) or value not in words:
            raise self.wrong(key, f"one of {', '.join(words)}")
        return words[value]

    def bounds(self, expected: str) -> Bounds:
        """warn_above and block_above, the first below the second."""
        warn_e8, block_e8 = (self.share_e8(key, expected) if key in self.data else None for key in _BOUNDS)
        if warn_e8 is not None and block_e8 is not None and warn_e8 > block_e8:
            raise self.wrong("warn_above", "at most block_above: what blocks need not warn")
        return Bounds(warn_e8, block_e8)

    def share_e8(self, key: str, expected: str) -> int:
        """A share or a multiple, ≥ 0."""
        return self.rate_e8(key, 0, _SHARE_MAX_E8, expected)


def load_policy(path: str | Path = DEFAULT) -> Policy:
    """The checklist of that file, or the one in the package.

    Errors   ChecklistError naming file, line, key, value and what was expected.
    """
    found = _SHIPPED if path == DEFAULT else Path(path)
    try:
        if found.stat().st_size > _FILE_BYTES_MAX:
            raise ChecklistError(f"{found}: expected a checklist of at most {_FILE_BYTES_MAX // 2**10} KiB")
        text = found.read_text(encoding="utf-8")
    except OSError as error:
        raise ChecklistError(f"{found}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ChecklistError(f"{found}: expected UTF-8 text") from None
    return read_policy(text, str(found))


def read_policy(text: str, label: str) -> Policy:
    """A checklist from TOML text; `label` names it in errors."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ChecklistError(f"{label}: expected TOML: {error}") from None
    top = _Table(document, (), (SourceText(label, text),))
    top.only(_TOP)
    top.integer("format", FORMAT, FORMAT)
    name = top.text("name")
    share = 'a share like "2%" or 0.02, at least 0'
    return Policy(
        name=name,
        text=text,
        unconfirmed=_mode(top),
        size=_bounds(top, "size", share),
        stop=_stop(top, share),
        funding=_funding(top, share),
        exposure=_bounds(top, "exposure", share),
        leverage=_bounds(top, "leverage", "a multiple like 10, at least 0"),
    )


def _mode(top: _Table) -> Verdict | None:
    if "mode" not in top.data:
        return None
    table = top.table("mode")
    table.only(("unconfirmed",))
    return table.verdict("unconfirmed")


def _bounds(top: _Table, key: str, expected: str) -> Bounds | None:
    if key not in top.data:
        return None
    table = top.table(key)
    table.only(_BOUNDS)
    return table.bounds(expected)


def _stop(top: _Table, share: str) -> StopRule | None:
    if "stop" not in top.data:
        return None
    table = top.table("stop")
    near = "warn_closer_to_liquidation_than"
    table.only(("missing", "beyond_liquidation", near))
    return StopRule(
        missing=table.verdict("missing"),
        beyond_liquidation=table.verdict("beyond_liquidation"),
        warn_closer_e8=table.share_e8(near, share) if near in table.data else None,
    )


def _funding(top: _Table, share: str) -> FundingRule | None:
    if "funding" not in top.data:
        return None
    table = top.table("funding")
    table.only((*_BOUNDS, "holding", "rate"))
    try:
        holding_ms = inputs.to_duration_ms(table.text("holding"), "holding")
    except ChecklistError:
        raise
    except InputError:
        raise table.wrong("holding", "a time like 30m, 24h, 3d or 2w") from None
    rate, rate_e8 = str(table.data.get("rate", "interest")), 0
    if rate not in ("interest", "cap"):
        rate, rate_e8 = "", table.rate_e8("rate", -ONE_E8, ONE_E8, '"interest", "cap" or a rate like "0.01%"')
    return FundingRule(table.bounds(share), holding_ms, rate, rate_e8)
