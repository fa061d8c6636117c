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
    PositionSide,
    Reason,
    RemainderTo,
    Side,
    TimeInForce,
)
from ..units import ONE_E8
from .adl import hand_over
from .book import lots_within
from .events import (
    emit_margin_moved,
    emit_position,
    emit_wallet,
    new_event,
    touch_backing,
    touch_pools,
    touch_position,
    wallet_row,
)
from .fixed import product_is_less
from .jit import kernel, small
from .margin import (
    bankruptcy_limit_ticks,
    bracket_of,
    cumulative_split,
    is_due,
    notional_e8,
    rate_up_e8,
    signed_value_e8,
)
from .matching import cancel_orders_of, min_of, opposite, reduce_at_once
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
def _emit_judged(s, p):
    """A position of the judged pocket, with its share of both sides of the inequality that fired."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
    bracket = bracket_of(notional, s.brackets, symbol.first_bracket, symbol.bracket_count)
    event_edit = new_event(s, EventKind.LIQUIDATION_POSITION, position.account, position.symbol)
    event_edit.asset = symbol.asset
    event_edit.margin_mode = position.margin_mode
    event_edit.position_side = position.position_side
    event_edit.leverage = position.leverage
    event_edit.lots = position.lots
    event_edit.value_e8 = position.entry_cost_e8
    event_edit.amount_e8 = position_upnl_e8(s, p)
    event_edit.balance_e8 = position.isolated_wallet_e8
    event_edit.maintenance_e8 = maintenance_of_lots_e8(s, position.symbol, position.lots)
    event_edit.rate_e8 = s.brackets[bracket].rate_e8
    event_edit.code = bracket - symbol.first_bracket + 1
    event_edit.mark_e8 = symbol.mark_e8
    event_edit.index_e8 = symbol.index_e8


@kernel
def _emit_ended(s, account, asset, symbol, mode, position_side, step, balance, maintenance):
    event_edit = new_event(s, EventKind.LIQUIDATION_ENDED, account, symbol)
    event_edit.asset = asset
    event_edit.margin_mode = mode
    event_edit.position_side = position_side
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
def _most_lots_within(s, symbol_row, whole, notional):
    """The most lots, of `whole`, whose notional at mark is at most this."""
    symbol = s.symbols[symbol_row]
    keep = 0
    too_many = whole + 1
    while too_many - keep > 1:
        middle = (keep + too_many) // 2
        if notional_e8(symbol.contract_kind, middle, symbol.step_e8, symbol.mark_e8) <= notional:
            keep = middle
        else:
            too_many = middle
    return keep


@kernel
def lots_to_liquidate(s, p, balance, other_maintenance, fee_owed):
    """How many lots the next liquidation order of a position is for, by the rulebook's ladder (F19, F22)."""
    ladder = s.engine[0].liquidation_ladder
    if ladder == LiquidationLadder.TIERS:
        return _lots_to_lower_tier(s, p)
    if ladder == LiquidationLadder.TWENTY_PERCENT_AND_WAIT:
        return _lots_of_share(s, p)
    if ladder == LiquidationLadder.ONE_ORDER:
        return _lots_to_cure(s, p, balance, other_maintenance, fee_owed)
    return abs(s.positions[p].lots)


@kernel
def _lots_to_lower_tier(s, p):
    """The fewest lots that bring a position down by the rulebook's number of brackets; all of it from the lowest (F22)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    whole = abs(position.lots)
    notional = notional_e8(symbol.contract_kind, whole, symbol.step_e8, symbol.mark_e8)
    tier = 0
    while tier + 1 < symbol.bracket_count and s.brackets[symbol.first_bracket + tier + 1].floor_e8 < notional:
        tier += 1
    if tier < s.engine[0].ladder_tiers:
        return whole
    floor = s.brackets[symbol.first_bracket + tier - s.engine[0].ladder_tiers + 1].floor_e8
    return whole - _most_lots_within(s, position.symbol, whole, floor)


@kernel
def _lots_of_share(s, p):
    """A share of a large position, unless its account had such an order a short while ago; else all of it (F22)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    whole = abs(position.lots)
    if s.counters[0].time_ms < s.accounts[position.account].whole_orders_until_ms:
        return whole
    notional = notional_e8(symbol.contract_kind, whole, symbol.step_e8, symbol.mark_e8)
    if notional <= s.engine[0].partial_threshold_e8:
        return whole
    return rate_up_e8(whole, s.engine[0].partial_share_e8)


