"""Everything `liq` refuses: an InputError, one line, naming the thing, the value and what was expected."""

from decimal import Decimal

import pytest

from isocross.errors import AmountError, InputError, UnknownSymbolError
from isocross.policy.inputs import LeverageError
from isocross.policy.liq import liq
from tests.unit.liq_book import BOOK

REFUSED = [
    ({"symbol": "NOPEUSDT"}, UnknownSymbolError, "NOPEUSDT"),
    ({"symbol": ""}, UnknownSymbolError, "contract"),
    ({"side": "up"}, InputError, "side: 'up' is neither long nor short"),
    ({"mode": "portfolio"}, InputError, "mode: 'portfolio' is none of cross, isolated, both"),
    ({"entry": None}, InputError, "entry: missing"),
    ({"entry": "60000.05"}, AmountError, "entry: 60000.05 is not a multiple of 0.1"),
    ({"entry": 0}, AmountError, "entry: 0 is not above 0"),
    ({"entry": -1}, AmountError, "entry: -1 is not above 0"),
    ({"entry": "nan"}, AmountError, "entry: nan is not a finite number"),
    ({"entry": float("inf")}, AmountError, "entry: inf is not a finite number"),
    ({"entry": Decimal("NaN")}, AmountError, "entry"),
    ({"entry": "sixty"}, AmountError, "entry: 'sixty' is not a number"),
    ({"entry": "1_000_000.1"}, AmountError, "entry: 1_000_000.1 is out of range, BTCUSDT trades up to 1000000"),
    ({"entry": "1e50"}, AmountError, "entry: 1e50 is out of range"),
    ({"entry": True}, AmountError, "entry: True is not a number"),
    ({"qty": "0.0835"}, AmountError, "qty: 0.0835 is not a multiple of 0.001"),
    ({"qty": 0}, AmountError, "qty: 0 is not above 0"),
    ({"qty": "-0.083"}, AmountError, "qty: -0.083 is not above 0"),
    ({"qty": "1e20"}, AmountError, "qty: 1e20 is out of range"),
    ({"qty": "9" * 70}, AmountError, "qty"),
    ({"qty": 10**70}, AmountError, "qty"),
    ({"qty": 201, "leverage": 1}, AmountError, "qty: a notional of 12060000 is out of range"),
    ({"qty": None}, InputError, "qty: say exactly one of --qty"),
    ({"margin": 500}, InputError, "qty: say exactly one of --qty"),
    ({"qty": None, "margin": 0}, AmountError, "margin: 0 is not above 0"),
    ({"qty": None, "margin": "1e12"}, AmountError, "margin: 1e12 is out of range"),
    ({"mark": "0.000000001"}, AmountError, "mark: 0.000000001 is not a multiple of 0.00000001"),
    ({"mark": 0}, AmountError, "mark: 0 is not above 0"),
    ({"mark": 10_000_000}, AmountError, "mark: 10000000 is out of range"),
    ({"leverage": 0}, LeverageError, "leverage: 0 is outside 1 … 125"),
    ({"leverage": 126}, LeverageError, "leverage: 126 is outside 1 … 125, the range of BTCUSDT in by-hand"),
    ({"leverage": -5}, LeverageError, "leverage: -5 is outside 1 … 125"),
    ({"leverage": "2.5"}, LeverageError, "leverage: 2.5 is not a whole number"),
    ({"leverage": "x"}, AmountError, "leverage: '' is not a number"),
    (
        {"leverage": 125, "qty": 1},
        LeverageError,
        "leverage: 125 is above 100, the most for a notional of 60000 (bracket",
    ),
    ({"leverage": 101, "qty": "0.834"}, LeverageError, "bracket 50000 … 600000 of BTCUSDT"),
    ({"position": ["ETHUSDT long 900 @ 3000 100x"]}, LeverageError, "position leverage: 100 is above 75, the most for"),
    ({"position": ["ETHUSDT long 5000 @ 3000"]}, AmountError, "position qty: a notional of 15000000 is out of range"),
    ({"wallet": -1}, AmountError, "wallet: -1 is not above 0"),
    ({"wallet": "1e11"}, AmountError, "wallet: 1e11 is out of range"),
    ({"wallet": "0.000000001"}, AmountError, "wallet: 0.000000001 is not a multiple of 0.00000001"),
    ({"mode": "cross"}, InputError, "wallet: missing"),
    ({"added_margin": -1}, AmountError, "added-margin: -1 is not above 0"),
    ({"fee": "0.05"}, AmountError, "fee: 0.05 is 5 %, not between 0 and 1 %; write 0.05% or 0.0005"),
    ({"fee": "-0.01%"}, AmountError, "fee: -0.01% is -0.01 %"),
    ({"roe": 15}, AmountError, "roe: 15 without a % says 1500 %"),
    ({"roe": "1e9%"}, AmountError, "roe: 1e9% is out of range"),
    ({"roe": "15%", "pnl": 5}, InputError, "target: say at most one of --target, --roe and --pnl"),
    ({"target": "60000.05"}, AmountError, "target: 60000.05 is not a multiple of 0.1"),
    ({"pnl": "1e11"}, AmountError, "pnl: 1e11 is out of range"),
    ({"fill": ["1@60000"]}, InputError, "fill: says quantity and price itself"),
]


