"""Views: what an exchange looks like at one instant, as typed records in the kernel's integers.

Responsible for: the records of positions, wallets and open orders; reading them and the tables; the numbers the kernel
measures for them; a line of text for each, in these integers. Must not: change anything, hold a formula, speak decimals.
Long because all that can be read of an exchange is one class, and each of its methods is a few lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .answer.rows import Row, Rows
from .codes import (
    FeeBasis,
    MarginMode,
    OrderType,
    PositionMode,
    PositionSide,
    Side,
    SymbolStatus,
    TimeInForce,
    WorkingType,
)
from .errors import InputError
from .kernel.engine import Measure
from .kernel.load import Entries
from .kernel.margin import (
    NO_PRICE,
    closing_fee_most_e8,
    initial_margin_e8,
    maintenance_margin_e8,
    notional_e8,
    unrealized_pnl_e8,
)
from .kernel.marks import nearer_mark_e8
from .kernel.pockets import find_settings
from .kernel.pure import PureTable
from .kernel.schema import COUNTERS, LINK_HEIGHT, NO_ROW, POSITION
from .kernel.state import State
from .limits import BRANCH_SEQUENCE_FIRST
from .rulebook import Bracket, Rulebook, SymbolRules, symbol_rules

if TYPE_CHECKING:
    import polars

TIME_MS, COMMAND_COUNT, LAST_SEQUENCE = range(3)  # the first words of COUNTERS
_POSITION_FIELDS = POSITION.names or ()
_POSITION_ROWS = ("both_cross", "both_isolated", "long_cross", "long_isolated", "short_cross", "short_isolated")
assert (COUNTERS.names or ())[:3] == ("time_ms", "command_count", "last_sequence")


@dataclass(frozen=True, slots=True, repr=False)
class PositionView(Row):
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
    liquidation_mark_e8: int | None  # the nearer one where there are two
    bankruptcy_mark_e8: int | None
    liquidation_below_e8: int | None = None  # the first mark below at which it is liquidated
    liquidation_above_e8: int | None = None  # long and short of a symbol in one cross pool share both

    @property
    def margin_ratio(self) -> float:
        """Maintenance ÷ margin balance of what backs it; ≥ 1 is due."""
        if self.margin_balance_e8 <= 0:
            return float("inf") if self.lots else 0.0
        return self.pool_maintenance_e8 / self.margin_balance_e8

    def __repr__(self) -> str:
        side = "" if self.position_side == PositionSide.BOTH else f" {self.position_side.name.lower()}"
        what = f"account {self.account}: {self.symbol}{side} {self.margin_mode.name.lower()} {self.leverage}x"
        if not self.lots:
            return f"{what}, flat"
        marks = [str(mark) for mark in (self.liquidation_below_e8, self.liquidation_above_e8) if mark is not None]
        return (
            f"{what}, {self.lots} lots, entry cost {self.entry_cost_e8}, mark {self.mark_e8}, unrealized "
            f"{self.unrealized_pnl_e8}, liquidation at {' and '.join(marks) or None} (× 10^8)"
        )


@dataclass(frozen=True, slots=True, repr=False)
class SettingsView(Row):
    """What an account's next order in a symbol uses, and which command set it: None where nobody did."""

    account: int
    symbol: str
    margin_mode: MarginMode
    leverage: int
    margin_mode_sequence: int | None  # None: the venue's default holds
    leverage_sequence: int | None

    def __repr__(self) -> str:
        return (
            f"account {self.account}: {self.symbol} {self.margin_mode.name.lower()} ({_set_by(self.margin_mode_sequence)}), "
            f"{self.leverage}x ({_set_by(self.leverage_sequence)})"
        )


@dataclass(frozen=True, slots=True, repr=False)
class WalletView(Row):
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

    def __repr__(self) -> str:
        return (
            f"account {self.account}: {self.asset} equity {self.equity_e8}, cross wallet {self.cross_wallet_e8}, isolated "
            f"{self.isolated_wallets_e8}, available {self.available_e8} (× 10^8)"
        )


