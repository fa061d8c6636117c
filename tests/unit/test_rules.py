"""Rules: list, show and check: names and paths, what is told, every kind of file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import isocross as ix
from isocross import rulebook as rb
from isocross.errors import InputError, RulebookError, UnknownSymbolError
from isocross.rulebook import venues

OPPOSITE = Path(__file__).parent.parent / "rulebooks" / "opposite.toml"
GOOD = OPPOSITE.read_text(encoding="utf-8")
ROWS = [
    {"tier": 1, "minNotional": 0, "maxNotional": 5000, "maintenanceMarginRate": 0.01, "maxLeverage": 50},
    {"tier": 2, "minNotional": 5000, "maxNotional": 9000, "maintenanceMarginRate": 0.02, "maxLeverage": 20},
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user's folder of its own."""
    monkeypatch.setenv("ISOCROSS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "rulebooks"
    folder.mkdir(parents=True)
    return folder


# ── list ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def unwrapped(text: str) -> str:
    """Without white space: a long path is broken where a line ends."""
    return "".join(text.split())


def test_list_has_a_line_for_every_rulebook_and_every_venue_without_one(home):
    (home / "mine.toml").write_text(GOOD.replace('"opposite"', '"mine"', 1), encoding="utf-8")
    result = ix.rules.list()
    entries = {entry.name: entry for entry in result.entries}
    assert list(entries) == ["binance-coinm", "binance-usdm", "bitmex", "bybit-linear", "hyperliquid", "mine", "okx"]
    assert [entry.is_runnable for entry in result.entries] == [True] * 6 + [False]
    assert [entry.origin for entry in result.entries] == ["shipped"] * 5 + ["yours"] + ["facts"]
    mine = entries["mine"]
    assert (mine.venue, mine.as_of, mine.contract_count) == ("Opposite Exchange (made up)", "2020-01-01", 3)
    assert (mine.default_margin_mode, mine.default_leverage) == ("isolated", "3x")
    okx = entries["okx"]
    assert (okx.default_margin_mode, okx.default_leverage) == ("none", None)
    assert okx.reasons == ("no rulebook of this venue is there yet",)
    text = repr(result)
    assert "okx               OKX perpetual swaps     2026-11-22  no        none, unknown\n" in text
    assert unwrapped(f"yours, in {home}: mine") in unwrapped(text)
    assert result.frame.height == 7
    told = result.to_dict()
    assert told["schema"] == "isocross.rules.list/1"
    assert told["rulebooks"][6]["default_leverage"] is None


def test_a_rulebook_of_the_users_that_cannot_be_read_has_its_line_too(home):
    (home / "broken.toml").write_text("format = 1\nname = 7\n", encoding="utf-8")
    entry = next(entry for entry in ix.rules.list().entries if entry.name == "broken")
    assert not entry.is_runnable
    assert "broken.toml:2: name = 7: expected a text" in entry.reasons[0]
    assert "broken.toml:2: name = 7" in repr(ix.rules.list())


# ── show ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "shown", "origin", "venue", "book"),
    [
        ("binance-usdm", "binance-usdm", "shipped", "binance", "binance-usdm"),
        ("binance", "binance-usdm", "shipped", "binance", "binance-usdm"),
        ("bybit", "bybit-linear", "shipped", "bybit", "bybit-linear"),
        ("hyperliquid", "hyperliquid", "shipped", "hyperliquid", "hyperliquid"),
        ("okx", "okx", "facts", "okx", None),
        ("bitmex", "bitmex", "shipped", "bitmex", "bitmex"),
        (str(OPPOSITE), "opposite", "file", None, "opposite"),
        (OPPOSITE, "opposite", "file", None, "opposite"),
        (rb.load("hyperliquid"), "hyperliquid", "file", "hyperliquid", "hyperliquid"),
    ],
)
def test_what_a_name_or_a_path_stands_for(name, shown, origin, venue, book):
    choice = ix.rules.show(name).choice
    assert (choice.name, choice.origin) == (shown, origin)
    assert (choice.venue.name if choice.venue else None) == venue
    assert (choice.rulebook.name if choice.rulebook else None) == book


