"""Client ids: one open order each, cancels by name, the text in the journal, and the map through growth, preview and restore."""

from __future__ import annotations

import pytest

from isocross.codes import CommandKind, OrderType, Refusal, Side
from isocross.command import client_id_fields, client_id_hash, client_id_of
from isocross.errors import InputError
from isocross.exchange import Exchange
from isocross.journal import Genesis, JournaledExchange
from isocross.journal.summary import commands_of
from tests import invariants, world

ALICE, BOB = 2, 3
BTC = world.PRICES["BTCUSDT"]


def market() -> Exchange:
    commands = [world.prices((0, BTC)), world.fund("1000")]
    for account in (ALICE, BOB):
        commands += [world.account(account), world.deposit(account, "100000")]
    return world.opened(world.usual(), commands)


def bid(account: int, name: str, ticks: int = 390_000, **more: int) -> world.Command:
    return world.limit(account, 0, Side.BUY, ticks, 10) | client_id_fields(name) | more


def stop(account: int, name: str, ticks: int = 380_000) -> world.Command:
    more = {"order_type": OrderType.STOP_MARKET, "trigger_ticks": ticks, "is_reduce_only": 1}
    return world.limit(account, 0, Side.SELL, 0, 10) | {"kind": CommandKind.PLACE_CONDITIONAL} | client_id_fields(name) | more


@pytest.mark.parametrize(
    ("first", "second", "refusal"),
    [
        (bid(ALICE, "a"), bid(ALICE, "a"), Refusal.DUPLICATE_CLIENT_ID),
        (bid(ALICE, "a"), bid(ALICE, "b"), Refusal.NONE),
        (bid(ALICE, "a"), bid(BOB, "a"), Refusal.NONE),
        (bid(ALICE, "a"), stop(ALICE, "a"), Refusal.DUPLICATE_CLIENT_ID),
        (stop(ALICE, "a"), bid(ALICE, "a"), Refusal.DUPLICATE_CLIENT_ID),
        (stop(ALICE, "a"), stop(BOB, "a"), Refusal.NONE),
        (bid(ALICE, "a"), bid(ALICE, "a", lots=0), Refusal.QUANTITY_NOT_POSITIVE),  # what is wrong with the order comes first
        (bid(ALICE, "a"), world.limit(ALICE, 0, Side.BUY, 390_000, 10), Refusal.NONE),
    ],
)
def test_a_name_that_is_open_is_refused(first, second, refusal):
    exchange = market()
    world.submit(exchange, first).raise_if_refused()
    assert world.submit(exchange, second).refusal == refusal
    invariants.check(exchange)


def test_a_name_is_free_again_when_its_order_is_closed():
    exchange = market()
    placed = world.submit(exchange, bid(ALICE, "a")).raise_if_refused()
    exchange.submit(CommandKind.CANCEL_ORDER, account=ALICE, order_id=placed.order_id).raise_if_refused()
    world.submit(exchange, bid(ALICE, "a", 400_000)).raise_if_refused()
    world.submit(exchange, world.limit(BOB, 0, Side.SELL, 400_000, 10)).raise_if_refused()  # filled
    assert exchange.order_of_client(ALICE, client_id_hash("a")) is None
    world.submit(exchange, bid(ALICE, "a")).raise_if_refused()


def test_a_cancel_names_its_order_either_way_and_the_number_wins():
    exchange = market()
    placed = {name: world.submit(exchange, bid(ALICE, name)).order_id for name in ("a", "b", "c")}
    cancel = {"account": ALICE, "client_id_hash": client_id_hash("a")}
    assert exchange.submit(CommandKind.CANCEL_ORDER, **cancel | {"account": BOB}).refusal == Refusal.UNKNOWN_ORDER
    exchange.submit(CommandKind.CANCEL_ORDER, **cancel | {"order_id": placed["b"]}).raise_if_refused()
    exchange.submit(CommandKind.CANCEL_ORDER, **cancel).raise_if_refused()
    assert exchange.submit(CommandKind.CANCEL_ORDER, **cancel).refusal == Refusal.UNKNOWN_ORDER
    assert exchange.submit(CommandKind.CANCEL_ORDER, account=ALICE).refusal == Refusal.UNKNOWN_ORDER  # names nothing
    assert [order.order_id for order in exchange.orders(ALICE)] == [placed["c"]]


