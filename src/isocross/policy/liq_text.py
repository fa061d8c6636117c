"""Liq text: the words of `liq`: its heading, its table, its target, why a price is none.

Responsible for: text for people; all but `shown` inside answer.words.money_in the margin asset. Must not: compute, print, know
the terminal.
"""

from __future__ import annotations

from ..answer import Shown, Table
from ..answer.words import leverage_text, money_in, money_text, percent_text, price_text
from ..codes import MarginMode, Refusal
from ..units import format_e8, format_rate
from .liq_result import LiqColumn, LiqResult, Target


def shown(result: LiqResult) -> Shown:
    """What people see of it."""
    with money_in(result.rules.margin_asset):
        table = Table(("", *(mode.mode.name.lower() for mode in result.modes)), rows(result))
        told = [money_words(result)]
        if result.target is not None:
            told.append(target_words(result, result.target))
        warned = [text for text, _ in warnings(result)]
        return Shown(title(result), (table,), " ".join(told), (*warned, *notes(result)))


def title(result: LiqResult) -> str:
    """'BTCUSDT long 0.083 BTC at 60,000.00, mark 60,000.00, 10x'."""
    tick_e8 = result.rules.tick_e8
    return (
        f"{result.rules.symbol} {result.side} {format_e8(result.quantity_e8)} {result.rules.quantity_asset} "
        f"at {price_text(result.entry_e8, tick_e8)}, mark {price_text(result.mark_e8, tick_e8)}, {result.leverage}x"
    )


def rows(result: LiqResult) -> list[list[str]]:
    """The table: a label and a cell per mode."""
    tick_e8, modes = result.rules.tick_e8, result.modes
    table = [
        ["Liquidation price", *(price_text(mode.liquidation.price_e8, tick_e8) for mode in modes)],
        ["  from mark", *(percent_text(mode.liquidation.distance_e8, none="") for mode in modes)],
        ["Bankruptcy price", *(price_text(mode.bankruptcy.price_e8, tick_e8) for mode in modes)],
        ["  from mark", *(percent_text(mode.bankruptcy.distance_e8, none="") for mode in modes)],
        ["Initial margin", *(money_text(mode.initial_margin_e8) for mode in modes)],
        ["Maintenance margin", *(money_text(mode.maintenance_margin_e8) for mode in modes)],
    ]
    if result.others and result.cross is not None:
        table.append(["  of the whole pool", *(_pool_maintenance(mode) for mode in modes)])
    return [
        *table,
        ["Margin balance", *(money_text(mode.margin_balance_e8) for mode in modes)],
        ["Unrealized PnL", *(money_text(mode.unrealized_pnl_e8) for mode in modes)],
        ["Effective leverage", *(leverage_text(mode.effective_leverage_e8) for mode in modes)],
        ["Most that can be lost", *(money_text(mode.most_lost_e8) for mode in modes)],
        [f"Max open, {result.rules.quantity_asset}", *(_max_open(mode) for mode in modes)],
    ]


def money_words(result: LiqResult) -> str:
    """In what money is, and what the entry costs."""
    return (
        f"Money in {result.rules.margin_asset}. Notional at mark {money_text(result.notional_e8)}; entry fee "
        f"{money_text(result.entry_fee_e8)} ({format_rate(result.fee_rate_e8, 4)})."
    )


def target_words(result: LiqResult, target: Target) -> str:
    """What the target pays, or why there is none."""
    if target.price_e8 is None or target.roe_e8 is None:
        return f"Target: none, {target.reason}."
    price = price_text(target.price_e8, result.rules.tick_e8)
    return (
        f"Target: closing at {price} pays {money_text(target.pnl_e8)}, ROE {percent_text(target.roe_e8)}; "
        f"{money_text(target.pnl_after_fees_e8)} after fees."
    )


def warnings(result: LiqResult) -> list[tuple[str, bool]]:
    """What each mode must be told of, and whether it is bad."""
    told: list[tuple[str, bool]] = []
    if result.target is not None and result.target.price_e8 is not None and result.target.roe_e8 is not None:
        before = "the liquidation price comes BEFORE this target"
        told += [(f"{mode.name.lower()}: {before}", True) for mode in result.target.liquidated_before]
    for mode in result.modes:
        name = mode.mode.name.lower()
        if mode.is_due:
            told.append((f"{name}: DUE, it would be liquidated at this mark", True))
        if mode.refusal is not Refusal.NONE:
            told.append((f"{name}: CANNOT BE OPENED, {mode.refusal_reason}", True))
        told += [(f"{name}: {text}", False) for text in _without_price(mode)]
    return told


def notes(result: LiqResult) -> list[str]:
    """What a reader must know beside the numbers."""
    decided = [f"decided, not sourced, in this rulebook: {', '.join(result.decisions)}"] if result.decisions else []
    return [*result.notes, *decided]


def _without_price(mode: LiqColumn) -> list[str]:
    """Why a price is none; one sentence where both are, for the same reason."""
    absent = {"liquidation": mode.liquidation, "bankruptcy": mode.bankruptcy}
    reasons = {word: price.reason for word, price in absent.items() if price.price_e8 is None}
    if len(reasons) == 2 and len(set(reasons.values())) == 1:
        return [f"no liquidation and no bankruptcy price, {mode.liquidation.reason}"]
    return [f"no {word} price, {reason}" for word, reason in reasons.items()]


def _pool_maintenance(mode: LiqColumn) -> str:
    return money_text(mode.pool_maintenance_margin_e8) if mode.mode is MarginMode.CROSS else ""


def _max_open(mode: LiqColumn) -> str:
    return "needs a wallet" if mode.max_open_quantity_e8 is None else format_e8(mode.max_open_quantity_e8)
