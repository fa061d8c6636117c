"""Book: price levels, the queues on them, and where every open order is linked.

Responsible for: a skip list of levels per symbol and side, first-in-first-out queues, the order map, order rows
and their lists (queue, position, symbol). Must not: know money, margin or why an order comes or goes.

Levels are sorted best first by `sort_key` (price for asks, −price for bids). A level's tower height follows from its
key, not from a counter, so equal books have equal links. A link repeats the key it leads to, so a descent reads links alone. Level rows 2·symbol and 2·symbol + 1 are the heads of the
bid and the ask side. Every write goes through an edit view; a free row is zeroed and chained.
"""

from __future__ import annotations

from ..codes import OrderType, Side
from .events import emit_book_level
from .jit import kernel, small
from .schema import KEY_NEVER, LINK_HEIGHT, NO_ROW

_HASH_FACTOR = 2_654_435_761
_LOW_30 = 2**30 - 1


@small
def side_head(symbol, side):
    """The head level of one side of one book."""
    return 2 * symbol + side


@small
def next_level(s, level, height):
    """The level after this one in the list at `height`, NO_ROW at the end."""
    return s.level_links[level * LINK_HEIGHT + height].next_level


@small
def best_level(s, symbol, side):
    """The best price level of a side, NO_ROW when it is empty."""
    return next_level(s, side_head(symbol, side), 0)


@small
def sort_key_of(side, price_ticks):
    """Ascending key: the best price first."""
    if side == Side.BUY:
        return -price_ticks
    return price_ticks


@kernel
def tower_height(sort_key):
    """1 … LINK_HEIGHT, each further level with probability ¼, a function of the key alone."""
    bits = ((sort_key & _LOW_30) * _HASH_FACTOR) >> 20
    height = 1
    while height < LINK_HEIGHT and (bits & 3) == 0:
        height += 1
        bits >>= 2
    return height


@kernel
def find_level(s, symbol, side, price_ticks):
    """The level at a price, NO_ROW when there is none."""
    key = sort_key_of(side, price_ticks)
    level = side_head(symbol, side)
    height = LINK_HEIGHT - 1
    while height >= 0:
        link = s.level_links[level * LINK_HEIGHT + height]
        while link.next_key < key:
            level = link.next_level
            link = s.level_links[level * LINK_HEIGHT + height]
        if link.next_key == key:
            return link.next_level
        height -= 1
    return NO_ROW


@kernel
def _level_at(s, symbol, side, price_ticks):
    """The level at a price, made and linked when there is none. The caller has made sure that a row is free.

    One descent does both: a level of this price would have a tower of the same height, so it is met at the first
    height at which a new one is linked, before anything is written.
    """
    key = sort_key_of(side, price_ticks)
    tower = tower_height(key)
    new = NO_ROW
    level = side_head(symbol, side)
    height = LINK_HEIGHT - 1
    while height >= 0:
        link = s.level_links[level * LINK_HEIGHT + height]
        while link.next_key < key:
            level = link.next_level
            link = s.level_links[level * LINK_HEIGHT + height]
        if height < tower:
            if new == NO_ROW:
                if link.next_key == key:
                    return link.next_level
                new = _new_level_row(s, key, price_ticks)
            own_edit = s.level_links.edit(new * LINK_HEIGHT + height)
            own_edit.next_level = link.next_level
            own_edit.next_key = link.next_key
            before_edit = s.level_links.edit(level * LINK_HEIGHT + height)
            before_edit.next_level = new
            before_edit.next_key = key
        height -= 1
    return new


@kernel
def _new_level_row(s, key, price_ticks):
    """A free level row, taken off the free list, empty."""
    counters_edit = s.counters.edit(0)
    counters_edit.level_count += 1
    new = counters_edit.first_free_level
    if new == NO_ROW:
        new = counters_edit.level_high
        counters_edit.level_high = new + 1
    else:
        counters_edit.first_free_level = s.levels[new].next_free
    level_edit = s.levels.edit(new)
    level_edit.price_ticks = price_ticks
    level_edit.sort_key = key
    level_edit.lots = 0
    level_edit.first_order = NO_ROW
    level_edit.last_order = NO_ROW
    level_edit.order_count = 0
    level_edit.next_free = NO_ROW
    return new


