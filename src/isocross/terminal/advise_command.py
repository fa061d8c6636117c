"""`isocross advise`: what is said by options, or asked for on a terminal, in; a mode, a size and the reason out.

Responsible for: the command's options, their environment names, its questions, its table. Must not: compute, decide.

Questions are asked only where input and output are a terminal, and only for what no option said.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import InputError, UnknownSymbolError
from ..units import to_decimal
from .app import BEFORE_A_TRADE, EXIT_NEGATIVE
from .output import bullet, columns_table, console, emit_explained, say
from .rulebook_option import check_rulebook_name
from .trade_options import (
    THE_ANSWER,
    THE_TRADE,
    WHAT_BACKS_IT,
    AsJson,
    Fee,
    Mark,
    Positions,
    RulebookName,
    Taker,
    flag,
    listed,
    option,
)

if TYPE_CHECKING:
    from ..policy.advise_result import AdviseResult

_YOU = "You and the trade"


class _Question(NamedTuple):
    """What is asked for an option that was not given. Enter leaves it unsaid, unless it is needed."""

    name: str
    text: str
    words: tuple[str, ...] = ()  # what may be answered; empty: anything
    is_needed: bool = False
    is_number: bool = False


_YES_NO = ("y", "n")
_QUESTIONS = (
    _Question("symbol", "Contract, for example BTCUSDT", is_needed=True),
    _Question("side", "Side", ("long", "short"), is_needed=True),
    _Question("entry", "Entry price", is_needed=True, is_number=True),
    _Question("stop", "Stop price", is_needed=True, is_number=True),
    _Question("wallet", "Wallet: what is in the cross wallet now", is_needed=True, is_number=True),
    _Question(
        "risk",
        "Risk budget: the most to lose at the stop, money or 1% of the wallet",
        is_needed=True,
        is_number=True,
    ),
    _Question("hold", "How long will it be held: 8h, 3d, 2w"),
    _Question("position", "Other cross positions: ETHUSDT short 2 @ 3000; the next one after a semicolon"),
    _Question("new", "Are you new to perpetuals", _YES_NO),
    _Question("watching", "Is somebody there to watch it, and to cut or adjust it", _YES_NO),
    _Question("conviction", "Conviction", ("low", "medium", "high")),
    _Question("several", "Do several strategies run in this account", _YES_NO),
    _Question(
        "legs", "Legs: together to pay for each other, a hedge kept apart, or none", ("together", "apart", "none")
    ),
    _Question("purpose", "Purpose", ("core", "speculation")),
)


def register(app: typer.Typer) -> None:
    """Add `advise` to the app."""
    app.command("advise", rich_help_panel=BEFORE_A_TRADE, no_args_is_help=False)(advise)


def advise(
    symbol: Annotated[
        str | None,
        typer.Argument(envvar="ISOCROSS_SYMBOL", help="The contract: BTCUSDT or BTC/USDT:USDT.", metavar="SYMBOL"),
    ] = None,
    side: Annotated[str | None, option("SIDE", "long or short.", "SIDE", THE_TRADE)] = None,
    entry: Annotated[str | None, option("ENTRY", "The expected fill price.", "PRICE", THE_TRADE)] = None,
    stop: Annotated[str | None, option("STOP", "Where it is closed if it goes wrong.", "PRICE", THE_TRADE)] = None,
    risk: Annotated[
        str | None,
        option(
            "RISK",
            "The most to lose at the stop, fees and funding included: 100, or 1% of the wallet.",
            "AMOUNT",
            THE_TRADE,
        ),
    ] = None,
    hold: Annotated[
        str | None, option("HOLD", "How long it is held: 90m, 8h, 3d, 2w. Default: 1d.", "TIME", THE_TRADE)
    ] = None,
    mark: Mark = None,
    new: Annotated[bool | None, flag("--new/--not-new", "NEW", "New to perpetuals?", _YOU)] = None,
    watching: Annotated[
        bool | None,
        flag("--watching/--not-watching", "WATCHING", "Is somebody there to watch it, and to cut or adjust it?", _YOU),
    ] = None,
    conviction: Annotated[str | None, option("CONVICTION", "low, medium or high.", "WORD", _YOU)] = None,
    several: Annotated[
        bool | None, flag("--several/--single", "SEVERAL", "Do several strategies run in this account?", _YOU)
    ] = None,
    legs: Annotated[
        str | None,
        option(
            "LEGS",
            "together: this leg and the pool's other side are to pay for each other. apart: a hedge that has to "
            "outlive its book. none.",
            "WORD",
            _YOU,
        ),
    ] = None,
    purpose: Annotated[str | None, option("PURPOSE", "core or speculation.", "WORD", _YOU)] = None,
    wallet: Annotated[str | None, option("WALLET", "Cross wallet before the trade.", "AMOUNT", WHAT_BACKS_IT)] = None,
    position: Positions = None,
    taker: Taker = True,
    fee: Fee = None,
    funding_rate: Annotated[
        str | None,
        option(
            "FUNDING_RATE",
            "Funding per settlement, 0.03%; longs pay when it is positive. Default: the contract's at rest.",
            "RATE",
            WHAT_BACKS_IT,
        ),
    ] = None,
    rulebook: RulebookName = "binance-usdm",
    ask: Annotated[bool, flag("--ask/--no-ask", "ASK", "Ask on a terminal for what is not said.", THE_ANSWER)] = True,
    explain: Annotated[
        bool,
        flag("--explain", "EXPLAIN", "Print the rules that were asked, the arithmetic and the limits.", THE_ANSWER),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Isolated or cross, which leverage, how much: one answer, with the rule that decided it.

    The answer is isolated unless there is a named reason for cross. The exit status is 1 when no quantity keeps the
    limits of the rule.
    """
    check_rulebook_name(rulebook)
    said: dict[str, object] = {
        "symbol": symbol,
        "side": side,
        "entry": entry,
        "stop": stop,
        "wallet": wallet,
        "risk": risk,
        "hold": hold,
        "position": listed(position, "ISOCROSS_POSITION"),
        "new": new,
        "watching": watching,
        "conviction": conviction,
        "several": several,
        "legs": legs,
        "purpose": purpose,
    }
    asked: list[_Question] = []
    if ask and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        asked = _ask_for(said)
    _check_needed(said)
    from ..policy.advise import advise as answer

    while True:
        try:
            result = answer(**said, mark=mark, taker=taker, fee=fee, funding_rate=funding_rate, rulebook=rulebook)  # type: ignore[arg-type]
            break
        except InputError as error:  # what was asked for is asked again; what was said by an option is not
            _ask_again(error, asked, said)
    emit_explained(result, as_json, explain, _print)
    if result.is_negative:
        raise typer.Exit(EXIT_NEGATIVE)


