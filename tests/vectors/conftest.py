"""Options, parameters and the report of the vector runner.

Responsible for: which folder is read, one test per vector, the counts per kind at the end of the run.
Must not: know a formula or a number.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.vectors.vector import read_folder

VARIABLE = "ISOCROSS_VECTORS"
DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"
STATUSES = ("asserted", "in part", "not applicable", "not reproduced", "failed")
_reported: list[dict[str, str]] = []


def folder() -> Path | None:
    """Where the vectors are: the variable, else the default where it exists."""
    said = os.environ.get(VARIABLE)
    if said:
        return Path(said).resolve()
    return DEFAULT_FOLDER.resolve() if DEFAULT_FOLDER.is_dir() else None


def is_default_folder() -> bool:
    """Whether the run reads the folder whose counts are kept."""
    return folder() is not None and folder() == DEFAULT_FOLDER.resolve()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-counts", action="store_true", help="write tests/vectors/asserted.json anew")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "vector" not in metafunc.fixturenames:
        return
    path = folder()
    if path is None:
        reason = f"no vectors: {VARIABLE} names no folder, and ../shared/vectors is not there"
        metafunc.parametrize("vector", [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="none")])
        return
    vectors = read_folder(path)
    assert vectors, f"{VARIABLE}: no vectors in {path}"
    metafunc.parametrize("vector", [pytest.param(one, id=f"{one.kind}-{one.id}") for one in vectors])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _reported.extend(value for name, value in report.user_properties if name == "vector")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _reported:
        return
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in _reported:
        counts[one["kind"]][one["status"]] += 1
        if one["reason"]:
            reasons[one["status"], one["reason"]].append(one["id"])
    write = terminalreporter.write_line
    terminalreporter.section("vectors: other people's numbers")
    write(f"{'kind':<24}" + "".join(f"{status:>16}" for status in STATUSES))
    for kind in sorted(counts):
        write(f"{kind:<24}" + "".join(f"{counts[kind][status]:>16}" for status in STATUSES))
    total = sum(counts.values(), Counter())
    write(f"{'all':<24}" + "".join(f"{total[status]:>16}" for status in STATUSES))
    for status in ("in part", "not applicable", "not reproduced"):
        rows = sorted((item for item in reasons.items() if item[0][0] == status), key=lambda item: -len(item[1]))
        if rows:
            write("")
            write(f"{status}:")
        for (_, reason), ids in rows:
            write(f"  {len(ids):>3}  {reason}")
            write(f"       {', '.join(ids)}")
