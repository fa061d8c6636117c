"""The page of rulebooks: its facts are those of the data, its columns those of the loader, its keys those of a file."""

from __future__ import annotations

import re

import pytest

from isocross.rulebook import columns, loader, venues
from tests.docs.venue_facts import BEGIN, PAGE, with_facts

TEXT = PAGE.read_text(encoding="utf-8")


def names_under(heading: str) -> list[str]:
    """The names in the first column of the table below a heading."""
    part = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([a-z_]+)`", part, re.MULTILINE)


def test_the_facts_on_the_page_are_those_of_the_data() -> None:
    assert with_facts(TEXT).splitlines() == TEXT.splitlines(), "python -m tests.docs.venue_facts writes them anew"


def test_a_fact_that_was_changed_on_the_page_is_found() -> None:
    changed = TEXT.replace("| Default margin mode | cross | venue 3 |", "| Default margin mode | isolated | venue 3 |", 1)
    assert changed != TEXT
    assert with_facts(changed) == with_facts(TEXT) != changed


@pytest.mark.parametrize("name", venues.venue_names())
def test_what_is_unknown_is_on_the_page_as_unknown(name: str) -> None:
    venue = venues.venue(name)
    part = TEXT.split(BEGIN)[1].split(f"### {venue.title}\n")[1].split("### ")[0]
    for fact in venue.facts.values():
        row = re.search(rf"^\| {re.escape(fact.label)} \| (.*) \| (.*) \|$", part, re.MULTILINE)
        assert row is not None
        assert (row[1].startswith("unknown") and row[2] == "unknown") == (not fact.is_known)


def test_every_column_of_a_rulebook_is_on_the_page() -> None:
    assert names_under("Columns of a rulebook") == list(columns.VENUE_COLUMNS)


def test_every_key_of_a_contract_is_on_the_page() -> None:
    named = names_under("Keys of a contract")
    assert set(named) == columns.SYMBOL_KEYS | {"template"}
    assert len(named) == len(set(named))


def test_every_key_of_a_file_is_on_the_page() -> None:
    assert set(names_under("A file of your own")) == loader.TOP_KEYS
