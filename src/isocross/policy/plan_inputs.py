"""Plan inputs: a trade to come and its risk budget from a caller's words, or the first thing that is wrong with them.

Responsible for: a Plan whose stop loses, whose pool lives and whose positions fills can have made; the budget.
Must not: choose a size, compute a margin.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import AmountError, InputError
from ..rulebook.model import Rulebook, SymbolRules
from ..units import ONE_E8, Amount, format_e8
from . import inputs, pool
from .plan import Plan
from .pool import PoolPosition
from .trial import on_the_grid


def to_plan(
    book: Rulebook,
    rules: SymbolRules,
    is_long: bool,
    entry: Amount,
    stop: Amount | None,
    mark: Amount | None,
    leverage: Amount | None,
    wallet: Amount | None,
    positions: Sequence[str],
    is_taker: bool,
) -> Plan:
    """The trade without its size, or the first thing that is wrong with it."""
    price_ticks = inputs.to_price_ticks(entry, rules, "entry")
    mark_e8 = price_ticks * rules.tick_e8 if mark is None else inputs.to_mark_e8(mark, rules)
    stop_ticks = None
    if stop is not None:
        stop_ticks = inputs.to_price_ticks(stop, rules, "stop")
        _check_stop_side(rules, is_long, stop_ticks, price_ticks, mark_e8)
    plan = Plan(
        book=book,
        rules=rules,
        is_long=is_long,
        price_ticks=price_ticks,
        mark_e8=mark_e8,
        leverage=inputs.to_leverage(book.default_leverage if leverage is None else leverage, book, rules),
        is_maker=not is_taker,
        stop_ticks=stop_ticks,
        wallet_e8=None if wallet is None else inputs.to_money_e8(wallet, "wallet", is_zero_allowed=True),
        others=tuple(_other(one) for one in inputs.to_pool(positions, book, rules, 0)),
    )
    if plan.wallet_e8 is not None and plan.others:
        _check_pool_lives(plan, plan.wallet_e8)
    return plan


def _check_stop_side(rules: SymbolRules, is_long: bool, stop_ticks: int, price_ticks: int, mark_e8: int) -> None:
    """A stop loses: it lies beyond the entry, and beyond the mark as a trigger sees it, or it would act at once."""
    stop_e8, entry_e8 = stop_ticks * rules.tick_e8, price_ticks * rules.tick_e8
    seen_e8 = mark_e8 // rules.tick_e8 * rules.tick_e8  # triggers watch the mark cut to whole ticks
    nearest_e8 = min(entry_e8, seen_e8) if is_long else max(entry_e8, seen_e8)
    if stop_e8 >= nearest_e8 if is_long else stop_e8 <= nearest_e8:
        side, where = ("long", "below") if is_long else ("short", "above")
        name = "entry" if nearest_e8 == entry_e8 else "mark"
        cut = ", the mark cut to whole ticks" if name == "mark" and seen_e8 != mark_e8 else ""
        raise InputError(
            f"stop: {format_e8(stop_e8)} is on the wrong side: for a {side} it lies {where} the {name}, "
            f"{format_e8(nearest_e8)}{cut}"
        )


def _other(position: PoolPosition) -> PoolPosition:
    """One of the pool's positions, at an entry that fills can have made."""
    if position.entry_e8 < position.rules.tick_e8:
        raise AmountError(
            f"position entry: {format_e8(position.entry_e8)} is below {format_e8(position.rules.tick_e8)}, the least "
            f"price of {position.rules.symbol}"
        )
    return on_the_grid(position)


def _check_pool_lives(plan: Plan, wallet_e8: int) -> None:
    balance_e8 = wallet_e8 + pool.unrealized_pnl_e8(plan.others)
    needed_e8 = pool.maintenance_margin_e8(plan.others)
    if balance_e8 <= needed_e8:
        raise InputError(
            f"wallet: {format_e8(wallet_e8)} with these positions is due for liquidation already: balance "
            f"{format_e8(balance_e8)}, maintenance {format_e8(needed_e8)}"
        )


def to_budget_e8(risk: Amount, wallet_e8: int | None) -> int:
    """Money, or a share of the wallet rounded down."""
    if not (isinstance(risk, str) and risk.strip().endswith("%")):
        return inputs.to_money_e8(risk, "risk")
    if wallet_e8 is None:
        raise InputError(f"risk: {risk} is a share of the wallet; say --wallet AMOUNT, or --risk as money")
    return wallet_e8 * inputs.to_share_e8(risk, "risk") // ONE_E8
