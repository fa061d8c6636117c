"""Kinds: the same rows as a comparison with each kind finds, also for kinds that nobody has."""

from __future__ import annotations

import numpy as np
import pytest

from isocross.codes import EventKind
from isocross.command import COMMAND, EVENT
from isocross.venue.kinds import is_of, kinds_in

KINDS = frozenset((int(EventKind.FILLED), int(EventKind.ADL)))


@pytest.mark.parametrize("dtype", [COMMAND, EVENT])
def test_a_kind_is_found_wherever_it_stands(dtype: np.dtype) -> None:
    rows = np.zeros(2_000, dtype=dtype)
    rows["kind"] = np.random.default_rng(1).integers(-40, 80, len(rows))
    rows["kind"][:2] = (-(2**15), 2**15 - 1)
    expected = [kind in KINDS for kind in rows["kind"].tolist()]
    assert is_of(rows, KINDS).tolist() == expected
    assert any(expected)
    assert is_of(rows[:0], KINDS).tolist() == []
    assert kinds_in(rows) == {kind % 2**16 for kind in rows["kind"].tolist()}
    assert kinds_in(rows[:0]) == frozenset()
