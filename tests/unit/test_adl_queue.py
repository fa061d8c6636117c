"""ADL queue: fifths of a side, by profit on what backs a position times how near that is to its end."""

from __future__ import annotations

import isocross as ix
from isocross.sandbox import Account
from isocross.venue.adl_queue import FIFTHS, adl_fifth, side_of_queue


def fifth_of(account: Account) -> int:
    (view,) = account.exchange.positions(account.number)
    return adl_fifth(account.exchange, view)


def longs(box: ix.Sandbox, *leverages: int) -> list[Account]:
    """One isolated long of 500 each."""
    made = []
    for leverage in leverages:
        one = box.account(f"at {leverage}x", USDT=10_000)
        one.configure("BTCUSDT", mode="isolated", leverage=leverage)
        one.buy("BTCUSDT", margin=500)
        made.append(one)
    return made


def test_who_has_most_at_stake_stands_in_front() -> None:
    box = ix.Sandbox(BTCUSDT=60_000)
    accounts = longs(box, 5, 10, 20, 40, 50)
    assert [fifth_of(one) for one in accounts] == [0] * 5, "nobody has a profit yet"
    box.mark(BTCUSDT=60_600)
    assert [fifth_of(one) for one in accounts] == [1, 2, 3, 4, FIFTHS]


def test_sides_do_not_queue_together_and_houses_nowhere() -> None:
    box = ix.Sandbox(BTCUSDT=60_000)
    (winner,) = longs(box, 10)
    loser = box.account("short", USDT=10_000)
    loser.sell("BTCUSDT", qty="0.01")
    box.mark(BTCUSDT=60_600)
    assert (fifth_of(winner), fifth_of(loser)) == (FIFTHS, 0)
    (view,) = box.exchange.positions(loser.number)
    table = box.exchange.table("positions")
    assert table["account"][side_of_queue(box.exchange, view)].tolist() == [loser.number], "the house is short too"
