"""Codes: every enum whose numbers are written into journals, snapshots and events.

Responsible for: names, stable numbers, and one line of meaning each. Must not: know a wire name or a venue.
The numbers are on people's disks: append, never renumber or reuse.
"""

from enum import IntEnum


class Side(IntEnum):
    """Direction of an order. A position's direction is the sign of its lots."""

    BUY = 0
    SELL = 1


class OrderType(IntEnum):
    """What an order does when it arrives, or when its trigger is reached."""

    LIMIT = 0
    MARKET = 1
    STOP_MARKET = 2
    TAKE_PROFIT_MARKET = 3
    STOP = 4
    TAKE_PROFIT = 5
    TRAILING_STOP_MARKET = 6


class TimeInForce(IntEnum):
    """How long an order lives."""

    GTC = 0  # rests until filled or cancelled
    IOC = 1  # fills what it can, the rest expires
    FOK = 2  # all at once or nothing
    GTX = 3  # post-only: refused if it would take
    GTD = 4  # rests until a time


class WorkingType(IntEnum):
    """Which price a trigger watches."""

    MARK_PRICE = 0
    LAST_PRICE = 1


class MarginMode(IntEnum):
    """What backs a position: the whole cross wallet of the margin asset, or its own isolated wallet."""

    CROSS = 0
    ISOLATED = 1


class PositionSide(IntEnum):
    """BOTH in one-way mode (one signed position per symbol); LONG and SHORT in hedge mode."""

    BOTH = 0
    LONG = 1
    SHORT = 2


class PositionMode(IntEnum):
    """Account-wide: one signed position per symbol, or a long and a short beside each other."""

    ONE_WAY = 0
    HEDGE = 1


class ContractKind(IntEnum):
    """How a contract's value follows from quantity and price."""

    LINEAR = 0
    INVERSE = 1


class SymbolStatus(IntEnum):
    """What may be done in a symbol."""

    TRADING = 0
    REDUCE_ONLY = 1
    PAUSED = 2
    DELISTED = 3


class IsolatedFillBasis(IntEnum):
    """Which price sizes the transfer into an isolated wallet at an increasing fill."""

    MARK = 0  # mark ÷ leverage, plus the open loss of the fill against mark
    FILL = 1  # fill price ÷ leverage


class IsolatedFundingSource(IntEnum):
    """Who pays the funding of an isolated position."""

    ISOLATED_WALLET = 0
    CROSS_WALLET_FIRST = 1


class LiquidationLadder(IntEnum):
    """How a due position is reduced before it is taken over."""

    ONE_ORDER = 0  # the fewest lots that cure it, else all
    TIERS = 1
    TWENTY_PERCENT_AND_WAIT = 2
    ALL = 3


class CrossLiquidationOrder(IntEnum):
    """Which position of a due cross pool is reduced first."""

    LARGEST_MAINTENANCE = 0
    LARGEST_LOSS = 1
    LARGEST_NOTIONAL = 2


class AdlRanking(IntEnum):
    """How counterparties of an auto-deleveraging are ranked."""

    PNL_TIMES_MARGIN_RATIO = 0
    PNL_TIMES_LEVERAGE = 1
    PRO_RATA = 2
    NONE = 3


class RemainderTo(IntEnum):
    """Who keeps what is left of the margin after a liquidation."""

    ACCOUNT = 0
    INSURANCE_FUND = 1


class FeeBasis(IntEnum):
    """What the trading fee of a fill is charged on."""

    FILL_VALUE = 0
    MARK_VALUE = 1


class CommandKind(IntEnum):
    """Everything that can enter the exchange."""

    CONTINUATION = 0  # belongs to the header before it
    CREATE_ACCOUNT = 1
    DEPOSIT = 2
    WITHDRAW = 3
    FUND_DEPOSIT = 4
    PLACE_ORDER = 5
    AMEND_ORDER = 6
    CANCEL_ORDER = 7
    CANCEL_ALL = 8
    COUNTDOWN_CANCEL = 9
    PLACE_CONDITIONAL = 10
    CANCEL_CONDITIONAL = 11
    SET_LEVERAGE = 12
    SET_MARGIN_MODE = 13
    SET_POSITION_MODE = 14
    ADD_MARGIN = 15
    REMOVE_MARGIN = 16
    PRICES = 17
    QUOTE = 18
    SETTLE_FUNDING = 19
    ADVANCE_CLOCK = 20
    SET_SYMBOL_STATUS = 21
    SET_BRACKETS = 22
    SET_FEES = 23


class EventKind(IntEnum):
    """Everything that can happen. Together, in order, they say all: nobody reads state back to find out."""

    REFUSED = 1
    ACCOUNT_CREATED = 2
    ACCEPTED = 3
    FILLED = 4
    CANCELLED = 5
    EXPIRED = 6
    TRIGGERED = 7
    BOOK_LEVEL = 8
    PRICES = 9
    POSITION = 10
    WALLET = 11
    MARGIN_MOVED = 12
    FUNDING = 13
    MARGIN_CALL = 14
    LIQUIDATION_STARTED = 15
    LIQUIDATION_ORDER = 16
    LIQUIDATION_FEE = 17
    TAKEOVER = 18
    LIQUIDATION_ENDED = 19
    ADL = 20
    ADL_SKIPPED = 21
    FUND = 22
    LEVERAGE_SET = 23
    MARGIN_MODE_SET = 24
    SYMBOL_STATUS_SET = 25
    CLOCK = 26
    POSITION_MODE_SET = 27
    BRACKETS_SET = 28
    FEES_SET = 29
    AMENDED = 30


