"""Commands: one handler per command kind: check everything, then change everything.

Responsible for: accounts and money, prices, the house ladder, funding; the checks of each in the order of codes.Refusal.
Must not: set what an account chooses (settings.py), judge or liquidate (engine.py runs the tail), match, hold a formula.
A handler returns a Refusal; past the line marked "nothing refuses below" it returns NONE.
"""

from __future__ import annotations

from ..codes import (
    EventKind,
    FundingPrice,
    IsolatedFundingSource,
    MarginMode,
    MarkPrice,
    OrderType,
    PositionSide,
    Reason,
    Refusal,
    SelfTradePrevention,
    Side,
    TimeInForce,
    ValueSource,
)
from ..limits import (
    ACCOUNTS_MAX,
    LADDER_LEVELS_MAX,
    NET_DEPOSITS_MAX_E8,
    ORDER_IDS_PER_COMMAND,
    RATE_COMPUTED,
    WALLET_MAX_E8,
)
from ..units import ONE_E8
from .book import find_level, find_order
from .events import (
    emit_book_level,
    emit_position,
    emit_wallet,
    new_event,
    touch_backing,
    touch_pools,
    wallet_row,
)
from .fixed import mul_div_down
from .jit import kernel, small
from .judge import suspend_promises
from .margin import funding_payment_e8, funding_receipt_e8, value_down_e8, value_up_e8
from .matching import cancel_orders_of, cancel_resting, end_order
from .orders import is_symbol, is_user_account, ladder_price_ticks, place
from .pockets import available_e8, find_settings, max_withdraw_e8, settings_of
from .premium import computed_mark_e8, computed_rate_e8, emit_prices, forget_samples, renew_mark, take_samples
from .schema import FIRST_USER_ACCOUNT, FUND_ACCOUNT, HOUSE_ACCOUNT, NO_ROW
from .timers import account_of_countdown, countdown_name, set_timer, symbol_of_countdown

SPREAD_MAX_E8 = ONE_E8 // 2
SCALE_MAX_E8 = 100 * ONE_E8
LEVEL_NOTIONAL_MAX_E8 = WALLET_MAX_E8 // LADDER_LEVELS_MAX  # after scaling: the last level's value fits a wallet


@small
def _is_asset(s, asset):
    return 0 <= asset < s.engine[0].asset_count


@kernel
def create_account(s, account, is_house):
    """Open an account with a number of the caller's choice."""
    if account < FIRST_USER_ACCOUNT or account >= ACCOUNTS_MAX:
        return Refusal.ACCOUNT_OUT_OF_RANGE
    if account < s.counters[0].account_count and s.accounts[account].is_open != 0:
        return Refusal.ACCOUNT_EXISTS
    # ---- nothing refuses below ----
    if account >= s.counters[0].account_count:
        counters_edit = s.counters.edit(0)
        counters_edit.account_count = account + 1
    account_edit = s.accounts.edit(account)
    account_edit.is_open = 1
    account_edit.is_house = 1 if is_house != 0 else 0
    account_edit.position_mode = 0
    account_edit.first_position = NO_ROW
    account_edit.last_position = NO_ROW
    account_edit.position_count = 0
    event_edit = new_event(s, EventKind.ACCOUNT_CREATED, account, NO_ROW)
    event_edit.code = account_edit.is_house
    return Refusal.NONE


@kernel
def deposit(s, account, asset, amount, reason):
    """Money into a cross wallet from outside; the fund's own deposits come with account 0."""
    if account != FUND_ACCOUNT or reason != Reason.FUND_DEPOSIT:
        if not is_user_account(s, account):
            return Refusal.UNKNOWN_ACCOUNT
    if not _is_asset(s, asset):
        return Refusal.UNKNOWN_ASSET
    if amount < 1:
        return Refusal.AMOUNT_NOT_POSITIVE
    row = wallet_row(s, account, asset)
    if amount > WALLET_MAX_E8 or s.wallets[row].cross_wallet_e8 + amount > WALLET_MAX_E8:
        return Refusal.AMOUNT_TOO_LARGE
    if s.assets[asset].net_deposits_e8 + amount > NET_DEPOSITS_MAX_E8:
        return Refusal.AMOUNT_TOO_LARGE
    # ---- nothing refuses below ----
    _transfer(s, account, asset, amount, reason)
    return Refusal.NONE


