"""What people ask of a data folder: what is in it, its commands in words, a replay, Parquet files, what can be saved of a damaged one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import polars
import pytest

from isocross.codes import CommandKind, EventKind, Refusal
from isocross.command import COMMAND, NO_ROW
from isocross.errors import InputError, JournalCorruptError
from isocross.journal import words
from isocross.journal.again import live_again
from isocross.journal.exporting import export
from isocross.journal.folder import DataFolder
from isocross.journal.journal import Journal
from isocross.journal.journaled import JournaledExchange
from isocross.journal.salvaging import salvage
from isocross.journal.summary import commands_of, summarize
from isocross.journal.verifying import verify
from tests.journals import told

LIFE = told(1, 400)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A closed folder with a snapshot after 203 commands."""
    made: Path = tmp_path_factory.mktemp("reports") / "data"
    with JournaledExchange.create(made, LIFE.genesis) as journaled:
        for start in range(0, 400, 7):
            journaled.submit_batch(LIFE.batch(start, min(start + 7, 400)))
            if start == 196:
                journaled.snapshot()
    return made


@pytest.fixture
def damaged(path, tmp_path) -> Path:
    """A copy in which group 40, commands 274 to 280, is not what was written."""
    shutil.copytree(path, copy := tmp_path / "damaged")
    connection = sqlite3.connect(copy / "journal.sqlite3")
    connection.execute("UPDATE groups SET blob = x'00' WHERE number = 40")
    connection.commit()
    connection.close()
    return copy


# ---- summary


def test_a_summary_says_what_there_is(path):
    summary = summarize(path)
    assert (summary.position, summary.group_count) == (400, 58)
    assert summary.event_count == sum(map(len, LIFE.events))
    assert summary.first_sequence == LIFE.commands[0]["sequence"][0]
    assert summary.last_sequence == LIFE.commands[-1]["sequence"][0]
    assert summary.start_ms == LIFE.commands[0]["time_ms"][0]
    assert [row.point.position for row in summary.snapshots] == [203]
    assert summary.writer is None
    assert "400" in repr(summary)
    assert len(summary.frame) == 1
    assert summary.to_dict()["symbols"] == list(LIFE.genesis.symbols)


def test_a_summary_names_who_writes(path, tmp_path):
    shutil.copytree(path, copy := tmp_path / "copy")
    with JournaledExchange.open(copy):
        assert "this process" in str(summarize(copy).writer)
        assert "in use by" in repr(summarize(copy))


def test_an_empty_folder_has_a_summary(tmp_path):
    folder = DataFolder.create(tmp_path / "data", LIFE.genesis)
    summary = summarize(folder)
    assert (summary.position, summary.event_count, summary.last_sequence, summary.end_ms) == (0, 0, None, None)
    assert "none" in repr(summary)
    assert commands_of(folder, 1, 5).commands == ()
    assert live_again(folder).position == 0
    assert verify(folder, replays=True).is_whole


@pytest.mark.parametrize(("first", "count", "numbers"), [(1, 3, (1, 3)), (399, 9, (399, 400)), (-2, 9, (399, 400)), (-999, 2, (1, 2)), (8, 1, (8, 8)), (7, 2, (7, 8))])  # fmt: skip
def test_commands_are_listed_by_number(path, first, count, numbers):
    listed = commands_of(path, first, count)
    assert listed.columns()["number"] == list(range(numbers[0], numbers[1] + 1))
    for number, command in zip(range(numbers[0], numbers[1] + 1), listed.commands, strict=True):
        assert (command == LIFE.commands[number - 1]).all()


def test_commands_that_are_not_there_are_named(path):
    for first, count, message in [
        (401, 1, "command 401: this journal holds 400"),
        (1, 0, "count: 0"),
        (1, 10_001, "count"),
    ]:
        with pytest.raises(InputError, match=message):
            commands_of(path, first, count)


