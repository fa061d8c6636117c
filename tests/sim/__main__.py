"""`make sim`, `python -m tests.sim [--hours H] [--seed N]`: random exchange life with every invariant checked.

Responsible for: the command line, the printed seed, going from seed to seed until the time is over or something is found.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path

from tests.sim.life import live, write


def main(arguments: list[str] | None = None) -> int:
    """0 when every life went well, 1 when one did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="random exchange life, everything checked")
    parser.add_argument("--hours", type=float, default=1 / 60, help="how long (one minute)")
    parser.add_argument("--seed", type=int, help="the first seed (drawn and printed)")
    parser.add_argument("--commands", type=int, default=2_000, help="commands of one life (2,000)")
    parser.add_argument("--out", type=Path, default=Path("build/sim"), help="where failing lives are written (build/sim)")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    print(f"first seed {seed}, lives of {options.commands} commands", flush=True)
    started = time.monotonic()
    lives = applied = 0
    while lives == 0 or time.monotonic() - started < options.hours * 3_600:
        commands, problem = live(seed, options.commands)
        lives, applied = lives + 1, applied + len(commands)
        if problem is not None:
            print(f"seed {seed}, command {len(commands)}: {problem}\nshrinking …", flush=True)
            print(f"written to {write(options.out, seed, commands, problem)}")
            return 1
        seed += 1
    print(f"{lives} lives, {applied} commands, nothing found; the next seed is {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
