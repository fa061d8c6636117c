"""Engine: one command after the other, each with its tail; the entries that Python calls.

Responsible for: room before a command, dispatch, the clock, refusals, the phases of a command (liquidations, triggers,
tail), parking between units of work, rolling back. Must not: know a rule of trading.

A command runs in units: its handler, then one liquidation or one trigger at a time. Between units nothing is half
done, so there the kernel may park: it returns with what is left in `control`, Python drains the events, and the next call
goes on with the same command. Inside a unit a full event buffer, undo log or scratch table raises RoomNeeded: Python
rolls back to the last savepoint, grows it and calls again.
"""

from __future__ import annotations

from enum import IntEnum

from ..codes import CommandKind, Reason, Refusal, SymbolStatus, WorkingType
from ..limits import (
    ACCOUNTS_MAX,
    BRACKETS_MAX,
    BRANCH_SEQUENCE_FIRST,
    CLIENT_ID_RECORDS,
    CONTINUATIONS_MAX,
    LADDER_LEVELS_MAX,
    ORDER_IDS_PER_COMMAND,
    SEQUENCE_MAX,
    SYMBOLS_MAX,
)
from .adl import system_position
from .ahead import look_ahead
from .amend import amend
from .book import find_order
from .commands import (
    advance_clock,
    cancel_all,
    come_due,
    countdown_cancel,
    create_account,
    deposit,
    prices,
    quote,
    settle_funding,
    withdraw,
)
from .conditionals import place_conditional, release_conditional
from .events import emit_refused
from .fund import unwind
from .jit import entry, kernel, small
from .judge import judge_touched, take_worst_due, touch_holders
from .liquidation import liquidate_cross, liquidate_isolated, wake_waiting
from .listings import set_brackets, set_fees, set_symbol_status, settle_delisted
from .marks import bankruptcy_mark_of, liquidation_marks_of
from .native import copy_words, load_word, state_at
from .orders import cancel, is_supported_prevention, place
from .pockets import (
    available_e8,
    isolated_balance,
    maintenance_of_lots_e8,
    max_add_margin_e8,
    max_remove_margin_e8,
    max_withdraw_e8,
    own_margin_e8,
    pool_balance,
    position_upnl_e8,
)
from .premium import computed_rate_e8
from .schema import FUND_ACCOUNT, NO_ROW, TABLE_INDEX
from .settings import move_margin, set_leverage, set_margin_mode, set_position_mode
from .sorting import sort_by_key
from .timers import is_timer_due, next_due
from .triggers import collect_reached, collect_traded, forget_triggers, trail, watched_price_ticks

IDLE = 0  # between commands
LIQUIDATING = 1  # after a prices command: every holder is judged, the worst goes first, to exhaustion; before a settlement
TRIGGERING = 2  # then: conditionals on mark, then those on last that fills have reached by then
TAIL = 3  # judge, worst first; then conditionals on last that fills have reached; again until neither acts
TRIGGERING_LAST = 4
EXPIRING = 6  # before the handler: timers that the command's time has reached
UNWINDING = 5  # of a prices command, behind its triggers: the insurance fund's orders

DONE = 0  # every command of the batch was applied
NEED_ROOM = 1  # `control.room_table` needs `control.room_rows` more rows before the next command
PARKED = 2  # between two units of a command: drain the events, call again
DRAIN = 3  # between two commands: drain the events, call again

class Measure(IntEnum):
    """What `measure` answers, × 10^8. The first five are of a pool (account, asset), the others of a position."""

    AVAILABLE = 0
    MAX_ADD_MARGIN = 1
    MAX_WITHDRAW = 2
    POOL_BALANCE = 3
    POOL_MAINTENANCE = 4
    MAX_REMOVE_MARGIN = 5
    ISOLATED_BALANCE = 6
    ISOLATED_MAINTENANCE = 7
    MARGIN_HELD = 8
    UNREALIZED_PNL = 9
    MAINTENANCE = 10
    LIQUIDATION_MARK_BELOW = 11  # the first mark below at which it is liquidated
    LIQUIDATION_MARK_ABOVE = 12
    BANKRUPTCY_MARK = 13
    FUNDING_RATE = 14  # of a symbol: the one that a settlement now would have


