"""`isocross case`: run and diff over case files; what is wrong is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import isocross as ix
from isocross.cli import main
from isocross.journal.journaled import JournaledExchange
from isocross.sandbox import Sandbox
from isocross.worlds import case

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_main(*arguments: str | Path) -> tuple[int, str, str]:
        status = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_main


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The fall, isolated and in cross."""
    box = Sandbox("binance-usdm", BTCUSDT=60_000)
    me = box.account("me", USDT=10_000)
    box.account("you", USDT=5)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500)
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"))
    for world, name in ((box, "fall"), (twin, "cross")):
        world.mark(BTCUSDT=51_000)
        case.save(world, tmp_path / f"{name}.case", notes="to show")
    return tmp_path / "fall.case", tmp_path / "cross.case"


def test_run_replays_a_case(run: Run, files: tuple[Path, Path]) -> None:
    status, out, err = run("case", "run", files[0])
    assert (status, err) == (0, "")
    assert "Replayed to the state it was saved with" in out
    assert "me" in out
    assert "to show" in out
    status, out, _ = run("case", "run", files[0], "--json")
    data = json.loads(out)
    assert status == 0
    assert data == case.run(files[0]).to_dict()


def test_diff_sets_two_side_by_side(run: Run, files: tuple[Path, Path]) -> None:
    status, out, err = run("case", "diff", *files)
    assert (status, err) == (0, "")
    assert out.startswith("fall and cross\n")
    assert "was liquidated in fall" in " ".join(out.split())
    status, out, _ = run("case", "diff", *files, "--account", "you", "--account", "2", "--json")
    assert [one["name"] for one in json.loads(out)["accounts"]] == ["you", "me"]
    assert status == 0


def test_save_takes_a_data_folder(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    history = case.load(files[0])
    with JournaledExchange.create(tmp_path / "data", history.genesis) as journaled:
        for block in history.blocks():
            journaled.submit_batch(block)
    target = tmp_path / "saved.case"
    status, out, err = run("case", "save", tmp_path / "data", target, "--notes", "from the journal")
    assert (status, err) == (0, "")
    assert "from the journal" in out
    assert case.run(target).state_hash == case.run(files[0]).state_hash
    status, out, err = run("case", "save", tmp_path / "data", target)
    assert (status, err.count("\n")) == (2, 1)
    assert "saved.case is there already: choose another name, or force" in err
    status, out, err = run("case", "save", tmp_path / "data", target, "--force", "--at", "2026-01-01T00:00", "--json")
    assert (status, json.loads(out)["commands"]) == (0, case.run(files[0]).commands)
    for arguments, status, text in (
        (("case", "save", tmp_path / "none", tmp_path / "a.case"), 3, "there is none (genesis.json is missing)"),
        (("case", "save", tmp_path / "data", tmp_path / "a.case", "--at", "noon"), 2, "at: 'noon' is neither ISO 8601"),
        (("case", "save", tmp_path / "data", tmp_path / "a.case", "--at", "2020-01-01"), 2, "lies outside this history"),
        (("case", "save", tmp_path / "data", tmp_path / "no" / "a.case"), 3, "No such file or directory"),
    ):
        found, out, err = run(*arguments)
        assert (found, out, err.count("\n")) == (status, "", 1), err
        assert text in err
    assert not (tmp_path / "a.case").exists()


def test_what_is_wrong_is_one_line(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "text.case").write_text("no")
    for arguments, status, text in (
        (("case", "run", tmp_path / "none.case"), 3, "none.case: No such file or directory"),
        (("case", "run", tmp_path / "text.case"), 3, "text.case: not a case file: expected a ZIP archive"),
        (("case", "diff", *files, "--account", "her"), 2, "account 'her' is in neither world: expected one of me, you"),
        (("case", "diff", files[0]), 2, "Missing argument"),
        (("case", "nothing"), 2, "No such command"),
    ):
        found, out, err = run(*arguments)
        assert (found, out) == (status, "")
        assert text in err
        assert err.count("\n") == 1


def test_alone_it_says_what_there_is(run: Run) -> None:
    status, out, err = run("case")
    assert (status, err) == (0, "")
    assert "run" in out
    assert "diff" in out
