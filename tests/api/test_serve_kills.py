"""`isocross serve` killed under load: every acknowledged order is there afterwards, once; what was not told may be, once too."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.venues import Connection, Process

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010"}


class Client(threading.Thread):
    """Places and cancels orders over one connection, and remembers what it was told."""

    def __init__(self, number: int, url: str, account: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.number, self._url, self._account = number, url, account
        self.placed: dict[str, int] = {}  # client id → order id
        self.cancelled: set[int] = set()
        self.sent: list[str] = []
        self.stopped = ""

    def run(self) -> None:
        turn = 0
        try:
            with Connection(self._url, self._account) as connection:
                while True:
                    turn += 1
                    name = f"c{self.number}-{turn}-{time.monotonic_ns()}"
                    self.sent.append(name)
                    price = str(40_000 + (turn * 37 + self.number * 101) % 5_000)
                    status, answer = connection.ask(
                        "POST", "/fapi/v1/order", {**ORDER, "price": price, "newClientOrderId": name}
                    )
                    if status != 200:
                        self.stopped = f"{status} {answer}"
                        if answer["code"] != -2025 and answer["code"] != -2019:
                            return
                        continue
                    self.placed[name] = answer["orderId"]
                    if turn % 3:
                        status, gone = connection.ask(
                            "DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": answer["orderId"]}
                        )
                        if status == 200:
                            self.cancelled.add(gone["orderId"])
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return  # the server was killed


def killed_under_load(data: Path, kills: int, seconds: float) -> int:
    """Kill the server again and again while ten connections trade; every order that was acknowledged has to be there."""
    clients: list[Client] = []
    for round_ in range(kills):
        with Process("--accounts", "10", "--balance", "1000000USDT", "--market", "manual", data=data) as process:
            accounts = process.keys["accounts"]
            check_all_there(process, accounts, clients)
            new = [Client(number, process.url, accounts[number]) for number in range(10)]
            for client in new:
                client.start()
            time.sleep(seconds + 0.07 * round_)
            process.kill()
            for client in new:
                client.join(30)
                assert not client.is_alive()
            clients += new
    with Process(data=data) as process:
        check_all_there(process, process.keys["accounts"], clients)
    placed = sum(len(client.placed) for client in clients)
    return placed


def check_all_there(process: Process, accounts: list[dict[str, str]], clients: list[Client]) -> None:
    for number in {client.number for client in clients}:
        mine = [client for client in clients if client.number == number]
        placed = {name: order for client in mine for name, order in client.placed.items()}
        cancelled = set().union(*(client.cancelled for client in mine))
        sent = {name for client in mine for name in client.sent}
        there: list[dict[str, Any]] = []
        with Connection(process.url, accounts[number]) as connection:
            first = 0
            while True:
                status, page = connection.ask(
                    "GET", "/fapi/v1/allOrders", {"symbol": "BTCUSDT", "orderId": first, "limit": 1_000}
                )
                assert status == 200, page
                there += page
                if len(page) < 1_000:
                    break
                first = page[-1]["orderId"] + 1
            status, opened = connection.ask("GET", "/fapi/v1/openOrders", {"symbol": "BTCUSDT"})
        assert max(Counter(order["clientOrderId"] for order in there).values(), default=1) == 1
        assert max(Counter(order["orderId"] for order in there).values(), default=1) == 1
        by_name = {order["clientOrderId"]: order for order in there}
        assert placed.keys() <= by_name.keys() <= sent
        assert all(by_name[name]["orderId"] == order for name, order in placed.items())
        assert {order["status"] for order in there if order["orderId"] in cancelled} <= {"CANCELED"}
        open_ids = {order["orderId"] for order in opened}
        assert open_ids == {order["orderId"] for order in there if order["status"] == "NEW"}
        assert not open_ids & cancelled


def test_an_acknowledged_order_survives_a_kill_under_load(tmp_path: Path) -> None:
    assert killed_under_load(tmp_path / "venue", 2, 1.0) > 100


@pytest.mark.full
def test_an_acknowledged_order_survives_twenty_kills_under_load(tmp_path: Path) -> None:
    assert killed_under_load(tmp_path / "venue", 20, 0.6) > 2_000
