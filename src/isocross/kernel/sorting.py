"""Sorting: the one sort of the kernel, of a scratch table whose rows are one integer.

Responsible for: ascending order by `key`, in place, however many rows there are. Must not: know what a key means.
"""

from __future__ import annotations

from .jit import kernel, small


@kernel
def sort_by_key(table, count):
    """Heapsort of the first `count` rows: no recursion, no memory, and never worse than n·log n."""
    for start in range(count // 2 - 1, -1, -1):
        _sift_down(table, start, count)
    for end in range(count - 1, 0, -1):
        _swap(table, 0, end)
        _sift_down(table, 0, end)


@kernel
def _sift_down(table, root, end):
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and table[child].key < table[child + 1].key:
            child += 1
        if table[root].key >= table[child].key:
            return
        _swap(table, root, child)
        root = child


@small
def _swap(table, i, j):
    first = table.raw(i)
    second = table.raw(j)
    key = first.key
    first.key = second.key
    second.key = key