class Reason(IntEnum):
    """Why an event happened: cancellations, expiries, wallet movements."""

    NONE = 0
    BY_OWNER = 1
    IMMEDIATE_REST = 2  # what an IOC or market order could not fill
    CANNOT_BE_MARGINED = 3  # reached, and its margin was not there
    WOULD_BANKRUPT = 4  # the fill would take its own side past bankruptcy
    REDUCE_ONLY_NOTHING_LEFT = 5  # nothing left to reduce
    LIQUIDATION = 6
    ADL = 7
    QUOTE = 8  # the maker moved its ladder
    DEPOSIT = 9
    WITHDRAWAL = 10
    FUND_DEPOSIT = 11
    TRADE = 12  # realized PnL and the trading fee of a fill
    ISOLATED_FILL = 13  # into an isolated wallet at an increasing fill
    ISOLATED_CLOSE = 14  # out of it at a reducing fill
    ADD_MARGIN = 15
    REMOVE_MARGIN = 16
    FUNDING = 17
    LIQUIDATION_FEE = 18
    TAKEOVER = 19
    REST_AFTER_LIQUIDATION = 20
    TRIGGER_REFUSED = 21  # the released order was refused
    SYMBOL_CLOSED = 22
    TIME = 23  # GTD or countdown
    SELF_TRADE = 24
    FUNDING_RESIDUE = 25
    FUND_UNWIND = 26
    DELISTED = 27


class Refusal(IntEnum):
    """Why the engine refused a command. When several apply, the one listed first is reported."""

    NONE = 0
    UNKNOWN_COMMAND = 1
    TIME_GOES_BACK = 2
    SEQUENCE_GOES_BACK = 3
    UNKNOWN_ACCOUNT = 4
    ACCOUNT_EXISTS = 5
    ACCOUNT_OUT_OF_RANGE = 6
    UNKNOWN_ASSET = 7
    UNKNOWN_SYMBOL = 8
    SYMBOL_NOT_TRADING = 9
    AMOUNT_NOT_POSITIVE = 10
    AMOUNT_TOO_LARGE = 11
    UNKNOWN_SIDE = 12
    UNKNOWN_ORDER_TYPE = 13
    UNKNOWN_TIME_IN_FORCE = 14
    POSITION_SIDE_MISMATCH = 15
    PRICE_NOT_POSITIVE = 16
    PRICE_TOO_LARGE = 17
    QUANTITY_NOT_POSITIVE = 18
    QUANTITY_TOO_LARGE = 19
    NOTIONAL_TOO_SMALL = 20
    NO_MARK_PRICE = 21
    REDUCE_ONLY_REJECTED = 22
    POST_ONLY_TAKES = 23
    NO_LIQUIDITY = 24
    WOULD_TRIGGER_IMMEDIATELY = 25
    TOO_MANY_ORDERS = 26
    BRACKET_EXCEEDED = 27
    ACCOUNT_TOO_LARGE = 28
    MARGIN_INSUFFICIENT = 29
    UNKNOWN_ORDER = 30
    LEVERAGE_OUT_OF_RANGE = 31
    LEVERAGE_ABOVE_BRACKET = 32
    LEVERAGE_LOWERED_WITH_ISOLATED_POSITION = 33
    LEVERAGE_MARGIN_INSUFFICIENT = 34
    MARGIN_MODE_UNKNOWN = 35
    MARGIN_MODE_UNCHANGED = 36
    MARGIN_MODE_HAS_ORDERS = 37
    MARGIN_MODE_HAS_POSITION = 38
    MARGIN_NOT_ISOLATED = 39
    MARGIN_NO_POSITION = 40
    MARGIN_ADD_TOO_LARGE = 41
    MARGIN_REMOVE_TOO_LARGE = 42
    WITHDRAW_TOO_LARGE = 43
    RATE_OUT_OF_RANGE = 44
    HOUSE_ONLY = 45
    NOT_SUPPORTED = 46  # known, and not in this version: the answer is honest, the state unchanged
    RESERVED_ACCOUNT = 47
    MALFORMED_CONTINUATION = 48
    CLOSE_POSITION_WITH_QUANTITY = 49
    DUPLICATE_CLIENT_ID = 50
    POSITION_MODE_UNCHANGED = 51
    POSITION_MODE_HAS_ORDERS = 52
    POSITION_MODE_HAS_POSITION = 53


class LiquidationStep(IntEnum):
    """How a liquidation ended."""

    CURED = 0  # a rest lives
    CLOSED_IN_BOOK = 1
    TAKEN_OVER = 2
