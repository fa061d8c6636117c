"""Schema: the rows of every table, one line per field with its unit. The bytes of snapshots and journals.

Responsible for: dtypes, their sizes, which tables are authoritative. Must not: hold a value or a formula.
Every integer is signed; rows are multiples of 8 bytes; `-1` means "no row". A change here is a new FORMAT_VERSION.
A table is authoritative (hashed and in snapshots), derived (in snapshots, not hashed: maps, links, bands), or scratch
(neither: cleared before every command).
"""

from __future__ import annotations

import numpy as np

FORMAT_VERSION = 11
NO_ROW = -1
MARK_NEVER = 2**63 - 1
POOL_KEY = 2**32 - 1  # in `touched`, where a position row would be: sorts behind every position of its account
KEY_NEVER = MARK_NEVER  # a sort key behind every price
LINK_HEIGHT = 8  # levels of the skip list of one book side

FUND_ACCOUNT = 0
HOUSE_ACCOUNT = 1
FIRST_USER_ACCOUNT = 2

_I1, _I2, _I4, _I8 = np.int8, np.int16, np.int32, np.int64

ENGINE = np.dtype(  # the account-wide columns of the rulebook: written once, at genesis
    [
        ("leverage_max", _I8),
        ("margin_call_ratio_e8", _I8),
        ("partial_threshold_e8", _I8),
        ("partial_share_e8", _I8),
        ("partial_cooldown_ms", _I8),
        ("takeover_ratio_e8", _I8),
        ("fund_unwind_share_e8", _I8),
        ("fund_unwind_band_e8", _I8),
        ("default_leverage", _I4),
        ("default_margin_mode", _I4),
        ("isolated_fill_basis", _I4),
        ("isolated_funding_source", _I4),
        ("funding_price", _I4),
        ("fee_basis", _I4),
        ("liquidation_ladder", _I4),
        ("ladder_tiers", _I4),
        ("liquidation_time_in_force", _I4),
        ("cross_liquidation_order", _I4),
        ("liquidation_pays_trading_fee", _I4),
        ("remainder_to", _I4),
        ("adl_ranking", _I4),
        ("asset_count", _I4),
        ("symbol_count", _I4),
        ("mark_price", _I4),
    ],
    align=True,
)

COUNTERS = np.dtype(  # the clock, how many rows of each table are used, and the free lists
    [
        ("time_ms", _I8),  # of the last command
        ("command_count", _I8),
        ("last_sequence", _I8),  # the highest of a command that is no branch insertion
        ("account_count", _I4),  # accounts are numbered 0 … account_count − 1
        ("settings_count", _I4),
        ("position_count", _I4),
        ("order_count", _I4),  # live rows
        ("order_high", _I4),  # rows ever used
        ("first_free_order", _I4),
        ("level_count", _I4),
        ("level_high", _I4),
        ("first_free_level", _I4),
        ("first_waiting", _I4),  # list of the accounts with a pocket that waits, NO_ROW when none does
        ("bracket_high", _I4),  # rows ever used
        ("spare", _I4),
    ],
    align=True,
)

ASSET = np.dtype([("net_deposits_e8", _I8), ("fees_collected_e8", _I8)], align=True)

SYMBOL = np.dtype(
    [
        ("tick_e8", _I8),
        ("step_e8", _I8),  # base units × 10^8 of one lot
        ("tick_value_e8", _I8),  # value of one lot at a price of one tick
        ("lot_value_max_e8", _I8),  # value of one lot at the price where it is worth most
        ("price_min_ticks", _I8),
        ("price_min_e8", _I8),
        ("price_max_ticks", _I8),
        ("price_max_e8", _I8),
        ("lots_max", _I8),  # of one position or order: limits.NOTIONAL_MAX_E8 at price_max
        ("order_lots_max", _I8),  # of one limit order
        ("market_lots_max", _I8),  # of one market order that is not reduce-only
        ("min_notional_e8", _I8),
        ("maker_fee_rate_e8", _I8),
        ("taker_fee_rate_e8", _I8),
        ("liquidation_fee_rate_e8", _I8),
        ("market_bound_rate_e8", _I8),
        ("funding_cap_rate_e8", _I8),
        ("funding_floor_rate_e8", _I8),
        ("trigger_protect_rate_e8", _I8),  # how far last may be from mark for a protected trigger to fire
        ("band_up_rate_e8", _I8),  # how far above the mark a buy's limit price may lie; 0: no such filter
        ("band_down_rate_e8", _I8),  # how far below the mark a sale's
        ("index_e8", _I8),  # 0 before the first prices command
        ("mark_e8", _I8),
        ("last_price_ticks", _I8),  # 0 before the first trade
        ("open_interest_lots", _I8),  # Σ of long lots
        ("rules_sequence", _I8),  # of the command that last set its brackets or fees; 0: the rulebook's hold
        ("contract_kind", _I4),
        ("asset", _I4),
        ("status", _I4),
        ("first_bracket", _I4),
        ("bracket_count", _I4),
        ("first_position", _I4),  # list of every position row of the symbol
        ("first_conditional", _I4),  # list of its trailing stops
        ("last_position", _I4),
        ("orders_max", _I4),  # resting orders of one account
        ("conditional_orders_max", _I4),
    ],
    align=True,
)

