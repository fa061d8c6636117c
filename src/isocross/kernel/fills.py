"""Fills: what one match does to one side, and whether it may happen.

Responsible for: trading fees, the check before a voluntary fill (F16, F18), the change of position and wallets by a fill
(F8, F9, F16). Must not: choose who trades with whom, touch the book, emit an event.
Value enters once, from the match, and is used on both sides: that is why money is conserved exactly.
"""

from __future__ import annotations

from ..codes import FeeBasis, IsolatedFillBasis, MarginMode, Reason, Side
from ..limits import HOUSE_POSITIONS_MAX
from .bands import promised_available_e8, promised_balance_e8
from .events import wallet_row
from .jit import kernel, small
from .margin import (
    fill_value_up_e8,
    initial_margin_e8,
    isolated_share_e8,
    notional_e8,
    open_loss_e8,
    rate_up_e8,
    released_cost_e8,
    released_open_loss_e8,
    signed_fill_value_e8,
    unrealized_pnl_e8,
)
from .pockets import margin_held_e8, own_margin_e8, pool_margin_balance_e8, pool_standing


@small
def is_closing(position_lots, side):
    """Whether a fill on this side makes the position smaller."""
    return (position_lots > 0 and side == Side.SELL) or (position_lots < 0 and side == Side.BUY)


@small
def taker_fee_rate_e8(s, account, symbol_row):
    """The rate an account pays as taker in a symbol."""
    if s.accounts[account].has_own_fees != 0:
        return s.accounts[account].taker_fee_rate_e8
    return s.symbols[symbol_row].taker_fee_rate_e8


@small
def fee_rate_of(s, p, is_maker):
    """The rate a fill of a position pays."""
    position = s.positions[p]
    if position.has_own_fees != 0:
        if is_maker:
            return s.accounts[position.account].maker_fee_rate_e8
        return s.accounts[position.account].taker_fee_rate_e8
    if is_maker:
        return s.symbols[position.symbol].maker_fee_rate_e8
    return s.symbols[position.symbol].taker_fee_rate_e8


@kernel
def trading_fee_e8(s, symbol_row, lots, value_e8, rate_e8):
    """Fee of a fill (F17)."""
    if rate_e8 == 0:
        return 0
    if s.engine[0].fee_basis == FeeBasis.MARK_VALUE:
        symbol = s.symbols[symbol_row]
        return rate_up_e8(notional_e8(symbol.contract_kind, lots, symbol.step_e8, symbol.mark_e8), rate_e8)
    return rate_up_e8(value_e8, rate_e8)


@kernel
def isolated_transfer_e8(s, symbol_row, side, lots, price_ticks, leverage):
    """What goes into the isolated wallet at an opening fill (F16)."""
    symbol = s.symbols[symbol_row]
    if s.engine[0].isolated_fill_basis == IsolatedFillBasis.FILL:
        return initial_margin_e8(
            fill_value_up_e8(symbol.contract_kind, lots, price_ticks, symbol.tick_value_e8), leverage
        )
    at_mark = notional_e8(symbol.contract_kind, lots, symbol.step_e8, symbol.mark_e8)
    return initial_margin_e8(at_mark, leverage) + open_loss_e8(
        symbol.contract_kind,
        side == Side.BUY,
        lots,
        symbol.step_e8,
        price_ticks,
        symbol.tick_value_e8,
        symbol.mark_e8,
    )


@kernel
def balance_at_price_e8(s, p, price_ticks):
    """Isolated wallet + signed value of the whole position at an order price − entry cost (F10, F18)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    value = signed_fill_value_e8(symbol.contract_kind, position.lots, price_ticks, symbol.tick_value_e8)
    return position.isolated_wallet_e8 + value - position.entry_cost_e8


@kernel
def closing_result(entry_cost_e8, position_lots, lots, cost_e8):
    """(realized PnL, released cost) of closing `lots` of a position; cost_e8: what the buyer's cost grows by (F2, F8)."""
    released = released_cost_e8(entry_cost_e8, lots, abs(position_lots))
    if position_lots > 0:
        return cost_e8 - released, released
    return -cost_e8 - released, released


