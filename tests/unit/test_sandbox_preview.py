"""Account.preview: what is shown before an order, against doing it in a fork; its words, its frame, its picture."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

import isocross as ix
from isocross.errors import AmountError, InputError, RefusedError
from isocross.sandbox import Account, ModePreview, PreviewResult, Sandbox


@pytest.fixture
def box() -> Sandbox:
    return Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)


@pytest.fixture
def me(box: Sandbox) -> Account:
    return box.account("me", USDT=10_000)


def assert_is_what_happens(box: Sandbox, name: str, shown: ModePreview, symbol: str, side: str, **order: Any) -> None:
    """Send the order in a fork, or in the branch that was asked, and compare all that can be seen of it."""
    if shown.basis == "branch":
        assert shown.setting.world is not None
        modes = {one: shown.setting.world.exchange.margin_mode(box.account(name).number, one) for one in shown.blocked}
        world = box.branch(
            *(ix.flip_mode(name, one, since=box.moment, to=mode) for one, mode in modes.items()), name="other"
        )
    else:
        world = box.fork("done")
    account = world.account(name)
    account.configure(symbol, mode=shown.mode)
    if not shown.is_accepted:
        with pytest.raises((RefusedError, InputError)) as refused:
            account.order(symbol, side, **order)
        assert str(refused.value) == shown.reason
        return
    done = account.order(symbol, side, **order)
    assert (done.quantity, done.filled, done.average_price, done.fee) == (
        shown.quantity, shown.filled, shown.average_price, shown.fee,
    )  # fmt: skip
    assert (done.realized_pnl, done.resting, done.expired) == (shown.realized_pnl, shown.resting, shown.expired)
    assert account.position(symbol) == shown.position_after
    assert account.wallet() == shown.wallet_after
    for position in shown.others_after:
        assert account.position(position.symbol) == position


def test_the_preview_of_a_first_order(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    before, events = box.exchange.used_bytes(), len(box.events)
    shown = me.preview.buy("BTCUSDT", margin=500, stop=57_500)
    assert (box.exchange.used_bytes(), len(box.events)) == (before, events)
    assert isinstance(shown, PreviewResult)
    assert [one.name for one in shown.modes] == ["isolated", "cross"]
    isolated, cross = shown["isolated"], shown["cross"]
    assert (isolated.basis, cross.basis) == ("as it is", "switched")
    assert isolated.filled == cross.filled == Decimal("0.083")
    assert isolated.fee == cross.fee == Decimal("2.4900249")
    assert isolated.most_lost == isolated.margin + isolated.fee == Decimal("500.5398249")
    assert cross.most_lost == 10_000
    assert isolated.liquidation_price == Decimal("54216.86747012")
    assert cross.liquidation_price is None
    assert not shown.is_negative
    for one in shown.modes:
        assert_is_what_happens(box, "me", one, "BTCUSDT", "buy", margin=500, stop=57_500)


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(s, marks=pytest.mark.full) for s in range(10, 40))])
def test_what_is_shown_is_what_happens_in_every_mode(seed: int) -> None:
    rng = random.Random(f"previews {seed}")
    box = Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)
    me = box.account("me", USDT=10_000)
    prices = {"BTCUSDT": 60_000, "ETHUSDT": 3_000}
    seen: set[tuple[str, bool]] = set()
    for _ in range(12):
        symbol, side = rng.choice(["BTCUSDT", "ETHUSDT"]), rng.choice(["buy", "sell"])
        if rng.random() < 0.4 and box.exchange.is_flat_and_orderless(me.number, symbol):
            me.configure(symbol, mode=rng.choice(["isolated", "cross"]), leverage=rng.choice([3, 10, 20]))
        order: dict[str, Any] = {"qty": rng.choice(["0.05", "0.5", "3"])} if rng.random() < 0.5 else {}
        if not order:
            order = {"margin": rng.choice([200, 2_000, 30_000])}
        if rng.random() < 0.4:
            order["price"] = prices[symbol] + rng.choice([-30, 0, 30])
        if rng.random() < 0.3:
            order["stop"] = prices[symbol] * rng.choice([9, 11]) // 10
        try:
            shown = me.preview.order(symbol, side, **order)
        except InputError:
            continue
        for one in shown.modes:
            seen.add((one.basis, one.is_accepted))
            assert_is_what_happens(box, "me", one, symbol, side, **order)
        try:
            me.order(symbol, side, **order)
        except (RefusedError, InputError):
            continue
        prices[symbol] += rng.choice([-60, 0, 60])
        box.mark(**prices)
    assert {("as it is", True), ("branch", True)} <= seen


def test_hybrid_is_a_column_where_the_others_are_not_cross(box: Sandbox, me: Account) -> None:
    me.buy("ETHUSDT", qty=1)
    shown = me.preview.buy("BTCUSDT", qty="0.01")
    assert [one.name for one in shown.modes] == ["isolated", "cross"]
    assert shown["hybrid"] is shown["isolated"]
    assert "isolated (hybrid)" in repr(shown)
    assert [one.symbol for one in shown["cross"].takes_along] == ["ETHUSDT"]
    other = Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)
    you = other.account("you", USDT=10_000)
    you.configure("ETHUSDT", mode="isolated")
    you.buy("ETHUSDT", qty=1)
    shown = you.preview.buy("BTCUSDT", qty="0.01")
    assert [one.name for one in shown.modes] == ["isolated", "cross", "hybrid"]
    assert shown["hybrid"].blocked == {"ETHUSDT": "MARGIN_MODE_HAS_POSITION"}
    assert [one.mode for one in shown["hybrid"].others_after] == ["cross"]


def test_without_other_positions_there_is_no_hybrid(me: Account) -> None:
    shown = me.preview.buy("BTCUSDT", qty="0.01")
    with pytest.raises(KeyError):
        shown["hybrid"]


def test_a_mode_that_cannot_be_set_says_why_and_how_its_numbers_come_about(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500, stop=57_500)
    shown = me.preview.buy("BTCUSDT", margin=500)
    cross = shown["cross"]
    assert (cross.basis, cross.blocked) == ("branch", {"BTCUSDT": "MARGIN_MODE_HAS_ORDERS"})
    assert (cross.position_before.mode, cross.position_before.quantity) == ("cross", Decimal("0.083"))
    text = repr(shown)
    assert "cross: BTCUSDT cannot be switched while orders are open there (MARGIN_MODE_HAS_ORDERS)" in text
    assert "branch of this history in which the mode was set before the present" in text


def test_a_refused_order_is_shown_with_its_reason_and_not_raised(me: Account) -> None:
    shown = me.preview.buy("BTCUSDT", qty=5)
    assert shown.is_negative
    for one in shown.modes:
        assert one.refusal == "MARGIN_INSUFFICIENT"
        assert "10000 USDT available" in one.reason and "more needed for margin and fee" in one.reason
        assert (one.filled, one.wallet_after, one.most_lost, one.fills) == (None, None, None, ())
        assert repr(one).startswith(f"{one.name}: me: buy 5 BTCUSDT")
    assert "refused" in repr(shown)
    assert shown.frame["refusal"].to_list() == ["margin_insufficient"] * 2


def test_a_margin_that_is_too_small_or_too_large_is_a_refusal_in_each_mode(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    small = me.preview.buy("BTCUSDT", margin="0.5")
    assert [one.refusal for one in small.modes] == ["NOTIONAL_TOO_SMALL"] * 2
    assert all("less than the least order of 100 USDT" in one.reason for one in small.modes)
    large = me.preview.buy("BTCUSDT", margin=100_000_000)
    assert [one.refusal for one in large.modes] == ["NO_LIQUIDITY"] * 2
    assert all("is the most that can be had" in one.reason and one.quantity is None for one in large.modes)


def test_margin_against_an_open_position_is_told_in_words(me: Account) -> None:
    me.buy("BTCUSDT", qty="0.1")
    shown = me.preview.sell("BTCUSDT", margin=500)
    for one in shown.modes:
        assert not one.is_accepted and one.refusal is None
        assert "is open the other way" in one.reason
    assert "not asked" in repr(shown)


def test_a_stop_beyond_the_liquidation_price_is_named(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    shown = me.preview.buy("BTCUSDT", margin=500, stop=50_000)
    assert "isolated: the stop 50,000.00 lies beyond the liquidation price: it protects nothing" in repr(shown)
    assert "beyond" not in repr(me.preview.buy("BTCUSDT", margin=500, stop=57_500))


def test_a_resting_order_says_what_it_makes_once_it_is_filled(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    shown = me.preview.buy("BTCUSDT", qty="0.1", price=59_000)["isolated"]
    assert (shown.filled, shown.resting, shown.most_lost) == (0, Decimal("0.1"), None)
    assert shown.position_after.quantity == 0
    filled = shown.position_filled
    assert (filled.quantity, filled.entry_price, filled.isolated_wallet) == (Decimal("0.1"), 59_000, 600)
    assert shown.liquidation_price == filled.liquidation_price is not None
    me.buy("BTCUSDT", qty="0.1", price=59_000)
    box.mark(BTCUSDT=58_990)
    assert me.position("BTCUSDT").entry_price == 59_000


def test_closing_in_both_modes(box: Sandbox, me: Account) -> None:
    with pytest.raises(RefusedError, match="has no position there"):
        me.preview.close("BTCUSDT")
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", qty="0.1")
    box.mark(BTCUSDT=59_000)
    shown = me.preview.close("BTCUSDT")
    assert "Isolated leaves nothing open" in repr(shown)
    one = shown["isolated"]
    assert one.realized_pnl < 0 and one.cost < 0 and one.most_lost is None
    me.close("BTCUSDT")
    assert me.wallet() == one.wallet_after


def test_taking_half_of_a_large_profit_leaves_more_than_there_was(box: Sandbox, me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", qty="0.1")
    box.mark(BTCUSDT=80_000)
    shown = me.preview.close("BTCUSDT", qty="0.05")
    before = me.wallet()
    me.close("BTCUSDT", qty="0.05")
    lost = shown["isolated"].most_lost
    assert lost == before.cross_wallet + before.isolated_wallets - me.wallet().cross_wallet < 0
    assert f"keeps {-lost:.2f} more than now even then" in shown.sentence


def test_what_cannot_be_sent_is_an_error(me: Account) -> None:
    with pytest.raises(InputError, match="expected either qty or margin"):
        me.preview.buy("BTCUSDT")
    with pytest.raises(AmountError, match=r"qty \(BTCUSDT, step\): 0.0005 is not a multiple of 0.001"):
        me.preview.buy("BTCUSDT", qty=0.0005)
    with pytest.raises(InputError, match="side"):
        me.preview.order("BTCUSDT", "long", qty=1)


def test_it_is_a_table_a_frame_a_picture_and_plain_data(me: Account) -> None:
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    shown = me.preview.buy("BTCUSDT", margin=500, stop=57_500, take_profit=66_000)
    page = shown._repr_html_()
    assert page.count("<tr>") > 10 and "54,216.87" in page
    frame = shown.frame
    assert frame["mode"].to_list() == ["isolated", "cross"]
    assert frame["liquidation_price"].to_list() == [54216.86747012, None]
    assert frame["available_after"][0] == float(shown["isolated"].wallet_after.available)
    assert len(shown.to_pandas()) == 2
    panel = shown.plot().axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["isolated", "cross"]
    names = {text.get_text() for text in panel.figure.legends[0].get_texts()}
    assert names == {"mark", "stop", "take-profit", "entry", "liquidation", "bankruptcy"}
    data = json.loads(json.dumps(shown.to_dict()))
    assert data["schema"] == "isocross.preview/1"
    assert (data["stop"], data["take_profit"], data["price"]) == ("57500", "66000", None)
    assert data["modes"]["isolated"]["position_after"]["liquidation_price"] == "54216.86747012"
    assert data["modes"]["isolated"]["fills"][0]["price"] == "60000.6"
    assert repr(shown["isolated"]).count("\n") == 0
    assert repr(me.preview) == "previews of me: buy(…), sell(…), order(…), close(…)"
    assert repr(shown["isolated"].fills) == "0.083 @ 60000.6, fee 2.4900249"


def test_a_plain_engine_previews_the_same() -> None:
    told = []
    for compiled in (True, False):
        box = Sandbox("binance-usdm", BTCUSDT=60_000, compiled=compiled)
        me = box.account("me", USDT=10_000)
        me.configure("BTCUSDT", mode="isolated", leverage=10)
        me.buy("BTCUSDT", qty="0.01")
        told.append(me.preview.buy("BTCUSDT", qty="0.02").to_dict())
    assert told[0] == told[1]
