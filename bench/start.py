"""Start: how long until a program answers: import, `liq`, a first exchange warm, and a cold compile.

Each runs in processes of its own; the answer is what the process prints.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from .figures import Figure

FIRST_RESULT = (
    "from isocross import rulebook as rb; from isocross.exchange import Exchange; from isocross.codes import CommandKind as C;"
    "x = Exchange(rb.load(), ['BTCUSDT']); print(x.submit(C.CREATE_ACCOUNT, account=2).refusal.name)"
)
LIQ = [
    "-m",
    "isocross",
    "liq",
    "BTCUSDT",
    "--side",
    "long",
    "--margin",
    "500",
    "--entry",
    "60000",
    "--leverage",
    "10",
    "--wallet",
    "10000",
]


def _seconds(arguments: list[str], expected: str, repeats: int, **environment: str) -> float:
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=True, env={**os.environ, **environment}
        )
        best = min(best, time.perf_counter() - started)
        assert expected in done.stdout, done.stdout
    return best


def warm_start() -> Figure:
    """Processes with a warm cache, best of five; a bare interpreter beside them."""
    return Figure(
        "start, warm",
        {
            "bare python s": _seconds(["-c", "print('ok')"], "ok", 5),
            "import isocross s": _seconds(["-c", "import isocross; print('ok')"], "ok", 5),
            "liq s": _seconds(LIQ, "solated", 5),
            "first command s": _seconds(["-c", FIRST_RESULT], "NONE", 5),
        },
    )


def cold_compile() -> Figure:
    """From an empty cache to the first command."""
    with tempfile.TemporaryDirectory() as cache:
        return Figure(
            "start, cold", {"first command s": _seconds(["-c", FIRST_RESULT], "NONE", 1, ISOCROSS_CACHE=cache)}
        )