def test_a_command_in_words_says_only_what_it_means():
    row = np.zeros(1, dtype=COMMAND)[0]
    row["kind"], row["account"], row["symbol"] = CommandKind.PLACE_ORDER, 2, 0
    row["lots"], row["side"], row["order_type"] = 5, 1, 99
    told_there = words.command_words(row, ("BTCUSDT",))
    assert "account=2 symbol=BTCUSDT" in told_there
    assert "side=SELL order_type=99" in told_there
    row = np.zeros(1, dtype=COMMAND)[0]
    row["kind"], row["symbol"], row["amount_e8"] = CommandKind.DEPOSIT, NO_ROW, 7
    assert words.command_words(row, ("BTCUSDT",)) == "amount_e8=7"
    row["kind"], row["symbol"] = 99, 55
    assert "symbol=55" in words.command_words(row, ("BTCUSDT",))
    assert words.time_words(2**62) == f"{2**62} ms"
    assert words.time_words(0).startswith("1970")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_code_of_an_event_has_its_name(seed):
    """A kind of event that carries a code is listed with the enum of that code, or here, where it is none."""
    numbers = {EventKind.ACCOUNT_CREATED, EventKind.LIQUIDATION_POSITION, EventKind.AMENDED, EventKind.BRACKETS_SET}
    for events in told(seed, 400).events:
        for kind, code in zip(events["kind"].tolist(), events["code"].tolist(), strict=True):
            if EventKind(kind) in words.EVENT_CODES:
                words.EVENT_CODES[EventKind(kind)](code)
            else:
                assert code == 0 or EventKind(kind) in numbers, EventKind(kind).name


# ---- replay


@pytest.mark.parametrize(
    ("start", "until", "begun"),
    [(None, None, 203), (0, None, 0), (None, 203, 203), (None, 202, 0), (202, 300, 0), (400, 400, 203)],
)
def test_a_replay_begins_where_it_is_told(path, start, until, begun):
    again = live_again(path, start=start, until=until)
    assert (again.start, again.position) == (begun, 400 if until is None else until)
    assert again.state_hash == LIFE.hashes[again.position]
    assert again.event_count == sum(map(len, LIFE.events[: again.position]))
    assert set(again.to_dict()["conservation_gap"].values()) == {"0"}
    assert again.state_hash in again.shown().text().replace("\n", " ")


def test_a_replay_that_cannot_be_is_named(path):
    for options, message in [
        ({"until": 401}, "until: command 401"),
        ({"until": -1}, "until"),
        ({"start": 9, "until": 8}, "start"),
    ]:
        with pytest.raises(InputError, match=message):
            live_again(path, **options)


def test_a_time_is_a_place(path):
    journal = Journal(DataFolder.open(path))
    clock = 0
    clocks = []
    for commands in LIFE.commands:  # a command from the past does not move the clock
        clock = max(clock, int(commands["time_ms"][0]))
        clocks.append(clock)
    for time_ms in (0, clocks[0] - 1, *clocks[::13], clocks[-1], clocks[-1] + 5):
        expected = sum(clock <= time_ms for clock in clocks)
        assert journal.position_at(time_ms) == expected


# ---- export


@pytest.mark.parametrize("rows_max", [100, 500_000])
def test_an_export_holds_every_field_of_every_command_and_event(path, tmp_path, monkeypatch, rows_max):
    monkeypatch.setattr("isocross.journal.exporting.ROWS_MAX", rows_max)
    monkeypatch.setattr("isocross.journal.journal.BLOCK_RECORDS", 40)
    exported = export(path, tmp_path / "out")
    records, events = LIFE.batch(0, 400), np.concatenate(LIFE.events)
    assert (exported.command_rows, exported.event_rows) == (len(records), len(events))
    assert exported.state_hash == LIFE.hashes[400]
    assert (exported.file_count == 2) == (rows_max > 100)
    commands = polars.read_parquet(tmp_path / "out" / "commands" / "*.parquet")
    for name in COMMAND.names:
        assert (commands[name].to_numpy() == records[name]).all(), name
    heads = commands.filter(polars.col("record") == 0)
    assert heads["number"].to_list() == list(range(1, 401))
    assert heads["kind_name"].to_list() == [CommandKind(int(c["kind"][0])).name for c in LIFE.commands]
    exchange = LIFE.genesis.exchange()
    refusals = [Refusal(int(exchange.submit_batch(c).results["refusal"][0])).name for c in LIFE.commands]
    assert heads["refusal_name"].to_list() == refusals
    orders = commands.filter(polars.col("kind_name") == "PLACE_ORDER")
    assert set(orders["side_name"].cast(polars.String)) == {"BUY", "SELL"}
    assert commands.filter(polars.col("kind_name") == "DEPOSIT")["side_name"].null_count() > 0
    told_events = polars.read_parquet(tmp_path / "out" / "events" / "*.parquet")
    for name in events.dtype.names:
        assert (told_events[name].to_numpy() == events[name]).all(), name
    assert told_events["number"].to_list() == list(range(1, len(events) + 1))
    for kind, enum in words.EVENT_CODES.items():
        mine = told_events.filter(polars.col("kind_name") == kind.name)
        assert mine["code_name"].to_list() == [enum(code).name for code in mine["code"].to_list()]
    funding = told_events.filter(polars.col("kind_name") == "FUNDING")
    assert set(funding["margin_mode_name"].cast(polars.String)) <= {"CROSS", "ISOLATED"}
    assert set(told_events["symbol_name"].drop_nulls().cast(polars.String)) <= set(LIFE.genesis.symbols)
    note = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (note["first"], note["last"], note["state_hash"]) == (1, 400, LIFE.hashes[400])


