"""Liquidation and bankruptcy prices, margins and targets of `liq`, against numbers worked out by hand and Fractions."""

import json
import random
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import pytest

from isocross.codes import FeeBasis, IsolatedFillBasis, MarginMode, Refusal
from isocross.policy.liq import liq
from isocross.units import ONE_E8, format_e8, to_e8
from tests.unit.liq_book import BOOK, BRACKETS, BTC

UNIT = Fraction(1, ONE_E8)


def ask(symbol="BTCUSDT", side="long", **more):
    more.setdefault("rulebook", BOOK)
    more.setdefault("leverage", 10)
    return liq(symbol, side, **more)


def number(value_e8):
    return Fraction(value_e8, ONE_E8)


# ── The reference: design §5.1 and §5.2 in Fractions, with the roundings it names ────────────────────────────────────


def up(value):
    return Fraction(ceil(value / UNIT)) * UNIT


def down(value):
    return Fraction(floor(value / UNIT)) * UNIT


def maintenance(notional):
    row = [one for one in BRACKETS if number(one.floor_e8) <= notional][-1]
    return up(notional * number(row.rate_e8)) - number(row.deduction_e8)


def surplus(sign, quantity, cost, backing, mark):
    value = down(quantity * mark) if sign > 0 else -up(quantity * mark)
    return backing + value - sign * cost - maintenance(up(quantity * mark))


def assert_is_first_due_mark(price_e8, sign, quantity, cost, backing):
    price = number(price_e8)
    assert surplus(sign, quantity, cost, backing, price) <= 0
    assert surplus(sign, quantity, cost, backing, price + sign * UNIT) > 0


# ── Isolated ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_isolated_long_by_hand():
    result = ask(qty="0.083", entry="60_000")
    column = result.isolated
    assert column.transfer_e8 == to_e8("498")  # 4,980 ÷ 10
    assert column.initial_margin_e8 == to_e8("498")
    assert column.maintenance_margin_e8 == to_e8("19.92")  # 4,980 × 0.4 %
    assert result.entry_fee_e8 == to_e8("2.49")  # 4,980 × 0.05 %
    assert column.most_lost_e8 == to_e8("500.49")
    assert column.effective_leverage_e8 == 10 * ONE_E8
    # 498 + 0.083·(m − 60,000) = 0.083·m·0.004 at 54,216.867469…; floor and ceiling move the first due mark up a little.
    assert column.liquidation.price_e8 == to_e8("54216.86747012")
    assert_is_first_due_mark(column.liquidation.price_e8, 1, Fraction(83, 1000), Fraction(4980), Fraction(498))
    # ⌊0.083·m⌋ ≤ 4,482 up to 54,000.00000012
    assert column.bankruptcy.price_e8 == to_e8("54000.00000012")
    assert column.liquidation.distance_e8 == -to_e8("0.09638554")
    assert not column.is_due
    assert not column.is_negative


def test_isolated_short_by_hand():
    column = ask(side="short", qty="0.083", entry="60_000").isolated
    # 498 + 0.083·(60,000 − m) = 0.083·m·0.004 at 65,737.0505…
    assert (
        abs(number(column.liquidation.price_e8) - Fraction(5478) / (Fraction(83, 1000) * Fraction(1004, 1000)))
        < 30 * UNIT
    )
    assert_is_first_due_mark(column.liquidation.price_e8, -1, Fraction(83, 1000), Fraction(4980), Fraction(498))
    assert column.bankruptcy.price_e8 == to_e8("65999.99999988")  # ⌈0.083·m⌉ ≥ 5,478 from there on
    assert column.liquidation.distance_e8 > 0


@pytest.mark.parametrize(
    ("quantity", "index_at_mark", "index_at_price"),
    [
        ("0.800", 0, 0),  # 48,000 → 43,373
        ("0.900", 1, 0),  # 54,000 → 48,795: the bracket at that price counts, not the one at the mark
        ("1.000", 1, 1),  # 60,000 → 54,221: 0.5 % less 50
        ("10.000", 2, 1),  # 600,000, on the floor of the third → 542,663
    ],
)
def test_bracket_at_the_liquidation_price(quantity, index_at_mark, index_at_price):
    amount = Fraction(quantity)
    cost = amount * 60_000
    margin = cost / 10
    row = BRACKETS[index_at_price]
    exact = (cost - margin - number(row.deduction_e8)) / (amount * (1 - number(row.rate_e8)))
    column = ask(qty=quantity, entry=60_000).isolated
    assert abs(number(column.liquidation.price_e8) - exact) < 3 * UNIT / amount + UNIT
    assert_is_first_due_mark(column.liquidation.price_e8, 1, amount, cost, margin)
    explained = ask(qty=quantity, entry=60_000, mode="isolated").explain()
    assert f"bracket {index_at_mark + 1}" in explained
    assert f"bracket {index_at_price + 1}" in explained


