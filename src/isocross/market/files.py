"""Files: a market file on disk → named columns, whatever its container. Nothing is interpreted here.

Responsible for: Parquet, Feather, CSV (plain, .gz, or alone in a .zip), JSON (plain or .gz); header detection; the
checksum file beside a zip; every way in which a file can fail to be read, as one `MarketDataError` naming it.
Must not: know what a column means, sort, drop or repair a row.

Text stays text (columns.py reads it exactly); numbers of binary files keep their type.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from ..errors import MarketDataError

BYTES_MAX = 2 * 2**30  # of one file, unpacked: a zip of a few kB can hold more than a machine
ROWS_MAX = 50_000_000
SUFFIXES = (".parquet", ".feather", ".csv", ".csv.gz", ".zip", ".json", ".json.gz")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\b.*|\d{8}[ T]\d{2}:\d{2}.*")
_READ_FAILURES = (OSError, EOFError, zlib.error, ValueError, zipfile.BadZipFile, RuntimeError, NotImplementedError)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The columns of one file in file order. `names` are normalized (lower case, letters and digits only)."""

    path: Path
    columns: dict[str, pl.Series]  # by normalized name, or "0", "1", … where the file names none
    is_named: bool
    row_count: int

    def first(self, *names: str) -> str | None:
        """The first of `names` that the file has."""
        return next((name for name in names if name in self.columns), None)

    def fail(self, text: str) -> NoReturn:
        """Raise MarketDataError naming the file."""
        raise MarketDataError(f"{self.path}: {text}")


def normalize(name: str) -> str:
    """'open_time', 'Open time' and 'openTime' are one name: 'opentime'."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def suffix_of(path: Path) -> str:
    """The ending that decides the reader: '.parquet', '.csv.gz', …; '' when it is none of `SUFFIXES`."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), "")


