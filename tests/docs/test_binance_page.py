"""The page of the dialect says what the dialect is."""

from __future__ import annotations

from tests.docs.binance_page import PAGE, page


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.docs.binance_page"
