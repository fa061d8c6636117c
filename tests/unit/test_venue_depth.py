"""The book as streams see it: the best levels are those of all levels, whatever came before."""

from __future__ import annotations

import random

import pytest

from isocross.codes import Side
from isocross.venue.binance.streams.depth import BookImage


@pytest.mark.parametrize("seed", range(40))
def test_the_best_levels_are_found_again(seed: int) -> None:
    draws = random.Random(seed)
    image = BookImage({3: 5}, {9: 1}) if seed % 2 else BookImage()
    bids, asks = dict(image.bids), dict(image.asks)
    for _ in range(400):
        side, price, lots = draws.choice(list(Side)), draws.randint(1, 12), draws.choice((0, 0, 1, 5))
        image.put(side, price, lots)
        levels = bids if side == Side.BUY else asks
        levels[price] = lots
        if not lots:
            del levels[price]
        if draws.random() < 0.6:
            bid, ask = max(bids, default=0), min(asks, default=0)
            assert image.best() == ((bid, bids.get(bid, 0)), (ask, asks.get(ask, 0)))
    assert (image.bids, image.asks) == (bids, asks)
