"""Errors: every exception this package raises on purpose, and nothing else.

Responsible for: the tree below, and a stable code for each. Must not: know a wire code or a refusal's number.

    ExchangeError
    ├── InputError                 what the caller handed in is wrong
    │   ├── AmountError            a number is not a number, or not on its grid
    │   ├── UnknownSymbolError     no such contract in the rulebook
    │   ├── RewriteError           a rewrite does not apply to the history of its branch
    │   ├── MarketDataError        a market file is missing, corrupt or contradicts itself
    │   └── FileFaultError         what somebody wrote into a file; names file, line, value and what was expected
    │       ├── RulebookError      a rulebook or bracket file cannot be used
    │       └── ChecklistError     a checklist or acknowledgements file cannot be used
    ├── CaseFileError              a case file is missing, damaged, of another version, or does not replay to its hash
    ├── RefusedError               a command was refused where the caller asked for success
    ├── SnapshotError              bytes that are not a snapshot of this version
    ├── JournalError               a data folder cannot be used
    │   ├── JournalVersionError    it was written by another version
    │   ├── JournalLockedError     another process writes it
    │   ├── JournalCorruptError    what is on disk is not what was written; names the last good command
    │   └── JournalDivergedError   its commands do something else in this engine than when they were written
    ├── StatusUnknownError         whether a command is in the journal is not known: the disk failed
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


class FileFaultError(InputError):
    """A file that somebody writes by hand has a fault.

    Where it is known: `file` and `line`, the `thing` there (its table and key), the `value` it has, what was `expected`.
    """

    code = "input.file"

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        thing: str | None = None,
        value: str | None = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(message)
        self.file, self.line, self.thing, self.value, self.expected = file, line, thing, value, expected


class RulebookError(FileFaultError):
    """A rulebook or a bracket file is malformed or contradicts itself."""

    code = "rulebook"


class RewriteError(InputError):
    """A rewrite names what its history does not have, or asks for what the engine refuses there."""

    code = "input.rewrite"


class MarketDataError(InputError):
    """A market file is missing, corrupt, or contradicts itself."""

    code = "market.data"


class CaseFileError(ExchangeError):
    """A case file that cannot be used: not one, damaged, of another format, or its commands make another world."""

    code = "case"


class ChecklistError(FileFaultError):
    """A checklist file or a file of acknowledgements is malformed or contradicts itself."""

    code = "checklist"


class RefusedError(ExchangeError):
    """A command was refused by a call that promises success; `refusal` is the engine's answer."""

    code = "refused"

    def __init__(self, message: str, refusal: int) -> None:
        super().__init__(message)
        self.refusal = refusal


class SnapshotError(ExchangeError):
    """Bytes that are not a snapshot, or one of another format version or rulebook."""

    code = "snapshot"


class JournalError(ExchangeError):
    """A data folder that cannot be used; the text names it and says what to do."""

    code = "journal"


class JournalVersionError(JournalError):
    """A data folder of another format: it is neither read nor written."""

    code = "journal.version"


class JournalLockedError(JournalError):
    """A data folder that another process has open for writing; the text names the process."""

    code = "journal.locked"


class JournalCorruptError(JournalError):
    """Something on disk does not match its checksum, or is missing: replay stops at the last good command."""

    code = "journal.corrupt"

    def __init__(self, message: str, position: int, sequence: int) -> None:
        super().__init__(message)
        self.position = position  # commands up to the last good one
        self.sequence = sequence  # of the last good one; 0 when there is none


class JournalDivergedError(JournalError):
    """A replayed command had another outcome than when it was written: this is another engine."""

    code = "journal.diverged"


class StatusUnknownError(ExchangeError):
    """The disk failed before this was known to be committed: ask again after a restart whether it happened."""

    code = "journal.unknown"


class PoisonedError(ExchangeError):
    """The engine met its own bug, or lost its journal, at an earlier command: it can be read, and accepts nothing more."""

    code = "poisoned"
