"""Receipt: what a liquidation did, told by its events: a document that sums to zero.

    record     Receipt, AdlReceipt and their parts
    reading    the events of one liquidation into receipts
    story      what came before: what used the margin, the marks
    making     receipts, receipt: those of a history
    rescue     what would have saved the account
    sections   what is told, in order; text, page, data, picture and plot lay it out

Must not: hold a rule or a formula: every number is an event's, or a sum of such.
"""

from .making import Receipts, receipt, receipts
from .record import AdlReceipt, Receipt

__all__ = ["AdlReceipt", "Receipt", "Receipts", "receipt", "receipts"]
