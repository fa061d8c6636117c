"""Compare result: what `compare` answers, read off one world's events and views per margin mode.

Responsible for: the records, reading them from a Life, plain data with exact decimal text, frames.
Must not: drive the engine, word a sentence, print; compute a margin (the kernel's formulas value the position once, for
effective leverage and the fee of a close by hand).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..answer import Answer, Columns, Shown, exact
from ..codes import EventKind, LiquidationStep, MarginMode, Reason, Refusal
from ..journal.history import Genesis, MemoryHistory
from ..kernel import margin as formulas
from ..rulebook.model import Rulebook, SymbolRules
from ..units import ONE_E8, format_e8
from ..views import PositionView
from .feed import Leg
from .replay import FUND, TRADER, Life, Look, Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..worlds.receipt import Receipts

SCHEMA = "isocross.compare/1"
Ending = Literal["liquidated", "stop", "take_profit", "end_of_history", "open", "refused"]
_HOUSE = 1


class Nearest(NamedTuple):
    """When an open trade was nearest to its liquidation price; without one, when what backed it was worth least."""

    time_ms: int
    mark_e8: int
    liquidation_e8: int | None
    distance_e8: int | None  # (liquidation − mark) ÷ mark
    ratio_e8: int | None  # maintenance ÷ margin balance; None above every number


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One liquidation that touched the trade."""

    time_ms: int
    mark_e8: int  # of the trade's symbol
    is_pool: bool  # of the cross pool, not of one isolated position
    lots_before: int  # of the trade, signed
    lots_after: int
    balance_e8: int  # of what was judged
    maintenance_e8: int
    step: LiquidationStep
    book_lots: int  # of the trade, closed in the book
    book_value_e8: int
    fund_lots: int  # handed over to the insurance fund
    other_lots: int  # to counterparties (ADL) or the house
    fee_e8: int


@dataclass(frozen=True, slots=True, eq=False)
class ModeResult:
    """The trade in one world. Money and prices × 10^8 of the margin asset; None where there is no such number."""

    name: str  # isolated, cross, hybrid
    modes: dict[str, MarginMode]
    ending: Ending
    refusal: Refusal
    refused_symbol: str
    entry_e8: int | None  # average price
    entry_mark_e8: int
    lots: int  # opened, > 0
    unfilled_lots: int
    moved_in_e8: int  # into the trade's isolated wallet at its entry; 0 in cross
    entry_fee_e8: int
    close_fee_most_e8: int  # the taker fee of closing by hand at the bankruptcy price
    backing_e8: int | None  # the isolated wallet, or the cross wallet, after the entry
    effective_leverage_e8: int | None  # notional at mark ÷ margin balance
    max_open_lots: int
    max_open_e8: int  # the same in base units
    liquidation_e8: int | None
    distance_e8: int | None
    most_lost_e8: int | None  # by this trade
    liquidations: tuple[Liquidation, ...]
    ended_ms: int | None
    ended_mark_e8: int | None
    exit_e8: int | None  # average price of what was closed by fills
    lived_ms: int | None
    lowest_equity_e8: int
    drawn_e8: int | None  # most that the account was down beyond the initial margins of its positions
    nearest: Nearest | None
    fees_e8: int  # trading fees of the account, the second position's included
    liquidation_fee_e8: int
    funding_e8: int  # signed: received > 0
    wallet_before_e8: int
    wallet_after_e8: int  # equity where something could not be closed
    open_lots_after: dict[str, int]
    is_second_liquidated: bool
    looks: tuple[Look, ...]
    events: np.ndarray  # of the account, and what the fund and others did with it
    told: np.ndarray  # what receipts are made of
    genesis: Genesis
    conservation_gap_e8: dict[str, int]

    @property
    def is_liquidated(self) -> bool:
        """Whether a liquidation touched the trade."""
        return bool(self.liquidations)

    @property
    def receipts(self) -> Receipts:
        """A receipt for every liquidation of the account, the second position's too; marks in quiet times are thinned.

        The history is not kept: what would have saved the account cannot be asked of these.
        """
        from ..worlds.receipt import receipts

        return receipts(MemoryHistory(self.genesis), events=self.told, names={"trader": TRADER})

    @property
    def change_e8(self) -> int:
        """Wallet after − wallet before."""
        return self.wallet_after_e8 - self.wallet_before_e8

    @property
    def fund_lots(self) -> int:
        """Lots of the trade that the insurance fund took over."""
        return sum(one.fund_lots for one in self.liquidations)


