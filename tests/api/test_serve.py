"""`isocross serve` as a process: started, recovered, ended, turned away."""

from __future__ import annotations

import http.client
import os
import socket
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.venues import Process, refused_start

END_SECONDS = 4  # two where nothing else runs; these tests share two cores with others
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "50000",
}


def test_a_venue_begins_goes_on_and_ends(tmp_path: Path) -> None:
    data = tmp_path / "venue"
    with Process("--symbols", "BTCUSDT,ETHUSDT", "--balance", "5000USDT", "--accounts", "2", data=data) as first:
        assert stat.S_IMODE((data / "keys.json").stat().st_mode) == 0o600
        trader, other = first.keys["accounts"]
        status, order = first.ask("POST", "/fapi/v1/order", ORDER, account=trader)
        assert status == 200, order
        status, candles = first.ask("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=700")
        assert (status, len(candles)) == (200, 700)
        status, _, printed, errors = first.end()
        assert (status, errors) == (0, "")
        assert "ended; everything is on disk" in printed
    with Process(data=data) as again:
        assert again.keys["accounts"] == [trader, other]
        status, there = again.ask("GET", "/fapi/v1/openOrders", {}, account=trader)
        assert [one["orderId"] for one in there] == [order["orderId"]]
        assert again.ask("GET", "/fapi/v1/openOrders", {}, account=other) == (200, [])
        status, venue = again.control("GET", "/venue")
        assert venue["symbols"] == ["BTCUSDT", "ETHUSDT"]
        status, seconds, _, errors = again.end()
        assert (status, errors) == (0, "")
        assert seconds < END_SECONDS


def test_alarms_are_there_after_a_crash_with_their_numbers(tmp_path: Path) -> None:
    data = tmp_path / "venue"
    with Process("--market", "manual", data=data) as first:
        trader = first.keys["accounts"][0]["name"]
        wanted = {"account": trader, "on": "distance", "threshold": "0.05", "webhook": "http://127.0.0.1:9/secret"}
        set_ones = [first.control("POST", "/alarms", {**wanted, "on": on})[1] for on in ("distance", "margin_ratio")]
        assert first.control("DELETE", "/alarms/1")[0] == 200
        assert stat.S_IMODE((data / "alarms.json").stat().st_mode) == 0o600
        first.kill()
    with Process(data=data) as again:
        assert again.control("GET", "/alarms")[1] == set_ones[1:]
        status, third = again.control("POST", "/alarms", wanted)
        assert (status, third["alarm_id"]) == (200, 3)
        again.end()
    kept = (data / "alarms.json").read_text()
    (data / "alarms.json").write_text(kept[: len(kept) // 2])
    status, text = refused_start("--data", str(data))
    assert (status, text.count("\n")) == (3, 1)
    assert "alarms.json" in text
    assert "remove it" in text
    (data / "alarms.json").unlink()
    with Process(data=data) as again:
        assert again.control("GET", "/alarms")[1] == []
        again.end()


def test_it_ends_soon_whoever_is_connected(tmp_path: Path) -> None:
    with Process("--market", "manual", data=tmp_path / "venue") as venue:
        waiting = [socket.create_connection(venue.url.removeprefix("http://").split(":"), 10) for _ in range(5)]  # type: ignore[arg-type]
        for one in waiting[:3]:  # a request that never ends
            one.sendall(b"POST /fapi/v1/order HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n")
        for one in waiting[3:]:
            one.sendall(
                b"GET /ws/btcusdt@trade HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            assert one.recv(100).startswith(b"HTTP/1.1 101")
        status, seconds, _, _ = venue.end()
        assert status == 0
        assert seconds < END_SECONDS
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/fapi/v1/ping", {"host": "localhost:1"}, 200),
        ("/fapi/v1/ping", {"host": "demo-fapi.localhost"}, 200),
        ("/fapi/v1/ping", {"host": "127.0.0.1"}, 200),
        ("/fapi/v1/ping", {"host": "[::1]:8787"}, 200),
        ("/fapi/v1/ping", {"host": "evil.example"}, 403),
        ("/fapi/v1/ping", {"host": "127.0.0.1.evil.example"}, 403),
        ("/fapi/v1/ping", {"host": "localhost.evil.example:8787"}, 403),
        ("/fapi/v1/ping", {"host": "localhost", "origin": "http://localhost"}, 200),
        ("/fapi/v1/ping", {"host": "localhost", "origin": "http://evil.example"}, 403),
        ("/fapi/v1/ping", {"host": "localhost", "origin": "https://localhost"}, 403),
        ("/fapi/v1/ping", {"host": "localhost", "origin": "null"}, 403),
        ("/control/clock", {"host": "localhost"}, 401),
        ("/control/clock", {"host": "localhost", "x-isocross-key": "isocross-control-"}, 401),
        ("/control/openapi.json", {"host": "localhost"}, 200),
        ("/elsewhere", {"host": "localhost"}, 404),
        ("/", {"host": "localhost"}, 200),
        ("/fapi/v1/ping?" + "x" * 60_000, {"host": "localhost"}, 200),
        ("/fapi/v1/ping?" + "x" * 70_000, {"host": "localhost"}, 414),
        ("/fapi/v1/ping", {"host": "localhost", "content-length": str(2**21)}, 413),
    ],
)
def test_who_is_let_in(venue: Process, path: str, headers: dict[str, str], status: int) -> None:
    found, _ = venue.ask("GET", path, None, headers)
    assert found == status or (status == 414 and found == 400)  # the parser of HTTP may turn it away before us


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Process("--market", "manual", data=tmp_path_factory.mktemp("serve") / "venue") as process:
        yield process


def test_a_body_without_end_is_cut_off(venue: Process) -> None:
    host, port = venue.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.putrequest("POST", "/control/prices")
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    chunk = b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536)
    with pytest.raises((ConnectionError, http.client.HTTPException)) as ended:
        for _ in range(64):
            connection.send(chunk)
        connection.send(b"0\r\n\r\n")
        answer = connection.getresponse()
        raise http.client.HTTPException(answer.status)
    connection.close()
    assert isinstance(ended.value, ConnectionError) or ended.value.args[0] == 413
    assert venue.ask("GET", "/fapi/v1/ping")[0] == 200


