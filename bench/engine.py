"""Engine: how many commands a second, one core, events on. Question of mixes A and B, one command, preview, growth.

Each figure checks its answer first: the batch and the one-by-one run of the same commands end in the same state hash,
money is conserved, and a preview leaves every byte as it was.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from isocross.codes import CommandKind, OrderType, Refusal
from isocross.exchange import Exchange
from isocross.worlds.preview import preview as both_modes

from .figures import Figure
from .mixes import Mix, make_mix, new_exchange

CHUNK = 4_000


def run_mix(mix: Mix, clock: Callable[[], float] = time.perf_counter) -> Figure:
    """Commands a second of a mix: median and best over chunks of 4,000, after the first tenth."""
    _check(make_mix(mix.name, min(mix.accounts, 500), mix.symbols, 5_000, mix.seed))
    exchange = new_exchange(mix)
    heads = np.flatnonzero(mix.flow["kind"] != int(CommandKind.CONTINUATION))
    cuts = [*heads[::CHUNK].tolist(), len(mix.flow)]
    event_count = 0

    def count(events: np.ndarray) -> None:
        nonlocal event_count
        event_count += len(events)

    seconds = []
    for first, last in itertools.pairwise(cuts):
        started = clock()
        exchange.submit_batch(mix.flow[first:last], count)
        seconds.append((clock() - started) / CHUNK)
    seconds.pop()  # the last chunk is shorter
    assert not any(exchange.conservation_gap_e8().values())
    kept = seconds[len(seconds) // 10 :]
    return Figure(
        f"mix {mix.name}: {mix.accounts:,} accounts x {mix.symbols} symbols, {len(heads):,} commands, seed {mix.seed}",
        {
            "commands/s median": 1 / statistics.median(kept),
            "commands/s best chunk": 1 / min(kept),
            "ns/command median": statistics.median(kept) * 1e9,
            "events/command": event_count / len(heads),
        },
    )


def _check(mix: Mix) -> None:
    """Batch equals one by one, by state hash, and money is conserved."""
    batch, single = new_exchange(mix), new_exchange(mix)
    batch.submit_batch(mix.flow)
    heads = [*np.flatnonzero(mix.flow["kind"] != int(CommandKind.CONTINUATION)).tolist(), len(mix.flow)]
    for first, last in itertools.pairwise(heads):
        single.submit_batch(mix.flow[first:last])
    assert batch.state_hash() == single.state_hash()
    assert not any(batch.conservation_gap_e8().values())


def plain_engine(mix: Mix) -> Figure:
    """The same kernel source as plain Python on the first commands of a mix: what compiling is worth."""
    small = make_mix(mix.name, 200, mix.symbols, 1_000, mix.seed)
    compiled, plain = new_exchange(small), new_exchange(small, compiled=False)
    started = time.perf_counter()
    plain.submit_batch(small.flow)
    plain_seconds = time.perf_counter() - started
    compiled.submit_batch(small.flow)
    assert plain.state_hash() == compiled.state_hash()
    return Figure(
        f"mix {mix.name} uncompiled, 200 accounts, 1,000 commands",
        {"ns/command": plain_seconds / 1_000 * 1e9},
    )


def one_command(mix: Mix) -> Figure:
    """One limit order and one cancel from Python: packing, kernel, events copied out."""
    exchange = new_exchange(mix)
    mark = exchange.mark_e8(0) // 10**7

    def pair() -> None:
        placed = exchange.submit(CommandKind.PLACE_ORDER, account=2, symbol=0, side=0, price_ticks=mark - 500, lots=10)
        exchange.submit(CommandKind.CANCEL_ORDER, account=2, order_id=placed.order_id)

    placed = exchange.submit(CommandKind.PLACE_ORDER, account=2, symbol=0, price_ticks=mark - 500, lots=10)
    assert placed.is_accepted
    assert len(placed.events) == 2
    exchange.submit(CommandKind.CANCEL_ORDER, account=2, order_id=placed.order_id)
    return Figure("one command from Python, submit to events", {"us": _best_us(pair, 2_000) / 2})


def preview(mix: Mix) -> Figure:
    """One market order previewed and rolled back on a populated exchange."""
    exchange = new_exchange(mix)
    exchange.submit_batch(mix.flow[:20_000], lambda events: None)
    order = {"account": 2, "symbol": 0, "side": 0, "order_type": int(OrderType.MARKET), "lots": 50}
    before = exchange.used_bytes()
    shown = exchange.preview(CommandKind.PLACE_ORDER, **order)
    assert exchange.used_bytes() == before
    twin: Exchange = exchange.copy()
    done = twin.submit(CommandKind.PLACE_ORDER, **order)
    assert done.refusal == shown.refusal
    assert (done.events == shown.events).all()
    return Figure(
        f"preview on {mix.accounts:,} accounts",
        {"us": _best_us(lambda: exchange.preview(CommandKind.PLACE_ORDER, **order), 500)},
    )


def preview_of_both_modes(mix: Mix) -> Figure:
    """The same order in both margin modes at once: fills, money and every position it touches, before and after."""
    exchange = new_exchange(mix)
    exchange.submit_batch(mix.flow[:20_000], lambda events: None)
    account = next(one for one in range(2, 2 + mix.accounts) if exchange.is_flat_and_orderless(one, 0))
    market: dict[str, Any] = {
        "account": account,
        "symbol": 0,
        "side": 0,
        "order_type": int(OrderType.MARKET),
        "lots": 50,
    }
    limit = market | {"order_type": int(OrderType.LIMIT), "price_ticks": exchange.book(0, 5)["bids"][-1][0]}
    before = exchange.used_bytes()
    for order in (market, limit):
        for column in both_modes(exchange, account, 0, [(CommandKind.PLACE_ORDER, order)]):
            twin = exchange.copy()
            for kind, fields in column.setting.switches:
                twin.submit(kind, **fields)
            done = twin.submit(CommandKind.PLACE_ORDER, **order)
            assert column.outcome is not None
            assert column.outcome.refusal == done.refusal == Refusal.NONE
            assert column.outcome.after == twin.wallet(account)
            assert column.outcome.position.after == twin.position(account, 0)
    assert exchange.used_bytes() == before
    return Figure(
        f"both modes before an order, on {mix.accounts:,} accounts",
        {
            "at market us": _best_us(
                lambda: both_modes(exchange, account, 0, [(CommandKind.PLACE_ORDER, market)]), 100
            ),
            "resting us": _best_us(lambda: both_modes(exchange, account, 0, [(CommandKind.PLACE_ORDER, limit)]), 100),
        },
    )


def _best_us(call: Callable[[], object], repeats: int) -> float:
    """Microseconds of one call: the best of ten runs."""
    runs = []
    for _ in range(10):
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        runs.append((time.perf_counter() - started) / repeats * 1e6)
    return min(runs)
