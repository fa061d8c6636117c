"""Liquidation: one due pocket, from the cancelled orders to the end of its story.

Responsible for: the steps of docs/reference/commands.md "The tail and liquidation": cancel, reduce in the book, hand
over, fee, what moves back. Must not: choose which pocket comes first (judge.py), or rank counterparties (adl.py).
"""

from __future__ import annotations

from ..codes import (
    CrossLiquidationOrder,
    EventKind,
    LiquidationLadder,
    LiquidationStep,
    MarginMode,
    Reason,
    RemainderTo,
    Side,
)
from .adl import hand_over
from .book import free_order_row, new_order_row
from .events import emit_margin_moved, emit_position, emit_wallet, new_event, touch, wallet_row
from .jit import kernel
from .margin import (
    bankruptcy_limit_ticks,
    cumulative_split,
    is_due,
    notional_e8,
    rate_up_e8,
    signed_value_e8,
)
from .matching import cancel_orders_of, match, min_of
from .pockets import isolated_balance, maintenance_of_lots_e8, pool_balance, position_upnl_e8
from .schema import FUND_ACCOUNT, NO_ROW


@kernel
def _emit_started(s, account, asset, p, balance, maintenance):
    symbol = NO_ROW
    if p != NO_ROW:
        symbol = s.positions[p].symbol
    event_edit = new_event(s, EventKind.LIQUIDATION_STARTED, account, symbol)
    event_edit.asset = asset
    event_edit.balance_e8 = balance
    event_edit.maintenance_e8 = maintenance
    if p != NO_ROW:
        event_edit.margin_mode = MarginMode.ISOLATED
        event_edit.position_side = s.positions[p].position_side
        event_edit.lots = s.positions[p].lots
        event_edit.mark_e8 = s.symbols[symbol].mark_e8


@kernel
def _emit_ended(s, account, asset, symbol, mode, step, balance, maintenance):
    event_edit = new_event(s, EventKind.LIQUIDATION_ENDED, account, symbol)
    event_edit.asset = asset
    event_edit.margin_mode = mode
    event_edit.code = step
    event_edit.balance_e8 = balance
    event_edit.maintenance_e8 = maintenance


@kernel
def _is_cured_by(s, p, lots, balance, other_maintenance, fee_owed):
    """Whether closing `lots` of a position at mark leaves the judged balance above maintenance after the fee (F19)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    closed = notional_e8(symbol.contract_kind, lots, symbol.step_e8, symbol.mark_e8)
    fee = fee_owed + rate_up_e8(closed, symbol.liquidation_fee_rate_e8)
    rest = maintenance_of_lots_e8(s, position.symbol, abs(position.lots) - lots)
    return balance - fee > other_maintenance + rest


@kernel
def lots_to_liquidate(s, p, balance, other_maintenance, fee_owed):
    """The fewest lots whose close at mark cures the pocket, or all of them (F19)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    whole = abs(position.lots)
    if s.engine[0].liquidation_ladder == LiquidationLadder.ALL:
        return whole
    floor = -1
    for b in range(symbol.first_bracket, symbol.first_bracket + symbol.bracket_count):
        if floor < 0 and s.brackets[b].rate_e8 > symbol.liquidation_fee_rate_e8:
            floor = s.brackets[b].floor_e8
    if floor < 0:
        return whole
    keep = 0  # the most lots whose notional is within the floor
    too_many = whole + 1
    while too_many - keep > 1:
        middle = (keep + too_many) // 2
        if notional_e8(symbol.contract_kind, middle, symbol.step_e8, symbol.mark_e8) <= floor:
            keep = middle
        else:
            too_many = middle
    most = whole - keep
    if most < 1 or not _is_cured_by(s, p, most, balance, other_maintenance, fee_owed):
        return whole
    not_enough = 0
    while most - not_enough > 1:
        middle = (most + not_enough) // 2
        if _is_cured_by(s, p, middle, balance, other_maintenance, fee_owed):
            most = middle
        else:
            not_enough = middle
    return most