@kernel
def withdraw(s, account, asset, amount):
    """Money out of a cross wallet (F14)."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not _is_asset(s, asset):
        return Refusal.UNKNOWN_ASSET
    if amount < 1:
        return Refusal.AMOUNT_NOT_POSITIVE
    if s.accounts[account].is_house != 0:
        most = s.wallets[wallet_row(s, account, asset)].cross_wallet_e8
    else:
        most = max_withdraw_e8(s, account, asset)
    if amount > most:
        return Refusal.WITHDRAW_TOO_LARGE
    # ---- nothing refuses below ----
    _transfer(s, account, asset, -amount, Reason.WITHDRAWAL)
    return Refusal.NONE


@kernel
def _transfer(s, account, asset, amount, reason):
    asset_edit = s.assets.edit(asset)
    asset_edit.net_deposits_e8 += amount
    wallet_edit = s.wallets.edit(wallet_row(s, account, asset))
    wallet_edit.cross_wallet_e8 += amount
    emit_wallet(s, account, asset, reason, amount, wallet_edit.cross_wallet_e8)
    touch_pools(s, account)


@kernel
def cancel_all(s, account, symbol):
    """Cancel the resting orders of an account in a symbol, or in all of them (NO_ROW)."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if symbol != NO_ROW and not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    # ---- nothing refuses below ----
    p = s.accounts[account].first_position
    while p != NO_ROW:
        if symbol == NO_ROW or s.positions[p].symbol == symbol:
            cancel_orders_of(s, p, Reason.BY_OWNER)
        p = s.positions[p].next_in_account
    return Refusal.NONE


@kernel
def countdown_cancel(s, account, symbol, expire_ms):
    """Have the resting orders of an account in a symbol cancelled at a time, unless this is said again before; 0: never."""
    if not is_user_account(s, account):
        return Refusal.UNKNOWN_ACCOUNT
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    if expire_ms != 0 and expire_ms <= s.counters[0].time_ms:
        return Refusal.EXPIRY_NOT_AHEAD
    # ---- nothing refuses below ----
    countdown_edit = s.countdowns.edit(settings_of(s, account, symbol))
    countdown_edit.due_ms = expire_ms
    if expire_ms != 0:
        set_timer(s, expire_ms, countdown_name(account, symbol))
    event_edit = new_event(s, EventKind.COUNTDOWN_SET, account, symbol)
    event_edit.value_e8 = expire_ms
    return Refusal.NONE


@kernel
def come_due(s, name):
    """A timer is due: its order expires, or the orders of its countdown are cancelled."""
    if name > 0:
        end_order(s, find_order(s, name), EventKind.EXPIRED, Reason.TIME)
        return
    account = account_of_countdown(name)
    symbol = symbol_of_countdown(name)
    countdown_edit = s.countdowns.edit(find_settings(s, account, symbol))
    countdown_edit.due_ms = 0
    p = s.accounts[account].first_position
    while p != NO_ROW:
        if s.positions[p].symbol == symbol:
            cancel_orders_of(s, p, Reason.TIME)
        p = s.positions[p].next_in_account


@kernel
def advance_clock(s):
    """Time passes: every computed mark is what it now is."""
    new_event(s, EventKind.CLOCK, NO_ROW, NO_ROW)
    for symbol in range(s.engine[0].symbol_count):
        renew_mark(s, symbol)
    return Refusal.NONE


