"""Outcome: what commands of an account do to it, read off an exchange that carries them out and is rolled back.

Responsible for: fills, fees, money and every position before and after, the most that can be lost, what a liquidation would
take along, a resting order's fill. Must not: hold a formula, choose a margin mode, leave a byte changed.

Every number is read off the engine after it has carried the commands out. So at an unchanged state it is what happens, to
the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..codes import (
    CommandKind,
    EventKind,
    MarginMode,
    OrderType,
    PositionMode,
    PositionSide,
    Reason,
    Refusal,
    Side,
    TimeInForce,
)
from ..exchange import Exchange, Result
from ..views import OrderView, PositionView, WalletView
from .told import Liquidation, liquidations_in

_HOUSE = 1
_FIELDS = ("kind", "code", "order_id", "side", "price_ticks", "lots", "value_e8", "amount_e8", "fee_e8")

Commands = Sequence[tuple[CommandKind, Mapping[str, Any]]]
Positions = dict[tuple[str, PositionSide], PositionView]  # by contract and side


class Traded(NamedTuple):
    """Fills of the account at one price."""

    side: Side
    price_ticks: int
    lots: int
    value_e8: int
    fee_e8: int
    realized_pnl_e8: int


class Change(NamedTuple):
    """One position before and after."""

    before: PositionView
    after: PositionView


@dataclass(frozen=True, slots=True)
class WhenFilled:
    """What a resting order makes once it is filled at its limit, marks as they are now.

    The house trades against the book down to it, so what waits before it is filled too, the account's own orders included.
    """

    wallet: WalletView
    positions: tuple[Change, ...]  # against the position before the commands
    fee_e8: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the commands do. Money × 10^8 of the margin asset. All or none: where one is refused nothing changes."""

    results: tuple[Result, ...]  # up to the first that is refused
    refusal: Refusal
    before: WalletView
    after: WalletView
    positions: tuple[Change, ...]  # the contract's own, then every other one that changes
    fills: tuple[Traded, ...] = ()
    moved_in_e8: int = 0  # into the isolated wallet, by fills
    moved_back_e8: int = 0  # out of it
    resting_lots: int = 0
    expired_lots: int = 0
    expired_reason: Reason = Reason.NONE
    most_lost_e8: int | None = None  # by what is open in the contract, orders apart; None: nothing is open there
    takes_along: tuple[PositionView, ...] = ()  # other positions that its liquidation would take
    orders_along: int = 0  # resting orders that it would cancel
    liquidations: tuple[Liquidation, ...] = ()  # of the account, set off by the commands themselves
    when_filled: WhenFilled | None = None  # of an order that rests

    @property
    def position(self) -> Change:
        """The contract's own position."""
        return self.positions[0]

    @property
    def filled_lots(self) -> int:
        """Lots that trade at once."""
        return sum(fill.lots for fill in self.fills)

    @property
    def value_e8(self) -> int:
        """Of these fills."""
        return sum(fill.value_e8 for fill in self.fills)

    @property
    def fee_e8(self) -> int:
        """Of these fills."""
        return sum(fill.fee_e8 for fill in self.fills)

    @property
    def realized_pnl_e8(self) -> int:
        """Of these fills."""
        return sum(fill.realized_pnl_e8 for fill in self.fills)

    @property
    def margin_e8(self) -> int:
        """What the contract holds more than before: isolated wallet and margin held. Below zero: less."""
        before, after = self.position
        return after.isolated_wallet_e8 + after.margin_held_e8 - before.isolated_wallet_e8 - before.margin_held_e8

    @property
    def cost_e8(self) -> int:
        """What is less available than before, fees included. Below zero: more."""
        return self.before.available_e8 - self.after.available_e8


