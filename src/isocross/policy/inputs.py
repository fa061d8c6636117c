"""Inputs: what a caller says about a position, turned into the kernel's integers or refused in one line.

Responsible for: sides, quantities, prices, leverage, fills and pool positions from text or numbers; the message that
names the thing, the value and what was expected.
Must not: compute a margin, know a mode's rules.

The small language of positions, on the command line and in Python alike:
    fill       QTY@PRICE [mark PRICE]                        0.083@60000
    position   SYMBOL long|short QTY @ ENTRY [mark PRICE] [Nx]   ETHUSDT short 2 @ 3000 mark 2900 10x
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import rulebook as rulebooks
from ..codes import MarginMode
from ..errors import AmountError, InputError
from ..kernel import margin
from ..limits import ACCOUNT_NOTIONAL_MAX_E8, PRICE_MAX_E8, WALLET_MAX_E8
from ..rulebook.model import Rulebook, SymbolRules
from ..units import ONE_E8, Amount, format_e8, to_decimal, to_e8, to_grid, to_rate_e8
from .pool import PoolPosition
from .sizing import is_within_brackets, lots_max, signed_cost_e8

DEFAULT_RULEBOOK = "binance-usdm"
FEE_RATE_MAX_E8 = ONE_E8 // 100
BARE_RETURN_MAX_E8 = 10 * ONE_E8
RETURN_MAX_E8 = 1_000_000 * ONE_E8
DURATION_MAX_MS = 3_650 * 86_400_000

_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"^\s*(?P<count>\d{1,6})\s*(?P<unit>[mhdw])\s*$", re.IGNORECASE)

_FILL = re.compile(r"^\s*(?P<qty>[^@\s]+)\s*@\s*(?P<price>\S+)(?:\s+mark\s+(?P<mark>\S+))?\s*$", re.IGNORECASE)
_POSITION = re.compile(
    r"^\s*(?P<symbol>[^\s@]+)\s+(?P<side>[^\s@]+)\s+(?P<qty>[^\s@]+)\s*@\s*(?P<entry>\S+)"
    r"(?:\s+mark\s+(?P<mark>\S+))?(?:\s+(?P<leverage>[\d_]+)x)?\s*$",
    re.IGNORECASE,
)


class LeverageError(InputError):
    """A leverage outside the symbol's range, or above what the bracket of that notional allows."""

    code = "input.leverage"


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill that opened or increased the position, and the mark when it happened."""

    lots: int  # > 0
    price_ticks: int
    mark_e8: int


def to_rulebook(value: str | Path | Rulebook) -> Rulebook:
    """A loaded rulebook, or the one of that name or path."""
    return value if isinstance(value, Rulebook) else rulebooks.load(value)


def to_rules(rulebook: Rulebook, symbol: str) -> SymbolRules:
    """The contract of that name; UnknownSymbolError."""
    return rulebooks.symbol_rules(rulebook, str(symbol))


def to_is_long(value: str, name: str = "side") -> bool:
    """True for 'long', False for 'short'."""
    text = str(value).strip().lower()
    if text not in ("long", "short"):
        raise InputError(f"{name}: {value!r} is neither long nor short")
    return text == "long"


def to_modes(value: str | MarginMode | None) -> tuple[MarginMode, ...]:
    """The margin modes asked for: both when nothing is said."""
    if value is None or value == "both":
        return (MarginMode.ISOLATED, MarginMode.CROSS)
    if isinstance(value, MarginMode):
        return (value,)
    text = str(value).strip().upper()
    if text in ("CROSS", "ISOLATED"):
        return (MarginMode[text],)
    raise InputError(f"mode: {value!r} is none of cross, isolated, both")


def to_lots(value: Amount, rules: SymbolRules, name: str = "qty") -> int:
    """A quantity in base units → lots, > 0 and within the engine's bounds."""
    _check_positive(value, name)
    lots = to_grid(value, rules.step_e8, name)
    most = lots_max(rules)
    if lots > most:
        raise AmountError(
            f"{name}: {value} is out of range, a {rules.symbol} position is at most "
            f"{format_e8(most * rules.step_e8)} {rules.quantity_asset}"
        )
    return lots


