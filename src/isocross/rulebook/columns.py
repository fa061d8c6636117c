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
    IsolatedFillBasis,
    IsolatedFundingSource,
    LiquidationLadder,
    MarginMode,
    RemainderTo,
)
from ..errors import AmountError
from ..limits import ASSETS_MAX, LEVERAGE_MAX, NOTIONAL_MAX_E8, PRICE_MAX_E8, QUANTITY_MAX_E8
from ..units import ONE_E8, format_e8, to_e8, to_rate_e8
from .brackets import BracketFaultError, BracketRow, build_brackets
from .model import Bracket, SymbolRules
from .reader import Table, show

VENUE_COLUMNS: dict[str, Callable[[Table, str], Any]] = {
    "margin_assets": lambda table, key: table.texts(key),
    "default_margin_mode": lambda table, key: table.choice(key, MarginMode),
    "default_leverage": lambda table, key: table.integer(key, 1, LEVERAGE_MAX),
    "leverage_max": lambda table, key: table.integer(key, 1, LEVERAGE_MAX),
    "margin_call_ratio": lambda table, key: table.rate_e8(key, 1, ONE_E8, "a rate above 0 and at most 1"),
    "isolated_fill_basis": lambda table, key: table.choice(key, IsolatedFillBasis),
    "isolated_funding_source": lambda table, key: table.choice(key, IsolatedFundingSource),
    "fee_basis": lambda table, key: table.choice(key, FeeBasis),
    "liquidation_ladder": lambda table, key: table.choice(key, LiquidationLadder),
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
    "funding_interval_hours",
    "funding_cap_rate",
    "funding_floor_rate",
    "interest_rate",
    "impact_notional",
    "brackets",
)
# Two ways of saying one column: the number itself, or a rule that follows the symbol's first bracket.
DERIVED = {"funding_cap_of_maintenance": "funding_cap_rate", "impact_margin": "impact_notional"}
SYMBOL_KEYS = (
    frozenset(SYMBOL_COLUMNS) | set(DERIVED) | {"notional_max", "base_asset", "margin_asset", "facts", "decisions"}
)


def venue_columns(table: Table) -> dict[str, Any]:
    """The account-wide columns as keyword arguments of Rulebook."""
    table.only(VENUE_COLUMNS)
    values = {key: read(table, key) for key, read in VENUE_COLUMNS.items()}
    if len(values["margin_assets"]) > ASSETS_MAX:
        raise table.wrong("margin_assets", f"at most {ASSETS_MAX} assets")
    if values["default_leverage"] > values["leverage_max"]:
        raise table.wrong("default_leverage", f"at most leverage_max, {values['leverage_max']}")
    values["margin_call_ratio_e8"] = values.pop("margin_call_ratio")
    return values


def symbol_rules_of(
    name: str, table: Table, leverage_max: int, decisions: frozenset[str], is_template: bool, notes: tuple[str, ...]
) -> SymbolRules:
    """One symbol from its merged table: every type, range and bound of limits.py checked.

    Errors   RulebookError naming file, line, key, value and what was expected.
    """
    rate = "a rate in 0 … 1"
    brackets, bracket_notes = _brackets(table, leverage_max)
    tick_e8 = table.amount_e8("tick", 1, PRICE_MAX_E8, "a price above 0")
    step_e8 = table.amount_e8("step", 1, QUANTITY_MAX_E8, "a quantity above 0")
    if tick_e8 * step_e8 % ONE_E8:
        product = Decimal(tick_e8 * step_e8).scaleb(-16).normalize()
        raise table.wrong("step", f"tick × step to be a multiple of 0.00000001, and it is {product:f}")
    price_max_e8 = table.amount_e8("price_max", tick_e8, PRICE_MAX_E8, f"a price in tick … {format_e8(PRICE_MAX_E8)}")
    if price_max_e8 % tick_e8:
        raise table.wrong("price_max", f"a multiple of the tick, {format_e8(tick_e8)}")
    cap_e8 = _funding_cap_e8(table, brackets)
    floor_e8 = -cap_e8
    if "funding_floor_rate" in table.data:
        floor_e8 = table.rate_e8("funding_floor_rate", -ONE_E8, 0, "a rate in -1 … 0")
    hours = table.integer("funding_interval_hours", 1, 24)
    if 24 % hours:
        raise table.wrong("funding_interval_hours", "a divisor of 24")
    rules = SymbolRules(
        symbol=name,
        base_asset="" if is_template and "base_asset" not in table.data else table.text("base_asset"),
        margin_asset=table.text("margin_asset"),
        contract_kind=table.choice("contract_kind", ContractKind),
        tick_e8=tick_e8,
        step_e8=step_e8,
        price_max_e8=price_max_e8,
        min_notional_e8=table.amount_e8("min_notional", 0, NOTIONAL_MAX_E8, "an amount of at least 0"),
        maker_fee_rate_e8=table.rate_e8("maker_fee_rate", 0, ONE_E8, rate),
        taker_fee_rate_e8=table.rate_e8("taker_fee_rate", 0, ONE_E8, rate),
        liquidation_fee_rate_e8=table.rate_e8("liquidation_fee_rate", 0, ONE_E8, rate),
        market_bound_rate_e8=table.rate_e8("market_bound_rate", 1, ONE_E8, "a rate above 0 and at most 1"),
        funding_interval_hours=hours,
        funding_cap_rate_e8=cap_e8,
        funding_floor_rate_e8=floor_e8,
        interest_rate_e8=table.rate_e8("interest_rate", -ONE_E8, ONE_E8, "a rate in -1 … 1"),
        impact_notional_e8=_impact_notional_e8(table, brackets),
        brackets=brackets,
        is_template=is_template,
        decisions=decisions,
        notes=(*notes, *bracket_notes),
    )
    if rules.lots_max < 1:
        raise table.wrong(
            "price_max", f"price_max × step of at most {format_e8(NOTIONAL_MAX_E8)}, the engine's bound of one position"
        )
    return rules


def _brackets(table: Table, leverage_max: int) -> tuple[tuple[Bracket, ...], tuple[str, ...]]:
    shape = "rows of [floor, rate, leverage] or [floor, rate, leverage, deduction]"
    value = table.data.get("brackets")
    if not isinstance(value, list) or not value:
        raise table.wrong("brackets", shape)
    rows: list[BracketRow] = []
    for number, row in enumerate(value, start=1):
        if not isinstance(row, list) or len(row) not in (3, 4) or type(row[2]) is not int:
            raise table.error("brackets", f"… {show(row)} (bracket {number})", shape)
        try:
            floor_e8, rate_e8 = to_e8(row[0], "floor"), to_rate_e8(row[1], "rate")
            cum_e8 = to_e8(row[3], "deduction") if len(row) == 4 else None
        except AmountError as error:
            raise table.error("brackets", f"… {show(row)} (bracket {number})", f"{shape}; {error}") from None
        rows.append(BracketRow(floor_e8, rate_e8, row[2], cum_e8))
    end_e8 = table.amount_e8("notional_max", 1, 10**40, "the largest notional of the symbol, above 0")
    try:
        return build_brackets(rows, end_e8, leverage_max)
    except BracketFaultError as fault:
        raise table.error("brackets", "…", f"a table that agrees with itself; {fault}") from None


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
