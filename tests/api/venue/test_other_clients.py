"""binance-futures-connector, the modular SDK, NautilusTrader and freqtrade, each in an environment of its own."""

from __future__ import annotations

import pytest

from isocross.venue.connect import Place, configuration_text

from .clients.running import environment, run_session

pytestmark = pytest.mark.full


@pytest.mark.parametrize(
    ("script", "requirement", "client"),
    [
        ("connector_session.py", "binance-futures-connector==4.2.0", "connector"),
        ("sdk_session.py", "binance-sdk-derivatives-trading-usds-futures", "sdk"),
        ("nautilus_session.py", "nautilus_trader", "nautilus"),
        ("freqtrade_session.py", "freqtrade", "freqtrade"),
    ],
)
def test_a_whole_session(venue, trader, script, requirement, client):
    account = trader().account
    place = Place(venue.url, account.api_key, account.secret)
    run_session(script, venue, account.name, environment(requirement), [configuration_text(client, place)], seconds=240)
    mine = venue.client(account.name)
    assert mine.get("/fapi/v1/openAlgoOrders") == []
    assert len(mine.get("/fapi/v1/userTrades", symbol="BTCUSDT")) >= 2
