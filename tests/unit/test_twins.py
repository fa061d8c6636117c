"""Twins and Shelf: worlds beside a running one, those that live along and those that stand still."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from isocross.codes import CommandKind, MarginMode, Side
from isocross.errors import InputError, RewriteError
from isocross.exchange import Bug
from isocross.journal.history import MemoryHistory, replay
from isocross.journal.journaled import JournaledExchange
from isocross.limits import TWINS_MAX, WORLDS_MAX
from isocross.units import ONE_E8
from isocross.worlds import Shelf, TwinFeed, Twins, after, branch, case, flip_mode, set_leverage
from isocross.worlds.shadow import Shadow
from tests import world as made
from tests.unit.test_branch import BTC, LOT, ME, Story, lots


class Running(Story):
    """A story whose twins hear of every command."""

    def __init__(self, wallet: int = 2_600) -> None:
        super().__init__(wallet)
        self.twins = Twins(self.world.history, names={"me": ME})

    def tell(self) -> None:
        """Feed what the twins have not heard of yet."""
        heard = self.twins.trunk.length
        commands = np.concatenate(list(self.world.history.blocks()))
        heads = np.flatnonzero(commands["kind"] != CommandKind.CONTINUATION)
        if heard < len(heads):
            self.twins.feed(commands[heads[heard] :])


def test_a_twin_lives_along_and_is_what_a_branch_would_be() -> None:
    story = Running()
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.do(made.leverage(ME, BTC, 20))
    story.tell()
    twin = story.twins.add("me in cross", flip_mode("me", "BTCUSDT"))
    before = story.world.exchange.used_bytes()
    story.buy(LOT)
    story.tell()
    assert lots(twin) == LOT
    assert story.twins.report("me in cross").accounts[0].positions[0].mode == (MarginMode.ISOLATED, MarginMode.CROSS)
    story.price(38_050)
    story.sell(LOT)
    story.tell()
    found = story.twins.report("me in cross")
    assert [one.name for one in found.accounts] == ["me"]
    assert "BTCUSDT, isolated, was liquidated in trunk (mark 38,050.00" in found.sentence
    assert [(line.alive(0), line.alive(1)) for line in found.accounts[0].positions] == [(False, True)]
    later = branch(story.world, flip_mode(ME, "BTCUSDT"))
    assert twin.exchange.used_bytes()["positions"] == later.exchange.used_bytes()["positions"]
    assert twin.divergences == later.divergences != []
    assert replay(twin.history).used_bytes() == twin.exchange.used_bytes()
    assert story.twins.trunk.exchange.used_bytes() == story.world.exchange.used_bytes() != before


def test_the_accounts_own_mode_commands_are_left_out_later_too() -> None:
    story = Running(wallet=100_000)
    twin = story.twins.add("isolated", flip_mode("me", "BTCUSDT", to="isolated"))
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.buy(LOT)
    story.sell(LOT)
    story.do(made.mode(ME, BTC, MarginMode.CROSS))
    story.tell()
    assert twin.exchange.margin_mode(ME, BTC) == MarginMode.ISOLATED
    assert story.world.exchange.margin_mode(ME, BTC) == MarginMode.CROSS
    assert not twin.divergences


def test_how_many_twins_there_may_be_and_what_they_are_called() -> None:
    story = Running()
    for number in range(TWINS_MAX):
        story.twins.add(f"twin {number}", flip_mode(ME, "BTCUSDT"))
    for call, text in (
        (lambda: story.twins.add("one more", flip_mode(ME, "BTCUSDT")), f"{TWINS_MAX} live along already"),
        (lambda: story.twins.add("twin 3", flip_mode(ME, "BTCUSDT")), "'twin 3' is there already"),
        (lambda: story.twins.report("nobody"), "twin 'nobody' does not live along: expected one of twin 0, twin 1"),
        (lambda: story.twins["nobody"], "twin 'nobody' does not live along"),
        (lambda: story.twins.remove("nobody"), "twin 'nobody' does not live along"),
    ):
        with pytest.raises(InputError, match=text):
            call()
    story.twins.remove("twin 0")
    assert story.twins.names[0] == "twin 1"
    with pytest.raises(RewriteError, match="account 77 is not in this history"):
        story.twins.add("wrong", flip_mode(77, "BTCUSDT"))
    assert len(story.twins.names) == TWINS_MAX - 1


def test_a_twin_that_meets_a_bug_stands_still_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Running(wallet=100_000)
    story.twins.add("bad", flip_mode(ME, "BTCUSDT"))
    good = story.twins.add("good", flip_mode(ME, "BTCUSDT"))
    follow = Shadow.follow

    def broken(self: Shadow, stretch: object, base: object) -> None:
        if self.world.name == "bad":
            raise Bug("a planted one")
        follow(self, stretch, base)  # type: ignore[arg-type]

    monkeypatch.setattr(Shadow, "follow", broken)
    story.buy(LOT)
    story.tell()
    story.buy(LOT)
    story.tell()
    assert lots(good) == 2 * LOT
    assert story.twins.report("good").accounts
    with pytest.raises(InputError, match="twin 'bad' met a bug and stands still: a planted one"):
        story.twins.report("bad")
    story.twins.remove("bad")
    assert story.twins.names == ("good",)


def test_a_shelf_keeps_named_worlds_and_the_running_one_goes_on() -> None:
    story = Story()
    order = story.buy(LOT)
    shelf = Shelf(story.world)
    then = story.world.exchange.used_bytes()
    beside = shelf.fork("before the fall")
    story.price(30_000)
    other = shelf.branch("at 5x", set_leverage(ME, "BTCUSDT", 5))
    early = shelf.branch("early", at=after(order), of="at 5x")
    assert shelf.names == ("before the fall", "at 5x", "early")
    assert shelf["before the fall"] is beside
    assert beside.exchange.used_bytes() == then
    assert (other.exchange.leverage(ME, BTC), early.exchange.mark_e8(BTC)) == (5, 40_000 * ONE_E8)
    for call, text in (
        (lambda: shelf.fork("at 5x"), "world 'at 5x' is there already"),
        (lambda: shelf.fork(""), "world: expected a name"),
        (lambda: shelf["late"], "world 'late' is not there: expected one of before the fall, at 5x, early"),
        (lambda: shelf.remove("late"), "world 'late' is not there"),
        (lambda: shelf.branch("x", of="late"), "world 'late' is not there"),
    ):
        with pytest.raises(InputError, match=text):
            call()
    shelf.remove("at 5x")
    assert shelf.names == ("before the fall", "early")
    for number in range(WORLDS_MAX - 2):
        shelf.fork(f"fork {number}")
    with pytest.raises(InputError, match=f"{WORLDS_MAX} are kept already"):
        shelf.fork("one more")


def test_a_shelf_beside_a_bare_exchange() -> None:
    story = Story()
    story.buy(LOT)
    running, history = story.world.exchange, story.world.history
    shelf = Shelf(running, history)
    beside = shelf.fork("now")
    assert replay(beside.history).used_bytes() == running.used_bytes()
    beside.submit(CommandKind.PLACE_ORDER, account=ME, symbol=BTC, side=Side.SELL, order_type=1, lots=LOT)
    assert replay(beside.history).used_bytes() == beside.exchange.used_bytes() != running.used_bytes()
    assert shelf.branch("flipped", flip_mode(ME, "BTCUSDT")).exchange.margin_mode(ME, BTC) == MarginMode.ISOLATED
    running.submit(CommandKind.ADVANCE_CLOCK)
    with pytest.raises(InputError, match=r"fork: the history has \d+ commands, the exchange has lived \d+"):
        shelf.fork("behind its back")
    bare = Shelf(running)
    assert isinstance(bare.fork("snapshot").history, MemoryHistory)
    with pytest.raises(InputError, match="came without its history: fork it first"):
        bare.branch("x")


# ---- fed by a journal


def handed_over(journaled: JournaledExchange, story: Story, start: int) -> int:
    """Hand the story's commands from `start` on to the journaled exchange. Returns how many it has now."""
    commands = np.concatenate(list(story.world.history.blocks()))
    heads = [*np.flatnonzero(commands["kind"] != CommandKind.CONTINUATION).tolist(), len(commands)]
    for first, last in itertools.pairwise(heads[start:]):
        journaled.submit_batch(commands[first:last])
    return len(heads) - 1


