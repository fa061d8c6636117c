"""Record: what a receipt says, in the exchange's integers.

Responsible for: Receipt, AdlReceipt and their parts; plain data with exact decimal text; the list of several.
Must not: read an event (reading.py), add up what came before (story.py), word anything (text.py, page.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...answer import Answer, Columns, Shown
from ...codes import LiquidationStep, MarginMode, Reason, Side
from ...rulebook import Rulebook, SymbolRules
from ..legs import leg_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from .rescue import Rescues

SCHEMA = "isocross.receipt/1"
FUND, HOUSE, FEES = 0, 1, -1  # accounts of the exchange; the fees that it has collected have no account


class Place(NamedTuple):
    """Where in a history: the command, and its time."""

    sequence: int
    time_ms: int


class Judged(NamedTuple):
    """A position of the pocket that was due, when the inequality fired."""

    symbol: str
    margin_mode: MarginMode
    leverage: int
    lots: int  # signed
    entry_cost_e8: int  # signed like the lots
    mark_e8: int
    index_e8: int
    unrealized_pnl_e8: int
    maintenance_e8: int
    bracket: int  # its number, from 1
    bracket_rate_e8: int
    isolated_wallet_e8: int  # 0 in cross


class Withdrawn(NamedTuple):
    """An order that was cancelled on the way."""

    account: int
    order_id: int
    symbol: str
    side: Side
    price_ticks: int
    lots: int
    reason: Reason


class BookFill(NamedTuple):
    """One match of a liquidation order."""

    price_ticks: int
    lots: int
    value_e8: int
    maker: int  # account
    realized_e8: int  # of the liquidated side
    fee_e8: int  # of the liquidated side
    maker_fee_e8: int


class BookOrder(NamedTuple):
    """One liquidation order, sent into the book."""

    symbol: str
    side: Side
    limit_ticks: int  # the bankruptcy price
    lots: int
    fills: tuple[BookFill, ...]

    @property
    def filled_lots(self) -> int:
        """What the book took."""
        return sum(fill.lots for fill in self.fills)

    def levels(self) -> dict[int, list[BookFill]]:
        """The fills by price, in the order in which they were reached."""
        found: dict[int, list[BookFill]] = {}
        for fill in self.fills:
            found.setdefault(fill.price_ticks, []).append(fill)
        return found


class HandedOver(NamedTuple):
    """Lots that somebody took over, or gave, because the book did not take them."""

    symbol: str
    taker: int  # account: the fund, the house, or a counterparty that is deleveraged
    is_adl: bool
    lots: int  # of the liquidated position, signed
    value_e8: int  # signed: what the liquidated side got for them
    realized_e8: int  # of the taker
    balance_e8: (
        int  # the fund: its margin balance at mark afterwards; a counterparty: what is left of what was asked to be ≥ 0
    )
    margin_mode: MarginMode  # of the counterparty
    score_e8: int  # of the counterparty


class PassedOver(NamedTuple):
    """A ranked counterparty that could not bear one lot at that value."""

    symbol: str
    account: int
    margin_mode: MarginMode
    lots: int  # its position, signed
    lot_value_e8: int
    realized_e8: int  # of that one lot
    balance_e8: int  # what it would have left of what backs the counterparty: below zero
    score_e8: int


class PartyLine(NamedTuple):
    """What changed for one party from the first to the last event. The nets of all parties sum to zero."""

    account: int  # −1: fees
    cross_e8: int  # its cross wallet; of the fees, what was collected
    isolated_e8: int  # its isolated wallets
    entry_cost_e8: int  # what its open lots were bought for, signed
    lots: Mapping[str, int]  # by symbol

    @property
    def net_e8(self) -> int:
        """Money received − paid: wallets − entry cost, open lots not valued."""
        return self.cross_e8 + self.isolated_e8 - self.entry_cost_e8


class Use(NamedTuple):
    """What one thing did to what backs the position, since it was last flat. The sums of all make the balance."""

    name: str  # a symbol; "start", "transfers"
    moved_e8: int = 0  # into (> 0) or out of the pocket
    realized_e8: int = 0
    fee_e8: int = 0  # trading fees, ≤ 0
    funding_e8: int = 0
    liquidation_fee_e8: int = 0  # of earlier liquidations, ≤ 0
    unrealized_e8: int = 0

    @property
    def amounts(self) -> tuple[int, ...]:
        """Moved, realized, trading fees, funding, liquidation fees, unrealized."""
        return self[1:]

    @property
    def sum_e8(self) -> int:
        """All of it."""
        return sum(self.amounts)


class MarkPath(NamedTuple):
    """Marks of one symbol, oldest first, the one that fired last."""

    symbol: str
    time_ms: tuple[int, ...]
    mark_e8: tuple[int, ...]
    left_out: int  # marks between those shown; highest and lowest of every stretch are shown


class Story(NamedTuple):
    """What came before: since when, what used the margin, how the marks went."""

    since: Place | None  # when the position, or the first of the pool, was opened; None: before the events begin
    uses: tuple[Use, ...]
    marks: tuple[MarkPath, ...]
    opened: Mapping[
        str, Place
    ]  # when each position was, by symbol; those that were open before the events begin are not in it


@dataclass(frozen=True, repr=False, eq=False)
class ReceiptBase(Answer):
    """What both kinds of receipt have."""

    number: int  # from 1, in the order of events
    place: Place
    account: int  # whose receipt it is
    asset: str
    rulebook: Rulebook
    names: Mapping[int, str]  # of accounts
    parties: tuple[PartyLine, ...]

    @property
    def gap_e8(self) -> int:
        """Σ of the parties' nets: 0, or there is a bug."""
        return sum(line.net_e8 for line in self.parties)

    def columns(self) -> Columns:
        """A row per party."""
        symbols = sorted({symbol for line in self.parties for symbol in line.lots})
        return {
            "party": [self.name(line.account) for line in self.parties],
            "cross_wallet_e8": [line.cross_e8 for line in self.parties],
            "isolated_wallet_e8": [line.isolated_e8 for line in self.parties],
            "entry_cost_e8": [line.entry_cost_e8 for line in self.parties],
            "net_e8": [line.net_e8 for line in self.parties],
            **{
                f"{symbol}_e8": [self.quantity_e8(symbol, line.lots.get(symbol, 0)) for line in self.parties]
                for symbol in symbols
            },
        }

    def rules(self, symbol: str) -> SymbolRules:
        """The rulebook's row of a symbol, or of a leg of it."""
        return self.rulebook.symbols[leg_of(symbol)[0]]

    def name(self, account: int) -> str:
        """What an account is called."""
        fixed = {FUND: "insurance fund", HOUSE: "house", FEES: "fees"}
        return fixed.get(account) or self.names.get(account) or f"account {account}"

    def quantity_e8(self, symbol: str, lots: int) -> int:
        """Base units of lots; of an inverse contract quote units."""
        return lots * self.rules(symbol).step_e8

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """For a terminal, at most 80 columns."""
        from .text import text_of

        return text_of(self)  # type: ignore[arg-type]

    def html(self) -> str:
        """One page with a picture that needs nothing else: no script, no font, no address."""
        from .page import page

        return page(self)  # type: ignore[arg-type]

    def save(self, path: str | Path) -> Path:
        """Write it: .html the page, .json the data, .svg the picture, anything else the text."""
        from .page import save

        return save(self, path)  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False, eq=False)
