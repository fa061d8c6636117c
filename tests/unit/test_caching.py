"""Caching: machine code is found again while nothing it depends on has changed, and never otherwise.

Each case compiles a two-file package in processes of its own: `entry` in one file calls `callee` in the other, through
a copied namespace as the kernel's loader does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ENTRY = """
from .callee import callee
SCALE = 10
def entry(a):
    assert a >= 0
    return callee(a) * SCALE
"""
CALLEE = """
def callee(a):
    return a + {added}
"""
RUN = """
import hashlib, json, sys, types
from pathlib import Path
import numba
from isocross.kernel import caching
from toy import callee, entry

home = dict(vars(entry))
home["callee"] = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(callee.callee)
copy = types.FunctionType(entry.entry.__code__, home, "entry", None, None)
copy.__module__ = "toy.entry"
sources = sorted(Path(entry.__file__).parent.glob("*.py"))
stamp = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
compiled = caching.cached_entry(copy, {"error_model": "python"}, stamp)
answer = compiled(int(sys.argv[1]))
stats = compiled.stats
print(json.dumps({"answer": answer, "hits": sum(stats.cache_hits.values()), "misses": sum(stats.cache_misses.values()),
                  "path": str(stats.cache_path)}))
"""


class Toy:
    """The package on disk, and one process that compiles and runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        (folder / "toy").mkdir()
        (folder / "toy" / "__init__.py").write_text("")
        (folder / "toy" / "entry.py").write_text(ENTRY)
        (folder / "run.py").write_text(RUN)
        self.callee_adds(1)

    def callee_adds(self, added: int) -> None:
        (self.folder / "toy" / "callee.py").write_text(CALLEE.format(added=added))

    def start(self, argument: int = 4, **environment: str) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "ISOCROSS_"))}
        chosen = {"ISOCROSS_CACHE": str(self.cache), "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [sys.executable, str(self.folder / "run.py"), str(argument)],
            env={**inherited, **chosen, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, argument: int = 4, **environment: str) -> dict[str, Any]:
        return finished(self.start(argument, **environment))


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a process of the toy printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out) | {"stderr": err}
    return result


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_second_process_finds_the_code_and_a_changed_callee_does_not(toy: Toy) -> None:
    first = toy.run()
    assert (first["answer"], first["hits"], first["misses"]) == (50, 0, 1)
    second = toy.run()
    assert (second["answer"], second["hits"], second["misses"]) == (50, 1, 0)
    toy.callee_adds(2)
    changed = toy.run()
    assert (changed["answer"], changed["hits"], changed["misses"]) == (60, 0, 1)
    toy.callee_adds(1)
    back = toy.run()
    assert (back["answer"], back["hits"]) == (50, 1)
    assert back["path"] == first["path"] != changed["path"]


def test_a_switch_of_numba_is_another_stamp(toy: Toy) -> None:
    toy.run()
    assert toy.run(NUMBA_BOUNDSCHECK="1")["misses"] == 1
    assert toy.run(NUMBA_BOUNDSCHECK="1")["hits"] == 1
    assert toy.run()["hits"] == 1


def test_the_code_lies_where_it_is_asked_for(toy: Toy) -> None:
    assert toy.run()["path"].startswith(str(toy.cache / "kernel"))
    assert not list((toy.folder / "toy").rglob("*.nb*"))
    elsewhere = toy.folder / "numba"
    assert toy.run(ISOCROSS_CACHE="", NUMBA_CACHE_DIR=str(elsewhere))["path"].startswith(str(elsewhere / "isocross"))


def test_a_folder_that_cannot_be_written_falls_back_beside_the_source(toy: Toy) -> None:
    blocked = toy.folder / "blocked"
    blocked.write_text("a file where the folder should be")
    result = toy.run(ISOCROSS_CACHE=str(blocked))
    assert result["path"].startswith(str(toy.folder / "toy" / "__pycache__"))
    assert result["stderr"] == ""
    assert toy.run(ISOCROSS_CACHE=str(blocked))["hits"] == 1


def test_no_folder_at_all_compiles_and_says_so(toy: Toy) -> None:
    blocked = toy.folder / "blocked"
    blocked.write_text("")
    (toy.folder / "toy" / "__pycache__").write_text("")
    result = toy.run(ISOCROSS_CACHE=str(blocked))
    assert result["answer"] == 50
    assert "set ISOCROSS_CACHE" in result["stderr"]


def test_least_recently_used_stamps_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isocross.kernel import caching

    monkeypatch.setenv("ISOCROSS_CACHE", str(tmp_path))
    source = tmp_path / "source.py"
    for number in range(caching.FOLDERS_MAX):
        folder = caching.stamped_folder(source, f"stamp-{number}")
        assert folder is not None
        os.utime(folder, ns=(number, number))
    assert caching.stamped_folder(source, "stamp-0") is not None  # used again: no longer the oldest
    assert caching.stamped_folder(source, "one more") is not None
    left = {folder.name for folder in (tmp_path / "kernel").iterdir()}
    assert len(left) == caching.FOLDERS_MAX
    assert {"stamp-0", "one more"} <= left
    assert "stamp-1" not in left


def test_other_users_of_numba_keep_their_own_cache(toy: Toy) -> None:
    (toy.folder / "run.py").write_text(
        RUN.replace("answer = compiled", "from toy import plain\nassert plain.plain(1) == 2\nanswer = compiled")
        + "assert 'cache_of_numba' in str(plain.plain.stats.cache_path)\n"
    )
    (toy.folder / "toy" / "plain.py").write_text(
        "import numba\n@numba.njit(cache=True)\ndef plain(a):\n    return a + 1\n"
    )
    result = toy.run(NUMBA_CACHE_DIR=str(toy.folder / "cache_of_numba"))
    assert result["path"].startswith(str(toy.cache))


@pytest.mark.full
def test_processes_that_compile_at_once_leave_one_good_cache(toy: Toy) -> None:
    for added in range(3):
        toy.callee_adds(added)
        started = [toy.start(NUMBA_OPT="1") for _ in range(4)]
        assert [finished(process)["answer"] for process in started] == [(4 + added) * 10] * 4
        assert toy.run(NUMBA_OPT="1")["hits"] == 1
