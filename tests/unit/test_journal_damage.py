"""Files that are torn, cut short, flipped or gone: each is found, the last good command is named, nothing is dropped in silence.

Every damage here is done to a copy of a folder as a killed process leaves it (commits still in the write-ahead log) or as a
closed one does. What opening then says is held against the undisturbed life: either all of it is there, or an error names a
place up to which everything is.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from isocross.errors import JournalCorruptError, JournalError
from isocross.exchange import Exchange
from isocross.journal.folder import DataFolder
from isocross.journal.journal import Journal
from isocross.journal.journaled import JournaledExchange
from isocross.journal.reliving import Reliving
from isocross.journal.verifying import verify
from tests.journals import told

LIFE = told(2, 300)
STORE = "journal.sqlite3"
WAL = STORE + "-wal"


def lived(folder: DataFolder) -> Reliving:
    """Recovered as an opening does it."""
    reliving = Reliving(folder)
    reliving.advance()
    return reliving


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """`closed`: all in the main file. `killed`: all in the log. `between`: some in each. Snapshots after 100 and 200 commands."""
    made = {}
    for name in ("closed", "killed", "between"):
        path = tmp_path_factory.mktemp("folders") / name
        journaled = JournaledExchange.create(path, LIFE.genesis)
        for start in range(0, 300, 5):
            journaled.submit_batch(LIFE.batch(start, start + 5))
            if start + 5 in (100, 200):
                assert journaled.snapshot()
            if start == 150 and name == "between":
                journaled.close()
                journaled = JournaledExchange.open(path)
        if name != "closed":
            shutil.copytree(path, path.with_name(name + " copy"))
        journaled.close()
        made[name] = path if name == "closed" else path.with_name(name + " copy")
        if name != "closed":
            (made[name] / f"{STORE}-shm").unlink()
            assert (made[name] / WAL).stat().st_size > 0
    return made


def files_of(path: Path) -> list[Path]:
    """What may be damaged."""
    return sorted(
        file for file in path.rglob("*") if file.is_file() and file.name != "lock" and file.suffix != ".sqlite3-shm"
    )


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in files_of(path)}


def assert_honest(path: Path) -> bool:
    """Nothing is dropped in silence. Returns whether any damage was named."""
    before = contents(path)
    try:
        folder = DataFolder.open(path)
        reliving = lived(folder)
    except JournalCorruptError as error:
        assert str(error).count("\n") == 0
        if not error.position:
            assert "no command" in str(error)
            after = contents(path)
            assert {name: after[name] for name in before} == before
            return True
        assert f"number {error.position:,} (sequence {error.sequence:,})" in str(error)
        good = assert_good_up_to(folder, error.position)
        assert good == error.sequence
        with pytest.raises(JournalCorruptError) as again:
            JournaledExchange.open(path)
        assert again.value.position >= error.position
        after = contents(path)
        assert {name: after[name] for name in before} == before, "what is damaged is left as it is"
        found = verify(folder)
        assert not found.is_whole
        assert found.command_count == error.position or reason_is_a_snapshot(found, error)
        return True
    assert reliving.position == 300
    assert reliving.exchange.state_hash() == LIFE.hashes[300]
    found = verify(folder)
    assert bool(found.faults) == bool(found.faults or reliving.warnings)
    if not found.faults:
        assert found.command_count == 300
        assert (np.concatenate(list(Journal(folder).blocks())) == LIFE.batch(0, 300)).all()
    with JournaledExchange.open(path) as journaled:
        assert journaled.exchange.state_hash() == LIFE.hashes[300]
        journaled.submit_batch(LIFE.batch(0, 1))
    return bool(found.faults)


def reason_is_a_snapshot(found, error) -> bool:
    """The opening began at a snapshot behind the first damage; verify looks at all."""
    return found.command_count < error.position


def assert_good_up_to(folder: DataFolder, position: int) -> int:
    """The commands up to a place are those that were written; returns the sequence of the last."""
    exchange, commands = Exchange(folder.genesis.rulebook), []
    try:
        for block in Journal(folder).blocks():
            commands.append(block)
    except JournalCorruptError:
        pass
    known = np.concatenate(commands) if commands else LIFE.batch(0, 1)[:0]
    assert (known == LIFE.batch(0, 300)[: len(known)]).all()
    exchange.submit_batch(known, lambda events: None)
    assert exchange.state_hash() == LIFE.hashes[exchange.command_count]
    return int(LIFE.commands[position - 1]["sequence"][0])


def damaged(path: Path, rng: random.Random) -> str:
    """Damage one file somewhere, in one of several ways; says which."""
    file = rng.choice(files_of(path))
    data = bytearray(file.read_bytes())
    place = rng.randrange(len(data))
    how = rng.choice(["flip", "flip", "flip", "cut", "zero", "noise", "gone"])
    if how == "flip":
        data[place] ^= 1 << rng.randrange(8)
    elif how == "cut":
        del data[place:]
    elif how == "zero":
        data[place : place + 512] = bytes(len(data[place : place + 512]))
    elif how == "noise":
        data[place : place + 40] = rng.randbytes(len(data[place : place + 40]))
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(data)
    return f"{file.name}: {how} at {place}"


@pytest.mark.parametrize(
    "seed", [*range(24), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(100, 600))]
)
def test_damage_anywhere_is_found_or_does_no_harm(folders, tmp_path, seed):
    rng = random.Random(f"damage {seed}")
    path = tmp_path / "data"
    shutil.copytree(folders[rng.choice(sorted(folders))], path)
    what = damaged(path, rng)
    print(what)
    assert_honest(path)


@pytest.mark.parametrize("name", ["closed", "killed", "between"])
def test_an_undamaged_folder_is_whole(folders, tmp_path, name):
    shutil.copytree(folders[name], tmp_path / "data")
    assert assert_honest(tmp_path / "data") is False
    found = verify(DataFolder.open(folders[name]), replays=True)
    assert (found.is_whole, found.command_count, found.snapshot_count) == (True, 300, 2)
    assert found.state_hash == LIFE.hashes[300]


@pytest.mark.parametrize("pages", [0, 1, 3, 10, 25])
def test_a_log_that_lost_its_end_is_found(folders, tmp_path, pages):
    """To SQLite it is a good log of an earlier moment."""
    shutil.copytree(folders["between"], path := tmp_path / "data")
    data = (path / WAL).read_bytes()
    (path / WAL).write_bytes(data[: 32 + pages * (4096 + 24)] if pages else b"")
    with pytest.raises(JournalCorruptError, match="commands before the last that were committed") as caught:
        lived(DataFolder.open(path))
    assert 155 <= caught.value.position < 300
    assert assert_honest(path)


def test_a_flipped_bit_in_the_log_is_found(folders, tmp_path):
    """SQLite stops reading the log there and says nothing."""
    shutil.copytree(folders["killed"], path := tmp_path / "data")
    data = bytearray((path / WAL).read_bytes())
    data[len(data) // 2] ^= 4
    (path / WAL).write_bytes(data)
    with pytest.raises(JournalCorruptError) as caught:
        JournaledExchange.open(path)
    assert caught.value.code == "journal.corrupt"
    assert 0 < caught.value.position < 300
    assert assert_honest(path)


def test_a_changed_command_is_found_though_the_file_is_whole(folders, tmp_path):
    """Somebody edits the file with SQLite itself."""
    import sqlite3

    for change, last_good in [
        ("UPDATE groups SET last_sequence = last_sequence + 1 WHERE number = 50", 245),
        ("DELETE FROM groups WHERE number = 50", 245),
        ("UPDATE groups SET blob = (SELECT blob FROM groups WHERE number = 48) WHERE number = 50", 245),
        ("UPDATE groups SET number = 600 WHERE number = 60", 295),
        ("DELETE FROM groups WHERE number > 55", 275),
        ("UPDATE groups SET time_ms = 'soon' WHERE number = 50", 245),
        ("DROP TABLE groups", 0),
    ]:
        shutil.rmtree(path := tmp_path / "data", ignore_errors=True)
        shutil.copytree(folders["closed"], path)
        connection = sqlite3.connect(path / STORE)
        connection.execute("PRAGMA ignore_check_constraints=1")
        connection.execute(change)
        connection.commit()
        connection.close()
        with pytest.raises(JournalCorruptError) as caught:
            lived(DataFolder.open(path))
        assert caught.value.position == last_good, change
        assert assert_honest(path), change


def test_damage_before_a_snapshot_is_no_hindrance_and_is_named(folders, tmp_path):
    import sqlite3

    shutil.copytree(folders["closed"], path := tmp_path / "data")
    connection = sqlite3.connect(path / STORE)
    connection.execute("UPDATE groups SET blob = x'00' WHERE number = 10")
    connection.commit()
    connection.close()
    folder = DataFolder.open(path)
    assert lived(folder).exchange.state_hash() == LIFE.hashes[300]
    found = verify(folder, replays=True)
    assert found.command_count == 45
    assert any("group 10" in fault for fault in found.faults)


def test_a_damaged_snapshot_is_skipped_with_a_warning(folders, tmp_path):
    shutil.copytree(folders["closed"], path := tmp_path / "data")
    folder = DataFolder.open(path)
    with Journal(folder).reading() as store:
        older, newer = store.snapshots()
    newest = folder.snapshots_path / f"{newer.file_hash}.state"
    newest.write_bytes(newest.read_bytes()[:-1])
    reliving = lived(folder)
    assert reliving.started_at == 100
    assert reliving.exchange.state_hash() == LIFE.hashes[300]
    assert len(reliving.warnings) == 1
    assert "snapshot at command 200" in reliving.warnings[0]
    assert newest.name in reliving.warnings[0]
    (folder.snapshots_path / f"{older.file_hash}.state").unlink()
    reliving = lived(folder)
    assert reliving.started_at == 0
    assert [("checksum" in line, "cannot be read" in line) for line in reliving.warnings] == [
        (True, False),
        (False, True),
    ]
    with JournaledExchange.open(path) as journaled:
        assert journaled.warnings == reliving.warnings
    assert verify(folder).snapshot_count == 0


def test_a_store_that_seems_empty_is_not_taken_for_a_new_one(folders, tmp_path):
    """The root of the table is wiped: SQLite finds no row, a snapshot says that there were some."""
    shutil.copytree(folders["closed"], path := tmp_path / "data")
    (path / STORE).write_bytes(b"")
    with pytest.raises(JournalCorruptError):
        lived(DataFolder.open(path))
    assert assert_honest(path)


def test_a_snapshot_of_another_journal_is_not_taken(folders, tmp_path):
    """Its row and its file are good, but the journal never was there."""
    import sqlite3

    shutil.copytree(folders["closed"], path := tmp_path / "data")
    connection = sqlite3.connect(path / STORE)
    connection.execute("UPDATE snapshots SET number = 39 WHERE position = 200")
    connection.commit()
    connection.close()
    reliving = lived(DataFolder.open(path))
    assert reliving.started_at == 100
    assert "its place in the journal is not there" in reliving.warnings[0]


def test_without_its_head_a_journal_opens_with_a_warning(folders, tmp_path):
    shutil.copytree(folders["closed"], path := tmp_path / "data")
    (path / "head").unlink()
    assert not verify(DataFolder.open(path)).is_whole
    with JournaledExchange.open(path) as journaled:
        assert "head was missing or damaged" in journaled.warnings[0]
        assert journaled.exchange.state_hash() == LIFE.hashes[300]
    with JournaledExchange.open(path) as journaled:
        assert journaled.warnings == []


def test_a_store_of_another_folder_is_not_taken(folders, tmp_path):
    other = told(4, 20)
    with JournaledExchange.create(tmp_path / "other", other.genesis) as journaled:
        journaled.submit_batch(other.batch(0, 20))
    shutil.copytree(folders["closed"], path := tmp_path / "data")
    for name in (STORE, "head"):
        shutil.copy(tmp_path / "other" / name, path / name)
    with pytest.raises(JournalCorruptError, match="group 1 does not match"):
        lived(DataFolder.open(path))


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        journaled.submit_batch(LIFE.batch(0, 3))
    (tmp_path / "data" / "lock").unlink()
    (tmp_path / "data" / "lock").mkdir()
    with pytest.raises(JournalError, match="cannot be written"):
        JournaledExchange.open(tmp_path / "data")
