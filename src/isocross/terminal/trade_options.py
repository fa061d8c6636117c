"""Trade options: how a trade is said on the command line, the same words in every command that asks for one.

Responsible for: names, environment names, help and panels of options that several commands share; repeatable options
out of one environment variable. Must not: read a value's meaning, know a command.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

THE_TRADE = "The trade"
WHAT_BACKS_IT = "What backs it"
THE_ANSWER = "The answer"


def option(name: str, text: str, metavar: str, panel: str) -> Any:
    """An option of one value, its environment name ISOCROSS_`name`."""
    return typer.Option(envvar=f"ISOCROSS_{name}", help=text, metavar=metavar, rich_help_panel=panel)


def flag(option_name: str, name: str, text: str, panel: str) -> Any:
    """An option without a value."""
    return typer.Option(option_name, envvar=f"ISOCROSS_{name}", help=text, rich_help_panel=panel)


Symbol = Annotated[
    str, typer.Argument(envvar="ISOCROSS_SYMBOL", help="The contract: BTCUSDT or BTC/USDT:USDT.", metavar="SYMBOL")
]
Side = Annotated[str, option("SIDE", "long or short.", "SIDE", THE_TRADE)]
Mark = Annotated[
    str | None, option("MARK", "Mark price when the entry fills. Default: the entry price.", "PRICE", THE_TRADE)
]
Leverage = Annotated[str | None, option("LEVERAGE", "Leverage, 10 or 10x. Default: the rulebook's.", "N", THE_TRADE)]
Positions = Annotated[
    list[str] | None,
    typer.Option(
        help="Another cross position of the pool: 'ETHUSDT short 2 @ 3000 mark 2900 10x'. "
        "Again for each position. \\[env: ISOCROSS_POSITION, separated by ;]",
        metavar="POSITION",
        rich_help_panel=WHAT_BACKS_IT,
    ),
]
Taker = Annotated[
    bool,
    typer.Option(
        "--taker/--maker", envvar="ISOCROSS_TAKER", help="Which fee the entry pays.", rich_help_panel=WHAT_BACKS_IT
    ),
]
Fee = Annotated[
    str | None,
    option("FEE", "A fee rate of your own for both, 0.02% or 0.0002; 0 for none.", "RATE", WHAT_BACKS_IT),
]
Mode = Annotated[str, option("MODE", "cross, isolated or both.", "MODE", THE_ANSWER)]
RulebookName = Annotated[str, option("RULEBOOK", "A rulebook's name, or a path to one.", "NAME", THE_ANSWER)]
AsJson = Annotated[bool, flag("--json", "JSON", "Print one JSON object with exact decimals.", THE_ANSWER)]


def listed(values: list[str] | None, variable: str) -> list[str]:
    """A repeatable option, else its environment variable, separated by semicolons."""
    if values:
        return values
    return [part for part in os.environ.get(variable, "").split(";") if part.strip()]
