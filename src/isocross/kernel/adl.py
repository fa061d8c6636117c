"""Adl: who takes the lots that the book did not: the insurance fund, ranked counterparties, the house.

Responsible for: handing over a position at a given value (F13), the fund's limit, ranking (F21), what a counterparty can
bear. Must not: decide that a position is handed over, or at what value.
"""

from __future__ import annotations

from ..codes import EventKind, MarginMode, Reason, Side
from ..limits import MUL_DIV_DIVISOR_MAX
from ..units import ONE_E8
from .events import emit_margin_moved, emit_position, emit_wallet, new_event, touch, wallet_row
from .fills import apply_fill, closing_result
from .fixed import mul_div_down
from .jit import kernel, small
from .margin import cumulative_split, isolated_share_e8, released_cost_e8, signed_value_e8, unrealized_pnl_e8
from .matching import cancel_orders_of
from .pockets import isolated_balance, pool_balance, pool_margin_balance_e8, position_upnl_e8
from .schema import FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW

RATIO_MAX_E8 = 10 * ONE_E8


@small
def system_position(s, symbol, account):
    """Position row of the fund or the house in a symbol: created at genesis, 2·symbol and 2·symbol + 1."""
    return 2 * symbol + account


@kernel
def hand_over(s, p, value_e8):
    """Hand over all lots of a position at a signed value: the fund, then ADL, then the house (design: steps 4 and 5)."""
    position = s.positions[p]
    symbol = position.symbol
    whole = abs(position.lots)
    done = _fund_lots(s, p, value_e8)
    if done > 0:
        _take_over(s, p, FUND_ACCOUNT, done, cumulative_split(value_e8, done, whole))
    last_score = -2
    last_account = -1
    while done < whole:
        c, score = _next_counterparty(s, p, last_score, last_account)
        if c == NO_ROW:
            break
        last_score = score
        last_account = s.positions[c].account
        lots = _lots_borne(s, c, position.lots > 0, value_e8, done, whole)
        if lots == 0:
            event_edit = new_event(s, EventKind.ADL_SKIPPED, position.account, symbol)
            event_edit.counterparty = last_account
            continue
        part = cumulative_split(value_e8, done + lots, whole) - cumulative_split(value_e8, done, whole)
        _deleverage(s, p, c, lots, part)
        done += lots
    if done < whole:
        part = value_e8 - cumulative_split(value_e8, done, whole)
        _take_over(s, p, HOUSE_ACCOUNT, whole - done, part)


