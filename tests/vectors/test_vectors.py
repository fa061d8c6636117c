"""Other people's numbers: every vector that isocross' rules can meet is met, and the count of those never falls.

Responsible for: one test per vector, the kept counts. Must not: adjust a vector or a tolerance.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.vectors.conftest import folder, is_default_folder
from tests.vectors.vector import Outcome, Vector, outcome_of, read_folder

COUNTS = Path(__file__).with_name("asserted.json")


@functools.cache
def _outcome(path: Path, place: int) -> Outcome:
    return outcome_of(read_folder(path)[place])


def _counts(path: Path) -> dict[str, int]:
    vectors = read_folder(path)
    found = Counter(one.kind for place, one in enumerate(vectors) if _outcome(path, place).status == "asserted")
    return {kind: found[kind] for kind in sorted({one.kind for one in vectors})}


def test_vector(vector: Vector, record_property: pytest.FixtureRequest) -> None:
    path = folder()
    assert path is not None
    place = read_folder(path).index(vector)
    outcome = _outcome(path, place)
    record_property(
        "vector", {"kind": vector.kind, "id": vector.id, "status": outcome.status, "reason": outcome.reason}
    )
    if outcome.status in ("not applicable", "not reproduced"):
        pytest.skip(f"{outcome.status}: {outcome.reason}")
    assert not outcome.problems, f"{vector.formula_id}: " + "; ".join(outcome.problems)


def test_count_of_asserted_vectors_never_falls(request: pytest.FixtureRequest) -> None:
    """For the default folder; vectors asserted in part are not counted."""
    if not is_default_folder():
        return
    path = folder()
    assert path is not None
    counts = _counts(path)
    if request.config.getoption("--update-counts"):
        COUNTS.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
    kept = json.loads(COUNTS.read_text(encoding="utf-8"))
    fallen = [f"{kind}: {counts.get(kind, 0)}, was {was}" for kind, was in kept.items() if counts.get(kind, 0) < was]
    assert not fallen, "fewer vectors are asserted than before: " + "; ".join(fallen)
