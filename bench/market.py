"""Market: what a made-up market costs: its past, an hour of it told and lived, a restart after a month.

Its answer is checked first: the past ends where the first price is, two tellings are the same, money is conserved, and what a
restarted source says is what the undisturbed one says.
"""

from __future__ import annotations

import time

from isocross.codes import CommandKind
from isocross.exchange import Exchange
from isocross.market.source import FLOW_DEPOSIT_E8, Instant
from isocross.market.synthetic import Synthetic
from isocross.rulebook import load

from .figures import Figure

_START_MS = 1_767_225_600_000
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_SYMBOLS = 10
_FLOW = 2


def _source(exchange: Exchange) -> Synthetic:
    rules = [exchange.rules(row) for row in range(_SYMBOLS)]
    return Synthetic(rules, seed=1, start_ms=_START_MS, flow_account=_FLOW)


def _exchange() -> Exchange:
    book = load("binance-usdm")
    exchange = Exchange(book, list(book.symbols)[:_SYMBOLS])
    exchange.submit(CommandKind.CREATE_ACCOUNT, account=_FLOW, time_ms=_START_MS)
    for asset in range(len(exchange.assets)):
        exchange.submit(CommandKind.DEPOSIT, account=_FLOW, asset=asset, amount_e8=FLOW_DEPOSIT_E8)
    return exchange


def _live(exchange: Exchange, instant: Instant) -> int:
    commands = [(kind, {**fields, "time_ms": instant.time_ms}) for kind, fields in instant.commands]
    exchange.submit_batch(exchange.pack(commands))
    return len(commands)


def market_cost() -> Figure:
    """The made-up market beside nothing else."""
    exchange = _exchange()
    source = _source(exchange)
    started = time.perf_counter()
    past = source.past(30)
    past_seconds = time.perf_counter() - started
    opening = source.opening()
    for one, record in zip(past.symbols, opening.commands[0].fields["records"], strict=True):
        assert one.index.close_e8[-1] == record["index_e8"]
        assert one.last.time_ms.size == 43_200

    started = time.perf_counter()
    told = source.between(_START_MS, _START_MS + _HOUR_MS, instants_max=3_600)
    told_seconds = time.perf_counter() - started
    assert told == _source(exchange).between(_START_MS, _START_MS + _HOUR_MS, instants_max=3_600)
    _live(exchange, opening)
    started = time.perf_counter()
    commands = sum(_live(exchange, instant) for instant in told)
    lived_seconds = time.perf_counter() - started
    assert not any(exchange.conservation_gap_e8().values())

    later_ms = _START_MS + 30 * _DAY_MS
    whole = source.between(later_ms - 60_000, later_ms + 5_000)
    started = time.perf_counter()
    rest = _source(exchange).between(later_ms, later_ms + 5_000)
    restart_seconds = time.perf_counter() - started
    assert rest == whole[-5:]
    return Figure(
        f"made-up market, {_SYMBOLS} symbols: 30 days of past, an hour a second at a time ({commands:,} commands), a restart after 30 days",
        {
            "past s": past_seconds,
            "hour told s": told_seconds,
            "hour lived s": lived_seconds,
            "us/command": lived_seconds / commands * 1e6,
            "restart s": restart_seconds,
        },
    )