@dataclass(frozen=True, slots=True)
class OtherOrder:
    """How a mode ends when the low and the high of every bar come the other way round."""

    name: str
    ending: Ending
    ended_ms: int | None
    wallet_after_e8: int


@dataclass(frozen=True, eq=False, repr=False)
class CompareResult(Answer):
    """One trade in one history, lived in each margin mode."""

    rulebook: Rulebook
    rules: SymbolRules
    plan: Plan
    history_name: str
    start_ms: int
    end_ms: int
    entry_ms: int
    order: str
    mark_source: str
    modes: tuple[ModeResult, ...]  # isolated, cross, and hybrid with a second position
    other_order: tuple[OtherOrder, ...]
    notes: tuple[str, ...]
    decisions: tuple[str, ...]

    def __getitem__(self, name: str) -> ModeResult:
        """A mode by its name."""
        for mode in self.modes:
            if mode.name == name:
                return mode
        raise KeyError(name)

    @property
    def trade(self) -> Leg:
        """The trade, sized."""
        return self.plan.legs[0]

    @property
    def second(self) -> Leg | None:
        """The second position, sized."""
        return self.plan.legs[1] if len(self.plan.legs) > 1 else None

    @property
    def is_negative(self) -> bool:
        """Whether the engine refused to open it in some mode."""
        return any(mode.refusal is not Refusal.NONE for mode in self.modes)

    @property
    def is_outcome_other(self) -> bool:
        """Whether some mode ends otherwise when low and high of a bar change places."""
        return any(self[other.name].ending != other.ending for other in self.other_order)

    @property
    def longer_ms(self) -> int | None:
        """How much longer cross lived than isolated; negative when isolated did."""
        isolated, cross = self["isolated"].lived_ms, self["cross"].lived_ms
        return None if isolated is None or cross is None else cross - isolated

    @property
    def saved_e8(self) -> int:
        """What cross kept beyond isolated: its wallet after − isolated's. Negative: what it cost."""
        return self["cross"].wallet_after_e8 - self["isolated"].wallet_after_e8

    @cached_property
    def sentence(self) -> str:
        """The answer with its deciding numbers."""
        from .compare_text import sentence

        return sentence(self)

    def columns(self) -> Columns:
        """The account's line in each mode."""
        rows = [(mode.name, look) for mode in self.modes for look in mode.looks]
        return {
            "time_ms": [look.time_ms for _, look in rows],
            "mode": [name for name, _ in rows],
            "equity_e8": [look.equity_e8 for _, look in rows],
            "margin_ratio": [look.margin_ratio for _, look in rows],
            "liquidation_price_e8": [look.liquidation_e8 for _, look in rows],
            "wallet_e8": [look.wallet_e8 for _, look in rows],
            "mark_e8": [look.mark_e8 for _, look in rows],
        }

    def shown(self) -> Shown:
        """The table of modes, the sentence, the notes."""
        from .compare_text import shown

        return shown(self)

    def plot(self) -> Figure:
        """Price with each mode's liquidation line, equity, margin ratio."""
        from .picture import picture

        return picture([self])

    def to_dict(self) -> dict[str, Any]:
        """Exact decimal text throughout; times in milliseconds; null where there is no number."""
        return {
            "schema": SCHEMA,
            "rulebook": {
                "name": self.rulebook.name,
                "as_of": self.rulebook.as_of,
                "content_hash": self.rulebook.content_hash,
            },
            "history": {
                "name": self.history_name,
                "start_ms": self.start_ms,
                "end_ms": self.end_ms,
                "mark": self.mark_source,
                "order": self.order,
            },
            "wallet": format_e8(self.plan.wallet_e8),
            "fund": format_e8(self.plan.fund_e8),
            "asset": self.plan.asset,
            "entry_ms": self.entry_ms,
            "trade": _leg_to_dict(self.trade, self.rulebook),
            "second": None if self.second is None else _leg_to_dict(self.second, self.rulebook),
            "modes": {mode.name: self._mode_to_dict(mode) for mode in self.modes},
            "cross_lived_longer_ms": self.longer_ms,
            "cross_saved": format_e8(self.saved_e8),
            "other_order": {
                other.name: {
                    "ending": other.ending,
                    "ended_ms": other.ended_ms,
                    "wallet_after": format_e8(other.wallet_after_e8),
                }
                for other in self.other_order
            },
            "is_outcome_other": self.is_outcome_other,
            "sentence": self.sentence,
            "notes": list(self.notes),
            "decisions": list(self.decisions),
        }

    def _mode_to_dict(self, mode: ModeResult) -> dict[str, Any]:
        step_e8 = self.rules.step_e8
        near = mode.nearest
        return {
            "ending": mode.ending,
            "refusal": None if mode.refusal is Refusal.NONE else mode.refusal.name.lower(),
            "refused_symbol": mode.refused_symbol or None,
            "entry_price": exact(mode.entry_e8),
            "entry_mark": exact(mode.entry_mark_e8),
            "quantity": exact(mode.lots * step_e8),
            "moved_in": exact(mode.moved_in_e8),
            "backed_by": exact(mode.backing_e8),
            "effective_leverage": exact(mode.effective_leverage_e8),
            "max_open": exact(mode.max_open_e8),
            "liquidation_price": exact(mode.liquidation_e8),
            "liquidation_distance": exact(mode.distance_e8),
            "most_lost": exact(mode.most_lost_e8),
            "liquidations": [
                {
                    "time_ms": one.time_ms,
                    "mark": format_e8(one.mark_e8),
                    "is_pool": one.is_pool,
                    "quantity_before": format_e8(one.lots_before * step_e8),
                    "quantity_after": format_e8(one.lots_after * step_e8),
                    "balance": format_e8(one.balance_e8),
                    "maintenance": format_e8(one.maintenance_e8),
                    "ended": one.step.name.lower(),
                    "book_quantity": format_e8(one.book_lots * step_e8),
                    "book_value": format_e8(one.book_value_e8),
                    "fund_quantity": format_e8(one.fund_lots * step_e8),
                    "other_quantity": format_e8(one.other_lots * step_e8),
                    "fee": format_e8(one.fee_e8),
                }
                for one in mode.liquidations
            ],
            "ended_ms": mode.ended_ms,
            "ended_mark": exact(mode.ended_mark_e8),
            "exit_price": exact(mode.exit_e8),
            "lived_ms": mode.lived_ms,
            "drawn_beyond_margin": exact(mode.drawn_e8),
            "lowest_equity": exact(mode.lowest_equity_e8),
            "nearest": None
            if near is None
            else {
                "time_ms": near.time_ms,
                "mark": format_e8(near.mark_e8),
                "liquidation_price": exact(near.liquidation_e8),
                "distance": exact(near.distance_e8),
                "margin_ratio": exact(near.ratio_e8),
            },
            "fees": format_e8(mode.fees_e8),
            "liquidation_fee": format_e8(mode.liquidation_fee_e8),
            "funding": format_e8(mode.funding_e8),
            "wallet_after": format_e8(mode.wallet_after_e8),
            "open_after": {symbol: lots for symbol, lots in mode.open_lots_after.items()},
        }


