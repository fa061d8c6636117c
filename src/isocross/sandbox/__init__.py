"""Sandbox: an exchange with a market and its accounts, in decimals, for scripts and notebooks.

    box        Sandbox: the market, the clock, everybody's balances
    account    Account: orders, settings, money, views
    records    what is handed back
    sending    groups of commands, all or none, and their refusals
    words      refusals in a trader's words
    sizing     how large an order may be for a margin
    exits      stops and take-profits that end with their position

Must not: hold a formula: every number is the engine's, and what no view says is found by previews of the command.
"""

from .account import Account
from .box import Sandbox
from .records import Balance, Order, OrderResult, Position, Rows, Step, Wallet

__all__ = ["Account", "Balance", "Order", "OrderResult", "Position", "Rows", "Sandbox", "Step", "Wallet"]