def test_an_overlay_of_the_users_has_the_facts_of_its_base(home):
    text = 'format = 1\nname = "mine"\nbase = "binance-usdm"\n[columns]\ndefault_leverage = 5\n'
    (home / "mine.toml").write_text(text, encoding="utf-8")
    result = ix.rules.show("mine")
    assert result.choice.venue is venues.venue("binance")
    column = next(column for column in result.rulebook_columns if column.name == "default_leverage")
    assert (column.value, column.is_decided, column.rests_on) == ("5", True, "decided: set by mine")
    assert unwrapped(f"read from {home / 'mine.toml'}") in unwrapped(repr(result))


def test_show_tells_every_fact_and_every_column():
    result = ix.rules.show("binance")
    text = repr(result)
    assert text.startswith("binance-usdm, Binance USDⓈ-M Futures; runnable: yes\n")
    for fact in venues.venue("binance").facts.values():
        assert fact.label in text
    assert "Change with a position     refused" in text
    assert "-4048 position, -4047 open orders" in text
    assert "Counted at                 unknown (the price at which a payment    unknown" in text
    assert "remainder_to                  ACCOUNT" in text
    assert "decided: copies of" in text
    assert "[3] noted 2026-11-22, venue: https://www.binance.com/en/support/articles/360038075852" in text
    assert "tiers (2024-10-24): leverage brackets as the venue's API returned them" in text
    assert "BTCUSDT     USDT" in text
    rows = result.frame
    assert set(rows["kind"]) == {"fact", "rulebook"}
    assert rows.filter(name="default_margin_mode")["value"].to_list() == ["cross", "CROSS"]
    assert rows.filter(kind="fact", standing="unknown")["name"].to_list() == ["funding_price"]
    assert max(map(len, text.splitlines())) <= 100


def test_show_of_a_venue_that_does_not_run_says_so():
    result = ix.rules.show("okx")
    assert repr(result).startswith("okx, OKX perpetual swaps; runnable: no (no rulebook of this venue is there yet)\n")
    told = result.to_dict()
    assert (told["is_runnable"], told["rulebook"], told["contract"]) == (False, None, None)
    fact = next(fact for fact in told["facts"] if fact["name"] == "adl_ranking")
    assert (fact["value"], fact["unknown"], fact["standing"], fact["sources"]) == (None, "the ranking", "unknown", [])
    named = {source["name"] for source in told["sources"]}
    assert all(set(fact["sources"]) <= named for fact in told["facts"])


@pytest.mark.parametrize("symbol", ["BTCUSDC", "btcusdc", "BTC/USDC:USDC"])
def test_show_of_one_contract_has_its_columns_and_brackets(symbol):
    result = ix.rules.show("hyperliquid", symbol)
    text = repr(result)
    assert "CONTRACT BTCUSDC" in text
    assert "2        150000000  5000000000   2.5 %    1875000   20x" in text
    columns = {column.name: column for column in result.contract_columns}
    assert columns["step"].rests_on == "meta (2026-09-25)"
    assert columns["tick"].rests_on.startswith("decided: the venue allows five significant figures")
    contract = result.to_dict()["contract"]
    assert contract["symbol"] == "BTCUSDC"
    assert contract["brackets"][1] == {
        "floor": "150000000", "cap": "5000000000", "rate": "0.025", "deduction": "1875000", "leverage_max": 20,
    }  # fmt: skip
    assert "contract" in set(result.frame["kind"])


