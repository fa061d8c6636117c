"""Settings: who set margin mode and leverage of a contract, the account or nobody, is read off the tables."""

import pytest

from isocross import rulebook as rulebooks
from isocross.codes import CommandKind, MarginMode, Side
from isocross.errors import SnapshotError
from isocross.exchange import Exchange
from isocross.units import to_e8
from tests import invariants

ME = 2


def opened() -> Exchange:
    exchange = Exchange(rulebooks.load("binance-usdm"), ["BTCUSDT", "ETHUSDT"], compiled=False)
    prices = [{"symbol": 0, "index_e8": to_e8(60_000)}, {"symbol": 1, "index_e8": to_e8(3_000)}]
    assert exchange.submit(CommandKind.PRICES, records=prices).is_accepted
    exchange.submit(CommandKind.CREATE_ACCOUNT, account=ME)
    exchange.submit(CommandKind.DEPOSIT, account=ME, asset=0, amount_e8=to_e8(10_000))
    return exchange


def test_without_a_command_the_defaults_of_the_rulebook_hold_and_nobody_set_them():
    exchange = opened()
    for settings, symbol in zip(exchange.settings(ME), exchange.symbols, strict=True):
        assert (settings.account, settings.symbol) == (ME, symbol)
        assert (settings.margin_mode, settings.leverage) == (MarginMode.CROSS, 20)
        assert settings.margin_mode_sequence is None
        assert settings.leverage_sequence is None


def test_a_command_leaves_its_sequence_and_its_neighbor_alone():
    exchange = opened()
    mode = exchange.submit(CommandKind.SET_MARGIN_MODE, account=ME, symbol=1, margin_mode=MarginMode.ISOLATED)
    leverage = exchange.submit(CommandKind.SET_LEVERAGE, account=ME, symbol=1, leverage=20)  # the default, but said
    btc, eth = exchange.settings(ME)
    assert (eth.margin_mode, eth.margin_mode_sequence) == (MarginMode.ISOLATED, mode.sequence)
    assert (eth.leverage, eth.leverage_sequence) == (20, leverage.sequence)
    assert (btc.margin_mode_sequence, btc.leverage_sequence) == (None, None)
    again = exchange.submit(CommandKind.SET_MARGIN_MODE, account=ME, symbol=1, margin_mode=MarginMode.CROSS)
    assert exchange.settings(ME)[1].margin_mode_sequence == again.sequence, "back at the default, and still set"


def test_an_order_opens_a_row_and_sets_nothing():
    exchange = opened()
    done = exchange.submit(
        CommandKind.PLACE_ORDER, account=ME, symbol=0, side=Side.BUY, order_type=0, price_ticks=500_000, lots=10
    )
    assert done.is_accepted
    assert len(exchange.table("settings")) == 5, "the fund's and the house's, and mine"
    assert exchange.settings(ME)[0].margin_mode_sequence is None
    assert exchange.settings(ME)[0].leverage_sequence is None


def test_a_refused_command_sets_nothing():
    exchange = opened()
    assert not exchange.submit(CommandKind.SET_MARGIN_MODE, account=ME, symbol=0, margin_mode=0).is_accepted
    assert not exchange.submit(CommandKind.SET_LEVERAGE, account=ME, symbol=0, leverage=1_000).is_accepted
    assert exchange.settings(ME)[0].margin_mode_sequence is None
    assert exchange.settings(ME)[0].leverage_sequence is None


def test_a_preview_of_a_setting_leaves_no_trace():
    exchange = opened()
    before = exchange.used_bytes()
    exchange.preview(CommandKind.SET_LEVERAGE, account=ME, symbol=0, leverage=5)
    invariants.assert_same_rows(before, exchange.used_bytes())


def test_a_snapshot_names_its_contracts_and_who_set_what():
    exchange = opened()
    exchange.submit(CommandKind.SET_LEVERAGE, account=ME, symbol=1, leverage=7)
    restored = Exchange.restore(exchange.snapshot(), exchange.rulebook, compiled=False)
    assert restored.symbols == ("BTCUSDT", "ETHUSDT"), "not all that the rulebook has"
    assert restored.settings(ME) == exchange.settings(ME)
    with pytest.raises(SnapshotError, match="other contracts"):
        Exchange.restore(exchange.snapshot(), exchange.rulebook, ["ETHUSDT", "BTCUSDT"], compiled=False)
