"""Trial: one trade lived by the engine: opened, moved against, stopped. What was answered is tried before it is shown.

Responsible for: an exchange with the trade's contract and the pool's other positions, a trial on it that leaves no
trace, what became of the position. Must not: compute a margin, search for an answer, word one.

The other side of every fill is the house, which stands outside margin. Nothing else is in the book: a liquidation ends
in a takeover, which changes nothing of whether and where it begins. The engine runs as plain Python, the same source:
a trial takes a few milliseconds and needs no compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ..codes import CommandKind, EventKind, MarginMode, OrderType, Refusal, Side, TimeInForce
from ..errors import InputError
from ..exchange import Exchange, Result
from ..kernel import margin
from ..limits import WALLET_MAX_E8
from ..rulebook.model import Rulebook
from ..units import ONE_E8
from .pool import PoolPosition
from .sizing import OrderTerms, signed_cost_e8

PLENTY_E8 = WALLET_MAX_E8 // 4 * 3  # a wallet where the question is not what it can pay
_HOUSE, _TRADER = 1, 2
_SYMBOL = 0  # the trade's own; the others follow


class Fate(Enum):
    """What became of the position."""

    REFUSED = "refused"
    LIVES = "lives"
    LIQUIDATED = "liquidated"
    STOPPED = "stopped"
    STOP_UNFILLED = "stop unfilled"  # reached, and what is left does not bear the fill and its fee


@dataclass(frozen=True, slots=True)
class Trial:
    """One life of the trade. Money × 10^8."""

    fate: Fate
    refusal: Refusal = Refusal.NONE  # the first command that was refused
    loss_e8: int | None = None  # of a position that was closed: the wallet before − after, fees included
    liquidation_e8: int | None = None  # the engine's own liquidation price once all was set up; None: none
    isolated_wallet_e8: int = 0  # once all was set up
    end_mark_e8: int | None = None  # where the mark was moved to


class _Refused(Exception):
    """A command that the trial needed was refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.name)
        self.refusal = refusal


