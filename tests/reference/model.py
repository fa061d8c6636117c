"""The reference model: the exchange once more, slow and plain, to check the compiled kernel against.

Responsible for: every command of docs/reference/commands.md: its refusals in the order of codes.Refusal, then what it does.
Written from docs/reference and the design, not from the kernel; of the kernel it knows the schema's names alone.
A check is a generator of the refusals that apply, first one first; past it nothing refuses.
Long because every command of the page stands here, its check beside what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from isocross.codes import (
    CommandKind,
    EventKind,
    FundingPrice,
    IsolatedFundingSource,
    MarginMode,
    MarkPrice,
    OrderType,
    PositionMode,
    PositionSide,
    Reason,
    Refusal,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
    WorkingType,
)
from isocross.kernel.schema import COMMAND, FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW
from isocross.limits import (
    ACCOUNTS_MAX,
    BRACKETS_MAX,
    CLIENT_ID_RECORDS,
    CONTINUATIONS_MAX,
    LADDER_LEVELS_MAX,
    NET_DEPOSITS_MAX_E8,
    NOTIONAL_MAX_E8,
    ORDER_IDS_PER_COMMAND,
    RATE_COMPUTED,
    SEQUENCE_MAX,
    WALLET_MAX_E8,
)
from isocross.rulebook.model import Bracket, Rulebook

from .book import Request
from .formulas import (
    ONE,
    cap_at_leverage,
    ceil_div,
    floor_div,
    funding_payment,
    notional,
    sign_of,
    signed_value,
    value_down,
)
from .premium import Premium
from .state import Event, Order, Position

Command = dict[str, Any]

NOT_SUPPORTED: set[int] = set()
ORDERS = {CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL}
WITH_RECORDS = {CommandKind.PRICES, CommandKind.SETTLE_FUNDING, CommandKind.SET_BRACKETS, CommandKind.SET_FEES}
ASK_IDS_FROM = 2 + LADDER_LEVELS_MAX


class Reference(Premium):
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
        self.events, self.touched, self.traded = [], {}, {}
        check, act = self.handler(c)
        self.refusal = next(self.refusals(c), Refusal.NONE)
        self.time_ms = max(self.time_ms, c["time_ms"])
        self.run_timers()
        if self.refusal == Refusal.NONE:
            self.refusal = next(check(c), Refusal.NONE)
        if self.refusal != Refusal.NONE:
            self.emit(
                EventKind.REFUSED, account=c["account"], symbol=c["symbol"], order_id=c["order_id"], code=self.refusal
            )
            return self.events
        act(c)
        self.tail()
        return self.events

    def handler(self, c: Command) -> tuple[Callable[[Command], Iterator[Refusal]], Callable[[Command], None]]:
        kind = c["kind"]
        if kind not in list(CommandKind) or kind == CommandKind.CONTINUATION or kind in NOT_SUPPORTED:
            return self.check_nothing, self.advance_clock
        name = CommandKind(kind).name.lower()
        return getattr(self, f"check_{name}"), getattr(self, name)

    def run_timers(self) -> None:
        """Orders that are good till now or before, and countdowns: by time, countdowns first."""
        while True:
            due = [(order.expire, 1, order.order_id, 0) for order in self.orders.values() if order.expire]
            due += [(at, 0, account, symbol) for (account, symbol), at in self.countdowns.items()]
            at, is_order, name, symbol = min(due, default=(self.time_ms + 1, 0, 0, 0))
            if at > self.time_ms:
                return
            if is_order:
                self.branch("good till now")
                self.cancel(self.orders[name], Reason.TIME, EventKind.EXPIRED)
                continue
            del self.countdowns[name, symbol]
            for row in self.rows(name):
                for order in row.resting() if row.symbol == symbol else ():
                    self.branch("countdown")
                    self.cancel(order, Reason.TIME)

    def refusals(self, c: Command) -> Iterator[Refusal]:
        """What every command is asked; then come its own checks."""
        kind, records = c["kind"], c["records"]
        if kind not in list(CommandKind) or kind == CommandKind.CONTINUATION:
            yield Refusal.UNKNOWN_COMMAND
        if kind in NOT_SUPPORTED:
            yield Refusal.NOT_SUPPORTED
        if kind in ORDERS and not 0 <= c["self_trade_prevention"] <= SelfTradePrevention.NONE:
            yield Refusal.NOT_SUPPORTED
        count = c["continuation_count"]
        allowed = CONTINUATIONS_MAX if kind in WITH_RECORDS else CLIENT_ID_RECORDS if kind in ORDERS else 0
        is_empty = kind in WITH_RECORDS and count == 0
        if is_empty or count != len(records) or count > allowed or any(r.get("kind", 0) != CommandKind.CONTINUATION for r in records):
            yield Refusal.MALFORMED_CONTINUATION
        if c["time_ms"] < self.time_ms:
            yield Refusal.TIME_GOES_BACK
        if not 1 <= c["sequence"] < SEQUENCE_MAX:
            yield Refusal.SEQUENCE_OUT_OF_RANGE

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
            self_trade_prevention=c["self_trade_prevention"], client_id=c["client_id_hash"],
            expire=c["expire_ms"],
        )

    def check_place_order(self, c: Command) -> Iterator[Refusal]:
        yield from self.order_refusals(self.request_of(c))

    def place_order(self, c: Command) -> None:
        self.place(self.request_of(c))

    def check_cancel_order(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        order = self.named(c)
        if order is None or order.account != c["account"]:
            yield Refusal.UNKNOWN_ORDER

    def named(self, c: Command) -> Order | None:
        """The order that a command names, by its id or its client id."""
        return self.orders.get(c["order_id"]) if c["order_id"] else self.client_order(c["account"], c["client_id_hash"])

    def cancel_order(self, c: Command) -> None:
        order = self.named(c)
        assert order is not None
        self.cancel(order, Reason.BY_OWNER)

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

    def check_countdown_cancel(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_setting(c)
        if c["expire_ms"] != 0 and c["expire_ms"] <= self.time_ms:
            yield Refusal.EXPIRY_NOT_AHEAD

    def countdown_cancel(self, c: Command) -> None:
        self.keep_leverage(c["account"], c["symbol"])
        self.countdowns.pop((c["account"], c["symbol"]), None)
        if c["expire_ms"]:
            self.countdowns[c["account"], c["symbol"]] = c["expire_ms"]
        self.emit(EventKind.COUNTDOWN_SET, account=c["account"], symbol=c["symbol"], value_e8=c["expire_ms"])

    # Amendments

    @staticmethod
    def amended(c: Command, order: Order) -> tuple[int, int, int]:
        """(price, lots of the whole order, lots of its rest) of what an order would become."""
        lots = c["lots"] or order.original
        return c["price_ticks"] or order.price, lots, lots - (order.original - order.lots)

    def check_amend_order(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_cancel_order(c)
        order = self.named(c)
        assert order is not None
        if order.trigger or order.is_ladder:
            yield Refusal.NOT_AMENDABLE
        status = self.status[order.symbol]
        if status != SymbolStatus.TRADING and (status != SymbolStatus.REDUCE_ONLY or not order.is_reduce_only):
            yield Refusal.SYMBOL_NOT_TRADING
        price, lots, rest = self.amended(c, order)
        rules = self.symbols[order.symbol]
        if price <= 0:
            yield Refusal.PRICE_NOT_POSITIVE
        if price > rules.price_max_ticks:
            yield Refusal.PRICE_TOO_LARGE
        if price < rules.price_min_ticks:
            yield Refusal.PRICE_TOO_SMALL
        if lots <= 0:
            yield Refusal.QUANTITY_NOT_POSITIVE
        house = self.is_house(order.account)
        if lots > self.largest_order(order.account, order.symbol, True, order.is_reduce_only):
            yield Refusal.QUANTITY_TOO_LARGE
        if rest > 0 and price != order.price:
            yield from self.band_refusals(order.account, order.symbol, order.side, price)
        is_small = value_down(rules, lots, price * rules.tick_e8) < rules.min_notional_e8
        if rest > 0 and is_small and not order.is_reduce_only and not house:
            yield Refusal.NOTIONAL_TOO_SMALL
        crossing = self.crossing_levels(order.symbol, order.side, price)
        if rest > 0 and order.time_in_force == TimeInForce.GTX and crossing:
            yield Refusal.POST_ONLY_TAKES
        is_smaller = price == order.price and lots <= order.original
        if rest > 0 and not is_smaller and not order.is_reduce_only and not house:
            row = order.position
            place = row.orders.index(order)
            row.orders.remove(order)  # what it holds is free for what it becomes
            refused = list(self.margin_refusals(replace(self.request_of(c), side=order.side, lots=rest), row, price))
            row.orders.insert(place, order)
            yield from refused
        if price == order.price and lots == order.original:
            yield Refusal.NOTHING_TO_AMEND

    def amend_order(self, c: Command) -> None:
        order = self.named(c)
        assert order is not None
        price, lots, rest = self.amended(c, order)
        if rest <= 0:
            self.branch("amended to what has filled")
            self.cancel(order, Reason.BY_OWNER)
            return
        row, old_price, is_smaller = order.position, order.price, price == order.price and lots < order.original
        place = row.orders.index(order)
        if is_smaller:
            row.orders.remove(order)
        else:
            self.leave_book(order)
        opening = 0 if order.is_reduce_only else self.opening_lots(row, order.side, rest)
        order.open_loss = self.open_loss(order.symbol, order.side, opening, price) if opening and not self.is_house(order.account) else 0
        order.price, order.original, order.lots = price, lots, rest
        row.orders.insert(place if is_smaller else len(row.orders), order)
        self.branch("amended in place" if is_smaller else "amended, at the end of the queue")
        self.emit(
            EventKind.AMENDED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            position_side=order.position.side,
            price_ticks=price, lots=rest, code=int(not is_smaller),
        )
        self.emit_level(order.symbol, order.side, old_price)
        if not is_smaller:
            self.trade_and_rest(order, False)

    # Conditionals

    def check_place_conditional(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        if not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if self.status[c["symbol"]] not in (SymbolStatus.TRADING, SymbolStatus.REDUCE_ONLY):
            yield Refusal.SYMBOL_NOT_TRADING
        order_type = c["order_type"]
        is_trailing = order_type == OrderType.TRAILING_STOP_MARKET
        has_limit = order_type in (OrderType.STOP, OrderType.TAKE_PROFIT)
        if is_trailing and not 1 <= c["callback_rate_e8"] <= ONE // 2:
            yield Refusal.RATE_OUT_OF_RANGE
        if c["side"] not in (Side.BUY, Side.SELL):
            yield Refusal.UNKNOWN_SIDE
        if order_type not in list(OrderType) or order_type in (OrderType.LIMIT, OrderType.MARKET):
            yield Refusal.UNKNOWN_ORDER_TYPE
        if has_limit and c["time_in_force"] not in list(TimeInForce):
            yield Refusal.UNKNOWN_TIME_IN_FORCE
        if c["position_side"] not in self.sides(c["account"]):
            yield Refusal.POSITION_SIDE_MISMATCH
        symbol, trigger = c["symbol"], c["trigger_ticks"]
        if self.mark[symbol] == 0:
            yield Refusal.NO_MARK_PRICE
        if trigger < 0 or (trigger == 0 and not is_trailing) or (has_limit and c["price_ticks"] <= 0):
            yield Refusal.PRICE_NOT_POSITIVE
        if max(trigger, c["price_ticks"] if has_limit else 0) > self.symbols[symbol].price_max_ticks:
            yield Refusal.PRICE_TOO_LARGE
        if has_limit and c["price_ticks"] < self.symbols[symbol].price_min_ticks:
            yield Refusal.PRICE_TOO_SMALL
        if c["is_close_position"] and c["lots"] != 0:
            yield Refusal.CLOSE_POSITION_WITH_QUANTITY
        if not c["is_close_position"] and c["lots"] <= 0:
            yield Refusal.QUANTITY_NOT_POSITIVE
        if c["lots"] > self.largest_order(c["account"], symbol, has_limit, bool(c["is_reduce_only"])):
            yield Refusal.QUANTITY_TOO_LARGE
        only_closes = c["is_reduce_only"] or c["is_close_position"]
        if self.is_hedged(c["account"]) and only_closes and not self.closes_a_leg(c["position_side"], c["side"]):
            yield Refusal.REDUCE_ONLY_REJECTED
        watched = self.watched(symbol, c["working_type"])
        if watched and self.is_past(c["side"], order_type, trigger, watched):
            yield Refusal.WOULD_TRIGGER_IMMEDIATELY
        if not self.is_house(c["account"]) and self.conditional_count(c["account"], symbol) >= self.symbols[symbol].conditional_orders_max:
            yield Refusal.TOO_MANY_ORDERS
        if self.client_order(c["account"], c["client_id_hash"]) is not None:
            yield Refusal.DUPLICATE_CLIENT_ID
        if c["working_type"] not in list(WorkingType):
            yield Refusal.UNKNOWN_WORKING_TYPE
        if watched == 0:
            yield Refusal.NO_MARK_PRICE
        if c["is_close_position"] and order_type not in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET):
            yield Refusal.CLOSE_POSITION_ORDER_TYPE
        if has_limit and c["time_in_force"] == TimeInForce.GTD and c["expire_ms"] <= self.time_ms:
            yield Refusal.EXPIRY_NOT_AHEAD

    def place_conditional(self, c: Command) -> None:
        has_limit = c["order_type"] in (OrderType.STOP, OrderType.TAKE_PROFIT)
        order = Order(
            order_id=c["sequence"] * ORDER_IDS_PER_COMMAND, account=c["account"], symbol=c["symbol"], side=c["side"],
            order_type=c["order_type"], price=c["price_ticks"] if has_limit else 0, lots=c["lots"],
            position=self.row(c["account"], c["symbol"], c["position_side"]), is_reduce_only=bool(c["is_reduce_only"]),
            self_trade_prevention=c["self_trade_prevention"], trigger=c["trigger_ticks"],
            is_close_position=bool(c["is_close_position"]), working_type=c["working_type"], time_in_force=c["time_in_force"],
            client_id=c["client_id_hash"], is_protected=bool(c["is_price_protected"]),
            expire=c["expire_ms"] if has_limit and c["time_in_force"] == TimeInForce.GTD else 0,
        )
        if c["order_type"] == OrderType.TRAILING_STOP_MARKET:
            order.callback = c["callback_rate_e8"]
            if order.trigger == 0:
                order.trigger = order.extreme = self.watched(order.symbol, order.working_type)
        self.orders[order.order_id] = order
        order.placed = self.placed = self.placed + 1
        self.emit(
            EventKind.ACCEPTED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            position_side=order.position.side,
            price_ticks=order.trigger, lots=order.lots, code=order.order_type,
        )

    def reached_by_fills(self) -> list[Order]:
        """Sleeping orders on last that fills of this command have reached since this was asked before."""
        traded, self.traded = self.traded, {}
        return [order for symbol, seen in traded.items() for order in self.reached(symbol, WorkingType.LAST_PRICE, seen)]

    def release_all(self, due: list[Order]) -> None:
        for order in sorted(due, key=lambda order: order.order_id):
            self.branch(f"released {OrderType(order.order_type).name} {WorkingType(order.working_type).name}")
            self.release(order)

    def tail(self) -> None:
        """Judge and liquidate; then what fills have reached is released; again until neither acts."""
        self.settle()
        while due := self.reached_by_fills():
            self.release_all(due)
            self.settle()

    def release(self, order: Order) -> None:
        """A conditional's trigger is reached: an order takes its place, unless mark and last are too far apart for it."""
        rules, mark, last = self.symbols[order.symbol], self.mark[order.symbol], self.last[order.symbol] * self.symbols[order.symbol].tick_e8
        if order.is_protected and last and abs(last - mark) * ONE > mark * rules.trigger_protect_rate_e8:
            self.branch("trigger held")
            if not order.is_held:
                order.is_held = True
                self.emit(
                    EventKind.TRIGGER_HELD, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
                    price_ticks=self.last[order.symbol], mark_e8=mark,
                )
            return
        del self.orders[order.order_id]
        self.emit(
            EventKind.TRIGGERED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            position_side=order.position.side,
            price_ticks=order.trigger, mark_e8=self.mark[order.symbol],
        )
        lots = order.lots
        if order.is_close_position:
            held = order.position.lots
            lots = abs(held) if held * sign_of(order.side) < 0 else 0
        request = Request(
            order_id=order.order_id + 1, account=order.account, symbol=order.symbol, side=order.side,
            order_type=OrderType.LIMIT if order.price else OrderType.MARKET, time_in_force=order.time_in_force,
            position_side=order.position.side, price=order.price, lots=lots,
            is_reduce_only=order.is_reduce_only or order.is_close_position, self_trade_prevention=order.self_trade_prevention,
            client_id=order.client_id, expire=order.expire,
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
            position_side=order.position.side, lots=lots, code=Reason.TRIGGER_REFUSED,
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
        legs = self.legs(account, symbol)
        if any(notional(rules, self.required_lots(row), self.mark[symbol]) > cap_at_leverage(rules, leverage) for row in legs):
            yield Refusal.LEVERAGE_ABOVE_BRACKET
        if any(row.is_isolated and row.lots for row in legs) and leverage < self.leverage(account, symbol):
            yield Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION
        rise = sum(self.initial_margin(row, leverage=leverage) - self.initial_margin(row) for row in legs)
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
        if any(row.lots for row in self.legs(account, symbol)):
            yield Refusal.MARGIN_MODE_HAS_POSITION

    def set_margin_mode(self, c: Command) -> None:
        self.keep_leverage(c["account"], c["symbol"])
        self.modes[c["account"], c["symbol"]] = c["margin_mode"]
        self.emit(EventKind.MARGIN_MODE_SET, account=c["account"], symbol=c["symbol"], margin_mode=c["margin_mode"])
        self.touch(c["account"])

    def check_set_position_mode(self, c: Command) -> Iterator[Refusal]:
        if not self.is_user(c["account"]):
            yield Refusal.UNKNOWN_ACCOUNT
        wanted, rows = c["position_mode"], self.rows(c["account"])
        if self.is_house(c["account"]) and wanted == PositionMode.HEDGE:
            yield Refusal.NOT_SUPPORTED
        if wanted == self.position_modes.get(c["account"], PositionMode.ONE_WAY):
            yield Refusal.POSITION_MODE_UNCHANGED
        if any(order.account == c["account"] for order in self.orders.values()):
            yield Refusal.POSITION_MODE_HAS_ORDERS
        if any(row.lots for row in rows):
            yield Refusal.POSITION_MODE_HAS_POSITION
        if wanted not in list(PositionMode):
            yield Refusal.POSITION_MODE_UNKNOWN

    def set_position_mode(self, c: Command) -> None:
        self.position_modes[c["account"]] = c["position_mode"]
        self.emit(EventKind.POSITION_MODE_SET, account=c["account"], code=c["position_mode"])

    def check_isolated_margin(self, c: Command) -> Iterator[Refusal]:
        yield from self.check_setting(c)
        row = self.peek(c["account"], c["symbol"], c["position_side"])
        if c["amount_e8"] <= 0:
            yield Refusal.AMOUNT_NOT_POSITIVE
        if c["position_side"] not in self.sides(c["account"]):
            yield Refusal.POSITION_SIDE_MISMATCH
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
        if c["amount_e8"] > self.max_remove_margin(self.peek(c["account"], c["symbol"], c["position_side"])):
            yield Refusal.MARGIN_REMOVE_TOO_LARGE

    def remove_margin(self, c: Command) -> None:
        self.move_margin(c, -c["amount_e8"], Reason.REMOVE_MARGIN)

    def move_margin(self, c: Command, amount: int, reason: Reason) -> None:
        row = self.row(c["account"], c["symbol"], c["position_side"])
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
        if any(min(index, mark or index) < self.symbols[symbol].price_min_e8 for symbol, index, mark in records):
            yield Refusal.PRICE_TOO_SMALL

    def prices(self, c: Command) -> None:
        symbols: dict[int, None] = {}
        for record in c["records"]:
            symbol = record.get("symbol", 0)
            symbols.setdefault(symbol)
            self.take_samples(symbol)
            self.index[symbol] = record["index_e8"]
            given = record.get("mark_e8", 0)
            self.is_mark_computed[symbol] = given == 0 and self.rulebook.mark_price == MarkPrice.MEDIAN
            self.mark[symbol] = self.computed_mark(symbol) if self.is_mark_computed[symbol] else given or record["index_e8"]
            self.emit_prices(symbol)
        self.end_waits()
        self.marks_moved(list(symbols))
        for symbol in sorted(symbols):
            self.unwind(symbol)

    def marks_moved(self, symbols: list[int]) -> None:
        """Whoever holds something there is judged; then what watches a mark."""
        for symbol in symbols:
            for row in self.rows_of_symbol[symbol]:
                if row.lots:
                    self.touch(row.account)
        self.settle()
        due: list[Order] = []
        for symbol in symbols:
            mark = self.watched(symbol, WorkingType.MARK_PRICE)
            self.trail(symbol, WorkingType.MARK_PRICE, mark)
            due += self.reached(symbol, WorkingType.MARK_PRICE, [mark])
        self.release_all(due)
        self.release_all(self.reached_by_fills())

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
        if c["mid_e8"] < self.symbols[c["symbol"]].price_min_e8:
            yield Refusal.PRICE_TOO_SMALL

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
            lots = floor_div(c["level_notional_e8"] * (k + 1) * c["scale_e8"], ONE * notional(rules, 1, mid))
            if rules.price_min_ticks <= price <= rules.price_max_ticks and lots >= 1 and price != before:
                levels[price] = k, min(lots, rules.lots_max)
            before = price  # also of a level that is left out
        return levels

    def quote(self, c: Command) -> None:
        symbol = c["symbol"]
        moved = self.renew_mark(symbol)
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
                if (side, price) in kept or self.status[symbol] in (SymbolStatus.PAUSED, SymbolStatus.DELISTED):
                    continue
                self.place(
                    Request(
                        order_id=c["sequence"] * ORDER_IDS_PER_COMMAND + first + k, account=HOUSE_ACCOUNT, symbol=symbol,
                        side=side, order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, position_side=PositionSide.BOTH,
                        price=price, lots=lots, is_reduce_only=False, self_trade_prevention=0, is_ladder=True,
                    )
                )
        if moved:
            self.end_waits()
            self.marks_moved([symbol])

    def check_settle_funding(self, c: Command) -> Iterator[Refusal]:
        symbols = [record.get("symbol", 0) for record in c["records"]]
        if any(not 0 <= symbol < len(self.symbols) for symbol in symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if any(abs(record.get("rate_e8", 0)) > ONE and record.get("rate_e8", 0) != RATE_COMPUTED for record in c["records"]):
            yield Refusal.RATE_OUT_OF_RANGE
        if any(self.mark[symbol] == 0 for symbol in symbols):
            yield Refusal.NO_MARK_PRICE

    def settle_funding(self, c: Command) -> None:
        for record in c["records"]:
            symbol, rate = record.get("symbol", 0), record.get("rate_e8", 0)
            asset, residue = self.asset_of[symbol], 0
            self.take_samples(symbol)
            is_computed = rate == RATE_COMPUTED
            if is_computed:
                rate = self.computed_rate(symbol)
                self.emit(EventKind.FUNDING_RATE, symbol=symbol, rate_e8=rate, mark_e8=self.mark[symbol])
            self.premiums[symbol], self.settled_rate[symbol] = [], rate
            for row in self.rows_of_symbol[symbol]:
                if row.lots:
                    price = self.index[symbol] if self.rulebook.funding_price == FundingPrice.INDEX else self.mark[symbol]
                    amount = funding_payment(self.symbols[symbol], row.lots, price, rate)
                    self.fund_position(row, amount, rate, price, is_computed)
                    residue -= amount
                    self.touch(row.account)
            assert residue >= 0
            self.move_wallet(FUND_ACCOUNT, asset, residue, Reason.FUNDING_RESIDUE)

    def fund_position(self, row: Position, amount: int, rate: int, price: int, is_computed: bool) -> None:
        asset = self.asset_of[row.symbol]
        from_cross = self.cross_funding(row, amount)
        self.wallets[row.account, asset] = self.wallet(row.account, asset) + from_cross
        row.wallet += amount - from_cross
        self.emit(
            EventKind.FUNDING, account=row.account, symbol=row.symbol, margin_mode=row.mode, position_side=row.side, lots=row.lots, amount_e8=amount,
            rate_e8=rate, mark_e8=price, code=int(is_computed),
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

    # Listings

    def check_set_symbol_status(self, c: Command) -> Iterator[Refusal]:
        if not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if c["symbol_status"] not in list(SymbolStatus):
            yield Refusal.SYMBOL_STATUS_UNKNOWN
        if self.status[c["symbol"]] == SymbolStatus.DELISTED != c["symbol_status"]:
            yield Refusal.SYMBOL_DELISTED

    def set_symbol_status(self, c: Command) -> None:
        symbol, status = c["symbol"], c["symbol_status"]
        self.status[symbol] = SymbolStatus(status)
        self.emit(EventKind.SYMBOL_STATUS_SET, symbol=symbol, code=status)
        is_delisted = status == SymbolStatus.DELISTED
        for row in self.rows_of_symbol[symbol]:
            resting = {order.order_id: order for order in row.orders}
            sleeping = {order.order_id: order for order in self.orders.values() if order.position is row and order.trigger}
            if is_delisted:
                for order in sorted([*resting.values(), *sleeping.values()], key=lambda order: order.placed):
                    self.cancel(order, Reason.DELISTED)
            elif status == SymbolStatus.REDUCE_ONLY and not self.is_free(row.account):
                for order in resting.values():
                    if not order.is_reduce_only:
                        self.cancel(order, Reason.SYMBOL_CLOSED)
        if is_delisted:
            self.end_waits()
            self.settle()
            self.settle_positions(symbol)

    def settle_positions(self, symbol: int) -> None:
        """A delisting: every position is worth what it is at mark, and over; what rounding left is the fund's."""
        asset, worth = self.asset_of[symbol], 0
        for row in self.rows_of_symbol[symbol]:
            if row.lots:
                worth += signed_value(self.symbols[symbol], row.lots, self.mark[symbol])
                back = self.profit(row) + row.wallet
                assert back >= 0 or not row.is_isolated
                row.lots = row.cost = row.wallet = 0
                row.is_called = False
                if row.is_isolated:
                    self.emit_moved(row, -back, Reason.DELISTED)
                self.emit_position(row)
                self.move_wallet(row.account, asset, back, Reason.DELISTED)
                self.touch(row.account)
        assert worth <= 0
        self.move_wallet(FUND_ACCOUNT, asset, -worth, Reason.DELISTED)

    def check_set_brackets(self, c: Command) -> Iterator[Refusal]:
        if not 0 <= c["symbol"] < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        rows = [(r.get("amount_e8", 0), r.get("rate_e8", 0), r.get("leverage", 0)) for r in c["records"]]
        floors, rates, leverages = ([row[at] for row in rows] for at in range(3))
        is_good = len(rows) <= BRACKETS_MAX and c["amount_e8"] <= NOTIONAL_MAX_E8 and floors[0] == 0
        is_good &= all(a < b for a, b in pairwise([*floors, c["amount_e8"]]))
        is_good &= rates[0] > 0 and rates[-1] <= ONE and all(a <= b for a, b in pairwise(rates))
        is_good &= all(a >= b for a, b in pairwise([1000, *leverages, 1]))
        is_good &= all(floor * (b - a) % ONE == 0 for floor, (a, b) in zip(floors, pairwise([0, *rates]), strict=True))
        if not is_good:
            yield Refusal.BRACKETS_MALFORMED

    def set_brackets(self, c: Command) -> None:
        symbol, made, deduction, before = c["symbol"], [], 0, 0
        ends = [record.get("amount_e8", 0) for record in c["records"][1:]] + [c["amount_e8"]]
        for number, (record, cap) in enumerate(zip(c["records"], ends, strict=True), 1):
            floor, rate, leverage = record.get("amount_e8", 0), record["rate_e8"], record["leverage"]
            deduction, before = deduction + floor * (rate - before) // ONE, rate
            made.append(Bracket(floor, rate, deduction, leverage, cap))
            self.emit(
                EventKind.BRACKETS_SET, symbol=symbol, code=number, value_e8=floor, rate_e8=rate, amount_e8=deduction,
                balance_e8=cap, leverage=leverage,
            )
        self.symbols[symbol] = replace(self.symbols[symbol], brackets=tuple(made))
        for row in self.rows_of_symbol[symbol]:
            if row.lots:
                self.touch(row.account)

    def check_set_fees(self, c: Command) -> Iterator[Refusal]:
        count, account, symbol = len(c["records"]), c["account"], c["symbol"]
        if count not in ((2,) if account else (2, 3)):
            yield Refusal.MALFORMED_CONTINUATION
        if account and symbol != NO_ROW:
            yield Refusal.NOT_SUPPORTED
        if account and (not self.is_user(account) or self.is_house(account)):
            yield Refusal.UNKNOWN_ACCOUNT
        if not account and not 0 <= symbol < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        if any(not 0 <= record.get("rate_e8", 0) <= ONE for record in c["records"]):
            yield Refusal.RATE_OUT_OF_RANGE

    def set_fees(self, c: Command) -> None:
        rates = [record.get("rate_e8", 0) for record in c["records"]]
        if c["account"]:
            self.own_fees[c["account"]] = rates[0], rates[1]
            self.emit(EventKind.FEES_SET, account=c["account"], amount_e8=rates[0], rate_e8=rates[1])
            return
        rules = replace(self.symbols[c["symbol"]], maker_fee_rate_e8=rates[0], taker_fee_rate_e8=rates[1])
        if len(rates) == 3:
            rules = replace(rules, liquidation_fee_rate_e8=rates[2])
        self.symbols[c["symbol"]] = rules
        self.emit(
            EventKind.FEES_SET, symbol=c["symbol"], amount_e8=rates[0], rate_e8=rates[1], fee_e8=rules.liquidation_fee_rate_e8
        )

    def check_advance_clock(self, c: Command) -> Iterator[Refusal]:
        yield from ()

    def advance_clock(self, c: Command) -> None:
        self.emit(EventKind.CLOCK)
        moved = [symbol for symbol in range(len(self.symbols)) if self.renew_mark(symbol)]
        self.end_waits()
        if moved:
            self.marks_moved(moved)
