"""Rescue: what would have saved an account from a liquidation, found by search over branches and shown by replay.

Responsible for: the least margin, the highest leverage, the loosest stop, the other mode; that each was replayed, and that one
step less was too. Must not: compute a margin: whether an account lives is what a branch of its history says.

An account lives when, from the change up to and with the command that liquidated it, what was judged is not liquidated.
The search for margin asks previews of that one command; every answer is then lived as a branch, and so is the answer less
one unit, one tick or one step of leverage more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from ...answer import Answer, Columns, Shown, Table, exact
from ...codes import CommandKind, EventKind, MarginMode
from ...errors import InputError, RewriteError
from ...exchange import Exchange
from ...journal.history import Genesis, History
from ...units import format_e8, format_time
from ..branching import branch
from ..legs import leg_name, leg_of
from ..moment import Moment, after, before
from ..outline import PLACE_MAX, Outline, walk
from ..plan import Draft
from ..rewrite import Rewrite, add_margin, flip_mode, insert, place_stop, set_leverage
from ..shadow import Upkeep
from ..told import Liquidation
from .record import Judged, Place, Receipt
from .sections import Section, exact_text, signed_text

SCHEMA = "isocross.rescues/1"
_MOST_E8 = 2**56  # more than any position needs: whether margin could have helped at all
_LENT_E8 = 2**57  # lent in a preview, where the question is what is needed and not who can pay it
_POSITIONS_MAX = 4  # of a pool, for which a stop and the other mode are tried


class RescueKind(Enum):
    """What is changed."""

    MARGIN = "margin"
    LEVERAGE = "leverage"
    STOP = "stop"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Rescue:
    """One change, and what it would have made of the account."""

    kind: RescueKind
    symbol: str  # empty: the pool
    saves: bool
    amount_e8: int | None = None  # margin; price of the stop
    deposit_e8: int = 0  # what the margin needs beyond what the account had
    leverage: int | None = None
    mode: MarginMode | None = None
    text: str = ""
    equity_e8: int | None = None  # right after the command that liquidated, there
    later: str = ""  # how it goes on up to the end of the record

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        return {
            "change": self.kind.value,
            "symbol": self.symbol or None,
            "saves": self.saves,
            "margin": exact(self.amount_e8) if self.kind == RescueKind.MARGIN else None,
            "deposit": format_e8(self.deposit_e8) if self.kind == RescueKind.MARGIN else None,
            "stop": exact(self.amount_e8) if self.kind == RescueKind.STOP else None,
            "leverage": self.leverage,
            "mode": None if self.mode is None else self.mode.name.lower(),
            "equity": exact(self.equity_e8),
            "text": self.text,
            "later": self.later,
        }


@dataclass(frozen=True, repr=False)
class Rescues(Answer):
    """What would have saved an account, and what would not."""

    receipt: int  # number
    asset: str
    equity_e8: int  # right after the liquidation, as it was
    found: tuple[Rescue, ...]

    @property
    def is_negative(self) -> bool:
        """Whether nothing would have."""
        return not any(one.saves for one in self.found)

    def of(self, kind: RescueKind | str) -> tuple[Rescue, ...]:
        """Those of one kind."""
        return tuple(one for one in self.found if one.kind == RescueKind(kind))

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        return {
            "schema": SCHEMA,
            "receipt": self.receipt,
            "asset": self.asset,
            "equity": format_e8(self.equity_e8),
            "changes": [one.to_dict() for one in self.found],
        }

    def columns(self) -> Columns:
        """A row per change."""
        return {
            "change": [one.kind.value for one in self.found],
            "symbol": [one.symbol for one in self.found],
            "saves": [one.saves for one in self.found],
            "equity_e8": [one.equity_e8 for one in self.found],
            "text": [one.text for one in self.found],
        }

    def section(self) -> Section:
        """For a receipt."""
        told = [one for one in self.found if one.equity_e8 is not None]
        rows = [
            (
                f"{_name(one)}{' ' + one.symbol if one.symbol else ''}",
                "lives" if one.saves else "does not",
                exact_text(one.equity_e8 or 0),
                signed_text((one.equity_e8 or 0) - one.deposit_e8 - self.equity_e8),
            )
            for one in told
        ]
        rows.insert(0, ("As it was", "", exact_text(self.equity_e8), ""))
        lines = [f"{one.text}{' ' + one.later if one.later else ''}" for one in self.found]
        head = ("Right after it", "The account", f"Equity, {self.asset}", "Better by")
        if any(one.deposit_e8 for one in told):
            lines.append("What was paid in for it is not counted as better.")
        return Section("What would have saved you", lines, (Table(head, rows),))

    def shown(self) -> Shown:
        """The changes and what they would have made of it."""
        section = self.section()
        return Shown(section.heading, section.tables, "", section.lines)


def _name(one: Rescue) -> str:
    if one.kind == RescueKind.MARGIN:
        return "more margin"
    if one.kind == RescueKind.LEVERAGE:
        return "leverage" if one.leverage is None else f"{one.leverage}x"
    if one.kind == RescueKind.STOP:
        return "a stop"
    return "the other mode" if one.mode is None else one.mode.name.lower()


def rescues(
    history: History,
    receipt: Receipt,
    *,
    upkeep: Callable[[], Upkeep] | None = None,
    compiled: bool = True,
) -> Rescues:
    """What would have saved the account of a receipt.

    Takes    history: the one the receipt was made of. upkeep: what runs beside the accounts' commands, as in `branch`; made anew
             for every branch.
    Errors   InputError for a receipt that is not of this history.
    """
    search = _Search(history, receipt, upkeep, compiled)
    found = [search.margin()]
    found += [search.leverage(one) for one in search.positions[:1]]
    found += [search.stop(one) for one in search.positions]
    found += [search.mode(one) for one in search.positions]
    return Rescues(receipt.number, receipt.asset, search.equity_e8, tuple(found))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A branch: what is left of the account in it, and its liquidations from when the position was opened on."""

    exchange: Exchange
    equity_e8: int
    own: tuple[Liquidation, ...]


