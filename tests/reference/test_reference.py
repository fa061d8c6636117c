"""The reference model: its laws over random flows, its numbers by hand, and the exchange compared with it.

Responsible for: proving the model before it is believed, then equality of refusals and events after every command.
The numbers of the scenarios are worked out on paper from docs/reference/formulas.md; the comments show the work.
"""

from __future__ import annotations

from typing import Any

import pytest

from isocross.codes import CommandKind, EventKind, LiquidationStep, MarginMode, OrderType, Reason, Refusal, Side
from isocross.kernel.schema import EVENT
from isocross.limits import ORDERS_PER_SYMBOL_MAX
from tests.reference import adapter
from tests.reference.flows import random_flow
from tests.reference.formulas import part_of
from tests.reference.model import Reference
from tests.reference.rulebooks import RULEBOOKS, e8, like_binance, opposite

FUND, HOUSE, ALICE, BOB = 0, 1, 2, 3
BTC, DOGE = 0, 1
ISOLATED, CROSS = MarginMode.ISOLATED, MarginMode.CROSS
LINEAR = [name for name in RULEBOOKS if "coins" not in name]
EVENT_FIELDS = set(EVENT.names or ())


def make_reference(rulebook_name: str) -> Reference:
    rulebook = RULEBOOKS[rulebook_name]()
    return Reference(rulebook, list(rulebook.symbols))


class Story:
    """A reference with words for commands; every command must be accepted unless told otherwise, and conserves."""

    def __init__(self, rulebook: Any = None) -> None:
        rulebook = rulebook or like_binance()
        self.reference = Reference(rulebook, list(rulebook.symbols))
        self.sequence = 0

    def say(self, kind: CommandKind, refusal: Refusal = Refusal.NONE, **fields: Any) -> list[dict[str, int]]:
        self.sequence += 1
        events = self.reference.apply({"kind": kind, "sequence": self.sequence, "time_ms": self.sequence, **fields})
        assert self.reference.refusal == refusal, self.reference.refusal
        self.reference.conserved()
        self.reference.consistent()
        return events

    def account(self, account: int, money: str) -> None:
        self.say(CommandKind.CREATE_ACCOUNT, account=account)
        self.say(CommandKind.DEPOSIT, account=account, asset=0, amount_e8=e8(money))

    def prices(self, **marks: str) -> list[dict[str, int]]:
        numbers = {"btc": BTC, "doge": DOGE, "third": 2}
        records = [{"symbol": numbers[name], "index_e8": e8(mark)} for name, mark in marks.items()]
        return self.say(CommandKind.PRICES, records=records)

    def order(self, account: int, symbol: int, side: int, ticks: int, lots: int, **more: Any) -> list[dict[str, int]]:
        fields = {"account": account, "symbol": symbol, "side": side, "price_ticks": ticks, "lots": lots} | more
        return self.say(CommandKind.PLACE_ORDER, **fields)

    def trade(self, buyer: int, seller: int, symbol: int, ticks: int, lots: int) -> list[dict[str, int]]:
        """The buyer rests, the seller takes."""
        self.order(buyer, symbol, Side.BUY, ticks, lots)
        return self.order(seller, symbol, Side.SELL, ticks, lots)

    def wallet(self, account: int) -> int:
        return self.reference.wallet(account, 0)


def isolated_long() -> Story:
    """Alice, isolated at 10x, is long 1 BTC at 40,000 against Bob's cross short."""
    story = Story()
    story.account(ALICE, "10000")
    story.account(BOB, "10000")
    story.prices(btc="40000", doge="0.12")
    story.say(CommandKind.SET_MARGIN_MODE, account=ALICE, symbol=BTC, margin_mode=ISOLATED)
    story.say(CommandKind.SET_LEVERAGE, account=ALICE, symbol=BTC, leverage=10)
    story.trade(ALICE, BOB, BTC, 400_000, 1_000)
    return story


def of_kind(events: list[dict[str, int]], kind: EventKind) -> list[dict[str, int]]:
    return [event for event in events if event["kind"] == kind]


# By hand


