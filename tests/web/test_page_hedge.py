"""The page in hedge mode: long and short of a contract beside each other, in every answer that it gives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from isocross.codes import CommandKind, PositionMode
from tests.web.pages import DEMO, Page, Socket, opened, run


async def hedged(page: Page, mode: str) -> list[dict[str, Any]]:
    """An account with both legs of a contract; its positions."""
    row = page.core.accounts.by_name("trader").row
    assert page.core.apply(CommandKind.SET_POSITION_MODE, account=row, position_mode=PositionMode.HEDGE).is_accepted
    for side, quantity in (("buy", "0.050"), ("sell", "0.080")):
        form = DEMO | {"margin": None, "quantity": quantity, "side": side, "mode": mode}
        previewed = {one["name"]: one for one in (await page.post("/preview", form))["columns"]}[mode]
        await page.post("/order", form)
        (position,) = (one for one in (await page.state())["positions"] if one["leg"] == {"buy": "long"}.get(side, "short"))
        assert abs(Decimal(position["quantity"])) == Decimal(quantity)
        assert position["liquidation_price"] == previewed["liquidation_price"]
    positions: list[dict[str, Any]] = (await page.state())["positions"]
    assert [one["leg"] for one in positions] == ["long", "short"]
    return positions


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_the_stream_tells_both_legs_and_those_of_the_twin(mode: str) -> None:
    async def story() -> None:
        async with opened() as page:
            positions = await hedged(page, mode)
            await page.post("/twin", {"symbol": "BTCUSDT"})
            socket = Socket(page.app, "; ".join(f"{name}={value}" for name, value in page.http.cookies.items()))
            assert (await socket.next())["type"] == "websocket.accept"
            assert (await socket.told("state"))["positions"] == positions
            while (twin := (await socket.told("twin"))["twin"]) is None:
                pass
            assert twin["mode"] != mode
            assert [(one["leg"], one["quantity"]) for one in twin["positions"]] == [("long", "0.05"), ("short", "-0.08")]
            assert (await page.post("/twin/why", {"symbol": "BTCUSDT"}))["difference"]
            socket.leave()
            await socket.over()

    run(story())


def test_each_leg_is_margined_protected_and_closed_for_itself() -> None:
    async def story() -> None:
        async with opened() as page:
            long, short = await hedged(page, "isolated")
            added = {"symbol": "BTCUSDT", "leg": "short", "direction": "add", "amount": "50"}
            previewed = await page.post("/margin/preview", added)
            await page.post("/margin", added)
            after = {one["leg"]: one for one in (await page.state())["positions"]}
            assert after["long"] | {"max_add": ""} == long | {"max_add": ""}
            assert Decimal(after["short"]["isolated_wallet"]) - Decimal(short["isolated_wallet"]) == 50
            assert after["short"]["liquidation_price"] == previewed["liquidation_after"]
            mark = Decimal(long["mark"])
            exits = {"symbol": "BTCUSDT", "leg": "long", "stop": f"{mark * Decimal('0.99'):.1f}"}
            await page.post("/exits/preview", exits)
            await page.post("/exits", exits)
            (stop,) = (await page.state())["orders"]
            assert (stop["leg"], stop["side"]) == ("long", "sell")
            close = {"symbol": "BTCUSDT", "leg": "short", "share": 50}
            await page.post("/close/preview", close)
            await page.post("/close", close)
            assert [(one["leg"], one["quantity"]) for one in (await page.state())["positions"]] == [
                ("long", "0.05"),
                ("short", "-0.04"),
            ]
            assert "name" in await page.refused("/margin/preview", added | {"leg": None}, 400)
            await page.post("/close/all", {})
            assert (await page.state())["positions"] == []

    run(story())


def test_one_leg_is_liquidated_and_has_its_receipt() -> None:
    async def story() -> None:
        async with opened() as page:
            await hedged(page, "isolated")
            await page.post("/clock", {"jump": "liquidation"})
            assert [one["leg"] for one in (await page.state())["positions"]] == ["short"]
            (head,) = (await page.get("/receipts"))["receipts"]
            assert "BTCUSDT" in str(await page.get(f"/receipts/{head['number']}"))

    run(story())
