"""State: what the page shows of a world at one moment: the clock, one market, the account with its pockets, its orders.

Responsible for: plain data with exact decimal text, percents as people read them. Must not: change anything, hold a formula.
"""

from __future__ import annotations

from typing import Any

from ...answer.words import leverage_text, percent_text
from ...codes import PositionSide, Side
from ...exchange import Exchange
from ...limits import ORDER_IDS_PER_COMMAND
from ...market.scene import MINUTE_STEPS, SCENES
from ...rulebook import SymbolRules
from ...sandbox.records import Order, Position, Wallet
from ...units import ONE_E8, format_e8
from ...views import OrderView, PositionView
from ...worlds.world import World
from ..accounts import Account
from ..adl_queue import adl_fifth, side_of_queue
from ..clock import SPEED_ONE
from ..order_life import ENGINE_ORDERS_FIRST
from ..sequencer import VenueCore
from .asking import distance_text
from .danger import margin_call_mark_e8
from .hall import Hall
from .ladder import ladder_of, widths_of

BARS_MAX = 1_500
QUEUE_MAX = 200  # positions on one side of a contract; of more the place is not looked up ten times a second
TRADES_SHOWN = 20
_NEVER = "–"


def venue_of(hall: Hall, account: Account) -> dict[str, Any]:
    """What does not change while the page is open."""
    core, settings = hall.core, hall.world.settings
    exchange = core.exchange
    return {
        "account": account.name,
        "market": settings.market,
        "notes": hall.world.notes,
        "rulebook": exchange.rulebook.name,
        "symbols": [_rules_of(exchange, row) for row in range(len(core.symbols))],
        "trade": None if hall.trade is None or _is_over(hall, account) else _trade_of(hall),
    }


def _rules_of(exchange: Exchange, row: int) -> dict[str, Any]:
    rules = exchange.rules(row)
    return {
        "symbol": rules.symbol,
        "base": rules.base_asset,
        "asset": rules.margin_asset,
        "tick": format_e8(rules.tick_e8),
        "step": format_e8(rules.step_e8),
        "widths": widths_of(rules),
        "leverage_max": min(exchange.rulebook.leverage_max, rules.brackets[0].leverage_max),
    }


def _trade_of(hall: Hall) -> dict[str, Any]:
    assert hall.trade is not None
    return {"title": hall.trade.title, "form": hall.trade.form, "speed": hall.trade.speed}


def _is_over(hall: Hall, account: Account) -> bool:
    """Whether the first screen of the venue itself has been: somebody has traded, or the scene has begun."""
    if hall.name:
        return False
    scene = SCENES.get(hall.world.settings.market)
    if scene is not None:
        calm_ms = scene.places[0] * 60_000 // MINUTE_STEPS
        if hall.core.now_ms() >= hall.world.settings.start_ms + calm_ms:
            return True
    return bool(hall.core.orders.page(account.row, None, None, None, None, 1))


def state_of(hall: Hall, account: Account, symbol: str, interval: str, width: int = 1) -> dict[str, Any]:
    """How a world is now, seen by an account that looks at one market. width: of a row of the book, in ticks."""
    core = hall.core
    now_ms = core.time_ms()
    exchange = core.exchange
    row = exchange.symbol_row(symbol)
    rules = exchange.rules(row)
    wallet = exchange.wallet(account.row, rules.margin_asset)
    orders = exchange.orders(account.row)
    pool_ratio = _ratio_text(wallet.maintenance_margin_e8, wallet.margin_balance_e8)
    return {
        "kind": "state",
        "world": hall.name,
        "position": core.position,
        "time_ms": now_ms,
        "clock": {
            "speed": core.clock.speed_thousandths / SPEED_ONE,
            "is_paused": core.clock.is_paused,
            "next_funding_ms": hall.world.driver.next_funding_ms(),
        },
        "market": {**_market(core, row, rules), "book": ladder_of(exchange, orders, row, rules, width), "width": width},
        "bars": bars_of(core, row, interval, 2),
        "wallet": {**Wallet.of(wallet).to_dict(), "ratio": pool_ratio},
        "settings": {
            one.symbol: {
                "mode": one.margin_mode.name.lower(),
                "leverage": one.leverage,
                "is_confirmed": hall.is_confirmed(account.row, number),
                "is_mode_default": one.margin_mode_sequence is None,
                "is_leverage_default": one.leverage_sequence is None,
            }
            for number, one in enumerate(exchange.settings(account.row))
        },
        "positions": [position_of(exchange, one, hall.margin_calls) for one in exchange.positions(account.row)],
        "orders": [_order_of(exchange, one) for one in orders],
        "fills": _fills(core, account, row, rules),
        "liquidated": hall.liquidated.get(account.row, 0),
        "alarms": hall.alarms.of(account),
        "alarmed": hall.alarms.told(account),
    }


def _order_of(exchange: Exchange, view: OrderView) -> dict[str, Any]:
    rules = exchange.rules(view.symbol)
    told = Order.of(view, rules).to_dict()
    return {
        **told,
        "leg": _leg(view.position_side),
        "time_in_force": view.time_in_force.name,
        "is_close_position": view.is_close_position,
        "order_id": str(view.order_id),
        "tick": format_e8(rules.tick_e8),
    }  # more digits than a browser's numbers hold


def _leg(side: PositionSide) -> str | None:
    return None if side == PositionSide.BOTH else side.name.lower()