@kernel
def _remove_level(s, symbol, side, gone):
    """Unlink an empty level and free its row."""
    key = s.levels[gone].sort_key
    tower = tower_height(key)
    level = side_head(symbol, side)
    height = LINK_HEIGHT - 1
    while height >= 0:
        link = s.level_links[level * LINK_HEIGHT + height]
        while link.next_key < key:
            level = link.next_level
            link = s.level_links[level * LINK_HEIGHT + height]
        if height < tower:
            assert link.next_level == gone
            before_edit = s.level_links.edit(level * LINK_HEIGHT + height)
            own_edit = s.level_links.edit(gone * LINK_HEIGHT + height)
            before_edit.next_level = own_edit.next_level
            before_edit.next_key = own_edit.next_key
            own_edit.next_level = NO_ROW
            own_edit.next_key = KEY_NEVER
        height -= 1
    counters_edit = s.counters.edit(0)
    counters_edit.level_count -= 1
    level_edit = s.levels.edit(gone)
    level_edit.price_ticks = 0
    level_edit.sort_key = 0
    level_edit.next_free = counters_edit.first_free_level
    counters_edit.first_free_level = gone


@kernel
def level_of(s, o):
    """The level at an order's price, made when there is none; the order at its end is brought near."""
    order = s.orders[o]
    level = _level_at(s, order.symbol, order.side, order.price_ticks)
    s.orders.fetch(s.levels[level].last_order)
    return level


@kernel
def enter_queue(s, o, level):
    """Put an order at the back of the queue of the level at its price and emit the level."""
    order_edit = s.orders.edit(o)
    level_edit = s.levels.edit(level)
    last = level_edit.last_order
    order_edit.level = level
    order_edit.prev_in_queue = last
    order_edit.next_in_queue = NO_ROW
    if last == NO_ROW:
        level_edit.first_order = o
    else:
        last_edit = s.orders.edit(last)
        last_edit.next_in_queue = o
    level_edit.last_order = o
    level_edit.order_count += 1
    level_edit.lots += order_edit.lots
    emit_book_level(s, order_edit.symbol, order_edit.side, order_edit.price_ticks, level_edit.lots)


@kernel
def leave_queue(s, o):
    """Take an order off its level with all its open lots; the level goes when it is empty. Returns lots left there."""
    order_edit = s.orders.edit(o)
    level = order_edit.level
    level_edit = s.levels.edit(level)
    before = order_edit.prev_in_queue
    after = order_edit.next_in_queue
    if before == NO_ROW:
        level_edit.first_order = after
    else:
        before_edit = s.orders.edit(before)
        before_edit.next_in_queue = after
    if after == NO_ROW:
        level_edit.last_order = before
    else:
        after_edit = s.orders.edit(after)
        after_edit.prev_in_queue = before
    level_edit.order_count -= 1
    level_edit.lots -= order_edit.lots
    order_edit.level = NO_ROW
    order_edit.next_in_queue = NO_ROW
    order_edit.prev_in_queue = NO_ROW
    left = level_edit.lots
    if level_edit.order_count == 0:
        assert left == 0
        _remove_level(s, order_edit.symbol, order_edit.side, level)
    return left


@kernel
def new_order_row(s):
    """A free order row, taken off the free list. The caller has made sure that there is one."""
    counters_edit = s.counters.edit(0)
    counters_edit.order_count += 1
    o = counters_edit.first_free_order
    if o == NO_ROW:
        o = counters_edit.order_high
        counters_edit.order_high = o + 1
    else:
        counters_edit.first_free_order = s.orders[o].next_in_queue
    order_edit = s.orders.edit(o)
    order_edit.order_id = 0
    order_edit.client_id_hash = 0
    order_edit.price_ticks = 0
    order_edit.trigger_ticks = 0
    order_edit.lots = 0
    order_edit.original_lots = 0
    order_edit.open_loss_e8 = 0
    order_edit.filled_value_e8 = 0
    order_edit.expire_ms = 0
    order_edit.account = NO_ROW
    order_edit.symbol = NO_ROW
    order_edit.position = NO_ROW
    order_edit.level = NO_ROW
    order_edit.next_in_queue = NO_ROW
    order_edit.prev_in_queue = NO_ROW
    order_edit.next_in_position = NO_ROW
    order_edit.prev_in_position = NO_ROW
    order_edit.extreme_ticks = 0
    order_edit.callback_rate_e8 = 0
    order_edit.side = 0
    order_edit.order_type = 0
    order_edit.time_in_force = 0
    order_edit.working_type = 0
    order_edit.is_reduce_only = 0
    order_edit.is_close_position = 0
    order_edit.self_trade_prevention = 0
    order_edit.is_conditional = 0
    order_edit.is_ladder = 0
    order_edit.is_kept = 0
    order_edit.is_price_protected = 0
    order_edit.is_held = 0
    return o