def test_an_isolated_fill_moves_its_margin_and_the_fee_comes_from_the_cross_wallet() -> None:
    story = isolated_long()
    row = story.reference.peek(ALICE, BTC)
    assert (row.lots, row.cost, row.wallet) == (1_000, e8("40000"), e8("4000"))  # F16: 40,000 ÷ 10
    assert story.wallet(ALICE) == e8("5992")  # 10,000 − 4,000 − 40,000 · 0.02 %
    assert story.wallet(BOB) == e8("9980")  # − 40,000 · 0.05 %
    assert story.reference.margin(ALICE, 0, BTC) == {"balance_e8": e8("4000"), "maintenance_e8": e8("160")}


def test_a_liquidation_price_is_the_first_unit_and_the_fund_takes_over_at_bankruptcy() -> None:
    story = isolated_long()
    # 4,000 + p − 40,000 ≤ 0.004·p up to p = 36,144.578313253…; the requirement rounds up, so the next unit is due too.
    assert story.reference.liquidation_price(ALICE, BTC) == e8("36144.57831326")
    assert not of_kind(story.prices(btc="36144.57831327"), EventKind.LIQUIDATION_STARTED)
    events = story.prices(btc="36144.57831326")
    started = of_kind(events, EventKind.LIQUIDATION_STARTED)[0]
    assert started["balance_e8"] == started["maintenance_e8"] == e8("144.57831326")
    assert of_kind(events, EventKind.LIQUIDATION_ORDER)[0] == {
        "kind": EventKind.LIQUIDATION_ORDER, "account": ALICE, "symbol": BTC, "side": Side.SELL, "price_ticks": 360_000, "lots": 1_000,
    }  # 4,000 + p − 40,000 ≥ 0 from 36,000; the fee rate of 1.25 % is above the rate of every bracket it could fall to
    takeover = of_kind(events, EventKind.TAKEOVER)[0]
    assert (takeover["counterparty"], takeover["lots"], takeover["value_e8"]) == (FUND, 1_000, e8("36000"))
    assert of_kind(events, EventKind.LIQUIDATION_ENDED)[0]["code"] == LiquidationStep.TAKEN_OVER
    assert story.wallet(ALICE) == e8("5992")  # the loss stopped at the 4,000
    assert story.reference.peek(FUND, BTC).cost == e8("36000")


def test_an_empty_fund_cannot_bear_a_gap_and_the_counterparty_closes_at_bankruptcy() -> None:
    story = isolated_long()
    events = story.prices(btc="35000")  # balance 4,000 − 5,000 = −1,000
    adl = of_kind(events, EventKind.ADL)[0]
    assert (adl["counterparty"], adl["lots"], adl["value_e8"]) == (BOB, 1_000, e8("36000"))
    assert not of_kind(events, EventKind.TAKEOVER)
    assert story.wallet(BOB) == e8("13980")  # 9,980 + 40,000 − 36,000
    assert story.wallet(ALICE) == e8("5992")


def test_a_partial_close_returns_its_share_and_its_profit() -> None:
    story = isolated_long()
    story.order(HOUSE, BTC, Side.BUY, 410_000, 300)
    events = story.order(ALICE, BTC, Side.SELL, 410_000, 300)
    row = story.reference.peek(ALICE, BTC)
    assert of_kind(events, EventKind.FILLED)[0]["amount_e8"] == e8("300")  # 12,300 − ⌈40,000 · 300 ÷ 1,000⌉
    assert of_kind(events, EventKind.MARGIN_MOVED)[0]["amount_e8"] == -e8("1500")  # share 1,200 + 300
    assert (row.lots, row.cost, row.wallet) == (700, e8("28000"), e8("2800"))
    assert story.wallet(ALICE) == e8("7485.85")  # 5,992 + 1,500 − 12,300 · 0.05 %


