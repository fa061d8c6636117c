"""Configuration: margin mode, leverage, position mode, isolated margin, and what an account is told of itself.

Responsible for: these endpoints; their parameters as commands. Must not: decide what is refused: the exchange does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...codes import CommandKind, MarginMode, PositionMode, PositionSide
from ...views import PositionView
from .listing import RATE_LIMITS, commission_rate, leverage_brackets, max_notional
from .market_data import bounded
from .numbers import money, on_grid
from .refusals import refuse
from .requests import (
    ChangeMargin,
    MarginChangesOf,
    OfSymbol,
    OfSymbolOrAll,
    Request,
    SetLeverage,
    SetMarginType,
    SetMultiAssets,
    SetPositionMode,
)
from .routes import Security, endpoint
from .words import MARGIN_TYPE

if TYPE_CHECKING:
    from .desk import Desk

SUCCESS = {"code": 200, "msg": "success"}
ADD, REDUCE = 1, 2
HISTORY_MAX = 500
_AMOUNT_MAX = 2**62


@endpoint("POST", "/fapi/v1/marginType", request=SetMarginType, security=Security.SIGNED)
def set_margin_type(desk: Desk, account: int, request: SetMarginType) -> dict[str, Any]:
    """Cross or isolated, for one symbol."""
    desk.apply(
        CommandKind.SET_MARGIN_MODE, account=account, symbol=desk.row(request.symbol), margin_mode=request.margin_type
    )
    return SUCCESS


@endpoint("POST", "/fapi/v1/leverage", request=SetLeverage, security=Security.SIGNED)
def set_leverage(desk: Desk, account: int, request: SetLeverage) -> dict[str, Any]:
    """Leverage of one symbol."""
    row = desk.row(request.symbol)
    if not 0 < request.leverage < 2**31:
        raise refuse(-4028, request.leverage)
    desk.apply(CommandKind.SET_LEVERAGE, request.leverage, account=account, symbol=row, leverage=request.leverage)
    return {
        "symbol": request.symbol,
        "leverage": request.leverage,
        "maxNotionalValue": max_notional(desk.rules[row], request.leverage),
    }


@endpoint("GET", "/fapi/v1/leverageBracket", request=OfSymbolOrAll, security=Security.SIGNED)
def brackets(desk: Desk, account: int, request: OfSymbolOrAll) -> list[dict[str, Any]]:
    """Notional ranges with their leverage and maintenance; a list also for one symbol."""
    rows = range(len(desk.rules)) if request.symbol is None else [desk.row(request.symbol)]
    return [leverage_brackets(desk.rules[row]) for row in rows]


@endpoint("GET", "/fapi/v1/positionSide/dual", security=Security.SIGNED, weight=30)
def position_mode(desk: Desk, account: int, request: Request) -> dict[str, bool]:
    """One-way or hedge mode."""
    return {"dualSidePosition": desk.is_hedged(account)}


@endpoint("POST", "/fapi/v1/positionSide/dual", request=SetPositionMode, security=Security.SIGNED)
def set_position_mode(desk: Desk, account: int, request: SetPositionMode) -> dict[str, Any]:
    """Switch between them."""
    mode = PositionMode.HEDGE if request.dual_side_position else PositionMode.ONE_WAY
    desk.apply(CommandKind.SET_POSITION_MODE, account=account, position_mode=mode)
    return SUCCESS


@endpoint("GET", "/fapi/v1/multiAssetsMargin", security=Security.SIGNED, weight=30)
def multi_assets(desk: Desk, account: int, request: Request) -> dict[str, bool]:
    """Every margin asset stands for itself here."""
    return {"multiAssetsMargin": False}


@endpoint("POST", "/fapi/v1/multiAssetsMargin", request=SetMultiAssets, security=Security.SIGNED)
def set_multi_assets(desk: Desk, account: int, request: SetMultiAssets) -> dict[str, Any]:
    """There is no other mode."""
    if not request.multi_assets_margin:
        raise refuse(-4171)
    has_isolated = any(one.margin_mode == MarginMode.ISOLATED for one in desk.exchange.settings(account))
    raise refuse(-4167) if has_isolated else refuse(-1020)


@endpoint("POST", "/fapi/v1/positionMargin", request=ChangeMargin, security=Security.SIGNED)
def change_margin(desk: Desk, account: int, request: ChangeMargin) -> dict[str, Any]:
    """Move margin into an isolated position, or out of it."""
    row = desk.row(request.symbol)
    if request.type not in (ADD, REDUCE):
        raise refuse(-1130, "type")
    amount_e8 = on_grid(request.amount, 1)
    if amount_e8 is None:
        raise refuse(-1111)
    if not abs(amount_e8) < _AMOUNT_MAX:
        raise refuse(-4050 if request.type == ADD else -4051)
    kind = CommandKind.ADD_MARGIN if request.type == ADD else CommandKind.REMOVE_MARGIN
    desk.apply(kind, account=account, symbol=row, amount_e8=amount_e8, position_side=request.position_side)
    return {
        "amount": float(request.amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": request.type,
    }


@endpoint("GET", "/fapi/v1/positionMargin/history", request=MarginChangesOf, security=Security.SIGNED)
def margin_changes(desk: Desk, account: int, request: MarginChangesOf) -> list[dict[str, Any]]:
    """What was moved, by hand and by trades."""
    if request.type not in (None, ADD, REDUCE):
        raise refuse(-1130, "type")
    row, limit = desk.row(request.symbol), bounded(request.limit, HISTORY_MAX)
    is_added = None if request.type is None else request.type == ADD
    found = desk.core.margin_changes.rows(account, row, is_added, request.start_time, request.end_time, limit)
    return [
        {
            "symbol": desk.symbols[change.symbol],
            "type": ADD if change.amount_e8 > 0 else REDUCE,
            "deltaType": "USER_ADJUST" if change.is_by_hand else "TRADE",
            "amount": money(abs(change.amount_e8)),
            "asset": desk.rules[change.symbol].margin_asset,
            "time": change.time_ms,
            "positionSide": PositionSide(change.position_side).name,
        }
        for change in found
    ]


@endpoint("GET", "/fapi/v1/symbolConfig", request=OfSymbolOrAll, security=Security.SIGNED, weight=5)
def symbol_config(desk: Desk, account: int, request: OfSymbolOrAll) -> list[dict[str, Any]]:
    """Margin mode and leverage of one symbol, or of all."""
    row = desk.row_or_none(request.symbol)
    return [
        {
            "symbol": one.symbol,
            "marginType": MARGIN_TYPE[one.margin_mode],
            "isAutoAddMargin": False,
            "leverage": one.leverage,
            "maxNotionalValue": max_notional(desk.rules[number], one.leverage),
        }
        for number, one in enumerate(desk.exchange.settings(account))
        if row in (None, number)
    ]


@endpoint("GET", "/fapi/v1/accountConfig", security=Security.SIGNED, weight=5)
def account_config(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """What an account may do."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": desk.is_hedged(account),
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


