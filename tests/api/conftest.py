"""Command lines run in the tests' own process, with none of the caller's environment."""

import os

import pytest

from isocross.cli import main
from tests.unit.liq_book import BOOK


@pytest.fixture
def command_line(monkeypatch, capsys):
    """Run a command line: (status, stdout, stderr)."""
    for name in list(os.environ):
        if name.startswith("ISOCROSS_") and name != "ISOCROSS_CACHE":
            monkeypatch.delenv(name)

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def by_hand(command_line, monkeypatch):
    """A command line under BOOK, the rulebook that tests reckon by hand."""
    monkeypatch.setattr("isocross.rulebook.load", lambda name: BOOK)
    monkeypatch.setattr("isocross.rulebook.names", lambda: ["binance-usdm", "by-hand"])
    return command_line