def distance_e8(price_e8: int | None, mark_e8: int) -> int | None:
    """(price − mark) ÷ mark × 10^8, cut towards zero."""
    if price_e8 is None or mark_e8 <= 0:
        return None
    size = abs(price_e8 - mark_e8) * ONE_E8 // mark_e8
    return size if price_e8 >= mark_e8 else -size


def mode_result(name: str, plan: Plan, modes: dict[str, MarginMode], life: Life, end_ms: int) -> ModeResult:
    """Read a world: what its events and views say about the trade."""
    trade = plan.legs[0]
    rules = plan.rulebook.symbols[trade.symbol]
    events = life.events
    mine = events[events["account"] == TRADER]
    row = plan.symbols.index(trade.symbol)
    assert life.wallet_after is not None
    wallet_after_e8 = life.wallet_after.equity_e8
    before_e8 = life.wallet_before.cross_wallet_e8
    fills = mine[mine["kind"] == EventKind.FILLED]
    opened = life.after_entry
    is_isolated = modes[trade.symbol] is MarginMode.ISOLATED
    story = _Story(plan, row, mine, life)
    entry_fills = fills[(fills["symbol"] == row) & (fills["side"] == trade.side)]
    exit_fills = fills[(fills["symbol"] == row) & (fills["side"] == trade.closing_side)]
    entry_fee_e8 = int(entry_fills["fee_e8"].sum())
    moved_in_e8 = int(
        mine["amount_e8"][
            (mine["kind"] == EventKind.MARGIN_MOVED) & (mine["symbol"] == row) & (mine["code"] == Reason.ISOLATED_FILL)
        ].sum()
    )
    backing_e8 = leverage_e8 = drawn_e8 = most_lost_e8 = None
    close_fee_e8 = 0
    equities = [look.equity_e8 for look in life.looks] or [life.wallet_before.equity_e8]
    lowest_e8 = min(*equities, wallet_after_e8)
    if opened is not None:
        notional_e8 = int(formulas.notional_e8(rules.contract_kind, opened.lots, rules.step_e8, opened.mark_e8))
        assert life.wallet_entered is not None
        backing_e8 = opened.isolated_wallet_e8 if is_isolated else life.wallet_entered.cross_wallet_e8
        balance_e8 = opened.margin_balance_e8
        leverage_e8 = notional_e8 * ONE_E8 // balance_e8 if balance_e8 > 0 else None
        initial_e8 = _initial_margin_e8(plan, opened)
        if life.second_after_entry is not None:
            initial_e8 += _initial_margin_e8(plan, life.second_after_entry)
        drawn_e8 = max(0, before_e8 - lowest_e8 - initial_e8)
        if is_isolated:
            if opened.bankruptcy_mark_e8 is not None:
                at_e8 = formulas.notional_e8(rules.contract_kind, opened.lots, rules.step_e8, opened.bankruptcy_mark_e8)
                close_fee_e8 = int(formulas.rate_up_e8(int(at_e8), rules.taker_fee_rate_e8))
            most_lost_e8 = moved_in_e8 + entry_fee_e8 + close_fee_e8
        else:
            most_lost_e8 = life.wallet_before.margin_balance_e8
    return ModeResult(
        name=name,
        modes=modes,
        ending="refused" if life.refusal is not Refusal.NONE else story.ending,
        refusal=life.refusal,
        refused_symbol=life.refused_symbol,
        entry_e8=_average_e8(entry_fills, rules),
        entry_mark_e8=life.entry_mark_e8,
        lots=abs(opened.lots) if opened is not None else 0,
        unfilled_lots=life.unfilled_lots,
        moved_in_e8=moved_in_e8,
        entry_fee_e8=entry_fee_e8,
        close_fee_most_e8=close_fee_e8,
        backing_e8=backing_e8,
        effective_leverage_e8=leverage_e8,
        max_open_lots=life.max_open_lots,
        max_open_e8=life.max_open_lots * rules.step_e8,
        liquidation_e8=opened.liquidation_mark_e8 if opened is not None else None,
        distance_e8=distance_e8(opened.liquidation_mark_e8, opened.mark_e8) if opened is not None else None,
        most_lost_e8=most_lost_e8,
        liquidations=tuple(story.liquidations),
        ended_ms=story.ended_ms,
        ended_mark_e8=story.ended_mark_e8,
        exit_e8=_average_e8(exit_fills, rules),
        lived_ms=None if opened is None else (story.ended_ms or end_ms) - life.entry_time_ms,
        lowest_equity_e8=lowest_e8,
        drawn_e8=drawn_e8,
        nearest=_nearest(life.looks),
        fees_e8=int(fills["fee_e8"].sum()),
        liquidation_fee_e8=int(mine["fee_e8"][mine["kind"] == EventKind.LIQUIDATION_FEE].sum()),
        funding_e8=int(mine["amount_e8"][mine["kind"] == EventKind.FUNDING].sum()),
        wallet_before_e8=before_e8,
        wallet_after_e8=wallet_after_e8,
        open_lots_after=life.open_lots_after,
        is_second_liquidated=story.is_second_liquidated,
        looks=tuple(life.looks),
        events=events,
        told=life.told,
        genesis=Genesis(plan.rulebook, plan.symbols),
        conservation_gap_e8=life.conservation_gap_e8,
    )