def test_show_of_a_large_import_stays_on_a_few_screens(home, tmp_path):
    tiers = {f"C{number}/USDT:USDT": ROWS for number in range(60)}
    file = tmp_path / "tiers.json"
    file.write_text(json.dumps(tiers), encoding="utf-8")
    ix.rules.import_file(file, name="many")
    result = ix.rules.show("many")
    text = repr(result)
    assert f"{len(result.choice.rulebook.symbols) - 40} more contracts; --contract SYMBOL" in text
    assert len(result.to_dict()["rulebook"]["contracts"]) == 72


def test_bad_names():
    with pytest.raises(InputError, match=r"name: 'kraken' is none of binance-coinm, binance-usdm, .* nor a venue .*okx.* nor a path"):
        ix.rules.show("kraken")
    with pytest.raises(RulebookError, match=r"nowhere\.toml: cannot be read"):
        ix.rules.show("nowhere.toml")
    with pytest.raises(UnknownSymbolError, match="has no contract 'FOO'"):
        ix.rules.show("binance", "FOO")
    with pytest.raises(InputError, match="contract: 'BTC': okx has none"):
        ix.rules.show("okx", "BTC")


# ── check ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_rulebook():
    result = ix.rules.check(OPPOSITE)
    assert (result.kind, result.faults, result.reasons, result.is_negative) == ("rulebook", (), (), False)
    facts = dict(result.facts)
    assert facts["contracts"] == "AAAUSD, BBBUSD, CCCUSD"
    assert facts["sourced columns"] == "0 of 23"
    assert facts["content hash"] == rb.load(OPPOSITE).content_hash
    assert result.rulebook == rb.load(OPPOSITE)
    assert repr(result).startswith(f"{OPPOSITE}: rulebook, good\n")
    assert result.frame.height == 0


