"""Read models: exact against the exchange, whatever happened and however commits were cut."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, Reason
from isocross.event import rows_of
from isocross.journal.journaled import JournaledExchange
from isocross.venue.accounts import Accounts
from isocross.venue.clock import ClockSetting, VenueClock
from isocross.venue.fills import is_handover, trades_of
from isocross.venue.order_life import HOUSE_ACCOUNTS, OrderStatus
from isocross.venue.readmodels.income import IncomeKind
from isocross.venue.readmodels.models import ReadModels
from isocross.venue.sequencer import VenueCore
from isocross.venue.told import Told
from tests import world
from tests.readmodels import life_of, lived, quiet_core, tellings, wallet_e8

SEEDS = (1, 2, 3, 4)
LENGTH = 500


def told_one_by_one(seed: int, length: int) -> Iterator[Told]:
    genesis, commands = life_of(seed, length)
    core = quiet_core(genesis)
    yield from tellings(core.exchange, core.lives, commands, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_income_is_the_wallet_to_the_last_unit(seed: int) -> None:
    check_income(seed, LENGTH)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10, 40))
def test_income_is_the_wallet_in_long_lives(seed: int) -> None:
    check_income(seed, 4_000)


def check_income(seed: int, length: int) -> None:
    core, models = lived(seed, length)
    exchange = core.exchange
    accounts = np.flatnonzero(exchange.table("accounts")["is_open"])
    checked = 0
    for account in (row for row in accounts.tolist() if row not in HOUSE_ACCOUNTS):
        if exchange.table("accounts")["is_house"][account]:
            continue
        for asset in range(len(exchange.assets)):
            assert models.income.sum_e8(account, asset) == wallet_e8(exchange, account, asset), (account, asset)
            checked += 1
    assert checked


@pytest.mark.parametrize("seed", SEEDS)
def test_one_commission_and_one_result_per_fill(seed: int) -> None:
    core, models = lived(seed, LENGTH)
    for account in range(2, 8):
        fills = models.trades.own(account, limit=10**6)
        for kind, amounts in (
            (IncomeKind.COMMISSION, [(fill.trade_id, -fill.fee_e8) for fill in fills if fill.fee_e8]),
            (IncomeKind.REALIZED_PNL, [(fill.trade_id, fill.realized_e8) for fill in fills if fill.realized_e8]),
        ):
            entries = models.income.rows(account, None, kind, limit=10**6)
            assert Counter((entry.trade_id, entry.amount_e8) for entry in entries) == Counter(amounts)
    everything = models.income.rows(2, limit=10**6)
    assert [entry.income_id for entry in everything] == sorted({entry.income_id for entry in everything})
    assert core.lives is not None


def test_every_kind_of_income_is_met() -> None:
    met: set[IncomeKind] = set()
    handovers = 0
    for seed in range(1, 9):
        _, models = lived(seed, LENGTH)
        for account in range(2, 8):
            met |= {entry.kind for entry in models.income.rows(account, limit=10**6)}
            handovers += sum(is_handover(fill) for fill in models.trades.own(account, limit=10**6))
    assert met >= {
        IncomeKind.TRANSFER,
        IncomeKind.REALIZED_PNL,
        IncomeKind.COMMISSION,
        IncomeKind.FUNDING_FEE,
        IncomeKind.LIQUIDATION_FEE,
    }
    assert handovers


@pytest.mark.parametrize("seed", SEEDS)
def test_trades_are_the_matches_of_the_book(seed: int) -> None:
    matches = 0
    for told in told_one_by_one(seed, LENGTH):
        takers = [e for e in rows_of(told.events) if e.kind == EventKind.FILLED and not e.is_maker]
        trades = trades_of(told.fills)
        assert [(t.price_ticks, t.lots, t.value_e8) for t in trades] == [
            (e.price_ticks, e.lots, e.value_e8) for e in takers
        ]
        assert len({trade.trade_id for trade in trades}) == len(trades)
        by_trade = Counter(fill.trade_id for fill in told.fills if not is_handover(fill))
        assert set(by_trade.values()) <= {2}
        matches += len(trades)
    assert matches > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_are_those_of_the_exchange(seed: int) -> None:
    core, models = lived(seed, LENGTH)
    open_there = {order.order_id: order for order in core.exchange.orders() if order.account not in HOUSE_ACCOUNTS}
    found = {}
    for account in range(2, 8):
        mine = models.orders.open(account)
        assert [one.order_id for one in mine] == sorted(one.order_id for one in mine)
        found |= {one.order_id: one for one in mine if one.status != OrderStatus.TRIGGERED}
    assert set(found) == {o for o, order in open_there.items() if order.account in range(2, 8)}
    for order_id, record in found.items():
        there = open_there[order_id]
        if not record.is_close_position:
            assert record.lots - record.filled_lots == there.lots
        assert models.orders.get(order_id) == record
    for account in range(2, 8):
        for record in models.orders.page(account, limit=10**6):
            fills = models.trades.own(account, order_id=record.order_id, limit=10**6)
            if not record.is_conditional:
                assert sum(fill.lots for fill in fills) == record.filled_lots, record
                assert sum(fill.value_e8 for fill in fills) == record.filled_value_e8


@pytest.mark.parametrize("size", [1, 50])
def test_how_commits_are_cut_changes_nothing(size: int) -> None:
    _, usual = lived(2, LENGTH)
    _, other = lived(2, LENGTH, size)
    assert everything_of(other) == everything_of(usual)


def everything_of(models: ReadModels) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    names = [row[0] for row in models.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {name: sorted(models.rows(f"SELECT * FROM {name}")) for name in names}


@pytest.mark.parametrize("at", [0, 1, 333, LENGTH])
def test_a_restart_goes_on_where_it_stopped(at: int, tmp_path: Path) -> None:
    genesis, commands = life_of(3, LENGTH)
    core = quiet_core(genesis)
    models = ReadModels(core, tmp_path)
    for told in tellings(core.exchange, core.lives, commands[:at], 9):
        models.take(told)
    models.close()
    later = quiet_core(genesis)
    list(tellings(later.exchange, quiet_core(genesis).lives, commands[:at], 9))
    again = ReadModels(later, tmp_path)
    assert again.position == at
    assert later.lives.unfinished == core.lives.unfinished
    for told in tellings(later.exchange, later.lives, commands[at:], 9):
        again.take(told)
    _, usual = lived(3, LENGTH, 9)
    assert everything_of(again) == everything_of(usual)
    again.close()


def test_a_crash_between_two_writes_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """What was fed and not written is fed again: the position and the rows go to disk together."""
    genesis, commands = life_of(4, LENGTH)
    core = quiet_core(genesis)
    models = ReadModels(core, tmp_path)
    position = 0
    for number, told in enumerate(tellings(core.exchange, core.lives, commands, 9)):
        models.take(told)
        if number == 30:
            models.flush()
            position = told.position
    del models  # a process that ends now never wrote what came after
    later = quiet_core(genesis)
    again = ReadModels(later, tmp_path)
    assert again.position == position < LENGTH
    for told in tellings(later.exchange, quiet_core(genesis).lives, commands[:position], 9):
        assert told.position <= position
    for told in tellings(later.exchange, later.lives, commands[position:], 9):
        again.take(told)
    _, usual = lived(4, LENGTH, 9)
    assert everything_of(again) == everything_of(usual)
    again.close()


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    genesis, commands = life_of(1, 50)
    core = quiet_core(genesis)
    models = ReadModels(core, tmp_path)
    for told in tellings(core.exchange, core.lives, commands, 9):
        models.take(told)
    models.close()
    path = tmp_path / "readmodels.sqlite3"
    path.write_bytes(b"\0" * 200 + path.read_bytes()[200:])
    again = ReadModels(quiet_core(genesis), tmp_path)
    assert again.position == 0
    again.close()


def test_margin_moves_and_funding_are_kept() -> None:
    moves = settlements = 0
    for seed in SEEDS:
        events = [event for told in told_one_by_one(seed, LENGTH) for event in rows_of(told.events)]
        _, models = lived(seed, LENGTH)
        for account in range(2, 8):
            there = [e.amount_e8 for e in events if e.kind == EventKind.MARGIN_MOVED and e.account == account]
            changes = models.margin_changes.rows(account, limit=10**6)
            assert [change.amount_e8 for change in changes] == there
            added = models.margin_changes.rows(account, is_added=True, limit=10**6)
            assert [c for c in changes if c.amount_e8 > 0] == added
            by_hand = [change for change in changes if change.is_by_hand]
            assert {change.reason for change in by_hand} <= {Reason.ADD_MARGIN, Reason.REMOVE_MARGIN}
            moves += len(changes)
        rates = models.funding.rows(None, limit=10**6)
        assert [rate.time_ms for rate in rates] == sorted(rate.time_ms for rate in rates)
        paid = {(e.time_ms, e.symbol, e.rate_e8, e.mark_e8) for e in events if e.kind == EventKind.FUNDING}
        assert paid <= {(rate.time_ms, rate.symbol, rate.rate_e8, rate.mark_e8) for rate in rates}
        settlements += len(rates)
    assert moves
    assert settlements


@pytest.mark.parametrize("seed", SEEDS)
def test_a_page_is_the_end_or_goes_on_from_somewhere(seed: int) -> None:
    _, models = lived(seed, LENGTH)
    whole = models.trades.public(0, limit=10**6)
    assert [one.trade_id for one in whole] == sorted(one.trade_id for one in whole)
    assert models.trades.public(0, limit=5) == whole[-5:]
    assert models.trades.public(0, from_id=whole[3].trade_id, limit=2) == whole[3:5]
    assert models.trades.public(0, start_ms=whole[-2].time_ms, limit=10**6) == [
        one for one in whole if one.time_ms >= whole[-2].time_ms
    ]
    assert models.trades.public(0, end_ms=whole[0].time_ms - 1, limit=10) == []
    record = models.orders.page(2, limit=1)[0]
    assert models.orders.page(2, record.symbol, record.order_id, limit=1) == [record]


def test_what_is_told_is_answered_before_it_is_written() -> None:
    genesis, commands = life_of(1, 200)
    core = quiet_core(genesis)
    models = ReadModels(core)
    for told in tellings(core.exchange, core.lives, commands, 3):
        models.take(told)
        for _, record in told.orders:
            assert models.orders.get(record.order_id) is not None
        for fill in told.fills:
            if fill.account not in HOUSE_ACCOUNTS:
                assert fill in models.trades.own(fill.account, limit=50)


def test_the_clock_of_a_world_is_the_one_of_its_commands() -> None:
    core, models = lived(1, 100)
    assert core.now_ms() == core.exchange.time_ms >= world.START_MS
    assert models.position == core.exchange.command_count
    assert CommandKind.PRICES


def test_a_crash_between_journal_and_read_models_is_caught_up(tmp_path: Path) -> None:
    """The journal is ahead of what was written: what is missing is fed from it, once."""

    async def live(first: int, last: int, *, is_crashing: bool) -> int:
        if first:
            journaled = JournaledExchange.open(tmp_path / "data")
        else:
            journaled = JournaledExchange.create(tmp_path / "data", genesis)
        core = VenueCore.journaled(journaled, VenueClock(world.START_MS, ClockSetting(0, 0)), Accounts())
        models = ReadModels(core, tmp_path)
        caught_up = models.catch_up(journaled.folder, journaled)
        for number in range(first, last):
            core.relive(commands[number])
            if number == last - 40:
                await core.gate.passed()
                models.flush()
        await core.gate.passed()
        if is_crashing:  # nothing is written any more
            journaled.close()
            return caught_up
        core.close()
        found.append(everything_of(models))
        models.close()
        return caught_up

    genesis, commands = life_of(5, 300)
    found: list[dict[str, list[tuple[object, ...]]]] = []
    assert asyncio.run(live(0, 150, is_crashing=True)) == 0
    assert asyncio.run(live(150, 260, is_crashing=True)) == 39
    assert asyncio.run(live(260, 300, is_crashing=False)) == 39
    _, usual = lived(5, 300, 1)
    wanted = everything_of(usual)
    for name, rows in wanted.items():
        assert found[0][name] == rows, name