def test_added_margin_widens_isolated_and_leaves_cross_alone():
    bare = ask(qty="0.083", entry=60_000, wallet=1_000)
    widened = ask(qty="0.083", entry=60_000, wallet=1_000, added_margin=100)
    assert widened.isolated.wallet_e8 == to_e8("598")
    assert widened.isolated.most_lost_e8 == bare.isolated.most_lost_e8 + to_e8("100")
    assert widened.isolated.liquidation.price_e8 < bare.isolated.liquidation.price_e8
    assert widened.cross == bare.cross


def test_open_loss_against_mark_goes_into_the_isolated_wallet():
    # Bought at 60,000 while the mark is 59,000: 4,897 ÷ 10 + (4,980 − 4,897).
    column = ask(qty="0.083", entry=60_000, mark=59_000).isolated
    assert column.transfer_e8 == to_e8("489.7") + to_e8("83")
    assert column.unrealized_pnl_e8 == -to_e8("83")
    assert column.margin_balance_e8 == to_e8("489.7")


def test_fill_basis_of_the_rulebook_is_followed():
    book = replace(BOOK, isolated_fill_basis=IsolatedFillBasis.FILL, fee_basis=FeeBasis.MARK_VALUE)
    result = ask(qty="0.083", entry=60_000, mark=59_000, rulebook=book)
    assert result.isolated.transfer_e8 == to_e8("498")  # 4,980 ÷ 10, whatever the mark
    assert result.entry_fee_e8 == to_e8("2.4485")  # 4,897 × 0.05 %


def test_several_fills_average_and_transfer_one_by_one():
    result = ask(fill=["0.05@60000", ("0.033", 61_000), "0.001@62000 mark 61990"])
    assert result.lots == 84
    assert result.entry_cost_e8 == to_e8("3000") + to_e8("2013") + to_e8("62")
    assert result.isolated.transfer_e8 == to_e8("300") + to_e8("201.3") + to_e8("6.199") + to_e8("0.01")
    assert result.entry_e8 == ceil(Fraction(result.entry_cost_e8 * 1000, 84))  # against a long: up
    assert not result.is_planned
    assert result.isolated.refusal is Refusal.NONE


def test_a_given_mark_is_the_mark_of_every_fill_that_says_none():
    one, two = ask(fill=["0.05@60000", "0.033@61000 mark 61000"], mark=62_000).fills
    assert (one.mark_e8, two.mark_e8) == (to_e8("62000"), to_e8("61000"))


def test_maker_fee_own_fee_and_no_fee():
    assert ask(qty=1, entry=60_000, taker=False).entry_fee_e8 == to_e8("12")
    assert ask(qty=1, entry=60_000, fee="0.03%").entry_fee_e8 == to_e8("18")
    assert ask(qty=1, entry=60_000, fee=0).entry_fee_e8 == 0


def test_default_leverage_and_symbol_as_bots_write_it():
    result = liq("BTCUSDT", "LONG", qty=1, entry=60_000, rulebook=BOOK)
    assert result.leverage == 20
    assert result.rules.unified == "BTC/USDT:USDT"
    assert liq("BTC/USDT:USDT", "long", qty=1, entry=60_000, rulebook=BOOK) == result


# ── Cross ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cross_with_another_position_by_hand():
    result = ask(qty="0.083", entry=60_000, wallet=1_000, position=["ETHUSDT short 2 @ 3000 mark 2900"])
    column = result.cross
    assert column.wallet_e8 == to_e8("997.51")  # the entry fee is paid
    assert column.margin_balance_e8 == to_e8("1197.51")  # + 200 of the short
    assert column.maintenance_margin_e8 == to_e8("19.92")
    assert column.pool_maintenance_margin_e8 == to_e8("43.12")  # + 5,800 × 0.4 %
    assert column.most_lost_e8 == to_e8("1200")
    backing = Fraction("997.51") + 200 - Fraction("23.2")
    assert_is_first_due_mark(column.liquidation.price_e8, 1, Fraction(83, 1000), Fraction(4980), backing)
    exact = (4980 - backing) / (Fraction(83, 1000) * Fraction(996, 1000))
    assert abs(number(column.liquidation.price_e8) - exact) < 30 * UNIT
    assert any("depends on the rest of the pool" in note for note in result.notes)
    assert result.to_dict()["cross"]["depends_on_pool"] is True


