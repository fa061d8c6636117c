"""World: small rulebooks in memory, exchanges on them, and what must hold after every command.

Responsible for: rulebooks made in code, submitting commands written as dicts, the invariants of a whole state.
Must not: draw a random command (strategies.py), compute a margin in another way than the engine's own functions.
A command is a dict: `kind`, the fields of COMMAND, and `records` where it has continuations.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from isocross.codes import (
    AdlRanking,
    CommandKind,
    ContractKind,
    CrossLiquidationOrder,
    EventKind,
    FeeBasis,
    IsolatedFillBasis,
    IsolatedFundingSource,
    LiquidationLadder,
    MarginMode,
    RemainderTo,
    Side,
)
from isocross.exchange import Exchange, Result
from isocross.kernel.book import sort_key_of, tower_height
from isocross.kernel.margin import maintenance_margin_e8, notional_e8, unrealized_pnl_e8
from isocross.kernel.schema import COMMAND, FUND_ACCOUNT, LINK_HEIGHT, NO_ROW, TABLES
from isocross.limits import SYMBOLS_MAX
from isocross.rulebook.model import Bracket, Rulebook, SymbolRules
from isocross.units import ONE_E8, to_e8

Command = dict[str, Any]
START_MS = 1_700_000_000_000


# ---- rulebooks ----


def brackets(rows: list[tuple[int, int, int]], top: int) -> tuple[Bracket, ...]:
    """Brackets of (floor in whole money, rate × 10^8, leverage); deductions by the recurrence of formulas.md F5."""
    made: list[Bracket] = []
    deduction, last_rate = 0, rows[0][1]
    for number, (floor, rate, leverage) in enumerate(rows):
        deduction += floor * (rate - last_rate)  # floor × 10^8 × rate ÷ 10^8
        last_rate = rate
        cap = rows[number + 1][0] if number + 1 < len(rows) else top
        made.append(Bracket(floor * ONE_E8, rate, deduction, leverage, cap * ONE_E8))
    return tuple(made)


def contract(
    name: str,
    table: tuple[Bracket, ...],
    *,
    asset: str = "USDT",
    tick: str = "0.1",
    step: str = "0.001",
    price_max: str = "400000",
    min_notional: str = "5",
    fees: tuple[str, str, str] = ("0.0002", "0.0005", "0.0125"),
    bound: str = "0.1",
) -> SymbolRules:
    """A linear contract; `fees` are maker, taker and liquidation rate."""
    return SymbolRules(
        symbol=name,
        base_asset=name.removesuffix(asset),
        margin_asset=asset,
        contract_kind=ContractKind.LINEAR,
        tick_e8=to_e8(tick),
        step_e8=to_e8(step),
        price_max_e8=to_e8(price_max),
        min_notional_e8=to_e8(min_notional),
        maker_fee_rate_e8=to_e8(fees[0]),
        taker_fee_rate_e8=to_e8(fees[1]),
        liquidation_fee_rate_e8=to_e8(fees[2]),
        market_bound_rate_e8=to_e8(bound),
        funding_interval_hours=8,
        funding_cap_rate_e8=2_000_000,
        funding_floor_rate_e8=-2_000_000,
        interest_rate_e8=10_000,
        impact_notional_e8=to_e8("10000"),
        brackets=table,
    )


def rulebook(*contracts: SymbolRules, **columns: Any) -> Rulebook:
    """A rulebook with the default columns of the design, some replaced."""
    assets: list[str] = []
    for rules in contracts:
        if rules.margin_asset not in assets:
            assets.append(rules.margin_asset)
    given: dict[str, Any] = {
        "name": "in memory",
        "venue": "none",
        "as_of": "2020-01-01",
        "sources": (),
        "margin_assets": tuple(assets),
        "default_margin_mode": MarginMode.CROSS,
        "default_leverage": 20,
        "leverage_max": 125,
        "margin_call_ratio_e8": 80_000_000,
        "isolated_fill_basis": IsolatedFillBasis.MARK,
        "isolated_funding_source": IsolatedFundingSource.ISOLATED_WALLET,
        "fee_basis": FeeBasis.FILL_VALUE,
        "liquidation_ladder": LiquidationLadder.ONE_ORDER,
        "cross_liquidation_order": CrossLiquidationOrder.LARGEST_MAINTENANCE,
        "liquidation_pays_trading_fee": False,
        "remainder_to": RemainderTo.ACCOUNT,
        "adl_ranking": AdlRanking.PNL_TIMES_MARGIN_RATIO,
        "symbols": {rules.symbol: rules for rules in contracts},
    }
    return Rulebook(**(given | columns))


STEEP = [(0, 400_000, 125), (50_000, 500_000, 100), (250_000, 1_000_000, 50), (1_000_000, 2_500_000, 20)]
SHALLOW = [(0, 1_000_000, 75), (5_000, 2_000_000, 25), (60_000, 5_000_000, 10), (400_000, 15_000_000, 3)]
COARSE = [(0, 1_250_000, 40), (1_000, 3_000_000, 15), (20_000, 10_000_000, 5)]
PRICES = {"BTCUSDT": 40_000 * ONE_E8, "DOGEUSDT": 12_000_000, "DUSTUSDC": 170_000_000, "TINYUSDT": 6_000}


def btc(**columns: Any) -> SymbolRules:
    """Fine lots, a high price."""
    return contract("BTCUSDT", brackets(STEEP, 80_000_000), **columns)


def doge(**columns: Any) -> SymbolRules:
    """Whole coins, a low price, a fine tick."""
    given = {"tick": "0.00001", "step": "1", "price_max": "100", "fees": ("0.0002", "0.0005", "0.003")}
    return contract("DOGEUSDT", brackets(SHALLOW, 2_000_000), **(given | columns))


def dust(**columns: Any) -> SymbolRules:
    """A second margin asset; values that are seldom whole."""
    given = {"asset": "USDC", "tick": "0.0001", "step": "0.0001", "price_max": "50", "min_notional": "1"}
    given |= {"fees": ("0", "0.00033333", "0.005"), "bound": "0.15"}
    return contract("DUSTUSDC", brackets(COARSE, 300_000), **(given | columns))


def tiny(**columns: Any) -> SymbolRules:
    """A price of a few thousand mark units: every mark between here and a liquidation can be walked."""
    given = {"tick": "0.000001", "step": "1000", "price_max": "0.01", "bound": "0.2"}
    return contract("TINYUSDT", brackets(SHALLOW, 2_000_000), **(given | columns))


def usual() -> Rulebook:
    """The default columns, three contracts in two margin assets."""
    return rulebook(btc(), doge(), dust())


def contrary() -> Rulebook:
    """Every column the other way round."""
    return rulebook(
        btc(fees=("0.0007", "0.0011", "0.009")),
        doge(fees=("0.0007", "0.0011", "0.021")),
        dust(fees=("0.0003", "0.0009", "0.03")),
        default_margin_mode=MarginMode.ISOLATED,
        default_leverage=3,
        leverage_max=40,
        margin_call_ratio_e8=65_000_000,
        isolated_fill_basis=IsolatedFillBasis.FILL,
        isolated_funding_source=IsolatedFundingSource.CROSS_WALLET_FIRST,
        fee_basis=FeeBasis.MARK_VALUE,
        liquidation_ladder=LiquidationLadder.ALL,
        cross_liquidation_order=CrossLiquidationOrder.LARGEST_LOSS,
        liquidation_pays_trading_fee=True,
        remainder_to=RemainderTo.INSURANCE_FUND,
    )


def drawn_rulebook(rng: random.Random) -> Rulebook:
    """Columns, fees and brackets drawn at random; the three contracts keep their grids."""

    def table(leverage: int, top: int) -> tuple[Bracket, ...]:
        rows, floor, rate = [], 0, rng.randrange(1, 3_000_000)
        for _ in range(rng.randrange(1, 6)):
            rows.append((floor, rate, leverage))
            floor = floor * rng.randrange(2, 6) + rng.randrange(1, 50_000)
            rate += rng.randrange(1, 4_000_000)
            leverage = max(1, leverage - rng.randrange(1, 30))
        return brackets(rows, max(top, floor))

    def fees() -> tuple[str, str, str]:
        maker, taker = (str(rng.choice([0, rng.randrange(1, 200)]) / 100_000) for _ in range(2))
        return maker, taker, str(rng.randrange(0, 400) / 10_000)

    contracts = [
        contract("BTCUSDT", table(125, 80_000_000), fees=fees(), bound="0.05"),
        contract(
            "DOGEUSDT", table(75, 2_000_000), tick="0.00001", step="1", price_max="100", fees=fees(), min_notional="1"
        ),
        contract(
            "DUSTUSDC",
            table(40, 300_000),
            asset="USDC",
            tick="0.0001",
            step="0.0001",
            price_max="50",
            fees=fees(),
            min_notional="1",
        ),
    ]
    return rulebook(
        *contracts,
        default_margin_mode=rng.choice(list(MarginMode)),
        default_leverage=rng.choice([1, 5, 20]),
        margin_call_ratio_e8=rng.choice([50_000_000, 80_000_000, 99_000_000]),
        isolated_fill_basis=rng.choice(list(IsolatedFillBasis)),
        isolated_funding_source=rng.choice(list(IsolatedFundingSource)),
        fee_basis=rng.choice(list(FeeBasis)),
        liquidation_ladder=rng.choice([LiquidationLadder.ONE_ORDER, LiquidationLadder.ALL]),
        cross_liquidation_order=rng.choice(list(CrossLiquidationOrder)),
        liquidation_pays_trading_fee=rng.random() < 0.3,
        remainder_to=rng.choice(list(RemainderTo)),
    )


def rulebook_of(seed: int) -> Rulebook:
    """The rulebook of a seed: usual, contrary, or drawn."""
    if seed % 3 == 0:
        return usual()
    return contrary() if seed % 3 == 1 else drawn_rulebook(random.Random(f"rulebook {seed}"))


# ---- commands ----


def submit(exchange: Exchange, command: Command) -> Result:
    """Apply one command written as a dict; its kind may be a number that is no CommandKind."""
    fields = dict(command)
    return exchange.submit(fields.pop("kind"), **fields)


def packed(exchange: Exchange, commands: list[Command]) -> np.ndarray:
    """COMMAND records of commands that carry their own sequence and time."""
    pairs = []
    for command in commands:
        fields = dict(command)
        pairs.append((fields.pop("kind"), fields))
    return exchange.pack(pairs)


def recorded(exchange: Exchange, command: Command) -> Command:
    """The same command with the sequence and time that it will have, so that it can be replayed anywhere."""
    return {"sequence": exchange.next_sequence, "time_ms": exchange.time_ms} | command


def account(number: int, **fields: int) -> Command:
    """CREATE_ACCOUNT."""
    return {"kind": CommandKind.CREATE_ACCOUNT, "account": number} | fields


def deposit(number: int, amount: str | int, asset: int = 0) -> Command:
    """DEPOSIT of text or × 10^8."""
    amount_e8 = to_e8(amount) if isinstance(amount, str) else amount
    return {"kind": CommandKind.DEPOSIT, "account": number, "asset": asset, "amount_e8": amount_e8}


def fund(amount: str | int, asset: int = 0) -> Command:
    """FUND_DEPOSIT of text or × 10^8."""
    amount_e8 = to_e8(amount) if isinstance(amount, str) else amount
    return {"kind": CommandKind.FUND_DEPOSIT, "asset": asset, "amount_e8": amount_e8}


def mode(number: int, symbol: int, margin_mode: MarginMode) -> Command:
    """SET_MARGIN_MODE."""
    return {"kind": CommandKind.SET_MARGIN_MODE, "account": number, "symbol": symbol, "margin_mode": margin_mode}


def leverage(number: int, symbol: int, times: int) -> Command:
    """SET_LEVERAGE."""
    return {"kind": CommandKind.SET_LEVERAGE, "account": number, "symbol": symbol, "leverage": times}


def limit(number: int, symbol: int, side: int, price_ticks: int, lots: int, **fields: int) -> Command:
    """PLACE_ORDER, a limit order that rests."""
    order = {"kind": CommandKind.PLACE_ORDER, "account": number, "symbol": symbol, "side": int(side)}
    return order | {"price_ticks": price_ticks, "lots": lots} | fields


def market(number: int, symbol: int, side: int, lots: int, **fields: int) -> Command:
    """PLACE_ORDER at market."""
    return limit(number, symbol, side, 0, lots, order_type=1) | fields


def prices(*marks: tuple[int, int]) -> Command:
    """PRICES: (symbol, index × 10^8), mark as index."""
    records = [{"symbol": symbol, "index_e8": price} for symbol, price in marks]
    return {"kind": CommandKind.PRICES, "records": records}


def funding(*rates: tuple[int, int]) -> Command:
    """SETTLE_FUNDING: (symbol, rate × 10^8)."""
    records = [{"symbol": symbol, "rate_e8": rate} for symbol, rate in rates]
    return {"kind": CommandKind.SETTLE_FUNDING, "records": records}


def ladder(symbol: int, mid_e8: int, *, notional: str = "100000", levels: int = 20, half_spread: int = 1_000) -> Command:
    """QUOTE: the house's ladder around a mid."""
    return {
        "kind": CommandKind.QUOTE,
        "symbol": symbol,
        "mid_e8": mid_e8,
        "half_spread_rate_e8": half_spread,
        "spacing_rate_e8": 1_000,
        "level_notional_e8": to_e8(notional),
        "level_count": levels,
        "scale_e8": ONE_E8,
    }


