"""The journal as it is meant to work: groups, folders, answers that wait for the disk, recovery, reading while it is written.

Long because each story opens a folder, writes, and reads it again, and the helpers for that are shared by all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from isocross.codes import CommandKind, Refusal
from isocross.command import COMMAND
from isocross.errors import (
    InputError,
    JournalCorruptError,
    JournalDivergedError,
    JournalError,
    JournalLockedError,
    JournalVersionError,
    PoisonedError,
    StatusUnknownError,
)
from isocross.exchange import Bug, Exchange
from isocross.journal import folder as folders
from isocross.journal import group as groups
from isocross.journal.folder import DataFolder
from isocross.journal.gate import DurableGate
from isocross.journal.head import HeadWriter, read_head, write_head
from isocross.journal.history import replay
from isocross.journal.journal import Journal
from isocross.journal.journaled import JournaledExchange
from isocross.journal.reliving import Reliving
from tests import world
from tests.journals import told

LIFE = told(1, 400)


def written(path, life=LIFE, *, count=None, size=7, **options) -> DataFolder:
    """A data folder in which the first `count` commands of a life were committed, `size` at a time."""
    count = len(life.commands) if count is None else count
    with JournaledExchange.create(path, life.genesis, **options) as journaled:
        for start in range(0, count, size):
            journaled.submit_batch(life.batch(start, min(start + size, count)))
        assert journaled.exchange.state_hash() == life.hashes[count]
    return journaled.folder


# ---- groups


@pytest.mark.parametrize("count", [1, 2, 15, 400])
def test_packed_commands_come_back_field_for_field(count):
    commands = LIFE.batch(0, count)
    assert (groups.unpacked(groups.packed(commands)) == commands).all()


def test_packed_commands_hold_every_field_at_its_extremes():
    commands = np.zeros(3, dtype=COMMAND)
    for name in COMMAND.names:
        bits = 8 * COMMAND[name].itemsize - 1
        commands[name] = [-(2**bits), 2**bits - 1, -1]
    assert (groups.unpacked(groups.packed(commands)) == commands).all()
    dirty = np.frombuffer(b"\xff" * 2 * COMMAND.itemsize, dtype=COMMAND)
    assert groups.packed(dirty) == groups.packed(groups.unpacked(groups.packed(dirty))), (
        "what lies between fields is not kept"
    )
    nothing = np.zeros(5, dtype=COMMAND)
    assert (groups.unpacked(groups.packed(nothing)) == nothing).all()


def test_an_outcome_does_not_depend_on_the_cuts():
    exchange, seen = LIFE.genesis.exchange(), []
    whole = exchange.submit_batch(LIFE.batch(0, 400))
    for size in (1, 3, 400):
        other, outcome = LIFE.genesis.exchange(), groups.NOTHING
        for start in range(0, 400, size):
            done = other.submit_batch(LIFE.batch(start, min(start + size, 400)))
            outcome = outcome.after(done.results, len(done.events), groups.event_sum(done.events))
        seen.append(outcome)
    assert len(set(seen)) == 1
    assert seen[0].event_count == len(whole.events)
    changed = whole.events.copy()
    changed["amount_e8"][-1] += 1
    assert groups.event_sum(changed) != groups.event_sum(whole.events)


def test_a_batch_is_cut_between_commands():
    commands = LIFE.batch(0, 400)
    for most in (1, 2, 5, 64, 10_000):
        parts = groups.parts_of(commands, most)
        assert (np.concatenate(parts) == commands).all()
        for part in parts:
            assert part["kind"][0] != CommandKind.CONTINUATION
            assert len(part) <= most or np.count_nonzero(part["kind"] != CommandKind.CONTINUATION) == 1


def test_commands_are_counted_as_the_exchange_counts_them():
    """Records that no header asks for are commands of their own, refused ones; missing ones are not made up."""
    header = np.zeros(1, dtype=COMMAND)
    header["kind"], header["sequence"], header["continuation_count"] = CommandKind.PRICES, 1, 2
    record = np.zeros(1, dtype=COMMAND)
    commands = np.concatenate([header, record, record, record, header, record, LIFE.commands[0]])
    exchange, rows = LIFE.genesis.exchange(), [0]
    while rows[-1] < len(commands):
        before = exchange.command_count
        row = groups.row_after(commands, before + 1)
        exchange.submit_batch(commands[rows[-1] : row])
        assert exchange.command_count == before + 1
        rows.append(row)
    assert rows == [0, 3, 4, 6, 7]


def test_a_group_follows_only_the_place_it_was_made_for():
    start = groups.Point(0, 0, 0, b"x" * 32)
    exchange = LIFE.genesis.exchange()
    lived = []
    for commands in LIFE.commands[:6]:
        done = exchange.submit_batch(commands)
        lived.append(groups.Lived(commands.tobytes(), 1, done.results, done.events, exchange.time_ms))
    first = groups.group_of(start, groups.NOTHING, lived[:3])
    second = groups.group_of(first.end, first.outcome, lived[3:])
    assert first.follows(start)
    assert second.follows(first.end)
    assert not second.follows(start)
    assert (second.position, second.command_count, second.end.position) == (3, 3, 6)
    for column in ("number", "position", "command_count", "first_sequence", "last_sequence", "time_ms"):
        assert not replace(second, **{column: getattr(second, column) + 1}).follows(first.end), column
    assert not replace(second, outcome=second.outcome._replace(event_sum=0)).follows(first.end)
    assert not replace(second, blob=second.blob[:-1] + bytes([second.blob[-1] ^ 1])).follows(first.end)
    assert not second.follows(first.end._replace(chain=b"y" * 32))


# ---- the folder


def test_a_folder_brings_back_its_genesis(tmp_path):
    made = DataFolder.create(tmp_path / "a" / "b", LIFE.genesis)
    opened = DataFolder.open(str(tmp_path / "a" / "b"))
    assert opened == made
    assert opened.genesis == LIFE.genesis
    assert opened.written_by.startswith("isocross ")
    assert Journal(opened).end() == opened.start
    assert list(Journal(opened).blocks()) == []
    told_there = json.loads((opened.path / "genesis.json").read_text())
    assert told_there["rulebook_hash"] == opened.rulebook_hash
    assert (told_there["seed"], told_there["symbols"]) == (1, list(LIFE.genesis.symbols))


def test_a_folder_may_begin_with_an_exchange_that_has_lived(tmp_path):
    trunk = LIFE.genesis.exchange()
    trunk.submit_batch(LIFE.batch(0, 100))
    genesis = replace(LIFE.genesis, snapshot=trunk.snapshot())
    with JournaledExchange.create(tmp_path / "data", genesis) as journaled:
        assert journaled.position == 100
        journaled.submit_batch(LIFE.batch(100, 200))
        journaled.snapshot()
        journaled.submit_batch(LIFE.batch(200, 250))
    with JournaledExchange.open(tmp_path / "data") as journaled:
        assert (journaled.position, journaled.replayed_count) == (250, 50)
        assert journaled.exchange.state_hash() == LIFE.hashes[250]
        assert replay(journaled.journal).state_hash() == LIFE.hashes[250]
    (tmp_path / "data" / "genesis.state").write_bytes(genesis.snapshot[:-1])
    with pytest.raises(JournalCorruptError, match=r"genesis\.state"):
        DataFolder.open(tmp_path / "data")


def test_a_folder_is_not_made_over_something_else(tmp_path):
    folder = DataFolder.create(tmp_path / "data", LIFE.genesis)
    with pytest.raises(InputError, match="is there already"):
        DataFolder.create(folder.path, LIFE.genesis)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        DataFolder.create(tmp_path / "file", LIFE.genesis)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        DataFolder.create(tmp_path / "full", LIFE.genesis)
    with pytest.raises(JournalError, match="there is none"):
        DataFolder.open(tmp_path / "nowhere")


def test_a_folder_whose_making_was_cut_short_is_made_again(tmp_path):
    folder = DataFolder.create(tmp_path / "data", LIFE.genesis)
    (folder.path / "genesis.json").unlink()
    (folder.path / "journal.sqlite3").write_bytes(b"half")
    again = DataFolder.create(tmp_path / "data", told(2, 5).genesis)
    assert again.genesis == told(2, 5).genesis


def test_a_folder_that_lost_its_genesis_is_not_made_over(tmp_path):
    folder = written(tmp_path / "data", count=10)
    (folder.path / "genesis.json").unlink()
    with pytest.raises(InputError, match="holds commands"):
        DataFolder.create(folder.path, LIFE.genesis)
    (folder.path / "head").unlink()
    with pytest.raises(InputError, match="holds commands"):
        DataFolder.create(folder.path, LIFE.genesis)


@pytest.mark.parametrize("part", ["JOURNAL_FORMAT", "ENGINE_FORMAT"])
def test_a_folder_of_another_version_is_refused(tmp_path, monkeypatch, part):
    with monkeypatch.context() as patch:
        patch.setattr(folders, part, 77)
        text = folders._manifest_text(LIFE.genesis)
    folder = DataFolder.create(tmp_path / "data", LIFE.genesis)
    (folder.path / "genesis.json").write_text(text)
    with pytest.raises(JournalVersionError, match=r"format 77 .*written by isocross .*with the build that wrote it") as caught:
        DataFolder.open(folder.path)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(folders, "_program", lambda: "isocross 99")  # a later one finds it
    with pytest.raises(JournalVersionError, match=r"open it with isocross \d[.\d]*, or start with an empty folder"):
        DataFolder.open(folder.path)
    assert caught.value.code == "journal.version"


def test_a_damaged_genesis_is_told_from_another_version(tmp_path):
    folder = DataFolder.create(tmp_path / "data", LIFE.genesis)
    path = folder.path / "genesis.json"
    good = path.read_bytes()
    for wrong in (b"", b"{}", b"[1]", good[:-9], good.replace(b'"seed": 1', b'"seed": 2'), b"\xff" + good):
        path.write_bytes(wrong)
        with pytest.raises(JournalCorruptError, match="genesis"):
            DataFolder.open(folder.path)


def test_two_writers_do_not_share_a_folder(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        with pytest.raises(JournalLockedError, match="in use by this process") as caught:
            JournaledExchange.open(tmp_path / "data")
        assert caught.value.code == "journal.locked"
        question = (
            "import sys; from isocross.errors import *; from isocross.journal.folder import DataFolder\n"
            "try: DataFolder.open(sys.argv[1]).lock()\n"
            "except JournalLockedError as error: print(error)"
        )
        told_there = subprocess.run(
            [sys.executable, "-c", question, str(tmp_path / "data")], capture_output=True, text=True, timeout=60
        ).stdout
        assert f"in use by process {os.getpid()} (" in told_there
        journaled.submit_batch(LIFE.batch(0, 5))
    with JournaledExchange.open(tmp_path / "data") as journaled:
        assert journaled.position == 5


# ---- answers wait


def test_a_reopened_exchange_is_the_undisturbed_one(tmp_path):
    folder = written(tmp_path / "data", size=7)
    with JournaledExchange.open(folder.path) as journaled:
        assert journaled.position == journaled.durable_position == journaled.recovered_position == 400
        assert journaled.replayed_count == 400
        assert journaled.warnings == []
        assert journaled.exchange.state_hash() == LIFE.hashes[400]
    history = Journal(folder)
    assert (np.concatenate(list(history.blocks())) == LIFE.batch(0, 400)).all()
    assert replay(history).state_hash() == LIFE.hashes[400]
    assert replay(history, compiled=False).state_hash() == LIFE.hashes[400]


@pytest.mark.parametrize("size", [1, 2, 50, 400])
def test_what_apply_answers_is_what_the_exchange_answers(tmp_path, size):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        bare = LIFE.genesis.exchange()
        for start in range(0, 400, size):
            commands = LIFE.batch(start, min(start + size, 400))
            applied, done = journaled.apply(commands), bare.submit_batch(commands)
            assert applied.position == bare.command_count
            assert applied.results.tobytes() == done.results.tobytes()
            assert applied.events.tobytes() == done.events.tobytes()
        assert journaled.wait()
        assert journaled.durable_position == 400


def test_submit_waits_and_answers_like_an_exchange(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        bare = LIFE.genesis.exchange()
        for exchange in (journaled, bare):
            assert exchange.submit(CommandKind.CREATE_ACCOUNT, account=2).is_accepted
            prices = [{"symbol": 0, "index_e8": world.PRICES["BTCUSDT"]}]
            assert exchange.submit(CommandKind.PRICES, time_ms=5, records=prices).is_accepted
            refused = exchange.submit(CommandKind.DEPOSIT, account=2, amount_e8=-1, sequence=90)
            assert (refused.refusal, refused.sequence) == (Refusal.AMOUNT_NOT_POSITIVE, 90)
            assert exchange.submit(CommandKind.CREATE_ACCOUNT, account=3).sequence == 91
        assert journaled.durable_position == 4
        assert journaled.read(lambda exchange: exchange.state_hash()) == bare.state_hash()
        assert journaled.read(lambda exchange: exchange.preview(CommandKind.CREATE_ACCOUNT, account=4)).is_accepted


def test_a_large_batch_is_cut_into_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(groups.parts_of, "__defaults__", (50,))
    monkeypatch.setattr("isocross.journal.writer.RECORDS_MAX", 50)
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        done = journaled.submit_batch(LIFE.batch(0, 400))
        assert done.events.tobytes() == np.concatenate(LIFE.events).tobytes()
        numbers = [group.record_count for group in journaled.journal.groups()]
    assert max(numbers) <= 50
    assert len(numbers) > 8


def test_a_batch_that_is_none_is_refused(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        with pytest.raises(InputError, match="dtype"):
            journaled.apply(np.zeros(3))
        with pytest.raises(InputError, match="continuation"):
            journaled.apply(np.zeros(1, dtype=COMMAND))
        with pytest.raises(InputError, match="only 0 are applied"):
            journaled.wait(1)
        assert journaled.apply(np.zeros(0, dtype=COMMAND)).position == 0
        with journaled.exchange.previewing(), pytest.raises(InputError, match="preview"):
            journaled.apply(LIFE.commands[0])
        assert journaled.apply(LIFE.commands[0]).position == 1
    with pytest.raises(InputError, match="closed"):
        journaled.apply(LIFE.commands[1])


class HeldStore:
    """A store whose commits wait for a word."""

    def __init__(self, store):
        self._store, self.may_go, self.has_come = store, threading.Event(), threading.Event()
        self.fault = None

    def append(self, some):
        self.has_come.set()
        assert self.may_go.wait(20)
        if self.fault is not None:
            raise self.fault
        self._store.append(some)

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture
def held(tmp_path):
    """A journaled exchange whose disk is slow, and the store that holds it up."""
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        journaled._writer._store = store = HeldStore(journaled._writer._store)
        yield journaled, store
        store.may_go.set()


def test_nothing_is_told_before_its_commit(held):
    journaled, store = held
    first = journaled.apply(LIFE.batch(0, 5))
    assert store.has_come.wait(20)
    second = journaled.apply(LIFE.batch(5, 12))  # applied while the first is on its way
    assert (first.position, second.position, journaled.position) == (5, 12, 12)
    assert journaled.durable_position == 0
    assert journaled.wait(1, timeout=0.01) is False
    told_to = []
    reader = threading.Thread(target=lambda: told_to.append(journaled.read(lambda exchange: exchange.command_count)))
    reader.start()
    reader.join(0.05)
    assert told_to == [], "a read waits for what it saw"
    store.may_go.set()
    assert journaled.wait(12, timeout=20)
    reader.join(20)
    assert told_to == [12]


def test_listeners_hear_of_every_commit_in_order(tmp_path):
    heard = []
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        journaled.listen(heard.append)
        for start in range(0, 400, 8):
            journaled.apply(LIFE.batch(start, start + 8))
    assert [one.position for one in heard] == sorted(one.position for one in heard)
    assert heard[-1].position == 400
    commands = [group.commands() for one in heard for group in one.groups]
    assert (np.concatenate(commands) == LIFE.batch(0, 400)).all()
    assert len(heard) < 50, "a commit takes what has gathered"


def test_coroutines_wait_without_a_thread_each(tmp_path):
    released = []

    async def ask(journaled, gate, number):
        applied = journaled.apply(LIFE.commands[number])
        await gate.passed(applied.position)
        assert journaled.durable_position >= applied.position
        released.append(number)

    async def serve():
        with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
            gate = DurableGate(journaled)
            threads = threading.active_count()
            asked = [asyncio.create_task(ask(journaled, gate, number)) for number in range(200)]
            await asyncio.sleep(0)
            assert threading.active_count() == threads
            await asyncio.gather(*asked)
            await gate.passed()
            return journaled.exchange.state_hash()

    assert asyncio.run(serve()) == LIFE.hashes[200]
    assert released == list(range(200)), "in the order in which they were applied"


def test_coroutines_learn_of_a_failure(held):
    journaled, store = held

    async def serve():
        gate = DurableGate(journaled)
        waiting = [asyncio.create_task(gate.passed(journaled.apply(LIFE.commands[n]).position)) for n in range(3)]
        given_up = waiting.pop(1)
        await asyncio.sleep(0)
        given_up.cancel()
        store.fault = OSError("the disk is gone")
        store.may_go.set()
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, StatusUnknownError)
        with pytest.raises(StatusUnknownError, match="disk is gone"):
            await gate.passed()

    asyncio.run(serve())


# ---- failures


def test_a_failed_commit_poisons_and_loses_nothing_that_was_told(held):
    journaled, store = held
    store.may_go.set()
    journaled.submit_batch(LIFE.batch(0, 20))
    heard = []
    journaled.listen(heard.append)
    store.fault = OSError("the disk is gone")
    applied = journaled.apply(LIFE.batch(20, 30))
    with pytest.raises(StatusUnknownError, match=r"commit failed \(the disk is gone\).*after number 20") as caught:
        journaled.wait(applied.position)
    assert caught.value.code == "journal.unknown"
    assert journaled.wait(20), "what is on disk can still be told"
    with pytest.raises(PoisonedError, match="the disk is gone"):
        journaled.apply(LIFE.batch(30, 31))
    with pytest.raises(PoisonedError):
        journaled.exchange.submit(CommandKind.ADVANCE_CLOCK)
    with pytest.raises(StatusUnknownError):
        journaled.read(lambda exchange: exchange.command_count)
    assert heard[-1].failure is not None
    assert heard[-1].position == 20
    assert journaled.snapshot() is False
    journaled.close()
    with JournaledExchange.open(journaled.folder.path) as again:
        assert again.position == 20
        assert again.exchange.state_hash() == LIFE.hashes[20]
        again.submit_batch(LIFE.batch(20, 40))
        assert again.exchange.state_hash() == LIFE.hashes[40]


def test_a_bug_leaves_the_journal_as_it_was_before_the_batch(tmp_path, monkeypatch):
    folder = written(tmp_path / "data", count=20)
    with JournaledExchange.open(folder.path) as journaled:
        submit = journaled.exchange._entries.submit
        calls = []

        def broken(address, count):
            calls.append(count)
            raise AssertionError("planted")

        monkeypatch.setattr(journaled.exchange, "_entries", replace(journaled.exchange._entries, submit=broken))
        with pytest.raises(Bug, match="planted"):
            journaled.apply(LIFE.batch(20, 23))
        monkeypatch.setattr(journaled.exchange, "_entries", replace(journaled.exchange._entries, submit=submit))
        with pytest.raises(PoisonedError):
            journaled.apply(LIFE.batch(20, 23))
        assert journaled.wait()
    with JournaledExchange.open(folder.path) as again:
        assert again.exchange.state_hash() == LIFE.hashes[20]


def test_commands_that_went_past_the_journal_stop_it(tmp_path):
    folder = written(tmp_path / "data", count=20)
    with JournaledExchange.open(folder.path) as journaled:
        journaled.exchange.submit_batch(LIFE.batch(20, 21))
        with pytest.raises(StatusUnknownError, match="1 commands past its journal"):
            journaled.read(lambda exchange: exchange.time_ms)
        with pytest.raises(StatusUnknownError):
            journaled.apply(LIFE.batch(21, 22))
        with pytest.raises(PoisonedError):
            journaled.exchange.submit(CommandKind.ADVANCE_CLOCK)
    with JournaledExchange.open(folder.path) as again:
        assert again.exchange.state_hash() == LIFE.hashes[20]


def test_another_engine_is_noticed(tmp_path):
    """The same commands on other rules: the checksums hold, the outcome does not."""
    folder = written(tmp_path / "data")
    other = replace(folder.genesis, rulebook=world.rulebook_of(0))
    assert other.rulebook.content_hash == folder.genesis.rulebook.content_hash == ""
    with pytest.raises(JournalDivergedError, match=r"commands 1 to 400 have another outcome.*written by isocross"):
        Reliving(replace(folder, genesis=other)).advance()


# ---- snapshots


def test_recovery_begins_at_the_newest_snapshot(tmp_path):
    folder = written(tmp_path / "data", count=300)
    with JournaledExchange.open(folder.path) as journaled:
        assert journaled.snapshot()
        journaled.submit_batch(LIFE.batch(300, 310))
        assert journaled.snapshot()
        journaled.submit_batch(LIFE.batch(310, 400))
    with JournaledExchange.open(folder.path) as journaled:
        assert (journaled.recovered_position, journaled.replayed_count) == (400, 90)
        assert journaled.exchange.state_hash() == LIFE.hashes[400]
    with Journal(folder).reading() as store:
        rows = store.snapshots()
    assert [row.point.position for row in rows] == [300, 310]
    assert [row.state_hash for row in rows] == [LIFE.hashes[300], LIFE.hashes[310]]
    for row in rows:
        reliving = Reliving(folder, before=row.point.position)
        assert reliving.started_at == row.point.position
        reliving.advance()
        assert reliving.exchange.state_hash() == LIFE.hashes[400]


def test_snapshots_are_written_when_due_and_the_oldest_go(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis, snapshot_commands=20, snapshots_kept=2) as journaled:
        for start in range(0, 400, 10):
            journaled.submit_batch(LIFE.batch(start, start + 10))
        journaled._writer.wait(400)
    with journaled.journal.reading() as store:
        rows = store.snapshots()
    assert len(rows) == 2
    assert 300 < rows[-1].point.position <= 400
    files = {path.name for path in journaled.folder.snapshots_path.iterdir()}
    assert files == {f"{row.file_hash}.state" for row in rows}
    with JournaledExchange.open(tmp_path / "data") as again:
        assert again.exchange.state_hash() == LIFE.hashes[400]
        assert again.replayed_count < 100


def test_many_small_groups_make_a_snapshot_due_too(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis, snapshot_groups=30) as journaled:
        for number in range(100):
            journaled.submit_batch(LIFE.commands[number])
    with journaled.journal.reading() as store:
        assert len(store.snapshots()) >= 2


def test_a_snapshot_that_cannot_be_written_is_not_the_end(tmp_path, monkeypatch):
    folder = written(tmp_path / "data", count=50)
    with JournaledExchange.open(folder.path) as journaled:
        with monkeypatch.context() as patch:
            patch.setattr("isocross.journal.snapshots.write_whole", lambda *_: (_ for _ in ()).throw(OSError("full")))
            assert journaled.snapshot() is False
        assert "command 50" in journaled.snapshot_fault
        journaled.submit_batch(LIFE.batch(50, 60))
        assert journaled.snapshot()
        assert journaled.snapshot_fault is None


def test_leftovers_of_a_crash_are_cleared(tmp_path):
    folder = written(tmp_path / "data", count=50)
    with JournaledExchange.open(folder.path) as journaled:
        journaled.snapshot()
    kept = {path.name for path in folder.snapshots_path.iterdir()}
    (folder.snapshots_path / "abc.state.tmp").write_bytes(b"half")
    (folder.snapshots_path / ("0" * 64 + ".state")).write_bytes(b"unlisted")
    JournaledExchange.open(folder.path).close()
    assert {path.name for path in folder.snapshots_path.iterdir()} == kept


# ---- living it again


@pytest.mark.parametrize("at", [0, 1, 40, 150, 151, 399, 400])
def test_it_lives_again_up_to_any_command_and_on_from_there(tmp_path, at):
    folder = written(tmp_path / "data", count=150, size=11)
    with JournaledExchange.open(folder.path) as journaled:
        journaled.snapshot()
        journaled.submit_batch(LIFE.batch(150, 400))
    reliving = Reliving(folder, before=at)
    reliving.advance(at)
    assert reliving.position == at
    assert reliving.exchange.state_hash() == LIFE.hashes[at]
    seen, position = [], at
    for step in reliving.steps():
        assert step.position == position
        position += np.count_nonzero(step.commands["kind"] != CommandKind.CONTINUATION)
        seen.append(step.events)
    assert position == 400
    assert np.concatenate([*seen, LIFE.events[0][:0]]).tobytes() == b"".join(e.tobytes() for e in LIFE.events[at:])
    assert reliving.exchange.state_hash() == LIFE.hashes[400]


def test_a_place_that_is_not_there_is_an_error(tmp_path):
    folder = written(tmp_path / "data", count=30)
    with pytest.raises(InputError, match="command 31: this journal holds 30"):
        Reliving(folder).advance(31)
    reliving = Reliving(folder)
    reliving.advance(20)
    with pytest.raises(InputError, match="20 are lived already"):
        reliving.advance(19)
    with pytest.raises(InputError, match="numbered from 1"):
        Journal(folder).group_at(0)
    for position in (1, 7, 8, 30):
        group = Journal(folder).group_at(position)
        assert group.position < position <= group.end.position


def test_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("isocross.journal.journal.BLOCK_RECORDS", 20)
    folder = written(tmp_path / "data")
    told_there = []
    Reliving(folder).advance(progress=lambda done, total: told_there.append((done, total)))
    assert told_there[-1] == (400, 400)
    assert [done for done, _ in told_there] == sorted(done for done, _ in told_there)
    assert len(told_there) > 5


def test_a_reader_runs_beside_the_writer_and_holds_nothing_up(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        journaled.submit_batch(LIFE.batch(0, 100))
        reading = journaled.journal.groups()
        first = next(reading)
        for start in range(100, 400, 10):
            journaled.submit_batch(LIFE.batch(start, start + 10))
        rest = list(reading)
        assert sum(group.command_count for group in [first, *rest]) == 100, "a reader sees what was there when it began"
        assert sum(group.command_count for group in journaled.journal.groups()) == 400


def test_reading_changes_no_file(tmp_path):
    """Also where the last process was killed: what recovery may need is left to the writer."""
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        journaled.submit_batch(LIFE.batch(0, 100))
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / "snapshots").mkdir()
        for name in ("genesis.json", "head", "journal.sqlite3", "journal.sqlite3-wal"):
            (copy / name).write_bytes((journaled.folder.path / name).read_bytes())
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    assert len(before["journal.sqlite3-wal"]) > 0
    reliving = Reliving(DataFolder.open(copy))
    reliving.advance()
    assert reliving.exchange.state_hash() == LIFE.hashes[100]
    after = {
        path.name: path.read_bytes() for path in copy.iterdir() if path.is_file() and path.suffix != ".sqlite3-shm"
    }
    assert before == {name: after[name] for name in before}


def test_a_folder_that_nobody_may_change_is_read(tmp_path, monkeypatch):
    """A closed folder on a medium that cannot be written."""
    folder = written(tmp_path / "data", count=30)
    before = sorted(path.name for path in folder.path.iterdir())
    monkeypatch.setattr("isocross.journal.store.os.access", lambda path, mode: False)
    reliving = Reliving(folder)
    reliving.advance()
    assert reliving.exchange.state_hash() == LIFE.hashes[30]
    assert sorted(path.name for path in folder.path.iterdir()) == before


# ---- the head


def test_the_head_holds_the_last_two_places(tmp_path):
    path = tmp_path / "head"
    points = [groups.Point(number, 10 * number, 10 * number, bytes([number]) * 32) for number in range(6)]
    write_head(path, points[0])
    head = HeadWriter(path)
    for point in points[1:4]:
        head.note(point)
        assert read_head(path) == (point, True)
    head.close()
    head = HeadWriter(path)
    head.note(points[4])
    assert read_head(path) == (points[4], True)
    good = path.read_bytes()
    newest = good.index(b"\4" * 32)
    path.write_bytes(good[:newest] + b"\5" + good[newest + 1 :])
    assert read_head(path) == (points[3], False)
    head.note(points[5])
    head.close()
    path.write_bytes(b"")
    assert read_head(path) == (None, False)
    path.unlink()
    assert read_head(path) == (None, False)


def test_exchange_alone_cannot_be_told_from_a_journaled_one(tmp_path):
    """A restored snapshot of a journaled exchange goes on like the exchange itself."""
    folder = written(tmp_path / "data", count=200)
    with JournaledExchange.open(folder.path) as journaled:
        frozen = journaled.exchange.freeze()
        journaled.submit_batch(LIFE.batch(200, 210))
        assert frozen.digest() == LIFE.hashes[200]
        other = Exchange.restore(frozen.to_bytes(), LIFE.genesis.rulebook, LIFE.genesis.symbols)
    other.submit_batch(LIFE.batch(200, 210))
    assert other.state_hash() == LIFE.hashes[210]
