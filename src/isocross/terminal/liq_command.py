"""`isocross liq`: options in, both margin modes side by side out.

Responsible for: the command's options, their environment names, its table. Must not: compute; import the engine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ..codes import MarginMode, Refusal
from ..units import ONE_E8, format_e8, format_money, format_rate
from .app import BEFORE_A_TRADE, EXIT_NEGATIVE
from .output import bullet, columns_table, console, emit_json, money_text, percent_text, price_text, say
from .rulebook_option import check_rulebook_name

if TYPE_CHECKING:
    from rich.console import Console

    from ..policy.liq_result import LiqColumn, LiqResult, Target

_THE_POSITION = "The position"
_WHAT_BACKS_IT = "What backs it"
_THE_ANSWER = "The answer"


def register(app: typer.Typer) -> None:
    """Add `liq` to the app."""
    app.command("liq", rich_help_panel=BEFORE_A_TRADE, no_args_is_help=False)(liq)


def liq(
    symbol: Annotated[
        str, typer.Argument(envvar="ISOCROSS_SYMBOL", help="The contract: BTCUSDT or BTC/USDT:USDT.", metavar="SYMBOL")
    ],
    side: Annotated[
        str,
        typer.Option(envvar="ISOCROSS_SIDE", help="long or short.", metavar="SIDE", rich_help_panel=_THE_POSITION),
    ],
    qty: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_QTY", help="Quantity in base units.", metavar="QTY", rich_help_panel=_THE_POSITION
        ),
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_MARGIN",
            help="Instead of --qty: the most lots whose isolated margin is at most this.",
            metavar="AMOUNT",
            rich_help_panel=_THE_POSITION,
        ),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_ENTRY", help="The expected fill price.", metavar="PRICE", rich_help_panel=_THE_POSITION
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead of the three above: a fill that happened, 'QTY@PRICE \\[mark PRICE]'. "
            "Again for each fill. \\[env: ISOCROSS_FILL, separated by ;]",
            metavar="FILL",
            rich_help_panel=_THE_POSITION,
        ),
    ] = None,
    mark: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_MARK",
            help="Mark price, at the fill too unless it says its own. Default: the entry price.",
            metavar="PRICE",
            rich_help_panel=_THE_POSITION,
        ),
    ] = None,
    leverage: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_LEVERAGE",
            help="Leverage, 10 or 10x. Default: the rulebook's.",
            metavar="N",
            rich_help_panel=_THE_POSITION,
        ),
    ] = None,
    wallet: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_WALLET",
            help="Cross wallet before the trade. Needed for the cross column and for max open.",
            metavar="AMOUNT",
            rich_help_panel=_WHAT_BACKS_IT,
        ),
    ] = None,
    added_margin: Annotated[
        str,
        typer.Option(
            envvar="ISOCROSS_ADDED_MARGIN",
            help="Put into the isolated position by hand.",
            metavar="AMOUNT",
            rich_help_panel=_WHAT_BACKS_IT,
        ),
    ] = "0",
    position: Annotated[
        list[str] | None,
        typer.Option(
            help="Another cross position of the pool: 'ETHUSDT short 2 @ 3000 mark 2900 10x'. "
            "Again for each position. \\[env: ISOCROSS_POSITION, separated by ;]",
            metavar="POSITION",
            rich_help_panel=_WHAT_BACKS_IT,
        ),
    ] = None,
    taker: Annotated[
        bool,
        typer.Option(
            "--taker/--maker",
            envvar="ISOCROSS_TAKER",
            help="Which fee the entry pays.",
            rich_help_panel=_WHAT_BACKS_IT,
        ),
    ] = True,
    fee: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_FEE",
            help="A fee rate of your own for both, 0.02% or 0.0002; 0 for none.",
            metavar="RATE",
            rich_help_panel=_WHAT_BACKS_IT,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_TARGET",
            help="An exit price: what it pays.",
            metavar="PRICE",
            rich_help_panel=_THE_ANSWER,
        ),
    ] = None,
    roe: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_ROE",
            help="A return on the entry margin, 15% or -50%: the exit price that pays it.",
            metavar="RATE",
            rich_help_panel=_THE_ANSWER,
        ),
    ] = None,
    pnl: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_PNL",
            help="A profit or loss: the exit price that pays it.",
            metavar="AMOUNT",
            rich_help_panel=_THE_ANSWER,
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            envvar="ISOCROSS_MODE", help="cross, isolated or both.", metavar="MODE", rich_help_panel=_THE_ANSWER
        ),
    ] = "both",
    rulebook: Annotated[
        str,
        typer.Option(
            envvar="ISOCROSS_RULEBOOK",
            help="A rulebook's name, or a path to one.",
            metavar="NAME",
            rich_help_panel=_THE_ANSWER,
        ),
    ] = "binance-usdm",
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            envvar="ISOCROSS_EXPLAIN",
            help="Print the arithmetic line by line, every number exact.",
            rich_help_panel=_THE_ANSWER,
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            envvar="ISOCROSS_JSON",
            help="Print one JSON object with exact decimals.",
            rich_help_panel=_THE_ANSWER,
        ),
    ] = False,
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
        fill=_listed(fill, "ISOCROSS_FILL"),
        mark=mark,
        leverage=leverage,
        wallet=wallet,
        added_margin=added_margin,
        position=_listed(position, "ISOCROSS_POSITION"),
        target=target,
        roe=roe,
        pnl=pnl,
        taker=taker,
        fee=fee,
        rulebook=rulebook,
        mode=mode.strip().lower(),
    )
    if as_json:
        data = result.to_dict()
        if explain:
            data["explain"] = result.explain().splitlines()
        emit_json(data)
    else:
        _print(result)
        if explain:
            print(f"\n{result.explain()}")
    if result.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)


def _listed(values: list[str] | None, variable: str) -> list[str]:
    """A repeatable option, else its environment variable, separated by semicolons."""
    if values:
        return values
    return [part for part in os.environ.get(variable, "").split(";") if part.strip()]


def _print(result: LiqResult) -> None:
    out, rules = console(), result.rules
    tick_e8, mark_e8 = rules.tick_e8, result.mark_e8
    say(
        out,
        f"{rules.symbol} {result.side} {format_e8(result.quantity_e8)} {rules.base_asset} "
        f"at {price_text(result.entry_e8, tick_e8)}, mark {price_text(mark_e8, tick_e8)}, "
        f"{result.leverage}x",
        "bold",
    )
    say(out, f"Rulebook {result.rulebook.name} as of {result.rulebook.as_of}.")
    out.print()
    columns = result.columns
    rows: list[list[str]] = []

    def row(label: str, *cells: str) -> None:
        rows.append([label, *cells])

    row("Liquidation price", *(price_text(column.liquidation.price_e8, tick_e8) for column in columns))
    row("  from mark", *(percent_text(column.liquidation.distance_e8) for column in columns))
    row("Bankruptcy price", *(price_text(column.bankruptcy.price_e8, tick_e8) for column in columns))
    row("  from mark", *(percent_text(column.bankruptcy.distance_e8) for column in columns))
    row("Initial margin", *(money_text(column.initial_margin_e8) for column in columns))
    row("Maintenance margin", *(money_text(column.maintenance_margin_e8) for column in columns))
    if result.others and result.cross is not None:
        row("  of the whole pool", *(_pool_maintenance(column) for column in columns))
    row("Margin balance", *(money_text(column.margin_balance_e8) for column in columns))
    row("Unrealized PnL", *(money_text(column.unrealized_pnl_e8) for column in columns))
    row("Effective leverage", *(_leverage(column) for column in columns))
    row("Most that can be lost", *(money_text(column.most_lost_e8) for column in columns))
    row(f"Max open, {rules.base_asset}", *(_max_open(column) for column in columns))
    out.print(columns_table([column.mode.name.lower() for column in columns], rows))
    out.print()
    say(
        out,
        f"Money in {rules.margin_asset}. Notional at mark {format_money(result.notional_e8)}; entry fee "
        f"{format_money(result.entry_fee_e8)} ({format_rate(result.fee_rate_e8, 4)}).",
    )
    if result.target is not None:
        _print_target(out, result, result.target)
    for column in columns:
        name = column.mode.name.lower()
        if column.is_due:
            bullet(out, f"{name}: DUE, it would be liquidated at this mark", "red")
        if column.refusal is not Refusal.NONE:
            bullet(out, f"{name}: CANNOT BE OPENED, {column.refusal_reason}", "red")
        for text in _without_price(column):
            bullet(out, f"{name}: {text}")
    for note in result.notes:
        bullet(out, f"{note}")
    if result.decisions:
        bullet(out, f"decided, not sourced, in this rulebook: {', '.join(result.decisions)}")


def _print_target(out: Console, result: LiqResult, target: Target) -> None:
    if target.price_e8 is None or target.roe_e8 is None:
        say(out, f"Target: none, {target.reason}.")
        return
    price = price_text(target.price_e8, result.rules.tick_e8)
    say(
        out,
        f"Target: closing at {price} pays {money_text(target.pnl_e8)}, ROE {percent_text(target.roe_e8)}; "
        f"{money_text(target.pnl_after_fees_e8)} after fees.",
    )
    for mode in target.liquidated_before:
        bullet(out, f"{mode.name.lower()}: the liquidation price comes BEFORE this target", "red")


def _without_price(column: LiqColumn) -> list[str]:
    """Why a price is none; one sentence where both are, for the same reason."""
    absent = {"liquidation": column.liquidation, "bankruptcy": column.bankruptcy}
    reasons = {word: price.reason for word, price in absent.items() if price.price_e8 is None}
    if len(reasons) == 2 and len(set(reasons.values())) == 1:
        return [f"no liquidation and no bankruptcy price, {column.liquidation.reason}"]
    return [f"no {word} price, {reason}" for word, reason in reasons.items()]


def _pool_maintenance(column: LiqColumn) -> str:
    return money_text(column.pool_maintenance_margin_e8) if column.mode is MarginMode.CROSS else ""


def _leverage(column: LiqColumn) -> str:
    if column.effective_leverage_e8 is None:
        return "none"
    decimals = 2 if column.effective_leverage_e8 >= ONE_E8 // 10 else 4
    return f"{format_money(column.effective_leverage_e8, decimals)}x"


def _max_open(column: LiqColumn) -> str:
    return "needs --wallet" if column.max_open_quantity_e8 is None else format_e8(column.max_open_quantity_e8)
