"""State: the memory of one exchange: every table, its header, growth, snapshot, restore and hash.

Responsible for: allocating and growing tables, the genesis rows of a rulebook, bytes in and out. Must not: change a row
after genesis (the kernel does), know a command.

Addresses never leave this file except as the header's own, which the entries take. A State belongs to one thread.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable

import numpy as np

from ..codes import MarginMode
from ..errors import SnapshotError
from ..limits import ACCOUNTS_MAX, BASIS_SAMPLES, SYMBOLS_MAX
from ..rulebook import Rulebook, SymbolRules
from .pure import PureState
from .schema import (
    AUTHORITATIVE,
    DERIVED,
    FIRST_USER_ACCOUNT,
    FORMAT_VERSION,
    KEY_NEVER,
    LINK_HEIGHT,
    MARK_NEVER,
    NO_ROW,
    RANKED_ROWS,
    SCRATCH,
    TABLE_INDEX,
    TABLES,
)

_MAGIC = b"isocross-state\0\0"
_CHECKSUM_BYTES = 32
_HEADER = "<I64sI"  # format version, identity, bytes of the contracts' names that follow
CACHE_LINE_BYTES = 64
_BORROWED = ("commands", "results")  # set to the caller's arrays at every submission
_FIRST_ROWS = {"orders": 1024, "levels": 512, "settings": 256, "positions": 256, "accounts": 64, "events": 1 << 12}
_FIRST_ROWS |= {"wakes": 1024, "trigger_nodes": 256, "timers": 64, "due": 64, "triggers": 64, "undo": 1 << 16}


def _aligned(rows: int, dtype: np.dtype) -> np.ndarray:
    """Zeroed rows, the first of which begins at a cache line."""
    size = rows * dtype.itemsize
    buffer = np.zeros(size + CACHE_LINE_BYTES, dtype=np.uint8)
    first = -buffer.ctypes.data % CACHE_LINE_BYTES
    return buffer[first : first + size].view(dtype)


class State:
    """All tables of one exchange, and the header through which compiled code reaches them."""

    def __init__(self, rulebook: Rulebook, symbols: list[SymbolRules]) -> None:
        """Genesis: rules, the fund (account 0) and the house (account 1), flat in every symbol."""
        assert 0 < len(symbols) <= SYMBOLS_MAX
        self.asset_count = len(rulebook.margin_assets)
        self.arrays: dict[str, np.ndarray] = {}
        self.header = np.zeros(3 * len(TABLES), dtype=np.int64)
        rows = dict(_FIRST_ROWS)
        rows["settings"] += 2 * len(symbols)
        rows["positions"] += 2 * len(symbols)
        rows["levels"] += 2 * len(symbols)
        for name in TABLES:
            self._allocate(name, rows.get(name, 1))
        self._allocate("symbols", len(symbols))
        self._allocate("assets", self.asset_count)
        self._allocate("logged", len(TABLES))
        self._allocate("visited", 2 * len(symbols) + 2)
        self._allocate("wake_heaps", 2 * len(symbols) + 1)
        self._allocate("trigger_heaps", 4 * len(symbols) + 1)
        self._allocate("traded", len(symbols))
        self._allocate("moved", len(symbols))
        self._allocate("ranked", RANKED_ROWS)
        self._allocate("pricing", len(symbols))
        self._allocate("basis", len(symbols) * BASIS_SAMPLES)
        self._allocate_dependents()
        _write_rules(self.arrays, rulebook, symbols, self._allocate)
        _write_system_accounts(self.arrays, len(symbols))
        self._rebuild_settings_map()
        self.pure = PureState(self.arrays)

    @property
    def address(self) -> int:
        """Of the header: what compiled entries take. Valid as long as this object lives."""
        return int(self.header.ctypes.data)

    @property
    def control(self) -> np.ndarray:
        """The engine's registers, one row."""
        return self.arrays["control"]

    def used_rows(self, name: str) -> int:
        """How many rows of an authoritative table have ever been used."""
        counters = self.arrays["counters"][0]
        counts = {
            "accounts": counters["account_count"],
            "wallets": counters["account_count"] * self.asset_count,
            "settings": counters["settings_count"],
            "countdowns": counters["settings_count"],
            "positions": counters["position_count"],
            "orders": counters["order_high"],
            "levels": counters["level_high"],
            "brackets": counters["bracket_high"],
        }
        return int(counts.get(name, len(self.arrays[name])))

    def _allocate(self, name: str, rows: int) -> None:
        array = _aligned(rows, TABLES[name])
        if name == "level_links":
            array["next_level"], array["next_key"] = NO_ROW, KEY_NEVER
        old = self.arrays.get(name)
        if old is not None:
            kept = min(len(old), rows)
            array[:kept] = old[:kept]
        self._set(name, array)

    def _set(self, name: str, array: np.ndarray) -> None:
        self.arrays[name] = array
        if name == "control":  # 0 would match the empty keys of `logged`
            array["savepoint"] = 1
        if name == "events":  # a unit of work seldom needs more than the last quarter
            self.arrays["control"]["event_threshold"] = len(array) * 3 // 4
        index = 3 * TABLE_INDEX[name]
        self.header[index : index + 3] = (array.ctypes.data, len(array), array.dtype.itemsize)

    def lend(self, commands: np.ndarray, results: np.ndarray) -> None:
        """Let the kernel read these commands and write these results in place; the caller keeps both alive."""
        self._set("commands", commands)
        self._set("results", results)

    def grow(self, name: str, rows_more: int) -> None:
        """Make room for `rows_more` further rows, at least doubling; dependents follow."""
        have = len(self.arrays[name])
        if name == "accounts":
            wanted = min(max(2 * have, rows_more), ACCOUNTS_MAX)
        else:
            wanted = max(2 * have, have + rows_more)
        self._allocate(name, wanted)
        self._allocate_dependents()
        if name == "orders":
            self._rebuild_order_maps()
        if name == "settings":
            self._rebuild_settings_map()

    def refresh_pure(self) -> None:
        """The plain view over the arrays as they now are; its undo log is kept."""
        log = self.pure.undo_log
        self.pure = PureState(self.arrays)
        self.pure.undo_log.extend(log)

    def _allocate_dependents(self) -> None:
        accounts = len(self.arrays["accounts"])
        for name, rows in (
            ("wallets", accounts * self.asset_count),
            ("stamps", accounts),
            ("touched", accounts + len(self.arrays["positions"])),
            ("position_stamps", len(self.arrays["positions"])),
            ("pool_stamps", accounts * self.asset_count),
            ("pools", accounts * self.asset_count),
            ("level_links", len(self.arrays["levels"]) * LINK_HEIGHT),
            ("order_map", _map_cells(len(self.arrays["orders"]))),
            ("client_map", _map_cells(len(self.arrays["orders"]))),
            ("bands", len(self.arrays["positions"])),
            ("wake_slots", len(self.arrays["positions"])),
            ("settings_map", _map_cells(len(self.arrays["settings"]))),
            ("countdowns", len(self.arrays["settings"])),
        ):
            if len(self.arrays[name]) < rows:
                self._allocate(name, rows)

    def rebuild_maps(self) -> None:
        """Fill the maps again from the rows they index."""
        self._rebuild_order_maps()
        self._rebuild_settings_map()

    def _rebuild_order_maps(self) -> None:
        orders = self.arrays["orders"]
        live = np.flatnonzero((orders["order_id"] != 0) & ((orders["level"] != NO_ROW) | (orders["is_conditional"] != 0)))
        order_ids = orders["order_id"][live]
        _fill(self.arrays["order_map"], (order_ids >> 10) + (order_ids & 1023) * 7919, order_ids, live)
        named = live[orders["client_id_hash"][live] != 0]
        keys = orders["client_id_hash"][named]
        mixed = (((keys ^ (keys >> 30)) & (2**30 - 1)) + orders["account"][named].astype(np.int64) * 2_654_435_761) & (2**30 - 1)
        _fill(self.arrays["client_map"], (mixed * 2_654_435_761) >> 18, keys, named)

    def _rebuild_settings_map(self) -> None:
        settings = self.arrays["settings"]
        count = int(self.arrays["counters"]["settings_count"][0])
        keys = settings["account"][:count].astype(np.int64) * SYMBOLS_MAX + settings["symbol"][:count] + 1
        places = (((keys & (2**30 - 1)) * 2_654_435_761) >> 18) ^ (keys >> 30)
        _fill(self.arrays["settings_map"], places, keys, np.arange(count))

    def digest(self) -> str:
        """The state hash: SHA-256 over the used authoritative rows."""
        return _digest((name, self.arrays[name][: self.used_rows(name)].tobytes()) for name in AUTHORITATIVE)

    def freeze(self, identity: str, symbols: tuple[str, ...]) -> FrozenState:
        """A copy of everything that a restore needs."""
        tables = []
        for name in (*AUTHORITATIVE, *DERIVED):
            array = self.arrays[name]
            rows = self.used_rows(name) if name in AUTHORITATIVE else len(array)
            tables.append((name, len(array), rows, array[:rows].tobytes()))
        return FrozenState(identity, symbols, tables)

    def load_bytes(self, data: bytes, identity: str) -> None:
        """Replace every table by those of a snapshot of the same format version, rulebook and contracts."""
        found, symbols, tables = _opened(data)
        if found != identity:
            raise SnapshotError(
                f"the snapshot was made under another rulebook or with other contracts ({', '.join(symbols)}; "
                f"hash {found[:12]}…, here {identity[:12]}…)"
            )
        raw = memoryview(zlib.decompress(tables))
        offset = 0
        for name in (*AUTHORITATIVE, *DERIVED):
            _, capacity, rows = struct.unpack_from("<16sQQ", raw, offset)
            offset += struct.calcsize("<16sQQ")
            array = _aligned(capacity, TABLES[name])
            size = rows * array.dtype.itemsize
            array.view(np.uint8)[:size] = np.frombuffer(raw[offset : offset + size], dtype=np.uint8)  # not field by field
            offset += size
            self._set(name, array)
        self._begin_afresh()

    def load_copy(self, other: State) -> None:
        """Replace every table by a copy of another state's, which has the same rulebook and contracts."""
        for name in (*AUTHORITATIVE, *DERIVED):
            array = np.empty(len(other.arrays[name]), dtype=TABLES[name])
            array.view(np.uint8)[:] = other.arrays[name].view(np.uint8)  # numpy copies records field by field
            self._set(name, array)
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        """Scratch tables for the tables that are here now."""
        for name in SCRATCH:
            if name not in _BORROWED:
                self._set(name, np.zeros(len(self.arrays[name]), dtype=TABLES[name]))
        self._set("events", self.arrays["events"])
        self._allocate_dependents()
        self.pure = PureState(self.arrays)

    def used_bytes(self) -> dict[str, bytes]:
        """The used rows of every authoritative table and the maps in full: what a preview must leave identical."""
        kept = {name: self.arrays[name][: self.used_rows(name)].tobytes() for name in AUTHORITATIVE}
        derived = {name: self.arrays[name] for name in DERIVED}
        links_used = self.used_rows("levels") * LINK_HEIGHT
        derived["level_links"] = derived["level_links"][:links_used]  # a table grows earlier where a batch is longer
        return kept | {name: rows.tobytes() for name, rows in derived.items()}


