"""python-binance, as it comes from the package index, runs a whole session and listens: in a process of its own, whose warnings are
its own."""

from __future__ import annotations

import pytest

from .clients.running import run_session


@pytest.mark.full
def test_a_whole_session_and_its_sockets(venue, trader):
    run_session("python_binance_session.py", venue, trader().account.name)
