"""Venue facts: complete, dated, sourced, honest about what is unknown, and in agreement with the rulebooks that run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from isocross import rulebook as rb
from isocross.errors import InputError, RulebookError
from isocross.rulebook import loader, venues

FOLDER = Path(venues.__file__).parent / "data" / "venues"
NAMES = ["binance", "binance-coinm", "bitmex", "bybit", "hyperliquid", "okx"]
GOOD = (FOLDER / "okx.toml").read_text(encoding="utf-8")

# A column of a rulebook, and the fact that says the same in words.
COLUMN_FACTS = {
    "default_margin_mode": "default_margin_mode",
    "default_leverage": "default_leverage",
    "isolated_funding_source": "isolated_funding_payer",
    "funding_price": "funding_price",
    "liquidation_ladder": "liquidation_ladder",
    "remainder_to": "remainder",
    "adl_ranking": "adl_ranking",
    "takeover_ratio": "takeover",
    "funding_interval_hours": "funding_interval",
    "funding_cap_rate": "funding_cap",
    "liquidation_fee_rate": "liquidation_fee",
}


def test_the_venues_are_there():
    assert venues.venue_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_is_known_with_a_dated_source_or_says_what_is_unknown(name):
    venue = venues.venue(name)
    assert venue.name == name
    assert list(venue.facts) == list(venues.LABELS)
    for fact in venue.facts.values():
        if fact.is_known:
            assert fact.sources, fact.name
            assert fact.standing in ("derived", "disputed", *venues.PUBLISHERS)
        else:
            assert (fact.standing, fact.more, fact.sources) == ("unknown", "", ())
            assert fact.unknown
        for text in (fact.says, fact.more, fact.unknown):
            assert text is None or not text.endswith("."), "a cell, not a sentence"
    for source in venue.sources.values():
        assert re.fullmatch(r"20\d\d-[01]\d(-[0-3]\d)?", source.date)
        assert source.dated in (source.date, f"noted {source.date}")
        assert re.search(r"https?://|\.com|\.org|docs|documentation", source.text), (
            "an address, or the name of a document"
        )
    assert venue.as_of == max(source.date for source in venue.sources.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_venue_and_its_rulebook_name_each_other(name):
    venue = venues.venue(name)
    shipped = [book for book in map(rb.load, loader.shipped_names()) if book.venue == venue.title]
    assert [book.name for book in shipped] == ([venue.rulebook] if venue.rulebook else [])
    assert venues.venue_of_title(venue.title) is venue


def test_every_shipped_rulebook_has_its_facts():
    for name in loader.shipped_names():
        assert venues.venue_of_title(rb.load(name).venue) is not None


@pytest.mark.parametrize("name", [name for name in NAMES if venues.venue(name).rulebook])
def test_what_a_rulebook_sources_is_no_unknown_fact_and_the_defaults_agree(name):
    venue = venues.venue(name)
    book = rb.load(venue.rulebook)
    for column, fact in COLUMN_FACTS.items():
        if column in book.facts:
            assert venue.facts[fact].is_known, f"{column} has a source, and {fact} is said to be unknown"
        if not venue.facts[fact].is_known:
            assert column in book.decisions
    mode, leverage = venue.facts["default_margin_mode"].says, venue.facts["default_leverage"].says
    assert mode in (None, book.default_margin_mode.name.lower())
    assert leverage in (None, f"{book.default_leverage}x")


def test_what_could_not_be_verified_is_unknown():
    unknown = {name: set(venues.venue(name).unknown) for name in NAMES}
    assert "funding_price" in unknown["binance"]
    assert {"margin_mode_with_position", "margin_mode_with_orders", "funding_cap", "default_leverage"} <= unknown[
        "bybit"
    ]
    assert {"default_leverage", "adl_ranking", "adl_price"} <= unknown["okx"]
    assert {"isolated_funding_payer", "orders_cancelled"} <= unknown["hyperliquid"]
    assert {"default_margin_mode", "default_leverage", "funding_cap", "isolated_funding_payer"} <= unknown["bitmex"]
    assert venues.venue("hyperliquid").facts["adl_price"].is_disputed
    assert venues.venue("bybit").facts["isolated_funding_payer"].is_disputed


def test_a_fact_is_as_strong_as_the_weakest_of_its_sources():
    facts = venues.venue("binance").facts
    assert facts["default_margin_mode"].standing == "venue"
    assert facts["takeover"].standing == "copy"
    assert facts["default_leverage"].standing == "third party"
    assert facts["isolated_funding_payer"].standing == "derived"
    assert {source.publisher for source in facts["liquidation_ladder"].sources} == {"venue", "copy"}
    assert facts["liquidation_ladder"].standing == "copy"


def test_unknown_names():
    with pytest.raises(InputError, match=r"venue 'kraken': expected one of binance, binance-coinm, bitmex, bybit, hyperliquid, okx"):
        venues.venue("kraken")
    assert venues.venue_of_title("Kraken") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 2", "format = 2: expected a whole number in 1 … 1"),
        ('title = "OKX perpetual swaps"', "", ":1: title is missing: expected a text"),
        ("[fact.mark_price]", "[fact.marc_price]", "[fact] marc_price = {'unknown': 'its formula'}: expected a known key"),
        ('unknown = "its formula"', "", "[fact.mark_price] says is missing: expected what is known, or unknown alone"),
        ('unknown = "its formula"', 'unknown = "it"\nsource = "funding"', "expected what is known, or unknown alone"),
        ('says = "mark"', "says = 7", "[fact.funding_price] says = 7: expected a text"),
        ('says = "mark"\nsource = "funding"', 'says = "mark"', "[fact.funding_price] source is missing: expected a list of texts"),
        ('says = "mark"\nsource = "funding"', 'says = "mark"\nsource = "x"', "source = 'x': expected of api-docs, client-docs"),
        ("derived = true", 'derived = "yes"', "derived = 'yes': expected true or false"),
        ('by = "copy"', 'by = "rumour"', "by = 'rumour': expected one of venue, copy, third party"),
        ("noted = 2026-11-22", 'noted = "lately"', "noted = 'lately': expected a date like 2026-11-22 or 2026-11"),
        ("noted = 2026-11-22", "noted = 2026-11-22\ndate = 2026-01-01", "expected either date or noted"),
        ("noted = 2026-11-22", "", "[sources.api-docs] date is missing: expected a date like"),
        ("[sources.api-docs]", "[sources.idle]\nnoted = 2026-11-22\nby = 'venue'\ntext = 'x'\n[sources.api-docs]",
         "[sources.idle] expected a source that some fact names"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_facts_is_named_with_its_line(old, new, said):
    assert old in GOOD
    with pytest.raises(RulebookError) as error:
        venues.venue_of_text(GOOD.replace(old, new, 1), "bad.toml")
    assert said in str(error.value)
    assert re.match(r"bad\.toml:\d+: ", str(error.value))
