"""Amounts: every form in which a number may come in, at the functions that people call, and the one line about those that may not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocross as ix
from isocross.errors import AmountError

FORMS: list[Any] = [
    60_000, "60000", "60_000", "60,000", " 60000.0 ", "6e4", Decimal("60000"), Decimal("6E4"), 60_000.0, np.int64(60_000),
    np.int32(60_000), np.float64(60_000), np.float32(60_000), pd.Series([60_000.0]).iloc[0],
]  # fmt: skip


def liq(entry: Any) -> dict[str, Any]:
    return ix.liq("BTCUSDT", "long", qty=1, entry=entry, leverage=10, wallet=10_000).to_dict()


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_every_form_is_the_same_amount(form: Any) -> None:
    assert liq(form) == liq(60_000)
    box = ix.Sandbox("binance-usdm", BTCUSDT=form)
    assert box.mark_price("BTCUSDT") == 60_000


@pytest.mark.parametrize("form", [0.1, "0.1", Decimal("0.1"), np.float64(0.1), ".1", "1e-1"], ids=repr)
def test_a_float_stands_for_its_shortest_text(form: Any) -> None:
    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000)
    me = box.account(USDT=form)
    assert me.wallet().cross_wallet == Decimal("0.1")


def sandbox() -> Any:
    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000)
    me = box.account(USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", qty="0.01")
    return box, me


OFF = 0.1 + 0.2  # 0.30000000000000004
CALLS: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "deposit": (lambda box, me: me.deposit(USDT=OFF), "USDT: 0.30000000000000004 is not a multiple of 0.00000001"),
    "mark": (lambda box, me: box.mark(BTCUSDT=OFF), "price of BTCUSDT: 0.30000000000000004 is not a multiple of 0.00000001"),
    "funding": (lambda box, me: box.funding(BTCUSDT=OFF), "funding rate of BTCUSDT: 0.30000000000000004 is not a multiple of 0.00000001"),
    "qty": (lambda box, me: me.buy("BTCUSDT", qty=0.0105), r"qty (BTCUSDT, step): 0.0105 is not a multiple of 0.001"),
    "price": (lambda box, me: me.buy("BTCUSDT", qty=1, price=59_999.95), r"price (BTCUSDT, tick): 59999.95 is not a multiple of 0.1"),
    "stop": (lambda box, me: me.stop("BTCUSDT", 57_500.05), r"stop (BTCUSDT, tick): 57500.05 is not a multiple of 0.1"),
    "margin": (lambda box, me: me.buy("BTCUSDT", margin=OFF), "margin: 0.30000000000000004 is not a multiple of 0.00000001"),
    "add": (lambda box, me: me.add_margin("BTCUSDT", OFF), "add margin: 0.30000000000000004 is not a multiple of 0.00000001"),
    "leverage": (lambda box, me: me.set_leverage("BTCUSDT", 10.5), "leverage: 10.5 is not a multiple of 1"),
    "preview": (lambda box, me: me.preview.buy("BTCUSDT", qty=0.0105), r"qty (BTCUSDT, step): 0.0105 is not a multiple of 0.001"),
    "float32": (lambda box, me: me.deposit(USDT=np.float32(0.1)), "USDT: 0.10000000149011612 is not a multiple of 0.00000001"),
    "liq entry": (lambda box, me: liq(60_000.05), "entry: 60000.05 is not a multiple of 0.1"),
    "liq wallet": (lambda box, me: ix.liq("BTCUSDT", "long", qty=1, entry=60_000, wallet=OFF), "wallet: 0.30000000000000004 is not a multiple of 0.00000001"),
    "compare": (lambda box, me: ix.compare(margin=OFF), "margin: 0.30000000000000004 is not a multiple of 0.00000001"),
    "compare stop": (lambda box, me: ix.compare(stop=57_500.05), "stop: 57500.05 is not a multiple of 0.1"),
    "size": (lambda box, me: ix.size("BTCUSDT", "long", entry=60_000, stop=58_000.05, risk=100), "stop: 58000.05 is not a multiple of 0.1"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CALLS))
def test_another_float_is_refused_with_the_grid_named(name: str) -> None:
    call, text = CALLS[name]
    box, me = sandbox()
    before = box.exchange.used_bytes()
    with pytest.raises(AmountError) as error:
        call(box, me)
    assert str(error.value) == text
    assert box.exchange.used_bytes() == before


@pytest.mark.parametrize(
    "value", [True, None, float("nan"), float("inf"), "ten", "", [1], np.array([1.0, 2.0]), pd.NA], ids=repr
)
def test_what_is_no_number_is_said_in_one_line(value: Any) -> None:
    _, me = sandbox()
    with pytest.raises(AmountError) as error:
        me.deposit(USDT=value)
    assert str(error.value).startswith("USDT: ") and "\n" not in str(error.value)
