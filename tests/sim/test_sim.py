"""The simulator itself: it goes through, it finds what is planted, and what it writes is small and shows it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from isocross.codes import CommandKind
from tests import invariants
from tests.sim import __main__ as sim
from tests.sim import life


def test_lives_without_a_fault_end_well(capsys, tmp_path):
    assert sim.main(["--hours", "0", "--seed", "5", "--commands", "150", "--out", str(tmp_path)]) == 0
    assert "first seed 5" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.full
def test_a_planted_fault_is_found_shrunk_and_written(monkeypatch, capsys, tmp_path):
    """The fault: thirty commands, and a leverage of 5 somewhere."""
    check = invariants.check

    def faulty(exchange):
        check(exchange)
        assert exchange.command_count < 30 or 5 not in exchange.table("settings")["leverage"], "planted"

    monkeypatch.setattr(invariants, "check", faulty)
    seed = next(seed for seed in range(50) if life.live(seed, 400)[1] is not None)
    assert sim.main(["--hours", "0", "--seed", str(seed), "--commands", "400", "--out", str(tmp_path)]) == 1
    assert "planted" in capsys.readouterr().out
    (path,) = tmp_path.iterdir()
    space: dict[str, object] = {"__name__": "found"}
    exec(path.read_text(), space)
    commands = space["COMMANDS"]
    assert isinstance(commands, list)
    assert len(commands) == 30, "as many as the fault asks for"
    assert "planted" in str(life.replay(seed, commands))
    monkeypatch.undo()
    assert life.replay(seed, commands) is None


@pytest.mark.parametrize("wanted", [[3], [3, 17], [0, 1, 2], [11, 12, 40]])
def test_shrinking_leaves_what_matters(wanted):
    commands = [{"kind": CommandKind.ADVANCE_CLOCK, "sequence": number} for number in range(41)]

    def judge(attempt):
        return "bad" if set(wanted) <= {command["sequence"] for command in attempt} else None

    assert [command["sequence"] for command in life.shrunk(commands, judge)] == wanted


def test_the_command_line_answers():
    done = subprocess.run([sys.executable, "-m", "tests.sim", "--help"], capture_output=True, text=True, check=True)
    assert "--hours" in done.stdout


@pytest.mark.full
def test_a_life_in_the_build_that_checks_every_row_index():
    """Its kernel is another one, compiled for this test: an index past the end of a table raises there."""
    command = [sys.executable, "-m", "tests.sim", "--hours", "0", "--seed", "31", "--commands", "8000"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "ISOCROSS_CHECKED": "1"}, timeout=1_800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 lives, 8000 commands, nothing found" in done.stdout
