"""Compare text: the words of a comparison: its sentence, its rows, its event log.

Responsible for: text for people, at most 16 characters a cell. Must not: compute, print, know the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..answer import Shown, Table
from ..answer.words import (
    NONE,
    duration_text,
    leverage_text,
    moment_text,
    money_in,
    money_text,
    percent_text,
    price_text,
    signed_text,
)
from ..codes import EventKind, LiquidationStep, OrderType, Reason, Refusal, Side
from ..units import format_e8, format_time
from .compare_result import CompareResult, Liquidation, ModeResult

P = ParamSpec("P")
T = TypeVar("T")
_ENDINGS = {
    "liquidated": "liquidated",
    "stop": "closed by its stop",
    "take_profit": "closed by its take-profit",
    "end_of_history": "alive at the end",
    "open": "alive at the end",
    "refused": "refused",
}


def _in_its_money(function: Callable[P, T]) -> Callable[P, T]:
    """The text of a result in the decimals of its asset; the result is among what the function takes."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        asset = next(one.plan.asset for one in args if isinstance(one, CompareResult))
        with money_in(asset):
            return function(*args, **kwargs)

    return told


def trade_text(result: CompareResult) -> str:
    """'BTCUSDT long 0.083 BTC at 59,993.5 (500 at 10x)'."""
    trade, rules = result.trade, result.rules
    entry = next((mode.entry_e8 for mode in result.modes if mode.entry_e8 is not None), None)
    at = "" if entry is None else f" at {price_text(entry, rules.tick_e8)}"
    return (
        f"{rules.symbol} {'long' if trade.is_long else 'short'} {format_e8(trade.lots * rules.step_e8)} "
        f"{rules.quantity_asset}{at} ({format_e8(trade.margin_e8)} at {trade.leverage}x)"
    )


@_in_its_money
def rows(result: CompareResult) -> list[tuple[str, list[str]]]:
    """The table: a label and a cell per mode."""
    tick_e8, modes = result.rules.tick_e8, result.modes
    second = result.second is not None
    there = {mode.name: mode.refusal is Refusal.NONE for mode in modes}

    def row(label: str, cell: Any) -> tuple[str, list[str]]:
        return label, [cell(mode) if there[mode.name] else "refused" for mode in modes]

    table = [
        row("Backed by", lambda mode: money_text(mode.backing_e8)),
        row("Effective leverage", lambda mode: leverage_text(mode.effective_leverage_e8)),
        (f"Largest it could open, {result.rules.quantity_asset}", [format_e8(mode.max_open_e8) for mode in modes]),
        row("Liquidation price", lambda mode: price_text(mode.liquidation_e8, tick_e8)),
        row("  from mark", lambda mode: percent_text(mode.distance_e8) if mode.liquidation_e8 else ""),
        row(
            "Most this trade can lose" if second else "Most that can be lost",
            lambda mode: money_text(mode.most_lost_e8),
        ),
        row("Liquidated", _liquidated),
        row("  at mark", lambda mode: price_text(mode.liquidations[0].mark_e8, tick_e8) if mode.is_liquidated else ""),
        row("Ended", _ended),
        row("Lived for", lambda mode: NONE if mode.lived_ms is None else duration_text(mode.lived_ms)),
        row("Drawn beyond the margin", lambda mode: money_text(mode.drawn_e8)),
        row("Nearest to liquidation", nearest_distance),
        row("  margin ratio then", nearest_ratio),
        row(
            "  when",
            lambda mode: "" if mode.is_liquidated or mode.nearest is None else moment_text(mode.nearest.time_ms),
        ),
        row("Trading fees", lambda mode: money_text(mode.fees_e8)),
        row("Liquidation fee", lambda mode: money_text(mode.liquidation_fee_e8)),
        row("Funding", lambda mode: signed_text(mode.funding_e8)),
        row("Wallet after", lambda mode: money_text(mode.wallet_after_e8)),
        row("  against before", lambda mode: signed_text(mode.change_e8)),
    ]
    if not any(mode.liquidation_fee_e8 for mode in modes):
        table = [entry for entry in table if entry[0] != "Liquidation fee"]
    if not any(mode.is_liquidated for mode in modes):
        table = [entry for entry in table if entry[0] != "  at mark"]
    return table


def nearest_ratio(mode: ModeResult) -> str:
    """The margin ratio at the nearest approach."""
    if mode.is_liquidated:
        return ""
    if mode.nearest is None:
        return NONE
    return "above 100 %" if mode.nearest.ratio_e8 is None else percent_text(mode.nearest.ratio_e8, is_signed=False)