BRACKET = np.dtype(
    [("floor_e8", _I8), ("rate_e8", _I8), ("deduction_e8", _I8), ("cap_e8", _I8), ("leverage_max", _I8)], align=True
)

ACCOUNT = np.dtype(
    [
        ("whole_orders_until_ms", _I8),  # until then its liquidation orders are for whole positions
        ("maker_fee_rate_e8", _I8),  # where has_own_fees, in place of every symbol's
        ("taker_fee_rate_e8", _I8),
        ("is_open", _I4),
        ("is_house", _I4),
        ("position_mode", _I4),
        ("first_position", _I4),
        ("last_position", _I4),
        ("position_count", _I4),
        ("is_waiting", _I4),  # in the list of counters.first_waiting
        ("next_waiting", _I4),
        ("has_own_fees", _I4),
        ("spare", _I4),
    ],
    align=True,
)

WALLET = np.dtype(  # row = account × asset_count + asset
    [
        ("cross_wallet_e8", _I8),  # signed: below zero only while open profit covers it
        ("cross_position_count", _I4),  # cross positions with lots
        ("is_margin_called", _I2),
        ("is_waiting", _I2),  # due, and tried again at the next prices or clock command
    ],
    align=True,
)

SETTINGS = np.dtype(  # of one account in one symbol
    [
        ("leverage_sequence", _I8),  # of the command that last set it; 0: the rulebook's default, nobody set it
        ("margin_mode_sequence", _I8),
        ("account", _I4),
        ("symbol", _I4),
        ("leverage", _I4),
        ("margin_mode", _I4),  # the mode the next order opens in
        ("both_cross", _I4),  # position rows by (side, mode), NO_ROW until needed
        ("both_isolated", _I4),
        ("long_cross", _I4),
        ("long_isolated", _I4),
        ("short_cross", _I4),
        ("short_isolated", _I4),
        ("order_count", _I4),
        ("conditional_count", _I4),
    ],
    align=True,
)

POSITION = np.dtype(  # key: (account, symbol, position_side, margin_mode)
    [
        ("lots", _I8),  # long > 0, short < 0, 0 = flat
        ("entry_cost_e8", _I8),  # Σ price × lots still open; signed like lots
        ("isolated_wallet_e8", _I8),  # 0 while the position is cross or flat
        ("bid_lots", _I8),  # rest of resting buys that are not reduce-only
        ("ask_lots", _I8),
        ("open_loss_e8", _I8),  # Σ open loss of those orders
        ("account", _I4),
        ("symbol", _I4),
        ("settings", _I4),
        ("next_in_account", _I4),
        ("next_in_symbol", _I4),
        ("first_order", _I4),  # list of its open orders, conditionals included, oldest first
        ("last_order", _I4),
        ("reduce_only_count", _I4),  # resting reduce-only orders
        ("leverage", _I2),
        ("margin_mode", _I1),
        ("position_side", _I1),
        ("is_margin_called", _I1),
        ("is_house", _I1),
        ("is_waiting", _I1),  # due, and tried again at the next prices or clock command
        ("has_own_fees", _I1),  # its account has
    ],
    align=True,
)