def test_twins_hear_of_what_a_journal_has_committed_and_a_case_is_saved_while_it_is_written(tmp_path: Path) -> None:
    story = Story(wallet=2_600)
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.do(made.leverage(ME, BTC, 20))
    with JournaledExchange.create(tmp_path / "data", story.world.history.genesis) as journaled:
        told = handed_over(journaled, story, 0)
        with TwinFeed(journaled, names={"me": ME}) as feed:
            feed.add("in cross", flip_mode("me", "BTCUSDT"))
            story.buy(LOT)
            told = handed_over(journaled, story, told)
            assert feed.report("in cross").accounts[0].positions[0].alive(0)
            story.price(38_050)
            handed_over(journaled, story, told)
            found = feed.report("in cross", accounts=["me"])
            assert "BTCUSDT, isolated, was liquidated in trunk" in found.sentence
            assert feed.names == ("in cross",)
            feed.remove("in cross")
            with pytest.raises(InputError, match="twin 'in cross' does not live along"):
                feed.report("in cross")
        with pytest.raises(InputError, match="their feed is closed"):
            feed.report("in cross")
        done = case.save(tmp_path / "data", tmp_path / "journal.case", notes="while it runs")
        assert done.state_hash == journaled.exchange.state_hash()
        early = case.save(tmp_path / "data", tmp_path / "early.case", at=after(3))
        assert early.commands == 3


def test_twins_whose_feed_breaks_say_so_to_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story()
    with JournaledExchange.create(tmp_path / "data", story.world.history.genesis) as journaled:
        with TwinFeed(journaled) as feed:
            monkeypatch.setattr(Twins, "feed", lambda self, block: 1 / 0)
            handed_over(journaled, story, 0)
            with pytest.raises(InputError, match="they stand still: ZeroDivisionError"):
                feed.report("any")
        assert journaled.exchange.state_hash() == story.world.exchange.state_hash()
