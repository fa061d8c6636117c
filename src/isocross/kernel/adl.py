"""Adl: who takes the lots that the book did not: the insurance fund, counterparties, the house.

Responsible for: handing over a position at a given value (F13), the fund's limit, who of the counterparties comes first
or how much each gives (F21, F24, F25), what one can bear. Must not: decide that a position is handed over, or at what value.
"""

from __future__ import annotations

from ..codes import AdlRanking, ContractKind, EventKind, MarginMode, Reason, Side
from ..limits import MUL_DIV_DIVISOR_MAX
from ..units import ONE_E8
from .bands import renew_band
from .events import emit_margin_moved, emit_position, emit_wallet, new_event, touch_backing, wallet_row
from .fills import apply_fill, closing_result
from .fixed import mul_div_down
from .jit import kernel, small
from .margin import (
    cumulative_split,
    isolated_share_e8,
    notional_e8,
    released_cost_e8,
    signed_value_e8,
    unrealized_pnl_e8,
)
from .marks import other_leg
from .matching import cancel_orders_of
from .pockets import isolated_balance, pool_balance, pool_margin_balance_e8, position_upnl_e8
from .schema import FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW

RATIO_MAX_E8 = 10 * ONE_E8
PROFIT_RATE_MAX = 10_000  # ADL by profit × leverage counts a profit of at most 10,000 times the entry cost
LEVERAGE_MAX = 1_000  # and an effective leverage of at most this
COIN_WALLET_LEAST_E8 = ONE_E8 // 1_000  # ADL by profit × margin ratio counts a wallet of coin as at least this,
COIN_PROFIT_MOST_E8 = 2**49  # and a profit in coin as at most this


@small
def system_position(s, symbol, account):
    """Position row of the fund or the house in a symbol: created at genesis, 2·symbol and 2·symbol + 1."""
    return 2 * symbol + account


@kernel
def hand_over(s, p, value_e8):
    """Hand over all lots of a position at a signed value: the fund, then ADL, then its account's other leg, then the house.

    Returns  the lots that the other leg closed.
    """
    whole = abs(s.positions[p].lots)
    done = _fund_lots(s, p, value_e8)
    if done > 0:
        _take_over(s, p, FUND_ACCOUNT, done, cumulative_split(value_e8, done, whole))
    ranking = s.engine[0].adl_ranking
    if ranking == AdlRanking.PRO_RATA:
        done = _deleverage_pro_rata(s, p, value_e8, done, whole)
    elif ranking != AdlRanking.NONE:
        done = _deleverage_ranked(s, p, value_e8, done, whole)
    netted = 0
    if done < whole and ranking != AdlRanking.NONE:
        c = other_leg(s, p)
        if c != NO_ROW and s.positions[c].lots != 0:
            netted = _deleverage_one(s, p, c, 0, whole - done, value_e8, done, whole, True)
            done += netted
    if done < whole:
        part = value_e8 - cumulative_split(value_e8, done, whole)
        _take_over(s, p, HOUSE_ACCOUNT, whole - done, part)
    return netted


@kernel
def _deleverage_ranked(s, p, value_e8, done, whole):
    """Counterparties one after the other, each once and for all that it can bear. Returns the lots that are done.

    An account stands against a liquidated position with one position, and its turn changes nobody else's score. So those
    of one walk over the holders stay in their order, and the next walk is for those behind them.
    """
    control = s.control.raw(0)
    control.ranking_epoch += 1
    count = 0
    turn = 0
    while done < whole:
        if turn == count:
            if count != 0 and count < len(s.ranked):
                break  # nobody is behind them
            count = _rank_counterparties(s, p)
            turn = 0
            if count == 0:
                break
        row = s.ranked[turn]
        c = row.position
        stamp = s.position_stamps.raw(c)
        stamp.ranking_epoch = control.ranking_epoch
        done += _deleverage_one(s, p, c, row.score_e8, whole - done, value_e8, done, whole, True)
        turn += 1
    return done


@kernel
def _deleverage_pro_rata(s, p, value_e8, done, whole):
    """Every counterparty by the size of its position, in order of creation; then, for what is left, all it can bear (F25).

    Returns the lots that are done.
    """
    total = 0
    c = s.symbols[s.positions[p].symbol].first_position
    while c != NO_ROW:
        if _is_counterparty(s, p, c):
            total += abs(s.positions[c].lots)
        c = s.positions[c].next_in_symbol
    wanted = whole - done
    if wanted > total:
        wanted = total
    seen = 0
    c = s.symbols[s.positions[p].symbol].first_position
    while c != NO_ROW:
        following = s.positions[c].next_in_symbol
        if _is_counterparty(s, p, c):
            held = abs(s.positions[c].lots)
            lots = cumulative_split(wanted, seen + held, total) - cumulative_split(wanted, seen, total)
            seen += held
            if lots > 0:
                done += _deleverage_one(s, p, c, 0, lots, value_e8, done, whole, True)
        c = following
    c = s.symbols[s.positions[p].symbol].first_position
    while c != NO_ROW and done < whole:
        following = s.positions[c].next_in_symbol
        if _is_counterparty(s, p, c):
            done += _deleverage_one(s, p, c, 0, whole - done, value_e8, done, whole, False)
        c = following
    return done


