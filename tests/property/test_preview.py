"""Preview: what is shown before an order is what the order does, to the unit, in every mode and any state; and no byte changes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from isocross.codes import (
    CommandKind,
    EventKind,
    MarginMode,
    OrderType,
    PositionMode,
    PositionSide,
    Refusal,
    Side,
    TimeInForce,
)
from isocross.exchange import Exchange
from isocross.journal.history import Genesis
from isocross.units import ONE_E8
from isocross.worlds import World
from isocross.worlds.outcome import Change, Outcome
from isocross.worlds.preview import Basis, PreviewColumn, branches_of, preview
from tests import invariants, world
from tests.strategies import Life

Ask = list[tuple[CommandKind, dict[str, Any]]]


def drawn_ask(rng: random.Random, exchange: Exchange, account: int, symbol: int) -> Ask:
    """An order of any kind and size, often with exits, sometimes after a leverage command."""
    rules, mark = exchange.rules(symbol), exchange.mark_e8(symbol)
    leg = {}
    if exchange.position_mode(account) == PositionMode.HEDGE:
        leg = {"position_side": rng.choice([PositionSide.LONG, PositionSide.SHORT])}
    held = exchange.position(account, symbol, leg.get("position_side")).lots
    worth = max(1, rules.step_e8 * mark // ONE_E8)
    room = exchange.wallet(account, rules.margin_asset).available_e8 * exchange.leverage(account, symbol) // worth
    least = rules.min_notional_e8 // worth + 1
    lots = rng.choice(
        [1, least, max(least, room // 10), max(least, room // 2), max(1, room), abs(held) or least, 2 * abs(held) + 1]
    )
    order = {
        "account": account,
        "symbol": symbol,
        "side": rng.choice([Side.BUY, Side.SELL]),
        "order_type": rng.choice([OrderType.MARKET, OrderType.LIMIT]),
        "lots": min(lots, rules.lots_max),
        "time_in_force": rng.choice(
            [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX]
        ),
        "is_reduce_only": int(rng.random() < 0.15),
        **leg,
    }
    if order["order_type"] == OrderType.LIMIT:
        ticks = mark * rng.randint(970_000, 1_030_000) // 1_000_000 // rules.tick_e8
        order["price_ticks"] = max(1, min(ticks, rules.price_max_ticks))
    asked: Ask = [(CommandKind.PLACE_ORDER, order)]
    if rng.random() < 0.3:
        away = rng.randint(900_000, 1_100_000)
        trigger = max(1, mark * away // 1_000_000 // rules.tick_e8)
        exit_order = {"account": account, "symbol": symbol, "side": 1 - order["side"], "is_close_position": 1, **leg}
        kind = rng.choice([OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET])
        asked.append((CommandKind.PLACE_CONDITIONAL, exit_order | {"order_type": kind, "trigger_ticks": trigger}))
    return asked


def done_on_a_copy(column: PreviewColumn, asked: Ask) -> tuple[Exchange, list[Any]]:
    """The column's world after really doing it: all or nothing."""
    exchange = column.setting.exchange.copy()
    for kind, fields in column.setting.switches:
        exchange.submit(kind, **fields).raise_if_refused()
    trial, results = exchange.copy(), []
    for kind, fields in asked:
        results.append(trial.submit(kind, **fields))
        if not results[-1].is_accepted:
            return exchange, results
    return trial, results


def assert_is_what_happens(column: PreviewColumn, account: int, symbol: int, asked: Ask) -> None:
    """Every number of an outcome against the exchange that really did it, and its events."""
    shown = column.outcome
    assert shown is not None
    done, results = done_on_a_copy(column, asked)
    rules = done.rules(symbol)
    assert [one.refusal for one in shown.results] == [one.refusal for one in results]
    assert shown.refusal == results[-1].refusal
    for one, other in zip(shown.results, results, strict=True):
        assert np.array_equal(one.events, other.events)
    assert shown.after == done.wallet(account, rules.margin_asset)
    assert shown.position.after == done.position(account, symbol, shown.position.after.position_side)
    shown_after = {(change.after.symbol, change.after.position_side): change.after for change in shown.positions}
    for leg, position in shown_after.items():
        assert position == done.position(account, *leg)
    for one in done.positions(account):
        leg = one.symbol, one.position_side
        if leg not in shown_after and done.rules(one.symbol).margin_asset == rules.margin_asset:
            before = column.setting.exchange.positions(account)
            assert shown.refusal != Refusal.NONE or leg in {(p.symbol, p.position_side) for p in before}
    if shown.refusal != Refusal.NONE:
        assert shown.after == shown.before and shown.cost_e8 == 0
        return
    assert_adds_up(shown, account, results)
    order = done.order(results[0].order_id)
    assert shown.resting_lots == (order.lots if order is not None else 0)


