"""Aftermath: an account as it would stand once an order has been filled, out of a preview of the order itself.

Responsible for: placing the order in a preview, filling what would rest, reading the account; what its stop would lose.
Must not: judge the order; change the exchange; contain a formula.

A limit order that would rest is looked at as it will matter: filled. Inside the preview the mark goes to its price, and
the house, which stands outside margin, takes it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..codes import (
    CommandKind,
    EventKind,
    FeeBasis,
    MarginMode,
    OrderType,
    PositionMode,
    Reason,
    Refusal,
    Side,
    TimeInForce,
    WorkingType,
)
from ..exchange import Exchange
from ..kernel import margin
from ..rulebook.model import SymbolRules
from ..views import OrderView, PositionView, WalletView
from .planned import PlannedOrder
from .sizing import closing_value_e8, signed_cost_e8

_HOUSE = 1
_ROUNDS_MAX = 8  # orders of the house that filling one resting order may take
_LEVELS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What an order does to its account. Money and prices × 10^8."""

    order: PlannedOrder
    rules: SymbolRules
    fee_basis: FeeBasis
    refusal: Refusal
    refusal_text: str
    before: PositionView
    wallet_before: WalletView
    after: PositionView  # as before when the order was refused
    wallet_after: WalletView
    others: tuple[PositionView, ...]  # the pool's other cross positions, once the order is filled
    others_notional_e8: int  # of all of them, at their marks
    filled_lots: int
    expired_lots: int
    expired_reason: Reason
    rests: bool  # a limit order that is filled later, at its price
    was_liquidated: bool  # something of the account, on the way to the order's price or by its fill
    stop_ticks: int | None  # the order's own, else the nearest open one that closes the position
    is_stop_on_last: bool  # it watches the last price; liquidation goes by mark

    @property
    def is_opening(self) -> bool:
        """Whether the order opens, enlarges or turns the position: it ends on the order's side."""
        after = self.after.lots
        return self.filled_lots > 0 and not self.order.is_reduce_only and after * self.order.sign > 0

    @property
    def is_cross(self) -> bool:
        """What backs the position."""
        return self.after.margin_mode == MarginMode.CROSS

    @property
    def sign(self) -> int:
        """+1 long, −1 short."""
        return 1 if self.after.lots > 0 else -1

    @property
    def notional_e8(self) -> int:
        """Of the position, at mark."""
        return notional_of(self.after, self.rules)

    @property
    def is_stop_first(self) -> bool:
        """Whether the stop is met before the liquidation price."""
        due_e8 = self.after.liquidation_mark_e8
        if self.stop_ticks is None:
            return False
        stop_e8 = self.stop_ticks * self.rules.tick_e8
        return due_e8 is None or (stop_e8 - due_e8) * self.sign > 0

    @property
    def entry_cost_e8(self) -> int:
        """What entering takes from the equity: fees, and a fill worse than the mark."""
        return self.wallet_before.equity_e8 - self.wallet_after.equity_e8

    @property
    def stake_e8(self) -> int:
        """All that can be lost from here: what backs the position, and what entering costs."""
        return max(0, self.after.margin_balance_e8) + self.entry_cost_e8

    @property
    def loss_e8(self) -> int:
        """What is lost from here when the stop fills at its price; everything at stake when it is not met first."""
        if self.stop_ticks is None or not self.is_stop_first:
            return self.stake_e8
        rules, after = self.rules, self.after
        lots = abs(after.lots)
        is_long = self.sign > 0
        value_e8 = closing_value_e8(rules, is_long, lots, self.stop_ticks)
        realized_e8 = signed_cost_e8(rules, is_long, value_e8) - after.entry_cost_e8
        charged_e8 = value_e8
        if self.fee_basis is FeeBasis.MARK_VALUE:
            mark_e8 = self.stop_ticks * rules.tick_e8
            charged_e8 = int(margin.notional_e8(rules.contract_kind, lots, rules.step_e8, mark_e8))
        fee_e8 = int(margin.rate_up_e8(charged_e8, rules.taker_fee_rate_e8))
        return self.entry_cost_e8 + after.unrealized_pnl_e8 - realized_e8 + fee_e8


def notional_of(position: PositionView, rules: SymbolRules) -> int:
    """A position at its mark, rounded up."""
    return int(margin.notional_e8(rules.contract_kind, position.lots, rules.step_e8, position.mark_e8))


def cross_positions(exchange: Exchange, account: int, asset: str) -> list[PositionView]:
    """The positions that share the pool of a margin asset."""
    return [
        one
        for one in exchange.positions(account)
        if one.margin_mode == MarginMode.CROSS and exchange.rules(one.symbol).margin_asset == asset
    ]


