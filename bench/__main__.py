"""`python -m bench [NAME …] [--keep FILE]`: run the benchmarks and print a line each."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import engine, start
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
        "warm": start.warm_start,
        "cold": start.cold_compile,
    }
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks; each checks its answer first.")
    parser.add_argument("names", nargs="*", choices=[[], *table], help="which ones (default: all)")
    parser.add_argument("--keep", type=Path, help="write the figures with machine and commit to this file")
    chosen = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    figures = []
    for name in chosen.names or table:
        figures.append(table[name]())
        print(figures[-1].line(), flush=True)
    if chosen.keep:
        keep(figures, chosen.keep)


if __name__ == "__main__":
    main()