def assert_adds_up(shown: Outcome, account: int, results: list[Any]) -> None:
    """Fills, expiry and rest are all of the order; money is where the events say."""
    fills = [e for one in results for e in one.events if e["kind"] == EventKind.FILLED and e["account"] == account]
    own = [fill for fill in fills if fill["order_id"] == results[0].order_id]
    assert shown.filled_lots == sum(int(fill["lots"]) for fill in own)
    assert shown.fee_e8 == sum(int(fill["fee_e8"]) for fill in own)
    assert shown.value_e8 == sum(int(fill["value_e8"]) for fill in own)
    accepted = next(e for e in results[0].events if e["kind"] == EventKind.ACCEPTED)
    assert shown.filled_lots + shown.expired_lots + shown.resting_lots == int(accepted["lots"])
    if shown.liquidations:
        return
    realized = sum(int(fill["amount_e8"]) for fill in fills)  # older orders of the account may be filled on the way
    before, after = shown.position
    if after.margin_mode == MarginMode.ISOLATED and not realized:
        kept = after.isolated_wallet_e8 - before.isolated_wallet_e8
        assert kept == shown.moved_in_e8 - shown.moved_back_e8
    change = (shown.after.cross_wallet_e8 + shown.after.isolated_wallets_e8) - (
        shown.before.cross_wallet_e8 + shown.before.isolated_wallets_e8
    )
    fees = sum(int(fill["fee_e8"]) for fill in fills)
    assert change == realized - fees, "wallets change by what is realized and the fees alone"