class Receipt(ReceiptBase):
    """One liquidation: the inequality that fired, what it did, and who has what now."""

    margin_mode: MarginMode
    balance_e8: int
    maintenance_e8: int
    positions: tuple[Judged, ...]
    story: Story
    cancelled: tuple[Withdrawn, ...]
    orders: tuple[BookOrder, ...]
    handed_over: tuple[HandedOver, ...]
    passed_over: tuple[PassedOver, ...]
    fee_e8: int
    moved_back_e8: int  # out of the isolated wallet once it was flat
    rest_to_fund: bool  # whether the fund got that
    step: LiquidationStep
    balance_after_e8: int  # of what lives on
    maintenance_after_e8: int
    find_rescues: Callable[[Receipt], Rescues]
    rescues: Rescues | None = None  # once asked for by `with_rescues`

    @property
    def is_isolated(self) -> bool:
        """Whether one isolated position was judged, not a pool."""
        return self.margin_mode == MarginMode.ISOLATED

    @property
    def backing_e8(self) -> int:
        """The wallet in the inequality: the isolated one, or the cross wallet."""
        return self.balance_e8 - sum(one.unrealized_pnl_e8 for one in self.positions)

    @property
    def is_end(self) -> bool:
        """Whether nothing of it was left."""
        return self.step in (LiquidationStep.CLOSED_IN_BOOK, LiquidationStep.TAKEN_OVER)

    @property
    def lost_e8(self) -> int:
        """What the liquidated account's wallets have less now."""
        mine = next(line for line in self.parties if line.account == self.account)
        return -(mine.cross_e8 + mine.isolated_e8)

    def what_would_have_saved_you(self) -> Rescues:
        """The least changes with which this account would have lived, each found by search and shown by replay."""
        return self.find_rescues(self) if self.rescues is None else self.rescues

    def with_rescues(self) -> Receipt:
        """The same receipt, which also says what would have saved the account."""
        return replace(self, rescues=self.what_would_have_saved_you())

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        from .data import receipt_dict

        return receipt_dict(self)

    def shown(self) -> Shown:
        """What people see of it."""
        from .text import shown

        return shown(self)

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        from .sections import sentence

        return sentence(self)

    def svg(self) -> str:
        """The picture."""
        from .picture import picture

        return picture(self)

    def plot(self) -> Figure:
        """The picture as a matplotlib Figure."""
        from .plot import figure

        return figure(self)


@dataclass(frozen=True, repr=False, eq=False)
class AdlReceipt(ReceiptBase):
    """One auto-deleveraging: what an account that did nothing wrong had to give, why it, and at what value."""

    liquidation: int  # number of the receipt of the liquidation that needed it
    liquidated: int  # account
    margin_mode: MarginMode  # of the deleveraged position
    rank: int  # 1: the first who was asked
    parts: tuple[HandedOver, ...]  # one, or two where everyone gives by size first
    lots_before: int
    mark_e8: int
    passed_over: tuple[PassedOver, ...]  # who was asked before it and could not
    cancelled: tuple[Withdrawn, ...]

    @property
    def symbol(self) -> str:
        """The contract."""
        return leg_of(self.parts[0].symbol)[0]

    @property
    def lots(self) -> int:
        """Lots of its own position that were closed, > 0."""
        return sum(abs(part.lots) for part in self.parts)

    @property
    def value_e8(self) -> int:
        """What they were closed for, > 0 or < 0 as the value of the liquidated lots."""
        return sum(part.value_e8 for part in self.parts)

    @property
    def realized_e8(self) -> int:
        """Its realized PnL."""
        return sum(part.realized_e8 for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text."""
        from .data import adl_dict

        return adl_dict(self)

    def shown(self) -> Shown:
        """What people see of it."""
        from .text import shown

        return shown(self)
