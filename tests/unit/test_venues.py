"""The rulebooks of venues other than the default one: their own published numbers, met by the engine.

Responsible for: worked examples and recorded answers of Hyperliquid and Bybit, run on an Exchange under their rulebooks.
Must not: hold a formula: every number on the right is the venue's, or worked out in the comment beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from isocross import rulebook as rb
from isocross.codes import CommandKind, EventKind, LiquidationStep, MarginMode, OrderType, Side, TimeInForce
from isocross.exchange import Exchange
from isocross.rulebook.brackets import BracketRow, build_brackets
from isocross.units import format_e8, to_e8, to_rate_e8

HYPERLIQUID = rb.load("hyperliquid")
BYBIT = rb.load("bybit-linear")
HOUSE, ALICE = 1, 2


class Venue:
    """An exchange of one contract, spoken to in decimals; ALICE trades with the house."""

    def __init__(self, book: rb.Rulebook, symbol: str, **changes: Any) -> None:
        rules = replace(rb.symbol_rules(book, symbol), **changes)
        self.exchange = Exchange(rb.with_symbols(book, rules), [symbol])
        self.rules = rules
        self.events: list[Any] = []
        self.submit(CommandKind.CREATE_ACCOUNT, account=ALICE)

    def submit(self, kind: CommandKind, **fields: Any) -> list[Any]:
        result = self.exchange.submit(kind, **fields)
        result.raise_if_refused()
        self.events = list(result.events)
        return self.events

    def deposit(self, amount: str) -> None:
        self.submit(CommandKind.DEPOSIT, account=ALICE, asset=0, amount_e8=to_e8(amount))

    def mark(self, price: str, seconds_later: int = 0) -> list[Any]:
        time_ms = self.exchange.time_ms + 1_000 * seconds_later
        return self.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": to_e8(price)}], time_ms=time_ms)

    def lots(self, quantity: str) -> int:
        lots, rest = divmod(to_e8(quantity), self.rules.step_e8)
        assert rest == 0
        return lots

    def order(self, account: int, side: Side, quantity: str, price: str, **fields: int) -> list[Any]:
        ticks, rest = divmod(to_e8(price), self.rules.tick_e8)
        assert rest == 0
        return self.submit(
            CommandKind.PLACE_ORDER, account=account, symbol=0, side=side, order_type=OrderType.LIMIT, price_ticks=ticks,
            lots=self.lots(quantity), **fields,
        )  # fmt: skip

    def trade(self, side: Side, quantity: str, price: str) -> None:
        """Alice takes a house order."""
        self.order(HOUSE, Side(1 - side), quantity, price)
        self.order(ALICE, side, quantity, price, time_in_force=TimeInForce.IOC)
        assert abs(self.exchange.position(ALICE, 0).lots) == self.lots(quantity)

    def isolate(self, leverage: int) -> None:
        self.submit(CommandKind.SET_MARGIN_MODE, account=ALICE, symbol=0, margin_mode=MarginMode.ISOLATED)
        self.submit(CommandKind.SET_LEVERAGE, account=ALICE, symbol=0, leverage=leverage)

    def wallet(self, account: int = ALICE) -> int:
        return self.exchange.wallet(account, self.rules.margin_asset).cross_wallet_e8

    def of_kind(self, kind: EventKind) -> list[Any]:
        return [event for event in self.events if event["kind"] == kind]

    def ordered(self) -> list[str]:
        """Quantities of the liquidation orders of the last command."""
        return [format_e8(int(event["lots"]) * self.rules.step_e8) for event in self.of_kind(EventKind.LIQUIDATION_ORDER)]

    def ends(self) -> list[LiquidationStep]:
        """How the liquidations of the last command ended."""
        return [LiquidationStep(int(event["code"])) for event in self.of_kind(EventKind.LIQUIDATION_ENDED)]


# ── Hyperliquid ────────────────────────────────────────────────────────────────────────────────────────────────────


def one_rate(rate: str, leverage: int) -> dict[str, Any]:
    """A contract of one tier and without fees: its table of another day."""
    table, _ = build_brackets([BracketRow(0, to_rate_e8(rate), leverage)], to_e8("1000000000"), 50)
    return {"brackets": table, "maker_fee_rate_e8": 0, "taker_fee_rate_e8": 0}


def test_maintenance_is_half_the_initial_rate_at_the_tiers_highest_leverage():
    # margin-tiers page: "at 20x max leverage, maintenance_margin_rate = 2.5%"; deduction = bound × (rate − rate before)
    sol = HYPERLIQUID.symbols["SOLUSDC"].brackets
    assert [(b.leverage_max, b.rate_e8, b.deduction_e8) for b in sol] == [
        (20, to_rate_e8("2.5%"), 0),
        (10, to_rate_e8("5%"), to_e8("1750000")),  # 70,000,000 × 2.5 %
    ]
    for rules in HYPERLIQUID.symbols.values():
        for bracket in rules.brackets:
            assert 0 <= 2 * bracket.leverage_max * bracket.rate_e8 - 10**8 <= 20, rules.symbol


def test_a_recorded_account_holds_its_maintenance_to_the_last_digit():
    # an answer of clearinghouseState, 2026-09-25: 4.5 BTC, positionValue 377667.0, crossMaintenanceMarginUsed 4720.8375
    venue = Venue(HYPERLIQUID, "BTCUSDC")
    venue.deposit("100000")
    venue.mark("81285")
    venue.submit(CommandKind.SET_LEVERAGE, account=ALICE, symbol=0, leverage=10)
    venue.trade(Side.BUY, "4.5", "81285")
    venue.mark("83926")  # 377,667 ÷ 4.5
    view = venue.exchange.position(ALICE, 0)
    assert view.maintenance_margin_e8 == to_e8("4720.8375")
    assert view.margin_held_e8 == to_e8("37766.7")  # its marginUsed at 10x


# 29 positions that the venue returned in 2024, when BTC and ETH went to 50x, SOL and DOGE to 20x:
# freqtrade/freqtrade, tests/exchange/test_hyperliquid.py, commit 3b1fb5af8478: side, quantity, entry, margin, liquidation price
POSITIONS = [
    ("ETH", "long", "0.015", "2458.5", "36.864593", "0.86915825"),
    ("BTC", "long", "0.00039", "63287", "24.673292", "22.37166537"),
    ("SOL", "long", "0.16", "146.82", "23.482979", "0.05269872"),
    ("SOL", "long", "0.33", "145.83", "24.045107", "74.83696193"),
    ("ETH", "long", "0.0199", "2459.5", "24.454895", "1243.0411908"),
    ("BTC", "long", "0.00077", "62739", "24.137992", "31708.03843631"),
    ("DOGE", "long", "437", "0.11586", "25.29769", "0.05945697"),
    ("ETH", "short", "0.019", "2642.8", "25.091876", "3924.18322043"),
    ("SOL", "short", "0.32", "155.89", "24.924941", "228.07847866"),
    ("DOGE", "short", "351", "0.14333", "25.136807", "0.20970228"),
    ("BTC", "short", "0.00069", "68595", "23.64871", "101849.99354283"),
    ("BTC", "short", "0.00099", "65536", "21.604172", "86493.46174617"),
    ("SOL", "long", "0.6", "173.06", "20.735658", "142.05186667"),
    ("ETH", "long", "0.0329", "2545.5", "20.909894", "1929.23322895"),
    ("BTC", "short", "0.00031", "67400", "20.887308", "133443.97317151"),
    ("ETH", "short", "0.0327", "2552", "20.833393", "3157.53150453"),
    ("BTC", "long", "0.0015", "66930", "20.043862", "54108.51043771"),
    ("BTC", "long", "0.00121", "67033", "20.251817", "50804.00091827"),
    ("ETH", "long", "0.0237", "2521.9", "19.902091", "1699.14071943"),
    ("BTC", "short", "0.00145", "68139", "19.72573", "80933.61590987"),
    ("SOL", "short", "0.11", "178.29", "19.605036", "347.82205322"),
    ("SOL", "long", "0.33", "176.23", "19.364946", "120.56240404"),
    ("SOL", "short", "0.33", "173.08", "19.01881", "225.08561715"),
    ("BTC", "short", "0.00105", "68240", "17.887922", "84431.79820839"),
    ("ETH", "short", "0.007", "2518.4", "17.62263", "4986.05799151"),
    ("ETH", "long", "0.0347", "2533.2", "17.555195", "2047.7642302"),
    ("DOGE", "long", "360", "0.13284", "15.943218", "0.09082388"),
    ("SOL", "short", "0.48", "163.11", "15.650731", "190.94213618"),
    ("BTC", "long", "0.00067", "67141", "14.979079", "45236.52992613"),
]


@pytest.mark.parametrize(("coin", "side", "quantity", "entry", "margin", "expected"), POSITIONS)
def test_the_liquidation_prices_that_the_venue_returned(coin, side, quantity, entry, margin, expected):
    """A single cross position on a wallet of that margin; the margins carry six decimals, hence the tolerance."""
    leverage = 50 if coin in ("BTC", "ETH") else 20
    book = replace(HYPERLIQUID, leverage_max=50)
    grid = {"min_notional_e8": 0}
    venue = Venue(book, f"{coin}USDC", **one_rate("1%" if leverage == 50 else "2.5%", leverage), **grid)
    venue.deposit(margin)
    venue.mark(entry)
    venue.submit(CommandKind.SET_LEVERAGE, account=ALICE, symbol=0, leverage=leverage)
    venue.trade(Side.BUY if side == "long" else Side.SELL, quantity, entry)
    found = venue.exchange.liquidation_price(ALICE, 0)
    assert found is not None
    off_by = abs(found - to_e8(expected))
    assert off_by <= max(to_e8(entry), to_e8(expected)) * 35 // 1_000_000, format_e8(found)


def large_position(quantity: str) -> Venue:
    """ETH at 10,000, isolated at 10x; maintenance 2 %; bankrupt at 9,000."""
    venue = Venue(HYPERLIQUID, "ETHUSDC", maker_fee_rate_e8=0, taker_fee_rate_e8=0)
    venue.deposit("200000")
    venue.mark("10000")
    venue.isolate(10)
    venue.trade(Side.BUY, quantity, "10000")
    return venue


def test_a_fifth_of_a_large_position_first_then_for_thirty_seconds_all_of_it():
    venue = large_position("125")
    venue.order(HOUSE, Side.BUY, "25", "9010")
    # at 9,180: 125,000 − 102,500 = 22,500 against 1,147,500 × 2 % = 22,950: due. 25 sold 170 below the mark: 18,250
    # against 100 ETH × 9,180 × 2 % = 18,360, still due, and above two thirds of it, 12,240
    venue.mark("9180")
    assert (venue.ordered(), venue.ends()) == (["25"], [LiquidationStep.WAITING])
    venue.mark("9180", seconds_later=10)
    assert (venue.ordered(), venue.ends()) == (["100"], [LiquidationStep.WAITING])  # nobody bids
    venue.submit(CommandKind.ADVANCE_CLOCK, time_ms=venue.exchange.time_ms + 19_999)
    assert venue.ordered() == ["100"]  # the last millisecond of the cooldown
    venue.order(HOUSE, Side.BUY, "20", "9180")
    venue.submit(CommandKind.ADVANCE_CLOCK, time_ms=venue.exchange.time_ms + 1)
    assert (venue.ordered(), venue.ends()) == (["20"], [LiquidationStep.CURED])  # 18,250 against 80 × 9,180 × 2 % = 14,688


def test_a_position_of_a_hundred_thousand_or_less_is_closed_whole():
    venue = large_position("10.8")
    venue.order(HOUSE, Side.BUY, "10.8", "9170")
    venue.mark("9180")  # 99,144
    assert (venue.ordered(), venue.ends()) == (["10.8"], [LiquidationStep.CLOSED_IN_BOOK])
    # no clearance fee: 200,000 − 10.8 × 830, and what is left is the trader's
    assert venue.wallet() == to_e8("191036")


def test_below_two_thirds_of_maintenance_the_margin_goes_with_the_position():
    venue = large_position("12.5")
    venue.mark("9180")  # 2,250 against 114,750 × 2 % = 2,295; two thirds are 1,530
    assert (venue.ordered(), venue.ends()) == (["2.5"], [LiquidationStep.WAITING])
    venue.mark("9121.8")  # 1,522.5 against 2,280.45, of which two thirds are 1,520.3
    assert venue.ends() == [LiquidationStep.WAITING]
    venue.mark("9121.6")  # 1,520 against 2,280.4, of which two thirds are 1,520.27
    assert venue.ends() == [LiquidationStep.TAKEN_OVER]
    assert venue.wallet() == to_e8("187500")  # the cross margin is untouched


def test_the_owner_may_save_a_position_that_waits():
    venue = large_position("12.5")
    venue.mark("9180")
    assert venue.ends() == [LiquidationStep.WAITING]
    venue.submit(CommandKind.ADD_MARGIN, account=ALICE, symbol=0, amount_e8=to_e8("100"))
    assert not venue.of_kind(EventKind.LIQUIDATION_STARTED)
    venue.mark("9180")
    assert not venue.of_kind(EventKind.LIQUIDATION_STARTED)  # 2,350 against 2,295


def test_funding_is_counted_at_the_oracle_price():
    venue = large_position("12.5")
    venue.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": to_e8("10000"), "mark_e8": to_e8("10010")}])
    venue.submit(CommandKind.SETTLE_FUNDING, records=[{"symbol": 0, "rate_e8": to_rate_e8("0.00125%")}])
    paid = next(event for event in venue.of_kind(EventKind.FUNDING) if event["account"] == ALICE)
    assert (int(paid["amount_e8"]), int(paid["mark_e8"])) == (-to_e8("1.5625"), to_e8("10000"))  # 125,000 × 0.0000125
    assert venue.exchange.position(ALICE, 0).isolated_wallet_e8 == to_e8("12498.4375")


# ── Bybit ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fees_of_ten_btc_at_eight_thousand():
    # "Trader A's taker fee = 10 × 8000 × 0.055% = 44 USDT, Trader B's maker fee = 10 × 8000 × 0.02% = 16 USDT"
    venue = Venue(BYBIT, "BTCUSDT")
    venue.deposit("50000")
    venue.mark("8000")
    venue.trade(Side.BUY, "10", "8000")
    assert venue.wallet() == to_e8("49956")
    venue.order(ALICE, Side.SELL, "10", "8000")
    venue.order(HOUSE, Side.BUY, "10", "8000")
    assert venue.wallet() == to_e8("49940")


def test_the_bankruptcy_price_at_fifty_times():
    # mobie.io, what is Bybit's bankruptcy price: long, 10,000, 50x: 9,800
    venue = Venue(BYBIT, "BTCUSDT")
    venue.deposit("1000")
    venue.mark("10000")
    venue.isolate(50)
    venue.trade(Side.BUY, "1", "10000")
    assert venue.exchange.position(ALICE, 0).isolated_wallet_e8 == to_e8("200")
    assert venue.exchange.bankruptcy_price(ALICE, 0) == to_e8("9800")


def test_the_margin_of_an_isolated_position_is_on_its_entry_whatever_the_mark():
    # the isolated liquidation price page: 1 BTC at 20,000, 50x: initial margin 400, maintenance 0.5 % of 20,000 = 100
    venue = Venue(BYBIT, "BTCUSDT", taker_fee_rate_e8=0)
    venue.deposit("1000")
    venue.mark("20000")
    venue.isolate(50)
    venue.trade(Side.BUY, "1", "20000")
    view = venue.exchange.position(ALICE, 0)
    assert (view.isolated_wallet_e8, view.maintenance_margin_e8) == (to_e8("400"), to_e8("100"))
    # maintenance follows the mark since the unified account: (20,000 − 400) ÷ (1 − 0.5 %), not the older page's 19,700; the requirement rounds up
    assert venue.exchange.liquidation_price(ALICE, 0) == to_e8("19698.49246232")


def tiered(quantity: str) -> Venue:
    """Long BTC at 45,000, isolated at 50x: bankrupt at 44,100."""
    venue = Venue(BYBIT, "BTCUSDT", taker_fee_rate_e8=0)
    venue.deposit("1000000")
    venue.mark("45000")
    venue.isolate(50)
    venue.trade(Side.BUY, quantity, "45000")
    return venue


def test_a_tier_down_at_a_time_while_the_book_fills_it_at_once():
    venue = tiered("60")
    # at 44,390: 54,000 − 36,600 = 17,400 against 2,663,400 × 0.63 % − 3,020 = 13,759.42: not due
    venue.mark("44390")
    assert not venue.of_kind(EventKind.LIQUIDATION_STARTED)
    venue.order(HOUSE, Side.BUY, "1.5", "44300")
    # at 44,320: 13,200 against 2,659,200 × 0.63 % − 3,020 = 13,732.96: due. Third tier; the second ends at 2,600,000 =
    # 58.664 BTC, so 1.336 go, filled at 44,300: 20 a coin below the mark: 13,173.28 against 58.664 × 44,320 = 2,599,988.48
    # × 0.56 % − 1,200 = 13,359.94: still due. Then to 2,000,000 = 45.126 BTC: 13.538, and only 0.164 are bid: none fills
    venue.mark("44320")
    assert (venue.ordered(), venue.ends()) == (["1.336", "13.538"], [LiquidationStep.TAKEN_OVER])
    assert venue.wallet() == to_e8("946000")


def test_a_tier_down_may_be_enough():
    venue = tiered("60")
    venue.order(HOUSE, Side.BUY, "15", "44320")
    venue.mark("44320")
    # 1.336 at the mark cost nothing: 13,200 against 13,359.94; 13.538 more: 45.126 × 44,320 × 0.5 % = 9,999.92
    assert (venue.ordered(), venue.ends()) == (["1.336", "13.538"], [LiquidationStep.CURED])
    view = venue.exchange.position(ALICE, 0)
    assert (view.lots, view.isolated_wallet_e8) == (venue.lots("45.126"), to_e8("43885.68"))  # 54,000 − 14.874 × 680


def test_from_the_lowest_tier_the_fund_keeps_what_a_close_leaves():
    venue = tiered("10")
    venue.order(HOUSE, Side.BUY, "10", "44200")
    # at 44,320: 9,000 − 6,800 = 2,200 against 443,200 × 0.5 % = 2,216: due, all of it, 100 above bankruptcy
    fund = venue.wallet(0)
    venue.mark("44320")
    assert (venue.ordered(), venue.ends()) == (["10"], [LiquidationStep.CLOSED_IN_BOOK])
    assert venue.wallet() == to_e8("991000")
    assert venue.wallet(0) - fund == to_e8("1000")
