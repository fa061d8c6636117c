"""`isocross receipt`: the list of a data folder or case file, one receipt as text, JSON and file, and clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import isocross as ix
from isocross.journal import JournaledExchange
from isocross.worlds import World
from tests.golden.scenario import play


@pytest.fixture(scope="module")
def told() -> World:
    return play("receipt_gap_fund_adl").box.world


@pytest.fixture(scope="module")
def data(told: World, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("receipts") / "data"
    with JournaledExchange.create(path, told.history.genesis) as journaled:
        for block in told.history.blocks():
            journaled.submit_batch(block)
    return path


@pytest.fixture(scope="module")
def case_file(told: World, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("receipts") / "gap.case"
    ix.case.save(told, path)
    return path


def test_without_a_number_they_are_listed(command_line, data):
    status, out, err = command_line("receipt", "--data", data)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 4
    assert max(map(len, out.splitlines())) <= 80
    status, out, _ = command_line("receipt", "--data", data, "--json")
    found = json.loads(out)
    assert found["schema"] == "isocross.receipts/1"
    assert [one["number"] for one in found["receipts"]] == [1, 2, 3]


def test_a_case_file_knows_names(command_line, data, case_file):
    assert "alice" in command_line("receipt", "--data", case_file)[1]
    assert "account 2" in command_line("receipt", "--data", data)[1]
    status, out, _ = command_line("receipt", "--data", case_file, "--account", "carol")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["#", "2"]
    status, out, _ = command_line("receipt", "--data", data, "--account", "4")
    assert [line.split()[0] for line in out.splitlines()] == ["#", "3"]
    assert command_line("receipt", "--data", data, "--account", "77")[0] == 1


def test_one_receipt_says_what_would_have_saved_the_account(command_line, told, case_file):
    status, out, err = command_line("receipt", "1", "--data", case_file)
    assert (status, err) == (0, "")
    assert out.startswith("Receipt 1: alice, BTCUSDT isolated, long 1.5 BTC\n")
    assert "What would have saved you" in out
    assert max(map(len, out.splitlines())) <= 80
    status, out, _ = command_line("receipt", "1", "--data", case_file, "--quick", "--json")
    assert json.loads(out) == ix.receipt(told, 1).to_dict()
    assert "auto-deleveraged" in command_line("receipt", "2", "--data", case_file)[1]
    assert command_line("receipt", "last", "--data", case_file, "--quick")[1].startswith("Receipt 3: dave")


@pytest.mark.parametrize("suffix", ["html", "json", "svg", "txt"])
def test_it_is_written_to_a_file(command_line, case_file, tmp_path, suffix):
    path = tmp_path / f"receipt.{suffix}"
    status, out, err = command_line("receipt", "1", "--data", case_file, "--quick", "--save", path)
    assert status == 0
    assert out.startswith("Receipt 1")
    assert err == f"isocross: written to {path}\n"
    assert path.stat().st_size > 1_000


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["receipt"], 2, "--data: no path is given: expected a data folder or a case file"),
        (["receipt", "--data", "nothing"], 3, "data folder nothing: there is none (genesis.json is missing)"),
        (["receipt", "9", "--data", "DATA"], 2, "receipt 9: expected one of 1 … 3"),
        (["receipt", "one", "--data", "DATA"], 2, "receipt 'one': expected a number from the list, or last"),
        (
            ["receipt", "--data", "DATA", "--save", "a.html"],
            2,
            "--save a.html: it writes one receipt: give its number, or last",
        ),
        (
            ["receipt", "1", "--data", "DATA", "--account", "2"],
            2,
            "--account 2: it belongs to the list: leave out the number",
        ),
        (
            ["receipt", "1", "--data", "DATA", "--quick", "--save", "a.doc"],
            2,
            "receipt: a.doc ends in none of .html, .json, .svg, .txt",
        ),
    ],
)
def test_bad_input_is_one_line(command_line, data, monkeypatch, tmp_path, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    given = [str(data) if one == "DATA" else one for one in arguments]
    found, out, err = command_line(*given)
    assert (found, out, err) == (status, "", f"error: {message}\n")


def test_a_file_that_is_no_case_is_named(command_line, tmp_path):
    path = tmp_path / "a.case"
    path.write_text("nothing")
    status, _, err = command_line("receipt", "--data", path)
    assert status == 3
    assert str(path) in err
