"""Advice: the page of its rules is the table in the code, and names every promise an advice makes."""

from __future__ import annotations

import re
from pathlib import Path

from isocross.policy.advise import advise
from isocross.policy.advise_rules import RULES
from isocross.units import format_e8
from tests.unit.liq_book import BOOK

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "advice.md").read_text(encoding="utf-8")


def test_the_page_of_rules_is_the_table_in_the_code() -> None:
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| \d.*$", PAGE, re.MULTILINE)]
    assert rows == [
        [
            str(number),
            rule.name,
            rule.mode.name.lower(),
            rule.decides_when,
            f"{rule.limits.leverage_max}x",
            format_e8(rule.limits.cushion_e8),
        ]
        for number, rule in enumerate(RULES, start=1)
    ]


def test_every_promise_is_on_the_page() -> None:
    legs = advise(
        "BTCUSDT", "long", entry=60_000, stop=58_000, risk=100, wallet=10_000, legs="together",
        position=["ETHUSDT short 2 @ 3000"], rulebook=BOOK,
    )  # fmt: skip
    assert legs.advice is not None
    told = PAGE.split("What every advice keeps:")[1]
    names = re.findall(r"^\| ([a-z ]+?) \| [^|]+ \|$", told, re.MULTILINE)
    assert names[1:] == [one.name for one in legs.advice.constraints]
