"""Base: Answer, the parent of all typed results.

Responsible for: a result's frame, pandas frame, picture, text and HTML, made from its three methods `to_dict`, `columns`
and `shown`. Must not: compute; load polars, pandas or matplotlib before they are asked for.

Columns of a frame, by the end of their names:
    …_e8       integers × 10^8 → Float64, the suffix dropped: liquidation_price_e8 → liquidation_price
    …_ratio    numbers → Float64
    …time_ms   epoch milliseconds → Datetime in UTC, the suffix dropped: time_ms → time
    others     by their values: Boolean, Int64, Float64, else String
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..units import ONE_E8, format_e8
from .table import Shown

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]
    import polars
    from matplotlib.figure import Figure

Columns = Mapping[str, Sequence[Any]]  # name → one value per row, None where there is none


class Answer(ABC):
    """A typed result. See the package's header for how one is written."""

    __slots__ = ()

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain data with exact decimal text, for JSON; `schema` names its version."""

    @abstractmethod
    def columns(self) -> Columns:
        """The columns of `frame`, equally long."""

    @abstractmethod
    def shown(self) -> Shown:
        """What people see of it."""

    @property
    def is_negative(self) -> bool:
        """Whether the answer is no."""
        return False

    @property
    def frame(self) -> polars.DataFrame:
        """As a Polars frame. Floats, for pictures and tables: exact numbers are in `to_dict()`."""
        import polars

        columns = self.columns()
        assert len({len(values) for values in columns.values()}) == 1, "columns are equally long"
        return polars.DataFrame([_series(name, list(values)) for name, values in columns.items()])

    def to_pandas(self) -> pandas.DataFrame:
        """`frame` for pandas, which has to be installed.

        Errors  InputError when it is not.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise InputError("to_pandas: pandas is not installed; pip install pandas, or use .frame (Polars)") from None
        import polars

        columns = {}
        for series in self.frame:
            if isinstance(series.dtype, polars.Datetime):
                columns[series.name] = pandas.DatetimeIndex(series.to_physical().to_numpy().astype("M8[ms]"), tz="UTC")
            elif series.dtype.is_numeric():
                columns[series.name] = series.to_numpy()  # a missing number is NaN, as pandas has it
            else:
                columns[series.name] = series.to_list()
        return pandas.DataFrame(columns)

    def plot(self) -> Figure:
        """A matplotlib Figure, without a window: it shows itself in a notebook, `savefig` writes it."""
        from .figure import table_figure

        return table_figure(self.shown())

    def __repr__(self) -> str:
        return self.shown().text()

    def _repr_html_(self) -> str:
        return self.shown().html()


def exact(value_e8: int | None) -> str | None:
    """Exact decimal text of a × 10^8 integer, None of nothing: how numbers stand in `to_dict()`."""
    return None if value_e8 is None else format_e8(value_e8)


def _series(name: str, values: list[Any]) -> polars.Series:
    import polars

    if name.endswith("_e8"):
        numbers = [None if value is None else value / ONE_E8 for value in values]
        return polars.Series(name.removesuffix("_e8"), numbers, dtype=polars.Float64)
    if name.endswith("time_ms"):
        moments = polars.Series(name.removesuffix("_ms"), values, dtype=polars.Int64)
        return moments.cast(polars.Datetime("ms", "UTC"))
    if name.endswith("_ratio"):
        return polars.Series(name, values, dtype=polars.Float64)
    there = [value for value in values if value is not None]
    for kind, dtype in ((bool, polars.Boolean), (int, polars.Int64), ((int, float), polars.Float64)):
        if there and all(isinstance(value, kind) for value in there):
            return polars.Series(name, values, dtype=dtype)
    return polars.Series(name, [None if value is None else str(value) for value in values], dtype=polars.String)
