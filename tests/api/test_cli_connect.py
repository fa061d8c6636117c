"""`isocross connect`."""

import json

import pytest

from isocross.venue.accounts import KEYS_FILE, Accounts
from isocross.venue.connect import CLIENTS
from isocross.venue.settings import write_address


@pytest.fixture
def folder(tmp_path):
    write_address(tmp_path, "http://127.0.0.1:8787")
    accounts = Accounts(tmp_path / KEYS_FILE)
    accounts.new("alice")
    accounts.new("bob")
    return tmp_path


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_told_all(command_line, folder, client):
    status, out, err = command_line("connect", client, "--data", folder, "--account", "bob")
    assert (status, err) == (0, "")
    bob = Accounts(folder / KEYS_FILE).by_name("bob")
    assert bob.api_key in out
    assert bob.secret in out
    assert "http://127.0.0.1:8787" in out
    status, out, _ = command_line("connect", client, "--data", folder, "--json")
    assert json.loads(out)["client"] == client


def test_a_fork_has_its_own_addresses(command_line, folder):
    status, out, _ = command_line("connect", "ccxt", "--data", folder, "--fork", "what-if")
    assert status == 0
    assert '"http://127.0.0.1:8787/fork/what-if/fapi/v1"' in out
    assert '"ws://127.0.0.1:8787/fork/what-if/ws"' in out


def test_a_venue_without_a_folder(command_line):
    status, out, _ = command_line("connect", "sdk", "--url", "http://127.0.0.1:1", "--api-key", "k", "--secret", "s")
    assert status == 0
    assert "http://127.0.0.1:1" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["hummingbot"], "expected one of ccxt, freqtrade"),
        (["ccxt", "--account", "carol"], "account 'carol': is not there; expected one of alice, bob"),
    ],
)
def test_what_is_not_there_is_named(command_line, folder, arguments, text):
    status, _, err = command_line("connect", *arguments, "--data", folder)
    assert status == 2
    assert text in err
    assert err.count("\n") == 1


def test_no_venue_runs(command_line, tmp_path):
    status, _, err = command_line("connect", "ccxt", "--data", tmp_path)
    assert status == 2
    assert "no venue runs on" in err
    status, _, err = command_line("connect", "ccxt", "--url", "http://127.0.0.1:1")
    assert status == 2
    assert "--api-key" in err
