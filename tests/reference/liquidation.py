"""Liquidation of the reference model: judging, liquidation, takeover, auto-deleveraging. commands.md, "The tail".

Responsible for: who is due, worst first, and every step of one liquidation. Must not: validate a command.
"""

from __future__ import annotations

from fractions import Fraction

from isocross.codes import (
    CrossLiquidationOrder,
    EventKind,
    LiquidationLadder,
    LiquidationStep,
    MarginMode,
    OrderType,
    Reason,
    RemainderTo,
    Side,
)
from isocross.kernel.schema import FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW

from .book import Book
from .formulas import (
    ONE,
    adl_score,
    ceil_div,
    close_fill,
    floor_div,
    liquidation_limit,
    maintenance_of,
    most_lots,
    notional,
    open_fill,
    part_of,
    signed_value,
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
                    margin_mode=row.mode if row else MarginMode.CROSS, balance_e8=balance, maintenance_e8=maintenance,
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
            due = [pocket for account in judged for pocket in self.pockets(account) if self.is_due(pocket)]
            if not due:
                return
            if len(due) > 1:
                self.branch("several due at once")
            worst = min(due, key=self.urgency)
            self.touch(worst.account)
            self.liquidate(worst)

    def urgency(self, pocket: Pocket) -> tuple[Fraction, int, int, int]:
        ratio = Fraction(self.balance(pocket), self.maintenance(pocket))
        number = pocket.position.symbol if pocket.position else pocket.asset
        return ratio, pocket.account, 0 if pocket.position else 1, number

    # One liquidation

    def liquidate(self, pocket: Pocket) -> None:
        account, asset, row = pocket.account, pocket.asset, pocket.position
        symbol, mode = (row.symbol, row.mode) if row else (NO_ROW, MarginMode.CROSS)
        self.branch("liquidation isolated" if row else f"liquidation cross of {len(self.pocket_rows(pocket))}")
        if self.balance(pocket) < 0:
            self.branch("liquidation past bankruptcy")
        self.emit(
            EventKind.LIQUIDATION_STARTED, account=account, asset=asset, symbol=symbol, margin_mode=mode,
            lots=row.lots if row else 0, balance_e8=self.balance(pocket), maintenance_e8=self.maintenance(pocket),
            mark_e8=self.mark[row.symbol] if row else 0,
        )
        backed = [row] if row else [other for other in self.rows(account) if self.asset_of[other.symbol] == asset]
        for other in backed:
            for order in other.resting():
                self.cancel(order, Reason.LIQUIDATION)
        owed, is_taken_over = self.reduce_in_book(pocket), False
        if self.is_due(pocket):
            self.take_over(pocket)
            is_taken_over = True
        else:
            self.charge_fee(pocket, owed)
        is_flat = not self.pocket_rows(pocket)
        if row and is_flat and row.wallet != 0:
            self.return_rest(row)
        code = LiquidationStep.TAKEN_OVER if is_taken_over else LiquidationStep.CLOSED_IN_BOOK if is_flat else LiquidationStep.CURED
        self.branch(f"{'isolated' if row else 'cross'} {code.name}")
        self.emit(
            EventKind.LIQUIDATION_ENDED, account=account, asset=asset, symbol=symbol, margin_mode=mode, code=code,
            balance_e8=0 if is_flat else self.balance(pocket), maintenance_e8=0 if is_flat else self.maintenance(pocket),
        )

    def reduce_in_book(self, pocket: Pocket) -> int:
        """Step 2: rounds of one order per position, until it is no longer due or an order stayed unfilled. Returns the fee owed."""
        owed, rounds = 0, 0
        while True:
            rounds += 1
            if rounds > 1:
                self.branch("another round")
            is_all_filled = True
            for row in self.reduction_order(pocket):
                lots = self.liquidation_lots(pocket, row, owed)
                value, is_filled = self.send_liquidation_order(pocket, row, lots)
                owed += ceil_div(value * self.symbols[row.symbol].liquidation_fee_rate_e8, ONE)
                is_all_filled &= is_filled
                if not self.is_due(pocket):
                    return owed
            if not is_all_filled:
                return owed

    def reduction_order(self, pocket: Pocket) -> list[Position]:
        column = self.rulebook.cross_liquidation_order

        def rank(row: Position) -> tuple[int, int]:
            if column == CrossLiquidationOrder.LARGEST_LOSS:
                return self.profit(row), row.symbol
            if column == CrossLiquidationOrder.LARGEST_NOTIONAL:
                return -notional(self.symbols[row.symbol], row.lots, self.mark[row.symbol]), row.symbol
            return -self.row_maintenance(row), row.symbol

        return sorted(self.pocket_rows(pocket), key=rank)

    def liquidation_lots(self, pocket: Pocket, row: Position, owed: int) -> int:
        """F19."""
        held = abs(row.lots)
        if self.rulebook.liquidation_ladder == LiquidationLadder.ALL:
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
        rest = floor_div(floors[0] * ONE, rules.step_e8 * mark)
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

    def send_liquidation_order(self, pocket: Pocket, row: Position, lots: int) -> tuple[int, bool]:
        """One immediate-or-cancel order. Returns the filled value and whether all was filled."""
        rules = self.symbols[row.symbol]
        backing = self.balance(pocket) - self.profit(row)
        limit = liquidation_limit(rules, row.lots, row.cost, backing)
        if limit == 0 or limit > rules.price_max_ticks:
            self.branch("liquidation limit off the grid")
        side = Side.SELL if row.lots > 0 else Side.BUY
        self.emit(EventKind.LIQUIDATION_ORDER, account=row.account, symbol=row.symbol, side=side, price_ticks=limit, lots=lots)
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
            margin_mode=row.mode if row else MarginMode.CROSS, fee_e8=fee,
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
        rows = self.pocket_rows(pocket)
        if pocket.position:
            values = [pocket.position.cost - pocket.position.wallet]
        else:
            balance, whole = self.balance(pocket), self.maintenance(pocket)
            values, used = [], 0
            for row in rows:
                weight = self.row_maintenance(row)
                worth = signed_value(self.symbols[row.symbol], row.lots, self.mark[row.symbol])
                values.append(worth - part_of(balance, used, used + weight, whole))
                used += weight
        for row, value in zip(rows, values, strict=True):
            self.hand_over(row, value)
        left = pocket.position.wallet if pocket.position else self.wallet(pocket.account, pocket.asset)
        assert left == 0, "a takeover leaves the wallet at exactly 0"

    def hand_over(self, row: Position, total: int) -> None:
        """All lots of one position: the fund's first, then ADL, then the house's."""
        whole, given = abs(row.lots), 0
        direction = 1 if row.lots > 0 else -1
        fund = self.fund_lots(row, total)
        if fund:
            self.branch("takeover by the fund" if fund == whole else "takeover by the fund, in part")
            self.pass_lots(row, FUND_ACCOUNT, total, given, fund, whole, direction)
            given += fund
        if given < whole:
            for other in self.adl_queue(row):
                lots = self.adl_lots(row, other, total, given, whole, direction)
                if lots == 0:
                    self.branch("ADL skipped")
                    self.emit(EventKind.ADL_SKIPPED, account=row.account, counterparty=other.account, symbol=row.symbol)
                    continue
                self.deleverage(row, other, total, given, lots, whole, direction)
                given += lots
                if given == whole:
                    break
        if given < whole:
            self.branch("takeover by the house")
            self.pass_lots(row, HOUSE_ACCOUNT, total, given, whole - given, whole, direction)

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
            return balance + realized + self.profit(Position(FUND_ACCOUNT, row.symbol, fund.mode, held, cost)) >= 0

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
        self.emit(
            EventKind.TAKEOVER, account=row.account, counterparty=receiver, symbol=row.symbol, lots=direction * lots, value_e8=value
        )
        self.give(row, lots, value, Reason.TAKEOVER)
        other = self.row(receiver, row.symbol)
        if other.lots * direction < 0:
            self.branch("takeover nets, through zero" if lots > abs(other.lots) else "takeover nets")
        other.lots, other.cost, realized = self.received(other, total, given, lots, whole, direction)
        self.emit_position(other)
        self.move_wallet(receiver, self.asset_of[row.symbol], realized, Reason.TAKEOVER)

    def adl_queue(self, row: Position) -> list[Position]:
        """F21: positions on the other side, the fund and houses left out."""

        def rank(other: Position) -> tuple[int, int, int]:
            pocket = self.pocket_of(other)
            wallet = other.wallet if other.is_isolated else self.wallet(other.account, pocket.asset)
            score = adl_score(self.profit(other), wallet, self.maintenance(pocket), self.balance(pocket))
            return -score, other.account, 0 if other.is_isolated else 1

        others = [other for other in self.rows_of_symbol[row.symbol] if other.lots * row.lots < 0 and not self.is_free(other.account)]
        return sorted(others, key=rank)

    def adl_lots(self, row: Position, other: Position, total: int, given: int, whole: int, direction: int) -> int:
        """The most lots that the counterparty can bear."""
        pocket = self.pocket_of(other)
        balance, profit = self.balance(pocket), self.profit(other)

        def bears(lots: int) -> bool:
            value = part_of(total, given, given + lots, whole)
            if other.is_isolated:
                closed = abs(other.lots)
                share = other.wallet if lots == closed else floor_div(other.wallet * lots, closed)
                fill = close_fill(other.lots, other.cost, other.wallet, lots, value, 0, True, True)
                return share + fill.realized >= 0
            fill = close_fill(other.lots, other.cost, 0, lots, value, 0, False, False)
            trial = Position(other.account, other.symbol, other.mode, fill.lots, fill.cost)
            return balance - profit + self.profit(trial) + fill.realized >= 0

        lots = most_lots(min(whole - given, abs(other.lots)), bears)
        if 0 < lots < min(whole - given, abs(other.lots)):
            self.branch("ADL as far as it can bear")
        return lots

    def deleverage(self, row: Position, other: Position, total: int, given: int, lots: int, whole: int, direction: int) -> None:
        """Close a counterparty's lots at the handover value; its orders in the symbol go first."""
        self.branch("ADL of an isolated position" if other.is_isolated else "ADL of a cross position")
        for order in other.resting():
            self.cancel(order, Reason.ADL)
        value = part_of(total, given, given + lots, whole)
        self.emit(
            EventKind.ADL, account=row.account, counterparty=other.account, symbol=row.symbol, lots=direction * lots, value_e8=value
        )
        self.give(row, lots, value, Reason.ADL)
        asset = self.asset_of[row.symbol]
        fill = close_fill(other.lots, other.cost, other.wallet, lots, value, 0, other.is_isolated, False)
        other.lots, other.cost, other.wallet = fill.lots, fill.cost, fill.wallet
        self.emit_moved(other, fill.moved, Reason.ISOLATED_CLOSE)
        self.emit_position(other)
        self.move_wallet(other.account, asset, fill.cross, Reason.ADL)
        self.touch(other.account)
