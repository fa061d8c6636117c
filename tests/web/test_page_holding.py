"""What the page does with more than one order at market: sizes in percent, triggers, closing, exits, moved lines, history, alarms."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from tests.web.pages import DEMO, Page, opened, run

QUANTITY = {"margin": None, "quantity": "0.100"}


async def columns_of(page: Page, form: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The columns of a preview by mode."""
    return {one["name"]: one for one in (await page.post("/preview", form))["columns"]}


# ---- sizes


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_all_that_can_be_had_is_accepted_and_one_step_more_is_not(mode: str) -> None:
    async def story() -> None:
        async with opened() as page:
            form = DEMO | {"mode": mode, "margin": None}
            most = (await columns_of(page, form | {"share": 100}))[mode]
            assert most["is_accepted"]
            lots = int(Decimal(most["quantity"]) * 1000)
            over = (await columns_of(page, form | {"quantity": f"{Decimal(lots + 1) / 1000}"}))[mode]
            assert over["refusal"] == "margin_insufficient" or Decimal(over["expired"]) > 0
            half = (await columns_of(page, form | {"share": 50}))[mode]
            assert int(Decimal(half["quantity"]) * 1000) == lots // 2
            await page.post("/order", form | {"share": 100})
            (position,) = (await page.state())["positions"]
            assert position["quantity"] == most["quantity"]
            assert position["liquidation_price"] == most["liquidation_price"]
            told = await columns_of(page, form | {"side": "sell", "share": 25, "is_reduce_only": True})
            assert int(Decimal(told[mode]["quantity"]) * 1000) == lots * 25 // 100

    run(story())


def test_a_size_for_a_risk_loses_at_most_that_at_the_stop() -> None:
    async def story() -> None:
        async with opened() as page:
            form = DEMO | {"margin": None, "risk": "100", "stop": "58500", "take_profit": "66000"}
            told = await page.post("/preview", form)
            rows = {row[0]: row[1:] for row in told["rows"]}
            lost = [-Decimal(cell.replace(",", "")) for cell in rows["At the stop, fees in"]]
            step = (Decimal(told["mark"]) - 58500) / 1000 + Decimal(told["mark"]) / 1000 * Decimal("0.0011")
            assert all(100 - step < one <= 100 for one in lost)
            assert all(cell.endswith(" : 1") for cell in rows["Reward to risk"])
            resting = await columns_of(page, form | {"price": "59500"})
            assert resting["isolated"]["is_accepted"] and Decimal(resting["isolated"]["resting"]) > 0
            assert "expected a stop" in (await columns_of(page, form | {"stop": None}))["cross"]["reason"]
            tiny = (await columns_of(page, form | {"risk": "0.01"}))["cross"]
            assert tiny["refusal"] == "notional_too_small"

    run(story())


def test_a_fork_goes_on_beside_the_venue_from_now_or_from_before() -> None:
    async def story() -> None:
        async with opened() as page:
            begin = await page.state()
            await page.post("/clock", {"step_ms": 120_000})
            await page.post("/order", DEMO)
            here = await page.state()
            now = (await page.post("/fork", {}))["world"]
            fork = await page.state(world=now)
            for name in ("time_ms", "positions", "orders", "wallet", "settings", "bars"):
                assert fork[name] == here[name], name
            await page.post("/close", {"symbol": "BTCUSDT", "world": now})
            assert (await page.state(world=now))["positions"] == [] and len((await page.state())["positions"]) == 1
            before = (await page.post("/fork", {"back_ms": 60_000}))["world"]
            earlier = await page.state(world=before)
            assert earlier["positions"] == [] and begin["time_ms"] < earlier["time_ms"] <= here["time_ms"] - 60_000
            first = (await page.post("/fork", {"back_ms": 10**12}))["world"]
            assert (await page.state(world=first))["wallet"] == begin["wallet"]

    run(story())


# ---- orders that wait, and how long an order lives


