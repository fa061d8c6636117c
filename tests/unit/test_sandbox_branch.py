"""Sandbox.branch, fork and diff: the same history lived again beside the box, its accounts, its exits, what differs and why."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

import isocross as ix
from isocross.codes import CommandKind, MarginMode, Side
from isocross.errors import InputError, RewriteError
from isocross.journal.history import replay
from isocross.sandbox import Account, Sandbox
from isocross.worlds import World, fork
from tests import world as made
from tests.unit.test_branch import DOGE, ME, Story


@pytest.fixture
def box() -> Sandbox:
    return Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)


@pytest.fixture
def me(box: Sandbox) -> Account:
    return box.account("me", USDT=10_000)


def isolated_with_stop(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500, stop=57_500)


def test_the_quants_example(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"))
    for world in (box, twin):
        world.mark(BTCUSDT=51_000)
    found = ix.diff(box, twin)
    assert "me: at 2026-01-01 00:00 UTC BTCUSDT, isolated, was liquidated in sandbox (mark 51,000.00" in found.sentence
    assert "it was not: the whole cross wallet backed it; sandbox has 251.17 USDT more now." in found.sentence
    line = found.accounts[0].positions[0]
    assert (line.alive(0), line.alive(1)) == (False, True)
    assert round(me.wallet().equity - twin.accounts["me"].wallet().equity, 2) == Decimal("251.17")
    assert not twin.world.divergences


def test_a_branch_is_a_sandbox_with_the_same_accounts_and_the_box_stays_as_it_is(box: Sandbox, me: Account) -> None:
    other = box.account("other", USDT=500)
    isolated_with_stop(me)
    before, events = box.exchange.used_bytes(), box.events.tobytes()
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"), name="twin")
    assert list(twin.accounts) == ["me", "other"]
    mine = twin.account("me")
    assert mine.position("BTCUSDT").mode == "cross"
    mine.close("BTCUSDT")
    twin.account("other").deposit(USDT=5)
    twin.account("new", USDT=1)
    twin.funding(BTCUSDT="0.01%")
    twin.clock(hours=8)
    assert (box.exchange.used_bytes(), box.events.tobytes()) == (before, events)
    assert list(box.accounts) == ["me", "other"]
    assert other.wallet().cross_wallet == 500
    assert sum(balance.cash for balance in twin.balances()) == 0
    assert repr(twin).startswith("Sandbox twin (me, BTCUSDT in the other mode), binance-usdm, 2026-01-01 08:00 UTC")
    assert replay(twin.world.history).used_bytes() == twin.exchange.used_bytes()
    assert replay(box.world.history).used_bytes() == before


def test_a_branch_at_a_moment_is_the_box_of_then(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    then, bytes_then = box.moment, box.exchange.used_bytes()
    box.clock(hours=1)
    box.account("later", USDT=7)
    box.mark(BTCUSDT=51_000)
    rewound = box.branch(at=then)
    assert rewound.exchange.used_bytes() == bytes_then
    assert list(rewound.accounts) == ["me"]
    assert len(rewound.events) < len(box.events)
    assert box.branch(at="2026-01-01T00:00").exchange.used_bytes() == bytes_then
    saved = box.branch(ix.add_margin("me", "BTCUSDT", 600, at=then), ix.place_stop("me", "BTCUSDT", 52_000, at=then))
    assert [order.trigger_price for order in saved.branch(at=then).accounts["me"].orders] == [57_500]
    assert saved.accounts["me"].position("BTCUSDT").side == "flat", "the stop of 57,500 closed it"
    assert not saved.world.liquidations


def test_an_exit_that_a_rewrite_placed_ends_with_its_position(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    order = me.buy("BTCUSDT", margin=500)
    other = box.branch(ix.place_stop(me, "BTCUSDT", 57_500, at=ix.after(order)))
    assert len(other.accounts["me"].orders) == 1
    other.accounts["me"].close("BTCUSDT")
    assert not other.accounts["me"].orders
    me.close("BTCUSDT")
    again = box.branch(ix.place_stop(me, "BTCUSDT", 57_500, at=ix.after(order)))
    assert not again.accounts["me"].orders
    assert not again.world.divergences


def test_an_exit_that_the_box_cancelled_stays_where_its_position_lives(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=50)
    me.buy("BTCUSDT", margin=500, stop=40_000)
    box.mark(BTCUSDT=58_000)
    assert not me.orders, "the isolated position is gone, and its stop with it"
    me.deposit(USDT=1)
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"))
    mine = twin.accounts["me"]
    assert mine.position("BTCUSDT").side == "long"
    assert [order.trigger_price for order in mine.orders] == [40_000], "the cancel was an effect, nobody's intent"
    back = twin.branch(ix.flip_mode("me", "BTCUSDT"))
    assert not back.accounts["me"].orders
    assert back.accounts["me"].wallet() == me.wallet()


def test_a_branch_of_a_box_in_which_exits_ended_is_the_box_byte_for_byte(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    me.close("BTCUSDT")
    me.buy("ETHUSDT", margin=100, stop=2_900, take_profit=3_100)
    box.mark(ETHUSDT=2_890)
    assert box.branch().exchange.used_bytes() == box.exchange.used_bytes()
    flipped = box.branch(ix.flip_mode(me, "BTCUSDT"))
    assert not flipped.world.divergences
    assert flipped.exchange.next_sequence == box.exchange.next_sequence
    assert flipped.accounts["me"].wallet() == me.wallet(), "mode neutrality"


def test_a_fork_stands_still(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    beside = box.fork("before the fall")
    then = beside.exchange.used_bytes()
    box.mark(BTCUSDT=51_000)
    assert beside.exchange.used_bytes() == then
    assert beside.name == "before the fall"
    assert [order.trigger_price for order in beside.accounts["me"].orders] == [57_500]
    beside.accounts["me"].close("BTCUSDT")
    assert not beside.accounts["me"].orders
    assert sum(balance.cash for balance in beside.balances()) == 0


def test_what_does_not_apply_is_named(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    for rewrite, text in (
        (ix.flip_mode("you", "BTCUSDT"), "account 'you' is not in this history: expected one of me"),
        (ix.add_margin(me, "ETHUSDT", 5, at=box.moment), "me, 5 more margin for ETHUSDT, after command"),
        (ix.drop(4_000), "command 4000 is not in this history"),
        (ix.flip_mode(me, "BTCUSDT", since="2025-12-31"), "2025-12-31 00:00 UTC lies outside this history"),
    ):
        with pytest.raises(RewriteError) as raised:
            box.branch(rewrite)
        assert text in str(raised.value)


# ---- diff


def test_what_is_the_same_is_said_to_be(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    found = ix.diff(box, box.branch(name="again"))
    assert found.is_same
    assert found.sentence == "Nothing differs: sandbox and again have the same accounts, to the unit."
    assert "1 account is the same in both" in repr(found)
    assert found.frame.height == 0


def test_the_liquidation_price_differs_where_nothing_else_does(box: Sandbox, me: Account) -> None:
    isolated_with_stop(me)
    found = ix.diff(box, box.branch(ix.flip_mode(me, "BTCUSDT")))
    assert "BTCUSDT would be liquidated at 54,216.87 in sandbox and nowhere in branch" in found.sentence
    text = repr(found)
    for part in ("isolated, long 0.083", "cross, long 0.083", "liquidation price", "54,216.87", "none", "alive"):
        assert part in text
    assert "<table>" in found._repr_html_()
    money = found.accounts[0].money[0]
    assert money.equity_e8[0] == money.equity_e8[1]


def test_both_liquidated_at_different_times(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=50)
    me.buy("BTCUSDT", margin=5_000)
    box.mark(BTCUSDT=58_500)
    box.clock(hours=1)
    box.mark(BTCUSDT=55_000, depth=0)
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"))
    found = ix.diff(box, twin)
    assert "was liquidated in sandbox (mark 58,500.00" in found.sentence
    assert "in branch the cross pool (BTCUSDT) was, at 2026-01-01 01:00 UTC; sandbox has" in found.sentence
    assert (
        "the cross pool (BTCUSDT) was liquidated in branch"
        in ix.diff(twin, twin.branch(at="2026-01-01T00:00", name="early")).sentence
    )


def test_a_divergence_is_the_reason_where_nobody_died(box: Sandbox, me: Account) -> None:
    order = me.buy("BTCUSDT", qty="0.1")
    me.sell("BTCUSDT", qty="0.1")
    found = ix.diff(box, box.branch(ix.drop(order)))
    assert "they part at 2026-01-01 00:00 UTC: BTCUSDT: 0 open here, 0.1 in the base" in found.sentence
    assert found.accounts[0].divergences[0].kind.value == "position"
    box.mark(BTCUSDT=61_000)
    other = box.branch(at=ix.before(order))
    other.accounts["me"].buy("BTCUSDT", qty="0.1")
    assert "their marks are not the same now; branch has" in ix.diff(box, other).sentence


def test_only_what_differs_is_shown_and_accounts_can_be_chosen(box: Sandbox, me: Account) -> None:
    you = box.account("you", USDT=700)
    isolated_with_stop(me)
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"))
    twin.mark(BTCUSDT=59_000)
    found = ix.diff(box, twin)
    assert [one.name for one in found.accounts] == ["me"]
    assert found.same_count == 1
    chosen = ix.diff(box, twin, accounts=["you", me.number])
    assert [one.name for one in chosen.accounts] == ["you", "me"]
    assert [one.equity_difference_e8 < 0 for one in chosen.accounts] == [False, True]
    you.deposit(USDT=1)
    late = twin.account("late", USDT=3)
    found = ix.diff(box, twin)
    assert [one.name for one in found.accounts] == ["me", "you", "late"]
    assert found.accounts[2].money[0].equity_e8 == (0, 3 * 10**8)
    assert late.number == found.accounts[2].account
    data = json.loads(json.dumps(found.to_dict()))
    assert data["schema"] == "isocross.diff/1"
    assert data["accounts"][2]["money"] == [
        {"asset": "USDT", "equity": {"base": "0", "other": "3"}, "wallet": {"base": "0", "other": "3"}}
    ]
    assert data["rewrites"] == ["me, BTCUSDT in the other mode"]
    assert set(found.frame.columns) == {"account", "what", "where", "base", "other", "difference"}


def test_a_liquidation_that_leaves_a_rest_has_not_ended_the_position() -> None:
    story = Story()
    story.do(made.mode(ME, DOGE, MarginMode.ISOLATED))
    story.do(made.leverage(ME, DOGE, 10))
    story.do(made.ladder(DOGE, 12_000_000, notional="10000000"))
    story.do(made.market(ME, DOGE, Side.BUY, 400_000))
    beside = fork(story.world, "beside")
    due_e8 = beside.exchange.liquidation_price(ME, DOGE)
    assert due_e8 is not None
    for command in (made.ladder(DOGE, due_e8, notional="10000000"), made.prices((DOGE, due_e8))):
        beside.submit(command.pop("kind"), records=command.pop("records", ()), **command)
    assert [one.is_end for one in beside.liquidations] == [False]
    line = ix.diff(story.world, beside).accounts[0].positions[0]
    assert (0 < line.lots[1] < line.lots[0], line.alive(1)) == (True, True)


def test_where_only_the_marks_differ_the_holders_are_shown(box: Sandbox, me: Account) -> None:
    box.account("idle", USDT=1)
    me.buy("BTCUSDT", qty="0.1")
    beside = box.fork("beside")
    beside.mark(BTCUSDT=60_500)
    found = ix.diff(box, beside)
    assert [one.name for one in found.accounts] == ["me"]
    assert "the marks of BTCUSDT are not the same: 60,000.00 and 60,500.00" in repr(found)


def test_diff_asks_for_worlds_that_can_be_compared(box: Sandbox, me: Account) -> None:
    with pytest.raises(InputError, match="account 'you' is in neither world: expected one of me"):
        ix.diff(box, box, accounts=["you"])
    with pytest.raises(InputError, match="do not trade the same symbols"):
        ix.diff(box, Sandbox(BTCUSDT=60_000))
    assert isinstance(box.world, World)
    assert box.exchange.margin_mode(me.number, "BTCUSDT") == MarginMode.CROSS
    assert CommandKind.SET_MARGIN_MODE not in {
        int(kind) for block in box.world.history.blocks() for kind in block["kind"]
    }
