"""Accounts, positions, orders, wallets: one line as text, a table in a notebook, alone and several together."""

from __future__ import annotations

from typing import Any

import pytest

import isocross as ix
from isocross.answer import Row, Rows
from isocross.sandbox import Account, Sandbox


@pytest.fixture
def box() -> Sandbox:
    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)
    me = box.account("me", USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", qty="0.1", stop=57_500)
    me.sell("ETHUSDT", qty=1, price=3_100)
    box.account("<you>", USDT=5)
    return box


@pytest.fixture
def me(box: Sandbox) -> Account:
    return box.account("me")


def test_every_record_is_one_line_and_a_table(box: Sandbox, me: Account) -> None:
    exchange = box.exchange
    records: list[Any] = [
        *me.positions, *me.orders, me.wallet(), *box.balances(), me.buy("BTCUSDT", qty="0.01"), box.mark(BTCUSDT=60_001),
        *exchange.positions(), *exchange.orders(), *exchange.settings(me.number), exchange.wallet(me.number),
        exchange.position(me.number, "ETHUSDT"),
    ]  # fmt: skip
    for one in records:
        assert isinstance(one, Row)
        assert "\n" not in repr(one) and len(repr(one)) < 240
        page = one._repr_html_()
        assert page.count("<tr>") == 2 and page.count("<table>") == 1
        assert set(one.to_dict()) == set(one.cells())
    assert "\n" not in repr(me)


def test_the_lines_of_an_exchange_are_in_its_integers(box: Sandbox, me: Account) -> None:
    exchange = box.exchange
    assert repr(exchange.positions(me.number)) == (
        "account 2: BTCUSDT isolated 10x, 100 lots, entry cost 600006000000, mark 6000000000000, unrealized -6000000, "
        "liquidation at 5421686746999 (× 10^8)"
    )
    assert repr(exchange.position(me.number, "ETHUSDT")) == "account 2: ETHUSDT cross 20x, flat"
    limit, stop = sorted(map(repr, exchange.orders(me.number)), key=len)
    assert limit.endswith("account 2: limit sell 1000 lots ETHUSDT at 310000 ticks")
    assert stop.endswith("account 2: stop market sell all of the position BTCUSDT at market when mark reaches 575000 ticks")
    assert repr(exchange.wallet(me.number)).startswith("account 2: USDT equity 999")
    btc, eth = exchange.settings(me.number)
    assert repr(btc).startswith("account 2: BTCUSDT isolated (set by command")
    assert repr(eth) == "account 2: ETHUSDT cross (venue default), 20x (venue default)"
    assert repr(exchange).startswith("Exchange binance-usdm, 2026-01-01 00:00 UTC: BTCUSDT, ETHUSDT; 4 accounts,")


def test_collections_are_lines_and_one_table(box: Sandbox, me: Account) -> None:
    for rows in (me.orders, box.balances(), box.exchange.orders(), box.exchange.settings(me.number)):
        assert isinstance(rows, Rows) and isinstance(rows, tuple)
        assert repr(rows).count("\n") == len(rows) - 1
        assert rows._repr_html_().count("<tr>") == len(rows) + 1
    assert repr(box.account("<you>").positions) == "none"
    assert box.account("<you>").positions._repr_html_() == "none"
    assert repr(Rows()) == "none"


def test_accounts_show_themselves_together(box: Sandbox) -> None:
    assert repr(box.accounts).splitlines() == [repr(box.accounts["me"]), repr(box.accounts["<you>"])]
    page = box.accounts._repr_html_()
    assert "<b>me</b>" in page and "&lt;you&gt;" in page and "<you>" not in page
    assert box._repr_html_().startswith("<p>Sandbox binance-usdm")
    assert repr(ix.Sandbox("binance-usdm", BTCUSDT=60_000).accounts) == "none"


def test_many_symbols_are_counted() -> None:
    exchange = ix.Exchange(ix.load("binance-usdm"))
    assert "9 more; 2 accounts, 0 commands" in repr(exchange)
