"""Structure: who may import whom, who may read a clock or draw a number, and how the kernel may write.

Every rule is one function that reads source text and returns what it found; each is first shown a planted fault.
The rules are ARCHITECTURE.md's; what to do when one stops a change is in CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "isocross"

# The import direction: a part knows its own folder and the rows above it, never its row's other parts or what is below.
LEVELS = [
    {"units", "codes", "limits", "errors"},  # the one row whose parts know each other
    {"answer"},
    {"rulebook"},
    {"kernel"},
    {"command", "views"},
    {"event"},
    {"exchange"},
    {"journal", "market"},
    {"worlds"},
    {"sandbox"},
    {"policy"},
    {"venue", "lab"},
    {"terminal", "warmup"},
    {"cli"},
    {"__init__", "__main__"},
]
LEVEL = {part: number for number, parts in enumerate(LEVELS) for part in parts}

PLAIN_FORMULAS = {"kernel.margin", "kernel.fixed", "kernel.jit"}
KERNEL_DOORS = {"command", "views", "exchange", "warmup"}  # who may import all of the kernel
FORMULA_READERS = {"policy", "lab"}  # who may use its plain formulas

CLOCK_READERS = ("venue", "market.live", "warmup")
CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
CHANCE_DRAWERS = ("market", "lab")

NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "core"}
LINES_MAX = 700
LONG_BECAUSE = "Long because"  # how the header of a longer file begins the sentence that says why


def module_files() -> dict[str, Path]:
    """Every module by its name below the package: 'kernel.margin', 'rulebook', '__init__'."""
    files = {}
    for path in SOURCE.rglob("*.py"):
        parts = list(path.relative_to(SOURCE).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        files[".".join(parts)] = path
    return files


FILES = module_files()
MODULES = sorted(FILES)


def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def part_of(module: str) -> str:
    return module.split(".")[0]


def lies_in(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


# ---- imports


def imported(module: str, text: str, modules: set[str], is_package: bool = False) -> set[str]:
    """The modules of this package that `text`, the source of `module`, imports, at its top or inside a function."""
    found = set()
    package = [] if module in ("__init__", "__main__") else module.split(".")
    if not is_package:
        package = package[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = ["isocross", *package[: len(package) - (node.level - 1)]]
            else:
                base = []
            base += node.module.split(".") if node.module else []
            names = [".".join([*base, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "isocross":
                continue
            while len(parts) > 1 and ".".join(parts[1:]) not in modules:
                parts.pop()
            found.add(".".join(parts[1:]) or "__init__")
    return found


def import_fault(module: str, target: str) -> str | None:
    """Why `module` may not import `target`; None if it may."""
    here, there = part_of(module), part_of(target)
    for part in (here, there):
        if part not in LEVEL:
            return f"{part} has no place in the import direction: give it one in ARCHITECTURE.md and in LEVELS"
    if here == there:
        return None
    if there == "kernel":
        if here in FORMULA_READERS:
            return (
                None if target in PLAIN_FORMULAS else f"{here} may use only the plain formulas {sorted(PLAIN_FORMULAS)}"
            )
        return None if here in KERNEL_DOORS else "the Exchange is the only door to the kernel"
    if (here, there) == ("kernel", "rulebook") and module != "kernel.state":
        return "compiled kernel code gets rules as table rows; only state.py, which writes them, knows a rulebook"
    if LEVEL[there] == LEVEL[here]:
        return None if LEVEL[here] == 0 else f"{here} and {there} do not know each other"
    return None if LEVEL[there] < LEVEL[here] else f"{there} lies above {here}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_direction(module: str) -> None:
    path = FILES[module]
    targets = imported(module, path.read_text(encoding="utf-8"), set(FILES), path.name == "__init__.py")
    faults = {target: fault for target in sorted(targets) if (fault := import_fault(module, target))}
    assert not faults


@pytest.mark.parametrize(
    ("module", "text", "target"),
    [
        ("kernel.book", "from .. import rulebook", "rulebook"),
        ("kernel.book", "from ..rulebook.model import Rulebook", "rulebook.model"),
        ("rulebook.model", "def f():\n    from ..kernel.margin import notional_e8", "kernel.margin"),
        ("journal.replay", "import isocross.market.manual", "market.manual"),
        ("lab.stress", "from ..venue import server", "venue.server"),
        ("venue.server", "from isocross.lab import stress", "lab.stress"),
        ("market.manual", "from ..kernel import engine", "kernel.engine"),
        ("policy.liq", "from ..kernel import engine, margin", "kernel.engine"),
        ("units", "from .exchange import Exchange", "exchange"),
        ("market.manual", "from .. import Exchange", "__init__"),
        ("units", "from . import newcomer", "newcomer"),
    ],
)
def test_a_planted_import_is_found(module: str, text: str, target: str) -> None:
    known = {
        "kernel.engine",
        "kernel.margin",
        "rulebook",
        "rulebook.model",
        "market.manual",
        "lab.stress",
        "venue.server",
    }
    targets = imported(module, text, known | {"exchange", "newcomer"})
    assert target in targets
    assert import_fault(module, target)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("policy.liq", "from ..kernel import margin"),
        ("lab.stress", "from ..kernel.fixed import mul_div_down"),
        ("kernel.book", "from ..codes import Side\nfrom .schema import NO_ROW\nimport numpy"),
        ("limits", "from .units import ONE_E8"),
        ("cli", "from . import exchange"),
    ],
)
def test_a_good_import_passes(module: str, text: str) -> None:
    known = {"kernel.margin", "kernel.fixed", "kernel.schema", "codes", "units", "exchange"}
    targets = imported(module, text, known)
    assert targets
    assert not [target for target in targets if import_fault(module, target)]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import isocross", ["numba", "polars", "matplotlib"]),
        ("import isocross.kernel.margin", ["numba", "numpy"]),
        ("import isocross.kernel.fixed", ["numba", "numpy"]),
    ],
)
def test_a_light_import_stays_light(statement: str, absent: list[str]) -> None:
    question = f"import sys; {statement}; print([name for name in {absent} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"


# ---- clocks and chance


def clock_reads(text: str) -> list[str]:
    """Every place in `text` that reads a clock."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"line {node.lineno}: from time import {a.name}" for a in node.names if a.name in CLOCKS["time"]]
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).split(".")[-1]
            if node.attr in CLOCKS.get(owner, ()):
                found.append(f"line {node.lineno}: {owner}.{node.attr}")
    return found