def test_a_part_is_exported(path, tmp_path):
    exported = export(path, tmp_path / "out", start=210, until=250)
    assert (exported.first, exported.last) == (211, 250)
    events = polars.read_parquet(tmp_path / "out" / "events" / "*.parquet")
    before = sum(map(len, LIFE.events[:210]))
    assert events["number"].to_list() == list(range(before + 1, before + 1 + sum(map(len, LIFE.events[210:250]))))
    (tmp_path / "empty").mkdir()
    nothing = export(path, tmp_path / "empty", start=400)
    assert (nothing.command_rows, nothing.event_rows) == (0, 0)


def test_an_export_does_not_write_over_anything(path, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("")
    for out in (tmp_path / "out", tmp_path / "out" / "mine.txt"):
        with pytest.raises(InputError, match="is there already"):
            export(path, out)
    with pytest.raises(InputError, match="this journal holds 400"):
        export(path, tmp_path / "other", until=500)


def test_an_export_of_a_damaged_journal_ends_at_the_damage(damaged, tmp_path):
    with pytest.raises(JournalCorruptError) as caught:
        export(damaged, tmp_path / "out")
    assert caught.value.position == 273
    commands = polars.read_parquet(tmp_path / "out" / "commands" / "*.parquet")
    assert commands["number"].max() == 273
    assert not (tmp_path / "out" / "export.json").exists()


def test_everything_may_be_asked_while_it_is_written(tmp_path):
    """Snapshots come and go, the log is emptied, the end moves: a reader sees some moment, whole."""
    journaled = JournaledExchange.create(tmp_path / "data", LIFE.genesis, snapshot_commands=5, snapshots_kept=1)
    is_done = threading.Event()

    def write() -> None:
        while not is_done.is_set():
            for start in range(0, 400, 3):  # the same commands again and again: refused ones count too
                journaled.submit_batch(LIFE.batch(start, min(start + 3, 400)))
                if is_done.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        last = 0
        for _ in range(15):
            found = verify(tmp_path / "data")
            assert found.is_whole, found.faults
            assert found.command_count >= last
            again = live_again(tmp_path / "data")
            assert again.warnings == ()
            assert again.position >= found.command_count
            last = summarize(tmp_path / "data").position
    finally:
        is_done.set()
        writer.join()
        journaled.close()
    assert last > 0


# ---- salvage


def test_what_is_good_of_a_damaged_journal_goes_on_in_a_new_folder(damaged, tmp_path):
    saved = salvage(damaged, tmp_path / "new")
    assert saved.position == 273
    assert "group 40" in str(saved.damage)
    with JournaledExchange.open(tmp_path / "new") as journaled:
        assert journaled.warnings == []
        assert journaled.exchange.state_hash() == LIFE.hashes[273]
        journaled.submit_batch(LIFE.batch(273, 400))
        assert journaled.exchange.state_hash() == LIFE.hashes[400]
    assert verify(tmp_path / "new", replays=True).is_whole
    with pytest.raises(InputError, match="is there already"):
        salvage(damaged, tmp_path / "new")


def test_a_whole_journal_is_copied(path, tmp_path):
    saved = salvage(path, tmp_path / "new")
    assert (saved.position, saved.damage) == (400, None)
    assert verify(tmp_path / "new", replays=True).state_hash == LIFE.hashes[400]
    assert "400" in repr(saved)
