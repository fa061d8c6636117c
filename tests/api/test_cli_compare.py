"""`isocross compare` as a program: the demo, one trade, lists, files, exit status."""

import csv
import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest
import typer

from isocross.cli import app, main
from isocross.market.demo import demo_history

SHORT = ["--history", "A", "--end", "2026-01-05T00:30"]


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("ISOCROSS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def run(capsys):
    """Run a command line in this process: (status, stdout, stderr)."""

    def run_main(*arguments):
        status = main(["compare", *[str(argument) for argument in arguments]])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_main


@pytest.fixture
def folder(tmp_path):
    """The demos as files of a user."""
    for name, symbol in (("A", "BTCUSDT"), ("B", "FOOUSDT")):
        (one,) = demo_history(name).series
        last = one.last
        columns = {word: getattr(last, f"{word}_e8") / 1e8 for word in ("open", "high", "low", "close")}
        pl.DataFrame({"timestamp": last.time_ms, **columns}).write_csv(tmp_path / f"made-{symbol}-1m-last.csv")
        pl.DataFrame({"timestamp": one.funding.time_ms, "rate": one.funding.rate_e8 / 1e8}).write_csv(
            tmp_path / f"made-{symbol}-funding.csv"
        )
    return tmp_path


def test_demo_fits_a_small_screen_and_praises_nobody():
    done = subprocess.run(
        [sys.executable, "-m", "isocross", "compare"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=300,
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    text = " ".join(done.stdout.split())
    assert re.search(r"A isolated +A cross +B isolated +B cross", done.stdout)
    assert re.search(r"Liquidation price +54,216\.87 +none +162\.814 +89\.701", done.stdout)
    assert re.search(r"Wallet after +9,499\.46 +9,601\.57 +8,002\.18 +0\.00", done.stdout)
    assert "living longer saved 102.11" in text
    assert "living longer cost 8,002.18" in text
    assert "insurance fund takes it over" in text
    assert "the same outcome" in text
    assert not re.search(r"\b(better|best|wins?|winner|recommend)", text)


def test_demo_as_json(run):
    status, out, err = run("--json")
    data = json.loads(out)
    assert (status, err) == (0, "")
    assert data["schema"] == "isocross.compare/1"
    assert [one["history"]["name"] for one in data["results"]] == ["demo A", "demo B"]


def test_one_trade(run):
    status, out, err = run("--leverage", "20", "--margin", "1_000", "--wallet", "5,000")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(r"isolated +cross\n", out)
    assert "wallet 5,000.00 USDT" in out
    for label in (
        "Backed by",
        "Effective leverage",
        "Largest it could open, BTC",
        "Liquidation price",
        "Most that can be lost",
        "Liquidated",
        "Lived for",
        "Drawn beyond the margin",
        "Nearest to liquidation",
        "Trading fees",
        "Funding",
        "Wallet after",
    ):
        assert re.search(rf"^ *{re.escape(label)} ", out, re.MULTILINE), label
    assert "no mark was recorded" in " ".join(out.split())
    assert "The other order of each bar's low and high" in out
    assert "isolated_fill_basis" in out


def test_json_of_one_trade_is_one_run(run):
    status, out, _ = run(*SHORT, "--json")
    data = json.loads(out)
    assert (status, data["schema"]) == (0, "isocross.compare/1")
    assert set(data["modes"]) == {"isolated", "cross"}
    assert data["trade"]["quantity"] == "0.083"


def test_lists_make_a_table(run):
    status, out, _ = run(*SHORT, "--leverage", "5,10x,20", "--margin", "500, 1000")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert len(re.findall(r" isolated ", out)) == 6
    assert "1,000 at 20x" in out
    data = json.loads(run(*SHORT, "--leverage", "5,10", "--json")[1])
    assert [one["trade"]["leverage"] for one in data["results"]] == [5, 10]
    assert run(*SHORT, "--leverage", "50,125", "--margin", "100")[0] == 0, "a leverage has no thousands"


@pytest.mark.parametrize("text", ["1,000", "10,000,000", "500,100"])
def test_a_margin_that_is_a_number_and_a_list_alike_is_asked_about(run, text):
    status, _, err = run(*SHORT, "--margin", text)
    assert status == 2
    assert "reads as one number and as a list" in err


def test_second_position_adds_hybrid(run):
    status, out, _ = run(
        "--symbol", "BTCUSDT", "--second", "SOLUSDT short margin=300 leverage=5", "--end", "2026-01-05T00:30"
    )
    assert status == 0
    assert re.search(r"isolated +cross +hybrid\n", out)
    assert "Second: SOLUSDT short" in out
    assert "demo A + B" in out


def test_files_and_folders(run, folder):
    status, out, _ = run("--history", folder, "--symbol", "BTCUSDT")
    assert status == 0
    assert "54,216.87" in out
    last = folder / "made-BTCUSDT-1m-last.csv"
    _, by_file, _ = run("--last", last, "--funding", folder / "made-BTCUSDT-funding.csv", "--symbol", "BTC/USDT:USDT")
    assert re.findall(r"Wallet after.*", by_file) == re.findall(r"Wallet after.*", out)
    status, out, _ = run("--history", last, "--start", "2026-01-05T12:00", "--enter", "2026-01-05T13:00")
    assert status == 0
    assert "entered 2026-01-05 13:00" in " ".join(out.split())
    status, out, _ = run("--history", folder, "--symbol", "FOOUSDT", "--leverage", "5")
    assert status == 0
    assert "rules made from template" in " ".join(out.split())
    status, out, _ = run("--history", folder, "--symbol", "BTCUSDT", "--second", "FOOUSDT long margin=100 leverage=5")
    assert status == 0
    assert "hybrid" in out


def test_picture_and_events(run, tmp_path):
    picture, log = tmp_path / "p.png", tmp_path / "events.csv"
    status, out, _ = run(*SHORT, "--picture", picture, "--events", log)
    assert status == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader(log.read_text(encoding="utf-8").splitlines()))
    assert {row["mode"] for row in rows} == {"isolated", "cross"}
    for mode in ("isolated", "cross"):
        wallets = [
            row for row in rows if row["mode"] == mode and row["event"] == "wallet" and row["account"] == "trader"
        ]
        assert re.search(r"Wallet after", out)
        assert sum(float(row["amount"]) for row in wallets) == pytest.approx(float(wallets[-1]["balance"]))
    assert not {"book_level", "prices"} & {row["event"] for row in rows}
    lines = tmp_path / "events.jsonl"
    assert run(*SHORT, "--events", lines)[0] == 0
    assert [json.loads(line)["event"] for line in lines.read_text().splitlines()] == [row["event"] for row in rows]
    text = tmp_path / "events.txt"
    assert run(*SHORT, "--events", text)[0] == 0
    assert "isolated_fill" in text.read_text()


@pytest.mark.parametrize("arguments", [["--events"], ["--events", "-"], ["--events", *SHORT]])
def test_events_alone_go_to_stdout(run, arguments):
    status, out, _ = run(*(SHORT if SHORT[0] not in arguments else []), *arguments)
    assert status == 0
    assert re.search(r"^2026-01-05 00:00 +isolated +trader +filled +BTCUSDT buy 0\.083", out, re.MULTILINE)


def test_refused_is_1(run):
    status, out, err = run(*SHORT, "--wallet", "400")
    assert (status, err) == (1, "")
    assert "MARGIN_INSUFFICIENT" in out
    status, out, _ = run(*SHORT, "--margin", "20_000", "--leverage", "125", "--wallet", "100_000")
    assert status == 1
    assert "BRACKET_EXCEEDED" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--symbol", "NOPEUSDT"],
        ["--leverage", "0"],
        ["--leverage", "126"],
        ["--leverage", "5,,10"],
        ["--margin", "nan"],
        ["--margin", "0"],
        ["--margin", "-1"],
        ["--side", "up"],
        ["--stop", "70000"],
        ["--take-profit", "50000"],
        ["--start", "2026-01-06", "--end", "2026-01-05"],
        ["--enter", "2027-01-01"],
        ["--order", "random"],
        ["--second", "ETHUSDT"],
        ["--picture", "x.gif"],
        ["--events", "--json"],
        ["--rulebook", "nope"],
        ["--fund", "-1"],
        ["--nonsense"],
    ],
)
def test_bad_input_is_2(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_world_is_3(run, tmp_path, folder):
    corrupt = tmp_path / "made-BTCUSDT-1m-last.parquet"
    corrupt.write_bytes(b"PAR1 this is no parquet PAR1")
    for arguments in (
        ["--history", tmp_path / "nowhere"],
        ["--last", tmp_path / "nowhere.csv", "--symbol", "BTCUSDT"],
        ["--last", corrupt, "--symbol", "BTCUSDT"],
        ["--history", tmp_path / "made-FOOUSDT-1m-last.csv", "--mark", tmp_path / "made-FOOUSDT-1m-last.csv"],
        ["--history", "A", "--start", "2030-01-01"],
        [*SHORT, "--picture", tmp_path / "nowhere" / "p.png"],
        [*SHORT, "--events", tmp_path / "nowhere" / "e.csv"],
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (3, ""), arguments
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_environment_and_help(run, monkeypatch):
    monkeypatch.setenv("ISOCROSS_LEVERAGE", "20")
    monkeypatch.setenv("ISOCROSS_END", "2026-01-05T00:30")
    assert json.loads(run("--json")[1])["trade"]["leverage"] == 20
    monkeypatch.undo()
    status, out, _ = run("--help")
    text = " ".join(out.replace("│", " ").split())
    assert status == 0
    for parameter in typer.main.get_command(app).commands["compare"].params:
        if parameter.name != "help":
            word = "JSON" if parameter.name == "as_json" else parameter.name.upper()
            assert f"ISOCROSS_{word}" in text, parameter.name


def test_a_long_run_says_how_far_it_is(run, monkeypatch):
    monkeypatch.setattr("isocross.terminal.progress.LONG_RUN", 100)
    status, out, err = run("--history", "A", "--json")
    assert status == 0
    json.loads(out)
    assert err.splitlines()[0] == "isocross: replaying … 10 %"
    assert err.splitlines()[-1] == "isocross: replaying … 100 %"


def test_receipts_are_printed_below(run):
    status, out, _ = run("--history", "B", "--receipt")
    assert status == 0
    told = [line for line in out.splitlines() if line.startswith("Receipt ")]
    assert told == ["Receipt 1: trader, SOLUSDT isolated, long 27 SOL"]
    assert out.count("It sums to zero") == 1
    assert max(map(len, out.splitlines())) <= 80
    assert "What used the margin" in out
    status, _, err = run("--history", "B", "--receipt", "--json")
    assert (status, err) == (2, "error: receipt: it is text: leave out --json and an event log on stdout\n")
