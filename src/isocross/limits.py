"""Limits: hard capacities and the bounds that make plain int64 products safe, with the arithmetic.

Responsible for: constants and the relations between them, asserted at import. Must not: know a venue.

The arithmetic. Int64 holds ±2^63 ≈ 9.22e18. Money is × 10^8, so that is ±92 billion of the margin asset.
  one position or order   |lots| × price_max × tick value ≤ NOTIONAL_MAX_E8 = 2^59   (5.7 billion)
  one account             Σ of those over all its positions and orders ≤ ACCOUNT_NOTIONAL_MAX_E8 = 2^60
  one house position      ≤ 4 × 2^59 by its own trades; takeovers, the last resort, come on top of that
  one wallet              ≤ WALLET_MAX_E8 = 2^60; balance = wallet + Σ uPnL ≤ 2^61 < 2^62
  quantity × 10^8         ≤ 2^60; `mul_e8` splits both factors at 10^8, so every partial product is below the
                          result or below 2^62 (fixed.py); a quantity is also a divisor, hence 2^60
Prices above a symbol's `price_max` are refused, so no later mark can push a position over its bound.
"""

from .units import ONE_E8

INT64_MAX = 2**63 - 1

NOTIONAL_MAX_E8 = 2**59
ACCOUNT_NOTIONAL_MAX_E8 = 2**60
WALLET_MAX_E8 = 2**60
NET_DEPOSITS_MAX_E8 = 2**62
QUANTITY_MAX_E8 = 2**60
PRICE_MAX_E8 = 10**16  # 100 million per unit
LEVERAGE_MAX = 1_000
MUL_DIV_DIVISOR_MAX = 2**60  # a divisor this small leaves room for one binary digit a step

ACCOUNTS_MAX = 4_000_000
SYMBOLS_MAX = 8_192
ASSETS_MAX = 8
BRACKETS_MAX = 64  # of one symbol
LADDER_LEVELS_MAX = 200  # of one side of the house ladder
HOUSE_POSITIONS_MAX = 4  # times lots_max: how far a house trades one way; what it must take over comes on top
ORDERS_PER_SYMBOL_MAX = 200  # the most that a rulebook may allow: open orders of one account in one symbol; the house has no limit
CALLBACK_MAX_E8 = ONE_E8 // 2  # how far a trailing stop may follow behind
CONTINUATIONS_MAX = 16_384  # records that one command may carry behind its header
RATE_COMPUTED = 2**62  # in place of a funding rate: the one that is computed here
PREMIUM_SAMPLE_MS = 5_000
BASIS_SAMPLE_MS = 1_000
BASIS_SAMPLES = 30
FUNDING_CLAMP_E8 = 50_000  # 0.05 %: how far the interest rate pulls the average premium
CLIENT_ID_BYTES_MAX = 36  # of the text of a client id, which travels in the journal
CLIENT_ID_RECORDS = 1  # continuation records that hold that text

SEQUENCE_MAX = 2**42
BRANCH_SEQUENCE_FIRST = 2**41  # a branch numbers the commands it inserts from here
WORLDS_MAX = 64  # forks and branches that are kept beside one exchange
TWINS_MAX = 16  # that live along with one exchange
DIVERGENCES_MAX = 10_000  # that a branch remembers; further ones are counted
ORDER_IDS_PER_COMMAND = 1_024  # order id = sequence × 1024 + k: k = 0 the order itself, 1 what it releases, 2… a ladder

assert NOTIONAL_MAX_E8 * 2 == ACCOUNT_NOTIONAL_MAX_E8 <= MUL_DIV_DIVISOR_MAX
assert HOUSE_POSITIONS_MAX * NOTIONAL_MAX_E8 <= 2**61
assert WALLET_MAX_E8 + ACCOUNT_NOTIONAL_MAX_E8 < 2**62
assert SEQUENCE_MAX * ORDER_IDS_PER_COMMAND <= 2**53, "order ids stay exact in JavaScript"
assert 2 * LADDER_LEVELS_MAX + 2 <= ORDER_IDS_PER_COMMAND
assert QUANTITY_MAX_E8 <= MUL_DIV_DIVISOR_MAX
assert PRICE_MAX_E8 // ONE_E8 * (ONE_E8 - 1) < 2**62