@dataclass(frozen=True, slots=True, repr=False)
class OrderView(Row):
    """One open order."""

    order_id: int
    client_id_hash: int  # 0: none was given
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
    working_type: WorkingType  # which price a trigger watches
    time_in_force: TimeInForce
    expire_ms: int  # of a good-till-date order; 0 of any other
    is_price_protected: bool
    position_side: PositionSide = PositionSide.BOTH  # LONG or SHORT in hedge mode

    def __repr__(self) -> str:
        what = "all of the position" if self.is_close_position else f"{self.lots} lots"
        at = f"at {self.price_ticks} ticks" if self.price_ticks else "at market"
        if self.trigger_ticks:
            at += f" when {'mark' if self.working_type == WorkingType.MARK_PRICE else 'last'} reaches {self.trigger_ticks} ticks"
        kind = self.order_type.name.lower().replace("_", " ")
        return f"#{self.order_id} account {self.account}: {kind} {self.side.name.lower()} {what} {self.symbol} {at}"


def _nearer(mark_e8: int, below_e8: int | None, above_e8: int | None) -> int | None:
    """Of two marks the nearer, the lower one at the same distance; None where there is neither."""
    return nearer_mark_e8(mark_e8, below_e8 or NO_PRICE, above_e8 or NO_PRICE) or None


def _set_by(sequence: int | None) -> str:
    return "venue default" if sequence is None else f"set by command {sequence}"


