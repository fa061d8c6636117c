"""Invariants: what must hold of a whole exchange between two commands, and of the events of one.

Responsible for: `check` (every table against the others, money, books, heaps, promises, nobody due), `check_events`, the
comparison of rows around a preview. Must not: submit a command, or compute a margin in another way than the engine's own functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isocross.codes import EventKind, MarginMode, OrderType, PositionMode, PositionSide, Side, WorkingType
from isocross.exchange import Exchange
from isocross.kernel.book import sort_key_of, tower_height
from isocross.kernel.engine import Measure
from isocross.kernel.margin import maintenance_margin_e8, notional_e8, unrealized_pnl_e8
from isocross.kernel.schema import FUND_ACCOUNT, KEY_NEVER, LINK_HEIGHT, NO_ROW, TABLES
from isocross.kernel.timers import countdown_name
from isocross.kernel.triggers import is_reached, is_upward
from isocross.limits import BASIS_SAMPLES, PREMIUM_SAMPLE_MS, SYMBOLS_MAX
from isocross.units import ONE_E8


def position_numbers(exchange: Exchange, row: int) -> tuple[int, int]:
    """(unrealized PnL, maintenance) of a position row, by margin.py on the table."""
    position = exchange.table("positions")[row]
    symbol = int(position["symbol"])
    rules = exchange.rules(symbol)
    lots, mark = int(position["lots"]), exchange.mark_e8(symbol)
    upnl = unrealized_pnl_e8(rules.contract_kind, lots, rules.step_e8, int(position["entry_cost_e8"]), mark)
    notional = notional_e8(rules.contract_kind, lots, rules.step_e8, mark)
    return upnl, maintenance_margin_e8(notional, rules.brackets, 0, len(rules.brackets))


def check(exchange: Exchange) -> None:
    """Everything that must hold between two commands. Raises AssertionError naming what does not."""
    gaps = exchange.conservation_gap_e8()
    assert not any(gaps.values()), f"money: {gaps}"
    orders = _rows(exchange, "orders")
    positions = _rows(exchange, "positions")
    settings = _rows(exchange, "settings")
    symbols = _rows(exchange, "symbols")
    counters = _rows(exchange, "counters")[0]
    control = exchange._state.control
    assert control["phase"][0] == 0, "phase: a command is not finished"
    assert control["due_count"][0] == 0, "due: a pocket is still on the list"
    assert control["event_count"][0] == 0, "events: some were not taken"
    live = {n: row for n, row in enumerate(orders) if row["order_id"] != 0}
    _check_positions(positions, symbols, settings, _rows(exchange, "accounts"))
    _check_orders(live, positions, settings, counters, len(orders), orders)
    _check_book(exchange, live, symbols, counters)
    _check_map(exchange, "order_map", {row["order_id"]: n for n, row in live.items()}, _order_home)
    _check_client_map(exchange, live)
    _check_samples(exchange, counters["time_ms"])
    _check_timers(exchange, live, settings, counters["time_ms"])
    keys = {row["account"] * SYMBOLS_MAX + row["symbol"] + 1: n for n, row in enumerate(settings)}
    assert len(keys) == len(settings), "settings: a pair has two rows"
    _check_map(exchange, "settings_map", keys, _settings_home)
    _check_lists(exchange, positions, symbols)
    _check_pockets(exchange, positions, symbols)
    _check_promises(exchange, positions, symbols)
    _check_waiting(exchange, positions)


def _rows(exchange: Exchange, name: str) -> list[dict[str, int]]:
    table = exchange.table(name)
    names = table.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in table.tolist()]


def _check_positions(positions: list, symbols: list, settings: list, accounts: list) -> None:
    for number, symbol in enumerate(symbols):
        lots = [row["lots"] for row in positions if row["symbol"] == number]
        assert sum(lots) == 0, f"symbol {number}: positions sum to {sum(lots)} lots"
        longs = sum(held for held in lots if held > 0)
        assert symbol["open_interest_lots"] == longs, f"symbol {number}: open interest, longs are {longs}"
    for n, row in enumerate(positions):
        name = f"position {n} of account {row['account']}"
        if row["lots"] == 0:
            assert row["entry_cost_e8"] == 0, f"{name}: flat with an entry cost"
            assert row["isolated_wallet_e8"] == 0, f"{name}: flat with an isolated wallet"
            assert row["is_margin_called"] == 0, f"{name}: flat and called"
        if row["margin_mode"] == MarginMode.CROSS:
            assert row["isolated_wallet_e8"] == 0, f"{name}: cross with an isolated wallet"
        own = settings[row["settings"]]
        assert (own["account"], own["symbol"]) == (row["account"], row["symbol"]), f"{name}: settings of another"
        assert own["leverage"] == row["leverage"], f"{name}: leverage"
        side = PositionSide(row["position_side"])
        assert own[f"{side.name.lower()}_{MarginMode(row['margin_mode']).name.lower()}"] == n, f"{name}: row"
        if row["lots"] != 0 and not row["is_house"]:
            assert own["margin_mode"] == row["margin_mode"], f"{name}: mode of the settings"
        is_hedged = accounts[row["account"]]["position_mode"] == PositionMode.HEDGE
        if row["lots"] != 0 or row["first_order"] != NO_ROW:
            assert (side != PositionSide.BOTH) == is_hedged, f"{name}: {side.name} in the other position mode"
        if side == PositionSide.LONG:
            assert row["lots"] >= 0 and row["ask_lots"] == 0, f"{name}: a long leg of {row['lots']} lots"
        if side == PositionSide.SHORT:
            assert row["lots"] <= 0 and row["bid_lots"] == 0, f"{name}: a short leg of {row['lots']} lots"


def _check_orders(live: dict, positions: list, settings: list, counters: dict, high: int, orders: list) -> None:
    held = [[0, 0, 0, 0] for _ in positions]  # bids, asks, open loss, reduce-only
    counts = [[0, 0] for _ in settings]  # resting, conditional
    for n, order in live.items():
        position = positions[order["position"]]
        where = held[order["position"]]
        assert (position["account"], position["symbol"]) == (order["account"], order["symbol"]), f"order {n}: position"
        if order["is_conditional"]:
            counts[position["settings"]][1] += 1
            assert order["level"] == NO_ROW and order["open_loss_e8"] == 0, f"order {n}: a conditional holds something"
            continue
        counts[position["settings"]][0] += 1
        assert order["lots"] > 0, f"order {n}: rests without lots"
        assert order["level"] != NO_ROW, f"order {n}: is open and not in the book"
        assert order["open_loss_e8"] >= 0, f"order {n}: open loss"
        if order["is_reduce_only"]:
            assert order["open_loss_e8"] == 0, f"order {n}: reduce-only with an open loss"
            where[3] += 1
        else:
            where[0 if order["side"] == Side.BUY else 1] += order["lots"]
            where[2] += order["open_loss_e8"]
    for n, row in enumerate(positions):
        found = [row["bid_lots"], row["ask_lots"], row["open_loss_e8"], row["reduce_only_count"]]
        assert found == held[n], f"position {n}: holds {found}, its orders {held[n]}"
        listed, before, order = [], NO_ROW, row["first_order"]
        while order != NO_ROW:
            assert live[order]["position"] == n and live[order]["prev_in_position"] == before, f"position {n}: links"
            listed.append(order)
            before, order = order, live[order]["next_in_position"]
        assert row["last_order"] == before, f"position {n}: last order"
        held[n].append(len(listed))
    assert sum(row[4] for row in held) == len(live), "orders: not every open order is in its position's list"
    for n, row in enumerate(settings):
        assert [row["order_count"], row["conditional_count"]] == counts[n], f"settings {n}: counts"
    assert counters["order_count"] == len(live), "orders: the count of live rows"
    free, order = 0, counters["first_free_order"]
    while order != NO_ROW:
        assert order not in live and free <= high, "orders: the free list"
        free, order = free + 1, orders[order]["next_in_queue"]
    assert free + len(live) == high, "orders: a row is neither live nor free"


def _check_book(exchange: Exchange, live: dict, symbols: list, counters: dict) -> None:
    levels = _rows(exchange, "levels")
    links = exchange._state.arrays["level_links"]["next_level"].tolist()
    for found in exchange._state.arrays["level_links"].tolist():
        assert found[1] == (levels[found[0]]["sort_key"] if found[0] != NO_ROW else KEY_NEVER), "links: a key"
    seen_orders = seen_levels = 0
    for symbol, row in enumerate(symbols):
        best: list[int] = []
        for side in (Side.BUY, Side.SELL):
            chains = []
            for height in range(LINK_HEIGHT):
                chain, level = [], links[(2 * symbol + side) * LINK_HEIGHT + height]
                while level != NO_ROW:
                    chain.append(level)
                    level = links[level * LINK_HEIGHT + height]
                chains.append(chain)
            keys = [levels[level]["sort_key"] for level in chains[0]]
            assert keys == sorted(set(keys)), f"symbol {symbol}: levels are not in order"
            for height, chain in enumerate(chains):
                tall = [level for level in chains[0] if tower_height(levels[level]["sort_key"]) > height]
                assert chain == tall, f"symbol {symbol}: list at height {height}"
            seen_levels += len(keys)
            for level in chains[0]:
                found = levels[level]
                assert found["sort_key"] == sort_key_of(side, found["price_ticks"]), f"level {level}: key"
                total = count = 0
                before, order = NO_ROW, found["first_order"]
                while order != NO_ROW:
                    resting = live[order]
                    assert resting["level"] == level and resting["prev_in_queue"] == before, f"level {level}: queue"
                    at = (resting["symbol"], resting["side"], resting["price_ticks"])
                    assert at == (symbol, side, found["price_ticks"]), f"level {level}: holds an order of {at}"
                    total, count = total + resting["lots"], count + 1
                    before, order = order, resting["next_in_queue"]
                assert (total, count) == (found["lots"], found["order_count"]), f"level {level}: sums"
                assert count > 0 and found["last_order"] == before, f"level {level}: ends"
                seen_orders += count
            if chains[0]:
                best.append(levels[chains[0][0]]["price_ticks"])
        assert len(best) < 2 or best[0] < best[1], f"symbol {symbol}: the book is crossed, {best}"
        before, order = NO_ROW, row["first_conditional"]
        while order != NO_ROW:
            sleeping = live[order]
            assert sleeping["is_conditional"] and sleeping["symbol"] == symbol, f"order {order}: list of trailing stops"
            assert sleeping["order_type"] == OrderType.TRAILING_STOP_MARKET, f"order {order}: is no trailing stop"
            assert sleeping["prev_in_queue"] == before, f"order {order}: list of trailing stops"
            seen_orders += 1
            before, order = order, sleeping["next_in_queue"]
    waiting = _check_trigger_heaps(exchange, live, symbols)
    assert seen_orders + waiting == len(live), "orders: not every open order is in a queue, a list or a heap"
    assert counters["level_count"] == seen_levels + 2 * len(symbols), "levels: count"
    free, level = 0, counters["first_free_level"]
    while level != NO_ROW:
        free, level = free + 1, levels[level]["next_free"]
        assert free <= len(levels), "levels: the free list"
    assert free + counters["level_count"] == len(levels), "levels: a row is neither used nor free"


def _check_trigger_heaps(exchange: Exchange, live: dict, symbols: list) -> int:
    """Every conditional but a trailing stop has one node in the heap of its price, and no price has reached it."""
    heaps, nodes = exchange._state.arrays["trigger_heaps"].tolist(), exchange._state.arrays["trigger_nodes"].tolist()
    rows = {row["order_id"]: n for n, row in live.items()}
    seen = set()
    for heap, (first, count, capacity) in enumerate(heaps[: 4 * len(symbols)]):
        assert count <= capacity and first + capacity <= heaps[-1][0], f"trigger heap {heap}: room"
        keys = [nodes[first + slot] for slot in range(count)]
        for slot in range(1, count):
            assert keys[(slot - 1) // 4][0] <= keys[slot][0], f"trigger heap {heap}: order"
        symbol, working_type, is_down = heap // 4, heap // 2 % 2, heap % 2
        for key, order_id in keys:
            order = live.get(rows.get(order_id, -1))
            if order is None or not order["is_conditional"]:
                continue  # cancelled, and not swept yet
            assert (order["symbol"], order["working_type"]) == (symbol, working_type), f"order {order_id}: heap"
            assert key == (-1 if is_down else 1) * order["trigger_ticks"], f"order {order_id}: key in its heap"
            assert is_upward(order["side"], order["order_type"]) == (not is_down), f"order {order_id}: direction"
            if working_type == WorkingType.MARK_PRICE and not order["is_held"]:
                price = symbols[symbol]["mark_e8"] // symbols[symbol]["tick_e8"]
                assert not is_reached(order["side"], order["order_type"], price, order["trigger_ticks"]), "a trigger sleeps on"
            seen.add(order_id)
    return len(seen)


def _order_home(order_id: int) -> int:
    return (order_id >> 10) + (order_id & 1023) * 7919


def _settings_home(key: int) -> int:
    return (((key & (2**30 - 1)) * 2_654_435_761) >> 18) ^ (key >> 30)


def _check_map(exchange: Exchange, name: str, wanted: dict[int, int], home: Any) -> None:
    """Exactly the wanted keys, each reachable from its home cell."""
    cells = exchange._state.arrays[name]
    used = np.flatnonzero(cells["key"])
    found = dict(zip(cells["key"][used].tolist(), cells["row"][used].tolist(), strict=True))
    assert len(used) == len(found) and found == wanted, f"{name}: keys"
    assert 2 * len(used) <= len(cells), f"{name}: more than half full"
    mask, taken = len(cells) - 1, set(used.tolist())
    for cell, key in zip(used.tolist(), cells["key"][used].tolist(), strict=True):
        step = home(key) & mask
        while step != cell:
            assert step in taken, f"{name}: key {key} cannot be reached"
            step = (step + 1) & mask


def _check_client_map(exchange: Exchange, live: dict) -> None:
    """Exactly the open orders that have a client id, each once per account, reachable from its home cell."""
    cells = exchange._state.arrays["client_map"]
    used = np.flatnonzero(cells["key"]).tolist()
    wanted = {n: row["client_id_hash"] for n, row in live.items() if row["client_id_hash"] != 0}
    assert {int(cells["row"][cell]): int(cells["key"][cell]) for cell in used} == wanted, "client_map: keys"
    assert len(used) == len(wanted) and 2 * len(used) <= len(cells), "client_map: cells"
    named = {(live[n]["account"], key) for n, key in wanted.items()}
    assert len(named) == len(wanted), "client_map: an account has a client id twice"
    mask, taken = len(cells) - 1, set(used)
    for cell in used:
        key, account = int(cells["key"][cell]), live[int(cells["row"][cell])]["account"]
        mixed = (((key ^ (key >> 30)) & (2**30 - 1)) + account * 2_654_435_761) & (2**30 - 1)
        step = ((mixed * 2_654_435_761) >> 18) & mask
        while step != cell:
            assert step in taken, f"client_map: key {key} cannot be reached"
            step = (step + 1) & mask


def _check_samples(exchange: Exchange, time_ms: int) -> None:
    """The sums of samples are those of the samples, and there are no more of them than may be."""
    rings = exchange.table("basis")["basis_e8"].reshape(-1, BASIS_SAMPLES)
    for n, row in enumerate(_rows(exchange, "pricing")):
        assert row["basis_sum_e8"] == sum(rings[n].tolist()), f"symbol {n}: sum of the basis"
        assert 0 <= row["basis_count"] <= BASIS_SAMPLES, f"symbol {n}: samples of the basis"
        assert 0 <= row["premium_count"] <= row["funding_interval_ms"] // PREMIUM_SAMPLE_MS, f"symbol {n}: samples"
        weights = row["premium_count"] * (row["premium_count"] + 1) // 2
        assert abs(row["premium_sum_e8"]) <= weights * ONE_E8, f"symbol {n}: sum of the premium"
        assert row["sampled_ms"] <= time_ms, f"symbol {n}: sampled ahead of the clock"


def _check_timers(exchange: Exchange, live: dict, settings: list, time_ms: int) -> None:
    """Every order that is good till a time and every countdown has its node in the heap, and none is due."""
    arrays = exchange._state.arrays
    count = int(arrays["timer_heap"]["row_count"][0])
    nodes = arrays["timers"][:count].tolist()
    for slot in range(1, count):
        assert nodes[(slot - 1) // 4] <= nodes[slot], "timers: order of the heap"
    wanted = {(row["expire_ms"], row["order_id"]) for row in live.values() if row["expire_ms"] != 0}
    for n, due_ms in enumerate(arrays["countdowns"]["due_ms"].tolist()):
        if due_ms:
            wanted.add((due_ms, countdown_name(settings[n]["account"], settings[n]["symbol"])))
    assert wanted <= set(nodes), "timers: a time that nobody watches"
    assert all(due_ms > time_ms for due_ms, _ in wanted), "timers: something is due"


def _check_lists(exchange: Exchange, positions: list, symbols: list) -> None:
    accounts = _rows(exchange, "accounts")
    seen = 0
    for what, owners, link in (("account", accounts, "next_in_account"), ("symbol", symbols, "next_in_symbol")):
        for number, owner in enumerate(owners):
            if what == "account" and not owner["is_open"]:
                continue
            chain, row = [], owner["first_position"]
            while row != NO_ROW:
                assert positions[row][what] == number, f"{what} {number}: list of positions"
                chain.append(row)
                row = positions[row][link]
            assert chain == sorted(set(chain)), f"{what} {number}: positions not in order of creation"
            assert owner["last_position"] == (chain[-1] if chain else NO_ROW), f"{what} {number}: last position"
            if what == "account":
                assert owner["position_count"] == len(chain), f"account {number}: position count"
            seen += len(chain)
    assert seen == 2 * len(positions), "positions: a row is in no list"


def _check_pockets(exchange: Exchange, positions: list, symbols: list) -> None:
    """Nobody is due, wallets are signed as they may be, and the flags of margin calls are right."""
    wallets = exchange.table("wallets")
    assets = len(exchange.assets)
    pools: dict[int, list[int]] = {}
    for n, row in enumerate(positions):
        if row["lots"] == 0:
            continue
        upnl, maintenance = position_numbers(exchange, n)
        if row["margin_mode"] == MarginMode.CROSS:
            pool = pools.setdefault(row["account"] * assets + symbols[row["symbol"]]["asset"], [0, 0, 0])
            pool[0] += upnl
            pool[1] += maintenance
            pool[2] += 1
        elif not row["is_house"]:
            balance = row["isolated_wallet_e8"] + upnl
            assert row["is_waiting"] or balance > maintenance, f"position {n}: isolated and due, {balance} ≤ {maintenance}"
            assert row["is_margin_called"] == _is_called(exchange, balance, maintenance), f"position {n}: margin call"
    houses = {n for n, is_house in enumerate(exchange.table("accounts")["is_house"].tolist()) if is_house}
    assert FUND_ACCOUNT in houses
    for n, (wallet, count, called, waits) in enumerate(wallets.tolist()):
        upnl, maintenance, open_count = pools.get(n, [0, 0, 0])
        assert count == open_count, f"wallet {n}: {count} cross positions, there are {open_count}"
        if n // assets in houses:
            continue
        if open_count == 0:
            assert wallet >= 0, f"wallet {n}: {wallet} without an open position"
            assert called == 0, f"wallet {n}: called without a position"
        else:
            assert waits or wallet + upnl > maintenance, f"wallet {n}: pool due, {wallet + upnl} ≤ {maintenance}"
            assert called == _is_called(exchange, wallet + upnl, maintenance), f"wallet {n}: margin call"


def _check_promises(exchange: Exchange, positions: list, symbols: list) -> None:
    """What the bands promise is never better than what is: sum by sum, at the marks as they are."""
    arrays, assets = exchange._state.arrays, len(exchange.assets)
    bands = [dict(zip(arrays["bands"].dtype.names, row, strict=True)) for row in arrays["bands"].tolist()]
    true: dict[int, dict[str, int]] = {}
    told: dict[int, dict[str, int]] = {}
    for n, row in enumerate(positions):
        band, symbol = bands[n], symbols[row["symbol"]]
        pool = row["account"] * assets + symbol["asset"]
        if row["is_house"] or (row["lots"] == row["bid_lots"] == row["ask_lots"] == 0):
            for name in ("upnl_floor_e8", "maintenance_ceiling_e8", "held_ceiling_e8", "gross_e8"):
                assert band[name] == 0, f"position {n}: an empty row promises {name}"
            continue
        low, high, mark = band["low_e8"], band["high_e8"], symbol["mark_e8"]
        assert low < mark < high or low == mark == high, f"position {n}: mark {mark} is not within {low} … {high}"
        upnl, maintenance = position_numbers(exchange, n)
        held = exchange.measure(Measure.MARGIN_HELD, row["account"], n)
        lots = max(abs(row["lots"] + row["bid_lots"]), abs(row["lots"] - row["ask_lots"]))
        gross = lots * symbol["price_max_ticks"] * symbol["tick_value_e8"]
        is_cross = row["margin_mode"] == MarginMode.CROSS
        exact = {
            "upnl_floor_e8": upnl if is_cross else 0,
            "maintenance_ceiling_e8": maintenance if is_cross else 0,
            "initial_ceiling_e8": held if is_cross else 0,
            "open_order_ceiling_e8": 0 if is_cross else held,
            "gross_e8": gross,
        }
        promised = {name: band.get(name, 0) for name in exact}
        promised["initial_ceiling_e8" if is_cross else "open_order_ceiling_e8"] = band["held_ceiling_e8"]
        assert promised["upnl_floor_e8"] <= exact["upnl_floor_e8"], f"position {n}: PnL is less than promised"
        for name in ("maintenance_ceiling_e8", "initial_ceiling_e8", "open_order_ceiling_e8"):
            assert promised[name] >= exact[name], f"position {n}: {name} {promised[name]}, exact {exact[name]}"
        assert promised["gross_e8"] == gross, f"position {n}: gross"
        for sums, values in ((true, exact), (told, promised)):
            own = sums.setdefault(pool, dict.fromkeys(exact, 0))
            for name, value in values.items():
                own[name] += value
    for n, row in enumerate(arrays["pools"][: len(exchange.table("wallets"))]):
        assert row["is_stale"] == 0, f"pool {n}: stale between two commands"
        for name in ("upnl_floor_e8", "maintenance_ceiling_e8", "initial_ceiling_e8", "open_order_ceiling_e8", "gross_e8"):
            assert row[name] == told.get(n, {}).get(name, 0), f"pool {n}: {name} is not the sum of its bands"


def _check_waiting(exchange: Exchange, positions: list) -> None:
    """The accounts with a pocket that waits are listed, each once, and nobody else."""
    accounts, assets = _rows(exchange, "accounts"), len(exchange.assets)
    waits = {row["account"] for row in positions if row["is_waiting"]}
    waits |= {n // assets for n, row in enumerate(_rows(exchange, "wallets")) if row["is_waiting"]}
    listed, account = [], _rows(exchange, "counters")[0]["first_waiting"]
    while account != NO_ROW:
        listed.append(account)
        account = accounts[account]["next_waiting"]
    assert sorted(listed) == sorted(waits), f"waiting: {listed} are listed, {waits} wait"
    assert {n for n, row in enumerate(accounts) if row["is_waiting"]} == waits, "waiting: flags of the accounts"


def _is_called(exchange: Exchange, balance: int, maintenance: int) -> int:
    return int(maintenance * ONE_E8 >= exchange.rulebook.margin_call_ratio_e8 * balance)


def wallet_changes_e8(events: np.ndarray, asset_count: int) -> dict[int, int]:
    """Σ of the WALLET events per wallet row."""
    changes: dict[int, int] = {}
    for event in events[events["kind"] == EventKind.WALLET]:
        row = int(event["account"]) * asset_count + int(event["asset"])
        changes[row] = changes.get(row, 0) + int(event["amount_e8"])
    return changes


def check_events(exchange: Exchange, before: dict[str, np.ndarray], events: np.ndarray) -> None:
    """The events say all that happened to wallets, positions and books. `before`: copies of these tables."""
    old = before["wallets"]["cross_wallet_e8"].tolist()
    new = exchange.table("wallets")["cross_wallet_e8"].tolist()
    old += [0] * (len(new) - len(old))
    told = wallet_changes_e8(events, len(exchange.assets))
    moved = {row: new[row] - old[row] for row in range(len(new)) if new[row] != old[row]}
    assert {row: amount for row, amount in told.items() if amount} == moved, "events: wallets"
    last: dict[tuple[int, int, int, int], tuple[int, int, int]] = {}
    for event in events[events["kind"] == EventKind.POSITION]:
        key = _key_of(event)
        last[key] = (int(event["lots"]), int(event["value_e8"]), 0)
    for n, row in enumerate(exchange.table("positions")):
        key = _key_of(row)
        had = before["positions"][n] if n < len(before["positions"]) else None
        was = (int(had["lots"]), int(had["entry_cost_e8"]), 0) if had is not None else (0, 0, 0)
        now = (int(row["lots"]), int(row["entry_cost_e8"]), 0)
        assert last.get(key, was) == now, f"events: position {n} is {now}, told {last.get(key, was)}"


def _key_of(row: np.void) -> tuple[int, int, int, int]:
    """Of a position or an event about one."""
    return int(row["account"]), int(row["symbol"]), int(row["position_side"]), int(row["margin_mode"])


def assert_same_rows(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Used rows identical; a map or the links may have grown, with the same content in what was there."""
    for name, rows in before.items():
        if name in ("order_map", "client_map", "settings_map") and len(after[name]) != len(rows):
            cells = [np.frombuffer(found[name], dtype=TABLES[name]) for found in (before, after)]
            keys = [sorted(table[table["key"] != 0].tolist()) for table in cells]
            assert keys[0] == keys[1], f"{name}: content"
        elif name == "level_links" and len(after[name]) > len(rows):
            assert after[name][: len(rows)] == rows, "level_links: content"
            fresh = np.frombuffer(after[name][len(rows) :], dtype=TABLES[name])
            assert set(fresh.tolist()) == {(NO_ROW, KEY_NEVER)}, "level_links: a new link is set"
        elif name in ("bands", "pools", "timers") and len(after[name]) > len(rows):
            assert after[name][: len(rows)] == rows, f"{name}: content"
            assert not any(after[name][len(rows) :]), f"{name}: a new row is set"
        else:
            assert after[name] == rows, f"{name}: bytes"
