"""Linking: entries that were optimised once say what numba's own compilation of them says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numba
import pytest
from numba.core import codegen

from isocross.kernel import linking

HELD = [(codegen.JITCodeLibrary, "_optimize_final_module"), (codegen.JITCodeLibrary, "_finalize_final_module")]
HELD += [(codegen.JITCPUCodegen, "set_env")]
NAMES = ("one", "two", "three", "four", "five", "six")


def entry_of_test() -> Callable[[int], int]:
    """Calls two functions that call a third; the third refuses 13."""
    internal: Any = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)

    @internal
    def leaf(number: int) -> int:
        if number == 13:
            raise ValueError("no thirteen")
        return len(NAMES[number % 6]) + number

    @internal
    def left(number: int) -> int:
        return leaf(number) * 3

    @internal
    def right(number: int) -> int:
        return leaf(number + 1) - 5

    @numba.njit
    def entered(number: int) -> int:
        return left(number) * 1_000 + right(number)

    return entered


def answers(entered: Callable[[int], int], numbers: Iterable[int]) -> list[int | str]:
    found: list[int | str] = []
    for number in numbers:
        try:
            found.append(entered(number))
        except ValueError as error:
            found.append(str(error))
    return found


def test_this_numba_has_what_is_taken_hold_of() -> None:
    assert linking.is_possible()


def test_the_answers_are_those_of_numbas_own_compilation() -> None:
    plain = entry_of_test()
    with linking.optimised_where_entered(["entry_of_test.<locals>.entered"]):
        once: Any = entry_of_test()
        once.compile((numba.int64,))
    assert answers(once, range(20)) == answers(plain, range(20))
    assert answers(once, [12, 13]) == ["no thirteen"] * 2


def test_functions_between_are_not_optimised_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    optimised: list[str] = []
    own = codegen.JITCodeLibrary._optimize_final_module

    def seen(self: Any) -> None:
        optimised.append(self.name)
        own(self)

    monkeypatch.setattr(codegen.JITCodeLibrary, "_optimize_final_module", seen)
    with linking.optimised_where_entered(["entry_of_test.<locals>.entered"]):
        entered: Any = entry_of_test()
        entered.compile((numba.int64,))
    assert set(optimised) == {"entry_of_test.<locals>.entered"}


def test_numba_is_as_it_was_afterwards_and_after_an_error() -> None:
    before = [getattr(where, name) for where, name in HELD]
    with pytest.raises(RuntimeError), linking.optimised_where_entered(["x"]):
        assert [getattr(where, name) for where, name in HELD] != before
        raise RuntimeError
    assert [getattr(where, name) for where, name in HELD] == before


def test_another_numba_compiles_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "_LIBRARY_METHODS", ("_no_such_method",))
    with linking.optimised_where_entered(["entry_of_test.<locals>.entered"]):
        entered: Any = entry_of_test()
        entered.compile((numba.int64,))
    assert answers(entered, [1, 13]) == answers(entry_of_test(), [1, 13])