ORDERS_TABLE = TABLE_INDEX["orders"]
LEVELS_TABLE = TABLE_INDEX["levels"]
SETTINGS_TABLE = TABLE_INDEX["settings"]
POSITIONS_TABLE = TABLE_INDEX["positions"]
UNDO_TABLE = TABLE_INDEX["undo"]
ACCOUNTS_TABLE = TABLE_INDEX["accounts"]
BRACKETS_TABLE = TABLE_INDEX["brackets"]


@kernel
def run(s, count):
    """Apply commands[control.commands_done … count − 1]; returns DONE, NEED_ROOM, PARKED or DRAIN."""
    control = s.control.raw(0)
    while control.commands_done < count:
        i = control.commands_done
        if control.phase == IDLE:
            if control.is_preview == 0 and 2 * control.event_count > control.event_threshold:
                return DRAIN  # early, so that parking in the middle of a command stays rare
            if _lacks_room(s, i):
                return NEED_ROOM
            look_ahead(s, i, count)
            _begin(s, i, count)
        while control.phase != IDLE:
            if control.is_preview == 0 and control.event_count > control.event_threshold:
                control.savepoint += 1
                return PARKED
            _advance(s)
        if control.is_preview == 0:
            control.undo_used = 0
        control.savepoint += 1
        control.undo_at_savepoint = control.undo_used
        control.events_at_savepoint = control.event_count
        control.commands_done = i + 1 + records_behind(s, i, count)
    return DONE


@kernel
def records_behind(s, i, count):
    """How many of the continuation records that the header at i asks for really follow it."""
    asked = s.commands[i].continuation_count
    following = 0
    while (
        following < asked
        and i + 1 + following < count
        and s.commands[i + 1 + following].kind == CommandKind.CONTINUATION
    ):
        following += 1
    return following


@kernel
def _wants(s, table, have, used, more):
    """Whether a table lacks room for `more` rows; if so, asks for them."""
    if have - used >= more:
        return False
    control = s.control.raw(0)
    control.room_table = table
    control.room_rows = more
    return True


@kernel
def _lacks_room(s, i):
    """Ask for the rows that a command can need at most, before it is touched."""
    command = s.commands[i]
    counters = s.counters[0]
    orders = 2
    if command.kind == CommandKind.QUOTE:
        orders = 2 + 2 * LADDER_LEVELS_MAX
    if _wants(s, ORDERS_TABLE, len(s.orders), counters.order_count, orders):
        return True
    if _wants(s, LEVELS_TABLE, len(s.levels), counters.level_count, orders):
        return True
    if _wants(s, SETTINGS_TABLE, len(s.settings), counters.settings_count, 1):
        return True
    if _wants(s, POSITIONS_TABLE, len(s.positions), counters.position_count, 1):
        return True
    if command.kind == CommandKind.SET_BRACKETS and 0 < command.continuation_count <= BRACKETS_MAX:
        if _wants(s, BRACKETS_TABLE, len(s.brackets), counters.bracket_high, command.continuation_count):
            return True
    if command.kind == CommandKind.CREATE_ACCOUNT and len(s.accounts) <= command.account < ACCOUNTS_MAX:
        return _wants(s, ACCOUNTS_TABLE, len(s.accounts), counters.account_count, command.account + 1)
    return False


@kernel
def _begin(s, i, count):
    """Check what every command shares, move the clock, and run its handler unless a timer comes first."""
    control = s.control.raw(0)
    command = s.commands[i]
    control.sequence = command.sequence
    control.touched_count = 0
    control.touched_epoch += 1
    control.traded_count = 0
    control.moved_count = 0
    forget_triggers(s)
    control.unwound_below = SYMBOLS_MAX
    assert control.due_count == 0
    control.due_serial_before = control.due_serial
    result = s.results.raw(i)
    result.order_id = 0
    if 1 <= command.sequence < SEQUENCE_MAX:
        result.order_id = command.sequence * ORDER_IDS_PER_COMMAND
    result.refusal = _why_not(s, i, count)
    counters_edit = s.counters.edit(0)
    counters_edit.command_count += 1
    if command.time_ms > counters_edit.time_ms:
        counters_edit.time_ms = command.time_ms
    if counters_edit.last_sequence < command.sequence < BRANCH_SEQUENCE_FIRST:
        counters_edit.last_sequence = command.sequence
    if is_timer_due(s):
        control.phase = EXPIRING
    else:
        _carry_out(s, i)


