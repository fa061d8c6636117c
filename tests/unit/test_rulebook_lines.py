"""Lines: every table, key and element of a file is found on its own line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross.rulebook.lines import json_lines, toml_lines

ROOT = Path(__file__).resolve().parents[2]
TOML_FILES = sorted([*(ROOT / "src/isocross/rulebook/data").rglob("*.toml"), ROOT / "tests/rulebooks/opposite.toml"])


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every path of plain data with its value, containers included."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))


@pytest.mark.parametrize("file", TOML_FILES, ids=lambda file: file.name)
def test_every_key_of_a_shipped_file_is_on_the_line_that_names_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines, found = text.splitlines(), toml_lines(text)
    everything = dict(leaves(tomllib.loads(text)))
    assert set(found) == set(everything)
    for path in everything:
        if isinstance(path[-1], str):
            assert path[-1] in lines[found[path] - 1], path


TRICKY = '''a.b."c d" = 1
"#" = "] = [ # no"

[[x.y]]
q = {z = [1,
  2, # ] ,
  3], w = "}", v = {}}
[[x.y]]
q = """
[not.a.table]
k = 1 \\""" still
"""
r = \'\'\'a
b\'\'\'
s = """a"b""c"""""
[x.y.k]
t = 1979-05-27 07:32:00 # [u]
u = ["a,b", 'c]', [
], 4,
]
'''


def test_what_looks_like_a_table_or_a_key_and_is_none() -> None:
    everything = dict(leaves(tomllib.loads(TRICKY)))
    found = toml_lines(TRICKY)
    assert set(found) == set(everything)
    for path, line in {
        ("a", "b", "c d"): 1, ("#",): 2, ("x", "y", 0): 4, ("x", "y", 0, "q", "z", 0): 5, ("x", "y", 0, "q", "z", 1): 6,
        ("x", "y", 0, "q", "z", 2): 7, ("x", "y", 0, "q", "v"): 7, ("x", "y", 1): 8, ("x", "y", 1, "r"): 13,
        ("x", "y", 1, "s"): 15, ("x", "y", 1, "k"): 16, ("x", "y", 1, "k", "t"): 17, ("x", "y", 1, "k", "u", 2): 18,
        ("x", "y", 1, "k", "u", 3): 19,
    }.items():  # fmt: skip
        assert found[path] == line, path


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(data=PLAIN, is_ascii=st.booleans())
def test_json_is_walked_like_json_reads_it(data: Any, is_ascii: bool) -> None:
    text = json.dumps(data, indent=1, ensure_ascii=is_ascii)
    found = json_lines(text)
    assert set(found) == {(), *dict(leaves(data))}
    # With an indent every key and element begins a line, in the order of the walk.
    lines = [found[path] for path, _ in leaves(data)]
    assert lines == sorted(set(lines))
    assert json_lines(json.dumps(data)) == dict.fromkeys(found, 1)