@endpoint("GET", "/fapi/v1/commissionRate", request=OfSymbol, security=Security.SIGNED, weight=20)
def commission(desk: Desk, account: int, request: OfSymbol) -> dict[str, Any]:
    """What the account pays in one symbol, now."""
    row = desk.row(request.symbol)
    return commission_rate(desk.symbols[row], *desk.exchange.fee_rates_e8(account, row))


@endpoint("GET", "/fapi/v1/feeBurn", security=Security.SIGNED, weight=30)
def fee_burn(desk: Desk, account: int, request: Request) -> dict[str, bool]:
    """Fees are paid in the margin asset."""
    return {"feeBurn": False}


@endpoint("GET", "/fapi/v1/rateLimit/order", security=Security.SIGNED)
def order_limits(desk: Desk, account: int, request: Request) -> list[dict[str, Any]]:
    """How many orders may be sent."""
    return [limit for limit in RATE_LIMITS if limit["rateLimitType"] == "ORDERS"]


@endpoint("GET", "/fapi/v1/apiTradingStatus", security=Security.SIGNED)
def trading_status(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """Nobody is watched."""
    return {"indicators": {}, "updateTime": desk.now_ms()}


@endpoint("GET", "/fapi/v1/adlQuantile", request=OfSymbolOrAll, security=Security.SIGNED, weight=5)
def adl_quantiles(desk: Desk, account: int, request: OfSymbolOrAll) -> list[dict[str, Any]]:
    """Place in the queue of auto-deleveraging, 0 … 4, of each open position."""
    row = desk.row_or_none(request.symbol)
    by_symbol: dict[str, list[PositionView]] = {}
    for view in desk.exchange.positions(account):
        if row is None or view.symbol == desk.symbols[row]:
            by_symbol.setdefault(view.symbol, []).append(view)
    found = []
    for symbol, views in by_symbol.items():
        quantile = {"LONG": 0, "SHORT": 0, "BOTH": 0}
        for view in views:
            quantile[view.position_side.name] = desk.adl_quantile(view)
        found.append({"symbol": symbol, "adlQuantile": quantile})
    return found
