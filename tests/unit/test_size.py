"""Sizes for a risk budget and what outlives a move, against numbers worked out by hand; everything `size` refuses."""

import json
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from isocross.codes import FeeBasis, MarginMode, Refusal
from isocross.errors import AmountError, InputError, UnknownSymbolError
from isocross.policy import inputs
from isocross.policy.plan import Plan
from isocross.policy.size import size
from isocross.policy.size_result import Bound, Limit, StopOrder, What
from isocross.policy.trial import Fate, on_the_grid
from isocross.units import to_e8
from tests.unit.liq_book import BOOK, BTC, ETH


def ask(symbol="BTCUSDT", side="long", **more):
    asked = {"entry": 60_000, "stop": 58_000, "risk": 100, "leverage": 20, "rulebook": BOOK, **more}
    return size(symbol, side, **{name: value for name, value in asked.items() if value is not None})


def flat(result):
    """Its text without line breaks."""
    return " ".join(repr(result).split())


# ── The size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_risk_budget_by_hand():
    result = ask(wallet=1_000)
    for column in result.modes:
        # 0.048 · (2,000 + 60,000 · 0.05 % + 58,000 · 0.05 %) = 0.048 · 2,059 = 98.832; 0.049 loses 100.891
        assert column.lots == 48
        assert column.limit is Limit.RISK
        assert column.loss_e8 == to_e8("98.832")
        assert (column.entry_fee_e8, column.exit_fee_e8) == (to_e8("1.44"), to_e8("1.392"))
        assert column.reason == "0.049 BTC loses 100.891 at the stop, the budget is 100"
        assert column.stop is StopOrder.FIRST
        (tried,) = column.tried
        assert (tried.what, tried.value, tried.next_value) == (What.LOTS, 48, 49)
        assert (tried.at.fate, tried.at.loss_e8) == (Fate.STOPPED, to_e8("98.832"))
        assert (tried.further.fate, tried.further.loss_e8) == (Fate.STOPPED, to_e8("100.891"))
    assert result.isolated.isolated_margin_e8 == to_e8("144")  # 2,880 ÷ 20
    assert not result.is_negative


@pytest.mark.parametrize(
    ("risk", "lots"),
    [("98.832", 48), ("98.83199999", 47), ("100.891", 49), ("4.118", 2), ("4.11799999", 0)],  # 0.002 is the least order
)
def test_the_budget_is_met_to_the_unit(risk, lots):
    for column in ask(risk=risk).modes:
        assert column.lots == lots


def test_a_size_that_takes_several_orders_says_so():
    asked = {"rulebook": "binance-usdm", "stop": 57_500, "wallet": 2_000_000_000}
    taken = ask(risk=5_000_000, **asked)
    assert taken.cross.lots > 1_000_000, "more than one limit order may have, and far more than one at market"
    assert "14 orders: one market order has at most 120 BTC" in flat(taken)
    assert "2 orders: one limit order has at most 1000 BTC" in flat(ask(risk=5_000_000, taker=False, **asked))
    assert "orders:" not in flat(ask(risk=100_000, **asked))


def test_an_entry_far_from_the_mark_is_tried_all_the_same():
    far = ask(rulebook="binance-usdm", mark=55_000, stop=50_000, wallet=10_000)
    assert far.cross.lots > 0


def test_a_short_pays_more_at_its_stop():
    column = ask(side="short", stop=62_000, risk=100, wallet=1_000).cross
    # 2,000 + 30 + 31 = 2,061 a BTC: 0.048 loses 98.928
    assert (column.lots, column.loss_e8) == (48, to_e8("98.928"))
    assert column.exit_fee_e8 == to_e8("1.488")


def test_a_maker_pays_less_at_the_entry_and_a_fee_of_ones_own_is_paid_twice():
    assert ask(taker=False).isolated.entry_fee_e8 == to_e8("0.576")  # 0.048 · 60,000 · 0.02 %
    assert ask(fee=0).isolated.lots == 50
    own = ask(fee="1%").isolated  # 2,000 + 600 + 580 a BTC
    assert (own.lots, own.loss_e8) == (31, to_e8("98.58"))
    assert ask(rulebook=replace(BOOK, fee_basis=FeeBasis.MARK_VALUE), mark=59_000).isolated.entry_fee_e8 == to_e8(
        "1.416"
    )


