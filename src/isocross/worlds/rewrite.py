"""Rewrite: one small change of a history, as a value. Several make one branch, in the order in which they are given.

Responsible for: the rewrites and the functions that make them from a trader's words. Must not: live anything.

    flip_mode(me, "BTCUSDT")                        the other margin mode
    set_leverage(me, "BTCUSDT", 5)                  another leverage
    add_margin(me, "BTCUSDT", 100, at=after(order)) more isolated margin
    place_stop(me, "BTCUSDT", 57_500, at=after(order))
    drop(order), insert(kind, at=…, …)              a command left out, a command put in
    stop_at("liquidation", account=me)              no further than an event

An account is an Account of a Sandbox, its name, or its number. A moment is a time, or a place beside a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..codes import CommandKind, EventKind, MarginMode, OrderType, PositionSide, Side
from ..command import COMMAND_FIELDS
from ..errors import InputError, RewriteError
from ..exchange import Exchange
from ..units import ONE_E8, Amount, format_e8, to_e8, to_grid
from .legs import leg_name
from .moment import Moment, MomentLike, before, moment_of
from .plan import FIRST_USER_ACCOUNT, Draft, Stop

AccountLike = Any  # an int, a name, or anything with a `number`


class Rewrite(Protocol):
    """A change of a history."""

    def plan(self, draft: Draft) -> None:
        """Say what it leaves out and puts in. Errors   RewriteError where it does not apply."""
        ...


@dataclass(frozen=True, slots=True)
class FlipMode:
    """An account lives a symbol in the other margin mode.

    Its own mode commands for the symbol are left out, and one is put in at the last moment at which it is flat and orderless:
    before its first order there; or, `since` a moment, the last such moment up to it, for the trade that is open then.
    """

    account: AccountLike
    symbol: str
    since: MomentLike | None = None
    to: MarginMode | None = None  # None: the other one than the account has there

    def plan(self, draft: Draft) -> None:
        """Mode commands out, one in."""
        account, symbol = draft.account(self.account), draft.symbol(self.symbol)
        place = draft.settling_place(account, symbol, self.since)
        draft.leave_out_all(CommandKind.SET_MARGIN_MODE, account, symbol, 0 if self.since is None else place)
        draft.put_in(place, str(self), _Mode(account, symbol, self.to))

    def __str__(self) -> str:
        to = "the other mode" if self.to is None else self.to.name.lower()
        return f"{_account_text(self.account)}, {self.symbol} in {to}{_since_text(self.since)}"


@dataclass(frozen=True, slots=True)
class SetLeverage:
    """An account trades a symbol with another leverage: placed like the margin mode of FlipMode, its own commands left out."""

    account: AccountLike
    symbol: str
    leverage: int
    since: MomentLike | None = None

    def plan(self, draft: Draft) -> None:
        """Leverage commands out, one in."""
        account, symbol = draft.account(self.account), draft.symbol(self.symbol)
        place = draft.settling_place(account, symbol, self.since)
        draft.leave_out_all(CommandKind.SET_LEVERAGE, account, symbol, 0 if self.since is None else place)
        draft.put_in(place, str(self), _Leverage(account, symbol, self.leverage))

    def __str__(self) -> str:
        return f"{_account_text(self.account)}, {self.symbol} at {self.leverage}x{_since_text(self.since)}"


@dataclass(frozen=True, slots=True)
class AddMargin:
    """Money of the cross wallet is moved into an isolated position at a moment."""

    account: AccountLike
    symbol: str
    amount_e8: int
    at: MomentLike
    position_side: PositionSide = PositionSide.BOTH  # in hedge mode: whose wallet

    def plan(self, draft: Draft) -> None:
        """One ADD_MARGIN in."""
        fields = {"account": draft.account(self.account), "symbol": draft.symbol(self.symbol)}
        fields |= {"amount_e8": self.amount_e8, "position_side": self.position_side}
        draft.put_in(draft.place(self.at), str(self), Put(CommandKind.ADD_MARGIN, fields, _time_of(self.at)))

    def __str__(self) -> str:
        what = leg_name(self.symbol, self.position_side)
        return f"{_account_text(self.account)}, {format_e8(self.amount_e8)} more margin for {what}, {self.at}"


@dataclass(frozen=True, slots=True)
class PlaceStop:
    """A stop that closes the whole position of a symbol at market when mark reaches a price, placed at a moment."""

    account: AccountLike
    symbol: str
    price: Amount
    at: MomentLike
    position_side: PositionSide | None = None  # None: of the position that is open then

    def plan(self, draft: Draft) -> None:
        """One PLACE_CONDITIONAL in."""
        account, symbol = draft.account(self.account), draft.symbol(self.symbol)
        ticks = to_grid(self.price, draft.rules(symbol).tick_e8, f"stop ({self.symbol}, tick)")
        draft.put_in(draft.place(self.at), str(self), _Stop(account, symbol, ticks, self.position_side, _time_of(self.at)))

    def __str__(self) -> str:
        what = leg_name(self.symbol, self.position_side or PositionSide.BOTH)
        return f"{_account_text(self.account)}, stop of {what} at {self.price}, {self.at}"


@dataclass(frozen=True, slots=True)
class Drop:
    """A command is left out. Its number stays unused, so that a later cancel still means the order it meant."""

    sequence: int

    def plan(self, draft: Draft) -> None:
        """One command out."""
        draft.leave_out(draft.command(self.sequence))

    def __str__(self) -> str:
        return f"without command {self.sequence}"


@dataclass(frozen=True, slots=True)
class Insert:
    """Any command, in the exchange's integers (docs/reference/commands.md), at a moment."""

    kind: CommandKind
    at: MomentLike
    fields: Mapping[str, int] = field(default_factory=dict)

    def plan(self, draft: Draft) -> None:
        """One command in."""
        if self.fields.get("account", 0) >= FIRST_USER_ACCOUNT and self.kind != CommandKind.CREATE_ACCOUNT:
            draft.account(self.fields["account"])
        draft.put_in(draft.place(self.at), str(self), Put(self.kind, dict(self.fields), _time_of(self.at)))

    def __str__(self) -> str:
        return f"{self.kind.name.lower()} {dict(self.fields)} put in, {self.at}"


