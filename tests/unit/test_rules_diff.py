"""Rules diff: what differs, which contracts mean the same, and the trade against numbers worked out by hand and by liq."""

from __future__ import annotations

import json
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

import pytest

import isocross as ix
from isocross import rulebook as rb
from isocross.codes import EventKind, MarginMode
from isocross.errors import AmountError, InputError, RulebookError, UnknownSymbolError
from isocross.policy.inputs import LeverageError
from isocross.policy.rules.difference import RulesDiff
from isocross.policy.rules.trade import Life
from isocross.units import format_e8

OPPOSITE = Path(__file__).parent.parent / "rulebooks" / "opposite.toml"
GOOD = OPPOSITE.read_text(encoding="utf-8")


def opposite(**names: str) -> rb.Rulebook:
    """The made-up rulebook with its contracts under other names: AAA='BTC'."""
    text = GOOD
    for old, new in names.items():
        text = text.replace(old, new)
    return rb.load_text(text, "opposite.toml")


def number(value_e8: int | None) -> Decimal | None:
    return None if value_e8 is None else Decimal(format_e8(value_e8))


def lives(result: RulesDiff) -> dict[tuple[str, str], Life]:
    return {(life.rulebook, life.mode.name.lower()): life for life in result.lives}


@pytest.fixture(scope="module")
def small() -> RulesDiff:
    """The default trade: 500 of margin, 10x, 30 % against it."""
    return ix.rules.diff("binance-usdm", "hyperliquid")


@pytest.fixture(scope="module")
def large() -> RulesDiff:
    """A position far above the lowest tier, whose ladders take several steps."""
    return ix.rules.diff("bybit", "hyperliquid", margin=100_000, leverage=20, wallet=300_000)


UNIT = Decimal("1e-8")


def balance(life: Life, mark: Decimal) -> Decimal:
    """Margin and profit of a long of 0.083, the profit rounded down."""
    profit = Decimal("0.083") * (mark - number(life.entry_e8))
    return number(life.initial_margin_e8) + profit.quantize(UNIT, ROUND_FLOOR)


def is_due(life: Life, mark: Decimal, rate: Decimal) -> bool:
    """Whether the balance is at most maintenance, which is rounded up twice."""
    notional = (Decimal("0.083") * mark).quantize(UNIT, ROUND_CEILING)
    return balance(life, mark) <= (notional * rate).quantize(UNIT, ROUND_CEILING)


def is_bankrupt(life: Life, mark: Decimal, rate: Decimal) -> bool:
    """Whether nothing is left."""
    return balance(life, mark) <= 0


# ── the trade ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_both_modes_of_both_rulebooks_live_the_same_trade(small):
    assert [(life.rulebook, life.mode.name, life.rules.symbol) for life in small.lives] == [
        ("binance-usdm", "ISOLATED", "BTCUSDT"),
        ("hyperliquid", "ISOLATED", "BTCUSDC"),
        ("binance-usdm", "CROSS", "BTCUSDT"),
        ("hyperliquid", "CROSS", "BTCUSDC"),
    ]
    assert small.terms is not None
    assert format_e8(small.terms.quantity_e8) == "0.083", "500 × 10 ÷ 60,000, on the coarser grid"
    assert not small.is_negative


def test_the_numbers_at_the_entry_by_hand(small):
    """Binance: the best ask is a tick above 60,000 + 0.001 %. Hyperliquid's tick is 1."""
    found = lives(small)
    binance, other = found["binance-usdm", "isolated"], found["hyperliquid", "isolated"]
    assert (number(binance.entry_e8), number(other.entry_e8)) == (Decimal("60000.6"), Decimal(60_001))
    # mark × quantity ÷ leverage + (fill − mark) × quantity
    assert number(binance.initial_margin_e8) == Decimal("498") + Decimal("0.6") * Decimal("0.083")
    assert number(other.initial_margin_e8) == Decimal("498") + Decimal("1") * Decimal("0.083")
    assert number(found["binance-usdm", "cross"].initial_margin_e8) == Decimal(498)
    # 4,980 × 0.4 % and 4,980 × 1.25 %
    assert (number(binance.maintenance_e8), number(other.maintenance_e8)) == (Decimal("19.92"), Decimal("62.25"))
    assert (number(binance.entry_fee_e8), number(other.entry_fee_e8)) == (Decimal("2.4900249"), Decimal("2.24103735"))
    for life, rate in ((binance, Decimal("0.004")), (other, Decimal("0.0125"))):
        for price, is_there in ((life.liquidation_e8, is_due), (life.bankruptcy_e8, is_bankrupt)):
            assert is_there(life, number(price), rate)
            assert not is_there(life, number(price + 1), rate), "the first unit of mark on the way down"
    assert found["binance-usdm", "cross"].liquidation_e8 is None, "10,000 outlasts any fall of 0.083"


