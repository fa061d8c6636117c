"""`isocross liq` as a program: text, JSON, environment, exit status, and what it must not load."""

import json
import os
import re
import subprocess
import sys

import pytest

from isocross.cli import main
from tests.unit.liq_book import BOOK

TRADE = ["liq", "BTCUSDT", "--side", "long", "--qty", "0.083", "--entry", "60000", "--leverage", "10"]


@pytest.fixture(autouse=True)
def the_rulebook_by_hand(monkeypatch):
    """Commands meet the tests' own rulebook and none of the caller's environment."""
    for name in list(os.environ):
        if name.startswith("ISOCROSS_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("isocross.rulebook.load", lambda name: BOOK)
    monkeypatch.setattr("isocross.rulebook.names", lambda: ["binance-usdm", "by-hand"])


@pytest.fixture
def run(capsys):
    """Run a command line in this process: (status, stdout, stderr)."""

    def run_main(*arguments):
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_main


def program(*arguments, **environment):
    """Run a command line as a process of its own."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ISOCROSS_")}
    return subprocess.run(
        [sys.executable, "-m", "isocross", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**bare, "PYTHONIOENCODING": "utf-8", **environment},
        timeout=60,
    )


def test_both_modes_side_by_side(run):
    status, out, err = run(*TRADE, "--wallet", "1_000")
    assert (status, err) == (0, "")
    assert re.search(r"isolated +cross\n", out)
    assert re.search(r"Liquidation price +54,216\.87 +48,", out)
    assert re.search(r"from mark +-9\.64 % +-19\.", out)
    assert re.search(r"Bankruptcy price +54,000\.00 +47,981\.81", out)
    assert re.search(r"Initial margin +498\.00 +498\.00", out)
    assert re.search(r"Maintenance margin +19\.92 +19\.92", out)
    assert re.search(r"Effective leverage +10\.00x +4\.99x", out)
    assert re.search(r"Most that can be lost +500\.49 +1,000\.00", out)
    assert re.search(r"Max open, BTC +0\.165 +0\.165", out)
    assert "depends on the rest of the pool" in out
    assert "isolated_fill_basis" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("mode", "absent"), [("isolated", "cross"), ("cross", "isolated")])
def test_one_mode(run, mode, absent):
    status, out, _ = run(*TRADE, "--wallet", "1000", "--mode", mode.upper())
    assert status == 0
    heading = next(line for line in out.splitlines() if line.strip() in ("isolated", "cross"))
    assert heading.strip() == mode
    assert f"{absent}:" not in out


def test_none_is_a_word_with_its_reason(run):
    status, out, _ = run(*TRADE, "--wallet", "1_000_000")
    assert status == 0
    assert re.search(r"Liquidation price +54,216\.87 +none", out)
    assert "no liquidation and no bankruptcy price, the margin outlasts any fall" in " ".join(out.split())


def test_without_a_wallet_max_open_says_what_it_needs(run):
    _, out, _ = run(*TRADE)
    assert re.search(r"Max open, BTC +needs a wallet", out)
    assert "cross: say --wallet" in out


def test_explain(run):
    status, out, _ = run(*TRADE, "--wallet", "1000", "--explain", "--position", "ETHUSDT short 2 @ 3000 mark 2900")
    assert status == 0
    assert "ISOLATED: one unit before its liquidation price, 54216.86747013" in out
    assert "Pool: ETHUSDT short at mark 2900, 20x" in out
    assert "of the whole pool" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_says_its_schema_and_keeps_every_digit(run):
    status, out, err = run(*TRADE, "--wallet", "1000", "--json", "--roe", "15%")
    data = json.loads(out)
    assert (status, err) == (0, "")
    assert data["schema"] == "isocross.liq/1"
    assert data["isolated"]["liquidation"]["price"] == "54216.86747012"
    assert data["target"]["pnl"] == "74.7"
    assert "explain" not in data
    assert set(data) == {
        "schema", "rulebook", "as_of", "symbol", "unified_symbol", "margin_asset", "side", "quantity", "entry_price",
        "entry_value", "fills", "mark_price", "notional", "leverage", "fee_rate", "entry_fee", "acceptance_fee_rate",
        "wallet", "others", "isolated", "cross", "target", "notes", "decisions",
    }  # fmt: skip


def test_json_with_explain_carries_the_lines(run):
    _, out, _ = run(*TRADE, "--json", "--explain")
    assert json.loads(out)["explain"][0].startswith("BTCUSDT long 0.083 BTC, 10x")


def test_fills_margin_maker_and_the_name_bots_use(run):
    _, out, _ = run(
        "liq", "BTC/USDT:USDT", "--side", "short", "--fill", "0.05@60000", "--fill", "0.033 @ 61000 mark 61010",
        "--maker", "--leverage", "10x", "--json",
    )  # fmt: skip
    data = json.loads(out)
    assert data["symbol"] == "BTCUSDT"
    assert [fill["mark_price"] for fill in data["fills"]] == ["60000", "61010"]
    assert data["fee_rate"] == "0.0002"
    _, out, _ = run(*TRADE[:4], "--margin", "500", *TRADE[6:], "--json")
    assert json.loads(out)["quantity"] == "0.083"


def test_a_target_behind_the_liquidation_price_is_shown(run):
    _, out, _ = run(*TRADE, "--target", "54000")
    assert "Target: closing at 54,000.00 pays -498.00, ROE -100.00 %" in out
    assert "isolated: the liquidation price comes BEFORE this target" in out
    _, out, _ = run(*TRADE, "--pnl=-4980")
    assert "Target: none" in out


# ── Environment ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("LEVERAGE", "5", "leverage", 5),
        ("WALLET", "1_000", "wallet", "1000"),
        ("MARK", "60100", "mark_price", "60100"),
        ("TAKER", "0", "fee_rate", "0.0002"),
        ("FEE", "0.03%", "fee_rate", "0.0003"),
        ("ADDED_MARGIN", "7", "isolated.added_margin", "7"),
        ("MODE", "isolated", "cross", None),
        ("TARGET", "61000", "target.asked", "target"),
        ("ROE", "15%", "target.asked", "roe"),
        ("PNL", "5", "target.asked", "pnl"),
        ("POSITION", "ETHUSDT short 2 @ 3000; ", "others.0.symbol", "ETHUSDT"),
        ("RULEBOOK", "by-hand", "rulebook", "by-hand"),
    ],
)
def test_every_option_has_an_environment_name(run, monkeypatch, name, value, key, expected):
    monkeypatch.setenv(f"ISOCROSS_{name}", value)
    monkeypatch.setenv("ISOCROSS_JSON", "1")
    status, out, err = run(*TRADE[:8])
    assert (status, err) == (0, "")
    found = json.loads(out)
    for part in key.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    assert found == expected


def test_the_whole_question_may_come_from_the_environment(run, monkeypatch):
    for name, value in {"SYMBOL": "BTCUSDT", "SIDE": "long", "QTY": "0.083", "ENTRY": "60000", "EXPLAIN": "1"}.items():
        monkeypatch.setenv(f"ISOCROSS_{name}", value)
    status, out, _ = run("liq")
    assert status == 0
    assert "ISOLATED: what backs it" in out
    for name in ("QTY", "ENTRY"):
        monkeypatch.delenv(f"ISOCROSS_{name}")
    monkeypatch.setenv("ISOCROSS_FILL", "0.05@60000;0.033@61000")
    monkeypatch.setenv("ISOCROSS_JSON", "yes")
    assert len(json.loads(run("liq")[1])["fills"]) == 2
    monkeypatch.delenv("ISOCROSS_FILL")
    monkeypatch.setenv("ISOCROSS_MARGIN", "500")
    monkeypatch.setenv("ISOCROSS_ENTRY", "60000")
    assert json.loads(run("liq", "--leverage", "10")[1])["quantity"] == "0.083"


# ── Exit status ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_negative_answer_is_1_and_still_an_answer(run):
    status, out, err = run(*TRADE, "--wallet", "100")
    assert (status, err) == (1, "")
    assert "isolated: CANNOT BE OPENED, opening asks for 500.49" in out
    status, out, _ = run(*TRADE[:4], "--fill", "0.083@60000 mark 60000", "--mark", "50000", "--leverage", "10")
    assert status == 1
    assert "isolated: DUE, it would be liquidated at this mark" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["liq"], "SYMBOL"),
        (["liq", "BTCUSDT"], "--side"),
        (["liq", "BTCUSDT", "--side"], "--side"),
        (["liq", "BTCUSDT", "--frob"], "--frob"),
        (["frob"], "frob"),
        ([*TRADE, "--leverage", "126"], "leverage: 126 is outside 1 … 125"),
        ([*TRADE, "--entry", "60000.05"], "entry: 60000.05 is not a multiple of 0.1"),
        ([*TRADE, "--qty", "nan"], "qty: nan is not a finite number"),
        ([*TRADE, "--mode", "both-of-them"], "mode"),
        ([*TRADE, "--rulebook", "frob"], "rulebook: 'frob' is none of binance-usdm, by-hand"),
        (["liq", "NOPE", *TRADE[2:]], "NOPE"),
    ],
)
def test_bad_input_is_2_and_one_line(run, arguments, text):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert text in err
    assert err.count("\n") == 1


def test_a_missing_rulebook_file_is_3():
    done = program(*TRADE, "--rulebook", "./nowhere/at-all.toml")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_corrupt_rulebook_file_is_3(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_bytes(b"\xff\xfe not toml")
    done = program(*TRADE, "--rulebook", str(path))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


# ── As a process ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_liq_loads_neither_numba_nor_numpy_nor_polars():
    script = (
        "import sys\n"
        "from isocross.cli import main\n"
        f"status = main({[*TRADE, '--wallet', '1000', '--explain']!r})\n"
        "heavy = {'numba', 'llvmlite', 'numpy', 'polars', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        f"status = main({[*TRADE, '--json']!r})\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_json_does_not_even_load_rich():
    script = (
        f"import sys\nfrom isocross.cli import main\nmain({[*TRADE, '--json']!r})\nassert 'rich' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_terminal_without_unicode_gets_question_marks_not_a_crash():
    done = program(*TRADE, "--explain", PYTHONIOENCODING="ascii", NO_COLOR="1")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "0.083 ? 60000 = 4980" in done.stdout


def test_a_reader_that_stops_early_is_no_error():
    command = f'"{sys.executable}" -m isocross {" ".join(TRADE)} --explain | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith("BTCUSDT long 0.083 BTC")
