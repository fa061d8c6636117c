"""The insurance fund's own orders, and who is deleveraged under each ranking: small cases with the work beside them.

Responsible for: F24 … F26 by hand on an Exchange. Must not: draw at random (tests/reference does).
"""

from __future__ import annotations

from typing import Any

import pytest

from isocross.codes import AdlRanking, CommandKind, EventKind, MarginMode, Reason, Side
from isocross.exchange import Exchange
from isocross.kernel.schema import FUND_ACCOUNT, HOUSE_ACCOUNT
from isocross.units import to_e8
from tests import invariants, world

BTC = 0
LOSER, FIRST, SECOND, THIRD = 2, 3, 4, 5


def traded(book: Any, *shorts: tuple[int, str, int], fund: str | None = None) -> Exchange:
    """LOSER buys at 40,000, isolated at 10x, from each of `shorts` (account, its cross wallet, lots)."""
    total = sum(lots for _, _, lots in shorts)
    commands = [world.account(LOSER), world.deposit(LOSER, "100000"), *([world.fund(fund)] if fund else [])]
    for account, wallet, _ in shorts:
        commands += [world.account(account), world.deposit(account, wallet)]
    commands += [world.prices((BTC, to_e8("40000"))), world.mode(LOSER, BTC, MarginMode.ISOLATED), world.leverage(LOSER, BTC, 10)]
    commands += [world.limit(account, BTC, Side.SELL, 400_000, lots) for account, _, lots in shorts]
    commands.append(world.limit(LOSER, BTC, Side.BUY, 400_000, total))
    return world.opened(book, commands)


def fees_off(**columns: Any) -> Any:
    return world.rulebook(world.btc(fees=("0", "0", "0.0125")), **columns)


def of_kind(events: Any, kind: EventKind) -> list[Any]:
    return [event for event in events if event["kind"] == kind]


# ── unwinding (F26) ────────────────────────────────────────────────────────────────────────────────────────────────


def holding() -> Exchange:
    """The fund is long 100 lots (0.1 BTC) at 36,000, the bankruptcy price of a long at 40,000 and 10x."""
    book = fees_off(fund_unwind_share_e8=10_000_000, fund_unwind_band_e8=1_000_000)
    exchange = traded(book, (FIRST, "100000", 100), fund="1000")
    world.submit(exchange, world.prices((BTC, to_e8("36100"))))
    assert exchange.position(FUND_ACCOUNT, BTC).lots == 100
    return exchange


def test_the_fund_sells_a_share_of_what_is_bid_near_the_mark():
    exchange = holding()
    for ticks, lots in ((361_000, 150), (357_390, 100), (357_389, 1_000)):  # 1 % below 36,100 is 35,739
        world.submit(exchange, world.limit(HOUSE_ACCOUNT, BTC, Side.BUY, ticks, lots)).raise_if_refused()
    events = world.submit(exchange, world.prices((BTC, to_e8("36100")))).events
    (order,) = of_kind(events, EventKind.FUND_ORDER)
    assert (order["account"], order["side"], order["price_ticks"], order["lots"]) == (FUND_ACCOUNT, Side.SELL, 357_390, 25)
    wallet = next(one for one in of_kind(events, EventKind.WALLET) if one["account"] == FUND_ACCOUNT)
    assert (wallet["code"], wallet["amount_e8"]) == (Reason.FUND_UNWIND, to_e8("2.5"))  # 0.025 × (36,100 − 36,000)
    assert exchange.position(FUND_ACCOUNT, BTC).lots == 75
    invariants.check(exchange)


def test_the_fund_does_not_trade_through_the_band_nor_beyond_what_it_holds():
    exchange = holding()
    world.submit(exchange, world.limit(HOUSE_ACCOUNT, BTC, Side.BUY, 357_389, 5_000)).raise_if_refused()
    assert not of_kind(world.submit(exchange, world.prices((BTC, to_e8("36100")))).events, EventKind.FUND_ORDER)
    world.submit(exchange, world.limit(HOUSE_ACCOUNT, BTC, Side.BUY, 360_000, 5_000)).raise_if_refused()
    (order,) = of_kind(world.submit(exchange, world.prices((BTC, to_e8("36100")))).events, EventKind.FUND_ORDER)
    assert order["lots"] == 100
    assert exchange.position(FUND_ACCOUNT, BTC).lots == 0
    assert not of_kind(world.submit(exchange, world.prices((BTC, to_e8("36100")))).events, EventKind.FUND_ORDER)


