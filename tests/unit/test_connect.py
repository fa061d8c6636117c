"""Connect: what clients are told, on an object, as a dict and as text."""

from __future__ import annotations

import ast
import json

import pytest

from isocross.errors import InputError
from isocross.venue.accounts import KEYS_FILE, Accounts
from isocross.venue.connect import CLIENTS, Place, configuration, configuration_text, connect, connect_at, running
from isocross.venue.settings import write_address

PLACE = Place("http://127.0.0.1:8787", "isocross-key", "the-secret")


def said(value: object) -> list[str]:
    """Every text in a configuration."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in said(one)]
    if isinstance(value, list):
        return [text for one in value for text in said(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gets_addresses_and_keys_in_both_forms(client):
    texts = said(configuration(client, PLACE))
    assert {"isocross-key", "the-secret"} <= set(texts)
    assert any(text.startswith("http://127.0.0.1:8787") for text in texts)
    text = configuration_text(client, PLACE)
    assert all(one in text for one in texts if one.startswith(("http", "ws")))
    assert "isocross-key" in text
    assert "the-secret" in text
    if client == "freqtrade":
        assert json.loads(text) == configuration(client, PLACE)
    else:
        ast.parse(text)


def test_the_secret_is_not_in_what_is_printed_of_a_place():
    assert "the-secret" not in repr(PLACE)


def test_a_client_that_is_not_known():
    with pytest.raises(InputError, match="client 'hummingbot': is not known; expected one of ccxt, freqtrade"):
        configuration("hummingbot", PLACE)


def test_a_ccxt_exchange_is_set_up_in_place():
    ccxt = pytest.importorskip("ccxt")
    exchange = ccxt.binanceusdm()
    assert connect_at(exchange, "http://127.0.0.1:8787/", "key", "secret") is exchange
    assert exchange.urls["api"]["fapiPrivateV3"] == "http://127.0.0.1:8787/fapi/v3"
    streams = exchange.urls["api"]["ws"]
    for name in ("linear", "future"):  # of newer and of older releases
        assert streams[name] == "ws://127.0.0.1:8787/ws"
        assert streams["ws-api"][name] == "ws://127.0.0.1:8787/ws-fapi/v1"
    assert exchange.exceptions["exact"]["-2019"] is ccxt.InsufficientFunds
    assert (exchange.apiKey, exchange.secret) == ("key", "secret")
    assert ccxt.binanceusdm().urls["api"]["fapiPublic"].startswith("https://"), "only this object is changed"
    with pytest.raises(InputError, match="expected ccxt's binanceusdm or binance"):
        connect_at(ccxt.kraken(), "http://127.0.0.1:8787", "key", "secret")


def test_the_running_venue_is_found_by_its_folder(tmp_path):
    with pytest.raises(InputError, match="no venue runs on"):
        running(tmp_path)
    write_address(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(InputError, match=KEYS_FILE):
        running(tmp_path)
    accounts = Accounts(tmp_path / KEYS_FILE)
    with pytest.raises(InputError, match="no account"):
        running(tmp_path)
    alice, bob = accounts.new("alice"), accounts.new("bob")
    assert running(tmp_path) == Place("http://127.0.0.1:9", alice.api_key, alice.secret)
    assert running(tmp_path, "bob").secret == bob.secret
    with pytest.raises(InputError, match="carol"):
        running(tmp_path, "carol")
    ccxt = pytest.importorskip("ccxt")
    assert connect(ccxt.binanceusdm(), tmp_path, "bob").apiKey == bob.api_key
