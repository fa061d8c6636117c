"""`isocross size` as a program: text, JSON, environment, exit status, and what it must not load."""

import json
import re
import subprocess
import sys

import pytest

from tests.api.test_cli_liq import program

TRADE = [
    "size",
    "BTCUSDT",
    "--side",
    "long",
    "--entry",
    "60000",
    "--stop",
    "58000",
    "--risk",
    "100",
    "--leverage",
    "20",
]


def test_both_modes_side_by_side(by_hand):
    status, out, err = by_hand(*TRADE, "--wallet", "1_000", "--survive", "15%")
    assert (status, err) == (0, "")
    assert re.search(r"isolated +cross\n", out)
    assert re.search(r"Quantity, BTC +0\.048 +0\.048", out)
    assert re.search(r"Loss at the stop, with fees +98\.83 +98\.83", out)
    assert re.search(r"Stop +comes first +comes first", out)
    assert re.search(r"Survives 15\.00 %, to 51,000\.00 +NO +yes", out)
    assert re.search(r"least isolated margin for it +441\.80", out)
    assert re.search(r"highest leverage for it +6x", out)
    assert re.search(r"least free balance for it +443\.24", out)
    assert "isolated and cross, tried: 0.048 BTC loses 98.832; 0.049 BTC loses 100.891" in " ".join(out.split())
    assert "isolated, tried: 6x lives at 51,000.00; 7x is liquidated at 51," in " ".join(out.split())
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("mode", "absent"), [("isolated", "cross"), ("cross", "isolated")])
def test_one_mode(by_hand, mode, absent):
    status, out, _ = by_hand(*TRADE, "--wallet", "1000", "--mode", mode.upper())
    assert status == 0
    assert f"{absent}," not in out


def test_json_says_its_schema_and_keeps_every_digit(by_hand):
    status, out, err = by_hand(*TRADE, "--survive", "15%", "--json")
    data = json.loads(out)
    assert (status, err) == (0, "")
    assert data["schema"] == "isocross.size/1"
    assert set(data) == {
        "schema", "rulebook", "as_of", "symbol", "unified_symbol", "margin_asset", "side", "entry_price", "mark_price",
        "stop_price", "leverage", "budget", "wallet", "entry_fee_rate", "exit_fee_rate", "others", "survive", "isolated",
        "cross", "notes", "decisions",
    }  # fmt: skip
    assert data["isolated"]["quantity"] == "0.048"
    assert data["isolated"]["survive"]["least_margin"] == "441.79200002"
    assert data["cross"]["survive"]["least_wallet"] == "443.23200002"


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("LEVERAGE", "5x", "leverage", 5),
        ("WALLET", "1_000", "wallet", "1000"),
        ("MARK", "60100", "mark_price", "60100"),
        ("TAKER", "0", "entry_fee_rate", "0.0002"),
        ("FEE", "0.03%", "exit_fee_rate", "0.0003"),
        ("MODE", "isolated", "cross", None),
        ("SURVIVE", "0.15", "survive", "0.15"),
        ("POSITION", "ETHUSDT short 2 @ 3000; ", "others.0.symbol", "ETHUSDT"),
        ("RULEBOOK", "by-hand", "rulebook", "by-hand"),
    ],
)
def test_every_option_has_an_environment_name(by_hand, monkeypatch, name, value, key, expected):
    monkeypatch.setenv(f"ISOCROSS_{name}", value)
    monkeypatch.setenv("ISOCROSS_JSON", "1")
    status, out, err = by_hand(*TRADE[:10])
    assert (status, err) == (0, "")
    found = json.loads(out)
    for part in key.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    assert found == expected


def test_the_whole_question_may_come_from_the_environment(by_hand, monkeypatch):
    asked = {
        "SYMBOL": "BTC/USDT:USDT",
        "SIDE": "short",
        "ENTRY": "60000",
        "STOP": "62000",
        "RISK": "1%",
        "WALLET": "10000",
    }
    for name, value in asked.items():
        monkeypatch.setenv(f"ISOCROSS_{name}", value)
    status, out, _ = by_hand("size", "--json")
    assert (status, json.loads(out)["cross"]["quantity"]) == (0, "0.048")
    monkeypatch.delenv("ISOCROSS_RISK")
    monkeypatch.setenv("ISOCROSS_QTY", "0.01")
    assert json.loads(by_hand("size", "--json")[1])["cross"]["limited_by"] == "asked"


def test_a_negative_answer_is_1_and_still_an_answer(by_hand):
    status, out, err = by_hand(*TRADE[:6], "--stop", "50000", "--risk", "100", "--mode", "isolated")
    assert (status, err) == (1, "")
    assert "isolated: THE STOP IS BEYOND LIQUIDATION" in out
    status, out, _ = by_hand(*TRADE[:8], "--risk", "3")
    assert status == 1
    assert "cross: NO SIZE FITS, the least order, 0.002 BTC, loses 4.118" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["size"], "SYMBOL"),
        (["size", "BTCUSDT", "--side", "long"], "--entry"),
        ([*TRADE, "--frob"], "--frob"),
        ([*TRADE, "--leverage", "126"], "leverage: 126 is outside 1 … 125"),
        ([*TRADE, "--entry", "60000.05"], "entry: 60000.05 is not a multiple of 0.1"),
        ([*TRADE, "--stop", "60500"], "stop: 60500 is on the wrong side: for a long it lies below the entry, 60000"),
        ([*TRADE, "--risk", "nan"], "risk: nan is not a finite number"),
        ([*TRADE, "--risk", "1%"], "risk: 1% is a share of the wallet; say --wallet"),
        ([*TRADE, "--qty", "1"], "risk: say exactly one of --risk"),
        ([*TRADE, "--survive", "15"], "survive: 15 without a % says 1500 %"),
        ([*TRADE, "--wallet", "-5"], "wallet: -5 is not above 0"),
        ([*TRADE, "--mark", "0"], "mark: 0 is not above 0"),
        ([*TRADE, "--fee", "5%"], "fee: 5% is 5 %, not between 0 and 1 %"),
        ([*TRADE, "--position", "frob"], "position: 'frob' does not read as"),
        ([*TRADE, "--mode", "both-of-them"], "mode"),
        ([*TRADE, "--rulebook", "frob"], "rulebook: 'frob' is none of binance-usdm, by-hand"),
        (["size", "NOPE", *TRADE[2:]], "NOPE"),
    ],
)
def test_bad_input_is_2_and_one_line(by_hand, arguments, text):
    status, out, err = by_hand(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert text in err
    assert err.count("\n") == 1


def test_size_needs_no_compiled_engine():
    script = (
        "import sys\n"
        "from isocross.cli import main\n"
        f"status = main({[*TRADE, '--wallet', '1000']!r})\n"
        "heavy = {'numba', 'llvmlite', 'polars', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_missing_rulebook_file_is_3():
    done = program(*TRADE, "--rulebook", "./nowhere/at-all.toml")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
