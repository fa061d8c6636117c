"""Every command is a thin layer over a public function: the same name, the same parameters, the same defaults, a typed result."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
import typer

import isocross
from isocross.answer import Answer
from isocross.cli import app

# Options that say where an answer goes, what is printed beside it, or that asks for what was not said.
ONLY_ON_THE_LINE = {"as_json", "explain", "picture", "events", "show_policy", "ask", "receipt"}
# Parameters that no command line says: objects, callbacks, how the engine runs, how finely a line is sampled, the user's folder.
ONLY_IN_PYTHON = {"exchange", "progress", "compiled", "stretches", "home", "names", "events"}
# Where a function is called otherwise: `import` is a word of Python.
HOMES = {
    "rules import": ("rules.import_file", "rulebook.import_file"),
    "rules names": ("rules.names", "rulebook.names"),
    "receipt": ("receipts",),  # all of them; the command shows one, or the list
}
CALLED_OTHERWISE = {("receipt", "data"): "source"}  # a path on the line, and any history in Python
# What Python asks of the result: box.receipts[2], .of("alice"), .save("receipt.html"), .what_would_have_saved_you().
ASKED_OF_THE_RESULT = {"receipt": {"number", "account", "save", "quick"}}
NO_ANSWER = {"rules names"}  # bare names, one a line; `rules list` is the answer about them


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            yield " ".join(words), command
            return
        for name, child in subcommands.items():
            yield from below(child, (*words, name))

    yield from below(typer.main.get_command(app), ())


# A venue is a process: these run one or talk to one, and their Python is isocross.Venue and isocross.connect(exchange).
OF_A_VENUE = ("serve", "keys", "connect", "control")
COMMANDS = {words: command for words, command in commands() if words.split()[0] not in OF_A_VENUE}


def function_of(words: str) -> Callable[..., Any]:
    """The public function of a command."""
    for home in HOMES.get(words, (words.replace(" ", "."),)):
        target: Any = isocross
        for name in home.split("."):
            target = getattr(target, name, None)
        if target is not None:
            assert home.split(".")[0] in isocross.__all__
            return typing.cast("Callable[..., Any]", target)
    raise AssertionError(f"isocross {words}: there is no public function isocross.{words.replace(' ', '.')}")


def options_of(words: str) -> dict[str, Any]:
    """Its options and arguments by the name of the parameter that each fills."""
    parameters = inspect.signature(function_of(words)).parameters
    named = {}
    for option in COMMANDS[words].params:
        name = option.name
        if name not in parameters and f"{name}s" in parameters and (option.multiple or option.nargs == -1):
            name = f"{name}s"  # said once for each: --account A --account B
        name = CALLED_OTHERWISE.get((words, name), name)
        if name not in ASKED_OF_THE_RESULT.get(words, ()):
            named[name] = option
    return named


def test_the_usual_commands_are_looked_at() -> None:
    assert {"liq", "size", "check", "compare", "rules import", "case run", "case diff"} <= set(COMMANDS)


@pytest.mark.parametrize("words", list(COMMANDS))
def test_a_command_has_the_parameters_of_its_function(words: str) -> None:
    options, parameters = set(options_of(words)), set(inspect.signature(function_of(words)).parameters)
    assert options - parameters <= ONLY_ON_THE_LINE, "the function does not know these"
    assert parameters - options <= ONLY_IN_PYTHON, "the command line cannot say these"


@pytest.mark.parametrize("words", list(COMMANDS))
def test_a_command_has_the_defaults_of_its_function(words: str) -> None:
    parameters = inspect.signature(function_of(words)).parameters
    for name, option in options_of(words).items():
        if name not in parameters:
            continue
        default = parameters[name].default
        if option.required:
            assert default is inspect.Parameter.empty, f"{name}: the function has a default, the command asks for it"
        elif option.default not in (None, (), []) and default is not None:
            assert same(option.default, default), f"{name}: {option.default!r} on the line, {default!r} in Python"


def same(line: object, python: object) -> bool:
    """Whether the text of a command line says the value of a function."""
    try:
        return Decimal(str(line)) == Decimal(str(python))
    except InvalidOperation:
        return str(line) == str(python)


@pytest.mark.parametrize("words", [words for words in COMMANDS if words not in NO_ANSWER])
def test_a_function_returns_a_typed_result(words: str) -> None:
    function = function_of(words)
    space = {**vars(inspect.getmodule(function)), **{kind.__name__: kind for kind in every_answer()}}
    told = eval(str(inspect.signature(function).return_annotation), space)
    kinds = typing.get_args(told) or (told,)
    assert all(issubclass(kind, Answer) for kind in kinds)


def every_answer() -> list[type[Answer]]:
    from tests.unit.test_answer import answers

    return answers()


def test_an_option_that_the_function_lacks_is_found() -> None:
    def liq(symbol: str, side: str) -> None: ...

    assert set(options_of("liq")) - set(inspect.signature(liq).parameters) > ONLY_ON_THE_LINE & set(options_of("liq"))
    assert same("0", 0) and same("10.0", 10) and not same("both", "cross") and not same("5", 4)