@kernel
def why_not_fill(s, o, lots, price_ticks, cost_e8, fee_e8):
    """Why a voluntary fill of an order must not happen: Reason.NONE when it may (F16, F18).

    The order's account is no house; `lots` closes only or opens only.
    """
    order = s.orders[o]
    p = order.position
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    is_isolated = position.margin_mode == MarginMode.ISOLATED
    if is_isolated and position.lots != 0 and balance_at_price_e8(s, p, price_ticks) < 0:
        return Reason.WOULD_BANKRUPT
    row = wallet_row(s, position.account, symbol.asset)
    change = -fee_e8  # of the pool's margin balance
    if is_closing(position.lots, order.side):
        realized, released = closing_result(position.entry_cost_e8, position.lots, lots, cost_e8)
        if is_isolated:
            back = isolated_share_e8(position.isolated_wallet_e8, lots, abs(position.lots)) + realized
            if back > 0:
                change += back
        else:
            rest = position.lots + lots
            if position.lots > 0:
                rest = position.lots - lots
            before = unrealized_pnl_e8(
                symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
            )
            after = unrealized_pnl_e8(
                symbol.contract_kind, rest, symbol.step_e8, position.entry_cost_e8 - released, symbol.mark_e8
            )
            change += realized + after - before
        return _why_not_bear(s, position.account, symbol.asset, row, change)
    if is_isolated:
        transfer = isolated_transfer_e8(s, position.symbol, order.side, lots, price_ticks, position.leverage)
        if transfer + fee_e8 <= promised_available_e8(s, row, True):  # what the order holds is released on top
            return Reason.NONE
        upnl, initial, open_order, maintenance = pool_standing(s, position.account, symbol.asset, True)
        bid_lots = position.bid_lots
        ask_lots = position.ask_lots
        open_loss = position.open_loss_e8
        if order.is_reduce_only == 0:
            open_loss -= released_open_loss_e8(order.open_loss_e8, lots, order.lots)
            if order.side == Side.BUY:
                bid_lots -= lots
            else:
                ask_lots -= lots
        open_order += margin_held_e8(
            s, position, position.leverage, position.lots, bid_lots, ask_lots, open_loss
        ) - own_margin_e8(s, p)
        wallet = s.wallets[row].cross_wallet_e8
        available = wallet + upnl - initial - open_order
        free = wallet - open_order - maintenance
        if free < available:
            available = free
        if transfer + fee_e8 > available:
            return Reason.CANNOT_BE_MARGINED
        return Reason.NONE
    signed = lots
    cost = cost_e8
    if order.side == Side.SELL:
        signed = -lots
        cost = -cost_e8
    before = unrealized_pnl_e8(
        symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
    )
    after = unrealized_pnl_e8(
        symbol.contract_kind, position.lots + signed, symbol.step_e8, position.entry_cost_e8 + cost, symbol.mark_e8
    )
    return _why_not_bear(s, position.account, symbol.asset, row, change + after - before)


@kernel
def why_not_pay(s, p, fee_e8):
    """WOULD_BANKRUPT when fees alone would take the margin balance of a position's pool below zero, else NONE."""
    position = s.positions[p]
    asset = s.symbols[position.symbol].asset
    return _why_not_bear(s, position.account, asset, wallet_row(s, position.account, asset), -fee_e8)


@kernel
def _why_not_bear(s, account, asset, row, change):
    """WOULD_BANKRUPT when a change would take the margin balance of a pool below zero, else NONE."""
    if promised_balance_e8(s, row) + change >= 0:
        return Reason.NONE
    if pool_margin_balance_e8(s, account, asset) + change < 0:
        return Reason.WOULD_BANKRUPT
    return Reason.NONE


@kernel
def may_house_trade(s, p, side, lots):
    """Whether a house stays within its capacity, limits.HOUSE_POSITIONS_MAX times the lots one account may hold, or nears it."""
    held = s.positions[p].lots + lots
    if side == Side.SELL:
        held = s.positions[p].lots - lots
    if abs(held) < abs(s.positions[p].lots):
        return True
    return abs(held) <= HOUSE_POSITIONS_MAX * s.symbols[s.positions[p].symbol].lots_max


