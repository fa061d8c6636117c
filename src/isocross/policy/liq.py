"""Liq: where a position dies, what it must hold and what it can cost, in both margin modes side by side.

Responsible for: composing kernel/margin.py's answers into one column per mode; the target price. The numbers are the
engine's own: the same functions, the same roundings, each fill's transfer as the engine makes it.
Must not: contain a formula, print, read a file (the rulebook's loader does); import numpy, numba or polars.

Two ways to say the position: `qty` or `margin` at `entry` is a trade to come, so it is also asked whether the wallet
could open it; one or several `fill` are what happened already, so it is not. `wallet` is the cross wallet before the
first fill, fees not yet paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..codes import MarginMode, Refusal
from ..errors import InputError
from ..kernel import margin as formulas
from ..rulebook.model import Rulebook
from ..units import ONE_E8, Amount, format_e8
from . import inputs, pool
from .exits import target_of
from .inputs import DEFAULT_RULEBOOK, Fill
from .liq_result import LiqColumn, LiqResult, PriceAnswer
from .setup import Setup, planned_fill, setup_of, terms_of_fill
from .sizing import max_open_lots, order_cost

# Columns that every answer here rests on; those that the rulebook holds by decision are named in the result.
_SYMBOL_COLUMNS = ("brackets", "tick", "step", "price_max", "min_notional")


def liq(
    symbol: str,
    side: str,
    *,
    qty: Amount | None = None,
    margin: Amount | None = None,
    entry: Amount | None = None,
    fill: Sequence[str | Sequence[Amount]] = (),
    mark: Amount | None = None,
    leverage: Amount | None = None,
    wallet: Amount | None = None,
    added_margin: Amount = 0,
    position: Sequence[str] = (),
    target: Amount | None = None,
    roe: Amount | None = None,
    pnl: Amount | None = None,
    taker: bool = True,
    fee: Amount | None = None,
    rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
    mode: str | MarginMode | None = None,
) -> LiqResult:
    """Liquidation and bankruptcy price, margins and the most that can be lost, isolated and cross side by side.

    Takes    symbol: BTCUSDT or BTC/USDT:USDT. side: long or short. The position: qty or margin, at entry; or fills,
             'QTY@PRICE [mark PRICE]' or (qty, price[, mark]). mark: entry unless said; a fill's mark is the same
             unless said. leverage: the rulebook's default. wallet: cross wallet before the first fill; without it there
             is no cross column. added_margin: put into the isolated wallet by hand. position: the pool's other cross
             positions, 'ETHUSDT short 2 @ 3000 mark 2900 10x'. At most one of target (an exit price), roe ('15%')
             and pnl. taker: False pays the maker fee at entry; fee: a rate of your own. mode: cross, isolated or both.
    Returns  LiqResult; prices and money × 10^8, `to_dict()` in exact decimal text.
    Errors   InputError and its subclasses: one line that names the thing, the value and what was expected.
    """
    book = inputs.to_rulebook(rulebook)
    rules = inputs.to_rules(book, symbol)
    is_long = inputs.to_is_long(side)
    modes = inputs.to_modes(mode)
    is_planned = not fill
    mark_e8 = None if mark is None else inputs.to_mark_e8(mark, rules)
    chosen_leverage = inputs.to_leverage(book.default_leverage if leverage is None else leverage, book, rules)
    if is_planned:
        fills: tuple[Fill, ...] = (planned_fill(book, rules, is_long, qty, margin, entry, mark_e8, chosen_leverage, taker),)
    else:
        if qty is not None or margin is not None or entry is not None:
            raise InputError("fill: says quantity and price itself; leave out --qty, --margin and --entry")
        fills = tuple(inputs.to_fill(one, rules, mark_e8) for one in fill)
    said = " (the rulebook's default)" if leverage is None else ""
    wallet_e8 = None if wallet is None else inputs.to_money_e8(wallet, "wallet", is_zero_allowed=True)
    if wallet_e8 is None and modes == (MarginMode.CROSS,):
        raise InputError("wallet: missing, and a cross position is backed by the wallet; say --wallet AMOUNT")
    added_e8 = inputs.to_money_e8(added_margin, "added-margin", is_zero_allowed=True)
    if fee is not None:
        fee_rate_e8 = inputs.to_fee_rate_e8(fee)
    else:
        fee_rate_e8 = rules.taker_fee_rate_e8 if taker else rules.maker_fee_rate_e8
    setup = setup_of(
        book=book,
        rules=rules,
        fills=fills,
        is_planned=is_planned,
        is_long=is_long,
        mark_e8=mark_e8,
        leverage=chosen_leverage,
        leverage_said=said,
        is_taker=taker,
        fee_rate_e8=fee_rate_e8,
        is_fee_own=fee is not None,
        wallet_e8=wallet_e8,
        positions=position,
    )
    isolated = _isolated_column(setup, added_e8) if MarginMode.ISOLATED in modes else None
    cross = _cross_column(setup) if MarginMode.CROSS in modes and wallet_e8 is not None else None
    return LiqResult(
        rulebook=book,
        rules=rules,
        fills=fills,
        is_planned=is_planned,
        lots=setup.lots,
        entry_e8=setup.entry_e8,
        entry_cost_e8=setup.entry_cost_e8,
        mark_e8=setup.mark_e8,
        leverage=chosen_leverage,
        is_taker=taker,
        fee_rate_e8=fee_rate_e8,
        entry_fee_e8=setup.entry_fee_e8,
        acceptance_fee_rate_e8=setup.acceptance_fee_rate_e8,
        wallet_e8=wallet_e8,
        others=setup.others,
        notional_e8=setup.notional_e8,
        isolated=isolated,
        cross=cross,
        target=target_of(setup, target, roe, pnl, [column for column in (isolated, cross) if column is not None]),
        notes=_notes(setup, modes, isolated, cross, added_e8),
        decisions=_decisions(setup, taker, fee is not None, leverage is None),
    )


def _isolated_column(setup: Setup, added_e8: int) -> LiqColumn:
    transfer_e8 = sum(cost.transfer_e8 for cost in setup.costs)
    wallet_e8 = transfer_e8 + added_e8
    balance_e8 = wallet_e8 + setup.unrealized_pnl_e8(setup.mark_e8)
    maintenance_e8 = setup.maintenance_margin_e8
    bankruptcy = _bankruptcy(setup, wallet_e8)
    refusal, reason, most = Refusal.NONE, "", None
    if setup.wallet_e8 is not None:
        available_e8 = pool.available_e8(setup.wallet_e8, setup.others)
        limit_e8 = pool.isolated_limit_e8(setup.wallet_e8, setup.others)
        most = max_open_lots(
            setup.max_open_terms,
            MarginMode.ISOLATED,
            available_e8,
            limit_e8,
            setup.fee_rate_e8,
            setup.acceptance_fee_rate_e8,
        )
        refusal, reason = _refusal(setup, MarginMode.ISOLATED, available_e8, limit_e8, added_e8)
    return LiqColumn(
        mode=MarginMode.ISOLATED,
        liquidation=_liquidation(setup, wallet_e8),
        bankruptcy=bankruptcy,
        is_due=bool(formulas.is_due(balance_e8, maintenance_e8)),
        wallet_e8=wallet_e8,
        transfer_e8=transfer_e8,
        added_margin_e8=added_e8,
        unrealized_pnl_e8=setup.unrealized_pnl_e8(setup.mark_e8),
        margin_balance_e8=balance_e8,
        initial_margin_e8=int(formulas.initial_margin_e8(setup.notional_e8, setup.leverage)),
        maintenance_margin_e8=maintenance_e8,
        pool_maintenance_margin_e8=maintenance_e8,
        effective_leverage_e8=_ratio_e8(setup.notional_e8, balance_e8),
        most_lost_e8=wallet_e8 + setup.entry_fee_e8,
        exit_fee_e8=_exit_fee_e8(setup, bankruptcy),
        max_open_lots=most,
        max_open_quantity_e8=None if most is None else most * setup.rules.step_e8,
        refusal=refusal,
        refusal_reason=reason,
    )


def _cross_column(setup: Setup) -> LiqColumn:
    assert setup.wallet_e8 is not None
    wallet_e8 = setup.wallet_e8 - setup.entry_fee_e8
    others_pnl_e8 = pool.unrealized_pnl_e8(setup.others)
    others_maintenance_e8 = pool.maintenance_margin_e8(setup.others)
    backing_e8 = wallet_e8 + others_pnl_e8
    balance_e8 = backing_e8 + setup.unrealized_pnl_e8(setup.mark_e8)
    maintenance_e8 = setup.maintenance_margin_e8
    available_e8 = pool.available_e8(setup.wallet_e8, setup.others)
    most = max_open_lots(
        setup.max_open_terms, MarginMode.CROSS, available_e8, accepted_rate_e8=setup.acceptance_fee_rate_e8
    )
    refusal, reason = _refusal(setup, MarginMode.CROSS, available_e8, available_e8, 0)
    return LiqColumn(
        mode=MarginMode.CROSS,
        liquidation=_liquidation(setup, backing_e8 - others_maintenance_e8),
        bankruptcy=_bankruptcy(setup, backing_e8),
        is_due=bool(formulas.is_due(balance_e8, maintenance_e8 + others_maintenance_e8)),
        wallet_e8=wallet_e8,
        transfer_e8=0,
        added_margin_e8=0,
        unrealized_pnl_e8=setup.unrealized_pnl_e8(setup.mark_e8),
        margin_balance_e8=balance_e8,
        initial_margin_e8=int(formulas.initial_margin_e8(setup.notional_e8, setup.leverage)),
        maintenance_margin_e8=maintenance_e8,
        pool_maintenance_margin_e8=maintenance_e8 + others_maintenance_e8,
        effective_leverage_e8=_ratio_e8(setup.notional_e8, balance_e8),
        most_lost_e8=max(0, setup.wallet_e8 + others_pnl_e8),
        exit_fee_e8=0,
        max_open_lots=most,
        max_open_quantity_e8=most * setup.rules.step_e8,
        refusal=refusal,
        refusal_reason=reason,
    )


def _liquidation(setup: Setup, backing_e8: int) -> PriceAnswer:
    """The liquidation price, `backing_e8` being what does not move with this mark (kernel/margin.py: surplus_e8)."""
    rules = setup.rules
    price_e8 = formulas.liquidation_mark_e8(
        rules.contract_kind,
        setup.lots,
        rules.step_e8,
        setup.entry_cost_e8,
        backing_e8,
        setup.mark_e8,
        rules.price_min_e8,
        rules.price_max_e8,
        rules.brackets,
        0,
        len(rules.brackets),
    )
    if price_e8 == formulas.NO_PRICE:
        return PriceAnswer(None, None, _never(setup))
    return PriceAnswer(
        price_e8, _distance_e8(price_e8, setup.mark_e8), "due at the mark" if price_e8 == setup.mark_e8 else ""
    )


def _bankruptcy(setup: Setup, backing_e8: int) -> PriceAnswer:
    """The bankruptcy price; asked of the kernel only where one lies inside the symbol's range."""
    rules = setup.rules
    low_e8, high_e8 = rules.price_min_e8, rules.price_max_e8
    best_e8, worst_e8 = (high_e8, low_e8) if setup.is_long else (low_e8, high_e8)
    if backing_e8 + setup.unrealized_pnl_e8(worst_e8) > 0:
        return PriceAnswer(None, None, _never(setup))
    if backing_e8 + setup.unrealized_pnl_e8(best_e8) <= 0:
        return PriceAnswer(None, None, "nothing is left of the margin at any price")
    price_e8 = int(
        formulas.bankruptcy_mark_e8(
            rules.contract_kind,
            setup.lots,
            rules.step_e8,
            setup.entry_cost_e8,
            backing_e8,
            low_e8,
            high_e8,
        )
    )
    if price_e8 == formulas.NO_PRICE:  # a long whose margin is its whole entry value
        return PriceAnswer(None, None, _never(setup))
    return PriceAnswer(price_e8, _distance_e8(price_e8, setup.mark_e8))