def test_the_crash_by_hand(small):
    found = lives(small)
    # Steps of 60 from 60,000: the first mark at or below 54,216.87 is 54,180. The fee asks for more than is left.
    binance = found["binance-usdm", "isolated"]
    assert [step.kind for step in binance.steps] == [
        EventKind.LIQUIDATION_STARTED, EventKind.LIQUIDATION_ORDER, EventKind.LIQUIDATION_FEE,
        EventKind.LIQUIDATION_ENDED,
    ]  # fmt: skip
    assert {number(step.mark_e8) for step in binance.steps} == {Decimal(54_180)}
    assert (binance.orders, binance.ending, binance.steps[1].filled_e8) == (1, "closed in book", 8_300_000)
    assert binance.liquidation_fees_e8 == binance.steps[2].fee_e8 > 0
    assert number(binance.lost_e8) == number(binance.initial_margin_e8) + number(binance.entry_fee_e8)
    # Hyperliquid begins at 54,683.54, so at 54,660, and charges no fee but the trading fee.
    other = found["hyperliquid", "isolated"]
    assert (other.orders, other.ending, other.steps[1].filled_e8) == (1, "closed in book", 8_300_000)
    assert number(other.steps[0].mark_e8) == Decimal(54_660)
    assert other.lost_e8 < binance.lost_e8, "what the close leaves is the trader's, and it came in time"
    assert other.liquidation_fees_e8 == 0
    assert other.trading_fees_e8 > other.entry_fee_e8
    for life in (binance, other):
        assert (life.open_after_e8, life.rest_to_fund_e8) == (0, 0)
    # Cross is still open at 42,000: (entry − 42,000) × 0.083 and the entry fee.
    cross = found["binance-usdm", "cross"]
    assert (cross.ending, cross.is_liquidated, cross.open_after_e8) == ("open", False, 8_300_000)
    loss = (number(cross.entry_e8) - 42_000) * Decimal("0.083") + number(cross.entry_fee_e8)
    assert number(cross.lost_e8) == loss
    assert number(cross.equity_after_e8) == 10_000 - loss


