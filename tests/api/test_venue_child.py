"""`isocross.Venue`: a venue as a child process, in scripts, in a running loop, in pytest."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path

import pytest

import isocross
from isocross.errors import InputError, MarketDataError, RefusedError
from tests.venues import Connection

ROOT = Path(__file__).resolve().parents[2]
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.100"}


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_venue_lives_in_a_with_block() -> None:
    with isocross.Venue(accounts={"alice": 10_000, "bob": "2.5USDT"}, prices={"BTCUSDT": 50_000}) as venue:
        assert list(venue.keys) == ["alice", "bob"]
        assert venue.account("bob")["balances"][0]["wallet"] == "2.5"
        assert venue.prices()["BTCUSDT"]["mark"] == "50000"
        assert venue.clock()["is_paused"]
        keys = venue.keys["alice"]
        with Connection(venue.url, {"api_key": keys.api_key, "secret": keys.secret}) as connection:
            status, order = connection.ask("POST", "/fapi/v1/order", ORDER)
            assert status == 200, order
            _, trades = connection.ask("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"})
            assert sum(float(trade["qty"]) for trade in trades) == 0.1
        fork = venue.fork("lower")
        fork.set_prices(BTCUSDT=40_000)
        assert (fork.prices()["BTCUSDT"]["mark"], venue.prices()["BTCUSDT"]["mark"]) == ("40000", "50000")
        with pytest.raises(RefusedError, match="WITHDRAW_TOO_LARGE"):
            venue.withdraw("alice", 10**6)
        with pytest.raises(InputError, match="nobody"):
            venue.account("nobody")
        venue.new_account("carol", USDT=7)
        assert list(venue.keys) == ["alice", "bob", "carol"]
        assert keys.secret not in repr(venue.keys)
        process = venue._process
        assert process is not None
        folder = venue._temporary
        assert folder is not None
        path = folder.name
    assert process.returncode == 0
    assert not os.path.exists(path)


def test_a_folder_that_is_given_stays(tmp_path: Path) -> None:
    with isocross.Venue(data=tmp_path / "venue", accounts={"alice": 5}) as venue:
        venue.deposit("alice", 1)
        keys = venue.keys
    with isocross.Venue(data=tmp_path / "venue") as venue:
        assert venue.keys["alice"] == keys["alice"]
        assert venue.account("alice")["balances"][0]["wallet"] == "6"


def test_it_works_while_a_loop_is_running() -> None:
    """As in a notebook, whose cells run inside one."""

    async def cell() -> str:
        with isocross.Venue() as venue:
            return str(venue.set_prices(BTCUSDT=55_000)["BTCUSDT"]["mark"])

    assert asyncio.run(cell()) == "55000"


@pytest.mark.parametrize(
    ("options", "kind", "named"),
    [
        ({"market": "nonsense"}, InputError, "nonsense"),
        ({"market": "replay:/nowhere/at/all"}, MarketDataError, "nowhere"),
        ({"accounts": {"a b": 1}}, InputError, "a b"),
        ({"symbols": ["NOPEUSDT"]}, InputError, "NOPEUSDT"),
    ],
)
def test_what_cannot_be_names_itself(options: dict[str, object], kind: type[Exception], named: str) -> None:
    with pytest.raises(kind, match=named):
        isocross.Venue(**options).start()  # type: ignore[arg-type]


def test_it_ends_with_its_parent() -> None:
    script = "import isocross, os\nvenue = isocross.Venue().start()\nprint(venue._process.pid, flush=True)\nos._exit(1)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    child = int(done.stdout)
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


@pytest.mark.full
def test_the_package_registers_a_fixture(tmp_path: Path) -> None:
    """In a project of somebody else, under a wheel: pytest marks the whole package for rewriting, which the engine must not suffer."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["entry-points"]["pytest11"] == {"isocross": "isocross.venue.pytest_plugin"}
    wheel = tmp_path / "site" / "isocross-99.dist-info"
    wheel.mkdir(parents=True)
    (wheel / "METADATA").write_text("Metadata-Version: 2.1\nName: isocross\nVersion: 99\n")
    (wheel / "entry_points.txt").write_text("[pytest11]\nisocross = isocross.venue.pytest_plugin\n")
    (wheel / "RECORD").write_text("isocross/__init__.py,,\nisocross/kernel/engine.py,,\n")
    (tmp_path / "test_bot.py").write_text(
        textwrap.dedent("""
            import pytest

            def test_bot(isocross_venue):
                assert isocross_venue.set_prices(BTCUSDT=55_000)["BTCUSDT"]["mark"] == "55000"
                import isocross.kernel.engine as engine
                assert "Rewriting" not in type(engine.__spec__.loader).__name__

            @pytest.mark.isocross_venue(accounts={"alice": 3})
            def test_other(isocross_venue):
                assert list(isocross_venue.keys) == ["alice"]
        """)
    )
    paths = [str(tmp_path / "site"), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
