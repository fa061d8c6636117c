"""Plan: what a set of rewrites does to one history, found before it is lived.

Responsible for: accounts, symbols and places that rewrites name; which commands are left out and what is put in where;
the moment at which a setting may be changed. Must not: know a rewrite, live the branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..codes import CommandKind, EventKind
from ..errors import RewriteError
from ..exchange import Exchange
from ..journal.history import History
from ..rulebook import SymbolRules, symbol_rules
from .moment import MomentLike, moment_of
from .outline import Outline, Stretch, walk

FIRST_USER_ACCOUNT = 2
_PLACES = (CommandKind.PLACE_ORDER, CommandKind.PLACE_CONDITIONAL)


class Insertion(Protocol):
    """A command that a rewrite puts in. What it says may depend on the world that it meets."""

    @property
    def time_ms(self) -> int | None:
        """Its time; None: that of the command before it."""
        ...

    def command(self, base: Exchange, own: Exchange) -> tuple[CommandKind, dict[str, int]] | None:
        """Kind and fields; None when there is nothing to do. Errors   RewriteError."""
        ...


class Dropping(NamedTuple):
    """From a place on, an account's own commands of one kind are left out."""

    kind: CommandKind
    account: int
    symbol: int
    since: int


class Stop(NamedTuple):
    """The branch ends with the first command that has such an event."""

    event: EventKind
    account: int | None
    symbol: int | None


@dataclass
class Plan:
    """What happens to the commands 0 … length − 1 of a history."""

    length: int
    dropped: set[int] = field(default_factory=set)
    droppings: list[Dropping] = field(default_factory=list)
    inserted: dict[int, list[tuple[str, Insertion]]] = field(default_factory=dict)  # by place; with the rewrite's words
    accounts: set[int] = field(default_factory=set)  # whose commands are intents
    stops: list[Stop] = field(default_factory=list)

    def leaves_out(self, stretch: Stretch) -> np.ndarray:
        """Which commands of a stretch are left out."""
        numbers = np.arange(stretch.first, stretch.first + len(stretch))
        out = np.isin(numbers, list(self.dropped)) if self.dropped else np.zeros(len(stretch), dtype=bool)
        for one in self.droppings:
            is_it = (stretch.column("kind") == one.kind) & (stretch.column("account") == one.account)
            out |= is_it & (stretch.column("symbol") == one.symbol) & (numbers >= one.since)
        return out


