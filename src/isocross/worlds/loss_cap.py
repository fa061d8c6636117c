"""Loss cap: the worst case of a position in one line: what an isolated one can cost, what a cross one can take along.

Responsible for: LossCap, `loss_cap`: what went in and came back, read off events; the fee that closing can still take and the
pool's standing, read off the exchange. Must not: hold a formula.

An isolated position can cost what was moved in, less what came back, the fees paid, and the fee of closing it at the worst
price at which it may still be closed. Neither a gap nor a liquidation adds to that. Only its owner does: by adding margin or size.
A cross position can cost the whole pool, and its liquidation takes the other positions along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..answer import Answer, Columns, Shown, Table, exact
from ..answer.words import money_in, money_text, signed_text
from ..codes import EventKind, IsolatedFundingSource, MarginMode, PositionSide
from ..errors import InputError
from ..exchange import Exchange
from ..rulebook import SymbolRules
from ..units import format_e8, format_rate
from ..views import PositionView

SCHEMA = "isocross.loss_cap/1"


class HasEvents(Protocol):
    """Something that keeps an exchange and all of its events, like a Sandbox."""

    @property
    def exchange(self) -> Exchange:
        """It."""
        ...

    @property
    def events(self) -> np.ndarray:
        """From its beginning on."""
        ...


@dataclass(frozen=True, repr=False)
class LossCap(Answer):
    """The worst case of one position. Money × 10^8 of the margin asset."""

    position: PositionView
    rules: SymbolRules
    rulebook: str
    # isolated
    moved_in_e8: int | None  # since it was flat, by fills and by hand; None: its events are not known
    moved_back_e8: int | None
    fees_paid_e8: int | None
    closing_fee_most_e8: int | None  # None: this rulebook knows no bound
    is_funding_outside: bool  # funding is taken from the cross wallet first, and goes on for as long as it is open
    # cross
    pool_balance_e8: int
    takes_along: tuple[PositionView, ...]
    orders_along: int

    @property
    def is_isolated(self) -> bool:
        """Whether the position has a margin of its own."""
        return self.position.margin_mode == MarginMode.ISOLATED

    @property
    def taken_e8(self) -> int | None:
        """What an isolated position has taken from the cross wallet so far."""
        if self.moved_in_e8 is None or self.moved_back_e8 is None or self.fees_paid_e8 is None:
            return None
        return self.moved_in_e8 - self.moved_back_e8 + self.fees_paid_e8

    @property
    def most_e8(self) -> int | None:
        """The most that can be lost by it. Isolated: from its opening to its end, what was moved in and all fees; without events
        from now on. Cross: the pool as it stands. None where the rulebook sets no bound.
        """
        if not self.is_isolated:
            return max(0, self.pool_balance_e8)
        if self.closing_fee_most_e8 is None or self.is_funding_outside:
            return None
        if self.taken_e8 is None:
            return max(0, self.position.isolated_wallet_e8 + self.closing_fee_most_e8)
        return self.taken_e8 + self.closing_fee_most_e8

    @property
    def line(self) -> str:
        """The worst case in one line."""
        return _line(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the number does not hold."""
        return _notes(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        return {
            "schema": SCHEMA,
            "rulebook": self.rulebook,
            "symbol": self.position.symbol,
            "margin_mode": self.position.margin_mode.name.lower(),
            "quantity": format_e8(self.position.lots * self.rules.step_e8),
            "asset": self.rules.margin_asset,
            "most": exact(self.most_e8),
            "moved_in": exact(self.moved_in_e8),
            "moved_back": exact(self.moved_back_e8),
            "fees_paid": exact(self.fees_paid_e8),
            "closing_fee_most": exact(self.closing_fee_most_e8) if self.is_isolated else None,
            "isolated_wallet": format_e8(self.position.isolated_wallet_e8) if self.is_isolated else None,
            "pool_balance": None if self.is_isolated else format_e8(self.pool_balance_e8),
            "takes_along": [one.symbol for one in self.takes_along],
            "orders_along": self.orders_along,
            "line": self.line,
            "notes": list(self.notes),
        }

    def columns(self) -> Columns:
        """One row."""
        return {
            "symbol": [self.position.symbol],
            "mode": [self.position.margin_mode.name.lower()],
            "quantity_e8": [self.position.lots * self.rules.step_e8],
            "most_e8": [self.most_e8],
            "moved_in_e8": [self.moved_in_e8],
            "moved_back_e8": [self.moved_back_e8],
            "fees_paid_e8": [self.fees_paid_e8],
            "closing_fee_most_e8": [self.closing_fee_most_e8],
            "pool_balance_e8": [None if self.is_isolated else self.pool_balance_e8],
            "takes_along": [", ".join(one.symbol for one in self.takes_along)],
        }

    def shown(self) -> Shown:
        """The line, and what it adds up."""
        with money_in(self.rules.margin_asset):
            rows = self._rows()
        return Shown(self.line, (Table(("", self.rules.margin_asset), rows),), notes=self.notes)

    def _rows(self) -> list[tuple[str, str]]:
        rows = []
        if self.is_isolated:
            if self.taken_e8 is None:
                rows.append(("In its isolated wallet", money_text(self.position.isolated_wallet_e8)))
            else:
                rows += [
                    ("Moved in", money_text(self.moved_in_e8)),
                    ("Moved back", money_text(-(self.moved_back_e8 or 0))),
                    ("Trading fees paid", money_text(self.fees_paid_e8)),
                ]
            fee = "no bound" if self.closing_fee_most_e8 is None else money_text(self.closing_fee_most_e8)
            rows.append(("Fee of closing, at most", fee))
        else:
            rows.append(("The pool's margin balance", money_text(self.pool_balance_e8)))
            rows += [(f"  with {one.symbol}", signed_text(one.unrealized_pnl_e8)) for one in self.takes_along]
        rows.append(("Most that can be lost", "no bound" if self.most_e8 is None else money_text(self.most_e8)))
        return rows


def loss_cap(
    source: Exchange | HasEvents,
    account: int,
    symbol: str | int,
    *,
    position_side: PositionSide | None = None,
    events: np.ndarray | None = None,
) -> LossCap:
    """The worst case of a position, in one line, from the rulebook that holds.

    Takes    source: an exchange, or a sandbox. events: all events of the exchange, where what went in since the position was flat
             is to be told; a sandbox has its own. position_side: which one, where an account in hedge mode has two.
    Errors   InputError when no position is open there.
    """
    exchange = source if isinstance(source, Exchange) else source.exchange
    told = events if events is not None or isinstance(source, Exchange) else source.events
    view = exchange.position(account, symbol, position_side)
    rules = exchange.rules(symbol)
    if view.lots == 0:
        raise InputError(f"loss cap: account {account} has no position in {rules.symbol}")
    is_isolated = view.margin_mode == MarginMode.ISOLATED
    others = [
        one
        for one in exchange.positions(account)
        if not is_isolated
        and (one.symbol, one.position_side) != (rules.symbol, view.position_side)
        and one.margin_mode == MarginMode.CROSS
        and exchange.rules(one.symbol).margin_asset == rules.margin_asset
    ]
    orders = [
        one
        for one in exchange.orders(account)
        if one.price_ticks
        and (
            (one.symbol, one.position_side) == (rules.symbol, view.position_side)
            if is_isolated
            else exchange.rules(one.symbol).margin_asset == rules.margin_asset
        )
    ]
    moved: tuple[int | None, int | None, int | None] = (None, None, None)
    if is_isolated and told is not None:
        moved = _moved(told, account, exchange.symbol_row(symbol), view.position_side)
    source_of_funding = exchange.rulebook.isolated_funding_source
    return LossCap(
        position=view,
        rules=rules,
        rulebook=f"{exchange.rulebook.name} as of {exchange.rulebook.as_of}",
        moved_in_e8=moved[0],
        moved_back_e8=moved[1],
        fees_paid_e8=moved[2],
        closing_fee_most_e8=exchange.closing_fee_most(account, symbol, view.position_side),
        is_funding_outside=is_isolated and source_of_funding == IsolatedFundingSource.CROSS_WALLET_FIRST,
        pool_balance_e8=0 if is_isolated else view.margin_balance_e8,
        takes_along=tuple(others),
        orders_along=len(orders),
    )


def _moved(events: np.ndarray, account: int, symbol: int, side: PositionSide) -> tuple[int, int, int]:
    """(moved in, moved back, trading fees paid) of an isolated position since it was last flat."""
    kinds = (EventKind.FILLED, EventKind.MARGIN_MOVED, EventKind.POSITION)
    mine = events[(events["account"] == account) & (events["symbol"] == symbol) & np.isin(events["kind"], kinds)]
    mine = mine[mine["position_side"] == side]
    flat = np.flatnonzero((mine["kind"] == EventKind.POSITION) & (mine["lots"] == 0))
    mine = mine[int(flat[-1]) + 1 :] if len(flat) else mine
    moves = mine["amount_e8"][mine["kind"] == EventKind.MARGIN_MOVED]
    own = mine[(mine["kind"] == EventKind.FILLED) & (mine["order_id"] != 0)]  # a liquidation pays out of the margin
    return int(moves[moves > 0].sum()), -int(moves[moves < 0].sum()), int(own["fee_e8"].sum())


def _line(cap: LossCap) -> str:
    with money_in(cap.rules.margin_asset):
        return _line_of(cap)


def _line_of(cap: LossCap) -> str:
    one, asset = cap.position, cap.rules.margin_asset
    side = "long" if one.lots > 0 else "short"
    size = f"{format_e8(abs(one.lots) * cap.rules.step_e8)} {cap.rules.quantity_asset}"
    name = f"{one.symbol} {one.margin_mode.name.lower()} {side} {size}"
    if not cap.is_isolated:
        text = f"{name}: all of the pool can be lost, {money_text(cap.most_e8)} {asset} as it stands"
        along = [f"{other.symbol}" for other in cap.takes_along]
        if along:
            text += f"; its liquidation takes {', '.join(along)} along"
        return f"{text}."
    margin = f"{money_text(one.isolated_wallet_e8)} margin"
    if cap.taken_e8 is not None:
        back = f", {money_text(cap.moved_back_e8)} came back" if cap.moved_back_e8 else ""
        margin = f"{money_text(cap.moved_in_e8)} moved in{back}, {money_text(cap.fees_paid_e8)} fees paid"
    if cap.most_e8 is None:
        return f"{name}: no bound in this rulebook; {margin}, and what the notes say."
    fee = f"{money_text(cap.closing_fee_most_e8)} fee of closing at worst"
    return f"{name}: at most {money_text(cap.most_e8)} {asset} can be lost: {margin}, {fee}."


def _notes(cap: LossCap) -> tuple[str, ...]:
    if not cap.is_isolated:
        return ()
    notes = []
    if cap.closing_fee_most_e8 is None:
        notes.append("The trading fee goes by the mark of that time, of which the margin says nothing.")
    elif cap.is_funding_outside:
        notes.append("Funding is taken from the cross wallet first, for as long as the position is open.")
    else:
        rate_e8 = max(cap.rules.maker_fee_rate_e8, cap.rules.taker_fee_rate_e8)
        notes.append(
            "Funding comes out of the margin itself; what it takes can raise the fee of closing by "
            f"{format_rate(rate_e8)} of it."
        )
    if cap.orders_along:
        notes.append("Open orders that add to the position move more margin in when they are filled.")
    return tuple(notes)
