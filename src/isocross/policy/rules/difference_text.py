"""Difference text: the words of `rules diff`: facts and columns side by side, the trade mode by mode, its liquidations.

Responsible for: text for people. Must not: compute, print, know the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...answer import Shown, Table
from ...answer.words import money_text, percent_text, price_text
from ...codes import EventKind
from ...units import format_e8, format_money
from .difference import RulesDiff
from .trade import SECONDS_PER_STEP, STEPS, LadderStep, Life
from .words import UNKNOWN, Column

_WIDTHS = (24, 26, 26)
_COLUMN_WIDTHS = (28, 24, 24)
LIQUIDATIONS_TOLD_MAX = 6


def shown(result: RulesDiff) -> Shown:
    """What people see of it."""
    a, b = result.a, result.b
    tables = []
    if result.facts:
        rows = [(one.a.label, one.a.says or UNKNOWN, one.b.says or UNKNOWN) for one in result.facts]
        tables.append(Table(("FACTS", a.title, b.title), rows, widths=_WIDTHS))
    for of, head in _column_heads(result).items():
        rows = [(one.name, _cell(one.a), _cell(one.b)) for one in result.columns_differing if one.of == of]
        if rows:
            tables.append(Table(head, rows, widths=_COLUMN_WIDTHS))
    for here, there in zip(result.lives[::2], result.lives[1::2], strict=True):
        tables.append(_life_table(here, there, trade_title(result) if not _has_trade(tables) else ""))
    return Shown(f"{a.name} and {b.name}", tables, _sentence(result), [*_notes(result)])


def trade_title(result: RulesDiff) -> str:
    """'long 0.083 BTC at 60,000, 10x, wallet 10,000; then -30 % in 10 min with 20 % of the book'."""
    terms = result.terms
    if terms is None:
        return f"{result.a.name} and {result.b.name}"
    side = "long" if terms.is_long else "short"
    base = result.contracts[0].base_asset
    crash = percent_text(-terms.crash_e8 if terms.is_long else terms.crash_e8)
    size = f"{format_e8(terms.quantity_e8)} " if terms.quantity_e8 else ""
    return (
        f"{side} {size}{base} at {format_money(terms.price_e8)}, {terms.leverage}x, wallet "
        f"{format_money(terms.wallet_e8)}; then {crash} in {STEPS * SECONDS_PER_STEP // 60} min, "
        f"{percent_text(terms.depth_e8, is_signed=False)} of the book left"
    )


def _column_heads(result: RulesDiff) -> dict[str, tuple[str, str, str]]:
    heads = {"": ("COLUMNS", result.a.name, result.b.name)}
    if result.contracts:
        one, other = result.contracts
        heads["contract"] = ("CONTRACT", one.symbol, other.symbol)
    return heads


def _has_trade(tables: Sequence[Table]) -> bool:
    return any(table.head[0].endswith(("isolated", "cross")) for table in tables)


def _cell(column: Column) -> str:
    return f"{column.value} *" if column.is_decided else column.value


def _life_table(here: Life, there: Life, caption: str) -> Table:
    lives = (here, there)
    rows: list[tuple[str, ...]] = [("Contract", *(life.rules.symbol for life in lives))]
    if any(life.is_opened for life in lives):
        rows += [
            ("Entry price", *(_price(life, life.entry_e8) for life in lives)),
            ("Initial margin", *(_money(life, life.initial_margin_e8) for life in lives)),
            ("Maintenance margin", *(_money(life, life.maintenance_e8) for life in lives)),
            ("Liquidation price", *(_price(life, life.liquidation_e8) for life in lives)),
            ("Bankruptcy price", *(_price(life, life.bankruptcy_e8) for life in lives)),
            ("After the crash", *(life.ending if life.is_opened else "not opened" for life in lives)),
            ("  still open", *(_quantity(life) for life in lives)),
            ("  ladder orders", *(str(life.orders) if life.is_opened else "" for life in lives)),
            ("  equity left", *(_money(life, life.equity_after_e8) for life in lives)),
            ("  lost", *(_money(life, life.lost_e8) for life in lives)),
            ("Trading fees", *(_money(life, life.trading_fees_e8) for life in lives)),
            ("Liquidation fees", *(_money(life, life.liquidation_fees_e8) for life in lives)),
            ("Rest to the fund", *(_money(life, life.rest_to_fund_e8) for life in lives)),
        ]
    else:
        rows.append(("", "not opened", "not opened"))
    return Table((here.mode.name.lower(), *(life.rulebook for life in lives)), rows, caption)


def _price(life: Life, price_e8: int | None) -> str:
    return price_text(price_e8, life.rules.tick_e8) if life.is_opened else ""


def _money(life: Life, money_e8: int | None) -> str:
    return money_text(money_e8) if life.is_opened else ""


def _quantity(life: Life) -> str:
    return format_e8(life.open_after_e8) if life.open_after_e8 is not None else ""


def _sentence(result: RulesDiff) -> str:
    """What the crash made of the trade, in numbers."""
    told = [
        f"{life.rulebook} {life.mode.name.lower()} {money_text(life.lost_e8)} {life.rules.margin_asset}"
        for life in result.lives
        if life.is_opened
    ]
    return f"Lost at the end of the crash: {', '.join(told)}." if told else ""


def _notes(result: RulesDiff) -> Iterator[str]:
    for life in result.lives:
        name = f"{life.rulebook} {life.mode.name.lower()}"
        if not life.is_opened:
            yield f"{name}: NOT OPENED, {life.refusal}"
        elif life.is_liquidated:
            yield f"{name}: {_story(life)}"
    for choice in (result.a, result.b):
        if choice.venue is None:
            yield f"no facts of {choice.title} are known: the rulebooks' columns are compared alone"
    if result.a.venue is not None and result.a.venue is result.b.venue:
        yield f"both are of {result.a.title}: its facts are the same, the columns tell what differs"
    if any(column.is_decided for one in result.columns_differing for column in (one.a, one.b)):
        yield "* decided, not sourced, in that rulebook; `isocross rules show` says why"
    unknown = sum(not one.is_known for one in result.facts)
    if unknown:
        yield f"{unknown} of the {len(result.facts)} facts are unknown on one side: they may agree after all"
    yield from result.notes


def _story(life: Life) -> str:
    """Its liquidations, one clause each: where it began, its orders, how it ended."""
    told: list[str] = []
    parts: list[str] = []
    for step in life.steps:
        parts.append(_step(life, step))
        if step.kind is EventKind.LIQUIDATION_ENDED:
            told.append(", ".join(part for part in parts if part))
            parts = []
    more = len(told) - LIQUIDATIONS_TOLD_MAX
    if more > 0:
        told = [*told[: LIQUIDATIONS_TOLD_MAX - 1], f"{more} more alike", told[-1]]
    return "; ".join(told)


def _step(life: Life, step: LadderStep) -> str:
    base = life.rules.base_asset
    quantity = f"{format_e8(step.quantity_e8)} {base}"
    match step.kind:
        case EventKind.LIQUIDATION_STARTED:
            return f"at mark {price_text(step.mark_e8, life.rules.tick_e8)}"
        case EventKind.LIQUIDATION_ORDER:
            filled = "all" if step.filled_e8 == step.quantity_e8 else format_e8(step.filled_e8)
            return f"order for {quantity}, filled {filled if step.filled_e8 else 'nothing'}"
        case EventKind.TAKEOVER:
            return f"{step.counterparty} takes {quantity}"
        case EventKind.ADL:
            return f"{quantity} by auto-deleveraging"
        case EventKind.LIQUIDATION_FEE:
            return f"fee {money_text(step.fee_e8)}" if step.fee_e8 else ""
        case EventKind.LIQUIDATION_ENDED if step.ending is not None:
            return step.ending.name.lower().replace("_", " ")
    return ""
