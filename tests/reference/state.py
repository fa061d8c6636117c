"""State of the reference model: accounts, wallets, positions, orders, and every number of a margin asset or pocket.

Responsible for: what exists, events as dicts, F6, F12, F14, the queries. Must not: match, liquidate or refuse.
Everything is counted again from the orders and positions each time it is asked for; nothing is cached.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from isocross.codes import EventKind, MarginMode, PositionMode, PositionSide, Reason, Side, SymbolStatus
from isocross.kernel.schema import FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW
from isocross.rulebook.model import Rulebook, SymbolRules

from .formulas import (
    ONE,
    ceil_div,
    is_inverse,
    maintenance_of,
    notional,
    open_loss_of,
    released_loss,
    sign_of,
    signed_value,
)

Event = dict[str, int]
NO_ROW_FIELDS = ("account", "counterparty", "symbol", "asset")


@dataclass(eq=False)
class Order:
    """A resting order, a taker under way, or (trigger > 0) a sleeping conditional."""

    order_id: int
    account: int
    symbol: int
    side: int
    order_type: int
    price: int  # ticks; 0 for a conditional
    lots: int  # still open
    position: Position
    is_reduce_only: bool = False
    self_trade_prevention: int = 0
    open_loss: int = 0
    is_resting: bool = False
    is_ladder: bool = False
    is_liquidation: bool = False
    trigger: int = 0
    is_close_position: bool = False
    working_type: int = 0
    time_in_force: int = 0  # of the limit order that a conditional releases
    callback: int = 0  # of a trailing stop
    extreme: int = 0  # best price it has seen; 0 before it is active
    is_turned: bool = False
    placed: int = 0  # counts up: when it began to rest or to sleep
    client_id: int = 0
    original: int = 0  # lots when it was placed or amended, what has filled included
    expire: int = 0
    is_protected: bool = False
    is_held: bool = False


@dataclass(eq=False)
class Position:
    """The row of (account, symbol, margin mode, position side)."""

    account: int
    symbol: int
    mode: int
    side: int = PositionSide.BOTH
    lots: int = 0
    cost: int = 0
    wallet: int = 0  # isolated
    orders: list[Order] = field(default_factory=list)  # resting and under way, oldest first
    is_called: bool = False

    @property
    def is_isolated(self) -> bool:
        return self.mode == MarginMode.ISOLATED

    def resting(self) -> list[Order]:
        return [order for order in self.orders if order.is_resting]


@dataclass(frozen=True)
class Pocket:
    """What is judged: one isolated position, or (position None) the cross pool of one asset."""

    account: int
    asset: int
    position: Position | None = None


class State:
    def __init__(self, rulebook: Rulebook, symbols: list[str]) -> None:
        self.rulebook = rulebook
        self.symbols: list[SymbolRules] = [rulebook.symbols[name] for name in symbols]
        self.assets = list(rulebook.margin_assets)
        self.asset_of = [self.assets.index(rules.margin_asset) for rules in self.symbols]
        self.status = [SymbolStatus.TRADING] * len(symbols)
        self.own_fees: dict[int, tuple[int, int]] = {}  # account → maker, taker rate
        self.index = [0] * len(symbols)
        self.mark = [0] * len(symbols)
        self.last = [0] * len(symbols)  # ticks
        self.traded: dict[int, list[int]] = {}  # symbol → the prices of this command's fills not yet looked at for triggers
        self.time_ms = 0
        self.accounts: dict[int, bool] = {FUND_ACCOUNT: False, HOUSE_ACCOUNT: True}  # → is a house
        self.wallets: dict[tuple[int, int], int] = {}
        self.fees = [0] * len(self.assets)
        self.net_deposits = [0] * len(self.assets)
        self.leverages: dict[tuple[int, int], int] = {}
        self.modes: dict[tuple[int, int], int] = {}
        self.position_modes: dict[int, int] = {}
        self.positions: dict[tuple[int, int, int, int], Position] = {}  # by account, symbol, mode, side; in order of creation
        self.rows_of_account: dict[int, list[Position]] = {}
        self.rows_of_symbol: list[list[Position]] = [[] for _ in symbols]
        self.orders: dict[int, Order] = {}
        # per symbol and side: price in ticks → its orders, oldest first
        self.books: list[tuple[dict[int, list[Order]], dict[int, list[Order]]]] = [({}, {}) for _ in symbols]
        self.countdowns: dict[tuple[int, int], int] = {}  # account and symbol → when their orders are cancelled
        self.sampled = [0] * len(symbols)  # up to when samples were taken
        self.premiums: list[list[int]] = [[] for _ in symbols]  # since the last settlement
        self.bases: list[list[int]] = [[] for _ in symbols]
        self.settled_rate = [0] * len(symbols)
        self.is_mark_computed = [False] * len(symbols)
        self.pool_called: set[tuple[int, int]] = set()
        self.touched: dict[int, None] = {}  # accounts to judge
        self.waiting: set[Pocket] = set()  # due, until the next prices or clock command
        self.whole_orders_until: dict[int, int] = {}  # account → time until which its liquidation orders are whole
        self.events: list[Event] = []
        self.placed = 0
        self.branches: dict[str, int] = {}  # how often a rare branch was taken

    # Settings and rows

    def is_house(self, account: int) -> bool:
        return self.accounts.get(account, False)

    def is_free(self, account: int) -> bool:
        """Outside the margin rules: the fund and every house."""
        return account == FUND_ACCOUNT or self.is_house(account)

    def leverage(self, account: int, symbol: int) -> int:
        default = min(self.rulebook.default_leverage, self.symbols[symbol].brackets[0].leverage_max)
        return self.leverages.get((account, symbol), default)

    def keep_leverage(self, account: int, symbol: int) -> None:
        """What an account begins with in a symbol is its own from then on, whatever becomes of the brackets."""
        self.leverages.setdefault((account, symbol), self.leverage(account, symbol))

    def mode(self, account: int, symbol: int) -> int:
        default = MarginMode.CROSS if self.is_free(account) else self.rulebook.default_margin_mode
        return self.modes.get((account, symbol), default)

    def fee_rate(self, account: int, symbol: int, is_maker: bool) -> int:
        """What the account pays in a symbol: its own rate where it has some."""
        rules = self.symbols[symbol]
        maker, taker = self.own_fees.get(account, (rules.maker_fee_rate_e8, rules.taker_fee_rate_e8))
        return maker if is_maker else taker

    def is_hedged(self, account: int) -> bool:
        return self.position_modes.get(account) == PositionMode.HEDGE

    def sides(self, account: int) -> list[int]:
        """The position sides that an account's orders may name."""
        return [PositionSide.LONG, PositionSide.SHORT] if self.is_hedged(account) else [PositionSide.BOTH]

    @staticmethod
    def closes_a_leg(position_side: int, side: int) -> bool:
        """Whether an order of a hedge's side closes it: the long is sold, the short bought back."""
        return (position_side, side) in ((PositionSide.LONG, Side.SELL), (PositionSide.SHORT, Side.BUY))

    def peek(self, account: int, symbol: int, side: int = PositionSide.BOTH) -> Position:
        """The position row of the current mode; an empty one outside the tables if it was never needed."""
        mode = self.mode(account, symbol)
        return self.positions.get((account, symbol, mode, side)) or Position(account, symbol, mode, side)

    def legs(self, account: int, symbol: int) -> list[Position]:
        """What the account has or would have in a symbol: one row, or a long and a short one."""
        return [self.peek(account, symbol, side) for side in self.sides(account)]

    def row(self, account: int, symbol: int, side: int = PositionSide.BOTH) -> Position:
        """The same, created if needed."""
        position = self.peek(account, symbol, side)
        self.keep_leverage(account, symbol)
        if (account, symbol, position.mode, side) not in self.positions:
            self.positions[account, symbol, position.mode, side] = position
            self.rows_of_account.setdefault(account, []).append(position)
            self.rows_of_symbol[symbol].append(position)
        return position

    def rows(self, account: int) -> list[Position]:
        return self.rows_of_account.get(account, [])

    def cross_rows(self, account: int, asset: int) -> list[Position]:
        return [row for row in self.rows(account) if not row.is_isolated and self.asset_of[row.symbol] == asset]

    def isolated_rows(self, account: int, asset: int) -> list[Position]:
        return [row for row in self.rows(account) if row.is_isolated and self.asset_of[row.symbol] == asset]

    def wallet(self, account: int, asset: int) -> int:
        return self.wallets.get((account, asset), 0)

    # Events

    def emit(self, kind: EventKind, **fields: int) -> dict[str, int]:
        event = {"kind": int(kind)}
        self.events.append(event)
        self.add_to(event, **fields)
        return event

    @staticmethod
    def add_to(event: dict[str, int], **fields: int) -> None:
        """Fields of an event; those at their default are left out."""
        for name, value in fields.items():
            if value != (NO_ROW if name in NO_ROW_FIELDS else 0):
                event[name] = int(value)

    def branch(self, name: str) -> None:
        self.branches[name] = self.branches.get(name, 0) + 1

    def touch(self, account: int) -> None:
        self.touched.setdefault(account)

    def move_wallet(self, account: int, asset: int, amount: int, reason: Reason) -> None:
        """Change a cross wallet and say so."""
        if amount == 0:
            return
        self.wallets[account, asset] = self.wallet(account, asset) + amount
        self.emit_wallet(account, asset, amount, reason)

    def emit_wallet(self, account: int, asset: int, amount: int, reason: Reason) -> None:
        if amount != 0:
            balance = self.wallet(account, asset)
            self.emit(EventKind.WALLET, account=account, asset=asset, code=reason, amount_e8=amount, balance_e8=balance)

    def emit_position(self, row: Position) -> None:
        self.emit(
            EventKind.POSITION, account=row.account, symbol=row.symbol, margin_mode=row.mode, position_side=row.side, lots=row.lots,
            value_e8=row.cost, balance_e8=row.wallet,
        )

    def emit_moved(self, row: Position, amount: int, reason: Reason) -> None:
        if amount != 0:
            self.emit(
                EventKind.MARGIN_MOVED, account=row.account, symbol=row.symbol, position_side=row.side, code=reason, amount_e8=amount,
                balance_e8=row.wallet,
            )

    # F3, F5, F6 of a row

    def profit(self, row: Position) -> int:
        return signed_value(self.symbols[row.symbol], row.lots, self.mark[row.symbol]) - row.cost

    def row_maintenance(self, row: Position) -> int:
        return maintenance_of(self.symbols[row.symbol], row.lots, self.mark[row.symbol])

    def open_lots(self, row: Position, side: int) -> int:
        return sum(order.lots for order in row.orders if order.side == side and not order.is_reduce_only)

    def required_lots(self, row: Position, extra_bids: int = 0, extra_asks: int = 0) -> int:
        """R of F6, with an order that is not there yet."""
        bids = self.open_lots(row, Side.BUY) + extra_bids
        asks = self.open_lots(row, Side.SELL) + extra_asks
        if row.side == PositionSide.LONG:
            return row.lots + bids
        if row.side == PositionSide.SHORT:
            return asks - row.lots
        return max(abs(row.lots + bids), abs(row.lots - asks))

    def initial_margin(self, row: Position, side: int = 0, lots: int = 0, loss: int = 0, leverage: int = 0) -> int:
        """F6: the margin of a cross row, the open-order margin of an isolated one; also with an order added, or at another leverage."""
        rules, mark = self.symbols[row.symbol], self.mark[row.symbol]
        bids, asks = (lots, 0) if side == Side.BUY else (0, lots)
        size = notional(rules, self.required_lots(row, bids, asks), mark)
        if row.is_isolated:
            size -= notional(rules, row.lots, mark)
        losses = loss + sum(order.open_loss for order in row.orders)
        return ceil_div(size, leverage or self.leverage(row.account, row.symbol)) + losses

    def opening_lots(self, row: Position, side: int, lots: int) -> int:
        """F7, for an order that is not reduce-only."""
        closable = abs(row.lots) if row.lots * sign_of(side) < 0 else 0
        return max(0, lots - max(0, closable - self.open_lots(row, side)))

    def open_loss(self, symbol: int, side: int, lots: int, price: int) -> int:
        return open_loss_of(self.symbols[symbol], side, lots, price, self.mark[symbol])

    @staticmethod
    def shrink(order: Order, lots: int) -> None:
        """Take filled lots and their share of the open loss off an order."""
        order.open_loss -= released_loss(order.open_loss, lots, order.lots)
        order.lots -= lots

    # F12 and F14

    def pool_profit(self, account: int, asset: int) -> int:
        return sum(self.profit(row) for row in self.cross_rows(account, asset) if row.lots)

    def pool_maintenance(self, account: int, asset: int) -> int:
        return sum(self.row_maintenance(row) for row in self.cross_rows(account, asset))

    def pool_balance(self, account: int, asset: int) -> int:
        return self.wallet(account, asset) + self.pool_profit(account, asset)

    def pocket_of(self, row: Position) -> Pocket:
        return Pocket(row.account, self.asset_of[row.symbol], row if row.is_isolated else None)

    def pocket_rows(self, pocket: Pocket) -> list[Position]:
        """Its positions with lots, in order of symbol and side."""
        rows = [pocket.position] if pocket.position else self.cross_rows(pocket.account, pocket.asset)
        return sorted((row for row in rows if row.lots), key=lambda row: (row.symbol, row.side))

    def balance(self, pocket: Pocket) -> int:
        if pocket.position:
            return pocket.position.wallet + self.profit(pocket.position)
        return self.pool_balance(pocket.account, pocket.asset)

    def maintenance(self, pocket: Pocket) -> int:
        return sum(self.row_maintenance(row) for row in self.pocket_rows(pocket))

    def is_due(self, pocket: Pocket) -> bool:
        return bool(self.pocket_rows(pocket)) and self.balance(pocket) <= self.maintenance(pocket)

    def open_order_margin(self, account: int, asset: int) -> int:
        return sum(self.initial_margin(row) for row in self.isolated_rows(account, asset))

    def unbound(self, account: int, asset: int) -> int:
        """X + U − IM − OOM of F14, signed."""
        margin = sum(self.initial_margin(row) for row in self.cross_rows(account, asset))
        return self.pool_balance(account, asset) - margin - self.open_order_margin(account, asset)

    def available(self, account: int, asset: int) -> int:
        return max(0, self.unbound(account, asset))

    def free_of_maintenance(self, account: int, asset: int) -> int:
        wallet = self.wallet(account, asset)
        return wallet - self.open_order_margin(account, asset) - self.pool_maintenance(account, asset)

    def max_add_margin(self, account: int, asset: int) -> int:
        return max(0, min(self.available(account, asset), self.free_of_maintenance(account, asset)))

    def max_remove_margin(self, row: Position) -> int:
        size = notional(self.symbols[row.symbol], row.lots, self.mark[row.symbol])
        initial = ceil_div(size, self.leverage(row.account, row.symbol))
        return max(0, min(row.wallet - self.row_maintenance(row), row.wallet + self.profit(row) - initial))

    def max_withdraw(self, account: int, asset: int) -> int:
        wallet = self.wallet(account, asset)
        if self.is_house(account):
            return max(0, wallet)
        return max(0, min(self.free_of_maintenance(account, asset), self.unbound(account, asset), wallet))

    # Queries and laws

    def margin(self, account: int, asset: int, symbol: int = NO_ROW, side: int = PositionSide.BOTH) -> dict[str, int]:
        """Balance and maintenance of the cross pool of `asset`, or of the isolated position in `symbol`."""
        row = self.positions.get((account, symbol, MarginMode.ISOLATED, side)) if symbol != NO_ROW else None
        pocket = Pocket(account, asset, row)
        return {"balance_e8": self.balance(pocket), "maintenance_e8": self.maintenance(pocket)}

    def liquidation_price(self, account: int, symbol: int, side: int = PositionSide.BOTH) -> int | None:
        """F12: the first mark from the current one, against the position, at which its pocket is due. None up to price_max.

        Of a hedge in a pool: the first on the leg's own bad side; where rounding alone decides, a few units further.
        """
        row, rules = self.peek(account, symbol, side), self.symbols[symbol]
        if row.lots == 0:
            return None
        pocket, mark = self.pocket_of(row), self.mark[symbol]
        moving = [row] if row.is_isolated else [one for one in self.pocket_rows(pocket) if one.symbol == symbol]
        others = self.balance(pocket) - sum(self.profit(one) for one in moving)
        others_maintenance = self.maintenance(pocket) - sum(self.row_maintenance(one) for one in moving)

        def slack(price: int) -> int:
            profit = sum(signed_value(rules, one.lots, price) - one.cost for one in moving)
            return others + profit - others_maintenance - sum(maintenance_of(rules, one.lots, price) for one in moving)

        if slack(mark) <= 0:
            return mark
        step = -1 if row.lots > 0 else 1
        last = rules.price_min_e8 if row.lots > 0 else rules.price_max_e8
        thin = 0 if is_inverse(rules) else 4 * len(moving)
        if (last - mark) * step <= 0 or slack(last) > thin:
            return None  # a slack of 1 … 4 may still meet rounding on the way: walked below
        # Slack falls against the position but for rounding of up to 3 units: halve to where it is 4, walk from there.
        near, far = mark, last
        while abs(far - near) > 1:
            middle = (near + far) // 2
            if slack(middle) > thin:
                near = middle
            else:
                far = middle
        if is_inverse(rules):
            return far  # a unit of coin is many units of price: nobody walks there
        price = near
        for _ in range(200_000 if len(moving) == 1 else 1_000):
            if slack(price) <= 0:
                return price
            if price == last:
                return None
            price += step
        return None if len(moving) == 1 else price

    def bankruptcy_price(self, account: int, symbol: int, side: int = PositionSide.BOTH) -> int | None:
        """F10: the first mark unit against the position at which backing + uPnL ≤ 0, from the real line; for aiming."""
        row, rules = self.peek(account, symbol, side), self.symbols[symbol]
        if row.lots == 0:
            return None
        backing = self.balance(self.pocket_of(row)) - self.profit(row)
        quantity = abs(row.lots) * rules.step_e8
        if is_inverse(rules):
            at = abs(backing - row.cost)
            return None if (backing - row.cost) * row.lots <= 0 else quantity * ONE // at
        if row.lots > 0:
            return (row.cost - backing) * ONE // quantity
        return ceil_div((backing - row.cost) * ONE, quantity)

    def conserved(self) -> None:
        """Design §5.8: lots and money, exactly, per symbol and margin asset."""
        for symbol, rows in enumerate(self.rows_of_symbol):
            assert sum(row.lots for row in rows) == 0, f"symbol {symbol}: lots"
        for asset in range(len(self.assets)):
            rows = [row for row in self.positions.values() if self.asset_of[row.symbol] == asset]
            held = sum(amount for (_, at), amount in self.wallets.items() if at == asset)
            held += sum(row.wallet for row in rows) + self.fees[asset]
            assert held - sum(row.cost for row in rows) == self.net_deposits[asset], f"asset {asset}: money"

    def consistent(self) -> None:
        """Laws of the state between two commands."""
        for row in self.positions.values():
            if row.lots == 0:
                assert row.cost == 0
                assert row.wallet == 0, f"flat, with an isolated wallet: {row}"
            if not row.is_isolated:
                assert row.wallet == 0
            assert row.side == PositionSide.BOTH or row.lots * (1 if row.side == PositionSide.LONG else -1) >= 0
            for order in row.orders:
                assert order.is_resting
                assert order.lots > 0
                assert order.open_loss >= 0
                assert not order.is_reduce_only or row.lots * sign_of(order.side) < 0, "a resting reduce-only order reduces"
        for account in self.accounts:
            if self.is_free(account):
                continue
            for asset in range(len(self.assets)):
                pockets = [Pocket(account, asset)] + [Pocket(account, asset, row) for row in self.isolated_rows(account, asset)]
                due = [pocket for pocket in pockets if self.is_due(pocket) and pocket not in self.waiting]
                assert not due, "nothing due is left, but for what waits"
                rows = self.pocket_rows(pockets[0])
                floor = 0 if not rows else -self.pool_profit(account, asset)
                assert self.wallet(account, asset) >= min(0, floor), "signed wallet rule"
        for symbol, (bids, asks) in enumerate(self.books):
            assert not bids or not asks or max(bids) < min(asks), f"symbol {symbol}: a crossed book"
