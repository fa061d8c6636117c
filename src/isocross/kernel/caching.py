"""Caching: compiled entries on disk, found again only while nothing they depend on has changed.

Responsible for: where machine code is kept, and the stamp under which it is found. Must not: know what is compiled,
nor change how numba caches anyone else's functions.

Numba's own stamp is the text of the decorated function's file. It misses a callee in another file, a constant, an
option and an environment variable, and then runs stale code without a word. Here each stamp has its own folder

    <cache folder>/kernel/<stamp>/

so that two clones, two versions, or a checked and an unchecked build never throw each other's code away. The cache
folder is $ISOCROSS_CACHE, else $NUMBA_CACHE_DIR/isocross, else the user's cache folder; if that cannot be written,
`__pycache__` beside the source; if that cannot be written either, nothing is kept. A clone stays clean.

Numba's public switches for its cache are process-wide, so this file subclasses numba's cache instead: five names of
`numba.core.caching` (0.61 to 0.68). If one of them is renamed, tests/unit/test_caching.py fails.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy
from numba.core import caching, config

FOLDERS_MAX = 16  # stamps kept in one cache folder; the least recently used go first

_NOTICED_BY_NOBODY = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE")


def cached_entry(function: types.FunctionType, options: dict[str, Any], stamp: str) -> Callable[..., Any]:
    """`function` compiled by numba at its first call, with `options`, and kept on disk under `stamp`.

    Takes    function: found through its own `__globals__`, which may be any dict; its module must be importable.
             options: of numba.njit, without `cache`. stamp: text that differs whenever the machine code could.
    Returns  numba's dispatcher, or `function` itself when NUMBA_DISABLE_JIT is set.
    Errors   none: a cache that cannot be written is a RuntimeWarning, and the function is compiled in each process.
    """
    dispatcher = numba.njit(**options)(function)
    if dispatcher is function:
        return function
    folder = stamped_folder(Path(function.__code__.co_filename), full_stamp(stamp))
    if folder is None:
        warnings.warn(
            f"no folder for compiled code can be written (tried {cache_root()}): each process compiles anew; "
            "set ISOCROSS_CACHE to a folder of yours",
            RuntimeWarning,
            stacklevel=2,
        )
        return dispatcher
    dispatcher._cache = _StampedCache(function, folder)
    return dispatcher


def full_stamp(stamp: str) -> str:
    """`stamp` and what it cannot know: the versions and switches of numba that change machine code unseen."""
    parts = [stamp, sys.version, numba.__version__, numpy.__version__]
    parts += [f"{name}={getattr(config, name, None)}" for name in _NOTICED_BY_NOBODY]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def cache_root() -> Path:
    """The first choice for compiled code, whether or not it can be written."""
    if chosen := os.environ.get("ISOCROSS_CACHE"):
        return Path(chosen).expanduser() / "kernel"
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR) / "isocross" / "kernel"
    import platformdirs

    return Path(platformdirs.user_cache_dir("isocross", appauthor=False)) / "kernel"


def stamped_folder(source: Path, stamp: str) -> Path | None:
    """The folder of `stamp`, made, marked as used and writable; None if there is no such place."""
    for root in _roots(source):
        folder = root / stamp
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            os.utime(folder)
        except OSError:
            continue
        _drop_old(root)
        return folder
    return None


def _roots(source: Path) -> Iterator[Path]:
    yield cache_root()
    yield source.resolve().parent / "__pycache__" / "isocross-kernel"


def _drop_old(root: Path) -> None:
    """Keep the FOLDERS_MAX stamps used last. Another process may do the same at the same time."""
    used = []
    for folder in root.iterdir():
        try:
            used.append((folder.stat().st_mtime_ns, folder))
        except OSError:
            continue
    for _, folder in sorted(used, reverse=True)[FOLDERS_MAX:]:
        shutil.rmtree(folder, ignore_errors=True)


class _StampedLocator(caching._CacheLocator):
    """One folder, already chosen; the folder is the stamp, so all that is in it is fresh."""

    def __init__(self, function: types.FunctionType, folder: Path) -> None:
        self._py_file = function.__code__.co_filename  # numba names it in its warnings
        self._folder = folder

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._folder.name

    def get_disambiguator(self) -> str:
        return "entry"  # a qualified name is unique within its module


class _StampedImpl(caching.CompileResultCacheImpl):
    """Numba's way to store a compile result, with the file name and the locator set here instead of searched for."""

    def __init__(self, function: types.FunctionType, folder: Path) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _StampedLocator(function, folder)
        name = f"{function.__module__}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _StampedCache(caching.FunctionCache):
    """Numba's cache of one function, in one stamped folder."""

    def __init__(self, function: types.FunctionType, folder: Path) -> None:
        self._impl_class = lambda _: _StampedImpl(function, folder)
        super().__init__(function)
