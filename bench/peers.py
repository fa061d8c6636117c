"""Peers: mix A beside an order book, a market replayer and a back-test engine that others made, as ratios of one run.

Responsible for: the limit orders and cancels of mix A as flows that every peer can play, what our engine answers to them, and
one line per peer: how many times as fast we are, or why it is not there. Must not: install anything (tools/peers.sh does), or
give a figure for a peer whose answer is not ours. All times are processor seconds of the process that works: beside others on a
machine, these are what two programs can be compared by.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isocross.codes import CommandKind, EventKind, OrderType, Refusal, SelfTradePrevention, Side
from isocross.exchange import Exchange
from isocross.limits import ORDER_IDS_PER_COMMAND

from . import engine
from .figures import Figure
from .mixes import START_E8, Mix, make_mix, new_exchange, numbered

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv-peers"
REPEATS = 5
ONE_BY_ONE = 10_000
MIDDLE_TICKS = START_E8 // 10**7
LIMIT_S = 60


@dataclass(frozen=True)
class Peer:
    """A package, the script that plays a flow on it, the flow it can play, and how many commands of it."""

    package: str
    script: str
    can: str
    shape: str  # TRADING, RESTING or PAIRS
    drawn: int  # commands of the mix that its flow is made from


TRADING = "limit orders that trade, cancels"
RESTING = "orders that rest and pile up, cancels"
PAIRS = "each order cancelled by the next command"
PEERS = (
    Peer("limit-order-book", "with_limit_order_book.py", "a book without accounts, a call an order", TRADING, 60_000),
    Peer("hftbacktest", "with_hftbacktest.py", "a compiled loop without margin", RESTING, 60_000),
    Peer("nautilus_trader", "with_nautilus.py", "a strategy with a margin account", PAIRS, 2_000),
    Peer("nautilus_trader", "with_nautilus.py", "a strategy with a margin account", RESTING, 1_000),
)


class PeerError(Exception):
    """A peer that gave no figure; the text says why."""


def beside_others(mix: Mix, environment: Path | None = None, peers: tuple[Peer, ...] = PEERS) -> Figure:
    """Mix A's commands/s, then each peer's on its flow, and what ours are of it. A peer without a figure is named.

    Takes    environment: where the peers are installed; None is .venv-peers.
    """
    mix_rate = engine.run_mix(mix, time.process_time).numbers["commands/s median"]
    numbers = {"mix A commands/s": mix_rate}
    notes = []
    for peer in peers:
        try:
            notes.append(_beside(peer, mix, mix_rate, environment or ENVIRONMENT, numbers))
        except PeerError as why:
            notes.append(f"{peer.package}, {peer.shape}: {why}")
    return Figure(f"beside others: {mix.accounts:,} accounts, seed {mix.seed}", numbers, tuple(notes))


def _beside(peer: Peer, mix: Mix, mix_rate: float, environment: Path, numbers: dict[str, float]) -> str:
    """The line of one peer; its figures go into `numbers`."""
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        raise PeerError(f"not installed, there is no {environment}: run sh tools/peers.sh")
    setting, flow = flow_of(mix, peer.shape, peer.drawn)
    ours, rate = _run_ours(setting, flow)
    said = _ask(python, peer, flow)
    wrong = {name: (value, ours[name]) for name, value in said["answer"].items() if value != ours[name]}
    if wrong:
        raise PeerError("another answer than ours: " + ", ".join(f"{n} {a:,}, ours {b:,}" for n, (a, b) in wrong.items()))
    theirs = len(flow) / statistics.median(said["seconds"])
    one_by_one = _one_by_one(setting, flow[:ONE_BY_ONE])
    figures = {
        "commands/s": theirs,
        "mix A is x": mix_rate / theirs,
        "same flow x": rate / theirs,
        "one by one x": one_by_one / theirs,
    }
    numbers.update({f"{peer.package}, {peer.shape}: {name}": value for name, value in figures.items()})
    checked = ", ".join(f"{name} {value:,}" for name, value in said["answer"].items())
    return (
        f"{peer.package} {said['version']} ({peer.can}), {peer.shape}: {theirs:,.0f} commands/s over {len(flow):,}; "
        f"ours are {_times(mix_rate / theirs)} that in mix A, {_times(rate / theirs)} on the same flow in one array, "
        f"{_times(one_by_one / theirs)} on it one by one from Python (same answer: {checked})"
    )


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.2f} ×"


def flow_of(mix: Mix, shape: str, drawn: int) -> tuple[Mix, np.ndarray]:
    """Limit orders of a mix and the cancels that find their order, prices standing still; and the mix they are of.

    TRADING: prices as drawn, so that some cross. RESTING: as far from the middle, each on its own side and at least two
    ticks away, for peers whose own orders never meet. PAIRS: those orders, each cancelled at once. An account may trade
    with itself, as in a book that knows no accounts.
    """
    made = make_mix("A", mix.accounts, 1, drawn, mix.seed)
    flow, is_cancel = made.flow, made.flow["kind"] == int(CommandKind.CANCEL_ORDER)
    is_limit = (flow["kind"] == int(CommandKind.PLACE_ORDER)) & (flow["order_type"] == int(OrderType.LIMIT))
    finds_limit = is_cancel & np.isin(flow["order_id"], flow["sequence"][is_limit] * ORDER_IDS_PER_COMMAND)
    flow = _renumbered(flow[is_limit | finds_limit], made)
    is_order = flow["kind"] == int(CommandKind.PLACE_ORDER)
    flow["self_trade_prevention"][is_order] = int(SelfTradePrevention.NONE)
    if shape != TRADING:
        away = np.abs(flow["price_ticks"] - MIDDLE_TICKS) % 600 + 2
        away[flow["side"] == int(Side.BUY)] *= -1
        flow["price_ticks"][is_order] = (MIDDLE_TICKS + away)[is_order]
    if shape == PAIRS:
        return made, _pairs(flow[is_order], made)
    refusals = new_exchange(made).submit_batch(flow).results["refusal"]
    return made, _renumbered(flow[is_order | (refusals == int(Refusal.NONE))], made)


def _pairs(orders: np.ndarray, mix: Mix) -> np.ndarray:
    """Each order, and behind it its cancel."""
    flow = np.repeat(orders, 2)
    flow["kind"][1::2] = int(CommandKind.CANCEL_ORDER)
    flow = numbered(flow, len(mix.setup) + 1)
    flow["order_id"][1::2] = flow["sequence"][::2] * ORDER_IDS_PER_COMMAND
    for name in ("side", "price_ticks", "lots", "self_trade_prevention"):
        flow[name][1::2] = 0
    return flow


def _renumbered(flow: np.ndarray, mix: Mix) -> np.ndarray:
    """The same commands with sequences that follow the setup's, and cancels that name the new ids."""
    old = flow["sequence"].copy()
    flow = numbered(flow.copy(), len(mix.setup) + 1)
    is_cancel = flow["kind"] == int(CommandKind.CANCEL_ORDER)
    targets = np.searchsorted(old, flow["order_id"][is_cancel] // ORDER_IDS_PER_COMMAND)
    flow["order_id"][is_cancel] = flow["sequence"][targets] * ORDER_IDS_PER_COMMAND
    return flow


def steps_of(flow: np.ndarray) -> list[list[int]]:
    """What a peer reads: [number, side, price_ticks, lots] per order, [−number, 0, 0, 0] per cancel."""
    first = int(flow["sequence"][0]) - 1
    is_cancel = flow["kind"] == int(CommandKind.CANCEL_ORDER)
    number = np.where(is_cancel, first - flow["order_id"] // ORDER_IDS_PER_COMMAND, flow["sequence"] - first)
    columns = [np.where(is_cancel, 0, flow[name]) for name in ("side", "price_ticks", "lots")]
    return np.column_stack([number, *columns]).astype(int).tolist()


def _run_ours(mix: Mix, flow: np.ndarray) -> tuple[dict[str, int], float]:
    """Our answer to a flow, checked for refusals and money, and our commands/s on it: the median run."""
    exchange = new_exchange(mix)
    ours = answer(exchange, flow)
    seconds = []
    for _ in range(REPEATS):
        exchange = new_exchange(mix)
        started = time.process_time()
        exchange.submit_batch(flow, lambda events: None)
        seconds.append(time.process_time() - started)
    return ours, len(flow) / statistics.median(seconds)


def answer(exchange: Exchange, flow: np.ndarray) -> dict[str, int]:
    """What is open and filled after a flow that our engine takes whole: nothing refused, no fill prevented, money conserved."""
    done = exchange.submit_batch(flow)
    assert not done.results["refusal"].any()
    assert not any(exchange.conservation_gap_e8().values())
    kinds = done.events["kind"]
    own_cancels = int((flow["kind"] == int(CommandKind.CANCEL_ORDER)).sum())
    assert int((kinds == int(EventKind.CANCELLED)).sum()) == own_cancels, "margin takes no order away"
    assert not (kinds == int(EventKind.EXPIRED)).any(), "margin lets every order trade and rest"
    book = exchange.book(0, len(flow))
    best = {"best bid": book["bids"][0][0], "best ask": book["asks"][0][0]} if book["bids"] and book["asks"] else {}
    return best | {
        "accepted": int((kinds == int(EventKind.ACCEPTED)).sum()),
        "cancelled": own_cancels,
        "open orders": len(exchange.orders()),
        "lots bid": sum(lots for _, lots in book["bids"]),
        "lots asked": sum(lots for _, lots in book["asks"]),
        "filled lots": int(done.events["lots"][kinds == int(EventKind.FILLED)].sum()) // 2,
    }


def _one_by_one(mix: Mix, flow: np.ndarray) -> float:
    """Our commands/s when each is a call from Python with its events handed back."""
    exchange = new_exchange(mix)
    names = ("account", "symbol", "order_id", "side", "order_type", "price_ticks", "lots", "self_trade_prevention")
    commands = [(CommandKind(int(row["kind"])), {name: int(row[name]) for name in names if row[name]}) for row in flow]
    started = time.process_time()
    for kind, fields in commands:
        exchange.submit(kind, **fields)
    return len(flow) / (time.process_time() - started)


def _ask(python: Path, peer: Peer, flow: np.ndarray) -> dict[str, Any]:
    """What the peer's script printed: version, answer, seconds of each run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flow.json"
        file.write_text(json.dumps(steps_of(flow)))
        script = Path(__file__).parent / "beside" / peer.script
        try:
            done = subprocess.run(
                [python, script, file, str(MIDDLE_TICKS)], capture_output=True, text=True, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"no answer within {LIMIT_S} s") from None
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if "ModuleNotFoundError" in last:
        raise PeerError(f"not installed, {last}: run sh tools/peers.sh")
    if done.returncode != 0:
        raise PeerError(f"failed with exit code {done.returncode}: {last}")
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise PeerError(f"it printed {done.stdout[-100:]!r}, where JSON was expected") from None
