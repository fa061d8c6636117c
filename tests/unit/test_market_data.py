"""Real files: every candle and funding file of the data folder is read to the unit, and its gaps are those told.

Without the folder (tests/recorded.py) these tests are skipped and say so.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from isocross.errors import MarketDataError
from isocross.market.candles import read_bars
from isocross.market.funding import read_funding
from isocross.market.history import History
from tests.recorded import MARKET, needs_market

HOUR = 3_600_000

pytestmark = needs_market

CANDLES = sorted(path.name for path in MARKET.glob("*-last*.parquet") if not path.name.startswith("bitmex")) + sorted(
    path.name for path in MARKET.glob("*-mark*.parquet")
)
FUNDING = sorted(path.name for path in MARKET.glob("*-funding.parquet"))


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def told_gaps():
    """File → gaps of the README's table, as (start, end) in ms; files whose gap cell is '-' are not in it."""
    found = {}
    for line in (MARKET / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 9 and cells[1].endswith(".parquet") and cells[8] != "-":
            pairs = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d) to (\d{4}-\d\d-\d\d \d\d:\d\d)", cells[8])
            found[cells[1]] = [(at(start), at(end)) for start, end in pairs]
    return found


TOLD_GAPS = told_gaps() if (MARKET / "README.md").is_file() else {}


@pytest.mark.parametrize("name", CANDLES)
def test_candles_equal_the_raw_columns(name):
    raw = pl.read_parquet(MARKET / name)
    bars = read_bars(MARKET / name)
    assert bars.kind == ("mark" if "-mark" in name else "last")
    times = raw["timestamp"].dt.epoch("ms").to_numpy()
    assert (bars.time_ms == times).all()
    for column in ("open", "high", "low", "close"):
        read = getattr(bars, f"{column}_e8")
        assert read.dtype == np.int64
        given = raw[column].cast(pl.Float64).to_numpy()
        assert (np.rint(given * 1e8).astype(np.int64) == read).all()
        assert (read / 1e8 == given).all()  # nothing in these files is finer than 10^-8
    if name in TOLD_GAPS:
        assert [tuple(gap) for gap in bars.gaps] == TOLD_GAPS[name]


def test_bitmex_writes_the_end_of_a_bar_and_opens_at_the_close_before():
    raw = pl.read_parquet(MARKET / "bitmex-XBTUSD-1m-last-2020-06-11.parquet")
    bars = read_bars(MARKET / "bitmex-XBTUSD-1m-last-2020-06-11.parquet")
    assert (bars.time_ms + 60_000 == raw["timestamp"].dt.epoch("ms").to_numpy()).all()
    assert (bars.open_e8 / 1e8 == raw["open"].to_numpy()).all()
    assert (bars.close_e8 / 1e8 == raw["close"].to_numpy()).all()
    assert (bars.high_e8 / 1e8 == np.maximum(raw["high"].to_numpy(), raw["open"].to_numpy())).all()
    assert (bars.low_e8 / 1e8 == np.minimum(raw["low"].to_numpy(), raw["open"].to_numpy())).all()
    assert len(bars.notes) == 2


def test_the_table_of_gaps_was_read():
    assert sum(name in TOLD_GAPS for name in CANDLES) >= 40


@pytest.mark.parametrize("name", FUNDING)
def test_funding_equals_the_raw_columns(name):
    raw = pl.read_parquet(MARKET / name)
    rows = read_funding(MARKET / name)
    assert (rows.time_ms == raw["timestamp"].dt.epoch("ms").to_numpy()).all()
    assert (np.abs(rows.rate_e8 / 1e8 - raw["rate"].to_numpy()) <= 0.5000001e-8).all()


