"""Plot: the picture of a receipt for notebooks: marks with entry and bankruptcy price, and what used the margin.

Responsible for: a matplotlib Figure without a window. Must not: compute; be loaded before it is asked for.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from ...answer.figure import Picture
from ...units import ONE_E8, format_money
from .picture import lines_of, steps_of
from .record import MarkPath, Receipt
from .sections import title

_MARK, _BAD, _GOOD, _GRAY = "#1f5fb4", "#b3261e", "#1a7f4b", "#59636e"
_STYLES = {"entry": (_GRAY, "--"), "due": (_BAD, ":")}


def figure(receipt: Receipt) -> Figure:
    """One panel per judged symbol, and one with the bars."""
    paths = [path for path in receipt.story.marks if path.mark_e8]
    drawn = Picture(figsize=(8.0, 2.2 * len(paths) + 2.8))
    panels = drawn.subplots(len(paths) + 1, 1, squeeze=False)[:, 0]
    drawn.suptitle(title(receipt), fontsize=11)
    for panel, path in zip(panels, paths, strict=False):
        _draw_marks(panel, receipt, path)
    _draw_steps(panels[-1], receipt)
    return drawn


def _draw_marks(panel: Any, receipt: Receipt, path: MarkPath) -> None:
    first, last = path.time_ms[0], path.time_ms[-1]
    along = [(time - first) / 60_000 for time in path.time_ms] if last > first else list(range(len(path.time_ms)))
    panel.step(
        along, [mark / ONE_E8 for mark in path.mark_e8], where="post", color=_MARK, label=f"mark of {path.symbol}"
    )
    panel.plot(along[-1:], [path.mark_e8[-1] / ONE_E8], marker="o", color=_BAD, linestyle="none", label="judged here")
    for line in lines_of(receipt, path):
        color, style = _STYLES[line.kind]
        panel.axhline(line.price_e8 / ONE_E8, color=color, linestyle=style, linewidth=1.2, label=line.words)
    panel.set_xlabel("minutes since the opening" if last > first else "prices since the opening")
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    panel.legend(fontsize=8)


def _draw_steps(panel: Any, receipt: Receipt) -> None:
    steps, level = steps_of(receipt), 0
    for row, step in enumerate(steps):
        start = 0 if step.is_sum else level
        level = step.amount_e8 if step.is_sum else level + step.amount_e8
        color = _MARK if step.is_sum else _GOOD if step.amount_e8 > 0 else _BAD
        panel.barh(row, (level - start) / ONE_E8, left=start / ONE_E8, color=color, height=0.6)
    names = [f"{step.words} {format_money(step.amount_e8)}" for step in steps]
    panel.set_yticks(range(len(steps)), names)
    panel.invert_yaxis()
    label = f"maintenance margin {format_money(receipt.maintenance_e8)}"
    panel.axvline(receipt.maintenance_e8 / ONE_E8, color=_BAD, linestyle=":", label=label)
    panel.axvline(0, color=_GRAY, linewidth=0.6)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    panel.set_xlabel(receipt.asset)
    panel.legend(fontsize=8)
