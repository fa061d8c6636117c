"""Difference: two worlds side by side: what each account has in each, and one sentence why.

Responsible for: which accounts differ, their money, positions and liquidations in both worlds, the sentence.
Must not: replay, change a world; word a number (difference_text.py does).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..answer import Answer, Columns, Shown, exact
from ..codes import MarginMode, PositionSide
from ..errors import InputError
from ..units import format_time
from ..views import PositionView
from . import difference_text as text
from .divergence import Divergence
from .legs import leg_name
from .world import World

SCHEMA = "isocross.diff/1"
_FIRST_USER = 2


class HasWorld(Protocol):
    """Something with a World in it, like a Sandbox."""

    @property
    def world(self) -> World:
        """It."""
        ...


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """One margin asset of an account, in the base and in the other world, × 10^8."""

    asset: str
    equity_e8: tuple[int, int]
    wallet_e8: tuple[int, int]  # cross and isolated wallets, no unrealized PnL


@dataclass(frozen=True, slots=True)
class MarkLine:
    """The mark of a symbol, in the base and in the other world, × 10^8."""

    symbol: str
    tick_e8: int
    mark_e8: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PositionLine:
    """One position of an account, in the base and in the other world."""

    symbol: str  # in hedge mode with its side: "BTCUSDT long"
    tick_e8: int
    step_e8: int
    mode: tuple[MarginMode, MarginMode]
    lots: tuple[int, int]
    liquidation_e8: tuple[int | None, int | None]  # the price, × 10^8
    liquidated_ms: tuple[int | None, int | None]  # since when a liquidation has left nothing of it

    def alive(self, side: int) -> bool:
        """Whether it was never taken by a liquidation in that world."""
        return self.liquidated_ms[side] is None


@dataclass(frozen=True, slots=True)
class AccountDifference:
    """One account in two worlds."""

    account: int
    name: str
    money: tuple[MoneyLine, ...]
    positions: tuple[PositionLine, ...]
    divergences: tuple[Divergence, ...]

    @property
    def equity_difference_e8(self) -> int:
        """Other − base, in the first margin asset that differs."""
        return next((b - a for line in self.money for a, b in [line.equity_e8] if a != b), 0)


@dataclass(frozen=True, repr=False)
class Difference(Answer):
    """Two worlds, account by account, as they were when it was made. Differences are other − base."""

    base: str  # their names
    other: str
    rewrites: tuple[str, ...]  # that made the other one, in words
    marks: tuple[MarkLine, ...]  # that are not the same
    accounts: tuple[AccountDifference, ...]
    same_count: int  # further accounts, in which nothing differs
    divergences: tuple[Divergence, ...]  # of the other from its base: of the chosen accounts, or all that it remembers
    divergence_count: int
    sentence: str

    @property
    def is_same(self) -> bool:
        """Whether nothing differs in any account."""
        return not self.accounts

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        return {
            "schema": SCHEMA,
            "base": self.base,
            "other": self.other,
            "rewrites": list(self.rewrites),
            "marks": {line.symbol: _pair(tuple(map(exact, line.mark_e8))) for line in self.marks},
            "same_accounts": self.same_count,
            "divergences": self.divergence_count,
            "sentence": self.sentence,
            "accounts": [_account_dict(one) for one in self.accounts],
        }

    def columns(self) -> Columns:
        """A row per account and number."""
        rows = [row for one in self.accounts for row in _numbers(one)]
        names = ("account", "what", "where", "base_e8", "other_e8")
        columns: dict[str, list[Any]] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        pairs = zip(columns["base_e8"], columns["other_e8"], strict=True)
        columns["difference_e8"] = [None if a is None or b is None else b - a for a, b in pairs]
        return columns

    def shown(self) -> Shown:
        """A table per account, and why."""
        return text.shown(self)


def diff(base: World | HasWorld, other: World | HasWorld, *, accounts: Sequence[int | str] | None = None) -> Difference:
    """What differs between two worlds, account by account: equity, wallet, positions, liquidation prices, who is alive.

    Takes    base, other: worlds of the same symbols, or sandboxes. accounts: names or numbers; all that differ by default.
    Errors   InputError for an account that is in neither, or for worlds of other symbols.
    """
    one, two = (world if isinstance(world, World) else world.world for world in (base, other))
    if (one.exchange.symbols, one.exchange.assets) != (two.exchange.symbols, two.exchange.assets):
        raise InputError(f"diff: {one.name} and {two.name} do not trade the same symbols: there is nothing to compare")
    names = {number: name for world in (two, one) for name, number in world.names.items()}
    counts = [len(world.exchange.table("accounts")) for world in (one, two)]
    there = [number for number in range(_FIRST_USER, max(counts)) if _is_open(one, number) or _is_open(two, number)]
    differing = _differing(one, two)
    wanted = sorted(differing) if accounts is None else [_number(account, one, two, there) for account in accounts]
    lines = tuple(_account(one, two, number, names.get(number, f"account {number}")) for number in wanted)
    return Difference(
        base=one.name,
        other=two.name,
        rewrites=two.rewrites,
        marks=tuple(_marks(one, two)),
        accounts=lines,
        same_count=len([number for number in there if number not in differing and number not in wanted]),
        divergences=tuple(each for each in two.divergences if accounts is None or each.account in wanted),
        divergence_count=two.divergence_count,
        sentence=text.why((one, two), lines, {each.account: _deaths(one, two, each.account) for each in lines}),
    )


# ---- which accounts differ


def _differing(one: World, two: World) -> set[int]:
    """The accounts that have something else, or that a liquidation met in one world only."""
    found: set[int] = set()
    for mine, theirs in ((_wallets(one), _wallets(two)), (_positions(one), _positions(two))):
        found |= {row[0] for row in mine ^ theirs}
    moved = {one.exchange.symbol_row(line.symbol) for line in _marks(one, two)}
    found |= {row[0] for world in (one, two) for row in _positions(world) if row[1] in moved}
    met = [{(each.account, each.sequence, each.symbols) for each in world.liquidations} for world in (one, two)]
    return {number for number in found | {row[0] for row in met[0] ^ met[1]} if number >= _FIRST_USER}


def _marks(one: World, two: World) -> Iterator[MarkLine]:
    """The marks that are not the same."""
    for symbol in one.exchange.symbols:
        marks = one.exchange.mark_e8(symbol), two.exchange.mark_e8(symbol)
        if marks[0] != marks[1]:
            yield MarkLine(symbol, one.exchange.rules(symbol).tick_e8, marks)


def _wallets(world: World) -> set[tuple[int, ...]]:
    wallets = world.exchange.table("wallets")["cross_wallet_e8"].reshape(-1, len(world.exchange.assets))
    opened = np.flatnonzero(world.exchange.table("accounts")["is_open"]).tolist()
    return {(number, *wallets[number].tolist()) for number in opened}


def _positions(world: World) -> set[tuple[int, ...]]:
    table = world.exchange.table("positions")
    columns = ("account", "symbol", "position_side", "margin_mode", "lots", "entry_cost_e8", "isolated_wallet_e8")
    mine = table[(table["lots"] != 0) & (table["is_house"] == 0)]
    return set(zip(*(mine[name].tolist() for name in columns), strict=True))


def _is_open(world: World, number: int) -> bool:
    table = world.exchange.table("accounts")
    return number < len(table) and bool(table["is_open"][number]) and not table["is_house"][number]


def _number(account: int | str, one: World, two: World, there: list[int]) -> int:
    names = {**two.names, **one.names}
    number = names.get(account) if isinstance(account, str) else account
    if number is None or number not in there:
        known = f": expected one of {', '.join(names)}" if names else ""
        raise InputError(f"diff: account {account!r} is in neither world{known}")
    return number


# ---- one account


def _account(one: World, two: World, number: int, name: str) -> AccountDifference:
    worlds = (one, two)
    money = []
    for asset in one.exchange.assets:
        equity_e8, wallet_e8 = zip(*(_money(world, number, asset) for world in worlds), strict=True)
        if any((*equity_e8, *wallet_e8)):
            money.append(MoneyLine(asset, equity_e8, wallet_e8))
    positions = []
    for row, symbol in enumerate(one.exchange.symbols):
        for side in PositionSide:
            views = [_position(world, number, symbol, side) for world in worlds]
            dead = [_liquidated_ms(world, number, row, side) for world in worlds]
            if any(view is not None and view.lots for view in views) or dead != [None, None]:
                rules = one.exchange.rules(symbol)
                positions.append(_position_line(views, dead, leg_name(symbol, side), rules.tick_e8, rules.step_e8))
    divergences = tuple(each for each in two.divergences if each.account == number)
    return AccountDifference(number, name, tuple(money), tuple(positions), divergences)


def _money(world: World, number: int, asset: str) -> tuple[int, int]:
    """Equity and wallet; 0 where the account is not open."""
    if not _is_open(world, number):
        return 0, 0
    view = world.exchange.wallet(number, asset)
    return view.equity_e8, view.cross_wallet_e8 + view.isolated_wallets_e8


def _position(world: World, number: int, symbol: str, side: PositionSide) -> PositionView | None:
    return world.exchange.position(number, symbol, side) if _is_open(world, number) else None


def _position_line(
    views: list[PositionView | None], dead: list[int | None], symbol: str, tick_e8: int, step_e8: int
) -> PositionLine:
    known = next(view for view in views if view is not None)
    one, two = (view or known for view in views)
    lots = [view.lots if view is not None else 0 for view in views]
    prices = [view.liquidation_mark_e8 if view is not None else None for view in views]
    return PositionLine(
        symbol=symbol,
        tick_e8=tick_e8,
        step_e8=step_e8,
        mode=(one.margin_mode, two.margin_mode),
        lots=(lots[0], lots[1]),
        liquidation_e8=(prices[0], prices[1]),
        liquidated_ms=(dead[0], dead[1]),
    )


def _liquidated_ms(world: World, account: int, symbol: int, side: PositionSide) -> int | None:
    """When a liquidation last left nothing of an account's position in a symbol; None when none did."""
    mine = [one for one in world.liquidations if one.is_end and one.account == account]
    ends = [one.time_ms for one in mine if (symbol, side) in one.legs]
    return ends[-1] if ends else None


