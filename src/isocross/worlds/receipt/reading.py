"""Reading: the events of one liquidation, from LIQUIDATION_STARTED to LIQUIDATION_ENDED, into receipts.

Responsible for: what was done, by whom, and what it moved: one Receipt, and one AdlReceipt per counterparty that gave.
Must not: look at what came before (story.py), read a state, hold a formula.

The liquidated account's line is the difference of what the events say it had; everybody else's follows from the values that
were exchanged: wallets change by realized PnL − fee, entry cost by signed value + realized PnL. So each line is told by
other events than the line across from it, and that all nets sum to zero says something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...codes import EventKind, LiquidationStep, MarginMode, PositionSide, Reason, Side
from ...event import Event
from ...journal.history import Genesis
from ..legs import leg_name, leg_of
from .record import (
    FEES,
    FUND,
    AdlReceipt,
    BookFill,
    BookOrder,
    HandedOver,
    Judged,
    PartyLine,
    PassedOver,
    Place,
    Receipt,
    Story,
    Withdrawn,
)

if TYPE_CHECKING:
    from .rescue import Rescues

_LEGS = PositionSide.SHORT, PositionSide.LONG


@dataclass(slots=True)
class _Line:
    """What a party that is not liquidated has more now."""

    wallets_e8: int = 0
    cross_e8: int = 0
    entry_cost_e8: int = 0
    lots: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def party(self, account: int) -> PartyLine:
        return PartyLine(account, self.cross_e8, self.wallets_e8 - self.cross_e8, self.entry_cost_e8, dict(self.lots))


@dataclass(slots=True)
class _Held:
    """What the liquidated account holds in a symbol."""

    lots: int
    entry_cost_e8: int
    isolated_wallet_e8: int


@dataclass(slots=True)
class _Given:
    """One exchange with a deleveraged counterparty, as far as it is told."""

    part: HandedOver
    rank: int
    passed_over: tuple[PassedOver, ...]
    lots_after: int | None = None
    cross_e8: int = 0  # of the counterparty
    liquidated: PartyLine | None = None


class Window:
    """Reads the events of one liquidation."""

    def __init__(self, events: Sequence[Event], genesis: Genesis) -> None:
        self._symbols, self._assets, self._rulebook = (
            genesis.symbols,
            genesis.rulebook.margin_assets,
            genesis.rulebook,
        )
        self.started, self.ended = events[0], events[-1]
        assert self.started.kind == EventKind.LIQUIDATION_STARTED
        assert self.ended.kind == EventKind.LIQUIDATION_ENDED
        self.account = self.started.account
        self.judged: list[Judged] = []
        self._before: dict[tuple[int, int], _Held] = {}  # by symbol and side
        self._held: dict[tuple[int, int], _Held] = {}
        self._own_leg = _Line()  # the other, isolated leg of the liquidated account, where it closed against this one
        self._is_own_leg_giving = False  # the deleveraging told last was of the account itself
        self._cross_e8 = 0  # change of the liquidated account's cross wallet
        self._lines: defaultdict[int, _Line] = defaultdict(_Line)
        self._cancelled: list[Withdrawn] = []
        self._orders: list[tuple[Event, list[BookFill]]] = []
        self._handed: list[HandedOver] = []
        self._passed: list[PassedOver] = []
        self._given: list[_Given] = []
        self._fee_e8 = self._moved_back_e8 = 0
        self._rest_to_fund = False
        readers: dict[int, Callable[[Event], None]] = {
            EventKind.LIQUIDATION_POSITION: self._position_judged,
            EventKind.CANCELLED: self._order_cancelled,
            EventKind.LIQUIDATION_ORDER: lambda event: self._orders.append((event, [])),
            EventKind.FILLED: self._filled,
            EventKind.TAKEOVER: self._taken_over,
            EventKind.ADL: self._deleveraged,
            EventKind.ADL_SKIPPED: self._skipped,
            EventKind.POSITION: self._position,
            EventKind.WALLET: self._wallet,
            EventKind.MARGIN_MOVED: self._margin_moved,
            EventKind.LIQUIDATION_FEE: self._fee,
        }
        for event in events:
            if event.kind in readers:
                readers[event.kind](event)

    # ---- one event

    def _position_judged(self, event: Event) -> None:
        self.judged.append(
            Judged(
                symbol=self._leg(event),
                margin_mode=MarginMode(event.margin_mode),
                leverage=event.leverage,
                lots=event.lots,
                entry_cost_e8=event.value_e8,
                mark_e8=event.mark_e8,
                index_e8=event.index_e8,
                unrealized_pnl_e8=event.amount_e8,
                maintenance_e8=event.maintenance_e8,
                bracket=event.code,
                bracket_rate_e8=event.rate_e8,
                isolated_wallet_e8=event.balance_e8,
            )
        )
        key = event.symbol, event.position_side
        self._before[key] = _Held(event.lots, event.value_e8, event.balance_e8)
        self._held[key] = _Held(event.lots, event.value_e8, event.balance_e8)

    def _leg(self, event: Event) -> str:
        """What the position of an event is called: in hedge mode with its side."""
        return leg_name(self._symbols[event.symbol], event.position_side)

    def _order_cancelled(self, event: Event) -> None:
        self._cancelled.append(
            Withdrawn(
                event.account,
                event.order_id,
                self._leg(event),
                Side(event.side),
                event.price_ticks,
                event.lots,
                Reason(event.code),
            )
        )

    def _filled(self, event: Event) -> None:
        self._lines[FEES].cross_e8 += event.fee_e8
        self._lines[FEES].wallets_e8 += event.fee_e8
        fills = self._orders[-1][1]
        if event.account == self.account:
            fills.append(
                BookFill(
                    event.price_ticks,
                    event.lots,
                    event.value_e8,
                    event.counterparty,
                    event.amount_e8,
                    event.fee_e8,
                    maker_fee_e8=0,
                )
            )
            return
        fills[-1] = fills[-1]._replace(maker_fee_e8=event.fee_e8)
        line, sign = self._lines[event.account], 1 if event.side == Side.BUY else -1
        line.wallets_e8 += event.amount_e8 - event.fee_e8
        owed = -1 if self._rulebook.symbols[self._symbols[event.symbol]].is_inverse else 1  # formulas.md F2
        line.entry_cost_e8 += sign * owed * event.value_e8 + event.amount_e8
        line.lots[self._symbols[event.symbol]] += sign * event.lots

    def _taken_over(self, event: Event) -> None:
        self._hand_over(event, is_adl=False)

    def _deleveraged(self, event: Event) -> None:
        self._is_own_leg_giving = event.counterparty == self.account
        if self._is_own_leg_giving:
            self._handed.append(self._part_of(event, is_adl=True))
            if (event.symbol, event.position_side) not in self._held:
                self._own_leg.wallets_e8 += event.amount_e8
                self._own_leg.entry_cost_e8 += event.value_e8 + event.amount_e8
                self._own_leg.lots[self._symbols[event.symbol]] += event.lots
            return
        self._lines[event.counterparty].wallets_e8 += event.amount_e8
        part = self._hand_over(event, is_adl=True)
        passed = tuple(one for one in self._passed if one.symbol == part.symbol)
        gave = {given.part.taker for given in self._given if given.part.symbol == part.symbol} - {part.taker}
        self._given.append(_Given(part, len(gave) + len(passed) + 1, passed))

    def _judged_leg(self, symbol: int, is_long: bool) -> str:
        """The judged position in a symbol; of a hedge the leg of that direction."""
        names = [one.symbol for one in self.judged if leg_of(one.symbol)[0] == self._symbols[symbol]]
        return names[0] if len(names) == 1 else leg_name(self._symbols[symbol], _LEGS[is_long])

    def _part_of(self, event: Event, is_adl: bool) -> HandedOver:
        """What a TAKEOVER or ADL says."""
        return HandedOver(
            symbol=self._judged_leg(event.symbol, is_long=event.lots > 0),
            taker=event.counterparty,
            is_adl=is_adl,
            lots=event.lots,
            value_e8=event.value_e8,
            realized_e8=event.amount_e8,
            balance_e8=event.balance_e8,
            margin_mode=MarginMode(event.margin_mode),
            score_e8=event.rate_e8,
        )

    def _hand_over(self, event: Event, is_adl: bool) -> HandedOver:
        part = self._part_of(event, is_adl)
        self._handed.append(part)
        line = self._lines[event.counterparty]
        line.entry_cost_e8 += event.value_e8 + event.amount_e8
        line.lots[self._symbols[event.symbol]] += event.lots
        return part

    def _skipped(self, event: Event) -> None:
        self._passed.append(
            PassedOver(
                self._judged_leg(event.symbol, is_long=event.lots < 0),
                event.counterparty,
                MarginMode(event.margin_mode),
                event.lots,
                event.value_e8,
                event.amount_e8,
                event.balance_e8,
                event.rate_e8,
            )
        )

    def _position(self, event: Event) -> None:
        given = self._given[-1] if self._given else None
        if event.account != self.account:
            if given is not None and given.lots_after is None and event.account == given.part.taker:
                given.lots_after = event.lots
            return
        now = _Held(event.lots, event.value_e8, event.balance_e8)
        key = event.symbol, event.position_side
        if key not in self._held:
            return  # its other, isolated leg: what that gave is told by value
        then = self._held[key]
        self._held[key] = now
        if given is not None and given.liquidated is None:
            given.liquidated = PartyLine(
                self.account,
                0,
                now.isolated_wallet_e8 - then.isolated_wallet_e8,
                now.entry_cost_e8 - then.entry_cost_e8,
                {leg_of(given.part.symbol)[0]: now.lots - then.lots},
            )

    def _wallet(self, event: Event) -> None:
        given = self._given[-1] if self._given else None
        if event.account == self.account:
            self._cross_e8 += event.amount_e8
            if event.code == Reason.ADL and self.started.symbol >= 0:
                self._own_leg.cross_e8 += event.amount_e8
            is_of_given = event.code == Reason.ADL and not self._is_own_leg_giving
            if is_of_given and given is not None and given.liquidated is not None:
                given.liquidated = given.liquidated._replace(cross_e8=event.amount_e8)
            return
        line = self._lines[event.account]
        line.cross_e8 += event.amount_e8
        if event.code not in (Reason.TRADE, Reason.ADL):  # those change an isolated wallet too: told by value
            line.wallets_e8 += event.amount_e8
        if event.code == Reason.ADL and given is not None:
            given.cross_e8 += event.amount_e8
        self._rest_to_fund |= event.code == Reason.REST_AFTER_LIQUIDATION and event.account == FUND

    def _margin_moved(self, event: Event) -> None:
        if event.code == Reason.REST_AFTER_LIQUIDATION:
            self._moved_back_e8 -= event.amount_e8

    def _fee(self, event: Event) -> None:
        self._fee_e8 += event.fee_e8

    # ---- what it comes to

    def receipts(
        self, number: int, story: Story, names: Mapping[int, str], find: Callable[[Receipt], Rescues]
    ) -> list[Receipt | AdlReceipt]:
        """The liquidation's receipt, numbered `number`, and those of the counterparties that gave, numbered on."""
        place = Place(self.started.sequence, self.started.time_ms)
        asset = self._assets[self.started.asset]
        receipt = Receipt(
            number=number,
            place=place,
            account=self.account,
            asset=asset,
            rulebook=self._rulebook,
            names=names,
            margin_mode=MarginMode(self.started.margin_mode),
            balance_e8=self.started.balance_e8,
            maintenance_e8=self.started.maintenance_e8,
            positions=tuple(self.judged),
            story=story,
            cancelled=tuple(self._cancelled),
            orders=tuple(
                BookOrder(self._leg(order), Side(order.side), order.price_ticks, order.lots, tuple(fills))
                for order, fills in self._orders
            ),
            handed_over=tuple(self._handed),
            passed_over=tuple(self._passed),
            fee_e8=self._fee_e8,
            moved_back_e8=self._moved_back_e8,
            rest_to_fund=self._rest_to_fund,
            step=LiquidationStep(self.ended.code),
            balance_after_e8=self.ended.balance_e8,
            maintenance_after_e8=self.ended.maintenance_e8,
            parties=self._parties(),
            find_rescues=find,
        )
        assert receipt.gap_e8 == 0, f"receipt {number} does not sum to zero: {receipt.gap_e8}"
        told: list[Receipt | AdlReceipt] = [receipt]
        for counterparty, symbol in dict.fromkeys((given.part.taker, given.part.symbol) for given in self._given):
            told.append(self._adl_receipt(number + len(told), receipt, counterparty, symbol))
        return told

    def _parties(self) -> tuple[PartyLine, ...]:
        """The liquidated account, the makers in the order of their fills, who took over, fees last."""
        held = [(self._symbols[row[0]], self._before[row], self._held[row]) for row in self._held]
        lots = defaultdict(int, self._own_leg.lots)
        for symbol, then, now in held:
            if now.lots != then.lots:
                lots[symbol] += now.lots - then.lots
        leg = self._own_leg
        mine = PartyLine(
            self.account,
            self._cross_e8,
            sum(now.isolated_wallet_e8 - then.isolated_wallet_e8 for _, then, now in held) + leg.wallets_e8 - leg.cross_e8,
            sum(now.entry_cost_e8 - then.entry_cost_e8 for _, then, now in held) + leg.entry_cost_e8,
            dict(lots),
        )
        others = [line.party(account) for account, line in self._lines.items() if account != FEES]
        fees = [line.party(FEES) for account, line in self._lines.items() if account == FEES and line.cross_e8]
        return (mine, *(line for line in others if any(line[1:4]) or any(line.lots.values())), *fees)

    def _adl_receipt(self, number: int, receipt: Receipt, counterparty: int, symbol: str) -> AdlReceipt:
        mine = [given for given in self._given if (given.part.taker, given.part.symbol) == (counterparty, symbol)]
        lots_after = mine[0].lots_after
        assert lots_after is not None
        sold = PartyLine(receipt.account, 0, 0, 0, {})
        bought = PartyLine(counterparty, 0, 0, 0, {})
        for given in mine:
            part, theirs = given.part, given.liquidated
            assert theirs is not None
            sold = _added(sold, theirs)
            bought = _added(
                bought,
                PartyLine(
                    counterparty,
                    given.cross_e8,
                    part.realized_e8 - given.cross_e8,
                    part.value_e8 + part.realized_e8,
                    {leg_of(symbol)[0]: part.lots},
                ),
            )
        told = AdlReceipt(
            number=number,
            place=receipt.place,
            account=counterparty,
            asset=receipt.asset,
            rulebook=receipt.rulebook,
            names=receipt.names,
            liquidation=receipt.number,
            liquidated=receipt.account,
            margin_mode=mine[0].part.margin_mode,
            rank=mine[0].rank,
            parts=tuple(given.part for given in mine),
            lots_before=lots_after - mine[0].part.lots,
            mark_e8=next(one.mark_e8 for one in receipt.positions if one.symbol == symbol),
            passed_over=mine[0].passed_over,
            cancelled=tuple(
                one
                for one in receipt.cancelled
                if (one.account, leg_of(one.symbol)[0], one.reason) == (counterparty, leg_of(symbol)[0], Reason.ADL)
            ),
            parties=(sold, bought),
        )
        assert told.gap_e8 == 0, f"receipt {number} does not sum to zero: {told.gap_e8}"
        return told


def _added(one: PartyLine, two: PartyLine) -> PartyLine:
    lots = {symbol: one.lots.get(symbol, 0) + two.lots.get(symbol, 0) for symbol in {**one.lots, **two.lots}}
    return PartyLine(
        one.account,
        one.cross_e8 + two.cross_e8,
        one.isolated_e8 + two.isolated_e8,
        one.entry_cost_e8 + two.entry_cost_e8,
        lots,
    )
