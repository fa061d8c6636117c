"""Schema: the rows of every table, one line per field with its unit. The bytes of snapshots and journals.

Responsible for: dtypes, their sizes, which tables are authoritative. Must not: hold a value or a formula.
Every integer is signed; rows are multiples of 8 bytes; `-1` means "no row". A change here is a new FORMAT_VERSION.
A table is authoritative (hashed and in snapshots), derived (in snapshots, not hashed: maps, links, bands), or scratch
(neither: cleared before every command).
"""

from __future__ import annotations

import numpy as np

FORMAT_VERSION = 1
NO_ROW = -1
MARK_NEVER = 2**63 - 1
LINK_HEIGHT = 8  # levels of the skip list of one book side

FUND_ACCOUNT = 0
HOUSE_ACCOUNT = 1
FIRST_USER_ACCOUNT = 2

_I1, _I2, _I4, _I8 = np.int8, np.int16, np.int32, np.int64

ENGINE = np.dtype(  # the account-wide columns of the rulebook: written once, at genesis
    [
        ("leverage_max", _I8),
        ("margin_call_ratio_e8", _I8),
        ("default_leverage", _I4),
        ("default_margin_mode", _I4),
        ("isolated_fill_basis", _I4),
        ("isolated_funding_source", _I4),
        ("fee_basis", _I4),
        ("liquidation_ladder", _I4),
        ("cross_liquidation_order", _I4),
        ("liquidation_pays_trading_fee", _I4),
        ("remainder_to", _I4),
        ("adl_ranking", _I4),
        ("asset_count", _I4),
        ("symbol_count", _I4),
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
        ("spare", _I4),
    ],
    align=True,
)

ASSET = np.dtype([("net_deposits_e8", _I8), ("fees_collected_e8", _I8)], align=True)

SYMBOL = np.dtype(
    [
        ("tick_e8", _I8),
        ("step_e8", _I8),  # base units × 10^8 of one lot
        ("tick_value_e8", _I8),  # money of one tick × one lot
        ("price_max_ticks", _I8),
        ("price_max_e8", _I8),
        ("lots_max", _I8),  # of one position or order: limits.NOTIONAL_MAX_E8 at price_max
        ("min_notional_e8", _I8),
        ("maker_fee_rate_e8", _I8),
        ("taker_fee_rate_e8", _I8),
        ("liquidation_fee_rate_e8", _I8),
        ("market_bound_rate_e8", _I8),
        ("funding_cap_rate_e8", _I8),
        ("funding_floor_rate_e8", _I8),
        ("index_e8", _I8),  # 0 before the first prices command
        ("mark_e8", _I8),
        ("last_price_ticks", _I8),  # 0 before the first trade
        ("open_interest_lots", _I8),  # Σ of long lots
        ("contract_kind", _I4),
        ("asset", _I4),
        ("status", _I4),
        ("first_bracket", _I4),
        ("bracket_count", _I4),
        ("first_position", _I4),  # list of every position row of the symbol
        ("first_conditional", _I4),
        ("last_position", _I4),
    ],
    align=True,
)

BRACKET = np.dtype(
    [("floor_e8", _I8), ("rate_e8", _I8), ("deduction_e8", _I8), ("cap_e8", _I8), ("leverage_max", _I8)], align=True
)

ACCOUNT = np.dtype(
    [
        ("is_open", _I4),
        ("is_house", _I4),
        ("position_mode", _I4),
        ("first_position", _I4),
        ("last_position", _I4),
        ("position_count", _I4),
    ],
    align=True,
)

WALLET = np.dtype(  # row = account × asset_count + asset
    [
        ("cross_wallet_e8", _I8),  # signed: below zero only while open profit covers it
        ("cross_position_count", _I4),  # cross positions with lots
        ("is_margin_called", _I4),
    ],
    align=True,
)

