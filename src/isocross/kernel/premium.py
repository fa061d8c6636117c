"""Premium: what the book says of a contract's price beside its index: premium, funding rate, average basis, computed mark.

Responsible for: impact prices, the samples since the last settlement, the funding rate made from them (F29 to F31), the computed mark
(F32). Must not: read a clock (time is in the command), settle, judge.

Samples lie on a grid of time. A command whose time has passed some of its points takes them all from the book as it stands
before that command, so how often commands come decides how fine the picture is, and nothing else.
"""

from __future__ import annotations

from ..codes import ContractKind, EventKind, MarkPrice, Side, ValueSource
from ..limits import BASIS_SAMPLE_MS, BASIS_SAMPLES, FUNDING_CLAMP_E8, MUL_DIV_DIVISOR_MAX, PREMIUM_SAMPLE_MS
from ..units import ONE_E8
from .book import best_level, next_level
from .events import new_event
from .fixed import div_up, mul_div_down, mul_div_rest, mul_div_up, mul_e8_down
from .jit import kernel, small
from .schema import NO_ROW

HOURS_8_MS = 8 * 3_600_000


@small
def truncated(numerator, denominator):
    """Quotient toward zero, denominator > 0."""
    if numerator < 0:
        return -(-numerator // denominator)
    return numerator // denominator


@small
def clamped(value, low, high):
    """The nearest value in low … high."""
    if value < low:
        return low
    if value > high:
        return high
    return value


@kernel
def impact_price_e8(s, symbol_row, side):
    """Average price, against the taker, at which a side trades the symbol's impact notional at once; 0: it has not that much (F29)."""
    symbol = s.symbols[symbol_row]
    if symbol.contract_kind == ContractKind.INVERSE:
        return _inverse_impact_price_e8(s, symbol_row, side)
    notional_e8 = s.pricing[symbol_row].impact_notional_e8
    left_e8 = notional_e8
    whole_lots = 0
    level = best_level(s, symbol_row, side)
    while level != NO_ROW:
        lots = s.levels[level].lots
        price_ticks = s.levels[level].price_ticks
        lot_value_e8 = price_ticks * symbol.tick_value_e8
        if lots >= div_up(left_e8, lot_value_e8):
            if whole_lots > (MUL_DIV_DIVISOR_MAX - left_e8) // lot_value_e8:
                return 0
            at_this_price_e8 = whole_lots * lot_value_e8 + left_e8
            if side == Side.BUY:
                return mul_div_down(notional_e8, price_ticks * symbol.tick_e8, at_this_price_e8)
            return mul_div_up(notional_e8, price_ticks * symbol.tick_e8, at_this_price_e8)
        left_e8 -= lots * lot_value_e8
        whole_lots += lots
        level = next_level(s, level, 0)
    return 0


@kernel
def _inverse_impact_price_e8(s, symbol_row, side):
    """`impact_price_e8` of an inverse contract: the quote units traded, of the last level a part, ÷ the impact notional in coin."""
    symbol = s.symbols[symbol_row]
    notional_e8 = s.pricing[symbol_row].impact_notional_e8
    left_e8 = notional_e8
    whole_lots = 0
    level = best_level(s, symbol_row, side)
    while level != NO_ROW:
        lots = s.levels[level].lots
        price_ticks = s.levels[level].price_ticks
        if lots >= mul_div_up(left_e8, price_ticks, symbol.tick_value_e8):
            if whole_lots > MUL_DIV_DIVISOR_MAX // symbol.step_e8:
                return 0
            whole, rest = mul_div_rest(whole_lots * symbol.step_e8, ONE_E8, notional_e8)
            part, part_rest = mul_div_rest(left_e8, price_ticks * symbol.tick_e8, notional_e8)
            if side == Side.BUY:
                return whole + part + (rest + part_rest) // notional_e8
            return whole + part + div_up(rest + part_rest, notional_e8)
        left_e8 -= mul_div_down(lots, symbol.tick_value_e8, price_ticks)
        whole_lots += lots
        level = next_level(s, level, 0)
    return 0


@kernel
def premium_e8(s, symbol_row):
    """The premium of the book over the index now, as a share of the index, within ±100 % (F29)."""
    index_e8 = s.symbols[symbol_row].index_e8
    bid_e8 = impact_price_e8(s, symbol_row, Side.BUY)
    ask_e8 = impact_price_e8(s, symbol_row, Side.SELL)
    over = 0
    if bid_e8 > index_e8:
        over = bid_e8 - index_e8
    if ask_e8 != 0 and ask_e8 < index_e8:
        over -= index_e8 - ask_e8
    if abs(over) >= index_e8:
        share = ONE_E8
    else:
        share = mul_div_down(abs(over), ONE_E8, index_e8)
    if over < 0:
        return -share
    return share


@kernel
def basis_e8(s, symbol_row):
    """Middle of the book less index; 0 while a side is empty."""
    bid = best_level(s, symbol_row, Side.BUY)
    ask = best_level(s, symbol_row, Side.SELL)
    if bid == NO_ROW or ask == NO_ROW:
        return 0
    symbol = s.symbols[symbol_row]
    return (s.levels[bid].price_ticks + s.levels[ask].price_ticks) * symbol.tick_e8 // 2 - symbol.index_e8


@kernel
def take_samples(s, symbol_row):
    """The samples of the grid points that the clock has passed since the last ones, of the book as it stands."""
    now_ms = s.counters[0].time_ms
    since_ms = s.pricing[symbol_row].sampled_ms
    if now_ms == since_ms:
        return
    pricing_edit = s.pricing.edit(symbol_row)
    pricing_edit.sampled_ms = now_ms
    if since_ms == 0 or s.symbols[symbol_row].index_e8 == 0:
        return
    points = now_ms // PREMIUM_SAMPLE_MS - since_ms // PREMIUM_SAMPLE_MS
    room = pricing_edit.funding_interval_ms // PREMIUM_SAMPLE_MS - pricing_edit.premium_count
    if points > room:
        points = room
    if points > 0:
        count = pricing_edit.premium_count
        pricing_edit.premium_sum_e8 += premium_e8(s, symbol_row) * (points * count + points * (points + 1) // 2)
        pricing_edit.premium_count = count + points
    seconds = now_ms // BASIS_SAMPLE_MS - since_ms // BASIS_SAMPLE_MS
    if seconds > BASIS_SAMPLES:
        seconds = BASIS_SAMPLES
    if seconds > 0 and s.engine[0].mark_price == MarkPrice.MEDIAN:
        basis = basis_e8(s, symbol_row)
        for k in range(seconds):
            place = symbol_row * BASIS_SAMPLES + (now_ms // BASIS_SAMPLE_MS - k) % BASIS_SAMPLES
            basis_edit = s.basis.edit(place)
            pricing_edit.basis_sum_e8 += basis - basis_edit.basis_e8
            basis_edit.basis_e8 = basis
        pricing_edit.basis_count += seconds
        if pricing_edit.basis_count > BASIS_SAMPLES:
            pricing_edit.basis_count = BASIS_SAMPLES


@kernel
def computed_rate_e8(s, symbol_row):
    """The funding rate that the samples since the last settlement give (F31)."""
    pricing = s.pricing[symbol_row]
    symbol = s.symbols[symbol_row]
    average = 0
    if pricing.premium_count > 0:
        average = truncated(pricing.premium_sum_e8, pricing.premium_count * (pricing.premium_count + 1) // 2)
    rate = average + clamped(pricing.interest_rate_e8 - average, -FUNDING_CLAMP_E8, FUNDING_CLAMP_E8)
    rate = truncated(rate * pricing.funding_interval_ms, HOURS_8_MS)
    return clamped(rate, symbol.funding_floor_rate_e8, symbol.funding_cap_rate_e8)


@kernel
def forget_samples(s, symbol_row, rate_e8):
    """A settlement at this rate: the next average begins."""
    pricing_edit = s.pricing.edit(symbol_row)
    pricing_edit.premium_sum_e8 = 0
    pricing_edit.premium_count = 0
    pricing_edit.funding_rate_e8 = rate_e8


@kernel
def computed_mark_e8(s, symbol_row):
    """Median of the index with the funding still to come, the index with the average basis, and the last price (F32)."""
    symbol = s.symbols[symbol_row]
    pricing = s.pricing[symbol_row]
    interval_ms = pricing.funding_interval_ms
    left_ms = interval_ms - s.counters[0].time_ms % interval_ms
    share = truncated(pricing.funding_rate_e8 * left_ms, interval_ms)
    with_funding = symbol.index_e8 + mul_e8_down(symbol.index_e8, abs(share))
    if share < 0:
        with_funding = symbol.index_e8 - mul_e8_down(symbol.index_e8, -share)
    with_basis = symbol.index_e8
    if pricing.basis_count > 0:
        with_basis += truncated(pricing.basis_sum_e8, pricing.basis_count)
    last = with_basis
    if symbol.last_price_ticks != 0:
        last = symbol.last_price_ticks * symbol.tick_e8
    low = with_funding
    high = with_basis
    if low > high:
        low = with_basis
        high = with_funding
    return clamped(clamped(last, low, high), symbol.price_min_e8, symbol.price_max_e8)


@kernel
def renew_mark(s, symbol_row):
    """At the start of a quote or clock command: samples, and where the mark is a computed one, the mark anew."""
    take_samples(s, symbol_row)
    if s.pricing[symbol_row].is_mark_computed == 0:
        return
    mark = computed_mark_e8(s, symbol_row)
    if mark == s.symbols[symbol_row].mark_e8:
        return
    symbol_edit = s.symbols.edit(symbol_row)
    symbol_edit.mark_e8 = mark
    emit_prices(s, symbol_row, ValueSource.COMPUTED)
    control = s.control.raw(0)
    entry = s.moved.raw(control.moved_count)
    entry.symbol = symbol_row
    control.moved_count += 1


@kernel
def emit_prices(s, symbol_row, source):
    """PRICES: index and mark of a symbol as they now are."""
    event_edit = new_event(s, EventKind.PRICES, NO_ROW, symbol_row)
    event_edit.index_e8 = s.symbols[symbol_row].index_e8
    event_edit.mark_e8 = s.symbols[symbol_row].mark_e8
    event_edit.code = source