@kernel
def _carry_out(s, i):
    """Run the handler of a command that was not refused yet, and set what is left to do."""
    control = s.control.raw(0)
    command = s.commands[i]
    result = s.results.raw(i)
    refusal = result.refusal
    if refusal == Refusal.NONE:
        refusal = _dispatch(s, i)
    result.refusal = refusal
    if refusal != Refusal.NONE:
        emit_refused(s, command.account, command.symbol, command.order_id, refusal)
        return
    if command.kind == CommandKind.PRICES or command.kind == CommandKind.ADVANCE_CLOCK:
        wake_waiting(s)
    if command.kind == CommandKind.PRICES:
        control.unwound_below = 0
        for r in range(i + 1, i + 1 + command.continuation_count):
            touch_holders(s, s.commands[r].symbol)
        control.phase = LIQUIDATING
    elif command.kind == CommandKind.SET_SYMBOL_STATUS and command.symbol_status == SymbolStatus.DELISTED:
        wake_waiting(s)
        control.phase = LIQUIDATING
    elif control.moved_count > 0:
        wake_waiting(s)
        for k in range(control.moved_count):
            touch_holders(s, s.moved[k].symbol)
        control.phase = LIQUIDATING
    elif control.touched_count > 0 or control.traded_count > 0:
        control.phase = TAIL


@kernel
def _why_not(s, i, count):
    """Refusals that every kind of command shares."""
    command = s.commands[i]
    kind = command.kind
    if kind <= CommandKind.CONTINUATION or kind > CommandKind.SET_FEES:
        return Refusal.UNKNOWN_COMMAND
    if not _is_supported(s, i):
        return Refusal.NOT_SUPPORTED
    following = command.continuation_count
    if following > CONTINUATIONS_MAX or following != records_behind(s, i, count):
        return Refusal.MALFORMED_CONTINUATION
    if (
        kind == CommandKind.PRICES
        or kind == CommandKind.SETTLE_FUNDING
        or kind == CommandKind.SET_BRACKETS
        or kind == CommandKind.SET_FEES
    ):
        if following < 1:
            return Refusal.MALFORMED_CONTINUATION
    elif following > 0 and (following > CLIENT_ID_RECORDS or not _may_carry_client_id(kind)):
        return Refusal.MALFORMED_CONTINUATION
    if command.time_ms < s.counters[0].time_ms:
        return Refusal.TIME_GOES_BACK
    if command.sequence < 1 or command.sequence >= SEQUENCE_MAX:
        return Refusal.SEQUENCE_OUT_OF_RANGE
    return Refusal.NONE


@small
def _may_carry_client_id(kind):
    """Whether the text of a client id may follow: the journal keeps it, nothing here reads it."""
    return kind == CommandKind.PLACE_ORDER or kind == CommandKind.PLACE_CONDITIONAL


@kernel
def _is_supported(s, i):
    """Whether this version carries out a command: its kind, and of an order its prevention rule and trigger price."""
    c = s.commands[i]
    kind = c.kind
    if kind == CommandKind.PLACE_ORDER or kind == CommandKind.PLACE_CONDITIONAL:
        return is_supported_prevention(c.self_trade_prevention)
    return True