def opened(book: Rulebook, commands: list[Command], *, compiled: bool = True) -> Exchange:
    """An exchange to which commands were applied; none of them may be refused."""
    exchange = Exchange(book, compiled=compiled)
    for command in commands:
        result = submit(exchange, command)
        assert result.is_accepted, f"{command}: {result.refusal.name}"
    return exchange


def grow_all(exchange: Exchange, factor: int = 40) -> None:
    """Room for everything, before anything asks for it."""
    state = exchange._state
    for name in ("orders", "levels", "settings", "positions", "accounts", "events", "due", "triggers", "undo"):
        state.grow(name, factor * len(state.arrays[name]))
    state.control["event_threshold"] = len(state.arrays["events"]) * 3 // 4


# ---- invariants ----


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
    _check_positions(positions, symbols, settings)
    _check_orders(live, positions, settings, counters, len(orders), orders)
    _check_book(exchange, live, symbols, counters)
    _check_map(exchange, "order_map", {row["order_id"]: n for n, row in live.items()}, _order_home)
    keys = {row["account"] * SYMBOLS_MAX + row["symbol"] + 1: n for n, row in enumerate(settings)}
    assert len(keys) == len(settings), "settings: a pair has two rows"
    _check_map(exchange, "settings_map", keys, _settings_home)
    _check_lists(exchange, positions, symbols)
    _check_pockets(exchange, positions, symbols)


