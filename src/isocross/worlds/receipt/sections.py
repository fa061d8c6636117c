"""Sections: what a receipt tells, in order: headings, sentences, tables. Text and page are laid out from these.

Responsible for: the words and the cells. Must not: compute more than a sum or an average price, know a width or a tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...answer import Table
from ...answer.words import price_text
from ...codes import LiquidationStep, MarginMode, Reason, Side
from ...units import format_e8, format_rate, format_time
from ..legs import leg_of
from .record import FUND, HOUSE, AdlReceipt, BookOrder, HandedOver, PartyLine, PassedOver, Receipt, ReceiptBase, Use
from .story import LIQUIDATION_FEE, START, TRANSFERS

_COLUMNS = (  # of a rulebook: what a liquidation goes by
    "liquidation_ladder",
    "liquidation_time_in_force",
    "takeover_ratio",
    "cross_liquidation_order",
    "liquidation_pays_trading_fee",
    "remainder_to",
    "adl_ranking",
)
_ORDERS_SHOWN = 8
USE_NAMES = ("Moved in", "Realized", "Trading fees", "Funding", "Liquidation fees", "Unrealized")  # of Use.amounts


class Section(NamedTuple):
    """One part of a receipt."""

    heading: str
    lines: Sequence[str] = ()  # sentences, each a paragraph
    tables: Sequence[Table] = ()


def exact_text(amount_e8: int) -> str:
    """An exact amount with thousands commas: '-4,482.00000001'."""
    whole, point, rest = format_e8(abs(amount_e8)).partition(".")
    return f"{'-' if amount_e8 < 0 else ''}{int(whole):,}{point}{rest}"


def signed_text(amount_e8: int) -> str:
    """The same with a plus sign."""
    return f"{'+' if amount_e8 > 0 else ''}{exact_text(amount_e8)}"


# ---- a liquidation


def title(receipt: Receipt) -> str:
    """'Receipt 1: alice, BTCUSDT isolated, long 0.083 BTC'."""
    return f"Receipt {receipt.number}: {receipt.name(receipt.account)}, {_what(receipt)}"


def when(receipt: ReceiptBase) -> str:
    """Time, command, rulebook."""
    book = receipt.rulebook
    return (
        f"{format_time(receipt.place.time_ms)}, command {receipt.place.sequence}; "
        f"rulebook {book.name} as of {book.as_of}; money in {receipt.asset}"
    )


def sentence(receipt: Receipt) -> str:
    """What happened."""
    return f"{_why(receipt)} {_how(receipt)} {_cost(receipt)}"


def sections(receipt: Receipt) -> list[Section]:
    """All of a liquidation's receipt."""
    found = [
        _inequality(receipt),
        _uses(receipt),
        _marks(receipt),
        _done(receipt),
        _sums(receipt, "Who has what more, and what less", receipt.parties),
    ]
    if receipt.rescues is not None:
        found.append(receipt.rescues.section())
    return [*found, _notes(receipt)]


def _what(receipt: Receipt) -> str:
    if not receipt.is_isolated:
        count = len(receipt.positions)
        return f"cross pool of {count} position{'s' if count > 1 else ''} in {receipt.asset}"
    one = receipt.positions[0]
    return f"{leg_of(one.symbol)[0]} isolated, {_size(receipt, one.symbol, one.lots)}"


def _size(receipt: ReceiptBase, symbol: str, lots: int) -> str:
    """'long 0.083 BTC'."""
    return f"{'long' if lots > 0 else 'short'} {_quantity(receipt, symbol, lots)}"


def _size_of(receipt: ReceiptBase, symbol: str, lots: int) -> str:
    """'long of 0.083 BTC'."""
    return f"{'long' if lots > 0 else 'short'} of {_quantity(receipt, symbol, lots)}"


def _quantity(receipt: ReceiptBase, symbol: str, lots: int) -> str:
    """'0.083 BTC'."""
    return f"{exact_text(abs(receipt.quantity_e8(symbol, lots)))} {receipt.rules(symbol).quantity_asset}"


def _price(receipt: ReceiptBase, symbol: str, price_e8: int) -> str:
    return price_text(price_e8, receipt.rules(symbol).tick_e8)


def _average(receipt: ReceiptBase, symbol: str, value_e8: int, lots: int) -> str:
    """The price that a value comes to."""
    return _price(receipt, symbol, int(receipt.rules(symbol).average_price_e8(value_e8, lots)))


