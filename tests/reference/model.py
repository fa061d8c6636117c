"""The reference model: the exchange once more, slow and plain, to check the compiled kernel against.

Responsible for: every command of docs/reference/commands.md: its refusals in the order of codes.Refusal, then what it does.
Written from docs/reference and the design, not from the kernel; of the kernel it knows the schema's names alone.
A check is a generator of the refusals that apply, first one first; past it nothing refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from isocross.codes import (
    CommandKind,
    EventKind,
    IsolatedFundingSource,
    MarginMode,
    OrderType,
    PositionSide,
    Reason,
    Refusal,
    Side,
    TimeInForce,
)
from isocross.kernel.schema import COMMAND, FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW
from isocross.limits import (
    ACCOUNTS_MAX,
    CONTINUATIONS_MAX,
    LADDER_LEVELS_MAX,
    NET_DEPOSITS_MAX_E8,
    ORDER_IDS_PER_COMMAND,
    ORDERS_PER_SYMBOL_MAX,
    SEQUENCE_MAX,
    WALLET_MAX_E8,
)
from isocross.rulebook.model import Rulebook

from .book import Request
from .formulas import ONE, cap_at_leverage, ceil_div, floor_div, funding_payment, notional, sign_of, value_up
from .liquidation import Liquidation
from .state import Event, Order, Position

Command = dict[str, Any]

NOT_SUPPORTED = {
    CommandKind.AMEND_ORDER,
    CommandKind.COUNTDOWN_CANCEL,
    CommandKind.SET_POSITION_MODE,
    CommandKind.SET_SYMBOL_STATUS,
    CommandKind.SET_BRACKETS,
    CommandKind.SET_FEES,
}
WITH_RECORDS = {CommandKind.PRICES, CommandKind.SETTLE_FUNDING}
ASK_IDS_FROM = 2 + LADDER_LEVELS_MAX


class Reference(Liquidation):
    """An exchange of `symbols`, numbered in their order; assets in the order of the rulebook's margin_assets."""

    def __init__(self, rulebook: Rulebook, symbols: list[str]) -> None:
        super().__init__(rulebook, symbols)
        for symbol in range(len(symbols)):  # the fund's and the house's rows are there from the start, in this order
            self.row(FUND_ACCOUNT, symbol)
            self.row(HOUSE_ACCOUNT, symbol)
        self.refusal = Refusal.NONE  # of the last command

    def apply(self, command: Command) -> list[Event]:
        """Apply one command, given by the fields of COMMAND (missing: 0) and 'records'; return its events."""
        c: Command = dict.fromkeys(COMMAND.names, 0) | {"records": []} | command
        c.setdefault("continuation_count", 0)
        if "continuation_count" not in command:
            c["continuation_count"] = len(c["records"])
        self.events, self.touched = [], {}
        check, act = self.handler(c)
        self.refusal = next(self.refusals(c, check), Refusal.NONE)
        self.time_ms = max(self.time_ms, c["time_ms"])
        if self.refusal != Refusal.NONE:
            self.emit(
                EventKind.REFUSED, account=c["account"], symbol=c["symbol"], order_id=c["order_id"], code=self.refusal
            )
            return self.events
        act(c)
        self.settle()
        return self.events

    def handler(self, c: Command) -> tuple[Callable[[Command], Iterator[Refusal]], Callable[[Command], None]]:
        kind = c["kind"]
        if kind not in list(CommandKind) or kind == CommandKind.CONTINUATION or kind in NOT_SUPPORTED:
            return self.check_nothing, self.advance_clock
        name = CommandKind(kind).name.lower()
        return getattr(self, f"check_{name}"), getattr(self, name)

    def refusals(self, c: Command, check: Callable[[Command], Iterator[Refusal]]) -> Iterator[Refusal]:
        """What every command is asked, then its own check."""
        kind, records = c["kind"], c["records"]
        if kind not in list(CommandKind) or kind == CommandKind.CONTINUATION:
            yield Refusal.UNKNOWN_COMMAND
        if kind in NOT_SUPPORTED:
            yield Refusal.NOT_SUPPORTED
        count = c["continuation_count"]
        allowed = CONTINUATIONS_MAX if kind in WITH_RECORDS else 0
        is_empty = kind in WITH_RECORDS and count == 0
        if is_empty or count != len(records) or count > allowed or any(r.get("kind", 0) != CommandKind.CONTINUATION for r in records):
            yield Refusal.MALFORMED_CONTINUATION
        if c["time_ms"] < self.time_ms:
            yield Refusal.TIME_GOES_BACK
        if not 1 <= c["sequence"] < SEQUENCE_MAX:
            yield Refusal.SEQUENCE_OUT_OF_RANGE
        yield from check(c)

    def check_nothing(self, c: Command) -> Iterator[Refusal]:
        yield from ()

    # Accounts and money

    def check_create_account(self, c: Command) -> Iterator[Refusal]:
        if not 2 <= c["account"] <= ACCOUNTS_MAX:
            yield Refusal.ACCOUNT_OUT_OF_RANGE
        if c["account"] in self.accounts:
            yield Refusal.ACCOUNT_EXISTS

    def create_account(self, c: Command) -> None:
        self.accounts[c["account"]] = bool(c["is_house"])
        self.emit(EventKind.ACCOUNT_CREATED, account=c["account"], code=int(bool(c["is_house"])))

    def check_money(self, c: Command, account: int) -> Iterator[Refusal]:
        if not 0 <= c["asset"] < len(self.assets):
            yield Refusal.UNKNOWN_ASSET
        if c["amount_e8"] <= 0:
            yield Refusal.AMOUNT_NOT_POSITIVE
        if c["kind"] == CommandKind.WITHDRAW:
            if c["amount_e8"] > self.max_withdraw(account, c["asset"]):
                yield Refusal.WITHDRAW_TOO_LARGE
            return
        wallet = self.wallet(account, c["asset"]) + c["amount_e8"]
        if wallet > WALLET_MAX_E8 or self.net_deposits[c["asset"]] + c["amount_e8"] > NET_DEPOSITS_MAX_E8:
            yield Refusal.AMOUNT_TOO_LARGE

    def check_deposit(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        yield from self.check_money(c, c["account"])

    def deposit(self, c: Command) -> None:
        self.transfer_money(c, c["account"], c["amount_e8"], Reason.DEPOSIT)

    check_withdraw = check_deposit

    def withdraw(self, c: Command) -> None:
        self.transfer_money(c, c["account"], -c["amount_e8"], Reason.WITHDRAWAL)

    def check_fund_deposit(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_money(c, FUND_ACCOUNT)

    def fund_deposit(self, c: Command) -> None:
        self.transfer_money(c, FUND_ACCOUNT, c["amount_e8"], Reason.FUND_DEPOSIT)

    def transfer_money(self, c: Command, account: int, amount: int, reason: Reason) -> None:
        self.net_deposits[c["asset"]] += amount
        self.move_wallet(account, c["asset"], amount, reason)
        self.touch(account)

    # Orders

    def request_of(self, c: Command) -> Request:
        return Request(
            order_id=c["sequence"] * ORDER_IDS_PER_COMMAND, account=c["account"], symbol=c["symbol"], side=c["side"],
            order_type=c["order_type"], time_in_force=c["time_in_force"], position_side=c["position_side"],
            price=c["price_ticks"], lots=c["lots"], is_reduce_only=bool(c["is_reduce_only"]),
            self_trade_prevention=c["self_trade_prevention"],
        )

    def check_place_order(self, c: Command) -> Iterator[Refusal]:
        yield from self.order_refusals(self.request_of(c))

    def place_order(self, c: Command) -> None:
        self.place(self.request_of(c))

    def check_cancel_order(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        order = self.orders.get(c["order_id"])
        if order is None or order.account != c["account"]:
            yield Refusal.UNKNOWN_ORDER

    def cancel_order(self, c: Command) -> None:
        self.cancel(self.orders[c["order_id"]], Reason.BY_OWNER)

    check_cancel_conditional, cancel_conditional = check_cancel_order, cancel_order

    def check_cancel_all(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        if c["symbol"] != NO_ROW and not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL

    def cancel_all(self, c: Command) -> None:
        for row in self.rows(c["account"]):
            if c["symbol"] in (NO_ROW, row.symbol):
                for order in row.resting():
                    self.cancel(order, Reason.BY_OWNER)

    # Conditionals

    def is_triggered(self, symbol: int, side: int, order_type: int, trigger: int) -> bool:
        mark = floor_div(self.mark[symbol], self.symbols[symbol].tick_e8)
        is_upward = (side == Side.BUY) == (order_type == OrderType.STOP_MARKET)
        return mark >= trigger if is_upward else mark <= trigger

    def check_place_conditional(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        if not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if c["side"] not in (Side.BUY, Side.SELL):
            yield Refusal.UNKNOWN_SIDE
        if c["order_type"] not in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET):
            yield Refusal.UNKNOWN_ORDER_TYPE
        if c["position_side"] != PositionSide.BOTH:
            yield Refusal.POSITION_SIDE_MISMATCH
        symbol, trigger = c["symbol"], c["trigger_ticks"]
        if self.mark[symbol] == 0:
            yield Refusal.NO_MARK_PRICE
        if trigger <= 0:
            yield Refusal.PRICE_NOT_POSITIVE
        if trigger > self.symbols[symbol].price_max_ticks:
            yield Refusal.PRICE_TOO_LARGE
        if c["is_close_position"] and c["lots"] != 0:
            yield Refusal.CLOSE_POSITION_WITH_QUANTITY
        if not c["is_close_position"] and c["lots"] <= 0:
            yield Refusal.QUANTITY_NOT_POSITIVE
        if c["lots"] > self.symbols[symbol].lots_max:
            yield Refusal.QUANTITY_TOO_LARGE
        if self.is_triggered(symbol, c["side"], c["order_type"], trigger):
            yield Refusal.WOULD_TRIGGER_IMMEDIATELY
        if not self.is_house(c["account"]) and self.conditional_count(c["account"], symbol) >= ORDERS_PER_SYMBOL_MAX:
            yield Refusal.TOO_MANY_ORDERS

    def place_conditional(self, c: Command) -> None:
        order = Order(
            order_id=c["sequence"] * ORDER_IDS_PER_COMMAND, account=c["account"], symbol=c["symbol"], side=c["side"],
            order_type=c["order_type"], price=0, lots=c["lots"], position=self.row(c["account"], c["symbol"]),
            is_reduce_only=bool(c["is_reduce_only"]), self_trade_prevention=c["self_trade_prevention"],
            trigger=c["trigger_ticks"], is_close_position=bool(c["is_close_position"]),
        )
        self.orders[order.order_id] = order
        self.emit(
            EventKind.ACCEPTED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            price_ticks=order.trigger, lots=order.lots, code=order.order_type,
        )

    def release(self, order: Order) -> None:
        """A conditional's trigger is reached: a market order takes its place."""
        del self.orders[order.order_id]
        self.emit(
            EventKind.TRIGGERED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            price_ticks=order.trigger, mark_e8=self.mark[order.symbol],
        )
        lots = order.lots
        if order.is_close_position:
            held = self.peek(order.account, order.symbol).lots
            lots = abs(held) if held * sign_of(order.side) < 0 else 0
        request = Request(
            order_id=order.order_id + 1, account=order.account, symbol=order.symbol, side=order.side,
            order_type=OrderType.MARKET, time_in_force=TimeInForce.GTC, position_side=PositionSide.BOTH, price=0, lots=lots,
            is_reduce_only=order.is_reduce_only or order.is_close_position, self_trade_prevention=order.self_trade_prevention,
        )
        refusal = next(self.order_refusals(request), Refusal.NONE)
        if order.is_close_position and refusal == Refusal.QUANTITY_NOT_POSITIVE:
            refusal = Refusal.REDUCE_ONLY_REJECTED  # nothing to close
        if refusal == Refusal.NONE:
            self.branch("trigger placed")
            self.place(request)
            return
        self.branch(f"trigger refused {refusal.name}")
        self.emit(EventKind.REFUSED, account=order.account, symbol=order.symbol, order_id=order.order_id + 1, code=refusal)
        self.emit(
            EventKind.EXPIRED, account=order.account, symbol=order.symbol, order_id=order.order_id + 1, side=order.side,
            lots=lots, code=Reason.TRIGGER_REFUSED,
        )

    # Settings

    def check_setting(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        if not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL

    def check_set_leverage(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_setting(c)
        account, symbol, leverage = c["account"], c["symbol"], c["leverage"]
        rules = self.symbols[symbol]
        if not 1 <= leverage <= min(self.rulebook.leverage_max, rules.brackets[0].leverage_max):
            yield Refusal.LEVERAGE_OUT_OF_RANGE
        row = self.peek(account, symbol)
        if notional(rules, self.required_lots(row), self.mark[symbol]) > cap_at_leverage(rules, leverage):
            yield Refusal.LEVERAGE_ABOVE_BRACKET
        if row.is_isolated and row.lots and leverage < self.leverage(account, symbol):
            yield Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION
        rise = self.initial_margin(row, leverage=leverage) - self.initial_margin(row)
        if rise > self.available(account, self.asset_of[symbol]):
            yield Refusal.LEVERAGE_MARGIN_INSUFFICIENT

    def set_leverage(self, c: Command) -> None:
        self.leverages[c["account"], c["symbol"]] = c["leverage"]
        self.emit(EventKind.LEVERAGE_SET, account=c["account"], symbol=c["symbol"], leverage=c["leverage"])
        self.touch(c["account"])

    def check_set_margin_mode(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_setting(c)
        account, symbol = c["account"], c["symbol"]
        if c["margin_mode"] not in (MarginMode.CROSS, MarginMode.ISOLATED):
            yield Refusal.MARGIN_MODE_UNKNOWN
        if c["margin_mode"] == self.mode(account, symbol):
            yield Refusal.MARGIN_MODE_UNCHANGED
        if self.order_count(account, symbol):
            yield Refusal.MARGIN_MODE_HAS_ORDERS
        if self.peek(account, symbol).lots:
            yield Refusal.MARGIN_MODE_HAS_POSITION

    def set_margin_mode(self, c: Command) -> None:
        self.modes[c["account"], c["symbol"]] = c["margin_mode"]
        self.emit(EventKind.MARGIN_MODE_SET, account=c["account"], symbol=c["symbol"], margin_mode=c["margin_mode"])
        self.touch(c["account"])

    def check_isolated_margin(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_setting(c)
        row = self.peek(c["account"], c["symbol"])
        if c["amount_e8"] <= 0:
            yield Refusal.AMOUNT_NOT_POSITIVE
        if not row.is_isolated:
            yield Refusal.MARGIN_NOT_ISOLATED
        if row.lots == 0:
            yield Refusal.MARGIN_NO_POSITION

    def check_add_margin(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_isolated_margin(c)
        if c["amount_e8"] > self.max_add_margin(c["account"], self.asset_of[c["symbol"]]):
            yield Refusal.MARGIN_ADD_TOO_LARGE

    def add_margin(self, c: Command) -> None:
        self.move_margin(c, c["amount_e8"], Reason.ADD_MARGIN)

    def check_remove_margin(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_isolated_margin(c)
        if c["amount_e8"] > self.max_remove_margin(self.peek(c["account"], c["symbol"])):
            yield Refusal.MARGIN_REMOVE_TOO_LARGE

    def remove_margin(self, c: Command) -> None:
        self.move_margin(c, -c["amount_e8"], Reason.REMOVE_MARGIN)

    def move_margin(self, c: Command, amount: int, reason: Reason) -> None:
        row = self.row(c["account"], c["symbol"])
        row.wallet += amount
        self.emit_moved(row, amount, reason)
        self.emit_position(row)
        self.move_wallet(row.account, self.asset_of[row.symbol], -amount, reason)
        self.touch(row.account)

    # Market

    def check_prices(self, c: Command) -> Iterator[Refusal]:
        """Each question is asked of every record before the next question is."""
        records = [(r.get("symbol", 0), r.get("index_e8", 0), r.get("mark_e8", 0)) for r in c["records"]]
        if any(not 0 <= symbol < len(self.symbols) for symbol, _, _ in records):
            yield Refusal.UNKNOWN_SYMBOL
        if any(index <= 0 or mark < 0 for _, index, mark in records):
            yield Refusal.PRICE_NOT_POSITIVE
        if any(max(index, mark) > self.symbols[symbol].price_max_e8 for symbol, index, mark in records):
            yield Refusal.PRICE_TOO_LARGE

    def prices(self, c: Command) -> None:
        symbols: dict[int, None] = {}
        for record in c["records"]:
            symbol = record.get("symbol", 0)
            symbols.setdefault(symbol)
            self.index[symbol] = record["index_e8"]
            self.mark[symbol] = record.get("mark_e8", 0) or record["index_e8"]
            self.emit(EventKind.PRICES, symbol=symbol, index_e8=self.index[symbol], mark_e8=self.mark[symbol])
        for symbol in symbols:
            for row in self.rows_of_symbol[symbol]:
                if row.lots:
                    self.touch(row.account)
        self.settle()
        sleeping = [order for order in self.orders.values() if order.trigger and order.symbol in symbols]
        for order in sorted(sleeping, key=lambda order: order.order_id):
            if self.is_triggered(order.symbol, order.side, order.order_type, order.trigger):
                self.release(order)

    def check_quote(self, c: Command) -> Iterator[Refusal]:
        if not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if c["level_notional_e8"] < 0:
            yield Refusal.AMOUNT_NOT_POSITIVE
        most = WALLET_MAX_E8 // LADDER_LEVELS_MAX
        scale = c["scale_e8"] if ONE < c["scale_e8"] <= 10**10 else ONE
        if c["level_notional_e8"] > floor_div(most * ONE, scale):
            yield Refusal.AMOUNT_TOO_LARGE
        half = ONE // 2
        rates_fit = 0 <= c["half_spread_rate_e8"] <= half and 0 <= c["spacing_rate_e8"] <= half
        if not rates_fit or not 0 <= c["scale_e8"] <= 10**10 or not 0 <= c["level_count"] <= LADDER_LEVELS_MAX:
            yield Refusal.RATE_OUT_OF_RANGE
        if self.mark[c["symbol"]] == 0:
            yield Refusal.NO_MARK_PRICE
        if c["mid_e8"] <= 0:
            yield Refusal.PRICE_NOT_POSITIVE
        if c["mid_e8"] > self.symbols[c["symbol"]].price_max_e8:
            yield Refusal.PRICE_TOO_LARGE

    def ladder(self, c: Command, side: int) -> dict[int, tuple[int, int]]:
        """Price in ticks → (k, lots) of one side, nearest first."""
        rules, mid = self.symbols[c["symbol"]], c["mid_e8"]
        levels: dict[int, tuple[int, int]] = {}
        before = None
        for k in range(c["level_count"]):
            offset = c["half_spread_rate_e8"] + c["spacing_rate_e8"] * (k * (k + 1) // 2)
            if offset >= ONE:
                break
            distance = ceil_div(mid * offset, ONE)
            price = floor_div(mid - distance, rules.tick_e8) if side == Side.BUY else ceil_div(mid + distance, rules.tick_e8)
            lots = floor_div(c["level_notional_e8"] * (k + 1) * c["scale_e8"], ONE * value_up(rules.step_e8, mid))
            if 1 <= price <= rules.price_max_ticks and lots >= 1 and price != before:
                levels[price] = k, min(lots, rules.lots_max)
            before = price  # also of a level that is left out
        return levels

    def quote(self, c: Command) -> None:
        symbol = c["symbol"]
        wanted = [self.ladder(c, Side.BUY), self.ladder(c, Side.SELL)]
        earlier = [order for order in self.peek(HOUSE_ACCOUNT, symbol).resting() if order.is_ladder]
        kept = {(order.side, order.price): order for order in earlier}
        for side in (Side.BUY, Side.SELL):
            for price, (_, lots) in wanted[side].items():
                order = kept.get((side, price))
                if order:
                    self.branch("ladder order kept")
                    if lots != order.lots:
                        order.lots = lots
                        self.emit_level(symbol, side, price)
        for order in earlier:
            if order.price not in wanted[order.side]:
                self.cancel(order, Reason.QUOTE)
        for side, first in ((Side.BUY, 2), (Side.SELL, ASK_IDS_FROM)):
            for price, (k, lots) in wanted[side].items():
                if (side, price) in kept:
                    continue
                self.place(
                    Request(
                        order_id=c["sequence"] * ORDER_IDS_PER_COMMAND + first + k, account=HOUSE_ACCOUNT, symbol=symbol,
                        side=side, order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, position_side=PositionSide.BOTH,
                        price=price, lots=lots, is_reduce_only=False, self_trade_prevention=0, is_ladder=True,
                    )
                )

    def check_settle_funding(self, c: Command) -> Iterator[Refusal]:
        symbols = [record.get("symbol", 0) for record in c["records"]]
        if any(not 0 <= symbol < len(self.symbols) for symbol in symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if any(abs(record.get("rate_e8", 0)) > ONE for record in c["records"]):
            yield Refusal.RATE_OUT_OF_RANGE
        if any(self.mark[symbol] == 0 for symbol in symbols):
            yield Refusal.NO_MARK_PRICE

    def settle_funding(self, c: Command) -> None:
        for record in c["records"]:
            symbol, rate = record.get("symbol", 0), record.get("rate_e8", 0)
            asset, residue = self.asset_of[symbol], 0
            for row in self.rows_of_symbol[symbol]:
                if row.lots:
                    amount = funding_payment(self.symbols[symbol], row.lots, self.mark[symbol], rate)
                    self.fund_position(row, amount, rate)
                    residue -= amount
                    self.touch(row.account)
            assert residue >= 0
            self.move_wallet(FUND_ACCOUNT, asset, residue, Reason.FUNDING_RESIDUE)

    def fund_position(self, row: Position, amount: int, rate: int) -> None:
        asset = self.asset_of[row.symbol]
        from_cross = self.cross_funding(row, amount)
        self.wallets[row.account, asset] = self.wallet(row.account, asset) + from_cross
        row.wallet += amount - from_cross
        self.emit(
            EventKind.FUNDING, account=row.account, symbol=row.symbol, margin_mode=row.mode, lots=row.lots, amount_e8=amount,
            rate_e8=rate, mark_e8=self.mark[row.symbol],
            balance_e8=row.wallet if row.is_isolated else self.wallet(row.account, asset),
        )
        if row.is_isolated and amount < 0 and from_cross and from_cross != amount:
            self.branch("funding from both wallets")
        self.emit_wallet(row.account, asset, from_cross, Reason.FUNDING)
        if amount != from_cross:
            self.emit_position(row)

    def cross_funding(self, row: Position, amount: int) -> int:
        """The part of a funding payment that the cross wallet pays or receives."""
        if not row.is_isolated:
            return amount
        if self.rulebook.isolated_funding_source == IsolatedFundingSource.ISOLATED_WALLET:
            return 0
        if amount >= 0:
            return amount
        asset = self.asset_of[row.symbol]
        return -min(-amount, max(0, min(self.available(row.account, asset), self.wallet(row.account, asset))))

    def check_advance_clock(self, c: Command) -> Iterator[Refusal]:
        yield from ()

    def advance_clock(self, c: Command) -> None:
        self.emit(EventKind.CLOCK)
