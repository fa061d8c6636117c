"""App: the frame that every command runs in.

Responsible for: the typer app, `--version`, the groups of the help, one-line errors, the exit status.
Must not: know a command; import rich, numpy or an engine before one is needed.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from ..errors import ChecklistError, ExchangeError, InputError, MarketDataError, RefusedError, RulebookError

BEFORE_A_TRADE = "Before a trade"
THE_ENGINE = "The engine"
THE_VENUE = "The venue"

EXIT_OK = 0
EXIT_NEGATIVE = 1
EXIT_USAGE = 2
EXIT_WORLD = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

# What typer raises for bad usage, found by name: some versions of typer carry their own copy of click.
_USAGE_ERROR: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def new_app() -> typer.Typer:
    """The app without commands: grouped help when called alone, `--version`."""
    app = typer.Typer(name="isocross", add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

    @app.callback(invoke_without_command=True)
    def isocross(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
    ) -> None:
        """A perpetual-futures exchange on your own machine: cross and isolated margin, exact to the last unit."""
        if version:
            from importlib.metadata import version as installed

            typer.echo(f"isocross {installed('isocross')}")
            raise typer.Exit
        help_when_alone(context)

    return app


def help_when_alone(context: typer.Context) -> None:
    """Print the help and stop when a group was called without a command."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a command line; every expected failure becomes one line on stderr and an exit status."""
    _write_what_the_terminal_can_show()
    command = typer.main.get_command(app)
    try:
        status = command.main(
            args=None if arguments is None else list(arguments), prog_name="isocross", standalone_mode=False
        )
        sys.stdout.flush()
        return int(status or EXIT_OK)
    except _USAGE_ERROR as error:
        return fail(error.format_message(), EXIT_USAGE)  # type: ignore[attr-defined]
    except RefusedError as error:
        return fail(str(error), EXIT_NEGATIVE)
    except (RulebookError, MarketDataError, ChecklistError) as error:
        return fail(str(error), EXIT_WORLD)
    except InputError as error:
        return fail(str(error), EXIT_USAGE)
    except ExchangeError as error:
        return fail(str(error), EXIT_WORLD)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return fail(named, EXIT_WORLD)
    except (KeyboardInterrupt, typer.Abort):
        return fail("interrupted", EXIT_INTERRUPTED)
    except Exception as error:
        traceback.print_exc()
        return fail(f"a bug in isocross, please report it with the lines above: {error!r}", EXIT_BUG)


def fail(text: str, status: int) -> int:
    """One line on stderr; returns the status."""
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return status


def _write_what_the_terminal_can_show() -> None:
    """A character that the terminal's encoding lacks becomes a question mark, never a crash."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
