"""Trade: one trade and one crash, lived by the engine under one rulebook in one margin mode.

Responsible for: what is asked of both rulebooks alike (size, price, crash), the life of one of them, the steps of its
liquidation. Must not: compute a margin, compare two lives, word them.

The crash: in STEPS equal steps, SECONDS_PER_STEP apart, the price moves against the position by the share that was asked
for, while the maker shows `depth_e8` of its book. Both worlds have the same maker and the same insurance fund.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np

from ...codes import EventKind, LiquidationStep, MarginMode, Reason, RemainderTo
from ...errors import InputError, RefusedError
from ...market.maker import profile_for
from ...rulebook.model import Rulebook, SymbolRules
from ...sandbox import Sandbox
from ...sandbox.account import Account
from ...units import ONE_E8, format_e8, to_e8

STEPS = 300
SECONDS_PER_STEP = 2
FUND = 1_000_000
_FUND, _HOUSE = 0, 1
_KINDS = (EventKind.LIQUIDATION_STARTED, EventKind.LIQUIDATION_ORDER, EventKind.LIQUIDATION_FEE, EventKind.TAKEOVER,
          EventKind.LIQUIDATION_ENDED, EventKind.ADL)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of every rulebook alike. Money and prices × 10^8."""

    is_long: bool
    quantity_e8: int
    leverage: int
    wallet_e8: int
    price_e8: int
    crash_e8: int  # the share of the price that is lost
    depth_e8: int  # the share of the book that is left in the crash

    @property
    def end_e8(self) -> int:
        """The price at the end of the crash."""
        return self.price_at_e8(STEPS)

    def price_at_e8(self, step: int) -> int:
        """The price after a step, on a straight line, towards the position where it does not divide."""
        moved_e8 = self.price_e8 * self.crash_e8 // ONE_E8 * step // STEPS
        return self.price_e8 - moved_e8 if self.is_long else self.price_e8 + moved_e8


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One thing that a liquidation did. Money, prices and quantities × 10^8."""

    kind: EventKind
    time_ms: int
    mark_e8: int
    quantity_e8: int = 0  # ordered, taken over or deleveraged
    filled_e8: int = 0  # of an order
    limit_e8: int | None = None  # of an order
    fee_e8: int = 0
    counterparty: str = ""  # of a takeover: insurance fund, house
    ending: LiquidationStep | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """The trade under one rulebook in one mode. Money and prices × 10^8; None where it could not be opened."""

    rulebook: str
    mode: MarginMode
    rules: SymbolRules
    refusal: str = ""
    entry_e8: int | None = None  # average fill, to the nearest 10^-8
    entry_fee_e8: int | None = None
    initial_margin_e8: int | None = None  # isolated: moved into the position; cross: held for it
    maintenance_e8: int | None = None
    liquidation_e8: int | None = None  # None: there is none
    bankruptcy_e8: int | None = None
    steps: tuple[LadderStep, ...] = ()
    trading_fees_e8: int | None = None  # all, the entry's included
    liquidation_fees_e8: int | None = None
    rest_to_fund_e8: int | None = None  # of the isolated wallet, after the liquidation
    open_after_e8: int | None = None  # quantity still open, unsigned
    equity_after_e8: int | None = None
    lost_e8: int | None = None  # the wallet before − the equity after

    @property
    def is_opened(self) -> bool:
        """Whether the engine let it be opened."""
        return not self.refusal

    @property
    def is_liquidated(self) -> bool:
        """Whether a liquidation began."""
        return bool(self.steps)

    @property
    def orders(self) -> int:
        """How many orders the ladder sent."""
        return sum(step.kind is EventKind.LIQUIDATION_ORDER for step in self.steps)

    @property
    def ending(self) -> str:
        """'open', or how its last liquidation ended."""
        endings = [step.ending for step in self.steps if step.ending is not None]
        return endings[-1].name.lower().replace("_", " ") if endings else "open"


def size_e8(margin_e8: int, terms: Terms, sides: tuple[tuple[Rulebook, SymbolRules], ...]) -> int:
    """The largest quantity on the grids of both contracts that moves at most `margin_e8` into an isolated position.

    Takes    terms: its quantity is not read.
    Errors   InputError where one step of the common grid is too much; RefusedError where no rulebook opens it at all.
    """
    found: list[int] = []
    refused: list[RefusedError] = []
    for book, rules in sides:
        try:
            box, account = _opened(book, rules, terms, MarginMode.ISOLATED)
            position = account.buy if terms.is_long else account.sell
            position(rules.symbol, margin=format_e8(margin_e8))
            found.append(abs(box.exchange.position(account.number, rules.symbol).lots) * rules.step_e8)
        except RefusedError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    grid_e8 = lcm(*(rules.step_e8 for _, rules in sides))
    quantity_e8 = min(found) // grid_e8 * grid_e8
    if quantity_e8 == 0:
        raise InputError(
            f"margin: {format_e8(margin_e8)} is too little at {terms.leverage}x: it carries {format_e8(min(found))}, "
            f"expected at least {format_e8(grid_e8)}, the step of both contracts"
        )
    return quantity_e8


def live(book: Rulebook, rules: SymbolRules, terms: Terms, mode: MarginMode) -> Life:
    """The trade from its entry to the end of the crash."""
    try:
        box, account = _opened(book, rules, terms, mode)
        order = account.buy if terms.is_long else account.sell
        done = order(rules.symbol, qty=format_e8(terms.quantity_e8))
        if done.expired:
            raise RefusedError(f"the book fills {done.filled:f} of {done.quantity:f}", 0)
    except RefusedError as error:
        return Life(book.name, mode, rules, refusal=str(error))
    view = box.exchange.position(account.number, rules.symbol)
    assert done.average_price is not None
    seen = len(box.events)
    for step in range(1, STEPS + 1):
        box.clock(seconds=SECONDS_PER_STEP)
        prices: dict[str, Any] = {rules.symbol: format_e8(terms.price_at_e8(step))}
        box.mark(depth=format_e8(terms.depth_e8), **prices)
    events = box.events
    mine = events[(events["account"] == account.number)]
    wallet = box.exchange.wallet(account.number, rules.margin_asset)
    left = box.exchange.position(account.number, rules.symbol)
    return Life(
        rulebook=book.name,
        mode=mode,
        rules=rules,
        entry_e8=to_e8(done.average_price),
        entry_fee_e8=to_e8(done.fee),
        initial_margin_e8=view.isolated_wallet_e8 if mode is MarginMode.ISOLATED else view.margin_held_e8,
        maintenance_e8=view.maintenance_margin_e8,
        liquidation_e8=view.liquidation_mark_e8,
        bankruptcy_e8=view.bankruptcy_mark_e8,
        steps=_steps(events[seen:], account.number, rules),
        trading_fees_e8=sum(mine["fee_e8"][mine["kind"] == EventKind.FILLED].tolist()),
        liquidation_fees_e8=sum(mine["fee_e8"][mine["kind"] == EventKind.LIQUIDATION_FEE].tolist()),
        rest_to_fund_e8=_rest_to_fund_e8(book, mine),
        open_after_e8=abs(left.lots) * rules.step_e8,
        equity_after_e8=wallet.equity_e8,
        lost_e8=terms.wallet_e8 - wallet.equity_e8,
    )


def _opened(book: Rulebook, rules: SymbolRules, terms: Terms, mode: MarginMode) -> tuple[Sandbox, Account]:
    """A sandbox of that one contract, and an account that has the wallet and the settings."""
    prices: dict[str, Any] = {rules.symbol: format_e8(terms.price_e8)}
    profiles = {rules.symbol: profile_for(f"{rules.base_asset}USDT")}
    box = Sandbox(book, fund={rules.margin_asset: FUND}, profiles=profiles, **prices)
    account = box.account("trader", **{rules.margin_asset: format_e8(terms.wallet_e8)})
    account.configure(rules.symbol, mode=mode, leverage=terms.leverage)
    return box, account


def _rest_to_fund_e8(book: Rulebook, mine: np.ndarray) -> int:
    if book.remainder_to is not RemainderTo.INSURANCE_FUND:
        return 0
    is_rest = (mine["kind"] == EventKind.MARGIN_MOVED) & (mine["code"] == Reason.REST_AFTER_LIQUIDATION)
    return -int(mine["amount_e8"][is_rest].sum())


def _steps(events: np.ndarray, account: int, rules: SymbolRules) -> tuple[LadderStep, ...]:
    """The liquidation's own events in order; the fills of an order are added up."""
    told: list[LadderStep] = []
    mark_e8 = 0
    for event in events[(events["account"] == account) | (events["kind"] == EventKind.PRICES)]:
        kind = EventKind(int(event["kind"]))
        if kind is EventKind.PRICES:
            mark_e8 = int(event["mark_e8"])
        quantity_e8 = abs(int(event["lots"])) * rules.step_e8
        if kind is EventKind.FILLED and told and told[-1].kind is EventKind.LIQUIDATION_ORDER:
            order = told[-1]
            filled_e8 = order.filled_e8 + quantity_e8
            told[-1] = LadderStep(
                order.kind, order.time_ms, order.mark_e8, order.quantity_e8, filled_e8, order.limit_e8
            )
        if kind not in _KINDS:
            continue
        told.append(
            LadderStep(
                kind=kind,
                time_ms=int(event["time_ms"]),
                mark_e8=mark_e8,
                quantity_e8=quantity_e8,
                limit_e8=int(event["price_ticks"]) * rules.tick_e8 if kind is EventKind.LIQUIDATION_ORDER else None,
                fee_e8=int(event["fee_e8"]) if kind is EventKind.LIQUIDATION_FEE else 0,
                counterparty=_party(int(event["counterparty"])) if kind is EventKind.TAKEOVER else "",
                ending=LiquidationStep(int(event["code"])) if kind is EventKind.LIQUIDATION_ENDED else None,
            )
        )
    return tuple(told)


def _party(account: int) -> str:
    return {_FUND: "insurance fund", _HOUSE: "house"}.get(account, "")