def test_layer_changes_its_funding_interval():
    rows = read_funding(MARKET / "binance-LAYERUSDT-funding.parquet")
    spacing, counts = np.unique(np.diff(rows.time_ms) // HOUR, return_counts=True)
    assert spacing.tolist()[:2] == [1, 4]
    assert counts.min() >= 1
    history = History.from_folder(MARKET, "LAYERUSDT", "2025-05-05", "2025-05-08")
    steps = history.steps()
    inside = rows.within(at("2025-05-05"), at("2025-05-08"))
    assert steps.funding_time_ms.tolist() == inside.time_ms.tolist()
    assert steps.funding_rate_e8.min() == -2_000_000  # −2 % in an hour


def test_an_8h_mark_beside_1h_last_is_accepted_and_a_copy_is_not(tmp_path):
    last = MARKET / "binance-BTCUSDT-1h-last.parquet"
    window = {"start": "2020-03-11", "end": "2020-03-15"}
    history = History.load(symbol="BTCUSDT", last=last, mark=MARKET / "binance-BTCUSDT-8h-mark.parquet", **window)
    assert history.mark_source == "derived"
    steps = history.steps()
    assert steps.last_e8.min() == 362_181_000_000
    assert steps.mark_e8.min() == 380_183_057_975  # held above the mark bar's low
    copy = shutil.copy(last, tmp_path / "binance-BTCUSDT-1h-mark.parquet")
    with pytest.raises(MarketDataError, match="copy of last prices"):
        History.load(symbol="BTCUSDT", last=last, mark=copy, **window)
    fine = MARKET / "binance-BTCUSDT-5m-last.parquet"
    with pytest.raises(MarketDataError, match="copy of last prices"):
        History.load(symbol="BTCUSDT", last=fine, mark=copy)


@pytest.mark.parametrize("name", [name for name in CANDLES if "-mark" in name])
def test_every_mark_file_here_is_a_true_one(name):
    for last in MARKET.glob(f"{re.sub(r'-[0-9]+[mhd]-mark.*', '', name)}-*-last.parquet"):
        try:
            History.load(symbol="X", last=last, mark=MARKET / name)
        except MarketDataError as error:
            pytest.fail(str(error))


@pytest.mark.parametrize(
    ("symbol", "start", "end", "interval_ms", "low_e8", "mark_source"),
    [
        ("BTCUSDT", "2025-10-10", "2025-10-12", 300_000, 10_151_650_000_000, "derived"),
        ("BTCUSDT", "2020-03-12", "2020-03-14", HOUR, 362_181_000_000, "derived"),
        ("LAYERUSDT", "2025-05-05", "2025-05-07", 60_000, 158_230_000, "derived"),
        ("1000PEPEUSDT", "2025-10-10", "2025-10-11", HOUR, 277_520, "recorded"),
        ("BTC-PERP", "2022-01-23", "2022-01-25", 60_000, 3_283_700_000_000, "last"),
    ],
)
def test_crashes_from_the_folder(symbol, start, end, interval_ms, low_e8, mark_source):
    history = History.from_folder(MARKET, symbol, start, end)
    (series,) = history.series
    assert series.last.interval_ms == interval_ms
    assert series.last.gaps == []
    assert series.last.low_e8.min() == low_e8
    assert history.mark_source == mark_source


def test_a_window_with_a_hole_says_so():
    history = History.from_folder(MARKET, "BTCUSDT", "2024-07-30", "2024-08-10")
    assert [tuple(gap) for gap in history.gaps["BTCUSDT"]] == [(at("2024-08-01"), at("2024-08-08"))]
    assert any("without a gap" in note for note in history.notes)


def test_two_symbols_share_their_groups():
    steps = History.from_folder(MARKET, ["BTCUSDT", "ETHUSDT"], "2025-10-10", "2025-10-11").steps()
    assert steps.group_count * 2 == len(steps)
    assert steps.funding_time_ms.size == 6


@pytest.mark.parametrize(
    ("name", "kind", "interval_ms"),
    [
        ("freqtrade_XRP_USDT_USDT-1h-futures.feather", "last", HOUR),
        ("freqtrade_XRP_USDT_USDT-1h-futures.json.gz", "last", HOUR),
        ("freqtrade_XRP_USDT_USDT-1h-mark.feather", "mark", HOUR),
        ("freqtrade_XRP_USDT_USDT-5m-futures.feather", "last", 300_000),
        ("freqtrade_XRP_USDT_USDT-8h-mark.feather", "mark", 8 * HOUR),
        ("lean_hour_adausdt_trade.zip", "last", HOUR),
    ],
)
def test_original_forms(name, kind, interval_ms):
    bars = read_bars(MARKET / "raw" / name)
    assert bars.kind == kind
    assert bars.interval_ms == interval_ms
    assert len(bars) > 10


def test_feather_and_json_of_freqtrade_agree():
    feather = read_bars(MARKET / "raw" / "freqtrade_XRP_USDT_USDT-1h-futures.feather")
    plain = read_bars(MARKET / "raw" / "freqtrade_XRP_USDT_USDT-1h-futures.json.gz")
    assert feather.time_ms.tolist() == plain.time_ms.tolist()
    assert feather.close_e8.tolist() == plain.close_e8.tolist()


@pytest.mark.parametrize("name", ["freqtrade_XRP_USDT_USDT-8h-funding_rate.feather", "lean_margin_interest_btcusd.csv"])
def test_funding_in_original_forms(name):
    rows = read_funding(MARKET / "raw" / name)
    assert rows.time_ms.size >= 5
    assert np.abs(rows.rate_e8).max() < 1_000_000