class _Search:
    """Asks branches of one history about one receipt."""

    def __init__(self, history: History, receipt: Receipt, upkeep: Callable[[], Upkeep] | None, compiled: bool) -> None:
        self.receipt, self.account = receipt, receipt.account
        self._upkeep, self._compiled = upkeep, compiled
        self._opened = receipt.story.opened
        used = {use.name: use.sum_e8 for use in receipt.story.uses}
        self.positions = sorted(receipt.positions, key=lambda one: used.get(one.symbol, 0))[:_POSITIONS_MAX]
        try:
            self._history = self._short(history)
            self._outline = Outline(self._history)
            self._number = self._outline.command(receipt.place.sequence)
        except RewriteError as error:
            raise InputError(f"receipt {receipt.number} is not of this history: {error}") from None
        try:
            since = receipt.story.since
            self._first = 0 if since is None else self._outline.command(since.sequence)
        except RewriteError:
            self._first = 0  # the story began before the short history does: all of it counts
        base = self._live()
        if not any(one.sequence == receipt.place.sequence for one in base.own):
            raise InputError(f"receipt {receipt.number} is not of this history: nothing is liquidated there")
        self.equity_e8 = base.equity_e8

    # ---- the four changes

    def margin(self) -> Rescue:
        """The least money, put in right before."""
        receipt = self.receipt
        symbol = receipt.positions[0].symbol if receipt.is_isolated else ""
        there = self._live_to(before(receipt.place.sequence)).exchange
        if receipt.is_isolated and there.position(self.account, *leg_of(symbol)).lots == 0:
            text = f"More margin: the command that liquidated {symbol} had opened it, so there was no moment to add any."
            return Rescue(RescueKind.MARGIN, symbol, False, text=text)
        if self._dies_with(there, _MOST_E8):
            return Rescue(RescueKind.MARGIN, symbol, False, text="More margin: none would have helped, however much.")
        amount_e8 = _least(lambda amount: not self._dies_with(there, amount), 1)
        deposit_e8 = amount_e8
        if receipt.is_isolated:
            deposit_e8 = _least(lambda deposit: self._can_add(there, amount_e8, deposit), 0)
        changes = self._more(amount_e8, deposit_e8)
        trial = self._live(*changes)
        saves = self._lives(trial, self._number) and not self._lives(
            self._live(*self._more(amount_e8 - 1, deposit_e8)), self._number
        )
        moment = f"right before {format_time(receipt.place.time_ms)}"
        how = f"{exact_text(amount_e8)} {receipt.asset}"
        if not receipt.is_isolated:
            how += f" paid in {moment}"
        else:
            source = (
                "from the cross wallet" if not deposit_e8 else f"for which {exact_text(deposit_e8)} had to be paid in"
            )
            how += f" more for {symbol} {moment}, {source}"
        end = "with it the account lives, with 0.00000001 less it does not" if saves else "it does not hold"
        text = f"More margin: {how}. Replayed: {end}."
        return self._told(Rescue(RescueKind.MARGIN, symbol, saves, amount_e8, deposit_e8, text=text), trial, changes)

    def leverage(self, position: Judged) -> Rescue:
        """The highest leverage below the one it had, set when it was flat."""
        symbol, trials = position.symbol, dict[int, _Trial | None]()

        def dies(leverage: int) -> bool:
            trials[leverage] = trial = self._try(self._leverage(symbol, leverage))
            return trial is not None and not self._lives(trial, self._first)

        alive, dead = 0, position.leverage
        while dead - alive > 1:
            middle = (alive + dead) // 2
            alive, dead = (alive, middle) if dies(middle) else (middle, dead)
        name, trial = f"Leverage: {position.leverage}x was set in {symbol}", trials.get(alive)
        if trial is None or self._lots(trial, symbol) != position.lots:
            why = f"at {dead}x it is liquidated all the same"
            if alive:
                why += f", at {alive}x its orders are refused"
            if not self.receipt.is_isolated:
                why += "; in cross, leverage does not change what backs a position"
            text = f"{name}, and none below it would have saved the account: {why}."
            return Rescue(RescueKind.LEVERAGE, symbol, False, text=text)
        text = f"{name}; at {alive}x the account lives with the same orders. Replayed: at {dead}x it does not."
        changes = [self._leverage(symbol, alive)]
        return self._told(Rescue(RescueKind.LEVERAGE, symbol, True, leverage=alive, text=text), trial, changes)

    def stop(self, position: Judged) -> Rescue:
        """The stop farthest from the mark that closes the position in time, placed when it was opened."""
        symbol, opened = position.symbol, self._opened.get(position.symbol)
        if opened is None:
            text = f"A stop of {symbol}: the position was open before this record begins."
            return Rescue(RescueKind.STOP, symbol, False, text=text)
        found = self._loosest_stop(position, opened)
        if found is None:
            text = f"A stop of {symbol}: none would have saved the account, however near."
            return Rescue(RescueKind.STOP, symbol, False, text=text)
        ticks, trial = found
        price_e8 = ticks * self.receipt.rules(symbol).tick_e8
        text = (
            f"A stop of {symbol} at mark {exact_text(price_e8)}, placed when the position was opened. Replayed: with it "
            f"the account lives, one tick further {'down' if position.lots > 0 else 'up'} it does not."
        )
        changes = [self._stop(symbol, ticks, opened)]
        return self._told(Rescue(RescueKind.STOP, symbol, True, price_e8, text=text), trial, changes)

    def mode(self, position: Judged) -> Rescue:
        """The other margin mode for the trade that was open."""
        symbol, opened = position.symbol, self._opened.get(position.symbol)
        to = MarginMode.CROSS if self.receipt.is_isolated else MarginMode.ISOLATED
        name = f"The other mode: {symbol} {to.name.lower()}"
        change = flip_mode(self.account, leg_of(symbol)[0], to=to, since=None if opened is None else after(opened.sequence))
        trial = self._try(change)
        if trial is None:
            text = f"{name} could not be had: the mode could not be set then."
            return Rescue(RescueKind.MODE, symbol, False, mode=to, text=text)
        pool = [one for one in trial.own if one.margin_mode == MarginMode.CROSS]
        alone = [one for one in trial.own if one.margin_mode == MarginMode.ISOLATED]
        saves = not pool and (not self.receipt.is_isolated or not alone)
        if not trial.own and self._lots(trial, symbol) != position.lots:
            saves, text = False, f"{name} could not be had: orders that it had are refused then."
        elif pool:
            text = f"{name} does not save the account: the pool is liquidated, {_when(pool[0])}."
        elif alone:
            text = f"{name}: {self._symbol(alone[0])} is liquidated alone, {_when(alone[0])}, and the pool lives."
        else:
            text = f"{name} lives."
        return self._told(Rescue(RescueKind.MODE, symbol, saves, mode=to, text=text), trial, [change])

    # ---- changes

    def _more(self, amount_e8: int, deposit_e8: int) -> list[Rewrite]:
        """Money in right before: paid in as far as it is not there, and moved into the position."""
        receipt, at = self.receipt, before(self.receipt.place.sequence)
        paid_e8 = deposit_e8 if receipt.is_isolated else amount_e8
        changes: list[Rewrite] = []
        if paid_e8:
            asset = receipt.rulebook.margin_assets.index(receipt.asset)
            changes.append(insert(CommandKind.DEPOSIT, at=at, account=self.account, asset=asset, amount_e8=paid_e8))
        if receipt.is_isolated and amount_e8:
            symbol, side = leg_of(receipt.positions[0].symbol)
            changes.append(add_margin(self.account, symbol, format_e8(amount_e8), at=at, position_side=side))
        return changes

    def _leverage(self, symbol: str, leverage: int) -> Rewrite:
        opened = self._opened.get(symbol)
        return set_leverage(self.account, leg_of(symbol)[0], leverage, since=None if opened is None else after(opened.sequence))

    def _stop(self, symbol: str, ticks: int, opened: Place) -> Rewrite:
        contract, side = leg_of(symbol)
        price = self._price(symbol, ticks)
        return place_stop(self.account, contract, price, at=after(opened.sequence), position_side=side)

    def _price(self, symbol: str, ticks: int) -> str:
        return format_e8(ticks * self.receipt.rules(symbol).tick_e8)

    def _loosest_stop(self, position: Judged, opened: Place) -> tuple[int, _Trial] | None:
        """(trigger in ticks, its branch) of the stop farthest from the mark with which the account lives.

        A stop that is reached only by the price that liquidates comes too late. So the farthest mark before it is the
        first guess; where that one does not close in time, for want of a book for one, the search goes nearer.
        """
        symbol, is_long = position.symbol, position.lots > 0
        rules = self.receipt.rules(symbol)
        mark_ticks = self._live_to(after(opened.sequence)).exchange.mark_e8(leg_of(symbol)[0]) // rules.tick_e8
        nearest, none = (mark_ticks - 1, 0) if is_long else (mark_ticks + 1, rules.price_max_e8 // rules.tick_e8 + 1)
        path = next(one for one in self.receipt.story.marks if one.symbol == symbol)
        marks = [nearest, *(mark // rules.tick_e8 for mark in path.mark_e8[1:-1])]
        further = -1 if is_long else 1

        def trial_of(ticks: int) -> _Trial | None:
            if ticks == none:
                return None
            trial = self._try(self._stop(symbol, ticks, opened))
            return trial if trial is not None and self._lives(trial, self._first) else None

        reached = min(marks) if is_long else max(marks)
        best = trial_of(reached)
        if best is not None and trial_of(reached + further) is None:
            return reached, best
        good, bad, best = nearest, none, trial_of(nearest)
        while best is not None and abs(good - bad) > 1:
            middle = (good + bad) // 2
            trial = trial_of(middle)
            good, bad, best = (good, middle, best) if trial is None else (middle, bad, trial)
        return None if best is None else (good, best)

    # ---- questions

    def _lives(self, trial: _Trial, since: int) -> bool:
        """Whether what was judged is not liquidated from a command on; what the branch put in counts."""
        return not any(
            self._is_it(one.account, one.asset, one.symbol, one.position_side) and self._is_since(one, since) for one in trial.own
        )

    def _is_since(self, one: Liquidation, number: int) -> bool:
        found = np.flatnonzero(self._outline.sequence == one.sequence)
        return not len(found) or int(found[-1]) >= number

    def _is_it(self, account: int, asset: int, symbol: int, side: int) -> bool:
        """Whether a liquidation, of a cross pool where the symbol is −1, is of what was judged."""
        receipt = self.receipt
        if account != self.account or receipt.rulebook.margin_assets[asset] != receipt.asset:
            return False
        return self._leg_name(symbol, side) == (receipt.positions[0].symbol if receipt.is_isolated else "")

    def _leg_name(self, symbol: int, side: int) -> str:
        return leg_name(self._history.genesis.symbols[symbol], side) if symbol >= 0 else ""

    def _symbol(self, one: Liquidation) -> str:
        return self._leg_name(one.symbol, one.position_side)

    def _lots(self, trial: _Trial, symbol: str) -> int:
        return trial.exchange.position(self.account, *leg_of(symbol)).lots

    def _dies_with(self, there: Exchange, amount_e8: int) -> bool:
        """Whether the command still liquidates with so much more margin, whoever pays it: a preview right before it."""
        receipt = self.receipt
        with there.previewing():
            self._pay(there, _LENT_E8 if receipt.is_isolated else amount_e8)
            if receipt.is_isolated:
                symbol, side = leg_of(receipt.positions[0].symbol)
                row = there.symbol_row(symbol)
                there.submit(
                    CommandKind.ADD_MARGIN, account=self.account, symbol=row, position_side=side, amount_e8=amount_e8
                ).raise_if_refused()
            told = [
                there.submit_batch(part.records).events for part in walk(self._history, self._number, self._number + 1)
            ]
        started = [one for events in told for one in events[events["kind"] == EventKind.LIQUIDATION_STARTED]]
        fields = ("account", "asset", "symbol", "position_side")
        return any(self._is_it(*(int(one[name]) for name in fields)) for one in started)

    def _can_add(self, there: Exchange, amount_e8: int, deposit_e8: int) -> bool:
        with there.previewing():
            self._pay(there, deposit_e8)
            return there.max_add_margin(self.account, *leg_of(self.receipt.positions[0].symbol)) >= amount_e8

    def _pay(self, there: Exchange, amount_e8: int) -> None:
        if amount_e8:
            asset = there.asset_row(self.receipt.asset)
            done = there.submit(CommandKind.DEPOSIT, account=self.account, asset=asset, amount_e8=amount_e8)
            done.raise_if_refused()

    # ---- branches

    def _live(self, *changes: Rewrite) -> _Trial:
        """A branch up to and with the command that liquidated."""
        return self._live_to(after(self.receipt.place.sequence), *changes)

    def _live_to(self, moment: Moment | None, *changes: Rewrite) -> _Trial:
        upkeep = None if self._upkeep is None else self._upkeep()
        world = branch(self._history, *changes, at=moment, compiled=self._compiled, upkeep=upkeep)
        own = [one for one in world.liquidations if one.account == self.account and self._is_since(one, self._first)]
        equity_e8 = world.exchange.wallet(self.account, self.receipt.asset).equity_e8
        return _Trial(world.exchange, equity_e8, tuple(own))

    def _try(self, *changes: Rewrite) -> _Trial | None:
        """The branch; None where the change is not possible."""
        try:
            return self._live(*changes)
        except RewriteError:
            return None

    def _told(self, rescue: Rescue, trial: _Trial, changes: list[Rewrite]) -> Rescue:
        """The rescue with its equity, and how it goes on to the end of the record."""
        later = ""
        if rescue.saves and self._number + 1 < len(self._outline):
            whole = self._live_to(None, *changes)
            new = whole.own[len(trial.own) :]
            end = f"at the end of the record, {format_time(int(self._outline.clock_ms[-1]))}"
            later = f"Its equity {end}, is {exact_text(whole.equity_e8)}."
            if new:
                what = self._symbol(new[0]) or "the pool"
                later = f"Later {what} is liquidated, {_when(new[0])}. {later}"
        return replace(rescue, equity_e8=trial.equity_e8, later=later)

    # ---- a history that begins late

    def _short(self, history: History) -> History:
        """The same history from a snapshot at the last moment at which the account had nothing in these symbols."""
        draft = Draft(history, Outline(history), None, {}, self._compiled)
        places = []
        for one in self.receipt.positions:
            if one.symbol not in self._opened:
                return history
            moment = before(self._opened[one.symbol].sequence)
            try:
                places.append(draft.settling_place(self.account, draft.symbol(leg_of(one.symbol)[0]), moment))
            except RewriteError:
                return history
        return Shortened(history, min(places), self._compiled)


def _when(one: Liquidation) -> str:
    return f"{format_time(one.time_ms)}, command {one.sequence}"


class Shortened:
    """A History from a place of another one on: its genesis is a snapshot there."""

    def __init__(self, history: History, place: int, compiled: bool) -> None:
        exchange = history.genesis.exchange(compiled=compiled)
        for stretch in walk(history, 0, place):
            exchange.submit_batch(stretch.records, _forget)
        self._history, self._place = history, place
        genesis = history.genesis
        self.genesis = Genesis(genesis.rulebook, genesis.symbols, genesis.seed, snapshot=exchange.snapshot())

    def blocks(self) -> Iterator[np.ndarray]:
        """The commands after the place."""
        for stretch in walk(self._history, self._place, PLACE_MAX):
            yield stretch.records


def _least(holds: Callable[[int], bool], first_e8: int) -> int:
    """The least amount from `first_e8` on for which something holds that goes on holding above it."""
    if holds(first_e8):
        return first_e8
    too_little, enough = first_e8, _MOST_E8
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if holds(middle) else (middle, enough)
    return enough


def _forget(events: np.ndarray) -> None:
    """Events of a replay that nobody asked for."""