@kernel
def free_order_row(s, o):
    """Give an unlinked order row back."""
    counters_edit = s.counters.edit(0)
    counters_edit.order_count -= 1
    order_edit = s.orders.edit(o)
    order_edit.order_id = 0
    order_edit.lots = 0
    order_edit.open_loss_e8 = 0
    order_edit.next_in_queue = counters_edit.first_free_order
    counters_edit.first_free_order = o


@kernel
def link_order(s, o):
    """Register an order that stays open: in its position's list and in the order map."""
    order_edit = s.orders.edit(o)
    position_edit = s.positions.edit(order_edit.position)
    last = position_edit.last_order
    order_edit.prev_in_position = last
    order_edit.next_in_position = NO_ROW
    if last == NO_ROW:
        position_edit.first_order = o
    else:
        last_edit = s.orders.edit(last)
        last_edit.next_in_position = o
    position_edit.last_order = o
    if order_edit.is_conditional == 0 and order_edit.is_reduce_only != 0:
        position_edit.reduce_only_count += 1
    settings_edit = s.settings.edit(position_edit.settings)
    if order_edit.is_conditional != 0:
        settings_edit.conditional_count += 1
    else:
        settings_edit.order_count += 1
    _map_insert(s, order_edit.order_id, o)
    if order_edit.client_id_hash != 0:
        _client_map_insert(s, order_edit.account, order_edit.client_id_hash, o)


@kernel
def unlink_order(s, o):
    """Undo link_order."""
    order_edit = s.orders.edit(o)
    position_edit = s.positions.edit(order_edit.position)
    before = order_edit.prev_in_position
    after = order_edit.next_in_position
    if before == NO_ROW:
        position_edit.first_order = after
    else:
        before_edit = s.orders.edit(before)
        before_edit.next_in_position = after
    if after == NO_ROW:
        position_edit.last_order = before
    else:
        after_edit = s.orders.edit(after)
        after_edit.prev_in_position = before
    order_edit.next_in_position = NO_ROW
    order_edit.prev_in_position = NO_ROW
    if order_edit.is_conditional == 0 and order_edit.is_reduce_only != 0:
        position_edit.reduce_only_count -= 1
    settings_edit = s.settings.edit(position_edit.settings)
    if order_edit.is_conditional != 0:
        settings_edit.conditional_count -= 1
    else:
        settings_edit.order_count -= 1
    _map_remove(s, order_edit.order_id)
    if order_edit.client_id_hash != 0:
        _client_map_remove(s, order_edit.account, order_edit.client_id_hash, o)


@kernel
def link_trailing(s, o):
    """Put a trailing stop at the head of its symbol's list."""
    order_edit = s.orders.edit(o)
    symbol_edit = s.symbols.edit(order_edit.symbol)
    after = symbol_edit.first_conditional
    order_edit.next_in_queue = after
    order_edit.prev_in_queue = NO_ROW
    if after != NO_ROW:
        after_edit = s.orders.edit(after)
        after_edit.prev_in_queue = o
    symbol_edit.first_conditional = o


@kernel
def unlink_trailing(s, o):
    """Undo link_trailing; nothing for any other order."""
    order_edit = s.orders.edit(o)
    if order_edit.order_type != OrderType.TRAILING_STOP_MARKET:
        return
    before = order_edit.prev_in_queue
    after = order_edit.next_in_queue
    if before == NO_ROW:
        symbol_edit = s.symbols.edit(order_edit.symbol)
        symbol_edit.first_conditional = after
    else:
        before_edit = s.orders.edit(before)
        before_edit.next_in_queue = after
    if after != NO_ROW:
        after_edit = s.orders.edit(after)
        after_edit.prev_in_queue = before
    order_edit.next_in_queue = NO_ROW
    order_edit.prev_in_queue = NO_ROW


@small
def home_cell(order_id, mask):
    """Where an order id belongs in the map: consecutive commands are neighbors."""
    return ((order_id >> 10) + (order_id & 1023) * 7919) & mask


@kernel
def find_order(s, order_id):
    """Row of an open order, NO_ROW when there is none with this id."""
    if order_id <= 0:
        return NO_ROW
    mask = len(s.order_map) - 1
    cell = home_cell(order_id, mask)
    while True:
        key = s.order_map[cell].key
        if key == order_id:
            return s.order_map[cell].row
        if key == 0:
            return NO_ROW
        cell = (cell + 1) & mask


