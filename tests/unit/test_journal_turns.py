"""Turns: what one turn of a loop applies is one commit; a wait does not wait for a turn."""

from __future__ import annotations

from isocross.journal.journaled import JournaledExchange
from tests.journals import told

LIFE = told(1, 400)


def test_what_one_turn_of_a_loop_applies_is_one_commit(tmp_path):
    due, heard = [], []
    with JournaledExchange.create(tmp_path / "data", LIFE.genesis) as journaled:
        journaled.listen(heard.append)
        journaled.wake_by(due.append)
        for start in range(0, 24, 8):
            journaled.apply(LIFE.batch(start, start + 8))
        assert len(due) == 1
        assert journaled.durable_position == 0
        due.pop()()
        assert journaled.wait(24)
        assert [one.position for one in heard] == [24]
        journaled.apply(LIFE.batch(24, 32))
        journaled.settle()  # a wait wakes the writer itself
        assert journaled.durable_position == 32
        journaled.apply(LIFE.batch(32, 40))  # and so does the end
    assert heard[-1].position == 40