def test_the_fewest_lots_cure_and_the_fee_leaves_the_account_one_unit_above() -> None:
    story = Story()
    story.account(ALICE, "100")
    story.account(BOB, "1000")
    story.prices(btc="40000", doge="0.12")
    story.say(CommandKind.SET_MARGIN_MODE, account=ALICE, symbol=DOGE, margin_mode=ISOLATED)
    story.trade(ALICE, BOB, DOGE, 12_000, 10_000)  # 1,200 at 20x: 60 in the isolated wallet
    story.order(HOUSE, DOGE, Side.BUY, 11_500, 1_000)
    assert not of_kind(story.prices(doge="0.1152"), EventKind.LIQUIDATION_STARTED)  # 60 − 48 = 12 against 11.52
    events = story.prices(doge="0.1151")  # 60 − 49 = 11 against 11.51
    # 11 − 0.003 · 0.1151·k > 0.01 · 0.1151·(10,000 − k)  ⇔  0.0008057·k > 0.51  ⇔  k > 632.98…
    order = of_kind(events, EventKind.LIQUIDATION_ORDER)[0]
    assert (order["lots"], order["price_ticks"]) == (633, 11_400)
    filled = of_kind(events, EventKind.FILLED)[0]
    assert (filled["value_e8"], filled["amount_e8"]) == (e8("72.795"), -e8("3.165"))  # against a cost of 75.96
    # Rest 9,367 at 0.1151: balance 60 − 3.165 − 45.8983 = 10.9367 against 10.781417; 0.218385 owed, less can be borne.
    assert of_kind(events, EventKind.LIQUIDATION_FEE)[0]["fee_e8"] == e8("0.15528299")
    ended = of_kind(events, EventKind.LIQUIDATION_ENDED)[0]
    assert ended.get("code", 0) == LiquidationStep.CURED
    assert (ended["balance_e8"], ended["maintenance_e8"]) == (e8("10.78141701"), e8("10.781417"))
    assert story.wallet(FUND) == e8("0.15528299")


def test_a_bankrupt_pool_is_split_by_maintenance_and_the_fund_takes_what_it_can_bear() -> None:
    story = Story()
    story.account(ALICE, "1000")
    story.account(BOB, "10000")
    story.say(CommandKind.FUND_DEPOSIT, asset=0, amount_e8=e8("50"))
    story.prices(btc="40000", doge="0.12")
    story.trade(ALICE, BOB, BTC, 400_000, 100)  # 4,000, maker fee 0.8
    story.trade(ALICE, BOB, DOGE, 12_000, 20_000)  # 2,400, maker fee 0.48
    bob_before = story.wallet(BOB)
    events = story.prices(btc="29000")
    started = of_kind(events, EventKind.LIQUIDATION_STARTED)[0]
    # 998.72 − 1,100 = −101.28; maintenance 2,900 · 0.4 % + 2,400 · 1 % = 11.6 + 24
    assert (started["balance_e8"], started["maintenance_e8"]) == (-e8("101.28"), e8("35.6"))
    # −101.28 · 11.6 ÷ 35.6 = −33.001348314…, floored; the second position takes the rest
    assert part_of(-e8("101.28"), 0, e8("11.6"), e8("35.6")) == -e8("33.00134832")
    takeovers = of_kind(events, EventKind.TAKEOVER)
    assert [(t["counterparty"], t["lots"], t["value_e8"]) for t in takeovers] == [
        (FUND, 100, e8("2933.00134832")),  # leaves the fund 50 − 33.00134832 = 16.99865168
        (FUND, 4_979, e8("614.47797033")),  # each lot costs 0.003413932584 more than it is worth: 4,979.2 lots
    ]
    adl = of_kind(events, EventKind.ADL)[0]
    assert (adl["counterparty"], adl["lots"], adl["value_e8"]) == (BOB, 15_021, e8("1853.80068135"))
    assert story.wallet(ALICE) == 0
    assert story.wallet(BOB) == bob_before - e8("51.28068135")  # 1,802.52 of cost against 1,853.80068135
    assert story.reference.peek(FUND, DOGE).lots == 4_979


def test_funding_rounds_against_both_and_the_fund_takes_the_unit() -> None:
    story = isolated_long()
    story.prices(btc="37144.57831326")
    before = story.wallet(BOB)
    events = story.say(CommandKind.SETTLE_FUNDING, records=[{"symbol": BTC, "rate_e8": 1}])
    # 37,144.57831326 · 10⁻⁸ = 37,144.578… units: Alice pays 37,145, Bob receives 37,144
    assert [event["amount_e8"] for event in of_kind(events, EventKind.FUNDING)] == [-37_145, 37_144]
    assert story.reference.peek(ALICE, BTC).wallet == e8("4000") - 37_145
    assert story.wallet(BOB) == before + 37_144
    assert story.wallet(FUND) == 1


