"""Examples: what a page says a command or a line of Python prints is what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.examples import is_run, rewritten

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if any(is_run(page.read_text(encoding="utf-8"), kind) for kind in ("console", "python"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_print_what_the_page_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rewritten(text).splitlines() == text.splitlines()


def test_a_wrong_output_is_found_and_written_anew() -> None:
    page = "A page.\n\n```console\n$ isocross liq NOPE \\\n    --side up\nfine\n```\n\n```python\n>>> 1 + 1\n3\n```\n"
    told = rewritten(page)
    assert "fine" not in told
    assert "[exit status 2]" in told
    assert ">>> 1 + 1\n2\n" in told
    assert "$ isocross liq NOPE \\\n    --side up\nerror: " in told


def test_a_block_without_a_prompt_is_left_alone() -> None:
    page = "```console\nmake run\n```\n```python\nimport nothing_there\n```\n```toml\na = 1\n```\n"
    assert rewritten(page) == page


def test_python_of_a_page_shares_its_names_and_errors_are_shown() -> None:
    page = "```python\n>>> a = 2\n>>> def f(b):\n...     return a * b\n```\nthen\n```python\n>>> f(4)\n>>> 1 / 0\n```\n"
    told = rewritten(page)
    assert ">>> f(4)\n8\n" in told
    assert "ZeroDivisionError: division by zero" in told
    assert rewritten(told) == told