def outcome_of(
    exchange: Exchange, account: int, symbol: str | int, commands: Commands, switches: Commands = ()
) -> Outcome:
    """What commands of an account in a contract do; the exchange is left as it was.

    Takes    commands: at least one, as Exchange.submit takes them. switches: commands that go before, whose effect counts as
             what was there before.
    """
    assert commands, "nothing is asked"
    with exchange.previewing():
        for kind, fields in switches:
            exchange.submit(kind, **fields).raise_if_refused()
        before = _Look(exchange, account, symbol, _side_of(exchange, account, commands))
        results: list[Result] = []
        for kind, fields in commands:
            results.append(exchange.submit(kind, **fields))
            if not results[-1].is_accepted:
                unchanged = (Change(before.own, before.own),)
                return Outcome(tuple(results), results[-1].refusal, before.wallet, before.wallet, unchanged)
        after = _Look(exchange, account, symbol, before.side, before.positions)
        resting = next((one for one in after.orders if one.order_id == results[0].order_id and _is_in_book(one)), None)
        when_filled = None if resting is None else _when_filled(exchange, resting, before)
    return _told(results, before, after, resting, when_filled)


def _side_of(exchange: Exchange, account: int, commands: Commands) -> PositionSide:
    """The position side that the commands are about; in hedge mode LONG where they name none, and are refused."""
    if exchange.position_mode(account) == PositionMode.ONE_WAY:
        return PositionSide.BOTH
    named = commands[0][1].get("position_side", PositionSide.BOTH)
    return PositionSide.SHORT if named == PositionSide.SHORT else PositionSide.LONG


class _Look:
    """An account in one margin asset, at one instant: its wallet, its positions, its orders."""

    def __init__(
        self,
        exchange: Exchange,
        account: int,
        symbol: str | int,
        side: PositionSide,
        also: Iterable[tuple[str, PositionSide]] = (),
    ) -> None:
        rules = exchange.rules(symbol)
        self.symbol = rules.symbol
        self.side = side
        self.wallet = exchange.wallet(account, rules.margin_asset)
        opened = [leg for leg in exchange.open_legs(account) if exchange.rules(leg[0]).margin_asset == rules.margin_asset]
        legs = dict.fromkeys([(rules.symbol, side), *also, *opened])
        self.positions: Positions = {leg: exchange.position(account, *leg) for leg in legs}
        orders = exchange.orders(account)
        self.orders = [one for one in orders if exchange.rules(one.symbol).margin_asset == rules.margin_asset]

    @property
    def own(self) -> PositionView:
        """The position in the contract."""
        return self.positions[self.symbol, self.side]

    def changes_since(self, earlier: _Look) -> tuple[Change, ...]:
        """The contract's own position, then every other one that is not what it was."""
        others = [
            Change(earlier.positions[name], after)
            for name, after in self.positions.items()
            if after is not self.own and earlier.positions[name] != after
        ]
        return (Change(earlier.own, self.own), *others)


def _told(
    results: Sequence[Result], before: _Look, after: _Look, resting: OrderView | None, when_filled: WhenFilled | None
) -> Outcome:
    """The outcome of commands that were all accepted."""
    own = _events_of(after.own.account, results)
    placed = {one.order_id for one in results}
    expired = [one for one in own if one["kind"] == EventKind.EXPIRED and one["order_id"] in placed]
    moved = [one for one in own if one["kind"] == EventKind.MARGIN_MOVED]
    is_isolated = after.own.margin_mode == MarginMode.ISOLATED
    others = [one for one in after.positions.values() if one.lots and one is not after.own]
    with_it = [] if is_isolated else [one for one in others if one.margin_mode == MarginMode.CROSS]
    here = after.symbol, after.side
    orders = [one for one in after.orders if _is_in_book(one) and ((one.symbol, one.position_side) == here or not is_isolated)]
    return Outcome(
        results=tuple(results),
        refusal=Refusal.NONE,
        before=before.wallet,
        after=after.wallet,
        positions=after.changes_since(before),
        fills=_traded([one for one in own if one["kind"] == EventKind.FILLED and one["order_id"] in placed]),
        moved_in_e8=sum(one["amount_e8"] for one in moved if one["code"] == Reason.ISOLATED_FILL),
        moved_back_e8=-sum(one["amount_e8"] for one in moved if one["code"] == Reason.ISOLATED_CLOSE),
        resting_lots=0 if resting is None else resting.lots,
        expired_lots=sum(one["lots"] for one in expired),
        expired_reason=Reason(expired[0]["code"]) if expired else Reason.NONE,
        most_lost_e8=_most_lost_e8(before, after) if after.own.lots else None,
        takes_along=tuple(with_it) if after.own.lots else (),
        orders_along=len(orders) if after.own.lots else 0,
        liquidations=tuple(
            one
            for done in results
            if any(event["kind"] == EventKind.LIQUIDATION_STARTED for event in own)
            for one in liquidations_in(done.events)
            if one.account == after.own.account
        ),
        when_filled=when_filled,
    )


