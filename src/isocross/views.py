"""Views: what an exchange looks like at one instant, as typed records in the kernel's integers.

Responsible for: the records of positions, wallets and open orders; reading them and the tables; the numbers the kernel
measures for them. Must not: change anything, hold a formula, format for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .codes import MarginMode, OrderType, PositionSide, Side
from .errors import InputError
from .kernel.engine import Measure
from .kernel.load import Entries
from .kernel.schema import COUNTERS, NO_ROW
from .kernel.state import State
from .limits import BRANCH_SEQUENCE_FIRST
from .rulebook import Rulebook, SymbolRules, symbol_rules

if TYPE_CHECKING:
    import polars

TIME_MS, COMMAND_COUNT, LAST_SEQUENCE = range(3)  # the first words of COUNTERS
assert (COUNTERS.names or ())[:3] == ("time_ms", "command_count", "last_sequence")


@dataclass(frozen=True, slots=True)
class PositionView:
    """One position as it stands. Money × 10^8, prices × 10^8; None where there is no such price."""

    account: int
    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: int
    lots: int
    entry_cost_e8: int
    isolated_wallet_e8: int
    mark_e8: int
    unrealized_pnl_e8: int
    margin_balance_e8: int  # isolated: its own; cross: of the pool
    maintenance_margin_e8: int  # of this position
    pool_maintenance_e8: int  # isolated: its own; cross: of the pool
    margin_held_e8: int  # initial margin (cross), open-order margin (isolated)
    liquidation_mark_e8: int | None
    bankruptcy_mark_e8: int | None

    @property
    def margin_ratio(self) -> float:
        """Maintenance ÷ margin balance of what backs it; ≥ 1 is due."""
        if self.margin_balance_e8 <= 0:
            return float("inf") if self.lots else 0.0
        return self.pool_maintenance_e8 / self.margin_balance_e8


@dataclass(frozen=True, slots=True)
class WalletView:
    """One account in one margin asset, × 10^8."""

    account: int
    asset: str
    cross_wallet_e8: int
    isolated_wallets_e8: int
    unrealized_pnl_e8: int  # cross and isolated
    margin_balance_e8: int  # of the cross pool
    maintenance_margin_e8: int  # of the cross pool
    available_e8: int
    max_withdraw_e8: int

    @property
    def equity_e8(self) -> int:
        """All pockets and all unrealized PnL."""
        return self.cross_wallet_e8 + self.isolated_wallets_e8 + self.unrealized_pnl_e8


@dataclass(frozen=True, slots=True)
class OrderView:
    """One open order."""

    order_id: int
    account: int
    symbol: str
    side: Side
    order_type: OrderType
    price_ticks: int
    trigger_ticks: int
    lots: int
    original_lots: int
    filled_value_e8: int
    is_reduce_only: bool
    is_close_position: bool


class ExchangeViews:
    """All that can be read of an Exchange. Only Exchange is this class's child; it sets what stands here."""

    rulebook: Rulebook
    symbols: tuple[str, ...]
    assets: tuple[str, ...]
    _state: State
    _entries: Entries
    _rules: list[SymbolRules]
    _symbol_rows: dict[str, int]
    _counters: memoryview

    @property
    def time_ms(self) -> int:
        """Time of the last command."""
        return self._counters[TIME_MS]

    @property
    def next_sequence(self) -> int:
        """The next free sequence number of the trunk."""
        number = self._counters[LAST_SEQUENCE] + 1
        if number >= BRANCH_SEQUENCE_FIRST:
            raise InputError(f"sequence: {number} and above belong to branches; give an explicit sequence below it")
        return number

    @property
    def command_count(self) -> int:
        """Commands so far, refused ones included."""
        return self._counters[COMMAND_COUNT]

    def symbol_row(self, symbol: str | int) -> int:
        """Number of a symbol. UnknownSymbolError names close matches."""
        if isinstance(symbol, int):
            if not 0 <= symbol < len(self.symbols):
                raise InputError(f"symbol: row {symbol} is not in 0 … {len(self.symbols) - 1}")
            return symbol
        if symbol in self._symbol_rows:
            return self._symbol_rows[symbol]
        name = symbol_rules(self.rulebook, symbol).symbol
        if name not in self._symbol_rows:
            raise InputError(f"symbol: {name} is in the rulebook but not in this exchange ({', '.join(self.symbols)})")
        return self._symbol_rows[name]

    def rules(self, symbol: str | int) -> SymbolRules:
        """The rulebook's row of a symbol."""
        return self._rules[self.symbol_row(symbol)]

    def asset_row(self, asset: str) -> int:
        """Number of a margin asset."""
        if asset not in self.assets:
            raise InputError(f"asset: {asset!r} is not one of {', '.join(self.assets)}")
        return self.assets.index(asset)

    def table(self, name: str) -> np.ndarray:
        """A read-only view of the used rows of an authoritative table (kernel/schema.py). It is live: copy to keep."""
        view = self._state.arrays[name][: self._state.used_rows(name)]
        view = view.view()
        view.flags.writeable = False
        return view

    def used_bytes(self) -> dict[str, bytes]:
        """All bytes that a preview must leave identical."""
        return self._state.used_bytes()

    def mark_e8(self, symbol: str | int) -> int:
        """Mark price × 10^8; 0 before the first prices command."""
        return int(self._state.arrays["symbols"]["mark_e8"][self.symbol_row(symbol)])

    def index_e8(self, symbol: str | int) -> int:
        """Index price × 10^8; 0 before the first prices command."""
        return int(self._state.arrays["symbols"]["index_e8"][self.symbol_row(symbol)])

    def last_price_ticks(self, symbol: str | int) -> int:
        """Price of the latest trade here; 0 before the first."""
        return int(self._state.arrays["symbols"]["last_price_ticks"][self.symbol_row(symbol)])

    def measure(self, what: Measure, account: int, row: int) -> int:
        """One number of a pocket, × 10^8."""
        target: Any = self._state.address
        if not self._entries.is_compiled:
            self._state.refresh_pure()
            target = self._state.pure
        return int(self._entries.measure(target, int(what), account, row))

    def _settings_row(self, account: int, symbol: int) -> int:
        table = self.table("settings")
        found = np.flatnonzero((table["account"] == account) & (table["symbol"] == symbol))
        return int(found[0]) if len(found) else NO_ROW

    def leverage(self, account: int, symbol: str | int) -> int:
        """Leverage that the next order of an account uses."""
        row = self._settings_row(account, self.symbol_row(symbol))
        if row != NO_ROW:
            return int(self.table("settings")["leverage"][row])
        return min(self.rulebook.default_leverage, self.rules(symbol).brackets[0].leverage_max)

    def margin_mode(self, account: int, symbol: str | int) -> MarginMode:
        """Margin mode that the next order of an account uses."""
        row = self._settings_row(account, self.symbol_row(symbol))
        if row != NO_ROW:
            return MarginMode(int(self.table("settings")["margin_mode"][row]))
        return self.rulebook.default_margin_mode

    def position_row(self, account: int, symbol: str | int) -> int:
        """Row of the position an account has or would have in a symbol; NO_ROW (−1) when there never was one."""
        row = self._settings_row(account, self.symbol_row(symbol))
        if row == NO_ROW:
            return NO_ROW
        settings = self.table("settings")[row]
        mode = MarginMode(int(settings["margin_mode"]))
        return int(settings["both_cross" if mode == MarginMode.CROSS else "both_isolated"])

    def position(self, account: int, symbol: str | int) -> PositionView:
        """The position of an account in a symbol; flat when there is none."""
        row = self.position_row(account, symbol)
        if row != NO_ROW:
            return self._position_view(row)
        return PositionView(
            account,
            self.symbols[self.symbol_row(symbol)],
            self.margin_mode(account, symbol),
            PositionSide.BOTH,
            self.leverage(account, symbol),
            lots=0,
            entry_cost_e8=0,
            isolated_wallet_e8=0,
            mark_e8=self.mark_e8(symbol),
            unrealized_pnl_e8=0,
            margin_balance_e8=0,
            maintenance_margin_e8=0,
            pool_maintenance_e8=0,
            margin_held_e8=0,
            liquidation_mark_e8=None,
            bankruptcy_mark_e8=None,
        )

    def _position_view(self, row: int) -> PositionView:
        p = self._state.arrays["positions"][row]
        account, symbol, lots = int(p["account"]), int(p["symbol"]), int(p["lots"])
        mode = MarginMode(int(p["margin_mode"]))
        asset = self.asset_row(self._rules[symbol].margin_asset)
        if mode == MarginMode.ISOLATED:
            balance = self.measure(Measure.ISOLATED_BALANCE, account, row)
            pool = self.measure(Measure.ISOLATED_MAINTENANCE, account, row)
        else:
            balance = self.measure(Measure.POOL_BALANCE, account, asset)
            pool = self.measure(Measure.POOL_MAINTENANCE, account, asset)
        return PositionView(
            account=account,
            symbol=self.symbols[symbol],
            margin_mode=mode,
            position_side=PositionSide(int(p["position_side"])),
            leverage=int(p["leverage"]),
            lots=lots,
            entry_cost_e8=int(p["entry_cost_e8"]),
            isolated_wallet_e8=int(p["isolated_wallet_e8"]),
            mark_e8=self.mark_e8(symbol),
            unrealized_pnl_e8=self.measure(Measure.UNREALIZED_PNL, account, row),
            margin_balance_e8=balance,
            maintenance_margin_e8=self.measure(Measure.MAINTENANCE, account, row),
            pool_maintenance_e8=pool,
            margin_held_e8=self.measure(Measure.MARGIN_HELD, account, row),
            liquidation_mark_e8=(self.measure(Measure.LIQUIDATION_MARK, account, row) or None) if lots else None,
            bankruptcy_mark_e8=(self.measure(Measure.BANKRUPTCY_MARK, account, row) or None) if lots else None,
        )

    def liquidation_price(self, account: int, symbol: str | int) -> int | None:
        """First mark × 10^8, from here against the position, at which it is liquidated, all else equal; None = none."""
        row = self.position_row(account, symbol)
        if row == NO_ROW or self.table("positions")["lots"][row] == 0:
            return None
        return self.measure(Measure.LIQUIDATION_MARK, account, row) or None

    def bankruptcy_price(self, account: int, symbol: str | int) -> int | None:
        """First mark × 10^8 at which what backs the position is gone; None = none."""
        row = self.position_row(account, symbol)
        if row == NO_ROW or self.table("positions")["lots"][row] == 0:
            return None
        return self.measure(Measure.BANKRUPTCY_MARK, account, row) or None

    def max_add_margin(self, account: int, symbol: str | int) -> int:
        """Most that add-margin accepts, × 10^8; 0 when the symbol has no isolated position."""
        position = self.position(account, symbol)
        if position.margin_mode != MarginMode.ISOLATED or position.lots == 0:
            return 0
        return self.measure(Measure.MAX_ADD_MARGIN, account, self.asset_row(self.rules(symbol).margin_asset))

    def max_remove_margin(self, account: int, symbol: str | int) -> int:
        """Most that remove-margin accepts, × 10^8; 0 when the symbol has no isolated position."""
        position = self.position(account, symbol)
        if position.margin_mode != MarginMode.ISOLATED or position.lots == 0:
            return 0
        return self.measure(Measure.MAX_REMOVE_MARGIN, account, self.position_row(account, symbol))

    def wallet(self, account: int, asset: str = "USDT") -> WalletView:
        """One account in one margin asset."""
        number = self.asset_row(asset)
        if not 0 <= account < self._state.used_rows("accounts"):
            raise InputError(f"account: {account} does not exist")
        positions = self.table("positions")
        mine = np.flatnonzero(positions["account"] == account).tolist()
        own = [row for row in mine if self._rules[int(positions["symbol"][row])].margin_asset == asset]
        return WalletView(
            account=account,
            asset=asset,
            cross_wallet_e8=int(self._state.arrays["wallets"]["cross_wallet_e8"][account * len(self.assets) + number]),
            isolated_wallets_e8=sum(int(positions["isolated_wallet_e8"][row]) for row in own),
            unrealized_pnl_e8=sum(self.measure(Measure.UNREALIZED_PNL, account, row) for row in own),
            margin_balance_e8=self.measure(Measure.POOL_BALANCE, account, number),
            maintenance_margin_e8=self.measure(Measure.POOL_MAINTENANCE, account, number),
            available_e8=self.measure(Measure.AVAILABLE, account, number),
            max_withdraw_e8=self.measure(Measure.MAX_WITHDRAW, account, number),
        )

    def positions(self, account: int | None = None) -> list[PositionView]:
        """Open positions, of one account or of all that are neither fund nor house."""
        table = self.table("positions")
        mask = table["lots"] != 0
        mask &= (table["account"] == account) if account is not None else (table["is_house"] == 0)
        return [self._position_view(int(row)) for row in np.flatnonzero(mask)]

    def orders(self, account: int | None = None) -> list[OrderView]:
        """Open orders, conditionals included, of one account or of all, by order id."""
        table = self.table("orders")
        mask = (table["order_id"] != 0) & ((table["level"] != NO_ROW) | (table["is_conditional"] != 0))
        if account is not None:
            mask &= table["account"] == account
        return sorted((self._order_view(table[row]) for row in np.flatnonzero(mask)), key=lambda order: order.order_id)

    def _order_view(self, row: np.void) -> OrderView:
        return OrderView(
            order_id=int(row["order_id"]),
            account=int(row["account"]),
            symbol=self.symbols[int(row["symbol"])],
            side=Side(int(row["side"])),
            order_type=OrderType(int(row["order_type"])),
            price_ticks=int(row["price_ticks"]),
            trigger_ticks=int(row["trigger_ticks"]),
            lots=int(row["lots"]),
            original_lots=int(row["original_lots"]),
            filled_value_e8=int(row["filled_value_e8"]),
            is_reduce_only=bool(row["is_reduce_only"]),
            is_close_position=bool(row["is_close_position"]),
        )

    def book(self, symbol: str | int, levels: int = 20) -> dict[str, list[tuple[int, int]]]:
        """{'bids': [(price_ticks, lots) …], 'asks': …}, best first."""
        row = self.symbol_row(symbol)
        table, links = self._state.arrays["levels"], self._state.arrays["level_links"]["next_level"]
        sides = {}
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL)):
            found: list[tuple[int, int]] = []
            level = int(links[(2 * row + side) * 8])
            while level != NO_ROW and len(found) < levels:
                found.append((int(table["price_ticks"][level]), int(table["lots"][level])))
                level = int(links[level * 8])
            sides[name] = found
        return sides

    def frame(self, name: str) -> polars.DataFrame:
        """An authoritative table as a Polars frame (its columns and integers as in kernel/schema.py)."""
        import polars

        table = self.table(name)
        return polars.DataFrame({column: table[column].copy() for column in table.dtype.names or ()})

    def conservation_gap_e8(self) -> dict[str, int]:
        """Per margin asset: Σ wallets + fees − Σ signed entry costs − net deposits. Always 0."""
        wallets = self.table("wallets")["cross_wallet_e8"].reshape(-1, len(self.assets))
        positions = self.table("positions")
        symbol_assets = self.table("symbols")["asset"][positions["symbol"]]
        gaps = {}
        for number, name in enumerate(self.assets):
            mine = symbol_assets == number
            held = sum(wallets[:, number].tolist()) + sum(positions["isolated_wallet_e8"][mine].tolist())
            held += int(self.table("assets")["fees_collected_e8"][number])
            cost = sum(positions["entry_cost_e8"][mine].tolist())
            gaps[name] = held - cost - int(self.table("assets")["net_deposits_e8"][number])
        return gaps
