"""The page's book: wide rows hold all of their prices, never beyond the own side, with the own orders marked."""

from __future__ import annotations

import pytest

from isocross import rulebook
from isocross.codes import CommandKind, OrderType, Side
from isocross.errors import InputError
from isocross.exchange import Exchange
from isocross.units import ONE_E8, to_e8
from isocross.venue.page.ladder import ROWS, WIDTHS, checked_width, ladder_of, widths_of

MAKER, TRADER, MARK = 2, 3, 60_000


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    """Bids at 59,999.9, 59,999.6, … and asks at 60,000.1, 60,000.4, …, twenty a side; the trader's own at 59,999.0 and 60,001.0."""
    made = Exchange(rulebook.load("binance-usdm"), ["BTCUSDT"])
    for account in (MAKER, TRADER):
        made.submit(CommandKind.CREATE_ACCOUNT, account=account).raise_if_refused()
        made.submit(CommandKind.DEPOSIT, account=account, amount_e8=10**6 * ONE_E8).raise_if_refused()
    mark_e8 = MARK * ONE_E8
    made.submit(CommandKind.PRICES, records=[{"symbol": 0, "index_e8": mark_e8, "mark_e8": mark_e8}]).raise_if_refused()
    orders = [(MAKER, Side.BUY, 599_999 - 3 * n, 10 + n) for n in range(20)]
    orders += [(MAKER, Side.SELL, 600_001 + 3 * n, 10 + n) for n in range(20)]
    orders += [(TRADER, Side.BUY, 599_990, 7), (TRADER, Side.SELL, 600_010, 7)]
    for account, side, ticks, lots in orders:
        made.submit(
            CommandKind.PLACE_ORDER,
            account=account, symbol=0, side=side, order_type=OrderType.LIMIT, price_ticks=ticks, lots=lots,
        ).raise_if_refused()  # fmt: skip
    return made


@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_holds_all_of_its_prices(exchange: Exchange, width: int) -> None:
    rules = exchange.rules(0)
    ladder = ladder_of(exchange, exchange.orders(TRADER), 0, rules, width)
    for name, side in (("bids", Side.BUY), ("asks", Side.SELL)):
        levels = exchange.book(0, 1_000)[name]
        rows = [(to_e8(price) // rules.tick_e8, to_e8(quantity) // rules.step_e8, own) for price, quantity, own in ladder[name]]
        assert len(rows) == min(ROWS, len({ticks // width if side == Side.BUY else -(-ticks // width) for ticks, _ in levels}))
        for edge, lots, is_own in rows:
            held = [one for one in levels if (edge <= one[0] < edge + width if side == Side.BUY else edge - width < one[0] <= edge)]
            assert edge % width == 0
            assert lots == sum(one[1] for one in held)
            assert is_own == any(ticks in (599_990, 600_010) for ticks, _ in held)
        best = levels[0][0]
        assert rows[0][0] <= best if side == Side.BUY else rows[0][0] >= best


def test_widths_are_told_as_prices(exchange: Exchange) -> None:
    assert [one["price"] for one in widths_of(exchange.rules(0))] == ["0.1", "1", "10", "100"]
    with pytest.raises(InputError, match="width: 7 ticks; expected one of 1, 10, 100, 1000"):
        checked_width(7)