def nearest_distance(mode: ModeResult) -> str:
    """How far the liquidation price was from the mark at the nearest approach."""
    if mode.is_liquidated:
        return "reached"
    if mode.nearest is None:
        return NONE
    if mode.nearest.distance_e8 is None:
        return "no such price"
    return percent_text(mode.nearest.distance_e8)


def _liquidated(mode: ModeResult) -> str:
    return moment_text(mode.liquidations[0].time_ms) if mode.is_liquidated else "no"


def _ended(mode: ModeResult) -> str:
    if mode.ending in ("end_of_history", "open"):
        return "history's end"
    return "" if mode.ending == "liquidated" else mode.ending.replace("_", "-")


@_in_its_money
def liquidation_text(one: Liquidation, result: CompareResult) -> str:
    """How a liquidation went, in one sentence."""
    rules = result.rules
    base, step_e8 = rules.quantity_asset, rules.step_e8
    parts = []
    if one.book_lots:
        average_e8 = int(rules.average_price_e8(one.book_value_e8, one.book_lots))
        parts.append(
            f"{format_e8(one.book_lots * step_e8)} {base} closed in the book at {price_text(average_e8, rules.tick_e8)}"
        )
    if one.fund_lots:
        parts.append(f"{format_e8(one.fund_lots * step_e8)} {base} taken over by the insurance fund")
    if one.other_lots:
        parts.append(f"{format_e8(one.other_lots * step_e8)} {base} by other accounts or the house")
    if one.step is LiquidationStep.CURED:
        parts.append(f"{format_e8(abs(one.lots_after) * step_e8)} {base} lived on")
    if one.step is LiquidationStep.WAITING:
        parts.append(f"{format_e8(abs(one.lots_after) * step_e8)} {base} waited for the next price")
    fee = f", fee {money_text(one.fee_e8)}" if one.fee_e8 else ""
    return (
        f"liquidated {moment_text(one.time_ms)} at mark {price_text(one.mark_e8, rules.tick_e8)} with "
        f"{money_text(one.balance_e8)} left against {money_text(one.maintenance_e8)}: {', '.join(parts)}{fee}"
    )


@_in_its_money
def sentence(result: CompareResult) -> str:
    """The answer with its deciding numbers, no mode praised."""
    refused = [mode for mode in result.modes if mode.refusal is not Refusal.NONE]
    isolated, cross = result["isolated"], result["cross"]
    if refused:
        told = "; ".join(f"{mode.name} is refused: {mode.refusal.name} ({mode.refused_symbol})" for mode in refused)
        lived = [f"{mode.name} ends with {signed_text(mode.change_e8)}" for mode in result.modes if mode not in refused]
        return ". ".join([f"{told[0].upper()}{told[1:]}", *[f"{one[0].upper()}{one[1:]}" for one in lived]]) + "."
    text = _both(result, isolated, cross)
    if result.second is not None:
        hybrid = result["hybrid"]
        text = f"With both positions, {text[0].lower()}{text[1:]} Hybrid: {_clause(hybrid)}."
    return text


def _both(result: CompareResult, isolated: ModeResult, cross: ModeResult) -> str:
    longer = result.longer_ms or 0
    if isolated.is_liquidated and cross.is_liquidated:
        return (
            f"Both are liquidated; isolated {_change(isolated)}; cross {_lives(longer)} and {_change(cross)}: "
            f"{_difference(result)}."
        )
    if isolated.is_liquidated:
        return (
            f"Isolated is liquidated and {_change(isolated)}; cross {_lives(longer)}, draws {money_text(cross.drawn_e8)} beyond the margin and {_change(cross)}: "
            f"{_difference(result)}."
        )
    if cross.is_liquidated:
        return f"Cross is liquidated and {_change(cross)}; isolated is {_clause(isolated)}: {_difference(result)}."
    near = f"{_near(isolated)}, {_near(cross)}"
    same = isolated.wallet_after_e8 == cross.wallet_after_e8 and isolated.ending == cross.ending
    if same:
        both = f"{'' if isolated.ending in ('stop', 'take_profit') else 'both '}{'lose' if isolated.change_e8 < 0 else 'gain'} {money_text(abs(isolated.change_e8))}"
        how = {"stop": "Both are closed by the stop", "take_profit": "Both are closed by the take-profit"}
        return (
            f"{how.get(isolated.ending, 'Neither is liquidated')} and {both}: the mode changed only the risk: {near}."
        )
    return f"Neither is liquidated: isolated {_clause(isolated)}, cross {_clause(cross)}; {near}."


def _near(mode: ModeResult) -> str:
    if mode.nearest is None or mode.nearest.distance_e8 is None:
        return f"{mode.name} had no liquidation price"
    return f"{mode.name} came to within {percent_text(abs(mode.nearest.distance_e8), is_signed=False)} of liquidation"


def _clause(mode: ModeResult) -> str:
    return f"{_ENDINGS[mode.ending]}, {_change(mode)}"


