"""Errors: every exception this package raises on purpose, and nothing else.

Responsible for: the tree below, and a stable code for each. Must not: know a wire code or a refusal's number.

    ExchangeError
    ├── InputError                 what the caller handed in is wrong
    │   ├── AmountError            a number is not a number, or not on its grid
    │   ├── UnknownSymbolError     no such contract in the rulebook
    │   ├── RulebookError          a rulebook or bracket file cannot be used
    │   └── MarketDataError        a market file is missing, corrupt or contradicts itself
    ├── RefusedError               a command was refused where the caller asked for success
    ├── SnapshotError              bytes that are not a snapshot of this version
    └── PoisonedError              the engine met its own bug and accepts nothing more

A *refusal* is a value (`codes.Refusal`), not an exception. A *bug* is an AssertionError and stops the command.
`code` is stable, the text is not.
"""

from __future__ import annotations

from typing import ClassVar


class ExchangeError(Exception):
    """Base of all that this package raises on purpose."""

    code: ClassVar[str] = "exchange"


class InputError(ExchangeError):
    """The caller handed in something that cannot be used; the text names the thing, the value and what was expected."""

    code = "input"


class AmountError(InputError):
    """Text or number that is not an amount, or does not lie on its grid."""

    code = "input.amount"


class UnknownSymbolError(InputError):
    """The rulebook has no such contract."""

    code = "input.symbol"


class RulebookError(InputError):
    """A rulebook or a bracket file is malformed or contradicts itself."""

    code = "rulebook"


class MarketDataError(InputError):
    """A market file is missing, corrupt, or contradicts itself."""

    code = "market.data"


class RefusedError(ExchangeError):
    """A command was refused by a call that promises success; `refusal` is the engine's answer."""

    code = "refused"

    def __init__(self, message: str, refusal: int) -> None:
        super().__init__(message)
        self.refusal = refusal


class SnapshotError(ExchangeError):
    """Bytes that are not a snapshot, or one of another format version or rulebook."""

    code = "snapshot"


class PoisonedError(ExchangeError):
    """The engine met its own bug at an earlier command: it can be read, and accepts nothing more."""

    code = "poisoned"