class _Story:
    """The trade's liquidations and its end, read from the account's events in order."""

    def __init__(self, plan: Plan, row: int, mine: np.ndarray, life: Life) -> None:
        trade = plan.legs[0]
        self.liquidations: list[Liquidation] = []
        self.ending: Ending = "open"
        self.ended_ms: int | None = None
        self.ended_mark_e8: int | None = None
        self.is_second_liquidated = False
        self._marks = {look.time_ms: look.mark_e8 for look in life.looks}
        lots, exit_name, started = 0, "", -1
        for index, event in enumerate(mine):
            kind = int(event["kind"])
            if kind == EventKind.TRIGGERED:
                is_stop = event["symbol"] == row and int(event["price_ticks"]) == trade.stop_ticks
                exit_name = "stop" if is_stop else "take_profit"
            elif kind == EventKind.LIQUIDATION_STARTED:
                started, lots_before = index, lots
            elif kind == EventKind.POSITION and event["symbol"] == row:
                was, lots = lots, int(event["lots"])
                if was and not lots:
                    self.ended_ms = int(event["time_ms"])
                    self.ended_mark_e8 = self._marks.get(self.ended_ms)
                    is_leaving = trade.symbol in life.closed_at_end
                    self.ending = (
                        "liquidated"
                        if started >= 0
                        else "end_of_history"
                        if is_leaving
                        else "stop"
                        if exit_name == "stop"
                        else "take_profit"
                    )
            elif kind == EventKind.LIQUIDATION_ENDED:
                inside = mine[started : index + 1]
                if lots_before != lots:
                    self.liquidations.append(self._liquidation(inside, row, lots_before, lots))
                self.is_second_liquidated |= bool(
                    ((inside["kind"] == EventKind.POSITION) & (inside["symbol"] != row)).any()
                )
                started = -1

    def _liquidation(self, inside: np.ndarray, row: int, before: int, after: int) -> Liquidation:
        started, ended = inside[0], inside[-1]
        own = inside[inside["symbol"] == row]
        fills = own[own["kind"] == EventKind.FILLED]
        taken = own[own["kind"] == EventKind.TAKEOVER]
        by_fund = int(np.abs(taken["lots"][taken["counterparty"] == FUND]).sum())
        by_house = int(np.abs(taken["lots"][taken["counterparty"] == _HOUSE]).sum())
        by_users = int(np.abs(own["lots"][own["kind"] == EventKind.ADL]).sum())
        time_ms = int(started["time_ms"])
        return Liquidation(
            time_ms=time_ms,
            mark_e8=int(started["mark_e8"]) or self._marks[time_ms],
            is_pool=int(started["symbol"]) < 0,
            lots_before=before,
            lots_after=after,
            balance_e8=int(started["balance_e8"]),
            maintenance_e8=int(started["maintenance_e8"]),
            step=LiquidationStep(int(ended["code"])),
            book_lots=int(fills["lots"].sum()),
            book_value_e8=int(fills["value_e8"].sum()),
            fund_lots=by_fund,
            other_lots=by_users + by_house,
            fee_e8=int(inside["fee_e8"][inside["kind"] == EventKind.LIQUIDATION_FEE].sum()),
        )


