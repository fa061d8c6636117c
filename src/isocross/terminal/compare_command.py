"""`isocross compare`: options in, the same trade in every margin mode out.

Responsible for: the command's options, their environment names, its tables, progress on stderr. Must not: compute; drive
the engine.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ..answer import words
from ..errors import InputError
from ..units import format_e8, format_money
from .app import BEFORE_A_TRADE, EXIT_NEGATIVE
from .output import bullet, columns_table, console, emit_json, say
from .progress import tenths
from .rulebook_option import check_rulebook_name

if TYPE_CHECKING:
    from ..policy.compare_result import CompareResult, ModeResult

_THE_TRADE = "The trade"
_THE_HISTORY = "The history"
_THE_ANSWER = "The answer"
_STDOUT = "-"
_STRETCHES_UNDRAWN = 24  # extremes are found whatever the stretches: only a picture needs a fine line
_THOUSANDS = re.compile(r"^\d{1,3}(,\d{3})+(\.\d*)?$")


class _Command(TyperCommand):
    """`--events` without a value writes the log to stdout."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        told = list(args)
        for index, word in enumerate(told):
            following = told[index + 1] if index + 1 < len(told) else "--"
            if word == "--events" and following.startswith("-") and following != _STDOUT:
                told[index] = f"--events={_STDOUT}"
        return super().parse_args(ctx, told)


def register(app: typer.Typer) -> None:
    """Add `compare` to the app."""
    app.command("compare", cls=_Command, rich_help_panel=BEFORE_A_TRADE, no_args_is_help=False)(compare)


def _option(name: str, text: str, metavar: str, panel: str) -> Any:
    return typer.Option(envvar=f"ISOCROSS_{name}", help=text, metavar=metavar, rich_help_panel=panel)