def test_a_share_of_the_wallet():
    result = ask(risk="1%", wallet=10_000)
    assert result.budget_e8 == to_e8("100")
    assert result.isolated.lots == 48
    with pytest.raises(InputError, match="risk: 1% is a share of the wallet; say --wallet"):
        ask(risk="1%")


def test_the_wallet_stops_a_size_that_the_budget_would_allow():
    result = ask(wallet=100, risk=100)
    for column in result.modes:
        # 3,000 of margin and 30 of fee a BTC: 0.033 asks for 99.99
        assert (column.lots, column.limit) == (33, Limit.WALLET)
        assert column.reason == "0.034 BTC asks for 103.02, the wallet may give 100"
        assert column.tried[0].further.refusal is Refusal.MARGIN_INSUFFICIENT
    assert result.isolated.stop is StopOrder.FIRST


def test_the_bracket_stops_a_size():
    column = ask(leverage=125, risk=5_000, mode="isolated", stop=59_900).isolated
    assert (column.lots, column.limit) == (833, Limit.BRACKET)  # 49,980; 50,040 is more than 125x allows
    assert column.tried[0].further.refusal is Refusal.BRACKET_EXCEEDED
    assert column.reason == "0.834 BTC is worth 50040, 125x allows 50000"


def test_no_size_fits_a_budget_below_the_least_order():
    result = ask(risk=3)
    assert result.is_negative
    for column in result.modes:
        assert (column.lots, column.limit, column.loss_e8) == (0, Limit.RISK, 0)
        assert column.reason == "the least order, 0.002 BTC, loses 4.118 at the stop, the budget is 3"
        assert column.tried[0].at is None
        assert column.tried[0].further.loss_e8 == to_e8("4.118")


def test_an_asked_size_is_refused_as_the_engine_would():
    few = ask(risk=None, qty="0.001", wallet=1_000)
    assert {column.refusal for column in few.modes} == {Refusal.NOTIONAL_TOO_SMALL}
    much = ask(risk=None, qty=1, wallet=1_000)
    assert {column.refusal for column in much.modes} == {Refusal.MARGIN_INSUFFICIENT}
    assert much.is_negative
    assert much.cross.reason == "1 BTC asks for 3030, the wallet may give 1000"


# ── The stop and the liquidation ─────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_beyond_liquidation_is_named_with_what_would_cure_it():
    column = ask(stop=56_000, wallet=10_000).isolated
    assert column.stop is StopOrder.BEYOND_LIQUIDATION
    assert column.is_negative
    cure = column.stop_outlive
    # at 56,000 a BTC must hold 4,000 of loss and 224 of maintenance: 60,000 ÷ 14 = 4,285.71 is enough, ÷ 15 is not
    assert cure.leverage_max == 14
    assert cure.least_e8 == column.lots * to_e8("4.224") + 2  # to stay above it by a unit, wherever mark may stand
    assert cure.to_add_e8 == cure.least_e8 - column.lots * to_e8("3")
    assert {one.further.fate for one in cure.tried} == {Fate.LIQUIDATED}
    text = flat(ask(stop=56_000))
    assert "isolated: THE STOP IS BEYOND LIQUIDATION, liquidated at 57,228.9" in text
    assert "use 14x or less" in text


def test_a_stop_beyond_liquidation_in_cross():
    result = ask(risk=None, qty="0.5", wallet=1_600, stop=56_000)
    column = result.cross
    assert column.stop is StopOrder.BEYOND_LIQUIDATION
    # 0.5 · 4,000 of loss, 112 of maintenance, 15 of fee, and above it by a unit
    assert abs(column.stop_outlive.least_e8 - to_e8("2127")) <= 3
    assert "it takes a wallet of 2,127.01 USDT" in flat(result), "rounded up: what is shown is enough"
    assert result.is_negative


def test_cross_without_a_wallet_tells_what_it_needs():
    result = ask(wallet=None)
    assert result.cross.stop is StopOrder.UNKNOWN
    assert result.cross.stop_outlive.bound is Bound.OPENING  # 2,880 ÷ 20 + 1.44; the stop itself needs less
    assert result.cross.stop_outlive.least_e8 == to_e8("145.44")
    assert "needs a wallet" in repr(result)
    assert "cross: the least balance is what opening at 20x asks for" in flat(result)
    assert not result.is_negative