@pytest.mark.parametrize("name", ["binance-usdm", "hyperliquid", "bybit-linear"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_prices_and_margins_are_those_of_liq(name, side):
    result = ix.rules.diff("binance-usdm", name, side=side, margin=40_000, leverage=15, wallet=60_000, crash="1%")
    for life in result.lives:
        fill = f"{format_e8(result.terms.quantity_e8)}@"
        box = ix.Sandbox(rb.load(life.rulebook), **{life.rules.symbol: 60_000})
        me = box.account("me", **{life.rules.margin_asset: 60_000})
        me.configure(life.rules.symbol, mode=life.mode, leverage=15)
        order = me.buy if side == "long" else me.sell
        done = order(life.rules.symbol, qty=format_e8(result.terms.quantity_e8))
        fills = [event for event in done.events if event["kind"] == EventKind.FILLED and event["account"] == me.number]
        fill = [
            f"{format_e8(int(event['lots']) * life.rules.step_e8)}@"
            f"{format_e8(int(event['price_ticks']) * life.rules.tick_e8)} mark 60000"
            for event in fills
        ]
        told = ix.liq(
            life.rules.symbol, side, fill=fill, mark=60_000, leverage=15, wallet=60_000, rulebook=life.rulebook
        )
        column = told.isolated if life.mode is MarginMode.ISOLATED else told.cross
        assert life.liquidation_e8 == column.liquidation.price_e8
        assert life.bankruptcy_e8 == column.bankruptcy.price_e8
        assert life.maintenance_e8 == column.maintenance_margin_e8


def test_ladders_take_their_steps(large):
    found = lives(large)
    other = found["hyperliquid", "isolated"]
    orders = [step for step in other.steps if step.kind is EventKind.LIQUIDATION_ORDER]
    assert large.terms is not None
    assert orders[0].quantity_e8 * 5 == large.terms.quantity_e8, "a fifth of a position above 100,000"
    assert orders[1].quantity_e8 == large.terms.quantity_e8 - orders[0].filled_e8, "for a while after it, all"
    endings = [step.ending.name for step in other.steps if step.ending is not None]
    assert endings[0] == "CURED"
    assert len(endings) == other.orders > 2
    text = repr(large)
    assert "at mark 57,720.00, order for 6.2306 BTC, filled all, cured;" in text
    assert "insurance fund takes" in text
    assert lives(large)["bybit-linear", "cross"].ending == "taken over"


def test_a_pocket_that_waits_is_told_so_and_a_long_story_is_cut_short():
    result = ix.rules.diff("hyperliquid", "binance-usdm", margin=100_000, leverage=20, wallet=110_000, depth="1%")
    text = repr(result).replace("\n  ", " ")
    assert "filled" in text
    assert "waiting;" in text
    assert re.search(r"; \d+ more alike; at mark", text)


def test_what_a_close_leaves_goes_to_the_fund_where_the_rulebook_says_so():
    """The made-up venue closes all at once, with a fee, and keeps the rest; half the book is left for it."""
    book = opposite(AAA="BTC")
    result = ix.rules.diff(book, "binance-usdm", margin=2_000, depth="50%", crash="20%", mode="isolated")
    found = lives(result)
    life = found["opposite", "isolated"]
    assert life.ending == "closed in book"
    assert life.liquidation_fees_e8 > 0
    assert life.rest_to_fund_e8 > 0
    assert number(life.lost_e8) == number(life.initial_margin_e8) + number(life.entry_fee_e8), "all of it, and no more"
    assert "Rest to the fund" in repr(result)
    assert found["binance-usdm", "isolated"].rest_to_fund_e8 == 0


def test_every_life_is_exact_about_its_money(large, small):
    for result in (small, large):
        for life in result.lives:
            assert life.equity_after_e8 + life.lost_e8 == result.terms.wallet_e8
            assert life.trading_fees_e8 >= life.entry_fee_e8
            if life.mode is MarginMode.ISOLATED:
                fees = life.trading_fees_e8 + life.liquidation_fees_e8
                assert life.lost_e8 <= life.initial_margin_e8 + life.entry_fee_e8 <= life.initial_margin_e8 + fees
                assert life.is_liquidated


# ── contracts ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("a", "b", "symbol", "contracts"),
    [
        ("binance-usdm", "hyperliquid", None, ("BTCUSDT", "BTCUSDC")),
        ("binance-usdm", "hyperliquid", "BTC", ("BTCUSDT", "BTCUSDC")),
        ("binance-usdm", "hyperliquid", "btcusdt", ("BTCUSDT", "BTCUSDC")),
        ("binance-usdm", "hyperliquid", "BTC/USDC:USDC", ("BTCUSDC", "BTCUSDC")),
        ("hyperliquid", "binance-usdm", "BTC", ("BTCUSDC", "BTCUSDC")),
        ("hyperliquid", "binance-usdm", "BTC/USDT:USDT", ("BTCUSDC", "BTCUSDT")),
        ("binance-usdm", "bybit-linear", "ETHUSDT", ("ETHUSDT", "ETHUSDT")),
        ("hyperliquid", "bybit-linear", "SOL/USDC:USDC", ("SOLUSDC", "SOLUSDT")),
    ],
)
def test_contracts_are_found_by_their_base_asset(a, b, symbol, contracts):
    result = ix.rules.diff(a, b, symbol=symbol, mode="isolated", crash="1%")
    assert tuple(rules.symbol for rules in result.contracts) == contracts
    is_told = any("the same base asset" in note for note in result.notes)
    assert is_told == (contracts[0] != contracts[1])
    assert any("count alike" in note for note in result.notes) == (contracts[0][-4:] != contracts[1][-4:])


def test_a_rulebook_without_the_base_asset():
    with pytest.raises(
        UnknownSymbolError, match=r"symbol: 'HYPE': rulebook binance-usdm has no contract of HYPE: expected"
    ):
        ix.rules.diff("binance-usdm", "hyperliquid", symbol="HYPE", price=30)
    result = ix.rules.diff("binance-usdm", OPPOSITE)
    assert (result.terms, result.lives, result.is_negative) == (None, (), False)
    assert "no trade is run: binance-usdm and opposite share no base asset" in result.notes


def test_without_bitcoin_the_first_shared_asset_needs_a_price():
    one, other = opposite(AAA="DOGE"), opposite(BBB="DOGE", opposite="another")
    with pytest.raises(InputError, match="price: missing; expected the price of DOGE at which the trade opens"):
        ix.rules.diff(one, other)
    result = ix.rules.diff(one, other, price="20", leverage=5, crash="5%")
    assert [rules.symbol for rules in result.contracts] == ["DOGEUSD", "DOGEUSD"]
    assert not result.is_negative


# ── facts and columns ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_facts_that_differ_are_told_and_the_others_are_not(small):
    names = {one.name for one in small.facts}
    assert {"liquidation_ladder", "takeover", "funding_interval", "liquidation_fee"} <= names
    assert not {"default_margin_mode", "margin_mode_with_position", "initial_margin_price"} & names
    unknown = [one.name for one in small.facts if not one.is_known]
    assert "default_leverage" in unknown
    assert f"{len(unknown)} of the {len(small.facts)} facts are unknown on one side" in repr(small)


def test_columns_are_compared_with_their_decisions(small):
    columns = {(one.of, one.name): one for one in small.columns_differing}
    ladder = columns["", "liquidation_ladder"]
    assert (ladder.a.value, ladder.b.value) == ("ONE_ORDER", "TWENTY_PERCENT_AND_WAIT")
    assert ("", "default_leverage") not in columns
    fee = columns["contract", "taker_fee_rate"]
    assert (fee.a.value, fee.b.value) == ("0.05 %", "0.045 %")
    tick = columns["contract", "tick"]
    assert (tick.a.is_decided, tick.b.is_decided) == (False, True)
    assert "tick                          0.1                       1 *" in repr(small)


def test_a_venue_that_does_not_run_is_compared_by_its_facts():
    result = ix.rules.diff("okx", "bitmex")
    assert (result.terms, result.lives, result.columns_differing, result.is_negative) == (None, (), (), False)
    assert "no trade is run: okx does not run here: no rulebook of this venue is there yet" in result.notes
    assert {"margin_mode_scope", "liquidation_ladder"} <= {one.name for one in result.facts}
    assert result.frame.height == 0
    assert result.to_dict()["trade"] is None
    assert result.plot()


def test_an_overlay_differs_from_its_base_in_what_it_sets_alone():
    text = 'format = 1\nname = "mine"\nbase = "binance-usdm"\n[columns]\nliquidation_ladder = "ALL"\n'
    result = ix.rules.diff("binance-usdm", rb.load_text(text, "mine.toml"), mode="isolated", crash="1%")
    assert [one.name for one in result.columns_differing] == ["liquidation_ladder"]
    assert result.facts == ()
    assert "both are of Binance USDⓈ-M Futures" in repr(result)


def test_the_same_rulebook_twice_lives_the_same_life():
    result = ix.rules.diff("hyperliquid", "hyperliquid")
    assert result.columns_differing == result.facts == ()
    for here, there in zip(result.lives[::2], result.lives[1::2], strict=True):
        assert here == there


# ── refusals and bad input ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_leverage_that_one_venue_does_not_have():
    result = ix.rules.diff("binance-usdm", "hyperliquid", leverage=50)
    found = lives(result)
    assert result.is_negative
    assert found["binance-usdm", "cross"].is_opened
    refused = found["hyperliquid", "isolated"]
    assert (refused.is_opened, refused.entry_e8, refused.ending, refused.steps) == (False, None, "open", ())
    assert "leverage 50x: expected 1 … 40 (LEVERAGE_OUT_OF_RANGE)" in refused.refusal
    assert "hyperliquid isolated: NOT OPENED" in repr(result)
    assert result.to_dict()["trade"]["lives"][1]["ending"] is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"leverage": 500}, "LEVERAGE_OUT_OF_RANGE"),
        ({"margin": 1}, "NOTIONAL_TOO_SMALL"),
        ({"wallet": 100}, "MARGIN_INSUFFICIENT"),
        ({"margin": 900_000, "wallet": 1_000_000}, "NO_LIQUIDITY"),
    ],
)
def test_a_trade_that_neither_opens(told, said):
    result = ix.rules.diff("binance-usdm", "hyperliquid", **told)
    assert result.is_negative
    assert all(said in life.refusal for life in result.lives)
    assert "not opened" in repr(result)
    json.dumps(result.to_dict())
    assert result.frame.height == 4