def test_cross_alone_is_wider_than_isolated_and_says_so_too():
    result = ask(qty="0.083", entry=60_000, wallet=5_000)
    assert result.cross.liquidation.price_e8 is None  # 4,997.51 outlasts a fall of 4,980
    assert "outlasts any fall" in result.cross.liquidation.reason
    assert result.cross.bankruptcy.price_e8 is None
    assert any("none are given here" in note for note in result.notes)


def test_a_pool_that_is_due_already_says_so():
    result = ask(qty="0.083", entry=60_000, wallet=1_000, position=["ETHUSDT long 2 @ 3500 mark 2900 50x"])
    column = result.cross  # 997.51 − 1,200 < 0
    assert column.is_due
    assert column.liquidation.price_e8 == result.mark_e8
    assert column.liquidation.reason == "due at the mark"
    assert column.effective_leverage_e8 is None
    assert column.most_lost_e8 == 0
    assert column.is_negative
    assert not result.is_negative or result.isolated.is_negative
    assert "due at the mark already" in result.explain()


def test_pool_entry_may_lie_between_ticks_and_rounds_against_the_account():
    long = ask(qty=1, entry=60_000, wallet=9_999, position=["ETHUSDT long 0.001 @ 3000.00000001"]).others[0]
    short = ask(qty=1, entry=60_000, wallet=9_999, position=["ETHUSDT short 0.001 @ 3000.00000001"]).others[0]
    assert long.entry_cost_e8 == to_e8("3.00000001")
    assert short.entry_cost_e8 == -to_e8("3")
    assert long.leverage == 20


def test_pool_leverage_counts_for_what_is_available():
    loose = ask(qty=1, entry=60_000, wallet=9_999, position=["ETHUSDT short 2 @ 3000 50x"])
    tight = ask(qty=1, entry=60_000, wallet=9_999, position=["ETHUSDT short 2 @ 3000 mark 3000 2x"])
    assert loose.cross.max_open_lots > tight.cross.max_open_lots
    assert loose.cross.liquidation == tight.cross.liquidation


# ── None ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_none_is_none_with_a_reason_never_zero():
    long = ask(qty="0.083", entry=60_000, leverage=1, added_margin=25).isolated
    short = ask(side="short", qty="0.083", entry=60_000, wallet=1_000_000).cross
    for column, word in ((long, "fall"), (short, "highest price")):
        for price in (column.liquidation, column.bankruptcy):
            assert price.price_e8 is None
            assert price.distance_e8 is None
            assert word in price.reason
        data = column.to_dict()
        assert data["liquidation"]["price"] is None
        assert data["bankruptcy"]["price"] is None


def test_margin_of_the_whole_value_is_gone_where_its_value_floors_to_zero():
    column = ask(qty="0.083", entry=60_000, leverage=1).isolated
    assert column.wallet_e8 == to_e8("4980")
    assert column.bankruptcy.price_e8 == 12  # 0.083 × 0.00000012 is less than one unit of money


def test_a_rich_wallet_behind_one_lot_is_no_trouble():
    column = ask("ETHUSDT", "short", qty="0.001", entry=3_000, wallet="10_000_000_000").cross
    assert column.liquidation.price_e8 is None
    assert column.bankruptcy.price_e8 is None


def test_a_pool_without_anything_has_no_bankruptcy_price():
    for side in ("long", "short"):
        column = ask(side=side, qty="0.083", entry=60_000, wallet=0, position=["ETHUSDT long 1000 @ 9000 mark 1"]).cross
        assert column.bankruptcy.price_e8 is None or column.bankruptcy.price_e8 > 0
        assert column.is_due


# ── Which columns ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_modes():
    both = ask(qty=1, entry=60_000, wallet=10_000)
    assert [column.mode for column in both.modes] == [MarginMode.ISOLATED, MarginMode.CROSS]
    only = ask(qty=1, entry=60_000, wallet=10_000, mode="cross")
    assert only.isolated is None
    assert only.cross == both.cross
    assert ask(qty=1, entry=60_000, mode=MarginMode.ISOLATED).cross is None


