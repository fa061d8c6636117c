"""Beside others: a peer that is missing, fails or answers otherwise is named; one that answers as we do gets its ratios."""

from __future__ import annotations

import sys

import pytest

from bench import __main__ as command
from bench import peers
from bench.mixes import make_mix, new_exchange
from bench.peers import PAIRS, PEERS, RESTING, TRADING, Peer

MIX = make_mix("A", 200, 1, 13_000, seed=7)

COUNTS = """
import json, sys
steps = json.load(open(sys.argv[1]))
placed, cancelled = sum(s[0] > 0 for s in steps), sum(s[0] < 0 for s in steps)
print(json.dumps({"version": "1", "answer": {"open orders": placed - cancelled + SLIP, "filled lots": 0}, "seconds": [1.0]}))
"""


@pytest.fixture
def environment(tmp_path):
    """An environment in which Python is there, and no peer."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return tmp_path


def line_of(environment, text):
    script = environment / "script.py"
    script.write_text(text)
    figure = peers.beside_others(MIX, environment, (Peer("tried", str(script), "for a test", RESTING, 2_000),))
    return figure, figure.notes[0]


def test_the_command_names_every_peer_that_is_missing(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(peers, "ENVIRONMENT", tmp_path / "none")
    monkeypatch.setattr(command, "COMMANDS", 13_000)
    monkeypatch.setattr(sys, "argv", ["bench", "peers"])
    command.main()
    shown = capsys.readouterr().out
    for peer in PEERS:
        assert f"{peer.package}, {peer.shape}: not installed, there is no {tmp_path / 'none'}: run sh tools/peers.sh" in shown


def test_a_package_that_is_not_in_the_environment_is_named(environment):
    figure, line = line_of(environment, "import no_such_peer")
    assert line.startswith(f"tried, {RESTING}: not installed, ModuleNotFoundError: No module named 'no_such_peer'")
    assert [*figure.numbers] == ["mix A commands/s"]


def test_a_peer_that_fails_is_named_with_what_it_said(environment):
    assert line_of(environment, "raise SystemExit('no room')")[1] == f"tried, {RESTING}: failed with exit code 1: no room"


def test_a_peer_that_says_nothing_is_named(environment):
    assert line_of(environment, "")[1] == f"tried, {RESTING}: it printed '', where JSON was expected"


def test_a_peer_that_answers_otherwise_gets_no_figure(environment):
    figure, line = line_of(environment, COUNTS.replace("SLIP", "1"))
    assert "another answer than ours: open orders " in line
    assert [*figure.numbers] == ["mix A commands/s"]


def test_a_peer_that_answers_as_we_do_gets_its_ratios(environment):
    figure, line = line_of(environment, COUNTS.replace("SLIP", "0"))
    assert line.startswith(f"tried 1 (for a test), {RESTING}: ")
    rates = figure.numbers
    name = f"tried, {RESTING}: "
    assert rates[name + "mix A is x"] == rates["mix A commands/s"] / rates[name + "commands/s"]
    assert rates[name + "same flow x"] > 0
    assert "\n  " + line in figure.line()


@pytest.mark.parametrize("shape", [TRADING, RESTING, PAIRS])
def test_a_flow_is_taken_whole_and_is_what_its_name_says(shape):
    setting, flow = peers.flow_of(MIX, shape, 5_000)
    answer = peers.answer(new_exchange(setting), flow)
    steps = peers.steps_of(flow)
    placed = {number for number, *_ in steps if number > 0}
    cancelled = [-number for number, *_ in steps if number < 0]
    assert answer["accepted"] == len(placed)
    assert answer["cancelled"] == len(cancelled) == len(set(cancelled) & placed)
    assert (answer["filled lots"] > 0) == (shape == TRADING)
    if shape != TRADING:
        assert answer["open orders"] == len(placed) - len(cancelled)
    assert (answer["open orders"] == 0) == (shape == PAIRS)
