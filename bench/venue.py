"""Venue: signed orders a second over HTTP, streams to many subscribers, memory over many orders: of a served venue.

The venue is a process of its own in a data folder on TMPDIR's disk, and every answer waits for its commit. Its answer is checked first:
every order acknowledged, nothing left in the book, positions flat, wallets as their income says. The servers beside it do nothing:
they are in the same run, under the same set-up, and are sent the same bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import isocross

from .figures import Figure
from .listening import Subscriber, subscribed
from .load import Keys, Ran, Request, Script, run_in_loop, run_scripts

SYMBOL, PRICE, QUANTITY = "BTCUSDT", 50_000, "0.004"
ORDER, BATCHES, BATCH = "/fapi/v1/order", "/fapi/v1/batchOrders", 5
ROUNDS = 3
REQUESTS = {1: 1_500, 32: 12_000}  # of one round, by connections
CHECKED = 400  # requests whose answers are all looked at before anything is timed
SUBSCRIBERS, WATCHED_ORDERS, WATCHED_PAUSE_S = 200, 150, 0.05
STREAMS = (
    "aggTrade",
    "trade",
    "bookTicker",
    "depth@100ms",
    "depth10@100ms",
    "kline_1m",
    "markPrice@1s",
    "ticker",
    "miniTicker",
    "forceOrder",
)
SETTLE_S = 2.0  # until nobody waits for a message any more
MEMORY_CONNECTIONS, MEMORY_SAMPLES = 8, 10
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def resting(count: int, seen: list[Request] | None = None) -> Script:
    """A limit order that rests, and its cancel, over and over."""
    for number in range(count // 2):
        price = PRICE - 500 - number % 100
        placed = Request("POST", ORDER, _limit(price))
        yield placed
        order_id = placed.answer.get("orderId", 0)
        cancelled = Request("DELETE", ORDER, {"symbol": SYMBOL, "orderId": order_id})
        yield cancelled
        if seen is not None:
            seen += [placed, cancelled]


def filling(count: int, seen: list[Request] | None = None) -> Script:
    """A market order that fills, and one back."""
    for number in range(count // 2 * 2):
        asked = {"symbol": SYMBOL, "side": ("BUY", "SELL")[number % 2], "type": "MARKET", "quantity": QUANTITY}
        request = Request("POST", ORDER, {**asked, "newOrderRespType": "RESULT"})
        yield request
        if seen is not None:
            seen.append(request)


def batches(count: int) -> Script:
    """Five limit orders in a request, and their cancels in another: for many orders soon."""
    for number in range(count // BATCH):
        orders = [{**_limit(PRICE - 500 - number % 100), "price": str(PRICE - 500 - number % 100)}] * BATCH
        placed = Request("POST", BATCHES, {"batchOrders": json.dumps(orders)})
        yield placed
        ids = [one["orderId"] for one in placed.answer]
        cancelled = Request("DELETE", BATCHES, {"symbol": SYMBOL, "orderIdList": json.dumps(ids)})
        yield cancelled
        assert all(one["status"] == "CANCELED" for one in cancelled.answer)


FLOWS = {"orders that rest, and their cancels": resting, "orders that fill": filling}


def _limit(price: int) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": QUANTITY,
        "price": price,
    }


class Running:
    """A served venue with an account for each connection."""

    def __init__(self, accounts: int) -> None:
        names = [f"trader-{number}" for number in range(accounts)]
        self.names = names
        self._home = tempfile.TemporaryDirectory(prefix="isocross-bench-", ignore_cleanup_errors=True)
        folder = Path(self._home.name) / "venue"
        self.venue = isocross.Venue(
            market="manual",
            symbols=[SYMBOL],
            prices={SYMBOL: PRICE},
            accounts=dict.fromkeys(names, 100_000),
            speed=1,
            data=folder,
        )
        self._folder = folder

    def __enter__(self) -> Running:
        self.venue.start()
        self.process = int(json.loads((self._folder / "address.json").read_text())["process"])
        self.keys = [Keys(self.venue.keys[name].api_key, self.venue.keys[name].secret) for name in self.names]
        return self

    def __exit__(self, *ended: object) -> None:
        self.venue.stop()
        self._home.cleanup()

    def refill(self) -> None:
        """The maker's ladder as it was."""
        self.venue.set_prices(**{SYMBOL: PRICE})

    def ask(self, number: int, method: str, path: str, **parameters: Any) -> Any:
        """One signed request of an account. Its answer, which has to be a success."""
        request = Request(method, path, parameters)
        run_in_loop(lambda: run_scripts(self.venue.url, [(self.keys[number], iter([request]))]))
        assert request.status == 200, request.body
        return request.answer

    def run(self, flow: Any, connections: int, count: int) -> Ran:
        """A flow over some connections."""
        self.refill()
        scripts = [(self.keys[number], flow(count // connections)) for number in range(connections)]
        ran: Ran = run_in_loop(lambda: run_scripts(self.venue.url, scripts))
        return ran


def _check(running: Running, flow: Any, connections: int) -> None:
    """What the venue answered, and what it shows afterwards."""
    running.refill()
    seen: list[Request] = []
    before = [_wallet(running, number) for number in range(connections)]
    scripts = [(running.keys[number], flow(CHECKED // connections, seen)) for number in range(connections)]
    run_in_loop(lambda: run_scripts(running.venue.url, scripts))
    assert len(seen) == CHECKED // connections // 2 * 2 * connections
    for request in seen:
        assert request.status == 200, request.body
        told = request.answer
        expected = {"DELETE": "CANCELED"}.get(request.method, "NEW" if flow is resting else "FILLED")
        assert told["status"] == expected, told
    for number in range(connections):
        assert running.ask(number, "GET", "/fapi/v1/openOrders", symbol=SYMBOL) == []
        assert running.ask(number, "GET", "/fapi/v3/positionRisk", symbol=SYMBOL) == []
        income = running.ask(number, "GET", "/fapi/v1/income", limit=1_000)
        assert len(income) < 1_000
        earned = sum(Decimal(one["income"]) for one in income if one["incomeType"] != "TRANSFER")
        assert _wallet(running, number) - before[number] == earned
        trades = running.ask(number, "GET", "/fapi/v1/userTrades", symbol=SYMBOL, limit=1_000)
        lots = sum(Decimal(one["qty"]) for one in trades)
        assert lots == (0 if flow is resting else Decimal(QUANTITY) * (CHECKED // connections // 2 * 2))


def _wallet(running: Running, number: int) -> Decimal:
    return Decimal(running.ask(number, "GET", "/fapi/v3/account")["totalWalletBalance"])


@contextmanager
def bare_server(kind: str, answer: bytes) -> Iterator[tuple[str, int]]:
    """A server that does nothing but answer; its address and process."""
    script = Path(__file__).parent / "beside" / "bare_server.py"
    with subprocess.Popen(
        [sys.executable, str(script), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{answer.decode()}\n")
        process.stdin.flush()
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.stdin.close()
            process.wait(10)


# ---- orders


class Measured:
    """Some runs of one thing, and what its server's processor spent on each request."""

    def __init__(self) -> None:
        self.runs: list[Ran] = []
        self.cost_us: list[float] = []

    def take(self, ran: Ran, seconds: float) -> None:
        """One more run."""
        self.runs.append(ran)
        self.cost_us.append(seconds / len(ran.waits) * 1e6)

    @property
    def best(self) -> Ran:
        """The quickest: the others shared the machine with more."""
        return max(self.runs, key=lambda ran: ran.per_second)

    @property
    def per_second(self) -> float:
        """Requests a second, in the middle."""
        return statistics.median(ran.per_second for ran in self.runs)


def order_rate(connections: int) -> Figure:
    """Signed orders a second, answered after their commit, beside servers that do nothing."""
    count = REQUESTS[connections]
    measured = {name: Measured() for name in ("raw ASGI", "Starlette route", *FLOWS)}
    with Running(connections) as running:
        for flow in FLOWS.values():
            _check(running, flow, connections)
        sample = Request("POST", ORDER, _limit(PRICE - 500))
        run_in_loop(lambda: run_scripts(running.venue.url, [(running.keys[0], iter([sample]))]))
        running.ask(0, "DELETE", "/fapi/v1/allOpenOrders", symbol=SYMBOL)
        with bare_server("raw", sample.body) as raw, bare_server("starlette", sample.body) as starlette:
            for _ in range(ROUNDS):
                for name, (url, process) in (("raw ASGI", raw), ("Starlette route", starlette)):
                    scripts = [(keys, resting(count // connections)) for keys in running.keys]
                    before = processor_seconds(process)
                    ran = run_in_loop(partial(run_scripts, url, scripts))
                    measured[name].take(ran, processor_seconds(process) - before)
                for name, flow in FLOWS.items():
                    before = processor_seconds(running.process)
                    ran = running.run(flow, connections, count)
                    measured[name].take(ran, processor_seconds(running.process) - before)
    notes, numbers = [], {"one commit of SQLite alone, ms": _commit_ms()}
    raw_rate, raw_cost = measured["raw ASGI"].per_second, min(measured["raw ASGI"].cost_us)
    for name, one in measured.items():
        best, cost_us = one.best, min(one.cost_us)
        share = "" if name == "raw ASGI" else f", {one.per_second / raw_rate:.0%} of raw ASGI"
        times = "" if name == "raw ASGI" or not raw_cost else f", {cost_us / raw_cost:.1f} x raw ASGI"
        notes.append(
            f"{name}: {one.per_second:,.0f} a second{share}; p50 {best.ms(0.5):.2f} ms, p99 {best.ms(0.99):.2f} ms; "
            f"{cost_us:,.0f} us of its processor each{times}"
        )
        numbers |= {
            f"{name}: a second": one.per_second,
            f"{name}: of raw ASGI": one.per_second / raw_rate,
            f"{name}: p50 ms": best.ms(0.5),
            f"{name}: p99 ms": best.ms(0.99),
            f"{name}: processor us": cost_us,
        }
    notes.append(f"one commit of SQLite alone on this disk: {numbers['one commit of SQLite alone, ms']:.2f} ms")
    return Figure(f"signed requests over {connections} connections, medians of {ROUNDS}", numbers, tuple(notes))


def _commit_ms(count: int = 200) -> float:
    """What the disk asks for one small synced commit."""
    with tempfile.TemporaryDirectory(prefix="isocross-bench-") as home:
        connection = sqlite3.connect(Path(home) / "bare", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE bare (number INTEGER PRIMARY KEY, blob BLOB)")
        waits = []
        for number in range(count):
            started = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES (?, ?)", (number, bytes(1_000)))
            waits.append(time.perf_counter() - started)
        connection.close()
    return statistics.median(waits) * 1e3


def processor_seconds(process: int) -> float:
    """What a process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


# ---- streams


def subscribers() -> Figure:
    """Orders that fill, one after the other, while many listen to all streams of the contract."""
    with Running(1) as running:
        running.refill()
        found: tuple[list[Subscriber], list[float], list[Request]] = run_in_loop(lambda: _watched(running))
        listening, sent, orders = found
        assert [one.status for one in orders] == [200] * len(orders)
        trades = running.ask(0, "GET", "/fapi/v1/userTrades", symbol=SYMBOL, limit=1_000)
    told = [[one for _, one in each.of("aggTrade")] for each in listening]
    assert [one["q"] for one in told[0]] == [one["qty"] for one in trades]
    assert [one["p"] for one in told[0]] == [one["price"] for one in trades]
    for each, seen in zip(listening, told, strict=True):
        assert not each.is_lost
        assert seen == told[0]
        assert [one for _, one in each.of("trade")] == [one for _, one in listening[0].of("trade")]
        for kind in ("depth@100ms", "depth10@100ms"):
            marked = [one["data"] for one in map(json.loads, _texts(each)) if one["stream"].endswith(f"@{kind}")]
            assert len(marked) > 2
            assert all(after["pu"] == before["u"] for before, after in itertools.pairwise(marked[1:]))
    waits = sorted(_last_receipts(listening, sent))
    messages = sum(len(each.messages) for each in listening)
    seconds = max(at for each in listening for at, _ in each.of("aggTrade")) - sent[0]
    return Figure(
        f"{len(listening)} subscribers of {len(STREAMS)} streams each, {len(orders)} orders that fill",
        {
            "orders/s": len(orders) / seconds,
            "messages/s": messages / seconds,
            "lost": 0,
            "ms from sending an order to the last subscriber's receipt of its trade, p50": waits[len(waits) // 2] * 1e3,
            "p99": waits[int(0.99 * len(waits))] * 1e3,
        },
    )


async def _watched(running: Running) -> tuple[list[Subscriber], list[float], list[Request]]:
    streams = "/".join(f"{SYMBOL.lower()}@{stream}" for stream in STREAMS)
    listening = await subscribed(running.venue.url, f"/stream?streams={streams}", SUBSCRIBERS)
    await asyncio.sleep(SETTLE_S)
    sent: list[float] = []
    orders: list[Request] = []
    for order in filling(WATCHED_ORDERS):
        sent.append(time.perf_counter())
        await run_scripts(running.venue.url, [(running.keys[0], iter([order]))])
        orders.append(order)
        await asyncio.sleep(max(0.0, sent[-1] + WATCHED_PAUSE_S - time.perf_counter()))
    await asyncio.sleep(SETTLE_S)
    for one in listening:
        one.close()
    return listening, sent, orders


def _texts(subscriber: Subscriber) -> Iterator[bytes]:
    return (payload for _, payload in subscriber.messages)


def _last_receipts(listening: list[Subscriber], sent: list[float]) -> list[float]:
    """For each order: seconds from its sending until the last subscriber had heard of all of it."""
    told = [each.of("aggTrade") for each in listening]
    waits: list[float] = []
    traded, wanted = Decimal(0), Decimal(QUANTITY)
    for number, (_, trade) in enumerate(told[0]):
        traded += Decimal(trade["q"])
        if traded == wanted * (len(waits) + 1):
            waits.append(max(each[number][0] for each in told) - sent[len(waits)])
    assert len(waits) == len(sent)
    return waits


# ---- memory


def memory(orders: int) -> Figure:
    """What a venue's process grows by while orders are placed and cancelled."""
    step = orders // MEMORY_SAMPLES
    with Running(MEMORY_CONNECTIONS) as running:
        _check(running, resting, MEMORY_CONNECTIONS)
        sizes = [resident_bytes(running.process)]
        for _ in range(MEMORY_SAMPLES):
            running.run(batches, MEMORY_CONNECTIONS, step)
            sizes.append(resident_bytes(running.process))
        for number in range(MEMORY_CONNECTIONS):
            assert running.ask(number, "GET", "/fapi/v1/openOrders", symbol=SYMBOL) == []
    half = MEMORY_SAMPLES // 2
    return Figure(
        f"memory of a venue over {step * MEMORY_SAMPLES:,} orders, each placed and cancelled",
        {
            "MiB before": sizes[0] / 2**20,
            "MiB half-way": sizes[half] / 2**20,
            "MiB after": sizes[-1] / 2**20,
            "bytes/order, first half": (sizes[half] - sizes[0]) / (step * half),
            "bytes/order, second half": (sizes[-1] - sizes[half]) / (step * (MEMORY_SAMPLES - half)),
        },
    )


def resident_bytes(process: int) -> int:
    """Memory that a process holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise AssertionError("no VmRSS")
