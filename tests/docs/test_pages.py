"""Pages: what README, ARCHITECTURE, CONTRIBUTING, CHANGELOG and docs/ say about files, tasks and numbers is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from isocross.codes import ContractKind
from isocross.kernel import margin
from isocross.rulebook.model import Bracket
from isocross.units import ONE_E8

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
README_LINES_MAX = 60  # one screen


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors a heading gets on the usual forges."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", text_of(page), flags=re.DOTALL)
    for link in LINK.findall(without_code):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{name_of(page)} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name_of(page)} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_task_that_is_named_exists(page: Path) -> None:
    tasks = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(page), re.MULTILINE))
    assert named <= tasks


def test_readme_is_one_screen_with_two_commands() -> None:
    text = text_of(ROOT / "README.md")
    assert text.count("\n") <= README_LINES_MAX
    commands = re.findall(r"^make [a-z-]+", text, re.MULTILINE)
    assert commands == ["make run", "make test"]


def test_architecture_names_every_folder_and_no_other() -> None:
    source = ROOT / "src" / "isocross"
    there = {path.parent.name for path in source.glob("*/__init__.py")}
    named = set(re.findall(r"^\| `([a-z]+)/` \|", text_of(ROOT / "ARCHITECTURE.md"), re.MULTILINE))
    assert there <= named


def test_decisions_have_numbers_of_their_own_and_their_four_parts() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers[0] == 1
    assert len(numbers) == len(set(numbers))
    for page in DECISIONS:
        parts = re.findall(r"^## (.+)$", text_of(page), re.MULTILINE)
        assert parts == ["Context", "Decision", "Alternatives", "Consequences"], page.name


def test_picture_of_the_readme_is_what_the_formulas_say() -> None:
    brackets = [Bracket(floor_e8=0, rate_e8=400_000, deduction_e8=0, leverage_max=20, cap_e8=10**6 * ONE_E8)]
    text = text_of(ROOT / "README.md")
    rows = dict(
        re.findall(r"^ *(margin behind it|liquidated at mark|most it can lose, fees apart) +(.+)$", text, re.MULTILINE)
    )
    assert rows["margin behind it"].split() == ["10.00", "50.00"]
    assert rows["most it can lose, fees apart"].split() == ["10.00", "50.00"]
    for shown, backing in zip(rows["liquidated at mark"].split(), (10, 50), strict=True):
        mark_e8 = margin.liquidation_mark_e8(
            ContractKind.LINEAR,
            1_000,  # lots of 0.001
            10**5,
            100 * ONE_E8,
            backing * ONE_E8,
            100 * ONE_E8,
            1,
            10**6 * ONE_E8,
            brackets,
            0,
            1,
        )
        assert shown == f"{mark_e8 / ONE_E8:.2f}"
