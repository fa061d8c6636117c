"""The importer: each format it reads, the whole tiers file of a real venue, and files that are broken."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from isocross import rulebook as rb
from isocross.errors import RulebookError
from isocross.kernel.margin import maintenance_margin_e8
from isocross.limits import NOTIONAL_MAX_E8
from isocross.units import to_e8
from tests.recorded import DATA

TIERS_JSON = DATA / "binance_leverage_tiers.json"
TIERS_PARQUET = DATA / "market" / "binance-leverage-tiers-2024-10-24.parquet"
needs_data = pytest.mark.skipif(
    not (TIERS_JSON.exists() and TIERS_PARQUET.exists()),
    reason=f"no tiers files under {DATA}: set ISOCROSS_DATA to the folder that holds binance_leverage_tiers.json",
)


def binance_row(floor: Any, cap: Any, rate: Any, leverage: Any, cum: Any = None) -> dict[str, Any]:
    row = {
        "bracket": 1,
        "initialLeverage": leverage,
        "notionalCap": cap,
        "notionalFloor": floor,
        "maintMarginRatio": rate,
    }
    return row if cum is None else {**row, "cum": cum}


def ccxt_row(low: Any, high: Any, rate: Any, leverage: Any, **more: Any) -> dict[str, Any]:
    return {"tier": 1, "currency": "USDT", "minNotional": low, "maxNotional": high, "maintenanceMarginRate": rate,
            "maxLeverage": leverage, "info": {}, **more}  # fmt: skip


ETH_BINANCE = [binance_row(0, 10_000, 0.0065, 75, 0.0), binance_row(10_000, 90_000, 0.01, 50, 35.0)]
FOO_CCXT = [ccxt_row(0.0, 5000.0, 0.01, 50.0), ccxt_row(5000.0, 20000.0, 0.02, 25.0)]


def written(folder: Path, data: Any, name: str = "tiers-2025-01-02.json") -> Path:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ([{"symbol": "ETHUSDT", "notionalCoef": 1.5, "brackets": ETH_BINANCE}], "Binance leverageBracket"),
        ({"symbol": "ETHUSDT", "brackets": ETH_BINANCE}, "Binance leverageBracket"),
        ({"ETH/USDT:USDT": [ccxt_row(0, 10_000, 0.0065, 75), ccxt_row(10_000, 90_000, 0.01, 50)]}, "ccxt or freqtrade"),
        ({"ETH/USDT:USDT": [ccxt_row(0, 9, 9, 9, info=row) for row in ETH_BINANCE]}, "ccxt or freqtrade"),
        ({"updated": "2025-01-02", "data": {"ETH/USDT:USDT": [ccxt_row(0.0, 1e4, 0.0065, 75.0, maintAmt=0.0),
                                                              ccxt_row(1e4, 9e4, 0.01, 50.0, maintAmt=35.0)]}}, "ccxt or freqtrade"),
        ([ccxt_row(0, 10_000, 0.0065, 75, symbol="ETH/USDT:USDT"), ccxt_row(10_000, 90_000, "0.01", "50", symbol="ETH/USDT:USDT")],
         "ccxt market leverage tiers"),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_brackets(tmp_path, data, kind):
    report = rb.import_file(written(tmp_path, data), home=tmp_path)
    assert report.kind.startswith(kind)
    assert (report.name, report.as_of, report.symbols) == ("tiers-2025-01-02", "2025-01-02", ("ETHUSDT",))
    assert (report.own_grid, report.template_grid, report.refused, report.clamped) == (("ETHUSDT",), (), (), ())
    assert report.bracket_count == 2
    book = rb.load(report.name, tmp_path)
    assert book.symbols["ETHUSDT"].brackets == (
        rb.Bracket(0, to_e8("0.0065"), 0, 75, to_e8("10000")),
        rb.Bracket(to_e8("10000"), to_e8("0.01"), to_e8("35"), 50, to_e8("90000")),
    )
    assert book.symbols["ETHUSDT"].tick_e8 == rb.load().symbols["ETHUSDT"].tick_e8
    assert book.facts["ETHUSDT.brackets"] == "import"
    assert any(source.startswith("import (2025-01-02): ") and "sha256" in source for source in book.sources)
    assert book.symbols["BTCUSDT"] == rb.load().symbols["BTCUSDT"], "what the file does not have stays"


def test_a_contract_without_a_known_grid_gets_a_templates_and_says_so(tmp_path):
    report = rb.import_file(written(tmp_path, {"FOO/USDT:USDT": FOO_CCXT}), name="foo", home=tmp_path)
    assert (report.own_grid, report.template_grid) == ((), ("FOOUSDT",))
    rules = rb.load("foo", tmp_path).symbols["FOOUSDT"]
    assert rules.is_template
    assert "tick" in rules.decisions
    assert "brackets" not in rules.decisions
    assert rules.notes == ("price and quantity grid of template usdt-altcoin, not the venue's",)
    assert rb.regrid(rules, to_e8("0.0123")).brackets == rules.brackets
    assert report.lines()[0].startswith("read ")
    assert rb.names(tmp_path) == ["binance-coinm", "binance-usdm", "bitmex", "bybit-linear", "hyperliquid", "foo"]


@pytest.mark.parametrize(
    ("market", "rows", "reason"),
    [
        ("BTC/USDT:USDT-241227", FOO_CCXT, "delivers on a date"),
        ("BTCUSDT_241227", FOO_CCXT, "delivers on a date"),
        ("BTC/USD:BTC", FOO_CCXT, "inverse contract"),
        ("BTC/USD:USDC", FOO_CCXT, "quoted in USD and margined in USDC"),
        ("BTC/USDT", FOO_CCXT, "names no margin asset"),
        ("FOO/EUR:EUR", FOO_CCXT, "has no template for the asset EUR"),
        ("FOOEUR", FOO_CCXT, "its margin asset is not one of USDT"),
        ("foo/USDT:USDT", FOO_CCXT, "not made of capitals"),
        ("FOO BAR/USDT:USDT", FOO_CCXT, "not made of capitals"),
        ("FOO/USDT:USDT", [], "no list of brackets"),
        ("FOO/USDT:USDT", [7], "no list of brackets"),
        ("FOO/USDT:USDT", [{"bracket": 1, "qtyFloor": 0, "qtyCap": 5}], "coin-margined"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, None, 50)], "bracket 1 has no maintMarginRatio or maintenanceMarginRate"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, "x", 50)], "bracket 1: maintenanceMarginRate: 'x' is not a number"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, True, 50)], "bracket 1: maintenanceMarginRate: True is not a number"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, 0.0123456789, 50)], "is not a multiple of 0.00000001"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, 0.01, 50), ccxt_row(6, 9, 0.02, 20)], "bracket 2 does not begin where bracket 1 ends"),
        ("FOO/USDT:USDT", [ccxt_row(0, None, 0.01, 50), ccxt_row(6, 9, 0.02, 20)], "bracket 2 does not begin where bracket 1 ends"),
        ("FOO/USDT:USDT", [ccxt_row(5, 9, 0.01, 50)], "bracket 1 begins at 5: expected 0"),
        ("FOO/USDT:USDT", [ccxt_row(0, 0, 0.01, 50)], "expected an end above its beginning"),
        ("FOO/USDT:USDT", [ccxt_row(0, -5, 0.01, 50)], "expected an end above its beginning"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, -0.01, 50)], "rate -0.01: expected above 0"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, 0.01, 0)], "leverage 0: expected 1 … 1000"),
        ("FOO/USDT:USDT", [ccxt_row(0, 5, 0.01, 50, cum=3)], "states the deduction 3: expected 0"),
        ("ETH/USDT:USDT", FOO_CCXT, "the file has ETHUSDT already"),
    ],
)  # fmt: skip
def test_what_cannot_be_represented_is_refused_and_the_rest_is_taken(tmp_path, market, rows, reason):
    path = written(tmp_path, {"ETHUSDT": ETH_BINANCE, market: rows})
    report = rb.import_file(path, home=tmp_path)
    assert report.symbols == ("ETHUSDT",)
    assert [one.market for one in report.refused] == [market]
    assert reason in report.refused[0].reason
    assert report.refused[0].line == 1, "the file is one line"
    assert any(line.startswith(f"refused   line 1: {market}: ") for line in report.lines())


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"ETH/USDT:USDT": FOO_CCXT, "FOO/USDT:USDT": [ccxt_row(0, 5, 0.01, 50), ccxt_row(6, 9, 0.02, 20)]}, '"minNotional": 6'),
        ({"ETH/USDT:USDT": FOO_CCXT, "FOO/EUR:EUR": FOO_CCXT}, '"FOO/EUR:EUR"'),
        ({"updated": "now", "data": {"ETHUSDT": FOO_CCXT, "FOO/USDT:USDT": [ccxt_row(0, 5, "x", 50)]}}, '"x"'),
        ([{"symbol": "ETHUSDT", "brackets": ETH_BINANCE}, {"symbol": "FOOUSDT", "brackets": [ccxt_row(0, 5, 2, 50)]}],
         '"maintenanceMarginRate": 2'),
        ([*({**row, "symbol": "ETH/USDT:USDT"} for row in FOO_CCXT), {**ccxt_row(0, 5, 0.01, 0), "symbol": "FOO/USDT:USDT"}],
         '"maxLeverage": 0'),
    ],
)  # fmt: skip
def test_a_refused_contract_is_named_with_the_line_of_its_row(tmp_path, data, line):
    text = json.dumps(data, indent=2)
    report = rb.import_file(written(tmp_path, text), home=tmp_path)
    assert report.symbols == ("ETHUSDT",)
    (refused,) = report.refused
    lines = text.splitlines()
    at = next(number for number, one in enumerate(lines, start=1) if line in one)
    # A row begins at its brace, which stands a few lines above the value.
    assert refused.line in range(at - 8, at + 1)
    assert lines[refused.line - 1].strip() == "{" or line in lines[refused.line - 1]


@pytest.mark.parametrize("cap", [9223372036854775807, "9223372036854775807", 9.223372036854775807e18, None])
def test_an_absurd_or_absent_top_cap_is_clamped(tmp_path, cap):
    rows = [ccxt_row(0, 5000, 0.01, 50), ccxt_row(5000, cap, 0.02, 25)]
    report = rb.import_file(written(tmp_path, {"FOO/USDT:USDT": rows}), home=tmp_path)
    assert len(report.clamped) == 1
    assert report.clamped[0].startswith("FOOUSDT: top cap ")
    assert rb.load(report.name, tmp_path).symbols["FOOUSDT"].brackets[-1].cap_e8 == NOTIONAL_MAX_E8


def test_higher_leverage_and_another_margin_asset_widen_the_account_wide_columns(tmp_path):
    data = {"ETH/BTC:BTC": [ccxt_row(0, 5, 0.003, 150)]}
    book = rb.load(rb.import_file(written(tmp_path, data), home=tmp_path).name, tmp_path)
    assert (book.leverage_max, book.margin_assets) == (150, ("USDT", "USDC", "BTC"))
    assert book.symbols["ETHBTC"].margin_asset == "BTC"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected JSON or Parquet"),
        ("{", "broken.json:1: Expecting property name enclosed in double quotes (column 2): expected JSON or Parquet"),
        ("\x00\x01", "expected JSON or Parquet"),
        ("[" * 100_000, "expected JSON or Parquet"),
        ("[]", "expected Binance's leverageBracket answer"),
        ("{}", "expected Binance's leverageBracket answer"),
        ("7", "expected Binance's leverageBracket answer"),
        ('{"code": -2015, "msg": "Invalid API-key"}', "expected Binance's leverageBracket answer"),
        ('[{"brackets": []}]', "'None': expected the name of a market with a list of brackets"),
        ('[{"symbol": "BTCUSDT", "brackets": 7}]', "'BTCUSDT': expected the name of a market"),
        (json.dumps(FOO_CCXT, indent=1), "broken.json:2: tiers of one market: expected each to name its market under 'symbol'"),
        ('{"BTC/USDT:USDT": []}', "broken.json:1: BTC/USDT:USDT: it has no list of brackets: expected at least one usable bracket table"),
        ('{"BTC/USDT:USDT": [{"minNotional": 1e999999999}]}', "BTC/USDT:USDT: bracket 1: minNotional: "),
        ("PAR1 but not really", "expected a readable Parquet file"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_understood(tmp_path, content, said):
    path = written(tmp_path, content, "broken.json")
    with pytest.raises(RulebookError) as error:
        rb.import_file(path, home=tmp_path)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    assert rb.names(tmp_path) == ["binance-coinm", "binance-usdm", "bitmex", "bybit-linear", "hyperliquid"], "nothing was written"


def test_names_that_cannot_be_used(tmp_path):
    path = written(tmp_path, {"FOO/USDT:USDT": FOO_CCXT})
    for name in ("Big Name", "../x", "", "x.toml"):
        with pytest.raises(RulebookError, match="not a name: expected small letters"):
            rb.import_file(path, name=name, home=tmp_path)
    with pytest.raises(RulebookError, match="the name of a shipped rulebook"):
        rb.import_file(path, name="binance-usdm", home=tmp_path)
    with pytest.raises(RulebookError, match="as_of 'soon': expected a date"):
        rb.import_file(path, home=tmp_path, as_of="soon")
    with pytest.raises(RulebookError, match="cannot be read"):
        rb.import_file(tmp_path / "absent.json", home=tmp_path)
    rb.import_file(path, name="again", home=tmp_path)
    assert rb.import_file(path, name="again", home=tmp_path, as_of="2025-06-07").as_of == "2025-06-07"
    own = rb.user_folder(tmp_path) / "own.toml"
    own.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(RulebookError, match="not written by an import and not overwritten"):
        rb.import_file(path, name="own", home=tmp_path)
    assert own.read_text(encoding="utf-8") == "# mine\n"
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RulebookError, match="cannot be written"):
        rb.import_file(path, home=tmp_path / "file")


# ── the whole tiers file of a real venue ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> tuple[rb.ImportReport, rb.Rulebook]:
    home = tmp_path_factory.mktemp("home")
    report = rb.import_file(TIERS_JSON, home=home, as_of="2024-10-24")
    return report, rb.load(report.name, home)


@needs_data
def test_every_contract_of_the_tiers_file_is_read_or_refused_with_its_reason(imported):
    report, book = imported
    markets = json.loads(TIERS_JSON.read_text(encoding="utf-8"))
    assert len(markets) == 349
    assert len(report.symbols) + len(report.refused) == 349
    assert [one.market for one in report.refused] == [market for market in markets if "-" in market]
    assert all(one.reason.startswith("it delivers on a date") for one in report.refused)
    assert len(book.symbols) == 345
    assert (len(report.own_grid), len(report.template_grid), report.bracket_count) == (12, 333, 2_773)
    assert [text.split(":")[0] for text in report.clamped] == ["BTCSTUSDT"]
    assert book.symbols["BTCSTUSDT"].brackets[-1].cap_e8 == NOTIONAL_MAX_E8
    assert rb.why_not_runnable(book) == []


@needs_data
def test_every_maintenance_amount_of_the_tiers_file_is_reproduced(imported):
    _, book = imported
    markets = json.loads(TIERS_JSON.read_text(encoding="utf-8"), parse_float=Decimal)
    checked = 0
    for market, tiers in markets.items():
        if "-" in market:
            continue
        rules = rb.symbol_rules(book, market)
        assert len(rules.brackets) == len(tiers)
        for tier, bracket in zip(tiers, rules.brackets, strict=True):
            assert bracket.deduction_e8 == to_e8(tier["info"]["cum"])
            assert bracket.floor_e8 == to_e8(tier["info"]["notionalFloor"])
            assert bracket.leverage_max == int(tier["info"]["initialLeverage"])
            expected = Decimal(bracket.floor_e8) * tier["maintenanceMarginRate"] - bracket.deduction_e8
            assert maintenance_margin_e8(bracket.floor_e8, rules.brackets, 0, len(rules.brackets)) == expected
            checked += 1
    assert checked == 2_773


@needs_data
def test_the_shipped_brackets_are_those_of_the_tiers_file(imported):
    _, book = imported
    for symbol, rules in rb.load().symbols.items():
        assert book.symbols[symbol].brackets == rules.brackets


@needs_data
def test_the_parquet_copy_says_the_same_as_the_json_file(imported, tmp_path):
    _, book = imported
    report = rb.import_file(TIERS_PARQUET, home=tmp_path)
    assert (report.name, report.as_of) == ("binance-leverage-tiers-2024-10-24", "2024-10-24")
    assert rb.load(report.name, tmp_path).content_hash == book.content_hash


@needs_data
def test_a_damaged_copy_of_the_parquet_file_is_an_error(tmp_path):
    whole = TIERS_PARQUET.read_bytes()
    for damaged in (whole[:1000], whole[:-20], whole[:5000] + bytes(200) + whole[5200:]):
        path = tmp_path / "damaged.parquet"
        path.write_bytes(damaged)
        with pytest.raises(RulebookError, match=r"damaged\.parquet: .*: expected"):
            rb.import_file(path, home=tmp_path)