def read_table(path: str | Path) -> Table:
    """Read one market file into named columns.

    Errors  MarketDataError: missing, a folder, empty, corrupt, of an unknown type, checksum that does not match.
    """
    path = Path(path)
    suffix = suffix_of(path)
    try:
        if not path.exists():
            raise MarketDataError(f"{path}: no such file; expected a market file ({', '.join(SUFFIXES)})")
        if not path.is_file():
            raise MarketDataError(f"{path}: is not a file; expected a market file ({', '.join(SUFFIXES)})")
        if not suffix:
            raise MarketDataError(f"{path}: unknown type {path.suffix!r}; expected one of {', '.join(SUFFIXES)}")
        size = path.stat().st_size
        if size == 0:
            raise MarketDataError(f"{path}: the file is empty (0 bytes)")
        if size > BYTES_MAX:
            raise MarketDataError(f"{path}: {size} bytes; the most that is read is {BYTES_MAX}")
        table = _table(path, suffix)
    except MarketDataError:
        raise
    except (*_READ_FAILURES, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise MarketDataError(f"{path}: cannot be read as {suffix.lstrip('.')}: {reason}") from error
    if table.row_count == 0:
        table.fail("holds no rows; expected at least one")
    if table.row_count > ROWS_MAX:
        table.fail(f"{table.row_count} rows; the most that is read is {ROWS_MAX}")
    return table


def _table(path: Path, suffix: str) -> Table:
    """The file's columns by its type."""
    if suffix == ".parquet":
        return _named(path, pl.read_parquet(path, glob=False))
    if suffix == ".feather":
        return _named(path, pl.read_ipc(io.BytesIO(path.read_bytes())))
    if suffix in (".json", ".json.gz"):
        return _json(path, _unpacked(path, suffix))
    return _csv(path, _unpacked(path, suffix))


def _named(path: Path, frame: pl.DataFrame) -> Table:
    """A frame with column names. Of two names that normalize alike the first is kept."""
    columns: dict[str, pl.Series] = {}
    for name in frame.columns:
        columns.setdefault(normalize(name), frame[name])
    return Table(path, columns, is_named=True, row_count=frame.height)


def _unpacked(path: Path, suffix: str) -> bytes:
    """The bytes of a text file, unpacked, within BYTES_MAX."""
    if suffix == ".zip":
        _check_checksum(path)
        with zipfile.ZipFile(path) as archive:
            members = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(members) != 1 or not members[0].filename.lower().endswith(".csv"):
                names = ", ".join(entry.filename for entry in members[:5]) or "nothing"
                raise MarketDataError(f"{path}: holds {names}; expected exactly one .csv")
            with archive.open(members[0]) as stream:
                data = stream.read(BYTES_MAX + 1)
    elif suffix.endswith(".gz"):
        with gzip.open(path) as packed:
            data = packed.read(BYTES_MAX + 1)
    else:
        data = path.read_bytes()
    if len(data) > BYTES_MAX:
        raise MarketDataError(f"{path}: more than {BYTES_MAX} bytes when unpacked")
    if not data.strip():
        raise MarketDataError(f"{path}: the file is empty when unpacked")
    return data


def _check_checksum(path: Path) -> None:
    """Compare a zip with the `.CHECKSUM` file beside it, where there is one (`sha256sum` form)."""
    beside = path.with_name(path.name + ".CHECKSUM")
    if not beside.is_file():
        return
    expected = (beside.read_text(encoding="utf-8", errors="replace").split() or [""])[0].lower()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise MarketDataError(
            f"{path}: sha256 is {found}; {beside.name} expects {expected or 'nothing'}: fetch it again"
        )


def _csv(path: Path, data: bytes) -> Table:
    """CSV of text columns, with or without a header: a first field that is a number or a date means none."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    first, _, rest = data.partition(b"\n")
    if first.lower().startswith(b"http") and rest.strip():  # some publishers put their address above the header
        data = rest
        first = data.partition(b"\n")[0]
    line = first.decode("utf-8", errors="replace").strip()
    separator = max(",;\t", key=line.count)
    field = line.split(separator)[0].strip().strip('"')
    is_named = not (_NUMBER.fullmatch(field) or _DATE.fullmatch(field))
    frame = pl.read_csv(
        io.BytesIO(data),
        has_header=is_named,
        separator=separator,
        infer_schema=False,
        truncate_ragged_lines=False,
    )
    if is_named:
        return _named(path, frame)
    columns = {str(index): frame[name] for index, name in enumerate(frame.columns)}
    return Table(path, columns, is_named=False, row_count=frame.height)


def _json(path: Path, data: bytes) -> Table:
    """A JSON list of rows or of objects, also inside {"data": …} or {"result": {"list": …}}; numbers stay text."""
    rows: Any = json.loads(data, parse_float=str, parse_constant=str)
    for key in ("result", "data", "list"):
        if isinstance(rows, dict) and key in rows:
            rows = rows[key]
    if not isinstance(rows, list):
        raise MarketDataError(f"{path}: holds a {type(rows).__name__}; expected a list of rows")
    if not rows:
        return Table(path, {}, is_named=False, row_count=0)
    is_named = isinstance(rows[0], dict)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict if is_named else list) or (not is_named and len(row) != len(rows[0])):
            form = "an object" if is_named else f"a list of {len(rows[0])}"
            raise MarketDataError(f"{path}: row {number}: {str(row)[:80]}; expected {form} like the first row")
    columns: dict[str, pl.Series] = {}
    if is_named:
        for name in dict.fromkeys(name for row in rows for name in row):
            values = [row.get(name) for row in rows]
            if not any(isinstance(value, (dict, list)) for value in values):
                columns.setdefault(normalize(name), _text_series(values))
    else:
        for index, places in enumerate(zip(*rows, strict=True)):
            columns[str(index)] = _text_series(list(places))
    return Table(path, columns, is_named=is_named, row_count=len(rows))


def _text_series(values: list[Any]) -> pl.Series:
    """JSON values as text; null stays missing, true and nested values become text that is no number."""
    return pl.Series([None if value is None else str(value) for value in values], dtype=pl.String)
