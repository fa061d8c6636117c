"""Worlds: what a branch costs beside the replay of its history, a twin that lives along, a fork of a running exchange.

Each figure checks its answer first: the base is the same bytes afterwards, a branch's history replays to the branch, a branch
without a rewrite is its base, and a twin that was fed along is the branch that is made afterwards.
"""

from __future__ import annotations

import itertools
import time

import numpy as np

from isocross.codes import CommandKind
from isocross.journal.history import Genesis, MemoryHistory, replay
from isocross.worlds import Twins, branch, flip_mode, fork

from .figures import Figure
from .mixes import Mix, new_exchange, rulebook_of

_FED = 256  # records of a block that a twin is fed with


def history_of(mix: Mix) -> MemoryHistory:
    """Setup and flow of a mix as a history."""
    book = rulebook_of(mix.symbols)
    history = MemoryHistory(Genesis(book, tuple(book.symbols), mix.seed))
    history.append(mix.setup)
    history.append(mix.flow)
    return history


def branch_cost(mix: Mix) -> Figure:
    """A whole history lived again with one account's margin mode flipped from its first order, which is early."""
    history = history_of(mix)
    account, symbol = _first_trader(mix, history)
    started = time.perf_counter()
    trunk = replay(history)
    replay_seconds = time.perf_counter() - started
    before = trunk.state_hash()
    started = time.perf_counter()
    same = branch(history)
    same_seconds = time.perf_counter() - started
    assert same.exchange.state_hash() == before == replay(history).state_hash()
    started = time.perf_counter()
    twin = branch(history, flip_mode(account, symbol))
    seconds = time.perf_counter() - started
    assert replay(twin.history).state_hash() == twin.exchange.state_hash() != before
    assert not any(twin.exchange.conservation_gap_e8().values())
    return Figure(
        f"branch of {twin.length:,} commands, mix {mix.name}, one account's mode flipped",
        {
            "s": seconds,
            "x the replay": seconds / replay_seconds,
            "x the replay, no rewrite": same_seconds / replay_seconds,
            "us/command": seconds / twin.length * 1e6,
            "divergences": twin.divergence_count,
        },
    )


def twin_cost(mix: Mix) -> Figure:
    """One twin that lives along, fed with blocks of 256 commands; the replica that it is compared with is in the figure."""
    history = MemoryHistory(Genesis(rulebook_of(mix.symbols), tuple(rulebook_of(mix.symbols).symbols), mix.seed))
    history.append(mix.setup)
    known = mix.flow[: len(mix.flow) // 10]
    history.append(known)
    whole = history_of(mix)
    account, symbol = _first_trader(mix, whole)
    twins = Twins(history)
    twins.add("twin", flip_mode(account, symbol))
    heads = np.flatnonzero(mix.flow["kind"] != int(CommandKind.CONTINUATION))
    cuts = [len(known), *heads[heads > len(known)][_FED::_FED].tolist(), len(mix.flow)]
    started = time.perf_counter()
    for first, last in itertools.pairwise(cuts):
        history.append(mix.flow[first:last])
        twins.feed(mix.flow[first:last])
    seconds = time.perf_counter() - started
    assert twins["twin"].exchange.state_hash() == branch(whole, flip_mode(account, symbol)).exchange.state_hash()
    fed = twins.trunk.length - len(mix.setup) - int((heads < len(known)).sum())
    return Figure(f"twin that lives along, mix {mix.name}", {"us/command": seconds / fed * 1e6})


def fork_cost(mix: Mix) -> Figure:
    """A running exchange copied beside itself."""
    exchange = new_exchange(mix)
    exchange.submit_batch(mix.flow, lambda events: None)
    history = history_of(mix)
    before = exchange.used_bytes()
    seconds = []
    for number in range(10):
        started = time.perf_counter()
        copied = exchange.copy()
        seconds.append(time.perf_counter() - started)
        assert copied.used_bytes() == before, number
    beside = fork(exchange, "beside", history)
    assert beside.exchange.used_bytes() == before == exchange.used_bytes()
    size = sum(map(len, before.values())) / 1e6
    return Figure(
        f"fork of {mix.accounts:,} accounts after {len(mix.flow):,} records", {"ms": min(seconds) * 1e3, "MB": size}
    )


def _first_trader(mix: Mix, history: MemoryHistory) -> tuple[int, str]:
    """The account and symbol of the flow's first order."""
    first = mix.flow[mix.flow["kind"] == int(CommandKind.PLACE_ORDER)][0]
    return int(first["account"]), history.genesis.symbols[int(first["symbol"])]