def _nearest(looks: Sequence[Look]) -> Nearest | None:
    """Of the looks at the open trade the nearest one to liquidation."""
    there = [look for look in looks if look.balance_e8 is not None]
    if not there:
        return None
    with_price = [look for look in there if look.liquidation_e8 is not None]
    if with_price:
        worst = min(with_price, key=lambda look: abs(distance_e8(look.liquidation_e8, look.mark_e8) or 0))
    else:
        worst = min(there, key=lambda look: look.balance_e8 or 0)
    ratio_e8 = None
    if worst.balance_e8 is not None and worst.maintenance_e8 is not None and worst.balance_e8 > 0:
        ratio_e8 = worst.maintenance_e8 * ONE_E8 // worst.balance_e8
    return Nearest(
        worst.time_ms,
        worst.mark_e8,
        worst.liquidation_e8,
        distance_e8(worst.liquidation_e8, worst.mark_e8),
        ratio_e8,
    )


def _initial_margin_e8(plan: Plan, position: PositionView) -> int:
    """At mark and leverage, of a position that was just opened."""
    rules = plan.rulebook.symbols[position.symbol]
    notional_e8 = int(formulas.notional_e8(rules.contract_kind, position.lots, rules.step_e8, position.mark_e8))
    return int(formulas.initial_margin_e8(notional_e8, position.leverage))


def _average_e8(fills: np.ndarray, rules: SymbolRules) -> int | None:
    """Value ÷ quantity of fills."""
    lots = int(fills["lots"].sum())
    return int(rules.average_price_e8(int(fills["value_e8"].sum()), lots)) if lots else None


def _leg_to_dict(leg: Leg, rulebook: Rulebook) -> dict[str, Any]:
    rules = rulebook.symbols[leg.symbol]
    return {
        "symbol": leg.symbol,
        "side": "long" if leg.is_long else "short",
        "margin": format_e8(leg.margin_e8),
        "leverage": leg.leverage,
        "quantity": format_e8(leg.lots * rules.step_e8),
        "stop": None if leg.stop_ticks is None else format_e8(leg.stop_ticks * rules.tick_e8),
        "take_profit": None if leg.take_profit_ticks is None else format_e8(leg.take_profit_ticks * rules.tick_e8),
    }
