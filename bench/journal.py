"""Journal: what it costs that every answer waits for the disk, and how long a restart takes.

Each figure checks its answer first: the journaled exchange is in the state of a bare one, and what is recovered is in the
state that was left. The disk is that of TMPDIR; where it is memory, syncing costs nothing and the figures say nothing.
"""

from __future__ import annotations

import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from isocross.codes import CommandKind
from isocross.journal.folder import DataFolder
from isocross.journal.group import parts_of
from isocross.journal.history import Genesis
from isocross.journal.journal import Journal
from isocross.journal.journaled import SNAPSHOT_COMMANDS, JournaledExchange
from isocross.journal.reliving import Reliving

from .figures import Figure
from .mixes import Mix, further, new_exchange, rulebook_of

PIECE = 500_000  # commands that are made at once


@contextmanager
def _folder(mix: Mix) -> Iterator[Path]:
    """A data folder in which the mix's setup is committed."""
    book = rulebook_of(mix.symbols)
    with tempfile.TemporaryDirectory(prefix="isocross-bench-") as home:
        with JournaledExchange.create(Path(home) / "data", Genesis(book, tuple(book.symbols), mix.seed)) as journaled:
            journaled.submit_batch(mix.setup)
        yield Path(home) / "data"


def commit_rate(mix: Mix, size: int, count: int) -> Figure:
    """Commands a second in batches of one size: each waited for, and the next applied while one is on its way."""
    heads = np.flatnonzero(mix.flow["kind"] != int(CommandKind.CONTINUATION))
    count = min(count, len(heads) - 1)
    cuts = [*heads[: count + 1 : size].tolist(), int(heads[count])]
    batches = [mix.flow[a:b] for a, b in itertools.pairwise(cuts) if b > a]
    bare = new_exchange(mix)
    bare.submit_batch(mix.flow[: heads[count]])
    with _folder(mix) as path, JournaledExchange.open(path) as journaled:
        waits = []
        for batch in batches:
            started = time.perf_counter()
            journaled.submit_batch(batch)
            waits.append(time.perf_counter() - started)
        assert journaled.exchange.state_hash() == bare.state_hash()
    with _folder(mix) as path:
        with JournaledExchange.open(path) as journaled:
            started = time.perf_counter()
            before = journaled.position
            for batch in batches:
                position = journaled.apply(batch).position
                journaled.wait(before)
                before = position
            journaled.wait()
            seconds = time.perf_counter() - started
        with JournaledExchange.open(path) as journaled:
            assert journaled.exchange.state_hash() == bare.state_hash()
    alone = _bare_commits(batches)
    return Figure(
        f"journaled commands, mix {mix.name}, batches of {size}, {count:,} commands",
        {
            "commands/s, each batch waited for": count / sum(waits),
            "commands/s, one batch ahead": count / seconds,
            "ms a batch median": statistics.median(waits) * 1e3,
            "x SQLite alone": sum(waits) / alone,
        },
    )


def _bare_commits(batches: list[np.ndarray]) -> float:
    """Seconds that SQLite needs for one row of as many bytes per batch, each synced."""
    with tempfile.TemporaryDirectory(prefix="isocross-bench-") as home:
        connection = sqlite3.connect(Path(home) / "bare", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE bare (number INTEGER PRIMARY KEY, blob BLOB)")
        started = time.perf_counter()
        for number, batch in enumerate(batches):
            connection.execute("INSERT INTO bare VALUES (?, ?)", (number, batch.tobytes()))
        seconds = time.perf_counter() - started
        connection.close()
    return seconds


def recovery(mix: Mix, count: int) -> Figure:
    """A journal of `count` commands: read and checked, replayed from the genesis, opened at a snapshot.

    The snapshot is as far back as one can be by default, so opening is at its slowest.
    """
    with _folder(mix) as path:
        journaled = JournaledExchange.open(path, snapshots_kept=10**6)
        written, started = 0, time.perf_counter()
        for piece in further(mix, count, PIECE):
            for part in parts_of(piece, 256):
                journaled.apply(part)
            written += len(piece)
        journaled.wait()
        writing = time.perf_counter() - started
        left = journaled.exchange.state_hash()
        journaled.close()
        folder = DataFolder.open(path)
        end = Journal(folder).end()
        started = time.perf_counter()
        groups = sum(1 for _ in Journal(folder).groups())
        reading = time.perf_counter() - started
        started = time.perf_counter()
        reliving = Reliving(folder, uses_snapshots=False)
        reliving.advance()
        replaying = time.perf_counter() - started
        assert reliving.exchange.state_hash() == left
        assert not any(reliving.exchange.conservation_gap_e8().values())
        started = time.perf_counter()
        reliving = Reliving(folder, before=max(0, end.position - SNAPSHOT_COMMANDS))
        restoring = time.perf_counter() - started
        reliving.advance()
        opening = time.perf_counter() - started
        assert reliving.exchange.state_hash() == left
        size = sum(file.stat().st_size for file in path.glob("journal.sqlite3*"))
    return Figure(
        f"recovery of {end.position:,} commands, mix {mix.name}, {mix.accounts:,} accounts, in {groups:,} groups",
        {
            "full replay s": replaying,
            "full replay commands/s": end.position / replaying,
            "reading and checking alone s": reading,
            f"from a snapshot {end.position - reliving.started_at:,} commands back s": opening,
            "of which restoring it s": restoring,
            "bytes/command": size / end.position,
            "written commands/s (made and applied)": count / writing,
        },
    )
