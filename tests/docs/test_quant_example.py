"""The Python a quant writes: one sitting, line by line, and what each line gives."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from matplotlib.figure import Figure

import isocross as ix


def test_the_sitting() -> None:
    r = ix.compare(symbol="BTCUSDT", side="long", margin=500, leverage=10, wallet=10_000)
    assert "<table>" in r._repr_html_() and "Liquidation price" in repr(r)
    assert isinstance(r.plot(), Figure)
    line = r.frame.filter(mode="cross").select("time", "equity", "margin_ratio", "liquidation_price")
    assert line.schema["time"] == pl.Datetime("ms", "UTC") and line.height > 100
    assert line["equity"][-1] == r["cross"].wallet_after_e8 / 1e8

    box = ix.Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000)
    me = box.account(USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    shown = me.preview.buy("BTCUSDT", margin=500)
    assert [one.name for one in shown.modes] == ["isolated", "cross"]
    done = me.buy("BTCUSDT", margin=500, stop=57_500)
    assert (done.filled, done.fee) == (shown["isolated"].filled, shown["isolated"].fee)
    assert me.position("BTCUSDT") == shown["isolated"].position_after
    twin = box.branch(ix.flip_mode(me, "BTCUSDT"))
    for world in (box, twin):
        world.mark(BTCUSDT=51_000)
    difference = ix.diff(box, twin)
    assert "the whole cross wallet backed it" in difference.sentence
    receipt = box.receipts[0]
    assert len(box.receipts) == 1 and "BTCUSDT" in repr(receipt) and not twin.receipts
    lost = 10_000 - me.wallet().equity
    assert lost == shown["isolated"].most_lost == Decimal("500.5398249"), (
        "what was said before the order is what it took"
    )