def test_the_order_is_sent_by_prices_of_its_own_symbol_alone():
    exchange = holding()
    world.submit(exchange, world.limit(HOUSE_ACCOUNT, BTC, Side.BUY, 361_000, 1_000)).raise_if_refused()
    before = exchange.position(FUND_ACCOUNT, BTC).lots
    for command in ({"kind": CommandKind.ADVANCE_CLOCK}, world.ladder(BTC, to_e8("36100"), levels=0)):
        world.submit(exchange, command).raise_if_refused()
    assert exchange.position(FUND_ACCOUNT, BTC).lots == before


def test_a_preview_of_an_unwinding_leaves_everything_as_it_was():
    exchange = holding()
    world.submit(exchange, world.limit(HOUSE_ACCOUNT, BTC, Side.BUY, 361_000, 1_000)).raise_if_refused()
    before = exchange.used_bytes()
    with exchange.previewing():
        events = world.submit(exchange, world.prices((BTC, to_e8("36100")))).events
    assert of_kind(events, EventKind.FUND_ORDER)
    invariants.assert_same_rows(before, exchange.used_bytes())


# ── deleveraging (F24, F25) ────────────────────────────────────────────────────────────────────────────────────────

# LOSER's 4,000 lots (4 BTC) are bankrupt at 36,000; the mark goes to 35,000 and the fund has nothing. All shorts gained 5,000 a
# coin. FIRST: 1 BTC on 100,000, SECOND: 2 BTC on 20,000, THIRD: 1 BTC on 50,000.
SHORTS = ((FIRST, "100000", 1_000), (SECOND, "20000", 2_000), (THIRD, "50000", 1_000))


@pytest.mark.parametrize(
    ("ranking", "given"),
    [
        # leverage 35,000 ÷ 105,000 = 0.33, 70,000 ÷ 30,000 = 2.33, 35,000 ÷ 55,000 = 0.64, one profit rate of 12.5 %
        (AdlRanking.PNL_TIMES_LEVERAGE, [(SECOND, 2_000), (THIRD, 1_000), (FIRST, 1_000)]),
        # profit 5 %, 50 %, 10 % of the wallet × maintenance ratios that go the same way
        (AdlRanking.PNL_TIMES_MARGIN_RATIO, [(SECOND, 2_000), (THIRD, 1_000), (FIRST, 1_000)]),
        (AdlRanking.PRO_RATA, [(FIRST, 1_000), (SECOND, 2_000), (THIRD, 1_000)]),  # in order of creation
        (AdlRanking.NONE, []),
    ],
)
def test_who_gives_and_in_which_order(ranking, given):
    exchange = traded(fees_off(adl_ranking=ranking), *SHORTS)
    events = world.submit(exchange, world.prices((BTC, to_e8("35000")))).events
    assert [(int(one["counterparty"]), int(one["lots"])) for one in of_kind(events, EventKind.ADL)] == given
    taken = of_kind(events, EventKind.TAKEOVER)
    assert [int(one["counterparty"]) for one in taken] == ([] if given else [HOUSE_ACCOUNT])
    assert sum(int(one["value_e8"]) for one in (*of_kind(events, EventKind.ADL), *taken)) == to_e8("144000")
    invariants.check(exchange)


def test_pro_rata_splits_a_part_by_size_to_the_last_lot():
    # the fund bears a part: each lot costs it 1 (0.001 × (36,000 − 35,000)), so 333 USDT are 333 lots; 3,667 are left
    exchange = traded(fees_off(adl_ranking=AdlRanking.PRO_RATA), *SHORTS, fund="333")
    events = world.submit(exchange, world.prices((BTC, to_e8("35000")))).events
    (taken,) = of_kind(events, EventKind.TAKEOVER)
    assert (int(taken["counterparty"]), int(taken["lots"])) == (FUND_ACCOUNT, 333)
    given = [(int(one["counterparty"]), int(one["lots"])) for one in of_kind(events, EventKind.ADL)]
    # 3,667 × 1,000 ÷ 4,000 = 916.75; 3,667 × 3,000 ÷ 4,000 = 2,750.25; the rest
    assert given == [(FIRST, 916), (SECOND, 1_834), (THIRD, 917)]
    invariants.check(exchange)
