"""`isocross liq`: options in, both margin modes side by side out.

Responsible for: the command's options, their environment names, its table. Must not: compute; import the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .app import BEFORE_A_TRADE, EXIT_NEGATIVE
from .output import bullet, columns_table, console, emit_explained, say
from .rulebook_option import check_rulebook_name
from .trade_options import (
    THE_ANSWER,
    THE_TRADE,
    WHAT_BACKS_IT,
    AsJson,
    Fee,
    Leverage,
    Mode,
    Positions,
    RulebookName,
    Side,
    Symbol,
    Taker,
    flag,
    listed,
    option,
)

if TYPE_CHECKING:
    from ..policy.liq_result import LiqResult


def register(app: typer.Typer) -> None:
    """Add `liq` to the app."""
    app.command("liq", rich_help_panel=BEFORE_A_TRADE, no_args_is_help=False)(liq)


def liq(
    symbol: Symbol,
    side: Side,
    qty: Annotated[str | None, option("QTY", "Quantity in base units.", "QTY", THE_TRADE)] = None,
    margin: Annotated[
        str | None,
        option("MARGIN", "Instead of --qty: the most lots whose isolated margin is at most this.", "AMOUNT", THE_TRADE),
    ] = None,
    entry: Annotated[str | None, option("ENTRY", "The expected fill price.", "PRICE", THE_TRADE)] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead of the three above: a fill that happened, 'QTY@PRICE \\[mark PRICE]'. "
            "Again for each fill. \\[env: ISOCROSS_FILL, separated by ;]",
            metavar="FILL",
            rich_help_panel=THE_TRADE,
        ),
    ] = None,
    mark: Annotated[
        str | None,
        option(
            "MARK",
            "Mark price, at the fill too unless it says its own. Default: the entry price.",
            "PRICE",
            THE_TRADE,
        ),
    ] = None,
    leverage: Leverage = None,
    wallet: Annotated[
        str | None,
        option(
            "WALLET",
            "Cross wallet before the trade. Needed for the cross column and for max open.",
            "AMOUNT",
            WHAT_BACKS_IT,
        ),
    ] = None,
    added_margin: Annotated[
        str, option("ADDED_MARGIN", "Put into the isolated position by hand.", "AMOUNT", WHAT_BACKS_IT)
    ] = "0",
    position: Positions = None,
    taker: Taker = True,
    fee: Fee = None,
    target: Annotated[str | None, option("TARGET", "An exit price: what it pays.", "PRICE", THE_ANSWER)] = None,
    roe: Annotated[
        str | None,
        option("ROE", "A return on the entry margin, 15% or -50%: the exit price that pays it.", "RATE", THE_ANSWER),
    ] = None,
    pnl: Annotated[
        str | None, option("PNL", "A profit or loss: the exit price that pays it.", "AMOUNT", THE_ANSWER)
    ] = None,
    mode: Mode = "both",
    rulebook: RulebookName = "binance-usdm",
    explain: Annotated[
        bool, flag("--explain", "EXPLAIN", "Print the arithmetic line by line, every number exact.", THE_ANSWER)
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Where a position dies and what it can cost, isolated and cross side by side.

    The exit status is 1 when no mode shown can carry the position: it is due already, or the wallet cannot open it.
    """
    from ..policy.liq import liq as answer

    check_rulebook_name(rulebook)
    result = answer(
        symbol,
        side,
        qty=qty,
        margin=margin,
        entry=entry,
        fill=listed(fill, "ISOCROSS_FILL"),
        mark=mark,
        leverage=leverage,
        wallet=wallet,
        added_margin=added_margin,
        position=listed(position, "ISOCROSS_POSITION"),
        target=target,
        roe=roe,
        pnl=pnl,
        taker=taker,
        fee=fee,
        rulebook=rulebook,
        mode=mode.strip().lower(),
    )
    emit_explained(result, as_json, explain, _print)
    if result.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)


def _print(result: LiqResult) -> None:
    from ..answer import words
    from ..policy import liq_text as text

    out = console()
    with words.money_in(result.rules.margin_asset):
        say(out, text.title(result), "bold")
        say(out, f"Rulebook {result.rulebook.name} as of {result.rulebook.as_of}.")
        out.print()
        out.print(columns_table([mode.mode.name.lower() for mode in result.modes], text.rows(result)))
        out.print()
        say(out, text.money_words(result))
        if result.target is not None:
            say(out, text.target_words(result, result.target))
        for told, is_bad in text.warnings(result):
            bullet(out, told, "red" if is_bad else None)
        for note in text.notes(result):
            bullet(out, note)