@kernel
def _deleverage_one(s, p, c, score, most, value_e8, done, whole, is_told):
    """Close what a counterparty can bear of at most `most` lots; ADL_SKIPPED when it is none and that is told. Returns them."""
    lots = _lots_borne(s, p, c, most, value_e8, done, whole)
    if lots > 0:
        part = cumulative_split(value_e8, done + lots, whole) - cumulative_split(value_e8, done, whole)
        _deleverage(s, p, c, score, lots, part)
    elif is_told:
        part = cumulative_split(value_e8, done + 1, whole) - cumulative_split(value_e8, done, whole)
        _emit_skipped(s, p, c, score, part)
    return lots


@kernel
def _emit_skipped(s, p, c, score, value_e8):
    """A counterparty that cannot bear even one lot, and what that lot at `value_e8` would have left of what backs it."""
    position = s.positions[p]
    other = s.positions[c]
    exchanged = value_e8
    if position.lots < 0:
        exchanged = -value_e8
    realized, _ = closing_result(other.entry_cost_e8, other.lots, 1, exchanged)
    event_edit = new_event(s, EventKind.ADL_SKIPPED, position.account, position.symbol)
    event_edit.counterparty = other.account
    event_edit.margin_mode = other.margin_mode
    event_edit.position_side = other.position_side
    event_edit.lots = other.lots
    event_edit.value_e8 = value_e8
    event_edit.amount_e8 = realized
    event_edit.balance_e8 = _borne_balance_e8(s, p, c, 1, exchanged)
    event_edit.rate_e8 = score


@kernel
def _is_counterparty(s, p, c):
    """Whether a position stands against a liquidated one and may be deleveraged: houses, the fund and the account itself not."""
    position = s.positions[p]
    other = s.positions[c]
    is_opposite = (position.lots > 0 and other.lots < 0) or (position.lots < 0 and other.lots > 0)
    return is_opposite and other.is_house == 0 and other.account != position.account


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
    renew_band(s, p)
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
    event_edit.position_side = position.position_side
    event_edit.counterparty = taker
    event_edit.lots = signed
    event_edit.value_e8 = value_e8
    t = system_position(s, symbol, taker)
    interest = _long_lots(position.lots) + _long_lots(s.positions[t].lots)
    _close_liquidated(s, p, lots, value_e8, Reason.TAKEOVER)
    realized = _add_lots(s, t, signed, value_e8)
    event_edit.amount_e8 = realized
    symbol_edit = s.symbols.edit(symbol)
    if taker == FUND_ACCOUNT:
        event_edit.balance_e8 = pool_margin_balance_e8(s, FUND_ACCOUNT, symbol_edit.asset)
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
    """ADL score of a position by the rulebook's ranking (F21, F24); −1 without profit."""
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
    if s.engine[0].adl_ranking == AdlRanking.PNL_TIMES_LEVERAGE:
        return _leverage_score_e8(s, c, upnl, balance)
    least = ONE_E8
    if s.symbols[position.symbol].contract_kind == ContractKind.INVERSE:
        least = COIN_WALLET_LEAST_E8
        if upnl > COIN_PROFIT_MOST_E8:
            upnl = COIN_PROFIT_MOST_E8
    if wallet < least:
        wallet = least
    if wallet > MUL_DIV_DIVISOR_MAX:
        wallet = MUL_DIV_DIVISOR_MAX  # profits may lift a wallet above what may be deposited
    if balance <= 0:
        return 0
    if balance > MUL_DIV_DIVISOR_MAX:
        balance = MUL_DIV_DIVISOR_MAX
    ratio = RATIO_MAX_E8
    if maintenance // balance < 10:
        ratio = mul_div_down(maintenance, ONE_E8, balance)
    return mul_div_down(mul_div_down(upnl, ONE_E8, wallet), ratio, ONE_E8)


@kernel
def _leverage_score_e8(s, c, upnl, balance):
    """Profit rate on the entry cost × effective leverage (F24); upnl > 0."""
    if balance <= 0:
        return 0
    position = s.positions[c]
    symbol = s.symbols[position.symbol]
    cost = abs(position.entry_cost_e8)
    if cost < 1:
        cost = 1
    profit_rate = PROFIT_RATE_MAX * ONE_E8
    if upnl // cost < PROFIT_RATE_MAX:
        profit_rate = mul_div_down(upnl, ONE_E8, cost)
    notional = notional_e8(symbol.contract_kind, position.lots, symbol.step_e8, symbol.mark_e8)
    leverage = LEVERAGE_MAX * ONE_E8
    if balance > MUL_DIV_DIVISOR_MAX:
        balance = MUL_DIV_DIVISOR_MAX
    if notional // balance < LEVERAGE_MAX:
        leverage = mul_div_down(notional, ONE_E8, balance)
    return mul_div_down(profit_rate, leverage, ONE_E8)


