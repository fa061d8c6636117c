"""Receipts: the liquidations of an account in a world, as the page shows them, and the same trade once more.

Responsible for: laying out a receipt's sections as plain data; the trade that a receipt is about, as the form's first content.
Must not: make a receipt (isocross.worlds does), make a world (hall.py does).
"""

from __future__ import annotations

import asyncio
from typing import Any

from ...codes import MarginMode, OrderType
from ...errors import InputError
from ...limits import ORDER_IDS_PER_COMMAND
from ...units import format_e8
from ...worlds.receipt import AdlReceipt, Receipt, receipt, receipts
from ...worlds.receipt.sections import when
from ...worlds.receipt.text import told
from ..accounts import Account
from .forms import Again
from .hall import Hall, Halls, Trade


async def list_receipts(hall: Hall, account: Account) -> dict[str, Any]:
    """The account's liquidations and auto-deleveragings, oldest first, in one line each."""
    await hall.core.gate.passed(hall.core.position)
    names = _names(hall)
    found = await asyncio.to_thread(lambda: list(receipts(hall.core.history, names=names).of(account.row)))
    return {"receipts": [_head(one) for one in found]}


async def read_receipt(hall: Hall, account: Account, number: int) -> dict[str, Any]:
    """One of them, whole."""
    found = await _own(hall, account, number)
    _, _, parts = told(found)
    return {
        **_head(found),
        "when": when(found),
        "sections": [
            {
                "heading": part.heading,
                "lines": list(part.lines),
                "tables": [
                    {"caption": one.caption, "head": list(one.head), "rows": [list(row) for row in one.rows]}
                    for one in part.tables
                ],
            }
            for part in parts
        ],
        "data": found.to_dict(),
        "is_again_possible": isinstance(found, Receipt)
        and found.story.since is not None
        and hall.world.driver.source is not None,
    }


async def what_would_have_saved(hall: Hall, account: Account, number: int) -> dict[str, Any]:
    """The changes that would have saved the account, each shown by a replay."""
    found = await _own(hall, account, number)
    if not isinstance(found, Receipt):
        raise InputError(f"receipt {number}: nothing is searched for an auto-deleveraging")
    rescues = await asyncio.to_thread(found.what_would_have_saved_you)
    answer = rescues.shown()
    return {
        "title": answer.title,
        "sentence": answer.sentence,
        "head": list(answer.tables[0].head),
        "rows": [list(row) for row in answer.tables[0].rows],
    }


async def again(halls: Halls, hall: Hall, account: Account, form: Again) -> dict[str, Any]:
    """A world that stands still in front of the trade of a receipt; the form holds its order, in the same mode or the other."""
    found = await _own(hall, account, form.receipt)
    since = found.story.since if isinstance(found, Receipt) else None
    if not isinstance(found, Receipt) or since is None or not found.positions:
        raise InputError(f"receipt {form.receipt}: it does not say with which order the trade began")
    mode = found.margin_mode
    if form.mode == "other":
        mode = MarginMode.CROSS if mode == MarginMode.ISOLATED else MarginMode.ISOLATED
    order = hall.core.orders.get(since.sequence * ORDER_IDS_PER_COMMAND)
    if order is None:
        raise InputError(f"receipt {form.receipt}: its order is not remembered")
    exchange = hall.core.exchange
    rules = exchange.rules(order.symbol)
    leverage = next(
        (one.leverage for one in found.positions if one.symbol == rules.symbol), found.positions[0].leverage
    )
    trade = Trade(
        "Live it again" if form.mode == "same" else f"Live it again, {mode.name.lower()}",
        {
            "symbol": rules.symbol,
            "side": order.side.name.lower(),
            "quantity": format_e8(order.lots * rules.step_e8),
            "price": format_e8(order.price_ticks * rules.tick_e8) if order.order_type == OrderType.LIMIT else None,
            "leverage": leverage,
            "mode": mode.name.lower(),
        },
    )
    made = await halls.again(hall, since.sequence, trade)
    return {"world": made.name}


async def _own(hall: Hall, account: Account, number: int) -> Receipt | AdlReceipt:
    await hall.core.gate.passed(hall.core.position)
    names = _names(hall)
    found = await asyncio.to_thread(lambda: receipt(hall.core.history, number, names=names))
    if found.account != account.row:
        raise InputError(f"receipt {number}: is not of this account")
    return found


def _head(one: Receipt | AdlReceipt) -> dict[str, Any]:
    title, sentence, _ = told(one)
    return {
        "number": one.number,
        "kind": "liquidation" if isinstance(one, Receipt) else "auto-deleveraging",
        "time_ms": one.place.time_ms,
        "title": title,
        "sentence": sentence,
        "symbols": [position.symbol for position in one.positions] if isinstance(one, Receipt) else [one.symbol],
        "mode": one.margin_mode.name.lower(),
        "sum": format_e8(one.gap_e8),
    }


def _names(hall: Hall) -> dict[str, int]:
    return {account.name: account.row for account in hall.core.accounts}