def chance_draws(text: str) -> list[str]:
    """Every place in `text` that can draw a random number."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or "", *[f"{node.module}.{alias.name}" for alias in node.names]]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        found += [
            f"line {node.lineno}: {name}"  # type: ignore[attr-defined]
            for name in names
            if name in ("random", "numpy.random", "np.random") or name.startswith("random.")
        ]
    return found


@pytest.mark.parametrize("module", [m for m in MODULES if not lies_in(m, CLOCK_READERS)])
def test_no_clock_is_read(module: str) -> None:
    assert not clock_reads(FILES[module].read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", [m for m in MODULES if not lies_in(m, CHANCE_DRAWERS)])
def test_no_random_number_is_drawn(module: str) -> None:
    assert not chance_draws(FILES[module].read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "from time import perf_counter",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.utcnow()",
        "from datetime import date\ndate.today()",
    ],
)
def test_a_planted_clock_is_found(text: str) -> None:
    assert clock_reads(text)


def test_a_time_that_is_no_clock_passes() -> None:
    assert not clock_reads(
        "from datetime import datetime\nimport time\ndatetime.fromtimestamp(0)\ntime.sleep(1)\nself.time"
    )


@pytest.mark.parametrize(
    "text",
    [
        "import random",
        "from random import choice",
        "import numpy as np\nnp.random.default_rng(1)",
        "from numpy import random",
    ],
)
def test_planted_chance_is_found(text: str) -> None:
    assert chance_draws(text)


# ---- how the kernel writes


def writes_past_the_log(text: str, view_makers: frozenset[str] = frozenset()) -> list[str]:
    """Stores to a field, in a compiled function, that the undo log may not have seen.

    A field is stored to only through a name that holds an edit (or raw) view: bound in the same function by a call of
    `.edit(`, of `.raw(` or of a function that returns such a view, or handed in (or looped over) as `…_edit`.
    """
    found = []
    for function in _compiled_functions(text):
        views = _views(function, view_makers)
        for node in ast.walk(function):
            if not (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)):
                continue
            if not (isinstance(node.value, ast.Name) and node.value.id in views):
                found.append(f"line {node.lineno}, {function.name}: {ast.unparse(node)}")
    return found


def view_makers(texts: Iterable[str]) -> frozenset[str]:
    """The compiled functions that return nothing but a view they made themselves."""
    makers = set()
    for text in texts:
        for function in _compiled_functions(text):
            views = _views(function, frozenset())
            returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
            if returned and all(isinstance(value, ast.Name) and value.id in views for value in returned):
                makers.add(function.name)
    return frozenset(makers)


def _compiled_functions(text: str) -> list[ast.FunctionDef]:
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    marks = {"small", "kernel", "entry"}
    return [node for node in functions if marks & {ast.unparse(mark).split("(")[0] for mark in node.decorator_list}]


def _views(function: ast.FunctionDef, makers: frozenset[str]) -> set[str]:
    """The names that hold an edit or raw view, whichever of their bindings ran last."""
    bindings: dict[str, list[bool]] = {}

    def bind(target: ast.AST, is_view: bool) -> None:
        for leaf in ast.walk(target):
            if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store):
                bindings.setdefault(leaf.id, []).append(is_view)

    for argument in ast.walk(function.args):
        if isinstance(argument, ast.arg):
            bindings.setdefault(argument.arg, []).append(argument.arg.endswith("_edit"))
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                bind(target, isinstance(target, ast.Name) and _makes_a_view(node.value, makers))
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            bind(node.target, False)
        elif isinstance(node, ast.For):
            bind(node.target, isinstance(node.target, ast.Name) and node.target.id.endswith("_edit"))
    return {name for name, kinds in bindings.items() if all(kinds)}


def _makes_a_view(value: ast.expr, makers: frozenset[str]) -> bool:
    if not isinstance(value, ast.Call):
        return False
    if isinstance(value.func, ast.Attribute):
        return value.func.attr in ("edit", "raw")
    return isinstance(value.func, ast.Name) and value.func.id in makers


KERNEL = [module for module in MODULES if part_of(module) == "kernel"]


@pytest.mark.parametrize("module", KERNEL)
def test_the_kernel_writes_through_edit_views(module: str) -> None:
    makers = view_makers(FILES[name].read_text(encoding="utf-8") for name in KERNEL)
    assert not writes_past_the_log(FILES[module].read_text(encoding="utf-8"), makers)


@pytest.mark.parametrize(
    "body",
    [
        "row = s.orders[o]\n    row.lots = 1",
        "row = s.orders[o]\n    row.lots += 1",
        "s.orders[o].lots = 1",
        "o.lots -= 1",
        "row = s.orders.edit(o)\n    row = s.orders[o]\n    row.lots = 1",
        "row_edit = s.orders[o]\n    row_edit.lots = 1",
        "for row in rows(s):\n        row.lots = 1",
        "a, b = s.orders[o].lots, s.orders.edit(o)\n    b.lots = 1",
        "row: int = 1\n    row.lots = 1",
    ],
)
def test_a_planted_write_is_found(body: str) -> None:
    assert writes_past_the_log(f"@kernel\ndef f(s, o):\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "row = s.orders.edit(o)\n    row.lots = 1",
        "row = s.touched.raw(o)\n    row.lots += s.orders[o].lots",
        "order_edit.lots = 1",
        "for row_edit in edits(s):\n        row_edit.lots = 1",
    ],
)
def test_a_write_through_a_view_passes(body: str) -> None:
    assert not writes_past_the_log(f"@kernel\ndef f(s, o, order_edit):\n    {body}\n")


def test_a_view_may_come_from_a_function_that_makes_one() -> None:
    makes = "@small\ndef new_row(s):\n    row_edit = s.rows.edit(0)\n    return row_edit\n"
    reads = "@small\ndef new_row(s):\n    row = s.rows[0]\n    return row\n"
    user = "@kernel\ndef f(s):\n    row_edit = new_row(s)\n    row_edit.lots = 1\n"
    assert not writes_past_the_log(user, view_makers([makes]))
    assert writes_past_the_log(user, view_makers([reads]))


# ---- files


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) != "__main__" and FILES[m].name != "__init__.py"])
def test_header_says_what_the_file_answers_for(module: str) -> None:
    header = ast.get_docstring(tree(module)) or ""
    assert "Responsible for" in header


def _python_files() -> list[Path]:
    folders = [SOURCE, ROOT / "tests", ROOT / "bench", ROOT / "examples", ROOT / "tools"]
    return sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*.py"))


def test_a_long_file_says_why() -> None:
    faults = []
    for path in _python_files():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LINES_MAX and LONG_BECAUSE not in (ast.get_docstring(ast.parse(text)) or ""):
            faults.append(
                f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines; split it, or begin a sentence of its header with '{LONG_BECAUSE}'"
            )
    assert not faults


def test_every_file_is_named_for_one_thing() -> None:
    names = [path.relative_to(ROOT) for path in _python_files()]
    assert not [str(name) for name in names if NAMES_THAT_SAY_NOTHING & {*name.with_suffix("").parts}]
