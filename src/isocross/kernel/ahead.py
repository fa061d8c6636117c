"""Ahead: rows that the next commands of a batch will need are brought near while the one at hand is worked.

Responsible for: asking the processor for them early. Must not: change or decide anything: without this file every result is the same.

An order meets two dozen rows that lie anywhere in megabytes of tables, each of which would be waited for. The way to a row
leads through others, so a command is looked at five times, one step further each time; between two looks lies one command.
"""

from __future__ import annotations

from ..codes import CommandKind, MarginMode, OrderType, Side
from .book import best_level, home_cell
from .events import wallet_row
from .jit import kernel, small
from .pockets import settings_home_cell, settings_key
from .schema import NO_ROW

COMMANDS_AHEAD = 8


@kernel
def look_ahead(s, i, count):
    """Command i is about to be worked: fetch for those behind it."""
    s.orders.fetch(s.counters[0].first_free_order)
    if i + COMMANDS_AHEAD < count:
        s.commands.fetch(i + COMMANDS_AHEAD)
    if i + 4 < count:
        _fetch_keyed(s, i + 4)
    if i + 3 < count:
        _fetch_found(s, i + 3)
    if i + 2 < count:
        _fetch_pocket(s, i + 2)
    if i + 1 < count:
        _fetch_neighbors(s, i + 1)
    if i + 3 < count:
        _fetch_maker(s, i + 3, 0)
    if i + 2 < count:
        _fetch_maker(s, i + 2, 1)
    if i + 1 < count:
        _fetch_maker(s, i + 1, 2)


@kernel
def _fetch_keyed(s, i):
    """What the command itself names: cells of the maps, the account."""
    c = s.commands[i]
    if c.kind == CommandKind.CANCEL_ORDER:
        s.order_map.fetch(home_cell(c.order_id, len(s.order_map) - 1))
        s.accounts.fetch(c.account)
    elif c.kind == CommandKind.PLACE_ORDER:
        s.settings_map.fetch(settings_home_cell(settings_key(c.account, c.symbol), len(s.settings_map) - 1))
        s.accounts.fetch(c.account)


@kernel
def _fetch_found(s, i):
    """What the cells lead to."""
    c = s.commands[i]
    if c.kind == CommandKind.CANCEL_ORDER:
        o = _order_at_home(s, c.order_id)
        if o != NO_ROW:
            s.orders.fetch(o)
    elif c.kind == CommandKind.PLACE_ORDER:
        settings = _settings_at_home(s, c.account, c.symbol)
        if settings != NO_ROW:
            s.settings.fetch(settings)


@kernel
def _fetch_pocket(s, i):
    """Position, promises and wallet behind the order or the settings."""
    c = s.commands[i]
    p = NO_ROW
    if c.kind == CommandKind.CANCEL_ORDER:
        o = _order_at_home(s, c.order_id)
        if o != NO_ROW:
            p = s.orders[o].position
            if s.orders[o].level != NO_ROW:
                s.levels.fetch(s.orders[o].level)
    elif c.kind == CommandKind.PLACE_ORDER:
        p = _position_of_next_order(s, c.account, c.symbol)
    _fetch_position(s, p)


@kernel
def _fetch_neighbors(s, i):
    """The orders whose links change, and the sums of the pool."""
    c = s.commands[i]
    p = NO_ROW
    if c.kind == CommandKind.CANCEL_ORDER:
        o = _order_at_home(s, c.order_id)
        if o != NO_ROW:
            p = s.orders[o].position
            s.orders.fetch(s.orders[o].next_in_position)
            s.orders.fetch(s.orders[o].prev_in_position)
            s.orders.fetch(s.orders[o].next_in_queue)
            s.orders.fetch(s.orders[o].prev_in_queue)
    elif c.kind == CommandKind.PLACE_ORDER:
        p = _position_of_next_order(s, c.account, c.symbol)
        if p != NO_ROW:
            s.orders.fetch(s.positions[p].last_order)
    _fetch_pool(s, p)


@kernel
def _fetch_maker(s, i, step):
    """The first order that an order would meet, then its position, then its pool."""
    c = s.commands[i]
    if c.kind != CommandKind.PLACE_ORDER or c.symbol < 0 or c.symbol >= s.engine[0].symbol_count:
        return
    if c.side != Side.BUY and c.side != Side.SELL:
        return
    level = best_level(s, c.symbol, 1 - c.side)
    if level == NO_ROW:
        return
    best = s.levels[level].price_ticks
    if c.order_type == OrderType.MARKET or (c.side == Side.BUY and c.price_ticks >= best) or (c.side == Side.SELL and c.price_ticks <= best):
        o = s.levels[level].first_order
        if step == 0:
            s.orders.fetch(o)
        elif step == 1:
            _fetch_position(s, s.orders[o].position)
        else:
            _fetch_pool(s, s.orders[o].position)
            s.orders.fetch(s.orders[o].next_in_queue)
            s.settings.fetch(s.positions[s.orders[o].position].settings)


@small
def _fetch_position(s, p):
    """A position with its promises and its stamp."""
    if p != NO_ROW:
        s.positions.fetch(p)
        s.bands.fetch(p)
        s.position_stamps.fetch(p)


@small
def _fetch_pool(s, p):
    """What stands behind a position."""
    if p != NO_ROW:
        account = s.positions[p].account
        row = wallet_row(s, account, s.symbols[s.positions[p].symbol].asset)
        s.wallets.fetch(row)
        s.pools.fetch(row)
        s.stamps.fetch(account)


@small
def _position_of_next_order(s, account, symbol):
    """Row of the position that an order of an account would open or change; NO_ROW where it would have to be looked for."""
    settings = _settings_at_home(s, account, symbol)
    if settings == NO_ROW:
        return NO_ROW
    if s.settings[settings].margin_mode == MarginMode.ISOLATED:
        return s.settings[settings].both_isolated
    return s.settings[settings].both_cross


@small
def _order_at_home(s, order_id):
    """Row of an order whose id stands in its own cell of the map; NO_ROW where it would have to be looked for."""
    cell = home_cell(order_id, len(s.order_map) - 1)
    if s.order_map[cell].key == order_id and order_id > 0:
        return s.order_map[cell].row
    return NO_ROW


@small
def _settings_at_home(s, account, symbol):
    """Settings row of an account in a symbol, likewise."""
    key = settings_key(account, symbol)
    cell = settings_home_cell(key, len(s.settings_map) - 1)
    if s.settings_map[cell].key == key:
        return s.settings_map[cell].row
    return NO_ROW