def test_a_stop_that_what_is_left_cannot_pay_is_not_called_filled():
    # Maintenance is 0.4 %, the exit fee 1 %: alive at the stop, and the close would leave less than nothing.
    asked = {"risk": None, "qty": "0.1", "stop": 54_400, "fee": "1%", "leverage": 100, "mode": "cross"}
    # 60 of entry fee and 560 of loss; the exit takes 54.4, maintenance is 21.76
    assert ask(wallet="674.4", **asked).cross.stop is StopOrder.FIRST
    tight = ask(wallet="674.39999999", **asked)
    assert tight.cross.stop is StopOrder.NOT_FILLED
    assert tight.is_negative
    assert "THE STOP IS NOT FILLED" in flat(tight)
    assert ask(wallet="641.76", **asked).cross.stop is StopOrder.BEYOND_LIQUIDATION


# ── Outliving a move ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_survive_by_hand():
    result = ask(risk=None, stop=None, qty="0.1", survive="15%", leverage=10, wallet=10_000)
    # at 51,000: 900 of loss, 5,100 · 0.4 % = 20.4 of maintenance
    isolated, cross = result.isolated.survive, result.cross.survive
    assert isolated.until_e8 == to_e8("51000")
    assert isolated.least_e8 in (to_e8("920.4") + 1, to_e8("920.4") + 2)
    assert isolated.transfer_e8 == to_e8("600")
    assert isolated.to_add_e8 == isolated.least_e8 - to_e8("600")
    assert isolated.leverage_max == 6  # 1,000; 7x puts in 857.15
    assert cross.least_e8 == isolated.least_e8 + to_e8("3")  # the entry's fee comes out of the wallet
    assert cross.least_free_e8 == cross.least_e8
    assert (result.isolated.is_surviving, result.cross.is_surviving) == (False, True)
    assert not result.is_negative, "a move that is not survived is an answer, not a failure"


def test_survive_of_a_short_goes_up():
    column = ask(side="short", risk=None, stop=None, qty="0.1", survive="0.15", leverage=10).isolated
    assert column.survive.until_e8 == to_e8("69000")
    assert column.survive.least_e8 == to_e8("927.6") + 1  # 900 + 6,900 · 0.4 %
    assert column.survive.leverage_max == 6


def test_no_leverage_outlives_a_doubling():
    result = ask(side="short", risk=None, stop=None, qty="0.1", survive="150%", wallet=500, leverage=20)
    found = result.isolated.survive
    assert found.leverage_max is None
    assert found.tried[1].at is None
    assert (found.tried[1].next_value, found.tried[1].further.fate) == (1, Fate.LIQUIDATED)
    assert "no leverage does, or add" in flat(result)


def test_a_tiny_move_is_bounded_by_what_the_venue_takes():
    result = ask(risk=None, stop=None, qty="0.1", survive="0.01%", wallet=1_000)
    isolated, cross = result.isolated.survive, result.cross.survive
    assert (isolated.bound, isolated.least_e8) == (Bound.OPENING, to_e8("48"))  # at 125x
    assert isolated.leverage_max == 125
    assert isolated.tried[0].further.refusal is Refusal.MARGIN_REMOVE_TOO_LARGE
    assert isolated.tried[1].further.fate is Fate.REFUSED
    assert (cross.bound, cross.least_e8) == (Bound.OPENING, to_e8("303"))  # 6,000 ÷ 20 and the fee


def test_other_positions_hold_a_part_of_the_wallet():
    other = "ETHUSDT short 2 @ 3000 mark 2900 10x"  # 200 of profit, 23.2 of maintenance, 580 of initial margin
    alone = ask(risk=None, stop=None, qty="0.1", survive="15%", mode="cross").cross.survive
    pooled = ask(risk=None, stop=None, qty="0.1", survive="15%", mode="cross", position=[other]).cross.survive
    assert pooled.least_e8 == alone.least_e8 - to_e8("200") + to_e8("23.2")
    assert pooled.least_free_e8 == pooled.least_e8 + to_e8("200") - to_e8("580")


def test_open_profit_alone_may_be_enough():
    other = "ETHUSDT long 10 @ 1000 mark 3000 50x"
    found = ask(risk=None, stop=None, qty="0.1", survive="15%", mode="cross", position=[other]).cross.survive
    assert (found.bound, found.least_e8) == (Bound.NOTHING, 0)
    assert found.tried[0].further is None
    assert "no wallet is needed" in repr(
        ask(risk=None, stop=None, qty="0.1", survive="15%", mode="cross", position=[other])
    )


