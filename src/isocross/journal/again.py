"""Again: a data folder replayed, and what it came to.

Responsible for: `live_again` and its result. Must not: write; replay by itself (reliving.py does).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..answer import Answer, Columns, Shown, Table, exact
from ..answer.words import money_text
from ..errors import InputError
from ..exchange import Exchange
from .folder import DataFolder
from .journal import Journal
from .reliving import Progress, Reliving
from .words import time_words

SCHEMA = "isocross.journal.replay/1"


@dataclass(frozen=True, slots=True, repr=False)
class LivedAgain(Answer):
    """The exchange as a journal makes it, up to some command."""

    path: Path
    start: int  # commands before the replay: in the snapshot it began with, or before the genesis
    position: int  # commands up to its end
    total: int  # commands of the journal
    event_count: int  # of all commands up to its end
    state_hash: str
    exchange: Exchange
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `schema` first."""
        exchange = self.exchange
        return {
            "schema": SCHEMA,
            "data": str(self.path),
            "start": self.start,
            "position": self.position,
            "total": self.total,
            "events": self.event_count,
            "state_hash": self.state_hash,
            "time": time_words(exchange.time_ms),
            "marks": {name: exact(exchange.mark_e8(name)) for name in exchange.symbols},
            "accounts": self._accounts,
            "open_positions": self._positions,
            "open_orders": self._orders,
            "conservation_gap": {asset: exact(gap) for asset, gap in exchange.conservation_gap_e8().items()},
            "warnings": list(self.warnings),
        }

    def columns(self) -> Columns:
        """A row per contract."""
        symbols = self.exchange.symbols
        return {
            "symbol": list(symbols),
            "mark_e8": [self.exchange.mark_e8(name) for name in symbols],
            "index_e8": [self.exchange.index_e8(name) for name in symbols],
        }

    def shown(self) -> Shown:
        """From where to where, the state hash, what is open, that money is conserved."""
        exchange = self.exchange
        rows = [
            ("replayed", f"{self.position - self.start:,} commands, from command {self.start + 1:,}"),
            ("up to", f"command {self.position:,} of {self.total:,}, {time_words(exchange.time_ms)}"),
            ("events so far", f"{self.event_count:,}"),
            ("accounts", f"{self._accounts:,}"),
            ("open positions", f"{self._positions:,}"),
            ("open orders", f"{self._orders:,}"),
        ]
        gaps = exchange.conservation_gap_e8()
        rows += [(f"not conserved, {asset}", money_text(gap)) for asset, gap in gaps.items()]
        return Shown(str(self.path), [Table(("", ""), rows)], f"State hash {self.state_hash}.", self.warnings)

    @property
    def _accounts(self) -> int:
        return int((self.exchange.table("accounts")["is_open"] != 0).sum())

    @property
    def _positions(self) -> int:
        return int((self.exchange.table("positions")["lots"] != 0).sum())

    @property
    def _orders(self) -> int:
        return len(self.exchange.orders())


def live_again(
    data: DataFolder | str | Path,
    *,
    start: int | None = None,
    until: int | None = None,
    progress: Progress | None = None,
    compiled: bool = True,
) -> LivedAgain:
    """Replay a data folder up to command `until`, or all of it. It may be in use.

    Takes    start: begin with the newest good snapshot at or before this command; 0 for the genesis. By default the newest that
             serves. until: a number of commands.
    Errors   InputError; JournalCorruptError; JournalDivergedError.
    """
    folder = data if isinstance(data, DataFolder) else DataFolder.open(data)
    total = Journal(folder).end().position
    first, last = folder.start.position, total if until is None else until
    if not first <= last <= total:
        raise InputError(f"until: command {last:,} is not in {first:,} … {total:,}")
    if start is not None and start > last:
        raise InputError(f"start: command {start:,} is behind the end of the replay, {last:,}")
    begin = last if start is None else start
    reliving = Reliving(folder, before=begin, uses_snapshots=begin > 0, compiled=compiled)
    started_at = reliving.position
    reliving.advance(last, progress)
    return LivedAgain(
        path=folder.path,
        start=started_at,
        position=reliving.position,
        total=total,
        event_count=reliving.outcome.event_count,
        state_hash=reliving.exchange.state_hash(),
        exchange=reliving.exchange,
        warnings=tuple(reliving.warnings),
    )