def to_price_ticks(value: Amount, rules: SymbolRules, name: str) -> int:
    """An order price → ticks, on the symbol's grid and within its range."""
    _check_positive(value, name)
    price = to_decimal(value, name)
    if price > to_decimal(format_e8(rules.price_max_e8), name):  # before the grid: far out, the range is what is wrong
        raise _out_of_range(value, rules, name)
    ticks = to_grid(value, rules.tick_e8, name)
    _check_price_range(ticks * rules.tick_e8, value, rules, name)
    return ticks


def to_mark_e8(value: Amount, rules: SymbolRules, name: str = "mark") -> int:
    """A mark price, at most eight decimals, within the symbol's range."""
    _check_positive(value, name)
    mark_e8 = to_e8(value, name)
    _check_price_range(mark_e8, value, rules, name)
    return mark_e8


def to_money_e8(value: Amount, name: str, is_zero_allowed: bool = False) -> int:
    """An amount of the margin asset, ≥ 0 or > 0, at most what a wallet may hold."""
    if not (is_zero_allowed and to_decimal(value, name) == 0):
        _check_positive(value, name)
    money_e8 = to_e8(value, name)
    if money_e8 > WALLET_MAX_E8:
        raise AmountError(f"{name}: {value} is out of range, a wallet holds at most {format_e8(WALLET_MAX_E8)}")
    return money_e8


def to_signed_money_e8(value: Amount, name: str) -> int:
    """An amount of the margin asset of either sign."""
    money_e8 = to_e8(value, name)
    if abs(money_e8) > WALLET_MAX_E8:
        raise AmountError(f"{name}: {value} is out of range, at most {format_e8(WALLET_MAX_E8)} either way")
    return money_e8


def to_fee_rate_e8(value: Amount, name: str = "fee") -> int:
    """A fee rate, 0 … 1 %: `0.05` is 5 %, and surely meant as 0.05 %."""
    rate_e8 = to_rate_e8(value, name)
    if not 0 <= rate_e8 <= FEE_RATE_MAX_E8:
        raise AmountError(
            f"{name}: {value} is {format_e8(rate_e8 * 100)} %, not between 0 and 1 %; write 0.05% or 0.0005"
        )
    return rate_e8


def to_return_e8(value: Amount, name: str = "roe") -> int:
    """A return on margin, `15%`, `-50%` or 0.15; a bare 15 is refused, as it says 1,500 % and means 15 %."""
    rate_e8 = to_rate_e8(value, name)
    is_percent = isinstance(value, str) and value.strip().endswith("%")
    if not is_percent and abs(rate_e8) >= BARE_RETURN_MAX_E8:
        raise AmountError(
            f"{name}: {value} without a % says {format_e8(rate_e8 * 100)} %; write {value}% or the fraction"
        )
    if abs(rate_e8) > RETURN_MAX_E8:
        raise AmountError(f"{name}: {value} is out of range, at most {format_e8(RETURN_MAX_E8 * 100)} % either way")
    return rate_e8


def to_share_e8(value: Amount, name: str) -> int:
    """A share of something, `1%` or 0.01: above 0 and at most the whole."""
    rate_e8 = to_rate_e8(value, name)
    if not 0 < rate_e8 <= ONE_E8:
        raise AmountError(f"{name}: {value} is not above 0 and at most 100 %")
    return rate_e8


def to_move_e8(value: Amount, name: str = "survive") -> int:
    """A move of a price, `15%` or 0.15, above 0; a bare 15 is refused, as it says 1,500 % and means 15 %."""
    _check_positive(value.strip().removesuffix("%") if isinstance(value, str) else value, name)
    return to_return_e8(value, name)


def to_duration_ms(value: str, name: str) -> int:
    """`30m`, `24h`, `3d` or `2w`, above 0 and at most ten years."""
    match = _DURATION.match(str(value))
    if match is None:
        raise InputError(f"{name}: {value!r} does not read as a time like 30m, 24h, 3d or 2w")
    duration_ms = int(match["count"]) * _UNITS_MS[match["unit"].lower()]
    if not 0 < duration_ms <= DURATION_MAX_MS:
        raise InputError(f"{name}: {value} is out of range, above 0 and at most {DURATION_MAX_MS // _UNITS_MS['d']}d")
    return duration_ms


