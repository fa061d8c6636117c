"""Unmodified ccxt and freqtrade against `isocross serve` on recorded days of two contracts, in processes of their own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import ccxt
import pytest

from isocross.venue.connect import configuration_text, connect, running
from tests.recorded import MARKET, needs_market
from tests.venues import Process

from .clients.running import environment, run_program

BTC = "BTC/USDT:USDT"
pytestmark = needs_market


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "venue"


@pytest.mark.full
def test_ccxt_trades_on_a_replay(folder):
    with Process("--market", f"replay:{MARKET}", "--symbols", "BTCUSDT,ETHUSDT", data=folder) as process:
        exchange = connect(ccxt.binanceusdm(), folder)
        assert BTC in exchange.load_markets()
        candles = exchange.fetch_ohlcv(BTC, "1h", limit=48)
        assert len(candles) >= 24
        assert exchange.fetch_funding_rate_history(BTC)
        exchange.set_leverage(5, BTC)
        opened = exchange.create_order(BTC, "market", "buy", 0.01)
        assert opened["status"] == "closed"
        assert exchange.fetch_positions([BTC])[0]["contracts"] == 0.01
        exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
        income = sum(Decimal(entry["income"]) for entry in exchange.fapiPrivateGetIncome({"limit": 1000}))
        assert income == Decimal(exchange.fapiPrivateV3GetAccount()["totalWalletBalance"])
        assert process.end()[0] == 0


@pytest.mark.full
def test_freqtrade_trades_on_a_replay(folder):
    with Process("--market", f"replay:{MARKET}", "--symbols", "BTCUSDT,ETHUSDT", data=folder):
        place = running(folder)
        arguments = [place.url, place.api_key, place.secret, configuration_text("freqtrade", place)]
        run_program("freqtrade_session.py", environment("freqtrade"), arguments, seconds=240)