def test_an_entry_finer_than_fills_is_rounded_against_the_account_and_says_so():
    result = ask(position=["ETHUSDT long 1 @ 3000.12345678"], wallet=10_000)
    (other,) = result.others
    assert other.entry_cost_e8 == to_e8("3000.12346")
    assert any("rounded against you" in note for note in result.notes)
    plain = ask(position=["ETHUSDT long 1 @ 3000.12"], wallet=10_000)
    assert not any("rounded against you" in note for note in plain.notes)


# ── Trials ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan(**more):
    values = {
        "book": BOOK, "rules": BTC, "is_long": True, "price_ticks": 600_000, "mark_e8": to_e8(60_000), "leverage": 20,
        "is_maker": False, "stop_ticks": None, "wallet_e8": None, "others": (),
    }  # fmt: skip
    return Plan(**{**values, **more})


@pytest.mark.parametrize(
    ("position", "wallet"),
    [
        ("ETHUSDT long 10 @ 1000 mark 3000 50x", "0"),  # far in profit: more than a withdrawal may take out
        ("ETHUSDT long 10 @ 1000 mark 3000 50x", "0.00000001"),
        ("ETHUSDT short 3 @ 3000.337 mark 100 20x", "0.1"),
        ("ETHUSDT short 3 @ 3000.337 mark 100 20x", "123456.78901234"),
        ("ETHUSDT long 0.001 @ 2999.99 mark 3500", "0"),  # smaller than the least order
        ("ETHUSDT long 0.001 @ 2999.99 mark 3500", "700"),
        ("ETHUSDT long 5 @ 3000 mark 2900 2x", "558.00000001"),  # a unit above its liquidation
        ("ETHUSDT long 5 @ 3000 mark 2900 2x", "9_000_000_000"),
    ],
)
def test_a_stage_has_exactly_the_wallet_and_the_positions_that_were_said(position, wallet):
    other = on_the_grid(inputs.to_pool_position(position, BOOK))
    stage = plan(others=(other,)).stage
    exchange = stage._exchange
    with exchange.previewing():
        stage._enter_with(to_e8(wallet))
        held = exchange.wallet(2, "USDT")
        there = exchange.position(2, "ETHUSDT")
        assert held.cross_wallet_e8 == to_e8(wallet)
        assert (there.lots, there.entry_cost_e8, there.leverage) == (other.lots, other.entry_cost_e8, other.leverage)
        assert there.unrealized_pnl_e8 == other.unrealized_pnl_e8
        assert held.maintenance_margin_e8 == other.maintenance_margin_e8
        assert exchange.mark_e8("ETHUSDT") == other.mark_e8


def test_a_trial_leaves_no_trace():
    stage = plan().stage
    before = stage._exchange.used_bytes()
    first = stage.trial(83, 20, MarginMode.ISOLATED, until_e8=to_e8(50_000))
    assert first.fate is Fate.LIQUIDATED
    assert stage._exchange.used_bytes() == before
    assert stage.trial(83, 20, MarginMode.ISOLATED, until_e8=to_e8(50_000)) == first


def test_a_position_that_the_engine_refuses_is_bad_input():
    with pytest.raises(InputError, match=r"position: the engine refuses the one in ETHUSDT at its entry \(BRACKET"):
        ask(position=["ETHUSDT long 5_000 @ 3000 mark 500 5x"], wallet=1_000_000_000)


# ── What it hands back ───────────────────────────────────────────────────────────────────────────────────────────────


def test_result_as_data():
    result = ask(stop=56_000, wallet=10_000, survive="15%")
    data = json.loads(json.dumps(result.to_dict()))
    assert data["schema"] == "isocross.size/1"
    assert (data["budget"], data["wallet"], data["survive"]) == ("100", "10000", "0.15")
    assert data["isolated"]["stop"] == "beyond liquidation"
    assert data["isolated"]["tried"][0]["further"]["fate"] == "stopped"
    assert Decimal(data["isolated"]["loss"]) <= 100 < Decimal(data["isolated"]["tried"][0]["further"]["loss"])
    frame = result.frame
    assert frame["mode"].to_list() == ["isolated", "cross"]
    assert frame["quantity"].dtype == pl.Float64
    assert frame.filter(mode="cross")["survive_least_margin"].to_list() == [None]
    assert result.plot().axes
    assert "<table>" in result._repr_html_()


