"""ADL ranking: counterparties come in the order of their scores, however many there are and however few are ranked at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isocross.codes import AdlRanking, EventKind, MarginMode, Side
from isocross.exchange import Exchange
from isocross.kernel.schema import RANKED_ROWS
from tests import invariants, world

BTC = world.PRICES["BTCUSDT"]
WHALE, FIRST, LOTS = 2, 3, 10


def whale_against(shorts: int, ranking: AdlRanking) -> Exchange:
    """A long in isolated margin whose counterparties are so many accounts, each with an entry, a leverage and a mode of its own."""
    exchange = Exchange(replace(world.usual(), adl_ranking=ranking))
    ticks = BTC // exchange.rules(0).tick_e8
    commands = [world.prices((0, BTC)), world.account(WHALE), world.deposit(WHALE, "100000")]
    commands += [world.mode(WHALE, 0, MarginMode.ISOLATED), world.leverage(WHALE, 0, 10)]
    for number in range(shorts):
        account = FIRST + number
        commands += [world.account(account), world.deposit(account, str(150 + number * 37 % 900))]
        if number % 3:
            commands.append(world.mode(account, 0, MarginMode.ISOLATED))
        commands.append(world.leverage(account, 0, (5, 7, 10, 20)[number % 4]))
        commands.append(world.limit(WHALE, 0, Side.BUY, ticks + number * 13 % 50, LOTS))
        commands.append(world.market(account, 0, Side.SELL, LOTS))
    for command in commands:
        world.submit(exchange, command).raise_if_refused()
    return exchange


def fall(exchange: Exchange) -> np.ndarray:
    """The whale is bankrupt, and nobody bids."""
    return world.submit(exchange, world.prices((0, BTC * 85 // 100))).raise_if_refused().events


@pytest.mark.parametrize("ranking", [AdlRanking.PNL_TIMES_LEVERAGE, AdlRanking.PNL_TIMES_MARGIN_RATIO])
@pytest.mark.parametrize("shorts", [5, 2 * RANKED_ROWS, 2 * RANKED_ROWS + 44])
def test_everybody_has_a_turn_in_the_order_of_the_scores(ranking, shorts):
    exchange = whale_against(shorts, ranking)
    events = fall(exchange)
    turns = events[(events["kind"] == EventKind.ADL) | (events["kind"] == EventKind.ADL_SKIPPED)]
    told = list(zip((-turns["rate_e8"]).tolist(), turns["counterparty"].tolist(), strict=True))
    assert len({account for _, account in told}) == len(told) == shorts
    assert told == sorted(told), "the higher score first, then the older account"
    invariants.check(exchange)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_how_many_are_ranked_at_once_changes_nothing(rows):
    usual, cramped = (whale_against(60, AdlRanking.PNL_TIMES_LEVERAGE) for _ in range(2))
    cramped._state._allocate("ranked", rows)
    assert fall(cramped).tobytes() == fall(usual).tobytes()
    assert cramped.state_hash() == usual.state_hash()
