"""Risking: what an order wins or loses at its exits, fees included, and how large it may be for what may be lost at its stop.

Responsible for: profit at a price after an order, the most lots within a budget, reward against risk. Must not: hold a margin formula: what
an order costs is read off a preview of it, what a position wins at a price is the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...codes import CommandKind, OrderType, Refusal
from ...errors import InputError, RefusedError
from ...exchange import Exchange
from ...policy.sizing import most_lots
from ...sandbox.ordering import Wish
from ...sandbox.refusing import Command
from ...units import ONE_E8, format_e8
from ...views import PositionView
from ...worlds.outcome import Outcome, outcome_of

EXITS = {OrderType.STOP_MARKET: "stop", OrderType.TAKE_PROFIT_MARKET: "take_profit"}


def won_at_e8(exchange: Exchange, told: Outcome, price_e8: int) -> int | None:
    """What the order makes of the position if all of it is closed at a price, all fees paid. None: it opens nothing that is known.

    An order that rests counts as filled at its limit.
    """
    before, after, fee_e8 = told.position.before, told.position.after, told.fee_e8
    if told.when_filled is not None:
        after, fee_e8 = told.when_filled.positions[0].after, told.when_filled.fee_e8 + told.fee_e8
    elif told.resting_lots:
        return None
    if after.lots == 0:
        return None
    return _closed_e8(exchange, after, price_e8) - _closed_e8(exchange, before, price_e8) - fee_e8


def _closed_e8(exchange: Exchange, view: PositionView, price_e8: int) -> int:
    """Profit of a position that is closed at a price as a taker, its fee paid."""
    if view.lots == 0:
        return 0
    pnl_e8 = exchange.unrealized_pnl_e8(view.symbol, view.lots, view.entry_cost_e8, price_e8)
    value_e8 = abs(exchange.unrealized_pnl_e8(view.symbol, view.lots, 0, price_e8))
    _, taker_rate_e8 = exchange.fee_rates_e8(view.account, view.symbol)
    return pnl_e8 + -value_e8 * taker_rate_e8 // ONE_E8


def lots_for_risk(exchange: Exchange, wish: Wish, risk_e8: int, before: Sequence[Command]) -> int:
    """The most lots that lose at most so much at the stop, fees included. Errors   InputError, RefusedError."""
    stops = [ticks for kind, ticks in wish.exits if kind == OrderType.STOP_MARKET]
    if not stops:
        raise InputError("risk: it is what may be lost at the stop: expected a stop")
    stop_e8 = stops[0] * wish.rules.tick_e8
    switches = [(one.kind, one.fields) for one in before]

    def fits(lots: int) -> bool:
        order = [(CommandKind.PLACE_ORDER, wish.fields | {"lots": lots})]
        told = outcome_of(exchange, wish.fields["account"], wish.rules.symbol, order, switches)
        if told.refusal != Refusal.NONE:
            return told.refusal == Refusal.NOTIONAL_TOO_SMALL
        won_e8 = won_at_e8(exchange, told, stop_e8)
        return won_e8 is not None and -won_e8 <= risk_e8 and not told.expired_lots

    lots = most_lots(lambda lots: lots == 0 or fits(lots), wish.rules.lots_max)
    if lots < 1:
        text = f"{format_e8(risk_e8)} {wish.rules.margin_asset} is less than one step loses at the stop"
        raise RefusedError(f"{wish.who}: {text}", Refusal.QUANTITY_NOT_POSITIVE)
    return lots
