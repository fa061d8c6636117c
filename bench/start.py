"""Start: how long until a program answers: import, `liq`, `size`, `check`, a first exchange warm, and a cold compile.

Each runs in processes of its own; the answer is what the process prints.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from isocross.codes import CommandKind
from isocross.exchange import Exchange
from isocross.rulebook import load

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
SIZE = ["-m", "isocross", "size", "BTCUSDT", "--side", "long", "--entry", "60000", "--stop", "58000", "--risk", "100"]
SIZE += ["--survive", "15%", "--wallet", "10000", "--leverage", "20"]
CHECK = ["-m", "isocross", "check", "--snapshot"]


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
    with tempfile.TemporaryDirectory() as folder:
        snapshot = str(Path(folder) / "mine.snapshot")
        Path(snapshot).write_bytes(_exchange().snapshot())
        return _warm_start(snapshot)


def _exchange() -> Exchange:
    """Every contract of the rulebook, and one account."""
    exchange = Exchange(load(), compiled=False)
    exchange.submit(CommandKind.CREATE_ACCOUNT, account=2)
    exchange.submit(CommandKind.DEPOSIT, account=2, asset=0, amount_e8=10**12)
    return exchange


def _warm_start(snapshot: str) -> Figure:
    return Figure(
        "start, warm",
        {
            "bare python s": _seconds(["-c", "print('ok')"], "ok", 5),
            "import isocross s": _seconds(["-c", "import isocross; print('ok')"], "ok", 5),
            "liq s": _seconds(LIQ, "solated", 5),
            "size s": _seconds(SIZE, "tried: 0.048 BTC loses", 5),
            "check s": _seconds([*CHECK, snapshot], "venue default", 5),
            "first command s": _seconds(["-c", FIRST_RESULT], "NONE", 5),
        },
    )


def cold_compile() -> Figure:
    """From an empty cache to the first command."""
    with tempfile.TemporaryDirectory() as cache:
        return Figure(
            "start, cold", {"first command s": _seconds(["-c", FIRST_RESULT], "NONE", 1, ISOCROSS_CACHE=cache)}
        )
