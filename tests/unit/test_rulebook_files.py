"""Rulebook files: overlays, and an error for each way in which a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from isocross import rulebook as rb
from isocross.errors import RulebookError
from isocross.limits import NOTIONAL_MAX_E8
from isocross.units import to_e8

GOOD = (Path(__file__).parent.parent / "rulebooks" / "opposite.toml").read_text(encoding="utf-8")
BRACKETS = 'brackets = [[0, "1.1%", 40], [30_000, "1.7%", 22], [450_000, "4%", 9], [2_000_000, "11%", 4]]'


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(GOOD.splitlines(), start=1) if text in line)


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("format = 1", "format = 2", "format = 1", "format = 2: expected a whole number in 1 … 1"),
        ('name = "opposite"', 'name = "Op posite"', "name =", "expected small letters"),
        ('name = "opposite"', "", "# A made-up", "name is missing: expected a text"),
        ("as_of = 2020-01-01", 'as_of = "soon"', "as_of", "as_of = 'soon': expected a date like 2024-10-24"),
        ('venue = "Opp', 'value = "Opp', "venue =", "expected a known key ('venue'?)"),
        ('"ISOLATED"', '"ISO"', "default_margin_mode", "[columns] default_margin_mode = 'ISO': expected one of CROSS, ISOLATED"),
        ("default_leverage = 3", "default_leverage = 0", "default_leverage", "expected a whole number in 1 … 1000"),
        ("default_leverage = 3", "default_leverage = 3.0", "default_leverage", "default_leverage = 3.0: expected a whole"),
        ("default_leverage = 3", "default_leverage = true", "default_leverage", "expected a whole number"),
        ("default_leverage = 3", "default_leverage = 41", "default_leverage", "expected at most leverage_max, 40"),
        ('margin_call_ratio = "65%"', 'margin_call_ratio = "0%"', "margin_call_ratio", "expected a rate above 0"),
        ("pays_trading_fee = true", "pays_trading_fee = 1", "pays_trading", "expected true or false"),
        ('margin_assets = ["USD"]', "margin_assets = []", "margin_assets = [", "expected a list of texts"),
        ('margin_assets = ["USD"]', 'margin_assets = ["USD", "USD"]', "margin_assets = [", "expected no text twice"),
        ('margin_assets = ["USD"]', 'margin_assets = ["EUR"]', "margin_asset = ", "margin_asset = 'USD': expected one of EUR"),
        ("tick = 0.5", "tick = 0", "tick = 0.5", "[symbol.AAAUSD] tick = 0: expected a price above 0"),
        ("tick = 0.5", 'tick = "half"', "tick = 0.5", "tick = 'half': expected a price above 0, of at most eight decimals"),
        ("tick = 0.5", "tick = 0.123456789", "tick = 0.5", "tick = 0.123456789: expected"),
        ("tick = 0.5", "tick = inf", "tick = 0.5", "tick = Infinity: expected a price above 0"),
        ("tick = 0.5", "tick = [1]", "tick = 0.5", "tick = [1]: expected a price"),
        ("tick = 0.5", "", "[symbol.AAAUSD]", "tick is missing: expected a price above 0"),
        ("tick = 0.5\nstep = 0.02", "tick = 0.00000003\nstep = 0.02", "step = 0.02", "a multiple of 0.00000001, and it is 0.0000000006"),
        ("price_max = 200_000", "price_max = 200_000.3", "price_max = 200", "expected a multiple of the tick, 0.5"),
        ("price_max = 200_000", "price_max = 1e9", "price_max = 200", "expected a price in tick … 100000000"),
        ("step = 0.02", "step = 1_000_000", "price_max = 200", "the engine's bound of one position"),
        ("min_notional = 7", "min_notional = -1", "min_notional = 7", "expected an amount of at least 0"),
        ('maker_fee_rate = "0.07%"', 'maker_fee_rate = "-0.01%"', "maker_fee_rate", "expected a rate in 0 … 1"),
        ('market_bound_rate = "8%"', "market_bound_rate = 0", 'market_bound_rate = "8%"', "above 0 and at most 1"),
        ("funding_interval_hours = 4", "funding_interval_hours = 5", "funding_interval", "expected a divisor of 24"),
        ('funding_cap_rate = "0.45%"', "", "[symbol.AAAUSD]", "funding_cap_rate is missing: expected a rate, or funding_cap_of"),
        ('funding_floor_rate = "-0.2%"', "funding_floor_rate = 0.1", 'rate = "-0.2%"', "expected a rate in -1 … 0"),
        ("impact_notional = 9_000", "", "[symbol.AAAUSD]", "impact_notional is missing: expected an amount, or impact_margin"),
        ('base_asset = "AAA"', 'base_asset = "BBB"', 'base_asset = "AAA"', "expected the beginning of AAAUSD"),
        ("[symbol.AAAUSD]", "[symbol.aaausd]", "[symbol.AAAUSD]", "expected capitals and digits"),
        ("[symbol.AAAUSD]", '[symbol.AAAUSD]\ntemplate = "x"', "[symbol.AAAUSD]", "expected one of none in this rulebook"),
        ("[symbol.AAAUSD]", "[symbol.AAAUSD]\ntik = 1", "[symbol.AAAUSD]", "tik = 1: expected a known key ('tick'?)"),
        ('margin_assets = "made', 'margin_asset = "made', 'margin_assets = "made', "[decisions] margin_asset = "),
        ("[decisions]", '[facts]\nmargin_assets = "x"\n[decisions]', "[decisions]", "expected the id of a source"),
        ("[decisions]", '[sources.x]\ndate = 2020-01-01\n[decisions]', "[decisions]", "[sources.x] text is missing: expected a text"),
        ("[symbol_defaults]", "[symbol_default]", "[symbol_defaults]", "expected a known key ('symbol_defaults'?)"),
        ("[columns]", "[[columns]]", "[columns]", "expected a table"),
        ("tick = 0.5", "tick = = 0.5", "tick = 0.5", "expected TOML: Invalid value (column 8)"),
        ("tick = 0.5", "tick = 0.5\ntick = 1", "tick = 0.5", "expected TOML: Cannot overwrite a value (column 9)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(old, new, where, said):
    assert old in GOOD
    with pytest.raises(RulebookError) as error:
        rb.load_text(GOOD.replace(old, new, 1), "bad.toml")
    assert said in str(error.value)
    assert str(error.value).startswith("bad.toml:")
    if where is not None:
        number = int(str(error.value).split(":")[1])
        assert abs(number - line_of(where)) <= new.count("\n"), str(error.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("[]", "expected rows of [floor, rate, leverage]"),
        ("7", "brackets = 7: expected rows of"),
        ("[[0, 0.01]]", "[0, 0.01] (bracket 1): expected rows of"),
        ("[[0, 0.01, 2.5]]", "[0, 0.01, 2.5] (bracket 1): expected rows of"),
        ("[[0, 0.01, 10], [5, 'x', 5]]", "rate: 'x' is not a number"),
        ("[[0, 0.011111111, 10]]", "rate: 0.011111111 is not a multiple of 0.00000001"),
        ("[[1, 0.01, 10]]", "bracket 1 begins at 1: expected 0"),
        ("[[0, 0.01, 10], [0, 0.02, 5]]", "bracket 2 begins at 0: expected more than 0"),
        ("[[0, 0.01, 10], [500, 0.02, 5], [400, 0.03, 5]]", "bracket 3 begins at 400: expected more than 500"),
        ("[[0, 0, 10]]", "bracket 1 has rate 0: expected above 0 and at most 1"),
        ("[[0, 1.00000001, 1]]", "bracket 1 has rate 1.00000001: expected above 0 and at most 1"),
        ("[[0, 0.02, 10], [500, 0.01, 5]]", "bracket 2 has rate 0.01: expected at least 0.02"),
        ("[[0, 0.01, 41]]", "bracket 1 has leverage 41: expected 1 … 40"),
        ("[[0, 0.01, 0]]", "bracket 1 has leverage 0: expected 1 … 40"),
        ("[[0, 0.01, 10], [500, 0.02, 11]]", "bracket 2 has leverage 11: expected at most 10"),
        ("[[0, 0.01, 10], [500, 0.02, 5, 6]]", "bracket 2 states the deduction 6: expected 5"),
        ("[[0, 0.01, 10, 1]]", "bracket 1 states the deduction 1: expected 0"),
        ("[[0, 0.01, 10], [0.5, 0.01000001, 5]]", "is finer than 0.00000001: maintenance cannot be continuous"),
        ("[[0, 0.01, 10], [9_000_000, 0.02, 5]]", "ends at 9000000: expected an end above its beginning"),
        (
            f"[[0, 0.01, 40], {', '.join(f'[{n}00, 0.02, 5]' for n in range(1, 65))}]",
            "65 brackets: expected at most 64",
        ),
    ],
)
def test_bad_bracket_tables(rows, said):
    with pytest.raises(RulebookError) as error:
        rb.load_text(GOOD.replace(BRACKETS, f"brackets = {rows}", 1), "bad.toml")
    assert said in str(error.value)
    assert f"bad.toml:{line_of(BRACKETS)}: [symbol.AAAUSD] brackets = " in str(error.value)


SPREAD = 'brackets = [\n  [0, "1.1%", 40],\n  [30_000, "0.7%", 22],\n  [450_000, "4%", 9],\n]'


@pytest.mark.parametrize(
    ("old", "new", "line_after", "said"),
    [
        ("", "", 2, "bracket 2 has rate 0.007: expected at least 0.011"),
        ('"0.7%", 22', '"1.7%", 2.5', 2, '[30000, \'1.7%\', 2.5] (bracket 2): expected rows of'),
        ('"0.7%", 22', "'x', 22", 2, "rate: 'x' is not a number"),
        ('"0.7%", 22', "0.017, 22, 3", 2, "bracket 2 states the deduction 3: expected 180"),
        ('"0.7%", 22', '"2%", 22', 0, None),
        ('"0.7%", 22],\n  [450_000, "4%", 9', '"2%", 22],\n  [450_000, "4%", 23', 3, "bracket 3 has leverage 23"),
        ('[0, "1.1%"', '[1, "1.1%"', 1, "bracket 1 begins at 1: expected 0"),
    ],
)
def test_a_bracket_is_named_with_its_own_line(old, new, line_after, said):
    text = GOOD.replace(BRACKETS, SPREAD.replace(old, new, 1) if old else SPREAD, 1)
    book, faults = rb.examine(text, "bad.toml")
    if said is None:
        assert (faults, len(book.symbols["AAAUSD"].brackets)) == ((), 3)
        return
    assert [fault.line for fault in faults] == [line_of(BRACKETS) + line_after]
    assert said in str(faults[0])


def test_a_text_that_looks_like_a_key_is_not_taken_for_one():
    trap = '[decisions]\ncross_liquidation_order = """\n[symbol.AAAUSD]\ntick = 1\n"""\n'
    text = GOOD.replace("[decisions]", trap, 1).replace("tick = 0.5", "tick = 0", 1)
    with pytest.raises(RulebookError) as error:
        rb.load_text(text, "bad.toml")
    assert (error.value.file, error.value.line) == ("bad.toml", line_of("tick = 0.5") + 5)
    assert (error.value.thing, error.value.value, error.value.expected) == ("[symbol.AAAUSD] tick", "0", "a price above 0")


# ── all faults of a file ───────────────────────────────────────────────────────────────────────────────────────────


def changed(*pairs: tuple[str, str]) -> str:
    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_every_fault_is_found_in_order_of_its_line():
    text = changed(
        ('name = "opposite"', 'name = "Op posite"'),
        ("as_of = 2020-01-01", "as_of = 7"),
        ("default_leverage = 3", "default_leverage = 0"),
        ("takeover_ratio", "takeover_ration"),
        ("fee_basis = ", "fee_basis = 1 # "),
        ("tick = 0.5", "tick = 0"),
        ("step = 0.02", "step = -1"),
        ('[30_000, "1.7%", 22]', '[30_000, "0.7%", 22]'),
        ('base_asset = "BBB"', 'base_asset = ""'),
        ("[decisions]", "[sources.x]\ntext = 'a'\n[decisions]"),
    )
    book, faults = rb.examine(text, "bad.toml")
    assert book is None
    assert [fault.thing for fault in faults] == [
        "name", "as_of", "[columns] takeover_ratio", "[columns] default_leverage", "[columns] fee_basis",
        "[columns] takeover_ration", "[sources.x] date", "[symbol.AAAUSD] tick", "[symbol.AAAUSD] step",
        "[symbol.AAAUSD] brackets", "[symbol.BBBUSD] base_asset",
    ]  # fmt: skip
    lines = text.splitlines()
    for fault in faults:
        assert str(fault).startswith(f"bad.toml:{fault.line}: ")
        key = str(fault.thing).split()[-1]
        assert key in lines[fault.line - 1] or fault.value is None, str(fault)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("leverage_max = 40", "leverage_max = 0")], ["leverage_max = 0"]),  # and no bracket is blamed for it
        ([('margin_assets = ["USD"]', "margin_assets = 1")], ["margin_assets = 1"]),  # nor a contract
        ([('maker_fee_rate = "0.07%"', "maker_fee_rate = 2")], ["maker_fee_rate = 2"]),  # once, not per contract
        ([("tick = 0.5", "tick = 0"), ("price_max = 200_000", "price_max = 0")], ["tick = 0"]),  # the range needs a tick
        ([("format = 1", "format = 9")], ["format = 9"]),
        ([("[columns]", "[[columns]]")], ["expected a table"]),
        ([("tick = 0.5", "tick = = 1")], ["expected TOML"]),
        ([("[decisions]", '[template.t]\ntick = 0\n[decisions]'), ("[symbol.AAAUSD]", '[symbol.AAAUSD]\ntemplate = "t"')],
         ["[template.t] brackets is missing"]),
    ],
)  # fmt: skip
def test_one_fault_is_not_told_twice(pairs, said):
    _, faults = rb.examine(changed(*pairs), "bad.toml")
    told = [str(fault) for fault in faults]
    if "template" in said[0]:  # a template has all columns of a contract: most are missing in this one
        assert all("[template.t]" in text for text in told)
        return
    assert len(told) == len(said), told
    assert all(part in text for part, text in zip(said, told, strict=True))


def test_a_good_file_has_no_fault_and_is_what_load_gives():
    book, faults = rb.examine(GOOD, "good.toml")
    assert faults == ()
    assert book == rb.load_text(GOOD, "good.toml")


def test_a_fault_in_a_base_names_the_base(tmp_path):
    folder = rb.user_folder(tmp_path)
    folder.mkdir()
    (folder / "lower.toml").write_text(changed(("tick = 0.5", "tick = 0")), encoding="utf-8")
    upper = 'format = 1\nname = "upper"\nbase = "lower"\n[columns]\ndefault_leverage = 0\n'
    _, faults = rb.examine(upper, "upper.toml", tmp_path)
    assert [(Path(fault.file).name, fault.line) for fault in faults] == [
        ("upper.toml", 5),
        ("lower.toml", line_of("tick = 0.5")),
    ]


def test_an_absurd_cap_is_clamped_and_says_so():
    text = GOOD.replace("notional_max = 9_000_000", "notional_max = 9223372036854775807", 1)
    book = rb.load_text(text, "x.toml")
    assert book.symbols["AAAUSD"].brackets[-1].cap_e8 == NOTIONAL_MAX_E8
    said = "top cap 9223372036854775807 was clamped to 5764607523.03423488, the engine's bound"
    assert book.symbols["AAAUSD"].notes == (said,)
    assert book.notes == (f"AAAUSD: {said}",)


def test_brackets_above_the_bound_are_left_out_and_an_odd_rate_is_a_note():
    rows = "[[0, 0.05, 40], [1_000_000, 0.06, 10], [6_000_000_000, 0.5, 1]]"
    text = GOOD.replace(BRACKETS, f"brackets = {rows}", 1).replace("notional_max = 9_000_000", "notional_max = 7e9", 1)
    rules = rb.load_text(text, "x.toml").symbols["AAAUSD"]
    assert len(rules.brackets) == 2
    assert rules.brackets[-1].cap_e8 == NOTIONAL_MAX_E8
    assert rules.notes[0] == "1 bracket(s) above 5764607523.03423488, the engine's bound were left out"
    assert (
        rules.notes[2] == "bracket 1: rate 0.05 is more than 1 ÷ 40: a position opened at full leverage is due at once"
    )


# ── overlays ───────────────────────────────────────────────────────────────────────────────────────────────────────

OVERLAY = """
format = 1
name = "mine"
base = "binance-usdm"
[columns]
default_leverage = 5
[symbol_defaults]
maker_fee_rate = 0
[symbol.BTCUSDT]
step = 0.01
brackets = [[0, 0.01, 50]]
notional_max = 1_000
[symbol.FOOUSDT]
template = "usdt-altcoin"
base_asset = "FOO"
funding_cap_of_maintenance = 0.5
[symbol.BARUSDT]
base_asset = "BAR"
margin_asset = "USDT"
tick = 0.1
step = 0.1
price_max = 1_000
min_notional = 5
liquidation_fee_rate = 0.01
market_bound_rate = 0.1
notional_max = 5
brackets = [[0, 0.01, 50]]
"""


def test_an_overlay_changes_what_it_says_and_owns_it():
    base, book = rb.load(), rb.load_text(OVERLAY, "mine.toml")
    assert (book.name, book.venue, book.as_of) == ("mine", base.venue, base.as_of)
    assert (book.default_leverage, book.leverage_max) == (5, 125)
    assert "default_leverage" in book.decisions
    assert "default_leverage" not in base.decisions
    assert book.decision_reasons["default_leverage"] == "set by mine"
    assert book.symbols["ETHUSDT"].maker_fee_rate_e8 == 0
    assert "maker_fee_rate" in book.symbols["ETHUSDT"].decisions
    assert book.symbols["ETHUSDT"].brackets == base.symbols["ETHUSDT"].brackets

    bitcoin = book.symbols["BTCUSDT"]
    assert (bitcoin.tick_e8, bitcoin.step_e8, len(bitcoin.brackets)) == (to_e8("0.1"), to_e8("0.01"), 1)
    assert bitcoin.impact_notional_e8 == to_e8("10000"), "200 × the new top leverage"
    assert bitcoin.decisions == base.symbols["BTCUSDT"].decisions | {"step", "brackets", "maker_fee_rate"}
    assert not bitcoin.is_template

    foo = book.symbols["FOOUSDT"]
    assert foo.is_template
    assert foo.notes == ("price and quantity grid of template usdt-altcoin, not the venue's",)
    assert foo.funding_cap_rate_e8 == to_e8("0.0075"), "the overlay's rule ousts the template's number"
    assert "tick" in book.symbols["BARUSDT"].decisions, "the base's source says nothing of a contract it does not have"
    assert list(book.symbols) == [*base.symbols, "FOOUSDT", "BARUSDT"]


def test_an_error_in_an_overlay_names_the_file_that_holds_it(tmp_path):
    with pytest.raises(RulebookError, match=r"mine\.toml:10: \[symbol\.BTCUSDT\] step = -1"):
        rb.load_text(OVERLAY.replace("step = 0.01", "step = -1", 1), "mine.toml")
    with pytest.raises(
        RulebookError, match=r"mine\.toml:11: \[symbol\.BTCUSDT\].*notional_max|notional_max is missing"
    ):
        rb.load_text(OVERLAY.replace("notional_max = 1_000\n", "", 1), "mine.toml")
    with pytest.raises(RulebookError, match="expected the name of a rulebook: one of binance-coinm, binance-usdm"):
        rb.load_text(OVERLAY.replace('"binance-usdm"', '"../x"', 1), "mine.toml", tmp_path)
    folder = rb.user_folder(tmp_path)
    folder.mkdir()
    (folder / "loop.toml").write_text(OVERLAY.replace('"binance-usdm"', '"loop"', 1), encoding="utf-8")
    with pytest.raises(
        RulebookError, match=r"loop\.toml:4: base = 'loop': expected a rulebook that itself has at most 3"
    ):
        rb.load("loop", tmp_path)
    leverage = OVERLAY.replace("default_leverage = 5", "leverage_max = 100", 1)
    with pytest.raises(RulebookError, match=r"binance-usdm\.toml:\d+: \[symbol\.ETHUSDT\] brackets.* expected 1 … 100"):
        rb.load_text(leverage, "mine.toml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "1: format is missing: expected a whole number in 1 … 1"),
        (b"format = 1\n\xff\xfe\x00", "2: byte 0xff: expected UTF-8 text"),
        (b"format = 1\n\nx = " + b"[" * 3000, "3: expected TOML: too many arrays or tables inside one another"),
        (b"format = 1\nx = " + b"9" * 5000, "2: expected TOML: a number has thousands of digits"),
        (b"format = 1\nname = [\n1,\n\n", "3: expected TOML: "),
    ],
)
def test_files_that_are_no_rulebook(tmp_path, content, said):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(RulebookError) as error:
        rb.load(path)
    assert str(error.value).startswith(f"{path}:{said}")
    with pytest.raises(RulebookError, match="cannot be read"):
        rb.load(tmp_path / "absent.toml")
    with pytest.raises(RulebookError, match="cannot be read"):
        rb.load(tmp_path)
