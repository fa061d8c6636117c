"""Check: the pre-trade checklist, asked once: an order, or every contract of an account.

Responsible for: the public function: an exchange from a snapshot file, the session from its file. Must not: judge: that is
checklist.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..exchange import Exchange
from ..rulebook.model import Rulebook
from ..units import Amount
from . import inputs
from .check_result import CheckResult, ContractsResult
from .checklist import Checklist
from .checklist_file import DEFAULT, Policy
from .inputs import DEFAULT_RULEBOOK
from .planned import PlannedOrder
from .session import SessionFile

_COMPILED_BYTES_MIN = 4 * 2**20  # of a snapshot from which loading compiled code is worth its time


def check(
    order: str | PlannedOrder | Mapping[str, Any] | None = None,
    *,
    exchange: Any = None,
    snapshot: str | Path | None = None,
    data: str | Path | None = None,
    account: Any = None,
    stop: Amount | None = None,
    risk: Amount | None = None,
    hold: str | None = None,
    funding_rate: Amount | None = None,
    policy: str | Path | Policy = DEFAULT,
    acknowledge: str | Sequence[str] = (),
    acknowledgements: str | Path | None = None,
    session: str | None = None,
    rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
) -> CheckResult | ContractsResult:
    """The checklist for an order, or without one every contract of an account.

    Takes    order: 'BTCUSDT long 0.083 @ 60000 stop 57500', or the fields of a PLACE_ORDER command. exchange: an Exchange or
             a Sandbox; or snapshot: a file of Exchange.snapshot() bytes; or data: a data folder, read as far as it is
             written, also while its venue runs. account: its number, or a Sandbox's account, which
             brings its exchange; needed where there are several. stop, risk, hold, funding_rate: see Checklist.check.
             policy: a checklist file. acknowledge: contracts whose margin mode you have seen. acknowledgements: the file
             that keeps sessions, session: the name of this one; without them this call is a session of its own.
             rulebook: of the snapshot; a data folder has its own.
    Returns  CheckResult with an order, ContractsResult without.
    Errors   InputError and its subclasses; SnapshotError; JournalError and its subclasses.
    """
    if hasattr(account, "exchange") and hasattr(account, "number"):
        exchange, account = account.exchange if exchange is None else exchange, account.number
    if sum(one is not None for one in (exchange, snapshot, data)) != 1:
        raise InputError("snapshot: say exactly one of --snapshot FILE, --data DIR and, in Python, exchange=")
    if snapshot is not None:
        exchange = _restored(Path(snapshot), inputs.to_rulebook(rulebook))
    if data is not None:
        exchange = _relived(data)
    if (acknowledgements is None) != (session is None):
        raise InputError("session: --acknowledgements FILE and --session NAME go together: which sitting is this?")
    checklist = Checklist(exchange, policy)
    file = None
    if acknowledgements is not None and session is not None:
        file = SessionFile(acknowledgements)
        checklist.session = file.session(session, checklist.exchange.next_sequence)
    number = _account_number(account)
    for symbol in (acknowledge,) if isinstance(acknowledge, str) else acknowledge:
        checklist.acknowledge(symbol, number)
    if order is None:
        result: CheckResult | ContractsResult = checklist.contracts(number)
    else:
        result = checklist.check(order, number, stop=stop, risk=risk, hold=hold, funding_rate=funding_rate)
    if file is not None:
        file.write()
    return result


def _restored(path: Path, rulebook: Rulebook) -> Exchange:
    """As plain Python where that is faster: reading a few rows needs no compiled code."""
    data = path.read_bytes()
    return Exchange.restore(data, rulebook, compiled=len(data) >= _COMPILED_BYTES_MIN)


def _relived(folder: str | Path) -> Exchange:
    """What a data folder holds, lived again from its newest snapshot. Nothing in it is written or locked."""
    from ..journal.folder import DataFolder
    from ..journal.reliving import Reliving

    life = Reliving(DataFolder.open(folder))
    life.advance()
    return life.exchange


def _account_number(account: Any) -> int | None:
    if account is None or (isinstance(account, int) and not isinstance(account, bool)):
        return account
    text = str(account).strip()
    if not text.isdecimal():
        raise InputError(f"account: {account!r} is not the number of an account")
    return int(text)
