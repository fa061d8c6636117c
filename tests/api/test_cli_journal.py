"""`isocross journal`: five questions about a data folder; what is wrong is one line, and the status says whose fault it is."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from isocross.journal.again import live_again
from isocross.journal.journaled import JournaledExchange
from isocross.journal.verifying import verify
from tests.journals import told

LIFE = told(1, 60)


@pytest.fixture
def data(tmp_path) -> Path:
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        for start in range(0, 60, 6):
            journaled.submit_batch(LIFE.batch(start, start + 6))
    return tmp_path / "data"


@pytest.fixture
def damaged(data) -> Path:
    connection = sqlite3.connect(data / "journal.sqlite3")
    connection.execute("UPDATE groups SET time_ms = time_ms + 1 WHERE number = 6")
    connection.commit()
    connection.close()
    return data


def answer(run, *arguments):
    """The JSON of a command that says yes."""
    status, out, err = run("journal", *arguments, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def test_show(command_line, data):
    status, out, err = command_line("journal", "show", "--data", data)
    assert (status, err) == (0, "")
    assert "60" in out
    assert max(map(len, out.splitlines())) <= max(80, len(str(data)))
    assert answer(command_line, "show", "--data", data)["position"] == 60


def test_show_lists_commands(command_line, data):
    shown = answer(command_line, "show", "--data", data, "--from", "-2")
    assert [one["number"] for one in shown["commands"]] == [59, 60]
    assert len(answer(command_line, "show", "--data", data, "--count", "4")["commands"]) == 4
    status, out, _ = command_line("journal", "show", "--data", data, "--from", "1", "--count", "1")
    assert status == 0
    assert "account=2" in out


def test_verify_says_yes_and_no(command_line, data):
    assert answer(command_line, "verify", "--data", data)["is_whole"] is True
    assert answer(command_line, "verify", "--data", data, "--replay")["state_hash"] == LIFE.hashes[60]
    connection = sqlite3.connect(data / "journal.sqlite3")
    connection.execute("DELETE FROM groups WHERE number = 4")
    connection.commit()
    connection.close()
    status, out, err = command_line("journal", "verify", "--data", data)
    assert (status, err) == (1, "")
    assert "DAMAGED. Good: 18 commands" in out
    status, out, _ = command_line("journal", "verify", "--data", data, "--json")
    assert status == 1
    assert json.loads(out) == verify(data).to_dict()


def test_replay(command_line, data):
    assert answer(command_line, "replay", "--data", data)["state_hash"] == LIFE.hashes[60]
    found = answer(command_line, "replay", "--data", data, "--until", "17", "--from", "0")
    assert found == live_again(data, start=0, until=17).to_dict()
    assert found["state_hash"] == LIFE.hashes[17]
    late = answer(command_line, "replay", "--data", data, "--until", "2100-01-01")
    assert late["position"] == 60
    assert answer(command_line, "replay", "--data", data, "--until", "1970-01-02")["position"] == 0


def test_export_and_salvage(command_line, data, tmp_path):
    exported = answer(
        command_line, "export", "--data", data, "--out", tmp_path / "out", "--from", "11", "--until", "20"
    )
    assert (exported["first"], exported["last"]) == (11, 20)
    assert (tmp_path / "out" / "events" / "00000.parquet").exists()
    saved = answer(command_line, "salvage", "--data", data, "--out", tmp_path / "new")
    assert (saved["position"], saved["damage"]) == (60, None)


@pytest.mark.parametrize("question", ["show", "verify", "replay", "export", "salvage"])
def test_a_folder_that_is_none_is_3(command_line, tmp_path, question):
    more = ["--out", tmp_path / "out"] if question in ("export", "salvage") else []
    status, out, err = command_line("journal", question, "--data", tmp_path / "nowhere", *more)
    assert (status, out) == (3, "")
    assert err == f"error: data folder {tmp_path / 'nowhere'}: there is none (genesis.json is missing)\n"
    assert command_line("journal", question)[0] == 2


def test_a_damaged_folder_is_3_and_names_the_last_good_command(command_line, damaged, tmp_path):
    for question, *more in (("replay",), ("export", "--out", tmp_path / "out")):
        status, out, err = command_line("journal", question, "--data", damaged, *more)
        assert (status, out) == (3, "")
        assert "the last good command is number 30 (sequence" in err
        assert err.count("\n") == 1
    status, out, _ = command_line("journal", "salvage", "--data", damaged, "--out", tmp_path / "new")
    assert status == 0
    assert "30 commands are in the new folder" in out


def test_a_folder_of_another_version_is_3(command_line, data, monkeypatch):
    monkeypatch.setattr("isocross.journal.folder.ENGINE_FORMAT", 999)
    status, out, err = command_line("journal", "show", "--data", data)
    assert (status, out) == (3, "")
    assert "reads 1 and 999 alone" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["show", "--from", "0"], "from"),
        (["show", "--from", "61"], "command 61"),
        (["show", "--count", "0"], "count: 0"),
        (["replay", "--until", "61"], "until: command 61"),
        (["replay", "--until", "soon"], "soon"),
        (["replay", "--from", "5", "--until", "4"], "start: command 5"),
    ],
)
def test_bad_input_is_2_and_named(command_line, data, arguments, named):
    status, out, err = command_line("journal", *arguments, "--data", data)
    assert (status, out) == (2, "")
    assert named in err
    assert err.count("\n") == 1


def test_a_long_one_says_how_far_it_is(command_line, data, monkeypatch, tmp_path):
    monkeypatch.setattr("isocross.terminal.progress.LONG_RUN", 10)
    monkeypatch.setattr("isocross.journal.journal.BLOCK_RECORDS", 6)
    for word, *arguments in (
        ("replaying", "replay", "--from", "0"),
        ("verifying", "verify"),
        ("exporting", "export", "--out", tmp_path / "out"),
        ("copying", "salvage", "--out", tmp_path / "new"),
    ):
        status, _, err = command_line("journal", *arguments, "--data", data, "--json")
        assert status == 0
        assert err.splitlines()[-1] == f"isocross: {word} … 100 %"
        assert len(err.splitlines()) > 3


def test_it_may_be_in_use(command_line, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    with JournaledExchange.open(tmp_path / "copy") as journaled:
        journaled.submit_batch(LIFE.batch(0, 1))
        assert answer(command_line, "show", "--data", tmp_path / "copy")["position"] == 61
        assert "in use by this process" in command_line("journal", "show", "--data", tmp_path / "copy")[1]
        assert answer(command_line, "verify", "--data", tmp_path / "copy")["is_whole"]


def test_help_names_every_environment_variable(command_line, monkeypatch, data):
    for question in ("show", "verify", "replay", "export", "salvage"):
        status, out, _ = command_line("journal", question, "--help")
        assert status == 0
        assert "ISOCROSS_DATA" in out
    monkeypatch.setenv("ISOCROSS_DATA", str(data))
    assert command_line("journal", "show")[0] == 0