def _is_in_book(order: OrderView) -> bool:
    """Whether an open order rests; all others wait for their trigger, and hold no margin."""
    return order.order_type == OrderType.LIMIT


def _most_lost_e8(before: _Look, after: _Look) -> int:
    """Isolated: what would be gone with all of the isolated wallet, fees of the commands included. Cross: the whole pool."""
    if after.own.margin_mode == MarginMode.ISOLATED:
        had_e8 = before.wallet.cross_wallet_e8 + before.own.isolated_wallet_e8
        return had_e8 - after.wallet.cross_wallet_e8
    return max(0, before.wallet.margin_balance_e8)


def _events_of(account: int, results: Sequence[Result]) -> list[dict[str, int]]:
    """The events of an account, in order, with the fields that are read here. A few: numpy would cost more than it saves."""
    found = []
    for done in results:
        mine = done.events[done.events["account"] == account]
        found += [
            dict(zip(_FIELDS, row, strict=True)) for row in zip(*(mine[name].tolist() for name in _FIELDS), strict=True)
        ]
    return found


def _traded(fills: Sequence[Mapping[str, int]]) -> tuple[Traded, ...]:
    """Fills, price by price, in their order."""
    by_price: dict[tuple[int, int], list[int]] = {}
    for fill in fills:
        sums = by_price.setdefault((fill["side"], fill["price_ticks"]), [0, 0, 0, 0])
        for place, name in enumerate(("lots", "value_e8", "fee_e8", "amount_e8")):
            sums[place] += fill[name]
    return tuple(Traded(Side(side), price, *sums) for (side, price), sums in by_price.items())


def _when_filled(exchange: Exchange, order: OrderView, before: _Look) -> WhenFilled | None:
    """Let the house trade against the book down to a resting order. None where the order would not live to be filled."""
    is_buy = order.side == Side.BUY
    fields: dict[str, Any] = {
        "account": _HOUSE,
        "symbol": exchange.symbol_row(order.symbol),
        "side": Side.SELL if is_buy else Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.IOC,
        "price_ticks": order.price_ticks,
    }
    waiting = exchange.lots_up_to(order.symbol, order.side, order.price_ticks)
    filled = fee_e8 = 0
    while waiting > 0:
        lots = min(waiting, exchange.rules(order.symbol).lots_max)
        done = exchange.submit(CommandKind.PLACE_ORDER, lots=lots, **fields)
        if not done.is_accepted:
            return None
        waiting -= lots
        fills = [one for one in _events_of(order.account, [done]) if one["kind"] == EventKind.FILLED]
        fee_e8 += sum(one["fee_e8"] for one in fills)
        filled += sum(one["lots"] for one in fills if one["order_id"] == order.order_id)
    if filled < order.lots:
        return None
    after = _Look(exchange, order.account, order.symbol, order.position_side, before.positions)
    return WhenFilled(after.wallet, after.changes_since(before), fee_e8)