def test_open_profit_does_not_leave_by_withdrawal() -> None:
    story = Story()
    story.account(ALICE, "1000")
    story.account(BOB, "1000")
    story.prices(btc="40000", doge="0.12")
    story.trade(ALICE, BOB, BTC, 400_000, 100)
    story.prices(btc="41000")
    # X = 999.2, U = 100, IM = 4,100 ÷ 20 = 205: min(999.2 − 16.4, 894.2, 999.2)
    assert story.reference.available(ALICE, 0) == e8("894.2")
    assert story.reference.max_withdraw(ALICE, 0) == e8("894.2")
    story.prices(btc="44000")  # U = 400, IM = 220, maintenance 17.6: min(981.6, 1,179.2, 999.2)
    assert story.reference.max_withdraw(ALICE, 0) == e8("981.6")
    story.say(CommandKind.WITHDRAW, Refusal.WITHDRAW_TOO_LARGE, account=ALICE, asset=0, amount_e8=e8("981.6") + 1)
    story.say(CommandKind.WITHDRAW, account=ALICE, asset=0, amount_e8=e8("981.6"))


def test_a_ladder_is_priced_outward_and_grows_with_its_level() -> None:
    story = Story()
    story.prices(btc="40000")
    quote = {
        "symbol": BTC, "mid_e8": e8("40000"), "half_spread_rate_e8": e8("0.0005"), "spacing_rate_e8": e8("0.0001"),
        "level_notional_e8": e8("1000"), "scale_e8": e8("1"), "level_count": 3,
    }
    story.say(CommandKind.QUOTE, **quote)
    bids, asks = story.reference.books[BTC]
    # offsets 0.05 %, 0.06 %, 0.08 %; lots 1,000 · (k + 1) ÷ 40
    assert {price: orders[0].lots for price, orders in bids.items()} == {399_800: 25, 399_760: 50, 399_680: 75}
    assert {price: orders[0].lots for price, orders in asks.items()} == {400_200: 25, 400_240: 50, 400_320: 75}
    assert story.say(CommandKind.QUOTE, **quote) == []


def test_a_market_order_takes_the_deepest_price_it_needs_and_pays_its_open_loss() -> None:
    story = Story()
    story.account(ALICE, "230")
    story.prices(btc="40000")
    story.order(HOUSE, BTC, Side.SELL, 400_000, 50)
    story.order(HOUSE, BTC, Side.SELL, 401_000, 50)
    market = {"order_type": OrderType.MARKET, "account": ALICE, "symbol": BTC, "side": Side.BUY}
    # 100 lots need 40,100: IM 4,000 ÷ 20 = 200, open loss 10, fee 4,010 · 0.05 % = 2.005
    story.say(CommandKind.WITHDRAW, account=ALICE, asset=0, amount_e8=e8("17.995") + 1)
    story.say(CommandKind.PLACE_ORDER, Refusal.MARGIN_INSUFFICIENT, lots=100, **market)
    story.say(CommandKind.DEPOSIT, account=ALICE, asset=0, amount_e8=1)
    accepted = story.say(CommandKind.PLACE_ORDER, lots=100, **market)[0]
    assert accepted["price_ticks"] == 401_000
    assert story.wallet(ALICE) == e8("212.005") - e8("2.0025")  # fees on what was paid: 2,000 and 2,005


def test_an_account_has_two_hundred_orders_in_a_symbol() -> None:
    story = Story()
    story.account(ALICE, "100000")
    story.prices(btc="40000")
    for k in range(ORDERS_PER_SYMBOL_MAX):
        story.order(ALICE, BTC, Side.BUY, 300_000 - k, 1)
    story.order(ALICE, BTC, Side.BUY, 300_000, 1, refusal=Refusal.TOO_MANY_ORDERS)


