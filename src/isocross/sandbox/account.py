"""Account: what the owner of an account may do, and what it has.

Responsible for: Account: its words into commands, what became of an order. Must not: move a price.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ..codes import CommandKind, EventKind, MarginMode, OrderType, Reason, Refusal, Side, TimeInForce
from ..errors import InputError, RefusedError
from ..exchange import Exchange, Result
from ..rulebook import SymbolRules
from ..units import ONE_E8, Amount, format_e8, to_e8, to_grid
from ..views import PositionView
from .exits import Exit
from .records import Order, OrderResult, Position, Rows, Wallet, decimal, rounded_price
from .sending import Command, Sender
from .sizing import lots_for_margin


class Account:
    """One account of a Sandbox: what its owner may do, and what it has."""

    def __init__(self, exchange: Exchange, sender: Sender, name: str, number: int) -> None:
        self.exchange = exchange
        self.name = name
        self.number = number  # of the exchange's accounts
        self._sender = sender

    def open(self, deposits: Mapping[str, Amount]) -> None:
        """Open it with these deposits."""
        opening = Command(CommandKind.CREATE_ACCOUNT, {"account": self.number}, "open account")
        self._carry_out([opening, *self._transfers(CommandKind.DEPOSIT, deposits)])

    # ---- orders

    def buy(self, symbol: str, **order: Any) -> OrderResult:
        """Buy: `qty` in base units, or `margin` to put at stake; see `order`."""
        return self.order(symbol, Side.BUY, **order)

    def sell(self, symbol: str, **order: Any) -> OrderResult:
        """Sell: `qty` in base units, or `margin` to put at stake; see `order`."""
        return self.order(symbol, Side.SELL, **order)

    def order(
        self,
        symbol: str,
        side: Side | str,
        *,
        qty: Amount | None = None,
        margin: Amount | None = None,
        price: Amount | None = None,
        stop: Amount | None = None,
        take_profit: Amount | None = None,
        reduce_only: bool = False,
        tif: str = "GTC",
    ) -> OrderResult:
        """Place an order: a limit order with a `price`, else at market.

        Takes    qty: base units; or margin: the most lots whose margin (isolated: what moves into the position and is held for
                 it; cross: initial margin) is at most this, fee apart. stop, take_profit: mark prices at which the whole
                 position is closed at market; they end with the position. tif: GTC, IOC, FOK, GTX (post-only).
        Errors   InputError, AmountError for what cannot be sent; RefusedError for what the exchange refuses. Either all of
                 it is placed, exits included, or nothing.
        """
        rules = self._rules(symbol)
        chosen = _side(side)
        what = f"{chosen.name.lower()} {rules.symbol}"
        if (qty is None) == (margin is None):
            raise InputError(f"{what}: expected either qty or margin")
        if reduce_only and not (margin is None and stop is None and take_profit is None):
            raise InputError(f"{what}: reduce_only opens nothing: leave out margin, stop and take_profit")
        fields = {
            "account": self.number,
            "symbol": self.exchange.symbol_row(symbol),
            "side": chosen,
            "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "price_ticks": 0 if price is None else to_grid(price, rules.tick_e8, f"price ({rules.symbol}, tick)"),
            "time_in_force": _member(TimeInForce, tif, "tif", ("GTC", "IOC", "FOK", "GTX")),
            "is_reduce_only": int(reduce_only),
        }
        exits = [
            (kind, to_grid(trigger, rules.tick_e8, f"{name} ({rules.symbol}, tick)"))
            for name, kind, trigger in (
                ("stop", OrderType.STOP_MARKET, stop),
                ("take_profit", OrderType.TAKE_PROFIT_MARKET, take_profit),
            )
            if trigger is not None
        ]
        if qty is not None:
            fields["lots"] = to_grid(qty, rules.step_e8, f"qty ({rules.symbol}, step)")
        elif margin is not None:
            fields["lots"] = lots_for_margin(self.exchange, fields, to_e8(margin, "margin"), f"{self.name}: {what}")
        size = format_e8(fields["lots"] * rules.step_e8)
        commands = [Command(CommandKind.PLACE_ORDER, fields, f"{chosen.name.lower()} {size} {rules.symbol}")]
        is_long = chosen == Side.BUY
        commands += [self._exit_command(rules, is_long, kind, trigger) for kind, trigger in exits]
        done = self._carry_out(commands)
        self._keep_exits(done[1:], rules.symbol, is_long, done[0].order_id)
        placed = {kind: one.order_id for (kind, _), one in zip(exits, done[1:], strict=True)}
        return self._result(done[0], rules, chosen, fields["lots"], placed)

    def close(self, symbol: str, qty: Amount | None = None) -> OrderResult:
        """Close the position, or `qty` of it, at market."""
        position = self._view(symbol)
        rules = self._rules(symbol)
        if position.lots == 0:
            text = f"close {rules.symbol}: {self.name} has no position there"
            raise RefusedError(f"{text} ({Refusal.REDUCE_ONLY_REJECTED.name})", Refusal.REDUCE_ONLY_REJECTED)
        whole = decimal(abs(position.lots) * rules.step_e8)
        side = Side.SELL if position.lots > 0 else Side.BUY
        return self.order(symbol, side, qty=whole if qty is None else qty, reduce_only=True)

    def stop(self, symbol: str, price: Amount) -> int:
        """Close the open position at market when mark reaches `price` on its losing side. Returns the order's id."""
        return self._exit(symbol, OrderType.STOP_MARKET, price)

    def take_profit(self, symbol: str, price: Amount) -> int:
        """Close the open position at market when mark reaches `price` on its winning side. Returns the order's id."""
        return self._exit(symbol, OrderType.TAKE_PROFIT_MARKET, price)

    def cancel(self, order_id: int) -> None:
        """Cancel one open order, stop or take-profit."""
        self._carry_out(
            [Command(CommandKind.CANCEL_ORDER, {"account": self.number, "order_id": order_id}, f"cancel #{order_id}")]
        )

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel the resting orders, of one symbol or of all; stops and take-profits stay."""
        fields = {"account": self.number} | ({} if symbol is None else {"symbol": self.exchange.symbol_row(symbol)})
        self._carry_out([Command(CommandKind.CANCEL_ALL, fields, "cancel all")])

    # ---- settings and money

    def configure(self, symbol: str, mode: str | MarginMode | None = None, leverage: Amount | None = None) -> Account:
        """Bring margin mode and leverage of a symbol to what is said; what is so already is left alone."""
        commands = []
        if mode is not None and _mode(mode) != self.exchange.margin_mode(self.number, symbol):
            commands.append(self._mode_command(symbol, mode))
        if leverage is not None and _leverage(leverage) != self.exchange.leverage(self.number, symbol):
            commands.append(self._leverage_command(symbol, leverage))
        self._carry_out(commands)
        return self

    def set_mode(self, symbol: str, mode: str | MarginMode) -> None:
        """Switch the margin mode, as at a venue: refused when it is so already."""
        self._carry_out([self._mode_command(symbol, mode)])

    def set_leverage(self, symbol: str, leverage: Amount) -> None:
        """Set the leverage."""
        self._carry_out([self._leverage_command(symbol, leverage)])

    def add_margin(self, symbol: str, amount: Amount) -> None:
        """Move money from the cross wallet into the isolated position."""
        self._carry_out([self._margin_command(CommandKind.ADD_MARGIN, "add margin", symbol, amount)])

    def remove_margin(self, symbol: str, amount: Amount) -> None:
        """Move money from the isolated position back into the cross wallet."""
        self._carry_out([self._margin_command(CommandKind.REMOVE_MARGIN, "remove margin", symbol, amount)])

    def deposit(self, **amounts: Amount) -> None:
        """Pay in: USDT=500."""
        self._carry_out(self._transfers(CommandKind.DEPOSIT, amounts))

    def withdraw(self, **amounts: Amount) -> None:
        """Pay out: USDT=500."""
        self._carry_out(self._transfers(CommandKind.WITHDRAW, amounts))

    # ---- what it has

    @property
    def positions(self) -> Rows[Position]:
        """Open positions."""
        return Rows([Position.of(view, self._rules(view.symbol)) for view in self.exchange.positions(self.number)])

    @property
    def orders(self) -> Rows[Order]:
        """Open orders, stops and take-profits included, oldest first."""
        return Rows([Order.of(view, self._rules(view.symbol)) for view in self.exchange.orders(self.number)])

    def position(self, symbol: str) -> Position:
        """The position in a symbol; flat when there is none."""
        return Position.of(self._view(symbol), self._rules(symbol))

    def wallet(self, asset: str = "USDT") -> Wallet:
        """What it has in one margin asset."""
        return Wallet.of(self.exchange.wallet(self.number, asset))

    def __repr__(self) -> str:
        held = [
            repr(wallet) for wallet in map(self.wallet, self.exchange.assets) if wallet.equity or wallet.cross_wallet
        ]
        return f"{self.name}: {'; '.join(held) or 'empty'}; {len(self.positions)} positions, {len(self.orders)} orders"

    def _repr_html_(self) -> str:
        wallets = Rows([self.wallet(asset) for asset in self.exchange.assets])
        parts = [part._repr_html_() for part in (wallets, self.positions, self.orders) if part]
        return f"<b>{html.escape(self.name)}</b>" + "".join(parts)

    # ---- private

    def _rules(self, symbol: str) -> SymbolRules:
        return self.exchange.rules(symbol)

    def _view(self, symbol: str) -> PositionView:
        return self.exchange.position(self.number, symbol)

    def _carry_out(self, commands: Sequence[Command]) -> list[Result]:
        return self._sender.carry_out([one._replace(what=f"{self.name}: {one.what}") for one in commands])

    def _exit(self, symbol: str, kind: OrderType, price: Amount) -> int:
        rules = self._rules(symbol)
        name = "stop" if kind == OrderType.STOP_MARKET else "take-profit"
        lots = self._view(symbol).lots
        if lots == 0:
            raise InputError(f"{name} {rules.symbol}: {self.name} has no position there: expected one to protect")
        trigger = to_grid(price, rules.tick_e8, f"{name} ({rules.symbol}, tick)")
        done = self._carry_out([self._exit_command(rules, lots > 0, kind, trigger)])
        self._keep_exits(done, rules.symbol, lots > 0, 0)
        return done[0].order_id

    def _exit_command(self, rules: SymbolRules, is_long: bool, kind: OrderType, trigger_ticks: int) -> Command:
        fields = {
            "account": self.number,
            "symbol": self.exchange.symbol_row(rules.symbol),
            "side": Side.SELL if is_long else Side.BUY,
            "order_type": kind,
            "trigger_ticks": trigger_ticks,
            "is_close_position": 1,
        }
        name = "stop" if kind == OrderType.STOP_MARKET else "take-profit"
        return Command(CommandKind.PLACE_CONDITIONAL, fields, f"{name} {rules.symbol}")

    def _keep_exits(self, placed: Sequence[Result], symbol: str, is_long: bool, parent_order_id: int) -> None:
        for one in placed:
            self._sender.exits.add(one.order_id, Exit(self.number, symbol, is_long, parent_order_id))
        self._sender.end_exits()

    def _mode_command(self, symbol: str, mode: str | MarginMode) -> Command:
        fields = {"account": self.number, "symbol": self.exchange.symbol_row(symbol), "margin_mode": _mode(mode)}
        return Command(CommandKind.SET_MARGIN_MODE, fields, f"margin mode of {self._rules(symbol).symbol}")

    def _leverage_command(self, symbol: str, leverage: Amount) -> Command:
        fields = {"account": self.number, "symbol": self.exchange.symbol_row(symbol), "leverage": _leverage(leverage)}
        return Command(CommandKind.SET_LEVERAGE, fields, f"leverage of {self._rules(symbol).symbol}")

    def _margin_command(self, kind: CommandKind, what: str, symbol: str, amount: Amount) -> Command:
        fields = {"account": self.number, "symbol": self.exchange.symbol_row(symbol), "amount_e8": to_e8(amount, what)}
        return Command(kind, fields, f"{what} {self._rules(symbol).symbol}")

    def _transfers(self, kind: CommandKind, amounts: Mapping[str, Amount]) -> list[Command]:
        return [
            Command(
                kind,
                {"account": self.number, "asset": self.exchange.asset_row(asset), "amount_e8": to_e8(amount, asset)},
                f"{kind.name.lower()} {asset}",
            )
            for asset, amount in amounts.items()
        ]

    def _result(
        self, done: Result, rules: SymbolRules, side: Side, lots: int, exits: Mapping[OrderType, int]
    ) -> OrderResult:
        own = done.events[(done.events["account"] == self.number) & (done.events["order_id"] == done.order_id)]
        fills = own[own["kind"] == EventKind.FILLED]
        expired = own[own["kind"] == EventKind.EXPIRED]
        filled = sum(fills["lots"].tolist())
        gone = sum(expired["lots"].tolist())
        step_e8 = rules.step_e8
        return OrderResult(
            order_id=done.order_id,
            symbol=rules.symbol,
            side=side.name.lower(),
            quantity=decimal(lots * step_e8),
            filled=decimal(filled * step_e8),
            average_price=rounded_price(sum(fills["value_e8"].tolist()), filled * step_e8),
            fee=decimal(sum(fills["fee_e8"].tolist())),
            realized_pnl=decimal(sum(fills["amount_e8"].tolist())),
            resting=decimal((lots - filled - gone) * step_e8),
            expired=decimal(gone * step_e8),
            expired_reason=Reason(int(expired["code"][0])).name if gone else None,
            stop_order_id=exits.get(OrderType.STOP_MARKET),
            take_profit_order_id=exits.get(OrderType.TAKE_PROFIT_MARKET),
            events=done.events,
        )


_E = TypeVar("_E", TimeInForce, Side)


def _member(enum: type[_E], text: str, name: str, allowed: Sequence[str]) -> _E:
    if str(text).upper() not in allowed:
        raise InputError(f"{name}: {text!r}: expected one of {', '.join(allowed)}")
    return enum[str(text).upper()]


def _side(side: Side | str) -> Side:
    return side if isinstance(side, Side) else _member(Side, side, "side", ("BUY", "SELL"))


def _mode(mode: str | MarginMode) -> MarginMode:
    if isinstance(mode, MarginMode):
        return mode
    modes = {"isolated": MarginMode.ISOLATED, "cross": MarginMode.CROSS, "crossed": MarginMode.CROSS}
    if str(mode).lower() not in modes:
        raise InputError(f"mode: {mode!r}: expected isolated or cross")
    return modes[str(mode).lower()]


def _leverage(leverage: Amount) -> int:
    """10, "10" or "10x"."""
    return to_grid(leverage.strip().removesuffix("x") if isinstance(leverage, str) else leverage, ONE_E8, "leverage")