@pytest.mark.parametrize(
    ("told", "error", "said"),
    [
        ({"side": "up"}, InputError, "side: 'up' is neither long nor short"),
        ({"mode": "hybrid"}, InputError, "mode: 'hybrid' is none of cross, isolated, both"),
        ({"margin": "x"}, AmountError, "margin: 'x' is not a number"),
        ({"margin": 0}, AmountError, "margin: 0 is not above 0"),
        ({"wallet": -1}, AmountError, "wallet: -1 is not above 0"),
        ({"leverage": "2.5"}, LeverageError, "leverage: 2.5 is not a whole number in 1 … 1000"),
        ({"leverage": "0x"}, LeverageError, "leverage: 0x is not a whole number in 1 … 1000"),
        ({"leverage": 1001}, LeverageError, "leverage: 1001 is not a whole number"),
        ({"price": 0}, AmountError, "price: 0 is not above 0"),
        ({"price": "2e6"}, AmountError, "price: 2e6 is out of range, BTCUSDT trades up to 1000000"),
        ({"crash": 30}, AmountError, "crash: 30 is out of range, expected above 0 and below 100 %, like 20% or 0.2"),
        ({"crash": "0%"}, AmountError, "crash: 0% is out of range"),
        ({"depth": "101%"}, AmountError, "depth: 101% is out of range, expected 0 to 100 %"),
        ({"side": "short", "price": 900_000}, AmountError, "crash: 30% takes the price to 1170000, out of range"),
        ({"symbol": "NOPE"}, UnknownSymbolError, "symbol: 'NOPE': rulebook binance-usdm has no contract of NOPE"),
        ({"symbol": ""}, UnknownSymbolError, "symbol: '': rulebook binance-usdm has no contract of"),
        ({"margin": "0.02", "price": 1_000}, InputError, "margin: 0.02 is too little at 10x"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_that_names_it(told, error, said):
    free = 'format = 1\nname = "free"\nbase = "{}"\n[symbol_defaults]\nmin_notional = 0\n'
    books = ["binance-usdm", "hyperliquid"]
    if "0.02" in told.values():  # a rulebook that refuses no small order
        books = [rb.load_text(free.format("hyperliquid") + "[symbol.BTCUSDC]\nstep = 0.00003\n", "free.toml"),
                 rb.load_text(free.format("hyperliquid") + "[symbol.BTCUSDC]\nstep = 0.0002\n", "free.toml")]  # fmt: skip
    with pytest.raises(error) as raised:
        ix.rules.diff(*books, **told)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bad_names():
    with pytest.raises(InputError, match="name: 'kraken' is none of"):
        ix.rules.diff("binance", "kraken")
    with pytest.raises(RulebookError, match=r"absent\.toml: cannot be read"):
        ix.rules.diff("absent.toml", "binance")


def test_the_result_shows_itself(small):
    assert small.frame["rulebook"].to_list() == ["binance-usdm", "hyperliquid"] * 2
    assert small.frame["liquidation"].null_count() == 2
    assert small.to_pandas().shape == small.frame.shape
    assert small.plot().axes
    assert "TWENTY_PERCENT_AND_WAIT" in small._repr_html_()
    told = small.to_dict()
    assert told["schema"] == "isocross.rules.diff/1"
    assert told["trade"]["lives"][0]["liquidation_price"] == format_e8(small.lives[0].liquidation_e8)
    assert max(map(len, repr(small).splitlines())) <= 100