def _change(mode: ModeResult) -> str:
    verb = "loses" if mode.change_e8 < 0 else "gains"
    return f"{verb} {money_text(abs(mode.change_e8))}"


def _lives(longer_ms: int) -> str:
    if longer_ms == 0:
        return "dies at the same moment"
    return f"lives {duration_text(longer_ms)} {'longer' if longer_ms > 0 else 'less'}"


def _difference(result: CompareResult) -> str:
    saved = result.saved_e8
    if saved == 0:
        return "it made no difference"
    if (result.longer_ms or 0) > 0:
        return f"living longer {'saved' if saved > 0 else 'cost'} {money_text(abs(saved))}"
    return f"cross {'kept' if saved > 0 else 'cost'} {money_text(abs(saved))} more"


@_in_its_money
def other_order_text(result: CompareResult) -> str:
    """What changes when the low and the high of every bar change places."""
    if not result.other_order:
        return ""
    told = ", ".join(
        f"{other.name} {_ENDINGS[other.ending]}, {money_text(other.wallet_after_e8)}" for other in result.other_order
    )
    if result.is_outcome_other:
        return f"The other order of each bar's low and high CHANGES the outcome: {told}."
    same = all(result[other.name].wallet_after_e8 == other.wallet_after_e8 for other in result.other_order)
    if same:
        return "The other order of each bar's low and high gives the same outcome to the last unit."
    return f"The other order of each bar's low and high does not change the outcome: {told}."


def event_rows(result: CompareResult) -> Iterator[dict[str, str]]:
    """The event log of every mode, in exact decimals; empty text where an event has no such field."""
    for mode in result.modes:
        for event in mode.events:
            yield _event_row(result, mode.name, event)


def _event_row(result: CompareResult, mode: str, event: Any) -> dict[str, str]:
    kind = EventKind(int(event["kind"]))
    row = int(event["symbol"])
    symbol = result.plan.symbols[row] if row >= 0 else ""
    rules = result.rulebook.symbols[symbol] if symbol else None

    def money(name: str) -> str:
        return format_e8(int(event[name])) if int(event[name]) else ""

    code = int(event["code"])
    if kind in (EventKind.WALLET, EventKind.MARGIN_MOVED, EventKind.CANCELLED, EventKind.EXPIRED):
        reason = Reason(code).name.lower()
    elif kind is EventKind.REFUSED:
        reason = Refusal(code).name.lower()
    elif kind is EventKind.ACCEPTED:
        reason = OrderType(code).name.lower()
    elif kind is EventKind.LIQUIDATION_ENDED:
        reason = LiquidationStep(code).name.lower()
    else:
        reason = ""
    has_side = kind in (EventKind.ACCEPTED, EventKind.FILLED, EventKind.LIQUIDATION_ORDER, EventKind.CANCELLED)
    time_ms = int(event["time_ms"])
    return {
        "mode": mode,
        "time_ms": str(time_ms),
        "time": format_time(time_ms).removesuffix(" UTC"),
        "sequence": str(int(event["sequence"])),
        "event": kind.name.lower(),
        "account": {0: "fund", 1: "house", 2: "trader"}.get(int(event["account"]), str(int(event["account"]))),
        "symbol": symbol,
        "side": Side(int(event["side"])).name.lower() if has_side else "",
        "quantity": format_e8(int(event["lots"]) * rules.step_e8) if rules and int(event["lots"]) else "",
        "price": format_e8(int(event["price_ticks"]) * rules.tick_e8) if rules and int(event["price_ticks"]) else "",
        "mark": money("mark_e8"),
        "value": money("value_e8"),
        "amount": money("amount_e8"),
        "fee": money("fee_e8"),
        "rate": money("rate_e8"),
        "balance": money("balance_e8"),
        "maintenance": money("maintenance_e8"),
        "reason": reason,
    }


def event_line(row: dict[str, str]) -> str:
    """One event on one line: when, what, and the fields that it has."""
    told = [row[name] for name in ("symbol", "side", "quantity") if row[name]]
    told += [
        f"{name} {row[name]}"
        for name in ("price", "mark", "amount", "fee", "rate", "balance", "maintenance")
        if row[name]
    ]
    told += [row["reason"]] if row["reason"] else []
    return f"{row['time']:19} {row['mode']:8} {row['account']:6} {row['event']:19} {' '.join(told)}".rstrip()


def shown(result: CompareResult) -> Shown:
    """What people see of a comparison."""
    table = Table(("", *(mode.name for mode in result.modes)), [(label, *cells) for label, cells in rows(result)])
    told = " ".join(part for part in (sentence(result), other_order_text(result)) if part)
    return Shown(trade_text(result), (table,), told, result.notes)
