"""The sequencer: time stamped, events told in order after commit and before the answers, on disk and in memory alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from isocross.codes import CommandKind, OrderType, PositionMode, Refusal, Side
from isocross.errors import InputError, PoisonedError, StatusUnknownError
from isocross.exchange import Exchange
from isocross.journal.history import Genesis, replay
from isocross.journal.journaled import JournaledExchange
from isocross.units import ONE_E8
from isocross.venue.accounts import Accounts
from isocross.venue.binance.app import BinanceApp
from isocross.venue.binance.parameters import read
from isocross.venue.binance.refusals import WireRefusalError
from isocross.venue.binance.requests import Batch
from isocross.venue.binance.routes import ENDPOINTS
from isocross.venue.clock import ClockSetting, VenueClock
from isocross.venue.engine import EphemeralExchange
from isocross.venue.order_life import OrderStatus
from isocross.venue.readmodels.models import ReadModels
from isocross.venue.sequencer import VenueCore
from isocross.venue.told import Told
from tests import world

START_MS = 1_800_000_000_000
KINDS = ("journaled", "ephemeral")


@contextmanager
def venue_core(kind: str, path: Path) -> Iterator[VenueCore]:
    """A core of either kind, inside a running loop."""
    book = world.rulebook_of(1)
    genesis = Genesis(book, Exchange(book).symbols, 1)
    clock = VenueClock(START_MS, ClockSetting(0, 0))
    if kind == "ephemeral":
        core = VenueCore.ephemeral(EphemeralExchange(genesis), clock)
    else:
        core = VenueCore.journaled(JournaledExchange.create(path / "data", genesis), clock, Accounts())
    try:
        yield core
    finally:
        core.close()


def fund(core: VenueCore, account: int) -> int:
    core.apply(CommandKind.CREATE_ACCOUNT, account=account)
    return core.apply(CommandKind.DEPOSIT, account=account, asset=0, amount_e8=1_000 * ONE_E8).position


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_is_what_was_applied_in_order_before_any_answer(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core(kind, tmp_path) as core:
            heard: list[Told] = []
            order: list[str] = []

            def listener(told: Told) -> None:
                heard.append(told)
                order.append(f"told {told.position}")

            core.listen(listener)
            for account in range(2, 12):
                position = fund(core, account)
                core.gate.call(position, lambda failure, at=position: order.append(f"answer {at} {failure}"))
            await core.gate.passed(core.position)
            assert [told.position for told in heard] == sorted({told.position for told in heard})
            assert heard[-1].position == core.position == 20
            for line in [line for line in order if line.startswith("answer")]:
                at = int(line.split()[1])
                assert line.endswith("None")
                before = [int(told.split()[1]) for told in order[: order.index(line)] if told.startswith("told")]
                assert max(before) >= at
            commands = np.concatenate([told.commands for told in heard])
            events = np.concatenate([told.events for told in heard])
            assert len(commands) == 20
            assert (np.diff(commands["sequence"]) == 1).all()
            assert (events["time_ms"] == START_MS).all()

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_answers_each_of_its_commands(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core(kind, tmp_path) as core:
            done = core.apply_many(
                [
                    (CommandKind.CREATE_ACCOUNT, {"account": 2}),
                    (CommandKind.DEPOSIT, {"account": 9, "asset": 0, "amount_e8": 5}),
                    (CommandKind.PRICES, {"records": [{"symbol": 0, "index_e8": 100 * ONE_E8}]}),
                    (CommandKind.DEPOSIT, {"account": 2, "asset": 0, "amount_e8": 5}),
                ]
            )
            assert [one.refusal for one in done] == [
                Refusal.NONE,
                Refusal.UNKNOWN_ACCOUNT,
                Refusal.NONE,
                Refusal.NONE,
            ]
            assert [one.sequence for one in done] == [1, 2, 3, 4]
            assert all((one.events["sequence"] == one.sequence).all() and len(one.events) for one in done)
            await core.gate.passed(done[-1].position)

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_commands_carry_the_venues_time_and_never_go_back(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core(kind, tmp_path) as core:
            fund(core, 2)
            core.clock.advance_to(START_MS + 500)
            assert core.apply(CommandKind.ADVANCE_CLOCK).time_ms == START_MS + 500
            core.apply_at(START_MS + 900, [(CommandKind.ADVANCE_CLOCK, {})])
            assert core.apply(CommandKind.ADVANCE_CLOCK).time_ms == START_MS + 900
            await core.gate.passed(core.position)

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_id_travels_with_its_order(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core(kind, tmp_path) as core:
            fund(core, 2)
            core.apply(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": 100 * ONE_E8}])
            heard: list[str] = []
            core.listen(lambda told: heard.extend(record.client_id for _, record in told.orders))
            texts = ["a", "x-cvBPrNm9" + "z" * 26, "b"]
            for text in texts:
                done = core.apply(
                    CommandKind.PLACE_ORDER,
                    account=2,
                    symbol=0,
                    side=Side.BUY,
                    order_type=OrderType.LIMIT,
                    price_ticks=900,
                    lots=60,
                    client_id=text,
                )
                assert done.is_accepted, done.refusal
                assert done.order_id
            await core.gate.passed()
            assert heard == texts

    asyncio.run(run())


def test_a_history_in_memory_lives_to_the_same_state() -> None:
    async def run() -> None:
        with venue_core("ephemeral", Path()) as core:
            for account in range(2, 2_500):
                fund(core, account)
            assert replay(core.history).state_hash() == core.exchange.state_hash()
            await core.gate.passed()

    asyncio.run(run())


def test_a_listener_may_apply_a_command(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("journaled", tmp_path) as core:
            heard: list[int] = []

            def listener(told: Told) -> None:
                heard.append(told.position)
                if core.position < 3:
                    fund(core, 2 + core.position)

            core.listen(listener)
            fund(core, 2)
            await core.gate.passed()
            await core.gate.passed(core.position)
            assert core.position == 4
            assert heard[-1] == 4

    asyncio.run(run())


def limit(side: Side, price_ticks: int, account: int = 2, lots: int = 60) -> dict[str, int]:
    return {
        "account": account,
        "symbol": 0,
        "side": side,
        "order_type": OrderType.LIMIT,
        "price_ticks": price_ticks,
        "lots": lots,
    }


def fill_the_disk(core: VenueCore) -> None:
    """No commit is made from now on."""

    def failing(groups: object) -> None:
        raise OSError("no space left on device")

    core.engine._writer._store.append = failing  # type: ignore[attr-defined]


def begin(core: VenueCore) -> None:
    fund(core, 2)
    fund(core, 3)
    core.apply(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": 100 * ONE_E8}])


@pytest.mark.parametrize("kind", KINDS)
def test_every_sender_hears_of_its_own_command(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core(kind, tmp_path) as core:
            begin(core)
            await core.gate.passed()
            told: list[int] = []
            core.listen(lambda commit: told.append(len(commit.results)))
            sent = [
                core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000, lots=120), "the maker's"),
                core.send(CommandKind.PLACE_ORDER, limit(Side.BUY, 1_000, account=9)),
                core.send(CommandKind.PLACE_ORDER, limit(Side.BUY, 1_000, account=3)),
                core.send(CommandKind.CANCEL_ORDER, {"account": 3, "order_id": 12_345}),
            ]
            assert not any(one.done() for one in sent)
            maker, unknown, taker, cancel = await asyncio.gather(*sent)
            assert told == [5]  # four commands at once, and the text of a client id
            assert maker.accepted == maker.final
            assert maker.accepted is not None
            assert (maker.accepted.order_id, maker.accepted.client_id) == (maker.order_id, "the maker's")
            assert (unknown.refusal, unknown.accepted, unknown.final) == (Refusal.UNKNOWN_ACCOUNT, None, None)
            assert taker.accepted is not None
            assert taker.final is not None
            assert (taker.accepted.status, taker.final.status) == (OrderStatus.OPEN, OrderStatus.FILLED)
            assert cancel.refusal == Refusal.UNKNOWN_ORDER

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_together_is_what_is_applied_one_by_one(kind: str, tmp_path: Path) -> None:
    async def run(name: str, is_together: bool) -> str:
        with venue_core(kind, tmp_path / name) as core:
            begin(core)
            for turn in range(12):
                wishes = [
                    limit(Side((turn + number) % 2), 995 + (7 * turn + 3 * number) % 11, account=2 + number % 2)
                    for number in range(9)
                ]
                if is_together:
                    await asyncio.gather(*(core.send(CommandKind.PLACE_ORDER, wish) for wish in wishes))
                else:
                    for wish in wishes:
                        core.apply(CommandKind.PLACE_ORDER, **wish)
            await core.gate.passed()
            assert core.position == 5 + 12 * 9
            return core.exchange.state_hash()

    (tmp_path / "together").mkdir()
    (tmp_path / "apart").mkdir()
    assert asyncio.run(run("together", True)) == asyncio.run(run("apart", False))


def test_a_field_that_does_not_fit_is_its_senders_alone(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("journaled", tmp_path) as core:
            begin(core)
            good = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))
            with pytest.raises(InputError, match="lots: 9223372036854775808 does not fit"):
                core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000, lots=2**63))
            with pytest.raises(InputError, match="client_id"):
                core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000), "\n")
            assert (await good).is_accepted
            assert core.position == 6

    asyncio.run(run())


def test_senders_are_told_when_the_disk_fails_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("journaled", tmp_path) as core:
            begin(core)
            await core.gate.passed()
            fill_the_disk(core)
            first = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))
            await asyncio.sleep(0)
            behind = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_001))  # waits for the commit of the first
            for one in (first, behind):
                with pytest.raises((StatusUnknownError, PoisonedError), match="no space left on device"):
                    await asyncio.wait_for(one, 5)
            with pytest.raises(PoisonedError, match="no space left on device"):
                await asyncio.wait_for(core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_002)), 5)

    asyncio.run(run())


def test_a_listener_that_fails_keeps_nobody_waiting(tmp_path: Path) -> None:
    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, told: None)
        with venue_core("journaled", tmp_path) as core:
            begin(core)
            await core.gate.passed()

            def listener(told: Told) -> None:
                if told.position == 6:
                    raise ZeroDivisionError

            core.listen(listener)
            first = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))
            await asyncio.sleep(0)
            behind = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_001))
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(first, 5)
            assert (await asyncio.wait_for(behind, 5)).is_accepted

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_at_the_end_is_told_that_nobody_knows(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core(kind, tmp_path) as core:
            begin(core)
            sent = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))
        with pytest.raises(StatusUnknownError):
            await asyncio.wait_for(sent, 5)

    asyncio.run(run())


def test_a_settled_core_has_nothing_that_is_not_told_and_goes_on_afterwards(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("journaled", tmp_path) as core:
            begin(core)
            await core.gate.passed()
            told: list[int] = []
            core.listen(lambda commit: told.append(commit.position))
            first = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))
            await asyncio.sleep(0)
            behind = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_001))
            core.settle()
            assert told[-1] == core.position == core.engine.durable_position == 6
            assert first.done()
            assert not behind.done()
            assert (await asyncio.wait_for(behind, 5)).is_accepted
            assert core.position == 7

    asyncio.run(run())


def test_an_end_with_a_failed_commit_promises_nobody_anything(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("journaled", tmp_path) as core:
            begin(core)
            await core.gate.passed()
            fill_the_disk(core)
            sent = core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))
            await asyncio.sleep(0)
        with pytest.raises(StatusUnknownError):
            await asyncio.wait_for(sent, 5)

    asyncio.run(run())


def test_the_gate_of_memory_opens_as_far_as_was_told(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("ephemeral", tmp_path) as core:
            begin(core)
            await core.gate.passed()
            told, passed = [core.position], list[tuple[int, int]]()
            core.listen(lambda commit: told.append(commit.position))
            sent = [core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_000))]
            await asyncio.sleep(0)
            sent.append(core.send(CommandKind.PLACE_ORDER, limit(Side.SELL, 1_001)))
            for position in (6, 7):
                core.gate.call(position, lambda failure, at=position: passed.append((at, told[-1])))
            await asyncio.gather(*sent)
            await core.gate.passed()
            assert passed == [(6, 6), (7, 7)]

    asyncio.run(run())


def test_a_batch_that_is_refused_before_it_is_sent_waits_for_what_it_saw(tmp_path: Path) -> None:
    async def run() -> None:
        with venue_core("journaled", tmp_path) as core:
            begin(core)
            await core.gate.passed()
            core.models = ReadModels(core)
            app = BinanceApp(core)
            fill_the_disk(core)
            core.apply(CommandKind.SET_POSITION_MODE, account=2, position_mode=PositionMode.HEDGE)
            order = {"symbol": core.symbols[0], "side": "BUY", "type": "MARKET", "quantity": "1", "reduceOnly": "true"}
            batch = read(Batch, {"batchOrders": json.dumps([order])})
            with pytest.raises(WireRefusalError) as refusal:  # -4062 would tell of a mode that nobody knows to be kept
                await asyncio.wait_for(app.answer(ENDPOINTS["POST", "/fapi/v1/batchOrders"], 2, batch), 5)
            assert refusal.value.code == -1007
            await app.close()

    asyncio.run(run())