def _why(receipt: Receipt) -> str:
    at = {leg_of(one.symbol)[0]: one.mark_e8 for one in receipt.positions}
    marks = ", ".join(f"{symbol} at {_price(receipt, symbol, mark_e8)}" for symbol, mark_e8 in list(at.items())[:4])
    more = f" and {len(at) - 4} more" if len(at) > 4 else ""
    one = receipt.positions[0]
    what = f"isolated {leg_of(one.symbol)[0]} {_size_of(receipt, one.symbol, one.lots)}" if receipt.is_isolated else _what(receipt)
    text = (
        f"With mark {marks}{more}, {receipt.name(receipt.account)}'s {what} had a margin balance of {exact_text(receipt.balance_e8)} left and needed "
        f"more than {exact_text(receipt.maintenance_e8)}"
    )
    worst = min((use for use in receipt.story.uses if use.name not in (START, TRANSFERS)), key=lambda use: use.sum_e8)
    if not receipt.is_isolated and worst.sum_e8 < 0 and len(receipt.positions) > 1:
        text += f"; {worst.name} had used {exact_text(-worst.sum_e8)} of it"
    return f"{text}."


def _how(receipt: Receipt) -> str:
    parts = []
    booked = [order for order in receipt.orders if order.filled_lots]
    for order in booked:
        value_e8 = sum(fill.value_e8 for fill in order.fills)
        at = _average(receipt, order.symbol, value_e8, order.filled_lots)
        parts.append(f"{_quantity(receipt, order.symbol, order.filled_lots)} closed in the book at {at} on average")
    for name, found in (
        ("taken over by the insurance fund", [one for one in receipt.handed_over if one.taker == FUND]),
        ("given up by other traders (auto-deleveraging)", [one for one in receipt.handed_over if one.is_adl]),
        ("taken by the house", [one for one in receipt.handed_over if one.taker == HOUSE]),
    ):
        for symbol in dict.fromkeys(one.symbol for one in found):
            mine = [one for one in found if one.symbol == symbol]
            lots = sum(one.lots for one in mine)
            at = _average(receipt, symbol, sum(one.value_e8 for one in mine), lots)
            parts.append(f"{_quantity(receipt, symbol, lots)} {name} at {at}")
    told = "; ".join(parts) if parts else "the book took nothing"
    end = {
        LiquidationStep.CURED: (
            f": the rest lives on with a margin balance of {exact_text(receipt.balance_after_e8)} against "
            f"{exact_text(receipt.maintenance_after_e8)}"
        ),
        LiquidationStep.WAITING: ": it is still due, and waits for the next prices",
    }.get(receipt.step, "")
    return f"{told[0].upper()}{told[1:]}{end}."


def _cost(receipt: Receipt) -> str:
    who, lost = receipt.name(receipt.account), receipt.lost_e8
    if receipt.step in (LiquidationStep.CURED, LiquidationStep.WAITING):
        return f"{who}'s wallets changed by {signed_text(-lost)}."
    if receipt.is_isolated:
        back = f"; {exact_text(receipt.moved_back_e8)} moved back" if _moved_back(receipt) else ""
        return f"{who} lost {exact_text(lost)}{back}; nothing else of the account was touched."
    return f"{who} lost {exact_text(lost)}: all that stood behind the pool's positions counted."


def _moved_back(receipt: Receipt) -> bool:
    return receipt.moved_back_e8 > 0 and not receipt.rest_to_fund


def _inequality(receipt: Receipt) -> Section:
    """The numbers that fired."""
    positions = receipt.positions
    cells: list[tuple[str, list[str]]] = [
        ("Quantity", [signed_text(receipt.quantity_e8(one.symbol, one.lots)) for one in positions]),
        ("Entry price", [_average(receipt, one.symbol, one.entry_cost_e8, one.lots) for one in positions]),
        ("Mark price", [exact_text(one.mark_e8) for one in positions]),
        ("Entry cost", [exact_text(one.entry_cost_e8) for one in positions]),
        ("Value at mark", [exact_text(one.entry_cost_e8 + one.unrealized_pnl_e8) for one in positions]),
        ("Unrealized PnL", [signed_text(one.unrealized_pnl_e8) for one in positions]),
        ("Bracket", [f"{one.bracket}: {format_rate(one.bracket_rate_e8)}" for one in positions]),
        ("Maintenance margin", [exact_text(one.maintenance_e8) for one in positions]),
        ("Leverage set", [f"{one.leverage}x" for one in positions]),
    ]
    table = Table(("", *(one.symbol for one in positions)), [(label, *row) for label, row in cells])
    wallet = "isolated wallet" if receipt.is_isolated else "cross wallet"
    unrealized = sum(one.unrealized_pnl_e8 for one in receipt.positions)
    return Section(
        "Why: margin balance ≤ maintenance margin",
        (
            f"{wallet} {exact_text(receipt.backing_e8)} + unrealized PnL {exact_text(unrealized)} = margin balance "
            f"{exact_text(receipt.balance_e8)} ≤ {exact_text(receipt.maintenance_e8)} maintenance margin",
        ),
        (table,),
    )


