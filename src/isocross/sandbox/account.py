"""Account: what the owner of an account may do, and what it has.

Responsible for: Account: its words into commands, what became of an order. Must not: move a price.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ..codes import CommandKind, EventKind, MarginMode, OrderType, PositionMode, PositionSide, Reason, Side
from ..errors import InputError
from ..exchange import Exchange, Result
from ..rulebook import SymbolRules
from ..units import ONE_E8, Amount, to_e8, to_grid
from ..views import PositionView
from ..worlds.loss_cap import LossCap, loss_cap
from .exits import Exit
from .ordering import Wish, exit_command, side_of
from .previews import Previews
from .records import Order, OrderResult, Position, Rows, Wallet, decimal, rounded_price
from .refusing import Command
from .sending import Sender


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
        until: int | str | None = None,
        position_side: PositionSide | str | None = None,
    ) -> OrderResult:
        """Place an order: a limit order with a `price`, else at market. `preview` says before what it would do.

        Takes    qty: base units; or margin: the most lots whose margin (isolated: what moves into the position and is held for
                 it; cross: initial margin) is at most this, fee apart. stop, take_profit: mark prices at which the whole
                 position is closed at market; they end with the position. tif: GTC, IOC, FOK, GTX (post-only). until: when
                 what still rests of a limit order expires, "2026-01-01T08:00". position_side,
                 in hedge mode: long or short; without it a buy opens the long, a sell the short, and reduce_only closes the
                 other one.
        Errors   InputError, AmountError for what cannot be sent; RefusedError for what the exchange refuses. Either all of
                 it is placed, exits included, or nothing.
        """
        wish = Wish.of(
            self.exchange,
            self.number,
            self.name,
            symbol,
            side,
            qty=qty,
            margin=margin,
            price=price,
            stop=stop,
            take_profit=take_profit,
            reduce_only=reduce_only,
            tif=tif,
            until=until,
            position_side=position_side,
        )
        return self._place(wish)

    def close(
        self, symbol: str, qty: Amount | None = None, *, position_side: PositionSide | str | None = None
    ) -> OrderResult:
        """Close the position, or `qty` of it, at market. position_side: which one, where there are two."""
        return self._place(Wish.to_close(self.exchange, self.number, self.name, symbol, qty, position_side))

    @property
    def preview(self) -> Previews:
        """What an order would do, in both margin modes, before it is sent: preview.buy(…), .sell(…), .order(…), .close(…)."""
        return Previews(self.exchange, self._sender, self.name, self.number)

    def stop(self, symbol: str, price: Amount, *, position_side: PositionSide | str | None = None) -> int:
        """Close the open position at market when mark reaches `price` on its losing side. Returns the order's id."""
        return self._exit(symbol, OrderType.STOP_MARKET, price, position_side)

    def take_profit(self, symbol: str, price: Amount, *, position_side: PositionSide | str | None = None) -> int:
        """Close the open position at market when mark reaches `price` on its winning side. Returns the order's id."""
        return self._exit(symbol, OrderType.TAKE_PROFIT_MARKET, price, position_side)

    def cancel(self, order_id: int) -> None:
        """Cancel one open order, stop or take-profit."""
        self._carry_out(
            [Command(CommandKind.CANCEL_ORDER, {"account": self.number, "order_id": order_id}, f"cancel #{order_id}")]
        )

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel the resting orders, of one symbol or of all; stops and take-profits stay."""
        fields = {"account": self.number} | ({} if symbol is None else {"symbol": self.exchange.symbol_row(symbol)})
        self._carry_out([Command(CommandKind.CANCEL_ALL, fields, "cancel all")])

    def amend(self, order_id: int, *, price: Amount | None = None, qty: Amount | None = None) -> None:
        """Give a resting limit order another price, or another whole quantity, what has filled included.

        Fewer at the same price keeps its place in the queue; anything else is the last one at its price, and may trade at once.
        Errors   InputError, AmountError; RefusedError, and then the order is what it was.
        """
        order = self.exchange.order(order_id)
        if order is None or order.account != self.number:
            raise InputError(f"amend: {self.name} has no open order #{order_id}")
        rules = self.exchange.rules(order.symbol)
        fields = {"account": self.number, "order_id": order_id, "symbol": self.exchange.symbol_row(order.symbol)}
        if price is not None:
            fields["price_ticks"] = to_grid(price, rules.tick_e8, f"price ({rules.symbol}, tick)")
        if qty is not None:
            fields["lots"] = to_grid(qty, rules.step_e8, f"qty ({rules.symbol}, step)")
        self._carry_out([Command(CommandKind.AMEND_ORDER, fields, f"amend #{order_id}")])

    def cancel_all_after(self, symbol: str, seconds: int) -> None:
        """A dead man's switch: cancel the resting orders of a symbol after so many seconds, unless this is said again; 0 switches it off."""
        due_ms = self.exchange.time_ms + 1000 * seconds if seconds else 0
        fields = {"account": self.number, "symbol": self.exchange.symbol_row(symbol), "expire_ms": due_ms}
        self._carry_out([Command(CommandKind.COUNTDOWN_CANCEL, fields, f"cancel all of {symbol} after {seconds} s")])

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

    def set_position_mode(self, mode: str | PositionMode) -> None:
        """One signed position per symbol (one-way), or a long and a short beside each other (hedge), for all symbols."""
        fields = {"account": self.number, "position_mode": _position_mode(mode)}
        self._carry_out([Command(CommandKind.SET_POSITION_MODE, fields, "position mode")])

    def add_margin(
        self, symbol: str, amount: Amount, *, position_side: PositionSide | str | None = None
    ) -> None:
        """Move money from the cross wallet into the isolated position. position_side: which one, where there are two."""
        self._carry_out([self._margin_command(CommandKind.ADD_MARGIN, "add margin", symbol, amount, position_side)])

    def remove_margin(
        self, symbol: str, amount: Amount, *, position_side: PositionSide | str | None = None
    ) -> None:
        """Move money from the isolated position back into the cross wallet. position_side: which one, where there are two."""
        self._carry_out([self._margin_command(CommandKind.REMOVE_MARGIN, "remove margin", symbol, amount, position_side)])

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

    def position(self, symbol: str, *, position_side: PositionSide | str | None = None) -> Position:
        """The position in a symbol; flat when there is none. position_side: which one, where there are two."""
        return Position.of(self._view(symbol, position_side), self._rules(symbol))

    def loss_cap(self, symbol: str, *, position_side: PositionSide | str | None = None) -> LossCap:
        """The worst case of the position in a symbol, in one line: what an isolated one can cost, what a cross one takes along.

        Errors   InputError when none is open.
        """
        return loss_cap(self._sender, self.number, symbol, position_side=side_of(position_side))

    def wallet(self, asset: str | None = None) -> Wallet:
        """What it has in one margin asset, the rulebook's first unless said."""
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

    def _view(self, symbol: str, position_side: PositionSide | str | None = None) -> PositionView:
        return self.exchange.position(self.number, symbol, side_of(position_side))

    def _place(self, wish: Wish) -> OrderResult:
        sized = wish.sized(self.exchange)
        assert sized.lots is not None
        done = self._carry_out(sized.commands)
        self._keep_exits(done[1:], wish.rules.symbol, wish.side == Side.BUY, done[0].order_id)
        placed = {kind: one.order_id for (kind, _), one in zip(wish.exits, done[1:], strict=True)}
        return self._result(done[0], wish.rules, wish.side, sized.lots, placed)

    def _carry_out(self, commands: Sequence[Command]) -> list[Result]:
        return self._sender.carry_out([one._replace(what=f"{self.name}: {one.what}") for one in commands])

    def _exit(
        self, symbol: str, kind: OrderType, price: Amount, position_side: PositionSide | str | None
    ) -> int:
        rules = self._rules(symbol)
        name = "stop" if kind == OrderType.STOP_MARKET else "take-profit"
        view = self._view(symbol, position_side)
        lots = view.lots
        if lots == 0:
            raise InputError(f"{name} {rules.symbol}: {self.name} has no position there: expected one to protect")
        trigger = to_grid(price, rules.tick_e8, f"{name} ({rules.symbol}, tick)")
        row = self.exchange.symbol_row(rules.symbol)
        done = self._carry_out([exit_command(rules, self.number, row, view.position_side, lots > 0, kind, trigger)])
        self._keep_exits(done, rules.symbol, lots > 0, 0)
        return done[0].order_id

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

    def _margin_command(
        self, kind: CommandKind, what: str, symbol: str, amount: Amount, position_side: PositionSide | str | None
    ) -> Command:
        fields = {"account": self.number, "symbol": self.exchange.symbol_row(symbol), "amount_e8": to_e8(amount, what)}
        if self.exchange.position_mode(self.number) == PositionMode.HEDGE or position_side is not None:
            fields["position_side"] = side_of(position_side) or self._view(symbol).position_side
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
            average_price=rounded_price(rules, sum(fills["value_e8"].tolist()), filled),
            fee=decimal(sum(fills["fee_e8"].tolist())),
            realized_pnl=decimal(sum(fills["amount_e8"].tolist())),
            resting=decimal((lots - filled - gone) * step_e8),
            expired=decimal(gone * step_e8),
            expired_reason=Reason(int(expired["code"][0])).name if gone else None,
            stop_order_id=exits.get(OrderType.STOP_MARKET),
            take_profit_order_id=exits.get(OrderType.TAKE_PROFIT_MARKET),
            events=done.events,
        )


class Accounts(dict[str, Account]):
    """Accounts by their names."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values())) or "none"

    def _repr_html_(self) -> str:
        return "".join(account._repr_html_() for account in self.values()) or "none"


def _position_mode(mode: str | PositionMode) -> PositionMode:
    if isinstance(mode, PositionMode):
        return mode
    modes = {"hedge": PositionMode.HEDGE, "one-way": PositionMode.ONE_WAY}
    if str(mode).lower() not in modes:
        raise InputError(f"position mode: {mode!r}: expected hedge or one-way")
    return modes[str(mode).lower()]


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