def test_orders_that_wait_for_a_trigger_are_asked_and_placed() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO)  # a last price is there from the first trade on
            for form, kind in (
                ({"kind": "stop", "trigger": "62000"}, "stop market"),
                ({"kind": "stop", "trigger": "62000", "price": "62100"}, "stop"),
                ({"kind": "take_profit", "trigger": "58000"}, "take profit market"),
                ({"kind": "trailing", "side": "sell", "callback": "1.5", "watches": "last"}, "trailing stop market"),
            ):
                asked = await page.post("/preview", DEMO | QUANTITY | form)
                assert asked["is_waiting"]
                assert asked["columns"][0]["is_accepted"], kind
                assert asked["columns"][0]["quantity"] == "0.1" and asked["columns"][0]["filled"] == "0"
                await page.post("/order", DEMO | QUANTITY | form)
                assert (await page.state())["orders"][-1]["order_type"] == kind
            assert (await page.state())["orders"][-1]["triggered_by"] == "last"
            whole = {
                "kind": "stop",
                "side": "sell",
                "trigger": "57000",
                "is_reduce_only": True,
                "margin": None,
                "share": 100,
            }
            await page.post("/order", DEMO | whole)
            assert (await page.state())["orders"][-1]["is_close_position"]
            for fault, words in (
                ({"kind": "stop"}, "trigger"),
                ({"kind": "trailing"}, "callback"),
                ({"kind": "stop", "trigger": "62000", "stop": "50000"}, "placed at once"),
                ({"kind": "trailing", "callback": "1", "price": "60000"}, "at market"),
                ({"time_in_force": "FOK"}, "limit price"),
            ):
                assert words in await page.refused("/preview", DEMO | QUANTITY | fault, 400)
            beyond = await columns_of(page, DEMO | QUANTITY | {"kind": "stop", "trigger": "50000"})
            assert beyond["isolated"]["refusal"] == "would_trigger_immediately"

    run(story())


def test_post_only_is_refused_where_it_would_take_and_all_or_nothing_where_it_cannot_be() -> None:
    async def story() -> None:
        async with opened() as page:
            limit = DEMO | QUANTITY | {"price": "61000"}
            assert (await columns_of(page, limit | {"time_in_force": "GTX"}))["cross"]["refusal"] == "post_only_takes"
            assert (await columns_of(page, limit | {"time_in_force": "IOC"}))["cross"]["is_accepted"]
            large = limit | {"price": "50000", "time_in_force": "FOK"}
            assert (await columns_of(page, large))["cross"]["refusal"] == "fill_or_kill_unfilled"
            await page.post("/order", limit | {"price": "59000", "time_in_force": "GTX"})
            assert (await page.state())["orders"][0]["time_in_force"] == "GTX"

    run(story())


def test_the_checklist_judges_the_order_where_it_would_be_placed() -> None:
    async def story() -> None:
        async with opened() as page:
            told = await page.post("/check", DEMO | {"margin": "5000"})
            verdicts = {one["rule"]: one["verdict"] for one in told["rules"]}
            assert verdicts["order"] == "pass" and verdicts["mode"] == "pass" and verdicts["stop"] != "pass"
            stopped = await page.post("/check", DEMO | {"margin": None, "risk": "50", "stop": "58500"})
            assert {one["rule"]: one["verdict"] for one in stopped["rules"]}["stop"] == "pass"
            late = await page.post("/check", DEMO | {"stop": "54000"})
            assert late["verdict"] == "block" and any("liquidat" in one["reason"] for one in late["rules"])
            unseen = await page.post("/check", DEMO | {"mode": "cross", "leverage": None})
            assert {one["rule"]: one["verdict"] for one in unseen["rules"]}["mode"] != "pass"
            assert (await page.post("/check", DEMO | QUANTITY | {"kind": "stop", "trigger": "62000"}))["rules"] == []
            settings = (await page.state())["settings"]["BTCUSDT"]
            assert settings["mode"] == "cross" and settings["is_mode_default"]  # nothing was set by asking

    run(story())


# ---- closing


def test_closing_a_part_at_market_is_what_its_preview_says() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO)
            close = {"symbol": "BTCUSDT", "share": 25}
            told = await page.post("/close/preview", close)
            assert told["is_accepted"] and told["quantity"] == "0.02"  # a quarter of 0.083, down to a step
            await page.post("/close", close)
            state = await page.state()
            (position,) = state["positions"]
            assert position["quantity"] == told["position_after"] == "0.063"
            assert position["liquidation_price"] == told["liquidation_after"]
            assert state["wallet"]["available"] == told["available_after"]
            limit = close | {"share": 100, "price": "66000"}
            resting = await page.post("/close/preview", limit)
            assert resting["resting"] == "0.063" and resting["filled"] == "0"
            await page.post("/close", limit)
            (order,) = (await page.state())["orders"]
            assert order["is_reduce_only"] and order["price"] == "66000"
            assert "less than one step" in await page.refused("/close", close | {"share": 1})

    run(story())


