"""Inverse contracts lived: a coin-margined sandbox, its receipts and markets, and who refuses them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

import isocross as ix
from isocross.codes import Refusal
from isocross.errors import InputError, RefusedError
from isocross.market.demo import demo_history
from isocross.market.history import History
from isocross.sandbox import Sandbox
from isocross.venue.opening import VenueOptions, _genesis

SYMBOL = "BTCUSD_PERP"


def box_of(rulebook: str = "binance-coinm", **prices: int) -> Sandbox:
    return Sandbox(rulebook, fund=0, **(prices or {SYMBOL: 50_000}))


def test_a_long_gains_less_coin_on_the_way_up_than_it_loses_on_the_way_down() -> None:
    box = box_of()
    me = box.account("me", BTC=2)
    me.configure(SYMBOL, mode="isolated", leverage=5)
    done = me.buy(SYMBOL, qty=50_000)  # dollars: 500 contracts
    position = me.position(SYMBOL)
    assert (done.filled, position.quantity, position.entry_price) == (50_000, 50_000, done.average_price)
    assert Decimal("50_000") <= position.entry_price < Decimal("50_010")
    assert position.entry_cost < 0, "what it owes"
    assert abs(position.isolated_wallet - Decimal("0.2")) < Decimal("0.001")
    assert "50000 @ 500" in repr(position)
    box.mark(**{SYMBOL: 55_000})
    up = me.position(SYMBOL).unrealized_pnl
    assert abs(up - (50_000 / position.entry_price - Decimal(50_000) / 55_000)) < Decimal("0.00000002")
    box.mark(**{SYMBOL: 45_000})
    down = me.position(SYMBOL).unrealized_pnl
    assert -down > up > 0
    assert not any(box.exchange.conservation_gap_e8().values())


def test_a_liquidation_in_coin_leaves_a_receipt_that_sums_to_zero() -> None:
    box = box_of()
    me = box.account("me", BTC=1)
    me.configure(SYMBOL, mode="isolated", leverage=10)
    me.buy(SYMBOL, qty=20_000)
    price = me.position(SYMBOL).liquidation_price
    assert price is not None
    box.mark(**{SYMBOL: price + Decimal("0.1")})
    assert me.position(SYMBOL).side == "long"
    box.mark(**{SYMBOL: price - 50})
    (receipt,) = box.receipts
    assert sum(line.net_e8 for line in receipt.parties) == 0
    text = receipt.text()
    assert "20,000 USD" in text
    assert receipt.html()
    assert me.wallet("BTC").cross_wallet > Decimal("0.95"), "the loss stopped at the margin"


def test_two_contracts_of_one_coin_share_its_pool_and_another_coin_does_not() -> None:
    box = box_of(BTCUSD_PERP=50_000, ETHUSD_PERP=2_500)
    me = box.account("me", BTC=1, ETH=10)
    me.buy(SYMBOL, qty=20_000)
    me.sell("ETHUSD_PERP", qty=5_000)
    before = me.wallet("ETH")
    box.mark(**{SYMBOL: 12_000})  # what was worth 0.4 coin costs 1.67 now
    assert me.position(SYMBOL).side == "flat"
    assert me.wallet("ETH") == before
    assert me.position("ETHUSD_PERP").side == "short"


def test_a_preview_says_what_then_happens() -> None:
    box = box_of("bitmex", XBTUSD=40_000)
    me = box.account("me", XBT=1)
    preview = me.preview.sell("XBTUSD", qty=8_000)
    isolated = next(one for one in preview.modes if one.mode == "isolated")
    me.configure("XBTUSD", mode="isolated", leverage=100)
    done = me.sell("XBTUSD", qty=8_000)
    assert (done.average_price, done.fee) == (isolated.average_price, isolated.fee)
    assert "8000 USD" in repr(preview)


@pytest.mark.parametrize("price", [99, 1_000_001])
def test_a_price_out_of_range_is_refused(price: int) -> None:
    box = box_of()
    me = box.account("me", BTC=1)
    with pytest.raises(RefusedError, match=r"expected at (least 100|most 1000000)") as refused:
        me.buy(SYMBOL, qty=100, price=price)
    assert refused.value.refusal in (Refusal.PRICE_TOO_SMALL, Refusal.PRICE_TOO_LARGE)
    with pytest.raises(InputError, match="expected at least 100 and at most 1000000"):
        box.mark(**{SYMBOL: price})


def test_a_made_up_market_of_coin_margined_contracts_runs() -> None:
    box = Sandbox("binance-coinm", market="synthetic", seed=3, symbols=(SYMBOL,))
    box.advance("10m")
    assert box.exchange.mark_e8(SYMBOL) > 0
    kinds = box.exchange.table("levels")["lots"]
    assert kinds.max() > 0
    assert not any(box.exchange.conservation_gap_e8().values())


def coin_history() -> History:
    """The demo's fall of bitcoin, told of the coin-margined contract."""
    demo = demo_history("A")
    return replace(demo, series=(replace(demo.series[0], symbol=SYMBOL),))


