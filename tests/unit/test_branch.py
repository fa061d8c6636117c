"""Branch: what each rewrite does to a small history, what an intent becomes where positions differ, and what does not apply."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, MarginMode, OrderType, Refusal, Side
from isocross.command import canonical
from isocross.errors import InputError, RewriteError, UnknownSymbolError
from isocross.exchange import Exchange
from isocross.journal.history import Genesis, MemoryHistory, replay
from isocross.limits import BRANCH_SEQUENCE_FIRST
from isocross.units import ONE_E8
from isocross.worlds import (
    DivergenceKind,
    Moment,
    World,
    add_margin,
    after,
    before,
    drop,
    flip_mode,
    fork,
    insert,
    place_stop,
    set_leverage,
    stop_at,
)
from isocross.worlds import branch as make_branch
from isocross.worlds.rewrite import Rewrite
from tests import world as made

ME, OTHER = 2, 3
BTC, DOGE = 0, 1
LOT = 1_000  # of 0.001 BTC: one whole bitcoin


class Story:
    """A world told in a few words: two accounts, a deep maker, BTC at 40,000."""

    def __init__(self, wallet: int = 100_000, compiled: bool = True) -> None:
        rulebook = made.usual()
        self.world = World.new(Genesis(rulebook, tuple(rulebook.symbols)), "base", compiled=compiled)
        self.time_ms = made.START_MS
        for account in (ME, OTHER):
            self.do(made.account(account))
            self.do(made.deposit(account, wallet * ONE_E8))
        self.do(made.fund(10**14))
        self.do(made.prices((BTC, 40_000 * ONE_E8), (DOGE, 12_000_000)))
        self.price(40_000)

    def do(self, command: made.Command, **fields: Any) -> Any:
        """Apply and record a command, a second after the last."""
        given = command | fields
        self.time_ms += 1_000
        return self.world.submit(given.pop("kind"), time_ms=self.time_ms, records=given.pop("records", ()), **given)

    def price(self, price: int, depth: str = "10000000") -> Any:
        """The maker moves, then the mark."""
        self.do(made.ladder(BTC, price * ONE_E8, notional=depth))
        return self.do(made.prices((BTC, price * ONE_E8)))

    def buy(self, lots: int, **fields: int) -> Any:
        """A market order, or with price_ticks a limit order, of ME in BTC."""
        return self._order(Side.BUY, lots, **fields)

    def sell(self, lots: int, **fields: int) -> Any:
        """The other way."""
        return self._order(Side.SELL, lots, **fields)

    def _order(self, side: Side, lots: int, price: int | None = None, **fields: int) -> Any:
        if price is None:
            return self.do(made.market(ME, BTC, side, lots, **fields))
        return self.do(made.limit(ME, BTC, side, price * 10, lots, **fields))

    def lots(self) -> int:
        """Open lots of ME in BTC."""
        return lots(self.world)


def lots(world: World) -> int:
    """Open lots of ME in BTC."""
    return world.exchange.position(ME, BTC).lots


def kinds(world: World) -> list[DivergenceKind]:
    """Of its divergences, in order."""
    return [one.kind for one in world.divergences]


def branch(base: World, *rewrites: Rewrite, **options: Any) -> World:
    """A branch, whose own history makes it again."""
    world = make_branch(base, *rewrites, **options)
    assert replay(world.history).used_bytes() == world.exchange.used_bytes()
    return world


def stopped(story: Story, order: Any, price: int = 39_000) -> World:
    """The branch in which a stop closes the position that an order opened."""
    return branch(story.world, place_stop(ME, "BTCUSDT", price, at=after(order)))


# ---- rewrites


def test_flipped_the_account_lives_in_the_other_mode_and_its_own_commands_are_left_out() -> None:
    story = Story()
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.do(made.leverage(ME, BTC, 10))
    story.buy(LOT)
    twin = branch(story.world, flip_mode(ME, "BTCUSDT"))
    assert twin.exchange.position(ME, BTC).margin_mode == MarginMode.CROSS
    assert story.world.exchange.position(ME, BTC).margin_mode == MarginMode.ISOLATED
    assert twin.exchange.leverage(ME, BTC) == 10
    assert not twin.divergences
    assert twin.length == story.world.length - 1, "cross is where the account begins: nothing is put in"
    back = branch(twin, flip_mode(ME, "BTCUSDT"))
    assert back.exchange.position(ME, BTC) == story.world.exchange.position(ME, BTC)


def test_flipped_since_a_moment_only_the_trade_of_then_is_in_the_other_mode() -> None:
    story = Story()
    story.buy(LOT)
    story.sell(LOT)
    second = story.buy(2 * LOT)
    story.do(made.ladder(BTC, 40_000 * ONE_E8))
    story.sell(2 * LOT)
    story.buy(LOT)
    history = list(branch(story.world, flip_mode(ME, "BTCUSDT", since=after(second))).history.blocks())
    commands = np.concatenate(history)
    at = int(np.flatnonzero(commands["kind"] == CommandKind.SET_MARGIN_MODE)[0])
    assert commands["sequence"][at + 1] == second.sequence
    assert commands["sequence"][at] == BRANCH_SEQUENCE_FIRST
    assert commands["margin_mode"][at] == MarginMode.ISOLATED


def test_what_the_account_set_before_the_flipped_trade_stays() -> None:
    story = Story()
    isolated = story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.buy(LOT)
    story.sell(LOT)
    second = story.buy(LOT)
    twin = branch(story.world, flip_mode(ME, "BTCUSDT", since=after(second)))
    commands = np.concatenate(list(twin.history.blocks()))
    modes = commands[commands["kind"] == CommandKind.SET_MARGIN_MODE]
    assert modes["sequence"].tolist() == [isolated.sequence, BRANCH_SEQUENCE_FIRST]
    assert twin.exchange.position(ME, BTC).margin_mode == MarginMode.CROSS
    early = branch(story.world, drop(isolated.sequence - 1), flip_mode(ME, "BTCUSDT", since=after(second)))
    kept = np.concatenate(list(early.history.blocks()))
    assert kept["sequence"][kept["kind"] == CommandKind.SET_MARGIN_MODE].tolist() == modes["sequence"].tolist()


def test_a_branch_of_a_branch_reads_events_by_their_commands_though_numbers_go_back() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    sold = story.sell(LOT)
    paid = {"account": ME, "asset": 0, "amount_e8": ONE_E8}
    richer = branch(story.world, insert(CommandKind.DEPOSIT, at=before(sold), **paid))
    in_one_block = MemoryHistory(richer.history.genesis)
    in_one_block.append(np.concatenate(list(richer.history.blocks())))
    other = make_branch(in_one_block, place_stop(ME, "BTCUSDT", 39_000, at=after(order)))
    assert kinds(other) == [DivergenceKind.POSITION, DivergenceKind.REDUCE_ONLY]
    assert [one.sequence for one in other.divergences] == [sold.sequence - 1, sold.sequence]
    assert other.last_sequence == story.world.last_sequence


def test_a_flip_of_who_never_trades_is_put_in_at_the_end_and_holds_for_what_comes() -> None:
    story = Story()
    twin = branch(story.world, flip_mode(ME, "BTCUSDT"))
    assert twin.exchange.margin_mode(ME, BTC) == MarginMode.ISOLATED
    assert twin.length == story.world.length + 1


def test_another_leverage_changes_the_margin_of_the_same_lots() -> None:
    story = Story()
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.do(made.leverage(ME, BTC, 20))
    story.buy(LOT)
    other = branch(story.world, set_leverage(ME, "BTCUSDT", 5))
    there, here = story.world.exchange.position(ME, BTC), other.exchange.position(ME, BTC)
    assert (here.lots, here.leverage) == (there.lots, 5)
    assert here.isolated_wallet_e8 > 3 * there.isolated_wallet_e8
    again = branch(story.world, set_leverage(ME, "BTCUSDT", "20x"))
    assert again.exchange.used_bytes()["positions"] == story.world.exchange.used_bytes()["positions"]


def test_margin_is_added_at_its_moment_and_saves_the_position() -> None:
    story = Story()
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.do(made.leverage(ME, BTC, 20))
    order = story.buy(LOT)
    story.price(38_100)
    assert story.lots() == 0
    saved = branch(story.world, add_margin(ME, "BTCUSDT", 500, at=after(order)))
    assert lots(saved) == LOT
    assert kinds(saved) == [DivergenceKind.LIQUIDATED]
    assert "BTCUSDT liquidated in the base: 1 open here, 0 in the base" in saved.divergences[0].text
    moment = story.world.exchange.time_ms - 2_000  # the order's own time
    between = branch(story.world, add_margin(ME, "BTCUSDT", 500, at=moment + 400), at=moment + 600)
    assert between.exchange.time_ms == moment + 400
    by_time = branch(story.world, add_margin(ME, "BTCUSDT", 500, at=moment))
    assert by_time.exchange.position(ME, BTC) == saved.exchange.position(ME, BTC)


def test_a_stop_is_placed_at_its_moment() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    other = stopped(story, order)
    assert lots(other) == 0
    assert story.lots() == LOT
    assert kinds(other) == [DivergenceKind.POSITION]


def test_a_dropped_command_leaves_a_hole_and_a_cancel_means_the_same_order() -> None:
    story = Story()
    first = story.buy(LOT, price=30_000)
    second = story.buy(LOT, price=31_000)
    story.do({"kind": CommandKind.CANCEL_ORDER, "account": ME, "order_id": second.order_id})
    other = branch(story.world, drop(first))
    assert [order.order_id for order in other.exchange.orders(ME)] == []
    assert not other.divergences
    both = branch(story.world, drop(second))
    assert [order.order_id for order in both.exchange.orders(ME)] == [first.order_id]
    assert kinds(both) == [DivergenceKind.DROPPED]
    assert f"#{second.order_id} is left out" in both.divergences[0].text


def test_an_inserted_command_takes_a_number_of_the_branches_and_shifts_no_other() -> None:
    story = Story()
    order = story.buy(LOT, price=30_000)
    more = branch(story.world, insert(CommandKind.DEPOSIT, at=before(order), account=ME, asset=0, amount_e8=ONE_E8))
    assert more.exchange.wallet(ME).cross_wallet_e8 == story.world.exchange.wallet(ME).cross_wallet_e8 + ONE_E8
    assert more.exchange.orders(ME) == story.world.exchange.orders(ME)
    assert more.exchange.next_sequence == story.world.exchange.next_sequence
    again = branch(more, insert(CommandKind.DEPOSIT, at=more.moment, account=ME, asset=0, amount_e8=ONE_E8))
    assert again.last_sequence == BRANCH_SEQUENCE_FIRST + 1


def test_a_branch_stops_at_an_event() -> None:
    story = Story(wallet=2_500)
    story.buy(LOT)
    fall = story.price(37_000)
    assert story.world.liquidations
    story.price(45_000)
    other = branch(story.world, stop_at("liquidation", account=ME, symbol=None))
    assert other.stopped_at == other.moment == after(fall)
    assert other.exchange.mark_e8(BTC) == 37_000 * ONE_E8
    saved = branch(story.world, stop_at(account=ME), set_leverage(ME, "BTCUSDT", 125), flip_mode(ME, "BTCUSDT"))
    assert saved.stopped_at == after(fall), "isolated at 125x it dies in the same fall"
    assert len(saved.liquidations) == 1
    never = branch(story.world, stop_at("adl"))
    assert never.stopped_at is None
    assert never.length == story.world.length


def test_rewrites_compose_in_their_order() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(39_000)
    both = branch(
        story.world,
        flip_mode(ME, "BTCUSDT"),
        set_leverage(ME, "BTCUSDT", 10),
        add_margin(ME, "BTCUSDT", 100, at=after(order)),
    )
    position = both.exchange.position(ME, BTC)
    assert (position.margin_mode, position.leverage) == (MarginMode.ISOLATED, 10)
    assert position.isolated_wallet_e8 > 4_100 * ONE_E8
    assert len(both.rewrites) == 3


# ---- where a branch stands, and what it leaves alone


def test_a_branch_rewinds_to_a_moment_and_goes_on_by_itself() -> None:
    story = Story()
    order = story.buy(LOT)
    at = story.world.exchange.time_ms
    story.price(39_000)
    story.sell(LOT)
    kept = canonical(np.concatenate(list(story.world.history.blocks()))).tobytes(), story.world.exchange.used_bytes()
    for moment in (after(order), at, Moment(time_ms=at)):
        rewound = branch(story.world, at=moment)
        assert lots(rewound) == LOT
        assert rewound.moment == after(order)
        rewound.submit(
            CommandKind.PLACE_ORDER, account=ME, symbol=BTC, side=Side.SELL, order_type=OrderType.MARKET, lots=1
        )
        assert lots(rewound) == LOT - 1
        assert replay(rewound.history).used_bytes() == rewound.exchange.used_bytes()
    assert branch(story.world, at=before(order)).length == branch(story.world, at=after(order)).length - 1
    again = canonical(np.concatenate(list(story.world.history.blocks()))).tobytes(), story.world.exchange.used_bytes()
    assert again == kept


def test_a_fork_stands_still_while_the_trunk_goes_on() -> None:
    story = Story()
    story.buy(LOT)
    beside = fork(story.world, "before the fall")
    then = beside.exchange.used_bytes()
    story.price(30_000)
    assert beside.exchange.used_bytes() == then
    assert beside.name == "before the fall"
    assert replay(beside.history).used_bytes() == then
    beside.submit(CommandKind.DEPOSIT, account=ME, asset=0, amount_e8=ONE_E8)
    assert replay(beside.history).used_bytes() == beside.exchange.used_bytes() != then
    assert lots(branch(beside, flip_mode(ME, "BTCUSDT"))) == LOT


def test_a_fork_of_a_bare_exchange_begins_with_a_snapshot() -> None:
    story = Story()
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    order = story.buy(LOT)
    running: Exchange = story.world.exchange
    beside = fork(running, "beside")
    assert beside.exchange.state_hash() == running.state_hash()
    beside.submit(CommandKind.ADD_MARGIN, account=ME, symbol=BTC, amount_e8=ONE_E8)
    assert replay(beside.history).state_hash() == beside.exchange.state_hash() != running.state_hash()
    with pytest.raises(RewriteError, match="account 2, BTCUSDT in the other mode: the exchange refuses it there"):
        branch(beside, flip_mode(ME, "BTCUSDT"))
    with pytest.raises(RewriteError, match=f"command {order.sequence} is not in this history"):
        branch(beside, drop(order))


def test_plain_and_compiled_branches_are_the_same() -> None:
    worlds = []
    for compiled in (True, False):
        story = Story(compiled=compiled)
        order = story.buy(LOT)
        story.price(38_000)
        story.sell(LOT)
        worlds.append(branch(story.world, place_stop(ME, "BTCUSDT", 39_000, at=after(order)), compiled=compiled))
    assert worlds[0].exchange.used_bytes() == worlds[1].exchange.used_bytes()
    assert worlds[0].divergences == worlds[1].divergences != []


def test_a_branch_hands_out_all_events_of_its_life() -> None:
    story = Story()
    story.buy(LOT)
    seen: list[np.ndarray] = []
    branch(story.world, flip_mode(ME, "BTCUSDT"), on_events=lambda events: seen.append(events.copy()))
    events = np.concatenate(seen)
    assert (events["kind"] == EventKind.ACCOUNT_CREATED).sum() == 2
    assert (events["kind"] == EventKind.MARGIN_MODE_SET).sum() == 1
    assert (np.diff(events["time_ms"]) >= 0).all()


def test_what_is_previewed_is_not_recorded() -> None:
    world = Story().world
    with world.exchange.previewing(), pytest.raises(InputError, match="a preview is open"):
        world.submit(CommandKind.ADVANCE_CLOCK)
    assert replay(world.history).used_bytes() == world.exchange.used_bytes()


# ---- intents


def test_an_order_that_closed_in_the_base_opens_nothing_here() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    story.sell(LOT)
    other = stopped(story, order)
    assert lots(other) == 0
    assert kinds(other) == [DivergenceKind.POSITION, DivergenceKind.REDUCE_ONLY]
    assert "sell 1 BTCUSDT may only reduce here and is refused (REDUCE_ONLY_REJECTED)" in other.divergences[1].text


def test_an_order_that_closed_a_part_closes_what_there_is() -> None:
    story = Story()
    story.buy(LOT)
    second = story.buy(2 * LOT)
    story.sell(2 * LOT)
    less = branch(story.world, drop(second))
    assert (story.lots(), lots(less)) == (LOT, 0)
    assert kinds(less)[1:] == [DivergenceKind.REDUCE_ONLY]


def test_an_order_that_turned_the_position_is_split() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    story.sell(3 * LOT)
    other = stopped(story, order)
    assert (story.lots(), lots(other)) == (-2 * LOT, -2 * LOT)
    assert kinds(other) == [DivergenceKind.POSITION, DivergenceKind.SPLIT]
    assert "1 may only reduce here and is refused (REDUCE_ONLY_REJECTED), 2 opens" in other.divergences[1].text


def test_an_order_that_turned_the_position_is_split_where_it_would_be_refused_whole() -> None:
    story = Story(wallet=9_000)
    story.buy(LOT)
    story.sell(3 * LOT)
    assert story.lots() == -2 * LOT
    low = branch(story.world, set_leverage(ME, "BTCUSDT", 5))
    assert lots(low) == 0, "it closes, and what opens is refused"
    assert kinds(low) == [DivergenceKind.SPLIT, DivergenceKind.POSITION]
    assert "2 opens and is refused (MARGIN_INSUFFICIENT)" in low.divergences[0].text


def test_what_expired_in_the_base_opens_nothing_here() -> None:
    story = Story()
    order = story.buy(LOT)
    story.do(made.ladder(BTC, 38_000 * ONE_E8, notional="0"))
    bid = story.do(made.limit(OTHER, BTC, Side.BUY, 380_000, LOT // 2))
    assert bid.is_accepted
    story.do(made.prices((BTC, 38_000 * ONE_E8)))
    story.do(made.limit(ME, BTC, Side.SELL, 380_000, 5 * LOT, time_in_force=1))
    assert story.lots() == LOT // 2
    other = branch(
        story.world,
        drop(order),
        insert(
            CommandKind.PLACE_ORDER,
            at=after(bid),
            account=OTHER,
            symbol=BTC,
            side=Side.BUY,
            price_ticks=380_000,
            lots=9 * LOT,
        ),
    )
    assert lots(other) == 0, "it only ever closed"
    assert DivergenceKind.REDUCE_ONLY in kinds(other)


def test_a_resting_order_that_is_split_is_cancelled_whole() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    limit = story.sell(3 * LOT, price=45_000)
    cancel = story.do({"kind": CommandKind.CANCEL_ORDER, "account": ME, "order_id": limit.order_id})
    other = branch(story.world, place_stop(ME, "BTCUSDT", 39_000, at=after(order)), at=before(cancel))
    assert [one.lots for one in other.exchange.orders(ME)] == [2 * LOT]
    assert other.exchange.orders(ME)[0].order_id // 1024 > BRANCH_SEQUENCE_FIRST
    assert not stopped(story, order).exchange.orders(ME)


def test_a_smaller_position_splits_a_resting_order_into_two_and_a_cancel_takes_both() -> None:
    story = Story()
    story.buy(LOT)
    second = story.buy(LOT)
    limit = story.sell(3 * LOT, price=45_000)
    cancel = story.do({"kind": CommandKind.CANCEL_ORDER, "account": ME, "order_id": limit.order_id})
    less = branch(story.world, drop(second), at=before(cancel))
    assert [(one.lots, one.is_reduce_only) for one in less.exchange.orders(ME)] == [(2 * LOT, True), (LOT, False)]
    assert not branch(story.world, drop(second)).exchange.orders(ME)


def test_a_resting_order_is_withdrawn_before_it_opens_what_it_closed_in_the_base() -> None:
    story = Story()
    order = story.buy(LOT)
    story.sell(LOT, price=41_000)
    story.price(38_000)
    story.price(42_000)
    assert story.lots() == 0
    other = stopped(story, order)
    assert lots(other) == 0
    assert kinds(other) == [DivergenceKind.POSITION, DivergenceKind.WITHDRAWN]
    assert not other.exchange.orders(ME)


def test_a_resting_order_that_may_still_close_a_part_is_placed_anew_as_reduce_only() -> None:
    story = Story()
    story.buy(2 * LOT)
    limit = story.sell(3 * LOT, price=41_000)
    story.price(42_000)
    assert story.lots() == -LOT
    half = {"account": ME, "symbol": BTC, "side": Side.SELL, "order_type": OrderType.MARKET, "lots": LOT}
    less = branch(story.world, insert(CommandKind.PLACE_ORDER, at=after(limit), **half))
    assert lots(less) == -LOT, "one closes, one opens as in the base, and the third would open what it closed there"
    assert kinds(less) == [DivergenceKind.POSITION, DivergenceKind.WITHDRAWN]


@pytest.mark.parametrize("closing", [LOT, 3 * LOT])
def test_a_conditional_with_a_quantity_is_withdrawn_like_an_order(closing: int) -> None:
    story = Story()
    order = story.buy(LOT)
    plain = {"account": ME, "symbol": BTC, "side": Side.SELL, "order_type": OrderType.STOP_MARKET}
    story.do({"kind": CommandKind.PLACE_CONDITIONAL, **plain, "trigger_ticks": 380_000, "lots": closing})
    story.price(38_900)
    story.price(37_900)
    assert story.lots() == LOT - closing
    other = stopped(story, order)
    assert lots(other) == min(0, LOT - closing), "what it closed in the base it does not open here"
    assert DivergenceKind.WITHDRAWN in kinds(other)


def test_an_order_against_the_position_that_rests_may_only_reduce_where_there_is_none() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    story.sell(LOT, price=45_000)
    other = stopped(story, order)
    assert not other.exchange.orders(ME)
    assert kinds(other) == [DivergenceKind.POSITION, DivergenceKind.REDUCE_ONLY]


def test_what_only_one_world_refuses_is_told() -> None:
    story = Story()
    story.do(made.mode(ME, BTC, MarginMode.ISOLATED))
    story.buy(LOT)
    story.do({"kind": CommandKind.ADD_MARGIN, "account": ME, "symbol": BTC, "amount_e8": ONE_E8})
    twin = branch(story.world, flip_mode(ME, "BTCUSDT"))
    assert [str(one.kind.value) for one in twin.divergences] == ["refused"]
    assert "add margin is refused here (MARGIN_NOT_ISOLATED)" in twin.divergences[0].text
    story = Story(wallet=2_500)
    story.buy(2 * LOT)
    assert story.lots() == 0
    richer = branch(story.world, set_leverage(ME, "BTCUSDT", 100))
    assert lots(richer) == 2 * LOT
    assert kinds(richer) == [DivergenceKind.ACCEPTED, DivergenceKind.POSITION]
    assert "refused in the base (MARGIN_INSUFFICIENT)" in richer.divergences[0].text


def test_worlds_that_meet_again_part_again() -> None:
    story = Story()
    first = story.buy(LOT)
    story.sell(LOT)
    third = story.buy(LOT)
    other = branch(story.world, drop(first), drop(third))
    assert kinds(other) == [DivergenceKind.POSITION, DivergenceKind.REDUCE_ONLY, DivergenceKind.POSITION]


@pytest.mark.parametrize("wrong", [{"side": -1}, {"order_type": 99}, {"position_side": 7}, {"symbol": 50}])
def test_an_order_that_is_none_is_refused_here_too(wrong: dict[str, int]) -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(38_000)
    story.do(made.market(ME, BTC, Side.SELL, LOT) | wrong)
    story.do(
        {"kind": CommandKind.PLACE_CONDITIONAL, "account": ME, "symbol": BTC, "side": Side.SELL, "lots": LOT} | wrong
    )
    assert kinds(stopped(story, order)) == [DivergenceKind.POSITION]


def test_other_accounts_are_submitted_as_they_were() -> None:
    story = Story()
    story.do(made.ladder(BTC, 40_000 * ONE_E8, notional="0"))
    bid = story.buy(LOT, price=39_900)
    story.do(made.market(OTHER, BTC, Side.SELL, LOT))
    story.do(made.ladder(BTC, 40_000 * ONE_E8))
    story.do(made.market(OTHER, BTC, Side.BUY, LOT))
    assert story.world.exchange.position(OTHER, BTC).lots == 0
    other = branch(story.world, drop(bid))
    assert other.exchange.position(OTHER, BTC).lots == LOT, "nobody bought from it, and it still buys"


# ---- what does not apply


def no_such(story: Story) -> list[tuple[Rewrite, str]]:
    """Rewrites that do not apply, and a piece of what is said."""
    start, now = made.START_MS, story.world.exchange.time_ms
    return [
        (flip_mode(9, "BTCUSDT"), "account 9 is not in this history up to there: nothing opens it"),
        (flip_mode(1, "BTCUSDT"), "account 1 is the house: expected a trader's"),
        (flip_mode(0, "BTCUSDT"), "account 0 is the insurance fund"),
        (flip_mode("bob", "BTCUSDT"), "account 'bob' is not in this history: expected one of me"),
        (flip_mode(None, "BTCUSDT"), "account None is not in this history"),
        (add_margin(ME, "BTCUSDT", 5, at=start - 1), "2023-11-14 22:13:19 UTC lies outside this history, which has"),
        (add_margin(ME, "BTCUSDT", 5, at=now + 1), "lies outside this history"),
        (add_margin(ME, "BTCUSDT", 5, at=after(999)), "command 999 is not in this history, which has"),
        (add_margin(ME, "BTCUSDT", 5, at=now), "(MARGIN_NOT_ISOLATED)"),
        (place_stop(ME, "DOGEUSDT", "0.1", at=now), "stop of DOGEUSDT at 0.1"),
        (place_stop(ME, "BTCUSDT", "0.01", at=now), "stop (BTCUSDT, tick): 0.01 is not a multiple of 0.1"),
        (place_stop(ME, "BTCUSDT", 41_000, at=now), "(WOULD_TRIGGER_IMMEDIATELY)"),
        (drop(12_345), "command 12345 is not in this history, which has"),
        (
            set_leverage(ME, "BTCUSDT", 1_000),
            "account 2, BTCUSDT at 1000x: the exchange refuses it there (LEVERAGE_OUT",
        ),
        (insert(CommandKind.WITHDRAW, at=now, account=ME, asset=0, amount_e8=10**17), "(WITHDRAW_TOO_LARGE)"),
    ]


@pytest.mark.parametrize("number", range(15))
def test_a_rewrite_that_does_not_apply_names_the_thing(number: int) -> None:
    story = Story()
    story.buy(LOT)
    rewrites = no_such(story)
    assert len(rewrites) == 15
    rewrite, text = rewrites[number]
    with pytest.raises(InputError) as raised:
        branch(story.world, rewrite, names={"me": ME})
    assert text in str(raised.value)


def test_symbols_names_and_moments_are_checked() -> None:
    story = Story()
    order = story.buy(LOT)
    story.price(39_000)
    with pytest.raises(UnknownSymbolError):
        branch(story.world, flip_mode(ME, "BTCUSD"))
    rulebook = made.usual()
    small = World.new(Genesis(rulebook, ("BTCUSDT",)))
    small.submit(CommandKind.CREATE_ACCOUNT, account=ME)
    with pytest.raises(RewriteError, match="DOGEUSDT does not trade in this history: expected BTCUSDT"):
        branch(small, flip_mode(ME, "DOGEUSDT"))
    with pytest.raises(RewriteError, match="comes after the end of the branch"):
        branch(story.world, add_margin(ME, "BTCUSDT", 5, at=story.world.moment), at=after(order))
    with pytest.raises(RewriteError, match="comes after the end of the branch"):
        branch(story.world, drop(story.world.last_sequence), at=after(order))
    with pytest.raises(RewriteError, match="account 2 is not in this history up to there"):
        branch(story.world, flip_mode(ME, "BTCUSDT"), at=Moment(sequence=0))
    assert (
        branch(story.world, flip_mode("me", "BTCUSDT"), names={"me": ME}).exchange.margin_mode(ME, BTC)
        == MarginMode.ISOLATED
    )
    for wrong, text in (
        (lambda: branch(story.world, "flip"), "expected a rewrite"),
        (lambda: flip_mode(ME, "BTCUSDT", to="hybrid"), "expected isolated or cross"),
        (lambda: insert(CommandKind.DEPOSIT, at=0, amount=3), "amount: not a field of a command"),
        (lambda: stop_at("doomsday"), "expected liquidation, or one of"),
        (lambda: after("soon"), "expected the sequence number of a command"),
        (lambda: Moment(), "expected the sequence number of a command, or a time"),
    ):
        with pytest.raises(InputError, match=text):
            wrong()


def test_an_account_that_always_trades_cannot_be_flipped_at_that_moment() -> None:
    story = Story()
    order = story.buy(LOT)
    beside = fork(story.world.exchange, "beside")
    beside.submit(CommandKind.PLACE_ORDER, account=ME, symbol=BTC, side=Side.BUY, order_type=OrderType.MARKET, lots=1)
    with pytest.raises(RewriteError, match="account 2 is never without a position or an order in BTCUSDT up to there"):
        branch(beside, flip_mode(ME, "BTCUSDT", since=beside.moment))
    assert order.refusal == Refusal.NONE


def test_an_empty_history_has_an_empty_branch() -> None:
    empty = World.new(Genesis(made.usual(), ("BTCUSDT",)))
    one = branch(empty)
    assert one.exchange.used_bytes() == empty.exchange.used_bytes()
    one.submit(CommandKind.CREATE_ACCOUNT, account=ME)
    assert one.length == 1
    assert isinstance(empty.history, MemoryHistory)
    with pytest.raises(RewriteError, match="lies outside this history, which has no command"):
        branch(empty, at=0)
