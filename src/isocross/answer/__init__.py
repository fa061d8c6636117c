"""Answer: what every public function hands back: one typed result that shows itself everywhere.

    base       Answer: `.frame`, `.to_pandas()`, `.to_dict()`, `.plot()`, its text and its HTML, out of what a result says
    rows       Row and Rows: small records, a line as text, a table in a notebook
    table      Table and Shown: cells for people, as aligned text and as HTML
    figure     pictures: a table, prices in lanes; the only file here that loads matplotlib

Must not: know an exchange, a rulebook or a question; compute a number. polars, pandas and matplotlib are loaded when asked.

How a result is written:

    @dataclass(frozen=True, slots=True, repr=False)      # repr=False: Answer's own text is the repr
    class SizeResult(Answer):
        quantity_e8: int
        margin_e8: int | None
        notes: tuple[str, ...]

        @property
        def is_negative(self) -> bool:                   # the answer is no: the command's exit status is 1
            return self.margin_e8 is None

        def to_dict(self) -> dict[str, Any]:             # exact decimal text, null for nothing; `schema` first
            return {"schema": "isocross.size/1", "quantity": exact(self.quantity_e8), "margin": exact(self.margin_e8)}

        def columns(self) -> Columns:                    # of .frame: `_e8` becomes a Float64 column without the suffix
            return {"mode": ["isolated"], "quantity_e8": [self.quantity_e8], "margin_e8": [self.margin_e8]}

        def shown(self) -> Shown:                        # what people see, in a terminal and in a notebook
            table = Table(("", "isolated"), (("Quantity", format_e8(self.quantity_e8)),))
            return Shown("BTCUSDT long", (table,), notes=self.notes)

        def plot(self) -> Figure:                        # only where there is a better picture than the table
            from ..answer.figure import lanes
            return lanes(...)

Exact numbers are the fields (integers × 10^8) and `to_dict()`; the floats of `.frame` are for tables and pictures.
"""

from .base import Answer, Columns, exact
from .rows import Row, Rows
from .table import Shown, Table

__all__ = ["Answer", "Columns", "Row", "Rows", "Shown", "Table", "exact"]
