"""A Sandbox whose prices a market says: time passes, it is the same however it is asked, and nobody gains a cent."""

from __future__ import annotations

import pytest

import isocross as ix
from isocross.codes import EventKind
from isocross.errors import InputError, MarketDataError
from isocross.sandbox.following import span_ms
from tests.recorded import MARKET, needs_market

TWO = ("BTCUSDT", "ETHUSDT")


def traded(box: ix.Sandbox, **order) -> ix.sandbox.Account:
    me = box.account(USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500, **order)
    return me


def marks(box: ix.Sandbox) -> list[str]:
    return [f"{box.mark_price(name):f}" for name in box.symbols]


def test_time_passes_and_the_market_with_it() -> None:
    box = ix.Sandbox(market="synthetic", seed=3, symbols=("ETHUSDT",), BTCUSDT=50_000)
    assert box.symbols == ("BTCUSDT", "ETHUSDT")
    assert 49_900 < box.mark_price("BTCUSDT") < 50_100
    before = marks(box)
    step = box.advance("1h", every="1m")
    assert box.exchange.time_ms == ix.units.to_time_ms("2026-01-01T01:00")
    assert marks(box) != before
    assert "2026-01-01 01:00 UTC, BTCUSDT" in repr(step)
    assert (step.events["kind"] == EventKind.FILLED).sum() > 50
    assert sum(row.cash for row in box.balances()) == 0
    assert [row.party for row in box.balances()][-4:] == ["fund", "house", "flow", "fees"]


def test_prices_are_the_same_however_it_is_asked() -> None:
    def world() -> ix.Sandbox:
        return ix.Sandbox(market="synthetic", seed=8, symbols=TWO)

    whole, parts, coarse, clocked = world(), world(), world(), world()
    whole.advance("10m")
    for _ in range(4):
        parts.advance("2m 30s")
    coarse.advance(to="2026-01-01T00:10", every="1m")
    clocked.clock(minutes=10)
    assert marks(whole) == marks(parts) == marks(coarse) == marks(clocked)
    assert whole.exchange.state_hash() == parts.exchange.state_hash() == clocked.exchange.state_hash()


def test_the_crash_takes_isolated_and_leaves_cross() -> None:
    box = ix.Sandbox(market="crash", symbols=TWO)
    me = traded(box)
    assert "nobody liquidated" in repr(box.advance("4m", every="10s"))
    other = box.branch(ix.flip_mode(me, "BTCUSDT"))
    assert "me's BTCUSDT liquidated" in repr(box.advance("1h", every="10s"))
    assert "nobody liquidated" in repr(other.advance("1h", every="10s"))
    assert marks(box) == marks(other)
    assert other.account("me").position("BTCUSDT").mode == "cross"
    (receipt,) = box.receipts
    assert "BTCUSDT" in repr(receipt)
    assert sum(row.cash for row in box.balances()) == sum(row.cash for row in other.balances()) == 0


def test_a_stop_ends_with_its_position_while_a_market_moves() -> None:
    box = ix.Sandbox(market="crash", symbols=("BTCUSDT",))
    me = traded(box, stop=58_000, take_profit=70_000)
    step = box.advance("30m", every="10s")
    assert "me's exit of BTCUSDT triggered" in repr(step)
    assert me.position("BTCUSDT").side == "flat"
    assert len(me.orders) == 0


def test_the_ladders_own_events_are_left_out() -> None:
    box = ix.Sandbox(market="synthetic", symbols=("BTCUSDT",))
    box.advance("1m")
    assert len(box.events) < 60 * 20
    assert not (box.events["kind"] == EventKind.BOOK_LEVEL).any()


@needs_market
def test_a_recording_as_it_was_and_elsewhere_in_time() -> None:
    box = ix.Sandbox(market=f"replay:{MARKET}", begin="2025-10-10T20:00", symbols=("BTCUSDT", "XRPUSDT"))
    assert f"{box}".startswith("Sandbox binance-usdm, 2025-10-10 20:00 UTC")
    box.advance("2h")
    assert box.market is not None
    assert box.market.past(1).symbols[0].last.time_ms.size > 0
    shifted = ix.Sandbox(
        market=f"replay:{MARKET}", begin="2025-10-10T20:00", symbols=("BTCUSDT", "XRPUSDT"), start="2026-03-01"
    )
    shifted.advance("2h")
    assert marks(shifted) == marks(box)
    assert box.exchange.time_ms < shifted.exchange.time_ms


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="no price is given"):
        ix.Sandbox(symbols=("BTCUSDT",))
    with pytest.raises(InputError, match="market: 'live': expected synthetic"):
        ix.Sandbox(market="live", BTCUSDT=1)
    with pytest.raises(MarketDataError, match="expected a folder of market files"):
        ix.Sandbox(market="replay:nowhere", symbols=("BTCUSDT",))
    manual = ix.Sandbox(BTCUSDT=60_000)
    assert manual.market is None
    with pytest.raises(InputError, match="prices are set by hand here"):
        manual.advance("1h")
    box = ix.Sandbox(market="synthetic", symbols=("BTCUSDT",))
    with pytest.raises(InputError, match="either a stretch of time"):
        box.advance()
    with pytest.raises(InputError, match="to: 2025-01-01 00:00 UTC is before"):
        box.advance(to="2025-01-01")
    with pytest.raises(InputError, match="expected a name other than fund, house, fees, flow"):
        box.account("flow")


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30_000), ("1d 12h", 129_600_000), ("0.5h", 1_800_000), ("2w", 1_209_600_000)]
)
def test_stretches_of_time(text: str, expected: int) -> None:
    assert span_ms(text, "advance") == expected


@pytest.mark.parametrize("text", ["", "1", "h", "1y", "1h and a bit", "0m"])
def test_what_is_no_stretch_of_time(text: str) -> None:
    with pytest.raises(InputError, match="expected a stretch of time like 30s"):
        span_ms(text, "advance")
