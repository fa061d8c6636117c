"""`python -m bench [NAME …] [--keep FILE]`: run the benchmarks and print a line each."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import engine, growth, journal, market, peers, start, venue, worlds
from .figures import keep, machine
from .mixes import make_mix

COMMANDS = 400_000
SEED = 7


def main() -> None:
    """All benchmarks, or the named ones."""
    mixes = {"A": (10_000, 1), "B": (1_000, 20)}
    table = {
        "mix-a": lambda: engine.run_mix(make_mix("A", *mixes["A"], COMMANDS, SEED)),
        "mix-b": lambda: engine.run_mix(make_mix("B", *mixes["B"], COMMANDS, SEED)),
        "plain": lambda: engine.plain_engine(make_mix("A", 200, 1, 1_000, SEED)),
        "one-command": lambda: engine.one_command(make_mix("A", *mixes["A"], 1_000, SEED)),
        "preview": lambda: engine.preview(make_mix("A", *mixes["A"], 30_000, SEED)),
        "branch": lambda: worlds.branch_cost(make_mix("A", *mixes["A"], COMMANDS, SEED)),
        "twin": lambda: worlds.twin_cost(make_mix("A", *mixes["A"], COMMANDS // 4, SEED)),
        "fork": lambda: worlds.fork_cost(make_mix("A", *mixes["A"], COMMANDS // 4, SEED)),
        "both-modes": lambda: engine.preview_of_both_modes(make_mix("A", *mixes["A"], 30_000, SEED)),
        "journal-1": lambda: journal.commit_rate(make_mix("A", *mixes["A"], 30_000, SEED), 1, 2_000),
        "journal-16": lambda: journal.commit_rate(make_mix("A", *mixes["A"], 30_000, SEED), 16, 20_000),
        "journal-256": lambda: journal.commit_rate(make_mix("A", *mixes["A"], COMMANDS, SEED), 256, 200_000),
        "recovery": lambda: journal.recovery(make_mix("A", *mixes["A"], 1_000, SEED), chosen.recovered),
        "growth": lambda: growth.growth(1_000_000, SEED),
        "market": market.market_cost,
        "venue-1": lambda: venue.order_rate(1),
        "venue-32": lambda: venue.order_rate(32),
        "venue-streams": venue.subscribers,
        "venue-memory": lambda: venue.memory(chosen.orders),
        "peers": lambda: peers.beside_others(make_mix("A", *mixes["A"], COMMANDS, SEED)),
        "warm": start.warm_start,
        "cold": start.cold_compile,
    }
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks; each checks its answer first.")
    parser.add_argument(
        "names", nargs="*", choices=[[], *table, "venue"], help="which ones (default: all); venue: all of the venue"
    )
    parser.add_argument("--keep", type=Path, help="write the figures with machine and commit to this file")
    parser.add_argument(
        "--recovered", type=int, default=10_000_000, help="commands that `recovery` writes and recovers (10,000,000)"
    )
    parser.add_argument(
        "--orders", type=int, default=20_000, help="orders that `venue-memory` places and cancels (20,000)"
    )
    chosen = parser.parse_args()
    groups = {"venue": [name for name in table if name.startswith("venue-")]}
    names = [name for wanted in chosen.names for name in groups.get(wanted, [wanted])]
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    figures = []
    for name in names or table:
        figures.append(table[name]())
        print(figures[-1].line(), flush=True)
    if chosen.keep:
        keep(figures, chosen.keep)


if __name__ == "__main__":
    main()
