"""Case: a world in one file, to keep, to attach to a report, to run anywhere: save, load, run, diff.

Responsible for: these four, and CaseRun, which says what a case came to. Must not: know the format (case_file.py).

    isocross.case.save(box, "fall.case", notes="isolated, without a stop")
    isocross.case.run("fall.case")                        replayed; the same state hash, or an error
    isocross.case.diff("fall.case", "other.case")         two cases side by side
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..answer import Answer, Columns, Shown, Table, exact
from ..answer.words import money_text, price_text
from ..errors import CaseFileError, InputError
from ..exchange import Bug
from ..journal.folder import DataFolder
from ..journal.history import History
from ..journal.journal import Journal
from ..units import format_time
from . import difference
from .case_file import CaseHistory, read, write
from .difference import Difference, HasWorld
from .moment import MomentLike, moment_of
from .outline import PLACE_MAX, Outline, walk
from .rewritten import RewrittenHistory
from .told import Liquidation, liquidations_in
from .world import World

SCHEMA = "isocross.case.run/1"
_ACCOUNTS_SHOWN = 20
_NAMELESS_MAX = 100


class CaseAccount(NamedTuple):
    """One account in one margin asset, × 10^8, at the end of a case."""

    name: str
    asset: str
    equity_e8: int
    wallet_e8: int
    positions: int  # open ones, of all assets


@dataclass(frozen=True, repr=False)
class CaseRun(Answer):
    """A case that was replayed, to the state it was saved with."""

    path: str
    notes: str
    seed: int | None
    commands: int
    state_hash: str
    start_ms: int | None  # of the first command; None when there is none
    end_ms: int | None
    rulebook: str
    symbols: tuple[str, ...]
    marks_e8: tuple[int, ...]
    accounts: tuple[CaseAccount, ...]  # those that have a name; of nameless ones the first hundred
    account_count: int
    liquidations: tuple[Liquidation, ...]
    bug: str  # what the last command met, empty for nothing: the case was saved to report it, and it is met again
    world: World  # as it is at the end; it can be gone on with, or branched

    @property
    def is_negative(self) -> bool:
        """Whether it ends in a bug."""
        return bool(self.bug)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        return {
            "schema": SCHEMA,
            "file": self.path,
            "notes": self.notes,
            "rulebook": self.rulebook,
            "seed": self.seed,
            "commands": self.commands,
            "state_hash": self.state_hash,
            "bug": self.bug or None,
            "start": None if self.start_ms is None else format_time(self.start_ms),
            "end": None if self.end_ms is None else format_time(self.end_ms),
            "marks": {name: exact(mark) for name, mark in zip(self.symbols, self.marks_e8, strict=True)},
            "account_count": self.account_count,
            "accounts": [
                {
                    "name": one.name,
                    "asset": one.asset,
                    "equity": exact(one.equity_e8),
                    "wallet": exact(one.wallet_e8),
                    "positions": one.positions,
                }
                for one in self.accounts
            ],
            "liquidations": [
                {
                    "command": one.sequence,
                    "time": format_time(one.time_ms),
                    "account": self._name(one.account),
                    "symbol": self._what(one),
                    "margin_balance": exact(one.balance_e8),
                    "maintenance_margin": exact(one.maintenance_e8),
                    "end": one.step.name.lower(),
                }
                for one in self.liquidations
            ],
        }

    def columns(self) -> Columns:
        """A row per account and margin asset."""
        columns = {name: [getattr(one, name) for one in self.accounts] for name in CaseAccount._fields}
        return {"account": columns.pop("name"), **columns}

    def shown(self) -> Shown:
        """What it is, that it came out the same, who has what, who was liquidated."""
        when = ""
        if self.start_ms is not None and self.end_ms is not None:
            when = f", {format_time(self.start_ms)} … {format_time(self.end_ms)}"
        seed = "" if self.seed is None else f", seed {self.seed}"
        title = f"{self.path}: {self.commands:,} commands under {self.rulebook}{seed}{when}"
        rows = [
            (one.name, one.asset, money_text(one.equity_e8), money_text(one.wallet_e8), str(one.positions))
            for one in self.accounts[:_ACCOUNTS_SHOWN]
        ]
        tables = [Table(("account", "asset", "equity", "wallet", "positions"), rows)] if rows else []
        deaths = [
            (format_time(one.time_ms), self._name(one.account), self._what(one), money_text(one.balance_e8))
            for one in self.liquidations[:_ACCOUNTS_SHOWN]
        ]
        if deaths:
            tables.append(Table(("liquidated", "account", "what", "margin balance"), deaths))
        notes = [text for text in (self.notes, self.bug and f"its last command meets a bug: {self.bug}") if text]
        further = self.account_count - len({one.name for one in self.accounts[:_ACCOUNTS_SHOWN]})
        for what, count in (("accounts", further), ("liquidations", len(self.liquidations) - len(deaths))):
            if count:
                notes.append(f"{count:,} further {what}")
        marks = ", ".join(
            f"{name} {price_text(mark, self.world.exchange.rules(name).tick_e8)}"
            for name, mark in zip(self.symbols, self.marks_e8, strict=True)
            if mark
        )
        sentence = "Replayed to the state it was saved with" + (f"; marks: {marks}." if marks else ".")
        return Shown(title, tables, sentence, notes)

    def _name(self, account: int) -> str:
        return next((name for name, number in self.world.names.items() if number == account), f"account {account}")

    def _what(self, one: Liquidation) -> str:
        return self.symbols[one.symbol] if one.symbol >= 0 else f"cross pool {self.world.exchange.assets[one.asset]}"


def save(
    what: World | HasWorld | History | str | Path,
    file: str | Path,
    *,
    at: MomentLike | None = None,
    notes: str = "",
    force: bool = False,
    compiled: bool = True,
) -> CaseRun:
    """Save a world in one file, and run it from there: what is saved is what it replays to.

    Takes    what: a World, a sandbox, a history, or the path of a data folder. at: up to this moment; all by default.
    Errors   InputError when the file is there already, unless `force`; CaseFileError when the world's own state is not what
             its commands make (it was changed behind its history's back); for a data folder also the journal's.
    """
    path = Path(file)
    if path.exists() and not force:
        raise InputError(f"{path} is there already: choose another name, or force")
    world = what if isinstance(what, World) else getattr(what, "world", None)
    if isinstance(what, str | Path):
        history: History = Journal(DataFolder.open(what))
    else:
        history = what if world is None else world.history  # type: ignore[assignment]
    lived = _live(history, compiled, PLACE_MAX if at is None else Outline(history).place(moment_of(at)))
    state_hash = lived.world.exchange.state_hash()
    if world is not None and at is None and world.exchange.state_hash() != state_hash:
        raise CaseFileError(f"{world.name}: its commands make another state than it has: it was changed without them")
    names = {} if world is None else dict(world.names)
    kept = lived.world.history  # as far as it was lived: a journal may have grown since
    write(path, history.genesis, kept.blocks(), names=names, notes=notes, state_hash=state_hash, bug=lived.bug)
    return run(path, compiled=compiled)


def load(file: str | Path) -> CaseHistory:
    """A case file as a History: to replay, to branch, to read; it is checked and not yet replayed.

    Errors   CaseFileError; OSError when it cannot be opened.
    """
    return read(Path(file))


def run(file: str | Path, *, compiled: bool = True) -> CaseRun:
    """Replay a case file. Its state hash has to be the one it was saved with.

    Errors   CaseFileError for a file that cannot be used or does not come out the same; OSError.
    """
    history = load(file)
    manifest = history.manifest
    lived = _live(history, compiled, PLACE_MAX)
    if lived.bug and not manifest.bug:
        raise CaseFileError(f"{file}: it replays into a bug of this engine: {lived.bug}")
    found = lived.world.exchange.state_hash()
    if found != manifest.state_hash or bool(lived.bug) != bool(manifest.bug):
        raise CaseFileError(
            f"{file}: it replays to another state (hash {found[:12]}…, saved with {manifest.state_hash[:12]}…): "
            "this engine does not do what the one that saved it did"
        )
    lived.world.names = dict(manifest.names)
    lived.world.name = Path(file).stem
    return _run_of(str(file), history, lived)


def diff(
    base: str | Path, other: str | Path, *, accounts: Sequence[int | str] | None = None, compiled: bool = True
) -> Difference:
    """Replay two case files and say what differs, account by account. Errors   as `run` and isocross.diff."""
    return difference.diff(run(base, compiled=compiled).world, run(other, compiled=compiled).world, accounts=accounts)


class _Lived(NamedTuple):
    """A world that has lived a history; its own history points into that one."""

    world: World
    start_ms: int | None
    bug: str


def _live(history: History, compiled: bool, place: int) -> _Lived:
    rewritten = RewrittenHistory(history)
    world = World(history.genesis.exchange(compiled=compiled), rewritten, "case")
    start_ms, bug = None, ""

    def note(events: np.ndarray) -> None:
        world.liquidations += liquidations_in(events)

    for stretch in walk(history, 0, place):
        times, sequences = stretch.column("time_ms"), stretch.column("sequence")
        start_ms = int(times[0]) if start_ms is None else start_ms
        rewritten.take(len(stretch))
        world.lived(len(stretch), int(sequences[-1]))
        try:
            world.exchange.submit_batch(stretch.records, note)
        except Bug as met:
            bug = str(met)
            break
    return _Lived(world, start_ms, bug)


def _run_of(file: str, history: CaseHistory, lived: _Lived) -> CaseRun:
    world, exchange = lived.world, lived.world.exchange
    names = {number: name for name, number in world.names.items()}
    table = exchange.table("accounts")
    users = np.flatnonzero((table["is_open"] != 0) & (table["is_house"] == 0)).tolist()
    accounts = []
    for account in sorted(names) if names else users[:_NAMELESS_MAX]:
        count = len(exchange.positions(account))
        for asset in exchange.assets:
            view = exchange.wallet(account, asset)
            wallet = view.cross_wallet_e8 + view.isolated_wallets_e8
            if view.equity_e8 or wallet or asset == exchange.assets[0]:
                name = names.get(account, f"account {account}")
                accounts.append(CaseAccount(name, asset, view.equity_e8, wallet, count))
    return CaseRun(
        path=file,
        notes=history.manifest.notes,
        seed=history.manifest.seed,
        commands=world.length,
        state_hash=history.manifest.state_hash,
        start_ms=lived.start_ms,
        end_ms=exchange.time_ms if world.length else None,
        rulebook=exchange.rulebook.name,
        symbols=exchange.symbols,
        marks_e8=tuple(exchange.mark_e8(symbol) for symbol in exchange.symbols),
        accounts=tuple(accounts),
        account_count=len(users),
        liquidations=tuple(world.liquidations),
        bug=lived.bug,
        world=world,
    )
