"""Sending: commands into the exchange, in groups of which all are carried out or none.

Responsible for: previewing a group, keeping all events, turning a refusal into RefusedError with words, cancelling exits
that are needed no longer. Must not: know decimals that come in, or what an account's owner meant.

A refused command changes no balance, order or position. When it is the first of its group it is submitted all the same:
like at a venue it is on the record, so that a replay in the other margin mode may find it accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..codes import CommandKind, Refusal
from ..errors import RefusedError
from ..exchange import Exchange, Result
from ..units import format_e8
from .exits import Exits
from .words import facts_of, names_in, text_of

LEND_E8 = 2**58  # lent inside a preview, where the question is what an order costs and not who can pay it


class Command(NamedTuple):
    """A command, and what it is called when it is refused."""

    kind: CommandKind
    fields: dict[str, Any]
    what: str


class Sender:
    """The way of a Sandbox's commands into its exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.exits = Exits()
        self._events: list[np.ndarray] = []

    @property
    def events(self) -> np.ndarray:
        """All events so far."""
        return self.events_since(0)

    @property
    def event_count(self) -> int:
        """How many there are so far."""
        return sum(map(len, self._events))

    def events_since(self, count: int) -> np.ndarray:
        """The events after the first `count`."""
        if len(self._events) > 1:
            self._events = [np.concatenate(self._events)]
        return self._events[0][count:]

    def carry_out(self, commands: Sequence[Command]) -> list[Result]:
        """All of the commands or none.

        Errors   RefusedError for the first that is refused.
        """
        if len(commands) > 1:
            place, refusal = self._first_refusal(commands)
            if place > 0:
                raise self._refused(commands, place, refusal)
        return self.send(commands)

    def send(self, commands: Sequence[Command]) -> list[Result]:
        """The commands one after the other, up to the first that is refused.

        Errors   RefusedError for that one; those before it are carried out.
        """
        results = []
        for place, command in enumerate(commands):
            done = self.exchange.submit(command.kind, **command.fields)
            self._events.append(done.events)
            if not done.is_accepted:
                raise self._refused(commands, place, done.refusal)
            results.append(done)
        self.end_exits()
        return results

    def end_exits(self) -> None:
        """Cancel the exits that are needed no longer."""
        while (found := self.exits.ended(self.exchange)) is not None:
            order_id, one = found
            done = self.exchange.submit(CommandKind.CANCEL_CONDITIONAL, account=one.account, order_id=order_id)
            assert done.is_accepted
            self._events.append(done.events)

    def _first_refusal(self, commands: Sequence[Command]) -> tuple[int, Refusal]:
        """Which command of a group would be refused, and why; (0, NONE) when none would."""
        with self.exchange.previewing():
            for place, command in enumerate(commands):
                refusal = self.exchange.submit(command.kind, **command.fields).refusal
                if refusal != Refusal.NONE:
                    return place, refusal
        return 0, Refusal.NONE

    def _refused(self, commands: Sequence[Command], place: int, refusal: Refusal) -> RefusedError:
        """The refusal of commands[place], which comes after those before it."""
        command = commands[place]
        account, symbol = command.fields.get("account"), command.fields.get("symbol")
        values: dict[str, object] = {}
        if account is not None:
            rules = None if symbol is None else self.exchange.rules(symbol)
            with self.exchange.previewing():
                for one in commands[:place]:
                    self.exchange.submit(one.kind, **one.fields)
                facts = facts_of(self.exchange, command.fields, account, rules)
                values = {name: facts[name]() for name in names_in(refusal) if name in facts}
            if "missing" in names_in(refusal):
                values["missing"] = format_e8(self._missing_e8(commands[: place + 1], account))
        return RefusedError(f"{command.what}: {text_of(refusal, values)}", refusal)

    def _missing_e8(self, commands: Sequence[Command], account: int) -> int:
        """The least deposit with which the last of the commands would have been accepted, found by previews."""
        asset = self.exchange.asset_row(self.exchange.rules(commands[-1].fields["symbol"]).margin_asset)

        def helps(amount_e8: int) -> bool:
            with self.exchange.previewing():
                self.exchange.submit(CommandKind.DEPOSIT, account=account, asset=asset, amount_e8=amount_e8)
                return [self.exchange.submit(one.kind, **one.fields).is_accepted for one in commands][-1]

        too_little, enough = 0, LEND_E8
        while enough - too_little > 1:
            middle = (too_little + enough) // 2
            too_little, enough = (too_little, middle) if helps(middle) else (middle, enough)
        return enough