@kernel
def _lots_to_cure(s, p, balance, other_maintenance, fee_owed):
    """The fewest lots whose close at mark cures the pocket, or all of them (F19)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    whole = abs(position.lots)
    floor = -1
    for b in range(symbol.first_bracket, symbol.first_bracket + symbol.bracket_count):
        if floor < 0 and s.brackets[b].rate_e8 > symbol.liquidation_fee_rate_e8:
            floor = s.brackets[b].floor_e8
    if floor < 0:
        return whole
    most = whole - _most_lots_within(s, position.symbol, whole, floor)
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
    """One order limited by the bankruptcy price that never rests. Returns (filled lots, filled value).

    For a part of the position the rulebook may ask for all of it at once or nothing (liquidation_time_in_force).
    """
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
        symbol.price_min_ticks,
        symbol.price_max_ticks,
    )
    event_edit = new_event(s, EventKind.LIQUIDATION_ORDER, position.account, position.symbol)
    event_edit.side = side
    event_edit.position_side = position.position_side
    event_edit.price_ticks = limit_ticks
    event_edit.lots = lots
    if lots < abs(position.lots) and s.engine[0].liquidation_time_in_force == TimeInForce.FOK:
        there, _ = lots_within(s, position.symbol, opposite(side), limit_ticks, lots, position.account)
        if there < lots:
            return 0, 0
    return reduce_at_once(s, p, side, limit_ticks, lots, True)


@kernel
def _pay_fund(s, asset, amount, reason):
    wallet_edit = s.wallets.edit(wallet_row(s, FUND_ACCOUNT, asset))
    wallet_edit.cross_wallet_e8 += amount
    emit_wallet(s, FUND_ACCOUNT, asset, reason, amount, wallet_edit.cross_wallet_e8)


@kernel
def _emit_fee(s, account, asset, symbol, mode, position_side, fee):
    event_edit = new_event(s, EventKind.LIQUIDATION_FEE, account, symbol)
    event_edit.asset = asset
    event_edit.margin_mode = mode
    event_edit.position_side = position_side
    event_edit.fee_e8 = fee


@small
def _has_one_round(s):
    """Whether this ladder sends one order per position and command, and lets the market move before the next."""
    return s.engine[0].liquidation_ladder == LiquidationLadder.TWENTY_PERCENT_AND_WAIT


@kernel
def _is_handed_over(s, balance, maintenance):
    """Whether what the book left of a due pocket is handed over now; else it waits (F23)."""
    ratio = s.engine[0].takeover_ratio_e8
    if ratio == ONE_E8 or balance < 0:
        return True
    return product_is_less(balance, ONE_E8, maintenance, ratio)


@kernel
def _begin_cooldown(s, account):
    """An order for a share was filled: for a while the orders of the account are for whole positions (F22)."""
    cooldown = s.engine[0].partial_cooldown_ms
    if cooldown > 0 and _has_one_round(s):
        account_edit = s.accounts.edit(account)
        account_edit.whole_orders_until_ms = s.counters[0].time_ms + cooldown


@kernel
def _wait(s, account, asset, p):
    """Leave a due pocket (p NO_ROW: the cross pool) to the next prices or clock command: see wake_waiting."""
    if p != NO_ROW:
        position_edit = s.positions.edit(p)
        position_edit.is_waiting = 1
    else:
        wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
        wallet_edit.is_waiting = 1
    account_edit = s.accounts.edit(account)
    if account_edit.is_waiting == 0:
        counters_edit = s.counters.edit(0)
        account_edit.is_waiting = 1
        account_edit.next_waiting = counters_edit.first_waiting
        counters_edit.first_waiting = account


@kernel
def wake_waiting(s):
    """A prices or clock command has come, or a mark moved: every pocket that waits is judged again, whichever symbols it names."""
    account = s.counters[0].first_waiting
    if account == NO_ROW:
        return
    counters_edit = s.counters.edit(0)
    counters_edit.first_waiting = NO_ROW
    while account != NO_ROW:
        account_edit = s.accounts.edit(account)
        following = account_edit.next_waiting
        account_edit.is_waiting = 0
        account_edit.next_waiting = 0
        p = account_edit.first_position
        while p != NO_ROW:
            if s.positions[p].is_waiting != 0:
                position_edit = s.positions.edit(p)
                position_edit.is_waiting = 0
                touch_position(s, p)
            p = s.positions[p].next_in_account
        for asset in range(s.engine[0].asset_count):
            row = wallet_row(s, account, asset)
            if s.wallets[row].is_waiting != 0:
                wallet_edit = s.wallets.edit(row)
                wallet_edit.is_waiting = 0
                touch_pools(s, account)
        account = following


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
    _emit_judged(s, p)
    cancel_orders_of(s, p, Reason.LIQUIDATION)
    step = LiquidationStep.CURED
    fee_owed = 0
    while position.lots != 0 and is_due(balance, maintenance):
        whole = abs(position.lots)
        lots = lots_to_liquidate(s, p, balance, 0, fee_owed)
        filled, value = _reduce_in_book(s, p, lots, position.isolated_wallet_e8)
        fee_owed += rate_up_e8(value, symbol.liquidation_fee_rate_e8)
        if filled > 0 and lots < whole:
            _begin_cooldown(s, account)
        if position.lots == 0:
            step = LiquidationStep.CLOSED_IN_BOOK
            break
        balance, maintenance = isolated_balance(s, p)
        if is_due(balance, maintenance) and (filled < lots or _has_one_round(s)):
            if _is_handed_over(s, balance, maintenance):
                hand_over(s, p, position.entry_cost_e8 - position.isolated_wallet_e8)
                assert position.isolated_wallet_e8 == 0
                step = LiquidationStep.TAKEN_OVER
            else:
                _wait(s, account, asset, p)
                step = LiquidationStep.WAITING
            break
    _settle_isolated(s, p, asset, step, fee_owed)
    touch_backing(s, p)


@small
def _bearable_fee_e8(fee_owed, balance, maintenance):
    """What a pocket that keeps lots pays of its liquidation fee: it stays a unit above due, and a due one pays nothing (F20)."""
    if balance <= maintenance:
        return 0
    return min_of(fee_owed, balance - maintenance - 1)


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
        fee = _bearable_fee_e8(fee_owed, balance, maintenance)
    assert position.isolated_wallet_e8 >= 0 or position.lots != 0
    assert fee >= 0
    if fee > 0:
        position_edit = s.positions.edit(p)
        position_edit.isolated_wallet_e8 -= fee
        balance -= fee
        _emit_fee(s, position.account, asset, position.symbol, MarginMode.ISOLATED, position.position_side, fee)
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
    _emit_ended(
        s,
        position.account,
        asset,
        position.symbol,
        MarginMode.ISOLATED,
        position.position_side,
        step,
        balance,
        maintenance,
    )


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
    """The first position, by the column and then by symbol and side, that had no order in this round; NO_ROW when all had one."""
    best = NO_ROW
    best_rank = 0
    p = s.accounts[account].first_position
    while p != NO_ROW:
        if _is_cross_holding(s, p, asset) and not _is_visited(s, p):
            rank = _rank_in_pool(s, p)
            if (
                best == NO_ROW
                or rank > best_rank
                or (rank == best_rank and place_in_pool(s, p) < place_in_pool(s, best))
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
        if _is_cross_holding(s, p, asset):
            _emit_judged(s, p)
        p = s.positions[p].next_in_account
    p = s.accounts[account].first_position
    while p != NO_ROW:
        if s.symbols[s.positions[p].symbol].asset == asset:
            cancel_orders_of(s, p, Reason.LIQUIDATION)
        p = s.positions[p].next_in_account
    step = LiquidationStep.CURED
    fee_owed = 0
    all_filled = True
    had_share = False
    control.visited_count = 0
    while is_due(balance, maintenance) and wallet.cross_position_count > 0:
        p = _next_in_pool(s, account, asset)
        if p == NO_ROW:
            if all_filled and not _has_one_round(s):
                control.visited_count = 0
                continue
            if _is_handed_over(s, balance, maintenance):
                _hand_over_pool(s, account, asset, balance, maintenance)
                step = LiquidationStep.TAKEN_OVER
            else:
                _wait(s, account, asset, NO_ROW)
                step = LiquidationStep.WAITING
            break
        entry = s.visited.raw(control.visited_count)
        entry.position = p
        control.visited_count += 1
        own = maintenance_of_lots_e8(s, s.positions[p].symbol, s.positions[p].lots)
        whole = abs(s.positions[p].lots)
        lots = lots_to_liquidate(s, p, balance, maintenance - own, fee_owed)
        filled, value = _reduce_in_book(s, p, lots, balance - position_upnl_e8(s, p))
        fee_owed += rate_up_e8(value, s.symbols[s.positions[p].symbol].liquidation_fee_rate_e8)
        if filled < lots:
            all_filled = False
        if filled > 0 and lots < whole:
            had_share = True
        balance, maintenance = pool_balance(s, account, asset)
    if step == LiquidationStep.CURED and wallet.cross_position_count == 0:
        step = LiquidationStep.CLOSED_IN_BOOK
    if had_share:
        _begin_cooldown(s, account)
    _settle_cross(s, account, asset, step, fee_owed)
    touch_pools(s, account)


@kernel
def _settle_cross(s, account, asset, step, fee_owed):
    """Fee and LIQUIDATION_ENDED of a cross pool."""
    balance, maintenance = pool_balance(s, account, asset)
    is_flat = s.wallets[wallet_row(s, account, asset)].cross_position_count == 0
    if step == LiquidationStep.TAKEN_OVER:
        assert is_flat
        assert balance >= 0  # above 0 only where its own two legs closed each other
        fee = 0
    elif is_flat:
        assert balance >= 0
        fee = min_of(fee_owed, balance)
    else:
        fee = _bearable_fee_e8(fee_owed, balance, maintenance)
    assert fee >= 0
    if fee > 0:
        wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
        wallet_edit.cross_wallet_e8 -= fee
        balance -= fee
        _emit_fee(s, account, asset, NO_ROW, MarginMode.CROSS, PositionSide.BOTH, fee)
        emit_wallet(s, account, asset, Reason.LIQUIDATION_FEE, -fee, wallet_edit.cross_wallet_e8)
        _pay_fund(s, asset, fee, Reason.LIQUIDATION_FEE)
    if is_flat:
        balance = 0
    _emit_ended(s, account, asset, NO_ROW, MarginMode.CROSS, PositionSide.BOTH, step, balance, maintenance)


@small
def place_in_pool(s, p):
    """Where a position stands in the order of symbol and side."""
    return 4 * s.positions[p].symbol + s.positions[p].position_side


@kernel
def _hand_over_pool(s, account, asset, balance, maintenance):
    """Hand over every position of a pool, in order of symbol and side; its balance is split by maintenance (F13).

    Where one closed against the account's own other leg, the balance of what is left is split anew.
    """
    last_place = -1
    seen = 0
    while True:
        chosen = NO_ROW
        p = s.accounts[account].first_position
        while p != NO_ROW:
            place = place_in_pool(s, p)
            if (
                _is_cross_holding(s, p, asset)
                and place > last_place
                and (chosen == NO_ROW or place < place_in_pool(s, chosen))
            ):
                chosen = p
            p = s.positions[p].next_in_account
        if chosen == NO_ROW:
            break
        position = s.positions[chosen]
        last_place = place_in_pool(s, chosen)
        own = maintenance_of_lots_e8(s, position.symbol, position.lots)
        part = cumulative_split(balance, seen + own, maintenance) - cumulative_split(balance, seen, maintenance)
        seen += own
        row = s.symbols[position.symbol]
        value = signed_value_e8(row.contract_kind, position.lots, row.step_e8, row.mark_e8) - part
        if hand_over(s, chosen, value) > 0:
            balance, maintenance = pool_balance(s, account, asset)
            seen = 0
    assert seen == maintenance
