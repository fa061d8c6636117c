"""Picture: what a liquidation looks like, as SVG that needs nothing else.

Responsible for: the marks on the way to it, what used the margin, where the lots went. Must not: load a library, name an
address, tell by color alone: every line and bar has its words beside it.

Colors are CSS variables with a light and a dark value, so that the picture is readable on either page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ...answer.words import duration_text, price_text
from ...codes import LiquidationStep
from ...units import format_money
from .record import FUND, MarkPath, Receipt, Use
from .sections import USE_NAMES, exact_text, sentence, title, use_name

WIDTH = 880
_LEFT, _RIGHT = 150, 190  # room for words
_MARKS_HEIGHT, _ROW, _GAP = 170, 24, 16
_POSITIONS_MAX = 6

STYLE = """
.ix{--ink:#1b1f24;--soft:#59636e;--grid:#d8dee4;--mark:#1f5fb4;--bad:#b3261e;--good:#1a7f4b;--warn:#9a5b00;--fill:#1f5fb422}
@media (prefers-color-scheme:dark){.ix{--ink:#e6edf3;--soft:#a9b4c0;--grid:#3a434d;--mark:#79b0ff;--bad:#ff8a80;--good:#63d39b;
--warn:#f0b35c;--fill:#79b0ff2e}}
.ix text{font:13px system-ui,sans-serif;fill:var(--ink);font-variant-numeric:tabular-nums}
.ix .head{font-weight:600}.ix .soft{fill:var(--soft)}.ix .end{text-anchor:end}
.ix .grid{stroke:var(--grid);stroke-width:1}.ix .mark{stroke:var(--mark);stroke-width:2;fill:none}
.ix .entry{stroke:var(--soft);stroke-dasharray:6 4;stroke-width:1.5}.ix .due{stroke:var(--bad);stroke-dasharray:2 3;stroke-width:1.5}
.ix .hit{fill:var(--bad)}.ix .plus{fill:var(--good)}.ix .minus{fill:var(--bad)}.ix .sum{fill:var(--mark)}
.ix .book{fill:var(--mark)}.ix .fund{fill:var(--warn)}.ix .adl{fill:var(--bad)}.ix .house{fill:var(--soft)}.ix .rest{fill:var(--good)}
"""


class Line(NamedTuple):
    """A horizontal line with words at its right end."""

    price_e8: int
    words: str
    kind: str


def picture(receipt: Receipt) -> str:
    """The SVG, with its own style."""
    parts: list[str] = []
    top = 8.0
    for path in receipt.story.marks[:_POSITIONS_MAX]:
        if path.mark_e8:
            parts += _marks(receipt, path, top)
            top += _MARKS_HEIGHT + _GAP
    parts += _waterfall(receipt, top)
    top += (len(steps_of(receipt)) + 2) * _ROW + _GAP
    parts += _whereabouts(receipt, top)
    top += sum(_rows(segments) for _, segments in _lots(receipt)) * _ROW
    body = "\n".join(parts)
    return (
        f'<svg class="ix" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" role="img" '
        f'aria-labelledby="ix-title ix-desc">\n<title id="ix-title">{escape(title(receipt))}</title>\n'
        f'<desc id="ix-desc">{escape(sentence(receipt))}</desc>\n<style>{STYLE}</style>\n{body}\n</svg>'
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{name}>{escape(words)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1.5):.1f}" height="{height:.1f}" class="{kind}"/>'


# ---- the marks


def _marks(receipt: Receipt, path: MarkPath, top: float) -> list[str]:
    """Mark of one symbol from the opening to the end, with entry and bankruptcy price."""
    rules = receipt.rules(path.symbol)
    lines = lines_of(receipt, path)
    prices = [*path.mark_e8, *(line.price_e8 for line in lines)]
    low, high = min(prices), max(prices)
    room = max(high - low, 1)
    left, right, floor = _LEFT, WIDTH - _RIGHT, top + _MARKS_HEIGHT - 24

    def across(price_e8: int) -> float:
        return floor - (price_e8 - low) / room * (_MARKS_HEIGHT - 60)

    first, last = path.time_ms[0], path.time_ms[-1]
    count = len(path.mark_e8)

    def along(at: int) -> float:
        part = (path.time_ms[at] - first) / (last - first) if last > first else at / max(count - 1, 1)
        return left + part * (right - left)

    parts = [_text(8, top + 14, f"Mark of {path.symbol}", "head")]
    parts.append(_rule(left, floor, right, floor, "grid"))
    parts += [_rule(left, across(line.price_e8), right, across(line.price_e8), line.kind) for line in lines]
    points = [] if count > 1 else [f"{right:.1f},{across(path.mark_e8[0]):.1f}"]
    for at, mark in enumerate(path.mark_e8):
        if at:
            points.append(f"{along(at):.1f},{across(path.mark_e8[at - 1]):.1f}")
        points.append(f"{along(at):.1f},{across(mark):.1f}")
    parts.append(f'<polyline points="{" ".join(points)}" class="mark"/>')
    x, y = along(count - 1) if count > 1 else right, across(path.mark_e8[-1])
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="hit"/>')
    opened = price_text(path.mark_e8[0], rules.tick_e8)
    parts.append(_text(left - 8, across(path.mark_e8[0]) + 4, f"opened {opened}", "end soft"))
    fired = Line(path.mark_e8[-1], f"judged at {price_text(path.mark_e8[-1], rules.tick_e8)}", "hit")
    labels = sorted([*lines, fired], key=lambda line: -line.price_e8)
    heights = _apart([across(line.price_e8) + 4 for line in labels], 16)
    parts += [
        _text(right + 8, height, line.words, "soft" if line.kind == "entry" else "")
        for line, height in zip(labels, heights, strict=True)
    ]
    parts.append(_text(left, floor + 17, _span(path), "soft"))
    return parts


def lines_of(receipt: Receipt, path: MarkPath) -> list[Line]:
    """Entry price, and bankruptcy price where it is not far off the picture."""
    rules = receipt.rules(path.symbol)
    judged = next(one for one in receipt.positions if one.symbol == path.symbol)
    entry = int(rules.average_price_e8(judged.entry_cost_e8, judged.lots))
    lines = [Line(entry, f"entry {price_text(entry, rules.tick_e8)}", "entry")]
    limits = [order.limit_ticks * rules.tick_e8 for order in receipt.orders if order.symbol == path.symbol]
    shown = [*path.mark_e8, entry]
    if limits and min(shown) // 2 < limits[-1] < 2 * max(shown):
        words = f"bankruptcy {price_text(limits[-1], rules.tick_e8)}"
        lines.append(Line(limits[-1], words, "due"))
    return lines


def _span(path: MarkPath) -> str:
    count, lasted_ms = len(path.mark_e8) + path.left_out, path.time_ms[-1] - path.time_ms[0]
    if count == 1:
        return "one mark, unchanged"
    lasted = "within a minute" if lasted_ms < 60_000 else duration_text(lasted_ms)
    return f"{lasted} from the opening to the liquidation, {count} marks"


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """The same heights, moved down where two are too near to be read."""
    moved: list[float] = []
    for height in heights:
        moved.append(height if not moved else max(height, moved[-1] + least))
    return moved


# ---- what used the margin


class Step(NamedTuple):
    """One bar: from one balance to the next."""

    words: str
    amount_e8: int
    is_sum: bool = False


def steps_of(receipt: Receipt) -> list[Step]:
    """The pool by what used it; an isolated position by how."""
    uses = receipt.story.uses
    if receipt.is_isolated:
        sums = [(name, sum(use.amounts[at] for use in uses)) for at, name in enumerate(USE_NAMES)]
    else:
        sums = [(use_name(use), use.sum_e8) for use in _largest(uses)]
    steps = [Step(name, amount) for name, amount in sums if amount]
    return [*steps, Step("Margin balance", receipt.balance_e8, True)]


def _largest(uses: Sequence[Use], most: int = 9) -> list[Use]:
    """The uses, the small ones of very many put together."""
    if len(uses) <= most:
        return list(uses)
    kept = sorted(uses[1:], key=lambda use: -abs(use.sum_e8))[: most - 2]
    others = [use for use in uses[1:] if use not in kept]
    return [uses[0], *kept, Use("others", *map(sum, zip(*(use.amounts for use in others), strict=True)))]


def _waterfall(receipt: Receipt, top: float) -> list[str]:
    steps = steps_of(receipt)
    levels, level = [0, receipt.maintenance_e8], 0
    for step in steps:
        level = step.amount_e8 if step.is_sum else level + step.amount_e8
        levels.append(level)
    low, high = min(levels), max(levels)
    left, right = _LEFT, WIDTH - _RIGHT

    def along(amount_e8: int) -> float:
        return left + (amount_e8 - low) / max(high - low, 1) * (right - left)

    what = "What used the margin" if receipt.is_isolated else "What used the pool"
    parts = [_text(8, top + 14, f"{what}, {receipt.asset}", "head")]
    bottom = top + (len(steps) + 1) * _ROW
    parts.append(_rule(along(0), top + _ROW - 4, along(0), bottom, "grid"))
    level = 0
    for row, step in enumerate(steps, 1):
        y = top + row * _ROW
        start, end = (0, step.amount_e8) if step.is_sum else (level, level + step.amount_e8)
        level = end
        kind = "sum" if step.is_sum else "plus" if step.amount_e8 > 0 else "minus"
        parts.append(_text(_LEFT - 8, y + 14, step.words, "end head" if step.is_sum else "end"))
        x = along(min(start, end))
        parts.append(_bar(x, y + 2, along(max(start, end)) - x, _ROW - 8, kind))
        sign = "+" if step.amount_e8 > 0 and not step.is_sum else ""
        parts.append(_text(right + 8, y + 14, f"{sign}{format_money(step.amount_e8)}", "head" if step.is_sum else ""))
    x = along(receipt.maintenance_e8)
    parts.append(_rule(x, top + _ROW - 4, x, bottom, "due"))
    words = f"maintenance margin {format_money(receipt.maintenance_e8)}: at or below it, it is due"
    is_late = x > (left + right) / 2
    parts.append(_text(x + (-6 if is_late else 6), bottom + 14, words, "end" if is_late else ""))
    return parts


# ---- where the lots went


def _lots(receipt: Receipt) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """Per symbol: (kind, words, lots) of what became of the position."""
    found = []
    for one in receipt.positions[:_POSITIONS_MAX]:
        segments: list[tuple[str, str, int]] = []
        booked = [fill for order in receipt.orders if order.symbol == one.symbol for fill in order.fills]
        lots = sum(fill.lots for fill in booked)
        if lots:
            segments.append(
                ("book", f"closed in the book{_at(receipt, one.symbol, sum(f.value_e8 for f in booked), lots)}", lots)
            )
        mine = [part for part in receipt.handed_over if part.symbol == one.symbol]
        for kind, words, parts in (
            ("fund", "taken over by the insurance fund", [part for part in mine if part.taker == FUND]),
            ("adl", "given up by other traders (auto-deleveraging)", [part for part in mine if part.is_adl]),
            ("house", "taken by the house", [part for part in mine if part.taker != FUND and not part.is_adl]),
        ):
            lots = sum(abs(part.lots) for part in parts)
            if lots:
                value_e8 = sum(part.value_e8 for part in parts)
                segments.append((kind, f"{words}{_at(receipt, one.symbol, value_e8, lots)}", lots))
        rest = abs(one.lots) - sum(lots for _, _, lots in segments)
        if rest:
            words = "still open, and due" if receipt.step == LiquidationStep.WAITING else "lives on"
            segments.append(("rest", words, rest))
        found.append((one.symbol, segments))
    return found


def _at(receipt: Receipt, symbol: str, value_e8: int, lots: int) -> str:
    price = int(receipt.rules(symbol).average_price_e8(value_e8, lots))
    return f" at {price_text(price, receipt.rules(symbol).tick_e8)}"


def _rows(segments: Sequence[object]) -> int:
    """Heading, bar, a line of words for each segment, and room behind them."""
    return 3 + len(segments)


def _whereabouts(receipt: Receipt, top: float) -> list[str]:
    parts = []
    for symbol, segments in _lots(receipt):
        base = receipt.rules(symbol).quantity_asset
        parts.append(_text(8, top + 14, f"Where the {base} went", "head"))
        whole, x = sum(lots for _, _, lots in segments), float(_LEFT)
        room = WIDTH - _RIGHT - _LEFT
        for kind, _, lots in segments:
            width = lots / whole * room
            parts.append(_bar(x, top + _ROW, max(width - 2, 1.5), _ROW - 8, kind))
            x += width
        for row, (kind, words, lots) in enumerate(segments, 2):
            y = top + row * _ROW
            parts.append(_bar(_LEFT, y + 3, 12, 12, kind))
            size = exact_text(receipt.quantity_e8(symbol, lots))
            parts.append(_text(_LEFT + 20, y + 14, f"{size} {base} {words}"))
        top += _rows(segments) * _ROW
    return parts
