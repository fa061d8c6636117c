"""Desk: what the endpoints of this dialect ask of the venue, in one place.

Responsible for: symbols by name, decimals by symbol, the read models by the questions of this wire, the settings of this dialect.
Must not: apply a command that nobody asked for, hold a rule, read a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from ...codes import CommandKind, PositionMode, Refusal, SymbolStatus
from ...exchange import Exchange
from ...market.intervals import after_ms
from ...rulebook import SymbolRules
from ...units import format_e8
from ...views import PositionView
from ..adl_queue import adl_fifth
from ..order_life import PLAIN_FORM, OrderRecord, Origin
from ..sequencer import Done, VenueCore
from ..turns import Outcome
from .break_even import TRADES_MAX, OpenFees, break_even_e8
from .limits import Usage
from .listen_keys import ListenKeys
from .numbers import SymbolNumbers, numbers_of
from .refusals import WireRefusalError, refuse, wire_refusal


@dataclass(frozen=True, slots=True)
class Settings:
    """How this dialect answers where the venue it imitates has changed, or is strict."""

    are_conditionals_plain: bool = True  # POST order takes the five conditional types, as it did before December 2025
    are_limits_enforced: bool = False


class LiveRules(Sequence[SymbolRules]):
    """The rules of every symbol, by row, as they are now: brackets and fees may change while a venue runs."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __len__(self) -> int:
        return len(self._exchange.symbols)

    @overload
    def __getitem__(self, row: int) -> SymbolRules: ...
    @overload
    def __getitem__(self, row: slice) -> list[SymbolRules]: ...
    def __getitem__(self, row: int | slice) -> SymbolRules | list[SymbolRules]:
        if isinstance(row, slice):
            return [self._exchange.rules(one) for one in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self._exchange.rules(row)


class Desk:
    """The venue as this dialect sees it."""

    def __init__(self, core: VenueCore, settings: Settings | None = None) -> None:
        self.core = core
        self.settings = settings or Settings()
        self.open_fees = OpenFees(lambda account, row: self.own_trades(account, row, TRADES_MAX))
        self.listen_keys = ListenKeys(core.clock.wall_ms)
        self.usage = Usage(is_enforced=self.settings.are_limits_enforced)
        self.rules = LiveRules(self.exchange)
        self.numbers: list[SymbolNumbers] = [numbers_of(rules) for rules in self.rules]
        self.symbols = core.symbols  # names, by row
        self._rows = {symbol: row for row, symbol in enumerate(self.symbols)}

    @property
    def exchange(self) -> Exchange:
        """To read and to preview."""
        return self.core.exchange

    def row(self, symbol: str) -> int:
        """Row of a symbol. Errors  -1121."""
        row = self._rows.get(symbol)
        if row is None:
            raise refuse(-1121)
        return row

    def row_or_none(self, symbol: str | None) -> int | None:
        """The same, where a symbol may be missing."""
        return None if symbol is None else self.row(symbol)

    def row_in_any_case(self, symbol: str) -> int | None:
        """Row of a symbol of a stream's name; None when there is none."""
        return self._rows.get(symbol.upper())

    def now_ms(self) -> int:
        """The venue's time."""
        return max(self.core.clock.now_ms(), self.exchange.time_ms)

    def update_id(self) -> int:
        """What depth counts on: the sequence of the last command, so that it survives a restart."""
        return self.exchange.next_sequence - 1

    def statuses(self) -> list[SymbolStatus]:
        """What may be done in each symbol."""
        return [SymbolStatus(int(status)) for status in self.exchange.table("symbols")["status"]]

    def last_ticks(self, row: int) -> int:
        """Price of the latest trade; the index where nothing has traded yet."""
        ticks = self.exchange.last_price_ticks(row)
        return ticks or self.exchange.index_e8(row) // self.rules[row].tick_e8

    def is_hedged(self, account: int) -> bool:
        """Whether an account has long and short positions beside each other."""
        return int(self.exchange.table("accounts")["position_mode"][account]) == PositionMode.HEDGE

    @property
    def plain_form(self) -> dict[str, int]:
        """What a conditional's command carries when it was sent as an ordinary order."""
        return {"sender_note": PLAIN_FORM}

    def refusal_of(self, refusal: Refusal) -> WireRefusalError:
        """What the engine refused, as this wire says it."""
        return wire_refusal(refusal)

    def apply(self, kind: CommandKind, *values: object, **fields: Any) -> Done:
        """Apply a command. Errors  what the engine refuses, as this wire says it; `values` fill its text."""
        done = self.core.apply(kind, **fields)
        if not done.is_accepted:
            raise wire_refusal(done.refusal, *values)
        return done

    async def send(self, kind: CommandKind, fields: dict[str, int], client_id: str = "") -> Outcome:
        """Send a command with all that comes in this turn; returns when it is committed. Errors  what the engine refuses, as this wire says it."""
        outcome = await self.core.send(kind, fields, client_id)
        if outcome.refusal is not Refusal.NONE:
            refusal = wire_refusal(outcome.refusal)
            refusal.is_committed = True
            raise refusal
        return outcome

    # ---- read models

    @property
    def first_ms(self) -> int:
        """Time of the first candle."""
        return self.core.first_ms

    def candle_end_ms(self, interval: str, open_ms: int) -> int:
        """Last millisecond of a candle."""
        return after_ms(interval, open_ms) - 1

    def candles(
        self, row: int, source: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> Sequence[Any]:
        """Candles of 'last', 'mark' or 'index'."""
        return self.core.candles.rows(row, source, interval, start_ms, end_ms, limit)

    def public_trades(
        self, row: int, from_id: int | None, start_ms: int | None, end_ms: int | None, limit: int
    ) -> Sequence[Any]:
        """Trades of everybody."""
        return self.core.trades.public(row, from_id, start_ms, end_ms, limit)

    def funding_rates(self, row: int | None, start_ms: int | None, end_ms: int | None, limit: int) -> Sequence[Any]:
        """Settlements."""
        return self.core.funding.rows(row, start_ms, end_ms, limit)

    def funding_ahead(self, row: int) -> tuple[int, int]:
        """Rate and time of the next settlement."""
        return self.core.funding.ahead(row)

    def day(self, row: int) -> Any:
        """The last 24 hours."""
        return self.core.tickers.day(row)

    def order(
        self,
        account: int,
        order_id: int | None,
        client_id: str | None,
        symbol: int | None,
        *,
        are_conditional: bool = False,
    ) -> OrderRecord | None:
        """An order of an account, finished or not; an id goes before a client id, which a conditional shares with its order."""
        orders = self.core.orders
        if order_id is not None:
            record = orders.get(order_id)
        else:
            record = orders.by_client_id(account, symbol, client_id or "")
            if record is not None and are_conditional and record.parent_id:
                record = orders.get(record.parent_id)
        if record is None or record.account != account or symbol not in (None, record.symbol):
            return None
        return record

    def conditionals(
        self, account: int, row: int | None, from_id: int | None, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[OrderRecord]:
        """Conditional orders of the past too."""
        found = self.core.orders.page(account, row, from_id, start_ms, end_ms, limit)
        return [record for record in found if record.is_conditional]

    def forced_orders(
        self,
        account: int,
        row: int | None,
        origins: Sequence[Origin],
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
    ) -> list[OrderRecord]:
        """The engine's own orders of an account, of some origins."""
        found = [
            record
            for origin in origins
            for record in self.core.orders.forced(account, row, origin, start_ms, end_ms, limit)
        ]
        return sorted(found, key=lambda record: record.order_id)[-limit:]

    def own_trades(self, account: int, row: int, limit: int) -> Sequence[Any]:
        """The latest trades of an account in a symbol."""
        return self.core.trades.own(account, row, None, None, None, None, limit)

    def break_even(self, account: int, row: int, side: int, lots: int, entry_cost_e8: int) -> str:
        """Price at which a position would be closed for what it cost, fees included."""
        if not lots:
            return "0.0"
        fees_e8 = self.open_fees.of(account, row, side, lots)
        price_e8 = break_even_e8(entry_cost_e8, fees_e8, lots, self.rules[row].step_e8)
        return format_e8(price_e8, self.numbers[row].price_decimals)

    def adl_quantile(self, view: PositionView) -> int:
        """Place of a position in the queue of auto-deleveraging: 4 in the first fifth of its side, 0 in the last or without profit."""
        return max(0, adl_fifth(self.exchange, view) - 1)
