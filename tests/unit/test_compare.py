"""Compare: the engine's own answer in each margin mode, and nothing that the replay leaves out changes it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import isocross.rulebook as rulebooks
from isocross.codes import CommandKind, EventKind, MarginMode, OrderType, Reason, Refusal, Side
from isocross.errors import AmountError, InputError, MarketDataError, UnknownSymbolError
from isocross.exchange import Exchange
from isocross.market.candles import Bars
from isocross.market.demo import demo_history
from isocross.market.funding import funding_rows
from isocross.market.history import History, Series
from isocross.market.maker import profile_for
from isocross.policy.compare import Second, compare, compare_demo, compare_grid, results_to_dict
from isocross.policy.feed import Feed
from isocross.policy.inputs import LeverageError
from isocross.policy.liq import liq
from isocross.policy.picture import save_picture
from isocross.policy.replay import TRADER
from isocross.units import ONE_E8, format_e8

BOOK = rulebooks.load("binance-usdm")
MINUTE_MS = 60_000
START_MS = 1_767_571_200_000
DTYPE = Exchange(BOOK, ["BTCUSDT"]).pack([(CommandKind.ADVANCE_CLOCK, {})]).dtype


@pytest.fixture(scope="module")
def demo():
    return compare_demo()


def e8(value):
    return round(value * 10**8)


def bars(rows, kind="last", interval_ms=MINUTE_MS, start_ms=START_MS):
    """(open, high, low, close) of consecutive bars."""
    table = np.array([[e8(value) for value in row] for row in rows], dtype=np.int64)
    times = start_ms + interval_ms * np.arange(len(rows), dtype=np.int64)
    return Bars(kind, interval_ms, times, *(table[:, column].copy() for column in range(4)), source="by hand")


def history_of(rows, symbol="BTCUSDT", funding=(), **more):
    times = np.array([START_MS + minute * MINUTE_MS for minute, _ in funding], dtype=np.int64)
    rates = np.array([rate_e8 for _, rate_e8 in funding], dtype=np.int64)
    return History((Series(symbol, bars(rows, **more), funding=funding_rows(times, rates) if len(funding) else None),))


def flat(price, count):
    return [(price, price, price, price)] * count


def assert_ledger(result):
    """Money is conserved, and the wallet is what its events say."""
    for mode in result.modes:
        assert not any(mode.conservation_gap_e8.values())
        mine = mode.events[mode.events["account"] == TRADER]
        moved = mine[mine["kind"] == EventKind.WALLET]
        assert int(moved["amount_e8"].sum()) == mode.wallet_after_e8
        moved = moved[moved["code"] != Reason.DEPOSIT]
        assert result.plan.wallet_e8 + int(moved["amount_e8"].sum()) == mode.wallet_after_e8


def assert_loss_cap(result, mode):
    """What isolated positions took from the cross wallet: moved in − moved back + trading fees."""
    mine = mode.events[mode.events["account"] == TRADER]
    moved = mine[mine["kind"] == EventKind.MARGIN_MOVED]["amount_e8"]
    moved_in, moved_back = int(moved[moved > 0].sum()), -int(moved[moved < 0].sum())
    assert result.plan.wallet_e8 - mode.wallet_after_e8 == moved_in - moved_back + mode.fees_e8
    assert -mode.change_e8 <= mode.most_lost_e8


# ---- the demo


def test_demo_shows_both_outcomes(demo):
    first, second = demo
    assert (first["isolated"].ending, first["cross"].ending) == ("liquidated", "end_of_history")
    assert (second["isolated"].ending, second["cross"].ending) == ("liquidated", "liquidated")
    assert first.saved_e8 > 0 > second.saved_e8, "neither mode wins both"
    assert e8(490) < -first["isolated"].change_e8 <= first["isolated"].most_lost_e8 < e8(510)
    assert e8(300) < -first["cross"].change_e8 < e8(500)
    assert e8(1_950) < -second["isolated"].change_e8 <= second["isolated"].most_lost_e8 < e8(2_010)
    assert second["cross"].wallet_after_e8 == 0
    assert second["cross"].fund_lots == second.trade.lots, "nobody bids: the fund takes all of it"
    assert not first.is_outcome_other
    assert not second.is_outcome_other


def test_demo_ledgers(demo):
    for result in demo:
        assert_ledger(result)
        assert_loss_cap(result, result["isolated"])


def test_every_liquidation_of_the_demo_has_a_receipt(demo):
    for result in demo:
        for mode in result.modes:
            receipts = mode.receipts
            assert len(receipts) == len(mode.liquidations)
            for receipt, told in zip(receipts, mode.liquidations, strict=True):
                assert (receipt.balance_e8, receipt.maintenance_e8) == (told.balance_e8, told.maintenance_e8)
                assert (receipt.fee_e8, receipt.step, receipt.gap_e8) == (told.fee_e8, told.step, 0)
                assert sum(order.filled_lots for order in receipt.orders) == told.book_lots
                (path,) = receipt.story.marks
                assert path.mark_e8[-1] == told.mark_e8
                looked = [look.mark_e8 for look in mode.looks if look.time_ms <= told.time_ms]
                assert min(path.mark_e8) <= min(looked)
                assert max(path.mark_e8) >= max(looked[1:])
                with pytest.raises(InputError, match="is not of this history"):
                    receipt.what_would_have_saved_you()


def test_result_is_what_a_ladder_at_every_step_gives(demo):
    """The replay sends a ladder only where somebody trades; here it is sent before every price, one command at a time."""
    for result, name in zip(demo, "AB", strict=True):
        steps = demo_history(name).steps()
        symbol, profile = result.trade.symbol, profile_for(result.trade.symbol)
        for mode in result.modes:
            exchange = Exchange(BOOK, [symbol])

            def told(kind, exchange=exchange, **fields):
                return exchange.submit(kind, **fields).raise_if_refused()

            def ladder(step, steps=steps, told=told, profile=profile):
                told(
                    CommandKind.QUOTE,
                    time_ms=int(steps.time_ms[step]),
                    symbol=0,
                    mid_e8=int(steps.last_e8[step]),
                    half_spread_rate_e8=profile.half_spread_rate_e8,
                    spacing_rate_e8=profile.spacing_rate_e8,
                    level_notional_e8=profile.level_notional_e8,
                    level_count=profile.levels,
                    scale_e8=int(steps.depth_scale_e8[step]),
                )

            funding = 0
            for step in range(len(steps)):
                while funding < steps.funding_time_ms.size and steps.funding_group[funding] <= step:
                    if steps.funding_time_ms[funding] > steps.time_ms[0]:
                        rate = int(steps.funding_rate_e8[funding])
                        at = int(steps.funding_time_ms[funding])
                        told(CommandKind.SETTLE_FUNDING, time_ms=at, records=[{"symbol": 0, "rate_e8": rate}])
                    funding += 1
                if step:
                    ladder(step)
                mark = int(steps.mark_e8[step])
                told(
                    CommandKind.PRICES,
                    time_ms=int(steps.time_ms[step]),
                    records=[{"symbol": 0, "index_e8": mark, "mark_e8": mark}],
                )
                if step == 0:
                    ladder(step)
                    told(CommandKind.FUND_DEPOSIT, asset=0, amount_e8=result.plan.fund_e8)
                    told(CommandKind.CREATE_ACCOUNT, account=TRADER)
                    told(CommandKind.DEPOSIT, account=TRADER, asset=0, amount_e8=result.plan.wallet_e8)
                    told(CommandKind.SET_LEVERAGE, account=TRADER, symbol=0, leverage=10)
                    if mode.name == "isolated":
                        told(CommandKind.SET_MARGIN_MODE, account=TRADER, symbol=0, margin_mode=MarginMode.ISOLATED)
                    told(
                        CommandKind.PLACE_ORDER,
                        account=TRADER,
                        symbol=0,
                        order_type=OrderType.MARKET,
                        lots=result.trade.lots,
                    )
            left = exchange.position(TRADER, 0).lots
            if left:
                ladder(len(steps) - 1)
                told(
                    CommandKind.PLACE_ORDER,
                    account=TRADER,
                    symbol=0,
                    side=1,
                    order_type=OrderType.MARKET,
                    lots=left,
                    is_reduce_only=1,
                )
            assert exchange.wallet(TRADER).cross_wallet_e8 == mode.wallet_after_e8


def test_extremes_do_not_depend_on_how_often_one_looks(demo):
    for name, result, stretches in (("A", demo[0], 1), ("B", demo[1], 1), ("B", demo[1], 10_000)):
        other = compare(margin=500 if name == "A" else 2_000, history=name, stretches=stretches)
        if stretches > 1:
            assert max(len(mode.looks) for mode in other.modes) > 5_000, "looked at after every price"
        for mode in result.modes:
            assert other[mode.name].lowest_equity_e8 == mode.lowest_equity_e8
            assert other[mode.name].nearest._replace(time_ms=0) == mode.nearest._replace(time_ms=0)


def test_other_order_of_the_demo_is_the_same_world_when_asked_for():
    straight = compare(history="A")
    turned = compare(history="A", order="other")
    for other in straight.other_order:
        assert turned[other.name].wallet_after_e8 == other.wallet_after_e8
        assert turned[other.name].ending == other.ending


# ---- the size


@pytest.mark.parametrize(("margin", "leverage"), [(500, 10), (499.99, 7), ("123.456789", 125), (8, 1)])
def test_margin_buys_the_most_lots_whose_transfer_fits(margin, leverage):
    result = compare(margin=margin, leverage=leverage, wallet=100_000, history="A", end="2026-01-05T00:10")
    if Refusal.NOTIONAL_TOO_SMALL in {mode.refusal for mode in result.modes}:
        assert margin == 8
        return
    moved = result["isolated"].moved_in_e8
    assert 0 < moved <= result.trade.margin_e8
    assert result.trade.margin_e8 - moved < 2 * moved // result.trade.lots, "one lot more would not fit"
    assert len({mode.lots for mode in result.modes}) == 1, "the same lots in every mode"


def test_a_margin_below_one_lot_says_what_a_lot_needs():
    with pytest.raises(InputError, match=r"margin: 5 is too little, one lot of SOLUSDT at 10x needs 18\.009"):
        compare(margin=5, history="B")


def test_a_margin_below_the_least_order_is_refused():
    result = compare(margin=5, history="A")
    assert {mode.refusal for mode in result.modes} == {Refusal.NOTIONAL_TOO_SMALL}
    assert any("the least order is worth 100 USDT" in note for note in result.notes)


@pytest.mark.parametrize(
    ("margin", "leverage", "refusal"),
    [(400_000, 1, Refusal.NONE), (20_000, 125, Refusal.BRACKET_EXCEEDED), (5_000_000, 1, Refusal.NO_LIQUIDITY)],
)
def test_a_trade_that_nobody_can_open_is_refused_in_every_mode(margin, leverage, refusal):
    result = compare(margin=margin, leverage=leverage, wallet=10**7, history="A", end="2026-01-05T00:10")
    assert {mode.refusal for mode in result.modes} == {refusal}
    assert result.is_negative == (refusal is not Refusal.NONE)
    json.dumps(result.to_dict())
    if result.is_negative:
        assert refusal.name in result.sentence
        assert result["cross"].wallet_after_e8 == result.plan.wallet_e8


def test_the_fee_comes_on_top_so_a_wallet_of_the_margin_alone_is_too_small():
    result = compare(margin=498.5, wallet=498.5, history="A", end="2026-01-05T00:10")
    assert result["isolated"].refusal is Refusal.MARGIN_INSUFFICIENT
    assert result["cross"].refusal is Refusal.MARGIN_INSUFFICIENT
    assert "isolated is refused: MARGIN_INSUFFICIENT" in result.sentence.replace("Isolated", "isolated")
    assert not compare(margin=498.5, wallet=501, history="A", end="2026-01-05T00:10").is_negative


def test_the_largest_position_is_what_the_wallet_opens():
    result = compare(history="A", end="2026-01-05T00:10")
    most = result["isolated"].max_open_lots
    step_e8 = result.rules.step_e8
    assert result["isolated"].max_open_e8 == most * step_e8
    assert e8(9_900) < most * step_e8 * 60_000 // 10 < e8(10_000)


def test_numbers_before_the_trade_are_those_of_liq():
    """`liq` answers with formulas, `compare` with what the engine did."""
    result = compare("SOLUSDT", margin=2_000, leverage=10, history="B", end="2026-01-05T00:10")
    fills = result["isolated"].events
    fills = fills[(fills["kind"] == EventKind.FILLED) & (fills["account"] == TRADER) & (fills["side"] == Side.BUY)]
    tick_e8, step_e8 = result.rules.tick_e8, result.rules.step_e8
    told = [
        (format_e8(int(one["lots"]) * step_e8), format_e8(int(one["price_ticks"]) * tick_e8), "180") for one in fills
    ]
    answer = liq("SOLUSDT", "long", fill=told, mark=180, leverage=10, wallet=10_000)
    for mode, column in ((result["isolated"], answer.isolated), (result["cross"], answer.cross)):
        assert mode.liquidation_e8 == column.liquidation.price_e8
        assert mode.distance_e8 == column.liquidation.distance_e8
        assert mode.effective_leverage_e8 == column.effective_leverage_e8
        assert mode.backing_e8 == column.wallet_e8
        assert mode.most_lost_e8 == column.most_lost_e8 + column.exit_fee_e8


# ---- hybrid, neutrality


@pytest.fixture(scope="module")
def hybrid():
    return compare(
        "BTCUSDT", margin=500, leverage=10, second="SOLUSDT short margin=300 leverage=5", end="2026-01-05T12:00"
    )


def test_hybrid_is_the_trade_isolated_and_the_second_cross(hybrid):
    assert [mode.name for mode in hybrid.modes] == ["isolated", "cross", "hybrid"]
    assert hybrid["hybrid"].modes == {"BTCUSDT": MarginMode.ISOLATED, "SOLUSDT": MarginMode.CROSS}
    assert hybrid["hybrid"].backing_e8 == hybrid["isolated"].backing_e8
    assert hybrid["hybrid"].liquidation_e8 == hybrid["isolated"].liquidation_e8
    assert hybrid.second.lots > 0
    assert "hybrid" not in {mode.name for mode in compare(history="A", end="2026-01-05T00:10").modes}


def test_modes_are_neutral_without_a_liquidation(hybrid):
    assert {mode.ending for mode in hybrid.modes} == {"end_of_history"}
    assert len({mode.wallet_after_e8 for mode in hybrid.modes}) == 1
    assert hybrid.saved_e8 == 0
    assert "changed only the risk" in hybrid.sentence
    assert_ledger(hybrid)


def test_in_cross_a_crash_of_the_second_position_takes_the_trade():
    result = compare(
        "BTCUSDT", margin=500, leverage=10, second="SOLUSDT long margin=2000 leverage=10", end="2026-01-05T13:28"
    )
    assert result["isolated"].ending == "end_of_history"
    assert result["cross"].ending == "liquidated"
    assert result["cross"].liquidations[0].is_pool
    assert result["hybrid"].ending == "end_of_history"
    assert result["hybrid"].is_second_liquidated
    assert result["isolated"].wallet_after_e8 > result["hybrid"].wallet_after_e8 > result["cross"].wallet_after_e8
    assert result.sentence.startswith("With both positions, cross is liquidated")
    assert "Hybrid: alive at the end" in result.sentence
    assert_ledger(result)


# ---- exits


def test_a_stop_closes_the_trade_before_either_mode_dies():
    result = compare(history="A", stop=58_000)
    assert {mode.ending for mode in result.modes} == {"stop"}
    assert result.saved_e8 == 0
    assert e8(57_700) < result["isolated"].exit_e8 < e8(58_000)
    assert result["isolated"].ended_ms == result["cross"].ended_ms
    assert not result["isolated"].open_lots_after


def test_a_stop_beyond_liquidation_protects_only_where_it_is_reached():
    result = compare(history="A", leverage=20, stop=57_000)
    assert (result["isolated"].ending, result["cross"].ending) == ("liquidated", "stop")
    assert any(note.startswith("isolated: the stop, 57000, lies beyond") for note in result.notes)


def test_a_take_profit():
    result = compare(history="A", take_profit=60_200)
    assert {mode.ending for mode in result.modes} == {"take_profit"}
    assert result["cross"].change_e8 > 0


@pytest.mark.parametrize(
    ("side", "exits", "text"),
    [
        ("long", {"stop": 70_000}, "stop: 70000 is on the wrong side: for a long it lies below the mark, 60000"),
        ("short", {"stop": 50_000}, "stop: 50000 is on the wrong side: for a short it lies above"),
        ("long", {"take_profit": 50_000}, "take-profit: 50000 is on the wrong side: for a long it lies above"),
        ("short", {"take_profit": 70_000}, "take-profit: 70000 is on the wrong side: for a short it lies below"),
    ],
)
def test_an_exit_on_the_wrong_side_is_named(side, exits, text):
    with pytest.raises(InputError, match=text):
        compare(side=side, history="A", **exits)


def test_the_order_inside_a_bar_decides_between_stop_and_take_profit():
    rows = [*flat(60_000, 3), (60_000, 61_000, 59_000, 60_100), *flat(60_100, 3)]
    result = compare(history=history_of(rows), stop=59_500, take_profit=60_500)
    assert {mode.ending for mode in result.modes} == {"stop"}
    assert {other.ending for other in result.other_order} == {"take_profit"}
    assert result.is_outcome_other
    calm = compare(history=history_of(rows), stop=58_000)
    assert not calm.is_outcome_other


# ---- time


def test_a_trade_entered_at_a_settlement_comes_after_it():
    rows = flat(60_000, 30)
    result = compare(history=history_of(rows, funding=[(0, 100_000), (10, 100_000), (20, 100_000)]))
    later = compare(
        history=history_of(rows, funding=[(0, 100_000), (10, 100_000), (20, 100_000)]),
        enter=START_MS + 10 * MINUTE_MS,
    )
    one_e8 = 83 * 60_000 * 10**5 // 1000
    assert result["isolated"].funding_e8 == result["cross"].funding_e8 == -2 * one_e8
    assert later["isolated"].funding_e8 == -one_e8
    assert later.entry_ms == START_MS + 10 * MINUTE_MS


def test_enter_must_lie_in_the_history():
    with pytest.raises(InputError, match="enter: 2026-01-06 00:00 UTC is outside the history"):
        compare(history="A", enter="2026-01-06")
    with pytest.raises(InputError, match="outside the history"):
        compare(history="A", enter="2026-01-04T23:59")
    at_the_end = compare(history="A", enter="2026-01-05T23:59")
    assert at_the_end["isolated"].ending == "end_of_history"


def test_a_history_of_one_bar():
    result = compare(history=history_of(flat(60_000, 1)))
    assert {mode.ending for mode in result.modes} == {"end_of_history"}
    assert_ledger(result)


def test_feed_is_the_steps_in_order_with_two_symbols_and_settlements():
    first = history_of([(100, 101, 99, 100), (100, 102, 98, 99)] * 5, funding=[(0, 7), (3, 8), (4, -9)])
    second = history_of([(50, 51, 49, 50)] * 4, "ETHUSDT", funding=[(3, 5), (9, 6)], start_ms=START_MS + MINUTE_MS)
    history = History.join((first, second))
    steps = history.steps()
    feed = Feed(history, "pessimistic", None, ("ETHUSDT", "BTCUSDT"), DTYPE, 10)
    row = {"ETHUSDT": 0, "BTCUSDT": 1}
    assert feed.time_ms == START_MS + MINUTE_MS, "the first moment at which both have a price"
    expected = []
    for group in range(feed.entry_group, steps.group_count):
        settled = {}
        for index in range(steps.funding_time_ms.size):
            at = int(steps.funding_time_ms[index])
            if steps.funding_group[index] == group and at > feed.time_ms:
                symbol = row[steps.symbols[steps.funding_symbol_index[index]]]
                settled.setdefault(at, []).append((symbol, int(steps.funding_rate_e8[index])))
        expected += [("funding", at, rows) for at, rows in sorted(settled.items())]
        if group > feed.entry_group:
            rows = range(steps.group_first[group], steps.group_first[group + 1])
            told = [(row[steps.symbols[steps.symbol_index[i]]], int(steps.mark_e8[i])) for i in rows]
            expected.append(("prices", int(steps.group_time_ms[group]), told))
    found, records, at = [], feed.records(0, feed.item_count, 100), 0
    for number in range(feed.item_count):
        head = records[at]
        assert head["sequence"] == 100 + number
        inside = records[at + 1 : at + 1 + int(head["continuation_count"])]
        is_prices = head["kind"] == CommandKind.PRICES
        column = "mark_e8" if is_prices else "rate_e8"
        told = [(int(one["symbol"]), int(one[column])) for one in inside]
        found.append(("prices" if is_prices else "funding", int(head["time_ms"]), told))
        at += 1 + len(inside)
    assert at == len(records)
    assert found == expected


# ---- histories and rules


def test_a_contract_the_rulebook_lacks_is_made_from_a_template_and_flagged():
    rows = [*flat(0.5, 5), (0.5, 0.5, 0.3, 0.3), *flat(0.3, 5)]
    result = compare(history=history_of(rows, "FOOUSDT", funding=[(3, -5_000_000)]), leverage=5)
    assert result.rules.is_template
    assert any("rules made from template usdt-altcoin" in note for note in result.notes)
    assert any("recorded funding of -5 % lies beyond" in note for note in result.notes)
    assert result["isolated"].funding_e8 > 0
    assert_ledger(result)


def test_a_position_that_finds_no_buyer_at_the_end_is_said_so():
    history = history_of(flat(60_000, 10))
    one = replace(history.series[0], depth_scale_e8=np.array([ONE_E8] * 5 + [0] * 5, dtype=np.int64))
    result = compare(history=History((one,)))
    assert {mode.ending for mode in result.modes} == {"open"}
    assert result["cross"].open_lots_after == {"BTCUSDT": result.trade.lots}
    assert any("found no buyer at the end" in note for note in result.notes)


@pytest.mark.parametrize(
    ("told", "error", "text"),
    [
        ({"symbol": "NOPEUSDT"}, UnknownSymbolError, "the embedded demos have"),
        ({"symbol": "NOPEUSDT", "history": "A"}, UnknownSymbolError, "NOPEUSDT is not in the history demo A"),
        ({"symbol": "ETHUSDT", "history": "A"}, MarketDataError, "ETHUSDT is not in the history demo A"),
        ({"history": "nowhere"}, MarketDataError, "nowhere is neither one of A, B nor a file"),
        ({"last": "nowhere.csv", "symbol": "BTCUSDT"}, MarketDataError, "nowhere.csv"),
        ({"last": "nowhere.csv"}, InputError, "does not say which contract"),
        ({"history": "A", "last": "x.csv"}, InputError, "not both"),
        ({"mark": "x.csv"}, InputError, "belong to a file of last prices"),
        ({"leverage": 0}, LeverageError, "leverage: 0 is outside 1 … 125"),
        ({"leverage": 126}, LeverageError, "leverage: 126 is outside 1 … 125"),
        ({"leverage": "2.5"}, LeverageError, "not a whole number"),
        ({"margin": "nan"}, AmountError, "margin: nan is not a finite number"),
        ({"margin": float("nan")}, AmountError, "margin"),
        ({"margin": 0}, AmountError, "margin: 0 is not above 0"),
        ({"margin": -5}, AmountError, "margin: -5 is not above 0"),
        ({"wallet": 0}, AmountError, "wallet: 0 is not above 0"),
        ({"wallet": "many"}, AmountError, "wallet: 'many' is not a number"),
        ({"fund": -1}, AmountError, "fund"),
        ({"side": "up"}, InputError, "side: 'up' is neither long nor short"),
        ({"order": "random"}, InputError, "order: 'random' is neither"),
        ({"stop": "60000.05"}, AmountError, "not a multiple"),
        ({"start": "2026-01-06", "end": "2026-01-05"}, InputError, "start: 2026-01-06 is not before end"),
        ({"start": "2027-01-06", "history": "A"}, MarketDataError, "no bar in the window"),
        ({"start": "soon"}, AmountError, "start"),
        ({"second": "ETHUSDT short"}, InputError, "does not read as SYMBOL long|short"),
        ({"second": "ETHUSDT short margin=1 leverage=5 x=1"}, InputError, "does not read as"),
        ({"second": "BTCUSDT short margin=500 leverage=5"}, InputError, "the trade's own contract"),
        ({"second": "SOLUSDT up margin=500 leverage=5"}, InputError, "does not read as"),
        ({"second": "SOLUSDT short margin=500 leverage=500"}, LeverageError, "second leverage: 500 is outside"),
        ({"rulebook": "nope"}, InputError, "nope"),
        ({"stretches": 0}, InputError, "stretches"),
    ],
)
def test_bad_input_is_one_line_that_names_it(told, error, text):
    with pytest.raises(error) as raised:
        compare(**{"end": "2026-01-05T00:10", **told} if "last" not in told and "history" not in told else told)
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_corrupt_file(tmp_path):
    path = tmp_path / "x-BTCUSDT-1m-last.csv"
    path.write_text("open_time,open,high,low,close\n1767571200000,1,2,oops,1\n")
    with pytest.raises(MarketDataError):
        compare(history=path)


def test_second_reads_its_own_words():
    assert Second.parse("eth/usdt:usdt SHORT leverage=5x margin=1_000") == Second(
        "eth/usdt:usdt", "SHORT", "1_000", "5x"
    )


# ---- the answer


def test_plain_data_is_json_in_exact_text(demo):
    data = demo[0].to_dict()
    assert data == json.loads(json.dumps(data))
    assert data["schema"] == "isocross.compare/1"
    isolated = data["modes"]["isolated"]
    assert isolated["liquidations"][0]["ended"] == "closed_in_book"
    assert data["modes"]["cross"]["liquidation_price"] is None
    assert data["sentence"].count(".") >= 1
    many = results_to_dict(demo)
    assert many["schema"] == "isocross.compare/1"
    assert [one["trade"]["symbol"] for one in many["results"]] == ["BTCUSDT", "SOLUSDT"]


def test_frames(demo):
    frame = demo[1].frame
    assert frame.columns == ["time", "mode", "equity", "margin_ratio", "liquidation_price", "wallet", "mark"]
    assert set(frame["mode"]) == {"isolated", "cross"}
    for mode in demo[1].modes:
        line = frame.filter(frame["mode"] == mode.name)
        assert line["time"].is_sorted()
        assert line["equity"][-1] == mode.wallet_after_e8 / 1e8
        assert line["margin_ratio"].drop_nulls().max() < 1
    pandas = demo[1].to_pandas()
    assert list(pandas.columns) == frame.columns
    assert len(pandas) == len(frame)


def test_words_and_html(demo):
    first, second = demo
    assert first.sentence.startswith("Isolated is liquidated and loses 500.54; cross lives 9 h 32 min longer")
    assert first.sentence.endswith("living longer saved 102.11.")
    assert "living longer cost 8,002.18" in second.sentence
    page = first._repr_html_()
    assert page.count("<tr>") > 12
    assert "54,216.87" in page
    assert first.sentence in page


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_picture(demo, tmp_path, suffix):
    path = save_picture(demo, tmp_path / f"demo{suffix}")
    assert path.stat().st_size > 20_000
    figure = demo[0].plot()
    assert len(figure.axes) == 3
    with pytest.raises(InputError, match="ends in none of"):
        save_picture(demo, tmp_path / "demo.txt")


def test_grid_is_each_combination():
    results = compare_grid([5, 20], [500, 1_000], history="A", end="2026-01-05T00:30")
    assert [(one.trade.margin_e8, one.trade.leverage) for one in results] == [
        (e8(500), 5), (e8(500), 20), (e8(1_000), 5), (e8(1_000), 20),
    ]  # fmt: skip
    alone = compare(margin=500, leverage=20, history="A", end="2026-01-05T00:30")
    assert results[1].to_dict() == alone.to_dict()
    with pytest.raises(InputError, match="at least one"):
        compare_grid([], [500])
    with pytest.raises(InputError, match="at most 200"):
        compare_grid(range(1, 102), [500, 600])


def test_progress_reaches_its_end():
    seen = []
    compare(history="A", progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