def test_what_is_least_is_shown_rounded_up():
    result = ask(risk=None, stop=None, qty="0.1", survive="15%", leverage=10)
    assert "920.41" in repr(result), "920.40 would be liquidated"


# ── What it refuses ──────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = [
    ({"symbol": "NOPEUSDT"}, UnknownSymbolError, "NOPEUSDT"),
    ({"side": "up"}, InputError, "side: 'up' is neither long nor short"),
    ({"mode": "portfolio"}, InputError, "mode: 'portfolio' is none of cross, isolated, both"),
    ({"entry": "60000.05"}, AmountError, "entry: 60000.05 is not a multiple of 0.1"),
    ({"entry": "nan"}, AmountError, "entry: nan is not a finite number"),
    ({"stop": "57999.99"}, AmountError, "stop: 57999.99 is not a multiple of 0.1"),
    ({"stop": 60_000}, InputError, "stop: 60000 is on the wrong side: for a long it lies below the entry, 60000"),
    ({"stop": 61_000}, InputError, "stop: 61000 is on the wrong side: for a long it lies below the entry, 60000"),
    ({"stop": 59_500, "mark": 59_000}, InputError, "for a long it lies below the mark, 59000"),
    ({"side": "short", "stop": 58_000}, InputError, "for a short it lies above the entry, 60000"),
    ({"risk": 0}, AmountError, "risk: 0 is not above 0"),
    ({"risk": "-5"}, AmountError, "risk: -5 is not above 0"),
    ({"risk": "0%", "wallet": 100}, AmountError, "risk: 0% is not above 0 and at most 100 %"),
    ({"risk": "101%", "wallet": 100}, AmountError, "risk: 101% is not above 0 and at most 100 %"),
    ({"risk": "abc"}, AmountError, "risk: 'abc' is not a number"),
    ({"risk": None}, InputError, "risk: say exactly one of --risk"),
    ({"qty": 1}, InputError, "risk: say exactly one of --risk"),
    ({"stop": None}, InputError, "stop: missing; --risk is what may be lost at --stop PRICE"),
    ({"stop": None, "risk": None, "qty": "0.1"}, InputError, "survive: say --stop, --survive or both"),
    ({"qty": "0.0001", "risk": None}, AmountError, "qty: 0.0001 is not a multiple of 0.001"),
    ({"qty": 1, "risk": None, "leverage": 125}, InputError, "leverage: 125 is above 100"),
    ({"survive": 15}, AmountError, "survive: 15 without a % says 1500 %"),
    ({"survive": 0}, AmountError, "survive: 0 is not above 0"),
    ({"survive": "-15%"}, AmountError, "survive: -15 is not above 0"),
    ({"survive": "%"}, AmountError, "survive: '' is not a number"),
    ({"survive": "100%"}, AmountError, "survive: 100 % from 60000 is out of range, a long can fall by less than 100 %"),
    ({"side": "short", "stop": 61_000, "survive": "900%"}, None, ""),
    ({"side": "short", "stop": 61_000, "survive": "2000%"}, AmountError, "BTCUSDT trades up to 1000000"),
    ({"mark": 0}, AmountError, "mark: 0 is not above 0"),
    ({"leverage": 126}, InputError, "leverage: 126 is outside 1 … 125"),
    ({"wallet": -1}, AmountError, "wallet: -1 is not above 0"),
    ({"wallet": "1e11"}, AmountError, "wallet: 1e11 is out of range"),
    ({"fee": "0.05"}, AmountError, "fee: 0.05 is 5 %, not between 0 and 1 %"),
    ({"position": ["ETHUSDT"]}, InputError, "position: 'ETHUSDT' does not read as"),
    ({"position": ["BTCUSDT long 1 @ 3"]}, InputError, "position: BTCUSDT is there already"),
    ({"position": ["ETHUSDT long 1 @ 0.001"]}, AmountError, "position entry: 0.001 is below 0.01"),
    (
        {"position": ["ETHUSDT long 1 @ 3000 mark 2000"], "wallet": 500},
        InputError,
        "wallet: 500 with these positions is due for liquidation already: balance -500, maintenance 8",
    ),
]


@pytest.mark.parametrize(("change", "error", "text"), REFUSED)
def test_refused(change, error, text):
    if error is None:
        assert ask(**change).modes
        return
    with pytest.raises(error) as caught:
        ask(**change)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_contract():
    assert ask("ETH/USDT:USDT", entry=3_000, stop=2_900).rules == ETH
