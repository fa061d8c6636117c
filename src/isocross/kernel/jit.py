"""Jit: the three decorators of the kernel, and the step that turns marked functions into compiled ones.

Responsible for: `@small` (inlined leaf), `@kernel` (internal function), `@entry` (what Python calls, cached on
disk); compiling one namespace per kernel module; the cache stamp. Must not: know a table or a formula.

The decorators only mark: a kernel module imports without numba and runs as plain Python. `compiled_entries`
builds, per kernel module, a copy of its namespace in which every marked function is a numba dispatcher and
every IntEnum is a named tuple of its numbers, so the plain and the compiled engine live in one process.

Numba's own cache misses a change in a callee, a constant or an option; the stamp here is a hash of every kernel
source, of `codes.py`, `limits.py` and of the options, so that any of them recompiles.
"""

from __future__ import annotations

import hashlib
import os
import types
from collections import namedtuple
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__isocross_kernel__"
_HERE = Path(__file__).resolve().parent
_PLAIN = {"pure.py", "state.py"}  # never compiled, nothing of theirs is frozen into machine code
_STAMPED = [path for path in sorted(_HERE.glob("*.py")) if path.name not in _PLAIN]
_STAMPED += [_HERE.parent / name for name in ("codes.py", "limits.py", "units.py")]


class RoomNeeded(Exception):
    """A scratch table, the undo log or the event buffer is full: the command is rolled back, grown and run again."""


def small(function: F) -> F:
    """A leaf that is always inlined: a few lines, called everywhere."""
    setattr(function, _MARK, "small")
    return function


def kernel(function: F) -> F:
    """An internal function, called from kernel code only."""
    setattr(function, _MARK, "kernel")
    return function


def entry(function: F) -> F:
    """A function that Python calls, with integers only. Cached on disk."""
    setattr(function, _MARK, "entry")
    return function


def is_checked_build() -> bool:
    """Whether ISOCROSS_CHECKED asks for bounds checks on every table access."""
    return os.environ.get("ISOCROSS_CHECKED", "") not in ("", "0")


def cache_stamp(options: dict[str, Any]) -> str:
    """Hash of all that the machine code depends on."""
    digest = hashlib.sha256()
    for path in _STAMPED:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    digest.update(repr(sorted(options.items())).encode())
    digest.update(repr(is_checked_build()).encode())
    return digest.hexdigest()


def compiled_namespaces(modules: Iterable[types.ModuleType], words: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each kernel module, its namespace with every marked function compiled (lazily, at the first call).

    `words` are the compiled meanings of the functions of native.py, by name.
    """
    import numba

    from . import caching

    options: dict[str, Any] = {"error_model": "python", "boundscheck": False}
    stamp = cache_stamp(options)
    namespaces: dict[str, dict[str, Any]] = {module.__name__: dict(vars(module)) for module in modules}
    dispatchers: dict[Any, Any] = {}

    def dispatcher(function: Any) -> Any:
        if function not in dispatchers:
            home = namespaces.get(function.__module__)
            if home is None:
                raise AssertionError(f"{function.__module__}.{function.__name__} is kernel code outside the kernel's list")
            copy = types.FunctionType(
                function.__code__, home, function.__name__, function.__defaults__, function.__closure__
            )
            copy.__qualname__ = function.__qualname__
            copy.__module__ = function.__module__
            role = getattr(function, _MARK)
            if role == "entry":
                dispatchers[function] = caching.cached_entry(copy, options, stamp)
            else:
                dispatchers[function] = numba.njit(
                    no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=role == "small", **options
                )(copy)
        return dispatchers[function]

    for space in namespaces.values():
        for name, value in list(space.items()):
            if isinstance(value, types.FunctionType) and hasattr(value, _MARK):
                space[name] = dispatcher(value)
            elif isinstance(value, types.FunctionType) and value.__module__.endswith(".native"):
                space[name] = words[value.__name__]
            elif isinstance(value, type) and issubclass(value, IntEnum) and value is not IntEnum:
                numbers = namedtuple(value.__name__, [member.name for member in value])  # type: ignore[misc]
                space[name] = numbers(*[int(member) for member in value])
    return namespaces