def _never(setup: Setup) -> str:
    return inputs.outlasts_text(setup.rules, setup.is_long)


def _refusal(setup: Setup, mode: MarginMode, available_e8: int, limit_e8: int, added_e8: int) -> tuple[Refusal, str]:
    """What the engine would answer to the planned order, then to the added margin (design §5.4, §5.5)."""
    if not setup.is_planned:
        return Refusal.NONE, ""
    fill, least_e8 = setup.fills[0], setup.rules.min_notional_e8
    terms = terms_of_fill(setup.book, setup.rules, setup.is_long, fill, setup.leverage, setup.is_taker)
    cost = order_cost(terms, fill.lots, setup.fee_rate_e8, setup.acceptance_fee_rate_e8)
    worth_e8 = int(
        formulas.fill_value_down_e8(setup.rules.contract_kind, fill.lots, fill.price_ticks, setup.rules.tick_value_e8)
    )
    if worth_e8 < least_e8:
        return Refusal.NOTIONAL_TOO_SMALL, f"an order of {format_e8(worth_e8)} is below the least, {format_e8(least_e8)}"
    if cost.required_e8 > available_e8:
        return Refusal.MARGIN_INSUFFICIENT, (
            f"opening asks for {format_e8(cost.required_e8)} (margin, open loss, fee), "
            f"available is {format_e8(available_e8)}"
        )
    if mode is MarginMode.CROSS:
        return Refusal.NONE, ""
    asked_e8 = max(cost.required_e8, cost.transfer_e8 + cost.fee_e8)
    if asked_e8 > limit_e8:
        return Refusal.MARGIN_INSUFFICIENT, (
            f"{format_e8(asked_e8)} would leave the cross wallet (margin, fee), "
            f"which may give {format_e8(limit_e8)}"
        )
    assert setup.wallet_e8 is not None
    rest_e8 = pool.isolated_limit_e8(setup.wallet_e8 - cost.transfer_e8 - setup.entry_fee_e8, setup.others)
    if added_e8 > rest_e8:
        return Refusal.MARGIN_ADD_TOO_LARGE, (
            f"{format_e8(added_e8)} of margin cannot be added, {format_e8(max(0, rest_e8))} is left to add"
        )
    return Refusal.NONE, ""