def stop_of(orders: Sequence[OrderView], position: PositionView) -> OrderView | None:
    """The first open stop that closes all of a position at market; None when there is none.

    A stop with a limit may not fill, and a trailing stop has no price to compare yet: neither counts.
    """
    if position.lots == 0:
        return None
    closing = Side.SELL if position.lots > 0 else Side.BUY
    stops = [
        one
        for one in orders
        if (one.symbol, one.position_side) == (position.symbol, position.position_side)
        and one.order_type == OrderType.STOP_MARKET
        and one.side == closing
        and (one.is_close_position or one.lots >= abs(position.lots))
    ]
    best = max if position.lots > 0 else min
    return best(stops, key=lambda one: one.trigger_ticks, default=None)


def aftermath(exchange: Exchange, account: int, order: PlannedOrder) -> Aftermath:
    """What becomes of the account; the exchange is left as it was."""
    rules = exchange.rules(order.symbol)
    asset, row = rules.margin_asset, exchange.symbol_row(order.symbol)
    if exchange.position_mode(account) == PositionMode.HEDGE:
        order = order.in_hedge_mode()
    side = order.position_side
    before, wallet_before = exchange.position(account, row, side), exchange.wallet(account, asset)
    with exchange.previewing():
        done = exchange.submit(CommandKind.PLACE_ORDER, account=account, symbol=row, **order.fields)
        events, rests = done.events, False
        if done.is_accepted:
            rests = _is_open(exchange, account, done.order_id)
            if rests:
                events = np.concatenate([events, _filled(exchange, account, row, order, done.order_id)])
        after, wallet_after = exchange.position(account, row, side), exchange.wallet(account, asset)
        own = rules.symbol, after.position_side
        pool = cross_positions(exchange, account, asset)
        others = tuple(one for one in pool if (one.symbol, one.position_side) != own)
        others_notional_e8 = sum(notional_of(one, exchange.rules(one.symbol)) for one in others)
        open_stop = stop_of(exchange.orders(account), after)
    told = events[(events["account"] == account) & (events["order_id"] == done.order_id)]
    expired = told[(told["kind"] == EventKind.EXPIRED) | (told["kind"] == EventKind.CANCELLED)]
    begun = (events["kind"] == EventKind.LIQUIDATION_STARTED) & (events["account"] == account)
    return Aftermath(
        order=order,
        rules=rules,
        fee_basis=exchange.rulebook.fee_basis,
        refusal=done.refusal,
        refusal_text="" if done.is_accepted else _refusal_text(exchange, account, row, order, done.refusal),
        before=before,
        wallet_before=wallet_before,
        after=after,
        wallet_after=wallet_after,
        others=others,
        others_notional_e8=others_notional_e8,
        filled_lots=int(told["lots"][told["kind"] == EventKind.FILLED].sum()),
        expired_lots=int(expired["lots"].sum()),
        expired_reason=Reason(int(expired["code"][0])) if len(expired) else Reason.NONE,
        rests=rests,
        was_liquidated=bool(begun.any()),
        stop_ticks=open_stop.trigger_ticks if order.stop_ticks is None and open_stop else order.stop_ticks,
        is_stop_on_last=order.stop_ticks is None and open_stop is not None and _is_on_last(open_stop),
    )


def _is_on_last(order: OrderView) -> bool:
    return order.working_type == WorkingType.LAST_PRICE


def _is_open(exchange: Exchange, account: int, order_id: int) -> bool:
    return any(one.order_id == order_id for one in exchange.orders(account))


def _filled(exchange: Exchange, account: int, row: int, order: PlannedOrder, order_id: int) -> np.ndarray:
    """Bring the mark to the order's price and let the house take it there; returns all events."""
    price_e8 = order.price_ticks * exchange.rules(row).tick_e8
    told = [exchange.submit(CommandKind.PRICES, records=[_price(row, price_e8)]).events]
    side, name = (Side.SELL, "bids") if order.side == Side.BUY else (Side.BUY, "asks")
    for _ in range(_ROUNDS_MAX):
        if not _is_open(exchange, account, order_id):
            break
        ahead = [
            lots
            for ticks, lots in exchange.book(row, _LEVELS_MAX)[name]
            if (ticks >= order.price_ticks if order.side == Side.BUY else ticks <= order.price_ticks)
        ]
        taken = exchange.submit(
            CommandKind.PLACE_ORDER,
            account=_HOUSE,
            symbol=row,
            side=side,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC,
            price_ticks=order.price_ticks,
            lots=min(sum(ahead), exchange.rules(row).lots_max),
        )
        told.append(taken.events)
    return np.concatenate(told)


def _price(row: int, mark_e8: int) -> dict[str, int]:
    return {"symbol": row, "index_e8": mark_e8, "mark_e8": mark_e8}


def _refusal_text(exchange: Exchange, account: int, row: int, order: PlannedOrder, refusal: Refusal) -> str:
    from ..sandbox.refusing import Command, refused

    fields = {**order.fields, "account": account, "symbol": row}
    return str(refused(exchange, [Command(CommandKind.PLACE_ORDER, fields, "refused")], 0, refusal))
