"""World: small rulebooks in memory, exchanges on them, commands as dicts.

Responsible for: rulebooks made in code, submitting commands written as dicts.
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
    FeeBasis,
    FundingPrice,
    IsolatedFillBasis,
    IsolatedFundingSource,
    LiquidationLadder,
    MarginMode,
    MarkPrice,
    RemainderTo,
    TimeInForce,
)
from isocross.exchange import Exchange, Result
from isocross.kernel.schema import COMMAND, NO_ROW
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
        trigger_protect_rate_e8=to_e8("0.005"),
        funding_interval_hours=8,
        funding_cap_rate_e8=2_000_000,
        funding_floor_rate_e8=-2_000_000,
        interest_rate_e8=10_000,
        impact_notional_e8=to_e8("1000"),
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
        mark_price=MarkPrice.MEDIAN,
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
        liquidation_ladder=rng.choice(list(LiquidationLadder)),
        cross_liquidation_order=rng.choice(list(CrossLiquidationOrder)),
        liquidation_pays_trading_fee=rng.random() < 0.3,
        remainder_to=rng.choice(list(RemainderTo)),
        adl_ranking=rng.choice(list(AdlRanking)),
        funding_price=rng.choice(list(FundingPrice)),
        mark_price=rng.choice(list(MarkPrice)),
        ladder_tiers=rng.choice([1, 1, 2]),
        liquidation_time_in_force=rng.choice([TimeInForce.IOC, TimeInForce.FOK]),
        partial_threshold_e8=rng.choice([0, 500, 5_000]) * ONE_E8, partial_share_e8=rng.choice([20_000_000, 33_333_333, 1]),
        partial_cooldown_seconds=rng.choice([0, 1, 30]),
        takeover_ratio_e8=rng.choice([ONE_E8, 66_666_667, 0]),
        fund_unwind_share_e8=rng.choice([0, 10_000_000, ONE_E8]), fund_unwind_band_e8=rng.choice([1_000_000, 20_000_000]),
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


def position_mode(number: int, wanted: int) -> Command:
    """SET_POSITION_MODE."""
    return {"kind": CommandKind.SET_POSITION_MODE, "account": number, "position_mode": int(wanted)}


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


def record_array(size: int = 1) -> np.ndarray:
    """Empty COMMAND records."""
    made = np.zeros(size, dtype=COMMAND)
    made["symbol"] = NO_ROW
    return made