def compare(
    symbol: Annotated[
        str | None,
        _option("SYMBOL", "The contract: BTCUSDT or BTC/USDT:USDT. Default: the history's.", "SYMBOL", _THE_TRADE),
    ] = None,
    side: Annotated[str | None, _option("SIDE", "long or short. Default: long.", "SIDE", _THE_TRADE)] = None,
    margin: Annotated[
        str | None,
        _option(
            "MARGIN",
            "The most lots whose isolated margin is at most this, the fee on top. A list, 500,1000, makes a table. "
            "Default: 500.",
            "AMOUNT",
            _THE_TRADE,
        ),
    ] = None,
    leverage: Annotated[
        str | None,
        _option("LEVERAGE", "10 or 10x. A list, 5,10,20, makes a table. Default: 10.", "N", _THE_TRADE),
    ] = None,
    wallet: Annotated[
        str | None, _option("WALLET", "The wallet before the trade. Default: 10,000.", "AMOUNT", _THE_TRADE)
    ] = None,
    stop: Annotated[
        str | None, _option("STOP", "Mark price at which all of it is closed.", "PRICE", _THE_TRADE)
    ] = None,
    take_profit: Annotated[
        str | None, _option("TAKE_PROFIT", "The same on the winning side.", "PRICE", _THE_TRADE)
    ] = None,
    second: Annotated[
        str | None,
        _option(
            "SECOND",
            "A second position: 'ETHUSDT short margin=500 leverage=5'. Adds hybrid: the trade isolated, this one cross.",
            "POSITION",
            _THE_TRADE,
        ),
    ] = None,
    history: Annotated[
        str | None,
        _option(
            "HISTORY",
            "A or B (embedded, made up), a file of last prices, or a folder of venue-SYMBOL-interval-kind files.",
            "NAME",
            _THE_HISTORY,
        ),
    ] = None,
    last: Annotated[
        str | None, _option("LAST", "A file of last-price candles: CSV, Parquet, Feather.", "FILE", _THE_HISTORY)
    ] = None,
    mark: Annotated[str | None, _option("MARK", "Its mark-price candles.", "FILE", _THE_HISTORY)] = None,
    funding: Annotated[str | None, _option("FUNDING", "Its funding settlements.", "FILE", _THE_HISTORY)] = None,
    start: Annotated[
        str | None, _option("START", "From the bar that begins then: 2025-10-10T12:00.", "TIME", _THE_HISTORY)
    ] = None,
    end: Annotated[str | None, _option("END", "Up to the bar before it.", "TIME", _THE_HISTORY)] = None,
    enter: Annotated[
        str | None, _option("ENTER", "When the trade is opened. Default: the first bar.", "TIME", _THE_HISTORY)
    ] = None,
    order: Annotated[
        str,
        _option(
            "ORDER",
            "What a bar does first: pessimistic (against its own direction) or other. Both are run, this one is shown.",
            "ORDER",
            _THE_HISTORY,
        ),
    ] = "pessimistic",
    fund: Annotated[str, _option("FUND", "What the insurance fund has.", "AMOUNT", _THE_HISTORY)] = "1000000",
    rulebook: Annotated[
        str, _option("RULEBOOK", "A rulebook's name, or a path to one.", "NAME", _THE_ANSWER)
    ] = "binance-usdm",
    picture: Annotated[
        str | None,
        _option(
            "PICTURE",
            "Draw price with each mode's liquidation line, equity, margin ratio: .png, .svg or .pdf.",
            "FILE",
            _THE_ANSWER,
        ),
    ] = None,
    events: Annotated[
        str | None,
        _option(
            "EVENTS",
            "The account's event log: alone on stdout, else to a file; .csv and .jsonl in exact decimals.",
            "\\[FILE]",
            _THE_ANSWER,
        ),
    ] = None,
    receipt: Annotated[
        bool,
        typer.Option(
            "--receipt",
            envvar="ISOCROSS_RECEIPT_TEXT",
            help="Print the receipt of every liquidation below, to the unit.",
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
    """The same trade in the same history, isolated and cross, driven through the engine.

    Without options: two made-up crashes from one wallet, one that cross survives and one that takes it all.
    The exit status is 1 when the engine refuses to open the trade in some mode.
    """
    from ..policy.compare import STRETCHES, compare_demo, compare_grid, results_to_dict
    from ..policy.picture import check_picture_path, save_picture

    check_rulebook_name(rulebook)
    if order not in ("pessimistic", "other"):
        raise InputError(f"order: {order!r} is neither pessimistic nor other")
    if picture is not None:
        check_picture_path(picture)
    if receipt and (as_json or events == _STDOUT):
        raise InputError("receipt: it is text: leave out --json and an event log on stdout")
    if events == _STDOUT and as_json:
        raise InputError("events: --json leaves stdout to one object; say --events FILE")
    told = {
        "symbol": symbol,
        "side": side,
        "wallet": wallet,
        "stop": stop,
        "take_profit": take_profit,
        "second": second,
        "history": history,
        "last": last,
        "mark": mark,
        "funding": funding,
        "start": start,
        "end": end,
        "enter": enter,
    }
    told = {name: value for name, value in told.items() if value is not None}
    is_demo = not told and margin is None and leverage is None
    stretches = STRETCHES if picture is not None else _STRETCHES_UNDRAWN
    results: Sequence[CompareResult]
    if is_demo:
        results = compare_demo(order=order, fund=fund, rulebook=rulebook, stretches=stretches)  # type: ignore[arg-type]
    else:
        results = compare_grid(
            _listed(leverage or "10", "leverage"),
            _listed(margin or "500", "margin"),
            progress=tenths("replaying"),
            **told,
            order=order,
            fund=fund,
            rulebook=rulebook,
            stretches=stretches,
        )
    if picture is not None:
        save_picture(results, picture)
    if events is not None and events != _STDOUT:
        _write_events(results, Path(events))
    if as_json:
        emit_json(results_to_dict(results))
    elif is_demo:
        _print_demo(results)
    elif len(results) == 1:
        _print(results[0])
    else:
        _print_grid(results)
    if events == _STDOUT:
        _print_events(results)
    if receipt:
        _print_receipts(results)
    if any(result.is_negative for result in results):
        raise typer.Exit(EXIT_NEGATIVE)


def _print_receipts(results: Sequence[CompareResult]) -> None:
    """Those of every mode, one below the other."""
    for result in results:
        for mode in result.modes:
            for one in mode.receipts:
                print(f"\n{result.history_name}, {mode.name}\n{one.text()}")


def _listed(text: str, name: str) -> list[str]:
    """'5,10,20' → its parts. A text that is a list and one number alike is refused."""
    if name == "margin" and _THOUSANDS.match(text.strip()):
        raise InputError(
            f"{name}: {text!r} reads as one number and as a list; write {text.replace(',', '_')} or "
            f"'{text.replace(',', ', ')}'"
        )
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"{name}: {text!r} has an empty place in its list")
    return parts


# ---- one trade


def _print(result: CompareResult) -> None:
    with words.money_in(result.plan.asset):
        _print_in_its_money(result)


def _print_in_its_money(result: CompareResult) -> None:
    from ..policy.compare_text import liquidation_text, other_order_text, rows, trade_text

    out = console()
    plan, modes = result.plan, result.modes
    say(out, f"{trade_text(result)}, wallet {words.money_text(plan.wallet_e8)} {plan.asset}", "bold")
    if result.second is not None:
        second, rules = result.second, result.rulebook.symbols[result.second.symbol]
        say(
            out,
            f"Second: {second.symbol} {'long' if second.is_long else 'short'} "
            f"{format_e8(second.lots * rules.step_e8)} {rules.quantity_asset} ({format_e8(second.margin_e8)} at "
            f"{second.leverage}x)",
        )
    say(
        out,
        f"{result.history_name}: {words.moment_text(result.start_ms)} to {words.moment_text(result.end_ms)} UTC, entered "
        f"{words.moment_text(result.entry_ms)}; {_mark_words(result)}",
    )
    out.print()
    out.print(columns_table([mode.name for mode in modes], [[label, *cells] for label, cells in rows(result)]))
    out.print()
    say(out, result.sentence, "bold")
    say(out, other_order_text(result))
    out.print()
    told = [(mode.name, liquidation_text(one, result)) for mode in modes for one in mode.liquidations]
    for names, text in _grouped([*told, *_most_lost_words(modes)]):
        bullet(out, f"{names}: {text}")
    for note in result.notes:
        bullet(out, note)
    bullet(out, _rules_words(result))


def _mark_words(result: CompareResult) -> str:
    return {
        "recorded": "recorded mark",
        "derived": "derived mark: last, held within coarser recorded mark bars",
        "last": "no mark was recorded: mark is last",
    }[result.mark_source]


def _grouped(told: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is said of several modes alike is said once."""
    by_text: dict[str, list[str]] = {}
    for name, text in told:
        by_text.setdefault(text, []).append(name)
    return [(", ".join(names), text) for text, names in by_text.items()]


def _most_lost_words(modes: Sequence[ModeResult]) -> list[tuple[str, str]]:
    told = []
    for mode in modes:
        if mode.most_lost_e8 is None:
            continue
        if mode.moved_in_e8:
            text = (
                f"the most it can lose is what moved in, {words.money_text(mode.moved_in_e8)}, and trading fees: "
                f"{words.money_text(mode.entry_fee_e8)} paid, at most {words.money_text(mode.close_fee_most_e8)} for a close by "
                "hand"
            )
        else:
            text = "the most it can lose is the pool's balance"
        told.append((mode.name, text))
    return told


def _rules_words(result: CompareResult) -> str:
    decided = f"; decided, not sourced: {', '.join(result.decisions)}" if result.decisions else ""
    return (
        f"rulebook {result.rulebook.name} as of {result.rulebook.as_of}; insurance fund "
        f"{format_money(result.plan.fund_e8, 0)} {result.plan.asset}{decided}"
    )


# ---- the demo


def _print_demo(results: Sequence[CompareResult]) -> None:
    """Both crashes in one table of at most 24 lines of 80 columns."""
    out = console()
    first = results[0]
    wallet = f"{format_money(first.plan.wallet_e8, 0)} {first.plan.asset}"
    say(out, f"Two long trades, each from a wallet of {wallet}, in both margin modes", "bold")
    for name, result in zip("AB", results, strict=True):
        trade = result.trade
        what = result.notes[0].partition("recorded: ")[2].partition(" (demo")[0]
        say(
            out,
            f"{name}  {format_money(trade.margin_e8, 0)} at {trade.leverage}x: {what}",
        )
    out.print()
    ticks = {result.rules.symbol: result.rules.tick_e8 for result in results}
    columns = [(name, result, mode) for name, result in zip("AB", results, strict=True) for mode in result.modes]

    def row(label: str, cell: Callable[[CompareResult, ModeResult], str]) -> list[str]:
        return [label, *(cell(result, mode) for _, result, mode in columns)]

    rows = [
        row("Backed by", lambda _, mode: words.money_text(mode.backing_e8)),
        row("Effective leverage", lambda _, mode: words.leverage_text(mode.effective_leverage_e8)),
        row("Largest it could open", lambda result, mode: f"{format_e8(mode.max_open_e8)} {result.rules.quantity_asset}"),
        row(
            "Liquidation price", lambda result, mode: words.price_text(mode.liquidation_e8, ticks[result.rules.symbol])
        ),
        row("  from mark", lambda _, mode: words.percent_text(mode.distance_e8) if mode.liquidation_e8 else ""),
        row("Most that can be lost", lambda _, mode: words.money_text(mode.most_lost_e8)),
        row(
            "Liquidated",
            lambda _, mode: words.moment_text(mode.liquidations[0].time_ms)[-5:] if mode.is_liquidated else "no",
        ),
        row("Drawn beyond the margin", lambda _, mode: words.money_text(mode.drawn_e8)),
        row("Fees", lambda _, mode: words.money_text(mode.fees_e8 + mode.liquidation_fee_e8)),
        row("Funding", lambda _, mode: words.signed_text(mode.funding_e8)),
        row("Wallet after", lambda _, mode: words.money_text(mode.wallet_after_e8)),
    ]
    out.print(columns_table([f"{name} {mode.name}" for name, _, mode in columns], rows))
    out.print()
    for name, result in zip("AB", results, strict=True):
        taken = next((mode for mode in result.modes if mode.fund_lots and mode.name == "cross"), None)
        fund = " The insurance fund takes it over." if taken is not None else ""
        say(out, f"{name}: {result.sentence}{fund}")
    say(
        out,
        f"{_orders_words(results)} Made-up prices, mark is last; rules {first.rulebook.name} {first.rulebook.as_of}, "
        f"fund {format_money(first.plan.fund_e8, 0)}.",
    )


def _orders_words(results: Sequence[CompareResult]) -> str:
    if any(result.is_outcome_other for result in results):
        return "Low and high of a bar the other way round: ANOTHER outcome."
    return "Low and high of a bar the other way round: the same outcome."


# ---- a list


def _print_grid(results: Sequence[CompareResult]) -> None:
    """One line per combination and mode."""
    from rich.table import Table

    out = console()
    first = results[0]
    tick_e8 = first.rules.tick_e8
    say(
        out,
        f"{first.rules.symbol} {'long' if first.trade.is_long else 'short'}, wallet "
        f"{format_money(first.plan.wallet_e8)} {first.plan.asset}",
        "bold",
    )
    say(
        out,
        f"{first.history_name}: {words.moment_text(first.start_ms)} to {words.moment_text(first.end_ms)} UTC, entered "
        f"{words.moment_text(first.entry_ms)}; {_mark_words(first)}",
    )
    out.print()
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("margin", "lev", "mode", "liq. price", "from mark", "liquidated", "drawn", "wallet after"):
        table.add_column(heading, justify="left" if heading == "mode" else "right", no_wrap=True)
    for result in results:
        for mode in result.modes:
            is_first = mode is result.modes[0]
            other = next((one for one in result.other_order if one.name == mode.name), None)
            star = "*" if other is not None and other.ending != mode.ending else ""
            refused = f"refused{star}" if mode.ending == "refused" else ""
            table.add_row(
                format_money(result.trade.margin_e8, 0) if is_first else "",
                f"{result.trade.leverage}x" if is_first else "",
                mode.name,
                refused or words.price_text(mode.liquidation_e8, tick_e8),
                "" if mode.distance_e8 is None else words.percent_text(mode.distance_e8),
                f"{words.moment_text(mode.liquidations[0].time_ms)[2:]}{star}" if mode.is_liquidated else f"no{star}",
                "" if mode.drawn_e8 is None else format_money(mode.drawn_e8),
                format_money(mode.wallet_after_e8),
            )
    out.print(table)
    out.print()
    kept = ", ".join(
        f"{format_money(result.trade.margin_e8, 0)} at {result.trade.leverage}x {words.signed_text(result.saved_e8)}"
        for result in results
        if not result.is_negative
    )
    if kept:
        say(out, f"Cross against isolated, wallet after: {kept}.")
    if any(result.is_outcome_other for result in results):
        bullet(out, "* ends otherwise when the low and the high of each bar change places")
    else:
        bullet(out, "no outcome changes when the low and the high of each bar change places")
    for note in dict.fromkeys(note for result in results for note in result.notes):
        bullet(out, note)
    bullet(out, _rules_words(first))


# ---- the event log


def _print_events(results: Sequence[CompareResult]) -> None:
    from ..policy.compare_text import event_line, event_rows

    print()
    for result in results:
        if len(results) > 1:
            print(f"{result.trade.symbol} {format_e8(result.trade.margin_e8)} at {result.trade.leverage}x")
        for row in event_rows(result):
            print(event_line(row))


def _write_events(results: Sequence[CompareResult], path: Path) -> None:
    from ..policy.compare_text import event_line, event_rows

    rows = [
        {"margin": format_e8(result.trade.margin_e8), "leverage": str(result.trade.leverage), **row}
        for result in results
        for row in event_rows(result)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix.lower() == ".csv":
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        elif path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            file.writelines(event_line(row) + "\n" for row in rows)