@kernel
def _reduce_in_book(s, p, lots, backing):
    """One immediate-or-cancel order limited by the bankruptcy price. Returns (filled lots, filled value)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    side = Side.SELL
    if position.lots < 0:
        side = Side.BUY
    limit_ticks = bankruptcy_limit_ticks(
        symbol.contract_kind,
        position.lots,
        position.entry_cost_e8,
        backing,
        symbol.tick_value_e8,
        symbol.price_max_ticks,
    )
    event_edit = new_event(s, EventKind.LIQUIDATION_ORDER, position.account, position.symbol)
    event_edit.side = side
    event_edit.price_ticks = limit_ticks
    event_edit.lots = lots
    o = new_order_row(s)
    order_edit = s.orders.edit(o)
    order_edit.account = position.account
    order_edit.symbol = position.symbol
    order_edit.position = p
    order_edit.side = side
    order_edit.price_ticks = limit_ticks
    order_edit.lots = lots
    order_edit.original_lots = lots
    order_edit.is_reduce_only = 1
    match(s, o, True)
    filled = lots - s.orders[o].lots
    value = s.orders[o].filled_value_e8
    free_order_row(s, o)
    return filled, value


@kernel
def _pay_fund(s, asset, amount, reason):
    wallet_edit = s.wallets.edit(wallet_row(s, FUND_ACCOUNT, asset))
    wallet_edit.cross_wallet_e8 += amount
    emit_wallet(s, FUND_ACCOUNT, asset, reason, amount, wallet_edit.cross_wallet_e8)


@kernel
def _emit_fee(s, account, asset, symbol, mode, fee):
    event_edit = new_event(s, EventKind.LIQUIDATION_FEE, account, symbol)
    event_edit.asset = asset
    event_edit.margin_mode = mode
    event_edit.fee_e8 = fee


@kernel
def liquidate_isolated(s, p):
    """One liquidation of an isolated position that is due. Touches no other position of its account."""
    position = s.positions[p]
    account = position.account
    symbol_row = position.symbol
    symbol = s.symbols[symbol_row]
    asset = symbol.asset
    balance, maintenance = isolated_balance(s, p)
    assert position.lots != 0
    assert is_due(balance, maintenance)
    _emit_started(s, account, asset, p, balance, maintenance)
    cancel_orders_of(s, p, Reason.LIQUIDATION)
    step = LiquidationStep.CURED
    fee_owed = 0
    while position.lots != 0 and is_due(balance, maintenance):
        lots = lots_to_liquidate(s, p, balance, 0, fee_owed)
        filled, value = _reduce_in_book(s, p, lots, position.isolated_wallet_e8)
        fee_owed += rate_up_e8(value, symbol.liquidation_fee_rate_e8)
        if position.lots == 0:
            step = LiquidationStep.CLOSED_IN_BOOK
            break
        balance, maintenance = isolated_balance(s, p)
        if filled < lots and is_due(balance, maintenance):
            hand_over(s, p, position.entry_cost_e8 - position.isolated_wallet_e8)
            assert position.isolated_wallet_e8 == 0
            step = LiquidationStep.TAKEN_OVER
            break
    _settle_isolated(s, p, asset, step, fee_owed)
    touch(s, account)


@kernel
def _settle_isolated(s, p, asset, step, fee_owed):
    """Fee, what moves back, LIQUIDATION_ENDED."""
    position = s.positions[p]
    balance = 0
    maintenance = 0
    if step == LiquidationStep.TAKEN_OVER:
        fee = 0
    elif position.lots == 0:
        fee = min_of(fee_owed, position.isolated_wallet_e8)
    else:
        balance, maintenance = isolated_balance(s, p)
        fee = min_of(fee_owed, balance - maintenance - 1)
    assert position.isolated_wallet_e8 >= 0 or position.lots != 0
    assert fee >= 0
    if fee > 0:
        position_edit = s.positions.edit(p)
        position_edit.isolated_wallet_e8 -= fee
        balance -= fee
        _emit_fee(s, position.account, asset, position.symbol, MarginMode.ISOLATED, fee)
        emit_position(s, p)
        _pay_fund(s, asset, fee, Reason.LIQUIDATION_FEE)
    if position.lots == 0:
        balance = 0
        rest = position.isolated_wallet_e8
        if rest > 0:
            position_edit = s.positions.edit(p)
            position_edit.isolated_wallet_e8 = 0
            emit_margin_moved(s, p, Reason.REST_AFTER_LIQUIDATION, -rest)
            emit_position(s, p)
            if s.engine[0].remainder_to == RemainderTo.INSURANCE_FUND:
                _pay_fund(s, asset, rest, Reason.REST_AFTER_LIQUIDATION)
            else:
                wallet_edit = s.wallets.edit(wallet_row(s, position.account, asset))
                wallet_edit.cross_wallet_e8 += rest
                emit_wallet(
                    s, position.account, asset, Reason.REST_AFTER_LIQUIDATION, rest, wallet_edit.cross_wallet_e8
                )
    _emit_ended(s, position.account, asset, position.symbol, MarginMode.ISOLATED, step, balance, maintenance)


@kernel
def _is_cross_holding(s, p, asset):
    """Whether a position row backs onto the cross pool of an asset and has lots."""
    position = s.positions[p]
    return (
        position.lots != 0
        and position.margin_mode == MarginMode.CROSS
        and s.symbols[position.symbol].asset == asset
    )


@kernel
def _rank_in_pool(s, p):
    """What the column cross_liquidation_order ranks a position by, highest first."""
    position = s.positions[p]
    order = s.engine[0].cross_liquidation_order
    if order == CrossLiquidationOrder.LARGEST_LOSS:
        return -position_upnl_e8(s, p)
    if order == CrossLiquidationOrder.LARGEST_NOTIONAL:
        symbol = s.symbols[position.symbol]
        return notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
    return maintenance_of_lots_e8(s, position.symbol, position.lots)


@kernel
def _is_visited(s, p):
    for i in range(s.control[0].visited_count):
        if s.visited[i].position == p:
            return True
    return False


@kernel
def _next_in_pool(s, account, asset):
    """The first position, by the column and then by symbol, that had no order in this round; NO_ROW when all had one."""
    best = NO_ROW
    best_rank = 0
    p = s.accounts[account].first_position
    while p != NO_ROW:
        if _is_cross_holding(s, p, asset) and not _is_visited(s, p):
            rank = _rank_in_pool(s, p)
            if (
                best == NO_ROW
                or rank > best_rank
                or (rank == best_rank and s.positions[p].symbol < s.positions[best].symbol)
            ):
                best = p
                best_rank = rank
        p = s.positions[p].next_in_account
    return best


@kernel
def liquidate_cross(s, account, asset):
    """One liquidation of a cross pool that is due: its positions one after the other, then all of them."""
    balance, maintenance = pool_balance(s, account, asset)
    assert is_due(balance, maintenance)
    control = s.control.raw(0)
    wallet = s.wallets[wallet_row(s, account, asset)]
    _emit_started(s, account, asset, NO_ROW, balance, maintenance)
    p = s.accounts[account].first_position
    while p != NO_ROW:
        if s.symbols[s.positions[p].symbol].asset == asset:
            cancel_orders_of(s, p, Reason.LIQUIDATION)
        p = s.positions[p].next_in_account
    step = LiquidationStep.CURED
    fee_owed = 0
    all_filled = True
    control.visited_count = 0
    while is_due(balance, maintenance) and wallet.cross_position_count > 0:
        p = _next_in_pool(s, account, asset)
        if p == NO_ROW:
            if not all_filled:
                _hand_over_pool(s, account, asset, balance, maintenance)
                step = LiquidationStep.TAKEN_OVER
                break
            control.visited_count = 0
            continue
        entry = s.visited.raw(control.visited_count)
        entry.position = p
        control.visited_count += 1
        own = maintenance_of_lots_e8(s, s.positions[p].symbol, s.positions[p].lots)
        lots = lots_to_liquidate(s, p, balance, maintenance - own, fee_owed)
        filled, value = _reduce_in_book(s, p, lots, balance - position_upnl_e8(s, p))
        fee_owed += rate_up_e8(value, s.symbols[s.positions[p].symbol].liquidation_fee_rate_e8)
        if filled < lots:
            all_filled = False
        balance, maintenance = pool_balance(s, account, asset)
    if step == LiquidationStep.CURED and wallet.cross_position_count == 0:
        step = LiquidationStep.CLOSED_IN_BOOK
    _settle_cross(s, account, asset, step, fee_owed)
    touch(s, account)


@kernel
def _settle_cross(s, account, asset, step, fee_owed):
    """Fee and LIQUIDATION_ENDED of a cross pool."""
    balance, maintenance = pool_balance(s, account, asset)
    is_flat = s.wallets[wallet_row(s, account, asset)].cross_position_count == 0
    if step == LiquidationStep.TAKEN_OVER:
        assert is_flat
        assert balance == 0
        fee = 0
    elif is_flat:
        assert balance >= 0
        fee = min_of(fee_owed, balance)
    else:
        fee = min_of(fee_owed, balance - maintenance - 1)
    assert fee >= 0
    if fee > 0:
        wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
        wallet_edit.cross_wallet_e8 -= fee
        balance -= fee
        _emit_fee(s, account, asset, NO_ROW, MarginMode.CROSS, fee)
        emit_wallet(s, account, asset, Reason.LIQUIDATION_FEE, -fee, wallet_edit.cross_wallet_e8)
        _pay_fund(s, asset, fee, Reason.LIQUIDATION_FEE)
    if is_flat:
        balance = 0
    _emit_ended(s, account, asset, NO_ROW, MarginMode.CROSS, step, balance, maintenance)


@kernel
def _hand_over_pool(s, account, asset, balance, maintenance):
    """Hand over every position of a pool, in order of symbol; its balance is split by maintenance (F13)."""
    last_symbol = -1
    seen = 0
    while True:
        chosen = NO_ROW
        p = s.accounts[account].first_position
        while p != NO_ROW:
            symbol = s.positions[p].symbol
            if (
                _is_cross_holding(s, p, asset)
                and symbol > last_symbol
                and (chosen == NO_ROW or symbol < s.positions[chosen].symbol)
            ):
                chosen = p
            p = s.positions[p].next_in_account
        if chosen == NO_ROW:
            break
        position = s.positions[chosen]
        last_symbol = position.symbol
        own = maintenance_of_lots_e8(s, position.symbol, position.lots)
        part = cumulative_split(balance, seen + own, maintenance) - cumulative_split(balance, seen, maintenance)
        seen += own
        row = s.symbols[position.symbol]
        hand_over(s, chosen, signed_value_e8(row.contract_kind, position.lots, row.step_e8, row.mark_e8) - part)
    assert seen == maintenance