@dataclass(frozen=True, slots=True)
class StopAt:
    """The branch ends right after the first command that has such an event; without one it ends where the history does."""

    event: EventKind
    account: AccountLike | None = None
    symbol: str | None = None

    def plan(self, draft: Draft) -> None:
        """Watch for the event."""
        account, accounts = None, set(draft.plan.accounts)
        if self.account is not None:
            account = draft.account(self.account)
            draft.plan.accounts = accounts  # who is only watched has no other intents
        draft.stop(Stop(self.event, account, None if self.symbol is None else draft.symbol(self.symbol)))

    def __str__(self) -> str:
        whose = "" if self.account is None else f" of {_account_text(self.account)}"
        where = "" if self.symbol is None else f" in {self.symbol}"
        return f"up to the first {self.event.name.lower().replace('_', ' ')}{whose}{where}"


# ---- made from words


def flip_mode(
    account: AccountLike, symbol: str, *, since: MomentLike | None = None, to: str | MarginMode | None = None
) -> FlipMode:
    """The other margin mode, for the account's whole life in the symbol, or for the trade that is open at `since`.

    Takes    to: "isolated" or "cross"; without it the other one than the account has when it begins to trade.
    """
    if isinstance(to, str):
        modes = {"isolated": MarginMode.ISOLATED, "cross": MarginMode.CROSS, "crossed": MarginMode.CROSS}
        if to.lower() not in modes:
            raise InputError(f"to: {to!r}: expected isolated or cross")
        to = modes[to.lower()]
    return FlipMode(account, symbol, since, to)


def set_leverage(
    account: AccountLike, symbol: str, leverage: Amount, *, since: MomentLike | None = None
) -> SetLeverage:
    """Another leverage, for the account's whole life in the symbol, or for the trade that is open at `since`."""
    text = leverage.strip().removesuffix("x") if isinstance(leverage, str) else leverage
    return SetLeverage(account, symbol, to_grid(text, ONE_E8, "leverage"), since)


def add_margin(
    account: AccountLike, symbol: str, amount: Amount, *, at: MomentLike, position_side: PositionSide = PositionSide.BOTH
) -> AddMargin:
    """Move `amount` from the cross wallet into the isolated position at a moment. position_side: LONG or SHORT in hedge mode."""
    return AddMargin(account, symbol, to_e8(amount, "margin"), at, position_side)


