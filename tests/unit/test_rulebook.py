"""Rulebooks as they are shipped and loaded: their columns, sources, look-up, templates and overlays."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isocross import rulebook as rb
from isocross.codes import ContractKind, FeeBasis, LiquidationLadder, MarginMode, RemainderTo
from isocross.errors import AmountError, RulebookError, UnknownSymbolError
from isocross.kernel.margin import initial_margin_e8, maintenance_margin_e8
from isocross.limits import NOTIONAL_MAX_E8, PRICE_MAX_E8, QUANTITY_MAX_E8
from isocross.rulebook.columns import SCALED, SYMBOL_COLUMNS, VENUE_COLUMNS
from isocross.units import to_e8

BINANCE = rb.load("binance-usdm")
SHIPPED = ["binance-coinm", "binance-usdm", "bitmex", "bybit-linear", "hyperliquid"]
OPPOSITE_PATH = Path(__file__).parent.parent / "rulebooks" / "opposite.toml"
OPPOSITE = rb.load(OPPOSITE_PATH)
OTHERS = [rb.load(name) for name in SHIPPED[1:]]
EVERY_SYMBOL = [
    *(rules for book in (BINANCE, *OTHERS) for rules in (*book.symbols.values(), *book.templates.values())),
    *OPPOSITE.symbols.values(),
]


def maintenance(rules: rb.SymbolRules, notional_e8: int) -> int:
    return int(maintenance_margin_e8(notional_e8, rules.brackets, 0, len(rules.brackets)))


def test_the_venue_columns_of_binance():
    assert BINANCE.default_margin_mode == MarginMode.CROSS
    assert (BINANCE.default_leverage, BINANCE.leverage_max) == (20, 125)
    assert BINANCE.margin_assets == ("USDT", "USDC")
    assert BINANCE.margin_call_ratio_e8 == to_e8("0.8")
    assert BINANCE.fee_basis == FeeBasis.FILL_VALUE
    assert BINANCE.liquidation_ladder == LiquidationLadder.ONE_ORDER
    assert BINANCE.remainder_to == RemainderTo.ACCOUNT
    assert BINANCE.liquidation_pays_trading_fee is False
    assert rb.why_not_runnable(BINANCE) == []


@pytest.mark.parametrize(
    ("symbol", "tick", "step", "min_notional", "liquidation_fee", "cap", "impact"),
    [
        ("BTCUSDT", "0.1", "0.001", "100", "0.0125", "0.003", "25000"),
        ("ETHUSDT", "0.01", "0.001", "20", "0.0125", "0.00375", "25000"),
        ("SOLUSDT", "0.001", "1", "5", "0.015", "0.00375", "20000"),
        ("DOGEUSDT", "0.00001", "1", "5", "0.01", "0.00375", "15000"),
        ("BTCUSDC", "0.1", "0.001", "100", "0.0125", "0.003", "25000"),
    ],
)
def test_symbol_columns_of_binance(symbol, tick, step, min_notional, liquidation_fee, cap, impact):
    rules = BINANCE.symbols[symbol]
    assert (rules.tick_e8, rules.step_e8, rules.min_notional_e8) == (to_e8(tick), to_e8(step), to_e8(min_notional))
    assert (rules.maker_fee_rate_e8, rules.taker_fee_rate_e8) == (to_e8("0.0002"), to_e8("0.0005"))
    assert rules.liquidation_fee_rate_e8 == to_e8(liquidation_fee)
    assert (rules.funding_cap_rate_e8, rules.funding_floor_rate_e8) == (to_e8(cap), -to_e8(cap))
    assert rules.impact_notional_e8 == to_e8(impact)
    assert (
        rules.unified == f"{symbol[:3] if symbol[3:] in ('USDT', 'USDC') else symbol[:4]}/{symbol[-4:]}:{symbol[-4:]}"
    )


@pytest.mark.parametrize(
    ("notional", "margin"),
    [
        ("0", "0"),
        ("0.00000001", "0.00000001"),  # rounds up, to the whole notional at most
        ("49999.99", "199.99996"),  # just inside bracket 1
        ("50000", "200"),  # brackets 1 and 2 agree where they meet
        ("50000.01", "200.00005"),  # just inside bracket 2
        ("600000", "2950"),
        ("3000000", "18550"),
        ("12000000", "108550"),
        ("70000000", "1268550"),
        ("1200000000", "178518550"),
        ("1800000000", "478518550"),  # the top of the table
    ],
)
def test_maintenance_of_btcusdt_by_bracket(notional, margin):
    assert maintenance(BINANCE.symbols["BTCUSDT"], to_e8(notional)) == to_e8(margin)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_column_is_a_sourced_fact_or_a_decision_with_its_reason(name):
    book = rb.load(name)
    for column in (*VENUE_COLUMNS, *SYMBOL_COLUMNS):
        in_facts, is_decision = column in book.facts, column in book.decisions
        assert in_facts != is_decision, column
        assert not is_decision or book.decision_reasons[column], column
    ids = {source.split(" ")[0] for source in book.sources}
    assert set(book.facts.values()) == ids, "every source is used, every fact has one"
    assert rb.why_not_runnable(book) == []


def test_a_symbol_has_facts_and_decisions_of_its_own():
    assert {"margin_call_ratio", "isolated_fill_basis", "cross_liquidation_order"} <= BINANCE.decisions
    assert "maker_fee_rate" in BINANCE.symbols["BTCUSDC"].decisions
    assert "maker_fee_rate" not in BINANCE.symbols["BTCUSDT"].decisions
    assert "SYMBOL" not in BINANCE.decision_reasons
    assert "promotions" in BINANCE.decision_reasons["BTCUSDC.taker_fee_rate"]


def test_the_file_states_the_venues_own_deductions():
    text = (Path(rb.__file__).parent / "data" / "binance-usdm.toml").read_text(encoding="utf-8")
    rows = [row for table in tomllib.loads(text)["symbol"].values() for row in table["brackets"]]
    assert len(rows) == 125
    assert all(len(row) == 4 for row in rows)


@pytest.mark.parametrize("rules", EVERY_SYMBOL, ids=lambda rules: rules.symbol)
def test_maintenance_is_continuous_convex_and_below_initial_margin(rules):
    before = None
    for bracket in rules.brackets:
        at = bracket.floor_e8
        slope_before = 0 if before is None else before.rate_e8
        deduction_before = 0 if before is None else before.deduction_e8
        assert at * slope_before - deduction_before * 10**8 == at * bracket.rate_e8 - bracket.deduction_e8 * 10**8
        assert bracket.rate_e8 > slope_before
        assert bracket.rate_e8 * bracket.leverage_max <= 10**8
        assert bracket.cap_e8 > bracket.floor_e8
        assert maintenance(rules, at) <= initial_margin_e8(at, bracket.leverage_max)
        if before is not None:
            assert before.cap_e8 == at
            assert before.leverage_max >= bracket.leverage_max
        before = bracket
    assert rules.brackets[-1].cap_e8 <= NOTIONAL_MAX_E8


@given(rules=st.sampled_from(EVERY_SYMBOL), data=st.data())
def test_maintenance_grows_by_at_most_what_the_notional_grows(rules, data):
    notional = data.draw(st.integers(0, rules.brackets[-1].cap_e8))
    step = data.draw(st.integers(0, 10**12))
    lower, upper = maintenance(rules, notional), maintenance(rules, notional + step)
    assert 0 <= lower <= notional
    assert 0 <= upper - lower <= step


@given(rules=st.sampled_from(EVERY_SYMBOL), data=st.data())
def test_maintenance_at_a_floor_is_the_same_in_both_brackets(rules, data):
    if len(rules.brackets) == 1:
        return
    index = data.draw(st.integers(1, len(rules.brackets) - 1))
    lower, upper = rules.brackets[index - 1], rules.brackets[index]
    by_lower = -(-upper.floor_e8 * lower.rate_e8 // 10**8) - lower.deduction_e8
    by_upper = -(-upper.floor_e8 * upper.rate_e8 // 10**8) - upper.deduction_e8
    assert by_lower == by_upper == maintenance(rules, upper.floor_e8)


@pytest.mark.parametrize("rules", EVERY_SYMBOL, ids=lambda rules: rules.symbol)
def test_a_position_of_lots_max_stays_within_the_engines_bound(rules):
    most = rules.price_min_e8 if rules.is_inverse else rules.price_max_e8
    assert rules.lot_value_max_e8 == rules.value_e8(1, most)
    by_quantity = rules.lots_max == QUANTITY_MAX_E8 // rules.step_e8
    assert rules.value_e8(rules.lots_max, most) <= NOTIONAL_MAX_E8
    assert by_quantity or rules.value_e8(rules.lots_max + 1, most) > NOTIONAL_MAX_E8
    assert rules.tick_value_e8 == rules.value_e8(1, rules.tick_e8)
    assert rules.tick_value_e8 >= 1
    assert rules.price_max_ticks * rules.tick_e8 == rules.price_max_e8


# ── look-up ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["BTCUSDT", "btcusdt", " BtcUsdt ", "BTC/USDT", "BTC/USDT:USDT", "btc/usdt:usdt"])
def test_symbol_by_any_of_its_names(text):
    assert rb.symbol_rules(BINANCE, text).symbol == "BTCUSDT"


@pytest.mark.parametrize("text", ["BTCUSD", "", "BTC/USDT:USDC", "BTC/USDT:USDT-241227", "/", "BTCUSDTT"])
def test_unknown_symbol_names_itself_and_close_ones(text):
    with pytest.raises(UnknownSymbolError, match="binance-usdm has no contract") as error:
        rb.symbol_rules(BINANCE, text)
    assert repr(text) in str(error.value)
    assert "BTCUSDT" in str(error.value)


# ── templates ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("symbol", "price", "tick", "step", "price_max"),
    [
        ("1000PEPEUSDT", "0.0028", "0.0000001", "1", "1"),
        ("PIPPINUSDT", "0.126", "0.00001", "1", "100"),
        ("OPUSDT", "1.78", "0.0001", "0.1", "1000"),
        ("LAYERUSDT", "3.23", "0.0001", "0.1", "1000"),
        ("INJUSDT", "19.7", "0.001", "0.01", "10000"),
        ("HYPEUSDT", "33.4", "0.001", "0.01", "10000"),
        ("AUSDT", "0.99999999", "0.00001", "1", "100"),
        ("AUSDT", "1", "0.0001", "0.1", "1000"),
        ("AUSDT", "99999", "1", "0.00001", "10000000"),
        ("AUSDT", "0.00000001", "0.00000001", "1", "0.00001"),
        ("AUSDT", "10000000", "1000", "0.00000001", "100000000"),
    ],
)
def test_a_template_takes_its_grid_from_a_reference_price(symbol, price, tick, step, price_max):
    rules = rb.from_template("usdt-altcoin", symbol, to_e8(price))
    assert (rules.symbol, rules.base_asset, rules.margin_asset) == (symbol, symbol.removesuffix("USDT"), "USDT")
    assert (rules.tick_e8, rules.step_e8, rules.price_max_e8) == (to_e8(tick), to_e8(step), to_e8(price_max))
    assert rules.is_template
    assert rules.decisions == frozenset(SYMBOL_COLUMNS)
    assert any("template usdt-altcoin" in note for note in rules.notes)


@given(price_e8=st.integers(1, PRICE_MAX_E8 // 10))
def test_a_grid_chosen_for_any_price_is_usable(price_e8):
    rules = rb.from_template("usdt-altcoin", "FOOUSDT", price_e8, BINANCE)
    assert rules.tick_e8 * rules.step_e8 % 10**8 == 0
    assert rules.tick_e8 * 10_000 <= max(price_e8, 10_000)
    assert rules.price_max_e8 % rules.tick_e8 == 0
    assert price_e8 * 10 <= rules.price_max_e8 <= PRICE_MAX_E8
    assert rules.lots_max >= 1
    assert rules.step_e8 * price_e8 <= 10**16  # a lot is worth at most 1, or is one whole unit of less
    assert rules.step_e8 == 10**8 or rules.step_e8 * price_e8 >= 10**15


def test_templates_without_price_refusals_and_regrid():
    plain = rb.from_template("usdt-altcoin", "foo/usdt:usdt", rulebook=BINANCE)
    assert (plain.symbol, plain.tick_e8, plain.unified) == ("FOOUSDT", to_e8("0.0001"), "FOO/USDT:USDT")
    finer = rb.regrid(plain, to_e8("0.05"))
    assert finer.tick_e8 == to_e8("0.000001")
    assert len([note for note in rb.regrid(finer, to_e8("2")).notes if "chosen for" in note]) == 1
    for bad in ("FOOUSDC", "USDT", "FOO-USDT", "F" * 40 + "USDT", ""):
        with pytest.raises(RulebookError, match="template usdt-altcoin makes contracts like FOOUSDT"):
            rb.from_template("usdt-altcoin", bad)
    with pytest.raises(RulebookError, match="no template 'nope': expected one of usdt-altcoin"):
        rb.from_template("nope", "FOOUSDT")
    with pytest.raises(AmountError, match="reference price 0: expected"):
        rb.regrid(plain, 0)
    with pytest.raises(RulebookError, match="BTCUSDT: its tick and step are the venue's own"):
        rb.regrid(BINANCE.symbols["BTCUSDT"], to_e8("1"))


def test_with_symbols_adds_at_the_end_and_changes_the_hash():
    layer = rb.from_template("usdt-altcoin", "LAYERUSDT", to_e8("3.23"))
    more = rb.with_symbols(BINANCE, layer)
    assert list(more.symbols) == [*BINANCE.symbols, "LAYERUSDT"]
    assert "LAYERUSDT" not in BINANCE.symbols
    assert more.content_hash != BINANCE.content_hash
    assert rb.symbol_rules(more, "layer/usdt").is_template
    assert any(note.startswith("LAYERUSDT: made from template") for note in more.notes)
    with pytest.raises(RulebookError, match="margin asset BTC: rulebook binance-usdm has USDT, USDC"):
        rb.with_symbols(BINANCE, rb.from_template("btc-quoted", "ETHBTC"))


# ── the other rulebook, and what cannot run ────────────────────────────────────────────────────────────────────────


def test_opposite_differs_in_every_column_that_the_kernel_reads():
    for column in VENUE_COLUMNS:
        field = f"{column}_e8" if column in SCALED else column
        assert getattr(OPPOSITE, field) != getattr(BINANCE, field), column
    numbers = [item.name for item in fields(rb.SymbolRules) if item.name.endswith(("_e8", "_hours"))]
    numbers.remove("price_min_e8")  # an inverse contract's alone
    for name in numbers:
        ours = {getattr(rules, name) for rules in BINANCE.symbols.values()}
        theirs = {getattr(rules, name) for rules in OPPOSITE.symbols.values()}
        assert not ours & theirs, name
    tables = [{(b.floor_e8, b.rate_e8) for rules in book.symbols.values() for b in rules.brackets[1:]}
              for book in (BINANCE, OPPOSITE)]  # fmt: skip
    assert not tables[0] & tables[1]
    assert rb.why_not_runnable(OPPOSITE) == []
    assert OPPOSITE.decisions == {*VENUE_COLUMNS, *SYMBOL_COLUMNS}, "it cites no source at all"
    assert OPPOSITE.symbols["AAAUSD"].unified == "AAA/USD:USD"


def test_why_not_runnable_names_each_reason():
    assert rb.why_not_runnable(replace(OPPOSITE, symbols={})) == ["it has no symbol"]


INVERSE_ROW = "[symbol.BBBUSD]\ncontract_kind = \"INVERSE\"\nprice_min = 50\n"


def inverse(row: str = INVERSE_ROW, step: str = "10") -> rb.Rulebook:
    """opposite.toml with one of its contracts turned into an inverse one."""
    text = OPPOSITE_PATH.read_text(encoding="utf-8").replace("[symbol.BBBUSD]\n", row)
    head, tail = text.split(row)
    return rb.load_text(head + row + re.sub(r"^step = .*$", f"step = {step}", tail, count=1, flags=re.MULTILINE), "changed.toml")


def test_an_inverse_contract_is_a_sum_of_quote_money():
    book = inverse()
    rules = book.symbols["BBBUSD"]
    assert rules.contract_kind == ContractKind.INVERSE
    assert rb.why_not_runnable(book) == []
    assert (rules.quantity_asset, rules.quote_asset, OPPOSITE.symbols["BBBUSD"].quantity_asset) == ("USD", "USD", "BBB")
    assert rules.tick_value_e8 * rules.tick_e8 == rules.step_e8 * 10**8, "of a lot at a price of one tick"
    assert rules.lot_value_max_e8 * rules.price_min_e8 == rules.step_e8 * 10**8, "of a lot at the lowest price"
    assert rules.lots_max * rules.lot_value_max_e8 <= 2**59 or rules.lots_max == 2**60 // rules.step_e8
    assert rules.average_price_e8(rules.tick_value_e8, 1) == rules.tick_e8


@pytest.mark.parametrize(
    ("row", "step", "said"),
    [
        (INVERSE_ROW.replace("price_min = 50\n", ""), "10", "price_min"),
        (INVERSE_ROW.replace("50", "0"), "10", "price_min = 0"),
        (INVERSE_ROW.replace("50", "50.001"), "10", "a multiple of the tick"),
        (INVERSE_ROW.replace("50", "75"), "10", "step ÷ price_min"),
        (INVERSE_ROW.replace("50", "50_000"), "10", "at most price_max"),
        (INVERSE_ROW, "0.00000007", "step ÷ price_min"),
        (INVERSE_ROW, "10_000_000_000", "step ÷ tick of at most"),
        (INVERSE_ROW.replace('contract_kind = "INVERSE"\n', ""), "0.5", "linear"),
    ],
)
def test_an_inverse_contract_must_fit_the_engines_integers(row, step, said):
    with pytest.raises(RulebookError, match=re.escape(said)):
        inverse(row, step)


@pytest.mark.parametrize("text", ["BTCUSD_PERP", "btcusd_perp", "BTCUSD", "BTC/USD:BTC"])
def test_a_coin_margined_contract_has_the_names_that_people_use(text):
    assert rb.symbol_rules(rb.load("binance-coinm"), text).unified == "BTC/USD:BTC"


# ── names, hash, document ──────────────────────────────────────────────────────────────────────────────────────────


def test_names_and_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOCROSS_HOME", str(tmp_path))
    assert rb.user_folder() == tmp_path / "rulebooks"
    assert rb.names() == SHIPPED
    (tmp_path / "rulebooks").mkdir()
    (tmp_path / "rulebooks" / "mine.toml").write_text(OPPOSITE_PATH.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "rulebooks" / "binance-usdm.toml").write_text("not this one", encoding="utf-8")
    assert rb.names() == [*SHIPPED, "mine"]
    assert rb.load("mine").content_hash == OPPOSITE.content_hash
    assert rb.load("binance-usdm").content_hash == BINANCE.content_hash, "a shipped name means the shipped rulebook"
    assert rb.load(str(OPPOSITE_PATH)) == OPPOSITE
    for unknown in ("nope", "nope/nope", "Nope"):
        with pytest.raises(RulebookError, match="expected one of binance-coinm, binance-usdm, bitmex, bybit-linear, hyperliquid, mine, or a path to a TOML file"):
            rb.load(unknown)


def test_the_hash_is_of_what_the_kernel_reads():
    text = OPPOSITE_PATH.read_text(encoding="utf-8")
    assert (
        rb.load_text("# a comment\n" + text.replace("made up,", "invented,"), "x").content_hash == OPPOSITE.content_hash
    )
    assert rb.load_text(text.replace('"65%"', "0.65"), "x").content_hash == OPPOSITE.content_hash
    assert rb.load_text(text.replace('"65%"', '"66%"'), "x").content_hash != OPPOSITE.content_hash
    assert rb.load_text(text.replace('[0, "5%", 8]', '[0, "5%", 9]'), "x").content_hash != OPPOSITE.content_hash


@pytest.mark.parametrize("book", [BINANCE, *OTHERS, OPPOSITE], ids=lambda book: book.name)
def test_a_rulebook_survives_as_plain_data(book):
    assert rb.from_document(json.loads(json.dumps(rb.to_document(book)))) == book


def test_loading_needs_no_heavy_library():
    code = (
        "import sys; from isocross import rulebook; rulebook.symbol_rules(rulebook.load(), 'BTCUSDT'); "
        "print([name for name in ('numpy', 'numba', 'polars', 'platformdirs') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_list_is_complete():
    for name in rb.__all__:
        assert getattr(rb, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rb.nothing  # noqa: B018
