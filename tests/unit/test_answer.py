"""Answer: one small result, and what all results of the package have in common."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

import isocross
from isocross.answer import Answer, Columns, Shown, Table, exact, words
from isocross.answer.figure import lanes
from isocross.errors import InputError
from isocross.units import ONE_E8


@dataclass(frozen=True, slots=True, repr=False)
class Small(Answer):
    """Two modes; the second has hardly a number."""

    cost_e8: int | None = 150_000_000

    def to_dict(self) -> dict[str, Any]:
        return {"schema": "isocross.small/1", "cost": exact(self.cost_e8)}

    def columns(self) -> Columns:
        return {
            "time_ms": [1_767_225_600_000, None],
            "mode": ["isolated", None],
            "cost_e8": [self.cost_e8, None],
            "margin_ratio": [0.25, None],
            "trigger_time_ms": [None, None],
            "orders": [3, None],
            "is_due": [False, None],
            "share": [0.5, 1],
            "refusal": [None, None],
        }

    def shown(self) -> Shown:
        table = Table(("", "isolated", "<cross>"), (("Cost", "1.50", "none"), ("Entry price", "60,000.00", "")))
        return Shown("BTC & small", (table,), "A sentence.", ("one note " * 20, "two"))


def test_text_is_aligned_and_wrapped() -> None:
    lines = repr(Small()).splitlines()
    assert lines[0] == "BTC & small"
    assert lines[2:5] == [
        "              isolated  <cross>",
        "Cost              1.50     none",
        "Entry price  60,000.00",
    ]
    assert lines[6] == "A sentence."
    assert lines[8].startswith("- one note")
    assert lines[9].startswith("  ")
    assert lines[-1] == "- two"
    assert max(map(len, lines)) <= 100
    assert str(Small()) == repr(Small())


def test_a_table_of_sentences_is_wrapped_and_set_to_the_left() -> None:
    rows = (("Ladder", "one large order, then the rest is taken over", "copy"), ("Fee", "no", ""))
    table = Table(("LIQUIDATION", "", "from"), rows, widths=(12, 16, 6))
    assert table.text().splitlines() == [
        "LIQUIDATION                     from",
        "Ladder        one large order,  copy",
        "              then the rest is",
        "              taken over",
        "Fee           no",
    ]
    assert table._replace(head=("", "", "")).text().startswith("Ladder"), "a head without words is not shown"
    assert "text-align:left;vertical-align:top" in table.html()
    assert "text-align:right" not in table.html()
    assert table._replace(rows=()).text() == "LIQUIDATION                     from"


def test_html_escapes_every_part() -> None:
    page = Small()._repr_html_()
    assert "<b>BTC &amp; small</b>" in page
    assert "&lt;cross&gt;" in page and "<cross>" not in page
    assert page.count("<tr>") == 3
    assert page.count("<li>") == 2


def test_a_result_may_have_no_more_than_a_title() -> None:
    assert Shown("alone").text() == "alone"
    assert Shown("alone").html() == "<p><b>alone</b></p>"
    assert Table(("a", "b"), (), "of nothing").text() == "of nothing\na  b"


def test_frame_takes_its_types_from_the_names() -> None:
    frame = Small().frame
    assert dict(frame.schema) == {
        "time": pl.Datetime("ms", "UTC"),
        "mode": pl.String(),
        "cost": pl.Float64(),
        "margin_ratio": pl.Float64(),
        "trigger_time": pl.Datetime("ms", "UTC"),
        "orders": pl.Int64(),
        "is_due": pl.Boolean(),
        "share": pl.Float64(),
        "refusal": pl.String(),
    }
    assert frame["cost"].to_list() == [1.5, None]
    assert frame["time"][0] == datetime(2026, 1, 1, tzinfo=UTC)


def test_pandas_has_the_same_columns_and_values() -> None:
    frame, other = Small().frame, Small().to_pandas()
    assert list(other.columns) == frame.columns
    assert str(other["time"].dtype) == "datetime64[ms, UTC]"
    assert other["time"][0].to_pydatetime() == frame["time"][0]
    assert other["cost"][0] == 1.5
    assert other.isna().to_numpy().tolist() == [list(row) for row in frame.select(pl.all().is_null()).rows()]


def test_pandas_is_asked_for_by_name_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        Small().to_pandas()


def test_plot_shows_the_table_unless_there_is_better() -> None:
    figure = Small().plot()
    assert len(figure.axes) == 1
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_lanes_show_what_there_is() -> None:
    figure = lanes(
        "t", {"isolated": {"entry": 100 * ONE_E8, "liquidation": 91 * ONE_E8}, "cross": {"liquidation": None}}
    )
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["isolated", "cross"]
    points = sorted(line.get_xdata()[0] for line in panel.lines if line.get_linestyle() == "None")
    assert points == [91.0, 100.0]
    assert len(lanes("nothing", {"cross": {}}).axes) == 1


def test_exact_is_none_of_none() -> None:
    assert exact(None) is None
    assert exact(-1) == "-0.00000001"


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (words.price_text(6_000_012_345_678, 10_000_000), "60,000.12"),
        (words.price_text(12_345_678, 100), "0.123457"),
        (words.price_text(None, 1), "none"),
        (words.percent_text(-963_561), "-0.96 %"),
        (words.percent_text(963_561), "+0.96 %"),
        (words.percent_text(963_561, is_signed=False), "0.96 %"),
        (words.percent_text(None, none=""), ""),
        (words.money_text(150_500_000), "1.51"),
        (words.signed_text(0), "0.00"),
        (words.signed_text(100_000_000), "+1.00"),
        (words.leverage_text(9_999_999), "0.1000x"),
        (words.leverage_text(10_000_000), "0.10x"),
        (words.leverage_text(None), "none"),
        (words.duration_text(59_999), "0 min"),
        (words.duration_text(3_600_000), "1 h"),
        (words.duration_text(90_000_000), "1 d 1 h"),
        (words.moment_text(1_767_225_659_999), "2026-01-01 00:00"),
    ],
)
def test_numbers_in_words(told: str, text: str) -> None:
    assert told == text


def answers() -> list[type[Answer]]:
    """Every typed result of the package."""
    for module in pkgutil.walk_packages(isocross.__path__, "isocross."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(kind: type[Answer]) -> list[type[Answer]]:
        return [each for child in kind.__subclasses__() for each in (child, *below(child))]

    found = {kind for kind in below(Answer) if kind.__module__.startswith("isocross.") and not kind.__subclasses__()}
    return sorted(found, key=lambda kind: kind.__name__)


def test_every_result_is_complete_and_shows_itself_by_the_base() -> None:
    found = answers()
    assert {"CompareResult", "LiqResult"} <= {kind.__name__ for kind in found}
    for kind in found:
        assert not kind.__abstractmethods__, f"{kind.__name__} lacks {set(kind.__abstractmethods__)}"
        is_by_dataclass = hasattr(kind.__repr__, "__wrapped__")
        assert not is_by_dataclass, f"{kind.__name__}: say repr=False, or its dataclass hides Answer's text"
        assert kind._repr_html_ is Answer._repr_html_, f"{kind.__name__}: what people see is said in shown()"


def test_nothing_heavy_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys\n"
        "from isocross import liq\n"
        "result = liq('BTCUSDT', 'long', qty='0.083', entry=60_000, wallet=10_000, leverage=10)\n"
        "repr(result), result._repr_html_(), result.to_dict()\n"
        "print([n for n in ('numpy', 'numba', 'polars', 'pandas', 'matplotlib') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_liq_has_all_of_it() -> None:
    result = isocross.liq("BTCUSDT", "long", qty="0.083", entry=60_000, wallet=10_000, leverage=10, target=66_000)
    assert result.frame["mode"].to_list() == ["isolated", "cross"]
    assert result.frame["liquidation_price"][0] == result.modes[0].liquidation.price_e8 / ONE_E8  # type: ignore[operator]
    assert "Liquidation price" in repr(result) and "Target: closing at 66,000.00" in repr(result)
    assert "<td" in result._repr_html_()
    assert len(result.plot().axes) == 1
    assert len(result.to_pandas()) == 2
