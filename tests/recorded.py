"""Recorded: where the tests find recorded candles, and what they say where there are none.

The folder is named by ISOCROSS_DATA, default ../shared/data beside the repository: one that holds market/, or that folder itself.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("ISOCROSS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
MARKET = DATA / "market" if (DATA / "market").is_dir() else DATA
WHY_NOT = f"no market data in {MARKET}: name the folder of recorded candles in ISOCROSS_DATA"
needs_market = pytest.mark.skipif(not MARKET.is_dir(), reason=WHY_NOT)
