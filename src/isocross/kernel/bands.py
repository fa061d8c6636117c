"""Bands: for every position a range of its mark, and what it is worth at least and holds at most while the mark is in it.

Responsible for: the rows of `bands`, their sums per pool in `pools`, the standing of a pool that can be promised without
walking its positions. Must not: judge, refuse or move anything: whoever is not served by a promise computes exactly.

A band is (low, high), its row the worst of its range: least unrealized PnL, most maintenance, most margin held (F6).
`pools` adds these up, so wallet + Σ least PnL is never above the pool's margin balance, and so on: a check that passes
on the promise passes exactly. Rows are renewed whenever lots, orders, cost or leverage of a position change (O(1)), and a
position whose mark has left its band makes its pool stale until judge.py has walked it. Houses and the fund have none.
Value, PnL of a side, maintenance and initial margin are each monotone in the mark, so the worst is at an edge.
"""

from __future__ import annotations

from ..codes import ContractKind, MarginMode
from ..units import ONE_E8
from .events import wallet_row
from .fixed import mul_e8_down
from .jit import kernel, small
from .margin import (
    initial_margin_e8,
    maintenance_margin_e8,
    notional_e8,
    requirement_lots,
    unrealized_pnl_e8,
)
from .schema import MARK_NEVER
from .wakes import wake_at_edges

FIRST_MOVE_E8 = ONE_E8 // 20  # half width of the band of a row whose pool has not been walked since it opened
MOVE_MAX_E8 = ONE_E8 // 2
NO_PROMISE_E8 = -(2**62)


@kernel
def open_band(s, p, move_e8):
    """Put the band of a position around its mark, `move_e8` of it to either side, and renew its row."""
    mark = s.symbols[s.positions[p].symbol].mark_e8
    width = mul_e8_down(mark, move_e8)
    band_edit = s.bands.edit(p)
    band_edit.low_e8 = mark - width
    band_edit.high_e8 = mark + width
    wake_at_edges(s, p, s.positions[p].symbol)
    renew_band(s, p)


@kernel
def close_band(s, p):
    """A flat row without orders is never left, and promises nothing."""
    if s.bands[p].high_e8 != MARK_NEVER:
        band_edit = s.bands.edit(p)
        band_edit.low_e8 = -1
        band_edit.high_e8 = MARK_NEVER


@kernel
def renew_band(s, p):
    """Lots, cost, orders or leverage of a position have changed, or its band has: its row and its pool's sums follow."""
    position = s.positions[p]
    if position.is_house != 0:
        return
    renew_held(s, p)
    if position.margin_mode != MarginMode.CROSS:
        return  # an isolated position promises nothing to the pool but what its orders hold
    symbol = s.symbols[position.symbol]
    upnl_floor = 0
    maintenance_ceiling = 0
    if position.lots != 0:
        worst = _low_edge(s, p)
        if position.lots < 0:
            worst = _high_edge(s, p)
        upnl_floor = unrealized_pnl_e8(
            symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, worst
        )
        notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, _dear_edge(s, p))
        maintenance_ceiling = maintenance_margin_e8(
            notional, s.brackets, symbol.first_bracket, symbol.bracket_count
        )
    band_edit = s.bands.edit(p)
    pool_edit = s.pools.edit(wallet_row(s, position.account, symbol.asset))
    pool_edit.upnl_floor_e8 += upnl_floor - band_edit.upnl_floor_e8
    pool_edit.maintenance_ceiling_e8 += maintenance_ceiling - band_edit.maintenance_ceiling_e8
    band_edit.upnl_floor_e8 = upnl_floor
    band_edit.maintenance_ceiling_e8 = maintenance_ceiling


@kernel
def renew_held(s, p):
    """`renew_band` where only orders or leverage have changed."""
    position = s.positions[p]
    if position.is_house != 0:
        return
    if s.bands[p].high_e8 == MARK_NEVER:
        _open_first_band(s, p)
    symbol = s.symbols[position.symbol]
    needed = requirement_lots(position.lots, position.bid_lots, position.ask_lots)
    gross = needed * symbol.lot_value_max_e8
    held_ceiling = _held_ceiling_e8(s, p, needed, _dear_edge(s, p))
    band_edit = s.bands.edit(p)
    pool_edit = s.pools.edit(wallet_row(s, position.account, symbol.asset))
    pool_edit.gross_e8 += gross - band_edit.gross_e8
    change = held_ceiling - band_edit.held_ceiling_e8
    if position.margin_mode == MarginMode.CROSS:
        pool_edit.initial_ceiling_e8 += change
    else:
        pool_edit.open_order_ceiling_e8 += change
    band_edit.gross_e8 = gross
    band_edit.held_ceiling_e8 = held_ceiling


@small
def _low_edge(s, p):
    """The lower edge of a band, within the marks there are."""
    low = s.bands[p].low_e8
    lowest = s.symbols[s.positions[p].symbol].price_min_e8
    if low < lowest:
        return lowest
    return low


@small
def _high_edge(s, p):
    """The upper edge of a band, within the marks there are."""
    high = s.bands[p].high_e8
    highest = s.symbols[s.positions[p].symbol].price_max_e8
    if high > highest:
        return highest
    return high


@small
def _dear_edge(s, p):
    """The edge of a band at which a lot is worth most: the lower one of an inverse contract, else the upper one."""
    if s.symbols[s.positions[p].symbol].contract_kind == ContractKind.INVERSE:
        return _low_edge(s, p)
    return _high_edge(s, p)


@small
def _open_first_band(s, p):
    """A row that was flat and orderless gets a band as wide as its pool's others."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    move = s.pools[wallet_row(s, position.account, symbol.asset)].move_e8
    if move == 0:
        move = FIRST_MOVE_E8
    width = mul_e8_down(symbol.mark_e8, move)
    band_edit = s.bands.edit(p)
    band_edit.low_e8 = symbol.mark_e8 - width
    band_edit.high_e8 = symbol.mark_e8 + width
    wake_at_edges(s, p, position.symbol)


@small
def _held_ceiling_e8(s, p, needed, dear):
    """F6 of a row at the edge of its band where a lot is worth most."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    required = notional_e8(symbol.contract_kind, needed, symbol.step_e8, dear)
    if position.margin_mode == MarginMode.ISOLATED:
        if needed == abs(position.lots):
            return position.open_loss_e8
        # the difference of two notionals, each rounded up, may be one unit more at another mark
        required += 1 - notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, dear)
    return initial_margin_e8(required, position.leverage) + position.open_loss_e8


@small
def promised_balance_e8(s, row):
    """What the margin balance of the pool of a wallet row is at least; a stale one promises nothing."""
    if s.pools[row].is_stale != 0:
        return NO_PROMISE_E8
    return s.wallets[row].cross_wallet_e8 + s.pools[row].upnl_floor_e8


@kernel
def promised_available_e8(s, row, is_isolated):
    """What is available (F14) to a cross or an isolated order at least; may be below zero. A stale pool promises nothing."""
    pool = s.pools[row]
    if pool.is_stale != 0:
        return NO_PROMISE_E8
    wallet = s.wallets[row].cross_wallet_e8
    available = wallet + pool.upnl_floor_e8 - pool.initial_ceiling_e8 - pool.open_order_ceiling_e8
    if is_isolated:
        free = wallet - pool.open_order_ceiling_e8 - pool.maintenance_ceiling_e8
        if free < available:
            return free
    return available
