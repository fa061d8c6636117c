"""The learning pages: each says what it is, the index lists all of them, each leads to the next, and each shows what it says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.examples import is_run

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "learn"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = re.findall(r"^\d+\. \[[^\]]+\]\(([a-z-]+\.md)\)", INDEX, re.MULTILINE)
FOOTER = (
    "\n---\n\n*Simulation for education, not advice. isocross sends no order to a real venue. "
    "It is not affiliated with the venues named here.*\n"
)


def test_the_index_lists_every_page() -> None:
    assert sorted([*PAGES, "README.md"]) == sorted(page.name for page in FOLDER.glob("*.md"))


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_every_page_ends_with_what_it_is_not(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8").endswith(FOOTER)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_what_it_says(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert is_run(text, "console") or is_run(text, "python")


@pytest.mark.parametrize(("name", "following"), list(pairwise(PAGES)))
def test_every_page_leads_to_the_next(name: str, following: str) -> None:
    last = (FOLDER / name).read_text(encoding="utf-8").split("\nNext: ")[-1]
    assert f"({following})" in last


@pytest.mark.parametrize(
    "question",
    [
        "Can I switch the mode during a trade?",
        "Is isolated safer?",
        "Does cross raise my profit?",
        "Can I lose more than my margin?",
        "Why does leverage matter?",
        "Which do professionals use?",
        "Which should I choose?",
    ],
)
def test_every_answer_has_a_command_that_shows_it(question: str) -> None:
    text = (FOLDER / "questions.md").read_text(encoding="utf-8")
    answer = text.split(f"## {question}\n")[1].split("\n## ")[0]
    assert is_run(answer, "console") or is_run(answer, "python")
