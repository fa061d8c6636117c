"""Accounts of a venue: names, keys, and the file that holds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from isocross.errors import InputError, JournalError
from isocross.venue.accounts import KEY_PREFIX, Accounts


def test_keys_are_told_apart_from_a_real_venues_and_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    accounts = Accounts(path)
    alice, bob = accounts.new("alice"), accounts.new("bob")
    assert (alice.row, bob.row) == (2, 3)
    assert alice.api_key.startswith(KEY_PREFIX)
    assert accounts.control_key.startswith(KEY_PREFIX + "control-")
    assert len({alice.api_key, bob.api_key, alice.secret, bob.secret}) == 4
    again = Accounts(path)
    assert list(again) == [alice, bob]
    assert again.control_key == accounts.control_key
    assert again.by_key(alice.api_key) == again.by_name("alice") == again.by_row(2) == alice


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "keys.json")
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    accounts.new("alice")
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_renewed_keys_close_the_old_ones() -> None:
    accounts = Accounts()
    old = accounts.new("alice")
    new = accounts.renew("alice")
    assert accounts.by_key(old.api_key) is None
    assert accounts.by_key(new.api_key) == new
    assert new.row == old.row


def test_a_secret_is_not_shown() -> None:
    account = Accounts().new("alice")
    assert account.secret not in repr(account)


@pytest.mark.parametrize("name", ["", "a" * 33, "a b", "../x", "é"])
def test_a_name_that_cannot_be_is_named(name: str) -> None:
    with pytest.raises(InputError, match="account"):
        Accounts().new(name)


def test_a_name_is_used_once() -> None:
    accounts = Accounts()
    accounts.new("alice")
    with pytest.raises(InputError, match="is there already"):
        accounts.new("alice")
    with pytest.raises(InputError, match="alice"):
        accounts.by_name("bob")


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "other"}', "[1]"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(JournalError, match=r"keys\.json"):
        Accounts(tmp_path / "keys.json")
