"""Pockets: the two things that can back a position (a cross pool, an isolated wallet) and what they must hold.

Responsible for: finding and creating settings and position rows; balance, maintenance, initial margin and available of
a pocket; the limits of adding and removing margin. Must not: move money, emit an event, refuse a user.
Formula numbers (F…) refer to docs/reference/formulas.md; the formulas themselves live in margin.py.
"""

from __future__ import annotations

from ..codes import MarginMode, PositionMode, PositionSide, Side
from ..limits import SYMBOLS_MAX
from .events import wallet_row
from .jit import kernel, small
from .margin import (
    initial_margin_e8,
    maintenance_margin_e8,
    notional_e8,
    requirement_lots,
    unrealized_pnl_e8,
)
from .schema import MARK_NEVER, NO_ROW
from .wakes import join_wakes

_HASH_FACTOR = 2_654_435_761
_LOW_30 = 2**30 - 1


@small
def settings_key(account, symbol):
    """Key of the settings map; never 0."""
    return account * SYMBOLS_MAX + symbol + 1


@small
def settings_home_cell(key, mask):
    """Where a key belongs in the settings map."""
    return ((((key & _LOW_30) * _HASH_FACTOR) >> 18) ^ (key >> 30)) & mask


@kernel
def find_settings(s, account, symbol):
    """Settings row of an account in a symbol, NO_ROW when it never touched it."""
    first = s.accounts[account].first_position  # often the one asked for, and its row is needed anyway
    if first != NO_ROW and s.positions[first].symbol == symbol:
        return s.positions[first].settings
    key = settings_key(account, symbol)
    mask = len(s.settings_map) - 1
    cell = settings_home_cell(key, mask)
    while True:
        found = s.settings_map[cell].key
        if found == key:
            return s.settings_map[cell].row
        if found == 0:
            return NO_ROW
        cell = (cell + 1) & mask


@kernel
def settings_of(s, account, symbol):
    """Settings row of an account in a symbol, created with the rulebook's defaults when there is none."""
    row = find_settings(s, account, symbol)
    if row != NO_ROW:
        return row
    counters_edit = s.counters.edit(0)
    row = counters_edit.settings_count
    counters_edit.settings_count = row + 1
    settings_edit = s.settings.edit(row)
    settings_edit.account = account
    settings_edit.symbol = symbol
    settings_edit.leverage = s.engine[0].default_leverage
    top = s.brackets[s.symbols[symbol].first_bracket].leverage_max
    if settings_edit.leverage > top:
        settings_edit.leverage = top
    settings_edit.margin_mode = s.engine[0].default_margin_mode
    if s.accounts[account].is_house != 0:
        settings_edit.margin_mode = MarginMode.CROSS
    settings_edit.both_cross = NO_ROW
    settings_edit.both_isolated = NO_ROW
    settings_edit.long_cross = NO_ROW
    settings_edit.long_isolated = NO_ROW
    settings_edit.short_cross = NO_ROW
    settings_edit.short_isolated = NO_ROW
    settings_edit.order_count = 0
    settings_edit.conditional_count = 0
    key = settings_key(account, symbol)
    mask = len(s.settings_map) - 1
    cell = settings_home_cell(key, mask)
    while s.settings_map[cell].key != 0:
        cell = (cell + 1) & mask
    cell_edit = s.settings_map.edit(cell)
    cell_edit.key = key
    cell_edit.row = row
    return row


@small
def default_margin_mode(s, settings):
    """Margin mode of the next order; the rulebook's default where the account has no settings row yet."""
    if settings == NO_ROW:
        return s.engine[0].default_margin_mode
    return s.settings[settings].margin_mode


@kernel
def default_leverage(s, symbol, settings):
    """Leverage of an account in a symbol; the rulebook's default where it has no settings row yet."""
    if settings != NO_ROW:
        return s.settings[settings].leverage
    leverage = s.engine[0].default_leverage
    top = s.brackets[s.symbols[symbol].first_bracket].leverage_max
    if leverage > top:
        return top
    return leverage


@small
def first_side(position_mode):
    """The first of the position sides that an account has in a symbol: BOTH alone, or LONG and SHORT."""
    if position_mode == PositionMode.HEDGE:
        return PositionSide.LONG
    return PositionSide.BOTH


@small
def last_side(position_mode):
    """The last of them."""
    if position_mode == PositionMode.HEDGE:
        return PositionSide.SHORT
    return PositionSide.BOTH


@small
def is_closing_side(position_side, side):
    """Whether an order of this side of a hedge can only close: selling a long, buying back a short."""
    return (position_side == PositionSide.LONG and side == Side.SELL) or (
        position_side == PositionSide.SHORT and side == Side.BUY
    )