@kernel
def _rank_counterparties(s, p):
    """Put the best counterparties that had no turn in this handover into `ranked`, best first. Returns how many are there."""
    count = 0
    c = s.symbols[s.positions[p].symbol].first_position
    while c != NO_ROW:
        if _is_counterparty(s, p, c) and s.position_stamps[c].ranking_epoch != s.control[0].ranking_epoch:
            count = _rank(s, count, c, _score_e8(s, c))
        c = s.positions[c].next_in_symbol
    return count


@kernel
def _rank(s, count, c, score_e8):
    """Insert a counterparty into the `count` ranked ones; the last of a full table falls out. Returns how many are there."""
    place = count
    if count == len(s.ranked):
        if not _comes_before(s, c, score_e8, count - 1):
            return count
        place = count - 1
    else:
        count += 1
    while place > 0 and _comes_before(s, c, score_e8, place - 1):
        better = s.ranked[place - 1]
        row = s.ranked.raw(place)
        row.score_e8 = better.score_e8
        row.position = better.position
        place -= 1
    row = s.ranked.raw(place)
    row.score_e8 = score_e8
    row.position = c
    return count


@small
def _comes_before(s, c, score_e8, place):
    """Whether a counterparty comes before the one at a place: the higher score, then the older account."""
    other = s.ranked[place]
    if score_e8 != other.score_e8:
        return score_e8 > other.score_e8
    return s.positions[c].account < s.positions[other.position].account


@kernel
def _borne_balance_e8(s, p, c, lots, exchanged_e8):
    """What closing `lots` of p's for a value leaves of what backs a counterparty c: it is borne when this is ≥ 0.

    Isolated: the share of the wallet + realized PnL; cross: the pool's margin balance at mark afterwards, in which both
    legs count where p stands in the same pool.
    """
    position = s.positions[c]
    if position.margin_mode == MarginMode.ISOLATED:
        realized, _ = closing_result(position.entry_cost_e8, position.lots, lots, exchanged_e8)
        return isolated_share_e8(position.isolated_wallet_e8, lots, abs(position.lots)) + realized
    balance = pool_margin_balance_e8(s, position.account, s.symbols[position.symbol].asset)
    balance += _pool_change_e8(s, c, lots, exchanged_e8)
    if position.account == s.positions[p].account:
        balance += _pool_change_e8(s, p, lots, exchanged_e8)
    return balance


@kernel
def _pool_change_e8(s, c, lots, exchanged_e8):
    """What closing `lots` of a cross position for a value does to its pool's margin balance at mark."""
    position = s.positions[c]
    symbol = s.symbols[position.symbol]
    realized, released = closing_result(position.entry_cost_e8, position.lots, lots, exchanged_e8)
    rest = position.lots + lots
    if position.lots > 0:
        rest = position.lots - lots
    before = unrealized_pnl_e8(
        symbol.contract_kind, position.lots, symbol.step_e8, position.entry_cost_e8, symbol.mark_e8
    )
    after = unrealized_pnl_e8(
        symbol.contract_kind, rest, symbol.step_e8, position.entry_cost_e8 - released, symbol.mark_e8
    )
    return realized + after - before


@kernel
def _lots_borne(s, p, c, most, value_e8, done, whole):
    """The most lots, at most `most` of those still to hand over, that a counterparty can bear."""
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
        if s.positions[p].lots < 0:
            exchanged = -exchanged
        if _borne_balance_e8(s, p, c, lots, exchanged) >= 0:
            enough = lots
        else:
            too_many = lots
    return enough


@kernel
def _deleverage(s, p, c, score, lots, value_e8):
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
    event_edit.margin_mode = s.positions[c].margin_mode
    event_edit.position_side = s.positions[c].position_side
    event_edit.lots = signed
    event_edit.value_e8 = value_e8
    event_edit.balance_e8 = _borne_balance_e8(s, p, c, lots, exchanged)
    event_edit.rate_e8 = score
    symbol_edit = s.symbols.edit(symbol)
    symbol_edit.open_interest_lots -= lots
    _close_liquidated(s, p, lots, value_e8, Reason.ADL)
    realized, moved, to_cross = apply_fill(s, c, side, lots, 0, exchanged, 0, False)
    event_edit.amount_e8 = realized
    emit_margin_moved(s, c, Reason.ISOLATED_CLOSE, moved)
    emit_position(s, c)
    asset = symbol_edit.asset
    emit_wallet(
        s, counterparty, asset, Reason.ADL, to_cross, s.wallets[wallet_row(s, counterparty, asset)].cross_wallet_e8
    )
    renew_band(s, c)
    touch_backing(s, c)
