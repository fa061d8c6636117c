"""Preview text: the words of a preview: its title, its rows, what must be said of each mode.

Responsible for: text for people. Must not: compute, ask an exchange, print.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import TypeVar

from ..answer import Shown, Table
from ..answer.words import NONE, money_in, money_text, percent_text, price_text
from ..units import ONE_E8, format_e8, to_e8
from .preview_result import EXIT_NAMES, ModePreview, PreviewResult
from .records import Position

T = TypeVar("T")
_BASES = {
    "as it is": "the mode it has",
    "switched": "after a switch",
    "branch": "in a branch",
    "none": "cannot be said",
}
_BLOCKS = {"MARGIN_MODE_HAS_ORDERS": "orders are open", "MARGIN_MODE_HAS_POSITION": "a position is open"}


def _in_its_money(function: Callable[[PreviewResult], T]) -> Callable[[PreviewResult], T]:
    """The text of a result in the decimals of its asset."""

    @wraps(function)
    def told(result: PreviewResult) -> T:
        with money_in(result.rules.margin_asset):
            return function(result)

    return told


@_in_its_money
def shown(result: PreviewResult) -> Shown:
    """What people see of it."""
    heads = [one.name for one in result.modes]
    if result.has_others and "hybrid" not in heads:
        heads[0] = "isolated (hybrid)"
    return Shown(title(result), (Table(("", *heads), rows(result)),), sentence(result), notes(result))


def title(result: PreviewResult) -> str:
    """'buy BTCUSDT at market, margin 500 at 10x, stop 57,500.00; mark 60,000.00'."""
    tick_e8 = result.rules.tick_e8
    at = "at market" if result.price_ticks is None else f"at {price_text(result.price_ticks * tick_e8, tick_e8)}"
    quantities = {one.quantity for one in result.modes if one.quantity is not None}
    parts = [f"{result.side} {result.symbol} {at}"]
    leverages = {one.position_before.leverage for one in result.modes if one.position_before is not None}
    if result.margin_e8 is not None:
        at_leverage = f" at {leverages.pop()}x" if len(leverages) == 1 else ""
        parts.append(f"margin {format_e8(result.margin_e8)}{at_leverage}")
    elif len(quantities) == 1:
        parts.append(f"{quantities.pop():f} {result.rules.quantity_asset}")
    parts += [
        f"{EXIT_NAMES[kind].replace('_', '-')} {price_text(ticks * tick_e8, tick_e8)}" for kind, ticks in result.exits
    ]
    return f"{', '.join(parts)}; mark {price_text(result.mark_e8, tick_e8)}"


def rows(result: PreviewResult) -> list[list[str]]:
    """The table: a label and a cell per mode."""
    tick_e8, base, asset = result.rules.tick_e8, result.rules.quantity_asset, result.rules.margin_asset

    def row(label: str, cell: Callable[[ModePreview], str]) -> list[str]:
        return [label, *(cell(one) if one.is_accepted else "" for one in result.modes)]

    def price(value: Decimal | None) -> str:
        return price_text(None if value is None else to_e8(value), tick_e8)

    def before_after(pick: Callable[[Position], str]) -> Callable[[ModePreview], str]:
        def cell(one: ModePreview) -> str:
            assert one.position_before is not None and one.position_after is not None
            before, after = pick(one.position_before), pick(one.position_after)
            return after if before == after or not one.position_before.quantity else f"{before} → {after}"

        return cell

    def distance(one: ModePreview) -> str:
        if one.liquidation_price is None:
            return ""
        away_e8 = to_e8(one.liquidation_price) - result.mark_e8
        part_e8 = abs(away_e8) * ONE_E8 // result.mark_e8
        return percent_text(part_e8 if away_e8 > 0 else -part_e8)

    table = [
        ["Asked", *(_BASES[one.basis] for one in result.modes)],
        ["Order", *("accepted" if one.is_accepted else one.refusal or "not asked" for one in result.modes)],
        row(f"Quantity, {base}", lambda one: _plain(one.quantity)),
        row("Filled", lambda one: _plain(one.filled)),
        row("  at", lambda one: price(one.average_price) if one.filled else ""),
        row("Resting", lambda one: _plain(one.resting)),
        row("Fee", lambda one: _money(one.fee)),
        row("Margin", lambda one: _money(one.margin)),
        row("Cost, fee included", lambda one: _money(one.cost)),
        row(f"Position, {base}", before_after(lambda position: f"{position.quantity:f}")),
        row("Realized PnL", lambda one: _money(one.realized_pnl)),
        row("Margin balance", before_after(lambda position: _money(position.margin_balance))),
        row("Maintenance margin", before_after(lambda position: _money(position.maintenance_margin))),
        row("Liquidation price", before_after(lambda position: price(position.liquidation_price))),
        row("  from mark", distance),
        row("Bankruptcy price", before_after(lambda position: price(position.bankruptcy_price))),
        row("Once filled, position", lambda one: f"{one.position_filled.quantity:f}" if one.position_filled else ""),
        row(
            "  liquidation price",
            lambda one: price(one.position_filled.liquidation_price) if one.position_filled else "",
        ),
        row(f"Available, {asset}", _available),
        row("Most that can be lost", lambda one: _money(one.most_lost)),
        row("  takes along", _along),
    ]
    kept = ("Asked", "Order", "Liquidation price", "Most that can be lost", "Filled")
    empty = ("", "0", "0.00", NONE)
    return [one for one in table if one[0] in kept or any(cell not in empty for cell in one[1:])]


@_in_its_money
def sentence(result: PreviewResult) -> str:
    """What each mode puts at stake."""
    parts = []
    for one in result.modes:
        if not one.is_accepted:
            parts.append(f"{one.name} {'is refused' if one.refusal else 'cannot be said'}")
        elif one.most_lost is not None:
            price = one.liquidation_price
            where = "is not liquidated at any price" if price is None else "is liquidated at"
            at = "" if price is None else f" {price_text(to_e8(price), result.rules.tick_e8)}"
            along = f" with {_along(one)}" if one.takes_along else ""
            lost = f"can lose {_money(one.most_lost)}"
            if one.most_lost < 0:
                lost = f"keeps {_money(-one.most_lost)} more than now even then"
            parts.append(f"{one.name} {where}{at} and {lost}{along}")
        elif one.resting:
            parts.append(f"{one.name} rests")
        else:
            parts.append(f"{one.name} leaves nothing open")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def notes(result: PreviewResult) -> list[str]:
    """What must be said of each mode beside its numbers; of several modes alike it is said once."""
    names: dict[str, list[str]] = {}
    for one in result.modes:
        for text in _notes(result, one):
            names.setdefault(text, []).append(one.name)
    return [f"{', '.join(who)}: {text}" for text, who in names.items()]


def line(one: ModePreview) -> str:
    """One mode in one line."""
    if not one.is_accepted:
        return f"{one.name}: {one.reason or 'no world to ask in'}"
    liquidation = "none" if one.liquidation_price is None else f"{one.liquidation_price:f}"
    return (
        f"{one.name}: filled {_plain(one.filled)} @ {_plain(one.average_price)}, fee {_plain(one.fee)}, "
        f"cost {_plain(one.cost)}, liquidation at {liquidation}, most that can be lost {_plain(one.most_lost)}"
    )


def _notes(result: PreviewResult, one: ModePreview) -> list[str]:
    told = []
    for symbol, refusal in one.blocked.items():
        told.append(f"{symbol} cannot be switched while {_BLOCKS.get(refusal, 'it is as it is')} there ({refusal})")
    if one.basis == "branch":
        world = one.setting.world
        assert world is not None
        told.append(
            "the numbers are of the branch of this history in which the mode was set before the present trade, when nothing "
            "was open there"
            + (f"; {world.divergence_count} things went otherwise on the way" if world.divergence_count else "")
        )
        told += [str(divergence) for divergence in world.divergences[:3]]
    if one.reason:
        told.append(one.reason)
    if not one.is_accepted:
        return told
    if one.expired:
        told.append(f"{one.expired:f} of it would expire ({one.expired_reason})")
    if one.resting and one.position_filled is None:
        told.append("what it makes once it is filled cannot be said: it would be cancelled when it is reached")
    elif one.resting:
        told.append("once filled: at its limit, with the mark as now")
    told += [f"LIQUIDATES {pocket} at once" for pocket in one.liquidated]
    told += [
        f"{before.symbol} liquidation price {_price(before)} → {_price(after)}"
        for before, after in zip(one.others_before, one.others_after, strict=True)
        if before.liquidation_price != after.liquidation_price
    ]
    told += _exit_notes(result, one)
    if one.most_lost is not None and one.mode == "isolated":
        told.append("closing by hand adds its own fee")
    if one.orders_along:
        told.append(f"a liquidation would cancel {one.orders_along} resting order{'s' if one.orders_along > 1 else ''}")
    return told


def _exit_notes(result: PreviewResult, one: ModePreview) -> list[str]:
    """A stop on the far side of the liquidation price protects nothing."""
    price, is_long = one.liquidation_price, result.side == "buy"
    if price is None:
        return []
    stops = [ticks * result.rules.tick_e8 for kind, ticks in result.exits if EXIT_NAMES[kind] == "stop"]
    beyond = [stop for stop in stops if (stop <= to_e8(price) if is_long else stop >= to_e8(price))]
    return [
        f"the stop {price_text(stop, result.rules.tick_e8)} lies beyond the liquidation price: it protects nothing"
        for stop in beyond
    ]


def _available(one: ModePreview) -> str:
    assert one.wallet_before is not None and one.wallet_after is not None
    return f"{_money(one.wallet_before.available)} → {_money(one.wallet_after.available)}"


def _along(one: ModePreview) -> str:
    return ", ".join(position.symbol for position in one.takes_along) or NONE


def _price(position: Position) -> str:
    return NONE if position.liquidation_price is None else f"{position.liquidation_price:f}"


def _money(value: Decimal | None) -> str:
    return money_text(None if value is None else to_e8(value))


def _plain(value: Decimal | None) -> str:
    return NONE if value is None else f"{value:f}"
