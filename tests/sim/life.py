"""Life: one seed's random exchange with everything checked, and how a failing one is made small.

Responsible for: living a seed, replaying commands with checks, shrinking by deletion, writing what is left as a script.
Must not: know the time or the command line.
"""

from __future__ import annotations

import pprint
from collections.abc import Callable, Iterator
from pathlib import Path

from isocross.errors import ExchangeError
from isocross.exchange import Exchange
from tests import invariants, world
from tests.strategies import Life

Problem = str
Judge = Callable[[list[world.Command]], Problem | None]


def step(exchange: Exchange, command: world.Command) -> Problem | None:
    """Apply one command and check everything; what is wrong, or None."""
    before = {name: exchange.table(name).copy() for name in ("wallets", "positions")}
    try:
        result = world.submit(exchange, command)
        invariants.check(exchange)
        invariants.check_events(exchange, before, result.events)
    except (AssertionError, ExchangeError, ArithmeticError) as problem:
        return f"{type(problem).__name__}: {problem}"
    return None


def live(seed: int, length: int) -> tuple[list[world.Command], Problem | None]:
    """The commands of a life, up to the one after which something is wrong, and what that is.

    Now and then the exchange is replaced by its own restored snapshot, and the next command is previewed first.
    """
    exchange = Exchange(world.rulebook_of(seed))
    life = Life(f"sim {seed}", exchange)
    commands: list[world.Command] = []
    for number in range(length):
        commands.append(life.next())
        if number % 97 == 96:
            exchange = Exchange.restore(exchange.snapshot(), exchange.rulebook)
            life.exchange = exchange
        problem = preview(exchange, commands[-1]) if number % 13 == 12 else None
        problem = problem or step(exchange, commands[-1])
        if problem is not None:
            return commands, problem
    return commands, None


def preview(exchange: Exchange, command: world.Command) -> Problem | None:
    """Preview a command: the bytes must stay."""
    before = exchange.used_bytes()
    try:
        with exchange.previewing():
            world.submit(exchange, command)
        invariants.assert_same_rows(before, exchange.used_bytes())
    except (AssertionError, ExchangeError, ArithmeticError) as problem:
        return f"preview: {type(problem).__name__}: {problem}"
    return None


def replay(
    seed: int, commands: list[world.Command], *, compiled: bool = True, previews_last: bool = False
) -> Problem | None:
    """The first thing that is wrong when these commands are applied to a fresh exchange of the seed's rulebook."""
    exchange = Exchange(world.rulebook_of(seed), compiled=compiled)
    for number, command in enumerate(commands):
        is_last = number == len(commands) - 1
        problem = (preview(exchange, command) if is_last and previews_last else None) or step(exchange, command)
        if problem is not None:
            return problem
    return None


def shrunk(commands: list[world.Command], judge: Judge) -> list[world.Command]:
    """As few of the commands as still have a problem: ever smaller pieces are left out, then fields are simplified."""
    assert judge(commands) is not None
    size = len(commands) // 2
    while size >= 1:
        first = len(commands) - size
        is_smaller = False
        while first > -size:
            shorter = commands[: max(0, first)] + commands[max(0, first) + size :]
            if judge(shorter) is not None:
                commands, is_smaller = shorter, True
            first -= size
        if not is_smaller or size > 1:
            size = size // 2 if size > 1 else 0
    for number in range(len(commands)):
        for simpler in _simpler(commands[number]):
            attempt = [*commands[:number], simpler, *commands[number + 1 :]]
            if judge(attempt) is not None:
                commands = attempt
    return commands


def _simpler(command: world.Command) -> Iterator[world.Command]:
    for name in ("self_trade_prevention", "time_in_force", "is_reduce_only", "scale_e8", "spacing_rate_e8"):
        if command.get(name):
            yield {field: value for field, value in command.items() if field != name}
    for record in command.get("records", ()):
        if len(command["records"]) > 1:
            yield command | {"records": [other for other in command["records"] if other is not record]}


def script(seed: int, commands: list[world.Command], problem: Problem, previews_last: bool = False) -> str:
    """A program that shows the problem."""
    plain = [{name: _plain(value) for name, value in command.items()} for command in commands]
    text = pprint.pformat(plain, width=116, sort_dicts=False)
    return (
        f'"""Found by `python -m tests.sim --seed {seed}`; run it with `python -m` or by path from the repository.\n\n'
        f'{problem.splitlines()[0][:300]}\n"""\n\n'
        "import sys\n\n"
        'sys.path.insert(0, ".")\n\n'
        "from tests.sim.life import replay  # noqa: E402\n\n"
        f"SEED = {seed}\nCOMMANDS = {text}\n\n"
        'if __name__ == "__main__":\n'
        f'    print(replay(SEED, COMMANDS, compiled="--plain" not in sys.argv, previews_last={previews_last}))\n'
    )


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [{name: int(number) for name, number in record.items()} for record in value]
    return int(value)  # type: ignore[call-overload]


def write(folder: Path, seed: int, commands: list[world.Command], problem: Problem) -> Path:
    """Shrink and write; returns where."""
    kind = problem.split(":")[0]
    is_preview = kind == "preview"

    def judge(attempt: list[world.Command]) -> Problem | None:
        found = replay(seed, attempt, previews_last=is_preview)
        return found if found is not None and found.split(":")[0] == kind else None

    if judge(commands) is not None:
        commands = shrunk(commands, judge)
        problem = judge(commands) or problem
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"sim_{seed}.py"
    path.write_text(script(seed, commands, problem, is_preview))
    return path
