"""Warmup: compile the kernel ahead of its first use, so that no command pays for it.

Responsible for: `python -m isocross.warmup`, which set-up runs. Must not: know what is compiled or where it is kept.
"""

from __future__ import annotations

import time


def main() -> None:
    """Compile what is not in the cache yet, and say how long it took."""
    from .kernel.load import warm_up

    print("compiling the kernel once (about a minute) …", flush=True)
    started = time.perf_counter()
    warm_up()
    print(f"kernel ready: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
