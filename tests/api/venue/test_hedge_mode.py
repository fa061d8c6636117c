"""Hedge mode on the wire: two positions of one symbol, each named by its side."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .sockets import Heard

LONG, SHORT = {"positionSide": "LONG"}, {"positionSide": "SHORT"}


@pytest.fixture
def hedger(trader):
    client = trader()
    assert client.post("/fapi/v1/positionSide/dual", dualSidePosition="true") == {"code": 200, "msg": "success"}
    return client


def test_the_mode_and_its_refusals(trader):
    client = trader()
    assert client.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false") == (
        -4059, "No need to change position side.",
    )  # fmt: skip
    order = client.order("BTCUSDT", "BUY", "0.010", "49000", positionSide="BOTH")
    assert client.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")[0] == -4067
    client.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])
    client.order("BTCUSDT", "BUY", "0.010")
    assert client.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")[0] == -4068
    client.order("BTCUSDT", "SELL", "0.010")
    client.post("/fapi/v1/positionSide/dual", dualSidePosition="True")
    assert client.get("/fapi/v1/positionSide/dual") == {"dualSidePosition": True}
    assert client.get("/fapi/v1/accountConfig")["dualSidePosition"] is True


def test_two_positions_stand_beside_each_other(hedger):
    with_side = {"symbol": "BTCUSDT", "type": "MARKET"}
    assert hedger.refused("POST", "/fapi/v1/order", **with_side, side="BUY", quantity="0.010")[0] == -4061
    hedger.order("BTCUSDT", "BUY", "0.020", **LONG)
    hedger.order("BTCUSDT", "SELL", "0.010", **SHORT)
    assert (
        hedger.refused("POST", "/fapi/v1/order", **with_side, side="SELL", quantity="0.010", reduceOnly="true", **LONG)[
            0
        ]
        == -4062
    )
    v3 = {row["positionSide"]: row for row in hedger.get("/fapi/v3/positionRisk", symbol="BTCUSDT")}
    assert {side: row["positionAmt"] for side, row in v3.items()} == {"LONG": "0.020", "SHORT": "-0.010"}
    v2 = [row for row in hedger.get("/fapi/v2/positionRisk") if row["symbol"] == "BTCUSDT"]
    assert {row["positionSide"]: row["positionAmt"] for row in v2} == {
        "BOTH": "0.000",
        "LONG": "0.020",
        "SHORT": "-0.010",
    }
    assert {row["positionSide"] for row in hedger.get("/fapi/v3/account")["positions"]} == {"LONG", "SHORT"}
    trades = hedger.get("/fapi/v1/userTrades", symbol="BTCUSDT")
    assert [(trade["side"], trade["positionSide"]) for trade in trades] == [("BUY", "LONG"), ("SELL", "SHORT")]
    closed = hedger.order("BTCUSDT", "SELL", "0.020", newOrderRespType="RESULT", **LONG)
    assert (closed["status"], closed["positionSide"]) == ("FILLED", "LONG")
    assert [row["positionSide"] for row in hedger.get("/fapi/v3/positionRisk")] == ["SHORT"]
    wallet = Decimal(hedger.get("/fapi/v3/account")["totalWalletBalance"])
    assert sum(Decimal(entry["income"]) for entry in hedger.get("/fapi/v1/income", limit=1000)) == wallet


def test_isolated_margin_of_one_side(hedger):
    hedger.post("/fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")
    hedger.order("ETHUSDT", "BUY", "1.000", **LONG)
    hedger.order("ETHUSDT", "SELL", "1.000", **SHORT)

    def margins() -> dict[str, Decimal]:
        return {row["positionSide"]: Decimal(row["isolatedWallet"]) for row in hedger.get("/fapi/v3/positionRisk")}

    before = margins()
    hedger.post("/fapi/v1/positionMargin", symbol="ETHUSDT", amount="7", type=1, **SHORT)
    assert margins() == {"LONG": before["LONG"], "SHORT": before["SHORT"] + 7}
    history = hedger.get("/fapi/v1/positionMargin/history", symbol="ETHUSDT")
    assert history[-1]["positionSide"] == "SHORT"


def test_events_name_the_side(venue, hedger):
    key = hedger.post("/fapi/v1/listenKey")["listenKey"]
    with Heard(f"{venue.ws}/ws/{key}") as socket:
        hedger.order("BTCUSDT", "SELL", "0.010", **SHORT)
        stop = hedger.post(
            "/fapi/v1/algoOrder", symbol="BTCUSDT", side="BUY", type="STOP_MARKET", triggerPrice="51000", closePosition="true",
            workingType="MARK_PRICE", **SHORT,
        )  # fmt: skip
        venue.price("BTCUSDT", 51_100)
        said = socket.quiet()
    venue.price("BTCUSDT", 50_000)
    assert stop["positionSide"] == "SHORT"
    assert {one["o"]["ps"] for one in said if "o" in one} == {"SHORT"}
    positions = [one["a"]["P"][0] for one in said if one["e"] == "ACCOUNT_UPDATE"]
    assert [(p["ps"], p["pa"]) for p in positions] == [("SHORT", "-0.010"), ("SHORT", "0")]
    assert hedger.get("/fapi/v3/positionRisk") == []


def test_a_liquidation_of_one_side_names_it(venue, hedger):
    hedger.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    hedger.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    hedger.order("BTCUSDT", "BUY", "0.010", **LONG)
    hedger.order("BTCUSDT", "SELL", "0.010", **SHORT)
    venue.price("BTCUSDT", 49_540)
    assert [row["positionSide"] for row in hedger.get("/fapi/v3/positionRisk")] == ["SHORT"]
    assert {order["positionSide"] for order in hedger.get("/fapi/v1/forceOrders")} == {"LONG"}
    venue.price("BTCUSDT", 50_000)
