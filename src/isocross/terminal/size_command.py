"""`isocross size`: options in, both margin modes side by side out.

Responsible for: the command's options, its table. Must not: compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .app import BEFORE_A_TRADE, EXIT_NEGATIVE
from .output import bullet, columns_table, console, emit_json, say
from .rulebook_option import check_rulebook_name
from .trade_options import (
    THE_TRADE,
    WHAT_BACKS_IT,
    AsJson,
    Fee,
    Leverage,
    Mark,
    Mode,
    Positions,
    RulebookName,
    Side,
    Symbol,
    Taker,
    listed,
    option,
)

if TYPE_CHECKING:
    from ..policy.size_result import SizeResult


def register(app: typer.Typer) -> None:
    """Add `size` to the app."""
    app.command("size", rich_help_panel=BEFORE_A_TRADE, no_args_is_help=False)(size)


def size(
    symbol: Symbol,
    side: Side,
    entry: Annotated[str, option("ENTRY", "The expected fill price.", "PRICE", THE_TRADE)],
    stop: Annotated[
        str | None, option("STOP", "Mark price at which all of it is closed at market.", "PRICE", THE_TRADE)
    ] = None,
    risk: Annotated[
        str | None,
        option(
            "RISK", "What may be lost at the stop, both fees included: 100, or 1% of the wallet.", "AMOUNT", THE_TRADE
        ),
    ] = None,
    qty: Annotated[str | None, option("QTY", "Instead of --risk: a quantity in base units.", "QTY", THE_TRADE)] = None,
    survive: Annotated[
        str | None,
        option("SURVIVE", "A move against the position that it should outlive: 15%.", "RATE", THE_TRADE),
    ] = None,
    mark: Mark = None,
    leverage: Leverage = None,
    wallet: Annotated[
        str | None,
        option(
            "WALLET", "Cross wallet before the trade: what may be spent, and what backs cross.", "AMOUNT", WHAT_BACKS_IT
        ),
    ] = None,
    position: Positions = None,
    taker: Taker = True,
    fee: Fee = None,
    mode: Mode = "both",
    rulebook: RulebookName = "binance-usdm",
    as_json: AsJson = False,
) -> None:
    """How large a trade may be for what it may lose, and what it takes to outlive a move; tried in the engine.

    The exit status is 1 when no mode shown can do it: no size fits, or the stop comes after the liquidation.
    """
    from ..policy.size import size as answer

    check_rulebook_name(rulebook)
    result = answer(
        symbol,
        side,
        entry=entry,
        stop=stop,
        risk=risk,
        qty=qty,
        survive=survive,
        mark=mark,
        leverage=leverage,
        wallet=wallet,
        position=listed(position, "ISOCROSS_POSITION"),
        taker=taker,
        fee=fee,
        rulebook=rulebook,
        mode=mode.strip().lower(),
    )
    if as_json:
        emit_json(result.to_dict())
    else:
        _print(result)
    if result.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)


def _print(result: SizeResult) -> None:
    from ..answer import words
    from ..policy import size_text as text

    out = console()
    with words.money_in(result.rules.margin_asset):
        say(out, text.title(result), "bold")
        say(out, f"Rulebook {result.rulebook.name} as of {result.rulebook.as_of}.")
        out.print()
        out.print(columns_table([mode.mode.name.lower() for mode in result.modes], text.rows(result)))
        out.print()
        say(out, text.money_words(result))
        for told, is_bad in text.warnings(result):
            bullet(out, told, "red" if is_bad else None)
        for told in (*text.tried(result), *text.notes(result)):
            bullet(out, told)
