"""Account: balances and positions as they stand.

Responsible for: account, balance and positionRisk in both versions. Must not: compute a margin: every number is the exchange's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...codes import MarginMode, PositionSide
from ...views import PositionView, WalletView
from .listing import max_notional
from .numbers import money
from .requests import OfSymbolOrAll, Request
from .routes import Security, endpoint
from .words import MARGIN_TYPE_LOW

if TYPE_CHECKING:
    from .desk import Desk

UNIT_TEXT = "0.00000001"  # isolated and open is never exactly zero on the wire: clients read zero as cross


class Held(NamedTuple):
    """What a position and its orders hold, × 10^8."""

    position_e8: int
    orders_e8: int

    @property
    def all_e8(self) -> int:
        """Both."""
        return self.position_e8 + self.orders_e8


class Standing(NamedTuple):
    """An account in one margin asset: its wallet and every position or resting order there."""

    wallet: WalletView
    pockets: list[PositionView]
    held: list[Held]  # of each pocket

    @property
    def maintenance_e8(self) -> int:
        """Of all positions, cross and isolated."""
        return sum(pocket.maintenance_margin_e8 for pocket in self.pockets)

    @property
    def position_margin_e8(self) -> int:
        """Initial margin of all positions."""
        return sum(held.position_e8 for held in self.held)

    @property
    def orders_margin_e8(self) -> int:
        """What all resting orders hold."""
        return sum(held.orders_e8 for held in self.held)

    @property
    def cross_pnl_e8(self) -> int:
        """Unrealized PnL of the cross positions."""
        return sum(p.unrealized_pnl_e8 for p in self.pockets if p.margin_mode == MarginMode.CROSS)

    @property
    def wallet_e8(self) -> int:
        """Cross wallet and isolated wallets."""
        return self.wallet.cross_wallet_e8 + self.wallet.isolated_wallets_e8


def held_by(desk: Desk, pocket: PositionView) -> Held:
    """What a position and its orders hold."""
    own = desk.exchange.initial_margin_e8(pocket.symbol, abs(pocket.lots), pocket.leverage) if pocket.lots else 0
    if pocket.margin_mode == MarginMode.ISOLATED:
        return Held(own, pocket.margin_held_e8)
    return Held(own, max(0, pocket.margin_held_e8 - own))


def standing(desk: Desk, account: int, asset: str) -> Standing:
    """An account in a margin asset."""
    pockets = [p for p in desk.exchange.pockets(account) if desk.exchange.rules(p.symbol).margin_asset == asset]
    return Standing(desk.exchange.wallet(account, asset), pockets, [held_by(desk, pocket) for pocket in pockets])


# ---- account


def _asset_row(desk: Desk, asset: str, s: Standing) -> dict[str, Any]:
    return {
        "asset": asset,
        "walletBalance": money(s.wallet_e8),
        "unrealizedProfit": money(s.wallet.unrealized_pnl_e8),
        "marginBalance": money(s.wallet.equity_e8),
        "maintMargin": money(s.maintenance_e8),
        "initialMargin": money(s.position_margin_e8 + s.orders_margin_e8),
        "positionInitialMargin": money(s.position_margin_e8),
        "openOrderInitialMargin": money(s.orders_margin_e8),
        "crossWalletBalance": money(s.wallet.cross_wallet_e8),
        "crossUnPnl": money(s.cross_pnl_e8),
        "availableBalance": money(s.wallet.available_e8),
        "maxWithdrawAmount": money(s.wallet.max_withdraw_e8),
        "marginAvailable": True,
        "updateTime": max(1, desk.exchange.time_ms),
    }


def _totals(s: Standing) -> dict[str, Any]:
    """The account's totals, which in single-asset mode are those of its first asset."""
    return {
        "totalInitialMargin": money(s.position_margin_e8 + s.orders_margin_e8),
        "totalMaintMargin": money(s.maintenance_e8),
        "totalWalletBalance": money(s.wallet_e8),
        "totalUnrealizedProfit": money(s.wallet.unrealized_pnl_e8),
        "totalMarginBalance": money(s.wallet.equity_e8),
        "totalPositionInitialMargin": money(s.position_margin_e8),
        "totalOpenOrderInitialMargin": money(s.orders_margin_e8),
        "totalCrossWalletBalance": money(s.wallet.cross_wallet_e8),
        "totalCrossUnPnl": money(s.cross_pnl_e8),
        "availableBalance": money(s.wallet.available_e8),
        "maxWithdrawAmount": money(s.wallet.max_withdraw_e8),
    }