@kernel
def prices(s, first, count):
    """Write the index and mark of several symbols at one instant: continuation records first … first + count − 1."""
    for i in range(first, first + count):
        record = s.commands[i]
        if not is_symbol(s, record.symbol):
            return Refusal.UNKNOWN_SYMBOL
    for i in range(first, first + count):
        record = s.commands[i]
        if record.index_e8 < 1 or record.mark_e8 < 0:
            return Refusal.PRICE_NOT_POSITIVE
    for i in range(first, first + count):
        record = s.commands[i]
        highest = s.symbols[record.symbol].price_max_e8
        if record.index_e8 > highest or record.mark_e8 > highest:
            return Refusal.PRICE_TOO_LARGE
    for i in range(first, first + count):
        record = s.commands[i]
        lowest = s.symbols[record.symbol].price_min_e8
        if record.index_e8 < lowest or (record.mark_e8 != 0 and record.mark_e8 < lowest):
            return Refusal.PRICE_TOO_SMALL
    # ---- nothing refuses below ----
    for i in range(first, first + count):
        record = s.commands[i]
        take_samples(s, record.symbol)
        symbol_edit = s.symbols.edit(record.symbol)
        symbol_edit.index_e8 = record.index_e8
        symbol_edit.mark_e8 = record.mark_e8
        source = ValueSource.GIVEN
        if record.mark_e8 == 0:
            symbol_edit.mark_e8 = record.index_e8
            if s.engine[0].mark_price == MarkPrice.MEDIAN:
                symbol_edit.mark_e8 = computed_mark_e8(s, record.symbol)
                source = ValueSource.COMPUTED
        if s.pricing[record.symbol].is_mark_computed != source:
            pricing_edit = s.pricing.edit(record.symbol)
            pricing_edit.is_mark_computed = source
        emit_prices(s, record.symbol, source)
    return Refusal.NONE


@small
def _ladder_order_id(sequence, side, k):
    return sequence * ORDER_IDS_PER_COMMAND + 2 + side * LADDER_LEVELS_MAX + k