@kernel
def _dispatch(s, i):
    """Hand a command to its handler. Returns a Refusal."""
    c = s.commands[i]
    kind = c.kind
    order_id = c.sequence * ORDER_IDS_PER_COMMAND
    if kind == CommandKind.PLACE_ORDER:
        if find_order(s, order_id) != NO_ROW:
            return Refusal.SEQUENCE_USED
        return place(
            s,
            order_id,
            c.client_id_hash,
            c.account,
            c.symbol,
            c.side,
            c.order_type,
            c.time_in_force,
            c.price_ticks,
            c.lots,
            c.is_reduce_only,
            c.self_trade_prevention,
            c.position_side,
            0,
            c.expire_ms,
        )
    if kind == CommandKind.CANCEL_ORDER or kind == CommandKind.CANCEL_CONDITIONAL:
        return cancel(s, c.account, c.order_id, c.client_id_hash, Reason.BY_OWNER)
    if kind == CommandKind.PRICES:
        return prices(s, i + 1, c.continuation_count)
    if kind == CommandKind.QUOTE:
        return quote(
            s,
            c.sequence,
            c.symbol,
            c.mid_e8,
            c.half_spread_rate_e8,
            c.spacing_rate_e8,
            c.level_notional_e8,
            c.level_count,
            c.scale_e8,
        )
    if kind == CommandKind.PLACE_CONDITIONAL:
        if find_order(s, order_id) != NO_ROW:
            return Refusal.SEQUENCE_USED
        return place_conditional(
            s,
            order_id,
            c.client_id_hash,
            c.account,
            c.symbol,
            c.side,
            c.order_type,
            c.time_in_force,
            c.price_ticks,
            c.trigger_ticks,
            c.callback_rate_e8,
            c.lots,
            c.is_reduce_only,
            c.is_close_position,
            c.working_type,
            c.position_side,
            c.self_trade_prevention,
            c.expire_ms,
            c.is_price_protected,
        )
    if kind == CommandKind.AMEND_ORDER:
        return amend(s, c.account, c.order_id, c.client_id_hash, c.price_ticks, c.lots)
    if kind == CommandKind.COUNTDOWN_CANCEL:
        return countdown_cancel(s, c.account, c.symbol, c.expire_ms)
    if kind == CommandKind.CANCEL_ALL:
        return cancel_all(s, c.account, c.symbol)
    if kind == CommandKind.SET_LEVERAGE:
        return set_leverage(s, c.account, c.symbol, c.leverage)
    if kind == CommandKind.SET_MARGIN_MODE:
        return set_margin_mode(s, c.account, c.symbol, c.margin_mode)
    if kind == CommandKind.ADD_MARGIN:
        return move_margin(s, c.account, c.symbol, c.position_side, c.amount_e8, True)
    if kind == CommandKind.REMOVE_MARGIN:
        return move_margin(s, c.account, c.symbol, c.position_side, c.amount_e8, False)
    if kind == CommandKind.SET_SYMBOL_STATUS:
        return set_symbol_status(s, c.symbol, c.symbol_status)
    if kind == CommandKind.SET_BRACKETS:
        return set_brackets(s, c.symbol, c.amount_e8, i + 1, c.continuation_count)
    if kind == CommandKind.SET_FEES:
        return set_fees(s, c.account, c.symbol, i + 1, c.continuation_count)
    if kind == CommandKind.SET_POSITION_MODE:
        return set_position_mode(s, c.account, c.position_mode)
    if kind == CommandKind.SETTLE_FUNDING:
        return settle_funding(s, i + 1, c.continuation_count)
    if kind == CommandKind.CREATE_ACCOUNT:
        return create_account(s, c.account, c.is_house)
    if kind == CommandKind.DEPOSIT:
        return deposit(s, c.account, c.asset, c.amount_e8, Reason.DEPOSIT)
    if kind == CommandKind.FUND_DEPOSIT:
        return deposit(s, FUND_ACCOUNT, c.asset, c.amount_e8, Reason.FUND_DEPOSIT)
    if kind == CommandKind.WITHDRAW:
        return withdraw(s, c.account, c.asset, c.amount_e8)
    if kind == CommandKind.ADVANCE_CLOCK:
        return advance_clock(s)
    return Refusal.NOT_SUPPORTED


@kernel
def _advance(s):
    """One unit of what is left of the command at hand."""
    control = s.control.raw(0)
    if control.phase == EXPIRING:
        name = next_due(s)
        if name != 0:
            come_due(s, name)
        else:
            control.phase = IDLE
            _carry_out(s, control.commands_done)
        return
    if control.phase == TRIGGERING or control.phase == TRIGGERING_LAST:
        if control.trigger_done < control.trigger_count:
            o = find_order(s, s.triggers[control.trigger_done].key)
            control.trigger_done += 1
            if o != NO_ROW:
                release_conditional(s, o)
        elif control.phase == TRIGGERING and collect_traded(s):
            control.phase = TRIGGERING_LAST
        else:
            control.phase = UNWINDING
        return
    if control.phase == UNWINDING:
        symbol = _next_to_unwind(s)
        if symbol == NO_ROW:
            control.unwound_below = SYMBOLS_MAX
            control.phase = TAIL
        else:
            control.unwound_below = symbol + 1
            unwind(s, symbol)
        return
    judge_touched(s)
    account, asset, position = take_worst_due(s)
    if account == NO_ROW:
        if control.phase == LIQUIDATING and s.commands[control.commands_done].kind == CommandKind.SET_SYMBOL_STATUS:
            settle_delisted(s, s.commands[control.commands_done].symbol)
            control.phase = TAIL
        elif control.phase == LIQUIDATING:
            _collect_marks(s)
            control.phase = TRIGGERING
        elif collect_traded(s):
            control.phase = TRIGGERING_LAST
        else:
            control.phase = IDLE
        return
    if position != NO_ROW:
        liquidate_isolated(s, position)
    else:
        liquidate_cross(s, account, asset)


