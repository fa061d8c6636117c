"""The WebSocket API: signing, the envelope, the same answers as REST."""

from __future__ import annotations

import time

import pytest

from isocross.venue.binance.websocket_api import METHODS

from .sockets import Heard


def signed(client, **params):
    params = {"apiKey": client.account.api_key, "timestamp": int(time.time() * 1000), **params}
    text = "&".join(
        f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in sorted(params.items())
    )
    return params | {"signature": client.signature(text)}


def test_an_order_from_its_placing_to_its_end(venue, trader):
    client = trader()
    with Heard(f"{venue.ws}/ws-fapi/v1") as socket:
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.010",
            "price": 49000,
        }
        placed = socket.ask({"id": "place", "method": "order.place", "params": signed(client, **order)})
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        assert placed["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
        number = placed["result"]["orderId"]
        asked = signed(client, symbol="BTCUSDT", orderId=str(number), returnRateLimits=False)
        status = socket.ask({"id": 7, "method": "order.status", "params": asked})
        assert "rateLimits" not in status
        assert status["result"]["orderId"] == number
        cancelled = socket.ask(
            {"id": 0, "method": "order.cancel", "params": signed(client, symbol="BTCUSDT", orderId=number)}
        )
        assert cancelled["result"]["status"] == "CANCELED"
        refused = socket.ask(
            {"id": 1, "method": "order.cancel", "params": signed(client, symbol="BTCUSDT", orderId=number)}
        )
        assert (refused["status"], refused["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})


def test_account_market_and_stream_methods_answer_as_rest(venue, trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    with Heard(f"{venue.ws}/ws-fapi/v1") as socket:
        for method, path in [
            ("account.position", "/fapi/v2/positionRisk"), ("v2/account.position", "/fapi/v3/positionRisk"),
            ("account.balance", "/fapi/v2/balance"), ("v2/account.balance", "/fapi/v3/balance"),
            ("account.status", "/fapi/v2/account"), ("v2/account.status", "/fapi/v3/account"),
        ]:  # fmt: skip
            assert socket.ask({"id": 1, "method": method, "params": signed(client)})["result"] == client.get(path)
        for method in ("ticker.price", "ticker.book", "depth"):
            assert socket.ask({"id": 2, "method": method, "params": {"symbol": "BTCUSDT"}})["status"] == 200
        key = socket.ask({"id": 3, "method": "userDataStream.start", "params": {"apiKey": client.account.api_key}})
        assert key["result"] == client.post("/fapi/v1/listenKey")
        for method in ("userDataStream.ping", "userDataStream.stop"):
            answer = socket.ask({"id": 4, "method": method, "params": {"apiKey": client.account.api_key}})
            assert answer["status"] == 200
        algo = {
            "algoType": "CONDITIONAL",
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "STOP_MARKET",
            "triggerPrice": "45000",
            "quantity": "0.010",
        }
        placed = socket.ask({"id": 5, "method": "algoOrder.place", "params": signed(client, **algo)})["result"]
        gone = socket.ask({"id": 6, "method": "algoOrder.cancel", "params": signed(client, algoId=placed["algoId"])})
        assert gone["result"]["code"] == "200"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"id":1', -1102), ("[]", -1102), ("7", -1102), ('{"id":[],"method":"time"}', -1102), ('{"id":1,"method":"nothing"}', -1102),
        ('{"id":1,"method":["time"]}', -1102), ('{"id":1,"method":"time","params":[]}', 0), ('{"id":1,"method":"time","params":7}', -1102),
        ('{"id":1,"method":"order.place"}', -2014), ('{"id":1,"method":"order.place","params":{"apiKey":"x"}}', -2015),
        ('{"id":1,"method":"depth","params":{"symbol":{}}}', -1121), ('{"id":true,"method":"time"}', -1102),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_the_connection_stays(venue, message, code):
    with Heard(f"{venue.ws}/ws-fapi/v1") as socket:
        socket.send(message)
        answer = socket.until(lambda one: "status" in one)
        assert answer.get("error", {"code": 0})["code"] == code
        assert socket.ask({"id": 2, "method": "time"})["status"] == 200


def test_another_signature_is_refused(venue, trader):
    client = trader()
    with Heard(f"{venue.ws}/ws-fapi/v1") as socket:
        params = signed(client) | {"recvWindow": 6000}
        assert socket.ask({"id": 1, "method": "account.balance", "params": params})["error"]["code"] == -1022
        late = signed(client, timestamp=1)
        assert socket.ask({"id": 2, "method": "account.balance", "params": late})["error"]["code"] == -1021


def test_every_method_is_an_endpoint():
    from isocross.venue.binance.routes import ENDPOINTS

    assert {METHODS[name] for name in METHODS} <= set(ENDPOINTS)