def test_all_is_closed_and_all_is_cancelled_in_one_click() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO | {"stop": "58000"})
            await page.post("/order", DEMO | {"symbol": "ETHUSDT", "side": "sell", "mode": "cross"})
            await page.post("/order", DEMO | {"margin": "100", "price": "59000"})
            assert (await page.post("/cancel/all", {}))["count"] == 2
            assert (await page.post("/close/all", {}))["count"] == 2
            state = await page.state()
            assert state["positions"] == [] == state["orders"]
            assert "no position" in await page.refused("/close/all", {}, 400)
            assert "no order" in await page.refused("/cancel/all", {}, 400)

    run(story())


def test_a_position_is_turned_round_at_once() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO)
            turn = {"symbol": "BTCUSDT", "is_reversed": True}
            told = await page.post("/close/preview", turn)
            await page.post("/close", turn)
            (position,) = (await page.state())["positions"]
            assert position["quantity"] == told["position_after"] == "-0.083"
            assert position["liquidation_price"] == told["liquidation_after"]
            assert "whole and at market" in await page.refused("/close", turn | {"share": 50}, 400)
            assert "no position" in await page.refused("/close", {"symbol": "ETHUSDT"})

    run(story())


# ---- exits and moved lines


def test_exits_of_an_open_position_say_what_they_realize_and_replace_those_before() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO)
            (position,) = (await page.state())["positions"]
            form = {"symbol": "BTCUSDT", "stop": "58000", "take_profit": "66000"}
            told = await page.post("/exits/preview", form)
            loss = (Decimal("58000") - Decimal(position["entry_price"])) * Decimal(position["quantity"])
            assert abs(Decimal(told["exits"][0]["pnl"]) - loss) < Decimal("0.00001")
            assert [one["is_beyond_liquidation"] for one in told["exits"]] == [False, False]
            await page.post("/exits", form)
            await page.post("/exits", {"symbol": "BTCUSDT", "stop": "58500", "watches": "last"})
            orders = (await page.state())["orders"]
            assert sorted((one["order_type"], one["trigger_price"]) for one in orders) == [
                ("stop market", "58500"),
                ("take profit market", "66000"),
            ]
            late = await page.post("/exits/preview", {"symbol": "BTCUSDT", "stop": "54000"})
            assert late["exits"][0]["is_beyond_liquidation"]
            wrong = await page.post("/exits/preview", {"symbol": "BTCUSDT", "stop": "61000"})
            assert not wrong["is_accepted"] and "trigger at once" in wrong["reason"]
            assert "expected a stop" in await page.refused("/exits", {"symbol": "BTCUSDT"}, 400)

    run(story())


def test_a_moved_line_amends_its_order_or_leaves_it_as_it_was() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO | {"stop": "58000"})
            await page.post("/order", DEMO | {"price": "59000", "margin": "100"})
            stop, limit = sorted((await page.state())["orders"], key=lambda one: one["trigger_price"] is None)
            await page.post("/amend", {"order_id": limit["order_id"], "price": "58800"})
            await page.post("/amend", {"order_id": stop["order_id"], "price": "57900"})
            before = (await page.state())["orders"]
            moved = {one["order_type"]: one for one in before}
            assert moved["limit"]["price"] == "58800" and moved["limit"]["order_id"] == limit["order_id"]
            assert moved["stop market"]["trigger_price"] == "57900" and moved["stop market"]["is_close_position"]
            there = moved["stop market"]["order_id"]
            assert "trigger at once" in await page.refused("/amend", {"order_id": there, "price": "61000"})
            assert "tick" in await page.refused("/amend", {"order_id": there, "price": "57900.001"}, 400)
            assert (await page.state())["orders"] == before
            assert "no such order" in await page.refused("/amend", {"order_id": "1", "price": "57900"}, 400)

    run(story())


# ---- danger, history, alarms, settings


