"""The control plane of a venue that is really served: clock, prices, accounts, worlds, faults, alarms."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.venues import Connection, Process

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.100"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("control") / "venue"


@pytest.fixture(scope="module")
def venue(folder: Path) -> Iterator[Process]:
    options = ("--market", "manual", "--speed", "0", "--symbols", "BTCUSDT,ETHUSDT", "--price", "BTCUSDT=60000")
    with Process(*options, data=folder) as process:
        yield process


def asked(venue: Process, method: str, path: str, body: Any = None) -> Any:
    """The answer of a request that succeeds."""
    status, answer = venue.control(method, path, body)
    assert status == 200, answer
    return answer


def account(venue: Process, name: str) -> dict[str, str]:
    """An account of its own for a test, with 10,000 USDT."""
    keys: dict[str, str] = asked(venue, "POST", "/accounts", {"name": name, "balances": {"USDT": 10_000}})
    return keys


def test_the_clock_stands_steps_and_runs(venue: Process) -> None:
    start = asked(venue, "GET", "/clock")
    assert start["is_paused"]
    assert asked(venue, "POST", "/clock/step", {"ms": 90_000}) == {
        "time_ms": start["time_ms"] + 90_000,
        "has_come": True,
    }
    assert asked(venue, "GET", "/clock")["time_ms"] == start["time_ms"] + 90_000
    assert venue.ask("GET", "/fapi/v1/time")[1]["serverTime"] == start["time_ms"] + 90_000
    running = asked(venue, "POST", "/clock/speed", {"speed": 1_000})
    assert running["speed"] == 1_000
    time.sleep(0.05)
    paused = asked(venue, "POST", "/clock/pause")
    assert paused["is_paused"]
    assert paused["time_ms"] >= running["time_ms"] + 50_000
    assert asked(venue, "GET", "/clock") == paused


def test_prices_are_set_by_hand(venue: Process) -> None:
    prices = asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": "61000.5", "ETHUSDT": 3_100}})
    assert {one["symbol"]: one["mark"] for one in prices} == {"BTCUSDT": "61000.5", "ETHUSDT": "3100"}
    assert venue.ask("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")[1]["markPrice"] == "61000.50000000"
    asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": "60000"}})


def test_funding_is_settled_now_or_when_it_is_due(venue: Process) -> None:
    keys = account(venue, "funded")
    assert venue.ask("POST", "/fapi/v1/order", ORDER, account=keys)[0] == 200
    asked(venue, "POST", "/funding", {"rates": {"BTCUSDT": "0.001"}, "settles_now": True})
    _, income = venue.ask("GET", "/fapi/v1/income", {"incomeType": "FUNDING_FEE"}, account=keys)
    assert [one["income"] for one in income] == ["-6.00000000"]
    asked(venue, "POST", "/funding", {"rates": {"BTCUSDT": "0.002"}})
    ahead = next(one for one in asked(venue, "GET", "/prices") if one["symbol"] == "BTCUSDT")
    assert ahead["funding_rate"] == "0.002"
    jumped = asked(venue, "POST", "/clock/jump", {"to": "funding"})
    assert jumped == {"time_ms": ahead["next_funding_ms"], "has_come": True}
    _, income = venue.ask("GET", "/fapi/v1/income", {"incomeType": "FUNDING_FEE"}, account=keys)
    assert [one["income"] for one in income] == ["-6.00000000", "-12.00000000"]
    assert income[-1]["time"] == ahead["next_funding_ms"]
    asked(venue, "POST", "/funding", {"rates": {"BTCUSDT": 0}})


def test_accounts_are_opened_filled_and_given_other_keys(venue: Process) -> None:
    keys = account(venue, "opened")
    assert venue.ask("GET", "/fapi/v3/balance", {}, account=keys)[1][0]["balance"].startswith("10000.")
    holder = asked(venue, "POST", "/accounts/opened/deposit", {"asset": "USDT", "amount": "0.5"})
    assert holder["balances"][0]["wallet"] == "10000.5"
    assert (
        asked(venue, "POST", "/accounts/opened/withdraw", {"asset": "USDT", "amount": 500})["balances"][0]["wallet"]
        == "9500.5"
    )
    status, answer = venue.control("POST", "/accounts/opened/withdraw", {"asset": "USDT", "amount": 10**6})
    assert (status, answer["error"]) == (409, "refused")
    assert "WITHDRAW_TOO_LARGE" in answer["message"]
    new = asked(venue, "POST", "/accounts/opened/keys")
    assert venue.ask("GET", "/fapi/v3/balance", {}, account=keys)[0] in (400, 401)
    assert venue.ask("GET", "/fapi/v3/balance", {}, account=new)[0] == 200
    assert asked(venue, "GET", "/accounts/opened/keys") == new
    assert "opened" in [one["name"] for one in asked(venue, "GET", "/accounts")]
    assert "secret" not in json.dumps(asked(venue, "GET", "/accounts"))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/prices", {"prices": {"BTCUSDT": -1}}, 400),
        ("POST", "/prices", {"prices": {"NOPE": 1}}, 400),
        ("POST", "/prices", {"prices": {"BTCUSDT": "1e99999"}}, 400),
        ("POST", "/prices", {"prices": {"BTCUSDT": "NaN"}}, 400),
        ("POST", "/prices", b"{", 400),
        ("POST", "/prices", b"[" * 100_000, 400),
        ("POST", "/prices", {"price": 1}, 400),
        ("POST", "/clock/step", {"ms": -1}, 400),
        ("POST", "/clock/step", {"until": "2001-01-01"}, 400),
        ("POST", "/clock/speed", {"speed": "fast"}, 400),
        ("POST", "/clock/jump", {"to": "liquidation"}, 400),
        ("POST", "/accounts", {"name": "trader"}, 400),
        ("POST", "/accounts", {"name": "../up"}, 400),
        ("POST", "/accounts", {"name": "x", "balances": {"XYZ": 1}}, 400),
        ("GET", "/accounts/nobody", None, 400),
        ("GET", "/nothing", None, 404),
        ("GET", "/forks/nobody/clock", None, 404),
        ("POST", "/forks", {"name": ".."}, 400),
        ("DELETE", "/forks/..", None, 404),
        ("POST", "/symbols/NOPE/fees", {"maker": 0, "taker": 0}, 400),
        ("POST", "/symbols/BTCUSDT/brackets", {"brackets": [], "cap": 1}, 400),
        ("POST", "/symbols/BTCUSDT/fees", {"maker": "1e99", "taker": 0}, 400),
        ("DELETE", "/faults/99", None, 404),
        ("DELETE", "/faults/x", None, 400),
        ("DELETE", "/clock", None, 405),
        ("GET", "/receipts/1", None, 400),
        ("GET", "/twins/nobody", None, 404),
        ("POST", "/twins", {"name": "t", "account": "trader", "symbol": "BTCUSDT"}, 400),
        ("POST", "/alarms", {"account": "trader", "on": "distance", "threshold": 0}, 400),
        (
            "POST",
            "/alarms",
            {"account": "trader", "on": "distance", "threshold": 1, "webhook": "file:///etc/passwd"},
            400,
        ),
    ],
)
def test_what_cannot_be_names_itself(venue: Process, method: str, path: str, body: Any, status: int) -> None:
    before = asked(venue, "GET", "/venue")["state_hash"]
    found, answer = venue.control(method, path, body)
    assert found == status, answer
    assert answer["error"]
    assert answer["message"]
    assert asked(venue, "GET", "/venue")["state_hash"] == before


def test_a_read_changes_nothing(venue: Process) -> None:
    before = asked(venue, "GET", "/venue")
    for path in (
        "/clock",
        "/prices",
        "/accounts",
        "/symbols",
        "/forks",
        "/twins",
        "/receipts",
        "/faults",
        "/alarms",
        "/snapshots",
    ):
        asked(venue, "GET", path)
        assert venue.control("POST", "/clock/speed")[0] == 400
    assert asked(venue, "GET", "/venue") == before


def test_the_document_has_every_endpoint(venue: Process) -> None:
    status, document = venue.ask("GET", "/control/openapi.json")
    assert status == 200
    assert set(document["paths"]) >= {"/control/clock", "/control/forks/{fork}/clock", "/control/faults/{number}"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = {one["name"] for one in operation.get("parameters", ())}
            assert all(f"{{{name}}}" in path for name in names), path
            assert operation["summary"]
            assert venue.ask(method.upper(), path.replace("{", "").replace("}", ""))[0] == 401


# ---- worlds


def test_a_fork_is_a_world_of_its_own(venue: Process) -> None:
    keys = account(venue, "forked")
    assert venue.ask("POST", "/fapi/v1/order", ORDER, account=keys)[0] == 200
    trunk = asked(venue, "GET", "/venue")
    fork = asked(venue, "POST", "/forks", {"name": "what-if"})
    assert (fork["name"], fork["state_hash"], fork["is_in_memory"]) == ("what-if", trunk["state_hash"], False)
    asked(venue, "POST", "/forks/what-if/prices", {"prices": {"BTCUSDT": 50_000}})
    assert asked(venue, "GET", "/venue")["state_hash"] == trunk["state_hash"]
    for place, mark in (("", "60000.00000000"), ("/fork/what-if", "50000.00000000")):
        assert venue.ask("GET", f"{place}/fapi/v1/premiumIndex?symbol=BTCUSDT")[1]["markPrice"] == mark
        _, positions = venue.ask("GET", f"{place}/fapi/v3/positionRisk", {}, account=keys)
        assert [(one["markPrice"], one["positionAmt"]) for one in positions] == [(mark, "0.100")]
    _, trades = venue.ask("GET", "/fork/what-if/fapi/v1/userTrades", {"symbol": "BTCUSDT"}, account=keys)
    assert trades == venue.ask("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"}, account=keys)[1]
    assert venue.ask("POST", "/fork/what-if/fapi/v1/order", {**ORDER, "side": "SELL"}, account=keys)[0] == 200
    assert asked(venue, "GET", "/venue")["state_hash"] == trunk["state_hash"]
    asked(venue, "POST", "/forks/what-if/clock/step", {"ms": 3_600_000})
    assert asked(venue, "GET", "/forks/what-if/clock")["time_ms"] == trunk["time_ms"] + 3_600_000
    assert [one["name"] for one in asked(venue, "GET", "/forks")] == ["what-if"]
    assert venue.control("POST", "/forks", {"name": "what-if"})[0] == 400
    assert asked(venue, "DELETE", "/forks/what-if") == []
    assert venue.ask("GET", "/fork/what-if/fapi/v1/ping")[0] == 404


@pytest.mark.full
def test_a_fork_is_there_after_a_crash_and_gone_when_removed(tmp_path: Path) -> None:
    options = ("--market", "manual", "--speed", "0", "--symbols", "BTCUSDT", "--price", "BTCUSDT=60000")
    with Process(*options, data=tmp_path / "venue") as venue:
        keys = account(venue, "forked")
        assert venue.ask("POST", "/fapi/v1/order", ORDER, account=keys)[0] == 200
        asked(venue, "POST", "/forks", {"name": "kept"})
        asked(venue, "POST", "/forks", {"name": "dropped"})
        asked(venue, "POST", "/forks/kept/prices", {"prices": {"BTCUSDT": 50_000}})
        assert venue.ask("POST", "/fork/kept/fapi/v1/order", {**ORDER, "side": "SELL"}, account=keys)[0] == 200
        asked(venue, "DELETE", "/forks/dropped")
        left = asked(venue, "GET", "/forks")
        trades = venue.ask("GET", "/fork/kept/fapi/v1/userTrades", {"symbol": "BTCUSDT"}, account=keys)
        venue.kill()
    (tmp_path / "venue/forks/half").mkdir()  # as a crash in the middle of a fork leaves it
    with Process(data=tmp_path / "venue") as venue:
        assert asked(venue, "GET", "/forks") == left
        assert [one["name"] for one in left] == ["kept"]
        assert venue.ask("GET", "/fork/kept/fapi/v1/userTrades", {"symbol": "BTCUSDT"}, account=keys) == trades
        assert venue.ask("GET", "/fork/kept/fapi/v3/positionRisk", {}, account=keys)[1] == []
        assert venue.ask("GET", "/fapi/v3/positionRisk", {}, account=keys)[1][0]["positionAmt"] == "0.100"
        assert asked(venue, "GET", "/forks/kept/clock")["is_paused"]
        asked(venue, "DELETE", "/forks/kept")
        assert [one.name for one in (tmp_path / "venue/forks").iterdir()] == []
        (tmp_path / "venue/forks/bad").mkdir()
        (tmp_path / "venue/forks/bad/venue.json").write_text("{")
        venue.kill()
    with Process(data=tmp_path / "venue") as venue:
        assert asked(venue, "GET", "/forks") == []
        assert "venue.json: is damaged" in venue.control("POST", "/forks", {"name": "bad"})[1]["message"]
        assert asked(venue, "DELETE", "/forks/bad") == []
        assert asked(venue, "POST", "/forks", {"name": "bad"})["name"] == "bad"
        status, seconds, _, errors = venue.end()
        assert (status, errors) == (0, "")
        assert seconds < 2


def test_a_contract_changes_and_clients_see_it(venue: Process) -> None:
    keys = account(venue, "holder")
    asked(venue, "POST", "/forks", {"name": "changes"})
    root, control = "/fork/changes", "/forks/changes"

    def signed(method: str, path: str, **parameters: Any) -> Any:
        return venue.ask(method, f"{root}/fapi{path}", parameters, account=keys)

    def listed(symbol: str) -> dict[str, Any]:
        found = venue.ask("GET", f"{root}/fapi/v1/exchangeInfo")[1]["symbols"]
        return next(one for one in found if one["symbol"] == symbol)

    url = venue.url.replace("http", "ws", 1)
    listen_key = signed("POST", "/v1/listenKey")[1]["listenKey"]
    with (
        connect(f"{url}{root}/ws/!contractInfo") as stream,
        connect(f"{url}{root}/private/ws?listenKey={listen_key}") as own,
    ):
        assert asked(venue, "POST", f"{control}/symbols/BTCUSDT/status", {"status": "paused"})["status"] == "paused"
        assert listed("BTCUSDT")["status"] == "TRADING_HALT"
        told = json.loads(stream.recv(5))
        assert (told["e"], told["s"], told["cs"]) == ("contractInfo", "BTCUSDT", "TRADING_HALT")
        assert signed("POST", "/v1/order", **ORDER)[1]["code"] == -4140
        asked(venue, "POST", f"{control}/symbols/BTCUSDT/status", {"status": "trading"})
        assert listed("BTCUSDT")["status"] == json.loads(stream.recv(5))["cs"] == "TRADING"

        asked(venue, "POST", f"{control}/symbols/BTCUSDT/fees", {"maker": "0.0001", "taker": 0.001})
        rates = signed("GET", "/v1/commissionRate", symbol="BTCUSDT")[1]
        assert (rates["makerCommissionRate"], rates["takerCommissionRate"]) == ("0.000100", "0.001000")
        held = asked(venue, "POST", f"{control}/accounts/holder/fees", {"maker": 0, "taker": "0.0003"})
        assert held["own_fees"] == {"maker": "0", "taker": "0.0003"}
        rates = signed("GET", "/v1/commissionRate", symbol="BTCUSDT")[1]
        assert (rates["makerCommissionRate"], rates["takerCommissionRate"]) == ("0.000000", "0.000300")

        assert signed("POST", "/v1/leverage", symbol="BTCUSDT", leverage=20)[0] == 200
        table = [{"floor": 0, "rate": "0.02", "leverage": 10}, {"floor": 5_000, "rate": "0.05", "leverage": 5}]
        changed = asked(venue, "POST", f"{control}/symbols/BTCUSDT/brackets", {"brackets": table, "cap": 900_000})
        assert [one["leverage"] for one in changed["brackets"]] == [10, 5]
        shown = signed("GET", "/v1/leverageBracket", symbol="BTCUSDT")[1][0]["brackets"]
        assert [(one["initialLeverage"], one["notionalCap"], one["cum"]) for one in shown] == [
            (10, 5_000, 0),
            (5, 900_000, 150),
        ]
        told = json.loads(stream.recv(5))
        assert [(one["bnf"], one["mi"], one["ma"]) for one in told["bks"]] == [(0, 6, 10), (5_000, 1, 5)]
        configured = signed("GET", "/v1/symbolConfig", symbol="BTCUSDT")[1][0]
        assert (configured["leverage"], configured["maxNotionalValue"]) == (20, "0")  # set before: it opens nothing more
        for path, body in (
            ("brackets", {"brackets": [*table, table[0]], "cap": 900_000}),
            ("fees", {"maker": 2, "taker": 2}),
        ):
            assert venue.control("POST", f"{control}/symbols/BTCUSDT/{path}", body)[0] == 409

        assert signed("POST", "/v1/leverage", symbol="BTCUSDT", leverage=5)[0] == 200
        assert signed("POST", "/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")[0] == 200
        for symbol in ("BTCUSDT", "ETHUSDT"):
            assert signed("POST", "/v1/order", **(ORDER | {"symbol": symbol}))[0] == 200
        at_mark = asked(venue, "GET", f"{control}/accounts/holder")["balances"][0]
        for symbol in ("BTCUSDT", "ETHUSDT"):
            assert asked(venue, "POST", f"{control}/symbols/{symbol}/status", {"status": "delisted"})["status"] == "delisted"
            assert listed(symbol)["status"] == "CLOSE"
        assert signed("GET", "/v3/positionRisk")[1] == []
        wallet = signed("GET", "/v3/account")[1]["totalWalletBalance"]
        income = signed("GET", "/v1/income", limit=1_000)[1]
        assert sum(Decimal(one["income"]) for one in income) == Decimal(wallet)
        assert Decimal(wallet) == Decimal(at_mark["wallet"]) + Decimal(at_mark["unrealized_pnl"])
        updates = []
        while not updates or len(updates[-1]) < 2:  # of each contract: one update in which its position is gone
            told = json.loads(own.recv(5))
            if told["e"] == "ACCOUNT_UPDATE" and told["a"]["m"] == "ADJUSTMENT":
                updates.append([*(updates[-1] if updates else []), *(one["s"] for one in told["a"]["P"])])
                assert [one["pa"] for one in told["a"]["P"]] == ["0"]
        assert updates[-1] == ["BTCUSDT", "ETHUSDT"]
    asked(venue, "DELETE", "/forks/changes")


def test_a_twin_lives_along_and_a_receipt_says_what_happened(venue: Process) -> None:
    keys = account(venue, "twinned")
    for path, body in (
        ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"}),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "20"}),
        ("/fapi/v1/order", ORDER),
    ):
        assert venue.ask("POST", path, body, account=keys)[0] == 200
    twin = {"name": "in-cross", "account": "twinned", "symbol": "BTCUSDT", "mode": "other"}
    assert asked(venue, "POST", "/twins", twin) == ["in-cross"]
    count = len(asked(venue, "GET", "/receipts"))
    asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": 56_000}})
    receipts = asked(venue, "GET", "/receipts")
    assert len(receipts) == count + 1
    assert (receipts[-1]["kind"], receipts[-1]["account"]) == ("liquidation", "twinned")
    receipt = asked(venue, "GET", f"/receipts/{receipts[-1]['number']}")
    assert receipt["sentence"] == receipts[-1]["sentence"]
    report = asked(venue, "GET", "/twins/in-cross")
    assert [one["account"] for one in report["accounts"]]
    assert "liquidated" in report["sentence"]
    assert asked(venue, "DELETE", "/twins/in-cross") == []
    asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": 60_000}})


def test_a_snapshot_is_written(venue: Process) -> None:
    before = asked(venue, "GET", "/snapshots")
    after = asked(venue, "POST", "/snapshots")
    assert len(after) == len(before) + 1
    assert after[-1]["commands"] == asked(venue, "GET", "/venue")["commands"]
    assert after[-1]["state_hash"] == asked(venue, "GET", "/venue")["state_hash"]


# ---- faults


def fault(venue: Process, **fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = asked(venue, "POST", "/faults", fields)
    return told


def test_faults_meet_whom_they_are_for(venue: Process) -> None:
    keys, other = account(venue, "faulty"), account(venue, "spared")
    path = "/fapi/v3/balance"
    for kind, status, code in (("reject", 400, -1001), ("too_many_requests", 429, -1003), ("unavailable", 503, -1000)):
        fault(venue, kind=kind, path=path, account="faulty", count=2)
        assert venue.ask("GET", path, {}, account=other)[0] == 200
        assert venue.ask("GET", "/fapi/v1/ping")[0] == 200
        for _ in range(2):
            found, answer = venue.ask("GET", path, {}, account=keys)
            assert (found, answer["code"]) == (status, code)
        assert venue.ask("GET", path, {}, account=keys)[0] == 200
    assert asked(venue, "GET", "/faults") == []


def test_latency_holds_an_answer_up(venue: Process) -> None:
    fault(venue, kind="latency", path="/fapi/v1/time", latency_ms=300)
    started = time.monotonic()
    assert venue.ask("GET", "/fapi/v1/time")[0] == 200
    assert time.monotonic() - started >= 0.3


def test_an_answer_is_lost_after_the_order_was_accepted(venue: Process) -> None:
    keys = account(venue, "lost")
    for kind, count in (("disconnect", 0), ("answer_lost", 1)):
        fault(venue, kind=kind, path="/fapi/v1/order", method="POST", account="lost")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            venue.ask("POST", "/fapi/v1/order", ORDER, account=keys)
        assert len(venue.ask("GET", "/fapi/v1/allOrders", {"symbol": "BTCUSDT"}, account=keys)[1]) == count


def test_an_unchanged_mode_gets_the_wrong_code(venue: Process) -> None:
    keys = account(venue, "confused")
    fault(venue, kind="wrong_code_unchanged", path="/fapi/v1/marginType", account="confused")
    mode = {"symbol": "ETHUSDT", "marginType": "ISOLATED"}
    assert venue.ask("POST", "/fapi/v1/marginType", mode, account=keys)[0] == 200
    assert venue.ask("POST", "/fapi/v1/marginType", mode, account=keys)[1]["code"] == -4067
    assert venue.ask("POST", "/fapi/v1/marginType", mode, account=keys)[1]["code"] == -4046


def test_faults_are_taken_away(venue: Process) -> None:
    one = fault(venue, kind="reject", path="/fapi/v1/ping", count=None)
    assert venue.ask("GET", "/fapi/v1/ping")[0] == 400
    assert asked(venue, "DELETE", f"/faults/{one['fault_id']}") == []
    fault(venue, kind="reject", path="/fapi/v1/ping", count=None)
    asked(venue, "DELETE", "/faults")
    assert venue.ask("GET", "/fapi/v1/ping")[0] == 200


# ---- trades in a manual market


def test_somebody_trades_so_that_last_follows_and_stops_by_it_trigger(tmp_path: Path) -> None:
    data = tmp_path / "venue"
    with Process("--market", "manual", "--symbols", "BTCUSDT,ETHUSDT", data=data) as venue:
        trader = venue.keys["accounts"][0]
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
        assert venue.ask("POST", "/fapi/v1/order", order, account=trader)[0] == 200
        stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "triggerPrice": "59000", "closePosition": "true"}
        assert venue.ask("POST", "/fapi/v1/algoOrder", stop, account=trader)[0] == 200
        assert venue.control("POST", "/prices", {"prices": {"BTCUSDT": "58000"}})[0] == 200
        waiting = venue.ask("GET", "/fapi/v1/openAlgoOrders", {}, account=trader)[1]
        assert [one["algoStatus"] for one in waiting] == ["NEW"]  # nobody has traded there
        status, prices = venue.control("POST", "/trades", {"symbols": ["BTCUSDT"]})
        assert status == 200
        last = {one["symbol"]: one["last"] for one in prices}
        assert abs(float(last["BTCUSDT"]) / 58_000 - 1) < 0.001
        assert last["ETHUSDT"] is None
        assert venue.ask("GET", "/fapi/v3/positionRisk", {}, account=trader)[1] == []
        accounts = [one["name"] for one in venue.control("GET", "/accounts")[1]]
        venue.kill()
    with Process(data=data) as venue:
        assert venue.control("POST", "/trades", {})[0] == 200
        interest = {one["symbol"]: float(one["open_interest"]) for one in venue.control("GET", "/symbols")[1]}
        assert interest["BTCUSDT"] == 0  # what it bought it has sold
        assert interest["ETHUSDT"] > 0
        assert [one["name"] for one in venue.control("GET", "/accounts")[1]] == accounts
        assert venue.control("POST", "/accounts", {"name": "late", "balances": {"USDT": "5"}})[0] == 200
        assert venue.control("POST", "/trades", {"symbols": ["NOPE"]})[0] == 400
        venue.end()


# ---- alarms


class Hook(BaseHTTPRequestHandler):
    """Takes what a webhook is told."""

    told: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *values: Any) -> None:
        """Nothing."""


def test_an_alarm_is_told_once_per_crossing(venue: Process) -> None:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Hook.told.clear()
    try:
        keys = account(venue, "warned")
        with Connection(venue.url, keys) as connection:
            connection.ask("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"})
            connection.ask("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "10"})
            assert connection.ask("POST", "/fapi/v1/order", ORDER)[0] == 200
        webhook = f"http://127.0.0.1:{server.server_port}/"
        alarm = asked(
            venue, "POST", "/alarms", {"account": "warned", "on": "distance", "threshold": "0.05", "webhook": webhook}
        )
        assert (alarm["is_crossed"], alarm["told"]) == (False, 0)
        for price in (58_000, 57_000, 56_900, 59_000, 56_950):  # liquidation is near 54,200
            asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": price}})
        (alarm,) = asked(venue, "GET", "/alarms")
        assert (alarm["is_crossed"], alarm["told"]) == (True, 2)
        deadline = time.monotonic() + 10
        while len(Hook.told) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert sorted(one["mark"] for one in Hook.told) == ["56950", "57000"]  # each in a request of its own
        assert {one["account"] for one in Hook.told} == {"warned"}
        assert asked(venue, "DELETE", f"/alarms/{alarm['alarm_id']}") == []
    finally:
        server.shutdown()
        server.server_close()
        asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": 60_000}})


@pytest.mark.full
def test_what_the_clock_was_told_holds_after_a_restart(tmp_path: Path) -> None:
    with Process("--market", "crash", "--speed", "0", "--symbols", "BTCUSDT", data=tmp_path / "venue") as venue:
        before = asked(venue, "POST", "/clock/step", {"ms": 60_000})
        state = asked(venue, "GET", "/venue")
        venue.kill()
    with Process(data=tmp_path / "venue") as venue:
        clock = asked(venue, "GET", "/clock")
        assert (clock["time_ms"], clock["is_paused"]) == (before["time_ms"], True)
        assert asked(venue, "GET", "/venue") == state | {"notes": asked(venue, "GET", "/venue")["notes"]}
        status, answer = venue.control("POST", "/prices", {"prices": {"BTCUSDT": 1}})
        assert status == 400
        assert "crash" in answer["message"]
        keys = venue.keys["accounts"][0]
        assert venue.ask("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "50"}, account=keys)[0] == 200
        assert venue.ask("POST", "/fapi/v1/order", ORDER, account=keys)[0] == 200
        assert venue.ask("POST", "/fapi/v1/order", {**ORDER, "quantity": "6.000"}, account=keys)[0] == 200
        jumped = asked(venue, "POST", "/clock/jump", {"to": "liquidation", "account": "trader", "days_max": 1})
        assert jumped["has_come"]
        assert len(asked(venue, "GET", "/receipts")) == 1


# ---- sockets


def test_a_socket_is_cut_off_and_may_come_back(venue: Process) -> None:
    url = venue.url.replace("http", "ws") + "/ws/btcusdt@markPrice@1s"
    with connect(url) as socket, connect(f"{url}/ethusdt@markPrice@1s") as other:
        assert json.loads(socket.recv(10))["s"] == "BTCUSDT"
        fault(venue, kind="disconnect", path="/ws", count=1)
        for one in (socket, other):
            with pytest.raises(ConnectionClosed):
                while True:
                    one.recv(10)
    with pytest.raises(InvalidStatus), connect(url):
        pass
    with connect(url) as socket:
        assert json.loads(socket.recv(10))["s"] == "BTCUSDT"
    assert asked(venue, "GET", "/faults") == []


def test_an_alarm_reaches_the_user_stream_of_its_account_alone(venue: Process) -> None:
    mine, others = account(venue, "listening"), account(venue, "elsewhere")
    urls = []
    for keys in (mine, others):
        _, told = venue.ask("POST", "/fapi/v1/listenKey", None, {"x-mbx-apikey": keys["api_key"]})
        urls.append(f"{venue.url.replace('http', 'ws')}/ws/{told['listenKey']}")
    with connect(urls[0]) as stream, connect(urls[1]) as other:
        assert venue.ask("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "20"}, account=mine)[0] == 200
        assert venue.ask("POST", "/fapi/v1/order", {**ORDER, "quantity": "3.000"}, account=mine)[0] == 200
        alarm = asked(venue, "POST", "/alarms", {"account": "listening", "on": "margin_ratio", "threshold": "0.1"})
        asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": 58_500}})
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["e"] != "ISOCROSS_ALARM":
            heard.append(json.loads(stream.recv(10)))
        assert heard[-1]["a"]["alarm_id"] == alarm["alarm_id"]
        assert heard[-1]["s"] == "BTCUSDT"
        with pytest.raises(TimeoutError):
            other.recv(0.2)
    asked(venue, "DELETE", f"/alarms/{alarm['alarm_id']}")
    asked(venue, "POST", "/prices", {"prices": {"BTCUSDT": 60_000}})


# ---- from the command line


def isocross(*arguments: object, status: int = 0) -> str:
    """What a run of the command line prints."""
    done = subprocess.run(
        [sys.executable, "-m", "isocross", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_command_line_reaches_a_running_venue(venue: Process, folder: Path) -> None:
    data = ("--data", folder)
    assert "BTCUSDT      mark 60010" in isocross("control", "prices", "BTCUSDT=60010", *data)
    isocross("control", "prices", "BTCUSDT=60000", *data)
    before = asked(venue, "GET", "/clock")["time_ms"]
    assert "stands still" in isocross("control", "clock", "--step", "90s", *data)
    assert asked(venue, "GET", "/clock")["time_ms"] == before + 90_000
    assert "50 USDT" in isocross("control", "accounts", "shelly", "--balance", "50USDT", *data)
    keys = venue.keys
    assert json.loads(isocross("keys", "--json", *data))["control_key"] == keys["control_key"]
    shell = isocross("keys", "--shell", "--account", "shelly", *data)
    assert (
        f"export ISOCROSS_API_SECRET={next(one for one in keys['accounts'] if one['name'] == 'shelly')['secret']}"
        in shell
    )
    assert f"export ISOCROSS_URL={venue.url}" in shell


def test_a_command_without_a_venue_is_one_line(tmp_path: Path) -> None:
    for command in (("control", "clock"), ("keys",)):
        text = isocross(*command, "--data", tmp_path, status=3)
        assert text.count("\n") == 1
        assert str(tmp_path) in text
