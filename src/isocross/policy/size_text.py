"""Size text: the words of `size`: its heading, its table, what was tried, what each mode must be told of.

Responsible for: text for people; all but `shown` inside answer.words.money_in the margin asset. Must not: compute, print, know
the terminal.
"""

from __future__ import annotations

from ..answer import Shown, Table
from ..answer.words import NONE, least_text, money_in, money_text, percent_text, price_text
from ..codes import MarginMode, Refusal
from ..units import format_e8, format_rate
from .size_result import Bound, Limit, Outlive, SizeColumn, SizeResult, StopOrder, Tried, What
from .trial import Fate, Trial

_LIMITS = {
    Limit.ASKED: "as asked",
    Limit.RISK: "risk budget",
    Limit.WALLET: "wallet",
    Limit.BRACKET: "bracket",
    Limit.LARGEST: "largest position",
}
_STOPS = {
    StopOrder.FIRST: "comes first",
    StopOrder.BEYOND_LIQUIDATION: "BEYOND LIQUIDATION",
    StopOrder.NOT_FILLED: "NOT FILLED",
    StopOrder.UNKNOWN: "needs a wallet",
}


def shown(result: SizeResult) -> Shown:
    """What people see of it."""
    with money_in(result.rules.margin_asset):
        table = Table(("", *(mode.mode.name.lower() for mode in result.modes)), rows(result))
        warned = [text for text, _ in warnings(result)]
        return Shown(title(result), (table,), money_words(result), (*warned, *tried(result), *notes(result)))


def title(result: SizeResult) -> str:
    """'BTCUSDT long at 60,000.00, stop 58,000.00, 10x, risking 100.00 USDT'."""
    tick_e8 = result.rules.tick_e8
    lots = next((f" {format_e8(one.lots * result.rules.step_e8)} {result.rules.quantity_asset}"
                 for one in result.modes if one.limit is Limit.ASKED), "")  # fmt: skip
    parts = [f"{result.rules.symbol} {result.side}{lots} at {price_text(result.entry_e8, tick_e8)}"]
    if result.mark_e8 != result.entry_e8:
        parts.append(f"mark {price_text(result.mark_e8, tick_e8)}")
    if result.stop_e8 is not None:
        parts.append(f"stop {price_text(result.stop_e8, tick_e8)}")
    parts.append(f"{result.leverage}x")
    if result.budget_e8 is not None:
        parts.append(f"risking {money_text(result.budget_e8)} {result.rules.margin_asset}")
    if result.wallet_e8 is not None:
        parts.append(f"wallet {money_text(result.wallet_e8)}")
    return ", ".join(parts)


def rows(result: SizeResult) -> list[list[str]]:
    """The table: a label and a cell per mode."""
    modes, rules = result.modes, result.rules
    table = [
        [f"Quantity, {rules.quantity_asset}", *(format_e8(one.lots * rules.step_e8) for one in modes)],
        ["  limited by", *(_LIMITS[one.limit] for one in modes)],
        ["Notional at mark", *(money_text(one.notional_e8) for one in modes)],
        ["Initial margin", *(money_text(one.initial_margin_e8) for one in modes)],
        ["Entry fee", *(money_text(one.entry_fee_e8) for one in modes)],
    ]
    if result.stop_e8 is not None:
        table += [
            ["Exit fee at the stop", *(money_text(one.exit_fee_e8) for one in modes)],
            ["Loss at the stop, with fees", *(money_text(one.loss_e8) for one in modes)],
        ]
    table.append(["Liquidation price", *(_liquidation(one, rules.tick_e8) for one in modes)])
    if result.stop_e8 is not None:
        table.append(["Stop", *(NONE if one.stop is None else _STOPS[one.stop] for one in modes)])
        table += _outlive_rows([one.stop_outlive for one in modes])
    if result.survive_rate_e8 is not None:
        until_e8 = next((one.survive.until_e8 for one in modes if one.survive is not None), None)
        move = percent_text(result.survive_rate_e8, is_signed=False)
        table.append([f"Survives {move}, to {price_text(until_e8, rules.tick_e8)}", *(map(_survives, modes))])
        table += _outlive_rows([one.survive for one in modes])
    return table


def money_words(result: SizeResult) -> str:
    """In what money is, and the fees."""
    fees = f"entry fee {format_rate(result.entry_fee_rate_e8, 4)}"
    if result.stop_e8 is not None:
        fees += f", exit fee {format_rate(result.exit_fee_rate_e8, 4)}"
    return f"Money in {result.rules.margin_asset}; {fees}."


def warnings(result: SizeResult) -> list[tuple[str, bool]]:
    """What each mode must be told of, and whether it is bad."""
    told: list[tuple[str, bool]] = []
    for one in result.modes:
        name = one.mode.name.lower()
        if one.lots == 0:
            told.append((f"{name}: NO SIZE FITS, {one.reason}", True))
        elif one.refusal is not Refusal.NONE:
            told.append((f"{name}: CANNOT BE OPENED, {one.reason}", True))
        if one.stop is StopOrder.BEYOND_LIQUIDATION:
            told.append((f"{name}: THE STOP IS BEYOND LIQUIDATION, {_beyond(result, one)}", True))
        if one.stop is StopOrder.NOT_FILLED:
            told.append(
                (f"{name}: THE STOP IS NOT FILLED, what is left when it is reached does not pay the exit", True)
            )
        if one.is_surviving is False:
            told.append((f"{name}: does not survive the move as it stands, {_dies(result, one)}", True))
        for outlive in (one.stop_outlive, one.survive):
            if outlive is not None and outlive.bound is not Bound.SURVIVAL:
                told.append((f"{name}: {_bound(result, outlive)}", False))
        if one.liquidation_e8 is None and one.lots and one.refusal is Refusal.NONE and one.liquidation_reason:
            told.append((f"{name}: no liquidation price, {one.liquidation_reason}", False))
    return told


