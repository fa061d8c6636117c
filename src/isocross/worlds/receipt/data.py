"""Data: receipts as plain data with exact decimal text, for JSON.

Responsible for: the fields and their names; docs/reference/receipt.md lists them. Must not: compute, round.
Quantities are in base units, signed where they are positions; money is in the margin asset; times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any

from ...codes import PositionSide
from ...units import format_e8
from ..legs import leg_of
from .record import HOUSE, SCHEMA, AdlReceipt, HandedOver, PartyLine, PassedOver, Receipt, ReceiptBase, Use, Withdrawn


def receipt_dict(receipt: Receipt) -> dict[str, Any]:
    """A liquidation."""
    since = receipt.story.since
    return {
        **_head(receipt, "liquidation"),
        "margin_mode": receipt.margin_mode.name.lower(),
        "sentence": receipt.sentence,
        "margin_balance": format_e8(receipt.balance_e8),
        "maintenance_margin": format_e8(receipt.maintenance_e8),
        "wallet": format_e8(receipt.backing_e8),
        "positions": [
            {
                **_leg(one.symbol),
                "quantity": format_e8(receipt.quantity_e8(one.symbol, one.lots)),
                "entry_cost": format_e8(one.entry_cost_e8),
                "mark": format_e8(one.mark_e8),
                "index": format_e8(one.index_e8),
                "unrealized_pnl": format_e8(one.unrealized_pnl_e8),
                "maintenance_margin": format_e8(one.maintenance_e8),
                "bracket": one.bracket,
                "bracket_rate": format_e8(one.bracket_rate_e8),
                "leverage": one.leverage,
                "isolated_wallet": format_e8(one.isolated_wallet_e8) if receipt.is_isolated else None,
            }
            for one in receipt.positions
        ],
        "opened": None if since is None else {"time_ms": since.time_ms, "command": since.sequence},
        "uses": [_use(use) for use in receipt.story.uses],
        "marks": [
            {
                **_leg(path.symbol),
                "left_out": path.left_out,
                "time_ms": list(path.time_ms),
                "mark": [format_e8(mark) for mark in path.mark_e8],
            }
            for path in receipt.story.marks
        ],
        "cancelled": [_withdrawn(receipt, one) for one in receipt.cancelled],
        "orders": [
            {
                **_leg(order.symbol),
                "side": order.side.name.lower(),
                "limit": format_e8(order.limit_ticks * receipt.rules(order.symbol).tick_e8),
                "quantity": format_e8(receipt.quantity_e8(order.symbol, order.lots)),
                "filled": format_e8(receipt.quantity_e8(order.symbol, order.filled_lots)),
                "fills": [
                    {
                        "price": format_e8(fill.price_ticks * receipt.rules(order.symbol).tick_e8),
                        "quantity": format_e8(receipt.quantity_e8(order.symbol, fill.lots)),
                        "value": format_e8(fill.value_e8),
                        "realized": format_e8(fill.realized_e8),
                        "fee": format_e8(fill.fee_e8),
                        "maker": receipt.name(fill.maker),
                        "maker_fee": format_e8(fill.maker_fee_e8),
                    }
                    for fill in order.fills
                ],
            }
            for order in receipt.orders
        ],
        "handed_over": [_handed_over(receipt, one) for one in receipt.handed_over],
        "passed_over": [_passed_over(receipt, one) for one in receipt.passed_over],
        "liquidation_fee": format_e8(receipt.fee_e8),
        "moved_back": format_e8(receipt.moved_back_e8),
        "moved_back_to": "insurance fund" if receipt.rest_to_fund else "account",
        "ended": receipt.step.name.lower(),
        "margin_balance_after": format_e8(receipt.balance_after_e8),
        "maintenance_margin_after": format_e8(receipt.maintenance_after_e8),
        "lost": format_e8(receipt.lost_e8),
        "parties": [_party(receipt, line) for line in receipt.parties],
        "sum": format_e8(receipt.gap_e8),
        "what_would_have_saved_you": None if receipt.rescues is None else receipt.rescues.to_dict(),
    }


def adl_dict(receipt: AdlReceipt) -> dict[str, Any]:
    """An auto-deleveraging."""
    return {
        **_head(receipt, "auto_deleveraging"),
        "margin_mode": receipt.margin_mode.name.lower(),
        "liquidation": receipt.liquidation,
        "liquidated": receipt.name(receipt.liquidated),
        "ranking": receipt.rulebook.adl_ranking.name.lower(),
        "rank": receipt.rank,
        **_leg(receipt.symbol),
        "quantity_before": format_e8(receipt.quantity_e8(receipt.symbol, receipt.lots_before)),
        "quantity": format_e8(receipt.quantity_e8(receipt.symbol, receipt.lots)),
        "value": format_e8(receipt.value_e8),
        "mark": format_e8(receipt.mark_e8),
        "realized": format_e8(receipt.realized_e8),
        "parts": [_handed_over(receipt, one) for one in receipt.parts],
        "passed_over": [_passed_over(receipt, one) for one in receipt.passed_over],
        "cancelled": [_withdrawn(receipt, one) for one in receipt.cancelled],
        "parties": [_party(receipt, line) for line in receipt.parties],
        "sum": format_e8(receipt.gap_e8),
    }


def _head(receipt: ReceiptBase, kind: str) -> dict[str, Any]:
    book = receipt.rulebook
    return {
        "schema": SCHEMA,
        "kind": kind,
        "number": receipt.number,
        "account": receipt.name(receipt.account),
        "account_number": receipt.account,
        "asset": receipt.asset,
        "time_ms": receipt.place.time_ms,
        "command": receipt.place.sequence,
        "rulebook": {"name": book.name, "as_of": book.as_of, "content_hash": book.content_hash},
    }


def _use(use: Use) -> dict[str, Any]:
    names = ("moved", "realized", "trading_fees", "funding", "liquidation_fees", "unrealized")
    amounts = {name: format_e8(amount) for name, amount in zip(names, use.amounts, strict=True)}
    return {"name": use.name, **amounts, "sum": format_e8(use.sum_e8)}


def _withdrawn(receipt: ReceiptBase, one: Withdrawn) -> dict[str, Any]:
    return {
        "account": receipt.name(one.account),
        "order_id": one.order_id,
        **_leg(one.symbol),
        "side": one.side.name.lower(),
        "price": format_e8(one.price_ticks * receipt.rules(one.symbol).tick_e8),
        "quantity": format_e8(receipt.quantity_e8(one.symbol, one.lots)),
        "reason": one.reason.name.lower(),
    }


def _handed_over(receipt: ReceiptBase, one: HandedOver) -> dict[str, Any]:
    return {
        **_leg(one.symbol),
        "to": receipt.name(one.taker),
        "is_auto_deleveraging": one.is_adl,
        "quantity": format_e8(receipt.quantity_e8(one.symbol, one.lots)),
        "value": format_e8(one.value_e8),
        "realized": format_e8(one.realized_e8),
        "balance_after": None if one.taker == HOUSE else format_e8(one.balance_e8),
        "margin_mode": one.margin_mode.name.lower() if one.is_adl else None,
        "score": format_e8(one.score_e8) if one.is_adl else None,
    }


def _passed_over(receipt: ReceiptBase, one: PassedOver) -> dict[str, Any]:
    return {
        **_leg(one.symbol),
        "account": receipt.name(one.account),
        "margin_mode": one.margin_mode.name.lower(),
        "quantity": format_e8(receipt.quantity_e8(one.symbol, one.lots)),
        "lot_value": format_e8(one.lot_value_e8),
        "lot_realized": format_e8(one.realized_e8),
        "balance_after": format_e8(one.balance_e8),
        "score": format_e8(one.score_e8),
    }


def _party(receipt: ReceiptBase, line: PartyLine) -> dict[str, Any]:
    return {
        "party": receipt.name(line.account),
        "cross_wallet": format_e8(line.cross_e8),
        "isolated_wallet": format_e8(line.isolated_e8),
        "entry_cost": format_e8(line.entry_cost_e8),
        "net": format_e8(line.net_e8),
        "quantities": {
            symbol: format_e8(receipt.quantity_e8(symbol, lots)) for symbol, lots in line.lots.items() if lots
        },
    }


def _leg(name: str) -> dict[str, str]:
    """The contract of a position, and in hedge mode its side."""
    symbol, side = leg_of(name)
    return {"symbol": symbol} if side == PositionSide.BOTH else {"symbol": symbol, "position_side": side.name.lower()}
