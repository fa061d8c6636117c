"""`isocross rules` from the outside: list, show, check, diff; one line and the right status for whatever is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from isocross.cli import app, main

OPPOSITE = Path(__file__).parent.parent / "rulebooks" / "opposite.toml"
WIDTH = 80


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOCROSS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def run_main(*arguments):
        status = main(["rules", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_main


def within_width(text: str) -> bool:
    """Whether every line fits, but for those that hold an address."""
    return all(len(line) <= WIDTH or "http" in line or "/" in line for line in text.splitlines())


def test_list_is_one_line_each(run):
    status, out, err = run("list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[2].split() == ["name", "venue", "as", "of", "runnable", "mode,", "leverage"]
    named = [line.split()[0] for line in lines[3:9]]
    assert named == ["binance-coinm", "binance-usdm", "bitmex", "bybit-linear", "hyperliquid", "okx"]
    assert "no        none, unknown" in lines[8]
    assert within_width(out)
    told = json.loads(run("list", "--json")[1])
    assert told["schema"] == "isocross.rules.list/1"
    assert [one["is_runnable"] for one in told["rulebooks"]] == [True] * 5 + [False]


@pytest.mark.parametrize("name", ["binance", "bybit", "okx", "hyperliquid", "bitmex"])
def test_show_is_there_for_all_five_venues(run, name):
    status, out, err = run("show", name)
    assert (status, err) == (0, "")
    assert f"runnable: {'no (' if name == 'okx' else 'yes'}" in out
    for label in ("Default margin mode", "Change with a position", "Ladder", "Fee in its price", "ADL ranking"):
        assert f"\n{label}" in out
    assert "unknown" in out
    assert within_width(out)
    told = json.loads(run("show", name, "--json")[1])
    assert told["schema"] == "isocross.rules.show/1"
    assert len(told["facts"]) == 27


def test_show_of_a_contract_by_option_and_by_environment(run, monkeypatch):
    status, out, _ = run("show", "binance", "--contract", "BTC/USDT:USDT")
    assert status == 0
    assert "BRACKET" in out
    monkeypatch.setenv("ISOCROSS_CONTRACT", "BTCUSDT")
    assert run("show", "binance")[1] == out


def test_show_of_a_file_of_ones_own(run):
    status, out, _ = run("show", OPPOSITE)
    assert status == 0
    assert out.startswith("opposite, Opposite Exchange (made up); runnable: yes\n")
    assert "no facts of Opposite Exchange (made up) are known" in out


def test_check_of_a_good_and_of_a_faulty_file(run, tmp_path):
    status, out, err = run("check", OPPOSITE)
    assert (status, err) == (0, "")
    assert "rulebook, good" in out
    bad = tmp_path / "bad.toml"
    bad.write_text(OPPOSITE.read_text(encoding="utf-8").replace("tick = 0.5", "tick = 0"), encoding="utf-8")
    status, out, err = run("check", "bad.toml")
    assert (status, err) == (1, "")
    line = bad.read_text(encoding="utf-8").splitlines().index("tick = 0") + 1
    assert f"- bad.toml:{line}: [symbol.AAAUSD] tick = 0: expected a price above 0\n" in out
    status, out, _ = run("check", "bad.toml", "--json")
    told = json.loads(out)
    assert (status, told["schema"], told["faults"][0]["line"]) == (1, "isocross.rules.check/1", line)


def test_diff_of_two_that_run(run):
    status, out, err = run(
        "diff", "binance-usdm", "bybit-linear", "--mode", "isolated", "--side", "short", "--crash", "0.2"
    )
    assert status == 0, err
    assert "short 0.083 BTC at 60,000.00, 10x, wallet 10,000.00; then +20.00 % in 10 min" in out
    assert re.search(r"^isolated +binance-usdm +bybit-linear$", out, re.MULTILINE)
    assert within_width(out)


def test_diff_as_json_reads_every_option_from_the_environment(run, monkeypatch):
    told = {"SYMBOL": "ETH", "SIDE": "short", "MARGIN": "300", "LEVERAGE": "5x", "WALLET": "5_000", "PRICE": "2000",
            "CRASH": "25%", "DEPTH": "0.5", "MODE": "CROSS", "JSON": "1"}  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"ISOCROSS_{name}", value)
    status, out, _ = run("diff", "bybit", "hyperliquid")
    result = json.loads(out)
    assert (status, result["schema"]) == (0, "isocross.rules.diff/1")
    trade = result["trade"]
    assert {key: trade[key] for key in ("side", "margin", "leverage", "wallet", "price", "crash", "depth")} == {
        "side": "short", "margin": "300", "leverage": 5, "wallet": "5000", "price": "2000", "crash": "0.25", "depth": "0.5",
    }  # fmt: skip
    assert trade["price_after"] == "2500"
    assert [life["symbol"] for life in trade["lives"]] == ["ETHUSDT", "ETHUSDC"]


def test_every_option_names_its_environment_variable(run):
    for name in ("list", "show", "check", "diff"):
        out = run(name, "--help")[1]
        text = " ".join(out.replace("│", " ").split())
        for parameter in typer.main.get_command(app).commands["rules"].commands[name].params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                word = "JSON" if parameter.name == "as_json" else parameter.name.upper()
                assert f"ISOCROSS_{word}" in text, (name, parameter.name)


def test_a_trade_that_one_refuses_is_a_negative_answer(run):
    status, out, err = run("diff", "binance", "hyperliquid", "--leverage", "100", "--mode", "cross")
    assert (status, err) == (1, "")
    assert "NOT OPENED" in out
    assert "LEVERAGE_OUT_OF_RANGE" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "Missing argument 'NAME'"),
        (["show", "kraken"], "name: 'kraken' is none of binance-coinm, binance-usdm, bitmex, bybit-linear, hyperliquid"),
        (["show", ""], "name: '' is none of"),
        (["show", "binance", "--contract", "FOO"], "has no contract 'FOO'"),
        (["show", "okx", "--contract", "BTC"], "contract: 'BTC': okx has none"),
        (["show", "binance", "--brackets"], "No such option: --brackets"),
        (["check"], "Missing argument 'FILE'"),
        (["check", "nothing"], "file: 'nothing' is neither a path nor one of"),
        (["diff", "binance"], "Missing argument 'B'"),
        (["diff", "binance", "kraken"], "name: 'kraken' is none of"),
        (["diff", "binance", "okx", "--side", "up"], "side: 'up' is neither long nor short"),
        (["diff", "binance", "okx", "--margin", "x"], "margin: 'x' is not a number"),
        (["diff", "binance", "okx", "--margin", "nan"], "margin: nan is not a finite number"),
        (["diff", "binance", "okx", "--leverage", "1.5"], "leverage: 1.5 is not a whole number"),
        (["diff", "binance", "okx", "--wallet", "0"], "wallet: 0 is not above 0"),
        (["diff", "binance", "bybit", "--price", "-1"], "price: -1 is not above 0"),
        (["diff", "binance", "okx", "--crash", "30"], "crash: 30 is out of range"),
        (["diff", "binance", "okx", "--depth", "200%"], "depth: 200% is out of range"),
        (["diff", "binance", "okx", "--mode", "hybrid"], "mode: 'hybrid' is none of cross, isolated, both"),
        (["diff", "binance", "bybit", "--symbol", "NOPE"], "symbol: 'NOPE': rulebook binance-usdm has no contract of NOPE"),
        (["diff", "binance", "bybit", "--symbol", "XRP"], "price: missing; expected the price of XRP"),
        (["list", "binance"], "Got unexpected extra argument"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_2(run, arguments, said):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize("arguments", [["show"], ["check"], ["diff", "binance"]])
@pytest.mark.parametrize("file", ["absent.toml", "./absent"])
def test_a_file_that_is_not_there_is_3(run, arguments, file):
    status, out, err = run(*arguments, file)
    assert (status, out) == (3, "")
    assert "absent" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("okx", "okx is a venue: its facts are shown by `isocross rules show okx`, nothing runs it"),
        ("binance", "binance is a venue: its rulebook is binance-usdm"),
        ("mine", "a path to a TOML file is taken too, and 'mine' is not a file"),
    ],
)
@pytest.mark.parametrize(
    "command", [["liq", "BTCUSDT", "--side", "long", "--qty", "1", "--entry", "60000"], ["compare"]]
)
def test_a_rulebook_option_that_names_no_rulebook_says_what_it_is(capsys, command, name, said):
    assert main([*command, "--rulebook", name]) == 2
    err = capsys.readouterr().err
    assert f"rulebook: {name!r} is none of binance-coinm, binance-usdm, bitmex, bybit-linear, hyperliquid" in err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["mine.toml", "mine"])
@pytest.mark.parametrize("command", [["liq", "AAAUSD", "--side", "long", "--qty", "1", "--entry", "60000"]])
def test_a_rulebook_option_takes_a_file_and_names_the_line_of_its_fault(capsys, tmp_path, command, name):
    text = OPPOSITE.read_text(encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main([*command, "--rulebook", name]) == 0
    assert "Rulebook opposite" in capsys.readouterr().out
    (tmp_path / name).write_text(text.replace("leverage_max = 40", "leverage_max = 0"), encoding="utf-8")
    assert main([*command, "--rulebook", name]) == 3
    line = text.splitlines().index("leverage_max = 40") + 1
    said = f"error: {name}:{line}: [columns] leverage_max = 0: expected a whole number in 1 … 1000\n"
    assert capsys.readouterr().err == said