@endpoint("GET", "/fapi/v2/account", "/fapi/v1/account", security=Security.SIGNED, weight=5)
def account_v2(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """Everything, every symbol listed."""
    standings = {asset: standing(desk, account, asset) for asset in desk.exchange.assets}
    return {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **_totals(standings[desk.exchange.assets[0]]),
        "assets": [_asset_row(desk, asset, one) for asset, one in standings.items()],
        "positions": [_account_position_v2(desk, position) for position in _every_position(desk, account)],
    }


def _account_position_v2(desk: Desk, position: Position) -> dict[str, Any]:
    view, held = position.view, position.held
    return {
        "symbol": view.symbol,
        "initialMargin": money(held.all_e8),
        "maintMargin": money(view.maintenance_margin_e8) if view.lots else "0",
        "unrealizedProfit": money(view.unrealized_pnl_e8),
        "positionInitialMargin": money(held.position_e8),
        "openOrderInitialMargin": money(held.orders_e8),
        "leverage": str(view.leverage),
        "isolated": view.margin_mode == MarginMode.ISOLATED,
        "entryPrice": _entry(desk, view),
        "breakEvenPrice": _break_even(desk, view),
        "maxNotional": max_notional(desk.exchange.rules(view.symbol), view.leverage),
        "positionSide": view.position_side.name,
        "positionAmt": _amount(desk, view),
        "notional": money(_signed_notional(desk, view)),
        "isolatedWallet": _isolated_wallet(view),
        "bidNotional": money(position.bids_e8),
        "askNotional": money(position.asks_e8),
        "updateTime": _updated(desk, view),
    }


@endpoint("GET", "/fapi/v3/account", security=Security.SIGNED, weight=5)
def account_v3(desk: Desk, account: int, request: Request) -> dict[str, Any]:
    """The same, open positions alone."""
    standings = {asset: standing(desk, account, asset) for asset in desk.exchange.assets}
    return {
        **_totals(standings[desk.exchange.assets[0]]),
        "assets": [_asset_row(desk, asset, one) for asset, one in standings.items()],
        "positions": [
            {
                "symbol": view.symbol,
                "positionSide": view.position_side.name,
                "positionAmt": _amount(desk, view),
                "unrealizedProfit": money(view.unrealized_pnl_e8),
                "isolatedMargin": _isolated_margin(view),
                "notional": money(_signed_notional(desk, view)),
                "isolatedWallet": _isolated_wallet(view),
                "initialMargin": money(held.all_e8),
                "maintMargin": money(view.maintenance_margin_e8),
                "updateTime": _updated(desk, view),
            }
            for one in standings.values()
            for view, held in zip(one.pockets, one.held, strict=True)
            if view.lots
        ],
    }


# ---- balance


@endpoint("GET", "/fapi/v2/balance", "/fapi/v3/balance", security=Security.SIGNED, weight=5)
def balance(desk: Desk, account: int, request: Request) -> list[dict[str, Any]]:
    """The wallet of each margin asset."""
    found = []
    for asset in desk.exchange.assets:
        one = standing(desk, account, asset)
        found.append(
            {
                "accountAlias": f"isocross{account}",
                "asset": asset,
                "balance": money(one.wallet_e8),
                "crossWalletBalance": money(one.wallet.cross_wallet_e8),
                "crossUnPnl": money(one.cross_pnl_e8),
                "availableBalance": money(one.wallet.available_e8),
                "maxWithdrawAmount": money(one.wallet.max_withdraw_e8),
                "marginAvailable": True,
                "updateTime": max(1, desk.exchange.time_ms),
            }
        )
    return found


# ---- positions


class Position(NamedTuple):
    """A position, flat or not, with what it holds and the value of the orders that would open more of it."""

    view: PositionView
    held: Held
    bids_e8: int
    asks_e8: int


def _flat(desk: Desk, account: int, row: int, side: PositionSide, mode: MarginMode, leverage: int) -> Position:
    view = PositionView(
        account, desk.symbols[row], mode, side, leverage,
        lots=0, entry_cost_e8=0, isolated_wallet_e8=0, mark_e8=desk.exchange.mark_e8(row), unrealized_pnl_e8=0,
        margin_balance_e8=0, maintenance_margin_e8=0, pool_maintenance_e8=0, margin_held_e8=0,
        liquidation_mark_e8=None, bankruptcy_mark_e8=None,
    )  # fmt: skip
    return Position(view, Held(0, 0), 0, 0)


def _used_positions(desk: Desk, account: int) -> dict[tuple[int, PositionSide], Position]:
    """Positions with lots or resting orders, by symbol and side."""
    bids: dict[tuple[str, PositionSide], int] = {}
    asks: dict[tuple[str, PositionSide], int] = {}
    for record in desk.core.orders.open(account, None):
        if record.is_conditional or record.is_reduce_only:
            continue
        rules = desk.rules[record.symbol]
        value = record.price_ticks * (record.lots - record.filled_lots) * rules.tick_value_e8
        side = bids if record.side == 0 else asks
        key = (rules.symbol, record.position_side)
        side[key] = side.get(key, 0) + value
    found = {}
    for view in desk.exchange.pockets(account):
        key = (view.symbol, view.position_side)
        found[desk.row(view.symbol), view.position_side] = Position(
            view, held_by(desk, view), bids.get(key, 0), asks.get(key, 0)
        )
    return found


def _every_position(desk: Desk, account: int) -> list[Position]:
    """One of each symbol, both sides of each in hedge mode."""
    used = _used_positions(desk, account)
    sides = (
        (PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT) if desk.is_hedged(account) else (PositionSide.BOTH,)
    )
    found = []
    for row, settings in enumerate(desk.exchange.settings(account)):
        for side in sides:
            flat = _flat(desk, account, row, side, settings.margin_mode, settings.leverage)
            found.append(used.get((row, side), flat))
    return found


def _risk_v2(desk: Desk, position: Position) -> dict[str, Any]:
    view = position.view
    return {
        **_risk(desk, view),
        "leverage": str(view.leverage),
        "maxNotionalValue": max_notional(desk.exchange.rules(view.symbol), view.leverage),
        "marginType": MARGIN_TYPE_LOW[view.margin_mode],
        "isAutoAddMargin": "false",
    }


def _risk(desk: Desk, view: PositionView) -> dict[str, Any]:
    return {
        "symbol": view.symbol,
        "positionSide": view.position_side.name,
        "positionAmt": _amount(desk, view),
        "entryPrice": _entry(desk, view),
        "breakEvenPrice": _break_even(desk, view),
        "markPrice": money(view.mark_e8),
        "unRealizedProfit": money(view.unrealized_pnl_e8),
        "liquidationPrice": money(view.liquidation_mark_e8) if view.liquidation_mark_e8 else "0",
        "isolatedMargin": _isolated_margin(view),
        "notional": money(_signed_notional(desk, view)),
        "isolatedWallet": _isolated_wallet(view),
        "updateTime": _updated(desk, view),
    }


@endpoint(
    "GET", "/fapi/v2/positionRisk", "/fapi/v1/positionRisk", request=OfSymbolOrAll, security=Security.SIGNED, weight=5
)
def position_risk_v2(desk: Desk, account: int, request: OfSymbolOrAll) -> list[dict[str, Any]]:
    """Every symbol, flat ones included."""
    row = desk.row_or_none(request.symbol)
    found = _every_position(desk, account)
    return [_risk_v2(desk, one) for one in found if row is None or one.view.symbol == desk.symbols[row]]


@endpoint("GET", "/fapi/v3/positionRisk", request=OfSymbolOrAll, security=Security.SIGNED, weight=5)
def position_risk_v3(desk: Desk, account: int, request: OfSymbolOrAll) -> list[dict[str, Any]]:
    """Symbols with a position or an open order."""
    row = desk.row_or_none(request.symbol)
    return [
        {
            **_risk(desk, one.view),
            "marginAsset": desk.rules[symbol].margin_asset,
            "initialMargin": money(one.held.all_e8),
            "maintMargin": money(one.view.maintenance_margin_e8),
            "positionInitialMargin": money(one.held.position_e8),
            "openOrderInitialMargin": money(one.held.orders_e8),
            "adl": desk.adl_quantile(one.view),
            "bidNotional": money(one.bids_e8),
            "askNotional": money(one.asks_e8),
        }
        for (symbol, _), one in sorted(_used_positions(desk, account).items())
        if row in (None, symbol)
    ]


def _amount(desk: Desk, view: PositionView) -> str:
    return desk.numbers[desk.row(view.symbol)].quantity(view.lots)


def _entry(desk: Desk, view: PositionView) -> str:
    return desk.numbers[desk.row(view.symbol)].average(view.entry_cost_e8, view.lots) if view.lots else "0.0"


def _break_even(desk: Desk, view: PositionView) -> str:
    return desk.break_even(view.account, desk.row(view.symbol), view.position_side, view.lots, view.entry_cost_e8)


def _signed_notional(desk: Desk, view: PositionView) -> int:
    notional = desk.exchange.notional_e8(view.symbol, abs(view.lots))
    return notional if view.lots >= 0 else -notional


def _isolated_wallet(view: PositionView) -> str:
    return money(view.isolated_wallet_e8) if view.margin_mode == MarginMode.ISOLATED else "0"


def _isolated_margin(view: PositionView) -> str:
    if view.margin_mode == MarginMode.CROSS or not view.lots:
        return "0.00000000"
    margin = view.isolated_wallet_e8 + view.unrealized_pnl_e8
    return money(margin) if margin else UNIT_TEXT


def _updated(desk: Desk, view: PositionView) -> int:
    return desk.exchange.time_ms if view.lots else 0