@pytest.mark.parametrize(("change", "error", "text"), REFUSED)
def test_refused(change, error, text):
    asked = {"symbol": "BTCUSDT", "side": "long", "qty": "0.083", "entry": 60_000, "leverage": 10, "rulebook": BOOK}
    with pytest.raises(error) as caught:
        liq(**{**asked, **change})
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize(
    ("fill", "text"),
    [
        ("60000", "does not read as QTY@PRICE"),
        ("1@", "does not read as QTY@PRICE"),
        ("1@60000 mark", "does not read as QTY@PRICE"),
        ("1@60000.05", "fill price: 60000.05 is not a multiple of 0.1"),
        ("0.0001@60000", "fill qty: 0.0001 is not a multiple of 0.001"),
        ("0@60000", "fill qty: 0 is not above 0"),
        ("1@60000 mark -5", "fill mark: -5 is not above 0"),
        ((1,), "is not (qty, price)"),
    ],
)
def test_fills_refused(fill, text):
    with pytest.raises(InputError) as caught:
        liq("BTCUSDT", "long", fill=[fill], rulebook=BOOK)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ("ETHUSDT", "does not read as SYMBOL long|short QTY @ ENTRY"),
        ("ETHUSDT short 2", "does not read as"),
        ("NOPE short 2 @ 3000", "NOPE"),
        ("ETHUSDT up 2 @ 3000", "position side: 'up'"),
        ("ETHUSDT short 0 @ 3000", "position qty: 0 is not above 0"),
        ("ETHUSDT short 2 @ 0", "position entry: 0 is not above 0"),
        ("ETHUSDT short 2 @ 3000 mark nan", "position mark: nan is not a finite number"),
        ("ETHUSDT short 2 @ 3000 126x", "position leverage: 126 is outside"),
        ("ETHUSDT short 200 @ 3000 125x", "leverage: 125 is above"),
        ("BTCUSDT short 1 @ 60000", "BTCUSDT is there already"),
        ("SOLUSDC long 1 @ 200", "margined in USDC and cannot share a pool with BTCUSDT"),
    ],
)
def test_pool_positions_refused(position, text):
    with pytest.raises(InputError) as caught:
        liq("BTCUSDT", "long", qty=1, entry=60_000, wallet=1_000, position=[position], rulebook=BOOK)
    assert text in str(caught.value)


def test_the_same_symbol_twice_in_the_pool_is_refused():
    with pytest.raises(InputError, match="ETHUSDT is there already"):
        liq("BTCUSDT", "long", qty=1, entry=60_000, wallet=1, position=["ETHUSDT long 1 @ 9"] * 2, rulebook=BOOK)


def test_underscores_commas_percent_and_an_x_are_read():
    result = liq(
        "BTCUSDT", "long", qty="0.1", entry="60,000", leverage="10x", wallet="10_000", roe="1.5%", rulebook=BOOK
    )
    assert result.leverage == 10
    assert result.wallet_e8 == 10_000 * 10**8
    assert result.target.roe_e8 == 1_500_000


def test_the_default_leverage_that_is_too_high_says_whose_it_is():
    with pytest.raises(LeverageError, match=r"leverage: 20 \(the rulebook's default\) is above 10"):
        from dataclasses import replace

        from tests.unit.liq_book import BTC

        low = replace(
            BTC, brackets=(replace(BTC.brackets[0], cap_e8=10**12), replace(BTC.brackets[1], leverage_max=10))
        )
        liq("BTCUSDT", "long", qty=1, entry=60_000, rulebook=replace(BOOK, symbols={"BTCUSDT": low}))