def _rows(exchange: Exchange, name: str) -> list[dict[str, int]]:
    table = exchange.table(name)
    names = table.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in table.tolist()]


def _check_positions(positions: list, symbols: list, settings: list) -> None:
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
        assert own["both_cross" if row["margin_mode"] == MarginMode.CROSS else "both_isolated"] == n, f"{name}: row"
        if row["lots"] != 0 and not row["is_house"]:
            assert own["margin_mode"] == row["margin_mode"], f"{name}: mode of the settings"


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
            assert sleeping["is_conditional"] and sleeping["symbol"] == symbol, f"order {order}: list of conditionals"
            assert sleeping["prev_in_queue"] == before, f"order {order}: list of conditionals"
            seen_orders += 1
            before, order = order, sleeping["next_in_queue"]
    assert seen_orders == len(live), "orders: not every open order is in a queue"
    assert counters["level_count"] == seen_levels + 2 * len(symbols), "levels: count"
    free, level = 0, counters["first_free_level"]
    while level != NO_ROW:
        free, level = free + 1, levels[level]["next_free"]
        assert free <= len(levels), "levels: the free list"
    assert free + counters["level_count"] == len(levels), "levels: a row is neither used nor free"


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
            assert balance > maintenance, f"position {n}: isolated and due, {balance} ≤ {maintenance}"
            assert row["is_margin_called"] == _is_called(exchange, balance, maintenance), f"position {n}: margin call"
    houses = {n for n, is_house in enumerate(exchange.table("accounts")["is_house"].tolist()) if is_house}
    assert FUND_ACCOUNT in houses
    for n, (wallet, count, called) in enumerate(wallets.tolist()):
        upnl, maintenance, open_count = pools.get(n, [0, 0, 0])
        assert count == open_count, f"wallet {n}: {count} cross positions, there are {open_count}"
        if n // assets in houses:
            continue
        if open_count == 0:
            assert wallet >= 0, f"wallet {n}: {wallet} without an open position"
            assert called == 0, f"wallet {n}: called without a position"
        else:
            assert wallet + upnl > maintenance, f"wallet {n}: pool due, {wallet + upnl} ≤ {maintenance}"
            assert called == _is_called(exchange, wallet + upnl, maintenance), f"wallet {n}: margin call"


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
    last: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    for event in events[events["kind"] == EventKind.POSITION]:
        key = (int(event["account"]), int(event["symbol"]), int(event["margin_mode"]))
        last[key] = (int(event["lots"]), int(event["value_e8"]), 0)
    for n, row in enumerate(exchange.table("positions")):
        key = (int(row["account"]), int(row["symbol"]), int(row["margin_mode"]))
        had = before["positions"][n] if n < len(before["positions"]) else None
        was = (int(had["lots"]), int(had["entry_cost_e8"]), 0) if had is not None else (0, 0, 0)
        now = (int(row["lots"]), int(row["entry_cost_e8"]), 0)
        assert last.get(key, was) == now, f"events: position {n} is {now}, told {last.get(key, was)}"


def assert_same_rows(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Used rows identical; a map or the links may have grown, with the same content in what was there."""
    for name, rows in before.items():
        if name in ("order_map", "settings_map") and len(after[name]) != len(rows):
            cells = [np.frombuffer(found[name], dtype=TABLES[name]) for found in (before, after)]
            keys = [dict(table[table["key"] != 0].tolist()) for table in cells]
            assert keys[0] == keys[1], f"{name}: content"
        elif name == "level_links" and len(after[name]) > len(rows):
            assert after[name][: len(rows)] == rows, "level_links: content"
            assert set(after[name][len(rows) :]) == {255}, "level_links: a new link is set"
        else:
            assert after[name] == rows, f"{name}: bytes"


def record_array(size: int = 1) -> np.ndarray:
    """Empty COMMAND records."""
    made = np.zeros(size, dtype=COMMAND)
    made["symbol"] = NO_ROW
    return made


