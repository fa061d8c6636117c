"""Import: what `import isocross` costs, and the public list."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import isocross

SECONDS_MAX = 0.2
HEAVY = ("numba", "numpy", "polars", "pandas", "matplotlib", "typer", "rich", "msgspec", "importlib.metadata")


def _answer(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_the_import_takes_no_time() -> None:
    code = "import time; t = time.perf_counter(); import isocross; print(time.perf_counter() - t)"
    assert min(float(_answer(code)) for _ in range(3)) <= SECONDS_MAX


def test_the_import_loads_hardly_anything_beside_itself() -> None:
    code = "import sys; before = set(sys.modules); import isocross; print(*sorted(set(sys.modules) - before))"
    small = {"__future__", "importlib", "importlib._bootstrap", "importlib._bootstrap_external", "warnings", "isocross"}
    assert set(_answer(code).split()) <= small


def test_the_import_loads_nothing_heavy() -> None:
    code = f"import sys, json, isocross; print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    assert json.loads(_answer(code)) == []


@pytest.mark.parametrize("name", ["liq", "load", "symbol_rules", "errors", "RefusedError", "Refusal", "rulebook"])
def test_what_is_asked_before_a_trade_needs_no_engine(name: str) -> None:
    code = (
        f"import sys, isocross; isocross.{name}; print([n for n in ('numba', 'numpy', 'polars') if n in sys.modules])"
    )
    assert _answer(code) == "[]"


@pytest.mark.parametrize("name", isocross.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(isocross, name)
    assert value is getattr(isocross, name), "found once, kept"
    assert name in dir(isocross)


def test_the_public_list_holds_what_is_promised() -> None:
    promised = {"Exchange", "Sandbox", "compare", "liq", "load", "errors", "RefusedError", "__version__"}
    assert promised <= set(isocross.__all__)
    assert isocross.__all__ == sorted(isocross.__all__)


def test_every_error_is_public() -> None:
    from isocross import errors

    mine = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert mine <= set(isocross.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sandbax'"):
        isocross.Sandbax  # noqa: B018


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert isocross.__version__ == version("isocross")


def test_the_sandbox_works_from_the_public_list_alone() -> None:
    import isocross as ix

    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000)
    with pytest.raises(ix.RefusedError) as refused:
        box.account("me", USDT=10).buy("BTCUSDT", qty=1)
    assert refused.value.refusal == ix.Refusal.MARGIN_INSUFFICIENT