def assert_no_worse_than_said(column: PreviewColumn, account: int, symbol: int, asked: Ask) -> bool:
    """Take the price away, to either end: the account loses no more by what is open than was said.

    Only where no order of its own is open in the asset: one that fills moves more in, an exit that is released pays its fee.
    """
    shown = column.outcome
    if shown is None or shown.most_lost_e8 is None or shown.refusal != Refusal.NONE:
        return False
    closed = 0
    rules = column.setting.exchange.rules(symbol)
    is_isolated = shown.position.after.margin_mode == MarginMode.ISOLATED
    for share in (60, 97, 103, 160):
        done, _ = done_on_a_copy(column, asked)
        if done.orders(account):
            return False
        mark = max(1, done.mark_e8(symbol) * share // 100)
        done.submit(
            CommandKind.PRICES, records=[{"symbol": done.symbol_row(symbol), "index_e8": min(mark, rules.price_max_e8)}]
        )
        wallet = done.wallet(account, rules.margin_asset)
        if done.position(account, symbol, shown.position.after.position_side).lots:
            continue
        closed += 1
        if is_isolated:
            had = shown.before.cross_wallet_e8 + shown.position.before.isolated_wallet_e8
            assert had - wallet.cross_wallet_e8 <= shown.most_lost_e8
        else:
            assert shown.before.margin_balance_e8 - wallet.margin_balance_e8 <= shown.most_lost_e8
    return closed > 0


def shown_is_what_happens(seed: int, length: int) -> dict[str, int]:
    """Preview orders along one life. Returns how often what was seen."""
    exchange = Exchange(world.rulebook_of(seed))
    life, rng = Life(seed, exchange), random.Random(f"preview {seed}")
    seen = {"isolated": 0, "cross": 0, "refused": 0, "blocked": 0, "taken": 0}
    for number in range(length):
        world.submit(exchange, life.next())
        if number < 20 or number % 4:
            continue
        account, symbol = rng.choice(life.users), rng.randrange(len(exchange.symbols))
        if account >= len(exchange.table("accounts")) or not exchange.table("accounts")["is_open"][account]:
            continue
        if exchange.table("accounts")["is_house"][account] or not exchange.mark_e8(symbol):
            continue
        asked = drawn_ask(rng, exchange, account, symbol)
        before = exchange.used_bytes()
        columns = preview(exchange, account, symbol, asked)
        invariants.assert_same_rows(before, exchange.used_bytes())
        assert [one.name for one in columns[:2]] == ["isolated", "cross"]
        for column in columns:
            if column.basis is Basis.NONE:
                seen["blocked"] += 1
                assert column.outcome is None and column.setting.refusals
                continue
            assert_is_what_happens(column, account, symbol, asked)
            seen["taken"] += assert_no_worse_than_said(column, account, symbol, asked)
            assert column.outcome is not None
            seen[column.name if column.outcome.refusal == Refusal.NONE else "refused"] += 1
    return seen


def test_what_is_shown_is_what_happens() -> None:
    seen = [shown_is_what_happens(seed, 160) for seed in range(21, 26)]
    assert all(sum(one[what] for one in seen) > 2 for what in seen[0]), seen


@pytest.mark.full
@pytest.mark.parametrize("seed", range(700, 730))
def test_what_is_shown_is_what_happens_in_long_lives(seed: int) -> None:
    seen = shown_is_what_happens(seed, 500)
    assert seen["isolated"] + seen["cross"] > 0


@pytest.mark.parametrize(
    ("seed", "length"), [(31, 120), (32, 120), *(pytest.param(s, 300, marks=pytest.mark.full) for s in range(740, 755))]
)
def test_a_mode_that_cannot_be_set_is_asked_in_a_branch_and_its_numbers_are_the_branchs(seed: int, length: int) -> None:
    rulebook = world.rulebook_of(seed)
    lived = World.new(Genesis(rulebook, tuple(rulebook.symbols)))
    exchange = lived.exchange
    life, rng = Life(seed, exchange), random.Random(f"preview {seed}")
    seen = {basis: 0 for basis in Basis}
    for number in range(length):
        given = dict(life.next())
        lived.submit(given.pop("kind"), records=given.pop("records", ()), **given)
        if number < 30 or number % 15:
            continue
        held = exchange.positions()
        if not held:
            continue
        one = rng.choice(held)
        account, symbol = one.account, exchange.symbol_row(one.symbol)
        asked = drawn_ask(rng, exchange, account, symbol)
        before, hashed = exchange.used_bytes(), exchange.state_hash()
        columns = preview(exchange, account, symbol, asked, branches_of(lived, account))
        invariants.assert_same_rows(before, exchange.used_bytes())
        assert exchange.state_hash() == hashed
        for column in columns:
            seen[column.basis] += 1
            if column.outcome is None:
                assert column.setting.why_none
                continue
            assert_is_what_happens(column, account, symbol, asked)
            assert (
                column.setting.exchange.margin_mode(account, symbol) == column.setting.mode
                or column.setting.switches
            )
    assert seen[Basis.BRANCH] and seen[Basis.AS_IT_IS], seen


def test_the_branch_of_an_isolated_position_is_the_same_world_merged() -> None:
    """Mode neutrality, seen from a preview: cross, with the same entry, fees and orders, has the isolated wallet in its pool."""
    rulebook = world.usual()
    lived = World.new(Genesis(rulebook, tuple(rulebook.symbols)))
    for command in (
        world.account(2),
        world.deposit(2, "10000"),
        world.prices((0, world.PRICES["BTCUSDT"])),
        world.ladder(0, world.PRICES["BTCUSDT"]),
        world.mode(2, 0, MarginMode.ISOLATED),
        world.market(2, 0, Side.BUY, 10),
    ):
        given = dict(command)
        lived.submit(given.pop("kind"), records=given.pop("records", ()), **given)
    asked: Ask = [(CommandKind.PLACE_ORDER, {"account": 2, "symbol": 0, "side": Side.BUY, "order_type": 1, "lots": 5})]
    isolated, cross = preview(lived.exchange, 2, 0, asked, branches_of(lived, 2))
    assert (isolated.basis, cross.basis) == (Basis.AS_IT_IS, Basis.BRANCH)
    assert cross.setting.refusals == {"BTCUSDT": Refusal.MARGIN_MODE_HAS_POSITION}
    assert isolated.outcome is not None and cross.outcome is not None
    mine, other = isolated.outcome.position, cross.outcome.position
    assert mine.after.entry_cost_e8 == other.after.entry_cost_e8
    assert mine.after.lots == other.after.lots == 15
    assert isolated.outcome.after.equity_e8 == cross.outcome.after.equity_e8
    assert cross.outcome.after.cross_wallet_e8 == (
        isolated.outcome.after.cross_wallet_e8 + isolated.outcome.after.isolated_wallets_e8
    )


def test_a_change_has_both_sides() -> None:
    exchange = world.opened(world.usual(), [world.account(2), world.prices((0, world.PRICES["BTCUSDT"]))])
    flat = exchange.position(2, 0)
    assert Change(flat, flat).after is flat
