"""History: what has been: orders, trades, funding and every other change of the wallet, as the page's tables and as a file.

Responsible for: plain data with exact decimal text, newest first; the same as CSV. Must not: keep anything (the read models do).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from ...codes import Side
from ...errors import InputError
from ...sandbox.records import rounded_price
from ...units import format_e8, format_time
from ..accounts import Account
from ..order_life import OrderRecord, Origin
from ..readmodels.income import Income, IncomeKind
from ..sequencer import VenueCore

ROWS_MAX = 100  # on the page
FILE_ROWS_MAX = 10_000
Row = dict[str, Any]

_KINDS = {
    IncomeKind.TRANSFER: "transfer",
    IncomeKind.REALIZED_PNL: "realized PnL",
    IncomeKind.COMMISSION: "trading fee",
    IncomeKind.FUNDING_FEE: "funding",
    IncomeKind.LIQUIDATION_FEE: "liquidation fee",
    IncomeKind.REMAINDER: "rest kept by the fund",
}
_ORIGINS = {Origin.LIQUIDATION: "liquidation", Origin.TAKEOVER: "takeover", Origin.ADL: "auto-deleveraging"}


def history_of(core: VenueCore, account: Account, name: str, limit: int = ROWS_MAX) -> list[Row]:
    """One of the tables, newest first. Errors   InputError."""
    if name not in _TABLES:
        raise InputError(f"history {name[:40]!r}: expected one of {', '.join(_TABLES)}")
    return list(reversed(_TABLES[name](core, account.row, limit)))


def csv_of(rows: list[Row]) -> str:
    """The rows as a file, oldest first, with a head."""
    told = [{"time": format_time(row["time_ms"]), **row} for row in reversed(rows)]
    out = io.StringIO()
    if told:
        writer = csv.DictWriter(
            out, [name for name in told[0] if name != "tick"], extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(told)
    return out.getvalue()


def _orders(core: VenueCore, account: int, limit: int) -> list[Row]:
    return [_order(core, one) for one in core.orders.page(account, None, None, None, None, limit)]


def _order(core: VenueCore, one: OrderRecord) -> Row:
    rules = core.exchange.rules(one.symbol)
    average = rounded_price(rules, one.filled_value_e8, one.filled_lots)
    return {
        "time_ms": one.created_ms,
        "symbol": rules.symbol,
        "order_id": str(one.order_id),
        "side": Side(one.side).name.lower(),
        "what": _ORIGINS.get(one.origin) or one.order_type.name.lower().replace("_", " "),
        "time_in_force": one.time_in_force.name,
        "quantity": None if one.is_close_position else format_e8(one.lots * rules.step_e8),
        "filled": format_e8(one.filled_lots * rules.step_e8),
        "price": format_e8(one.price_ticks * rules.tick_e8) if one.price_ticks else None,
        "trigger_price": format_e8(one.trigger_ticks * rules.tick_e8) if one.trigger_ticks else None,
        "average_price": None if average is None else f"{average:f}",
        "status": one.status.name.lower().replace("_", " "),
        "is_reduce_only": one.is_reduce_only or one.is_close_position,
        "tick": format_e8(rules.tick_e8),
    }


def _trades(core: VenueCore, account: int, limit: int) -> list[Row]:
    found = []
    for one in core.trades.own(account, None, None, None, None, None, limit):
        rules = core.exchange.rules(one.symbol)
        found.append(
            {
                "time_ms": one.time_ms,
                "symbol": rules.symbol,
                "trade_id": str(one.trade_id),
                "order_id": str(one.order_id),
                "side": Side(one.side).name.lower(),
                "quantity": format_e8(one.lots * rules.step_e8),
                "price": format_e8(one.price_ticks * rules.tick_e8) if one.price_ticks else None,
                "value": format_e8(one.value_e8),
                "fee": format_e8(one.fee_e8),
                "realized_pnl": format_e8(one.realized_e8),
                "role": "maker" if one.is_maker else "taker",
                "asset": rules.margin_asset,
                "tick": format_e8(rules.tick_e8),
            }
        )
    return found


def _funding(core: VenueCore, account: int, limit: int) -> list[Row]:
    return [_entry(core, one) for one in core.income.rows(account, None, IncomeKind.FUNDING_FEE, None, None, limit)]


def _income(core: VenueCore, account: int, limit: int) -> list[Row]:
    return [_entry(core, one) for one in core.income.rows(account, None, None, None, None, limit)]


def _entry(core: VenueCore, one: Income) -> Row:
    return {
        "time_ms": one.time_ms,
        "symbol": "" if one.symbol < 0 else core.symbols[one.symbol],
        "what": _KINDS[one.kind],
        "amount": format_e8(one.amount_e8),
        "asset": core.exchange.assets[one.asset],
        "trade_id": str(one.trade_id) if one.trade_id else "",
        "income_id": str(one.income_id),
    }


_TABLES: dict[str, Callable[[VenueCore, int, int], list[Row]]] = {
    "orders": _orders,
    "trades": _trades,
    "funding": _funding,
    "income": _income,
}
