"""Words: refusals in a trader's words: the thing, the value it has, the value it needs.

Responsible for: one text per refusal that a Sandbox can meet, and the values in it. Must not: compute a number: each is
read off the exchange, and only when a text asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..codes import PositionMode, PositionSide, Refusal
from ..exchange import Exchange
from ..rulebook import SymbolRules
from ..units import format_e8, format_time

Facts = Mapping[str, Callable[[], object]]

WORDS = {
    Refusal.SYMBOL_NOT_TRADING: "{symbol} does not trade now",
    Refusal.AMOUNT_NOT_POSITIVE: "amount {amount}: expected above 0",
    Refusal.AMOUNT_TOO_LARGE: "amount {amount}: more than a wallet holds",
    Refusal.WITHDRAW_TOO_LARGE: "{amount} {asset} asked, {max_withdraw} may leave",
    Refusal.RATE_OUT_OF_RANGE: "a rate beyond ±100 %",
    Refusal.PRICE_NOT_POSITIVE: "price {limit_price}: expected at least one tick of {tick}",
    Refusal.PRICE_TOO_LARGE: "price {limit_price}: expected at most {price_max}",
    Refusal.PRICE_TOO_SMALL: "price {limit_price}: expected at least {price_min}",
    Refusal.QUANTITY_NOT_POSITIVE: "quantity {quantity}: expected at least {step} {base}",
    Refusal.QUANTITY_TOO_LARGE: "quantity {quantity}: expected at most {quantity_max} {base}",
    Refusal.PRICE_ABOVE_BAND: "price {limit_price}: a buy is priced at most {band_up} above mark {mark}",
    Refusal.PRICE_BELOW_BAND: "price {limit_price}: a sale is priced at most {band_down} below mark {mark}",
    Refusal.NOTIONAL_TOO_SMALL: "{quantity} {base} is worth less than the least order of {min_notional} {asset}",
    Refusal.REDUCE_ONLY_REJECTED: "reduce-only, and the position is {position} {base}: nothing to reduce on this side",
    Refusal.WOULD_TRIGGER_IMMEDIATELY: "trigger {limit_price} lies beyond mark {mark} already: it would trigger at once",
    Refusal.POST_ONLY_TAKES: "post-only, and {limit_price} meets the book: best bid {bid}, best ask {ask}",
    Refusal.NO_LIQUIDITY: "no order on the other side within {market_bound} of mark {mark}",
    Refusal.FILL_OR_KILL_UNFILLED: "all or nothing, and the book does not hold {quantity} {base} up to {limit_price}",
    Refusal.TOO_MANY_ORDERS: "{open_orders} orders are open there, which is the most: cancel some",
    Refusal.BRACKET_EXCEEDED: "too large for {leverage}x with position {position} {base}: lower the leverage or the size",
    Refusal.MARGIN_INSUFFICIENT: "{available} {asset} available, {missing} {asset} more needed for margin and fee",
    Refusal.UNKNOWN_ORDER: "no such order is open",
    Refusal.NOT_AMENDABLE: "only a resting limit order can be amended: cancel it and place another",
    Refusal.NOTHING_TO_AMEND: "it has that price and quantity already",
    Refusal.EXPIRY_NOT_AHEAD: "it would end at {expires}, and it is {now}",
    Refusal.SYMBOL_DELISTED: "it is delisted, for good",
    Refusal.LEVERAGE_OUT_OF_RANGE: "leverage {wanted_leverage}x: expected 1 … {leverage_max}",
    Refusal.LEVERAGE_ABOVE_BRACKET: "leverage {wanted_leverage}x does not allow a position of {position} {base} and its orders",
    Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION: (
        "from {leverage}x to {wanted_leverage}x: not lowered while an isolated position of {position} {base} is open"
    ),
    Refusal.LEVERAGE_MARGIN_INSUFFICIENT: "{available} {asset} available, {missing} {asset} more needed",
    Refusal.MARGIN_MODE_UNCHANGED: "it is {mode} already",
    Refusal.MARGIN_MODE_HAS_ORDERS: "it stays {mode} while orders are open: {open_orders} open, 0 needed, cancel them first",
    Refusal.MARGIN_MODE_HAS_POSITION: "it stays {mode} while a position is open: {position} {base}, 0 needed, close it first",
    Refusal.MARGIN_NOT_ISOLATED: "the position is {mode}: the whole cross wallet backs it",
    Refusal.MARGIN_NO_POSITION: "no position is open",
    Refusal.MARGIN_ADD_TOO_LARGE: "{amount} {asset} asked, {max_add} may be added",
    Refusal.MARGIN_REMOVE_TOO_LARGE: "{amount} {asset} asked, {max_remove} may be removed",
    Refusal.POSITION_SIDE_MISMATCH: "the account is in {position_mode} mode: long and short are of hedge mode, and there every order is of one",
    Refusal.POSITION_MODE_UNCHANGED: "it is {position_mode} already",
    Refusal.POSITION_MODE_HAS_ORDERS: "it stays {position_mode} while an order is open in any symbol: cancel all first",
    Refusal.POSITION_MODE_HAS_POSITION: "it stays {position_mode} while a position is open in any symbol: close all first",
}


_POSITION_MODES = {PositionMode.ONE_WAY: "one-way", PositionMode.HEDGE: "hedge"}


def names_in(refusal: Refusal) -> list[str]:
    """The values that the text of a refusal asks for."""
    return [part.split("}")[0] for part in _words(refusal).split("{")[1:]]


def text_of(refusal: Refusal, values: Mapping[str, object]) -> str:
    """The refusal in words; a value that is not there shows as its name."""
    known = {name: values.get(name, name.replace("_", " ")) for name in names_in(refusal)}
    return f"{_words(refusal).format_map(known)} ({refusal.name})"


def _words(refusal: Refusal) -> str:
    return WORDS.get(refusal, refusal.name.lower().replace("_", " "))


def facts_of(exchange: Exchange, fields: Mapping[str, Any], account: int, rules: SymbolRules | None) -> Facts:
    """The values around a refused command. `rules`: of its symbol, None when it has none."""
    asset = rules.margin_asset if rules is not None else exchange.assets[fields.get("asset", 0)]
    facts: dict[str, Callable[[], object]] = {
        "amount": lambda: format_e8(fields["amount_e8"]),
        "asset": lambda: asset,
        "available": lambda: format_e8(exchange.wallet(account, asset).available_e8),
        "max_withdraw": lambda: format_e8(exchange.wallet(account, asset).max_withdraw_e8),
        "wanted_leverage": lambda: fields["leverage"],
        "position_mode": lambda: _POSITION_MODES[exchange.position_mode(account)],
    }
    if rules is None:
        return facts
    name, step_e8 = rules.symbol, rules.step_e8

    def best(side: str) -> str:
        level = exchange.book(name, 1)[side]
        return format_e8(level[0][0] * rules.tick_e8) if level else "none"

    return facts | {
        "symbol": lambda: name,
        "base": lambda: rules.quantity_asset,
        "tick": lambda: format_e8(rules.tick_e8),
        "step": lambda: format_e8(step_e8),
        "price_max": lambda: format_e8(rules.price_max_e8),
        "price_min": lambda: format_e8(rules.price_min_e8),
        "quantity_max": lambda: format_e8(_lots_max(rules, fields) * step_e8),
        "band_up": lambda: f"{format_e8(rules.band_up_rate_e8 * 100)} %",
        "band_down": lambda: f"{format_e8(rules.band_down_rate_e8 * 100)} %",
        "expires": lambda: format_time(fields["expire_ms"]),
        "now": lambda: format_time(exchange.time_ms),
        "min_notional": lambda: format_e8(rules.min_notional_e8),
        "market_bound": lambda: f"{format_e8(rules.market_bound_rate_e8 * 100)} %",
        "leverage_max": lambda: min(exchange.rulebook.leverage_max, rules.brackets[0].leverage_max),
        "quantity": lambda: format_e8(fields["lots"] * step_e8),
        "limit_price": lambda: format_e8((fields.get("price_ticks") or fields.get("trigger_ticks", 0)) * rules.tick_e8),
        "mark": lambda: format_e8(exchange.mark_e8(name)),
        "bid": lambda: best("bids"),
        "ask": lambda: best("asks"),
        "leverage": lambda: exchange.leverage(account, name),
        "mode": lambda: exchange.margin_mode(account, name).name.lower(),
        "position": lambda: format_e8(_lots(exchange, account, name, fields) * step_e8),
        "open_orders": lambda: sum(order.symbol == name for order in exchange.orders(account)),
        "max_add": lambda: format_e8(exchange.max_add_margin(account, name, fields.get("position_side"))),
        "max_remove": lambda: format_e8(exchange.max_remove_margin(account, name, fields.get("position_side"))),
    }


def _lots_max(rules: SymbolRules, fields: Mapping[str, Any]) -> int:
    """Most lots of an order like this one."""
    if fields.get("price_ticks"):
        return rules.order_lots_max
    return rules.lots_max if fields.get("is_reduce_only") else rules.market_lots_max


def _lots(exchange: Exchange, account: int, symbol: str, fields: Mapping[str, Any]) -> int:
    """Lots of the position that a command is about; of a command that names no side, the first that has some."""
    if "position_side" in fields:
        return exchange.position(account, symbol, fields["position_side"]).lots
    held = [exchange.position(account, symbol, side).lots for side in PositionSide]
    return next((lots for lots in held if lots), 0)
