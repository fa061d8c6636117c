"""Symbols: the contracts of a world, what may be done in them, what they cost and how far they go.

Responsible for: these endpoints. Must not: know a rule: which bracket table is one, the exchange decides.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ...codes import CommandKind, SymbolStatus
from .forms import Given, Money, accepted, e8, text
from .place import Place
from .routes import endpoint

STATUSES = {
    "trading": SymbolStatus.TRADING,
    "reduce-only": SymbolStatus.REDUCE_ONLY,
    "paused": SymbolStatus.PAUSED,
    "delisted": SymbolStatus.DELISTED,
}
_NAMES = {status: name for name, status in STATUSES.items()}
assert set(_NAMES) == set(SymbolStatus)
BRACKETS_GIVEN_MAX = 64


class BracketRow(msgspec.Struct):
    """One range of notional."""

    floor: Money
    cap: Money
    rate: Money  # of maintenance margin, as a fraction
    deduction: Money
    leverage: int  # the most


class Contract(msgspec.Struct):
    """One contract, by the rules as they hold."""

    symbol: str
    margin_asset: str
    status: str
    tick_size: Money
    step_size: Money
    min_notional: Money
    open_interest: Money
    maker_fee: Money  # as a fraction
    taker_fee: Money
    liquidation_fee: Money
    brackets: list[BracketRow]


class NewStatus(msgspec.Struct, forbid_unknown_fields=True):
    """What may be done in a contract from now on; delisted is for good: orders go, positions are settled at the mark."""

    status: Literal["trading", "reduce-only", "paused", "delisted"]


class NewFees(msgspec.Struct, forbid_unknown_fields=True):
    """Fees as fractions: 0.0004 is 0.04 %. Without a liquidation fee that one stays."""

    maker: Given
    taker: Given
    liquidation: Given | None = None


class NewBracket(msgspec.Struct, forbid_unknown_fields=True):
    """One range of notional: from where, the rate of its maintenance margin as a fraction, its highest leverage."""

    floor: Given
    rate: Given
    leverage: int


class NewBrackets(msgspec.Struct, forbid_unknown_fields=True):
    """A bracket table in place of the one that is there; floors ascend from 0, and the last range ends at the cap."""

    brackets: Annotated[list[NewBracket], msgspec.Meta(min_length=1, max_length=BRACKETS_GIVEN_MAX)]
    cap: Given


@endpoint("GET", "/symbols", answer=list[Contract], of_world=True)
def list_symbols(place: Place) -> list[Contract]:
    """Every contract."""
    return [_contract(place, row) for row in range(len(place.world.core.symbols))]


@endpoint("GET", "/symbols/{symbol}", answer=Contract, of_world=True)
def read_symbol(place: Place, symbol: str) -> Contract:
    """One contract."""
    return _contract(place, place.world.core.exchange.symbol_row(symbol))


@endpoint("POST", "/symbols/{symbol}/status", request=NewStatus, answer=Contract, of_world=True)
def set_status(place: Place, request: NewStatus, symbol: str) -> Contract:
    """Let a contract trade, only reduce, or pause; or delist it, for good."""
    return _changed(place, symbol, CommandKind.SET_SYMBOL_STATUS, symbol_status=STATUSES[request.status])


@endpoint("POST", "/symbols/{symbol}/fees", request=NewFees, answer=Contract, of_world=True)
def set_fees(place: Place, request: NewFees, symbol: str) -> Contract:
    """Other fees of a contract, for all who have none of their own."""
    given = {"maker": request.maker, "taker": request.taker, "liquidation": request.liquidation}
    records = [{"rate_e8": e8(rate, f"{name} fee")} for name, rate in given.items() if rate is not None]
    return _changed(place, symbol, CommandKind.SET_FEES, records=records)


@endpoint("POST", "/symbols/{symbol}/brackets", request=NewBrackets, answer=Contract, of_world=True)
def set_brackets(place: Place, request: NewBrackets, symbol: str) -> Contract:
    """Another bracket table; whoever it leaves with too little margin is liquidated."""
    records = [
        {"amount_e8": e8(one.floor, "floor"), "rate_e8": e8(one.rate, "rate"), "leverage": one.leverage}
        for one in request.brackets
    ]
    return _changed(place, symbol, CommandKind.SET_BRACKETS, records=records, amount_e8=e8(request.cap, "cap"))


def _changed(place: Place, symbol: str, kind: CommandKind, **fields: Any) -> Contract:
    row = place.world.core.exchange.symbol_row(symbol)
    accepted(place.world.core.apply(kind, symbol=row, **fields))
    return _contract(place, row)


def _contract(place: Place, row: int) -> Contract:
    exchange = place.world.core.exchange
    rules, table = exchange.rules(row), exchange.table("symbols")[row]
    return Contract(
        rules.symbol,
        rules.margin_asset,
        _NAMES[exchange.symbol_status(row)],
        text(rules.tick_e8),
        text(rules.step_e8),
        text(rules.min_notional_e8),
        text(int(table["open_interest_lots"]) * rules.step_e8),
        text(rules.maker_fee_rate_e8),
        text(rules.taker_fee_rate_e8),
        text(rules.liquidation_fee_rate_e8),
        [
            BracketRow(text(one.floor_e8), text(one.cap_e8), text(one.rate_e8), text(one.deduction_e8), one.leverage_max)
            for one in rules.brackets
        ],
    )
