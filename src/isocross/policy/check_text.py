"""Check text: the words of `check`: a checked order, and an account's contracts on one screen.

Responsible for: text for people. Must not: judge, print, know the terminal.
"""

from __future__ import annotations

from ..answer import Shown, Table
from ..answer.words import leverage_text, money_in, money_text, price_text
from ..codes import MarginMode, Refusal
from ..units import format_e8, format_time
from .check_result import CheckResult, Contract, ContractsResult
from .checklist_file import Verdict


def shown(result: CheckResult) -> Shown:
    """What people see of a checked order."""
    notes = [f"{rule.verdict.name} {rule.rule}: {rule.reason}" for rule in result.rules]
    return Shown(title(result), (Table(("", "now", "after"), rows(result)),), verdict_words(result), notes)


def title(result: CheckResult) -> str:
    """'BTCUSDT buy 0.083 BTC at market, stop 57,500.00; account 2'."""
    order, rules = result.order, result.aftermath.rules
    price = price_text(order.price_ticks * rules.tick_e8, rules.tick_e8) if order.price_ticks else "market"
    quantity = f"{format_e8(order.lots * rules.step_e8)} {rules.quantity_asset}"
    parts = [f"{rules.symbol} {order.side.name.lower()} {quantity} at {price}"]
    if order.is_reduce_only:
        parts.append("reduce-only")
    if result.aftermath.stop_ticks is not None:
        whose = "stop" if order.stop_ticks is not None else "open stop"
        parts.append(f"{whose} {price_text(result.aftermath.stop_ticks * rules.tick_e8, rules.tick_e8)}")
    return f"{', '.join(parts)}; account {result.account}"


def verdict_words(result: CheckResult) -> str:
    """The verdict with how many rules stand behind it."""
    asked = f"{len(result.rules)} rule{'' if len(result.rules) == 1 else 's'} of {result.policy!r} asked"
    blocks, warns = (sum(rule.verdict is one for rule in result.rules) for one in (Verdict.BLOCK, Verdict.WARN))
    return f"{result.verdict.name}: {asked}, {blocks} block, {warns} warn. Nothing was sent."


def rows(result: CheckResult) -> list[list[str]]:
    """The account now and once the order is filled."""
    found = result.aftermath
    rules, before, after = found.rules, found.before, found.after
    step_e8, tick_e8, asset = rules.step_e8, rules.tick_e8, rules.margin_asset
    if found.refusal is not Refusal.NONE:
        return [["Position, " + rules.quantity_asset, format_e8(before.lots * step_e8), "refused"]]
    return [
        [f"Position, {rules.quantity_asset}", format_e8(before.lots * step_e8), format_e8(after.lots * step_e8)],
        ["Margin mode", *(one.margin_mode.name.lower() for one in (before, after))],
        ["Liquidation price", *(price_text(one.liquidation_mark_e8, tick_e8) for one in (before, after))],
        ["Balance behind it", *(_money(one.margin_balance_e8, asset) if one.lots else "none" for one in (before, after))],
        ["Equity", *(_money(one.equity_e8, asset) for one in (found.wallet_before, found.wallet_after))],
        ["Available", *(_money(one.available_e8, asset) for one in (found.wallet_before, found.wallet_after))],
    ]


# ---- an account's contracts


def contracts_shown(result: ContractsResult) -> Shown:
    """What people see of an account."""
    table = Table(CONTRACTS_HEAD, contract_rows(result))
    return Shown(contracts_title(result), (table,), notes=contract_notes(result))


CONTRACTS_HEAD = ("contract", "mode", "leverage", "eff.", "worst loss")


def contracts_title(result: ContractsResult) -> str:
    """'Account 2 under binance-usdm, 12 contracts, at 2026-01-01 00:00 UTC'."""
    when = f", at {format_time(result.time_ms)}" if result.time_ms else ""
    return f"Account {result.account} under {result.rulebook}, {len(result.contracts)} contracts{when}"


def contract_rows(result: ContractsResult) -> list[list[str]]:
    """A row per contract: mode and leverage with whose choice they are."""
    return [
        [
            one.rules.symbol,
            f"{one.settings.margin_mode.name.lower()}, {one.mode_is}",
            f"{one.settings.leverage}x, {one.leverage_is}",
            leverage_text(one.effective_leverage_e8) if one.lots else "flat",
            _money(one.worst_loss_e8, one.rules.margin_asset) if one.lots else "",
        ]
        for one in result.contracts
    ]


def contract_notes(result: ContractsResult) -> list[str]:
    """What is open, what a trade in a flat cross contract would stake, what is not confirmed."""
    told = [_open_words(one) for one in result.contracts if one.lots]
    for pool in result.pools:
        told.append(
            f"{pool.asset}: equity {_money(pool.equity_e8, pool.asset)}; a cross trade stakes the pool, "
            f"{_money(max(0, pool.balance_e8), pool.asset)}, {_positions(pool.position_count)} open in it"
        )
    unconfirmed = [one.rules.symbol for one in result.contracts if one.confirmed_by is None]
    if unconfirmed:
        names = "every contract" if len(unconfirmed) == len(result.contracts) else ", ".join(unconfirmed)
        told.append(f"margin mode neither set nor acknowledged in this session: {names}")
    return told


def _open_words(one: Contract) -> str:
    side = "long" if one.lots > 0 else "short"
    due = price_text(one.liquidation_e8, one.rules.tick_e8)
    stop = "NO STOP is set"
    if one.stop_ticks is not None:
        stop = f"stop at {price_text(one.stop_ticks * one.rules.tick_e8, one.rules.tick_e8)}"
    backed = (
        "the whole pool is behind it" if one.settings.margin_mode == MarginMode.CROSS else "its margin is all it has"
    )
    quantity = format_e8(abs(one.lots) * one.rules.step_e8)
    return f"{one.rules.symbol}: {side} {quantity} {one.rules.quantity_asset}, liquidation at {due}, {stop}; {backed}"


def _money(money_e8: int | None, asset: str) -> str:
    with money_in(asset):
        return money_text(money_e8)


def _positions(count: int) -> str:
    return "no position" if count == 0 else f"{count} position{'' if count == 1 else 's'}"