ORDER = np.dtype(
    [
        ("order_id", _I8),  # sequence × 1024 + k, see limits.ORDER_IDS_PER_COMMAND
        ("client_id_hash", _I8),
        ("price_ticks", _I8),  # limit; 0 where a conditional releases a market order
        ("trigger_ticks", _I8),  # of a trailing stop: where it becomes active; 0 for a resting order
        ("lots", _I8),  # still open
        ("original_lots", _I8),
        ("open_loss_e8", _I8),  # of the lots still open
        ("filled_value_e8", _I8),  # Σ value of its fills so far
        ("expire_ms", _I8),
        ("extreme_ticks", _I8),  # best price a trailing stop has seen; 0 before it is active, −1 once it has turned
        ("account", _I4),
        ("symbol", _I4),
        ("position", _I4),
        ("level", _I4),  # NO_ROW unless it rests in the book
        ("next_in_queue", _I4),  # queue of its price level; of a trailing stop: of its symbol; of a free row: free list
        ("prev_in_queue", _I4),
        ("next_in_position", _I4),
        ("prev_in_position", _I4),
        ("callback_rate_e8", _I4),  # of a trailing stop
        ("side", _I1),
        ("order_type", _I1),
        ("time_in_force", _I1),
        ("working_type", _I1),
        ("is_reduce_only", _I1),
        ("is_close_position", _I1),
        ("self_trade_prevention", _I1),
        ("is_conditional", _I1),
        ("is_ladder", _I1),  # of the house's ladder: the next quote keeps or cancels it
        ("is_kept", _I1),  # the quote at hand wants it; 0 between commands
        ("is_price_protected", _I1),  # of a conditional: it does not fire while mark and last are far apart
        ("is_held", _I1),  # it was reached and did not fire; said already
    ],
    align=True,
)

LEVEL = np.dtype(
    [
        ("price_ticks", _I8),
        ("sort_key", _I8),  # price for asks, −price for bids: the best comes first
        ("lots", _I8),
        ("first_order", _I4),
        ("last_order", _I4),
        ("order_count", _I4),
        ("next_free", _I4),
    ],
    align=True,
)

LINK = np.dtype(  # row = level × LINK_HEIGHT + height
    [("next_level", _I8), ("next_key", _I8)],  # NO_ROW and KEY_NEVER at the end
    align=True,
)
MAP_CELL = np.dtype([("key", _I8), ("row", _I8)], align=True)  # key 0 = empty; linear probing, a power of two of cells

CONTROL = np.dtype(  # one row of engine registers outside the undo log
    [
        ("undo_used", _I8),  # bytes
        ("event_count", _I8),
        ("savepoint", _I8),  # counts up whenever the log is cut or kept: rows logged since then are not logged again
        ("undo_at_savepoint", _I8),
        ("events_at_savepoint", _I8),
        ("is_preview", _I8),
        ("phase", _I8),  # Phase: what is left of the command at hand
        ("commands_done", _I8),
        ("room_table", _I8),  # which table NEED_ROOM or RoomNeeded asks for
        ("room_rows", _I8),  # how many free rows it asks for
        ("sequence", _I8),  # of the command at hand
        ("touched_count", _I8),
        ("touched_epoch", _I8),
        ("due_count", _I8),
        ("due_serial", _I8),  # of the last entry
        ("due_serial_before", _I8),  # of the last entry of the commands before
        ("visited_count", _I8),
        ("trigger_count", _I8),
        ("trigger_done", _I8),
        ("traded_count", _I8),
        ("ranking_epoch", _I8),  # counts up with every handover that ranks counterparties
        ("moved_count", _I8),
        ("unwound_below", _I8),  # symbols below this number had the fund's order of this command
        ("event_threshold", _I8),  # park between units of work beyond this many events
    ],
    align=True,
)