def _uses(receipt: Receipt) -> Section:
    since = receipt.story.since
    what = "the position" if receipt.is_isolated else "the pool"
    if since is None:
        opened = f"{what} was open before this record begins"
    else:
        opened = f"{what} was opened at {format_time(since.time_ms)}, command {since.sequence}"
    uses = receipt.story.uses
    shown = [(name, at) for at, name in enumerate(USE_NAMES) if any(use.amounts[at] for use in uses)]
    rows = [(use_name(use), *(exact_text(use.amounts[at]) for _, at in shown), exact_text(use.sum_e8)) for use in uses]
    sums = [exact_text(sum(use.amounts[at] for use in uses)) for _, at in shown]
    if len(uses) > 1:
        rows.append(("Margin balance", *sums, exact_text(sum(use.sum_e8 for use in uses))))
    heading = "What used the margin" if receipt.is_isolated else "Which position used the pool"
    return Section(
        heading,
        (f"{opened[0].upper()}{opened[1:]}; since then:",),
        (Table(("", *(name for name, _ in shown), "Sum"), rows),),
    )


def use_name(use: Use) -> str:
    """What a use is called."""
    names = {
        START: "Balance then",
        TRANSFERS: "Paid in and out",
        LIQUIDATION_FEE: "Earlier liquidation",
    }
    return names.get(use.name, use.name)


def _marks(receipt: Receipt) -> Section:
    rows, lines = [], []
    for path in receipt.story.marks:
        if not path.mark_e8:
            continue
        marks = [_price(receipt, path.symbol, mark) for mark in path.mark_e8]
        lowest, highest = (_price(receipt, path.symbol, find(path.mark_e8)) for find in (min, max))
        before = marks[-2] if len(marks) > 1 else ""
        rows.append((path.symbol, marks[0], highest, lowest, before, marks[-1]))
    if len(receipt.story.marks) == 1 and rows:
        path = receipt.story.marks[0]
        last = list(zip(path.time_ms, path.mark_e8, strict=True))[-5:]
        told = [
            f"{format_time(time).removesuffix(' UTC')}  {_price(receipt, path.symbol, mark)}" for time, mark in last
        ]
        lines.append(f"The last marks: {'; '.join(told)}")
    table = Table(("Mark", "At opening", "Highest", "Lowest", "One before", "Fired"), rows)
    return Section("The way of the mark", lines, (table,) if rows else ())


def _done(receipt: Receipt) -> Section:
    lines, tables = [], []
    own = [one for one in receipt.cancelled if one.account == receipt.account]
    if own:
        told = [
            f"{one.side.name.lower()} {_quantity(receipt, one.symbol, one.lots)} at "
            f"{_price(receipt, one.symbol, one.price_ticks * receipt.rules(one.symbol).tick_e8)}"
            for one in own[:_ORDERS_SHOWN]
        ]
        more = f"; {len(own) - _ORDERS_SHOWN} more" if len(own) > _ORDERS_SHOWN else ""
        lines.append(f"Open orders cancelled: {'; '.join(told)}{more}.")
    for order in receipt.orders:
        lines.append(_order_line(receipt, order))
        if order.fills:
            tables.append(_fills_table(receipt, order))
    lines += _taken_out_lines(receipt)
    lines += _handover_lines(receipt)
    if receipt.fee_e8:
        lines.append(f"Liquidation fee to the insurance fund: {exact_text(receipt.fee_e8)}.")
    if receipt.moved_back_e8:
        whom = "the insurance fund" if receipt.rest_to_fund else "the account's cross wallet"
        lines.append(f"What was left of the isolated wallet went to {whom}: {exact_text(receipt.moved_back_e8)}.")
    if not receipt.is_end:
        lines.append(
            f"It ends {receipt.step.name.lower()}: margin balance {exact_text(receipt.balance_after_e8)}, maintenance "
            f"margin {exact_text(receipt.maintenance_after_e8)}."
        )
    return Section("What was done", lines, tables)