def test_without_a_wallet_there_is_no_cross_column_and_it_says_why():
    result = ask(qty=1, entry=60_000)
    assert result.cross is None
    assert result.isolated.max_open_lots is None
    assert any("--wallet" in note for note in result.notes)


def test_decisions_that_the_answer_rests_on_are_named():
    assert ask(qty=1, entry=60_000).decisions == ("isolated_fill_basis",)


# ── Refusals of the wallet ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wallet", "isolated", "cross"),
    [
        ("500.49", Refusal.NONE, Refusal.NONE),  # 498 + 2.49, to the unit
        ("500.48999999", Refusal.MARGIN_INSUFFICIENT, Refusal.MARGIN_INSUFFICIENT),
        ("0", Refusal.MARGIN_INSUFFICIENT, Refusal.MARGIN_INSUFFICIENT),
    ],
)
def test_whether_the_wallet_could_open_it(wallet, isolated, cross):
    result = ask(qty="0.083", entry=60_000, wallet=wallet)
    assert result.isolated.refusal is isolated
    assert result.cross.refusal is cross
    assert result.is_negative is (isolated is not Refusal.NONE)


def test_acceptance_asks_for_the_taker_fee_though_the_entry_is_a_maker():
    assert ask(qty="0.083", entry=60_000, wallet="500.48", taker=False).cross.refusal is Refusal.MARGIN_INSUFFICIENT


def test_too_small_an_order_and_too_much_added_margin():
    assert ask(qty="0.001", entry=60_000, wallet=1_000).isolated.refusal is Refusal.NOTIONAL_TOO_SMALL
    poor = ask(qty="0.083", entry=60_000, wallet="600.49", added_margin="100.00000001")
    assert poor.isolated.refusal is Refusal.MARGIN_ADD_TOO_LARGE
    assert poor.cross.refusal is Refusal.NONE
    assert ask(qty="0.083", entry=60_000, wallet="600.49", added_margin=100).isolated.refusal is Refusal.NONE


def test_an_isolated_wallet_may_not_be_filled_with_another_positions_profit():
    # Available counts the profit of 400, the transfer may not: wallet 300 − maintenance 22.4.
    result = ask(qty="0.083", entry=60_000, wallet=300, position=["ETHUSDT short 2 @ 3000 mark 2800 100x"])
    assert result.cross.refusal is Refusal.NONE
    assert result.isolated.refusal is Refusal.MARGIN_INSUFFICIENT


# ── Targets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("side", "more", "price", "pnl", "roe"),
    [
        ("long", {"target": 60_900}, "60900", "74.7", "0.15"),
        ("long", {"roe": "15%"}, "60900", "74.7", "0.15"),
        ("long", {"pnl": "74.7"}, "60900", "74.7", "0.15"),
        ("long", {"pnl": "74.70000001"}, "60900.1", "74.7083", "0.15001666"),  # the nearest tick that pays it
        ("long", {"roe": "-50%"}, "57000", "-249", "-0.5"),
        ("short", {"roe": "15%"}, "59100", "74.7", "0.15"),
        ("short", {"pnl": "74.70000001"}, "59099.9", "74.7083", "0.15001666"),
        ("short", {"target": "66000"}, "66000", "-498", "-1"),
    ],
)
def test_targets(side, more, price, pnl, roe):
    target = ask(side=side, qty="0.083", entry=60_000, **more).target
    assert (target.price_e8, target.pnl_e8, target.roe_e8) == (to_e8(price), to_e8(pnl), to_e8(roe))
    fees = to_e8("2.49") + ceil(Fraction(83, 1000) * to_e8(price) * Fraction(5, 10_000))
    assert target.pnl_after_fees_e8 == target.pnl_e8 - fees


def test_a_target_behind_the_liquidation_price_is_flagged_per_mode():
    result = ask(qty="0.083", entry=60_000, wallet=1_000, target=54_000)
    assert result.target.liquidated_before == (MarginMode.ISOLATED,)
    assert ask(qty="0.083", entry=60_000, wallet=1_000, target=55_000).target.liquidated_before == ()