@small
def position_row(s, settings, position_side, margin_mode):
    """Position row by (side, mode), NO_ROW when it was never needed. One-way positions have side BOTH."""
    if settings == NO_ROW:
        return NO_ROW
    if position_side == PositionSide.BOTH:
        if margin_mode == MarginMode.CROSS:
            return s.settings[settings].both_cross
        return s.settings[settings].both_isolated
    return _hedge_row(s, settings, position_side, margin_mode)


@kernel
def _hedge_row(s, settings, position_side, margin_mode):
    """`position_row` of one side of a hedge."""
    row = s.settings[settings]
    if position_side == PositionSide.LONG:
        if margin_mode == MarginMode.CROSS:
            return row.long_cross
        return row.long_isolated
    assert position_side == PositionSide.SHORT
    if margin_mode == MarginMode.CROSS:
        return row.short_cross
    return row.short_isolated


@kernel
def position_of(s, settings, position_side, margin_mode):
    """Position row by (side, mode), created flat when there is none."""
    row = position_row(s, settings, position_side, margin_mode)
    if row != NO_ROW:
        return row
    settings_edit = s.settings.edit(settings)
    counters_edit = s.counters.edit(0)
    row = counters_edit.position_count
    counters_edit.position_count = row + 1
    if position_side == PositionSide.BOTH:
        if margin_mode == MarginMode.CROSS:
            settings_edit.both_cross = row
        else:
            settings_edit.both_isolated = row
    elif position_side == PositionSide.LONG:
        if margin_mode == MarginMode.CROSS:
            settings_edit.long_cross = row
        else:
            settings_edit.long_isolated = row
    elif margin_mode == MarginMode.CROSS:
        settings_edit.short_cross = row
    else:
        settings_edit.short_isolated = row
    account_edit = s.accounts.edit(settings_edit.account)
    symbol_edit = s.symbols.edit(settings_edit.symbol)
    position_edit = s.positions.edit(row)
    position_edit.lots = 0
    position_edit.entry_cost_e8 = 0
    position_edit.isolated_wallet_e8 = 0
    position_edit.bid_lots = 0
    position_edit.ask_lots = 0
    position_edit.open_loss_e8 = 0
    position_edit.account = settings_edit.account
    position_edit.symbol = settings_edit.symbol
    position_edit.leverage = settings_edit.leverage
    position_edit.settings = settings
    position_edit.next_in_account = NO_ROW
    position_edit.next_in_symbol = NO_ROW
    position_edit.first_order = NO_ROW
    position_edit.last_order = NO_ROW
    position_edit.reduce_only_count = 0
    position_edit.margin_mode = margin_mode
    position_edit.position_side = position_side
    position_edit.is_margin_called = 0
    position_edit.is_waiting = 0
    position_edit.is_house = account_edit.is_house
    position_edit.has_own_fees = account_edit.has_own_fees
    if account_edit.last_position == NO_ROW:
        account_edit.first_position = row
    else:
        previous_edit = s.positions.edit(account_edit.last_position)
        previous_edit.next_in_account = row
    account_edit.last_position = row
    account_edit.position_count += 1
    if symbol_edit.last_position == NO_ROW:
        symbol_edit.first_position = row
    else:
        previous_edit = s.positions.edit(symbol_edit.last_position)
        previous_edit.next_in_symbol = row
    symbol_edit.last_position = row
    band_edit = s.bands.edit(row)
    band_edit.low_e8 = -1
    band_edit.high_e8 = MARK_NEVER
    if account_edit.is_house == 0:
        join_wakes(s, row, settings_edit.symbol)
    return row


