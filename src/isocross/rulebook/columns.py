"""Columns: from the tables of a rulebook file to one SymbolRules or the account-wide columns.

Responsible for: the name, type and range of every column; which column is a sourced fact and which a decision.
Must not: open a file, know a venue, look a symbol up.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..codes import (
    AdlRanking,
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
from ..errors import AmountError
from ..limits import (
    ASSETS_MAX,
    BRACKETS_MAX,
    LEVERAGE_MAX,
    MUL_DIV_DIVISOR_MAX,
    NOTIONAL_MAX_E8,
    ORDERS_PER_SYMBOL_MAX,
    PRICE_MAX_E8,
    QUANTITY_MAX_E8,
)
from ..units import ONE_E8, format_e8, to_e8, to_rate_e8
from .brackets import BracketFaultError, BracketRow, build_brackets
from .model import Bracket, SymbolRules
from .reader import Faults, Table, show

COOLDOWN_SECONDS_MAX = 86_400
SCALED = (  # × 10^8: `_e8` in the model
    "margin_call_ratio", "partial_threshold", "partial_share", "takeover_ratio", "fund_unwind_share", "fund_unwind_band"
)  # fmt: skip

VENUE_COLUMNS: dict[str, Callable[[Table, str], Any]] = {
    "margin_assets": lambda table, key: table.texts(key),
    "default_margin_mode": lambda table, key: table.choice(key, MarginMode),
    "default_leverage": lambda table, key: table.integer(key, 1, LEVERAGE_MAX),
    "leverage_max": lambda table, key: table.integer(key, 1, LEVERAGE_MAX),
    "margin_call_ratio": lambda table, key: table.rate_e8(key, 1, ONE_E8, "a rate above 0 and at most 1"),
    "isolated_fill_basis": lambda table, key: table.choice(key, IsolatedFillBasis),
    "isolated_funding_source": lambda table, key: table.choice(key, IsolatedFundingSource),
    "funding_price": lambda table, key: table.choice(key, FundingPrice),
    "mark_price": lambda table, key: table.choice(key, MarkPrice) if key in table.data else MarkPrice.INDEX,
    "fee_basis": lambda table, key: table.choice(key, FeeBasis),
    "liquidation_ladder": lambda table, key: table.choice(key, LiquidationLadder),
    "ladder_tiers": lambda table, key: table.integer(key, 1, BRACKETS_MAX),
    "liquidation_time_in_force": lambda table, key: table.choice(key, TimeInForce),
    "partial_threshold": lambda table, key: table.amount_e8(key, 0, NOTIONAL_MAX_E8, "an amount of at least 0"),
    "partial_share": lambda table, key: table.rate_e8(key, 1, ONE_E8, "a rate above 0 and at most 1"),
    "partial_cooldown_seconds": lambda table, key: table.integer(key, 0, COOLDOWN_SECONDS_MAX),
    "takeover_ratio": lambda table, key: table.rate_e8(key, 0, ONE_E8, "a rate in 0 … 1"),
    "fund_unwind_share": lambda table, key: table.rate_e8(key, 0, ONE_E8, "a rate in 0 … 1"),
    "fund_unwind_band": lambda table, key: table.rate_e8(key, 0, ONE_E8, "a rate in 0 … 1"),
    "cross_liquidation_order": lambda table, key: table.choice(key, CrossLiquidationOrder),
    "liquidation_pays_trading_fee": lambda table, key: table.boolean(key),
    "remainder_to": lambda table, key: table.choice(key, RemainderTo),
    "adl_ranking": lambda table, key: table.choice(key, AdlRanking),
}
SYMBOL_COLUMNS = (
    "contract_kind",
    "tick",
    "step",
    "price_max",
    "min_notional",
    "maker_fee_rate",
    "taker_fee_rate",
    "liquidation_fee_rate",
    "market_bound_rate",
    "trigger_protect_rate",
    "funding_interval_hours",
    "funding_cap_rate",
    "funding_floor_rate",
    "interest_rate",
    "impact_notional",
    "band_up_rate",
    "band_down_rate",
    "order_quantity_max",
    "market_quantity_max",
    "orders_max",
    "conditional_orders_max",
    "brackets",
)
# Two ways of saying one column: the number itself, or a rule that follows the symbol's first bracket.
DERIVED = {"funding_cap_of_maintenance": "funding_cap_rate", "impact_margin": "impact_notional"}
SYMBOL_KEYS = (
    frozenset(SYMBOL_COLUMNS) | set(DERIVED) | {"notional_max", "price_min", "base_asset", "margin_asset", "facts", "decisions"}
)


def venue_columns(table: Table, faults: Faults) -> dict[str, Any]:
    """The account-wide columns as keyword arguments of Rulebook; those with a fault are left out."""
    table.only(VENUE_COLUMNS, faults)
    values: dict[str, Any] = {}
    for key, read in VENUE_COLUMNS.items():
        with faults.part():
            values[key] = read(table, key)
    with faults.part():
        if len(values.get("margin_assets", ())) > ASSETS_MAX:
            raise table.wrong("margin_assets", f"at most {ASSETS_MAX} assets")
    with faults.part():
        leverage_max = values.get("leverage_max", LEVERAGE_MAX)
        if values.get("default_leverage", 1) > leverage_max:
            raise table.wrong("default_leverage", f"at most leverage_max, {leverage_max}")
    with faults.part():
        if values.get("liquidation_time_in_force", TimeInForce.IOC) not in (TimeInForce.IOC, TimeInForce.FOK):
            raise table.wrong("liquidation_time_in_force", "one of IOC, FOK")
    for key in SCALED:
        if key in values:
            values[f"{key}_e8"] = values.pop(key)
    return values


def symbol_rules_of(
    name: str,
    table: Table,
    leverage_max: int,
    decisions: frozenset[str],
    is_template: bool,
    notes: tuple[str, ...],
    faults: Faults,
) -> SymbolRules | None:
    """One symbol from its merged table: every type, range and bound of limits.py checked; None with a fault.

    Errors   RulebookError naming file, line, key, value and what was expected, unless `faults` goes on.
    """
    before = len(faults.found)
    values: dict[str, Any] = {}
    bracket_notes: tuple[str, ...] = ()
    with faults.part():
        values["brackets"], bracket_notes = _brackets(table, leverage_max)
    for key, read in _SYMBOL_READERS.items():
        with faults.part():
            values[key] = read(table, key)
    with faults.part():
        values["base_asset"] = "" if is_template and "base_asset" not in table.data else table.text("base_asset")
    if {"tick_e8", "step_e8"} <= (values := _scaled(values)).keys():
        with faults.part():
            is_inverse = values.get("contract_kind") == ContractKind.INVERSE
            values["price_max_e8"] = _price_max_e8(table, values["tick_e8"], values["step_e8"], is_inverse)
            values["price_min_e8"] = _price_min_e8(table, values["tick_e8"], values["step_e8"], is_inverse)
    if "brackets" in values:
        with faults.part():
            values["funding_cap_rate_e8"] = _funding_cap_e8(table, values["brackets"])
        with faults.part():
            values["impact_notional_e8"] = _impact_notional_e8(table, values["brackets"])
    with faults.part():
        values["funding_floor_rate_e8"] = -values.get("funding_cap_rate_e8", 0)
        if "funding_floor_rate" in table.data:
            values["funding_floor_rate_e8"] = table.rate_e8("funding_floor_rate", -ONE_E8, 0, "a rate in -1 … 0")
    if len(faults.found) > before:
        return None
    rules = SymbolRules(
        symbol=name, is_template=is_template, decisions=decisions, notes=(*notes, *bracket_notes), **values
    )
    if rules.lots_max < 1 and rules.is_inverse:
        raise table.wrong(
            "price_min", f"step ÷ price_min of at most {format_e8(NOTIONAL_MAX_E8)}, the engine's bound of one position"
        )
    if rules.lots_max < 1:
        raise table.wrong(
            "price_max", f"price_max × step of at most {format_e8(NOTIONAL_MAX_E8)}, the engine's bound of one position"
        )
    return rules


def _rate(table: Table, key: str) -> int:
    return table.rate_e8(key, 0, ONE_E8, "a rate in 0 … 1")


def _filter(table: Table, key: str, read: Callable[[], int], unfiltered: int = 0) -> int:
    """A column that may be left out, and then filters nothing."""
    return read() if key in table.data else unfiltered


def _quantity(table: Table, key: str) -> int:
    return table.amount_e8(key, 1, QUANTITY_MAX_E8, "a quantity above 0")


def _hours(table: Table, key: str) -> int:
    hours = table.integer(key, 1, 24)
    if 24 % hours:
        raise table.wrong(key, "a divisor of 24")
    return hours


_SYMBOL_READERS: dict[str, Callable[[Table, str], Any]] = {
    "margin_asset": lambda table, key: table.text(key),
    "contract_kind": lambda table, key: table.choice(key, ContractKind),
    "tick": lambda table, key: table.amount_e8(key, 1, PRICE_MAX_E8, "a price above 0"),
    "step": lambda table, key: table.amount_e8(key, 1, QUANTITY_MAX_E8, "a quantity above 0"),
    "min_notional": lambda table, key: table.amount_e8(key, 0, NOTIONAL_MAX_E8, "an amount of at least 0"),
    "maker_fee_rate": _rate,
    "taker_fee_rate": _rate,
    "liquidation_fee_rate": _rate,
    "market_bound_rate": lambda table, key: table.rate_e8(key, 1, ONE_E8, "a rate above 0 and at most 1"),
    "trigger_protect_rate": lambda table, key: (
        table.rate_e8(key, 0, ONE_E8, "a rate in 0 … 1") if key in table.data else ONE_E8
    ),
    "band_up_rate": lambda table, key: _filter(table, key, lambda: table.rate_e8(key, 1, 100 * ONE_E8, "a rate above 0")),
    "band_down_rate": lambda table, key: _filter(
        table, key, lambda: table.rate_e8(key, 1, ONE_E8, "a rate above 0 and at most 1")
    ),
    "order_quantity_max": lambda table, key: _filter(table, key, lambda: _quantity(table, key)),
    "market_quantity_max": lambda table, key: _filter(table, key, lambda: _quantity(table, key)),
    "orders_max": lambda table, key: _filter(
        table, key, lambda: table.integer(key, 1, ORDERS_PER_SYMBOL_MAX), ORDERS_PER_SYMBOL_MAX
    ),
    "conditional_orders_max": lambda table, key: _filter(
        table, key, lambda: table.integer(key, 1, ORDERS_PER_SYMBOL_MAX), ORDERS_PER_SYMBOL_MAX
    ),
    "funding_interval_hours": _hours,
    "interest_rate": lambda table, key: table.rate_e8(key, -ONE_E8, ONE_E8, "a rate in -1 … 1"),
}
_SYMBOL_E8 = ("tick", "step", "min_notional", "maker_fee_rate", "taker_fee_rate", "liquidation_fee_rate",
              "market_bound_rate", "trigger_protect_rate", "interest_rate", "band_up_rate", "band_down_rate",
              "order_quantity_max", "market_quantity_max")  # fmt: skip


def _scaled(values: dict[str, Any]) -> dict[str, Any]:
    """The same with the model's names of what is × 10^8."""
    return {f"{key}_e8" if key in _SYMBOL_E8 else key: value for key, value in values.items()}


