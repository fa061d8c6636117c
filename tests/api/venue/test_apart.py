"""One account cannot see or touch another's, in every pair, by any endpoint."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

from .sockets import Heard


def test_every_pair_of_accounts(venue, trader):
    clients = [trader() for _ in range(3)]
    owned = []
    for number, client in enumerate(clients):
        client.order("BTCUSDT", "BUY", "0.010")
        order = client.order("BTCUSDT", "BUY", "0.010", "49000", newClientOrderId=f"order-{number}")
        algo = client.post(
            "/fapi/v1/algoOrder", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", triggerPrice="45000", quantity="0.010",
            clientAlgoId=f"algo-{number}",
        )  # fmt: skip
        owned.append((order["orderId"], f"order-{number}", algo["algoId"], f"algo-{number}"))

    def state(client) -> list[Any]:
        """All that an account can be shown, but for the clock."""
        paths = ("openOrders", "openAlgoOrders", "symbolConfig", "income", "userTrades")
        found: list[Any] = [client.get(f"/fapi/v1/{path}") for path in paths]
        found += [
            client.get("/fapi/v1/allOrders", symbol="BTCUSDT"),
            client.get("/fapi/v1/allAlgoOrders", symbol="BTCUSDT"),
        ]
        return json.loads(json.dumps(found))

    before = [state(client) for client in clients]
    for mine, other in permutations(range(3), 2):
        client, (order_id, client_id, algo_id, client_algo_id) = clients[mine], owned[other]
        for key in (
            {"orderId": order_id},
            {"origClientOrderId": client_id},
            {"orderId": algo_id},
            {"orderId": order_id + 1},
        ):
            assert client.refused("GET", "/fapi/v1/order", symbol="BTCUSDT", **key)[0] == -2013
            assert client.refused("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", **key)[0] == -2013
            assert client.refused("DELETE", "/fapi/v1/order", symbol="BTCUSDT", **key)[0] == -2011
            change = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.010", "price": "48000"}
            assert client.refused("PUT", "/fapi/v1/order", **change, **key)[0] == -2013
        for key in ({"algoId": algo_id}, {"clientAlgoId": client_algo_id}):
            assert client.refused("GET", "/fapi/v1/algoOrder", **key)[0] == -2013
            assert client.refused("DELETE", "/fapi/v1/algoOrder", **key)[0] == -2011
        listed = client.delete("/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList=json.dumps([order_id, algo_id]))
        assert [answer["code"] for answer in listed] == [-2011, -2011]
        assert client.get("/fapi/v1/userTrades", symbol="BTCUSDT", orderId=order_id) == []
        # A key with another account's signature opens nothing.
        query = "timestamp=1"
        stolen = {"X-MBX-APIKEY": clients[other].account.api_key}
        answer = client.http.get(f"/fapi/v2/balance?{query}&signature={client.signature(query)}", headers=stolen)
        assert answer.status_code == 400
    assert [state(client) for client in clients] == before

    clients[0].delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    clients[0].delete("/fapi/v1/algoOpenOrders", symbol="BTCUSDT")
    assert [len(client.get("/fapi/v1/openOrders")) for client in clients] == [0, 1, 1]
    assert [len(client.get("/fapi/v1/openAlgoOrders")) for client in clients] == [0, 1, 1]


def test_nobody_hears_of_another(venue, trader):
    first, second = trader(), trader()
    key = first.post("/fapi/v1/listenKey")["listenKey"]
    assert second.post("/fapi/v1/listenKey")["listenKey"] != key
    with Heard(f"{venue.ws}/private/ws?listenKey={key}") as socket:
        second.order("BTCUSDT", "BUY", "0.010")
        second.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=3)
        assert socket.quiet() == []
        first.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=4)
        assert [said["ac"]["l"] for said in socket.quiet()] == [4]
    second.delete("/fapi/v1/listenKey", listenKey=key)
    assert first.put("/fapi/v1/listenKey") == {"listenKey": key}