LOGGED = np.dtype([("key", _I8)], align=True)  # row = table: savepoint × 2^32 + row of its last log entry
TOUCHED = np.dtype([("key", _I8)], align=True)  # account × 2^32 + position row; POOL_KEY in its place for cross pools
STAMP = np.dtype([("epoch", _I8), ("due_count", _I8)], align=True)  # row = account: last epoch touched in, entries in due
POSITION_STAMP = np.dtype(
    [
        ("epoch", _I8),  # last one touched in
        ("due_serial", _I8),
        ("ranking_epoch", _I8),  # last handover in which it had its turn as a counterparty
    ],
    align=True,
)
RANKED_ROWS = 512
RANKED = np.dtype([("score_e8", _I8), ("position", _I8)], align=True)  # the next counterparties of a handover, best first
POOL_STAMP = np.dtype([("due_serial", _I8)], align=True)  # row = wallet
DUE = np.dtype(  # a heap, the worst first
    [
        ("account", _I8),
        ("asset", _I8),
        ("position", _I8),
        ("balance_e8", _I8),
        ("maintenance_e8", _I8),
        ("serial", _I8),  # counts the entries; one whose pocket carries another serial was taken back
    ],
    align=True,
)
BAND = np.dtype(  # row = position: the open range of its mark in which its pocket is safe, and the worst of it (bands.py)
    [
        ("low_e8", _I8),
        ("high_e8", _I8),  # −1 and MARK_NEVER while the position is flat and orderless
        ("upnl_floor_e8", _I8),  # of a cross position; an isolated one promises nothing to the pool
        ("maintenance_ceiling_e8", _I8),
        ("held_ceiling_e8", _I8),  # initial margin in cross, open-order margin in isolated
        ("gross_e8", _I8),  # requirement lots at the highest price: exact
    ],
    align=True,
)
WAKE = np.dtype([("key_e8", _I8), ("position", _I8)], align=True)  # a node of a heap of band edges (wakes.py)
HEAP = np.dtype(  # row = heap; one row more, whose `first` is the end of what is used of the table of nodes
    [("first", _I8), ("row_count", _I4), ("capacity", _I4)], align=True
)
WAKE_SLOT = np.dtype([("below", _I4), ("above", _I4)], align=True)  # row = position: where it stands in either heap
POOL = np.dtype(  # row = wallet: sums of its bands
    [
        ("upnl_floor_e8", _I8),
        ("maintenance_ceiling_e8", _I8),
        ("initial_ceiling_e8", _I8),  # of cross rows
        ("open_order_ceiling_e8", _I8),  # of isolated rows
        ("gross_e8", _I8),
        ("move_e8", _I8),  # relative half width of the bands when it was last walked; 0: never, or none is safe
        ("is_stale", _I8),  # a mark has left a band of the pool: its sums promise nothing until it is walked
    ],
    align=True,
)
VISITED = np.dtype([("position", _I8)], align=True)  # positions that had their order in this round of a liquidation
TRIGGER = np.dtype([("key", _I8)], align=True)  # an order id
TRIGGER_NODE = np.dtype([("key", _I8), ("order_id", _I8)], align=True)  # of a heap of trigger prices (triggers.py)
PRICING = np.dtype(  # row = symbol: what mark and funding rate are computed from
    [
        ("impact_notional_e8", _I8),
        ("interest_rate_e8", _I8),  # per 8 hours
        ("funding_interval_ms", _I8),
        ("sampled_ms", _I8),  # up to when samples were taken; 0 before the first price
        ("premium_sum_e8", _I8),  # Σ k × the k-th sample since the last settlement
        ("premium_count", _I8),
        ("basis_sum_e8", _I8),  # of the samples in `basis`
        ("basis_count", _I8),
        ("funding_rate_e8", _I8),  # of the last settlement
        ("is_mark_computed", _I8),
    ],
    align=True,
)
BASIS = np.dtype([("basis_e8", _I8)], align=True)  # row = symbol × BASIS_SAMPLES + second modulo BASIS_SAMPLES
MOVED = np.dtype([("symbol", _I8)], align=True)  # symbols whose computed mark moved in a quote or clock command
COUNTDOWN = np.dtype([("due_ms", _I8)], align=True)  # row = settings: when the orders there are cancelled; 0: switched off
TIMER = np.dtype([("due_ms", _I8), ("name", _I8)], align=True)  # a node of the one heap of timers (timers.py)
TRADED = np.dtype([("symbol", _I8), ("low_ticks", _I8), ("high_ticks", _I8)], align=True)  # range of a command's fills
UNDO = np.dtype([("word", _I8)], align=True)

COMMAND = np.dtype(
    [
        ("sequence", _I8),
        ("time_ms", _I8),
        ("order_id", _I8),
        ("client_id_hash", _I8),
        ("price_ticks", _I8),
        ("trigger_ticks", _I8),
        ("lots", _I8),
        ("amount_e8", _I8),
        ("index_e8", _I8),
        ("mark_e8", _I8),  # 0 = compute it
        ("mid_e8", _I8),
        ("rate_e8", _I8),  # funding
        ("callback_rate_e8", _I8),  # how far a trailing stop follows behind
        ("half_spread_rate_e8", _I8),
        ("spacing_rate_e8", _I8),
        ("level_notional_e8", _I8),
        ("scale_e8", _I8),
        ("expire_ms", _I8),
        ("account", _I4),
        ("symbol", _I4),
        ("continuation_count", _I4),
        ("leverage", _I4),
        ("level_count", _I4),
        ("asset", _I2),
        ("kind", _I2),
        ("side", _I1),
        ("order_type", _I1),
        ("time_in_force", _I1),
        ("position_side", _I1),
        ("margin_mode", _I1),
        ("working_type", _I1),
        ("self_trade_prevention", _I1),
        ("is_reduce_only", _I1),
        ("is_close_position", _I1),
        ("is_house", _I1),
        ("symbol_status", _I1),
        ("position_mode", _I1),
        ("is_price_protected", _I1),
        ("sender_note", _I1),  # what the sender wants to find again in the journal; nothing here reads it
    ],
    align=True,
)