def _order_line(receipt: Receipt, order: BookOrder) -> str:
    rules = receipt.rules(order.symbol)
    limit = _price(receipt, order.symbol, order.limit_ticks * rules.tick_e8)
    side = "Sell" if order.side == Side.SELL else "Buy"
    text = f"{side} {_quantity(receipt, order.symbol, order.lots)} into the book at {limit} (the bankruptcy price) or better"
    if not order.fills:
        return f"{text}: nobody was there."
    took = "all of it" if order.filled_lots == order.lots else _quantity(receipt, order.symbol, order.filled_lots)
    return f"{text}: the book took {took}, level by level below."


def _fills_table(receipt: Receipt, order: BookOrder) -> Table:
    rows = []
    for price_ticks, fills in order.levels().items():
        makers = list(dict.fromkeys(receipt.name(fill.maker) for fill in fills))
        rows.append(
            (
                _price(receipt, order.symbol, price_ticks * receipt.rules(order.symbol).tick_e8),
                exact_text(receipt.quantity_e8(order.symbol, sum(fill.lots for fill in fills))),
                exact_text(sum(fill.value_e8 for fill in fills)),
                exact_text(sum(fill.realized_e8 for fill in fills)),
                ", ".join(makers) if len(makers) < 3 else f"{len(makers)} makers",
            )
        )
    verb = "Sold" if order.side == Side.SELL else "Bought"
    return Table((f"{verb} at", receipt.rules(order.symbol).quantity_asset, "Value", "Realized", "Maker"), rows)


def _taken_out_lines(receipt: Receipt) -> list[str]:
    """Orders of makers that could not be filled and left the book."""
    others = [one for one in receipt.cancelled if one.account != receipt.account and one.reason != Reason.ADL]
    if not others:
        return []
    reasons = ", ".join(dict.fromkeys(one.reason.name.lower().replace("_", " ") for one in others))
    return [f"Orders of others that left the book on the way: {len(others)} ({reasons})."]


def _handover_lines(receipt: Receipt) -> list[str]:
    if not receipt.handed_over:
        return []
    what = "the isolated wallet" if receipt.is_isolated else "the pool"
    lines = [f"What was left was handed over, at values that leave {what} at exactly 0:"]
    for symbol in dict.fromkeys(one.symbol for one in receipt.handed_over):
        for one in [one for one in receipt.handed_over if one.symbol == symbol]:
            told = _handed_text(receipt, one)
            lines.append(f"{told[0].upper()}{told[1:]}.")
        lines += [_passed_line(receipt, one) for one in receipt.passed_over if one.symbol == symbol]
    return lines


def _handed_text(receipt: Receipt, one: HandedOver) -> str:
    """Who took what, at which price."""
    size, at = _size(receipt, one.symbol, one.lots), _average(receipt, one.symbol, one.value_e8, one.lots)
    text = f"{size} at {at}, value {exact_text(one.value_e8)}, to"
    if one.is_adl:
        score = f", its score {exact_text(one.score_e8)}" if one.score_e8 else ""
        return (
            f"{text} {receipt.name(one.taker)}, deleveraged: its {one.margin_mode.name.lower()} position closed against it, "
            f"realized {signed_text(one.realized_e8)}{score}"
        )
    if one.taker == FUND:
        return f"{text} the insurance fund, whose margin balance at mark is {exact_text(one.balance_e8)} after it"
    return f"{text} the house: nobody else could bear it"


def _passed_line(receipt: ReceiptBase, one: PassedOver) -> str:
    backing = "its isolated wallet" if one.margin_mode == MarginMode.ISOLATED else "its pool at mark"
    return (
        f"{receipt.name(one.account)} was passed over: one lot of its {_size(receipt, one.symbol, one.lots)} closed at "
        f"{_average(receipt, one.symbol, one.lot_value_e8, 1)} would have left {backing} at {exact_text(one.balance_e8)}, "
        "below zero."
    )


def _sums(receipt: ReceiptBase, heading: str, parties: Sequence[PartyLine]) -> Section:
    """The table that sums to zero."""
    symbols = [symbol for symbol in dict.fromkeys(symbol for line in parties for symbol in line.lots)]
    symbols = [symbol for symbol in symbols if any(line.lots.get(symbol) for line in parties)]

    def row(name: str, lines: Sequence[PartyLine]) -> tuple[str, ...]:
        sums = [sum(part) for part in zip(*((one[1], one[2], one[3], one.net_e8) for one in lines), strict=True)]
        lots = [sum(one.lots.get(symbol, 0) for one in lines) for symbol in symbols]
        sizes = [receipt.quantity_e8(symbol, count) for symbol, count in zip(symbols, lots, strict=True)]
        return (name, *map(exact_text, sums), *map(exact_text, sizes))

    rows = [row(receipt.name(line.account), [line]) for line in parties]
    bases = [receipt.rules(symbol).quantity_asset for symbol in symbols]
    head = ("", "Cross wallet", "Isolated", "Entry cost", "Net", *bases)
    return Section(
        heading,
        ("Net = cross wallet + isolated − entry cost of open lots. It sums to zero, to the unit, and so do the lots.",),
        (Table(head, [*rows, row("Sum", parties)]),),
    )


