"""The frame of the command line: help in groups, version, `rules`, one-line errors, exit status."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from isocross.cli import app, main
from isocross.errors import MarketDataError, PoisonedError, RefusedError, RulebookError
from isocross.terminal import app as frame


@pytest.fixture
def run(capsys):
    def run_main(*arguments):
        status = main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_main


def test_alone_it_shows_its_commands_in_groups(run):
    status, out, err = run()
    assert (status, err) == (0, "")
    assert out.index("Before a trade") < out.index("liq") < out.index("The engine") < out.index("rules")
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", [["--help"], ["liq", "--help"], ["rules"], ["rules", "names", "--help"]])
def test_help_is_an_answer(run, command):
    status, out, err = run(*command)
    assert (status, err) == (0, "")
    assert "Usage" in out


def test_help_of_liq_names_every_environment_variable(run):
    _, out, _ = run("liq", "--help")
    text = " ".join(out.replace("│", " ").split())
    assert "'QTY@PRICE [mark PRICE]'" in text
    command = typer.main.get_command(app).commands["liq"]
    for parameter in command.params:
        if parameter.name != "help":
            word = "JSON" if parameter.name == "as_json" else parameter.name.upper()
            assert f"ISOCROSS_{word}" in text, parameter.name


def test_version_and_module():
    for command in (
        [sys.executable, "-m", "isocross", "--version"],
        [Path(sys.executable).parent / "isocross", "--version"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"isocross {version('isocross')}\n", "")


def test_rules_names(run, monkeypatch):
    monkeypatch.setattr("isocross.rulebook.names", lambda: ["binance-usdm", "mine"])
    assert run("rules", "names") == (0, "binance-usdm\nmine\n", "")
    status, out, _ = run("rules", "names", "--json")
    assert (status, json.loads(out)) == (0, {"schema": "isocross.rules.names/1", "names": ["binance-usdm", "mine"]})
    monkeypatch.setenv("ISOCROSS_JSON", "1")
    assert json.loads(run("rules", "names")[1])["names"]


def test_rules_import_of_nothing_is_3(run, tmp_path):
    status, out, err = run("rules", "import", str(tmp_path / "nowhere.json"))
    assert (status, out) == (3, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert run("rules", "import")[0] == 2


def test_rules_import_of_a_bracket_file(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOCROSS_HOME", str(tmp_path / "home"))
    rows = [
        {"bracket": 1, "initialLeverage": 50, "notionalCap": 5000, "notionalFloor": 0, "maintMarginRatio": 0.01, "cum": 0},
        {"bracket": 2, "initialLeverage": 20, "notionalCap": 50000, "notionalFloor": 5000, "maintMarginRatio": 0.02,
         "cum": 50},
    ]  # fmt: skip
    file = tmp_path / "brackets.json"
    file.write_text(json.dumps([{"symbol": "BTCUSDT", "brackets": rows}]))
    status, out, err = run("rules", "import", str(file), "--name", "mine")
    assert (status, err) == (0, "")
    assert "rulebook mine" in out
    assert "mine" in run("rules", "names")[1].splitlines()
    trade = ["BTCUSDT", "--side", "long", "--qty", "0.1", "--entry", "60000", "--rulebook", "mine"]
    status, _, err = run("liq", *trade, "--leverage", "50")
    assert status == 2
    assert "above 20, the most for a notional of 6000" in err
    status, out, _ = run("rules", "import", str(file), "--name", "other", "--json")
    data = json.loads(out)
    assert (status, data["schema"], data["name"]) == (0, "isocross.rules.import/1", "other")


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (RefusedError("no", 29), 1, "error: no"),
        (RulebookError("line 3"), 3, "error: line 3"),
        (MarketDataError("row 7"), 3, "error: row 7"),
        (PoisonedError("stopped"), 3, "error: stopped"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), 3, "error: x.csv: No such file or directory"),
        (OSError("disk"), 3, "error: disk"),
        (KeyboardInterrupt(), 130, ""),
        (AssertionError("ours"), 70, "a bug in isocross"),
    ],
)
def test_exit_status_of_what_goes_wrong(capsys, error, status, text):
    tool = frame.new_app()

    @tool.command("break")
    def break_it() -> None:
        raise error

    assert frame.run(tool, ["break"]) == status
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.out == ""
    assert ("Traceback" in captured.err) == (status == 70)


def test_a_command_is_added_by_a_module_that_registers_itself(capsys):
    tool = frame.new_app()
    module = SimpleNamespace(
        register=lambda app: app.command("size", rich_help_panel=frame.BEFORE_A_TRADE)(lambda: None)
    )
    module.register(tool)
    assert frame.run(tool, ["size"]) == 0


def test_color_only_on_a_terminal_that_wants_it(monkeypatch):
    from isocross.terminal.output import console

    assert console().no_color
    assert console().width == 80
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True, write=lambda text: None, encoding="utf-8"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert console().no_color
