"""Sandbox: an exchange with a market and its accounts, in decimals, for scripts and notebooks.

    box        Sandbox: the market, the clock, everybody's balances
    account    Account: orders, settings, money, views
    previews   orders asked instead of sent: preview_result what comes back, preview_text its words
    records    what is handed back
    ordering   an order in a trader's words, as commands
    sizing     how large an order may be for a margin
    sending    groups of commands, all or none
    refusing   why one is refused; words has the texts
    following  a market source in place of prices set by hand
    exits      stops and take-profits that end with their position

Must not: hold a formula: every number is the engine's, and what no view says is found by previews of the command.
"""

from .account import Account
from .box import Sandbox
from .preview_result import ModePreview, PreviewResult
from .records import Balance, Fill, Order, OrderResult, Position, Rows, Step, Wallet

__all__ = [
    "Account",
    "Balance",
    "Fill",
    "ModePreview",
    "Order",
    "OrderResult",
    "Position",
    "PreviewResult",
    "Rows",
    "Sandbox",
    "Step",
    "Wallet",
]
