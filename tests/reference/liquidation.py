"""Liquidation of the reference model: judging, liquidation, takeover, auto-deleveraging. commands.md, "The tail".

Responsible for: who is due, worst first, and every step of one liquidation. Must not: validate a command.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

from isocross.codes import (
    AdlRanking,
    CrossLiquidationOrder,
    EventKind,
    LiquidationLadder,
    LiquidationStep,
    MarginMode,
    OrderType,
    Reason,
    RemainderTo,
    Side,
    TimeInForce,
)
from isocross.kernel.schema import FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW

from .book import Book
from .formulas import (
    ONE,
    adl_score,
    ceil_div,
    close_fill,
    floor_div,
    is_inverse,
    leverage_score,
    liquidation_limit,
    maintenance_of,
    most_lots,
    notional,
    open_fill,
    part_of,
    signed_value,
    worth,
)
from .state import Order, Pocket, Position


class Liquidation(Book):
    # Judging

    def pockets(self, account: int) -> list[Pocket]:
        """In the order they are judged: isolated positions in order of creation, then pools in order of asset."""
        isolated = [self.pocket_of(row) for row in self.rows(account) if row.is_isolated]
        return isolated + [Pocket(account, asset) for asset in range(len(self.assets))]

    def judge(self, account: int) -> None:
        """Margin calls: one per upward crossing of the ratio."""
        for pocket in self.pockets(account):
            rows = self.pocket_rows(pocket)
            balance, maintenance = self.balance(pocket), self.maintenance(pocket)
            calls = bool(rows) and maintenance * ONE >= self.rulebook.margin_call_ratio_e8 * balance
            row, key = pocket.position, (account, pocket.asset)
            was_called = row.is_called if row else key in self.pool_called
            if row:
                row.is_called = calls
            elif calls:
                self.pool_called.add(key)
            else:
                self.pool_called.discard(key)
            if calls and not was_called:
                if self.is_due(pocket):
                    self.branch("margin call of a due pocket")
                self.emit(
                    EventKind.MARGIN_CALL, account=account, asset=pocket.asset, symbol=row.symbol if row else NO_ROW,
                    margin_mode=row.mode if row else MarginMode.CROSS, position_side=row.side if row else 0,
                    balance_e8=balance, maintenance_e8=maintenance,
                )

    def settle(self) -> None:
        """Judge the touched accounts; liquidate the worst pocket and judge whom it touched, until none is due."""
        judged: set[int] = set()
        while True:
            for account in sorted(self.touched):
                if not self.is_free(account):
                    self.judge(account)
                    judged.add(account)
            self.touched = {}
            due = [
                pocket for account in judged for pocket in self.pockets(account) if self.is_due(pocket) and pocket not in self.waiting
            ]
            if not due:
                return
            if len(due) > 1:
                self.branch("several due at once")
            worst = min(due, key=self.urgency)
            self.touch(worst.account)
            self.liquidate(worst)

    def end_waits(self) -> None:
        """A prices or clock command, or a mark that moved: whoever has a pocket that waits is judged again."""
        for pocket in self.waiting:
            self.touch(pocket.account)
        self.waiting = set()

    def urgency(self, pocket: Pocket) -> tuple[Fraction, int, int, int, int]:
        ratio = Fraction(self.balance(pocket), self.maintenance(pocket))
        number = pocket.position.symbol if pocket.position else pocket.asset
        return ratio, pocket.account, 0 if pocket.position else 1, number, pocket.position.side if pocket.position else 0

    # The fund's own orders

    def unwind(self, symbol: int) -> None:
        """F26: a share of the depth within the band, against what the fund holds."""
        row, rules, mark = self.peek(FUND_ACCOUNT, symbol), self.symbols[symbol], self.mark[symbol]
        share, width = self.rulebook.fund_unwind_share_e8, floor_div(mark * self.rulebook.fund_unwind_band_e8, ONE)
        if row.lots == 0 or share == 0:
            return
        side = Side.SELL if row.lots > 0 else Side.BUY
        limit = max(rules.price_min_ticks, ceil_div(mark - width, rules.tick_e8))
        if side == Side.BUY:
            limit = min(rules.price_max_ticks, floor_div(mark + width, rules.tick_e8))
        levels = self.crossing_levels(symbol, side, limit)
        depth = sum(self.offered_lots(symbol, side, price, FUND_ACCOUNT) for price in levels)
        lots = min(abs(row.lots), floor_div(depth * share, ONE))
        if lots < 1:
            return
        self.branch("the fund unwinds all" if lots == abs(row.lots) else "the fund unwinds a part")
        self.emit(EventKind.FUND_ORDER, account=FUND_ACCOUNT, symbol=symbol, side=side, price_ticks=limit, lots=lots)
        order = Order(
            order_id=0, account=FUND_ACCOUNT, symbol=symbol, side=side, order_type=OrderType.LIMIT, price=limit, lots=lots,
            position=row, is_reduce_only=True,
        )
        row.orders.append(order)  # under way
        self.match(order)
        row.orders = [other for other in row.orders if other is not order]

    # One liquidation

    def liquidate(self, pocket: Pocket) -> None:
        account, asset, row = pocket.account, pocket.asset, pocket.position
        symbol, mode, side = (row.symbol, row.mode, row.side) if row else (NO_ROW, MarginMode.CROSS, 0)
        self.branch("liquidation isolated" if row else f"liquidation cross of {len(self.pocket_rows(pocket))}")
        if self.balance(pocket) < 0:
            self.branch("liquidation past bankruptcy")
        self.emit(
            EventKind.LIQUIDATION_STARTED, account=account, asset=asset, symbol=symbol, margin_mode=mode, position_side=side,
            lots=row.lots if row else 0, balance_e8=self.balance(pocket), maintenance_e8=self.maintenance(pocket),
            mark_e8=self.mark[row.symbol] if row else 0,
        )
        for judged in [row] if row else self.cross_rows(account, asset):
            if judged.lots:
                self.emit_judged(judged)
        backed = [row] if row else [other for other in self.rows(account) if self.asset_of[other.symbol] == asset]
        for other in backed:
            for order in other.resting():
                self.cancel(order, Reason.LIQUIDATION)
        owed, is_taken_over, waits = self.reduce_in_book(pocket), False, False
        if self.is_due(pocket):
            ratio = Fraction(self.rulebook.takeover_ratio_e8, ONE)
            is_taken_over = ratio == 1 or self.balance(pocket) < ratio * self.maintenance(pocket)
            waits = not is_taken_over
        if is_taken_over:
            self.take_over(pocket)
        elif waits:
            self.waiting.add(pocket)
        else:
            self.charge_fee(pocket, owed)
        is_flat = not self.pocket_rows(pocket)
        if row and is_flat and row.wallet != 0:
            self.return_rest(row)
        code = LiquidationStep.CLOSED_IN_BOOK if is_flat else LiquidationStep.CURED
        if is_taken_over or waits:
            code = LiquidationStep.TAKEN_OVER if is_taken_over else LiquidationStep.WAITING
        self.branch(f"{'isolated' if row else 'cross'} {code.name}")
        self.emit(
            EventKind.LIQUIDATION_ENDED, account=account, asset=asset, symbol=symbol, margin_mode=mode, position_side=side, code=code,
            balance_e8=0 if is_flat else self.balance(pocket), maintenance_e8=0 if is_flat else self.maintenance(pocket),
        )

    def emit_judged(self, row: Position) -> None:
        """A position that the judged pocket backs."""
        size = notional(self.symbols[row.symbol], row.lots, self.mark[row.symbol])
        number = max(at for at, bracket in enumerate(self.symbols[row.symbol].brackets) if bracket.floor_e8 <= size)
        self.emit(
            EventKind.LIQUIDATION_POSITION, account=row.account, asset=self.asset_of[row.symbol], symbol=row.symbol,
            margin_mode=row.mode, position_side=row.side, leverage=self.leverage(row.account, row.symbol), lots=row.lots, value_e8=row.cost, amount_e8=self.profit(row),
            balance_e8=row.wallet, maintenance_e8=self.row_maintenance(row), code=number + 1,
            rate_e8=self.symbols[row.symbol].brackets[number].rate_e8, mark_e8=self.mark[row.symbol], index_e8=self.index[row.symbol],
        )

    def reduce_in_book(self, pocket: Pocket) -> int:
        """Step 2: rounds of one order per position, until it is no longer due or an order stayed unfilled. Returns the fee owed."""
        owed, rounds = 0, 0
        has_one_round = self.rulebook.liquidation_ladder == LiquidationLadder.TWENTY_PERCENT_AND_WAIT
        while True:
            rounds += 1
            if rounds > 1:
                self.branch("another round")
            is_all_filled, share_was_closed = True, False
            for row in self.reduction_order(pocket):
                lots, held = self.liquidation_lots(pocket, row, owed), abs(row.lots)
                value, is_filled = self.send_liquidation_order(pocket, row, lots)
                if has_one_round and value and lots < held:
                    self.branch("a share was closed")
                    share_was_closed = True
                owed += ceil_div(value * self.symbols[row.symbol].liquidation_fee_rate_e8, ONE)
                is_all_filled &= is_filled
                if not self.is_due(pocket):
                    break
            if share_was_closed:
                self.whole_orders_until[pocket.account] = self.time_ms + 1_000 * self.rulebook.partial_cooldown_seconds
            if not self.is_due(pocket) or not is_all_filled or has_one_round:
                return owed

    def reduction_order(self, pocket: Pocket) -> list[Position]:
        column = self.rulebook.cross_liquidation_order

        def rank(row: Position) -> tuple[int, int, int]:
            if column == CrossLiquidationOrder.LARGEST_LOSS:
                return self.profit(row), row.symbol, row.side
            if column == CrossLiquidationOrder.LARGEST_NOTIONAL:
                return -notional(self.symbols[row.symbol], row.lots, self.mark[row.symbol]), row.symbol, row.side
            return -self.row_maintenance(row), row.symbol, row.side

        return sorted(self.pocket_rows(pocket), key=rank)

    def liquidation_lots(self, pocket: Pocket, row: Position, owed: int) -> int:
        """F19 and F22."""
        ladder = self.rulebook.liquidation_ladder
        if ladder == LiquidationLadder.TIERS:
            return self.lots_to_lower_tier(row)
        if ladder == LiquidationLadder.TWENTY_PERCENT_AND_WAIT:
            return self.lots_of_share(row)
        held = abs(row.lots)
        if ladder == LiquidationLadder.ALL:
            return held
        rules, mark = self.symbols[row.symbol], self.mark[row.symbol]
        balance = self.balance(pocket)
        others = self.maintenance(pocket) - self.row_maintenance(row)

        def cures(lots: int) -> bool:
            fee = owed + ceil_div(notional(rules, lots, mark) * rules.liquidation_fee_rate_e8, ONE)
            return balance - fee > maintenance_of(rules, held - lots, mark) + others

        floors = [bracket.floor_e8 for bracket in rules.brackets if bracket.rate_e8 > rules.liquidation_fee_rate_e8]
        if not floors:
            self.branch("F19 no bracket above the fee rate")
            return held
        rest = floor(floors[0] / worth(rules, 1, mark))
        most = held - rest
        if most < 1 or not cures(most):
            self.branch("F19 nothing cures")
            return held
        low, high = 1, most
        while low < high:
            middle = (low + high) // 2
            if cures(middle):
                high = middle
            else:
                low = middle + 1
        self.branch("F19 part cures" if low < held else "F19 all cures")
        # The fewest of all, by trying: the bisection of F19 is exact only as far as rounding leaves the line concave.
        if low <= 400 and any(cures(lots) for lots in range(1, low)):
            self.branch("F19 bisection is not the fewest")
        return low

    def lots_to_lower_tier(self, row: Position) -> int:
        """F22, by exact fractions: what must go so that the rest's notional is within the lower tier's limit."""
        rules, mark, held = self.symbols[row.symbol], self.mark[row.symbol], abs(row.lots)
        size = notional(rules, held, mark)
        tiers_below = [bracket.floor_e8 for bracket in rules.brackets if bracket.floor_e8 < size]
        tier, down = len(tiers_below) - 1, self.rulebook.ladder_tiers
        if tier < down:
            self.branch("from the lowest tier")
            return held
        self.branch(f"down from tier {tier}")
        limit = tiers_below[tier - down + 1]
        rest = floor(limit / worth(rules, 1, mark))
        assert notional(rules, rest, mark) <= limit < notional(rules, rest + 1, mark)
        return held - rest

    def lots_of_share(self, row: Position) -> int:
        """F22: a share of a large position, all of a small one or soon after such an order."""
        held = abs(row.lots)
        if self.time_ms < self.whole_orders_until.get(row.account, 0):
            self.branch("whole order after a share")
            return held
        if notional(self.symbols[row.symbol], held, self.mark[row.symbol]) <= self.rulebook.partial_threshold_e8:
            return held
        return ceil_div(held * self.rulebook.partial_share_e8, ONE)

    def send_liquidation_order(self, pocket: Pocket, row: Position, lots: int) -> tuple[int, bool]:
        """One immediate-or-cancel order. Returns the filled value and whether all was filled."""
        rules = self.symbols[row.symbol]
        backing = self.balance(pocket) - self.profit(row)
        limit = liquidation_limit(rules, row.lots, row.cost, backing)
        if limit == 0 or limit > rules.price_max_ticks:
            self.branch("liquidation limit off the grid")
        side = Side.SELL if row.lots > 0 else Side.BUY
        self.emit(EventKind.LIQUIDATION_ORDER, account=row.account, symbol=row.symbol, side=side, position_side=row.side, price_ticks=limit, lots=lots)
        if lots < abs(row.lots) and self.rulebook.liquidation_time_in_force == TimeInForce.FOK:
            levels = self.crossing_levels(row.symbol, side, limit)
            if sum(self.offered_lots(row.symbol, side, price, row.account) for price in levels) < lots:
                self.branch("liquidation order killed")
                return 0, False
        order = Order(
            order_id=0, account=row.account, symbol=row.symbol, side=side, order_type=OrderType.LIMIT, price=limit, lots=lots,
            position=row, is_liquidation=True,
        )
        held, before = row.lots, len(self.events)
        self.match(order)
        filled = lots - order.lots
        self.branch("liquidation order filled" if order.lots == 0 else "liquidation order part" if filled else "liquidation order unfilled")
        value = sum(
            event.get("value_e8", 0)
            for event in self.events[before:]
            if event["kind"] == EventKind.FILLED and not event.get("is_maker") and event["account"] == row.account
        )
        assert abs(held - row.lots) == filled
        return value, order.lots == 0

    def charge_fee(self, pocket: Pocket, owed: int) -> None:
        """F20: after the last fill, when nothing was taken over."""
        row, account, asset = pocket.position, pocket.account, pocket.asset
        if self.pocket_rows(pocket):
            bearable = self.balance(pocket) - self.maintenance(pocket) - 1
        else:
            bearable = row.wallet if row else self.wallet(account, asset)
        fee = min(owed, max(0, bearable))
        self.branch("liquidation fee whole" if fee == owed else "liquidation fee cut")
        if fee == 0:
            return
        self.emit(
            EventKind.LIQUIDATION_FEE, account=account, asset=asset, symbol=row.symbol if row else NO_ROW,
            margin_mode=row.mode if row else MarginMode.CROSS, position_side=row.side if row else 0, fee_e8=fee,
        )
        if row:
            row.wallet -= fee
            self.emit_position(row)
        else:
            self.move_wallet(account, asset, -fee, Reason.LIQUIDATION_FEE)
        self.move_wallet(FUND_ACCOUNT, asset, fee, Reason.LIQUIDATION_FEE)

    def return_rest(self, row: Position) -> None:
        """Step 5: what is left of the isolated wallet of a flat position."""
        rest, row.wallet = row.wallet, 0
        if rest < 0:
            self.branch("a flat isolated wallet below zero")
        keeper = FUND_ACCOUNT if self.rulebook.remainder_to == RemainderTo.INSURANCE_FUND else row.account
        self.emit_moved(row, -rest, Reason.REST_AFTER_LIQUIDATION)
        self.emit_position(row)
        self.move_wallet(keeper, self.asset_of[row.symbol], rest, Reason.REST_AFTER_LIQUIDATION)

    # Takeover and auto-deleveraging

    def take_over(self, pocket: Pocket) -> None:
        """Step 3: all remaining lots at values that leave the judged wallet exactly 0 (F13)."""
        if pocket.position:
            self.hand_over(pocket.position, pocket.position.cost - pocket.position.wallet)
            assert pocket.position.wallet == 0, "a takeover leaves the wallet at exactly 0"
            return
        has_netted = False
        balance, whole, used = self.balance(pocket), self.maintenance(pocket), 0
        while rows := self.pocket_rows(pocket):
            row = rows[0]
            weight = self.row_maintenance(row)
            worth = signed_value(self.symbols[row.symbol], row.lots, self.mark[row.symbol])
            if self.hand_over(row, worth - part_of(balance, used, used + weight, whole)):
                has_netted = True
                balance, whole, used = self.balance(pocket), self.maintenance(pocket), 0
            else:
                used += weight
        left = self.wallet(pocket.account, pocket.asset)
        assert left == 0 or (has_netted and left > 0), "a takeover leaves the wallet at exactly 0"

    def hand_over(self, row: Position, total: int) -> int:
        """All lots of one position: the fund's first, then ADL, then the account's other leg, then the house's. What the leg took."""
        whole, given = abs(row.lots), 0
        direction = 1 if row.lots > 0 else -1
        fund = self.fund_lots(row, total)
        if fund:
            self.branch("takeover by the fund" if fund == whole else "takeover by the fund, in part")
            self.pass_lots(row, FUND_ACCOUNT, total, given, fund, whole, direction)
            given += fund
        if self.rulebook.adl_ranking == AdlRanking.PRO_RATA:
            given = self.deleverage_pro_rata(row, total, given, whole, direction)
        elif self.rulebook.adl_ranking != AdlRanking.NONE and given < whole:
            for other in self.adl_queue(row):
                given += self.deleverage_as_borne(row, other, whole - given, total, given, whole, direction)
                if given == whole:
                    break
        netted = 0
        if given < whole and self.rulebook.adl_ranking != AdlRanking.NONE:
            for leg in self.legs(row.account, row.symbol):
                if leg.lots * row.lots < 0:
                    netted = self.deleverage_as_borne(row, leg, whole - given, total, given, whole, direction, score=0)
                    given += netted
                    self.branch("own leg closed" if netted else "own leg cannot bear it")
        if given < whole:
            self.branch("takeover by the house")
            self.pass_lots(row, HOUSE_ACCOUNT, total, given, whole - given, whole, direction)
        return netted

    def deleverage_as_borne(
        self, row: Position, other: Position, most: int, total: int, given: int, whole: int, direction: int, is_told: bool = True,
        score: int | None = None,
    ) -> int:
        """At most `most` lots, as far as the counterparty bears it. Returns them."""
        lots = self.adl_lots(row, other, most, total, given, whole, direction)
        if lots:
            self.deleverage(row, other, total, given, lots, whole, direction, score)
        elif is_told:
            self.branch("ADL skipped")
            value = part_of(total, given, given + 1, whole)
            left, realized = self.left_by_adl(row, other, value, 1)
            self.emit(
                EventKind.ADL_SKIPPED, account=row.account, counterparty=other.account, symbol=row.symbol, lots=other.lots,
                margin_mode=other.mode, position_side=other.side, value_e8=value, amount_e8=realized, balance_e8=left,
                rate_e8=self.score(other) if score is None else score,
            )
        return lots

    def deleverage_pro_rata(self, row: Position, total: int, given: int, whole: int, direction: int) -> int:
        """F25: a share by size for each, then all that each can bear. Returns the lots given."""
        others = self.counterparties(row)
        sizes = [abs(other.lots) for other in others]
        wanted = min(whole - given, sum(sizes))
        for at, other in enumerate(others):
            part = part_of(wanted, sum(sizes[:at]), sum(sizes[: at + 1]), sum(sizes))
            if part:
                self.branch("ADL pro rata")
                given += self.deleverage_as_borne(row, other, part, total, given, whole, direction)
        for other in others:
            if given < whole and other.lots:
                given += self.deleverage_as_borne(row, other, whole - given, total, given, whole, direction, is_told=False)
        return given

    def received(self, other: Position, total: int, given: int, lots: int, whole: int, direction: int) -> tuple[int, int, int]:
        """(lots, cost, realized) of a cross position that receives the lots given … given + lots. Through zero it is two fills."""
        held, cost, realized, closed = other.lots, other.cost, 0, 0
        value = part_of(total, given, given + lots, whole)
        if held * direction < 0:
            closed = min(lots, abs(held))
            fill = close_fill(held, cost, 0, closed, part_of(value, 0, closed, lots), 0, False, False)
            held, cost, realized = fill.lots, fill.cost, fill.realized
        if closed < lots:
            fill = open_fill(held, cost, 0, direction * (lots - closed), part_of(value, closed, lots, lots), 0, 0)
            held, cost = fill.lots, fill.cost
        return held, cost, realized

    def fund_lots(self, row: Position, total: int) -> int:
        """The most lots that leave the fund's margin balance at mark ≥ 0."""
        asset = self.asset_of[row.symbol]
        fund = self.peek(FUND_ACCOUNT, row.symbol)
        whole, direction = abs(row.lots), 1 if row.lots > 0 else -1
        balance = self.pool_balance(FUND_ACCOUNT, asset) - self.profit(fund)

        def fits(lots: int) -> bool:
            held, cost, realized = self.received(fund, total, 0, lots, whole, direction)
            return balance + realized + self.profit(Position(FUND_ACCOUNT, row.symbol, fund.mode, fund.side, held, cost)) >= 0

        return most_lots(whole, fits)

    def give(self, row: Position, lots: int, value: int, reason: Reason) -> None:
        """The liquidated side of a handover: it realizes the value against its cost."""
        fill = close_fill(row.lots, row.cost, row.wallet, lots, -value, 0, row.is_isolated, True)
        row.lots, row.cost, row.wallet = fill.lots, fill.cost, fill.wallet
        self.emit_position(row)
        self.move_wallet(row.account, self.asset_of[row.symbol], fill.cross, reason)

    def pass_lots(self, row: Position, receiver: int, total: int, given: int, lots: int, whole: int, direction: int) -> None:
        """To the fund or the house."""
        value = part_of(total, given, given + lots, whole)
        told = self.emit(
            EventKind.TAKEOVER, account=row.account, counterparty=receiver, symbol=row.symbol, position_side=row.side,
            lots=direction * lots, value_e8=value,
        )
        self.give(row, lots, value, Reason.TAKEOVER)
        other = self.row(receiver, row.symbol)
        if other.lots * direction < 0:
            self.branch("takeover nets, through zero" if lots > abs(other.lots) else "takeover nets")
        other.lots, other.cost, realized = self.received(other, total, given, lots, whole, direction)
        self.emit_position(other)
        self.move_wallet(receiver, self.asset_of[row.symbol], realized, Reason.TAKEOVER)
        after = self.pool_balance(FUND_ACCOUNT, self.asset_of[row.symbol]) if receiver == FUND_ACCOUNT else 0
        self.add_to(told, amount_e8=realized, balance_e8=after)

    def adl_queue(self, row: Position) -> list[Position]:
        """F21 or F24: the counterparties, highest score first."""

        def rank(other: Position) -> tuple[int, int, int]:
            return -self.score(other), other.account, 0 if other.is_isolated else 1

        return sorted(self.counterparties(row), key=rank)

    def score(self, other: Position) -> int:
        """F21 or F24; 0 where nobody is ranked."""
        pocket = self.pocket_of(other)
        if self.rulebook.adl_ranking == AdlRanking.PNL_TIMES_LEVERAGE:
            size = notional(self.symbols[other.symbol], other.lots, self.mark[other.symbol])
            return leverage_score(self.profit(other), other.cost, size, self.balance(pocket))
        if self.rulebook.adl_ranking != AdlRanking.PNL_TIMES_MARGIN_RATIO:
            return 0
        wallet = other.wallet if other.is_isolated else self.wallet(other.account, pocket.asset)
        inverse = is_inverse(self.symbols[other.symbol])
        return adl_score(self.profit(other), wallet, self.maintenance(pocket), self.balance(pocket), inverse)

    def counterparties(self, row: Position) -> list[Position]:
        """Positions on the other side in order of creation, the fund and houses left out."""
        return [
            other for other in self.rows_of_symbol[row.symbol]
            if other.lots * row.lots < 0 and not self.is_free(other.account) and other.account != row.account
        ]

    def adl_lots(self, row: Position, other: Position, most: int, total: int, given: int, whole: int, direction: int) -> int:
        """The most lots, at most `most`, that the counterparty can bear."""

        def bears(lots: int) -> bool:
            return self.left_by_adl(row, other, part_of(total, given, given + lots, whole), lots)[0] >= 0

        most = min(most, abs(other.lots))
        lots = most_lots(most, bears)
        if 0 < lots < most:
            self.branch("ADL as far as it can bear")
        return lots

    def left_by_adl(self, row: Position, other: Position, value: int, lots: int) -> tuple[int, int]:
        """(what closing lots of `row` at a value leaves of what backs a counterparty, realized PnL)."""
        if other.is_isolated:
            closed = abs(other.lots)
            share = other.wallet if lots == closed else floor_div(other.wallet * lots, closed)
            fill = close_fill(other.lots, other.cost, other.wallet, lots, value, 0, True, True)
            return share + fill.realized, fill.realized
        fill = close_fill(other.lots, other.cost, 0, lots, value, 0, False, False)
        left = self.balance(self.pocket_of(other))
        for leg, made in ((other, fill), (row, close_fill(row.lots, row.cost, 0, lots, -value, 0, False, False))):
            if leg.account == other.account:  # both legs of one pool change it
                trial = Position(leg.account, leg.symbol, leg.mode, leg.side, made.lots, made.cost)
                left += self.profit(trial) - self.profit(leg) + made.realized
        return left, fill.realized

    def deleverage(
        self, row: Position, other: Position, total: int, given: int, lots: int, whole: int, direction: int, score: int | None = None
    ) -> None:
        """Close a counterparty's lots at the handover value; its orders in the symbol go first."""
        self.branch("ADL of an isolated position" if other.is_isolated else "ADL of a cross position")
        for order in other.resting():
            self.cancel(order, Reason.ADL)
        value = part_of(total, given, given + lots, whole)
        left, realized = self.left_by_adl(row, other, value, lots)
        self.emit(
            EventKind.ADL, account=row.account, counterparty=other.account, symbol=row.symbol, lots=direction * lots, value_e8=value,
            margin_mode=other.mode, position_side=other.side, amount_e8=realized, balance_e8=left,
            rate_e8=self.score(other) if score is None else score,
        )
        self.give(row, lots, value, Reason.ADL)
        asset = self.asset_of[row.symbol]
        fill = close_fill(other.lots, other.cost, other.wallet, lots, value, 0, other.is_isolated, False)
        other.lots, other.cost, other.wallet = fill.lots, fill.cost, fill.wallet
        self.emit_moved(other, fill.moved, Reason.ISOLATED_CLOSE)
        self.emit_position(other)
        self.move_wallet(other.account, asset, fill.cross, Reason.ADL)
        self.touch(other.account)