class FrozenState:
    """The memory of one exchange at one moment. Nothing in it changes any more, so any thread may write it out."""

    def __init__(self, identity: str, symbols: tuple[str, ...], tables: list[tuple[str, int, int, bytes]]) -> None:
        self._identity, self._symbols = identity, symbols
        self._tables = tables  # name, capacity in rows, rows, their bytes

    def digest(self) -> str:
        """The state hash of that moment."""
        return _digest((name, raw) for name, _, _, raw in self._tables if name in AUTHORITATIVE)

    def to_bytes(self) -> bytes:
        """Everything that a restore needs: checksum, version, identity, the contracts' names; the tables compressed."""
        names = "\n".join(self._symbols).encode()
        head = struct.pack(_HEADER, FORMAT_VERSION, self._identity.encode(), len(names)) + names
        press = zlib.compressobj(1)
        parts = []
        for name, capacity, rows, raw in self._tables:
            parts.append(press.compress(struct.pack("<16sQQ", name.encode(), capacity, rows)))
            parts.append(press.compress(raw))
        body = b"".join([head, *parts, press.flush()])
        return _MAGIC + hashlib.sha256(body).digest() + body


def _digest(tables: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, raw in tables:
        digest.update(name.encode())
        digest.update(raw)
    return digest.hexdigest()


def symbols_of(data: bytes) -> tuple[str, ...]:
    """The contracts of the exchange that a snapshot was made of, in the order of their numbers."""
    return _opened(data)[1]


def _opened(data: bytes) -> tuple[str, tuple[str, ...], bytes]:
    """Identity, contracts and compressed tables of a snapshot; SnapshotError for what is none of this version."""
    if not data.startswith(_MAGIC):
        raise SnapshotError("these bytes are not a snapshot: they do not begin with 'isocross-state'")
    start = len(_MAGIC) + _CHECKSUM_BYTES
    checksum, body = data[len(_MAGIC) : start], data[start:]
    if hashlib.sha256(body).digest() != checksum:
        raise SnapshotError("the snapshot is damaged: its checksum does not match its content")
    version, identity, size = struct.unpack_from(_HEADER, body)
    if version != FORMAT_VERSION:
        raise SnapshotError(f"the snapshot has format version {version}; this program reads {FORMAT_VERSION}")
    names = struct.calcsize(_HEADER)
    tables = names + size
    return identity.rstrip(b"\0").decode(), tuple(body[names:tables].decode().split("\n")), body[tables:]


def _map_cells(rows: int) -> int:
    """A power of two of at least twice the rows: the maps stay at most half full."""
    return 1 << max(4, (2 * rows - 1).bit_length())


def _fill(cells: np.ndarray, places: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> None:
    """A map anew by linear probing: in order of its home, a key takes its home or the cell behind the key before it."""
    mask = len(cells) - 1
    homes = places & mask
    order = np.argsort(homes, kind="stable")
    count = np.arange(len(order))
    taken = count + np.maximum.accumulate(homes[order] - count) if len(order) else count
    inside = np.searchsorted(taken, mask, side="right")
    cells[:] = 0
    cells["key"][taken[:inside]], cells["row"][taken[:inside]] = keys[order[:inside]], rows[order[:inside]]
    free = 0
    for behind in order[inside:].tolist():  # past the last cell: on at the first
        while cells["key"][free] != 0:
            free += 1
        cells[free] = (keys[behind], rows[behind])


def _write_rules(arrays, rulebook: Rulebook, symbols: list[SymbolRules], allocate) -> None:
    engine = arrays["engine"]
    for column in (
        "leverage_max",
        "margin_call_ratio_e8",
        "default_leverage",
        "default_margin_mode",
        "isolated_fill_basis",
        "isolated_funding_source",
        "funding_price",
        "fee_basis",
        "liquidation_ladder",
        "ladder_tiers",
        "liquidation_time_in_force",
        "partial_threshold_e8",
        "partial_share_e8",
        "takeover_ratio_e8",
        "fund_unwind_share_e8",
        "fund_unwind_band_e8",
        "cross_liquidation_order",
        "liquidation_pays_trading_fee",
        "mark_price",
        "remainder_to",
        "adl_ranking",
    ):
        engine[column][0] = int(getattr(rulebook, column))
    engine["partial_cooldown_ms"][0] = rulebook.partial_cooldown_seconds * 1_000
    engine["asset_count"][0] = len(rulebook.margin_assets)
    engine["symbol_count"][0] = len(symbols)
    allocate("brackets", sum(len(rules.brackets) for rules in symbols))
    brackets, table = arrays["brackets"], arrays["symbols"]
    next_bracket = 0
    for row, rules in enumerate(symbols):
        for column in (
            "tick_e8",
            "step_e8",
            "tick_value_e8",
            "lot_value_max_e8",
            "price_min_ticks",
            "price_min_e8",
            "price_max_ticks",
            "price_max_e8",
            "min_notional_e8",
            "maker_fee_rate_e8",
            "taker_fee_rate_e8",
            "liquidation_fee_rate_e8",
            "market_bound_rate_e8",
            "funding_cap_rate_e8",
            "funding_floor_rate_e8",
            "trigger_protect_rate_e8",
            "band_up_rate_e8",
            "band_down_rate_e8",
            "lots_max",
            "order_lots_max",
            "market_lots_max",
            "orders_max",
            "conditional_orders_max",
            "contract_kind",
        ):
            table[column][row] = int(getattr(rules, column))
        pricing = arrays["pricing"]
        pricing["impact_notional_e8"][row] = rules.impact_notional_e8
        pricing["interest_rate_e8"][row] = rules.interest_rate_e8
        pricing["funding_interval_ms"][row] = rules.funding_interval_hours * 3_600_000
        table["asset"][row] = rulebook.margin_assets.index(rules.margin_asset)
        table["first_bracket"][row] = next_bracket
        table["bracket_count"][row] = len(rules.brackets)
        for column in ("first_position", "last_position", "first_conditional"):
            table[column][row] = NO_ROW
        for bracket in rules.brackets:
            for column in ("floor_e8", "rate_e8", "deduction_e8", "cap_e8", "leverage_max"):
                brackets[column][next_bracket] = getattr(bracket, column)
            next_bracket += 1
    arrays["counters"]["bracket_high"] = next_bracket


def _write_system_accounts(arrays, symbol_count: int) -> None:
    """The fund and the house: open, unjudged, with a flat cross position in every symbol (rows 2·symbol + account)."""
    counters, accounts, settings, positions = (arrays[n] for n in ("counters", "accounts", "settings", "positions"))
    counters["account_count"] = FIRST_USER_ACCOUNT
    counters["settings_count"] = counters["position_count"] = counters["level_high"] = 2 * symbol_count
    counters["level_count"] = 2 * symbol_count
    counters["first_free_order"] = counters["first_free_level"] = counters["first_waiting"] = NO_ROW
    for account in range(FIRST_USER_ACCOUNT):
        accounts["is_open"][account] = accounts["is_house"][account] = 1
        accounts["first_position"][account] = account
        accounts["last_position"][account] = 2 * (symbol_count - 1) + account
        accounts["position_count"][account] = symbol_count
    for row in range(2 * symbol_count):
        symbol, account = divmod(row, 2)
        for column in ("both_cross", "both_isolated", "long_cross", "long_isolated", "short_cross", "short_isolated"):
            settings[column][row] = NO_ROW
        settings["account"][row] = positions["account"][row] = account
        settings["symbol"][row] = positions["symbol"][row] = symbol
        settings["leverage"][row] = positions["leverage"][row] = 1
        settings["margin_mode"][row] = positions["margin_mode"][row] = int(MarginMode.CROSS)
        settings["both_cross"][row] = positions["settings"][row] = row
        positions["is_house"][row] = 1
        positions["next_in_account"][row] = row + 2 if symbol + 1 < symbol_count else NO_ROW
        positions["next_in_symbol"][row] = row + 1 if account == 0 else NO_ROW
        positions["first_order"][row] = positions["last_order"][row] = NO_ROW
        bands = arrays["bands"]
        bands["low_e8"][row], bands["high_e8"][row] = -1, MARK_NEVER
    symbols = arrays["symbols"]
    for symbol in range(symbol_count):
        symbols["first_position"][symbol], symbols["last_position"][symbol] = 2 * symbol, 2 * symbol + 1
    levels = arrays["levels"]
    for row in range(2 * symbol_count):
        levels["first_order"][row] = levels["last_order"][row] = levels["next_free"][row] = NO_ROW
