"""Story: what came before a liquidation, added up from events.

Responsible for: since when a position or a pool is open, what each thing did to what backs it, the marks on the way.
Must not: read a state after the beginning, hold a formula, know what a liquidation does.

For every account that is watched and every margin asset there is a pool, and for every symbol an isolated position. Both are
added up anew whenever they have been flat, so that the sum of all uses is the wallet in the inequality, to the unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ...codes import EventKind, MarginMode, Reason
from ...event import Event
from ...exchange import Exchange
from ..legs import leg_name, leg_of
from .record import Judged, MarkPath, Place, Story, Use

START, TRANSFERS, LIQUIDATION_FEE = "start", "transfers", "liquidation fee"
POINTS_MAX = 400  # marks of a path that are shown one by one
_LAST_MARKS = 100  # the last ones always are

MONEY = (
    EventKind.FILLED,
    EventKind.POSITION,
    EventKind.WALLET,
    EventKind.MARGIN_MOVED,
    EventKind.FUNDING,
    EventKind.LIQUIDATION_FEE,
)


@dataclass(slots=True)
class _Amounts:
    """What one thing did to a pocket."""

    moved_e8: int = 0
    realized_e8: int = 0
    fee_e8: int = 0
    funding_e8: int = 0
    liquidation_fee_e8: int = 0

    def use(self, name: str, unrealized_e8: int = 0) -> Use:
        return Use(
            name,
            self.moved_e8,
            self.realized_e8,
            self.fee_e8,
            self.funding_e8,
            self.liquidation_fee_e8,
            unrealized_e8,
        )


@dataclass(slots=True)
class _Pocket:
    """A cross pool or an isolated position since it was last flat."""

    since: Place | None = None
    start_e8: int = 0
    open: dict[str, Place | None] = field(default_factory=dict)  # what has lots, and since when
    uses: defaultdict[str, _Amounts] = field(default_factory=lambda: defaultdict(_Amounts))

    def start_over(self, wallet_e8: int) -> None:
        """It is flat: from here on everything is added up anew."""
        self.since, self.start_e8 = None, wallet_e8
        self.uses.clear()


@dataclass(slots=True)
class _Account:
    """One account, as far as events have told it."""

    wallets: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))  # by asset
    pools: defaultdict[int, _Pocket] = field(default_factory=lambda: defaultdict(_Pocket))  # by asset
    isolated: defaultdict[str, _Pocket] = field(default_factory=lambda: defaultdict(_Pocket))  # by position
    isolated_wallets: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    # by position: fills whose POSITION is still to come, two where an account trades with itself
    filled: defaultdict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    funded: str = ""  # the position of the last FUNDING
    funding_e8: int = 0  # what an isolated wallet is still to pay or get of it
    last: tuple[str, MarginMode] = (TRANSFERS, MarginMode.CROSS)  # name and mode of the last POSITION


class Past:
    """What is known of some accounts and symbols, up to the event read last."""

    def __init__(
        self, symbols: tuple[str, ...], symbol_assets: tuple[int, ...], accounts: Iterable[int], marked: Iterable[int]
    ) -> None:
        self._symbols = symbols
        self._asset_of = symbol_assets
        self._accounts = {account: _Account() for account in accounts}
        self._watched = np.array(sorted(self._accounts), dtype=np.int64)
        self._marks: dict[int, list[np.ndarray]] = {symbol: [] for symbol in marked}  # (time, sequence, mark) rows
        self._began: Place | None = None
        self._readers = {
            EventKind.FILLED: self._filled,
            EventKind.POSITION: self._position,
            EventKind.WALLET: self._wallet,
            EventKind.MARGIN_MOVED: self._margin_moved,
            EventKind.FUNDING: self._funding,
            EventKind.LIQUIDATION_FEE: self._liquidation_fee,
        }

    def begin_with(self, exchange: Exchange) -> None:
        """A history that begins with a snapshot: wallets and positions as they are there, opened before anybody looked."""
        wallets = exchange.table("wallets")["cross_wallet_e8"].reshape(-1, len(exchange.assets))
        for number, account in self._accounts.items():
            if number >= len(wallets):
                continue
            for asset, wallet in enumerate(wallets[number].tolist()):
                account.wallets[asset] = wallet
                account.pools[asset].start_over(wallet)
        positions = exchange.table("positions")
        for row in positions[positions["lots"] != 0]:
            held = self._accounts.get(int(row["account"]))
            if held is None:
                continue
            symbol = int(row["symbol"])
            name = leg_name(self._symbols[symbol], int(row["position_side"]))
            if row["margin_mode"] == MarginMode.CROSS:
                held.pools[self._asset_of[symbol]].open[name] = None
            else:
                pocket = held.isolated[name]
                pocket.open[name] = None
                pocket.start_e8 = held.isolated_wallets[name] = int(row["isolated_wallet_e8"])
                # what was moved in before is where its sum begins

    def is_told(self, events: np.ndarray) -> np.ndarray:
        """Which events `read` wants, as a mask: those about money of the accounts that are watched."""
        if len(self._watched) == 1:
            mine = events["account"] == self._watched[0]
        else:
            mine = np.isin(events["account"], self._watched)
        found: np.ndarray = mine & np.isin(events["kind"], MONEY)
        return found

    def read(self, event: Event) -> None:
        """One event about the money of an account that is watched."""
        self._readers[EventKind(event.kind)](event)

    def read_marks(self, events: np.ndarray) -> None:
        """The prices among some events."""
        prices = events[events["kind"] == EventKind.PRICES]
        for symbol, kept in self._marks.items():
            mine = prices[prices["symbol"] == symbol]
            if len(mine):
                kept.append(np.stack([mine["time_ms"], mine["sequence"], mine["mark_e8"]], axis=1))

    def story(self, account: int, asset: int, symbol: int, judged: Iterable[Judged]) -> Story:
        """The story of a pocket that is judged now; symbol −1: the cross pool."""
        held, positions = self._accounts[account], list(judged)
        pocket = held.pools[asset] if symbol < 0 else held.isolated[positions[0].symbol]
        unrealized = {one.symbol: one.unrealized_pnl_e8 for one in positions}
        uses = [Use(START, moved_e8=pocket.start_e8)] if pocket.start_e8 or symbol < 0 else []
        uses += [pocket.uses[one.symbol].use(one.symbol, one.unrealized_pnl_e8) for one in positions]
        uses += [amounts.use(name) for name, amounts in pocket.uses.items() if name not in unrealized]
        marks = tuple(self._path(one.symbol, pocket.since) for one in positions)
        opened = {name: place for name, place in pocket.open.items() if place is not None}
        shown = tuple(use for use in uses if any(use[1:]) or use.name == START)
        return Story(pocket.since, shown, marks, opened)

    # ---- one event

    def _filled(self, event: Event) -> None:
        self._accounts[event.account].filled[self._name(event)].append(event)

    def _name(self, event: Event) -> str:
        """What the position of an event is called: in hedge mode with its side."""
        return leg_name(self._symbols[event.symbol], event.position_side)

    def _position(self, event: Event) -> None:
        account, symbol = self._accounts[event.account], event.symbol
        mode, name = MarginMode(event.margin_mode), self._name(event)
        pool = account.pools[self._asset_of[symbol]]
        pocket = pool if mode == MarginMode.CROSS else account.isolated[name]
        if event.lots and not pocket.open and pocket.since is not None:
            pocket.start_over(account.wallets[self._asset_of[symbol]])  # it was flat, and no wallet event said so
        for fill in account.filled.pop(name, ()):
            pocket.uses[name].realized_e8 += fill.amount_e8
            own = pocket if fill.order_id == 0 else pool  # a liquidation pays out of what is judged
            own.uses[name].fee_e8 -= fill.fee_e8
        if mode == MarginMode.ISOLATED:
            if account.funded == name and account.funding_e8:
                pocket.uses[name].funding_e8 += account.funding_e8
                account.funded, account.funding_e8 = "", 0
            self._settle_isolated(pocket, name, event, account)
        if event.lots:
            here = Place(event.sequence, event.time_ms)
            if not pocket.open and pocket.since is None:
                pocket.since = here
            pocket.open.setdefault(name, here)
        else:
            pocket.open.pop(name, None)
            if mode == MarginMode.ISOLATED:
                pocket.start_over(0)
        account.last = (name, mode)

    @staticmethod
    def _settle_isolated(pocket: _Pocket, name: str, event: Event, account: _Account) -> None:
        """What a handover realized is told by the wallet alone."""
        known = pocket.start_e8 + sum(amounts.use("").sum_e8 for amounts in pocket.uses.values())
        pocket.uses[name].realized_e8 += event.balance_e8 - known
        account.isolated_wallets[name] = event.balance_e8

    def _wallet(self, event: Event) -> None:
        account, reason = self._accounts[event.account], Reason(event.code)
        account.wallets[event.asset] = event.balance_e8
        pool = account.pools[event.asset]
        if not pool.open and pool.since is None:
            pool.start_over(event.balance_e8)
            return
        name, mode = account.last
        if reason in (Reason.DEPOSIT, Reason.WITHDRAWAL, Reason.FUND_DEPOSIT):
            pool.uses[TRANSFERS].moved_e8 += event.amount_e8
        elif reason == Reason.FUNDING:
            pool.uses[account.funded].funding_e8 += event.amount_e8
            account.funding_e8 -= event.amount_e8
        elif reason == Reason.LIQUIDATION_FEE:
            pool.uses[LIQUIDATION_FEE].liquidation_fee_e8 += event.amount_e8
        elif reason == Reason.REST_AFTER_LIQUIDATION:
            pool.uses[name].moved_e8 += event.amount_e8
        elif reason in (Reason.TAKEOVER, Reason.ADL) and mode == MarginMode.CROSS:
            pool.uses[name].realized_e8 += event.amount_e8
        if not pool.open:
            pool.start_over(event.balance_e8)

    def _margin_moved(self, event: Event) -> None:
        account, name = self._accounts[event.account], self._name(event)
        account.isolated[name].uses[name].moved_e8 += event.amount_e8
        if event.code != Reason.REST_AFTER_LIQUIDATION:  # that one may go to the fund: the wallet tells
            account.pools[self._asset_of[event.symbol]].uses[name].moved_e8 -= event.amount_e8

    def _funding(self, event: Event) -> None:
        account = self._accounts[event.account]
        account.funded, account.funding_e8 = self._name(event), event.amount_e8

    def _liquidation_fee(self, event: Event) -> None:
        if event.margin_mode == MarginMode.ISOLATED:
            name = self._name(event)
            self._accounts[event.account].isolated[name].uses[name].liquidation_fee_e8 -= event.fee_e8

    # ---- marks

    def _path(self, name: str, since: Place | None) -> MarkPath:
        """The marks of a position since a place, the last before it included."""
        kept = self._marks[self._symbols.index(leg_of(name)[0])]
        if len(kept) > 1:
            kept[:] = [np.concatenate(kept)]
        rows = kept[0] if kept else np.zeros((0, 3), dtype=np.int64)
        first = 0
        if since is not None:
            first = max(0, int(np.searchsorted(rows[:, 0], since.time_ms, side="left")) - 1)
        rows = rows[first:]
        chosen = _chosen(rows[:, 2])
        return MarkPath(name, tuple(rows[chosen, 0].tolist()), tuple(rows[chosen, 2].tolist()), len(rows) - len(chosen))


def _chosen(marks: np.ndarray) -> np.ndarray:
    """Which marks are shown: all, or the last ones and the lowest and highest of every stretch before."""
    if len(marks) <= POINTS_MAX:
        return np.arange(len(marks))
    early = len(marks) - _LAST_MARKS
    edges = np.linspace(0, early, (POINTS_MAX - _LAST_MARKS) // 2 + 1).astype(np.int64)
    places = {0, *range(early, len(marks))}
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if end > start:
            part = marks[start:end]
            places |= {start + int(part.argmin()), start + int(part.argmax())}
    return np.array(sorted(places))
