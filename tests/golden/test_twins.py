"""Twins of the stories: every story in this folder, each account's trade lived in the other margin mode, and what differs.

The answers stand in twins/, one file a story; `pytest tests/golden --rewrite` writes them anew.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import isocross as ix
from isocross.codes import CommandKind
from isocross.journal.history import replay
from isocross.sandbox import Sandbox
from tests.golden.scenario import play, story_names


def trades(box: Sandbox) -> list[tuple[str, str]]:
    """(account, symbol) of every trade, in the order in which they began."""
    commands = np.concatenate(list(box.world.history.blocks()))
    names = {account.number: name for name, account in box.accounts.items()}
    orders = commands[(commands["kind"] == CommandKind.PLACE_ORDER) & np.isin(commands["account"], list(names))]
    found = [(names[int(order["account"])], box.symbols[int(order["symbol"])]) for order in orders]
    return list(dict.fromkeys(found))


def told(box: Sandbox) -> str:
    """What each twin came to."""
    parts = []
    for account, symbol in trades(box):
        twin = box.branch(ix.flip_mode(account, symbol), name="twin")
        assert replay(twin.world.history).used_bytes() == twin.exchange.used_bytes()
        assert sum(balance.cash for balance in twin.balances()) == 0
        parts.append(f"== {account}, {symbol}\n\n{ix.diff(box, twin)!r}\n")
    return "\n".join(parts)


@pytest.mark.parametrize("name", story_names())
def test_the_twins_of_a_story_are_as_written(name: str, request: pytest.FixtureRequest) -> None:
    box = play(name).box
    before = box.exchange.used_bytes()
    now = told(box)
    assert box.exchange.used_bytes() == before
    path = Path(__file__).parent / "twins" / f"{name}.txt"
    if request.config.getoption("--rewrite", default=False):
        path.write_text(now, encoding="utf-8")
    else:
        assert now == path.read_text(encoding="utf-8")