def _ask_for(said: dict[str, object]) -> list[_Question]:
    """Ask for what was not said, one line each; the questions that were asked."""
    asked = [question for question in _QUESTIONS if said[question.name] in (None, [])]
    if any(not question.is_needed for question in asked):
        needed = ", ".join(question.name for question in asked if question.is_needed)
        print(f"Enter skips a question{f', but for {needed}' if needed else ''}. What is skipped decides nothing.")
    for question in asked:
        said[question.name] = _answer_to(question)
    print()
    return asked


def _ask_again(error: InputError, asked: list[_Question], said: dict[str, object]) -> None:
    """Say what is wrong and ask the question that it belongs to; the error itself where that was never asked."""
    named = str(error).split(":")[0].split()[0]
    if isinstance(error, UnknownSymbolError):
        named = "symbol" if repr(said["symbol"]) in str(error) else "position"
    question = next((one for one in asked if one.name == named), None)
    if question is None:
        raise error
    print(f"error: {error}")
    said[question.name] = _answer_to(question)
    print()


def _answer_to(question: _Question) -> object:
    """An answer as the option has it; None when the question was skipped."""
    reply = _reply(question)
    if question.words == _YES_NO:
        return {"y": True, "n": False}.get(reply)
    if question.name == "position":
        return [part for part in reply.split(";") if part.strip()]
    return reply or None


def _reply(question: _Question) -> str:
    """An answer that can be one, asked for until it is given."""
    text = f"{question.text} ({'/'.join(question.words)})" if question.words else question.text
    while True:
        reply = str(typer.prompt(text, default="", show_default=False)).strip()
        if not reply:
            if question.is_needed:
                continue
            return reply
        if question.words:
            word = reply.lower()
            word = {"yes": "y", "no": "n"}.get(word, word) if question.words == _YES_NO else word
            if word in question.words:
                return word
            print(f"error: {question.name}: {reply!r} is none of {', '.join(question.words)}")
        elif question.is_number:
            try:
                to_decimal(reply.removesuffix("%"), question.name)
                return reply
            except InputError as error:
                print(f"error: {error}")
        else:
            return reply


def _check_needed(said: dict[str, object]) -> None:
    """One line that names everything that is missing."""
    missing = [question.name for question in _QUESTIONS if question.is_needed and said[question.name] is None]
    if missing:
        options = ", ".join("SYMBOL" if name == "symbol" else f"--{name}" for name in missing)
        raise InputError(f"{missing[0]}: missing; say {options}")


def _print(result: AdviseResult) -> None:
    from ..policy import advise_text as text

    out = console()
    book = result.facts.plan.book
    say(out, text.title(result), "bold")
    say(out, f"Rulebook {book.name} as of {book.as_of}. Money in {result.facts.plan.rules.margin_asset}.")
    out.print()
    if result.advice is not None:
        out.print(columns_table(text.headings(result), text.rows(result)))
        out.print()
    for sentence in text.sentences(result):
        say(out, sentence)
    out.print()
    say(out, "What goes where")
    for place in result.places:
        bullet(out, f"{place.what}: {place.sentence}")
    out.print()
    for note in text.notes(result):
        bullet(out, note)