def _exit_fee_e8(setup: Setup, bankruptcy: PriceAnswer) -> int:
    """The taker fee of closing everything at the bankruptcy price; 0 where there is none."""
    if bankruptcy.price_e8 is None:
        return 0
    rules = setup.rules
    value_e8 = formulas.notional_e8(rules.contract_kind, setup.lots, rules.step_e8, bankruptcy.price_e8)
    return int(formulas.rate_up_e8(value_e8, setup.acceptance_fee_rate_e8))


def _notes(
    setup: Setup,
    modes: Sequence[MarginMode],
    isolated: LiqColumn | None,
    cross: LiqColumn | None,
    added_e8: int,
) -> tuple[str, ...]:
    """What a reader must know beside the numbers, one sentence each."""
    notes = []
    asset = setup.rules.margin_asset
    if isolated is not None:
        notes.append(
            "isolated: the most that can be lost is the margin and the entry fee"
            + (
                f"; closing by hand adds its own fee, at most {format_e8(isolated.exit_fee_e8)} {asset}"
                if isolated.exit_fee_e8
                else ""
            )
        )
    if cross is not None:
        alone = "" if setup.others else " (none are given here)"
        notes.append(
            f"cross: the liquidation price depends on the rest of the pool{alone}, at their marks; "
            "the most that can be lost is the pool's balance"
        )
        if added_e8:
            notes.append("cross: margin is added to isolated positions only; the wallet backs this one already")
    elif MarginMode.CROSS in modes:
        notes.append("cross: say --wallet, a cross position is backed by the whole wallet")
    if not setup.is_planned:
        notes.append("fills: taken as having happened; whether the wallet could open them is not asked")
    if setup.rules.is_template:
        notes.append(f"{setup.rules.symbol}: rules made from a template, not from the venue's own row")
    notes.extend(setup.rules.notes)
    return tuple(notes)


def _decisions(setup: Setup, is_taker: bool, is_fee_own: bool, is_leverage_default: bool) -> tuple[str, ...]:
    """The columns this answer rests on that the rulebook holds by decision, not by a source."""
    used = {"isolated_fill_basis", "fee_basis", *_SYMBOL_COLUMNS}
    if not is_fee_own:
        used.add("taker_fee_rate" if is_taker else "maker_fee_rate")
    if is_leverage_default:
        used.add("default_leverage")
    return tuple(sorted(used & (setup.book.decisions | setup.rules.decisions)))


def _distance_e8(price_e8: int, mark_e8: int) -> int:
    """(price − mark) ÷ mark × 10^8, cut towards zero: a distance is never shown larger than it is."""
    size_e8 = abs(price_e8 - mark_e8) * ONE_E8 // mark_e8
    return size_e8 if price_e8 >= mark_e8 else -size_e8


def _ratio_e8(notional_e8: int, balance_e8: int) -> int | None:
    return notional_e8 * ONE_E8 // balance_e8 if balance_e8 > 0 else None
