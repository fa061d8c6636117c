"""Prices: of every contract, and set by hand where the market is manual; funding rates likewise.

Responsible for: these endpoints. Must not: build a ladder (isocross.market does).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ...codes import CommandKind, PositionSide
from ...errors import InputError
from ...exchange import Exchange
from ...market.commands import market_order, settlement
from ...market.source import FLOW_DEPOSIT_E8
from ...units import ONE_E8
from .forms import Given, Money, accepted, e8, text
from .place import Place
from .routes import endpoint

_WHOLE = Decimal(1)


class Price(msgspec.Struct):
    """The prices of a contract; last is null before its first trade."""

    symbol: str
    mark: Money
    index: Money
    last: Money | None
    funding_rate: Money  # of the settlement ahead
    next_funding_ms: int  # 0: none is known


class NewPrices(msgspec.Struct, forbid_unknown_fields=True):
    """Prices by contract, all at once, and how much of its depth the maker shows (1: all, null: the book stays put)."""

    prices: dict[str, Given]
    depth: Given | None = _WHOLE


class NewTrades(msgspec.Struct, forbid_unknown_fields=True):
    """Contracts in which somebody trades; null: all of them."""

    symbols: list[str] | None = None


class NewRates(msgspec.Struct, forbid_unknown_fields=True):
    """Funding rates by contract, as fractions: 0.0001 is 0.01 %."""

    rates: dict[str, Given]
    settles_now: bool = False  # else they hold at the settlements to come


@endpoint("GET", "/prices", answer=list[Price], of_world=True)
def read_prices(place: Place) -> list[Price]:
    """Mark, index, last price and the funding ahead, of every contract."""
    core = place.world.core
    found = []
    for row, symbol in enumerate(core.symbols):
        rate_e8, time_ms = place.world.driver.funding_ahead(row)
        last = core.exchange.last_price_ticks(row) * core.exchange.rules(row).tick_e8
        found.append(
            Price(
                symbol,
                text(core.exchange.mark_e8(row)),
                text(core.exchange.index_e8(row)),
                text(last) if last else None,
                text(rate_e8),
                time_ms,
            )
        )
    return found


@endpoint("POST", "/prices", request=NewPrices, answer=list[Price], of_world=True)
def set_prices(place: Place, request: NewPrices) -> list[Price]:
    """Set prices by hand: the book moves, then all marks at once."""
    _check_manual(place, "prices")
    core = place.world.core
    given = {
        core.symbols[core.exchange.symbol_row(name)]: e8(price, f"price of {name}")
        for name, price in request.prices.items()
    }
    depth = None if request.depth is None else e8(request.depth, "depth")
    for done in core.apply_many(place.world.prices.move(given, depth)):
        accepted(done)
    return read_prices(place)


@endpoint("POST", "/trades", request=NewTrades, answer=list[Price], of_world=True)
def trade(place: Place, request: NewTrades) -> list[Price]:
    """Have somebody trade the least order at market, so that the last price is the book's and stops by it need not wait."""
    _check_manual(place, "trades")
    core = place.world.core
    names = core.symbols if request.symbols is None else request.symbols
    rows = [core.exchange.symbol_row(name) for name in names]
    flow = _flow_account(place)
    for row in rows:
        held = core.exchange.position(flow, row, PositionSide.BOTH).lots
        lots = -held or _least_lots(core.exchange, row)  # what it bought it sells the next time
        accepted(core.apply_many([market_order(flow, row, lots)])[0])
    return read_prices(place)


def _least_lots(exchange: Exchange, row: int) -> int:
    """A tenth above the least order, so that it is enough wherever in the book it trades."""
    rules = exchange.rules(row)
    lot_value_e8 = max(1, int(rules.value_e8(1, exchange.mark_e8(row))))
    return -(-rules.min_notional_e8 * 11 // 10 // lot_value_e8) + 1


def _flow_account(place: Place) -> int:
    """The account that trades where nobody else does: the market's own, opened when it is first asked for."""
    world, core = place.world, place.world.core
    row = world.settings.flow_account
    if row is None:
        row = world.settings.flow_account = core.accounts.reserve_next()
        world.keep_settings()  # before it is there: its row is nobody else's
    table = core.exchange.table("accounts")
    if row >= len(table) or not table["is_open"][row]:
        opening = [(CommandKind.CREATE_ACCOUNT, {"account": row})]
        opening += [
            (CommandKind.DEPOSIT, {"account": row, "asset": asset, "amount_e8": FLOW_DEPOSIT_E8})
            for asset in range(len(core.exchange.assets))
        ]
        for done in core.apply_many(opening):
            accepted(done)
    return row


@endpoint("POST", "/funding", request=NewRates, answer=list[Price], of_world=True)
def set_funding(place: Place, request: NewRates) -> list[Price]:
    """Set funding rates by hand, and settle at them now where that is asked for."""
    _check_manual(place, "funding")
    core = place.world.core
    rates = {core.exchange.symbol_row(name): e8(rate, f"rate of {name}") for name, rate in request.rates.items()}
    for row, rate in rates.items():
        if abs(rate) > ONE_E8:
            raise InputError(f"rate of {core.symbols[row]}: {text(rate)}: expected −1 … 1")
    if request.settles_now:
        if rates:
            accepted(core.apply_many([settlement(rates.items())])[0])
    else:
        place.world.driver.set_funding(rates)
        place.world.settings.funding_rates_e8 |= {core.symbols[row]: rate for row, rate in rates.items()}
        place.world.keep_settings()
    return read_prices(place)


def _check_manual(place: Place, what: str) -> None:
    source = place.world.driver.source
    if source is not None:
        raise InputError(
            f"{what}: the market here is {source.name}: it sets them itself; start one with --market manual"
        )