def place_stop(
    account: AccountLike, symbol: str, price: Amount, *, at: MomentLike, position_side: PositionSide | None = None
) -> PlaceStop:
    """Close the position that is open at a moment when mark reaches `price` on its losing side.

    Takes    position_side: which one, where an account in hedge mode has two.
    """
    return PlaceStop(account, symbol, price, at, position_side)


def drop(command: Any) -> Drop:
    """Leave out a command: its sequence number, or what it handed back."""
    found: Moment = before(command)
    assert found.sequence is not None
    return Drop(found.sequence)


def insert(kind: CommandKind, *, at: MomentLike, **fields: int) -> Insert:
    """Put in a command, in the exchange's integers."""
    unknown = sorted(set(fields) - set(COMMAND_FIELDS))
    if unknown:
        raise InputError(f"insert: {', '.join(unknown)}: not a field of a command")
    return Insert(CommandKind(kind), at, fields)


def stop_at(
    event: str | EventKind = "liquidation", *, account: AccountLike | None = None, symbol: str | None = None
) -> StopAt:
    """Go no further than the first "liquidation", or another event by its name, of an account and in a symbol if given."""
    if isinstance(event, str):
        name = {"liquidation": "liquidation_ended"}.get(event.lower(), event.lower())
        if name.upper() not in EventKind.__members__:
            raise InputError(f"event: {event!r}: expected liquidation, or one of {', '.join(_event_names())}")
        event = EventKind[name.upper()]
    return StopAt(event, account, symbol)


# ---- what is put in


@dataclass(frozen=True, slots=True)
class Put:
    """A command that says the same in every world."""

    kind: CommandKind
    fields: dict[str, int]
    time_ms: int | None = None

    def command(self, base: Exchange, own: Exchange) -> tuple[CommandKind, dict[str, int]]:
        """Itself."""
        return self.kind, self.fields


@dataclass(frozen=True, slots=True)
class _Mode:
    account: int
    symbol: int
    to: MarginMode | None
    time_ms: int | None = None

    def command(self, base: Exchange, own: Exchange) -> tuple[CommandKind, dict[str, int]] | None:
        """The mode that the base does not have here; nothing when the branch has it already."""
        to = MarginMode(1 - base.margin_mode(self.account, self.symbol)) if self.to is None else self.to
        if own.margin_mode(self.account, self.symbol) == to:
            return None
        return CommandKind.SET_MARGIN_MODE, {"account": self.account, "symbol": self.symbol, "margin_mode": to}


@dataclass(frozen=True, slots=True)
class _Leverage:
    account: int
    symbol: int
    leverage: int
    time_ms: int | None = None

    def command(self, base: Exchange, own: Exchange) -> tuple[CommandKind, dict[str, int]] | None:
        """The leverage; nothing when the branch has it already."""
        if own.leverage(self.account, self.symbol) == self.leverage:
            return None
        return CommandKind.SET_LEVERAGE, {"account": self.account, "symbol": self.symbol, "leverage": self.leverage}


@dataclass(frozen=True, slots=True)
class _Stop:
    account: int
    symbol: int
    trigger_ticks: int
    position_side: PositionSide | None
    time_ms: int | None

    def command(self, base: Exchange, own: Exchange) -> tuple[CommandKind, dict[str, int]]:
        """A stop of the position as it stands in the branch."""
        try:
            position = own.position(self.account, self.symbol, self.position_side)
        except InputError as error:
            raise RewriteError(str(error)) from None
        lots = position.lots
        if lots == 0:
            raise RewriteError("no position is open there")
        return CommandKind.PLACE_CONDITIONAL, {
            "account": self.account,
            "symbol": self.symbol,
            "side": Side.SELL if lots > 0 else Side.BUY,
            "order_type": OrderType.STOP_MARKET,
            "trigger_ticks": self.trigger_ticks,
            "is_close_position": 1,
            "position_side": position.position_side,
        }


# ---- private


def _time_of(moment: MomentLike) -> int | None:
    """The time that a moment names, if it names one."""
    return moment_of(moment).time_ms


def _account_text(account: AccountLike) -> str:
    name = getattr(account, "name", account)
    return f"account {name}" if isinstance(name, int) else str(name)


def _since_text(since: MomentLike | None) -> str:
    return "" if since is None else f" since {since}"


def _event_names() -> list[str]:
    return [kind.name.lower() for kind in EventKind]
