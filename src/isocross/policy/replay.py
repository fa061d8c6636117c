"""Replay: one account with its trade in one world, driven through a history by the engine.

Responsible for: sizing, entering, walking through a feed, leaving at market, looking at the account on the way.
Must not: compute a margin, choose a trade or a history, word a result.

The order of a step: the house's ladder moves to the step's last price, then the mark moves, so that a liquidation meets
the book of its own moment. A ladder at which nobody trades is not sent: a preview of the prices and funding ahead finds
the next command at which the engine liquidates or triggers, and only there is the ladder brought up to date. The account
has no resting orders, so this changes no fill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..codes import CommandKind, EventKind, MarginMode, OrderType, Refusal
from ..errors import InputError, RefusedError
from ..exchange import Exchange, Result
from ..market.maker import DepthProfile
from ..rulebook.model import Rulebook
from ..units import format_e8, format_time
from ..views import PositionView, WalletView
from .feed import Feed, Leg, Price, Watch

Progress = Callable[[int, int], None]  # (commands done, commands in all)

TRADER = 2
FUND = 0
_HOUSE = 1
_SIZER = 3  # an account with more money than any trade asks for, in a world that is thrown away
_SIZER_WALLET_E8 = 10**17
_REACH_MIN, _REACH_MAX = 64, 8_192  # prices commands looked ahead at once
_CLOSE_ROUNDS = 20  # orders that closing may take when the book is thin
_STARTED, _TRIGGERED = int(EventKind.LIQUIDATION_STARTED), int(EventKind.TRIGGERED)
_BOOK_LEVEL, _PRICES = int(EventKind.BOOK_LEVEL), int(EventKind.PRICES)


@dataclass(frozen=True, slots=True)
class Plan:
    """What every world shares."""

    rulebook: Rulebook
    symbols: tuple[str, ...]
    asset: str
    wallet_e8: int
    fund_e8: int
    legs: tuple[Leg, ...]  # the trade first


class Look(NamedTuple):
    """The account at one moment. Money and prices × 10^8."""

    time_ms: int
    equity_e8: int
    wallet_e8: int
    mark_e8: int  # of the trade's symbol
    balance_e8: int | None  # margin balance of what backs the trade; None when it is flat
    maintenance_e8: int | None
    liquidation_e8: int | None

    @property
    def margin_ratio(self) -> float | None:
        """Maintenance ÷ margin balance; None when the trade is flat."""
        if self.balance_e8 is None or self.maintenance_e8 is None:
            return None
        return self.maintenance_e8 / self.balance_e8 if self.balance_e8 > 0 else float("inf")


@dataclass(slots=True)
class Life:
    """What happened to the account in one world."""

    entry_time_ms: int
    entry_mark_e8: int
    wallet_before: WalletView
    max_open_lots: int
    refusal: Refusal = Refusal.NONE
    refused_symbol: str = ""
    after_entry: PositionView | None = None  # the trade, both legs opened
    wallet_entered: WalletView | None = None
    second_after_entry: PositionView | None = None
    unfilled_lots: int = 0  # of the trade's entry order
    looks: list[Look] = field(default_factory=list)
    events: np.ndarray = field(default_factory=lambda: np.zeros(0))
    told: np.ndarray = field(default_factory=lambda: np.zeros(0))  # what receipts are made of: also prices and whole liquidations
    wallet_after: WalletView | None = None
    open_lots_after: dict[str, int] = field(default_factory=dict)  # what could not be closed at the end
    closed_at_end: tuple[str, ...] = ()  # the symbols that were still open at the end of the history
    conservation_gap_e8: dict[str, int] = field(default_factory=dict)
    exchange: Exchange | None = None


def size(plan: Plan, leg: Leg, feed: Feed) -> int:
    """The most lots of a market order whose transfer into an isolated wallet is ≤ the leg's margin: the engine's answer.

    Errors  InputError: one lot is too much. RefusedError: the book or a bracket ends before the margin does.
    """
    world = _World(plan, feed)
    exchange, row = world.exchange, world.exchange.symbol_row(leg.symbol)
    world.tell(CommandKind.CREATE_ACCOUNT, account=_SIZER)
    world.tell(CommandKind.DEPOSIT, account=_SIZER, asset=exchange.asset_row(plan.asset), amount_e8=_SIZER_WALLET_E8)
    world.set_up(_SIZER, leg, MarginMode.ISOLATED)

    def opened(lots: int) -> tuple[Result, int, int]:
        done = exchange.preview(
            CommandKind.PLACE_ORDER, account=_SIZER, symbol=row, side=leg.side, order_type=OrderType.MARKET, lots=lots
        )
        events = done.events
        moved = events[(events["kind"] == EventKind.MARGIN_MOVED) & (events["account"] == _SIZER)]
        expired = events[(events["kind"] == EventKind.EXPIRED) & (events["account"] == _SIZER)]
        return done, int(moved["amount_e8"].sum()), int(expired["lots"].sum())

    def fits(lots: int) -> bool:
        done, moved_e8, unfilled = opened(lots)
        if done.refusal == Refusal.NOTIONAL_TOO_SMALL:
            return True
        return done.is_accepted and unfilled == 0 and moved_e8 <= leg.margin_e8

    enough, too_many = 0, exchange.rules(row).lots_max + 1
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if fits(middle):
            enough = middle
        else:
            too_many = middle
    done, moved_e8, unfilled = opened(too_many)
    what = f"{leg.symbol}: a margin of {format_e8(leg.margin_e8)} at {leg.leverage}x"
    if unfilled or done.refusal == Refusal.NO_LIQUIDITY:
        raise RefusedError(
            f"{what} is more than the book holds at {format_time(feed.time_ms)}", int(Refusal.NO_LIQUIDITY)
        )
    if not done.is_accepted and done.refusal != Refusal.NOTIONAL_TOO_SMALL:
        raise RefusedError(f"{what} is refused: {done.refusal.name}", int(done.refusal))
    if enough == 0:
        raise InputError(
            f"margin: {format_e8(leg.margin_e8)} is too little, one lot of {leg.symbol} at {leg.leverage}x needs "
            f"{format_e8(moved_e8)}"
        )
    smallest, _, _ = opened(enough)
    if not smallest.is_accepted:
        least = f"; the least order is worth {format_e8(exchange.rules(row).min_notional_e8)} {plan.asset}"
        raise RefusedError(
            f"{what} is refused: {smallest.refusal.name}"
            f"{least if smallest.refusal == Refusal.NOTIONAL_TOO_SMALL else ''}",
            int(smallest.refusal),
        )
    return enough


def live(
    plan: Plan,
    feed: Feed,
    modes: Mapping[str, MarginMode],
    is_watched: bool = True,
    progress: Progress | None = None,
) -> Life:
    """Enter, walk the whole history, leave at market. `is_watched`: look at the account on the way."""
    world = _World(plan, feed)
    trade = plan.legs[0]
    for leg in plan.legs:
        world.set_up(TRADER, leg, modes[leg.symbol])
    life = Life(
        entry_time_ms=feed.time_ms,
        entry_mark_e8=world.exchange.mark_e8(trade.symbol),
        wallet_before=world.exchange.wallet(TRADER, plan.asset),
        max_open_lots=world.max_open(trade),
    )
    if world.enter(life):
        life.after_entry = world.exchange.position(TRADER, trade.symbol)
        life.wallet_entered = world.exchange.wallet(TRADER, plan.asset)
        if len(plan.legs) > 1:
            life.second_after_entry = world.exchange.position(TRADER, plan.legs[1].symbol)
        world.look(life)
        world.walk(life, is_watched, progress)
        world.leave(life)
    life.wallet_after = world.exchange.wallet(TRADER, plan.asset)
    life.events, life.told = np.concatenate(world.events), np.concatenate(world.told)
    life.conservation_gap_e8 = world.exchange.conservation_gap_e8()
    life.exchange = world.exchange
    assert not any(life.conservation_gap_e8.values()), "money was made or lost in the ledger"
    return life


def refused(plan: Plan, feed: Feed, modes: Mapping[str, MarginMode], refusal: Refusal, symbol: str) -> Life:
    """The life of a trade that nobody can open: the world before it, and why."""
    world = _World(plan, feed)
    trade = plan.legs[0]
    world.set_up(TRADER, trade, modes[trade.symbol])
    wallet = world.exchange.wallet(TRADER, plan.asset)
    return Life(
        entry_time_ms=feed.time_ms,
        entry_mark_e8=world.exchange.mark_e8(trade.symbol),
        wallet_before=wallet,
        max_open_lots=world.max_open(trade),
        refusal=refusal,
        refused_symbol=symbol,
        events=np.concatenate(world.events),
        wallet_after=wallet,
        conservation_gap_e8=world.exchange.conservation_gap_e8(),
        exchange=world.exchange,
    )


def _turns(events: np.ndarray) -> list[int]:
    """Where the prices of each symbol are lowest, highest and last."""
    prices = np.flatnonzero(events["kind"] == _PRICES)
    places = []
    for symbol in np.unique(events["symbol"][prices]):
        mine = prices[events["symbol"][prices] == symbol]
        marks = events["mark_e8"][mine]
        places += [mine[marks.argmin()], mine[marks.argmax()], mine[-1]]
    return sorted(places)


class _World:
    """An exchange at the moment of the entry: prices told, the ladder placed, the account and the fund paid in."""

    def __init__(self, plan: Plan, feed: Feed) -> None:
        self.plan, self.feed = plan, feed
        self.exchange = Exchange(plan.rulebook, plan.symbols)
        self.events: list[np.ndarray] = []
        self.told: list[np.ndarray] = []
        self._group = feed.entry_group
        self._time_ms = feed.time_ms
        asset = self.exchange.asset_row(plan.asset)
        marks = [
            {"symbol": row, "index_e8": price.mark_e8, "mark_e8": price.mark_e8} for row, _, price in self._prices()
        ]
        self.tell(CommandKind.PRICES, records=marks)
        if plan.fund_e8:
            self.tell(CommandKind.FUND_DEPOSIT, asset=asset, amount_e8=plan.fund_e8)
        self.tell(CommandKind.CREATE_ACCOUNT, account=TRADER)
        self.tell(CommandKind.DEPOSIT, account=TRADER, asset=asset, amount_e8=plan.wallet_e8)
        self._quote()

    def _prices(self) -> Iterator[tuple[int, DepthProfile, Price]]:
        for row, symbol in enumerate(self.plan.symbols):
            at = self.feed.symbols.index(symbol)
            yield row, self.feed.profiles[at], self.feed.price_at(self._group, symbol)

    def tell(self, kind: CommandKind, **fields: object) -> Result:
        """One command that the exchange must take."""
        return self._ask(kind, **fields).raise_if_refused()

    def _ask(self, kind: CommandKind, **fields: object) -> Result:
        done = self.exchange.submit(kind, time_ms=self._time_ms, **fields)  # type: ignore[arg-type]
        self._keep(done.events)
        return done

    def _keep(self, events: np.ndarray) -> None:
        """What a person would want to read: not the house's ladder, not every price."""
        kinds = events["kind"]
        is_kept = (kinds != _BOOK_LEVEL) & (kinds != _PRICES) & (events["account"] != _HOUSE)
        if is_kept.any():
            self.events.append(events[is_kept])
        if (kinds == _STARTED).any():
            is_told = kinds != _BOOK_LEVEL
        else:
            is_told = is_kept
            is_told[_turns(events)] = True
        if is_told.any():
            self.told.append(events[is_told])

    def _quote(self) -> None:
        """The ladder of every symbol at the latest prices."""
        for row, profile, price in self._prices():
            self.tell(
                CommandKind.QUOTE,
                symbol=row,
                mid_e8=price.last_e8,
                half_spread_rate_e8=profile.half_spread_rate_e8,
                spacing_rate_e8=profile.spacing_rate_e8,
                level_notional_e8=profile.level_value_e8(self.exchange.rules(row), price.last_e8),
                level_count=profile.levels,
                scale_e8=price.scale_e8,
            )

    def set_up(self, account: int, leg: Leg, mode: MarginMode) -> None:
        """Leverage and margin mode of a leg's symbol."""
        row = self.exchange.symbol_row(leg.symbol)
        self.tell(CommandKind.SET_LEVERAGE, account=account, symbol=row, leverage=leg.leverage)
        if self.exchange.margin_mode(account, row) != mode:
            self.tell(CommandKind.SET_MARGIN_MODE, account=account, symbol=row, margin_mode=mode)

    def max_open(self, leg: Leg) -> int:
        """The largest position that one market order would open now: what is accepted, and filled."""
        row = self.exchange.symbol_row(leg.symbol)
        lots = self.exchange.max_open(TRADER, row, leg.side)
        if lots == 0:
            return 0
        done = self.exchange.preview(
            CommandKind.PLACE_ORDER, account=TRADER, symbol=row, side=leg.side, order_type=OrderType.MARKET, lots=lots
        )
        fills = done.events[(done.events["kind"] == EventKind.FILLED) & (done.events["account"] == TRADER)]
        return int(fills["lots"].sum())

    def enter(self, life: Life) -> bool:
        """Open the legs and place their exits; False when the engine refuses to open one."""
        for leg in self.plan.legs:
            row = self.exchange.symbol_row(leg.symbol)
            done = self._ask(
                CommandKind.PLACE_ORDER,
                account=TRADER,
                symbol=row,
                side=leg.side,
                order_type=OrderType.MARKET,
                lots=leg.lots,
            )
            held = abs(self.exchange.position(TRADER, row).lots)
            if not done.is_accepted or held == 0:
                life.refusal = Refusal.MARGIN_INSUFFICIENT if done.is_accepted else done.refusal
                life.refused_symbol = leg.symbol
                return False
            if leg is self.plan.legs[0]:
                life.unfilled_lots = leg.lots - held
            self._place_exit(leg, OrderType.STOP_MARKET, leg.stop_ticks)
            self._place_exit(leg, OrderType.TAKE_PROFIT_MARKET, leg.take_profit_ticks)
        return True

    def _place_exit(self, leg: Leg, order_type: OrderType, trigger_ticks: int | None) -> None:
        if trigger_ticks is None:
            return
        row = self.exchange.symbol_row(leg.symbol)
        done = self._ask(
            CommandKind.PLACE_CONDITIONAL,
            account=TRADER,
            symbol=row,
            side=leg.closing_side,
            order_type=order_type,
            trigger_ticks=trigger_ticks,
            is_close_position=1,
        )
        if done.refusal == Refusal.WOULD_TRIGGER_IMMEDIATELY:
            name = "stop" if order_type is OrderType.STOP_MARKET else "take-profit"
            is_below = leg.is_long == (order_type is OrderType.STOP_MARKET)
            raise InputError(
                f"{name}: {format_e8(trigger_ticks * self.exchange.rules(row).tick_e8)} is on the wrong side: for a "
                f"{'long' if leg.is_long else 'short'} it lies {'below' if is_below else 'above'} the mark, "
                f"{format_e8(self.exchange.mark_e8(row))} at the entry"
            )
        done.raise_if_refused()

    def walk(self, life: Life, is_watched: bool, progress: Progress | None) -> None:
        """All items after the entry, or as many as the account has something open."""
        feed, trade = self.feed, self.plan.legs[0]
        watch = Watch(feed, self.plan.legs, self.plan.rulebook) if is_watched else None
        item, reach = 0, _REACH_MIN
        while item < feed.item_count and self._has_something_open():
            until = min(item + reach, feed.item_count)
            act = self._next_act(item, until)
            self._apply_quietly(life, item, act, watch)
            item = act
            reach = min(reach * 4, _REACH_MAX)
            if act < until:
                self._group, self._time_ms = int(feed.item_group[act]), int(feed.item_time_ms[act])
                self._quote()
                self._apply(act, act + 1)
                self._cancel_exits_of_flat_legs()
                self.look(life)
                item, reach = act + 1, _REACH_MIN
            if progress is not None:
                progress(item, feed.item_count)
        flat = life.looks[-1]
        later = watch.planned[np.searchsorted(watch.planned, item) :].tolist() if watch is not None else []
        for index in later:  # nothing is open any more: only the mark moves
            life.looks.append(
                flat._replace(time_ms=int(feed.item_time_ms[index]), mark_e8=feed.mark_of(index, trade.symbol))
            )
        if item < feed.item_count:
            self._group, self._time_ms = int(feed.item_group[-1]), int(feed.item_time_ms[-1])
        if progress is not None:
            progress(feed.item_count, feed.item_count)

    def _has_something_open(self) -> bool:
        return bool(self.exchange.positions(TRADER)) or bool(self.exchange.orders(TRADER))

    def _next_act(self, first: int, after: int) -> int:
        """The first item of first … after − 1 at which the engine liquidates or triggers; `after` when there is none."""
        sequence = self.exchange.next_sequence
        with self.exchange.previewing():
            events = self.exchange.submit_batch(self.feed.records(first, after, sequence)).events
        acts = events["sequence"][(events["kind"] == _STARTED) | (events["kind"] == _TRIGGERED)]
        return first + int(acts[0]) - sequence if len(acts) else after

    def _apply_quietly(self, life: Life, first: int, after: int, watch: Watch | None) -> None:
        """Items at which nobody trades, looking at the account where asked."""
        for index in watch.within(first, after) if watch is not None else ():
            self._apply(first, index + 1)
            self.look(life)
            first = index + 1
        if first < after:
            self._apply(first, after)

    def _apply(self, first: int, after: int) -> None:
        done = self.exchange.submit_batch(self.feed.records(first, after, self.exchange.next_sequence))
        refused = np.flatnonzero(done.results["refusal"])
        if refused.size:
            name = Refusal(int(done.results["refusal"][refused[0]])).name
            raise RefusedError(
                f"history: the engine refuses a price or rate near {format_time(int(self.feed.item_time_ms[first]))}: "
                f"{name}",
                int(done.results["refusal"][refused[0]]),
            )
        self._keep(done.events)
        self._group, self._time_ms = int(self.feed.item_group[after - 1]), int(self.feed.item_time_ms[after - 1])

    def _cancel_exits_of_flat_legs(self) -> None:
        """A stop without a position would only be refused later: the trader takes it back."""
        open_symbols = {position.symbol for position in self.exchange.positions(TRADER)}
        for order in self.exchange.orders(TRADER):
            if order.symbol not in open_symbols:
                self.tell(CommandKind.CANCEL_CONDITIONAL, account=TRADER, order_id=order.order_id)

    def look(self, life: Life) -> None:
        """Read the account as it stands."""
        wallet = self.exchange.wallet(TRADER, self.plan.asset)
        position = self.exchange.position(TRADER, self.plan.legs[0].symbol)
        is_open = position.lots != 0
        life.looks.append(
            Look(
                time_ms=self._time_ms,
                equity_e8=wallet.equity_e8,
                wallet_e8=wallet.cross_wallet_e8 + wallet.isolated_wallets_e8,
                mark_e8=position.mark_e8,
                balance_e8=position.margin_balance_e8 if is_open else None,
                maintenance_e8=position.pool_maintenance_e8 if is_open else None,
                liquidation_e8=position.liquidation_mark_e8,
            )
        )

    def leave(self, life: Life) -> None:
        """Close at market whatever is open at the end, in several orders where the book is thin."""
        for order in self.exchange.orders(TRADER):
            self.tell(CommandKind.CANCEL_CONDITIONAL, account=TRADER, order_id=order.order_id)
        closed = []
        for leg in self.plan.legs:
            row = self.exchange.symbol_row(leg.symbol)
            if self.exchange.position(TRADER, row).lots:
                closed.append(leg.symbol)
            for _ in range(_CLOSE_ROUNDS):
                lots = abs(self.exchange.position(TRADER, row).lots)
                if lots == 0:
                    break
                self._quote()
                self._ask(
                    CommandKind.PLACE_ORDER,
                    account=TRADER,
                    symbol=row,
                    side=leg.closing_side,
                    order_type=OrderType.MARKET,
                    lots=lots,
                    is_reduce_only=1,
                )
        if closed:
            self.look(life)
        life.closed_at_end = tuple(closed)
        life.open_lots_after = {position.symbol: position.lots for position in self.exchange.positions(TRADER)}