@kernel
def _fund_lots(s, p, value_e8):
    """The most lots the fund can take with its own margin balance at mark ≥ 0."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    whole = abs(position.lots)
    fund = s.positions[system_position(s, position.symbol, FUND_ACCOUNT)]
    balance = pool_margin_balance_e8(s, FUND_ACCOUNT, symbol.asset)
    before = signed_value_e8(symbol.contract_kind, fund.lots, symbol.step_e8, symbol.mark_e8)
    sign = 1
    if position.lots < 0:
        sign = -1
    enough = 0
    too_many = whole + 1
    while too_many - enough > 1:
        lots = (enough + too_many) // 2
        if enough == 0 and too_many == whole + 1:
            lots = whole
        held = fund.lots + sign * lots
        after = signed_value_e8(symbol.contract_kind, held, symbol.step_e8, symbol.mark_e8)
        if abs(held) <= symbol.lots_max and balance + after - before - cumulative_split(value_e8, lots, whole) >= 0:
            enough = lots
        else:
            too_many = lots
    return enough


@kernel
def _close_liquidated(s, p, lots, value_e8, reason):
    """The liquidated side of a handover: POSITION, and WALLET where the pool realizes it."""
    position_edit = s.positions.edit(p)
    released = released_cost_e8(position_edit.entry_cost_e8, lots, abs(position_edit.lots))
    realized = value_e8 - released
    position_edit.entry_cost_e8 -= released
    if position_edit.lots > 0:
        position_edit.lots -= lots
    else:
        position_edit.lots += lots
    asset = s.symbols[position_edit.symbol].asset
    if position_edit.margin_mode == MarginMode.ISOLATED:
        position_edit.isolated_wallet_e8 += realized
        if position_edit.lots == 0:
            position_edit.is_margin_called = 0
        emit_position(s, p)
        return
    wallet_edit = s.wallets.edit(wallet_row(s, position_edit.account, asset))
    wallet_edit.cross_wallet_e8 += realized
    if position_edit.lots == 0:
        wallet_edit.cross_position_count -= 1
    emit_position(s, p)
    emit_wallet(s, position_edit.account, asset, reason, realized, wallet_edit.cross_wallet_e8)


@kernel
def _take_over(s, p, taker, lots, value_e8):
    """The fund or the house takes `lots` of a position at a signed value; it nets what it holds the other way."""
    position = s.positions[p]
    symbol = position.symbol
    signed = lots
    if position.lots < 0:
        signed = -lots
    event_edit = new_event(s, EventKind.TAKEOVER, position.account, symbol)
    event_edit.counterparty = taker
    event_edit.lots = signed
    event_edit.value_e8 = value_e8
    t = system_position(s, symbol, taker)
    interest = _long_lots(position.lots) + _long_lots(s.positions[t].lots)
    _close_liquidated(s, p, lots, value_e8, Reason.TAKEOVER)
    realized = _add_lots(s, t, signed, value_e8)
    symbol_edit = s.symbols.edit(symbol)
    symbol_edit.open_interest_lots += _long_lots(position.lots) + _long_lots(s.positions[t].lots) - interest
    emit_position(s, t)
    emit_wallet(
        s,
        taker,
        symbol_edit.asset,
        Reason.TAKEOVER,
        realized,
        s.wallets[wallet_row(s, taker, symbol_edit.asset)].cross_wallet_e8,
    )


@small
def _long_lots(lots):
    """Lots that count into open interest."""
    if lots > 0:
        return lots
    return 0


@kernel
def _add_lots(s, t, signed_lots, value_e8):
    """Add signed lots at a signed value to a cross position, closing first what stands against it. Returns realized."""
    position_edit = s.positions.edit(t)
    wallet_edit = s.wallets.edit(wallet_row(s, position_edit.account, s.symbols[position_edit.symbol].asset))
    was_flat = position_edit.lots == 0
    realized = 0
    opening_value = value_e8
    if (position_edit.lots > 0 and signed_lots < 0) or (position_edit.lots < 0 and signed_lots > 0):
        closing = abs(signed_lots)
        if abs(position_edit.lots) < closing:
            closing = abs(position_edit.lots)
        closing_value = cumulative_split(value_e8, closing, abs(signed_lots))
        opening_value = value_e8 - closing_value
        released = released_cost_e8(position_edit.entry_cost_e8, closing, abs(position_edit.lots))
        realized = -closing_value - released
        position_edit.entry_cost_e8 -= released
    position_edit.entry_cost_e8 += opening_value
    position_edit.lots += signed_lots
    wallet_edit.cross_wallet_e8 += realized
    if was_flat and position_edit.lots != 0:
        wallet_edit.cross_position_count += 1
    if position_edit.lots == 0 and not was_flat:
        wallet_edit.cross_position_count -= 1
    return realized


@kernel
def _score_e8(s, c):
    """ADL score of a position (F21); −1 without profit."""
    position = s.positions[c]
    upnl = position_upnl_e8(s, c)
    if upnl <= 0:
        return -1
    asset = s.symbols[position.symbol].asset
    if position.margin_mode == MarginMode.ISOLATED:
        wallet = position.isolated_wallet_e8
        balance, maintenance = isolated_balance(s, c)
    else:
        wallet = s.wallets[wallet_row(s, position.account, asset)].cross_wallet_e8
        balance, maintenance = pool_balance(s, position.account, asset)
    if wallet < ONE_E8:
        wallet = ONE_E8
    if balance <= 0:
        return 0
    if balance > MUL_DIV_DIVISOR_MAX:
        balance = MUL_DIV_DIVISOR_MAX
    ratio = RATIO_MAX_E8
    if maintenance // balance < 10:
        ratio = mul_div_down(maintenance, ONE_E8, balance)
    return mul_div_down(mul_div_down(upnl, ONE_E8, wallet), ratio, ONE_E8)


@kernel
def _next_counterparty(s, p, last_score, last_account):
    """(position, score) of the best-ranked counterparty after (last_score, last_account); last_score −2 = the first."""
    position = s.positions[p]
    best = NO_ROW
    best_score = 0
    c = s.symbols[position.symbol].first_position
    while c != NO_ROW:
        other = s.positions[c]
        is_opposite = (position.lots > 0 and other.lots < 0) or (position.lots < 0 and other.lots > 0)
        if is_opposite and other.is_house == 0 and other.account != position.account:
            score = _score_e8(s, c)
            is_after = last_score == -2 or score < last_score or (score == last_score and other.account > last_account)
            if is_after and (
                best == NO_ROW
                or score > best_score
                or (score == best_score and other.account < s.positions[best].account)
            ):
                best = c
                best_score = score
        c = other.next_in_symbol
    return best, best_score


@kernel
def _is_borne(s, c, lots, exchanged_e8):
    """Whether a counterparty can close `lots` for a value and keep what backs it ≥ 0."""
    position = s.positions[c]
    symbol = s.symbols[position.symbol]
    realized, released = closing_result(position.entry_cost_e8, position.lots, lots, exchanged_e8)
    if position.margin_mode == MarginMode.ISOLATED:
        return isolated_share_e8(position.isolated_wallet_e8, lots, abs(position.lots)) + realized >= 0
    rest = position.lots + lots
    if position.lots > 0:
        rest = position.lots - lots
    before = unrealized_pnl_e8(
        symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
    )
    after = unrealized_pnl_e8(
        symbol.contract_kind, rest, symbol.step_e8, position.entry_cost_e8 - released, symbol.mark_e8
    )
    return pool_margin_balance_e8(s, position.account, symbol.asset) + realized + after - before >= 0


@kernel
def _lots_borne(s, c, liquidated_is_long, value_e8, done, whole):
    """The most lots, of those still to hand over, that a counterparty can bear."""
    most = whole - done
    if abs(s.positions[c].lots) < most:
        most = abs(s.positions[c].lots)
    before = cumulative_split(value_e8, done, whole)
    enough = 0
    too_many = most + 1
    while too_many - enough > 1:
        lots = (enough + too_many) // 2
        if enough == 0 and too_many == most + 1:
            lots = most
        exchanged = cumulative_split(value_e8, done + lots, whole) - before
        if not liquidated_is_long:
            exchanged = -exchanged
        if _is_borne(s, c, lots, exchanged):
            enough = lots
        else:
            too_many = lots
    return enough


@kernel
def _deleverage(s, p, c, lots, value_e8):
    """Close `lots` of a liquidated position against a counterparty at a signed value."""
    position = s.positions[p]
    symbol = position.symbol
    counterparty = s.positions[c].account
    cancel_orders_of(s, c, Reason.ADL)
    side = Side.BUY  # of the counterparty
    exchanged = value_e8
    signed = lots
    if position.lots < 0:
        side = Side.SELL
        exchanged = -value_e8
        signed = -lots
    event_edit = new_event(s, EventKind.ADL, position.account, symbol)
    event_edit.counterparty = counterparty
    event_edit.lots = signed
    event_edit.value_e8 = value_e8
    symbol_edit = s.symbols.edit(symbol)
    symbol_edit.open_interest_lots -= lots
    _close_liquidated(s, p, lots, value_e8, Reason.ADL)
    _, moved, to_cross = apply_fill(s, c, side, lots, 0, exchanged, 0, False)
    emit_margin_moved(s, c, Reason.ISOLATED_CLOSE, moved)
    emit_position(s, c)
    asset = symbol_edit.asset
    emit_wallet(
        s, counterparty, asset, Reason.ADL, to_cross, s.wallets[wallet_row(s, counterparty, asset)].cross_wallet_e8
    )
    touch(s, counterparty)
