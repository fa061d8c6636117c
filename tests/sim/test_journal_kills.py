"""Processes that die and disks that fill up, for real: nothing that was acknowledged is lost, and the state is the undisturbed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from isocross.errors import JournalCorruptError, JournalError
from isocross.journal.folder import DataFolder
from isocross.journal.journaled import JournaledExchange
from isocross.journal.verifying import verify
from tests.journals import told

LIFE = told(1, 2_000)


def killed(kills: int, seed: int) -> dict[str, int]:
    """A series of kills, in a process of its own; what was hit."""
    command = [sys.executable, "-m", "tests.sim.journal_kills", "--kills", str(kills), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    hits: dict[str, int] = json.loads(done.stdout)
    return hits


def test_a_killed_process_loses_nothing_it_acknowledged():
    hits = killed(12, 1)
    assert hits["killed"] == 12
    assert hits["commands"] > 0


@pytest.mark.full
@pytest.mark.parametrize("seed", [2, 3])
def test_three_hundred_kills_lose_nothing(seed):
    hits = killed(300, seed)
    assert hits["killed"] == 300
    for place in (
        "recovered from a snapshot",
        "between commit and acknowledgement",
        "before anything new was committed",
    ):
        assert hits[place] > 0, f"{place}: {hits}"


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[int | None]:
    """A disk of a few hundred kilobytes at a path. Where none may be mounted: yields a limit on the size of every file."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, timeout=20).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        yield None if is_mounted else size_bytes // 2
    finally:
        if is_mounted:
            subprocess.run(["umount", str(path)], check=True, timeout=20)


FILL_UP = """
import json, resource, sys
from isocross.errors import PoisonedError, StatusUnknownError
from isocross.journal.journaled import JournaledExchange
from tests.journals import told
path, limit, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
life = told(1, length)
journaled = JournaledExchange.create(path, life.genesis)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
acknowledged, said, then = 0, "", ""
try:
    for number in range(length):
        acknowledged = journaled.submit_batch(life.commands[number]) and journaled.durable_position
except StatusUnknownError as error:
    said = str(error)
try:
    journaled.apply(life.commands[0])
except PoisonedError as error:
    then = str(error)
journaled.close()
print(json.dumps([acknowledged, said, then]))
"""


@pytest.mark.parametrize("size_bytes", [400_000, 1_000_000])
def test_a_full_disk_stops_everything_and_loses_nothing(tmp_path, size_bytes):
    with small_disk(tmp_path / "disk", size_bytes) as limit_bytes:
        path = tmp_path / "disk" / "data"
        command = [sys.executable, "-c", FILL_UP, str(path), str(limit_bytes or 0), str(len(LIFE.commands))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        acknowledged, said, then = json.loads(done.stdout)
        assert 10 < acknowledged < len(LIFE.commands)
        assert "a commit failed" in said
        assert f"after number {acknowledged}" in said.replace(",", "")
        assert "accepts nothing more" in then
        found = verify(DataFolder.open(path), replays=True)
        assert found.is_whole, found.faults
        assert found.command_count >= acknowledged
        assert found.state_hash == LIFE.hashes[found.command_count]
        copy = tmp_path / "copy"
        subprocess.run(["cp", "-r", str(path), str(copy)], check=True, timeout=60)
    with JournaledExchange.open(copy) as journaled:  # with room again it goes on
        position = journaled.position
        assert position >= acknowledged
        journaled.submit_batch(LIFE.batch(position, position + 50))
        assert journaled.exchange.state_hash() == LIFE.hashes[position + 50]


def test_a_disk_that_is_full_from_the_start_is_one_clear_line(tmp_path):
    with small_disk(tmp_path / "disk", 400_000) as limit_bytes:
        path = tmp_path / "disk" / "data"
        JournaledExchange.create(path, LIFE.genesis).close()
        other = tmp_path / "disk" / "other"
        if limit_bytes is None:
            fill(tmp_path / "disk" / "filler")
            for attempt in (
                lambda: JournaledExchange.open(path),
                lambda: JournaledExchange.create(other, LIFE.genesis),
            ):
                with pytest.raises(JournalError, match=r"cannot be (written|read|made)") as caught:
                    attempt()
                assert not isinstance(caught.value, JournalCorruptError)
                assert "\n" not in str(caught.value)
            (tmp_path / "disk" / "filler").unlink()
        assert verify(DataFolder.open(path)).is_whole
        JournaledExchange.open(path).close()
        JournaledExchange.create(other, LIFE.genesis).close()


def fill(path: Path) -> None:
    """Until not one more byte fits."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for size in (4_096, 1):
            with suppress(OSError):
                while True:
                    os.write(file, bytes(size))
    finally:
        os.close(file)
