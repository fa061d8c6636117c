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


class FundingPrice(IntEnum):
    """Which price a funding payment is counted at."""

    MARK = 0
    INDEX = 1


class MarkPrice(IntEnum):
    """How a mark comes about where no recorded one is given."""

    INDEX = 0  # it is the index
    MEDIAN = 1  # of index with funding, index with the average basis of the book, and last


class ValueSource(IntEnum):
    """Where a mark or a funding rate in an event comes from."""

    GIVEN = 0  # by the command: recorded, or chosen by whoever sent it; a mark may be the index
    COMPUTED = 1  # here, from the book and the rulebook's columns


class LiquidationLadder(IntEnum):
    """How a due position is reduced before it is taken over."""

    ONE_ORDER = 0  # the fewest lots that cure it, else all
    TIERS = 1  # down to a lower bracket, step by step; from the lowest, all
    TWENTY_PERCENT_AND_WAIT = 2  # one order a command: a share of a large position; for a while after it, all
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
    PRO_RATA = 2  # nobody first: everyone by the size of his position
    NONE = 3  # no auto-deleveraging: the house takes what the fund cannot


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
    LEVERAGE_SET = 23
    MARGIN_MODE_SET = 24
    SYMBOL_STATUS_SET = 25
    CLOCK = 26
    POSITION_MODE_SET = 27
    BRACKETS_SET = 28
    FEES_SET = 29
    AMENDED = 30
    LIQUIDATION_POSITION = 31  # one position of a judged pocket, right behind LIQUIDATION_STARTED
    FUND_ORDER = 32  # the insurance fund's order against what it holds
    FUNDING_RATE = 33  # of a settlement, where it was computed here; before the payments
    COUNTDOWN_SET = 40  # or switched off
    TRIGGER_HELD = 41  # reached, and kept asleep by its price protection; said once


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


class SelfTradePrevention(IntEnum):
    """What happens when an order meets a resting order of its own account."""

    EXPIRE_MAKER = 0
    EXPIRE_TAKER = 1
    EXPIRE_BOTH = 2
    NONE = 3


class Refusal(IntEnum):
    """Why the engine refused a command. When several apply, the one listed first is reported."""

    NONE = 0
    UNKNOWN_COMMAND = 1
    NOT_SUPPORTED = 2  # known, and not in this version: the answer is honest, the state unchanged
    MALFORMED_CONTINUATION = 3
    TIME_GOES_BACK = 4
    SEQUENCE_OUT_OF_RANGE = 5
    SEQUENCE_USED = 6
    UNKNOWN_ACCOUNT = 7
    ACCOUNT_EXISTS = 8
    ACCOUNT_OUT_OF_RANGE = 9
    HOUSE_ONLY = 10
    UNKNOWN_ASSET = 11
    UNKNOWN_SYMBOL = 12
    SYMBOL_NOT_TRADING = 13
    AMOUNT_NOT_POSITIVE = 14
    AMOUNT_TOO_LARGE = 15
    WITHDRAW_TOO_LARGE = 16
    RATE_OUT_OF_RANGE = 17
    UNKNOWN_SIDE = 18
    UNKNOWN_ORDER_TYPE = 19
    UNKNOWN_TIME_IN_FORCE = 20
    POSITION_SIDE_MISMATCH = 21
    NO_MARK_PRICE = 22
    PRICE_NOT_POSITIVE = 23
    PRICE_TOO_LARGE = 24
    PRICE_TOO_SMALL = 75  # below the symbol's price_min
    CLOSE_POSITION_WITH_QUANTITY = 25
    QUANTITY_NOT_POSITIVE = 26
    QUANTITY_TOO_LARGE = 27
    NOTIONAL_TOO_SMALL = 28
    REDUCE_ONLY_REJECTED = 29
    WOULD_TRIGGER_IMMEDIATELY = 30
    POST_ONLY_TAKES = 31
    NO_LIQUIDITY = 32
    FILL_OR_KILL_UNFILLED = 33
    TOO_MANY_ORDERS = 34
    BRACKET_EXCEEDED = 35
    ACCOUNT_TOO_LARGE = 36
    MARGIN_INSUFFICIENT = 37
    UNKNOWN_ORDER = 38
    DUPLICATE_CLIENT_ID = 39
    LEVERAGE_OUT_OF_RANGE = 40
    LEVERAGE_ABOVE_BRACKET = 41
    LEVERAGE_LOWERED_WITH_ISOLATED_POSITION = 42
    LEVERAGE_MARGIN_INSUFFICIENT = 43
    MARGIN_MODE_UNKNOWN = 44
    MARGIN_MODE_UNCHANGED = 45
    MARGIN_MODE_HAS_ORDERS = 46
    MARGIN_MODE_HAS_POSITION = 47
    MARGIN_NOT_ISOLATED = 48
    MARGIN_NO_POSITION = 49
    MARGIN_ADD_TOO_LARGE = 50
    MARGIN_REMOVE_TOO_LARGE = 51
    POSITION_MODE_UNCHANGED = 52
    POSITION_MODE_HAS_ORDERS = 53
    POSITION_MODE_HAS_POSITION = 54
    UNKNOWN_WORKING_TYPE = 55
    # 56 is free: it was of a trigger on last before the first trade, which is judged by mark now
    CLOSE_POSITION_ORDER_TYPE = 57  # close-position is for STOP_MARKET and TAKE_PROFIT_MARKET
    POSITION_MODE_UNKNOWN = 58
    SYMBOL_STATUS_UNKNOWN = 59
    SYMBOL_DELISTED = 60  # for good
    BRACKETS_MALFORMED = 61
    NOT_AMENDABLE = 70  # a conditional, or an order of the house's ladder
    NOTHING_TO_AMEND = 71  # it has that price and quantity already
    EXPIRY_NOT_AHEAD = 72  # a good-till-date order or a countdown that would end now or before
    PRICE_ABOVE_BAND = 73  # of a buy: too far above the mark
    PRICE_BELOW_BAND = 74  # of a sale: too far below the mark


class LiquidationStep(IntEnum):
    """How a liquidation ended."""

    CURED = 0  # a rest lives
    CLOSED_IN_BOOK = 1
    TAKEN_OVER = 2
    WAITING = 3  # still due: tried again at the next prices or clock command
