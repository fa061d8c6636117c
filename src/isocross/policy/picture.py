"""Picture: what a comparison looks like: price with each mode's liquidation line, equity, margin ratio.

Responsible for: a matplotlib Figure without a window, and writing it. Must not: compute, import matplotlib before it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..units import ONE_E8, format_money

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .compare_result import CompareResult, ModeResult

COLORS = {"isolated": "#d1601f", "cross": "#1f5fb4", "hybrid": "#2b8a57"}
STYLES = {"isolated": "-", "cross": "--", "hybrid": ":"}
_GRAY = "#444444"
SUFFIXES = (".png", ".svg", ".pdf")


def check_picture_path(path: str | Path) -> Path:
    """The path, or InputError when its ending is no picture's."""
    found = Path(path)
    if found.suffix.lower() not in SUFFIXES:
        raise InputError(f"picture: {path} ends in none of {', '.join(SUFFIXES)}")
    return found


def save_picture(results: Sequence[CompareResult], path: str | Path) -> Path:
    """Write the picture of some comparisons, side by side; the file's ending says its format."""
    found = check_picture_path(path)
    picture(results).savefig(found, format=found.suffix.lower()[1:])
    return found


def picture(results: Sequence[CompareResult]) -> Figure:
    """One column per comparison, three panels each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5 * len(results) + 1.5, 9.0), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, len(results), squeeze=False, sharex="col", height_ratios=(3, 2, 1.6))
    for column, result in enumerate(results):
        _draw(panels[:, column], result)
    return figure


def _draw(panels: Any, result: CompareResult) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    price, equity, ratio = panels
    trade, rules = result.trade, result.rules
    base = max(result.modes, key=lambda mode: len(mode.looks))
    price.plot(_times(base), [look.mark_e8 / ONE_E8 for look in base.looks], color=_GRAY, linewidth=1.2, label="mark")
    lowest = min((look.mark_e8 for look in base.looks), default=0)
    highest = max((look.mark_e8 for look in base.looks), default=0)
    for mode in result.modes:
        color, style = COLORS[mode.name], STYLES[mode.name]
        times = _times(mode)
        line = [np.nan if look.liquidation_e8 is None else look.liquidation_e8 / ONE_E8 for look in mode.looks]
        shown = [look.liquidation_e8 for look in mode.looks if look.liquidation_e8 is not None]
        price.step(
            times,
            line,
            where="post",
            color=color,
            linestyle=style,
            linewidth=1.6,
            label=f"liquidation, {mode.name}" if shown else f"{mode.name}: no liquidation price",
        )
        lowest, highest = min([lowest, *shown]), max([highest, *shown])
        for one in mode.liquidations:
            price.plot(_moment(one.time_ms), one.mark_e8 / ONE_E8, marker="X", markersize=10, color=color, zorder=5)
        equity.plot(times, [look.equity_e8 / ONE_E8 for look in mode.looks], color=color, linestyle=style, linewidth=1.6,
                    label=f"{mode.name}: {format_money(mode.wallet_after_e8)} after")  # fmt: skip
        ratio.plot(times, _ratios(mode), color=color, linestyle=style, linewidth=1.6, label=mode.name)
    price.set_ylim(_room(lowest / ONE_E8, highest / ONE_E8, result.trade.is_long))
    for ticks, name in ((trade.stop_ticks, "stop"), (trade.take_profit_ticks, "take-profit")):
        if ticks is not None:
            price.axhline(ticks * rules.tick_e8 / ONE_E8, color=_GRAY, linestyle="-.", linewidth=0.9, label=name)
    side = "long" if trade.is_long else "short"
    price.set_title(
        f"{rules.symbol} {side}, {format_money(trade.margin_e8, 0)} at {trade.leverage}x from a wallet of "
        f"{format_money(result.plan.wallet_e8, 0)} {result.plan.asset}",
        fontsize=11,
    )
    price.set_ylabel("mark price")
    for panel in (price, equity):
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    equity.set_ylabel(f"equity, {result.plan.asset}")
    equity.axhline(result.plan.wallet_e8 / ONE_E8, color=_GRAY, linewidth=0.6)
    ratio.set_ylabel("margin ratio")
    ratio.axhline(1.0, color=_GRAY, linewidth=0.9, linestyle="-.")
    ratio.set_ylim(0, 1.1)
    ratio.set_yticks([0, 0.5, 1.0], ["0 %", "50 %", "100 %"])
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    ratio.xaxis.set_major_locator(locator)
    ratio.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    for panel in panels:
        panel.grid(True, color="#dddddd", linewidth=0.6)
        panel.legend(fontsize=8, loc="best", framealpha=0.9)


def _room(lowest: float, highest: float, is_long: bool) -> tuple[float, float]:
    """A little air above and below."""
    air = (highest - lowest) * 0.05 or highest * 0.01
    return max(0.0, lowest - air), highest + air


def _times(mode: ModeResult) -> np.ndarray:
    return np.array([look.time_ms for look in mode.looks], dtype="datetime64[ms]")


def _moment(time_ms: int) -> np.datetime64:
    return np.datetime64(time_ms, "ms")


def _ratios(mode: ModeResult) -> list[float]:
    """The line of the margin ratio; it touches 100 % where a liquidation began, and is gone where nothing is open."""
    begun = {one.time_ms for one in mode.liquidations}
    values = []
    for look in mode.looks:
        ratio = look.margin_ratio
        values.append(1.0 if look.time_ms in begun else np.nan if ratio is None else min(ratio, 1.1))
    return values