def test_one_account_has_a_bound_over_all_its_symbols() -> None:
    """Symbols of 2^59 each at price_max: the third does not fit in 2^60 any more."""
    from dataclasses import replace

    book = like_binance()
    base = book.symbols["BTCUSDT"]
    brackets = tuple(replace(bracket, cap_e8=2**60) for bracket in base.brackets)
    symbols = {f"X{k}USDT": replace(base, symbol=f"X{k}USDT", brackets=brackets) for k in range(6)}
    story = Story(replace(book, symbols=symbols))
    story.account(ALICE, "100000000")
    records = [{"symbol": k, "index_e8": e8("0.1")} for k in range(6)]
    story.say(CommandKind.PRICES, records=records)
    lots = base.lots_max
    for k in range(2):
        story.order(ALICE, k, Side.BUY, 1, lots)
    story.order(ALICE, 2, Side.BUY, 1, lots, refusal=Refusal.ACCOUNT_TOO_LARGE)


# Laws over random flows


def check_trades(events: list[dict[str, int]], reference: Reference) -> None:
    """What a fill does to the cross wallet: cross: realized − fee; isolated: − moved in, + moved back, − fee; in a liquidation nothing."""
    for at, event in enumerate(events):
        if event["kind"] == EventKind.MARGIN_MOVED:
            goes_in = event["code"] in (Reason.ISOLATED_FILL, Reason.ADD_MARGIN)
            assert (event["amount_e8"] > 0) == goes_in
        if event["kind"] != EventKind.FILLED or event["account"] == event["counterparty"]:
            continue
        after = []
        for other in events[at + 1 :]:
            if other["kind"] == EventKind.BOOK_LEVEL:
                break
            if other["account"] == event["account"]:
                after.append(other)
        position = of_kind(after, EventKind.POSITION)[0]
        moved = sum(other["amount_e8"] for other in of_kind(after, EventKind.MARGIN_MOVED))
        trade = sum(other["amount_e8"] for other in of_kind(after, EventKind.WALLET))
        fee, realized = event.get("fee_e8", 0), event.get("amount_e8", 0)
        if position.get("margin_mode", 0) == CROSS:
            assert trade == realized - fee
        elif event.get("order_id", 0) == 0:
            assert (trade, moved) == (0, 0)
        else:
            assert trade == -moved - fee


@pytest.mark.parametrize("rulebook_name", RULEBOOKS)
@pytest.mark.parametrize("seed", range(6))
def test_the_reference_keeps_its_laws_over_a_random_flow(rulebook_name: str, seed: int) -> None:
    reference = make_reference(rulebook_name)
    for number, command in enumerate(random_flow(seed, 400, reference.rulebook, reference=reference)):
        try:
            events = reference.apply(command)
            reference.conserved()
            reference.consistent()
            check_trades(events, reference)
            assert all(set(event) <= EVENT_FIELDS for event in events)
        except AssertionError as error:
            pytest.fail(f"{rulebook_name}, seed {seed}, command {number}: {command}\n{error}\n{told(reference.events)}")


def test_a_flow_is_the_same_for_the_same_seed() -> None:
    flows = [list(random_flow(5, 300, opposite())) for _ in range(2)]
    reference = make_reference("opposite")
    led = []
    for command in random_flow(5, 300, reference.rulebook, reference=reference):
        led.append(command)
        reference.apply(command)
    assert flows[0] == flows[1] == led


NEVER_SAID: set[EventKind] = set()
NEVER_A_REASON = {Reason.NONE}
NEVER_REFUSED = {
    Refusal.NONE, Refusal.SEQUENCE_USED, Refusal.HOUSE_ONLY,
    Refusal.ACCOUNT_TOO_LARGE,  # by hand above: it takes more symbols than a flow has
}


