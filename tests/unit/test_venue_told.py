"""What is told of a commit: few events and many are read differently, and say the same."""

from __future__ import annotations

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind
from isocross.venue import told as module
from isocross.venue.order_life import HOUSE_ACCOUNTS, OrderLives
from isocross.venue.told import Told
from tests.readmodels import life_of, tellings


def tellings_of(seed: int, few: int, monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """A life, told with so many events counting as few."""
    monkeypatch.setattr(module, "_FEW", few)
    genesis, commands = life_of(seed, 300)
    return list(tellings(genesis.exchange(), OrderLives(), commands, 9))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_few_events_say_what_many_say(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one = tellings_of(seed, 1_000_000, monkeypatch)
    at_once = tellings_of(seed, -1, monkeypatch)
    for few, many in zip(one_by_one, at_once, strict=True):
        assert few.rows == many.rows
        assert few.levels == many.levels
        assert few.event_kinds == many.event_kinds == set(few.events["kind"].tolist())
        assert (few.orders, few.fills) == (many.orders, many.fills)
        last = few.commands[few.commands["kind"] != CommandKind.CONTINUATION][-1]
        assert (few.sequence, few.time_ms) == (last["sequence"], last["time_ms"])
        levels = few.events[few.events["kind"] == EventKind.BOOK_LEVEL]
        assert [level.price_ticks for level in few.levels] == levels["price_ticks"].tolist()
        fills = few.events[few.events["kind"] == EventKind.FILLED]
        assert [(row.account, row.lots) for row in few.rows_of(frozenset((int(EventKind.FILLED),)))] == fills[
            ["account", "lots"]
        ].tolist()
        of_users = few.events[~np.isin(few.events["account"], HOUSE_ACCOUNTS)]
        accepted = of_users[of_users["kind"] == EventKind.ACCEPTED]
        assert [row.order_id for row in few.rows if row.kind == EventKind.ACCEPTED] == accepted["order_id"].tolist()
    assert any(told.levels for told in one_by_one)