def _notes(receipt: Receipt) -> Section:
    lines = []
    if any(line.account == HOUSE for line in receipt.parties):
        lines.append(
            "The house is this exchange's market maker: outside margin rules, inside the sums, and it pays no fee."
        )
    decided = [name for name in _COLUMNS if name in receipt.rulebook.decisions]
    if decided:
        lines.append(f"Decided in this rulebook, not sourced from the venue: {', '.join(decided)}.")
    left_out = sum(path.left_out for path in receipt.story.marks)
    if left_out:
        lines.append(
            f"{left_out} marks are not shown one by one; the highest and lowest of every stretch, and the last ones, are."
        )
    return Section("Notes", lines)


# ---- an auto-deleveraging


def adl_title(receipt: AdlReceipt) -> str:
    """'Receipt 2: carol, auto-deleveraged, BTCUSDT'."""
    return f"Receipt {receipt.number}: {receipt.name(receipt.account)}, auto-deleveraged in {receipt.symbol}"


def adl_sentence(receipt: AdlReceipt) -> str:
    """What happened."""
    symbol = receipt.symbol
    at = _average(receipt, symbol, receipt.value_e8, receipt.lots)
    whole = "all" if receipt.lots == abs(receipt.lots_before) else _quantity(receipt, symbol, receipt.lots)
    return (
        f"{receipt.name(receipt.liquidated)} was liquidated, and neither the book nor the insurance fund could take the "
        f"rest: {receipt.name(receipt.account)}, asked as number {receipt.rank}, had to give {whole} of its "
        f"{receipt.margin_mode.name.lower()} {_size(receipt, symbol, receipt.lots_before)} at {at}, the bankruptcy price "
        f"of the liquidated side, with mark at {_price(receipt, symbol, receipt.mark_e8)}. It realized "
        f"{signed_text(receipt.realized_e8)} and paid no fee."
    )


def adl_sections(receipt: AdlReceipt) -> list[Section]:
    """All of an auto-deleveraging's receipt."""
    symbol, score = receipt.symbol, receipt.parts[0].score_e8
    lines = [f"Who is asked first goes by the rulebook's ranking: {receipt.rulebook.adl_ranking.name.lower()}."]
    if score:
        lines.append(f"Its score was {exact_text(score)}.")
    lines += [_passed_line(receipt, one) for one in receipt.passed_over]
    if receipt.cancelled:
        lines.append(f"Its open orders in {symbol} were cancelled: {len(receipt.cancelled)}.")
    rows = [
        (
            _quantity(receipt, symbol, part.lots),
            _average(receipt, symbol, part.value_e8, part.lots),
            exact_text(part.value_e8),
            signed_text(part.realized_e8),
            exact_text(part.balance_e8),
        )
        for part in receipt.parts
    ]
    table = Table(("Gave", "At", "Value", "Realized", "Left behind it"), rows)
    return [
        Section("Why this account, and what it gave", lines, (table,)),
        _sums(receipt, "What it moved", receipt.parties),
        Section("Notes", (f"The liquidation itself is receipt {receipt.liquidation}.",)),
    ]


# ---- several


def list_rows(found: Iterable[Receipt | AdlReceipt]) -> list[tuple[str, ...]]:
    """A line each: number, time, account, what, how it ended, what it lost."""
    rows: list[tuple[str, ...]] = []
    for one in found:
        if isinstance(one, AdlReceipt):
            what, end, lost = (
                f"{one.symbol} gave {_quantity(one, one.symbol, one.lots)}",
                "deleveraged",
                one.realized_e8,
            )
        else:
            what = f"{one.positions[0].symbol} isolated" if one.is_isolated else f"cross pool of {len(one.positions)}"
            end, lost = one.step.name.lower().replace("_", " "), -one.lost_e8
        moment = format_time(one.place.time_ms).removesuffix(" UTC")
        rows.append((str(one.number), moment, one.name(one.account), what, end, signed_text(lost)))
    return rows