def position_of(
    exchange: Exchange, view: PositionView, margin_calls: dict[tuple[int, str, int], int]
) -> dict[str, Any]:
    """One position, with what may be added to its margin or taken out. margin_calls: the last answers, kept up to date."""
    rules = exchange.rules(view.symbol)
    side = view.position_side
    key = (view.account, view.symbol, int(side))
    margin_call_e8 = margin_call_mark_e8(exchange, view, margin_calls.get(key, 0))
    margin_calls[key] = margin_call_e8 or 0
    notional_e8 = exchange.notional_e8(view.symbol, view.lots)
    initial_e8 = exchange.initial_margin_e8(view.symbol, view.lots, view.leverage)
    return {
        **Position.of(view, rules).to_dict(),
        "leg": _leg(side),
        "margin_call": None if margin_call_e8 is None else format_e8(margin_call_e8),
        "notional": format_e8(notional_e8),
        "initial_margin": format_e8(initial_e8),
        "effective_leverage": leverage_text(_share_e8(notional_e8, view.margin_balance_e8)),
        "return": percent_text(_share_e8(view.unrealized_pnl_e8, initial_e8), none=_NEVER),
        "adl": adl_fifth(exchange, view) if len(side_of_queue(exchange, view)) <= QUEUE_MAX else None,
        "base": rules.base_asset,
        "tick": format_e8(rules.tick_e8),
        "ratio": _ratio_text(view.pool_maintenance_e8, view.margin_balance_e8),
        "distance": distance_text(view.liquidation_mark_e8, view.mark_e8),
        "max_add": format_e8(exchange.max_add_margin(view.account, view.symbol, side)),
        "max_remove": format_e8(exchange.max_remove_margin(view.account, view.symbol, side)),
    }


def _share_e8(part_e8: int, whole_e8: int) -> int | None:
    """part ÷ whole; None of nothing."""
    return part_e8 * ONE_E8 // whole_e8 if whole_e8 > 0 else None


def _ratio_text(maintenance_e8: int, balance_e8: int) -> str:
    """Maintenance margin against margin balance; at 100 % it is liquidated."""
    if balance_e8 <= 0:
        return "100.00 %" if maintenance_e8 > 0 else _NEVER
    return percent_text(maintenance_e8 * ONE_E8 // balance_e8, is_signed=False)


def _market(core: VenueCore, row: int, rules: SymbolRules) -> dict[str, Any]:
    exchange = core.exchange
    day = core.tickers.day(row)
    ahead_rate_e8, ahead_ms = core.funding.ahead(row)
    mark_e8 = exchange.mark_e8(row)
    index_e8 = int(exchange.table("symbols")["index_e8"][row])
    last_e8 = day.last_e8 or mark_e8
    change_e8 = (last_e8 - day.open_e8) * ONE_E8 // day.open_e8 if day.open_e8 else None
    return {
        "symbol": rules.symbol,
        "mark": format_e8(mark_e8),
        "index": format_e8(index_e8),
        "last": format_e8(last_e8),
        "change": percent_text(change_e8, none=_NEVER),
        "volume": format_e8(day.quote_e8),
        "open_interest": format_e8(_open_lots(exchange, row) * rules.step_e8),
        "funding_rate": _rate(ahead_rate_e8),
        "funding_ms": ahead_ms,
        "trades": [
            [
                one.time_ms,
                "sell" if one.is_buyer_maker else "buy",
                format_e8(one.price_ticks * rules.tick_e8),
                format_e8(one.lots * rules.step_e8),
            ]
            for one in reversed(core.trades.public(row, None, None, None, TRADES_SHOWN))
        ],
    }


def _open_lots(exchange: Exchange, row: int) -> int:
    """Open contracts of everybody, counted once."""
    table = exchange.table("positions")
    return int(table["lots"][(table["symbol"] == row) & (table["lots"] > 0)].sum())


def _rate(rate_e8: int) -> str:
    """A funding rate: four decimals of a percent."""
    return (
        f"{'+' if rate_e8 > 0 else '-' if rate_e8 < 0 else ''}{format_e8(abs(rate_e8) * 100 // 10_000 * 10_000, 4)} %"
    )


def bars_of(core: VenueCore, row: int, interval: str, limit: int) -> list[list[Any]]:
    """Candles of the last price: seconds, then open, high, low, close, volume."""
    found = core.candles.rows(row, "last", interval, None, None, min(limit, BARS_MAX))
    return [
        [
            one.open_ms // 1_000,
            *(format_e8(value) for value in (one.open_e8, one.high_e8, one.low_e8, one.close_e8, one.volume_e8)),
        ]
        for one in found
    ]


def _fills(core: VenueCore, account: Account, row: int, rules: SymbolRules) -> list[dict[str, Any]]:
    """The account's last fills there, for the marks on the chart."""
    return [
        {
            "time_ms": one.time_ms,
            "side": Side(one.side).name.lower(),
            "price": format_e8(one.price_ticks * rules.tick_e8),
            "quantity": format_e8(one.lots * rules.step_e8),
            "order_id": str(one.order_id),
            "is_forced": one.order_id % ORDER_IDS_PER_COMMAND >= ENGINE_ORDERS_FIRST,
        }
        for one in core.trades.own(account.row, row, None, None, None, None, 30)
        if one.price_ticks
    ]


def twin_of(world: World, account: Account, symbol: str) -> dict[str, Any]:
    """The account in the world of its twin."""
    exchange = world.exchange
    row = exchange.symbol_row(symbol)
    name = exchange.symbols[row]
    wallet = exchange.wallet(account.row, exchange.rules(symbol).margin_asset)
    times = [one.time_ms for one in world.liquidations if one.account == account.row]
    return {
        "mode": exchange.margin_mode(account.row, row).name.lower(),
        "positions": [
            position_of(exchange, one, {}) for one in exchange.positions(account.row) if one.symbol == name
        ],  # in hedge mode up to two
        "wallet": Wallet.of(wallet).to_dict(),
        "liquidated_ms": times[-1] if times else None,
        "time_ms": exchange.time_ms,
        "divergences": [str(one) for one in world.divergences[:3]],
    }
