"""`isocross advise` as a program: text, JSON, environment, questions on a terminal, exit status."""

import json
import os
import pty
import re
import select
import subprocess
import sys

import pytest
import typer

from isocross.cli import app

TRADE = [
    "advise",
    "BTCUSDT",
    "--side",
    "long",
    "--entry",
    "60000",
    "--stop",
    "58000",
    "--risk",
    "1%",
    "--wallet",
    "10_000",
]
QUESTIONS = [  # what is asked, and an answer
    ("Contract, for example BTCUSDT", "BTCUSDT"),
    ("Side (long/short)", "long"),
    ("Entry price", "60000"),
    ("Stop price", "58000"),
    ("Wallet: what is in the cross wallet now", "10000"),
    ("Risk budget: the most to lose at the stop, money or 1% of the wallet", "100"),
    ("How long will it be held: 8h, 3d, 2w", ""),
    ("Other cross positions: ETHUSDT short 2 @ 3000; the next one after a semicolon", ""),
    ("Are you new to perpetuals (y/n)", "no"),
    ("Is somebody there to watch it, and to cut or adjust it (y/n)", "y"),
    ("Conviction (low/medium/high)", ""),
    ("Do several strategies run in this account (y/n)", ""),
    ("Legs: together to pay for each other, a hedge kept apart, or none (together/apart/none)", ""),
    ("Purpose (core/speculation)", "core"),
]


def on_a_terminal(arguments, replies):
    """Run a command line at a terminal of its own: (status, all that was shown)."""
    ours, theirs = pty.openpty()
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ISOCROSS_")}
    environment = {**bare, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [sys.executable, "-m", "isocross", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True,
    ) as running:  # fmt: skip
        os.close(theirs)
        shown, waiting = "", list(replies)
        while select.select([ours], [], [], 60)[0]:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the terminal is closed
                break
            if not part:
                break
            shown += part.decode("utf-8", "replace")
            if waiting and shown.endswith(": "):
                os.write(ours, f"{waiting.pop(0)}\n".encode())
        os.close(ours)
        return running.wait(timeout=60), shown


def test_one_answer_with_its_rule_and_its_price(by_hand):
    status, out, err = by_hand(*TRADE, "--purpose", "speculation", "--hold", "8h", "--funding-rate", "0")
    assert (status, err) == (0, "")
    text = " ".join(out.split())
    assert out.startswith("BTCUSDT long: isolated, 10x, 0.048 BTC, margin 288.00\nRulebook by-hand as of 2025-01-01.")
    assert re.search(r"isolated, advised +cross\n", out)
    assert re.search(r"Liquidation price +54,216\.87 +none", out)
    assert re.search(r"beyond the stop +\+6\.52 %", out)
    assert re.search(r"Loss at the stop +98\.83 +98\.83", out)
    assert "Rule 5, speculation: this is a speculation. The price of a speculation" in text
    assert "Cross could cost 2,881.44 USDT, where isolated costs at most 289.44: 2,592.00 more" in text
    assert "What goes where - BTCUSDT long: isolated, with 288.00 USDT of its own" in text
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_cross_and_hybrid(by_hand):
    legs = ["--legs", "together", "--position", "ETHUSDT short 2 @ 3000"]
    status, out, _ = by_hand(*TRADE, *legs)
    assert status == 0
    assert out.startswith("BTCUSDT long: cross, 5x")
    assert re.search(r"isolated +cross, advised\n", out)
    assert "- ETHUSDT short 2: the other leg, in the same pool" in out
    _, out, _ = by_hand(*TRADE, "--legs", "apart", *legs[2:])
    assert out.startswith("BTCUSDT long: isolated, 5x")
    assert "- ETHUSDT short 2: stays in the cross pool with the book" in out


def test_explain(by_hand):
    status, out, _ = by_hand(*TRADE, "--explain", "--hold", "8h")
    assert status == 0
    assert "Rules, in order; the first that decides is the answer" in out
    assert "price        0.048 × (60000 − 58000) = 96" in out
    assert "tried in the engine" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json(by_hand):
    status, out, _ = by_hand(*TRADE, "--json", "--explain")
    data = json.loads(out)
    assert (status, data["schema"], data["mode"], data["rule"]) == (
        0,
        "isocross.advise/1",
        "isolated",
        "no-reason-for-cross",
    )
    assert data["explain"][0].startswith("Rules, in order")
    assert data["isolated"]["liquidation_price"].startswith("54216.867")
    assert data["answers"] == {
        "new": None, "watching": None, "conviction": None, "several": None, "legs": None, "purpose": None,
    }  # fmt: skip


def test_environment(by_hand, monkeypatch):
    said = {"SYMBOL": "BTCUSDT", "SIDE": "long", "ENTRY": "60000", "STOP": "58000", "RISK": "100", "WALLET": "10000",
            "POSITION": "ETHUSDT short 2 @ 3000;SOLUSDC long 1 @ 100", "NEW": "1", "JSON": "1"}  # fmt: skip
    for name, value in said.items():
        monkeypatch.setenv(f"ISOCROSS_{name}", value)
    status, _, err = by_hand("advise")
    assert (status, err.startswith("error: position: SOLUSDC is margined in USDC")) == (2, True)
    monkeypatch.setenv("ISOCROSS_POSITION", "ETHUSDT short 2 @ 3000")
    status, out, _ = by_hand("advise")
    assert (status, json.loads(out)["rule"], json.loads(out)["layout"]) == (0, "new-to-perps", "hybrid")


def test_help_names_every_environment_variable(by_hand):
    _, out, _ = by_hand("advise", "--help")
    text = " ".join(out.replace("│", " ").split())
    for parameter in typer.main.get_command(app).commands["advise"].params:
        if parameter.name != "help":
            word = "JSON" if parameter.name == "as_json" else parameter.name.upper()
            assert f"ISOCROSS_{word}" in text, parameter.name


def test_where_nothing_fits_the_status_is_1(by_hand):
    status, out, err = by_hand(*TRADE[:-4], "--risk", "1", "--wallet", "100")
    assert (status, err) == (1, "")
    assert out.startswith("BTCUSDT long: isolated, and no quantity fits")
    assert "the least order, 0.002 BTC worth 120, loses" in " ".join(out.split())


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--side", "up"], "side: 'up'"),
        (["--entry", "x"], "entry: 'x' is not a number"),
        (["--stop", "61000"], "stop: 61000 is on the wrong side"),
        (["--risk", "0"], "risk: 0 is not above 0"),
        (["--hold", "1y"], "hold: '1y' does not read"),
        (["--mark", "0"], "mark: 0 is not above 0"),
        (["--conviction", "so-so"], "conviction: 'so-so'"),
        (["--legs", "two"], "legs: 'two'"),
        (["--purpose", "x"], "purpose: 'x'"),
        (["--wallet", "-1"], "wallet: -1 is not above 0"),
        (["--position", "ETH"], "position: 'ETH' does not read as"),
        (["--fee", "5%"], "fee: 5% is 5 %"),
        (["--funding-rate", "9%"], "funding-rate: 9% is outside"),
        (["--rulebook", "nowhere"], "rulebook: 'nowhere' is none of"),
        (["--new=maybe"], "'--new'"),
    ],
)
def test_bad_input_on_every_option_is_one_line_and_2(by_hand, more, text):
    status, out, err = by_hand(*TRADE, *more)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert text in err
    assert err.count("\n") == 1


