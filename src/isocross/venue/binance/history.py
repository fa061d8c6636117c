"""History: what happened to an account: its trades, its income, its forced orders.

Responsible for: these endpoints. Must not: add anything up: one entry per fact, as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...codes import PositionSide, Side
from ..order_life import Origin
from ..readmodels.income import IncomeKind
from .market_data import bounded
from .numbers import money
from .order_forms import fill_price, order_form
from .requests import ForceOrdersOf, IncomeOf, UserTradesOf
from .routes import Security, endpoint
from .words import AutoClose, IncomeType

if TYPE_CHECKING:
    from .desk import Desk

TRADES_MAX = 1_000
INCOME_MAX = 1_000
FORCED_MAX = 100
INCOME_TYPES = {
    IncomeKind.TRANSFER: IncomeType.TRANSFER,
    IncomeKind.REALIZED_PNL: IncomeType.REALIZED_PNL,
    IncomeKind.COMMISSION: IncomeType.COMMISSION,
    IncomeKind.FUNDING_FEE: IncomeType.FUNDING_FEE,
    IncomeKind.LIQUIDATION_FEE: IncomeType.INSURANCE_CLEAR,
    IncomeKind.REMAINDER: IncomeType.INSURANCE_CLEAR,
}
assert set(INCOME_TYPES) == set(IncomeKind)


@endpoint("GET", "/fapi/v1/userTrades", request=UserTradesOf, security=Security.SIGNED, weight=5)
def user_trades(desk: Desk, account: int, request: UserTradesOf) -> list[dict[str, Any]]:
    """Fills, oldest first."""
    found = desk.core.trades.own(
        account,
        desk.row_or_none(request.symbol),
        request.order_id,
        request.from_id,
        request.start_time,
        request.end_time,
        bounded(request.limit, TRADES_MAX),
    )
    return [_trade(desk, trade) for trade in found]


def _trade(desk: Desk, trade: Any) -> dict[str, Any]:
    rules, numbers = desk.rules[trade.symbol], desk.numbers[trade.symbol]
    return {
        "symbol": rules.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "pair": rules.symbol,
        "side": Side(trade.side).name,
        "price": fill_price(trade, numbers),
        "qty": numbers.quantity(trade.lots),
        "realizedPnl": money(trade.realized_e8),
        "marginAsset": rules.margin_asset,
        "quoteQty": money(trade.value_e8),
        "baseQty": numbers.quantity(trade.lots),
        "commission": money(trade.fee_e8),
        "commissionAsset": rules.margin_asset,
        "time": trade.time_ms,
        "positionSide": PositionSide(trade.position_side).name,
        "buyer": trade.side == Side.BUY,
        "maker": bool(trade.is_maker),
    }


@endpoint("GET", "/fapi/v1/income", request=IncomeOf, security=Security.SIGNED, weight=30)
def income(desk: Desk, account: int, request: IncomeOf) -> list[dict[str, Any]]:
    """Everything that changed a wallet, oldest first; over any span it adds up to the change, to the last digit."""
    row, limit = desk.row_or_none(request.symbol), bounded(request.limit, INCOME_MAX)
    kinds = [kind for kind, word in INCOME_TYPES.items() if request.income_type in (None, word)]
    wanted = [None] if request.income_type is None else kinds
    found = [
        entry
        for kind in wanted
        for entry in desk.core.income.rows(account, row, kind, request.start_time, request.end_time, limit)
    ]
    found.sort(key=lambda entry: entry.income_id)
    found = found[:limit] if request.start_time is not None else found[-limit:]
    return [
        {
            "symbol": desk.symbols[entry.symbol] if entry.symbol >= 0 else "",
            "incomeType": INCOME_TYPES[entry.kind].value,
            "income": money(entry.amount_e8),
            "asset": desk.exchange.assets[entry.asset],
            "info": INCOME_TYPES[entry.kind].value,
            "time": entry.time_ms,
            "tranId": entry.income_id,
            "tradeId": str(entry.trade_id) if entry.trade_id else "",
        }
        for entry in found
    ]


@endpoint(
    "GET",
    "/fapi/v1/forceOrders",
    request=ForceOrdersOf,
    security=Security.SIGNED,
    weight=lambda r: 20 if r.symbol else 50,
)
def force_orders(desk: Desk, account: int, request: ForceOrdersOf) -> list[dict[str, Any]]:
    """Orders of liquidations and of auto-deleveraging."""
    row = desk.row_or_none(request.symbol)
    wanted = {
        None: (Origin.LIQUIDATION, Origin.TAKEOVER, Origin.ADL),
        AutoClose.LIQUIDATION: (Origin.LIQUIDATION, Origin.TAKEOVER),
        AutoClose.ADL: (Origin.ADL,),
    }[request.auto_close_type]
    found = desk.forced_orders(
        account, row, wanted, request.start_time, request.end_time, bounded(request.limit, FORCED_MAX)
    )
    return [
        order_form(record, desk.symbols[record.symbol], desk.numbers[record.symbol], with_time=True) for record in found
    ]