def test_one_trade_in_both_modes_is_compared_in_coin() -> None:
    result = ix.compare(SYMBOL, "long", margin="0.02", leverage=10, wallet="0.2", history=coin_history(), fund=10, rulebook="binance-coinm")
    isolated, cross = result.modes
    assert (isolated.name, cross.name) == ("isolated", "cross")
    assert isolated.lots == cross.lots > 50, "hundreds of dollars"
    assert isolated.ending == "liquidated"
    assert abs(isolated.moved_in_e8 - 2_000_000) < 17_000, "to a contract"
    assert 20_000_000 - isolated.moved_in_e8 - 100_000 < isolated.wallet_after_e8 < 20_000_000
    text = repr(result)
    assert "BTC" in text
    assert "USD" in text


def owed(mark_e8: int) -> int:
    """Coin that a long of 10,000 dollars owes, × 10^8."""
    return -(-10_000 * 10**16 // mark_e8)


def maintenance(mark_e8: int) -> int:
    """0.4 % of that."""
    return -(-owed(mark_e8) * 4 // 1000)


def test_liq_answers_in_coin_and_its_arithmetic_divides() -> None:
    result = ix.liq(SYMBOL, "long", qty=10_000, entry=50_000, leverage=5, wallet=1, pnl="0.02", rulebook="binance-coinm")
    isolated, cross = result.isolated, result.cross
    assert isolated.initial_margin_e8 == 4_000_000, "10,000 ÷ 50,000 ÷ 5"
    assert isolated.maintenance_margin_e8 == 80_000, "0.4 % of 0.2"
    for column, backing in ((isolated, 24_000_000), (cross, 119_990_000)):  # a fee of 0.0001 has left the wallet
        price = column.bankruptcy.price_e8
        assert owed(price) >= backing > owed(price + 1), "10,000 ÷ 0.24 isolated, rounded up as what is owed is"
        price = column.liquidation.price_e8
        assert owed(price) + maintenance(price) >= backing > owed(price + 1) + maintenance(price + 1)
    assert (result.target.price_e8, result.target.pnl_e8) == (55_555_60000000, 2_000_015), "10,000 ÷ 0.18, the next tick; a taker is given the fraction"
    text = result.explain()
    assert "10000 ÷ 50000 = 0.2" in text
    assert "0.2 − 0.17999985 = 0.02000015" in text
    assert "0.040000" in repr(result)


def test_size_and_check_answer_in_coin() -> None:
    sized = ix.size(SYMBOL, "short", entry=50_000, stop=52_000, risk="0.01", wallet=1, rulebook="binance-coinm")
    assert sized.isolated.lots == 126
    lost_e8 = 25_200_000 - 24_230_770 + 12_600 + 12_116
    assert sized.isolated.loss_e8 == lost_e8, "12,600 ÷ 50,000 − 12,600 ÷ 52,000 and both fees"
    me = box_of(**{SYMBOL: 50_000}).account("me", BTC=1)
    me.configure(SYMBOL, mode="isolated", leverage=10)
    checked = ix.check(f"{SYMBOL} short 12600 @ 50000 stop 52000", account=me)
    assert checked.aftermath.loss_e8 == lost_e8 - 12_600 + 2_520, "as a maker, whose fee is 0.01 %"
    assert "0.009839 can be lost, at the stop" in repr(checked)


def test_advice_is_given_for_linear_contracts_alone_and_says_so() -> None:
    with pytest.raises(InputError, match=f"contract: {SYMBOL} is INVERSE, margined in BTC: advice is given for LINEAR contracts alone"):
        ix.advise(SYMBOL, "long", entry=50_000, stop=48_000, wallet=1, risk=1, rulebook="binance-coinm")


def test_rules_of_a_linear_and_an_inverse_rulebook_are_compared_without_a_trade() -> None:
    result = ix.rules.diff("binance-usdm", "binance-coinm")
    assert result.terms is None
    assert any("no trade is run: BTCUSD_PERP of binance-coinm: inverse" in note for note in result.notes)


def test_a_served_venue_does_not_speak_of_inverse_contracts() -> None:
    with pytest.raises(InputError, match=r"rulebook: binance-coinm has inverse contracts \(BTCUSD_PERP, ETHUSD_PERP\)"):
        _genesis(VenueOptions(rulebook="binance-coinm"))
