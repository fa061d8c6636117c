"""Exits: what closing the position at a price pays, and the price that pays what is wanted.

Responsible for: Target, by price, by return (ROE) or by money. Must not: contain a formula, choose a margin mode.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..kernel import margin as formulas
from ..units import ONE_E8, Amount, format_e8
from . import inputs
from .liq_result import LiqColumn, Target
from .setup import Setup
from .sizing import closing_value_e8, signed_cost_e8


def target_of(
    setup: Setup,
    target: Amount | None,
    roe: Amount | None,
    pnl: Amount | None,
    columns: Sequence[LiqColumn],
) -> Target | None:
    """The exit asked for, by price, by return or by money."""
    if sum(one is not None for one in (target, roe, pnl)) > 1:
        raise InputError("target: say at most one of --target, --roe and --pnl")
    rules = setup.rules
    basis_e8 = int(formulas.initial_margin_e8(abs(setup.entry_cost_e8), setup.leverage))
    if target is not None:
        ticks = inputs.to_price_ticks(target, rules, "target")
        return _exit(setup, "target", ticks * rules.tick_e8, ticks, basis_e8, columns)
    if roe is not None:
        rate_e8 = inputs.to_return_e8(roe)
        wanted_e8 = int(formulas.rate_up_e8(basis_e8, rate_e8)) if rate_e8 >= 0 else -(basis_e8 * -rate_e8 // ONE_E8)
        return _exit_for(setup, "roe", rate_e8, wanted_e8, basis_e8, columns)
    if pnl is not None:
        wanted_e8 = inputs.to_signed_money_e8(pnl, "pnl")
        return _exit_for(setup, "pnl", wanted_e8, wanted_e8, basis_e8, columns)
    return None


def _exit_for(
    setup: Setup,
    asked: str,
    said_e8: int,
    wanted_pnl_e8: int,
    basis_e8: int,
    columns: Sequence[LiqColumn],
) -> Target:
    """The worst tick that still pays the PnL: a bankruptcy limit with the wanted PnL taken out of nothing."""
    rules = setup.rules
    ticks = int(
        formulas.bankruptcy_limit_ticks(
            rules.contract_kind,
            setup.lots,
            setup.entry_cost_e8,
            -wanted_pnl_e8,
            rules.tick_value_e8,
            rules.price_min_ticks,
            rules.price_max_ticks,
        )
    )
    if rules.is_inverse:
        ticks, reason = _inverse_exit(setup, ticks, wanted_pnl_e8)
    else:
        reason = _why_no_linear_exit(setup, ticks, wanted_pnl_e8)
    if reason:
        return Target(asked, said_e8, None, None, None, None, basis_e8, reason)
    return _exit(setup, asked, said_e8, ticks, basis_e8, columns)


def _why_no_linear_exit(setup: Setup, ticks: int, wanted_pnl_e8: int) -> str:
    """Why no price pays it; "" where the tick does."""
    rules = setup.rules
    if ticks < 1:
        return "a short earns at most its entry value, at a price of 0"
    if ticks > rules.price_max_ticks:
        return f"it takes a price above {format_e8(rules.price_max_e8)}, the highest of {rules.symbol}"
    if setup.is_long and wanted_pnl_e8 <= -setup.entry_cost_e8:
        return f"a long loses at most its entry value, {format_e8(setup.entry_cost_e8)}"
    if not setup.is_long and ticks == rules.price_max_ticks and wanted_pnl_e8 <= _pnl_at_e8(setup, ticks + 1):
        return f"it takes a price above {format_e8(rules.price_max_e8)}, the highest of {rules.symbol}"
    return ""


def _inverse_exit(setup: Setup, ticks: int, wanted_pnl_e8: int) -> tuple[int, str]:
    """The worst tick that pays it, near one that a limit's rounding names; why there is none.

    A limit owes the fraction of a unit, a taker who closes is given it: the tick one worse may pay enough too.
    """
    rules = setup.rules
    low, high = rules.price_min_ticks, rules.price_max_ticks
    best, worst = (high, low) if setup.is_long else (low, high)
    worse = -1 if setup.is_long else 1
    if _pnl_at_e8(setup, best) < wanted_pnl_e8:
        end = "highest" if setup.is_long else "lowest"
        earned = format_e8(_pnl_at_e8(setup, best))
        return 0, f"at {format_e8(best * rules.tick_e8)}, the {end} price of {rules.symbol}, it earns {earned}"
    if _pnl_at_e8(setup, worst) > wanted_pnl_e8:
        end = "lowest" if setup.is_long else "highest"
        lost = format_e8(-_pnl_at_e8(setup, worst))
        return 0, f"at {format_e8(worst * rules.tick_e8)}, the {end} price of {rules.symbol}, it loses {lost}"
    ticks = min(max(ticks, low), high)
    while _pnl_at_e8(setup, ticks) < wanted_pnl_e8:
        ticks -= worse
    while ticks != worst and _pnl_at_e8(setup, ticks + worse) >= wanted_pnl_e8:
        ticks += worse
    return ticks, ""


def _exit(
    setup: Setup,
    asked: str,
    said_e8: int,
    ticks: int,
    basis_e8: int,
    columns: Sequence[LiqColumn],
) -> Target:
    """What closing everything at a tick pays, and which modes die on the way there."""
    rules = setup.rules
    price_e8 = ticks * rules.tick_e8
    pnl_e8 = _pnl_at_e8(setup, ticks)
    exit_fee_e8 = int(formulas.rate_up_e8(_value_e8(setup, ticks), setup.acceptance_fee_rate_e8))
    dead = tuple(
        column.mode
        for column in columns
        if column.liquidation.price_e8 is not None
        and (price_e8 <= column.liquidation.price_e8 if setup.is_long else price_e8 >= column.liquidation.price_e8)
    )
    return Target(
        asked=asked,
        wanted_e8=said_e8,
        price_e8=price_e8,
        pnl_e8=pnl_e8,
        pnl_after_fees_e8=pnl_e8 - setup.entry_fee_e8 - exit_fee_e8,
        roe_e8=pnl_e8 * ONE_E8 // basis_e8,
        roe_basis_e8=basis_e8,
        liquidated_before=dead,
    )


def _pnl_at_e8(setup: Setup, ticks: int) -> int:
    """Realized PnL of closing everything at an order price as taker, before fees."""
    return signed_cost_e8(setup.rules, setup.is_long, _value_e8(setup, ticks)) - setup.entry_cost_e8


def _value_e8(setup: Setup, ticks: int) -> int:
    return closing_value_e8(setup.rules, setup.is_long, abs(setup.lots), ticks)
