"""Book of the reference model: acceptance, matching, cancelling. docs/reference/commands.md, "Orders".

Responsible for: the checks of an order, one match after another, what is left of the order. Must not: judge a pocket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from isocross.codes import (
    EventKind,
    OrderType,
    Reason,
    Refusal,
    SelfTradePrevention,
    Side,
    SymbolStatus,
    TimeInForce,
    WorkingType,
)
from isocross.kernel.schema import FUND_ACCOUNT, NO_ROW
from isocross.limits import ACCOUNT_NOTIONAL_MAX_E8, HOUSE_POSITIONS_MAX

from .formulas import (
    ONE,
    Fill,
    at_ticks,
    cap_at_leverage,
    ceil_div,
    close_fill,
    fee_of,
    floor_div,
    is_inverse,
    match_value,
    most_worth,
    notional,
    open_fill,
    sign_of,
    signed_value,
    transfer_of,
    value_down,
)
from .state import Order, Position, State


@dataclass(frozen=True)
class Request:
    """An order before it is accepted."""

    order_id: int
    account: int
    symbol: int
    side: int
    order_type: int
    time_in_force: int
    position_side: int
    price: int
    lots: int
    is_reduce_only: bool
    self_trade_prevention: int
    is_ladder: bool = False
    client_id: int = 0
    expire: int = 0

    @property
    def left_out(self) -> int:
        """The account whose resting orders are nothing to trade with; nobody's where self-trades are allowed."""
        return NO_ROW if self.self_trade_prevention == SelfTradePrevention.NONE else self.account

    def closing_a_leg(self) -> Request:
        """An order of a hedge that closes a side can do nothing else."""
        return replace(self, is_reduce_only=True)