def test_what_a_conditional_releases_has_its_name():
    exchange = market()
    world.submit(exchange, bid(ALICE, "entry", 400_000)).raise_if_refused()
    world.submit(exchange, world.limit(BOB, 0, Side.SELL, 400_000, 10)).raise_if_refused()
    fields = {"order_type": OrderType.STOP, "price_ticks": 395_000}
    placed = world.submit(exchange, stop(ALICE, "exit") | fields).raise_if_refused()
    exchange.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": BTC * 94 // 100}]).raise_if_refused()
    released = exchange.order_of_client(ALICE, client_id_hash("exit"))
    assert released is not None
    assert (released.order_id, released.order_type) == (placed.order_id + 1, OrderType.LIMIT)


@pytest.mark.parametrize("name", ["", "x" * 37, "ü", "tab\t", "new\nline"])
def test_what_is_no_client_id(name):
    with pytest.raises(InputError, match="client_id"):
        client_id_fields(name)


@pytest.mark.parametrize("name", ["x", "x" * 36, "x-cvBPrNm9/a:b.c_1", "a b"])
def test_the_text_travels_in_the_journal(tmp_path, name):
    genesis = Genesis(world.usual(), ("BTCUSDT",), seed=1)
    with JournaledExchange.create(tmp_path / "data", genesis) as journaled:
        for command in (world.prices((0, BTC)), world.account(ALICE), world.deposit(ALICE, "1000"), bid(ALICE, name)):
            fields = dict(command)
            placed = journaled.submit(fields.pop("kind"), **fields).raise_if_refused()
        assert placed.order_id == placed.sequence * 1_024
    with JournaledExchange.open(tmp_path / "data") as journaled:
        order = journaled.exchange.order_of_client(ALICE, client_id_hash(name))
        assert order is not None
        assert order.order_id == placed.order_id
    listed = commands_of(tmp_path / "data", 4, 1)
    assert client_id_of(listed.commands[0]) == name
    assert f"[client_id={name}]" in listed.columns()["fields"][0]
    assert listed.to_dict()["commands"][0]["client_id"] == name
    assert client_id_of(commands_of(tmp_path / "data", 1, 1).commands[0]) is None


def test_a_header_that_may_not_carry_a_text_is_malformed():
    exchange = market()
    text = client_id_fields("a")
    cancel = exchange.submit(CommandKind.CANCEL_ORDER, account=ALICE, records=text["records"])
    assert cancel.refusal == Refusal.MALFORMED_CONTINUATION
    twice = world.limit(ALICE, 0, Side.BUY, 390_000, 10) | {"records": text["records"] * 2}
    assert world.submit(exchange, twice).refusal == Refusal.MALFORMED_CONTINUATION


def test_the_names_of_many_accounts_survive_growth_preview_and_restore():
    exchange = Exchange(world.usual())
    world.submit(exchange, world.prices((0, BTC))).raise_if_refused()
    accounts, each = range(2, 32), 60
    for account in accounts:
        world.submit(exchange, world.account(account)).raise_if_refused()
        world.submit(exchange, world.deposit(account, "100000")).raise_if_refused()
        for k in range(each):
            world.submit(exchange, bid(account, str(k))).raise_if_refused()
    before = exchange.used_bytes()
    with exchange.previewing():
        for account in accounts:
            for k in range(0, each, 3):
                exchange.submit(CommandKind.CANCEL_ORDER, account=account, client_id_hash=client_id_hash(str(k))).raise_if_refused()
        invariants.check(exchange)
    invariants.assert_same_rows(before, exchange.used_bytes())
    restored = Exchange.restore(exchange.snapshot(), exchange.rulebook)
    for one in (exchange, restored):
        for account in accounts:
            for k in range(each):
                done = one.submit(CommandKind.CANCEL_ORDER, account=account, client_id_hash=client_id_hash(str(k)))
                assert done.refusal == Refusal.NONE
        invariants.check(one)
    assert restored.state_hash() == exchange.state_hash()