RESULT = np.dtype(  # one per command
    [("refusal", _I8), ("order_id", _I8)], align=True
)

EVENT = np.dtype(
    [
        ("sequence", _I8),  # of the command it came from
        ("time_ms", _I8),
        ("order_id", _I8),  # 0: none, or the engine's own liquidation order
        ("price_ticks", _I8),
        ("lots", _I8),  # signed where it is a position
        ("value_e8", _I8),  # exact value of a fill or takeover; entry cost in POSITION
        ("amount_e8", _I8),  # signed money moved; realized PnL in FILLED
        ("fee_e8", _I8),
        ("balance_e8", _I8),  # wallet after, or margin balance judged
        ("maintenance_e8", _I8),
        ("mark_e8", _I8),
        ("index_e8", _I8),
        ("rate_e8", _I8),
        ("account", _I4),
        ("counterparty", _I4),
        ("symbol", _I4),
        ("kind", _I2),
        ("code", _I2),  # Refusal, Reason, OrderType or LiquidationStep, by kind
        ("asset", _I2),
        ("leverage", _I2),
        ("side", _I1),
        ("margin_mode", _I1),
        ("position_side", _I1),
        ("is_maker", _I1),
    ],
    align=True,
)

AUTHORITATIVE = (
    "engine", "counters", "assets", "symbols", "brackets", "accounts", "wallets", "settings", "positions", "orders", "levels",
    "countdowns", "pricing", "basis",
)
DERIVED = (
    "level_links", "order_map", "client_map", "settings_map", "bands", "pools", "wakes", "wake_heaps", "wake_slots",
    "trigger_nodes", "trigger_heaps", "timers", "timer_heap",
)
SCRATCH = (
    "control", "touched", "stamps", "position_stamps", "pool_stamps", "ranked", "due", "visited", "triggers", "traded", "moved", "undo", "logged", "events", "commands", "results",
)

TABLES: dict[str, np.dtype] = {
    "engine": ENGINE,
    "counters": COUNTERS,
    "assets": ASSET,
    "symbols": SYMBOL,
    "brackets": BRACKET,
    "accounts": ACCOUNT,
    "wallets": WALLET,
    "settings": SETTINGS,
    "positions": POSITION,
    "orders": ORDER,
    "levels": LEVEL,
    "level_links": LINK,
    "order_map": MAP_CELL,
    "client_map": MAP_CELL,  # key = client id hash; several accounts may have the same one
    "settings_map": MAP_CELL,
    "control": CONTROL,
    "touched": TOUCHED,
    "stamps": STAMP,
    "position_stamps": POSITION_STAMP,
    "pool_stamps": POOL_STAMP,
    "ranked": RANKED,
    "due": DUE,
    "bands": BAND,
    "pools": POOL,
    "wakes": WAKE,
    "wake_heaps": HEAP,
    "wake_slots": WAKE_SLOT,
    "visited": VISITED,
    "triggers": TRIGGER,
    "trigger_nodes": TRIGGER_NODE,
    "trigger_heaps": HEAP,
    "countdowns": COUNTDOWN,
    "pricing": PRICING,
    "basis": BASIS,
    "moved": MOVED,
    "timers": TIMER,
    "timer_heap": HEAP,  # one row
    "traded": TRADED,
    "undo": UNDO,
    "logged": LOGGED,
    "events": EVENT,
    "commands": COMMAND,
    "results": RESULT,
}
TABLE_INDEX = {name: index for index, name in enumerate(TABLES)}

for _name, _dtype in TABLES.items():
    assert _dtype.itemsize % 8 == 0, f"{_name}: rows are whole words"
assert set(AUTHORITATIVE) | set(DERIVED) | set(SCRATCH) == set(TABLES)
assert (POSITION.itemsize, ORDER.itemsize, LEVEL.itemsize, COMMAND.itemsize, EVENT.itemsize) == (88, 128, 40, 184, 128), (
    "snapshots and journals hold these bytes: a change here is a new FORMAT_VERSION"
)