def _deaths(one: World, two: World, account: int) -> text.Deaths:
    """The first liquidation of an account that is in one world only, in each."""
    mine, theirs = (
        {
            (each.sequence, each.symbol, each.position_side, each.symbols): each
            for each in world.liquidations
            if each.account == account
        }
        for world in (one, two)
    )
    return (
        next((each for key, each in mine.items() if key not in theirs), None),
        next((each for key, each in theirs.items() if key not in mine), None),
    )


# ---- as plain data


def _numbers(one: AccountDifference) -> Iterator[tuple[str, str, str, int | None, int | None]]:
    for money in one.money:
        yield (one.name, "equity", money.asset, *money.equity_e8)
        yield (one.name, "wallet", money.asset, *money.wallet_e8)
    for line in one.positions:
        yield (one.name, "quantity", line.symbol, line.lots[0] * line.step_e8, line.lots[1] * line.step_e8)
        yield (one.name, "liquidation price", line.symbol, *line.liquidation_e8)


def _pair(values: tuple[Any, ...]) -> dict[str, Any]:
    return {"base": values[0], "other": values[1]}


def _account_dict(one: AccountDifference) -> dict[str, Any]:
    def exactly(values: tuple[int | None, int | None]) -> dict[str, Any]:
        return _pair((exact(values[0]), exact(values[1])))

    return {
        "account": one.account,
        "name": one.name,
        "money": [
            {"asset": line.asset, "equity": exactly(line.equity_e8), "wallet": exactly(line.wallet_e8)}
            for line in one.money
        ],
        "positions": [
            {
                "symbol": line.symbol,
                "mode": _pair((line.mode[0].name.lower(), line.mode[1].name.lower())),
                "quantity": exactly((line.lots[0] * line.step_e8, line.lots[1] * line.step_e8)),
                "liquidation_price": exactly(line.liquidation_e8),
                "alive": _pair((line.alive(0), line.alive(1))),
                "liquidated_at": _pair((_time(line.liquidated_ms[0]), _time(line.liquidated_ms[1]))),
            }
            for line in one.positions
        ],
        "divergences": [
            {"kind": each.kind.value, "command": each.sequence, "time": format_time(each.time_ms), "text": each.text}
            for each in one.divergences
        ],
    }


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else format_time(time_ms)