def to_leverage(value: Amount, rulebook: Rulebook, rules: SymbolRules, name: str = "leverage") -> int:
    """A whole leverage, `10` or `10x`, in 1 … the symbol's largest."""
    text = value.strip().removesuffix("x") if isinstance(value, str) else value
    number = to_decimal(text, name)
    most = symbol_leverage_max(rulebook, rules)
    if number != number.to_integral_value():
        raise LeverageError(f"{name}: {value} is not a whole number")
    if not 1 <= number <= most:
        raise LeverageError(f"{name}: {value} is outside 1 … {most}, the range of {rules.symbol} in {rulebook.name}")
    return int(number)


def symbol_leverage_max(rulebook: Rulebook, rules: SymbolRules) -> int:
    """The largest leverage any bracket of the symbol allows."""
    return min(rulebook.leverage_max, max(bracket.leverage_max for bracket in rules.brackets))


def check_bracket(rules: SymbolRules, notional_e8: int, leverage: int, said: str = "", of: str = "") -> None:
    """LeverageError when the bracket of this notional does not allow the leverage, or no bracket the notional.

    Takes    said: who chose the leverage, where it was not the caller. of: 'position ' where it is not the trade's own.
    """
    if is_within_brackets(rules, notional_e8, leverage):
        return
    notional = format_e8(notional_e8)
    if notional_e8 > rules.brackets[-1].cap_e8:
        raise AmountError(
            f"{of}qty: a notional of {notional} is out of range, "
            f"{rules.symbol} allows at most {format_e8(rules.brackets[-1].cap_e8)}"
        )
    bracket = rules.brackets[margin.bracket_of(notional_e8, rules.brackets, 0, len(rules.brackets))]
    raise LeverageError(
        f"{of}leverage: {leverage}{said} is above {bracket.leverage_max}, the most for a notional of {notional} "
        f"(bracket {format_e8(bracket.floor_e8)} … {format_e8(bracket.cap_e8)} of {rules.symbol})"
    )


def to_fill(value: str | Sequence[Amount], rules: SymbolRules, mark_e8: int | None) -> Fill:
    """`QTY@PRICE [mark PRICE]`, or (qty, price) or (qty, price, mark). Without a mark: `mark_e8`, else its price."""
    if isinstance(value, str):
        match = _FILL.match(value)
        if match is None:
            raise InputError(f"fill: {value!r} does not read as QTY@PRICE, for example 0.083@60000")
        qty, price, mark = match["qty"], match["price"], match["mark"]
    else:
        parts: list[Amount | None] = list(value)
        if len(parts) not in (2, 3):
            raise InputError(f"fill: {value!r} is not (qty, price) or (qty, price, mark)")
        parts.append(None)
        qty, price, mark = parts[:3]
    price_ticks = to_price_ticks(price, rules, "fill price")
    if mark is not None:
        fill_mark_e8 = to_mark_e8(mark, rules, "fill mark")
    else:
        fill_mark_e8 = price_ticks * rules.tick_e8 if mark_e8 is None else mark_e8
    return Fill(to_lots(qty, rules, "fill qty"), price_ticks, fill_mark_e8)


