"""Linking: the kernel's functions are optimised together, once, where Python enters, and not each time one calls another.

Responsible for: `optimised_where_entered`, within which entries are compiled. Must not: know what is compiled or where it is kept.

numba makes a finished library of every function: it links all that the function calls, all the way down, runs the whole
optimiser over it, and emits machine code for it. A leaf of the kernel is optimised anew for each of its callers' callers, and
what comes out is thrown away except at the entries: two thirds of the time of a compilation, for the same code. Here the
functions between are handed on as they are lowered.

This takes hold of three methods of `numba.core.codegen` (0.61 to 0.68). Where one of them is missing, everything is compiled
as numba does it, and takes longer; tests/unit/test_linking.py says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

_LIBRARY_METHODS = ("_optimize_final_module", "_finalize_final_module")
_EMITTED_ALWAYS = ("nrt",)  # numba's own runtime


def is_possible() -> bool:
    """Whether this numba has what is taken hold of."""
    library = all(hasattr(codegen.JITCodeLibrary, name) for name in _LIBRARY_METHODS)
    return library and hasattr(codegen.JITCPUCodegen, "set_env")


@contextmanager
def optimised_where_entered(entries: Collection[str]) -> Iterator[None]:
    """Compile these functions, by their names, and whatever they call, with one run of the optimiser for each of them.

    Other threads that compile with numba wait meanwhile.
    """
    if not is_possible():
        yield
        return
    with global_compiler_lock:
        rtsys.initialize(cpu_target.target_context)
        library: Any = codegen.JITCodeLibrary
        target: Any = codegen.JITCPUCodegen
        optimise, finish, set_env = library._optimize_final_module, library._finalize_final_module, target.set_env
        environments: list[tuple[Any, str, Any]] = []

        def is_emitted(one: Any) -> bool:
            return one.name in entries or one.name in _EMITTED_ALWAYS

        def optimise_entry(self: Any) -> None:
            if is_emitted(self):
                optimise(self)
                optimise(self)  # once more, now that what is small has been inlined

        def finish_entry(self: Any) -> None:
            if is_emitted(self):
                finish(self)
            else:
                self._finalize_dynamic_globals()
                self._finalized = True

        library._optimize_final_module, library._finalize_final_module = optimise_entry, finish_entry
        target.set_env = lambda self, name, environment: environments.append((self, name, environment))
        try:
            yield
        finally:
            library._optimize_final_module, library._finalize_final_module, target.set_env = optimise, finish, set_env
            _set_environments(environments, set_env)


def _set_environments(environments: list[tuple[Any, str, Any]], set_env: Callable[[Any, str, Any], None]) -> None:
    """Tell the emitted code where its functions' constants lie: those of a function that was inlined away are not there."""
    for target, name, environment in environments:
        if target._engine.is_symbol_defined(name):
            set_env(target, name, environment)