class Book(State):
    # The book

    def levels(self, symbol: int, side: int) -> dict[int, list[Order]]:
        return self.books[symbol][side]

    def level_lots(self, symbol: int, side: int, price: int) -> int:
        return sum(order.lots for order in self.levels(symbol, side).get(price, []))

    def crossing_levels(self, symbol: int, side: int, limit: int) -> list[int]:
        """Prices at which an order of `side` with this limit would trade, best first."""
        if side == Side.BUY:
            return sorted(price for price in self.levels(symbol, Side.SELL) if price <= limit)
        return sorted((price for price in self.levels(symbol, Side.BUY) if price >= limit), reverse=True)

    def best_order(self, taker: Order) -> Order | None:
        levels = self.levels(taker.symbol, 1 - taker.side)
        if not levels:
            return None
        best = min(levels) if taker.side == Side.BUY else max(levels)
        crosses = best <= taker.price if taker.side == Side.BUY else best >= taker.price
        return levels[best][0] if crosses else None

    def offered_lots(self, symbol: int, side: int, price: int, account: int) -> int:
        """Lots on the opposite level at a price that are not the account's own."""
        return sum(order.lots for order in self.levels(symbol, 1 - side)[price] if order.account != account)

    def market_limit(self, symbol: int, side: int, lots: int, account: int) -> int | None:
        """Price of the deepest opposite level that `lots` need of others, within the bound around mark. None: no level."""
        rules, mark = self.symbols[symbol], self.mark[symbol]
        bound = rules.market_bound_rate_e8
        if side == Side.BUY:
            furthest = floor_div(mark * (ONE + bound), ONE * rules.tick_e8)
        else:
            furthest = ceil_div(mark * (ONE - bound), ONE * rules.tick_e8)
        limit, found = None, 0
        for price in self.crossing_levels(symbol, side, furthest):
            if found >= lots:
                break
            offered = self.offered_lots(symbol, side, price, account)
            if offered:
                limit = price
                found += offered
        return limit

    def emit_level(self, symbol: int, side: int, price: int) -> None:
        lots = self.level_lots(symbol, side, price)
        self.emit(EventKind.BOOK_LEVEL, symbol=symbol, side=side, price_ticks=price, lots=lots)

    def leave_book(self, order: Order) -> None:
        level = self.levels(order.symbol, order.side)[order.price]
        level.remove(order)
        if not level:
            del self.levels(order.symbol, order.side)[order.price]
        order.position.orders.remove(order)
        order.is_resting = False
        del self.orders[order.order_id]

    def cancel(self, order: Order, reason: Reason, kind: EventKind = EventKind.CANCELLED) -> None:
        """A resting order or a conditional goes."""
        self.branch(f"cancel {reason.name}")
        if order.trigger:
            del self.orders[order.order_id]
        else:
            self.leave_book(order)
        self.emit(
            kind, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            position_side=order.position.side,
            price_ticks=order.trigger or order.price, lots=order.lots, code=reason,
        )
        if not order.trigger:
            self.emit_level(order.symbol, order.side, order.price)

    # Acceptance

    def order_count(self, account: int, symbol: int) -> int:
        """Resting orders and conditionals."""
        return self.resting_count(account, symbol) + self.conditional_count(account, symbol)

    def resting_count(self, account: int, symbol: int) -> int:
        return sum(1 for o in self.orders.values() if o.account == account and o.symbol == symbol and not o.trigger)

    def conditional_count(self, account: int, symbol: int) -> int:
        return sum(1 for o in self.orders.values() if o.account == account and o.symbol == symbol and o.trigger)

    def is_user(self, account: int) -> bool:
        """Whether a command may name this account as its own."""
        return account in self.accounts and account != FUND_ACCOUNT

    def as_meant(self, request: Request) -> Request:
        """In hedge mode the two sides of an order say whether it opens or closes."""
        if self.is_hedged(request.account) and self.closes_a_leg(request.position_side, request.side):
            return request.closing_a_leg()
        return request

    def order_refusals(self, request: Request) -> Iterator[Refusal]:
        """Every check of PLACE_ORDER in the order of codes.Refusal; what comes after a refusal may assume nothing."""
        if not self.is_user(request.account):
            yield Refusal.UNKNOWN_ACCOUNT
        request = self.as_meant(request)
        if not 0 <= request.symbol < len(self.symbols):
            yield Refusal.UNKNOWN_SYMBOL
        status = self.status[request.symbol]
        is_open = status == SymbolStatus.REDUCE_ONLY and (request.is_reduce_only or self.is_house(request.account))
        if status != SymbolStatus.TRADING and not is_open:
            yield Refusal.SYMBOL_NOT_TRADING
        if request.side not in (Side.BUY, Side.SELL):
            yield Refusal.UNKNOWN_SIDE
        if request.order_type not in (OrderType.LIMIT, OrderType.MARKET):
            yield Refusal.UNKNOWN_ORDER_TYPE
        is_limit = request.order_type == OrderType.LIMIT
        if is_limit and request.time_in_force not in list(TimeInForce):
            yield Refusal.UNKNOWN_TIME_IN_FORCE
        if request.position_side not in self.sides(request.account):
            yield Refusal.POSITION_SIDE_MISMATCH
        rules, mark = self.symbols[request.symbol], self.mark[request.symbol]
        if mark == 0:
            yield Refusal.NO_MARK_PRICE
        if is_limit and request.price <= 0:
            yield Refusal.PRICE_NOT_POSITIVE
        if is_limit and request.price > rules.price_max_ticks:
            yield Refusal.PRICE_TOO_LARGE
        if is_limit and request.price < rules.price_min_ticks:
            yield Refusal.PRICE_TOO_SMALL
        if request.lots <= 0:
            yield Refusal.QUANTITY_NOT_POSITIVE
        house = self.is_house(request.account)
        if request.lots > self.largest_order(request.account, request.symbol, is_limit, request.is_reduce_only):
            yield Refusal.QUANTITY_TOO_LARGE
        if is_limit:
            yield from self.band_refusals(request.account, request.symbol, request.side, request.price)
        value = value_down(rules, request.lots, request.price * rules.tick_e8 if is_limit else mark)
        if value < rules.min_notional_e8 and not request.is_reduce_only and not house:
            yield Refusal.NOTIONAL_TOO_SMALL
        row = self.peek(request.account, request.symbol, request.position_side)
        if request.is_reduce_only and row.lots * sign_of(request.side) >= 0:
            yield Refusal.REDUCE_ONLY_REJECTED
        limit = request.price
        if is_limit:
            crossing = self.crossing_levels(request.symbol, request.side, limit)
            if request.time_in_force == TimeInForce.GTX and crossing:
                yield Refusal.POST_ONLY_TAKES
            offered = sum(self.offered_lots(request.symbol, request.side, price, request.left_out) for price in crossing)
            if request.time_in_force == TimeInForce.FOK and offered < request.lots:
                yield Refusal.FILL_OR_KILL_UNFILLED
        else:
            found = self.market_limit(request.symbol, request.side, request.lots, request.left_out)
            if found is None:
                yield Refusal.NO_LIQUIDITY
            limit = found
        if not house and self.resting_count(request.account, request.symbol) >= rules.orders_max:
            yield Refusal.TOO_MANY_ORDERS
        if not house and not request.is_reduce_only:
            yield from self.margin_refusals(request, row, limit)
        if self.client_order(request.account, request.client_id) is not None:
            yield Refusal.DUPLICATE_CLIENT_ID
        if is_limit and request.time_in_force == TimeInForce.GTD and request.expire <= self.time_ms:
            yield Refusal.EXPIRY_NOT_AHEAD

    def largest_order(self, account: int, symbol: int, is_limit: bool, reduces: bool) -> int:
        """F33: most lots of one order."""
        rules = self.symbols[symbol]
        most = rules.order_quantity_max_e8 if is_limit else 0 if reduces else rules.market_quantity_max_e8
        if self.is_house(account) or not most:
            return rules.lots_max
        return min(rules.lots_max, most // rules.step_e8)

    def band_refusals(self, account: int, symbol: int, side: int, price: int) -> Iterator[Refusal]:
        """F33: a buy far above the mark, a sale far below it."""
        rules = self.symbols[symbol]
        away = Fraction(price * rules.tick_e8, self.mark[symbol]) - 1
        if self.is_house(account):
            return
        if side == Side.BUY and rules.band_up_rate_e8 and away > Fraction(rules.band_up_rate_e8, ONE):
            yield Refusal.PRICE_ABOVE_BAND
        if side == Side.SELL and rules.band_down_rate_e8 and -away > Fraction(rules.band_down_rate_e8, ONE):
            yield Refusal.PRICE_BELOW_BAND

    def client_order(self, account: int, client_id: int) -> Order | None:
        """The open order of an account with a client id."""
        if client_id == 0:
            return None
        return next((o for o in self.orders.values() if o.account == account and o.client_id == client_id), None)

    def margin_refusals(self, request: Request, row: Position, limit: int) -> Iterator[Refusal]:
        """F15 and the caps, for an order that opens."""
        opening = self.opening_lots(row, request.side, request.lots)
        if opening == 0:
            return
        rules, mark, asset = self.symbols[row.symbol], self.mark[row.symbol], self.asset_of[row.symbol]
        bids, asks = (request.lots, 0) if request.side == Side.BUY else (0, request.lots)
        after = self.required_lots(row, bids, asks)
        cap = cap_at_leverage(rules, self.leverage(row.account, row.symbol))
        if notional(rules, after, mark) > cap or after > rules.lots_max:
            yield Refusal.BRACKET_EXCEEDED
        total = most_worth(rules, after)
        for other in self.rows(row.account):
            if other is not row:
                total += most_worth(self.symbols[other.symbol], self.required_lots(other))
        if total > ACCOUNT_NOTIONAL_MAX_E8:
            yield Refusal.ACCOUNT_TOO_LARGE
        loss = self.open_loss(row.symbol, request.side, opening, limit)
        need = self.initial_margin(row, request.side, request.lots, loss) - self.initial_margin(row)
        worst = ceil(at_ticks(rules, opening, limit))
        need += fee_of(rules, self.rulebook.fee_basis, opening, worst, mark, self.fee_rate(row.account, row.symbol, False))
        room = self.available(row.account, asset)
        if row.is_isolated:
            room = min(room, self.free_of_maintenance(row.account, asset))
        if need > room:
            yield Refusal.MARGIN_INSUFFICIENT

    def place(self, request: Request) -> None:
        """Past validation: accept, match, and what becomes of the rest."""
        request = self.as_meant(request)
        row = self.row(request.account, request.symbol, request.position_side)
        limit = request.price
        if request.order_type == OrderType.MARKET:
            found = self.market_limit(request.symbol, request.side, request.lots, request.left_out)
            assert found is not None
            limit = found
        opening = 0 if request.is_reduce_only else self.opening_lots(row, request.side, request.lots)
        order = Order(
            order_id=request.order_id, account=request.account, symbol=request.symbol, side=request.side,
            order_type=request.order_type, price=limit, lots=request.lots, position=row,
            is_reduce_only=request.is_reduce_only, self_trade_prevention=request.self_trade_prevention,
            open_loss=self.open_loss(request.symbol, request.side, opening, limit) if opening else 0,
            is_ladder=request.is_ladder, client_id=request.client_id, original=request.lots, time_in_force=request.time_in_force,
            expire=request.expire if request.time_in_force == TimeInForce.GTD and request.order_type == OrderType.LIMIT else 0,
        )
        row.orders.append(order)
        self.emit(
            EventKind.ACCEPTED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            position_side=row.side,
            price_ticks=limit, lots=order.lots, code=order.order_type,
        )
        immediate = request.order_type == OrderType.MARKET or request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        self.trade_and_rest(order, immediate)

    def trade_and_rest(self, order: Order, immediate: bool) -> None:
        """An accepted order meets the book, and what is left of it rests or expires."""
        row = order.position
        self.match(order)
        if order not in row.orders:
            return
        if order.is_reduce_only and row.lots * sign_of(order.side) >= 0:
            self.branch("reduce-only rest with nothing left")
            self.expire(order, Reason.REDUCE_ONLY_NOTHING_LEFT)
        elif immediate:
            self.expire(order, Reason.IMMEDIATE_REST)
        else:
            order.is_resting = True
            order.placed = self.placed = self.placed + 1
            self.orders[order.order_id] = order
            self.levels(order.symbol, order.side).setdefault(order.price, []).append(order)
            self.emit_level(order.symbol, order.side, order.price)

    def expire(self, order: Order, reason: Reason) -> None:
        """The rest of a taker goes. A liquidation order goes silently."""
        if order.is_liquidation:
            return
        self.branch(f"expire {reason.name}")
        order.position.orders.remove(order)
        self.emit(
            EventKind.EXPIRED, account=order.account, symbol=order.symbol, order_id=order.order_id, side=order.side,
            position_side=order.position.side,
            price_ticks=order.price, lots=order.lots, code=reason,
        )

    # Triggers

    def watched(self, symbol: int, working_type: int) -> int:
        """The price in ticks that a trigger looks at now: on last, the mark until something has traded."""
        if working_type == WorkingType.LAST_PRICE and self.last[symbol]:
            return self.last[symbol]
        return floor_div(self.mark[symbol], self.symbols[symbol].tick_e8)

    @staticmethod
    def is_past(side: int, order_type: int, trigger: int, price: int) -> bool:
        """Whether a price is at or past a trigger: of a trailing stop, past what activates it."""
        is_buy = side == Side.BUY
        if order_type == OrderType.TRAILING_STOP_MARKET:
            return trigger != 0 and (price <= trigger if is_buy else price >= trigger)
        is_upward = is_buy == (order_type in (OrderType.STOP, OrderType.STOP_MARKET))
        return price >= trigger if is_upward else price <= trigger

    def trailing(self, symbol: int, working_type: int) -> list[Order]:
        return [
            order for order in self.orders.values()
            if order.callback and order.symbol == symbol and order.working_type == working_type and not order.is_turned
        ]

    def trail(self, symbol: int, working_type: int, price: int) -> None:
        """Every trailing stop that watches this price sees it."""
        for order in self.trailing(symbol, working_type):
            if order.extreme == 0 and not self.is_past(order.side, order.order_type, order.trigger, price):
                continue
            is_better = price < order.extreme if order.side == Side.BUY else price > order.extreme
            if order.extreme == 0 or is_better:
                self.branch("trailing stop follows")
                order.extreme = price
                continue
            turn = Fraction(order.callback, ONE)
            if order.side == Side.BUY:
                order.is_turned = price >= order.extreme * (1 + turn)
            else:
                order.is_turned = price <= order.extreme * (1 - turn)

    def reached(self, symbol: int, working_type: int, seen: list[int]) -> list[Order]:
        """The sleeping orders of a symbol that a price has reached which was at all of these, in order of order id."""
        found = [
            order for order in self.orders.values()
            if order.trigger and order.symbol == symbol and order.working_type == working_type
            and (
                order.is_turned if order.callback
                else any(self.is_past(order.side, order.order_type, order.trigger, price) for price in seen)
            )
        ]
        return sorted(found, key=lambda order: order.order_id)

    # Matching

    def match(self, taker: Order) -> None:
        """Trade until the taker is filled, gone, or crosses nothing."""
        while taker.lots > 0:
            self.taker_side = taker.side
            maker = self.best_order(taker)
            if maker is None:
                return
            if maker.account == taker.account and taker.self_trade_prevention != SelfTradePrevention.NONE:
                prevention = taker.self_trade_prevention
                if prevention != SelfTradePrevention.EXPIRE_TAKER:
                    self.cancel(maker, Reason.SELF_TRADE)
                if prevention != SelfTradePrevention.EXPIRE_MAKER:
                    self.expire(taker, Reason.SELF_TRADE)
                    return
                continue
            if taker.is_reduce_only and self.closable(taker) == 0:
                self.expire(taker, Reason.REDUCE_ONLY_NOTHING_LEFT)
                return
            if maker.is_reduce_only and self.closable(maker) == 0:
                self.cancel(maker, Reason.REDUCE_ONLY_NOTHING_LEFT)
                continue
            lots = min(taker.lots, maker.lots)
            is_own = maker.position is taker.position
            for order in (taker, maker):
                if self.closable(order) > 0 and not is_own:
                    lots = min(lots, self.closable(order))
            both_fees = 0
            if maker.account == taker.account:
                both_fees = sum(self.trading_fee(order, lots, maker.price, is_maker=order is maker) for order in (taker, maker))
            if is_own:
                self.branch("trade with itself")
                opener = maker if self.closable(taker) > 0 else taker
                asset = self.asset_of[taker.symbol]
                reason = self.objection(opener, lots, maker.price, opener is maker, both_fees)
                if not self.is_free(taker.account) and self.pool_balance(taker.account, asset) < both_fees:
                    reason = Reason.WOULD_BANKRUPT
                if reason == Reason.NONE:
                    self.trade(taker, maker, lots)
                elif opener is maker:
                    self.cancel(maker, reason)
                else:
                    self.expire(taker, reason)
                    return
                continue
            reason = self.objection(taker, lots, maker.price, False, both_fees)
            if reason != Reason.NONE:
                self.expire(taker, reason)
                return
            reason = self.objection(maker, lots, maker.price, True, both_fees)
            if reason != Reason.NONE:
                self.cancel(maker, reason)
                continue
            self.trade(taker, maker, lots)

    @staticmethod
    def closable(order: Order) -> int:
        """Lots of the position that this order's side closes."""
        return abs(order.position.lots) if order.position.lots * sign_of(order.side) < 0 else 0

    def trading_fee(self, order: Order, lots: int, price: int, is_maker: bool) -> int:
        """F17; a liquidation order's fee is not this one's business."""
        if self.is_free(order.account):
            return 0
        rules = self.symbols[order.symbol]
        rate = self.fee_rate(order.account, order.symbol, is_maker)
        value = match_value(rules, lots, price, self.taker_side)
        return fee_of(rules, self.rulebook.fee_basis, lots, value, self.mark[order.symbol], rate)

    def outcome(self, order: Order, lots: int, price: int, fee: int) -> Fill:
        """What a fill makes of the order's position."""
        row, rules = order.position, self.symbols[order.symbol]
        signed_lots = sign_of(order.side) * lots
        value = match_value(rules, lots, price, self.taker_side)
        signed_trade = value if (signed_lots > 0) != is_inverse(rules) else -value  # what a buyer's cost grows by
        if self.closable(order) > 0:
            return close_fill(row.lots, row.cost, row.wallet, lots, signed_trade, fee, row.is_isolated, order.is_liquidation)
        transfer = self.transfer(order, lots, price) if row.is_isolated else 0
        return open_fill(row.lots, row.cost, row.wallet, signed_lots, signed_trade, transfer, fee)

    def transfer(self, order: Order, lots: int, price: int) -> int:
        """F16."""
        leverage = self.leverage(order.account, order.symbol)
        basis = self.rulebook.isolated_fill_basis
        return transfer_of(self.symbols[order.symbol], basis, order.side, lots, price, self.mark[order.symbol], leverage)

    def objection(self, order: Order, lots: int, price: int, is_maker: bool, both_fees: int) -> Reason:
        """F18: why this side may not be filled. `both_fees`: of a trade of an account with itself."""
        if order.is_liquidation:
            return Reason.NONE
        if self.is_free(order.account):
            held = order.position.lots + (lots if order.side == Side.BUY else -lots)
            fits = abs(held) <= HOUSE_POSITIONS_MAX * self.symbols[order.symbol].lots_max or abs(held) < abs(order.position.lots)
            return Reason.NONE if fits else Reason.CANNOT_BE_MARGINED
        row, rules, asset = order.position, self.symbols[order.symbol], self.asset_of[order.symbol]
        if row.is_isolated and row.lots and row.wallet + signed_value(rules, row.lots, price * rules.tick_e8) - row.cost < 0:
            self.branch("objection: isolated past bankruptcy")
            return Reason.WOULD_BANKRUPT
        fee = both_fees or self.trading_fee(order, lots, price, is_maker)
        fill = self.outcome(order, lots, price, fee)
        after = self.wallet(order.account, asset) + fill.cross + self.pool_profit(order.account, asset)
        if not row.is_isolated:
            trial = Position(row.account, row.symbol, row.mode, row.side, fill.lots, fill.cost)
            after += self.profit(trial) - self.profit(row)
        bankrupt = after < 0
        unmargined = False
        if row.is_isolated and fill.is_opening:
            held = order.lots, order.open_loss
            self.shrink(order, lots)
            unmargined = fill.moved + fee > self.max_add_margin(order.account, asset)
            order.lots, order.open_loss = held
        if bankrupt and unmargined:
            self.branch("objection: pool and margin both fail")
        if unmargined:
            return Reason.CANNOT_BE_MARGINED
        if bankrupt:
            self.branch("objection: pool below zero")
            return Reason.WOULD_BANKRUPT
        return Reason.NONE

    def liquidation_trading_fee(self, order: Order, lots: int, price: int) -> int:
        """Column liquidation_pays_trading_fee: the taker fee, as far as the judged pocket's balance after the fill goes, its rest
        valued at the order's limit."""
        if not self.rulebook.liquidation_pays_trading_fee:
            return 0
        row = order.position
        pocket = self.pocket_of(row)
        fill = self.outcome(order, lots, price, 0)
        rules = self.symbols[order.symbol]
        rest = signed_value(rules, fill.lots, order.price * rules.tick_e8) - fill.cost
        balance = self.balance(pocket) - self.profit(row) + rest
        balance += fill.wallet - row.wallet + fill.cross
        return min(self.trading_fee(order, lots, price, is_maker=False), max(0, balance))

    def trade(self, taker: Order, maker: Order, lots: int) -> None:
        """One match and all that it says."""
        price, symbol = maker.price, maker.symbol
        rules, asset = self.symbols[symbol], self.asset_of[symbol]
        filled_at = len(self.events)
        filled: list[dict[str, int]] = []
        sides = [(taker, maker), (maker, taker)]
        if taker.position is maker.position and self.closable(taker) > 0:
            sides.reverse()  # of an account that trades with itself the side that opens is first
        for order, other in sides:
            row = order.position
            if order.is_liquidation:
                fee = self.liquidation_trading_fee(order, lots, price)
            else:
                fee = self.trading_fee(order, lots, price, is_maker=order is maker)
            fill = self.outcome(order, lots, price, fee)
            if fill.lots == 0 and order.lots > lots and not order.is_reduce_only and not order.is_liquidation:
                self.branch("flip through zero")
            self.shrink(order, lots)
            row.lots, row.cost, row.wallet = fill.lots, fill.cost, fill.wallet
            row.is_called &= row.lots != 0
            self.wallets[row.account, asset] = self.wallet(row.account, asset) + fill.cross
            self.fees[asset] += fee
            filled.append(
                {
                    "account": order.account, "counterparty": other.account, "symbol": symbol, "order_id": order.order_id,
                    "side": order.side, "position_side": row.side, "price_ticks": price, "lots": lots, "value_e8": match_value(rules, lots, price, self.taker_side),
                    "amount_e8": fill.realized, "fee_e8": fee, "is_maker": int(order is maker),
                }
            )
            if not fill.is_opening and row.is_isolated and not order.is_liquidation and fill.moved == 0 and fill.realized < 0:
                self.branch("isolated close, nothing back")
            self.emit_moved(row, fill.moved, Reason.ISOLATED_FILL if fill.is_opening else Reason.ISOLATED_CLOSE)
            self.emit_position(row)
            self.emit_wallet(row.account, asset, fill.cross, Reason.FUND_UNWIND if row.account == FUND_ACCOUNT else Reason.TRADE)
            self.touch(order.account)
        self.last[symbol] = price
        self.trail(symbol, WorkingType.LAST_PRICE, price)
        self.traded.setdefault(symbol, []).append(price)
        effects = self.events[filled_at:]
        del self.events[filled_at:]
        for fields in sorted(filled, key=lambda fields: fields["is_maker"]):
            self.emit(EventKind.FILLED, **fields)
        self.events.extend(effects)
        if maker.lots == 0:
            self.leave_book(maker)
        self.emit_level(symbol, maker.side, price)
        if taker.lots == 0 and not taker.is_liquidation:
            taker.position.orders.remove(taker)
        for order in (taker, maker):
            for resting in order.position.resting():
                if resting.is_reduce_only and self.closable(resting) == 0:
                    self.cancel(resting, Reason.REDUCE_ONLY_NOTHING_LEFT)

