"""Sandbox: decimals in and out, sizing by margin, refusals in words, exits, the market that follows a price."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from isocross.codes import CommandKind, EventKind, MarginMode, Refusal, Side
from isocross.errors import AmountError, InputError, RefusedError, UnknownSymbolError
from isocross.market.maker import DepthProfile
from isocross.market.manual import ManualPrices
from isocross.rulebook import load
from isocross.sandbox import Account, Sandbox
from isocross.units import ONE_E8

D = Decimal


@pytest.fixture
def box() -> Sandbox:
    return Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000, fund=1_000_000)


@pytest.fixture
def me(box: Sandbox) -> Account:
    return box.account("me", USDT=10_000)


def untouched(box: Sandbox) -> dict[str, bytes]:
    """All used rows but the counters, which number refused commands too."""
    return {name: rows for name, rows in box.exchange.used_bytes().items() if name != "counters"}


# ---- the example that the header shows


def test_the_first_example(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    fill = me.buy("BTCUSDT", margin=500, stop=57_500)
    assert (fill.filled, fill.average_price, fill.fee) == (D("0.083"), D("60000.6"), D("2.4900249"))
    assert (fill.resting, fill.expired, fill.expired_reason) == (0, 0, None)
    held = me.position("BTCUSDT")
    assert (held.side, held.mode, held.leverage, held.isolated_wallet) == ("long", "isolated", 10, D("498.0498"))
    assert [order.order_id for order in me.orders] == [fill.stop_order_id]
    box.mark(BTCUSDT=51_000)
    assert not me.positions
    assert not me.orders
    assert me.wallet().equity == D("9499.4601751")
    assert sum(balance.cash for balance in box.balances()) == 0


# ---- decimals at the edge


@pytest.mark.parametrize("qty", ["0.1", 0.1, D("0.1"), "0.100"])
def test_amounts_come_in_as_any_decimal(me: Account, qty: object) -> None:
    assert me.buy("BTCUSDT", qty=qty).filled == D("0.1")


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({"qty": "0.0005"}, r"qty \(BTCUSDT, step\): 0.0005 is not a multiple of 0.001"),
        ({"qty": 0.1, "price": "59_000.05"}, r"price \(BTCUSDT, tick\): 59_000.05 is not a multiple of 0.1"),
        ({"qty": 0.1, "stop": 57_500.01}, r"stop \(BTCUSDT, tick\): 57500.01 is not a multiple of 0.1"),
        ({"qty": 0.1, "take_profit": "x"}, r"take_profit \(BTCUSDT, tick\): 'x' is not a number"),
        ({"margin": "1e-9"}, "margin: 1e-9 is not a multiple of 0.00000001"),
        ({"qty": True}, "True is not a number"),
        ({}, "expected either qty or margin"),
        ({"qty": 1, "margin": 1}, "expected either qty or margin"),
        ({"qty": 1, "tif": "DAY"}, "tif: 'DAY': expected one of GTC, IOC, FOK, GTX"),
        ({"qty": 1, "reduce_only": True, "stop": 57_000}, "reduce_only opens nothing"),
    ],
)
def test_what_cannot_be_sent_is_an_input_error(box: Sandbox, me: Account, order: dict[str, object], text: str) -> None:
    before = box.exchange.state_hash()
    with pytest.raises(InputError, match=text):
        me.buy("BTCUSDT", **order)
    assert box.exchange.state_hash() == before


@pytest.mark.parametrize(
    "wrong",
    [
        lambda box, me: me.configure("BTCUSDT", mode="both"),
        lambda box, me: me.configure("BTCUSDT", leverage=2.5),
        lambda box, me: me.order("BTCUSDT", "up", qty=1),
        lambda box, me: me.deposit(EUR=5),
        lambda box, me: me.buy("DOGEUSDT", qty=100),
        lambda box, me: me.stop("BTCUSDT", 57_000),
        lambda box, me: box.mark(),
        lambda box, me: box.mark(BTCUSDT=0),
        lambda box, me: box.mark(BTCUSDT=1_000_001),
        lambda box, me: box.mark(BTCUSDT=60_000, depth=-1),
        lambda box, me: box.mark(BTCUSDT=60_000, depth=101),
        lambda box, me: box.mark(BTCUSDT=60_000, depth=1, keep_book=True),
        lambda box, me: box.funding(),
        lambda box, me: box.clock(),
        lambda box, me: box.clock("2025-01-01T00:00"),
        lambda box, me: box.account("me", USDT=5),
        lambda box, me: box.account("fund"),
    ],
)
def test_wrong_words_change_nothing(box: Sandbox, me: Account, wrong: object) -> None:
    before = box.exchange.state_hash()
    with pytest.raises(InputError):
        wrong(box, me)  # type: ignore[operator]
    assert box.exchange.state_hash() == before


def test_a_sandbox_needs_a_price_and_a_contract_that_exists() -> None:
    with pytest.raises(InputError, match="like BTCUSDT=60_000"):
        Sandbox("binance-usdm")
    with pytest.raises(UnknownSymbolError, match="BTCUSTD"):
        Sandbox("binance-usdm", BTCUSTD=60_000)
    with pytest.raises(AmountError):
        Sandbox("binance-usdm", BTCUSDT="sixty thousand")


# ---- sizing by margin


@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("price", [None, 58_000, 62_000])
@pytest.mark.parametrize(("margin", "leverage"), [(7, 100), (500, 10), ("1234.56789", 10)])
def test_margin_buys_the_most_lots_that_hold_no_more(
    box: Sandbox, me: Account, mode: str, side: str, price: int | None, margin: int | str, leverage: int
) -> None:
    me.configure("BTCUSDT", mode=mode, leverage=leverage)
    done = me.order("BTCUSDT", side, margin=margin, price=price)
    held = me.position("BTCUSDT")
    assert held.isolated_wallet + held.margin_held <= D(str(margin))
    other = Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000).account("you", USDT=10_000)
    other.configure("BTCUSDT", mode=mode, leverage=leverage)
    other.order("BTCUSDT", side, qty=done.quantity + D("0.001"), price=price)
    more = other.position("BTCUSDT")
    assert more.isolated_wallet + more.margin_held > D(str(margin))


def test_margin_adds_to_a_position(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500)
    assert me.buy("BTCUSDT", margin=500).filled == D("0.083")


def test_margin_that_is_not_there_is_refused_and_says_how_much_is_missing(box: Sandbox, me: Account) -> None:
    with pytest.raises(RefusedError, match=r"10000 USDT available, .* USDT more needed") as refused:
        me.buy("BTCUSDT", margin=20_000)
    assert refused.value.refusal == Refusal.MARGIN_INSUFFICIENT
    missing = D(str(refused.value).split("available, ")[1].split(" ")[0])
    me.deposit(USDT=missing - D("0.00000001"))
    with pytest.raises(RefusedError, match=r"available, 0\.00000001 USDT more needed"):
        me.buy("BTCUSDT", margin=20_000)
    me.deposit(USDT="0.00000001")
    me.buy("BTCUSDT", margin=20_000)


def test_margin_beyond_the_book_is_refused(me: Account) -> None:
    me.configure("BTCUSDT", leverage=10)
    with pytest.raises(RefusedError, match=r"77\.49 BTC is the most that can be had, the book holds no more"):
        me.buy("BTCUSDT", margin=1_000_000)


def test_margin_below_one_step_says_what_one_step_holds() -> None:
    me = Sandbox("binance-usdm", SOLUSDT=150).account("me", USDT=1_000)
    me.configure("SOLUSDT", leverage=10)
    with pytest.raises(RefusedError, match="less than one step of 1 SOL holds: 15 USDT needed"):
        me.buy("SOLUSDT", margin="14.99999999")
    assert me.buy("SOLUSDT", margin=15).filled == 1


def test_margin_below_the_least_order_says_so(me: Account) -> None:
    with pytest.raises(RefusedError, match=r"0\.001 BTC is worth less than the least order of 100 USDT"):
        me.buy("BTCUSDT", margin=3)


def test_margin_does_not_size_what_closes(me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1)
    with pytest.raises(InputError, match=r"0\.1 BTC is open the other way"):
        me.sell("BTCUSDT", margin=100)


# ---- refusals


def _with_position(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", qty=0.1)


@pytest.mark.parametrize(
    ("command", "refusal", "text"),
    [
        (lambda me: me.set_mode("BTCUSDT", "isolated"), Refusal.MARGIN_MODE_UNCHANGED, "it is isolated already"),
        (lambda me: me.set_mode("BTCUSDT", "cross"), Refusal.MARGIN_MODE_HAS_POSITION, "0.1 BTC, 0 needed, close it first"),
        (
            lambda me: me.set_leverage("BTCUSDT", "5x"),
            Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION,
            "from 10x to 5x: not lowered while an isolated position of 0.1 BTC is open",
        ),
        (lambda me: me.set_leverage("BTCUSDT", 126), Refusal.LEVERAGE_OUT_OF_RANGE, "126x: expected 1 … 125"),
        (lambda me: me.add_margin("BTCUSDT", 9_999), Refusal.MARGIN_ADD_TOO_LARGE, "9999 USDT asked, 9396.93997 may be"),
        (lambda me: me.add_margin("ETHUSDT", 5), Refusal.MARGIN_NOT_ISOLATED, "the position is cross"),
        (lambda me: me.remove_margin("BTCUSDT", 1), Refusal.MARGIN_REMOVE_TOO_LARGE, "1 USDT asked, 0 may be removed"),
        (lambda me: me.withdraw(USDT=10_000), Refusal.WITHDRAW_TOO_LARGE, "10000 USDT asked, 9396.93997 may leave"),
        (lambda me: me.deposit(USDT=-5), Refusal.AMOUNT_NOT_POSITIVE, "amount -5: expected above 0"),
        (lambda me: me.close("ETHUSDT"), Refusal.REDUCE_ONLY_REJECTED, "me has no position there"),
        (lambda me: me.buy("BTCUSDT", qty=1, reduce_only=True), Refusal.REDUCE_ONLY_REJECTED, "the position is 0.1 BTC"),
        (lambda me: me.buy("BTCUSDT", qty="0.001"), Refusal.NOTIONAL_TOO_SMALL, "0.001 BTC is worth less than the least"),
        (lambda me: me.buy("BTCUSDT", qty=0), Refusal.QUANTITY_NOT_POSITIVE, "quantity 0: expected at least 0.001 BTC"),
        (lambda me: me.buy("BTCUSDT", qty=1, price=0), Refusal.PRICE_NOT_POSITIVE, "at least one tick of 0.1"),
        (lambda me: me.buy("BTCUSDT", qty=1, price=1_000_001), Refusal.PRICE_TOO_LARGE, "expected at most 1000000"),
        (lambda me: me.buy("BTCUSDT", qty=1, price=61_000, tif="GTX"), Refusal.POST_ONLY_TAKES, "best ask 60000.6"),
        (lambda me: me.buy("BTCUSDT", qty=99, price=61_000, tif="fok"), Refusal.FILL_OR_KILL_UNFILLED, "hold 99 BTC up to"),
        (lambda me: me.buy("BTCUSDT", qty=0.1, stop=60_001), Refusal.WOULD_TRIGGER_IMMEDIATELY, "beyond mark 60000"),
        (lambda me: me.stop("BTCUSDT", 60_001), Refusal.WOULD_TRIGGER_IMMEDIATELY, "stop BTCUSDT: trigger 60001"),
        (lambda me: me.cancel(77), Refusal.UNKNOWN_ORDER, "cancel #77: no such order is open"),
        (lambda me: me.buy("BTCUSDT", qty=9), Refusal.MARGIN_INSUFFICIENT, "9396.93997 USDT available"),
    ],
)  # fmt: skip
def test_a_refusal_says_why_and_changes_nothing(
    box: Sandbox, me: Account, command: object, refusal: Refusal, text: str
) -> None:
    _with_position(me)
    before = untouched(box)
    with pytest.raises(RefusedError) as refused:
        command(me)  # type: ignore[operator]
    assert untouched(box) == before
    assert refused.value.refusal == refusal
    assert text in str(refused.value)
    assert refusal.name in str(refused.value)
    assert "{" not in str(refused.value)


def test_a_refused_first_command_is_on_record(box: Sandbox, me: Account) -> None:
    count = box.exchange.command_count
    with pytest.raises(RefusedError):
        me.buy("BTCUSDT", qty=9, stop=57_000)
    assert box.exchange.command_count == count + 1
    assert box.events[-1]["kind"] == EventKind.REFUSED


def test_of_a_group_nothing_is_carried_out_when_its_second_command_is_refused(box: Sandbox, me: Account) -> None:
    before = box.exchange.state_hash()
    for command in (
        lambda: me.buy("BTCUSDT", qty=0.1, stop=57_000, take_profit=59_000),
        lambda: me.configure("BTCUSDT", mode="isolated", leverage=126),
        lambda: me.deposit(USDT=5, USDC=-5),
        lambda: box.account("you", USDT=5, USDC=0),
    ):
        with pytest.raises(RefusedError):
            command()
        assert box.exchange.state_hash() == before
    assert "you" not in box.accounts
    assert box.account("you", USDT=5).number == me.number + 1


# ---- settings


def test_configure_leaves_alone_what_is_so_already(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage="10x")
    count = box.exchange.command_count
    me.configure("BTCUSDT", mode=MarginMode.ISOLATED, leverage=10)
    assert box.exchange.command_count == count
    with pytest.raises(RefusedError, match="MARGIN_MODE_UNCHANGED"):
        me.set_mode("BTCUSDT", "isolated")


# ---- orders and exits


def test_a_limit_order_rests_fills_when_the_market_comes_and_can_be_cancelled(box: Sandbox, me: Account) -> None:
    first = me.buy("BTCUSDT", qty=0.1, price=59_000)
    second = me.order("BTCUSDT", Side.BUY, qty=0.1, price=58_000, tif="GTX")
    assert (first.filled, first.resting, first.average_price) == (0, D("0.1"), None)
    assert [(order.price, order.quantity) for order in me.orders] == [(59_000, D("0.1")), (58_000, D("0.1"))]
    box.mark(BTCUSDT=58_900)
    assert me.position("BTCUSDT").entry_price == 59_000
    me.cancel(second.order_id)
    assert not me.orders


def test_cancel_all_leaves_stops(me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1, stop=57_000)
    me.buy("ETHUSDT", qty=1, price=2_900)
    me.cancel_all()
    assert [order.order_type for order in me.orders] == ["stop market"]


def test_a_market_order_that_the_book_cannot_fill_says_what_expired(box: Sandbox) -> None:
    whale = box.account("whale", USDT=100_000_000)
    box.mark(BTCUSDT=60_000, depth="1%")
    done = whale.buy("BTCUSDT", qty=5)
    assert 0 < done.filled < 5
    assert done.filled + done.expired == 5
    assert done.expired_reason == "IMMEDIATE_REST"


def test_close_closes_all_or_a_part(me: Account) -> None:
    me.sell("BTCUSDT", qty=0.3)
    assert me.close("BTCUSDT", qty="0.1").filled == D("0.1")
    assert me.position("BTCUSDT").quantity == D("-0.2")
    me.close("BTCUSDT")
    assert me.position("BTCUSDT").side == "flat"


def test_exits_end_with_their_position(box: Sandbox, me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1, stop=57_000, take_profit=66_000)
    me.stop("BTCUSDT", 58_000)
    me.take_profit("BTCUSDT", 65_000)
    assert len(me.orders) == 4
    box.mark(BTCUSDT=65_500)
    assert not me.positions
    assert not me.orders


def test_exits_end_when_the_position_turns(me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1, stop=57_000)
    me.sell("BTCUSDT", qty=0.05)
    assert len(me.orders) == 1
    me.sell("BTCUSDT", qty=0.1)
    assert me.position("BTCUSDT").side == "short"
    assert not me.orders


def test_exits_wait_for_the_order_that_opens_their_position_and_end_with_it(me: Account) -> None:
    placed = me.buy("BTCUSDT", qty=0.1, price=59_000, stop=57_000)
    assert placed.resting == D("0.1")
    assert [order.order_id for order in me.orders] == [placed.order_id, placed.stop_order_id]
    me.cancel(placed.order_id)
    assert not me.orders


def test_an_exit_works_when_its_order_was_filled_later(box: Sandbox, me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1, price=59_000, stop=57_000)
    box.mark(BTCUSDT=58_900)
    assert len(me.orders) == 1
    box.mark(BTCUSDT=56_900)
    assert not me.positions
    assert not me.orders


# ---- the market


def test_the_book_moves_before_marks_are_judged(box: Sandbox, me: Account) -> None:
    kinds = box.mark(BTCUSDT=59_000, ETHUSDT=2_950).events["kind"].tolist()
    marks = [place for place, kind in enumerate(kinds) if kind == EventKind.PRICES]
    assert len(marks) == 2
    assert EventKind.ACCEPTED in kinds[: marks[0]]
    assert EventKind.ACCEPTED not in kinds[marks[0] :]
    assert (box.mark_price("BTCUSDT"), box.mark_price("ETHUSDT")) == (59_000, 2_950)


def test_depth_and_a_book_that_stays(box: Sandbox) -> None:
    whole = box.exchange.book("BTCUSDT")
    box.mark(BTCUSDT=60_000, depth="50%")
    half = box.exchange.book("BTCUSDT")
    assert [price for price, _ in half["bids"]] == [price for price, _ in whole["bids"]]
    assert all(abs(2 * mine - lots) <= 1 for (_, mine), (_, lots) in zip(half["bids"], whole["bids"], strict=True))
    box.mark(BTCUSDT=50_000, keep_book=True)
    assert box.exchange.book("BTCUSDT") == half
    assert box.mark_price("BTCUSDT") == 50_000
    box.mark(BTCUSDT=50_000, depth=0)
    assert box.exchange.book("BTCUSDT") == {"bids": [], "asks": []}
    assert box.exchange.book("ETHUSDT")["bids"]
    box.mark(BTCUSDT=60_000)
    assert box.exchange.book("BTCUSDT") == whole


def test_funding_takes_percent_or_a_fraction(box: Sandbox, me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1)
    before = me.wallet().cross_wallet
    box.funding(BTCUSDT="0.01%")
    box.funding(BTCUSDT=-0.0002)
    assert me.wallet().cross_wallet - before == D("-0.6") + D("1.2")
    with pytest.raises(RefusedError, match="RATE_OUT_OF_RANGE"):
        box.funding(BTCUSDT="101%")


def test_the_clock(box: Sandbox) -> None:
    assert str(box).startswith("Sandbox binance-usdm, 2026-01-01 00:00 UTC, BTCUSDT 60000")
    box.clock(hours=8)
    box.clock("2026-01-02T00:00")
    assert "2026-01-02 00:00" in str(box)


def test_a_step_names_who_was_liquidated(box: Sandbox, me: Account) -> None:
    _with_position(me)
    assert "nobody liquidated" in repr(box.mark(BTCUSDT=59_000))
    assert "me's BTCUSDT liquidated (taken over)" in repr(box.mark(BTCUSDT=50_000))


def test_all_events_are_kept_in_order(box: Sandbox, me: Account) -> None:
    me.buy("BTCUSDT", qty=0.1)
    assert len(box.events) == len(box.events)
    assert (np.diff(box.events["sequence"]) >= 0).all()
    assert box.events["kind"][-1] == EventKind.BOOK_LEVEL


def test_symbols_margined_in_usdc_use_that_pool() -> None:
    box = Sandbox("binance-usdm", BTCUSDC=60_000, fund={"USDC": 500})
    me = box.account("me", USDT=1_000, USDC=1_000)
    me.configure("BTC/USDC:USDC", leverage=10)
    me.buy("BTCUSDC", margin=500)
    assert me.wallet("USDT").available == 1_000
    assert me.wallet("USDC").available < 510
    assert {balance.party: balance.deposited for balance in box.balances("USDC")}["fund"] == 500


def test_compiled_and_plain_are_the_same() -> None:
    hashes = set()
    for compiled in (True, False):
        box = Sandbox("binance-usdm", compiled=compiled, profiles={"BTCUSDT": DepthProfile(levels=3)}, BTCUSDT=60_000)
        me = box.account("me", USDT=10_000)
        me.configure("BTCUSDT", mode="isolated", leverage=10)
        me.buy("BTCUSDT", qty=0.083, stop=57_500)
        box.mark(BTCUSDT=51_000)
        hashes.add(box.exchange.state_hash())
    assert len(hashes) == 1


def test_manual_prices_check_before_they_make_a_command() -> None:
    rules = [load().symbols["BTCUSDT"]]
    prices = ManualPrices(rules)
    assert [kind for kind, _ in prices.opening({"BTCUSDT": 60_000 * ONE_E8})] == [CommandKind.PRICES, CommandKind.QUOTE]
    assert [kind for kind, _ in prices.move({"BTCUSDT": 60_000 * ONE_E8})] == [CommandKind.QUOTE, CommandKind.PRICES]
    assert [kind for kind, _ in prices.move({"BTCUSDT": 60_000 * ONE_E8}, None)] == [CommandKind.PRICES]
    with pytest.raises(InputError, match="price of BTCUSDT: 0: expected above 0"):
        prices.move({"BTCUSDT": 0})
    with pytest.raises(InputError, match="profiles: ETHUSDT"):
        ManualPrices(rules, {"ETHUSDT": DepthProfile()})


# ---- how it looks


def test_everything_shows_itself_in_one_line_and_as_a_table(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    fill = me.buy("BTCUSDT", margin=500, stop=57_500)
    assert repr(fill) == "buy 0.083 BTCUSDT: filled 0.083 @ 60000.6, fee 2.4900249"
    assert repr(me.position("BTCUSDT")).startswith("BTCUSDT long 0.083 @ 60000.6 isolated 10x, mark 60000")
    assert repr(me.position("ETHUSDT")) == "ETHUSDT flat, cross 20x"
    assert repr(me).startswith("me: USDT: equity 9,997.46, cross wallet 9,499.46, isolated 498.05")
    assert "sell all of the position in BTCUSDT at market when mark reaches 57500" in repr(me.orders)
    shown = (fill, me.position("BTCUSDT"), me.positions, me.orders, me.wallet(), me, box.balances())
    for one in shown:
        if one not in (me.positions, me.orders) and not isinstance(one, tuple):
            assert "\n" not in repr(one)
        assert one._repr_html_().count("<table>") >= 1


def test_names_are_escaped(box: Sandbox) -> None:
    account = box.account("<script>", USDT=5)
    assert "<script>" not in account._repr_html_()
    assert "<script>" not in box.balances()._repr_html_()


def test_numbers_are_exact(me: Account) -> None:
    done = me.buy("BTCUSDT", qty="0.3")
    held = me.position("BTCUSDT")
    assert (
        held.entry_cost
        == sum(D(int(v)) for v in done.events["value_e8"][done.events["kind"] == EventKind.FILLED]) / 2 / 10**8
    )
    assert held.entry_price is not None
    assert abs(held.entry_price * held.quantity - held.entry_cost) < D("0.00000001")
    assert me.wallet().cross_wallet == 10_000 - done.fee