@small
def _ladder_offset_e8(half_spread_rate_e8, spacing_rate_e8, k):
    return half_spread_rate_e8 + spacing_rate_e8 * (k * (k + 1) // 2)


@kernel
def _ladder_level(s, symbol, side, k, mid_e8, half_spread, spacing, level_notional_e8, scale_e8):
    """(price, lots) of level k of the house ladder; price 0 when the level is left out."""
    offset = _ladder_offset_e8(half_spread, spacing, k)
    if offset >= ONE_E8:
        return 0, 0
    price = ladder_price_ticks(s, symbol, side, mid_e8, offset)
    row = s.symbols[symbol]
    if price < row.price_min_ticks:
        return 0, 0
    lot_value = value_up_e8(row.contract_kind, row.step_e8, mid_e8)
    lots = mul_div_down(level_notional_e8 * (k + 1), scale_e8, ONE_E8) // lot_value
    if lots > row.lots_max:
        lots = row.lots_max
    if lots < 1:
        return 0, 0
    if k > 0:
        before = _ladder_offset_e8(half_spread, spacing, k - 1)
        if ladder_price_ticks(s, symbol, side, mid_e8, before) == price:
            return 0, 0
    return price, lots


@kernel
def _find_ladder_order(s, symbol, side, price):
    """The house's ladder order at a price, NO_ROW when there is none."""
    level = find_level(s, symbol, side, price)
    if level == NO_ROW:
        return NO_ROW
    o = s.levels[level].first_order
    while o != NO_ROW:
        order = s.orders[o]
        if order.account == HOUSE_ACCOUNT and order.is_ladder != 0:
            return o
        o = order.next_in_queue
    return NO_ROW


@kernel
def quote(s, sequence, symbol, mid_e8, half_spread, spacing, level_notional_e8, level_count, scale_e8):
    """Bring the house ladder of a symbol to what is wanted now: keep, cancel, place."""
    if 0 < level_count <= LADDER_LEVELS_MAX:
        for k in range(level_count):
            for side in range(Side.BUY, Side.SELL + 1):
                if find_order(s, _ladder_order_id(sequence, side, k)) != NO_ROW:
                    return Refusal.SEQUENCE_USED
    if not is_symbol(s, symbol):
        return Refusal.UNKNOWN_SYMBOL
    if level_notional_e8 < 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    if level_notional_e8 > LEVEL_NOTIONAL_MAX_E8:
        return Refusal.AMOUNT_TOO_LARGE
    if ONE_E8 < scale_e8 <= SCALE_MAX_E8:
        if level_notional_e8 > mul_div_down(LEVEL_NOTIONAL_MAX_E8, ONE_E8, scale_e8):
            return Refusal.AMOUNT_TOO_LARGE
    if (
        half_spread < 0
        or half_spread > SPREAD_MAX_E8
        or spacing < 0
        or spacing > SPREAD_MAX_E8
        or scale_e8 < 0
        or scale_e8 > SCALE_MAX_E8
        or level_count < 0
        or level_count > LADDER_LEVELS_MAX
    ):
        return Refusal.RATE_OUT_OF_RANGE
    row = s.symbols[symbol]
    if row.mark_e8 == 0:
        return Refusal.NO_MARK_PRICE
    if mid_e8 < 1:
        return Refusal.PRICE_NOT_POSITIVE
    if mid_e8 > row.price_max_e8:
        return Refusal.PRICE_TOO_LARGE
    if mid_e8 < row.price_min_e8:
        return Refusal.PRICE_TOO_SMALL
    # ---- nothing refuses below ----
    mark_before = row.mark_e8
    renew_mark(s, symbol)
    if s.symbols[symbol].mark_e8 != mark_before:
        suspend_promises(s, symbol)
    for side in range(Side.BUY, Side.SELL + 1):
        for k in range(level_count):
            price, lots = _ladder_level(s, symbol, side, k, mid_e8, half_spread, spacing, level_notional_e8, scale_e8)
            if price != 0:
                o = _find_ladder_order(s, symbol, side, price)
                if o != NO_ROW:
                    _keep_ladder_order(s, o, lots)
    house = s.positions[2 * symbol + HOUSE_ACCOUNT]
    o = house.first_order
    while o != NO_ROW:
        following = s.orders[o].next_in_position
        if s.orders[o].is_kept != 0:
            order_edit = s.orders.edit(o)
            order_edit.is_kept = 0
        elif s.orders[o].is_ladder != 0:
            cancel_resting(s, o, Reason.QUOTE)
        o = following
    for side in range(Side.BUY, Side.SELL + 1):
        for k in range(level_count):
            price, lots = _ladder_level(s, symbol, side, k, mid_e8, half_spread, spacing, level_notional_e8, scale_e8)
            if price != 0 and _find_ladder_order(s, symbol, side, price) == NO_ROW:
                refusal = place(
                    s,
                    _ladder_order_id(sequence, side, k),
                    0,
                    HOUSE_ACCOUNT,
                    symbol,
                    side,
                    OrderType.LIMIT,
                    TimeInForce.GTC,
                    price,
                    lots,
                    0,
                    SelfTradePrevention.EXPIRE_MAKER,
                    PositionSide.BOTH,
                    1,
                    0,
                )
                assert refusal == Refusal.NONE or refusal == Refusal.SYMBOL_NOT_TRADING
    return Refusal.NONE


@kernel
def _keep_ladder_order(s, o, lots):
    """A wanted level is there already: it keeps its place and takes the new lots."""
    order_edit = s.orders.edit(o)
    order_edit.is_kept = 1
    change = lots - order_edit.lots
    if change == 0:
        return
    order_edit.lots = lots
    order_edit.original_lots += change
    level_edit = s.levels.edit(order_edit.level)
    level_edit.lots += change
    position_edit = s.positions.edit(order_edit.position)
    if order_edit.side == Side.BUY:
        position_edit.bid_lots += change
    else:
        position_edit.ask_lots += change
    emit_book_level(s, order_edit.symbol, order_edit.side, order_edit.price_ticks, level_edit.lots)


@kernel
def settle_funding(s, first, count):
    """Funding of several symbols at one instant: all positions pay or receive, then everybody is judged."""
    for i in range(first, first + count):
        if not is_symbol(s, s.commands[i].symbol):
            return Refusal.UNKNOWN_SYMBOL
    for i in range(first, first + count):
        rate = s.commands[i].rate_e8
        if (rate > ONE_E8 and rate != RATE_COMPUTED) or rate < -ONE_E8:
            return Refusal.RATE_OUT_OF_RANGE
    for i in range(first, first + count):
        if s.symbols[s.commands[i].symbol].mark_e8 == 0:
            return Refusal.NO_MARK_PRICE
    # ---- nothing refuses below ----
    for i in range(first, first + count):
        symbol = s.commands[i].symbol
        rate = s.commands[i].rate_e8
        source = ValueSource.GIVEN
        take_samples(s, symbol)
        if rate == RATE_COMPUTED:
            rate = computed_rate_e8(s, symbol)
            source = ValueSource.COMPUTED
            event_edit = new_event(s, EventKind.FUNDING_RATE, NO_ROW, symbol)
            event_edit.rate_e8 = rate
            event_edit.mark_e8 = s.symbols[symbol].mark_e8
        forget_samples(s, symbol, rate)
        residue = 0
        p = s.symbols[symbol].first_position
        while p != NO_ROW:
            if s.positions[p].lots != 0:
                residue -= _fund_position(s, p, rate, source)
            p = s.positions[p].next_in_symbol
        assert residue >= 0
        if residue > 0:
            asset = s.symbols[symbol].asset
            wallet_edit = s.wallets.edit(wallet_row(s, FUND_ACCOUNT, asset))
            wallet_edit.cross_wallet_e8 += residue
            emit_wallet(s, FUND_ACCOUNT, asset, Reason.FUNDING_RESIDUE, residue, wallet_edit.cross_wallet_e8)
    return Refusal.NONE


@kernel
def _fund_position(s, p, rate_e8, source):
    """One position pays (negative) or receives funding; returns the signed amount (F11)."""
    position = s.positions[p]
    symbol = s.symbols[position.symbol]
    quantity = abs(position.lots) * symbol.step_e8
    price_e8 = symbol.mark_e8
    if s.engine[0].funding_price == FundingPrice.INDEX:
        price_e8 = symbol.index_e8
    is_payer = (position.lots > 0) == (rate_e8 > 0)
    if is_payer:
        amount = -funding_payment_e8(value_up_e8(symbol.contract_kind, quantity, price_e8), abs(rate_e8))
    else:
        amount = funding_receipt_e8(value_down_e8(symbol.contract_kind, quantity, price_e8), abs(rate_e8))
    to_cross = amount
    if position.margin_mode == MarginMode.ISOLATED:
        to_cross = 0
        if s.engine[0].isolated_funding_source == IsolatedFundingSource.CROSS_WALLET_FIRST:
            to_cross = amount
            if amount < 0:
                wallet = s.wallets[wallet_row(s, position.account, symbol.asset)].cross_wallet_e8
                available, _ = available_e8(s, position.account, symbol.asset)
                if wallet < available:
                    available = wallet
                if available < 0:
                    available = 0
                if -amount > available:
                    to_cross = -available
    to_isolated = amount - to_cross
    event_edit = new_event(s, EventKind.FUNDING, position.account, position.symbol)
    event_edit.margin_mode = position.margin_mode
    event_edit.position_side = position.position_side
    event_edit.lots = position.lots
    event_edit.amount_e8 = amount
    event_edit.rate_e8 = rate_e8
    event_edit.code = source
    event_edit.mark_e8 = price_e8
    if to_cross != 0:
        wallet_edit = s.wallets.edit(wallet_row(s, position.account, symbol.asset))
        wallet_edit.cross_wallet_e8 += to_cross
    if to_isolated != 0:
        position_edit = s.positions.edit(p)
        position_edit.isolated_wallet_e8 += to_isolated
    balance = s.wallets[wallet_row(s, position.account, symbol.asset)].cross_wallet_e8
    event_edit.balance_e8 = balance
    if position.margin_mode == MarginMode.ISOLATED:
        event_edit.balance_e8 = position.isolated_wallet_e8
    emit_wallet(s, position.account, symbol.asset, Reason.FUNDING, to_cross, balance)
    if to_isolated != 0:
        emit_position(s, p)
    touch_backing(s, p)
    return amount
