"""Command line: the entry point. Which commands there are, and nothing of what they do.

Responsible for: the app, its commands in their groups, the exit status of a run.
Must not: hold logic: a command's module in terminal/ reads options, policy/ answers, terminal/ prints.

A command is a module of terminal/ with `register(app)`. It imports its policy inside the command function, so that
`isocross liq` does not pay for what `isocross compare` loads. Exit status: 0 an answer, 1 a negative answer, 2 bad
input, 3 the world (a missing or corrupt file), 70 a bug of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from .terminal import (
    advise_command,
    case_command,
    check_command,
    compare_command,
    connect_command,
    control_command,
    journal_command,
    keys_command,
    liq_command,
    receipt_command,
    rules_command,
    serve_command,
    size_command,
)
from .terminal.app import new_app, run

app = new_app()
liq_command.register(app)
size_command.register(app)
check_command.register(app)
advise_command.register(app)
compare_command.register(app)
rules_command.register(app)
case_command.register(app)
journal_command.register(app)
receipt_command.register(app)
serve_command.register(app)
keys_command.register(app)
control_command.register(app)
connect_command.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (the process's own unless given) and return its exit status."""
    return run(app, arguments)
