"""Difference text: a Difference for people: its tables, and the one sentence why.

Responsible for: words and cells. Must not: find what differs (difference.py does), compute a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answer import Shown, Table
from ..answer.words import money_text, price_text, signed_text
from ..codes import MarginMode
from ..units import format_e8, format_time
from .legs import leg_name
from .told import Liquidation
from .world import World

if TYPE_CHECKING:
    from .difference import AccountDifference, Difference, PositionLine

Pair = tuple[World, World]  # base and other
Deaths = tuple[Liquidation | None, Liquidation | None]

_DIVERGENCES_SHOWN = 5
_ACCOUNTS_SHOWN = 20


def shown(found: Difference) -> Shown:
    """Title, a table per account, the sentence, what the branch could not do."""
    title = f"{found.base} and {found.other}"
    if found.rewrites:
        title += f": {'; '.join(found.rewrites)}"
    tables = [_table(each, found) for each in found.accounts[:_ACCOUNTS_SHOWN]]
    notes = []
    if len(found.accounts) > _ACCOUNTS_SHOWN:
        notes.append(f"{len(found.accounts) - _ACCOUNTS_SHOWN} further accounts differ")
    if found.same_count:
        plural = "accounts are" if found.same_count > 1 else "account is"
        notes.append(f"{found.same_count} {'further ' if found.accounts else ''}{plural} the same in both")
    for line in found.marks:
        one, two = (price_text(mark, line.tick_e8) for mark in line.mark_e8)
        notes.append(f"the marks of {line.symbol} are not the same: {one} and {two}")
    notes += [str(each) for each in found.divergences[:_DIVERGENCES_SHOWN]]
    further = found.divergence_count - min(len(found.divergences), _DIVERGENCES_SHOWN)
    if further:
        notes.append(f"{further:,} further divergences")
    return Shown(title, tables, found.sentence, notes)


def _table(one: AccountDifference, found: Difference) -> Table:
    rows: list[tuple[str, ...]] = []
    for money in one.money:
        for what, (a, b) in ((f"Equity {money.asset}", money.equity_e8), (f"Wallet {money.asset}", money.wallet_e8)):
            rows.append((what, money_text(a), money_text(b), signed_text(b - a)))
    for line in one.positions:
        prices = [
            price_text(price, line.tick_e8) if lots else ""
            for price, lots in zip(line.liquidation_e8, line.lots, strict=True)
        ]
        rows.append((line.symbol, _position_text(line, 0), _position_text(line, 1), ""))
        rows.append(("  liquidation price", *prices, _price_difference(line)))
        rows.append(("  alive", _alive_text(line.liquidated_ms[0]), _alive_text(line.liquidated_ms[1]), ""))
    return Table((one.name, found.base, found.other, "difference"), rows)


def _position_text(line: PositionLine, side: int) -> str:
    mode, lots = line.mode[side].name.lower(), line.lots[side]
    if not lots:
        return f"{mode}, flat"
    return f"{mode}, {'long' if lots > 0 else 'short'} {format_e8(abs(lots) * line.step_e8)}"


def _price_difference(line: PositionLine) -> str:
    one, two = line.liquidation_e8
    if one is None or two is None or not (line.lots[0] and line.lots[1]):
        return ""
    return f"{'+' if two > one else ''}{price_text(two - one, line.tick_e8)}"


def _alive_text(liquidated_ms: int | None) -> str:
    return "yes" if liquidated_ms is None else f"no, since {format_time(liquidated_ms)}"


# ---- why


def why(worlds: Pair, accounts: tuple[AccountDifference, ...], deaths: dict[int, Deaths]) -> str:
    """One sentence: what made the worlds different, for the account in which most differs.

    Takes    deaths: per account the first liquidation that only the base had, and the first that only the other had.
    """
    one, two = worlds
    if not accounts:
        return f"Nothing differs: {one.name} and {two.name} have the same accounts, to the unit."
    account = max(accounts, key=lambda each: abs(each.equity_difference_e8))
    mine, theirs = deaths[account.account]
    if mine is not None and (theirs is None or mine.sequence <= theirs.sequence):
        return f"{account.name}: {_death(worlds, 0, mine, theirs)}; {_outcome(worlds, account)}."
    if theirs is not None:
        return f"{account.name}: {_death(worlds, 1, theirs, mine)}; {_outcome(worlds, account)}."
    if account.divergences:
        first = account.divergences[0]
        return f"{account.name}: they part at {format_time(first.time_ms)}: {first.text}; {_outcome(worlds, account)}."
    reason = "nothing was refused, cancelled or liquidated in one of them alone"
    if any(one.exchange.mark_e8(symbol) != two.exchange.mark_e8(symbol) for symbol in one.exchange.symbols):
        reason = "their marks are not the same now"
    return f"{account.name}: {reason}; {_outcome(worlds, account)}."


def _death(worlds: Pair, dead: int, death: Liquidation, other: Liquidation | None) -> str:
    """A liquidation that only worlds[dead] had, or had first."""
    world, living = worlds[dead], worlds[1 - dead]
    asset = world.exchange.assets[death.asset]
    what = _what(world, death)
    numbers = f"margin balance {money_text(death.balance_e8)} {asset}, maintenance {money_text(death.maintenance_e8)}"
    if death.symbol >= 0:
        tick_e8 = world.exchange.rules(world.exchange.symbols[death.symbol]).tick_e8
        numbers = f"mark {price_text(death.mark_e8, tick_e8)}, {numbers}"
    end = "it was not"
    if other is not None and _what(living, other) != what:
        end = f"{_what(living, other)} was, at {format_time(other.time_ms)}"
    elif other is not None:
        end = f"that came at {format_time(other.time_ms)}"
    elif death.symbol >= 0:
        mode = living.exchange.margin_mode(death.account, living.exchange.symbols[death.symbol])
        whose = "the whole cross wallet" if mode == MarginMode.CROSS else "its own margin"
        end = f"it was not: {whose} backed it"
    return f"at {format_time(death.time_ms)} {what} was liquidated in {world.name} ({numbers}), in {living.name} {end}"


def _what(world: World, death: Liquidation) -> str:
    if death.symbol < 0:
        return f"the cross pool ({', '.join(leg_name(world.exchange.symbols[one], side) for one, side in death.legs)})"
    name = leg_name(world.exchange.symbols[death.symbol], death.position_side)
    return f"{name}, isolated," if death.margin_mode == MarginMode.ISOLATED else name


def _outcome(worlds: Pair, account: AccountDifference) -> str:
    """The number that differs now."""
    for money in account.money:
        one, two = money.equity_e8
        if one != two:
            return f"{worlds[two > one].name} has {money_text(abs(two - one))} {money.asset} more now"
    for line in account.positions:
        if line.liquidation_e8[0] != line.liquidation_e8[1]:
            at = [
                f"at {price_text(price, line.tick_e8)} in {world.name}"
                if price is not None
                else f"nowhere in {world.name}"
                for price, world in zip(line.liquidation_e8, worlds, strict=True)
            ]
            return f"their equity is the same, and {line.symbol} would be liquidated {' and '.join(at)}"
    return "their equity is the same"
