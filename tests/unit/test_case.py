"""Case files: saved, run anywhere to the same state, set side by side; a wrong or damaged one is never believed."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isocross as ix
from isocross.codes import CommandKind
from isocross.command import FORMAT_VERSION
from isocross.errors import CaseFileError, InputError
from isocross.exchange import Bug, Exchange
from isocross.journal.history import Genesis, MemoryHistory, replay
from isocross.sandbox import Sandbox
from isocross.worlds import World, branch, case, case_file, fork
from tests import world as made
from tests.strategies import Life


@pytest.fixture
def box() -> Sandbox:
    box = Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)
    me = box.account("me", USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500)
    box.mark(BTCUSDT=51_000)
    return box


@pytest.fixture
def fall(box: Sandbox, tmp_path: Path) -> Path:
    case.save(box, tmp_path / "fall.case", notes="isolated, without a stop")
    return tmp_path / "fall.case"


def test_a_case_is_the_world_that_was_saved(box: Sandbox, fall: Path) -> None:
    done = ix.case.run(fall)
    assert done.state_hash == box.exchange.state_hash() == done.world.exchange.state_hash()
    assert done.world.exchange.used_bytes() == box.exchange.used_bytes()
    assert (done.world.name, done.world.names) == ("fall", {"me": 2})
    assert done.liquidations == tuple(box.world.liquidations)
    text = repr(done)
    for part in (
        "fall.case",
        "binance-usdm",
        "Replayed to the state",
        "me",
        "marks: BTCUSDT 51,000.00",
        "without a stop",
        "-249.00",
    ):
        assert part in text
    data = json.loads(json.dumps(done.to_dict()))
    assert data["schema"] == "isocross.case.run/1"
    assert (data["accounts"][0]["name"], data["liquidations"][0]["symbol"]) == ("me", "BTCUSDT")
    assert done.frame.columns == ["account", "asset", "equity", "wallet", "positions"]
    assert not done.is_negative


def test_a_case_goes_on_and_branches_like_any_world(fall: Path) -> None:
    world = case.run(fall).world
    world.submit(CommandKind.DEPOSIT, account=2, asset=0, amount_e8=10**8)
    assert replay(world.history).used_bytes() == world.exchange.used_bytes()
    twin = branch(case.load(fall), ix.flip_mode("me", "BTCUSDT"), names={"me": 2}, name="cross")
    assert (
        "me: at 2026-01-01 00:00 UTC BTCUSDT, isolated, was liquidated in fall"
        in ix.diff(case.run(fall).world, twin).sentence
    )
    assert (
        branch(case.run(fall).world, ix.flip_mode("me", "BTCUSDT")).exchange.used_bytes() == twin.exchange.used_bytes()
    )


def test_the_same_case_is_the_same_bytes_and_a_file_is_not_overwritten(box: Sandbox, fall: Path) -> None:
    before = fall.read_bytes()
    with pytest.raises(InputError, match=r"fall\.case is there already: choose another name, or force"):
        case.save(box, fall)
    case.save(box, fall, notes="isolated, without a stop", force=True)
    assert fall.read_bytes() == before
    assert [path.name for path in fall.parent.iterdir()] == ["fall.case"]


def test_another_process_without_the_compiled_kernel_comes_to_the_same_state(fall: Path) -> None:
    program = f"import isocross as ix; print(ix.case.run({str(fall)!r}, compiled=False).state_hash)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == case.run(fall).state_hash


@pytest.mark.parametrize("seed", range(3))
def test_a_random_life_under_a_rulebook_made_in_code_survives_the_file(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_file, "_READ_RECORDS", 7)  # commands lie across the pieces that are read
    rulebook = made.rulebook_of(seed)
    world = World.new(Genesis(rulebook, tuple(rulebook.symbols), seed))
    life = Life(seed, world.exchange)
    for _ in range(200):
        command = life.next()
        world.submit(command.pop("kind"), records=command.pop("records", ()), **command)
    done = case.save(world, tmp_path / "life.case")
    assert done.world.exchange.used_bytes() == world.exchange.used_bytes()
    assert done.seed == seed
    assert case.load(tmp_path / "life.case").genesis.rulebook == rulebook
    flipped = branch(world, ix.drop(int(world.last_sequence)))
    case.save(flipped, tmp_path / "branch.case")
    assert case.run(tmp_path / "branch.case").state_hash == flipped.exchange.state_hash()
    assert case.diff(tmp_path / "life.case", tmp_path / "life.case").is_same


def test_a_fork_of_a_bare_exchange_carries_its_snapshot(box: Sandbox, tmp_path: Path) -> None:
    beside = fork(box.exchange, "beside")
    beside.submit(CommandKind.DEPOSIT, account=2, asset=0, amount_e8=10**8)
    done = case.save(beside, tmp_path / "beside.case")
    assert done.commands == 1
    assert done.state_hash == beside.exchange.state_hash()
    assert "genesis.bin" in zipfile.ZipFile(tmp_path / "beside.case").namelist()


def test_an_empty_history_is_a_case_too(tmp_path: Path) -> None:
    done = case.save(MemoryHistory(Genesis(made.usual(), ("BTCUSDT",))), tmp_path / "empty.case")
    assert (done.commands, done.accounts, done.start_ms) == (0, (), None)
    assert "0 commands under in memory" in repr(done)


def test_a_world_that_was_changed_without_a_command_is_not_saved(box: Sandbox, tmp_path: Path) -> None:
    box.exchange.submit(CommandKind.DEPOSIT, account=2, asset=0, amount_e8=10**8)
    with pytest.raises(CaseFileError, match="sandbox: its commands make another state than it has"):
        case.save(box, tmp_path / "x.case")
    assert not list(tmp_path.iterdir())


def test_a_case_that_ends_in_a_bug_is_saved_to_report_it(
    box: Sandbox, fall: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Exchange.submit_batch

    def planted(self: Exchange, commands: np.ndarray, on_events: Any = None) -> Any:
        at = np.flatnonzero(commands["amount_e8"] == 777)
        if len(at):
            real(self, commands[: at[0]], on_events)
            raise Bug("a planted one")
        return real(self, commands, on_events)

    monkeypatch.setattr(Exchange, "submit_batch", planted)
    with pytest.raises(Bug):
        box.world.submit(CommandKind.DEPOSIT, account=2, asset=0, amount_e8=777)
    done = case.save(box, fall.with_name("bug.case"))
    assert done.is_negative
    assert "its last command meets a bug: a planted one" in repr(done)
    monkeypatch.undo()
    with pytest.raises(CaseFileError, match="it replays to another state"):
        case.run(fall.with_name("bug.case"))
    monkeypatch.setattr(
        Exchange, "submit_batch", lambda self, commands, on_events=None: (_ for _ in ()).throw(Bug("new"))
    )
    with pytest.raises(CaseFileError, match="it replays into a bug of this engine: new"):
        case.run(fall)


# ---- what is not believed


def rewritten(fall: Path, name: str, change: Any) -> Path:
    """The case with one member changed, its checksums in the archive right."""
    other = fall.with_name("changed.case")
    with zipfile.ZipFile(fall) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            data = change(data) if member == name else data
            if data is not None:
                new.writestr(member, data)
    return other


def manifest(**changes: Any) -> Any:
    """A change of the manifest."""
    return lambda data: json.dumps(json.loads(data) | changes).encode()


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("case.json", lambda data: None, "not a case file: it is a ZIP archive without case.json"),
        ("case.json", lambda data: b"{", "its case.json is not what version 1 holds"),
        ("case.json", lambda data: b"[]", "does not say format 'isocross.case'"),
        ("case.json", manifest(format="other"), "does not say format 'isocross.case'"),
        ("case.json", manifest(version=2), "a case file of version 2; this isocross reads 1"),
        ("case.json", manifest(version=None), "a case file of version None"),
        (
            "case.json",
            manifest(engine_format=FORMAT_VERSION + 1),
            f"made by an engine of format {FORMAT_VERSION + 1}, this one",
        ),
        ("case.json", manifest(record=[["sequence", "<i4"]]), "its commands may mean something else here"),
        ("case.json", manifest(records="many"), "its case.json is not what version 1 holds"),
        ("case.json", manifest(records=3), "damaged: commands.bin has"),
        ("case.json", manifest(state_hash="0" * 64), "it replays to another state (hash"),
        ("case.json", manifest(sha256={}), "rulebook.json is not listed"),
        ("case.json", manifest(symbols=["NOPE"]), "its symbols"),
        ("commands.bin", lambda data: None, "damaged: commands.bin is missing"),
        ("commands.bin", lambda data: data[:-176], "damaged: commands.bin has"),
        ("commands.bin", lambda data: data[:8] + b"\1" + data[9:], "damaged: commands.bin is not what was saved"),
        ("rulebook.json", lambda data: None, "damaged: rulebook.json is missing"),
        ("rulebook.json", lambda data: data.replace(b"0", b"1"), "damaged: rulebook.json is not what was saved"),
    ],
)
def test_what_is_wrong_with_a_case_file_is_named(fall: Path, name: str, change: Any, text: str) -> None:
    other = rewritten(fall, name, change)
    with pytest.raises(CaseFileError) as raised:
        case.run(other)
    assert str(raised.value).startswith(f"{other}: ")
    assert text in str(raised.value)


def test_what_is_no_case_file_at_all(tmp_path: Path) -> None:
    for name, data in (("a.case", b""), ("b.case", b"PK\3\4 nothing"), ("c.case", b"text" * 1000)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CaseFileError, match=f"{name}: not a case file: expected a ZIP archive with case.json"):
            case.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        case.load(tmp_path / "none.case")


def assert_never_another_answer(fall: Path, damaged: bytes, expected: str) -> None:
    """A damaged file is refused; where what changed is nothing that a case says, it is what it was."""
    other = fall.with_name("damaged.case")
    other.write_bytes(damaged)
    try:
        assert case.run(other).state_hash == expected
    except CaseFileError as error:
        assert str(error).startswith(f"{other}: ")


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.full)])
def test_a_flipped_bit_or_a_cut_never_gives_another_answer(fall: Path, step: int) -> None:
    data, expected = fall.read_bytes(), case.run(fall).state_hash
    for place in range(0, len(data), step):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place % 8)
        assert_never_another_answer(fall, bytes(flipped), expected)
    for length in range(0, len(data), 7 * step):
        assert_never_another_answer(fall, data[:length], expected)