SETTINGS = np.dtype(  # of one account in one symbol
    [
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
        ("leverage", _I4),
        ("settings", _I4),
        ("next_in_account", _I4),
        ("next_in_symbol", _I4),
        ("first_order", _I4),  # list of its open orders, conditionals included, oldest first
        ("last_order", _I4),
        ("reduce_only_count", _I4),  # resting reduce-only orders
        ("margin_mode", _I1),
        ("position_side", _I1),
        ("is_margin_called", _I1),
        ("is_house", _I1),
    ],
    align=True,
)

ORDER = np.dtype(
    [
        ("order_id", _I8),  # sequence × 1024 + k, see limits.ORDER_IDS_PER_COMMAND
        ("client_id_hash", _I8),
        ("price_ticks", _I8),  # limit; 0 for a conditional
        ("trigger_ticks", _I8),  # 0 for a resting order
        ("lots", _I8),  # still open
        ("original_lots", _I8),
        ("open_loss_e8", _I8),  # of the lots still open
        ("filled_value_e8", _I8),  # Σ value of its fills so far
        ("expire_ms", _I8),
        ("account", _I4),
        ("symbol", _I4),
        ("position", _I4),
        ("level", _I4),  # NO_ROW unless it rests in the book
        ("next_in_queue", _I4),  # queue of its price level; of a conditional: of its symbol; of a free row: free list
        ("prev_in_queue", _I4),
        ("next_in_position", _I4),
        ("prev_in_position", _I4),
        ("ladder_stamp", _I8),  # sequence of the quote that last wanted this house order; 0 for every other order
        ("side", _I1),
        ("order_type", _I1),
        ("time_in_force", _I1),
        ("working_type", _I1),
        ("is_reduce_only", _I1),
        ("is_close_position", _I1),
        ("self_trade_prevention", _I1),
        ("is_conditional", _I1),
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

LINK = np.dtype([("next_level", _I8)], align=True)  # row = level × LINK_HEIGHT + height
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
        ("visited_count", _I8),
        ("trigger_count", _I8),
        ("trigger_done", _I8),
        ("event_threshold", _I8),  # park between units of work beyond this many events
    ],
    align=True,
)

LOGGED = np.dtype([("key", _I8)], align=True)  # row = table: savepoint × 2^32 + row of its last log entry
TOUCHED = np.dtype([("account", _I8)], align=True)
STAMP = np.dtype([("epoch", _I8), ("due_count", _I8)], align=True)  # row = account: last epoch touched in, entries in due
DUE = np.dtype(
    [("account", _I8), ("asset", _I8), ("position", _I8), ("balance_e8", _I8), ("maintenance_e8", _I8)], align=True
)
BAND = np.dtype(  # row = position: the open range of its mark in which judging its pocket changes nothing
    [
        ("low_e8", _I8),
        ("high_e8", _I8),  # −1 and MARK_NEVER while the position is flat
        ("account", _I4),  # these three repeat the position's own, so that a walk over holders reads this table alone
        ("symbol", _I4),
        ("next_in_symbol", _I4),
        ("spare", _I4),
    ],
    align=True,
)
VISITED = np.dtype([("position", _I8)], align=True)  # positions that had their order in this round of a liquidation
TRIGGER = np.dtype([("order_id", _I8)], align=True)
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
)
DERIVED = ("level_links", "order_map", "settings_map", "bands")
SCRATCH = ("control", "touched", "stamps", "due", "visited", "triggers", "undo", "logged", "events", "commands", "results")

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
    "settings_map": MAP_CELL,
    "control": CONTROL,
    "touched": TOUCHED,
    "stamps": STAMP,
    "due": DUE,
    "bands": BAND,
    "visited": VISITED,
    "triggers": TRIGGER,
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
assert (POSITION.itemsize, ORDER.itemsize, LEVEL.itemsize, COMMAND.itemsize, EVENT.itemsize) == (88, 120, 40, 176, 128), (
    "snapshots and journals hold these bytes: a change here is a new FORMAT_VERSION"
)