def test_a_faulty_rulebook_names_every_fault(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text(
        GOOD.replace('"ISOLATED"', '"ISO"', 1).replace("tick = 0.5", "tick = 0", 1).replace("step = 50", "stp = 50", 1),
        encoding="utf-8",
    )
    result = ix.rules.check(str(file))
    assert result.is_negative
    assert [fault.thing for fault in result.faults] == [
        "[columns] default_margin_mode", "[symbol.AAAUSD] tick", "[symbol.CCCUSD] step", "[symbol.CCCUSD] stp",
    ]  # fmt: skip
    first = result.faults[0]
    assert (first.file, first.line, first.value) == (str(file), 10, "'ISO'")
    assert first.expected == "one of CROSS, ISOLATED"
    assert f"- {first.text}" in repr(result).replace("\n  ", " ")
    assert repr(result).startswith(f"{file}: rulebook, 4 faults\n")
    assert result.frame["line"].to_list() == [fault.line for fault in result.faults]
    assert result.to_dict()["faults"][0]["line"] == 10


def test_a_rulebook_that_is_right_and_does_not_run(tmp_path):
    file = tmp_path / "empty.toml"
    file.write_text(GOOD.split("[symbol.")[0], encoding="utf-8")
    result = ix.rules.check(file)
    assert (result.faults, result.reasons, result.is_negative) == ((), ("it has no symbol",), True)
    assert "does not run" in repr(result)
    told = result.to_dict()
    assert (told["is_good"], told["is_runnable"]) == (True, False)


def test_a_name_of_the_users_folder_is_checked_too(home):
    (home / "mine.toml").write_text("format = 1\n", encoding="utf-8")
    result = ix.rules.check("mine")
    assert [fault.text for fault in result.faults] == [f"{home / 'mine.toml'}:1: name is missing: expected a text"]
    assert not ix.rules.check("bybit-linear").is_negative


@pytest.mark.parametrize("name", ["tiers.json", "tiers", "tiers.txt"])
def test_a_file_of_brackets(tmp_path, name):
    file = tmp_path / name
    data = {"ETH/USDT:USDT": ROWS, "BTC/USDT:USDT-241227": ROWS, "FOO/EUR:EUR": ROWS}
    file.write_text(json.dumps(data, indent=1), encoding="utf-8")
    result = ix.rules.check(file)
    assert (result.kind, result.faults, result.is_negative) == ("ccxt or freqtrade leverage tiers", (), False)
    assert dict(result.facts)["brackets"] == "2"
    assert [note.split(": ")[2] for note in result.notes] == ["BTC/USDT:USDT-241227", "FOO/EUR:EUR"], (
        "left out, and no fault"
    )
    assert "left out: line 18: BTC/USDT:USDT-241227: it delivers on a date" in result.notes[0]


def test_a_faulty_file_of_brackets(tmp_path):
    file = tmp_path / "tiers.json"
    data = {"ETH/USDT:USDT": ROWS, "FOO/USDT:USDT": [ROWS[0], {**ROWS[1], "maintenanceMarginRate": 0.005}]}
    file.write_text(json.dumps(data, indent=1), encoding="utf-8")
    result = ix.rules.check(file)
    (fault,) = result.faults
    assert (fault.line, fault.thing) == (26, "FOO/USDT:USDT")
    assert fault.text == (
        f"{file}:26: FOO/USDT:USDT: bracket 2 has rate 0.005: expected at least 0.01, the rate of the bracket before it"
    )
    assert result.is_negative


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", b"{", "x.json:1: Expecting property name"),
        ("x", b"{ nothing", "x:1: Expecting property name"),
        ("x.json", b"[]", "x.json:1: JSON: expected Binance's leverageBracket answer"),
        ("x.json", b'{"A/USDT:USDT": []}', "x.json:1: A/USDT:USDT: it has no list of brackets: expected at least one"),
        ("x.json", b'{"A/EUR:EUR": %s}' % json.dumps(ROWS).encode(), "x.json:1: A/EUR:EUR: rulebook binance-usdm has no"),
        ("x.toml", b"a = = 1", "x.toml:1: expected TOML"),
        ("x.toml", b"a = '\xff'", "x.toml:1: byte 0xff: expected UTF-8 text"),
        ("x", b"[columns]\nfoo = 1\n", "x:1: format is missing: expected a whole number in 1 … 1"),
        ("x", b"", "x:1: format is missing"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_altogether_are_an_answer(tmp_path, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    result = ix.rules.check(file)
    assert result.is_negative
    assert said in result.faults[0].text
    assert result.faults[0].line == 1


@pytest.mark.parametrize("name", ["absent.toml", "absent.json", "absent.parquet", ".", "damaged.parquet", "damaged"])
def test_files_that_cannot_be_read_are_errors(tmp_path, name):
    for damaged in ("damaged.parquet", "damaged"):
        (tmp_path / damaged).write_bytes(b"PAR1 but not really")
    with pytest.raises(RulebookError) as error:
        ix.rules.check(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path))


def test_a_text_that_is_no_file():
    with pytest.raises(InputError, match="file: 'nothing' is neither a path nor one of binance-coinm, binance-usdm, "):
        ix.rules.check("nothing")


# ── the public module ──────────────────────────────────────────────────────────────────────────────────────────────


def test_asking_for_rules_loads_no_engine():
    code = (
        "import sys, isocross as ix; ix.rules.list(); ix.rules.show('okx'); ix.rules.check('hyperliquid');"
        "print([n for n in ('numba', 'numpy', 'polars', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_public_names():
    assert set(ix.rules.__all__) == {"check", "diff", "import_file", "list", "names", "show"}
    for name in ix.rules.__all__:
        assert callable(getattr(ix.rules, name))
    assert ix.rules.names() == rb.names()
    with pytest.raises(AttributeError, match="no attribute 'lust'"):
        ix.rules.lust  # noqa: B018


@pytest.mark.parametrize("result", [ix.rules.list, lambda: ix.rules.show("bitmex"), lambda: ix.rules.check(OPPOSITE)])
def test_every_result_shows_itself(result):
    answer = result()
    assert answer.to_pandas().shape == answer.frame.shape
    assert "<table>" in answer._repr_html_()
    assert answer.plot().get_suptitle()
    json.dumps(answer.to_dict())