def _price_max_e8(table: Table, tick_e8: int, step_e8: int, is_inverse: bool) -> int:
    """The highest price, once tick and step fit each other."""
    if is_inverse:
        if step_e8 * ONE_E8 % tick_e8:
            raise table.wrong("step", "step ÷ tick to be a multiple of 0.00000001, the contract being inverse")
        if step_e8 * ONE_E8 // tick_e8 > MUL_DIV_DIVISOR_MAX:
            raise table.wrong("step", f"step ÷ tick of at most {format_e8(MUL_DIV_DIVISOR_MAX)}, the engine's bound")
    elif tick_e8 * step_e8 % ONE_E8:
        product = Decimal(tick_e8 * step_e8).scaleb(-16).normalize()
        raise table.wrong("step", f"tick × step to be a multiple of 0.00000001, and it is {product:f}")
    expected = f"a price in tick … {format_e8(PRICE_MAX_E8)}"
    price_max_e8 = table.amount_e8("price_max", tick_e8, PRICE_MAX_E8, expected)
    if price_max_e8 % tick_e8:
        raise table.wrong("price_max", f"a multiple of the tick, {format_e8(tick_e8)}")
    return price_max_e8


def _price_min_e8(table: Table, tick_e8: int, step_e8: int, is_inverse: bool) -> int:
    """The lowest price: an inverse contract must have one, for it is worth most there; a linear one has none."""
    if not is_inverse:
        if "price_min" in table.data:
            raise table.wrong("price_min", "no lowest price, the contract being linear")
        return 1
    price_min_e8 = table.amount_e8("price_min", tick_e8, PRICE_MAX_E8, "a price of at least the tick, the contract being inverse")
    if price_min_e8 % tick_e8:
        raise table.wrong("price_min", f"a multiple of the tick, {format_e8(tick_e8)}")
    if step_e8 * ONE_E8 % price_min_e8:
        raise table.wrong("price_min", "step ÷ price_min to be a multiple of 0.00000001")
    if "price_max" in table.data and price_min_e8 > table.amount_e8("price_max", 0, PRICE_MAX_E8, "a price"):
        raise table.wrong("price_min", "at most price_max")
    return price_min_e8


