"""Source: what every market says to an exchange, whoever makes it.

Responsible for: Source, and what it hands out. Must not: be a market, submit a command, know the time of the machine.

A source is asked: the world has gone up to here, and is to go up to there; what do you say in between? Its answer is a
function of what was asked. So a venue that was ended at any commit goes on from `exchange.time_ms`, and says what it would have said.

The order within an instant: the ladders move, all marks are set at once, the flow trades, funding is settled. The flow's orders
may be refused, where the book has left: nothing depends on them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .commands import MarketCommand
from .past import Past

INSTANTS_MAX = 1_000
COARSE_MS = 1_000
FLOW_NAME = "flow"
FLOW_DEPOSIT_E8 = 10**9 * 10**8  # its fees of some years


class Instant(NamedTuple):
    """What a source says at one moment of the venue's time: commands in the order in which they are to be applied."""

    time_ms: int
    commands: tuple[MarketCommand, ...]


class FundingAhead(NamedTuple):
    """The next settlement as it looks now; time 0 where none is known to come."""

    rate_e8: int
    time_ms: int


class Source(Protocol):
    """A market. Rows of symbols are those of the exchange it speaks to."""

    @property
    def name(self) -> str:
        """'synthetic', 'crash', 'replay'."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """In the order of the exchange's rows."""
        ...

    @property
    def start_ms(self) -> int:
        """When `opening` is; the past ends here."""
        ...

    @property
    def end_ms(self) -> int | None:
        """From here on it says nothing any more; None: it never ends."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What its user should know: made up or recorded, the seed, marks that are derived."""
        ...

    def opening(self) -> Instant:
        """For an exchange without prices: the first marks, then the ladders."""
        ...

    def between(
        self, after_ms: int, until_ms: int, *, instants_max: int = INSTANTS_MAX, coarse_ms: int = COARSE_MS
    ) -> list[Instant]:
        """All instants in after_ms < time ≤ until_ms, oldest first; the first `instants_max` of them where there are more.

        Takes    coarse_ms: how far apart the instants of a made-up market are, whole seconds that divide a minute or whole
                 minutes. Its world is the same, it is told less often. Recorded markets leave nothing out.
        """
        ...

    def next_ms(self, after_ms: int, *, coarse_ms: int = COARSE_MS) -> int | None:
        """The time of the first instant after `after_ms`; None: there is none."""
        ...

    def next_funding_ms(self, after_ms: int) -> int | None:
        """The next settlement of any symbol after `after_ms`; None: none is known."""
        ...

    def funding_ahead(self, row: int, now_ms: int) -> FundingAhead:
        """The next settlement of one symbol after `now_ms`, at the rate it would have if nothing changed."""
        ...

    def past(self, days: int = 30) -> Past:
        """What was before `start_ms`."""
        ...
