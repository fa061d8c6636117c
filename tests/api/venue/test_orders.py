"""Orders over REST: placing, refusals in their order, looking up, cancelling, batches, conditionals in both forms."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest

from isocross.codes import CommandKind
from isocross.venue.binance.desk import Settings

from .served import Served

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "49000",
}


def test_ack_shows_the_moment_of_acceptance_and_result_what_became_of_it(trader):
    client = trader()
    ack = client.order("BTCUSDT", "BUY", "0.010")
    assert (ack["status"], ack["executedQty"], ack["avgPrice"], ack["price"]) == ("NEW", "0.000", "0.00000", "0")
    result = client.order("BTCUSDT", "BUY", "0.010", newOrderRespType="RESULT")
    assert (result["status"], result["executedQty"], result["cumQuote"]) == ("FILLED", "0.010", "500.01000000")
    assert "time" not in result
    found = client.get("/fapi/v1/order", symbol="BTCUSDT", orderId=ack["orderId"])
    assert (found["status"], found["time"] > 0) == ("FILLED", True)


def test_numbers_are_judged_by_value(trader):
    client = trader()
    order = client.post(
        "/fapi/v1/order", **LIMIT | {"price": "49000.00000", "quantity": "1e-2", "positionSide": "BOTH"}
    )
    assert (order["price"], order["origQty"]) == ("49000.0", "0.010")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"side": "HOLD"}, -1117),
        ({"type": "ICEBERG"}, -1116),
        ({"timeInForce": "GTE"}, -1115),
        ({"timeInForce": ""}, -1102),
        ({"quantity": ""}, -1102),
        ({"price": ""}, -1102),
        ({"symbol": "NOPEUSDT", "price": "0.00001"}, -1121),
        ({"price": "49000.05"}, -1111),
        ({"quantity": "0.0105"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "-1"}, -4003),
        ({"quantity": "1000000"}, -4005),
        ({"price": "0"}, -4001),
        ({"price": "52500.1"}, -4016),
        ({"side": "SELL", "price": "47499.9"}, -4024),
        ({"quantity": "0.001"}, -4164),
        ({"newClientOrderId": "a b"}, -4015),
        ({"newClientOrderId": "a" * 37}, -4015),
        ({"reduceOnly": "true"}, -2022),
        ({"quantity": "100"}, -2019),
        ({"timeInForce": "GTX", "price": "50500"}, -5022),
        ({"timeInForce": "FOK"}, -5021),
        ({"positionSide": "LONG"}, -4061),
        ({"priceMatch": "QUEUE"}, -1130),
        ({"timeInForce": "GTD"}, -1102),
        ({"closePosition": "true"}, -4136),
        ({"type": "MARKET", "price": ""}, -1106),
    ],
)
def test_refusals(trader, changes, code):
    client = trader()
    assert client.refused("POST", "/fapi/v1/order", **LIMIT | changes)[0] == code
    assert client.get("/fapi/v1/openOrders") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOPEUSDT", "side": "HOLD"}, -1117),
        ({"symbol": "NOPEUSDT", "price": "0.05"}, -1121),
        ({"price": "49000.05", "quantity": "0"}, -1111),
        ({"quantity": "0", "newClientOrderId": "a b"}, -4003),
        ({"newClientOrderId": "a b", "reduceOnly": "true"}, -4015),
    ],
)
def test_the_first_of_two_refusals_is_told(trader, changes, code):
    assert trader().refused("POST", "/fapi/v1/order", **LIMIT | changes)[0] == code


def test_the_least_notional_is_named(trader):
    assert trader().refused("POST", "/fapi/v1/order", **LIMIT | {"quantity": "0.001"})[1] == (
        "Order's notional must be no smaller than 100 (unless you choose reduce only)."
    )


def test_a_market_order_without_a_book_and_with_one_too_far_away(trader, venue):
    client = trader()
    venue.quote("BTCUSDC", 50_000, scale=0)
    venue.do_deposit(client.account, asset=1)
    assert (
        client.refused("POST", "/fapi/v1/order", symbol="BTCUSDC", side="BUY", type="MARKET", quantity="0.010")[0]
        == -1112
    )
    venue.quote("BTCUSDC", 60_000)
    assert (
        client.refused("POST", "/fapi/v1/order", symbol="BTCUSDC", side="BUY", type="MARKET", quantity="0.010")[0]
        == -4131
    )
    venue.quote("BTCUSDC", 50_000)


def test_looking_up_and_cancelling(trader):
    client = trader()
    named = client.order("BTCUSDT", "BUY", "0.010", "49000", newClientOrderId="my:order/1")
    nameless = client.order("BTCUSDT", "BUY", "0.010", "48900")
    assert named["clientOrderId"] == "my:order/1"
    assert [order["orderId"] for order in client.get("/fapi/v1/openOrders")] == [named["orderId"], nameless["orderId"]]
    for key in (
        {"orderId": named["orderId"]},
        {"origClientOrderId": "my:order/1"},
        {"orderId": named["orderId"], "origClientOrderId": "x"},
    ):
        assert client.get("/fapi/v1/order", symbol="BTCUSDT", **key)["orderId"] == named["orderId"]
        assert client.get("/fapi/v1/openOrder", symbol="BTCUSDT", **key)["orderId"] == named["orderId"]
    found = client.get("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId=nameless["clientOrderId"])
    assert found["orderId"] == nameless["orderId"]
    assert client.refused("GET", "/fapi/v1/order", symbol="ETHUSDT", orderId=named["orderId"])[0] == -2013
    assert client.refused("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=1) == (-2013, "Order does not exist.")
    assert client.refused("GET", "/fapi/v1/order", symbol="BTCUSDT")[0] == -1102
    cancelled = client.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=named["orderId"])
    assert (cancelled["status"], cancelled["orderId"]) == ("CANCELED", named["orderId"])
    again = client.refused("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=named["orderId"])
    assert again == (-2011, "Unknown order sent.")
    assert client.refused("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", orderId=named["orderId"])[0] == -2013
    done = {"code": 200, "msg": "The operation of cancel all open order is done."}
    assert client.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT") == done
    assert client.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT") == done
    assert client.get("/fapi/v1/openOrders") == []
    past = client.get("/fapi/v1/allOrders", symbol="BTCUSDT")
    assert [order["status"] for order in past] == ["CANCELED", "CANCELED"]
    assert [o["orderId"] for o in client.get("/fapi/v1/allOrders", symbol="BTCUSDT", orderId=nameless["orderId"])] == [
        nameless["orderId"]
    ]


def test_a_client_id_is_unique_among_open_orders(trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010", "49000", newClientOrderId="twice")
    assert client.refused("POST", "/fapi/v1/order", **LIMIT, newClientOrderId="twice") == (
        -4116,
        "ClientOrderId is duplicated.",
    )
    client.delete("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="twice")
    second = client.order("BTCUSDT", "BUY", "0.010", "49000", newClientOrderId="twice")
    assert client.get("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="twice")["orderId"] == second["orderId"]


def test_a_batch_answers_in_order_with_errors_in_place(trader):
    client = trader()
    batch = [
        LIMIT,
        LIMIT | {"price": "1"},
        LIMIT | {"symbol": "NOPEUSDT"},
        LIMIT | {"side": "SELL", "price": "51000"},
        {},
    ]
    answers = client.post("/fapi/v1/batchOrders", batchOrders=json.dumps(batch))
    assert [answer.get("code", answer.get("status")) for answer in answers] == ["NEW", -4164, -1121, "NEW", -1102]
    assert client.refused("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps([LIMIT] * 6))[0] == -4082
    assert client.refused("POST", "/fapi/v1/batchOrders", batchOrders="[]")[0] == -4082
    ids = [answers[0]["orderId"], 7, answers[3]["orderId"]]
    cancelled = client.delete("/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList=json.dumps(ids))
    assert [answer.get("code", answer.get("status")) for answer in cancelled] == ["CANCELED", -2011, "CANCELED"]


def test_order_headers_count(trader):
    client = trader()
    answer = client.send("POST", "/fapi/v1/order", **LIMIT)
    assert int(answer.headers["x-mbx-order-count-10s"]) >= 1
    assert int(answer.headers["x-mbx-order-count-1m"]) >= 1


def test_a_test_order_is_checked_and_not_placed(trader):
    client = trader()
    assert client.post("/fapi/v1/order/test", **LIMIT) == {}
    assert client.refused("POST", "/fapi/v1/order/test", **LIMIT | {"quantity": "100"})[0] == -2019
    assert client.get("/fapi/v1/allOrders", symbol="BTCUSDT") == []


def test_a_reduce_only_order_is_cut_to_the_position(trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    closed = client.order("BTCUSDT", "SELL", "0.050", reduceOnly="true", newOrderRespType="RESULT")
    assert (closed["executedQty"], closed["status"]) == ("0.010", "EXPIRED")
    assert client.get("/fapi/v3/positionRisk") == []


# ---- conditionals

STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "triggerPrice": "49000", "quantity": "0.010"}


def test_conditionals_at_their_own_endpoint(trader, venue):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    stop = client.post("/fapi/v1/algoOrder", **STOP, reduceOnly="True", workingType="MARK_PRICE", clientAlgoId="stop-1")
    assert (stop["algoStatus"], stop["actualOrderId"], stop["algoType"], stop["triggerPrice"]) == (
        "NEW", "", "CONDITIONAL", "49000.0",
    )  # fmt: skip
    assert client.get("/fapi/v1/openOrders") == []
    assert [order["algoId"] for order in client.get("/fapi/v1/openAlgoOrders")] == [stop["algoId"]]
    assert client.refused("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=stop["algoId"])[0] == -2013
    venue.price("BTCUSDT", 48_900)
    try:
        for key in (
            {"algoId": stop["algoId"]},
            {"clientAlgoId": "stop-1"},
            {"clientAlgoId": "stop-1", "symbol": "BTCUSDT"},
        ):
            after = client.get("/fapi/v1/algoOrder", **key)
            assert (after["algoStatus"], after["actualOrderId"]) == ("FINISHED", str(stop["algoId"] + 1))
        order = client.get("/fapi/v1/order", symbol="BTCUSDT", orderId=after["actualOrderId"])
        assert (order["clientOrderId"], order["type"], order["origType"], order["status"]) == (
            "stop-1", "MARKET", "STOP_MARKET", "FILLED",
        )  # fmt: skip
        assert client.get("/fapi/v1/openAlgoOrders") == []
        assert client.refused("DELETE", "/fapi/v1/algoOrder", algoId=stop["algoId"])[0] == -2011
        assert [one["algoId"] for one in client.get("/fapi/v1/allAlgoOrders", symbol="BTCUSDT")] == [stop["algoId"]]
    finally:
        venue.price("BTCUSDT", 50_000)


def test_a_conditional_is_cancelled(trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    stop = client.post("/fapi/v1/algoOrder", **STOP, clientAlgoId="c-1")
    assert client.delete("/fapi/v1/algoOrder", algoId=stop["algoId"], clientAlgoId="c-1") == {
        "algoId": stop["algoId"], "clientAlgoId": "c-1", "code": "200", "msg": "success",
    }  # fmt: skip
    assert client.get("/fapi/v1/algoOrder", algoId=stop["algoId"])["algoStatus"] == "CANCELED"
    client.post("/fapi/v1/algoOrder", **STOP)
    assert client.delete("/fapi/v1/algoOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert client.get("/fapi/v1/openAlgoOrders") == []
    assert client.refused("GET", "/fapi/v1/algoOrder")[0] == -1102
    assert client.refused("GET", "/fapi/v1/algoOrder", algoId=1)[0] == -2013


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": ""}, -1102),
        ({"triggerPrice": "50500"}, -2021),
        ({"type": "TAKE_PROFIT_MARKET", "triggerPrice": "49000"}, -2021),
        ({"quantity": ""}, -1102),
        ({"closePosition": "true"}, -4137),
        ({"type": "STOP"}, -1102),
        ({"type": "TRAILING_STOP_MARKET"}, -1102),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "0.05"}, -1130),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "21"}, -1130),
        ({"algoType": "VP"}, -1130),
        ({"clientAlgoId": "ä"}, -4015),
    ],
)
def test_refusals_of_conditionals(trader, venue, changes, code):
    trader().order("BTCUSDT", "BUY", "0.010")  # something has traded: last is known
    assert trader().refused("POST", "/fapi/v1/algoOrder", **STOP | changes)[0] == code


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"type": "STOP", "price": "48900"},
        {"type": "TAKE_PROFIT", "price": "52000", "triggerPrice": "51900"},
        {"type": "TAKE_PROFIT_MARKET", "triggerPrice": "52000", "closePosition": "true", "quantity": ""},
        {"type": "TRAILING_STOP_MARKET", "callbackRate": "1.5", "activatePrice": "51000", "triggerPrice": ""},
    ],
)
def test_every_type_of_conditional_is_taken_in_both_forms(trader, changes):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    asked = STOP | changes
    algo = client.post("/fapi/v1/algoOrder", **asked)
    assert (algo["orderType"], algo["algoStatus"]) == (asked["type"], "NEW")
    if "closePosition" in asked:  # one way of closing all of it in a direction is enough
        assert client.refused("POST", "/fapi/v1/algoOrder", **asked)[0] == -4130
        stop = {"type": "STOP_MARKET", "triggerPrice": "48000"}
        client.post("/fapi/v1/algoOrder", **asked | stop)
        assert client.refused("POST", "/fapi/v1/algoOrder", **asked | stop)[0] == -4130
        client.delete("/fapi/v1/algoOpenOrders", symbol="BTCUSDT")
        algo = client.post("/fapi/v1/algoOrder", **asked | stop)
    plain = dict(asked)
    plain["stopPrice"] = plain.pop("triggerPrice")
    plain["activationPrice"] = plain.pop("activatePrice", "")
    order = client.post("/fapi/v1/order", **plain)
    assert (order["type"], order["origType"], order["status"]) == (asked["type"], asked["type"], "NEW")
    assert [one["orderId"] for one in client.get("/fapi/v1/openOrders")] == [order["orderId"]]
    assert [one["algoId"] for one in client.get("/fapi/v1/openAlgoOrders")] == [algo["algoId"]]
    client.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert [one["algoId"] for one in client.get("/fapi/v1/openAlgoOrders")] == [algo["algoId"]]
    assert client.get("/fapi/v1/openOrders") == []


def test_a_plain_conditional_keeps_its_id_when_it_becomes_an_order(trader, venue):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    stop = client.post(
        "/fapi/v1/order", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", stopPrice="49000", closePosition="true",
        newClientOrderId="plain-stop", workingType="MARK_PRICE",
    )  # fmt: skip
    venue.price("BTCUSDT", 48_900)
    try:
        for key in ({"orderId": stop["orderId"]}, {"origClientOrderId": "plain-stop"}):
            order = client.get("/fapi/v1/order", symbol="BTCUSDT", **key)
            assert (order["orderId"], order["type"], order["origType"], order["status"], order["executedQty"]) == (
                stop["orderId"], "MARKET", "STOP_MARKET", "FILLED", "0.010",
            )  # fmt: skip
        assert client.get("/fapi/v1/openOrders") == []
        ids = [one["orderId"] for one in client.get("/fapi/v1/allOrders", symbol="BTCUSDT")]
        assert ids.count(stop["orderId"]) == 1
        assert Decimal(client.get("/fapi/v1/userTrades", symbol="BTCUSDT")[-1]["qty"]) == Decimal("0.010")
    finally:
        venue.price("BTCUSDT", 50_000)


def test_the_strict_venue_takes_conditionals_only_at_their_own_endpoint():
    with Served(Settings(are_conditionals_plain=False), past_days=0) as venue:
        client = venue.client("alice")
        asked = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "stopPrice": "49000", "quantity": "0.010"}
        assert client.refused("POST", "/fapi/v1/order", **asked) == (
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
        )


# ---- amending, time


def test_an_order_is_changed_and_keeps_its_id(trader):
    client = trader()
    order = client.order("BTCUSDT", "BUY", "0.010", "49000", newClientOrderId="change-me")
    change = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.020", "price": "48900"}
    changed = client.put("/fapi/v1/order", **change, orderId=order["orderId"])
    assert (changed["orderId"], changed["price"], changed["origQty"], changed["status"], changed["clientOrderId"]) == (
        order["orderId"], "48900.0", "0.020", "NEW", "change-me",
    )  # fmt: skip
    assert client.refused("PUT", "/fapi/v1/order", **change, origClientOrderId="change-me") == (
        -5027, "No need to modify the order.",
    )  # fmt: skip
    assert (
        client.put("/fapi/v1/order", **change | {"price": "48800"}, origClientOrderId="change-me")["price"] == "48800.0"
    )
    assert client.refused("PUT", "/fapi/v1/order", **change | {"side": "SELL"}, orderId=order["orderId"])[0] == -1128
    assert client.refused("PUT", "/fapi/v1/order", **change, orderId=1)[0] == -2013
    assert client.refused("PUT", "/fapi/v1/order", **change | {"price": "1.05"}, orderId=order["orderId"])[0] == -1111
    filled = client.put("/fapi/v1/order", **change | {"price": "50001"}, orderId=order["orderId"])
    assert (filled["status"], filled["executedQty"]) == ("FILLED", "0.020")
    told = client.get("/fapi/v1/orderAmendment", symbol="BTCUSDT", origClientOrderId="change-me")
    assert [(one["orderId"], one["amendment"]["count"]) for one in told] == [(order["orderId"], n) for n in (3, 2, 1)]
    assert [one["amendment"]["price"] for one in told[::-1]] == [
        {"before": "49000.0", "after": "48900.0"}, {"before": "48900.0", "after": "48800.0"},
        {"before": "48800.0", "after": "50001.0"},
    ]  # fmt: skip
    assert told[-1]["amendment"]["origQty"] == {"before": "0.010", "after": "0.020"}
    assert client.get("/fapi/v1/orderAmendment", symbol="BTCUSDT", orderId=order["orderId"], limit=1) == told[:1]
    assert client.get("/fapi/v1/orderAmendment", symbol="BTCUSDT", orderId=order["orderId"], endTime=1) == []
    both = [client.order("BTCUSDT", "BUY", "0.010", str(price))["orderId"] for price in (49_000, 48_900)]
    batch = [
        change | {"orderId": both[0], "price": "48700"},
        change | {"orderId": 1},
        change | {"orderId": both[1], "price": "48600"},
    ]
    answers = client.put("/fapi/v1/batchOrders", batchOrders=json.dumps(batch))
    assert [answer.get("price", answer.get("code")) for answer in answers] == ["48700.0", -2013, "48600.0"]


def test_an_order_that_is_good_till_a_date_expires_then(trader, venue):
    client = trader()
    now = venue.core.clock.now_ms()
    soon = now + 610_000
    order = client.order("BTCUSDT", "BUY", "0.010", "49000", timeInForce="GTD", goodTillDate=soon)
    assert (order["timeInForce"], order["goodTillDate"]) == ("GTD", soon)
    for too_soon_or_never in (1, now + 590_000, 253_402_300_799_000):
        asked = LIMIT | {"timeInForce": "GTD", "goodTillDate": too_soon_or_never}
        assert client.refused("POST", "/fapi/v1/order", **asked)[0] == -5040
    venue.call(lambda: venue.core.clock.advance_to(soon + 1))
    venue.do(CommandKind.ADVANCE_CLOCK)
    assert client.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "EXPIRED"


def test_a_countdown_cancels_what_rests(trader, venue):
    client = trader()
    order = client.order("BTCUSDT", "BUY", "0.010", "49000")
    assert client.post("/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=300) == {
        "symbol": "BTCUSDT", "countdownTime": "300",
    }  # fmt: skip
    time.sleep(0.4)
    venue.do(CommandKind.ADVANCE_CLOCK)
    assert client.get("/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])["status"] in ("CANCELED", "EXPIRED")
    client.post("/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=300)
    assert client.post("/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=0)["countdownTime"] == "0"
    kept = client.order("BTCUSDT", "BUY", "0.010", "49000")
    time.sleep(0.4)
    venue.do(CommandKind.ADVANCE_CLOCK)
    assert client.get("/fapi/v1/order", symbol="BTCUSDT", orderId=kept["orderId"])["status"] == "NEW"


def test_an_account_may_be_told_to_trade_with_itself(trader, venue):
    client = trader()
    venue.quote("BTCUSDT", 50_000)
    client.order("BTCUSDT", "SELL", "0.010", "50000.5")
    taker = client.order(
        "BTCUSDT", "BUY", "0.010", "50000.5", selfTradePreventionMode="NONE", newOrderRespType="RESULT"
    )
    assert (taker["status"], taker["selfTradePreventionMode"]) == ("FILLED", "NONE")
    client.order("BTCUSDT", "SELL", "0.010", "50000.5", newClientOrderId="maker")
    taker = client.order(
        "BTCUSDT", "BUY", "0.010", "50000.5", newOrderRespType="RESULT", selfTradePreventionMode="EXPIRE_TAKER"
    )
    assert taker["status"] == "EXPIRED_IN_MATCH"
    client.order("BTCUSDT", "BUY", "0.010", "50000.5")
    maker = client.get("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="maker")
    assert maker["status"] == "EXPIRED_IN_MATCH"


def test_price_protection_is_kept(trader):
    client = trader()
    client.order("BTCUSDT", "BUY", "0.010")
    assert client.post("/fapi/v1/algoOrder", **STOP, priceProtect="TRUE")["priceProtect"] is True


def test_a_stop_on_the_last_price_is_taken_before_anything_has_traded(trader):
    client = trader()
    ether = {"symbol": "ETHUSDT", "quantity": "0.100", "triggerPrice": "2400"}  # nothing trades in it here
    assert client.refused("POST", "/fapi/v1/algoOrder", **STOP | ether | {"side": "BUY"})[0] == -2021, "past the mark"
    assert client.post("/fapi/v1/algoOrder", **STOP | ether)["workingType"] == "CONTRACT_PRICE"