@pytest.mark.parametrize(
    ("side", "more", "word"),
    [
        ("long", {"pnl": -4_980}, "at most its entry value"),
        ("long", {"pnl": "1_000_000"}, "highest"),
        ("short", {"pnl": 4_980}, "price of 0"),
        ("short", {"pnl": "-1_000_000"}, "highest"),
    ],
)
def test_targets_that_no_price_pays(side, more, word):
    target = ask(side=side, qty="0.083", entry=60_000, **more).target
    assert target.price_e8 is None
    assert word in target.reason
    assert target.to_dict()["price"] is None


# ── The whole answer ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_to_dict_is_json_with_exact_text():
    result = ask(qty="0.083", entry=60_000, wallet=1_000, position=["ETHUSDT short 2 @ 3000 mark 2900"], roe="15%")
    data = json.loads(json.dumps(result.to_dict()))
    assert data["schema"] == "isocross.liq/1"
    assert data["quantity"] == "0.083"
    assert data["isolated"]["liquidation"] == {"price": "54216.86747012", "distance": "-0.09638554", "reason": None}
    assert data["target"]["price"] == "60900"
    assert data["others"][0]["unrealized_pnl"] == "200"

    def leaves(value):
        if isinstance(value, dict):
            return [leaf for one in value.values() for leaf in leaves(one)]
        if isinstance(value, list):
            return [leaf for one in value for leaf in leaves(one)]
        return [value]

    assert not any(isinstance(leaf, float) for leaf in leaves(data))


EXPLAINED = """\
ISOLATED: at its liquidation price, 54216.86747012
  value           0.083 × 54216.86747012 = 4500.00000001996 → down 4500.00000001
  uPnL            4500.00000001 − 4980 = -479.99999999
  notional        0.083 × 54216.86747012 = 4500.00000001996 → up 4500.00000002
  bracket 1       0 … 50000: rate 0.004, deduction 0, at most 125x
  maintenance     4500.00000002 × 0.004 = 18.00000000008 → up 18.00000001
  balance         498 − 479.99999999 = 18.00000001
  due             balance 18.00000001 ≤ maintenance 18.00000001
"""


def test_explain_can_be_redone_on_paper():
    text = ask(qty="0.083", entry=60_000, wallet=1_000).explain()
    assert EXPLAINED in text
    assert "one unit before its liquidation price, 54216.86747013" in text
    assert "balance 18.00000002 > maintenance 18.00000001" in text
    assert max(map(len, text.splitlines())) <= 80


def test_explain_wraps_long_numbers():
    text = ask("ETHUSDT", qty="1234.567", entry="3456.78", mark="3456.12345678", wallet="999999.99999999").explain()
    assert max(map(len, text.splitlines())) <= 80


def test_any_position_against_the_reference():
    random_source = random.Random(20251010)
    for _ in range(400):
        sign = random_source.choice((1, -1))
        lots = random_source.randint(2, 2_000)
        ticks = random_source.randint(1_000, 900_000)
        leverage = random_source.randint(1, 50)
        wallet_e8 = random_source.randint(0, 10**13)
        mark_e8 = int(ticks * BTC.tick_e8 * random_source.uniform(0.9, 1.1))
        result = ask(
            side="long" if sign > 0 else "short",
            qty=format_e8(lots * BTC.step_e8),
            entry=format_e8(ticks * BTC.tick_e8),
            mark=format_e8(mark_e8),
            leverage=leverage,
            wallet=format_e8(wallet_e8),
        )
        quantity, cost = number(lots * BTC.step_e8), number(lots * ticks * BTC.tick_value_e8)
        transfer = up(up(quantity * number(mark_e8)) / leverage)
        at_mark = down(quantity * number(mark_e8)) if sign > 0 else up(quantity * number(mark_e8))
        transfer += max(Fraction(0), sign * (cost - at_mark))
        assert number(result.isolated.transfer_e8) == transfer
        fee = up(cost * number(BTC.taker_fee_rate_e8))
        assert number(result.entry_fee_e8) == fee
        for column, backing in ((result.isolated, transfer), (result.cross, number(wallet_e8) - fee)):
            assert column.is_due == (surplus(sign, quantity, cost, backing, number(mark_e8)) <= 0)
            if column.liquidation.price_e8 is None:
                end = UNIT if sign > 0 else number(BTC.price_max_e8)
                assert surplus(sign, quantity, cost, backing, end) > 0
            elif not column.is_due:
                assert_is_first_due_mark(column.liquidation.price_e8, sign, quantity, cost, backing)