@pytest.mark.full
def test_the_margin_call_lies_on_the_way_to_liquidation_where_the_engine_calls() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO)
            (position,) = (await page.state())["positions"]
            mark, call, end = (Decimal(position[name]) for name in ("mark", "margin_call", "liquidation_price"))
            assert end < call < mark
            assert position["adl"] == 0 or Decimal(position["unrealized_pnl"]) > 0
            assert Decimal(position["notional"]) > Decimal(position["initial_margin"]) * 9
            seen = set()
            while positions := (await page.state())["positions"]:
                is_called = positions[0]["margin_call"] is None
                assert is_called == (Decimal(positions[0]["mark"]) <= call), positions[0]["mark"]
                seen.add(is_called)
                await page.post(
                    "/clock",
                    {"step_ms": 20_000 if is_called or Decimal(positions[0]["mark"]) < call * 101 / 100 else 420_000},
                )
            assert False in seen

    run(story())


def test_history_is_told_newest_first_and_as_a_file() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/order", DEMO | {"stop": "58000"})
            await page.post("/close", {"symbol": "BTCUSDT", "share": 50})
            told = {
                name: (await page.get("/history", table=name))["rows"]
                for name in ("orders", "trades", "funding", "income")
            }
            assert told["orders"][0]["what"] == "market" and told["orders"][0]["is_reduce_only"]
            assert told["funding"] == [] and {one["side"] for one in told["trades"]} == {"buy", "sell"}
            assert all(a["time_ms"] >= b["time_ms"] for a, b in zip(told["income"], told["income"][1:], strict=False))
            assert {one["what"] for one in told["income"]} >= {"transfer", "trading fee"}
            wallet = (await page.state())["wallet"]
            sum_of_all = sum(Decimal(one["amount"]) for one in told["income"])
            assert sum_of_all == Decimal(wallet["cross_wallet"]) + Decimal(wallet["isolated_wallets"])
            file = await page.http.get("/page/history.csv", params={"table": "income"})
            assert (
                file.headers["content-type"].startswith("text/csv")
                and "attachment" in file.headers["content-disposition"]
            )
            rows = list(csv.DictReader(io.StringIO(file.text)))
            assert [one["amount"] for one in reversed(rows)] == [one["amount"] for one in told["income"]]
            answer = await page.http.get("/page/history", params={"table": "wishes"})
            assert answer.status_code == 400 and "expected one of" in answer.json()["message"]

    run(story())


@pytest.mark.full
def test_an_alarm_is_told_once_when_its_line_is_crossed() -> None:
    async def story() -> None:
        async with opened(accounts=2) as page:
            await page.post("/order", DEMO)
            await page.post("/alarm", {"on": "distance", "percent": "5"})
            await page.post("/alarm", {"on": "margin_ratio", "percent": "80", "symbol": "BTCUSDT"})
            assert [one["percent"] for one in (await page.state())["alarms"]] == ["5", "80"]
            await page.post("/clock", {"jump": "liquidation"})
            told = (await page.state())["alarmed"]
            assert [(one["on"], one["symbol"]) for one in told][:1] == [("distance", "BTCUSDT")]
            assert len(told) < 20  # by crossing, not by second
            assert [one["number"] for one in told] == list(range(1, len(told) + 1))
            (first, _) = (await page.state())["alarms"]
            await page.sign_in("trader-2")
            assert (await page.state())["alarms"] == [] == (await page.state())["alarmed"]
            assert "is not there" in await page.refused("/alarm/remove", {"alarm_id": first["alarm_id"]}, 404)
            await page.sign_in("trader")
            await page.post("/alarm/remove", {"alarm_id": first["alarm_id"]})
            assert [one["on"] for one in (await page.state())["alarms"]] == ["margin_ratio"]
            assert "above 0" in await page.refused("/alarm", {"on": "distance", "percent": "0"}, 400)

    run(story())


def test_who_set_a_mode_and_a_leverage_is_told_of_every_contract() -> None:
    async def story() -> None:
        async with opened() as page:
            await page.post("/leverage", {"symbol": "ETHUSDT", "leverage": 5})
            settings = (await page.state())["settings"]
            assert (settings["ETHUSDT"]["is_mode_default"], settings["ETHUSDT"]["is_leverage_default"]) == (True, False)
            assert settings["BTCUSDT"]["is_leverage_default"] and settings["ETHUSDT"]["leverage"] == 5

    run(story())
