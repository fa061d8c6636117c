"""Settlements: times and rates of funding, as arrays.

Responsible for: the record, made read-only. Must not: read a file (funding.py does), import what reading one takes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .draws import Int64Array


class FundingRows(NamedTuple):
    """Settlements in time order, no two at one time. Both arrays are int64, read-only, of one length ≥ 0."""

    time_ms: Int64Array
    rate_e8: Int64Array

    def within(self, start_ms: int, end_ms: int) -> FundingRows:
        """The settlements in start_ms … end_ms (exclusive)."""
        first, after = np.searchsorted(self.time_ms, [start_ms, end_ms]).tolist()
        return FundingRows(self.time_ms[first:after], self.rate_e8[first:after])


def funding_rows(time_ms: Int64Array, rate_e8: Int64Array) -> FundingRows:
    """FundingRows of arrays that are already in order, made read-only."""
    assert time_ms.shape == rate_e8.shape
    assert bool((np.diff(time_ms) > 0).all())
    for array in (time_ms, rate_e8):
        assert array.dtype == np.int64
        array.setflags(write=False)
    return FundingRows(time_ms, rate_e8)