class _Lookup:
    """The tables that find_settings reads, as plain Python sees them."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = tuple(arrays[name] for name in ("accounts", "positions", "settings_map"))
        self.accounts = PureTable("accounts", arrays["accounts"], [])
        self.positions = PureTable("positions", arrays["positions"], [])
        self.settings_map = PureTable("settings_map", arrays["settings_map"], [])

    def is_of(self, arrays: dict[str, np.ndarray]) -> bool:
        """Whether these are still the tables: a table that grew is another."""
        accounts, positions, cells = self._arrays
        return accounts is arrays["accounts"] and positions is arrays["positions"] and cells is arrays["settings_map"]


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
    _address: int
    _lookup: _Lookup | None = None

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
        """The rules of a symbol as they hold: the rulebook's row, with the brackets and fees that were set since."""
        row = self.symbol_row(symbol)
        sequence = self._state.arrays["symbols"]["rules_sequence"].item(row)
        return self._rules[row] if sequence == 0 else self._changed_rules(row)

    def _changed_rules(self, row: int) -> SymbolRules:
        symbol = self._state.arrays["symbols"][row]
        first, count = int(symbol["first_bracket"]), int(symbol["bracket_count"])
        columns = ("floor_e8", "rate_e8", "deduction_e8", "leverage_max", "cap_e8")
        brackets = self._state.arrays["brackets"][first : first + count]
        return replace(
            self._rules[row],
            maker_fee_rate_e8=int(symbol["maker_fee_rate_e8"]),
            taker_fee_rate_e8=int(symbol["taker_fee_rate_e8"]),
            liquidation_fee_rate_e8=int(symbol["liquidation_fee_rate_e8"]),
            brackets=tuple(Bracket(*(int(bracket[name]) for name in columns)) for bracket in brackets),
        )

    def symbol_status(self, symbol: str | int) -> SymbolStatus:
        """Trading, reduce-only, paused or delisted."""
        return SymbolStatus(self._state.arrays["symbols"]["status"].item(self.symbol_row(symbol)))

    def fee_rates_e8(self, account: int, symbol: str | int) -> tuple[int, int]:
        """(maker, taker) rates × 10^8 that an account pays in a symbol: its own where it has some."""
        if 0 <= account < self._state.used_rows("accounts"):
            own = self._state.arrays["accounts"][account]
            if own["has_own_fees"]:
                return int(own["maker_fee_rate_e8"]), int(own["taker_fee_rate_e8"])
        rules = self.rules(symbol)
        return rules.maker_fee_rate_e8, rules.taker_fee_rate_e8

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
        return int(self._state.arrays["symbols"]["mark_e8"].item(self.symbol_row(symbol)))

    def index_e8(self, symbol: str | int) -> int:
        """Index price × 10^8; 0 before the first prices command."""
        return int(self._state.arrays["symbols"]["index_e8"][self.symbol_row(symbol)])

    def last_price_ticks(self, symbol: str | int) -> int:
        """Price of the latest trade here; 0 before the first."""
        return int(self._state.arrays["symbols"]["last_price_ticks"][self.symbol_row(symbol)])

    def notional_e8(self, symbol: str | int, lots: int) -> int:
        """What a position of `lots` is worth at mark, unsigned, rounded up (formulas.md F4)."""
        rules = self.rules(symbol)
        return int(notional_e8(rules.contract_kind, lots, rules.step_e8, self.mark_e8(symbol)))

    def unrealized_pnl_e8(self, symbol: str | int, lots: int, entry_cost_e8: int, mark_e8: int) -> int:
        """What a position would have won at a mark (F3)."""
        rules = self.rules(symbol)
        return int(unrealized_pnl_e8(rules.contract_kind, lots, rules.step_e8, entry_cost_e8, mark_e8))

    def maintenance_of_e8(self, symbol: str | int, lots: int, mark_e8: int) -> int:
        """What a position would have to hold at a mark (F5)."""
        number = self.symbol_row(symbol)
        rules, row = self._rules[number], self._state.arrays["symbols"][number]
        notional = notional_e8(rules.contract_kind, abs(lots), rules.step_e8, mark_e8)
        brackets = PureTable("brackets", self._state.arrays["brackets"], [])
        return int(maintenance_margin_e8(notional, brackets, int(row["first_bracket"]), int(row["bracket_count"])))

    def initial_margin_e8(self, symbol: str | int, lots: int, leverage: int) -> int:
        """What a position of `lots` holds as initial margin at mark (F6, without orders)."""
        return int(initial_margin_e8(self.notional_e8(symbol, lots), leverage))

    def measure(self, what: Measure, account: int, row: int) -> int:
        """One number of a pocket, × 10^8."""
        target: Any = self._address
        if not self._entries.is_compiled:
            self._state.refresh_pure()
            target = self._state.pure
        return int(self._entries.measure(target, int(what), account, row))

    def _settings_row(self, account: int, symbol: int) -> int:
        arrays = self._state.arrays
        if not 0 <= account < len(arrays["accounts"]):
            return NO_ROW
        symbols = arrays["positions"]["symbol"]
        for row in self._position_rows(account):
            if symbols.item(row) == symbol:
                return int(arrays["positions"]["settings"].item(row))
        if self._lookup is None or not self._lookup.is_of(arrays):
            self._lookup = _Lookup(arrays)
        return int(find_settings(self._lookup, account, symbol))

    def _position_rows(self, account: int) -> list[int]:
        """Rows of all positions an account ever needed, in the order of their creation."""
        arrays, rows = self._state.arrays, []
        if not 0 <= account < len(arrays["accounts"]):
            return []
        row, following = arrays["accounts"]["first_position"].item(account), arrays["positions"]["next_in_account"]
        while row != NO_ROW:
            rows.append(row)
            row = following.item(row)
        return rows

    def _order_rows(self, account: int) -> list[int]:
        """Rows of all open orders of an account."""
        arrays, rows = self._state.arrays, []
        firsts, following = arrays["positions"]["first_order"], arrays["orders"]["next_in_position"]
        for position in self._position_rows(account):
            row = firsts.item(position)
            while row != NO_ROW:
                rows.append(row)
                row = following.item(row)
        return rows

    def leverage(self, account: int, symbol: str | int) -> int:
        """Leverage that the next order of an account uses."""
        number = self.symbol_row(symbol)
        return self._leverage(self._settings_row(account, number), number)

    def margin_mode(self, account: int, symbol: str | int) -> MarginMode:
        """Margin mode that the next order of an account uses."""
        return self._margin_mode(self._settings_row(account, self.symbol_row(symbol)))

    def _leverage(self, settings: int, symbol: int) -> int:
        if settings != NO_ROW:
            return int(self._state.arrays["settings"]["leverage"].item(settings))
        return min(self.rulebook.default_leverage, self.rules(symbol).brackets[0].leverage_max)

    def _margin_mode(self, settings: int) -> MarginMode:
        if settings != NO_ROW:
            return MarginMode(self._state.arrays["settings"]["margin_mode"].item(settings))
        return self.rulebook.default_margin_mode

    def open_modes(self, account: int) -> dict[str, MarginMode]:
        """Margin mode of every open position of an account, by contract."""
        table = self._state.arrays["positions"]
        lots, symbols, modes = table["lots"], table["symbol"], table["margin_mode"]
        rows = [row for row in self._position_rows(account) if lots.item(row)]
        return {self.symbols[symbols.item(row)]: MarginMode(modes.item(row)) for row in rows}

    def open_legs(self, account: int) -> list[tuple[str, PositionSide]]:
        """Contract and side of every open position of an account, in order of creation."""
        table = self._state.arrays["positions"]
        lots, symbols, sides = table["lots"], table["symbol"], table["position_side"]
        rows = [row for row in self._position_rows(account) if lots.item(row)]
        return [(self.symbols[symbols.item(row)], PositionSide(sides.item(row))) for row in rows]

    def settings(self, account: int) -> Rows[SettingsView]:
        """Margin mode and leverage of an account in every symbol, in the order of the symbols."""
        table = self.table("settings")
        rows = {int(table["symbol"][row]): row for row in np.flatnonzero(table["account"] == account).tolist()}
        found = []
        for symbol, rules in enumerate(map(self.rules, range(len(self._rules)))):
            if symbol in rows:
                row = table[rows[symbol]]
                mode, leverage = MarginMode(int(row["margin_mode"])), int(row["leverage"])
                mode_sequence, leverage_sequence = int(row["margin_mode_sequence"]), int(row["leverage_sequence"])
            else:
                mode = self.rulebook.default_margin_mode
                leverage = min(self.rulebook.default_leverage, rules.brackets[0].leverage_max)
                mode_sequence = leverage_sequence = 0
            found.append(
                SettingsView(account, rules.symbol, mode, leverage, mode_sequence or None, leverage_sequence or None)
            )
        return Rows(found)

    def is_flat_and_orderless(self, account: int, symbol: str | int) -> bool:
        """Whether an account has neither position nor order nor conditional in a symbol: its mode may be switched."""
        row = self._settings_row(account, self.symbol_row(symbol))
        if row == NO_ROW:
            return True
        settings = self.table("settings")[row]
        if settings["order_count"] or settings["conditional_count"]:
            return False
        rows = [int(settings[column]) for column in _POSITION_ROWS]
        return not any(self.table("positions")["lots"][position] for position in rows if position != NO_ROW)

    def position_mode(self, account: int) -> PositionMode:
        """One signed position per symbol, or a long and a short beside each other."""
        if not 0 <= account < self._state.used_rows("accounts"):
            raise InputError(f"account: {account} does not exist")
        return PositionMode(self._state.arrays["accounts"]["position_mode"].item(account))

    def position_row(self, account: int, symbol: str | int, position_side: PositionSide | None = None) -> int:
        """Row of the position an account has or would have in a symbol; NO_ROW (−1) when there never was one.

        Takes    position_side: of an account in hedge mode; without it the side that has lots, LONG where none has.
        Errors   InputError where both sides have lots and none is named.
        """
        return self._side_row(account, symbol, position_side)[1]

    def _is_hedged(self, account: int) -> bool:
        modes = self._state.arrays["accounts"]["position_mode"]
        return 0 <= account < len(modes) and modes.item(account) == PositionMode.HEDGE

    def _side_row(self, account: int, symbol: str | int, position_side: PositionSide | None) -> tuple[PositionSide, int]:
        number = self.symbol_row(symbol)
        settings = self._settings_row(account, number)
        lots = self._state.arrays["positions"]["lots"]
        if position_side is None and self._is_hedged(account):
            sides = [(side, self._position_row(settings, side)) for side in (PositionSide.LONG, PositionSide.SHORT)]
            held = [one for one in sides if one[1] != NO_ROW and lots.item(one[1])]
            if len(held) == 2:
                raise InputError(
                    f"position: account {account} holds LONG and SHORT of {self.symbols[number]}: name the position side"
                )
            return held[0] if held else sides[0]
        side = PositionSide.BOTH if position_side is None else PositionSide(position_side)
        return side, self._position_row(settings, side)

    def _position_row(self, settings: int, side: PositionSide) -> int:
        if settings == NO_ROW:
            return NO_ROW
        column = f"{side.name.lower()}_{self._margin_mode(settings).name.lower()}"
        return int(self._state.arrays["settings"][column].item(settings))

    def position(self, account: int, symbol: str | int, position_side: PositionSide | None = None) -> PositionView:
        """The position of an account in a symbol; flat when there is none. position_side: see position_row."""
        number = self.symbol_row(symbol)
        side, row = self._side_row(account, number, position_side)
        if row != NO_ROW:
            return self._position_view(row)
        settings = self._settings_row(account, number)
        return PositionView(
            account,
            self.symbols[number],
            self._margin_mode(settings),
            side,
            self._leverage(settings, number),
            lots=0,
            entry_cost_e8=0,
            isolated_wallet_e8=0,
            mark_e8=self.mark_e8(number),
            unrealized_pnl_e8=0,
            margin_balance_e8=0,
            maintenance_margin_e8=0,
            pool_maintenance_e8=0,
            margin_held_e8=0,
            liquidation_mark_e8=None,
            bankruptcy_mark_e8=None,
        )

    def _position_view(self, row: int) -> PositionView:
        p = dict(zip(_POSITION_FIELDS, self._state.arrays["positions"][row].item(), strict=True))
        account, symbol, lots = p["account"], p["symbol"], p["lots"]
        mode = MarginMode(p["margin_mode"])
        asset = self.asset_row(self._rules[symbol].margin_asset)
        if mode == MarginMode.ISOLATED:
            balance = self.measure(Measure.ISOLATED_BALANCE, account, row)
            pool = self.measure(Measure.ISOLATED_MAINTENANCE, account, row)
        else:
            balance = self.measure(Measure.POOL_BALANCE, account, asset)
            pool = self.measure(Measure.POOL_MAINTENANCE, account, asset)
        below, above = self._liquidation_marks(account, row) if lots else (None, None)
        return PositionView(
            account=account,
            symbol=self.symbols[symbol],
            margin_mode=mode,
            position_side=PositionSide(p["position_side"]),
            leverage=p["leverage"],
            lots=lots,
            entry_cost_e8=p["entry_cost_e8"],
            isolated_wallet_e8=p["isolated_wallet_e8"],
            mark_e8=self.mark_e8(symbol),
            unrealized_pnl_e8=self.measure(Measure.UNREALIZED_PNL, account, row),
            margin_balance_e8=balance,
            maintenance_margin_e8=self.measure(Measure.MAINTENANCE, account, row),
            pool_maintenance_e8=pool,
            margin_held_e8=self.measure(Measure.MARGIN_HELD, account, row),
            liquidation_mark_e8=_nearer(self.mark_e8(symbol), below, above),
            bankruptcy_mark_e8=(self.measure(Measure.BANKRUPTCY_MARK, account, row) or None) if lots else None,
            liquidation_below_e8=below,
            liquidation_above_e8=above,
        )

    def _liquidation_marks(self, account: int, row: int) -> tuple[int | None, int | None]:
        """The first marks below and above at which a position row with lots is liquidated."""
        below = self.measure(Measure.LIQUIDATION_MARK_BELOW, account, row)
        return below or None, self.measure(Measure.LIQUIDATION_MARK_ABOVE, account, row) or None

    def liquidation_prices(
        self, account: int, symbol: str | int, position_side: PositionSide | None = None
    ) -> tuple[int | None, int | None]:
        """(below, above): the first marks × 10^8 on either side at which the position is liquidated, all else equal.

        None, one or two of them: long and short of a symbol in one cross pool share both. Without a position_side, of an
        account in hedge mode: the nearest of its two sides'. Both are the mark where it is due already.
        """
        number = self.symbol_row(symbol)
        if position_side is not None or not self._is_hedged(account):
            rows = [self.position_row(account, number, position_side)]
        else:
            settings = self._settings_row(account, number)
            rows = [self._position_row(settings, side) for side in (PositionSide.LONG, PositionSide.SHORT)]
        lots = self._state.arrays["positions"]["lots"]
        found = [self._liquidation_marks(account, row) for row in rows if row != NO_ROW and lots.item(row)]
        below, above = [one for one, _ in found if one is not None], [two for _, two in found if two is not None]
        return max(below, default=None), min(above, default=None)

    def liquidation_price(
        self, account: int, symbol: str | int, position_side: PositionSide | None = None
    ) -> int | None:
        """First mark × 10^8, from here, at which the position is liquidated, all else equal; None = none.

        Of two (`liquidation_prices`) the nearer, the lower one at the same distance.
        """
        return _nearer(self.mark_e8(symbol), *self.liquidation_prices(account, symbol, position_side))

    def bankruptcy_price(
        self, account: int, symbol: str | int, position_side: PositionSide | None = None
    ) -> int | None:
        """First mark × 10^8 at which what backs the position is gone, everything else of its pool at mark; None = none."""
        row = self.position_row(account, symbol, position_side)
        if row == NO_ROW or self.table("positions")["lots"][row] == 0:
            return None
        return self.measure(Measure.BANKRUPTCY_MARK, account, row) or None

    def closing_fee_most(
        self, account: int, symbol: str | int, position_side: PositionSide | None = None
    ) -> int | None:
        """Most that closing the isolated position by hand can take from the cross wallet, × 10^8 (formulas.md F27).

        0 without such a position; None where the rulebook's fee has no bound.
        """
        position = self.position(account, symbol, position_side)
        if position.margin_mode != MarginMode.ISOLATED or position.lots == 0:
            return 0
        if self.rulebook.fee_basis != FeeBasis.FILL_VALUE:
            return None
        rate_e8 = max(self.fee_rates_e8(account, symbol))
        kind = self.rules(symbol).contract_kind
        most = closing_fee_most_e8(kind, position.lots, position.entry_cost_e8, position.isolated_wallet_e8, rate_e8)
        return int(most)

    def max_add_margin(self, account: int, symbol: str | int, position_side: PositionSide | None = None) -> int:
        """Most that add-margin accepts, × 10^8; 0 when the symbol has no isolated position."""
        position = self.position(account, symbol, position_side)
        if position.margin_mode != MarginMode.ISOLATED or position.lots == 0:
            return 0
        return self.measure(Measure.MAX_ADD_MARGIN, account, self.asset_row(self.rules(symbol).margin_asset))

    def max_remove_margin(self, account: int, symbol: str | int, position_side: PositionSide | None = None) -> int:
        """Most that remove-margin accepts, × 10^8; 0 when the symbol has no isolated position."""
        position = self.position(account, symbol, position_side)
        if position.margin_mode != MarginMode.ISOLATED or position.lots == 0:
            return 0
        return self.measure(Measure.MAX_REMOVE_MARGIN, account, self.position_row(account, symbol, position_side))

    def wallet(self, account: int, asset: str | None = None) -> WalletView:
        """One account in one margin asset, the rulebook's first unless said."""
        asset = self.rulebook.margin_assets[0] if asset is None else asset
        number = self.asset_row(asset)
        if not 0 <= account < self._state.used_rows("accounts"):
            raise InputError(f"account: {account} does not exist")
        positions = self._state.arrays["positions"]
        symbols, wallets = positions["symbol"], positions["isolated_wallet_e8"]
        own = [row for row in self._position_rows(account) if self._rules[symbols.item(row)].margin_asset == asset]
        return WalletView(
            account=account,
            asset=asset,
            cross_wallet_e8=int(self._state.arrays["wallets"]["cross_wallet_e8"][account * len(self.assets) + number]),
            isolated_wallets_e8=sum(wallets.item(row) for row in own),
            unrealized_pnl_e8=sum(self.measure(Measure.UNREALIZED_PNL, account, row) for row in own),
            margin_balance_e8=self.measure(Measure.POOL_BALANCE, account, number),
            maintenance_margin_e8=self.measure(Measure.POOL_MAINTENANCE, account, number),
            available_e8=self.measure(Measure.AVAILABLE, account, number),
            max_withdraw_e8=self.measure(Measure.MAX_WITHDRAW, account, number),
        )

    def positions(self, account: int | None = None) -> Rows[PositionView]:
        """Open positions, of one account or of all that are neither fund nor house."""
        table = self.table("positions")
        if account is not None:
            lots = table["lots"]
            return Rows(self._position_view(row) for row in self._position_rows(account) if lots.item(row))
        rows = np.flatnonzero((table["lots"] != 0) & (table["is_house"] == 0)).tolist()
        return Rows(map(self._position_view, rows))

    def pockets(self, account: int) -> Rows[PositionView]:
        """What an account has in each contract with a position or a resting order there, flat ones included."""
        orders = self._state.arrays["orders"]
        firsts, following, levels = (
            self._state.arrays["positions"]["first_order"],
            orders["next_in_position"],
            orders["level"],
        )
        lots = self._state.arrays["positions"]["lots"]

        def is_used(position: int) -> bool:
            if lots.item(position):
                return True
            row = firsts.item(position)
            while row != NO_ROW and levels.item(row) == NO_ROW:  # conditionals rest nowhere
                row = following.item(row)
            return bool(row != NO_ROW)

        return Rows(self._position_view(row) for row in self._position_rows(account) if is_used(row))

    def orders(self, account: int | None = None) -> Rows[OrderView]:
        """Open orders, conditionals included, of one account or of all, by order id."""
        if account is not None:
            table, rows = self._state.arrays["orders"], self._order_rows(account)
        else:
            table = self.table("orders")
            is_open = (table["order_id"] != 0) & ((table["level"] != NO_ROW) | (table["is_conditional"] != 0))
            rows = np.flatnonzero(is_open).tolist()
        return Rows(sorted((self._order_view(table[row]) for row in rows), key=lambda order: order.order_id))

    def order(self, order_id: int) -> OrderView | None:
        """An open order, conditionals included; None when there is none of that id."""
        table = self.table("orders")
        for row in table[np.flatnonzero(table["order_id"] == order_id)] if order_id > 0 else ():
            if row["level"] != NO_ROW or row["is_conditional"]:
                return self._order_view(row)
        return None

    def funding_rate_e8(self, symbol: str | int) -> int:
        """The funding rate that a settlement now would have, from the premium samples since the last one."""
        return self.measure(Measure.FUNDING_RATE, 0, self.symbol_row(symbol))

    def countdown_ms(self, account: int, symbol: str | int) -> int:
        """When the resting orders of an account in a symbol will be cancelled unless COUNTDOWN_CANCEL is said again; 0: never."""
        row = self._settings_row(account, self.symbol_row(symbol))
        return 0 if row == NO_ROW else int(self._state.arrays["countdowns"]["due_ms"][row])

    def order_of_client(self, account: int, client_id_hash: int) -> OrderView | None:
        """The open order of an account with a client id (`isocross.command.client_id_hash`); None when there is none."""
        rows = self._order_rows(account) if client_id_hash else []
        table = self._state.arrays["orders"]
        found = [row for row in rows if table["client_id_hash"][row] == client_id_hash]
        return self._order_view(table[found[0]]) if found else None

    def _order_view(self, row: np.void) -> OrderView:
        return OrderView(
            order_id=int(row["order_id"]),
            client_id_hash=int(row["client_id_hash"]),
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
            working_type=WorkingType(int(row["working_type"])),
            time_in_force=TimeInForce(int(row["time_in_force"])),
            expire_ms=int(row["expire_ms"]),
            is_price_protected=bool(row["is_price_protected"]),
            position_side=PositionSide(self._state.arrays["positions"]["position_side"].item(int(row["position"]))),
        )

    def book(self, symbol: str | int, levels: int = 20) -> dict[str, list[tuple[int, int]]]:
        """{'bids': [(price_ticks, lots) …], 'asks': …}, best first."""
        row = self.symbol_row(symbol)
        return {
            name: list(islice(self._levels(row, side), levels))
            for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }

    def lots_up_to(self, symbol: str | int, side: Side, price_ticks: int) -> int:
        """Lots that rest on a side of the book at this price or a better one."""
        found = 0
        for price, lots in self._levels(self.symbol_row(symbol), side):
            if price < price_ticks if side == Side.BUY else price > price_ticks:
                break
            found += lots
        return found

    def _levels(self, symbol: int, side: Side) -> Iterator[tuple[int, int]]:
        """(price_ticks, lots) of the levels of a side, best first."""
        table, links = self._state.arrays["levels"], self._state.arrays["level_links"]["next_level"]
        prices, lots = table["price_ticks"], table["lots"]
        level = links.item((2 * symbol + side) * LINK_HEIGHT)
        while level != NO_ROW:
            yield prices.item(level), lots.item(level)
            level = links.item(level * LINK_HEIGHT)

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
