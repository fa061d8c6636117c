"""The flag that writes the stories anew: pytest tests/golden --rewrite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the outputs of the golden scenarios anew")