def to_pool_position(text: str, rulebook: Rulebook) -> PoolPosition:
    """`SYMBOL long|short QTY @ ENTRY [mark PRICE] [Nx]`. The entry is an average: eight decimals, not the tick grid."""
    match = _POSITION.match(text)
    if match is None:
        raise InputError(
            f"position: {text!r} does not read as SYMBOL long|short QTY @ ENTRY [mark PRICE] [Nx], "
            "for example ETHUSDT short 2 @ 3000 mark 2900"
        )
    rules = to_rules(rulebook, match["symbol"])
    is_long = to_is_long(match["side"], "position side")
    lots = to_lots(match["qty"], rules, "position qty")
    entry_e8 = to_mark_e8(match["entry"], rules, "position entry")
    mark_e8 = to_mark_e8(match["mark"], rules, "position mark") if match["mark"] else entry_e8
    kind, quantity_e8 = rules.contract_kind, lots * rules.step_e8
    if is_long != rules.is_inverse:  # what was paid rounds up, what was received rounds down: against the account
        entry_value_e8 = int(margin.value_up_e8(kind, quantity_e8, entry_e8))
    else:
        entry_value_e8 = int(margin.value_down_e8(kind, quantity_e8, entry_e8))
    entry_cost_e8 = signed_cost_e8(rules, is_long, entry_value_e8)
    notional_e8 = int(margin.notional_e8(kind, lots, rules.step_e8, mark_e8))
    if match["leverage"]:
        leverage = to_leverage(match["leverage"], rulebook, rules, "position leverage")
        check_bracket(rules, notional_e8, leverage, of="position ")
    else:
        bracket = rules.brackets[margin.bracket_of(notional_e8, rules.brackets, 0, len(rules.brackets))]
        leverage = min(rulebook.default_leverage, bracket.leverage_max)
        check_bracket(rules, notional_e8, leverage, of="position ")
    return PoolPosition(rules, lots if is_long else -lots, entry_e8, entry_cost_e8, mark_e8, leverage)


def to_pool(texts: Sequence[str], rulebook: Rulebook, rules: SymbolRules, lots: int) -> tuple[PoolPosition, ...]:
    """The other cross positions of the pool of `rules`' margin asset: one per symbol, none in the symbol asked about."""
    positions = tuple(to_pool_position(text, rulebook) for text in texts)
    seen = {rules.symbol}
    bound_e8 = _bound_e8(rules, lots)
    for position in positions:
        other = position.rules
        if other.margin_asset != rules.margin_asset:
            raise InputError(
                f"position: {other.symbol} is margined in {other.margin_asset} and cannot share a pool with "
                f"{rules.symbol}, margined in {rules.margin_asset}"
            )
        if other.symbol in seen:
            raise InputError(
                f"position: {other.symbol} is there already; add up fills of one side with --fill "
                "(a long and a short of one symbol beside each other are not priced yet)"
            )
        seen.add(other.symbol)
        bound_e8 += _bound_e8(other, position.lots)
    if bound_e8 > ACCOUNT_NOTIONAL_MAX_E8:
        raise AmountError(
            f"position: the positions together could be worth {format_e8(bound_e8)}, out of range: "
            f"an account holds at most {format_e8(ACCOUNT_NOTIONAL_MAX_E8)}"
        )
    return positions


def _bound_e8(rules: SymbolRules, lots: int) -> int:
    """The most a position could ever be worth: at the symbol's highest price."""
    return abs(lots) * rules.lot_value_max_e8


def _check_positive(value: Amount, name: str) -> None:
    if to_decimal(value, name) <= 0:
        raise AmountError(f"{name}: {value} is not above 0")


def _check_price_range(price_e8: int, value: Amount, rules: SymbolRules, name: str) -> None:
    if not rules.price_min_e8 <= price_e8 <= min(rules.price_max_e8, PRICE_MAX_E8):
        raise _out_of_range(value, rules, name)


def _out_of_range(value: Amount, rules: SymbolRules, name: str) -> AmountError:
    most = format_e8(rules.price_max_e8)
    where = f"from {format_e8(rules.price_min_e8)} to {most}" if rules.is_inverse else f"up to {most}"
    return AmountError(f"{name}: {value} is out of range, {rules.symbol} trades {where}")


def outlasts_text(rules: SymbolRules, is_long: bool) -> str:
    """Why a position has no liquidation price."""
    if not is_long:
        return f"the margin outlasts any rise, up to {format_e8(rules.price_max_e8)}, the highest price of {rules.symbol}"
    lowest = f"{format_e8(rules.price_min_e8)}, the lowest price of {rules.symbol}" if rules.is_inverse else "the lowest price"
    return f"the margin outlasts any fall, down to {lowest}"
