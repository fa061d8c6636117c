"""`python -m tests.sim.journal_kills --kills N [--seed S]`: processes that write a journal, killed with SIGKILL at random instants.

Responsible for: the process that forks the writers, kills them and checks what is left. Must not: run inside a test process,
which has threads; import what a check needs only after a fork.

A writer opens the folder (recovery after the last kill included), applies batches without waiting for them, and tells through a
pipe every position it hears to be on disk: from then on somebody relies on it. Sometimes it closes and opens again. It dies
a random time after a random number of such acknowledgements, so kills fall into opening, committing, snapshots and closing.
Then the folder is recovered here, and must hold every acknowledged command and the state of an undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from isocross.exchange import Exchange
from isocross.journal.durable import TEMPORARY
from isocross.journal.folder import DataFolder
from isocross.journal.journaled import JournaledExchange
from isocross.journal.reliving import Reliving
from isocross.journal.verifying import verify
from tests import invariants
from tests.journals import Told, told

LIFE_COMMANDS = 2_500
ACKNOWLEDGED = struct.Struct("<q")
VERIFIED_EVERY = 10
ATTEMPTS_MAX = 5  # per kill: a writer that comes to the end of its life first has not been killed


def main(arguments: list[str] | None = None) -> int:
    """0 when so many kills of writers at work lost nothing; what was hit is printed as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.journal_kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    series = Series(options.seed)
    try:
        number = 0
        while series.hits["killed"] < options.kills:
            assert number < ATTEMPTS_MAX * options.kills, f"the writers end before they are killed: {series.hits}"
            series.kill_once(number)
            number += 1
    finally:
        shutil.rmtree(series.home)
    print(json.dumps({"attempts": number, "commands": series.commands, **series.hits}))
    return 0


class Series:
    """One kill after the other, on one folder until its life is told to the end, then on a new one."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.home = Path(tempfile.mkdtemp(prefix="isocross-kills-"))
        self.hits: Counter[str] = Counter()
        self.commands = 0
        self.life: Told = told(seed % 3, LIFE_COMMANDS)
        self.begin()

    def begin(self) -> None:
        """A new folder, and an exchange that nobody disturbs."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        self.folder = self.home / "data"
        self.undisturbed = Exchange(self.life.genesis.rulebook)
        self.acknowledged = 0

    def kill_once(self, number: int) -> None:
        """Let a writer run, kill it, check what is left."""
        rng = random.Random(f"kill {self.seed} {number}")
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            try:
                write(self.folder, self.life, rng, writer)
            finally:
                os._exit(0)
        os.close(writer)
        wait_for(reader, rng.choice([0, 0, 1, 3, 10]))
        time.sleep(rng.choice([0.0, 0.001, 0.004, 0.02]) * rng.random())
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if os.WIFSIGNALED(status):
            self.hits["killed"] += 1
        rest = b"".join(iter(lambda: os.read(reader, 1 << 16), b""))
        os.close(reader)
        heard = self.heard_of(rest)
        self.check(number, max(heard, self.acknowledged))

    def heard_of(self, rest: bytes) -> int:
        """The last position that the writer acknowledged in this run."""
        data = wait_for.taken + rest
        whole = data[: len(data) // ACKNOWLEDGED.size * ACKNOWLEDGED.size]
        return max((position for (position,) in ACKNOWLEDGED.iter_unpack(whole)), default=0)

    def check(self, number: int, acknowledged: int) -> None:
        """Recover, compare."""
        if not DataFolder.exists(self.folder):
            assert acknowledged == 0
            self.hits["while the folder was made"] += 1
            return
        self.hits["with a half snapshot"] += any(
            path.name.endswith(TEMPORARY) for path in (self.folder / "snapshots").iterdir()
        )
        folder = DataFolder.open(self.folder)
        reliving = Reliving(folder)
        reliving.advance()
        assert not reliving.warnings, reliving.warnings
        position = reliving.position
        assert position >= acknowledged, f"kill {number}: {acknowledged} were acknowledged, {position} are there"
        before = self.undisturbed.command_count
        if position > before:
            self.undisturbed.submit_batch(self.life.batch(before, position), lambda events: None)
        assert self.undisturbed.command_count == position
        assert reliving.exchange.state_hash() == self.undisturbed.state_hash(), f"kill {number}: another state"
        invariants.check(reliving.exchange)
        self.hits["before anything new was committed"] += position == self.acknowledged
        self.hits["between commit and acknowledgement"] += position > acknowledged
        self.hits["recovered from a snapshot"] += reliving.started_at > 0
        self.commands += position - self.acknowledged
        self.acknowledged = position
        if number % VERIFIED_EVERY == 0:
            found = verify(folder)
            assert found.is_whole, found.faults
        if position == len(self.life.commands):
            self.hits["lives told to the end"] += 1
            self.begin()


def wait_for(reader: int, count: int) -> None:
    """Until so many positions were acknowledged, or the writer has ended, or ten seconds have passed."""
    wait_for.taken = b""
    while len(wait_for.taken) < count * ACKNOWLEDGED.size and select.select([reader], [], [], 10)[0]:
        data = os.read(reader, ACKNOWLEDGED.size)
        if not data:
            return
        wait_for.taken += data


wait_for.taken = b""


def write(path: Path, life: Told, rng: random.Random, pipe: int) -> None:
    """The writer: goes on where the journal ends."""
    position, total = 0, len(life.commands)
    while True:
        if DataFolder.exists(path):
            journaled = JournaledExchange.open(path, snapshot_commands=40, snapshots_kept=2)
        else:
            journaled = JournaledExchange.create(path, life.genesis, snapshot_commands=40, snapshots_kept=2)
        journaled.listen(lambda committed: os.write(pipe, ACKNOWLEDGED.pack(committed.position)) and None)
        position = journaled.position
        for _ in range(rng.choice([3, 20, 1_000])):
            if position == total:
                journaled.close()
                return
            size = min(rng.choice([1, 1, 2, 7, 25]), total - position)
            position = journaled.apply(life.batch(position, position + size)).position
            if rng.random() < 0.3:
                journaled.wait()
        journaled.close()


if __name__ == "__main__":
    assert np.__version__
    sys.exit(main())
