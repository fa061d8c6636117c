"""Profit: realized and unrealized PnL, fees and funding of one position, read from a real exchange.

Responsible for: vectors about one position opened and closed. Must not: take a difference of prices itself.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from isocross.codes import ContractKind, EventKind
from isocross.kernel import margin
from isocross.policy.liq import liq
from tests.vectors.prices import INVERSE
from tests.vectors.vector import Missing, NotApplicable, Vector, cannot, handles, number
from tests.vectors.world import HOUSE, RICH, Market, Refused, World, e8, money, near, rulebook, side_of, sign_of

cannot("no column for a contract whose value is rounded before it is multiplied: here a fill's is", "inverse_pnl_satoshi")


def _value(fills: list[np.void]) -> Fraction:
    return money(sum(int(fill["value_e8"]) for fill in fills))


def _fee(fills: list[np.void]) -> Fraction:
    return money(sum(int(fill["fee_e8"]) for fill in fills))


def _realized(fills: list[np.void]) -> Fraction:
    return money(sum(int(fill["amount_e8"]) for fill in fills))


def _world(prices: list[Fraction], quantities: list[Fraction], fee_rate: Fraction = Fraction(0)) -> tuple[World, int]:
    world = World([Market("X", tuple(prices), tuple(quantities), taker_fee_rate=fee_rate)])
    world.marks({"X": prices[0]})
    return world, world.account(RICH)


def inverse_lots(value: Fraction) -> int:
    """Contracts of one quote unit."""
    assert value.denominator == 1
    return int(value)


@handles("pnl_inverse")
def _pnl_inverse(vector: Vector) -> dict[str, Any]:
    """The kernel's formula of two matches: opened by resting, closed by taking, so both are rounded alike."""
    inputs = vector.inputs
    inputs.only("side", "contracts_value", "entry_price", "exit_price")
    lots, sign, tick_e8 = inverse_lots(number(inputs["contracts_value"])), sign_of(inputs["side"]), 10**7

    def bought(price: str) -> int:
        ticks = e8(number(inputs[price]), "a price") // tick_e8
        value = margin.match_value_e8(ContractKind.INVERSE, sign < 0, lots, ticks, 10**16 // tick_e8)
        return int(margin.bought_for_e8(ContractKind.INVERSE, value))

    return {"pnl": money(sign * (bought("exit_price") - bought("entry_price")))}


@handles("fee_and_notional_inverse")
def _notional_inverse(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("contracts_value", "entry_price", "mark_price")
    lots = inverse_lots(number(inputs["contracts_value"]))
    return {"notional": money(margin.value_down_e8(ContractKind.INVERSE, lots * 10**8, e8(number(inputs["mark_price"]), "a price")))}


@handles("pnl_linear")
def _pnl(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("side", "qty", "entry_price", "exit_price", "contract")
    if inputs.get("contract", "linear") != "linear" or vector.says("contract") not in ("", "linear"):
        raise NotApplicable(INVERSE)
    quantity = sign_of(inputs["side"]) * number(inputs["qty"])
    entry, out = number(inputs["entry_price"]), number(inputs["exit_price"])
    world, account = _world([entry, out], [quantity])
    world.open(account, "X", quantity, entry)
    world.marks({"X": out})
    unrealized = money(world.position(account, "X").unrealized_pnl_e8)
    realized = _realized(world.open(account, "X", -quantity, out))
    assert realized == unrealized
    return {"pnl": realized}


@handles("pnl_of_reducing_fill")
def _reducing(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("position_qty", "avg_entry", "fill_qty", "fill_price")
    held, fill = number(inputs["position_qty"]), number(inputs["fill_qty"])
    entry, price = number(inputs["avg_entry"]), number(inputs["fill_price"])
    world, account = _world([price, *([entry] if held else [])], [held, fill])
    world.open(account, "X", held, entry)
    return {"realised": _realized(world.open(account, "X", fill, price))}


@handles("upnl_with_lots")
def _lots(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("lots", "lot_size", "entry_per_lot", "price")
    quantity = number(inputs["lots"]) * number(inputs["lot_size"])
    entry, price = number(inputs["entry_per_lot"]) / number(inputs["lot_size"]), number(inputs["price"])
    world, account = _world([entry], [quantity])
    world.open(account, "X", quantity, entry)
    world.marks({"X": price})
    return {"upnl": money(world.position(account, "X").unrealized_pnl_e8)}


@handles("closing_proceeds")
def _proceeds(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("qty", "price", "fee_rate")
    quantity, price = number(inputs["qty"]), number(inputs["price"])
    world, account = _world([price], [quantity], number(inputs["fee_rate"]))
    world.open(account, "X", quantity, price)
    fills = world.open(account, "X", -quantity, price)
    return {"proceeds": _value(fills) - _fee(fills)}


@handles("trade_pnl_fees_funding")
def _trade(vector: Vector) -> dict[str, Any]:
    """Open value is what the entry cost with its fee, close value what the exit and funding brought; PnL the wallet's change."""
    inputs = vector.inputs
    inputs.only("side", "qty", "entry_price", "exit_price", "fee_open", "fee_close", "leverage", "funding_received")
    sign, size, entry = sign_of(inputs["side"]), number(inputs["qty"]), number(inputs["entry_price"])
    out = number(inputs["exit_price"]) if inputs.get("exit_price") is not None else None
    opening_rate = number(inputs["fee_open"])
    closing_rate = number(inputs.get("fee_close", inputs["fee_open"]))
    prices = [entry] if out is None else [entry, out]
    # the entry takes and the exit makes, so two fee rates have their two columns
    market = Market("X", tuple(prices), (size,), taker_fee_rate=opening_rate, maker_fee_rate=closing_rate)
    world = World([market])
    world.marks({"X": entry})
    account = world.account(RICH)
    opened = world.open(account, "X", sign * size, entry)
    got: dict[str, Any] = {"open_value": _value(opened) + sign * _fee(opened)}
    if out is None:
        return got
    _fund(world, sign, size, number(inputs.get("funding_received", 0)))
    settled = money(sum(int(one["amount_e8"]) for one in world.of_kind(world.events, EventKind.FUNDING, account)))
    order, _ = world.place(account, "X", side_of(Fraction(-sign)), size, out)
    assert order.is_accepted
    _, events = world.place(HOUSE, "X", side_of(Fraction(sign)), size, out)
    closed = world.fills(events, account)
    got["close_value"] = _value(closed) - sign * _fee(closed) + sign * settled
    got["pnl"] = money(world.wallet(account).cross_wallet_e8) - RICH
    got["pnl_ratio"] = Missing(
        "a return on the traded value after fees: isocross states it on the initial margin, before fees"
    )
    return got


def _fund(world: World, sign: int, size: Fraction, received: Fraction) -> None:
    """One settlement of 1 % at the mark that makes this payment, to the engine's unit."""
    if not received:
        return
    mark = abs(received) * 100 / size
    if received > 0:
        mark = Fraction(-(-mark * 10**8 // 1), 10**8)
    else:
        mark = Fraction(mark * 10**8 // 1, 10**8)
    try:
        world.marks({"X": mark})
    except NotApplicable:
        raise NotApplicable("a payment of this size needs a mark out of range") from None
    world.settle_funding("X", Fraction(-sign if received > 0 else sign, 100))


@handles("closed_trade_averages")
def _averages(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("side", "buys", "sells")
    sides = {1: list(inputs["buys"]), -1: list(inputs["sells"])}
    sign = sign_of(inputs["side"])
    orders = [*((sign, one) for one in sides[sign]), *((-sign, one) for one in sides[-sign])]
    world, account = _world([number(one["price"]) for _, one in orders], [number(one["qty"]) for _, one in orders])
    fills: dict[int, list[np.void]] = {1: [], -1: []}
    entry, most = Fraction(0), 0
    for side, one in orders:
        fills[side] += world.open(account, "X", side * number(one["qty"]), number(one["price"]))
        if side == sign:
            entry, most = world.entry_price(account, "X"), abs(world.position(account, "X").lots)
    if world.position(account, "X").lots:
        raise NotApplicable("the trade is not closed")
    quantity = world.quantity("X", most)
    return {
        "qty": quantity,
        "entry_price": entry,
        "exit_price": _value(fills[-sign]) / quantity,
        "size": _value(fills[sign]),
    }


@handles("oversized_reduce_only_exit")
def _exits(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("qty", "entry_price", "fee_rate", "exits", "side")
    sign, size, entry = sign_of(inputs.get("side", "long")), number(inputs["qty"]), number(inputs["entry_price"])
    exits = [(number(one["stated_qty"]), number(one["price"])) for one in inputs["exits"]]
    world, account = _world(
        [entry, *(price for _, price in exits)], [size, *(stated for stated, _ in exits)], number(inputs["fee_rate"])
    )
    opened = world.open(account, "X", sign * size, entry)
    closed: list[np.void] = []
    for stated, price in exits:
        try:
            closed += world.fill(account, "X", side_of(Fraction(-sign)), stated, price, reduce_only=True)
        except Refused as refused:
            if refused.refusal.name != "REDUCE_ONLY_REJECTED":
                raise NotApplicable(f"this exit is {refused.refusal.name} here") from None
    got: dict[str, Any] = {
        "fee": _fee(opened) + _fee(closed),
        "pnl": _realized(closed),
        "wallet_change": money(world.wallet(account).cross_wallet_e8) - RICH,
        "filled": world.quantity("X", sum(int(fill["lots"]) for fill in closed)),
    }
    if closed:
        got["exit_price"] = _value(closed) / got["filled"]
    return got


def _target(quantity: Fraction, entry: Fraction, mark: Fraction, leverage: Fraction) -> tuple[Any, Any]:
    """(liq's target at a price, rules): what the calculator says about an exit at the mark."""
    if leverage.denominator != 1:
        raise NotApplicable("leverage is a whole number here")
    book = rulebook([Market("XUSDT", (entry, mark), (quantity,))])
    rules = book.symbols["XUSDT"]
    result = liq(
        "XUSDT",
        "long" if quantity > 0 else "short",
        qty=_decimal(abs(quantity)),
        entry=_decimal(entry),
        target=_decimal(mark),
        leverage=int(leverage),
        rulebook=book,
    )
    assert result.target is not None
    return result.target, rules


def _decimal(value: Fraction) -> str:
    whole, rest = divmod(e8(value, "a number"), 10**8)
    return f"{whole}.{rest:08d}"


@handles("position_value_roi")
def _roi(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("qty", "entry_price", "mark_price", "leverage", "side")
    quantity = number(inputs["qty"]) * sign_of(inputs.get("side", "long"))
    mark = number(inputs["mark_price"])
    target, rules = _target(quantity, number(inputs["entry_price"]), mark, number(inputs["leverage"]))
    lots = e8(quantity, "a quantity") // rules.step_e8
    value_e8 = margin.notional_e8(rules.contract_kind, lots, rules.step_e8, e8(mark, "a mark price"))
    return {
        "value": money(value_e8),
        "cost": money(target.roe_basis_e8),
        "pnl": money(target.pnl_e8),
        "roi_percent": 100 * money(target.roe_e8),
    }


@handles("roe")
def _roe(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("qty", "entry_price", "position_value", "leverage")
    quantity = number(inputs["qty"])
    mark = near(number(inputs["position_value"]) / quantity)
    target, _ = _target(quantity, number(inputs["entry_price"]), mark, number(inputs["leverage"]))
    return {"upnl": money(target.pnl_e8), "roe": money(target.roe_e8)}