def test_the_flows_reach_every_event_reason_and_refusal() -> None:
    kinds: set[int] = set()
    reasons: set[int] = set()
    refusals: set[int] = set()
    with_reason = {EventKind.WALLET, EventKind.MARGIN_MOVED, EventKind.CANCELLED, EventKind.EXPIRED}
    flows = [(seed, list(RULEBOOKS)[seed % len(RULEBOOKS)]) for seed in range(20, 110)]
    for seed, rulebook_name in [*flows, (115, "opposite-coins")]:
        reference = make_reference(rulebook_name)
        for command in random_flow(seed, 600, reference.rulebook, reference=reference):
            for event in reference.apply(command):
                kinds.add(event["kind"])
                if event["kind"] in with_reason:
                    reasons.add(event["code"])
                if event["kind"] == EventKind.REFUSED:
                    refusals.add(event["code"])
    assert {kind.name for kind in EventKind if kind not in kinds} == {kind.name for kind in NEVER_SAID}
    assert {reason.name for reason in Reason if reason not in reasons} == {reason.name for reason in NEVER_A_REASON}
    refusals.add(Refusal.TOO_MANY_ORDERS)  # by hand above: it takes more orders than most flows leave resting
    assert {refusal.name for refusal in Refusal if refusal not in refusals} == {refusal.name for refusal in NEVER_REFUSED}


# The exchange against it


def told(events: list[dict[str, int]]) -> str:
    """Events one a line, codes by name."""
    lines = []
    for event in events:
        kind = EventKind(event["kind"])
        fields = {name: value for name, value in event.items() if name != "kind"}
        if "code" in fields:
            code = fields["code"]
            if kind == EventKind.REFUSED:
                fields["code"] = Refusal(code).name  # type: ignore[assignment]
            elif kind in (EventKind.WALLET, EventKind.MARGIN_MOVED, EventKind.CANCELLED, EventKind.EXPIRED):
                fields["code"] = Reason(code).name  # type: ignore[assignment]
        lines.append(f"    {kind.name} " + " ".join(f"{name}={value}" for name, value in fields.items()))
    return "\n".join(lines) or "    (none)"


def compare(rulebook_name: str, seed: int, length: int, compiled: bool) -> None:
    """One flow through both; the first difference fails with all that is needed to repeat it."""
    pytest.importorskip("isocross.exchange", exc_type=ImportError)
    reference = make_reference(rulebook_name)
    exchange = adapter.make_exchange(reference.rulebook, list(reference.rulebook.symbols), compiled)
    for number, command in enumerate(random_flow(seed, length, reference.rulebook, reference=reference)):
        expected = reference.apply(command)
        try:
            refusal, events = adapter.submit(exchange, command)
        except Exception as error:
            pytest.fail(f"{rulebook_name}, seed {seed}, command {number}: {command}\n{error!r}\n  reference:\n{told(expected)}")
        if refusal == reference.refusal and events == expected:
            continue
        first = next((at for at, (a, b) in enumerate(zip(expected, events, strict=False)) if a != b), min(len(expected), len(events)))
        names = f"{Refusal(reference.refusal).name} by the reference, {Refusal(refusal).name} by the exchange"
        pytest.fail(
            f"{rulebook_name}, seed {seed}, command {number}, compiled {compiled}\n  {CommandKind(command['kind']).name} {command}\n"
            f"  refusal: {names}; first different event: {first}\n  reference:\n{told(expected)}\n  exchange:\n{told(events)}",
            pytrace=False,
        )


@pytest.mark.parametrize("rulebook_name", RULEBOOKS)
@pytest.mark.parametrize("seed", range(7))
def test_the_exchange_says_what_the_reference_says(rulebook_name: str, seed: int) -> None:
    compare(rulebook_name, seed, 300, compiled=True)


@pytest.mark.parametrize("rulebook_name", RULEBOOKS)
@pytest.mark.parametrize("seed", [100])
def test_the_uncompiled_exchange_says_what_the_reference_says(rulebook_name: str, seed: int) -> None:
    compare(rulebook_name, seed, 150, compiled=False)


@pytest.mark.full
@pytest.mark.parametrize("rulebook_name", LINEAR)
@pytest.mark.parametrize("seed", range(1_000, 1_120))
def test_the_exchange_says_what_the_reference_says_at_length(rulebook_name: str, seed: int) -> None:
    compare(rulebook_name, seed, 1_500, compiled=True)


@pytest.mark.full
@pytest.mark.parametrize("rulebook_name", ["coins", "opposite-coins"])
@pytest.mark.parametrize("seed", [1016, 1043])
def test_the_exchange_says_what_the_reference_says_of_coins_at_length(rulebook_name: str, seed: int) -> None:
    compare(rulebook_name, seed, 1_200, compiled=True)