class Draft:
    """A Plan in the making: what a rewrite asks of the history that it rewrites."""

    def __init__(
        self, history: History, outline: Outline, at: MomentLike | None, names: Mapping[str, int], compiled: bool
    ) -> None:
        self.history = history
        self.outline = outline
        self.plan = Plan(len(outline) if at is None else outline.place(moment_of(at)))
        self._names = names
        self._compiled = compiled
        self._genesis_accounts: int | None = None

    # ---- what is named

    def account(self, named: Any) -> int:
        """Number of an account: itself, a name, or something with a `number`; its commands are intents from now on.

        Errors   RewriteError when the history never opens it.
        """
        number = self._names.get(named) if isinstance(named, str) else getattr(named, "number", named)
        if not isinstance(number, int) or isinstance(number, bool):
            known = f": expected one of {', '.join(self._names)}" if self._names else ""
            raise RewriteError(f"account {named!r} is not in this history{known}")
        if 0 <= number < FIRST_USER_ACCOUNT:
            raise RewriteError(f"account {number} is the {('insurance fund', 'house')[number]}: expected a trader's")
        opened = (self.outline.kind == CommandKind.CREATE_ACCOUNT) & (self.outline.account == number)
        if not opened[: self.plan.length].any() and number >= self._accounts_at_genesis():
            raise RewriteError(f"account {named!r} is not in this history up to there: nothing opens it")
        self.plan.accounts.add(number)
        return number

    def symbol(self, name: str) -> int:
        """Number of a symbol. Errors   UnknownSymbolError, or RewriteError when it is not of this history."""
        genesis = self.history.genesis
        symbol = symbol_rules(genesis.rulebook, name).symbol
        if symbol not in genesis.symbols:
            raise RewriteError(f"symbol {symbol} does not trade in this history: expected {', '.join(genesis.symbols)}")
        return genesis.symbols.index(symbol)

    def rules(self, symbol: int) -> SymbolRules:
        """The rulebook's row of a symbol."""
        genesis = self.history.genesis
        return genesis.rulebook.symbols[genesis.symbols[symbol]]

    def place(self, moment: MomentLike, name: str = "at") -> int:
        """The place of a moment. Errors   RewriteError when the branch does not get there."""
        found = moment_of(moment, name)
        place = self.outline.place(found)
        if place > self.plan.length:
            raise RewriteError(f"{name}: {found} comes after the end of the branch")
        return place

    def command(self, sequence: int) -> int:
        """The number of a command by its sequence number. Errors   RewriteError."""
        number = self.outline.command(sequence)
        if number >= self.plan.length:
            raise RewriteError(f"command {sequence} comes after the end of the branch")
        return number

    # ---- what is changed

    def leave_out(self, number: int) -> None:
        """Leave out one command. Whose it was: that account's other commands are intents."""
        self.plan.dropped.add(number)
        if self.outline.kind[number] in OF_AN_ACCOUNT:
            self.plan.accounts.add(int(self.outline.account[number]))

    def leave_out_all(self, kind: CommandKind, account: int, symbol: int, since: int) -> None:
        """Leave out an account's commands of a kind from a place on."""
        self.plan.droppings.append(Dropping(kind, account, symbol, since))

    def put_in(self, place: int, words: str, insertion: Insertion) -> None:
        """Put a command in at a place, behind those put in there before."""
        self.plan.inserted.setdefault(place, []).append((words, insertion))

    def stop(self, stop: Stop) -> None:
        """End the branch with an event."""
        self.plan.stops.append(stop)

    # ---- when a setting may change

    def settling_place(self, account: int, symbol: int, since: MomentLike | None) -> int:
        """The last place at which the account is flat and orderless in the symbol, up to `since`.

        None stands for its first order there: its whole life in that symbol is lived under the setting. Up to a moment: the
        last such place before it, which is the moment itself when it is flat and orderless then.
        """
        mine = (self.outline.account == account) & (self.outline.symbol == symbol)
        orders = np.flatnonzero(mine & np.isin(self.outline.kind, _PLACES))
        if since is None:
            within = orders[orders < self.plan.length]
            return int(within[0]) if len(within) else self.plan.length
        until = self.place(since, "since")
        return self._last_flat(account, symbol, [*orders[orders < until].tolist(), until])

    def _last_flat(self, account: int, symbol: int, places: list[int]) -> int:
        """The last of the places at which the account is flat and orderless, by living the history up to there."""
        exchange, done, found = self.history.genesis.exchange(compiled=self._compiled), 0, None
        for stretch in walk(self.history, 0, places[-1]):
            last = stretch.first + len(stretch)
            for place in [place for place in places if done <= place < last]:
                exchange.submit_batch(stretch.part(done - stretch.first, place - stretch.first).records, _forget)
                done = place
                found = place if exchange.is_flat_and_orderless(account, symbol) else found
            exchange.submit_batch(stretch.part(done - stretch.first, len(stretch)).records, _forget)
            done = last
        if exchange.is_flat_and_orderless(account, symbol):
            return places[-1]
        if found is None:
            name = self.history.genesis.symbols[symbol]
            raise RewriteError(f"account {account} is never without a position or an order in {name} up to there")
        return found

    def _accounts_at_genesis(self) -> int:
        if self._genesis_accounts is None:
            fresh = self.history.genesis.exchange(compiled=self._compiled)
            self._genesis_accounts = len(fresh.table("accounts"))
        return self._genesis_accounts


OF_AN_ACCOUNT = frozenset(
    kind
    for kind in CommandKind
    if kind
    not in (
        CommandKind.CONTINUATION,
        CommandKind.FUND_DEPOSIT,
        CommandKind.PRICES,
        CommandKind.QUOTE,
        CommandKind.SETTLE_FUNDING,
        CommandKind.ADVANCE_CLOCK,
        CommandKind.SET_SYMBOL_STATUS,
        CommandKind.SET_BRACKETS,
        CommandKind.SET_FEES,
    )
)


def _forget(events: np.ndarray) -> None:
    """Events that nobody asked for."""
