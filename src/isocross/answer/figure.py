"""Figure: the pictures that several results share. Loaded by the first `.plot()`.

Responsible for: a Figure that shows itself in a notebook; a table as a picture; prices in lanes, one lane per margin mode.
Must not: compute, open a window, know a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from textwrap import fill
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..units import ONE_E8
from .table import Shown

COLORS = {"isolated": "#d1601f", "cross": "#1f5fb4", "hybrid": "#2b8a57"}
_GRAY = "#444444"
_MARKERS = {  # name → marker, size, whether it is filled
    "mark": ("|", 24, True),
    "entry": ("o", 9, True),
    "stop": ("s", 9, True),
    "take-profit": ("D", 9, True),
    "target": ("D", 9, True),
    "liquidation": ("X", 11, True),
    "bankruptcy": ("d", 11, False),
}
_OF_THE_MODE = ("liquidation", "bankruptcy")  # drawn in the color of their lane
_TITLE_WIDTH = 100


class Picture(Figure):
    """A matplotlib Figure without a window; notebooks show it whether or not they were told of matplotlib."""

    def __init__(self, **told: Any) -> None:
        super().__init__(**{"layout": "constrained", "dpi": 110, **told})
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def table_figure(shown: Shown) -> Figure:
    """The tables of a result, one below the other, under its title."""
    rows = [len(table.rows) + 1 for table in shown.tables] or [1]
    figure = Picture(figsize=(8.0, 0.5 + 0.21 * sum(rows)))
    figure.suptitle(fill(shown.title, _TITLE_WIDTH), fontsize=10)
    panels = figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0]
    for panel in panels:
        panel.axis("off")
    for panel, table in zip(panels, shown.tables, strict=False):
        if table.rows:
            lines = [list(table.head), *map(list, table.rows)]
            drawn = panel.table(lines, bbox=(0, 0, 1, 1), edges="horizontal")
            drawn.auto_set_font_size(False)
            drawn.set_fontsize(8)
            for (_, column), cell in drawn.get_celld().items():
                cell.set_edgecolor("#dddddd")
                cell.set_linewidth(0.6)
                cell.set_text_props(ha="right" if column else "left")
        if table.caption:
            panel.set_title(table.caption, fontsize=9)
    return figure


def lanes(title: str, prices_e8: Mapping[str, Mapping[str, int | None]], price_label: str = "mark price") -> Figure:
    """Prices on one axis, a lane per margin mode: where entry, stop, liquidation and bankruptcy lie towards one another.

    Takes    prices_e8: lane → {name: price × 10^8, None where there is none}; a lane named after a mode has its color.
    """
    figure = Picture(figsize=(8.0, 1.4 + 0.8 * len(prices_e8)))
    panel = figure.subplots()
    for place, (lane, prices) in enumerate(prices_e8.items()):
        color = COLORS.get(lane, _GRAY)
        panel.axhline(place, color="#dddddd", linewidth=0.8, zorder=0)
        _draw_lane(panel, place, prices, color)
    panel.set_yticks(range(len(prices_e8)), list(prices_e8))
    panel.set_ylim(len(prices_e8) - 0.4, -0.6)
    panel.margins(x=0.08)
    panel.set_xlabel(price_label)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    panel.set_title(fill(title, _TITLE_WIDTH), fontsize=10)
    handles, names = panel.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    if once:
        figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=len(once), fontsize=8, markerscale=0.6)
    return figure


def _draw_lane(panel: Any, place: int, prices: Mapping[str, int | None], color: str) -> None:
    for name, price_e8 in prices.items():
        if price_e8 is None:
            continue
        marker, size, is_filled = _MARKERS.get(name, ("o", 9, True))
        drawn = color if name in _OF_THE_MODE else _GRAY
        panel.plot(
            [price_e8 / ONE_E8], [place], marker=marker, markersize=size, linestyle="none", color=drawn, label=name,
            markerfacecolor=drawn if is_filled else "none",
        )  # fmt: skip
        if name == "liquidation":
            text = f"{price_e8 / ONE_E8:,.2f}" if price_e8 >= ONE_E8 else f"{price_e8 / ONE_E8:.4g}"
            panel.annotate(
                text, (price_e8 / ONE_E8, place), (0, 10), textcoords="offset points", ha="center", fontsize=8
            )
