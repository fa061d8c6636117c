"""Kinds: which of some commands or events are of some kinds, found among few or many in a moment.

Responsible for: that question: it is asked a dozen times of every commit. Must not: know what a kind means.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

_KINDS_MAX = 2**16  # a kind is an int16; read as unsigned it is a place in a table


def is_of(records: np.ndarray, kinds: frozenset[int]) -> Any:
    """For each COMMAND or EVENT row, whether its kind is one of `kinds`. (np.isin costs ten times as much for a few rows.)"""
    return _table(kinds)[records["kind"].view(np.uint16)]


def kinds_in(records: np.ndarray) -> frozenset[int]:
    """Which kinds are among some COMMAND or EVENT rows; one below zero, which nobody has, counts from 2¹⁶ down."""
    return frozenset(np.flatnonzero(np.bincount(records["kind"].view(np.uint16))).tolist())


@lru_cache
def _table(kinds: frozenset[int]) -> np.ndarray:
    table = np.zeros(_KINDS_MAX, dtype=np.bool_)
    table[list(kinds)] = True
    return table
