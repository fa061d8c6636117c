"""Importers: every container, header, time unit and order gives the same bars; every fault is named."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross.errors import MarketDataError
from isocross.limits import PRICE_MAX_E8
from isocross.market.candles import Bars, format_interval, parse_interval_ms, read_bars, refuse_copied_mark
from isocross.market.columns import read_e8
from isocross.market.files import Table, read_table
from isocross.market.funding import read_funding

HOUR = 3_600_000
START = 1_704_067_200_000  # 2024-01-01 00:00 UTC
ROWS = [  # open, high, low, close, volume as text
    ("42000.1", "42100", "41900.5", "42050", "10"),
    ("42050", "42200", "42050", "42199.9", "11"),
    ("42199.9", "42199.9", "41000", "41000.00000001", "0"),
    ("41000.00000001", "41500", "40999", "41400", "13"),
]
TIMES = [START + HOUR * hour for hour in range(4)]
BINANCE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def csv_text(times=TIMES, rows=ROWS, header="time,open,high,low,close,volume"):
    lines = [header] if header else []
    return "\n".join([*lines, *(",".join([str(time), *row]) for time, row in zip(times, rows, strict=True))]) + "\n"


def binance_text(header, unit=1):
    lines = [BINANCE_HEADER] if header else []
    for time, row in zip(TIMES, ROWS, strict=True):
        lines.append(",".join([str(time * unit), *row, str((time + HOUR) * unit - 1), "1", "2", "3", "4", "0"]))
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def e8(text: str) -> int:
    return int(Decimal(text).scaleb(8))


def assert_is_expected(bars: Bars) -> None:
    assert bars.time_ms.tolist() == TIMES
    for column, array in enumerate((bars.open_e8, bars.high_e8, bars.low_e8, bars.close_e8)):
        assert array.tolist() == [e8(row[column]) for row in ROWS]
        assert array.dtype == np.int64
        assert not array.flags.writeable
    assert bars.interval_ms == HOUR
    assert bars.gaps == []


def frame(time=None):
    columns = {name: [float(row[place]) for row in ROWS] for place, name in enumerate(("open", "high", "low", "close"))}
    return pl.DataFrame({"date": pl.Series(TIMES, dtype=pl.Datetime("ms", "UTC")) if time is None else time, **columns})


# --- one content, every container -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        csv_text(),
        csv_text(header=""),
        csv_text().replace("\n", "\r\n"),
        "\ufeff" + csv_text(),
        csv_text().replace(",", ";"),
        csv_text(header="Open time,Open,High,Low,Close,Volume"),
        csv_text(times=[time // 1000 for time in TIMES], header=""),
        csv_text(times=[f"{time // 1000}.000" for time in TIMES], header=""),
        csv_text(times=[time * 1000 for time in TIMES], header=""),
        csv_text(times=[time * 1_000_000 for time in TIMES]),
        csv_text(times=[f"2024-01-01 0{hour}:00:00" for hour in range(4)], header=""),
        csv_text(times=[f"2024-01-01T0{hour}:00:00Z" for hour in range(4)]),
        csv_text(times=[f"2024-01-01T0{hour + 2}:00:00+02:00" for hour in range(4)]),
        csv_text(times=[f"20240101 0{hour}:00" for hour in range(4)], header=""),
        csv_text(times=TIMES[::-1], rows=ROWS[::-1]),
        csv_text(times=TIMES[:2] + [time * 1000 for time in TIMES[2:]]),
        "https://www.example.com\n" + csv_text(header="unix,open,high,low,close,Volume BTC"),
        binance_text(header=True),
        binance_text(header=False),
        binance_text(header=False, unit=1000),
    ],
    ids=range(20),
)
def test_csv_forms_are_one(tmp_path, text):
    assert_is_expected(read_bars(write(tmp_path / "bars.csv", text)))


def test_binary_and_packed_forms_are_one(tmp_path):
    frame().write_parquet(tmp_path / "a.parquet")
    frame(pl.Series(TIMES, dtype=pl.Datetime("ms", "UTC")).cast(pl.Datetime("ns", "UTC"))).write_ipc(
        tmp_path / "a.feather"
    )
    frame(pl.Series(TIMES, dtype=pl.Datetime("ms")).cast(pl.Datetime("us"))).write_ipc(
        tmp_path / "b.feather", compression="lz4"
    )
    frame(pl.Series(TIMES, dtype=pl.Int64)).write_parquet(tmp_path / "b.parquet")
    frame(pl.Series([time / 1000 for time in TIMES])).write_parquet(tmp_path / "c.parquet")
    frame().cast({"open": pl.Decimal(30, 10)}).write_parquet(tmp_path / "d.parquet")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(csv_text().encode()))
    listed = [[time, *(float(value) for value in row)] for time, row in zip(TIMES, ROWS, strict=True)]
    texts = [[time, *row] for time, row in zip(TIMES, ROWS, strict=True)]
    write(tmp_path / "a.json", json.dumps(listed))
    write(tmp_path / "b.json", json.dumps(texts[::-1]))
    write(tmp_path / "c.json", json.dumps({"result": {"list": texts}}))
    write(tmp_path / "d.json", json.dumps([dict(zip("tohlcv", row, strict=True)) for row in texts]))
    write(tmp_path / "e.json", json.dumps([[*row[:5], None] for row in listed]))
    (tmp_path / "f.json.gz").write_bytes(gzip.compress(json.dumps(listed).encode()))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("BTCUSDT-1h-2024-01.csv", binance_text(header=False))
    paths = sorted(path for path in tmp_path.iterdir())
    assert len(paths) == 14
    for path in paths:
        assert_is_expected(read_bars(path))


def test_zip_checksum_beside_it(tmp_path):
    path = tmp_path / "BTCUSDT-1h-2024-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-1h-2024-01.csv", binance_text(header=True))
    beside = tmp_path / (path.name + ".CHECKSUM")
    write(beside, f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    assert_is_expected(read_bars(path))
    write(beside, f"{'0' * 64}  {path.name}\n")
    with pytest.raises(MarketDataError, match="sha256"):
        read_bars(path)


def test_duplicates_dropped_and_told(tmp_path):
    bars = read_bars(write(tmp_path / "a.csv", csv_text(TIMES + TIMES[1:3], ROWS + ROWS[1:3])))
    assert_is_expected(bars)
    assert bars.notes == ("2 exact duplicate rows dropped",)


def test_gaps_reported_not_filled(tmp_path):
    times = [*TIMES[:2], TIMES[0] + 5 * HOUR, TIMES[0] + 6 * HOUR]
    bars = read_bars(write(tmp_path / "a.csv", csv_text(times)))
    assert [tuple(gap) for gap in bars.gaps] == [(TIMES[2], TIMES[0] + 5 * HOUR)]
    assert len(bars) == 4
    assert str(bars.gaps[0]) == "2024-01-01 02:00 UTC to 2024-01-01 05:00 UTC"
    assert bars.covered_ms(START, START + 8 * HOUR) == 4 * HOUR


def test_end_stamped_bars_move_to_their_start(tmp_path):
    header = "timestamp,open,high,low,close,trades,volume,vwap,lastSize,turnover,homeNotional,foreignNotional"
    rows = [(*row[:4], "1", row[4], "1", "1", "1", "1", "1") for row in ROWS]
    bars = read_bars(write(tmp_path / "a.csv", csv_text(rows=rows, header=header)))
    assert bars.time_ms.tolist() == [time - HOUR for time in TIMES]
    assert "end of each bar" in bars.notes[0]
    assert read_bars(tmp_path / "a.csv", stamped="start").time_ms.tolist() == TIMES


def test_a_single_bar_needs_its_interval(tmp_path):
    text = csv_text(TIMES[:1], ROWS[:1])
    with pytest.raises(MarketDataError, match="single bar"):
        read_bars(write(tmp_path / "a.csv", text))
    assert read_bars(tmp_path / "a.csv", interval_ms=HOUR).interval_ms == HOUR
    assert read_bars(write(tmp_path / "x-BTCUSDT-1h-last.csv", text)).interval_ms == HOUR


@pytest.mark.parametrize(("text", "interval_ms"), [("1m", 60_000), ("8h", 8 * HOUR), ("1d", 24 * HOUR), ("1s", 1000)])
def test_intervals(text, interval_ms):
    assert parse_interval_ms(text) == interval_ms
    assert format_interval(interval_ms) == text


# --- every fault is named -------------------------------------------------------------------------------------------


def bad_row(place, value, row=2):
    changed = [list(one) for one in ROWS]
    changed[row][place] = value
    return csv_text(rows=changed)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bad_row(0, "nan"), ["row 3", "02:00", "open", "nan", "price above 0"]),
        (bad_row(1, "inf"), ["row 3", "high", "inf"]),
        (bad_row(1, ""), ["row 3", "high", "missing"]),
        (bad_row(1, "abc"), ["row 3", "high", "abc"]),
        (bad_row(2, "0"), ["row 3", "low", ": 0;", "above 0"]),
        (bad_row(2, "-1"), ["row 3", "low", "-1"]),
        (bad_row(2, "0.000000001"), ["row 3", "low", "above 0"]),
        (bad_row(1, "1e12"), ["row 3", "high", "1e12", "100000000"]),
        (bad_row(1, "40000"), ["row 3", "high", "40000", "low 41000"]),
        (bad_row(0, "43000"), ["row 3", "open", "43000", "high 42199.9"]),
        (bad_row(3, "40999.99999999"), ["row 3", "close", "40999.99999999", "low 41000"]),
        (csv_text(TIMES[:3] + TIMES[2:3]), ["row 4", "column open", "row 3", "41000.00000001"]),
        (csv_text(TIMES + TIMES[:1], [*ROWS, (*ROWS[0][:4], "999")]), ["row 5", "volume", "999", "row 1"]),
        (csv_text([*TIMES[:3], "17"]), ["row 4", "time", "17", "13 (ms)"]),
        (csv_text([*TIMES[:3], "yesterday"]), ["row 4", "time", "yesterday"]),
        (csv_text([*TIMES[:3], ""]), ["row 4", "time", "missing"]),
        (csv_text(["1969-01-01", "1969-01-02", "1969-01-03", "1969-01-04"]), ["row 1", "1969", "2001"]),
        (csv_text([*TIMES[:3], TIMES[2] + 1000]), ["row 4", "1000 ms after", str(HOUR)]),
        (csv_text(header="time,open,high,low,volume,x"), ["close", "volume"]),
        (csv_text(header="p,q,r,s,u,w"), ["time, open, high, low, close"]),
        ("1704067200000,1,2\n", ["3 columns"]),
        ("time,open,high,low,close\n", ["no rows"]),
        (" \n", ["empty"]),
        (csv_text() + "1,2,3,4,5,6,7,8,9\n", ["cannot be read as csv"]),
        (csv_text() + "1704081600000,42\n", ["row 5", "missing"]),
    ],
    ids=range(25),
)
def test_faults_are_named(tmp_path, text, words):
    path = write(tmp_path / "bars.csv", text)
    with pytest.raises(MarketDataError) as caught:
        read_bars(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert caught.value.code == "market.data"


def test_files_that_cannot_be_read(tmp_path):
    frame().write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-20])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "text.feather").write_bytes(b"not a feather file")
    (tmp_path / "text.zip").write_bytes(b"not a zip file")
    (tmp_path / "cut.json").write_text("[[1704067200000, 1")
    (tmp_path / "none.json").write_text("[]")
    (tmp_path / "number.json").write_text("7")
    (tmp_path / "ragged.json").write_text("[[1704067200000,1,1,1,1],[1704070800000,1]]")
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(b"[[1704067200000,1,1,1,1]]")[:-9])
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "bars.h5").write_bytes(b"x")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", csv_text())
        archive.writestr("b.csv", csv_text())
    frame().clear().write_parquet(tmp_path / "norows.parquet")
    frame().with_columns(open=pl.lit([1.0])).write_parquet(tmp_path / "nested.parquet")
    names = [path.name for path in tmp_path.iterdir() if path.name != "whole.parquet"] + ["missing.csv"]
    assert len(names) == 16
    for name in names:
        with pytest.raises(MarketDataError, match=name.replace(".", r"\.")):
            read_bars(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("x-BTCUSDT-1h-mark.csv", "last", "mark"),
        ("x-BTCUSDT-1h-last.csv", "mark", "last"),
        ("BTC_USDT_USDT-1h-futures.csv", "mark", "last"),
        ("BTC_USDT_USDT-8h-funding_rate.csv", "last", "funding"),
        ("BTC_USDT_USDT-8h-premiumindex.csv", "last", "premium index"),
        ("x-BTCUSDT-1m-quote-2022-12-13.csv", "last", "quote"),
        ("x-BTCUSDT-funding.csv", "mark", "funding"),
    ],
)
def test_a_name_that_says_otherwise_is_refused(tmp_path, name, kind, said):
    with pytest.raises(MarketDataError, match=f"says {said}"):
        read_bars(write(tmp_path / name, csv_text()), kind)


def test_the_kind_comes_from_the_name_or_the_folder_when_not_told(tmp_path):
    assert read_bars(write(tmp_path / "x-BTCUSDT-1h-mark.csv", csv_text())).kind == "mark"
    assert read_bars(write(tmp_path / "whatever.csv", csv_text())).kind == "last"
    folder = tmp_path / "markPriceKlines" / "BTCUSDT" / "1h"
    folder.mkdir(parents=True)
    assert read_bars(write(folder / "BTCUSDT-1h-2024-01.csv", csv_text())).kind == "mark"


# --- a mark file that is a copy -------------------------------------------------------------------------------------


def bars_of(prices, kind, interval_ms=HOUR, start_ms=START):
    """Bars from (open, high, low, close) in whole units."""
    columns = np.array(prices, dtype=np.int64).T * 10**8
    times = start_ms + np.arange(len(prices), dtype=np.int64) * interval_ms
    return Bars(kind, interval_ms, times, *(column.copy() for column in columns), source=f"{kind} file")


WALK = [(100 + n, 103 + n, 98 + n, 101 + n) for n in range(16)]


def test_a_copied_mark_is_refused_and_a_true_one_is_not():
    last = bars_of(WALK, "last")
    with pytest.raises(MarketDataError, match="16 of 16 bars"):
        refuse_copied_mark(bars_of(WALK, "mark"), last)
    shifted = [(o, h - 1, low + 1, c) for o, h, low, c in WALK]
    refuse_copied_mark(bars_of(shifted, "mark"), last)
    nearly = WALK[:15] + shifted[15:]
    with pytest.raises(MarketDataError, match="15 of 16"):
        refuse_copied_mark(bars_of(nearly, "mark"), last)
    refuse_copied_mark(bars_of(WALK[:14] + shifted[14:], "mark"), last)


def test_a_copy_is_found_across_intervals():
    last = bars_of(WALK, "last")
    coarse = bars_of(WALK, "mark").aggregated(8 * HOUR, START)
    assert coarse.time_ms.tolist() == [START, START + 8 * HOUR]
    assert coarse.open_e8.tolist() == [100 * 10**8, 108 * 10**8]
    assert coarse.high_e8.tolist() == [110 * 10**8, 118 * 10**8]
    assert coarse.low_e8.tolist() == [98 * 10**8, 106 * 10**8]
    assert coarse.close_e8.tolist() == [108 * 10**8, 116 * 10**8]
    with pytest.raises(MarketDataError, match="copy"):
        refuse_copied_mark(coarse, last)
    with pytest.raises(MarketDataError, match="copy"):
        refuse_copied_mark(bars_of(WALK, "mark"), bars_of(WALK, "last").aggregated(4 * HOUR, START))


def test_bars_that_do_not_move_prove_nothing():
    flat = [(100, 100, 100, 100)] * 20
    refuse_copied_mark(bars_of(flat, "mark"), bars_of(flat, "last"))


def test_volume_goes_where_its_bars_go(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(csv_text())
    bars = read_bars(path)
    told = [float(row[4]) for row in ROWS]
    assert bars.volume.tolist() == told
    assert bars.within(bars.start_ms + bars.interval_ms, bars.end_ms).volume.tolist() == told[1:]
    pairs = bars.aggregated(2 * bars.interval_ms, bars.start_ms)
    assert pairs.volume.tolist() == [told[place] + told[place + 1] for place in range(0, len(told) // 2 * 2, 2)]
    path.write_text(csv_text(header="time,open,high,low,close,other"))
    assert read_bars(path).volume is None


def test_incomplete_bars_are_not_aggregated():
    bars = bars_of(WALK, "last")
    assert bars.within(START + HOUR, START + 7 * HOUR).aggregated(4 * HOUR, START) is None
    assert bars.within(START + HOUR, START + 8 * HOUR).aggregated(4 * HOUR, START).time_ms.tolist() == [
        START + 4 * HOUR
    ]
    assert bars.within(0, START) is None
    assert len(bars.touching(START + HOUR + 1, START + 2 * HOUR + 1)) == 2
    assert bars.touching(START - HOUR, START) is None


# --- numbers --------------------------------------------------------------------------------------------------------


def column(series):
    return Table(Path("x.csv"), {"p": series}, is_named=True, row_count=len(series))


def converted(series):
    return read_e8(column(series), "p", np.zeros(len(series), dtype=np.int64), "a number", PRICE_MAX_E8).tolist()


def half_even(text):
    return int(Decimal(text).scaleb(8).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(1e-9, 1e8, allow_subnormal=False), min_size=1, max_size=20))
def test_a_float_stands_for_its_shortest_text(values):
    expected = [half_even(repr(value)) for value in values]
    assert converted(pl.Series(values, dtype=pl.Float64)) == expected
    assert converted(pl.Series([repr(value) for value in values])) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, PRICE_MAX_E8), min_size=1, max_size=20))
def test_a_price_on_the_grid_is_exact(values_e8):
    texts = [f"{value // 10**8}.{value % 10**8:08d}" for value in values_e8]
    assert converted(pl.Series(texts)) == values_e8
    small = [value for value in values_e8 if value < 10**15]  # 15 digits live in a float64
    if small:
        assert converted(pl.Series([value / 10**8 for value in small], dtype=pl.Float64)) == small


@pytest.mark.parametrize(
    "text", ["0.000000005", "0.000000015", "0.123456785", "0.123456775", "12345.123456785", "1.0000000050000000001"]
)
def test_halves_go_to_even(text):
    assert converted(pl.Series([text])) == [half_even(text)]


def test_other_number_types():
    assert converted(pl.Series([87_500, 1], dtype=pl.Int64)) == [87_500 * 10**8, 10**8]
    assert converted(pl.Series([0.1, 0.3], dtype=pl.Float32)) == [10**7, 3 * 10**7]
    assert converted(pl.Series([" 0.1 ", "1e-3"])) == [10**7, 10**5]


# --- funding --------------------------------------------------------------------------------------------------------

FUNDING_TIMES = [START + 8 * HOUR * n + 3 for n in range(3)]
RATES = ["0.0001", "-0.02", "0.00037513"]


def funding_lines(header, *middle):
    rows = [",".join([str(time), *middle, rate]) for time, rate in zip(FUNDING_TIMES, RATES, strict=True)]
    return "\n".join(([header] if header else []) + rows) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        funding_lines("timestamp,rate"),
        funding_lines("calc_time,funding_interval_hours,last_funding_rate", "8"),
        funding_lines("", "8"),
        funding_lines(""),
        "\n".join(["timestamp,rate", *funding_lines("").split()[::-1], funding_lines("").split()[0]]),
        "fundingTime,fundingRate,realizedRate\n" + "".join(
            f"{time},0.5,{rate}\n" for time, rate in zip(FUNDING_TIMES, RATES, strict=True)
        ),
        "date,open,high,low,close,volume\n" + "".join(
            f"{time},{rate},0,0,0,0\n" for time, rate in zip(FUNDING_TIMES, RATES, strict=True)
        ),
    ],
    ids=range(7),
)  # fmt: skip
def test_funding_forms_are_one(tmp_path, text):
    rows = read_funding(write(tmp_path / "f.csv", text))
    assert rows.time_ms.tolist() == FUNDING_TIMES
    assert rows.rate_e8.tolist() == [e8(rate) for rate in RATES]
    assert not rows.rate_e8.flags.writeable


def test_funding_json(tmp_path):
    ccxt = [
        {"info": {"x": 1}, "symbol": "BTC/USDT:USDT", "fundingRate": float(rate), "timestamp": time, "datetime": "?"}
        for time, rate in zip(FUNDING_TIMES, RATES, strict=True)
    ]
    write(tmp_path / "a.json", json.dumps(ccxt))
    freqtrade = [[time, float(rate), 0, 0, 0, 0] for time, rate in zip(FUNDING_TIMES, RATES, strict=True)]
    write(tmp_path / "b.json", json.dumps(freqtrade))
    for name in ("a.json", "b.json"):
        rows = read_funding(tmp_path / name)
        assert rows.time_ms.tolist() == FUNDING_TIMES
        assert rows.rate_e8.tolist() == [e8(rate) for rate in RATES]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (funding_lines("timestamp,rate") + f"{FUNDING_TIMES[0]},0.5\n", ["row 4", "rate", "0.5", "row 1"]),
        (funding_lines("timestamp,rate") + f"{FUNDING_TIMES[0] + HOUR},nan\n", ["row 4", "rate", "nan", "-1 … 1"]),
        (funding_lines("timestamp,rate") + f"{FUNDING_TIMES[0] + HOUR},\n", ["row 4", "rate", "missing"]),
        (funding_lines("timestamp,rate") + f"{FUNDING_TIMES[0] + HOUR},1.5\n", ["row 4", "rate", "1.5"]),
        (funding_lines("timestamp,price"), ["no column for rate"]),
        (csv_text(), ["row 1", "open", "42000.1"]),
        ("date,open,high,low,close\n1704067200000,0.5,0.6,0,0\n", ["row 1", "high", "0.6", "rate in open"]),
    ],
    ids=range(7),
)
def test_funding_faults_are_named(tmp_path, text, words):
    path = write(tmp_path / "f.csv", text)
    with pytest.raises(MarketDataError) as caught:
        read_funding(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_candles_are_no_funding(tmp_path):
    with pytest.raises(MarketDataError, match="says mark"):
        read_funding(write(tmp_path / "x-BTCUSDT-1h-mark.csv", funding_lines("timestamp,rate")))


def test_tables_name_columns_one_way(tmp_path):
    table = read_table(write(tmp_path / "a.csv", csv_text(header="Open_Time,OPEN,hi-gh,low,close,Volume USDT")))
    assert list(table.columns) == ["opentime", "open", "high", "low", "close", "volumeusdt"]
