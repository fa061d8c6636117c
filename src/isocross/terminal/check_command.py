"""`isocross check`: the pre-trade checklist for an order, or an account's contracts on one screen.

Responsible for: the command's options, its lines and tables. Must not: judge.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from .app import BEFORE_A_TRADE, EXIT_NEGATIVE
from .output import bullet, columns_table, console, emit_json, say
from .rulebook_option import check_rulebook_name
from .trade_options import THE_ANSWER, THE_TRADE, AsJson, RulebookName, option

if TYPE_CHECKING:
    from ..policy.check_result import CheckResult, ContractsResult

_THE_ACCOUNT = "The account"
_THE_SESSION = "The session"
_LABEL_WIDTH = 17  # of 'BLOCK  exposure  '
_STYLES = {"PASS": None, "WARN": "yellow", "BLOCK": "red"}


def register(app: typer.Typer) -> None:
    """Add `check` to the app."""
    app.command("check", rich_help_panel=BEFORE_A_TRADE, no_args_is_help=False)(check)


def check(
    order: Annotated[
        str | None,
        typer.Argument(
            envvar="ISOCROSS_ORDER",
            help="'SYMBOL long|short QTY \\[@ PRICE] \\[stop PRICE] \\[reduce-only]'. Without one: every contract.",
            metavar="ORDER",
        ),
    ] = None,
    snapshot: Annotated[
        str | None, option("SNAPSHOT", "A file of Exchange.snapshot() bytes.", "FILE", _THE_ACCOUNT)
    ] = None,
    data: Annotated[
        str | None, option("DATA", "Instead: a data folder, also while its venue runs.", "DIR", _THE_ACCOUNT)
    ] = None,
    account: Annotated[str | None, option("ACCOUNT", "Its number, where there are several.", "N", _THE_ACCOUNT)] = None,
    rulebook: RulebookName = "binance-usdm",
    stop: Annotated[
        str | None, option("STOP", "Mark price of the stop, where the order does not say it.", "PRICE", THE_TRADE)
    ] = None,
    risk: Annotated[
        str | None,
        option(
            "RISK", "What may be lost, in place of the policy's bounds: 100, or 1% of the equity.", "AMOUNT", THE_TRADE
        ),
    ] = None,
    hold: Annotated[
        str | None, option("HOLD", "Holding time: 30m, 24h, 3d. Default: the policy's.", "TIME", THE_TRADE)
    ] = None,
    funding_rate: Annotated[
        str | None,
        option("FUNDING_RATE", "Per settlement, 0.01% or 0.0001. Default: the policy's.", "RATE", THE_TRADE),
    ] = None,
    acknowledge: Annotated[
        list[str] | None,
        typer.Option(
            help="Say that you have seen which margin mode this contract is in. Again for each contract.",
            metavar="SYMBOL",
            rich_help_panel=_THE_SESSION,
        ),
    ] = None,
    acknowledgements: Annotated[
        str | None,
        option("ACKNOWLEDGEMENTS", "The file that keeps sessions; made when it is not there.", "FILE", _THE_SESSION),
    ] = None,
    session: Annotated[
        str | None,
        option("SESSION", "The name of this sitting; a new name asks for every mode anew.", "NAME", _THE_SESSION),
    ] = None,
    policy: Annotated[
        str, option("POLICY", "A checklist file. Default: the one shipped.", "FILE", THE_ANSWER)
    ] = "default",
    show_policy: Annotated[
        bool, typer.Option("--show-policy", help="Print the checklist file and stop.", rich_help_panel=THE_ANSWER)
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The pre-trade checklist: pass, warn or block, with reasons. Nothing is sent.

    Without an order every contract of the account: margin mode and whether it is the venue's default or set by you,
    leverage, effective leverage, worst loss. The exit status is 1 when a rule blocks the order.
    """
    from ..policy.check import check as answer
    from ..policy.check_result import CheckResult
    from ..policy.checklist_file import load_policy

    check_rulebook_name(rulebook)
    if show_policy:
        print(load_policy(policy).text, end="")
        return
    result = answer(
        order,
        snapshot=snapshot,
        data=data,
        account=account,
        stop=stop,
        risk=risk,
        hold=hold,
        funding_rate=funding_rate,
        policy=policy,
        acknowledge=acknowledge or (),
        acknowledgements=acknowledgements,
        session=session,
        rulebook=rulebook,
    )
    if as_json:
        emit_json(result.to_dict())
    elif isinstance(result, CheckResult):
        _print(result)
    else:
        _print_contracts(result)
    if result.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)


def _print(result: CheckResult) -> None:
    from ..policy import check_text as text

    out = console()
    say(out, text.title(result), "bold")
    out.print()
    out.print(columns_table(["now", "after"], text.rows(result)))
    out.print()
    for rule in result.rules:
        first, *others = wrap(rule.reason, max(40, out.width - _LABEL_WIDTH))
        label = f"{rule.verdict.name:<7}{rule.rule:<10}"
        say(
            out, "\n".join([label + first, *(" " * _LABEL_WIDTH + line for line in others)]), _STYLES[rule.verdict.name]
        )
    out.print()
    say(out, text.verdict_words(result), "bold")


def _print_contracts(result: ContractsResult) -> None:
    from ..policy import check_text as text

    out = console()
    say(out, text.contracts_title(result), "bold")
    out.print()
    out.print(columns_table(text.CONTRACTS_HEAD[1:], text.contract_rows(result), text.CONTRACTS_HEAD[0]))
    out.print()
    for note in text.contract_notes(result):
        bullet(out, note)
