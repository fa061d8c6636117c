"""Running a session: the client's program against a served venue, and an environment made for it.

Each environment is made once, below the system's folder for temporary files, with uv where it is there and pip elsewhere.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ..served import Served

SESSIONS = Path(__file__).parent


def environment(*requirements: str) -> Path:
    """The Python of an environment that has these packages."""
    name = hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"isocross-clients-{name}"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = folder / "complete"
    if not done.exists():
        uv = shutil.which("uv")
        if uv is not None:
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
            subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *requirements], check=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
        done.touch()
    return python


def run_session(
    script: str,
    venue: Served,
    name: str,
    python: str | Path = sys.executable,
    arguments: Sequence[str] = (),
    seconds: float = 120,
) -> str:
    """Run a session as an account, doing what it asks; its output. Errors  AssertionError with the output when it fails."""
    account = venue.accounts[name]
    return run_program(script, python, [venue.url, account.api_key, account.secret, *arguments], venue.price, seconds)


def run_program(
    script: str,
    python: str | Path,
    arguments: Sequence[str],
    price: Callable[[str, float], None] | None = None,
    seconds: float = 120,
) -> str:
    """The same against any venue: address, key and secret come first among the arguments."""
    command = [str(python), "-W", "ignore", str(SESSIONS / script), *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    said = []
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith("@price "):
                assert price is not None, "this market is not the session's to move"
                _, symbol, value = line.split()
                price(symbol, float(value))
                process.stdin.write("done\n")
                process.stdin.flush()
        assert process.wait() == 0, "".join(said)[-6000:]
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
    return "".join(said)
