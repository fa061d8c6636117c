"""Venue facts: the part of docs/reference/rulebooks.md that is made from the data: every fact of every venue.

Responsible for: that part. Must not: judge a fact. To write it anew: python -m tests.docs.venue_facts
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from isocross.policy.rules.words import fact_text
from isocross.rulebook import venues

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "rulebooks.md"
BEGIN, END = "<!-- facts: made from the data, see tests/docs/venue_facts.py -->", "<!-- end of facts -->"


def with_facts(text: str) -> str:
    """The page with its facts as they are in the data now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(section()) + f"\n{END}{after}"


def section() -> Iterator[str]:
    """All venues, a table and its sources each."""
    for name in venues.venue_names():
        venue = venues.venue(name)
        numbers = {source: number for number, source in enumerate(venue.sources, start=1)}
        runs = f"rulebook `{venue.rulebook}`" if venue.rulebook else "no rulebook runs it yet"
        yield f"### {venue.title}"
        yield ""
        yield f"`{name}`: {runs}."
        yield ""
        yield "| | | known from |"
        yield "|---|---|---|"
        for heading, labels in venues.FACTS.items():
            yield f"| **{heading}** | | |"
            for fact in map(venue.facts.__getitem__, labels):
                cited = ", ".join(str(number) for number in sorted(numbers[source.name] for source in fact.sources))
                told = fact_text(fact).replace("|", "\\|")
                yield f"| {fact.label} | {told} | {f'{fact.standing} {cited}'.strip()} |"
        yield ""
        for source, number in numbers.items():
            one = venue.sources[source]
            yield f"{number}. {one.dated}, {one.publisher}: {one.text.replace('|', chr(92) + '|')}"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(with_facts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