def _brackets(table: Table, leverage_max: int) -> tuple[tuple[Bracket, ...], tuple[str, ...]]:
    shape = "rows of [floor, rate, leverage] or [floor, rate, leverage, deduction]"
    value = table.data.get("brackets")
    if not isinstance(value, list) or not value:
        raise table.wrong("brackets", shape)
    rows: list[BracketRow] = []
    for number, row in enumerate(value, start=1):
        if not isinstance(row, list) or len(row) not in (3, 4) or type(row[2]) is not int:
            raise table.error("brackets", f"… {show(row)} (bracket {number})", shape, (number - 1,))
        try:
            floor_e8, rate_e8 = to_e8(row[0], "floor"), to_rate_e8(row[1], "rate")
            cum_e8 = to_e8(row[3], "deduction") if len(row) == 4 else None
        except AmountError as error:
            said = f"… {show(row)} (bracket {number})"
            raise table.error("brackets", said, f"{shape}; {error}", (number - 1,)) from None
        rows.append(BracketRow(floor_e8, rate_e8, row[2], cum_e8))
    end_e8 = table.amount_e8("notional_max", 1, 10**40, "the largest notional of the symbol, above 0")
    try:
        return build_brackets(rows, end_e8, leverage_max)
    except BracketFaultError as fault:
        inside = () if fault.row is None else (fault.row,)
        raise table.error("brackets", "…", f"a table that agrees with itself; {fault}", inside) from None


def _funding_cap_e8(table: Table, brackets: tuple[Bracket, ...]) -> int:
    if "funding_cap_rate" in table.data:
        return table.rate_e8("funding_cap_rate", 0, ONE_E8, "a rate in 0 … 1")
    key = "funding_cap_of_maintenance"
    if key not in table.data:
        raise table.error("funding_cap_rate", None, f"a rate, or {key}")
    share_e8 = table.rate_e8(key, 0, 100 * ONE_E8, "a multiple of the first bracket's rate, in 0 … 100")
    return min(ONE_E8, brackets[0].rate_e8 * share_e8 // ONE_E8)


def _impact_notional_e8(table: Table, brackets: tuple[Bracket, ...]) -> int:
    if "impact_notional" in table.data:
        return table.amount_e8("impact_notional", 1, NOTIONAL_MAX_E8, "an amount above 0")
    if "impact_margin" not in table.data:
        raise table.error("impact_notional", None, "an amount, or impact_margin")
    margin_e8 = table.amount_e8("impact_margin", 1, NOTIONAL_MAX_E8 // LEVERAGE_MAX, "an amount above 0")
    return margin_e8 * brackets[0].leverage_max