@kernel
def room_after_close_e8(s, p, lots, cost_e8, limit_ticks):
    """What the judged pocket has above zero after a liquidation fill, its rest valued at the order's limit; ≥ 0.

    The limit is the bankruptcy price, so a trading fee within this room never leaves less than nothing when the rest
    fills at the limit too.
    """
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    realized, released = closing_result(position.entry_cost_e8, position.lots, lots, cost_e8)
    left = position.lots + lots
    if position.lots > 0:
        left = position.lots - lots
    rest = signed_fill_value_e8(symbol.contract_kind, left, limit_ticks, symbol.tick_value_e8)
    after = rest - (position.entry_cost_e8 - released)
    if position.margin_mode == MarginMode.ISOLATED:
        room = position.isolated_wallet_e8 + realized + after
    else:
        before = unrealized_pnl_e8(
            symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
        )
        room = pool_margin_balance_e8(s, position.account, symbol.asset) + realized + after - before
    if room < 0:
        return 0
    return room


@kernel
def apply_fill(s, p, side, lots, price_ticks, cost_e8, fee_e8, is_forced):
    """Change position and wallets of one side by a fill that only closes or only opens; cost_e8: of the buyer (F2).

    Returns  (realized PnL, moved into the isolated wallet: negative = out of it, change of the cross wallet).
    In a forced fill (liquidation) nothing moves out of an isolated wallet, and its fee comes out of it too.
    """
    position_edit = s.positions.edit(p)
    asset = s.symbols[position_edit.symbol].asset
    is_isolated = position_edit.margin_mode == MarginMode.ISOLATED
    realized = 0
    moved = 0
    to_cross = 0
    was_flat = position_edit.lots == 0
    if is_closing(position_edit.lots, side):
        realized, released = closing_result(position_edit.entry_cost_e8, position_edit.lots, lots, cost_e8)
        if is_isolated:
            if is_forced:
                position_edit.isolated_wallet_e8 += realized
            else:
                share = isolated_share_e8(position_edit.isolated_wallet_e8, lots, abs(position_edit.lots))
                back = share + realized
                if back >= 0:
                    position_edit.isolated_wallet_e8 -= share
                    moved = -back
                    to_cross = back
                else:
                    position_edit.isolated_wallet_e8 += realized
        else:
            to_cross = realized
        position_edit.entry_cost_e8 -= released
        if position_edit.lots > 0:
            position_edit.lots -= lots
        else:
            position_edit.lots += lots
    else:
        if is_isolated and position_edit.is_house == 0:
            moved = isolated_transfer_e8(
                s, position_edit.symbol, side, lots, price_ticks, position_edit.leverage
            )
            position_edit.isolated_wallet_e8 += moved
            to_cross = -moved
        if side == Side.BUY:
            position_edit.lots += lots
            position_edit.entry_cost_e8 += cost_e8
        else:
            position_edit.lots -= lots
            position_edit.entry_cost_e8 -= cost_e8
    if fee_e8 != 0:
        if is_isolated and is_forced:
            position_edit.isolated_wallet_e8 -= fee_e8
        else:
            to_cross -= fee_e8
        asset_edit = s.assets.edit(asset)
        asset_edit.fees_collected_e8 += fee_e8
    is_flat = position_edit.lots == 0
    if is_flat:
        assert position_edit.entry_cost_e8 == 0
        position_edit.is_margin_called = 0
    if to_cross != 0 or (was_flat != is_flat and not is_isolated):
        wallet_edit = s.wallets.edit(wallet_row(s, position_edit.account, asset))
        wallet_edit.cross_wallet_e8 += to_cross
        if not is_isolated:
            if was_flat and not is_flat:
                wallet_edit.cross_position_count += 1
            if is_flat and not was_flat:
                wallet_edit.cross_position_count -= 1
    return realized, moved, to_cross
