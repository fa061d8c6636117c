"""Whatever comes in is refused or applied, never a bug: wrong types, wrong names, numbers at the ends of int64, random bytes."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, MarginMode, Refusal, Side
from isocross.errors import InputError
from isocross.exchange import Exchange
from isocross.kernel.schema import COMMAND
from isocross.limits import ACCOUNTS_MAX, NET_DEPOSITS_MAX_E8, SEQUENCE_MAX, WALLET_MAX_E8
from isocross.units import ONE_E8
from tests import invariants, world
from tests.strategies import INT64, Life, fit, odd_number

BTC = world.PRICES["BTCUSDT"]
KINDS = [*CommandKind, -1, 24, 99, -(2**15), 2**15 - 1]


@contextmanager
def without_hanging() -> Iterator[None]:
    """Fails instead of waiting forever."""

    def stop(*_: object) -> None:
        raise AssertionError("the command does not come to an end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def begun(compiled: bool = True) -> Exchange:
    """Two users, a price, a ladder, a position."""
    return world.opened(
        world.usual(),
        [
            world.account(2), world.account(3), world.deposit(2, "1000"), world.deposit(3, "1000"),
            world.prices((0, BTC), (1, world.PRICES["DOGEUSDT"])), world.ladder(0, BTC, levels=3), world.market(2, 0, Side.BUY, 10),
        ],
        compiled=compiled,
    )  # fmt: skip


# ---- what cannot be packed ----


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 1.5, 1.0, "7", "", b"7", None, [1], 2**63, -(2**63) - 1, 10**30, Decimal(1), 1 + 0j]
)
@pytest.mark.parametrize("field", ["amount_e8", "account", "time_ms", "sequence"])
def test_a_field_that_is_no_integer_of_its_size_is_an_input_error(value, field):
    exchange = begun()
    if value is None and field in ("time_ms", "sequence"):
        return  # their default
    before = exchange.used_bytes()
    fields = {"account": 2, "asset": 0, "amount_e8": 5} | {field: value}
    with pytest.raises(InputError):
        exchange.submit(CommandKind.DEPOSIT, **fields)
    with pytest.raises(InputError):
        exchange.pack([(CommandKind.DEPOSIT, fields)])
    assert exchange.used_bytes() == before


@pytest.mark.parametrize("value", [float("nan"), 1.5, 1.0, "7", None, [1], 2**63, 10**30])
@pytest.mark.parametrize("field", ["symbol", "index_e8", "mark_e8"])
def test_a_record_that_is_no_integer_is_an_input_error(value, field):
    exchange = begun()
    before = exchange.used_bytes()
    with pytest.raises(InputError):
        exchange.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": BTC} | {field: value}])
    assert exchange.used_bytes() == before


@pytest.mark.parametrize(("field", "value"), [("side", 128), ("asset", 2**15), ("leverage", 2**31), ("kind", 2**15), ("is_house", -129)])
def test_a_field_that_overflows_its_column_is_an_input_error(field, value):
    exchange = begun()
    kind = value if field == "kind" else CommandKind.PLACE_ORDER
    with pytest.raises(InputError):
        exchange.submit(kind, **({} if field == "kind" else {field: value}))


@pytest.mark.parametrize("kind", ["DEPOSIT", None, 1.5, [], 10**20])
def test_a_kind_that_is_no_number_is_an_input_error(kind):
    with pytest.raises(InputError):
        begun().submit(kind, account=2)


def test_a_field_that_does_not_exist_is_an_input_error():
    exchange = begun()
    for fields in ({"amount": 5}, {"": 1}, {"account": 2, "leverege": 3}):
        with pytest.raises(InputError, match="is not a field"):
            exchange.submit(CommandKind.DEPOSIT, **fields)
    with pytest.raises(InputError):
        exchange.submit(CommandKind.PRICES, records=[{"price": 5}])
    for wrong in (np.zeros(3, np.int64), np.zeros(1, [("sequence", np.int64)])):
        with pytest.raises(InputError):
            exchange.submit_batch(wrong)
    assert len(exchange.submit_batch(np.zeros(0, COMMAND)).events) == 0


@pytest.mark.parametrize("symbol", ["NOPE", "", "btc", "BTC-USDT-X", 3, -1, 10**9])
def test_views_of_an_unknown_symbol_are_input_errors(symbol):
    exchange = begun()
    for view in (exchange.mark_e8, exchange.rules, exchange.book, exchange.last_price_ticks):
        with pytest.raises(InputError):
            view(symbol)
    with pytest.raises(InputError):
        exchange.position(2, symbol)


@pytest.mark.parametrize("account", [-1, 4, 10**9])
def test_views_of_an_unknown_account(account):
    exchange = begun()
    with pytest.raises(InputError):
        exchange.wallet(account)
    with pytest.raises(InputError):
        exchange.wallet(2, "EUR")
    assert exchange.position(account, 0).lots == 0
    assert not exchange.orders(account)


# ---- numbers at the ends ----


@pytest.mark.parametrize("account", [ACCOUNTS_MAX, ACCOUNTS_MAX + 1, 2**31 - 1, -1, -(2**31), 0, 1])
def test_an_account_number_out_of_range_is_refused(account):
    exchange = begun(compiled=False)
    with without_hanging():
        result = world.submit(exchange, world.account(account))
    expected = Refusal.ACCOUNT_OUT_OF_RANGE
    assert result.refusal == expected
    invariants.check(exchange)


@pytest.mark.parametrize("kind", [CommandKind.DEPOSIT, CommandKind.PRICES, CommandKind.QUOTE, 99, -5])
@pytest.mark.parametrize("count", [-1, -2, 1, 5, 16_385, 2**31 - 1, -(2**31)])
def test_a_header_that_counts_wrong_is_refused(kind, count):
    exchange = begun(compiled=False)
    records = world.record_array()
    records["sequence"], records["time_ms"] = exchange.next_sequence, exchange.time_ms
    records["kind"], records["continuation_count"] = kind, count
    with without_hanging():
        refusal = exchange.submit_batch(records).results["refusal"][0]
    assert refusal in (Refusal.MALFORMED_CONTINUATION, Refusal.UNKNOWN_COMMAND)
    invariants.check(exchange)
    assert world.submit(exchange, world.deposit(2, "1")).is_accepted


@pytest.mark.parametrize("count", [-1, 0, 2, 3, 5])
def test_commands_behind_a_header_that_counts_wrong_are_not_swallowed(count):
    """A header with one record that says another count: what follows is applied or refused, never answered unapplied."""
    exchange = begun(compiled=False)
    records = world.packed(exchange, [world.prices((0, BTC + 1)), world.deposit(2, "5"), world.deposit(3, "7")])
    records["continuation_count"][0] = count
    had = [exchange.wallet(account).cross_wallet_e8 for account in (2, 3)]
    with without_hanging():
        results = exchange.submit_batch(records).results["refusal"]
    assert results[0] == Refusal.MALFORMED_CONTINUATION
    for account, row, amount in ((2, 2, "5"), (3, 3, "7")):
        gained = exchange.wallet(account).cross_wallet_e8 - had[account - 2]
        assert (results[row] == Refusal.NONE) == (gained == world.to_e8(amount)), f"account {account}"
    invariants.check(exchange)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("sequence", [0, -1, SEQUENCE_MAX, 2**53, 2**60, 2**63 - 1, -(2**63)])
def test_a_sequence_out_of_range_is_refused(compiled, sequence):
    exchange = begun(compiled)
    before = exchange.next_sequence
    result = world.submit(exchange, world.deposit(2, "1") | {"sequence": sequence})
    assert result.refusal == Refusal.SEQUENCE_OUT_OF_RANGE
    assert exchange.next_sequence == before
    invariants.check(exchange)


@pytest.mark.parametrize("compiled", [True, False])
def test_any_ladder_of_allowed_numbers_is_quoted(compiled):
    exchange = begun(compiled)
    for notional in (0, 1, WALLET_MAX_E8 // 200, 5 * 10**15):
        for scale in (0, 1, ONE_E8, 10**10):
            for spread in (0, ONE_E8 // 2):
                given = {"level_notional_e8": notional, "scale_e8": scale, "level_count": 200, "half_spread_rate_e8": spread}
                result = world.submit(exchange, world.ladder(0, BTC) | given | {"spacing_rate_e8": spread // 50})
                assert result.refusal in (Refusal.NONE, Refusal.AMOUNT_TOO_LARGE), given
                invariants.check(exchange)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("mid", [BTC, BTC + 10**10, BTC * 2])
def test_a_quote_whose_sequence_was_used_is_refused_or_applied(compiled, mid):
    exchange = begun(compiled)
    first = world.submit(exchange, world.ladder(0, BTC, levels=5))
    for number in (first.sequence, first.sequence - 1):
        world.submit(exchange, world.ladder(0, mid, levels=8) | {"sequence": number})
        invariants.check(exchange)


@pytest.mark.parametrize("kind", [CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL, CommandKind.QUOTE])
@pytest.mark.parametrize("other", [CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL, CommandKind.QUOTE])
def test_two_commands_of_one_sequence(kind, other):
    exchange = begun(compiled=False)
    orders = {
        CommandKind.PLACE_ORDER: world.limit(2, 0, Side.BUY, 300_000, 5),
        CommandKind.PLACE_CONDITIONAL: {
            "kind": CommandKind.PLACE_CONDITIONAL, "account": 2, "symbol": 0, "side": 1, "order_type": 2, "trigger_ticks": 390_000, "lots": 5,
        },
        CommandKind.QUOTE: world.ladder(0, BTC + 10**9, levels=4),
    }  # fmt: skip
    number = exchange.next_sequence
    for each in (kind, other):
        world.submit(exchange, orders[each] | {"sequence": number})
        invariants.check(exchange)
    world.submit(exchange, world.prices((0, BTC * 95 // 100)))
    invariants.check(exchange)


def test_a_wallet_and_the_net_deposits_have_their_limits():
    exchange = begun(compiled=False)
    for amount, expected in ((0, Refusal.AMOUNT_NOT_POSITIVE), (-1, Refusal.AMOUNT_NOT_POSITIVE), (INT64[0], Refusal.AMOUNT_NOT_POSITIVE),
                             (WALLET_MAX_E8 + 1, Refusal.AMOUNT_TOO_LARGE), (INT64[1], Refusal.AMOUNT_TOO_LARGE)):  # fmt: skip
        assert world.submit(exchange, world.deposit(3, amount)).refusal == expected
    given = 2 * 1_000 * ONE_E8
    for account in (4, 5, 6, 7, 8):
        world.submit(exchange, world.account(account))
        amount = min(WALLET_MAX_E8, NET_DEPOSITS_MAX_E8 - given)
        assert world.submit(exchange, world.deposit(account, amount)).is_accepted == (amount > 0)
        given += amount
        assert world.submit(exchange, world.deposit(account, WALLET_MAX_E8)).refusal == Refusal.AMOUNT_TOO_LARGE
    assert world.submit(exchange, world.deposit(3, 1)).refusal == Refusal.AMOUNT_TOO_LARGE
    invariants.check(exchange)


def giant_book() -> world.Rulebook:
    """Brackets so wide that only limits.py bounds a position."""
    table = world.brackets([(0, 400_000, 125), (10**9, 500_000, 100)], 5_700_000_000)
    return world.rulebook(
        world.contract("BTCUSDT", table, bound="0.9"),
        world.contract("DOGEUSDT", table, tick="0.00001", step="1", price_max="100", bound="0.9"),
    )


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.full) for s in range(2, 30))])
def test_giants_overflow_nowhere(seed):
    """The largest wallets, orders, prices and funding, in plain Python, where an overflow is an error."""
    rng = random.Random(f"giants {seed}")
    exchange = Exchange(giant_book(), compiled=False)
    for account in range(2, 7):
        world.submit(exchange, world.account(account))
        world.submit(exchange, world.deposit(account, rng.choice([WALLET_MAX_E8 // 2, WALLET_MAX_E8 // 64, 10**15])))
    world.submit(exchange, world.fund(rng.choice([1, 10**12, WALLET_MAX_E8 // 8])))
    for _ in range(60):
        symbol, account = rng.randrange(2), rng.randrange(2, 7)
        rules = exchange.rules(symbol)
        ticks = rng.choice([1, 2, rules.price_max_ticks, rules.price_max_ticks // 2, rng.randrange(1, rules.price_max_ticks)])
        lots = max(1, rng.choice([rules.lots_max, rules.lots_max // 2, rules.lots_max // 64, 1]))
        mark = rng.choice([1, rules.price_max_e8, rules.price_max_e8 // 3, world.PRICES[exchange.symbols[symbol]]])
        command = rng.choice(
            [
                world.prices((symbol, mark)),
                world.limit(account, symbol, rng.choice([0, 1]), ticks, lots),
                world.limit(account, symbol, rng.choice([0, 1]), ticks, lots),
                world.market(account, symbol, rng.choice([0, 1]), lots),
                world.ladder(symbol, mark, levels=10) | {"level_notional_e8": WALLET_MAX_E8 // 200},
                world.leverage(account, symbol, rng.choice([1, 20, 125])),
                world.mode(account, symbol, rng.choice(list(MarginMode))),
                world.funding((symbol, rng.choice([ONE_E8, -ONE_E8, 1, 500_000]))),
            ]
        )
        world.submit(exchange, command)
        invariants.check(exchange)


def test_the_house_against_everybody_overflows_nowhere():
    """Many accounts each buy nearly the largest position from the house: its own side is bounded by nothing but refusals."""
    exchange = Exchange(giant_book(), compiled=False)
    rules = exchange.rules(0)
    lots, ticks = rules.lots_max * 9 // 10, rules.price_max_ticks
    world.submit(exchange, world.prices((0, rules.price_max_e8)))
    for account in range(2, 26):
        world.submit(exchange, world.account(account))
        world.submit(exchange, world.deposit(account, WALLET_MAX_E8 // 8))
        world.submit(exchange, world.leverage(account, 0, 100))
        world.submit(exchange, world.limit(1, 0, Side.SELL, ticks, lots))
        world.submit(exchange, world.limit(account, 0, Side.BUY, ticks, lots))
        invariants.check(exchange)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_richest_account_can_be_a_counterparty_of_a_deleveraging(compiled):
    """A wallet at its limit, in profit: its margin balance is above every wallet's limit."""
    start = [world.account(2), world.account(3), world.deposit(2, "5000"), world.deposit(3, WALLET_MAX_E8)]
    trade = [world.limit(2, 0, Side.BUY, 400_000, 1_000), world.limit(3, 0, Side.SELL, 400_000, 1_000)]
    exchange = world.opened(world.usual(), [*start, world.prices((0, BTC)), *trade], compiled=compiled)
    events = world.submit(exchange, world.prices((0, BTC * 8 // 10))).events
    assert (events["kind"] == EventKind.ADL).any()
    invariants.check(exchange)


# ---- fuzz ----


def is_left_out(record: np.void) -> bool:
    """What the fuzz does not send: account numbers that would need gigabytes of rows."""
    return record["kind"] == CommandKind.CREATE_ACCOUNT and record["account"] > 3_000


def mutated(rng: random.Random, exchange: Exchange, command: world.Command) -> np.ndarray:
    """A command as records, with one to three numbers replaced by odd ones."""
    packable = dict(command)
    packable["kind"] = int(packable["kind"])
    records = world.packed(exchange, [packable])
    for _ in range(rng.randrange(1, 4)):
        row = rng.randrange(len(records))
        used = [name for name in (COMMAND.names or ()) if records[name][row] != 0]
        field = rng.choice(used if used and rng.random() < 0.7 else list(COMMAND.names or ()))
        if field == "kind":
            records[field][row] = rng.choice(KINDS)
        else:
            records[field][row] = fit(odd_number(rng), field)
    return records


def noise(rng: random.Random, exchange: Exchange) -> np.ndarray:
    """Records of random bytes, with kinds and counts that are often right."""
    size = rng.randrange(1, 7)
    records = np.frombuffer(rng.randbytes(size * COMMAND.itemsize), COMMAND).copy()
    for row in range(size):
        if rng.random() < 0.9:
            records["kind"][row] = rng.choice([*CommandKind])
        if rng.random() < 0.8:
            records["continuation_count"][row] = rng.choice([0, 0, 1, 2, size - row - 1])
        if rng.random() < 0.8:
            records["sequence"][row] = exchange.next_sequence + row
        if rng.random() < 0.8:
            records["time_ms"][row] = exchange.time_ms
        for field in ("account", "symbol", "side", "order_type", "time_in_force", "asset", "leverage", "lots", "price_ticks", "index_e8",
                      "mark_e8", "mid_e8", "level_count", "amount_e8", "rate_e8", "position_side", "self_trade_prevention"):  # fmt: skip
            if rng.random() < 0.7:
                records[field][row] = rng.choice([0, 1, 2, 3])
    return records


def fuzz(seed: int, length: int, *, both: bool) -> None:
    """Odd records against a life. Applied in earnest unless they move the clock or the sequence out of reach."""
    rng = random.Random(f"fuzz {seed}")
    exchange = Exchange(world.rulebook_of(seed))
    other = Exchange(exchange.rulebook, compiled=False) if both else None
    life = Life(f"fuzz {seed}", exchange)
    for number in range(length):
        command = life.next()
        if number > 25:
            records = noise(rng, exchange) if rng.random() < 0.3 else mutated(rng, exchange, command)
            if not any(is_left_out(record) for record in records):
                strange(exchange, other, records)
                command["sequence"] = max(command["sequence"], exchange.next_sequence)
        result = world.submit(exchange, command)
        invariants.check(exchange)
        if other is not None:
            assert world.submit(other, command).events.tobytes() == result.events.tobytes()


def strange(exchange: Exchange, other: Exchange | None, records: np.ndarray) -> None:
    """Preview them, compare with plain Python, and apply them if the life can go on afterwards."""
    before = exchange.used_bytes()
    with without_hanging(), exchange.previewing():
        shown = exchange.submit_batch(records)
        invariants.check(exchange)
        goes_on = exchange.time_ms < world.START_MS + 10**12 and int(exchange.table("counters")["last_sequence"][0]) < 2**40
    invariants.assert_same_rows(before, exchange.used_bytes())
    if other is not None:
        with without_hanging(), other.previewing():
            plain = other.submit_batch(records)
        assert plain.events.tobytes() == shown.events.tobytes(), records
        assert plain.results.tobytes() == shown.results.tobytes(), records
    if goes_on:
        for each in (exchange, other):
            if each is not None:
                assert each.submit_batch(records).events.tobytes() == shown.events.tobytes()
        invariants.check(exchange)


@pytest.mark.parametrize("seed", range(2))
def test_odd_records_are_refused_or_applied(seed):
    fuzz(seed, 250, both=False)


@pytest.mark.parametrize("seed", range(10, 12))
def test_odd_records_mean_the_same_in_plain_python(seed):
    fuzz(seed, 100, both=True)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 160))
def test_very_many_odd_records_are_refused_or_applied(seed):
    fuzz(seed, 1_500, both=False)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(200, 212))
def test_very_many_odd_records_mean_the_same_in_plain_python(seed):
    fuzz(seed, 500, both=True)
