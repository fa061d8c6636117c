"""Claims: what each story says in words, asserted, and numbers of them worked out again by hand.

Responsible for: the sentences on top of the scenario files as conditions; formulas.md in Fractions, without the package.
Must not: snapshot: test_scenarios.py does.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest

from isocross.codes import EventKind, LiquidationStep, Refusal
from isocross.errors import RefusedError
from isocross.sandbox import Position, Sandbox
from isocross.units import format_e8
from tests.golden.ledger import ledger
from tests.golden.scenario import play, story_names

UNIT = Fraction(1, 10**8)


def up(amount: Fraction) -> Fraction:
    """Rounded up to the unit."""
    return ceil(amount / UNIT) * UNIT


def down(amount: Fraction) -> Fraction:
    """Rounded down to the unit."""
    return floor(amount / UNIT) * UNIT


def f(text: str | Decimal) -> Fraction:
    return Fraction(str(text).replace("_", ""))


class Hand:
    """One long position, by formulas.md: quantity, entry cost, what backs it; one bracket, without deduction."""

    def __init__(self, quantity: str, entry: str, backing: Fraction, rate: str = "0.004") -> None:
        self.quantity, self.cost, self.backing, self.rate = f(quantity), f(quantity) * f(entry), backing, f(rate)

    def balance(self, mark: Fraction) -> Fraction:  # F3, F12
        return self.backing + down(self.quantity * mark) - self.cost

    def maintenance(self, mark: Fraction) -> Fraction:  # F4, F5
        return up(up(self.quantity * mark) * self.rate)

    def is_due(self, mark: Fraction) -> bool:
        return self.balance(mark) <= self.maintenance(mark)

    def dies_first_at(self, mark: Decimal | None) -> bool:
        """Due at this mark, and not one unit above it."""
        assert mark is not None
        return self.is_due(f(mark)) and not self.is_due(f(mark) + UNIT)

    def is_bankrupt_first_at(self, mark: Decimal | None) -> bool:
        assert mark is not None
        return self.balance(f(mark)) <= 0 < self.balance(f(mark) + UNIT)


def taker_fee(quantity: str, price: str) -> Fraction:  # F17
    return up(f(quantity) * f(price) * f("0.0005"))


def position(name: str, account: str, symbol: str = "BTCUSDT", until: str | None = None) -> Position:
    return play(name, until).account(account).position(symbol)


def cross_wallet(name: str, account: str, until: str | None = None, asset: str = "USDT") -> Decimal:
    return play(name, until).account(account).wallet(asset).cross_wallet


def steps(box: Sandbox, account: str) -> list[LiquidationStep]:
    """How the liquidations of an account ended."""
    number = box.accounts[account].number
    ended = box.events[(box.events["kind"] == EventKind.LIQUIDATION_ENDED) & (box.events["account"] == number)]
    return [LiquidationStep(int(code)) for code in ended["code"]]


def rows(box: Sandbox, account: str, *symbols: str) -> list[bytes]:
    """The bytes of the rows of positions and settings of an account in these symbols."""
    number = box.accounts[account].number
    found = []
    for table in ("positions", "settings"):
        for row in box.exchange.table(table):
            if row["account"] == number and box.symbols[row["symbol"]] in symbols:
                found.append(row.tobytes())
    return found


# ---- the law that holds in every story


@pytest.mark.parametrize("name", story_names())
def test_the_whole_ledger_sums_to_zero(name: str) -> None:
    box = play(name).box
    for asset in box.exchange.assets:
        assert sum(line.cash_e8 for line in ledger(box, asset)) == 0
        assert sum(balance.cash for balance in box.balances(asset)) == 0
    assert set(box.exchange.conservation_gap_e8().values()) == {0}
    lots = box.exchange.table("positions")
    for symbol in range(len(box.symbols)):
        assert lots["lots"][lots["symbol"] == symbol].sum() == 0


# ---- 10,000, of which 500 isolated at 10x; and the same in cross


def test_500_isolated_at_10x_by_hand() -> None:
    fill = f("60000") * (1 + f("0.00001"))  # the maker's half spread …
    assert ceil(fill * 10) == 600006  # … up to the tick
    transfer = up(f("0.083") * 60000 / 10) + f("0.083") * (f("60000.6") - 60000)  # F16
    assert transfer == f("498.0498")
    assert up(f("0.084") * 60000 / 10) > 500, "one step more would need more than 500"
    alice = play("isolated_500_of_10000_at_10x", "the same trade in both modes").account("alice")
    held = alice.position("BTCUSDT")
    assert (held.quantity, held.entry_price) == (Decimal("0.083"), Decimal("60000.6"))
    assert f(held.isolated_wallet) == transfer
    assert f(alice.wallet().cross_wallet) == 10_000 - transfer - taker_fee("0.083", "60000.6")
    hand = Hand("0.083", "60000.6", transfer)
    assert hand.dies_first_at(held.liquidation_price)
    assert hand.is_bankrupt_first_at(held.bankruptcy_price)
    exact = (f("0.083") * f("60000.6") - transfer) / (f("0.083") * (1 - f("0.004")))  # without roundings
    assert abs(f(held.liquidation_price) - exact) < f("0.000001")


def test_the_same_in_cross_differs_only_in_what_stands_behind_it() -> None:
    story = play("isolated_500_of_10000_at_10x", "the same trade in both modes")
    alice, bob = story.account("alice"), story.account("bob")
    mine, his = alice.position("BTCUSDT"), bob.position("BTCUSDT")
    assert (mine.quantity, mine.entry_cost) == (his.quantity, his.entry_cost)
    assert (his.liquidation_price, his.bankruptcy_price) == (None, None)
    assert f(his.margin_balance) == 10_000 - taker_fee("0.083", "60000.6") + f("0.083") * (60000 - f("60000.6"))
    assert alice.wallet().equity == bob.wallet().equity
    ended = play("isolated_500_of_10000_at_10x")
    assert ended.account("alice").wallet() == ended.account("bob").wallet()
    assert ended.account("alice").wallet().cross_wallet > 10_000


# ---- 1,000 isolated are lost, the rest is untouched


def test_1000_isolated_are_lost_and_nothing_else_by_hand() -> None:
    transfer = f("0.166") * 6000 + f("0.166") * f("0.6")
    fee = taker_fee("0.166", "60000.6")
    assert transfer == f("996.0996") <= 1_000
    assert cross_wallet("isolated_1000_lost", "alice", "in") == cross_wallet("isolated_1000_lost", "alice")
    assert f(cross_wallet("isolated_1000_lost", "alice")) == 10_000 - transfer - fee
    box = play("isolated_1000_lost").box
    assert steps(box, "alice") == [LiquidationStep.TAKEN_OVER]
    fund = next(line for line in box.balances() if line.party == "fund")
    assert f(fund.entry_cost) == f("0.166") * f("60000.6") - transfer, "the fund takes it at entry cost − wallet (F13)"


# ---- a dip of 15 %, and a rebound


def test_cross_rides_out_the_dip_that_liquidates_isolated_by_hand() -> None:
    alive = play("dip_of_15_percent", "just above her liquidation price")
    assert alive.account("alice").positions
    hand = Hand("0.083", "60000.6", f("498.0498"))
    assert not hand.is_due(f("54216.86747013"))
    assert hand.is_due(f("54216.86747012"))
    story = play("dip_of_15_percent")
    assert steps(story.box, "alice") == [LiquidationStep.CLOSED_IN_BOOK]
    assert steps(story.box, "bob") == []
    bid = f("54216.3")  # ⌊54216.86747012·(1 − 0.00001)⌋ to the tick
    assert floor(f("54216.86747012") * (1 - f("0.00001")) * 10) == bid * 10
    left = f("498.0498") + f("0.083") * (bid - f("60000.6"))
    owed = up(f("0.083") * bid * f("0.0125"))  # F20
    assert 0 < left < owed, "the fee takes what is left and no more"
    assert f(story.account("alice").wallet().cross_wallet) == 10_000 - f("498.0498") - taker_fee("0.083", "60000.6")
    assert (51_000 - 60_000) / 60_000 == -0.15
    held = story.account("bob").position("BTCUSDT")
    assert held.quantity == Decimal("0.083")
    assert f(held.margin_balance) == 10_000 - taker_fee("0.083", "60000.6") + f("0.083") * (51_000 - f("60000.6"))


def test_after_the_rebound_isolated_is_out_with_its_loss_and_cross_in_profit() -> None:
    story = play("dip_then_rebound")
    alice, bob = story.account("alice"), story.account("bob")
    assert alice.wallet().equity == Decimal("10000") - Decimal("498.0498") - Decimal("2.4900249")
    assert bob.wallet().equity > 10_000
    assert not alice.positions
    assert story.box.mark_price("BTCUSDT") > Decimal("60000.6")


# ---- one pool behind several positions


def test_the_fall_of_one_leg_takes_both() -> None:
    before = play("cross_one_leg_takes_both", "long bitcoin, short ether").account("bob")
    assert {held.symbol for held in before.positions} == {"BTCUSDT", "ETHUSDT"}
    story = play("cross_one_leg_takes_both", "bitcoin falls, ether stands still")
    assert story.box.mark_price("ETHUSDT") == 3_000
    assert not story.account("bob").positions
    assert story.account("bob").wallet().equity == 0
    assert steps(story.box, "bob") == [LiquidationStep.TAKEN_OVER]


def test_a_due_pool_and_its_takeover_by_hand() -> None:
    bob = play("cross_one_leg_takes_both", "long bitcoin, short ether").account("bob")
    wallet = f(bob.wallet().cross_wallet)
    btc, eth = f("60005.0136"), f("2999.86")
    assert wallet == 10_000 - taker_fee("1", "60005.0136") - taker_fee("5", "2999.86")
    balance = wallet + (50_100 - btc) + 5 * (eth - 3_000)
    maintenance = (f("50100") * f("0.005") - 50) + 15_000 * f("0.004")  # brackets 2 and 1 (F5)
    assert balance <= maintenance == f("260.5")
    left = balance + 5 * (3_000 - f("3000.14"))  # ether is bought back in its own book
    box = play("cross_one_leg_takes_both").box
    taken = box.events[box.events["kind"] == EventKind.TAKEOVER]
    assert [int(value) * UNIT for value in taken["value_e8"]] == [50_100 - left], (
        "value at mark − the pool's balance (F13)"
    )
    assert box.account("bob").wallet().cross_wallet == 0


def test_of_a_pair_isolated_loses_a_leg_and_cross_keeps_both() -> None:
    story = play("pair_long_btc_short_eth", "the market falls 12 percent")
    assert [held.symbol for held in story.account("alice").positions] == ["ETHUSDT"]
    assert [held.symbol for held in story.account("bob").positions] == ["BTCUSDT", "ETHUSDT"]
    assert steps(story.box, "bob") == []
    ended = play("pair_long_btc_short_eth")
    assert ended.account("alice").wallet().equity < 2_000 - 600
    assert 2_000 - ended.account("bob").wallet().equity < 15, "fees and spread"


def test_one_cross_long_takes_the_whole_balance_of_its_asset_only_by_hand() -> None:
    name = "cross_takes_the_whole_balance"
    held = position(name, "bob", until="one cross long")
    cost = f("60008.3424") * f("1.5")
    wallet = 10_000 - f("45.0062568")
    price = f(held.liquidation_price)
    due = wallet + down(f("1.5") * price) - cost
    assert due <= up(up(f("1.5") * price) * f("0.005")) - 50
    above = price + UNIT
    assert wallet + down(f("1.5") * above) - cost > up(up(f("1.5") * above) * f("0.005")) - 50
    story = play(name)
    assert story.account("bob").wallet("USDT").equity == 0
    assert story.account("bob").wallet("USDC").cross_wallet == 5_000
    taken = story.box.events[story.box.events["kind"] == EventKind.TAKEOVER]
    assert [int(value) * UNIT for value in taken["value_e8"]] == [cost - wallet], "a cost that leaves exactly nothing"


def test_the_isolated_leg_dies_and_the_cross_core_lives() -> None:
    before, after = play("hybrid", "core and speculation"), play("hybrid", "solana falls")
    assert steps(after.box, "alice") == [LiquidationStep.TAKEN_OVER]
    cut = play("hybrid", "core and speculation")
    cut.do("mark SOLUSDT 135 depth 0")
    assert rows(cut.box, "alice", "BTCUSDT") == rows(before.box, "alice", "BTCUSDT")
    core, wallet = cut.account("alice").position("BTCUSDT"), cut.account("alice").wallet()
    assert core == before.account("alice").position("BTCUSDT")
    assert wallet.cross_wallet == before.account("alice").wallet().cross_wallet
    assert not cut.account("alice").position("SOLUSDT").quantity


# ---- money that comes in time


def test_margin_added_by_hand_saves_a_position_by_hand() -> None:
    name = "margin_added_by_hand"
    before, after = position(name, "carol", until="close to liquidation"), position(name, "carol", until="margin added")
    assert after.isolated_wallet == before.isolated_wallet + 300
    assert Hand("0.083", "60000.6", f("798.0498")).dies_first_at(after.liquidation_price)
    story = play(name, "below the old price")
    assert not story.account("alice").positions
    assert story.account("carol").positions
    most = min(  # F14, max remove margin, at 61,000
        f("798.0498") - up(f("0.083") * 61_000 * f("0.004")),
        f("798.0498") + f("0.083") * (61_000 - f("60000.6")) - up(f("0.083") * 61_000 / 10),
    )
    assert most == f("374.7"), "250 taken out, 124.7 may follow"
    assert play(name).account("carol").wallet().equity > 10_000


def test_a_deposit_saves_cross_and_does_nothing_for_isolated_by_hand() -> None:
    name = "deposit_saves_cross"
    before, after = play(name, "close to the end"), play(name, "money arrives")
    assert after.account("alice").position("BTCUSDT") == before.account("alice").position("BTCUSDT")
    his = after.account("bob").position("BTCUSDT")
    wallet = 501 - taker_fee("0.083", "60000.6") + 500
    assert Hand("0.083", "60000.6", wallet).dies_first_at(his.liquidation_price)
    assert his.liquidation_price < before.account("bob").position("BTCUSDT").liquidation_price
    story = play(name)
    assert steps(story.box, "alice") == [LiquidationStep.TAKEN_OVER]
    assert steps(story.box, "bob") == []
    assert story.account("alice").wallet().available > 500, "the deposit lies beside the position that died"


def test_profit_realized_elsewhere_saves_cross_and_not_isolated() -> None:
    story = play("realized_profit_saves_cross")
    assert [name for name in ("alice", "bob", "carol") if steps(story.box, name)] == ["alice", "carol"]
    assert story.account("bob").position("BTCUSDT").quantity == Decimal("0.083")
    before = play("realized_profit_saves_cross", "both legs fall").account("alice").position("BTCUSDT")
    after = play("realized_profit_saves_cross", "the short is closed at a profit").account("alice")
    assert after.position("BTCUSDT") == before
    assert after.wallet().available > 900


def test_cross_profit_pays_for_the_next_order_and_isolated_profit_does_not() -> None:
    name = "profit_pays_for_the_next_order"
    story = play(name, "eight percent up")
    alice, bob = story.account("alice"), story.account("bob")
    assert alice.position("BTCUSDT").unrealized_pnl > 700
    assert bob.buy("ETHUSDT", qty=1).filled == 1
    assert bob.wallet().cross_wallet < 1_000, "nothing was realized"
    available = f(alice.wallet().available)
    with pytest.raises(RefusedError, match="MARGIN_INSUFFICIENT") as refused:
        alice.buy("ETHUSDT", qty=1)
    assert refused.value.refusal == Refusal.MARGIN_INSUFFICIENT  # -2019 on the wire
    need = f("300") + f("0.05") + up(f("3000.05") * f("0.0005"))  # F15: margin, open loss, fee
    assert f"{format_e8(int((need - available) / UNIT))} USDT more needed" in str(refused.value)
    alice.close("BTCUSDT")
    assert alice.buy("ETHUSDT", qty=1).filled == 1


# ---- isolated positions do not know each other


def test_losing_or_releveraging_one_isolated_position_changes_no_byte_of_the_others() -> None:
    name = "three_isolated_leverages"
    three = play(name, "three positions")
    assert [p.leverage for p in three.account("alice").positions] == [5, 10, 25]
    releveraged = play(name, "bitcoin at another leverage")
    others = ("ETHUSDT", "SOLUSDT")
    assert rows(releveraged.box, "alice", *others) == rows(three.box, "alice", *others)
    assert releveraged.account("alice").position("BTCUSDT").leverage == 20
    lost = play(name)
    assert not lost.account("alice").position("SOLUSDT").quantity
    others = ("ETHUSDT", "BTCUSDT")
    assert rows(lost.box, "alice", *others) == rows(releveraged.box, "alice", *others)
    assert lost.account("alice").wallet().cross_wallet == three.account("alice").wallet().cross_wallet


# ---- stops and gaps


def test_with_a_stop_before_liquidation_both_modes_end_equal_to_the_unit() -> None:
    story = play("stop_before_liquidation")
    alice, bob = story.account("alice"), story.account("bob")
    assert alice.wallet() == bob.wallet()
    assert not alice.orders, "the take-profit ended with the position"
    fees = taker_fee("0.083", "60000.6") + taker_fee("0.083", "57399.4")
    assert f(alice.wallet().equity) == 10_000 - fees + f("0.083") * (f("57399.4") - f("60000.6"))


def test_in_a_gap_isolated_ends_at_its_cap_and_cross_goes_on_losing() -> None:
    cap = f("498.0498") + taker_fee("0.083", "60000.6")
    for name in ("gap_through_the_stop", "gap_with_an_empty_book"):
        story = play(name)
        assert 10_000 - f(story.account("alice").wallet().equity) == cap
        assert 10_000 - f(story.account("bob").wallet().equity) > cap + 400
        assert steps(story.box, "alice") == [LiquidationStep.TAKEN_OVER]
        assert steps(story.box, "bob") == []
    at_the_gap = play("gap_with_an_empty_book", "the gap").account("bob")
    assert at_the_gap.positions and not at_the_gap.orders, "the stop is gone and the position is not"
    lost = 10_000 - f(at_the_gap.wallet().equity)
    assert 10_000 - f(play("gap_with_an_empty_book").account("bob").wallet().equity) > lost > cap


# ---- the switch, and funding


def test_the_mode_switch() -> None:
    box = play("mode_switch").box
    assert not box.account("alice").positions
    codes = box.events["code"][(box.events["kind"] == EventKind.REFUSED)].tolist()
    assert [Refusal(code) for code in codes] == [  # -4046, -4047, -4048, -4046 on the wire
        Refusal.MARGIN_MODE_UNCHANGED,
        Refusal.MARGIN_MODE_HAS_ORDERS,
        Refusal.MARGIN_MODE_HAS_POSITION,
        Refusal.MARGIN_MODE_UNCHANGED,
    ]
    switches = box.events[box.events["kind"] == EventKind.MARGIN_MODE_SET]
    assert [(box.symbols[row["symbol"]], int(row["margin_mode"])) for row in switches] == [
        ("ETHUSDT", 1),  # with an order in bitcoin
        ("BTCUSDT", 1),  # once that is cancelled
        ("ETHUSDT", 0),  # with a position in bitcoin
        ("BTCUSDT", 0),  # once that is closed
    ]


def test_funding_eats_an_isolated_wallet_until_it_is_liquidated_by_hand() -> None:
    name = "funding_eats_the_margin"
    payment = up(f("0.083") * 60_000 * f("0.003"))  # F11
    hand = Hand("0.083", "60000.6", f("498.0498"))
    lives = 0
    while not Hand("0.083", "60000.6", hand.backing - (lives + 1) * payment).is_due(f("60000")):
        lives += 1
    assert lives == 31
    assert f(position(name, "alice", until="thirty more").isolated_wallet) == hand.backing - 31 * payment
    story = play(name)
    assert story.box.mark_price("BTCUSDT") == 60_000, "the price never moved"
    assert steps(story.box, "alice") == [LiquidationStep.CLOSED_IN_BOOK]
    assert f(story.account("alice").wallet().cross_wallet) == 10_000 - f("498.0498") - taker_fee("0.083", "60000.6")
    assert f(story.account("bob").wallet().cross_wallet) == 10_000 - taker_fee("0.083", "60000.6") - 32 * payment