def test_without_a_terminal_what_is_missing_is_named_and_nothing_is_asked(by_hand):
    status, out, err = by_hand("advise", "BTCUSDT", "--entry", "60000")
    assert (status, out) == (2, "")
    assert err == "error: side: missing; say --side, --stop, --wallet, --risk\n"


def test_on_a_terminal_it_asks_for_everything():
    status, shown = on_a_terminal(["advise"], [reply for _, reply in QUESTIONS])
    assert status == 0, shown
    places = [shown.index(f"{question}: ") for question, _ in QUESTIONS]
    assert places == sorted(places)
    assert "BTCUSDT long: cross, 3x" in shown
    assert "Rule 9, watched-core" in shown


def test_on_a_terminal_only_what_was_not_said_is_asked_and_a_wrong_word_is_asked_again():
    said = [*TRADE, "--hold", "8h", "--not-new", "--watching", "--conviction", "high", "--single", "--legs", "none"]
    status, shown = on_a_terminal(said, ["", "fun", "speculation"])
    assert status == 0, shown
    assert shown.count("Purpose (core/speculation): ") == 2
    assert "Entry price" not in shown
    assert "Rule 5, speculation" in shown


def test_on_a_terminal_nothing_is_asked_with_no_ask():
    status, shown = on_a_terminal([*TRADE, "--no-ask"], [])
    assert status == 0, shown
    assert "Purpose (" not in shown
    status, shown = on_a_terminal(["advise", "--no-ask"], [])
    assert (status, "symbol: missing" in shown) == (2, True)


def test_on_a_terminal_what_cannot_be_is_asked_again():
    replies = ["nope", "long", "60000", "5x", "61000", "10000", "1%", "", "FOO short 1 @ 1", "", "", "", "", "", "",
               "BTCUSDT", "58000", "ETHUSDT short 2 @ 3000"]  # fmt: skip
    status, shown = on_a_terminal(["advise"], replies)
    assert status == 0, shown
    lines = shown.replace("\r", "").splitlines()
    faults = [line for line in lines if line.startswith("error: ")]
    assert [fault.split(":")[1].split()[0] for fault in faults] == ["stop", "rulebook", "stop", "rulebook"]
    assert "error: stop: '5x' is not a number (write it like 10_000 or 0.25)" in faults
    assert shown.count("Stop price: ") == 3
    assert "BTCUSDT long: isolated, 10x, 0.048 BTC" in shown
    assert "ETHUSDT short 2: stays in the cross pool" in shown


def test_on_a_terminal_a_wrong_option_is_not_asked_for():
    status, shown = on_a_terminal(["advise", "BTCUSDT", "--side", "long", "--entry", "60000", "--stop", "61000"],
                                  ["10000", "100", *[""] * 8])  # fmt: skip
    assert (status, "error: stop: 61000 is on the wrong side" in shown) == (2, True)
