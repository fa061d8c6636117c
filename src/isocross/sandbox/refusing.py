"""Refusing: why a command of a group is refused, in a trader's words and with the values that decide it.

Responsible for: Command, the error of a refusal, the money that is missing. Must not: send a command: it previews.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..codes import CommandKind, Refusal
from ..errors import RefusedError
from ..exchange import Exchange
from ..units import format_e8
from .words import facts_of, names_in, text_of

LEND_E8 = 2**58  # lent inside a preview, where the question is what an order costs and not who can pay it


class Command(NamedTuple):
    """A command, and what it is called when it is refused."""

    kind: CommandKind
    fields: dict[str, Any]
    what: str


def refused(exchange: Exchange, commands: Sequence[Command], place: int, refusal: Refusal) -> RefusedError:
    """The refusal of commands[place], which comes after those before it."""
    command = commands[place]
    account, symbol = command.fields.get("account"), command.fields.get("symbol")
    values: dict[str, object] = {}
    if account is not None:
        rules = None if symbol is None else exchange.rules(symbol)
        with exchange.previewing():
            for one in commands[:place]:
                exchange.submit(one.kind, **one.fields)
            facts = facts_of(exchange, command.fields, account, rules)
            values = {name: facts[name]() for name in names_in(refusal) if name in facts}
        if "missing" in names_in(refusal):
            values["missing"] = format_e8(_missing_e8(exchange, commands[: place + 1], account))
    return RefusedError(f"{command.what}: {text_of(refusal, values)}", refusal)


def _missing_e8(exchange: Exchange, commands: Sequence[Command], account: int) -> int:
    """The least deposit with which the last of the commands would have been accepted, found by previews."""
    asset = exchange.asset_row(exchange.rules(commands[-1].fields["symbol"]).margin_asset)

    def helps(amount_e8: int) -> bool:
        with exchange.previewing():
            exchange.submit(CommandKind.DEPOSIT, account=account, asset=asset, amount_e8=amount_e8)
            return [exchange.submit(one.kind, **one.fields).is_accepted for one in commands][-1]

    too_little, enough = 0, LEND_E8
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if helps(middle) else (middle, enough)
    return enough
