"""`isocross rules`: what venues do and what rulebooks hold: list, show, check, diff; bringing in a venue's own figures.

Responsible for: the group, its commands and their options. Must not: read or judge a rulebook: policy/rules does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import EXIT_NEGATIVE, THE_ENGINE, help_when_alone
from .output import emit_json, tell
from .trade_options import THE_ANSWER, THE_TRADE, AsJson, Mode, Side, option

NAMES_SCHEMA = "isocross.rules.names/1"


def register(app: typer.Typer) -> None:
    """Add `rules` and its commands to the app."""
    group = typer.Typer(rich_markup_mode="rich")

    @group.callback(invoke_without_command=True)
    def rules(context: typer.Context) -> None:
        """Rulebooks: what each venue does, check a file, one trade under two of them, import brackets."""
        help_when_alone(context)

    group.command("list")(list_all)
    group.command("show")(show)
    group.command("check")(check)
    group.command("diff")(diff)
    group.command("names")(names)
    group.command("import")(import_file)
    app.add_typer(group, name="rules", rich_help_panel=THE_ENGINE)


def list_all(as_json: AsJson = False) -> None:
    """Every rulebook, and every venue of which facts are known, one a line."""
    from ..policy import rules

    tell(rules.list(), as_json)


def show(
    name: Annotated[
        str, typer.Argument(help="A rulebook's or a venue's name, or a path to a rulebook.", metavar="NAME")
    ],
    contract: Annotated[
        str | None,
        option("CONTRACT", "One contract with its brackets: BTCUSDT or BTC/USDT:USDT.", "SYMBOL", THE_ANSWER),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What is known of a venue, each fact with its source and date, and what its rulebook holds, decisions marked."""
    from ..policy import rules

    tell(rules.show(name, contract), as_json)


def check(
    file: Annotated[
        str,
        typer.Argument(
            envvar="ISOCROSS_FILE",
            help="A rulebook (TOML), or brackets as `import` takes them. Or the name of a rulebook.",
            metavar="FILE",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Every fault of a rulebook or a bracket file: its line, the value it has, what was expected.

    The exit status is 1 when there is one, or when what the file says does not run here; 3 when it cannot be read.
    """
    from ..policy import rules

    tell(rules.check(file), as_json)


def diff(
    a: Annotated[str, typer.Argument(help="A rulebook's or a venue's name, or a path.", metavar="A")],
    b: Annotated[str, typer.Argument(help="Another one.", metavar="B")],
    symbol: Annotated[
        str | None,
        option("SYMBOL", "A base asset, or a contract of either: BTC, BTCUSDT. Default: BTC.", "SYMBOL", THE_TRADE),
    ] = None,
    side: Side = "long",
    margin: Annotated[
        str, option("MARGIN", "The most lots whose isolated margin is at most this in both.", "AMOUNT", THE_TRADE)
    ] = "500",
    leverage: Annotated[str, option("LEVERAGE", "Leverage, 10 or 10x.", "N", THE_TRADE)] = "10",
    wallet: Annotated[str, option("WALLET", "What the account has.", "AMOUNT", THE_TRADE)] = "10000",
    price: Annotated[
        str | None,
        option("PRICE", "Where it opens. Default: 60,000 for BTC, 3,000 for ETH, 150 for SOL.", "PRICE", THE_TRADE),
    ] = None,
    crash: Annotated[str, option("CRASH", "How far the price then moves against it.", "RATE", THE_TRADE)] = "30%",
    depth: Annotated[str, option("DEPTH", "The share of the book left meanwhile.", "RATE", THE_TRADE)] = "20%",
    mode: Mode = "both",
    as_json: AsJson = False,
) -> None:
    """What two venues do differently, and one trade with one crash, lived by the engine under both rulebooks.

    The exit status is 1 when one of the two does not let the trade be opened.
    """
    from ..policy import rules

    result = rules.diff(
        a,
        b,
        symbol=symbol,
        side=side,
        margin=margin,
        leverage=leverage,
        wallet=wallet,
        price=price,
        crash=crash,
        depth=depth,
        mode=mode.strip().lower(),
    )
    tell(result, as_json)


def names(as_json: AsJson = False) -> None:
    """The rulebooks that --rulebook takes, one a line."""
    from .. import rulebook as rulebooks

    found = list(rulebooks.names())
    if as_json:
        emit_json({"schema": NAMES_SCHEMA, "names": found})
        return
    for name in found:
        print(name)


def import_file(
    file: Annotated[
        Path, typer.Argument(envvar="ISOCROSS_FILE", help="The venue's file, as its API returns it.", metavar="FILE")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_NAME", help="What to call the rulebook. Default: made from FILE.", metavar="NAME"
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            envvar="ISOCROSS_AS_OF",
            help="The day of its figures, 2024-10-24. Default: in the name of FILE, else its last change.",
            metavar="DATE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a rulebook from a venue's own bracket or exchange-information file."""
    from .. import rulebook as rulebooks

    report = rulebooks.import_file(file, name=name, as_of=as_of)
    if as_json:
        emit_json(report.to_dict())
    else:
        print("\n".join(report.lines()))
    if report.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)
