"""Mixes: the command flows that engine benchmarks run, made from a printed seed.

Responsible for: mix A (10,000 accounts × 1 symbol) and mix B (1,000 accounts × 20 symbols, cross and isolated mixed) as COMMAND
records. Per command: 55 % limit orders, 35 % cancels (of orders that may be gone), 10 % that trade (half market, half
crossing limits), one prices command per 1,000. Must not: touch an Exchange beyond building one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isocross import rulebook as rb
from isocross.codes import CommandKind, MarginMode, OrderType, Side
from isocross.exchange import Exchange
from isocross.kernel.schema import COMMAND
from isocross.limits import ORDER_IDS_PER_COMMAND

SYMBOLS = (
    "BTCUSDT",
    "ETHUSDT",
    "SOLUSDT",
    "BNBUSDT",
    "XRPUSDT",
    "DOGEUSDT",
    "ADAUSDT",
    "LTCUSDT",
    "LINKUSDT",
    "AVAXUSDT",
)
START_E8 = 60_000 * 10**8
DEPOSIT_E8 = 1_000_000 * 10**8
FIRST_ACCOUNT = 2


@dataclass(frozen=True)
class Mix:
    """One flow: who trades what, and the commands in order."""

    name: str
    accounts: int
    symbols: int
    seed: int
    setup: np.ndarray
    flow: np.ndarray


def rulebook_of(symbols: int) -> rb.Rulebook:
    """The default rulebook with as many clones of BTCUSDT's rules as the mix has symbols."""
    from dataclasses import replace

    book = rb.load("binance-usdm")
    base = book.symbols["BTCUSDT"]
    clones = {
        f"S{row:02d}USDT": replace(base, symbol=f"S{row:02d}USDT", base_asset=f"S{row:02d}") for row in range(symbols)
    }
    return replace(book, symbols=clones)


def new_exchange(mix: Mix, compiled: bool = True) -> Exchange:
    """An exchange on which the mix's setup has been applied."""
    exchange = Exchange(rulebook_of(mix.symbols), compiled=compiled)
    done = exchange.submit_batch(mix.setup)
    assert not done.results["refusal"].any(), "the setup of a mix is never refused"
    return exchange


def make_mix(name: str, accounts: int, symbols: int, commands: int, seed: int) -> Mix:
    """Setup and flow of a mix. Prices wander by about 2 bp a tick; orders lie within 10 bp of the mark."""
    random = np.random.default_rng(seed)
    setup = _setup(random, accounts, symbols)
    return Mix(name, accounts, symbols, seed, setup, _flow(random, accounts, symbols, commands, len(setup) + 1))


def further(mix: Mix, commands: int, piece: int) -> Iterator[np.ndarray]:
    """As many commands on the mix's setup as asked for, in pieces, so that they need not all be in memory.

    Each piece begins at the first price again: a jump of half a percent, which liquidates some.
    """
    random = np.random.default_rng(mix.seed)
    first = len(mix.setup) + 1
    for start in range(0, commands, piece):
        flow = _flow(random, mix.accounts, mix.symbols, min(piece, commands - start), first)
        first += int(np.count_nonzero(flow["kind"] != int(CommandKind.CONTINUATION)))
        yield flow


def _setup(random: np.random.Generator, accounts: int, symbols: int) -> np.ndarray:
    ids = np.arange(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts)
    opened = records(accounts, CommandKind.CREATE_ACCOUNT, account=ids)
    money = records(accounts, CommandKind.DEPOSIT, account=ids, amount_e8=DEPOSIT_E8)
    pairs = accounts * symbols
    owner, symbol = np.repeat(ids, symbols), np.tile(np.arange(symbols), accounts)
    levers = records(
        pairs, CommandKind.SET_LEVERAGE, account=owner, symbol=symbol, leverage=random.integers(5, 51, pairs)
    )
    isolated = random.random(pairs) < 0.3
    modes = records(
        int(isolated.sum()),
        CommandKind.SET_MARGIN_MODE,
        account=owner[isolated],
        symbol=symbol[isolated],
        margin_mode=int(MarginMode.ISOLATED),
    )
    fund = records(1, CommandKind.FUND_DEPOSIT, amount_e8=DEPOSIT_E8)
    setup = np.concatenate([opened, money, fund, prices(np.full(symbols, START_E8)), levers, modes])
    return numbered(setup, 1)


def _flow(random: np.random.Generator, accounts: int, symbols: int, commands: int, first: int) -> np.ndarray:
    flow = records(commands, CommandKind.PLACE_ORDER)
    draw = random.random(commands)
    flow["account"] = random.integers(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts, commands)
    flow["symbol"] = random.integers(0, symbols, commands)
    flow["side"] = random.integers(0, 2, commands)
    flow["lots"] = random.integers(2, 200, commands)
    ticks = np.cumsum(random.normal(0, 2e-4, (commands // 1000 + 1, symbols)), axis=0)
    marks = (START_E8 * np.exp(ticks)).astype(np.int64)
    mark = marks[np.arange(commands) // 1000, flow["symbol"]]
    away = random.integers(1, 600, commands)  # ticks of 0.1: up to 10 bp
    passive = np.where(flow["side"] == Side.BUY, -away, away)
    crossing = draw >= 0.95
    flow["price_ticks"] = mark // 10**7 + np.where(crossing, -passive // 3, passive)
    flow["order_type"] = np.where((draw >= 0.90) & (draw < 0.95), int(OrderType.MARKET), int(OrderType.LIMIT))
    cancels = np.flatnonzero((draw >= 0.55) & (draw < 0.90))
    pieces = []
    ticks_at = list(range(0, commands, 1000))
    numbers = np.arange(commands) + first + np.arange(commands) // 1000  # one prices header per 1,000 before them
    numbers += 1
    targets = np.maximum(0, cancels - random.integers(1, 4000, len(cancels)))
    flow["kind"][cancels] = int(CommandKind.CANCEL_ORDER)
    flow["order_id"][cancels] = numbers[targets] * ORDER_IDS_PER_COMMAND
    flow["account"][cancels] = flow["account"][targets]
    for row in ticks_at:
        pieces.append(prices(marks[row // 1000]))
        pieces.append(flow[row : row + 1000])
    return numbered(np.concatenate(pieces), first)


def records(count: int, kind: CommandKind, **columns: object) -> np.ndarray:
    """COMMAND records of one kind, with columns set; sequence and time are still to be given."""
    made = np.zeros(count, dtype=COMMAND)
    made["kind"] = int(kind)
    for name, value in columns.items():
        made[name] = value
    return made


def prices(marks_e8: np.ndarray) -> np.ndarray:
    """One prices command for the first symbols."""
    made = records(1 + len(marks_e8), CommandKind.CONTINUATION)
    made["kind"][0] = int(CommandKind.PRICES)
    made["continuation_count"][0] = len(marks_e8)
    made["symbol"][1:] = np.arange(len(marks_e8))
    made["index_e8"][1:] = marks_e8
    return made


def numbered(commands: np.ndarray, first: int) -> np.ndarray:
    """The same records with sequences that count up from `first`, all at one time."""
    headers = commands["kind"] != int(CommandKind.CONTINUATION)
    commands["sequence"][headers] = np.arange(first, first + int(headers.sum()))
    commands["time_ms"] = 1_700_000_000_000
    return commands