def tried(result: SizeResult) -> list[str]:
    """What the engine lived: the answer, and one step further; what holds in both modes is said once."""
    told: dict[str, list[str]] = {}
    for one in result.modes:
        steps = [*one.tried]
        for outlive in (one.stop_outlive, one.survive):
            steps += outlive.tried if outlive is not None else ()
        for step in steps:
            told.setdefault(_tried(result, step), []).append(one.mode.name.lower())
    return [f"{' and '.join(modes)}, tried: {text}" for text, modes in told.items()]


def notes(result: SizeResult) -> list[str]:
    """What a reader must know beside the numbers."""
    decided = [f"decided, not sourced, in this rulebook: {', '.join(result.decisions)}"] if result.decisions else []
    return [*result.notes, *decided]


# ---- private


def _liquidation(one: SizeColumn, tick_e8: int) -> str:
    return (
        one.liquidation_reason
        if one.liquidation_reason == "needs a wallet"
        else price_text(one.liquidation_e8, tick_e8)
    )


def _survives(one: SizeColumn) -> str:
    if one.survive is None:
        return NONE
    return "needs a wallet" if one.is_surviving is None else "yes" if one.is_surviving else "NO"


def _outlive_rows(found: list[Outlive | None]) -> list[list[str]]:
    """What it takes, where somebody asked."""
    if not any(found):
        return []
    table = []
    if any(one is not None and one.mode is MarginMode.ISOLATED for one in found):
        table += [
            ["  least isolated margin for it", *(_margin(one) for one in found)],
            ["  highest leverage for it", *(_leverage(one) for one in found)],
        ]
    if any(one is not None and one.mode is MarginMode.CROSS for one in found):
        table.append(["  least free balance for it", *(_free(one) for one in found)])
    return table


def _margin(one: Outlive | None) -> str:
    return least_text(one.least_e8) if one is not None and one.mode is MarginMode.ISOLATED else ""


def _leverage(one: Outlive | None) -> str:
    if one is None or one.mode is MarginMode.CROSS:
        return ""
    return NONE if one.leverage_max is None else f"{one.leverage_max}x"


def _free(one: Outlive | None) -> str:
    return least_text(one.least_free_e8) if one is not None and one.least_free_e8 is not None else ""


def _beyond(result: SizeResult, one: SizeColumn) -> str:
    """Where it is liquidated, and what would put the stop first."""
    at = price_text(one.liquidation_e8, result.rules.tick_e8)
    stop = price_text(result.stop_e8, result.rules.tick_e8)
    assert one.stop_outlive is not None
    return f"liquidated at {at}, before {stop}; {_cure(result, one.stop_outlive)}"


def _cure(result: SizeResult, outlive: Outlive) -> str:
    asset = result.rules.margin_asset
    if outlive.mode is MarginMode.CROSS:
        return f"it takes a wallet of {least_text(outlive.least_e8)} {asset}"
    most = "no leverage puts the stop first" if outlive.leverage_max is None else f"use {outlive.leverage_max}x or less"
    if outlive.to_add_e8 is None:
        return f"{most}: it is due as it is entered, too late to add margin"
    return f"{most}, or add {least_text(outlive.to_add_e8)} {asset} of margin"


def _bound(result: SizeResult, outlive: Outlive) -> str:
    """Why it is not less, when it is not for the position to live."""
    if outlive.bound is Bound.NOTHING:
        return "no wallet is needed, the open profit of the pool is enough"
    if outlive.mode is MarginMode.CROSS:
        return f"the least balance is what opening at {result.leverage}x asks for"
    return "the least margin is what the venue takes at the highest leverage"


def _dies(result: SizeResult, one: SizeColumn) -> str:
    at = price_text(one.liquidation_e8, result.rules.tick_e8)
    assert one.survive is not None
    return f"liquidated at {at}; {_cure(result, one.survive).replace('puts the stop first', 'does')}"


def _tried(result: SizeResult, step: Tried) -> str:
    """'6x lives at 51,000.00; 7x is liquidated at 51,640.12'."""
    parts = []
    if step.at is not None:
        parts.append(f"{_value(result, step, step.value)} {_fate(result, step, step.at)}")
    if step.further is not None:
        parts.append(f"{_value(result, step, step.next_value)} {_fate(result, step, step.further)}")
    return "; ".join(parts)


def _value(result: SizeResult, step: Tried, value: int) -> str:
    if step.what is What.LOTS:
        return f"{format_e8(value * result.rules.step_e8)} {result.rules.quantity_asset}"
    if step.what is What.LEVERAGE:
        return f"{value}x"
    return f"{'a margin' if step.what is What.MARGIN else 'a wallet'} of {format_e8(value)}"


def _fate(result: SizeResult, step: Tried, trial: Trial) -> str:
    mark = price_text(trial.end_mark_e8, result.rules.tick_e8)
    if trial.fate is Fate.REFUSED:
        return f"is refused ({trial.refusal.name})"
    if trial.fate is Fate.STOPPED:
        return f"loses {format_e8(trial.loss_e8 or 0)}"
    if trial.fate is Fate.LIQUIDATED:
        return f"is liquidated at {mark}"
    return "is accepted" if step.what is What.LOTS or trial.end_mark_e8 is None else f"lives at {mark}"