@kernel
def _map_insert(s, order_id, o):
    """The caller keeps the map at most half full (state.py) and ids unique."""
    mask = len(s.order_map) - 1
    cell = home_cell(order_id, mask)
    while s.order_map[cell].key != 0:
        assert s.order_map[cell].key != order_id
        cell = (cell + 1) & mask
    cell_edit = s.order_map.edit(cell)
    cell_edit.key = order_id
    cell_edit.row = o


@kernel
def _map_remove(s, order_id):
    """Remove a key and close the gap, so that the map never holds tombstones."""
    mask = len(s.order_map) - 1
    cell = home_cell(order_id, mask)
    while s.order_map[cell].key != order_id:
        assert s.order_map[cell].key != 0
        cell = (cell + 1) & mask
    gap = cell
    cell = (cell + 1) & mask
    while s.order_map[cell].key != 0:
        home = home_cell(s.order_map[cell].key, mask)
        if ((cell - home) & mask) >= ((cell - gap) & mask):
            gap_edit = s.order_map.edit(gap)
            gap_edit.key = s.order_map[cell].key
            gap_edit.row = s.order_map[cell].row
            gap = cell
        cell = (cell + 1) & mask
    gap_edit = s.order_map.edit(gap)
    gap_edit.key = 0
    gap_edit.row = 0


@small
def _client_home(account, client_id_hash, mask):
    """Where a client id of an account belongs in the map: accounts that count from 1 alike do not meet."""
    low = (client_id_hash ^ (client_id_hash >> 30)) & _LOW_30
    mixed = (low + account * _HASH_FACTOR) & _LOW_30
    return ((mixed * _HASH_FACTOR) >> 18) & mask


@kernel
def find_client_order(s, account, client_id_hash):
    """Row of the open order, conditionals included, of an account with a client id; NO_ROW when there is none."""
    if client_id_hash == 0:
        return NO_ROW
    mask = len(s.client_map) - 1
    cell = _client_home(account, client_id_hash, mask)
    while s.client_map[cell].key != 0:
        o = s.client_map[cell].row
        if s.client_map[cell].key == client_id_hash and s.orders[o].account == account:
            return o
        cell = (cell + 1) & mask
    return NO_ROW


@kernel
def _client_map_insert(s, account, client_id_hash, o):
    """The caller has made sure that the account has no open order of this client id."""
    mask = len(s.client_map) - 1
    cell = _client_home(account, client_id_hash, mask)
    while s.client_map[cell].key != 0:
        cell = (cell + 1) & mask
    cell_edit = s.client_map.edit(cell)
    cell_edit.key = client_id_hash
    cell_edit.row = o


@kernel
def _client_map_remove(s, account, client_id_hash, o):
    """Remove the cell of an order and close the gap."""
    mask = len(s.client_map) - 1
    cell = _client_home(account, client_id_hash, mask)
    while s.client_map[cell].row != o or s.client_map[cell].key != client_id_hash:
        assert s.client_map[cell].key != 0
        cell = (cell + 1) & mask
    gap = cell
    cell = (cell + 1) & mask
    while s.client_map[cell].key != 0:
        home = _client_home(s.orders[s.client_map[cell].row].account, s.client_map[cell].key, mask)
        if ((cell - home) & mask) >= ((cell - gap) & mask):
            gap_edit = s.client_map.edit(gap)
            gap_edit.key = s.client_map[cell].key
            gap_edit.row = s.client_map[cell].row
            gap = cell
        cell = (cell + 1) & mask
    gap_edit = s.client_map.edit(gap)
    gap_edit.key = 0
    gap_edit.row = 0


@kernel
def _lots_of(s, level, account):
    """Lots of one account on a level."""
    lots = 0
    o = s.levels[level].first_order
    while o != NO_ROW:
        if s.orders[o].account == account:
            lots += s.orders[o].lots
        o = s.orders[o].next_in_queue
    return lots


@kernel
def lots_within(s, symbol, side, limit_ticks, wanted_lots, own_account):
    """(lots, price): how many of `wanted_lots` rest on a side within a limit, and the price of the deepest one needed.

    Orders of `own_account` do not count (NO_ROW: all count). price is 0 when nothing rests within the limit.
    """
    limit_key = sort_key_of(side, limit_ticks)
    level = best_level(s, symbol, side)
    found = 0
    price = 0
    while level != NO_ROW and found < wanted_lots:
        row = s.levels[level]
        if row.sort_key > limit_key:
            break
        lots = row.lots
        if own_account != NO_ROW:
            lots -= _lots_of(s, level, own_account)
        if lots > 0:
            found += lots
            price = row.price_ticks
        level = next_level(s, level, 0)
    if found > wanted_lots:
        found = wanted_lots
    return found, price
