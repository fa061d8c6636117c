"""Growth: a million accounts with two positions each: how many bytes they take, and what a tick costs that wakes nobody.

The answer is checked by a full scan of all pools in columns: nobody is due between two commands, before and after a fall that
liquidates many; and money is conserved.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from isocross.codes import CommandKind, EventKind, OrderType, Side
from isocross.exchange import Exchange
from isocross.kernel.schema import TABLES
from isocross.units import ONE_E8

from .figures import Figure
from .mixes import FIRST_ACCOUNT, START_E8, numbered, prices, records, rulebook_of

LOTS = 5  # of 0.001 at 60,000: 300 a position
FUND_E8 = 10**8 * ONE_E8  # it takes over whoever falls: the ranking for auto-deleveraging is no question of this benchmark
PIECE = 200_000  # accounts that are made at once
MOVES = 400
MOVE_E8 = START_E8 // 1_000  # 10 bp


def crowd(accounts: int, seed: int) -> Exchange:
    """Pairs of accounts that traded two contracts with each other at one price, behind wallets of 35 … 100."""
    random = np.random.default_rng(seed)
    exchange = Exchange(rulebook_of(2))
    setup = [records(1, CommandKind.FUND_DEPOSIT, amount_e8=FUND_E8), prices(np.full(2, START_E8))]
    exchange.submit_batch(numbered(np.concatenate(setup), 1), lambda events: None)
    for first in range(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts, PIECE):
        ids = np.arange(first, min(first + PIECE, FIRST_ACCOUNT + accounts))
        opened = records(len(ids), CommandKind.CREATE_ACCOUNT, account=ids)
        money = records(
            len(ids), CommandKind.DEPOSIT, account=ids, amount_e8=random.integers(35, 101, len(ids)) * ONE_E8
        )
        orders = records(2 * len(ids), CommandKind.PLACE_ORDER, lots=LOTS, price_ticks=START_E8 // 10**7)
        orders["account"] = np.repeat(ids, 2).reshape(-1, 2, 2).transpose(0, 2, 1).reshape(-1)  # both of a pair, then again
        orders["symbol"] = np.tile([0, 0, 1, 1], len(ids) // 2)
        orders["side"] = np.tile([Side.SELL, Side.BUY, Side.BUY, Side.SELL], len(ids) // 2)
        orders["order_type"] = int(OrderType.LIMIT)
        batch = numbered(np.concatenate([opened, money, orders]), exchange.next_sequence)
        done = exchange.submit_batch(batch, lambda events: None)
        assert not done.results["refusal"].any()
    assert np.count_nonzero(exchange.table("positions")["lots"]) == 2 * accounts
    return exchange


def due_pools(exchange: Exchange) -> int:
    """How many pools are due, by a full scan in columns: at this size every position lies in the first bracket."""
    positions = exchange.table("positions")
    positions = positions[(positions["lots"] != 0) & (positions["is_house"] == 0)]
    rules = exchange.rules(0)
    marks = np.array([exchange.mark_e8(symbol) for symbol in range(2)])[positions["symbol"]]
    product = positions["lots"] * rules.step_e8 * marks
    assert np.abs(product).max() < 2**62
    upnl = np.floor_divide(product, ONE_E8) - positions["entry_cost_e8"]
    notional = -np.floor_divide(-np.abs(product), ONE_E8)
    assert notional.max() <= rules.brackets[0].cap_e8
    maintenance = -np.floor_divide(-notional * rules.brackets[0].rate_e8, ONE_E8)
    count = len(exchange.table("accounts"))
    balance = exchange.table("wallets")["cross_wallet_e8"][: count * len(exchange.assets) : len(exchange.assets)].copy()
    needed = np.zeros(count, dtype=np.int64)
    np.add.at(balance, positions["account"], upnl)
    np.add.at(needed, positions["account"], maintenance)
    return int(np.count_nonzero((needed > 0) & (balance <= needed)))


def row_bytes(*names: str) -> int:
    """Bytes of one row of each table; tables double when they are full, so up to twice as much is held."""
    return sum(TABLES[name].itemsize for name in names)


def growth(accounts: int, seed: int) -> Figure:
    """Bytes a row, and µs of one prices command: for a 10 bp move of one contract, and for a fall of 15 %."""
    started = time.perf_counter()
    exchange = crowd(accounts, seed)
    building = time.perf_counter() - started
    marks = np.full(2, START_E8)
    random = np.random.default_rng(seed)
    seconds = []
    for _ in range(MOVES):
        symbol = int(random.integers(0, 2))
        marks[symbol] += MOVE_E8 if marks[symbol] < START_E8 else -MOVE_E8
        batch = numbered(prices(marks), exchange.next_sequence)
        started = time.perf_counter()
        done = exchange.submit_batch(batch)
        seconds.append(time.perf_counter() - started)
        assert set(done.events["kind"].tolist()) == {int(EventKind.PRICES)}
    assert due_pools(exchange) == 0
    fall = numbered(prices(np.array([START_E8 * 85 // 100, START_E8])), exchange.next_sequence)
    liquidated = 0

    def count(events: np.ndarray) -> None:
        nonlocal liquidated
        liquidated += int(np.count_nonzero(events["kind"] == EventKind.LIQUIDATION_STARTED))

    started = time.perf_counter()
    exchange.submit_batch(fall, count)
    falling = time.perf_counter() - started
    assert liquidated > accounts // 40
    assert due_pools(exchange) == 0
    assert not any(exchange.conservation_gap_e8().values())
    return Figure(
        f"{accounts:,} accounts x 2 positions",
        {
            "us a prices command, 10 bp, median": statistics.median(seconds) * 1e6,
            "us a prices command, 10 bp, worst": max(seconds) * 1e6,
            "s to make them": building,
            f"s of a fall of 15 %, {liquidated:,} liquidated": falling,
            "bytes an account": row_bytes("accounts", "wallets", "wallets", "pools", "pools", "stamps", "touched"),
            "bytes a position": row_bytes(
                "positions", "settings", "bands", "wake_slots", "wakes", "wakes", "position_stamps", "touched"
            ),
            "bytes an open order": row_bytes("orders", "order_map", "order_map"),
        },
    )