def test_a_busy_port_is_one_line(venue: Process) -> None:
    port = venue.url.rsplit(":", 1)[1]
    status, text = refused_start("--ephemeral", "--port", port)
    assert status == 2
    assert text.count("\n") == 1
    assert port in text


def test_a_folder_in_use_is_one_line(venue: Process) -> None:
    status, text = refused_start("--data", str(venue.data))
    assert status == 3
    assert text.count("\n") == 1
    assert "in use by" in text


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        (["--market", "nonsense"], 2, "nonsense"),
        (["--balance", "-5"], 2, "'-5': expected 0 or more"),
        (["--port", "99999"], 2, "99999: expected 0"),
        (["--market", "replay:/nowhere/at/all"], 3, "/nowhere/at/all"),
        (["--balance", "10XYZ"], 2, "10XYZ"),
        (["--speed", "-1"], 2, "speed"),
        (["--symbols", "NOPEUSDT"], 2, "NOPEUSDT"),
        (["--accounts", "0"], 2, "--accounts"),
        (["--host", "no.such.host.invalid"], 2, "no.such.host.invalid"),
        (["--price", "BTCUSDT"], 2, "BTCUSDT"),
        (["--rulebook", "nonesuch"], 3, "nonesuch"),
    ],
)
def test_what_cannot_be_is_one_line(options: list[str], status: int, named: str) -> None:
    found, text = refused_start("--ephemeral", *options)
    assert (found, text.count("\n")) == (status, 1), text
    assert named in text


@pytest.mark.full
def test_a_foreign_folder_and_a_damaged_file_are_one_line(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    status, text = refused_start("--data", str(foreign))
    assert (status, text.count("\n")) == (2, 1)
    assert "thesis.txt" in text
    assert os.listdir(foreign) == ["thesis.txt"]

    data = tmp_path / "venue"
    with Process("--market", "manual", data=data) as process:
        process.end()
    keys = (data / "keys.json").read_text()
    (data / "keys.json").write_text(keys[: len(keys) // 2])
    status, text = refused_start("--data", str(data))
    assert (status, text.count("\n")) == (3, 1)
    assert "keys.json" in text
    (data / "keys.json").write_text(keys)
    status, text = refused_start("--data", str(data), "--market", "synthetic")
    assert (status, text.count("\n")) == (2, 1)
    assert "manual" in text


@pytest.mark.full
def test_a_recording_is_replayed_at_the_present_with_its_past(tmp_path: Path) -> None:
    """A day of minutes: the first quarter is the past, then they run, shifted to now, and on after a crash."""
    start_ms, count = 1_760_000_400_000, 1_440
    lines = ["open_time,open,high,low,close,volume"]
    for minute in range(count):
        price = 60_000 + minute
        lines.append(f"{start_ms + minute * 60_000},{price},{price + 2},{price - 2},{price + 1},10")
    recording = tmp_path / "binance-BTCUSDT-1m-last.csv"
    recording.write_text("\n".join(lines))
    options = ("--market", f"replay:{recording}", "--speed", "0")
    with Process(*options, data=tmp_path / "venue") as venue:
        now = venue.control("GET", "/clock")[1]["time_ms"]
        assert abs(now - time.time() * 1_000) < 3_600_000
        _, past = venue.ask("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=100")
        assert len(past) >= 6
        assert all(float(hour[4]) - float(hour[1]) == 60 for hour in past[1:-1])
        for _ in range(3):
            assert venue.control("POST", "/clock/step", {"ms": 600_000})[0] == 200
        mark = venue.ask("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")[1]["markPrice"]
        venue.kill()
    with Process(data=tmp_path / "venue") as venue:
        assert venue.control("GET", "/clock")[1]["time_ms"] == now + 1_800_000
        assert venue.ask("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")[1]["markPrice"] == mark
        assert venue.control("POST", "/clock/step", {"ms": 86_400_000})[0] == 200
        last = float(venue.ask("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")[1]["markPrice"])
        assert abs(last - (60_000 + count)) < 10
        assert venue.end()[0] == 0
