"""`isocross check` as a program: an order, an account's screen, sessions, JSON, environment, exit status, time."""

import json
import re
import subprocess
import sys
import time

import pytest

import isocross as ix
from tests.api.test_cli_liq import program

ORDER = "SOLUSDT long 20 stop 148"
SECONDS_MAX = 0.5


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """An account with an isolated and a cross position."""
    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000, SOLUSDT=150)
    me = box.account("me", USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500, stop=57_500)
    me.sell("ETHUSDT", qty=2)
    path = tmp_path_factory.mktemp("snapshots") / "mine.snapshot"
    path.write_bytes(box.exchange.snapshot())
    return str(path)


@pytest.fixture
def run(command_line, tmp_path, monkeypatch):
    """Run `isocross check` in an empty folder: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: command_line("check", *arguments)


def test_an_order_is_judged_rule_by_rule(run, snapshot):
    status, out, err = run(ORDER, "--snapshot", snapshot)
    assert (status, err) == (1, "")
    assert "SOLUSDT buy 20 SOL at market, stop 148.000; account 2" in out
    assert re.search(r"now +after\n", out)
    assert re.search(r"Position, SOL +0 +20", out)
    assert re.search(r"^PASS   order     20 SOL is accepted and filled$", out, re.MULTILINE)
    assert re.search(
        r"^BLOCK  mode      SOLUSDT is cross, the venue's default: set it or acknowledge it$", out, re.MULTILINE
    )
    assert [line.split()[1] for line in out.splitlines() if line.startswith(("PASS ", "WARN ", "BLOCK "))] == [
        "order", "mode", "size", "stop", "funding", "exposure", "leverage",
    ]  # fmt: skip
    assert out.rstrip().endswith("BLOCK: 7 rules of 'default' asked, 1 block, 0 warn. Nothing was sent.")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_an_acknowledged_order_passes_with_status_0(run, snapshot):
    status, out, _ = run(ORDER, "--snapshot", snapshot, "--acknowledge", "SOL/USDT:USDT")
    assert status == 0
    assert "PASS: 7 rules" in out


def test_a_warning_is_status_0(run, snapshot):
    status, out, _ = run("SOLUSDT long 20 stop 144", "--snapshot", snapshot, "--acknowledge", "SOLUSDT")
    assert status == 0
    assert "WARN   size" in out


def test_sessions_are_kept_in_a_file(run, snapshot):
    kept = ["--acknowledgements", "acknowledged.json", "--session"]
    assert run(ORDER, "--snapshot", snapshot, *kept, "monday", "--acknowledge", "SOLUSDT")[0] == 0
    assert run(ORDER, "--snapshot", snapshot, *kept, "monday")[0] == 0
    assert run(ORDER, "--snapshot", snapshot, *kept, "tuesday")[0] == 1
    assert run("BTCUSDT long 0.005", "--snapshot", snapshot, *kept, "monday")[0] == 1


def test_every_contract_on_one_screen(run, snapshot):
    status, out, err = run("--snapshot", snapshot)
    assert (status, err) == (0, "")
    assert re.search(r"^contract +mode +leverage +eff\. +worst loss", out, re.MULTILINE)
    assert re.search(r"^BTCUSDT +isolated, set by you +10x, set by you +10\.00x +498\.00", out, re.MULTILINE)
    assert re.search(r"^ETHUSDT +cross, venue default +20x, venue default +0\.63x +9,496\.36", out, re.MULTILINE)
    assert re.search(r"^SOLUSDT +cross, venue default +20x, venue default +flat", out, re.MULTILINE)
    assert "NO STOP is set" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_says_its_schema(run, snapshot):
    data = json.loads(run(ORDER, "--snapshot", snapshot, "--json")[1])
    assert (data["schema"], data["verdict"], data["policy"]) == ("isocross.check/1", "block", "default")
    assert set(data) == {
        "schema", "verdict", "policy", "session", "account", "symbol", "side", "quantity", "price", "stop",
        "is_reduce_only", "mode", "mode_confirmed_by", "rules", "after",
    }  # fmt: skip
    screen = json.loads(run("--snapshot", snapshot, "--json")[1])
    assert screen["schema"] == "isocross.contracts/1"
    assert [one["symbol"] for one in screen["contracts"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


def test_a_policy_of_ones_own(run, snapshot, tmp_path):
    (tmp_path / "mine.toml").write_text('format = 1\nname = "mine"\n[leverage]\nwarn_above = 0.5\nblock_above = 1\n')
    status, out, _ = run(ORDER, "--snapshot", snapshot, "--policy", "mine.toml")
    assert status == 0
    assert "WARN: 2 rules of 'mine' asked" in out
    shown = run("--show-policy")
    assert shown[0] == 0
    assert 'name = "default"' in shown[1]
    assert run("--show-policy", "--policy", "mine.toml")[1].startswith("format = 1")


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("ACCOUNT", "2", "account", 2),
        ("STOP", "147", "stop", "147"),
        ("RISK", "1", "verdict", "block"),
        ("HOLD", "900d", "rules.4.verdict", "warn"),
        ("FUNDING_RATE", "-0.01%", "rules.4.value", None),
        ("RULEBOOK", "binance-usdm", "verdict", "block"),
    ],
)
def test_every_option_has_an_environment_name(run, snapshot, monkeypatch, name, value, key, expected):
    for variable, said in {name: value, "SNAPSHOT": snapshot, "JSON": "1", "ORDER": "SOLUSDT long 20"}.items():
        monkeypatch.setenv(f"ISOCROSS_{variable}", said)
    found = json.loads(run()[1])
    for part in key.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    assert found == expected


def test_session_and_policy_may_come_from_the_environment(run, snapshot, monkeypatch, tmp_path):
    (tmp_path / "mine.toml").write_text('format = 1\nname = "mine"\n[mode]\nunconfirmed = "block"\n')
    told = {"SNAPSHOT": snapshot, "SESSION": "monday", "ACKNOWLEDGEMENTS": "kept.json", "POLICY": "mine.toml"}
    for variable, said in told.items():
        monkeypatch.setenv(f"ISOCROSS_{variable}", said)
    assert run("SOLUSDT long 20")[0] == 1
    assert run("SOLUSDT long 20", "--acknowledge", "SOLUSDT")[0] == 0
    assert run("SOLUSDT long 20")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "snapshot: say exactly one of --snapshot FILE, --data DIR"),
        (["buy", "now"], "now"),
        (["buy 0.1 BTC", "--snapshot", "{}"], "order: 'buy 0.1 BTC' does not read as SYMBOL long|short QTY"),
        (["DOGEUSDT long 100", "--snapshot", "{}"], "DOGEUSDT is in the rulebook but not in this exchange"),
        (["SOLUSDT long 20 stop 160", "--snapshot", "{}"], "stop: 160 is on the wrong side: for a long it lies below"),
        ([ORDER, "--snapshot", "{}", "--stop", "147"], "stop: the order says one itself"),
        ([ORDER, "--snapshot", "{}", "--account", "me"], "account: 'me' is not the number of an account"),
        ([ORDER, "--snapshot", "{}", "--account", "3"], "account: 3 is none of this exchange's, which has 2 … 2"),
        ([ORDER, "--snapshot", "{}", "--risk", "-1"], "risk: -1 is not above 0"),
        ([ORDER, "--snapshot", "{}", "--hold", "soon"], "hold: 'soon' does not read as a time"),
        ([ORDER, "--snapshot", "{}", "--funding-rate", "x"], "funding-rate: 'x' is not a number"),
        ([ORDER, "--snapshot", "{}", "--acknowledge", "NOPE"], "NOPE"),
        ([ORDER, "--snapshot", "{}", "--session", "monday"], "session: --acknowledgements FILE and --session NAME"),
        ([ORDER, "--snapshot", "{}", "--acknowledgements", "a.json"], "session: --acknowledgements FILE and --session"),
        ([ORDER, "--snapshot", "{}", "--rulebook", "frob"], "rulebook: 'frob' is none of"),
        ([ORDER, "--frob"], "--frob"),
    ],
)
def test_bad_input_is_2_and_one_line(run, snapshot, arguments, text):
    status, out, err = run(*(snapshot if one == "{}" else one for one in arguments))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert text in err
    assert err.count("\n") == 1


def test_files_that_are_missing_or_broken_are_3(run, snapshot, tmp_path):
    (tmp_path / "broken.toml").write_text('format = 1\nname = "b"\n[stop]\nmising = "block"\n')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.snapshot").write_bytes(b"nothing of the kind")
    for arguments, text in (
        (["--snapshot", "none.snapshot"], "none.snapshot: No such file"),
        (["--snapshot", "broken.snapshot"], "these bytes are not a snapshot"),
        (["--snapshot", snapshot, "--policy", "none.toml"], "none.toml: cannot be read"),
        (["--snapshot", snapshot, "--policy", "broken.toml"], "broken.toml:4: [stop] mising = 'block': expected a known key ('missing'?)"),
        (["--snapshot", snapshot, "--acknowledgements", "broken.json", "--session", "a"], "broken.json: expected a file of"),
    ):  # fmt: skip
        status, out, err = run(ORDER, *arguments)
        assert (status, out) == (3, ""), arguments
        assert text in err
        assert err.count("\n") == 1


def test_a_snapshot_of_another_rulebook_is_3(run, snapshot, tmp_path):
    book = "[columns]\ndefault_leverage = 5\n"
    (tmp_path / "other.toml").write_text(f'format = 1\nname = "other"\nbase = "binance-usdm"\n{book}')
    status, out, err = run("--snapshot", snapshot, "--rulebook", "./other.toml")
    assert (status, out) == (3, "")
    assert "made under another rulebook" in err


def test_check_needs_no_compiled_engine(snapshot):
    script = (
        "import sys\n"
        "from isocross.cli import main\n"
        f"main(['check', '--snapshot', {snapshot!r}])\n"
        f"main(['check', {ORDER!r}, '--snapshot', {snapshot!r}])\n"
        "heavy = {'numba', 'llvmlite', 'polars', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_screen_takes_half_a_second_of_work_at_most(snapshot):
    """Once the program is loaded; the whole process is in `make bench`."""
    assert program("check", "--snapshot", snapshot).returncode == 0
    least = SECONDS_MAX
    for _ in range(3):
        begun = time.process_time()
        ix.check(snapshot=snapshot)
        least = min(least, time.process_time() - begun)
    assert least < SECONDS_MAX