@kernel
def _next_to_unwind(s):
    """The next symbol of this prices command, in order of number, in which the insurance fund holds lots; NO_ROW: none."""
    control = s.control[0]
    if s.engine[0].fund_unwind_share_e8 == 0 or control.unwound_below == SYMBOLS_MAX:
        return NO_ROW
    i = control.commands_done
    best = NO_ROW
    for r in range(i + 1, i + 1 + s.commands[i].continuation_count):
        symbol = s.commands[r].symbol
        is_next = symbol >= control.unwound_below and (best == NO_ROW or symbol < best)
        if is_next and s.positions[system_position(s, symbol, FUND_ACCOUNT)].lots != 0:
            best = symbol
    return best


@kernel
def _collect_marks(s):
    """List the conditionals on mark that the marks of this command reached."""
    forget_triggers(s)
    i = s.control[0].commands_done
    if s.commands[i].kind == CommandKind.PRICES:
        for r in range(i + 1, i + 1 + s.commands[i].continuation_count):
            _collect_mark(s, s.commands[r].symbol)
    for k in range(s.control[0].moved_count):
        _collect_mark(s, s.moved[k].symbol)
    sort_by_key(s.triggers, s.control[0].trigger_count)


@kernel
def _collect_mark(s, symbol):
    ticks = watched_price_ticks(s, symbol, WorkingType.MARK_PRICE)
    trail(s, symbol, WorkingType.MARK_PRICE, ticks)
    collect_reached(s, symbol, WorkingType.MARK_PRICE, ticks, ticks)


@entry
def submit(header, count):
    """Entry: run a batch whose commands and results tables are set in the header."""
    return run(state_at(header), count)


@entry
def roll_back(header, until):
    """Entry: put the logged rows back, newest first, until the log is `until` bytes long."""
    s = state_at(header)
    control = s.control.raw(0)
    log = load_word(header + 24 * UNDO_TABLE)
    used = control.undo_used
    while used > until:
        table = load_word(log + used - 8)
        row = load_word(log + used - 16)
        base = load_word(header + 24 * table)
        size = load_word(header + 24 * table + 16)
        used -= 16 + size
        copy_words(base + row * size, log + used, size // 8)
    control.undo_used = until
    control.savepoint += 1
    return 0


@kernel
def measure(s, what, account, row):
    """One number of a pocket, for views: see Measure; `row` is an asset for the first five, else a position."""
    if what == Measure.AVAILABLE:
        return available_e8(s, account, row)[0]
    if what == Measure.MAX_ADD_MARGIN:
        return max_add_margin_e8(s, account, row)
    if what == Measure.MAX_WITHDRAW:
        return max_withdraw_e8(s, account, row)
    if what == Measure.POOL_BALANCE:
        return pool_balance(s, account, row)[0]
    if what == Measure.POOL_MAINTENANCE:
        return pool_balance(s, account, row)[1]
    if what == Measure.MAX_REMOVE_MARGIN:
        return max_remove_margin_e8(s, row)
    if what == Measure.ISOLATED_BALANCE:
        return isolated_balance(s, row)[0]
    if what == Measure.ISOLATED_MAINTENANCE:
        return isolated_balance(s, row)[1]
    if what == Measure.MARGIN_HELD:
        return own_margin_e8(s, row)
    if what == Measure.UNREALIZED_PNL:
        return position_upnl_e8(s, row)
    if what == Measure.MAINTENANCE:
        return maintenance_of_lots_e8(s, s.positions[row].symbol, s.positions[row].lots)
    if what == Measure.FUNDING_RATE:
        return computed_rate_e8(s, row)
    if what == Measure.BANKRUPTCY_MARK:
        return bankruptcy_mark_of(s, row)
    if what == Measure.LIQUIDATION_MARK_BELOW:
        return liquidation_marks_of(s, row)[0]
    if what == Measure.LIQUIDATION_MARK_ABOVE:
        return liquidation_marks_of(s, row)[1]
    raise AssertionError("unknown measure")


@entry
def measure_of(header, what, account, row):
    """Entry: one number of a pocket."""
    return measure(state_at(header), what, account, row)
