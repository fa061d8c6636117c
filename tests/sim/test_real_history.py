"""Real crashes through the engine: ledgers that conserve, wallets that are their events, losses within what moved in.

Needs the folder of recorded candles (tests/recorded.py).
"""

from __future__ import annotations

import numpy as np
import pytest

from isocross.codes import EventKind, Reason
from isocross.errors import MarketDataError
from isocross.policy.compare import compare
from isocross.policy.replay import TRADER
from tests.recorded import MARKET, WHY_NOT

if not MARKET.is_dir():
    pytest.skip(WHY_NOT, allow_module_level=True)

CASES = {
    "2025-10-10 BTC": dict(symbol="BTCUSDT", start="2025-10-10", end="2025-10-11", leverage=10, margin=1_000),
    "2025-10-10 ETH": dict(symbol="ETHUSDT", start="2025-10-10", end="2025-10-11", leverage=10, margin=2_000),
    "2025-10-10 INJ with ETH": dict(
        symbol="INJUSDT", start="2025-10-10T12:00", end="2025-10-11", leverage=5, margin=1_000,
        second="ETHUSDT short margin=500 leverage=5",
    ),
    "2025-10-10 OP": dict(symbol="OPUSDT", start="2025-10-10", end="2025-10-11", leverage=10, margin=1_000),
    "2025-10-10 OP, no fund": dict(
        symbol="OPUSDT", start="2025-10-10", end="2025-10-11", leverage=10, margin=1_000, fund=0
    ),
    "2020-03-12 BTC": dict(symbol="BTCUSDT", start="2020-03-11", end="2020-03-15", leverage=10, margin=1_500),
    "2020-03-12 BTC, two": dict(
        symbol="BTCUSDT", start="2020-03-11", end="2020-03-15", leverage=10, margin=1_500,
        second="ETHUSDT long margin=1000 leverage=10",
    ),
    "2025-05 LAYER long": dict(symbol="LAYERUSDT", start="2025-05-05", end="2025-05-08", leverage=3, margin=1_000),
    "2025-05 LAYER short": dict(
        symbol="LAYERUSDT", start="2025-05-06", end="2025-05-07", leverage=5, margin=1_000, side="short"
    ),
    "2025-07 BTC squeezed": dict(
        symbol="BTCUSDT", start="2025-07-10", end="2025-07-14", leverage=20, margin=1_000, side="short", stop=119_000
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(CASES))
def case(request):
    told = dict(CASES[request.param])
    return request.param, compare(history=MARKET, wallet=10_000, stretches=50, **told)


def rows_of(mode, kind):
    events = mode.events
    return events[(events["account"] == TRADER) & (events["kind"] == kind)]


def test_money_is_conserved(case):
    _, result = case
    assert not result.is_negative
    for mode in result.modes:
        assert not any(mode.conservation_gap_e8.values())
        assert not mode.open_lots_after


def test_wallet_after_is_the_sum_of_its_events(case):
    _, result = case
    for mode in result.modes:
        moved = rows_of(mode, EventKind.WALLET)
        moved = moved[moved["code"] != Reason.DEPOSIT]
        assert mode.wallet_after_e8 == 10_000 * 10**8 + sum(moved["amount_e8"].tolist())
        assert mode.wallet_after_e8 >= 0


def test_isolated_takes_what_moved_in_less_what_moved_back_and_the_fees(case):
    _, result = case
    mode = result["isolated"]
    moved = rows_of(mode, EventKind.MARGIN_MOVED)["amount_e8"]
    moved_in, moved_back = sum(moved[moved > 0].tolist()), -sum(moved[moved < 0].tolist())
    assert -mode.change_e8 == moved_in - moved_back + mode.fees_e8
    if result.second is None:
        assert -mode.change_e8 <= mode.most_lost_e8


def test_hybrid_treats_the_trade_as_isolated_does(case):
    _, result = case
    if result.second is None:
        return
    row = result.plan.symbols.index(result.trade.symbol)
    fields = ["time_ms", "lots", "value_e8", "balance_e8"]
    isolated, hybrid = (rows_of(result[name], EventKind.POSITION) for name in ("isolated", "hybrid"))
    assert isolated[isolated["symbol"] == row][fields].tolist() == hybrid[hybrid["symbol"] == row][fields].tolist()


def test_cross_never_loses_more_than_the_wallet_and_liquidations_are_due(case):
    _, result = case
    for mode in result.modes:
        assert mode.lowest_equity_e8 >= 0 or mode.name != "isolated"
        for one in mode.liquidations:
            assert one.balance_e8 <= one.maintenance_e8
            assert abs(one.lots_after) < abs(one.lots_before)
            assert one.book_lots + one.fund_lots + one.other_lots == abs(one.lots_before) - abs(one.lots_after)


def test_funding_is_what_was_recorded(case):
    name, result = case
    for mode in result.modes:
        for event in rows_of(mode, EventKind.FUNDING):
            assert np.sign(event["amount_e8"]) == -np.sign(event["lots"]) * np.sign(event["rate_e8"])
    if "LAYER" in name:
        rates = {int(rate) for mode in result.modes for rate in rows_of(mode, EventKind.FUNDING)["rate_e8"]}
        assert min(rates) == -2_000_000
        assert result.rules.is_template


def test_mark_is_said_to_be_derived(case):
    _, result = case
    assert result.mark_source in ("derived", "last")
    assert result.to_dict()["history"]["mark"] == result.mark_source


def test_what_the_crashes_did():
    told = {name: CASES[name] for name in ("2025-10-10 BTC", "2020-03-12 BTC")}
    results = {name: compare(history=MARKET, stretches=10, **one) for name, one in told.items()}
    assert results["2025-10-10 BTC"]["isolated"].ending == "liquidated"
    assert results["2025-10-10 BTC"]["cross"].ending == "end_of_history"
    assert results["2020-03-12 BTC"]["isolated"].ending == "liquidated"


def test_a_missing_contract_and_an_empty_window():
    with pytest.raises(MarketDataError, match="no last-price bar in the window"):
        compare("BTCUSDT", history=MARKET, start="2010-01-01", end="2010-01-02")
    with pytest.raises(MarketDataError, match="SOLUSDT"):
        compare("SOLUSDT", history=MARKET)
