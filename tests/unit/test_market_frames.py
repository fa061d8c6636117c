"""Frames: what pandas and Polars hold is read as a file of the same rows is."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isocross as ix
from isocross.errors import InputError, MarketDataError
from isocross.market.candles import Bars, read_bars
from isocross.market.frames import is_frame
from isocross.market.funding import read_funding
from isocross.market.history import History
from isocross.units import ONE_E8

START = "2026-01-05T00:00"
CLOSES = [60_000.0, 59_900.5, 60_010.1, 59_700.25, 59_800.0, 60_100.75]


def candles() -> pd.DataFrame:
    """Six one-minute bars with a UTC index."""
    closes = np.array(CLOSES)
    opens = np.roll(closes, 1)
    opens[0] = 60_000.0
    return pd.DataFrame(
        {
            "open": opens,
            "high": np.maximum(opens, closes) + 0.1,
            "low": np.minimum(opens, closes) - 0.1,
            "close": closes,
            "volume": 1.0,
        },
        index=pd.date_range(START, periods=6, freq="1min", tz="UTC"),
    )


def from_csv(folder: Path) -> Bars:
    frame = candles()
    path = folder / "bars.csv"
    frame.assign(time=frame.index.as_unit("ms").astype("int64")).to_csv(path, index=False)
    return read_bars(path)


def numbers(bars: Bars) -> tuple[Any, ...]:
    arrays = (bars.time_ms, bars.open_e8, bars.high_e8, bars.low_e8, bars.close_e8)
    return (bars.kind, bars.interval_ms, *(array.tolist() for array in arrays))


def forms() -> dict[str, Any]:
    """The same bars as people hold them."""
    frame = candles()
    named = frame.rename_axis("date").reset_index()
    as_ms = frame.assign(timestamp=frame.index.as_unit("ms").astype("int64")).reset_index(drop=True)
    return {
        "utc index": frame,
        "naive index": frame.tz_localize(None),
        "index of another zone": frame.tz_convert("Asia/Tokyo"),
        "nanosecond index": frame.set_axis(frame.index.as_unit("ns")),
        "date column": named,
        "epoch column": as_ms,
        "epoch index": as_ms.set_index("timestamp"),
        "text dates": named.assign(date=named["date"].astype(str)),
        "decimals": frame.map(lambda value: Decimal(repr(float(value)))),
        "text prices": frame.astype(str),
        "nullable floats": frame.astype("Float64"),
        "shuffled": frame.sample(frac=1, random_state=3),
        "capital names": frame.rename(columns=str.capitalize),
        "polars": pl.DataFrame({"time": as_ms["timestamp"].tolist()} | {n: frame[n].tolist() for n in frame.columns}),
        "polars lazy": pl.LazyFrame(
            {"time": as_ms["timestamp"].tolist()} | {n: frame[n].tolist() for n in frame.columns}
        ),
    }


@pytest.mark.parametrize("name", list(forms()))
def test_every_form_is_the_file_of_the_same_rows(name: str, tmp_path: Path) -> None:
    assert numbers(read_bars(forms()[name])) == numbers(from_csv(tmp_path))


def test_a_series_of_prices_is_bars_of_one_price_each() -> None:
    series = candles()["close"]
    for given in (series, series.rename(None), series.to_frame()):
        bars = read_bars(given)
        assert bars.close_e8.tolist() == [round(value * ONE_E8) for value in CLOSES]
        assert (bars.open_e8 == bars.close_e8).all() and (bars.high_e8 == bars.low_e8).all()
        assert bars.interval_ms == 60_000


def test_funding_by_frame_and_by_series() -> None:
    index = pd.date_range(START, periods=3, freq="8h", tz="UTC")
    series = pd.Series([0.0001, -0.00005, 0.0002], index=index)
    for given in (series, series.to_frame("fundingRate"), series.rename_axis("time").rename("rate").reset_index()):
        rows = read_funding(given)
        assert rows.rate_e8.tolist() == [10_000, -5_000, 20_000]
        assert rows.time_ms.tolist() == (index.as_unit("ms").astype("int64")).tolist()


def test_periods_are_their_first_moment() -> None:
    frame = candles()
    by_period = frame.set_axis(frame.index.tz_localize(None).to_period("min"))
    assert numbers(read_bars(by_period)) == numbers(read_bars(frame))


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (candles().iloc[:0], "pandas.DataFrame: holds no rows"),
        (pd.DataFrame(), "pandas.DataFrame: holds no rows"),
        (candles().reset_index(drop=True), "pandas.DataFrame: no column for time; it has open, high, low, close, volume"),
        (candles().drop(columns="low"), "pandas.DataFrame: no column for low"),
        (candles().assign(close=[1.0, 2.0, np.nan, 4.0, 5.0, 6.0]), "row 3 .2026-01-05 00:02 UTC.: column close: nan; expected a price"),
        (candles().astype(object).replace(60_010.1, None), "column open: missing; expected a price"),
        (candles().assign(high=1.0), "column high: 1; expected at least low"),
        (pl.DataFrame({"time": [1]}), "polars.DataFrame: no column for open, high, low, close"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_frame_is_named_as_in_a_file(frame: Any, text: str) -> None:
    with pytest.raises(MarketDataError, match=text):
        read_bars(frame)


def test_what_is_no_frame_is_taken_for_a_path() -> None:
    assert not any(map(is_frame, ("bars.csv", Path("bars.csv"), {"a": 1}, [1], None, np.zeros(3))))
    assert all(map(is_frame, (candles(), candles()["close"], pl.DataFrame(), pl.LazyFrame())))


def test_compare_takes_a_frame_as_it_takes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    candles().assign(time=candles().index.as_unit("ms").astype("int64")).to_csv(path, index=False)
    told: dict[str, Any] = {"symbol": "BTCUSDT", "margin": 500, "leverage": 10}
    by_file = ix.compare(**told, last=path).to_dict()
    for given in ({"history": candles()}, {"last": candles()}, {"history": {"BTCUSDT": candles()}}):
        by_frame = ix.compare(**told, **given).to_dict()
        assert by_frame["modes"] == by_file["modes"]
        assert by_frame["history"]["start_ms"] == by_file["history"]["start_ms"]
    assert ix.compare(**told, history=candles()).history_name == "BTCUSDT, pandas DataFrame"


def test_compare_takes_mark_and_funding_as_frames() -> None:
    mark = candles()[["open", "high", "low", "close"]] + 5
    funding = pd.Series([0.0001], index=pd.date_range("2026-01-05T00:03", periods=1, freq="8h", tz="UTC"))
    result = ix.compare("BTCUSDT", last=candles(), mark=mark, funding=funding)
    assert result.mark_source == "recorded"
    assert result["isolated"].funding_e8 < 0


def test_compare_takes_several_frames_by_their_contracts() -> None:
    prices = {"BTC/USDT:USDT": candles(), "ETHUSDT": candles() / 20}
    result = ix.compare("BTCUSDT", second="ETHUSDT short margin=300 leverage=5", history=prices)
    assert [mode.name for mode in result.modes] == ["isolated", "cross", "hybrid"]
    assert isinstance(History.load(symbol="BTCUSDT", last=candles()["close"]), History)


def test_a_frame_needs_a_symbol() -> None:
    with pytest.raises(InputError, match="symbol: missing; a frame does not say which contract"):
        ix.compare(history=candles())
    with pytest.raises(
        InputError, match=r"second: ETHUSDT needs prices of its own; give a history of \{symbol: frame\}"
    ):
        ix.compare("BTCUSDT", history=candles(), second="ETHUSDT short margin=300 leverage=5")


def test_a_sandbox_takes_series_where_it_takes_names_with_amounts() -> None:
    prices = pd.Series({"BTCUSDT": 60_000, "ETHUSDT": 3_000})
    box = ix.Sandbox("binance-usdm", fund=pd.Series({"USDT": 5_000}), **prices)
    me = box.account("me", **pd.Series({"USDT": 10_000.5}))
    assert me.wallet().cross_wallet == Decimal("10000.5")
    assert [one.deposited for one in box.balances() if one.party == "fund"] == [5_000]
    me.deposit(**pd.Series({"USDT": np.int64(5)}))
    path = pd.DataFrame({"BTCUSDT": [59_000.5, 58_000.0], "ETHUSDT": [2_990, 2_900]})
    for _, row in path.iterrows():
        box.mark(**row)
    assert box.mark_price("BTCUSDT") == 58_000
    with pytest.raises(ix.AmountError, match=r"price of BTCUSDT: 0.30000000000000004 is not a multiple of 0.00000001"):
        box.mark(**pd.Series({"BTCUSDT": 0.1 + 0.2}))


def test_pandas_is_not_loaded_to_find_out_that_something_is_no_frame() -> None:
    code = "import sys, isocross as ix; ix.compare(history='A'); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