def on_the_grid(position: PoolPosition) -> PoolPosition:
    """The position with an entry value that fills can make, rounded against the account.

    Of a linear contract a multiple of tick × step; an inverse one's is what a taker is given at a whole tick.
    """
    rules = position.rules
    if rules.is_inverse:
        is_long, tick_e8 = position.lots > 0, rules.tick_e8
        ticks = -(-position.entry_e8 // tick_e8) if is_long else position.entry_e8 // tick_e8
        value_e8 = int(
            margin.match_value_e8(rules.contract_kind, is_long, abs(position.lots), ticks, rules.tick_value_e8)
        )
        return replace(position, entry_e8=ticks * tick_e8, entry_cost_e8=signed_cost_e8(rules, is_long, value_e8))
    unit_e8 = rules.tick_value_e8
    cost_e8 = -(-position.entry_cost_e8 // unit_e8) * unit_e8  # a long pays more, a short has received less
    return replace(position, entry_cost_e8=cost_e8)


class Stage:
    """An exchange on which trials of one trade are made."""

    def __init__(self, book: Rulebook, terms: OrderTerms, is_maker: bool, others: Sequence[PoolPosition]) -> None:
        """`terms`: the trade without its size; its leverage is said by each trial. `others`: all on_the_grid."""
        self._terms, self._is_maker, self._others = terms, is_maker, tuple(others)
        rules = {terms.rules.symbol: terms.rules.unfiltered()}
        for other in others:  # they are open already, however small they have become
            rules[other.rules.symbol] = replace(other.rules.unfiltered(), min_notional_e8=0)
        stage_book = replace(book, symbols={**book.symbols, **rules})
        self._exchange = Exchange(stage_book, list(rules), compiled=False)
        self._asset = self._exchange.asset_row(terms.rules.margin_asset)
        self._side = Side.BUY if terms.is_buy else Side.SELL

    def trial(
        self,
        lots: int,
        leverage: int,
        mode: MarginMode,
        wallet_e8: int = PLENTY_E8,
        *,
        added_margin_e8: int = 0,
        until_e8: int | None = None,
        stop_ticks: int | None = None,
    ) -> Trial:
        """Open `lots` and live.

        Takes    wallet_e8: the cross wallet before the trade, the other positions open. added_margin_e8: put into the
                 isolated wallet by hand after the fill; below 0: taken out. until_e8: a mark to go to, or as far as the
                 engine's liquidation price if that lies on the way. stop_ticks: a stop that closes everything, with a
                 bid or ask of that size at its price; the mark goes to it as to `until_e8`.
        """
        with self._exchange.previewing():
            self._enter_with(wallet_e8)
            try:
                return self._lived(lots, leverage, mode, wallet_e8, added_margin_e8, until_e8, stop_ticks)
            except _Refused as refused:
                return Trial(Fate.REFUSED, refused.refusal)

    def _lived(
        self,
        lots: int,
        leverage: int,
        mode: MarginMode,
        wallet_e8: int,
        added_margin_e8: int,
        until_e8: int | None,
        stop_ticks: int | None,
    ) -> Trial:
        terms, exchange = self._terms, self._exchange
        self._configure(_SYMBOL, leverage, mode)
        self._open(lots)
        if added_margin_e8:
            kind = CommandKind.ADD_MARGIN if added_margin_e8 > 0 else CommandKind.REMOVE_MARGIN
            self._ask(kind, account=_TRADER, symbol=_SYMBOL, amount_e8=abs(added_margin_e8))
        position = exchange.position(_TRADER, _SYMBOL)
        if position.lots == 0:
            return Trial(Fate.LIQUIDATED, liquidation_e8=terms.mark_e8, end_mark_e8=terms.mark_e8)
        due_e8, wallet = position.liquidation_mark_e8, position.isolated_wallet_e8
        if stop_ticks is not None:
            until_e8 = stop_ticks * terms.rules.tick_e8
            self._stop(lots, stop_ticks)
        if until_e8 is None:
            return Trial(Fate.LIVES, liquidation_e8=due_e8, isolated_wallet_e8=wallet)
        is_on_the_way = due_e8 is not None and (due_e8 >= until_e8 if terms.is_buy else due_e8 <= until_e8)
        end_e8 = due_e8 if is_on_the_way else until_e8
        assert end_e8 is not None
        events = self._ask(CommandKind.PRICES, records=[_price(_SYMBOL, end_e8)]).events
        begun = (events["kind"] == EventKind.LIQUIDATION_STARTED) & (events["account"] == _TRADER)
        assert bool(begun.any()) == is_on_the_way, "the liquidation price is not where the liquidation is"
        is_flat = exchange.position(_TRADER, _SYMBOL).lots == 0
        if is_on_the_way:
            fate = Fate.LIQUIDATED
        elif stop_ticks is not None:
            fate = Fate.STOPPED if is_flat else Fate.STOP_UNFILLED
        else:
            fate = Fate.LIVES
        after_e8 = exchange.wallet(_TRADER, terms.rules.margin_asset).cross_wallet_e8
        return Trial(
            fate,
            loss_e8=wallet_e8 - after_e8 if is_flat else None,
            liquidation_e8=due_e8,
            isolated_wallet_e8=wallet,
            end_mark_e8=end_e8,
        )

    def _ask(self, kind: CommandKind, **fields: object) -> Result:
        done = self._exchange.submit(kind, **fields)  # type: ignore[arg-type]
        if not done.is_accepted:
            raise _Refused(done.refusal)
        return done

    def _configure(self, symbol: int, leverage: int, mode: MarginMode) -> None:
        self._ask(CommandKind.SET_LEVERAGE, account=_TRADER, symbol=symbol, leverage=leverage)
        if self._exchange.margin_mode(_TRADER, symbol) != mode:
            self._ask(CommandKind.SET_MARGIN_MODE, account=_TRADER, symbol=symbol, margin_mode=mode)

    def _limit(self, account: int, symbol: int, side: Side, ticks: int, lots: int, is_ioc: bool = False) -> None:
        if lots:
            self._ask(
                CommandKind.PLACE_ORDER,
                account=account,
                symbol=symbol,
                side=side,
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC if is_ioc else TimeInForce.GTC,
                price_ticks=ticks,
                lots=lots,
            )

    def _open(self, lots: int) -> None:
        """The entry at its price, as maker or as taker; what the account cannot margin at the fill is refused too."""
        ticks = self._terms.price_ticks
        if self._is_maker:
            self._limit(_TRADER, _SYMBOL, self._side, ticks, lots)
            self._limit(_HOUSE, _SYMBOL, _opposite(self._side), ticks, lots, is_ioc=True)
        else:
            self._limit(_HOUSE, _SYMBOL, _opposite(self._side), ticks, lots)
            self._limit(_TRADER, _SYMBOL, self._side, ticks, lots)
        if abs(self._exchange.position(_TRADER, _SYMBOL).lots) not in (lots, 0):
            raise _Refused(Refusal.MARGIN_INSUFFICIENT)
        if self._exchange.orders(_TRADER) or not self._has_filled():
            raise _Refused(Refusal.MARGIN_INSUFFICIENT)

    def _has_filled(self) -> bool:
        """Whether the entry traded: a position that was liquidated at once has traded too."""
        return self._exchange.last_price_ticks(_SYMBOL) != 0

    def _stop(self, lots: int, ticks: int) -> None:
        closing = _opposite(self._side)
        self._limit(_HOUSE, _SYMBOL, self._side, ticks, lots)
        self._ask(
            CommandKind.PLACE_CONDITIONAL,
            account=_TRADER,
            symbol=_SYMBOL,
            side=closing,
            order_type=OrderType.STOP_MARKET,
            trigger_ticks=ticks,
            is_close_position=1,
        )

    # ---- the account before the trade

    def _enter_with(self, wallet_e8: int) -> None:
        """Prices, the account, its other positions at their entries and marks, and exactly this cross wallet."""
        entries = [_entry_ticks(other) * other.rules.tick_e8 for other in self._others]
        prices = [_price(row, mark_e8) for row, mark_e8 in enumerate([self._terms.mark_e8, *entries])]
        self._ask(CommandKind.PRICES, records=prices)
        self._ask(CommandKind.CREATE_ACCOUNT, account=_TRADER)
        self._deposit(PLENTY_E8 if self._others else wallet_e8)
        if not self._others:
            return
        for row, other in enumerate(self._others, start=1):
            try:
                self._configure(row, 1, MarginMode.CROSS)
                self._open_other(row, other)
            except _Refused as refused:
                symbol, refusal = other.rules.symbol, refused.refusal.name
                raise InputError(f"position: the engine refuses the one in {symbol} at its entry ({refusal})") from None
        marks = [_price(row, other.mark_e8) for row, other in enumerate(self._others, start=1)]
        self._ask(CommandKind.PRICES, records=marks)
        for row, other in enumerate(self._others, start=1):
            self._configure(row, other.leverage, MarginMode.CROSS)
        self._settle_down_to(wallet_e8)

    def _deposit(self, amount_e8: int) -> None:
        if amount_e8:
            self._ask(CommandKind.DEPOSIT, account=_TRADER, asset=self._asset, amount_e8=amount_e8)

    def _open_other(self, row: int, other: PoolPosition) -> None:
        """Two fills, at a tick and at the next one, which make its entry value exactly; of an inverse contract one."""
        lots, ticks = abs(other.lots), _entry_ticks(other)
        at_next = 0 if other.rules.is_inverse else abs(other.entry_cost_e8) // other.rules.tick_value_e8 - lots * ticks
        side = Side.BUY if other.lots > 0 else Side.SELL
        for price, part in ((ticks, lots - at_next), (ticks + 1, at_next)):
            self._limit(_HOUSE, row, _opposite(side), price, part)
            self._limit(_TRADER, row, side, price, part)
        view = self._exchange.position(_TRADER, row)
        assert (view.lots, view.entry_cost_e8) == (other.lots, other.entry_cost_e8)

    def _settle_down_to(self, wallet_e8: int) -> None:
        """Take what was lent out of the account: as a withdrawal, and what may not leave as funding, to the unit."""
        asset = self._terms.rules.margin_asset
        view = self._exchange.wallet(_TRADER, asset)
        self._deposit(max(0, wallet_e8 - view.cross_wallet_e8))
        takes_e8 = min(view.max_withdraw_e8, view.cross_wallet_e8 - wallet_e8)
        if takes_e8 > 0:
            self._ask(CommandKind.WITHDRAW, account=_TRADER, asset=self._asset, amount_e8=takes_e8)
        other = self._others[0]
        while (excess_e8 := self._exchange.wallet(_TRADER, asset).cross_wallet_e8 - wallet_e8) > 0:
            rate_e8 = min(ONE_E8, -(-excess_e8 * ONE_E8 // other.notional_e8))
            pays_e8 = int(margin.funding_payment_e8(other.notional_e8, rate_e8))
            self._deposit(max(0, pays_e8 - excess_e8))
            rate_e8 = rate_e8 if other.lots > 0 else -rate_e8
            self._ask(CommandKind.SETTLE_FUNDING, records=[{"symbol": 1, "rate_e8": rate_e8}])
        assert self._exchange.wallet(_TRADER, asset).cross_wallet_e8 == wallet_e8


def _entry_ticks(other: PoolPosition) -> int:
    """The tick at or below the average entry."""
    if other.rules.is_inverse:
        return other.entry_e8 // other.rules.tick_e8
    return abs(other.entry_cost_e8) // (other.rules.tick_value_e8 * abs(other.lots))


def _opposite(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY


def _price(symbol: int, mark_e8: int) -> dict[str, int]:
    return {"symbol": symbol, "index_e8": mark_e8, "mark_e8": mark_e8}