@kernel
def position_upnl_e8(s, p):
    """Unrealized PnL of a position at mark (F3)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    return unrealized_pnl_e8(
        symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
    )


@kernel
def maintenance_of_lots_e8(s, symbol_row, lots):
    """Maintenance margin of signed lots of a symbol at mark (F5)."""
    symbol = s.symbols[symbol_row]
    notional = notional_e8(symbol.contract_kind, lots, symbol.step_e8, symbol.mark_e8)
    return maintenance_margin_e8(notional, s.brackets, symbol.first_bracket, symbol.bracket_count)


@kernel
def isolated_balance(s, p):
    """(margin balance, maintenance margin) of one isolated position (F12)."""
    position = s.positions[p]
    return (
        position.isolated_wallet_e8 + position_upnl_e8(s, p),
        maintenance_of_lots_e8(s, position.symbol, position.lots),
    )


@kernel
def pool_balance(s, account, asset):
    """(margin balance, maintenance margin) of a cross pool (F12)."""
    balance = s.wallets[wallet_row(s, account, asset)].cross_wallet_e8
    maintenance = 0
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots != 0 and position.margin_mode == MarginMode.CROSS:
            symbol = s.symbols[position.symbol]
            if symbol.asset == asset:
                balance += unrealized_pnl_e8(
                    symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
                )
                notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
                maintenance += maintenance_margin_e8(
                    notional, s.brackets, symbol.first_bracket, symbol.bracket_count
                )
        p = position.next_in_account
    return balance, maintenance


@kernel
def pool_margin_balance_e8(s, account, asset):
    """Margin balance of a cross pool alone: cross wallet + Σ uPnL of its positions."""
    row = s.wallets[wallet_row(s, account, asset)]
    balance = row.cross_wallet_e8
    if row.cross_position_count == 0:
        return balance
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots != 0 and position.margin_mode == MarginMode.CROSS:
            symbol = s.symbols[position.symbol]
            if symbol.asset == asset:
                balance += unrealized_pnl_e8(
                    symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
                )
        p = position.next_in_account
    return balance


@kernel
def margin_held_e8(s, position, leverage, lots, bid_lots, ask_lots, open_loss):
    """F6 of one position row with the given lots: initial margin in cross, open-order margin in isolated."""
    symbol = s.symbols[position.symbol]
    required = notional_e8(
        symbol.contract_kind, requirement_lots(lots, bid_lots, ask_lots), symbol.step_e8, symbol.mark_e8
    )
    if position.margin_mode == MarginMode.ISOLATED:
        required -= notional_e8(symbol.contract_kind, lots, symbol.step_e8, symbol.mark_e8)
    return initial_margin_e8(required, leverage) + open_loss


@kernel
def own_margin_e8(s, p):
    """F6 of one position row as it stands."""
    position = s.positions[p]
    return margin_held_e8(
        s,
        position,
        position.leverage,
        position.lots,
        position.bid_lots,
        position.ask_lots,
        position.open_loss_e8,
    )


@kernel
def pool_standing(s, account, asset, needs_maintenance):
    """(U, IM, OOM, MM) of an account in one margin asset (F14).

    U: Σ uPnL of cross positions; IM: Σ initial margin of cross symbols; OOM: Σ open-order margin of isolated symbols;
    MM: Σ maintenance of cross positions, 0 when it is not needed (nothing isolated is asked).
    """
    upnl = 0
    initial = 0
    open_order = 0
    maintenance = 0
    p = s.accounts[account].first_position
    while p != NO_ROW:
        position = s.positions[p]
        if position.lots != 0 or position.bid_lots != 0 or position.ask_lots != 0:
            symbol = s.symbols[position.symbol]
            if symbol.asset == asset:
                needed = requirement_lots(position.lots, position.bid_lots, position.ask_lots)
                required = notional_e8(symbol.contract_kind, needed, symbol.step_e8, symbol.mark_e8)
                if position.margin_mode == MarginMode.CROSS:
                    initial += initial_margin_e8(required, position.leverage) + position.open_loss_e8
                    if position.lots != 0:
                        upnl += unrealized_pnl_e8(
                            symbol.contract_kind,
                            position.lots,
                            symbol.step_e8,
                            position.entry_cost_e8,
                            symbol.mark_e8,
                        )
                        if needs_maintenance:
                            own = required
                            if needed != abs(position.lots):
                                own = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
                            maintenance += maintenance_margin_e8(
                                own, s.brackets, symbol.first_bracket, symbol.bracket_count
                            )
                else:
                    own = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
                    open_order += initial_margin_e8(required - own, position.leverage) + position.open_loss_e8
        p = position.next_in_account
    return upnl, initial, open_order, maintenance


@kernel
def available_e8(s, account, asset):
    """(available, free of maintenance) of an account in one margin asset (F14); the second may be below zero."""
    wallet = s.wallets[wallet_row(s, account, asset)].cross_wallet_e8
    upnl, initial, open_order, maintenance = pool_standing(s, account, asset, True)
    available = wallet + upnl - initial - open_order
    if available < 0:
        available = 0
    return available, wallet - open_order - maintenance


@kernel
def max_add_margin_e8(s, account, asset):
    """Most that add-margin may move into an isolated wallet (F14)."""
    available, free = available_e8(s, account, asset)
    if free < available:
        available = free
    if available < 0:
        return 0
    return available


@kernel
def max_remove_margin_e8(s, p):
    """Most that remove-margin may move out of an isolated wallet (F14)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    balance, maintenance = isolated_balance(s, p)
    notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
    most = position.isolated_wallet_e8 - maintenance
    over_initial = balance - initial_margin_e8(notional, position.leverage)
    if over_initial < most:
        most = over_initial
    if most < 0:
        return 0
    return most


@kernel
def max_withdraw_e8(s, account, asset):
    """Most that may be withdrawn (F14)."""
    wallet = s.wallets[wallet_row(s, account, asset)].cross_wallet_e8
    upnl, initial, open_order, maintenance = pool_standing(s, account, asset, True)
    most = wallet
    if wallet - open_order - maintenance < most:
        most = wallet - open_order - maintenance
    if wallet + upnl - initial - open_order < most:
        most = wallet + upnl - initial - open_order
    if most < 0:
        return 0
    return most
