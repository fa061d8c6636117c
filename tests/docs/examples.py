"""Examples: the console and python blocks of a page, run one after the other in a folder of their own.

Responsible for: finding the blocks, running them, the page with its outputs written anew. Must not: judge an output.

    ```console               lines after `$ ` are commands of isocross, a backslash continues one; what follows is its
    $ isocross liq …         output, and `[exit status 1]` where it is not 0
    ```
    ```python                lines after `>>> ` and `... ` are run in one namespace per page; what follows is printed
    >>> import isocross as ix
    ```

To write the outputs of pages anew: python -m tests.docs.examples docs/guides/size.md
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from isocross.cli import main

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def is_run(block: str, kind: str) -> bool:
    """Whether a block is an example that is run: one with a prompt."""
    return bool(re.search(r"^\$ isocross" if kind == "console" else r"^>>> ", block, re.MULTILINE))


def rewritten(text: str) -> str:
    """The page with the outputs of its examples as they are now."""
    with _own_folder():
        namespace: dict[str, object] = {}

        def run(found: re.Match[str]) -> str:
            kind, block = found.groups()
            if not is_run(block, kind):
                return found.group(0)
            told = _console(block) if kind == "console" else _python(block, namespace)
            return f"```{kind}\n{told}```"

        return _BLOCK.sub(run, text)


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    """A new working folder, none of the caller's settings; both as they were afterwards."""
    before, kept = Path.cwd(), dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith("ISOCROSS_") and name != "ISOCROSS_CACHE"]:
            del os.environ[name]
        os.environ["ISOCROSS_HOME"] = str(Path(folder) / "home")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(kept)


def _console(block: str) -> str:
    told = []
    for command in re.findall(r"^\$ (isocross(?:.*\\\n)*.*)\n", block, re.MULTILINE):
        told.append(f"$ {command}\n{_run(shlex.split(command.replace(chr(92) + chr(10), ' '))[1:])}")
    return "".join(told)


def _run(arguments: list[str]) -> str:
    """stdout, then stderr, then the status where it is not 0; no blanks at the ends of lines."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    text = out.getvalue() + err.getvalue() + (f"[exit status {status}]\n" if status else "")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _python(block: str, namespace: dict[str, object]) -> str:
    told = []
    for example in doctest.DocTestParser().get_examples(block):
        first, *others = example.source.splitlines()
        told.append("\n".join([f">>> {first}", *(f"... {line}" for line in others)]) + "\n")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                exec(compile(example.source, "<example>", "single"), namespace)
            except Exception as error:
                print(f"Traceback (most recent call last):\n    ...\n{type(error).__name__}: {error}")
        told.append("".join(f"{line.rstrip() or '<BLANKLINE>'}\n" for line in out.getvalue().splitlines()))
    return "".join(told)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
