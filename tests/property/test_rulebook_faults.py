"""Rulebook faults: whatever is done to a good file, its faults have lines, and checking and loading agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross import rulebook as rb
from isocross.errors import RulebookError

GOOD = (Path(__file__).parent.parent / "rulebooks" / "opposite.toml").read_text(encoding="utf-8")
LINES = GOOD.splitlines()
VALUES = ["0", "-1", "1", "99999999999999999999", "0.123456789", "nan", "true", "'x'", "''", "[]", "[1]", "{}", "{ a = 1 }",
          "1979-05-27", "[[0, 0.01, 10]]", '[[0, "1.1%", 40], [5, 0.5, 1, 7]]', '"5%"', '"CROSS"', '["USD"]']  # fmt: skip
SCRAPS = [
    "[",
    "]",
    "=",
    '"',
    "'",
    "#",
    "\n",
    "\\",
    ",",
    "{",
    "}",
    ".",
    "0",
    "-",
    "é",
    '"""',
    "\t",
    "[x]",
    "[symbol.AAAUSD]",
]


@st.composite
def changed_files(draw: st.DrawFn) -> str:
    """A few lines of the good file deleted, doubled, given another value, or with a scrap put into them."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["delete", "double", "value", "scrap", "swap"]))
        if what == "delete":
            lines[at] = ""
        elif what == "double":
            lines[at] += "\n" + draw(st.sampled_from(LINES))
        elif what == "value":
            lines[at] = f"{lines[at].split('=')[0]}= {draw(st.sampled_from(VALUES))}"
        elif what == "scrap":
            place = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:place] + draw(st.sampled_from(SCRAPS)) + lines[at][place:]
        else:
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines) + "\n"


def check(text: str) -> None:
    book, faults = rb.examine(text, "f.toml")
    assert (book is None) == bool(faults)
    count = text.count("\n") + 1
    for fault in faults:
        assert (fault.file, fault.value is None or fault.value != "") == ("f.toml", True)
        assert 1 <= fault.line <= count, str(fault)
        assert str(fault).startswith(f"f.toml:{fault.line}: ")
        assert "\n" not in str(fault)
    if book is not None:
        assert book == rb.load_text(text, "f.toml")
        return
    with pytest.raises(RulebookError) as first:
        rb.load_text(text, "f.toml")
    assert str(first.value) in {str(fault) for fault in faults}, "what ends the loading is among what is found"


@settings(max_examples=60, deadline=None)
@given(changed_files())
def test_faults_have_lines_and_checking_agrees_with_loading(text: str) -> None:
    check(text)


@pytest.mark.full
@settings(max_examples=5_000, deadline=None)
@given(changed_files())
def test_faults_have_lines_and_checking_agrees_with_loading_often(text: str) -> None:
    check(text)
